/* SPDX-License-Identifier: ISC */
/*
 * secd.conf(5): text in, struct conf out.  Every error of the text is
 * reported with file and line and nothing is returned then; the tree is the
 * caller's otherwise.  Used by the parent (start, -n, reload) and, on a stream
 * and without includes, by the state file.
 *
 * Nothing but the macros of conf_define() outlives a call: words live in an
 * arena that is freed at the end, so error recovery, which throws tokens
 * away, leaks none.  Limits are those of request.h, asked by the checks of
 * request.c with the statement's own value, so that its line is blamed.
 */
%{
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/conf.h"
#include "secd/log.h"
#include "libesp/esp.h"

#define WORDLEN		1024	/* longest word, macro value and path */
#define INCLUDE_MAX	16	/* depth */
#define NOCHAR		(-2)	/* nothing put back */
#define AGAIN		(-1)	/* no token here, scan on */
#define NO_NAME		"sec999999999999"	/* of an interface without */

struct macro {
	SLIST_ENTRY(macro)	 entry;
	int			 fixed;	/* by conf_define(): stays, and wins */
	char			*name;
	char			*value;
};

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

struct token {
	int			 kind;	/* a character, 0, or enum basic */
	const char		*text;
	const char		*file;
	int			 line;
};

/* What scan() makes of text, before keywords are looked up. */
enum basic { T_WORD = 512, T_QUOTED, T_BAD };

struct value {
	const char		*s;
	const char		*rest;	/* LATER: the words that followed */
	int			 line;
};
#define YYSTYPE struct value

/* Macros are kept apart from the rest, which is one parse's. */
static SLIST_HEAD(, macro) macros = SLIST_HEAD_INITIALIZER(macros);

static struct {
	SLIST_HEAD(, source)	 sources;	/* first: read now */
	SLIST_HEAD(, chunk)	 chunks;
	FILE			*err;
	int			 errors;
	int			 depth;		/* of includes */
	int			 may_include;

	/* lexer */
	const char		*exp;		/* rest of a macro's value */
	int			 exp_char;	/* last character was of it */
	char			 buf[WORDLEN];
	size_t			 len;
	int			 toolong;
	const char		*bad;		/* why the last T_BAD is */
	char			 badbuf[WORDLEN + 64];
	int			 start;		/* a statement begins */
	struct token		 held;		/* token put back */
	int			 is_held;
	struct token		 tok;		/* the parser's last */

	/* parser */
	struct conf		*conf;
	struct conf_iface	*ci;
	unsigned int		 ci_seen;	/* 1 << enum once */
	struct conf_sa		 sa;
	unsigned int		 sa_seen;
	int			 sa_bad;
} p;

enum once {
	ONCE_DESCR, ONCE_DEVICE, ONCE_LOCAL, ONCE_PEER, ONCE_MTU, ONCE_REPLAY,
	ONCE_LINK, ONCE_UPDOWN,
	/* of an SA */
	ONCE_SPI, ONCE_SRC, ONCE_DST, ONCE_ENC, ONCE_AUTH, ONCE_KEY, ONCE_ESN,
	ONCE_WINDOW, ONCE_SEQ
};

/* Where a word of a later feature would stand. */
#define AT_TOP		0x1
#define AT_IFACE	0x2
#define AT_SA		0x4

static void	 error_at(const char *, int, const char *, ...)
		    __attribute__((format(printf, 3, 4)));
static void	 yyerror(const char *, ...)
		    __attribute__((format(printf, 1, 2)));
static int	 bad(const char *, ...)
		    __attribute__((format(printf, 1, 2)));
static int	 yylex(void);
int		 yyparse(void);

static const char *shown(const char *);
static void	 define_macro(const char *, const char *);
static const char *join(const char *, const char *);
static void	 include_file(const struct value *);
static void	 unknown_word(const char *);
static void	 later_word(const struct value *, int);
static void	 set_path(char **, const char *, const char *, size_t);
static void	 begin_iface(const char *);
static void	 end_iface(void);
static void	 set_descr(const char *);
static void	 set_device(const char *);
static void	 set_outer(const char *, const char *);
static void	 add_inner(uint8_t, const char *, const char *);
static void	 set_mtu(const char *);
static void	 set_replay(const char *);
static void	 set_link(const char *);
static void	 set_down(int);
static void	 begin_sa(int, int);
static void	 end_sa(void);
static int	 once(unsigned int *, enum once, const char *);
static void	 sa_number(enum once, const char *, const char *);
static void	 sa_addr(enum once, const char *, const char *);
static void	 sa_suite(enum once, const char *, const char *);
static void	 sa_keyfile(const char *);
%}

%token	DESCRIPTION DEVICE DIRECTORY DOWN DST AUTH ENC ESN FILENAME IN INCLUDE
%token	INET INET6 INTERFACE KEY LINK LOCAL MTU OUT PEER REPLAY RESTRICTED SA
%token	SEQ SOCKET SPI SRC STATE UP
%token	STRING LATER UNKNOWN BAD

%%

grammar		: /* empty */
		| grammar sep
		| grammar include sep	{ include_file(&$2); }
		| grammar macro sep
		| grammar setting sep
		| grammar interface sep
		| grammar error sep	{ yyerrok; }
		;

