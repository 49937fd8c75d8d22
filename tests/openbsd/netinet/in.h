/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <netinet/in.h>: see README. */
#ifndef STANDIN_NETINET_IN_H
#define STANDIN_NETINET_IN_H

#include <sys/types.h>
#include <sys/socket.h>

struct in_addr {
	uint32_t	s_addr;
};

struct in6_addr {
	uint8_t		s6_addr[16];
};

struct sockaddr_in {
	uint8_t		sin_len;
	sa_family_t	sin_family;
	uint16_t	sin_port;
	struct in_addr	sin_addr;
	char		sin_zero[8];
};

struct sockaddr_in6 {
	uint8_t		sin6_len;
	sa_family_t	sin6_family;
	uint16_t	sin6_port;
	uint32_t	sin6_flowinfo;
	struct in6_addr	sin6_addr;
	uint32_t	sin6_scope_id;
};

struct in6_pktinfo {
	struct in6_addr	ipi6_addr;
	unsigned int	ipi6_ifindex;
};

#define IPPROTO_IP	0
#define IPPROTO_IPV6	41
#define IPPROTO_ESP	50
#define IP_HDRINCL	2
#define IP_RECVDSTADDR	7
#define IP_SENDSRCADDR	IP_RECVDSTADDR
#define IPV6_RECVPKTINFO 36
#define IPV6_PKTINFO	46

uint16_t	htons(uint16_t);
uint16_t	ntohs(uint16_t);
uint32_t	htonl(uint32_t);

#endif
