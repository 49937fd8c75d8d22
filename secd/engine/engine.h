/* SPDX-License-Identifier: ISC */
/*
 * The slow half of the engine: SAs, tunnels, reservations, answers.  One
 * thread; it may allocate, log and take time.  Packets are data/'s.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdint.h>
#include <time.h>

#include "libesp/esp.h"
#include "secd/data/data.h"
#include "secd/ipc.h"
#include "secd/log.h"

struct hold;
struct sa;
struct tunnel;
TAILQ_HEAD(sas, sa);
TAILQ_HEAD(tunnels, tunnel);

/*
 * Work that ends later: the ledger has to answer, or the worker to let go.
 * Each part still out counts in pending; the first error stays.  done() is
 * called once, when the last part ends, and then the job is freed.
 */
struct job {
	unsigned int	 pending;
	int		 error;
	uint32_t	 index;		/* SA at fault, UINT32_MAX none */
	uint32_t	 id;		/* of the request that waits for it */
	void		(*done)(struct job *);
	char		 text[IPC_TEXTLEN];
};

/* --- due.c: what is to be done later --- */

#define DUE_NEVER	INT64_MAX

/* Zeroed but for act and arg before it is first set. */
struct due {
	RB_ENTRY(due)	 entry;
	int64_t		 at_ms;		/* as engine_ms(); 0: not awaited */
	void		(*act)(void *);
	void		*arg;
};

void		 due_start(struct event_base *);
void		 due_init(struct due *, void (*act)(void *), void *arg);
/* Call act(arg) then, once, and not at what was set before; DUE_NEVER: not. */
void		 due_set(struct due *, int64_t at_ms);
void		 due_clear(struct due *);
/*
 * What the timer does: act on those that are due by now, a batch at most.
 * Returns when the next one is.
 */
int64_t		 due_run(int64_t now_ms);

/* --- sadb.c: the SAs --- */

struct sa {
	RB_ENTRY(sa)	 by_id;
	RB_ENTRY(sa)	 by_spi;	/* and destination; while SA_DRAINING
					 * among those that drain */
	RB_ENTRY(sa)	 by_digest;	/* of the key, then id */
	RB_ENTRY(sa)	 by_asked;	/* while asked is not 0 */
	TAILQ_ENTRY(sa)	 look;		/* while open */
	TAILQ_ENTRY(sa)	 entry;		/* in a list of its tunnel; or of the
					 * staged, the larval, the removed */
	uint64_t	 id;
	struct sa_request req;		/* keys wiped; replay is in effect; src
					 * and dst as its owner names them */
	const struct esp_suite *suite;	/* NULL: larval */
	uint8_t		 digest[KEY_DIGEST_LEN]; /* of the cipher key alone */
	uint8_t		 ident[KEY_DIGEST_LEN];	/* of all key octets */
	struct tunnel	*tunnel;	/* NULL while staged, or larval */
	enum sa_state	 state;
	enum sa_rule	 rule;
	int		 narrow;	/* its flow is not any to any */
	struct data_sa	*hot;		/* NULL: larval */
	struct hold	*early;		/* keeps packets that come before it
					 * works; NULL: does not */
	int		 moving;	/* from one worker to another */
	struct data_path req_path;	/* by request and interface */
	struct data_path path;		/* as told to the worker last */
	struct due	 due;		/* sadb_schedule() */
	struct job	*job;		/* waits for it to work, or to go */
	struct sa	*successor;	/* takes over when this one has gone */
	struct sa	*predecessor;	/* ... seen from the other */
	struct sa	*pair;		/* of the other direction, made with
					 * it; NULL: not yet, or it went */
	uint32_t	 index;		/* staged: its place in secd.conf */
	uint8_t		 reserved;	/* the ledger has answered */
	uint8_t		 removed;	/* the worker may not know yet */
	uint8_t		 open;		/* its books are; then: */
	uint8_t		 quiet;		/* looks that found nothing */
	uint8_t		 look_round;	/* of the last look */
	uint8_t		 soft_told;	/* its soft lifetime has ended */
	time_t		 added;
	time_t		 first;		/* first packet; 0 never */
	time_t		 used;		/* last one, as of the last look */
	int64_t		 used_ms;	/* and monotonic */
	int64_t		 added_ms;	/* monotonic, as lifetimes count */
	int64_t		 first_ms;
	int64_t		 usable_ms;	/* when it began to work */
	uint64_t	 used_packets;	/* packets when used was set */
	uint64_t	 told;		/* in: last number told to the ledger */
	uint64_t	 mark;		/* out: durable mark */
	uint64_t	 low;		/* out: more is asked for here */
	uint32_t	 asked;		/* out: id of the request, 0 none */
	int64_t		 granted_ms;	/* when mark was last raised */
	uint64_t	 granted_seq;	/* and the number in use then */
};

