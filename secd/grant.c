/* SPDX-License-Identifier: ISC */
/*
 * Numbers granted from the ledger.  What is granted once, to whomever, is never
 * granted again: a grant starts above every earlier mark of its key.
 */
#include <sys/queue.h>
#include <sys/tree.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "secd/ledger.h"
#include "secd/log.h"
#include "secd/parent.h"

#define COUNT_MAX	(UINT64_C(1) << 24)	/* numbers in one grant */

/* A grant that waits for the disk. */
struct waiting {
	TAILQ_ENTRY(waiting)	 entry;
	RB_ENTRY(waiting)	 by_key;	/* its highest first */
	struct ipc		*ipc;
	uint32_t		 id;
	struct msg_reserved	 m;
};

RB_HEAD(waitings_by_key, waiting);

static TAILQ_HEAD(, waiting) waitings = TAILQ_HEAD_INITIALIZER(waitings);
static struct waitings_by_key keys = RB_INITIALIZER(&keys);
static struct ledger	*ledger;
static struct ledger_sync *syncer;
static char		*path;

static int
cmp_key(const struct waiting *a, const struct waiting *b)
{
	int r = memcmp(a->m.digest, b->m.digest, KEY_DIGEST_LEN);

	if (r != 0)
		return r;
	/* no number is granted twice, so no two have one top */
	return a->m.top > b->m.top ? -1 : a->m.top < b->m.top;
}

RB_PROTOTYPE(waitings_by_key, waiting, by_key, cmp_key)
RB_GENERATE(waitings_by_key, waiting, by_key, cmp_key)

int
grant_init(int statefd, const char *statedir, char *why, size_t size)
{
	if (asprintf(&path, "%s/%s", statedir, LEDGER_FILE) == -1)
		fatal("ledger");
	ledger = ledger_open(statefd, statedir, time(NULL), why, size);
	return ledger != NULL ? 0 : -1;
}

static void
answer(struct ipc *ipc, uint32_t id, const struct msg_reserved *m)
{
	if (ipc_send(ipc, MSG_RESERVED, id, -1, m, sizeof(*m)) == -1)
		log_warn("reservation");
}

static void
fill_error(struct msg_reserved *m, int error)
{
	m->error = error;
	snprintf(m->text, sizeof(m->text), "ledger %s: %s", path,
	    strerror(error));
}

/* A commit has ended: what is durable is granted, after an error only that. */
static void
committed(int error, void *arg)
{
	struct waiting *w, *next;
	struct ledger_key k;

	(void)arg;
	for (w = TAILQ_FIRST(&waitings); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		if (ledger_find(ledger, w->m.digest, &k) == -1 ||
		    k.durable < w->m.top) {
			if (error == 0)
				continue;	/* in the next commit */
			fill_error(&w->m, error);
		}
		answer(w->ipc, w->id, &w->m);
		RB_REMOVE(waitings_by_key, &keys, w);
		TAILQ_REMOVE(&waitings, w, entry);
		free(w);
	}
}

void
grant_start(struct event_base *base)
{
	syncer = ledger_sync_new(base, ledger, committed, NULL);
	if (syncer == NULL)
		fatal("ledger thread");
}

/* Inbound: what was seen is told at once; a slot is made for what will be. */
static void
tell_seen(struct ipc *ipc, uint32_t id, const struct msg_reserve *r,
    struct msg_reserved *m)
{
	struct ledger_key k = { 0 };

	if (ledger_seen(ledger, r->digest, r->base,
	    (r->flags & RESERVE_STATIC) != 0, time(NULL)) == -1)
		fill_error(m, errno);
	else if (ledger_find(ledger, r->digest, &k) == 0)
		m->seen = k.seen;
	answer(ipc, id, m);
	ledger_sync_kick(syncer);
}

/*
 * The highest number of a key that was or may still be granted: what is on
 * disk, and what waits for it.  Marks of grants that failed are not among them,
 * so that a disk that fails for days does not use up the numbers.  What the
 * peer sent under it, when it was the key of the other direction, is taken too.
 */
static uint64_t
highest(const uint8_t digest[KEY_DIGEST_LEN])
{
	struct waiting first, *w;
	struct ledger_key k;
	uint64_t top = 0;

	if (ledger_find(ledger, digest, &k) == 0)
		top = k.durable > k.seen ? k.durable : k.seen;
	memcpy(first.m.digest, digest, KEY_DIGEST_LEN);
	first.m.top = UINT64_MAX;
	w = RB_NFIND(waitings_by_key, &keys, &first);
	if (w != NULL && memcmp(w->m.digest, digest, KEY_DIGEST_LEN) == 0 &&
	    w->m.top > top)
		top = w->m.top;
	return top;
}

/* Numbers above start, up to top and not beyond max; 0 or an errno. */
static int
choose(const struct msg_reserve *r, struct msg_reserved *m)
{
	uint64_t taken = highest(r->digest);

	m->start = taken > r->base ? taken : r->base;
	if (m->start >= r->max)
		return EOVERFLOW;
	m->top = r->max - m->start > r->count ? m->start + r->count : r->max;
	return ledger_raise(ledger, r->digest, m->top,
	    (r->flags & RESERVE_STATIC) != 0, time(NULL)) == -1 ? errno : 0;
}

void
grant_reserve(struct ipc *ipc, uint32_t id, const struct msg_reserve *r)
{
	struct msg_reserved m;
	struct waiting *w;
	int error;

	memset(&m, 0, sizeof(m));
	memcpy(m.digest, r->digest, sizeof(m.digest));
	if ((r->flags & ~(RESERVE_FIRST | RESERVE_STATIC | RESERVE_IN)) != 0 ||
	    r->count > COUNT_MAX ||
	    (r->max != UINT32_MAX && r->max != UINT64_MAX) ||
	    ((r->flags & RESERVE_IN) == 0) != (r->count != 0)) {
		m.error = EINVAL;
		snprintf(m.text, sizeof(m.text), "malformed reservation");
		answer(ipc, id, &m);
		return;
	}
	if (r->flags & RESERVE_IN) {
		tell_seen(ipc, id, r, &m);
		return;
	}
	error = choose(r, &m);
	if (error == 0 && (w = calloc(1, sizeof(*w))) != NULL) {
		w->ipc = ipc;
		w->id = id;
		w->m = m;
		TAILQ_INSERT_TAIL(&waitings, w, entry);
		RB_INSERT(waitings_by_key, &keys, w);
		ledger_sync_kick(syncer);
		return;
	}
	fill_error(&m, error != 0 ? error : ENOMEM);
	if (error == EOVERFLOW)
		snprintf(m.text, sizeof(m.text), "all numbers of this key are "
		    "used; make another with 'secctl genkey'");
	answer(ipc, id, &m);
}

void
grant_seen(const struct msg_seen *m)
{
	static struct log_limit limit;

	if (ledger_seen(ledger, m->digest, m->seq,
	    (m->flags & RESERVE_STATIC) != 0, time(NULL)) == -1 &&
	    log_allowed(&limit))
		log_warn("ledger %s", path);
	ledger_sync_kick(syncer);
}

void
grant_release(const struct msg_release *m)
{
	/* a key that was refused has no slot to release */
	if (ledger_release(ledger, m->digest, time(NULL)) == 0)
		ledger_sync_kick(syncer);
}

void
grant_stop(void)
{
	int error;

	if (syncer != NULL && (error = ledger_sync_free(syncer)) != 0)
		log_warnx("ledger %s: not written at the end: %s", path,
		    strerror(error));
	ledger_close(ledger);
}
