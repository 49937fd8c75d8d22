/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <string.h>: see README. */
#ifndef STANDIN_STRING_H
#define STANDIN_STRING_H

#include <stddef.h>

void	*memcpy(void *, const void *, size_t);
void	*memset(void *, int, size_t);
char	*strchr(const char *, int);
int	 strcmp(const char *, const char *);
int	 strncmp(const char *, const char *, size_t);
size_t	 strlen(const char *);
size_t	 strspn(const char *, const char *);
size_t	 strlcpy(char *, const char *, size_t);
char	*strerror(int);

#endif
