/* SPDX-License-Identifier: ISC */
/*
 * A PF_KEY message from octets.  First the frame (lengths add up, nothing
 * twice), then each extension by itself, then what they say together; so that
 * every later reader finds what it looks for where it looks.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "secd/control/pfkey_msg.h"

#define OBSD_AF_INET	2	/* OpenBSD's numbers: its sockaddr is on the */
#define OBSD_AF_INET6	24	/* wire, whatever this system's are */
#define LINUX_AF_INET	2
#define LINUX_AF_INET6	10
#define SA_IN_LEN	16	/* sizeof(struct sockaddr_in), of both */
#define SA_IN6_LEN	28
#define SPI_MIN		256	/* RFC 4303 2.1 */

uint16_t
pfkey_get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint32_t
pfkey_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

size_t
pfkey_get_sockaddr(enum client_dialect dialect, const uint8_t *p, size_t len,
    struct ip_addr *a, uint16_t *port)
{
	int inet, inet6;

	memset(a, 0, sizeof(*a));
	if (len < SA_IN_LEN)
		return 0;
	if (dialect == DIALECT_OPENBSD) {
		inet = p[0] == SA_IN_LEN && p[1] == OBSD_AF_INET;
		inet6 = p[0] == SA_IN6_LEN && p[1] == OBSD_AF_INET6;
	} else {
		inet = pfkey_get16(p) == LINUX_AF_INET;
		inet6 = pfkey_get16(p) == LINUX_AF_INET6;
	}
	if (port != NULL)
		*port = (uint16_t)(p[2] << 8 | p[3]);
	if (inet) {
		a->af = AF_INET;
		memcpy(a->a, p + 4, 4);
		return SA_IN_LEN;
	}
	/* before the address: flow label; behind it: scope */
	if (!inet6 || len < SA_IN6_LEN)
		return 0;
	a->af = AF_INET6;
	memcpy(a->a, p + 8, 16);
	return SA_IN6_LEN;
}

int
pfkey_get_addr(enum client_dialect dialect, const struct pfkey_ext *e,
    struct ip_addr *a, uint16_t *port)
{
	size_t used;

	used = e->len < 8 ? 0 : pfkey_get_sockaddr(dialect, e->data + 8,
	    e->len - 8, a, port);
	/* exactly its size, in whole words */
	if (used != 0 && ((used + 7) & ~(size_t)7) == e->len - 8)
		return 0;
	memset(a, 0, sizeof(*a));
	return -1;
}

/* --- one extension by itself; 0 or an errno --- */

static int
check_sa(const struct pfkey_msg *m, const struct pfkey_ext *e)
{
	const uint8_t *p = e->data;
	uint32_t flags = pfkey_get32(p + 12), known;

	if (get_be32(p + 4) < SPI_MIN)
		return EINVAL;
	/* of one that is only named nothing else is looked at */
	if (m->type != PFKEY_ADD && m->type != PFKEY_UPDATE)
		return 0;
	known = PFKEY_SA_PFS | PFKEY_SA_ESN;
	if (m->dialect == DIALECT_OPENBSD) {
		known |= OBSD_SA_TUNNEL | OBSD_SA_CHAINDEL | OBSD_SA_UDPENCAP;
		if (p[9] != PFKEY_MATURE || p[8] > 64)
			return EINVAL;
	} else {
		known |= LINUX_SA_FLAGS;
		if (p[9] > PFKEY_MATURE)
			return EINVAL;
	}
	return (flags & ~known) != 0 ? EINVAL : 0;
}

static int
check_addr(const struct pfkey_msg *m, const struct pfkey_ext *e)
{
	unsigned int type = pfkey_get16(e->data + 2);
	struct ip_addr a;
	uint16_t port;

	if (pfkey_get_addr(m->dialect, e, &a, &port) == -1)
		return EINVAL;
	if (m->dialect == DIALECT_LINUX)
		/* protocol, prefix length, 0; a port may be set for nothing */
		return e->data[5] > 8 * addr_len(a.af) ||
		    pfkey_get16(e->data + 6) != 0 ? EINVAL : 0;
	if (pfkey_get32(e->data + 4) != 0)
		return EINVAL;
	/* an end of an SA has no port, a selector may */
	return type <= PFKEY_EXT_PROXY && port != 0 ? EINVAL : 0;
}

static int
check_key(const struct pfkey_ext *e)
{
	size_t bits = pfkey_get16(e->data + 4);

	if (bits == 0 || bits % 8 != 0 || pfkey_get16(e->data + 6) != 0 ||
	    8 + ((bits / 8 + 7) & ~(size_t)7) != e->len)
		return EINVAL;
	return 0;
}

