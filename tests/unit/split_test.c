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

int
main(void)
{
	test_sizes();
	return tap_done();
}
