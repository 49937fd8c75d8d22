/* SPDX-License-Identifier: ISC */
/* The suite table: who is in it, who is not, and whether its rows hold. */
#include <string.h>

#include "libesp/esp.h"
#include "tests/lib/tap.h"

static void
check_row(const struct esp_suite *s)
{
	ok(s->align >= 4 && (s->align & (s->align - 1)) == 0,
	    "%s: alignment %zu is a power of two, at least 4", s->enc,
	    s->align);
	ok(s->ops != NULL && s->keylen > 0, "%s has a cipher and a key",
	    s->enc);
	ok((s->auth == NULL) == (s->authkeylen == 0),
	    "%s: an authentication key if it has a name", s->enc);
	ok(esp_suite_find(s->enc, s->auth) == s, "%s is found", s->enc);
}

static void
check_gcm(const char *name, size_t keylen)
{
	const struct esp_suite *s = esp_suite_find(name, NULL);

	if (!ok(s != NULL, "%s is there", name))
		return;
	is(s->keylen, keylen, "%s key", name);
	is(s->saltlen, 4, "%s salt", name);
	is(s->ivlen, 8, "%s IV", name);
	is(s->icvlen, 16, "%s ICV", name);
	is(s->align, 4, "%s alignment", name);
	ok(esp_suite_find(name, "") == s, "%s with empty auth", name);
	ok(esp_suite_find(name, "hmac-sha2-256") == NULL, "%s with auth", name);
}

int
main(void)
{
	static const char *const none[] = {
		"", "aes-256", "AES-256-GCM", "aes-256-gcm ", "aes-256-gc",
		"aes-512-gcm", "null"
	};
	size_t i;

	for (i = 0; esp_suite_at(i) != NULL; i++)
		check_row(esp_suite_at(i));
	ok(i >= 3, "%zu suites", i);
	ok(esp_suite_at(i) == NULL && esp_suite_at(i + 1) == NULL &&
	    esp_suite_at((size_t)-1) == NULL, "none behind the last");
	check_gcm("aes-128-gcm", 16);
	check_gcm("aes-192-gcm", 24);
	check_gcm("aes-256-gcm", 32);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ok(esp_suite_find(none[i], NULL) == NULL, "no suite \"%s\"",
		    none[i]);
	ok(esp_suite_find(NULL, NULL) == NULL, "no suite NULL");
	return tap_done();
}
