/* SPDX-License-Identifier: ISC */
/*
 * PF_KEY requests about SAs, in secd's own words.  All come from pfkey_parse(),
 * so what must be there is, and in its size.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "secd/control/pfkey_msg.h"

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint16_t
get_port(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
get_spi(const struct pfkey_msg *m)
{
	const uint8_t *p = m->ext[PFKEY_EXT_SA].data + 4;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* Zero if it is not there. */
static void
get_addr(const struct pfkey_msg *m, unsigned int type, struct ip_addr *a)
{
	memset(a, 0, sizeof(*a));
	if (m->ext[type].data != NULL)
		pfkey_get_addr(m->dialect, &m->ext[type], a, NULL);
}

static uint32_t
get_reqid(const struct pfkey_msg *m)
{
	if (m->dialect != DIALECT_LINUX || m->ext[LINUX_EXT_SA2].data == NULL)
		return 0;
	return pfkey_get32(m->ext[LINUX_EXT_SA2].data + 12);
}

static void
get_life(const struct pfkey_msg *m, unsigned int type, struct sa_life *life)
{
	const uint8_t *p = m->ext[type].data;

	if (p == NULL)
		return;
	life->packets = pfkey_get32(p + 4);
	life->bytes = get64(p + 8);
	life->added = get64(p + 16);
	life->used = get64(p + 24);
}

/*
 * On Linux no mode is transport mode (KAME's "any" is too).  A change need not
 * say it again.
 */
static int
tunnel_mode(const struct pfkey_msg *m)
{
	const uint8_t *sa2;

	if (m->dialect == DIALECT_OPENBSD)
		return !pfkey_has_keys(m) || (pfkey_get32(
		    m->ext[PFKEY_EXT_SA].data + 12) & OBSD_SA_TUNNEL) != 0;
	sa2 = m->ext[LINUX_EXT_SA2].data;
	if (sa2 == NULL)
		return !pfkey_has_keys(m);
	return sa2[4] == LINUX_MODE_TUNNEL;
}

static void
get_dir(const struct pfkey_msg *m, struct sa_request *r)
{
	const uint8_t *p = m->ext[PFKEY_EXT_IFACE].data;

	r->dir = SA_ANY_DIR;
	if (p != NULL) {
		snprintf(r->iface, sizeof(r->iface), "sec%u",
		    pfkey_get32(p + 4));
		r->dir = p[8] == PFKEY_IN ? SA_IN : SA_OUT;
	} else if (m->type == PFKEY_UPDATE && pfkey_has_keys(m)) {
		/* it makes one whole that GETSPI began: always inbound */
		r->dir = SA_IN;
	}
}

/*
 * Linux names both ports; OpenBSD the peer's, and has 4500 for itself.  Which
 * is which hangs on the direction.
 */
static void
get_encap(const struct pfkey_msg *m, struct sa_request *r)
{
	const struct pfkey_ext *e = m->ext;
	uint32_t flags = pfkey_get32(e[PFKEY_EXT_SA].data + 12);
	uint16_t port = 0;

	if (m->dialect == DIALECT_LINUX) {
		if (e[LINUX_EXT_NAT_T_TYPE].data == NULL)
			return;
		r->encap = 1;
		r->sport = get_port(e[LINUX_EXT_NAT_T_SPORT].data + 4);
		r->dport = get_port(e[LINUX_EXT_NAT_T_DPORT].data + 4);
		return;
	}
	if (e[OBSD_EXT_UDPENCAP].data != NULL)
		port = get_port(e[OBSD_EXT_UDPENCAP].data + 4);
	else if ((flags & OBSD_SA_UDPENCAP) == 0)
		return;
	if (port == 0)
		port = UDP_ENCAP_PORT;
	r->encap = 1;
	r->sport = r->dir == SA_IN ? port : UDP_ENCAP_PORT;
	r->dport = r->dir == SA_IN ? UDP_ENCAP_PORT : port;
	if (r->dir == SA_ANY_DIR)
		r->sport = 0;
}

/* 0, or EINVAL if it does not fit. */
static int
get_key(const struct pfkey_ext *e, uint8_t *key, uint16_t *len)
{
	*len = pfkey_get16(e->data + 4) / 8;
	if (*len > SA_KEYLEN_MAX)
		return EINVAL;
	memcpy(key, e->data + 8, *len);
	return 0;
}

