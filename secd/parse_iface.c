/* SPDX-License-Identifier: ISC */
/*
 * The interface blocks of secd.conf(5): each statement's value is put into the
 * tree if the interface is still sound with it.  The limits are those of
 * request.h, asked by its checks after every statement, so that the line which
 * breaks one is blamed.  Called by the actions of parse.y.
 */
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdint.h>
#include <string.h>

#include "secd/conf.h"
#include "secd/lex.h"
#include "secd/log.h"
#include "secd/parse.h"

#define NO_NAME		"sec999999999999"	/* of an interface without */

enum once {
	ONCE_DESCR, ONCE_DEVICE, ONCE_LOCAL, ONCE_PEER, ONCE_MTU, ONCE_REPLAY,
	ONCE_LINK, ONCE_ENCAP, ONCE_ACQUIRE, ONCE_SWITCH, ONCE_DRAIN,
	ONCE_FOLLOW, ONCE_OUTPUT, ONCE_UPDOWN
};

static struct {
	struct conf		*conf;
	struct conf_iface	*ci;	/* whose block this is, or NULL */
	unsigned int		 seen;	/* 1 << enum once */
} cur;

void
parse_iface_start(struct conf *conf)
{
	memset(&cur, 0, sizeof(cur));
	cur.conf = conf;
}

static void
new_iface(const char *name)
{
	struct iface_conf ic;

	iface_conf_init(&ic, name);
	cur.ci = conf_add(cur.conf, &ic);
	if ((cur.ci->file = strdup(lex_last()->file)) == NULL)
		fatal("configuration");
	cur.ci->line = lex_last()->line;
	cur.seen = 0;
}

void
parse_iface_begin(const char *name)
{
	const struct conf_iface *other;

	if (!iface_name_ok(name)) {
		lex_error("interface %s: the name must be sec and a number",
		    lex_shown(name));
		name = NO_NAME;
	} else if ((other = conf_find(cur.conf, name)) != NULL)
		lex_error("interface %s is already defined at %s:%d", name,
		    other->file, other->line);
	new_iface(name);
}

struct conf_iface *
parse_iface(void)
{
	if (cur.ci == NULL)
		new_iface(NO_NAME);
	return cur.ci;
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
		lex_error("%s", why);
	else
		cur.ci->conf = *ic;
}

void
parse_iface_descr(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;

	if (parse_once(&cur.seen, ONCE_DESCR, "description") == -1)
		return;
	if (strlen(s) >= sizeof(ic.descr)) {
		lex_error("description longer than %zu characters",
		    sizeof(ic.descr) - 1);
		return;
	}
	memset(ic.descr, 0, sizeof(ic.descr));
	memcpy(ic.descr, s, strlen(s));
	take(&ic);
}

void
parse_iface_device(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;
	const struct conf_iface *ci;

	if (parse_once(&cur.seen, ONCE_DEVICE, "device") == -1)
		return;
	if (s[0] == '\0' || strlen(s) >= sizeof(ic.device)) {
		lex_error("device name empty or longer than %zu characters",
		    sizeof(ic.device) - 1);
		return;
	}
	TAILQ_FOREACH(ci, &cur.conf->ifaces, entry)
		if (strcmp(ci->conf.device, s) == 0) {
			lex_error("device %s is already that of %s", s,
			    ci->conf.name);
			return;
		}
	memset(ic.device, 0, sizeof(ic.device));
	memcpy(ic.device, s, strlen(s));
	take(&ic);
}

void
parse_iface_outer(const char *local, const char *peer)
{
	struct iface_conf ic = parse_iface()->conf;

	if (local != NULL &&
	    (parse_once(&cur.seen, ONCE_LOCAL, "local") == -1 ||
	    parse_address("local", local, &ic.local) == -1))
		return;
	if (peer != NULL &&
	    (parse_once(&cur.seen, ONCE_PEER, "peer") == -1 ||
	    parse_address("peer", peer, &ic.peer) == -1))
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
		lex_error("%s %s: no prefix length: write %s ADDRESS/LENGTH",
		    what, lex_shown(s), what);
		return -1;
	}
	if ((size_t)(slash - s) >= sizeof(buf)) {
		lex_error("%s %s: not an address", what, lex_shown(s));
		return -1;
	}
	memcpy(buf, s, slash - s);
	buf[slash - s] = '\0';
	if (parse_address(what, buf, &ia->local) == -1 ||
	    parse_number("prefix length", slash + 1, &n) == -1)
		return -1;
	if (ia->local.af != af) {
		lex_error("%s %s: an address of the other family", what, buf);
		return -1;
	}
	ia->prefixlen = n > UINT8_MAX ? UINT8_MAX : n;
	return 0;
}

void
parse_iface_inner(uint8_t af, const char *local, const char *peer)
{
	struct iface_conf ic = parse_iface()->conf;
	struct iface_addr ia;
	const char *what = af == AF_INET ? "inet" : "inet6";
	size_t i;

	memset(&ia, 0, sizeof(ia));
	if (prefix(what, af, local, &ia) == -1)
		return;
	if (peer != NULL && parse_address(what, peer, &ia.peer) == -1)
		return;
	for (i = 0; i < ic.naddrs; i++)
		if (addr_equal(&ic.addrs[i].local, &ia.local)) {
			lex_error("%s %s given twice", what, local);
			return;
		}
	if (ic.naddrs == IFACE_NADDRS) {
		lex_error("%s: more than %d inner addresses", what,
		    IFACE_NADDRS);
		return;
	}
	ic.addrs[ic.naddrs++] = ia;
	take(&ic);
}

