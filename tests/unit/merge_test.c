/* SPDX-License-Identifier: ISC */
/*
 * Packets joined: what joins and what does not, the headers of the whole, that
 * cutting it again gives the packets, and that no flow is put in another order.
 */
#include "tests/lib/tap.h"
#include "tests/unit/offload_help.h"

#define BOTH	(ESP_MERGE_TCP | ESP_MERGE_UDP)
#define NPKTS	256
#define ROOM	2600

static const struct o_flow tcp4 = {
	.v = 4, .proto = 6, .host = 1, .tos = 0x02, .ttl = 64, .port = 40000,
	.id = 0xfffe, .frag = O_DF, .seq = 0xfffffc00, .ack = 0x01020304,
	.win = 501, .flags = O_ACK, .optlen = 12
};
static const struct o_flow tcp6 = {
	.v = 6, .proto = 6, .host = 1, .tos = 0x02, .ttl = 64, .port = 40000,
	.label = 0x54321, .seq = 0xfffffc00, .ack = 0x01020304, .win = 501,
	.flags = O_ACK, .optlen = 12
};
static const struct o_flow udp4 = {
	.v = 4, .proto = 17, .host = 1, .ttl = 64, .port = 40000, .id = 7
};
static const struct o_flow udp6 = {
	.v = 6, .proto = 17, .host = 1, .ttl = 64, .port = 40000
};
static const struct o_flow *const flows[] = { &tcp4, &tcp6, &udp4, &udp6 };
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

static struct esp_merge m;
static int keys[4];

/* The packets of a test: as given to merge, and as they were. */
static uint8_t pkts[NPKTS][ROOM], orig[NPKTS][ROOM];
static size_t lens[NPKTS], npkts;
static uint8_t whole[O_MAX], want[O_MAX];

static void
start(unsigned int kinds)
{
	/* what was in it must not matter */
	memset(&m, 0xff, sizeof(m));
	esp_merge_init(&m, kinds);
	npkts = 0;
}

/* Add what is in pkts[npkts]; what esp_merge_add() said. */
static int
give(void *key, size_t len)
{
	lens[npkts] = len;
	memcpy(orig[npkts], pkts[npkts], len);
	npkts++;
	return esp_merge_add(&m, key, pkts[npkts - 1], len);
}

/* Add a packet of the flow, which goes on. */
static int
add(struct o_flow *f, size_t from, size_t n)
{
	int done = give(NULL, o_make(f, pkts[npkts], from, n));

	f->id++;
	f->seq += (uint32_t)n;
	return done;
}

/* A group in one piece, in memory that is as long. */
static uint8_t *
gather(const struct esp_group *g)
{
	uint8_t *p = malloc(g->len + 1);
	size_t i, at = 0;

	if (p == NULL)
		abort();
	for (i = 0; i < g->npieces; i++) {
		memcpy(p + at, g->piece[i].iov_base, g->piece[i].iov_len);
		at += g->piece[i].iov_len;
	}
	if (at != g->len)
		abort();
	return p;
}

static int
is_plain(const struct esp_offload *off)
{
	static const struct esp_offload none;

	return memcmp(off, &none, sizeof(none)) == 0;
}

/* Which packet the group begins with. */
static size_t
first_of(const struct esp_group *g)
{
	return (size_t)((uint8_t *)g->piece[0].iov_base - pkts[0]) / ROOM;
}

/*
 * Cut the group again.  The packets must be, one by one, those from the first
 * one on for which next() gives the following.  How much is wrong.
 */
static size_t
cut(const struct esp_group *g, size_t (*next)(size_t))
{
	uint8_t *p = gather(g), *seg;
	size_t k = first_of(g), n, i, octets = 0, bad = 0;
	struct esp_split s;

	bad += (g->npieces == 1) != is_plain(&g->off);
	bad += esp_split_begin(&s, &g->off, p, g->len) != ESP_OK;
	if (bad == 0)
		bad += esp_split_count(&s) != g->npieces;
	for (i = 0; bad == 0 && esp_split_next(&s, &seg, &n); i++) {
		bad += k >= npkts || n != lens[k] ||
		    memcmp(seg, orig[k], n) != 0;
		octets += n;
		k = next(k);
	}
	bad += octets != g->octets;
	free(p);
	return bad;
}

static size_t
next_one(size_t k)
{
	return k + 1;
}

/* --- what a whole one looks like --- */

