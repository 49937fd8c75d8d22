/* SPDX-License-Identifier: ISC */
/*
 * secd/sys/sock_Linux.c: ESP packets in and out of the kernel's IP, raw and in
 * UDP, over the loopback (with an MTU of 1500, so that large ones go in
 * fragments) and over a veth pair whose far end is read raw, to see what is on
 * the wire; and who gets what on a UDP port that two programs share.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "secd/pass.h"
#include "secd/sys/sys.h"
#include "tests/unit/netns.h"

#define PORT	4500
#define MAX4	(65535 - 20)	/* ESP in the largest IPv4 packet */
#define MAX6	65535		/* and in the largest plain IPv6 one */

static struct sys_dgram d[SYS_BATCH + 1], r[SYS_BATCH + 1];
static uint8_t in[SYS_BATCH][65536], out[65536];
static struct ip_addr any;

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	addr_parse(text, &a);
	return a;
}

/* A packet of so many octets: an SPI, then octets that tell their place. */
static void
packet(struct sys_dgram *p, size_t len, const char *src, const char *dst)
{
	memset(p, 0, sizeof(*p));
	p->data = out;
	p->len = len;
	p->src = src != NULL ? addr(src) : any;
	p->dst = addr(dst);
	p->error = -1;
}

static int
receive(int fd, uint8_t af, size_t room)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int i;

	memset(r, 0xff, sizeof(r));
	for (i = 0; i < SYS_BATCH; i++) {
		r[i].buf = in[i];
		r[i].size = room;
	}
	if (poll(&pfd, 1, 1000) != 1)
		return 0;
	return sys_esp_recv(fd, af, r, SYS_BATCH);
}

static int
same(const struct sys_dgram *p, size_t len, const char *src, const char *dst)
{
	struct ip_addr s = addr(src), t = addr(dst);

	return p->error == 0 && p->len == len &&
	    memcmp(p->data, out, len) == 0 && addr_equal(&p->src, &s) &&
	    addr_equal(&p->dst, &t);
}

static void
socket_itself(int fd)
{
	socklen_t len = sizeof(int);
	int size = 0;

	ok((fcntl(fd, F_GETFD) & FD_CLOEXEC) && (fcntl(fd, F_GETFL) &
	    O_NONBLOCK), "close-on-exec, non-blocking");
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len);
	ok(size >= 4 * 1024 * 1024, "receive buffer of %d octets", size);
	ok(sys_esp_recv(fd, AF_INET, r, SYS_BATCH) == 0,
	    "nothing to receive is 0");
}

static void
to_and_fro(int fd, uint8_t af, const char *a, const char *b, size_t max)
{
	const char *name = af == AF_INET ? "IPv4" : "IPv6";
	const size_t sizes[] = { 100, 1400, 1500, 9000, max };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		packet(&d[0], sizes[i], a, b);
		is(sys_esp_send(fd, af, d, 1), 1, "%s: %zu octets leave", name,
		    sizes[i]);
		ok(receive(fd, af, sizeof(in[0])) == 1 &&
		    same(&r[0], sizes[i], a, b),
		    "%s: and arrive as they were, with both addresses", name);
	}
	packet(&d[0], 100, NULL, a);
	sys_esp_send(fd, af, d, 1);
	ok(receive(fd, af, sizeof(in[0])) == 1 && same(&r[0], 100, a, a),
	    "%s: without a source the kernel chooses it", name);

	packet(&d[0], 200, a, b);
	packet(&d[1], 60, a, b);
	sys_esp_send(fd, af, d, 2);
	is(receive(fd, af, 100), 2, "%s: two for slots of 100 octets", name);
	ok(r[0].error == EMSGSIZE && r[0].len == 0,
	    "%s: the larger is an error, not a packet cut short", name);
	ok(same(&r[1], 60, a, b), "%s: the other is whole", name);
}

