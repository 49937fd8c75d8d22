/* SPDX-License-Identifier: ISC */
/*
 * secd/sys/confine_Linux.c and filter_Linux.c.  Every case is a process of its
 * own: it takes the place of the parent, or of a child as exec by the parent
 * leaves it, and is looked at from here by /proc, or by how it ends.
 */
#include <sys/types.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <linux/capability.h>
#include <linux/if_tun.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <seccomp.h>

#include "secd/sys/sys.h"
#include "tests/unit/netns.h"

#define USER	"nobody"	/* any user but root will do */
#define KEPT	0x430e0ULL	/* NET_ADMIN NET_RAW SETUID SETGID SYS_CHROOT
				 * KILL, spelt out here once more */
#define NET	0x3000ULL	/* NET_ADMIN NET_RAW */
#define ALL_PRIV (SYS_PRIV_NET | SYS_PRIV_ID | SYS_PRIV_CHROOT | SYS_PRIV_KILL)

static char	dir[] = "/tmp/secd-confine.XXXXXX";
static char	empty[64];

/* What the process of a case found; shared with it. */
static struct found {
	int		r[16];
	unsigned int	lost;
	char		why[256];
} *f;

/* --- cases --- */

/* Run it in a process of its own; the wait status. */
static int
run(void (*what)(void))
{
	pid_t pid;
	int status = -1;

	memset(f, 0xff, sizeof(*f));
	f->lost = 0;
	f->why[0] = '\0';
	fflush(stdout);
	if ((pid = fork()) == 0) {
		what();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int
died_of(int status, int sig)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

/* A line of /proc/PID/status or limits, after its name, without blanks. */
static void
proc_line(pid_t pid, const char *file, const char *name, char *buf, size_t size)
{
	char path[64], line[256], *p = NULL;
	FILE *fp;

	buf[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fp = fopen(path, "r")) == NULL)
		return;
	while (p == NULL && fgets(line, sizeof(line), fp) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			p = line + strlen(name);
	fclose(fp);
	if (p == NULL)
		return;
	p += strspn(p, " \t");
	p[strcspn(p, "\n")] = '\0';
	strlcpy(buf, p, size);
}

static unsigned long long
caps(pid_t pid, const char *name)
{
	char buf[64];

	proc_line(pid, "status", name, buf, sizeof(buf));
	return buf[0] == '\0' ? ~0ULL : strtoull(buf, NULL, 16);
}

/* The rights that a process keeps of those it has. */
static void
keep_only(unsigned long long set)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)set, (uint32_t)set, 0 },
		{ (uint32_t)(set >> 32), (uint32_t)(set >> 32), 0 }
	};
	int cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != -1; cap++)
		if (!(set & (1ULL << cap)))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_capset, &h, d) == -1)
		_exit(98);
}

/* Become what a child of secd is right after its exec, then confined. */
static void
confined(enum sys_role role)
{
	if (sys_parent_confine(f->why, sizeof(f->why)) == -1 ||
	    sys_priv(ALL_PRIV) == -1 ||
	    sys_child_confine(role, USER, empty, getppid(), &f->lost, f->why,
	    sizeof(f->why)) == -1) {
		dprintf(2, "# %s\n", f->why);
		_exit(99);
	}
}

static void
filtered(enum sys_role role)
{
	if (sys_child_filter(role, &f->lost, f->why, sizeof(f->why)) == -1) {
		dprintf(2, "# %s\n", f->why);
		_exit(99);
	}
}

/* --- the parent --- */

static void
as_parent(void)
{
	struct rlimit rl;
	pid_t self = getpid();

	f->r[0] = sys_parent_confine(f->why, sizeof(f->why));
	f->r[1] = caps(self, "CapPrm:") == KEPT &&
	    caps(self, "CapBnd:") == KEPT;
	f->r[2] = caps(self, "CapEff:") == 0 && caps(self, "CapInh:") == 0 &&
	    caps(self, "CapAmb:") == 0;
	f->r[3] = socket(AF_INET, SOCK_RAW, IPPROTO_ESP) == -1 &&
	    errno == EPERM;
	f->r[4] = sys_priv(SYS_PRIV_NET) == 0 &&
	    caps(self, "CapEff:") == NET;
	f->r[5] = sys_esp_socket(AF_INET, 1, 0) != -1;
	errno = ENOTTY;
	f->r[6] = sys_priv(0) == 0 && errno == ENOTTY &&
	    caps(self, "CapEff:") == 0;
	f->r[7] = sys_priv(SYS_PRIV_ID | SYS_PRIV_CHROOT | SYS_PRIV_KILL) ==
	    0 && caps(self, "CapEff:") == (KEPT & ~NET);
	getrlimit(RLIMIT_MEMLOCK, &rl);
	f->r[8] = rl.rlim_cur == rl.rlim_max;
}

