/* SPDX-License-Identifier: ISC */
/*
 * What IKE daemons ask of the SA database, whatever protocol they ask it in.
 * An answer never waits for the ledger or the worker: an SA that was promised
 * and then refused expires (secd(8), "IKE daemons").  An owner sees and
 * changes its own SAs alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define LARVAL_MAX	4096	/* SPIs of one owner that wait for their keys */
#define SPI_TRIES	64

static const char *
name_of(const struct sa_owner *o)
{
	return o->name[0] != '\0' ? o->name : "a client without name";
}

/* Refuse, and tell the operator, who sees an errno only in the daemon's log. */
static void __attribute__((format(printf, 4, 5)))
refuse(uint32_t id, const struct sa_request *req, int error, const char *fmt,
    ...)
{
	static struct log_limit limit;
	char text[IPC_TEXTLEN - 40];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log_allowed(&limit))
		log_warnx("%s: sa spi 0x%08x refused: %s",
		    name_of(&req->owner), req->spi, text);
	engine_result(id, error, "spi 0x%08x: %s", req->spi, text);
}

static int
owns(const struct sa_owner *o, const struct sa *sa)
{
	return (sa->req.flags & SA_F_IKE) && sa_owner_equal(o, &sa->req.owner);
}

/* --- SPIs --- */

static unsigned int
count_larval(const struct sa_owner *o)
{
	const struct sa *sa;
	unsigned int n = 0;

	TAILQ_FOREACH(sa, sadb_larvals(), entry)
		if (owns(o, sa))
			n++;
	return n;
}

/* A free SPI of [min, max] at random, or 0. */
static uint32_t
choose_spi(uint32_t min, uint32_t max, const struct ip_addr *dst)
{
	uint32_t spi, i;

	for (i = 0; i < SPI_TRIES; i++) {
		/* a range of 2^32 would be 0 here, but min is at least 256 */
		spi = min + arc4random_uniform(max - min + 1);
		if (sadb_find(spi, dst) == NULL)
			return spi;
	}
	/* a crowded range: one after the other */
	for (i = 0; i < SPI_TRIES * SPI_TRIES && max - min >= i; i++)
		if (sadb_find(min + i, dst) == NULL)
			return min + i;
	return 0;
}

void
ike_getspi(uint32_t id, const struct msg_getspi *m)
{
	struct sa_request req;
	struct msg_spi answer;

	memset(&req, 0, sizeof(req));
	req.owner = m->owner;
	req.src = m->src;
	req.dst = m->dst;
	req.reqid = m->reqid;
	req.flags = SA_F_IKE;
	req.dir = SA_IN;
	req.spi = m->min < ESP_SPI_MIN ? ESP_SPI_MIN : m->min;
	if (sa_change_check(&req) != NULL || req.spi > m->max) {
		engine_result(id, EINVAL, "getspi: malformed");
		return;
	}
	if (count_larval(&m->owner) >= LARVAL_MAX) {
		refuse(id, &req, ENOBUFS, "too many SPIs wait for their keys");
		return;
	}
	req.spi = choose_spi(req.spi, m->max, &m->dst);
	if (req.spi == 0) {
		engine_result(id, EEXIST, "getspi: none is free");
		return;
	}
	if (sa_new_larval(&req) == NULL) {
		engine_result(id, ENOMEM, "getspi: out of memory");
		return;
	}
	map_own_address(&m->dst);
	answer.spi = req.spi;
	engine_reply(id, MSG_SPI, &answer, sizeof(answer));
}

/* --- new ones --- */

/* Make it and answer; NULL after refusing. */
static struct sa *
install(uint32_t id, struct sa_request *req)
{
	char why[IPC_TEXTLEN - 40];
	enum sa_rule rule;
	struct tunnel *t;
	struct sa *sa;
	int error;

	if ((t = map_sa(req, &rule, why, sizeof(why))) == NULL) {
		refuse(id, req, ENXIO, "%s", why);
		return NULL;
	}
	if ((sa = sa_new(req, &t->conf, &error, why, sizeof(why))) == NULL) {
		refuse(id, req, error, "%s", why);
		return NULL;
	}
	if ((error = sadb_conflict(sa, NULL, why, sizeof(why))) != 0) {
		/* daemons count that as success */
		if (error == EEXIST)
			engine_result(id, error, "%s", why);
		else
			refuse(id, req, error, "%s", why);
		sa_free(sa);
		return NULL;
	}
	sa->rule = rule;
	if (sadb_insert(sa, t))
		reserve_first(sa);
	engine_result(id, 0, "%s", "");
	return sa;
}

