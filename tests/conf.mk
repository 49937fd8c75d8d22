# SPDX-License-Identifier: ISC
#
# secd.conf and the state file: unit tests and the fuzzer.

UNIT_CONF_TESTS = tests/unit/conf_test tests/unit/state_test
CONF_TEST_OBJS = ${CONF_OBJS} secd/log.o ${FORM_OBJS} libesp/libesp.a
CONF_TEST_LIBS = -lcrypto ${OS_LIBS}

tests/unit/conf_test: tests/unit/conf_test.c ${CONF_TEST_OBJS} \
	  tests/lib/tap.h ${PARENT_HDRS} ${SHARED_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/conf_test.c \
	    ${CONF_TEST_OBJS} ${CONF_TEST_LIBS}

tests/unit/state_test: tests/unit/state_test.c secd/state.o \
	  ${CONF_TEST_OBJS} tests/lib/tap.h ${PARENT_HDRS} ${SHARED_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/state_test.c \
	    secd/state.o ${CONF_TEST_OBJS} ${CONF_TEST_LIBS}

# Everything of ours is compiled anew, so that all of it is instrumented.
FUZZ_CC	?= clang
FUZZ_CONF_FLAGS = -std=gnu11 -O1 -g -fno-omit-frame-pointer ${WARN} -I. \
	  -DSYSCONFDIR='"${SYSCONFDIR}"' ${OS_CPPFLAGS} \
	  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
FUZZ_CONF_SRCS = ${CONF_OBJS:.o=.c} secd/log.c ${FORM_OBJS:.o=.c} \
	  ${ESP_OBJS:.o=.c}

tests/fuzz/fuzz_conf: tests/fuzz/fuzz_conf.c ${FUZZ_CONF_SRCS} \
	  ${PARENT_HDRS} ${SHARED_HDRS} ${ESP_HDRS}
	${FUZZ_CC} ${FUZZ_CONF_FLAGS} -o $@ tests/fuzz/fuzz_conf.c \
	    ${FUZZ_CONF_SRCS} ${CONF_TEST_LIBS}
