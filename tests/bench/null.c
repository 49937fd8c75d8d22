/* SPDX-License-Identifier: ISC */
/*
 * In the place of libesp's aead.c, for the benchmark and nothing else: packets
 * look as they would, and nobody encrypts them.  What secd can carry so is the
 * limit that a cipher leaves it; `make bench' says which share of that it
 * reaches.  Linked into tests/bench/secd_null only.
 */
#include <sys/types.h>

#include <string.h>

#include "libesp/internal.h"

#define IVLEN		8U
#define ICVLEN		16U

static int
null_setup(void *state, const struct esp_params *p)
{
	(void)state;
	(void)p;
	return 0;
}

static void
null_clear(void *state)
{
	(void)state;
}

enum esp_status
esp_aead_encrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, size_t len, uint8_t *out, uint8_t *icv)
{
	(void)state;
	(void)nonce;
	(void)aad;
	(void)aadlen;
	if (out != in)
		memmove(out, in, len);
	memset(icv, 0, ICVLEN);
	return ESP_OK;
}

enum esp_status
esp_aead_decrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, uint8_t *out, size_t len,
    const uint8_t *icv)
{
	(void)state;
	(void)nonce;
	(void)aad;
	(void)aadlen;
	(void)icv;
	if (out != in)
		memmove(out, in, len);
	return ESP_OK;
}

static enum esp_status
null_seal(void *state, uint64_t seq, uint8_t *pkt, const uint8_t *text,
    size_t len)
{
	uint8_t *out = pkt + ESP_HDR_LEN + IVLEN;

	esp_store64(pkt + ESP_HDR_LEN, seq);
	return esp_aead_encrypt(state, NULL, NULL, 0, text, len, out,
	    out + len);
}

static enum esp_status
null_open(void *state, uint64_t seq, const uint8_t *pkt, uint8_t *out,
    size_t len)
{
	const uint8_t *in = pkt + ESP_HDR_LEN + IVLEN;

	(void)seq;
	return esp_aead_decrypt(state, NULL, NULL, 0, in, out, len, in + len);
}

const struct esp_cipher_ops esp_aead_ops = {
	.state_size = sizeof(void *),
	.setup = null_setup,
	.clear = null_clear,
	.seal = null_seal,
	.open = null_open,
};
