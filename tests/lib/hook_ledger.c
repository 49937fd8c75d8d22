/* SPDX-License-Identifier: ISC */
/*
 * LD_PRELOAD library for tests of the whole daemon: makes the disk under the
 * ledger slow, full or bad, and kills the process at chosen points.  It acts
 * only on descriptors of the ledger's file, and on messages that answer a
 * reservation.  Steered by files in the directory $SECD_HOOK_DIR:
 *
 *	hold			while it exists fdatasync waits
 *	delay_ms		N: fdatasync takes N ms longer
 *	fail_pwrite		ENOSPC, EIO, EROFS or EDQUOT: the call fails
 *	fail_fdatasync		... and nothing is written or synced
 *	kill_before_pwrite	N: SIGKILL at the Nth such call since the file
 *	kill_after_pwrite	appeared (empty: the first)
 *	kill_before_fdatasync
 *	kill_after_fdatasync
 *	kill_before_reply	N: at the Nth MSG_RESERVED about to be sent
 *	log			gets a line for each call: monotonic time in
 *				seconds, call, offset, length or -1, result
 *
 * Each control is looked at with each call, a hold every 5 ms.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "secd/ipc.h"
#include "secd/ledger.h"

struct point {
	const char	*name;
	atomic_int	 count;
};

static struct point before_pwrite = { "kill_before_pwrite", 0 };
static struct point after_pwrite = { "kill_after_pwrite", 0 };
static struct point before_sync = { "kill_before_fdatasync", 0 };
static struct point after_sync = { "kill_after_fdatasync", 0 };
static struct point before_reply = { "kill_before_reply", 0 };

ssize_t	pwrite64(int, const void *, size_t, off64_t);

static const char *
file(char *path, size_t size, const char *name)
{
	const char *dir = getenv("SECD_HOOK_DIR");

	if (dir == NULL)
		return NULL;
	snprintf(path, size, "%s/%s", dir, name);
	return path;
}

/* 1 and the contents in text if the control exists. */
static int
control(const char *name, char *text, size_t size)
{
	char path[512];
	int fd, saved = errno;
	ssize_t n;

	if (file(path, sizeof(path), name) == NULL ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		errno = saved;
		return 0;
	}
	n = read(fd, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	errno = saved;
	return 1;
}

static void
note(const char *call, long long at, long long len, long long result)
{
	char path[512], line[128];
	struct timespec now;
	int fd, n, saved = errno;

	if (file(path, sizeof(path), "log") == NULL)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	n = snprintf(line, sizeof(line), "%lld.%09ld %s %lld %lld %lld\n",
	    (long long)now.tv_sec, now.tv_nsec, call, at, len, result);
	(void)!write(fd, line, (size_t)n);
	close(fd);
	errno = saved;
}

static void
die_at(struct point *p)
{
	char text[32];

	if (!control(p->name, text, sizeof(text))) {
		atomic_store(&p->count, 0);
		return;
	}
	if (atomic_fetch_add(&p->count, 1) + 1 < atoi(text))
		return;
	note(p->name, -1, -1, 0);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* 1 with errno set if the call is to fail. */
static int
fails(const char *name)
{
	static const struct {
		const char	*name;
		int		 error;
	} errors[] = {
		{ "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EROFS", EROFS },
		{ "EDQUOT", EDQUOT },
	};
	char text[32];
	size_t i;

	if (!control(name, text, sizeof(text)))
		return 0;
	text[strcspn(text, " \n")] = '\0';
	errno = EIO;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(text, errors[i].name) == 0)
			errno = errors[i].error;
	return 1;
}

static int
is_ledger(int fd)
{
	char link[64], path[512];
	const char *base;
	int saved = errno;
	ssize_t n;

	if (getenv("SECD_HOOK_DIR") == NULL)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	errno = saved;
	if (n <= 0)
		return 0;
	path[n] = '\0';
	base = strrchr(path, '/');
	return base != NULL && (strcmp(base + 1, LEDGER_FILE) == 0 ||
	    strcmp(base + 1, LEDGER_NEW) == 0);
}

static void
sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		continue;
}

int
fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
	char text[32];
	int r;

	if (!is_ledger(fd))
		return real(fd);
	die_at(&before_sync);
	if (control("delay_ms", text, sizeof(text)))
		sleep_ms(atol(text));
	while (control("hold", text, sizeof(text)))
		sleep_ms(5);
	r = fails("fail_fdatasync") ? -1 : real(fd);
	note("fdatasync", -1, -1, r);
	die_at(&after_sync);
	return r;
}

static ssize_t
hooked_pwrite(const char *name, int fd, const void *p, size_t len, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) =
	    (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT,
	    name);
	ssize_t r;

	if (!is_ledger(fd))
		return real(fd, p, len, at);
	die_at(&before_pwrite);
	r = fails("fail_pwrite") ? -1 : real(fd, p, len, at);
	note("pwrite", at, (long long)len, r);
	die_at(&after_pwrite);
	return r;
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	return hooked_pwrite("pwrite", fd, p, len, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return hooked_pwrite("pwrite64", fd, p, len, at);
}

ssize_t
sendmsg(int fd, const struct msghdr *mh, int flags)
{
	ssize_t (*real)(int, const struct msghdr *, int) =
	    (ssize_t (*)(int, const struct msghdr *, int))dlsym(RTLD_NEXT,
	    "sendmsg");
	struct ipc_hdr hdr;
	ssize_t r;

	if (getenv("SECD_HOOK_DIR") == NULL || mh->msg_iovlen == 0 ||
	    mh->msg_iov[0].iov_len < sizeof(hdr))
		return real(fd, mh, flags);
	memcpy(&hdr, mh->msg_iov[0].iov_base, sizeof(hdr));
	if (hdr.version != IPC_VERSION || hdr.type != MSG_RESERVED)
		return real(fd, mh, flags);
	die_at(&before_reply);
	r = real(fd, mh, flags);
	note("reply", -1, (long long)hdr.len, r);
	return r;
}
