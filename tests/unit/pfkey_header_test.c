/* SPDX-License-Identifier: ISC */
/*
 * Our two <net/pfkeyv2.h>: sizes, places and numbers, against those of
 * reference (written out here) and against what secd itself goes by.  Compiled
 * once for each dialect, OBSD for OpenBSD's; where Linux has its own header,
 * LINUX_FIRST shows that it may come before.
 */
#if defined(LINUX_FIRST) && __has_include(<linux/pfkeyv2.h>)
#include <linux/pfkeyv2.h>
#endif
#include <net/pfkeyv2.h>

#include <stddef.h>

#include "secd/control/pfkey_msg.h"
#include "tests/lib/tap.h"

#define SIZE(s, n)	is(sizeof(struct s), n, "sizeof(struct " #s ")")
#define AT(s, f, n)	is(offsetof(struct s, f), n, #f)
#define NUMBER(a, n)	is(a, n, #a)
/* ours by the public name, in both */
#define EQUAL(a, b, n)	ok((a) == (n) && (int)(b) == (n), #a " and " #b)

static void
test_layouts(void)
{
	SIZE(sadb_msg, 16);
	AT(sadb_msg, sadb_msg_version, PFKEY_H_VERSION);
	AT(sadb_msg, sadb_msg_type, PFKEY_H_TYPE);
	AT(sadb_msg, sadb_msg_errno, PFKEY_H_ERRNO);
	AT(sadb_msg, sadb_msg_satype, PFKEY_H_SATYPE);
	AT(sadb_msg, sadb_msg_len, PFKEY_H_LEN);
	AT(sadb_msg, sadb_msg_reserved, PFKEY_H_RESERVED);
	AT(sadb_msg, sadb_msg_seq, PFKEY_H_SEQ);
	AT(sadb_msg, sadb_msg_pid, PFKEY_H_PID);
	SIZE(sadb_ext, 4);
	SIZE(sadb_sa, 16);
	AT(sadb_sa, sadb_sa_spi, 4);
	AT(sadb_sa, sadb_sa_replay, 8);
	AT(sadb_sa, sadb_sa_state, 9);
	AT(sadb_sa, sadb_sa_auth, 10);
	AT(sadb_sa, sadb_sa_encrypt, 11);
	AT(sadb_sa, sadb_sa_flags, 12);
	SIZE(sadb_lifetime, 32);
	AT(sadb_lifetime, sadb_lifetime_allocations, 4);
	AT(sadb_lifetime, sadb_lifetime_bytes, 8);
	AT(sadb_lifetime, sadb_lifetime_addtime, 16);
	AT(sadb_lifetime, sadb_lifetime_usetime, 24);
	SIZE(sadb_address, 8);
	SIZE(sadb_key, 8);
	AT(sadb_key, sadb_key_bits, 4);
	SIZE(sadb_ident, 16);
	AT(sadb_ident, sadb_ident_type, 4);
	AT(sadb_ident, sadb_ident_id, 8);
	SIZE(sadb_sens, 16);
	SIZE(sadb_prop, 8);
	SIZE(sadb_comb, 72);
	SIZE(sadb_supported, 8);
	SIZE(sadb_alg, 8);
	AT(sadb_alg, sadb_alg_ivlen, 1);
	AT(sadb_alg, sadb_alg_minbits, 2);
	AT(sadb_alg, sadb_alg_maxbits, 4);
	SIZE(sadb_spirange, 16);
	AT(sadb_spirange, sadb_spirange_min, 4);
	AT(sadb_spirange, sadb_spirange_max, 8);
	SIZE(sadb_x_iface, 16);
	AT(sadb_x_iface, sadb_x_iface_unit, 4);
	AT(sadb_x_iface, sadb_x_iface_direction, 8);
}

