/* SPDX-License-Identifier: ISC */
/*
 * The static SAs of secd.conf(5): options are gathered until the statement
 * ends, then the SA is checked as a whole and against all before it, and put
 * into the tree.  Key files are named, not opened.  Called by the actions of
 * parse.y, and by parse_iface.c when a block ends.
 */
#include <sys/queue.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "secd/conf.h"
#include "secd/lex.h"
#include "secd/parse.h"
#include "libesp/esp.h"

#define AUTH_ADVISED	"hmac-sha2-256"

static struct {
	struct conf_sa	 sa;
	unsigned int	 seen;	/* 1 << enum sa_option */
	int		 bad;	/* complained about: not for the tree */
} cur;

static void	 sa_error(const char *, ...)
		    __attribute__((format(printf, 1, 2)));

void
parse_sa_begin(const struct conf_iface *ci, int dir, int line)
{
	memset(&cur, 0, sizeof(cur));
	memcpy(cur.sa.req.iface, ci->conf.name, sizeof(cur.sa.req.iface));
	cur.sa.req.dir = dir;
	cur.sa.req.flags = SA_F_STATIC | SA_F_CONF;
	cur.sa.line = line;
}

void
parse_sa_number(enum sa_option opt, const char *what, const char *s)
{
	uint64_t n;

	if (parse_once(&cur.seen, opt, what) == -1 ||
	    parse_number(what, s, &n) == -1) {
		cur.bad = 1;
		return;
	}
	if (opt == OPT_SEQ) {
		cur.sa.req.seq = n;
	} else if (opt == OPT_WINDOW) {
		cur.sa.req.replay = parse_clamp(n);
		cur.sa.req.flags |= SA_F_REPLAY;
	} else if (n > UINT32_MAX) {
		lex_error("%s %s: more than 32 bits", what, s);
		cur.bad = 1;
	} else
		cur.sa.req.spi = n;
}

void
parse_sa_addr(enum sa_option opt, const char *what, const char *s)
{
	struct ip_addr *a = opt == OPT_SRC ? &cur.sa.req.src : &cur.sa.req.dst;

	if (parse_once(&cur.seen, opt, what) == -1 ||
	    parse_address(what, s, a) == -1) {
		cur.bad = 1;
	} else if (!addr_is_host(a)) {
		lex_error("%s %s: not the address of a host", what, s);
		cur.bad = 1;
	}
}

void
parse_sa_suite(enum sa_option opt, const char *what, const char *s)
{
	char *field = opt == OPT_ENC ? cur.sa.req.enc : cur.sa.req.auth;

	if (parse_once(&cur.seen, opt, what) == -1) {
		cur.bad = 1;
	} else if (s[0] == '\0' || strlen(s) >= SUITE_NAMELEN) {
		lex_error("unknown %s %s", opt == OPT_ENC ? "cipher" : "auth",
		    lex_shown(s));
		cur.bad = 1;
	} else
		memcpy(field, s, strlen(s));
}

/* Whether two SAs share a key is told by the path, so there is one of each. */
void
parse_sa_keyfile(const char *path)
{
	if (parse_once(&cur.seen, OPT_KEY, "key file") == -1) {
		cur.bad = 1;
	} else if (path[0] != '/') {
		lex_error("key file %s: not an absolute path", lex_shown(path));
		cur.bad = 1;
	} else
		cur.sa.keyfile = lex_keep(path);
}

void
parse_sa_esn(void)
{
	if (parse_once(&cur.seen, OPT_ESN, "esn") == -1)
		cur.bad = 1;
	cur.sa.req.flags |= SA_F_ESN;
}

void
parse_sa_spoil(void)
{
	cur.bad = 1;
}

/* Of the SA as a whole, at the line where it began. */
static void
sa_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	lex_verror_at(lex_last()->file, cur.sa.line, fmt, ap);
	va_end(ap);
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
is_auth(const char *s)
{
	const struct esp_suite *su;
	size_t i;

	for (i = 0; (su = esp_suite_at(i)) != NULL; i++)
		if (su->auth != NULL && strcmp(su->auth, s) == 0)
			return 1;
	return 0;
}

