/* SPDX-License-Identifier: ISC */
/*
 * secd.conf(5): text in, struct conf out.  Every error of the text is
 * reported with file and line and nothing is returned then; the tree is the
 * caller's otherwise.  Used by the parent (start, -n, reload) and, on a stream
 * and without includes, by the state file.
 *
 * Here are the grammar, its words and the doors; tokens come from lex.c, and
 * what a statement means is in parse_engine.c, parse_iface.c and parse_sa.c.
 * Nothing but the macros of conf_define() outlives a call.
 */
%{
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secd/conf.h"
#include "secd/lex.h"
#include "secd/parse.h"

struct value {
	const char	*s;
	const char	*rest;	/* LATER: the words that followed */
	int		 line;
};
#define YYSTYPE struct value

/* Where a word of a later feature would stand. */
#define AT_TOP		0x1
#define AT_IFACE	0x2
#define AT_SA		0x4

static struct conf	*conf;		/* what this call makes */
static int		 at_start;	/* a statement begins */

static void	 yyerror(const char *);
static int	 yylex(void);
int		 yyparse(void);

static void	 define_macro(const char *, const char *);
static const char *join(const char *, const char *);
static void	 unknown_word(const char *);
static void	 later_word(const struct value *, int);
%}

%token	ACQUIRE AUTH CRYPTO DESCRIPTION DEVICE DIRECTORY DOWN DRAIN DST ENC
%token	ENCAP ESN FILENAME FOLLOW IN INCLUDE INET INET6 INTERFACE KEY LINK
%token	LOCAL MTU OFFLOAD OUT OUTPUT PEER REPLAY RESTRICTED SA SEQ SOCKET SPI
%token	SRC STATE SWITCH UP WORKERS
%token	STRING LATER UNKNOWN BAD

%%

grammar		: /* empty */
		| grammar sep
		| grammar include sep	{ lex_include($2.s); }
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
			parse_path(&conf->statedir, $3.s, "state directory",
			    WORDLEN);
		}
		| SOCKET RESTRICTED STRING {
			parse_path(&conf->restricted, $3.s,
			    "socket restricted",
			    sizeof(((struct sockaddr_un *)0)->sun_path));
		}
		| WORKERS STRING	{ parse_workers($2.s); }
		| CRYPTO STRING STRING	{ parse_crypto($2.s, $3.s); }
		| OFFLOAD		{ parse_offload_begin(); }
		    offloads		{ parse_offload_end(); }
		| LATER			{ later_word(&$1, AT_TOP); }
		| UNKNOWN		{ unknown_word($1.s); }
		;

offloads	: STRING		{ parse_offload($1.s); }
		| offloads STRING	{ parse_offload($2.s); }
		;

interface	: INTERFACE STRING	{ parse_iface_begin($2.s); }
		    optnl block		{ parse_iface_end(); }
		| INTERFACE error block	{ parse_iface_end(); }
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

statement	: DESCRIPTION STRING	{ parse_iface_descr($2.s); }
		| DEVICE STRING		{ parse_iface_device($2.s); }
		| LOCAL STRING		{ parse_iface_outer($2.s, NULL); }
		| PEER STRING		{ parse_iface_outer(NULL, $2.s); }
		| LOCAL STRING PEER STRING {
			parse_iface_outer($2.s, $4.s);
		}
		| INET STRING {
			parse_iface_inner(AF_INET, $2.s, NULL);
		}
		| INET STRING STRING {
			parse_iface_inner(AF_INET, $2.s, $3.s);
		}
		| INET6 STRING {
			parse_iface_inner(AF_INET6, $2.s, NULL);
		}
		| INET6 STRING STRING {
			parse_iface_inner(AF_INET6, $2.s, $3.s);
		}
		| MTU STRING		{ parse_iface_mtu($2.s); }
		| REPLAY STRING		{ parse_iface_replay($2.s); }
		| LINK STATE SA		{ parse_iface_link("sa"); }
		| LINK STATE STRING	{ parse_iface_link($3.s); }
		| ENCAP STRING		{ parse_iface_encap($2.s, NULL); }
		| ENCAP STRING STRING	{ parse_iface_encap($2.s, $3.s); }
		| ACQUIRE STRING	{ parse_iface_acquire($2.s); }
		| SWITCH STRING		{ parse_iface_switch($2.s, NULL); }
		| SWITCH STRING STRING	{ parse_iface_switch($2.s, $3.s); }
		| DRAIN STRING		{ parse_iface_drain($2.s); }
		| FOLLOW STRING		{ parse_iface_follow($2.s); }
		| OUTPUT STRING		{ parse_iface_output($2.s); }
		| UP			{ parse_iface_down(0); }
		| DOWN			{ parse_iface_down(1); }
		| SA IN {
			parse_sa_begin(parse_iface(), SA_IN, $1.line);
		} saopts {
			parse_sa_end(conf, parse_iface());
		}
		| SA OUT {
			parse_sa_begin(parse_iface(), SA_OUT, $1.line);
		} saopts {
			parse_sa_end(conf, parse_iface());
		}
		| LATER			{ later_word(&$1, AT_IFACE); }
		| UNKNOWN		{ unknown_word($1.s); }
		;

saopts		: /* empty */
		| saopts saopt
		;

