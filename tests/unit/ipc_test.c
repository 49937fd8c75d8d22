/* SPDX-License-Identifier: ISC */
/* secd/ipc.c and secd/msg.c over a socketpair. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "secd/ipc.h"
#include "tests/lib/tap.h"

static struct event_base *base;
static struct ipc	*a;
static int		 b;		/* the other end, by hand */
static unsigned int	 got, closed, last_type;
static uint32_t		 last_id;
static int		 last_fd, keep_fd;
static char		 last_name[IFACE_NAMELEN];
static const uint8_t	*last_body;

static void
on_message(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)ipc;
	(void)arg;
	got++;
	last_type = m->hdr.type;
	last_id = m->hdr.id;
	last_body = m->body;
	last_fd = m->fd;
	if (keep_fd)
		m->fd = -1;
	if (m->hdr.len == sizeof(last_name))
		memcpy(last_name, m->body, sizeof(last_name));
}

static void
on_closed(struct ipc *ipc, void *arg)
{
	(void)arg;
	closed++;
	ipc_free(ipc);
	a = NULL;
}

static void
fresh(void)
{
	int sp[2];

	ipc_free(a);
	if (b != -1)
		close(b);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) == -1)
		abort();
	a = ipc_new(base, sp[0], on_message, on_closed, NULL);
	b = sp[1];
	got = closed = 0;
	last_fd = -1;
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

