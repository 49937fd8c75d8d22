/* SPDX-License-Identifier: ISC */
/*
 * PF_KEY requests to secd's, and secd's answers to PF_KEY, where no transcript
 * of a daemon has them: OpenBSD's dialect, changes, suites, directions, flows.
 * Every reply is built twice over different garbage and must come out equal.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/lib/tap.h"
#include "tests/unit/pfkey_help.h"

#define L	DIALECT_LINUX
#define O	DIALECT_OPENBSD

static const struct sa_owner owner = { .uid = 1, .name = "iked" };

static struct pfkey_msg msg;
static struct sa_request req;

/* Parse and convert; an errno of either. */
static int
convert(struct made *m)
{
	int error;

	m_end(m);
	memset(&req, 0xa5, sizeof(req));
	if ((error = m_parse(m, &msg)) != 0) {
		ok(0, "parses");
		return error;
	}
	return pfkey_to_request(&msg, &owner, &req);
}

static int
text_is(const char *field, const char *want)
{
	if (strcmp(field, want) == 0)
		return 1;
	printf("# got '%s', expected '%s'\n", field, want);
	return 0;
}

/* --- suites --- */

static int
suite(enum client_dialect dialect, unsigned int enc, unsigned int bits,
    unsigned int auth, unsigned int authbits)
{
	struct made m;

	m_begin(&m, dialect, PFKEY_ADD, pfkey_esp(dialect));
	m_sa(&m, 300, auth, enc);
	if (dialect == L)
		m_sa2(&m, 2, 0);
	m_addr(&m, PFKEY_EXT_SRC, "192.0.2.1");
	m_addr(&m, PFKEY_EXT_DST, "192.0.2.2");
	m_key(&m, PFKEY_EXT_KEY_ENCRYPT, bits);
	if (authbits != 0)
		m_key(&m, PFKEY_EXT_KEY_AUTH, authbits);
	return convert(&m);
}

