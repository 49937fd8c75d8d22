/* SPDX-License-Identifier: ISC */
/*
 * The conversation with secd: one connection, one request at a time, and what
 * to tell the user when it fails.  Nothing secd sends is believed or printed
 * unchecked.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "secctl/secctl.h"

#define POLL_MS	20	/* between looks whether the socket still answers */

/* Replies hold no secrets; every body fits. */
static union {
	struct msg_result	 result;
	uint8_t			 octets[IPC_BODY_MAX];
} body;

void
ctl_warn(const struct ctl *c, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("secctl: ", stderr);
	if (c->line != 0)
		fprintf(stderr, "%s:%d: ", c->file, c->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
}

const char *
ctl_clean(char *buf, const char *field, size_t size)
{
	size_t i;

	for (i = 0; i < size && field[i] != '\0'; i++)
		buf[i] = field[i] >= ' ' && field[i] <= '~' ? field[i] : '?';
	buf[i] = '\0';
	return buf;
}

static int
socket_to(const char *path, int flags)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, error;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0)) ==
	    -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

enum ctl_exit
ctl_connect(struct ctl *c)
{
	if (c->fd != -1 || (c->fd = socket_to(c->path, 0)) != -1)
		return CTL_OK;
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		ctl_warn(c, "%s: secd is not running (start it with "
		    "'systemctl start secd' or 'rcctl start secd')", c->path);
		break;
	case EACCES:
	case EPERM:
		ctl_warn(c, "%s: permission denied (run secctl as root)",
		    c->path);
		break;
	case EPROTOTYPE:
	case ENOTSOCK:
		ctl_warn(c, "%s: not secd's control socket", c->path);
		break;
	default:
		ctl_warn(c, "%s: %s", c->path, strerror(errno));
	}
	return CTL_NOTALK;
}

enum ctl_exit
ctl_nonsense(const struct ctl *c, const char *what)
{
	ctl_warn(c, "%s: secd's answer makes no sense: %s (secctl and secd "
	    "must be of one version)", c->path, what);
	return CTL_NOTALK;
}

/* After a failed read or write. */
static enum ctl_exit
broken(const struct ctl *c)
{
	if (errno == EBADMSG)
		return ctl_nonsense(c, "malformed message");
	if (errno == ECONNRESET || errno == EPIPE)
		ctl_warn(c, "%s: secd closed the connection (its log says "
		    "why; secctl and secd must be of one version)", c->path);
	else
		ctl_warn(c, "%s: %s", c->path, strerror(errno));
	return CTL_NOTALK;
}

static enum ctl_exit
refused(const struct ctl *c, const struct msg_result *r, int tolerate)
{
	char text[IPC_TEXTLEN + 1];

	if (tolerate != 0 && r->error == tolerate)
		return CTL_OK;
	ctl_clean(text, r->text, sizeof(r->text));
	ctl_warn(c, "%s", text[0] != '\0' ? text : strerror(r->error));
	return r->error == EPROTO ? CTL_NOTALK : CTL_FAILED;
}

/* Send the request and leave its answer in body. */
static enum ctl_exit
exchange(struct ctl *c, enum msg_type type, const void *req, size_t len,
    struct ipc_hdr *hdr)
{
	enum ctl_exit rc;

	if ((rc = ctl_connect(c)) != CTL_OK)
		return rc;
	if (ipc_write(c->fd, type, ++c->id, req, len) == -1 ||
	    ipc_read(c->fd, hdr, &body, sizeof(body)) == -1)
		return broken(c);
	if (hdr->id != c->id)
		return ctl_nonsense(c, "not to the question asked");
	return CTL_OK;
}

enum ctl_exit
ctl_ask(struct ctl *c, enum msg_type type, const void *req, size_t len,
    enum msg_type want, void *reply, size_t size, int tolerate)
{
	struct ipc_hdr hdr;
	enum ctl_exit rc;

	if ((rc = exchange(c, type, req, len, &hdr)) != CTL_OK)
		return rc;
	if (hdr.type == MSG_RESULT && body.result.error != 0)
		return refused(c, &body.result, tolerate);
	if (hdr.type != want || hdr.len != size)
		return ctl_nonsense(c, ipc_name(hdr.type));
	memcpy(reply, &body, size);
	return CTL_OK;
}

enum ctl_exit
ctl_do(struct ctl *c, enum msg_type type, const void *req, size_t len)
{
	struct msg_result r;
	char text[IPC_TEXTLEN + 1];
	enum ctl_exit rc;

	rc = ctl_ask(c, type, req, len, MSG_RESULT, &r, sizeof(r), 0);
	if (rc == CTL_OK && ctl_clean(text, r.text, sizeof(r.text))[0] != '\0')
		printf("%s\n", text);
	return rc;
}

enum ctl_exit
ctl_event(struct ctl *c, struct msg_event *ev)
{
	struct ipc_hdr hdr;

	if (ipc_read(c->fd, &hdr, &body, sizeof(body)) == -1)
		return broken(c);
	if (hdr.type != MSG_EVENT)
		return ctl_nonsense(c, ipc_name(hdr.type));
	memcpy(ev, &body, sizeof(*ev));
	return CTL_OK;
}

static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * Nobody listens at the path any more, or somebody else does: a successor
 * makes the socket anew.  A queue that is full, because nobody accepts, must
 * not stop us.
 */
static int
left(const char *path, const struct stat *before)
{
	struct stat st;
	int fd;

	/* by time: an inode's number may be used again at once */
	if (stat(path, &st) == -1 ||
	    st.st_ctim.tv_sec != before->st_ctim.tv_sec ||
	    st.st_ctim.tv_nsec != before->st_ctim.tv_nsec)
		return 1;
	if ((fd = socket_to(path, SOCK_NONBLOCK)) == -1)
		return errno != EAGAIN;
	close(fd);
	return 0;
}

/*
 * End of file says that the process that held our connection is gone; the
 * parent, which ends last, closes or removes the socket itself.
 */
enum ctl_exit
ctl_wait_gone(struct ctl *c, int ms)
{
	const long long end = now_ms() + ms;
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	struct ipc_hdr hdr;
	struct stat st;
	long long rest;
	int known;

	known = stat(c->path, &st) == 0;
	while ((rest = end - now_ms()) > 0) {
		if (poll(&pfd, 1, (int)rest) != 1)
			continue;
		if (ipc_read(c->fd, &hdr, &body, sizeof(body)) == -1)
			break;
	}
	while (known && !left(c->path, &st) && now_ms() < end)
		poll(NULL, 0, POLL_MS);
	if (now_ms() < end)
		return CTL_OK;
	ctl_warn(c, "secd has been told to stop but has not ended after %d "
	    "seconds (its log says what it is doing)", ms / 1000);
	return CTL_FAILED;
}
