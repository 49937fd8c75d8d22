/* SPDX-License-Identifier: ISC */
/*
 * One super-packet into the packets it stands for, in reading order from the
 * bottom: the next one, the beginning, what the offload says against what the
 * packet says.  Called by the outbound packet path for what a tun device hands
 * over, before it seals.
 *
 * A segment is made where its payload lies: its headers are written in front
 * of it, over the end of the one before.  Sums of what is the same in all
 * segments are made once.
 */
#include <string.h>

#include "libesp/internal.h"
#include "libesp/offload.h"

#define IPV4_FRAGMENT	0x3fffU	/* more fragments, and the offset */

/* The transport protocol that the kind of super-packet calls for. */
static uint8_t
gso_proto(unsigned int gso)
{
	return gso == ESP_GSO_UDP ? ESP_NEXT_UDP : ESP_NEXT_TCP;
}

/* ... and the version of IP, or 0 for any. */
static unsigned int
gso_version(unsigned int gso)
{
	if (gso == ESP_GSO_UDP)
		return 0;
	return gso == ESP_GSO_TCP4 ? 4 : 6;
}

/* Octets of the IP header without extension headers; the packet is whole. */
static size_t
ip_len(const uint8_t *p)
{
	return p[0] >> 4 == 4 ? (p[0] & 0x0fU) * 4 : ESP_IPV6_LEN;
}

static enum esp_status
find_ipv4(struct esp_split *s, uint8_t proto)
{
	if (s->pkt[9] != proto || esp_load16(s->pkt + 6) & IPV4_FRAGMENT)
		return ESP_BAD_OFFLOAD;
	s->l4 = ip_len(s->pkt);
	return ESP_OK;
}

/*
 * Walk the extension headers that may stand in each segment.  With segments
 * left in a routing header the pseudo header has another address than the
 * packet (RFC 8200 8.1): then only the device can have made its sum.
 */
static enum esp_status
find_ipv6(struct esp_split *s, uint8_t proto)
{
	const uint8_t *p = s->pkt;
	uint8_t next = p[6];
	size_t at = ESP_IPV6_LEN;

	while (next != proto) {
		if (next != ESP_NEXT_HOP && next != ESP_NEXT_ROUTE &&
		    next != ESP_NEXT_DEST)
			return ESP_BAD_OFFLOAD;
		if (s->len - at < 8)
			return ESP_BAD_INNER;
		if (next == ESP_NEXT_ROUTE && p[at + 3] != 0 && !s->off.csum)
			return ESP_BAD_OFFLOAD;
		next = p[at];
		if (s->len - at < (p[at + 1] + 1U) * 8)
			return ESP_BAD_INNER;
		at += (p[at + 1] + 1U) * 8;
	}
	s->l4 = at;
	return ESP_OK;
}

/* Where the headers end. */
static enum esp_status
find_payload(struct esp_split *s, uint8_t proto)
{
	const uint8_t *p = s->pkt + s->l4;
	size_t left = s->len - s->l4, n = ESP_UDP_LEN;

	if (proto == ESP_NEXT_TCP) {
		if (left < ESP_TCP_LEN)
			return ESP_BAD_INNER;
		n = (size_t)(p[12] >> 4) * 4;
		if (n < ESP_TCP_LEN || n > left)
			return ESP_BAD_INNER;
	} else if (left < ESP_UDP_LEN || esp_load16(p + 4) != left)
		return ESP_BAD_INNER;
	s->hlen = s->l4 + n;
	return s->hlen > ESP_SPLIT_HEAD ? ESP_BAD_OFFLOAD : ESP_OK;
}

/* All of the super-packet's headers against its offload. */
static enum esp_status
find_headers(struct esp_split *s)
{
	uint8_t proto = gso_proto(s->off.gso);
	unsigned int version = s->pkt[0] >> 4, want = gso_version(s->off.gso);
	enum esp_status status;

	if (s->off.gso > ESP_GSO_UDP || s->off.size == 0 ||
	    (want != 0 && want != version))
		return ESP_BAD_OFFLOAD;
	status = version == 4 ? find_ipv4(s, proto) : find_ipv6(s, proto);
	if (status == ESP_OK)
		status = find_payload(s, proto);
	if (status != ESP_OK || !s->off.csum)
		return status;
	if (s->off.csum_start != s->l4 || s->off.csum_offset !=
	    (proto == ESP_NEXT_TCP ? ESP_TCP_SUM : ESP_UDP_SUM))
		return ESP_BAD_OFFLOAD;
	return ESP_OK;
}

/*
 * The sum of the pseudo header but for its length.  The device's own, less the
 * whole one's length, holds with a routing header too.
 */
static uint64_t
pseudo_sum(const struct esp_split *s, uint8_t proto)
{
	if (!s->off.csum)
		return esp_sum_pseudo(s->pkt, proto, 0, 0);
	return esp_load16(s->pkt + s->l4 + s->off.csum_offset) +
	    (0xffffU - (s->len - s->l4));
}

