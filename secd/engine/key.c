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

#define TEXT_MAX	(2 * SA_KEYLEN_MAX + 64)

static char	text[4096] __attribute__((aligned(4096)));

/* 0 to 15, or -1, without a table or branch that the digit decides. */
static int
hexval(unsigned char c)
{
	int digit = c - '0', letter = (c | 0x20) - 'a';
	int isdigit_ = ((digit | (9 - digit)) >> 8) & 1;
	int isletter = ((letter | (5 - letter)) >> 8) & 1;

	/* isdigit_ and isletter are 0 when true */
	return (digit & -(!isdigit_)) + ((letter + 10) & -(!isletter)) -
	    (isdigit_ & isletter);
}

static int
is_space(char c)
{
	return c == '\n' || c == ' ' || c == '\t' || c == '\r';
}

static int
decode(size_t len, struct sa_request *req, char *why, size_t size)
{
	size_t i, digits;
	int hi, lo, bad = 0;

	while (len > 0 && is_space(text[len - 1]))
		len--;
	digits = len;
	if (digits == 0 || digits % 2 != 0 || digits / 2 > sizeof(req->key)) {
		snprintf(why, size, digits == 0 ? "key file is empty" :
		    digits % 2 != 0 ? "key file has an odd number of digits" :
		    "key file is too long");
		return -1;
	}
	for (i = 0; i < digits / 2; i++) {
		hi = hexval((unsigned char)text[2 * i]);
		lo = hexval((unsigned char)text[2 * i + 1]);
		bad |= hi | lo;
		req->key[i] = (uint8_t)((hi & 15) << 4 | (lo & 15));
	}
	if (bad < 0) {
		snprintf(why, size, "key file holds something else than hex "
		    "digits");
		return -1;
	}
	req->keylen = (uint16_t)(digits / 2);
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
