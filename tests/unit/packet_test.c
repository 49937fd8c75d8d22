/* SPDX-License-Identifier: ISC */
/*
 * secd/sys/packet_Linux.c and route_Linux.c, on veth pairs in a namespace: the
 * frames that leave are those of the raw socket, but for the identification;
 * what the kernel is asked about is answered or refused with a reason; and what
 * changes is told.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "secd/sys/sys.h"
#include "tests/unit/netns.h"

#define FRAME_MAX	2048

static struct sys_dgram	 d[SYS_BATCH];
static uint8_t		 out[SYS_BATCH][SYS_PACKET_HEAD + FRAME_MAX];
static uint8_t		 frames[SYS_BATCH][FRAME_MAX];
static size_t		 lens[SYS_BATCH];
static int		 far, ask_fd, events_fd;
static const struct ip_addr any;
static char		 why[64];

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	addr_parse(text, &a);
	return a;
}

static void
packet(int i, size_t len, const char *src, const char *dst)
{
	size_t at;

	memset(&d[i], 0, sizeof(d[i]));
	d[i].data = out[i] + SYS_PACKET_HEAD;
	d[i].len = len;
	d[i].src = addr(src);
	d[i].dst = addr(dst);
	d[i].error = -1;
	for (at = 0; at < len; at++)
		d[i].data[at] = (uint8_t)(at * 7 + (size_t)i);
}

/* The next frame of ESP on the far end of the link, into frames[i]. */
static int
next_frame(int i)
{
	struct pollfd pfd = { .fd = far, .events = POLLIN };
	ssize_t n;

	while (poll(&pfd, 1, 2000) == 1) {
		if ((n = recv(far, frames[i], FRAME_MAX, 0)) < 54)
			continue;
		lens[i] = (size_t)n;
		if (frames[i][12] == 0x08 && frames[i][13] == 0x00 &&
		    frames[i][23] == IPPROTO_ESP)
			return 1;
		if (frames[i][12] == 0x86 && frames[i][13] == 0xdd &&
		    frames[i][20] == IPPROTO_ESP)
			return 1;
	}
	return 0;
}

