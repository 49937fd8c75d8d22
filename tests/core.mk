# SPDX-License-Identifier: ISC
#
# What the processes share, control, engine and data: unit tests, the fuzzers
# of their messages, and secd with a child that fell to an attacker.

UNIT_CORE_TESTS = tests/unit/addr_test tests/unit/data_test \
	  tests/unit/due_test \
	  tests/unit/hex_test tests/unit/ipc_test tests/unit/key_test \
	  tests/unit/path_test tests/unit/request_test \
	  tests/unit/selftest_test tests/unit/worker_test \
	  ${UNIT_PFKEY_TESTS}
UNIT_PFKEY_TESTS = tests/unit/pfkey_conv_test \
	  tests/unit/pfkey_header_linux_test \
	  tests/unit/pfkey_header_obsd_test tests/unit/pfkey_header_test \
	  tests/unit/pfkey_parse_test tests/unit/pfkey_reply_test \
	  tests/unit/pfkey_transcript_test
CORE_TEST_HDRS = tests/lib/tap.h ${SHARED_HDRS}

tests/unit/addr_test: tests/unit/addr_test.c secd/addr.o ${CORE_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/addr_test.c \
	    secd/addr.o ${OS_LIBS}

tests/unit/hex_test: tests/unit/hex_test.c secd/hex.o ${CORE_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/hex_test.c \
	    secd/hex.o ${OS_LIBS}

KEY_TEST_OBJS = secd/engine/key.o secd/hex.o libesp/libesp.a
tests/unit/key_test: tests/unit/key_test.c ${KEY_TEST_OBJS} \
	  ${CORE_TEST_HDRS} ${ENGINE_HDRS} ${DATA_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/key_test.c \
	    ${KEY_TEST_OBJS} -lcrypto ${OS_LIBS}

tests/unit/request_test: tests/unit/request_test.c ${FORM_OBJS} \
	  ${CORE_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/request_test.c \
	    ${FORM_OBJS} ${OS_LIBS}

SELFTEST_OBJS = secd/engine/selftest.o secd/log.o secd/sys/mb_${OS}.o \
	  libesp/libesp.a
tests/unit/selftest_test: tests/unit/selftest_test.c ${SELFTEST_OBJS} \
	  ${CORE_TEST_HDRS} ${UNIT_ESP_HDRS} ${ENGINE_HDRS} ${DATA_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/selftest_test.c \
	    ${SELFTEST_OBJS} -lcrypto ${OS_LIBS}

tests/unit/ipc_test: tests/unit/ipc_test.c secd/ipc.o ${FORM_OBJS} \
	  ${CORE_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/ipc_test.c \
	    secd/ipc.o ${FORM_OBJS} -levent_core ${OS_LIBS}

DATA_TEST_OBJS = secd/data/drop.o secd/data/queue.o secd/data/satab.o \
	  secd/addr.o libesp/libesp.a
tests/unit/data_test: tests/unit/data_test.c ${DATA_TEST_OBJS} \
	  ${CORE_TEST_HDRS} ${DATA_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/data_test.c \
	    ${DATA_TEST_OBJS} -lcrypto ${OS_LIBS} -lpthread

tests/unit/due_test: tests/unit/due_test.c secd/engine/due.o \
	  ${CORE_TEST_HDRS} ${ENGINE_HDRS} ${DATA_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/due_test.c \
	    secd/engine/due.o -levent_core ${OS_LIBS}

WORKER_TEST_OBJS = ${DATA_OBJS} ${SYS_OBJS} secd/addr.o libesp/libesp.a
tests/unit/worker_test: tests/unit/worker_test.c ${WORKER_TEST_OBJS} \
	  tests/unit/netns.h ${CORE_TEST_HDRS} ${DATA_HDRS} secd/pass.h
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/worker_test.c \
	    ${WORKER_TEST_OBJS} -levent_core -lcrypto ${OS_SECD_LIBS} -lpthread

tests/unit/path_test: tests/unit/path_test.c ${WORKER_TEST_OBJS} \
	  tests/unit/netns.h ${CORE_TEST_HDRS} ${DATA_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/path_test.c \
	    ${WORKER_TEST_OBJS} -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
	    -levent_core -lcrypto ${OS_SECD_LIBS} -lpthread

PFKEY_TEST_DEPS = ${PFKEY_OBJS} ${FORM_OBJS} ${CONTROL_HDRS} \
	  ${CORE_TEST_HDRS} tests/unit/pfkey_help.h
PFKEY_TEST_LINK = ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ ${PFKEY_OBJS} \
	  ${FORM_OBJS}
tests/unit/pfkey_conv_test: tests/unit/pfkey_conv_test.c ${PFKEY_TEST_DEPS}
	${CC} ${PFKEY_TEST_LINK} tests/unit/pfkey_conv_test.c ${OS_LIBS}

tests/unit/pfkey_parse_test: tests/unit/pfkey_parse_test.c ${PFKEY_TEST_DEPS}
	${CC} ${PFKEY_TEST_LINK} tests/unit/pfkey_parse_test.c ${OS_LIBS}

tests/unit/pfkey_reply_test: tests/unit/pfkey_reply_test.c ${PFKEY_TEST_DEPS}
	${CC} ${PFKEY_TEST_LINK} tests/unit/pfkey_reply_test.c ${OS_LIBS}

tests/unit/pfkey_transcript_test: tests/unit/pfkey_transcript_test.c \
	  ${PFKEY_TEST_DEPS}
	${CC} ${PFKEY_TEST_LINK} tests/unit/pfkey_transcript_test.c ${OS_LIBS}

# Both of our <net/pfkeyv2.h>, and neither is the system's.
PFKEY_PUBLIC = etc/include/net/pfkeyv2.h etc/include/openbsd/net/pfkeyv2.h
tests/unit/pfkey_header_test: tests/unit/pfkey_header_test.c \
	  ${PFKEY_TEST_DEPS} ${PFKEY_PUBLIC}
	${CC} -Ietc/include ${PFKEY_TEST_LINK} \
	    tests/unit/pfkey_header_test.c ${OS_LIBS}

tests/unit/pfkey_header_linux_test: tests/unit/pfkey_header_test.c \
	  ${PFKEY_TEST_DEPS} ${PFKEY_PUBLIC}
	${CC} -DLINUX_FIRST -Ietc/include ${PFKEY_TEST_LINK} \
	    tests/unit/pfkey_header_test.c ${OS_LIBS}

tests/unit/pfkey_header_obsd_test: tests/unit/pfkey_header_test.c \
	  ${PFKEY_TEST_DEPS} ${PFKEY_PUBLIC}
	${CC} -DOBSD -Ietc/include/openbsd ${PFKEY_TEST_LINK} \
	    tests/unit/pfkey_header_test.c ${OS_LIBS}

# The real parent with a hostile child in place of one of its own.
HOSTILES = tests/net/hostile_control tests/net/hostile_engine

tests/net/hostile_control: tests/net/hostile.c ${SECD_OBJS} libesp/libesp.a
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -DHOSTILE=control_main \
	    -DROLE_NAME='"control"' -o $@ tests/net/hostile.c ${PARENT_OBJS} \
	    ${ENGINE_OBJS} ${DATA_OBJS} ${SYS_OBJS} ${SHARED_OBJS} \
	    libesp/libesp.a -levent_core -lcrypto ${OS_SECD_LIBS} -lpthread

tests/net/hostile_engine: tests/net/hostile.c ${SECD_OBJS} libesp/libesp.a
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -DHOSTILE=engine_main \
	    -DROLE_NAME='"engine"' -o $@ tests/net/hostile.c ${PARENT_OBJS} \
	    ${CONTROL_OBJS} ${SYS_OBJS} ${SHARED_OBJS} \
	    libesp/libesp.a -levent_core -lcrypto ${OS_SECD_LIBS} -lpthread

# All of secd under the thread sanitizer, so from the sources.
THREADS	= tests/net/secd_threads
THREADS_SRCS = tests/net/nofilter.c ${PARENT_OBJS:.o=.c} \
	  ${CONTROL_OBJS:.o=.c} ${ENGINE_OBJS:.o=.c} ${DATA_OBJS:.o=.c} \
	  ${SYS_OBJS:.o=.c} ${SHARED_OBJS:.o=.c} ${ESP_OBJS:.o=.c}

tests/net/secd_threads: ${THREADS_SRCS} ${SECD_OBJS}
	${CC} ${ALL_CFLAGS} -O1 -fsanitize=thread ${ALL_LDFLAGS} -o $@ \
	    `echo ${THREADS_SRCS} | sed 's,secd/sys/filter_[A-Za-z]*.c,,'` \
	    -levent_core -lcrypto ${OS_SECD_LIBS} -lpthread

# A key manager that is built on each of our <net/pfkeyv2.h>.
PFKEY_CLIENTS = tests/net/pfkey_client_linux tests/net/pfkey_client_obsd

tests/net/pfkey_client_linux: tests/net/pfkey_client.c ${PFKEY_PUBLIC}
	${CC} -Ietc/include ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ \
	    tests/net/pfkey_client.c ${OS_LIBS}

tests/net/pfkey_client_obsd: tests/net/pfkey_client.c ${PFKEY_PUBLIC}
	${CC} -Ietc/include/openbsd ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ \
	    tests/net/pfkey_client.c ${OS_LIBS}

# Everything of ours is compiled anew, so that all of it is instrumented.
FUZZ_CORE_FLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer ${WARN} -I. \
	  ${OS_CPPFLAGS} -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=all
FUZZ_CORE_HDRS = tests/fuzz/play.h ${SHARED_HDRS}
FUZZ_CORE_SRCS = secd/ipc.c secd/log.c ${FORM_OBJS:.o=.c}
FUZZ_ENGINE_SRCS = ${ENGINE_OBJS:.o=.c} ${DATA_OBJS:.o=.c} \
	  ${ESP_OBJS:.o=.c} secd/sys/mb_${OS}.c secd/sys/packet_${OS}.c \
	  secd/sys/route_${OS}.c secd/sys/sock_${OS}.c secd/sys/tun_${OS}.c

tests/fuzz/fuzz_control: tests/fuzz/fuzz_control.c ${CONTROL_OBJS:.o=.c} \
	  ${FUZZ_CORE_SRCS} ${FUZZ_CORE_HDRS} ${CONTROL_HDRS}
	${FUZZ_CC} ${FUZZ_CORE_FLAGS} -o $@ tests/fuzz/fuzz_control.c \
	    ${CONTROL_OBJS:.o=.c} ${FUZZ_CORE_SRCS} -levent_core ${OS_LIBS} \
	    -lpthread

tests/fuzz/fuzz_engine: tests/fuzz/fuzz_engine.c ${FUZZ_ENGINE_SRCS} \
	  ${FUZZ_CORE_SRCS} ${FUZZ_CORE_HDRS} ${ENGINE_HDRS} ${DATA_HDRS}
	${FUZZ_CC} ${FUZZ_CORE_FLAGS} -o $@ tests/fuzz/fuzz_engine.c \
	    ${FUZZ_ENGINE_SRCS} ${FUZZ_CORE_SRCS} -levent_core -lcrypto \
	    ${OS_SECD_LIBS} -lpthread

tests/fuzz/fuzz_pfkey: tests/fuzz/fuzz_pfkey.c ${PFKEY_OBJS:.o=.c} \
	  ${FORM_OBJS:.o=.c} ${CONTROL_HDRS} ${SHARED_HDRS}
	${FUZZ_CC} ${FUZZ_CORE_FLAGS} -o $@ tests/fuzz/fuzz_pfkey.c \
	    ${PFKEY_OBJS:.o=.c} ${FORM_OBJS:.o=.c} ${OS_LIBS}
