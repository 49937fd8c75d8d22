/* SPDX-License-Identifier: ISC */
/*
 * secd.conf(5) as tokens: files and what they include, macros expanded, words
 * and strings, and complaints about them with file and line.  Knows no keyword
 * and no statement.  parse.y takes the tokens; it and parse_*.c complain.
 *
 * Words live in an arena that lex_end() frees, so error recovery, which throws
 * tokens away, leaks none.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/lex.h"
#include "secd/log.h"

#define INCLUDE_MAX	16	/* depth */
#define NOCHAR		(-2)	/* nothing put back */
#define AGAIN		(-1)	/* no token here, scan on */

struct source {			/* a file being read */
	SLIST_ENTRY(source)	 entry;
	FILE			*in;
	const char		*name;	/* in the arena */
	int			 line;
	int			 back;	/* character put back, or NOCHAR */
	int			 ended;	/* a last newline was supplied */
	int			 ours;	/* to close */
	struct stat		 st;	/* tells a cycle of includes */
};

struct chunk {			/* of the arena */
	SLIST_ENTRY(chunk)	 entry;
	char			 text[];
};

static struct {
	SLIST_HEAD(, source)	 sources;	/* first: read now */
	SLIST_HEAD(, chunk)	 chunks;
	FILE			*err;
	int			 errors;
	int			 depth;		/* of includes */
	int			 may_include;

	const char		*exp;		/* rest of a macro's value */
	int			 exp_char;	/* last character was of it */
	char			 buf[WORDLEN];
	size_t			 len;
	int			 toolong;
	const char		*bad;		/* why the last LEX_BAD is */
	char			 badbuf[WORDLEN + 64];
	struct token		 held;		/* token put back */
	int			 is_held;
	struct token		 tok;		/* the parser's last */
} lex;

static int	 bad(const char *, ...)
		    __attribute__((format(printf, 1, 2)));

/* --- complaints --- */

void
lex_verror_at(const char *file, int line, const char *fmt, va_list ap)
{
	lex.errors++;
	fprintf(lex.err, "%s:%d: ", file, line);
	vfprintf(lex.err, fmt, ap);
	putc('\n', lex.err);
}

void
lex_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	lex_verror_at(lex.tok.file, lex.tok.line, fmt, ap);
	va_end(ap);
}

void
lex_error_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	lex_verror_at(file, line, fmt, ap);
	va_end(ap);
}

void
lex_syntax_error(void)
{
	const struct token *t = &lex.tok;

	if (t->kind == LEX_BAD)
		lex_error_at(t->file, t->line, "%s", lex.bad);
	else if (t->kind == 0)
		lex_error_at(t->file, t->line, "syntax error at end of file");
	else if (t->kind == '\n')
		lex_error_at(t->file, t->line, "syntax error at end of line");
	else if (t->kind == LEX_WORD || t->kind == LEX_QUOTED)
		lex_error_at(t->file, t->line, "syntax error at \"%s\"",
		    lex_shown(t->text));
	else
		lex_error_at(t->file, t->line, "syntax error at \"%c\"",
		    t->kind);
}

int
lex_errors(void)
{
	return lex.errors;
}

/*
 * A key that somebody put in the wrong place does not belong in a log.  16
 * octets of key are 32 digits.
 */
const char *
lex_shown(const char *s)
{
	const char *digits = s[0] == '0' && (s[1] | 0x20) == 'x' ? s + 2 : s;

	if (strlen(digits) >= 32 &&
	    digits[strspn(digits, "0123456789abcdefABCDEF")] == '\0')
		return "(hex digits)";
	return s;
}

/* --- the arena --- */

static char *
keep_len(const char *s, size_t len)
{
	struct chunk *c;

	if ((c = malloc(sizeof(*c) + len + 1)) == NULL)
		fatal("configuration");
	memcpy(c->text, s, len);
	c->text[len] = '\0';
	SLIST_INSERT_HEAD(&lex.chunks, c, entry);
	return c->text;
}

char *
lex_keep(const char *s)
{
	return keep_len(s, strlen(s));
}

/* --- files --- */

static void
push_source(FILE *in, const char *name, const struct stat *st)
{
	struct source *src;

	if ((src = calloc(1, sizeof(*src))) == NULL)
		fatal("configuration");
	src->in = in;
	src->name = lex_keep(name);
	src->line = 1;
	src->back = NOCHAR;
	if (st != NULL) {
		src->st = *st;
		src->ours = 1;
	}
	SLIST_INSERT_HEAD(&lex.sources, src, entry);
}

static void
pop_source(void)
{
	struct source *src = SLIST_FIRST(&lex.sources);

	SLIST_REMOVE_HEAD(&lex.sources, entry);
	if (src->ours)
		fclose(src->in);
	free(src);
}

/*
 * Who can write the file decides what root's daemon does.  NULL with a
 * complaint in why, else a stream.
 */
