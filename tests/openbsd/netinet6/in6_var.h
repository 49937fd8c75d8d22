/* SPDX-License-Identifier: ISC */
/* Stand-in for OpenBSD's <netinet6/in6_var.h>: see README. */
#ifndef STANDIN_NETINET6_IN6_VAR_H
#define STANDIN_NETINET6_IN6_VAR_H

#include <net/if.h>
#include <netinet/in.h>

struct in6_addrlifetime {
	time_t		ia6t_expire;
	time_t		ia6t_preferred;
	uint32_t	ia6t_vltime;
	uint32_t	ia6t_pltime;
};

struct in6_ifreq {
	char	ifr_name[IFNAMSIZ];
	union {
		struct sockaddr_in6	ifru_addr;
		int			ifru_flags6;
	} ifr_ifru;
};

struct in6_aliasreq {
	char			ifra_name[IFNAMSIZ];
	struct sockaddr_in6	ifra_addr;
	struct sockaddr_in6	ifra_dstaddr;
	struct sockaddr_in6	ifra_prefixmask;
	int			ifra_flags;
	struct in6_addrlifetime	ifra_lifetime;
};

#define SIOCAIFADDR_IN6	9UL
#define SIOCDIFADDR_IN6	10UL

#endif
