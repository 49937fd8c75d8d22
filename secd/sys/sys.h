/* SPDX-License-Identifier: ISC */
/*
 * Everything that differs by operating system.  One list of functions, the
 * same for all; the build picks the *_Linux.c or the *_OpenBSD.c files.  They
 * know libc, the system and addr.h, and nothing else of secd: failures come
 * back as -1 with errno, complaints as text, never as a log line.
 */
#ifndef SYS_H
#define SYS_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "libesp/offload.h"
#include "secd/addr.h"

/* What the system may do for many packets at once. */
#define SYS_TSO		0x01	/* tun: TCP super-packets may come out of it */
#define SYS_USO		0x02	/* tun: UDP ones */
#define SYS_GSO		0x08	/* UDP socket: many datagrams in one call */
#define SYS_GRO		0x10	/* UDP socket: ... of one flow received so */

/* --- tun_*.c: the tun device as a descriptor --- */

extern const char *const sys_statedir;	/* default state directory */

/* 1 if an interface must name its tun device (`device tun0`), else 0. */
int	sys_tun_needs_device(void);
/*
 * Open the tun device, making it if it does not exist; the device outlives the
 * descriptor.  Non-blocking, close-on-exec, no packet information in the way of
 * sys_tun_read().  Needs SYS_PRIV_NET.  The carrier of a device that has just
 * been opened is up.  Returns the descriptor, or -1 with errno: ENOENT, ENODEV
 * or ENXIO (no tun driver), EPERM, EBUSY (open elsewhere, a duplicate counts),
 * EINVAL (no possible name, or a device of that name that is something else).
 */
int	sys_tun_open(const char *device);
/* Let the engine say whether the tunnel can carry packets; needs nothing. */
int	sys_tun_carrier(int fd, int up);
/*
 * Let the device hand over those super-packets of want (SYS_TSO, SYS_USO) that
 * it can, and no others; they are returned, 0 if none.  Needs nothing.
 */
unsigned int sys_tun_offload(int fd, unsigned int want);
/*
 * One inner packet, or super-packet, and what it is.  Read returns its length,
 * 0 never; -1 with EAGAIN when there is none, EMSGSIZE if it did not fit (it is
 * lost), EBADFD or EIO when the device is gone.  Write takes it in n pieces, at
 * most SYS_PIECES, and returns 0 or -1 with errno.
 */
#define SYS_PIECES	64
ssize_t	sys_tun_read(int fd, struct esp_offload *, void *buf, size_t size);
int	sys_tun_write(int fd, const struct esp_offload *,
	    const struct iovec *, int n);

/* --- iface_*.c: the tun device as an interface; needs SYS_PRIV_NET --- */

struct sys_iface {
	uint32_t	ifindex;	/* 0: there is none of that name */
	uint32_t	mtu;
	int		is_tun;
	int		up;
	int		carrier;
	uint64_t	tx_dropped;	/* by the kernel, unseen by secd */
};

/* Fill *si; ifindex 0 when absent.  0, or -1 with errno. */
int	sys_iface_get(const char *device, struct sys_iface *si);
int	sys_iface_set_mtu(const char *device, uint32_t mtu);
int	sys_iface_set_up(const char *device, int up);
/*
 * Add or remove an address; peer af 0 means none.  Adding one that is there
 * and removing one that is not are successes.  IPv6 without duplicate address
 * detection: nobody else is on the link.  EEXIST: the local address is there
 * with another peer.
 */
int	sys_iface_add_addr(const char *device, const struct ip_addr *local,
	    const struct ip_addr *peer, unsigned int prefixlen);
int	sys_iface_del_addr(const char *device, const struct ip_addr *local,
	    const struct ip_addr *peer, unsigned int prefixlen);
/*
 * Remove the device with its addresses and routes; EINVAL if it is no tun
 * device, ENODEV (OpenBSD: ENXIO) if there is none.
 */
int	sys_iface_destroy(const char *device);
/*
 * Make the kernel keep and prefer the device's routes while it has no carrier,
 * so that packets are discarded and never take another way.  To be called after
 * the MTU is set (a change across 1280 makes IPv6 anew).  Returns 0; 1 when
 * a kernel-wide setting defeats it and why[size] says which (secd then keeps
 * the carrier up); -1 with the complaint in why.
 */
