/* SPDX-License-Identifier: ISC */
/*
 * libipsec-mb as a backend, where it is built in: known answers, the same
 * octets as libcrypto for random keys and lengths, wherever the SA lies in
 * memory; forged packets leave nothing behind; no packet allocates, which is
 * counted by an allocator in front of libc's.
 */
#include <errno.h>

#include "tests/unit/aead_kat.h"
#include "tests/unit/mb_help.h"

#define ROOM	4096
#define PACKETS	10000

static const struct kat_cipher kat = { esp_mb_encrypt, esp_mb_decrypt };

/* --- an allocator that counts, for all of the program's libraries --- */

void	*__libc_malloc(size_t);
void	*__libc_calloc(size_t, size_t);
void	*__libc_realloc(void *, size_t);
void	*__libc_memalign(size_t, size_t);

static unsigned long allocs;

void *
malloc(size_t n)
{
	allocs++;
	return __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	allocs++;
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	allocs++;
	return __libc_realloc(p, n);
}

int
posix_memalign(void **p, size_t align, size_t n)
{
	allocs++;
	*p = __libc_memalign(align, n);
	return *p == NULL ? ENOMEM : 0;
}

/* --- the tests --- */

static uint8_t key[36], a[ROOM], b[ROOM], plain[ROOM];

static struct esp_params
params(const struct h_alg *g, enum esp_dir dir, int esn)
{
	struct esp_params p = h_params_of(g, dir, esn, 64, 0);

	p.key = key;
	return p;
}

static void
random_octets(uint8_t *p, size_t len)
{
	while (len-- > 0)
		*p++ = (uint8_t)(h_random() >> 24);
}

/* An SA of the backend so many times 16 octets behind a cache line. */
static struct esp_sa *
place(uint8_t *mem, size_t size, unsigned int n, const struct esp_params *p)
{
	uint8_t *at = mem + (-(uintptr_t)mem & 63) + 16 * n;
	struct esp_sa *sa;

	if (esp_sa_size(p) + 128 > size)
		errx(1, "an SA of %zu octets", esp_sa_size(p));
	sa = esp_sa_init(at, esp_sa_size(p), p);
	if (sa == NULL)
		err(1, "esp_sa_init");
	return sa;
}

/* One packet of libcrypto's and the backend's; 1 if all is as it should be. */
static int
one(struct esp_sa *ours, struct esp_sa *out, struct esp_sa *in, size_t len)
{
	struct esp_buf from = h_buf(plain, ROOM, 64, len);
	struct esp_buf want = h_buf(a, ROOM, 3, 0), got = h_buf(b, ROOM, 5, 0);
	int good;

	random_octets(from.data, len);
	h_inner(from.data, 4, len);
	good = esp_seal(ours, &from, &want) == ESP_OK &&
	    esp_seal(out, &from, &got) == ESP_OK && got.len == want.len &&
	    memcmp(got.data, want.data, want.len) == 0;
	good &= esp_open(in, &want, &got) == ESP_OK && got.len == len &&
	    memcmp(got.data, from.data, len) == 0;
	return good;
}

static void
test_equal(const struct h_alg *g)
{
	static uint8_t mem_out[4096], mem_in[4096];
	struct esp_params ours, out, in;
	struct esp_sa *sa, *sa_out, *sa_in;
	unsigned int i, j, bad = 0;

	for (i = 0; i < 64; i++) {
		random_octets(key, sizeof(key));
		ours = params(g, ESP_OUT, i & 1);
		ours.backend = NULL;
		out = params(g, ESP_OUT, i & 1);
		in = params(g, ESP_IN, i & 1);
		sa = h_sa_make(&ours);
		sa_out = place(mem_out, sizeof(mem_out), i / 2 % 4, &out);
		sa_in = place(mem_in, sizeof(mem_in), i / 8 % 4, &in);
		esp_sa_prefetch(sa_out);
		for (j = 0; j < 64; j++)
			bad += !one(sa, sa_out, sa_in, 20 + h_random() % 3000);
		h_sa_free(sa);
		esp_sa_clear(sa_out);
		esp_sa_clear(sa_in);
	}
	is(bad, 0, "%s: as libcrypto, for 64 keys and lengths", g->enc);
	for (i = j = 0; i < sizeof(mem_out); i++)
		j += mem_out[i] + mem_in[i];
	is(j, 0, "%s: nothing of it is left in memory", g->enc);
}

