/* SPDX-License-Identifier: ISC */
/*
 * libesp: ESP tunnel mode (RFC 4303) for one packet at a time.
 *
 * The library does no I/O, reads no clock, writes no log, takes no lock and
 * keeps no global state.  It allocates only libcrypto's contexts of an SA, in
 * esp_sa_init(), where an outbound CBC SA also draws random octets.  All memory
 * is the caller's.  An SA may be used by one thread at a time; different SAs
 * are independent.
 *
 * SPIs, sequence numbers and lengths are in host byte order; packets are in
 * network byte order; lengths are in octets.
 */
#ifndef ESP_H
#define ESP_H

#include <stddef.h>
#include <stdint.h>

#define ESP_SPI_MIN	256U	/* 0..255 are reserved, RFC 4303 2.1 */
#define ESP_HDR_LEN	8U	/* SPI and sequence number */
#define ESP_REPLAY_MAX	65536U	/* largest replay window, packets */
#define ESP_NOLIMIT	UINT64_MAX

/*
 * What became of a packet.  The value is also the index of its counter and,
 * by esp_status_name(), its printed name.  Order is not part of the interface.
 */
enum esp_status {
	ESP_OK,
	/* the caller's buffers */
	ESP_NO_ROOM,		/* output (or its head or tail room) too small,
				 * overlaps the input, or is malformed */
	/* sealing */
	ESP_BAD_INNER,		/* not a whole IPv4 or IPv6 packet */
	ESP_TOO_BIG,		/* sealed it would exceed 65,535 octets */
	ESP_SEQ_HELD,		/* next number is above the SA's limit */
	ESP_SEQ_END,		/* number space used up; never wraps */
	ESP_CRYPTO,		/* the crypto library failed; number is burnt
				 * (opening: nothing has changed) */
	ESP_BAD_OFFLOAD,	/* what the device says of a super-packet
				 * contradicts it (offload.h) */
	/* opening, before authentication */
	ESP_SHORT,		/* shorter than header, IV, trailer, ICV */
	ESP_BAD_SPI,		/* not this SA's SPI */
	ESP_BAD_LENGTH,		/* ciphertext not a multiple of the alignment,
				 * or packet above 65,535 octets */
	ESP_SEQ_ZERO,		/* number 0 is never sent */
	ESP_TOO_OLD,		/* left of the replay window */
	ESP_REPLAY,		/* number already seen */
	/* opening: authentication */
	ESP_BAD_ICV,
	/* opening, authentic but refused */
	ESP_BAD_PADLEN,		/* pad length exceeds the payload */
	ESP_BAD_PAD,		/* padding is not 1, 2, 3, ... */
	ESP_DUMMY,		/* next header 59: dropped silently, counted */
	ESP_BAD_PROTO,		/* next header neither 4 nor 41 (nor 59) */
	ESP_BAD_VERSION,	/* inner version contradicts next header */
	ESP_INNER_SHORT,	/* payload shorter than an inner header */
	ESP_INNER_LEN,		/* inner length below header or above payload */
	ESP_STATUS_MAX
};

enum esp_dir { ESP_IN, ESP_OUT };

/*
 * A caller-owned buffer: base <= data <= data + len <= base + cap.
 * Room before data is headroom, room after data + len is tailroom.
 */
struct esp_buf {
	uint8_t	*base;
	size_t	 cap;
	uint8_t	*data;
	size_t	 len;
};

/*
 * A suite is a row of libesp/suite.c; ask for it by its ipsec.conf(5) names,
 * such as "aes-256-gcm" and no auth, or "aes-128" and "hmac-sha2-256" (CBC).
 */
struct esp_suite {
	const char	*enc;		/* cipher name */
	const char	*auth;		/* NULL when the cipher authenticates */
	size_t		 keylen;	/* cipher key without salt */
	size_t		 saltlen;	/* follows the key, RFC 4106 8.1 */
	size_t		 authkeylen;
	size_t		 ivlen;		/* on the wire */
	size_t		 icvlen;	/* on the wire */
	size_t		 align;		/* of payload plus trailer: a power of
					 * two, at least 4 */
	const struct esp_cipher_ops *ops;	/* private to libesp */
};

