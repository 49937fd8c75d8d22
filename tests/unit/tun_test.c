/* SPDX-License-Identifier: ISC */
/*
 * secd/sys/tun_Linux.c, and what the kernel does that secd builds on: a device
 * that outlives its descriptor, the carrier in the hands of a process without
 * rights, and which counter tells of what was discarded.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <unistd.h>

#include "secd/sys/sys.h"
#include "tests/unit/netns.h"

static struct sys_iface si;

/* A datagram to the far side, of so many octets with its headers. */
static int
send_inner(size_t size)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons(9) };
	static char payload[65536];
	ssize_t n;
	int fd;

	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	n = sendto(fd, payload, size - 28, 0, (struct sockaddr *)&to,
	    sizeof(to));
	close(fd);
	return n == -1 ? -1 : 0;
}

/* Carrier changes reach the queues of a device a moment later. */
static void
settle(int carrier)
{
	int i;

	for (i = 0; i < 200; i++) {
		sys_iface_get("sec7", &si);
		if (si.carrier == carrier)
			break;
		usleep(5000);
	}
	usleep(50000);
}

/* One packet as it is on the wire. */
static ssize_t
tread(int fd, void *buf, size_t size)
{
	struct esp_offload off;

	return sys_tun_read(fd, &off, buf, size);
}

static int
twrite(int fd, const void *p, size_t len)
{
	static const struct esp_offload plain;
	struct iovec iov = { (void *)(uintptr_t)p, len };

	return sys_tun_write(fd, &plain, &iov, 1);
}

/* Read until the datagram of that size comes; others are the kernel's own. */
static ssize_t
read_size(int fd, char *buf, size_t size, ssize_t want)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n = -1;

	while (poll(&pfd, 1, 500) == 1) {
		n = tread(fd, buf, size);
		if (n == want || n == -1)
			break;
	}
	return n;
}

static void
packets(int fd)
{
	static char buf[65536];
	struct ip ip = { .ip_v = 4, .ip_hl = 5, .ip_ttl = 1,
	    .ip_p = IPPROTO_ICMP, .ip_len = htons(20) };
	char drain[2048];

	while (tread(fd, drain, sizeof(drain)) != -1)
		continue;
	is(errno, EAGAIN, "an idle device has nothing to read");

	send_inner(1228);
	is(read_size(fd, buf, sizeof(buf), 1228), 1228,
	    "a packet is read whole");
	ok(buf[0] == 0x45, "it begins with its IP header");
	send_inner(1228);
	is(read_size(fd, buf, 1228, 1228), 1228,
	    "it may fill the buffer to the last octet");
	send_inner(1229);
	ok(read_size(fd, buf, 1228, 1228) == -1 && errno == EMSGSIZE,
	    "one octet more is an error, not a packet cut short");
	send_inner(700);
	is(read_size(fd, buf, sizeof(buf), 700), 700,
	    "and the next packet is whole again");

	inet_pton(AF_INET, "10.9.0.2", &ip.ip_src);
	inet_pton(AF_INET, "10.9.0.1", &ip.ip_dst);
	ok(twrite(fd, &ip, sizeof(ip)) == 0, "a packet is written");
	ok(twrite(fd, "\0\0\0\0", 4) == -1 && errno == EINVAL,
	    "what is no IP packet is refused");
}

