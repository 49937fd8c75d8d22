/* SPDX-License-Identifier: ISC */
/*
 * An SA's life: parameters refused by name, memory exactly as large as it
 * says, nothing of a key left behind when it fails or ends.  libcrypto's
 * allocator is replaced here, so that it can fail, be counted and be searched.
 */
#include <errno.h>

#include <openssl/crypto.h>

#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"

/* --- libcrypto's memory --- */

static long fail_at = -1;	/* the allocation that fails; -1 none */
static long allocs, live;
static unsigned int keys_freed;	/* blocks freed with key octets in them */
static int searching;

#define HEAD	16

static int
holds(const uint8_t *p, size_t len, const uint8_t *what, size_t n)
{
	size_t i;

	for (i = 0; n <= len && i <= len - n; i++)
		if (memcmp(p + i, what, n) == 0)
			return 1;
	return 0;
}

static void *
crypto_malloc(size_t n, const char *file, int line)
{
	uint8_t *p;

	(void)file;
	(void)line;
	if (fail_at >= 0 && allocs++ >= fail_at)
		return NULL;
	p = malloc(n + HEAD);
	if (p == NULL)
		return NULL;
	memcpy(p, &n, sizeof(n));
	live++;
	return p + HEAD;
}

static void
crypto_free(void *v, const char *file, int line)
{
	uint8_t *p = v;
	size_t n;

	(void)file;
	(void)line;
	if (p == NULL)
		return;
	memcpy(&n, p - HEAD, sizeof(n));
	if (searching)
		keys_freed += holds(p, n, h_key, 16) ||
		    holds(p, n, h_key + 16, 16) || holds(p, n, h_authkey, 16);
	live--;
	free(p - HEAD);
}

static void *
crypto_realloc(void *v, size_t n, const char *file, int line)
{
	size_t old;
	void *p;

	p = crypto_malloc(n, file, line);
	if (p == NULL || v == NULL)
		return p;
	memcpy(&old, (uint8_t *)v - HEAD, sizeof(old));
	memcpy(p, v, old < n ? old : n);
	crypto_free(v, file, line);
	return p;
}

/* --- a cipher that fails, or tells that it was cleared --- */

static int cleared;

static int
fake_setup(void *state, const struct esp_params *p)
{
	memcpy(state, p->key, 16);
	if (p->spi == 0xbad) {
		errno = ENOMEM;
		return -1;
	}
	return 0;
}

static void
fake_clear(void *state)
{
	cleared += memcmp(state, h_key, 16) == 0;
}

static const struct esp_cipher_ops fake_ops = {
	.state_size = 48, .setup = fake_setup, .clear = fake_clear
};
static const struct esp_suite fake_suite = {
	.enc = "fake", .auth = "mac", .keylen = 32, .saltlen = 4,
	.authkeylen = 20, .ivlen = 16, .icvlen = 12, .align = 16,
	.ops = &fake_ops
};

/* --- tests --- */

static int
says(const struct esp_params *p, const char *word)
{
	static _Alignas(max_align_t) uint8_t mem[32768];
	const char *what = esp_params_check(p);

	errno = 0;
	return what != NULL && strstr(what, word) != NULL &&
	    esp_sa_size(p) == 0 &&
	    esp_sa_init(mem, sizeof(mem), p) == NULL && errno == EINVAL;
}

