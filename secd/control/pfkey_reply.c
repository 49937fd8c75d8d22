/* SPDX-License-Identifier: ISC */
/*
 * PF_KEY messages from secd.  Every octet of one is put here: extensions begin
 * as zeros, padding included, so nothing of secd's memory can be in them.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <string.h>

#include "secd/control/pfkey_msg.h"

struct writer {
	uint8_t		*out;		/* PFKEY_MAX octets */
	size_t		 len;
	enum client_dialect dialect;
};

static void
put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void
put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void
put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void
put_spi(uint8_t *p, uint32_t spi)
{
	p[0] = spi >> 24 & 0xff;
	p[1] = spi >> 16 & 0xff;
	p[2] = spi >> 8 & 0xff;
	p[3] = spi & 0xff;
}

static void
put_port(uint8_t *p, uint16_t port)
{
	p[0] = port >> 8;
	p[1] = port & 0xff;
}

static void
begin(struct writer *w, enum client_dialect dialect, uint8_t *out,
    uint8_t type, uint8_t satype, uint32_t seq, uint32_t pid)
{
	w->out = out;
	w->len = PFKEY_HDRLEN;
	w->dialect = dialect;
	memset(out, 0, PFKEY_HDRLEN);
	out[PFKEY_H_VERSION] = PFKEY_VERSION;
	out[PFKEY_H_TYPE] = type;
	out[PFKEY_H_SATYPE] = satype;
	put32(out + PFKEY_H_SEQ, seq);
	put32(out + PFKEY_H_PID, pid);
}

static void
begin_reply(struct writer *w, const struct pfkey_msg *m, uint8_t out[PFKEY_MAX])
{
	begin(w, m->dialect, out, m->type, m->satype, m->seq, m->pid);
}

static size_t
end(struct writer *w)
{
	put16(w->out + PFKEY_H_LEN, (uint16_t)(w->len / 8));
	return w->len;
}

/* Room for an extension of len octets, zeros behind its header. */
static uint8_t *
add(struct writer *w, unsigned int type, size_t len)
{
	uint8_t *p = w->out + w->len;

	memset(p, 0, len);
	put16(p, (uint16_t)(len / 8));
	put16(p + 2, (uint16_t)type);
	w->len += len;
	return p;
}

static void
copy(struct writer *w, const struct pfkey_ext *e)
{
	if (e->data == NULL)
		return;
	memcpy(w->out + w->len, e->data, e->len);
	w->len += e->len;
}

/* Linux has protocol and prefix length in it; OpenBSD zeros. */
static void
add_addr(struct writer *w, unsigned int type, const struct ip_addr *a,
    uint8_t proto)
{
	int inet6 = a->af == AF_INET6;
	uint8_t *p = add(w, type, inet6 ? 40 : 24);

	if (w->dialect == DIALECT_OPENBSD) {
		p[8] = inet6 ? 28 : 16;
		p[9] = inet6 ? 24 : 2;
	} else {
		p[4] = proto;
		put16(p + 8, inet6 ? 10 : 2);
	}
	memcpy(p + (inet6 ? 16 : 12), a->a, inet6 ? 16 : 4);
}

static uint32_t
sum32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static void
add_life(struct writer *w, unsigned int type, uint64_t packets, uint64_t bytes,
    uint64_t added, uint64_t used)
{
	uint8_t *p = add(w, type, 32);

	put32(p + 4, sum32(packets));
	put64(p + 8, bytes);
	put64(p + 16, added);
	put64(p + 24, used);
}

static void
add_limit(struct writer *w, unsigned int type, const struct sa_life *life)
{
	add_life(w, type, life->packets, life->bytes, life->added, life->used);
}

static void
add_current(struct writer *w, const struct msg_sa_row *row)
{
	add_life(w, PFKEY_EXT_CURRENT, row->packets, row->bytes,
	    (uint64_t)row->added, (uint64_t)row->first);
}