static void
test_whole(void)
{
	struct esp_offload off;
	struct o_flow f;
	size_t k, len;
	uint8_t *p;

	for (k = 0; k < NFLOWS; k++) {
		f = *flows[k];
		start(BOTH);
		is(add(&f, 0, 1001), 1, "IPv%d, protocol %d: the first", f.v,
		    f.proto);
		is(add(&f, 1001, 1001), 1, "... the second");
		f.flags |= O_PSH;
		is(add(&f, 2002, 77), 1, "... the last");
		is(esp_merge_end(&m), 1, "... are one");
		is(m.group[0].npieces, 3, "... of three");
		is(m.group[0].octets, lens[0] + lens[1] + lens[2],
		    "... octets as they came");
		ok(m.group[0].key == NULL, "... key");
		f = *flows[k];
		if (f.proto == 6)
			f.flags |= O_PSH;
		len = o_super(&f, want, 2079, 1001, &off);
		is(m.group[0].len, len, "... length");
		ok(memcmp(&m.group[0].off, &off, sizeof(off)) == 0,
		    "... offload");
		p = gather(&m.group[0]);
		ok(memcmp(p, want, len) == 0, "... octets");
		free(p);
		ok(m.group[0].piece[0].iov_base == pkts[0] &&
		    m.group[0].piece[1].iov_base == pkts[1] + o_hlen(&f) &&
		    m.group[0].piece[2].iov_len == 77, "... where they were");
		is(cut(&m.group[0], next_one), 0, "... cut again");
	}
}

/* The same not by the helper's word. */
static void
test_octets(void)
{
	static const uint8_t first[] = {
		0x45, 0x00, 0x00, 0x1f, 0x00, 0x09, 0x00, 0x00,
		0x40, 0x11, 0x66, 0xc3, 0x0a, 0x00, 0x00, 0x01,
		0x0a, 0x00, 0x00, 0x02,
		0x30, 0x39, 0x00, 0x35, 0x00, 0x0b, 0xf7, 0x04,
		'a', 'b', 'c'
	}, second[] = {
		0x45, 0x00, 0x00, 0x1e, 0x00, 0x0a, 0x00, 0x00,
		0x40, 0x11, 0x66, 0xc3, 0x0a, 0x00, 0x00, 0x01,
		0x0a, 0x00, 0x00, 0x02,
		0x30, 0x39, 0x00, 0x35, 0x00, 0x0a, 0x57, 0x04,
		'd', 'e'
	}, head[] = {
		0x45, 0x00, 0x00, 0x21, 0x00, 0x09, 0x00, 0x00,
		0x40, 0x11, 0x66, 0xc1, 0x0a, 0x00, 0x00, 0x01,
		0x0a, 0x00, 0x00, 0x02,
		0x30, 0x39, 0x00, 0x35, 0x00, 0x0d, 0x14, 0x21,
		'a', 'b', 'c'
	};

	start(BOTH);
	memcpy(pkts[0], first, sizeof(first));
	give(NULL, sizeof(first));
	memcpy(pkts[1], second, sizeof(second));
	give(NULL, sizeof(second));
	is(esp_merge_end(&m), 1, "octets");
	ok(memcmp(pkts[0], head, sizeof(head)) == 0, "... of the head");
	ok(m.group[0].piece[1].iov_len == 2 &&
	    memcmp(m.group[0].piece[1].iov_base, "de", 2) == 0,
	    "... of the second");
	is(m.group[0].off.csum_start, 20, "... where the sum begins");
}

/* --- what joins --- */

/*
 * The second of two packets, which would join, with one thing that differs: an
 * octet from the packet's start or, if t, the transport header's.
 */
struct change {
	const char	*what;
	const struct o_flow *flow;
	int		 joins;
	int		 t;
	size_t		 at;
	uint8_t		 bits;		/* turned over */
	int		 both;		/* in the first as well */
};