/* The larval SA that this request makes whole, or NULL. */
static struct sa *
larval_of(const struct sa_request *req)
{
	struct sa *sa = sadb_find(req->spi, &req->dst);

	return sa != NULL && sa->state == SA_LARVAL && owns(&req->owner, sa) ?
	    sa : NULL;
}

/*
 * Its SPI is free meanwhile, and its own again if that fails.  Packets that
 * came too early are kept until the SA works.
 */
static void
mature(uint32_t id, struct sa *larval, struct sa_request *req)
{
	struct sa_request was = larval->req;
	struct hold *early = larval->early;
	struct sa *sa;

	if (req->dir == SA_OUT) {
		refuse(id, req, EINVAL, "this host has the SPI, so it is "
		    "inbound");
		return;
	}
	req->dir = SA_IN;
	if (req->reqid == 0)
		req->reqid = was.reqid;
	larval->early = NULL;
	sadb_remove(larval, NULL, NULL, "");
	if ((sa = install(id, req)) != NULL) {
		sa->early = early;
		return;
	}
	sa_new_larval(&was);
	workers_end_hold(early);
}

void
ike_add(uint32_t id, struct sa_request *req)
{
	const char *complaint = sa_request_check(req);
	struct sa *larval;

	if (complaint != NULL) {
		refuse(id, req, EINVAL, "%s", complaint);
		return;
	}
	req->flags = (uint16_t)(req->flags & ~(SA_F_CONF | SA_F_STATIC));
	if ((larval = larval_of(req)) != NULL)
		mature(id, larval, req);
	else
		(void)install(id, req);
}

/* --- changes --- */

/*
 * The owner's SA of this SPI: with that destination, or in that direction where
 * the destination has moved (MOBIKE names the new one alone).
 */
static struct sa *
find_own(const struct sa_owner *o, uint32_t spi, const struct ip_addr *dst,
    unsigned int dir)
{
	struct sa *sa = sadb_find(spi, dst), *found = NULL;

	if (sa != NULL)
		return owns(o, sa) ? sa : NULL;
	while ((sa = sadb_find_next(spi, sa)) != NULL) {
		if (!owns(o, sa) || (dir != SA_ANY_DIR && sa->req.dir != dir))
			continue;
		if (found != NULL)
			return NULL;	/* two of that SPI: which? */
		found = sa;
	}
	return found;
}

static int
any_life(const struct sa_life *l)
{
	return l->bytes != 0 || l->packets != 0 || l->added != 0 ||
	    l->used != 0;
}

static void
change(uint32_t id, struct sa *sa, const struct sa_request *req)
{
	char why[IPC_TEXTLEN - 40];
	int error;

	if (req->iface[0] != '\0' && (req->dir != sa->req.dir ||
	    strcmp(req->iface, sa->tunnel->conf.name) != 0)) {
		refuse(id, req, EINVAL, "it cannot leave %s",
		    sa->tunnel->conf.name);
		return;
	}
	if ((error = sadb_move(sa, req, why, sizeof(why))) != 0) {
		refuse(id, req, error, "%s", why);
		return;
	}
	if (any_life(&req->soft) || any_life(&req->hard)) {
		sa->req.soft = req->soft;
		sa->req.hard = req->hard;
		sa->soft_told = 0;
		life_arm(sa);
		sadb_schedule(sa);
	}
	engine_result(id, 0, "%s", "");
}

void
ike_update(uint32_t id, struct sa_request *req)
{
	const int with_keys = req->keylen != 0 || req->authkeylen != 0;
	const char *complaint = with_keys ? sa_request_check(req) :
	    sa_change_check(req);
	struct sa *sa;

	if (complaint != NULL) {
		refuse(id, req, EINVAL, "%s", complaint);
		return;
	}
	req->flags = (uint16_t)(req->flags & ~(SA_F_CONF | SA_F_STATIC));
	if (with_keys && (sa = larval_of(req)) != NULL) {
		mature(id, sa, req);
		return;
	}
	sa = with_keys ? sadb_find(req->spi, &req->dst) :
	    find_own(&req->owner, req->spi, &req->dst, req->dir);
	if (sa == NULL || !owns(&req->owner, sa) || sa->state == SA_LARVAL) {
		/* the daemon will add it next, without saying which way */
		if (with_keys)
			map_expect_in(req->spi, &req->dst);
		engine_result(id, ESRCH, "no such SA");
	} else if (with_keys)
		refuse(id, req, EINVAL, "keys cannot be changed");
	else
		change(id, sa, req);
}

/* --- the end --- */

static void
delete_out(struct sa *sa, const char *reason)
{
	const struct sa *next = tunnel_newest(sa->tunnel, SA_OUT);

	/* its successor has no numbers yet: it goes on until that has some */
	if (sa == sa->tunnel->out && next != NULL && next != sa &&
	    next->state == SA_WAITING)
		sadb_drain(sa, sa->tunnel->conf.drain * 1000, reason);
	else
		sadb_remove(sa, NULL, NULL, reason);
}

