/* SPDX-License-Identifier: ISC */
/*
 * What the files of libesp that know libcrypto (aead.c, cbc.c, evp.c, hmac.c)
 * share with each other and with their tests.  Not installed.
 */
#ifndef ESP_CRYPTO_H
#define ESP_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

/* evp.c */

/*
 * A context of this cipher (libcrypto's name) and direction with its key
 * expanded and no IV yet; NULL with errno ENOMEM.
 */
EVP_CIPHER_CTX	*esp_evp_new(const char *name, const uint8_t *key, int enc);

/* hmac.c */

#define ESP_HMAC_MAX	SHA512_DIGEST_LENGTH

union esp_hash_state {
	SHA_CTX		 sha1;
	SHA256_CTX	 sha256;
	SHA512_CTX	 sha512;	/* and SHA-384 */
};

struct esp_hash;

/*
 * An HMAC under one key.  inner and outer are as good as the key: whoever has
 * the memory wipes it.
 */
struct esp_hmac {
	const struct esp_hash	*hash;
	union esp_hash_state	 inner;	/* after the key's first block */
	union esp_hash_state	 outer;
	union esp_hash_state	 work;	/* here, so that no stack holds it */
};

/*
 * Take the key of the HMAC of this name ("hmac-sha1"); 0, or -1 with errno
 * EINVAL if there is none or the key is longer than a block of its hash.
 */
int	 esp_hmac_setup(struct esp_hmac *, const char *auth,
	    const uint8_t *key, size_t keylen);
/*
 * The whole, untruncated HMAC of p[0 .. len) and then more[0 .. morelen);
 * 0, or -1 if libcrypto failed.
 */
int	 esp_hmac(struct esp_hmac *, const uint8_t *p, size_t len,
	    const uint8_t *more, size_t morelen, uint8_t mac[ESP_HMAC_MAX]);

#endif /* ESP_CRYPTO_H */
