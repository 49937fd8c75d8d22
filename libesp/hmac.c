/* SPDX-License-Identifier: ISC */
/*
 * HMAC (RFC 2104) with SHA-1 and SHA-2, for packets.  Called by cbc.c.
 *
 * The key is hashed once, at set-up, into the two states that every HMAC of
 * that key begins with; a packet copies them by value.  libcrypto 3.0 has
 * nothing for that: its EVP_MAC and EVP_MD contexts allocate each time they
 * are copied or begun again.  So this file, and no other, uses the plain hash
 * structures that libcrypto calls deprecated.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <errno.h>
#include <string.h>

#include "libesp/crypto.h"

#define BLOCK_MAX	SHA512_CBLOCK

/* Each gives 1, as libcrypto's own do. */
struct esp_hash {
	const char	*auth;
	size_t		 block;
	size_t		 digest;
	int	(*init)(union esp_hash_state *);
	int	(*update)(union esp_hash_state *, const void *, size_t);
	int	(*final)(union esp_hash_state *, uint8_t *);
};

static int
sha1_init(union esp_hash_state *s)
{
	return SHA1_Init(&s->sha1);
}

static int
sha1_update(union esp_hash_state *s, const void *p, size_t len)
{
	return SHA1_Update(&s->sha1, p, len);
}

static int
sha1_final(union esp_hash_state *s, uint8_t *digest)
{
	return SHA1_Final(digest, &s->sha1);
}

static int
sha256_init(union esp_hash_state *s)
{
	return SHA256_Init(&s->sha256);
}

static int
sha256_update(union esp_hash_state *s, const void *p, size_t len)
{
	return SHA256_Update(&s->sha256, p, len);
}

static int
sha256_final(union esp_hash_state *s, uint8_t *digest)
{
	return SHA256_Final(digest, &s->sha256);
}

static int
sha384_init(union esp_hash_state *s)
{
	return SHA384_Init(&s->sha512);
}

static int
sha512_init(union esp_hash_state *s)
{
	return SHA512_Init(&s->sha512);
}

static int
sha512_update(union esp_hash_state *s, const void *p, size_t len)
{
	return SHA512_Update(&s->sha512, p, len);
}

/* Of SHA-384 as well: the state knows how much to write. */
static int
sha512_final(union esp_hash_state *s, uint8_t *digest)
{
	return SHA512_Final(digest, &s->sha512);
}

static const struct esp_hash hashes[] = {
	{ "hmac-sha1", SHA_CBLOCK, SHA_DIGEST_LENGTH,
	    sha1_init, sha1_update, sha1_final },
	{ "hmac-sha2-256", SHA256_CBLOCK, SHA256_DIGEST_LENGTH,
	    sha256_init, sha256_update, sha256_final },
	{ "hmac-sha2-384", SHA512_CBLOCK, SHA384_DIGEST_LENGTH,
	    sha384_init, sha512_update, sha512_final },
	{ "hmac-sha2-512", SHA512_CBLOCK, SHA512_DIGEST_LENGTH,
	    sha512_init, sha512_update, sha512_final },
};

static const struct esp_hash *
find(const char *auth)
{
	size_t i;

	for (i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (strcmp(hashes[i].auth, auth) == 0)
			return &hashes[i];
	return NULL;
}

/* The state behind the first block: the key, each octet xor pad. */
static int
begin(const struct esp_hash *hash, union esp_hash_state *s,
    const uint8_t *key, size_t keylen, uint8_t pad)
{
	uint8_t block[BLOCK_MAX];
	size_t i;
	int done;

	memset(block, pad, sizeof(block));
	for (i = 0; i < keylen; i++)
		block[i] ^= key[i];
	done = hash->init(s) == 1 && hash->update(s, block, hash->block) == 1;
	explicit_bzero(block, sizeof(block));
	return done;
}

int
esp_hmac_setup(struct esp_hmac *h, const char *auth, const uint8_t *key,
    size_t keylen)
{
	h->hash = find(auth);
	if (h->hash == NULL || keylen > h->hash->block ||
	    !begin(h->hash, &h->inner, key, keylen, 0x36) ||
	    !begin(h->hash, &h->outer, key, keylen, 0x5c)) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

int
esp_hmac(struct esp_hmac *h, const uint8_t *p, size_t len,
    const uint8_t *more, size_t morelen, uint8_t mac[ESP_HMAC_MAX])
{
	const struct esp_hash *hash = h->hash;

	h->work = h->inner;
	if (hash->update(&h->work, p, len) != 1 ||
	    hash->update(&h->work, more, morelen) != 1 ||
	    hash->final(&h->work, mac) != 1)
		return -1;
	h->work = h->outer;
	if (hash->update(&h->work, mac, hash->digest) != 1 ||
	    hash->final(&h->work, mac) != 1)
		return -1;
	return 0;
}