static void
test_forged(const struct h_alg *g)
{
	struct esp_sa *out = h_sa_of(g, ESP_OUT, 1, 0, 0);
	struct esp_sa *in = h_sa_of(g, ESP_IN, 1, 64, 0);
	struct esp_buf from = h_buf(plain, ROOM, 64, 100);
	struct esp_buf pkt = h_buf(a, ROOM, 0, 0), to = h_buf(b, ROOM, 0, 0);
	unsigned int bad = 0, left = 0;
	size_t i, j, n;

	h_inner(from.data, 4, 100);
	bad += esp_seal(out, &from, &pkt) != ESP_OK;
	n = pkt.len;
	/* but for SPI and number, which are judged before */
	for (i = 8; i < n; i++) {
		pkt.data[i] ^= (uint8_t)(1 << i % 8);
		memset(b, 0, sizeof(b));
		bad += esp_open(in, &pkt, &to) != ESP_BAD_ICV || to.len != 0;
		for (j = 0; j < sizeof(b); j++)
			left += b[j];
		pkt.data[i] ^= (uint8_t)(1 << i % 8);
	}
	is(bad, 0, "%s: refused, whatever octet is forged", g->enc);
	is(left, 0, "%s: and no plaintext is left", g->enc);
	h_sa_free(out);
	h_sa_free(in);
}

static void
test_allocs(const struct h_alg *g)
{
	struct esp_sa *out = h_sa_of(g, ESP_OUT, 1, 0, 0);
	struct esp_sa *in = h_sa_of(g, ESP_IN, 1, 64, 0);
	struct esp_buf from, pkt, to;
	unsigned int i, bad = 0;
	unsigned long before = allocs;

	for (i = 0; i < PACKETS; i++) {
		from = h_buf(plain, ROOM, 64, 20 + i % 1400);
		pkt = h_buf(a, ROOM, 0, 0);
		to = h_buf(b, ROOM, 0, 0);
		h_inner(from.data, 4, from.len);
		bad += esp_seal(out, &from, &pkt) != ESP_OK;
		pkt.data[pkt.len - 1] ^= 1;
		bad += esp_open(in, &pkt, &to) != ESP_BAD_ICV;
		pkt.data[pkt.len - 1] ^= 1;
		bad += esp_open(in, &pkt, &to) != ESP_OK;
	}
	is(allocs - before, 0, "%s: nothing allocated", g->enc);
	is(bad, 0, "%d packets each way", PACKETS);
	h_sa_free(out);
	h_sa_free(in);
}

/* What is no backend, and what one does not do. */
static void
test_refused(void)
{
	struct esp_backend other;
	const unsigned int version = 0x10000;

	ok(esp_mb_init(&other, h_backend->manager, version) != NULL &&
	    esp_mb_init(&other, h_backend->manager, 0x7f0000) != NULL,
	    "a version too old, and one of another kind");
	ok(!esp_backend_does(NULL, esp_suite_at(0)), "no backend does nothing");
	ok(!esp_backend_does(h_backend, esp_suite_find("aes-128",
	    "hmac-sha1")), "CBC is libcrypto's");
}

int
main(void)
{
	size_t i;

	h_backend = h_mb();
	test_known_answers();
	test_refused();
	for (i = 0; i < H_NALGS; i++) {
		if (h_algs[i].md != NULL || !kat_does(h_algs[i].enc))
			continue;
		test_equal(&h_algs[i]);
		test_forged(&h_algs[i]);
		test_allocs(&h_algs[i]);
	}
	return tap_done();
}
