/* SPDX-License-Identifier: ISC */
/*
 * Outer sockets as the main thread knows them: which there are, which of them
 * an SA uses, and what main itself sends by them, keepalives and probes.
 *
 * Port 4500 may be shared with an IKE daemon.  The system then picks a socket
 * by its number in the order of binding, and that changes whenever one side
 * comes or goes, without a word.  So main sends itself a datagram that must
 * come where ESP does; if it does not, other numbers are tried.  With a number
 * that nobody has, the system picks any socket, and the probe may come by luck:
 * hence the low ones first, of which one is right unless three share the port.
 */
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define NUMBERS		4	/* programs on one port that are thought of */
#define TRIES		2	/* of each: a busy queue may drop a probe */
#define WAIT_MS		100
#define PACE_MS		5000	/* between looks at a silent port */
#define LATEST_MS	2000	/* a look waits no longer, stir what may */
#define TICK_MS		1000	/* between looks for signs of a wrong number */
#define CALM_MS		2000	/* the same when no SA depends on it */
#define KEEPALIVE_MS	18000	/* since a look after 2 s saw a packet leave:
				 * RFC 3948 2.3 wants one within 20 s */

static void	look_for_signs(void *);
static void	probe_timer(void *);

struct outer {
	int		 fd;
	uint8_t		 af;
	uint16_t	 port;		/* 0: raw ESP */
	int		 shared;	/* by sys_udp_select */
	unsigned int	 number;	/* ours, as far as we know */
	int		 lost;		/* no number worked, and that is said */
	struct log_limit limit;
};

static struct outer	 outers[WIRES_MAX];
static unsigned int	 nouters;
static struct worker	*worker;
static unsigned int	 nshared;	/* SAs on port 4500 */
static struct due	 tick = { .act = look_for_signs };

/* The probe under way. */
static struct {
	struct due	 timer;
	struct outer	*of;		/* NULL: none */
	unsigned int	 number;	/* being tried */
	unsigned int	 numbers;	/* 1 << those tried, this one too */
	unsigned int	 sent;		/* probes for it */
	uint8_t		 octets[PROBE_LEN];
	uint32_t	 todo;		/* 1 << index of those that wait, */
	int64_t		 due_ms;	/* at least until then */
	int64_t		 since_ms;	/* they have waited */
	int64_t		 last_ms;	/* when a round began */
	uint64_t	 ike;		/* IKE's datagrams that came to us */
} probe = { .timer = { .act = probe_timer } };

static const char *
af_name(uint8_t af)
{
	return af == AF_INET ? "IPv4" : "IPv6";
}

int
wire_find(uint8_t af, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < nouters; i++)
		if (outers[i].af == af && outers[i].port == port)
			return (int)i;
	return -1;
}

int
wire_send(const struct data_path *path, const void *octets, size_t len)
{
	const struct outer *o = &outers[path->wire];
	struct sys_dgram d;

	memset(&d, 0, sizeof(d));
	d.data = (uint8_t *)(uintptr_t)octets;
	d.len = len;
	d.src = path->src;
	d.dst = path->dst;
	d.dport = path->dport;
	if (sys_udp_send(o->fd, o->af, &d, 1) == 1)
		return 0;
	errno = d.error;
	return -1;
}

/* --- which number on a shared port is ours --- */

static void
wait_ms(int64_t ms)
{
	due_set(&probe.timer, engine_ms() + ms);
}

/* A datagram to ourselves; if it cannot leave, it will not come. */
static void
send_probe(void)
{
	static const struct in6_addr loop6 = IN6ADDR_LOOPBACK_INIT;
	const uint32_t spi = htonl(PROBE_SPI), loop4 = htonl(INADDR_LOOPBACK);
	struct data_path path;
	uint64_t number;

	/* a new one each time the selector was changed: none comes late */
	if (probe.sent++ == 0) {
		do
			arc4random_buf(&number, sizeof(number));
		while (number == 0);
		memcpy(probe.octets, &spi, sizeof(spi));
		memcpy(probe.octets + sizeof(spi), &number, sizeof(number));
		atomic_store(&worker->probe, number);
	}
	memset(&path, 0, sizeof(path));
	path.wire = (uint8_t)(probe.of - outers);
	path.dport = probe.of->port;
	path.dst.af = probe.of->af;
	if (probe.of->af == AF_INET)
		memcpy(path.dst.a, &loop4, sizeof(loop4));
	else
		memcpy(path.dst.a, &loop6, sizeof(loop6));
	if (wire_send(&path, probe.octets, sizeof(probe.octets)) == -1)
		log_debug("probe of udp port %u (%s): %s", probe.of->port,
		    af_name(probe.of->af), strerror(errno));
	wait_ms(WAIT_MS);
}

