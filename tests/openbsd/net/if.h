/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <net/if.h>: see README. */
#ifndef STANDIN_NET_IF_H
#define STANDIN_NET_IF_H

#include <sys/types.h>
#include <sys/socket.h>

#define IFNAMSIZ	16
#define IFF_UP		0x1
#define IFF_RUNNING	0x40

struct if_data {
	uint32_t	ifi_mtu;
	uint64_t	ifi_oqdrops;
};

struct ifreq {
	char	ifr_name[IFNAMSIZ];
	union {
		struct sockaddr	ifru_addr;
		short		ifru_flags;
		int		ifru_metric;
		caddr_t		ifru_data;
	} ifr_ifru;
#define ifr_addr	ifr_ifru.ifru_addr
#define ifr_flags	ifr_ifru.ifru_flags
#define ifr_mtu		ifr_ifru.ifru_metric
#define ifr_data	ifr_ifru.ifru_data
};

struct ifaliasreq {
	char	ifra_name[IFNAMSIZ];
	struct sockaddr	ifra_addr;
	struct sockaddr	ifra_dstaddr;
	struct sockaddr	ifra_mask;
};

#define SIOCSIFFLAGS	1UL
#define SIOCGIFFLAGS	2UL
#define SIOCGIFDATA	3UL
#define SIOCSIFMTU	4UL
#define SIOCIFCREATE	5UL
#define SIOCIFDESTROY	6UL
#define SIOCAIFADDR	7UL
#define SIOCDIFADDR	8UL

unsigned int	if_nametoindex(const char *);

#endif
