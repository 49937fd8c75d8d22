# SPDX-License-Identifier: ISC
OS_CPPFLAGS = -I/usr/local/include
OS_LIBS	= -L/usr/local/lib
OS_SECD_LIBS = -L/usr/local/lib
SYS_OBJS = secd/sys/confine_OpenBSD.o secd/sys/filter_OpenBSD.o \
	  secd/sys/iface_OpenBSD.o secd/sys/mb_OpenBSD.o \
	  secd/sys/packet_OpenBSD.o secd/sys/sock_OpenBSD.o \
	  secd/sys/tun_OpenBSD.o
MB	= mb_none
# IKE daemons talk to the kernel there
SHIM_PROGS =
