/* SPDX-License-Identifier: ISC */
/*
 * libFuzzer for super-packets.  The first octet's lowest bit says which:
 *
 * 0: one packet is cut.  The rest of the octet: 2 lengths in the headers are
 * made right, 4 the place of the checksum, 8 the sum of the pseudo header, 16
 * more payload.  Then gso, ecn and csum (1, 2), size, csum_start, csum_offset
 * (two octets each), and the packet.
 *
 * 1: packets are joined.  2 and 4 are the kinds.  Then for each packet one
 * octet (3 the flow, 4 another port and key, 8 as it comes, 16 wrong sums, 32
 * PSH, 64 the flow stands still, 128 octets that are turned over), one of
 * length, perhaps a number of changes (where, which bits), or its octets.
 *
 * Every packet is in memory of its size, so that a sanitizer sees its edges;
 * and what offload.h promises is asked for.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/offload_help.h"

#define MUST(what)	do {						\
	if (!(what)) {							\
		fprintf(stderr, "line %d: %s\n", __LINE__, #what);	\
		abort();						\
	}								\
} while (0)

#define NPKTS	200

struct fuzz {
	const uint8_t	*p;
	size_t		 left;
};

struct packet {
	uint8_t		*p;		/* given to merge */
	uint8_t		*orig;
	size_t		 len;
	size_t		 l4;		/* 0 if not known */
	uint8_t		 proto;
	void		*key;
	size_t		 place;		/* in what came out */
};

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct o_flow flows[4] = {
	{
		.v = 4, .proto = 6, .host = 1, .ttl = 64, .port = 4000,
		.id = 0xfffe, .frag = O_DF, .seq = 0xfffffe00, .win = 501,
		.flags = O_ACK, .optlen = 12
	}, {
		.v = 6, .proto = 6, .host = 1, .ttl = 64, .port = 4000,
		.seq = 0xfffffe00, .win = 501, .flags = O_ACK
	},
	{ .v = 4, .proto = 17, .host = 1, .ttl = 64, .port = 4000 },
	{ .v = 6, .proto = 17, .host = 1, .ttl = 64, .port = 4000 }
};

static unsigned int
octet(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->p++;
}

static unsigned int
two(struct fuzz *f)
{
	unsigned int high = octet(f);

	return high << 8 | octet(f);
}

/* Memory of n octets that may be 0. */
static uint8_t *
memory(size_t n)
{
	uint8_t *p = malloc(n == 0 ? 1 : n);

	MUST(p != NULL);
	return p;
}

/*
 * The transport header of a packet that is no fragment, or 0; its protocol.
 * Reads no further than len.
 */
static size_t
find_l4(const uint8_t *p, size_t len, uint8_t *proto)
{
	size_t at;

	if (len >= 20 && p[0] >> 4 == 4) {
		*proto = p[9];
		at = (p[0] & 15U) * 4;
		if (o_get16(p + 6) & 0x3fff || at < 20)
			return 0;
	} else if (len >= 40 && p[0] >> 4 == 6) {
		*proto = p[6];
		for (at = 40; *proto == 0 || *proto == 43 || *proto == 60;) {
			if (at + 8 > len)
				return 0;
			*proto = p[at];
			at += 8 + p[at + 1] * 8U;
		}
	} else
		return 0;
	if (*proto == 6 && at + 20 <= len)
		return at;
	return *proto == 17 && at + 8 <= len ? at : 0;
}

/* --- one packet is cut --- */

static void
repair(unsigned int how, uint8_t *p, size_t len, struct esp_offload *off)
{
	uint8_t proto;
	size_t l4;

	if (how & 2 && len >= 20 && p[0] >> 4 == 4)
		o_put16(p + 2, len);
	if (how & 2 && len >= 40 && p[0] >> 4 == 6)
		o_put16(p + 4, len - 40);
	if ((l4 = find_l4(p, len, &proto)) == 0)
		return;
	if (how & 2 && proto == 17)
		o_put16(p + l4 + 4, len - l4);
	if (how & 4) {
		off->csum_start = (uint16_t)l4;
		off->csum_offset = (uint16_t)o_field(proto);
	}
	if (how & 8)
		o_put16(p + l4 + o_field(proto), o_pseudo(p, proto, len - l4));
}

/* Each segment of what must be a super-packet that is whole. */
static void
check_segment(const uint8_t *seg, size_t n, size_t l4, uint8_t proto,
    int summed)
{
	if (seg[0] >> 4 == 4)
		MUST(o_get16(seg + 2) == n);
	else
		MUST(o_get16(seg + 4) == n - 40);
	if (proto == 17)
		MUST(o_get16(seg + l4 + 4) == n - l4);
	if (summed)
		MUST(o_right(seg, n, l4, proto));
}

