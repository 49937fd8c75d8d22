/* SPDX-License-Identifier: ISC */
/*
 * Outer packets on Linux: raw ESP sockets and UDP ones, read and written in
 * batches.  The parent makes the sockets, workers of the engine use them.
 * Knows nothing of SAs; allocates nothing: a batch's headers are on the stack,
 * and of each only what the kernel looks at is written, since there are two for
 * every packet.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <linux/filter.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "secd/pass.h"
#include "secd/sys/sys.h"

#define SOCKBUF		(4 * 1024 * 1024)	/* octets; doubled by Linux */

union name {
	struct sockaddr		sa;
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;
};

/* The larger of both families', and the length of a segment. */
#define SOURCE_SPACE	CMSG_SPACE(sizeof(struct in6_pktinfo))
#define SEGMENT_SPACE	CMSG_SPACE(sizeof(int))

union control {
	struct cmsghdr	hdr;
	char		buf[SOURCE_SPACE + SEGMENT_SPACE];
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

/* A raw IPv4 packet begins with its header, an IPv6 one behind it. */
static int
set_share_of(int fd, uint8_t af, unsigned int n, unsigned int i)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, sizeof(uint32_t), 1, 0),
		/* too short for an SPI: the first counts it */
		BPF_STMT(BPF_RET | BPF_K, i == 0 ? UINT32_MAX : 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = {
		.len = sizeof(code) / sizeof(code[0]), .filter = code
	};

	if (af == AF_INET)
		code[0] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_B |
		    BPF_MSH, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
	    sizeof(prog));
}

/*
 * A packet may come between the making of a socket and of its filter: its SA is
 * then another worker's, so that it is dropped and counted.
 */
int
sys_esp_socket(uint8_t af, unsigned int n, unsigned int i)
{
	int fd = make_socket(af, SOCK_RAW, IPPROTO_ESP);

	if (fd != -1 && n > 1 && set_share_of(fd, af, n, i) == -1)
		return close_failed(fd);
	return fd;
}

/*
 * Not REUSEADDR: of sockets that all have it, as those of some IKE daemons do,
 * the kernel does not ask whose they are, and anybody could have the port.
 */
static int
set_share(int fd)
{
	int on = 1;

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
	int only = !share, on = 1;

	/* a label of its own keeps it apart from IKE's, which has none */
	setsockopt(fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, &on, sizeof(on));
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

static int
set_udp(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_UDP, option, &value, sizeof(value));
}

/*
 * Whether the kernel cuts is asked by the option, since one that does not know
 * it ignores the control message.  It cuts nothing without checksums; all
 * datagrams of the socket then have one, not only those that were cut.
 */
static int
set_cutting(int fd, uint8_t af, int on)
{
	int without = !on;

	if (on && (set_udp(fd, UDP_SEGMENT, 1) == -1 ||
	    set_udp(fd, UDP_SEGMENT, 0) == -1))
		return -1;
	if (af != AF_INET)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &without,
	    sizeof(without));
}

unsigned int
sys_udp_offload(int fd, uint8_t af, unsigned int want)
{
	const int gso = (want & SYS_GSO) != 0, gro = (want & SYS_GRO) != 0;
	unsigned int got = 0;

	if (set_cutting(fd, af, gso) == 0 && gso)
		got |= SYS_GSO;
	if (set_udp(fd, UDP_GRO, gro) == 0 && gro)
		got |= SYS_GRO;
	return got;
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
	if (a->af == AF_INET) {
		memset(&name->sin, 0, sizeof(name->sin));
		name->sin.sin_family = AF_INET;
		name->sin.sin_port = htons(port);
		memcpy(&name->sin.sin_addr, a->a, 4);
		return sizeof(name->sin);
	}
	memset(&name->sin6, 0, sizeof(name->sin6));
	name->sin6.sin6_family = AF_INET6;
	name->sin6.sin6_port = htons(port);
	memcpy(&name->sin6.sin6_addr, a->a, 16);
	return sizeof(name->sin6);
}

/* One control message at buf[at]; where the next one begins. */
static size_t
put_control(union control *c, size_t at, int level, int type, const void *data,
    size_t len)
{
	struct cmsghdr hdr = {
		.cmsg_len = CMSG_LEN(len), .cmsg_level = level,
		.cmsg_type = type
	};

	memcpy(c->buf + at, &hdr, sizeof(hdr));
	memcpy(c->buf + at + CMSG_LEN(0), data, len);
	return at + CMSG_SPACE(len);
}

/* The control message that names the source; its length, 0 without one. */
static size_t
source_of(union control *c, const struct ip_addr *src)
{
	struct in_pktinfo pi4 = { 0 };
	struct in6_pktinfo pi6 = { 0 };

	if (src->af == AF_INET) {
		memcpy(&pi4.ipi_spec_dst, src->a, 4);
		return put_control(c, 0, IPPROTO_IP, IP_PKTINFO, &pi4,
		    sizeof(pi4));
	}
	if (src->af == AF_INET6) {
		memcpy(&pi6.ipi6_addr, src->a, 16);
		return put_control(c, 0, IPPROTO_IPV6, IPV6_PKTINFO, &pi6,
		    sizeof(pi6));
	}
	return 0;
}

