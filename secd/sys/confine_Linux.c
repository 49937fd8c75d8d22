/* SPDX-License-Identifier: ISC */
/*
 * Who may do what, on Linux: capabilities of the parent, and all that a child
 * gives up before it sees a byte from outside (the system call filter is in
 * filter_Linux.c).  Called at start by the parent and by each child, and by
 * the parent around each call that needs a right.
 *
 * Capabilities belong to threads: sys_parent_confine() comes before the
 * parent makes any, and sys_priv() raises for the calling thread alone.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <linux/capability.h>
#include <linux/landlock.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

#define CAP(c)		(1ULL << (c))
#define KEPT		(CAP(CAP_NET_ADMIN) | CAP(CAP_NET_RAW) |	\
			CAP(CAP_SETUID) | CAP(CAP_SETGID) |		\
			CAP(CAP_SYS_CHROOT) | CAP(CAP_KILL))
/* a client's socket, a tun device, a listener each; and no more */
#define CHILD_NOFILE	1024

static const char *const lost_text[SYS_LOST_MAX] = {
	[SYS_LOST_UID] = "children keep uid 0: CAP_SETUID and CAP_SETGID "
	    "are missing",
	[SYS_LOST_CHROOT] = "children have no empty root: CAP_SYS_CHROOT is "
	    "missing; Landlock denies them all files instead",
	[SYS_LOST_LANDLOCK] = "children can reach files: neither "
	    "CAP_SYS_CHROOT nor Landlock is there",
	[SYS_LOST_SECCOMP] = "no system call filter: the kernel has no "
	    "seccomp",
	[SYS_LOST_MEMLOCK] = "keys may reach swap: the locked memory limit "
	    "is too low",
	[SYS_LOST_FAILCLOSED] = "net.ipv4.conf.all."
	    "ignore_routes_with_linkdown is 1: without secd its IPv4 routes "
	    "are passed over, see sec(4)",
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

/* --- capability sets of the calling thread --- */

struct caps {
	uint64_t	effective;
	uint64_t	permitted;
	uint64_t	inheritable;
};

static int
caps_get(struct caps *c)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2];

	memset(d, 0, sizeof(d));
	if (syscall(SYS_capget, &h, d) == -1)
		return -1;
	c->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	c->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	c->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return 0;
}

static int
caps_set(const struct caps *c)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)c->effective, (uint32_t)c->permitted,
		    (uint32_t)c->inheritable },
		{ (uint32_t)(c->effective >> 32),
		    (uint32_t)(c->permitted >> 32),
		    (uint32_t)(c->inheritable >> 32) }
	};

	return syscall(SYS_capset, &h, d) == -1 ? -1 : 0;
}

/* --- parent --- */

/*
 * What an exec by uid 0 would give back is what is in the bounding set.  Where
 * cutting it is not allowed (no CAP_SETPCAP), whoever gave us our few rights
 * has cut it already.
 */
static void
cut_bounding(void)
{
	int cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != -1; cap++)
		if (cap > 63 || !(KEPT & CAP(cap)))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int
sys_parent_confine(char *why, size_t size)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY }, now;
	struct caps c;

	if (geteuid() != 0)
		return refuse(why, size, "secd must be started as root");
	if (caps_get(&c) == -1)
		return refuse(why, size, "capabilities: %s", strerror(errno));
	if (!(c.permitted & CAP(CAP_NET_ADMIN)))
		return refuse(why, size, "CAP_NET_ADMIN is missing: give it to "
		    "the container or the unit that runs secd");
	if (!(c.permitted & CAP(CAP_NET_RAW)))
		return refuse(why, size, "CAP_NET_RAW is missing: give it to "
		    "the container or the unit that runs secd");

	/* before CAP_SYS_RESOURCE goes; children inherit the limit */
	if (setrlimit(RLIMIT_MEMLOCK, &all) == -1 &&
	    getrlimit(RLIMIT_MEMLOCK, &now) == 0) {
		now.rlim_cur = now.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &now);
	}
	cut_bounding();
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	c.permitted &= KEPT;
	c.effective = c.inheritable = 0;
	if (caps_set(&c) == -1)
		return refuse(why, size, "capabilities: %s", strerror(errno));
	return 0;
}

