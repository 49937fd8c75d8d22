/* SPDX-License-Identifier: ISC */
/*
 * The nonce ledger: the memory image, what is forgotten when, and the commits.
 * The parent alone calls it; ledger_write() may run in the thread of
 * ledger_sync.c.  It never logs.  The disk format is ledger_file.c's.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/ledger.h"
#include "secd/ledger_file.h"

#define KEEP_SECONDS	((int64_t)LEDGER_KEEP_DAYS * 24 * 3600)

struct slot {
	RB_ENTRY(slot)	 by_digest;	/* while it has a key */
	TAILQ_ENTRY(slot) entry;	/* in free or released, or in none */
	TAILQ_ENTRY(slot) dirty;	/* while is_dirty */
	TAILQ_ENTRY(slot) job;		/* while busy */
	struct slot_copy rec;		/* gen: of the next write */
	struct slot_copy out;		/* as the job writes it, while busy */
	uint64_t	 durable;	/* mark on disk */
	int		 is_dirty;
	int		 busy;
};
RB_HEAD(ledger_index, slot);
TAILQ_HEAD(slots, slot);

struct chunk {				/* slots made together; never move */
	SLIST_ENTRY(chunk) entry;
	struct slot	 slots[];
};

struct ledger_job {
	struct slots	 slots;
	int		 fd;
	int		 second;	/* first copies are durable */
};

struct ledger {
	struct ledger_file file;
	struct ledger_index index;
	size_t		 nkeys;
	struct slots	 free;
	struct slots	 released;	/* in the order of release */
	struct slots	 dirty;
	struct ledger_job job;
	int		 job_out;
	SLIST_HEAD(, chunk) chunks;
};

static int
slot_cmp(const struct slot *a, const struct slot *b)
{
	return memcmp(a->rec.digest, b->rec.digest, KEY_DIGEST_LEN);
}

RB_PROTOTYPE(ledger_index, slot, by_digest, slot_cmp)
RB_GENERATE(ledger_index, slot, by_digest, slot_cmp)

/* --- memory --- */

static int
chunk_new(struct ledger *l, uint32_t first, uint32_t last)
{
	struct chunk *c;
	struct slot *s;
	uint32_t i;

	c = calloc(1, sizeof(*c) + (last - first) * sizeof(c->slots[0]));
	if (c == NULL)
		return -1;
	for (i = first; i < last; i++) {
		s = &c->slots[i - first];
		s->rec.index = i;
		s->rec.gen = 1;
		TAILQ_INSERT_TAIL(&l->free, s, entry);
	}
	SLIST_INSERT_HEAD(&l->chunks, c, entry);
	return 0;
}

/* Take back the newest chunk, which nothing has been put into. */
static void
chunk_undo(struct ledger *l, uint32_t n)
{
	struct chunk *c = SLIST_FIRST(&l->chunks);
	uint32_t i;

	for (i = 0; i < n; i++)
		TAILQ_REMOVE(&l->free, &c->slots[i], entry);
	SLIST_REMOVE_HEAD(&l->chunks, entry);
	free(c);
}

static void
soil(struct ledger *l, struct slot *s)
{
	if (s->is_dirty)
		return;
	s->is_dirty = 1;
	TAILQ_INSERT_TAIL(&l->dirty, s, dirty);
}

static void
unrelease(struct ledger *l, struct slot *s)
{
	if (!(s->rec.flags & SLOT_RELEASED))
		return;
	TAILQ_REMOVE(&l->released, s, entry);
	s->rec.flags &= ~SLOT_RELEASED;
	s->rec.released = 0;
	soil(l, s);
}

static void
set_released(struct ledger *l, struct slot *s, int64_t when)
{
	if (s->rec.flags & SLOT_RELEASED)
		TAILQ_REMOVE(&l->released, s, entry);
	TAILQ_INSERT_TAIL(&l->released, s, entry);
	s->rec.flags |= SLOT_RELEASED;
	s->rec.released = when;
	soil(l, s);
}

static void
set_static(struct ledger *l, struct slot *s)
{
	if (s->rec.flags & SLOT_STATIC)
		return;
	s->rec.flags |= SLOT_STATIC;
	soil(l, s);
}

