/* SPDX-License-Identifier: ISC */
/*
 * PF_KEYv2 (RFC 2367) as IKE daemons speak it, without the daemons: octets in,
 * structures out, and back.  Nothing here has state, allocates, logs, or asks
 * the time; pfkey.c has the sockets.
 *
 * There are two dialects.  They share the frame and the types 1 to 11, and
 * differ in extensions, satypes, some algorithm numbers and the shape of
 * socket addresses: no number of them means anything without the dialect, so
 * PFKEY_ is for both, LINUX_ and OBSD_ for one.  The numbers are
 * ours to define: neither <linux/pfkeyv2.h> nor OpenBSD's <net/pfkeyv2.h> is
 * everywhere, and they exclude each other.
 *
 * All lengths are in words of 8 octets, a message's and each extension's
 * header included.  Numbers are in host order, but for SPIs, ports and
 * addresses, which are in network order.
 */
#ifndef PFKEY_MSG_H
#define PFKEY_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "secd/addr.h"
#include "secd/ipc.h"
#include "secd/request.h"

#define PFKEY_VERSION	2
#define PFKEY_HDRLEN	16
#define PFKEY_EXTLEN	4	/* an extension's own header */
#define PFKEY_MAX	4096	/* octets of any message, in or out */
#define PFKEY_REPLAY	64	/* shown for any window that is on */

/* Offsets in a message. */
enum {
	PFKEY_H_VERSION = 0,	/* u8 */
	PFKEY_H_TYPE = 1,	/* u8 */
	PFKEY_H_ERRNO = 2,	/* u8 */
	PFKEY_H_SATYPE = 3,	/* u8 */
	PFKEY_H_LEN = 4,	/* u16, words */
	PFKEY_H_RESERVED = 6,	/* u16 */
	PFKEY_H_SEQ = 8,	/* u32 */
	PFKEY_H_PID = 12	/* u32 */
};

enum pfkey_type {
	PFKEY_GETSPI = 1,
	PFKEY_UPDATE = 2,
	PFKEY_ADD = 3,
	PFKEY_DELETE = 4,
	PFKEY_GET = 5,
	PFKEY_ACQUIRE = 6,
	PFKEY_REGISTER = 7,
	PFKEY_EXPIRE = 8,
	PFKEY_FLUSH = 9,
	PFKEY_DUMP = 10,
	PFKEY_PROMISC = 11,
	LINUX_SPDUPDATE = 13,
	LINUX_SPDADD = 14,
	LINUX_SPDDELETE = 15,
	LINUX_SPDGET = 16,
	LINUX_SPDFLUSH = 19,
	OBSD_ADDFLOW = 12,
	OBSD_DELFLOW = 13,
	OBSD_ASKPOLICY = 15,
	PFKEY_TYPES = 25
};

enum pfkey_satype {
	PFKEY_UNSPEC = 0,
	LINUX_AH = 2,
	LINUX_ESP = 3,
	OBSD_AH = 1,
	OBSD_ESP = 2,
	PFKEY_IPCOMP = 9
};

enum pfkey_exttype {
	PFKEY_EXT_SA = 1,
	PFKEY_EXT_CURRENT = 2,
	PFKEY_EXT_HARD = 3,
	PFKEY_EXT_SOFT = 4,
	PFKEY_EXT_SRC = 5,
	PFKEY_EXT_DST = 6,
	PFKEY_EXT_PROXY = 7,
	PFKEY_EXT_KEY_AUTH = 8,
	PFKEY_EXT_KEY_ENCRYPT = 9,
	PFKEY_EXT_IDENT_SRC = 10,
	PFKEY_EXT_IDENT_DST = 11,
	PFKEY_EXT_PROPOSAL = 13,
	PFKEY_EXT_SUPPORTED_AUTH = 14,
	PFKEY_EXT_SUPPORTED_ENCRYPT = 15,
	PFKEY_EXT_SPIRANGE = 16,
	LINUX_EXT_POLICY = 18,
	LINUX_EXT_SA2 = 19,
	LINUX_EXT_NAT_T_TYPE = 20,
	LINUX_EXT_NAT_T_SPORT = 21,
	LINUX_EXT_NAT_T_DPORT = 22,
	OBSD_EXT_SRC_MASK = 17,
	OBSD_EXT_DST_MASK = 18,
	OBSD_EXT_PROTOCOL = 19,
	OBSD_EXT_FLOW_TYPE = 20,
	OBSD_EXT_SRC_FLOW = 21,
	OBSD_EXT_DST_FLOW = 22,
	OBSD_EXT_POLICY = 25,
	OBSD_EXT_UDPENCAP = 31,
	PFKEY_EXT_LASTUSE = 32,	/* of OpenBSD; Linux leaves the number free */
	OBSD_EXT_TAG = 33,
	OBSD_EXT_TAP = 34,
	OBSD_EXT_COUNTER = 36,
	OBSD_EXT_RDOMAIN = 37,
	OBSD_EXT_MTU = 38,
	OBSD_EXT_REPLAY = 39,
	PFKEY_EXT_IFACE = 40,	/* likewise; taken in both dialects */
	PFKEY_EXTS = 41
};

