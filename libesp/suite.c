/* SPDX-License-Identifier: ISC */
/*
 * The suite table: names as ipsec.conf(5) has them, sizes, and the cipher file
 * behind each.  A suite joins by a row here and, if its cipher is new, a file
 * with a struct esp_cipher_ops.  align is a power of two.
 */
#include <string.h>

#include "libesp/internal.h"

/* RFC 4106, RFC 7634: 4 octets of salt, 8 of IV on the wire, 16 of ICV */
#define AEAD(name, key)							\
	{								\
		.enc = name, .keylen = key, .saltlen = 4, .ivlen = 8,	\
		.icvlen = 16, .align = 4, .ops = &esp_aead_ops		\
	}

/*
 * RFC 3602: 16 octets of IV on the wire, whole blocks.  RFC 2404, RFC 4868:
 * the authentication key is as long as the hash.
 */
#define CBC(name, key, mac, mackey, icv)				\
	{								\
		.enc = name, .auth = mac, .keylen = key,		\
		.authkeylen = mackey, .ivlen = 16, .icvlen = icv,	\
		.align = 16, .ops = &esp_cbc_ops			\
	}

static const struct esp_suite suites[] = {
	AEAD("aes-128-gcm", 16),
	AEAD("aes-192-gcm", 24),
	AEAD("aes-256-gcm", 32),
	AEAD("chacha20-poly1305", 32),
	CBC("aes-128", 16, "hmac-sha1", 20, 12),
	CBC("aes-128", 16, "hmac-sha2-256", 32, 16),
	CBC("aes-128", 16, "hmac-sha2-384", 48, 24),
	CBC("aes-128", 16, "hmac-sha2-512", 64, 32),
	CBC("aes-192", 24, "hmac-sha1", 20, 12),
	CBC("aes-192", 24, "hmac-sha2-256", 32, 16),
	CBC("aes-192", 24, "hmac-sha2-384", 48, 24),
	CBC("aes-192", 24, "hmac-sha2-512", 64, 32),
	CBC("aes-256", 32, "hmac-sha1", 20, 12),
	CBC("aes-256", 32, "hmac-sha2-256", 32, 16),
	CBC("aes-256", 32, "hmac-sha2-384", 48, 24),
	CBC("aes-256", 32, "hmac-sha2-512", 64, 32),
};

const struct esp_suite *
esp_suite_at(size_t i)
{
	return i < sizeof(suites) / sizeof(suites[0]) ? &suites[i] : NULL;
}

static int
same_auth(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

const struct esp_suite *
esp_suite_find(const char *enc, const char *auth)
{
	const struct esp_suite *s;
	size_t i;

	if (enc == NULL)
		return NULL;
	for (i = 0; (s = esp_suite_at(i)) != NULL; i++)
		if (strcmp(s->enc, enc) == 0 && same_auth(s->auth, auth))
			return s;
	return NULL;
}
