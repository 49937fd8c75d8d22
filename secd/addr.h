/* SPDX-License-Identifier: ISC */
/*
 * An IP address as every room passes it: fixed width, comparable by memcmp,
 * free of scope and port.  A leaf: includes nothing of ours.
 */
#ifndef ADDR_H
#define ADDR_H

#include <sys/socket.h>

#include <stdint.h>

struct ip_addr {
	uint8_t	af;		/* 0 (none or any), AF_INET or AF_INET6 */
	uint8_t	pad[3];		/* zero */
	uint8_t	a[16];		/* network order; IPv4 in the first four,
				 * the rest zero */
};

#define ADDR_STRLEN	46	/* INET6_ADDRSTRLEN */

/* addr.c */

/* Length of an address of this family in octets: 4, 16, or 0. */
unsigned int	 addr_len(uint8_t af);
/* Parse text ("192.0.2.1", "2001:db8::1"); 0, or -1 if it is neither. */
int		 addr_parse(const char *, struct ip_addr *);
/* Write the address into buf ("any" for af 0) and return buf. */
const char	*addr_print(const struct ip_addr *, char buf[ADDR_STRLEN]);
/* 1 if the octets are a well-formed ip_addr (from another process), else 0. */
int		 addr_valid(const struct ip_addr *);
int		 addr_equal(const struct ip_addr *, const struct ip_addr *);
/* 1 if a host can have it: not unspecified, multicast or broadcast. */
int		 addr_is_host(const struct ip_addr *);
/* To and from a socket address (port 0); the length, or 0 for af 0. */
socklen_t	 addr_to_sockaddr(const struct ip_addr *,
		    struct sockaddr_storage *);
int		 addr_from_sockaddr(struct ip_addr *, const struct sockaddr *);

#endif /* ADDR_H */
