/* SPDX-License-Identifier: ISC */
/*
 * Malformed PF_KEY messages: each is refused, with the errno it should have,
 * and nothing outside of it is read (exact copies on the heap, under ASan).
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/tap.h"
#include "tests/unit/pfkey_help.h"

static const enum client_dialect both[] = { DIALECT_LINUX, DIALECT_OPENBSD };

static const char *
name(enum client_dialect dialect)
{
	return dialect == DIALECT_LINUX ? "Linux" : "OpenBSD";
}

/* Parse an exact copy; the header's fields are right whatever the result. */
static int
parse(const struct made *m, size_t len)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	struct pfkey_msg msg;
	int error;

	memset(&msg, 0xa5, sizeof(msg));
	if (copy == NULL)
		abort();
	memcpy(copy, m->b, len);
	error = pfkey_parse(m->dialect, copy, len, &msg);
	pfkey_dialect(copy, len);
	if (len >= PFKEY_HDRLEN && (msg.type != m->b[1] ||
	    msg.satype != m->b[3] || msg.seq != pfkey_get32(m->b + 8) ||
	    msg.pid != pfkey_get32(m->b + 12)))
		ok(0, "the header's fields");
	if (error != 0 && msg.ext[PFKEY_EXT_SRC].data != NULL)
		ok(0, "no extensions after an error");
	free(copy);
	return error;
}

static int
whole(const struct made *m)
{
	return parse(m, m->len);
}

static void
test_frame(enum client_dialect dialect)
{
	const char *d = name(dialect);
	struct made m, good;
	size_t i;
	int bad;

	m_add(&good, dialect);
	is(whole(&good), 0, "%s: ADD", d);
	for (i = bad = 0; i < good.len; i++)
		bad += parse(&good, i) != EINVAL;
	is(bad, 0, "%s: every truncation", d);
	for (i = bad = 0; i < good.len; i += 8) {
		/* even if the header knows of it */
		m = good;
		m.len = i;
		m_end(&m);
		/* without its last extension it is whole: an AEAD's ADD */
		if (i >= PFKEY_HDRLEN)
			bad += parse(&m, i) != (i == good.len - 56 ? 0 :
			    EINVAL);
	}
	is(bad, 0, "%s: every truncation that the header agrees to", d);
	is(parse(&good, good.len + 8), EINVAL, "%s: octets behind it", d);

#define SPOIL(at, v, e, what) do {					\
	m = good;							\
	m.b[at] = (v);							\
	is(whole(&m), e, "%s: %s", d, what);				\
} while (0)
	SPOIL(0, 1, EINVAL, "version 1");
	SPOIL(0, 3, EINVAL, "version 3");
	SPOIL(2, 1, EINVAL, "an errno in a request");
	SPOIL(4, 0, EINVAL, "length 0");
	SPOIL(4, 1, EINVAL, "length 1");
	SPOIL(5, 0xff, EINVAL, "a huge length");
	SPOIL(6, 1, EINVAL, "reserved");
	SPOIL(1, 0, EOPNOTSUPP, "type 0");
	SPOIL(1, PFKEY_EXPIRE, EOPNOTSUPP, "EXPIRE");
	SPOIL(1, PFKEY_ACQUIRE, EOPNOTSUPP, "ACQUIRE");
	SPOIL(1, PFKEY_PROMISC, EOPNOTSUPP, "PROMISC");
	SPOIL(1, 25, EOPNOTSUPP, "type 25");
	SPOIL(1, 255, EOPNOTSUPP, "type 255");
	SPOIL(3, 0, EINVAL, "satype 0");
	SPOIL(3, 4, EINVAL, "satype 4");
	SPOIL(3, 255, EINVAL, "satype 255");
	SPOIL(3, PFKEY_IPCOMP, EPROTONOSUPPORT, "IPcomp");
	SPOIL(3, dialect == DIALECT_LINUX ? LINUX_AH : OBSD_AH,
	    EPROTONOSUPPORT, "AH");
	SPOIL(3, dialect == DIALECT_LINUX ? 1 : 3, EINVAL,
	    "the other dialect's ESP or AH");

	m_begin(&m, dialect, PFKEY_FLUSH, 0);
	m.len = sizeof(m.b) & ~(size_t)7;
	m_end(&m);
	is(whole(&m), EMSGSIZE, "%s: longer than 4096", d);
}

