/* SPDX-License-Identifier: ISC */
/*
 * secd/sys/sock_Linux.c: many datagrams in one call, sent and received: over
 * the loopback, over a veth pair between two namespaces, whose one end cuts
 * and whose other end joins if they are let, and over one whose MTU is too
 * small.  How often the kernel was called is counted.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "secd/sys/sys.h"
#include "tests/unit/netns.h"

#define PORT	4500
#define FROM	4501
#define SEGMENT	1400
#define MANY	(44 * SEGMENT)
#define ROOM	65536

/* One family; there: the far end of the pair, small: that of the other. */
struct side {
	const char	*name;
	uint8_t		 af;
	size_t		 head;		/* IP and UDP */
	const char	*self, *here, *there, *small, *nowhere, *stranger;
};
static const struct side sides[] = {
	{ "UDP4", AF_INET, 28, "127.0.0.1", "192.0.2.1", "192.0.2.2",
	    "198.51.100.2", "203.0.113.1", "192.0.2.77" },
	{ "UDP6", AF_INET6, 48, "::1", "2001:db8::1", "2001:db8::2",
	    "2001:db8:1::2", "2001:db8:2::1", "2001:db8::77" },
};

static struct sys_dgram d[SYS_BATCH], r[SYS_BATCH];
static uint8_t in[SYS_BATCH][ROOM], out[ROOM], all[4 * ROOM];
static size_t allen;
static int near, far, calls;

/* secd/sys's calls come here. */
int
sendmmsg(int fd, struct mmsghdr *mm, unsigned int n, int flags)
{
	calls++;
	return (int)syscall(SYS_sendmmsg, fd, mm, n, flags);
}

/* --- the scene --- */

static void
enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) == -1) {
		printf("Bail out! setns\n");
		exit(1);
	}
}

static void
set_scene(void)
{
	char cmd[128];

	netns_enter();
	near = open("/proc/self/ns/net", O_RDONLY);
	netns_enter();
	far = open("/proc/self/ns/net", O_RDONLY);
	scene("ip link set lo up");
	enter(near);
	scene("ip link set lo up");
	scene("ip link add v0 type veth peer name v1");
	scene("ip link add s0 mtu 1280 type veth peer name s1");
	snprintf(cmd, sizeof(cmd), "for i in v1 s1; do ip link set $i netns "
	    "/proc/%d/fd/%d || exit 1; done", (int)getpid(), far);
	scene(cmd);
	scene("ip addr add 192.0.2.1/24 dev v0");
	scene("ip addr add 198.51.100.1/24 dev s0");
	scene("ip addr add 2001:db8::1/64 dev v0 nodad");
	scene("ip link set v0 up && ip link set s0 up");
	enter(far);
	scene("ip addr add 192.0.2.2/24 dev v1");
	scene("ip addr add 198.51.100.2/24 dev s1");
	scene("ip addr add 2001:db8::2/64 dev v1 nodad");
	scene("ip link set v1 up && ip link set s1 up");
	scene("ip addr add 2001:db8:1::2/64 dev s1 nodad");
	enter(near);
	scene("ip addr add 2001:db8:1::1/64 dev s0 nodad");
	scene("for i in $(seq 200); do ping -6 -c 1 -W 1 2001:db8::2 >/dev/null"
	    " && ping -6 -c 1 -W 1 2001:db8:1::2 >/dev/null && exit 0; "
	    "sleep 0.01; done; exit 1");
}

static int
ethtool(const char *dev, void *what)
{
	struct ifreq ifr = { .ifr_data = what };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), rc;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	rc = ioctl(fd, SIOCETHTOOL, &ifr);
	close(fd);
	return rc;
}