static int
get_suite(const struct pfkey_msg *m, struct sa_request *r)
{
	const struct pfkey_ext *enc = &m->ext[PFKEY_EXT_KEY_ENCRYPT];
	const struct pfkey_ext *mac = &m->ext[PFKEY_EXT_KEY_AUTH];
	const uint8_t *sa = m->ext[PFKEY_EXT_SA].data;
	const struct pfkey_alg *alg;

	if (enc->data == NULL)
		return EINVAL;
	alg = pfkey_cipher(m->dialect, sa[11], pfkey_get16(enc->data + 4));
	if (alg == NULL || get_key(enc, r->key, &r->keylen) != 0)
		return EINVAL;
	snprintf(r->enc, sizeof(r->enc), "%s", alg->name);
	if (alg->aead)
		return sa[10] != 0 || mac->data != NULL ? EINVAL : 0;
	if (mac->data == NULL)
		return EINVAL;
	alg = pfkey_mac(m->dialect, sa[10], pfkey_get16(mac->data + 4));
	if (alg == NULL || get_key(mac, r->authkey, &r->authkeylen) != 0)
		return EINVAL;
	snprintf(r->auth, sizeof(r->auth), "%s", alg->name);
	return 0;
}

int
pfkey_has_keys(const struct pfkey_msg *m)
{
	return m->ext[PFKEY_EXT_KEY_ENCRYPT].data != NULL ||
	    m->ext[PFKEY_EXT_KEY_AUTH].data != NULL;
}

int
pfkey_to_request(const struct pfkey_msg *m, const struct sa_owner *owner,
    struct sa_request *r)
{
	const uint8_t *sa = m->ext[PFKEY_EXT_SA].data;

	memset(r, 0, sizeof(*r));
	if (!tunnel_mode(m))
		return EOPNOTSUPP;
	r->owner = *owner;
	r->flags = SA_F_IKE;
	r->spi = get_spi(m);
	r->reqid = get_reqid(m);
	if ((pfkey_get32(sa + 12) & PFKEY_SA_ESN) != 0)
		r->flags |= SA_F_ESN;
	get_addr(m, PFKEY_EXT_SRC, &r->src);
	get_addr(m, PFKEY_EXT_DST, &r->dst);
	if (m->ext[PFKEY_EXT_PROXY].data != NULL && !pfkey_has_keys(m))
		get_addr(m, PFKEY_EXT_PROXY, &r->dst);
	get_dir(m, r);
	get_encap(m, r);
	get_life(m, PFKEY_EXT_SOFT, &r->soft);
	get_life(m, PFKEY_EXT_HARD, &r->hard);
	if (!pfkey_has_keys(m))
		return 0;
	if (sa[8] == 0)
		r->flags |= SA_F_REPLAY;
	return get_suite(m, r);
}

void
pfkey_to_getspi(const struct pfkey_msg *m, const struct sa_owner *owner,
    struct msg_getspi *g)
{
	const uint8_t *range = m->ext[PFKEY_EXT_SPIRANGE].data;

	memset(g, 0, sizeof(*g));
	g->owner = *owner;
	get_addr(m, PFKEY_EXT_SRC, &g->src);
	get_addr(m, PFKEY_EXT_DST, &g->dst);
	g->min = pfkey_get32(range + 4);
	g->max = pfkey_get32(range + 8);
	g->reqid = get_reqid(m);
}

void
pfkey_to_delete(const struct pfkey_msg *m, const struct sa_owner *owner,
    struct msg_sa_delete *d)
{
	memset(d, 0, sizeof(*d));
	d->owner = *owner;
	get_addr(m, PFKEY_EXT_SRC, &d->src);
	get_addr(m, PFKEY_EXT_DST, &d->dst);
	d->spi = get_spi(m);
	d->dir = SA_ANY_DIR;
}

void
pfkey_to_id(const struct pfkey_msg *m, struct msg_sa_id *id)
{
	memset(id, 0, sizeof(*id));
	get_addr(m, PFKEY_EXT_DST, &id->dst);
	id->spi = get_spi(m);
}