/* Each length field of each extension: 0, 1, one less, one more, the most. */
static void
test_lengths(enum client_dialect dialect)
{
	static const char *const kinds[] = { "0", "1", "less", "more", "max" };
	unsigned int words, v[5], k;
	struct made good, m;
	size_t at;
	int bad;

	m_add(&good, dialect);
	for (k = 0; k < 5; k++) {
		bad = 0;
		for (at = PFKEY_HDRLEN; at < good.len; at += 8 * words) {
			words = pfkey_get16(good.b + at);
			v[0] = 0;
			v[1] = 1;
			v[2] = words - 1;
			v[3] = words + 1;
			v[4] = 0xffff;
			m = good;
			m16(m.b + at, v[k]);
			bad += whole(&m) != EINVAL;
		}
		is(bad, 0, "%s: extension length %s", name(dialect), kinds[k]);
	}
	bad = 0;
	for (at = PFKEY_HDRLEN; at < good.len; at += 8 * words) {
		/* once more at the end */
		words = pfkey_get16(good.b + at);
		m = good;
		memcpy(m.b + m.len, good.b + at, 8 * words);
		m.len += 8 * words;
		m_end(&m);
		bad += whole(&m) != EINVAL;
	}
	is(bad, 0, "%s: no extension twice", name(dialect));
	bad = 0;
	for (at = PFKEY_HDRLEN; at < good.len; at += 8 * words) {
		words = pfkey_get16(good.b + at);
		k = pfkey_get16(good.b + at + 2);
		m = good;
		memmove(m.b + at, m.b + at + 8 * words,
		    good.len - at - 8 * words);
		m.len -= 8 * words;
		m_end(&m);
		/* the rest is the suite's to miss */
		bad += whole(&m) != (k == PFKEY_EXT_SA ||
		    k == PFKEY_EXT_SRC || k == PFKEY_EXT_DST ||
		    k == PFKEY_EXT_KEY_ENCRYPT || (k == LINUX_EXT_SA2 &&
		    dialect == DIALECT_LINUX) ? EINVAL : 0);
	}
	is(bad, 0, "%s: what must be there must be there", name(dialect));
}

/* An extension of every number, 8 to 80 octets long, behind a good message. */
static void
test_unknown(enum client_dialect dialect)
{
	unsigned int type, passed = 0;
	struct made m;
	size_t len;

	for (type = 0; type < 300; type++)
		for (len = 8; len <= 80; len += 8) {
			m_add(&m, dialect);
			m_ext(&m, type, len);
			m_end(&m);
			if (whole(&m) == 0) {
				passed++;
				printf("# passes: %u, %zu octets\n", type, len);
			}
		}
	/*
	 * Zeros are good in a CURRENT and an identity without a string (each
	 * length), on OpenBSD also in UDPENCAP, TAP, RDOMAIN, MTU, REPLAY.
	 */
	is(passed, 1 + 2 * 9 + (dialect == DIALECT_OPENBSD ? 5 : 0),
	    "%s: no others", name(dialect));
}

