/* SPDX-License-Identifier: ISC */
/*
 * Hex digits of keys; see hex.h.  Used by the engine for key files and by
 * secctl.
 */
#include "secd/hex.h"

/* All ones if from <= c <= to, else 0. */
static uint32_t
between(int32_t c, int32_t from, int32_t to)
{
	return ((uint32_t)((c - from) | (to - c)) >> 31) - 1;
}

/* Value of a digit; *bad gets ones if it is none. */
static uint32_t
digit(uint8_t c, uint32_t *bad)
{
	int32_t lower = c | 0x20;
	uint32_t dec = between(c, '0', '9');
	uint32_t hex = between(lower, 'a', 'f');

	*bad |= ~(dec | hex);
	return (dec & (uint32_t)(c - '0')) |
	    (hex & (uint32_t)(lower - 'a' + 10));
}

size_t
hex_trim(const char *text, size_t len)
{
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t' ||
	    text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	return len;
}

int
hex_decode(uint8_t *out, const char *text, size_t n)
{
	uint32_t bad = 0;
	size_t i;

	for (i = 0; i < n; i++)
		out[i] = (uint8_t)(digit((uint8_t)text[2 * i], &bad) << 4 |
		    digit((uint8_t)text[2 * i + 1], &bad));
	return bad == 0 ? 0 : -1;
}

void
hex_encode(char *text, const uint8_t *in, size_t n)
{
	uint32_t nibble;
	size_t i;

	for (i = 0; i < 2 * n; i++) {
		nibble = in[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf;
		text[i] = (char)('0' + nibble +
		    (between((int32_t)nibble, 10, 15) & ('a' - '0' - 10)));
	}
}
