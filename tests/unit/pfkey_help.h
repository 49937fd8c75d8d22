/* SPDX-License-Identifier: ISC */
/*
 * For tests of PF_KEY: messages made by hand.  m_begin(), m_ext() and the like
 * for each extension, m_end(); then any octet can be spoiled.
 */
#ifndef PFKEY_HELP_H
#define PFKEY_HELP_H

#include <sys/socket.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "secd/control/pfkey_msg.h"

struct made {
	enum client_dialect dialect;
	size_t		len;
	uint8_t		b[PFKEY_MAX + 64];
};

static inline void
m16(uint8_t *p, unsigned int v)
{
	uint16_t v16 = (uint16_t)v;

	memcpy(p, &v16, 2);
}

static inline void
m32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, 4);
}

static inline void
m64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, 8);
}

static inline void
m_begin(struct made *m, enum client_dialect dialect, unsigned int type,
    unsigned int satype)
{
	memset(m, 0, sizeof(*m));
	m->dialect = dialect;
	m->len = PFKEY_HDRLEN;
	m->b[0] = 2;
	m->b[1] = (uint8_t)type;
	m->b[3] = (uint8_t)satype;
	m32(m->b + 8, 7);
	m32(m->b + 12, 4711);
}

static inline uint8_t *
m_ext(struct made *m, unsigned int type, size_t len)
{
	uint8_t *p = m->b + m->len;

	m16(p, (unsigned int)(len / 8));
	m16(p + 2, type);
	m->len += len;
	return p;
}

static inline void
m_end(struct made *m)
{
	m16(m->b + 4, (unsigned int)(m->len / 8));
}

/* spi, replay 64, mature; on OpenBSD a tunnel's. */
static inline uint8_t *
m_sa(struct made *m, uint32_t spi, unsigned int auth, unsigned int enc)
{
	uint8_t *p = m_ext(m, PFKEY_EXT_SA, 16);

	p[4] = spi >> 24 & 0xff;
	p[5] = spi >> 16 & 0xff;
	p[6] = spi >> 8 & 0xff;
	p[7] = spi & 0xff;
	p[8] = 64;
	p[9] = 1;
	p[10] = (uint8_t)auth;
	p[11] = (uint8_t)enc;
	if (m->dialect == DIALECT_OPENBSD)
		m32(p + 12, OBSD_SA_TUNNEL);
	return p;
}

/* text is an address, "A/LEN" for Linux's prefix length. */
static inline uint8_t *
m_addr(struct made *m, unsigned int type, const char *text)
{
	unsigned int prefix = 0;
	struct ip_addr a;
	char buf[64];
	uint8_t *p;
	int six;

	if (sscanf(text, "%63[^/]/%u", buf, &prefix) < 1 ||
	    addr_parse(buf, &a) == -1)
		return NULL;
	six = a.af == AF_INET6;
	p = m_ext(m, type, six ? 40 : 24);
	if (m->dialect == DIALECT_OPENBSD) {
		p[8] = six ? 28 : 16;
		p[9] = six ? 24 : 2;
	} else {
		p[5] = (uint8_t)prefix;
		m16(p + 8, six ? 10 : 2);
	}
	memcpy(p + (six ? 16 : 12), a.a, six ? 16 : 4);
	return p;
}

static inline uint8_t *
m_key(struct made *m, unsigned int type, unsigned int bits)
{
	size_t i, len = bits / 8;
	uint8_t *p = m_ext(m, type, 8 + ((len + 7) & ~(size_t)7));

	m16(p + 4, bits);
	for (i = 0; i < len; i++)
		p[8 + i] = (uint8_t)(type + i);
	return p;
}

static inline void
m_sa2(struct made *m, unsigned int mode, uint32_t reqid)
{
	uint8_t *p = m_ext(m, LINUX_EXT_SA2, 16);

	p[4] = (uint8_t)mode;
	m32(p + 12, reqid);
}

static inline uint8_t *
m_iface(struct made *m, uint32_t unit, unsigned int dir)
{
	uint8_t *p = m_ext(m, PFKEY_EXT_IFACE, 16);

	m32(p + 4, unit);
	p[8] = (uint8_t)dir;
	return p;
}

static inline void
m_life(struct made *m, unsigned int type)
{
	uint8_t *p = m_ext(m, type, 32);

	m32(p + 4, 10 * type);
	m64(p + 8, 1000 * type);
	m64(p + 16, 100 * type);
	m64(p + 24, 7 * type);
}

