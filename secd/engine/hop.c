/* SPDX-License-Identifier: ISC */
/*
 * Which tunnels send past the kernel's output of IP (`output packet'), and by
 * which hop: found by asking the kernel about route, device and neighbour, told
 * to the worker, and taken back when something changes.  Without a hop a worker
 * uses the raw socket, which is always right; so whatever is doubtful is taken
 * back at once, and asked again a little later.  (secd/sys/route_Linux.c has
 * the asking; what cannot be used is refused there.)
 *
 * Changes.  What is told of a neighbour is the new state itself, and taken at
 * once.  A route to a prefix that our peer is in, or our device's going down,
 * takes the hop back; all else, and those, make it stale.  What is stale is
 * asked again WAIT_MS later, and later still when asking takes long: at most a
 * tenth of the time goes into it however many routes change.  Those of other
 * prefixes cost a comparison.  Some things nobody tells of (a redirect by ICMP;
 * settings in /proc/sys); so all is asked again every AGAIN_MS.
 *
 * The neighbour.  The kernel believes in one for 15 to 45 s, then makes it
 * stale.  The first packet that it sends itself to a stale one starts it
 * looking: 5 s later it asks the neighbour, and when that has not answered in
 * 3 s, it has failed.  Until then the kernel goes on to send to the address it
 * knows.  So do we, after one batch by the raw socket that starts the kernel
 * looking.  (Whether it did is asked, and until it has, it gets another batch
 * in every second with packets.)  So there are no long raw phases, one batch in
 * 30 s or so; a neighbour whose address has changed is noticed when the kernel
 * notices, which is at once when it announces itself, and a dead one, too.  One
 * that nobody knows, or that failed, has no hop; our packets by the raw socket
 * then make the kernel ask, and the answer is told.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define WAIT_MS		20	/* changes come in crowds */
#define SHARE		10	/* at most one in so many ms is for asking */
#define TICK_MS		1000
#define AGAIN_MS	10000	/* what nobody tells of */
#define FAILED_MS	1000	/* until one is tried again that failed */

static void		 asks(void *);
static void		 tick(void *);

static struct event_base *base;
static struct due	 round_due = { .act = asks };
static struct due	 tick_due = { .act = tick };
static int		 ask_fd = -1;
static int64_t		 cost_ms;	/* of the last round of asking */

void
hop_start(struct event_base *b)
{
	base = b;
}

/* --- state --- */

static uint64_t
sent(const struct tunnel *t)
{
	return t->out != NULL ? counter_get(&t->out->hot->packets) : 0;
}

/* This is what is known now: tell the worker what is new to it. */
static void
settle(struct tunnel *t, const struct sys_route *r, const char *why)
{
	struct hop *h = &t->hop;
	const int was = h->told, once = r->neigh == SYS_NEIGH_OLD;
	const int same = memcmp(&r->hop, &h->route.hop, sizeof(r->hop)) == 0;

	h->route = *r;
	h->told = r->hop.ifindex != 0;
	h->packets = sent(t);
	if (why != h->why)
		strlcpy(h->why, why, sizeof(h->why));
	if (h->told ? !was || !same || once : was)
		workers_set_hop(t->hot, &r->hop, once);
}

/* By the raw socket from now on. */
static void
withdraw(struct tunnel *t, const char *why)
{
	struct sys_route r = t->hop.route;

	r.hop.ifindex = 0;
	settle(t, &r, why);
}

/* Why the kernel need not even be asked; NULL: it has to be. */
static const char *
obstacle(const struct tunnel *t)
{
	if (t->conf.output != OUTPUT_PACKET)
		return "";
	if (ask_fd == -1)
		return "no sockets for it, see the log";
	if (t->out == NULL)
		return "no outbound SA";
	if (t->out->path.dport != 0)
		return "ESP in UDP goes by its own socket";
	return t->hop.not_before > engine_ms() ? t->hop.why : NULL;
}

static void
look(struct tunnel *t)
{
	const char *reason = obstacle(t);
	struct hop *h = &t->hop;
	struct sys_route r;
	char why[sizeof(h->why)] = "";

	memset(&r, 0, sizeof(r));
	h->stale = h->not_before > engine_ms();
	h->asked_ms = engine_ms();
	if (reason == NULL && sys_route_ask(ask_fd, &t->out->path.src,
	    &t->out->path.dst, &r, why, sizeof(why)) == -1)
		r.hop.ifindex = 0;
	settle(t, &r, reason != NULL ? reason : why);
}

/* The same way as before for another SA, or the same one? */
static int
still(const struct tunnel *t)
{
	const struct sys_hop *hop = &t->hop.route.hop;
	const struct data_path *path;

	if (!t->hop.told || obstacle(t) != NULL)
		return 0;
	path = &t->out->path;
	return addr_equal(&path->dst, &hop->dst) &&
	    (path->src.af == 0 || addr_equal(&path->src, &hop->src));
}

void
hop_update(struct tunnel *t)
{
	if (t->conf.output == OUTPUT_PACKET && tick_due.at_ms == 0)
		due_set(&tick_due, engine_ms() + TICK_MS);
	if (!still(t))
		look(t);
}

/* --- later --- */

static void
asks(void *arg)
{
	const int64_t began = engine_ms();
	struct tunnel *t;

	(void)arg;
	TAILQ_FOREACH(t, tunnel_all(), entry)
		if (t->hop.stale)
			look(t);
	cost_ms = engine_ms() - began;
}

