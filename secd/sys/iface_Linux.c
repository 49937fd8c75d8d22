/* SPDX-License-Identifier: ISC */
/*
 * The tun device as an interface, on Linux: rtnetlink by libmnl, one short
 * conversation for each call.  Called by the parent with SYS_PRIV_NET raised
 * (sys_iface_get needs no right).  Never touches a device it was not told of.
 *
 * /proc/sys is used for one thing alone, an IPv6 setting that rtnetlink cannot
 * change; so all else works where /proc/sys is hidden or read-only.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "secd/sys/sys.h"

#define REQ_MAX		512		/* the longest request we make */
#define REPLY_MAX	32768		/* a link with all its attributes */
#define TUN_TYPE_TUN	1		/* IFF_TUN, as IFLA_TUN_TYPE says it */

union request {
	struct nlmsghdr	hdr;
	char		buf[REQ_MAX];
};

static struct nlmsghdr *
request(union request *req, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(req, 0, sizeof(*req));
	nlh = mnl_nlmsg_put_header(req->buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	return nlh;
}

/*
 * Send the request and take all that comes back: cb for each message, until
 * the acknowledgement or the end of the dump.  0, or -1 with errno.
 */
static int
talk(const struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	char buf[REPLY_MAX] __attribute__((aligned(8)));
	struct mnl_socket *nl;
	unsigned int port;
	ssize_t n;
	int r = -1, saved;

	if ((nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)) == NULL)
		return -1;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == -1 ||
	    mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) == -1)
		goto out;
	port = mnl_socket_get_portid(nl);
	do {
		if ((n = mnl_socket_recvfrom(nl, buf, sizeof(buf))) == -1) {
			r = -1;
			if (errno == EINTR)
				r = MNL_CB_OK;
			continue;
		}
		r = mnl_cb_run(buf, (size_t)n, nlh->nlmsg_seq, port, cb, arg);
	} while (r > MNL_CB_STOP);
 out:
	saved = errno;
	mnl_socket_close(nl);
	errno = saved;
	return r == -1 ? -1 : 0;
}

static int
name_ok(const char *device)
{
	if (device[0] != '\0' && strlen(device) < IFNAMSIZ)
		return 1;
	errno = EINVAL;
	return 0;
}

/* A request about the link of this name. */
static struct nlmsghdr *
link_request(union request *req, uint16_t type, const char *device,
    unsigned int flags, unsigned int change)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;

	nlh = request(req, type, NLM_F_ACK);
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_flags = flags;
	ifi->ifi_change = change;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, device);
	return nlh;
}

/* --- what is there --- */

struct link_found {
	struct sys_iface	*si;
	int			 kind_tun;
	int			 type_tun;
};

static int
tun_data_attr(const struct nlattr *a, void *arg)
{
	struct link_found *f = arg;

	if (mnl_attr_get_type(a) == IFLA_TUN_TYPE &&
	    mnl_attr_validate(a, MNL_TYPE_U8) != -1)
		f->type_tun = mnl_attr_get_u8(a) == TUN_TYPE_TUN;
	return MNL_CB_OK;
}

static int
info_attr(const struct nlattr *a, void *arg)
{
	struct link_found *f = arg;

	switch (mnl_attr_get_type(a)) {
	case IFLA_INFO_KIND:
		if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) != -1)
			f->kind_tun = strcmp(mnl_attr_get_str(a), "tun") == 0;
		break;
	case IFLA_INFO_DATA:
		mnl_attr_parse_nested(a, tun_data_attr, f);
		break;
	}
	return MNL_CB_OK;
}

static int
link_attr(const struct nlattr *a, void *arg)
{
	struct link_found *f = arg;
	struct rtnl_link_stats64 stats;
	size_t len = mnl_attr_get_payload_len(a);

	switch (mnl_attr_get_type(a)) {
	case IFLA_MTU:
		if (mnl_attr_validate(a, MNL_TYPE_U32) != -1)
			f->si->mtu = mnl_attr_get_u32(a);
		break;
	case IFLA_CARRIER:
		if (mnl_attr_validate(a, MNL_TYPE_U8) != -1)
			f->si->carrier = mnl_attr_get_u8(a) != 0;
		break;
	case IFLA_STATS64:
		/* other kernels have a longer or a shorter one */
		memset(&stats, 0, sizeof(stats));
		memcpy(&stats, mnl_attr_get_payload(a),
		    len < sizeof(stats) ? len : sizeof(stats));
		f->si->tx_dropped = stats.tx_dropped;
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(a, info_attr, f);
		break;
	}
	return MNL_CB_OK;
}