static void
cut(const struct esp_offload *off, uint8_t *p, size_t len, int summed)
{
	uint8_t *orig = memory(len), *seg, proto = 0;
	size_t n, at, count = 0, l4, hlen = 0;
	struct esp_split s;
	enum esp_status status;

	memcpy(orig, p, len);
	memset(&s, 0xa5, sizeof(s));
	status = esp_split_begin(&s, off, p, len);
	MUST(memcmp(orig, p, len) == 0);
	l4 = find_l4(p, len, &proto);
	if (status != ESP_OK) {
		MUST(status == ESP_BAD_INNER || status == ESP_BAD_OFFLOAD);
		free(orig);
		return;
	}
	if (off->gso != ESP_GSO_NONE) {
		MUST(l4 != 0 && off->size != 0);
		hlen = l4 + (proto == 6 ? (size_t)(p[l4 + 12] >> 4) * 4 : 8);
		MUST(hlen <= len && hlen <= ESP_SPLIT_HEAD);
	}
	for (at = hlen; esp_split_next(&s, &seg, &n); count++) {
		MUST(seg >= p && n <= len && (size_t)(seg - p) <= len - n);
		if (off->gso == ESP_GSO_NONE) {
			MUST(seg == p && n == len);
			continue;
		}
		MUST(n >= hlen && n - hlen <= off->size);
		MUST((size_t)(seg - p) + hlen == at);
		check_segment(seg, n, l4, proto, summed);
		MUST(memcmp(seg + hlen, orig + at, n - hlen) == 0);
		at += n - hlen;
	}
	MUST(count >= 1 && count == esp_split_count(&s));
	MUST(off->gso == ESP_GSO_NONE || at == len);
	free(orig);
}

static void
fuzz_split(struct fuzz *f, unsigned int how)
{
	struct esp_offload off = { 0 };
	unsigned int flags;
	size_t len, more;
	uint8_t *p;

	off.gso = (uint8_t)octet(f);
	flags = octet(f);
	off.ecn = flags & 1;
	off.csum = flags >> 1 & 1;
	off.size = (uint16_t)two(f);
	off.csum_start = (uint16_t)two(f);
	off.csum_offset = (uint16_t)two(f);
	more = how & 16 ? (size_t)(flags >> 2) * 64 : 0;
	if (off.size < 8)		/* or it takes too long */
		more = 0;
	len = f->left + more;
	p = memory(len);
	memcpy(p, f->p, f->left);
	memset(p + f->left, (int)flags, more);
	repair(how, p, len, &off);
	cut(&off, p, len, !off.csum || how & 8);
	free(p);
}

/* --- packets are joined --- */

static uint8_t *
make_packet(struct fuzz *f, struct o_flow *flow, unsigned int how,
    size_t *len)
{
	static uint8_t buf[O_MAX];
	struct o_flow g = *flow;
	size_t n = octet(f), changes, at;
	uint8_t *p;

	if (how & 8) {
		*len = n < f->left ? n : f->left;
		p = memory(*len);
		memcpy(p, f->p, *len);
		f->p += *len;
		f->left -= *len;
		return p;
	}
	if (n > 200)			/* long ones, to fill a group */
		n = (n - 200) * 500;
	if (how & 32 && g.proto == 6)
		g.flags |= O_PSH;
	*len = o_make(&g, buf, 0, n);
	if (!(how & 64)) {
		flow->id++;
		flow->seq += (uint32_t)n;
	}
	for (changes = how & 128 ? octet(f) & 7 : 0; changes > 0; changes--) {
		at = octet(f) % *len;
		buf[at] ^= (uint8_t)octet(f);
	}
	/* sums also for what the changes have made of it */
	if (!(how & 16))
		o_fix(buf, *len, o_l4(&g), g.proto);
	p = memory(*len);
	memcpy(p, buf, *len);
	return p;
}

static struct packet *
packet_at(struct packet *pkts, size_t n, const uint8_t *p)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p >= pkts[i].p && p < pkts[i].p + pkts[i].len)
			return &pkts[i];
	return NULL;
}

/*
 * A segment against the packet that it was: all octets but one of two forms of
 * the same checksum, and the identification, which DF makes meaningless.
 */
static void
check_again(const struct packet *k, const uint8_t *seg, size_t n)
{
	uint8_t *p = memory(k->len);

	MUST(n == k->len && k->l4 != 0);
	MUST(o_right(k->orig, k->len, k->l4, k->proto));
	memcpy(p, k->orig, n);
	if (p[0] >> 4 == 4 && p[6] & 0x40)
		memcpy(p + 4, seg + 4, 2);
	o_fix(p, n, k->l4, k->proto);
	MUST(memcmp(p, seg, n) == 0);
	free(p);
}

