/* SPDX-License-Identifier: ISC */
/*
 * PF_KEYv2 (RFC 2367) as secd speaks it with IKE daemons on Linux: for those
 * who build openiked-portable, or another daemon, from source.  With this
 * directory first on the include path and HAVE_LINUX_PFKEY_H preset to 0, iked
 * takes this header for its own and then offers AES-GCM and SHA2-256, and uses
 * ESN and `iface secN', none of which it does with Linux's.
 *
 * Numbers and layouts are those of <linux/pfkeyv2.h>, which may be included
 * before or after; at the end stands what secd adds, under OpenBSD's names and
 * numbers where Linux has left those free.  What secd does not serve is not
 * here, since iked takes each name for a promise: extensions UDPENCAP, TAG,
 * TAP and RDOMAIN, AES-CTR, GMAC, and ChaCha20-Poly1305, whose number is
 * Camellia's on Linux.  ../openbsd/net/pfkeyv2.h has the other dialect.
 *
 * Lengths count words of 8 octets.  Numbers are in host order, SPIs and ports
 * in network order; socket addresses are those of <netinet/in.h>.
 */
#ifndef SECD_NET_PFKEYV2_H
#define SECD_NET_PFKEYV2_H

#include <sys/types.h>

#include <stdint.h>

#ifndef _LINUX_PFKEY2_H
#define _LINUX_PFKEY2_H			/* of <linux/pfkeyv2.h>: it is here */

#define PF_KEY_V2			2
#define PFKEYV2_REVISION		199806L

struct sadb_msg {
	uint8_t		sadb_msg_version;
	uint8_t		sadb_msg_type;
	uint8_t		sadb_msg_errno;
	uint8_t		sadb_msg_satype;
	uint16_t	sadb_msg_len;
	uint16_t	sadb_msg_reserved;
	uint32_t	sadb_msg_seq;
	uint32_t	sadb_msg_pid;
};

struct sadb_ext {
	uint16_t	sadb_ext_len;
	uint16_t	sadb_ext_type;
};

struct sadb_sa {
	uint16_t	sadb_sa_len;
	uint16_t	sadb_sa_exttype;
	uint32_t	sadb_sa_spi;		/* network order */
	uint8_t		sadb_sa_replay;
	uint8_t		sadb_sa_state;
	uint8_t		sadb_sa_auth;
	uint8_t		sadb_sa_encrypt;
	uint32_t	sadb_sa_flags;
};

struct sadb_lifetime {
	uint16_t	sadb_lifetime_len;
	uint16_t	sadb_lifetime_exttype;
	uint32_t	sadb_lifetime_allocations;
	uint64_t	sadb_lifetime_bytes;
	uint64_t	sadb_lifetime_addtime;
	uint64_t	sadb_lifetime_usetime;
};

struct sadb_address {			/* a socket address follows */
	uint16_t	sadb_address_len;
	uint16_t	sadb_address_exttype;
	uint8_t		sadb_address_proto;
	uint8_t		sadb_address_prefixlen;
	uint16_t	sadb_address_reserved;
};

struct sadb_key {			/* the key follows */
	uint16_t	sadb_key_len;
	uint16_t	sadb_key_exttype;
	uint16_t	sadb_key_bits;
	uint16_t	sadb_key_reserved;
};

struct sadb_ident {			/* a string follows */
	uint16_t	sadb_ident_len;
	uint16_t	sadb_ident_exttype;
	uint16_t	sadb_ident_type;
	uint16_t	sadb_ident_reserved;
	uint64_t	sadb_ident_id;
};

struct sadb_sens {
	uint16_t	sadb_sens_len;
	uint16_t	sadb_sens_exttype;
	uint32_t	sadb_sens_dpd;
	uint8_t		sadb_sens_sens_level;
	uint8_t		sadb_sens_sens_len;
	uint8_t		sadb_sens_integ_level;
	uint8_t		sadb_sens_integ_len;
	uint32_t	sadb_sens_reserved;
};

struct sadb_prop {			/* combinations follow */
	uint16_t	sadb_prop_len;
	uint16_t	sadb_prop_exttype;
	uint8_t		sadb_prop_replay;
	uint8_t		sadb_prop_reserved[3];
};

