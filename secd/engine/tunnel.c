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

#include <event2/event.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define ACQUIRE_MS	2000	/* least time between two requests for SAs */

static struct tunnels tunnels = TAILQ_HEAD_INITIALIZER(tunnels);

static void	delay_over(int, short, void *);

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
	TAILQ_INIT(&t->sas);
	t->delay = engine_timer(delay_over, t);
	t->hot = workers_add_if(fd, takes, t);
	atomic_store(&t->hot->tell_nosa, conf->acquire);
	TAILQ_INSERT_TAIL(&tunnels, t, entry);
	tunnel_update(t);
	return t;
}

void
tunnel_remove(struct tunnel *t)
{
	struct sa *sa;

	while ((sa = TAILQ_FIRST(&t->sas)) != NULL)
		sadb_end(sa, NULL, "its interface is removed");
	event_del(t->delay);
	TAILQ_REMOVE(&tunnels, t, entry);
	workers_remove_if(t->hot);
}

void
tunnel_gone(struct tunnel *t)
{
	close(t->hot->fd);
	event_free(t->delay);
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
	tunnel_update(t);
}

const char *
tunnel_output(const struct tunnel *t, uint8_t *now)
{
	*now = OUTPUT_RAW;
	return t->conf.output == OUTPUT_PACKET ?
	    "this secd has no packet output" : "";
}

struct sa *
tunnel_newest(const struct tunnel *t, enum sa_dir dir)
{
	struct sa *sa;

	TAILQ_FOREACH(sa, &t->sas, entry)
		if (sa->req.dir == dir && sa->state != SA_DRAINING)
			return sa;
	return NULL;
}

/* The parent counts the kernel's drops by what the carrier was. */
static void
set_carrier(struct tunnel *t, int up)
{
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

/* Can it send? */
static int
usable(const struct sa *sa)
{
	return sa->req.dir == SA_OUT && (sa->state == SA_ACTIVE ||
	    sa->state == SA_STANDBY);
}

/* How many ms until the peer can be expected to know it; 0: it does. */
static int
unready(const struct tunnel *t, const struct sa *sa, int64_t now)
{
	int64_t end = sa->usable_ms + t->conf.switch_delay * 1000;

	if (now >= end || (sa->pair != NULL && sa->pair->first_ms != 0))
		return 0;
	return (int)(end - now);
}

/*
 * Who sends: the newest that the peer knows.  If the current one has gone, or
 * only waits for that, the one that came after it, which the peer has had
 * longest to learn of; or else one that came before.
 */
static struct sa *
choose(struct tunnel *t, int64_t now)
{
	struct sa *sa, *known = NULL, *next = NULL, *before = NULL;

	TAILQ_FOREACH(sa, &t->sas, entry) {
		if (!usable(sa) || sa->id == t->out_id)
			continue;
		if (sa->id < t->out_id) {
			if (before == NULL || sa->id > before->id)
				before = sa;
			continue;
		}
		if (next == NULL || sa->id < next->id)
			next = sa;
		if ((known == NULL || sa->id > known->id) &&
		    unready(t, sa, now) == 0)
			known = sa;
	}
	if (known != NULL)
		return known;
	if (t->out != NULL)
		return usable(t->out) || next == NULL ? t->out : next;
	return next != NULL ? next : before;
}

/* Look again when the peer can be expected to know the next one. */
static void
await_next(struct tunnel *t, int64_t now)
{
	struct sa *sa;
	int ms, least = 0;

	TAILQ_FOREACH(sa, &t->sas, entry)
		if (usable(sa) && sa->id > t->out_id &&
		    (ms = unready(t, sa, now)) > 0 && (least == 0 ||
		    ms < least))
			least = ms;
	event_del(t->delay);
	if (least > 0)
		engine_timer_start(t->delay, least);
}

/* Send by this one (NULL: drop) from now on. */
static void
set_out(struct tunnel *t, struct sa *sa)
{
	struct sa *was = t->out;

	t->out = sa;
	workers_set_out(t->hot, sa);
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

static void
delay_over(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	tunnel_update(arg);
}

void
tunnel_update(struct tunnel *t)
{
	int64_t now = engine_ms();
	struct sa *sa = choose(t, now);

	if (sa != t->out)
		set_out(t, sa);
	await_next(t, now);
	set_carrier(t, t->conf.link == LINK_ADMIN || t->forced ||
	    t->conf.acquire || (t->nin > 0 && t->out != NULL));
}

void
tunnel_without(struct tunnel *t, const struct sa *sa, const char *reason)
{
	const int current = sa == t->out;

	if (current) {
		t->out = NULL;
		if (choose(t, engine_ms()) == NULL) {
			workers_set_out(t->hot, NULL);
			strlcpy(t->lost, reason, sizeof(t->lost));
		}
	}
	tunnel_update(t);
}

/* --- acquire --- */

/* The event stays pending, and so the worker silent, until the tick. */
void
tunnel_nosa(struct tunnel *t)
{
	static struct log_limit limit;
	struct msg_acquire m;

	t->acquired_ms = engine_ms();
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

void
tunnel_tick(void)
{
	int64_t now = engine_ms();
	struct tunnel *t;

	TAILQ_FOREACH(t, &tunnels, entry)
		if (atomic_load(&t->hot->ev_nosa.pending) &&
		    t->acquired_ms != 0 && now - t->acquired_ms >= ACQUIRE_MS) {
			t->acquired_ms = 0;
			atomic_store(&t->hot->ev_nosa.pending, 0);
		}
}

const struct tunnels *
tunnel_all(void)
{
	return &tunnels;
}