static void
batches(int fd, uint8_t af, const char *a)
{
	const char *name = af == AF_INET ? "IPv4" : "IPv6";
	int i, good = 0;

	for (i = 0; i < SYS_BATCH; i++)
		packet(&d[i], 100 + (size_t)i, a, a);
	is(sys_esp_send(fd, af, d, SYS_BATCH), SYS_BATCH, "%s: a batch leaves",
	    name);
	for (i = 0; i < SYS_BATCH; i++)
		good += d[i].error == 0;
	is(good, SYS_BATCH, "%s: each is told so", name);
	packet(&d[0], 99, a, a);
	sys_esp_send(fd, af, d, 1);
	is(receive(fd, af, sizeof(in[0])), SYS_BATCH, "%s: a batch arrives",
	    name);
	for (good = 0, i = 0; i < SYS_BATCH; i++)
		good += same(&r[i], 100 + (size_t)i, a, a);
	is(good, SYS_BATCH, "%s: each as it was, in order", name);
	ok(receive(fd, af, sizeof(in[0])) == 1 && same(&r[0], 99, a, a),
	    "%s: what was left over comes next", name);
}

static void
errors(int fd, uint8_t af, const char *here, const char *nowhere,
    const char *stranger)
{
	const char *name = af == AF_INET ? "IPv4" : "IPv6";

	packet(&d[0], 100, here, here);
	packet(&d[1], 100, here, nowhere);
	packet(&d[2], 101, here, here);
	packet(&d[3], 100, stranger, here);
	packet(&d[4], 102, here, here);
	/* IPv6: longer than any buffer here; the kernel looks at the length */
	packet(&d[5], 65536, here, here);
	packet(&d[6], 103, here, here);
	is(sys_esp_send(fd, af, d, 7), 4, "%s: four of seven can leave", name);
	is(d[1].error, ENETUNREACH, "%s: no route", name);
	/* which of the two it is, IPv4 does not say */
	is(d[3].error, af == AF_INET ? ENETUNREACH : EADDRNOTAVAIL,
	    "%s: not our address", name);
	is(d[5].error, EMSGSIZE, "%s: larger than a packet can be", name);
	ok(d[0].error == 0 && d[2].error == 0 && d[4].error == 0 &&
	    d[6].error == 0, "%s: the others have no error", name);
	is(receive(fd, af, sizeof(in[0])), 4, "%s: and arrive", name);
	ok(same(&r[0], 100, here, here) && same(&r[1], 101, here, here) &&
	    same(&r[2], 102, here, here) && same(&r[3], 103, here, here),
	    "%s: as they were", name);
}

/* Neighbours that never answer keep packets in the socket's own account. */
static void
full_buffer(void)
{
	int fd, size = 4608, i, full = 0, sent;

	fd = sys_esp_socket(AF_INET, 1, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = 0; i < SYS_BATCH; i++)
		packet(&d[i], 1000, NULL, "192.0.2.77");
	sent = sys_esp_send(fd, AF_INET, d, SYS_BATCH);
	for (i = 0; i < SYS_BATCH; i++)
		full += d[i].error == ENOBUFS;
	ok(sent > 0 && full > 0 && sent + full == SYS_BATCH,
	    "a full socket buffer is ENOBUFS (%d left, %d did not)", sent,
	    full);
	close(fd);
}

