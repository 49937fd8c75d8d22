/* SPDX-License-Identifier: ISC */
/*
 * What is to be done later.  One timer of the event loop stands for all of it,
 * set to the first that is due: an engine that waits for nothing is not woken,
 * however many SAs it has.
 */
#include <event2/event.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define BATCH	256	/* done in one go; then the loop looks at the rest */

RB_HEAD(dues, due);

static int
cmp(const struct due *a, const struct due *b)
{
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms ? -1 : 1;
	return (uintptr_t)a < (uintptr_t)b ? -1 :
	    (uintptr_t)a > (uintptr_t)b;
}

RB_PROTOTYPE(dues, due, entry, cmp)
RB_GENERATE(dues, due, entry, cmp)

static struct dues	 dues = RB_INITIALIZER(&dues);
static struct event	*timer;
static int64_t		 armed_ms = DUE_NEVER;	/* when timer fires */

static void
arm(int64_t at_ms)
{
	int64_t ms = at_ms - engine_ms();
	struct timeval tv = { 0, 0 };

	if (ms > 0) {
		tv.tv_sec = ms / 1000;
		tv.tv_usec = ms % 1000 * 1000;
	}
	if (event_add(timer, &tv) == -1)
		fatal("timer");
	armed_ms = at_ms;
}

static void
fired(evutil_socket_t fd, short what, void *arg)
{
	int64_t next;

	(void)fd;
	(void)what;
	(void)arg;
	armed_ms = DUE_NEVER;
	if ((next = due_run(engine_ms())) < armed_ms)
		arm(next);
}

void
due_start(struct event_base *base)
{
	if ((timer = evtimer_new(base, fired, NULL)) == NULL)
		fatal("timer");
}

void
due_init(struct due *d, void (*act)(void *), void *arg)
{
	d->at_ms = 0;
	d->act = act;
	d->arg = arg;
}

void
due_set(struct due *d, int64_t at_ms)
{
	if (d->at_ms == at_ms)
		return;
	due_clear(d);
	if (at_ms == DUE_NEVER)
		return;
	d->at_ms = at_ms;
	RB_INSERT(dues, &dues, d);
	/* one that is taken back wakes us for nothing, once */
	if (at_ms < armed_ms)
		arm(at_ms);
}

void
due_clear(struct due *d)
{
	if (d->at_ms != 0)
		RB_REMOVE(dues, &dues, d);
	d->at_ms = 0;
}

int64_t
due_run(int64_t now_ms)
{
	struct due *d;
	int i;

	for (i = 0; (d = RB_MIN(dues, &dues)) != NULL; i++) {
		if (d->at_ms > now_ms || i == BATCH)
			return d->at_ms;
		/* it may set itself again, or be freed */
		due_clear(d);
		d->act(d->arg);
	}
	return DUE_NEVER;
}
