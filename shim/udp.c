/* SPDX-License-Identifier: ISC */
/*
 * One datagram per call from a socket on which the kernel may merge them.
 *
 * What is merged stays in the kernel's queue until its last datagram has been
 * handed out; those before are read with MSG_PEEK.  So the socket is readable
 * for poll(2) and all its kin as long as there is something to read, in every
 * process that has it.  How much of the first in the queue has been handed out
 * is the socket's own SO_PEEK_OFF, -1 if nothing: so nothing is remembered
 * here, whatever the daemon forks, hands over, duplicates or closes.
 *
 * What secd has passed on is read in the same way, as if the header in front of
 * it (secd/pass.h) had been handed out before.  It is known by its source: what
 * comes from another machine is not from 127.0.0.1 or ::1, kernels drop that
 * ("martians", RFC 1122 3.2.1.3, RFC 4291 2.5.3); and on this one nobody but
 * root has sockets on secd's port, which shares it with its own user alone.
 *
 * Mostly there is nothing to take apart: then it is looked at once, and the
 * daemon's own call does the rest.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "secd/pass.h"
#include "shim/udp.h"

#define MARKER		4	/* octets of 0 before IKE, RFC 3948 2.2 */

union name {
	struct sockaddr_storage	ss;
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;
};

/* More than all control messages that a UDP socket can be asked for. */
union control {
	struct cmsghdr	hdr;
	char		buf[1024];
};

static int
get_option(int fd, int level, int option)
{
	int value, error = errno;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, option, &value, &len) == -1)
		value = -1;
	errno = error;
	return value;
}

static int
set_option(int fd, int level, int option, int value)
{
	return shim_libc_setsockopt(fd, level, option, &value, sizeof(value));
}

/* Of the first in the queue, so many octets have been handed out. */
static size_t
get_offset(int fd)
{
	int offset = get_option(fd, SOL_SOCKET, SO_PEEK_OFF);

	return offset > 0 ? (size_t)offset : 0;
}

static void
set_offset(int fd, size_t offset)
{
	set_option(fd, SOL_SOCKET, SO_PEEK_OFF, offset > 0 ? (int)offset : -1);
}

/*
 * A kernel merges what has a checksum and, in IPv6, the same flow label; before
 * Linux 6.10 it looked at little else.  In IPv4 port 4500 has datagrams without
 * a checksum anyway (RFC 3948 2.1), and IKE has integrity of its own; in IPv6
 * secd's have labels.
 */
void
shim_udp_prepare(int fd, int family)
{
	int error = errno;

	set_option(fd, SOL_SOCKET, SO_NO_CHECK, 1);
	if (family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
	/* where nothing could be taken apart, nothing is to be merged */
	if (set_option(fd, SOL_SOCKET, SO_PEEK_OFF, -1) == 0)
		set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
	errno = error;
}

int
shim_udp_is_ours(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	int error = errno;
	in_port_t port = 0;

	/* one call for all descriptors but a few */
	if (get_option(fd, IPPROTO_UDP, UDP_GRO) != 1)
		return 0;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		port = ss.ss_family == AF_INET6 ?
		    ((struct sockaddr_in6 *)&ss)->sin6_port :
		    ((struct sockaddr_in *)&ss)->sin_port;
	errno = error;
	return port == htons(SHIM_UDP_PORT);
}

/* --- what is merged --- */

static int
is_gro(const struct cmsghdr *c)
{
	return c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO &&
	    c->cmsg_len >= CMSG_LEN(sizeof(int));
}

/* The length of each datagram but the last, 0 if it is one. */
static size_t
segment_of(struct msghdr *mh)
{
	struct cmsghdr *c;
	int segment;

	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (!is_gro(c))
			continue;
		memcpy(&segment, CMSG_DATA(c), sizeof(segment));
		return segment > 0 ? (size_t)segment : 0;
	}
	return 0;
}

/* --- what secd has passed on --- */