sep		: '\n'
		| ';'
		;

optnl		: /* empty */
		| optnl '\n'
		;

include		: INCLUDE STRING	{ $$ = $2; }
		;

macro		: STRING '=' words	{ define_macro($1.s, $3.s); }
		;

words		: STRING
		| words STRING		{
			$$ = $1;
			$$.s = join($1.s, $2.s);
		}
		;

setting		: STATE DIRECTORY STRING {
			set_path(&p.conf->statedir, $3.s, "state directory",
			    WORDLEN);
		}
		| SOCKET RESTRICTED STRING {
			set_path(&p.conf->restricted, $3.s,
			    "socket restricted",
			    sizeof(((struct sockaddr_un *)0)->sun_path));
		}
		| LATER			{ later_word(&$1, AT_TOP); }
		| UNKNOWN		{ unknown_word($1.s); }
		;

interface	: INTERFACE STRING	{ begin_iface($2.s); }
		    optnl block		{ end_iface(); }
		| INTERFACE error block	{ end_iface(); }
		;

block		: '{' body '}'
		| '{' body statement '}'
		| '{' body error '}'	{ yyerrok; }
		;

body		: /* empty */
		| body sep
		| body statement sep
		| body error sep	{ yyerrok; }
		;

statement	: DESCRIPTION STRING	{ set_descr($2.s); }
		| DEVICE STRING		{ set_device($2.s); }
		| LOCAL STRING		{ set_outer($2.s, NULL); }
		| PEER STRING		{ set_outer(NULL, $2.s); }
		| LOCAL STRING PEER STRING {
			set_outer($2.s, $4.s);
		}
		| INET STRING		{ add_inner(AF_INET, $2.s, NULL); }
		| INET STRING STRING	{ add_inner(AF_INET, $2.s, $3.s); }
		| INET6 STRING		{ add_inner(AF_INET6, $2.s, NULL); }
		| INET6 STRING STRING	{ add_inner(AF_INET6, $2.s, $3.s); }
		| MTU STRING		{ set_mtu($2.s); }
		| REPLAY STRING		{ set_replay($2.s); }
		| LINK STATE SA		{ set_link("sa"); }
		| LINK STATE STRING	{ set_link($3.s); }
		| UP			{ set_down(0); }
		| DOWN			{ set_down(1); }
		| SA IN			{ begin_sa(SA_IN, $1.line); }
		    saopts		{ end_sa(); }
		| SA OUT		{ begin_sa(SA_OUT, $1.line); }
		    saopts		{ end_sa(); }
		| LATER			{ later_word(&$1, AT_IFACE); }
		| UNKNOWN		{ unknown_word($1.s); }
		;

saopts		: /* empty */
		| saopts saopt
		;

saopt		: SPI STRING		{ sa_number(ONCE_SPI, "spi", $2.s); }
		| SRC STRING		{ sa_addr(ONCE_SRC, "src", $2.s); }
		| DST STRING		{ sa_addr(ONCE_DST, "dst", $2.s); }
		| ENC STRING		{ sa_suite(ONCE_ENC, "enc", $2.s); }
		| AUTH STRING		{ sa_suite(ONCE_AUTH, "auth", $2.s); }
		| KEY FILENAME STRING	{ sa_keyfile($3.s); }
		| KEY STRING		{
			/* Its text is not repeated: it may be a key. */
			yyerror("no key may stand here: "
			    "use key file \"PATH\"");
			p.sa_bad = 1;
		}
		| ESN			{
			if (once(&p.sa_seen, ONCE_ESN, "esn") == -1)
				p.sa_bad = 1;
			p.sa.req.flags |= SA_F_ESN;
		}
		| REPLAY STRING		{
			sa_number(ONCE_WINDOW, "replay", $2.s);
		}
		| SEQ STRING		{ sa_number(ONCE_SEQ, "seq", $2.s); }
		| LATER			{
			later_word(&$1, AT_SA);
			p.sa_bad = 1;
		}
		;

%%

/* Sorted by name. */
static const struct keyword {
	const char	*name;
	int		 token;
} keywords[] = {
	{ "auth",		AUTH },
	{ "description",	DESCRIPTION },
	{ "device",		DEVICE },
	{ "directory",		DIRECTORY },
	{ "down",		DOWN },
	{ "dst",		DST },
	{ "enc",		ENC },
	{ "esn",		ESN },
	{ "file",		FILENAME },
	{ "in",			IN },
	{ "include",		INCLUDE },
	{ "inet",		INET },
	{ "inet6",		INET6 },
	{ "interface",		INTERFACE },
	{ "key",		KEY },
	{ "link",		LINK },
	{ "local",		LOCAL },
	{ "mtu",		MTU },
	{ "out",		OUT },
	{ "peer",		PEER },
	{ "replay",		REPLAY },
	{ "restricted",		RESTRICTED },
	{ "sa",			SA },
	{ "seq",		SEQ },
	{ "socket",		SOCKET },
	{ "spi",		SPI },
	{ "src",		SRC },
	{ "state",		STATE },
	{ "up",			UP }
};

