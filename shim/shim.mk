# SPDX-License-Identifier: ISC
#
# The library for IKE daemons and the program that starts them with it.  Which
# systems have them is in secd/sys.  The library goes into programs of others,
# so it has none of their sanitizers, and each symbol it wants is there.

SHIM_CFLAGS = -std=gnu11 ${CFLAGS} ${WARN} ${WERROR} -fPIC \
	  -fstack-protector-strong -D_FORTIFY_SOURCE=2 -I. ${OS_CPPFLAGS}
SHIM_LDFLAGS = -shared -Wl,-z,relro,-z,now,-z,noexecstack,-z,defs ${LDFLAGS}

shim/libsecpfkey.so: shim/shim.c shim/udp.c shim/shim.h shim/udp.h secd/pass.h
	${CC} ${SHIM_CFLAGS} ${SHIM_LDFLAGS} -o $@ shim/shim.c shim/udp.c

shim/secd-run: shim/run.c shim/shim.h secd/secd.h
	${CC} ${ALL_CFLAGS} ${ALL_LDFLAGS} -DLIBDIR='"${LIBDIR}"' \
	    -DVERSION="\"$$(sed -n \
	    's/^#define SECD_VERSION.*"\(.*\)"$$/\1/p' secd/secd.h)\"" \
	    -o $@ shim/run.c ${OS_LIBS}