static void
as_parent_without_net_admin(void)
{
	keep_only(KEPT & ~(1ULL << CAP_NET_ADMIN));
	f->r[0] = sys_parent_confine(f->why, sizeof(f->why));
}

static void
as_parent_without_net_raw(void)
{
	keep_only(KEPT & ~(1ULL << CAP_NET_RAW));
	f->r[0] = sys_parent_confine(f->why, sizeof(f->why));
}

static void
as_parent_without_root(void)
{
	if (setresuid(65534, 65534, 65534) == -1)
		_exit(98);
	f->r[0] = sys_parent_confine(f->why, sizeof(f->why));
}

static void
as_exec_by_parent(void)
{
	char *argv[] = { strdup("confine_test"), strdup("show-caps"), NULL };
	char *envp[] = { NULL };
	int fd;

	if (sys_parent_confine(f->why, sizeof(f->why)) == -1)
		_exit(99);
	fd = sys_self_open();
	sys_self_exec(fd, argv, envp);
	_exit(97);
}

static int
show_caps(void)
{
	pid_t self = getpid();

	return !(caps(self, "CapEff:") == KEPT &&
	    caps(self, "CapPrm:") == KEPT && caps(self, "CapBnd:") == KEPT);
}

static void
test_parent(void)
{
	is(run(as_parent), 0, "a parent runs");
	is(f->r[0], 0, "it is confined %s", f->why);
	is(f->r[1], 1, "it may have the six rights of its work, no others");
	is(f->r[2], 1, "it has none in effect");
	is(f->r[3], 1, "so a raw socket is refused");
	is(f->r[4], 1, "raised for devices, it has those two");
	is(f->r[5], 1, "so a raw socket is there");
	is(f->r[6], 1, "lowered, it has none, and errno is as it was");
	is(f->r[7], 1, "the other four are raised by their own names");
	is(f->r[8], 1, "the locked memory limit is as high as it may be");

	run(as_parent_without_net_admin);
	ok(f->r[0] == -1 && strstr(f->why, "CAP_NET_ADMIN") != NULL,
	    "a missing right is named: %s", f->why);
	run(as_parent_without_net_raw);
	ok(f->r[0] == -1 && strstr(f->why, "CAP_NET_RAW") != NULL,
	    "and the other: %s", f->why);
	run(as_parent_without_root);
	ok(f->r[0] == -1 && strstr(f->why, "root") != NULL,
	    "another user is told: %s", f->why);

	is(run(as_exec_by_parent), 0,
	    "an exec of itself has the six rights in effect, no others");
}

/* --- a child, seen from outside --- */

static int	ready[2], go[2];

static void
wait_for_the_end(void)
{
	char c = 0;

	if (write(ready[1], "r", 1) == 1)
		while (read(go[0], &c, 1) == -1)
			continue;
}

static void
as_control(void)
{
	confined(SYS_CONTROL);
	filtered(SYS_CONTROL);
	wait_for_the_end();
}

static void
as_engine(void)
{
	confined(SYS_ENGINE);
	filtered(SYS_ENGINE);
	wait_for_the_end();
}

static int
has_directory(pid_t pid)
{
	char path[300];
	struct dirent *e;
	struct stat st;
	DIR *fds;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if ((fds = opendir(path)) == NULL)
		return -1;
	while ((e = readdir(fds)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid,
		    e->d_name);
		if (e->d_name[0] != '.' && stat(path, &st) == 0 &&
		    S_ISDIR(st.st_mode))
			found = 1;
	}
	closedir(fds);
	return found;
}

static int
links_to(pid_t pid, const char *name, const char *where)
{
	char path[64], to[128];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	if ((n = readlink(path, to, sizeof(to) - 1)) == -1)
		return 0;
	to[n] = '\0';
	return strcmp(to, where) == 0;
}

static int
line_is(pid_t pid, const char *file, const char *name, const char *expect)
{
	char buf[256];

	proc_line(pid, file, name, buf, sizeof(buf));
	if (strncmp(buf, expect, strlen(expect)) == 0)
		return 1;
	printf("# %s %s, expected %s\n", name, buf, expect);
	return 0;
}

/* Soft and hard. */
static int
limit_is(pid_t pid, const char *name, int value)
{
	char expect[64];

	snprintf(expect, sizeof(expect), "%-20d %-20d ", value, value);
	return line_is(pid, "limits", name, expect);
}