static int
link_message(const struct nlmsghdr *nlh, void *arg)
{
	struct link_found *f = arg;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return MNL_CB_OK;
	f->si->ifindex = (uint32_t)ifi->ifi_index;
	f->si->up = (ifi->ifi_flags & IFF_UP) != 0;
	mnl_attr_parse(nlh, sizeof(*ifi), link_attr, f);
	return MNL_CB_OK;
}

int
sys_iface_get(const char *device, struct sys_iface *si)
{
	struct link_found f = { .si = si };
	union request req;

	memset(si, 0, sizeof(*si));
	if (!name_ok(device))
		return -1;
	if (talk(link_request(&req, RTM_GETLINK, device, 0, 0), link_message,
	    &f) == -1) {
		memset(si, 0, sizeof(*si));
		return errno == ENODEV ? 0 : -1;
	}
	si->is_tun = f.kind_tun && f.type_tun;
	return 0;
}

/* --- the link --- */

int
sys_iface_set_mtu(const char *device, uint32_t mtu)
{
	union request req;
	struct nlmsghdr *nlh;

	if (!name_ok(device))
		return -1;
	nlh = link_request(&req, RTM_NEWLINK, device, 0, 0);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return talk(nlh, NULL, NULL);
}

int
sys_iface_set_up(const char *device, int up)
{
	union request req;

	if (!name_ok(device))
		return -1;
	return talk(link_request(&req, RTM_NEWLINK, device, up ? IFF_UP : 0,
	    IFF_UP), NULL, NULL);
}

int
sys_iface_destroy(const char *device)
{
	struct sys_iface si;
	union request req;

	if (sys_iface_get(device, &si) == -1)
		return -1;
	if (si.ifindex != 0 && !si.is_tun) {
		errno = EINVAL;
		return -1;
	}
	return talk(link_request(&req, RTM_DELLINK, device, 0, 0), NULL, NULL);
}

/* --- addresses --- */

static struct nlmsghdr *
addr_request(union request *req, uint16_t type, uint16_t flags,
    unsigned int ifindex, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	const struct ip_addr *far = peer->af != 0 ? peer : local;
	struct nlmsghdr *nlh;
	struct ifaddrmsg *ifa;

	nlh = request(req, type, NLM_F_ACK | flags);
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = local->af;
	ifa->ifa_prefixlen = (uint8_t)prefixlen;
	ifa->ifa_index = ifindex;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	mnl_attr_put(nlh, IFA_LOCAL, addr_len(local->af), local->a);
	/* the prefix is that of the far address, and the route goes there */
	mnl_attr_put(nlh, IFA_ADDRESS, addr_len(far->af), far->a);
	if (local->af == AF_INET6)
		mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD);
	return nlh;
}

static int
addr_args_ok(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	if (!name_ok(device))
		return 0;
	if (addr_len(local->af) != 0 && prefixlen <= addr_len(local->af) * 8 &&
	    (peer->af == 0 || peer->af == local->af))
		return 1;
	errno = EINVAL;
	return 0;
}

struct addr_sought {
	unsigned int		 ifindex;
	const struct ip_addr	*local;
	const struct ip_addr	*far;
	unsigned int		 prefixlen;
	int			 found;
};

struct addr_attrs {
	const struct nlattr	*local;
	const struct nlattr	*address;
};

static int
addr_attr(const struct nlattr *a, void *arg)
{
	struct addr_attrs *aa = arg;

	if (mnl_attr_get_type(a) == IFA_LOCAL)
		aa->local = a;
	else if (mnl_attr_get_type(a) == IFA_ADDRESS)
		aa->address = a;
	return MNL_CB_OK;
}

