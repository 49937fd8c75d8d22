/* SPDX-License-Identifier: ISC */
/*
 * The worker thread: its loop, and the commands of the main thread, carried
 * out between batches.
 */
#include <errno.h>
#include <string.h>

#include "secd/data/data.h"

static void
event_init(struct data_event *ev, int type, void *owner)
{
	ev->type = type;
	ev->owner = owner;
	atomic_init(&ev->pending, 0);
}

void
data_sa_init(struct data_sa *sa, void *owner)
{
	sa->owner = owner;
	event_init(&sa->ev_low, DATA_EV_LOW, owner);
	event_init(&sa->ev_used, DATA_EV_USED, owner);
	event_init(&sa->ev_active, DATA_EV_ACTIVE, owner);
	event_init(&sa->ev_life, DATA_EV_LIFE, owner);
	event_init(&sa->ev_moved, DATA_EV_MOVED, owner);
	atomic_init(&sa->life_packets, UINT64_MAX);
	atomic_init(&sa->life_bytes, UINT64_MAX);
}

void
data_if_init(struct data_if *dif, int fd, void *owner,
    struct data_count *count, unsigned int ncounts)
{
	dif->fd = fd;
	dif->owner = owner;
	dif->count = count;
	dif->ncounts = ncounts;
	event_init(&dif->ev_gone, DATA_EV_GONE, owner);
	event_init(&dif->ev_nosa, DATA_EV_NOSA, owner);
	event_init(&dif->ev_hop, DATA_EV_HOP, owner);
}

uint64_t
data_if_in_packets(const struct data_if *dif)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < dif->ncounts; i++)
		sum += counter_get(&dif->count[i].in_packets);
	return sum;
}

void
data_if_sum(const struct data_if *dif, struct data_count *sum)
{
	const struct data_count *c;
	unsigned int i, why;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < dif->ncounts; i++) {
		c = &dif->count[i];
		counter_add(&sum->in_packets, counter_get(&c->in_packets));
		counter_add(&sum->in_bytes, counter_get(&c->in_bytes));
		counter_add(&sum->out_packets, counter_get(&c->out_packets));
		counter_add(&sum->out_bytes, counter_get(&c->out_bytes));
		for (why = 0; why < DROP_MAX; why++)
			counter_add(&sum->drops[why],
			    counter_get(&c->drops[why]));
	}
}

void
worker_tell(struct worker *w, struct data_node *n)
{
	n->next = w->told;
	if (w->told == NULL)
		w->told_first = n;
	w->told = n;
}

void
worker_tell_event(struct worker *w, struct data_event *ev)
{
	if (!atomic_load(&ev->pending) && !atomic_exchange(&ev->pending, 1))
		worker_tell(w, &ev->node);
}

void
worker_told(struct worker *w)
{
	if (w->told != NULL)
		data_queue_push_list(w->done, w->told, w->told_first);
	w->told = NULL;
}

void
data_sa_tell(struct worker *w, struct data_sa *sa)
{
	uint64_t packets = counter_get(&sa->packets);

	worker_tell_event(w, &sa->ev_active);
	if (!sa->used && packets > 0) {
		sa->used = 1;
		worker_tell_event(w, &sa->ev_used);
	}
	if (packets >= counter_get(&sa->life_packets) ||
	    counter_get(&sa->bytes) >= counter_get(&sa->life_bytes))
		worker_tell_event(w, &sa->ev_life);
}

static void
tun_readable(evutil_socket_t fd, short what, void *arg)
{
	struct data_if *dif = arg;

	(void)fd;
	(void)what;
	out_run(dif->worker, dif);
	worker_told(dif->worker);
}

static void
wire_readable(evutil_socket_t fd, short what, void *arg)
{
	struct wire *wire = arg;

	(void)fd;
	(void)what;
	in_run(wire->worker, wire);
	worker_told(wire->worker);
}