int
sys_priv(unsigned int mask)
{
	struct caps c;
	int saved = errno;

	if (caps_get(&c) == -1)
		return -1;
	c.effective = 0;
	if (mask & SYS_PRIV_NET)
		c.effective |= CAP(CAP_NET_ADMIN) | CAP(CAP_NET_RAW);
	if (mask & SYS_PRIV_ID)
		c.effective |= CAP(CAP_SETUID) | CAP(CAP_SETGID);
	if (mask & SYS_PRIV_CHROOT)
		c.effective |= CAP(CAP_SYS_CHROOT);
	if (mask & SYS_PRIV_KILL)
		c.effective |= CAP(CAP_KILL);
	if (caps_set(&c) == -1)
		return -1;
	errno = saved;
	return 0;
}

/* --- child: files --- */

/* 1 if the directory has no entry, 0 if it has one, -1 with errno. */
static int
is_empty(int dirfd)
{
	struct dirent *e;
	DIR *dir;
	int fd, empty = 1;

	if ((fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return -1;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return -1;
	}
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
	int fd, empty;

	fd = open(emptydir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return refuse(why, size, "%s: %s", emptydir, strerror(errno));
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return refuse(why, size, "%s: must belong to root and be "
		    "writable by nobody else", emptydir);
	if ((empty = is_empty(fd)) == -1)
		return refuse(why, size, "%s: %s", emptydir, strerror(errno));
	if (!empty)
		return refuse(why, size, "%s: must be empty", emptydir);
	/* the directory that was looked at, whatever the name means by now */
	if (fchdir(fd) == -1 || chroot(".") == -1 || chdir("/") == -1)
		return refuse(why, size, "chroot %s: %s", emptydir,
		    strerror(errno));
	close(fd);
	return 0;
}

/*
 * Landlock that handles every right and allows none: no file is opened, made
 * or removed, no TCP port is bound or connected to, no abstract socket or
 * process outside is reached.  Descriptors that are open go on working.
 * Rights came with later versions, and a kernel refuses those it does not
 * know.  The structure is our own, the system's header may be older.
 */
static int
landlock_all(void)
{
	struct {
		uint64_t	fs;
		uint64_t	net;		/* version 4 */
		uint64_t	scoped;		/* version 6 */
	} attr = { .fs = (1 << 13) - 1 };
	size_t len = sizeof(attr.fs);
	long version;
	int fd, r;

	if ((version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION)) < 1)
		return -1;
	if (version >= 2)
		attr.fs |= 1 << 13;	/* link and rename */
	if (version >= 3)
		attr.fs |= 1 << 14;	/* truncate */
	if (version >= 5)
		attr.fs |= 1 << 15;	/* ioctl on devices opened from now */
	if (version >= 4) {
		attr.net = 3;		/* TCP bind and connect */
		len = 2 * sizeof(uint64_t);
	}
	if (version >= 6) {
		attr.scoped = 3;	/* abstract sockets, signals */
		len = 3 * sizeof(uint64_t);
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, len, 0);
	if (fd == -1)
		return -1;
	r = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return r;
}

/* --- child: identity, limits --- */

static int
become_user(const struct passwd *pw, char *why, size_t size)
{
	uid_t r, e, s;
	gid_t rg, eg, sg, gid = pw->pw_gid;

	if (setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		return refuse(why, size, "become user %s: %s", pw->pw_name,
		    strerror(errno));
	if (getresuid(&r, &e, &s) == -1 || getresgid(&rg, &eg, &sg) == -1 ||
	    r != pw->pw_uid || e != r || s != r ||
	    rg != gid || eg != gid || sg != gid ||
	    setuid(0) != -1 || setgid(0) != -1 || setgroups(0, NULL) != -1)
		return refuse(why, size, "the way back from user %s is open",
		    pw->pw_name);
	return 0;
}

static int
no_capabilities(char *why, size_t size)
{
	struct caps c = { 0, 0, 0 };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
	    caps_set(&c) == -1 || caps_get(&c) == -1)
		return refuse(why, size, "capabilities: %s", strerror(errno));
	if (c.effective != 0 || c.permitted != 0 || c.inheritable != 0)
		return refuse(why, size, "capabilities do not go");
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
 * Everything, now and later, but only pages that are really used.  With a
 * finite limit that would make a later allocation fail in the middle of work,
 * so then nothing is locked here.
 */
static int
lock_memory(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_MEMLOCK, &rl) == -1 ||
	    rl.rlim_cur != RLIM_INFINITY)
		return -1;
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/*
 * Setting the parent-death signal comes after the change of identity, which
 * clears it; asking for the parent comes after that, so that one which died
 * in between is noticed.
 */
static int
bind_to_parent(pid_t ppid, char *why, size_t size)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		return refuse(why, size, "parent-death signal: %s",
		    strerror(errno));
	if (getppid() != ppid)
		return refuse(why, size, "the parent is gone");
	return 0;
}