/*
 * Make an SA of a checked request, for an interface with these parameters.
 * The key octets are the caller's to wipe.  Returns it, belonging to no tunnel
 * and not in the database, or NULL with *error and a complaint in why[size].
 */
struct sa	*sa_new(const struct sa_request *, const struct iface_conf *,
		    int *error, char *why, size_t size);
/* A larval one (RFC 2367 1.3.4): an SPI for dst, in the database at once. */
struct sa	*sa_new_larval(const struct sa_request *);
/* Free one that never was in the database. */
void		 sa_free(struct sa *);
/*
 * Could sa live beside what is there, but for those that leaves() says go away
 * (NULL: none)?  0, or an errno with a complaint.
 */
int		 sadb_conflict(const struct sa *,
		    int (*leaves)(const struct sa *), char *why, size_t size);
/* The same for one other SA. */
int		 sa_conflict(const struct sa *, const struct sa *other,
		    char *why, size_t size);
/*
 * Enter it, waiting; sadb_activate() makes it carry packets.  A draining one of
 * the same key or SPI ends: where there is one, or one that the worker has not
 * let go of yet, sa waits for that, asks the ledger then by itself, and this
 * returns 0; else 1.
 */
int		 sadb_insert(struct sa *, struct tunnel *);
void		 sadb_activate(struct sa *);
/*
 * Take it away: no packet uses it when job (may be NULL) counts down, its
 * keys are wiped then, and successor (or NULL) is activated.
 */
void		 sadb_remove(struct sa *, struct job *, struct sa *successor,
		    const char *reason);
/*
 * Remove it, and let its owner know that it ended (a hard EXPIRE); for all
 * removals that the owner has not asked for.
 */
void		 sadb_end(struct sa *, struct job *, const char *reason);
/*
 * Hide it from its owner and from sadb_find(), but let it work for ms more.
 */
void		 sadb_drain(struct sa *, int ms, const char *reason);
/* The worker let go of it (a fence came back). */
void		 sadb_gone(struct sa *);
/*
 * Its outer ends are the request's from now on: addresses, UDP ports.  0, or an
 * errno with the complaint, and nothing has changed.
 */
int		 sadb_move(struct sa *, const struct sa_request *, char *why,
		    size_t size);
/* Larval ones too, draining ones not. */
struct sa	*sadb_find(uint32_t spi, const struct ip_addr *dst);
/* The next SA of this SPI, to any destination, or NULL; of NULL the first. */
struct sa	*sadb_find_next(uint32_t spi, struct sa *);
const struct sas *sadb_larvals(void);
/* The first SA with an id above this one, or NULL. */
struct sa	*sadb_after(uint64_t id);
/*
 * What sa waits for next may have changed: the end of a lifetime, or that its
 * peer can be expected to know it.
 */
void		 sadb_schedule(struct sa *);
/* The worker's events (data.h). */
void		 sa_used(struct sa *);
void		 sa_life(struct sa *);
/* Tell the ledger all numbers seen, before the end. */
void		 sadb_tell_all(void);
unsigned int	 sadb_count(void);

/* --- books.c: what packets leave behind --- */

/*
 * There is something to write about sa, or will be: times of use, numbers seen,
 * a reservation not granted.  It is looked at every two seconds until nothing
 * has happened for two looks.
 */
void		 books_open(struct sa *);
/* It goes away. */
void		 books_close(struct sa *);
/* The worker's event (data.h). */
void		 sa_active(struct sa *);
/* Bring sa->used up to date. */
void		 sa_touch(struct sa *, time_t now);

/* --- reserve.c: numbers from the ledger --- */