static int
is_mapped(const uint8_t a[16])
{
	struct in6_addr in6;

	memcpy(&in6, a, sizeof(in6));
	return IN6_IS_ADDR_V4MAPPED(&in6);
}

/*
 * May it be from secd?  Not from ::ffff:127.0.0.1, which secd never sends from,
 * and which anybody may write into an IPv6 packet: Linux lets it in.
 */
static int
is_near(const union name *from)
{
	if (from->ss.ss_family == AF_INET)
		return from->sin.sin_port == htons(SHIM_UDP_PORT) &&
		    from->sin.sin_addr.s_addr == htonl(INADDR_LOOPBACK);
	return from->ss.ss_family == AF_INET6 &&
	    from->sin6.sin6_port == htons(SHIM_UDP_PORT) &&
	    IN6_IS_ADDR_LOOPBACK(&from->sin6.sin6_addr);
}

/*
 * Is this the header of a datagram of so many octets, and fit for the socket?
 * An IPv6 socket gets IPv4 with mapped addresses.
 */
static int
is_header(const struct pass_hdr *h, size_t total, const union name *from)
{
	uint32_t length;

	if (total < sizeof(*h) + MARKER ||
	    memcmp(h->magic, PASS_MAGIC, sizeof(h->magic)) != 0)
		return 0;
	memcpy(&length, h->length, sizeof(length));
	return ntohl(length) == total - MARKER &&
	    (from->ss.ss_family == AF_INET6 ||
	    (is_mapped(h->src) && is_mapped(h->dst)));
}

/* 1 if the first in the queue, which came from there, is such a one. */
static int
is_passed(int fd, const union name *from, struct pass_hdr *h)
{
	struct iovec iov = { .iov_base = h, .iov_len = sizeof(*h) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	/* what is not merged is read from its beginning */
	if (get_offset(fd) != 0)
		set_offset(fd, 0);
	n = shim_libc_recvmsg(fd, &mh, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	return n > 0 && is_header(h, (size_t)n, from);
}

/* The source that it had, as the socket's family has it. */
static void
set_name(union name *name, const struct pass_hdr *h)
{
	if (name->ss.ss_family == AF_INET) {
		memcpy(&name->sin.sin_port, h->sport, sizeof(h->sport));
		memcpy(&name->sin.sin_addr, h->src + 12, 4);
	} else {
		memcpy(&name->sin6.sin6_port, h->sport, sizeof(h->sport));
		memcpy(&name->sin6.sin6_addr, h->src, sizeof(h->src));
	}
}

/*
 * The destination that it had, where the kernel tells that it came to the
 * loopback.  By which interface is not known.
 */
static void
set_info(struct msghdr *mh, const struct pass_hdr *h)
{
	struct in_pktinfo pi4 = { 0 };
	struct in6_pktinfo pi6 = { 0 };
	struct cmsghdr *c;

	memcpy(&pi4.ipi_addr, h->dst + 12, 4);
	pi4.ipi_spec_dst = pi4.ipi_addr;
	memcpy(&pi6.ipi6_addr, h->dst, sizeof(h->dst));
	for (c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(pi4)))
			memcpy(CMSG_DATA(c), &pi4, sizeof(pi4));
		else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(pi6)))
			memcpy(CMSG_DATA(c), &pi6, sizeof(pi6));
	}
}

/* --- the first in the queue --- */

enum kind { FAILED, WHOLE, MERGED, PASSED };

/*
 * Wait for something, if the daemon would wait, and see what it is: FAILED with
 * errno; of what secd has PASSED on the header, and where it came from.
 * Without room nothing is read, and the offset stays what it is.
 */