static const struct change changes[] = {
	{ "nothing", &tcp4, 1, 0, 0, 0, 0 },
	{ "nothing, IPv6", &tcp6, 1, 0, 0, 0, 0 },
	{ "nothing, UDP", &udp4, 1, 0, 0, 0, 0 },
	{ "nothing, UDP over IPv6", &udp6, 1, 0, 0, 0, 0 },
	{ "TOS", &tcp4, 0, 0, 1, 0x10, 0 },
	{ "ECN", &tcp4, 0, 0, 1, 0x01, 0 },
	{ "ECN, UDP", &udp4, 0, 0, 1, 0x03, 0 },
	{ "identification, low", &udp4, 0, 0, 5, 0x04, 0 },
	{ "identification, high", &tcp4, 0, 0, 4, 0x40, 0 },
	{ "the same identification, DF", &tcp4, 1, 0, 5, 0x01, 0 },
	{ "DF", &tcp4, 0, 0, 6, 0x40, 0 },
	{ "DF, UDP", &udp4, 0, 0, 6, 0x40, 0 },
	{ "more fragments", &tcp4, 0, 0, 6, 0x20, 0 },
	{ "both more fragments", &udp4, 0, 0, 6, 0x20, 1 },
	{ "both fragment offset", &udp4, 0, 0, 7, 0x01, 1 },
	{ "both the reserved bit", &tcp4, 0, 0, 6, 0x80, 1 },
	{ "TTL", &tcp4, 0, 0, 8, 0x01, 0 },
	{ "protocol", &tcp4, 0, 0, 9, 0x17, 0 },
	{ "both another protocol", &udp4, 0, 0, 9, 0x01, 1 },
	{ "source", &tcp4, 0, 0, 15, 0x02, 0 },
	{ "destination", &udp4, 0, 0, 16, 0x80, 0 },
	{ "traffic class, high", &tcp6, 0, 0, 0, 0x01, 0 },
	{ "traffic class, ECN", &tcp6, 0, 0, 1, 0x10, 0 },
	{ "flow label, high", &tcp6, 0, 0, 1, 0x01, 0 },
	{ "flow label, low", &udp6, 0, 0, 3, 0x01, 0 },
	{ "hop limit", &tcp6, 0, 0, 7, 0x01, 0 },
	{ "next header", &tcp6, 0, 0, 6, 0x3a, 0 },
	{ "both a fragment header", &tcp6, 0, 0, 6, 0x2a, 1 },
	{ "source, first octet", &tcp6, 0, 0, 8, 0x01, 0 },
	{ "source, last octet", &udp6, 0, 0, 23, 0x02, 0 },
	{ "destination, first octet", &udp6, 0, 0, 24, 0x01, 0 },
	{ "destination, last octet", &tcp6, 0, 0, 39, 0x02, 0 },
	{ "source port", &tcp4, 0, 1, 1, 0x01, 0 },
	{ "destination port", &udp6, 0, 1, 2, 0x01, 0 },
	{ "sequence number, high", &tcp4, 0, 1, 4, 0x01, 0 },
	{ "sequence number, low", &tcp6, 0, 1, 7, 0x01, 0 },
	{ "acknowledgement", &tcp4, 0, 1, 11, 0x01, 0 },
	{ "acknowledgement, high", &tcp6, 0, 1, 8, 0x80, 0 },
	{ "header length", &tcp4, 0, 1, 12, 0x90, 0 },
	{ "AE", &tcp4, 0, 1, 12, 0x01, 0 },
	{ "both AE", &tcp4, 0, 1, 12, 0x01, 1 },
	{ "both a reserved bit", &tcp6, 0, 1, 12, 0x08, 1 },
	{ "FIN", &tcp4, 0, 1, 13, O_FIN, 0 },
	{ "SYN", &tcp4, 0, 1, 13, O_SYN, 0 },
	{ "RST", &tcp6, 0, 1, 13, O_RST, 0 },
	{ "PSH", &tcp4, 1, 1, 13, O_PSH, 0 },
	{ "both PSH", &tcp4, 0, 1, 13, O_PSH, 1 },
	{ "no ACK", &tcp4, 0, 1, 13, O_ACK, 0 },
	{ "both no ACK", &tcp4, 0, 1, 13, O_ACK, 1 },
	{ "URG", &tcp6, 0, 1, 13, O_URG, 0 },
	{ "ECE", &tcp4, 0, 1, 13, O_ECE, 0 },
	{ "CWR", &tcp6, 0, 1, 13, O_CWR, 0 },
	{ "both CWR", &tcp4, 0, 1, 13, O_CWR, 1 },
	{ "both FIN", &tcp4, 0, 1, 13, O_FIN, 1 },
	{ "window", &tcp4, 0, 1, 15, 0x01, 0 },
	{ "urgent pointer", &tcp4, 0, 1, 19, 0x01, 0 },
	{ "both an urgent pointer", &tcp4, 1, 1, 19, 0x01, 1 },
	{ "first option", &tcp4, 0, 1, 20, 0x01, 0 },
	{ "last option", &tcp6, 0, 1, 31, 0x01, 0 },
	{ "both a length beyond theirs", &tcp4, 0, 0, 3, 0x03, 1 },
	{ "both a payload beyond theirs", &tcp6, 0, 0, 4, 0x04, 1 },
	{ "both another UDP length", &udp4, 0, 1, 5, 0x01, 1 },
	{ "UDP length, less", &udp4, 0, 1, 5, 0x04, 0 },
	{ "UDP length, more", &udp6, 0, 1, 4, 0x80, 0 }
};

static void
change(const struct change *c, uint8_t *p, size_t len)
{
	size_t l4 = o_l4(c->flow);

	p[c->at + (c->t ? l4 : 0)] ^= c->bits;
	o_fix(p, len, l4, c->flow->proto);
}

