/* SPDX-License-Identifier: ISC */
/* The suite table: who is in it, who is not, and whether its rows hold. */
#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"

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

/* The i'th row is what the tests' own table says. */
static void
check_alg(size_t i)
{
	const struct h_alg *g = &h_algs[i];
	const struct esp_suite *s = esp_suite_find(g->enc, g->auth);
	const char *auth = g->auth == NULL ? "" : g->auth;

	if (!ok(s != NULL, "%s %s is there", g->enc, auth))
		return;
	ok(s == esp_suite_at(i), "as suite %zu", i);
	is(s->keylen, g->keylen, "%s %s: key", g->enc, auth);
	is(s->saltlen, g->md == NULL ? 4 : 0, "salt");
	is(s->authkeylen, g->authkeylen, "authentication key");
	is(s->ivlen, g->ivlen, "IV");
	is(s->icvlen, g->icvlen, "ICV");
	is(s->align, g->align, "alignment");
	ok((esp_suite_find(g->enc, "") == s) == (g->md == NULL),
	    "auth may be empty if the cipher authenticates");
	ok((esp_suite_find(g->enc, "hmac-sha2-256") == NULL) ==
	    (g->md == NULL), "and only then must be");
	ok(esp_suite_find(g->enc, "hmac-md5") == NULL, "no auth hmac-md5");
}

int
main(void)
{
	static const char *const none[] = {
		"", "aes-256", "AES-256-GCM", "aes-256-gcm ", "aes-256-gc",
		"aes-512-gcm", "null", "aes", "aes-128", "chacha20"
	};
	size_t i;

	for (i = 0; esp_suite_at(i) != NULL; i++)
		check_row(esp_suite_at(i));
	is(i, H_NALGS, "16 suites");
	ok(esp_suite_at(i) == NULL && esp_suite_at(i + 1) == NULL &&
	    esp_suite_at((size_t)-1) == NULL, "none behind the last");
	for (i = 0; i < H_NALGS; i++)
		check_alg(i);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		ok(esp_suite_find(none[i], NULL) == NULL, "no suite \"%s\"",
		    none[i]);
	ok(esp_suite_find(NULL, NULL) == NULL, "no suite NULL");
	return tap_done();
}
