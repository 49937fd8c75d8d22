/* SPDX-License-Identifier: ISC */
/*
 * libsecpfkey.so, for LD_PRELOAD: an IKE daemon that asks the kernel for a
 * PF_KEY socket gets one of secd's, and the calls around it behave as on a
 * kernel with IPsec.  Every other descriptor is passed through.
 *
 * A daemon opens the socket in one process and uses it in another: handed over,
 * after fork or exec, without rights, in an empty root directory.  So nothing
 * is remembered; the socket is known by the name of its own end, which
 * getsockname(2) tells everywhere.  (The other end's name depends on how secd
 * came to bind it.)
 *
 * No allocation and no lock of our own: a call may come from any thread.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "shim/shim.h"
#include "shim/udp.h"

#define KEY_V2		2	/* the protocol of a PF_KEY socket */
#define REPLY_MS	1000	/* a request's reply may take that long */
#define NAME_TRIES	64	/* sockets of one process */
#define IKE_PORT	500

/*
 * Each call of libc's that is taken over is a function under another name here,
 * so that the headers' own idea of it (unions, inlines) does not matter.
 */
#define TAKE_OVER(type, name, ...)					\
	type shim_##name(__VA_ARGS__) __asm__(#name);			\
	static type (*libc_##name)(__VA_ARGS__);			\
	static __typeof__(libc_##name)					\
	find_##name(void)						\
	{								\
		if (libc_##name == NULL)				\
			libc_##name = (__typeof__(libc_##name))dlsym(	\
			    RTLD_NEXT, #name);				\
		return libc_##name;					\
	}
#define LIBC(name)	(find_##name())

TAKE_OVER(int, socket, int, int, int)
TAKE_OVER(int, bind, int, const struct sockaddr *, socklen_t)
TAKE_OVER(int, setsockopt, int, int, int, const void *, socklen_t)
TAKE_OVER(int, poll, struct pollfd *, nfds_t, int)
TAKE_OVER(int, __poll_chk, struct pollfd *, nfds_t, int, size_t)

TAKE_OVER(ssize_t, write, int, const void *, size_t)
TAKE_OVER(ssize_t, writev, int, const struct iovec *, int)
TAKE_OVER(ssize_t, send, int, const void *, size_t, int)
TAKE_OVER(ssize_t, sendto, int, const void *, size_t, int,
    const struct sockaddr *, socklen_t)
TAKE_OVER(ssize_t, sendmsg, int, const struct msghdr *, int)

TAKE_OVER(ssize_t, read, int, void *, size_t)
TAKE_OVER(ssize_t, __read_chk, int, void *, size_t, size_t)
TAKE_OVER(ssize_t, readv, int, const struct iovec *, int)
TAKE_OVER(ssize_t, recv, int, void *, size_t, int)
TAKE_OVER(ssize_t, __recv_chk, int, void *, size_t, size_t, int)
TAKE_OVER(ssize_t, recvfrom, int, void *, size_t, int, struct sockaddr *,
    socklen_t *)
TAKE_OVER(ssize_t, __recvfrom_chk, int, void *, size_t, size_t, int,
    struct sockaddr *, socklen_t *)
TAKE_OVER(ssize_t, recvmsg, int, struct msghdr *, int)
TAKE_OVER(int, recvmmsg, int, struct mmsghdr *, unsigned int, int,
    struct timespec *)

static _Atomic int64_t	reply_by;	/* until then a reply is awaited */
static char		client[SHIM_NAMELEN + 1];	/* NAME */

static void
find_name(void)
{
	const char *name = getenv(SHIM_ENV_NAME);
	size_t i;

	if (name == NULL || *name == '\0')
		name = program_invocation_short_name;
	if (*name == '\0')
		name = "unknown";
	for (i = 0; i < SHIM_NAMELEN && *name != '\0'; i++, name++)
		client[i] = *name > ' ' && *name <= '~' && *name != '/' ?
		    *name : '_';
}

/*
 * Before there are threads, and before the daemon writes a title over its name.
 * Another library's constructor may come first: hence find_*() everywhere.
 */
static void __attribute__((constructor))
find_all(void)
{
	find_name();
	find_socket();
	find_bind();
	find_setsockopt();
	find_poll();
	find___poll_chk();
	find_write();
	find_writev();
	find_send();
	find_sendto();
	find_sendmsg();
	find_read();
	find___read_chk();
	find_readv();
	find_recv();
	find___recv_chk();
	find_recvfrom();
	find___recvfrom_chk();
	find_recvmsg();
	find_recvmmsg();
}

static const char *
socket_path(void)
{
	const char *path = getenv(SHIM_ENV_SOCKET);

	return path != NULL && *path != '\0' ? path : SHIM_SOCKET;
}

/*
 * One line for standard error and one for the log, since a daemon has only one
 * of them.  syslog(3) is left as the daemon set it up: opened before the
 * daemon changed its root directory, and with no descriptor of ours to trip
 * over.
 */
static void __attribute__((format(printf, 1, 2)))
complain(const char *fmt, ...)
{
	static const char head[] = "libsecpfkey: ";
	char line[512];
	va_list ap;
	size_t len = sizeof(head) - 1;

	memcpy(line, head, len);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - 1 - len, fmt, ap);
	va_end(ap);
	len = strlen(line);
	line[len] = '\n';
	if (LIBC(write)(STDERR_FILENO, line, len + 1) == -1) {
		/* nobody listens there */
	}
	syslog(LOG_DAEMON | LOG_ERR, "%.*s", (int)len, line);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- the socket --- */

/* Our own end's address; a process with more than one counts them. */
static socklen_t
own_name(struct sockaddr_un *sun, int count)
{
	int n;

	if (client[0] == '\0')
		find_name();
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path + 1, sizeof(sun->sun_path) - 1,
	    SHIM_OWN "%s/%d", client, (int)getpid());
	if (count > 1)
		n += snprintf(sun->sun_path + 1 + n,
		    sizeof(sun->sun_path) - 1 - n, ".%d", count);
	return offsetof(struct sockaddr_un, sun_path) + 1 + n;
}

static int
bind_own(int fd)
{
	struct sockaddr_un sun;
	socklen_t len;
	int i;

	for (i = 1; i <= NAME_TRIES; i++) {
		len = own_name(&sun, i);
		if (LIBC(bind)(fd, (struct sockaddr *)&sun, len) == 0)
			return 0;
		if (errno != EADDRINUSE)
			break;
	}
	complain("cannot name the socket @%s: %s", sun.sun_path + 1,
	    strerror(errno));
	return -1;
}

static int
connect_secd(int fd)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = socket_path();
	size_t len = strlen(path);

	if (len >= sizeof(sun.sun_path)) {
		complain("%s (" SHIM_ENV_SOCKET "): longer than a socket's "
		    "name may be", path);
		return -1;
	}
	memcpy(sun.sun_path, path, len);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		complain("%s: secd is not running: start it first, or name "
		    "its socket in " SHIM_ENV_SOCKET, path);
		break;
	case EACCES:
	case EPERM:
		complain("%s: %s: run as root", path, strerror(errno));
		break;
	default:
		complain("%s: %s", path, strerror(errno));
	}
	return -1;
}