static int
check_ident(const struct pfkey_ext *e)
{
	/* type and a number alone are an identity too (RFC 2367 2.3.5) */
	if (pfkey_get16(e->data + 6) != 0 ||
	    (e->len > 16 && memchr(e->data + 16, '\0', e->len - 16) == NULL))
		return EINVAL;
	return 0;
}

static int
check_spirange(const struct pfkey_ext *e)
{
	uint32_t min = pfkey_get32(e->data + 4);
	uint32_t max = pfkey_get32(e->data + 8);

	return min < SPI_MIN || min > max || pfkey_get32(e->data + 12) != 0 ?
	    EINVAL : 0;
}

/* What to do, then requests; the lengths of these are in octets. */
static int
check_policy(const struct pfkey_ext *e)
{
	const uint8_t *p = e->data + 16;
	size_t left = e->len - 16, len, used, used2;
	struct ip_addr a, b;

	if (pfkey_get16(e->data + 4) > LINUX_POLICY_IPSEC ||
	    e->data[6] < PFKEY_IN || e->data[6] > LINUX_FWD)
		return EINVAL;
	for (; left > 0; p += len, left -= len) {
		if (left < 16)
			return EINVAL;
		len = pfkey_get16(p);
		if (len < 16 || len > left)
			return EINVAL;
		if (p[4] != LINUX_MODE_TUNNEL) {
			if (len != 16)
				return EINVAL;
			continue;
		}
		used = pfkey_get_sockaddr(DIALECT_LINUX, p + 16, len - 16, &a,
		    NULL);
		if (used == 0)
			return EINVAL;
		used2 = pfkey_get_sockaddr(DIALECT_LINUX, p + 16 + used,
		    len - 16 - used, &b, NULL);
		if (used2 != used || 16 + ((2 * used + 7) & ~(size_t)7) != len)
			return EINVAL;
	}
	return 0;
}

static int
check_iface(const struct pfkey_ext *e)
{
	static const uint8_t zero[7];

	if ((e->data[8] != PFKEY_IN && e->data[8] != PFKEY_OUT) ||
	    memcmp(e->data + 9, zero, sizeof(zero)) != 0)
		return EINVAL;
	return 0;
}

static int
check_tag(const struct pfkey_ext *e)
{
	uint32_t len = pfkey_get32(e->data + 4);

	if (len > e->len - 8 ||
	    8 + (((size_t)len + 7) & ~(size_t)7) != e->len ||
	    e->data[8 + len - 1] != '\0')
		return EINVAL;
	return 0;
}

static int
check_flow_type(const struct pfkey_ext *e)
{
	return e->data[5] != PFKEY_IN && e->data[5] != PFKEY_OUT ? EINVAL : 0;
}

static int
check_linux(const struct pfkey_ext *e, unsigned int type)
{
	switch (type) {
	case LINUX_EXT_POLICY:
		return check_policy(e);
	case LINUX_EXT_NAT_T_TYPE:
		return e->data[4] != LINUX_ENCAP_ESPINUDP ? EINVAL : 0;
	case LINUX_EXT_NAT_T_SPORT:
	case LINUX_EXT_NAT_T_DPORT:
		return pfkey_get16(e->data + 4) == 0 ? EINVAL : 0;
	default:
		return 0;
	}
}

static int
check_obsd(const struct pfkey_msg *m, const struct pfkey_ext *e,
    unsigned int type)
{
	switch (type) {
	case OBSD_EXT_SRC_MASK:
	case OBSD_EXT_DST_MASK:
	case OBSD_EXT_SRC_FLOW:
	case OBSD_EXT_DST_FLOW:
		return check_addr(m, e);
	case OBSD_EXT_FLOW_TYPE:
		return check_flow_type(e);
	case OBSD_EXT_TAG:
		return check_tag(e);
	case OBSD_EXT_RDOMAIN:
		/* secd has one routing domain: its own */
		return pfkey_get32(e->data + 4) != 0 ? EINVAL : 0;
	default:
		return 0;
	}
}

static int
check_ext(const struct pfkey_msg *m, const struct pfkey_ext *e,
    unsigned int type)
{
	switch (type) {
	case PFKEY_EXT_SA:
		return check_sa(m, e);
	case PFKEY_EXT_SRC:
	case PFKEY_EXT_DST:
	case PFKEY_EXT_PROXY:
		return check_addr(m, e);
	case PFKEY_EXT_KEY_AUTH:
	case PFKEY_EXT_KEY_ENCRYPT:
		return check_key(e);
	case PFKEY_EXT_IDENT_SRC:
	case PFKEY_EXT_IDENT_DST:
		return check_ident(e);
	case PFKEY_EXT_SPIRANGE:
		return check_spirange(e);
	case PFKEY_EXT_IFACE:
		return check_iface(e);
	default:
		if (m->dialect == DIALECT_LINUX)
			return check_linux(e, type);
		return check_obsd(m, e, type);
	}
}

