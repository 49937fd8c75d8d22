/* SPDX-License-Identifier: ISC */
/*
 * The workers as the main thread knows them: started here, told what to do, and
 * listened to.  Which worker has what is decided here alone: interfaces go
 * round; an outbound SA is its interface's; an inbound one is where its packets
 * come, by the filters of the raw sockets or, in UDP, at the first.
 *
 * Whatever a worker may still look at is freed only when a command that was
 * given after its removal has come back: the worker is then between two batches
 * and holds nothing of the one before.
 */
#include <sys/mman.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

/* Packets of an SPI without keys may come to either. */
#define HOLDERS		2

#define EVENTS_MAX	1024	/* of the workers', between messages */
#define UNSENT_MAX	4096	/* messages that the parent has not read */
#define UNSENT_MS	10	/* until they are counted again */

struct hold {
	struct data_sa	sa[HOLDERS];
	unsigned int	n;		/* as many as there are */
	unsigned int	out;		/* not back yet */
};

static void	take_events(void *);

static struct worker	*workers[WORKERS_MAX];
static unsigned int	 nworkers;
static unsigned int	 next_home;
static struct data_queue done;
static struct event	*said;		/* there is something in it */
static struct data_node	*todo;		/* taken out, not looked at yet */
static struct due	 rest = { .act = take_events };
static struct engine_conf conf;

/* --- start --- */

static struct worker *
start(unsigned int id)
{
	struct event_base *base = event_base_new();
	struct worker *w;
	pthread_t thread;

	/* packets' octets: zero pages until used */
	w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	if (w == MAP_FAILED || base == NULL ||
	    worker_init(w, base, id, &done) == -1)
		fatal("worker");
	errno = pthread_create(&thread, NULL, worker_main, w);
	if (errno != 0)
		fatal("worker thread");
	return w;
}

void
workers_start(const struct engine_conf *ec)
{
	sigset_t all, old;

	conf = *ec;
	if (data_queue_init(&done) == -1)
		fatal("queue of the workers");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (nworkers = 0; nworkers < ec->workers; nworkers++)
		workers[nworkers] = start(nworkers);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct worker *
workers_first(void)
{
	return workers[0];
}

/* --- commands --- */

static struct data_cmd *
new_command(enum data_cmd_type type, struct data_if *iface, struct data_sa *sa)
{
	struct data_cmd *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("command");
	c->type = type;
	c->iface = iface;
	c->sa = sa;
	return c;
}

static void
give(unsigned int home, struct data_cmd *c)
{
	data_queue_push(&workers[home]->cmds, &c->node);
}

static void
give_all(enum data_cmd_type type, struct data_if *iface)
{
	unsigned int i;

	for (i = 0; i < nworkers; i++)
		give(i, new_command(type, iface, NULL));
}

static unsigned int
home_of_spi(uint32_t spi)
{
	return spi % nworkers;
}

static unsigned int
home_of(const struct sa *sa, const struct data_path *path)
{
	if (sa->req.dir == SA_OUT)
		return sa->tunnel->hot->home;
	return path->dport != 0 ? 0 : home_of_spi(sa->req.spi);
}

/* --- interfaces --- */

/* What devices take is the system's affair: the same for all. */
static void
set_merge(unsigned int takes)
{
	unsigned int i, kinds = 0;

	if ((conf.offload & OFFLOAD_MERGE) && (takes & SYS_TSO))
		kinds |= ESP_MERGE_TCP;
	if ((conf.offload & OFFLOAD_MERGE) && (takes & SYS_USO))
		kinds |= ESP_MERGE_UDP;
	for (i = 0; i < nworkers; i++)
		atomic_store(&workers[i]->merge_kinds, kinds);
}

struct data_if *
workers_add_if(int fd, unsigned int takes, struct tunnel *t)
{
	struct data_count *count;
	struct data_if *dif;

	count = aligned_alloc(_Alignof(struct data_count),
	    nworkers * sizeof(*count));
	if (count == NULL || (dif = calloc(1, sizeof(*dif))) == NULL)
		fatal("interface %s", t->conf.name);
	memset(count, 0, nworkers * sizeof(*count));
	data_if_init(dif, fd, t, count, nworkers);
	dif->home = next_home++ % nworkers;
	set_merge(takes);
	give(dif->home, new_command(DATA_IF_ADD, dif, NULL));
	return dif;
}

void
workers_remove_if(struct data_if *dif)
{
	dif->leaving = nworkers;
	give_all(DATA_IF_REMOVE, dif);
}

void
workers_set_out(struct data_if *dif, struct sa *sa)
{
	give(dif->home, new_command(DATA_OUT_SET, dif,
	    sa != NULL ? sa->hot : NULL));
}

void
workers_set_hop(struct data_if *dif, const struct sys_hop *hop, int once)
{
	struct data_cmd *c = new_command(DATA_HOP, dif, NULL);

	c->hop = *hop;
	c->once = (uint8_t)once;
	give(dif->home, c);
}

/* --- SAs --- */

void
workers_place(struct sa *sa)
{
	sa->hot->home = home_of(sa, &sa->path);
}

void
workers_add_sa(struct sa *sa)
{
	workers_place(sa);
	if (sa->req.dir == SA_IN)
		give(sa->hot->home, new_command(DATA_SA_ADD, NULL, sa->hot));
}

void
workers_remove_sa(struct sa *sa)
{
	if (sa->req.dir == SA_IN)
		give(sa->hot->home, new_command(DATA_SA_REMOVE, NULL,
		    sa->hot));
	give(sa->hot->home, new_command(DATA_FENCE, NULL, sa->hot));
}

/*
 * An inbound SA that goes to UDP, or comes from there, goes to where its
 * packets come: it leaves the one worker, and when it has, joins the other.
 */
void
workers_move_sa(struct sa *sa)
{
	struct data_cmd *c;

	if (sa->state == SA_WAITING) {	/* nobody has it yet */
		sa->hot->path = sa->path;
		workers_place(sa);
		return;
	}
	if (sa->moving)
		return;			/* it will join by its last path */
	if (home_of(sa, &sa->path) != sa->hot->home) {
		sa->moving = 1;
		give(sa->hot->home, new_command(DATA_SA_LEAVE, NULL,
		    sa->hot));
		return;
	}
	c = new_command(DATA_SA_MOVE, NULL, sa->hot);
	c->path = sa->path;
	give(sa->hot->home, c);
}

static void
join(struct sa *sa)
{
	sa->moving = 0;
	if (sa->removed)
		return;
	sa->hot->path = sa->path;
	workers_add_sa(sa);
}

/* --- SPIs without keys --- */

struct hold *
workers_hold(uint32_t spi, const struct ip_addr *dst)
{
	struct hold *h;
	unsigned int i;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return NULL;
	h->n = home_of_spi(spi) == 0 ? 1 : 2;
	for (i = 0; i < h->n; i++) {
		h->sa[i].spi = spi;
		h->sa[i].path.dst = *dst;
		h->sa[i].home = i == 0 ? 0 : home_of_spi(spi);
		h->sa[i].owner = h;
		give(h->sa[i].home, new_command(DATA_HOLD, NULL, &h->sa[i]));
	}
	return h;
}

void
workers_end_hold(struct hold *h)
{
	unsigned int i;

	h->out = h->n;
	for (i = 0; i < h->n; i++)
		give(h->sa[i].home, new_command(DATA_HOLD_END, NULL,
		    &h->sa[i]));
}

/* --- sockets --- */

void
workers_wire(unsigned int index, int fd, const struct msg_wire *m)
{
	struct data_cmd *c;
	unsigned int i;

	for (i = 0; i < nworkers; i++) {
		if (m->port == 0 && i != m->worker)
			continue;
		c = new_command(DATA_WIRE_ADD, NULL, NULL);
		c->fd = fd;
		c->af = (uint8_t)m->af;
		c->port = (uint16_t)m->port;
		c->path.wire = (uint8_t)index;
		c->listen = i == m->worker;
		c->many = (m->offload & SYS_GSO) != 0;
		give(i, c);
	}
}

void
workers_frames(unsigned int home, int fd)
{
	struct data_cmd *c = new_command(DATA_FRAMES, NULL, NULL);

	c->fd = fd;
	give(home, c);
}

unsigned int
workers_count(void)
{
	return nworkers;
}

/* --- what comes back --- */

uint64_t
workers_stray(unsigned int why)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nworkers; i++)
		sum += counter_get(&workers[i]->stray[why]);
	return sum;
}

