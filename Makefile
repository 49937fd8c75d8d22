# SPDX-License-Identifier: ISC
#
# secd: GNU make and BSD make.  The object lists are the map of the rooms;
# each room's line of headers is what its files are rebuilt for.

PREFIX	= /usr/local
SYSCONFDIR = /etc
MANDIR	= ${PREFIX}/share/man
SBINDIR	= ${PREFIX}/sbin
LIBDIR	= ${PREFIX}/lib
INCDIR	= ${PREFIX}/include
DESTDIR	=

CC	= cc
AR	= ar
YACC	= yacc
WERROR	=
OPT	= -O2
WARN	= -Wall -Wextra -Wpointer-arith -Wmissing-prototypes \
	  -Wstrict-prototypes -Wshadow -Wwrite-strings -Wundef -Wvla
HARDEN	= -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
SANITIZE =
CFLAGS	= ${OPT} -g

OS	!= uname -s
include secd/sys/${OS}.mk

ALL_CFLAGS = -std=gnu11 ${CFLAGS} ${WARN} ${WERROR} ${HARDEN} ${SANITIZE} \
	  -I. -DSYSCONFDIR='"${SYSCONFDIR}"' ${OS_CPPFLAGS}
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack ${SANITIZE} ${LDFLAGS}

ESP_OBJS = libesp/aead.o libesp/buf.o libesp/cbc.o libesp/checksum.o \
	  libesp/evp.o libesp/hmac.o libesp/inner.o libesp/${MB}.o \
	  libesp/merge.o libesp/open.o libesp/replay.o libesp/sa.o \
	  libesp/seal.o libesp/split.o libesp/status.o libesp/suite.o
ESP_HDRS = libesp/aead.h libesp/crypto.h libesp/esp.h libesp/internal.h \
	  libesp/offload.h

SHARED_OBJS = secd/ipc.o secd/log.o secd/proc.o ${FORM_OBJS}
FORM_OBJS = secd/addr.o secd/hex.o secd/msg.o secd/request.o
SHARED_HDRS = secd/addr.h secd/hex.h secd/ipc.h secd/log.h secd/proc.h \
	  secd/request.h secd/secd.h

CONF_OBJS = secd/conf.o secd/lex.o secd/macro.o secd/parse.o \
	  secd/parse_engine.o secd/parse_iface.o secd/parse_sa.o \
	  secd/parse_value.o secd/printconf.o
PARENT_OBJS = secd/apply.o secd/ask.o secd/children.o ${CONF_OBJS} \
	  secd/device.o secd/grant.o secd/ledger.o secd/ledger_file.o \
	  secd/ledger_sync.o secd/parent.o secd/rundir.o secd/secd.o \
	  secd/state.o secd/wires.o
PARENT_HDRS = secd/conf.h secd/ledger.h secd/ledger_file.h secd/lex.h \
	  secd/parent.h secd/parse.h secd/state.h

CONTROL_OBJS = secd/control/control.o secd/control/pfkey.o \
	  secd/control/policy.o ${PFKEY_OBJS}
PFKEY_OBJS = secd/control/pfkey_conv.o secd/control/pfkey_flow.o \
	  secd/control/pfkey_parse.o secd/control/pfkey_reply.o \
	  secd/control/pfkey_tab.o
CONTROL_HDRS = secd/control/control.h secd/control/pfkey_msg.h
ENGINE_OBJS = secd/engine/books.o secd/engine/crypto.o secd/engine/due.o \
	  secd/engine/engine.o secd/engine/hop.o secd/engine/ike.o \
	  secd/engine/key.o secd/engine/life.o secd/engine/map.o \
	  secd/engine/move.o secd/engine/reserve.o secd/engine/sadb.o \
	  secd/engine/selftest.o secd/engine/show.o secd/engine/takeover.o \
	  secd/engine/tunnel.o secd/engine/wire.o secd/engine/workers.o
ENGINE_HDRS = secd/engine/engine.h
DATA_OBJS = secd/data/drop.o secd/data/in.o secd/data/out.o \
	  secd/data/queue.o secd/data/satab.o secd/data/worker.o
DATA_HDRS = secd/data/data.h
SYS_HDRS = secd/sys/sys.h libesp/esp.h libesp/offload.h

SECD_OBJS = ${PARENT_OBJS} ${CONTROL_OBJS} ${ENGINE_OBJS} ${DATA_OBJS} \
	  ${SYS_OBJS} ${SHARED_OBJS}
CTL_OBJS = secctl/conn.o secctl/json.o secctl/key.o secctl/parser.o \
	  secctl/secctl.o secctl/show.o secctl/text.o secctl/values.o
CTL_HDRS = secctl/parser.h secctl/secctl.h

all: libesp/libesp.a secd/secd secctl/secctl ${SHIM_PROGS}

libesp/libesp.a: ${ESP_OBJS}
	rm -f $@
	${AR} rcs $@ ${ESP_OBJS}

secd/secd: ${SECD_OBJS} libesp/libesp.a
	${CC} ${ALL_LDFLAGS} -o $@ ${SECD_OBJS} libesp/libesp.a \
	    -levent_core -lcrypto ${OS_SECD_LIBS} -lpthread

secctl/secctl: ${CTL_OBJS} ${FORM_OBJS} libesp/libesp.a
	${CC} ${ALL_LDFLAGS} -o $@ ${CTL_OBJS} ${FORM_OBJS} libesp/libesp.a \
	    -ljansson -lcrypto ${OS_LIBS}

secd/parse.c: secd/parse.y
	${YACC} -o $@ secd/parse.y

.SUFFIXES: .c .o
.c.o:
	${CC} ${ALL_CFLAGS} -c -o $@ $<

${ESP_OBJS}: ${ESP_HDRS}
${SHARED_OBJS}: ${SHARED_HDRS}
${PARENT_OBJS}: ${PARENT_HDRS} ${SHARED_HDRS} ${SYS_HDRS} libesp/esp.h
${CONTROL_OBJS}: ${CONTROL_HDRS} ${SHARED_HDRS} ${SYS_HDRS}
${ENGINE_OBJS}: ${ENGINE_HDRS} ${DATA_HDRS} ${SHARED_HDRS} ${SYS_HDRS} \
	  libesp/esp.h
${DATA_OBJS}: ${DATA_HDRS} ${SYS_HDRS} secd/addr.h libesp/esp.h
${SYS_OBJS}: ${SYS_HDRS} secd/addr.h secd/pass.h
${CTL_OBJS}: ${CTL_HDRS} ${SHARED_HDRS} libesp/esp.h

include shim/shim.mk
include tests/tests.mk
include etc/install.mk

clean: clean-tests
	rm -f ${ESP_OBJS} libesp/mb.o libesp/mb_none.o ${SECD_OBJS} ${CTL_OBJS} libesp/libesp.a \
	    secd/secd secctl/secctl ${SHIM_PROGS} secd/parse.c

.PHONY: all clean