/*
 * Forget the slot's key.  The slot is written anew, empty or for another key,
 * in an earlier commit than any in which the key can come back, or in the same:
 * so what is left of it on disk never stands beside numbers that were granted.
 */
static void
forget(struct ledger *l, struct slot *s)
{
	TAILQ_REMOVE(&l->released, s, entry);
	RB_REMOVE(ledger_index, &l->index, s);
	l->nkeys--;
	s->rec.flags = 0;
	s->rec.mark = s->rec.seen = 0;
	s->rec.released = 0;
	s->durable = 0;
	memset(s->rec.digest, 0, KEY_DIGEST_LEN);
	TAILQ_INSERT_TAIL(&l->free, s, entry);
	soil(l, s);
}

/* Forget what was released long enough ago to make room for one key. */
static void
forget_oldest(struct ledger *l, int64_t now)
{
	struct slot *s;

	while ((s = TAILQ_FIRST(&l->released)) != NULL &&
	    s->rec.released > now)
		set_released(l, s, now);	/* the clock went back */
	/* a busy one belongs to the job until it ends */
	if (s != NULL && !s->busy && now - s->rec.released > KEEP_SECONDS)
		forget(l, s);
}

static int
grow(struct ledger *l)
{
	uint32_t n = l->file.nslots;
	int error;

	if (chunk_new(l, n, 2 * n) == -1)
		return -1;
	if (ledger_file_grow(&l->file) == 0)
		return 0;
	error = errno;
	chunk_undo(l, n);
	errno = error;
	return -1;
}

static struct slot *
find(struct ledger *l, const uint8_t digest[KEY_DIGEST_LEN])
{
	struct slot key;

	memcpy(key.rec.digest, digest, KEY_DIGEST_LEN);
	return RB_FIND(ledger_index, &l->index, &key);
}

/* The key's slot, in use from now on; made if there is none. */
static struct slot *
slot_for(struct ledger *l, const uint8_t digest[KEY_DIGEST_LEN], int is_static,
    int64_t now)
{
	struct slot *s;

	if ((s = find(l, digest)) == NULL) {
		if (TAILQ_EMPTY(&l->free))
			forget_oldest(l, now);
		if (TAILQ_EMPTY(&l->free) && grow(l) == -1)
			return NULL;
		s = TAILQ_FIRST(&l->free);
		TAILQ_REMOVE(&l->free, s, entry);
		memcpy(s->rec.digest, digest, KEY_DIGEST_LEN);
		s->rec.flags = SLOT_USED;
		RB_INSERT(ledger_index, &l->index, s);
		l->nkeys++;
		soil(l, s);
	}
	unrelease(l, s);
	if (is_static)
		set_static(l, s);
	return s;
}

int
ledger_find(struct ledger *l, const uint8_t digest[KEY_DIGEST_LEN],
    struct ledger_key *k)
{
	struct slot *s = find(l, digest);

	if (s == NULL)
		return -1;
	k->mark = s->rec.mark;
	k->durable = s->durable;
	k->seen = s->rec.seen;
	k->is_static = (s->rec.flags & SLOT_STATIC) != 0;
	return 0;
}

int
ledger_raise(struct ledger *l, const uint8_t digest[KEY_DIGEST_LEN],
    uint64_t top, int is_static, time_t now)
{
	struct slot *s = slot_for(l, digest, is_static, now);

	if (s == NULL)
		return -1;
	if (top > s->rec.mark) {
		s->rec.mark = top;
		soil(l, s);
	}
	return 0;
}

int
ledger_seen(struct ledger *l, const uint8_t digest[KEY_DIGEST_LEN],
    uint64_t seq, int is_static, time_t now)
{
	struct slot *s = slot_for(l, digest, is_static, now);

	if (s == NULL)
		return -1;
	if (seq > s->rec.seen) {
		s->rec.seen = seq;
		soil(l, s);
	}
	return 0;
}

int
ledger_release(struct ledger *l, const uint8_t digest[KEY_DIGEST_LEN],
    time_t now)
{
	struct slot *s = find(l, digest);

	if (s == NULL)
		return -1;
	if (!(s->rec.flags & SLOT_STATIC))
		set_released(l, s, now);
	return 0;
}

