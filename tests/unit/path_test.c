/* SPDX-License-Identifier: ISC */
/*
 * A million packets through a worker, both ways at once: from a tun as
 * super-packets, sealed, over the loopback to its own socket, opened, joined
 * and back to the tun, where what comes out must be what went in.  Meanwhile
 * every allocation of ours, of libcrypto and of libevent is counted: none.
 *
 * As in worker_test the tun is a socket pair, in a namespace of the test's own.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "secd/data/data.h"
#include "tests/unit/netns.h"

#define MSS	1348
#define PIECES	40
#define SUPER	(40 + PIECES * MSS)	/* octets of a super-packet */

static unsigned long allocations;

void	*__real_malloc(size_t);
void	*__real_calloc(size_t, size_t);
void	*__real_realloc(void *, size_t);
void	*__wrap_malloc(size_t);
void	*__wrap_calloc(size_t, size_t);
void	*__wrap_realloc(void *, size_t);

void *
__wrap_malloc(size_t n)
{
	allocations++;
	return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	allocations++;
	return __real_realloc(p, n);
}

static void *
crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return __wrap_malloc(n);
}

static void *
crypto_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return __wrap_realloc(p, n);
}

static void
crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static struct worker	*w;
static struct data_queue done;
static struct data_if	 dif;
static struct data_count count;
static struct data_sa	 in, out;
static int		 tun;
static struct data_cmd	 cmds[8];
static unsigned int	 ncmds;
static uint8_t		 sent[SUPER], got[2 * SUPER];
static uint32_t		 seq;

static struct esp_sa *
esp(const struct esp_suite *suite, enum esp_dir dir)
{
	static const uint8_t key[64] = { 1, 2, 3 };
	struct esp_params p = { .suite = suite, .dir = dir, .spi = 0x1001,
	    .replay = 4096, .limit = UINT32_MAX, .key = key,
	    .keylen = suite->keylen + suite->saltlen, .authkey = key,
	    .authkeylen = suite->authkeylen };
	size_t size = esp_sa_size(&p);

	return esp_sa_init(calloc(1, size), size, &p);
}

static struct data_cmd *
command(enum data_cmd_type type)
{
	struct data_cmd *c = &cmds[ncmds++ % 8];

	memset(c, 0, sizeof(*c));
	c->type = type;
	c->iface = &dif;
	return c;
}

static void
give(struct data_cmd *c)
{
	data_queue_push(&w->cmds, &c->node);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	data_queue_take(&done);
}

