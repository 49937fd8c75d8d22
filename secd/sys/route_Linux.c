/* SPDX-License-Identifier: ISC */
/*
 * Where the kernel would send a packet, by rtnetlink: routes, devices and
 * neighbours.  Used by the engine's main thread, which has no rights: it asks,
 * and is told of changes, and could change nothing.  The parent makes the
 * sockets, one to ask by and one to be told by; so an answer is never behind
 * what was told, nor lost with it.
 *
 * The kernel answers before sendmsg(2) returns, so that asking is a plain call.
 *
 * What is not understood is refused, never guessed: more than one next hop, of
 * which the kernel picks one for each packet; encapsulation; a gateway of the
 * other family; anything but unicast by Ethernet.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "secd/sys/sys.h"

#define REQ_MAX		256		/* the longest request we make */
#define REPLY_MAX	16384		/* a link with its attributes */
#define READ_MAX	256		/* messages; then others' turn comes */
#define EVENTS_BUF	(2 * 1024 * 1024) /* octets; doubled by Linux */
#define MAC_LEN		6
#define IP_MAX		65535
#define IP4_LEN		20
#define IP6_LEN		40

union request {
	struct nlmsghdr	hdr;
	char		buf[REQ_MAX];
};

/* --- making one --- */

static const unsigned int groups[] = {
	RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE,
	RTNLGRP_IPV6_RULE, RTNLGRP_NEXTHOP
};

/* A group that the kernel does not know has nothing to tell. */
static int
join(int fd)
{
	int size = EVENTS_BUF;
	size_t i;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) == -1)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
		    &groups[i], sizeof(groups[i])) == -1 && errno != EINVAL)
			return -1;
	return 0;
}

int
sys_route_socket(int events)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd, saved;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    NETLINK_ROUTE);
	if (fd == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 &&
	    (!events || join(fd) == 0))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* --- talking --- */

