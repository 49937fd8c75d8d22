/* SPDX-License-Identifier: ISC */
/*
 * The suite table: names as ipsec.conf(5) has them, sizes, and the cipher file
 * behind each.  A suite joins by a row here and, if its cipher is new, a file
 * with a struct esp_cipher_ops.  align is a power of two.
 */
#include <string.h>

#include "libesp/internal.h"

/* RFC 4106: 4 octets of salt, 8 of IV on the wire, 16 of ICV */
static const struct esp_suite suites[] = {
	{
		.enc = "aes-128-gcm", .keylen = 16, .saltlen = 4,
		.ivlen = 8, .icvlen = 16, .align = 4, .ops = &esp_gcm_ops
	},
	{
		.enc = "aes-192-gcm", .keylen = 24, .saltlen = 4,
		.ivlen = 8, .icvlen = 16, .align = 4, .ops = &esp_gcm_ops
	},
	{
		.enc = "aes-256-gcm", .keylen = 32, .saltlen = 4,
		.ivlen = 8, .icvlen = 16, .align = 4, .ops = &esp_gcm_ops
	},
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
