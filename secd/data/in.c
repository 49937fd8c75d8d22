/* SPDX-License-Identifier: ISC */
/*
 * From wire to tun, one batch, in reading order from the bottom: receive, find
 * the SA, open, merge, write.  A stranger's packet moves one counter and
 * nothing else; but for IKE that came with ESP, which is passed on, a little of
 * it in each batch.
 *
 * What is received may be many packets of one UDP flow.  They are opened where
 * they lie; those that could have been one super-packet are written as one, in
 * pieces, at the end of the batch: nothing is copied, and nothing waits.
 */
#include <errno.h>
#include <string.h>

#include "secd/data/data.h"

#define PASS_MAX	4	/* of a batch; IKE is in no hurry */

_Static_assert(ESP_MERGE_PIECES <= SYS_PIECES, "a group is one write");

static uint32_t
load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* Main's probe of this wire; what it is worth ends with the first. */
static int
is_probe(struct worker *w, struct wire *wire, const struct sys_dgram *d)
{
	uint64_t number, wanted = counter_get(&w->probe);

	if (wanted == 0 || d->len != PROBE_LEN || load32(d->data) != PROBE_SPI)
		return 0;
	memcpy(&number, d->data + 4, sizeof(number));
	/* main may be about to await another */
	if (number != wanted ||
	    !atomic_compare_exchange_strong(&w->probe, &wanted, 0))
		return 0;
	worker_tell_event(w, &wire->ev_probe);
	return 1;
}

static int
is_ike(const struct sys_dgram *d)
{
	return d->len >= 4 && load32(d->data) == 0;
}

/*
 * What was merged behind ESP is another's all the same.  One by itself came
 * because nobody else is there, or the selector is wrong.
 */
static void
take_ike(struct worker *w, struct wire *wire, const struct sys_dgram *d)
{
	if (d->segment != 0 && wire->port == SYS_UDP_SHARED &&
	    w->passed++ < PASS_MAX &&
	    sys_udp_pass(wire->fd, wire->af, d) == 0)
		counter_add(&w->stray[DROP_IKE_PASSED], 1);
	else
		counter_add(&w->stray[DROP_IKE], 1);
}

/* What else than ESP comes to a UDP port; 1 if the datagram was such. */
static int
not_esp(struct worker *w, struct wire *wire, const struct sys_dgram *d)
{
	if (d->len == 1 && d->data[0] == 0xff)
		counter_add(&w->stray[DROP_KEEPALIVE], 1);
	else if (is_ike(d))
		take_ike(w, wire, d);
	else
		return is_probe(w, wire, d);
	return 1;
}