static void
test_numbers(void)
{
	EQUAL(PF_KEY_V2, PFKEY_VERSION, 2);
	EQUAL(SADB_GETSPI, PFKEY_GETSPI, 1);
	EQUAL(SADB_UPDATE, PFKEY_UPDATE, 2);
	EQUAL(SADB_ADD, PFKEY_ADD, 3);
	EQUAL(SADB_DELETE, PFKEY_DELETE, 4);
	EQUAL(SADB_GET, PFKEY_GET, 5);
	EQUAL(SADB_ACQUIRE, PFKEY_ACQUIRE, 6);
	EQUAL(SADB_REGISTER, PFKEY_REGISTER, 7);
	EQUAL(SADB_EXPIRE, PFKEY_EXPIRE, 8);
	EQUAL(SADB_FLUSH, PFKEY_FLUSH, 9);
	EQUAL(SADB_DUMP, PFKEY_DUMP, 10);
	EQUAL(SADB_X_PROMISC, PFKEY_PROMISC, 11);
	EQUAL(SADB_EXT_SA, PFKEY_EXT_SA, 1);
	EQUAL(SADB_EXT_LIFETIME_CURRENT, PFKEY_EXT_CURRENT, 2);
	EQUAL(SADB_EXT_LIFETIME_HARD, PFKEY_EXT_HARD, 3);
	EQUAL(SADB_EXT_LIFETIME_SOFT, PFKEY_EXT_SOFT, 4);
	EQUAL(SADB_EXT_ADDRESS_SRC, PFKEY_EXT_SRC, 5);
	EQUAL(SADB_EXT_ADDRESS_DST, PFKEY_EXT_DST, 6);
	EQUAL(SADB_EXT_ADDRESS_PROXY, PFKEY_EXT_PROXY, 7);
	EQUAL(SADB_EXT_KEY_AUTH, PFKEY_EXT_KEY_AUTH, 8);
	EQUAL(SADB_EXT_KEY_ENCRYPT, PFKEY_EXT_KEY_ENCRYPT, 9);
	EQUAL(SADB_EXT_IDENTITY_SRC, PFKEY_EXT_IDENT_SRC, 10);
	EQUAL(SADB_EXT_IDENTITY_DST, PFKEY_EXT_IDENT_DST, 11);
	NUMBER(SADB_EXT_SENSITIVITY, 12);
	EQUAL(SADB_EXT_PROPOSAL, PFKEY_EXT_PROPOSAL, 13);
	EQUAL(SADB_EXT_SUPPORTED_AUTH, PFKEY_EXT_SUPPORTED_AUTH, 14);
	EQUAL(SADB_EXT_SUPPORTED_ENCRYPT, PFKEY_EXT_SUPPORTED_ENCRYPT, 15);
	EQUAL(SADB_EXT_SPIRANGE, PFKEY_EXT_SPIRANGE, 16);
	EQUAL(SADB_X_EXT_LIFETIME_LASTUSE, PFKEY_EXT_LASTUSE, 32);
	EQUAL(SADB_X_EXT_IFACE, PFKEY_EXT_IFACE, 40);
	EQUAL(SADB_SATYPE_UNSPEC, PFKEY_UNSPEC, 0);
	EQUAL(SADB_X_SATYPE_IPCOMP, PFKEY_IPCOMP, 9);
	EQUAL(SADB_SAFLAGS_PFS, PFKEY_SA_PFS, 1);
	EQUAL(SADB_X_SAFLAGS_ESN, PFKEY_SA_ESN, 0x400);
	NUMBER(SADB_SASTATE_LARVAL, 0);
	EQUAL(SADB_SASTATE_MATURE, PFKEY_MATURE, 1);
	NUMBER(SADB_AALG_MD5HMAC, 2);
	NUMBER(SADB_AALG_SHA1HMAC, 3);
	NUMBER(SADB_X_AALG_SHA2_256, 5);
	NUMBER(SADB_X_AALG_SHA2_384, 6);
	NUMBER(SADB_X_AALG_SHA2_512, 7);
	NUMBER(SADB_EALG_3DESCBC, 3);
	NUMBER(SADB_EALG_NULL, 11);
	NUMBER(SADB_X_EALG_AES, 12);
	NUMBER(SADB_X_EALG_AESGCM16, 20);
	NUMBER(SADB_X_CALG_DEFLATE, 2);
	NUMBER(SADB_IDENTTYPE_PREFIX, 1);
	NUMBER(SADB_IDENTTYPE_FQDN, 2);
	NUMBER(SADB_IDENTTYPE_USERFQDN, 3);
}

/* What is in the list under a number that the header has a name for. */
static void
test_suites(enum client_dialect dialect)
{
	is(pfkey_mac_id(dialect, "hmac-sha1"), SADB_AALG_SHA1HMAC, "SHA1");
	is(pfkey_mac_id(dialect, "hmac-sha2-256"), SADB_X_AALG_SHA2_256,
	    "SHA2-256");
	is(pfkey_mac_id(dialect, "hmac-sha2-384"), SADB_X_AALG_SHA2_384,
	    "SHA2-384");
	is(pfkey_mac_id(dialect, "hmac-sha2-512"), SADB_X_AALG_SHA2_512,
	    "SHA2-512");
	is(pfkey_cipher_id(dialect, "aes-192"), SADB_X_EALG_AES, "AES-CBC");
	is(pfkey_cipher_id(dialect, "aes-192-gcm"), SADB_X_EALG_AESGCM16,
	    "AES-GCM");
	is(pfkey_esp(dialect), SADB_SATYPE_ESP, "ESP");
}