/* --- receiving --- */

/* No packet, for this reason. */
static void
spoil(struct sys_dgram *d, int error)
{
	d->error = error;
	d->len = 0;
	d->segment = 0;
	d->src.af = d->dst.af = 0;
}

/*
 * A raw IPv4 packet is read with its header.  The kernel has checked it;
 * lengths are looked at all the same.
 */
static int
take_header(struct sys_dgram *d)
{
	struct ip ip;
	size_t hlen;

	if (d->len < sizeof(ip))
		return EBADMSG;
	memcpy(&ip, d->buf, sizeof(ip));
	hlen = (size_t)ip.ip_hl * 4;
	if (ip.ip_v != 4 || hlen < sizeof(ip) || hlen > d->len)
		return EBADMSG;
	addr_from4(&d->dst, ip.ip_dst.s_addr);
	d->data += hlen;
	d->len -= hlen;
	return 0;
}

static int
is_control(const struct cmsghdr *c, int level, int type, size_t len)
{
	return c->cmsg_level == level && c->cmsg_type == type &&
	    c->cmsg_len >= CMSG_LEN(len);
}

/*
 * Else the kernel has taken all headers off, and tells what was in them.  The
 * length of the segments is told of one datagram that could be many, too.
 */
static int
take_control(struct sys_dgram *d, struct msghdr *mh)
{
	struct in_pktinfo pi4;
	struct in6_pktinfo pi6;
	struct cmsghdr *c;
	int segment = 0, error = EBADMSG;

	if (mh->msg_flags & MSG_CTRUNC)
		return EBADMSG;
	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (is_control(c, IPPROTO_IP, IP_PKTINFO, sizeof(pi4))) {
			memcpy(&pi4, CMSG_DATA(c), sizeof(pi4));
			addr_from4(&d->dst, pi4.ipi_addr.s_addr);
			error = 0;
		} else if (is_control(c, IPPROTO_IPV6, IPV6_PKTINFO,
		    sizeof(pi6))) {
			memcpy(&pi6, CMSG_DATA(c), sizeof(pi6));
			addr_from6(&d->dst, &pi6.ipi6_addr);
			error = 0;
		} else if (is_control(c, IPPROTO_UDP, UDP_GRO,
		    sizeof(segment)))
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
	}
	if (segment > 0 && (size_t)segment < d->len)
		d->segment = (uint16_t)segment;
	return error;
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
	int error;

	d->data = d->buf;
	d->len = len;
	d->segment = 0;
	d->error = 0;
	if (mh->msg_flags & MSG_TRUNC) {
		spoil(d, EMSGSIZE);
		return;
	}
	take_name(d, af, mh->msg_name);
	error = header ? take_header(d) : take_control(d, mh);
	if (error != 0)
		spoil(d, error);
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
	for (i = 0; i < n; i++) {
		iov[i].iov_base = d[i].buf;
		iov[i].iov_len = d[i].size;
		/* the kernel writes the flags */
		mm[i].msg_hdr.msg_name = &from[i];
		mm[i].msg_hdr.msg_namelen = sizeof(from[i]);
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
		mm[i].msg_hdr.msg_control = header ? NULL : &control[i];
		mm[i].msg_hdr.msg_controllen = header ? 0 : sizeof(control[i]);
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

/* What the kernel is given for a batch, which has to last for the call. */
struct outgoing {
	struct mmsghdr	mm[SYS_BATCH];
	struct iovec	iov[SYS_BATCH];
	union control	control[SYS_BATCH];
	union name	to[SYS_BATCH];
};

/* Is it for the kernel to cut?  It never is on a raw socket. */
static int
is_many(int udp, const struct sys_dgram *d)
{
	return udp && d->segment != 0 && d->len > d->segment;
}

/*
 * The names and control messages of a batch.  In nearly every batch all is the
 * same from one to the next, and then it is written once.
 */
static void
address(struct outgoing *o, int udp, const struct sys_dgram *d, int n)
{
	union control *control = NULL;
	union name *name = NULL;
	socklen_t namelen = 0;
	size_t source = 0;	/* octets of control that tell the source */
	uint16_t segment = 0;	/* told behind it, if not 0 */
	struct msghdr *mh;
	int i;

	for (i = 0; i < n; i++) {
		mh = &o->mm[i].msg_hdr;
		if (name == NULL || d[i].dport != d[i - 1].dport ||
		    !addr_equal(&d[i].dst, &d[i - 1].dst)) {
			name = &o->to[i];
			namelen = name_of(name, &d[i].dst, udp ? d[i].dport :
			    0);
		}
		mh->msg_name = name;
		mh->msg_namelen = namelen;
		if (control == NULL || !addr_equal(&d[i].src, &d[i - 1].src) ||
		    (is_many(udp, &d[i]) && segment != 0 &&
		    segment != d[i].segment)) {
			control = &o->control[i];
			source = source_of(control, &d[i].src);
			segment = 0;
		}
		mh->msg_controllen = source;
		if (is_many(udp, &d[i])) {
			/* who is not cut is told of the source alone */
			segment = d[i].segment;
			mh->msg_controllen = put_control(control, source,
			    IPPROTO_UDP, UDP_SEGMENT, &segment,
			    sizeof(segment));
		}
		mh->msg_control = mh->msg_controllen == 0 ? NULL : control;
	}
}

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

/*
 * What the kernel says when it cannot cut: the segments are larger than the
 * device's MTU, or too many, or would have no checksum.  (Some have other
 * reasons, which single ones will tell as well.)
 */
static int
means_uncut(int error)
{
	return error == EMSGSIZE || error == EINVAL || error == EIO;
}

static int	send_batch(int, int, struct sys_dgram *, int);

/* The datagrams it stands for, one by one; the first error, or 0. */
static int
send_singly(int fd, const struct sys_dgram *d)
{
	struct sys_dgram one[SYS_BATCH];
	size_t at = 0, left;
	int n, i, error = 0;

	while (at < d->len) {
		for (n = 0; n < SYS_BATCH && at < d->len; n++) {
			left = d->len - at;
			one[n] = *d;
			one[n].data = d->data + at;
			one[n].len = left < d->segment ? left : d->segment;
			one[n].segment = 0;
			at += one[n].len;
		}
		send_batch(fd, 1, one, n);
		for (i = 0; i < n && error == 0; i++)
			error = one[i].error;
	}
	return error;
}

/* The first of those that are left has failed; 0 if it left after all. */
static int
failed(int fd, int udp, int error, const struct sys_dgram *d)
{
	if (is_many(udp, d) && means_uncut(error))
		return send_singly(fd, d);
	return send_error(error, d);
}

static int
send_batch(int fd, int udp, struct sys_dgram *d, int n)
{
	struct outgoing o;
	int i, r, sent = 0;

	if (n > SYS_BATCH)
		n = SYS_BATCH;
	for (i = 0; i < n; i++) {
		o.iov[i].iov_base = d[i].data;
		o.iov[i].iov_len = d[i].len;
		o.mm[i].msg_hdr.msg_iov = &o.iov[i];
		o.mm[i].msg_hdr.msg_iovlen = 1;
		o.mm[i].msg_hdr.msg_flags = 0;
	}
	address(&o, udp, d, n);
	/* sendmmsg stops at one that fails; asked again, it says why */
	for (i = 0; i < n;) {
		r = sendmmsg(fd, o.mm + i, (unsigned int)(n - i),
		    MSG_DONTWAIT);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0) {
			d[i].error = failed(fd, udp, r == 0 ? EIO : errno,
			    &d[i]);
			sent += d[i++].error == 0;
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

/* --- passing on --- */

static struct ip_addr
loopback(uint8_t af)
{
	const uint32_t in = htonl(INADDR_LOOPBACK);
	const struct in6_addr in6 = IN6ADDR_LOOPBACK_INIT;
	struct ip_addr a;

	if (af == AF_INET)
		addr_from4(&a, in);
	else
		addr_from6(&a, &in6);
	return a;
}

static void
put_addr(uint8_t to[16], const struct ip_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (a->af == AF_INET6) {
		memcpy(to, a->a, 16);
		return;
	}
	memcpy(to, mapped, sizeof(mapped));
	memcpy(to + sizeof(mapped), a->a, 4);
}

static void
wrap(struct pass_hdr *h, const struct sys_dgram *d)
{
	const uint16_t sport = htons(d->sport);
	const uint32_t length = htonl((uint32_t)(sizeof(*h) - 4 + d->len));

	memset(h, 0, sizeof(*h));
	memcpy(h->magic, PASS_MAGIC, sizeof(h->magic));
	memcpy(h->length, &length, sizeof(length));
	put_addr(h->src, &d->src);
	put_addr(h->dst, &d->dst);
	memcpy(h->sport, &sport, sizeof(sport));
}

/* The source is named, since it is by that that the library knows it. */
int
sys_udp_pass(int fd, uint8_t af, const struct sys_dgram *d)
{
	const struct ip_addr us = loopback(af);
	union control control;
	union name to;
	struct pass_hdr h;
	struct iovec iov[2] = {
		{ &h, sizeof(h) }, { d->data, d->len }
	};
	struct msghdr mh = {
		.msg_name = &to, .msg_iov = iov, .msg_iovlen = 2,
		.msg_control = &control
	};
	ssize_t r;

	if (addr_equal(&d->src, &us)) {
		errno = EINVAL;
		return -1;
	}
	wrap(&h, d);
	mh.msg_namelen = name_of(&to, &us, SYS_UDP_SHARED);
	mh.msg_controllen = source_of(&control, &us);
	do
		r = sendmsg(fd, &mh, MSG_DONTWAIT);
	while (r == -1 && errno == EINTR);
	return r == -1 ? -1 : 0;
}