static void
test_child(const char *name, void (*as)(void))
{
	char c, path[64];
	struct rlimit rl;
	struct stat st;
	pid_t pid;
	int status, lockable;

	if (pipe(ready) == -1 || pipe(go) == -1)
		exit(1);
	memset(f, 0, sizeof(*f));
	fflush(stdout);
	if ((pid = fork()) == 0) {
		close(go[1]);
		as();
		_exit(0);
	}
	close(ready[1]);
	close(go[0]);
	ok(read(ready[0], &c, 1) == 1, "%s: is confined", name);
	ok(line_is(pid, "status", "Uid:", "65534\t65534\t65534\t65534") &&
	    line_is(pid, "status", "Gid:", "65534\t65534\t65534\t65534"),
	    "%s: is another user, with no way back", name);
	ok(line_is(pid, "status", "Groups:", "65534 ") ||
	    line_is(pid, "status", "Groups:", "65534"),
	    "%s: is in no other group", name);
	ok(caps(pid, "CapEff:") == 0 && caps(pid, "CapPrm:") == 0 &&
	    caps(pid, "CapInh:") == 0 && caps(pid, "CapAmb:") == 0,
	    "%s: has no capability", name);
	ok((caps(pid, "CapBnd:") & ~KEPT) == 0,
	    "%s: no exec could give it more than the parent's", name);
	ok(line_is(pid, "status", "NoNewPrivs:", "1"),
	    "%s: nor give it anything", name);
	ok(line_is(pid, "status", "Seccomp:", "2"), "%s: has its filter", name);
	ok(links_to(pid, "root", empty) && links_to(pid, "cwd", empty),
	    "%s: has the empty directory for its root", name);
	is(has_directory(pid), 0, "%s: holds no directory", name);
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	ok(stat(path, &st) == 0 && st.st_uid == 0,
	    "%s: is not to be dumped or traced by its user", name);
	ok(limit_is(pid, "Max core file size", 0) &&
	    limit_is(pid, "Max file size", 0) &&
	    limit_is(pid, "Max processes", 0) &&
	    limit_is(pid, "Max open files", 1024),
	    "%s: no core, no file, no process, 1024 descriptors", name);
	getrlimit(RLIMIT_MEMLOCK, &rl);
	lockable = f->lost & 1U << SYS_LOST_MEMLOCK ? 0 : 1;
	ok(lockable ? !line_is(pid, "status", "VmLck:", "0 kB") :
	    line_is(pid, "status", "VmLck:", "0 kB"),
	    "%s: memory is %slocked, and so it says", name,
	    lockable ? "" : "not ");
	ok(lockable || rl.rlim_max != RLIM_INFINITY,
	    "%s: and it is where there is no limit", name);
	is(f->lost & ~(1U << SYS_LOST_MEMLOCK), 0,
	    "%s: no other protection is lost", name);
	close(go[1]);
	waitpid(pid, &status, 0);
	is(status, 0, "%s: ends as it should", name);
	close(ready[0]);
}

/* --- what a child refuses to start with --- */

static const char	*bad_dir, *bad_user = USER;
static pid_t		 bad_ppid;

static void
as_refused(void)
{
	sys_parent_confine(f->why, sizeof(f->why));
	sys_priv(ALL_PRIV);
	f->r[0] = sys_child_confine(SYS_CONTROL, bad_user, bad_dir,
	    bad_ppid != 0 ? bad_ppid : getppid(), &f->lost, f->why,
	    sizeof(f->why));
}

static void
refused(const char *directory, const char *user, pid_t ppid, const char *text)
{
	bad_dir = directory;
	bad_user = user;
	bad_ppid = ppid;
	run(as_refused);
	ok(f->r[0] == -1 && strstr(f->why, text) != NULL, "refused: %s",
	    f->why);
}

static void
test_refusals(void)
{
	char path[sizeof(dir) + 32], file[sizeof(dir) + 64];
	int fd;

	refused(empty, "no-such-user", 0, "no-such-user");
	refused(empty, "root", 0, "uid 0");
	refused(empty, USER, 1, "parent is gone");

	snprintf(path, sizeof(path), "%s/absent", dir);
	refused(path, USER, 0, path);
	snprintf(path, sizeof(path), "%s/link", dir);
	if (symlink(empty, path) == -1)
		exit(1);
	refused(path, USER, 0, path);
	snprintf(path, sizeof(path), "%s/bad", dir);
	if (mkdir(path, 0755) == -1 || chmod(path, 0775) == -1)
		exit(1);
	refused(path, USER, 0, "writable");
	if (chmod(path, 0755) == -1 || chown(path, 65534, 0) == -1)
		exit(1);
	refused(path, USER, 0, "belong to root");
	snprintf(file, sizeof(file), "%s/.hidden", path);
	if (chown(path, 0, 0) == -1 ||
	    (fd = open(file, O_CREAT | O_WRONLY, 0600)) == -1)
		exit(1);
	close(fd);
	refused(path, USER, 0, "must be empty");
	if (unlink(file) == -1)
		exit(1);
	bad_dir = path;
	run(as_refused);
	is(f->r[0], 0, "and accepted when all of that is mended");
}

/* --- it dies with its parent --- */

