/* SPDX-License-Identifier: ISC */
/*
 * The SA database: which SAs there are, which may live side by side, and the
 * way of each from waiting to working to gone.  The main thread alone is here;
 * of data_sa it touches, once the worker has it, only what is atomic.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <event2/event.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define LARVAL_MS	60000	/* an SPI may wait so long for its keys */
#define CACHE_LINE	64
#define HOT_SIZE	((sizeof(struct data_sa) + CACHE_LINE - 1) / \
			 CACHE_LINE * CACHE_LINE)
#define PAIR_MS		5000	/* between the two of a pair, at most */

static int	cmp_id(const struct sa *, const struct sa *);
static int	cmp_spi(const struct sa *, const struct sa *);
static int	cmp_digest(const struct sa *, const struct sa *);
static int	cmp_drain(const struct sa *, const struct sa *);

static void	due(void *);

RB_HEAD(sa_ids, sa);
RB_HEAD(sa_spis, sa);
RB_HEAD(sa_digests, sa);
RB_HEAD(sa_drains, sa);
RB_PROTOTYPE(sa_ids, sa, by_id, cmp_id)
RB_GENERATE(sa_ids, sa, by_id, cmp_id)
RB_PROTOTYPE(sa_spis, sa, by_spi, cmp_spi)
RB_GENERATE(sa_spis, sa, by_spi, cmp_spi)
RB_PROTOTYPE(sa_digests, sa, by_digest, cmp_digest)
RB_GENERATE(sa_digests, sa, by_digest, cmp_digest)
RB_PROTOTYPE(sa_drains, sa, by_spi, cmp_drain)
RB_GENERATE(sa_drains, sa, by_spi, cmp_drain)

static struct sa_ids	ids = RB_INITIALIZER(&ids);
static struct sa_spis	spis = RB_INITIALIZER(&spis);
static struct sa_digests digests = RB_INITIALIZER(&digests);
static struct sas	larvals = TAILQ_HEAD_INITIALIZER(larvals);
static struct sa_drains	drains = RB_INITIALIZER(&drains);
/* Removed, but the worker may not know yet; the last one first. */
static struct sas	leaving = TAILQ_HEAD_INITIALIZER(leaving);
static unsigned int	count;

static int
cmp_id(const struct sa *a, const struct sa *b)
{
	return a->id < b->id ? -1 : a->id > b->id;
}

static int
cmp_spi(const struct sa *a, const struct sa *b)
{
	if (a->req.spi != b->req.spi)
		return a->req.spi < b->req.spi ? -1 : 1;
	return memcmp(&a->req.dst, &b->req.dst, sizeof(a->req.dst));
}

static int
cmp_digest(const struct sa *a, const struct sa *b)
{
	int r = memcmp(a->digest, b->digest, sizeof(a->digest));

	return r != 0 ? r : cmp_id(a, b);
}

/* One that drains is not in the way of another of its SPI. */
static int
cmp_drain(const struct sa *a, const struct sa *b)
{
	int r = cmp_spi(a, b);

	return r != 0 ? r : cmp_id(a, b);
}

/* The next SA after this place that has the same cipher key, or NULL. */
static struct sa *
same_key(const uint8_t digest[KEY_DIGEST_LEN], uint64_t after)
{
	struct sa key, *sa;

	memset(&key, 0, sizeof(key));
	memcpy(key.digest, digest, KEY_DIGEST_LEN);
	key.id = after + 1;
	sa = RB_NFIND(sa_digests, &digests, &key);
	if (sa == NULL || memcmp(sa->digest, digest, KEY_DIGEST_LEN) != 0)
		return NULL;
	return sa;
}

static const char *
dir_name(const struct sa *sa)
{
	return sa->req.dir == SA_IN ? "in" : "out";
}