/*
 * Words of features that are not built yet, and the values (NULL: none) that
 * say what secd does anyway.  secd.conf(5) lists them too.
 */
static const struct later {
	const char	*name;
	const char	*accepted;
	int		 where;
} laters[] = {
	{ "acquire",		"no",			AT_IFACE },
	{ "crypto",		"backend libcrypto",	AT_TOP },
	{ "df",			"clear",		AT_IFACE },
	{ "drain",		"0",			AT_IFACE },
	{ "encap",		"none",			AT_IFACE },
	{ "encap",		NULL,			AT_SA },
	{ "lifetime",		NULL,			AT_IFACE | AT_SA },
	{ "metrics",		NULL,			AT_TOP },
	{ "mss",		"no",			AT_IFACE },
	{ "offload",		NULL,			AT_TOP | AT_IFACE },
	{ "output",		"raw",			AT_IFACE },
	{ "probe",		NULL,			AT_IFACE },
	{ "switch",		"at-once",		AT_IFACE },
	{ "switch",		"delay 0",		AT_IFACE },
	{ "workers",		"1",			AT_TOP }
};

/* Suites known by name that libesp does not have yet. */
static const char *const later_encs[] = {
	"aes-128", "aes-192", "aes-256", "chacha20-poly1305", NULL
};
static const char *const later_auths[] = {
	"hmac-sha1", "hmac-sha2-256", "hmac-sha2-384", "hmac-sha2-512", NULL
};

#define NELEMS(a)	(sizeof(a) / sizeof((a)[0]))

/* --- complaints --- */

static void
verror_at(const char *file, int line, const char *fmt, va_list ap)
{
	p.errors++;
	fprintf(p.err, "%s:%d: ", file, line);
	vfprintf(p.err, fmt, ap);
	putc('\n', p.err);
}

static void
error_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verror_at(file, line, fmt, ap);
	va_end(ap);
}

/* What the parser calls of its own accord, told in terms of the text. */
static void
syntax_error(void)
{
	const struct token *t = &p.tok;

	if (t->kind == T_BAD)
		error_at(t->file, t->line, "%s", p.bad);
	else if (t->kind == 0)
		error_at(t->file, t->line, "syntax error at end of file");
	else if (t->kind == '\n')
		error_at(t->file, t->line, "syntax error at end of line");
	else if (t->kind == T_WORD || t->kind == T_QUOTED)
		error_at(t->file, t->line, "syntax error at \"%s\"",
		    shown(t->text));
	else
		error_at(t->file, t->line, "syntax error at \"%c\"", t->kind);
}

/* At the last token, which is on the line of the statement it ends. */
static void
yyerror(const char *fmt, ...)
{
	va_list ap;

	if (strcmp(fmt, "syntax error") == 0) {
		syntax_error();
		return;
	}
	va_start(ap, fmt);
	verror_at(p.tok.file, p.tok.line, fmt, ap);
	va_end(ap);
}

/*
 * A word as it may be shown: a key that somebody put in the wrong place does
 * not belong in a log.  16 octets of key are 32 digits.
 */
static const char *
shown(const char *s)
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
	SLIST_INSERT_HEAD(&p.chunks, c, entry);
	return c->text;
}

static char *
keep(const char *s)
{
	return keep_len(s, strlen(s));
}

/* What goes into the tree outlives the arena. */
static char *
copy(const char *s)
{
	char *t;

	if ((t = strdup(s)) == NULL)
		fatal("configuration");
	return t;
}

/* --- macros --- */