static void
as_parent_of_one(void)
{
	char c;

	if (fork() == 0) {
		confined(SYS_ENGINE);
		/* no read or write end but ready[1] is left to it */
		close(go[0]);
		close(go[1]);
		if (write(ready[1], "r", 1) == 1)
			for (;;)
				pause();
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		_exit(1);
}

static void
test_parent_death(void)
{
	struct pollfd pfd;
	char c;

	if (pipe(ready) == -1 || pipe(go) == -1)
		exit(1);
	is(run(as_parent_of_one), 0, "a parent with a child dies");
	close(ready[1]);
	close(go[0]);
	close(go[1]);
	pfd.fd = ready[0];
	pfd.events = POLLIN;
	ok(poll(&pfd, 1, 2000) == 1 && read(ready[0], &c, 1) == 0,
	    "and so does the child");
	close(ready[0]);
}

/* --- a container that gives NET_ADMIN and NET_RAW --- */

/* As kernels without this call do. */
static void
without(int call)
{
	scmp_filter_ctx ctx;

	if ((ctx = seccomp_init(SCMP_ACT_ALLOW)) == NULL ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), call, 0) != 0 ||
	    seccomp_load(ctx) != 0)
		_exit(98);
	seccomp_release(ctx);
}

static void
confined_in_container(void)
{
	keep_only(NET);
	f->r[0] = sys_parent_confine(f->why, sizeof(f->why));
	f->r[1] = sys_priv(SYS_PRIV_ID) == -1 && errno == EPERM;
	f->r[2] = sys_priv(SYS_PRIV_NET);
	f->r[3] = sys_child_confine(SYS_ENGINE, USER, empty, getppid(),
	    &f->lost, f->why, sizeof(f->why));
}

static void
as_child_in_container(void)
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct d[2] = { { 1, 1, 1 } };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int file, tun;
	char c;

	file = open("/proc/self/status", O_RDONLY);
	tun = sys_tun_open("sec4");
	confined_in_container();
	f->r[4] = open("/etc/passwd", O_RDONLY) == -1 && errno == EACCES;
	f->r[5] = open("/", O_RDONLY | O_DIRECTORY) == -1 && errno == EACCES;
	f->r[6] = rmdir(empty) == -1 && errno == EACCES;
	f->r[7] = read(file, &c, 1) == 1 && sys_tun_carrier(tun, 0) == 0;
	sin.sin_port = htons(9);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->r[8] = connect(socket(AF_INET, SOCK_STREAM, 0),
	    (struct sockaddr *)&sin, sizeof(sin)) == -1 ? errno : 0;
	f->r[9] = kill(getppid(), 0) == -1 ? errno : 0;
	f->r[10] = syscall(SYS_capget, &h, d) == 0 &&
	    (d[0].effective | d[0].permitted | d[0].inheritable |
	    d[1].effective | d[1].permitted | d[1].inheritable) == 0;
	filtered(SYS_ENGINE);
	lseek(file, 0, SEEK_SET);	/* kills */
}

static void
as_child_without_landlock(void)
{
	without(SCMP_SYS(landlock_create_ruleset));
	confined_in_container();
}

static void
as_child_without_seccomp(void)
{
	confined(SYS_CONTROL);
	without(SCMP_SYS(seccomp));
	f->r[0] = sys_child_filter(SYS_CONTROL, &f->lost, f->why,
	    sizeof(f->why));
}

static void
test_container(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	unsigned int some = 1U << SYS_LOST_MEMLOCK;

	ok(died_of(run(as_child_in_container), SIGSYS),
	    "in a container a child still has its filter");
	is(f->r[0], 0, "the parent starts with two rights %s", f->why);
	is(f->r[1], 1, "the others it cannot raise");
	is(f->r[2], 0, "those it can");
	is(f->r[3], 0, "the child is confined %s", f->why);
	is(f->lost & ~some, 1U << SYS_LOST_UID | 1U << SYS_LOST_CHROOT,
	    "and says that uid and chroot are lost");
	is(f->r[10], 1, "uid 0 has no capability left");
	is(f->r[4], 1, "Landlock: no file is opened");
	is(f->r[5], 1, "Landlock: no directory");
	is(f->r[6], 1, "Landlock: none is removed");
	is(f->r[7], 1, "Landlock: open descriptors work, tun's ioctl too");
	is(f->r[8], version >= 4 ? EACCES : ECONNREFUSED,
	    "Landlock: no TCP connection (version %ld)", version);
	is(f->r[9], version >= 6 ? EPERM : 0, "Landlock: no signal outside");

	run(as_child_without_landlock);
	is(f->r[3], 0, "without Landlock it is confined all the same");
	is(f->lost & ~some, 1U << SYS_LOST_UID | 1U << SYS_LOST_LANDLOCK,
	    "and says that files are in its reach");
	run(as_child_without_seccomp);
	is(f->r[0], 0, "without seccomp it starts");
	is(f->lost & ~some, 1U << SYS_LOST_SECCOMP, "and says so");
}