/* What others may put before ESP: IPv4 options, IPv6 extension headers. */
static void
headers_before(int fd4, int fd6)
{
	static const uint8_t dstopts[8] = { 0, 0, 1, 4 };	/* PadN */
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint8_t p[24 + 64];
	struct ip ip = { .ip_v = 4, .ip_hl = 6, .ip_ttl = 9,
	    .ip_p = IPPROTO_ESP, .ip_len = htons(sizeof(p)) };
	int fd;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ip.ip_src = ip.ip_dst = to.sin_addr;
	memset(p, IPOPT_NOP, sizeof(p));
	memcpy(p, &ip, sizeof(ip));
	memcpy(p + 24, out, 64);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	ok(sendto(fd, p, sizeof(p), 0, (struct sockaddr *)&to,
	    sizeof(to)) == sizeof(p) &&
	    receive(fd4, AF_INET, sizeof(in[0])) == 1 &&
	    same(&r[0], 64, "127.0.0.1", "127.0.0.1"),
	    "IPv4: options before ESP are passed over");
	close(fd);

	fd = sys_esp_socket(AF_INET6, 1, 0);
	packet(&d[0], 64, "::1", "::1");
	ok(setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, dstopts,
	    sizeof(dstopts)) == 0 && sys_esp_send(fd, AF_INET6, d, 1) == 1 &&
	    receive(fd6, AF_INET6, sizeof(in[0])) == 1 &&
	    same(&r[0], 64, "::1", "::1"),
	    "IPv6: so are extension headers");
	close(fd);
}

/* --- on the wire --- */

/* The next IPv4 packet that the far end of the veth pair gets. */
static int
capture(int fd, uint8_t *buf, size_t size)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	while (poll(&pfd, 1, 500) == 1) {
		n = recv(fd, buf, size, 0);
		if (n >= 20 && buf[9] == IPPROTO_ESP)
			return (int)n;
	}
	return 0;
}

static void
on_the_wire(int fd)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_IP) };
	uint8_t buf[2048];
	uint32_t a;
	int cap, n, total = 0, pieces = 0, largest = 0, df = 0;

	cap = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	sll.sll_ifindex = (int)if_nametoindex("v1");
	if (bind(cap, (struct sockaddr *)&sll, sizeof(sll)) == -1)
		exit(1);

	/* the route's MTU is 600, as it would be after an ICMP */
	packet(&d[0], 1200, "192.0.2.9", "192.0.2.2");
	is(sys_esp_send(fd, AF_INET, d, 1), 1, "one of 1200 octets leaves");
	n = capture(cap, buf, sizeof(buf));
	is(n, 1220, "whole: what the kernel learnt of the path is not used");
	memcpy(&a, buf + 12, 4);
	ok(a == inet_addr("192.0.2.9"), "from the source it was given");
	ok((buf[6] & 0x40) == 0, "with DF clear");
	ok(memcmp(buf + 20, out, 1200) == 0, "with ESP right after the header");

	packet(&d[0], 4000, "192.0.2.9", "192.0.2.2");
	sys_esp_send(fd, AF_INET, d, 1);
	while (total < 4000 && (n = capture(cap, buf, sizeof(buf))) > 0) {
		pieces++;
		total += n - 20;
		largest = n > largest ? n : largest;
		df |= buf[6] & 0x40;
	}
	ok(pieces == 3 && total == 4000 && largest == 1500 && df == 0,
	    "4000 octets are three fragments of at most 1500");
	close(cap);
}

/* --- UDP --- */

static int
receive_udp(int fd, uint8_t af, size_t room)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int i;

	memset(r, 0xff, sizeof(r));
	for (i = 0; i < SYS_BATCH; i++) {
		r[i].buf = in[i];
		r[i].size = room;
	}
	if (poll(&pfd, 1, 300) != 1)
		return 0;
	return sys_udp_recv(fd, af, r, SYS_BATCH);
}