static void
wire_add(struct worker *w, const struct data_cmd *c)
{
	struct wire *wire = &w->wires[c->path.wire];

	wire->worker = w;
	wire->fd = c->fd;
	wire->af = c->af;
	wire->port = c->port;
	wire->many = c->many;
	if (!c->listen)
		return;
	event_assign(&wire->ev, w->base, c->fd, EV_READ | EV_PERSIST,
	    wire_readable, wire);
	event_add(&wire->ev, NULL);
}

/* One that opens packets is found by its destination. */
static void
move(struct worker *w, struct data_sa *sa, const struct data_path *path)
{
	int found = satab_remove(&w->satab, sa);

	sa->path = *path;
	if (found)
		satab_add(&w->satab, sa);
}

static void
carry_out(struct worker *w, struct data_cmd *c)
{
	switch ((enum data_cmd_type)c->type) {
	case DATA_IF_ADD:
		c->iface->worker = w;
		event_assign(&c->iface->ev, w->base, c->iface->fd,
		    EV_READ | EV_PERSIST, tun_readable, c->iface);
		event_add(&c->iface->ev, NULL);
		break;
	case DATA_IF_REMOVE:
		if (c->iface->home == w->id)
			event_del(&c->iface->ev);
		break;
	case DATA_SA_ADD:
		satab_add(&w->satab, c->sa);
		break;
	case DATA_SA_REMOVE:
	case DATA_SA_LEAVE:
		satab_remove(&w->satab, c->sa);
		break;
	case DATA_OUT_SET:
		c->iface->out = c->sa;
		break;
	case DATA_HOLD:
		satab_add(&w->satab, c->sa);
		break;
	case DATA_HOLD_END:
		/* of the SA with keys, if it is there, or of none */
		satab_remove(&w->satab, c->sa);
		in_again(w, c->sa);
		break;
	case DATA_SA_MOVE:
		move(w, c->sa, &c->path);
		break;
	case DATA_WIRE_ADD:
		wire_add(w, c);
		break;
	case DATA_HOP:
		c->iface->hop = c->hop;
		c->iface->once = c->once;
		break;
	case DATA_FRAMES:
		w->frames = c->fd;
		break;
	case DATA_QUIT:
		event_base_loopbreak(w->base);
		break;
	case DATA_FENCE:
	case DATA_EV_LOW:
	case DATA_EV_GONE:
	case DATA_EV_USED:
	case DATA_EV_ACTIVE:
	case DATA_EV_LIFE:
	case DATA_EV_MOVED:
	case DATA_EV_NOSA:
	case DATA_EV_PROBE:
	case DATA_EV_HOP:
		break;
	}
}

static void
commands(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct data_node *n, *next;

	(void)fd;
	(void)what;
	for (n = data_queue_take(&w->cmds); n != NULL; n = next) {
		next = n->next;
		carry_out(w, (struct data_cmd *)n);
		worker_tell(w, n);
	}
	/* from here on they are the main thread's again */
	worker_told(w);
}

int
worker_init(struct worker *w, struct event_base *base, unsigned int id,
    struct data_queue *done)
{
	size_t i;

	w->base = base;
	w->id = id;
	w->done = done;
	w->frames = -1;
	w->ident = (uint16_t)(id << 12);	/* not another's at once */
	for (i = 0; i < WIRES_MAX; i++) {
		w->wires[i].fd = -1;
		event_init(&w->wires[i].ev_probe, DATA_EV_PROBE, &w->wires[i]);
	}
	if (data_queue_init(&w->cmds) == -1)
		return -1;
	event_assign(&w->ev_cmds, base, w->cmds.fd[0], EV_READ | EV_PERSIST,
	    commands, w);
	return event_add(&w->ev_cmds, NULL);
}

void *
worker_main(void *arg)
{
	struct worker *w = arg;

	event_base_dispatch(w->base);
	return NULL;
}
