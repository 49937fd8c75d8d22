/* SPDX-License-Identifier: ISC */
/*
 * Messages between secd's processes, and between secctl and secd.
 *
 * Every channel is an AF_UNIX SOCK_SEQPACKET socket: one message a datagram,
 * a header and a body of one of the structures below, at most one descriptor.
 * All numbers are in host order: both ends are on one machine and, the version
 * in the header says, of one build.  A receiver checks type, exact length and
 * contents itself (ipc_check(), the check of each structure), whoever sent it.
 *
 * Every request has exactly one reply with the request's id: the reply type
 * named beside it, or MSG_RESULT with an error.  Long answers are asked for
 * page by page with a cursor, so no queue grows with the number of SAs.
 */
#ifndef IPC_H
#define IPC_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "secd/addr.h"
#include "secd/request.h"

#define IPC_VERSION	3
#define IPC_BODY_MAX	12288
#define IPC_TEXTLEN	240
#define IPC_NDROPS	48	/* room for every drop reason's counter */
#define IPC_DROP_NAMELEN 24

enum msg_type {
	MSG_NONE,

	/* replies to any request */
	MSG_RESULT,		/* struct msg_result */

	/* from a client, by way of control, to the engine */
	MSG_SA_ADD,		/* struct sa_request -> MSG_RESULT */
	MSG_SA_REMOVE,		/* struct msg_sa_id -> MSG_RESULT */
	MSG_SA_FLUSH,		/* struct msg_name ("" = all) -> MSG_RESULT */
	MSG_SHOW_SA,		/* struct msg_cursor -> MSG_SA_ROWS */
	MSG_SHOW_IFACE,		/* struct msg_cursor -> MSG_IFACE_ROWS */
	MSG_SHOW_DROPS,		/* no body -> MSG_DROPS */
	MSG_SHOW_CRYPTO,	/* no body -> MSG_CRYPTO */
	MSG_SA_EXPIRE,		/* struct msg_sa_expire -> MSG_RESULT */
	/* ... of an IKE daemon's connection */
	MSG_SA_GETSPI,		/* struct msg_getspi -> MSG_SPI */
	MSG_SA_UPDATE,		/* struct sa_request -> MSG_RESULT */
	MSG_SA_DELETE,		/* struct msg_sa_delete -> MSG_RESULT */
	MSG_SA_GET,		/* struct msg_sa_id -> MSG_SA_ROW */
	MSG_OWNER_FLUSH,	/* struct sa_owner -> MSG_RESULT */
	MSG_SA_NARROW,		/* struct msg_narrow -> MSG_RESULT */
	MSG_IKE_STIRS,		/* no body, no reply: an IKE daemon came, went
				 * or began anew; port 4500 may be its now */
	/* ... to the parent */
	MSG_IFACE_CREATE,	/* struct iface_conf -> MSG_RESULT */
	MSG_IFACE_DESTROY,	/* struct msg_name -> MSG_RESULT */
	MSG_IFACE_UP,		/* struct msg_name -> MSG_RESULT */
	MSG_IFACE_DOWN,		/* struct msg_name -> MSG_RESULT */
	MSG_SHOW_DEVICE,	/* struct msg_name -> MSG_DEVICE */
	MSG_SHOW_PROCESS,	/* no body -> MSG_PROCESS */
	MSG_RELOAD,		/* no body -> MSG_RESULT */
	MSG_LOG_BRIEF,		/* no body -> MSG_RESULT */
	MSG_LOG_VERBOSE,	/* no body -> MSG_RESULT */
	MSG_STOP,		/* no body -> MSG_RESULT, then secd ends */
	MSG_STOP_DESTROY,	/* the same, and removes its devices */
	/* ... answered by control itself */
	MSG_MONITOR,		/* no body -> MSG_RESULT, then MSG_EVENT ... */
	MSG_SHOW_CLIENTS,	/* no body -> MSG_CLIENTS */

