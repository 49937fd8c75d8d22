/* SPDX-License-Identifier: ISC */
/*
 * Key files: hex digits, nothing before them, white space after.  One file
 * holds every key octet of its SA, in the order of RFC 7296 2.17 and RFC 4301:
 * cipher key, salt, authentication key.  They pass through one locked page
 * that is wiped before this file returns.
 */
#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secd/engine/engine.h"
#include "secd/hex.h"

#define TEXT_MAX	(4 * SA_KEYLEN_MAX + 64)

static char	text[4096] __attribute__((aligned(4096)));

/* "aes-256 hmac-sha2-256 takes 64 octets: 32 of cipher key and 32 of ..." */
static void
wrong_length(const struct esp_suite *su, size_t n, char *why, size_t size)
{
	snprintf(why, size, "key file has %zu octets, %s%s%s takes %zu "
	    "octets: %zu of cipher key and %zu of %s", n, su->enc,
	    su->auth != NULL ? " " : "", su->auth != NULL ? su->auth : "",
	    su->keylen + su->saltlen + su->authkeylen, su->keylen,
	    su->auth != NULL ? su->authkeylen : su->saltlen,
	    su->auth != NULL ? "authentication key" : "salt");
}

static int
decode(size_t len, struct sa_request *req, char *why, size_t size)
{
	const struct esp_suite *su = esp_suite_find(req->enc, req->auth);
	const char *wrong = NULL;
	size_t n;

	len = hex_trim(text, len);
	if (su == NULL) {
		snprintf(why, size, "unknown suite %s %s", req->enc, req->auth);
		return -1;
	}
	n = su->keylen + su->saltlen;
	if (len == 0)
		wrong = "is empty";
	else if (len % 2 != 0)
		wrong = "has an odd number of digits";
	else if (len / 2 != n + su->authkeylen) {
		wrong_length(su, len / 2, why, size);
		return -1;
	} else if (hex_decode(req->key, text, n) == -1 ||
	    hex_decode(req->authkey, text + 2 * n, su->authkeylen) == -1)
		wrong = "holds something else than hex digits";
	if (wrong != NULL) {
		snprintf(why, size, "key file %s", wrong);
		return -1;
	}
	req->keylen = (uint16_t)n;
	req->authkeylen = (uint16_t)su->authkeylen;
	return 0;
}

void
key_init(void)
{
	/* a failure is told as a lost protection at start-up */
	mlock(text, sizeof(text));
}

int
key_read(int fd, struct sa_request *req, char *why, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int r;

	while (len < sizeof(text)) {
		n = read(fd, text + len, sizeof(text) - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			snprintf(why, size, "key file: %s", strerror(errno));
			explicit_bzero(text, sizeof(text));
			return -1;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > TEXT_MAX) {
		snprintf(why, size, "key file is too long");
		r = -1;
	} else
		r = decode(len, req, why, size);
	explicit_bzero(text, sizeof(text));
	if (r == -1)
		key_wipe(req);
	return r;
}

void
key_wipe(struct sa_request *req)
{
	explicit_bzero(req->key, sizeof(req->key));
	explicit_bzero(req->authkey, sizeof(req->authkey));
	req->keylen = req->authkeylen = 0;
}