static void
test_suites(void)
{
	static const struct {
		unsigned int enc, bits, auth, authbits;
		int linux_error, obsd_error;
		const char *name, *mac;
	} suites[] = {
		{ 12, 128, 3, 160, 0, 0, "aes-128", "hmac-sha1" },
		{ 12, 192, 5, 256, 0, 0, "aes-192", "hmac-sha2-256" },
		{ 12, 256, 6, 384, 0, 0, "aes-256", "hmac-sha2-384" },
		{ 12, 256, 7, 512, 0, 0, "aes-256", "hmac-sha2-512" },
		{ 20, 160, 0, 0, 0, 0, "aes-128-gcm", "" },
		{ 20, 224, 0, 0, 0, 0, "aes-192-gcm", "" },
		{ 20, 288, 0, 0, 0, 0, "aes-256-gcm", "" },
		{ 22, 288, 0, 0, EINVAL, 0, "chacha20-poly1305", "" },
		/* wrong ones */
		{ 12, 256, 0, 0, EINVAL, EINVAL, NULL, NULL },
		{ 12, 256, 0, 384, EINVAL, EINVAL, NULL, NULL },
		{ 12, 256, 6, 0, EINVAL, EINVAL, NULL, NULL },
		{ 12, 256, 6, 256, EINVAL, EINVAL, NULL, NULL },
		{ 12, 160, 6, 384, EINVAL, EINVAL, NULL, NULL },
		{ 12, 4096, 6, 384, EINVAL, EINVAL, NULL, NULL },
		{ 12, 256, 2, 128, EINVAL, EINVAL, NULL, NULL },
		{ 12, 256, 9, 128, EINVAL, EINVAL, NULL, NULL },
		{ 12, 256, 7, 4096, EINVAL, EINVAL, NULL, NULL },
		{ 20, 128, 0, 0, EINVAL, EINVAL, NULL, NULL },
		{ 20, 160, 6, 0, EINVAL, EINVAL, NULL, NULL },
		{ 20, 160, 0, 160, EINVAL, EINVAL, NULL, NULL },
		{ 18, 160, 0, 0, EINVAL, EINVAL, NULL, NULL },
		{ 21, 288, 0, 0, EINVAL, EINVAL, NULL, NULL },
		{ 23, 288, 0, 0, EINVAL, EINVAL, NULL, NULL },
		{ 22, 256, 0, 0, EINVAL, EINVAL, NULL, NULL },
		{ 11, 8, 6, 384, EINVAL, EINVAL, NULL, NULL },
		{ 3, 192, 3, 160, EINVAL, EINVAL, NULL, NULL },
		{ 0, 256, 6, 384, EINVAL, EINVAL, NULL, NULL },
		{ 255, 256, 255, 384, EINVAL, EINVAL, NULL, NULL },
	};
	size_t i;
	int d, want;

	for (i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		for (d = 0; d < 2; d++) {
			want = d == 0 ? suites[i].linux_error :
			    suites[i].obsd_error;
			is(suite(d == 0 ? L : O, suites[i].enc, suites[i].bits,
			    suites[i].auth, suites[i].authbits), want,
			    "%s: cipher %u of %u bits, MAC %u of %u", d == 0 ?
			    "Linux" : "OpenBSD", suites[i].enc, suites[i].bits,
			    suites[i].auth, suites[i].authbits);
			if (want != 0)
				continue;
			ok(text_is(req.enc, suites[i].name) &&
			    text_is(req.auth, suites[i].mac) &&
			    req.keylen == suites[i].bits / 8 &&
			    req.authkeylen == suites[i].authbits / 8 &&
			    req.key[0] == PFKEY_EXT_KEY_ENCRYPT &&
			    req.key[req.keylen - 1] == PFKEY_EXT_KEY_ENCRYPT +
			    req.keylen - 1 && (req.keylen == SA_KEYLEN_MAX ||
			    req.key[req.keylen] == 0),
			    "... is %s %s", suites[i].name, suites[i].mac);
			ok(sa_request_check(&req) == NULL, "... and checks");
		}
}

/* --- direction, mode, encapsulation, changes --- */

static void
test_add(void)
{
	struct made m;
	uint8_t *p;

	m_add(&m, L);
	is(convert(&m), 0, "Linux: ADD");
	ok(req.dir == SA_ANY_DIR && req.iface[0] == '\0' && !req.encap &&
	    req.flags == SA_F_IKE && req.reqid == 99 &&
	    req.spi == 0xb0000001 && sa_owner_equal(&req.owner, &owner),
	    "... its fields");
	ok(req.soft.packets == 40 && req.soft.bytes == 4000 &&
	    req.soft.added == 400 && req.soft.used == 28 &&
	    req.hard.packets == 30 && req.hard.used == 21,
	    "... and lifetimes");
	p = m.b + 24;
	p[0] = 0;
	is(convert(&m), 0, "replay 0");
	ok((req.flags & SA_F_REPLAY) != 0 && req.replay == 0,
	    "... is no check");
	p[5] = 4;
	is(convert(&m), 0, "ESN");
	ok((req.flags & SA_F_ESN) != 0, "... is seen");
	m_iface(&m, UINT32_MAX, 2);
	is(convert(&m), 0, "IFACE");
	ok(text_is(req.iface, "sec4294967295") && req.dir == SA_OUT,
	    "... names interface and direction");
	m.b[m.len - 8] = 1;
	is(convert(&m), 0, "IFACE, inwards");
	is(req.dir, SA_IN, "... an ADD can be inbound");

	m_add(&m, L);
	m.b[36] = 1;
	is(convert(&m), EOPNOTSUPP, "Linux: transport mode");
	m.b[36] = 0;
	is(convert(&m), EOPNOTSUPP, "Linux: any mode, which is transport");
	m.b[36] = 3;
	is(convert(&m), EOPNOTSUPP, "Linux: BEET");
	m_add(&m, O);
	m.b[28] = 0;
	is(convert(&m), EOPNOTSUPP, "OpenBSD: no tunnel flag");
	m_add(&m, O);
	m.b[1] = PFKEY_UPDATE;
	is(convert(&m), 0, "OpenBSD: UPDATE");
	ok(req.dir == SA_IN && req.reqid == 0, "... is inbound");
	ok(pfkey_has_keys(&msg), "... and has keys");
}

static void
test_encap(void)
{
	struct made m;
	uint8_t *p;

	m_add(&m, L);
	m_ext(&m, LINUX_EXT_NAT_T_TYPE, 8)[4] = 2;
	p = m_ext(&m, LINUX_EXT_NAT_T_SPORT, 8);
	p[4] = 0x12;
	p[5] = 0x34;
	m_ext(&m, LINUX_EXT_NAT_T_DPORT, 8)[4] = 1;
	is(convert(&m), 0, "NAT_T");
	ok(req.encap && req.sport == 0x1234 && req.dport == 0x100, "... ports");

	m_add(&m, O);
	m.b[29] = 2;
	is(convert(&m), 0, "UDPENCAP flag alone");
	ok(req.encap && req.sport == 4500 && req.dport == 4500, "... 4500");
	p = m_ext(&m, OBSD_EXT_UDPENCAP, 8);
	is(convert(&m), 0, "UDPENCAP of port 0");
	ok(req.encap && req.sport == 4500 && req.dport == 4500, "... 4500");
	p[4] = 0x12;
	p[5] = 0x34;
	is(convert(&m), 0, "UDPENCAP of a port");
	ok(req.sport == 4500 && req.dport == 0x1234, "... is the peer's: dst");
	m_iface(&m, 0, 1);
	is(convert(&m), 0, "UDPENCAP of a port, inbound");
	ok(req.sport == 0x1234 && req.dport == 4500, "... is the peer's: src");
}

static void
test_change(void)
{
	struct made m;
	struct msg_sa_id id;
	struct msg_sa_delete d;
	struct msg_getspi g;
	char a[ADDR_STRLEN];

	m_named(&m, L, PFKEY_UPDATE);
	is(convert(&m), 0, "Linux: a change");
	ok(sa_change_check(&req) == NULL && req.keylen == 0 &&
	    req.enc[0] == '\0' && req.dir == SA_ANY_DIR &&
	    !pfkey_has_keys(&msg), "... has no keys, says no direction");
	m_sa2(&m, 1, 0);
	is(convert(&m), EOPNOTSUPP, "Linux: to transport mode");
	m_named(&m, L, PFKEY_UPDATE);
	m_key(&m, PFKEY_EXT_KEY_AUTH, 256);
	m_sa2(&m, 2, 0);
	is(convert(&m), EINVAL, "a MAC's key alone");
	m_named(&m, O, PFKEY_UPDATE);
	m_addr(&m, PFKEY_EXT_PROXY, "192.0.2.77");
	is(convert(&m), 0, "OpenBSD: a change with PROXY");
	ok(text_is(addr_print(&req.dst, a), "192.0.2.77"),
	    "... is the new dst");
	pfkey_to_id(&msg, &id);
	ok(text_is(addr_print(&id.dst, a), "192.0.2.2") &&
	    id.spi == 0xb0000001, "... and the old one names it");

	m_begin(&m, O, PFKEY_DELETE, OBSD_ESP);
	m_sa(&m, 257, 0, 0);
	m_addr(&m, PFKEY_EXT_DST, "2001:db8::1");
	m_end(&m);
	is(m_parse(&m, &msg), 0, "OpenBSD: DELETE without SRC");
	memset(&d, 0xa5, sizeof(d));
	pfkey_to_delete(&msg, &owner, &d);
	ok(d.src.af == 0 && d.dst.af == AF_INET6 && d.spi == 257 &&
	    d.dir == SA_ANY_DIR, "... converts");

	m_getspi(&m, O, 1000, 2000);
	is(m_parse(&m, &msg), 0, "OpenBSD: GETSPI");
	memset(&g, 0xa5, sizeof(g));
	pfkey_to_getspi(&msg, &owner, &g);
	ok(g.min == 1000 && g.max == 2000 && g.reqid == 0 &&
	    text_is(addr_print(&g.src, a), "2001:db8::2") &&
	    text_is(addr_print(&g.dst, a), "2001:db8::1"), "... converts");
}

/* --- flows --- */

static struct pfkey_policy
linux_policy(unsigned int dir, const char *src, const char *dst,
    unsigned int proto, unsigned int port, const char *tunnel)
{
	struct pfkey_policy p;
	struct made m;
	uint8_t *q;

	m_begin(&m, L, LINUX_SPDADD, 0);
	q = m_addr(&m, PFKEY_EXT_SRC, src);
	q[4] = (uint8_t)proto;
	q[11] = (uint8_t)port;
	m_addr(&m, PFKEY_EXT_DST, dst)[4] = (uint8_t)proto;
	m_policy(&m, dir, 5, tunnel, "192.0.2.2");
	m_end(&m);
	memset(&p, 0xa5, sizeof(p));
	if (m_parse(&m, &msg) != 0 || pfkey_to_policy(&msg, &p) != 0)
		ok(0, "a policy");
	return p;
}

static struct pfkey_policy
obsd_flow(unsigned int dir, const char *src, unsigned int srclen,
    const char *dst, unsigned int dstlen)
{
	struct pfkey_policy p;
	struct made m;

	m_begin(&m, O, OBSD_ADDFLOW, OBSD_ESP);
	m_addr(&m, PFKEY_EXT_SRC, "198.51.100.1");
	m_addr(&m, PFKEY_EXT_DST, "198.51.100.2");
	m_flow(&m, dir, src, srclen, dst, dstlen);
	m_end(&m);
	memset(&p, 0xa5, sizeof(p));
	if (m_parse(&m, &msg) != 0 || pfkey_to_policy(&msg, &p) != 0)
		ok(0, "a flow");
	return p;
}

static void
test_flows(void)
{
	struct pfkey_policy a, b;
	struct msg_narrow n;
	struct made m;
	char s[ADDR_STRLEN], d[ADDR_STRLEN];
	size_t i;

	a = linux_policy(2, "10.1.0.0/16", "10.2.0.0/24", 255, 0,
	    "192.0.2.1");
	ok(text_is(a.flow, "10.1.0.0/16 -> 10.2.0.0/24") && !a.any &&
	    a.dir == 2 && a.id == 5, "Linux: a flow");
	ok(text_is(addr_print(&a.src, s), "192.0.2.1") &&
	    text_is(addr_print(&a.dst, d), "192.0.2.2"), "... its tunnel");
	b = linux_policy(2, "10.1.0.0/16", "10.2.0.0/24", 0, 0,
	    "198.51.100.1");
	ok(pfkey_policy_same(&a, &b), "... is the same with another tunnel");
	b = linux_policy(1, "10.1.0.0/16", "10.2.0.0/24", 255, 0,
	    "192.0.2.1");
	ok(!pfkey_policy_same(&a, &b), "... another in the other direction");
	b = linux_policy(2, "10.1.0.0/17", "10.2.0.0/24", 255, 0,
	    "192.0.2.1");
	ok(!pfkey_policy_same(&a, &b), "... another with another length");
	b = linux_policy(2, "10.1.0.0/16", "10.2.0.0/24", 6, 80, "192.0.2.1");
	ok(!pfkey_policy_same(&a, &b), "... another with a port");
	ok(text_is(b.flow, "10.1.0.0/16 port 80 -> 10.2.0.0/24 proto 6"),
	    "... which is shown");
	b = linux_policy(2, "10.1.0.0/16", "10.2.0.0/24", 6, 0, "192.0.2.1");
	ok(!pfkey_policy_same(&a, &b), "... another with a protocol");
	is(pfkey_to_narrow(&a, &owner, &n), 1, "... is narrow");
	ok(text_is(n.flow, a.flow) && addr_equal(&n.src, &a.src) &&
	    addr_equal(&n.dst, &a.dst) && sa_owner_equal(&n.owner, &owner) &&
	    text_ok(n.flow, sizeof(n.flow)), "... and tells so");

	a = linux_policy(3, "::/0", "::/0", 255, 0, "0.0.0.0");
	ok(a.any && text_is(a.flow, "::/0 -> ::/0"), "Linux: any to any");
	is(a.src.af, 0, "... its tunnel from anywhere");
	is(pfkey_to_narrow(&a, &owner, &n), 0, "... is not narrow");
	a = linux_policy(2, "0.0.0.0/0", "0.0.0.0/0", 17, 0, "192.0.2.1");
	ok(!a.any, "... but with a protocol");
	a = linux_policy(2, "0.0.0.0/0", "0.0.0.0/0", 0, 1, "192.0.2.1");
	ok(!a.any, "... or a port");
	a = linux_policy(2, "0.0.0.0/0", "0.0.0.0/1", 0, 0, "192.0.2.1");
	ok(!a.any, "... or half of everything");
	a = linux_policy(2, "2001:db8:1111:2222:3333:4444:5555:6666/128",
	    "2001:db8:1111:2222:3333:4444:5555:7777/128", 255, 255,
	    "192.0.2.1");
	is(strlen(a.flow), PFKEY_FLOWLEN - 1, "a long one is cut");

	a = obsd_flow(2, "10.1.0.0", 16, "10.2.0.0", 24);
	ok(text_is(a.flow, "10.1.0.0/16 -> 10.2.0.0/24") && !a.any &&
	    a.dir == 2, "OpenBSD: a flow");
	ok(text_is(addr_print(&a.src, s), "198.51.100.1") &&
	    text_is(addr_print(&a.dst, d), "198.51.100.2"), "... its tunnel");
	b = obsd_flow(1, "10.1.0.0", 16, "10.2.0.0", 24);
	ok(text_is(addr_print(&b.src, s), "198.51.100.2") &&
	    text_is(addr_print(&b.dst, d), "198.51.100.1"),
	    "... of the other direction: SRC is always this host");
	ok(!pfkey_policy_same(&a, &b), "... and is another");
	a = obsd_flow(2, "::", 0, "::", 0);
	ok(a.any && text_is(a.flow, "::/0 -> ::/0"), "OpenBSD: any to any");
	a = obsd_flow(2, "2001:db8::", 32, "::", 0);
	ok(!a.any && text_is(a.flow, "2001:db8::/32 -> ::/0"), "... or not");

	m_begin(&m, O, OBSD_DELFLOW, OBSD_ESP);
	m_flow(&m, 2, "0.0.0.0", 0, "0.0.0.0", 0);
	m.b[16 + 8 + 11] = 80;
	m_end(&m);
	m_parse(&m, &msg);
	ok(pfkey_to_policy(&msg, &a) == 0 && a.any,
	    "a port that the mask leaves out");
	m.b[16 + 8 + 24 + 10] = m.b[16 + 8 + 24 + 11] = 0xff;
	m_parse(&m, &msg);
	ok(pfkey_to_policy(&msg, &a) == 0 && !a.any &&
	    text_is(a.flow, "0.0.0.0/0 port 80 -> 0.0.0.0/0"), "... or in");

	m_begin(&m, O, OBSD_DELFLOW, OBSD_ESP);
	m_flow(&m, 2, "10.1.0.0", 8, "10.2.0.0", 24);
	/* FLOW_TYPE, SRC_FLOW, then the mask 255.0.0.0 */
	m.b[16 + 8 + 24 + 14] = 1;
	m_end(&m);
	is(m_parse(&m, &msg), 0, "a mask with a hole");
	is(pfkey_to_policy(&msg, &a), EINVAL, "... selects nothing sane");
	m_begin(&m, L, LINUX_SPDGET, 0);
	m_policy(&m, 2, 9, NULL, NULL);
	m_end(&m);
	is(m_parse(&m, &msg), 0, "SPDGET by id");
	is(pfkey_to_policy(&msg, &a), EINVAL, "... has no selectors");
	is(pfkey_policy_id(&msg), 9, "... but an id");
	m_begin(&m, L, LINUX_SPDADD, 0);
	m_addr(&m, PFKEY_EXT_SRC, "10.1.0.0/16");
	m_addr(&m, PFKEY_EXT_DST, "10.2.0.0/16");
	m16(m_ext(&m, LINUX_EXT_POLICY, 16 + 16 * 32) + 4, 2);
	m.b[16 + 48 + 6] = 2;
	for (i = 0; i < 32; i++)
		m16(m.b + 16 + 48 + 16 + 16 * i, 16);
	m_end(&m);
	is(m_parse(&m, &msg), 0, "a policy with 32 requests");
	is(pfkey_to_policy(&msg, &a), EMSGSIZE, "... is too long to keep");
}

/* --- replies --- */

static uint8_t out[PFKEY_MAX], again[PFKEY_MAX];
static size_t outlen;

#define BUILD(call, what) do {						\
	size_t len2;							\
	uint8_t *to = out;						\
	memset(out, 0xaa, sizeof(out));					\
	memset(again, 0x55, sizeof(again));				\
	outlen = (call);						\
	to = again;							\
	len2 = (call);							\
	ok(outlen == len2 && outlen <= PFKEY_MAX && outlen % 8 == 0 &&	\
	    pfkey_get16(out + 4) * 8U == outlen &&			\
	    memcmp(out, again, outlen) == 0, "%s", what);		\
} while (0)

