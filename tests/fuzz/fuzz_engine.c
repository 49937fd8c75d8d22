/* SPDX-License-Identifier: ISC */
/*
 * Fuzz the engine's requests: the real engine in a thread, without its
 * confinement; this file plays the parent and control.  The input is a row of
 * records: a type, a length, octets that are xored onto a valid body of that
 * type.  Each request must get exactly one answer, well formed, with its id,
 * and no answer may hold an octet of the key.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libesp/esp.h"
#include "secd/ipc.h"
#include "secd/log.h"
#include "secd/proc.h"

#define KEY_OCTET	0xa7	/* repeated: never a plausible counter */

static int	parent_fd, control_fd;
static size_t	lens[MSG_MAX];
static union {
	uint8_t		octets[IPC_BODY_MAX];
	struct sa_request sa;
	struct msg_sa_id id;
	struct msg_cursor cursor;
	struct msg_name	name;
} body;

int	LLVMFuzzerInitialize(int *, char ***);
int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The engine's confinement is not what is fuzzed here. */
void
proc_confine(enum role role, const struct role_args *args, unsigned int *lost)
{
	(void)role;
	(void)args;
	*lost = 0;
	log_init("engine", LOG_TO_PARENT);
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
	fprintf(stderr, "fuzz_engine: %s\n", what);
	abort();
}

static void *
run(void *arg)
{
	struct role_args args = { .ppid = 1, .emptydir = "/" };

	(void)arg;
	engine_main(&args);
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
	require(sendmsg(parent_fd, &mh, 0) > 0, "message to the engine");
	close(fd);
}

/* As the ledger would: everything is granted. */
static void
play_parent(void)
{
	static uint8_t in[IPC_BODY_MAX];
	const struct msg_reserve *r = (struct msg_reserve *)in;
	struct msg_reserved m = { 0 };
	struct ipc_hdr hdr;

	require(ipc_read(parent_fd, &hdr, in, sizeof(in)) == 0,
	    "malformed message to the parent");
	if (hdr.type != MSG_RESERVE)
		return;
	memcpy(m.digest, r->digest, sizeof(m.digest));
	m.start = m.seen = r->base;
	m.top = r->max - r->base > r->count ? r->base + r->count : r->max;
	require(ipc_write(parent_fd, MSG_RESERVED, hdr.id, &m,
	    sizeof(m)) == 0, "answer of the parent");
}

static int
has_key(const uint8_t *p, size_t len)
{
	size_t i, run_ = 0;

	for (i = 0; i < len; i++) {
		run_ = p[i] == KEY_OCTET ? run_ + 1 : 0;
		if (run_ == 16)
			return 1;
	}
	return 0;
}

static void
wait_answer(uint32_t id)
{
	static uint8_t in[IPC_BODY_MAX];
	struct pollfd pfd[2] = { { .fd = parent_fd, .events = POLLIN },
	    { .fd = control_fd, .events = POLLIN } };
	struct ipc_hdr hdr;
	int n;

	for (;;) {
		/* the fuzzer's own alarm interrupts */
		while ((n = poll(pfd, 2, 5000)) == -1 && errno == EINTR)
			;
		require(n > 0, "no answer");
		if (pfd[0].revents)
			play_parent();
		if (pfd[1].revents)
			break;
	}
	require(ipc_read(control_fd, &hdr, in, sizeof(in)) == 0,
	    "malformed answer");
	require(hdr.id == id, "answer to another request");
	require(!has_key(in, hdr.len), "a key in an answer");
}

static void
request(enum msg_type type, size_t len)
{
	static uint32_t id;

	require(ipc_write(control_fd, type, ++id, &body, len) == 0, "request");
	wait_answer(id);
}

static void
fill_valid(enum msg_type type)
{
	memset(&body, 0, sizeof(body));
	switch (type) {
	case MSG_SA_ADD:
		strcpy(body.sa.iface, "sec0");
		strcpy(body.sa.enc, "aes-256-gcm");
		addr_parse("192.0.2.1", &body.sa.src);
		addr_parse("192.0.2.2", &body.sa.dst);
		body.sa.spi = 0x1000;
		body.sa.keylen = 36;
		memset(body.sa.key, KEY_OCTET, 36);
		break;
	case MSG_SA_REMOVE:
		addr_parse("192.0.2.2", &body.id.dst);
		body.id.spi = 0x1000;
		break;
	case MSG_SA_FLUSH:
		strcpy(body.name.name, "sec0");
		break;
	case MSG_SHOW_SA:
	case MSG_SHOW_IFACE:
		strcpy(body.cursor.iface, "sec0");
		break;
	default:
		break;
	}
}

static void
find_lengths(void)
{
	struct ipc_hdr h = { .version = IPC_VERSION };
	unsigned int t;

	for (t = 1; t < MSG_MAX; t++) {
		h.type = (uint16_t)t;
		for (h.len = 0; h.len < IPC_BODY_MAX; h.len++)
			if (ipc_check(&h) == 0)
				break;
		lens[t] = h.len;
	}
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct msg_conf_iface mi;
	uint8_t in[IPC_BODY_MAX];
	struct ipc_hdr hdr;
	int p[2], c[2], tun[2];
	pthread_t t;

	(void)argc;
	(void)argv;
	find_lengths();
	require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p) == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, c) == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tun) == 0,
	    "sockets");
	/* high numbers out of the way of the one the engine expects */
	parent_fd = dup2(p[0], 100);
	control_fd = dup2(c[0], 101);
	require(dup2(p[1], 102) == 102 && dup2(102, FD_PARENT) == FD_PARENT,
	    "sockets");
	require(pthread_create(&t, NULL, run, NULL) == 0, "thread");
	require(ipc_read(parent_fd, &hdr, in, sizeof(in)) == 0 &&
	    hdr.type == MSG_READY, "engine starts");
	send_fd(MSG_CHANNEL, NULL, 0, c[1]);
	require(ipc_write(parent_fd, MSG_CONF_BEGIN, 0, NULL, 0) == 0, "conf");
	iface_conf_init(&mi.conf, "sec0");
	send_fd(MSG_CONF_IFACE, &mi, sizeof(mi), tun[1]);
	require(ipc_write(parent_fd, MSG_CONF_END, 0, NULL, 0) == 0, "conf");
	require(ipc_read(parent_fd, &hdr, in, sizeof(in)) == 0 &&
	    hdr.type == MSG_CONF_DONE && ((struct msg_conf_done *)in)->error ==
	    0, "configuration taken");
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum msg_type type;
	size_t i, len;

	while (size >= 3) {
		/* a parent's or unknown type is refused, not answered: skip */
		type = MSG_SA_ADD + data[0] % (MSG_MONITOR + 1 - MSG_SA_ADD);
		len = data[1] | (size_t)data[2] << 8;
		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		fill_valid(type);
		for (i = 0; i < len && i < lens[type]; i++)
			body.octets[i] ^= data[i];
		request(type, lens[type]);
		data += len;
		size -= len;
	}
	fill_valid(MSG_SA_FLUSH);
	request(MSG_SA_FLUSH, lens[MSG_SA_FLUSH]);
	return 0;
}
