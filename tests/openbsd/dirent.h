/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <dirent.h>: see README. */
#ifndef STANDIN_DIRENT_H
#define STANDIN_DIRENT_H

#include <sys/types.h>

typedef struct _dirdesc DIR;
struct dirent {
	char	d_name[256];
};

DIR		*opendir(const char *);
struct dirent	*readdir(DIR *);
int		 closedir(DIR *);

#endif