static void
test_texts(void)
{
	int i, j, good = 1;

	for (i = 0; i < SYS_LOST_MAX; i++)
		for (j = 0; j < i; j++)
			good &= strcmp(sys_lost_text(i),
			    sys_lost_text(j)) != 0;
	ok(good, "each loss has its own text");
	ok(strcmp(sys_lost_text(SYS_LOST_MAX), "?") == 0, "and no other has");
}

/* --- the filter: what it forbids --- */

#define BOTH	(1U << SYS_CONTROL | 1U << SYS_ENGINE)
#define CONTROL	(1U << SYS_CONTROL)
#define ENGINE	(1U << SYS_ENGINE)

/* Three arguments are enough: the filter looks at no more of these. */
static const struct forbidden {
	const char	*name;
	unsigned int	 roles;
	long		 call;
	unsigned long	 arg[3];
} forbidden[] = {
#ifdef SYS_open
	{ "open",		BOTH, SYS_open, { 0 } },
	{ "fork",		BOTH, SYS_fork, { 0 } },
	{ "unlink",		BOTH, SYS_unlink, { 0 } },
#endif
	{ "openat",		BOTH, SYS_openat, { 0 } },
	{ "openat2",		BOTH, SYS_openat2, { 0 } },
	{ "open_by_handle_at",	BOTH, SYS_open_by_handle_at, { 0 } },
	{ "memfd_create",	BOTH, SYS_memfd_create, { 0 } },
	{ "statx", BOTH, SYS_statx, { 0 } },
	{ "getdents64",		BOTH, SYS_getdents64, { 0 } },
	{ "unlinkat",		BOTH, SYS_unlinkat, { 0 } },
	{ "chdir",		BOTH, SYS_chdir, { 0 } },
	{ "chroot",		BOTH, SYS_chroot, { 0 } },
	{ "mount",		BOTH, SYS_mount, { 0 } },
	{ "socket",		BOTH, SYS_socket, { AF_INET, SOCK_DGRAM } },
	{ "socketpair",		BOTH, SYS_socketpair, { 0 } },
	{ "bind",		BOTH, SYS_bind, { 0 } },
	{ "connect",		BOTH, SYS_connect, { 0 } },
	{ "listen",		BOTH, SYS_listen, { 0 } },
	{ "setsockopt",		BOTH, SYS_setsockopt, { 0 } },
	{ "setsockopt SO_ATTACH_FILTER", BOTH, SYS_setsockopt,
	    { 0, SOL_SOCKET, SO_ATTACH_FILTER } },
	{ "setsockopt of another level", BOTH, SYS_setsockopt,
	    { 0, IPPROTO_IP, SO_ATTACH_REUSEPORT_CBPF } },
	{ "setsockopt SO_ATTACH_REUSEPORT_CBPF in control", CONTROL,
	    SYS_setsockopt, { 0, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF } },
	{ "execve",		BOTH, SYS_execve, { 0 } },
	{ "execveat",		BOTH, SYS_execveat, { 0 } },
	{ "clone",		BOTH, SYS_clone, { SIGCHLD } },
	{ "clone3",		BOTH, SYS_clone3, { 0 } },
	{ "unshare",		BOTH, SYS_unshare, { 0 } },
	{ "setns",		BOTH, SYS_setns, { 0 } },
	{ "ptrace",		BOTH, SYS_ptrace, { 0 } },
	{ "process_vm_readv",	BOTH, SYS_process_vm_readv, { 0 } },
	{ "pidfd_getfd",	BOTH, SYS_pidfd_getfd, { 0 } },
	{ "kill",		BOTH, SYS_kill, { 0, 0 } },
	{ "tgkill of another",	BOTH, SYS_tgkill, { 1, 1, 0 } },
	{ "prctl",		BOTH, SYS_prctl, { PR_GET_DUMPABLE } },
	{ "prlimit64",		BOTH, SYS_prlimit64, { 0 } },
	{ "capset",		BOTH, SYS_capset, { 0 } },
	{ "setuid",		BOTH, SYS_setuid, { 0 } },
	{ "seccomp",		BOTH, SYS_seccomp, { 99 } },
	{ "bpf",		BOTH, SYS_bpf, { 0 } },
	{ "keyctl",		BOTH, SYS_keyctl, { 0 } },
	{ "io_uring_setup",	BOTH, SYS_io_uring_setup, { 0 } },
	{ "userfaultfd",	BOTH, SYS_userfaultfd, { 0 } },
	{ "perf_event_open",	BOTH, SYS_perf_event_open, { 0 } },
	{ "a call without name", BOTH, 4000, { 0 } },
	{ "ioctl FIONREAD",	BOTH, SYS_ioctl, { 0, FIONREAD } },
	{ "ioctl TIOCSTI",	BOTH, SYS_ioctl, { 0, TIOCSTI } },
	{ "ioctl TUNSETIFF",	BOTH, SYS_ioctl, { 0, TUNSETIFF } },
	{ "ioctl TUNSETPERSIST", BOTH, SYS_ioctl, { 0, TUNSETPERSIST } },
	{ "ioctl TUNSETCARRIER in control", CONTROL, SYS_ioctl,
	    { 0, TUNSETCARRIER } },
	{ "fcntl F_SETOWN",	BOTH, SYS_fcntl, { 0, F_SETOWN } },
	{ "mmap of code",	BOTH, SYS_mmap,
	    { 0, 4096, PROT_READ | PROT_EXEC } },
	{ "mprotect to code",	BOTH, SYS_mprotect,
	    { 0, 0, PROT_READ | PROT_EXEC } },
	{ "pkey_mprotect",	BOTH, SYS_pkey_mprotect, { 0 } },
	{ "recvmmsg in control", CONTROL, SYS_recvmmsg, { 0 } },
	{ "sendmmsg in control", CONTROL, SYS_sendmmsg, { 0 } },
	{ "readv in control",	CONTROL, SYS_readv, { 0 } },
	{ "accept4 in engine",	ENGINE, SYS_accept4, { 0 } },
	{ "sendto in engine",	ENGINE, SYS_sendto, { 0 } },
	{ "getsockopt in engine", ENGINE, SYS_getsockopt,
	    { 0, SOL_SOCKET, SO_PEERCRED } },
	{ "getsockopt SO_RCVBUF", BOTH, SYS_getsockopt,
	    { 0, SOL_SOCKET, SO_RCVBUF } },
	{ "getsockopt IPPROTO_IP", BOTH, SYS_getsockopt,
	    { 0, IPPROTO_IP, SO_PEERCRED } },
#ifdef __x86_64__
	{ "getpid by another call table", BOTH, 0x40000000 | SYS_getpid,
	    { 0 } },
#endif
};

