/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <sys/time.h>: see README. */
#ifndef STANDIN_SYS_TIME_H
#define STANDIN_SYS_TIME_H

#include <sys/types.h>

struct timeval {
	time_t	tv_sec;
	long	tv_usec;
};

#endif
