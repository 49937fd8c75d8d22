/* SPDX-License-Identifier: ISC */
/*
 * The replay window and the guess of high halves: tables, every window at
 * every bit of a word, and random packets against a model that shares nothing
 * with the code: it keeps whole numbers, and its inference tries the three
 * high halves there are and takes the one inside the window's 2^32 numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"

#define P32	((uint64_t)1 << 32)

static struct esp_replay *
window(uint32_t size, int esn, uint64_t top)
{
	struct esp_replay *r = calloc(1, sizeof(*r));
	uint64_t *ring = NULL;

	if (esp_replay_words(size) > 0)
		ring = malloc(esp_replay_words(size) * sizeof(*ring));
	if (r == NULL || (size > 0 && ring == NULL))
		err(1, NULL);
	esp_replay_init(r, ring, size, esn, top);
	return r;
}

static void
discard(struct esp_replay *r)
{
	free(r->ring);
	free(r);
}

/* An authentic packet arrives: check, and mark if it is accepted. */
static enum esp_status
arrive(struct esp_replay *r, uint64_t seq)
{
	enum esp_status status = esp_replay_check(r, seq);

	if (status == ESP_OK)
		esp_replay_mark(r, seq);
	return status;
}

/* --- tables --- */

static void
test_words(void)
{
	static const uint32_t table[][2] = {
		{ 0, 0 }, { 1, 1 }, { 2, 2 }, { 64, 2 }, { 65, 2 }, { 66, 3 },
		{ 193, 4 }, { 194, 5 }, { 4096, 65 }, { 65536, 1025 }
	};
	size_t i;

	/* n words hold any window up to 64 * (n - 1) + 1, RFC 6479 and one */
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		is(esp_replay_words(table[i][0]), table[i][1],
		    "words for a window of %u", table[i][0]);
}

struct step {
	uint64_t	seq;
	enum esp_status	want;
};

static void
run_steps(const char *name, struct esp_replay *r, const struct step *s,
    size_t n)
{
	enum esp_status got;
	size_t i;

	for (i = 0; i < n; i++) {
		got = arrive(r, s[i].seq);
		ok(got == s[i].want, "%s: step %zu, %llu: %s", name, i,
		    (unsigned long long)s[i].seq, esp_status_name(got));
	}
	discard(r);
}

static void
test_steps(void)
{
	static const struct step w64[] = {
		{ 1, ESP_OK }, { 1, ESP_REPLAY }, { 64, ESP_OK },
		{ 2, ESP_OK }, { 65, ESP_OK }, { 1, ESP_TOO_OLD },
		{ 2, ESP_REPLAY }, { 66, ESP_OK }, { 2, ESP_TOO_OLD },
		{ 3, ESP_OK }, { 200, ESP_OK }, { 136, ESP_TOO_OLD },
		{ 137, ESP_OK }, { 137, ESP_REPLAY }, { 200, ESP_REPLAY },
		{ UINT32_MAX, ESP_OK }, { 200, ESP_TOO_OLD },
		{ UINT32_MAX - 63, ESP_OK }, { UINT32_MAX - 64, ESP_TOO_OLD },
		{ UINT32_MAX, ESP_REPLAY }
	};
	static const struct step w1[] = {
		{ 5, ESP_OK }, { 5, ESP_REPLAY }, { 4, ESP_TOO_OLD },
		{ 6, ESP_OK }, { 5, ESP_TOO_OLD }
	};
	static const struct step w0[] = {
		{ 5, ESP_OK }, { 5, ESP_OK }, { 1, ESP_OK }
	};
	static const struct step resumed[] = {
		{ 1000, ESP_REPLAY }, { 999, ESP_REPLAY }, { 937, ESP_REPLAY },
		{ 936, ESP_TOO_OLD }, { 1001, ESP_OK }, { 1001, ESP_REPLAY },
		{ 1000, ESP_REPLAY }, { 1063, ESP_OK }, { 1002, ESP_OK },
		{ 1000, ESP_REPLAY }
	};
	static const struct step end[] = {
		{ UINT64_MAX - 1, ESP_OK }, { UINT64_MAX, ESP_OK },
		{ UINT64_MAX, ESP_REPLAY }, { UINT64_MAX - 63, ESP_OK },
		{ UINT64_MAX - 64, ESP_TOO_OLD }
	};

#define RUN(name, r, s)	run_steps(name, r, s, sizeof(s) / sizeof(s[0]))
	RUN("window 64", window(64, 0, 0), w64);
	RUN("window 1", window(1, 0, 0), w1);
	RUN("window 0", window(0, 0, 0), w0);
	RUN("from 1000", window(64, 0, 1000), resumed);
	RUN("near 2^64", window(64, 1, UINT64_MAX - 100), end);
}

