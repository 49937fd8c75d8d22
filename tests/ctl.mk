# SPDX-License-Identifier: ISC
# Tests of secctl: the parser by itself, and the program against a secd that
# the test plays.  Run from the top: tests/unit/secctl_test uses secctl/secctl
# (or $SECCTL), and /usr/bin/python3 (or $PYTHON) to read what -j prints.

UNIT_CTL_TESTS = tests/unit/ctlparser_test tests/unit/secctl_test
PARSER_OBJS = secctl/parser.o secctl/values.o

tests/unit/ctlparser_test: tests/unit/ctlparser_test.c tests/lib/tap.h \
	  ${PARSER_OBJS} ${FORM_OBJS} ${CTL_HDRS} libesp/libesp.a
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/ctlparser_test.c \
	    ${PARSER_OBJS} ${FORM_OBJS} libesp/libesp.a -lcrypto ${OS_LIBS}

tests/unit/secctl_test: tests/unit/secctl_test.c tests/lib/tap.h \
	  ${PARSER_OBJS} ${FORM_OBJS} ${CTL_HDRS} libesp/libesp.a \
	  secctl/secctl
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -o $@ tests/unit/secctl_test.c \
	    ${PARSER_OBJS} ${FORM_OBJS} libesp/libesp.a -lcrypto ${OS_LIBS}