static enum kind
look(int fd, int flags, union name *from, struct pass_hdr *h)
{
	union control control;
	struct msghdr mh = {
		.msg_name = from, .msg_namelen = sizeof(*from),
		.msg_control = &control, .msg_controllen = sizeof(control)
	};

	memset(from, 0, sizeof(*from));
	if (shim_libc_recvmsg(fd, &mh, MSG_PEEK | (flags & MSG_DONTWAIT)) == -1)
		return FAILED;
	if (segment_of(&mh) != 0)
		return MERGED;
	return is_near(from) && is_passed(fd, from, h) ? PASSED : WHOLE;
}

/* --- one of them --- */

static size_t
room(const struct msghdr *mh)
{
	size_t i, sum = 0;

	for (i = 0; i < mh->msg_iovlen; i++)
		sum += mh->msg_iov[i].iov_len;
	return sum;
}

/* What the daemon asked for, as far as it fits. */
static void
give_control(struct msghdr *to, struct msghdr *from)
{
	const size_t size = to->msg_control == NULL ? 0 : to->msg_controllen;
	struct cmsghdr *c;
	size_t at = 0;

	for (c = CMSG_FIRSTHDR(from); c != NULL; c = CMSG_NXTHDR(from, c)) {
		if (is_gro(c))
			continue;
		if (size - at < c->cmsg_len) {
			to->msg_flags |= MSG_CTRUNC;
			break;
		}
		memcpy((char *)to->msg_control + at, c, c->cmsg_len);
		at += CMSG_ALIGN(c->cmsg_len);
		if (at > size)
			at = size;
	}
	to->msg_controllen = at;
}

static void
give_name(struct msghdr *to, const union name *name)
{
	const socklen_t len = name->ss.ss_family == AF_INET ?
	    sizeof(name->sin) : sizeof(name->sin6);

	if (to->msg_name == NULL)
		return;
	memcpy(to->msg_name, name, len < to->msg_namelen ? len :
	    to->msg_namelen);
	to->msg_namelen = len;
}

/* What is returned for a datagram of so many octets. */
static ssize_t
give_length(struct msghdr *to, int flags, size_t len)
{
	if (len <= room(to))
		return (ssize_t)len;
	to->msg_flags |= MSG_TRUNC;
	return (ssize_t)(flags & MSG_TRUNC ? len : room(to));
}

/* So much has been handed out now; after the last one the kernel lets go. */
static void
advance(int fd, size_t offset, size_t total)
{
	struct msghdr nothing = { 0 };

	set_offset(fd, offset < total ? offset : 0);
	if (offset >= total)
		shim_libc_recvmsg(fd, &nothing, MSG_DONTWAIT);
}

/*
 * The next one of what is merged.  All the rest is read, into as much room as
 * there is, but the daemon is told of the first.  0 if it is not as it was:
 * somebody else has been reading.
 */
