/* SPDX-License-Identifier: ISC */
/*
 * From tun to wire, one batch of one interface, in reading order from the
 * bottom: read, split, seal, send, tell.  Every packet ends in one counter; a
 * super-packet that cannot be cut counts as one, and a datagram of which some
 * pieces did not leave as if none had.
 *
 * What is read may be a super-packet.  Each packet it stands for is sealed from
 * where it lies to its place among those that are sent: the encryption is the
 * only copy.  In UDP, packets of one length lie without a gap, and the system
 * cuts them apart again behind its own IP output.
 *
 * Raw ones of an interface with a hop leave as frames, past the kernel's output
 * of IP.  What is larger than a frame goes by the raw socket, between those
 * before and behind it, and the kernel cuts it; and so does whatever the hop
 * does not take after all: it is then given up, and main has to look.
 */
#include <errno.h>

#include "secd/data/data.h"

/* Packets for one callback: others' turn comes after that. */
#define BUDGET		64
#define LINE		64	/* octets of a cache line */

static void
drop(struct worker *w, struct data_if *dif, struct data_sa *sa,
    unsigned int why, uint64_t n)
{
	counter_add(&dif->count[w->id].drops[why], n);
	if (sa != NULL)
		counter_add(&sa->drops[why], n);
}

/* --- what is to be sent --- */

/* Is the hop one for this path?  They change by commands of their own. */
static int
has_hop(const struct worker *w, const struct data_if *dif,
    const struct data_path *path)
{
	const struct sys_hop *hop = &dif->hop;

	return hop->ifindex != 0 && w->frames != -1 && path->dport == 0 &&
	    addr_equal(&path->dst, &hop->dst) &&
	    (path->src.af == 0 || addr_equal(&path->src, &hop->src));
}

/* Hand those from first to end to a socket; each gets its error, or 0. */
static void
send_by_socket(struct worker *w, const struct data_path *path,
    unsigned int first, unsigned int end)
{
	struct wire *wire = &w->wires[path->wire];
	struct sys_dgram *d = w->out.d;
	unsigned int i;

	for (i = first; i < end; i++) {
		d[i].src = path->src;
		d[i].dst = path->dst;
		d[i].dport = path->dport;
	}
	if (wire->port != 0)
		sys_udp_send(wire->fd, wire->af, d + first,
		    (int)(end - first));
	else
		sys_esp_send(wire->fd, wire->af, d + first,
		    (int)(end - first));
}

/* The same as frames, as far as the hop takes them; where that ended. */
static unsigned int
send_by_hop(struct worker *w, struct data_if *dif, unsigned int first,
    unsigned int end)
{
	int n = sys_packet_send(w->frames, &dif->hop, &w->ident,
	    w->out.d + first, (int)(end - first));

	if (first + (unsigned int)n < end) {
		atomic_store(&dif->hop_error, errno);
		dif->hop.ifindex = 0;
		worker_tell_event(w, &dif->ev_hop);
	}
	return first + (unsigned int)n;
}

/* In order, those that fit into frames and those that do not. */
static void
send_mixed(struct worker *w, struct data_if *dif, const struct data_path *path)
{
	const struct out *o = &w->out;
	const size_t room = dif->hop.room;
	unsigned int i, end;

	for (i = 0; i < o->n; i = end) {
		for (end = i + 1; end < o->n && (o->d[end].len <= room) ==
		    (o->d[i].len <= room); end++)
			;
		if (o->d[i].len <= room && dif->hop.ifindex != 0)
			i = send_by_hop(w, dif, i, end);
		if (i < end)
			send_by_socket(w, path, i, end);
	}
}

static void
send_all(struct worker *w, struct data_if *dif, const struct data_path *path)
{
	if (w->out.head != 0 && !dif->once) {
		send_mixed(w, dif, path);
		return;
	}
	dif->once = 0;
	send_by_socket(w, path, 0, w->out.n);
}

static void
flush(struct worker *w, struct data_if *dif, struct data_sa *sa)
{
	struct data_count *count = &dif->count[w->id];
	struct out *o = &w->out;
	int no_wire = w->wires[sa->path.wire].fd == -1;
	unsigned int i;

	if (o->n > 0 && !no_wire)
		send_all(w, dif, &sa->path);
	for (i = 0; i < o->n; i++) {
		if (no_wire || o->d[i].error != 0) {
			drop(w, dif, sa, no_wire ? DROP_NO_WIRE :
			    drop_of_send(o->d[i].error), o->packets[i]);
			continue;
		}
		counter_add(&sa->packets, o->packets[i]);
		counter_add(&sa->bytes, o->octets[i]);
		counter_add(&count->out_packets, o->packets[i]);
		counter_add(&count->out_bytes, o->octets[i]);
	}
	o->n = 0;
	o->more = 0;
	o->used = 0;
}

