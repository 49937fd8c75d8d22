/* SPDX-License-Identifier: ISC */
/*
 * ESP packet to inner packet (RFC 4303 3.4), in reading order from the bottom:
 * lengths, SPI, number, replay check, cipher and ICV, replay mark, trailer,
 * inner packet.  Called by the inbound packet path.
 *
 * Up to the ICV nothing in the SA changes and nothing decrypted is looked at.
 * Unless all is well, what was decrypted is wiped.
 */
#include <string.h>

#include "libesp/internal.h"

/* Is it 1, 2, 3, ... to the last octet (RFC 4303 2.4)? */
static int
padding_ok(const uint8_t *pad, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (pad[i] != i + 1)
			return 0;
	return 1;
}

/*
 * Judge the authentic plaintext p[0 .. len), len >= ESP_TRAILER_LEN.  A dummy
 * need have nothing well-formed but its next header (RFC 4303 2.6), so that is
 * asked for first.
 */
static enum esp_status
check_plaintext(const uint8_t *p, size_t len, size_t *innerlen)
{
	size_t payload = len - ESP_TRAILER_LEN;
	uint8_t pad = p[len - 2], next = p[len - 1];

	if (next == ESP_NEXT_NONE)
		return ESP_DUMMY;
	if (pad > payload)
		return ESP_BAD_PADLEN;
	payload -= pad;
	if (!padding_ok(p + payload, pad))
		return ESP_BAD_PAD;
	return esp_inner_check(p, payload, next, innerlen);
}

/* Lengths and SPI; *body becomes the number of octets of ciphertext. */
static enum esp_status
check_frame(const struct esp_sa *sa, const struct esp_buf *in, size_t *body)
{
	const struct esp_suite *s = sa->suite;
	size_t around = ESP_HDR_LEN + s->ivlen + s->icvlen;

	if (in->len < around + ESP_TRAILER_LEN)
		return ESP_SHORT;
	if (sa->dir != ESP_IN || esp_load32(in->data) != sa->spi)
		return ESP_BAD_SPI;
	*body = in->len - around;
	if (in->len > ESP_PACKET_MAX || (*body & (s->align - 1)) != 0)
		return ESP_BAD_LENGTH;
	return ESP_OK;
}

/* The number the packet must have, if it may be accepted. */
static enum esp_status
check_number(const struct esp_sa *sa, const uint8_t *pkt, uint64_t *seq)
{
	enum esp_status status;

	status = esp_replay_infer(&sa->replay, esp_load32(pkt + 4), seq);
	if (status != ESP_OK)
		return status;
	return esp_replay_check(&sa->replay, *seq);
}

/* *text becomes the place of the plaintext: the ciphertext's own, or out's. */
static int
find_room(const struct esp_suite *s, const struct esp_buf *in,
    const struct esp_buf *out, size_t body, struct esp_buf *text)
{
	*text = *out;
	if (in == out) {
		if (esp_buf_pull(text, ESP_HDR_LEN + s->ivlen) == -1)
			return -1;
		return esp_buf_trim(text, body);
	}
	text->len = 0;
	if (esp_buf_put(text, body) == -1)
		return -1;
	return esp_buf_apart(in, text) ? 0 : -1;
}

/* Decrypt into text, which has the room, and trim it to the inner packet. */
static enum esp_status
decrypt(struct esp_sa *sa, uint64_t seq, const uint8_t *pkt,
    struct esp_buf *text)
{
	enum esp_status status;
	size_t innerlen;

	status = sa->ops->open(sa->state, seq, pkt, text->data, text->len);
	if (status == ESP_OK) {
		esp_replay_mark(&sa->replay, seq);
		status = check_plaintext(text->data, text->len, &innerlen);
	}
	if (status != ESP_OK) {
		explicit_bzero(text->data, text->len);
		return status;
	}
	return esp_buf_trim(text, innerlen) == 0 ? ESP_OK : ESP_INNER_LEN;
}

static enum esp_status
open_packet(struct esp_sa *sa, const struct esp_buf *in,
    const struct esp_buf *out, struct esp_buf *text)
{
	enum esp_status status;
	uint64_t seq;
	size_t body;

	if (!esp_buf_sane(in) || !esp_buf_sane(out))
		return ESP_NO_ROOM;
	status = check_frame(sa, in, &body);
	if (status != ESP_OK)
		return status;
	status = check_number(sa, in->data, &seq);
	if (status != ESP_OK)
		return status;
	if (find_room(sa->suite, in, out, body, text) == -1)
		return ESP_NO_ROOM;
	return decrypt(sa, seq, in->data, text);
}

enum esp_status
esp_open(struct esp_sa *sa, struct esp_buf *in, struct esp_buf *out)
{
	struct esp_buf text;
	enum esp_status status;

	status = open_packet(sa, in, out, &text);
	if (status == ESP_OK)
		*out = text;
	else
		out->len = 0;
	return status;
}