/* RFC 4303 A2: top, window, low bits, number (0: refused as next field). */
static void
test_infer(void)
{
	static const struct {
		uint64_t	top;
		uint32_t	w, low;
		uint64_t	seq;
		enum esp_status	want;
	} t[] = {
		/* case A: the window is inside one subspace */
		{ P32 + 1000, 64, 1001, P32 + 1001, ESP_OK },
		{ P32 + 1000, 64, 937, P32 + 937, ESP_OK },
		{ P32 + 1000, 64, 936, 2 * P32 + 936, ESP_OK },
		{ P32 + 1000, 64, 0, 2 * P32, ESP_OK },
		{ P32 + 1000, 64, UINT32_MAX, P32 + UINT32_MAX, ESP_OK },
		{ P32 - 1, 64, 0, P32, ESP_OK },
		{ P32 - 1, 64, 5, P32 + 5, ESP_OK },
		{ P32 + 63, 64, 0, P32, ESP_OK },
		{ P32 + 63, 64, UINT32_MAX, P32 + UINT32_MAX, ESP_OK },
		/* case B: the window spans the boundary */
		{ P32 + 62, 64, UINT32_MAX, P32 - 1, ESP_OK },
		{ P32 + 62, 64, UINT32_MAX - 1, P32 + UINT32_MAX - 1, ESP_OK },
		{ P32, 64, UINT32_MAX - 62, P32 - 63, ESP_OK },
		{ P32, 64, UINT32_MAX - 63, P32 + UINT32_MAX - 63, ESP_OK },
		{ P32, 64, 0, P32, ESP_OK },
		{ P32 + 5, 64, 3, P32 + 3, ESP_OK },
		{ P32 + 5, 64, 100, P32 + 100, ESP_OK },
		{ 7 * P32 + 5, 65536, UINT32_MAX, 7 * P32 - 1, ESP_OK },
		/* a window of 1 never looks back */
		{ P32, 1, UINT32_MAX, P32 + UINT32_MAX, ESP_OK },
		{ P32, 1, 0, P32, ESP_OK },
		/* before the window has filled there is nothing below 0 */
		{ 0, 64, 1, 1, ESP_OK },
		{ 0, 64, UINT32_MAX, UINT32_MAX, ESP_OK },
		{ 10, 64, UINT32_MAX, UINT32_MAX, ESP_OK },
		{ 0, 64, 0, 0, ESP_SEQ_ZERO },
		{ 62, 64, 0, 0, ESP_SEQ_ZERO },
		{ 63, 64, 0, 0, ESP_SEQ_ZERO },
		{ 64, 64, 0, P32, ESP_OK },
		/* nor above 2^64 - 1 */
		{ UINT64_MAX, 64, UINT32_MAX, UINT64_MAX, ESP_OK },
		{ UINT64_MAX, 64, UINT32_MAX - 63, UINT64_MAX - 63, ESP_OK },
		{ UINT64_MAX, 64, UINT32_MAX - 64, 0, ESP_TOO_OLD },
		{ UINT64_MAX, 64, 0, 0, ESP_TOO_OLD },
		{ UINT64_MAX - 9, 64, UINT32_MAX, UINT64_MAX, ESP_OK },
		/* no window: the number nearest to top */
		{ P32, 0, UINT32_MAX, P32 - 1, ESP_OK },
		{ P32, 0, 0, P32, ESP_OK },
		{ P32, 0, 1, P32 + 1, ESP_OK },
		{ P32 - 1, 0, 0, P32, ESP_OK },
		{ P32 + 1000, 0, 10, P32 + 10, ESP_OK },
		{ 5 * P32 + 0x80000000U, 0, 0, 6 * P32, ESP_OK },
		{ 5 * P32 + 0x7fffffffU, 0, 0, 5 * P32, ESP_OK },
		{ 0, 0, 0, 0, ESP_SEQ_ZERO },
		{ UINT64_MAX, 0, 0, 0, ESP_TOO_OLD },
	};
	struct esp_replay *r;
	uint64_t seq;
	size_t i;
	int st;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		r = window(t[i].w, 1, t[i].top);
		seq = 0;
		st = esp_replay_infer(r, t[i].low, &seq);
		ok(st == (int)t[i].want && seq == t[i].seq,
		    "top %#llx window %u low %#x: %s %#llx",
		    (unsigned long long)t[i].top, t[i].w, t[i].low,
		    esp_status_name(st), (unsigned long long)seq);
		discard(r);
	}
	r = window(64, 0, UINT32_MAX);
	ok(esp_replay_infer(r, 5, &seq) == ESP_OK && seq == 5,
	    "32 bits are what they are");
	is(esp_replay_infer(r, 0, &seq), ESP_SEQ_ZERO, "32 bits, 0");
	discard(r);
	r = window(0, 0, 9);
	is(esp_replay_infer(r, 0, &seq), ESP_SEQ_ZERO, "32 bits, 0, no window");
	discard(r);
}