/* As the engine has it: an inherited descriptor, and no right whatever. */
static int
carrier_without_rights(int fd)
{
	pid_t pid;
	int status;

	if ((pid = fork()) == 0) {
		if (setgroups(0, NULL) == -1 ||
		    setresgid(65534, 65534, 65534) == -1 ||
		    setresuid(65534, 65534, 65534) == -1)
			_exit(2);
		_exit(sys_tun_carrier(fd, 0) == 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static void
carrier(int fd)
{
	uint64_t before;
	char buf[2048];

	settle(1);
	ok(si.carrier, "a device with a descriptor has its carrier");
	is(carrier_without_rights(fd), 0,
	    "a process without rights takes the carrier down");
	settle(0);
	ok(!si.carrier && si.up, "it is down, the device is not");
	while (tread(fd, buf, sizeof(buf)) != -1)
		continue;
	before = si.tx_dropped;
	send_inner(100);
	send_inner(100);
	sys_iface_get("sec7", &si);
	is(si.tx_dropped - before, 2,
	    "without carrier two packets are two tx_dropped");
	ok(tread(fd, buf, sizeof(buf)) == -1 && errno == EAGAIN,
	    "and never come to be read");
	ok(sys_tun_carrier(fd, 1) == 0, "the carrier goes up");
	settle(1);
	send_inner(640);
	is(read_size(fd, buf, sizeof(buf), 640), 640, "packets come again");
}

static void
full_queue(int fd)
{
	uint64_t before;
	char buf[2048];
	int i, n = 0;

	while (tread(fd, buf, sizeof(buf)) != -1)
		continue;
	sys_iface_get("sec7", &si);
	before = si.tx_dropped;
	for (i = 0; i < 1000; i++)
		send_inner(100);
	while (tread(fd, buf, sizeof(buf)) == 100)
		n++;
	sys_iface_get("sec7", &si);
	is(si.tx_dropped - before + (uint64_t)n, 1000,
	    "what a full queue loses is in tx_dropped too (%d were read)", n);
}

static void
outlives(int fd)
{
	uint64_t before;
	uint32_t ifindex;
	int second, held[2];
	pid_t pid;
	char c;

	sys_iface_get("sec7", &si);
	ifindex = si.ifindex;
	ok(sys_tun_open("sec7") == -1 && errno == EBUSY,
	    "a second open is refused");

	/* a duplicate in another process, as the engine's is */
	if (pipe(held) == -1)
		exit(1);
	if ((pid = fork()) == 0) {
		close(held[1]);
		_exit(read(held[0], &c, 1) == 0 ? 0 : 1);
	}
	close(held[0]);
	close(fd);
	ok(sys_tun_open("sec7") == -1 && errno == EBUSY,
	    "and while another process holds a duplicate");
	sys_iface_get("sec7", &si);
	ok(si.carrier, "which keeps the carrier, too");
	close(held[1]);
	waitpid(pid, NULL, 0);

	settle(0);
	ok(si.ifindex == ifindex && si.up && !si.carrier,
	    "the device outlives its last descriptor, up, without carrier");
	before = si.tx_dropped;
	send_inner(100);
	sys_iface_get("sec7", &si);
	is(si.tx_dropped - before, 1, "what is routed there is discarded");

	second = sys_tun_open("sec7");
	ok(second != -1, "it is attached to again");
	settle(1);
	ok(si.ifindex == ifindex && si.carrier,
	    "it is the same device and has its carrier back");
	close(second);
}

static void
gone(void)
{
	struct pollfd pfd;
	char buf[100];
	int fd;

	fd = sys_tun_open("sec7");
	ok(sys_iface_destroy("sec7") == 0, "the device is destroyed");
	ok(tread(fd, buf, sizeof(buf)) == -1 && errno == EBADFD,
	    "then read gives EBADFD");
	ok(twrite(fd, buf, sizeof(buf)) == -1 && errno == EBADFD,
	    "and write");
	ok(sys_tun_carrier(fd, 1) == -1 && errno == EBADFD, "and carrier");
	pfd.fd = fd;
	pfd.events = POLLIN;
	ok(poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLERR),
	    "and an event loop is told at once");
	close(fd);
}

static void
refusals(void)
{
	static const char *const bad[] = { "", "sec%d", "a/b", "..",
	    "name-of-16-chars" };
	size_t i;
	int fd;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(sys_tun_open(bad[i]) == -1 && errno == EINVAL,
		    "\"%s\" is no name", bad[i]);
	scene("ip link add sec8 type veth peer name sec9");
	ok(sys_tun_open("sec8") == -1 && errno == EINVAL,
	    "a device of another kind is refused");
	scene("ip tuntap add dev sec6 mode tap");
	ok(sys_tun_open("sec6") == -1 && errno == EINVAL, "and a tap");
	fd = sys_tun_open("sec5");
	ok(fd != -1 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) &&
	    (fcntl(fd, F_GETFL) & O_NONBLOCK),
	    "a descriptor is close-on-exec and does not block");
	close(fd);
}

int
main(void)
{
	int fd;

	netns_enter();
	if ((fd = sys_tun_open("sec7")) == -1) {
		printf("Bail out! no tun device: %s\n", strerror(errno));
		return 1;
	}
	/* or the kernel's own packets would be counted too */
	scene("echo 1 >/proc/sys/net/ipv6/conf/sec7/disable_ipv6");
	scene("ip addr add 10.9.0.1 peer 10.9.0.2/32 dev sec7");
	ok(twrite(fd, "E", 1) == -1 && errno == EIO,
	    "a device that is down takes nothing");
	scene("ip link set sec7 up");
	packets(fd);
	carrier(fd);
	full_queue(fd);
	outlives(fd);
	gone();
	refusals();
	return tap_done();
}