static const struct forbidden	*now;
static enum sys_role		 now_role;

static void
as_offender(void)
{
	confined(now_role);
	filtered(now_role);
	f->r[0] = 1;		/* it came as far as the call */
	syscall(now->call, now->arg[0], now->arg[1], now->arg[2], 0, 0, 0);
	f->r[0] = 2;
}

/* It begins before the filter; read and openat are all it calls after. */
static void *
offending_thread(void *arg)
{
	char c;

	if (read(*(int *)arg, &c, 1) == 1)
		syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY);
	f->r[0] = 2;
	return NULL;
}

static void
as_offender_in_thread(void)
{
	pthread_t thread;
	int fd[2];

	confined(SYS_ENGINE);
	if (pipe(fd) == -1 ||
	    pthread_create(&thread, NULL, offending_thread, fd) != 0)
		_exit(98);
	filtered(SYS_ENGINE);
	f->r[0] = 1;
	if (write(fd[1], "x", 1) != 1)
		f->r[0] = 0;
	pthread_join(thread, NULL);
}

static void
as_aborter(void)
{
	confined(SYS_ENGINE);
	filtered(SYS_ENGINE);
	abort();
}

static void
test_forbidden(void)
{
	static const char *const names[] = { "control", "engine" };
	size_t i;
	int role, status;

	for (role = SYS_CONTROL; role <= SYS_ENGINE; role++) {
		now_role = role;
		for (i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
			now = &forbidden[i];
			if (!(now->roles & 1U << role))
				continue;
			status = run(as_offender);
			ok(died_of(status, SIGSYS) && f->r[0] == 1,
			    "%s dies of %s", names[role], now->name);
		}
	}
	status = run(as_offender_in_thread);
	ok(died_of(status, SIGSYS) && f->r[0] == 1,
	    "a thread made before the filter is under it");
	ok(died_of(run(as_aborter), SIGABRT), "abort(3) is still an abort");
}

/* --- the filter: what it allows --- */

static struct event_base *base;

static void
stop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (++*(int *)arg == 2)
		event_base_loopbreak(base);
}

static int
compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* A loop with a descriptor that is ready, and a timer. */
static int
loops(int readable)
{
	const struct timeval soon = { 0, 10000 };
	struct event *rev, *tev;
	int count = 0;

	rev = event_new(base, readable, EV_READ, stop, &count);
	tev = event_new(base, -1, 0, stop, &count);
	if (rev == NULL || tev == NULL || event_add(rev, NULL) == -1 ||
	    event_add(tev, &soon) == -1)
		return 0;
	event_base_dispatch(base);
	event_free(rev);
	event_free(tev);
	return count == 2;
}

