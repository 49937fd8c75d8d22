/* SPDX-License-Identifier: ISC */
/*
 * Super-packets: one IP packet that stands for many of one flow.  A tun device
 * with segmentation offload hands one over where TCP or UDP has much to send,
 * and takes one for much that came.  Here they are cut into what they stand
 * for, and made of packets that could have been cut from one.
 *
 * Pure: no I/O, allocation, clock, log or globals; all memory is the caller's.
 * Packets are in network byte order, everything else in host byte order;
 * lengths are in octets.
 */
#ifndef ESP_OFFLOAD_H
#define ESP_OFFLOAD_H

#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "libesp/esp.h"

enum esp_gso {
	ESP_GSO_NONE,		/* one packet */
	ESP_GSO_TCP4,
	ESP_GSO_TCP6,
	ESP_GSO_UDP		/* IPv4 or IPv6, each datagram for itself */
};

/*
 * What accompanies a packet at the tun device; the meaning is that of Linux's
 * struct virtio_net_hdr.  All 0: a packet as it is on the wire.
 */
struct esp_offload {
	uint8_t		gso;		/* enum esp_gso */
	uint8_t		ecn;		/* TCP: CWR is the first segment's */
	uint8_t		csum;		/* the transport checksum holds the sum
					 * of the pseudo header only */
	uint16_t	size;		/* transport payload of each segment;
					 * the last one's may be less */
	uint16_t	csum_start;	/* with csum: from the packet's start */
	uint16_t	csum_offset;	/* ... from there, the field */
};

/* --- checksum.c: RFC 1071 --- */

/*
 * The ones' complement sum of p[0 .. len), to be folded, added to sum; a last
 * odd octet counts as the high one of its word.  The sum of pieces of even
 * length is the sum of the whole.
 */
uint64_t	 esp_sum(const uint8_t *p, size_t len, uint64_t sum);
/* Folded and complemented: what stands in a header, in host order. */
uint16_t	 esp_sum_fold(uint64_t sum);

/* --- split.c: one super-packet into what it stands for --- */

#define ESP_SPLIT_HEAD	256	/* longest IP and transport headers taken */

/* The caller's, and private; between begin and the last next. */
struct esp_split {
	uint8_t		*pkt;
	size_t		 len;
	struct esp_offload off;
	size_t		 l4;		/* where the transport header begins */
	size_t		 hlen;		/* of all headers */
	size_t		 at;		/* next payload octet */
	uint32_t	 n;		/* packets made so far */
	uint32_t	 count;		/* ... in the end */
	uint32_t	 seq;		/* TCP: of the first */
	uint16_t	 id;		/* IPv4: of the first */
	uint8_t		 flags;		/* TCP: of all together */
	uint64_t	 sum;		/* of transport and pseudo headers,
					 * what is the same in all */
	uint64_t	 ipsum;		/* of the IPv4 header likewise */
	uint8_t		 head[ESP_SPLIT_HEAD];	/* 0 where they differ */
};

/*
 * Begin with the packet pkt[0 .. len), which offload describes.  ESP_OK;
 * ESP_BAD_INNER when it is no whole IPv4 or IPv6 packet (trailing octets beyond
 * its own length included, when it is a super-packet), ESP_BAD_OFFLOAD when
 * offload contradicts it: another protocol, an IPv4 fragment, a checksum
 * outside of it, size 0 or headers longer than ESP_SPLIT_HEAD; or when it has
 * segments left in a routing header and no csum (RFC 8200 8.1).  Trusts no
 * length of offload: headers are parsed, IPv6 extension headers too.  On any
 * status but ESP_OK the packet is as it was.
 */
enum esp_status	 esp_split_begin(struct esp_split *,
		    const struct esp_offload *, uint8_t *pkt, size_t len);