/* An extension of the reply, or NULL. */
static const uint8_t *
ext(unsigned int type)
{
	size_t at, len;

	for (at = PFKEY_HDRLEN; at < outlen; at += len) {
		len = (size_t)pfkey_get16(out + at) * 8;
		if (len == 0 || len > outlen - at)
			return NULL;
		if (pfkey_get16(out + at + 2) == type)
			return out + at;
	}
	return NULL;
}

/* The reply has exactly these extensions, in this order; 0 ends. */
static int
exts(const uint8_t *types)
{
	size_t at, len;

	for (at = PFKEY_HDRLEN; at < outlen; at += len, types++) {
		len = (size_t)pfkey_get16(out + at) * 8;
		if (pfkey_get16(out + at + 2) != *types || len == 0) {
			printf("# got %u, expected %u\n",
			    pfkey_get16(out + at + 2), *types);
			return 0;
		}
	}
	return *types == 0;
}

#define EXTS(...)	exts((const uint8_t[]){ __VA_ARGS__, 0 })

static void
fill_row(struct msg_sa_row *row)
{
	memset(row, 0, sizeof(*row));
	strcpy(row->iface, "sec12");
	strcpy(row->enc, "aes-256-gcm");
	addr_parse("2001:db8::1", &row->src);
	addr_parse("2001:db8::2", &row->dst);
	row->spi = 0x01020304;
	row->replay = 4096;
	row->reqid = 77;
	row->flags = SA_F_ESN | SA_F_IKE;
	row->encap = 1;
	row->sport = 4500;
	row->dport = 0x1234;
	row->dir = SA_OUT;
	row->state = SA_ACTIVE;
	row->soft.bytes = 1;
	row->hard.packets = 1ULL << 40;
	row->added = 1000;
	row->first = 1001;
	row->used = 1002;
	row->seq = 5;
	row->packets = 1ULL << 40;
	row->bytes = 1ULL << 41;
	row->drops[0] = 2;
	row->drops[IPC_NDROPS - 1] = 3;
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static void
test_get(void)
{
	struct msg_sa_row row;
	struct made m;
	const uint8_t *p;

	fill_row(&row);
	m_named(&m, O, PFKEY_GET);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_sa(&msg, &row, msg.seq, to), "OpenBSD: GET");
	ok(EXTS(1, 2, 3, 4, 5, 6, 31, 32, 36, 39, 40), "... ascending");
	p = ext(PFKEY_EXT_SA);
	ok(p[4] == 1 && p[7] == 4 && p[8] == 64 && p[9] == 1 && p[10] == 0 &&
	    p[11] == 20 && pfkey_get32(p + 12) == 0x604, "... SA");
	p = ext(PFKEY_EXT_CURRENT);
	ok(pfkey_get32(p + 4) == UINT32_MAX && get64(p + 8) == 1ULL << 41 &&
	    get64(p + 16) == 1000 && get64(p + 24) == 1001, "... current");
	p = ext(PFKEY_EXT_HARD);
	is(pfkey_get32(p + 4), UINT32_MAX, "... what does not fit is the most");
	p = ext(PFKEY_EXT_SRC);
	ok(pfkey_get32(p + 4) == 0 && p[8] == 28 && p[9] == 24 &&
	    p[16] == 0x20 && p[31] == 1, "... an address of OpenBSD");
	p = ext(OBSD_EXT_UDPENCAP);
	ok(p[4] == 0x12 && p[5] == 0x34, "... the peer's port");
	is(get64(ext(PFKEY_EXT_LASTUSE) + 24), 1002, "... last use");
	p = ext(OBSD_EXT_COUNTER);
	ok(get64(p + 8) == 0 && get64(p + 16) == 1ULL << 40 &&
	    get64(p + 24) == 0 && get64(p + 32) == 1ULL << 41 &&
	    get64(p + 40) == 0 && get64(p + 48) == 5 && get64(p + 56) == 0,
	    "... counters of an outbound one");
	is(get64(ext(OBSD_EXT_REPLAY) + 8), 5, "... sequence");
	p = ext(PFKEY_EXT_IFACE);
	ok(pfkey_get32(p + 4) == 12 && p[8] == PFKEY_OUT, "... interface");

	row.dir = SA_ANY_DIR;
	BUILD(pfkey_reply_sa(&msg, &row, 0, to), "OpenBSD: of no direction");
	ok(ext(PFKEY_EXT_IFACE) == NULL, "... names no interface");
	row.dir = SA_IN;
	row.used = 0;
	row.iface[0] = '\0';
	row.replay = 0;
	BUILD(pfkey_reply_sa(&msg, &row, 0, to), "OpenBSD: an inbound one");
	ok(EXTS(1, 2, 3, 4, 5, 6, 31, 36, 39), "... never used, no interface");
	p = ext(OBSD_EXT_UDPENCAP);
	ok(p[4] == 0x11 && p[5] == 0x94, "... the peer's port is the source");
	is(get64(ext(OBSD_EXT_COUNTER) + 8), 1LL << 40, "... counters");
	is(ext(PFKEY_EXT_SA)[8], 0, "... no replay check");
	is(pfkey_get32(out + PFKEY_H_SEQ), 0, "... seq is the caller's");

	fill_row(&row);
	m_named(&m, L, PFKEY_GET);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_sa(&msg, &row, msg.seq, to), "Linux: GET");
	ok(EXTS(2, 1, 19, 5, 6, 4, 3, 20, 21, 22), "... with ports");
	is(pfkey_get32(ext(LINUX_EXT_SA2) + 12), 77, "... and reqid");
	is(pfkey_get32(ext(PFKEY_EXT_SA) + 12), 0x400, "... and ESN");
	row.rule = RULE_UNIT;
	BUILD(pfkey_reply_sa(&msg, &row, msg.seq, to),
	    "Linux: GET of who named the interface");
	ok(EXTS(2, 1, 19, 5, 6, 4, 3, 20, 21, 22, 32, 40),
	    "... has LASTUSE and IFACE");
	row.state = SA_LARVAL;
	BUILD(pfkey_reply_sa(&msg, &row, 0, to), "Linux: a larval one");
	p = ext(PFKEY_EXT_SA);
	ok(p[7] == 4 && p[9] == 0 && p[11] == 0, "... shows its SPI alone");

	m_begin(&m, L, PFKEY_DUMP, 0);
	m_end(&m);
	m_parse(&m, &msg);
	row.state = SA_ACTIVE;
	strcpy(row.enc, "chacha20-poly1305");
	BUILD(pfkey_reply_sa(&msg, &row, 0, to), "Linux: DUMP");
	ok(out[PFKEY_H_TYPE] == PFKEY_DUMP && out[PFKEY_H_SATYPE] == LINUX_ESP,
	    "... is of ESP");
	is(ext(PFKEY_EXT_SA)[11], 0, "... of a cipher Linux has no number for");
}