static int
attr_is(const struct nlattr *a, const struct ip_addr *ip)
{
	return a != NULL && mnl_attr_get_payload_len(a) == addr_len(ip->af) &&
	    memcmp(mnl_attr_get_payload(a), ip->a, addr_len(ip->af)) == 0;
}

static int
addr_message(const struct nlmsghdr *nlh, void *arg)
{
	struct addr_sought *as = arg;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct addr_attrs aa = { NULL, NULL };

	if (nlh->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) ||
	    ifa->ifa_index != as->ifindex ||
	    ifa->ifa_family != as->local->af ||
	    ifa->ifa_prefixlen != as->prefixlen)
		return MNL_CB_OK;
	mnl_attr_parse(nlh, sizeof(*ifa), addr_attr, &aa);
	/* IPv6 leaves IFA_LOCAL out when there is no peer */
	if (aa.local == NULL)
		aa.local = aa.address;
	if (attr_is(aa.local, as->local) && attr_is(aa.address, as->far))
		as->found = 1;
	return MNL_CB_OK;
}

/* 1 if the device has exactly this address, 0 if not, -1 with errno. */
static int
addr_there(unsigned int ifindex, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	struct addr_sought as = { .ifindex = ifindex, .local = local,
	    .far = peer->af != 0 ? peer : local, .prefixlen = prefixlen };
	union request req;
	struct nlmsghdr *nlh;
	struct ifaddrmsg *ifa;

	nlh = request(&req, RTM_GETADDR, NLM_F_DUMP);
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = local->af;
	return talk(nlh, addr_message, &as) == -1 ? -1 : as.found;
}

