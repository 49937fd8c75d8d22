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

#include "libesp/internal.h"

#define H_SPI	0x10203040U

static const uint8_t h_key[36] = {
	0x51, 0x02, 0xa3, 0x34, 0xc5, 0x76, 0xe7, 0x18, 0x29, 0xba, 0x4b,
	0xdc, 0x6d, 0xfe, 0x8f, 0x10, 0x91, 0x32, 0xb3, 0x54, 0xd5, 0x76,
	0xf7, 0x98, 0x19, 0x3a, 0xbb, 0x5c, 0xdd, 0x7e, 0xff, 0x90, 0xe0,
	0x81, 0x42, 0xc3
};

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

static inline struct esp_params
h_params(enum esp_dir dir, int esn, uint32_t replay, uint64_t seq)
{
	struct esp_params p;

	memset(&p, 0, sizeof(p));
	p.suite = esp_suite_find("aes-256-gcm", NULL);
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

/*
 * Seal any plaintext (trailer and all) as an ESP packet of AES-256-GCM under
 * h_key; returns its length.  Nothing of libesp takes part.
 */
static inline size_t
h_raw_seal_iv(uint8_t *pkt, uint32_t spi, int esn, uint64_t seq, uint64_t iv,
    const uint8_t *pt, size_t len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[12], aad[12];
	size_t i, aadlen = 0;
	int n, good;

	for (i = 0; i < 4; i++)
		aad[aadlen++] = (uint8_t)(spi >> (24 - 8 * i));
	for (i = esn ? 0 : 4; i < 8; i++)
		aad[aadlen++] = (uint8_t)(seq >> (56 - 8 * i));
	for (i = 0; i < 4; i++) {
		pkt[i] = aad[i];
		pkt[4 + i] = aad[aadlen - 4 + i];
		nonce[i] = h_key[32 + i];
	}
	for (i = 0; i < 8; i++)
		nonce[4 + i] = pkt[8 + i] = (uint8_t)(iv >> (56 - 8 * i));
	good = ctx != NULL &&
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, h_key, nonce) &&
	    EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aadlen) &&
	    EVP_EncryptUpdate(ctx, pkt + 16, &n, pt, (int)len) &&
	    EVP_EncryptFinal_ex(ctx, pkt + 16 + len, &n) &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, pkt + 16 + len);
	if (!good)
		errx(1, "libcrypto does not seal");
	EVP_CIPHER_CTX_free(ctx);
	return 16 + len + 16;
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

#endif /* ESP_HELP_H */
