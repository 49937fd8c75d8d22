/* SPDX-License-Identifier: ISC */
/*
 * libcrypto's cipher contexts: made here once for each SA and direction, so
 * that a packet never looks a cipher up nor expands a key.  Called by the
 * set-up of aead.c and cbc.c, which free what they get.
 */
#include <errno.h>

#include <openssl/err.h>

#include "libesp/crypto.h"

EVP_CIPHER_CTX *
esp_evp_new(const char *name, const uint8_t *key, int enc)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_CIPHER *cipher = NULL;
	int done = 0;

	if (ctx != NULL)
		cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	if (cipher != NULL)
		done = EVP_CipherInit_ex2(ctx, cipher, key, NULL, enc, NULL);
	EVP_CIPHER_free(cipher);	/* the context has its own reference */
	if (done == 1)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	errno = ENOMEM;
	return NULL;
}