static void
udp_to_and_fro(uint8_t af, const char *a, const char *b, size_t max)
{
	const char *name = af == AF_INET ? "UDP4" : "UDP6";
	const size_t sizes[] = { 1, 100, 1472, 9000, max };
	int fd, other;
	size_t i;

	fd = sys_udp_socket(af, PORT, 1);
	other = sys_udp_socket(af, PORT + 1, 0);
	ok(fd != -1 && other != -1, "%s: sockets", name);
	ok((fcntl(fd, F_GETFD) & FD_CLOEXEC) && (fcntl(fd, F_GETFL) &
	    O_NONBLOCK), "%s: close-on-exec, non-blocking", name);
	is(sys_udp_recv(fd, af, r, SYS_BATCH), 0, "%s: nothing is 0", name);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		packet(&d[0], sizes[i], a, b);
		d[0].dport = PORT;
		is(sys_udp_send(other, af, d, 1), 1, "%s: %zu octets leave",
		    name, sizes[i]);
		ok(receive_udp(fd, af, sizeof(in[0])) == 1 &&
		    same(&r[0], sizes[i], a, b) && r[0].sport == PORT + 1,
		    "%s: and arrive as they were, addresses, port and all",
		    name);
	}
	packet(&d[0], 100, NULL, a);
	d[0].dport = PORT + 1;
	sys_udp_send(fd, af, d, 1);
	ok(receive_udp(other, af, sizeof(in[0])) == 1 &&
	    same(&r[0], 100, a, a) && r[0].sport == PORT,
	    "%s: without a source the kernel chooses it; back to that port",
	    name);
	packet(&d[0], 200, a, b);
	packet(&d[1], 60, a, b);
	d[0].dport = d[1].dport = PORT;
	sys_udp_send(other, af, d, 2);
	ok(receive_udp(fd, af, 100) == 2 && r[0].error == EMSGSIZE &&
	    r[0].len == 0 && same(&r[1], 60, a, b),
	    "%s: one too large for its slot is an error", name);
	packet(&d[0], 100, af == AF_INET ? "198.51.100.1" : "2001:db8:2::1", b);
	d[0].dport = PORT;
	is(sys_udp_send(fd, af, d, 1), 0, "%s: not our address", name);
	is(d[0].error, af == AF_INET ? ENETUNREACH : EADDRNOTAVAIL,
	    "%s: and so it says", name);
	errno = 0;
	ok(sys_udp_socket(af, PORT, 0) == -1 && errno == EADDRINUSE,
	    "%s: one that does not share is refused beside one", name);
	errno = 0;
	ok(sys_udp_socket(af, PORT + 1, 1) == -1 && errno == EADDRINUSE,
	    "%s: and one that shares beside one that does not", name);
	close(fd);
	close(other);
}

/* IPv4: no checksum, DF clear, and nothing of the route's MTU. */
static void
udp_on_the_wire(void)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_IP) };
	struct pollfd pfd = { .events = POLLIN };
	uint8_t buf[2048];
	ssize_t n = 0;
	int fd = sys_udp_socket(AF_INET, PORT, 1);

	pfd.fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	sll.sll_ifindex = (int)if_nametoindex("v1");
	if (bind(pfd.fd, (struct sockaddr *)&sll, sizeof(sll)) == -1)
		exit(1);
	packet(&d[0], 1200, "192.0.2.9", "192.0.2.2");
	d[0].dport = PORT;
	is(sys_udp_send(fd, AF_INET, d, 1), 1, "one of 1200 octets leaves");
	while (poll(&pfd, 1, 500) == 1) {
		n = recv(pfd.fd, buf, sizeof(buf), 0);
		if (n >= 28 && buf[9] == IPPROTO_UDP)
			break;
	}
	ok(n == 1228 && memcmp(buf + 28, out, 1200) == 0,
	    "whole, whatever the route's MTU");
	ok(buf[20] == PORT >> 8 && buf[21] == (PORT & 255) && buf[22] ==
	    PORT >> 8 && buf[23] == (PORT & 255), "from and to port 4500");
	ok(buf[26] == 0 && buf[27] == 0, "without a checksum");
	ok((buf[6] & 0x40) == 0, "with DF clear");
	close(pfd.fd);
	close(fd);
}

/* As an IKE daemon would; what such a one does, not sys_udp_socket. */
static int
ike_socket(uint8_t af)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(PORT) };
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(PORT) };
	int fd = socket(af, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1;

	/* which some of them do */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(fd, af == AF_INET ? (struct sockaddr *)&sin :
	    (struct sockaddr *)&sin6, af == AF_INET ? sizeof(sin) :
	    sizeof(sin6)) == -1)
		return -1;
	return fd;
}