static void
select_number(struct outer *o, unsigned int number)
{
	if (sys_udp_select(o->fd, number) == -1)
		log_warn("udp port %u (%s)", o->port, af_name(o->af));
}

static void
try_number(unsigned int number)
{
	probe.number = number;
	probe.numbers |= 1U << number;
	probe.sent = 0;
	select_number(probe.of, number);
	send_probe();
}

/* The next of those that wait, if any. */
static void
probe_next(void)
{
	unsigned int i;

	probe.of = NULL;
	atomic_store(&worker->probe, 0);
	for (i = 0; i < nouters && !(probe.todo & 1U << i); i++)
		;
	if (i == nouters)
		return;
	if (probe.due_ms > engine_ms()) {
		wait_ms(probe.due_ms - engine_ms());
		return;
	}
	probe.todo &= ~(1U << i);
	probe.of = &outers[i];
	probe.numbers = 0;
	try_number(probe.of->number < 2 ? probe.of->number : 0);
}

/* None worked: as it was, until something stirs. */
static void
probe_failed(void)
{
	struct outer *o = probe.of;

	select_number(o, o->number);
	if (!o->lost)
		log_warnx("udp port %u (%s): a datagram to ourselves over the "
		    "loopback does not arrive, so who gets ESP here cannot be "
		    "told; is lo up?", o->port, af_name(o->af));
	o->lost = 1;
	probe_next();
}

static void
probe_timer(void *arg)
{
	unsigned int n;

	(void)arg;
	if (probe.of == NULL) {
		probe.last_ms = engine_ms();
		probe_next();
		return;
	}
	if (probe.sent < TRIES) {
		send_probe();
		return;
	}
	for (n = 0; n < NUMBERS && (probe.numbers & 1U << n); n++)
		;
	if (n == NUMBERS)
		probe_failed();
	else
		try_number(n);
}

void
wire_probed(const struct wire *wire)
{
	struct outer *o = &outers[wire - worker->wires];

	atomic_store(&worker->wires[wire - worker->wires].ev_probe.pending, 0);
	/* the answer to one that was given up */
	if (o != probe.of || counter_get(&worker->probe) != 0)
		return;
	if (probe.number != o->number && log_allowed(&o->limit))
		log_info("udp port %u (%s) is shared with an IKE daemon: ESP "
		    "comes to secd, as number %u", o->port, af_name(o->af),
		    probe.number);
	o->number = probe.number;
	o->lost = 0;
	due_clear(&probe.timer);
	probe_next();
}

void
wire_stir(int ms)
{
	int64_t due = engine_ms() + ms;
	unsigned int i;

	if (probe.todo == 0)
		probe.since_ms = engine_ms();
	for (i = 0; i < nouters; i++)
		if (outers[i].shared)
			probe.todo |= 1U << i;
	if (due > probe.since_ms + LATEST_MS)
		due = probe.since_ms + LATEST_MS;
	if (due > probe.due_ms)
		probe.due_ms = due;
	if (probe.todo != 0 && probe.of == NULL)
		wait_ms(probe.due_ms - engine_ms());
}

/* Has a tunnel with SAs on port 4500 received nothing since the last look? */
static int
silent(void)
{
	struct tunnel *t;
	uint64_t packets;
	int found = 0;

	if (nshared == 0)
		return 0;
	TAILQ_FOREACH(t, tunnel_all(), entry) {
		packets = data_if_in_packets(t->hot);
		found |= packets == t->seen_packets && t->nshared > 0;
		t->seen_packets = packets;
	}
	return found;
}

/*
 * Silence alone is a weak sign.  What IKE's daemon should have got is a strong
 * one, though not when there is no daemon.
 */
static void
look_for_signs(void *arg)
{
	uint64_t ike = workers_stray(DROP_IKE);

	(void)arg;
	if (ike != probe.ike ||
	    (silent() && engine_ms() - probe.last_ms >= PACE_MS))
		wire_stir(0);
	probe.ike = ike;
	due_set(&tick, engine_ms() + (nshared > 0 ? TICK_MS : CALM_MS));
}