static void
test_unasked(void)
{
	struct msg_acquire aq = { .id = 0x99 };
	struct msg_expired ex = { .hard = 1 };
	const uint8_t *p;

	fill_row(&ex.row);
	BUILD(pfkey_expire(O, &ex, to), "OpenBSD: EXPIRE, hard");
	ok(EXTS(1, 2, 3, 5, 6) && out[PFKEY_H_SATYPE] == OBSD_ESP &&
	    pfkey_get32(out + PFKEY_H_PID) == 0, "... as it should be");
	ex.hard = 0;
	BUILD(pfkey_expire(L, &ex, to), "Linux: EXPIRE, soft");
	ok(EXTS(1, 2, 4, 5, 6, 19) && out[PFKEY_H_SATYPE] == LINUX_ESP,
	    "... as it should be");
	is(pfkey_get32(ext(LINUX_EXT_SA2) + 12), 77, "... with reqid");

	addr_parse("192.0.2.1", &aq.src);
	addr_parse("192.0.2.2", &aq.dst);
	BUILD(pfkey_acquire(O, &aq, to), "OpenBSD: ACQUIRE");
	ok(EXTS(5, 6, 13) && pfkey_get32(out + PFKEY_H_SEQ) == 0x99,
	    "... its seq is the id");
	BUILD(pfkey_acquire(L, &aq, to), "Linux: ACQUIRE");
	p = ext(LINUX_EXT_POLICY);
	ok(EXTS(5, 6, 13, 18) && pfkey_get16(p + 4) == 2 && p[6] == 2 &&
	    pfkey_get32(p + 8) == 0x99, "... its policy has the id");
}