static void
test_changes(void)
{
	const struct change *c;
	struct o_flow f;
	size_t i, len, bad;

	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		c = &changes[i];
		f = *c->flow;
		f.id = 0x0102;	/* and the next is odd */
		start(BOTH);
		len = o_make(&f, pkts[0], 0, 800);
		if (c->both)
			change(c, pkts[0], len);
		give(NULL, len);
		f.id++;
		f.seq += 800;
		len = o_make(&f, pkts[1], 800, 800);
		change(c, pkts[1], len);
		give(NULL, len);
		is(esp_merge_end(&m), c->joins ? 1 : 2, "%s: %s", c->what,
		    c->joins ? "joins" : "alone");
		if (c->joins)
			continue;
		bad = memcmp(pkts[0], orig[0], lens[0]) != 0 ||
		    memcmp(pkts[1], orig[1], lens[1]) != 0;
		bad += !is_plain(&m.group[0].off);
		bad += !is_plain(&m.group[1].off);
		is(bad, 0, "... untouched");
	}
}

/* Each bit of each packet in turn: what is damaged never joins. */
static void
test_corrupt(void)
{
	struct o_flow f;
	size_t k, i, bit, len, bad;

	for (k = 0; k < NFLOWS; k++) {
		for (bad = 0, i = 0; i < 2; i++)
			for (bit = 0; bit < 8 * (o_hlen(flows[k]) + 33);
			    bit++) {
				f = *flows[k];
				start(BOTH);
				o_make(&f, pkts[0], 0, 33);
				f.id++;
				f.seq += 33;
				len = o_make(&f, pkts[1], 33, 33);
				pkts[i][bit / 8] ^= 1 << bit % 8;
				give(NULL, len);
				give(NULL, len);
				bad += esp_merge_end(&m) != 2;
				bad += memcmp(pkts[0], orig[0], len) != 0;
				bad += memcmp(pkts[1], orig[1], len) != 0;
			}
		is(bad, 0, "IPv%d, protocol %d: any bit turned over",
		    flows[k]->v, flows[k]->proto);
	}
}

/* Lengths of packets that follow each other, and of what pieces they make. */
static void
test_lengths(void)
{
	static const struct {
		const char *what;
		size_t n[6];		/* up to 9999 */
		unsigned int pieces[6];
	} t[] = {
		{ "all alike", { 500, 500, 500, 500, 9999 }, { 4 } },
		{ "a shorter one ends", { 500, 400, 400, 400, 300, 9999 },
		    { 2, 3 } },
		{ "a longer one begins", { 400, 500, 500, 9999 }, { 1, 2 } },
		{ "one octet less", { 500, 499, 500, 500, 9999 }, { 2, 2 } },
		{ "one octet more", { 499, 500, 500, 9999 }, { 1, 2 } },
		{ "one octet each", { 1, 1, 1, 9999 }, { 3 } },
		{ "no payload", { 500, 0, 500, 500, 0, 9999 },
		    { 1, 1, 2, 1 } },
		{ "none at all", { 0, 0, 0, 9999 }, { 1, 1, 1 } }
	};
	struct o_flow f;
	size_t i, j, k, bad, from;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (k = 0; k < NFLOWS; k++) {
			f = *flows[k];
			start(BOTH);
			for (from = 0, j = 0; t[i].n[j] != 9999; j++) {
				add(&f, from, t[i].n[j]);
				from += t[i].n[j];
			}
			esp_merge_end(&m);
			for (bad = 0, j = 0; j < 6 && t[i].pieces[j]; j++)
				bad += m.group[j].npieces != t[i].pieces[j] ||
				    cut(&m.group[j], next_one);
			bad += m.n != j;
			is(bad, 0, "IPv%d, protocol %d: %s", f.v, f.proto,
			    t[i].what);
		}
}

/* PSH, pure acknowledgements and what stays alone end a group. */
static void
test_closing(void)
{
	static const uint8_t alone[] = {
		O_ACK | O_FIN, O_SYN, O_ACK | O_RST, O_ACK | O_URG,
		O_ACK | O_ECE, O_ACK | O_CWR, O_ACK | O_PSH | O_FIN, 0
	};
	struct o_flow f;
	size_t i, k, bad = 0;

	for (k = 0; k < 2; k++)
		for (i = 0; i < sizeof(alone); i++) {
			f = *flows[k];
			start(BOTH);
			add(&f, 0, 100);
			add(&f, 100, 100);
			f.flags = alone[i];
			add(&f, 200, 100);
			f.flags = O_ACK;
			add(&f, 300, 100);
			add(&f, 400, 100);
			bad += esp_merge_end(&m) != 3 ||
			    m.group[0].npieces != 2 ||
			    m.group[1].npieces != 1 ||
			    m.group[2].npieces != 2;
		}
	is(bad, 0, "flags stay alone and end what was before");
	for (k = 0; k < 2; k++) {
		f = *flows[k];
		start(BOTH);
		f.flags |= O_PSH;
		add(&f, 0, 100);
		f.flags = O_ACK;
		add(&f, 100, 100);
		f.flags |= O_PSH;
		add(&f, 200, 100);
		f.flags = O_ACK;
		add(&f, 300, 100);
		ok(esp_merge_end(&m) == 3 && m.group[0].npieces == 1 &&
		    m.group[1].npieces == 2 && m.group[2].npieces == 1,
		    "IPv%d: PSH ends", f.v);
		ok(m.group[1].piece[0].iov_base == pkts[1] &&
		    cut(&m.group[1], next_one) == 0, "... and is the last's");
	}
	/* the same number again is no continuation */
	f = tcp4;
	start(BOTH);
	add(&f, 0, 100);
	f.seq -= 100;
	add(&f, 0, 100);
	is(esp_merge_end(&m), 2, "sent twice");
	/* an acknowledgement without data may not be overtaken */
	f = tcp6;
	start(BOTH);
	add(&f, 0, 100);
	f.ack += 5;
	add(&f, 100, 0);
	f.ack -= 5;
	add(&f, 100, 100);
	is(esp_merge_end(&m), 3, "an acknowledgement between");
}

