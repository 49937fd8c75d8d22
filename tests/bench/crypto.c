/* SPDX-License-Identifier: ISC */
/*
 * What a packet costs, in ns, by suite, library and length: sealed and opened
 * apart, ESN and replay window in use, on one thread whose CPU time is taken.
 * Of some rounds each the median is printed.  Not a test: `make
 * tests/bench/crypto', then run it on a quiet machine.
 *
 * usage: crypto [suite]
 */
#include <stdio.h>
#include <time.h>

#include "tests/unit/mb_help.h"

#define ROUNDS	9
#define ROOM	16384
#define ROUND_NS 10e6		/* about so long is each */

static const size_t lengths[] = { 64, 512, 1420, 8900 };

static uint8_t inner[ROOM], packet[ROOM], opened[ROOM];

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
seal(struct esp_sa *sa, struct esp_buf *pkt, size_t len)
{
	struct esp_buf in = h_buf(inner, ROOM, 64, len);

	*pkt = h_buf(packet, ROOM, 64, 0);
	if (esp_seal(sa, &in, pkt) != ESP_OK)
		errx(1, "esp_seal");
}

/* ns for each of n packets sealed; *both for n sealed and opened. */
static double
run(const struct h_alg *g, size_t len, int n, double *both)
{
	struct esp_sa *out = h_sa_of(g, ESP_OUT, 1, 0, 0);
	struct esp_sa *in = h_sa_of(g, ESP_IN, 1, 4096, 0);
	struct esp_buf pkt, to;
	double begin, sealed;
	int i;

	begin = now();
	for (i = 0; i < n; i++)
		seal(out, &pkt, len);
	sealed = (now() - begin) / n;
	begin = now();
	for (i = 0; i < n; i++) {
		seal(out, &pkt, len);
		to = h_buf(opened, ROOM, 64, 0);
		if (esp_open(in, &pkt, &to) != ESP_OK)
			errx(1, "esp_open");
	}
	*both = (now() - begin) / n;
	h_sa_free(out);
	h_sa_free(in);
	return sealed;
}

static void
measure(const struct h_alg *g, size_t len)
{
	double seals[ROUNDS], opens[ROUNDS], both;
	int i, n = 1000;

	h_inner(inner + 64, 4, len);
	n = (int)(ROUND_NS / run(g, len, n, &both));
	for (i = 0; i < ROUNDS; i++) {
		seals[i] = run(g, len, n, &both);
		opens[i] = both - seals[i];
	}
	qsort(seals, ROUNDS, sizeof(*seals), compare);
	qsort(opens, ROUNDS, sizeof(*opens), compare);
	printf("%-18s %-14s %-10s %6zu %8.0f %8.0f\n", g->enc,
	    g->auth == NULL ? "-" : g->auth,
	    h_backend == NULL ? "libcrypto" : h_backend->name, len,
	    seals[ROUNDS / 2], opens[ROUNDS / 2]);
}

static void
suite(const struct h_alg *g)
{
	const struct esp_suite *s = esp_suite_find(g->enc, g->auth);
	size_t i;

	h_backend = NULL;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		measure(g, lengths[i]);
	if (!esp_backend_does(h_mb(), s))
		return;
	h_backend = h_mb();
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		measure(g, lengths[i]);
}

int
main(int argc, char **argv)
{
	size_t i;

	printf("%-18s %-14s %-10s %6s %8s %8s\n", "ENC", "AUTH", "BACKEND",
	    "OCTETS", "SEAL ns", "OPEN ns");
	for (i = 0; i < H_NALGS; i++)
		if (argc < 2 || strcmp(argv[1], h_algs[i].enc) == 0)
			suite(&h_algs[i]);
	return 0;
}
