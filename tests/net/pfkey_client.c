/* SPDX-License-Identifier: ISC */
/*
 * A key manager that has nothing but our <net/pfkeyv2.h> to go by, as iked and
 * isakmpd have OpenBSD's: compiled once with each of the two headers.
 *
 *	pfkey_client SOCKET NAME [COMMAND ...]
 *
 * Without commands it takes them from its input, one a line.  Each gives one
 * line: "what: ok", with what the reply holds, or "what: why not", an errno's
 * name if that is all that came.
 *
 *	flush | register esp | register ah
 *	getspi src=A dst=A
 *	add | update | get | delete	spi=N src=A dst=A [proxy=A]
 *		[enc=gcm|cbc key=HEX] [auth=sha256|sha384|sha512 mac=HEX]
 *		[esn=1] [way=in|out] [unit=N] [encap=PORT,PORT]
 *		[soft=SECONDS] [hard=SECONDS]
 *	flow | unflow	way=in|out src=NET dst=NET local=A peer=A
 *	policy id=N	(of an ACQUIRE)
 *	wait		(for what nobody asked for)
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <net/pfkeyv2.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OCTETS		4096
#define WAIT_MS		5000
#define QUEUED		32
#define WORD		8	/* what lengths count */
#define ROUND(n)	(((n) + WORD - 1) / WORD * WORD)

struct net {
	int	af;		/* 0: not given */
	int	prefix;
	uint8_t	a[sizeof(struct in6_addr)];
};

struct octets {
	size_t	len;
	uint8_t	o[128];
};

/* A command's words. */
struct words {
	uint32_t	spi, id;
	struct net	src, dst, proxy, local, peer;
	struct octets	key, mac;
	uint8_t		enc, auth;	/* the header's numbers */
	int		esn;
	int		out;		/* way */
	int		has_unit;
	uint32_t	unit;
	uint16_t	sport, dport;
	uint64_t	soft, hard;
};

struct message {
	size_t	len;
	uint8_t	o[OCTETS];
};

static int		sock;
static uint32_t		seq;
static struct message	req, in;
static struct message	queue[QUEUED];		/* came unasked */
static size_t		nqueued;

/* --- a message to send --- */

static void
begin(uint8_t type, uint8_t satype)
{
	struct sadb_msg h = { .sadb_msg_version = PF_KEY_V2,
	    .sadb_msg_type = type, .sadb_msg_satype = satype };

	h.sadb_msg_seq = ++seq;
	h.sadb_msg_pid = (uint32_t)getpid();
	memcpy(req.o, &h, sizeof(h));
	req.len = sizeof(h);
}

/* An extension and what follows it; its length is set here. */
static void
put(const void *head, size_t headlen, const void *tail, size_t taillen)
{
	const size_t len = ROUND(headlen + taillen);
	struct sadb_ext e;

	if (len > sizeof(req.o) - req.len)
		errx(1, "message too long");
	memset(req.o + req.len, 0, len);
	memcpy(req.o + req.len, head, headlen);
	if (taillen > 0)
		memcpy(req.o + req.len + headlen, tail, taillen);
	memcpy(&e, head, sizeof(e));
	e.sadb_ext_len = (uint16_t)(len / WORD);
	memcpy(req.o + req.len, &e, sizeof(e));
	req.len += len;
}

static void
put_lifetime(uint16_t type, uint64_t seconds)
{
	struct sadb_lifetime l = { .sadb_lifetime_exttype = type,
	    .sadb_lifetime_addtime = seconds };

	put(&l, sizeof(l), NULL, 0);
}

static void
put_key(uint16_t type, const struct octets *key)
{
	struct sadb_key k = { .sadb_key_exttype = type };

	if (key->len == 0)
		return;
	k.sadb_key_bits = (uint16_t)(key->len * 8);
	put(&k, sizeof(k), key->o, key->len);
}

static void
put_spirange(void)
{
	struct sadb_spirange r = { .sadb_spirange_exttype = SADB_EXT_SPIRANGE,
	    .sadb_spirange_min = 0x100, .sadb_spirange_max = 0xffffffff };

	put(&r, sizeof(r), NULL, 0);
}

/* --- what the dialects do in their own ways --- */

