/* SPDX-License-Identifier: ISC */
/*
 * libsecpfkey.so and UDP port 4500: what the kernel has merged comes one by
 * one, by whatever call, loop, process or descriptor.  The test runs itself
 * with the library loaded; what it sends to itself over the loopback is merged
 * from the start, since the kernel need not cut there.
 */
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "secd/pass.h"
#include "tests/unit/netns.h"

#define LIBRARY		"shim/libsecpfkey.so"
#define PORT		4500
#define FROM		4600
#define ROOM		9000
#define TRAIN		9		/* of 700 octets, and one of 55 */
#define TRAINS		1000

union name {
	struct sockaddr		sa;
	struct sockaddr_in	sin;
	struct sockaddr_in6	sin6;
};

/* libc's, behind the macros of _FORTIFY_SOURCE */
ssize_t	__recv_chk(int, void *, size_t, size_t, int);
ssize_t	__read_chk(int, void *, size_t, size_t);
ssize_t	__recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *,
	    socklen_t *);

static int	tx, rx, af;
static uint8_t	out[65536], in[ROOM];
static union name from;

/* --- the scene --- */

static socklen_t
name_of(union name *n, uint16_t port)
{
	memset(n, 0, sizeof(*n));
	if (af == AF_INET) {
		n->sin.sin_family = AF_INET;
		n->sin.sin_port = htons(port);
		n->sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(n->sin);
	}
	n->sin6.sin6_family = AF_INET6;
	n->sin6.sin6_port = htons(port);
	n->sin6.sin6_addr = in6addr_loopback;
	return sizeof(n->sin6);
}

static int
udp(uint16_t port, int flags)
{
	union name n;
	socklen_t len = name_of(&n, port);
	int fd = socket(af, SOCK_DGRAM | flags, 0), on = 1;

	if (af == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	else
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on,
		    sizeof(on));
	if (bind(fd, &n.sa, len) == -1) {
		printf("Bail out! bind: %s\n", strerror(errno));
		exit(1);
	}
	return fd;
}

static int
option(int fd, int level, int which)
{
	int value = -1;
	socklen_t len = sizeof(value);

	getsockopt(fd, level, which, &value, &len);
	return value;
}

/* So many octets from out[at], in pieces if segment is not 0. */
static void
put(size_t at, size_t len, int segment)
{
	union name n;
	socklen_t namelen = name_of(&n, PORT);

	setsockopt(tx, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (sendto(tx, out + at, len, 0, &n.sa, namelen) != (ssize_t)len) {
		printf("Bail out! sendto: %s\n", strerror(errno));
		exit(1);
	}
}

/* One alone, a train, one alone, a train, and what is to come of it. */
static const struct {
	size_t	at, len;
} expected[] = {
	{ 0, 50 }, { 100, 700 }, { 800, 700 }, { 1500, 700 }, { 2200, 700 },
	{ 2900, 700 }, { 3600, 700 }, { 4300, 700 }, { 5000, 700 },
	{ 5700, 700 }, { 6400, 55 }, { 10, 8000 }, { 0, 0 }, { 20000, 60 },
	{ 20060, 60 }, { 20120, 60 }, { 7, 1 }
};
#define EXPECTED	(sizeof(expected) / sizeof(expected[0]))

static void
put_all(void)
{
	put(0, 50, 0);
	put(100, TRAIN * 700 + 55, 700);
	put(10, 8000, 0);
	put(0, 0, 0);
	put(20000, 180, 60);
	put(7, 1, 0);
}

static int
is_part(size_t i, ssize_t n)
{
	return i < EXPECTED && n == (ssize_t)expected[i].len &&
	    memcmp(in, out + expected[i].at, expected[i].len) == 0;
}

/* --- each call --- */

static ssize_t
by_recvmsg(int fd, int flags)
{
	struct iovec iov[2] = { { in, 20 }, { in + 20, ROOM - 20 } };
	struct msghdr mh = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = iov,
		.msg_iovlen = 2
	};

	return recvmsg(fd, &mh, flags);
}

static ssize_t
by_recvmmsg(int fd, int flags)
{
	struct iovec iov = { in, ROOM };
	struct mmsghdr mm = { .msg_hdr = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov,
		.msg_iovlen = 1
	} };

	return recvmmsg(fd, &mm, 1, flags, NULL) == 1 ? (ssize_t)mm.msg_len :
	    -1;
}

