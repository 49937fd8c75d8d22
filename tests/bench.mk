# SPDX-License-Identifier: ISC
#
# The benchmark: its tools, and a secd without a cipher.

BENCH_TOOLS = tests/bench/flood tests/bench/replay tests/bench/secd_null

tests/bench/flood: tests/bench/flood.c
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/bench/flood.c ${OS_LIBS}

# All of secd's objects, but null.o for the cipher's.
NULL_ESP_OBJS = ${ESP_OBJS:libesp/aead.o=tests/bench/null.o}
tests/bench/null.o: ${ESP_HDRS}
tests/bench/secd_null: ${SECD_OBJS} ${NULL_ESP_OBJS}
	${CC} ${ALL_LDFLAGS} -o $@ ${SECD_OBJS} ${NULL_ESP_OBJS} \
	    -levent_core -lcrypto ${OS_SECD_LIBS} -lpthread

tests/bench/replay: tests/bench/replay.c
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/bench/replay.c -lcrypto \
	    ${OS_LIBS}
