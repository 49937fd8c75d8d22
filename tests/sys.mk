# SPDX-License-Identifier: ISC
# Tests of secd/sys: the Linux files against the running kernel (root), the
# OpenBSD files against stand-in headers (they only have to compile).
# Included by tests/tests.mk, which runs what UNIT_SYS_TESTS names.

SYS_TESTS_Linux = tests/unit/confine_test tests/unit/iface_test \
	  tests/unit/packet_test tests/unit/shim_udp_test \
	  tests/unit/sock_gso_test tests/unit/sock_test tests/unit/tun_test
SYS_TESTS_OpenBSD =
UNIT_SYS_TESTS = ${SYS_TESTS_${OS}}

SYS_TEST_OBJS = secd/addr.o ${SYS_OBJS}
SYS_TEST_HDRS = tests/lib/tap.h tests/unit/netns.h ${SYS_HDRS} secd/pass.h

tests/unit/confine_test: tests/unit/confine_test.c ${SYS_TEST_OBJS} \
	  ${SYS_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/confine_test.c \
	    ${SYS_TEST_OBJS} -levent_core ${OS_SECD_LIBS} -lpthread

tests/unit/iface_test: tests/unit/iface_test.c ${SYS_TEST_OBJS} \
	  ${SYS_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/iface_test.c \
	    ${SYS_TEST_OBJS} ${OS_SECD_LIBS}

tests/unit/packet_test: tests/unit/packet_test.c ${SYS_TEST_OBJS} \
	  ${SYS_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/packet_test.c \
	    ${SYS_TEST_OBJS} ${OS_SECD_LIBS}

tests/unit/sock_test: tests/unit/sock_test.c ${SYS_TEST_OBJS} ${SYS_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/sock_test.c \
	    ${SYS_TEST_OBJS} ${OS_SECD_LIBS}

# Runs itself with the library, before which a sanitizer would have to come.
tests/unit/shim_udp_test: tests/unit/shim_udp_test.c ${SHIM_PROGS} \
	  tests/lib/tap.h tests/unit/netns.h secd/pass.h
	${CC} -std=gnu11 ${CFLAGS} ${WARN} ${WERROR} ${HARDEN} -I. \
	    ${OS_CPPFLAGS} -pie ${LDFLAGS} -o $@ \
	    tests/unit/shim_udp_test.c -lpthread

tests/unit/sock_gso_test: tests/unit/sock_gso_test.c ${SYS_TEST_OBJS} \
	  ${SYS_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/sock_gso_test.c \
	    ${SYS_TEST_OBJS} ${OS_SECD_LIBS}

tests/unit/tun_test: tests/unit/tun_test.c ${SYS_TEST_OBJS} ${SYS_TEST_HDRS}
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/tun_test.c \
	    ${SYS_TEST_OBJS} ${OS_SECD_LIBS}

OPENBSD_SRCS = secd/sys/confine_OpenBSD.c secd/sys/filter_OpenBSD.c \
	  secd/sys/iface_OpenBSD.c secd/sys/mb_OpenBSD.c \
	  secd/sys/packet_OpenBSD.c secd/sys/sock_OpenBSD.c \
	  secd/sys/tun_OpenBSD.c

lint-openbsd:
	for f in ${OPENBSD_SRCS}; do \
		${CC} -std=gnu11 -fsyntax-only ${WARN} -Werror -nostdinc \
		    -isystem tests/openbsd -I. $$f || exit 1; \
	done

.PHONY: lint-openbsd
