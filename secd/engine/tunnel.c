/* SPDX-License-Identifier: ISC */
/*
 * Tunnels: one for each sec interface.  Chooses the outbound SA in use, and
 * says by the carrier whether the interface can carry packets.
 *
 * A new outbound SA does not become the current one at once: its peer may not
 * have installed its own half yet.  It does when the peer is heard on the
 * inbound SA that was made with it, when the current one goes, or when it has
 * waited itself, whichever is first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define ACQUIRE_MS	2000	/* least time between two requests for SAs */

static struct tunnels tunnels = TAILQ_HEAD_INITIALIZER(tunnels);

static void	consider_newer(struct tunnel *);
static void	set_carrier(struct tunnel *);
static void	tell_again(void *);

struct tunnel *
tunnel_new(const struct iface_conf *conf, int fd, unsigned int takes,
    int forced)
{
	struct tunnel *t;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("tunnel %s", conf->name);
	t->id = engine_id();
	t->conf = *conf;
	t->forced = forced;
	t->carrier = -1;
	TAILQ_INIT(&t->ins);
	TAILQ_INIT(&t->outs);
	TAILQ_INIT(&t->drains);
	due_init(&t->again, tell_again, t);
	t->hot = workers_add_if(fd, takes, t);
	atomic_store(&t->hot->tell_nosa, conf->acquire);
	TAILQ_INSERT_TAIL(&tunnels, t, entry);
	set_carrier(t);
	hop_update(t);
	return t;
}

void
tunnel_remove(struct tunnel *t)
{
	struct sas *lists[] = { &t->ins, &t->outs, &t->drains };
	struct sa *sa;
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		while ((sa = TAILQ_FIRST(lists[i])) != NULL)
			sadb_end(sa, NULL, "its interface is removed");
	t->removed = 1;
	due_clear(&t->again);
	TAILQ_REMOVE(&tunnels, t, entry);
	workers_remove_if(t->hot);
}

void
tunnel_gone(struct tunnel *t)
{
	close(t->hot->fd);
	free(t->hot);
	free(t);
}

void
tunnel_lost(struct tunnel *t)
{
	log_warnx("%s: its tun device is gone; 'secctl destroy %s' or take it "
	    "out of secd.conf, reload, and make it again", t->conf.name,
	    t->conf.name);
}

struct tunnel *
tunnel_find(const char *name)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, &tunnels, entry)
		if (strncmp(t->conf.name, name, sizeof(t->conf.name)) == 0)
			return t;
	return NULL;
}

struct tunnel *
tunnel_after(uint64_t id)
{
	struct tunnel *t;

	/* appended with growing ids */
	TAILQ_FOREACH(t, &tunnels, entry)
		if (t->id > id)
			return t;
	return NULL;
}

void
tunnel_change(struct tunnel *t, const struct iface_conf *conf, int forced)
{
	t->conf = *conf;
	t->forced = forced;
	atomic_store(&t->hot->tell_nosa, conf->acquire);
	consider_newer(t);
	set_carrier(t);
	hop_update(t);
}

const char *
tunnel_output(const struct tunnel *t, uint8_t *now)
{
	*now = t->hop.told ? OUTPUT_PACKET : OUTPUT_RAW;
	return t->hop.told ? "" : t->hop.why;
}

struct sa *
tunnel_newest(const struct tunnel *t, enum sa_dir dir)
{
	return TAILQ_FIRST(dir == SA_IN ? &t->ins : &t->outs);
}

/* The parent counts the kernel's drops by what the carrier was. */
static void
set_carrier(struct tunnel *t)
{
	const int up = t->conf.link == LINK_ADMIN || t->forced ||
	    t->conf.acquire || (t->nin > 0 && t->out != NULL);
	struct msg_carrier m;

	if (t->carrier == up)
		return;
	if (sys_tun_carrier(t->hot->fd, up) == -1) {
		log_warn("%s: carrier", t->conf.name);
		return;
	}
	if (t->carrier != -1)
		log_info("%s: link %s", t->conf.name, up ? "up" : "down");
	t->carrier = up;
	memset(&m, 0, sizeof(m));
	strlcpy(m.name, t->conf.name, sizeof(m.name));
	m.up = (uint32_t)up;
	engine_to_parent(MSG_CARRIER, 0, &m, sizeof(m));
}

/* --- who sends --- */

static int
usable(const struct sa *sa)
{
	return sa->req.dir == SA_OUT && !sa->removed &&
	    (sa->state == SA_ACTIVE || sa->state == SA_STANDBY);
}

/* When the peer can be expected to know it, unless it is heard before. */
static int64_t
known_ms(const struct sa *sa)
{
	return sa->usable_ms + sa->tunnel->conf.switch_delay * 1000;
}

static int
known(const struct sa *sa)
{
	return engine_ms() >= known_ms(sa) ||
	    (sa->pair != NULL && sa->pair->first_ms != 0);
}

int64_t
tunnel_known_ms(const struct sa *sa)
{
	return usable(sa) && sa->id > sa->tunnel->out_id && !known(sa) ?
	    known_ms(sa) : DUE_NEVER;
}

/* The usable one that came next after the current, or NULL. */
static struct sa *
next_to(const struct tunnel *t)
{
	struct sa *sa, *next = NULL;

	if (t->out != NULL && t->out->state != SA_DRAINING) {
		sa = t->out;
		do
			sa = TAILQ_PREV(sa, sas, entry);
		while (sa != NULL && !usable(sa));
		return sa;
	}
	TAILQ_FOREACH(sa, &t->outs, entry) {
		if (sa->id < t->out_id)
			break;
		if (usable(sa))
			next = sa;
	}
	return next;
}