static FILE *
open_conf(const char *path, struct stat *st, char *why, size_t size)
{
	FILE *in = NULL;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) == -1 ||
	    fstat(fd, st) == -1)
		snprintf(why, size, "cannot open: %s", strerror(errno));
	else if (S_ISDIR(st->st_mode))
		snprintf(why, size, "is a directory");
	else if (st->st_uid != 0 && st->st_uid != geteuid())
		snprintf(why, size, "owned by uid %lu, not root: chown root",
		    (unsigned long)st->st_uid);
	else if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		snprintf(why, size, "mode %04o lets others write it: "
		    "chmod go-w", (unsigned int)(st->st_mode & 07777));
	else if ((in = fdopen(fd, "r")) == NULL)
		snprintf(why, size, "cannot open: %s", strerror(errno));
	if (in == NULL && fd != -1)
		close(fd);
	return in;
}

/* A relative path is relative to the file that has the include. */
static int
include_path(const char *s, char *path, size_t size)
{
	const char *name = lex.tok.file, *slash = strrchr(name, '/');
	int n;

	if (s[0] == '/' || slash == NULL)
		n = snprintf(path, size, "%s", s);
	else
		n = snprintf(path, size, "%.*s/%s", (int)(slash - name), name,
		    s);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

static int
being_read(const struct stat *st)
{
	const struct source *src;

	SLIST_FOREACH(src, &lex.sources, entry)
		if (src->ours && src->st.st_dev == st->st_dev &&
		    src->st.st_ino == st->st_ino)
			return 1;
	return 0;
}

void
lex_include(const char *s)
{
	char path[WORDLEN], why[256];
	struct stat st;
	FILE *in;

	if (!lex.may_include)
		lex_error("include is not allowed here");
	else if (lex.depth >= INCLUDE_MAX)
		lex_error("include %s: more than %d files deep", s,
		    INCLUDE_MAX);
	else if (include_path(s, path, sizeof(path)) == -1)
		lex_error("include %s: path too long", s);
	else if ((in = open_conf(path, &st, why, sizeof(why))) == NULL)
		lex_error("include %s: %s", path, why);
	else if (being_read(&st)) {
		lex_error("include %s: the file includes itself", path);
		fclose(in);
	} else {
		push_source(in, path, &st);
		lex.depth++;
	}
}

/* --- characters --- */

/*
 * A macro's value is read before the rest of the file; the character put back
 * belongs to whichever it came from.
 */
static int
get(void)
{
	struct source *src = SLIST_FIRST(&lex.sources);
	int c;

	if (lex.exp != NULL && *lex.exp != '\0') {
		lex.exp_char = 1;
		return (unsigned char)*lex.exp++;
	}
	lex.exp = NULL;
	lex.exp_char = 0;
	if ((c = src->back) == NOCHAR)
		return getc(src->in);
	src->back = NOCHAR;
	return c;
}

static void
unget(int c)
{
	if (lex.exp_char)
		lex.exp--;
	else
		SLIST_FIRST(&lex.sources)->back = c;
}

static void
add(int c)
{
	if (lex.len < sizeof(lex.buf) - 1)
		lex.buf[lex.len++] = c;
	else
		lex.toolong = 1;
}

static int
bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(lex.badbuf, sizeof(lex.badbuf), fmt, ap);
	va_end(ap);
	lex.bad = lex.badbuf;
	return LEX_BAD;
}

/* --- tokens --- */

static int
word_char(int c)
{
	return c > 0x20 && c <= 0x7e && strchr("{};=#\"'$\\", c) == NULL;
}

/* Blanks, comments and continued lines; the first character after them. */
static int
skip_blanks(void)
{
	int c;

	for (;;) {
		c = get();
		if (c == '#' && !lex.exp_char)
			while (c != '\n' && c != EOF)
				c = get();
		if (c == '\\') {
			if ((c = get()) != '\n') {
				unget(c);
				return '\\';
			}
			SLIST_FIRST(&lex.sources)->line++;
			continue;
		}
		if (c != ' ' && c != '\t' && c != '\r')
			return c;
	}
}

/* After a $: what follows next is the macro's value. */
static int
expand(void)
{
	const char *value;
	char name[WORDLEN];
	size_t len = 0;
	int c;

	while (lex_name_char(c = get()))
		if (len < sizeof(name) - 1)
			name[len++] = c;
	unget(c);
	name[len] = '\0';
	if ((value = macro_find(name)) == NULL)
		return bad("macro $%s is not defined", name);
	/* A copy: the macro may be defined anew before its value is read. */
	lex.exp = lex_keep(value);
	return 0;
}

/*
 * A bare word from c on, macros expanded wherever they stand in it.  AGAIN when
 * there is none because a value is empty or begins with something else.
 */