static int
name_char(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

static int
printable(int c)
{
	return c >= 0x20 && c <= 0x7e;
}

static int
macro_ok(const char *name, size_t len, const char *value)
{
	size_t i;

	if (len == 0 || len >= WORDLEN || strlen(value) >= WORDLEN)
		return 0;
	for (i = 0; i < len; i++)
		if (!name_char((unsigned char)name[i]))
			return 0;
	for (; *value != '\0'; value++)
		if (!printable((unsigned char)*value))
			return 0;
	return 1;
}

static struct macro *
find_macro(const char *name)
{
	struct macro *m;

	SLIST_FOREACH(m, &macros, entry)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static void
set_macro(const char *name, const char *value, int fixed)
{
	struct macro *m;

	if ((m = find_macro(name)) == NULL) {
		if ((m = calloc(1, sizeof(*m))) == NULL)
			fatal("configuration");
		m->name = copy(name);
		SLIST_INSERT_HEAD(&macros, m, entry);
	} else if (m->fixed && !fixed)
		return;
	else
		free(m->value);
	m->value = copy(value);
	m->fixed = fixed;
}

static void
free_macros(void)
{
	struct macro *m, *next;

	for (m = SLIST_FIRST(&macros); m != NULL; m = next) {
		next = SLIST_NEXT(m, entry);
		if (m->fixed)
			continue;
		SLIST_REMOVE(&macros, m, macro, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
}

static void
define_macro(const char *name, const char *value)
{
	if (!macro_ok(name, strlen(name), value)) {
		yyerror("malformed macro %s: a name is letters, digits and _",
		    shown(name));
		return;
	}
	set_macro(name, value, 0);
}

int
conf_define(const char *assignment)
{
	const char *eq = strchr(assignment, '=');
	char name[WORDLEN];

	if (eq == NULL || !macro_ok(assignment, eq - assignment, eq + 1))
		return -1;
	memcpy(name, assignment, eq - assignment);
	name[eq - assignment] = '\0';
	set_macro(name, eq + 1, 1);
	return 0;
}

static const char *
join(const char *a, const char *b)
{
	char buf[2 * WORDLEN + 2];

	if (strlen(a) + strlen(b) + 2 > WORDLEN) {
		yyerror("macro value too long");
		return a;
	}
	snprintf(buf, sizeof(buf), "%s %s", a, b);
	return keep(buf);
}

/* --- lexer: characters --- */

/*
 * A macro's value is read before the rest of the file; the character put back
 * belongs to whichever it came from.
 */
static int
get(void)
{
	struct source *src = SLIST_FIRST(&p.sources);
	int c;

	if (p.exp != NULL && *p.exp != '\0') {
		p.exp_char = 1;
		return (unsigned char)*p.exp++;
	}
	p.exp = NULL;
	p.exp_char = 0;
	if ((c = src->back) == NOCHAR)
		return getc(src->in);
	src->back = NOCHAR;
	return c;
}

static void
unget(int c)
{
	if (p.exp_char)
		p.exp--;
	else
		SLIST_FIRST(&p.sources)->back = c;
}

static void
add(int c)
{
	if (p.len < sizeof(p.buf) - 1)
		p.buf[p.len++] = c;
	else
		p.toolong = 1;
}

static int
bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p.badbuf, sizeof(p.badbuf), fmt, ap);
	va_end(ap);
	p.bad = p.badbuf;
	return T_BAD;
}

/* --- lexer: tokens --- */

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
		if (c == '#' && !p.exp_char)
			while (c != '\n' && c != EOF)
				c = get();
		if (c == '\\') {
			if ((c = get()) != '\n') {
				unget(c);
				return '\\';
			}
			SLIST_FIRST(&p.sources)->line++;
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
	const struct macro *m;
	char name[WORDLEN];
	size_t len = 0;
	int c;

	while (name_char(c = get()))
		if (len < sizeof(name) - 1)
			name[len++] = c;
	unget(c);
	name[len] = '\0';
	if ((m = find_macro(name)) == NULL)
		return bad("macro $%s is not defined", name);
	/* A copy: the macro may be defined anew before its value is read. */
	p.exp = keep(m->value);
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

	while (word_char(c) || (c == '$' && !p.exp_char)) {
		any = 1;
		if (c != '$')
			add(c);
		else if (expand() != 0)
			return T_BAD;
		c = get();
	}
	unget(c);
	if (p.toolong)
		return bad("word too long");
	if (p.len > 0)
		return T_WORD;
	if (any)
		return AGAIN;
	(void)get();
	if (c == '$')
		return bad("a macro's value may not name a macro");
	if (printable(c))
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
				SLIST_FIRST(&p.sources)->line++;
				continue;
			}
			if (next == quote || next == '\\')
				c = next;
			else
				unget(next);
		}
		odd |= !printable(c);
		add(c);
	}
	if (odd)
		return bad("unprintable character in string");
	if (p.toolong)
		return bad("string too long");
	return T_QUOTED;
}

static void
pop_source(void)
{
	struct source *src = SLIST_FIRST(&p.sources);

	SLIST_REMOVE_HEAD(&p.sources, entry);
	if (src->ours)
		fclose(src->in);
	free(src);
}

/*
 * A file's last line ends even without a newline.  Then back to the file that
 * included this one; the outermost stays, so that complaints have a place.
 */
static int
end_of_file(void)
{
	struct source *src = SLIST_FIRST(&p.sources);

	if (!src->ended) {
		src->ended = 1;
		if (ferror(src->in))
			return bad("cannot read the file");
		return '\n';
	}
	if (SLIST_NEXT(src, entry) == NULL)
		return 0;
	pop_source();
	p.depth--;
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
		p.len = 0;
		p.toolong = 0;
		c = skip_blanks();
		t.line = SLIST_FIRST(&p.sources)->line;
		t.file = SLIST_FIRST(&p.sources)->name;
		t.kind = scan_kind(c);
	} while (t.kind == AGAIN);
	if (c == '\n')
		SLIST_FIRST(&p.sources)->line++;
	t.text = "";
	if (t.kind == T_WORD || t.kind == T_QUOTED)
		t.text = keep_len(p.buf, p.len);
	return t;
}

static struct token
next_token(void)
{
	if (!p.is_held)
		return scan();
	p.is_held = 0;
	return p.held;
}

static void
hold(const struct token *t)
{
	p.held = *t;
	p.is_held = 1;
}

/*
 * The words up to the end of the statement, blocks included, joined by single
 * spaces; cut when absurdly long.
 */
static const char *
rest_of_statement(void)
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
		one[0] = t.kind < T_WORD ? t.kind : '\0';
		len += snprintf(buf + len, sizeof(buf) - len, "%s%s%s",
		    len > 0 ? " " : "", t.text, one);
		if (len >= sizeof(buf))
			len = sizeof(buf) - 1;
	}
	hold(&t);
	return keep(buf);
}