void
parse_iface_mtu(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;
	uint64_t n;

	if (parse_once(&cur.seen, ONCE_MTU, "mtu") == -1)
		return;
	if (strcmp(s, "auto") == 0) {
		lex_error("not supported yet: mtu auto");
		return;
	}
	if (parse_number("mtu", s, &n) == -1)
		return;
	ic.mtu = parse_clamp(n);
	take(&ic);
}

void
parse_iface_replay(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;
	uint64_t n;

	if (parse_once(&cur.seen, ONCE_REPLAY, "replay") == -1 ||
	    parse_number("replay", s, &n) == -1)
		return;
	ic.replay = parse_clamp(n);
	take(&ic);
}

void
parse_iface_link(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;

	if (parse_once(&cur.seen, ONCE_LINK, "link state") == -1)
		return;
	if (strcmp(s, "sa") == 0)
		ic.link = LINK_SA;
	else if (strcmp(s, "admin") == 0)
		ic.link = LINK_ADMIN;
	else if (strcmp(s, "alive") == 0)
		lex_error("not supported yet: link state alive");
	else
		lex_error("link state %s: use admin or sa", lex_shown(s));
	take(&ic);
}

/* A value that is complete without another word. */
static int
alone(const char *what, const char *s, const char *rest)
{
	if (rest == NULL)
		return 0;
	lex_error("%s %s: nothing may follow", what, lex_shown(s));
	return -1;
}

void
parse_iface_encap(const char *mode, const char *port)
{
	struct iface_conf ic = parse_iface()->conf;
	uint64_t n = 0;

	if (parse_once(&cur.seen, ONCE_ENCAP, "encap") == -1)
		return;
	if (strcmp(mode, "port") == 0) {
		if (port == NULL) {
			lex_error("encap port: its number is missing");
			return;
		}
		if (parse_number("encap port", port, &n) == -1)
			return;
		ic.encap = ENCAP_PORT;
	} else if (alone("encap", mode, port) == -1)
		return;
	else if (strcmp(mode, "auto") == 0)
		ic.encap = ENCAP_AUTO;
	else if (strcmp(mode, "udp") == 0)
		ic.encap = ENCAP_UDP;
	else if (strcmp(mode, "none") == 0)
		ic.encap = ENCAP_NONE;
	else {
		lex_error("encap %s: use auto, udp, none or port NUMBER",
		    lex_shown(mode));
		return;
	}
	/* 0 is out of range, as what does not fit is */
	ic.encap_port = n > UINT16_MAX ? 0 : (uint16_t)n;
	take(&ic);
}

static int
yes_or_no(const char *what, const char *s, int *yes)
{
	*yes = strcmp(s, "yes") == 0;
	if (*yes || strcmp(s, "no") == 0)
		return 0;
	lex_error("%s %s: use yes or no", what, lex_shown(s));
	return -1;
}

void
parse_iface_acquire(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;
	int yes;

	if (parse_once(&cur.seen, ONCE_ACQUIRE, "acquire") == -1 ||
	    yes_or_no("acquire", s, &yes) == -1)
		return;
	ic.acquire = yes;
	take(&ic);
}

void
parse_iface_follow(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;
	int yes;

	if (parse_once(&cur.seen, ONCE_FOLLOW, "follow") == -1 ||
	    yes_or_no("follow", s, &yes) == -1)
		return;
	ic.nofollow = !yes;
	take(&ic);
}

/* More than the field holds is more than is allowed. */
static int
seconds(const char *what, const char *s, uint16_t *field)
{
	uint64_t n;

	if (parse_number(what, s, &n) == -1)
		return -1;
	*field = n > UINT16_MAX ? UINT16_MAX : (uint16_t)n;
	return 0;
}

void
parse_iface_switch(const char *when, const char *delay)
{
	struct iface_conf ic = parse_iface()->conf;

	if (parse_once(&cur.seen, ONCE_SWITCH, "switch") == -1)
		return;
	if (strcmp(when, "at-once") == 0) {
		if (alone("switch", when, delay) == -1)
			return;
		ic.switch_delay = 0;
	} else if (strcmp(when, "delay") == 0 && delay != NULL) {
		if (seconds("switch delay", delay, &ic.switch_delay) == -1)
			return;
	} else {
		lex_error("switch %s: use at-once or delay SECONDS",
		    lex_shown(when));
		return;
	}
	take(&ic);
}

void
parse_iface_drain(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;

	if (parse_once(&cur.seen, ONCE_DRAIN, "drain") == -1 ||
	    seconds("drain", s, &ic.drain) == -1)
		return;
	take(&ic);
}

void
parse_iface_output(const char *s)
{
	struct iface_conf ic = parse_iface()->conf;

	if (parse_once(&cur.seen, ONCE_OUTPUT, "output") == -1)
		return;
	if (strcmp(s, "raw") == 0)
		ic.output = OUTPUT_RAW;
	else if (strcmp(s, "packet") == 0)
		ic.output = OUTPUT_PACKET;
	else
		lex_error("output %s: use packet or raw", lex_shown(s));
	take(&ic);
}

void
parse_iface_down(int down)
{
	struct iface_conf ic = parse_iface()->conf;

	if (parse_once(&cur.seen, ONCE_UPDOWN, "up or down") == -1)
		return;
	ic.down = down;
	take(&ic);
}

void
parse_iface_end(void)
{
	parse_sa_check_ends(parse_iface());
	cur.ci = NULL;
}