static int
sha256(const uint8_t *p, size_t len, uint8_t out[KEY_DIGEST_LEN])
{
	return EVP_Digest(p, len, out, NULL, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

/* Digest of the cipher key alone, and of every key octet. */
static int
digest_keys(struct sa *sa, const struct sa_request *req)
{
	uint8_t all[2 * SA_KEYLEN_MAX];
	int r;

	memcpy(all, req->key, req->keylen);
	memcpy(all + req->keylen, req->authkey, req->authkeylen);
	r = sha256(all, req->keylen + req->authkeylen, sa->ident) |
	    sha256(req->key, sa->suite->keylen, sa->digest);
	explicit_bzero(all, sizeof(all));
	return r;
}

/*
 * What packets need, the cipher's state behind it: in one place, so that a
 * packet has few pages of memory to go to.  With no number to send yet.
 */
static int
make_hot(struct sa *sa, const struct sa_request *req, char *why, size_t size)
{
	struct esp_params p = {
		.suite = sa->suite, .backend = crypto_backend(),
		.dir = req->dir == SA_IN ? ESP_IN : ESP_OUT,
		.esn = (req->flags & SA_F_ESN) != 0,
		.spi = req->spi, .replay = sa->req.replay, .seq = req->seq,
		.limit = req->seq,
		.key = req->key, .keylen = req->keylen,
		.authkey = req->authkey, .authkeylen = req->authkeylen
	};
	const char *complaint;
	size_t need;
	char *mem;

	if (req->keylen != sa->suite->keylen + sa->suite->saltlen) {
		snprintf(why, size, "key has %u octets, %s takes %zu (%zu and "
		    "%zu of salt)", req->keylen, sa->suite->enc,
		    sa->suite->keylen + sa->suite->saltlen, sa->suite->keylen,
		    sa->suite->saltlen);
		return EINVAL;
	}
	if ((complaint = esp_params_check(&p)) != NULL) {
		snprintf(why, size, "%s", complaint);
		return EINVAL;
	}
	need = (esp_sa_size(&p) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	mem = aligned_alloc(CACHE_LINE, HOT_SIZE + need);
	if (mem == NULL) {
		snprintf(why, size, "out of memory");
		return ENOMEM;
	}
	memset(mem, 0, HOT_SIZE);
	sa->hot = (struct data_sa *)(void *)mem;
	if ((sa->hot->esp = esp_sa_init(mem + HOT_SIZE, need, &p)) == NULL) {
		snprintf(why, size, "cipher: %s", strerror(errno));
		return errno;
	}
	return 0;
}

struct sa *
sa_new(const struct sa_request *req, const struct iface_conf *conf, int *error,
    char *why, size_t size)
{
	struct sa *sa;

	if ((sa = calloc(1, sizeof(*sa))) == NULL) {
		*error = ENOMEM;
		snprintf(why, size, "out of memory");
		return NULL;
	}
	if ((sa->suite = esp_suite_find(req->enc, req->auth)) == NULL) {
		*error = EPROTONOSUPPORT;
		snprintf(why, size, "unknown suite %s %s", req->enc, req->auth);
		sa_free(sa);
		return NULL;
	}
	sa->req = *req;
	key_wipe(&sa->req);
	if (!(req->flags & SA_F_REPLAY))
		sa->req.replay = conf->replay;
	if ((*error = path_for(conf, req, &sa->req_path, why, size)) != 0 ||
	    (*error = make_hot(sa, req, why, size)) != 0) {
		sa_free(sa);
		return NULL;
	}
	if (digest_keys(sa, req) != 0) {
		*error = EIO;
		snprintf(why, size, "digest of the key failed");
		sa_free(sa);
		return NULL;
	}
	data_sa_init(sa->hot, sa);
	sa->path = sa->hot->path = sa->req_path;
	sa->hot->follow = req->dir == SA_IN && !conf->nofollow;
	sa->hot->spi = req->spi;
	sa->id = engine_id();
	sa->added = time(NULL);
	sa->added_ms = engine_ms();
	due_init(&sa->due, due, sa);
	return sa;
}

struct sa *
sa_new_larval(const struct sa_request *req)
{
	struct sa *sa;

	if ((sa = calloc(1, sizeof(*sa))) == NULL ||
	    (sa->early = workers_hold(req->spi, &req->dst)) == NULL) {
		free(sa);
		return NULL;
	}
	sa->req = *req;
	sa->state = SA_LARVAL;
	sa->id = engine_id();
	sa->added = time(NULL);
	sa->added_ms = engine_ms();
	due_init(&sa->due, due, sa);
	due_set(&sa->due, sa->added_ms + LARVAL_MS);
	RB_INSERT(sa_ids, &ids, sa);
	RB_INSERT(sa_spis, &spis, sa);
	TAILQ_INSERT_TAIL(&larvals, sa, entry);
	count++;
	return sa;
}

void
sa_free(struct sa *sa)
{
	if (sa->hot != NULL)
		esp_sa_clear(sa->hot->esp);
	free(sa->hot);
	freezero(sa, sizeof(*sa));
}

int
sa_conflict(const struct sa *sa, const struct sa *o, char *why, size_t size)
{
	char dst[ADDR_STRLEN];

	if (cmp_spi(sa, o) == 0) {
		snprintf(why, size, "spi 0x%08x dst %s exists already "
		    "(on %s)", sa->req.spi, addr_print(&sa->req.dst, dst),
		    o->req.iface);
		return EEXIST;
	}
	/* two of one AEAD key would send the same nonces, or receive ours */
	if (memcmp(sa->digest, o->digest, sizeof(sa->digest)) != 0 ||
	    (sa->req.dir == SA_IN && o->req.dir == SA_IN))
		return 0;
	if (sa->req.dir != o->req.dir)
		snprintf(why, size, "spi 0x%08x: its key is in use in the "
		    "other direction by spi 0x%08x; make a key for each "
		    "direction with 'secctl genkey'", sa->req.spi,
		    o->req.spi);
	else
		snprintf(why, size, "spi 0x%08x: its key is in use by the "
		    "outbound SA with spi 0x%08x; make another with 'secctl "
		    "genkey'", sa->req.spi, o->req.spi);
	return EADDRINUSE;
}

int
sadb_conflict(const struct sa *sa, int (*leaves)(const struct sa *), char *why,
    size_t size)
{
	struct sa *o = sadb_find(sa->req.spi, &sa->req.dst);
	int error;

	if (o != NULL && (leaves == NULL || !leaves(o)))
		return sa_conflict(sa, o, why, size);
	for (o = same_key(sa->digest, 0); o != NULL;
	    o = same_key(sa->digest, o->id))
		if (o->state != SA_DRAINING &&
		    (leaves == NULL || !leaves(o)) &&
		    (error = sa_conflict(sa, o, why, size)) != 0)
			return error;
	return 0;
}

/*
 * One that drains, or has been removed, and would be in the way: its packets
 * would be taken for the new one's, or its numbers be missed by the ledger.
 */
static struct sa *
draining_twin(const struct sa *sa)
{
	struct sa key, *o;

	memset(&key, 0, sizeof(key));
	key.req.spi = sa->req.spi;
	key.req.dst = sa->req.dst;
	o = RB_NFIND(sa_drains, &drains, &key);
	if (o != NULL && cmp_spi(o, sa) == 0)
		return o;
	for (o = same_key(sa->digest, 0); o != NULL;
	    o = same_key(sa->digest, o->id))
		if (o->state == SA_DRAINING)
			return o;
	return NULL;
}

/* The last of these; there are few, for the worker is quick. */
static struct sa *
leaving_twin(const struct sa *sa)
{
	struct sa *o;

	TAILQ_FOREACH(o, &leaving, entry)
		if (cmp_spi(o, sa) == 0 || memcmp(o->digest, sa->digest,
		    sizeof(o->digest)) == 0)
			return o;
	return NULL;
}

/*
 * SAs are made in pairs, one after the other in either order.  When the peer is
 * heard on one, it is known to have the other.
 */
static void
find_pair(struct sa *sa)
{
	struct sa *o = tunnel_newest(sa->tunnel, sa->req.dir == SA_IN ?
	    SA_OUT : SA_IN);

	if (o == NULL || o->pair != NULL ||
	    sa->added_ms - o->added_ms > PAIR_MS)
		return;
	o->pair = sa;
	sa->pair = o;
}

int
sadb_insert(struct sa *sa, struct tunnel *t)
{
	struct sa *twin, *last;

	sa->tunnel = t;
	sa->state = SA_WAITING;
	sa->hot->iface = t->hot;
	strlcpy(sa->req.iface, t->conf.name, sizeof(sa->req.iface));
	RB_INSERT(sa_ids, &ids, sa);
	RB_INSERT(sa_spis, &spis, sa);
	RB_INSERT(sa_digests, &digests, sa);
	find_pair(sa);
	tunnel_add(sa);
	workers_place(sa);
	wire_count(sa, 1);
	count++;
	sa->narrow = t->narrow && (sa->req.flags & SA_F_IKE);
	life_arm(sa);
	sadb_schedule(sa);
	while ((twin = draining_twin(sa)) != NULL)
		sadb_remove(twin, NULL, NULL, "its like is added again");
	/* the last of them; there may be others, of other workers */
	last = leaving_twin(sa);
	if (last == NULL || (last->successor != NULL && last->successor != sa))
		return 1;
	if (sa->predecessor != NULL)
		sa->predecessor->successor = NULL;
	last->successor = sa;
	sa->predecessor = last;
	return 0;
}

/* The worker has, or will have, nobody to keep packets for. */
static void
end_hold(struct sa *sa)
{
	if (sa->early != NULL)
		workers_end_hold(sa->early);
	sa->early = NULL;
}

void
sadb_activate(struct sa *sa)
{
	struct tunnel *t = sa->tunnel;
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];

	sa->state = sa->req.dir == SA_IN ? SA_ACTIVE : SA_STANDBY;
	sa->usable_ms = engine_ms();
	workers_add_sa(sa);
	if (sa->req.dir == SA_IN) {
		end_hold(sa);
		t->nin++;
	} else
		t->nout++;
	log_info("%s: sa %s spi 0x%08x %s -> %s %s%s%s%s added", t->conf.name,
	    dir_name(sa), sa->req.spi, addr_print(&sa->req.src, src),
	    addr_print(&sa->req.dst, dst), sa->suite->enc,
	    sa->suite->auth != NULL ? " " : "",
	    sa->suite->auth != NULL ? sa->suite->auth : "",
	    (sa->req.flags & SA_F_ESN) ? " esn" : "");
	tunnel_works(sa);
	if (sa->job != NULL) {
		job_end(sa->job);
		sa->job = NULL;
	}
}

/* An SPI that nobody made an SA of: no worker and no ledger knows of it. */
static void
remove_larval(struct sa *sa)
{
	end_hold(sa);
	due_clear(&sa->due);
	RB_REMOVE(sa_ids, &ids, sa);
	RB_REMOVE(sa_spis, &spis, sa);
	TAILQ_REMOVE(&larvals, sa, entry);
	count--;
	sa_free(sa);
}

/* Nobody finds it any more, and it waits for nothing. */
static void
forget(struct sa *sa)
{
	RB_REMOVE(sa_ids, &ids, sa);
	if (sa->state == SA_DRAINING)
		RB_REMOVE(sa_drains, &drains, sa);
	else
		RB_REMOVE(sa_spis, &spis, sa);
	RB_REMOVE(sa_digests, &digests, sa);
	due_clear(&sa->due);
	books_close(sa);
	wire_count(sa, -1);
	if (sa->pair != NULL)
		sa->pair->pair = NULL;
	sa->pair = NULL;
	count--;
}

void
sadb_remove(struct sa *sa, struct job *job, struct sa *successor,
    const char *reason)
{
	struct tunnel *t = sa->tunnel;

	if (sa->state == SA_LARVAL) {
		remove_larval(sa);
		return;
	}
	reserve_cancel(sa);
	end_hold(sa);
	if (sa->predecessor != NULL)
		sa->predecessor->successor = NULL;
	if (sa->job != NULL) {
		job_fail(sa->job, ECANCELED, sa->index, "spi 0x%08x: removed "
		    "while it waited for the ledger: %s", sa->req.spi, reason);
		job_end(sa->job);
		sa->job = NULL;
	}
	forget(sa);
	if (sa->state != SA_WAITING) {
		if (sa->req.dir == SA_IN)
			t->nin--;
		else
			t->nout--;
		log_info("%s: sa %s spi 0x%08x removed: %s", t->conf.name,
		    dir_name(sa), sa->req.spi, reason);
	}
	/* events that are on their way find it so */
	sa->removed = 1;
	tunnel_without(sa, reason);
	sa->state = SA_DRAINING;
	sa->job = job;
	sa->successor = successor;
	if (successor != NULL)
		successor->predecessor = sa;
	if (job != NULL)
		job->pending++;
	TAILQ_INSERT_HEAD(&leaving, sa, entry);
	workers_remove_sa(sa);
}

int
sadb_move(struct sa *sa, const struct sa_request *to, char *why, size_t size)
{
	struct sa_request req = sa->req;
	struct data_path path;
	struct sa *o;
	int error;

	/* a change of lifetimes says nothing of NATs */
	if (!to->encap && addr_equal(&to->src, &req.src) &&
	    addr_equal(&to->dst, &req.dst))
		return 0;
	req.src = to->src;
	req.dst = to->dst;
	req.encap = to->encap;
	req.sport = to->sport;
	req.dport = to->dport;
	map_ports(&req);
	o = sadb_find(req.spi, &req.dst);
	if (o != NULL && o != sa) {
		snprintf(why, size, "there is an SA of that spi already");
		return EEXIST;
	}
	if ((error = path_for(&sa->tunnel->conf, &req, &path, why, size)) != 0)
		return error;
	RB_REMOVE(sa_spis, &spis, sa);
	wire_count(sa, -1);
	sa->req = req;
	RB_INSERT(sa_spis, &spis, sa);
	sa->path = sa->req_path = path;
	wire_count(sa, 1);
	workers_move_sa(sa);
	if (sa == sa->tunnel->out)
		keepalive_start(sa->tunnel);
	hop_update(sa->tunnel);
	return 0;
}

void
sadb_end(struct sa *sa, struct job *job, const char *reason)
{
	if (sa->state != SA_LARVAL && sa->state != SA_DRAINING)
		life_tell(sa, 1);
	sadb_remove(sa, job, NULL, reason);
}

void
sadb_drain(struct sa *sa, int ms, const char *reason)
{
	log_debug("%s: sa %s spi 0x%08x drains: %s", sa->req.iface,
	    dir_name(sa), sa->req.spi, reason);
	RB_REMOVE(sa_spis, &spis, sa);
	RB_INSERT(sa_drains, &drains, sa);
	tunnel_drains(sa);
	sa->state = SA_DRAINING;
	due_set(&sa->due, engine_ms() + ms);
}

/* The same key under new parameters: nothing is seen twice. */
static void
inherit_seen(const struct sa *gone)
{
	struct sa *sa;

	for (sa = same_key(gone->digest, 0); sa != NULL;
	    sa = same_key(gone->digest, sa->id))
		if (sa->req.dir == SA_IN && sa->state == SA_WAITING)
			esp_sa_advance(sa->hot->esp,
			    esp_sa_seq(gone->hot->esp));
}

/*
 * What sa waited for has gone; its workers let go in their own time, and there
 * may be another one still.
 */
static void
succeed(struct sa *sa)
{
	struct sa *other = leaving_twin(sa);

	if (other != NULL && other->successor == NULL) {
		other->successor = sa;
		sa->predecessor = other;
	} else if (sa->reserved)
		sadb_activate(sa);
	else
		reserve_first(sa);
}

void
sadb_gone(struct sa *sa)
{
	struct job *job = sa->job;
	struct sa *next = sa->successor;

	TAILQ_REMOVE(&leaving, sa, entry);
	/* a low mark may have been told after the removal */
	reserve_cancel(sa);
	if (sa->req.dir == SA_IN)
		reserve_seen(sa);
	if (sa->req.dir == SA_IN)
		inherit_seen(sa);
	if (next != NULL) {
		next->predecessor = NULL;
		succeed(next);
	}
	/* a static key is never forgotten, so there is nothing to tell */
	if (!(sa->req.flags & SA_F_STATIC) && same_key(sa->digest, 0) == NULL)
		reserve_release(sa);
	sa_free(sa);
	if (job != NULL)
		job_end(job);
}

struct sa *
sadb_find(uint32_t spi, const struct ip_addr *dst)
{
	struct sa key;

	memset(&key, 0, sizeof(key));
	key.req.spi = spi;
	key.req.dst = *dst;
	return RB_FIND(sa_spis, &spis, &key);
}

struct sa *
sadb_find_next(uint32_t spi, struct sa *at)
{
	struct sa key;

	if (at != NULL)
		at = RB_NEXT(sa_spis, &spis, at);
	else {
		/* no address is less than none */
		memset(&key, 0, sizeof(key));
		key.req.spi = spi;
		at = RB_NFIND(sa_spis, &spis, &key);
	}
	return at != NULL && at->req.spi == spi ? at : NULL;
}

const struct sas *
sadb_larvals(void)
{
	return &larvals;
}

struct sa *
sadb_after(uint64_t id)
{
	struct sa key;

	memset(&key, 0, sizeof(key));
	key.id = id + 1;
	return RB_NFIND(sa_ids, &ids, &key);
}

void
sadb_schedule(struct sa *sa)
{
	int64_t life, known;

	/* these have their one end */
	if (sa->state == SA_LARVAL || sa->state == SA_DRAINING || sa->removed)
		return;
	life = life_next(sa);
	known = tunnel_known_ms(sa);
	due_set(&sa->due, life < known ? life : known);
}

/* What it has waited for. */
static void
due(void *arg)
{
	struct sa *sa = arg;

	if (sa->state == SA_LARVAL)
		sadb_remove(sa, NULL, NULL, "never updated");
	else if (sa->state == SA_DRAINING)
		sadb_remove(sa, NULL, NULL, "deleted, and drained");
	else {
		tunnel_consider(sa);
		life_check(sa, engine_ms());
	}
}

/* The event's node is the worker's again once pending is cleared. */
void
sa_used(struct sa *sa)
{
	atomic_store(&sa->hot->ev_used.pending, 0);
	if (sa->first == 0)
		sa->first = time(NULL);
	sa->first_ms = engine_ms();
	sadb_schedule(sa);
	if (sa->req.dir == SA_IN && sa->pair != NULL)
		tunnel_consider(sa->pair);
}

/* The worker is quiet until life_arm() has set the next limit. */
void
sa_life(struct sa *sa)
{
	atomic_store(&sa->hot->life_packets, UINT64_MAX);
	atomic_store(&sa->hot->life_bytes, UINT64_MAX);
	atomic_store(&sa->hot->ev_life.pending, 0);
	if (sa->state == SA_ACTIVE || sa->state == SA_STANDBY)
		life_check(sa, engine_ms());
}

void
sadb_tell_all(void)
{
	struct sa *sa;

	RB_FOREACH(sa, sa_ids, &ids)
		if (sa->hot != NULL && sa->req.dir == SA_IN &&
		    sa->state != SA_WAITING)
			reserve_seen(sa);
}

unsigned int
sadb_count(void)
{
	return count;
}
