/* SPDX-License-Identifier: ISC */
/*
 * For the tests of super-packets: packets of a flow, octet by octet, and the
 * checksum in its plainest form.  Says what split.c and merge.c must give
 * without knowing how they do it: a segment is a packet made anew.
 */
#ifndef OFFLOAD_HELP_H
#define OFFLOAD_HELP_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libesp/offload.h"

#define O_FIN	0x01
#define O_SYN	0x02
#define O_RST	0x04
#define O_PSH	0x08
#define O_ACK	0x10
#define O_URG	0x20
#define O_ECE	0x40
#define O_CWR	0x80
#define O_DF	0x4000
#define O_MAX	70000		/* room that any packet here fits */

/* What a packet is made of. */
struct o_flow {
	int		 v;		/* 4 or 6 */
	uint8_t		 proto;		/* 6 or 17 */
	uint8_t		 host;		/* in both addresses */
	uint8_t		 tos;
	uint8_t		 ttl;
	uint16_t	 port;
	uint16_t	 id;		/* IPv4 */
	uint16_t	 frag;		/* IPv4: DF and the like */
	uint32_t	 label;		/* IPv6 */
	uint32_t	 seq, ack;
	uint16_t	 win;
	uint8_t		 flags;
	size_t		 optlen;	/* TCP options */
	const uint8_t	*ext;		/* IPv4 options, or IPv6 extension
					 * headers, whose first is next */
	size_t		 extlen;
	uint8_t		 next;
};

static inline void
o_put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline unsigned int
o_get16(const uint8_t *p)
{
	return p[0] * 256U + p[1];
}

static inline void
o_put32(uint8_t *p, uint32_t v)
{
	o_put16(p, v >> 16);
	o_put16(p + 2, v & 0xffff);
}

/* RFC 1071, one octet after the other; not complemented. */
static inline uint32_t
o_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	size_t i;

	for (i = 0; i < len; i++) {
		sum += i % 2 == 0 ? p[i] * 256U : p[i];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return sum;
}

static inline uint32_t
o_pseudo(const uint8_t *ip, uint8_t proto, size_t len)
{
	uint8_t ph[40] = { 0 };

	if (ip[0] >> 4 == 4) {
		memcpy(ph, ip + 12, 8);
		ph[9] = proto;
		o_put16(ph + 10, len);
		return o_sum(ph, 12, 0);
	}
	memcpy(ph, ip + 8, 32);
	o_put32(ph + 32, (uint32_t)len);
	ph[39] = proto;
	return o_sum(ph, 40, 0);
}

static inline size_t
o_l4(const struct o_flow *f)
{
	return (f->v == 4 ? 20 : 40) + f->extlen;
}

static inline size_t
o_hlen(const struct o_flow *f)
{
	return o_l4(f) + (f->proto == 6 ? 20 + f->optlen : 8);
}

static inline size_t
o_field(uint8_t proto)
{
	return proto == 6 ? 16 : 6;
}

/* All checksums of a packet anew. */
static inline void
o_fix(uint8_t *p, size_t len, size_t l4, uint8_t proto)
{
	uint8_t *field = p + l4 + o_field(proto);
	uint32_t sum;

	if (p[0] >> 4 == 4) {
		o_put16(p + 10, 0);
		o_put16(p + 10, 0xffff - o_sum(p, (p[0] & 15U) * 4, 0));
	}
	o_put16(field, 0);
	sum = 0xffff - o_sum(p + l4, len - l4, o_pseudo(p, proto, len - l4));
	o_put16(field, sum == 0 && proto == 17 ? 0xffff : sum);
}

/* 1 if all checksums are right. */
static inline int
o_right(const uint8_t *p, size_t len, size_t l4, uint8_t proto)
{
	if (p[0] >> 4 == 4 && o_sum(p, (p[0] & 15U) * 4, 0) != 0xffff)
		return 0;
	if (proto == 17 && o_get16(p + l4 + 6) == 0)
		return 0;
	return o_sum(p + l4, len - l4, o_pseudo(p, proto, len - l4)) == 0xffff;
}