/* --- making and choosing --- */

void
wire_start(void)
{
	worker = workers_first();
}

void
wire_add(int fd, const struct msg_wire *m)
{
	const uint16_t port = (uint16_t)m->port;
	const uint8_t af = (uint8_t)m->af;
	struct outer *o;
	int i = wire_find(af, port);

	/* each worker has a raw one, of the same index */
	if ((i == -1) != (m->worker == 0) || (i == -1 && nouters == WIRES_MAX))
		fatalx("malformed wire");
	if (i == -1)
		i = (int)nouters++;
	workers_wire((unsigned int)i, fd, m);
	if (m->worker != 0)
		return;
	o = &outers[i];
	o->fd = fd;
	o->af = af;
	o->port = port;
	if (port != UDP_ENCAP_PORT)
		return;
	if (sys_udp_select(fd, 0) == -1) {
		log_info("udp port %u (%s) cannot be shared with an IKE "
		    "daemon: %s", port, af_name(af), strerror(errno));
		return;
	}
	o->shared = 1;
	wire_stir(0);
	due_set(&tick, engine_ms() + TICK_MS);
}

/*
 * Ports of this SA on this interface; both 0: raw.  -1: a contradiction.  An
 * IKE daemon's request that names ports knows the peer's, which a NAT made.
 */
static int
ports_for(const struct iface_conf *conf, const struct sa_request *req,
    uint16_t *sport, uint16_t *dport)
{
	*sport = *dport = 0;
	switch ((enum encap_mode)conf->encap) {
	case ENCAP_NONE:
		return req->encap ? -1 : 0;
	case ENCAP_PORT:
		*sport = *dport = conf->encap_port;
		return 0;
	case ENCAP_AUTO:
		if (!req->encap)
			return 0;
		break;
	case ENCAP_UDP:
		break;
	}
	*sport = req->sport != 0 ? req->sport : UDP_ENCAP_PORT;
	*dport = req->dport != 0 ? req->dport : UDP_ENCAP_PORT;
	return 0;
}

int
path_for(const struct iface_conf *conf, const struct sa_request *req,
    struct data_path *path, char *why, size_t size)
{
	uint16_t port;
	int wire;

	memset(path, 0, sizeof(*path));
	path->src = req->src;
	path->dst = req->dst;
	if (ports_for(conf, req, &path->sport, &path->dport) == -1) {
		snprintf(why, size, "ESP in UDP is asked for, but %s has "
		    "'encap none'", conf->name);
		return EINVAL;
	}
	port = req->dir == SA_IN ? path->dport : path->sport;
	if ((wire = wire_find(req->dst.af, port)) == -1) {
		if (port == 0)
			snprintf(why, size, "this machine has no %s",
			    af_name(req->dst.af));
		else
			snprintf(why, size, "there is no %s UDP socket on port "
			    "%u; secd's log says why, or set 'encap' of %s",
			    af_name(req->dst.af), port, conf->name);
		return EADDRNOTAVAIL;
	}
	path->wire = (uint8_t)wire;
	return 0;
}

void
wire_count(const struct sa *sa, int n)
{
	if (sa->path.dport == 0 ||
	    outers[sa->path.wire].port != UDP_ENCAP_PORT)
		return;
	sa->tunnel->nshared += (unsigned int)n;
	nshared += (unsigned int)n;
}

/* --- keepalives --- */

/* Remind the NAT of a tunnel that has sent nothing for a while. */
static void
keep_alive(void *arg)
{
	static const uint8_t octet = 0xff;
	struct tunnel *t = arg;
	int64_t now = engine_ms(), sent;

	/* packets of which the books do not know yet, if they are closed */
	sa_touch(t->out, time(NULL));
	sent = t->out->used_ms > t->kept_ms ? t->out->used_ms : t->kept_ms;
	if (now - sent >= KEEPALIVE_MS) {
		/* one that is lost is not missed */
		wire_send(&t->out->path, &octet, sizeof(octet));
		t->kept_ms = sent = now;
	}
	due_set(&t->keepalive, sent + KEEPALIVE_MS);
}

void
keepalive_start(struct tunnel *t)
{
	due_clear(&t->keepalive);
	if (t->out == NULL || t->out->path.dport == 0)
		return;
	t->kept_ms = engine_ms();
	due_init(&t->keepalive, keep_alive, t);
	due_set(&t->keepalive, t->kept_ms + KEEPALIVE_MS);
}
