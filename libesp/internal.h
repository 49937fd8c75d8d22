/* SPDX-License-Identifier: ISC */
/*
 * What the files of libesp share with each other and with their tests, and
 * nobody else.  Not installed.
 */
#ifndef ESP_INTERNAL_H
#define ESP_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "libesp/esp.h"

#define ESP_PACKET_MAX	65535U	/* no IP payload is longer */
#define ESP_TRAILER_LEN	2U	/* pad length and next header */
#define ESP_ALIGN_MAX	16U	/* of all suites */

/* Next header values, RFC 4303 2.6 */
#define ESP_NEXT_IPV4	4
#define ESP_NEXT_IPV6	41
#define ESP_NEXT_NONE	59
/* Of the inner packet: RFC 8200 4.1, 8.1 */
#define ESP_NEXT_HOP	0	/* hop-by-hop options */
#define ESP_NEXT_TCP	6
#define ESP_NEXT_UDP	17
#define ESP_NEXT_ROUTE	43
#define ESP_NEXT_ICMP6	58
#define ESP_NEXT_DEST	60	/* destination options */

/* Headers of the inner packet; offsets into them are the RFCs' */
#define ESP_IPV4_LEN	20U	/* without options, RFC 791 3.1 */
#define ESP_IPV6_LEN	40U	/* RFC 8200 3 */
#define ESP_UDP_LEN	8U	/* RFC 768 */
#define ESP_UDP_SUM	6U
#define ESP_TCP_LEN	20U	/* without options, RFC 9293 3.1 */
#define ESP_TCP_SUM	16U
#define ESP_TCP_FLAGS	13U
#define ESP_TCP_FIN	0x01
#define ESP_TCP_PSH	0x08
#define ESP_TCP_ACK	0x10
#define ESP_TCP_CWR	0x80	/* RFC 3168 6.1.2 */

/*
 * A cipher file behind the suite table.  Its state lies in the SA's memory,
 * aligned for any type, zeroed before setup.  Packets are contiguous: header
 * (written by the caller), IV, ciphertext, ICV; lengths are already checked.
 */
struct esp_cipher_ops {
	size_t	 state_size;
	/* Make the state for the parameters' direction; 0, or -1, errno. */
	int	 (*setup)(void *state, const struct esp_params *);
	/* Free what setup took; the caller wipes the state itself. */
	void	 (*clear)(void *state);
	/*
	 * Write the IV, encrypt text[0 .. len), which is payload and trailer,
	 * write the ICV.  text is its place in the packet or lies outside of
	 * it.  ESP_OK or ESP_CRYPTO.
	 */
	enum esp_status (*seal)(void *state, uint64_t seq, uint8_t *pkt,
		    const uint8_t *text, size_t len);
	/*
	 * Decrypt the len octets of ciphertext into out (their own place, or
	 * outside of the packet) and compare the ICV.  ESP_OK, ESP_BAD_ICV or
	 * ESP_CRYPTO; but for ESP_OK the caller wipes out.
	 */
	enum esp_status (*open)(void *state, uint64_t seq, const uint8_t *pkt,
		    uint8_t *out, size_t len);
};

/* The replay window of an inbound SA, and its guess of high halves. */
struct esp_replay {
	uint64_t	 top;		/* highest authenticated number */
	uint64_t	*ring;		/* of words; number n is bit n % 64 of
					 * its block's word */
	uint32_t	 words;
	uint32_t	 at;		/* top's word; those before it, round
					 * the ring, are of the blocks below */
	uint32_t	 window;	/* numbers that are told apart; 0 = all
					 * are taken and ring is NULL */
	int		 esn;
};

struct esp_sa {
	const struct esp_suite	*suite;
	const struct esp_cipher_ops *ops; /* the backend's, or the suite's */
	void			*state;		/* the cipher's */
	uint64_t		 seq;		/* out: last number used */
	uint64_t		 limit;		/* out; 0 with ESP_IN */
	uint64_t		 max;
	struct esp_replay	 replay;	/* in */
	uint32_t		 spi;
	enum esp_dir		 dir;
	size_t			 size;		/* of the memory, all of it */
};