/*
 * Does a packet of this length belong to the last datagram?  Only the last
 * piece may be shorter.
 */
static int
joins(const struct out *o, size_t len)
{
	const struct sys_dgram *d;

	if (!o->more)
		return 0;
	d = &o->d[o->n - 1];
	return len <= (d->segment != 0 ? d->segment : d->len) &&
	    d->len + len <= OUT_LONGEST;
}

/* The packet at buf + used + head has been made. */
static void
append(struct worker *w, const struct wire *wire, size_t len, size_t inner)
{
	struct out *o = &w->out;
	struct sys_dgram *d;
	unsigned int i;

	if (joins(o, len)) {
		i = o->n - 1;
		d = &o->d[i];
		if (d->segment == 0)
			d->segment = (uint16_t)d->len;
		d->len += len;
	} else {
		i = o->n++;
		d = &o->d[i];
		o->used += o->head;
		d->data = o->buf + o->used;
		d->len = len;
		d->segment = 0;
		o->packets[i] = o->octets[i] = 0;
	}
	o->packets[i]++;
	o->octets[i] += (uint32_t)inner;
	o->used += len;
	o->more = wire->many && o->packets[i] < OUT_PIECES &&
	    (d->segment == 0 || len == d->segment);
	if (!wire->many)	/* the next one begins on a line of its own */
		o->used += -o->used % LINE;
}

/* --- packets --- */

static void
seal(struct worker *w, struct data_if *dif, struct data_sa *sa, uint8_t *pkt,
    size_t len)
{
	struct out *o = &w->out;
	struct esp_buf in = {
		.base = w->tun, .cap = sizeof(w->tun), .data = pkt, .len = len
	};
	struct esp_buf out;
	enum esp_status st;

	/* whatever it is, there is room for it now */
	if (o->n == SYS_BATCH || sizeof(o->buf) - o->used < SLOT_MAX + LINE +
	    o->head)
		flush(w, dif, sa);
	out.base = o->buf;
	out.cap = sizeof(o->buf);
	out.data = o->buf + o->used + o->head;
	out.len = 0;
	if ((st = esp_seal(sa->esp, &in, &out)) == ESP_OK)
		append(w, &w->wires[sa->path.wire], out.len, len);
	else
		drop(w, dif, sa, st, 1);
}

/*
 * Read one packet and seal what it stands for.  Returns of how many packets it
 * was made, or 0 when there is none.
 */
static unsigned int
read_and_seal(struct worker *w, struct data_if *dif, struct data_sa *sa)
{
	struct esp_offload off;
	enum esp_status st;
	uint8_t *pkt;
	size_t len;
	ssize_t n;

	/* one octet more than a packet can have, to see one cut short */
	n = sys_tun_read(dif->fd, &off, w->tun, SLOT_MAX + 1);
	if (n == -1 && errno == EMSGSIZE) {
		drop(w, dif, sa, DROP_INNER_CUT, 1);
		return 1;
	}
	if (n == -1)
		return 0;
	if ((st = esp_split_begin(&w->split, &off, w->tun, (size_t)n)) !=
	    ESP_OK) {
		drop(w, dif, sa, st, 1);
		return 1;
	}
	n = (ssize_t)esp_split_count(&w->split);
	if (sa == NULL)
		drop(w, dif, NULL, DROP_NO_OUT_SA, (uint64_t)n);
	else
		while (esp_split_next(&w->split, &pkt, &len))
			seal(w, dif, sa, pkt, len);
	return (unsigned int)n;
}

/* Once for each reservation: ask the engine for more numbers in time. */
static void
tell_low(struct worker *w, struct data_sa *sa)
{
	if (counter_get(&sa->seq) >= counter_get(&sa->low))
		worker_tell_event(w, &sa->ev_low);
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
	unsigned int n, total = 0;

	if (sa != NULL) {
		take_grant(sa);
		w->out.head = has_hop(w, dif, &sa->path) ? SYS_PACKET_HEAD : 0;
	}
	do
		total += n = read_and_seal(w, dif, sa);
	while (n > 0 && total < BUDGET);
	if (n == 0 && errno != EAGAIN && errno != EINTR) {
		event_del(&dif->ev);
		worker_tell(w, &dif->ev_gone.node);
	}
	if (sa == NULL) {
		/* something was read, and dropped */
		if (total > 0 && atomic_load(&dif->tell_nosa))
			worker_tell_event(w, &dif->ev_nosa);
		return;
	}
	flush(w, dif, sa);
	atomic_store_explicit(&sa->seq, esp_sa_seq(sa->esp),
	    memory_order_relaxed);
	tell_low(w, sa);
	data_sa_tell(w, sa);
}