/* --- every window at every bit of a word --- */

static int
edge_holds(uint32_t size, uint64_t top)
{
	struct esp_replay *r = window(size, 1, 0);
	uint64_t left = top - size + 1;
	int good;

	good = arrive(r, top) == ESP_OK && arrive(r, top) == ESP_REPLAY &&
	    arrive(r, left - 1) == ESP_TOO_OLD &&
	    (size == 1 || arrive(r, left) == ESP_OK) &&
	    arrive(r, left) == ESP_REPLAY &&
	    /* one step: the edge goes, what was second is now the edge */
	    arrive(r, top + 1) == ESP_OK && arrive(r, left) == ESP_TOO_OLD &&
	    (size < 3 || (arrive(r, left + 1) == ESP_OK &&
	    arrive(r, left + 1) == ESP_REPLAY)) &&
	    /* a whole window further nothing old is left */
	    arrive(r, top + 1 + size) == ESP_OK &&
	    arrive(r, top + 1) == ESP_TOO_OLD &&
	    (size == 1 || arrive(r, top + 2) == ESP_OK);
	discard(r);
	return good;
}

static void
test_edges(void)
{
	static const uint32_t more[] = {
		191, 192, 193, 194, 255, 256, 257, 1023, 1024, 1025, 4095,
		4096, 4097, 65472, 65473, 65535, 65536
	};
	unsigned int bad = 0, bit, size;
	size_t i;

	for (size = 1; size <= 130; size++)
		for (bit = 0; bit < 64; bit++)
			bad += !edge_holds(size, (1 << 20) + bit);
	is(bad, 0, "windows of 1..130, top at each bit of a word");
	for (bad = 0, i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		for (bit = 0; bit < 64; bit++)
			bad += !edge_holds(more[i], P32 - 32 + bit);
	is(bad, 0, "windows up to 65536, top at each bit around 2^32");
}

/* --- the model --- */

#define SLOTS	(1U << 18)	/* more than the largest window */

/* slot[n % SLOTS] is n if n was seen: whoever overwrites it is too far off. */
struct model {
	uint64_t	 top;
	uint32_t	 size;
	int		 esn;
	uint64_t	*slot;
};

static void
model_init(struct model *m, uint32_t size, int esn, uint64_t top)
{
	uint64_t n;

	m->top = top;
	m->size = size;
	m->esn = esn;
	memset(m->slot, 0xff, SLOTS * sizeof(*m->slot));
	for (n = top < size ? 0 : top - size; n <= top; n++)
		m->slot[n % SLOTS] = n;
}

/* 1 if x lies in the 2^32 numbers that begin at the window's left edge. */
static int
in_reach(const struct model *m, __int128 x)
{
	__int128 span = m->size == 0 ? (__int128)1 << 31 : m->size;
	__int128 edge = (__int128)m->top - span + 1;

	if (edge < 0)
		edge = 0;
	return x >= edge && x < edge + P32 && x <= UINT64_MAX;
}

static enum esp_status
model_infer(const struct model *m, uint32_t low, uint64_t *seq)
{
	__int128 x;
	int h, found = 0;

	*seq = low;
	for (h = -1; m->esn && h <= 1; h++) {
		x = ((__int128)(m->top >> 32) + h) * P32 + low;
		if (!in_reach(m, x))
			continue;
		*seq = (uint64_t)x;
		found = 1;
	}
	if (m->esn && !found)
		return ESP_TOO_OLD;
	return *seq == 0 ? ESP_SEQ_ZERO : ESP_OK;
}

static enum esp_status
model_check(const struct model *m, uint64_t seq)
{
	if (m->size == 0 || seq > m->top)
		return ESP_OK;
	if ((__int128)seq <= (__int128)m->top - m->size)
		return ESP_TOO_OLD;
	return m->slot[seq % SLOTS] == seq ? ESP_REPLAY : ESP_OK;
}

static void
model_mark(struct model *m, uint64_t seq)
{
	m->slot[seq % SLOTS] = seq;
	if (seq > m->top)
		m->top = seq;
}

static void
model_advance(struct model *m, uint64_t seq)
{
	uint64_t n, from = m->top > seq ? m->top : seq;

	from = from < m->size ? 0 : from - m->size;
	for (n = from; n <= seq; n++)
		m->slot[n % SLOTS] = n;
	if (seq > m->top)
		m->top = seq;
}

/* What the sender sends next: mostly in order, at times anything but. */
static uint64_t
pick(const struct model *m)
{
	uint64_t near = m->size < 64 ? 64 : m->size;
	uint64_t x = h_random();

	switch (x >> 60) {
	case 0:
	case 1:
	case 2:
	case 3:
		return m->top + 1;
	case 4:
	case 5:
	case 6:						/* within the window */
		return m->top - x % near;
	case 7:						/* around its edge */
		return m->top - near - 3 + x % 6;
	case 8:						/* long past */
		return m->top - x % (4 * near);
	case 9:
	case 10:					/* a few lost */
		return m->top + x % 70;
	case 11:
		return m->top + x % near;
	case 12:					/* beyond the window */
		return m->top + near + x % (2 * near);
	case 13:					/* replay */
		return m->top;
	case 14:
		return m->top + (x & 0xf ? 1 : x % 300000);
	default:					/* forged, anything */
		return x;
	}
}

/* One in eight is forged, and so are those that no sender could have sent. */
static int
authentic(const struct model *m, uint64_t sent)
{
	return sent < (__int128)m->top + 4 * SLOTS && h_random() % 8 != 0;
}

/*
 * n packets; forged ones, and those whose number is guessed wrong, must leave
 * no trace.  Returns how often code and model differ.
 */
static unsigned int
compare(struct model *m, uint32_t size, int esn, uint64_t start,
    unsigned int n)
{
	struct esp_replay *r = window(size, esn, start);
	uint64_t sent, a, b;
	unsigned int i, bad = 0;
	enum esp_status sa, sb;

	model_init(m, size, esn, start);
	for (i = 0; i < n; i++) {
		sent = pick(m);
		if (!esn)
			sent &= UINT32_MAX;
		a = b = 0;
		sa = esp_replay_infer(r, (uint32_t)sent, &a);
		sb = model_infer(m, (uint32_t)sent, &b);
		bad += sa != sb || (sa == ESP_OK && a != b);
		if (sa != ESP_OK || sb != ESP_OK)
			continue;
		sa = esp_replay_check(r, a);
		sb = model_check(m, b);
		bad += sa != sb;
		if (sa == ESP_OK && sb == ESP_OK && a == sent &&
		    authentic(m, sent)) {
			esp_replay_mark(r, a);
			model_mark(m, b);
		}
		bad += r->top != m->top;
		if (h_random() % 5000 == 0) {
			a = pick(m);
			if (!esn)
				a &= UINT32_MAX;
			/* the far away ones would end the run */
			if (a < m->top + 3 * (uint64_t)SLOTS) {
				esp_replay_advance(r, a);
				model_advance(m, a);
			}
		}
		/* keep near the boundary: begin again before it */
		if (m->top - start > 3 * (uint64_t)SLOTS) {
			model_init(m, size, esn, start);
			esp_replay_init(r, r->ring, size, esn, start);
		}
	}
	discard(r);
	return bad;
}

static void
test_model(void)
{
	static const uint32_t sizes[] = {
		0, 1, 2, 31, 32, 33, 63, 64, 65, 66, 128, 255, 1000, 4096,
		65535, 65536
	};
	static const uint64_t starts[] = {
		0, P32 - 1500, 3 * P32 - 70000, 9 * P32 + 5
	};
	struct model m;
	unsigned int bad, total = 0;
	size_t i, j;

	m.slot = malloc(SLOTS * sizeof(*m.slot));
	if (m.slot == NULL)
		err(1, NULL);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bad = compare(&m, sizes[i], 0, 0, 40000);
		bad += compare(&m, sizes[i], 0, UINT32_MAX - 1000000, 20000);
		for (j = 0; j < sizeof(starts) / sizeof(starts[0]); j++)
			bad += compare(&m, sizes[i], 1, starts[j], 40000);
		bad += compare(&m, sizes[i], 1, UINT64_MAX - 100000, 20000);
		total += 240000;
		is(bad, 0, "window %u agrees with the model", sizes[i]);
	}
	ok(total >= 1000000, "%u random packets", total);
	free(m.slot);
}

