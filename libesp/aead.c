/* SPDX-License-Identifier: ISC */
/*
 * The ciphers that authenticate: AES-GCM with a 16-octet ICV (RFC 4106) and
 * ChaCha20-Poly1305 (RFC 7634), which differ in their name for libcrypto and
 * in nothing else.  Called through esp_aead_ops by sa.c, seal.c and open.c.
 *
 * The key is expanded once, at set-up, into a context of one direction; a
 * packet sets only the nonce, and moves the tag through a parameter built at
 * set-up.  Nothing is allocated per packet.
 */
#include <sys/types.h>

#include <limits.h>
#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "libesp/aead.h"
#include "libesp/crypto.h"
#include "libesp/internal.h"

struct aead {
	EVP_CIPHER_CTX	*ctx;
	OSSL_PARAM	 tag[2];	/* data is set for each packet */
	uint8_t		 salt[ESP_AEAD_SALTLEN];
	int		 esn;
};

/* libcrypto's name of a suite's cipher. */
static const char *
cipher_name(const char *enc)
{
	static const char *const names[][2] = {
		{ "aes-128-gcm", "AES-128-GCM" },
		{ "aes-192-gcm", "AES-192-GCM" },
		{ "aes-256-gcm", "AES-256-GCM" },
		{ "chacha20-poly1305", "ChaCha20-Poly1305" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i][0], enc) == 0)
			return names[i][1];
	return NULL;
}

static int
aead_setup(void *state, const struct esp_params *p)
{
	struct aead *a = state;
	const char *name = cipher_name(p->suite->enc);

	if (name == NULL) {
		errno = EINVAL;
		return -1;
	}
	a->ctx = esp_evp_new(name, p->key, p->dir == ESP_OUT);
	if (a->ctx == NULL)
		return -1;
	a->tag[0] = OSSL_PARAM_construct_octet_string(
	    OSSL_CIPHER_PARAM_AEAD_TAG, NULL, ESP_AEAD_TAGLEN);
	a->tag[1] = OSSL_PARAM_construct_end();
	memcpy(a->salt, p->key + p->suite->keylen, ESP_AEAD_SALTLEN);
	a->esn = p->esn;
	return 0;
}

static void
aead_clear(void *state)
{
	struct aead *a = state;

	EVP_CIPHER_CTX_free(a->ctx);	/* wipes the expanded key */
}

enum esp_status
esp_aead_encrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, size_t len, uint8_t *out, uint8_t *icv)
{
	struct aead *a = state;
	int n;

	if (aadlen > INT_MAX || len > INT_MAX)
		return ESP_CRYPTO;
	if (EVP_EncryptInit_ex(a->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(a->ctx, NULL, &n, aad, (int)aadlen) != 1 ||
	    EVP_EncryptUpdate(a->ctx, out, &n, in, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(a->ctx, icv, &n) != 1)	/* writes nothing */
		goto fail;
	a->tag[0].data = icv;
	if (EVP_CIPHER_CTX_get_params(a->ctx, a->tag) != 1)
		goto fail;
	return ESP_OK;
 fail:
	ERR_clear_error();
	return ESP_CRYPTO;
}

enum esp_status
esp_aead_decrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, uint8_t *out, size_t len,
    const uint8_t *icv)
{
	struct aead *a = state;
	uint8_t none[1];
	int n;

	if (aadlen > INT_MAX || len > INT_MAX)
		return ESP_CRYPTO;
	a->tag[0].data = (void *)(uintptr_t)icv;	/* it is only read */
	if (EVP_DecryptInit_ex(a->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_set_params(a->ctx, a->tag) != 1 ||
	    EVP_DecryptUpdate(a->ctx, NULL, &n, aad, (int)aadlen) != 1 ||
	    EVP_DecryptUpdate(a->ctx, out, &n, in, (int)len) != 1) {
		ERR_clear_error();
		return ESP_CRYPTO;
	}
	/* compares in constant time */
	if (EVP_DecryptFinal_ex(a->ctx, none, &n) != 1) {
		ERR_clear_error();
		return ESP_BAD_ICV;
	}
	return ESP_OK;
}

static enum esp_status
aead_seal(void *state, uint64_t seq, uint8_t *pkt, const uint8_t *text,
    size_t len)
{
	const struct aead *a = state;
	uint8_t *out = pkt + ESP_AEAD_HEAD;
	struct esp_aead with;

	esp_store64(pkt + ESP_HDR_LEN, seq);
	esp_aead_fill(&with, a->salt, a->esn, seq, pkt);
	return esp_aead_encrypt(state, with.nonce, with.aad, with.aadlen, text,
	    len, out, out + len);
}

static enum esp_status
aead_open(void *state, uint64_t seq, const uint8_t *pkt, uint8_t *out,
    size_t len)
{
	const struct aead *a = state;
	const uint8_t *in = pkt + ESP_AEAD_HEAD;
	struct esp_aead with;

	esp_aead_fill(&with, a->salt, a->esn, seq, pkt);
	return esp_aead_decrypt(state, with.nonce, with.aad, with.aadlen, in,
	    out, len, in + len);
}

const struct esp_cipher_ops esp_aead_ops = {
	.state_size = sizeof(struct aead),
	.setup = aead_setup,
	.clear = aead_clear,
	.seal = aead_seal,
	.open = aead_open,
};
