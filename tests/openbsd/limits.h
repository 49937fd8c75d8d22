/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <limits.h>: see README. */
#ifndef STANDIN_LIMITS_H
#define STANDIN_LIMITS_H

#define PATH_MAX	1024

#endif