struct sadb_comb {
	uint8_t		sadb_comb_auth;
	uint8_t		sadb_comb_encrypt;
	uint16_t	sadb_comb_flags;
	uint16_t	sadb_comb_auth_minbits;
	uint16_t	sadb_comb_auth_maxbits;
	uint16_t	sadb_comb_encrypt_minbits;
	uint16_t	sadb_comb_encrypt_maxbits;
	uint32_t	sadb_comb_reserved;
	uint32_t	sadb_comb_soft_allocations;
	uint32_t	sadb_comb_hard_allocations;
	uint64_t	sadb_comb_soft_bytes;
	uint64_t	sadb_comb_hard_bytes;
	uint64_t	sadb_comb_soft_addtime;
	uint64_t	sadb_comb_hard_addtime;
	uint64_t	sadb_comb_soft_usetime;
	uint64_t	sadb_comb_hard_usetime;
};

struct sadb_supported {			/* algorithms follow */
	uint16_t	sadb_supported_len;
	uint16_t	sadb_supported_exttype;
	uint32_t	sadb_supported_reserved;
};

struct sadb_alg {
	uint8_t		sadb_alg_id;
	uint8_t		sadb_alg_ivlen;
	uint16_t	sadb_alg_minbits;
	uint16_t	sadb_alg_maxbits;
	uint16_t	sadb_alg_reserved;
};

struct sadb_spirange {
	uint16_t	sadb_spirange_len;
	uint16_t	sadb_spirange_exttype;
	uint32_t	sadb_spirange_min;	/* host order */
	uint32_t	sadb_spirange_max;
	uint32_t	sadb_spirange_reserved;
};

struct sadb_x_sa2 {
	uint16_t	sadb_x_sa2_len;
	uint16_t	sadb_x_sa2_exttype;
	uint8_t		sadb_x_sa2_mode;	/* 2: tunnel */
	uint8_t		sadb_x_sa2_reserved1;
	uint16_t	sadb_x_sa2_reserved2;
	uint32_t	sadb_x_sa2_sequence;
	uint32_t	sadb_x_sa2_reqid;
};

struct sadb_x_policy {			/* requests follow */
	uint16_t	sadb_x_policy_len;
	uint16_t	sadb_x_policy_exttype;
	uint16_t	sadb_x_policy_type;	/* 2: IPsec */
	uint8_t		sadb_x_policy_dir;	/* 1 in, 2 out, 3 forward */
	uint8_t		sadb_x_policy_reserved;
	uint32_t	sadb_x_policy_id;
	uint32_t	sadb_x_policy_priority;
};

struct sadb_x_ipsecrequest {		/* two socket addresses follow */
	uint16_t	sadb_x_ipsecrequest_len;	/* octets */
	uint16_t	sadb_x_ipsecrequest_proto;
	uint8_t		sadb_x_ipsecrequest_mode;
	uint8_t		sadb_x_ipsecrequest_level;
	uint16_t	sadb_x_ipsecrequest_reserved1;
	uint32_t	sadb_x_ipsecrequest_reqid;
	uint32_t	sadb_x_ipsecrequest_reserved2;
};

struct sadb_x_nat_t_type {
	uint16_t	sadb_x_nat_t_type_len;
	uint16_t	sadb_x_nat_t_type_exttype;
	uint8_t		sadb_x_nat_t_type_type;	/* 2: ESP in UDP */
	uint8_t		sadb_x_nat_t_type_reserved[3];
};

struct sadb_x_nat_t_port {
	uint16_t	sadb_x_nat_t_port_len;
	uint16_t	sadb_x_nat_t_port_exttype;
	uint16_t	sadb_x_nat_t_port_port;	/* network order */
	uint16_t	sadb_x_nat_t_port_reserved;
};

/* Message types */
#define SADB_RESERVED			0
#define SADB_GETSPI			1
#define SADB_UPDATE			2
#define SADB_ADD			3
#define SADB_DELETE			4
#define SADB_GET			5
#define SADB_ACQUIRE			6
#define SADB_REGISTER			7
#define SADB_EXPIRE			8
#define SADB_FLUSH			9
#define SADB_DUMP			10
#define SADB_X_PROMISC			11
#define SADB_X_PCHANGE			12
#define SADB_X_SPDUPDATE		13
#define SADB_X_SPDADD			14
#define SADB_X_SPDDELETE		15
#define SADB_X_SPDGET			16
#define SADB_X_SPDACQUIRE		17
#define SADB_X_SPDDUMP			18
#define SADB_X_SPDFLUSH			19
#define SADB_X_SPDSETIDX		20
#define SADB_X_SPDEXPIRE		21
#define SADB_X_SPDDELETE2		22
#define SADB_X_NAT_T_NEW_MAPPING	23
#define SADB_X_MIGRATE			24
#define SADB_MAX			24

/* SA flags */
#define SADB_SAFLAGS_PFS		1
#define SADB_SAFLAGS_NOPMTUDISC		0x20000000
#define SADB_SAFLAGS_DECAP_DSCP		0x40000000
#define SADB_SAFLAGS_NOECN		0x80000000

