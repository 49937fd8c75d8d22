# SPDX-License-Identifier: ISC
# The tests of libesp: unit tests, and the fuzzers.  Included by
# tests.mk; works with GNU make and BSD make.
#
# Known answers: NIST_GCM_DIR (default: Debian's python3-cryptography-vectors)
# and, if set, WYCHEPROOF_DIR are folders named in the environment.

FUZZ_CC	= clang
FUZZ_FLAGS = -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=undefined

UNIT_ESP_TESTS = tests/unit/aead_test tests/unit/alloc_test \
	  tests/unit/buf_test tests/unit/cbc_test tests/unit/checksum_test \
	  tests/unit/each_test tests/unit/inner_test tests/unit/merge_test \
	  tests/unit/open_test tests/unit/replay_test tests/unit/sa_test \
	  tests/unit/seal_test tests/unit/split_test tests/unit/status_test \
	  tests/unit/suite_test ${UNIT_ESP_TESTS_${OS}} ${MB_TESTS_${MB}}
UNIT_ESP_TESTS_Linux = tests/unit/gso_test
UNIT_ESP_TESTS_OpenBSD =
MB_TESTS_mb = tests/unit/mb_test
UNIT_ESP_HDRS = tests/lib/tap.h tests/unit/aead_kat.h tests/unit/esp_help.h \
	  tests/unit/fake_suite.h tests/unit/mb_help.h secd/sys/sys.h \
	  tests/vectors/esp_vectors.h ${ESP_HDRS}

# What loads the other library that suites are tested with.
MB_LOAD	= secd/sys/mb_${OS}.o

# libesp.a behind the source: each test takes the files it needs, no more
ESP_TEST_BUILD = ${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@

tests/unit/aead_test: tests/unit/aead_test.c libesp/libesp.a ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/aead_test.c libesp/libesp.a -ljansson \
	    -lcrypto ${OS_LIBS}

tests/unit/alloc_test: tests/unit/alloc_test.c libesp/libesp.a ${MB_LOAD} \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/alloc_test.c ${MB_LOAD} \
	    libesp/libesp.a -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc -lcrypto

tests/unit/buf_test: tests/unit/buf_test.c libesp/buf.o ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/buf_test.c libesp/buf.o

tests/unit/cbc_test: tests/unit/cbc_test.c libesp/libesp.a ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/cbc_test.c libesp/libesp.a -lcrypto

OFFLOAD_OBJS = libesp/checksum.o libesp/inner.o libesp/merge.o libesp/split.o
OFFLOAD_TEST_DEPS = ${OFFLOAD_OBJS} tests/lib/tap.h \
	  tests/unit/offload_help.h ${ESP_HDRS}

tests/unit/checksum_test: tests/unit/checksum_test.c ${OFFLOAD_TEST_DEPS}
	${ESP_TEST_BUILD} tests/unit/checksum_test.c ${OFFLOAD_OBJS}

tests/unit/gso_test: tests/unit/gso_test.c tests/unit/netns.h \
	  ${OFFLOAD_TEST_DEPS}
	${ESP_TEST_BUILD} tests/unit/gso_test.c ${OFFLOAD_OBJS}

tests/unit/merge_test: tests/unit/merge_test.c ${OFFLOAD_TEST_DEPS}
	${ESP_TEST_BUILD} tests/unit/merge_test.c ${OFFLOAD_OBJS}

tests/unit/split_test: tests/unit/split_test.c ${OFFLOAD_TEST_DEPS}
	${ESP_TEST_BUILD} tests/unit/split_test.c ${OFFLOAD_OBJS}

tests/unit/each_test: tests/unit/each_test.c libesp/libesp.a ${MB_LOAD} \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/each_test.c ${MB_LOAD} libesp/libesp.a -lcrypto

tests/unit/inner_test: tests/unit/inner_test.c libesp/inner.o ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/inner_test.c libesp/inner.o

tests/unit/mb_test: tests/unit/mb_test.c libesp/libesp.a ${MB_LOAD} \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/mb_test.c ${MB_LOAD} libesp/libesp.a \
	    -ljansson -lcrypto ${OS_LIBS}

tests/unit/open_test: tests/unit/open_test.c libesp/libesp.a ${MB_LOAD} \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/open_test.c ${MB_LOAD} libesp/libesp.a -lcrypto

tests/unit/replay_test: tests/unit/replay_test.c libesp/replay.o \
	  libesp/libesp.a ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/replay_test.c libesp/replay.o \
	    libesp/libesp.a -lcrypto

tests/unit/sa_test: tests/unit/sa_test.c libesp/libesp.a ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/sa_test.c libesp/libesp.a -lcrypto

tests/unit/seal_test: tests/unit/seal_test.c libesp/libesp.a ${MB_LOAD} \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/seal_test.c ${MB_LOAD} libesp/libesp.a -lcrypto

tests/unit/status_test: tests/unit/status_test.c libesp/status.o \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/status_test.c libesp/status.o

tests/unit/suite_test: tests/unit/suite_test.c libesp/libesp.a \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/unit/suite_test.c libesp/libesp.a -lcrypto

# ns for each packet; not one of the tests
tests/bench/crypto: tests/bench/crypto.c libesp/libesp.a ${MB_LOAD} \
	  ${UNIT_ESP_HDRS}
	${ESP_TEST_BUILD} tests/bench/crypto.c ${MB_LOAD} libesp/libesp.a \
	    -lcrypto

clean-tests: clean-bench-crypto
clean-bench-crypto:
	rm -f tests/bench/crypto

.PHONY: clean-bench-crypto

# Everything but libcrypto is compiled with the sanitizers.
tests/fuzz/fuzz_open: tests/fuzz/fuzz_open.c ${ESP_OBJS:.o=.c} ${ESP_HDRS}
	${FUZZ_CC} -std=gnu11 -O1 -g ${WARN} ${FUZZ_FLAGS} -I. ${OS_CPPFLAGS} \
	    -o $@ tests/fuzz/fuzz_open.c ${ESP_OBJS:.o=.c} -lcrypto

tests/fuzz/fuzz_offload: tests/fuzz/fuzz_offload.c tests/unit/offload_help.h \
	  ${OFFLOAD_OBJS:.o=.c} ${ESP_HDRS}
	${FUZZ_CC} -std=gnu11 -O1 -g ${WARN} ${FUZZ_FLAGS} -I. ${OS_CPPFLAGS} \
	    -o $@ tests/fuzz/fuzz_offload.c ${OFFLOAD_OBJS:.o=.c}