size_t
ledger_keys(const struct ledger *l)
{
	return l->nkeys;
}

/* --- commit --- */

struct ledger_job *
ledger_begin(struct ledger *l)
{
	struct ledger_job *job = &l->job;
	struct slot *s;

	if (l->job_out || TAILQ_EMPTY(&l->dirty))
		return NULL;
	TAILQ_INIT(&job->slots);
	job->fd = l->file.fd;
	job->second = 0;
	while ((s = TAILQ_FIRST(&l->dirty)) != NULL) {
		TAILQ_REMOVE(&l->dirty, s, dirty);
		s->is_dirty = 0;
		s->busy = 1;
		s->out = s->rec;
		TAILQ_INSERT_TAIL(&job->slots, s, job);
	}
	l->job_out = 1;
	return job;
}

static int
write_copies(struct ledger_job *job)
{
	struct slot *s;
	unsigned int copy;

	TAILQ_FOREACH(s, &job->slots, job) {
		copy = (s->out.gen & 1) ^ (job->second != 0);
		if (slot_write(job->fd, &s->out, copy) == -1)
			return errno;
	}
	return fdatasync(job->fd) == -1 ? errno : 0;
}

int
ledger_write(struct ledger_job *job)
{
	int error;

	if ((error = write_copies(job)) != 0)
		return error;
	job->second = 1;
	return write_copies(job);
}

void
ledger_end(struct ledger *l, struct ledger_job *job, int error)
{
	struct slot *s;

	while ((s = TAILQ_FIRST(&job->slots)) != NULL) {
		TAILQ_REMOVE(&job->slots, s, job);
		s->busy = 0;
		s->rec.gen = s->out.gen + (job->second ? 1 : 2);
		if (error == 0)
			s->durable = s->out.mark;
		else
			soil(l, s);
	}
	l->job_out = 0;
}

/* --- opening --- */

/*
 * Two slots have one key when the key was forgotten in the first, added again
 * in the second, and the commit of both, which overwrites the first, was torn:
 * nothing had been granted by the second.  The higher mark stays.
 */
static void
merge(struct ledger *l, struct slot *a, struct slot *b)
{
	struct slot *keep = a->rec.mark >= b->rec.mark ? a : b;
	struct slot *drop = keep == a ? b : a;

	if (keep->rec.seen < drop->rec.seen)
		keep->rec.seen = drop->rec.seen;
	keep->rec.flags |= drop->rec.flags & SLOT_STATIC;
	if (keep == b) {
		RB_REMOVE(ledger_index, &l->index, a);
		RB_INSERT(ledger_index, &l->index, b);
	}
	drop->rec.flags = 0;
	drop->rec.mark = drop->rec.seen = 0;
	drop->rec.released = 0;
	memset(drop->rec.digest, 0, KEY_DIGEST_LEN);
	TAILQ_INSERT_TAIL(&l->free, drop, entry);
	soil(l, keep);
	soil(l, drop);
}

static int
load_slot(const struct opening *o, struct ledger *l, struct slot *s,
    const struct slot_copy c[2], const int good[2])
{
	const uint64_t gen[2] = { c[0].gen, c[1].gen };

	if (!good[0] && !good[1])
		return ledger_damaged(o, "slot %u: both copies are damaged",
		    s->rec.index);
	s->rec = c[slot_choose(good, gen)];
	if (slot_agree(good, gen))
		s->rec.gen++;
	else
		soil(l, s);
	return 0;
}

static int
load_slots(const struct opening *o, struct ledger *l)
{
	struct slot_copy c[SLOT_GROUP][2];
	int good[SLOT_GROUP][2];
	struct slot *slots;
	uint32_t first, i;

	if (chunk_new(l, 0, l->file.nslots) == -1)
		return ledger_complain(o, "%s", strerror(errno));
	slots = SLIST_FIRST(&l->chunks)->slots;
	for (first = 0; first < l->file.nslots; first += SLOT_GROUP) {
		if (slot_read(&l->file, first, c, good) == -1)
			return ledger_complain(o, "read: %s", strerror(errno));
		for (i = 0; i < SLOT_GROUP; i++)
			if (load_slot(o, l, &slots[first + i], c[i],
			    good[i]) == -1)
				return -1;
	}
	return 0;
}