static int
keyword_cmp(const void *key, const void *row)
{
	return strcmp(key, ((const struct keyword *)row)->name);
}

static int
is_later(const char *s)
{
	size_t i;

	for (i = 0; i < NELEMS(laters); i++)
		if (strcmp(laters[i].name, s) == 0)
			return 1;
	return 0;
}

/* The first word of a statement that is no keyword: a macro, or a mistake. */
static int
first_word(void)
{
	struct token t = next_token();

	hold(&t);
	if (t.kind == '=')
		return STRING;
	(void)rest_of_statement();
	return UNKNOWN;
}

static int
yylex(void)
{
	const struct keyword *k;
	struct token t = next_token();
	int start = p.start;

	p.start = t.kind == '\n' || t.kind == ';' || t.kind == '{' ||
	    t.kind == '}';
	p.tok = t;
	yylval.s = t.text;
	yylval.rest = "";
	yylval.line = t.line;
	if (t.kind == T_BAD)
		return BAD;
	if (t.kind == T_QUOTED)
		return STRING;
	if (t.kind != T_WORD)
		return t.kind;
	if (is_later(t.text)) {
		yylval.rest = rest_of_statement();
		return LATER;
	}
	k = bsearch(t.text, keywords, NELEMS(keywords), sizeof(keywords[0]),
	    keyword_cmp);
	if (k != NULL)
		return k->token;
	if (start)
		return first_word();
	return STRING;
}

/* --- files --- */