/* Switch a feature that ethtool -k lists. */
static void
feature(int ns, const char *dev, const char *name, int on)
{
	static union {
		struct ethtool_gstrings s;
		char room[128 * ETH_GSTRING_LEN];
	} names;
	static union {
		struct ethtool_sfeatures f;
		char room[128];
	} set;
	uint32_t i;

	enter(ns);
	memset(&names, 0, sizeof(names));
	names.s.cmd = ETHTOOL_GSTRINGS;
	names.s.string_set = ETH_SS_FEATURES;
	if (ethtool(dev, &names) == -1)
		names.s.len = 0;
	for (i = 0; i < names.s.len; i++)
		if (strcmp((char *)names.s.data + i * ETH_GSTRING_LEN,
		    name) == 0)
			break;
	memset(&set, 0, sizeof(set));
	set.f.cmd = ETHTOOL_SFEATURES;
	set.f.size = (names.s.len + 31) / 32;
	set.f.features[i / 32].valid = 1U << i % 32;
	set.f.features[i / 32].requested = (uint32_t)(on != 0) << i % 32;
	if (i == names.s.len || ethtool(dev, &set) == -1) {
		printf("Bail out! %s of %s: %s\n", name, dev, strerror(errno));
		exit(1);
	}
	enter(near);
}

/* --- sending and receiving --- */

static int
udp(int ns, uint8_t af, uint16_t port, unsigned int offload)
{
	int fd;

	enter(ns);
	fd = sys_udp_socket(af, port, 0);
	enter(near);
	if (fd == -1 || sys_udp_offload(fd, af, offload) != offload) {
		printf("Bail out! socket\n");
		exit(1);
	}
	return fd;
}

static void
entry(int i, size_t at, size_t len, uint16_t segment, const char *src,
    const char *dst)
{
	memset(&d[i], 0, sizeof(d[i]));
	d[i].data = out + at;
	d[i].len = len;
	d[i].segment = segment;
	if (src != NULL)
		addr_parse(src, &d[i].src);
	addr_parse(dst, &d[i].dst);
	d[i].dport = PORT;
	d[i].error = -1;
}

/*
 * All that comes, one after the other in all[]; how many there were.  Each is
 * to be of so many octets, merged or not, or the last of those.
 */
static int
receive(int fd, uint8_t af, size_t segment, int *datagrams)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int i, n, entries = 0;

	allen = 0;
	*datagrams = 0;
	while (poll(&pfd, 1, 100) == 1) {
		memset(r, 0xff, sizeof(r));
		for (i = 0; i < SYS_BATCH; i++) {
			r[i].buf = in[i];
			r[i].size = ROOM;
		}
		if ((n = sys_udp_recv(fd, af, r, SYS_BATCH)) <= 0)
			break;
		for (i = 0; i < n; i++) {
			if (r[i].error != 0 || r[i].sport != FROM ||
			    (r[i].segment != 0 && r[i].segment != segment) ||
			    (r[i].segment == 0 && r[i].len > segment) ||
			    allen + r[i].len > sizeof(all))
				return -1;
			memcpy(all + allen, r[i].data, r[i].len);
			allen += r[i].len;
			*datagrams += (int)((r[i].len + segment - 1) / segment);
		}
		entries += n;
	}
	return entries;
}

static int
came(size_t at, size_t len)
{
	return allen == len && memcmp(all, out + at, len) == 0;
}

/* --- the tests --- */