static ssize_t
by_recv(int fd, int flags)
{
	return recv(fd, in, ROOM, flags);
}

static ssize_t
by_recvfrom(int fd, int flags)
{
	socklen_t len = sizeof(from);

	return recvfrom(fd, in, ROOM, flags, &from.sa, &len);
}

static ssize_t
by_recv_chk(int fd, int flags)
{
	return __recv_chk(fd, in, ROOM, ROOM, flags);
}

static ssize_t
by_recvfrom_chk(int fd, int flags)
{
	socklen_t len = sizeof(from);

	return __recvfrom_chk(fd, in, ROOM, ROOM, flags, &from.sa, &len);
}

static ssize_t
by_read(int fd, int flags)
{
	(void)flags;
	return read(fd, in, ROOM);
}

static ssize_t
by_read_chk(int fd, int flags)
{
	(void)flags;
	return __read_chk(fd, in, ROOM, ROOM);
}

static ssize_t
by_readv(int fd, int flags)
{
	struct iovec iov[2] = { { in, 7 }, { in + 7, ROOM - 7 } };

	(void)flags;
	return readv(fd, iov, 2);
}

static const struct way {
	const char	*name;
	ssize_t		(*get)(int, int);
	int		 flags;		/* it takes some */
	int		 source;	/* it tells the source */
} ways[] = {
	{ "recvmsg", by_recvmsg, 1, 1 },
	{ "recvmmsg", by_recvmmsg, 1, 1 },
	{ "recv", by_recv, 1, 0 },
	{ "recvfrom", by_recvfrom, 1, 1 },
	{ "__recv_chk", by_recv_chk, 1, 0 },
	{ "__recvfrom_chk", by_recvfrom_chk, 1, 1 },
	{ "read", by_read, 0, 0 },
	{ "__read_chk", by_read_chk, 0, 0 },
	{ "readv", by_readv, 0, 0 },
};
#define WAYS	(sizeof(ways) / sizeof(ways[0]))

static int
is_source(void)
{
	union name n;

	name_of(&n, FROM);
	return af == AF_INET ? from.sin.sin_port == n.sin.sin_port &&
	    from.sin.sin_addr.s_addr == n.sin.sin_addr.s_addr :
	    from.sin6.sin6_port == n.sin6.sin6_port &&
	    IN6_ARE_ADDR_EQUAL(&from.sin6.sin6_addr, &n.sin6.sin6_addr);
}

static void
each_call(const struct way *w)
{
	size_t i, good = 0;
	ssize_t n;

	put_all();
	for (i = 0; i < EXPECTED; i++) {
		memset(&from, 0, sizeof(from));
		errno = 77;
		n = w->get(rx, 0);
		good += is_part(i, n) && errno == 77 &&
		    (!w->source || is_source());
	}
	is(good, EXPECTED, "%s: each one by itself, in order%s", w->name,
	    w->source ? ", with its source" : "");
	errno = 0;
	ok(w->get(rx, 0) == -1 && errno == EAGAIN, "%s: then none", w->name);
}

static void
peeks(const struct way *w)
{
	size_t i, good = 0;

	put_all();
	for (i = 0; i < EXPECTED; i++) {
		good += is_part(i, w->get(rx, MSG_PEEK));
		memset(in, 0, 16);
		good += is_part(i, w->get(rx, MSG_PEEK | MSG_DONTWAIT));
		memset(in, 0, 16);
		good += is_part(i, w->get(rx, 0));
	}
	is(good, 3 * EXPECTED, "%s: looked at twice, and taken", w->name);
}

/* --- what comes with it --- */

struct asked {
	struct msghdr	mh;
	struct iovec	iov;
	union {
		struct cmsghdr	hdr;
		char		buf[256];
	} control;
};

static ssize_t
ask(struct asked *a, size_t room, size_t control, int flags)
{
	memset(&a->mh, 0, sizeof(a->mh));
	a->iov.iov_base = in;
	a->iov.iov_len = room;
	a->mh.msg_iov = &a->iov;
	a->mh.msg_iovlen = 1;
	a->mh.msg_control = control == 0 ? NULL : &a->control;
	a->mh.msg_controllen = control;
	return recvmsg(rx, &a->mh, flags);
}

static size_t
info_space(void)
{
	return af == AF_INET ? CMSG_SPACE(sizeof(struct in_pktinfo)) :
	    CMSG_SPACE(sizeof(struct in6_pktinfo));
}