/* The usable one that came last before the current, or NULL. */
static struct sa *
before(const struct tunnel *t)
{
	struct sa *sa = TAILQ_FIRST(&t->outs);

	if (t->out != NULL && t->out->state != SA_DRAINING)
		sa = t->out;
	while (sa != NULL && (sa->id >= t->out_id || !usable(sa)))
		sa = TAILQ_NEXT(sa, entry);
	return sa;
}

/* Send by this one (NULL: drop) from now on. */
static void
set_out(struct tunnel *t, struct sa *sa)
{
	struct sa *was = t->out;

	t->out = sa;
	workers_set_out(t->hot, sa);
	keepalive_start(t);
	hop_update(t);
	if (sa != NULL) {
		log_debug("%s: sends with spi 0x%08x", t->conf.name,
		    sa->req.spi);
		sa->state = SA_ACTIVE;
		t->out_id = sa->id;
		t->lost[0] = '\0';
	}
	if (was == NULL)
		return;
	if (was->state == SA_ACTIVE)
		was->state = SA_STANDBY;
	else	/* it was only waiting for this */
		sadb_remove(was, NULL, NULL, "deleted, and replaced");
}

/*
 * Who sends: the newest that the peer knows.  If the current one has gone, or
 * only waits for that, the one that came after it, which the peer has had
 * longest to learn of; or else one that came before.
 */
void
tunnel_consider(struct sa *sa)
{
	struct tunnel *t = sa->tunnel;
	struct sa *next = NULL;

	if (!usable(sa) || sa == t->out)
		return;
	if (sa->id > t->out_id && known(sa))
		next = sa;
	else if (t->out == NULL || !usable(t->out))
		next = next_to(t);
	if (next == NULL && t->out == NULL)
		next = sa;
	if (next != NULL) {
		set_out(t, next);
		set_carrier(t);
	}
}

/* Other delays: the peer may know one that it did not, or later. */
static void
consider_newer(struct tunnel *t)
{
	struct sa *sa;

	TAILQ_FOREACH(sa, &t->outs, entry) {
		if (sa->id <= t->out_id)
			break;
		tunnel_consider(sa);
		sadb_schedule(sa);
	}
}

void
tunnel_add(struct sa *sa)
{
	struct tunnel *t = sa->tunnel;
	struct sa *o;

	if (sa->req.dir == SA_IN) {
		TAILQ_INSERT_HEAD(&t->ins, sa, entry);
		return;
	}
	/* one that was staged may have been overtaken */
	o = TAILQ_FIRST(&t->outs);
	while (o != NULL && o->id > sa->id)
		o = TAILQ_NEXT(o, entry);
	if (o != NULL)
		TAILQ_INSERT_BEFORE(o, sa, entry);
	else
		TAILQ_INSERT_TAIL(&t->outs, sa, entry);
}

void
tunnel_works(struct sa *sa)
{
	tunnel_consider(sa);
	sadb_schedule(sa);
	set_carrier(sa->tunnel);
}

static struct sas *
list_of(const struct sa *sa)
{
	if (sa->state == SA_DRAINING)
		return &sa->tunnel->drains;
	return sa->req.dir == SA_IN ? &sa->tunnel->ins : &sa->tunnel->outs;
}

void
tunnel_drains(struct sa *sa)
{
	TAILQ_REMOVE(list_of(sa), sa, entry);
	TAILQ_INSERT_HEAD(&sa->tunnel->drains, sa, entry);
}

void
tunnel_without(struct sa *sa, const char *reason)
{
	struct tunnel *t = sa->tunnel;
	struct sa *next = NULL;
	const int current = sa == t->out;

	if (current && (next = next_to(t)) == NULL)
		next = before(t);
	TAILQ_REMOVE(list_of(sa), sa, entry);
	if (current) {
		t->out = NULL;
		set_out(t, next);
		if (next == NULL)
			strlcpy(t->lost, reason, sizeof(t->lost));
	}
	set_carrier(t);
}

/* --- acquire --- */

static void
tell_again(void *arg)
{
	struct tunnel *t = arg;

	atomic_store(&t->hot->ev_nosa.pending, 0);
}

/* The event stays pending, and so the worker silent, for a while. */
void
tunnel_nosa(struct tunnel *t)
{
	static struct log_limit limit;
	struct msg_acquire m;

	if (t->removed)
		return;
	due_set(&t->again, engine_ms() + ACQUIRE_MS);
	if (!t->conf.acquire)
		return;
	if (t->conf.local.af == 0 || t->conf.peer.af == 0) {
		if (log_allowed(&limit))
			log_warnx("%s: acquire needs local and peer addresses "
			    "to ask for SAs between", t->conf.name);
		return;
	}
	memset(&m, 0, sizeof(m));
	strlcpy(m.iface, t->conf.name, sizeof(m.iface));
	m.src = t->conf.local;
	m.dst = t->conf.peer;
	/* small, and not 0: PF_KEY has 32 bits for it */
	m.id = (uint32_t)(t->id & 0x7fffffff) + 1;
	engine_tell(MSG_ACQUIRE, &m, sizeof(m));
}

const struct tunnels *
tunnel_all(void)
{
	return &tunnels;
}
