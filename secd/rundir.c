/* SPDX-License-Identifier: ISC */
/*
 * The run and state directories: made, checked, locked; sockets in them.
 */
#include <sys/types.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secd/parent.h"
#include "secd/sys/sys.h"

static int	locks[2] = { -1, -1 };	/* run and state directory */

static int
lock(int dirfd, const char *path, char *why, size_t size)
{
	int fd;

	fd = openat(dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
	    0600);
	if (fd == -1) {
		snprintf(why, size, "%s/lock: %s", path, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		locks[locks[0] != -1] = fd;
		return 0;
	}
	if (errno == EWOULDBLOCK)
		snprintf(why, size, "%s: another secd uses this directory; "
		    "stop it, or give this one its own", path);
	else
		snprintf(why, size, "%s/lock: %s", path, strerror(errno));
	close(fd);
	return -1;
}

void
rundir_release(void)
{
	size_t i;

	for (i = 0; i < 2; i++)
		if (locks[i] != -1)
			close(locks[i]);
}

int
rundir_open(const char *path, unsigned int mode, char *why, size_t size)
{
	struct stat st;
	int fd;

	if (mkdir(path, mode) == -1 && errno != EEXIST) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		snprintf(why, size, "%s: must be root's and writable by nobody "
		    "else", path);
		goto fail;
	}
	if (lock(fd, path, why, size) == -1)
		goto fail;
	return fd;

 fail:
	if (fd != -1)
		close(fd);
	return -1;
}

/*
 * The group comes by creation, since the parent may not chown.  Changing it is
 * for all threads, and libc aborts if one of them has not got the right.
 */
static int
bind_as(int fd, const struct sockaddr_un *sun, unsigned int mode,
    unsigned int gid)
{
	mode_t old = umask(0777 & ~mode);
	gid_t self = getegid();
	int r, saved;

	if (gid != 0 && (sys_priv(SYS_PRIV_ID) == -1 || setegid(gid) == -1))
		r = -1;
	else
		r = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));
	saved = errno;
	if (gid != 0 && setegid(self) == -1)
		r = -1;
	sys_priv(0);
	umask(old);
	errno = saved;
	return r;
}

int
rundir_bind(const char *path, unsigned int mode, unsigned int gid, char *why,
    size_t size)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		snprintf(why, size, "%s: longer than a socket's name may be",
		    path);
		return -1;
	}
	/* the directory is locked: a socket there has no owner any more */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1 || bind_as(fd, &sun, mode, gid) == -1) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}
