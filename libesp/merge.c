/* SPDX-License-Identifier: ISC */
/*
 * Packets of a flow into super-packets, in reading order from the bottom: add,
 * begin or join, which group, what the packet is; and at the end the headers.
 * Called by the inbound packet path for what it has opened, before it writes to
 * a tun device.
 *
 * The packets are authentic, but may be hostile: nothing in them is believed
 * before it is checked against their length.  What a group has besides its
 * packets is little, so that one that stays alone costs little; its checksums
 * are looked at only when a second one wants to join.
 */
#include <string.h>

#include "libesp/internal.h"
#include "libesp/offload.h"

#define IPV4_DF		0x4000U
#define TCP_MAXLEN	60U

/* What a packet is: proto 0 if it cannot be judged. */
struct judged {
	void		*key;
	uint8_t		*pkt;
	size_t		 len;
	size_t		 l4;
	size_t		 hlen;
	uint32_t	 hash;
	uint8_t		 proto;
	uint8_t		 psh;
	uint8_t		 joins;		/* may be one of several */
};

/* --- what the packet is --- */

static size_t
addrs_at(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? 12 : 8;
}

static size_t
addrs_len(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? 8 : 32;
}

/* IPv4 without options and fragments, IPv6 without extension headers. */
static void
judge_ip(struct judged *j)
{
	const uint8_t *p = j->pkt;

	if (j->len >= ESP_IPV4_LEN && p[0] == 0x45) {
		if (esp_load16(p + 2) != j->len ||
		    esp_load16(p + 6) & ~IPV4_DF)
			return;
		j->l4 = ESP_IPV4_LEN;
		j->proto = p[9];
	} else if (j->len >= ESP_IPV6_LEN && p[0] >> 4 == 6) {
		if (ESP_IPV6_LEN + esp_load16(p + 4) != j->len)
			return;
		j->l4 = ESP_IPV6_LEN;
		j->proto = p[6];
	}
}

/* Any flag but ACK and PSH, also the one of RFC 9768, stays alone. */
static void
judge_tcp(struct judged *j)
{
	const uint8_t *p = j->pkt + j->l4;
	size_t left = j->len - j->l4, n;

	if (left < ESP_TCP_LEN)
		return;
	n = (size_t)(p[12] >> 4) * 4;
	if (n < ESP_TCP_LEN || n > left)
		return;
	j->hlen = j->l4 + n;
	j->psh = p[ESP_TCP_FLAGS] & ESP_TCP_PSH;
	j->joins = n < left && (p[12] & 0x0f) == 0 &&
	    (p[ESP_TCP_FLAGS] & ~ESP_TCP_PSH) == ESP_TCP_ACK;
}

/* No checksum cannot be told from a super-packet's, so it stays none. */
static void
judge_udp(struct judged *j)
{
	const uint8_t *p = j->pkt + j->l4;
	size_t left = j->len - j->l4;

	if (left < ESP_UDP_LEN)
		return;
	j->hlen = j->l4 + ESP_UDP_LEN;
	j->joins = left > ESP_UDP_LEN && esp_load16(p + 4) == left &&
	    esp_load16(p + ESP_UDP_SUM) != 0;
}

/* 1 if packets of the protocol are merged. */
static int
is_merged(unsigned int kinds, uint8_t proto)
{
	return (proto == ESP_NEXT_TCP && kinds & ESP_MERGE_TCP) ||
	    (proto == ESP_NEXT_UDP && kinds & ESP_MERGE_UDP);
}

static void
judge(struct judged *j, unsigned int kinds)
{
	judge_ip(j);
	if (!is_merged(kinds, j->proto))
		j->proto = 0;
	else if (j->proto == ESP_NEXT_TCP)
		judge_tcp(j);
	else
		judge_udp(j);
	if (j->hlen == 0)
		j->proto = 0;
}

static uint64_t
mix(uint64_t h, const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	h = (h ^ word) * 0x9e3779b97f4a7c15U;
	return h ^ h >> 32;
}

/*
 * Spares comparisons, no more: who makes flows of one hash makes at most
 * ESP_MERGE_GROUPS of them.
 */
static uint32_t
hash_flow(const struct judged *j)
{
	const uint8_t *p = j->pkt + addrs_at(j->pkt);
	const uint8_t *end = p + addrs_len(j->pkt);
	uint32_t ports;
	uint64_t h;

	memcpy(&ports, j->pkt + j->l4, sizeof(ports));
	h = (uint64_t)(uintptr_t)j->key ^ ports ^ (uint64_t)j->proto << 32;
	for (; p < end; p += sizeof(uint64_t))
		h = mix(h, p);
	return (uint32_t)h;
}

