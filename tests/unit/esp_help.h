/* SPDX-License-Identifier: ISC */
/*
 * What libesp's tests share: hex, packets, SAs on the heap (so that a
 * sanitizer sees their edges), and an ESP sealer of the tests' own straight on
 * libcrypto, so that libesp is never judged by itself.
 */
#ifndef ESP_HELP_H
#define ESP_HELP_H

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "libesp/internal.h"

#define H_SPI	0x10203040U

static const uint8_t h_key[36] = {
	0x51, 0x02, 0xa3, 0x34, 0xc5, 0x76, 0xe7, 0x18, 0x29, 0xba, 0x4b,
	0xdc, 0x6d, 0xfe, 0x8f, 0x10, 0x91, 0x32, 0xb3, 0x54, 0xd5, 0x76,
	0xf7, 0x98, 0x19, 0x3a, 0xbb, 0x5c, 0xdd, 0x7e, 0xff, 0x90, 0xe0,
	0x81, 0x42, 0xc3
};

static const uint8_t h_authkey[64] = {
	0x1f, 0xe2, 0x0d, 0xc4, 0x3b, 0xa6, 0x59, 0x88, 0x77, 0x6a, 0x95,
	0x4c, 0xb3, 0x2e, 0xd1, 0x10, 0xef, 0xf2, 0xcd, 0xd4, 0xab, 0xb6,
	0x89, 0x98, 0x67, 0x7a, 0x45, 0x5c, 0x23, 0x3e, 0x01, 0x20, 0x6f,
	0x72, 0x4d, 0x54, 0x2b, 0x36, 0x09, 0x18, 0xe7, 0xfa, 0xc5, 0xdc,
	0xa3, 0xbe, 0x81, 0x90, 0x5f, 0x42, 0x7d, 0x64, 0x1b, 0x06, 0x39,
	0x28, 0xd7, 0xca, 0xf5, 0xec, 0x93, 0x8e, 0xb1, 0xa0
};

/*
 * Every suite as the RFCs have it (4106, 7634, 3602, 2404, 4868), for the
 * tests' own sealer: in the order of the table, but not read from there.
 */
struct h_alg {
	const char		*enc;
	const char		*auth;
	const EVP_CIPHER	*(*cipher)(void);
	const EVP_MD		*(*md)(void);	/* NULL: an AEAD */
	size_t			 keylen;	/* without 4 of salt (AEAD) */
	size_t			 authkeylen;
	size_t			 ivlen;
	size_t			 icvlen;
	size_t			 align;
};

#define H_AEAD(enc, cipher, keylen)					\
	{ enc, NULL, cipher, NULL, keylen, 0, 8, 16, 4 }
#define H_CBC(enc, cipher, keylen)					\
	{ enc, "hmac-sha1", cipher, EVP_sha1, keylen, 20, 16, 12, 16 },	\
	{ enc, "hmac-sha2-256", cipher, EVP_sha256, keylen, 32, 16, 16,	\
	    16 },							\
	{ enc, "hmac-sha2-384", cipher, EVP_sha384, keylen, 48, 16, 24,	\
	    16 },							\
	{ enc, "hmac-sha2-512", cipher, EVP_sha512, keylen, 64, 16, 32,	\
	    16 }

static const struct h_alg h_algs[] = {
	H_AEAD("aes-128-gcm", EVP_aes_128_gcm, 16),
	H_AEAD("aes-192-gcm", EVP_aes_192_gcm, 24),
	H_AEAD("aes-256-gcm", EVP_aes_256_gcm, 32),
	H_AEAD("chacha20-poly1305", EVP_chacha20_poly1305, 32),
	H_CBC("aes-128", EVP_aes_128_cbc, 16),
	H_CBC("aes-192", EVP_aes_192_cbc, 24),
	H_CBC("aes-256", EVP_aes_256_cbc, 32),
};

#define H_NALGS		(sizeof(h_algs) / sizeof(h_algs[0]))
#define H_GCM256	2U	/* the index of what most tests use */

