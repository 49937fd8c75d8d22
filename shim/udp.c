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

#include "shim/udp.h"

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

/*
 * Wait for something, if the daemon would wait.  1 if it is merged, 0 if not,
 * or -1 with errno.  Without room nothing is read, and the offset stays what it
 * is.
 */
static int
is_merged(int fd, int flags)
{
	union control control;
	struct msghdr mh = {
		.msg_control = &control, .msg_controllen = sizeof(control)
	};

	if (shim_libc_recvmsg(fd, &mh, MSG_PEEK | (flags & MSG_DONTWAIT)) == -1)
		return -1;
	return segment_of(&mh) != 0;
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
	if (segment == 0 || offset >= total) {
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
	*got = (ssize_t)len;
	if (len > room(mh)) {
		mh->msg_flags |= MSG_TRUNC;
		if (!(flags & MSG_TRUNC))
			*got = (ssize_t)room(mh);
	}
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
	ssize_t got;
	int error = errno;

	if (flags & (MSG_ERRQUEUE | MSG_OOB))
		return shim_libc_recvmsg(fd, mh, flags);
	for (;;) {
		switch (is_merged(fd, flags)) {
		case -1:
			return -1;
		case 0:
			return take_whole(fd, mh, flags);
		}
		if (!take_part(fd, mh, flags, &got))
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
