/* SPDX-License-Identifier: ISC */
/*
 * Fuzz what clients say: the real control process in a thread, without its
 * confinement; this file plays the parent, the engine and a client.  The input
 * is a row of datagrams: a flag, a length, octets.  With the flag the header
 * is mended, so that bodies are reached.  Whatever a client says is answered,
 * or its connection is closed; what reaches the others is well formed and of
 * a type that they expect.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/ipc.h"
#include "secd/log.h"
#include "secd/proc.h"

static int		parent_fd, engine_fd, client_fd = -1;
static size_t		lens[MSG_MAX];
static struct sockaddr_un sun = { .sun_family = AF_UNIX };

int	LLVMFuzzerInitialize(int *, char ***);
int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Control's confinement is not what is fuzzed here. */
void
proc_confine(enum role role, const struct role_args *args, unsigned int *lost)
{
	(void)role;
	(void)args;
	*lost = 0;
	log_init("control", LOG_TO_PARENT);
}

void
proc_filter(enum role role, unsigned int *lost)
{
	(void)role;
	(void)lost;
}

static void
require(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_control: %s\n", what);
	abort();
}

static void *
run(void *arg)
{
	struct role_args args = { .ppid = 1, .emptydir = "/" };

	(void)arg;
	control_main(&args);
	return NULL;
}

static void
send_fd(enum msg_type type, const void *b, size_t len, int fd)
{
	struct ipc_hdr hdr = { .version = IPC_VERSION, .type = type,
	    .len = (uint32_t)len };
	union {
		struct cmsghdr	hdr;
		uint8_t		buf[CMSG_SPACE(sizeof(int))];
	} c = { .hdr = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	    .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov[2] = { { &hdr, sizeof(hdr) },
	    { (void *)(uintptr_t)b, len } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2,
	    .msg_control = &c, .msg_controllen = sizeof(c) };

	memcpy(CMSG_DATA(&c.hdr), &fd, sizeof(fd));
	require(sendmsg(parent_fd, &mh, 0) > 0, "message to control");
	close(fd);
}

/* The parent or the engine: refuses everything, but looks at it. */
static void
play(int fd, enum msg_type from, enum msg_type to)
{
	static uint8_t in[IPC_BODY_MAX];
	struct msg_result r = { .error = 1, .text = "fuzz" };
	struct ipc_hdr hdr;

	require(ipc_read(fd, &hdr, in, sizeof(in)) == 0,
	    "malformed request passed on");
	require(hdr.type >= from && hdr.type <= to,
	    "request passed on to the wrong one");
	require(ipc_write(fd, MSG_RESULT, hdr.id, &r, sizeof(r)) == 0,
	    "answer");
}

static void
reconnect(void)
{
	if (client_fd != -1)
		close(client_fd);
	client_fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	require(client_fd != -1 && connect(client_fd, (struct sockaddr *)&sun,
	    sizeof(sun)) == 0, "connect");
}

static void
wait_answer(void)
{
	static uint8_t in[IPC_BODY_MAX + 64];
	struct pollfd pfd[3] = { { .fd = parent_fd, .events = POLLIN },
	    { .fd = engine_fd, .events = POLLIN },
	    { .fd = client_fd, .events = POLLIN } };
	int n;

	for (;;) {
		/* the fuzzer's own alarm interrupts */
		while ((n = poll(pfd, 3, 5000)) == -1 && errno == EINTR)
			;
		require(n > 0, "neither answer nor end");
		if (pfd[0].revents)
			play(parent_fd, MSG_IFACE_CREATE, MSG_STOP_DESTROY);
		if (pfd[1].revents)
			play(engine_fd, MSG_SA_ADD, MSG_SHOW_DROPS);
		if (pfd[2].revents)
			break;
	}
	if (recv(client_fd, in, sizeof(in), 0) <= 0)
		reconnect();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct msg_listen ml = { .restricted = 0 };
	struct ipc_hdr h = { .version = IPC_VERSION };
	uint8_t in[IPC_BODY_MAX];
	int p[2], e[2], lfd;
	pthread_t t;

	(void)argc;
	(void)argv;
	for (h.type = 1; h.type < MSG_MAX; h.type++) {
		for (h.len = 0; h.len < IPC_BODY_MAX; h.len++)
			if (ipc_check(&h) == 0)
				break;
		lens[h.type] = h.len;
	}
	require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p) == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, e) == 0, "sockets");
	parent_fd = dup2(p[0], 100);
	engine_fd = dup2(e[0], 101);
	require(dup2(p[1], 102) == 102 && dup2(102, FD_PARENT) == FD_PARENT,
	    "sockets");
	require(pthread_create(&t, NULL, run, NULL) == 0, "thread");
	require(ipc_read(parent_fd, &h, in, sizeof(in)) == 0 &&
	    h.type == MSG_READY, "control starts");
	send_fd(MSG_CHANNEL, NULL, 0, e[1]);
	snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1,
	    "secd-fuzz-%d", (int)getpid());
	lfd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	require(lfd != -1 && bind(lfd, (struct sockaddr *)&sun,
	    sizeof(sun)) == 0 && listen(lfd, 8) == 0, "listen");
	/* who is not root is let in by the other door */
	ml.restricted = getuid() != 0;
	send_fd(MSG_LISTEN, &ml, sizeof(ml), lfd);
	reconnect();
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[sizeof(struct ipc_hdr) + IPC_BODY_MAX];
	struct ipc_hdr *h = (struct ipc_hdr *)out;
	size_t len;
	int mend;

	while (size >= 3) {
		mend = data[0] & 1;
		len = data[1] | (size_t)data[2] << 8;
		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		memset(out, 0, sizeof(out));
		memcpy(out, data, len < sizeof(out) ? len : sizeof(out));
		data += len;
		size -= len;
		if (mend) {
			h->version = IPC_VERSION;
			h->type %= MSG_MAX;
			h->len = (uint32_t)lens[h->type];
			len = sizeof(*h) + h->len;
		}
		/* nothing to say is no datagram; a monitor hears no answer */
		if (len == 0 || send(client_fd, out, len, MSG_NOSIGNAL) == -1)
			continue;
		wait_answer();
	}
	reconnect();
	return 0;
}
