/* SPDX-License-Identifier: ISC */
/*
 * The fast half of the engine: a worker thread that moves packets between tun
 * devices and outer sockets.  Per packet it allocates, logs, locks and reads
 * no clock; it knows nothing of messages, names or configuration.
 *
 * One SA and one interface have one worker, so sequence number, replay window
 * and counters have one writer.  The engine's main thread talks to a worker by
 * commands in a queue, each of which comes back when it has been carried out
 * between two batches; what a command took away is then the main thread's to
 * free.  The worker calls nothing upward: it hands events over the same way.
 */
#ifndef DATA_H
#define DATA_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "libesp/esp.h"
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
/* Everything pushed so far, oldest first. */
struct data_node *data_queue_take(struct data_queue *);

/* --- what packets need of an SA, and of an interface --- */

struct data_sa {
	/* set before the worker gets it */
	struct esp_sa	*esp;
	struct data_if	*iface;
	struct ip_addr	 src;
	struct ip_addr	 dst;
	uint32_t	 spi;
	void		*owner;		/* the engine's SA */

	/* main thread writes, worker reads */
	counter		 limit;		/* out: durable mark of the ledger */
	counter		 floor;		/* out: up to here others may have sent;
					 * written before limit */
	counter		 low;		/* out: at this number ask for more */

	/* worker's */
	struct data_sa	*next;		/* in its hash chain */
	struct data_event {
		struct data_node node;	/* first: a node is its event */
		int		 type;
		void		*owner;
		atomic_int	 pending; /* from the push until main has it */
	}		 ev_low;
	counter		 seq;		/* last used (out), highest seen (in) */
	counter		 packets;
	counter		 bytes;		/* of inner packets */
	counter		 drops[DROP_MAX];
};

struct data_if {
	int		 fd;		/* tun */
	void		*owner;		/* the engine's tunnel */

	/* worker's */
	struct worker	*worker;
	struct event	 ev;
	struct data_sa	*out;		/* current outbound SA, or NULL */
	struct data_event ev_gone;	/* the device was taken away */
	counter		 in_packets;
	counter		 in_bytes;
	counter		 out_packets;
	counter		 out_bytes;
	counter		 drops[DROP_MAX];
};

/* --- commands to a worker; events from it --- */

enum data_cmd_type {
	DATA_IF_ADD,		/* read iface's tun from now on */
	DATA_IF_REMOVE,
	DATA_SA_ADD,		/* inbound: find sa by its SPI and dst */
	DATA_SA_REMOVE,
	DATA_OUT_SET,		/* iface sends by sa (NULL: drops) */
	DATA_FENCE,		/* all that came before is done */
	DATA_WIRE_ADD,		/* receive and send on fd of this af */
	DATA_QUIT,
	/* worker to main: struct data_event */
	DATA_EV_LOW,		/* sa reached its low mark */
	DATA_EV_GONE		/* iface's device is gone */
};

struct data_cmd {
	struct data_node node;		/* first, as in data_event */
	int		 type;
	struct data_if	*iface;
	struct data_sa	*sa;
	int		 fd;
	uint8_t		 af;
};

/* Fill in an SA's or an interface's events before its first command. */
void		 data_sa_init(struct data_sa *, void *owner);
void		 data_if_init(struct data_if *, int fd, void *owner);

/* --- satab.c: SPI and destination to SA; one thread --- */

#define SATAB_SIZE	65536	/* buckets; a power of two */

struct satab {
	struct data_sa	*bucket[SATAB_SIZE];
};

void		 satab_add(struct satab *, struct data_sa *);
void		 satab_remove(struct satab *, struct data_sa *);
struct data_sa	*satab_find(const struct satab *, uint32_t spi,
		    const struct ip_addr *dst);

/* --- worker.c --- */

#define SLOT_HEAD	64	/* room for ESP header and IV before a packet */
#define SLOT_TAIL	320	/* for padding, trailer and ICV after it */
#define SLOT_MAX	65535	/* largest IP packet */
#define SLOT_SIZE	(SLOT_HEAD + SLOT_MAX + SLOT_TAIL + 1)

struct wire {
	struct worker	*worker;
	struct event	 ev;
	int		 fd;		/* -1: no such family here */
	uint8_t		 af;
};

struct worker {
	struct event_base *base;	/* the thread's own */
	struct data_queue cmds;		/* main to worker */
	struct data_queue done;		/* worker to main: cmds and events */
	struct event	 ev_cmds;
	struct wire	 wire4;
	struct wire	 wire6;
	struct satab	 satab;
	counter		 stray[DROP_MAX];	/* of no interface */
	struct sys_dgram dgram[SYS_BATCH];
	uint8_t		 slot[SYS_BATCH][SLOT_SIZE];
};

/*
 * Make ready a zeroed worker whose loop is base; 0, or -1 with errno.  Large:
 * the caller's memory comes from the heap.
 */
int		 worker_init(struct worker *, struct event_base *);
/* The thread: runs until DATA_QUIT.  arg is the worker. */
void		*worker_main(void *arg);

/* --- out.c, in.c: one batch each --- */

void		 out_run(struct worker *, struct data_if *);
void		 in_run(struct worker *, struct wire *);

#endif /* DATA_H */