static int
pending(int fd)
{
	uint8_t buf[64];
	int n = 0;

	while (recv(fd, buf, sizeof(buf), 0) != -1)
		n++;
	return n;
}

/* 20 senders, so that no hash does the right thing by chance. */
static void
send_word(uint8_t af, uint8_t last)
{
	static uint8_t word[20];
	int i, fd;

	word[3] = last;
	for (i = 0; i < 20; i++) {
		fd = sys_udp_socket(af, (uint16_t)(20000 + i), 0);
		packet(&d[0], sizeof(word), NULL, af == AF_INET ? "127.0.0.1" :
		    "::1");
		d[0].data = word;
		d[0].dport = PORT;
		sys_udp_send(fd, af, d, 1);
		close(fd);
	}
}

/* Would another user get the port, whatever his socket and IKE's have set? */
static int
stranger_binds(uint8_t af)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(65534) == -1 || setuid(65534) == -1)
			_exit(2);
		_exit(ike_socket(af) != -1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
strangers(uint8_t af)
{
	const char *name = af == AF_INET ? "UDP4" : "UDP6";
	int us = sys_udp_socket(af, PORT, 1), ike;

	is(stranger_binds(af), 0, "%s: another user does not get the port",
	    name);
	ike = ike_socket(af);
	ok(ike != -1, "%s: ours does", name);
	is(stranger_binds(af), 0, "%s: nor the other beside both", name);
	close(us);
	us = sys_udp_socket(af, PORT, 1);
	ok(us != -1, "%s: who comes first does not matter", name);
	close(ike);
	close(us);
}

static void
selector(uint8_t af, int first)
{
	const char *name = af == AF_INET ? "UDP4" : "UDP6";
	int us = -1, ike, mine, its;

	if (first)
		us = sys_udp_socket(af, PORT, 1);
	ike = ike_socket(af);
	if (!first)
		us = sys_udp_socket(af, PORT, 1);
	ok(us != -1 && ike != -1, "%s: a port is shared, we are the %s", name,
	    first ? "first" : "second");
	is(sys_udp_select(us, first ? 0 : 1), 0, "%s: selector", name);
	send_word(af, 0);
	its = pending(ike);
	mine = pending(us);
	ok(its == 20 && mine == 0, "%s: IKE's go to IKE (%d, %d to us)", name,
	    its, mine);
	send_word(af, 7);
	its = pending(ike);
	mine = pending(us);
	ok(its == 0 && mine == 20, "%s: ESP comes to us (%d to IKE, %d)", name,
	    its, mine);
	is(sys_udp_select(us, first ? 1 : 0), 0, "%s: a wrong number", name);
	send_word(af, 7);
	its = pending(ike);
	mine = pending(us);
	ok(its == 20 && mine == 0, "%s: and ESP goes to IKE (%d, %d to us)",
	    name, its, mine);
	close(ike);
	send_word(af, 0);
	send_word(af, 7);
	is(pending(us), 40, "%s: without IKE all comes to us", name);
	close(us);
}

/* A message from there to here, by way of lo; what it is wrapped in. */
static int
is_wrapped(const char *lo, const char *src, const char *dst)
{
	uint8_t want[sizeof(struct pass_hdr) + 100] = PASS_MAGIC;
	const struct ip_addr near = addr(lo);
	struct in6_addr mapped;
	char text[64];

	want[PASS_MAGICLEN + 3] = sizeof(want) - 4;
	snprintf(text, sizeof(text), "%s%s", strchr(src, ':') ? "" : "::ffff:",
	    src);
	inet_pton(AF_INET6, text, &mapped);
	memcpy(want + PASS_MAGICLEN + 4, &mapped, 16);
	snprintf(text, sizeof(text), "%s%s", strchr(dst, ':') ? "" : "::ffff:",
	    dst);
	inet_pton(AF_INET6, text, &mapped);
	memcpy(want + PASS_MAGICLEN + 20, &mapped, 16);
	want[PASS_MAGICLEN + 36] = 0x12;
	want[PASS_MAGICLEN + 37] = 0x34;
	memcpy(want + sizeof(struct pass_hdr), out, 100);
	return r[0].error == 0 && r[0].len == sizeof(want) &&
	    memcmp(r[0].data, want, sizeof(want)) == 0 && r[0].sport == PORT &&
	    addr_equal(&r[0].src, &near) && addr_equal(&r[0].dst, &near);
}

static void
passing(uint8_t af, const char *lo, const char *src, const char *dst)
{
	int us = sys_udp_socket(af, PORT, 1);

	packet(&d[0], 100, src, dst);
	d[0].sport = 0x1234;
	is(sys_udp_pass(us, af, &d[0]), 0, "from %s: passed on", src);
	ok(receive_udp(us, af, sizeof(in[0])) == 1 &&
	    is_wrapped(lo, src, dst), "... over the loopback, with %s in "
	    "front of it", src);
	d[0].len = 65536;
	errno = 0;
	ok(sys_udp_pass(us, af, &d[0]) == -1 && errno == EMSGSIZE,
	    "... unless it does not fit");
	packet(&d[0], 100, lo, lo);
	errno = 0;
	ok(sys_udp_pass(us, af, &d[0]) == -1 && errno == EINVAL,
	    "what comes from %s is not passed on", lo);
	close(us);
}

int
main(void)
{
	int fd4, fd6;
	size_t i;

	netns_enter();
	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	scene("ip link set lo mtu 1500 up");
	scene("ip link add v0 type veth peer name v1");
	scene("ip addr add 192.0.2.1/24 dev v0");
	scene("ip addr add 192.0.2.9/24 dev v0");
	scene("ip link set v0 up && ip link set v1 up");
	scene("ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev v0");
	scene("ip route add 192.0.2.2 dev v0 mtu 600");
	scene("ip -6 addr add 2001:db8::1/128 dev lo nodad");
	/* its local route is made a moment later */
	scene("for i in $(seq 200); do ip -6 route show table local | "
	    "grep -q 2001:db8::1 && exit 0; sleep 0.01; done; exit 1");

	fd4 = sys_esp_socket(AF_INET, 1, 0);
	fd6 = sys_esp_socket(AF_INET6, 1, 0);
	ok(fd4 != -1 && fd6 != -1, "a socket of each family");
	ok(sys_esp_socket(0, 1, 0) == -1 && errno == EAFNOSUPPORT,
	    "and none of no family");
	socket_itself(fd4);
	to_and_fro(fd4, AF_INET, "127.0.0.1", "127.0.0.2", MAX4);
	to_and_fro(fd6, AF_INET6, "::1", "2001:db8::1", MAX6);
	batches(fd4, AF_INET, "127.0.0.1");
	batches(fd6, AF_INET6, "::1");
	errors(fd4, AF_INET, "127.0.0.1", "203.0.113.1", "198.51.100.1");
	errors(fd6, AF_INET6, "::1", "2001:db8:1::1", "2001:db8:2::1");
	full_buffer();
	headers_before(fd4, fd6);
	on_the_wire(fd4);
	udp_to_and_fro(AF_INET, "127.0.0.1", "127.0.0.2", MAX4 - 8);
	udp_to_and_fro(AF_INET6, "::1", "2001:db8::1", MAX6 - 8);
	udp_on_the_wire();
	strangers(AF_INET);
	strangers(AF_INET6);
	selector(AF_INET, 1);
	selector(AF_INET, 0);
	selector(AF_INET6, 1);
	selector(AF_INET6, 0);
	passing(AF_INET, "127.0.0.1", "198.51.100.2", "192.0.2.1");
	passing(AF_INET6, "::1", "2001:db8:2::2", "2001:db8:1::1");
	passing(AF_INET6, "::1", "::ffff:198.51.100.2", "::ffff:192.0.2.1");
	return tap_done();
}