static void
test_refused(void)
{
	struct esp_params in = h_params(ESP_IN, 0, 64, 0), p;
	unsigned int spi, bad = 0;

	ok(esp_params_check(&in) == NULL, "good parameters");
	p = in, p.suite = NULL;
	ok(says(&p, "suite"), "no suite");
	p = in, p.dir = (enum esp_dir)2;
	ok(says(&p, "direction"), "direction 2");
	p = in, p.key = NULL;
	ok(says(&p, "key"), "no key");
	p = in, p.keylen--;
	ok(says(&p, "key"), "key one octet short");
	p = in, p.keylen++;
	ok(says(&p, "key"), "key one octet long");
	p = in, p.keylen = 0;
	ok(says(&p, "key"), "empty key");
	p = in, p.keylen = 32;
	ok(says(&p, "key"), "key without salt");
	p = in, p.authkey = h_key, p.authkeylen = 20;
	ok(says(&p, "authentication key"), "an authentication key too many");
	p = in, p.suite = &fake_suite;
	ok(says(&p, "authentication key"), "no authentication key");
	p.authkeylen = 20;
	ok(says(&p, "authentication key"), "its length but no octet");
	p.authkey = h_key;
	ok(esp_params_check(&p) == NULL, "with it, it is good");
	for (p = in, spi = 0; spi < 256; spi++) {
		p.spi = spi;
		bad += !says(&p, "SPI");
	}
	is(bad, 0, "SPI 0..255");
	p.spi = 256;
	ok(esp_params_check(&p) == NULL, "SPI 256");
	p.spi = UINT32_MAX;
	ok(esp_params_check(&p) == NULL, "SPI 2^32 - 1");
	p = in, p.replay = ESP_REPLAY_MAX + 1;
	ok(says(&p, "window"), "window of 65537");
	p.replay = UINT32_MAX;
	ok(says(&p, "window"), "window of 2^32 - 1");
	p.dir = ESP_OUT;
	ok(esp_params_check(&p) == NULL, "which means nothing outbound");
	p = in, p.replay = ESP_REPLAY_MAX;
	ok(esp_params_check(&p) == NULL, "window of 65536");
	p = in, p.seq = (uint64_t)UINT32_MAX + 1;
	ok(says(&p, "sequence"), "seq 2^32 without ESN");
	p.esn = 1;
	ok(esp_params_check(&p) == NULL, "and with it");
	p.seq = UINT64_MAX;
	ok(esp_params_check(&p) == NULL, "seq 2^64 - 1 with ESN");
}

/* Each size is enough (a sanitizer sees more), one octet less is refused. */
static void
test_size(void)
{
	static const uint32_t windows[] = { 0, 1, 33, 64, 255, 4096, 65536 };
	struct esp_params p;
	struct esp_sa *sa;
	size_t i, size, last = 0;
	void *mem;

	for (i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		p = h_params(ESP_IN, 1, windows[i], 0);
		size = esp_sa_size(&p);
		ok(size >= last && size < 32768, "window %u: %zu octets",
		    windows[i], size);
		last = size;
		mem = malloc(size);
		if (mem == NULL)
			err(1, NULL);
		errno = 0;
		ok(esp_sa_init(mem, size - 1, &p) == NULL && errno == ENOBUFS,
		    "one octet less");
		sa = esp_sa_init(mem, size, &p);
		ok(sa == mem, "made where it was told");
		esp_sa_clear(sa);
		free(mem);
	}
	p = h_params(ESP_OUT, 1, 65536, 0);
	ok(esp_sa_size(&p) < 1024, "no window outbound: %zu octets",
	    esp_sa_size(&p));
	mem = malloc(2048);
	errno = 0;
	ok(esp_sa_init((uint8_t *)mem + 1, 2000, &p) == NULL &&
	    errno == EINVAL, "memory not aligned");
	free(mem);
	esp_sa_clear(NULL);
}

static int
all_zero(const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != 0)
			return 0;
	return 1;
}

static void
test_wiped(void)
{
	static _Alignas(max_align_t) uint8_t mem[4096];
	struct esp_params p = h_params(ESP_IN, 0, 1024, 77);
	struct esp_sa *sa;
	size_t size;

	p.suite = &fake_suite;
	p.authkey = h_key;
	p.authkeylen = 20;
	size = esp_sa_size(&p);
	memset(mem, 0xee, sizeof(mem));
	sa = esp_sa_init(mem, sizeof(mem), &p);
	ok(sa != NULL && holds(mem, size, h_key, 16), "the fake keeps its key");
	ok(mem[size] == 0xee, "nothing behind its size is touched");
	esp_sa_clear(sa);
	is(cleared, 1, "its cipher is cleared first");
	ok(all_zero(mem, size), "then all its memory");

	p.spi = 0xbad;
	memset(mem, 0xee, sizeof(mem));
	errno = 0;
	ok(esp_sa_init(mem, sizeof(mem), &p) == NULL && errno == ENOMEM,
	    "a cipher that fails");
	ok(all_zero(mem, size), "leaves nothing behind");
}

