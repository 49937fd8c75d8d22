/* SPDX-License-Identifier: ISC */
/*
 * A message of IKE's that came to secd, merged behind ESP by the kernel, on its
 * way to the daemon that shares UDP port 4500: this in front of it, from the
 * loopback address and that port to the same.  secd/sys sends it, the daemon's
 * library takes it apart.  A leaf: includes nothing of ours.
 *
 * The first words are those of IKE itself (RFC 3948 2.2, RFC 7296 3.1), since
 * they decide whose it is: an answer to nothing that was asked, in an SA that
 * nobody has, which a daemon without the library ignores.
 */
#ifndef PASS_H
#define PASS_H

#include <stdint.h>

/* Marker, both SPIs; no payload, version 2, INFORMATIONAL, response; ID 0. */
#define PASS_MAGIC	"\0\0\0\0" \
			"\x5b\xb8\x12\xd8\xf7\xf6\xc7\xa9" \
			"\x27\xab\x19\x97\xb9\xec\x97\x95" \
			"\x00\x20\x25\x20" "\0\0\0\0"
#define PASS_MAGICLEN	28

struct pass_hdr {
	uint8_t	magic[PASS_MAGICLEN];
	uint8_t	length[4];	/* all behind the marker, network order */
	uint8_t	src[16];	/* whence the message came, IPv4 mapped */
	uint8_t	dst[16];	/* and to which of our addresses */
	uint8_t	sport[2];	/* network order */
	uint8_t	zero[2];
};

#endif /* PASS_H */