static void
loopback(const struct side *s)
{
	int tx = udp(near, s->af, FROM, SYS_GSO), n;
	int rx = udp(near, s->af, PORT, 0);

	entry(0, 0, MANY, SEGMENT, s->self, s->self);
	calls = 0;
	is(sys_udp_send(tx, s->af, d, 1), 1, "%s: 44 of 1400 octets leave",
	    s->name);
	ok(calls == 1 && d[0].error == 0, "%s: in one call", s->name);
	is(receive(rx, s->af, SEGMENT, &n), 44, "%s: a plain socket has 44",
	    s->name);
	ok(came(0, MANY), "%s: as they were, in order", s->name);
	is(sys_udp_offload(rx, s->af, SYS_GRO), SYS_GRO, "%s: they may be "
	    "joined", s->name);
	entry(0, 0, MANY - 1, SEGMENT, NULL, s->self);
	sys_udp_send(tx, s->af, d, 1);
	is(receive(rx, s->af, SEGMENT, &n), 1, "%s: 44 are one", s->name);
	ok(came(0, MANY - 1) && r[0].segment == SEGMENT, "%s: whole, and the "
	    "length of each is told", s->name);
	ok(addr_equal(&r[0].src, &d[0].dst) && addr_equal(&r[0].dst,
	    &d[0].dst), "%s: with both addresses", s->name);
	entry(0, 0, SEGMENT, SEGMENT, s->self, s->self);
	sys_udp_send(tx, s->af, d, 1);
	ok(receive(rx, s->af, SEGMENT, &n) == 1 && came(0, SEGMENT) &&
	    r[0].segment == 0, "%s: one is one", s->name);

	entry(0, 0, MANY, SEGMENT, s->self, s->self);
	sys_udp_send(tx, s->af, d, 1);
	memset(r, 0xff, sizeof(r));
	r[0].buf = in[0];
	r[0].size = MANY - 1;
	ok(sys_udp_recv(rx, s->af, r, 1) == 1 && r[0].error == EMSGSIZE &&
	    r[0].len == 0 && r[0].segment == 0,
	    "%s: too many for the room are an error", s->name);
	is(sys_udp_offload(rx, s->af, 0), 0, "%s: no more", s->name);
	sys_udp_send(tx, s->af, d, 1);
	is(receive(rx, s->af, SEGMENT, &n), 44, "%s: 44 again", s->name);
	close(tx);
	close(rx);
}

static int
has(int i, size_t at, size_t len, uint16_t segment, const char *src)
{
	struct ip_addr a;

	addr_parse(src, &a);
	return r[i].error == 0 && r[i].len == len &&
	    r[i].segment == segment && memcmp(r[i].data, out + at, len) == 0 &&
	    addr_equal(&r[i].src, &a);
}

/* Several of each kind in one batch, from two addresses, to two. */
static void
mixed(const struct side *s)
{
	int tx = udp(near, s->af, FROM, SYS_GSO), i;
	int rx = udp(near, s->af, PORT, SYS_GRO);
	const char *self = s->self, *here = s->here;

	entry(0, 0, 100, 0, self, self);
	entry(1, 100, 3000, 1000, self, self);
	entry(2, 50, 77, 0, self, self);
	entry(3, 200, 2001, 1000, self, self);
	entry(4, 300, 2001, 500, self, self);
	entry(5, 400, 501, 500, here, here);
	entry(6, 10, 99, 0, here, here);
	entry(7, 20, 99, 0, NULL, here);
	entry(8, 30, 990, 99, NULL, here);
	entry(9, 0, 0, 0, self, self);
	calls = 0;
	is(sys_udp_send(tx, s->af, d, 10), 10, "%s: ten of all kinds leave",
	    s->name);
	is(calls, 1, "%s: in one call", s->name);
	for (i = 0; i < SYS_BATCH; i++) {
		r[i].buf = in[i];
		r[i].size = ROOM;
	}
	is(sys_udp_recv(rx, s->af, r, SYS_BATCH), 10, "%s: and come",
	    s->name);
	ok(has(0, 0, 100, 0, self) && has(1, 100, 3000, 1000, self) &&
	    has(2, 50, 77, 0, self) && has(3, 200, 2001, 1000, self) &&
	    has(4, 300, 2001, 500, self) && has(5, 400, 501, 500, here) &&
	    has(6, 10, 99, 0, here) && has(7, 20, 99, 0, here) &&
	    has(8, 30, 990, 99, here) && has(9, 0, 0, 0, self),
	    "%s: each as it was sent, from its source", s->name);
	close(tx);
	close(rx);
}