/*
 * Ask for the first reservation.  It ends in sadb_activate(), or for a staged
 * SA in the end of its job, or in an error of the job.
 */
void		 reserve_first(struct sa *);
/* The worker says that the low mark is reached. */
void		 reserve_low(struct sa *);
/* Ask for more, unless a request is on its way. */
void		 reserve_more(struct sa *);
/* 1 if half of what was granted is used, and more has not been granted. */
int		 reserve_wants(const struct sa *);
/* The answer. */
void		 reserve_answer(uint32_t id, const struct msg_reserved *);
/* The SA goes away: an answer to come finds nobody. */
void		 reserve_cancel(struct sa *);
/* Tell what was seen; release the key when the SA is gone. */
void		 reserve_seen(struct sa *);
void		 reserve_release(struct sa *);

/* --- life.c: lifetimes --- */

/* Let the worker say when the next limit in packets or octets is reached. */
void		 life_arm(struct sa *);
/* Has a lifetime ended?  May remove the SA: it is not to be touched then. */
void		 life_check(struct sa *, int64_t now_ms);
/* When time will end the next one, or DUE_NEVER. */
int64_t		 life_next(const struct sa *);
/* Tell its owner that it should be, or was, replaced. */
void		 life_tell(struct sa *, int hard);

/* --- map.c: which interface, which direction --- */

/* This host called itself dst when it asked for an SPI. */
void		 map_own_address(const struct ip_addr *dst);
/* An inbound SA was to be updated that is not there; it will be added. */
void		 map_expect_in(uint32_t spi, const struct ip_addr *dst);
/* Set sport and dport where only the peer's is known; req->dir is. */
void		 map_ports(struct sa_request *);
/*
 * Set req->dir if it is SA_ANY_DIR, and the ports; find the tunnel and the
 * rule that decided.  Returns it, or NULL with the complaint in why[size].
 */
struct tunnel	*map_sa(struct sa_request *req, enum sa_rule *, char *why,
		    size_t size);
/* The tunnel of these outer addresses, or NULL. */
struct tunnel	*map_pair(const struct ip_addr *local,
		    const struct ip_addr *peer, enum sa_rule *);

/* --- ike.c: what IKE daemons ask --- */

void		 ike_getspi(uint32_t id, const struct msg_getspi *);
void		 ike_add(uint32_t id, struct sa_request *);
void		 ike_update(uint32_t id, struct sa_request *);
void		 ike_delete(uint32_t id, const struct msg_sa_delete *);
void		 ike_get(uint32_t id, const struct msg_sa_id *);
void		 ike_flush(uint32_t id, const struct sa_owner *);
void		 ike_narrow(uint32_t id, const struct msg_narrow *);

/* --- hop.c: past the kernel's output of IP --- */

/* What is known of a tunnel's way; ours is hop.c's. */
struct hop {
	struct sys_route route;		/* as last asked */
	int		 told;		/* the worker has route.hop */
	int		 stale;		/* it is to be asked again, */
	int64_t		 not_before;	/* but not earlier */
	int64_t		 asked_ms;
	uint64_t	 packets;	/* sent when it was last looked at */
	char		 why[64];	/* why not, or "" */
	char		 said[64];	/* in the log last */
	struct log_limit limit;
};

void		 hop_start(struct event_base *);
/* A socket of the parent's, of which there is one of each kind. */
void		 hop_socket(enum bypass_kind, int fd);
/* Its configuration, its outbound SA or that one's path may have changed. */
void		 hop_update(struct tunnel *);
/* The worker gave it up (data.h). */
void		 hop_failed(struct tunnel *);

/* --- tunnel.c --- */