/* Directions of policies; those of extension 40 are the first two. */
enum pfkey_dir {
	PFKEY_IN = 1,
	PFKEY_OUT = 2,
	LINUX_FWD = 3
};

#define PFKEY_MATURE	1	/* SA state; larval is 0 */
#define PFKEY_SA_PFS	0x00000001U
#define PFKEY_SA_ESN	0x00000400U	/* of OpenBSD; taken in both */
#define OBSD_SA_TUNNEL	0x00000004U
#define OBSD_SA_CHAINDEL 0x00000008U
#define OBSD_SA_UDPENCAP 0x00000200U
#define LINUX_SA_FLAGS	0xe0000000U	/* PMTU, DSCP, ECN: not for tunnels
					 * that secd makes; ignored */
#define LINUX_MODE_TUNNEL 2	/* of SA2 and of a policy's request */
#define LINUX_POLICY_IPSEC 2
#define LINUX_ENCAP_ESPINUDP 2	/* NAT_T_TYPE */
#define OBSD_FLOW_REQUIRE 3
#define LINUX_PROTO_ANY	255	/* in an address; OpenBSD's is 0 */

struct pfkey_ext {
	const uint8_t	*data;	/* at its header; NULL: absent */
	size_t		len;	/* octets, header included */
};

/* A message that pfkey_parse() has found good; points into its octets. */
struct pfkey_msg {
	const uint8_t	*buf;
	size_t		len;
	enum client_dialect dialect;
	uint8_t		type;
	uint8_t		satype;
	uint32_t	seq;
	uint32_t	pid;
	struct pfkey_ext ext[PFKEY_EXTS];	/* by its type */
};

/*
 * A flow, from SPDUPDATE, SPDADD, SPDDELETE or ADDFLOW, DELFLOW.  secd's
 * routes decide what enters a tunnel, so it is kept to be shown again.
 * Two are the same flow if their keys are equal by memcmp(): direction and
 * selectors are in it, what is to be done is not.
 */
#define PFKEY_FLOWKEY	48
#define PFKEY_FLOWLEN	96	/* as in struct msg_narrow */
#define PFKEY_POLICY_MAX 512
struct pfkey_policy {
	uint8_t		dialect;	/* enum client_dialect */
	uint8_t		dir;		/* enum pfkey_dir */
	uint8_t		any;		/* 1: selects everything */
	uint8_t		pad;
	uint32_t	id;		/* Linux: as sent, mostly 0 */
	struct ip_addr	src;		/* outer; af 0 where the message does */
	struct ip_addr	dst;		/* not tell */
	uint8_t		key[PFKEY_FLOWKEY];
	char		flow[PFKEY_FLOWLEN];	/* "10.1.0.0/24 -> 10.2.0.0/24",
						 * printable */
	uint32_t	len;		/* octets used in ext */
	uint8_t		ext[PFKEY_POLICY_MAX];	/* what shows it: selectors,
						 * policy, as they were sent */
};

/* pfkey_parse.c */

/*
 * What this message shows of its sender's dialect: the shape of its addresses,
 * else, of a REGISTER, the satype as if it were the sender's first (3 is ESP
 * on Linux, 2 on OpenBSD).  DIALECT_UNKNOWN if it shows nothing.  Reads any
 * octets.  A shape outdoes an earlier REGISTER, which can have been for
 * Linux's AH.
 */