/* A datagram with as many descriptors as asked for. */
static void
raw(const void *p, size_t len, int nfds)
{
	union {
		struct cmsghdr	hdr;
		uint8_t		buf[CMSG_SPACE(4 * sizeof(int))];
	} c;
	struct iovec iov = { (void *)(uintptr_t)p, len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fds[4] = { 0, 0, 0, 0 };

	if (nfds > 0) {
		memset(&c, 0, sizeof(c));
		mh.msg_control = &c;
		mh.msg_controllen = CMSG_SPACE((size_t)nfds * sizeof(int));
		c.hdr.cmsg_level = SOL_SOCKET;
		c.hdr.cmsg_type = SCM_RIGHTS;
		c.hdr.cmsg_len = CMSG_LEN((size_t)nfds * sizeof(int));
		memcpy(CMSG_DATA(&c.hdr), fds, (size_t)nfds * sizeof(int));
	}
	if (sendmsg(b, &mh, 0) == -1)
		abort();
}

static void
plain(void)
{
	struct msg_name n = { .name = "sec5" };
	struct msg_result r;
	struct ipc_hdr h;

	fresh();
	is(ipc_write(b, MSG_IFACE_UP, 7, &n, sizeof(n)), 0, "write");
	turn();
	is(got, 1, "one message came");
	ok(last_type == MSG_IFACE_UP && last_id == 7 &&
	    strcmp(last_name, "sec5") == 0, "as it was sent");
	ok(last_body != NULL && last_body[0] == 0 && last_body[3] == 0,
	    "its body is wiped afterwards");
	is(ipc_result(a, 7, ENXIO, "%s: none", "sec5"), 0, "answer");
	is(ipc_read(b, &h, &r, sizeof(r)), 0, "read");
	ok(h.id == 7 && h.type == MSG_RESULT && r.error == ENXIO &&
	    strcmp(r.text, "sec5: none") == 0, "as it was answered");
}

static void
form(void)
{
	struct ipc_hdr h = { .version = IPC_VERSION, .type = MSG_IFACE_UP,
	    .len = sizeof(struct msg_name) };
	struct ipc_hdr t;

	is(ipc_check(&h), 0, "a good header");
	t = h;
	t.version++;
	is(ipc_check(&t), -1, "another version");
	t = h;
	t.type = MSG_NONE;
	is(ipc_check(&t), -1, "type 0");
	t = h;
	t.type = MSG_MAX;
	is(ipc_check(&t), -1, "type beyond the last");
	t = h;
	t.type = 0xffff;
	is(ipc_check(&t), -1, "type 65535");
	t = h;
	t.len--;
	is(ipc_check(&t), -1, "one octet short");
	t = h;
	t.len++;
	is(ipc_check(&t), -1, "one octet long");
	ok(strcmp(ipc_name(MSG_MAX + 5), "unknown") == 0, "unknown name");
	for (t = h, t.type = 1; t.type < MSG_MAX; t.type++)
		if (strcmp(ipc_name(t.type), "unknown") == 0)
			break;
	is(t.type, MSG_MAX, "every type has a name");
}

static void
malformed(void)
{
	static uint8_t big[sizeof(struct ipc_hdr) + IPC_BODY_MAX + 1];
	struct ipc_hdr h = { .version = IPC_VERSION, .type = MSG_RELOAD,
	    .len = 4 };

	fresh();
	raw("short", 5, 0);
	turn();
	ok(closed == 1 && got == 0, "shorter than a header: closed");
	fresh();
	raw(&h, sizeof(h), 0);
	turn();
	ok(closed == 1 && got == 0, "length that lies: closed");
	fresh();
	h.len = sizeof(big) - sizeof(h);
	memcpy(big, &h, sizeof(h));
	raw(big, sizeof(big), 0);
	turn();
	ok(closed == 1 && got == 0, "longer than any message: closed");
	fresh();
	close(b);
	b = -1;
	turn();
	ok(closed == 1 && got == 0, "end of file: closed");
}

static void
fds(void)
{
	struct ipc_hdr h = { .version = IPC_VERSION, .type = MSG_CHANNEL };
	int n, pfd[2];

	fresh();
	n = descriptors();
	raw(&h, sizeof(h), 1);
	turn();
	ok(got == 1 && last_fd != -1, "a descriptor came");
	is(descriptors(), n, "and is closed when nobody takes it");
	keep_fd = 1;
	raw(&h, sizeof(h), 1);
	turn();
	is(descriptors(), n + 1, "or stays when somebody does");
	ok(fcntl(last_fd, F_GETFD) & FD_CLOEXEC, "close-on-exec");
	close(last_fd);
	keep_fd = 0;
	raw(&h, sizeof(h), 2);
	raw(&h, sizeof(h), 4);
	turn();
	turn();
	is(got, 4, "messages with two and four came");
	is(descriptors(), n, "none of theirs is left");
	raw("short", 5, 2);
	turn();
	is(descriptors(), n - 1, "nor of a malformed one");
	fresh();
	n = descriptors();
	if (pipe(pfd) == -1)
		abort();
	is(ipc_send(a, MSG_CHANNEL, 0, pfd[0], NULL, 0), 0, "send one");
	close(pfd[0]);
	close(pfd[1]);
	is(descriptors(), n, "the sender keeps none");
}

/* Fill the socket, then some; nothing is lost, nothing changes its place. */
static void
queueing(void)
{
	struct msg_name n = { .name = "sec0" };
	struct ipc_hdr h;
	uint32_t i, sent, want = 0;

	fresh();
	for (sent = 0; ipc_queued(a) < 100; sent++)
		if (ipc_send(a, MSG_IFACE_UP, sent, -1, &n, sizeof(n)) == -1)
			abort();
	is(ipc_queued(a), 100, "the socket is full, 100 wait");
	for (i = 0; i < sent; i++) {
		if (ipc_read(b, &h, &n, sizeof(n)) == -1 || h.id != want)
			break;
		want++;
		turn();
	}
	is(want, sent, "all come, in order");
	is(ipc_queued(a), 0, "none waits");
	fresh();
	for (i = 0; i < 1000000; i++)
		if (ipc_send(a, MSG_IFACE_UP, i, -1, &n, sizeof(n)) == -1)
			break;
	ok(i > 200000, "room for what 100,000 SAs have to tell");
	ok(i < 1000000 && errno == ENOBUFS, "but the queue is bounded");
	close(b);
	b = -1;
	turn();
	is(closed, 1, "the peer goes: closed once");
}

int
main(void)
{
	base = event_base_new();
	b = -1;
	form();
	plain();
	malformed();
	fds();
	queueing();
	return tap_done();
}
