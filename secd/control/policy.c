/* SPDX-License-Identifier: ISC */
/*
 * Flows that IKE daemons store: never used to forward, only shown again, octet
 * for octet, and asked for after an ACQUIRE.  They belong to an owner and
 * outlive its connection.  Losing them loses nothing: what is not here reads
 * as any to any, which is what routes make of a tunnel.
 */
#include <sys/queue.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "secd/control/control.h"

struct stored {
	TAILQ_ENTRY(stored)	 entry;
	struct pfkey_policy	 p;
	int			 deleted;
};

struct holder {
	TAILQ_ENTRY(holder)	 entry;
	struct sa_owner		 owner;
	TAILQ_HEAD(, stored)	 list;	/* the last stored first */
	unsigned int		 all;
	unsigned int		 live;
};

static TAILQ_HEAD(, holder) holders = TAILQ_HEAD_INITIALIZER(holders);
static unsigned int	nholders;

static struct holder *
find(const struct sa_owner *o)
{
	struct holder *h;

	TAILQ_FOREACH(h, &holders, entry)
		if (sa_owner_equal(&h->owner, o))
			return h;
	return NULL;
}

static void
drop(struct holder *h, struct stored *s)
{
	TAILQ_REMOVE(&h->list, s, entry);
	h->all--;
	if (!s->deleted)
		h->live--;
	free(s);
}

/* Owners that have nothing stored any more give way to new ones. */
static void
make_room(void)
{
	struct holder *h;

	TAILQ_FOREACH(h, &holders, entry)
		if (h->live == 0) {
			while (!TAILQ_EMPTY(&h->list))
				drop(h, TAILQ_FIRST(&h->list));
			TAILQ_REMOVE(&holders, h, entry);
			free(h);
			nholders--;
			return;
		}
}

static struct holder *
find_or_make(const struct sa_owner *o)
{
	struct holder *h = find(o);

	if (h != NULL)
		return h;
	if (nholders >= POLICY_OWNERS)
		make_room();
	if (nholders >= POLICY_OWNERS || (h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->owner = *o;
	TAILQ_INIT(&h->list);
	TAILQ_INSERT_TAIL(&holders, h, entry);
	nholders++;
	return h;
}

static struct stored *
same(struct holder *h, const struct pfkey_policy *p)
{
	struct stored *s;

	TAILQ_FOREACH(s, &h->list, entry)
		if (pfkey_policy_same(&s->p, p))
			return s;
	return NULL;
}

/* The one that was deleted longest ago, or NULL. */
static struct stored *
oldest_deleted(struct holder *h)
{
	struct stored *s, *found = NULL;

	TAILQ_FOREACH(s, &h->list, entry)
		if (s->deleted)
			found = s;
	return found;
}

int
policy_add(const struct sa_owner *o, const struct pfkey_policy *p)
{
	struct holder *h = find_or_make(o);
	struct stored *s;

	if (h == NULL)
		return ENOBUFS;
	if ((s = same(h, p)) != NULL)
		drop(h, s);
	if (h->all >= POLICIES_MAX && (s = oldest_deleted(h)) != NULL)
		drop(h, s);
	if (h->all >= POLICIES_MAX || (s = calloc(1, sizeof(*s))) == NULL)
		return ENOBUFS;
	s->p = *p;
	TAILQ_INSERT_HEAD(&h->list, s, entry);
	h->all++;
	h->live++;
	return 0;
}

int
policy_delete(const struct sa_owner *o, const struct pfkey_policy *p)
{
	struct holder *h = find(o);
	struct stored *s;

	if (h == NULL || (s = same(h, p)) == NULL || s->deleted)
		return ENOENT;
	s->deleted = 1;
	h->live--;
	return 0;
}

void
policy_flush(const struct sa_owner *o)
{
	struct holder *h = find(o);
	struct stored *s;

	if (h == NULL)
		return;
	TAILQ_FOREACH(s, &h->list, entry)
		s->deleted = 1;
	h->live = 0;
}

const struct pfkey_policy *
policy_find(const struct sa_owner *o, const struct pfkey_policy *p)
{
	struct holder *h = find(o);
	const struct stored *s;

	if (h == NULL || (s = same(h, p)) == NULL || s->deleted)
		return NULL;
	return &s->p;
}

/* Either may be unknown. */
static int
matches(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->af == 0 || b->af == 0 || addr_equal(a, b);
}

const struct pfkey_policy *
policy_between(const struct sa_owner *o, enum client_dialect dialect,
    const struct ip_addr *src, const struct ip_addr *dst)
{
	const struct holder *h = find(o);
	const struct stored *s, *last = NULL;

	if (h == NULL)
		return NULL;
	TAILQ_FOREACH(s, &h->list, entry) {
		if (s->p.dialect != dialect || s->p.dir != PFKEY_OUT ||
		    !matches(&s->p.src, src) || !matches(&s->p.dst, dst))
			continue;
		if (!s->deleted)
			return &s->p;
		if (last == NULL)
			last = s;
	}
	return last != NULL ? &last->p : NULL;
}

unsigned int
policy_count(const struct sa_owner *o)
{
	const struct holder *h = find(o);

	return h != NULL ? h->live : 0;
}