static void
test_addresses(enum client_dialect dialect)
{
	const char *d = name(dialect);
	struct made m;
	uint8_t *p;

	m_begin(&m, dialect, PFKEY_GET, pfkey_esp(dialect));
	m_sa(&m, 256, 0, 0);
	m_addr(&m, PFKEY_EXT_SRC, "2001:db8::1");
	m_addr(&m, PFKEY_EXT_DST, "192.0.2.2");
	m_end(&m);
	is(whole(&m), EINVAL, "%s: families differ", d);

	m_begin(&m, dialect, PFKEY_GET, pfkey_esp(dialect));
	m_sa(&m, 256, 0, 0);
	m_addr(&m, PFKEY_EXT_SRC, "2001:db8::1");
	p = m_addr(&m, PFKEY_EXT_DST, "2001:db8::2");
	m_end(&m);
	is(whole(&m), 0, "%s: inet6", d);
	m16(p, 3);
	m.len -= 16;
	m_end(&m);
	is(whole(&m), EINVAL, "%s: a sockaddr_in6 of 16 octets", d);

	m_named(&m, dialect, PFKEY_GET);
	m.b[m.len - 24] = 4;
	m.len += 8;
	m_end(&m);
	is(whole(&m), EINVAL, "%s: a sockaddr_in with room to spare", d);

	m_named(&m, dialect, PFKEY_GET);
	p = m.b + m.len - 24;
	if (dialect == DIALECT_OPENBSD) {
		p[8] = 15;
		is(whole(&m), EINVAL, "%s: sa_len 15", d);
		p[8] = 16;
		p[9] = 24;
		is(whole(&m), EINVAL, "%s: sa_len of another family", d);
		p[9] = 2;
		p[11] = 1;
		is(whole(&m), EINVAL, "%s: an SA's end with a port", d);
		p[11] = 0;
		p[4] = 1;
		is(whole(&m), EINVAL, "%s: reserved in an address", d);
	} else {
		m16(p + 8, 1);
		is(whole(&m), EINVAL, "%s: AF_UNIX", d);
		m16(p + 8, 0);
		is(whole(&m), EINVAL, "%s: family 0", d);
		m16(p + 8, 2);
		p[11] = 1;
		is(whole(&m), 0, "%s: a port is ignored", d);
		p[5] = 33;
		is(whole(&m), EINVAL, "%s: prefix length 33", d);
		p[5] = 32;
		is(whole(&m), 0, "%s: prefix length 32", d);
		p[6] = 1;
		is(whole(&m), EINVAL, "%s: reserved in an address", d);
	}
	/* the same octets in the other dialect's shape */
	m_named(&m, dialect == DIALECT_LINUX ? DIALECT_OPENBSD :
	    DIALECT_LINUX, PFKEY_GET);
	m.dialect = dialect;
	m.b[3] = pfkey_esp(dialect);
	is(whole(&m), EINVAL, "%s: addresses of the other dialect", d);
}

static void
test_spis(enum client_dialect dialect)
{
	const char *d = name(dialect);
	struct made m;
	unsigned int spi, bad = 0, i;
	static const uint8_t types[] = { PFKEY_GET, PFKEY_DELETE };

	for (spi = 0; spi < 256; spi++) {
		m_add(&m, dialect);
		m.b[20] = m.b[21] = m.b[22] = 0;
		m.b[23] = (uint8_t)spi;
		bad += whole(&m) != EINVAL;
		for (i = 0; i < 2; i++) {
			m_named(&m, dialect, types[i]);
			m.b[20] = m.b[21] = m.b[22] = 0;
			m.b[23] = (uint8_t)spi;
			bad += whole(&m) != EINVAL;
		}
		m_getspi(&m, dialect, spi, 1000);
		bad += whole(&m) != EINVAL;
	}
	is(bad, 0, "%s: SPIs 0 to 255 are reserved", d);
	m_getspi(&m, dialect, 256, 256);
	is(whole(&m), 0, "%s: a range of one", d);
	m_getspi(&m, dialect, 257, 256);
	is(whole(&m), EINVAL, "%s: a range upside down", d);
	m_getspi(&m, dialect, 256, UINT32_MAX);
	m.b[28] = 1;
	is(whole(&m), EINVAL, "%s: reserved in a range", d);
}