static int
take_part(int fd, struct msghdr *mh, int flags, ssize_t *got)
{
	union control control;
	struct msghdr all = *mh;
	size_t offset = get_offset(fd), total, segment, len;
	ssize_t n;

	all.msg_control = &control;
	all.msg_controllen = sizeof(control);
	n = shim_libc_recvmsg(fd, &all, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	if (n == -1) {
		*got = -1;
		return errno != EAGAIN;
	}
	total = (size_t)n;
	segment = segment_of(&all);
	if (segment == 0 || offset >= total || offset % segment != 0) {
		set_offset(fd, 0);
		return 0;
	}
	len = total - offset < segment ? total - offset : segment;
	mh->msg_namelen = all.msg_namelen;
	mh->msg_flags = all.msg_flags & MSG_CTRUNC;
	give_control(mh, &all);
	if (flags & MSG_PEEK)
		set_offset(fd, offset);
	else
		advance(fd, offset + len, total);
	*got = give_length(mh, flags, len);
	return 1;
}

/* What is behind the header; 0 if somebody else has been reading. */
static int
take_passed(int fd, struct msghdr *mh, int flags, union name *from,
    const struct pass_hdr *h, ssize_t *got)
{
	union control control;
	struct msghdr all = *mh;
	ssize_t n;

	all.msg_name = NULL;
	all.msg_namelen = 0;
	all.msg_control = &control;
	all.msg_controllen = sizeof(control);
	set_offset(fd, sizeof(*h));
	n = shim_libc_recvmsg(fd, &all, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	set_offset(fd, 0);
	if (n == -1) {
		*got = -1;
		return errno != EAGAIN;
	}
	if ((size_t)n < sizeof(*h) + MARKER)
		return 0;
	mh->msg_flags = all.msg_flags & MSG_CTRUNC;
	set_name(from, h);
	give_name(mh, from);
	set_info(&all, h);
	give_control(mh, &all);
	if (!(flags & MSG_PEEK))
		advance(fd, (size_t)n, (size_t)n);
	*got = give_length(mh, flags, (size_t)n - sizeof(*h));
	return 1;
}

/* One that was never merged, by the call that the daemon made. */
static ssize_t
take_whole(int fd, struct msghdr *mh, int flags)
{
	/* what somebody else has read to its end was the first */
	if (get_offset(fd) != 0)
		set_offset(fd, 0);
	return shim_libc_recvmsg(fd, mh, flags);
}

ssize_t
shim_udp_recvmsg(int fd, struct msghdr *mh, int flags)
{
	union name from;
	struct pass_hdr h;
	ssize_t got;
	int error = errno, done;

	if (flags & (MSG_ERRQUEUE | MSG_OOB))
		return shim_libc_recvmsg(fd, mh, flags);
	for (;;) {
		switch (look(fd, flags, &from, &h)) {
		case FAILED:
			return -1;
		case MERGED:
			done = take_part(fd, mh, flags, &got);
			break;
		case PASSED:
			done = take_passed(fd, mh, flags, &from, &h, &got);
			break;
		default:
			return take_whole(fd, mh, flags);
		}
		if (!done)
			continue;
		if (got != -1)
			errno = error;
		return got;
	}
}

/* --- the other calls --- */

ssize_t
shim_udp_readv(int fd, const struct iovec *iov, int n)
{
	struct msghdr mh = {
		.msg_iov = (struct iovec *)(uintptr_t)iov,
		.msg_iovlen = (size_t)n
	};

	/* read(2) of nothing does nothing, but recvmsg(2) drops a datagram */
	if (n > 0 && room(&mh) == 0)
		return 0;
	return shim_udp_recvmsg(fd, &mh, 0);
}

ssize_t
shim_udp_recvfrom(int fd, void *buf, size_t len, int flags,
    struct sockaddr *sa, socklen_t *salen)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (sa != NULL && salen != NULL) {
		mh.msg_name = sa;
		mh.msg_namelen = *salen;
	}
	n = shim_udp_recvmsg(fd, &mh, flags);
	if (n != -1 && mh.msg_name != NULL)
		*salen = mh.msg_namelen;
	return n;
}

static int
is_past(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec &&
	    now.tv_nsec >= end->tv_nsec);
}

/* As in the kernel, the time is looked at when something has come. */
int
shim_udp_recvmmsg(int fd, struct mmsghdr *mm, unsigned int n, int flags,
    const struct timespec *timeout)
{
	struct timespec end = { 0 };
	unsigned int i;
	ssize_t got;

	if (timeout != NULL) {
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec += timeout->tv_sec;
		end.tv_nsec += timeout->tv_nsec;
		if (end.tv_nsec >= 1000000000) {
			end.tv_nsec -= 1000000000;
			end.tv_sec++;
		}
	}
	for (i = 0; i < n; i++) {
		got = shim_udp_recvmsg(fd, &mm[i].msg_hdr,
		    flags & ~MSG_WAITFORONE);
		if (got == -1)
			return i > 0 ? (int)i : -1;
		mm[i].msg_len = (unsigned int)got;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (timeout != NULL && is_past(&end)) {
			i++;
			break;
		}
	}
	return (int)i;
}