static void
push_source(FILE *in, const char *name, const struct stat *st)
{
	struct source *src;

	if ((src = calloc(1, sizeof(*src))) == NULL)
		fatal("configuration");
	src->in = in;
	src->name = keep(name);
	src->line = 1;
	src->back = NOCHAR;
	if (st != NULL) {
		src->st = *st;
		src->ours = 1;
	}
	SLIST_INSERT_HEAD(&p.sources, src, entry);
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
include_path(const struct value *v, char *path, size_t size)
{
	const char *name = p.tok.file, *slash = strrchr(name, '/');
	int n;

	if (v->s[0] == '/' || slash == NULL)
		n = snprintf(path, size, "%s", v->s);
	else
		n = snprintf(path, size, "%.*s/%s", (int)(slash - name), name,
		    v->s);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

static int
being_read(const struct stat *st)
{
	const struct source *src;

	SLIST_FOREACH(src, &p.sources, entry)
		if (src->ours && src->st.st_dev == st->st_dev &&
		    src->st.st_ino == st->st_ino)
			return 1;
	return 0;
}

static void
include_file(const struct value *v)
{
	char path[WORDLEN], why[256];
	struct stat st;
	FILE *in;

	if (!p.may_include)
		yyerror("include is not allowed here");
	else if (p.depth >= INCLUDE_MAX)
		yyerror("include %s: more than %d files deep", v->s,
		    INCLUDE_MAX);
	else if (include_path(v, path, sizeof(path)) == -1)
		yyerror("include %s: path too long", v->s);
	else if ((in = open_conf(path, &st, why, sizeof(why))) == NULL)
		yyerror("include %s: %s", path, why);
	else if (being_read(&st)) {
		yyerror("include %s: the file includes itself", path);
		fclose(in);
	} else {
		push_source(in, path, &st);
		p.depth++;
	}
}

/* --- values --- */

static int
number(const char *what, const char *s, uint64_t *n)
{
	int hex = s[0] == '0' && (s[1] | 0x20) == 'x';
	const char *digits = hex ? s + 2 : s;
	const char *set = hex ? "0123456789abcdefABCDEF" : "0123456789";

	*n = 0;
	if (digits[0] == '\0' || digits[strspn(digits, set)] != '\0') {
		yyerror("%s %s: not a number", what, shown(s));
		return -1;
	}
	errno = 0;
	*n = strtoull(digits, NULL, hex ? 16 : 10);
	if (errno == ERANGE) {
		yyerror("%s %s: number too large", what, shown(s));
		return -1;
	}
	return 0;
}

/* Anything above 32 bits is out of range for each field that takes this. */
static uint32_t
clamp(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : n;
}

static int
address(const char *what, const char *s, struct ip_addr *a)
{
	if (addr_parse(s, a) == 0)
		return 0;
	yyerror("%s %s: not an address", what, shown(s));
	return -1;
}

static int
once(unsigned int *seen, enum once bit, const char *what)
{
	if (*seen & 1U << bit) {
		yyerror("%s given twice", what);
		return -1;
	}
	*seen |= 1U << bit;
	return 0;
}

static void
unknown_word(const char *s)
{
	yyerror("unknown word: %s", shown(s));
}

static void
later_word(const struct value *v, int where)
{
	size_t i;
	int here = 0, accepts = 0;

	for (i = 0; i < NELEMS(laters); i++) {
		if (strcmp(laters[i].name, v->s) != 0 ||
		    !(laters[i].where & where))
			continue;
		here = 1;
		if (laters[i].accepted == NULL)
			continue;
		if (strcmp(laters[i].accepted, v->rest) == 0)
			return;
		accepts = 1;
	}
	if (!here)
		unknown_word(v->s);
	else if (accepts && v->rest[0] != '\0')
		yyerror("not supported yet: %s %s", v->s, shown(v->rest));
	else
		yyerror("not supported yet: %s", v->s);
}

/* --- settings --- */

static void
set_path(char **field, const char *path, const char *what, size_t size)
{
	if (*field != NULL)
		yyerror("%s given twice", what);
	else if (path[0] != '/')
		yyerror("%s %s: not an absolute path", what, shown(path));
	else if (strlen(path) >= size)
		yyerror("%s: path longer than %zu octets", what, size - 1);
	else
		*field = copy(path);
}

/* --- interfaces --- */

static void
new_iface(const char *name)
{
	struct iface_conf ic;

	iface_conf_init(&ic, name);
	p.ci = conf_add(p.conf, &ic);
	p.ci->file = copy(p.tok.file);
	p.ci->line = p.tok.line;
	p.ci_seen = 0;
}

/* With a wrong name too, so that the block is checked as well. */
static void
begin_iface(const char *name)
{
	const struct conf_iface *other;

	if (!iface_name_ok(name)) {
		yyerror("interface %s: the name must be sec and a number",
		    shown(name));
		name = NO_NAME;
	} else if ((other = conf_find(p.conf, name)) != NULL)
		yyerror("interface %s is already defined at %s:%d", name,
		    other->file, other->line);
	new_iface(name);
}

/* The interface of a statement, also where a syntax error ate its name. */
static struct conf_iface *
iface(void)
{
	if (p.ci == NULL)
		new_iface(NO_NAME);
	return p.ci;
}

/*
 * Take the new value of the interface, or say what is wrong with it.  What was
 * accepted before is consistent, so the blame is this statement's.
 */
static void
take(const struct iface_conf *ic)
{
	const char *why;

	if ((why = iface_conf_check(ic)) != NULL)
		yyerror("%s", why);
	else
		p.ci->conf = *ic;
}

static void
set_descr(const char *s)
{
	struct iface_conf ic = iface()->conf;

	if (once(&p.ci_seen, ONCE_DESCR, "description") == -1)
		return;
	if (strlen(s) >= sizeof(ic.descr)) {
		yyerror("description longer than %zu characters",
		    sizeof(ic.descr) - 1);
		return;
	}
	memset(ic.descr, 0, sizeof(ic.descr));
	memcpy(ic.descr, s, strlen(s));
	take(&ic);
}

static void
set_device(const char *s)
{
	struct iface_conf ic = iface()->conf;
	const struct conf_iface *ci;

	if (once(&p.ci_seen, ONCE_DEVICE, "device") == -1)
		return;
	if (s[0] == '\0' || strlen(s) >= sizeof(ic.device)) {
		yyerror("device name empty or longer than %zu characters",
		    sizeof(ic.device) - 1);
		return;
	}
	TAILQ_FOREACH(ci, &p.conf->ifaces, entry)
		if (strcmp(ci->conf.device, s) == 0) {
			yyerror("device %s is already that of %s", s,
			    ci->conf.name);
			return;
		}
	memset(ic.device, 0, sizeof(ic.device));
	memcpy(ic.device, s, strlen(s));
	take(&ic);
}

static void
set_outer(const char *local, const char *peer)
{
	struct iface_conf ic = iface()->conf;

	if (local != NULL &&
	    (once(&p.ci_seen, ONCE_LOCAL, "local") == -1 ||
	    address("local", local, &ic.local) == -1))
		return;
	if (peer != NULL &&
	    (once(&p.ci_seen, ONCE_PEER, "peer") == -1 ||
	    address("peer", peer, &ic.peer) == -1))
		return;
	take(&ic);
}

/* A/P; 0, or -1 after a complaint. */
static int
prefix(const char *what, uint8_t af, const char *s, struct iface_addr *ia)
{
	const char *slash = strchr(s, '/');
	char buf[ADDR_STRLEN];
	uint64_t n;

	if (slash == NULL) {
		yyerror("%s %s: no prefix length: write %s ADDRESS/LENGTH",
		    what, shown(s), what);
		return -1;
	}
	if ((size_t)(slash - s) >= sizeof(buf)) {
		yyerror("%s %s: not an address", what, shown(s));
		return -1;
	}
	memcpy(buf, s, slash - s);
	buf[slash - s] = '\0';
	if (address(what, buf, &ia->local) == -1 ||
	    number("prefix length", slash + 1, &n) == -1)
		return -1;
	if (ia->local.af != af) {
		yyerror("%s %s: an address of the other family", what, buf);
		return -1;
	}
	ia->prefixlen = n > UINT8_MAX ? UINT8_MAX : n;
	return 0;
}

static void
add_inner(uint8_t af, const char *local, const char *peer)
{
	struct iface_conf ic = iface()->conf;
	struct iface_addr ia;
	const char *what = af == AF_INET ? "inet" : "inet6";
	size_t i;

	memset(&ia, 0, sizeof(ia));
	if (prefix(what, af, local, &ia) == -1)
		return;
	if (peer != NULL && address(what, peer, &ia.peer) == -1)
		return;
	for (i = 0; i < ic.naddrs; i++)
		if (addr_equal(&ic.addrs[i].local, &ia.local)) {
			yyerror("%s %s given twice", what, local);
			return;
		}
	if (ic.naddrs == IFACE_NADDRS) {
		yyerror("%s: more than %d inner addresses", what,
		    IFACE_NADDRS);
		return;
	}
	ic.addrs[ic.naddrs++] = ia;
	take(&ic);
}

static void
set_mtu(const char *s)
{
	struct iface_conf ic = iface()->conf;
	uint64_t n;

	if (once(&p.ci_seen, ONCE_MTU, "mtu") == -1)
		return;
	if (strcmp(s, "auto") == 0) {
		yyerror("not supported yet: mtu auto");
		return;
	}
	if (number("mtu", s, &n) == -1)
		return;
	ic.mtu = clamp(n);
	take(&ic);
}

static void
set_replay(const char *s)
{
	struct iface_conf ic = iface()->conf;
	uint64_t n;

	if (once(&p.ci_seen, ONCE_REPLAY, "replay") == -1 ||
	    number("replay", s, &n) == -1)
		return;
	ic.replay = clamp(n);
	take(&ic);
}

static void
set_link(const char *s)
{
	struct iface_conf ic = iface()->conf;

	if (once(&p.ci_seen, ONCE_LINK, "link state") == -1)
		return;
	if (strcmp(s, "sa") == 0)
		ic.link = LINK_SA;
	else if (strcmp(s, "admin") == 0)
		ic.link = LINK_ADMIN;
	else if (strcmp(s, "alive") == 0)
		yyerror("not supported yet: link state alive");
	else
		yyerror("link state %s: use admin or sa", shown(s));
	take(&ic);
}

static void
set_down(int down)
{
	struct iface_conf ic = iface()->conf;

	if (once(&p.ci_seen, ONCE_UPDOWN, "up or down") == -1)
		return;
	ic.down = down;
	take(&ic);
}

/* --- SAs --- */

static void
begin_sa(int dir, int line)
{
	memset(&p.sa, 0, sizeof(p.sa));
	memcpy(p.sa.req.iface, iface()->conf.name, sizeof(p.sa.req.iface));
	p.sa.req.dir = dir;
	p.sa.req.flags = SA_F_STATIC | SA_F_CONF;
	p.sa.line = line;
	p.sa_seen = 0;
	p.sa_bad = 0;
}

static void
sa_number(enum once bit, const char *what, const char *s)
{
	uint64_t n;

	if (once(&p.sa_seen, bit, what) == -1 || number(what, s, &n) == -1) {
		p.sa_bad = 1;
		return;
	}
	if (bit == ONCE_SEQ) {
		p.sa.req.seq = n;
	} else if (bit == ONCE_WINDOW) {
		p.sa.req.replay = clamp(n);
		p.sa.req.flags |= SA_F_REPLAY;
	} else if (n > UINT32_MAX) {
		yyerror("%s %s: more than 32 bits", what, s);
		p.sa_bad = 1;
	} else
		p.sa.req.spi = n;
}

static void
sa_addr(enum once bit, const char *what, const char *s)
{
	struct ip_addr *a = bit == ONCE_SRC ? &p.sa.req.src : &p.sa.req.dst;

	if (once(&p.sa_seen, bit, what) == -1 || address(what, s, a) == -1) {
		p.sa_bad = 1;
	} else if (!addr_is_host(a)) {
		yyerror("%s %s: not the address of a host", what, s);
		p.sa_bad = 1;
	}
}

static void
sa_suite(enum once bit, const char *what, const char *s)
{
	char *field = bit == ONCE_ENC ? p.sa.req.enc : p.sa.req.auth;

	if (once(&p.sa_seen, bit, what) == -1) {
		p.sa_bad = 1;
	} else if (s[0] == '\0' || strlen(s) >= SUITE_NAMELEN) {
		yyerror("unknown %s %s", bit == ONCE_ENC ? "cipher" : "auth",
		    shown(s));
		p.sa_bad = 1;
	} else
		memcpy(field, s, strlen(s));
}

/* Whether two SAs share a key is told by the path, so there is one of each. */
static void
sa_keyfile(const char *path)
{
	if (once(&p.sa_seen, ONCE_KEY, "key file") == -1) {
		p.sa_bad = 1;
	} else if (path[0] != '/') {
		yyerror("key file %s: not an absolute path", shown(path));
		p.sa_bad = 1;
	} else
		p.sa.keyfile = keep(path);
}

/* Of the SA as a whole, at the line where it began. */
static void __attribute__((format(printf, 1, 2)))
sa_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verror_at(p.tok.file, p.sa.line, fmt, ap);
	va_end(ap);
}

static int
listed(const char *const *list, const char *s)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, s) == 0)
			return 1;
	return 0;
}