/*
 * A library that computes SAs' ciphers instead of libcrypto, for the suites
 * that it does better.  Filled in by the function of its file, once; constant
 * from then on, so that SAs of any number of threads may be made with it.
 */
struct esp_backend {
	const char	*name;		/* "ipsec-mb" */
	const void	*manager;	/* the library's own */
	/* private to libesp; NULL: not this suite */
	const struct esp_cipher_ops *(*ops)(const struct esp_suite *);
};

/* Everything an SA is made from.  Nothing here is kept but by value. */
struct esp_params {
	const struct esp_suite	*suite;
	const struct esp_backend *backend; /* NULL, or a suite that it does not
					 * do: libcrypto */
	enum esp_dir		 dir;
	int			 esn;	/* 64-bit numbers, RFC 4303 2.2.1 */
	uint32_t		 spi;
	uint32_t		 replay;/* window, packets; 0 = no check; in */
	uint64_t		 seq;	/* last number used (out) or highest
					 * seen, with all below it (in) */
	uint64_t		 limit;	/* highest number allowed; out */
	const uint8_t		*key;	/* suite->keylen, then suite->saltlen */
	size_t			 keylen;
	const uint8_t		*authkey;
	size_t			 authkeylen;
};

struct esp_sa;			/* opaque; caller's memory of esp_sa_size() */

/* status.c */

/* Printed name of a status, lower case with hyphens; "?" out of range. */
const char	*esp_status_name(enum esp_status);
/* 1 if a packet with this outcome of esp_open() was authentic, else 0. */
int		 esp_status_authentic(enum esp_status);

/* suite.c */

/* The suite of these names (auth NULL or "" for none), or NULL. */
const struct esp_suite *esp_suite_find(const char *enc, const char *auth);
/* The i'th suite, from 0, or NULL after the last. */
const struct esp_suite *esp_suite_at(size_t i);

/* mb.c, or mb_none.c where Intel's header was not there to build it */

/* 1 if the code below is built in, else 0. */
int		 esp_mb_built(void);
/*
 * Make a backend of libipsec-mb, which the caller has loaded: its IMB_MGR,
 * initialised for this CPU and outliving all SAs, and what imb_get_version()
 * says.  The manager is only read, so one serves all threads.  Returns NULL, or
 * a constant phrase that says why it cannot be used: no such code built in,
 * another version than it was built for, a CPU without AES instructions, a
 * failed test of the library's own.
 */
const char	*esp_mb_init(struct esp_backend *, const void *manager,
		    unsigned int version);

/* sa.c */

/* 1 if SAs of this suite are the backend's (NULL: none), 0 if libcrypto's. */
int		 esp_backend_does(const struct esp_backend *,
		    const struct esp_suite *);
/*
 * NULL if an SA can be made from p, else a constant phrase that says what is
 * wrong with it ("key has 16 octets, ..." is the caller's to compose): a
 * missing suite, a wrong key length, a reserved SPI, a window above
 * ESP_REPLAY_MAX, seq beyond the number space.
 */
const char	*esp_params_check(const struct esp_params *p);
/*
 * Octets that an SA made from p needs; depends on suite, backend, direction and
 * window.
 * 0 if esp_params_check() refuses p.
 */
size_t		 esp_sa_size(const struct esp_params *p);
/*
 * Make an SA in mem (aligned for any type, size octets); it may not be moved.
 * Returns it, or NULL with errno EINVAL (esp_params_check() tells, or mem is
 * not aligned), ENOBUFS (size too small), or ENOMEM (cipher context); mem then
 * holds no key octet.
 */
struct esp_sa	*esp_sa_init(void *mem, size_t size,
		    const struct esp_params *p);
