/* SPDX-License-Identifier: ISC */
/*
 * The values of secctl's words: each is judged and put into the command.  As
 * the parser it opens nothing, prints nothing and sees no key.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "secctl/parser.h"
#include "secctl/secctl.h"

int
take_iface(struct parse *p, const char *s)
{
	if (!iface_name_ok(s))
		return bad(p, "'%s' is not an interface of secd's (sec and a "
		    "number, such as sec0)", shown(s));
	strlcpy(p->cmd->name, s, sizeof(p->cmd->name));
	return 0;
}

int
take_in(struct parse *p, const char *s)
{
	(void)s;
	p->cmd->sa.dir = SA_IN;
	return 0;
}

int
take_out(struct parse *p, const char *s)
{
	(void)s;
	p->cmd->sa.dir = SA_OUT;
	return 0;
}

int
take_esn(struct parse *p, const char *s)
{
	(void)s;
	p->cmd->sa.flags |= SA_F_ESN;
	return 0;
}

/* Decimal, or hex with 0x: strtoull(3) without its signs, blanks and octal. */
static int
number(const char *s, uint64_t *v)
{
	const int hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	char *end;

	if (!isxdigit((unsigned char)s[hex ? 2 : 0]))
		return -1;
	errno = 0;
	*v = strtoull(s, &end, hex ? 16 : 10);
	return errno == 0 && *end == '\0' ? 0 : -1;
}

static int
ranged(struct parse *p, const char *what, const char *s, uint64_t min,
    uint64_t max, uint64_t *v)
{
	if (number(s, v) == -1)
		return bad(p, "%s '%s' is not a number", what, shown(s));
	if (*v < min || *v > max)
		return bad(p, "%s %s is out of range (%" PRIu64 " to %" PRIu64
		    ")", what, shown(s), min, max);
	return 0;
}

static int
spi(struct parse *p, const char *s, uint32_t *v)
{
	uint64_t n;

	if (number(s, &n) == 0 && n < ESP_SPI_MIN)
		return bad(p, "spi %s is reserved: the lowest is %u", shown(s),
		    ESP_SPI_MIN);
	if (ranged(p, "spi", s, ESP_SPI_MIN, UINT32_MAX, &n) == -1)
		return -1;
	*v = (uint32_t)n;
	return 0;
}

int
take_spi(struct parse *p, const char *s)
{
	return spi(p, s, &p->cmd->sa.spi);
}

int
take_id_spi(struct parse *p, const char *s)
{
	return spi(p, s, &p->cmd->id.spi);
}

/* An outer address: some host's. */
static int
outer(struct parse *p, const char *what, const char *s, struct ip_addr *a)
{
	if (addr_parse(s, a) == -1)
		return bad(p, "%s '%s' is not an IP address", what, shown(s));
	if (!addr_is_host(a))
		return bad(p, "%s %s is not a host's address", what, shown(s));
	return 0;
}

int
take_src(struct parse *p, const char *s)
{
	return outer(p, "src", s, &p->cmd->sa.src);
}

int
take_dst(struct parse *p, const char *s)
{
	return outer(p, "dst", s, &p->cmd->sa.dst);
}

int
take_id_dst(struct parse *p, const char *s)
{
	return outer(p, "dst", s, &p->cmd->id.dst);
}

int
take_local(struct parse *p, const char *s)
{
	return outer(p, "local", s, &p->cmd->iface.local);
}

int
take_peer(struct parse *p, const char *s)
{
	return outer(p, "peer", s, &p->cmd->iface.peer);
}

/* --- suites --- */

#define AUTH_ADVISED	"hmac-sha2-256"

/* The first suite of that cipher from the i'th on, or NULL; *i is behind it. */
static const struct esp_suite *
next_suite(const char *enc, size_t *i)
{
	const struct esp_suite *suite;

	while ((suite = esp_suite_at((*i)++)) != NULL)
		if (strcmp(suite->enc, enc) == 0)
			return suite;
	return NULL;
}

int
take_enc(struct parse *p, const char *s)
{
	const struct esp_suite *suite;
	const char *last = "";
	char list[400] = "";
	size_t i = 0;

	if (next_suite(s, &i) != NULL) {
		strlcpy(p->cmd->sa.enc, s, sizeof(p->cmd->sa.enc));
		return 0;
	}
	/* the suites of one cipher stand together */
	for (i = 0; (suite = esp_suite_at(i)) != NULL; i++) {
		if (strcmp(suite->enc, last) != 0)
			append(list, sizeof(list), suite->enc);
		last = suite->enc;
	}
	return bad(p, "unknown cipher '%s'; possible: %s", shown(s), list);
}

int
take_auth(struct parse *p, const char *s)
{
	const struct esp_suite *suite;
	const char *cipher = NULL;
	char list[400] = "";
	size_t i;

	for (i = 0; (suite = esp_suite_at(i)) != NULL; i++) {
		if (suite->auth == NULL)
			continue;
		if (strcmp(suite->auth, s) == 0) {
			strlcpy(p->cmd->sa.auth, s, sizeof(p->cmd->sa.auth));
			return 0;
		}
		/* those of one cipher are those of every other */
		if (cipher == NULL || strcmp(cipher, suite->enc) == 0)
			append(list, sizeof(list), suite->auth);
		cipher = cipher == NULL ? suite->enc : cipher;
	}
	return bad(p, "unknown auth '%s'; possible: %s", shown(s), list);
}

