/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <sys/stat.h>: see README. */
#ifndef STANDIN_SYS_STAT_H
#define STANDIN_SYS_STAT_H

#include <sys/types.h>

struct stat {
	mode_t	st_mode;
	uid_t	st_uid;
	gid_t	st_gid;
};

#define S_ISDIR(m)	(((m) & 0170000) == 0040000)
#define S_IWGRP		0000020
#define S_IWOTH		0000002

int	lstat(const char *, struct stat *);

#endif
