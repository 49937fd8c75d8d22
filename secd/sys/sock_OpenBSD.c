/* SPDX-License-Identifier: ISC */
/*
 * Outer packets on OpenBSD: raw ESP sockets.  The kernel's own ESP must be off
 * (sysctl net.inet.esp.enable=0), or it takes the packets.  The parent makes
 * the sockets, workers of the engine use them.  Written after ip(4) and
 * ip6(4); it is compiled, but has not run.
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

int
sys_esp_socket(uint8_t af)
{
	int fd, on = 1, r, saved;

	if (addr_len(af) == 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	fd = socket(af, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ESP);
	if (fd == -1)
		return -1;
	if (af == AF_INET)
		r = setsockopt(fd, IPPROTO_IP, IP_HDRINCL, &on, sizeof(on));
	else
		r = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
		    sizeof(on));
	if (r == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	set_buffer(fd, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUF);
	return fd;
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
take_inet(struct sys_dgram *d, size_t len)
{
	struct ip ip;
	size_t hlen;

	d->error = EBADMSG;
	if (len < sizeof(ip))
		return;
	memcpy(&ip, d->buf, sizeof(ip));
	hlen = (size_t)ip.ip_hl * 4;
	if (ip.ip_v != 4 || hlen < sizeof(ip) || hlen > len)
		return;
	set_addr(&d->src, AF_INET, &ip.ip_src);
	set_addr(&d->dst, AF_INET, &ip.ip_dst);
	d->data = d->buf + hlen;
	d->len = len - hlen;
	d->error = 0;
}

static void
take_inet6(struct sys_dgram *d, size_t len, struct msghdr *mh,
    const union name *from)
{
	struct in6_pktinfo pi;
	struct cmsghdr *c;

	set_addr(&d->src, AF_INET6, &from->sin6.sin6_addr);
	d->error = EBADMSG;
	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != IPPROTO_IPV6 ||
		    c->cmsg_type != IPV6_PKTINFO ||
		    c->cmsg_len < CMSG_LEN(sizeof(pi)))
			continue;
		memcpy(&pi, CMSG_DATA(c), sizeof(pi));
		set_addr(&d->dst, AF_INET6, &pi.ipi6_addr);
		d->error = 0;
	}
	d->data = d->buf;
	d->len = len;
}

static int
recv_one(int fd, uint8_t af, struct sys_dgram *d)
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
	if (mh.msg_flags & MSG_TRUNC)
		d->error = EMSGSIZE;
	else if (af == AF_INET)
		take_inet(d, (size_t)n);
	else
		take_inet6(d, (size_t)n, &mh, &from);
	return 0;
}

int
sys_esp_recv(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	int i;

	for (i = 0; i < n && i < SYS_BATCH; i++)
		if (recv_one(fd, af, &d[i]) == -1)
			break;
	if (i > 0 || n == 0 || errno == EAGAIN || errno == EINTR)
		return i;
	return -1;
}

/* --- sending --- */

/*
 * Lengths in network order; the kernel adds checksum and identification,
 * takes an empty source for "any", and fragments, for DF is clear.
 */
static ssize_t
send_inet(int fd, const struct sys_dgram *d)
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

static ssize_t
send_inet6(int fd, const struct sys_dgram *d)
{
	struct sockaddr_in6 to;
	struct in6_pktinfo pi;
	union control control;
	struct iovec iov = { d->data, d->len };
	struct msghdr mh;

	memset(&to, 0, sizeof(to));
	to.sin6_len = sizeof(to);
	to.sin6_family = AF_INET6;
	memcpy(&to.sin6_addr, d->dst.a, sizeof(to.sin6_addr));
	memset(&mh, 0, sizeof(mh));
	mh.msg_name = &to;
	mh.msg_namelen = sizeof(to);
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	if (d->src.af == AF_INET6) {
		memset(&pi, 0, sizeof(pi));
		memcpy(&pi.ipi6_addr, d->src.a, sizeof(pi.ipi6_addr));
		memset(&control, 0, sizeof(control));
		control.hdr.cmsg_level = IPPROTO_IPV6;
		control.hdr.cmsg_type = IPV6_PKTINFO;
		control.hdr.cmsg_len = CMSG_LEN(sizeof(pi));
		memcpy(CMSG_DATA(&control.hdr), &pi, sizeof(pi));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(pi));
	}
	return sendmsg(fd, &mh, MSG_DONTWAIT);
}

int
sys_esp_send(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	ssize_t r;
	int i, sent = 0;

	for (i = 0; i < n && i < SYS_BATCH; i++) {
		do
			r = af == AF_INET ? send_inet(fd, &d[i]) :
			    send_inet6(fd, &d[i]);
		while (r == -1 && errno == EINTR);
		d[i].error = 0;
		if (r == -1)
			d[i].error = errno == EAGAIN ? ENOBUFS : errno;
		else
			sent++;
	}
	return sent;
}
