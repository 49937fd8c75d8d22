/* SPDX-License-Identifier: ISC */
/*
 * secd's answers in PF_KEY, where no transcript of a daemon has them.  Every
 * one is built twice over different garbage and must come out equal.
 */
#include <errno.h>

#include "tests/lib/tap.h"
#include "tests/unit/pfkey_help.h"

#define L	DIALECT_LINUX
#define O	DIALECT_OPENBSD

static struct pfkey_msg msg;
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

	m_begin(&m, O, OBSD_ADDFLOW, OBSD_ESP);
	m_flow(&m, 2, "10.1.0.0", 16, "2.0.0.0", 8);
	m_end(&m);
	ok(m_parse(&m, &msg) == 0 && pfkey_to_policy(&msg, &p) == 0, "a flow");
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
	test_get();
	test_unasked();
	test_echo();
	test_register();
	test_policy();
	return tap_done();
}