static void
test_echo(void)
{
	struct made m;

	m_add(&m, O);
	m_iface(&m, 3, 1);
	m_ext(&m, OBSD_EXT_TAP, 8);
	m_end(&m);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_echo(&msg, to), "OpenBSD: ADD again");
	ok(EXTS(1, 5, 6, 4, 3, 40, 34), "... without keys, in its order");
	BUILD(pfkey_reply_error(&msg, EEXIST, to), "an error");
	ok(outlen == 16 && out[PFKEY_H_ERRNO] == EEXIST && out[1] == 3 &&
	    memcmp(out + 8, m.b + 8, 8) == 0, "... is a header");
	m_named(&m, L, PFKEY_DELETE);
	m_sa2(&m, 2, 0);
	m_end(&m);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_echo(&msg, to), "Linux: DELETE again");
	ok(EXTS(1, 5, 6), "... without SA2");
	m_getspi(&m, O, 1000, 2000);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_getspi(&msg, 0x01020304, to), "OpenBSD: GETSPI");
	ok(EXTS(1, 5, 6) && memcmp(ext(1) + 4, "\1\2\3\4\0\0\0\0\0\0\0\0",
	    12) == 0, "... a larval SA");
}

static int
lists(unsigned int type, const uint8_t *ids)
{
	const uint8_t *p = ext(type), *q;
	size_t i;

	if (p == NULL)
		return 0;
	for (i = 1; i < pfkey_get16(p); i++) {
		q = p + 8 * i;
		if (q[0] != *ids++ || pfkey_get16(q + 2) == 0 ||
		    pfkey_get16(q + 2) > pfkey_get16(q + 4) ||
		    pfkey_get16(q + 6) != 0)
			return 0;
	}
	return *ids == 0;
}