/* --- which group --- */

static const uint8_t *
head_of(const struct esp_group *g)
{
	return g->piece[0].iov_base;
}

static int
same_hosts(const uint8_t *a, const uint8_t *b)
{
	return a[0] >> 4 == b[0] >> 4 &&
	    memcmp(a + addrs_at(a), b + addrs_at(a), addrs_len(a)) == 0;
}

/* The last group of the packet's flow, or NULL. */
static struct esp_group *
find_group(struct esp_merge *m, const struct judged *j)
{
	struct esp_group *g;
	unsigned int i;

	for (i = m->n; i-- > 0;) {
		if (m->hash[i] != j->hash)
			continue;
		g = &m->group[i];
		if (g->proto == j->proto && g->key == j->key &&
		    same_hosts(head_of(g), j->pkt) &&
		    memcmp(head_of(g) + g->l4, j->pkt + j->l4, 4) == 0)
			return g;
	}
	return NULL;
}

/*
 * 1 if a packet that could not be judged may be of a flow that is merged.  With
 * IPv6 the protocol may stand behind extension headers.
 */
static int
may_hide(unsigned int kinds, const uint8_t *p, size_t len)
{
	if (len >= ESP_IPV4_LEN && p[0] >> 4 == 4)
		return is_merged(kinds, p[9]);
	if (len < ESP_IPV6_LEN || p[0] >> 4 != 6 || p[6] == ESP_NEXT_ICMP6)
		return 0;
	if (p[6] == ESP_NEXT_TCP || p[6] == ESP_NEXT_UDP)
		return is_merged(kinds, p[6]);
	return 1;
}

/*
 * It may be of any flow between its hosts, as a fragment is: what comes after
 * it must not go before it.
 */
static void
close_between(struct esp_merge *m, const struct judged *j)
{
	struct esp_group *g;
	unsigned int i;

	if (!may_hide(m->kinds, j->pkt, j->len))
		return;
	for (i = 0; i < m->n; i++) {
		g = &m->group[i];
		if (g->open && g->key == j->key &&
		    same_hosts(head_of(g), j->pkt))
			g->open = 0;
	}
}

/* --- begin or join --- */

/*
 * An identification with DF means nothing (RFC 6864 4.1): some senders leave
 * it as it is.
 */
static int
same_ip(const struct esp_group *g, const uint8_t *p)
{
	const uint8_t *h = head_of(g);
	uint16_t id;

	if (p[0] >> 4 == 6)
		return memcmp(h, p, 4) == 0 && h[7] == p[7];
	id = esp_load16(p + 4);
	if (id != g->id && !(esp_load16(p + 6) & IPV4_DF &&
	    id == (uint16_t)(g->id - 1)))
		return 0;
	return h[1] == p[1] && h[8] == p[8] && memcmp(h + 6, p + 6, 2) == 0;
}

/* Next in sequence; acknowledgement, window, urgent pointer and options. */
static int
same_tcp(const struct esp_group *g, const struct judged *j)
{
	const uint8_t *h = head_of(g) + g->l4, *p = j->pkt + j->l4;

	return esp_load32(p + 4) == g->seq && memcmp(h + 8, p + 8, 4) == 0 &&
	    memcmp(h + 14, p + 14, 2) == 0 &&
	    memcmp(h + 18, p + 18, j->hlen - j->l4 - 18) == 0;
}

/* Of IPv4 header and transport. */
static int
sums_right(const uint8_t *p, size_t len, size_t l4, uint8_t proto)
{
	uint64_t sum = esp_sum_pseudo(p, proto, len - l4, 0);

	if (p[0] >> 4 == 4 && esp_sum_fold(esp_sum(p, l4, 0)) != 0)
		return 0;
	return esp_sum_fold(esp_sum(p + l4, len - l4, sum)) == 0;
}

/* Checksums last: they cost the most. */
static int
can_join(struct esp_group *g, struct judged *j)
{
	size_t n = j->len - j->hlen;

	if (!g->open || !j->joins || j->hlen != g->hlen || n > g->off.size ||
	    g->npieces == ESP_MERGE_PIECES || g->len + n > ESP_PACKET_MAX ||
	    !same_ip(g, j->pkt))
		return 0;
	if (j->proto == ESP_NEXT_TCP && !same_tcp(g, j))
		return 0;
	if (!g->verified) {
		if (!sums_right(head_of(g), g->len, g->l4, g->proto))
			return 0;
		g->verified = 1;
	}
	return sums_right(j->pkt, j->len, j->l4, j->proto);
}

