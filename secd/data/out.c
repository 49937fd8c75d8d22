/* SPDX-License-Identifier: ISC */
/*
 * From tun to wire, one batch of one interface, in reading order: read, seal,
 * send, tell.  Every packet read ends in exactly one counter.
 */
#include <errno.h>

#include "secd/data/data.h"

static void
drop(struct data_if *dif, struct data_sa *sa, unsigned int why)
{
	counter_add(&dif->drops[why], 1);
	if (sa != NULL)
		counter_add(&sa->drops[why], 1);
}

/*
 * Read one packet into slot i and seal it there.  Returns 1 when the slot holds
 * an ESP packet, 0 when the packet was dropped, -1 when there is none.
 */
static int
read_and_seal(struct worker *w, struct data_if *dif, struct data_sa *sa, int i,
    size_t *inner)
{
	struct esp_buf b = {
		.base = w->slot[i], .cap = SLOT_SIZE,
		.data = w->slot[i] + SLOT_HEAD
	};
	struct esp_offload off;
	enum esp_status st;
	ssize_t n;

	/* one octet more than a packet can have, to see one cut short */
	n = sys_tun_read(dif->fd, &off, b.data, SLOT_MAX + 1);
	if (n == -1 && errno == EMSGSIZE) {
		drop(dif, sa, DROP_INNER_CUT);
		return 0;
	}
	if (n == -1)
		return -1;
	if (sa == NULL) {
		drop(dif, NULL, DROP_NO_OUT_SA);
		return 0;
	}
	b.len = *inner = (size_t)n;
	if ((st = esp_seal(sa->esp, &b, &b)) != ESP_OK) {
		drop(dif, sa, st);
		return 0;
	}
	w->dgram[i].data = b.data;
	w->dgram[i].len = b.len;
	return 1;
}

/* Hand the batch to the socket; each gets its error, or 0. */
static void
send_all(struct worker *w, const struct data_path *path, int n)
{
	struct wire *wire = &w->wires[path->wire];
	int i;

	for (i = 0; i < n; i++) {
		w->dgram[i].src = path->src;
		w->dgram[i].dst = path->dst;
		w->dgram[i].dport = path->dport;
	}
	if (wire->port != 0)
		sys_udp_send(wire->fd, wire->af, w->dgram, n);
	else
		sys_esp_send(wire->fd, wire->af, w->dgram, n);
}

static void
send_batch(struct worker *w, struct data_if *dif, struct data_sa *sa,
    const size_t *inner, int n)
{
	int i, no_wire = w->wires[sa->path.wire].fd == -1;

	if (!no_wire)
		send_all(w, &sa->path, n);
	for (i = 0; i < n; i++) {
		if (no_wire || w->dgram[i].error != 0) {
			drop(dif, sa, no_wire ? DROP_NO_WIRE :
			    drop_of_send(w->dgram[i].error));
			continue;
		}
		counter_add(&sa->packets, 1);
		counter_add(&sa->bytes, inner[i]);
		counter_add(&dif->out_packets, 1);
		counter_add(&dif->out_bytes, inner[i]);
	}
}

/* Once for each reservation: ask the engine for more numbers in time. */
static void
tell_low(struct worker *w, struct data_sa *sa)
{
	if (counter_get(&sa->seq) >= counter_get(&sa->low))
		data_event_push(&w->done, &sa->ev_low);
}

/*
 * No number above a durable mark is ever sent, nor one that the ledger gave to
 * somebody else: who sees the new limit sees the floor that goes with it.
 */
static void
take_grant(struct data_sa *sa)
{
	esp_sa_set_limit(sa->esp, atomic_load_explicit(&sa->limit,
	    memory_order_acquire));
	esp_sa_advance(sa->esp, counter_get(&sa->floor));
}

void
out_run(struct worker *w, struct data_if *dif)
{
	struct data_sa *sa = dif->out;
	size_t inner[SYS_BATCH];
	int budget, r, n = 0;

	if (sa != NULL)
		take_grant(sa);
	for (budget = SYS_BATCH; budget > 0; budget--) {
		if ((r = read_and_seal(w, dif, sa, n, &inner[n])) == -1)
			break;
		n += r;
	}
	if (r == -1 && errno != EAGAIN && errno != EINTR) {
		event_del(&dif->ev);
		data_queue_push(&w->done, &dif->ev_gone.node);
	}
	if (sa == NULL) {
		/* something was read, and dropped */
		if (budget < SYS_BATCH && atomic_load(&dif->tell_nosa))
			data_event_push(&w->done, &dif->ev_nosa);
		return;
	}
	if (n > 0)
		send_batch(w, dif, sa, inner, n);
	atomic_store_explicit(&sa->seq, esp_sa_seq(sa->esp),
	    memory_order_relaxed);
	tell_low(w, sa);
	data_sa_tell(w, sa);
}