/* Linux's policy with one tunnel request; out NULL: without. */
static inline uint8_t *
m_policy(struct made *m, unsigned int dir, uint32_t id, const char *src,
    const char *dst)
{
	const char *ends[2] = { src, dst };
	struct ip_addr a;
	uint8_t *p, *q;
	size_t one = 0, i;

	if (src != NULL)
		one = strchr(src, ':') != NULL ? 28 : 16;
	p = m_ext(m, LINUX_EXT_POLICY, 16 + (src ? 16 + ((2 * one + 7) & ~7UL) :
	    0));
	m16(p + 4, 2);
	p[6] = (uint8_t)dir;
	m32(p + 8, id);
	if (src == NULL)
		return p;
	m16(p + 16, (unsigned int)(16 + ((2 * one + 7) & ~7UL)));
	m16(p + 18, 50);
	p[20] = 2;
	p[21] = 2;
	for (i = 0; i < 2; i++) {
		q = p + 32 + i * one;
		if (addr_parse(ends[i], &a) == -1)
			return NULL;
		m16(q, a.af == AF_INET6 ? 10 : 2);
		memcpy(q + (one == 28 ? 8 : 4), a.a, one == 28 ? 16 : 4);
	}
	return p;
}

/* OpenBSD's flow: selectors with masks; prefix lengths in whole octets. */
static inline void
m_flow(struct made *m, unsigned int dir, const char *src, unsigned int srclen,
    const char *dst, unsigned int dstlen)
{
	int six = strchr(src, ':') != NULL;
	uint8_t *p;

	p = m_ext(m, OBSD_EXT_FLOW_TYPE, 8);
	p[4] = OBSD_FLOW_REQUIRE;
	p[5] = (uint8_t)dir;
	m_addr(m, OBSD_EXT_SRC_FLOW, src);
	p = m_addr(m, OBSD_EXT_SRC_MASK, six ? "::" : "0.0.0.0");
	memset(p + (six ? 16 : 12), 0xff, srclen / 8);
	m_addr(m, OBSD_EXT_DST_FLOW, dst);
	p = m_addr(m, OBSD_EXT_DST_MASK, six ? "::" : "0.0.0.0");
	memset(p + (six ? 16 : 12), 0xff, dstlen / 8);
	m_ext(m, OBSD_EXT_PROTOCOL, 8);
}

static inline int
m_parse(const struct made *m, struct pfkey_msg *msg)
{
	return pfkey_parse(m->dialect, m->b, m->len, msg);
}

/* A whole ADD of AES-256 with SHA2-384, without IFACE. */
static inline void
m_add(struct made *m, enum client_dialect dialect)
{
	m_begin(m, dialect, PFKEY_ADD, pfkey_esp(dialect));
	m_sa(m, 0xb0000001, 6, 12);
	if (dialect == DIALECT_LINUX)
		m_sa2(m, 2, 99);
	m_addr(m, PFKEY_EXT_SRC, "192.0.2.1");
	m_addr(m, PFKEY_EXT_DST, "192.0.2.2");
	m_life(m, PFKEY_EXT_SOFT);
	m_life(m, PFKEY_EXT_HARD);
	m_key(m, PFKEY_EXT_KEY_ENCRYPT, 256);
	m_key(m, PFKEY_EXT_KEY_AUTH, 384);
	m_end(m);
}

static inline void
m_getspi(struct made *m, enum client_dialect dialect, uint32_t min,
    uint32_t max)
{
	uint8_t *p;

	m_begin(m, dialect, PFKEY_GETSPI, pfkey_esp(dialect));
	p = m_ext(m, PFKEY_EXT_SPIRANGE, 16);
	m32(p + 4, min);
	m32(p + 8, max);
	m_addr(m, PFKEY_EXT_SRC, "2001:db8::2");
	m_addr(m, PFKEY_EXT_DST, "2001:db8::1");
	m_end(m);
}

/* GET or DELETE. */
static inline void
m_named(struct made *m, enum client_dialect dialect, unsigned int type)
{
	m_begin(m, dialect, type, pfkey_esp(dialect));
	m_sa(m, 0xb0000001, 0, 0);
	m_addr(m, PFKEY_EXT_SRC, "192.0.2.1");
	m_addr(m, PFKEY_EXT_DST, "192.0.2.2");
	m_end(m);
}

#endif /* PFKEY_HELP_H */
