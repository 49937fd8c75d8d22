/* SPDX-License-Identifier: ISC */
/* secd/hex.c: every octet there and back, every character as a digit. */
#include <ctype.h>
#include <string.h>

#include "secd/hex.h"
#include "tests/lib/tap.h"

int
main(void)
{
	uint8_t all[256], back[256], one;
	char text[512], two[2];
	int c, wrong = 0;

	for (c = 0; c < 256; c++)
		all[c] = (uint8_t)c;
	hex_encode(text, all, sizeof(all));
	ok(memcmp(text, "000102", 6) == 0 && memcmp(text + 510, "ff", 2) == 0,
	    "encoded in lower case");
	is(hex_decode(back, text, sizeof(back)), 0, "decoded");
	ok(memcmp(all, back, sizeof(all)) == 0, "to the same octets");
	for (c = 0; c < 512; c++)
		text[c] = (char)toupper((unsigned char)text[c]);
	ok(hex_decode(back, text, sizeof(back)) == 0 &&
	    memcmp(all, back, sizeof(all)) == 0, "upper case as well");
	for (c = 0; c < 512; c++) {
		two[c / 256] = (char)c;
		two[1 - c / 256] = '7';
		wrong += (hex_decode(&one, two, 1) == 0) !=
		    (isxdigit(c % 256) != 0);
	}
	is(wrong, 0, "only hex digits are taken, in either place");
	is(hex_decode(&one, "", 0), 0, "nothing is nothing");
	is(hex_trim("ab \t\r\n", 6), 2, "blanks at the end");
	is(hex_trim(" ab", 3), 3, "not at the beginning");
	is(hex_trim(" \n", 2), 0, "nothing else");
	is(hex_trim("", 0), 0, "nothing at all");
	return tap_done();
}