#ifdef SADB_X_ADDFLOW		/* OpenBSD's */

#define DIR_IN		SADB_X_DIRECTION_IN
#define DIR_OUT		SADB_X_DIRECTION_OUT
#define FLOW		SADB_X_ADDFLOW
#define UNFLOW		SADB_X_DELFLOW
#define POLICY		SADB_X_ASKPOLICY
#define FLOW_SATYPE	SADB_SATYPE_ESP

static void
put_sockaddr(uint16_t type, const struct net *n, const uint8_t *a)
{
	struct sadb_address e = { .sadb_address_exttype = type };
	struct sadb_x_sin sin = { .sadb_x_sin_len = sizeof(sin),
	    .sadb_x_sin_family = SADB_X_SIN_FAMILY };
	struct sadb_x_sin6 sin6 = { .sadb_x_sin6_len = sizeof(sin6),
	    .sadb_x_sin6_family = SADB_X_SIN6_FAMILY };

	if (n->af == AF_INET) {
		memcpy(sin.sadb_x_sin_addr, a, sizeof(sin.sadb_x_sin_addr));
		put(&e, sizeof(e), &sin, sizeof(sin));
	} else {
		memcpy(sin6.sadb_x_sin6_addr, a,
		    sizeof(sin6.sadb_x_sin6_addr));
		put(&e, sizeof(e), &sin6, sizeof(sin6));
	}
}

static void
put_addr(uint16_t type, const struct net *n)
{
	if (n->af != 0)
		put_sockaddr(type, n, n->a);
}