static struct nlmsghdr *
request(union request *req, uint16_t type)
{
	static uint32_t seq;
	struct nlmsghdr *nlh;

	memset(req, 0, sizeof(*req));
	nlh = mnl_nlmsg_put_header(req->buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	if (++seq == 0)			/* 0 is any to libmnl */
		seq = 1;
	nlh->nlmsg_seq = seq;
	return nlh;
}

/* One datagram of the kernel's; its length, or -1 with errno. */
static ssize_t
receive(int fd, void *buf, size_t size)
{
	struct sockaddr_nl from = { .nl_family = AF_NETLINK };
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr mh = { .msg_name = &from, .msg_namelen = sizeof(from),
	    .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(fd, &mh, MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	if (from.nl_pid != 0 || (mh.msg_flags & MSG_TRUNC))
		return 0;		/* nothing in it */
	return n;
}

/* The answer to a request that has one; 0, or -1 with errno. */
static int
ask(int fd, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	char buf[REPLY_MAX] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = nlh, .iov_len = nlh->nlmsg_len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	int r;

	do
		n = sendmsg(fd, &mh, MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	for (;;) {
		if ((n = receive(fd, buf, sizeof(buf))) == -1)
			return -1;
		r = mnl_cb_run(buf, (size_t)n, nlh->nlmsg_seq, 0, cb, arg);
		if (r == -1 && errno == EPROTO)
			continue;	/* an answer nobody waited for */
		return r == -1 ? -1 : 0;
	}
}

/* --- attributes --- */

struct attrs {
	const struct nlattr	**at;
	unsigned int		 max;
};

static int
each_attr(const struct nlattr *a, void *arg)
{
	struct attrs *as = arg;

	if (mnl_attr_get_type(a) <= as->max)
		as->at[mnl_attr_get_type(a)] = a;
	return MNL_CB_OK;
}

/* at has room for max + 1, all NULL. */
static void
attributes(const struct nlmsghdr *nlh, size_t offset,
    const struct nlattr **at, unsigned int max)
{
	struct attrs as = { at, max };

	mnl_attr_parse(nlh, (unsigned int)offset, each_attr, &as);
}

static uint32_t
u32_of(const struct nlattr *a)
{
	if (a == NULL || mnl_attr_get_payload_len(a) != sizeof(uint32_t))
		return 0;
	return mnl_attr_get_u32(a);
}

/* Fill *ip; 0 if it is no address of this family. */
static int
addr_of(const struct nlattr *a, uint8_t af, struct ip_addr *ip)
{
	memset(ip, 0, sizeof(*ip));
	if (a == NULL || addr_len(af) == 0 ||
	    mnl_attr_get_payload_len(a) != addr_len(af))
		return 0;
	ip->af = af;
	memcpy(ip->a, mnl_attr_get_payload(a), addr_len(af));
	return 1;
}

static int
mac_of(const struct nlattr *a, uint8_t mac[MAC_LEN])
{
	if (a == NULL || mnl_attr_get_payload_len(a) != MAC_LEN)
		return 0;
	memcpy(mac, mnl_attr_get_payload(a), MAC_LEN);
	return 1;
}

/* --- routes --- */

#define ROUTE_ATTRS	RTA_NH_ID

struct route_found {
	uint8_t		af;
	uint8_t		type;
	uint32_t	oif;
	uint32_t	mtu;		/* of the route; 0 none */
	struct ip_addr	gateway;	/* af 0: on the link */
	struct ip_addr	source;
	int		many;		/* next hops */
	int		strange;	/* what we do not know */
};

static int
metric(const struct nlattr *a, void *arg)
{
	if (mnl_attr_get_type(a) == RTAX_MTU)
		*(uint32_t *)arg = u32_of(a);
	return MNL_CB_OK;
}

static int
route_message(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *at[ROUTE_ATTRS + 1] = { NULL };
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct route_found *f = arg;

	if (nlh->nlmsg_type != RTM_NEWROUTE ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    rtm->rtm_family != f->af)
		return MNL_CB_OK;
	attributes(nlh, sizeof(*rtm), at, ROUTE_ATTRS);
	f->type = rtm->rtm_type;
	f->oif = u32_of(at[RTA_OIF]);
	f->many = at[RTA_MULTIPATH] != NULL;
	f->strange = at[RTA_ENCAP] != NULL || at[RTA_ENCAP_TYPE] != NULL ||
	    at[RTA_VIA] != NULL || at[RTA_NEWDST] != NULL;
	addr_of(at[RTA_GATEWAY], f->af, &f->gateway);
	addr_of(at[RTA_PREFSRC], f->af, &f->source);
	if (at[RTA_METRICS] != NULL)
		mnl_attr_parse_nested(at[RTA_METRICS], metric, &f->mtu);
	return MNL_CB_OK;
}

/*
 * With RTM_F_FIB_MATCH in flags the route itself, with all its next hops, else
 * what the kernel makes of it.  As the parent, whose sockets the raw ones are.
 */
static int
find_route(int fd, const struct ip_addr *src, const struct ip_addr *dst,
    unsigned int flags, struct route_found *f)
{
	const unsigned int len = addr_len(dst->af);
	union request req;
	struct nlmsghdr *nlh;
	struct rtmsg *rtm;

	memset(f, 0, sizeof(*f));
	f->af = dst->af;
	nlh = request(&req, RTM_GETROUTE);
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = dst->af;
	rtm->rtm_dst_len = (uint8_t)(len * 8);
	rtm->rtm_flags = flags;
	mnl_attr_put(nlh, RTA_DST, len, dst->a);
	if (src->af == dst->af) {
		rtm->rtm_src_len = (uint8_t)(len * 8);
		mnl_attr_put(nlh, RTA_SRC, len, src->a);
	}
	mnl_attr_put_u32(nlh, RTA_UID, 0);
	return ask(fd, nlh, route_message, f);
}

/* --- devices --- */

struct link_found {
	char		name[IFNAMSIZ];
	uint16_t	type;
	unsigned int	flags;
	uint32_t	mtu;
	int		has_mac;
	uint8_t		mac[MAC_LEN];
};

static int
link_message(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *at[IFLA_MTU + 1] = { NULL };
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct link_found *f = arg;

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return MNL_CB_OK;
	attributes(nlh, sizeof(*ifi), at, IFLA_MTU);
	f->type = ifi->ifi_type;
	f->flags = ifi->ifi_flags;
	f->mtu = u32_of(at[IFLA_MTU]);
	f->has_mac = mac_of(at[IFLA_ADDRESS], f->mac);
	if (at[IFLA_IFNAME] != NULL &&
	    mnl_attr_validate(at[IFLA_IFNAME], MNL_TYPE_NUL_STRING) != -1)
		snprintf(f->name, sizeof(f->name), "%s",
		    mnl_attr_get_str(at[IFLA_IFNAME]));
	return MNL_CB_OK;
}

static int
find_link(int fd, uint32_t ifindex, struct link_found *f)
{
	union request req;
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;

	memset(f, 0, sizeof(*f));
	nlh = request(&req, RTM_GETLINK);
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = (int)ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return ask(fd, nlh, link_message, f);
}

/* --- neighbours --- */

struct neigh_found {
	uint32_t	ifindex;
	struct ip_addr	addr;
	enum sys_neigh	neigh;
	uint8_t		mac[MAC_LEN];
};

static enum sys_neigh
neigh_of(unsigned int state)
{
	if (state & (NUD_REACHABLE | NUD_PERMANENT | NUD_NOARP))
		return SYS_NEIGH_SURE;
	if (state & (NUD_DELAY | NUD_PROBE))
		return SYS_NEIGH_ASKED;
	return state & NUD_STALE ? SYS_NEIGH_OLD : SYS_NEIGH_NONE;
}

static int
neigh_message(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *at[NDA_LLADDR + 1] = { NULL };
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct neigh_found *f = arg;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm))
		return MNL_CB_OK;
	attributes(nlh, sizeof(*ndm), at, NDA_LLADDR);
	/* those of bridges have no address of a family */
	if (!addr_of(at[NDA_DST], ndm->ndm_family, &f->addr))
		return MNL_CB_OK;
	f->ifindex = (uint32_t)ndm->ndm_ifindex;
	if (nlh->nlmsg_type == RTM_NEWNEIGH && mac_of(at[NDA_LLADDR], f->mac))
		f->neigh = neigh_of(ndm->ndm_state);
	return MNL_CB_OK;
}

static int
find_neigh(int fd, uint32_t ifindex, const struct ip_addr *addr,
    struct neigh_found *f)
{
	union request req;
	struct nlmsghdr *nlh;
	struct ndmsg *ndm;

	memset(f, 0, sizeof(*f));
	nlh = request(&req, RTM_GETNEIGH);
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = addr->af;
	ndm->ndm_ifindex = (int)ifindex;
	mnl_attr_put(nlh, NDA_DST, addr_len(addr->af), addr->a);
	return ask(fd, nlh, neigh_message, f);
}

/* --- all of it --- */

static int __attribute__((format(printf, 3, 4)))
complain(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -1;
}

/*
 * The raw socket's owner would be refused another's address, and nobody refuses
 * us: a source has to be this host's.
 */
static int
check_source(int fd, const struct ip_addr *src, char *why, size_t size)
{
	const struct ip_addr none = { 0 };
	struct route_found f;

	if (src->af == 0 || (find_route(fd, &none, src, 0, &f) == 0 &&
	    f.type == RTN_LOCAL))
		return 0;
	return complain(why, size, "its source is no address of this host");
}

static int
check_route(int fd, const struct ip_addr *src, const struct ip_addr *dst,
    struct route_found *f, char *why, size_t size)
{
	struct route_found all;

	if (find_route(fd, src, dst, RTM_F_FIB_MATCH, &all) == -1 ||
	    find_route(fd, src, dst, 0, f) == -1)
		return complain(why, size, "no route");
	if (all.many)
		return complain(why, size, "multipath route");
	if (all.strange || f->strange)
		return complain(why, size, "route that secd does not know");
	if (f->type == RTN_LOCAL)
		return complain(why, size, "peer is this host");
	/* one without a device is by a next hop object that is not shown */
	if (f->type != RTN_UNICAST || all.oif == 0 || f->oif == 0)
		return complain(why, size, "route that secd does not know");
	return 0;
}

static int
check_link(const struct link_found *l, char *why, size_t size)
{
	if (l->type != ARPHRD_ETHER || !l->has_mac ||
	    (l->flags & (IFF_NOARP | IFF_LOOPBACK)))
		return complain(why, size, "%s is no Ethernet device", l->name);
	if (!(l->flags & IFF_UP))
		return complain(why, size, "%s is down", l->name);
	if (!(l->flags & IFF_RUNNING))
		return complain(why, size, "%s has no carrier", l->name);
	return 0;
}

static uint32_t
room_of(uint8_t af, uint32_t device_mtu, uint32_t route_mtu)
{
	const uint32_t header = af == AF_INET ? IP4_LEN : IP6_LEN;
	uint32_t mtu = device_mtu;

	if (route_mtu != 0 && route_mtu < mtu)
		mtu = route_mtu;
	if (mtu > IP_MAX)
		mtu = IP_MAX;
	return mtu > header ? mtu - header : 0;
}

int
sys_route_ask(int fd, const struct ip_addr *src, const struct ip_addr *dst,
    struct sys_route *route, char *why, size_t size)
{
	struct route_found f;
	struct link_found l;
	struct neigh_found n;

	memset(route, 0, sizeof(*route));
	if (check_source(fd, src, why, size) == -1 ||
	    check_route(fd, src, dst, &f, why, size) == -1)
		return -1;
	route->ifindex = f.oif;
	route->next = f.gateway.af != 0 ? f.gateway : *dst;
	if (find_link(fd, f.oif, &l) == -1)
		return complain(why, size, "no route");
	if (check_link(&l, why, size) == -1)
		return -1;
	if (find_neigh(fd, f.oif, &route->next, &n) == -1 ||
	    n.neigh == SYS_NEIGH_NONE)
		return complain(why, size, "next hop not resolved");
	route->neigh = n.neigh;
	route->hop.room = room_of(dst->af, l.mtu, f.mtu);
	route->hop.src = src->af != 0 ? *src : f.source;
	route->hop.dst = *dst;
	memcpy(route->hop.here, l.mac, MAC_LEN);
	memcpy(route->hop.there, n.mac, MAC_LEN);
	if (route->hop.src.af == 0)
		return complain(why, size, "no source address");
	route->hop.ifindex = f.oif;
	return 0;
}

/* --- changes --- */

/* A clone of a route is a cache's, and says nothing new. */
static int
route_event(const struct nlmsghdr *nlh, struct sys_route_event *ev)
{
	const struct nlattr *at[RTA_DST + 1] = { NULL };
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    addr_len(rtm->rtm_family) == 0 || (rtm->rtm_flags & RTM_F_CLONED))
		return 0;
	attributes(nlh, sizeof(*rtm), at, RTA_DST);
	ev->kind = SYS_ROUTE_PREFIX;
	if (addr_of(at[RTA_DST], rtm->rtm_family, &ev->addr))
		ev->prefixlen = rtm->rtm_dst_len;
	ev->addr.af = rtm->rtm_family;
	return ev->prefixlen <= addr_len(ev->addr.af) * 8;
}

static int
neigh_event(const struct nlmsghdr *nlh, struct sys_route_event *ev)
{
	struct neigh_found n;

	memset(&n, 0, sizeof(n));
	neigh_message(nlh, &n);
	ev->kind = SYS_ROUTE_NEIGH;
	ev->ifindex = n.ifindex;
	ev->addr = n.addr;
	ev->neigh = n.neigh;
	memcpy(ev->there, n.mac, MAC_LEN);
	return n.addr.af != 0;
}

static int
link_event(const struct nlmsghdr *nlh, struct sys_route_event *ev)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	/* a bridge tells of its ports in its own family */
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) ||
	    ifi->ifi_family != AF_UNSPEC)
		return 0;
	ev->kind = SYS_ROUTE_LINK;
	ev->ifindex = (uint32_t)ifi->ifi_index;
	ev->up = nlh->nlmsg_type == RTM_NEWLINK &&
	    (ifi->ifi_flags & IFF_UP) && (ifi->ifi_flags & IFF_RUNNING);
	return 1;
}

static int
to_event(const struct nlmsghdr *nlh, struct sys_route_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_event(nlh, ev);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return neigh_event(nlh, ev);
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_event(nlh, ev);
	}
	ev->kind = SYS_ROUTE_ANY;
	return 1;
}

struct reader {
	void	(*cb)(const struct sys_route_event *, void *);
	void	*arg;
};

static int
event_message(const struct nlmsghdr *nlh, void *arg)
{
	const struct reader *r = arg;
	struct sys_route_event ev;

	if (to_event(nlh, &ev))
		r->cb(&ev, r->arg);
	return MNL_CB_OK;
}

int
sys_route_read(int fd, void (*cb)(const struct sys_route_event *, void *),
    void *arg)
{
	char buf[REPLY_MAX] __attribute__((aligned(8)));
	struct reader r = { cb, arg };
	ssize_t n;
	int i;

	for (i = 0; i < READ_MAX; i++) {
		if ((n = receive(fd, buf, sizeof(buf))) == -1)
			return errno == EAGAIN ? 0 : -1;
		mnl_cb_run(buf, (size_t)n, 0, 0, event_message, &r);
	}
	return 0;
}
