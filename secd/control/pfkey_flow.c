/* SPDX-License-Identifier: ISC */
/*
 * Flows: the policies that IKE daemons install beside their SAs.  secd's
 * traffic is chosen by routes, so it only wants to know whether a flow is any
 * to any, and to give it back when it is asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "secd/control/pfkey_msg.h"

/* Extensions that show a flow, in the order of the reply. */
static const uint8_t linux_shown[] = { PFKEY_EXT_SRC, PFKEY_EXT_DST,
    LINUX_EXT_POLICY };
static const uint8_t obsd_shown[] = { OBSD_EXT_SRC_MASK, OBSD_EXT_DST_MASK,
    OBSD_EXT_PROTOCOL, OBSD_EXT_FLOW_TYPE, OBSD_EXT_SRC_FLOW,
    OBSD_EXT_DST_FLOW };

/* What a flow selects; a port or protocol of 0 is any. */
struct selector {
	struct ip_addr	addr[2];	/* src, dst */
	uint16_t	port[2];
	uint8_t		prefix[2];
	uint8_t		proto;
};

static int
get_linux(const struct pfkey_msg *m, struct selector *s)
{
	const struct pfkey_ext *e = &m->ext[PFKEY_EXT_SRC];
	int i;

	for (i = 0; i < 2; i++) {
		if (e[i].data == NULL || pfkey_get_addr(m->dialect, &e[i],
		    &s->addr[i], &s->port[i]) == -1)
			return EINVAL;
		s->prefix[i] = e[i].data[5];
	}
	s->proto = e->data[4] == LINUX_PROTO_ANY ? 0 : e->data[4];
	return 0;
}

/* The length of a mask, or -1 if it has holes. */
static int
mask_len(const struct ip_addr *mask)
{
	int i, len = 0, bits = 8 * (int)addr_len(mask->af);

	while (len < bits && (mask->a[len / 8] & 0x80 >> len % 8) != 0)
		len++;
	for (i = len; i < bits; i++)
		if ((mask->a[i / 8] & 0x80 >> i % 8) != 0)
			return -1;
	return len;
}

static int
get_obsd(const struct pfkey_msg *m, struct selector *s)
{
	static const uint8_t flows[2] = { OBSD_EXT_SRC_FLOW,
	    OBSD_EXT_DST_FLOW };
	static const uint8_t masks[2] = { OBSD_EXT_SRC_MASK,
	    OBSD_EXT_DST_MASK };
	const struct pfkey_ext *e = m->ext;
	struct ip_addr mask;
	uint16_t port_mask;
	int i, len;

	for (i = 0; i < 2; i++) {
		if (e[flows[i]].data == NULL || e[masks[i]].data == NULL ||
		    pfkey_get_addr(m->dialect, &e[flows[i]], &s->addr[i],
		    &s->port[i]) == -1 || pfkey_get_addr(m->dialect,
		    &e[masks[i]], &mask, &port_mask) == -1)
			return EINVAL;
		if ((len = mask_len(&mask)) == -1)
			return EINVAL;
		s->prefix[i] = (uint8_t)len;
		s->port[i] &= port_mask;
	}
	if (e[OBSD_EXT_PROTOCOL].data != NULL)
		s->proto = e[OBSD_EXT_PROTOCOL].data[4];
	return 0;
}

/* Whether two are the same flow must not hang on how they were written. */
static void
make_key(const struct selector *s, struct pfkey_policy *p)
{
	uint8_t *key = p->key;
	int i;

	key[0] = p->dialect;
	key[1] = p->dir;
	key[2] = s->proto;
	key[3] = s->addr[0].af;
	for (i = 0; i < 2; i++) {
		key[4 + i] = s->prefix[i];
		memcpy(key + 6 + 2 * i, &s->port[i], 2);
		memcpy(key + 10 + 16 * i, s->addr[i].a, 16);
	}
}

static void
print_flow(const struct selector *s, char flow[PFKEY_FLOWLEN])
{
	char addr[2][ADDR_STRLEN], port[2][16], proto[16] = "", text[160];
	int i;

	for (i = 0; i < 2; i++) {
		addr_print(&s->addr[i], addr[i]);
		port[i][0] = '\0';
		if (s->port[i] != 0)
			snprintf(port[i], sizeof(port[i]), " port %u",
			    s->port[i]);
	}
	if (s->proto != 0)
		snprintf(proto, sizeof(proto), " proto %u", s->proto);
	snprintf(text, sizeof(text), "%s/%u%s -> %s/%u%s%s", addr[0],
	    s->prefix[0], port[0], addr[1], s->prefix[1], port[1], proto);
	/* two long addresses with ports are cut, not refused */
	memcpy(flow, text, strnlen(text, PFKEY_FLOWLEN - 1));
}

