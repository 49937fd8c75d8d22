/* SPDX-License-Identifier: ISC */
/*
 * From wire to tun, one batch, in reading order: receive, find the SA, open,
 * write.  A stranger's packet moves one counter and nothing else.
 */
#include <errno.h>

#include "secd/data/data.h"

static uint32_t
load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* The SA a datagram belongs to, or NULL after counting why there is none. */
static struct data_sa *
find_sa(struct worker *w, const struct sys_dgram *d)
{
	struct data_sa *sa;

	if (d->error != 0) {
		counter_add(&w->stray[DROP_OUTER_CUT], 1);
		return NULL;
	}
	if (d->len < ESP_HDR_LEN) {
		counter_add(&w->stray[ESP_SHORT], 1);
		return NULL;
	}
	sa = satab_find(&w->satab, load32(d->data), &d->dst);
	if (sa == NULL)
		counter_add(&w->stray[DROP_NO_SA], 1);
	return sa;
}

static void
drop(struct data_sa *sa, unsigned int why)
{
	counter_add(&sa->drops[why], 1);
	counter_add(&sa->iface->drops[why], 1);
}

static void
open_and_write(struct data_sa *sa, struct sys_dgram *d)
{
	struct data_if *dif = sa->iface;
	struct esp_buf b = {
		.base = d->buf, .cap = d->size, .data = d->data, .len = d->len
	};
	enum esp_status st;

	st = esp_open(sa->esp, &b, &b);
	/* what was seen is told before the packet can have an effect */
	atomic_store_explicit(&sa->seq, esp_sa_seq(sa->esp),
	    memory_order_relaxed);
	if (st != ESP_OK) {
		drop(sa, st);
		return;
	}
	if (sys_tun_write(dif->fd, b.data, b.len) == -1) {
		drop(sa, drop_of_tun(errno));
		return;
	}
	counter_add(&sa->packets, 1);
	counter_add(&sa->bytes, b.len);
	counter_add(&dif->in_packets, 1);
	counter_add(&dif->in_bytes, b.len);
}

void
in_run(struct worker *w, struct wire *wire)
{
	struct data_sa *sa;
	int i, n;

	for (i = 0; i < SYS_BATCH; i++) {
		w->dgram[i].buf = w->slot[i];
		w->dgram[i].size = SLOT_SIZE;
	}
	/* errors are of single datagrams, or of a device that comes back */
	n = sys_esp_recv(wire->fd, wire->af, w->dgram, SYS_BATCH);
	for (i = 0; i < n; i++)
		if ((sa = find_sa(w, &w->dgram[i])) != NULL)
			open_and_write(sa, &w->dgram[i]);
}