struct tunnel {
	TAILQ_ENTRY(tunnel) entry;
	uint64_t	 id;
	struct iface_conf conf;
	struct data_if	*hot;
	struct sas	 ins;		/* newest first */
	struct sas	 outs;		/* by id, newest first */
	struct sas	 drains;	/* of both directions; none of them is
					 * above */
	struct sa	*out;		/* current outbound SA */
	uint64_t	 out_id;	/* its id, or the last one's */
	char		 lost[64];	/* why the last outbound SA went */
	int		 narrow;	/* an IKE daemon wants less than any */
	struct due	 again;		/* a packet without SA is told again */
	struct due	 keepalive;	/* while the current SA is in UDP */
	int64_t		 kept_ms;	/* the last one, or when out was set */
	unsigned int	 nshared;	/* SAs on port 4500 */
	uint64_t	 seen_packets;	/* in, at the last look at that */
	struct hop	 hop;
	unsigned int	 nin;		/* SAs that open packets */
	unsigned int	 nout;		/* usable outbound ones */
	int		 removed;	/* the worker may not know yet */
	int		 forced;	/* carrier up whatever happens */
	int		 carrier;	/* as told to the kernel; -1 not yet */
};

/* fd (the tun, taken over) starts being read; takes as workers_add_if(). */
struct tunnel	*tunnel_new(const struct iface_conf *, int fd,
		    unsigned int takes, int forced);
/* With its SAs; freed when the worker has let go. */
void		 tunnel_remove(struct tunnel *);
void		 tunnel_gone(struct tunnel *);	/* it has */
void		 tunnel_lost(struct tunnel *);	/* the device went away */
struct tunnel	*tunnel_find(const char *name);
struct tunnel	*tunnel_after(uint64_t id);
/* New parameters for one that stays. */
void		 tunnel_change(struct tunnel *, const struct iface_conf *,
		    int forced);
/*
 * The life of an SA as its tunnel sees it: it joins, waiting; begins to work;
 * works on while it drains; is taken away.  Each sets the current outbound SA
 * and the carrier.
 */
void		 tunnel_add(struct sa *);
void		 tunnel_works(struct sa *);
void		 tunnel_drains(struct sa *);
void		 tunnel_without(struct sa *, const char *reason);
/* The peer may know this outbound one by now. */
void		 tunnel_consider(struct sa *);
/* When it can be expected to, if that is awaited, or DUE_NEVER. */
int64_t		 tunnel_known_ms(const struct sa *);
/* The newest SA of this direction that is neither larval nor draining. */
struct sa	*tunnel_newest(const struct tunnel *, enum sa_dir);
/* A packet found no outbound SA (data.h). */
void		 tunnel_nosa(struct tunnel *);
/* The output in effect, and why that is not the one asked for, or "". */
const char	*tunnel_output(const struct tunnel *, uint8_t *now);
const struct tunnels *tunnel_all(void);

/*
 * --- workers.c: who carries packets ---
 *
 * All exit when there is no memory for a command.
 */

/* Before the filter, which forbids threads. */
void		 workers_start(const struct engine_conf *);
/* What they tell comes by this loop. */
void		 workers_listen(struct event_base *);
unsigned int	 workers_count(void);
/* The one that receives from all UDP sockets. */
struct worker	*workers_first(void);
/*
 * fd, a tun that takes such super-packets (SYS_TSO, SYS_USO), is read from now
 * on; tunnel_gone() when it no longer is.
 */
struct data_if	*workers_add_if(int fd, unsigned int takes, struct tunnel *);
void		 workers_remove_if(struct data_if *);
/* Send by sa (NULL: drop) from now on. */
void		 workers_set_out(struct data_if *, struct sa *);
/* Send so (ifindex 0: by the raw socket); the next batch once by that. */
void		 workers_set_hop(struct data_if *, const struct sys_hop *,
		    int once);
/* This worker's socket for that. */
void		 workers_frames(unsigned int worker, int fd);
/* Decide who will have sa, which is of a tunnel but does not work yet. */
void		 workers_place(struct sa *);
/* sa works; it is at sa->path from now on; it goes: sadb_gone() follows. */
void		 workers_add_sa(struct sa *);
void		 workers_move_sa(struct sa *);
void		 workers_remove_sa(struct sa *);
/* Keep packets of an SPI without keys (NULL: no memory); let them go. */
struct hold	*workers_hold(uint32_t spi, const struct ip_addr *dst);
void		 workers_end_hold(struct hold *);
/* An outer socket, by this index in each worker's table. */
void		 workers_wire(unsigned int index, int fd,
		    const struct msg_wire *);
/* Dropped of no interface, for this reason. */
uint64_t	 workers_stray(unsigned int why);

/* --- wire.c: outer sockets --- */