static void
scene_up(void)
{
	struct data_cmd *c;
	int sp[2], udp, size = 1 << 22;

	netns_enter();
	scene("ip link set lo up");
	/* as large as a network's, or the loopback cuts nothing */
	scene("ip link set lo mtu 1500");
	w = calloc(1, sizeof(*w));
	udp = sys_udp_socket(AF_INET, 4500, 1);
	if (data_queue_init(&done) == -1 || udp == -1 ||
	    worker_init(w, event_base_new(), 0, &done) == -1 ||
	    sys_udp_offload(udp, AF_INET, SYS_GSO | SYS_GRO) !=
	    (SYS_GSO | SYS_GRO) || socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sp) == -1)
		exit(1);
	setsockopt(sp[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(sp[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	tun = sp[0];
	atomic_store(&w->merge_kinds, ESP_MERGE_TCP | ESP_MERGE_UDP);
	data_if_init(&dif, sp[1], &dif, &count, 1);
	give(command(DATA_IF_ADD));
	c = command(DATA_WIRE_ADD);
	c->fd = udp;
	c->af = AF_INET;
	c->port = 4500;
	c->listen = 1;
	c->many = 1;
	give(c);
}

/* One that sends to itself. */
static void
keys(const struct esp_suite *suite)
{
	struct ip_addr here;
	struct data_cmd *c;

	addr_parse("127.0.0.1", &here);
	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
	data_sa_init(&in, &in);
	data_sa_init(&out, &out);
	in.esp = esp(suite, ESP_IN);
	out.esp = esp(suite, ESP_OUT);
	in.spi = out.spi = 0x1001;
	in.iface = out.iface = &dif;
	in.path = out.path = (struct data_path){ here, here, 4500, 4500, 0 };
	atomic_store(&out.limit, UINT32_MAX);
	atomic_store(&out.low, UINT64_MAX);
	c = command(DATA_SA_ADD);
	c->sa = &in;
	give(c);
	c = command(DATA_OUT_SET);
	c->sa = &out;
	give(c);
}

static void
no_keys(void)
{
	struct data_cmd *c = command(DATA_OUT_SET);

	give(c);
	c = command(DATA_SA_REMOVE);
	c->sa = &in;
	give(c);
	esp_sa_clear(in.esp);
	esp_sa_clear(out.esp);
	free(in.esp);
	free(out.esp);
}

/* A TCP super-packet, the next of its flow. */
static void
make(void)
{
	static const uint8_t head[40] = { 0x45, 0, SUPER >> 8, SUPER & 0xff,
	    0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	    0, 80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x50, 0x10, 1, 0 };
	static const uint8_t pseudo[12] = { 10, 0, 0, 1, 10, 0, 0, 2, 0, 6,
	    (SUPER - 20) >> 8, (SUPER - 20) & 0xff };
	uint16_t sum;

	memcpy(sent, head, sizeof(head));
	sent[4] = (uint8_t)(seq >> 16);
	sent[5] = (uint8_t)(seq >> 8);
	sent[24] = (uint8_t)(seq >> 24);
	sent[25] = (uint8_t)(seq >> 16);
	sent[26] = (uint8_t)(seq >> 8);
	sent[27] = (uint8_t)seq;
	sum = esp_sum_fold(esp_sum(sent, 20, 0));
	sent[10] = (uint8_t)(sum >> 8);
	sent[11] = (uint8_t)sum;
	sum = (uint16_t)~esp_sum_fold(esp_sum(pseudo, sizeof(pseudo), 0));
	sent[36] = (uint8_t)(sum >> 8);
	sent[37] = (uint8_t)sum;
	memcpy(sent + 40, &seq, sizeof(seq));
	seq += PIECES * MSS;
}

/* Write it, let the worker carry it round, read it; 0 if it is the same. */
static int
round_trip(void)
{
	static const struct esp_offload off = { .gso = ESP_GSO_TCP4, .csum = 1,
	    .size = MSS, .csum_start = 20, .csum_offset = 16 };
	struct esp_offload back;
	struct iovec piece = { sent, SUPER };
	uint64_t until = counter_get(&in.packets) + PIECES;
	size_t len = 0;
	ssize_t n;
	int i;

	make();
	if (sys_tun_write(tun, &off, &piece, 1) == -1)
		return 1;
	for (i = 0; i < 100 && counter_get(&in.packets) < until; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	if (counter_get(&in.packets) != until)
		return 1;
	/* what was cut in two trains comes as two */
	while ((n = sys_tun_read(tun, &back, got + len, SUPER)) > 0)
		len = len == 0 ? (size_t)n : len + (size_t)n - 40;
	return len != SUPER || (back.gso == ESP_GSO_TCP4 &&
	    memcmp(got + 12, sent + 12, SUPER - 12) != 0);
}

static void
carry(const char *enc, const char *auth, unsigned int packets)
{
	const struct esp_suite *suite = esp_suite_find(enc, auth);
	unsigned int i, bad = 0;

	keys(suite);
	/* libcrypto and libevent make what they keep */
	bad += (unsigned int)round_trip();
	allocations = 0;
	for (i = 0; i < packets; i += PIECES)
		bad += (unsigned int)round_trip();
	is(allocations, 0, "%s %s: nothing was allocated", enc, auth);
	is(bad, 0, "%u packets sealed and opened, and all came back", packets);
	is(counter_get(&in.packets), counter_get(&out.packets),
	    "counted alike");
	no_keys();
}

int
main(void)
{
	size_t i;

	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc,
	    crypto_free) != 1)
		exit(1);
	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	for (i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7);
	scene_up();
	ok(allocations > 0, "set-up is counted: %lu", allocations);
	carry("aes-256-gcm", "", 1000000);
	carry("chacha20-poly1305", "", 100000);
	carry("aes-128", "hmac-sha2-256", 100000);
	carry("aes-256", "hmac-sha1", 100000);
	return tap_done();
}
