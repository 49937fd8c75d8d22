/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <pwd.h>: see README. */
#ifndef STANDIN_PWD_H
#define STANDIN_PWD_H

#include <sys/types.h>

struct passwd {
	char	*pw_name;
	uid_t	 pw_uid;
	gid_t	 pw_gid;
};

struct passwd	*getpwnam(const char *);

#endif