/*
 * Sizes in octets: at least min, and if max is not 0 at most that.  What a
 * variable one holds, its check compares with its length.
 */
struct size {
	uint16_t	min;
	uint16_t	max;
};

static const struct size sizes[PFKEY_EXTS] = {
	[PFKEY_EXT_SA] = { 16, 16 },
	[PFKEY_EXT_CURRENT] = { 32, 32 },
	[PFKEY_EXT_HARD] = { 32, 32 },
	[PFKEY_EXT_SOFT] = { 32, 32 },
	[PFKEY_EXT_SRC] = { 24, 40 },
	[PFKEY_EXT_DST] = { 24, 40 },
	[PFKEY_EXT_PROXY] = { 24, 40 },
	[PFKEY_EXT_KEY_AUTH] = { 16, 0 },
	[PFKEY_EXT_KEY_ENCRYPT] = { 16, 0 },
	[PFKEY_EXT_IDENT_SRC] = { 16, 0 },
	[PFKEY_EXT_IDENT_DST] = { 16, 0 },
	[PFKEY_EXT_SPIRANGE] = { 16, 16 },
	[PFKEY_EXT_IFACE] = { 16, 16 },
};

static const struct size linux_sizes[PFKEY_EXTS] = {
	[LINUX_EXT_POLICY] = { 16, 0 },
	[LINUX_EXT_SA2] = { 16, 16 },
	[LINUX_EXT_NAT_T_TYPE] = { 8, 8 },
	[LINUX_EXT_NAT_T_SPORT] = { 8, 8 },
	[LINUX_EXT_NAT_T_DPORT] = { 8, 8 },
};

static const struct size obsd_sizes[PFKEY_EXTS] = {
	[OBSD_EXT_SRC_MASK] = { 24, 40 },
	[OBSD_EXT_DST_MASK] = { 24, 40 },
	[OBSD_EXT_SRC_FLOW] = { 24, 40 },
	[OBSD_EXT_DST_FLOW] = { 24, 40 },
	[OBSD_EXT_PROTOCOL] = { 8, 8 },
	[OBSD_EXT_FLOW_TYPE] = { 8, 8 },
	[OBSD_EXT_POLICY] = { 8, 8 },
	[OBSD_EXT_UDPENCAP] = { 8, 8 },
	[OBSD_EXT_TAG] = { 16, 0 },
	[OBSD_EXT_TAP] = { 8, 8 },
	[OBSD_EXT_RDOMAIN] = { 8, 8 },
	[OBSD_EXT_MTU] = { 8, 8 },
	[OBSD_EXT_REPLAY] = { 16, 16 },
};

/* 1 if an extension of this length can be whole; type is below PFKEY_EXTS. */
static int
size_ok(enum client_dialect dialect, unsigned int type, size_t len)
{
	const struct size *s = &sizes[type];

	if (s->min == 0)
		s = dialect == DIALECT_OPENBSD ? &obsd_sizes[type] :
		    &linux_sizes[type];
	return s->min != 0 && len >= s->min && (s->max == 0 || len <= s->max);
}

/* --- extensions together --- */

/* All of the given extensions that are there have addresses of one family. */
static int
one_family(const struct pfkey_msg *m, const uint8_t *types, size_t n)
{
	struct ip_addr a;
	uint8_t af = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (m->ext[types[i]].data == NULL)
			continue;
		if (pfkey_get_addr(m->dialect, &m->ext[types[i]], &a,
		    NULL) == -1 || (af != 0 && a.af != af))
			return 0;
		af = a.af;
	}
	return 1;
}

static int
check_together(const struct pfkey_msg *m)
{
	static const uint8_t ends[] = { PFKEY_EXT_SRC, PFKEY_EXT_DST,
	    PFKEY_EXT_PROXY };
	static const uint8_t selectors[] = { OBSD_EXT_SRC_FLOW,
	    OBSD_EXT_SRC_MASK, OBSD_EXT_DST_FLOW, OBSD_EXT_DST_MASK };
	const struct pfkey_ext *e = m->ext;
	int ports;

	/* of SA, and of a Linux policy's selectors */
	if (!one_family(m, ends, sizeof(ends)))
		return EINVAL;
	if (m->dialect == DIALECT_OPENBSD)
		return one_family(m, selectors, sizeof(selectors)) ? 0 : EINVAL;
	ports = (e[LINUX_EXT_NAT_T_SPORT].data != NULL) +
	    (e[LINUX_EXT_NAT_T_DPORT].data != NULL);
	return ports != (e[LINUX_EXT_NAT_T_TYPE].data != NULL ? 2 : 0) ?
	    EINVAL : 0;
}