/* The SA a datagram belongs to, or NULL after counting why there is none. */
static struct data_sa *
find_sa(struct worker *w, struct wire *wire, const struct sys_dgram *d)
{
	struct data_sa *sa;

	if (d->error != 0) {
		counter_add(&w->stray[DROP_OUTER_CUT], 1);
		return NULL;
	}
	if (wire->port != 0 && not_esp(w, wire, d))
		return NULL;
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
drop(struct worker *w, struct data_sa *sa, unsigned int why, uint64_t n)
{
	counter_add(&sa->drops[why], n);
	counter_add(&sa->iface->count[w->id].drops[why], n);
}

/*
 * The newest packet came from elsewhere: the peer's NAT, or the peer, has moved
 * (RFC 7296 2.23).  An older one may be a replay from anywhere.
 */
static void
follow(struct worker *w, struct data_sa *sa, const struct sys_dgram *d)
{
	/* to port 0 nothing can be sent, and to us it means no UDP */
	if (d->sport == 0 || (d->sport == sa->path.sport &&
	    addr_equal(&d->src, &sa->path.src)))
		return;
	if (atomic_load(&sa->ev_moved.pending))
		return;
	sa->moved_to = d->src;
	sa->moved_port = d->sport;
	worker_tell_event(w, &sa->ev_moved);
}

/* Open the packet where it lies; 0, or -1 after counting why it was dropped. */
static int
open_packet(struct worker *w, struct data_sa *sa, const struct sys_dgram *d,
    struct esp_buf *b)
{
	uint64_t newest = counter_get(&sa->seq);
	enum esp_status st = esp_open(sa->esp, b, b);

	/* what was seen is told before the packet can have an effect */
	atomic_store_explicit(&sa->seq, esp_sa_seq(sa->esp),
	    memory_order_relaxed);
	/* it is authentic, even if no good */
	if (sa->follow && sa->path.dport != 0 &&
	    counter_get(&sa->seq) > newest)
		follow(w, sa, d);
	if (st == ESP_OK)
		return 0;
	drop(w, sa, st, 1);
	/* the ledger is to know of its number as well */
	if (counter_get(&sa->seq) > newest)
		data_sa_tell(w, sa);
	return -1;
}

/* Its SA has an SPI, but no keys yet. */
static void
hold(struct worker *w, struct wire *wire, const struct data_sa *sa,
    const struct sys_dgram *d)
{
	struct held *h = &w->held[w->nheld];

	if (w->nheld == HELD_MAX || d->len > sizeof(h->octets)) {
		counter_add(&w->stray[DROP_NO_SA], 1);
		return;
	}
	w->nheld++;
	h->by = sa;
	h->wire = wire;
	h->src = d->src;
	h->sport = d->sport;
	h->len = d->len;
	memcpy(h->octets, d->data, d->len);
}

/* --- to the tun --- */

static void
written(struct worker *w, struct data_sa *sa, const struct esp_group *g)
{
	struct data_count *count = &sa->iface->count[w->id];

	counter_add(&sa->packets, g->npieces);
	counter_add(&sa->bytes, g->octets);
	counter_add(&count->in_packets, g->npieces);
	counter_add(&count->in_bytes, g->octets);
}

/* All that has been opened. */
static void
flush(struct worker *w)
{
	unsigned int i, n = esp_merge_end(&w->merge);
	const struct esp_group *g;
	struct data_sa *sa;

	for (i = 0; i < n; i++) {
		g = &w->merge.group[i];
		sa = g->key;
		if (sys_tun_write(sa->iface->fd, &g->off, g->piece,
		    (int)g->npieces) == 0)
			written(w, sa, g);
		else
			drop(w, sa, drop_of_tun(errno), g->npieces);
		data_sa_tell(w, sa);
	}
	esp_merge_init(&w->merge, atomic_load_explicit(&w->merge_kinds,
	    memory_order_relaxed));
}

static void
take(struct worker *w, struct wire *wire, const struct sys_dgram *d)
{
	struct data_sa *sa = find_sa(w, wire, d);
	struct esp_buf b = {
		.base = d->data, .cap = d->len, .data = d->data, .len = d->len
	};

	if (sa == NULL)
		return;
	if (sa->esp == NULL) {
		hold(w, wire, sa, d);
		return;
	}
	if (&w->wires[sa->path.wire] != wire) {
		drop(w, sa, DROP_ENCAP, 1);
		return;
	}
	if (open_packet(w, sa, d, &b) == -1)
		return;
	while (!esp_merge_add(&w->merge, sa, b.data, b.len))
		flush(w);
}

/* One that is held once more, by another, joins at the end meanwhile. */
void
in_again(struct worker *w, const struct data_sa *by)
{
	struct sys_dgram d;
	struct held *h;
	unsigned int i, kept = 0;

	for (i = 0; i < w->nheld; i++) {
		h = &w->held[i];
		if (h->by != by) {
			if (kept != i)
				w->held[kept] = *h;
			kept++;
			continue;
		}
		memset(&d, 0, sizeof(d));
		d.buf = d.data = h->octets;
		d.size = sizeof(h->octets);
		d.len = h->len;
		d.src = h->src;
		d.sport = h->sport;
		d.dst = by->path.dst;
		take(w, h->wire, &d);
		/* its place is another's soon */
		flush(w);
	}
	w->nheld = kept;
}

/* The packets of one that the system has joined. */
static void
take_each(struct worker *w, struct wire *wire, const struct sys_dgram *d)
{
	struct sys_dgram one = *d;
	size_t at;

	if (d->segment == 0) {
		take(w, wire, d);
		return;
	}
	/* what begins with IKE's is no different from IKE's by itself */
	if (is_ike(d))
		one.segment = 0;
	for (at = 0; at < d->len; at += d->segment) {
		one.data = d->data + at;
		one.len = d->len - at < d->segment ? d->len - at : d->segment;
		take(w, wire, &one);
	}
}

/*
 * With many SAs nothing of one is in the processor's caches when its packet
 * comes.  So what all packets of the batch need is fetched in turns, each of
 * which has the time of a whole batch to come, before the first is opened.
 */
static void
prefetch(const struct worker *w, const uint32_t *spi, int n)
{
	const struct esp_sa *esp[SYS_BATCH];
	const struct data_sa *sa;
	int i;

	for (i = 0; i < n; i++)
		satab_fetch(&w->satab, spi[i]);
	for (i = 0; i < n; i++)
		satab_fetch_sa(&w->satab, spi[i]);
	for (i = 0; i < n; i++) {
		sa = satab_find(&w->satab, spi[i], &w->in[i].dst);
		esp[i] = sa != NULL ? sa->esp : NULL;
		__builtin_prefetch(esp[i]);
	}
	for (i = 0; i < n; i++)
		if (esp[i] != NULL)
			esp_sa_prefetch(esp[i]);
}

/* Only where the SA changes from one packet to the next. */
static void
prefetch_new(const struct worker *w, int n)
{
	uint32_t spi[SYS_BATCH], last = 0;
	int i, changes = 0;

	for (i = 0; i < n; i++) {
		if (w->in[i].len < ESP_HDR_LEN)
			return;
		spi[i] = load32(w->in[i].data);
		changes += i > 0 && spi[i] != last;
		last = spi[i];
	}
	if (changes > 0)
		prefetch(w, spi, n);
}

void
in_run(struct worker *w, struct wire *wire)
{
	int i, n;

	w->passed = 0;
	for (i = 0; i < SYS_BATCH; i++) {
		w->in[i].buf = w->slot[i];
		w->in[i].size = SLOT_SIZE;
	}
	/* errors are of single datagrams, or of a device that comes back */
	if (wire->port != 0)
		n = sys_udp_recv(wire->fd, wire->af, w->in, SYS_BATCH);
	else
		n = sys_esp_recv(wire->fd, wire->af, w->in, SYS_BATCH);
	prefetch_new(w, n);
	for (i = 0; i < n; i++)
		take_each(w, wire, &w->in[i]);
	flush(w);
}