int
sys_child_confine(enum sys_role role, const char *user, const char *emptydir,
    pid_t ppid, unsigned int *lost, char *why, size_t size)
{
	struct passwd *pw = NULL;
	struct caps c;
	int own_user, own_root;

	(void)role;
	*lost = 0;
	if (caps_get(&c) == -1)
		return refuse(why, size, "capabilities: %s", strerror(errno));
	own_user = (c.effective & CAP(CAP_SETUID)) &&
	    (c.effective & CAP(CAP_SETGID));
	own_root = (c.effective & CAP(CAP_SYS_CHROOT)) != 0;

	/* the user is looked up while there are files to look it up in */
	if (own_user && (pw = getpwnam(user)) == NULL)
		return refuse(why, size, "user %s does not exist", user);
	if (own_user && pw->pw_uid == 0)
		return refuse(why, size, "user %s must not be uid 0", user);

	if (own_root && enter_empty_root(emptydir, why, size) == -1)
		return -1;
	if (own_user && become_user(pw, why, size) == -1)
		return -1;
	if (no_capabilities(why, size) == -1)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return refuse(why, size, "prctl: %s", strerror(errno));
	if (bind_to_parent(ppid, why, size) == -1)
		return -1;
	/* no core, no file written; what has been passed in still fits */
	if (limit(RLIMIT_CORE, 0) == -1 || limit(RLIMIT_FSIZE, 0) == -1 ||
	    limit(RLIMIT_NOFILE, CHILD_NOFILE) == -1)
		return refuse(why, size, "resource limits: %s",
		    strerror(errno));
#ifdef M_ARENA_MAX
	/* or glibc, with the ninth thread, looks in /sys for processors */
	mallopt(M_ARENA_MAX, 1);
#endif
	if (lock_memory() == -1)
		*lost |= 1U << SYS_LOST_MEMLOCK;
	if (!own_user)
		*lost |= 1U << SYS_LOST_UID;
	if (own_root)
		return 0;
	if (chdir("/") == -1)
		return refuse(why, size, "/: %s", strerror(errno));
	*lost |= 1U << (landlock_all() == 0 ? SYS_LOST_CHROOT :
	    SYS_LOST_LANDLOCK);
	return 0;
}

/* --- our own program --- */

/*
 * The engine's heap in huge pages, where the system gives them to who asks.
 * With thousands of SAs in small ones, half of what a packet waits for is the
 * tables that say where its SA is.
 */
char *const *
sys_child_env(enum sys_role role)
{
	static char tunables[] = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1";
	static char *const none[] = { NULL };
	static char *const some[] = { tunables, NULL };

	return role == SYS_ENGINE ? some : none;
}

int
sys_self_open(void)
{
	return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

void
sys_self_exec(int fd, char *const argv[], char *const envp[])
{
	syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
}

/* --- the service manager --- */

void
sys_notify(const char *state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	if ((len = strlen(path)) >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, len);
	if (sun.sun_path[0] == '@')
		sun.sun_path[0] = '\0';
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}
