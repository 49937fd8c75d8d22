/* SPDX-License-Identifier: ISC */
/*
 * The statements of secd.conf(5) that the engine is told at its start: workers,
 * crypto, offload.  Called by the actions of parse.y.
 */
#include <stdint.h>
#include <string.h>

#include "secd/conf.h"
#include "secd/lex.h"
#include "secd/parse.h"

enum once {
	ONCE_WORKERS, ONCE_CRYPTO, ONCE_OFFLOAD
};

static struct {
	struct engine_conf	*ec;
	unsigned int		 seen;	/* 1 << enum once */

	/* of the offload statement that is being read */
	unsigned int		 these;	/* OFFLOAD_* named */
	int			 words;	/* taken; no is none */
	int			 whole;	/* all or none was said */
	int			 no;	/* said before the last name */
	int			 no_now;	/* said just now */
	int			 wrong;	/* complained */
} cur;

void
parse_engine_start(struct conf *conf)
{
	memset(&cur, 0, sizeof(cur));
	cur.ec = conf != NULL ? &conf->engine : NULL;
}

/* Take the new values, or say what is wrong with the one that changed. */
static void
take(const struct engine_conf *ec)
{
	const char *why;

	if ((why = engine_conf_check(ec)) != NULL)
		lex_error("%s", why);
	else
		*cur.ec = *ec;
}

void
parse_workers(const char *s)
{
	struct engine_conf ec = *cur.ec;
	uint64_t n;

	if (parse_once(&cur.seen, ONCE_WORKERS, "workers") == -1 ||
	    parse_number("workers", s, &n) == -1)
		return;
	/* more than the field holds is out of range too */
	ec.workers = n > UINT8_MAX ? UINT8_MAX : (uint8_t)n;
	take(&ec);
}

void
parse_crypto(const char *word, const char *name)
{
	const char *known;
	unsigned int i;

	if (strcmp(word, "backend") != 0) {
		lex_error("crypto %s: use crypto backend NAME",
		    lex_shown(word));
		return;
	}
	if (parse_once(&cur.seen, ONCE_CRYPTO, "crypto backend") == -1)
		return;
	for (i = 0; (known = crypto_name(i)) != NULL; i++)
		if (strcmp(known, name) == 0) {
			cur.ec->crypto = (uint8_t)i;
			return;
		}
	lex_error("crypto backend %s: use auto, libcrypto or ipsec-mb",
	    lex_shown(name));
}

/* --- offload: all, none, those named, or all but those named after no --- */

void
parse_offload_begin(void)
{
	cur.these = 0;
	cur.words = 0;
	cur.whole = 0;
	cur.no = 0;
	cur.no_now = 0;
	cur.wrong = 0;
	if (parse_once(&cur.seen, ONCE_OFFLOAD, "offload") == -1)
		cur.wrong = 1;
}

static int
is_whole(const char *word)
{
	return !cur.no_now &&
	    (strcmp(word, "all") == 0 || strcmp(word, "none") == 0);
}

/* The OFFLOAD_* that the word says; -1 if it is not known. */
static int
offload_value(const char *word)
{
	const char *name;
	unsigned int i;

	if (is_whole(word))
		return strcmp(word, "all") == 0 ? OFFLOAD_ALL : 0;
	for (i = 0; (name = offload_name(i)) != NULL; i++)
		if (strcmp(name, word) == 0)
			return 1 << i;
	return -1;
}

/* Does it go with the words before it? */
static int
goes(const char *word, unsigned int value)
{
	if (cur.words > 0 && (cur.whole || is_whole(word)))
		lex_error("offload: all and none stand alone");
	else if (cur.words > 0 && cur.no != cur.no_now)
		lex_error("offload: words with no and without do not mix");
	else if ((cur.these & value) != 0)
		lex_error("offload %s given twice", word);
	else
		return 1;
	return 0;
}

/* One complaint for a statement is enough. */
void
parse_offload(const char *word)
{
	int value;

	if (cur.wrong)
		return;
	if (!cur.no_now && strcmp(word, "no") == 0) {
		cur.no_now = 1;
		return;
	}
	if ((value = offload_value(word)) == -1) {
		lex_error("offload %s%s: use all, none, or words of tso, uso, "
		    "merge, gso and gro", cur.no_now ? "no " : "",
		    lex_shown(word));
		cur.wrong = 1;
		return;
	}
	if (!goes(word, (unsigned int)value)) {
		cur.wrong = 1;
		return;
	}
	cur.these |= (unsigned int)value;
	cur.whole = is_whole(word);
	cur.no = cur.no_now;
	cur.no_now = 0;
	cur.words++;
}

void
parse_offload_end(void)
{
	if (cur.wrong)
		return;
	if (cur.no_now) {
		lex_error("offload no: the word after it is missing");
		return;
	}
	cur.ec->offload = (uint8_t)(cur.no ? OFFLOAD_ALL & ~cur.these :
	    cur.these);
}
