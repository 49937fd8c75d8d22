/* SPDX-License-Identifier: ISC */
/*
 * PF_KEY requests in secd's words, where no transcript of a daemon has them:
 * OpenBSD's dialect, changes, suites, directions, flows.
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
	ok(req.encap && req.sport == 0 && req.dport == 4500, "... 4500");
	p = m_ext(&m, OBSD_EXT_UDPENCAP, 8);
	is(convert(&m), 0, "UDPENCAP of port 0");
	ok(req.encap && req.sport == 0 && req.dport == 4500, "... 4500");
	p[4] = 0x12;
	p[5] = 0x34;
	is(convert(&m), 0, "UDPENCAP of a port");
	ok(req.sport == 0 && req.dport == 0x1234, "... is the peer's");
	p = m_iface(&m, 0, 2);
	is(convert(&m), 0, "UDPENCAP of a port, outbound");
	ok(req.sport == 4500 && req.dport == 0x1234, "... is the peer's: dst");
	p[8] = 1;
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

int
main(void)
{
	test_suites();
	test_add();
	test_encap();
	test_change();
	test_flows();
	return tap_done();
}
