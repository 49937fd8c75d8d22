/* SPDX-License-Identifier: ISC */
/*
 * The fast half of the engine: a worker thread that moves packets between tun
 * devices and outer sockets.  Per packet it allocates, logs, locks and reads
 * no clock; it knows nothing of messages, names or configuration.
 *
 * There are one or more workers, and each thing has one: an interface, whose
 * tun it reads; with it the interface's outbound SAs; an inbound SA, by the SPI
 * or, in UDP, always the first.  So a sequence number, a replay window and a
 * counter have one writer, and no packet needs a lock.  What an inbound SA
 * writes to may be another's interface: the kernel's device takes from all.
 *
 * The engine's main thread talks to a worker by commands in a queue, each of
 * which comes back when it has been carried out between two batches; what a
 * command took away from its last worker is then the main thread's to free.
 * Workers call nothing upward: they hand events over the same way.
 */
#ifndef DATA_H
#define DATA_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "libesp/esp.h"
#include "libesp/offload.h"
#include "secd/addr.h"
#include "secd/sys/sys.h"

/* --- drop.c: what became of packets --- */

/* Reasons of ours, counted behind libesp's in one array. */
enum drop {
	DROP_NO_SA = ESP_STATUS_MAX,	/* in: no SA of that SPI and address */
	DROP_NO_OUT_SA,			/* out: the interface has none */
	DROP_OUTER_CUT,			/* in: larger than a slot */
	DROP_INNER_CUT,			/* out: larger than a slot */
	DROP_SEND_FULL,			/* out: socket or device queue full */
	DROP_SEND_SIZE,			/* out: larger than a link takes */
	DROP_SEND_ROUTE,		/* out: no route, or no such source */
	DROP_SEND_ERROR,		/* out: any other refusal */
	DROP_TUN_DOWN,			/* in: the interface is down */
	DROP_TUN_ERROR,			/* in: the device refused it */
	DROP_ENCAP,			/* in: in UDP where the SA is not, or
					 * the other way round */
	DROP_IKE,			/* in: IKE's, on a port shared with a
					 * daemon that is not there */
	DROP_KEEPALIVE,			/* in: RFC 3948 2.3, swallowed */
	DROP_IKE_PASSED,		/* in: IKE's, merged behind ESP: handed
					 * to its daemon, so no loss */
	DROP_NO_WIRE,			/* out: no socket of that family */
	DROP_MAX
};

/* Name of a counter: esp_status_name() and ours; "?" out of range. */
const char	*drop_name(unsigned int);
/* The reason for an errno of the outer socket or of the tun device. */
enum drop	 drop_of_send(int error);
enum drop	 drop_of_tun(int error);

/* Written by one worker, read by anyone at any time. */
typedef _Atomic uint64_t counter;

