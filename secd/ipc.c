/* SPDX-License-Identifier: ISC */
/*
 * Channels in an event loop: one message a datagram, in order, at most one
 * descriptor with it.  Reads one message for each readiness, so that no
 * channel starves another; queues what the socket will not take now.
 *
 * All bodies are received into one buffer, locked in memory where the limit
 * allows and wiped after each message, because a body may hold a key.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "secd/ipc.h"

/*
 * Enough for all that a flush of 100,000 SAs has to tell; who talks to
 * strangers looks at ipc_queued() and stops much earlier.
 */
#define IPC_QUEUE_MAX	(1 << 18)

struct queued {
	TAILQ_ENTRY(queued)	 entry;
	struct ipc_hdr		 hdr;
	int			 fd;
	uint8_t			 body[];
};

struct ipc {
	struct event		*rev;
	struct event		*wev;
	TAILQ_HEAD(, queued)	 queue;
	size_t			 nqueued;
	int			 fd;
	ipc_cb			 cb;
	ipc_closed_cb		 closed;
	void			*arg;
};

/* Page-aligned, so that locking it locks nothing else's pages. */
static uint8_t	rbuf[IPC_BODY_MAX] __attribute__((aligned(4096)));

union fdbuf {
	struct cmsghdr	hdr;
	uint8_t		buf[CMSG_SPACE(sizeof(int))];
};

/* The kernel's buffer for one descriptor has, by alignment, room for two. */
static int
take_fd(struct msghdr *mh)
{
	struct cmsghdr *c;
	int fd, first = -1;
	size_t i, n;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			    sizeof(fd));
			if (first == -1)
				first = fd;
			else
				close(fd);
		}
	}
	return first;
}

static void
readable(int fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	struct ipc_msg msg;
	union fdbuf cbuf;
	struct iovec iov[2] = {
		{ &msg.hdr, sizeof(msg.hdr) }, { rbuf, sizeof(rbuf) }
	};
	struct msghdr mh = {
		.msg_iov = iov, .msg_iovlen = 2,
		.msg_control = &cbuf, .msg_controllen = sizeof(cbuf)
	};
	ssize_t n;

	(void)what;
	n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		goto closed;
	msg.fd = take_fd(&mh);
	msg.body = rbuf;
	if ((size_t)n < sizeof(msg.hdr) || (mh.msg_flags & MSG_TRUNC) ||
	    msg.hdr.len != (size_t)n - sizeof(msg.hdr)) {
		explicit_bzero(rbuf, sizeof(rbuf));
		if (msg.fd != -1)
			close(msg.fd);
		errno = EBADMSG;
		goto closed;
	}
	/* cb may free the channel: nothing of it is touched afterwards */
	ipc->cb(ipc, &msg, ipc->arg);
	explicit_bzero(rbuf, (size_t)n - sizeof(msg.hdr));
	if (msg.fd != -1)
		close(msg.fd);
	return;

 closed:
	event_del(ipc->rev);
	event_del(ipc->wev);
	ipc->closed(ipc, ipc->arg);
}

static int
transmit(int sock, const struct ipc_hdr *hdr, int fd, const void *body)
{
	union fdbuf cbuf;
	struct iovec iov[2] = {
		{ (void *)(uintptr_t)hdr, sizeof(*hdr) },
		{ (void *)(uintptr_t)body, hdr->len }
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (fd != -1) {
		memset(&cbuf, 0, sizeof(cbuf));
		mh.msg_control = &cbuf;
		mh.msg_controllen = CMSG_SPACE(sizeof(int));
		cbuf.hdr.cmsg_level = SOL_SOCKET;
		cbuf.hdr.cmsg_type = SCM_RIGHTS;
		cbuf.hdr.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&cbuf.hdr), &fd, sizeof(fd));
	}
	do
		n = sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

static void
queued_free(struct ipc *ipc, struct queued *q)
{
	TAILQ_REMOVE(&ipc->queue, q, entry);
	ipc->nqueued--;
	if (q->fd != -1)
		close(q->fd);
	freezero(q, sizeof(*q) + q->hdr.len);
}

static void
writable(int fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	struct queued *q;

	(void)what;
	while ((q = TAILQ_FIRST(&ipc->queue)) != NULL) {
		if (transmit(fd, &q->hdr, q->fd, q->body) == -1) {
			if (errno == EAGAIN || errno == ENOBUFS)
				return;
			/* the peer is gone; reading will say so */
			break;
		}
		queued_free(ipc, q);
	}
	while ((q = TAILQ_FIRST(&ipc->queue)) != NULL)
		queued_free(ipc, q);
	event_del(ipc->wev);
}