static void
add_sa(struct writer *w, const struct msg_sa_row *row)
{
	uint8_t *p = add(w, PFKEY_EXT_SA, 16);
	uint32_t flags = 0;

	put_spi(p + 4, row->spi);
	if (row->state == SA_LARVAL)
		return;
	p[8] = row->replay > PFKEY_REPLAY ? PFKEY_REPLAY :
	    (uint8_t)row->replay;
	p[9] = PFKEY_MATURE;
	p[10] = pfkey_mac_id(w->dialect, row->auth);
	p[11] = pfkey_cipher_id(w->dialect, row->enc);
	if ((row->flags & SA_F_ESN) != 0)
		flags |= PFKEY_SA_ESN;
	if (w->dialect == DIALECT_OPENBSD) {
		flags |= OBSD_SA_TUNNEL;
		if (row->encap)
			flags |= OBSD_SA_UDPENCAP;
	}
	put32(p + 12, flags);
}

static void
add_sa2(struct writer *w, const struct msg_sa_row *row)
{
	uint8_t *p = add(w, LINUX_EXT_SA2, 16);

	p[4] = LINUX_MODE_TUNNEL;
	put32(p + 12, row->reqid);
}

static void
add_encap(struct writer *w, const struct msg_sa_row *row)
{
	uint8_t *p;

	if (!row->encap)
		return;
	if (w->dialect == DIALECT_OPENBSD) {
		p = add(w, OBSD_EXT_UDPENCAP, 8);
		put_port(p + 4, row->dir == SA_IN ? row->sport : row->dport);
		return;
	}
	p = add(w, LINUX_EXT_NAT_T_TYPE, 8);
	p[4] = LINUX_ENCAP_ESPINUDP;
	p = add(w, LINUX_EXT_NAT_T_SPORT, 8);
	put_port(p + 4, row->sport);
	p = add(w, LINUX_EXT_NAT_T_DPORT, 8);
	put_port(p + 4, row->dport);
}

static void
add_lastuse(struct writer *w, const struct msg_sa_row *row)
{
	if (row->used != 0)
		add_life(w, PFKEY_EXT_LASTUSE, 0, 0, 0, (uint64_t)row->used);
}

static void
add_iface(struct writer *w, const struct msg_sa_row *row)
{
	uint32_t unit = 0;
	uint8_t *p;
	size_t i;

	if (!text_ok(row->iface, sizeof(row->iface)) ||
	    !iface_name_ok(row->iface) || row->dir == SA_ANY_DIR)
		return;
	for (i = 3; row->iface[i] != '\0'; i++)
		unit = unit * 10 + (uint32_t)(row->iface[i] - '0');
	p = add(w, PFKEY_EXT_IFACE, 16);
	put32(p + 4, unit);
	p[8] = row->dir == SA_IN ? PFKEY_IN : PFKEY_OUT;
}

/* Eight numbers: packets, bytes, drops, each in and out; 0 for IPcomp. */
static void
add_counters(struct writer *w, const struct msg_sa_row *row)
{
	uint8_t *p = add(w, OBSD_EXT_COUNTER, 72) + 8;
	size_t out = row->dir == SA_IN ? 0 : 8;
	uint64_t drops = 0;
	size_t i;

	for (i = 0; i < IPC_NDROPS; i++)
		drops += row->drops[i];
	put64(p + out, row->packets);
	put64(p + 16 + out, row->bytes);
	put64(p + 32 + out, drops);
}

static void
linux_sa(struct writer *w, const struct msg_sa_row *row)
{
	add_current(w, row);
	add_sa(w, row);
	add_sa2(w, row);
	add_addr(w, PFKEY_EXT_SRC, &row->src, 0);
	add_addr(w, PFKEY_EXT_DST, &row->dst, 0);
	add_limit(w, PFKEY_EXT_SOFT, &row->soft);
	add_limit(w, PFKEY_EXT_HARD, &row->hard);
	add_encap(w, row);
	/*
	 * Who named the interface has our header, and so looks for the last use
	 * too; others may stumble over numbers that Linux does not have.
	 */
	if (row->rule == RULE_UNIT && row->state != SA_LARVAL) {
		add_lastuse(w, row);
		add_iface(w, row);
	}
}