static void
test_register(void)
{
	static const uint8_t macs[] = { 3, 5, 6, 7, 0 };
	struct made m;
	const uint8_t *p;

	m_begin(&m, L, PFKEY_REGISTER, LINUX_ESP);
	m_end(&m);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_register(&msg, to), "Linux: REGISTER");
	ok(EXTS(14, 15) && lists(14, macs) &&
	    lists(15, (const uint8_t[]){ 12, 20, 0 }), "... what it has");
	p = ext(15);
	ok(p[9] == 16 && pfkey_get16(p + 10) == 128 &&
	    pfkey_get16(p + 12) == 256 && p[17] == 8 &&
	    pfkey_get16(p + 18) == 160 && pfkey_get16(p + 20) == 288,
	    "... with key lengths");
	m_begin(&m, O, PFKEY_REGISTER, OBSD_ESP);
	m_end(&m);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_register(&msg, to), "OpenBSD: REGISTER");
	ok(EXTS(14, 15) && lists(14, macs) &&
	    lists(15, (const uint8_t[]){ 12, 20, 22, 0 }),
	    "... and ChaCha20-Poly1305");
	m.b[PFKEY_H_SATYPE] = OBSD_AH;
	m_parse(&m, &msg);
	BUILD(pfkey_reply_register(&msg, to), "OpenBSD: REGISTER of AH");
	is(outlen, 16, "... has none");
}