static void
delete_in(struct sa *sa, const char *reason)
{
	const struct sa *next = tunnel_newest(sa->tunnel, SA_IN);

	/* packets of a peer that has not switched yet are on their way */
	if (sa->state != SA_WAITING && next != NULL && next->id > sa->id &&
	    sa->tunnel->conf.drain > 0)
		sadb_drain(sa, sa->tunnel->conf.drain * 1000, reason);
	else
		sadb_remove(sa, NULL, NULL, reason);
}

void
ike_delete(uint32_t id, const struct msg_sa_delete *m)
{
	struct sa *sa;
	char reason[64];

	if (!sa_owner_ok(&m->owner) || !addr_valid(&m->dst) ||
	    !addr_valid(&m->src) || m->dir > SA_ANY_DIR) {
		engine_result(id, EINVAL, "delete: malformed");
		return;
	}
	if ((sa = find_own(&m->owner, m->spi, &m->dst, m->dir)) == NULL) {
		engine_result(id, ESRCH, "no such SA");
		return;
	}
	/* PF_KEY does not tell which of the two it was */
	snprintf(reason, sizeof(reason), "deleted by peer, or here by %s",
	    name_of(&m->owner));
	if (sa->state == SA_LARVAL)
		sadb_remove(sa, NULL, NULL, reason);
	else if (sa->req.dir == SA_IN)
		delete_in(sa, reason);
	else
		delete_out(sa, reason);
	engine_result(id, 0, "%s", "");
}

void
ike_get(uint32_t id, const struct msg_sa_id *m)
{
	static struct msg_sa_row row;
	struct sa *sa = addr_valid(&m->dst) ? sadb_find(m->spi, &m->dst) : NULL;

	if (sa == NULL) {
		engine_result(id, ESRCH, "no such SA");
		return;
	}
	memset(&row, 0, sizeof(row));
	sa_touch(sa, time(NULL));
	show_sa_row(&row, sa);
	engine_reply(id, MSG_SA_ROW, &row, sizeof(row));
}

void
ike_flush(uint32_t id, const struct sa_owner *o)
{
	struct tunnel *t;
	struct sa *sa;
	uint64_t at;

	if (!sa_owner_ok(o)) {
		engine_result(id, EINVAL, "flush: malformed");
		return;
	}
	for (sa = sadb_after(0); sa != NULL; sa = sadb_after(at)) {
		at = sa->id;
		if (!owns(o, sa))
			continue;
		if ((t = sa->tunnel) != NULL)
			t->narrow = 0;
		sadb_remove(sa, NULL, NULL, "flushed by its IKE daemon");
	}
	/* it begins anew */
	wire_stir(WIRE_STIR_MS);
	engine_result(id, 0, "%s", "");
}

static int
between(const struct sa *sa, const struct ip_addr *a, const struct ip_addr *b)
{
	const struct ip_addr *src = &sa->req.src, *dst = &sa->req.dst;

	/* OpenBSD's flows name the peer alone */
	return ((a->af == 0 || addr_equal(src, a)) && addr_equal(dst, b)) ||
	    (addr_equal(src, b) && (a->af == 0 || addr_equal(dst, a)));
}

/*
 * Flows choose nothing in secd: routes do.  One that asks for less than any to
 * any is noted, since the peer may drop what it does not cover.
 */
void
ike_narrow(uint32_t id, const struct msg_narrow *m)
{
	struct tunnel *t = NULL;
	enum sa_rule rule;
	struct sa *sa;

	if (!sa_owner_ok(&m->owner) || !addr_valid(&m->src) ||
	    !addr_valid(&m->dst) || !text_ok(m->flow, sizeof(m->flow))) {
		engine_result(id, EINVAL, "flow: malformed");
		return;
	}
	for (sa = sadb_after(0); sa != NULL; sa = sadb_after(sa->id))
		if (sa->tunnel != NULL && owns(&m->owner, sa) &&
		    between(sa, &m->src, &m->dst)) {
			sa->narrow = 1;
			t = sa->tunnel;
		}
	if (t == NULL)
		t = map_pair(&m->src, &m->dst, &rule);
	/* later SAs of it, after a rekey, come without a flow */
	if (t != NULL && !t->narrow) {
		t->narrow = 1;
		log_warnx("%s: %s asks for the flow %s only; routes decide "
		    "here, but the peer may drop what is not in it",
		    t->conf.name, name_of(&m->owner), m->flow);
	}
	engine_result(id, 0, "%s", "");
}