static void
test_kinds(void)
{
	struct o_flow f;
	size_t k;
	unsigned int kinds, joins;

	for (kinds = 0; kinds < 4; kinds++)
		for (k = 0; k < NFLOWS; k++) {
			f = *flows[k];
			joins = kinds & (f.proto == 6 ? ESP_MERGE_TCP :
							ESP_MERGE_UDP);
			start(kinds);
			add(&f, 0, 100);
			add(&f, 100, 100);
			is(esp_merge_end(&m), joins ? 1 : 2,
			    "kinds %u, IPv%d, protocol %d", kinds, f.v,
			    f.proto);
		}
	start(BOTH);
	is(esp_merge_end(&m), 0, "nothing makes nothing");
}

static void
test_keys(void)
{
	struct o_flow f = tcp4;
	size_t i;

	start(BOTH);
	for (i = 0; i < 4; i++) {
		give(&keys[i % 2], o_make(&f, pkts[i], i * 100, 100));
		if (i % 2) {
			f.id++;
			f.seq += 100;
		}
	}
	is(esp_merge_end(&m), 2, "two keys do not meet");
	ok(m.group[0].key == &keys[0] && m.group[1].key == &keys[1],
	    "... and are told");
	is(m.group[0].npieces + m.group[1].npieces, 4, "... each for itself");
}

/* DF makes an identification that stays the same as good as the next. */
static void
test_id(void)
{
	struct o_flow f = udp4;
	size_t i;

	f.frag = O_DF;
	f.id = 0;
	start(BOTH);
	for (i = 0; i < 4; i++) {
		f.id = 0;
		add(&f, i * 100, 100);
	}
	is(esp_merge_end(&m), 1, "0 in all with DF");
	is(m.group[0].npieces, 4, "... are one");
	f.frag = 0;
	start(BOTH);
	for (i = 0; i < 4; i++) {
		f.id = 0;
		add(&f, i * 100, 100);
	}
	is(esp_merge_end(&m), 4, "without DF they stay alone");
	f.frag = O_DF;
	f.id = 9;
	start(BOTH);
	add(&f, 0, 100);
	f.id = 11;
	add(&f, 100, 100);
	is(esp_merge_end(&m), 2, "one left out");
}

/* --- limits --- */

static void
test_limits(void)
{
	struct o_flow f;
	size_t i, k;

	for (k = 0; k < NFLOWS; k++) {
		f = *flows[k];
		start(BOTH);
		for (i = 0; i < ESP_MERGE_PIECES + 1; i++)
			add(&f, i * 10, 10);
		is(esp_merge_end(&m), 2, "IPv%d, protocol %d: one too many",
		    f.v, f.proto);
		is(m.group[0].npieces, ESP_MERGE_PIECES, "... for a group");
		is(cut(&m.group[0], next_one) + cut(&m.group[1], next_one), 0,
		    "... cut again");
		f = *flows[k];
		start(BOTH);
		for (i = 0; i < 40; i++)
			add(&f, i * 2500, 2500);
		esp_merge_end(&m);
		is(m.group[0].npieces, (65535 - o_hlen(&f)) / 2500,
		    "... 65535 octets");
		is(cut(&m.group[0], next_one) + cut(&m.group[1], next_one), 0,
		    "... cut again");
	}
}

