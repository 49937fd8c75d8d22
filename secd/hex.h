/* SPDX-License-Identifier: ISC */
/*
 * Keys to hex and back, by arithmetic alone: no branch and no table look-up
 * depends on a digit.  What is decoded here is the caller's to wipe.
 */
#ifndef HEX_H
#define HEX_H

#include <stddef.h>
#include <stdint.h>

/* Length of text without the blanks and newlines at its end. */
size_t	hex_trim(const char *text, size_t len);
/*
 * Decode 2 * n digits into out[n].  0, or -1 if any of them is none; out is
 * then of no use.
 */
int	hex_decode(uint8_t *out, const char *text, size_t n);
/* Encode in[n] as 2 * n digits, lower case, without a terminating NUL. */
void	hex_encode(char *text, const uint8_t *in, size_t n);

#endif /* HEX_H */
