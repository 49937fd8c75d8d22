/* SPDX-License-Identifier: ISC */
/*
 * Super-packets cut: each segment against the packet that it must be, made
 * anew; and what is refused, which must change nothing.
 */
#include "tests/lib/tap.h"
#include "tests/unit/offload_help.h"

#define GUARD	32		/* octets around the packet */

static uint8_t room[O_MAX], want[O_MAX];
static uint8_t *const pkt = room + GUARD;

/* The flow's ends in what differs most. */
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

/* Cut what is in pkt; how many things were not as they must be. */
static size_t
cut(const struct o_flow *f, const struct esp_offload *off, size_t len)
{
	size_t n = len - o_hlen(f), size = off->size, i, seglen, bad = 0;
	struct esp_split s;
	uint8_t *seg;

	memset(room, 0xa5, GUARD);
	memset(pkt + len, 0xa5, GUARD);
	memset(&s, 0xff, sizeof(s));
	if (esp_split_begin(&s, off, pkt, len) != ESP_OK)
		return 1000;
	bad += esp_split_count(&s) != o_count(n, size);
	for (i = 0; esp_split_next(&s, &seg, &seglen); i++) {
		bad += seg != pkt + i * size;
		if (i >= o_count(n, size) ||
		    seglen != o_segment(f, want, n, size, i, off->ecn) ||
		    memcmp(seg, want, seglen) != 0)
			bad++;
	}
	bad += i != o_count(n, size);
	bad += esp_split_next(&s, &seg, &seglen) != 0;
	memset(want, 0xa5, GUARD);
	bad += memcmp(room, want, GUARD) != 0;
	bad += memcmp(pkt + len, want, GUARD) != 0;
	return bad;
}

/* A flow's super-packet, cut. */
static size_t
cut_flow(const struct o_flow *f, size_t n, uint16_t size, int ecn)
{
	struct esp_offload off;
	size_t len = o_super(f, pkt, n, size, &off);

	off.ecn = (uint8_t)ecn;
	return cut(f, &off, len);
}

static void
test_sizes(void)
{
	static const struct {
		size_t n;
		uint16_t size;
		const char *what;
	} t[] = {
		{ 2800, 1400, "two whole ones" },
		{ 2801, 1400, "a last one of 1 octet" },
		{ 2799, 1400, "a last one of 1399" },
		{ 4001, 1333, "an odd size" },
		{ 4000, 1, "segments of 1 octet" },
		{ 1400, 1400, "one segment" },
		{ 1000, 1400, "size beyond the payload" },
		{ 1000, 65535, "size beyond any packet" },
		{ 0, 1400, "no payload" },
		{ 1, 1400, "1 octet" },
		{ 100, 20, "segments shorter than their headers" }
	};
	size_t i, k;

	for (k = 0; k < NFLOWS; k++)
		for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
			is(cut_flow(flows[k], t[i].n, t[i].size, 0), 0,
			    "IPv%d, protocol %d: %s", flows[k]->v,
			    flows[k]->proto, t[i].what);
	for (k = 0; k < NFLOWS; k++) {
		is(cut_flow(flows[k], 65535 - o_hlen(flows[k]), 1448, 0), 0,
		    "IPv%d, protocol %d: 65535 octets", flows[k]->v,
		    flows[k]->proto);
	}
	is(cut_flow(&tcp6, 65575 - o_hlen(&tcp6), 1448, 0), 0,
	    "the longest IPv6 packet");
}

static void
test_flags(void)
{
	static const uint8_t flags[] = {
		O_ACK, O_ACK | O_PSH, O_ACK | O_FIN, O_ACK | O_FIN | O_PSH,
		O_ACK | O_CWR, O_ACK | O_CWR | O_ECE | O_PSH, O_ACK | O_ECE,
		O_ACK | O_URG, O_ACK | O_SYN, O_ACK | O_RST, 0, 0xff
	};
	size_t i, k, bad[2] = { 0, 0 };
	struct o_flow f;

	for (k = 0; k < 2; k++)
		for (i = 0; i < sizeof(flags); i++) {
			f = *flows[k];
			f.flags = flags[i];
			bad[0] += cut_flow(&f, 4000, 1400, 0);
			bad[0] += cut_flow(&f, 1000, 1400, 0);
			bad[1] += cut_flow(&f, 4000, 1400, 1);
			bad[1] += cut_flow(&f, 1000, 1400, 1);
		}
	is(bad[0], 0, "FIN and PSH in the last, all others in all");
	is(bad[1], 0, "with ecn, CWR in the first");
}