enum client_dialect pfkey_dialect(const uint8_t *buf, size_t len);

/*
 * Is this one well-formed request of the dialect?  With DIALECT_UNKNOWN only
 * FLUSH and DUMP are, which are the same in both.
 *
 * Returns 0, or the errno for pfkey_reply_error(); then the header's fields of
 * *m are valid too if len >= PFKEY_HDRLEN (else zero), and it has no
 * extensions.
 *	EMSGSIZE	longer than PFKEY_MAX
 *	EOPNOTSUPP	a type that secd does not serve (from 0 to 255)
 *	EPROTONOSUPPORT	AH or IPcomp, of other than REGISTER, FLUSH, DUMP
 *	EINVAL		anything else
 * Each extension is known, allowed and needed here, there once, of its exact
 * length, and consistent in itself and with the others; so the functions
 * below need not look again.  SPIs are 256 or more.
 */
int		 pfkey_parse(enum client_dialect, const uint8_t *buf,
		    size_t len, struct pfkey_msg *m);

/* pfkey_conv.c: requests.  *out is all zero but for what they say. */

/*
 * ADD, UPDATE.  Flags have SA_F_IKE always; SA_F_REPLAY with replay 0 if the
 * sender wants no check, else the interface's window counts.  dir is
 * SA_ANY_DIR unless extension 40 tells it, or it is an UPDATE with keys
 * (SA_IN).  iface "" unless extension 40 names it.  An UPDATE without keys
 * changes an SA: keylen 0 and enc ""; lifetimes all zero then mean that
 * it gave none.  OpenBSD's PROXY is the new dst.  The caller wipes *out.
 * Returns 0, EINVAL (no such suite, keys amiss), or EOPNOTSUPP (not tunnel
 * mode).
 */
int		 pfkey_to_request(const struct pfkey_msg *,
		    const struct sa_owner *, struct sa_request *out);
/* 1 if the message carries a key: an ADD, or an UPDATE that is no change. */
int		 pfkey_has_keys(const struct pfkey_msg *);
/* GETSPI; these have nothing to refuse. */
void		 pfkey_to_getspi(const struct pfkey_msg *,
		    const struct sa_owner *, struct msg_getspi *out);
/* DELETE; src has af 0 if it was not sent, dir is SA_ANY_DIR. */
void		 pfkey_to_delete(const struct pfkey_msg *,
		    const struct sa_owner *, struct msg_sa_delete *out);
/* ADD, UPDATE, DELETE, GET. */
void		 pfkey_to_id(const struct pfkey_msg *, struct msg_sa_id *out);
/* The id of an SPDGET's policy, or an ASKPOLICY's seq. */
uint32_t	 pfkey_policy_id(const struct pfkey_msg *);

/* pfkey_flow.c: SPDUPDATE, SPDADD, SPDDELETE, SPDGET; ADDFLOW, DELFLOW */

/*
 * Returns 0; EINVAL if the message has no selectors (SPDGET may lack them), or
 * a mask with holes; or EMSGSIZE if it needs more than PFKEY_POLICY_MAX.
 */
int		 pfkey_to_policy(const struct pfkey_msg *,
		    struct pfkey_policy *out);
int		 pfkey_policy_same(const struct pfkey_policy *,
		    const struct pfkey_policy *);
/* 1, and *out filled, if the flow is not any-to-any; else 0. */
int		 pfkey_to_narrow(const struct pfkey_policy *,
		    const struct sa_owner *, struct msg_narrow *out);

/*
 * pfkey_reply.c: each writes one whole message of at most PFKEY_MAX octets to
 * out, every octet of it set, and returns its length.  None holds a key.
 */

/*
 * Header alone, as the request's, with an errno (0 is fine).  For any octets
 * of at least PFKEY_HDRLEN, whatever pfkey_parse() said.
 */
size_t		 pfkey_reply_error(const struct pfkey_msg *, int error,
		    uint8_t out[PFKEY_MAX]);
/*
 * The request again, without keys (a DELETE: without SA2), for all types that
 * have no function of their own.
 */
size_t		 pfkey_reply_echo(const struct pfkey_msg *,
		    uint8_t out[PFKEY_MAX]);