static void
test_sa(enum client_dialect dialect)
{
	const char *d = name(dialect);
	struct made good, m;
	int linux_d = dialect == DIALECT_LINUX;
	size_t at;

	m_add(&good, dialect);
	SPOIL(25, 2, EINVAL, "an SA that is dying");
	SPOIL(25, 0, linux_d ? 0 : EINVAL, "a state of 0");
	SPOIL(24, 255, linux_d ? 0 : EINVAL, "replay 255");
	SPOIL(28, linux_d ? 4 : 0x10, EINVAL, "an unknown flag");
	SPOIL(29, 4, 0, "ESN");
	/* the last two extensions: keys of 40 and 56 octets */
	at = good.len - 96;
	m = good;
	m16(m.b + at + 4, 255);
	is(whole(&m), EINVAL, "%s: key bits that are no octets", d);
	SPOIL(at + 5, 0, EINVAL, "no key bits");
	SPOIL(at + 5, 2, EINVAL, "more key bits than key");
	SPOIL(at + 4, 8, EINVAL, "more than there is room for");
	SPOIL(at + 6, 1, EINVAL, "reserved in a key");
	m = good;
	m16(m.b + at + 4, 192);
	is(whole(&m), EINVAL, "%s: fewer key bits than key", d);

	m = good;
	m_iface(&m, 7, 1);
	m_end(&m);
	is(whole(&m), 0, "%s: IFACE in", d);
	m.b[m.len - 8] = 2;
	is(whole(&m), 0, "%s: IFACE out", d);
	m.b[m.len - 8] = 0;
	is(whole(&m), EINVAL, "%s: IFACE without direction", d);
	m.b[m.len - 8] = 3;
	is(whole(&m), EINVAL, "%s: IFACE forward", d);
	m.b[m.len - 8] = 1;
	m.b[m.len - 1] = 1;
	is(whole(&m), EINVAL, "%s: reserved in IFACE", d);

	m = good;
	at = m.len;
	m_ext(&m, PFKEY_EXT_IDENT_SRC, 24);
	memset(m.b + at + 16, 'a', 8);
	m_end(&m);
	is(whole(&m), EINVAL, "%s: an identity without NUL", d);
	m.b[m.len - 1] = '\0';
	is(whole(&m), 0, "%s: an identity", d);
	m.b[at + 6] = 1;
	is(whole(&m), EINVAL, "%s: reserved in an identity", d);
}

static void
nat_t(struct made *m, int type, int sport, int dport)
{
	m_add(m, DIALECT_LINUX);
	if (type >= 0)
		m_ext(m, LINUX_EXT_NAT_T_TYPE, 8)[4] = (uint8_t)type;
	if (sport >= 0)
		m_ext(m, LINUX_EXT_NAT_T_SPORT, 8)[5] = (uint8_t)sport;
	if (dport >= 0)
		m_ext(m, LINUX_EXT_NAT_T_DPORT, 8)[5] = (uint8_t)dport;
	m_end(m);
}

