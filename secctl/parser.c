/* SPDX-License-Identifier: ISC */
/*
 * Words to a command, by tables: each state is a list of what may come next,
 * and the same tables say what was possible where a word is not known.  A word
 * may be shortened to any prefix that only one entry of its state has.
 *
 * Pure: opens no file, prints nothing, sees no key.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "secctl/parser.h"
#include "secctl/secctl.h"

#define NELEMS(a)	(sizeof(a) / sizeof((a)[0]))

enum state {
	S_TOP,
	S_ADD, S_ADD_IFACE, S_ADD_DIR, S_ADD_WORD, S_SPI, S_SRC, S_DST, S_ENC,
	S_KEY, S_KEY_PATH, S_AUTH, S_REPLAY, S_SEQ,
	S_CREATE, S_CREATE_WORD, S_LOCAL, S_PEER, S_INET, S_INET6, S_FAR, S_MTU,
	S_ENCAP, S_ENCAP_PORT, S_ACQUIRE, S_OUTPUT,
	S_DESTROY,
	S_EXPIRE,
	S_FLUSH, S_FLUSH_IFACE,
	S_GENKEY, S_GENKEY_AUTH,
	S_HELP,
	S_IFACE, S_UPDOWN,
	S_LOG,
	S_REMOVE, S_ID_WORD, S_ID_SPI, S_ID_DST,
	S_SHOW, S_SHOW_IFACE,
	S_STOP,
	S_LAST,			/* nothing may follow */
	S_MAX
};

/* Words that may be given once; END wants some of them given. */
enum once {
	O_SPI = 0x0001,
	O_SRC = 0x0002,
	O_DST = 0x0004,
	O_ENC = 0x0008,
	O_ESN = 0x0010,
	O_REPLAY = 0x0020,
	O_SEQ = 0x0040,
	O_AUTH = 0x0080,
	O_LOCAL = 0x0100,
	O_PEER = 0x0200,
	O_MTU = 0x0400,
	O_KEY = 0x0800,
	O_ENCAP = 0x1000,
	O_ACQUIRE = 0x2000,
	O_OUTPUT = 0x4000
};

enum kind {
	NONE,			/* ends a table */
	WORD,			/* this word or a prefix */
	LATER,			/* a word whose feature is not there yet */
	VALUE,			/* anything; take() judges it */
	MAYBE,			/* what looks like an address; else no match */
	END			/* the command may end here */
};

struct token {
	enum kind	  kind;
	const char	 *word;		/* or what a value is called */
	enum state	  next;
	enum action	  action;	/* if any, what the command now is */
	unsigned int	  once;		/* enum once */
	int		(*take)(struct parse *, const char *);
};

static int	take_topic(struct parse *, const char *);

#define O_SA	(O_SPI | O_SRC | O_DST | O_ENC | O_KEY)

