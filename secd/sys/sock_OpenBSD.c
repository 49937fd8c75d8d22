/* SPDX-License-Identifier: ISC */
/*
 * Outer packets on OpenBSD: raw ESP sockets and UDP ones.  The kernel's own ESP
 * must be off (sysctl net.inet.esp.enable=0 and net.inet.esp.udpencap=0), or it
 * takes the packets.  The parent makes the sockets, workers of the engine use
 * them.  Written after ip(4) and ip6(4); it is compiled, but has not run.
 *
 * An IPv4 raw socket has no way of choosing a packet's source other than
 * writing the header, so it is written here.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

#define SOCKBUF		(4 * 1024 * 1024)	/* octets wanted */
#define SOCKBUF_MIN	(64 * 1024)

union name {
	struct sockaddr		sa;
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;
};

union control {
	struct cmsghdr	hdr;
	char		buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* The limit is the kernel's; the largest that it grants is near enough. */
static void
set_buffer(int fd, int which)
{
	int size;

	for (size = SOCKBUF; size >= SOCKBUF_MIN; size /= 2)
		if (setsockopt(fd, SOL_SOCKET, which, &size, sizeof(size)) == 0)
			return;
}

static int
close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

static int
make_socket(uint8_t af, int type, int protocol)
{
	int fd;

	if (addr_len(af) == 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	fd = socket(af, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd == -1)
		return -1;
	set_buffer(fd, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUF);
	return fd;
}

static int
set_on(int fd, int level, int option)
{
	int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on));
}

int
sys_esp_socket(uint8_t af, unsigned int n, unsigned int i)
{
	int fd, r;

	(void)i;
	if (n != 1) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if ((fd = make_socket(af, SOCK_RAW, IPPROTO_ESP)) == -1)
		return -1;
	if (af == AF_INET)
		r = set_on(fd, IPPROTO_IP, IP_HDRINCL);
	else
		r = set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
	return r == -1 ? close_failed(fd) : fd;
}

/* IPv6 sockets get IPv6 only, always. */
int
sys_udp_socket(uint8_t af, uint16_t port, int share)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	int fd, r;

	if ((fd = make_socket(af, SOCK_DGRAM, 0)) == -1)
		return -1;
	if (share && set_on(fd, SOL_SOCKET, SO_REUSEPORT) == -1)
		return close_failed(fd);
	if (af == AF_INET) {
		memset(&sin, 0, sizeof(sin));
		sin.sin_len = sizeof(sin);
		sin.sin_family = AF_INET;
		sin.sin_port = htons(port);
		r = set_on(fd, IPPROTO_IP, IP_RECVDSTADDR);
		if (r == 0)
			r = bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	} else {
		memset(&sin6, 0, sizeof(sin6));
		sin6.sin6_len = sizeof(sin6);
		sin6.sin6_family = AF_INET6;
		sin6.sin6_port = htons(port);
		r = set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO);
		if (r == 0)
			r = bind(fd, (struct sockaddr *)&sin6, sizeof(sin6));
	}
	return r == -1 ? close_failed(fd) : fd;
}

unsigned int
sys_udp_offload(int fd, uint8_t af, unsigned int want)
{
	(void)fd;
	(void)af;
	(void)want;
	return 0;
}

int
sys_udp_select(int fd, unsigned int me)
{
	(void)fd;
	(void)me;
	errno = EOPNOTSUPP;
	return -1;
}

int
sys_udp_pass(int fd, uint8_t af, const struct sys_dgram *d)
{
	(void)fd;
	(void)af;
	(void)d;
	errno = EOPNOTSUPP;
	return -1;
}

/* --- receiving --- */

static void
set_addr(struct ip_addr *a, uint8_t af, const void *octets)
{
	memset(a, 0, sizeof(*a));
	a->af = af;
	memcpy(a->a, octets, addr_len(af));
}

static void
take_header(struct sys_dgram *d)
{
	struct ip ip;
	size_t hlen;

	d->error = EBADMSG;
	if (d->len < sizeof(ip))
		return;
	memcpy(&ip, d->buf, sizeof(ip));
	hlen = (size_t)ip.ip_hl * 4;
	if (ip.ip_v != 4 || hlen < sizeof(ip) || hlen > d->len)
		return;
	set_addr(&d->dst, AF_INET, &ip.ip_dst);
	d->data += hlen;
	d->len -= hlen;
	d->error = 0;
}