static uint32_t
header_sum(const uint8_t *ip)
{
	uint32_t sum = 0;
	int i;

	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned int
ident_of(int i)
{
	return (unsigned int)(frames[i][18] << 8 | frames[i][19]);
}

static int
is_told(const char *src, const char *dst, struct sys_route *r)
{
	struct ip_addr from = src != NULL ? addr(src) : any, to = addr(dst);

	why[0] = '\0';
	return sys_route_ask(ask_fd, &from, &to, r, why, sizeof(why)) == 0;
}

static int
is_refused(const char *src, const char *dst, const char *reason)
{
	struct sys_route r;

	if (is_told(src, dst, &r) || r.hop.ifindex != 0) {
		printf("# a hop was found\n");
		return 0;
	}
	if (strcmp(why, reason) == 0)
		return 1;
	printf("# '%s' instead of '%s'\n", why, reason);
	return 0;
}

/* --- frames --- */

/* Frame 0 is the kernel's, frame 1 ours. */
static void
compare(uint8_t af, size_t len, const char *src, const char *dst)
{
	int raw = sys_esp_socket(af, 1, 0), fd = sys_packet_socket();
	const char *v = af == AF_INET ? "IPv4" : "IPv6";
	uint16_t ident = 0xfffe;
	struct sys_route r;

	ok(is_told(src, dst, &r), "%s: there is a hop (%s)", v, why);
	packet(0, len, src, dst);
	ok(sys_esp_send(raw, af, d, 1) == 1 && next_frame(0),
	    "%s, %zu octets: the kernel's frame", v, len);
	ok(sys_packet_send(fd, &r.hop, &ident, d, 1) == 1 &&
	    d[0].error == 0 && next_frame(1), "ours");
	if (af == AF_INET) {
		ok(header_sum(frames[1] + 14) == 0xffff, "checksum");
		ok(ident_of(1) == 0xfffe && ident == 0xffff,
		    "identification, counted on");
		/* it, and the checksum that goes with it */
		memcpy(frames[1] + 18, frames[0] + 18, 2);
		memcpy(frames[1] + 24, frames[0] + 24, 2);
	}
	ok(lens[0] == lens[1] && memcmp(frames[0], frames[1], lens[0]) == 0,
	    "all else is the same");
	close(raw);
	close(fd);
}

static void
batch(void)
{
	const struct sys_hop nowhere = { .ifindex = 9999, .room = 1480 };
	int fd = sys_packet_socket(), i, good = 0;
	uint16_t ident = 0xfff0;
	struct sys_route r;

	is_told("192.0.2.1", "192.0.2.2", &r);
	for (i = 0; i < SYS_BATCH; i++)
		packet(i, (size_t)(40 + i * 45), "192.0.2.1", "192.0.2.2");
	ok(sys_packet_send(fd, &r.hop, &ident, d, SYS_BATCH) == SYS_BATCH,
	    "a whole batch");
	for (i = 0; i < SYS_BATCH && next_frame(i); i++)
		good += lens[i] == 34 + d[i].len && d[i].error == 0 &&
		    memcmp(frames[i] + 34, d[i].data, d[i].len) == 0 &&
		    header_sum(frames[i] + 14) == 0xffff &&
		    ident_of(i) == ((0xfff0U + (unsigned int)i) & 0xffff);
	ok(good == SYS_BATCH, "each whole, in order, with an identification of "
	    "its own (%d)", good);
	d[0].error = 77;
	errno = 0;
	ok(sys_packet_send(fd, &nowhere, &ident, d, 3) == 0 && errno == ENXIO &&
	    d[0].error == 77, "a device that is not there: none is sent, and "
	    "why");
	/* whoever is asked before the queue says no like a full one */
	scene("tc qdisc add dev v0 clsact; tc filter add dev v0 egress bpf da "
	    "bytecode '1,6 0 0 2'");
	ok(sys_packet_send(fd, &r.hop, &ident, d, 3) == 3 &&
	    d[0].error == ENOBUFS && d[2].error == ENOBUFS,
	    "a full queue: lost, each of them");
	scene("tc qdisc del dev v0 clsact");
	packet(2, 1600, "192.0.2.1", "192.0.2.2");
	ok(sys_packet_send(fd, &r.hop, &ident, d, 4) == 2 && errno == EMSGSIZE,
	    "one that is too long: the first two, and why");
	close(fd);
}

/* The sum of a header's words carries once or twice. */
static void
checksums(void)
{
	int fd = sys_packet_socket(), i, n, good = 0;
	uint16_t ident = 0;
	struct sys_route r;

	is_told("192.0.2.1", "192.0.2.2", &r);
	for (i = 0; i < SYS_BATCH; i++)
		packet(i, 24, "192.0.2.1", "192.0.2.2");
	for (n = 0; n < 65536 / SYS_BATCH; n++) {
		sys_packet_send(fd, &r.hop, &ident, d, SYS_BATCH);
		for (i = 0; i < SYS_BATCH && next_frame(0); i++)
			good += header_sum(frames[0] + 14) == 0xffff;
	}
	is(good, 65536, "the checksum is right for every identification");
	close(fd);
}

/* --- asking --- */

static void
answers(void)
{
	struct sys_route r;
	struct ip_addr gw = addr("192.0.2.2");

	scene("ip route add 198.51.100.0/24 via 192.0.2.2");
	ok(is_told("192.0.2.1", "198.51.100.7", &r), "by a gateway (%s)", why);
	ok(addr_equal(&r.next, &gw) && r.ifindex == if_nametoindex("v0") &&
	    r.hop.ifindex == r.ifindex, "it is the neighbour, by the device");
	ok(r.hop.room == 1480 && r.neigh == SYS_NEIGH_SURE,
	    "1480 octets for a permanent one");
	ok(is_told(NULL, "198.51.100.7", &r), "any source (%s)", why);
	gw = addr("192.0.2.1");
	ok(addr_equal(&r.hop.src, &gw), "the kernel's choice");
	ok(is_told(NULL, "2001:db8::2", &r), "IPv6, any source (%s)", why);
	gw = addr("2001:db8::1");
	ok(addr_equal(&r.hop.src, &gw), "the kernel's choice");
	scene("ip route replace 198.51.100.0/24 via 192.0.2.2 mtu 1400");
	ok(is_told("192.0.2.1", "198.51.100.7", &r) && r.hop.room == 1380,
	    "the route's MTU counts");
	scene("ip neigh change 192.0.2.2 lladdr 02:00:00:00:00:22 nud stale "
	    "dev v0");
	ok(is_told("192.0.2.1", "198.51.100.7", &r) &&
	    r.neigh == SYS_NEIGH_OLD && r.hop.there[5] == 0x22,
	    "a stale neighbour");
	scene("ip neigh change 192.0.2.2 nud delay dev v0");
	ok(is_told("192.0.2.1", "198.51.100.7", &r) &&
	    r.neigh == SYS_NEIGH_ASKED, "a delayed one");
	scene("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 nud "
	    "permanent dev v0");
	/* by a rule: the source's table */
	scene("ip rule add from 192.0.2.9 lookup 77; "
	    "ip addr add 192.0.2.9/32 dev v0; "
	    "ip route add 198.51.100.0/24 via 192.0.2.3 dev v0 table 77; "
	    "ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:03 dev v0");
	ok(is_told("192.0.2.9", "198.51.100.7", &r) && r.hop.there[5] == 3,
	    "a rule that goes by the source (%s)", why);
	scene("ip rule add uidrange 0-0 to 198.51.100.8 lookup 77");
	ok(is_told("192.0.2.1", "198.51.100.8", &r) && r.hop.there[5] == 3,
	    "a rule that goes by the raw sockets' owner (%s)", why);
}

static void
refusals(void)
{
	ok(is_refused("192.0.2.1", "203.0.113.1", "no route"), "no route");
	ok(is_refused("2001:db8::1", "2001:db9::1", "no route"),
	    "no route, IPv6");
	ok(is_refused("192.0.2.77", "192.0.2.2",
	    "its source is no address of this host"), "another's source");
	ok(is_refused("2001:db8::77", "2001:db8::2",
	    "its source is no address of this host"), "... IPv6");
	ok(is_refused("192.0.2.1", "192.0.2.1", "peer is this host"),
	    "this host");
	ok(is_refused("192.0.2.1", "192.0.2.99", "next hop not resolved"),
	    "a neighbour nobody asked for");
	scene("ip neigh add 192.0.2.98 nud failed dev v0");
	ok(is_refused("192.0.2.1", "192.0.2.98", "next hop not resolved"),
	    "one that failed");
	scene("ip route add 203.0.113.0/24 nexthop via 192.0.2.2 nexthop via "
	    "192.0.2.3");
	ok(is_refused("192.0.2.1", "203.0.113.1", "multipath route"),
	    "multipath");
	scene("ip -6 route add 2001:db9::/32 nexthop via 2001:db8::2 nexthop "
	    "via 2001:db8::3");
	ok(is_refused("2001:db8::1", "2001:db9::1", "multipath route"),
	    "multipath, IPv6");
	scene("ip route replace blackhole 203.0.113.0/24");
	ok(is_refused("192.0.2.1", "203.0.113.1", "no route"), "blackhole");
	scene("ip route replace 203.0.113.0/24 via inet6 2001:db8::2 dev v0");
	ok(is_refused("192.0.2.1", "203.0.113.1",
	    "route that secd does not know"), "a gateway of IPv6");
	scene("ip tuntap add mode tun dev t0; ip link set t0 up; "
	    "ip route replace 203.0.113.0/24 dev t0");
	ok(is_refused("192.0.2.1", "203.0.113.1", "t0 is no Ethernet device"),
	    "a tun device");
	scene("ip route replace 203.0.113.0/24 dev v0; "
	    "ip link set v0 arp off");
	ok(is_refused("192.0.2.1", "192.0.2.2", "v0 is no Ethernet device"),
	    "a device without ARP");
	scene("ip link set v0 arp on; ip link set v1 down");
	ok(is_refused("192.0.2.1", "192.0.2.2", "v0 has no carrier"),
	    "no carrier");
	scene("ip link set v1 up; ip link set v0 down");
	ok(is_refused("192.0.2.1", "192.0.2.2", "no route"),
	    "a device that is down has no route");
	scene("ip link set v0 up; ip addr add 2001:db8::1/64 dev v0 nodad");
}

/* --- being told --- */

static struct sys_route_event wanted;
static int seen;

static void
event(const struct sys_route_event *ev, void *arg)
{
	(void)arg;
	if (ev->kind == wanted.kind && ev->ifindex == wanted.ifindex &&
	    ev->prefixlen == wanted.prefixlen && ev->neigh == wanted.neigh &&
	    ev->up == wanted.up && addr_equal(&ev->addr, &wanted.addr) &&
	    memcmp(ev->there, wanted.there, 6) == 0)
		seen++;
}

static int
tells(const char *cmd, enum sys_route_kind kind, const char *a,
    unsigned int len)
{
	int i, before;

	sys_route_read(events_fd, event, NULL);
	wanted.kind = kind;
	wanted.addr = a != NULL ? addr(a) : any;
	wanted.prefixlen = len;
	before = seen;
	scene(cmd);
	/* a carrier is told of by a worker of the kernel's */
	for (i = 0; i < 100 && seen == before; i++) {
		sys_route_read(events_fd, event, NULL);
		usleep(10000);
	}
	return seen > before;
}

static void
changes(void)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x42 };
	const uint32_t v0 = if_nametoindex("v0");

	ok(tells("ip route replace 203.0.113.128/25 via 192.0.2.2",
	    SYS_ROUTE_PREFIX, "203.0.113.128", 25), "a route that came");
	ok(tells("ip route del 203.0.113.128/25", SYS_ROUTE_PREFIX,
	    "203.0.113.128", 25), "that went");
	ok(tells("ip -6 route add default via 2001:db8::2", SYS_ROUTE_PREFIX,
	    "::", 0), "IPv6's default route");
	ok(tells("ip rule add from 192.0.2.8 lookup 78", SYS_ROUTE_ANY, NULL,
	    0), "a rule");
	ok(tells("ip addr add 192.0.2.8/32 dev v0", SYS_ROUTE_ANY, NULL, 0),
	    "an address");
	wanted.ifindex = v0;
	wanted.neigh = SYS_NEIGH_OLD;
	memcpy(wanted.there, mac, 6);
	ok(tells("ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:42 nud "
	    "stale dev v0", SYS_ROUTE_NEIGH, "192.0.2.2", 0),
	    "a neighbour's address");
	wanted.neigh = SYS_NEIGH_NONE;
	memset(wanted.there, 0, 6);
	/* the kernel tells that it failed before it goes, with its address */
	ok(tells("ip neigh del 192.0.2.2 dev v0", SYS_ROUTE_NEIGH, "192.0.2.2",
	    0), "its end");
	ok(tells("ip link set v1 down", SYS_ROUTE_LINK, NULL, 0),
	    "a carrier that went");
	wanted.up = 1;
	ok(tells("ip link set v1 up", SYS_ROUTE_LINK, NULL, 0),
	    "that came back");
	wanted.up = 0;
	ok(tells("ip link del v0", SYS_ROUTE_LINK, NULL, 0), "a device's end");
	wanted.ifindex = 0;
	scene("for i in $(seq 20000); do echo route add 10.$((i / 256 % 256))."
	    "$((i % 256)).1 dev t0; done | ip -batch -");
	ok(sys_route_read(events_fd, event, NULL) == -1 && errno == ENOBUFS,
	    "what was not read in time is lost, and that is told");
}

