/* SPDX-License-Identifier: ISC */
/*
 * Outer packets on Linux: raw ESP sockets and UDP ones, read and written in
 * batches.  The parent makes the sockets, workers of the engine use them.
 * Knows nothing of SAs; allocates nothing: a batch's headers are on the stack.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <linux/filter.h>

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

	/* a raw IPv4 packet is read with its header and its addresses */
	if (af == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &pmtu4,
		    sizeof(pmtu4));
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
	    sizeof(on)) == -1)
		return -1;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &pmtu6,
	    sizeof(pmtu6));
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
	if (set_options(fd, af) == -1)
		return close_failed(fd);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	return fd;
}

int
sys_esp_socket(uint8_t af)
{
	return make_socket(af, SOCK_RAW, IPPROTO_ESP);
}

/* REUSEADDR as well: some IKE daemons set it, and all have to. */
static int
set_share(int fd)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

static int
bind_any4(int fd, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
	    .sin_port = htons(port) };
	int on = 1;

	if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof(on)) == -1)
		return -1;
	return bind(fd, (struct sockaddr *)&sin, sizeof(sin));
}

/*
 * Only sockets of the same IPV6_V6ONLY share a port as one group, and an IKE
 * daemon's is the system's default, off.  IPv4 packets go to the IPv4 socket
 * all the same, which is the better match.
 */
static int
bind_any6(int fd, uint16_t port, int share)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(port) };
	int only = !share;

	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) ==
	    -1)
		return -1;
	return bind(fd, (struct sockaddr *)&sin6, sizeof(sin6));
}

int
sys_udp_socket(uint8_t af, uint16_t port, int share)
{
	int fd = make_socket(af, SOCK_DGRAM, 0);

	if (fd == -1)
		return -1;
	if ((share && set_share(fd) == -1) || (af == AF_INET ?
	    bind_any4(fd, port) : bind_any6(fd, port, share)) == -1)
		return close_failed(fd);
	return fd;
}

int
sys_udp_select(int fd, unsigned int me)
{
	/* the first octet is that of the payload; a load past its end is 0 */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, me == 0 ? 1 : 0),
		BPF_STMT(BPF_RET | BPF_K, me),
	};
	struct sock_fprog prog = {
		.len = sizeof(code) / sizeof(code[0]), .filter = code
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog,
	    sizeof(prog));
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
name_of(union name *name, const struct ip_addr *a, uint16_t port)
{
	memset(name, 0, sizeof(*name));
	if (a->af == AF_INET) {
		name->sin.sin_family = AF_INET;
		name->sin.sin_port = htons(port);
		memcpy(&name->sin.sin_addr, a->a, 4);
		return sizeof(name->sin);
	}
	name->sin6.sin6_family = AF_INET6;
	name->sin6.sin6_port = htons(port);
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

/*
 * A raw IPv4 packet is read with its header.  The kernel has checked it;
 * lengths are looked at all the same.
 */
static void
take_header(struct sys_dgram *d)
{
	struct ip ip;
	size_t hlen;

	if (d->len < sizeof(ip)) {
		d->error = EBADMSG;
		return;
	}
	memcpy(&ip, d->buf, sizeof(ip));
	hlen = (size_t)ip.ip_hl * 4;
	if (ip.ip_v != 4 || hlen < sizeof(ip) || hlen > d->len) {
		d->error = EBADMSG;
		return;
	}
	addr_from4(&d->dst, ip.ip_dst.s_addr);
	d->data += hlen;
	d->len -= hlen;
}

/* Else the kernel has taken all headers off, and tells what was in them. */
static void
take_control(struct sys_dgram *d, struct msghdr *mh)
{
	struct in_pktinfo pi4;
	struct in6_pktinfo pi6;
	struct cmsghdr *c;

	d->error = EBADMSG;
	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(pi4))) {
			memcpy(&pi4, CMSG_DATA(c), sizeof(pi4));
			addr_from4(&d->dst, pi4.ipi_addr.s_addr);
			d->error = 0;
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(pi6))) {
			memcpy(&pi6, CMSG_DATA(c), sizeof(pi6));
			addr_from6(&d->dst, &pi6.ipi6_addr);
			d->error = 0;
		}
	}
}

static void
take_name(struct sys_dgram *d, uint8_t af, const union name *from)
{
	if (af == AF_INET) {
		addr_from4(&d->src, from->sin.sin_addr.s_addr);
		d->sport = ntohs(from->sin.sin_port);
	} else {
		addr_from6(&d->src, &from->sin6.sin6_addr);
		d->sport = ntohs(from->sin6.sin6_port);
	}
}

static void
take(struct sys_dgram *d, uint8_t af, int header, size_t len, struct msghdr *mh)
{
	d->error = 0;
	d->data = d->buf;
	d->len = 0;
	memset(&d->src, 0, sizeof(d->src));
	memset(&d->dst, 0, sizeof(d->dst));
	if (mh->msg_flags & MSG_TRUNC) {
		d->error = EMSGSIZE;
		return;
	}
	d->len = len;
	take_name(d, af, mh->msg_name);
	if (header)
		take_header(d);
	else
		take_control(d, mh);
	if (d->error != 0)
		d->len = 0;
}

static int
receive(int fd, uint8_t af, int header, struct sys_dgram *d, int n)
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
		if (!header) {
			mm[i].msg_hdr.msg_control = &control[i];
			mm[i].msg_hdr.msg_controllen = sizeof(control[i]);
		}
	}
	if ((got = recvmmsg(fd, mm, (unsigned int)n, MSG_DONTWAIT, NULL)) == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	for (i = 0; i < got; i++)
		take(&d[i], af, header, mm[i].msg_len, &mm[i].msg_hdr);
	return got;
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

static int
send_batch(int fd, int udp, struct sys_dgram *d, int n)
{
	struct mmsghdr mm[SYS_BATCH];
	struct iovec iov[SYS_BATCH];
	union control control[SYS_BATCH];
	union name to[SYS_BATCH];
	int i, r, sent = 0;

	if (n > SYS_BATCH)
		n = SYS_BATCH;
	memset(mm, 0, sizeof(mm));
	for (i = 0; i < n; i++) {
		iov[i].iov_base = d[i].data;
		iov[i].iov_len = d[i].len;
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
		mm[i].msg_hdr.msg_name = &to[i];
		mm[i].msg_hdr.msg_namelen = name_of(&to[i], &d[i].dst,
		    udp ? d[i].dport : 0);
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

int
sys_esp_send(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	(void)af;	/* the addresses say it */
	return send_batch(fd, 0, d, n);
}

int
sys_udp_send(int fd, uint8_t af, struct sys_dgram *d, int n)
{
	(void)af;
	return send_batch(fd, 1, d, n);
}