/* What the kernel does not cut leaves all the same. */
static void
uncut(const struct side *s)
{
	int tx = udp(near, s->af, FROM, SYS_GSO), n;
	int rx = udp(far, s->af, PORT, 0);
	int self = udp(near, s->af, PORT, 0), plain;

	entry(0, 0, 100, 0, NULL, s->small);
	entry(1, 100, 5 * SEGMENT - 3, SEGMENT, NULL, s->small);
	entry(2, 5 * SEGMENT + 97, 200, 0, NULL, s->small);
	calls = 0;
	is(sys_udp_send(tx, s->af, d, 3), 3, "%s: segments larger than the "
	    "MTU leave", s->name);
	ok(d[0].error == 0 && d[1].error == 0 && d[2].error == 0,
	    "%s: without an error (%d calls)", s->name, calls);
	is(receive(rx, s->af, SEGMENT, &n), 7, "%s: each comes, in fragments",
	    s->name);
	ok(came(0, 5 * SEGMENT + 297), "%s: in order with what was before and "
	    "behind", s->name);

	entry(0, 0, 30000, 100, NULL, s->self);
	is(sys_udp_send(tx, s->af, d, 1), 1, "%s: 300 segments leave",
	    s->name);
	receive(self, s->af, 100, &n);
	ok(n == 300 && came(0, 30000), "%s: and come", s->name);
	entry(0, 0, ROOM - 1, 1000, NULL, s->self);
	is(sys_udp_send(tx, s->af, d, 1), 1, "%s: as many as no packet could "
	    "hold leave", s->name);
	receive(self, s->af, 1000, &n);
	ok(n == 66 && came(0, ROOM - 1), "%s: and come", s->name);

	close(tx);
	plain = udp(near, s->af, FROM, 0);
	entry(0, 0, MANY, SEGMENT, NULL, s->self);
	is(sys_udp_send(plain, s->af, d, 1), 1, "%s: a socket without "
	    "SYS_GSO sends 44", s->name);
	receive(self, s->af, SEGMENT, &n);
	ok(n == 44 && came(0, MANY), "%s: and come", s->name);
	close(plain);
	close(rx);
	close(self);
}

static void
errors(const struct side *s)
{
	int tx = udp(near, s->af, FROM, SYS_GSO), n, i;
	int rx = udp(near, s->af, PORT, 0), size = 4608, full;

	entry(0, 0, 3000, 1000, s->self, s->self);
	entry(1, 0, 3000, 1000, s->self, s->nowhere);
	entry(2, 3000, 3000, 1000, s->self, s->self);
	entry(3, 0, 3000, 1000, s->stranger, s->self);
	entry(4, 6000, 3000, 1000, s->self, s->self);
	is(sys_udp_send(tx, s->af, d, 5), 3, "%s: three of five leave",
	    s->name);
	is(d[1].error, ENETUNREACH, "%s: no route", s->name);
	/* which of the two it is, IPv4 does not say */
	is(d[3].error, s->af == AF_INET ? ENETUNREACH : EADDRNOTAVAIL,
	    "%s: not our address", s->name);
	ok(d[0].error == 0 && d[2].error == 0 && d[4].error == 0,
	    "%s: the others have no error", s->name);
	is(receive(rx, s->af, 1000, &n), 9, "%s: and come", s->name);
	ok(came(0, 9000), "%s: as they were", s->name);
	close(rx);

	/* nobody there answers for its address */
	setsockopt(tx, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = 0; i < SYS_BATCH; i++)
		entry(i, 0, MANY, SEGMENT, NULL, s->stranger);
	sys_udp_send(tx, s->af, d, SYS_BATCH);
	for (full = 0, i = 0; i < SYS_BATCH; i++)
		full += d[i].error == ENOBUFS;
	ok(full > 0, "%s: a full socket buffer is ENOBUFS", s->name);
	close(tx);
}

