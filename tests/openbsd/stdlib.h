/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <stdlib.h>: see README. */
#ifndef STANDIN_STDLIB_H
#define STANDIN_STDLIB_H

#include <stddef.h>

void	*malloc(size_t);
void	 free(void *);
char	*realpath(const char *, char *);

#endif
