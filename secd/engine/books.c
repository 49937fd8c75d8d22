/* SPDX-License-Identifier: ISC */
/*
 * The books of an SA that carries packets: when it was used, which numbers were
 * seen, whether it wants more of them.  They are looked into every two seconds,
 * for as long as there is something to write; of the others the worker tells
 * the next packet.
 */
#include "secd/engine/engine.h"

#define LOOK_MS	2000

TAILQ_HEAD(open_books, sa);

static void	look_at_all(void *);

static struct open_books open_books =
    TAILQ_HEAD_INITIALIZER(open_books);
static struct due	looks = { .act = look_at_all };
static uint8_t		round_no;	/* of looks: what had its turn */

void
sa_touch(struct sa *sa, time_t now)
{
	uint64_t n;

	if (sa->hot == NULL || (n = counter_get(&sa->hot->packets)) ==
	    sa->used_packets)
		return;
	sa->used_packets = n;
	sa->used = now;
	sa->used_ms = engine_ms();
	if (sa->first == 0)
		sa->first = now;
}

/* 1 if something has happened since the last look. */
static int
look(struct sa *sa)
{
	uint64_t packets = sa->used_packets, told = sa->told;

	sa_touch(sa, time(NULL));
	if (sa->req.dir == SA_IN)
		reserve_seen(sa);
	else if (reserve_wants(sa)) {
		/* it was refused: as long as it takes */
		reserve_more(sa);
		return 1;
	}
	return sa->used_packets != packets || sa->told != told;
}

/*
 * The worker is asked for the next packet after a look that found nothing, and
 * may be using the SA just then: the last look is the one after that.
 */
static void
look_at(struct sa *sa)
{
	if (look(sa))
		sa->quiet = 0;
	else if (sa->quiet++ == 0)
		atomic_store(&sa->hot->ev_active.pending, 0);
	else
		books_close(sa);
	/* numbers are part of its life; it may end here */
	if (sa->state != SA_DRAINING)
		life_check(sa, engine_ms());
}

static void
look_at_all(void *arg)
{
	struct sa *sa;

	(void)arg;
	round_no++;
	/* one that goes may take others with it: each goes to the end first */
	while ((sa = TAILQ_FIRST(&open_books)) != NULL &&
	    sa->look_round != round_no) {
		sa->look_round = round_no;
		TAILQ_REMOVE(&open_books, sa, look);
		TAILQ_INSERT_TAIL(&open_books, sa, look);
		look_at(sa);
	}
	if (!TAILQ_EMPTY(&open_books))
		due_set(&looks, engine_ms() + LOOK_MS);
}

void
books_open(struct sa *sa)
{
	sa->quiet = 0;
	if (sa->removed || sa->open)
		return;
	sa->open = 1;
	sa->look_round = round_no;
	if (TAILQ_EMPTY(&open_books))
		due_set(&looks, engine_ms() + LOOK_MS);
	TAILQ_INSERT_TAIL(&open_books, sa, look);
}

void
books_close(struct sa *sa)
{
	if (sa->open)
		TAILQ_REMOVE(&open_books, sa, look);
	sa->open = 0;
}

/* The event's node stays ours until a look finds the SA quiet. */
void
sa_active(struct sa *sa)
{
	sa_touch(sa, time(NULL));
	books_open(sa);
}