/* The address it came to, and nothing else. */
static int
only_info(struct asked *a)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&a->mh);

	return c != NULL && CMSG_NXTHDR(&a->mh, c) == NULL &&
	    a->mh.msg_controllen == info_space() && (af == AF_INET ?
	    c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO :
	    c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) &&
	    !(a->mh.msg_flags & MSG_CTRUNC);
}

static void
control_messages(void)
{
	struct asked a;
	size_t i, good = 0;

	put_all();
	for (i = 0; i < EXPECTED; i++)
		good += is_part(i, ask(&a, ROOM, sizeof(a.control), 0)) &&
		    only_info(&a);
	is(good, EXPECTED, "the address it came to is told of each, and "
	    "nothing of merging");
	put(100, 2100, 700);
	ask(&a, ROOM, info_space(), 0);
	ok(only_info(&a), "in as much room as it needs");
	ask(&a, ROOM, info_space() - 16, 0);
	ok(a.mh.msg_flags & MSG_CTRUNC, "if there is less, it says so");
	ask(&a, ROOM, 0, 0);
	ok((a.mh.msg_flags & MSG_CTRUNC) && a.mh.msg_controllen == 0,
	    "and if there is none");
}

static void
small_rooms(void)
{
	struct asked a;

	put(100, 2100, 700);
	put(0, 50, 0);
	ok(recv(rx, in, 10, 0) == 10 && memcmp(in, out + 100, 10) == 0,
	    "room for ten octets gets the first ten");
	ok(ask(&a, 20, 0, 0) == 20 && (a.mh.msg_flags & MSG_TRUNC) &&
	    memcmp(in, out + 800, 20) == 0, "then the next one's, cut, and "
	    "it says so");
	ok(ask(&a, 20, 0, MSG_TRUNC) == 700 && (a.mh.msg_flags & MSG_TRUNC) &&
	    memcmp(in, out + 1500, 20) == 0, "with MSG_TRUNC its real length");
	ok(ask(&a, 50, 0, 0) == 50 && !(a.mh.msg_flags & MSG_TRUNC) &&
	    memcmp(in, out, 50) == 0, "then what was not merged, uncut");
	put(100, 1400, 700);
	is(read(rx, in, 0), 0, "a read of nothing takes nothing");
	is(recv(rx, NULL, 0, MSG_PEEK | MSG_TRUNC), 700, "but tells a length");
	is(recv(rx, NULL, 0, 0), 0, "received into nothing ...");
	ok(recv(rx, in, ROOM, 0) == 700 && memcmp(in, out + 800, 700) == 0,
	    "... it is gone, and the next is there");
	put(0, 0, 0);
	is(recv(rx, in, ROOM, MSG_PEEK), 0, "an empty one is looked at");
	is(recv(rx, in, ROOM, MSG_PEEK), 0, "twice");
	is(recv(rx, in, ROOM, 0), 0, "and taken");
	ok(recv(rx, in, ROOM, 0) == -1 && errno == EAGAIN, "then none");
}