/* Free the cipher context and wipe all of the SA's memory.  NULL is fine. */
void		 esp_sa_clear(struct esp_sa *);
/* Last number used (out), or highest authenticated (in). */
uint64_t	 esp_sa_seq(const struct esp_sa *);
/* Highest number the SA's space has: 2^32 - 1, or 2^64 - 1 with ESN. */
uint64_t	 esp_sa_seq_max(const struct esp_sa *);
/* Let esp_seal() use numbers up to top.  Lowering it is allowed. */
void		 esp_sa_set_limit(struct esp_sa *, uint64_t top);
/*
 * Move forward, never back: the next number sent is above seq (out), or
 * everything up to seq counts as seen (in).
 */
void		 esp_sa_advance(struct esp_sa *, uint64_t seq);
uint32_t	 esp_sa_spi(const struct esp_sa *);
/*
 * Ask for the SA's own memory that a packet will need, its expanded key above
 * all, so that it comes while the caller does other work: some packets ahead of
 * esp_seal() or esp_open().  Worth it where packets of thousands of SAs come in
 * turn; where the keys are in the cache it costs a few ns.  What libcrypto
 * keeps elsewhere is not reached.  Changes nothing.
 */
void		 esp_sa_prefetch(const struct esp_sa *);

/* seal.c */

/*
 * Octets of the ESP packet made of an inner packet of len octets; SIZE_MAX if
 * len is above 65,535.
 */
size_t		 esp_sealed_len(const struct esp_suite *, size_t len);
/*
 * Seal the inner IP packet in->data[0 .. len) and leave the ESP packet (SPI to
 * ICV) in out.  Takes the next sequence number; the IV of an AEAD suite is
 * that number (RFC 4106 3.1), so no number is ever taken twice.  A CBC suite's
 * IV is made of it and cannot be foreseen (RFC 3602 3).
 *
 * in == out: the header goes into its headroom (ESP_HDR_LEN + ivlen), trailer
 * and ICV into its tailroom.  Otherwise in must not overlap out, and the packet
 * is written from out->data on; out->len on entry is ignored.  in then needs
 * tailroom for the trailer alone, align + 1 octets at most, and when the call
 * returns they are what they were: several packets may stand in a row.
 *
 * in->len may be more than the inner packet says of itself: what follows goes
 * along as TFC padding (RFC 4303 2.7).
 *
 * On any status but ESP_OK out->data and out->len are as before, and the
 * number is used up only with ESP_CRYPTO (in place, the inner packet is then
 * lost).  An inbound SA seals nothing: ESP_SEQ_HELD.
 */
enum esp_status	 esp_seal(struct esp_sa *, struct esp_buf *in,
		    struct esp_buf *out) __attribute__((warn_unused_result));
/*
 * Seal a dummy of len payload octets (next header 59, RFC 4303 2.6), written
 * from out->data on.
 */
enum esp_status	 esp_seal_dummy(struct esp_sa *, size_t len,
		    struct esp_buf *out) __attribute__((warn_unused_result));

/* open.c */

/*
 * Open the ESP packet (SPI to ICV) in->data[0 .. len) and leave the inner IP
 * packet in out, trimmed to its own length (TFC padding removed, RFC 4303 2.7).
 *
 * in == out opens in place: the octets of the packet are then lost whatever
 * the outcome.  Otherwise in is only read, must not overlap out, and the inner
 * packet is written from out->data on (room for the whole ciphertext needed).
 *
 * The replay window is checked before and marked after the ICV (RFC 4303
 * 3.4.3); before the ICV agrees nothing in the SA changes.  On any status but
 * ESP_OK out->len is 0 and no plaintext remains in out.  An outbound SA opens
 * nothing: ESP_BAD_SPI.
 */
enum esp_status	 esp_open(struct esp_sa *, struct esp_buf *in,
		    struct esp_buf *out) __attribute__((warn_unused_result));

#endif /* ESP_H */