int
check_suite(struct parse *p, const char *word)
{
	const struct sa_request *r = &p->cmd->sa;
	const struct esp_suite *suite;
	char others[200] = "";
	size_t i = 0;

	p->cmd->suite = esp_suite_find(r->enc, r->auth);
	if (p->cmd->suite != NULL)
		return 0;
	if (r->auth[0] != '\0' && next_suite(r->enc, &i)->auth == NULL)
		return bad(p, "%s authenticates itself, leave auth out",
		    r->enc);
	if (r->auth[0] != '\0')
		return bad(p, "%s does not go with auth %s", r->enc, r->auth);
	while ((suite = next_suite(r->enc, &i)) != NULL)
		if (strcmp(suite->auth, AUTH_ADVISED) != 0)
			append(others, sizeof(others), suite->auth);
	return bad(p, "%s needs an auth: %s" AUTH_ADVISED " (or %s)", r->enc,
	    word, others);
}

/* --- SAs and interfaces --- */

int
take_keyfile(struct parse *p, const char *s)
{
	if (s[0] == '\0')
		return bad(p, "the key file has an empty name");
	p->cmd->keyfile = s;
	return 0;
}

int
take_replay(struct parse *p, const char *s)
{
	uint64_t n;

	if (ranged(p, "replay", s, 0, REPLAY_MAX, &n) == -1)
		return -1;
	p->cmd->sa.replay = (uint32_t)n;
	p->cmd->sa.flags |= SA_F_REPLAY;
	return 0;
}

int
take_seq(struct parse *p, const char *s)
{
	return ranged(p, "seq", s, 0, UINT64_MAX, &p->cmd->sa.seq);
}

int
take_mtu(struct parse *p, const char *s)
{
	uint64_t n;

	if (strcmp(s, "auto") == 0)
		return bad(p, "not supported yet: mtu auto");
	if (ranged(p, "mtu", s, IFACE_MTU_MIN, IFACE_MTU_MAX, &n) == -1)
		return -1;
	p->cmd->iface.mtu = (uint32_t)n;
	return 0;
}

static int
encap(struct parse *p, enum encap_mode mode, uint64_t port)
{
	p->cmd->iface.encap = mode;
	p->cmd->iface.encap_port = (uint16_t)port;
	return 0;
}

int
take_encap_auto(struct parse *p, const char *s)
{
	(void)s;
	return encap(p, ENCAP_AUTO, 0);
}

int
take_encap_udp(struct parse *p, const char *s)
{
	(void)s;
	return encap(p, ENCAP_UDP, 0);
}

int
take_encap_none(struct parse *p, const char *s)
{
	(void)s;
	return encap(p, ENCAP_NONE, 0);
}

int
take_encap_port(struct parse *p, const char *s)
{
	uint64_t n;

	if (ranged(p, "encap port", s, 1, UINT16_MAX, &n) == -1)
		return -1;
	return encap(p, ENCAP_PORT, n);
}

int
take_acquire(struct parse *p, const char *s)
{
	(void)s;
	p->cmd->iface.acquire = 1;
	return 0;
}

int
take_output_packet(struct parse *p, const char *s)
{
	(void)s;
	p->cmd->iface.output = OUTPUT_PACKET;
	return 0;
}

/* An inner address with its prefix length. */
static int
inner(struct parse *p, const char *what, uint8_t af, const char *s)
{
	struct iface_conf *ic = &p->cmd->iface;
	struct iface_addr *ia;
	char text[ADDR_STRLEN];
	const char *slash = strchr(s, '/');
	uint64_t n;

	if (ic->naddrs == IFACE_NADDRS)
		return bad(p, "more than %d inner addresses", IFACE_NADDRS);
	ia = &ic->addrs[ic->naddrs];
	if (slash == NULL)
		return bad(p, "%s '%s' lacks its prefix length (such as /%u)",
		    what, shown(s), 8 * addr_len(af) - 2);
	if ((size_t)(slash - s) >= sizeof(text))
		return bad(p, "%s '%s' is not an address", what, shown(s));
	memcpy(text, s, (size_t)(slash - s));
	text[slash - s] = '\0';
	if (addr_parse(text, &ia->local) == -1 || ia->local.af != af)
		return bad(p, "%s '%s' is not an %s address", what, shown(s),
		    af == AF_INET ? "IPv4" : "IPv6");
	if (ranged(p, "prefix length", slash + 1, 0, 8 * addr_len(af), &n) ==
	    -1)
		return -1;
	ia->prefixlen = (uint8_t)n;
	ic->naddrs++;
	return 0;
}

int
take_inet(struct parse *p, const char *s)
{
	return inner(p, "inet", AF_INET, s);
}

int
take_inet6(struct parse *p, const char *s)
{
	return inner(p, "inet6", AF_INET6, s);
}

/* Its far end; take_inet() or take_inet6() has just been here. */
int
take_far(struct parse *p, const char *s)
{
	struct iface_conf *ic = &p->cmd->iface;
	struct iface_addr *ia = &ic->addrs[ic->naddrs - 1];

	if (addr_parse(s, &ia->peer) == -1)
		return bad(p, "far address '%s' is not an IP address",
		    shown(s));
	if (ia->peer.af != ia->local.af)
		return bad(p, "far address %s is of the other family",
		    shown(s));
	return 0;
}