int	sys_iface_fail_closed(const char *device, char *why, size_t size);
/* Identity of this boot and network namespace, "" and 0 when unknown. */
void	sys_boot_id(char *buf, size_t size);
uint64_t sys_netns_id(void);

/* --- sock_*.c: outer packets --- */

/* A received or outgoing datagram, for batches. */
struct sys_dgram {
	uint8_t		*buf;		/* recv: size octets of room */
	size_t		 size;
	uint8_t		*data;		/* the ESP packet, SPI to ICV */
	size_t		 len;
	struct ip_addr	 src;		/* outer source and destination */
	struct ip_addr	 dst;
	uint16_t	 sport;		/* UDP, host order; recv: whence, */
	uint16_t	 dport;		/* send: where to */
	uint16_t	segment;	/* UDP: data is many of this length, the
					 * last perhaps shorter; 0: one */
	int		 error;		/* recv: EMSGSIZE when truncated,
					 * EBADMSG when malformed, len is 0;
					 * send: 0 or the errno of this one */
};
#define SYS_BATCH	32

/*
 * A raw ESP (protocol 50) socket of this family: non-blocking, close-on-exec,
 * destination addresses told on receipt, IPv4 DF clear and no use of the
 * kernel's path MTU (the kernel fragments to the device's MTU), a receive
 * buffer of several MB where allowed.  Of n such sockets (1 to 16) this is
 * number i, and receives what has an SPI of i modulo n; n must be 1 where the
 * system cannot tell (EOPNOTSUPP).  Needs SYS_PRIV_NET.
 */
int	sys_esp_socket(uint8_t af, unsigned int n, unsigned int i);
/*
 * Receive up to n (at most SYS_BATCH) ESP packets into buf[0 .. size); data and
 * len say where SPI to ICV lie in it; src and dst are filled.
 * Returns how many, 0 when there are none, -1 with errno.
 */
int	sys_esp_recv(int fd, uint8_t af, struct sys_dgram *, int n);
/*
 * Send n (at most SYS_BATCH) ESP packets from src (af 0: the kernel's choice)
 * to dst.  Sets error of each and returns how many left.  ENOBUFS: the socket's
 * buffer is full.  A source that is not ours is EADDRNOTAVAIL, but IPv4 on
 * Linux says ENETUNREACH of it, as of a destination without a route.
 */
int	sys_esp_send(int fd, uint8_t af, struct sys_dgram *, int n);

/*
 * A UDP socket of this family, bound to port on every address, with the
 * properties of the raw one.  With share, other programs of this user that
 * also share may bind the port too, and an IPv6 socket may get IPv4 packets,
 * with mapped addresses, where there is no IPv4 socket.  IPv4 packets carry no
 * checksum (RFC 3948 2.1).  Returns the descriptor, or -1 with errno:
 * EADDRINUSE when somebody has the port who does not share it (or we do not),
 * EACCES when it is reserved.
 */
int	sys_udp_socket(uint8_t af, uint16_t port, int share);
/*
 * As sys_esp_recv and sys_esp_send, with UDP payloads: receiving fills sport
 * and segment too, sending goes to dport.  What segment says are many leave as
 * many, whatever the system can do (sys_udp_offload() tells what is cheap): if
 * the kernel does not cut them they go one by one, in order.  Then an error is
 * that of the first that had one; others of the same entry may have left.
 */
int	sys_udp_recv(int fd, uint8_t af, struct sys_dgram *, int n);
int	sys_udp_send(int fd, uint8_t af, struct sys_dgram *, int n);
/*
 * Let the socket carry many datagrams in one sys_dgram, the ways of want
 * (SYS_GSO, SYS_GRO) that the system knows, and no others; they are returned,
 * 0 if none.  With SYS_GSO IPv4 packets carry checksums, since the receiver's
 * kernel joins none without.  With SYS_GRO a sys_dgram that is received may be
 * as long as an IP packet.  Needs nothing, but the engine's filter forbids it.
 */
