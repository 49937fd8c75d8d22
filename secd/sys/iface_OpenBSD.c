/* SPDX-License-Identifier: ISC */
/*
 * The tun device as an interface, on OpenBSD: ioctls on a socket, one for each
 * call.  Called by the parent.  Written after netintro(4) and inet6(4); it is
 * compiled, but has not run.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet6/in6_var.h>
#include <netinet6/nd6.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

/* One ioctl on a socket of the family; 0, or -1 with errno. */
static int
control(int af, unsigned long request, void *arg)
{
	int fd, r, saved;

	if ((fd = socket(af, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	r = ioctl(fd, request, arg);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static int
set_name(struct ifreq *ifr, const char *device)
{
	memset(ifr, 0, sizeof(*ifr));
	if (device[0] != '\0' && strlcpy(ifr->ifr_name, device,
	    sizeof(ifr->ifr_name)) < sizeof(ifr->ifr_name))
		return 0;
	errno = EINVAL;
	return -1;
}

/* --- the link --- */

int
sys_iface_get(const char *device, struct sys_iface *si)
{
	struct ifreq ifr;
	struct if_data data;

	memset(si, 0, sizeof(*si));
	if (set_name(&ifr, device) == -1)
		return -1;
	if (control(AF_INET, SIOCGIFFLAGS, &ifr) == -1)
		return errno == ENXIO ? 0 : -1;
	si->up = (ifr.ifr_flags & IFF_UP) != 0;
	si->carrier = (ifr.ifr_flags & IFF_RUNNING) != 0;
	memset(&data, 0, sizeof(data));
	ifr.ifr_data = (caddr_t)&data;
	if (control(AF_INET, SIOCGIFDATA, &ifr) == -1)
		return -1;
	si->mtu = data.ifi_mtu;
	/* discarded for want of room; what finds it closed is not counted */
	si->tx_dropped = data.ifi_oqdrops;
	si->is_tun = strncmp(device, "tun", 3) == 0;
	si->ifindex = if_nametoindex(device);
	return 0;
}

int
sys_iface_set_mtu(const char *device, uint32_t mtu)
{
	struct ifreq ifr;

	if (set_name(&ifr, device) == -1)
		return -1;
	ifr.ifr_mtu = (int)mtu;
	return control(AF_INET, SIOCSIFMTU, &ifr);
}

int
sys_iface_set_up(const char *device, int up)
{
	struct ifreq ifr;

	if (set_name(&ifr, device) == -1 ||
	    control(AF_INET, SIOCGIFFLAGS, &ifr) == -1)
		return -1;
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= ~IFF_UP;
	return control(AF_INET, SIOCSIFFLAGS, &ifr);
}

int
sys_iface_destroy(const char *device)
{
	struct ifreq ifr;

	if (strncmp(device, "tun", 3) != 0) {
		errno = EINVAL;
		return -1;
	}
	if (set_name(&ifr, device) == -1)
		return -1;
	return control(AF_INET, SIOCIFDESTROY, &ifr);
}

/* --- addresses --- */

static void
set_sin(struct sockaddr_in *sin, const struct ip_addr *a)
{
	sin->sin_len = sizeof(*sin);
	sin->sin_family = AF_INET;
	memcpy(&sin->sin_addr, a->a, sizeof(sin->sin_addr));
}

static void
set_sin6(struct sockaddr_in6 *sin6, const struct ip_addr *a)
{
	sin6->sin6_len = sizeof(*sin6);
	sin6->sin6_family = AF_INET6;
	memcpy(&sin6->sin6_addr, a->a, sizeof(sin6->sin6_addr));
}

static void
set_mask(struct ip_addr *mask, uint8_t af, unsigned int prefixlen)
{
	unsigned int i;

	memset(mask, 0, sizeof(*mask));
	mask->af = af;
	for (i = 0; i < prefixlen; i++)
		mask->a[i / 8] |= 0x80 >> i % 8;
}

static int
add_inet(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	struct ifaliasreq ifra;
	struct ip_addr mask;

	memset(&ifra, 0, sizeof(ifra));
	strlcpy(ifra.ifra_name, device, sizeof(ifra.ifra_name));
	set_mask(&mask, AF_INET, prefixlen);
	set_sin((struct sockaddr_in *)&ifra.ifra_addr, local);
	set_sin((struct sockaddr_in *)&ifra.ifra_mask, &mask);
	if (peer->af != 0)
		set_sin((struct sockaddr_in *)&ifra.ifra_dstaddr, peer);
	return control(AF_INET, SIOCAIFADDR, &ifra);
}

/* The kernel takes an IPv6 peer with a prefix of all its bits only. */
static int
add_inet6(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	struct in6_aliasreq ifra;
	struct ip_addr mask;

	memset(&ifra, 0, sizeof(ifra));
	strlcpy(ifra.ifra_name, device, sizeof(ifra.ifra_name));
	set_mask(&mask, AF_INET6, peer->af != 0 ? 128 : prefixlen);
	set_sin6(&ifra.ifra_addr, local);
	set_sin6(&ifra.ifra_prefixmask, &mask);
	if (peer->af != 0)
		set_sin6(&ifra.ifra_dstaddr, peer);
	ifra.ifra_lifetime.ia6t_vltime = ND6_INFINITE_LIFETIME;
	ifra.ifra_lifetime.ia6t_pltime = ND6_INFINITE_LIFETIME;
	return control(AF_INET6, SIOCAIFADDR_IN6, &ifra);
}

static int
args_ok(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	if (device[0] != '\0' && strlen(device) < IFNAMSIZ &&
	    addr_len(local->af) != 0 && prefixlen <= addr_len(local->af) * 8 &&
	    (peer->af == 0 || peer->af == local->af))
		return 1;
	errno = EINVAL;
	return 0;
}

int
sys_iface_add_addr(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	int r;

	if (!args_ok(device, local, peer, prefixlen))
		return -1;
	r = local->af == AF_INET ? add_inet(device, local, peer, prefixlen) :
	    add_inet6(device, local, peer, prefixlen);
	return r == -1 && errno == EEXIST ? 0 : r;
}

int
sys_iface_del_addr(const char *device, const struct ip_addr *local,
    const struct ip_addr *peer, unsigned int prefixlen)
{
	struct in6_ifreq ifr6;
	struct ifreq ifr;
	int r;

	if (!args_ok(device, local, peer, prefixlen) ||
	    set_name(&ifr, device) == -1)
		return -1;
	if (local->af == AF_INET) {
		set_sin((struct sockaddr_in *)&ifr.ifr_addr, local);
		r = control(AF_INET, SIOCDIFADDR, &ifr);
	} else {
		memset(&ifr6, 0, sizeof(ifr6));
		strlcpy(ifr6.ifr_name, device, sizeof(ifr6.ifr_name));
		set_sin6(&ifr6.ifr_addr, local);
		r = control(AF_INET6, SIOCDIFADDR_IN6, &ifr6);
	}
	if (r == -1 && (errno == EADDRNOTAVAIL || errno == ENXIO))
		return 0;
	return r;
}

/*
 * Nothing to set: the route of the longest prefix is the one that counts, up
 * or down, and a tun that nobody has open answers EHOSTDOWN.
 */
int
sys_iface_fail_closed(const char *device, char *why, size_t size)
{
	if (if_nametoindex(device) != 0)
		return 0;
	snprintf(why, size, "%s: %s", device, strerror(errno));
	return -1;
}

/* --- where and when we are --- */

void
sys_boot_id(char *buf, size_t size)
{
	const int mib[2] = { CTL_KERN, KERN_BOOTTIME };
	struct timeval tv;
	size_t len = sizeof(tv);

	if (size == 0)
		return;
	buf[0] = '\0';
	if (sysctl(mib, 2, &tv, &len, NULL, 0) == 0)
		snprintf(buf, size, "%lld", (long long)tv.tv_sec);
}

/* The nearest thing to a namespace is the routing table. */
uint64_t
sys_netns_id(void)
{
	return (uint64_t)getrtable() + 1;
}