static void
soon(void)
{
	if (ask_fd != -1 && round_due.at_ms == 0)
		due_set(&round_due, engine_ms() + WAIT_MS + SHARE * cost_ms);
}

static void
doubt(struct tunnel *t)
{
	t->hop.stale = 1;
	t->hop.not_before = 0;
	soon();
}

/* Nobody knows what has changed. */
static void
doubt_all(void)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, tunnel_all(), entry) {
		if (t->conf.output != OUTPUT_PACKET)
			continue;
		if (t->hop.told)
			withdraw(t, "changes of routes were lost");
		doubt(t);
	}
}

void
hop_failed(struct tunnel *t)
{
	char why[sizeof(t->hop.why)];

	atomic_store(&t->hot->ev_hop.pending, 0);
	/* taken back meanwhile, or with its interface */
	if (!t->hop.told || t->hot->leaving > 0)
		return;
	snprintf(why, sizeof(why), "sending failed: %s",
	    strerror(atomic_load(&t->hot->hop_error)));
	withdraw(t, why);
	t->hop.stale = 1;
	t->hop.not_before = engine_ms() + FAILED_MS;
}

/* One without packets can wait: they will come by what is known now. */
static int
is_due(const struct tunnel *t, int64_t now)
{
	const struct hop *h = &t->hop;
	const int used = sent(t) != h->packets;

	if (h->told && h->route.neigh == SYS_NEIGH_OLD)
		return used;
	return now - h->asked_ms >= AGAIN_MS && (used || !h->told);
}

static void
say(struct tunnel *t)
{
	struct hop *h = &t->hop;
	const char *now = h->told ? "packet" : h->why;

	/* that there is no SA is in the log already */
	if (t->out == NULL || strcmp(h->said, now) == 0 ||
	    !log_allowed(&h->limit))
		return;
	strlcpy(h->said, now, sizeof(h->said));
	if (h->told)
		log_info("%s: output packet", t->conf.name);
	else
		log_info("%s: output raw, not packet: %s", t->conf.name,
		    h->why);
}

/* Every second, while there is an interface with `output packet'. */
static void
tick(void *arg)
{
	const int64_t now = engine_ms();
	struct tunnel *t;

	(void)arg;
	TAILQ_FOREACH(t, tunnel_all(), entry) {
		if (t->conf.output != OUTPUT_PACKET)
			continue;
		due_set(&tick_due, now + TICK_MS);
		if (is_due(t, now))
			t->hop.stale = 1;
		if (t->hop.stale)
			soon();
		say(t);
	}
}

/* --- what the kernel tells --- */

static int
covers(const struct ip_addr *prefix, unsigned int len, const struct ip_addr *a)
{
	const unsigned int octets = len / 8, bits = len % 8;

	if (prefix->af != a->af ||
	    memcmp(prefix->a, a->a, octets) != 0)
		return 0;
	return bits == 0 ||
	    (prefix->a[octets] ^ a->a[octets]) >> (8 - bits) == 0;
}

static void
neigh_changed(struct tunnel *t, const struct sys_route_event *ev)
{
	struct sys_route r = t->hop.route;

	if (ev->ifindex != r.ifindex || !addr_equal(&ev->addr, &r.next))
		return;
	if (ev->neigh == SYS_NEIGH_NONE && t->hop.told)
		withdraw(t, "next hop not resolved");
	if (ev->neigh == SYS_NEIGH_NONE || !t->hop.told) {
		doubt(t);
		return;
	}
	r.neigh = ev->neigh;
	memcpy(r.hop.there, ev->there, sizeof(r.hop.there));
	settle(t, &r, "");
}

static void
changed(struct tunnel *t, const struct sys_route_event *ev)
{
	switch (ev->kind) {
	case SYS_ROUTE_NEIGH:
		neigh_changed(t, ev);
		return;
	case SYS_ROUTE_PREFIX:
		if (t->out == NULL || !covers(&ev->addr, ev->prefixlen,
		    &t->out->path.dst))
			return;
		if (t->hop.told)
			withdraw(t, "route changed");
		break;
	case SYS_ROUTE_LINK:
		/* another device may take over, or give back */
		if (t->hop.told && !ev->up &&
		    ev->ifindex == t->hop.route.ifindex)
			withdraw(t, "device went down");
		break;
	case SYS_ROUTE_ANY:
		break;
	}
	doubt(t);
}

static void
event_came(const struct sys_route_event *ev, void *arg)
{
	struct tunnel *t;

	(void)arg;
	TAILQ_FOREACH(t, tunnel_all(), entry)
		if (t->conf.output == OUTPUT_PACKET)
			changed(t, ev);
}

static void
events(int fd, short what, void *arg)
{
	static struct log_limit limit;

	(void)what;
	(void)arg;
	if (sys_route_read(fd, event_came, NULL) == 0)
		return;
	if (errno != ENOBUFS && log_allowed(&limit))
		log_warn("changes of routes");
	doubt_all();
}

void
hop_socket(enum bypass_kind kind, int fd)
{
	struct event *ev;

	if (kind == BYPASS_ASK) {
		ask_fd = fd;
		return;
	}
	ev = event_new(base, fd, EV_READ | EV_PERSIST, events, NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatal("events");
}