static void
put_mask(uint16_t type, const struct net *n)
{
	uint8_t mask[sizeof(n->a)] = { 0 };
	int i;

	for (i = 0; i < n->prefix; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	put_sockaddr(type, n, mask);
}

static uint32_t
sa_flags(const struct words *w)
{
	return SADB_X_SAFLAGS_TUNNEL |
	    (w->esn ? SADB_X_SAFLAGS_ESN : 0) |
	    (w->sport != 0 ? SADB_X_SAFLAGS_UDPENCAP : 0);
}

static void
put_mode(void)
{
}

static void
put_encap(const struct words *w)
{
	struct sadb_x_udpencap u = {
	    .sadb_x_udpencap_exttype = SADB_X_EXT_UDPENCAP };

	u.sadb_x_udpencap_port = htons(w->out ? w->dport : w->sport);
	put(&u, sizeof(u), NULL, 0);
}

static void
put_ident(uint16_t type, const char *name)
{
	struct sadb_ident i = { .sadb_ident_exttype = type,
	    .sadb_ident_type = SADB_IDENTTYPE_FQDN };

	put(&i, sizeof(i), name, strlen(name) + 1);
}

/* iked says what an SA is for by two names; isakmpd does too. */
static void
put_idents(const struct words *w)
{
	put_ident(SADB_EXT_IDENTITY_SRC, w->out ? "here.example" :
	    "there.example");
	put_ident(SADB_EXT_IDENTITY_DST, w->out ? "there.example" :
	    "here.example");
}

static void
put_flow(const struct words *w, int adding)
{
	struct sadb_protocol p = {
	    .sadb_protocol_exttype = SADB_X_EXT_FLOW_TYPE,
	    .sadb_protocol_proto = SADB_X_FLOW_TYPE_REQUIRE };

	p.sadb_protocol_direction = w->out ? DIR_OUT : DIR_IN;
	put(&p, sizeof(p), NULL, 0);
	if (adding)
		put_addr(SADB_EXT_ADDRESS_DST, &w->peer);
	put_addr(SADB_X_EXT_SRC_FLOW, &w->src);
	put_mask(SADB_X_EXT_SRC_MASK, &w->src);
	put_addr(SADB_X_EXT_DST_FLOW, &w->dst);
	put_mask(SADB_X_EXT_DST_MASK, &w->dst);
	memset(&p, 0, sizeof(p));
	p.sadb_protocol_exttype = SADB_X_EXT_PROTOCOL;
	put(&p, sizeof(p), NULL, 0);
	if (adding)
		put_idents(w);
}

static void
put_policy(uint32_t id)
{
	struct sadb_x_policy p = { .sadb_x_policy_exttype = SADB_X_EXT_POLICY,
	    .sadb_x_policy_seq = id };

	put(&p, sizeof(p), NULL, 0);
}

#else				/* Linux's */

#include <linux/ipsec.h>
#include <linux/udp.h>

#define DIR_IN		IPSEC_DIR_INBOUND
#define DIR_OUT		IPSEC_DIR_OUTBOUND
#define FLOW		SADB_X_SPDUPDATE
#define UNFLOW		SADB_X_SPDDELETE
#define POLICY		SADB_X_SPDGET
#define FLOW_SATYPE	SADB_SATYPE_UNSPEC

/* Returns its length. */
static size_t
sockaddr(const struct net *n, struct sockaddr_storage *ss)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };

	if (n->af == AF_INET) {
		memcpy(&sin.sin_addr, n->a, sizeof(sin.sin_addr));
		memcpy(ss, &sin, sizeof(sin));
		return sizeof(sin);
	}
	memcpy(&sin6.sin6_addr, n->a, sizeof(sin6.sin6_addr));
	memcpy(ss, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

static void
put_selector(uint16_t type, const struct net *n, uint8_t proto, int prefix)
{
	struct sadb_address e = { .sadb_address_exttype = type,
	    .sadb_address_proto = proto };
	struct sockaddr_storage ss;

	e.sadb_address_prefixlen = (uint8_t)prefix;
	if (n->af != 0)
		put(&e, sizeof(e), &ss, sockaddr(n, &ss));
}

static void
put_addr(uint16_t type, const struct net *n)
{
	put_selector(type, n, 0, 0);
}

static uint32_t
sa_flags(const struct words *w)
{
	return w->esn ? SADB_X_SAFLAGS_ESN : 0;
}

static void
put_mode(void)
{
	struct sadb_x_sa2 m = { .sadb_x_sa2_exttype = SADB_X_EXT_SA2,
	    .sadb_x_sa2_mode = IPSEC_MODE_TUNNEL };

	put(&m, sizeof(m), NULL, 0);
}

static void
put_encap(const struct words *w)
{
	struct sadb_x_nat_t_type t = {
	    .sadb_x_nat_t_type_exttype = SADB_X_EXT_NAT_T_TYPE,
	    .sadb_x_nat_t_type_type = UDP_ENCAP_ESPINUDP };
	struct sadb_x_nat_t_port p = { 0 };

	put(&t, sizeof(t), NULL, 0);
	p.sadb_x_nat_t_port_exttype = SADB_X_EXT_NAT_T_SPORT;
	p.sadb_x_nat_t_port_port = htons(w->sport);
	put(&p, sizeof(p), NULL, 0);
	p.sadb_x_nat_t_port_exttype = SADB_X_EXT_NAT_T_DPORT;
	p.sadb_x_nat_t_port_port = htons(w->dport);
	put(&p, sizeof(p), NULL, 0);
}

static void
put_idents(const struct words *w)
{
	(void)w;
}

/* A policy's one request: a tunnel between two hosts. */
static void
put_flow(const struct words *w, int adding)
{
	struct sadb_x_policy p = { .sadb_x_policy_exttype = SADB_X_EXT_POLICY,
	    .sadb_x_policy_type = IPSEC_POLICY_IPSEC };
	struct sadb_x_ipsecrequest r = {
	    .sadb_x_ipsecrequest_proto = IPPROTO_ESP,
	    .sadb_x_ipsecrequest_mode = IPSEC_MODE_TUNNEL,
	    .sadb_x_ipsecrequest_level = IPSEC_LEVEL_REQUIRE };
	const struct net *from = w->out ? &w->local : &w->peer;
	const struct net *to = w->out ? &w->peer : &w->local;
	uint8_t buf[sizeof(r) + 2 * sizeof(struct sockaddr_storage)] = { 0 };
	struct sockaddr_storage ss;
	size_t len = sizeof(r), n;

	(void)adding;			/* both alike */
	n = sockaddr(from, &ss);
	memcpy(buf + len, &ss, n);
	len += n;
	n = sockaddr(to, &ss);
	memcpy(buf + len, &ss, n);
	len = ROUND(len + n);
	r.sadb_x_ipsecrequest_len = (uint16_t)len;
	memcpy(buf, &r, sizeof(r));
	put_mode();
	put_selector(SADB_EXT_ADDRESS_SRC, &w->src, IPSEC_ULPROTO_ANY,
	    w->src.prefix);
	put_selector(SADB_EXT_ADDRESS_DST, &w->dst, IPSEC_ULPROTO_ANY,
	    w->dst.prefix);
	p.sadb_x_policy_dir = w->out ? DIR_OUT : DIR_IN;
	put(&p, sizeof(p), buf, len);
}

static void
put_policy(uint32_t id)
{
	struct sadb_x_policy p = { .sadb_x_policy_exttype = SADB_X_EXT_POLICY,
	    .sadb_x_policy_type = IPSEC_POLICY_IPSEC,
	    .sadb_x_policy_dir = IPSEC_DIR_OUTBOUND, .sadb_x_policy_id = id };

	put(&p, sizeof(p), NULL, 0);
}

#endif

/* --- a message that came --- */

/* The extension, and how long it is; NULL if it is not there. */
static const uint8_t *
find(const struct message *m, uint16_t type, size_t *len)
{
	struct sadb_ext e;
	size_t at;

	for (at = sizeof(struct sadb_msg); at < m->len; at += *len) {
		memcpy(&e, m->o + at, sizeof(e));
		*len = (size_t)e.sadb_ext_len * WORD;
		if (e.sadb_ext_type == type)
			return m->o + at;
	}
	return NULL;
}

/* 1, and *out is it, if it is there and as long as that. */
static int
fetch(const struct message *m, uint16_t type, void *out, size_t size)
{
	const uint8_t *p;
	size_t len;

	memset(out, 0, size);
	p = find(m, type, &len);
	if (p == NULL || len != ROUND(size))
		return 0;
	memcpy(out, p, size);
	return 1;
}

/* NULL if lengths add up, nothing is there twice, and no key is. */
static const char *
check(const struct message *m)
{
	uint64_t have = 0;
	struct sadb_msg h;
	struct sadb_ext e;
	size_t at, len;

	memcpy(&h, m->o, sizeof(h));
	if (h.sadb_msg_version != PF_KEY_V2 || h.sadb_msg_reserved != 0)
		return "a header amiss";
	for (at = sizeof(h); at < m->len; at += len) {
		memcpy(&e, m->o + at, sizeof(e));
		len = (size_t)e.sadb_ext_len * WORD;
		if (len == 0 || len > m->len - at)
			return "lengths that do not add up";
		if (e.sadb_ext_type >= 64 ||
		    (have & 1ULL << e.sadb_ext_type) != 0)
			return "an extension twice";
		have |= 1ULL << e.sadb_ext_type;
	}
	if ((have & (1ULL << SADB_EXT_KEY_AUTH |
	    1ULL << SADB_EXT_KEY_ENCRYPT)) != 0)
		return "a key in it";
	return NULL;
}

/* As iked does: the header, then as many octets as it says. */
static const char *
receive(void)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct sadb_msg h;
	ssize_t n;

	if (poll(&p, 1, WAIT_MS) != 1)
		return "nothing came";
	n = recv(sock, &h, sizeof(h), MSG_PEEK);
	if (n != (ssize_t)sizeof(h))
		return "the connection ended";
	in.len = (size_t)h.sadb_msg_len * WORD;
	if (in.len < sizeof(h) || in.len > sizeof(in.o))
		return "a header of no such length";
	n = recv(sock, in.o, in.len, MSG_TRUNC);
	if (n != (ssize_t)in.len)
		return "not as long as its header says";
	return check(&in);
}

