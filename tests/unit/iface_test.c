/* SPDX-License-Identifier: ISC */
/*
 * secd/sys/iface_Linux.c, seen through ip(8); above all that routes through a
 * device without carrier still win, by the kernel's own route lookup.
 */
#include <sys/types.h>
#include <sys/mount.h>

#include <errno.h>

#include "secd/sys/sys.h"
#include "tests/unit/netns.h"

static const struct ip_addr none;
static struct ip_addr l4, p4, q4, l6, p6;

static void
link_calls(void)
{
	struct sys_iface si;
	int fd;

	memset(&si, 0xff, sizeof(si));
	ok(sys_iface_get("sec7", &si) == 0 && si.ifindex == 0 && si.mtu == 0,
	    "an absent device is no error");
	ok(sys_iface_set_up("sec7", 1) == -1 && errno == ENODEV,
	    "but cannot be set up");
	ok(sys_iface_destroy("sec7") == -1 && errno == ENODEV,
	    "nor destroyed");
	ok(sys_iface_get("", &si) == -1 && errno == EINVAL, "\"\" is no name");
	ok(sys_iface_get("name-of-16-chars", &si) == -1 && errno == EINVAL,
	    "nor is one of 16 octets");

	if ((fd = sys_tun_open("sec7")) == -1)
		exit(1);
	sys_iface_get("sec7", &si);
	ok(si.ifindex != 0 && si.is_tun && !si.up && si.mtu == 1500,
	    "a new tun device is found, down");
	ok(sys_iface_set_mtu("sec7", 1280) == 0 &&
	    sys_iface_set_up("sec7", 1) == 0, "MTU and up");
	sys_iface_get("sec7", &si);
	ok(si.up && si.mtu == 1280, "are there");
	ok(shows("ip link show sec7", "mtu 1280"), "for ip(8), too");
	ok(sys_iface_set_mtu("sec7", 20) == -1 && errno == EINVAL,
	    "an MTU of 20 is refused");
	ok(sys_iface_set_up("sec7", 0) == 0 &&
	    sys_iface_get("sec7", &si) == 0 && !si.up, "down");
	sys_iface_set_up("sec7", 1);
	close(fd);
	usleep(100000);
	sys_iface_get("sec7", &si);
	ok(si.up && !si.carrier, "without a descriptor, no carrier");

	scene("ip link add other type veth peer name other1");
	sys_iface_get("other", &si);
	ok(si.ifindex != 0 && !si.is_tun, "a veth is no tun device");
	ok(sys_iface_destroy("other") == -1 && errno == EINVAL &&
	    shows("ip link show other", "other"), "and is not destroyed");
	scene("ip tuntap add dev tap7 mode tap");
	sys_iface_get("tap7", &si);
	ok(si.ifindex != 0 && !si.is_tun, "nor is a tap");
}

static void
addresses(void)
{
	ok(sys_iface_add_addr("sec7", &l4, &p4, 30) == 0, "inet with peer");
	ok(shows("ip -4 addr show sec7",
	    "inet 169.254.229.42 peer 169.254.229.41/30"), "is there");
	ok(shows("ip route get 169.254.229.41", "dev sec7 src 169.254.229.42"),
	    "and the peer is routed there");
	ok(sys_iface_add_addr("sec7", &l4, &p4, 30) == 0,
	    "adding it again is a success");
	ok(sys_iface_add_addr("sec7", &l4, &q4, 30) == -1 && errno == EEXIST,
	    "with another peer it is not");
	ok(sys_iface_del_addr("sec7", &l4, &q4, 30) == 0 &&
	    shows("ip -4 addr show sec7", "169.254.229.42"),
	    "removing that other one touches nothing");
	ok(sys_iface_del_addr("sec7", &l4, &p4, 30) == 0, "removed");
	ok(hides("ip -4 addr show sec7", "169.254.229.42"), "it is gone");
	ok(sys_iface_del_addr("sec7", &l4, &p4, 30) == 0,
	    "removing it again is a success");
	ok(sys_iface_add_addr("sec7", &l4, &none, 24) == 0 &&
	    shows("ip -4 addr show sec7", "inet 169.254.229.42/24"),
	    "inet without peer");
	sys_iface_del_addr("sec7", &l4, &none, 24);

	ok(sys_iface_add_addr("sec7", &l6, &p6, 126) == 0, "inet6 with peer");
	ok(shows("ip -6 addr show sec7", "inet6 fd00::2 peer fd00::1/126"),
	    "is there");
	ok(hides("ip -6 addr show sec7 tentative", "fd00::2"),
	    "and not tentative");
	ok(sys_iface_add_addr("sec7", &l6, &p6, 126) == 0,
	    "adding it again is a success");
	ok(sys_iface_del_addr("sec7", &l6, &p6, 126) == 0 &&
	    hides("ip -6 addr show sec7", "fd00::2"), "removed");
	ok(sys_iface_del_addr("sec7", &l6, &p6, 126) == 0,
	    "removing it again is a success");
	ok(sys_iface_add_addr("sec7", &l6, &none, 64) == 0 &&
	    sys_iface_add_addr("sec7", &l6, &none, 64) == 0 &&
	    sys_iface_del_addr("sec7", &l6, &none, 64) == 0,
	    "inet6 without peer, twice, and gone");

	ok(sys_iface_add_addr("sec7", &l4, &p4, 33) == -1 && errno == EINVAL,
	    "/33 is refused");
	ok(sys_iface_add_addr("sec7", &l4, &p6, 30) == -1 && errno == EINVAL,
	    "and a peer of the other family");
	ok(sys_iface_add_addr("sec7", &none, &p4, 30) == -1 && errno == EINVAL,
	    "and no address");
	ok(sys_iface_add_addr("sec6", &l4, &p4, 30) == -1 && errno == ENODEV,
	    "and an absent device");
	ok(sys_iface_del_addr("sec6", &l4, &p4, 30) == 0,
	    "which has nothing to be removed");
}

