/* SPDX-License-Identifier: ISC */
/*
 * Anti-replay: which number a packet has, whether it was seen before, and the
 * record of those seen.  Keeps no time and knows no packet.  Called by open.c:
 * infer and check before the ICV, mark after it and never otherwise; and by
 * sa.c at set-up.
 *
 * The record is a ring of 64-bit words in the manner of RFC 6479: number n is
 * bit n % 64 of a word.  Moving forward clears whole words and no bit is ever
 * shifted.  The words stand for the block of 64 numbers that top is in and
 * those right below it, and they are as many as a window can touch that begins
 * in the middle of a word; so clearing a block that top enters takes its word
 * from one that has left the window.  The window is exact, not rounded to
 * words.  Where top's word is, is kept: a ring of 2^n words would find it by
 * the number, but be nearly twice as large for the usual windows.
 *
 * Invariant: for every number n in (top - window, top] its bit says whether it
 * was seen; bits above top in top's word are 0; number 0 counts as seen.
 * All numbers are 64 bits wide, also of SAs that send only 32.
 */
#include <string.h>

#include "libesp/internal.h"

#define WORD_BITS	64U

/*
 * RFC 4303 A2 derives the high half from the window.  Without a window there
 * is nothing too old, so a packet is taken for the number nearest to top: the
 * high half is guessed as with a window of half the low number space, and top
 * still follows the packets that are authentic.
 */
#define SPAN_UNCHECKED	((uint64_t)1 << 31)

uint32_t
esp_replay_words(uint32_t window)
{
	/* it may begin with the last number of a word */
	return window == 0 ? 0 : (window + WORD_BITS - 2) / WORD_BITS + 1;
}

/* The bits of number n's word up to n. */
static uint64_t
up_to(uint64_t n)
{
	return UINT64_MAX >> (WORD_BITS - 1 - n % WORD_BITS);
}

/* The word of a number up to top, and not more blocks below than words. */
static uint64_t *
word_of(const struct esp_replay *r, uint64_t n)
{
	uint32_t back = (uint32_t)(r->top / WORD_BITS - n / WORD_BITS);

	return &r->ring[r->at >= back ? r->at - back : r->at + r->words - back];
}

static void
set_top(struct esp_replay *r, uint64_t top)
{
	r->top = top;
	if (r->window == 0)
		return;
	memset(r->ring, 0xff, r->words * sizeof(*r->ring));
	*word_of(r, top) = up_to(top);
}

void
esp_replay_init(struct esp_replay *r, uint64_t *ring, uint32_t window, int esn,
    uint64_t top)
{
	r->ring = window == 0 ? NULL : ring;
	r->window = window;
	r->words = esp_replay_words(window);
	r->at = 0;
	r->esn = esn;
	set_top(r, top);
}

/*
 * RFC 4303 A2: the number is the one with these low bits in the 2^32 numbers
 * that begin at the window's left edge.  In case A (the window lies in one
 * subspace of 2^32) that is the current subspace from the edge on and the next
 * one below it; in case B (the window spans two) it is the previous one from
 * the edge on and the current one below it.  Adding the distance from the edge
 * modulo 2^32 does both.  There are no numbers below 0, so the edge stays
 * there until the window has filled.
 */
enum esp_status
esp_replay_infer(const struct esp_replay *r, uint32_t low, uint64_t *seq)
{
	uint64_t edge, n, span;

	n = low;
	if (r->esn) {
		span = r->window == 0 ? SPAN_UNCHECKED : r->window;
		edge = r->top >= span ? r->top - span + 1 : 0;
		n = edge + (uint32_t)(low - (uint32_t)edge);
		/* past 2^64 there are none: it can only be an old one */
		if (n < edge)
			return ESP_TOO_OLD;
	}
	if (n == 0)
		return ESP_SEQ_ZERO;
	*seq = n;
	return ESP_OK;
}

enum esp_status
esp_replay_check(const struct esp_replay *r, uint64_t seq)
{
	if (r->window == 0 || seq > r->top)
		return ESP_OK;
	if (r->top - seq >= r->window)
		return ESP_TOO_OLD;
	if (*word_of(r, seq) >> (seq % WORD_BITS) & 1)
		return ESP_REPLAY;
	return ESP_OK;
}

/* Let top enter seq's word: clear the words from behind top's to seq's. */
static void
move_top(struct esp_replay *r, uint64_t seq)
{
	uint64_t blocks = seq / WORD_BITS - r->top / WORD_BITS;

	r->top = seq;
	if (blocks >= r->words) {
		memset(r->ring, 0, r->words * sizeof(*r->ring));
		return;
	}
	for (; blocks > 0; blocks--) {
		r->at = r->at + 1 == r->words ? 0 : r->at + 1;
		r->ring[r->at] = 0;
	}
}

void
esp_replay_mark(struct esp_replay *r, uint64_t seq)
{
	const uint64_t bit = (uint64_t)1 << seq % WORD_BITS;

	if (seq <= r->top) {
		if (r->window != 0)
			*word_of(r, seq) |= bit;
		return;
	}
	if (r->window == 0) {
		r->top = seq;
		return;
	}
	move_top(r, seq);
	r->ring[r->at] |= bit;
}

void
esp_replay_advance(struct esp_replay *r, uint64_t seq)
{
	uint32_t older;
	uint64_t n;

	if (seq >= r->top) {
		set_top(r, seq);
		return;
	}
	if (r->window == 0 || r->top - seq >= r->window)
		return;
	/* every older block that still has a word of its own */
	older = r->words - 1 -
	    (uint32_t)(r->top / WORD_BITS - seq / WORD_BITS);
	for (n = seq; older > 0 && n >= WORD_BITS; older--) {
		n -= WORD_BITS;
		*word_of(r, n) = UINT64_MAX;
	}
	*word_of(r, seq) |= up_to(seq);
}