/* libc's own needs: large and small memory, sorting, chance, time, locks. */
static int
libc_works(void)
{
	const size_t n = 300000;
	struct timespec ts;
	void *small[1000];
	size_t i;
	int *v, good;

	for (i = 0; i < sizeof(small) / sizeof(small[0]); i++)
		if ((small[i] = malloc(1000)) == NULL)
			return 0;
	while (i-- > 0)
		free(small[i]);
	if ((v = malloc(n * sizeof(*v))) == NULL)
		return 0;
	arc4random_buf(v, n * sizeof(*v));
	for (i = 0; i < n; i++)
		v[i] &= 0xffffff;
	qsort(v, n, sizeof(*v), compare);
	good = v[0] <= v[n - 1];
	if ((v = realloc(v, 2 * n * sizeof(*v))) == NULL)
		return 0;
	freezero(v, 2 * n * sizeof(*v));
	return good && clock_gettime(CLOCK_MONOTONIC, &ts) == 0 &&
	    time(NULL) > 0;
}

/* A message with a descriptor goes out and comes back, as ipc.c does it. */
static int
passes_descriptor(const int sp[2])
{
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int))];
	} c;
	struct pollfd pfd = { .fd = sp[1], .events = POLLOUT };
	char text[2] = "x";
	struct iovec iov = { text, 1 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &c, .msg_controllen = sizeof(c) };
	int copy;

	if ((copy = fcntl(sp[0], F_DUPFD_CLOEXEC, 0)) == -1)
		return 0;
	memset(&c, 0, sizeof(c));
	c.hdr.cmsg_level = SOL_SOCKET;
	c.hdr.cmsg_type = SCM_RIGHTS;
	c.hdr.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&c.hdr), &copy, sizeof(copy));
	return poll(&pfd, 1, 0) == 1 &&
	    sendmsg(sp[1], &mh, MSG_NOSIGNAL) == 1 &&
	    recvmsg(sp[0], &mh, MSG_CMSG_CLOEXEC) == 1 &&
	    evutil_make_socket_nonblocking(sp[0]) == 0 && close(copy) == 0;
}

/* A listener is inherited; its clients are taken and asked who they are. */
static int
serves(int listener)
{
	char c;
	uid_t uid;
	gid_t gid;
	int fd;

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return fd != -1 && getpeereid(fd, &uid, &gid) == 0 && uid == 0 &&
	    recv(fd, &c, 1, 0) == 1 && send(fd, &c, 1, MSG_NOSIGNAL) == 1 &&
	    shutdown(fd, SHUT_RDWR) == 0 && close(fd) == 0;
}

static void
as_working_control(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(sun);
	int listener, client, log[2], sp[2];

	/* an abstract name that the kernel chooses */
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&sun,
	    sizeof(sa_family_t)) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sun, &len) == -1 ||
	    listen(listener, 5) == -1 ||
	    connect(client, (struct sockaddr *)&sun, len) == -1 ||
	    write(client, "x", 1) != 1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sp) == -1 ||
	    pipe(log) == -1 || dup2(log[1], STDERR_FILENO) == -1)
		_exit(98);
	confined(SYS_CONTROL);
	if ((base = event_base_new()) == NULL)
		_exit(98);
	filtered(SYS_CONTROL);
	f->r[0] = loops(listener);
	f->r[1] = serves(listener);
	f->r[2] = passes_descriptor(sp);
	f->r[3] = libc_works();
	f->r[4] = fprintf(stderr, "a line of log\n") == 14;
	exit(0);
}

/* The worker: wakes by an eventfd, allocates, carries packets. */
struct work {
	int	wake;
	int	tun;
	int	esp;
};

static void *
worker(void *arg)
{
	static uint8_t buf[SYS_BATCH][2048];
	struct esp_offload off = { 0 };
	struct iovec e = { buf[0], 1 };
	struct sys_dgram d[SYS_BATCH];
	struct work *w = arg;
	uint64_t one;
	void *mem;
	int i;

	if (read(w->wake, &one, sizeof(one)) != sizeof(one))
		return NULL;
	/* the first allocation of a thread makes it a heap */
	mem = malloc(1000);
	f->r[0] = mem != NULL;
	buf[0][0] = 'E';
	free(mem);
	f->r[1] = sys_tun_write(w->tun, &off, &e, 1) == -1 && errno == EIO;
	f->r[2] = sys_tun_read(w->tun, &off, buf[0], sizeof(buf[0])) == -1 &&
	    errno == EAGAIN;
	memset(d, 0, sizeof(d));
	for (i = 0; i < SYS_BATCH; i++) {
		addr_parse("127.0.0.1", &d[i].dst);
		d[i].src = d[i].dst;
		d[i].data = d[i].buf = buf[i];
		d[i].len = 100;
		d[i].size = sizeof(buf[i]);
	}
	f->r[3] = sys_esp_send(w->esp, AF_INET, d, SYS_BATCH);
	f->r[4] = sys_esp_recv(w->esp, AF_INET, d, SYS_BATCH);
	return NULL;
}