	/* their answers */
	MSG_SA_ROWS,		/* struct msg_sa_rows */
	MSG_SA_ROW,		/* struct msg_sa_row */
	MSG_SPI,		/* struct msg_spi */
	MSG_CLIENTS,		/* struct msg_clients */
	MSG_IFACE_ROWS,		/* struct msg_iface_rows */
	MSG_DROPS,		/* struct msg_drops */
	MSG_CRYPTO,		/* struct msg_crypto */
	MSG_DEVICE,		/* struct msg_device */
	MSG_PROCESS,		/* struct msg_process */
	MSG_EVENT,		/* struct msg_event; no request */

	/* engine to control, for IKE daemons; no request */
	MSG_EXPIRED,		/* struct msg_expired */
	MSG_ACQUIRE,		/* struct msg_acquire */

	/* parent to its children */
	MSG_CHANNEL,		/* fd: the other child */
	MSG_LISTEN,		/* struct msg_listen, fd: control listens */
	MSG_WIRE,		/* struct msg_wire, fd: an outer socket */
	MSG_BYPASS,		/* struct msg_bypass, fd: for `output packet' */
	MSG_CONF_BEGIN,		/* no body */
	MSG_CONF_IFACE,		/* struct msg_conf_iface, fd of a new tun */
	MSG_CONF_SA,		/* struct msg_conf_sa, fd of its key file */
	MSG_CONF_END,		/* no body -> MSG_CONF_DONE */
	MSG_RESERVED,		/* struct msg_reserved */
	MSG_VERBOSE,		/* struct msg_verbose */
	MSG_QUIT,		/* no body: finish -> MSG_QUITTING */

	/* children to the parent */
	MSG_READY,		/* struct msg_ready: confined */
	MSG_CONF_DONE,		/* struct msg_conf_done */
	MSG_RESERVE,		/* struct msg_reserve -> MSG_RESERVED */
	MSG_SEEN,		/* struct msg_seen; no reply */
	MSG_RELEASE,		/* struct msg_release; no reply */
	MSG_CARRIER,		/* struct msg_carrier; no reply */
	MSG_QUITTING,		/* no body */

	MSG_MAX
};

struct ipc_hdr {
	uint16_t	version;
	uint16_t	type;
	uint32_t	len;		/* of the body */
	uint32_t	id;		/* a reply carries its request's */
	uint32_t	pad;
};

/* --- requests and replies of clients --- */

struct msg_result {
	int32_t		error;		/* 0 or an errno */
	uint32_t	pad;
	char		text[IPC_TEXTLEN];	/* what, and the remedy */
};

struct msg_name {
	char		name[IFACE_NAMELEN];
};

struct msg_sa_id {
	struct ip_addr	dst;
	uint32_t	spi;
};

struct msg_cursor {
	uint64_t	after;		/* 0 first, then the last row's id */
	char		iface[IFACE_NAMELEN];	/* "" = all */
};

struct msg_sa_expire {
	struct ip_addr	dst;
	uint32_t	spi;
	uint32_t	hard;		/* 0: soft */
};

struct msg_getspi {
	struct sa_owner	owner;
	struct ip_addr	src;		/* the peer */
	struct ip_addr	dst;		/* this host */
	uint32_t	min;		/* both included */
	uint32_t	max;
	uint32_t	reqid;
};

struct msg_spi {
	uint32_t	spi;
};

struct msg_sa_delete {
	struct sa_owner	owner;
	struct ip_addr	src;
	struct ip_addr	dst;
	uint32_t	spi;
	uint32_t	dir;		/* enum sa_dir */
};

/* The owner's SAs between these ends were asked for a narrower flow. */
struct msg_narrow {
	struct sa_owner	owner;
	struct ip_addr	src;
	struct ip_addr	dst;
	char		flow[96];	/* for people */
};

enum sa_state {
	SA_WAITING,		/* for its first reservation in the ledger */
	SA_ACTIVE,		/* in: opens packets; out: the current one */
	SA_STANDBY,		/* out, usable, another one is current */
	SA_LARVAL,		/* an SPI without keys (GETSPI) */
	SA_DRAINING		/* deleted by its owner, works on a little */
};

/* What decided which interface an SA belongs to. */
enum sa_rule {
	RULE_NAMED,		/* secd.conf or secctl named it */
	RULE_UNIT,		/* the IKE daemon named it (extension 40) */
	RULE_PAIR,		/* the interface's local and peer addresses */
	RULE_ONLY		/* there is only one, and it names none */
};

