/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <netinet/ip.h>: see README. */
#ifndef STANDIN_NETINET_IP_H
#define STANDIN_NETINET_IP_H

#include <netinet/in.h>

struct ip {
	unsigned int	ip_hl:4,
			ip_v:4;
	uint8_t		ip_tos;
	uint16_t	ip_len;
	uint16_t	ip_id;
	uint16_t	ip_off;
	uint8_t		ip_ttl;
	uint8_t		ip_p;
	uint16_t	ip_sum;
	struct in_addr	ip_src, ip_dst;
};

#define IP_MAXPACKET	65535
#define IPDEFTTL	64

#endif