static void
test_linux(void)
{
	struct made m, good;
	const char *d = "Linux";
	size_t at;
	unsigned int v, bad = 0;

	nat_t(&m, 2, 1, 1);
	is(whole(&m), 0, "NAT_T: type and both ports");
	nat_t(&m, 1, 1, 1);
	is(whole(&m), EINVAL, "NAT_T: non-IKE marker");
	nat_t(&m, 0, 1, 1);
	is(whole(&m), EINVAL, "NAT_T: type 0");
	nat_t(&m, 2, 0, 1);
	is(whole(&m), EINVAL, "NAT_T: port 0");
	nat_t(&m, 2, 1, -1);
	is(whole(&m), EINVAL, "NAT_T: one port");
	nat_t(&m, 2, -1, -1);
	is(whole(&m), EINVAL, "NAT_T: no port");
	nat_t(&m, -1, 1, 1);
	is(whole(&m), EINVAL, "NAT_T: ports alone");

	m_begin(&good, DIALECT_LINUX, LINUX_SPDUPDATE, 0);
	m_addr(&good, PFKEY_EXT_SRC, "10.1.0.0/16");
	m_addr(&good, PFKEY_EXT_DST, "10.2.0.0/16");
	at = good.len;
	m_policy(&good, 2, 0, "2001:db8::1", "2001:db8::2");
	m_end(&good);
	is(whole(&good), 0, "a policy; its tunnel is of another family");
	SPOIL(at + 4, 3, EINVAL, "policy type 3");
	SPOIL(at + 6, 0, EINVAL, "policy direction 0");
	SPOIL(at + 6, 4, EINVAL, "policy direction 4");
	SPOIL(at + 6, 3, 0, "policy forward");
	for (v = 0; v < 256; v++) {
		m = good;
		m16(m.b + at + 16, v);
		bad += v != 72 && whole(&m) != EINVAL;
		m16(m.b + at + 16, v << 8 | 72);
		bad += v != 0 && whole(&m) != EINVAL;
	}
	is(bad, 0, "Linux: every other length of a request");
	m = good;
	m16(m.b + at, pfkey_get16(m.b + at) - 1);
	m.len -= 8;
	m_end(&m);
	is(whole(&m), EINVAL, "a request longer than its policy");
	SPOIL(at + 20, 1, EINVAL, "a transport request with addresses");
	SPOIL(at + 32, 2, EINVAL, "a request of two families");
	SPOIL(at + 60, 2, EINVAL, "a request of two families, the other");
	SPOIL(at + 32, 9, EINVAL, "a request of no family");
	m = good;
	m16(m.b + at + 16, 16);
	m.b[at + 20] = 1;
	m16(m.b + at + 32, 56);
	m.b[at + 36] = 1;
	is(whole(&m), EINVAL, "a second request that is wrong");
	m_begin(&m, DIALECT_LINUX, LINUX_SPDGET, 0);
	m_policy(&m, 2, 9, NULL, NULL);
	m_end(&m);
	is(whole(&m), 0, "SPDGET");
	m16(m.b + 16, 1);
	m.len -= 8;
	m_end(&m);
	is(whole(&m), EINVAL, "a POLICY of one word");
	m_begin(&m, DIALECT_LINUX, LINUX_SPDFLUSH, 0);
	m_end(&m);
	is(whole(&m), 0, "SPDFLUSH");
	m_add(&m, DIALECT_LINUX);
	m_addr(&m, PFKEY_EXT_PROXY, "192.0.2.3");
	m_end(&m);
	is(whole(&m), EINVAL, "Linux: PROXY");
}

static void
test_openbsd(void)
{
	struct made m, good;
	const char *d = "OpenBSD";
	uint8_t *p;
	size_t at;

	m_add(&good, DIALECT_OPENBSD);
	at = good.len;
	p = m_ext(&good, OBSD_EXT_TAG, 16);
	m32(p + 4, 5);
	memcpy(p + 8, "blue", 5);
	m_end(&good);
	is(whole(&good), 0, "TAG");
	SPOIL(at + 4, 0, EINVAL, "TAG of length 0");
	SPOIL(at + 4, 4, EINVAL, "TAG without NUL");
	SPOIL(at + 4, 9, EINVAL, "TAG longer than its extension");
	SPOIL(at + 7, 0xff, EINVAL, "TAG of 4 GB");
	m_add(&good, DIALECT_OPENBSD);
	m_ext(&good, OBSD_EXT_RDOMAIN, 8);
	m_end(&good);
	is(whole(&good), 0, "RDOMAIN 0");
	SPOIL(good.len - 4, 1, EINVAL, "RDOMAIN 1");
	SPOIL(good.len - 2, 1, EINVAL, "RDOMAIN to 1");
	m_add(&m, DIALECT_OPENBSD);
	m_addr(&m, PFKEY_EXT_PROXY, "2001:db8::3");
	m_end(&m);
	is(whole(&m), EINVAL, "PROXY of another family");

	m_begin(&good, DIALECT_OPENBSD, OBSD_ADDFLOW, OBSD_ESP);
	m_addr(&good, PFKEY_EXT_DST, "2001:db8::2");
	m_flow(&good, 1, "10.1.0.0", 16, "10.2.0.0", 16);
	m_end(&good);
	is(whole(&good), 0, "ADDFLOW; its tunnel is of another family");
	/* header, DST, then FLOW_TYPE */
	SPOIL(16 + 40 + 5, 0, EINVAL, "a flow without direction");
	SPOIL(16 + 40 + 5, 3, EINVAL, "a flow forward");
	SPOIL(16 + 40 + 8 + 11, 80, 0, "a flow with a port");
	SPOIL(16 + 40 + 8 + 4, 1, EINVAL, "reserved in a selector");
	m_begin(&m, DIALECT_OPENBSD, OBSD_ADDFLOW, OBSD_ESP);
	m_flow(&m, 1, "10.1.0.0", 16, "2001:db8::", 32);
	m_end(&m);
	is(whole(&m), EINVAL, "a flow of two families");
	m_begin(&m, DIALECT_OPENBSD, OBSD_ASKPOLICY, 0);
	m32(m_ext(&m, OBSD_EXT_POLICY, 8) + 4, 7);
	m_end(&m);
	is(whole(&m), 0, "ASKPOLICY");
	m.b[1] = 14;
	is(whole(&m), EOPNOTSUPP, "GRPSPIS");
	m.b[1] = 16;
	is(whole(&m), EOPNOTSUPP, "OpenBSD's SPDDUMP");
}