/* SA states */
#define SADB_SASTATE_LARVAL		0
#define SADB_SASTATE_MATURE		1
#define SADB_SASTATE_DYING		2
#define SADB_SASTATE_DEAD		3
#define SADB_SASTATE_MAX		3

/* SA types */
#define SADB_SATYPE_UNSPEC		0
#define SADB_SATYPE_AH			2
#define SADB_SATYPE_ESP			3
#define SADB_SATYPE_RSVP		5
#define SADB_SATYPE_OSPFV2		6
#define SADB_SATYPE_RIPV2		7
#define SADB_SATYPE_MIP			8
#define SADB_X_SATYPE_IPCOMP		9
#define SADB_SATYPE_MAX			9

/* MACs */
#define SADB_AALG_NONE			0
#define SADB_AALG_MD5HMAC		2
#define SADB_AALG_SHA1HMAC		3
#define SADB_X_AALG_SHA2_256HMAC	5
#define SADB_X_AALG_SHA2_384HMAC	6
#define SADB_X_AALG_SHA2_512HMAC	7
#define SADB_AALG_MAX			251

/* Ciphers */
#define SADB_EALG_NONE			0
#define SADB_EALG_DESCBC		2
#define SADB_EALG_3DESCBC		3
#define SADB_EALG_NULL			11
#define SADB_X_EALG_AESCBC		12
#define SADB_X_EALG_AES_GCM_ICV16	20
#define SADB_EALG_MAX			253

/* Compression */
#define SADB_X_CALG_NONE		0
#define SADB_X_CALG_OUI			1
#define SADB_X_CALG_DEFLATE		2
#define SADB_X_CALG_LZS			3

/* Extensions */
#define SADB_EXT_RESERVED		0
#define SADB_EXT_SA			1
#define SADB_EXT_LIFETIME_CURRENT	2
#define SADB_EXT_LIFETIME_HARD		3
#define SADB_EXT_LIFETIME_SOFT		4
#define SADB_EXT_ADDRESS_SRC		5
#define SADB_EXT_ADDRESS_DST		6
#define SADB_EXT_ADDRESS_PROXY		7
#define SADB_EXT_KEY_AUTH		8
#define SADB_EXT_KEY_ENCRYPT		9
#define SADB_EXT_IDENTITY_SRC		10
#define SADB_EXT_IDENTITY_DST		11
#define SADB_EXT_SENSITIVITY		12
#define SADB_EXT_PROPOSAL		13
#define SADB_EXT_SUPPORTED_AUTH		14
#define SADB_EXT_SUPPORTED_ENCRYPT	15
#define SADB_EXT_SPIRANGE		16
#define SADB_X_EXT_KMPRIVATE		17
#define SADB_X_EXT_POLICY		18
#define SADB_X_EXT_SA2			19
#define SADB_X_EXT_NAT_T_TYPE		20
#define SADB_X_EXT_NAT_T_SPORT		21
#define SADB_X_EXT_NAT_T_DPORT		22
#define SADB_X_EXT_NAT_T_OA		23
#define SADB_X_EXT_SEC_CTX		24
#define SADB_X_EXT_KMADDRESS		25
#define SADB_X_EXT_FILTER		26
#define SADB_EXT_MAX			26

/* Identities */
#define SADB_IDENTTYPE_RESERVED		0
#define SADB_IDENTTYPE_PREFIX		1
#define SADB_IDENTTYPE_FQDN		2
#define SADB_IDENTTYPE_USERFQDN		3
#define SADB_IDENTTYPE_MAX		3

#endif /* _LINUX_PFKEY2_H */

/*
 * What secd adds.  A GCM key ends in 4 octets of salt; SHA2-256 has an ICV of
 * 128 bits (RFC 4868), not Linux's 96.
 */
#define SADB_X_EALG_AES			12
#define SADB_X_EALG_AESGCM16		20
#define SADB_X_AALG_SHA2_256		5
#define SADB_X_AALG_SHA2_384		6
#define SADB_X_AALG_SHA2_512		7
#define SADB_X_SAFLAGS_ESN		0x00000400
#define SADB_X_EXT_LIFETIME_LASTUSE	32
#define SADB_X_EXT_IFACE		40

/* Which secN an SA belongs to. */
struct sadb_x_iface {
	uint16_t	sadb_x_iface_len;
	uint16_t	sadb_x_iface_exttype;
	uint32_t	sadb_x_iface_unit;	/* N */
	uint8_t		sadb_x_iface_direction;	/* 1 in, 2 out */
	uint8_t		sadb_x_iface_reserved[7];
};

#endif /* SECD_NET_PFKEYV2_H */