void		 wire_start(void);
/* A socket of the parent's, of which there is at most one of each kind. */
void		 wire_add(int fd, const struct msg_wire *);
/* Index in the worker's table, or -1 if there is none. */
int		 wire_find(uint8_t af, uint16_t port);
/*
 * Where an SA's packets come from and go to on this interface, and by which
 * socket.  dir is SA_IN or SA_OUT.  0, or an errno with a complaint.
 */
int		 path_for(const struct iface_conf *, const struct sa_request *,
		    struct data_path *, char *why, size_t size);
/* Main's own datagram by a UDP path; 0, or -1 with errno. */
int		 wire_send(const struct data_path *, const void *, size_t);
/*
 * Who shares port 4500 may have changed: look at it after so many ms.  An IKE
 * daemon that begins anew binds its ports within WIRE_STIR_MS.
 */
#define WIRE_STIR_MS	1000
void		 wire_stir(int ms);
/* The worker got the probe. */
void		 wire_probed(const struct wire *);
/* sa joins its tunnel, or with -1 leaves it, by its present path. */
void		 wire_count(const struct sa *, int n);
/* The tunnel has another current SA, or that has another path. */
void		 keepalive_start(struct tunnel *);

/* --- move.c --- */

/* The worker saw the peer of an inbound SA elsewhere. */
void		 sa_moved(struct sa *);

/* --- takeover.c: a whole configuration --- */

void		 takeover_begin(void);
void		 takeover_iface(const struct msg_conf_iface *, int fd);
void		 takeover_sa(const struct msg_conf_sa *, int fd);
/* Check it all; take over what differs, or nothing; then MSG_CONF_DONE. */
void		 takeover_end(uint32_t id);
/* 1 between MSG_CONF_END and its answer. */
int		 takeover_busy(void);

/* --- key.c: key files --- */

/* Lock the buffer that keys pass through, before a filter forbids it. */
void		 key_init(void);
/*
 * Read from fd the keys, in hex, of the suite that req names: cipher key and
 * salt into req->key, the rest into req->authkey.  0, or -1 with a complaint;
 * on -1 no key octet is left in req.
 */
int		 key_read(int fd, struct sa_request *req, char *why,
		    size_t size);
/* Wipe both keys of a request. */
void		 key_wipe(struct sa_request *);

/* --- crypto.c: who computes ciphers --- */

/* Load what secd.conf may want, before all confinement; says nothing yet. */
void		 crypto_load(const struct engine_conf *);
/*
 * Decide, after a self-test; ends the engine if what secd.conf requires cannot
 * be had.
 */
void		 crypto_start(void);
/* Log what was decided, once. */
void		 crypto_say(void);
/* For esp_params; NULL: libcrypto for all. */
const struct esp_backend *crypto_backend(void);
void		 show_crypto(uint32_t id);

/* --- selftest.c --- */

/* NULL if the backend is as good as libcrypto, else the first bad suite. */
const struct esp_suite *selftest(const struct esp_backend *);

/* --- show.c --- */

/* Fill a row, zeroed before. */
void		 show_sa_row(struct msg_sa_row *, const struct sa *);
void		 show_sa(uint32_t id, const struct msg_cursor *);
void		 show_iface(uint32_t id, const struct msg_cursor *);
void		 show_drops(uint32_t id);

/* --- engine.c --- */

struct job	*job_new(uint32_t id, void (*done)(struct job *));
void		 job_fail(struct job *, int error, uint32_t index,
		    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* One part has ended. */
void		 job_end(struct job *);
/* Answer the client that waits for the job. */
void		 job_reply(struct job *);

void		 engine_reply(uint32_t id, enum msg_type, const void *, size_t);
void		 engine_result(uint32_t id, int error, const char *fmt, ...)
		    __attribute__((format(printf, 3, 4)));
void		 engine_to_parent(enum msg_type, uint32_t id, const void *,
		    size_t);
/* Messages to the parent that it has not taken yet. */
size_t		 engine_unsent(void);
int64_t		 engine_ms(void);	/* monotonic, never 0 */
/* To control, unasked. */
void		 engine_tell(enum msg_type, const void *, size_t);
uint64_t	 engine_id(void);	/* grows, never used twice */

#endif /* ENGINE_H */