/* Decode hex into out; returns the number of octets. */
static inline size_t
h_unhex(const char *s, uint8_t *out, size_t max)
{
	static const char digits[] = "0123456789abcdef";
	const char *hi, *lo;
	size_t n = 0;

	while (s[0] != '\0' && s[1] != '\0') {
		hi = strchr(digits, s[0]);
		lo = strchr(digits, s[1]);
		if (hi == NULL || lo == NULL || n == max)
			errx(1, "bad hex: %s", s);
		out[n++] = (uint8_t)((hi - digits) << 4 | (lo - digits));
		s += 2;
	}
	return n;
}

/* xorshift: the same numbers in every run */
static inline uint64_t
h_random(void)
{
	static uint64_t x = 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* What computes their suites; NULL: libcrypto. */
static const struct esp_backend *h_backend;

static inline struct esp_params
h_params(enum esp_dir dir, int esn, uint32_t replay, uint64_t seq)
{
	struct esp_params p;

	memset(&p, 0, sizeof(p));
	p.suite = esp_suite_find("aes-256-gcm", NULL);
	p.backend = h_backend;
	p.dir = dir;
	p.esn = esn;
	p.spi = H_SPI;
	p.replay = replay;
	p.seq = seq;
	p.limit = ESP_NOLIMIT;
	p.key = h_key;
	p.keylen = sizeof(h_key);
	return p;
}

/* The same for any suite of h_algs. */
static inline struct esp_params
h_params_of(const struct h_alg *g, enum esp_dir dir, int esn, uint32_t replay,
    uint64_t seq)
{
	struct esp_params p = h_params(dir, esn, replay, seq);

	p.suite = esp_suite_find(g->enc, g->auth);
	if (p.suite == NULL)
		errx(1, "no suite %s %s", g->enc, g->auth ? g->auth : "");
	p.keylen = g->keylen + (g->md == NULL ? 4 : 0);
	p.authkey = g->md == NULL ? NULL : h_authkey;
	p.authkeylen = g->authkeylen;
	return p;
}

/* Exactly the memory it asks for; free it with h_sa_free(). */
static inline struct esp_sa *
h_sa_make(const struct esp_params *p)
{
	size_t size = esp_sa_size(p);
	struct esp_sa *sa;
	void *mem;

	mem = malloc(size);
	if (mem == NULL)
		err(1, NULL);
	sa = esp_sa_init(mem, size, p);
	if (sa == NULL)
		err(1, "esp_sa_init");
	return sa;
}

static inline struct esp_sa *
h_sa(enum esp_dir dir, int esn, uint32_t replay, uint64_t seq)
{
	struct esp_params p = h_params(dir, esn, replay, seq);

	return h_sa_make(&p);
}

static inline struct esp_sa *
h_sa_of(const struct h_alg *g, enum esp_dir dir, int esn, uint32_t replay,
    uint64_t seq)
{
	struct esp_params p = h_params_of(g, dir, esn, replay, seq);

	return h_sa_make(&p);
}

static inline void
h_sa_free(struct esp_sa *sa)
{
	esp_sa_clear(sa);
	free(sa);
}

static inline struct esp_buf
h_buf(uint8_t *base, size_t cap, size_t off, size_t len)
{
	struct esp_buf b = { base, cap, base + off, len };

	return b;
}

/* An IPv4 or IPv6 packet of len octets (at least its header) at p. */
static inline void
h_inner(uint8_t *p, int version, size_t len)
{
	size_t i, field = version == 4 ? len : len - 40;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7 + len);
	p[0] = version == 4 ? 0x45 : 0x60;
	p[version == 4 ? 2 : 4] = (uint8_t)(field >> 8);
	p[version == 4 ? 3 : 5] = (uint8_t)field;
}

/* The AEAD of text, with its ICV behind it. */
static inline void
h_aead(const struct h_alg *g, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *text, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	if (ctx == NULL ||
	    !EVP_EncryptInit_ex(ctx, g->cipher(), NULL, h_key, nonce) ||
	    !EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aadlen) ||
	    !EVP_EncryptUpdate(ctx, out, &n, text, (int)len) ||
	    !EVP_EncryptFinal_ex(ctx, out + len, &n) ||
	    !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, out + len))
		errx(1, "libcrypto does not seal");
	EVP_CIPHER_CTX_free(ctx);
}