static int
is_pfkey(int fd)
{
	static const char own[] = "\0" SHIM_OWN;
	const size_t at = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);
	int error = errno, yes;

	/* one call, that fails at once for what is no socket */
	yes = getsockname(fd, (struct sockaddr *)&sun, &len) == 0 &&
	    len > at + sizeof(own) - 1 && sun.sun_family == AF_UNIX &&
	    memcmp(sun.sun_path, own, sizeof(own) - 1) == 0;
	errno = error;
	return yes;
}

int
shim_socket(int domain, int type, int protocol)
{
	const int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd;

	if (domain != PF_KEY || (type & ~flags) != SOCK_RAW ||
	    protocol != KEY_V2)
		return LIBC(socket)(domain, type, protocol);
	fd = LIBC(socket)(AF_UNIX, SOCK_SEQPACKET | (type & SOCK_CLOEXEC), 0);
	if (fd == -1)
		return -1;
	/* non-blocking only now, since connect() has to wait for its turn */
	if (bind_own(fd) == 0 && connect_secd(fd) == 0 &&
	    (!(type & SOCK_NONBLOCK) || fcntl(fd, F_SETFL, O_NONBLOCK) == 0))
		return fd;
	close(fd);
	/* as a kernel without it says */
	errno = EAFNOSUPPORT;
	return -1;
}

/* --- the end --- */

static int
means_gone(int error)
{
	return error == EPIPE || error == ECONNRESET || error == ENOTCONN ||
	    error == ECONNREFUSED;
}