#ifdef OBSD
#define DIALECT	DIALECT_OPENBSD

static void
test_dialect(void)
{
	EQUAL(SADB_X_ADDFLOW, OBSD_ADDFLOW, 12);
	EQUAL(SADB_X_DELFLOW, OBSD_DELFLOW, 13);
	NUMBER(SADB_X_GRPSPIS, 14);
	EQUAL(SADB_X_ASKPOLICY, OBSD_ASKPOLICY, 15);
	NUMBER(SADB_X_SPDDUMP, 16);
	EQUAL(SADB_SATYPE_AH, OBSD_AH, 1);
	EQUAL(SADB_SATYPE_ESP, OBSD_ESP, 2);
	NUMBER(SADB_X_SATYPE_IPIP, 7);
	NUMBER(SADB_X_SATYPE_TCPSIGNATURE, 8);
	EQUAL(SADB_X_EXT_SRC_MASK, OBSD_EXT_SRC_MASK, 17);
	EQUAL(SADB_X_EXT_DST_MASK, OBSD_EXT_DST_MASK, 18);
	EQUAL(SADB_X_EXT_PROTOCOL, OBSD_EXT_PROTOCOL, 19);
	EQUAL(SADB_X_EXT_FLOW_TYPE, OBSD_EXT_FLOW_TYPE, 20);
	EQUAL(SADB_X_EXT_SRC_FLOW, OBSD_EXT_SRC_FLOW, 21);
	EQUAL(SADB_X_EXT_DST_FLOW, OBSD_EXT_DST_FLOW, 22);
	NUMBER(SADB_X_EXT_SA2, 23);
	NUMBER(SADB_X_EXT_DST2, 24);
	EQUAL(SADB_X_EXT_POLICY, OBSD_EXT_POLICY, 25);
	NUMBER(SADB_X_EXT_SUPPORTED_COMP, 30);
	EQUAL(SADB_X_EXT_UDPENCAP, OBSD_EXT_UDPENCAP, 31);
	EQUAL(SADB_X_EXT_TAG, OBSD_EXT_TAG, 33);
	EQUAL(SADB_X_EXT_TAP, OBSD_EXT_TAP, 34);
	NUMBER(SADB_X_EXT_SATYPE2, 35);
	EQUAL(SADB_X_EXT_COUNTER, OBSD_EXT_COUNTER, 36);
	EQUAL(SADB_X_EXT_RDOMAIN, OBSD_EXT_RDOMAIN, 37);
	EQUAL(SADB_X_EXT_MTU, OBSD_EXT_MTU, 38);
	EQUAL(SADB_X_EXT_REPLAY, OBSD_EXT_REPLAY, 39);
	EQUAL(SADB_X_SAFLAGS_TUNNEL, OBSD_SA_TUNNEL, 4);
	EQUAL(SADB_X_SAFLAGS_CHAINDEL, OBSD_SA_CHAINDEL, 8);
	EQUAL(SADB_X_SAFLAGS_UDPENCAP, OBSD_SA_UDPENCAP, 0x200);
	EQUAL(SADB_X_FLOW_TYPE_REQUIRE, OBSD_FLOW_REQUIRE, 3);
	NUMBER(SADB_X_EALG_AESGMAC, 21);
	is(pfkey_cipher_id(DIALECT, "chacha20-poly1305"),
	    SADB_X_EALG_CHACHA20POLY1305, "ChaCha20-Poly1305");
	NUMBER(SADB_X_EALG_CHACHA20POLY1305, 22);
	NUMBER(SADB_X_AALG_AES128GMAC, 9);
	NUMBER(SADB_X_AALG_CHACHA20POLY1305, 12);
	SIZE(sadb_protocol, 8);
	AT(sadb_protocol, sadb_protocol_proto, 4);
	AT(sadb_protocol, sadb_protocol_direction, 5);
	SIZE(sadb_x_policy, 8);
	AT(sadb_x_policy, sadb_x_policy_seq, 4);
	SIZE(sadb_x_udpencap, 8);
	AT(sadb_x_udpencap, sadb_x_udpencap_port, 4);
	SIZE(sadb_x_tag, 8);
	SIZE(sadb_x_tap, 8);
	SIZE(sadb_x_rdomain, 8);
	AT(sadb_x_rdomain, sadb_x_rdomain_dom2, 6);
	SIZE(sadb_x_mtu, 8);
	SIZE(sadb_x_replay, 16);
	AT(sadb_x_replay, sadb_x_replay_count, 8);
	SIZE(sadb_x_counter, 72);
	AT(sadb_x_counter, sadb_x_counter_ipackets, 8);
	AT(sadb_x_counter, sadb_x_counter_obytes, 32);
	AT(sadb_x_counter, sadb_x_counter_odrops, 48);
	SIZE(sadb_x_sin, 16);
	SIZE(sadb_x_sin6, 28);
	AT(sadb_x_sin6, sadb_x_sin6_addr, 8);
	NUMBER(SADB_X_SIN_FAMILY, 2);
	NUMBER(SADB_X_SIN6_FAMILY, 24);
	EQUAL(SADB_X_DIRECTION_IN, PFKEY_IN, 1);
	EQUAL(SADB_X_DIRECTION_OUT, PFKEY_OUT, 2);
}
#else
#define DIALECT	DIALECT_LINUX

