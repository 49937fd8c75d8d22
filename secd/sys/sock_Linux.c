/* SPDX-License-Identifier: ISC */
/*
 * Outer packets on Linux: raw ESP sockets, read and written in batches.  The
 * parent makes the sockets, workers of the engine use them.  Knows nothing of
 * SAs; allocates nothing: a batch's headers are on the stack.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

#define SOCKBUF		(4 * 1024 * 1024)	/* octets; doubled by Linux */

union name {
	struct sockaddr		sa;
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;
};

/* Room for the one control message we send or ask for, IPv6 the larger. */
union control {
	struct cmsghdr	hdr;
	char		buf[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* --- making one --- */

/* As much as wanted if we may, else as much as the system lets anyone have. */
static void
set_buffer(int fd, int force, int plain)
{
	int size = SOCKBUF;

	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)) == -1)
		setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size));
}

/*
 * OMIT: DF stays clear, what the kernel learnt of the path is not used, and
 * what is larger than the device's MTU is fragmented.
 */
static int
set_options(int fd, uint8_t af)
{
	int on = 1, pmtu4 = IP_PMTUDISC_OMIT, pmtu6 = IPV6_PMTUDISC_OMIT;

	/* an IPv4 packet is read with its header, which has both addresses */
	if (af == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu4,
		    sizeof(pmtu4));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
	    sizeof(on)) == -1)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &pmtu6,
	    sizeof(pmtu6));
}

int
sys_esp_socket(uint8_t af)
{
	int fd, saved;

	if (addr_len(af) == 0) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	fd = socket(af, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ESP);
	if (fd == -1)
		return -1;
	if (set_options(fd, af) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	return fd;
}

/* --- addresses --- */

static void
addr_from4(struct ip_addr *a, uint32_t in)
{
	memset(a, 0, sizeof(*a));
	a->af = AF_INET;
	memcpy(a->a, &in, sizeof(in));
}

static void
addr_from6(struct ip_addr *a, const struct in6_addr *in6)
{
	memset(a, 0, sizeof(*a));
	a->af = AF_INET6;
	memcpy(a->a, in6, sizeof(*in6));
}

static socklen_t
name_of(union name *name, const struct ip_addr *a)
{
	memset(name, 0, sizeof(*name));
	if (a->af == AF_INET) {
		name->sin.sin_family = AF_INET;
		memcpy(&name->sin.sin_addr, a->a, 4);
		return sizeof(name->sin);
	}
	name->sin6.sin6_family = AF_INET6;
	memcpy(&name->sin6.sin6_addr, a->a, 16);
	return sizeof(name->sin6);
}

/* The control message that names the source; its length, 0 without one. */
static size_t
source_of(union control *c, const struct ip_addr *src)
{
	struct in_pktinfo pi4;
	struct in6_pktinfo pi6;

	memset(c, 0, sizeof(*c));
	if (src->af == AF_INET) {
		memset(&pi4, 0, sizeof(pi4));
		memcpy(&pi4.ipi_spec_dst, src->a, 4);
		c->hdr.cmsg_level = IPPROTO_IP;
		c->hdr.cmsg_type = IP_PKTINFO;
		c->hdr.cmsg_len = CMSG_LEN(sizeof(pi4));
		memcpy(CMSG_DATA(&c->hdr), &pi4, sizeof(pi4));
		return CMSG_SPACE(sizeof(pi4));
	}
	if (src->af == AF_INET6) {
		memset(&pi6, 0, sizeof(pi6));
		memcpy(&pi6.ipi6_addr, src->a, 16);
		c->hdr.cmsg_level = IPPROTO_IPV6;
		c->hdr.cmsg_type = IPV6_PKTINFO;
		c->hdr.cmsg_len = CMSG_LEN(sizeof(pi6));
		memcpy(CMSG_DATA(&c->hdr), &pi6, sizeof(pi6));
		return CMSG_SPACE(sizeof(pi6));
	}
	return 0;
}

/* --- receiving --- */

/* The kernel has checked the header; lengths are looked at all the same. */
static void
take_inet(struct sys_dgram *d, size_t len)
{
	struct ip ip;
	size_t hlen;

	if (len < sizeof(ip)) {
		d->error = EBADMSG;
		return;
	}
	memcpy(&ip, d->buf, sizeof(ip));
	hlen = (size_t)ip.ip_hl * 4;
	if (ip.ip_v != 4 || hlen < sizeof(ip) || hlen > len) {
		d->error = EBADMSG;
		return;
	}
	addr_from4(&d->src, ip.ip_src.s_addr);
	addr_from4(&d->dst, ip.ip_dst.s_addr);
	d->data = d->buf + hlen;
	d->len = len - hlen;
}

/* Without its headers: the kernel takes off extension headers too. */
static void
take_inet6(struct sys_dgram *d, size_t len, struct msghdr *mh,
    const union name *from)
{
	struct in6_pktinfo pi;
	struct cmsghdr *c;

	addr_from6(&d->src, &from->sin6.sin6_addr);
	d->error = EBADMSG;
	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != IPPROTO_IPV6 ||
		    c->cmsg_type != IPV6_PKTINFO ||
		    c->cmsg_len < CMSG_LEN(sizeof(pi)))
			continue;
		memcpy(&pi, CMSG_DATA(c), sizeof(pi));
		addr_from6(&d->dst, &pi.ipi6_addr);
		d->error = 0;
	}
	d->data = d->buf;
	d->len = len;
}