/* By ascending type, as OpenBSD does. */
static void
obsd_sa(struct writer *w, const struct msg_sa_row *row)
{
	uint8_t *p;

	add_sa(w, row);
	add_current(w, row);
	add_limit(w, PFKEY_EXT_HARD, &row->hard);
	add_limit(w, PFKEY_EXT_SOFT, &row->soft);
	add_addr(w, PFKEY_EXT_SRC, &row->src, 0);
	add_addr(w, PFKEY_EXT_DST, &row->dst, 0);
	add_encap(w, row);
	add_lastuse(w, row);
	add_counters(w, row);
	p = add(w, OBSD_EXT_REPLAY, 16);
	put64(p + 8, row->seq);
	add_iface(w, row);
}

size_t
pfkey_reply_error(const struct pfkey_msg *m, int error,
    uint8_t out[PFKEY_MAX])
{
	struct writer w;

	begin_reply(&w, m, out);
	out[PFKEY_H_ERRNO] = (uint8_t)error;
	return end(&w);
}

size_t
pfkey_reply_echo(const struct pfkey_msg *m, uint8_t out[PFKEY_MAX])
{
	struct pfkey_ext e;
	struct writer w;
	size_t at;
	unsigned int type;

	begin_reply(&w, m, out);
	for (at = PFKEY_HDRLEN; at < m->len; at += e.len) {
		e.data = m->buf + at;
		e.len = (size_t)pfkey_get16(e.data) * 8;
		type = pfkey_get16(e.data + 2);
		if (type == PFKEY_EXT_KEY_AUTH ||
		    type == PFKEY_EXT_KEY_ENCRYPT)
			continue;
		if (type == LINUX_EXT_SA2 && m->type == PFKEY_DELETE &&
		    m->dialect == DIALECT_LINUX)
			continue;
		copy(&w, &e);
	}
	return end(&w);
}

size_t
pfkey_reply_getspi(const struct pfkey_msg *m, uint32_t spi,
    uint8_t out[PFKEY_MAX])
{
	struct writer w;

	begin_reply(&w, m, out);
	put_spi(add(&w, PFKEY_EXT_SA, 16) + 4, spi);
	copy(&w, &m->ext[PFKEY_EXT_SRC]);
	copy(&w, &m->ext[PFKEY_EXT_DST]);
	return end(&w);
}

/* All that nth() names and the dialect numbers, a number once. */
static void
add_supported(struct writer *w, unsigned int type,
    const struct pfkey_alg *(*nth)(unsigned int))
{
	const struct pfkey_alg *alg;
	uint8_t *list = add(w, type, 8), *p = NULL;
	unsigned int i, id;

	for (i = 0; (alg = nth(i)) != NULL; i++) {
		id = w->dialect == DIALECT_OPENBSD ? alg->obsd_id :
		    alg->linux_id;
		if (id == 0)
			continue;
		if (p == NULL || p[0] != id) {
			/* looks like an extension, but for its first half */
			p = add(w, 0, 8);
			p[0] = (uint8_t)id;
			p[1] = alg->ivlen;
			put16(p + 2, alg->bits);
		}
		/* of one number they ascend */
		put16(p + 4, alg->bits);
	}
	put16(list, (uint16_t)((w->out + w->len - list) / 8));
}

size_t
pfkey_reply_register(const struct pfkey_msg *m, uint8_t out[PFKEY_MAX])
{
	struct writer w;

	begin_reply(&w, m, out);
	if (m->satype == pfkey_esp(m->dialect)) {
		add_supported(&w, PFKEY_EXT_SUPPORTED_AUTH, pfkey_mac_nth);
		add_supported(&w, PFKEY_EXT_SUPPORTED_ENCRYPT,
		    pfkey_cipher_nth);
	}
	return end(&w);
}

size_t
pfkey_reply_sa(const struct pfkey_msg *m, const struct msg_sa_row *row,
    uint32_t seq, uint8_t out[PFKEY_MAX])
{
	struct writer w;

	begin(&w, m->dialect, out, m->type, pfkey_esp(m->dialect), seq,
	    m->pid);
	if (m->dialect == DIALECT_OPENBSD)
		obsd_sa(&w, row);
	else
		linux_sa(&w, row);
	return end(&w);
}