/* The last piece makes it exactly as long as may be, or an octet longer. */
static void
test_full(void)
{
	struct o_flow f;
	size_t k, i, left, more;

	for (k = 0; k < NFLOWS; k++)
		for (more = 0; more < 2; more++) {
			f = *flows[k];
			left = 65535 - o_hlen(&f) - 26 * 2500;
			start(BOTH);
			for (i = 0; i < 26; i++)
				add(&f, i * 2500, 2500);
			add(&f, 26 * 2500, left + more);
			is(esp_merge_end(&m), 1 + more,
			    "IPv%d, protocol %d: %zu octets", f.v, f.proto,
			    65535 + more);
			is(cut(&m.group[0], next_one), 0, "... cut again");
		}
}

static void
test_room(void)
{
	struct o_flow f[ESP_MERGE_GROUPS + 1];
	size_t i, bad = 0;

	start(BOTH);
	for (i = 0; i <= ESP_MERGE_GROUPS; i++) {
		f[i] = *flows[i % NFLOWS];
		f[i].port = (uint16_t)(1000 + i);
	}
	for (i = 0; i < ESP_MERGE_GROUPS; i++)
		bad += add(&f[i], 0, 100) != 1;
	is(bad, 0, "as many flows as groups");
	is(add(&f[i], 0, 100), 0, "one more has no room");
	npkts--;
	for (i = 0; i < ESP_MERGE_GROUPS; i++)
		bad += add(&f[i], 100, 100) != 1;
	is(bad, 0, "but what joins has");
	is(esp_merge_end(&m), ESP_MERGE_GROUPS, "all of them");
	for (i = 0; i < ESP_MERGE_GROUPS; i++)
		bad += m.group[i].npieces != 2 || first_of(&m.group[i]) != i;
	is(bad, 0, "in their order");
	esp_merge_init(&m, BOTH);
	is(esp_merge_add(&m, NULL, pkts[64], 100), 1, "taken, there is room");
}

/* --- what it cannot judge --- */

/* A packet that lies: alone, untouched, and read only as far as it goes. */
static void
test_odd(void)
{
	static const struct {
		const char *what;
		const struct o_flow *flow;
		size_t at;
		uint8_t octet;
	} t[] = {
		{ "IPv4 longer than it is", &tcp4, 2, 9 },
		{ "IPv4 shorter than it is", &udp4, 3, 60 },
		{ "IPv4 options", &udp4, 0, 0x46 },
		{ "IPv4 header of 0", &udp4, 0, 0x40 },
		{ "version 0", &udp4, 0, 0x05 },
		{ "IPv6 longer than it is", &tcp6, 4, 9 },
		{ "IPv6 payload of 0", &udp6, 5, 0 },
		{ "TCP header of 16", &tcp4, 32, 0x40 },
		{ "TCP header of 60 in 52", &tcp4, 32, 0xf0 },
		{ "IPv6, TCP header of 60", &tcp6, 52, 0xf0 }
	};
	struct o_flow f;
	size_t i, k, len, cutoff, bad = 0;
	uint8_t *p;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		f = *t[i].flow;
		start(BOTH);
		add(&f, 0, 20);
		len = o_make(&f, pkts[1], 20, i < 7 ? 20 : 0);
		pkts[1][t[i].at] = t[i].octet;
		give(NULL, len);
		ok(esp_merge_end(&m) == 2 && is_plain(&m.group[1].off) &&
		    memcmp(pkts[1], orig[1], len) == 0, "%s", t[i].what);
	}
	for (k = 0; k < NFLOWS; k++)
		for (cutoff = 0; cutoff < o_hlen(flows[k]) + 5; cutoff++) {
			start(BOTH);
			o_make(flows[k], want, 0, 5);
			if ((p = malloc(cutoff + 1)) == NULL)
				abort();
			memcpy(p, want, cutoff);
			/* it may know its length, or not */
			bad += esp_merge_add(&m, NULL, p, cutoff) != 1;
			if (cutoff > 5)
				o_put16(p + (flows[k]->v == 4 ? 2 : 4),
				    flows[k]->v == 4 ? cutoff : cutoff - 40);
			bad += esp_merge_add(&m, NULL, p, cutoff) != 1;
			bad += esp_merge_end(&m) != 2;
			free(p);
		}
	is(bad, 0, "packets that are cut off");
}

