/* SPDX-License-Identifier: ISC */
/*
 * AES-GCM with a 16-octet ICV for ESP (RFC 4106): the only file that knows
 * OpenSSL.  Called through esp_gcm_ops by sa.c, seal.c and open.c.
 *
 * The nonce is the SA's 4 octets of salt and the 8 octets of IV on the wire.
 * Sealing makes the IV the 64-bit sequence number (high half 0 without ESN),
 * which never repeats; opening takes whatever the peer chose.  The associated
 * data are SPI and sequence number as on the wire, or with ESN the SPI and
 * all 64 bits (RFC 4106 5).
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

#include "libesp/internal.h"

#define IVLEN		8U
#define SALTLEN		4U
#define TAGLEN		16U
#define AADLEN		8U
#define AADLEN_ESN	12U

struct gcm {
	EVP_CIPHER_CTX	*ctx;
	OSSL_PARAM	 tag[2];	/* data is set for each packet */
	uint8_t		 salt[SALTLEN];
	int		 esn;
};

static const char *
cipher_name(size_t keylen)
{
	switch (keylen) {
	case 16:
		return "AES-128-GCM";
	case 24:
		return "AES-192-GCM";
	case 32:
		return "AES-256-GCM";
	}
	return NULL;
}

static int
gcm_setup(void *state, const struct esp_params *p)
{
	struct gcm *g = state;
	const char *name = cipher_name(p->suite->keylen);
	EVP_CIPHER *cipher = NULL;
	int done = 0;

	g->ctx = EVP_CIPHER_CTX_new();
	if (g->ctx != NULL && name != NULL)
		cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	if (cipher != NULL)
		done = EVP_CipherInit_ex2(g->ctx, cipher, p->key, NULL,
		    p->dir == ESP_OUT, NULL);
	EVP_CIPHER_free(cipher);	/* the context has its own reference */
	if (done != 1) {
		EVP_CIPHER_CTX_free(g->ctx);
		ERR_clear_error();
		errno = ENOMEM;
		return -1;
	}
	g->tag[0] = OSSL_PARAM_construct_octet_string(
	    OSSL_CIPHER_PARAM_AEAD_TAG, NULL, TAGLEN);
	g->tag[1] = OSSL_PARAM_construct_end();
	memcpy(g->salt, p->key + p->suite->keylen, SALTLEN);
	g->esn = p->esn;
	return 0;
}

static void
gcm_clear(void *state)
{
	struct gcm *g = state;

	EVP_CIPHER_CTX_free(g->ctx);	/* wipes the expanded key */
}

enum esp_status
esp_gcm_encrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, size_t len, uint8_t *out, size_t tail,
    uint8_t *icv)
{
	struct gcm *g = state;
	int n;

	if (aadlen > INT_MAX || len > INT_MAX - tail)
		return ESP_CRYPTO;
	if (in == out) {	/* one piece: the tail follows */
		len += tail;
		tail = 0;
	}
	if (EVP_EncryptInit_ex(g->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_EncryptUpdate(g->ctx, NULL, &n, aad, (int)aadlen) != 1 ||
	    EVP_EncryptUpdate(g->ctx, out, &n, in, (int)len) != 1)
		goto fail;
	if (tail > 0 && EVP_EncryptUpdate(g->ctx, out + len, &n, out + len,
	    (int)tail) != 1)
		goto fail;
	if (EVP_EncryptFinal_ex(g->ctx, icv, &n) != 1)	/* writes nothing */
		goto fail;
	g->tag[0].data = icv;
	if (EVP_CIPHER_CTX_get_params(g->ctx, g->tag) != 1)
		goto fail;
	return ESP_OK;
 fail:
	ERR_clear_error();
	return ESP_CRYPTO;
}

enum esp_status
esp_gcm_decrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, uint8_t *out, size_t len,
    const uint8_t *icv)
{
	struct gcm *g = state;
	uint8_t none[1];
	int n;

	if (aadlen > INT_MAX || len > INT_MAX)
		return ESP_CRYPTO;
	g->tag[0].data = (void *)(uintptr_t)icv;	/* it is only read */
	if (EVP_DecryptInit_ex(g->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_set_params(g->ctx, g->tag) != 1 ||
	    EVP_DecryptUpdate(g->ctx, NULL, &n, aad, (int)aadlen) != 1 ||
	    EVP_DecryptUpdate(g->ctx, out, &n, in, (int)len) != 1) {
		ERR_clear_error();
		return ESP_CRYPTO;
	}
	/* compares in constant time */
	if (EVP_DecryptFinal_ex(g->ctx, none, &n) != 1) {
		ERR_clear_error();
		return ESP_BAD_ICV;
	}
	return ESP_OK;
}

static void
make_nonce(const struct gcm *g, const uint8_t *pkt, uint8_t *nonce)
{
	memcpy(nonce, g->salt, SALTLEN);
	memcpy(nonce + SALTLEN, pkt + ESP_HDR_LEN, IVLEN);
}

/* Without ESN they are the packet's header itself. */
static size_t
make_aad(const struct gcm *g, uint64_t seq, const uint8_t *pkt, uint8_t *aad)
{
	memcpy(aad, pkt, AADLEN);
	if (!g->esn)
		return AADLEN;
	esp_store64(aad + 4, seq);
	return AADLEN_ESN;
}

static enum esp_status
gcm_seal(void *state, uint64_t seq, uint8_t *pkt, const uint8_t *payload,
    size_t len, size_t tail)
{
	uint8_t nonce[ESP_GCM_NONCELEN], aad[AADLEN_ESN];
	uint8_t *out = pkt + ESP_HDR_LEN + IVLEN;
	size_t aadlen;

	esp_store64(pkt + ESP_HDR_LEN, seq);
	make_nonce(state, pkt, nonce);
	aadlen = make_aad(state, seq, pkt, aad);
	return esp_gcm_encrypt(state, nonce, aad, aadlen, payload, len, out,
	    tail, out + len + tail);
}

static enum esp_status
gcm_open(void *state, uint64_t seq, const uint8_t *pkt, uint8_t *out,
    size_t len)
{
	uint8_t nonce[ESP_GCM_NONCELEN], aad[AADLEN_ESN];
	const uint8_t *in = pkt + ESP_HDR_LEN + IVLEN;
	size_t aadlen;

	make_nonce(state, pkt, nonce);
	aadlen = make_aad(state, seq, pkt, aad);
	return esp_gcm_decrypt(state, nonce, aad, aadlen, in, out, len,
	    in + len);
}

const struct esp_cipher_ops esp_gcm_ops = {
	.state_size = sizeof(struct gcm),
	.setup = gcm_setup,
	.clear = gcm_clear,
	.seal = gcm_seal,
	.open = gcm_open,
};