unsigned int sys_udp_offload(int fd, uint8_t af, unsigned int want);
/*
 * Of all sockets that share fd's port, let the one that was bound as number me
 * (0 first; a number changes when one bound earlier closes) get the datagrams
 * that begin with a word other than 0, and the first other one those that begin
 * with 0.  Where there is no such socket the system chooses any.  Datagrams of
 * fewer than 4 octets go to number 0.  Of those that come merged the first one
 * decides for all.  This stays when fd is closed and others
 * are left, until somebody calls it again.  Returns 0, or -1 with errno;
 * EOPNOTSUPP: this system cannot.
 */
int	sys_udp_select(int fd, unsigned int me);
/*
 * Pass d on, a message of IKE's that came to us in one datagram with ESP: by
 * fd, one of our sockets on port SYS_UDP_SHARED, over the loopback to whom the
 * selector gives what begins with 0, as pass.h says.  Where there is no such
 * socket it comes back, as a datagram of its own.  Returns 0, or -1 with errno:
 * EINVAL when it comes from the address that these go out from, EOPNOTSUPP
 * (this system merges nothing), or what sending gave.
 */
#define SYS_UDP_SHARED	4500	/* the port of IKE and ESP, RFC 3948 */
int	sys_udp_pass(int fd, uint8_t af, const struct sys_dgram *d);

/* --- packet_*.c and route_*.c: past the kernel's output of IP --- */

/* The way of packets: our frames' headers, but for what differs in each. */
struct sys_hop {
	uint32_t	ifindex;	/* of an Ethernet device; 0: none */
	uint32_t	room;		/* octets of the largest ESP packet that
					 * fits into one frame */
	struct ip_addr	src;		/* outer addresses, both set */
	struct ip_addr	dst;
	uint8_t		here[6];	/* the device's address */
	uint8_t		there[6];	/* the next hop's */
};

/* Octets before each packet that sys_packet_send() may write. */
#define SYS_PACKET_HEAD	64

/*
 * A socket that sends frames by any device, and never receives: non-blocking,
 * close-on-exec.  Needs SYS_PRIV_NET.  -1 with errno: EOPNOTSUPP where the
 * system has no such thing.
 */
int	sys_packet_socket(void);
/*
 * Send n (at most SYS_BATCH) ESP packets, none longer than hop->room, with
 * frames' and IP headers of our own; src and dst of a sys_dgram are not looked
 * at.  *ident is counted on for each IPv4 packet.  Returns how many have left
 * or, with error ENOBUFS, are lost since a queue is full, from the first on; if
 * not all, errno says why this way does not work, and the others stay unsent.
 */
int	sys_packet_send(int fd, const struct sys_hop *hop, uint16_t *ident,
	    struct sys_dgram *, int n);

/* How well the kernel knows the next hop's address. */
enum sys_neigh {
	SYS_NEIGH_NONE,			/* not at all */
	SYS_NEIGH_OLD,			/* it will ask again when next used */
	SYS_NEIGH_ASKED,		/* known, and being asked for */
	SYS_NEIGH_SURE
};

/* What the kernel does with packets from one address to another. */
struct sys_route {
	struct sys_hop	hop;		/* ifindex 0: cannot be used */
	struct ip_addr	next;		/* gateway or destination; af 0: not
					 * known */
	uint32_t	ifindex;	/* the device's; 0: not known */
	enum sys_neigh	neigh;
};

/* What has changed. */
enum sys_route_kind {
	SYS_ROUTE_PREFIX,		/* a route to addr/prefixlen */
	SYS_ROUTE_NEIGH,		/* the neighbour addr at ifindex */
	SYS_ROUTE_LINK,			/* the device ifindex */
	SYS_ROUTE_ANY			/* what may change any route */
};

struct sys_route_event {
	enum sys_route_kind kind;
	struct ip_addr	addr;
	unsigned int	prefixlen;
	uint32_t	ifindex;
	enum sys_neigh	neigh;
	uint8_t		there[6];	/* unless SYS_NEIGH_NONE */
	int		up;		/* link: it can carry packets */
};

/*
 * A socket to ask the kernel by, or one that is told of changes: non-blocking,
 * close-on-exec.  Needs nothing.
 */
