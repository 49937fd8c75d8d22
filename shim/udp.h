/* SPDX-License-Identifier: ISC */
/*
 * The daemon's UDP socket on port 4500, which secd shares.  The kernel merges
 * datagrams of a flow only where the socket that it happens to look at first
 * allows it, the daemon's or secd's: so the daemon's has to, and the daemon
 * still gets one datagram from each call.
 *
 * A peer's kernel, or ours, may have merged its IKE behind ESP, and then secd
 * got both.  It passes such a message on over the loopback, and the daemon gets
 * it as it came from the peer.
 */
#ifndef SHIM_UDP_H
#define SHIM_UDP_H

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <time.h>

#define SHIM_UDP_PORT	4500

#define SHIM_HIDDEN	__attribute__((visibility("hidden")))

/* --- udp.c --- */

/*
 * Before it is bound: let the kernel merge what comes to this socket, and let
 * what leaves it never be merged, behind the ESP of the same flow, by the
 * peer's, which would give all of it to who has the ESP.  If the kernel cannot,
 * nothing is changed.
 */
SHIM_HIDDEN void shim_udp_prepare(int fd, int family);
/* 1 if it may, by whoever's wish, and the port is 4500.  Keeps errno. */
SHIM_HIDDEN int	shim_udp_is_ours(int fd);
/*
 * As the calls without shim_udp_, for a socket that is ours: one datagram, with
 * its source and control messages, and without UDP_GRO's.  What secd has passed
 * on has the source that it had, and that destination in IP_PKTINFO and
 * IPV6_PKTINFO, whose interface is 0.  Two threads that
 * receive from one socket at the same time may see a merged datagram twice, or
 * miss one, as from a network.
 */
SHIM_HIDDEN ssize_t shim_udp_recvmsg(int fd, struct msghdr *, int flags);
SHIM_HIDDEN int	shim_udp_recvmmsg(int fd, struct mmsghdr *, unsigned int n,
	    int flags, const struct timespec *timeout);
SHIM_HIDDEN ssize_t shim_udp_readv(int fd, const struct iovec *, int n);
SHIM_HIDDEN ssize_t shim_udp_recvfrom(int fd, void *buf, size_t len, int flags,
	    struct sockaddr *, socklen_t *);

/* --- shim.c: the calls that it has taken over, as libc has them --- */

SHIM_HIDDEN int	shim_libc_setsockopt(int fd, int level, int option,
	    const void *value, socklen_t len);
SHIM_HIDDEN ssize_t shim_libc_recvmsg(int fd, struct msghdr *, int flags);

#endif /* SHIM_UDP_H */