/* Send req; NULL if in is the reply, else why there is none that is good. */
static const char *
ask(void)
{
	struct sadb_msg h, r;
	const char *why;

	memcpy(&h, req.o, sizeof(h));
	h.sadb_msg_len = (uint16_t)(req.len / WORD);
	memcpy(req.o, &h, sizeof(h));
	if (send(sock, req.o, req.len, MSG_NOSIGNAL) != (ssize_t)req.len)
		return "cannot be sent";
	for (;;) {
		if ((why = receive()) != NULL)
			return why;
		memcpy(&r, in.o, sizeof(r));
		if (r.sadb_msg_pid != 0 || nqueued == QUEUED)
			break;
		queue[nqueued++] = in;
	}
	if (r.sadb_msg_seq != seq || r.sadb_msg_pid != (uint32_t)getpid())
		return "a reply to somebody else";
	if (r.sadb_msg_type != h.sadb_msg_type ||
	    r.sadb_msg_satype != h.sadb_msg_satype)
		return "a reply of another type";
	if (r.sadb_msg_errno == 0)
		return NULL;
	if (in.len != sizeof(r))
		return "more than a header with an errno";
	return strerrorname_np(r.sadb_msg_errno);
}

/* The reply has these of the request again. */
static const char *
echoed(uint16_t type)
{
	size_t sent, back;
	const uint8_t *p = find(&req, type, &sent);
	const uint8_t *q = find(&in, type, &back);

	if ((p == NULL) != (q == NULL) ||
	    (p != NULL && (sent != back || memcmp(p, q, sent) != 0)))
		return "an address is not the request's";
	return NULL;
}

