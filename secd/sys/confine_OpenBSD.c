/* SPDX-License-Identifier: ISC */
/*
 * Who may do what, on OpenBSD: chroot and change of user for the children
 * (their pledge is in filter_OpenBSD.c).  It is compiled, but has not run.
 *
 * The parent is uid 0 with all that means, for there is nothing smaller that
 * can configure interfaces; it is not pledged or unveiled, because no promise
 * allows that, and secd.conf may name files anywhere.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysctl.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

#define CHILD_NOFILE	1024

static const char *const lost_text[SYS_LOST_MAX] = {
	[SYS_LOST_UID] = "children keep uid 0",
	[SYS_LOST_CHROOT] = "children have no empty root",
	[SYS_LOST_LANDLOCK] = "children can reach files",
	[SYS_LOST_SECCOMP] = "no system call filter",
	[SYS_LOST_MEMLOCK] = "keys may reach swap, which is encrypted",
	[SYS_LOST_FAILCLOSED] = "routes are passed over while secd is away",
};

const char *
sys_lost_text(enum sys_lost what)
{
	return what < SYS_LOST_MAX ? lost_text[what] : "?";
}

static int __attribute__((format(printf, 3, 4)))
refuse(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -1;
}

/* --- parent --- */

int
sys_parent_confine(char *why, size_t size)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	if (geteuid() != 0)
		return refuse(why, size, "secd must be started as root");
	setrlimit(RLIMIT_MEMLOCK, &all);
	return 0;
}

/* There are no parts of uid 0 to raise or lower. */
int
sys_priv(unsigned int mask)
{
	(void)mask;
	return 0;
}

/* --- child --- */

static int
is_empty(const char *path)
{
	struct dirent *e;
	DIR *dir;
	int empty = 1;

	if ((dir = opendir(path)) == NULL)
		return -1;
	while ((e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = 0;
	closedir(dir);
	return empty;
}

static int
enter_empty_root(const char *emptydir, char *why, size_t size)
{
	struct stat st;
	int empty;

	if (lstat(emptydir, &st) == -1)
		return refuse(why, size, "%s: %s", emptydir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return refuse(why, size, "%s: %s", emptydir, strerror(ENOTDIR));
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return refuse(why, size, "%s: must belong to root and be "
		    "writable by nobody else", emptydir);
	if ((empty = is_empty(emptydir)) == -1)
		return refuse(why, size, "%s: %s", emptydir, strerror(errno));
	if (!empty)
		return refuse(why, size, "%s: must be empty", emptydir);
	if (chroot(emptydir) == -1 || chdir("/") == -1)
		return refuse(why, size, "chroot %s: %s", emptydir,
		    strerror(errno));
	return 0;
}

static int
become_user(const struct passwd *pw, char *why, size_t size)
{
	gid_t gid = pw->pw_gid;

	if (setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return refuse(why, size, "become user %s: %s", pw->pw_name,
		    strerror(errno));
	if (geteuid() != pw->pw_uid || getegid() != gid ||
	    setuid(0) != -1 || setgid(0) != -1)
		return refuse(why, size, "the way back from user %s is open",
		    pw->pw_name);
	return 0;
}

static int
limit(int what, rlim_t most)
{
	struct rlimit rl;

	if (getrlimit(what, &rl) == -1)
		return -1;
	if (rl.rlim_max > most)
		rl.rlim_max = most;
	rl.rlim_cur = rl.rlim_max;
	return setrlimit(what, &rl);
}

/*
 * No parent-death signal here: a child ends when its channel to the parent
 * does.  A process that has changed its user leaves no core and is not traced
 * by that user.
 */
int
sys_child_confine(enum sys_role role, const char *user, const char *emptydir,
    pid_t ppid, unsigned int *lost, char *why, size_t size)
{
	struct passwd *pw;

	(void)role;
	*lost = 1U << SYS_LOST_MEMLOCK;
	if ((pw = getpwnam(user)) == NULL)
		return refuse(why, size, "user %s does not exist", user);
	if (pw->pw_uid == 0)
		return refuse(why, size, "user %s must not be uid 0", user);
	if (enter_empty_root(emptydir, why, size) == -1 ||
	    become_user(pw, why, size) == -1)
		return -1;
	if (getppid() != ppid)
		return refuse(why, size, "the parent is gone");
	if (limit(RLIMIT_CORE, 0) == -1 || limit(RLIMIT_FSIZE, 0) == -1 ||
	    limit(RLIMIT_NOFILE, CHILD_NOFILE) == -1)
		return refuse(why, size, "resource limits: %s",
		    strerror(errno));
	return 0;
}

/* --- our own program --- */

static char	self[PATH_MAX];

/*
 * A descriptor cannot be executed here, so the path is kept beside it: that
 * of argv[0], which therefore has to be one (rc.d(8) starts daemons so).
 */
char *const *
sys_child_env(enum sys_role role)
{
	static char *const none[] = { NULL };

	(void)role;
	return none;
}

int
sys_self_open(void)
{
	const int mib[4] = { CTL_KERN, KERN_PROC_ARGS, getpid(),
	    KERN_PROC_ARGV };
	char **argv;
	size_t size = 0;
	int r;

	if (sysctl(mib, 4, NULL, &size, NULL, 0) == -1 ||
	    (argv = malloc(size)) == NULL)
		return -1;
	r = sysctl(mib, 4, argv, &size, NULL, 0);
	if (r == 0 && (argv[0] == NULL || strchr(argv[0], '/') == NULL)) {
		errno = ENOENT;
		r = -1;
	}
	if (r == 0 && realpath(argv[0], self) == NULL)
		r = -1;
	free(argv);
	return r == -1 ? -1 : open(self, O_RDONLY | O_CLOEXEC);
}

void
sys_self_exec(int fd, char *const argv[], char *const envp[])
{
	(void)fd;
	execve(self, argv, envp);
}

/* rc.d(8) does not wait for a word. */
void
sys_notify(const char *state)
{
	(void)state;
}