/*
 * The next packet, whole and with all checksums: *seg and *seglen, inside of
 * pkt.  Returns 1, or 0 after the last.  Its headers overwrite the end of the
 * one before, which the caller must have done with; but what lies behind the
 * packet that is returned is needed still, and the caller must leave it as it
 * is (esp_seal() does).  What is one packet comes back as it is, once; with
 * csum its checksum is done, 0xffff for 0, as Linux does for any protocol.
 *
 * IPv4: identification grows by 1 each (RFC 6864 2 allows what it likes with
 * DF); TCP: sequence number by the payload, FIN and PSH in the last alone, CWR
 * in the first alone (RFC 3168 6.1.2) if ecn, else in all, where it is part of
 * a count (RFC 9768 3.2.2); UDP: a sum of 0 is sent as 0xffff (RFC 768, RFC
 * 8200 8.1).
 */
int		 esp_split_next(struct esp_split *, uint8_t **seg,
		    size_t *seglen);
/* How many packets it will be; 1 at least. */
size_t		 esp_split_count(const struct esp_split *);

/* --- merge.c: packets into super-packets --- */

#define ESP_MERGE_GROUPS	64
#define ESP_MERGE_PIECES	64	/* packets of one group */
#define ESP_MERGE_TCP		0x1
#define ESP_MERGE_UDP		0x2

/*
 * Packets that the caller writes to the tun device as one, or one packet.  The
 * pieces point into the packets given; the first one's headers are those of the
 * whole.
 */
struct esp_group {
	void		*key;		/* the caller's */
	struct esp_offload off;
	struct iovec	 piece[ESP_MERGE_PIECES];
	unsigned int	 npieces;	/* packets of which it is made, too */
	size_t		 len;		/* of all pieces */
	size_t		 octets;	/* of the packets as they came */

	/* private */
	uint8_t		 open;		/* more can join */
	uint8_t		 verified;	/* the first one's sums are right */
	uint8_t		 l4;		/* offsets and lengths in its head */
	uint8_t		 hlen;
	uint8_t		 proto;		/* 0: of no known flow */
	uint8_t		 psh;		/* TCP: the last one has it */
	uint16_t	 id;		/* IPv4: next identification */
	uint32_t	 seq;		/* TCP: next sequence number */
};

struct esp_merge {
	unsigned int	 kinds;		/* ESP_MERGE_* that are merged */
	unsigned int	 n;
	uint32_t	 hash[ESP_MERGE_GROUPS];	/* of each one's flow */
	struct esp_group group[ESP_MERGE_GROUPS];
};

/* Nothing in it; kinds 0 merges nothing. */
void		 esp_merge_init(struct esp_merge *, unsigned int kinds);
/*
 * Add the whole packet pkt[0 .. len), which must stay where it is until the
 * group is written.  Packets of different keys never meet.  Returns 1, or 0
 * when there is no room: the caller takes all groups first (esp_merge_end(),
 * then esp_merge_init()), and adds it again.
 *
 * It joins the last group of its flow if that is one it could have been cut
 * from together with the others, by any sender: same addresses, ports, traffic
 * class, TTL, DF, flow label, options; TCP: same acknowledgement, window and
 * options, next in sequence, no flags but ACK and PSH, not longer than the
 * first; UDP: same length, or shorter as the last, and a checksum; IPv4: next
 * identification, or with DF also the same one; both checksums right.  PSH and
 * a shorter one end the group.  Else it begins one of its own.  So groups in
 * their order hold the packets of each flow in the order they came in.
 *
 * What it cannot judge (fragments, IP options, IPv6 extension headers, other
 * protocols) passes alone, untouched.
 */
int		 esp_merge_add(struct esp_merge *, void *key, uint8_t *pkt,
		    size_t len);
/*
 * Write the headers of groups of more than one packet: length, IPv4 checksum,
 * pseudo-header sum, PSH if the last one had it.  off of each is set.  Returns
 * how many groups there are: group[0 ..].
 */
unsigned int	 esp_merge_end(struct esp_merge *);

#endif /* ESP_OFFLOAD_H */