static const char *
ask_about_sa(void)
{
	const char *why;

	if ((why = ask()) != NULL)
		return why;
	if ((why = echoed(SADB_EXT_ADDRESS_SRC)) != NULL)
		return why;
	return echoed(SADB_EXT_ADDRESS_DST);
}

/* --- commands --- */

/* "ok" and what is to be told, or why not. */
static const char *
tell(const char *fmt, ...)
{
	static char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return text;
}

static const char *
reg(const char *satype)
{
	struct sadb_supported s;
	const char *why;
	int esp = strcmp(satype, "esp") == 0;
	size_t len;

	begin(SADB_REGISTER, esp ? SADB_SATYPE_ESP : SADB_SATYPE_AH);
	if ((why = ask()) != NULL)
		return why;
	if (!esp)
		return "ok";
	if (find(&in, SADB_EXT_SUPPORTED_AUTH, &len) == NULL ||
	    len % sizeof(struct sadb_alg) != 0 ||
	    find(&in, SADB_EXT_SUPPORTED_ENCRYPT, &len) == NULL ||
	    len <= sizeof(s))
		return "no algorithms";
	return "ok";
}

static const char *
getspi(const struct words *w)
{
	struct sadb_sa sa;
	const char *why;

	begin(SADB_GETSPI, SADB_SATYPE_ESP);
	put_spirange();
	put_addr(SADB_EXT_ADDRESS_SRC, &w->src);
	put_addr(SADB_EXT_ADDRESS_DST, &w->dst);
	if ((why = ask_about_sa()) != NULL)
		return why;
	if (!fetch(&in, SADB_EXT_SA, &sa, sizeof(sa)))
		return "no SA";
	return tell("ok 0x%08x", ntohl(sa.sadb_sa_spi));
}

/* The SA and its ends, without which there is no request about one. */
static void
put_sa(const struct words *w, int whole)
{
	struct sadb_sa sa = { .sadb_sa_exttype = SADB_EXT_SA };

	sa.sadb_sa_spi = htonl(w->spi);
	if (whole) {
		sa.sadb_sa_replay = 64;
		sa.sadb_sa_state = SADB_SASTATE_MATURE;
		sa.sadb_sa_encrypt = w->enc;
		sa.sadb_sa_auth = w->auth;
		sa.sadb_sa_flags = sa_flags(w);
	}
	put(&sa, sizeof(sa), NULL, 0);
	if (whole)
		put_mode();
	put_addr(SADB_EXT_ADDRESS_SRC, &w->src);
	put_addr(SADB_EXT_ADDRESS_DST, &w->dst);
}

static void
put_iface(const struct words *w)
{
	struct sadb_x_iface i = { .sadb_x_iface_exttype = SADB_X_EXT_IFACE };

	i.sadb_x_iface_unit = w->unit;
	i.sadb_x_iface_direction = w->out ? DIR_OUT : DIR_IN;
	if (w->has_unit)
		put(&i, sizeof(i), NULL, 0);
}

