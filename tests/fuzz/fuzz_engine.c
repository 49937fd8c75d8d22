/* SPDX-License-Identifier: ISC */
/*
 * Fuzz the engine's requests: the real engine in a thread, without its
 * confinement; this file plays the parent and control.  The input is a row of
 * records: a type, a length, octets that are xored onto a valid body of that
 * type.  Each request must get exactly one answer, well formed, with its id,
 * and no answer may hold an octet of the key.  What the engine tells unasked
 * (expiry, acquisition) may come between.
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
#include "tests/fuzz/play.h"

#define KEY_OCTET	0xa7	/* repeated: never a plausible counter */

static int	parent_fd, control_fd;
static union {
	uint8_t		octets[IPC_BODY_MAX];
	struct sa_request sa;
	struct msg_sa_id id;
	struct msg_cursor cursor;
	struct msg_name	name;
	struct msg_sa_expire expire;
	struct msg_getspi getspi;
	struct msg_sa_delete delete;
	struct sa_owner	owner;
	struct msg_narrow narrow;
} body;
static uint32_t	last_spi;	/* that the engine gave out */

static void *
run(void *arg)
{
	struct role_args args = { .ppid = 1, .emptydir = "/" };

	(void)arg;
	engine_conf_init(&args.engine);
	engine_main(&args);
	return NULL;
}

/* As the ledger would: everything is granted. */
static void
answer_parent(void)
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

/* Read what control gets; 1 if it is the answer. */
static int
take_answer(uint32_t id)
{
	static uint8_t in[IPC_BODY_MAX];
	struct ipc_hdr hdr;

	require(ipc_read(control_fd, &hdr, in, sizeof(in)) == 0,
	    "malformed answer");
	require(!has_key(in, hdr.len), "a key in an answer");
	if (hdr.type == MSG_EXPIRED || hdr.type == MSG_ACQUIRE)
		return 0;
	require(hdr.id == id, "answer to another request");
	if (hdr.type == MSG_SPI)
		last_spi = ((struct msg_spi *)in)->spi;
	return 1;
}

static void
wait_answer(uint32_t id)
{
	struct pollfd pfd[2] = { { .fd = parent_fd, .events = POLLIN },
	    { .fd = control_fd, .events = POLLIN } };
	int n;

	for (;;) {
		/* the fuzzer's own alarm interrupts */
		while ((n = poll(pfd, 2, 5000)) == -1 && errno == EINTR)
			;
		require(n > 0, "no answer");
		if (pfd[0].revents)
			answer_parent();
		if (pfd[1].revents && take_answer(id))
			return;
	}
}

static void
request(enum msg_type type, size_t len)
{
	static uint32_t id;

	require(ipc_write(control_fd, type, ++id, &body, len) == 0, "request");
	if (type != MSG_IKE_STIRS)
		wait_answer(id);
}

static void
fill_owner(struct sa_owner *o)
{
	strcpy(o->name, "fuzz");
}

static void
fill_valid(enum msg_type type)
{
	memset(&body, 0, sizeof(body));
	switch (type) {
	case MSG_SA_UPDATE:
		/* what GETSPI began, inwards */
		fill_owner(&body.sa.owner);
		body.sa.flags = SA_F_IKE;
		strcpy(body.sa.enc, "aes-256");
		strcpy(body.sa.auth, "hmac-sha2-256");
		addr_parse("192.0.2.2", &body.sa.src);
		addr_parse("192.0.2.1", &body.sa.dst);
		body.sa.spi = last_spi;
		body.sa.keylen = body.sa.authkeylen = 32;
		memset(body.sa.key, KEY_OCTET, 32);
		memset(body.sa.authkey, KEY_OCTET, 32);
		break;
	case MSG_SA_GETSPI:
		fill_owner(&body.getspi.owner);
		addr_parse("192.0.2.2", &body.getspi.src);
		addr_parse("192.0.2.1", &body.getspi.dst);
		body.getspi.min = 0x100;
		body.getspi.max = UINT32_MAX;
		break;
	case MSG_SA_DELETE:
		fill_owner(&body.delete.owner);
		addr_parse("192.0.2.2", &body.delete.src);
		addr_parse("192.0.2.1", &body.delete.dst);
		body.delete.spi = last_spi;
		body.delete.dir = SA_ANY_DIR;
		break;
	case MSG_SA_GET:
		addr_parse("192.0.2.1", &body.id.dst);
		body.id.spi = last_spi;
		break;
	case MSG_SA_EXPIRE:
		addr_parse("192.0.2.1", &body.expire.dst);
		body.expire.spi = last_spi;
		break;
	case MSG_OWNER_FLUSH:
		fill_owner(&body.owner);
		break;
	case MSG_SA_NARROW:
		fill_owner(&body.narrow.owner);
		addr_parse("192.0.2.1", &body.narrow.src);
		addr_parse("192.0.2.2", &body.narrow.dst);
		break;
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
flush_all(void)
{
	memset(&body, 0, sizeof(body));
	request(MSG_SA_FLUSH, lens[MSG_SA_FLUSH]);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct msg_conf_iface mi;
	uint8_t in[IPC_BODY_MAX];
	struct ipc_hdr hdr;
	struct msg_wire mw = { .af = AF_INET };
	int c[2], tun[2], w[2];
	pthread_t t;

	(void)argc;
	(void)argv;
	play_lengths();
	parent_fd = play_parent();
	require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, c) == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, tun) == 0,
	    "sockets");
	control_fd = c[0];
	require(pthread_create(&t, NULL, run, NULL) == 0, "thread");
	require(ipc_read(parent_fd, &hdr, in, sizeof(in)) == 0 &&
	    hdr.type == MSG_READY, "engine starts");
	play_send_fd(parent_fd, MSG_CHANNEL, NULL, 0, c[1]);
	require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, w) == 0,
	    "sockets");
	play_send_fd(parent_fd, MSG_WIRE, &mw, sizeof(mw), w[0]);
	require(ipc_write(parent_fd, MSG_CONF_BEGIN, 0, NULL, 0) == 0, "conf");
	iface_conf_init(&mi.conf, "sec0");
	play_send_fd(parent_fd, MSG_CONF_IFACE, &mi, sizeof(mi), tun[1]);
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
	flush_all();
	/*
	 * The removal of an SA is answered when the worker has let go of it,
	 * that of an SPI at once: what is then still in the queue, whose memory
	 * the leak checker does not look at, comes back before this.
	 */
	fill_valid(MSG_SA_ADD);
	request(MSG_SA_ADD, lens[MSG_SA_ADD]);
	flush_all();
	return 0;
}