/*
 * Encrypt whole blocks to pkt + 24, where header and IV stand before them, and
 * put the ICV behind them.  A last block that is not whole cannot be
 * encrypted: it stays as it is, under a right ICV.
 */
static inline void
h_cbc(const struct h_alg *g, int esn, uint64_t seq, const uint8_t *text,
    size_t len, uint8_t *pkt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t whole = len - len % 16, all = 24 + len, i;
	uint8_t mac[EVP_MAX_MD_SIZE], *input = malloc(all + 4);
	unsigned int maclen;
	int n;

	memcpy(pkt + 24 + whole, text + whole, len - whole);
	if (ctx == NULL || input == NULL ||
	    !EVP_EncryptInit_ex(ctx, g->cipher(), NULL, h_key, pkt + 8) ||
	    !EVP_CIPHER_CTX_set_padding(ctx, 0) ||
	    !EVP_EncryptUpdate(ctx, pkt + 24, &n, text, (int)whole))
		errx(1, "libcrypto does not encrypt");
	memcpy(input, pkt, all);
	for (i = 0; esn && i < 4; i++)
		input[all++] = (uint8_t)(seq >> (56 - 8 * i));
	if (HMAC(g->md(), h_authkey, (int)g->authkeylen, input, all, mac,
	    &maclen) == NULL)
		errx(1, "libcrypto does not authenticate");
	memcpy(pkt + 24 + len, mac, g->icvlen);
	EVP_CIPHER_CTX_free(ctx);
	free(input);
}

/*
 * Seal any plaintext (trailer and all) as an ESP packet of this suite under
 * h_key and h_authkey; returns its length.  Nothing of libesp takes part.
 */
static inline size_t
h_seal_of(const struct h_alg *g, uint8_t *pkt, uint32_t spi, int esn,
    uint64_t seq, const uint8_t *iv, const uint8_t *pt, size_t len)
{
	uint8_t nonce[12], aad[12];
	size_t i, aadlen = 0;

	for (i = 0; i < 4; i++)
		aad[aadlen++] = (uint8_t)(spi >> (24 - 8 * i));
	for (i = esn ? 0 : 4; i < 8; i++)
		aad[aadlen++] = (uint8_t)(seq >> (56 - 8 * i));
	memcpy(pkt, aad, 4);
	memcpy(pkt + 4, aad + aadlen - 4, 4);
	memcpy(pkt + 8, iv, g->ivlen);
	if (g->md == NULL) {
		memcpy(nonce, h_key + g->keylen, 4);
		memcpy(nonce + 4, iv, 8);
		h_aead(g, nonce, aad, aadlen, pt, len, pkt + 16);
	} else
		h_cbc(g, esn, seq, pt, len, pkt);
	return 8 + g->ivlen + len + g->icvlen;
}

/* The same with AES-256-GCM. */
static inline size_t
h_raw_seal_iv(uint8_t *pkt, uint32_t spi, int esn, uint64_t seq, uint64_t iv,
    const uint8_t *pt, size_t len)
{
	uint8_t octets[8];
	size_t i;

	for (i = 0; i < 8; i++)
		octets[i] = (uint8_t)(iv >> (56 - 8 * i));
	return h_seal_of(&h_algs[H_GCM256], pkt, spi, esn, seq, octets, pt,
	    len);
}

static inline size_t
h_raw_seal(uint8_t *pkt, int esn, uint64_t seq, const uint8_t *pt, size_t len)
{
	return h_raw_seal_iv(pkt, H_SPI, esn, seq, seq, pt, len);
}

/* Put the trailer behind pt[0 .. len); returns the plaintext's length. */
static inline size_t
h_trailer(uint8_t *pt, size_t len, size_t pad, uint8_t next)
{
	size_t i;

	for (i = 1; i <= pad; i++)
		pt[len++] = (uint8_t)i;
	pt[len++] = (uint8_t)pad;
	pt[len++] = next;
	return len;
}

/* Pad octets that align a payload of len octets to 4. */
static inline size_t
h_padlen(size_t len)
{
	return (4 - (len + 2) % 4) % 4;
}

/* The same for any suite. */
static inline size_t
h_padlen_of(const struct h_alg *g, size_t len)
{
	return (g->align - (len + 2) % g->align) % g->align;
}

#endif /* ESP_HELP_H */