static void
test_headers_only(enum client_dialect dialect)
{
	static const uint8_t types[] = { PFKEY_REGISTER, PFKEY_FLUSH,
	    PFKEY_DUMP };
	static const uint8_t satypes[] = { 0, 1, 2, 3, 9 };
	unsigned int i, k, n = 0, more = 0;
	struct made m;

	for (i = 0; i < sizeof(types); i++)
		for (k = 0; k < sizeof(satypes); k++) {
			m_begin(&m, dialect, types[i], satypes[k]);
			m_end(&m);
			n += whole(&m) == 0;
			m_sa(&m, 256, 0, 0);
			m_end(&m);
			more += whole(&m) == 0;
		}
	/* AH, ESP, IPcomp; but for REGISTER also 0 */
	is(n, dialect == DIALECT_UNKNOWN ? 2 * 5 : 3 + 2 * 4,
	    "REGISTER, FLUSH, DUMP of each satype");
	is(more, 0, "and they have no extensions");
}

static void
test_dialect(void)
{
	static const struct {
		unsigned int	type, satype;
		enum client_dialect is;
	} heads[] = {
		{ PFKEY_REGISTER, 3, DIALECT_LINUX },
		{ PFKEY_REGISTER, 2, DIALECT_OPENBSD },
		{ PFKEY_REGISTER, 1, DIALECT_OPENBSD },
		{ PFKEY_REGISTER, 9, DIALECT_UNKNOWN },
		{ PFKEY_FLUSH, 0, DIALECT_UNKNOWN },
		{ PFKEY_FLUSH, 3, DIALECT_UNKNOWN },
	};
	struct made m;
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		m_begin(&m, DIALECT_UNKNOWN, heads[i].type, heads[i].satype);
		m_end(&m);
		is(pfkey_dialect(m.b, m.len), heads[i].is,
		    "the dialect of type %u, satype %u", heads[i].type,
		    heads[i].satype);
	}
	for (i = 0; i < 2; i++) {
		m_add(&m, both[i]);
		is(pfkey_dialect(m.b, m.len), both[i], "%s: of an ADD",
		    name(both[i]));
		m_getspi(&m, both[i], 256, 999);
		is(pfkey_dialect(m.b, m.len), both[i], "%s: of inet6",
		    name(both[i]));
		m.dialect = DIALECT_UNKNOWN;
		is(whole(&m), EOPNOTSUPP, "not served before it is known");
	}
	is(pfkey_dialect(m.b, 15), DIALECT_UNKNOWN, "of a piece");
}

int
main(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		test_frame(both[i]);
		test_lengths(both[i]);
		test_unknown(both[i]);
		test_addresses(both[i]);
		test_spis(both[i]);
		test_sa(both[i]);
		test_headers_only(both[i]);
	}
	test_headers_only(DIALECT_UNKNOWN);
	test_linux();
	test_openbsd();
	test_dialect();
	return tap_done();
}