/* The octets of two segments, not by the helper's word. */
static void
test_octets(void)
{
	static const uint8_t super[] = {
		0x45, 0x02, 0x00, 0x2c, 0xff, 0xff, 0x40, 0x00,
		0x40, 0x06, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x01,
		0x0a, 0x00, 0x00, 0x02,
		0x30, 0x39, 0x00, 0x50, 0xff, 0xff, 0xff, 0xfe,
		0x00, 0x00, 0x00, 0x01, 0x50, 0xd9, 0x01, 0x00,
		0x14, 0x21, 0x00, 0x00, 'a', 'b', 'c', 'd'
	}, first[] = {
		0x45, 0x02, 0x00, 0x2b, 0xff, 0xff, 0x40, 0x00,
		0x40, 0x06, 0x26, 0xc9, 0x0a, 0x00, 0x00, 0x01,
		0x0a, 0x00, 0x00, 0x02,
		0x30, 0x39, 0x00, 0x50, 0xff, 0xff, 0xff, 0xfe,
		0x00, 0x00, 0x00, 0x01, 0x50, 0xd0, 0x01, 0x00,
		0xa5, 0x23, 0x00, 0x00, 'a', 'b', 'c'
	}, second[] = {
		0x45, 0x02, 0x00, 0x29, 0x00, 0x00, 0x40, 0x00,
		0x40, 0x06, 0x26, 0xcb, 0x0a, 0x00, 0x00, 0x01,
		0x0a, 0x00, 0x00, 0x02,
		0x30, 0x39, 0x00, 0x50, 0x00, 0x00, 0x00, 0x01,
		0x00, 0x00, 0x00, 0x01, 0x50, 0x59, 0x01, 0x00,
		0x05, 0xfd, 0x00, 0x00, 'd'
	};
	struct esp_offload off = { .gso = ESP_GSO_TCP4, .ecn = 1, .csum = 1,
		.size = 3, .csum_start = 20, .csum_offset = 16 };
	struct esp_split s;
	uint8_t *seg;
	size_t n;

	memcpy(pkt, super, sizeof(super));
	is(esp_split_begin(&s, &off, pkt, sizeof(super)), ESP_OK, "octets");
	is(esp_split_count(&s), 2, "... two");
	ok(esp_split_next(&s, &seg, &n) && n == sizeof(first) &&
	    memcmp(seg, first, n) == 0, "... the first");
	ok(esp_split_next(&s, &seg, &n) && n == sizeof(second) &&
	    memcmp(seg, second, n) == 0, "... the second");
	ok(!esp_split_next(&s, &seg, &n), "... the end");
}

/* Extension headers: hop-by-hop, routing with nothing left, destination. */
static const uint8_t chain[48] = {
	43, 0, 1, 4, [8] = 60, 2, 0, 0, [32] = 17, 1, 1, 12
};

static void
test_extensions(void)
{
	static uint8_t dest[216] = { 6, 0, 1, 4 };
	static const uint8_t options[8] = { 0x94, 4, 0, 0, 1, 1, 1, 0 };
	struct o_flow f = tcp4, g;

	f.ext = options;
	f.extlen = 8;
	is(cut_flow(&f, 4000, 1400, 0), 0, "IPv4 options, TCP");
	f = udp4;
	f.ext = options;
	f.extlen = 8;
	is(cut_flow(&f, 4000, 1400, 0), 0, "IPv4 options, UDP");
	f = tcp6;
	f.ext = dest;
	f.extlen = 8;
	f.next = 60;
	is(cut_flow(&f, 4000, 1400, 0), 0, "destination options, TCP");
	f.optlen = 40;
	is(cut_flow(&f, 4000, 1400, 0), 0, "... all of TCP's options");
	g = udp6;
	g.ext = chain;
	g.extlen = sizeof(chain);
	is(cut_flow(&g, 4000, 1400, 0), 0, "hop-by-hop, routing, destination");
	g.ext = dest;
	g.extlen = 208;
	g.next = 60;
	dest[0] = 17;
	dest[1] = 25;
	is(cut_flow(&g, 4000, 1400, 0), 0, "headers of 256 octets");
}

