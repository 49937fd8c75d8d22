# SPDX-License-Identifier: ISC
OS_CPPFLAGS = -D_GNU_SOURCE -isystem /usr/include/bsd -DLIBBSD_OVERLAY
OS_LIBS	= -lbsd
# libbsd-ctor lets setproctitle(3) write where ps(1) looks
OS_SECD_LIBS = -lbsd -lseccomp -lmnl -Wl,-z,nodlopen \
	  -Wl,-u,libbsd_init_func -lbsd-ctor
# libipsec-mb is loaded at run time; its header says how to speak to it.  Without
# it (or with MB=mb_none) secd is built without that backend, and says so.
MB	!= if echo '\#include <intel-ipsec-mb.h>' | ${CC} -E - >/dev/null 2>&1; \
	  then echo mb; else echo mb_none; fi
SYS_OBJS = secd/sys/confine_Linux.o secd/sys/filter_Linux.o \
	  secd/sys/iface_Linux.o secd/sys/mb_Linux.o secd/sys/packet_Linux.o \
	  secd/sys/route_Linux.o secd/sys/sock_Linux.o secd/sys/tun_Linux.o
# IKE daemons that want a kernel's PF_KEY (secd-run(8))
SHIM_PROGS = shim/libsecpfkey.so shim/secd-run
