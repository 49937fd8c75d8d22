/* SPDX-License-Identifier: ISC */
/*
 * secd.conf(5) up to the grammar: files, macros, tokens, and complaints, which
 * need a token's place.  One text at a time, from lex_file() or lex_stream()
 * to lex_end(); all else is called between them.
 */
#ifndef LEX_H
#define LEX_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#define WORDLEN		1024	/* of a word, macro value or path, with its 0 */

/* What a token is; else its kind is a character, or 0 at the end. */
enum { LEX_WORD = 512, LEX_QUOTED, LEX_BAD };

struct token {
	int		 kind;
	const char	*text;	/* of a word or string, or ""; to lex_end() */
	const char	*file;	/* to lex_end() */
	int		 line;
};

/* lex.c */

/*
 * Begin with this file, which may include others; complaints go to err.
 * Returns 0, or -1 after a complaint, with nothing begun.
 */
int		 lex_file(const char *path, FILE *err);
/* The same with the caller's stream, called name, and no includes. */
void		 lex_stream(FILE *in, const char *name, FILE *err);
/* Close and free all of it, and forget the macros of the text. */
void		 lex_end(void);

/* The next token.  It is the last one, lex_last(), until the next call. */
struct token	 lex_token(void);
const struct token *lex_last(void);
/* The kind of the token that lex_token() will return. */
int		 lex_peek(void);
/*
 * Take the tokens up to the end of the statement, blocks included, and not
 * that end.  Returns their text, joined by single spaces and cut when absurdly
 * long; the last token stays what it was.
 */
const char	*lex_rest(void);
/*
 * Go on with this file, and after its end where we are, or complain.  A
 * relative path is from the last token's file.  No token may have been looked
 * at in advance.
 */
void		 lex_include(const char *path);
/* A copy that lasts until lex_end(). */
char		*lex_keep(const char *);

/* Complain of the last token, which is on the line of what it ends. */
void		 lex_error(const char *, ...)
		    __attribute__((format(printf, 1, 2)));
/* Complain of another place. */
void		 lex_error_at(const char *file, int line, const char *, ...)
		    __attribute__((format(printf, 3, 4)));
void		 lex_verror_at(const char *file, int line, const char *,
		    va_list) __attribute__((format(printf, 3, 0)));
/* Complain that the last token is not what may stand there. */
void		 lex_syntax_error(void);
/* How many complaints there were. */
int		 lex_errors(void);
/* s as a complaint may show it; not what looks like a key. */
const char	*lex_shown(const char *s);

/* macro.c, which has conf_define() of conf.h too */

/* Of the text; conf_define() wins.  0, or -1 if malformed. */
int		 macro_set(const char *name, const char *value);
/* Its value, until it is set again; or NULL. */
const char	*macro_find(const char *name);
/* Forget all but those of conf_define(). */
void		 macro_forget(void);

/* What names are made of; and values, words and strings.  EOF is neither. */

static inline int
lex_name_char(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static inline int
lex_printable(int c)
{
	return c >= 0x20 && c <= 0x7e;
}

#endif /* LEX_H */
