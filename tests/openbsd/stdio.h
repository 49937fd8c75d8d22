/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <stdio.h>: see README. */
#ifndef STANDIN_STDIO_H
#define STANDIN_STDIO_H

#include <stdarg.h>
#include <stddef.h>

int	snprintf(char *, size_t, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
int	vsnprintf(char *, size_t, const char *, va_list)
	    __attribute__((format(printf, 3, 0)));

#endif
