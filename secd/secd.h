/* SPDX-License-Identifier: ISC */
/*
 * What all of secd's processes agree on: names, paths, roles.
 */
#ifndef SECD_H
#define SECD_H

#include "secd/request.h"

#define SECD_VERSION	"0.1"
#define SECD_USER	"_secd"
#define SECD_ADMIN_GROUP "_secd-admin"
#ifndef SYSCONFDIR
#define SYSCONFDIR	"/etc"
#endif
#define SECD_CONF	SYSCONFDIR "/secd.conf"
#define SECD_RUNDIR	"/var/run/secd"
#define SECD_SOCKET	"control.sock"	/* in the run directory */
#define SECD_PFKEY	"pfkey.sock"	/* in it too */
#define SECD_EMPTY	"empty"		/* chroot of the children, in it too */

enum role {
	ROLE_PARENT,
	ROLE_CONTROL,
	ROLE_ENGINE,
	ROLE_MAX
};

/* A child's descriptors after exec; 0 and 1 are /dev/null, 2 is its log. */
#define FD_PARENT	3	/* channel to the parent */

/* What a child is told on its command line. */
struct role_args {
	int		 ppid;		/* the parent it must not outlive */
	const char	*emptydir;	/* its root from now on */
	int		 verbose;
	struct engine_conf engine;	/* the engine alone */
};

/* Process mains; nothing is confined yet when they are called. */
int	control_main(const struct role_args *);
int	engine_main(const struct role_args *);

#endif /* SECD_H */