/*
 * secd has ended and with it every SA.  A daemon that is told end of file
 * spins; one that connects again would believe in SAs that are not there.  The
 * process that reads the socket ends, and what watches it ends the others.
 */
static void
gone(void)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	while (atomic_flag_test_and_set(&said))
		pause();	/* another thread is ending us */
	complain("secd is gone (socket %s closed): ending so that the "
	    "supervisor starts me again", socket_path());
	_exit(EXIT_FAILURE);
}

/* What receiving gave; 0 may also mean that there was no room for an octet. */
static ssize_t
received(int fd, ssize_t n)
{
	struct pollfd pfd = { .fd = fd };

	if (n > 0 || (n == -1 && !means_gone(errno)) || !is_pfkey(fd))
		return n;
	if (n == -1 || (LIBC(poll)(&pfd, 1, 0) == 1 && pfd.revents & POLLHUP))
		gone();
	return n;
}

/* --- the reply --- */

/*
 * The kernel's reply is there when write(2) returns, and daemons rely on it:
 * iked waits for a millisecond.
 */
static ssize_t
sent(int fd, ssize_t n)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int error = errno;
	int64_t end, left;

	if (n == 0 || (n == -1 && !means_gone(errno)) || !is_pfkey(fd))
		return n;
	if (n == -1)
		gone();
	end = now_ms() + REPLY_MS;
	atomic_store(&reply_by, end);
	for (left = REPLY_MS; left > 0; left = end - now_ms())
		if (LIBC(poll)(&pfd, 1, (int)left) != -1 || errno != EINTR)
			break;
	errno = error;
	return n;
}

/*
 * Something else may have stood before the reply, such as an expiry.  So who
 * polls nothing but this socket is as patient until the reply is due.
 */
static int
patience(const struct pollfd *fds, nfds_t n, int timeout)
{
	int64_t left;

	if (n != 1 || timeout <= 0 || timeout >= REPLY_MS ||
	    !(fds->events & POLLIN))
		return timeout;
	left = atomic_load(&reply_by);
	if (left == 0 || (left -= now_ms()) <= timeout || !is_pfkey(fds->fd))
		return timeout;
	return (int)left;
}

int
shim_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return LIBC(poll)(fds, n, patience(fds, n, timeout));
}

int
shim___poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	return LIBC(__poll_chk)(fds, n, patience(fds, n, timeout), size);
}

ssize_t
shim_write(int fd, const void *buf, size_t len)
{
	return sent(fd, LIBC(write)(fd, buf, len));
}

ssize_t
shim_writev(int fd, const struct iovec *iov, int n)
{
	return sent(fd, LIBC(writev)(fd, iov, n));
}

ssize_t
shim_send(int fd, const void *buf, size_t len, int flags)
{
	return sent(fd, LIBC(send)(fd, buf, len, flags));
}

ssize_t
shim_sendto(int fd, const void *buf, size_t len, int flags,
    const struct sockaddr *sa, socklen_t salen)
{
	return sent(fd, LIBC(sendto)(fd, buf, len, flags, sa, salen));
}

ssize_t
shim_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return sent(fd, LIBC(sendmsg)(fd, msg, flags));
}

/* A size of a buffer that is too small is libc's to complain about. */

ssize_t
shim_read(int fd, void *buf, size_t len)
{
	const struct iovec iov = { .iov_base = buf, .iov_len = len };

	if (shim_udp_is_ours(fd))
		return shim_udp_readv(fd, &iov, 1);
	return received(fd, LIBC(read)(fd, buf, len));
}

ssize_t
shim___read_chk(int fd, void *buf, size_t len, size_t size)
{
	const struct iovec iov = { .iov_base = buf, .iov_len = len };

	if (len <= size && shim_udp_is_ours(fd))
		return shim_udp_readv(fd, &iov, 1);
	return received(fd, LIBC(__read_chk)(fd, buf, len, size));
}

ssize_t
shim_readv(int fd, const struct iovec *iov, int n)
{
	if (shim_udp_is_ours(fd))
		return shim_udp_readv(fd, iov, n);
	return received(fd, LIBC(readv)(fd, iov, n));
}

ssize_t
shim_recv(int fd, void *buf, size_t len, int flags)
{
	if (shim_udp_is_ours(fd))
		return shim_udp_recvfrom(fd, buf, len, flags, NULL, NULL);
	return received(fd, LIBC(recv)(fd, buf, len, flags));
}