/* The Internet's sum over the pseudo header and all that follows. */
static int
sum_is_right(const struct side *s, const uint8_t *p, size_t len)
{
	const size_t addrs = s->af == AF_INET ? 12 : 8;
	uint32_t sum = IPPROTO_UDP + (uint32_t)(len - s->head + 8);
	size_t i;

	for (i = addrs; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* All of one socket have a checksum, cut or not; else IPv4's have none. */
static void
checksums(const struct side *s, unsigned int offload)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET };
	struct pollfd pfd = { .events = POLLIN };
	uint8_t p[2048];
	const size_t proto = s->af == AF_INET ? 9 : 6;
	int tx, zero = 0, right = 0, n = 0;
	ssize_t len;

	enter(far);
	pfd.fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
	sll.sll_protocol = htons(ETH_P_ALL);
	sll.sll_ifindex = (int)if_nametoindex("v1");
	if (bind(pfd.fd, (struct sockaddr *)&sll, sizeof(sll)) == -1)
		exit(1);
	enter(near);
	tx = udp(near, s->af, FROM, offload);
	entry(0, 0, 3 * SEGMENT - 1, SEGMENT, s->here, s->there);
	entry(1, 0, 100, 0, s->here, s->there);
	sys_udp_send(tx, s->af, d, 2);
	while (n < 4 && poll(&pfd, 1, 200) == 1) {
		len = recv(pfd.fd, p, sizeof(p), 0);
		if (len < (ssize_t)s->head || p[proto] != IPPROTO_UDP ||
		    p[0] >> 4 != (s->af == AF_INET ? 4 : 6))
			continue;
		n++;
		zero += p[s->head - 2] == 0 && p[s->head - 1] == 0;
		right += sum_is_right(s, p, (size_t)len);
	}
	if (offload & SYS_GSO || s->af == AF_INET6)
		ok(n == 4 && zero == 0 && right == 4, "%s: %d of 4 have a "
		    "right checksum, cut or not", s->name, right);
	else
		ok(n == 4 && zero == 4, "%s: without SYS_GSO %d of 4 have "
		    "none", s->name, zero);
	close(tx);
	close(pfd.fd);
}

/* What crosses the wire one by one is joined at its end. */
static void
joined(const struct side *s)
{
	int tx = udp(near, s->af, FROM, SYS_GSO | SYS_GRO), n, got;
	int rx = udp(far, s->af, PORT, SYS_GRO);

	entry(0, 0, MANY - 9, SEGMENT, s->here, s->there);
	sys_udp_send(tx, s->af, d, 1);
	got = receive(rx, s->af, SEGMENT, &n);
	ok(n == 44 && got > 0 && got <= 8 && came(0, MANY - 9),
	    "%s: 44 cut by the kernel come as %d", s->name, got);
	if (s->af == AF_INET) {
		close(tx);
		tx = udp(near, s->af, FROM, 0);
		sys_udp_send(tx, s->af, d, 1);
		got = receive(rx, s->af, SEGMENT, &n);
		ok(got == 44 && n == 44 && came(0, MANY - 9),
		    "%s: without checksums none is joined", s->name);
	}
	close(tx);
	close(rx);
}

int
main(void)
{
	const struct side *s;
	size_t i;

	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	set_scene();
	for (s = sides; s < sides + 2; s++) {
		loopback(s);
		mixed(s);
		uncut(s);
		errors(s);
	}
	feature(near, "v0", "tx-checksum-ip-generic", 0);
	for (s = sides; s < sides + 2; s++) {
		checksums(s, SYS_GSO);
		checksums(s, 0);
	}
	feature(near, "v0", "tx-checksum-ip-generic", 1);
	feature(near, "v0", "tx-udp-segmentation", 0);
	feature(near, "v0", "tx-tcp-segmentation", 0);
	feature(near, "v0", "tx-tcp-ecn-segmentation", 0);
	feature(near, "v0", "tx-tcp-mangleid-segmentation", 0);
	feature(near, "v0", "tx-tcp6-segmentation", 0);
	feature(far, "v1", "rx-gro", 1);
	for (s = sides; s < sides + 2; s++)
		joined(s);
	return tap_done();
}