/* ADD; UPDATE, with keys, or without them as a change. */
static const char *
install(uint8_t type, const struct words *w)
{
	const char *why;

	begin(type, SADB_SATYPE_ESP);
	put_sa(w, 1);
	put_addr(SADB_EXT_ADDRESS_PROXY, &w->proxy);
	if (w->soft != 0)
		put_lifetime(SADB_EXT_LIFETIME_SOFT, w->soft);
	if (w->hard != 0)
		put_lifetime(SADB_EXT_LIFETIME_HARD, w->hard);
	if (w->sport != 0)
		put_encap(w);
	put_key(SADB_EXT_KEY_ENCRYPT, &w->key);
	put_key(SADB_EXT_KEY_AUTH, &w->mac);
	if (w->key.len > 0)
		put_idents(w);
	put_iface(w);
	return (why = ask_about_sa()) != NULL ? why : "ok";
}

/* A time of the last minute, or else which. */
static const char *
when(uint64_t t)
{
	uint64_t now = (uint64_t)time(NULL);

	if (t == 0)
		return "never";
	return t <= now && now - t < 60 ? "now" : "wrong";
}

static const char *
get(const struct words *w)
{
	struct sadb_lifetime soft, hard, current, last;
	struct sadb_x_iface i;
	struct sadb_sa sa;
	const char *why;
	char iface[32] = "none";
	int used;

	begin(SADB_GET, SADB_SATYPE_ESP);
	put_sa(w, 0);
	if ((why = ask_about_sa()) != NULL)
		return why;
	if (!fetch(&in, SADB_EXT_SA, &sa, sizeof(sa)) ||
	    ntohl(sa.sadb_sa_spi) != w->spi ||
	    sa.sadb_sa_state != SADB_SASTATE_MATURE)
		return "not that SA";
	fetch(&in, SADB_EXT_LIFETIME_SOFT, &soft, sizeof(soft));
	fetch(&in, SADB_EXT_LIFETIME_HARD, &hard, sizeof(hard));
	if (!fetch(&in, SADB_EXT_LIFETIME_CURRENT, &current, sizeof(current)))
		return "no current lifetime";
	used = fetch(&in, SADB_X_EXT_LIFETIME_LASTUSE, &last, sizeof(last));
	if (fetch(&in, SADB_X_EXT_IFACE, &i, sizeof(i)))
		snprintf(iface, sizeof(iface), "%u %s", i.sadb_x_iface_unit,
		    i.sadb_x_iface_direction == DIR_IN ? "in" :
		    i.sadb_x_iface_direction == DIR_OUT ? "out" : "nowhere");
	return tell("ok soft %llu hard %llu added %s first %s last %s iface "
	    "%s esn %d enc %s", (unsigned long long)soft.sadb_lifetime_addtime,
	    (unsigned long long)hard.sadb_lifetime_addtime,
	    when(current.sadb_lifetime_addtime),
	    when(current.sadb_lifetime_usetime),
	    used ? when(last.sadb_lifetime_usetime) : "absent", iface,
	    (sa.sadb_sa_flags & SADB_X_SAFLAGS_ESN) != 0,
	    sa.sadb_sa_encrypt == SADB_X_EALG_AESGCM16 ? "gcm" :
	    sa.sadb_sa_encrypt == SADB_X_EALG_AES ? "cbc" : "other");
}

static const char *
erase(const struct words *w)
{
	const char *why;

	begin(SADB_DELETE, SADB_SATYPE_ESP);
	put_sa(w, 0);
	return (why = ask_about_sa()) != NULL ? why : "ok";
}

static const char *
flow(const struct words *w, int adding)
{
	const char *why;

	begin(adding ? FLOW : UNFLOW, FLOW_SATYPE);
	put_flow(w, adding);
	return (why = ask()) != NULL ? why : "ok";
}

/* What was asked for is the flow of the words. */
static const char *
policy(const struct words *w)
{
	struct message asked;
	const char *why;
	size_t i;
	static const uint16_t same[] = {
#ifdef SADB_X_ADDFLOW
	    SADB_X_EXT_SRC_FLOW, SADB_X_EXT_SRC_MASK, SADB_X_EXT_DST_FLOW,
	    SADB_X_EXT_DST_MASK, SADB_X_EXT_FLOW_TYPE
#else
	    SADB_EXT_ADDRESS_SRC, SADB_EXT_ADDRESS_DST
#endif
	};

	begin(POLICY, FLOW_SATYPE);
	put_policy(w->id);
	if ((why = ask()) != NULL)
		return why;
	asked = req;
	begin(FLOW, FLOW_SATYPE);
	put_flow(w, 0);
	seq--;				/* not sent */
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (echoed(same[i]) != NULL)
			why = "another flow";
	req = asked;
	return why != NULL ? why : "ok";
}