static const struct esp_suite *
suite_of(const char *enc)
{
	const struct esp_suite *su;
	size_t i;

	for (i = 0; (su = esp_suite_at(i)) != NULL; i++)
		if (strcmp(su->enc, enc) == 0)
			return su;
	return NULL;
}

static int
check_suite(const struct sa_request *r)
{
	const struct esp_suite *su = suite_of(r->enc);

	if (su == NULL)
		sa_error("%s%s", listed(later_encs, r->enc) ?
		    "not supported yet: " : "unknown cipher ", shown(r->enc));
	else if (su->auth != NULL)
		sa_error("not supported yet: %s", r->enc);
	else if (r->auth[0] == '\0')
		return 0;
	else if (listed(later_auths, r->auth))
		sa_error("auth %s: %s authenticates itself, leave auth out",
		    r->auth, r->enc);
	else
		sa_error("unknown auth %s", shown(r->auth));
	return -1;
}

static int
missing(enum once bit, const char *what)
{
	if (p.sa_seen & 1U << bit)
		return 0;
	sa_error("sa without %s", what);
	return -1;
}

/* Against every SA before it: the same one again, or its key. */
static int
check_others(const struct conf_sa *cs)
{
	const struct conf_iface *ci;
	const struct conf_sa *o;

	TAILQ_FOREACH(ci, &p.conf->ifaces, entry) {
		TAILQ_FOREACH(o, &ci->sas, entry) {
			if (o->req.spi == cs->req.spi &&
			    addr_equal(&o->req.dst, &cs->req.dst)) {
				sa_error("sa with this spi and dst is already "
				    "at %s:%d", o->file, o->line);
				return -1;
			}
			if (strcmp(o->keyfile, cs->keyfile) == 0 &&
			    (o->req.dir == SA_OUT || cs->req.dir == SA_OUT)) {
				sa_error("key file %s is already used at "
				    "%s:%d: an outbound sa needs a key of "
				    "its own", cs->keyfile, o->file, o->line);
				return -1;
			}
		}
	}
	return 0;
}

