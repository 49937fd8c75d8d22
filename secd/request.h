/* SPDX-License-Identifier: ISC */
/*
 * What can be asked of secd, free of any wire format: one structure for an
 * interface, one for an SA.  secd.conf, secctl, the PF_KEY socket and every
 * later front end fill them; the parent and the engine act on them.  They cross
 * process borders as they are, so every field has a fixed width, padding is
 * zero, text ends in NUL, and each receiver calls the check itself.
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
#define IFACE_SWITCH_DEFAULT 1	/* seconds */
#define IFACE_DRAIN_DEFAULT 5	/* seconds */
#define IFACE_SECONDS_MAX 300	/* of both */
#define REPLAY_MAX	65536
#define SUITE_NAMELEN	24
#define SA_KEYLEN_MAX	64	/* cipher key with salt; MAC key */
#define SA_OWNERLEN	20
#define UDP_ENCAP_PORT	4500	/* RFC 3948 */

/* --- of the daemon --- */

#define WORKERS_MAX	16

/* What the system may do for many packets at once; all by default. */
#define OFFLOAD_TSO	0x01	/* tun: TCP super-packets out of it */
#define OFFLOAD_USO	0x02	/* tun: UDP ones */
#define OFFLOAD_MERGE	0x04	/* tun: super-packets into it */
#define OFFLOAD_GSO	0x08	/* ESP in UDP: UDP_SEGMENT */
#define OFFLOAD_GRO	0x10	/* ESP in UDP: UDP_GRO */
#define OFFLOAD_ALL	0x1f

enum crypto_choice {
	CRYPTO_AUTO,		/* the best that passes its self-test */
	CRYPTO_LIBCRYPTO,
	CRYPTO_IPSEC_MB
};

/* What the engine has to know before it gives up its rights. */
struct engine_conf {
	uint8_t		workers;	/* 1 to WORKERS_MAX */
	uint8_t		offload;	/* OFFLOAD_* */
	uint8_t		crypto;		/* enum crypto_choice */
};

/* --- of an interface --- */

enum link_mode {
	LINK_SA,		/* carrier follows the SA pair */
	LINK_ADMIN		/* carrier stays up */
};

enum encap_mode {
	ENCAP_AUTO,		/* as each SA says; static ones: none */
	ENCAP_UDP,		/* ESP in UDP, always */
	ENCAP_NONE,		/* an SA that wants UDP is refused */
	ENCAP_PORT		/* ESP in UDP on a port of secd's, both ends */
};

enum output_mode {
	OUTPUT_RAW,		/* by raw sockets, as any program */
	OUTPUT_PACKET		/* past the kernel's IP, where that works */
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
	uint8_t		encap;		/* enum encap_mode */
	uint8_t		acquire;	/* ask IKE daemons for SAs */
	uint8_t		nofollow;	/* keep to the peer's address and port
					 * if its packets come from others */
	uint8_t		output;		/* enum output_mode */
	uint16_t	encap_port;	/* ENCAP_PORT: host order; else 0 */
	uint16_t	switch_delay;	/* seconds; 0 at once */
	uint16_t	drain;		/* seconds */
	uint16_t	pad2;
	struct iface_addr addrs[IFACE_NADDRS];
};

/* SA_ANY_DIR: the front end cannot tell; the engine finds out. */
enum sa_dir { SA_IN, SA_OUT, SA_ANY_DIR };

#define SA_F_ESN	0x0001
#define SA_F_REPLAY	0x0002	/* replay is given; else the interface's */
#define SA_F_STATIC	0x0004	/* typed by a person: its key is remembered by
				 * the nonce ledger for ever, an IKE daemon's
				 * for LEDGER_KEEP_DAYS after removal */
#define SA_F_CONF	0x0008	/* from secd.conf */
#define SA_F_IKE	0x0010	/* owner is whose it is; else nobody's.  Its
				 * request is answered before the ledger is */

/*
 * Whom SAs belong to: a program of a user, whatever connection it has at the
 * moment.  Padding after the name's NUL is zero.
 */
struct sa_owner {
	uint32_t	uid;
	char		name[SA_OWNERLEN];	/* "": the uid alone */
};

/* When an SA is to be replaced (soft) or ends (hard); 0: no limit. */
struct sa_life {
	uint64_t	bytes;		/* of inner packets */
	uint64_t	packets;
	uint64_t	added;		/* seconds since it was made */
	uint64_t	used;		/* seconds since its first packet */
};

/*
 * With keys: a new SA, or those that make a larval one (SPI and destination)
 * whole.  iface "" lets the engine map it.
 */
struct sa_request {
	struct sa_owner	owner;
	char		iface[IFACE_NAMELEN];
	char		enc[SUITE_NAMELEN];	/* "aes-256-gcm" */
	char		auth[SUITE_NAMELEN];	/* "" with an AEAD */
	struct ip_addr	src;
	struct ip_addr	dst;
	struct sa_life	soft;
	struct sa_life	hard;
	uint64_t	seq;		/* last used (out) or seen (in) */
	uint32_t	spi;		/* host order */
	uint32_t	replay;		/* packets */
	uint32_t	reqid;		/* a front end's own number; kept */
	uint16_t	flags;		/* SA_F_* */
	uint8_t		dir;		/* enum sa_dir */
	uint8_t		encap;		/* ESP in UDP: 1 */
	uint16_t	sport;		/* with encap: UDP ports of src and */
	uint16_t	dport;		/* dst, host order.  An IKE daemon's
					 * sport 0: dport is the peer's,
					 * whichever end that is */
	uint16_t	keylen;		/* octets used in key, salt included */
	uint16_t	authkeylen;
	uint8_t		key[SA_KEYLEN_MAX];
	uint8_t		authkey[SA_KEYLEN_MAX];
};

/* request.c */

/* One worker, all offloads, any crypto. */
void		 engine_conf_init(struct engine_conf *);
/* NULL if it is within bounds, else a constant phrase. */
const char	*engine_conf_check(const struct engine_conf *);
/* As one word and back; reading it: 0, or -1 if malformed. */
void		 engine_conf_print(const struct engine_conf *, char *buf,
		    size_t size);
int		 engine_conf_read(struct engine_conf *, const char *);
/* The secd.conf(5) word of the offload 1 << i, or NULL behind the last. */
const char	*offload_name(unsigned int i);
/* The word of an enum crypto_choice, or NULL: none has that number. */
const char	*crypto_name(unsigned int choice);

/* 1 if name is "sec" and a number without leading zero that fits. */
int		 iface_name_ok(const char *name);
/* All defaults but the name. */
void		 iface_conf_init(struct iface_conf *, const char *name);
/* Text fields fit and are terminated, zero behind the NUL: comparable. */
int		 sa_owner_ok(const struct sa_owner *);
int		 sa_owner_equal(const struct sa_owner *,
		    const struct sa_owner *);
/*
 * NULL if the request is well formed and within bounds, else a constant
 * phrase that says what is wrong.  Takes any octets (fields not terminated,
 * lengths too large); reads only inside the structure.  Says nothing about
 * what exists at run time, nor of keys' lengths against their suite.
 */
const char	*iface_conf_check(const struct iface_conf *);
const char	*sa_request_check(const struct sa_request *);
/* The same for one that changes an SA, and needs neither suite nor keys. */
const char	*sa_change_check(const struct sa_request *);

#endif /* REQUEST_H */