ssize_t
shim___recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	if (len <= size && shim_udp_is_ours(fd))
		return shim_udp_recvfrom(fd, buf, len, flags, NULL, NULL);
	return received(fd, LIBC(__recv_chk)(fd, buf, len, size, flags));
}

ssize_t
shim_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *sa,
    socklen_t *salen)
{
	if (shim_udp_is_ours(fd))
		return shim_udp_recvfrom(fd, buf, len, flags, sa, salen);
	return received(fd, LIBC(recvfrom)(fd, buf, len, flags, sa, salen));
}

ssize_t
shim___recvfrom_chk(int fd, void *buf, size_t len, size_t size, int flags,
    struct sockaddr *sa, socklen_t *salen)
{
	if (len <= size && shim_udp_is_ours(fd))
		return shim_udp_recvfrom(fd, buf, len, flags, sa, salen);
	return received(fd, LIBC(__recvfrom_chk)(fd, buf, len, size, flags, sa,
	    salen));
}

ssize_t
shim_recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (shim_udp_is_ours(fd))
		return shim_udp_recvmsg(fd, msg, flags);
	return received(fd, LIBC(recvmsg)(fd, msg, flags));
}

int
shim_recvmmsg(int fd, struct mmsghdr *mm, unsigned int n, int flags,
    struct timespec *timeout)
{
	if (shim_udp_is_ours(fd))
		return shim_udp_recvmmsg(fd, mm, n, flags, timeout);
	return LIBC(recvmmsg)(fd, mm, n, flags, timeout);
}

int
shim_libc_setsockopt(int fd, int level, int option, const void *value,
    socklen_t len)
{
	return LIBC(setsockopt)(fd, level, option, value, len);
}

ssize_t
shim_libc_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return LIBC(recvmsg)(fd, msg, flags);
}

/* --- IKE's own sockets --- */

/*
 * The IPsec policy of a socket that bypasses policies: a kernel without them
 * has nothing to bypass.  ESP in UDP is secd's to read, and of a kernel that
 * looks for it not even those datagrams come merged that are secd's: so it is
 * not told.
 */
int
shim_setsockopt(int fd, int level, int option, const void *value,
    socklen_t len)
{
	int error = errno, r, type;
	socklen_t size = sizeof(type);

	if (level == IPPROTO_UDP && option == UDP_ENCAP)
		return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	r = LIBC(setsockopt)(fd, level, option, value, len);
	if (r == 0 || (errno != EOPNOTSUPP && errno != ENOPROTOOPT &&
	    errno != EINVAL))
		return r;
	if ((level == IPPROTO_IP && option == IP_IPSEC_POLICY) ||
	    (level == IPPROTO_IPV6 && option == IPV6_IPSEC_POLICY)) {
		errno = error;
		return 0;
	}
	return r;
}

/* The port, if it is one of IKE's, else 0. */
static in_port_t
ike_port(const struct sockaddr *sa, socklen_t len)
{
	const struct sockaddr_in *sin = (const void *)sa;
	const struct sockaddr_in6 *sin6 = (const void *)sa;
	in_port_t port;

	if (sa == NULL || len < sizeof(*sin))
		return 0;
	if (sa->sa_family == AF_INET)
		port = ntohs(sin->sin_port);
	else if (sa->sa_family == AF_INET6 && len >= sizeof(*sin6))
		port = ntohs(sin6->sin6_port);
	else
		return 0;
	return port == IKE_PORT || port == SHIM_UDP_PORT ? port : 0;
}

/* Sockets are one group on a port only if their IPV6_V6ONLY is the same. */
static void
share_port(int fd, int family, in_port_t port)
{
	int on = 1, off = 0;

	shim_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (family == AF_INET6)
		shim_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off,
		    sizeof(off));
	if (port == SHIM_UDP_PORT)
		shim_udp_prepare(fd, family);
}

/* secd shares the daemon's port, and both have to agree to that. */
int
shim_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	const in_port_t port = ike_port(sa, len);
	int error = errno, type;
	socklen_t size = sizeof(type);

	if (port != 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
		    type == SOCK_DGRAM)
			share_port(fd, sa->sa_family, port);
		errno = error;
	}
	return LIBC(bind)(fd, sa, len);
}