static inline void
o_make_ip(const struct o_flow *f, uint8_t *p, size_t len)
{
	memset(p, 0, o_hlen(f));
	if (f->v == 4) {
		p[0] = (uint8_t)(0x45 + f->extlen / 4);
		p[1] = f->tos;
		o_put16(p + 2, len);
		o_put16(p + 4, f->id);
		o_put16(p + 6, f->frag);
		p[8] = f->ttl;
		p[9] = f->proto;
		memcpy(p + 12, "\300\0\2", 3);
		memcpy(p + 16, "\306\63\144", 3);
		p[15] = p[19] = f->host;
		if (f->extlen > 0)
			memcpy(p + 20, f->ext, f->extlen);
		return;
	}
	o_put32(p, 6U << 28 | (uint32_t)f->tos << 20 | f->label);
	o_put16(p + 4, len - 40);
	p[6] = f->extlen > 0 ? f->next : f->proto;
	p[7] = f->ttl;
	memcpy(p + 8, "\40\1\15\270\0\1", 6);
	memcpy(p + 24, "\40\1\15\270\0\2", 6);
	p[23] = p[39] = f->host;
	if (f->extlen > 0)
		memcpy(p + 40, f->ext, f->extlen);
}

/*
 * The packet of a flow with n octets of payload, which are those of the stream
 * from here on; its length.
 */
static inline size_t
o_make(const struct o_flow *f, uint8_t *p, size_t from, size_t n)
{
	size_t l4 = o_l4(f), hlen = o_hlen(f), i;
	uint8_t *t = p + l4;

	o_make_ip(f, p, hlen + n);
	o_put16(t, f->port);
	o_put16(t + 2, 80);
	if (f->proto == 6) {
		o_put32(t + 4, f->seq);
		o_put32(t + 8, f->ack);
		t[12] = (uint8_t)((20 + f->optlen) / 4 << 4);
		t[13] = f->flags;
		o_put16(t + 14, f->win);
		memset(t + 20, 1, f->optlen);		/* no-operation */
		if (f->optlen >= 12) {			/* timestamps */
			memcpy(t + 22, "\10\12\1\2\3\4\5\6\7\10", 10);
		}
	} else
		o_put16(t + 4, 8 + n);
	for (i = 0; i < n; i++)
		p[hlen + i] = (uint8_t)((from + i) * 31 + (from + i) / 256);
	o_fix(p, hlen + n, l4, f->proto);
	return hlen + n;
}

/* A super-packet of size octets each, as a device hands it over. */
static inline size_t
o_super(const struct o_flow *f, uint8_t *p, size_t n, uint16_t size,
    struct esp_offload *off)
{
	size_t len = o_make(f, p, 0, n), l4 = o_l4(f);

	memset(off, 0, sizeof(*off));
	off->gso = f->proto == 17 ? ESP_GSO_UDP :
	    f->v == 4 ? ESP_GSO_TCP4 :
			ESP_GSO_TCP6;
	off->size = size;
	off->csum = 1;
	off->csum_start = (uint16_t)l4;
	off->csum_offset = (uint16_t)o_field(f->proto);
	o_put16(p + l4 + off->csum_offset, o_pseudo(p, f->proto, len - l4));
	return len;
}

static inline size_t
o_count(size_t n, size_t size)
{
	return n == 0 ? 1 : (n + size - 1) / size;
}

/* What the i'th packet of that super-packet must be; its length. */
static inline size_t
o_segment(const struct o_flow *f, uint8_t *p, size_t n, size_t size, size_t i,
    int ecn)
{
	struct o_flow g = *f;
	size_t at = i * size, left = n - at;

	g.id += (uint16_t)i;
	g.seq += (uint32_t)at;
	if (i + 1 < o_count(n, size))
		g.flags &= 0xff ^ (O_FIN | O_PSH);
	if (i > 0 && ecn)
		g.flags &= 0xff ^ O_CWR;
	return o_make(&g, p, at, left < size ? left : size);
}

/* Numbers that look like chance and are the same each time. */
static inline uint32_t
o_random(uint32_t *state, uint32_t below)
{
	*state = *state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)*state * below >> 32);
}

#endif /* OFFLOAD_HELP_H */