int	sys_route_socket(int events);
/*
 * Ask how packets of ESP go from src (af 0: the kernel's choice) to dst, and
 * fill *route as far as it is known.  0 if they can go by route->hop; else -1
 * with the reason, for people, in why[size].
 */
int	sys_route_ask(int fd, const struct ip_addr *src,
	    const struct ip_addr *dst, struct sys_route *route, char *why,
	    size_t size);
/*
 * Hand what has changed to cb, a limited number at a time.  0, or -1 with
 * errno; ENOBUFS: some of it is lost, anything may have changed.
 */
int	sys_route_read(int fd, void (*cb)(const struct sys_route_event *,
	    void *), void *arg);

/* --- mb_*.c: libipsec-mb, which need not be there --- */

struct sys_mb {
	void		*manager;	/* its IMB_MGR, made for this CPU */
	unsigned int	 version;	/* 0x010300 is 1.3.0 */
};

/*
 * Load the library for the rest of the program's life.  Needs files, and memory
 * that can be run, so it comes before all confinement.  Returns 0, or -1 with
 * the complaint.
 */
int	sys_mb_load(struct sys_mb *, char *why, size_t size);

/* --- confine_*.c and filter_*.c: who may do what --- */

/* Protections that may be missing; a mask of 1 << these, and their text. */
enum sys_lost {
	SYS_LOST_UID,		/* the child keeps uid 0 */
	SYS_LOST_CHROOT,	/* no chroot; Landlock replaces it ... */
	SYS_LOST_LANDLOCK,	/* ... or not: neither is there */
	SYS_LOST_SECCOMP,	/* no system call filter */
	SYS_LOST_MEMLOCK,	/* not all memory is locked; single pages may
				 * still be, within the limit */
	SYS_LOST_FAILCLOSED,	/* kernel-wide setting, see sec(4) */
	SYS_LOST_MAX
};
const char	*sys_lost_text(enum sys_lost);

/* What the parent may raise for the length of one call. */
#define SYS_PRIV_NET	0x1	/* devices, addresses, raw sockets */
#define SYS_PRIV_ID	0x2	/* change uid and gid */
#define SYS_PRIV_CHROOT	0x4
#define SYS_PRIV_KILL	0x8	/* signal the children */

/*
 * At start, as root, before any thread: raise the locked memory limit, cut the
 * bounding and permitted sets to what SYS_PRIV_* needs, and clear the effective
 * set.  Returns 0, or -1 with a complaint that names the missing right and the
 * remedy.  Missing rights that only weaken protection are not an error.
 */
int	sys_parent_confine(char *why, size_t size);
/*
 * Parent: raise (mask) or lower (0), for the calling thread alone.  Returns 0,
 * or -1 with EPERM and nothing changed.  Keeps errno when it succeeds.
 */
int	sys_priv(unsigned int mask);

enum sys_role { SYS_CONTROL, SYS_ENGINE };
/*
 * Child, right after exec: empty chroot, groups, gid and uid of user, no
 * capabilities, no new privileges, not dumpable, no core, dies with its
 * parent (whose pid is ppid; with the thread that forked, to be exact), own
 * files limited; standard error must be no regular file, since none may grow.
 * *lost gets what this machine does not allow.  Returns 0, or -1 with the
 * complaint: nothing may then run.
 */
int	sys_child_confine(enum sys_role, const char *user, const char *emptydir,
	    pid_t ppid, unsigned int *lost, char *why, size_t size);
/*
 * Child, when threads exist and libraries are warm: forbid every system call
 * that its work does not need, for all threads; a forbidden one kills.  No
 * thread can be made afterwards.  The filter, with a reason for each call, is
 * in filter_*.c.
 */
int	sys_child_filter(enum sys_role, unsigned int *lost, char *why,
	    size_t size);

/* A child's environment: nothing but what its C library needs to be told. */
char *const *sys_child_env(enum sys_role);

/* A descriptor of the running program, for later sys_exec(). */
int	sys_self_open(void);
/* Become that program; returns only on failure. */
void	sys_self_exec(int fd, char *const argv[], char *const envp[]);

/* Tell the service manager ("READY=1"), if there is one. */
void	sys_notify(const char *state);

#endif /* SYS_H */
