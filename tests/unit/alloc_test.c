/* SPDX-License-Identifier: ISC */
/*
 * No packet allocates: in each suite 10,000 times sealed, opened, replayed and
 * forged, with every allocation of libcrypto (by its own hook) and of libesp
 * (by the linker's --wrap) counted.  What libipsec-mb might do by itself
 * mb_test.c counts.
 */
#include <openssl/crypto.h>

#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"
#include "tests/unit/mb_help.h"

#define PACKETS	10000

static unsigned long by_crypto, by_libesp;

void	*__real_malloc(size_t);
void	*__real_calloc(size_t, size_t);
void	*__real_realloc(void *, size_t);
void	*__wrap_malloc(size_t);
void	*__wrap_calloc(size_t, size_t);
void	*__wrap_realloc(void *, size_t);

void *
__wrap_malloc(size_t n)
{
	by_libesp++;
	return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	by_libesp++;
	return __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	by_libesp++;
	return __real_realloc(p, n);
}

static void *
crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	by_crypto++;
	return __real_malloc(n);
}

static void *
crypto_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	by_crypto++;
	return __real_realloc(p, n);
}

static void
crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* One packet: sealed, forged, opened, replayed; returns what went wrong. */
static unsigned int
round_trip(struct esp_sa *out, struct esp_sa *in, unsigned int i)
{
	static uint8_t a[2048], b[2048];
	struct esp_buf plain = h_buf(a, sizeof(a), 64, 20 + i % 1400);
	struct esp_buf pkt = h_buf(b, sizeof(b), i % 7, 0);
	unsigned int bad = 0;

	h_inner(plain.data, 4, plain.len);
	if (i % 2 == 0) {
		bad += esp_seal(out, &plain, &plain) != ESP_OK;
		memcpy(pkt.data, plain.data, plain.len);
		pkt.len = plain.len;
	} else
		bad += esp_seal(out, &plain, &pkt) != ESP_OK;
	pkt.data[pkt.len - 1] ^= 1;
	plain = h_buf(a, sizeof(a), 0, 0);
	bad += esp_open(in, &pkt, &plain) != ESP_BAD_ICV;
	pkt.data[pkt.len - 1] ^= 1;
	bad += esp_open(in, &pkt, &plain) != ESP_OK;
	bad += esp_open(in, &pkt, &plain) != ESP_REPLAY;
	bad += esp_open(in, &pkt, &pkt) != ESP_REPLAY;
	return bad;
}

static void
check_suite(const struct h_alg *g)
{
	struct esp_sa *out = h_sa_of(g, ESP_OUT, 1, 0, 0);
	struct esp_sa *in = h_sa_of(g, ESP_IN, 1, 64, 0);
	const char *auth = g->auth == NULL ? "" : g->auth;
	unsigned long crypto_before, libesp_before;
	const char *by = h_backend == NULL ? "libcrypto" : h_backend->name;
	unsigned int i, bad = 0;

	/* libcrypto makes its error queue at the first error of a thread */
	bad += round_trip(out, in, 0);

	crypto_before = by_crypto;
	libesp_before = by_libesp;
	for (i = 0; i < PACKETS; i++)
		bad += round_trip(out, in, i);
	is(by_crypto - crypto_before, 0, "%s %s by %s: libcrypto allocated "
	    "nothing", g->enc, auth, by);
	is(by_libesp - libesp_before, 0, "nor did libesp");
	is(bad, 0, "%d packets each way", PACKETS);
	h_sa_free(out);
	h_sa_free(in);
}

int
main(void)
{
	size_t i;

	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc,
	    crypto_free) != 1)
		errx(1, "libcrypto has allocated already");
	h_sa_free(h_sa(ESP_OUT, 1, 0, 0));
	ok(by_crypto > 0 && by_libesp > 0, "set-up is counted: %lu and %lu",
	    by_crypto, by_libesp);
	do
		for (i = 0; i < H_NALGS; i++)
			check_suite(&h_algs[i]);
	while (h_once_more());
	return tap_done();
}