/* What of an unasked-for message iked looks at. */
static const char *
await(void)
{
	struct sadb_lifetime life;
	struct sadb_msg h;
	struct sadb_sa sa;
	const char *why;
	int soft, hard;
	size_t len;

	if (nqueued > 0) {
		in = queue[0];
		memmove(queue, queue + 1, --nqueued * sizeof(queue[0]));
	} else if ((why = receive()) != NULL)
		return why;
	memcpy(&h, in.o, sizeof(h));
	if (h.sadb_msg_pid != 0 || h.sadb_msg_errno != 0 ||
	    h.sadb_msg_satype != SADB_SATYPE_ESP)
		return "not from secd itself";
	if (find(&in, SADB_EXT_ADDRESS_SRC, &len) == NULL ||
	    find(&in, SADB_EXT_ADDRESS_DST, &len) == NULL)
		return "no addresses";
	if (h.sadb_msg_type == SADB_EXPIRE) {
		soft = fetch(&in, SADB_EXT_LIFETIME_SOFT, &life, sizeof(life));
		hard = fetch(&in, SADB_EXT_LIFETIME_HARD, &life, sizeof(life));
		if (!fetch(&in, SADB_EXT_SA, &sa, sizeof(sa)) ||
		    soft + hard != 1 || !fetch(&in, SADB_EXT_LIFETIME_CURRENT,
		    &life, sizeof(life)))
			return "an EXPIRE without what it is about";
		return tell("ok expire %s 0x%08x", soft ? "soft" : "hard",
		    ntohl(sa.sadb_sa_spi));
	}
	if (h.sadb_msg_type != SADB_ACQUIRE ||
	    find(&in, SADB_EXT_PROPOSAL, &len) == NULL)
		return "neither EXPIRE nor ACQUIRE";
	return tell("ok acquire %u", h.sadb_msg_seq);
}

/* --- words --- */

static void
read_net(const char *s, struct net *n)
{
	char addr[INET6_ADDRSTRLEN + 4], *slash;

	snprintf(addr, sizeof(addr), "%s", s);
	if ((slash = strchr(addr, '/')) != NULL) {
		*slash = '\0';
		n->prefix = atoi(slash + 1);
	}
	n->af = strchr(addr, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(n->af, addr, n->a) != 1)
		errx(1, "%s: no address", s);
}

static void
read_octets(const char *s, struct octets *o)
{
	unsigned int v;

	for (o->len = 0; s[0] != '\0' && s[1] != '\0'; s += 2) {
		if (o->len == sizeof(o->o) || sscanf(s, "%2x", &v) != 1)
			errx(1, "no key");
		o->o[o->len++] = (uint8_t)v;
	}
}