int
sys_esp_recv(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	struct mmsghdr mm[SYS_BATCH];
	struct iovec iov[SYS_BATCH];
	union control control[SYS_BATCH];
	union name from[SYS_BATCH];
	int got, i;

	if (n > SYS_BATCH)
		n = SYS_BATCH;
	memset(mm, 0, sizeof(mm));
	for (i = 0; i < n; i++) {
		iov[i].iov_base = d[i].buf;
		iov[i].iov_len = d[i].size;
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
		mm[i].msg_hdr.msg_name = &from[i];
		mm[i].msg_hdr.msg_namelen = sizeof(from[i]);
		if (af == AF_INET6) {
			mm[i].msg_hdr.msg_control = &control[i];
			mm[i].msg_hdr.msg_controllen = sizeof(control[i]);
		}
	}
	if ((got = recvmmsg(fd, mm, (unsigned int)n, MSG_DONTWAIT, NULL)) == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	for (i = 0; i < got; i++) {
		d[i].error = 0;
		d[i].data = d[i].buf;
		d[i].len = 0;
		memset(&d[i].src, 0, sizeof(d[i].src));
		memset(&d[i].dst, 0, sizeof(d[i].dst));
		if (mm[i].msg_hdr.msg_flags & MSG_TRUNC)
			d[i].error = EMSGSIZE;
		else if (af == AF_INET)
			take_inet(&d[i], mm[i].msg_len);
		else
			take_inet6(&d[i], mm[i].msg_len, &mm[i].msg_hdr,
			    &from[i]);
	}
	return got;
}

/* --- sending --- */

/*
 * A source that is not ours is an invalid argument to IPv6; IPv4 has no route
 * from there, and says the same as if it had none to the destination.  A full
 * socket buffer is one more way of having no buffers.
 */
static int
send_error(int error, const struct sys_dgram *d)
{
	if (error == EAGAIN)
		return ENOBUFS;
	if (error == EINVAL && d->src.af != 0)
		return EADDRNOTAVAIL;
	return error;
}

int
sys_esp_send(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	struct mmsghdr mm[SYS_BATCH];
	struct iovec iov[SYS_BATCH];
	union control control[SYS_BATCH];
	union name to[SYS_BATCH];
	int i, r, sent = 0;

	(void)af;	/* the addresses say it */
	if (n > SYS_BATCH)
		n = SYS_BATCH;
	memset(mm, 0, sizeof(mm));
	for (i = 0; i < n; i++) {
		iov[i].iov_base = d[i].data;
		iov[i].iov_len = d[i].len;
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
		mm[i].msg_hdr.msg_name = &to[i];
		mm[i].msg_hdr.msg_namelen = name_of(&to[i], &d[i].dst);
		mm[i].msg_hdr.msg_controllen = source_of(&control[i],
		    &d[i].src);
		if (mm[i].msg_hdr.msg_controllen != 0)
			mm[i].msg_hdr.msg_control = &control[i];
	}
	/* sendmmsg stops at one that fails; asked again, it says why */
	for (i = 0; i < n;) {
		r = sendmmsg(fd, mm + i, (unsigned int)(n - i), MSG_DONTWAIT);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0) {
			d[i].error = send_error(r == 0 ? EIO : errno, &d[i]);
			i++;
			continue;
		}
		for (sent += r; r > 0; r--)
			d[i++].error = 0;
	}
	return sent;
}
