/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <sys/ioctl.h>: see README. */
#ifndef STANDIN_SYS_IOCTL_H
#define STANDIN_SYS_IOCTL_H

/* the requests are numbered where their structures are */
int	ioctl(int, unsigned long, ...);

#endif