static uint8_t
read_alg(const char *s)
{
	static const struct {
		const char	*name;
		uint8_t		 id;
	} algs[] = {
		{ "gcm", SADB_X_EALG_AESGCM16 },
		{ "cbc", SADB_X_EALG_AES },
		{ "sha256", SADB_X_AALG_SHA2_256 },
		{ "sha384", SADB_X_AALG_SHA2_384 },
		{ "sha512", SADB_X_AALG_SHA2_512 }
	};
	size_t i;

	for (i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (strcmp(algs[i].name, s) == 0)
			return algs[i].id;
	errx(1, "%s: no algorithm", s);
}

static void
read_number(const char *name, const char *s, struct words *w)
{
	const unsigned long n = strtoul(s, NULL, 0);

	if (strcmp(name, "spi") == 0)
		w->spi = (uint32_t)n;
	else if (strcmp(name, "id") == 0)
		w->id = (uint32_t)n;
	else if (strcmp(name, "esn") == 0)
		w->esn = n != 0;
	else if (strcmp(name, "soft") == 0)
		w->soft = n;
	else if (strcmp(name, "hard") == 0)
		w->hard = n;
	else if (strcmp(name, "unit") == 0) {
		w->unit = (uint32_t)n;
		w->has_unit = 1;
	} else
		errx(1, "%s: no such word", name);
}

static void
read_word(const char *name, const char *s, struct words *w)
{
	struct {
		const char	*name;
		struct net	*net;
	} nets[] = { { "src", &w->src }, { "dst", &w->dst },
	    { "proxy", &w->proxy }, { "local", &w->local },
	    { "peer", &w->peer } };
	size_t i;

	for (i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (strcmp(nets[i].name, name) == 0) {
			read_net(s, nets[i].net);
			return;
		}
	if (strcmp(name, "key") == 0)
		read_octets(s, &w->key);
	else if (strcmp(name, "mac") == 0)
		read_octets(s, &w->mac);
	else if (strcmp(name, "enc") == 0)
		w->enc = read_alg(s);
	else if (strcmp(name, "auth") == 0)
		w->auth = read_alg(s);
	else if (strcmp(name, "way") == 0)
		w->out = strcmp(s, "out") == 0;
	else if (strcmp(name, "encap") == 0) {
		if (sscanf(s, "%hu,%hu", &w->sport, &w->dport) != 2)
			errx(1, "%s: no ports", s);
	} else
		read_number(name, s, w);
}

static const char *
act(const char *name, const char *rest, const struct words *w)
{
	const char *why;

	if (strcmp(name, "flush") == 0) {
		begin(SADB_FLUSH, SADB_SATYPE_UNSPEC);
		return (why = ask()) != NULL ? why : "ok";
	}
	if (strcmp(name, "register") == 0)
		return reg(rest);
	if (strcmp(name, "getspi") == 0)
		return getspi(w);
	if (strcmp(name, "add") == 0)
		return install(SADB_ADD, w);
	if (strcmp(name, "update") == 0)
		return install(SADB_UPDATE, w);
	if (strcmp(name, "get") == 0)
		return get(w);
	if (strcmp(name, "delete") == 0)
		return erase(w);
	if (strcmp(name, "flow") == 0 || strcmp(name, "unflow") == 0)
		return flow(w, name[0] == 'f');
	if (strcmp(name, "policy") == 0)
		return policy(w);
	if (strcmp(name, "wait") == 0)
		return await();
	errx(1, "%s: no such command", name);
}

static void
command(char *line)
{
	struct words w = { 0 };
	char *name, *word, *value;
	const char *rest = "";

	line[strcspn(line, "\n")] = '\0';
	if ((name = strtok(line, " ")) == NULL)
		return;
	while ((word = strtok(NULL, " ")) != NULL) {
		if ((value = strchr(word, '=')) == NULL) {
			rest = word;
			continue;
		}
		*value = '\0';
		read_word(word, value + 1, &w);
	}
	printf("%s: %s\n", name, act(name, rest, &w));
	fflush(stdout);
}

/* Our end has a name by which secd tells daemons apart. */
static void
meet(const char *path, const char *name)
{
	struct sockaddr_un me = { .sun_family = AF_UNIX };
	struct sockaddr_un secd = { .sun_family = AF_UNIX };
	int n;

	n = snprintf(me.sun_path + 1, sizeof(me.sun_path) - 1, "secd/%s/%ld",
	    name, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(me.sun_path) - 1 ||
	    strlen(path) >= sizeof(secd.sun_path))
		errx(1, "name too long");
	memcpy(secd.sun_path, path, strlen(path));
	sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (sock == -1 || bind(sock, (struct sockaddr *)&me,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    (size_t)n)) == -1)
		err(1, "bind");
	if (connect(sock, (struct sockaddr *)&secd, sizeof(secd)) == -1)
		err(1, "%s", path);
}

int
main(int argc, char **argv)
{
	char line[1024];
	int i;

	if (argc < 3)
		errx(1, "usage: pfkey_client socket name [command ...]");
	meet(argv[1], argv[2]);
	for (i = 3; i < argc; i++)
		command(argv[i]);
	while (argc == 3 && fgets(line, sizeof(line), stdin) != NULL)
		command(line);
	return 0;
}