/* Bursts in order from 2^32 - n on, nothing lost: all of them are taken. */
static void
test_bursts(void)
{
	static const uint32_t sizes[] = { 0, 1, 32, 64, 4096, 65536 };
	struct esp_replay *r;
	uint64_t sent, seq, span;
	unsigned int bad;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		span = sizes[i] + 5000;
		r = window(sizes[i], 1, P32 - span);
		for (bad = 0, sent = r->top + 1; sent < P32 + span; sent++)
			bad += esp_replay_infer(r, (uint32_t)sent, &seq) !=
			    ESP_OK || seq != sent || arrive(r, seq) != ESP_OK;
		is(bad, 0, "window %u: a burst over 2^32 is taken whole",
		    sizes[i]);
		/* and once more: with a window, none of them */
		for (bad = 0, sent = P32 - span; sent < P32 + span; sent++)
			bad += esp_replay_infer(r, (uint32_t)sent, &seq) ==
			    ESP_OK && seq <= P32 + span - 1 &&
			    arrive(r, seq) == ESP_OK;
		is(bad, sizes[i] == 0 ? 2 * span : 0,
		    "window %u: and repeated", sizes[i]);
		discard(r);
	}
}

static void
test_jumps(void)
{
	static const uint32_t sizes[] = { 1, 64, 1000, 65536 };
	struct esp_replay *r;
	uint64_t jump, n, before;
	unsigned int bad;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		r = window(sizes[i], 1, 0);
		for (bad = 0, jump = 1; jump < P32; jump = jump * 2 + 1) {
			before = r->top;
			bad += arrive(r, before + jump) != ESP_OK;
			/* all that was skipped, and is in the window, is new */
			n = jump < sizes[i] ? before + 1 :
			    r->top - sizes[i] + 1;
			for (; n < r->top; n++)
				bad += esp_replay_check(r, n) != ESP_OK;
			bad += arrive(r, r->top) != ESP_REPLAY;
		}
		is(bad, 0, "window %u: jumps of 2^n - 1", sizes[i]);
		discard(r);
	}
}

int
main(void)
{
	test_words();
	test_steps();
	test_infer();
	test_edges();
	test_model();
	test_bursts();
	test_jumps();
	return tap_done();
}