static void
as_working_engine(void)
{
	pthread_t thread;
	const uint64_t one = 1;
	struct work w;
	int key, udp, sp[2];
	char c;

	udp = sys_udp_socket(AF_INET, 4500, 1);
	w.wake = eventfd(0, EFD_CLOEXEC);
	w.tun = sys_tun_open("sec3");
	w.esp = sys_esp_socket(AF_INET, 1, 0);
	key = open("/etc/passwd", O_RDONLY);
	if (udp == -1 || w.wake == -1 || w.tun == -1 || w.esp == -1 ||
	    key == -1 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sp) == -1)
		_exit(98);
	confined(SYS_ENGINE);
	if ((base = event_base_new()) == NULL ||
	    pthread_create(&thread, NULL, worker, &w) != 0)
		_exit(98);
	/* at once: a thread that has hardly begun must not die of it */
	filtered(SYS_ENGINE);
	if (write(w.wake, &one, sizeof(one)) != sizeof(one))
		_exit(97);
	pthread_join(thread, NULL);
	if (write(w.wake, &one, sizeof(one)) != sizeof(one))
		_exit(97);
	f->r[5] = loops(w.wake);
	f->r[6] = passes_descriptor(sp);
	f->r[7] = libc_works();
	f->r[8] = sys_tun_carrier(w.tun, 0) == 0 &&
	    sys_tun_carrier(w.tun, 1) == 0;
	f->r[10] = sys_udp_select(udp, 1) == 0;
	f->r[9] = read(key, &c, 1) == 1 && close(key) == 0;
	exit(0);
}

static void
test_allowed(void)
{
	is(run(as_working_control), 0, "control works under its filter");
	is(f->r[0], 1, "event loop and timer");
	is(f->r[1], 1, "a client is taken, named, answered, hung up on");
	is(f->r[2], 1, "a descriptor is passed");
	is(f->r[3], 1, "memory, sorting, chance, time");
	is(f->r[4], 1, "a line is logged");

	is(run(as_working_engine), 0, "engine works under its filter");
	is(f->r[0], 1, "its thread allocates");
	is(f->r[1], 1, "writes to a tun");
	is(f->r[2], 1, "and reads");
	is(f->r[3], SYS_BATCH, "sends a batch");
	is(f->r[4], SYS_BATCH, "and receives it");
	is(f->r[5], 1, "event loop and timer");
	is(f->r[6], 1, "a descriptor is passed");
	is(f->r[7], 1, "memory, sorting, chance, time");
	is(f->r[8], 1, "the carrier is set");
	is(f->r[9], 1, "a key file is read and closed");
	is(f->r[10], 1, "a port's selector is set");
}

/* --- the service manager --- */

static void
test_notify(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char text[64], name[sizeof(sun.sun_path)];
	ssize_t n;
	int fd;

	unsetenv("NOTIFY_SOCKET");
	sys_notify("READY=1");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/notify", dir);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		exit(1);
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	sys_notify("READY=1");
	n = recv(fd, text, sizeof(text), 0);
	ok(n == 7 && memcmp(text, "READY=1", 7) == 0,
	    "the service manager is told, by a path");
	close(fd);

	snprintf(name, sizeof(name), "@secd-confine-test-%d", (int)getpid());
	memset(&sun.sun_path, 0, sizeof(sun.sun_path));
	memcpy(sun.sun_path + 1, name + 1, strlen(name) - 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (bind(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(name))) == -1)
		exit(1);
	setenv("NOTIFY_SOCKET", name, 1);
	sys_notify("READY=1");
	n = recv(fd, text, sizeof(text), 0);
	ok(n == 7 && memcmp(text, "READY=1", 7) == 0,
	    "and by an abstract name");
	close(fd);
}

static void
clean_up(void)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (system(cmd) != 0)
		printf("# %s is left\n", dir);
}

int
main(int argc, char *argv[])
{
	struct rlimit rl;

	if (argc == 2 && strcmp(argv[1], "show-caps") == 0)
		return show_caps();
	netns_enter();
	scene("ip link set lo up");
	f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f == MAP_FAILED || mkdtemp(dir) == NULL || chmod(dir, 0755) == -1)
		return 1;
	snprintf(empty, sizeof(empty), "%s/empty", dir);
	if (mkdir(empty, 0755) == -1 || chmod(empty, 0755) == -1)
		return 1;
	/* the ends that are looked for here are not worth a core file each */
	getrlimit(RLIMIT_CORE, &rl);
	rl.rlim_cur = 0;
	setrlimit(RLIMIT_CORE, &rl);
	test_texts();
	test_parent();
	test_child("control", as_control);
	test_child("engine", as_engine);
	test_refusals();
	test_parent_death();
	test_container();
	test_forbidden();
	test_allowed();
	test_notify();
	clean_up();
	return tap_done();
}
