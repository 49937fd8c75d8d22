OS_CPPFLAGS = -D_GNU_SOURCE -isystem /usr/include/bsd -DLIBBSD_OVERLAY
OS_LIBS	= -lbsd
OS_SECD_LIBS = -lbsd -lseccomp -lmnl