static void
take_control(struct sys_dgram *d, struct msghdr *mh)
{
	struct in6_pktinfo pi;
	struct in_addr in;
	struct cmsghdr *c;

	d->error = EBADMSG;
	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_RECVDSTADDR &&
		    c->cmsg_len >= CMSG_LEN(sizeof(in))) {
			memcpy(&in, CMSG_DATA(c), sizeof(in));
			set_addr(&d->dst, AF_INET, &in);
			d->error = 0;
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(pi))) {
			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			set_addr(&d->dst, AF_INET6, &pi.ipi6_addr);
			d->error = 0;
		}
	}
}

static void
take_name(struct sys_dgram *d, uint8_t af, const union name *from)
{
	if (af == AF_INET) {
		set_addr(&d->src, AF_INET, &from->sin.sin_addr);
		d->sport = ntohs(from->sin.sin_port);
	} else {
		set_addr(&d->src, AF_INET6, &from->sin6.sin6_addr);
		d->sport = ntohs(from->sin6.sin6_port);
	}
}

static int
recv_one(int fd, uint8_t af, int header, struct sys_dgram *d)
{
	union control control;
	union name from;
	struct iovec iov = { d->buf, d->size };
	struct msghdr mh;
	ssize_t n;

	memset(&mh, 0, sizeof(mh));
	mh.msg_name = &from;
	mh.msg_namelen = sizeof(from);
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_control = &control;
	mh.msg_controllen = sizeof(control);
	if ((n = recvmsg(fd, &mh, MSG_DONTWAIT)) == -1)
		return -1;
	memset(&d->src, 0, sizeof(d->src));
	memset(&d->dst, 0, sizeof(d->dst));
	d->data = d->buf;
	d->len = 0;
	d->segment = 0;
	d->error = EMSGSIZE;
	if (mh.msg_flags & MSG_TRUNC)
		return 0;
	d->len = (size_t)n;
	take_name(d, af, &from);
	if (header)
		take_header(d);
	else
		take_control(d, &mh);
	if (d->error != 0)
		d->len = 0;
	return 0;
}

static int
receive(int fd, uint8_t af, int header, struct sys_dgram *d, int n)
{
	int i;

	for (i = 0; i < n && i < SYS_BATCH; i++)
		if (recv_one(fd, af, header, &d[i]) == -1)
			break;
	if (i > 0 || n == 0 || errno == EAGAIN || errno == EINTR)
		return i;
	return -1;
}

int
sys_esp_recv(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	return receive(fd, af, af == AF_INET, d, n);
}

int
sys_udp_recv(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	return receive(fd, af, 0, d, n);
}

/* --- sending --- */

/*
 * Lengths in network order; the kernel adds checksum and identification,
 * takes an empty source for "any", and fragments, for DF is clear.
 */
static ssize_t
send_raw4(int fd, const struct sys_dgram *d)
{
	struct sockaddr_in to;
	struct ip ip;
	struct iovec iov[2] = { { &ip, sizeof(ip) }, { d->data, d->len } };
	struct msghdr mh;

	if (d->len > IP_MAXPACKET - sizeof(ip)) {
		errno = EMSGSIZE;
		return -1;
	}
	memset(&ip, 0, sizeof(ip));
	ip.ip_v = 4;
	ip.ip_hl = sizeof(ip) / 4;
	ip.ip_len = htons((uint16_t)(sizeof(ip) + d->len));
	ip.ip_ttl = IPDEFTTL;
	ip.ip_p = IPPROTO_ESP;
	memcpy(&ip.ip_src, d->src.a, sizeof(ip.ip_src));
	memcpy(&ip.ip_dst, d->dst.a, sizeof(ip.ip_dst));

	memset(&to, 0, sizeof(to));
	to.sin_len = sizeof(to);
	to.sin_family = AF_INET;
	to.sin_addr = ip.ip_dst;
	memset(&mh, 0, sizeof(mh));
	mh.msg_name = &to;
	mh.msg_namelen = sizeof(to);
	mh.msg_iov = iov;
	mh.msg_iovlen = 2;
	return sendmsg(fd, &mh, MSG_DONTWAIT);
}