struct msg_sa_row {
	uint64_t	id;		/* grows; never used twice */
	struct sa_owner	owner;
	char		iface[IFACE_NAMELEN];	/* "" larval */
	char		enc[SUITE_NAMELEN];
	char		auth[SUITE_NAMELEN];
	struct ip_addr	src;		/* as the SA was asked for */
	struct ip_addr	dst;
	struct ip_addr	to;		/* out: where packets go now */
	uint32_t	spi;
	uint32_t	replay;
	uint32_t	reqid;
	uint16_t	flags;		/* SA_F_* */
	uint16_t	sport;
	uint16_t	dport;
	uint16_t	to_port;	/* out: UDP port packets go to now */
	uint8_t		encap;		/* ESP in UDP */
	uint8_t		dir;		/* enum sa_dir */
	uint8_t		state;		/* enum sa_state */
	uint8_t		rule;		/* enum sa_rule */
	uint8_t		narrow;
	uint8_t		pad[7];
	struct sa_life	soft;
	struct sa_life	hard;
	int64_t		added;		/* seconds since the epoch */
	int64_t		first;		/* first packet; 0 never */
	int64_t		used;		/* last packet, to a second; 0 never */
	uint64_t	seq;		/* last used (out), highest seen (in) */
	uint64_t	mark;		/* out: durable mark of the ledger */
	uint64_t	packets;
	uint64_t	bytes;		/* of inner packets */
	uint64_t	drops[IPC_NDROPS];	/* by msg_drops.names */
};

#define IPC_SA_ROWS	12
struct msg_sa_rows {
	uint32_t	count;
	uint32_t	more;		/* 1: ask again after the last id */
	struct msg_sa_row rows[IPC_SA_ROWS];
};

/* An interface as the engine knows it; MSG_SHOW_DEVICE is the kernel's side. */
struct msg_iface_row {
	uint64_t	id;
	struct iface_conf conf;
	uint32_t	nsa_in;
	uint32_t	nsa_out;
	uint32_t	spi_out;	/* current outbound SA's, 0 none */
	uint8_t		carrier;
	uint8_t		forced;		/* carrier up: kernel-wide setting */
	uint8_t		output_now;	/* enum output_mode, in effect */
	uint8_t		pad;
	char		lost[64];	/* why the last outbound SA went */
	char		output_why[64];	/* why not as configured, or "" */
	uint64_t	in_packets;
	uint64_t	in_bytes;
	uint64_t	out_packets;
	uint64_t	out_bytes;
	uint64_t	drops[IPC_NDROPS];
};

#define IPC_IFACE_ROWS	8
struct msg_iface_rows {
	uint32_t	count;
	uint32_t	more;
	struct msg_iface_row rows[IPC_IFACE_ROWS];
};

/* Names of all counters, and those of packets that belong to no interface. */
struct msg_drops {
	uint32_t	count;		/* names in use */
	uint32_t	pad;
	char		names[IPC_NDROPS][IPC_DROP_NAMELEN];
	uint64_t	stray[IPC_NDROPS];
};

/* Who computes which suite, in the order of libesp's table. */
#define IPC_SUITES	32
#define IPC_CHOICELEN	16
struct msg_crypto {
	char		choice[IPC_CHOICELEN];	/* as in secd.conf */
	char		why[IPC_TEXTLEN];	/* what became of it */
	uint32_t	count;
	uint32_t	pad;
	struct msg_crypto_suite {
		char		enc[SUITE_NAMELEN];
		char		auth[SUITE_NAMELEN];	/* "" with an AEAD */
		char		backend[IPC_CHOICELEN];
	} suites[IPC_SUITES];
};

struct msg_device {
	char		name[IFACE_NAMELEN];
	uint32_t	ifindex;	/* 0: the device is gone */
	uint32_t	mtu;
	uint8_t		up;		/* administratively */
	uint8_t		carrier;
	uint8_t		pad[6];
	/* dropped by the kernel before secd could read them */
	uint64_t	link_down;	/* no carrier */
	uint64_t	queue_full;	/* secd was slow */
};