static void
hold_came(struct hold *h)
{
	if (--h->out == 0)
		free(h);
}

static void
if_came(struct data_if *dif)
{
	struct tunnel *t = dif->owner;

	if (--dif->leaving > 0)
		return;
	free(dif->count);
	tunnel_gone(t);
}

static void
command_done(struct data_cmd *c)
{
	switch ((enum data_cmd_type)c->type) {
	case DATA_IF_REMOVE:
		if_came(c->iface);
		break;
	case DATA_FENCE:
		sadb_gone(c->sa->owner);
		break;
	case DATA_SA_LEAVE:
		join(c->sa->owner);
		break;
	case DATA_HOLD_END:
		hold_came(c->sa->owner);
		break;
	default:
		break;
	}
	freezero(c, sizeof(*c));
}

/* Of what was removed meanwhile as well; see data.h. */
static void
event_came(struct data_event *ev)
{
	switch ((enum data_cmd_type)ev->type) {
	case DATA_EV_LOW:
		reserve_low(ev->owner);
		break;
	case DATA_EV_GONE:
		tunnel_lost(ev->owner);
		break;
	case DATA_EV_MOVED:
		sa_moved(ev->owner);
		break;
	case DATA_EV_PROBE:
		wire_probed(ev->owner);
		break;
	case DATA_EV_USED:
		sa_used(ev->owner);
		break;
	case DATA_EV_ACTIVE:
		sa_active(ev->owner);
		break;
	case DATA_EV_LIFE:
		sa_life(ev->owner);
		break;
	case DATA_EV_NOSA:
		tunnel_nosa(ev->owner);
		break;
	case DATA_EV_HOP:
		hop_failed(ev->owner);
		break;
	default:
		command_done((struct data_cmd *)ev);
	}
}

/*
 * Some of it at a time: a flush of many SAs comes back at once, and each has
 * something for the ledger, which is not sent faster than the parent reads.
 */
static void
take_events(void *arg)
{
	struct data_node *n;
	int i;

	(void)arg;
	if (todo == NULL)
		todo = data_queue_take(&done);
	for (i = 0; i < EVENTS_MAX && (n = todo) != NULL &&
	    engine_unsent() < UNSENT_MAX; i++) {
		todo = n->next;
		/* commands and events begin alike */
		event_came((struct data_event *)n);
	}
	if (todo == NULL)
		event_add(said, NULL);
	else {
		event_del(said);
		due_set(&rest, engine_ms() + (i < EVENTS_MAX ? UNSENT_MS : 0));
	}
}

static void
worker_says(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_events(arg);
}

void
workers_listen(struct event_base *base)
{
	said = event_new(base, done.fd[0], EV_READ | EV_PERSIST, worker_says,
	    NULL);
	if (said == NULL || event_add(said, NULL) == -1)
		fatal("events");
}