/* With segments left the pseudo header has an address that only some know. */
static void
test_routing(void)
{
	static uint8_t route[24] = { 17, 2, 0, 1 };
	struct esp_offload off;
	struct o_flow f = udp6;
	size_t len, n, i, l4, bad = 0;
	struct esp_split s;
	uint8_t *seg, other[16] = { 0x20, 1, 0xd, 0xb8, 9 }, was[16];

	f.ext = route;
	f.extlen = 24;
	f.next = 43;
	l4 = o_l4(&f);
	len = o_super(&f, pkt, 3000, 1400, &off);
	memcpy(was, pkt + 24, 16);
	memcpy(pkt + 24, other, 16);
	o_put16(pkt + l4 + 6, o_pseudo(pkt, 17, len - l4));
	memcpy(pkt + 24, was, 16);
	is(esp_split_begin(&s, &off, pkt, len), ESP_OK, "a route to go");
	for (i = 0; esp_split_next(&s, &seg, &n); i++) {
		memcpy(seg + 24, other, 16);
		bad += !o_right(seg, n, l4, 17);
		memcpy(seg + 24, was, 16);
	}
	ok(i == 3 && bad == 0, "... is summed up with the device's address");
	len = o_super(&f, pkt, 3000, 1400, &off);
	off.csum = 0;
	is(esp_split_begin(&s, &off, pkt, len), ESP_BAD_OFFLOAD,
	    "... and refused without");
}

/* A whole checksum, as other devices may leave it, is not looked at. */
static void
test_no_csum(void)
{
	struct esp_offload off;
	size_t k, len;

	for (k = 0; k < NFLOWS; k++) {
		len = o_super(flows[k], pkt, 4000, 1399, &off);
		off.csum = 0;
		off.csum_start = off.csum_offset = 0xffff;
		o_put16(pkt + o_l4(flows[k]) + o_field(flows[k]->proto), 0x77);
		is(cut(flows[k], &off, len), 0,
		    "IPv%d, protocol %d: no sum by the device", flows[k]->v,
		    flows[k]->proto);
	}
}

/* A port with which the checksum of 1000 octets would be 0. */
static uint16_t
zero_port(const struct o_flow *f)
{
	o_make(f, want, 0, 1000);
	return (uint16_t)o_sum(want + o_l4(f) + o_field(f->proto), 2, f->port);
}

static void
test_zero(void)
{
	struct o_flow f;
	size_t k, at, bad;

	for (k = 0; k < NFLOWS; k++) {
		f = *flows[k];
		f.port = zero_port(&f);
		bad = cut_flow(&f, 1000, 1400, 0);
		at = o_l4(&f) + o_field(f.proto);
		bad += o_get16(pkt + at) != (f.proto == 17 ? 0xffff : 0);
		is(bad, 0, "IPv%d, protocol %d: a sum of 0", f.v, f.proto);
	}
}

/* One packet comes back as it is, or with its checksum done. */
static void
test_none(void)
{
	struct esp_offload none = { 0 }, off;
	struct esp_split s;
	struct o_flow f;
	size_t k, n, len;
	uint8_t *seg;

	for (k = 0; k < NFLOWS; k++) {
		f = *flows[k];
		len = o_make(&f, pkt, 0, 777);
		memcpy(want, pkt, len);
		is(esp_split_begin(&s, &none, pkt, len), ESP_OK, "a packet");
		is(esp_split_count(&s), 1, "... is one");
		ok(esp_split_next(&s, &seg, &n) && seg == pkt && n == len,
		    "... as it is");
		ok(memcmp(pkt, want, len) == 0, "... in each octet");
		ok(!esp_split_next(&s, &seg, &n), "... once");
		o_super(&f, pkt, 777, 0, &off);
		off.gso = ESP_GSO_NONE;
		pkt[len] = 0xee;
		is(esp_split_begin(&s, &off, pkt, len + 1), ESP_OK,
		    "a checksum to do, and an octet behind");
		ok(esp_split_next(&s, &seg, &n) && seg == pkt && n == len + 1,
		    "... as it is");
		ok(memcmp(pkt, want, len) == 0 && pkt[len] == 0xee,
		    "... but for the checksum");
		ok(!esp_split_next(&s, &seg, &n), "... once");
	}
	f = udp4;
	f.port = zero_port(&f);
	len = o_super(&f, pkt, 1000, 0, &off);
	off.gso = ESP_GSO_NONE;
	is(esp_split_begin(&s, &off, pkt, len), ESP_OK, "a sum of 0");
	ok(esp_split_next(&s, &seg, &n) && o_get16(pkt + 26) == 0xffff,
	    "... is sent as 0xffff");
}