/* The control message that names the source; its length, 0 without one. */
static socklen_t
source_of(union control *c, const struct ip_addr *src)
{
	struct in6_pktinfo pi;

	memset(c, 0, sizeof(*c));
	if (src->af == AF_INET) {
		c->hdr.cmsg_level = IPPROTO_IP;
		c->hdr.cmsg_type = IP_SENDSRCADDR;
		c->hdr.cmsg_len = CMSG_LEN(sizeof(struct in_addr));
		memcpy(CMSG_DATA(&c->hdr), src->a, sizeof(struct in_addr));
		return CMSG_SPACE(sizeof(struct in_addr));
	}
	if (src->af == AF_INET6) {
		memset(&pi, 0, sizeof(pi));
		memcpy(&pi.ipi6_addr, src->a, sizeof(pi.ipi6_addr));
		c->hdr.cmsg_level = IPPROTO_IPV6;
		c->hdr.cmsg_type = IPV6_PKTINFO;
		c->hdr.cmsg_len = CMSG_LEN(sizeof(pi));
		memcpy(CMSG_DATA(&c->hdr), &pi, sizeof(pi));
		return CMSG_SPACE(sizeof(pi));
	}
	return 0;
}

static socklen_t
name_of(union name *name, const struct ip_addr *a, uint16_t port)
{
	memset(name, 0, sizeof(*name));
	if (a->af == AF_INET) {
		name->sin.sin_len = sizeof(name->sin);
		name->sin.sin_family = AF_INET;
		name->sin.sin_port = htons(port);
		memcpy(&name->sin.sin_addr, a->a, 4);
		return sizeof(name->sin);
	}
	name->sin6.sin6_len = sizeof(name->sin6);
	name->sin6.sin6_family = AF_INET6;
	name->sin6.sin6_port = htons(port);
	memcpy(&name->sin6.sin6_addr, a->a, 16);
	return sizeof(name->sin6);
}

/* The kernel writes the header. */
static ssize_t
send_plain(int fd, const struct sys_dgram *d, uint16_t port)
{
	union name to;
	union control control;
	struct iovec iov = { d->data, d->len };
	struct msghdr mh;

	memset(&mh, 0, sizeof(mh));
	mh.msg_name = &to;
	mh.msg_namelen = name_of(&to, &d->dst, port);
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	mh.msg_controllen = source_of(&control, &d->src);
	if (mh.msg_controllen != 0)
		mh.msg_control = &control;
	return sendmsg(fd, &mh, MSG_DONTWAIT);
}

static int
send_one(int fd, uint8_t af, int udp, const struct sys_dgram *d)
{
	ssize_t r;

	do
		r = af == AF_INET && !udp ? send_raw4(fd, d) :
		    send_plain(fd, d, udp ? d->dport : 0);
	while (r == -1 && errno == EINTR);
	if (r != -1)
		return 0;
	return errno == EAGAIN ? ENOBUFS : errno;
}

/* The kernel does not cut; the first error, or 0. */
static int
send_singly(int fd, uint8_t af, const struct sys_dgram *d)
{
	struct sys_dgram one = *d;
	size_t at, left;
	int r, error = 0;

	for (at = 0; at < d->len; at += one.len) {
		left = d->len - at;
		one.data = d->data + at;
		one.len = left < d->segment ? left : d->segment;
		if ((r = send_one(fd, af, 1, &one)) != 0 && error == 0)
			error = r;
	}
	return error;
}

static int
send_batch(int fd, uint8_t af, int udp, struct sys_dgram *d, int n)
{
	int i, sent = 0;

	for (i = 0; i < n && i < SYS_BATCH; i++) {
		d[i].error = udp && d[i].segment != 0 && d[i].len >
		    d[i].segment ? send_singly(fd, af, &d[i]) :
		    send_one(fd, af, udp, &d[i]);
		sent += d[i].error == 0;
	}
	return sent;
}

int
sys_esp_send(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	return send_batch(fd, af, 0, d, n);
}

int
sys_udp_send(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	return send_batch(fd, af, 1, d, n);
}