/* --- the whole --- */

static int
parse_exts(struct pfkey_msg *m, const struct pfkey_rule *rule)
{
	uint64_t have = 0;
	struct pfkey_ext e;
	size_t at, len;
	unsigned int type;
	int error;

	for (at = PFKEY_HDRLEN; at < m->len; at += len) {
		/* both are multiples of 8: a header always fits */
		len = (size_t)pfkey_get16(m->buf + at) * 8;
		type = pfkey_get16(m->buf + at + 2);
		if (len == 0 || len > m->len - at || type >= PFKEY_EXTS)
			return EINVAL;
		if ((have & PFKEY_BIT(type)) != 0 ||
		    ((rule->must | rule->may) & PFKEY_BIT(type)) == 0)
			return EINVAL;
		if (!size_ok(m->dialect, type, len))
			return EINVAL;
		e.data = m->buf + at;
		e.len = len;
		if ((error = check_ext(m, &e, type)) != 0)
			return error;
		have |= PFKEY_BIT(type);
		m->ext[type] = e;
	}
	return (rule->must & ~have) != 0 ? EINVAL : 0;
}

static int
parse(struct pfkey_msg *m)
{
	const struct pfkey_rule *rule;
	unsigned int satype;
	int error;

	if (m->len > PFKEY_MAX)
		return EMSGSIZE;
	if (m->buf[PFKEY_H_VERSION] != PFKEY_VERSION ||
	    m->buf[PFKEY_H_ERRNO] != 0 ||
	    pfkey_get16(m->buf + PFKEY_H_RESERVED) != 0 ||
	    (size_t)pfkey_get16(m->buf + PFKEY_H_LEN) * 8 != m->len)
		return EINVAL;
	if ((rule = pfkey_rule(m->dialect, m->type)) == NULL)
		return EOPNOTSUPP;
	satype = pfkey_satype(m->dialect, m->satype);
	if ((satype & rule->satypes) == 0)
		return satype == PFKEY_S_OTHER ? EPROTONOSUPPORT : EINVAL;
	if ((error = parse_exts(m, rule)) != 0)
		return error;
	return check_together(m);
}

int
pfkey_parse(enum client_dialect dialect, const uint8_t *buf, size_t len,
    struct pfkey_msg *m)
{
	int error;

	memset(m, 0, sizeof(*m));
	m->dialect = dialect;
	if (len < PFKEY_HDRLEN)
		return EINVAL;
	m->buf = buf;
	m->len = len;
	m->type = buf[PFKEY_H_TYPE];
	m->satype = buf[PFKEY_H_SATYPE];
	m->seq = pfkey_get32(buf + PFKEY_H_SEQ);
	m->pid = pfkey_get32(buf + PFKEY_H_PID);
	if ((error = parse(m)) != 0)
		memset(m->ext, 0, sizeof(m->ext));
	return error;
}

/* The dialect of a socket address's first octets. */
static enum client_dialect
shape(const uint8_t *p)
{
	if ((p[0] == SA_IN_LEN && p[1] == OBSD_AF_INET) ||
	    (p[0] == SA_IN6_LEN && p[1] == OBSD_AF_INET6))
		return DIALECT_OPENBSD;
	if (pfkey_get16(p) == LINUX_AF_INET || pfkey_get16(p) == LINUX_AF_INET6)
		return DIALECT_LINUX;
	return DIALECT_UNKNOWN;
}

enum client_dialect
pfkey_dialect(const uint8_t *buf, size_t len)
{
	size_t at, ext;
	unsigned int type;

	if (len < PFKEY_HDRLEN)
		return DIALECT_UNKNOWN;
	if (buf[PFKEY_H_TYPE] == PFKEY_REGISTER) {
		switch (buf[PFKEY_H_SATYPE]) {
		case LINUX_ESP:
			return DIALECT_LINUX;
		case OBSD_ESP:
		case OBSD_AH:
			return DIALECT_OPENBSD;
		default:
			return DIALECT_UNKNOWN;
		}
	}
	/* SRC and DST have their numbers, and their shape, in both */
	for (at = PFKEY_HDRLEN; len - at >= 8; at += ext) {
		ext = (size_t)pfkey_get16(buf + at) * 8;
		type = pfkey_get16(buf + at + 2);
		if (ext == 0 || ext > len - at)
			break;
		if ((type == PFKEY_EXT_SRC || type == PFKEY_EXT_DST) &&
		    ext >= 8 + SA_IN_LEN)
			return shape(buf + at + 8);
	}
	return DIALECT_UNKNOWN;
}
