/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <sys/sysctl.h>: see README. */
#ifndef STANDIN_SYS_SYSCTL_H
#define STANDIN_SYS_SYSCTL_H

#include <sys/types.h>

#define CTL_KERN	1
#define KERN_BOOTTIME	21
#define KERN_PROC_ARGS	55
#define KERN_PROC_ARGV	1

int	sysctl(const int *, u_int, void *, size_t *, void *, size_t);

#endif