static const struct token tables[S_MAX][14] = {
[S_TOP] = {
	{ WORD,	"add",		S_ADD,		0, 0, NULL },
	{ WORD,	"create",	S_CREATE,	ACT_CREATE, 0, NULL },
	{ WORD,	"destroy",	S_DESTROY,	ACT_DESTROY, 0, NULL },
	{ WORD,	"expire",	S_EXPIRE,	0, 0, NULL },
	{ WORD,	"flush",	S_FLUSH,	0, 0, NULL },
	{ WORD,	"genkey",	S_GENKEY,	ACT_GENKEY, 0, NULL },
	{ WORD,	"help",		S_HELP,		ACT_HELP, 0, NULL },
	{ WORD,	"interface",	S_IFACE,	0, 0, NULL },
	{ WORD,	"log",		S_LOG,		0, 0, NULL },
	{ WORD,	"monitor",	S_LAST,		ACT_MONITOR, 0, NULL },
	{ WORD,	"reload",	S_LAST,		ACT_RELOAD, 0, NULL },
	{ WORD,	"remove",	S_REMOVE,	0, 0, NULL },
	{ WORD,	"show",		S_SHOW,		ACT_SHOW_IFACE, 0, NULL },
	{ WORD,	"stop",		S_STOP,		ACT_STOP, 0, NULL },
},
[S_ADD] = {
	{ WORD,	"sa",		S_ADD_IFACE,	ACT_ADD_SA, 0, NULL },
},
[S_ADD_IFACE] = {
	{ VALUE, "IFACE",	S_ADD_DIR,	0, 0, take_iface },
},
[S_ADD_DIR] = {
	{ WORD,	"in",		S_ADD_WORD,	0, 0, take_in },
	{ WORD,	"out",		S_ADD_WORD,	0, 0, take_out },
},
[S_ADD_WORD] = {
	{ WORD,	"spi",		S_SPI,		0, O_SPI, NULL },
	{ WORD,	"src",		S_SRC,		0, O_SRC, NULL },
	{ WORD,	"dst",		S_DST,		0, O_DST, NULL },
	{ WORD,	"enc",		S_ENC,		0, O_ENC, NULL },
	{ WORD,	"auth",		S_AUTH,		0, O_AUTH, NULL },
	{ WORD,	"key",		S_KEY,		0, O_KEY, NULL },
	{ WORD,	"esn",		S_ADD_WORD,	0, O_ESN, take_esn },
	{ WORD,	"replay",	S_REPLAY,	0, O_REPLAY, NULL },
	{ WORD,	"seq",		S_SEQ,		0, O_SEQ, NULL },
	{ LATER, "encap",	S_LAST,		0, 0, NULL },
	{ END,	NULL,		S_LAST,		0, O_SA, NULL },
},
[S_SPI] = {
	{ VALUE, "SPI",		S_ADD_WORD,	0, 0, take_spi },
},
[S_SRC] = {
	{ VALUE, "ADDRESS",	S_ADD_WORD,	0, 0, take_src },
},
[S_DST] = {
	{ VALUE, "ADDRESS",	S_ADD_WORD,	0, 0, take_dst },
},
[S_ENC] = {
	{ VALUE, "CIPHER",	S_ADD_WORD,	0, 0, take_enc },
},
[S_AUTH] = {
	{ VALUE, "AUTH",	S_ADD_WORD,	0, 0, take_auth },
},
[S_KEY] = {
	{ WORD,	"file",		S_KEY_PATH,	0, 0, NULL },
},
[S_KEY_PATH] = {
	{ VALUE, "PATH",	S_ADD_WORD,	0, 0, take_keyfile },
},
[S_REPLAY] = {
	{ VALUE, "PACKETS",	S_ADD_WORD,	0, 0, take_replay },
},
[S_SEQ] = {
	{ VALUE, "NUMBER",	S_ADD_WORD,	0, 0, take_seq },
},
[S_CREATE] = {
	{ VALUE, "IFACE",	S_CREATE_WORD,	0, 0, take_iface },
},
[S_FAR] = {
	{ MAYBE, "FAR-ADDRESS",	S_CREATE_WORD,	0, 0, take_far },
	{ WORD,	"local",	S_LOCAL,	0, O_LOCAL, NULL },
	{ WORD,	"peer",		S_PEER,		0, O_PEER, NULL },
	{ WORD,	"inet",		S_INET,		0, 0, NULL },
	{ WORD,	"inet6",	S_INET6,	0, 0, NULL },
	{ WORD,	"mtu",		S_MTU,		0, O_MTU, NULL },
	{ WORD,	"encap",	S_ENCAP,	0, O_ENCAP, NULL },
	{ WORD,	"acquire",	S_ACQUIRE,	0, O_ACQUIRE, NULL },
	{ WORD,	"output",	S_OUTPUT,	0, O_OUTPUT, NULL },
	{ END,	NULL,		S_LAST,		0, 0, NULL },
},
[S_CREATE_WORD] = {
	{ WORD,	"local",	S_LOCAL,	0, O_LOCAL, NULL },
	{ WORD,	"peer",		S_PEER,		0, O_PEER, NULL },
	{ WORD,	"inet",		S_INET,		0, 0, NULL },
	{ WORD,	"inet6",	S_INET6,	0, 0, NULL },
	{ WORD,	"mtu",		S_MTU,		0, O_MTU, NULL },
	{ WORD,	"encap",	S_ENCAP,	0, O_ENCAP, NULL },
	{ WORD,	"acquire",	S_ACQUIRE,	0, O_ACQUIRE, NULL },
	{ WORD,	"output",	S_OUTPUT,	0, O_OUTPUT, NULL },
	{ END,	NULL,		S_LAST,		0, 0, NULL },
},
[S_LOCAL] = {
	{ VALUE, "ADDRESS",	S_CREATE_WORD,	0, 0, take_local },
},
[S_PEER] = {
	{ VALUE, "ADDRESS",	S_CREATE_WORD,	0, 0, take_peer },
},
[S_INET] = {
	{ VALUE, "ADDRESS/PREFIX", S_FAR,	0, 0, take_inet },
},
[S_INET6] = {
	{ VALUE, "ADDRESS/PREFIX", S_FAR,	0, 0, take_inet6 },
},
[S_MTU] = {
	{ VALUE, "OCTETS",	S_CREATE_WORD,	0, 0, take_mtu },
},
[S_ENCAP] = {
	{ WORD,	"auto",		S_CREATE_WORD,	0, 0, take_encap_auto },
	{ WORD,	"udp",		S_CREATE_WORD,	0, 0, take_encap_udp },
	{ WORD,	"none",		S_CREATE_WORD,	0, 0, take_encap_none },
	{ WORD,	"port",		S_ENCAP_PORT,	0, 0, NULL },
},
[S_ENCAP_PORT] = {
	{ VALUE, "PORT",	S_CREATE_WORD,	0, 0, take_encap_port },
},
[S_ACQUIRE] = {
	{ WORD,	"yes",		S_CREATE_WORD,	0, 0, take_acquire },
	{ WORD,	"no",		S_CREATE_WORD,	0, 0, NULL },
},
[S_OUTPUT] = {
	{ WORD,	"raw",		S_CREATE_WORD,	0, 0, NULL },
	{ WORD,	"packet",	S_CREATE_WORD,	0, 0, take_output_packet },
},
[S_DESTROY] = {
	{ VALUE, "IFACE",	S_LAST,		0, 0, take_iface },
},
[S_EXPIRE] = {
	{ WORD,	"soft",		S_ID_WORD,	ACT_EXPIRE_SOFT, 0, NULL },
	{ WORD,	"hard",		S_ID_WORD,	ACT_EXPIRE_HARD, 0, NULL },
},
[S_FLUSH] = {
	{ WORD,	"sa",		S_FLUSH_IFACE,	ACT_FLUSH_SA, 0, NULL },
},
[S_FLUSH_IFACE] = {
	{ END,	NULL,		S_LAST,		0, 0, NULL },
	{ VALUE, "IFACE",	S_LAST,		0, 0, take_iface },
},
[S_GENKEY] = {
	{ VALUE, "CIPHER",	S_GENKEY_AUTH,	0, 0, take_enc },
},
[S_GENKEY_AUTH] = {
	{ END,	NULL,		S_LAST,		0, 0, NULL },
	{ VALUE, "AUTH",	S_LAST,		0, 0, take_auth },
},
[S_HELP] = {
	{ END,	NULL,		S_LAST,		0, 0, NULL },
	{ VALUE, "COMMAND",	S_LAST,		0, 0, take_topic },
},
[S_IFACE] = {
	{ VALUE, "IFACE",	S_UPDOWN,	0, 0, take_iface },
},
[S_UPDOWN] = {
	{ WORD,	"up",		S_LAST,		ACT_UP, 0, NULL },
	{ WORD,	"down",		S_LAST,		ACT_DOWN, 0, NULL },
},
[S_LOG] = {
	{ WORD,	"brief",	S_LAST,		ACT_LOG_BRIEF, 0, NULL },
	{ WORD,	"verbose",	S_LAST,		ACT_LOG_VERBOSE, 0, NULL },
},
[S_REMOVE] = {
	{ WORD,	"sa",		S_ID_WORD,	ACT_REMOVE_SA, 0, NULL },
},
[S_ID_WORD] = {
	{ WORD,	"spi",		S_ID_SPI,	0, O_SPI, NULL },
	{ WORD,	"dst",		S_ID_DST,	0, O_DST, NULL },
	{ END,	NULL,		S_LAST,		0, O_SPI | O_DST, NULL },
},
[S_ID_SPI] = {
	{ VALUE, "SPI",		S_ID_WORD,	0, 0, take_id_spi },
},
[S_ID_DST] = {
	{ VALUE, "ADDRESS",	S_ID_WORD,	0, 0, take_id_dst },
},
[S_SHOW] = {
	{ END,	NULL,		S_LAST,		0, 0, NULL },
	{ WORD,	"interfaces",	S_SHOW_IFACE,	ACT_SHOW_IFACE, 0, NULL },
	{ WORD,	"sa",		S_SHOW_IFACE,	ACT_SHOW_SA, 0, NULL },
	{ WORD,	"clients",	S_LAST,		ACT_SHOW_CLIENTS, 0, NULL },
	{ WORD,	"crypto",	S_LAST,		ACT_SHOW_CRYPTO, 0, NULL },
	{ WORD,	"drops",	S_LAST,		ACT_SHOW_DROPS, 0, NULL },
	{ WORD,	"process",	S_LAST,		ACT_SHOW_PROCESS, 0, NULL },
},
[S_SHOW_IFACE] = {
	{ END,	NULL,		S_LAST,		0, 0, NULL },
	{ VALUE, "IFACE",	S_LAST,		0, 0, take_iface },
},
[S_STOP] = {
	{ WORD,	"-d",		S_LAST,		ACT_STOP_DESTROY, 0, NULL },
	{ END,	NULL,		S_LAST,		0, 0, NULL },
},
[S_LAST] = {
	{ END,	NULL,		S_LAST,		0, 0, NULL },
},
};

