/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <unistd.h>: see README. */
#ifndef STANDIN_UNISTD_H
#define STANDIN_UNISTD_H

#include <sys/types.h>
#include <stddef.h>

int	close(int);
int	chdir(const char *);
int	chroot(const char *);
int	execve(const char *, char *const *, char *const *);
gid_t	getegid(void);
uid_t	geteuid(void);
pid_t	getpid(void);
pid_t	getppid(void);
int	pledge(const char *, const char *);
int	setgid(gid_t);
int	setgroups(int, const gid_t *);
int	setresgid(gid_t, gid_t, gid_t);
int	setresuid(uid_t, uid_t, uid_t);
int	setuid(uid_t);
int	unveil(const char *, const char *);

#endif
