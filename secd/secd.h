/* SPDX-License-Identifier: ISC */
/*
 * What all of secd's processes agree on: names, paths, roles.
 */
#ifndef SECD_H
#define SECD_H

#define SECD_VERSION	"0.1"
#define SECD_USER	"_secd"
#define SECD_ADMIN_GROUP "_secd-admin"
#ifndef SYSCONFDIR
#define SYSCONFDIR	"/etc"
#endif
#define SECD_CONF	SYSCONFDIR "/secd.conf"
#define SECD_RUNDIR	"/var/run/secd"
#define SECD_SOCKET	"control.sock"	/* in the run directory */
#define SECD_EMPTY	"empty"		/* chroot of the children, in it too */

enum role {
	ROLE_PARENT,
	ROLE_CONTROL,
	ROLE_ENGINE,
	ROLE_MAX
};

/* A child's descriptors after exec; all others are closed. */
#define FD_PARENT	3	/* channel to the parent */

/* Process mains; fd FD_PARENT is open, nothing is confined yet. */
int	control_main(void);
int	engine_main(void);

#endif /* SECD_H */