/* Any to any, as the dialect writes it. */
static void
add_any(struct writer *w)
{
	static const struct ip_addr any = { .af = AF_INET };
	uint8_t *p;

	if (w->dialect != DIALECT_OPENBSD) {
		add_addr(w, PFKEY_EXT_SRC, &any, LINUX_PROTO_ANY);
		add_addr(w, PFKEY_EXT_DST, &any, LINUX_PROTO_ANY);
		return;
	}
	add_addr(w, OBSD_EXT_SRC_MASK, &any, 0);
	add_addr(w, OBSD_EXT_DST_MASK, &any, 0);
	add(w, OBSD_EXT_PROTOCOL, 8);
	p = add(w, OBSD_EXT_FLOW_TYPE, 8);
	p[4] = OBSD_FLOW_REQUIRE;
	p[5] = PFKEY_OUT;
	add_addr(w, OBSD_EXT_SRC_FLOW, &any, 0);
	add_addr(w, OBSD_EXT_DST_FLOW, &any, 0);
}

/* A flow's stored extensions, but for Linux's POLICY. */
static void
add_flow(struct writer *w, const struct pfkey_policy *p)
{
	struct pfkey_ext e;
	size_t at;

	for (at = 0; at < p->len; at += e.len) {
		e.data = p->ext + at;
		e.len = (size_t)pfkey_get16(e.data) * 8;
		if (w->dialect == DIALECT_OPENBSD ||
		    pfkey_get16(e.data + 2) != LINUX_EXT_POLICY)
			copy(w, &e);
	}
}

size_t
pfkey_reply_policy(const struct pfkey_msg *m, const struct pfkey_policy *p,
    uint8_t out[PFKEY_MAX])
{
	struct writer w;

	begin_reply(&w, m, out);
	if (p == NULL)
		add_any(&w);
	else
		add_flow(&w, p);
	/* of it the sender knows the id that it asked by */
	if (m->dialect != DIALECT_OPENBSD)
		copy(&w, &m->ext[LINUX_EXT_POLICY]);
	return end(&w);
}

size_t
pfkey_expire(enum client_dialect dialect, const struct msg_expired *ex,
    uint8_t out[PFKEY_MAX])
{
	const struct msg_sa_row *row = &ex->row;
	struct writer w;

	begin(&w, dialect, out, PFKEY_EXPIRE, pfkey_esp(dialect), 0, 0);
	add_sa(&w, row);
	add_current(&w, row);
	if (ex->hard)
		add_limit(&w, PFKEY_EXT_HARD, &row->hard);
	else
		add_limit(&w, PFKEY_EXT_SOFT, &row->soft);
	add_addr(&w, PFKEY_EXT_SRC, &row->src, 0);
	add_addr(&w, PFKEY_EXT_DST, &row->dst, 0);
	/* strongSwan finds the SA by its reqid */
	if (dialect == DIALECT_LINUX)
		add_sa2(&w, row);
	return end(&w);
}

size_t
pfkey_acquire(enum client_dialect dialect, const struct msg_acquire *aq,
    uint8_t out[PFKEY_MAX])
{
	struct writer w;
	uint8_t *p;

	begin(&w, dialect, out, PFKEY_ACQUIRE, pfkey_esp(dialect), aq->id, 0);
	add_addr(&w, PFKEY_EXT_SRC, &aq->src, 0);
	add_addr(&w, PFKEY_EXT_DST, &aq->dst, 0);
	/* no combinations: the daemon's own configuration proposes */
	p = add(&w, PFKEY_EXT_PROPOSAL, 8);
	p[4] = PFKEY_REPLAY;
	if (dialect == DIALECT_LINUX) {
		p = add(&w, LINUX_EXT_POLICY, 16);
		put16(p + 4, LINUX_POLICY_IPSEC);
		p[6] = PFKEY_OUT;
		put32(p + 8, aq->id);
	}
	return end(&w);
}
