/* SPDX-License-Identifier: ISC */
/*
 * What PF_KEY's two dialects allow: extensions by message, satypes, and the
 * algorithms' numbers (RFC 2367 section 3.1, and what the two systems added).
 */
#include <string.h>

#include "secd/control/pfkey_msg.h"

#define B(ext)		PFKEY_BIT(ext)
#define ADDRS		(B(PFKEY_EXT_SRC) | B(PFKEY_EXT_DST))
#define LIVES		(B(PFKEY_EXT_CURRENT) | B(PFKEY_EXT_HARD) |	\
			    B(PFKEY_EXT_SOFT))
#define KEYS		(B(PFKEY_EXT_KEY_AUTH) | B(PFKEY_EXT_KEY_ENCRYPT))
#define IDENTS		(B(PFKEY_EXT_IDENT_SRC) | B(PFKEY_EXT_IDENT_DST))
#define NAT_T		(B(LINUX_EXT_NAT_T_TYPE) |			\
			    B(LINUX_EXT_NAT_T_SPORT) |			\
			    B(LINUX_EXT_NAT_T_DPORT))
#define LINUX_SA	(B(LINUX_EXT_SA2) | LIVES | KEYS | IDENTS |	\
			    NAT_T | B(PFKEY_EXT_IFACE))
/* TAG, TAP and MTU are for pf(4), enc(4) and path MTU: nothing secd has */
#define OBSD_SA		(B(PFKEY_EXT_PROXY) | LIVES | KEYS | IDENTS |	\
			    B(OBSD_EXT_UDPENCAP) | B(OBSD_EXT_TAG) |	\
			    B(OBSD_EXT_TAP) | B(OBSD_EXT_RDOMAIN) |	\
			    B(OBSD_EXT_MTU) | B(OBSD_EXT_REPLAY) |	\
			    B(PFKEY_EXT_IFACE))
#define OBSD_FLOW	(B(OBSD_EXT_SRC_FLOW) | B(OBSD_EXT_SRC_MASK) |	\
			    B(OBSD_EXT_DST_FLOW) | B(OBSD_EXT_DST_MASK) | \
			    B(OBSD_EXT_FLOW_TYPE))
#define ALL		(PFKEY_S_UNSPEC | PFKEY_S_ESP | PFKEY_S_OTHER)