int
main(void)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL) };

	netns_enter();
	scene("sysctl -qw net.ipv6.conf.default.accept_dad=0 "
	    "net.ipv6.auto_flowlabels=0");
	scene("ip link set lo up; "
	    "ip link add v0 type veth peer name v1; "
	    "ip link set v1 up; ip link set v0 up; "
	    "ip addr add 192.0.2.1/24 dev v0; "
	    "ip addr add 2001:db8::1/64 dev v0 nodad; "
	    "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev v0; "
	    "ip neigh add 2001:db8::2 lladdr 02:00:00:00:00:02 dev v0");
	far = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
	sll.sll_ifindex = (int)if_nametoindex("v1");
	ask_fd = sys_route_socket(0);
	events_fd = sys_route_socket(1);
	ok(bind(far, (struct sockaddr *)&sll, sizeof(sll)) == 0 &&
	    ask_fd != -1 && events_fd != -1, "sockets");
	ok((fcntl(ask_fd, F_GETFL) & O_NONBLOCK) &&
	    (fcntl(ask_fd, F_GETFD) & FD_CLOEXEC), "... as they should be");
	compare(AF_INET, 100, "192.0.2.1", "192.0.2.2");
	compare(AF_INET, 1480, "192.0.2.1", "192.0.2.2");
	compare(AF_INET6, 100, "2001:db8::1", "2001:db8::2");
	compare(AF_INET6, 1460, "2001:db8::1", "2001:db8::2");
	batch();
	checksums();
	answers();
	refusals();
	changes();
	return tap_done();
}