saopt		: SPI STRING {
			parse_sa_number(OPT_SPI, "spi", $2.s);
		}
		| SRC STRING {
			parse_sa_addr(OPT_SRC, "src", $2.s);
		}
		| DST STRING {
			parse_sa_addr(OPT_DST, "dst", $2.s);
		}
		| ENC STRING {
			parse_sa_suite(OPT_ENC, "enc", $2.s);
		}
		| AUTH STRING {
			parse_sa_suite(OPT_AUTH, "auth", $2.s);
		}
		| KEY FILENAME STRING	{ parse_sa_keyfile($3.s); }
		| KEY STRING		{
			/* Its text is not repeated: it may be a key. */
			lex_error("no key may stand here: "
			    "use key file \"PATH\"");
			parse_sa_spoil();
		}
		| ESN			{ parse_sa_esn(); }
		| REPLAY STRING {
			parse_sa_number(OPT_WINDOW, "replay", $2.s);
		}
		| SEQ STRING {
			parse_sa_number(OPT_SEQ, "seq", $2.s);
		}
		| LATER			{
			later_word(&$1, AT_SA);
			parse_sa_spoil();
		}
		;

%%

/* Sorted by name. */
static const struct keyword {
	const char	*name;
	int		 token;
} keywords[] = {
	{ "acquire",		ACQUIRE },
	{ "auth",		AUTH },
	{ "crypto",		CRYPTO },
	{ "description",	DESCRIPTION },
	{ "device",		DEVICE },
	{ "directory",		DIRECTORY },
	{ "down",		DOWN },
	{ "drain",		DRAIN },
	{ "dst",		DST },
	{ "enc",		ENC },
	{ "encap",		ENCAP },
	{ "esn",		ESN },
	{ "file",		FILENAME },
	{ "follow",		FOLLOW },
	{ "in",			IN },
	{ "include",		INCLUDE },
	{ "inet",		INET },
	{ "inet6",		INET6 },
	{ "interface",		INTERFACE },
	{ "key",		KEY },
	{ "link",		LINK },
	{ "local",		LOCAL },
	{ "mtu",		MTU },
	{ "offload",		OFFLOAD },
	{ "out",		OUT },
	{ "output",		OUTPUT },
	{ "peer",		PEER },
	{ "replay",		REPLAY },
	{ "restricted",		RESTRICTED },
	{ "sa",			SA },
	{ "seq",		SEQ },
	{ "socket",		SOCKET },
	{ "spi",		SPI },
	{ "src",		SRC },
	{ "state",		STATE },
	{ "switch",		SWITCH },
	{ "up",			UP },
	{ "workers",		WORKERS }
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
	{ "df",			"clear",		AT_IFACE },
	{ "encap",		NULL,			AT_SA },
	{ "lifetime",		NULL,			AT_IFACE | AT_SA },
	{ "metrics",		NULL,			AT_TOP },
	{ "mss",		"no",			AT_IFACE },
	{ "probe",		NULL,			AT_IFACE }
};

#define NELEMS(a)	(sizeof(a) / sizeof((a)[0]))

/* --- what the generated parser calls --- */

/* Its own words are told in terms of the text. */
static void
yyerror(const char *msg)
{
	if (strcmp(msg, "syntax error") == 0)
		lex_syntax_error();
	else
		lex_error("%s", msg);
}

static int
keyword_cmp(const void *key, const void *row)
{
	return strcmp(key, ((const struct keyword *)row)->name);
}

/* What an SA alone does not know yet may begin another statement. */
static int
is_later(const char *s, int start)
{
	size_t i;

	for (i = 0; i < NELEMS(laters); i++)
		if (strcmp(laters[i].name, s) == 0 &&
		    !(start && laters[i].where == AT_SA))
			return 1;
	return 0;
}

/* The first word of a statement that is no keyword: a macro, or a mistake. */
static int
first_word(void)
{
	if (lex_peek() == '=')
		return STRING;
	(void)lex_rest();
	return UNKNOWN;
}

static int
yylex(void)
{
	const struct keyword *k;
	struct token t = lex_token();
	int start = at_start;

	at_start = t.kind == '\n' || t.kind == ';' || t.kind == '{' ||
	    t.kind == '}';
	yylval.s = t.text;
	yylval.rest = "";
	yylval.line = t.line;
	if (t.kind == LEX_BAD)
		return BAD;
	if (t.kind == LEX_QUOTED)
		return STRING;
	if (t.kind != LEX_WORD)
		return t.kind;
	if (is_later(t.text, start)) {
		yylval.rest = lex_rest();
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

/* --- macros and words --- */

static void
define_macro(const char *name, const char *value)
{
	if (macro_set(name, value) == -1)
		lex_error("malformed macro %s: a name is letters, digits and _",
		    lex_shown(name));
}

static const char *
join(const char *a, const char *b)
{
	char buf[2 * WORDLEN + 2];

	if (strlen(a) + strlen(b) + 2 > WORDLEN) {
		lex_error("macro value too long");
		return a;
	}
	snprintf(buf, sizeof(buf), "%s %s", a, b);
	return lex_keep(buf);
}

static void
unknown_word(const char *s)
{
	lex_error("unknown word: %s", lex_shown(s));
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
		lex_error("not supported yet: %s %s", v->s, lex_shown(v->rest));
	else
		lex_error("not supported yet: %s", v->s);
}

/* --- the doors --- */

/* What lex.c has begun is read and ended. */
static struct conf *
parse(void)
{
	struct conf *c;

	c = conf = conf_new();
	at_start = 1;
	parse_engine_start(conf);
	parse_iface_start(conf);
	if (yyparse() != 0 && lex_errors() == 0)
		lex_error("the parser gave up");
	if (lex_errors() > 0) {
		conf_free(c);
		c = NULL;
	}
	lex_end();
	parse_iface_start(NULL);
	parse_engine_start(NULL);
	conf = NULL;
	return c;
}

struct conf *
conf_parse(const char *path, FILE *err)
{
	if (lex_file(path, err) == -1)
		return NULL;
	return parse();
}

struct conf *
conf_parse_stream(FILE *in, const char *name, FILE *err)
{
	lex_stream(in, name, err);
	return parse();
}