static void
test_dialect(void)
{
	EQUAL(SADB_X_SPDUPDATE, LINUX_SPDUPDATE, 13);
	EQUAL(SADB_X_SPDADD, LINUX_SPDADD, 14);
	EQUAL(SADB_X_SPDDELETE, LINUX_SPDDELETE, 15);
	EQUAL(SADB_X_SPDGET, LINUX_SPDGET, 16);
	EQUAL(SADB_X_SPDFLUSH, LINUX_SPDFLUSH, 19);
	NUMBER(SADB_X_MIGRATE, 24);
	EQUAL(SADB_SATYPE_AH, LINUX_AH, 2);
	EQUAL(SADB_SATYPE_ESP, LINUX_ESP, 3);
	EQUAL(SADB_X_EXT_POLICY, LINUX_EXT_POLICY, 18);
	EQUAL(SADB_X_EXT_SA2, LINUX_EXT_SA2, 19);
	EQUAL(SADB_X_EXT_NAT_T_TYPE, LINUX_EXT_NAT_T_TYPE, 20);
	EQUAL(SADB_X_EXT_NAT_T_SPORT, LINUX_EXT_NAT_T_SPORT, 21);
	EQUAL(SADB_X_EXT_NAT_T_DPORT, LINUX_EXT_NAT_T_DPORT, 22);
	NUMBER(SADB_EXT_MAX, 26);
	ok((SADB_SAFLAGS_NOPMTUDISC | SADB_SAFLAGS_DECAP_DSCP |
	    SADB_SAFLAGS_NOECN) == LINUX_SA_FLAGS, "Linux's SA flags");
	is(SADB_X_EALG_AES, SADB_X_EALG_AESCBC, "AES by both names");
	is(SADB_X_EALG_AESGCM16, SADB_X_EALG_AES_GCM_ICV16,
	    "GCM by both names");
	AT(sadb_address, sadb_address_proto, 4);
	AT(sadb_address, sadb_address_prefixlen, 5);
	SIZE(sadb_x_sa2, 16);
	AT(sadb_x_sa2, sadb_x_sa2_mode, 4);
	AT(sadb_x_sa2, sadb_x_sa2_reqid, 12);
	SIZE(sadb_x_policy, 16);
	AT(sadb_x_policy, sadb_x_policy_type, 4);
	AT(sadb_x_policy, sadb_x_policy_dir, 6);
	AT(sadb_x_policy, sadb_x_policy_id, 8);
	SIZE(sadb_x_ipsecrequest, 16);
	AT(sadb_x_ipsecrequest, sadb_x_ipsecrequest_mode, 4);
	AT(sadb_x_ipsecrequest, sadb_x_ipsecrequest_reqid, 8);
	SIZE(sadb_x_nat_t_type, 8);
	SIZE(sadb_x_nat_t_port, 8);
	AT(sadb_x_nat_t_port, sadb_x_nat_t_port_port, 4);
#if defined(SADB_X_EXT_UDPENCAP) || defined(SADB_X_EXT_TAG) || \
    defined(SADB_X_EXT_TAP) || defined(SADB_X_EXT_RDOMAIN) || \
    defined(SADB_X_EALG_CHACHA20POLY1305)
	ok(0, "iked takes a name for a promise");
#endif
}
#endif

int
main(void)
{
	test_layouts();
	test_numbers();
	test_dialect();
	test_suites(DIALECT);
	return tap_done();
}
