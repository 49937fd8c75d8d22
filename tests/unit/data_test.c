/* SPDX-License-Identifier: ISC */
/* The parts of secd/data/ that need no packet: names, table, queue. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "secd/data/data.h"
#include "tests/lib/tap.h"

static void
names(void)
{
	unsigned int i, j, same = 0, bad = 0;

	for (i = 0; i < DROP_MAX; i++) {
		if (drop_name(i) == NULL || strcmp(drop_name(i), "?") == 0)
			bad++;
		for (j = 0; j < i; j++)
			same += strcmp(drop_name(i), drop_name(j)) == 0;
	}
	is(bad, 0, "every reason has a name");
	is(same, 0, "and no two the same");
	ok(strcmp(drop_name(DROP_MAX), "?") == 0, "none beyond the last");
	is(drop_of_send(ENOBUFS), DROP_SEND_FULL, "ENOBUFS");
	is(drop_of_send(EMSGSIZE), DROP_SEND_SIZE, "EMSGSIZE");
	is(drop_of_send(ENETUNREACH), DROP_SEND_ROUTE, "ENETUNREACH");
	is(drop_of_send(EPERM), DROP_SEND_ERROR, "EPERM");
	is(drop_of_tun(EIO), DROP_TUN_DOWN, "EIO of a tun");
	is(drop_of_tun(EINVAL), DROP_TUN_ERROR, "EINVAL of a tun");
}

#define NSAS	20000

static void
table(void)
{
	static struct satab t;
	struct data_sa *sas = calloc(NSAS, sizeof(*sas));
	struct ip_addr other;
	unsigned int i, wrong = 0;

	addr_parse("198.51.100.1", &other);
	for (i = 0; i < NSAS; i++) {
		/* pairs of one SPI and two destinations; chains of four */
		sas[i].spi = 0x1000 + (i / 2 % 5000) * 3 +
		    (i / 2 / 5000) * SATAB_SIZE;
		addr_parse(i % 2 ? "192.0.2.1" : "2001:db8::1",
		    &sas[i].path.dst);
		satab_add(&t, &sas[i]);
	}
	for (i = 0; i < NSAS; i++)
		wrong += satab_find(&t, sas[i].spi, &sas[i].path.dst) !=
		    &sas[i];
	is(wrong, 0, "each of %d is found by SPI and destination", NSAS);
	ok(satab_find(&t, 0x1000, &other) == NULL, "another destination");
	ok(satab_find(&t, 0x1001, &sas[0].path.dst) == NULL, "another SPI");
	for (i = 0; i < NSAS; i += 3)
		satab_remove(&t, &sas[i]);
	for (i = wrong = 0; i < NSAS; i++)
		wrong += satab_find(&t, sas[i].spi, &sas[i].path.dst) !=
		    (i % 3 == 0 ? NULL : &sas[i]);
	is(wrong, 0, "a third removed, the others stay");
	ok(satab_remove(&t, &sas[0]) == 0 && satab_remove(&t, &sas[1]) == 1,
	    "removing tells whether it was there");
	free(sas);
}

#define NPUSHERS	3
#define NNODES		100000

struct item {
	struct data_node	node;
	unsigned int		pusher, number;
};

static struct data_queue	q;
static struct item		items[NPUSHERS][NNODES];

static void *
pusher(void *arg)
{
	unsigned int i, p = *(unsigned int *)arg;

	for (i = 0; i < NNODES; i++) {
		items[p][i].pusher = p;
		items[p][i].number = i;
		data_queue_push(&q, &items[p][i].node);
	}
	return NULL;
}

/* The taker sleeps only in poll: a lost wake-up ends in its time-out. */
static void
queue(void)
{
	unsigned int next[NPUSHERS] = { 0 }, ids[NPUSHERS], i, taken = 0;
	unsigned int disorder = 0, late = 0;
	struct pollfd pfd = { .events = POLLIN };
	pthread_t th[NPUSHERS];
	struct data_node *n, *after;
	struct item *it;

	is(data_queue_init(&q), 0, "a queue");
	pfd.fd = q.fd[0];
	for (i = 0; i < NPUSHERS; i++) {
		ids[i] = i;
		pthread_create(&th[i], NULL, pusher, &ids[i]);
	}
	while (taken < NPUSHERS * NNODES && late == 0) {
		late += poll(&pfd, 1, 5000) != 1;
		for (n = data_queue_take(&q); n != NULL; n = after) {
			after = n->next;
			it = (struct item *)n;
			disorder += it->number != next[it->pusher]++;
			taken++;
		}
	}
	for (i = 0; i < NPUSHERS; i++)
		pthread_join(th[i], NULL);
	is(taken, NPUSHERS * NNODES, "all of %d pushers' nodes taken",
	    NPUSHERS);
	is(disorder, 0, "each pusher's in order");
	is(late, 0, "never asleep with something to take");
	data_queue_clear(&q);
}

int
main(void)
{
	names();
	table();
	queue();
	return tap_done();
}