/* Take out of the headers what differs, and sum up what is left. */
static void
take_headers(struct esp_split *s)
{
	uint8_t proto = gso_proto(s->off.gso), *p = s->head + s->l4;

	memcpy(s->head, s->pkt, s->hlen);
	s->sum = pseudo_sum(s, proto);
	if (s->head[0] >> 4 == 4) {
		s->id = esp_load16(s->head + 4);
		memset(s->head + 2, 0, 4);	/* length, identification */
		memset(s->head + 10, 0, 2);	/* checksum */
		s->ipsum = esp_sum(s->head, s->l4, 0);
	}
	if (proto == ESP_NEXT_TCP) {
		s->seq = esp_load32(p + 4);
		s->flags = p[ESP_TCP_FLAGS];
		memset(p + 4, 0, 4);
		p[ESP_TCP_FLAGS] = 0;
		memset(p + ESP_TCP_SUM, 0, 2);
	} else
		memset(p + 4, 0, 4);		/* length, checksum */
	s->sum = esp_sum(p, s->hlen - s->l4, s->sum);
}

/* The checksum that is left to do may be anywhere behind the IP header. */
static enum esp_status
check_csum(const struct esp_split *s, size_t innerlen)
{
	if (s->off.csum_start < ip_len(s->pkt) ||
	    (size_t)s->off.csum_start + s->off.csum_offset + 2 > innerlen)
		return ESP_BAD_OFFLOAD;
	return ESP_OK;
}

enum esp_status
esp_split_begin(struct esp_split *s, const struct esp_offload *offload,
    uint8_t *pkt, size_t len)
{
	enum esp_status status;
	size_t innerlen;

	s->pkt = pkt;
	s->len = len;
	s->off = *offload;
	s->n = 0;
	s->count = 1;
	if (esp_inner_check(pkt, len, esp_inner_next(pkt, len), &innerlen) !=
	    ESP_OK)
		return ESP_BAD_INNER;
	if (s->off.gso == ESP_GSO_NONE) {
		s->at = innerlen;
		return s->off.csum ? check_csum(s, innerlen) : ESP_OK;
	}
	if (innerlen != len)
		return ESP_BAD_INNER;
	status = find_headers(s);
	if (status != ESP_OK)
		return status;
	take_headers(s);
	s->at = s->hlen;
	if (len - s->hlen > s->off.size)
		s->count = (len - s->hlen + s->off.size - 1) / s->off.size;
	return ESP_OK;
}

/* The pseudo header's sum stands in the field, and is added with the rest. */
static void
complete_csum(struct esp_split *s)
{
	uint8_t *p = s->pkt + s->off.csum_start;
	uint16_t sum = esp_sum_fold(esp_sum(p, s->at - s->off.csum_start, 0));

	/* what a 0 means depends on the protocol; this is the same number */
	esp_store16(p + s->off.csum_offset, sum == 0 ? 0xffff : sum);
}

static void
put_ip(const struct esp_split *s, uint8_t *p, size_t seglen)
{
	uint16_t id = s->id + s->n;

	if (p[0] >> 4 == 6) {
		esp_store16(p + 4, seglen - ESP_IPV6_LEN);
		return;
	}
	esp_store16(p + 2, seglen);
	esp_store16(p + 4, id);
	esp_store16(p + 10, esp_sum_fold(s->ipsum + seglen + id));
}

static void
put_tcp(const struct esp_split *s, uint8_t *p, size_t len)
{
	uint32_t seq = s->seq + (uint32_t)(s->at - s->hlen);
	uint8_t flags = s->flags;
	uint64_t sum;

	if (s->n + 1 < s->count)
		flags &= ~(ESP_TCP_FIN | ESP_TCP_PSH);
	if (s->n > 0 && s->off.ecn)
		flags &= ~ESP_TCP_CWR;
	esp_store32(p + 4, seq);
	p[ESP_TCP_FLAGS] = flags;
	sum = s->sum + (seq >> 16) + (seq & 0xffff) + flags + len;
	sum = esp_sum(p + (s->hlen - s->l4), len - (s->hlen - s->l4), sum);
	esp_store16(p + ESP_TCP_SUM, esp_sum_fold(sum));
}

/* The length stands in the header and in the pseudo header. */
static void
put_udp(const struct esp_split *s, uint8_t *p, size_t len)
{
	uint16_t sum;

	sum = esp_sum_fold(esp_sum(p + ESP_UDP_LEN, len - ESP_UDP_LEN,
	    s->sum + 2 * len));
	esp_store16(p + 4, len);
	esp_store16(p + ESP_UDP_SUM, sum == 0 ? 0xffff : sum);
}

int
esp_split_next(struct esp_split *s, uint8_t **seg, size_t *seglen)
{
	size_t n = s->len - s->at;

	if (s->n == s->count)
		return 0;
	if (s->off.gso == ESP_GSO_NONE) {
		if (s->off.csum)
			complete_csum(s);
		*seg = s->pkt;
		*seglen = s->len;
		s->n++;
		return 1;
	}
	if (n > s->off.size)
		n = s->off.size;
	*seg = s->pkt + s->at - s->hlen;
	*seglen = s->hlen + n;
	memcpy(*seg, s->head, s->hlen);
	put_ip(s, *seg, *seglen);
	if (gso_proto(s->off.gso) == ESP_NEXT_TCP)
		put_tcp(s, *seg + s->l4, *seglen - s->l4);
	else
		put_udp(s, *seg + s->l4, *seglen - s->l4);
	s->at += n;
	s->n++;
	return 1;
}

size_t
esp_split_count(const struct esp_split *s)
{
	return s->count;
}