/* What differs from a super-packet of 3000 octets that is right. */
struct refusal {
	const char	*what;
	const struct o_flow *flow;
	enum esp_status	 status;
	size_t		 at;		/* this octet of the packet */
	int		 octet;		/* ... becomes this, unless -1 */
	int		 longer;	/* so many octets more than it says */
	int		 gso, size, start, offset;	/* unless -1 */
};

#define IN(what, flow, at, octet) \
	{ what, &(flow), ESP_BAD_INNER, at, octet, 0, -1, -1, -1, -1 }
#define AT(what, flow, at, octet) \
	{ what, &(flow), ESP_BAD_OFFLOAD, at, octet, 0, -1, -1, -1, -1 }
#define LEN(what, flow, n) \
	{ what, &(flow), ESP_BAD_INNER, 0, -1, n, -1, -1, -1, -1 }
#define OFF(what, flow, gso, size, start, offset)			\
	{ what, &(flow), ESP_BAD_OFFLOAD, 0, -1, 0,			\
	    gso, size, start, offset }

static const struct refusal refusals[] = {
	LEN("IPv4, an octet less", tcp4, -1),
	LEN("IPv4, an octet more", tcp4, 1),
	LEN("IPv6, an octet less", tcp6, -1),
	LEN("IPv6, an octet more", udp6, 1),
	LEN("nothing", tcp4, -3052),
	LEN("one octet", tcp4, -3051),
	LEN("half an IPv6 header", tcp6, -3052),
	IN("version 5", tcp4, 0, 0x55),
	IN("version 0", tcp4, 0, 0x05),
	IN("IPv4 header of 16 octets", tcp4, 0, 0x44),
	IN("IPv6 payload length contradicts", tcp6, 5, 0),
	IN("TCP header of 16 octets", tcp4, 32, 0x40),
	IN("IPv6, TCP header of 0 octets", tcp6, 52, 0x00),
	IN("UDP length contradicts", udp4, 25, 0),
	IN("IPv6, UDP length contradicts", udp6, 45, 0),
	AT("another protocol", tcp4, 9, 17),
	AT("IPv6, another protocol", tcp6, 6, 17),
	AT("ICMP", tcp4, 9, 1),
	AT("no next header", tcp6, 6, 59),
	AT("a fragment header", tcp6, 6, 44),
	AT("an authentication header", tcp6, 6, 51),
	AT("ESP", udp6, 6, 50),
	AT("more fragments", tcp4, 6, 0x20),
	AT("more fragments, UDP", udp4, 6, 0x20),
	AT("a fragment's offset, low", tcp4, 7, 1),
	AT("a fragment's offset, high", tcp4, 6, 0x10),
	OFF("no such gso", tcp4, 4, -1, -1, -1),
	OFF("no such gso, IPv6", tcp6, 4, -1, -1, -1),
	OFF("no such gso, 255", udp6, 255, -1, -1, -1),
	OFF("TCP4 in IPv6", tcp6, ESP_GSO_TCP4, -1, -1, -1),
	OFF("TCP6 in IPv4", tcp4, ESP_GSO_TCP6, -1, -1, -1),
	OFF("UDP is TCP", tcp4, ESP_GSO_UDP, -1, -1, -1),
	OFF("TCP is UDP", udp6, ESP_GSO_TCP6, -1, -1, -1),
	OFF("size 0", tcp4, -1, 0, -1, -1),
	OFF("size 0, UDP", udp6, -1, 0, -1, -1),
	OFF("checksum from elsewhere", tcp4, -1, -1, 22, -1),
	OFF("checksum from outside", tcp4, -1, -1, 65535, -1),
	OFF("checksum to elsewhere", tcp6, -1, -1, -1, 6),
	OFF("checksum to outside", udp4, -1, -1, -1, 65535),
	OFF("one packet, checksum to outside", udp4, 0, -1, -1, 3007),
	OFF("... far outside", udp4, 0, -1, -1, 65535),
	OFF("... from outside", udp4, 0, -1, 3028, 0),
	OFF("... from far outside", udp4, 0, -1, 65535, 65535),
	OFF("... of the IPv4 header", udp4, 0, -1, 19, 6),
	OFF("... of the IPv6 header", udp6, 0, -1, 39, 6)
};