static inline void
counter_add(counter *c, uint64_t n)
{
	/* one writer: no read-modify-write needed */
	atomic_store_explicit(c,
	    atomic_load_explicit(c, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

static inline uint64_t
counter_get(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* --- queue.c: many pushers, one taker, no lock --- */

struct data_node {
	struct data_node	*next;
};

struct data_queue {
	_Atomic(struct data_node *) head;	/* newest first */
	int			 fd[2];		/* a pipe; wakes the taker */
};

/* 0, or -1 with errno.  fd[0] is readable when there is something to take. */
int		 data_queue_init(struct data_queue *);
void		 data_queue_clear(struct data_queue *);
void		 data_queue_push(struct data_queue *, struct data_node *);
/* Several, linked from the newest to the oldest; wakes the taker once. */
void		 data_queue_push_list(struct data_queue *,
		    struct data_node *newest, struct data_node *oldest);
/* Everything pushed so far, oldest first. */
struct data_node *data_queue_take(struct data_queue *);

/* --- what packets need of an SA, and of an interface --- */

/*
 * Handed over by the worker as a command of its own, and taken back when main
 * clears pending.  An owner may be freed when the fence behind its removal has
 * come back: the worker pushes events and commands in one order, and main takes
 * them in that order, so no event of the owner is left then.  Main meanwhile
 * gets events of what it has removed already.
 */
struct data_event {
	struct data_node node;		/* first: a node is its event */
	int		 type;
	atomic_int	 pending;	/* from the push until main has it */
	void		*owner;
};

/* Where an SA's outer packets come from, and go to. */
struct data_path {
	struct ip_addr	 src;
	struct ip_addr	 dst;
	uint16_t	 sport;		/* UDP, host order; 0: raw ESP */
	uint16_t	 dport;
	uint8_t		 wire;		/* index of the worker's socket */
};

/* What each packet looks at comes first: there may be very many of these. */
#define DATA_SA_HOT	192		/* octets of it: up to life_bytes */

struct data_sa {
	struct data_sa	*next;		/* worker's: in its hash chain */

	/* set before the worker gets it */
	struct esp_sa	*esp;		/* NULL: an SPI without keys, of which
					 * spi and path.dst alone count */
	struct data_if	*iface;
	uint32_t	 spi;
	int		 follow;	/* in: tell when a UDP peer moves */

	/* set before the worker gets it, changed by DATA_SA_MOVE */
	struct data_path path;

	/* worker's */
	int		 used;		/* ev_used has been pushed */
	counter		 seq;		/* last used (out), highest seen (in) */
	counter		 packets;
	counter		 bytes;		/* of inner packets */
	struct data_event ev_active;	/* a packet, whatever became of it */

	/* main thread writes, worker reads */
	counter		 life_packets;	/* tell when packets reaches this, */
	counter		 life_bytes;	/* or bytes this; UINT64_MAX never.
					 * New ones before ev_life.pending is
					 * cleared, or it is told again */
	counter		 limit;		/* out: durable mark of the ledger */
	counter		 floor;		/* out: up to here others may have sent;
					 * written before limit */
	counter		 low;		/* out: at this number ask for more */

	/* worker's */
	struct data_event ev_low;
	struct data_event ev_used;	/* once: the first packet that was sent,
					 * or was authentic */
	struct data_event ev_life;
	struct data_event ev_moved;	/* as long as it is pending, no other
					 * move is told */
	/* written before ev_moved is pushed, not while it is pending */
	struct ip_addr	 moved_to;
	uint16_t	 moved_port;
	counter		 drops[DROP_MAX];

	unsigned int	 home;		/* main's: which worker's */
	void		*owner;		/* main's: the engine's SA */
};

/* What one worker has counted of an interface. */
struct data_count {
	counter		 in_packets;
	counter		 in_bytes;
	counter		 out_packets;
	counter		 out_bytes;
	counter		 drops[DROP_MAX];
} __attribute__((aligned(64)));		/* a cache line is one worker's */

struct data_if {
	int		 fd;		/* tun */
	void		*owner;		/* the engine's tunnel */
	unsigned int	 home;		/* which worker's; main's */
	unsigned int	 leaving;	/* workers to forget it yet; main's */

	/* worker's */
	struct worker	*worker;
	struct event	 ev;
	struct data_sa	*out;		/* current outbound SA, or NULL */
	struct data_event ev_gone;	/* the device was taken away */
	struct data_event ev_nosa;	/* a packet found no outbound SA; told
					 * again when pending is cleared */
	atomic_int	 tell_nosa;	/* main: push ev_nosa when that is so */
	struct sys_hop	 hop;		/* how packets between its addresses,
					 * not in UDP, leave; ifindex 0: by
					 * the raw socket, as all others */
	int		 once;		/* the next batch by the raw socket, for
					 * the kernel to look at the hop */
	struct data_event ev_hop;	/* hop failed, and was given up; the
					 * reason is in hop_error */
	atomic_int	 hop_error;
	unsigned int	 ncounts;	/* one for each worker */
	struct data_count *count;
};

/* Sums over all workers. */
uint64_t	 data_if_in_packets(const struct data_if *);
void		 data_if_sum(const struct data_if *, struct data_count *sum);

/* --- commands to a worker; events from it --- */

enum data_cmd_type {
	DATA_IF_ADD,		/* read iface's tun from now on */
	DATA_IF_REMOVE,		/* to all workers; the last one ends it */
	DATA_SA_ADD,		/* inbound: find sa by its SPI and dst */
	DATA_SA_REMOVE,
	DATA_OUT_SET,		/* iface sends by sa (NULL: drops) */
	DATA_HOLD,		/* keep packets of sa, an SPI without keys */
	DATA_HOLD_END,		/* let go of sa; its packets come again */
	DATA_FENCE,		/* all that came before is done */
	DATA_SA_MOVE,		/* sa's path is cmd's from now on */
	DATA_SA_LEAVE,		/* as REMOVE: it moves to another worker */
	DATA_WIRE_ADD,		/* send by this socket; if listen, receive */
	DATA_HOP,		/* iface's hop, and whether once */
	DATA_FRAMES,		/* what has a hop leaves by this fd */
	DATA_QUIT,
	/* worker to main: struct data_event */
	DATA_EV_LOW,		/* sa reached its low mark */
	DATA_EV_GONE,		/* iface's device is gone */
	DATA_EV_USED,		/* sa has carried its first packet */
	DATA_EV_ACTIVE,		/* sa carries packets */
	DATA_EV_LIFE,		/* sa reached life_packets or life_bytes */
	DATA_EV_MOVED,		/* sa's newest packet came from moved_to */
	DATA_EV_NOSA,		/* iface had a packet and no outbound SA */
	DATA_EV_PROBE,		/* a wire got the probe that main sent */
	DATA_EV_HOP		/* iface's hop failed */
};

struct data_cmd {
	struct data_node node;		/* first, as in data_event */
	int		 type;
	struct data_if	*iface;
	struct data_sa	*sa;
	struct data_path path;		/* SA_MOVE; its wire: WIRE_ADD */
	struct sys_hop	 hop;
	int		 fd;
	uint16_t	 port;		/* UDP, host order; 0 raw ESP */
	uint8_t		 af;
	uint8_t		 listen;
	uint8_t		 many;		/* UDP: sends by SYS_GSO */
	uint8_t		 once;
};

/* Fill in an SA's or an interface's events before its first command. */
void		 data_sa_init(struct data_sa *, void *owner);
/* count has ncounts elements, zeroed, and stays until the interface goes. */
void		 data_if_init(struct data_if *, int fd, void *owner,
		    struct data_count *count, unsigned int ncounts);

/* --- satab.c: SPI and destination to SA; one thread --- */

/* Buckets, a power of two: more would not stay in a processor's cache. */
#define SATAB_SIZE	16384

struct satab {
	struct data_sa	*bucket[SATAB_SIZE];
};

void		 satab_add(struct satab *, struct data_sa *);
/* 1, or 0 if it was not there. */
int		 satab_remove(struct satab *, struct data_sa *);
struct data_sa	*satab_find(const struct satab *, uint32_t spi,
		    const struct ip_addr *dst);
/*
 * Have what satab_find() will look at fetched from memory: first where the
 * chain begins, and when that has come the first SA in it.
 */
void		 satab_fetch(const struct satab *, uint32_t spi);
void		 satab_fetch_sa(const struct satab *, uint32_t spi);

/* --- worker.c --- */

#define SLOT_MAX	65535	/* largest IP packet, or super-packet */
/* A received packet; the odd size spreads slots over a cache's sets. */
#define SLOT_SIZE	(SLOT_MAX + 385)

/* A packet from the tun, with room for a trailer behind each of its pieces. */
#define TUN_SIZE	(SLOT_MAX + 1 + 64)

/*
 * What is to be sent, sealed one behind the other: as many datagrams as one
 * call takes, of UDP each perhaps made of many packets.  Not more than fits
 * into a processor's cache together with what it was read from.
 */
#define OUT_SIZE	(4 * 65536)
#define OUT_PIECES	64	/* packets in a datagram, Linux's limit */
#define OUT_LONGEST	65000	/* octets of such a one */

struct out {
	struct sys_dgram d[SYS_BATCH];
	uint32_t	 packets[SYS_BATCH];	/* in each */
	uint32_t	 octets[SYS_BATCH];	/* of their inner packets */
	unsigned int	 n;
	unsigned int	 more;		/* the last one may take another */
	size_t		 head;		/* room before each, for its headers;
					 * 0: the kernel writes them */
	size_t		 used;		/* octets of buf */
	uint8_t		 buf[OUT_SIZE];
};

/*
 * A packet that came before the keys of its SA: in a rekey the peer may be
 * faster.  Few and not large, so that nobody else fills memory with them.
 */
#define HELD_MAX	256
#define HELD_SIZE	2048

struct held {
	const struct data_sa *by;	/* whose SPI it has */
	struct wire	*wire;
	struct ip_addr	 src;
	uint16_t	 sport;
	size_t		 len;
	uint8_t		 octets[HELD_SIZE];
};

#define WIRES_MAX	32

/* An outer socket: raw ESP, or UDP on one local port. */
struct wire {
	struct worker	*worker;
	struct event	 ev;
	struct data_event ev_probe;
	int		 fd;		/* -1: none */
	uint16_t	 port;
	uint8_t		 af;
	uint8_t		 many;
};

/*
 * What main sends to a UDP wire of its own to see whether ESP reaches it there:
 * an SPI that is never used, in network order, and eight octets that are the
 * number in worker.probe as it lies in memory.
 */
#define PROBE_SPI	1U		/* reserved, RFC 4303 2.1 */
#define PROBE_LEN	12

struct worker {
	struct event_base *base;	/* the thread's own */
	unsigned int	 id;		/* 0 first */
	atomic_uint	 merge_kinds;	/* ESP_MERGE_*; main's */
	struct data_queue cmds;		/* main to worker */
	struct data_queue *done;	/* workers to main: cmds and events */
	struct data_node *told;		/* for it after the batch: newest, */
	struct data_node *told_first;	/* and oldest */
	struct event	 ev_cmds;
	struct wire	 wires[WIRES_MAX];
	int		 frames;	/* sends by a hop; -1: none */
	uint16_t	 ident;		/* of its next IPv4 packet */
	counter		 probe;		/* main: the number awaited; 0 none */
	struct satab	 satab;
	counter		 stray[DROP_MAX];	/* of no interface */
	unsigned int	 passed;	/* IKE's, of this batch */
	unsigned int	 nheld;
	struct held	 held[HELD_MAX];	/* as they came */
	struct esp_split split;		/* out.c */
	struct out	 out;
	uint8_t		 tun[TUN_SIZE];
	struct esp_merge merge;		/* in.c */
	struct sys_dgram in[SYS_BATCH];
	uint8_t		 slot[SYS_BATCH][SLOT_SIZE];
};

/*
 * Make ready a zeroed worker of this number whose loop is base, and which tells
 * main by done; 0, or -1 with errno.  Large: the caller's memory is of its own.
 */
int		 worker_init(struct worker *, struct event_base *,
		    unsigned int id, struct data_queue *done);
/* The thread: runs until DATA_QUIT.  arg is the worker. */
void		*worker_main(void *arg);

/* Hand over when the batch is over; an event, unless it is pending. */
void		 worker_tell(struct worker *, struct data_node *);
void		 worker_tell_event(struct worker *, struct data_event *);
/* It is over: main is woken once, however much there is. */
void		 worker_told(struct worker *);

/*
 * sa's seq, packets or bytes may have moved: tell that it is active, has
 * carried its first packet, or reached a limit of its life.
 */
void		 data_sa_tell(struct worker *, struct data_sa *);

/* --- out.c, in.c: one batch each --- */

void		 out_run(struct worker *, struct data_if *);
void		 in_run(struct worker *, struct wire *);
/* Take the packets held by this SPI as if they came now. */
void		 in_again(struct worker *, const struct data_sa *);

#endif /* DATA_H */