static const struct {
	const char	*verb;
	const char	*form;
	const char	*meaning;
} helps[] = {
	{ "add", "add sa IFACE in|out spi SPI src A dst B enc CIPHER "
	    "[auth AUTH] key file PATH [esn] [replay N] [seq N]",
	    "install an SA; the key is hex in a file, or standard input (-)" },
	{ "create", "create IFACE [local A] [peer B] [inet A/P [FAR]] "
	    "[inet6 A/P [FAR]] [mtu N] [encap auto|udp|none|port N] "
	    "[acquire yes|no] [output raw|packet]",
	    "make an interface such as sec1" },
	{ "destroy", "destroy IFACE",
	    "remove an interface with its SAs, addresses and routes" },
	{ "expire", "expire soft|hard spi SPI dst B",
	    "let an SA's lifetime end, as if it had: soft asks its IKE daemon "
	    "for a new one" },
	{ "flush", "flush sa [IFACE]",
	    "remove all SAs, or those of one interface" },
	{ "genkey", "genkey CIPHER [AUTH]",
	    "write a fresh key in hex to standard output" },
	{ "help", "help [COMMAND]",
	    "say what there is" },
	{ "interface", "interface IFACE up|down",
	    "let an interface carry packets, or not" },
	{ "log", "log brief|verbose",
	    "say how much secd logs" },
	{ "monitor", "monitor",
	    "print what secd logs as it happens, until interrupted" },
	{ "reload", "reload",
	    "read secd.conf again; on any error nothing changes" },
	{ "remove", "remove sa spi SPI dst B",
	    "remove an SA at once" },
	{ "show", "show [interfaces [IFACE]]",
	    "interfaces: state, addresses, counters" },
	{ "show", "show sa [IFACE]",
	    "SAs: state, numbers, counters; never keys" },
	{ "show", "show clients",
	    "IKE daemons that are connected, and what is theirs" },
	{ "show", "show crypto",
	    "by which library each cipher suite is computed, and why" },
	{ "show", "show drops",
	    "packets dropped, by interface and reason" },
	{ "show", "show process",
	    "secd itself: version, files, processes, lost protections" },
	{ "stop", "stop [-d]",
	    "end secd; its interfaces stay and discard, or (-d) go too" },
};