static void
check_group(const struct esp_group *g, struct packet *pkts, size_t n,
    size_t *place)
{
	static const struct esp_offload none;
	struct packet *k = NULL, *was;
	struct esp_split s;
	uint8_t *whole = memory(g->len), *seg;
	size_t i, len = 0, octets = 0, seglen;

	MUST(g->npieces >= 1 && g->npieces <= ESP_MERGE_PIECES);
	MUST(g->npieces == 1 || g->len <= 65535);
	for (i = 0; i < g->npieces; i++) {
		was = k;
		if (g->piece[i].iov_len > 0) {
			k = packet_at(pkts, n, g->piece[i].iov_base);
			MUST(k != NULL && k->place == 0 && k->key == g->key);
			MUST(was == NULL || k > was);
			k->place = ++*place;
			octets += k->len;
		}
		MUST(len + g->piece[i].iov_len <= g->len);
		memcpy(whole + len, g->piece[i].iov_base, g->piece[i].iov_len);
		len += g->piece[i].iov_len;
	}
	MUST(len == g->len && octets == g->octets);
	if (g->npieces == 1) {
		MUST(memcmp(&g->off, &none, sizeof(none)) == 0);
		MUST(k == NULL || memcmp(whole, k->orig, k->len) == 0);
		free(whole);
		return;
	}
	MUST(esp_split_begin(&s, &g->off, whole, g->len) == ESP_OK);
	MUST(esp_split_count(&s) == g->npieces);
	for (i = 0; esp_split_next(&s, &seg, &seglen); i++) {
		k = packet_at(pkts, n, g->piece[i].iov_base);
		check_again(k, seg, seglen);
	}
	free(whole);
}

/* 1 if it is certain that both are of one flow. */
static int
same_flow(const struct packet *a, const struct packet *b)
{
	size_t at = a->orig[0] >> 4 == 4 ? 12 : 8, n = at == 12 ? 8 : 32;

	return a->l4 != 0 && b->l4 != 0 && a->key == b->key &&
	    a->proto == b->proto && a->orig[0] >> 4 == b->orig[0] >> 4 &&
	    memcmp(a->orig + at, b->orig + at, n) == 0 &&
	    memcmp(a->orig + a->l4, b->orig + b->l4, 4) == 0;
}

static void
check_all(struct esp_merge *m, struct packet *pkts, size_t n)
{
	size_t i, k, place = 0, all;

	all = esp_merge_end(m);
	MUST(all <= ESP_MERGE_GROUPS);
	for (i = 0; i < all; i++)
		check_group(&m->group[i], pkts, n, &place);
	for (i = 0; i < n; i++) {
		MUST(pkts[i].place != 0 || pkts[i].len == 0);
		for (k = 0; k < i; k++)
			MUST(!same_flow(&pkts[k], &pkts[i]) ||
			    pkts[k].place < pkts[i].place);
	}
	for (i = 0; i < n; i++) {
		free(pkts[i].p);
		free(pkts[i].orig);
	}
}

static void
fuzz_merge(struct fuzz *f, unsigned int kinds)
{
	static struct esp_merge m;
	static struct packet pkts[NPKTS];
	static int keys[2];
	struct o_flow now[8];
	struct packet *k;
	unsigned int how;
	size_t n = 0, i;

	for (i = 0; i < 8; i++) {
		now[i] = flows[i & 3];
		now[i].port += (uint16_t)(i >> 2);
	}
	esp_merge_init(&m, kinds);
	while (f->left > 0) {
		how = octet(f);
		if (n == NPKTS) {
			check_all(&m, pkts, n);
			esp_merge_init(&m, kinds);
			n = 0;
		}
		k = &pkts[n++];
		memset(k, 0, sizeof(*k));
		k->p = make_packet(f, &now[how & 7], how, &k->len);
		k->orig = memory(k->len);
		memcpy(k->orig, k->p, k->len);
		k->l4 = find_l4(k->p, k->len, &k->proto);
		k->key = &keys[how >> 2 & 1];
		if (esp_merge_add(&m, k->key, k->p, k->len))
			continue;
		MUST(m.n == ESP_MERGE_GROUPS);
		check_all(&m, pkts, n - 1);
		esp_merge_init(&m, kinds);
		pkts[0] = *k;
		n = 1;
		MUST(esp_merge_add(&m, pkts->key, pkts->p, pkts->len) == 1);
	}
	check_all(&m, pkts, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { data, size };
	unsigned int how = octet(&f);

	if (how & 1)
		fuzz_merge(&f, how >> 1 & 3);
	else if (f.left <= 70000)
		fuzz_split(&f, how);
	return 0;
}