static void
test_refusals(void)
{
	struct esp_split s;
	struct esp_offload off;
	const struct refusal *r;
	uint8_t *copy;
	size_t i, len;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		r = &refusals[i];
		len = o_super(r->flow, pkt, 3000, 1400, &off);
		if (r->octet != -1)
			pkt[r->at] = (uint8_t)r->octet;
		if (r->gso != -1)
			off.gso = (uint8_t)r->gso;
		if (r->size != -1)
			off.size = (uint16_t)r->size;
		if (r->start != -1)
			off.csum_start = (uint16_t)r->start;
		if (r->offset != -1)
			off.csum_offset = (uint16_t)r->offset;
		len = r->longer < 0 && (size_t)-r->longer > len ?
		    0 : len + (size_t)r->longer;
		if ((copy = malloc(len + 1)) == NULL)
			abort();
		memcpy(copy, pkt, len);
		is(esp_split_begin(&s, &off, copy, len), r->status, "%s",
		    r->what);
		ok(memcmp(copy, pkt, len) == 0, "... changes nothing");
		free(copy);
	}
}

/* The last offset that is inside, and what stands behind the packet. */
static void
test_edges(void)
{
	struct esp_offload off;
	struct esp_split s;
	size_t len = o_super(&udp4, pkt, 3000, 0, &off);

	off.gso = ESP_GSO_NONE;
	off.csum_offset = 3006;
	is(esp_split_begin(&s, &off, pkt, len), ESP_OK, "the last two octets");
	off.csum_offset = 3007;
	is(esp_split_begin(&s, &off, pkt, len + 1), ESP_BAD_OFFLOAD,
	    "not those behind the packet");
	off.csum_start = 20;
	off.csum_offset = 0;
	is(esp_split_begin(&s, &off, pkt, len), ESP_OK,
	    "the first two behind the header");
}

/* Whole IP packets whose headers end too early, in memory of their size. */
static void
test_short(void)
{
	struct o_flow f[5] = { tcp4, tcp6, udp4, udp6, udp6 };
	struct esp_offload off;
	struct esp_split s;
	size_t i, len, first, bad = 0;
	uint8_t *copy;

	f[4].ext = chain;
	f[4].extlen = sizeof(chain);
	for (i = 0; i < 5; i++) {
		o_super(&f[i], pkt, 100, 10, &off);
		first = f[i].v == 4 ? 20 : 40;
		for (len = first; len < o_hlen(&f[i]); len++) {
			if ((copy = malloc(len)) == NULL)
				abort();
			memcpy(copy, pkt, len);
			o_put16(copy + (f[i].v == 4 ? 2 : 4),
			    f[i].v == 4 ? len : len - 40);
			bad += esp_split_begin(&s, &off, copy, len) !=
			    ESP_BAD_INNER;
			free(copy);
		}
	}
	is(bad, 0, "headers that are cut off");
}

static void
test_long_headers(void)
{
	static uint8_t dest[2048] = { 17, 26, 1, 4 };
	struct o_flow f = udp6;
	struct esp_offload off;
	struct esp_split s;
	size_t len;

	f.ext = dest;
	f.extlen = 216;
	f.next = 60;
	len = o_super(&f, pkt, 3000, 1400, &off);
	is(esp_split_begin(&s, &off, pkt, len), ESP_BAD_OFFLOAD,
	    "headers of 264 octets");
	dest[1] = 255;
	f.extlen = 2048;
	len = o_super(&f, pkt, 3000, 1400, &off);
	is(esp_split_begin(&s, &off, pkt, len), ESP_BAD_OFFLOAD,
	    "headers of 2096 octets");
}

static void
test_random(void)
{
	static const uint8_t flags[] = { 0, O_PSH, O_FIN, O_CWR };
	size_t i, n, bad = 0;
	struct o_flow f;
	uint32_t r = 3;
	uint16_t size;

	for (i = 0; i < 3000; i++) {
		f = *flows[o_random(&r, NFLOWS)];
		f.port = (uint16_t)o_random(&r, 65536);
		f.id = (uint16_t)o_random(&r, 65536);
		f.seq = o_random(&r, UINT32_MAX);
		f.flags = O_ACK | flags[o_random(&r, 4)];
		f.optlen = 4 * o_random(&r, 11);
		n = o_random(&r, 8000);
		size = (uint16_t)(1 + o_random(&r, 2000));
		bad += cut_flow(&f, n, size, (int)o_random(&r, 2));
	}
	is(bad, 0, "3000 super-packets of any kind");
}

int
main(void)
{
	test_octets();
	test_sizes();
	test_flags();
	test_extensions();
	test_routing();
	test_no_csum();
	test_zero();
	test_none();
	test_refusals();
	test_edges();
	test_short();
	test_long_headers();
	test_random();
	return tap_done();
}
