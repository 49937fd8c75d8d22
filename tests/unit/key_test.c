/* SPDX-License-Identifier: ISC */
/*
 * Key files as the engine reads them: every suite's octets go where RFC 7296
 * 2.17 puts them, and what is no key is refused and leaves none behind.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secd/engine/engine.h"
#include "secd/hex.h"
#include "tests/lib/tap.h"

#define MAXTEXT	1024

static struct sa_request req;
static char		 why[256];

/* What key_read() makes of len octets of text. */
static int
feed(const char *enc, const char *auth, const char *text, size_t len)
{
	int fds[2], r;

	memset(&req, 0, sizeof(req));
	strlcpy(req.enc, enc, sizeof(req.enc));
	strlcpy(req.auth, auth, sizeof(req.auth));
	why[0] = '\0';
	if (pipe(fds) == -1 || write(fds[1], text, len) != (ssize_t)len)
		return -2;
	close(fds[1]);
	r = key_read(fds[0], &req, why, sizeof(why));
	close(fds[0]);
	return r;
}

/* n octets 01 02 03 ... in hex. */
static size_t
count_up(char text[MAXTEXT], size_t n)
{
	uint8_t octet;
	size_t i;

	for (i = 0; i < n; i++) {
		octet = (uint8_t)(i + 1);
		hex_encode(text + 2 * i, &octet, 1);
	}
	return 2 * n;
}

/* Does p hold n octets that count up from the number, and then zeros? */
static int
counts(const uint8_t *p, size_t n, size_t from)
{
	size_t i;

	for (i = 0; i < SA_KEYLEN_MAX; i++)
		if (p[i] != (i < n ? from + i : 0))
			return 0;
	return 1;
}

static void
test_suites(void)
{
	const struct esp_suite *su;
	char text[MAXTEXT];
	const char *auth;
	size_t i, n, all, len;

	for (i = 0; (su = esp_suite_at(i)) != NULL; i++) {
		auth = su->auth != NULL ? su->auth : "";
		n = su->keylen + su->saltlen;
		all = n + su->authkeylen;
		len = count_up(text, all);
		ok(feed(su->enc, auth, text, len) == 0 && req.keylen == n &&
		    req.authkeylen == su->authkeylen &&
		    counts(req.key, n, 1) &&
		    counts(req.authkey, su->authkeylen, n + 1),
		    "%s %s: cipher key and salt, then the other key", su->enc,
		    auth);
		len = count_up(text, all - 1);
		is(feed(su->enc, auth, text, len), -1, "... an octet less");
		len = count_up(text, all + 1);
		is(feed(su->enc, auth, text, len), -1, "... an octet more");
		len = count_up(text, n);
		if (su->auth != NULL)
			is(feed(su->enc, auth, text, len), -1,
			    "... the cipher key alone");
	}
}

static int
wiped(void)
{
	return req.keylen == 0 && req.authkeylen == 0 &&
	    counts(req.key, 0, 0) && counts(req.authkey, 0, 0);
}

static void
refuse(const char *enc, const char *auth, const char *text,
    const char *complaint)
{
	int r = feed(enc, auth, text, strlen(text));

	if (!ok(r == -1 && strcmp(why, complaint) == 0 && wiped(), "%s",
	    complaint))
		printf("# got %d, %s\n", r, why);
}

static void
test_refused(void)
{
	char text[MAXTEXT];

	refuse("aes-256", "hmac-sha2-256", "\n", "key file is empty");
	refuse("aes-256", "hmac-sha2-256", "000",
	    "key file has an odd number of digits");
	text[count_up(text, 32)] = '\0';
	refuse("aes-256", "hmac-sha2-256", text, "key file has 32 octets, "
	    "aes-256 hmac-sha2-256 takes 64 octets: 32 of cipher key and 32 of "
	    "authentication key");
	refuse("aes-256-gcm", "", text, "key file has 32 octets, aes-256-gcm "
	    "takes 36 octets: 32 of cipher key and 4 of salt");
	refuse("aes-256", "", text, "unknown suite aes-256 ");
	count_up(text, 64);
	text[127] = 'g';
	text[128] = '\0';
	refuse("aes-256", "hmac-sha2-256", text,
	    "key file holds something else than hex digits");
	count_up(text, 64);
	text[0] = '-';
	refuse("aes-256", "hmac-sha2-256", text,
	    "key file holds something else than hex digits");
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	refuse("aes-256", "hmac-sha2-512", text, "key file is too long");
	text[count_up(text, 96)] = '\0';
	strlcat(text, "\n\t \r\n", sizeof(text));
	is(feed("aes-256", "hmac-sha2-512", text, strlen(text)), 0,
	    "the longest key, and blanks after it");
}

int
main(void)
{
	test_suites();
	test_refused();
	return tap_done();
}