static void
load_index(struct ledger *l)
{
	struct slot *slots = SLIST_FIRST(&l->chunks)->slots;
	struct slot *s, *other;
	uint32_t i;

	for (i = 0; i < l->file.nslots; i++) {
		s = &slots[i];
		if (!(s->rec.flags & SLOT_USED))
			continue;
		TAILQ_REMOVE(&l->free, s, entry);
		if ((other = RB_INSERT(ledger_index, &l->index, s)) != NULL)
			merge(l, other, s);
		else
			l->nkeys++;
	}
}

static int
release_cmp(const void *a, const void *b)
{
	int64_t x = (*(struct slot *const *)a)->rec.released;
	int64_t y = (*(struct slot *const *)b)->rec.released;

	return x < y ? -1 : x > y;
}

/* Every IKE key is released now at the latest: no SA outlives the daemon. */
static int
load_released(const struct opening *o, struct ledger *l, int64_t now)
{
	struct slot *s, **list;
	size_t i, n = 0;

	if (l->nkeys == 0)
		return 0;
	if ((list = calloc(l->nkeys, sizeof(struct slot *))) == NULL)
		return ledger_complain(o, "%s", strerror(errno));
	RB_FOREACH(s, ledger_index, &l->index) {
		s->durable = s->rec.mark;
		if (s->rec.flags & SLOT_STATIC) {
			s->rec.flags &= ~SLOT_RELEASED;
			continue;
		}
		if (!(s->rec.flags & SLOT_RELEASED) || s->rec.released > now ||
		    s->rec.released < 0) {
			s->rec.flags |= SLOT_RELEASED;
			s->rec.released = now;
			soil(l, s);
		}
		list[n++] = s;
	}
	qsort(list, n, sizeof(struct slot *), release_cmp);
	for (i = 0; i < n; i++) {
		TAILQ_INSERT_TAIL(&l->released, list[i], entry);
		if (now - list[i]->rec.released > KEEP_SECONDS)
			forget(l, list[i]);
	}
	free(list);
	return 0;
}

static int
write_dirty(const struct opening *o, struct ledger *l)
{
	struct ledger_job *job = ledger_begin(l);
	int error;

	if (job == NULL)
		return 0;
	error = ledger_write(job);
	ledger_end(l, job, error);
	if (error == 0)
		return 0;
	errno = error;
	return ledger_complain(o, "write: %s", strerror(errno));
}

/*
 * What is torn is written again as it is before anything in it changes, and
 * what the passing of time changes before anybody builds on it.
 */
static int
load(const struct opening *o, struct ledger *l, int64_t now)
{
	if (load_slots(o, l) == -1)
		return -1;
	if (ledger_file_repair(&l->file) == -1)
		return ledger_complain(o, "write: %s", strerror(errno));
	if (write_dirty(o, l) == -1)
		return -1;
	load_index(l);
	if (load_released(o, l, now) == -1)
		return -1;
	return write_dirty(o, l);
}

struct ledger *
ledger_open(int dirfd, const char *dirname, time_t now, char *why, size_t size)
{
	const struct opening o = { dirfd, dirname, why, size };
	struct ledger *l;
	int error;

	if ((l = calloc(1, sizeof(*l))) == NULL) {
		ledger_complain(&o, "%s", strerror(errno));
		return NULL;
	}
	RB_INIT(&l->index);
	TAILQ_INIT(&l->free);
	TAILQ_INIT(&l->released);
	TAILQ_INIT(&l->dirty);
	SLIST_INIT(&l->chunks);
	if (ledger_file_open(&l->file, &o) == 0 && load(&o, l, now) == 0)
		return l;
	error = errno;
	ledger_close(l);
	errno = error;
	return NULL;
}

void
ledger_close(struct ledger *l)
{
	struct chunk *c;

	if (l == NULL)
		return;
	while ((c = SLIST_FIRST(&l->chunks)) != NULL) {
		SLIST_REMOVE_HEAD(&l->chunks, entry);
		free(c);
	}
	ledger_file_close(&l->file);
	free(l);
}