/* --- complaints --- */

int
bad(struct parse *p, const char *fmt, ...)
{
	va_list ap;
	int n = 0;

	if (p->trail[0] != '\0')
		n = snprintf(p->why, CTL_WHYLEN, "%s: ", p->trail);
	va_start(ap, fmt);
	vsnprintf(p->why + n, CTL_WHYLEN - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

const char *
shown(const char *word)
{
	static char buf[81];
	size_t i;

	for (i = 0; i < sizeof(buf) - 1 && word[i] != '\0'; i++)
		buf[i] = isprint((unsigned char)word[i]) ? word[i] : '?';
	buf[i] = '\0';
	return buf;
}

void
append(char *list, size_t size, const char *word)
{
	if (list[0] != '\0')
		strlcat(list, ", ", size);
	strlcat(list, word, size);
}

/* What may come in this state, as far as it has not been given. */
static void
possible(const struct parse *p, const struct token *table, char *list,
    size_t size)
{
	const struct token *t;

	list[0] = '\0';
	for (t = table; t->kind != NONE && t < table + NELEMS(*tables); t++)
		if (t->kind != END && t->kind != LATER &&
		    (t->once & p->given) == 0)
			append(list, size, t->word);
}

static int
unknown(struct parse *p, const struct token *table, const char *word)
{
	char list[400];

	possible(p, table, list, sizeof(list));
	if (list[0] == '\0')
		return bad(p, "'%s' is one word too many", shown(word));
	if (word[0] == '-' && word[1] != '\0')
		return bad(p, "'%s' is unknown here (options go before the "
		    "command); possible: %s", shown(word), list);
	return bad(p, "'%s' is unknown here; possible: %s", shown(word), list);
}

static int
ambiguous(struct parse *p, const struct token *table, const char *word)
{
	const struct token *t;
	char list[400] = "";

	for (t = table; t->kind != NONE && t < table + NELEMS(*tables); t++)
		if ((t->kind == WORD || t->kind == LATER) &&
		    strncmp(t->word, word, strlen(word)) == 0)
			append(list, sizeof(list), t->word);
	return bad(p, "'%s' is ambiguous: %s", shown(word), list);
}

/* The words stop here; may they? */
static int
finish(struct parse *p, const struct token *table)
{
	const struct token *t, *end = NULL;
	char list[400] = "";

	for (t = table; t->kind != NONE && t < table + NELEMS(*tables); t++)
		if (t->kind == END)
			end = t;
	if (end == NULL) {
		possible(p, table, list, sizeof(list));
		return bad(p, "something is missing at the end: %s", list);
	}
	for (t = table; t->kind != NONE && t < table + NELEMS(*tables); t++)
		if (t->kind == WORD && (t->once & end->once & ~p->given) != 0)
			append(list, sizeof(list), t->word);
	return list[0] == '\0' ? 0 : bad(p, "missing: %s", list);
}

/* --- the machine --- */

static int
looks_like_address(const char *s)
{
	return strchr(s, '.') != NULL || strchr(s, ':') != NULL;
}

/*
 * The entry of the table for this word; NULL with *why telling.  A whole word
 * wins over what it is a prefix of, a word over a value.
 */
static const struct token *
match(struct parse *p, const struct token *table, const char *word)
{
	const struct token *t, *found = NULL, *value = NULL;
	const size_t len = strlen(word);
	int n = 0;

	for (t = table; t->kind != NONE && t < table + NELEMS(*tables); t++) {
		if (t->kind == VALUE ||
		    (t->kind == MAYBE && looks_like_address(word)))
			value = t;
		if ((t->kind != WORD && t->kind != LATER) || len == 0)
			continue;
		if (strcmp(t->word, word) == 0)
			return t;
		/* "-" is a file's name, not short for an option */
		if (t->word[0] != '-' && strncmp(t->word, word, len) == 0) {
			found = t;
			n++;
		}
	}
	if (n == 1)
		return found;
	if (n == 0 && value != NULL)
		return value;
	if (n == 0)
		unknown(p, table, word);
	else
		ambiguous(p, table, word);
	return NULL;
}

/* Keep the verb and its object for complaints: "add sa". */
static void
remember(struct parse *p, const struct token *t, int i)
{
	if (i > 1 || t->kind != WORD || t->word[0] == '-')
		return;
	if (p->trail[0] != '\0')
		strlcat(p->trail, " ", sizeof(p->trail));
	strlcat(p->trail, t->word, sizeof(p->trail));
}

static int
step(struct parse *p, const struct token *t, const char *word, int i)
{
	if (t->kind == LATER)
		return bad(p, "not supported yet: %s", t->word);
	if ((t->once & p->given) != 0)
		return bad(p, "%s is given twice", t->word);
	p->given |= t->once;
	if (t->action != ACT_NONE)
		p->cmd->action = t->action;
	remember(p, t, i);
	return t->take == NULL ? 0 : t->take(p, word);
}

/* What no word alone can show. */
static int
check(struct parse *p)
{
	struct command *c = p->cmd;
	const char *why = NULL;

	switch (c->action) {
	case ACT_GENKEY:
		return check_suite(p, "");
	case ACT_ADD_SA:
		if (check_suite(p, "auth ") == -1)
			return -1;
		if (c->sa.src.af != c->sa.dst.af)
			return bad(p, "src and dst are of different families");
		strlcpy(c->sa.iface, c->name, sizeof(c->sa.iface));
		c->sa.flags |= SA_F_STATIC;
		why = sa_request_check(&c->sa);
		break;
	case ACT_CREATE:
		strlcpy(c->iface.name, c->name, sizeof(c->iface.name));
		c->iface.dynamic = 1;
		why = iface_conf_check(&c->iface);
		break;
	default:
		break;
	}
	return why == NULL ? 0 : bad(p, "%s", why);
}

int
parser_parse(struct command *c, int n, char *const words[],
    char why[CTL_WHYLEN])
{
	struct parse p = { .cmd = c, .why = why };
	const struct token *t;
	enum state state = S_TOP;
	int i;

	why[0] = '\0';
	memset(c, 0, sizeof(*c));
	iface_conf_init(&c->iface, "");
	for (i = 0; i < n; i++) {
		if ((t = match(&p, tables[state], words[i])) == NULL ||
		    step(&p, t, words[i], i) == -1)
			return -1;
		state = t->next;
	}
	if (finish(&p, tables[state]) == -1)
		return -1;
	return check(&p);
}

const char *
parser_verb(size_t i)
{
	return i < NELEMS(*tables) ? tables[S_TOP][i].word : NULL;
}

int
parser_help(size_t i, const char *verb, const char **form,
    const char **meaning)
{
	size_t k;

	for (k = 0; k < NELEMS(helps); k++) {
		if (verb != NULL && strcmp(helps[k].verb, verb) != 0)
			continue;
		if (i-- > 0)
			continue;
		*form = helps[k].form;
		*meaning = helps[k].meaning;
		return 0;
	}
	return -1;
}

/* A verb to be explained, shortened as it might be typed. */
static int
take_topic(struct parse *p, const char *s)
{
	const struct token *t = match(p, tables[S_TOP], s);

	if (t == NULL)
		return -1;
	p->cmd->topic = t->word;
	return 0;
}

/* --- lines --- */

/* End of the word that begins at s, its quotes out; NULL if one is open. */
static char *
cut(char *s)
{
	char *out = s, quote = '\0';

	for (; *s != '\0'; s++) {
		if (quote != '\0' && *s == quote)
			quote = '\0';
		else if (quote == '\0' && (*s == '"' || *s == '\''))
			quote = *s;
		else if (quote == '\0' && isspace((unsigned char)*s))
			break;
		else
			*out++ = *s;
	}
	if (quote != '\0')
		return NULL;
	if (*s != '\0')
		s++;
	*out = '\0';
	return s;
}

int
parser_split(char *line, char *words[CTL_WORDS], char why[CTL_WHYLEN])
{
	int n = 0;

	for (;;) {
		while (isspace((unsigned char)*line))
			line++;
		if (*line == '\0' || *line == '#')
			return n;
		if (n == CTL_WORDS) {
			snprintf(why, CTL_WHYLEN, "more than %d words in a "
			    "line", CTL_WORDS);
			return -1;
		}
		words[n++] = line;
		if ((line = cut(line)) == NULL) {
			snprintf(why, CTL_WHYLEN, "a quote is not closed");
			return -1;
		}
	}
}