/* The group's new last packet decides what may follow. */
static void
set_next(struct esp_group *g, const struct judged *j)
{
	size_t n = j->len - j->hlen;

	if (j->pkt[0] >> 4 == 4)
		g->id = esp_load16(j->pkt + 4) + 1;
	if (j->proto == ESP_NEXT_TCP)
		g->seq = esp_load32(j->pkt + j->l4 + 4) + (uint32_t)n;
	g->psh = j->psh;
	g->open = !j->psh && n == g->off.size;
}

static void
join(struct esp_group *g, const struct judged *j)
{
	struct iovec *v = &g->piece[g->npieces++];

	v->iov_base = j->pkt + j->hlen;
	v->iov_len = j->len - j->hlen;
	g->len += v->iov_len;
	g->octets += j->len;
	set_next(g, j);
}

/* hlen is at most that of IPv6 and the longest TCP header. */
_Static_assert(ESP_IPV6_LEN + TCP_MAXLEN <= UINT8_MAX, "head");

static void
begin(struct esp_group *g, const struct judged *j)
{
	g->key = j->key;
	memset(&g->off, 0, sizeof(g->off));
	g->piece[0].iov_base = j->pkt;
	g->piece[0].iov_len = j->len;
	g->npieces = 1;
	g->len = g->octets = j->len;
	g->open = 0;
	g->verified = 0;
	g->proto = j->proto;
	g->l4 = (uint8_t)j->l4;
	g->hlen = (uint8_t)j->hlen;
	if (j->joins) {
		g->off.size = (uint16_t)(j->len - j->hlen);
		set_next(g, j);
	}
}

void
esp_merge_init(struct esp_merge *m, unsigned int kinds)
{
	m->kinds = kinds;
	m->n = 0;
}

int
esp_merge_add(struct esp_merge *m, void *key, uint8_t *pkt, size_t len)
{
	struct judged j = { .key = key, .pkt = pkt, .len = len };
	struct esp_group *g;

	judge(&j, m->kinds);
	if (j.proto != 0) {
		j.hash = hash_flow(&j);
		g = find_group(m, &j);
		if (g != NULL && can_join(g, &j)) {
			join(g, &j);
			return 1;
		}
	} else
		close_between(m, &j);
	if (m->n == ESP_MERGE_GROUPS)
		return 0;
	m->hash[m->n] = j.hash;
	begin(&m->group[m->n++], &j);
	return 1;
}

/* --- the end --- */

static void
put_ip(uint8_t *p, size_t len)
{
	if (p[0] >> 4 == 6) {
		esp_store16(p + 4, len - ESP_IPV6_LEN);
		return;
	}
	esp_store16(p + 2, len);
	memset(p + 10, 0, 2);
	esp_store16(p + 10, esp_sum_fold(esp_sum(p, ESP_IPV4_LEN, 0)));
}

/* The checksum field gets the pseudo header's sum, not its complement. */
static void
put_transport(struct esp_group *g, uint8_t *ip)
{
	uint8_t *p = ip + g->l4;
	size_t len = g->len - g->l4;
	uint16_t sum = ~esp_sum_fold(esp_sum_pseudo(ip, g->proto, len, 0));

	g->off.csum = 1;
	g->off.csum_start = g->l4;
	if (g->proto == ESP_NEXT_TCP) {
		g->off.gso = ip[0] >> 4 == 4 ? ESP_GSO_TCP4 : ESP_GSO_TCP6;
		g->off.csum_offset = ESP_TCP_SUM;
		if (g->psh)
			p[ESP_TCP_FLAGS] |= ESP_TCP_PSH;
	} else {
		g->off.gso = ESP_GSO_UDP;
		g->off.csum_offset = ESP_UDP_SUM;
		esp_store16(p + 4, len);
	}
	esp_store16(p + g->off.csum_offset, sum);
}

unsigned int
esp_merge_end(struct esp_merge *m)
{
	struct esp_group *g;
	unsigned int i;

	for (i = 0; i < m->n; i++) {
		g = &m->group[i];
		if (g->npieces == 1) {
			g->off.size = 0;
			continue;
		}
		put_ip(g->piece[0].iov_base, g->len);
		put_transport(g, g->piece[0].iov_base);
	}
	return m->n;
}
