# SPDX-License-Identifier: ISC
# Tests of the nonce ledger, and the LD_PRELOAD library by which the tests of
# the whole daemon disturb its disk.  GNU make and BSD make.

LEDGER_HOOK = tests/lib/hook_ledger.so
UNIT_LEDGER_TESTS = tests/unit/ledger_test tests/unit/ledger_crash_test \
	  tests/unit/ledger_sync_test tests/unit/ledger_kill_test
LEDGER_OBJS = secd/ledger.o secd/ledger_file.o
LEDGER_TEST_HDRS = secd/ledger.h secd/ledger_file.h secd/ipc.h \
	  tests/lib/ledger.h tests/lib/tap.h
# The disk as the tests want it.
LEDGER_WRAP = -Wl,--wrap=pwrite,--wrap=fdatasync

tests/unit/ledger_test: tests/unit/ledger_test.c ${LEDGER_OBJS} \
	  ${LEDGER_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} ${LEDGER_WRAP} -o $@ \
	    tests/unit/ledger_test.c ${LEDGER_OBJS} -lcrypto ${OS_LIBS}

tests/unit/ledger_crash_test: tests/unit/ledger_crash_test.c ${LEDGER_OBJS} \
	  ${LEDGER_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} ${LEDGER_WRAP} -o $@ \
	    tests/unit/ledger_crash_test.c ${LEDGER_OBJS} -lcrypto ${OS_LIBS}

# All of it under the thread sanitizer, so from the sources.
tests/unit/ledger_sync_test: tests/unit/ledger_sync_test.c secd/ledger.c \
	  secd/ledger_file.c secd/ledger_sync.c ${LEDGER_TEST_HDRS}
	${CC} ${ALL_CFLAGS} -fsanitize=thread ${ALL_LDFLAGS} ${LEDGER_WRAP} \
	    -o $@ tests/unit/ledger_sync_test.c secd/ledger.c \
	    secd/ledger_file.c secd/ledger_sync.c -levent_core -lcrypto \
	    ${OS_LIBS} -lpthread

tests/unit/ledger_kill_test: tests/unit/ledger_kill_test.c ${LEDGER_OBJS} \
	  secd/ledger_sync.o ${LEDGER_HOOK} ${LEDGER_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/ledger_kill_test.c \
	    ${LEDGER_OBJS} secd/ledger_sync.o -levent_core -lcrypto \
	    ${OS_LIBS} -lpthread

${LEDGER_HOOK}: tests/lib/hook_ledger.c secd/ipc.h secd/ledger.h
	${CC} ${ALL_CFLAGS} -fPIC -shared -o $@ tests/lib/hook_ledger.c -ldl
