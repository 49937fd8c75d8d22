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

#include "tests/fuzz/play.h"

static int		parent_fd, engine_fd, client_fd = -1;
static struct sockaddr_un sun = { .sun_family = AF_UNIX };

static void *
run(void *arg)
{
	struct role_args args = { .ppid = 1, .emptydir = "/" };

	(void)arg;
	control_main(&args);
	return NULL;
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
			play(engine_fd, MSG_SA_ADD, MSG_SA_EXPIRE);
		if (pfd[2].revents)
			break;
	}
	if (recv(client_fd, in, sizeof(in), 0) <= 0)
		reconnect();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct msg_listen ml = { .kind = LISTEN_CONTROL };
	struct ipc_hdr h;
	uint8_t in[IPC_BODY_MAX];
	int e[2], lfd;
	pthread_t t;

	(void)argc;
	(void)argv;
	play_lengths();
	parent_fd = play_parent();
	require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, e) == 0, "sockets");
	engine_fd = e[0];
	require(pthread_create(&t, NULL, run, NULL) == 0, "thread");
	require(ipc_read(parent_fd, &h, in, sizeof(in)) == 0 &&
	    h.type == MSG_READY, "control starts");
	play_send_fd(parent_fd, MSG_CHANNEL, NULL, 0, e[1]);
	snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1,
	    "secd-fuzz-%d", (int)getpid());
	lfd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	require(lfd != -1 && bind(lfd, (struct sockaddr *)&sun,
	    sizeof(sun)) == 0 && listen(lfd, 8) == 0, "listen");
	/* who is not root is let in by the other door */
	ml.kind = getuid() != 0 ? LISTEN_RESTRICTED : LISTEN_CONTROL;
	play_send_fd(parent_fd, MSG_LISTEN, &ml, sizeof(ml), lfd);
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
