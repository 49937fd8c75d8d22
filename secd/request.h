/* SPDX-License-Identifier: ISC */
/*
 * What can be asked of secd, free of any wire format: one structure for an
 * interface, one for an SA.  secd.conf, secctl and every later front end fill
 * them; the parent and the engine act on them.  They cross process borders as
 * they are, so every field has a fixed width, padding is zero, text ends in
 * NUL, and each receiver calls the check itself.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "secd/addr.h"

#define IFACE_NAMELEN	16	/* IFNAMSIZ */
#define IFACE_DESCRLEN	64
#define IFACE_NADDRS	8
#define IFACE_MTU_DEFAULT 1280	/* as sec(4) */
#define IFACE_MTU_MIN	576
#define IFACE_MTU_MIN6	1280	/* below it the kernel drops inet6 */
#define IFACE_MTU_MAX	32768	/* as sec(4) */
#define IFACE_REPLAY_DEFAULT 4096
#define REPLAY_MAX	65536
#define SUITE_NAMELEN	24
#define SA_KEYLEN_MAX	64	/* cipher key with salt; MAC key */

enum link_mode {
	LINK_SA,		/* carrier follows the SA pair */
	LINK_ADMIN		/* carrier stays up */
};

struct iface_addr {
	struct ip_addr	local;
	struct ip_addr	peer;		/* af 0: none given */
	uint8_t		prefixlen;	/* of the peer's side */
	uint8_t		pad[3];
};

struct iface_conf {
	char		name[IFACE_NAMELEN];	/* ^sec[0-9]+$ */
	char		device[IFACE_NAMELEN];	/* tun device where it cannot
						 * bear the name; or "" */
	char		descr[IFACE_DESCRLEN];	/* printable, or "" */
	struct ip_addr	local;		/* outer addresses; af 0 = any */
	struct ip_addr	peer;
	uint32_t	mtu;
	uint32_t	replay;		/* window of its SAs unless they say */
	uint8_t		link;		/* enum link_mode */
	uint8_t		dynamic;	/* made by secctl, not secd.conf */
	uint8_t		down;		/* administratively down at creation */
	uint8_t		naddrs;
	struct iface_addr addrs[IFACE_NADDRS];
};

enum sa_dir { SA_IN, SA_OUT };

#define SA_F_ESN	0x0001
#define SA_F_REPLAY	0x0002	/* replay is given; else the interface's */
#define SA_F_STATIC	0x0004	/* typed by a person: its key is remembered by
				 * the nonce ledger for ever, an IKE daemon's
				 * for LEDGER_KEEP_DAYS after removal */
#define SA_F_CONF	0x0008	/* from secd.conf */

struct sa_request {
	char		iface[IFACE_NAMELEN];
	char		enc[SUITE_NAMELEN];	/* "aes-256-gcm" */
	char		auth[SUITE_NAMELEN];	/* "" with an AEAD */
	struct ip_addr	src;
	struct ip_addr	dst;
	uint64_t	seq;		/* last used (out) or seen (in) */
	uint32_t	spi;		/* host order */
	uint32_t	replay;		/* packets */
	uint16_t	flags;		/* SA_F_* */
	uint8_t		dir;		/* enum sa_dir */
	uint8_t		pad;
	uint16_t	keylen;		/* octets used in key, salt included */
	uint16_t	authkeylen;
	uint8_t		key[SA_KEYLEN_MAX];
	uint8_t		authkey[SA_KEYLEN_MAX];
};

/* request.c */

/* 1 if name is "sec" and a number without leading zero that fits. */
int		 iface_name_ok(const char *name);
/* All defaults but the name. */
void		 iface_conf_init(struct iface_conf *, const char *name);
/*
 * NULL if the request is well formed and within bounds, else a constant
 * phrase that says what is wrong.  Takes any octets (fields not terminated,
 * lengths too large); reads only inside the structure.  Says nothing about
 * what exists at run time, nor of keys' lengths against their suite.
 */
const char	*iface_conf_check(const struct iface_conf *);
const char	*sa_request_check(const struct sa_request *);

#endif /* REQUEST_H */