int
sys_iface_add_addr(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	union request req;
	unsigned int ifindex;
	int there;

	if (!addr_args_ok(device, local, peer, prefixlen) ||
	    (ifindex = if_nametoindex(device)) == 0)
		return -1;
	if (talk(addr_request(&req, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
	    ifindex, local, peer, prefixlen), NULL, NULL) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	/* the kernel also says so of one with another far address */
	if ((there = addr_there(ifindex, local, peer, prefixlen)) == 0)
		errno = EEXIST;
	return there == 1 ? 0 : -1;
}

int
sys_iface_del_addr(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	union request req;
	unsigned int ifindex;
	int there;

	if (!addr_args_ok(device, local, peer, prefixlen))
		return -1;
	if ((ifindex = if_nametoindex(device)) == 0)
		return errno == ENODEV ? 0 : -1;
	/* asked for one, the kernel removes another with the same prefix */
	if ((there = addr_there(ifindex, local, peer, prefixlen)) != 1)
		return there;
	if (talk(addr_request(&req, RTM_DELADDR, 0, ifindex, local, peer,
	    prefixlen), NULL, NULL) == 0)
		return 0;
	return errno == EADDRNOTAVAIL || errno == ENODEV ? 0 : -1;
}

/* --- fail closed --- */

static int
netconf_attr(const struct nlattr *a, void *arg)
{
	int *value = arg;

	if (mnl_attr_get_type(a) == NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN &&
	    mnl_attr_validate(a, MNL_TYPE_U32) != -1)
		*value = mnl_attr_get_u32(a) != 0;
	return MNL_CB_OK;
}

static int
netconf_message(const struct nlmsghdr *nlh, void *arg)
{
	if (nlh->nlmsg_type == RTM_NEWNETCONF)
		mnl_attr_parse(nlh, sizeof(struct netconfmsg), netconf_attr,
		    arg);
	return MNL_CB_OK;
}

/*
 * The device's setting (ifindex NETCONFA_IFINDEX_ALL: that of all) for a
 * family: 0 or 1, or -1 with errno.
 */
static int
ignores_linkdown(uint8_t af, int ifindex)
{
	union request req;
	struct nlmsghdr *nlh;
	struct netconfmsg *nc;
	int value = -1;

	nlh = request(&req, RTM_GETNETCONF, NLM_F_ACK);
	nc = mnl_nlmsg_put_extra_header(nlh, sizeof(*nc));
	nc->ncm_family = af;
	mnl_attr_put_u32(nlh, NETCONFA_IFINDEX, (uint32_t)ifindex);
	if (talk(nlh, netconf_message, &value) == -1)
		return -1;
	if (value == -1)
		errno = EOPNOTSUPP;
	return value;
}

static int
clear_inet(const char *device)
{
	union request req;
	struct nlmsghdr *nlh;
	struct nlattr *spec, *inet, *conf;

	nlh = link_request(&req, RTM_NEWLINK, device, 0, 0);
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet = mnl_attr_nest_start(nlh, AF_INET);
	conf = mnl_attr_nest_start(nlh, IFLA_INET_CONF);
	mnl_attr_put_u32(nlh, IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN, 0);
	mnl_attr_nest_end(nlh, conf);
	mnl_attr_nest_end(nlh, inet);
	mnl_attr_nest_end(nlh, spec);
	return talk(nlh, NULL, NULL);
}

static int
clear_inet6(const char *device)
{
	char path[128];
	int fd, r, saved;

	snprintf(path, sizeof(path),
	    "/proc/sys/net/ipv6/conf/%s/ignore_routes_with_linkdown", device);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1)
		return -1;
	r = write(fd, "0\n", 2) == 2 ? 0 : -1;
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

/* The device has no record of this family, so no route of it either. */
static int
family_absent(int error)
{
	return error == EINVAL || error == ENODEV || error == EOPNOTSUPP ||
	    error == EAFNOSUPPORT;
}

static int
complain(char *why, size_t size, const char *device, const char *family,
    const char *what)
{
	snprintf(why, size, "%s: net.%s.conf.%s.ignore_routes_with_linkdown "
	    "must be 0 and cannot be set: %s", device, family, device, what);
	return -1;
}

int
sys_iface_fail_closed(const char *device, char *why, size_t size)
{
	int all, ifindex, on;

	if (!name_ok(device) ||
	    (ifindex = (int)if_nametoindex(device)) == 0) {
		snprintf(why, size, "%s: %s", device, strerror(errno));
		return -1;
	}
	on = ignores_linkdown(AF_INET, ifindex);
	if (on == 1 && (on = clear_inet(device)) == 0)
		on = ignores_linkdown(AF_INET, ifindex);
	if (on != 0)
		return complain(why, size, device, "ipv4",
		    on == 1 ? "it stays 1" : strerror(errno));

	/* for IPv6 the kernel looks at the device's value alone ... */
	on = ignores_linkdown(AF_INET6, ifindex);
	if (on == -1 && family_absent(errno))
		on = 0;
	if (on == 1 && (on = clear_inet6(device)) == 0)
		on = ignores_linkdown(AF_INET6, ifindex);
	if (on != 0)
		return complain(why, size, device, "ipv6",
		    on == 1 ? "it stays 1" : strerror(errno));

	/* ... for IPv4 a 1 in either counts */
	if ((all = ignores_linkdown(AF_INET, NETCONFA_IFINDEX_ALL)) == 0)
		return 0;
	if (all == -1) {
		snprintf(why, size, "net.ipv4.conf.all."
		    "ignore_routes_with_linkdown cannot be read: %s",
		    strerror(errno));
		return -1;
	}
	snprintf(why, size, "net.ipv4.conf.all.ignore_routes_with_linkdown is "
	    "1: without secd, IPv4 routes through %s are passed over; set it "
	    "to 0, or add unreachable routes, see sec(4)", device);
	return 1;
}

/* --- where and when we are --- */

void
sys_boot_id(char *buf, size_t size)
{
	ssize_t n;
	int fd;

	if (size == 0)
		return;
	buf[0] = '\0';
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	n = read(fd, buf, size - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/*
 * The cookie is never given twice during a boot; the inode of the namespace,
 * for kernels before 5.14, may be.
 */
uint64_t
sys_netns_id(void)
{
	struct stat st;
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	int fd, r;

	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) != -1) {
		r = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len);
		close(fd);
		if (r == 0 && len == sizeof(cookie))
			return cookie;
	}
	if (stat("/proc/self/ns/net", &st) == -1)
		return 0;
	return st.st_ino;
}