static void
test_policy(void)
{
	struct pfkey_policy p;
	struct made m;
	const uint8_t *q;

	p = obsd_flow(2, "10.1.0.0", 16, "2.0.0.0", 8);
	m_begin(&m, O, OBSD_ASKPOLICY, 0);
	m32(m_ext(&m, OBSD_EXT_POLICY, 8) + 4, 0x99);
	m_end(&m);
	m_parse(&m, &msg);
	is(pfkey_policy_id(&msg), 0x99, "ASKPOLICY's seq");
	BUILD(pfkey_reply_policy(&msg, &p, to), "ASKPOLICY");
	ok(EXTS(17, 18, 19, 20, 21, 22), "... is shown ascending");
	q = ext(OBSD_EXT_SRC_FLOW);
	ok(memcmp(q + 12, "\12\1\0\0", 4) == 0 &&
	    memcmp(ext(OBSD_EXT_SRC_MASK) + 12, "\377\377\0\0", 4) == 0,
	    "... as it was");
	BUILD(pfkey_reply_policy(&msg, NULL, to), "ASKPOLICY of nothing");
	ok(EXTS(17, 18, 19, 20, 21, 22), "... any to any");
	q = ext(OBSD_EXT_FLOW_TYPE);
	ok(q[4] == OBSD_FLOW_REQUIRE && q[5] == PFKEY_OUT &&
	    ext(OBSD_EXT_DST_FLOW)[8] == 16, "... of OpenBSD's shape");

	m_begin(&m, L, LINUX_SPDGET, 0);
	m_policy(&m, 2, 9, NULL, NULL);
	m_end(&m);
	m_parse(&m, &msg);
	BUILD(pfkey_reply_policy(&msg, NULL, to), "SPDGET of nothing");
	ok(EXTS(5, 6, 18), "... any to any");
	q = ext(PFKEY_EXT_SRC);
	ok(q[4] == 255 && q[5] == 0 && pfkey_get16(q + 8) == 2 &&
	    pfkey_get32(ext(LINUX_EXT_POLICY) + 8) == 9,
	    "... of Linux's shape, with the id");
}

int
main(void)
{
	test_suites();
	test_add();
	test_encap();
	test_change();
	test_flows();
	test_get();
	test_unasked();
	test_echo();
	test_register();
	test_policy();
	return tap_done();
}