/* What goes with a cipher, but the one that is advised. */
static const char *
other_auths(const char *enc)
{
	static char list[160];
	const struct esp_suite *su;
	size_t i, n = 0;

	list[0] = '\0';
	for (i = 0; (su = esp_suite_at(i)) != NULL; i++)
		if (strcmp(su->enc, enc) == 0 && su->auth != NULL &&
		    strcmp(su->auth, AUTH_ADVISED) != 0 && n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n,
			    "%s%s", n > 0 ? ", " : "", su->auth);
	return list;
}

static int
check_suite(const struct sa_request *r)
{
	const struct esp_suite *su = suite_of(r->enc);

	if (esp_suite_find(r->enc, r->auth) != NULL)
		return 0;
	if (su == NULL)
		sa_error("unknown cipher %s", lex_shown(r->enc));
	else if (r->auth[0] == '\0')
		sa_error("%s needs an auth: auth " AUTH_ADVISED " (or %s)",
		    r->enc, other_auths(r->enc));
	else if (!is_auth(r->auth))
		sa_error("unknown auth %s", lex_shown(r->auth));
	else if (su->auth == NULL)
		sa_error("auth %s: %s authenticates itself, leave auth out",
		    r->auth, r->enc);
	else
		sa_error("%s does not go with auth %s", r->enc, r->auth);
	return -1;
}

static int
missing(enum sa_option opt, const char *what)
{
	if (cur.seen & 1U << opt)
		return 0;
	sa_error("sa without %s", what);
	return -1;
}

/* Against every SA before it: the same one again, or its key. */
static int
check_others(const struct conf *conf, const struct conf_sa *cs)
{
	const struct conf_iface *ci;
	const struct conf_sa *o;

	TAILQ_FOREACH(ci, &conf->ifaces, entry) {
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

void
parse_sa_end(const struct conf *conf, struct conf_iface *ci)
{
	const char *why;

	if (cur.bad || missing(OPT_SPI, "spi") == -1 ||
	    missing(OPT_SRC, "src") == -1 ||
	    missing(OPT_DST, "dst") == -1 ||
	    missing(OPT_ENC, "enc") == -1 ||
	    missing(OPT_KEY, "key file") == -1 ||
	    check_suite(&cur.sa.req) == -1)
		return;
	if (cur.sa.req.src.af != cur.sa.req.dst.af) {
		sa_error("src and dst are of different families");
		return;
	}
	if ((why = sa_request_check(&cur.sa.req)) != NULL) {
		sa_error("%s", why);
		return;
	}
	if (check_others(conf, &cur.sa) == -1)
		return;
	cur.sa.file = lex_keep(lex_last()->file);
	conf_add_sa(ci, &cur.sa);
}

static void
check_end(const struct conf_sa *cs, const char *what, const struct ip_addr *a,
    const char *whose, const struct ip_addr *b)
{
	char abuf[ADDR_STRLEN], bbuf[ADDR_STRLEN];

	if (b->af != 0 && !addr_equal(a, b))
		lex_error_at(cs->file, cs->line,
		    "sa %s %s is not the interface's %s %s", what,
		    addr_print(a, abuf), whose, addr_print(b, bbuf));
}

void
parse_sa_check_ends(const struct conf_iface *ci)
{
	const struct iface_conf *ic = &ci->conf;
	const struct conf_sa *cs;

	TAILQ_FOREACH(cs, &ci->sas, entry) {
		int in = cs->req.dir == SA_IN;

		check_end(cs, in ? "dst" : "src",
		    in ? &cs->req.dst : &cs->req.src, "local", &ic->local);
		check_end(cs, in ? "src" : "dst",
		    in ? &cs->req.src : &cs->req.dst, "peer", &ic->peer);
	}
}