#define IPC_NPROCS	4
#define IPC_NLOST	8
struct msg_process {
	char		version[32];
	char		confpath[IPC_TEXTLEN];
	char		rundir[IPC_TEXTLEN];
	char		statedir[IPC_TEXTLEN];
	int64_t		started;
	uint32_t	nprocs;
	uint32_t	nlost;
	struct engine_conf engine;	/* as it was told */
	uint8_t		pad[5];
	struct {
		char		title[16];
		int32_t		pid;
		uint32_t	uid;
	} procs[IPC_NPROCS];
	char		lost[IPC_NLOST][IPC_TEXTLEN];	/* protections absent */
};

/* Connections to the PF_KEY socket. */
#define IPC_CLIENTS	128
struct msg_clients {
	uint32_t	count;
	uint32_t	pad;
	struct msg_client {
		struct sa_owner	owner;
		int32_t		pid;		/* that connected */
		uint8_t		dialect;	/* enum client_dialect */
		uint8_t		satypes;	/* registered: 1 AH, 2 ESP */
		uint8_t		pad[2];
		uint32_t	lost;		/* messages it did not read */
		uint32_t	policies;	/* stored for its owner */
		uint64_t	requests;
	} clients[IPC_CLIENTS];
};
enum client_dialect { DIALECT_UNKNOWN, DIALECT_LINUX, DIALECT_OPENBSD };

struct msg_expired {
	uint32_t	hard;		/* 0: soft */
	uint32_t	pad;
	struct msg_sa_row row;
};

struct msg_acquire {
	char		iface[IFACE_NAMELEN];
	struct ip_addr	src;
	struct ip_addr	dst;
	uint32_t	id;		/* not 0; SPDGET may name it */
	uint32_t	pad;
};

struct msg_event {
	int64_t		when;		/* seconds since the epoch */
	int32_t		priority;	/* of syslog(3) */
	uint32_t	pad;
	char		text[IPC_TEXTLEN];
};

/* --- between the processes --- */

struct msg_listen {
	uint32_t	kind;
};
enum listen_kind {
	LISTEN_CONTROL,			/* secctl */
	LISTEN_RESTRICTED,		/* secctl, show verbs only */
	LISTEN_PFKEY			/* IKE daemons */
};

struct msg_wire {
	uint32_t	af;		/* AF_INET or AF_INET6 */
	uint32_t	port;		/* UDP, host order; 0: raw ESP */
	uint32_t	worker;		/* raw: whose */
	uint32_t	offload;	/* UDP: SYS_GSO, SYS_GRO in effect */
};

/* What is needed to send past the kernel's output of IP; once, or never. */
enum bypass_kind {
	BYPASS_FRAMES,			/* sends them; one for each worker */
	BYPASS_ASK,			/* rtnetlink: answers ... */
	BYPASS_EVENTS			/* ... and changes */
};

struct msg_bypass {
	uint32_t	kind;
	uint32_t	worker;		/* frames: whose */
};

/*
 * A configuration crosses whole: BEGIN, every interface, every SA, END.  The
 * engine keeps the items apart, checks them all at END, and then takes over
 * what differs, or nothing.
 */
struct msg_conf_iface {
	struct iface_conf conf;
	uint32_t	forced;		/* keep the carrier up */
	uint32_t	takes;		/* SYS_TSO, SYS_USO: super-packets it
					 * can be given */
};

struct msg_conf_sa {
	struct sa_request sa;		/* without key: that is in the file */
	uint32_t	index;		/* named again if it is refused */
	uint32_t	keep;		/* no descriptor: leave as it is */
};

struct msg_conf_done {
	int32_t		error;
	uint32_t	index;		/* of the SA at fault, or UINT32_MAX */
	char		text[IPC_TEXTLEN];
};

#define KEY_DIGEST_LEN	32	/* SHA-256 of the cipher key without salt */

/*
 * Ask the ledger for a key.  Out: no number above the mark it grants may be
 * sent.  In: what has been seen.  count 0 asks without reserving.
 */
struct msg_reserve {
	uint8_t		digest[KEY_DIGEST_LEN];
	uint64_t	base;		/* wanted above max(base, known mark) */
	uint64_t	count;		/* numbers wanted */
	uint64_t	max;		/* end of the number space */
	uint32_t	flags;		/* RESERVE_* */
	uint32_t	pad;
};
#define RESERVE_FIRST	0x0001		/* SA is new: resume above the mark */
#define RESERVE_STATIC	0x0002
#define RESERVE_IN	0x0004		/* inbound: only tell what was seen */

