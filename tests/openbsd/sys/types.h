/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <sys/types.h>: see README. */
#ifndef STANDIN_SYS_TYPES_H
#define STANDIN_SYS_TYPES_H

#include <stdint.h>

typedef __SIZE_TYPE__	size_t;
typedef long		ssize_t;
typedef long long	off_t;
typedef int		pid_t;
typedef unsigned int	uid_t;
typedef unsigned int	gid_t;
typedef unsigned int	mode_t;
typedef long long	time_t;
typedef char		*caddr_t;
typedef unsigned int	u_int;
typedef unsigned char	u_char;
typedef unsigned short	u_short;

#endif
