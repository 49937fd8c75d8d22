/* SPDX-License-Identifier: ISC */
/*
 * A suite of other sizes than AES-GCM's (those of AES-CBC with HMAC-SHA1-96)
 * that encrypts nothing and can be told to fail: it shows that seal.c and
 * open.c take their sizes from the row, and what they do when a cipher fails.
 */
#ifndef FAKE_SUITE_H
#define FAKE_SUITE_H

#include <string.h>

#include "libesp/internal.h"

static int fake_fails;

static int
fake_setup(void *state, const struct esp_params *p)
{
	(void)state;
	(void)p;
	return 0;
}

static void
fake_clear(void *state)
{
	(void)state;
}

static enum esp_status
fake_seal(void *state, uint64_t seq, uint8_t *pkt, const uint8_t *text,
    size_t len)
{
	(void)state;
	(void)seq;
	if (fake_fails)
		return ESP_CRYPTO;
	memset(pkt + 8, 0x11, 16);
	memmove(pkt + 24, text, len);
	memset(pkt + 24 + len, 0x22, 12);
	return ESP_OK;
}

static enum esp_status
fake_open(void *state, uint64_t seq, const uint8_t *pkt, uint8_t *out,
    size_t len)
{
	(void)state;
	(void)seq;
	memmove(out, pkt + 24, len);
	return fake_fails ? ESP_CRYPTO : ESP_OK;
}

static const struct esp_cipher_ops fake_ops = {
	.state_size = 3, .setup = fake_setup, .clear = fake_clear,
	.seal = fake_seal, .open = fake_open
};
static const struct esp_suite fake_suite = {
	.enc = "fake", .keylen = 32, .saltlen = 4, .ivlen = 16, .icvlen = 12,
	.align = 16, .ops = &fake_ops
};

#endif /* FAKE_SUITE_H */