static int
through(const char *device)
{
	char text[32];

	snprintf(text, sizeof(text), "dev %s ", device);
	return shows("ip route get 10.77.1.1", text) &&
	    shows("ip route get 169.254.229.41", text) &&
	    shows("ip -6 route get fd77::1", text) &&
	    shows("ip -6 route get fd00::1", text);
}

static void
set(const char *family, const char *which, int value)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "echo %d >/proc/sys/net/%s/conf/%s/"
	    "ignore_routes_with_linkdown", value, family, which);
	scene(cmd);
}

/*
 * The outer interface has a default route of each family: that is where a
 * packet would leave in the clear if the tunnel's routes were passed over.
 */
static void
fail_closed(void)
{
	char why[256];

	scene("ip link set other up && ip link set other1 up");
	scene("ip addr add 192.0.2.1/24 dev other");
	scene("ip -6 addr add 2001:db8::1/64 dev other nodad");
	scene("ip route add default via 192.0.2.254");
	scene("ip -6 route add default via 2001:db8::fe");
	sys_iface_add_addr("sec7", &l4, &p4, 30);
	sys_iface_add_addr("sec7", &l6, &p6, 126);
	scene("ip route add 10.77.0.0/16 dev sec7");
	scene("ip -6 route add fd77::/16 dev sec7");

	ok(sys_iface_fail_closed("sec7", why, sizeof(why)) == 0,
	    "fail closed on a plain system");
	ok(through("sec7"), "routes lead into the device without carrier");
	set("ipv4", "sec7", 1);
	set("ipv6", "sec7", 1);
	ok(through("other"), "the setting 1 on it would lead them outside");
	ok(sys_iface_fail_closed("sec7", why, sizeof(why)) == 0,
	    "fail closed sets it to 0");
	ok(through("sec7"), "and the routes lead into the device again");

	/* conf.all of IPv6 only writes the value to every device */
	set("ipv6", "all", 1);
	ok(sys_iface_fail_closed("sec7", why, sizeof(why)) == 0 &&
	    through("sec7"), "the same with 1 on all of IPv6");
	set("ipv4", "all", 1);
	why[0] = '\0';
	is(sys_iface_fail_closed("sec7", why, sizeof(why)), 1,
	    "1 on all of IPv4 is told");
	ok(strstr(why, "net.ipv4.conf.all.ignore_routes_with_linkdown") != NULL,
	    "by name: %s", why);
	ok(shows("ip route get 10.77.1.1", "dev other "),
	    "because IPv4 then goes outside, whatever the device's value");
	ok(shows("ip -6 route get fd77::1", "dev sec7 "), "and IPv6 does not");
	scene("ip route add unreachable 10.77.0.0/16 metric 4294967295");
	ok(hides("ip route get 10.77.1.1", "dev"),
	    "unless an unreachable route stands behind it");
	set("ipv4", "all", 0);
	ok(sys_iface_fail_closed("sec7", why, sizeof(why)) == 0,
	    "0 on all is well again");

	ok(sys_iface_fail_closed("sec6", why, sizeof(why)) == -1 &&
	    strstr(why, "sec6") != NULL, "an absent device is named: %s", why);
	/* below IPv6's least MTU the device has no IPv6 at all */
	sys_iface_set_mtu("sec7", 1000);
	ok(sys_iface_fail_closed("sec7", why, sizeof(why)) == 0,
	    "a device without IPv6 is no error");
	sys_iface_set_mtu("sec7", 1280);
}

/* As in most containers. */
static void
read_only_proc(void)
{
	char why[256] = "";

	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) == -1)
		exit(1);
	set("ipv4", "sec7", 1);
	set("ipv6", "sec7", 0);
	if (mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY,
	    NULL) == -1)
		exit(1);
	ok(sys_iface_fail_closed("sec7", why, sizeof(why)) == 0 &&
	    shows("cat /proc/sys/net/ipv4/conf/sec7/"
	    "ignore_routes_with_linkdown", "0"),
	    "with /proc/sys read-only IPv4 is set all the same %s", why);
	if (mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == -1)
		exit(1);
	set("ipv6", "sec7", 1);
	if (mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY,
	    NULL) == -1)
		exit(1);
	ok(sys_iface_fail_closed("sec7", why, sizeof(why)) == -1 &&
	    strstr(why, "net.ipv6.conf.sec7") != NULL,
	    "and IPv6 that cannot be set is a complaint: %s", why);
}

static void
identity(void)
{
	char boot[64], again[64];
	uint64_t here;

	sys_boot_id(boot, sizeof(boot));
	sys_boot_id(again, sizeof(again));
	ok(strlen(boot) == 36 && strcmp(boot, again) == 0,
	    "the boot has a name");
	here = sys_netns_id();
	ok(here != 0 && sys_netns_id() == here, "the namespace has a number");
	if (unshare(CLONE_NEWNET) == -1)
		exit(1);
	ok(sys_netns_id() != here, "and another has another");
}

int
main(void)
{
	netns_enter();
	addr_parse("169.254.229.42", &l4);
	addr_parse("169.254.229.41", &p4);
	addr_parse("169.254.229.43", &q4);
	addr_parse("fd00::2", &l6);
	addr_parse("fd00::1", &p6);
	link_calls();
	addresses();
	fail_closed();
	read_only_proc();
	ok(sys_iface_destroy("sec7") == 0 &&
	    hides("ip link show sec7", "mtu"), "destroyed");
	identity();
	return tap_done();
}