/* What may be of the same flow, though it does not say so, is not overtaken. */
static void
test_hidden(void)
{
	struct o_flow f = udp4, g;
	static const uint8_t ext[8] = { 17, 0, 1, 4 };

	start(BOTH);
	add(&f, 0, 100);
	g = f;
	g.frag = 0x2000;
	add(&g, 100, 100);
	g.frag = 13;
	add(&g, 200, 100);
	add(&f, 100, 100);
	is(esp_merge_end(&m), 4, "fragments between");
	f = udp6;
	start(BOTH);
	add(&f, 0, 100);
	g = f;
	g.ext = ext;
	g.extlen = 8;
	g.next = 60;
	add(&g, 100, 100);
	add(&f, 200, 100);
	is(esp_merge_end(&m), 3, "an extension header between");
	f = udp4;
	start(BOTH);
	add(&f, 0, 100);
	g = f;
	g.host = 2;
	g.frag = 0x2000;
	add(&g, 100, 100);
	add(&f, 100, 100);
	is(esp_merge_end(&m), 2, "fragments of others");
	f = udp4;
	start(BOTH);
	add(&f, 0, 100);
	o_make(&f, pkts[1], 100, 100);
	pkts[1][9] = 1;
	give(NULL, 128);
	add(&f, 100, 100);
	is(esp_merge_end(&m), 2, "ICMP between the same");
	f = udp6;
	start(BOTH);
	add(&f, 0, 100);
	o_make(&f, pkts[1], 100, 100);
	pkts[1][6] = 58;
	give(NULL, 148);
	add(&f, 100, 100);
	is(esp_merge_end(&m), 2, "ICMPv6 between the same");
	f = tcp4;
	start(ESP_MERGE_TCP);
	add(&f, 0, 100);
	g = udp4;
	add(&g, 0, 100);
	add(&f, 100, 100);
	is(esp_merge_end(&m), 2, "a kind that is not merged between the same");
}

/* Flows that have one hash are told apart by what they are. */
static void
test_hash(void)
{
	static const struct {
		const char *what;
		const struct o_flow *flow;
		int key;
		size_t at;
		uint8_t bits;
	} t[] = {
		{ "key", &tcp4, 1, 0, 0 },
		{ "protocol", &tcp4, 0, 9, 6 ^ 17 },
		{ "protocol, IPv6", &udp6, 0, 6, 6 ^ 17 },
		{ "source", &tcp4, 0, 12, 1 },
		{ "destination", &udp6, 0, 39, 1 },
		{ "source port", &tcp6, 0, 40, 1 },
		{ "destination port", &udp4, 0, 23, 1 }
	};
	struct o_flow f;
	size_t i, len;
	uint32_t hash;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		f = *t[i].flow;
		/* what the second one's will be */
		start(BOTH);
		f.id++;
		f.seq += 100;
		len = o_make(&f, pkts[0], 100, 100);
		pkts[0][t[i].at] ^= t[i].bits;
		o_fix(pkts[0], len, o_l4(&f), f.proto);
		memcpy(want, pkts[0], len);
		give(&keys[t[i].key], len);
		hash = m.hash[0];
		f = *t[i].flow;
		start(BOTH);
		give(&keys[0], o_make(&f, pkts[0], 0, 100));
		m.hash[0] = hash;
		memcpy(pkts[1], want, len);
		give(&keys[t[i].key], len);
		is(esp_merge_end(&m), 2, "same hash, another %s", t[i].what);
		is(m.hash[1], hash, "... indeed");
	}
}

/* Options of another length that begin alike. */
static void
test_options(void)
{
	struct o_flow f = tcp4;

	f.optlen = 8;
	start(BOTH);
	add(&f, 0, 100);
	f.optlen = 4;
	add(&f, 100, 100);
	f.optlen = 8;
	add(&f, 200, 100);
	is(esp_merge_end(&m), 3, "options of another length");
}

static void
test_udp_none(void)
{
	struct o_flow f = udp4;
	size_t i, len;

	start(BOTH);
	for (i = 0; i < 3; i++) {
		len = o_make(&f, pkts[i], 0, 100);
		if (i > 0)
			o_put16(pkts[i] + 26, 0);
		give(NULL, len);
		f.id++;
	}
	is(esp_merge_end(&m), 3, "UDP without a checksum");
	/* also where one would be 0xffff, which looks right */
	f = udp6;
	start(BOTH);
	for (i = 0; i < 2; i++) {
		o_make(&f, pkts[i], 0, 100);
		f.port = (uint16_t)o_sum(pkts[i] + 46, 2, f.port);
		len = o_make(&f, pkts[i], 0, 100);
		o_put16(pkts[i] + 46, 0);
		give(NULL, len);
	}
	is(esp_merge_end(&m), 2, "... nor where it makes no difference");
}

/* --- properties --- */