static void
end_sa(void)
{
	const char *why;

	if (p.sa_bad || missing(ONCE_SPI, "spi") == -1 ||
	    missing(ONCE_SRC, "src") == -1 ||
	    missing(ONCE_DST, "dst") == -1 ||
	    missing(ONCE_ENC, "enc") == -1 ||
	    missing(ONCE_KEY, "key file") == -1 ||
	    check_suite(&p.sa.req) == -1)
		return;
	if (p.sa.req.src.af != p.sa.req.dst.af) {
		sa_error("src and dst are of different families");
		return;
	}
	if ((why = sa_request_check(&p.sa.req)) != NULL) {
		sa_error("%s", why);
		return;
	}
	if (check_others(&p.sa) == -1)
		return;
	p.sa.file = keep(p.tok.file);
	conf_add_sa(p.ci, &p.sa);
}

static void
check_end(const struct conf_sa *cs, const char *what, const struct ip_addr *a,
    const char *whose, const struct ip_addr *b)
{
	char abuf[ADDR_STRLEN], bbuf[ADDR_STRLEN];

	if (b->af != 0 && !addr_equal(a, b))
		error_at(cs->file, cs->line,
		    "sa %s %s is not the interface's %s %s", what,
		    addr_print(a, abuf), whose, addr_print(b, bbuf));
}

/* The interface's ends may stand after its SAs, so this comes last. */
static void
end_iface(void)
{
	const struct iface_conf *ic = &iface()->conf;
	const struct conf_sa *cs;

	TAILQ_FOREACH(cs, &p.ci->sas, entry) {
		int in = cs->req.dir == SA_IN;

		check_end(cs, in ? "dst" : "src",
		    in ? &cs->req.dst : &cs->req.src, "local", &ic->local);
		check_end(cs, in ? "src" : "dst",
		    in ? &cs->req.src : &cs->req.dst, "peer", &ic->peer);
	}
	p.ci = NULL;
}

/* --- the doors --- */

/* The streams of p.sources are read; all that a parse has made is freed. */
static struct conf *
parse(void)
{
	struct conf *c;
	struct chunk *chunk;

	p.start = 1;
	if (yyparse() != 0 && p.errors == 0)
		yyerror("the parser gave up");
	while (!SLIST_EMPTY(&p.sources))
		pop_source();
	while ((chunk = SLIST_FIRST(&p.chunks)) != NULL) {
		SLIST_REMOVE_HEAD(&p.chunks, entry);
		free(chunk);
	}
	free_macros();
	c = p.conf;
	if (p.errors > 0) {
		conf_free(c);
		c = NULL;
	}
	memset(&p, 0, sizeof(p));
	return c;
}

static void
begin(FILE *err)
{
	memset(&p, 0, sizeof(p));
	SLIST_INIT(&p.sources);
	SLIST_INIT(&p.chunks);
	p.err = err;
	p.conf = conf_new();
}

struct conf *
conf_parse(const char *path, FILE *err)
{
	char why[256];
	struct stat st;
	FILE *in;

	if ((in = open_conf(path, &st, why, sizeof(why))) == NULL) {
		/* No line is at fault, but complaints have one form. */
		fprintf(err, "%s:0: %s\n", path, why);
		return NULL;
	}
	begin(err);
	p.may_include = 1;
	push_source(in, path, &st);
	return parse();
}

struct conf *
conf_parse_stream(FILE *in, const char *name, FILE *err)
{
	begin(err);
	push_source(in, name, NULL);
	return parse();
}
