/* SPDX-License-Identifier: ISC */
/*
 * Which interface an SA belongs to, and which way it goes, where an IKE daemon
 * has not said so.  OpenBSD's dialect of PF_KEY can name the interface; the
 * other one names neither interface nor direction.
 */
#include <stdio.h>
#include <string.h>

#include "secd/engine/engine.h"

/*
 * The last few addresses that daemons called this host's, and inbound SAs
 * announced by an update that was refused.  Old ones give way to new ones.
 */
#define REMEMBERED	64

static struct ip_addr	own[REMEMBERED];
static unsigned int	nown;

static struct {
	struct ip_addr	dst;
	uint32_t	spi;
} expected[REMEMBERED];
static unsigned int	nexpected;

static int
is_own(const struct ip_addr *a)
{
	size_t i;

	for (i = 0; i < REMEMBERED; i++)
		if (addr_equal(&own[i], a))
			return 1;
	return 0;
}

void
map_own_address(const struct ip_addr *dst)
{
	if (!is_own(dst))
		own[nown++ % REMEMBERED] = *dst;
}

void
map_expect_in(uint32_t spi, const struct ip_addr *dst)
{
	expected[nexpected % REMEMBERED].spi = spi;
	expected[nexpected++ % REMEMBERED].dst = *dst;
}

static int
was_expected(uint32_t spi, const struct ip_addr *dst)
{
	size_t i;

	for (i = 0; i < REMEMBERED; i++)
		if (expected[i].spi == spi && addr_equal(&expected[i].dst,
		    dst))
			return 1;
	return 0;
}

/* Is it the address of an interface's end? */
static int
is_local(const struct ip_addr *a)
{
	const struct tunnel *t;

	TAILQ_FOREACH(t, tunnel_all(), entry)
		if (t->conf.local.af != 0 && addr_equal(&t->conf.local, a))
			return 1;
	return is_own(a);
}

static enum sa_dir
direction(const struct sa_request *req)
{
	const struct sa *larval = sadb_find(req->spi, &req->dst);

	if (larval != NULL && larval->state == SA_LARVAL)
		return SA_IN;
	if (was_expected(req->spi, &req->dst))
		return SA_IN;
	/* between two addresses of this host only the peer's SPI is left */
	return is_local(&req->dst) && !is_local(&req->src) ? SA_IN : SA_OUT;
}

void
map_ports(struct sa_request *req)
{
	if (!req->encap || req->sport != 0)
		return;
	req->sport = UDP_ENCAP_PORT;
	if (req->dir == SA_IN) {
		req->sport = req->dport;
		req->dport = UDP_ENCAP_PORT;
	}
}

/* How well an end fits: 2 it is named, 1 any will do, 0 it is another. */
static int
fits(const struct ip_addr *named, const struct ip_addr *a)
{
	return named->af == 0 ? 1 : addr_equal(named, a) ? 2 : 0;
}

struct tunnel *
map_pair(const struct ip_addr *local, const struct ip_addr *peer,
    enum sa_rule *rule)
{
	struct tunnel *t, *best = NULL, *only = NULL;
	int l, p, score = 2, n = 0;

	TAILQ_FOREACH(t, tunnel_all(), entry) {
		n++;
		only = t;
		l = fits(&t->conf.local, local);
		p = fits(&t->conf.peer, peer);
		/* both named before one; neither is no pair at all */
		if (l > 0 && p > 0 && l + p > score) {
			score = l + p;
			best = t;
		}
	}
	*rule = RULE_PAIR;
	if (best != NULL)
		return best;
	*rule = RULE_ONLY;
	return n == 1 && only->conf.local.af == 0 && only->conf.peer.af == 0 ?
	    only : NULL;
}

struct tunnel *
map_sa(struct sa_request *req, enum sa_rule *rule, char *why, size_t size)
{
	const struct ip_addr *local, *peer;
	char l[ADDR_STRLEN], p[ADDR_STRLEN];
	struct tunnel *t;

	if (req->dir == SA_ANY_DIR)
		req->dir = (uint8_t)direction(req);
	map_ports(req);
	if (req->iface[0] != '\0') {
		*rule = RULE_UNIT;
		if ((t = tunnel_find(req->iface)) == NULL)
			snprintf(why, size, "%s: no such interface; 'secctl "
			    "create %s' makes it", req->iface, req->iface);
		return t;
	}
	local = req->dir == SA_IN ? &req->dst : &req->src;
	peer = req->dir == SA_IN ? &req->src : &req->dst;
	if ((t = map_pair(local, peer, rule)) == NULL)
		snprintf(why, size, "no interface is for local %s peer %s; "
		    "name them in its block of secd.conf",
		    addr_print(local, l), addr_print(peer, p));
	return t;
}
