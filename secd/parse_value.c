/* SPDX-License-Identifier: ISC */
/*
 * Values of secd.conf(5), from the word to what is kept; whatever is wrong with
 * one is complained about here.  Knows no statement: its range is checked where
 * it goes.  Called by parse.y, parse_iface.c and parse_sa.c.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secd/addr.h"
#include "secd/lex.h"
#include "secd/log.h"
#include "secd/parse.h"

int
parse_number(const char *what, const char *s, uint64_t *n)
{
	int hex = s[0] == '0' && (s[1] | 0x20) == 'x';
	const char *digits = hex ? s + 2 : s;
	const char *set = hex ? "0123456789abcdefABCDEF" : "0123456789";

	*n = 0;
	if (digits[0] == '\0' || digits[strspn(digits, set)] != '\0') {
		lex_error("%s %s: not a number", what, lex_shown(s));
		return -1;
	}
	errno = 0;
	*n = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno == ERANGE) {
		lex_error("%s %s: number too large", what, lex_shown(s));
		return -1;
	}
	return 0;
}

uint32_t
parse_clamp(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : n;
}

int
parse_address(const char *what, const char *s, struct ip_addr *a)
{
	if (addr_parse(s, a) == 0)
		return 0;
	lex_error("%s %s: not an address", what, lex_shown(s));
	return -1;
}

int
parse_once(unsigned int *seen, unsigned int bit, const char *what)
{
	if (*seen & 1U << bit) {
		lex_error("%s given twice", what);
		return -1;
	}
	*seen |= 1U << bit;
	return 0;
}

void
parse_path(char **field, const char *path, const char *what, size_t size)
{
	if (*field != NULL)
		lex_error("%s given twice", what);
	else if (path[0] != '/')
		lex_error("%s %s: not an absolute path", what, lex_shown(path));
	else if (strlen(path) >= size)
		lex_error("%s: path longer than %zu octets", what, size - 1);
	else if ((*field = strdup(path)) == NULL)
		fatal("configuration");
}