void
ipc_init(void)
{
	/* a failure is told as a lost protection at start-up */
	mlock(rbuf, sizeof(rbuf));
}

struct ipc *
ipc_new(struct event_base *base, int fd, ipc_cb cb, ipc_closed_cb closed,
    void *arg)
{
	struct ipc *ipc;

	if ((ipc = calloc(1, sizeof(*ipc))) == NULL)
		return NULL;
	TAILQ_INIT(&ipc->queue);
	ipc->fd = fd;
	ipc->cb = cb;
	ipc->closed = closed;
	ipc->arg = arg;
	ipc->rev = event_new(base, fd, EV_READ | EV_PERSIST, readable, ipc);
	ipc->wev = event_new(base, fd, EV_WRITE | EV_PERSIST, writable, ipc);
	if (ipc->rev == NULL || ipc->wev == NULL ||
	    evutil_make_socket_nonblocking(fd) == -1 ||
	    event_add(ipc->rev, NULL) == -1) {
		ipc->fd = -1;
		ipc_free(ipc);
		errno = ENOMEM;
		return NULL;
	}
	return ipc;
}

void
ipc_free(struct ipc *ipc)
{
	struct queued *q;

	if (ipc == NULL)
		return;
	if (ipc->rev != NULL)
		event_free(ipc->rev);
	if (ipc->wev != NULL)
		event_free(ipc->wev);
	while ((q = TAILQ_FIRST(&ipc->queue)) != NULL)
		queued_free(ipc, q);
	if (ipc->fd != -1)
		close(ipc->fd);
	free(ipc);
}

int
ipc_fd(const struct ipc *ipc)
{
	return ipc->fd;
}

static int
enqueue(struct ipc *ipc, const struct ipc_hdr *hdr, int fd, const void *body)
{
	struct queued *q;

	if (ipc->nqueued >= IPC_QUEUE_MAX) {
		errno = ENOBUFS;
		return -1;
	}
	if ((q = malloc(sizeof(*q) + hdr->len)) == NULL)
		return -1;
	q->hdr = *hdr;
	q->fd = -1;
	if (hdr->len != 0)
		memcpy(q->body, body, hdr->len);
	if (fd != -1 && (q->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		freezero(q, sizeof(*q) + hdr->len);
		return -1;
	}
	TAILQ_INSERT_TAIL(&ipc->queue, q, entry);
	ipc->nqueued++;
	return event_add(ipc->wev, NULL);
}

int
ipc_send(struct ipc *ipc, enum msg_type type, uint32_t id, int fd,
    const void *body, size_t len)
{
	struct ipc_hdr hdr = {
		.version = IPC_VERSION, .type = type, .len = (uint32_t)len,
		.id = id
	};

	if (TAILQ_EMPTY(&ipc->queue)) {
		if (transmit(ipc->fd, &hdr, fd, body) == 0)
			return 0;
		if (errno != EAGAIN && errno != ENOBUFS)
			return -1;
	}
	return enqueue(ipc, &hdr, fd, body);
}

int
ipc_send_now(struct ipc *ipc, enum msg_type type, uint32_t id, int fd,
    const void *body, size_t len)
{
	struct pollfd pfd = { .fd = ipc->fd, .events = POLLOUT };
	struct ipc_hdr hdr = {
		.version = IPC_VERSION, .type = type, .len = (uint32_t)len,
		.id = id
	};

	for (;;) {
		/* what was queued before goes out before */
		if (!TAILQ_EMPTY(&ipc->queue))
			writable(ipc->fd, EV_WRITE, ipc);
		if (TAILQ_EMPTY(&ipc->queue)) {
			if (transmit(ipc->fd, &hdr, fd, body) == 0)
				return 0;
			if (errno != EAGAIN && errno != ENOBUFS)
				return -1;
		}
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			return -1;
	}
}

int
ipc_result(struct ipc *ipc, uint32_t id, int error, const char *fmt, ...)
{
	struct msg_result r = { .error = error };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r.text, sizeof(r.text), fmt, ap);
	va_end(ap);
	return ipc_send(ipc, MSG_RESULT, id, -1, &r, sizeof(r));
}

void
ipc_listen(struct ipc *ipc, int on)
{
	if (on)
		event_add(ipc->rev, NULL);
	else
		event_del(ipc->rev);
}

size_t
ipc_queued(const struct ipc *ipc)
{
	return ipc->nqueued;
}
