/* SPDX-License-Identifier: ISC */
/*
 * Inner packet to ESP packet (RFC 4303 3.3), in reading order from the bottom:
 * room and sizes, the number, header and trailer, the cipher.  The one place
 * that takes sequence numbers.  Called by the outbound packet path.
 *
 * With two buffers the cipher reads from one and writes to the other, so there
 * is no copy: trailer included, which stands behind the inner packet for that
 * time.  The buffer handed back changes only when all has gone well.
 */
#include <string.h>

#include "libesp/internal.h"

#define TRAILER_MAX	(ESP_ALIGN_MAX - 1 + ESP_TRAILER_LEN)

/* Padding, pad length and next header behind len octets of payload. */
static size_t
trailer_len(const struct esp_suite *s, size_t len)
{
	size_t over = (len + ESP_TRAILER_LEN) & (s->align - 1);

	return ESP_TRAILER_LEN + (over == 0 ? 0 : s->align - over);
}

size_t
esp_sealed_len(const struct esp_suite *s, size_t len)
{
	if (len > ESP_PACKET_MAX)
		return SIZE_MAX;
	return ESP_HDR_LEN + s->ivlen + len + trailer_len(s, len) + s->icvlen;
}

/* Padding is 1, 2, 3, ... (RFC 4303 2.4) */
static void
put_trailer(uint8_t *p, size_t len, uint8_t next)
{
	uint8_t i, pad = len - ESP_TRAILER_LEN;

	for (i = 1; i <= pad; i++)
		*p++ = i;
	*p++ = pad;
	*p = next;
}

/*
 * The next number, once: it counts as used before the cipher sees it.  The end
 * is asked for first, so that adding one cannot wrap.
 */
static enum esp_status
take_number(struct esp_sa *sa, uint64_t *seq)
{
	if (sa->seq >= sa->max)
		return ESP_SEQ_END;
	if (sa->seq >= sa->limit)
		return ESP_SEQ_HELD;
	*seq = ++sa->seq;
	return ESP_OK;
}

/*
 * payload may be its own place in the packet; all room has been checked.  What
 * stood behind it is put back, for it may be the next packet's.
 */
static enum esp_status
seal(struct esp_sa *sa, uint8_t *payload, size_t len, uint8_t next,
    uint8_t *pkt)
{
	const struct esp_suite *s = sa->suite;
	size_t tail = trailer_len(s, len);
	uint8_t *place = pkt + ESP_HDR_LEN + s->ivlen, saved[TRAILER_MAX];
	enum esp_status status;
	uint64_t seq;

	status = take_number(sa, &seq);
	if (status != ESP_OK)
		return status;
	esp_store32(pkt, sa->spi);
	esp_store32(pkt + 4, (uint32_t)seq);
	if (payload != place)
		memcpy(saved, payload + len, tail);
	put_trailer(payload + len, tail, next);
	status = sa->ops->seal(sa->state, seq, pkt, payload, len + tail);
	if (payload != place)
		memcpy(payload + len, saved, tail);
	return status;
}

/* *pkt becomes the place of the ESP packet around or beside the inner one. */
static int
find_room(const struct esp_suite *s, const struct esp_buf *in,
    const struct esp_buf *out, size_t total, struct esp_buf *pkt)
{
	size_t head = ESP_HDR_LEN + s->ivlen;
	struct esp_buf text;

	*pkt = *out;
	if (in == out) {
		if (esp_buf_push(pkt, head) == -1)
			return -1;
		return esp_buf_put(pkt, total - head - in->len);
	}
	pkt->len = 0;
	if (esp_buf_put(pkt, total) == -1)
		return -1;
	text = *in;
	if (esp_buf_put(&text, trailer_len(s, in->len)) == -1)
		return -1;
	return esp_buf_apart(&text, pkt) ? 0 : -1;
}

enum esp_status
esp_seal(struct esp_sa *sa, struct esp_buf *in, struct esp_buf *out)
{
	struct esp_buf pkt;
	enum esp_status status;
	size_t innerlen, total;
	uint8_t next;

	if (!esp_buf_sane(in) || !esp_buf_sane(out))
		return ESP_NO_ROOM;
	next = esp_inner_next(in->data, in->len);
	if (esp_inner_check(in->data, in->len, next, &innerlen) != ESP_OK)
		return ESP_BAD_INNER;
	total = esp_sealed_len(sa->suite, in->len);
	if (total > ESP_PACKET_MAX)
		return ESP_TOO_BIG;
	if (find_room(sa->suite, in, out, total, &pkt) == -1)
		return ESP_NO_ROOM;
	status = seal(sa, in->data, in->len, next, pkt.data);
	if (status == ESP_OK)
		*out = pkt;
	return status;
}

enum esp_status
esp_seal_dummy(struct esp_sa *sa, size_t len, struct esp_buf *out)
{
	struct esp_buf pkt = *out;
	enum esp_status status;
	uint8_t *payload;
	size_t total;

	if (!esp_buf_sane(out))
		return ESP_NO_ROOM;
	total = esp_sealed_len(sa->suite, len);
	if (total > ESP_PACKET_MAX)
		return ESP_TOO_BIG;
	pkt.len = 0;
	if (esp_buf_put(&pkt, total) == -1)
		return ESP_NO_ROOM;
	payload = pkt.data + ESP_HDR_LEN + sa->suite->ivlen;
	memset(payload, 0, len);
	status = seal(sa, payload, len, ESP_NEXT_NONE, pkt.data);
	if (status == ESP_OK)
		*out = pkt;
	return status;
}
