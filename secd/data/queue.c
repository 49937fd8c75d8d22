/* SPDX-License-Identifier: ISC */
/*
 * A queue between threads without a lock: pushers prepend to a list with one
 * compare-and-swap, the taker empties it with one exchange and turns it round.
 * The nodes are the callers', so it is never full.  A node pushed onto an empty
 * list wakes the taker by one octet in a pipe; the taker reads the pipe before
 * it takes, so a later push finds an empty list again and wakes it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "secd/data/data.h"

int
data_queue_init(struct data_queue *q)
{
	atomic_init(&q->head, NULL);
	return pipe2(q->fd, O_CLOEXEC | O_NONBLOCK);
}

void
data_queue_clear(struct data_queue *q)
{
	close(q->fd[0]);
	close(q->fd[1]);
}

void
data_queue_push(struct data_queue *q, struct data_node *n)
{
	data_queue_push_list(q, n, n);
}

void
data_queue_push_list(struct data_queue *q, struct data_node *newest,
    struct data_node *oldest)
{
	struct data_node *old;
	ssize_t w;

	old = atomic_load_explicit(&q->head, memory_order_relaxed);
	do
		oldest->next = old;
	while (!atomic_compare_exchange_weak_explicit(&q->head, &old, newest,
	    memory_order_release, memory_order_relaxed));
	if (old != NULL)
		return;
	/* cannot fill up: one octet for each time the list was empty */
	do
		w = write(q->fd[1], "", 1);
	while (w == -1 && errno == EINTR);
}

struct data_node *
data_queue_take(struct data_queue *q)
{
	struct data_node *n, *next, *first = NULL;
	char drain[64];

	while (read(q->fd[0], drain, sizeof(drain)) == sizeof(drain))
		;
	n = atomic_exchange_explicit(&q->head, NULL, memory_order_acquire);
	for (; n != NULL; n = next) {
		next = n->next;
		n->next = first;
		first = n;
	}
	return first;
}