/* An outer address that says "whatever" is none. */
static void
some_host(struct ip_addr *a)
{
	if (!addr_is_host(a))
		memset(a, 0, sizeof(*a));
}

/* The ends of the tunnel: in the first request that is in tunnel mode. */
static void
outer_linux(const struct pfkey_msg *m, struct pfkey_policy *p)
{
	const struct pfkey_ext *e = &m->ext[LINUX_EXT_POLICY];
	const uint8_t *req = e->data + 16, *end = e->data + e->len;
	size_t len, used;

	for (; req < end; req += len) {
		len = pfkey_get16(req);
		if (req[4] != LINUX_MODE_TUNNEL)
			continue;
		used = pfkey_get_sockaddr(m->dialect, req + 16, len - 16,
		    &p->src, NULL);
		pfkey_get_sockaddr(m->dialect, req + 16 + used,
		    len - 16 - used, &p->dst, NULL);
		break;
	}
}

/* OpenBSD names the local end SRC and the peer DST, whatever the direction. */
static void
outer_obsd(const struct pfkey_msg *m, struct pfkey_policy *p)
{
	const struct pfkey_ext *src = &m->ext[PFKEY_EXT_SRC];
	const struct pfkey_ext *dst = &m->ext[PFKEY_EXT_DST];
	int in = p->dir == PFKEY_IN;

	if (src->data != NULL)
		pfkey_get_addr(m->dialect, src, in ? &p->dst : &p->src, NULL);
	if (dst->data != NULL)
		pfkey_get_addr(m->dialect, dst, in ? &p->src : &p->dst, NULL);
}

static int
keep_exts(const struct pfkey_msg *m, struct pfkey_policy *p,
    const uint8_t *types, size_t n)
{
	const struct pfkey_ext *e;
	size_t i;

	for (i = 0; i < n; i++) {
		e = &m->ext[types[i]];
		if (e->data == NULL)
			continue;
		if (e->len > sizeof(p->ext) - p->len)
			return EMSGSIZE;
		memcpy(p->ext + p->len, e->data, e->len);
		p->len += (uint32_t)e->len;
	}
	return 0;
}

int
pfkey_to_policy(const struct pfkey_msg *m, struct pfkey_policy *p)
{
	struct selector s = { 0 };
	int error;

	memset(p, 0, sizeof(*p));
	p->dialect = m->dialect;
	if (m->dialect == DIALECT_LINUX) {
		if ((error = get_linux(m, &s)) != 0)
			return error;
		p->dir = m->ext[LINUX_EXT_POLICY].data[6];
		p->id = pfkey_policy_id(m);
		outer_linux(m, p);
		error = keep_exts(m, p, linux_shown, sizeof(linux_shown));
	} else {
		if ((error = get_obsd(m, &s)) != 0)
			return error;
		p->dir = m->ext[OBSD_EXT_FLOW_TYPE].data[5];
		outer_obsd(m, p);
		error = keep_exts(m, p, obsd_shown, sizeof(obsd_shown));
	}
	some_host(&p->src);
	some_host(&p->dst);
	p->any = s.prefix[0] == 0 && s.prefix[1] == 0 && s.proto == 0 &&
	    s.port[0] == 0 && s.port[1] == 0;
	make_key(&s, p);
	print_flow(&s, p->flow);
	return error;
}

uint32_t
pfkey_policy_id(const struct pfkey_msg *m)
{
	if (m->dialect == DIALECT_LINUX)
		return pfkey_get32(m->ext[LINUX_EXT_POLICY].data + 8);
	if (m->ext[OBSD_EXT_POLICY].data == NULL)
		return 0;
	return pfkey_get32(m->ext[OBSD_EXT_POLICY].data + 4);
}

int
pfkey_policy_same(const struct pfkey_policy *a, const struct pfkey_policy *b)
{
	return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

int
pfkey_to_narrow(const struct pfkey_policy *p, const struct sa_owner *owner,
    struct msg_narrow *n)
{
	memset(n, 0, sizeof(*n));
	if (p->any)
		return 0;
	n->owner = *owner;
	n->src = p->src;
	n->dst = p->dst;
	memcpy(n->flow, p->flow, sizeof(n->flow));
	return 1;
}
