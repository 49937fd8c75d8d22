/* SPDX-License-Identifier: ISC */
/*
 * Key files: hex digits, nothing before them, white space after.  The octets
 * pass through one locked page that is wiped before this file returns.
 */
#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secd/engine/engine.h"
#include "secd/hex.h"

#define TEXT_MAX	(2 * SA_KEYLEN_MAX + 64)

static char	text[4096] __attribute__((aligned(4096)));

static int
decode(size_t len, struct sa_request *req, char *why, size_t size)
{
	const char *wrong = NULL;

	len = hex_trim(text, len);
	if (len == 0)
		wrong = "is empty";
	else if (len % 2 != 0)
		wrong = "has an odd number of digits";
	else if (len / 2 > sizeof(req->key))
		wrong = "is too long";
	else if (hex_decode(req->key, text, len / 2) == -1)
		wrong = "holds something else than hex digits";
	if (wrong != NULL) {
		snprintf(why, size, "key file %s", wrong);
		return -1;
	}
	req->keylen = (uint16_t)(len / 2);
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
