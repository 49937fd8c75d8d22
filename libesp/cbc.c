/* SPDX-License-Identifier: ISC */
/*
 * AES-CBC (RFC 3602) with a truncated HMAC over it (RFC 2404, RFC 4868), for
 * ESP.  Called through esp_cbc_ops by sa.c, seal.c and open.c.
 *
 * The ICV covers header, IV and ciphertext, and with ESN the high half of the
 * number behind them, which is not sent (RFC 4303 2.2.1).  It is compared
 * before anything is decrypted.
 *
 * The IV must not be foreseen (RFC 3602 3).  It is the sequence number as one
 * AES block under a random key of the SA's own, drawn at set-up and used for
 * nothing else: without that key it looks like random, it says nothing about
 * the cipher key, and as no number is taken twice no IV comes twice, which
 * random octets could not promise and which would cost more per packet.  An SA
 * made again from the same keys draws another.
 */
#include <sys/types.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "libesp/crypto.h"
#include "libesp/internal.h"

#define BLOCK		16U
#define IVLEN		16U
#define IVKEYLEN	32U
#define ESN_LEN		4U

struct cbc {
	EVP_CIPHER_CTX	*ctx;
	EVP_CIPHER_CTX	*ivs;		/* what makes IVs; NULL inbound */
	struct esp_hmac	 hmac;
	size_t		 icvlen;
	int		 esn;
};

static const char *
cipher_name(size_t keylen)
{
	switch (keylen) {
	case 16:
		return "AES-128-CBC";
	case 24:
		return "AES-192-CBC";
	case 32:
		return "AES-256-CBC";
	}
	return NULL;
}

/* A context that takes and gives whole blocks; NULL, errno. */
static EVP_CIPHER_CTX *
blocks_new(const char *name, const uint8_t *key, int enc)
{
	EVP_CIPHER_CTX *ctx = esp_evp_new(name, key, enc);

	if (ctx != NULL)
		EVP_CIPHER_CTX_set_padding(ctx, 0);	/* always 1 */
	return ctx;
}

/* Draw the key of the IVs. */
static EVP_CIPHER_CTX *
ivs_new(void)
{
	EVP_CIPHER_CTX *ctx = NULL;
	uint8_t key[IVKEYLEN];

	if (RAND_priv_bytes(key, sizeof(key)) == 1)
		ctx = blocks_new("AES-256-ECB", key, 1);
	explicit_bzero(key, sizeof(key));
	ERR_clear_error();
	return ctx;
}

static void
cbc_clear(void *state)
{
	struct cbc *c = state;

	EVP_CIPHER_CTX_free(c->ctx);	/* wipes the expanded key */
	EVP_CIPHER_CTX_free(c->ivs);
}

static int
cbc_setup(void *state, const struct esp_params *p)
{
	struct cbc *c = state;
	const char *name = cipher_name(p->suite->keylen);

	if (name == NULL) {
		errno = EINVAL;
		return -1;
	}
	if (esp_hmac_setup(&c->hmac, p->suite->auth, p->authkey,
	    p->authkeylen) == -1)
		return -1;
	c->icvlen = p->suite->icvlen;
	c->esn = p->esn;
	c->ctx = blocks_new(name, p->key, p->dir == ESP_OUT);
	if (p->dir == ESP_OUT)
		c->ivs = ivs_new();
	if (c->ctx == NULL || (p->dir == ESP_OUT && c->ivs == NULL)) {
		cbc_clear(c);
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static int
make_iv(struct cbc *c, uint64_t seq, uint8_t *iv)
{
	uint8_t block[BLOCK] = { 0 };
	int n;

	esp_store64(block + BLOCK - sizeof(seq), seq);
	return EVP_EncryptUpdate(c->ivs, iv, &n, block, BLOCK) == 1 &&
	    n == (int)BLOCK;
}

/*
 * The whole HMAC of a packet with len octets of ciphertext; its first icvlen
 * octets are the ICV.
 */
static int
make_mac(struct cbc *c, uint64_t seq, const uint8_t *pkt, size_t len,
    uint8_t mac[ESP_HMAC_MAX])
{
	uint8_t high[ESN_LEN];

	esp_store32(high, (uint32_t)(seq >> 32));
	return esp_hmac(&c->hmac, pkt, ESP_HDR_LEN + IVLEN + len, high,
	    c->esn ? ESN_LEN : 0, mac) == 0;
}

static enum esp_status
cbc_seal(void *state, uint64_t seq, uint8_t *pkt, const uint8_t *text,
    size_t len)
{
	struct cbc *c = state;
	uint8_t *iv = pkt + ESP_HDR_LEN, *out = iv + IVLEN;
	uint8_t mac[ESP_HMAC_MAX];
	int n;

	if (len > INT_MAX || len % BLOCK != 0)
		return ESP_CRYPTO;
	if (!make_iv(c, seq, iv) ||
	    EVP_EncryptInit_ex(c->ctx, NULL, NULL, NULL, iv) != 1 ||
	    EVP_EncryptUpdate(c->ctx, out, &n, text, (int)len) != 1 ||
	    n != (int)len || !make_mac(c, seq, pkt, len, mac)) {
		ERR_clear_error();
		return ESP_CRYPTO;
	}
	memcpy(out + len, mac, c->icvlen);
	return ESP_OK;
}

static enum esp_status
cbc_open(void *state, uint64_t seq, const uint8_t *pkt, uint8_t *out,
    size_t len)
{
	struct cbc *c = state;
	const uint8_t *iv = pkt + ESP_HDR_LEN, *in = iv + IVLEN;
	uint8_t mac[ESP_HMAC_MAX];
	int n, differs;

	if (len > INT_MAX || len % BLOCK != 0 ||
	    !make_mac(c, seq, pkt, len, mac))
		return ESP_CRYPTO;
	differs = CRYPTO_memcmp(mac, in + len, c->icvlen);
	explicit_bzero(mac, sizeof(mac));	/* it would forge this packet */
	if (differs)
		return ESP_BAD_ICV;
	if (EVP_DecryptInit_ex(c->ctx, NULL, NULL, NULL, iv) != 1 ||
	    EVP_DecryptUpdate(c->ctx, out, &n, in, (int)len) != 1 ||
	    n != (int)len) {
		ERR_clear_error();
		return ESP_CRYPTO;
	}
	return ESP_OK;
}

const struct esp_cipher_ops esp_cbc_ops = {
	.state_size = sizeof(struct cbc),
	.setup = cbc_setup,
	.clear = cbc_clear,
	.seal = cbc_seal,
	.open = cbc_open,
};