/* A super-packet cut and joined is what it was. */
static void
test_split_merge(void)
{
	struct esp_offload off;
	struct esp_split s;
	struct o_flow f;
	size_t i, n, len, pieces, bad = 0, all = 0;
	uint32_t r = 5;
	uint16_t size;
	uint8_t *seg, *p;

	for (i = 0; i < 2000; i++) {
		f = *flows[o_random(&r, NFLOWS)];
		f.id = (uint16_t)o_random(&r, 65536);
		f.seq = o_random(&r, UINT32_MAX);
		f.optlen = 4 * o_random(&r, 11);
		if (f.proto == 6 && o_random(&r, 2))
			f.flags |= O_PSH;
		size = (uint16_t)(1 + o_random(&r, 2400));
		n = size + 1 + o_random(&r, 63U * size);
		if (n > 65535 - o_hlen(&f))
			n = 65535 - o_hlen(&f);
		len = o_super(&f, whole, n, size, &off);
		start(BOTH);
		memcpy(want, whole, len);
		bad += esp_split_begin(&s, &off, want, len) != ESP_OK;
		pieces = esp_split_count(&s);
		while (esp_split_next(&s, &seg, &lens[npkts])) {
			memcpy(pkts[npkts], seg, lens[npkts]);
			give(NULL, lens[npkts]);
		}
		if (pieces < 2)
			continue;
		all++;
		if (esp_merge_end(&m) != 1 || m.group[0].npieces != pieces ||
		    m.group[0].len != len) {
			bad++;
			continue;
		}
		/* IPv4: the device's header has its checksum right */
		p = gather(&m.group[0]);
		bad += memcmp(p, whole, len) != 0;
		bad += memcmp(&m.group[0].off, &off, sizeof(off)) != 0;
		free(p);
	}
	is(bad, 0, "%zu super-packets, cut and joined", all);
}

#define STREAMS	6
static size_t follows[NPKTS];	/* the next of the same flow */

static size_t
next_same(size_t k)
{
	return follows[k];
}

/* One more packet of a flow, or something in its way. */
static int
add_random(struct o_flow *f, uint32_t *r, void *key)
{
	struct o_flow g = *f;
	size_t n = 400, len;
	uint32_t what = o_random(r, 30);

	if (what == 0)
		n = o_random(r, 400);
	else if (what == 1)
		n = 0;
	else if (what == 2)
		g.flags = (uint8_t)o_random(r, 256);
	else if (what == 3)
		g.ttl--;
	else if (what == 4)
		f->win++;
	else if (what == 5)
		f->seq -= 100;
	else if (what == 6 && f->v == 4)
		g.frag ^= O_DF;
	else if (what == 7 && f->v == 4)
		g.frag = 0x2001;
	else if (what == 8)
		g.flags |= f->proto == 6 ? O_PSH : 0;
	len = o_make(&g, pkts[npkts], npkts * 100, n);
	if (what == 9)		/* behind the ports, or it were another flow */
		pkts[npkts][o_l4(f) + 4 +
		    o_random(r, (uint32_t)(len - o_l4(f) - 4))] ^= 0x10;
	else if (what == 10 && f->proto == 17)
		o_put16(pkts[npkts] + o_l4(f) + 6, 0);
	f->id++;
	f->seq += (uint32_t)n;
	return give(key, len);
}

/*
 * Several flows at once with all that can be in their way: each packet comes
 * out as it went in, and after the one of its flow that was before it.
 */
static void
test_streams(void)
{
	size_t i, j, k, g, done[STREAMS], last[STREAMS], bad = 0, joined = 0;
	static size_t stream[NPKTS];
	struct o_flow f[STREAMS];
	uint32_t r = 6;

	for (i = 0; i < 3000; i++) {
		start(BOTH);
		for (j = 0; j < STREAMS; j++) {
			f[j] = *flows[j % NFLOWS];
			f[j].port += (uint16_t)(j / NFLOWS);
			done[j] = last[j] = NPKTS;
		}
		while (npkts < 100) {
			j = o_random(&r, STREAMS);
			k = npkts;
			if (!add_random(&f[j], &r, &keys[j % 2])) {
				npkts--;
				break;
			}
			stream[k] = j;
			follows[k] = NPKTS;
			if (last[j] != NPKTS)
				follows[last[j]] = k;
			else
				done[j] = k;
			last[j] = k;
		}
		esp_merge_end(&m);
		for (g = 0; g < m.n; g++) {
			j = stream[first_of(&m.group[g])];
			/* done: which one it must go on with */
			bad += first_of(&m.group[g]) != done[j];
			bad += m.group[g].key != &keys[j % 2];
			bad += cut(&m.group[g], next_same) != 0;
			for (k = 0; k < m.group[g].npieces; k++)
				if (done[j] < NPKTS)
					done[j] = follows[done[j]];
			joined += m.group[g].npieces - 1;
		}
		for (j = 0; j < STREAMS; j++)
			bad += done[j] != NPKTS;
	}
	is(bad, 0, "3000 times several flows, in their order");
	ok(joined > 30000, "... of whose packets %zu have joined", joined);
}

int
main(void)
{
	test_whole();
	test_octets();
	test_changes();
	test_corrupt();
	test_lengths();
	test_closing();
	test_kinds();
	test_keys();
	test_id();
	test_limits();
	test_full();
	test_room();
	test_odd();
	test_hidden();
	test_udp_none();
	test_options();
	test_hash();
	test_split_merge();
	test_streams();
	return tap_done();
}