/* The expanded key begins with the key itself, so a search would find it. */
static void
test_crypto_memory(const struct h_alg *g, enum esp_dir dir)
{
	struct esp_params p = h_params_of(g, dir, 1, 64, 0);
	struct esp_sa *sa;
	size_t size = esp_sa_size(&p);
	void *mem = malloc(size);
	long before, n;
	int found = 0;

	if (mem == NULL)
		err(1, NULL);
	/* the first one also warms libcrypto up */
	sa = esp_sa_init(mem, size, &p);
	ok(sa != NULL, "%s %s, %s", g->enc, g->auth == NULL ? "" : g->auth,
	    dir == ESP_IN ? "in" : "out");
	esp_sa_clear(sa);

	before = live;
	sa = esp_sa_init(mem, size, &p);
	ok(live > before, "libcrypto allocates at set-up: %ld", live - before);
	searching = 1;
	esp_sa_clear(sa);
	searching = 0;
	is(live - before, 0, "and gives all of it back");
	is(keys_freed, 0, "with no key octet in it");
	ok(all_zero(mem, size), "nor in the SA's memory");

	for (n = 0; n < 1000 && !found; n++) {
		allocs = 0;
		fail_at = n;
		errno = 0;
		sa = esp_sa_init(mem, size, &p);
		fail_at = -1;
		if (sa != NULL) {
			found = 1;
			esp_sa_clear(sa);
		} else if (errno != ENOMEM || !all_zero(mem, size) ||
		    live != before)
			break;
	}
	ok(found && n > 1, "ENOMEM at each of its %ld allocations, no leak",
	    n - 1);
	free(mem);
}

static void
test_access(void)
{
	struct esp_sa *sa = h_sa(ESP_OUT, 0, 0, 41);

	is(esp_sa_spi(sa), H_SPI, "SPI");
	is(esp_sa_seq(sa), 41, "out: last used");
	is(esp_sa_seq_max(sa), UINT32_MAX, "out: number space");
	esp_sa_advance(sa, 40);
	is(esp_sa_seq(sa), 41, "never back");
	esp_sa_advance(sa, 100);
	is(esp_sa_seq(sa), 100, "forward");
	esp_sa_advance(sa, UINT64_MAX);
	is(esp_sa_seq(sa), UINT32_MAX, "to the end at most");
	h_sa_free(sa);

	sa = h_sa(ESP_IN, 1, 64, 5);
	is(esp_sa_seq(sa), 5, "in: highest seen");
	ok(esp_sa_seq_max(sa) == UINT64_MAX, "in: number space");
	esp_sa_advance(sa, 4);
	is(esp_sa_seq(sa), 5, "never back");
	esp_sa_advance(sa, 1000);
	is(esp_sa_seq(sa), 1000, "forward");
	is(esp_replay_check(&sa->replay, 990), ESP_REPLAY, "all seen");
	is(esp_replay_check(&sa->replay, 1001), ESP_OK, "but the next");
	esp_replay_mark(&sa->replay, 1050);
	esp_sa_advance(sa, 1020);
	is(esp_replay_check(&sa->replay, 1020), ESP_REPLAY, "below top too");
	is(esp_replay_check(&sa->replay, 1021), ESP_OK, "not what is above");
	h_sa_free(sa);
}

int
main(void)
{
	size_t i;

	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc,
	    crypto_free) != 1)
		errx(1, "libcrypto has allocated already");
	test_refused();
	test_size();
	test_wiped();
	for (i = 0; i < H_NALGS; i++) {
		test_crypto_memory(&h_algs[i], ESP_IN);
		test_crypto_memory(&h_algs[i], ESP_OUT);
	}
	test_access();
	return tap_done();
}