/* GETSPI; spi in host order. */
size_t		 pfkey_reply_getspi(const struct pfkey_msg *, uint32_t spi,
		    uint8_t out[PFKEY_MAX]);
/* REGISTER: the algorithms secd has; for AH and IPcomp none. */
size_t		 pfkey_reply_register(const struct pfkey_msg *,
		    uint8_t out[PFKEY_MAX]);
/*
 * GET (seq: the request's) and DUMP, one message for each SA (seq: 0 in the
 * last, so the receiver knows; any other before).
 */
size_t		 pfkey_reply_sa(const struct pfkey_msg *,
		    const struct msg_sa_row *, uint32_t seq,
		    uint8_t out[PFKEY_MAX]);
/*
 * SPDGET and ASKPOLICY: the stored flow of the same dialect, or, with NULL,
 * any to any (of IPv4) outwards.
 */
size_t		 pfkey_reply_policy(const struct pfkey_msg *,
		    const struct pfkey_policy *, uint8_t out[PFKEY_MAX]);
/* Unasked; pid 0.  The dialect is not DIALECT_UNKNOWN. */
size_t		 pfkey_expire(enum client_dialect,
		    const struct msg_expired *, uint8_t out[PFKEY_MAX]);
/* id is the policy's (Linux) or the header's seq (OpenBSD; Linux too). */
size_t		 pfkey_acquire(enum client_dialect,
		    const struct msg_acquire *, uint8_t out[PFKEY_MAX]);

/* pfkey_tab.c: what the files above look things up in */

/* Rules for a message type; NULL: not served. */
struct pfkey_rule {
	uint64_t	must;		/* bit 1 << extension type */
	uint64_t	may;		/* beside those */
	uint8_t		satypes;	/* PFKEY_S_* it can have */
	uint8_t		served;
};
#define PFKEY_BIT(ext)	(1ULL << (ext))
#define PFKEY_S_UNSPEC	0x01
#define PFKEY_S_ESP	0x02
#define PFKEY_S_OTHER	0x04	/* AH, IPcomp */
const struct pfkey_rule *pfkey_rule(enum client_dialect, unsigned int type);
/* PFKEY_S_*, or 0 for no satype of the dialect. */
unsigned int	 pfkey_satype(enum client_dialect, unsigned int satype);
/* ESP's satype; the dialect is known. */
uint8_t		 pfkey_esp(enum client_dialect);

/*
 * An algorithm, cipher or MAC.  A cipher is one entry for each key length.
 * id 0: the dialect has no number for it.
 */
struct pfkey_alg {
	const char	*name;		/* libesp's */
	uint8_t		linux_id;
	uint8_t		obsd_id;
	uint8_t		aead;		/* a cipher that wants no MAC */
	uint8_t		ivlen;		/* octets on the wire */
	uint16_t	bits;		/* of the key, its salt included */
};
/* By number and key bits; NULL: secd has no such. */
const struct pfkey_alg *pfkey_cipher(enum client_dialect, unsigned int id,
		    unsigned int bits);
const struct pfkey_alg *pfkey_mac(enum client_dialect, unsigned int id,
		    unsigned int bits);
/* The number for libesp's name ("": 0); 0 if the dialect has none. */
uint8_t		 pfkey_cipher_id(enum client_dialect, const char *name);
uint8_t		 pfkey_mac_id(enum client_dialect, const char *name);
/* The i-th, to list them all; NULL after the last. */
const struct pfkey_alg *pfkey_cipher_nth(unsigned int i);
const struct pfkey_alg *pfkey_mac_nth(unsigned int i);

/* Fields within octets, aligned or not; host order. */
uint16_t	 pfkey_get16(const uint8_t *);
uint32_t	 pfkey_get32(const uint8_t *);
/* A socket address of the dialect at the head of len octets: its size, or 0. */
size_t		 pfkey_get_sockaddr(enum client_dialect, const uint8_t *,
		    size_t len, struct ip_addr *, uint16_t *port);
/*
 * The address in an extension of that kind; port (host order) may be NULL.
 * Returns 0, or -1 if it is of no shape that the dialect has.
 */
int		 pfkey_get_addr(enum client_dialect, const struct pfkey_ext *,
		    struct ip_addr *, uint16_t *port);

#endif /* PFKEY_MSG_H */
