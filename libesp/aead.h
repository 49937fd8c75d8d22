/* SPDX-License-Identifier: ISC */
/*
 * What an AEAD suite's cipher gets beside key and text, whoever computes it
 * (aead.c, mb.c).  Not installed.
 *
 * The nonce is the SA's 4 octets of salt and the 8 octets of IV on the wire.
 * Sealing makes the IV the 64-bit sequence number (high half 0 without ESN),
 * which never repeats; opening takes whatever the peer chose.  The associated
 * data are SPI and sequence number as on the wire, or with ESN the SPI and
 * all 64 bits (RFC 4106 5, RFC 7634 2.1).
 */
#ifndef ESP_AEAD_H
#define ESP_AEAD_H

#include <string.h>

#include "libesp/internal.h"

#define ESP_AEAD_IVLEN	8U
#define ESP_AEAD_SALTLEN 4U
#define ESP_AEAD_TAGLEN	16U
#define ESP_AEAD_HEAD	(ESP_HDR_LEN + ESP_AEAD_IVLEN)

/* One packet's. */
struct esp_aead {
	uint8_t	nonce[ESP_AEAD_NONCELEN];
	uint8_t	aad[12];
	size_t	aadlen;
};

/* pkt has header and IV. */
static inline void
esp_aead_fill(struct esp_aead *a, const uint8_t salt[ESP_AEAD_SALTLEN],
    int esn, uint64_t seq, const uint8_t *pkt)
{
	memcpy(a->nonce, salt, ESP_AEAD_SALTLEN);
	memcpy(a->nonce + ESP_AEAD_SALTLEN, pkt + ESP_HDR_LEN, ESP_AEAD_IVLEN);
	memcpy(a->aad, pkt, ESP_HDR_LEN);
	a->aadlen = ESP_HDR_LEN;
	if (!esn)
		return;
	esp_store64(a->aad + 4, seq);
	a->aadlen = sizeof(a->aad);
}

#endif /* ESP_AEAD_H */