/* must, may, satypes, served */
static const struct pfkey_rule linux_rules[PFKEY_TYPES] = {
	[PFKEY_GETSPI] = { B(PFKEY_EXT_SPIRANGE) | ADDRS, B(LINUX_EXT_SA2),
	    PFKEY_S_ESP, 1 },
	[PFKEY_UPDATE] = { B(PFKEY_EXT_SA) | ADDRS, LINUX_SA, PFKEY_S_ESP, 1 },
	[PFKEY_ADD] = { B(PFKEY_EXT_SA) | ADDRS | B(LINUX_EXT_SA2) |
	    B(PFKEY_EXT_KEY_ENCRYPT), LINUX_SA, PFKEY_S_ESP, 1 },
	[PFKEY_DELETE] = { B(PFKEY_EXT_SA) | ADDRS, B(LINUX_EXT_SA2),
	    PFKEY_S_ESP, 1 },
	[PFKEY_GET] = { B(PFKEY_EXT_SA) | ADDRS, B(LINUX_EXT_SA2),
	    PFKEY_S_ESP, 1 },
	[PFKEY_REGISTER] = { 0, 0, PFKEY_S_ESP | PFKEY_S_OTHER, 1 },
	[PFKEY_FLUSH] = { 0, 0, ALL, 1 },
	[PFKEY_DUMP] = { 0, 0, ALL, 1 },
	[LINUX_SPDUPDATE] = { ADDRS | B(LINUX_EXT_POLICY),
	    B(LINUX_EXT_SA2) | LIVES, PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
	[LINUX_SPDADD] = { ADDRS | B(LINUX_EXT_POLICY),
	    B(LINUX_EXT_SA2) | LIVES, PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
	[LINUX_SPDDELETE] = { ADDRS | B(LINUX_EXT_POLICY),
	    B(LINUX_EXT_SA2) | LIVES, PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
	[LINUX_SPDGET] = { B(LINUX_EXT_POLICY), ADDRS | B(LINUX_EXT_SA2),
	    PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
	[LINUX_SPDFLUSH] = { 0, 0, PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
};

static const struct pfkey_rule obsd_rules[PFKEY_TYPES] = {
	[PFKEY_GETSPI] = { B(PFKEY_EXT_SPIRANGE) | ADDRS, B(OBSD_EXT_RDOMAIN),
	    PFKEY_S_ESP, 1 },
	[PFKEY_UPDATE] = { B(PFKEY_EXT_SA) | ADDRS, OBSD_SA, PFKEY_S_ESP, 1 },
	[PFKEY_ADD] = { B(PFKEY_EXT_SA) | ADDRS | B(PFKEY_EXT_KEY_ENCRYPT),
	    OBSD_SA, PFKEY_S_ESP, 1 },
	[PFKEY_DELETE] = { B(PFKEY_EXT_SA) | B(PFKEY_EXT_DST),
	    B(PFKEY_EXT_SRC) | B(OBSD_EXT_RDOMAIN), PFKEY_S_ESP, 1 },
	[PFKEY_GET] = { B(PFKEY_EXT_SA) | B(PFKEY_EXT_DST),
	    B(PFKEY_EXT_SRC) | B(OBSD_EXT_RDOMAIN), PFKEY_S_ESP, 1 },
	[PFKEY_REGISTER] = { 0, 0, PFKEY_S_ESP | PFKEY_S_OTHER, 1 },
	[PFKEY_FLUSH] = { 0, 0, ALL, 1 },
	[PFKEY_DUMP] = { 0, 0, ALL, 1 },
	[OBSD_ADDFLOW] = { OBSD_FLOW, ADDRS | IDENTS | B(OBSD_EXT_PROTOCOL) |
	    B(OBSD_EXT_RDOMAIN), PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
	[OBSD_DELFLOW] = { OBSD_FLOW, ADDRS | IDENTS | B(OBSD_EXT_PROTOCOL) |
	    B(OBSD_EXT_RDOMAIN), PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
	[OBSD_ASKPOLICY] = { B(OBSD_EXT_POLICY), 0,
	    PFKEY_S_UNSPEC | PFKEY_S_ESP, 1 },
};

static const struct pfkey_rule unknown_rules[PFKEY_TYPES] = {
	[PFKEY_FLUSH] = { 0, 0, ALL, 1 },
	[PFKEY_DUMP] = { 0, 0, ALL, 1 },
};

const struct pfkey_rule *
pfkey_rule(enum client_dialect dialect, unsigned int type)
{
	const struct pfkey_rule *rules = unknown_rules;

	if (dialect == DIALECT_LINUX)
		rules = linux_rules;
	if (dialect == DIALECT_OPENBSD)
		rules = obsd_rules;
	if (type >= PFKEY_TYPES || !rules[type].served)
		return NULL;
	return &rules[type];
}

unsigned int
pfkey_satype(enum client_dialect dialect, unsigned int satype)
{
	if (satype == PFKEY_UNSPEC)
		return PFKEY_S_UNSPEC;
	if (satype == PFKEY_IPCOMP)
		return PFKEY_S_OTHER;
	switch (dialect) {
	case DIALECT_LINUX:
		if (satype == LINUX_ESP)
			return PFKEY_S_ESP;
		return satype == LINUX_AH ? PFKEY_S_OTHER : 0;
	case DIALECT_OPENBSD:
		if (satype == OBSD_ESP)
			return PFKEY_S_ESP;
		return satype == OBSD_AH ? PFKEY_S_OTHER : 0;
	case DIALECT_UNKNOWN:
		/* could be AH of the one, ESP of the other */
		if (satype == OBSD_AH || satype == OBSD_ESP ||
		    satype == LINUX_ESP)
			return PFKEY_S_OTHER;
		break;
	}
	return 0;
}

uint8_t
pfkey_esp(enum client_dialect dialect)
{
	return dialect == DIALECT_OPENBSD ? OBSD_ESP : LINUX_ESP;
}

/*
 * name, Linux, OpenBSD, AEAD, IV, bits.  An AEAD's key ends in 4 octets of
 * salt (RFC 4106 8.1, RFC 7634 section 2).
 */
static const struct pfkey_alg ciphers[] = {
	{ "aes-128", 12, 12, 0, 16, 128 },
	{ "aes-192", 12, 12, 0, 16, 192 },
	{ "aes-256", 12, 12, 0, 16, 256 },
	{ "aes-128-gcm", 20, 20, 1, 8, 160 },
	{ "aes-192-gcm", 20, 20, 1, 8, 224 },
	{ "aes-256-gcm", 20, 20, 1, 8, 288 },
	/* 22 is Camellia on Linux */
	{ "chacha20-poly1305", 0, 22, 1, 8, 288 },
};

/*
 * SHA2-256 has an ICV of 128 bits (RFC 4868) in both dialects, not the 96 of
 * Linux's PF_KEY, which is why a stock iked does not offer it there.
 */
static const struct pfkey_alg macs[] = {
	{ "hmac-sha1", 3, 3, 0, 0, 160 },
	{ "hmac-sha2-256", 5, 5, 0, 0, 256 },
	{ "hmac-sha2-384", 6, 6, 0, 0, 384 },
	{ "hmac-sha2-512", 7, 7, 0, 0, 512 },
};

#define NCIPHERS	(sizeof(ciphers) / sizeof(ciphers[0]))
#define NMACS		(sizeof(macs) / sizeof(macs[0]))

static unsigned int
id_of(const struct pfkey_alg *alg, enum client_dialect dialect)
{
	return dialect == DIALECT_OPENBSD ? alg->obsd_id : alg->linux_id;
}

const struct pfkey_alg *
pfkey_cipher(enum client_dialect dialect, unsigned int id, unsigned int bits)
{
	size_t i;

	for (i = 0; id != 0 && i < NCIPHERS; i++)
		if (id_of(&ciphers[i], dialect) == id &&
		    ciphers[i].bits == bits)
			return &ciphers[i];
	return NULL;
}

const struct pfkey_alg *
pfkey_mac(enum client_dialect dialect, unsigned int id, unsigned int bits)
{
	size_t i;

	for (i = 0; id != 0 && i < NMACS; i++)
		if (id_of(&macs[i], dialect) == id && macs[i].bits == bits)
			return &macs[i];
	return NULL;
}

uint8_t
pfkey_cipher_id(enum client_dialect dialect, const char *name)
{
	size_t i;

	for (i = 0; i < NCIPHERS; i++)
		if (strncmp(ciphers[i].name, name, SUITE_NAMELEN) == 0)
			return id_of(&ciphers[i], dialect);
	return 0;
}

uint8_t
pfkey_mac_id(enum client_dialect dialect, const char *name)
{
	size_t i;

	for (i = 0; i < NMACS; i++)
		if (strncmp(macs[i].name, name, SUITE_NAMELEN) == 0)
			return id_of(&macs[i], dialect);
	return 0;
}

const struct pfkey_alg *
pfkey_cipher_nth(unsigned int i)
{
	return i < NCIPHERS ? &ciphers[i] : NULL;
}

const struct pfkey_alg *
pfkey_mac_nth(unsigned int i)
{
	return i < NMACS ? &macs[i] : NULL;
}