static void
many_at_once(void)
{
	struct mmsghdr mm[EXPECTED + 1];
	struct iovec iov[EXPECTED + 1];
	static uint8_t room[EXPECTED + 1][ROOM];
	struct timespec no_time = { 0 }, time = { .tv_sec = 5 };
	size_t i, good = 0;

	memset(mm, 0, sizeof(mm));
	for (i = 0; i <= EXPECTED; i++) {
		iov[i].iov_base = room[i];
		iov[i].iov_len = ROOM;
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	put_all();
	is(recvmmsg(rx, mm, 3, 0, NULL), 3, "recvmmsg: three");
	is(recvmmsg(rx, mm + 3, 9, 0, &no_time), 1, "one, in no time");
	is(recvmmsg(rx, mm + 4, EXPECTED - 3, 0, &time), EXPECTED - 4,
	    "the rest");
	for (i = 0; i < EXPECTED; i++)
		good += mm[i].msg_len == expected[i].len && memcmp(room[i],
		    out + expected[i].at, mm[i].msg_len) == 0;
	is(good, EXPECTED, "all of them, in order");
	fcntl(rx, F_SETFL, 0);
	put(100, 1400, 700);
	is(recvmmsg(rx, mm, 9, MSG_WAITFORONE, NULL), 2,
	    "MSG_WAITFORONE: what is there");
	fcntl(rx, F_SETFL, O_NONBLOCK);
	errno = 0;
	ok(recvmmsg(rx, mm, 9, 0, NULL) == -1 && errno == EAGAIN, "then none");
}

/* --- loops --- */

static int
by_poll(void)
{
	struct pollfd pfd = { .fd = rx, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN;
}

static int
by_select(void)
{
	struct timeval none = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(rx, &set);
	return select(rx + 1, &set, NULL, NULL, &none) == 1;
}

static int	level, edge;

static int
by_epoll(void)
{
	struct epoll_event e;

	return epoll_wait(level, &e, 1, 0) == 1;
}

/* Whenever there is something, one of them is taken. */
static void
level_triggered(const char *name, int (*ready)(void))
{
	size_t i = 0, good = 0;

	ok(!ready(), "%s: nothing is there", name);
	put_all();
	for (; i <= EXPECTED && ready(); i++)
		good += is_part(i, by_recv(rx, 0));
	ok(good == EXPECTED && i == EXPECTED, "%s: ready for each, and no "
	    "longer", name);
}

/* Once told, all are taken. */
static void
edge_triggered(void)
{
	struct epoll_event e;
	size_t i = 0, good = 0;
	ssize_t n;

	put_all();
	ok(epoll_wait(edge, &e, 1, 0) == 1, "EPOLLET: told");
	for (; (n = by_recv(rx, 0)) != -1; i++)
		good += is_part(i, n);
	ok(good == EXPECTED && i == EXPECTED, "EPOLLET: all until EAGAIN");
	ok(epoll_wait(edge, &e, 1, 0) == 0, "EPOLLET: nothing more");
	put(100, 1400, 700);
	ok(epoll_wait(edge, &e, 1, 0) == 1, "EPOLLET: told again");
	ok(by_recv(rx, 0) == 700 && by_recv(rx, 0) == 700 &&
	    by_recv(rx, 0) == -1, "EPOLLET: both");
}

static void
loops(void)
{
	struct epoll_event e = { .events = EPOLLIN };

	level = epoll_create1(0);
	edge = epoll_create1(0);
	epoll_ctl(level, EPOLL_CTL_ADD, rx, &e);
	e.events |= (uint32_t)EPOLLET;
	epoll_ctl(edge, EPOLL_CTL_ADD, rx, &e);
	level_triggered("poll", by_poll);
	level_triggered("select", by_select);
	level_triggered("epoll", by_epoll);
	while (epoll_wait(edge, &e, 1, 0) == 1)
		;
	edge_triggered();
	close(level);
	close(edge);
}

/* --- waiting --- */

static void *
send_late(void *arg)
{
	struct timespec ts = { .tv_nsec = 50 * 1000 * 1000 };

	nanosleep(&ts, NULL);
	put(100, 1400, 700);
	return arg;
}

static void
on_alarm(int sig)
{
	(void)sig;
}

static void
waiting(void)
{
	struct timeval wait = { .tv_usec = 20000 }, forever = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	pthread_t thread;

	fcntl(rx, F_SETFL, 0);
	pthread_create(&thread, NULL, send_late, NULL);
	ok(by_recv(rx, 0) == 700 && memcmp(in, out + 100, 700) == 0,
	    "who waits gets the first");
	ok(by_recv(rx, 0) == 700 && memcmp(in, out + 800, 700) == 0,
	    "and the second at once");
	pthread_join(thread, NULL);
	errno = 0;
	ok(by_recv(rx, MSG_DONTWAIT) == -1 && errno == EAGAIN, "MSG_DONTWAIT");
	setsockopt(rx, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	errno = 0;
	ok(by_recv(rx, 0) == -1 && errno == EAGAIN, "SO_RCVTIMEO");
	setsockopt(rx, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	errno = 0;
	ok(by_recv(rx, 0) == -1 && errno == EINTR, "a signal interrupts");
	fcntl(rx, F_SETFL, O_NONBLOCK);
}

/* --- others that have the socket --- */

static void
copies(void)
{
	int other = dup(rx), status;
	size_t i, good = 0;
	pid_t pid;

	put_all();
	for (i = 0; i < EXPECTED; i++)
		good += is_part(i, by_recv(i % 2 ? rx : other, 0));
	is(good, EXPECTED, "by two descriptors in turn");
	put_all();
	for (good = 0, i = 0; i < EXPECTED; i += 2) {
		good += is_part(i, by_recv(rx, 0));
		if ((pid = fork()) == 0)
			_exit(is_part(i + 1, by_recv(rx, 0)));
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
			good += (size_t)WEXITSTATUS(status);
	}
	is(good, EXPECTED, "by two processes in turn");
	close(rx);
	put(100, 2100, 700);
	by_recv(other, 0);
	close(other);
	rx = udp(PORT, SOCK_NONBLOCK);
	put(3, 30, 0);
	ok(by_recv(rx, 0) == 30 && memcmp(in, out + 3, 30) == 0,
	    "nothing is left over for the next socket");
}

/* Somebody has read past us: what comes next is whole again. */
static void
bypassed(void)
{
	put(100, 2100, 700);
	put(0, 50, 0);
	by_recv(rx, 0);
	is(syscall(SYS_recvfrom, rx, in, ROOM, 0, NULL, NULL), 2100,
	    "without the library it is one");
	ok(by_recv(rx, 0) == 50 && memcmp(in, out, 50) == 0,
	    "what comes next is whole");
	put_all();
	ok(is_part(0, by_recv(rx, 0)) && is_part(1, by_recv(rx, 0)) &&
	    is_part(2, by_recv(rx, 0)), "and all is as before");
	while (by_recv(rx, 0) != -1)
		;
}

struct taker {
	pthread_t	thread;
	size_t		n, whole;
};

static void *
take_some(void *arg)
{
	struct taker *t = arg;
	uint8_t room[ROOM];
	struct pollfd pfd = { .fd = rx, .events = POLLIN };
	ssize_t n;
	size_t i;

	while (poll(&pfd, 1, 100) == 1) {
		if ((n = recv(rx, room, sizeof(room), 0)) == -1)
			continue;
		t->n++;
		for (i = 1; i <= TRAIN + 1; i++)
			if (n == (ssize_t)expected[i].len && memcmp(room, out +
			    expected[i].at, expected[i].len) == 0)
				break;
		t->whole += i <= TRAIN + 1;
	}
	return NULL;
}

/* Who does that is promised little, but that it goes on. */
static void
two_threads(void)
{
	static const struct timespec ts = { .tv_nsec = 1000 };
	struct taker t[2] = { 0 };
	int i;

	for (i = 0; i < 2; i++)
		pthread_create(&t[i].thread, NULL, take_some, &t[i]);
	for (i = 0; i < TRAINS; i++) {
		put(100, TRAIN * 700 + 55, 700);
		nanosleep(&ts, NULL);
	}
	for (i = 0; i < 2; i++)
		pthread_join(t[i].thread, NULL);
	printf("# two threads had %zu and %zu of %d, of which %zu are as they "
	    "were sent\n", t[0].n, t[1].n, TRAINS * (TRAIN + 1), t[0].whole +
	    t[1].whole);
	put_all();
	ok(is_part(0, by_recv(rx, 0)) && is_part(1, by_recv(rx, 0)) &&
	    is_part(2, by_recv(rx, 0)), "after two threads have emptied it");
	while (by_recv(rx, 0) != -1)
		;
}

/* --- what secd has passed on --- */

#define HDR	sizeof(struct pass_hdr)
#define PEER	61234

static uint8_t	wrapped[HDR + ROOM];
static int	mapped;			/* IPv4's came to IPv6 sockets */
static struct in6_addr peer_addr, our_addr;

/* A message of so many octets in wrapped; the length of all. */
static size_t
wrap(size_t len)
{
	struct pass_hdr h = { .sport = { PEER >> 8, PEER & 255 } };
	const uint32_t length = htonl((uint32_t)(sizeof(h) - 4 + len));
	const int v4 = af == AF_INET || mapped;

	inet_pton(AF_INET6, v4 ? "::ffff:198.51.100.2" : "2001:db8:2::2",
	    &peer_addr);
	inet_pton(AF_INET6, v4 ? "::ffff:192.0.2.1" : "2001:db8:1::1",
	    &our_addr);
	memcpy(h.magic, PASS_MAGIC, sizeof(h.magic));
	memcpy(h.length, &length, sizeof(length));
	memcpy(h.src, &peer_addr, sizeof(h.src));
	memcpy(h.dst, &our_addr, sizeof(h.dst));
	memcpy(wrapped, &h, sizeof(h));
	memcpy(wrapped + HDR, out, len);
	memset(wrapped + HDR, 0, 4);
	return sizeof(h) + len;
}

static void
pass_to(int fd, const union name *n, size_t len)
{
	if (sendto(fd, wrapped, len, 0, &n->sa, sizeof(*n)) != (ssize_t)len) {
		printf("Bail out! sendto: %s\n", strerror(errno));
		exit(1);
	}
}

static void
pass_from(int fd, size_t len)
{
	union name n;

	name_of(&n, PORT);
	pass_to(fd, &n, len);
}

/* As secd, whose source is that of the socket that it comes to. */
static void
pass(size_t len)
{
	pass_from(rx, wrap(len));
}

static int
is_message(ssize_t n, size_t len)
{
	return n == (ssize_t)len && memcmp(in, wrapped + HDR, len) == 0;
}

static int
is_from_peer(void)
{
	if (af == AF_INET)
		return from.sin.sin_family == AF_INET &&
		    from.sin.sin_port == htons(PEER) &&
		    memcmp(&from.sin.sin_addr, peer_addr.s6_addr + 12, 4) == 0;
	return from.sin6.sin6_family == AF_INET6 &&
	    from.sin6.sin6_port == htons(PEER) &&
	    from.sin6.sin6_scope_id == 0 &&
	    IN6_ARE_ADDR_EQUAL(&from.sin6.sin6_addr, &peer_addr);
}

static void
passed_by(const struct way *w)
{
	size_t good = 0;

	put(100, 1400, 700);
	pass(300);
	put(20000, 120, 60);
	pass(9);
	put(0, 50, 0);
	good += is_part(1, w->get(rx, 0)) && is_part(2, w->get(rx, 0));
	memset(&from, 0, sizeof(from));
	if (w->flags) {
		good += is_message(w->get(rx, MSG_PEEK), 300);
		good += is_message(w->get(rx, MSG_PEEK), 300);
	} else
		good += 2;
	errno = 77;
	wrap(300);
	good += is_message(w->get(rx, 0), 300) && errno == 77 &&
	    (!w->source || is_from_peer());
	good += is_part(13, w->get(rx, 0)) && is_part(14, w->get(rx, 0));
	wrap(9);
	good += is_message(w->get(rx, 0), 9);
	good += is_part(0, w->get(rx, 0));
	is(good, 7, "%s: what secd passes on is as it was%s", w->name,
	    w->source ? ", its source too" : "");
	errno = 0;
	ok(w->get(rx, 0) == -1 && errno == EAGAIN, "%s: then none", w->name);
}

/* It came to our address, not to the loopback. */
static int
is_to_us(struct asked *a)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&a->mh);
	struct in_pktinfo pi4;
	struct in6_pktinfo pi6;

	if (!only_info(a))
		return 0;
	if (af == AF_INET) {
		memcpy(&pi4, CMSG_DATA(c), sizeof(pi4));
		return memcmp(&pi4.ipi_addr, our_addr.s6_addr + 12, 4) == 0 &&
		    memcmp(&pi4.ipi_spec_dst, our_addr.s6_addr + 12, 4) == 0 &&
		    pi4.ipi_ifindex == 0;
	}
	memcpy(&pi6, CMSG_DATA(c), sizeof(pi6));
	return IN6_ARE_ADDR_EQUAL(&pi6.ipi6_addr, &our_addr) &&
	    pi6.ipi6_ifindex == 0;
}

static void
passed_control(void)
{
	struct asked a;

	pass(300);
	ok(is_message(ask(&a, ROOM, sizeof(a.control), MSG_PEEK), 300) &&
	    is_to_us(&a), "the address it came to is that it was sent to");
	ok(is_message(ask(&a, ROOM, info_space(), 0), 300) && is_to_us(&a),
	    "in as much room as it needs");
	pass(300);
	ask(&a, ROOM, 0, 0);
	ok((a.mh.msg_flags & MSG_CTRUNC) && a.mh.msg_controllen == 0,
	    "and if there is none, it says so");
}

static void
passed_rooms(void)
{
	union name first;
	socklen_t len = 4;
	struct asked a;

	pass(300);
	ok(ask(&a, 20, 0, MSG_PEEK | MSG_TRUNC) == 300 &&
	    (a.mh.msg_flags & MSG_TRUNC), "MSG_TRUNC: its length");
	ok(ask(&a, 20, 0, 0) == 20 && (a.mh.msg_flags & MSG_TRUNC) &&
	    memcmp(in, wrapped + HDR, 20) == 0, "less room gets less");
	pass(300);
	ok(ask(&a, 300, 0, 0) == 300 && !(a.mh.msg_flags & MSG_TRUNC),
	    "as much room gets all");
	pass(300);
	is(recv(rx, NULL, 0, 0), 0, "received into nothing ...");
	ok(recv(rx, in, ROOM, 0) == -1 && errno == EAGAIN, "... it is gone");
	pass(300);
	memset(&first, 0x55, sizeof(first));
	recvfrom(rx, in, ROOM, 0, &first.sa, &len);
	ok(len == (af == AF_INET ? sizeof(first.sin) : sizeof(first.sin6)) &&
	    first.sa.sa_family == af &&
	    memcmp((char *)&first + 4, "\x55\x55\x55\x55", 4) == 0,
	    "a name is cut to its room, and its length is told");
	memset(wrapped, 0x55, HDR);
	pass(9000 - HDR);
	put(0, 50, 0);
	ok(is_message(by_recv(rx, 0), 9000 - HDR) && by_recv(rx, 0) == 50,
	    "a large one");
}

/* All of it, with the source that the kernel tells. */
static void
is_untouched(size_t len, const char *what)
{
	struct asked a;
	ssize_t n;

	memset(&from, 0, sizeof(from));
	ok(by_recvfrom(rx, MSG_PEEK) == (ssize_t)len &&
	    memcmp(in, wrapped, len) == 0 && !is_from_peer(),
	    "%s: untouched", what);
	n = ask(&a, ROOM, sizeof(a.control), 0);
	ok(n == (ssize_t)len && only_info(&a) && !is_to_us(&a),
	    "%s: by recvmsg", what);
}

static void
not_header(size_t at, const char *what)
{
	size_t len = wrap(300);

	wrapped[at] ^= 1;
	pass_from(rx, len);
	is_untouched(len, what);
}

/* What rx sends; the kernel cuts nothing that has no checksum. */
static void
in_segments(int segment)
{
	const int without = segment == 0;

	setsockopt(rx, SOL_SOCKET, SO_NO_CHECK, &without, sizeof(without));
	setsockopt(rx, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
}

static void
not_from(const char *addr, uint16_t port, const char *what)
{
	union name n;
	socklen_t len = name_of(&n, port);
	int fd = socket(af, SOCK_DGRAM, 0);

	inet_pton(af, addr, af == AF_INET ? (void *)&n.sin.sin_addr :
	    (void *)&n.sin6.sin6_addr);
	if (bind(fd, &n.sa, len) == -1) {
		printf("Bail out! bind: %s\n", strerror(errno));
		exit(1);
	}
	pass_from(fd, wrap(300));
	is_untouched(HDR + 300, what);
	close(fd);
}

/* Such a source comes from other machines, too, in IPv6. */
static void
not_mapped(void)
{
	union name n;

	name_of(&n, PORT);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &n.sin6.sin6_addr);
	pass_to(rx, &n, wrap(300));
	is_untouched(HDR + 300, "the mapped loopback");
}

static void
not_passed(void)
{
	not_header(3, "no marker");
	not_header(4, "wrong magic");
	not_header(PASS_MAGICLEN - 1, "its last octet");
	not_header(PASS_MAGICLEN + 3, "wrong length");
	if (af == AF_INET) {
		not_header(PASS_MAGICLEN + 4, "an IPv6 source on IPv4");
		not_header(PASS_MAGICLEN + 20, "an IPv6 destination");
	}
	pass_from(rx, wrap(300) - 1);
	is_untouched(HDR + 299, "cut short");
	pass_from(rx, wrap(3));
	is_untouched(HDR + 3, "no room for a marker");
	pass_from(rx, wrap(0));
	is_untouched(HDR, "nothing behind the header");
	pass_from(rx, wrap(300) - 301);
	is_untouched(HDR - 1, "less than a header");
	not_from(af == AF_INET ? "127.0.0.1" : "::1", PORT + 1,
	    "another port");
	not_from(af == AF_INET ? "127.0.0.2" : "2001:db8:1::1", PORT,
	    "another source");
	wrap(300);
	memcpy(wrapped + HDR + 300, wrapped, 100);
	in_segments(HDR + 300);
	pass_from(rx, HDR + 400);
	in_segments(0);
	memset(&from, 0, sizeof(from));
	ok(by_recvfrom(rx, 0) == HDR + 300 &&
	    memcmp(in, wrapped, HDR + 300) == 0 && !is_from_peer() &&
	    by_recv(rx, 0) == 100, "merged: untouched");
}

static void
passed_on(void)
{
	size_t i;

	for (i = 0; i < WAYS; i++)
		passed_by(&ways[i]);
	passed_control();
	passed_rooms();
	not_passed();
}

/* Neither has an IPv4 socket, so that IPv4's come to those of IPv6. */
static void
passed_mapped(void)
{
	union name n = { .sin6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(PORT) } };
	int on = 1;

	printf("# IPv4 to an IPv6 socket\n");
	af = AF_INET6;
	mapped = 1;
	rx = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	setsockopt(rx, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	if (bind(rx, &n.sa, sizeof(n.sin6)) == -1)
		exit(1);
	tx = udp(FROM, 0);
	passed_on();
	not_mapped();
	close(rx);
	close(tx);
}

/* --- which sockets --- */

static void
sockets(void)
{
	int on = 1, off = 0, encap = 2, other = udp(500, SOCK_NONBLOCK), fd;

	is(option(rx, IPPROTO_UDP, UDP_GRO), 1, "on port 4500 it may merge");
	if (af == AF_INET)
		is(option(rx, SOL_SOCKET, SO_NO_CHECK), 1,
		    "what it sends has no checksum");
	else
		is(option(rx, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL), 0,
		    "what it sends has no flow label");
	is(setsockopt(rx, IPPROTO_UDP, UDP_ENCAP, &encap, sizeof(encap)), 0,
	    "UDP_ENCAP is accepted");
	is(option(rx, IPPROTO_UDP, UDP_ENCAP), 0, "and does nothing");
	is(option(other, IPPROTO_UDP, UDP_GRO), 0, "not on port 500");
	is(option(other, SOL_SOCKET, SO_NO_CHECK), 0, "which has checksums");
	close(other);
	put(100, 1400, 700);
	is(syscall(SYS_recvfrom, rx, in, ROOM, 0, NULL, NULL), 1400,
	    "and it does");
	setsockopt(rx, IPPROTO_UDP, UDP_GRO, &off, sizeof(off));
	put(100, 1400, 700);
	is(syscall(SYS_recvfrom, rx, in, ROOM, 0, NULL, NULL), 700,
	    "unless the daemon does not want it");
	is(by_recv(rx, 0), 700, "then the kernel has cut them");
	setsockopt(rx, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	close(tx);
	fd = rx;
	rx = udp(PORT + 1, SOCK_NONBLOCK);
	setsockopt(rx, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	tx = udp(FROM, 0);
	setsockopt(tx, IPPROTO_UDP, UDP_SEGMENT, &(int){ 700 }, sizeof(int));
	{
		union name n;
		socklen_t len = name_of(&n, PORT + 1);

		sendto(tx, out, 1400, 0, &n.sa, len);
	}
	is(by_recv(rx, 0), 1400, "another port is the daemon's own affair");
	close(rx);
	rx = fd;
}

static void
run(int family)
{
	size_t i;

	af = family;
	printf("# IPv%d\n", family == AF_INET ? 4 : 6);
	rx = udp(PORT, SOCK_NONBLOCK);
	tx = udp(FROM, 0);
	sockets();
	for (i = 0; i < WAYS; i++)
		each_call(&ways[i]);
	for (i = 0; i < WAYS; i++)
		if (ways[i].flags)
			peeks(&ways[i]);
	control_messages();
	small_rooms();
	many_at_once();
	loops();
	waiting();
	copies();
	bypassed();
	two_threads();
	passed_on();
	close(rx);
	close(tx);
}

int
main(int argc, char *argv[])
{
	size_t i;

	if (argc == 1) {
		setenv("LD_PRELOAD", LIBRARY, 1);
		execl("/proc/self/exe", argv[0], "again", (char *)NULL);
		return 1;
	}
	for (i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	netns_enter();
	scene("ip link set lo up");
	scene("ip -6 addr add 2001:db8:1::1/128 dev lo nodad");
	run(AF_INET);
	run(AF_INET6);
	passed_mapped();
	return tap_done();
}
