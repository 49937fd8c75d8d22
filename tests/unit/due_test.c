/* SPDX-License-Identifier: ISC */
/*
 * What is due is done when it is, once, in order, and what was taken back is
 * not: by a clock of the test's own, and in the end by the event loop's.
 */
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "secd/engine/engine.h"
#include "secd/log.h"
#include "tests/lib/tap.h"

#define MANY	20000
#define BATCH	256	/* as in due.c */

static int64_t	now;		/* 0: the real one */
static int64_t	last_at;
static unsigned int done, disordered;

int64_t
engine_ms(void)
{
	struct timespec ts;

	if (now != 0)
		return now;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
fatal(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

static void
count(void *arg)
{
	(void)arg;
	done++;
}

/* arg is when it should be. */
static void
in_order(void *arg)
{
	int64_t at = *(int64_t *)arg;

	disordered += at < last_at || at > now;
	last_at = at;
	done++;
}

static void
again(void *arg)
{
	done++;
	due_set(arg, now + 10);
}

static void
clear_other(void *arg)
{
	done++;
	due_clear(arg);
}

static void
few(void)
{
	struct due a = { 0 }, b = { 0 };

	now = 1000;
	due_init(&a, count, NULL);
	due_init(&b, count, NULL);
	ok(due_run(now) == DUE_NEVER, "nothing is due, ever");
	due_set(&a, 1010);
	due_set(&b, 1005);
	is(due_run(1004), 1005, "the first to come");
	is(done, 0, "is not done before");
	is(due_run(1005), 1010, "nor the second with it");
	is(done, 1, "done");
	is(due_run(1009), 1010, "and not again");
	due_set(&a, 1020);
	is(due_run(1010), 1020, "put off");
	due_set(&a, 1015);
	due_set(&a, 1015);
	is(due_run(1010), 1015, "and brought forward");
	due_clear(&a);
	due_clear(&a);
	ok(due_run(2000) == DUE_NEVER, "taken back");
	is(done, 1, "not done");
	due_set(&a, 1030);
	due_set(&a, DUE_NEVER);
	ok(due_run(2000) == DUE_NEVER, "never is never");
}

static void
within(void)
{
	struct due a = { 0 }, b = { 0 };

	done = 0;
	due_init(&a, again, &a);
	due_set(&a, 1000);
	is(due_run(1000), 1010, "one that sets itself again");
	due_clear(&a);
	due_init(&a, clear_other, &b);
	due_init(&b, clear_other, &a);
	due_set(&a, 1000);
	due_set(&b, 1000);
	ok(due_run(1000) == DUE_NEVER, "one that takes another back");
	is(done, 2, "which is due at the same time, but not done");
}

static void
many(void)
{
	static struct due d[MANY];
	static int64_t at[MANY];
	unsigned int i, rounds = 0;

	done = 0;
	for (i = 0; i < MANY; i++) {
		at[i] = now + 1 + (int64_t)(i * 7919U % 5000);
		due_init(&d[i], in_order, &at[i]);
		due_set(&d[i], at[i]);
	}
	for (i = 0; i < MANY; i += 2)
		due_clear(&d[i]);
	while (due_run(now) != DUE_NEVER) {
		if (done > ++rounds * BATCH)
			break;
		now += 10;
	}
	is(done, MANY / 2, "each of many, by batches");
	is(disordered, 0, "in order, none before its time");
}

static void
by_the_loop(struct event_base *base)
{
	struct due late = { .act = count }, soon = { .act = count };
	int64_t began;

	now = 0;
	done = 0;
	began = engine_ms();
	due_set(&late, began + 60000);
	due_set(&soon, began + 30);
	while (done == 0 && engine_ms() - began < 5000)
		event_base_loop(base, EVLOOP_ONCE);
	is(done, 1, "the loop does what is due");
	ok(engine_ms() - began >= 30, "not before");
	due_clear(&late);
	due_set(&soon, engine_ms() - 5);
	while (done == 1 && engine_ms() - began < 10000)
		event_base_loop(base, EVLOOP_ONCE);
	is(done, 2, "what was due before is done at once");
}

int
main(void)
{
	struct event_base *base = event_base_new();

	due_start(base);
	few();
	within();
	many();
	by_the_loop(base);
	return tap_done();
}
