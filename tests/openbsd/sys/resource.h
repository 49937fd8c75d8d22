/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <sys/resource.h>: see README. */
#ifndef STANDIN_SYS_RESOURCE_H
#define STANDIN_SYS_RESOURCE_H

#include <sys/types.h>

typedef unsigned long long rlim_t;
struct rlimit {
	rlim_t	rlim_cur;
	rlim_t	rlim_max;
};

#define RLIM_INFINITY	((rlim_t)0x7fffffffffffffffLL)
#define RLIMIT_FSIZE	1
#define RLIMIT_CORE	4
#define RLIMIT_MEMLOCK	6
#define RLIMIT_NOFILE	8

int	getrlimit(int, struct rlimit *);
int	setrlimit(int, const struct rlimit *);

#endif