static int
word(int c)
{
	int any = 0;

	while (word_char(c) || (c == '$' && !lex.exp_char)) {
		any = 1;
		if (c != '$')
			add(c);
		else if (expand() != 0)
			return LEX_BAD;
		c = get();
	}
	unget(c);
	if (lex.toolong)
		return bad("word too long");
	if (lex.len > 0)
		return LEX_WORD;
	if (any)
		return AGAIN;
	(void)get();
	if (c == '$')
		return bad("a macro's value may not name a macro");
	if (lex_printable(c))
		return bad("stray %c", c);
	return bad("stray character 0x%02x", (unsigned int)c & 0xff);
}

static int
quoted(int quote)
{
	int c, next, odd = 0;

	while ((c = get()) != quote) {
		if (c == '\n' || c == EOF) {
			unget(c);
			return bad("unterminated string");
		}
		if (c == '\\') {
			next = get();
			if (next == '\n') {
				SLIST_FIRST(&lex.sources)->line++;
				continue;
			}
			if (next == quote || next == '\\')
				c = next;
			else
				unget(next);
		}
		odd |= !lex_printable(c);
		add(c);
	}
	if (odd)
		return bad("unprintable character in string");
	if (lex.toolong)
		return bad("string too long");
	return LEX_QUOTED;
}

/*
 * A file's last line ends even without a newline.  Then back to the file that
 * included this one; the outermost stays, so that complaints have a place.
 */
static int
end_of_file(void)
{
	struct source *src = SLIST_FIRST(&lex.sources);

	if (!src->ended) {
		src->ended = 1;
		if (ferror(src->in))
			return bad("cannot read the file");
		return '\n';
	}
	if (SLIST_NEXT(src, entry) == NULL)
		return 0;
	pop_source();
	lex.depth--;
	return AGAIN;
}

static int
scan_kind(int c)
{
	if (c == EOF)
		return end_of_file();
	if (c == '\n' || c == '{' || c == '}' || c == ';' || c == '=')
		return c;
	if (c == '"' || c == '\'')
		return quoted(c);
	return word(c);
}

static struct token
scan(void)
{
	struct token t;
	int c;

	do {
		lex.len = 0;
		lex.toolong = 0;
		c = skip_blanks();
		t.line = SLIST_FIRST(&lex.sources)->line;
		t.file = SLIST_FIRST(&lex.sources)->name;
		t.kind = scan_kind(c);
	} while (t.kind == AGAIN);
	if (c == '\n')
		SLIST_FIRST(&lex.sources)->line++;
	t.text = "";
	if (t.kind == LEX_WORD || t.kind == LEX_QUOTED)
		t.text = keep_len(lex.buf, lex.len);
	return t;
}

static struct token
next_token(void)
{
	if (!lex.is_held)
		return scan();
	lex.is_held = 0;
	return lex.held;
}

static void
hold(const struct token *t)
{
	lex.held = *t;
	lex.is_held = 1;
}

struct token
lex_token(void)
{
	lex.tok = next_token();
	return lex.tok;
}

const struct token *
lex_last(void)
{
	return &lex.tok;
}

int
lex_peek(void)
{
	struct token t = next_token();

	hold(&t);
	return t.kind;
}

const char *
lex_rest(void)
{
	char buf[WORDLEN], one[2] = "";
	struct token t;
	size_t len = 0;
	int depth = 0;

	buf[0] = '\0';
	for (;;) {
		t = next_token();
		if (t.kind == 0 || (depth == 0 && (t.kind == '\n' ||
		    t.kind == ';' || t.kind == '}')))
			break;
		depth += (t.kind == '{') - (t.kind == '}');
		if (t.kind == '\n')
			continue;
		one[0] = t.kind < LEX_WORD ? t.kind : '\0';
		len += snprintf(buf + len, sizeof(buf) - len, "%s%s%s",
		    len > 0 ? " " : "", t.text, one);
		if (len >= sizeof(buf))
			len = sizeof(buf) - 1;
	}
	hold(&t);
	return lex_keep(buf);
}

/* --- the doors --- */

static void
begin(FILE *err)
{
	memset(&lex, 0, sizeof(lex));
	SLIST_INIT(&lex.sources);
	SLIST_INIT(&lex.chunks);
	lex.err = err;
}

int
lex_file(const char *path, FILE *err)
{
	char why[256];
	struct stat st;
	FILE *in;

	if ((in = open_conf(path, &st, why, sizeof(why))) == NULL) {
		/* No line is at fault, but complaints have one form. */
		fprintf(err, "%s:0: %s\n", path, why);
		return -1;
	}
	begin(err);
	lex.may_include = 1;
	push_source(in, path, &st);
	return 0;
}

void
lex_stream(FILE *in, const char *name, FILE *err)
{
	begin(err);
	push_source(in, name, NULL);
}

void
lex_end(void)
{
	struct chunk *chunk;

	while (!SLIST_EMPTY(&lex.sources))
		pop_source();
	while ((chunk = SLIST_FIRST(&lex.chunks)) != NULL) {
		SLIST_REMOVE_HEAD(&lex.chunks, entry);
		free(chunk);
	}
	macro_forget();
	memset(&lex, 0, sizeof(lex));
}