static inline unsigned int
esp_load16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static inline void
esp_store16(uint8_t *p, unsigned int v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline uint32_t
esp_load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static inline void
esp_store32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

static inline void
esp_store64(uint8_t *p, uint64_t v)
{
	esp_store32(p, v >> 32);
	esp_store32(p + 4, (uint32_t)v);
}

/* buf.c: 0, or -1 and no change when there is no room */

/* 1 if base <= data <= data + len <= base + cap, else 0. */
int	 esp_buf_sane(const struct esp_buf *);
/* Grow by n octets at the front. */
int	 esp_buf_push(struct esp_buf *, size_t n);
/* Grow by n octets at the end. */
int	 esp_buf_put(struct esp_buf *, size_t n);
/* Shrink by n octets at the front. */
int	 esp_buf_pull(struct esp_buf *, size_t n);
/* Shrink to n octets, from the end. */
int	 esp_buf_trim(struct esp_buf *, size_t n);
/* 1 if their octets [data, data + len) share none, else 0. */
int	 esp_buf_apart(const struct esp_buf *, const struct esp_buf *);

/* aead.c */

extern const struct esp_cipher_ops esp_aead_ops;

#define ESP_AEAD_NONCELEN 12U
/*
 * The AEAD itself, under the state's key, for any nonce and associated data:
 * what seal and open of the suites are made of.
 */
enum esp_status	 esp_aead_encrypt(void *state, const uint8_t *nonce,
		    const uint8_t *aad, size_t aadlen, const uint8_t *in,
		    size_t len, uint8_t *out, uint8_t *icv);
enum esp_status	 esp_aead_decrypt(void *state, const uint8_t *nonce,
		    const uint8_t *aad, size_t aadlen, const uint8_t *in,
		    uint8_t *out, size_t len, const uint8_t *icv);

/* mb.c: the same under its state's key, for the tests */

enum esp_status	 esp_mb_encrypt(void *state, const uint8_t *nonce,
		    const uint8_t *aad, size_t aadlen, const uint8_t *in,
		    size_t len, uint8_t *out, uint8_t *icv);
enum esp_status	 esp_mb_decrypt(void *state, const uint8_t *nonce,
		    const uint8_t *aad, size_t aadlen, const uint8_t *in,
		    uint8_t *out, size_t len, const uint8_t *icv);

/* cbc.c */

extern const struct esp_cipher_ops esp_cbc_ops;

/* checksum.c */

/*
 * The sum of the pseudo header of len octets of transport, whose addresses are
 * in the IPv4 or IPv6 header at ip, added to sum.
 */
uint64_t	 esp_sum_pseudo(const uint8_t *ip, uint8_t proto, size_t len,
		    uint64_t sum);

/* inner.c */

/*
 * Judge the inner packet at p, of which len octets are there, against the next
 * header that announces it.  ESP_OK sets *innerlen to its own length.
 */
enum esp_status	 esp_inner_check(const uint8_t *p, size_t len, uint8_t next,
		    size_t *innerlen);
/* The next header that announces a packet of this version, or 0. */
uint8_t		 esp_inner_next(const uint8_t *p, size_t len);

/* replay.c */

/* Words of the ring for a window; 0 for window 0. */
uint32_t	 esp_replay_words(uint32_t window);
/* ring has esp_replay_words(); everything up to top counts as seen. */
void		 esp_replay_init(struct esp_replay *, uint64_t *ring,
		    uint32_t window, int esn, uint64_t top);
/*
 * The number a packet with these low 32 bits must have.  ESP_OK sets *seq;
 * ESP_SEQ_ZERO, or ESP_TOO_OLD when there is no such number.
 */
enum esp_status	 esp_replay_infer(const struct esp_replay *, uint32_t low,
		    uint64_t *seq);
/* May seq be accepted?  ESP_OK, ESP_TOO_OLD or ESP_REPLAY; changes nothing. */
enum esp_status	 esp_replay_check(const struct esp_replay *, uint64_t seq);
/* seq, which the check has passed, is authentic: remember it. */
void		 esp_replay_mark(struct esp_replay *, uint64_t seq);
/* Everything up to seq counts as seen; never forgets anything. */
void		 esp_replay_advance(struct esp_replay *, uint64_t seq);

#endif /* ESP_INTERNAL_H */