struct msg_reserved {
	uint8_t		digest[KEY_DIGEST_LEN];
	uint64_t	start;		/* numbers up to it are not granted */
	uint64_t	top;		/* durable mark */
	uint64_t	seen;		/* highest seen inbound */
	int32_t		error;		/* 0 or an errno */
	uint32_t	pad;
	char		text[IPC_TEXTLEN];
};

struct msg_seen {
	uint8_t		digest[KEY_DIGEST_LEN];
	uint64_t	seq;
	uint32_t	flags;		/* RESERVE_STATIC */
	uint32_t	pad;
};

struct msg_release {
	uint8_t		digest[KEY_DIGEST_LEN];
};

/* The engine turned a carrier on or off. */
struct msg_carrier {
	char		name[IFACE_NAMELEN];
	uint32_t	up;
};

struct msg_verbose {
	uint32_t	verbose;
};

struct msg_ready {
	uint32_t	lost;		/* mask of enum sys_lost */
};

/* --- ipc.c: channels in an event loop --- */

struct event_base;
struct ipc_msg {			/* one received message */
	struct ipc_hdr	 hdr;
	uint8_t		*body;		/* hdr.len octets, aligned for any */
	int		 fd;		/* or -1; closed after the callback
					 * unless that sets it to -1 */
};

struct ipc;
typedef void	(*ipc_cb)(struct ipc *, struct ipc_msg *, void *arg);
typedef void	(*ipc_closed_cb)(struct ipc *, void *arg);

/* Lock the receive buffer, before a filter forbids it. */
void		 ipc_init(void);
/*
 * Listen on fd (a connected SEQPACKET socket, taken over) in base's loop.
 * cb gets each message; closed gets end of file and errors, once, and may
 * ipc_free().  Neither is called from within another call of ipc.  Returns
 * NULL with errno.  Bodies are received into one locked buffer shared by all
 * channels of the process and wiped when cb returns.
 */
struct ipc	*ipc_new(struct event_base *base, int fd, ipc_cb cb,
		    ipc_closed_cb closed, void *arg);
/* Close and forget; queued messages are wiped.  NULL is fine. */
void		 ipc_free(struct ipc *);
int		 ipc_fd(const struct ipc *);
/*
 * Send now, or queue if the socket is full.  fd (or -1) is duplicated by the
 * kernel; the caller keeps its own.  Returns 0, or -1 with errno (ENOBUFS: the
 * queue holds IPC_QUEUE_MAX messages).  Messages with keys go by ipc_send_now.
 */
int		 ipc_send(struct ipc *, enum msg_type, uint32_t id, int fd,
		    const void *body, size_t len);
/* The same, but waits until the socket takes it: no copy is ever queued. */
int		 ipc_send_now(struct ipc *, enum msg_type, uint32_t id, int fd,
		    const void *body, size_t len);
/* Answer a request: MSG_RESULT with error and formatted text. */
int		 ipc_result(struct ipc *, uint32_t id, int error,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Stop (0) or go on (1) receiving. */
void		 ipc_listen(struct ipc *, int on);
/* Messages in the queue. */
size_t		 ipc_queued(const struct ipc *);

/* --- msg.c: the form of messages --- */

/* Blocking pair for clients without a loop (secctl); 0 or -1 with errno. */
int		 ipc_write(int fd, enum msg_type, uint32_t id, const void *body,
		    size_t len);
int		 ipc_read(int fd, struct ipc_hdr *, void *body, size_t size);

/*
 * 0 if the message's type is known, its version ours and its length exactly
 * that of its body, else -1.  All text fields of struct msg_name and the like
 * are the caller's to check with text_ok().
 */
int		 ipc_check(const struct ipc_hdr *);
/* Name of a message type for logs. */
const char	*ipc_name(unsigned int type);
/* 1 if the field of size octets holds a NUL and only printable text before. */
int		 text_ok(const char *field, size_t size);

#endif /* IPC_H */
