/* SPDX-License-Identifier: ISC */
/*
 * Numbers from the parent's ledger.  An outbound SA sends nothing above the
 * last durable mark; the next step is asked for when half of it is used, and
 * is about two seconds' worth at the present rate.
 */
#include <errno.h>
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define STEP_MIN	(UINT64_C(1) << 14)
#define STEP_MAX	(UINT64_C(1) << 24)
#define STEP_MS		2000

static uint32_t	last_id;

/* Those that wait for an answer: in at once, out when the disk has written. */
RB_HEAD(askers, sa);
static struct askers askers = RB_INITIALIZER(&askers);

static int
cmp_asked(const struct sa *a, const struct sa *b)
{
	return a->asked < b->asked ? -1 : a->asked > b->asked;
}

RB_PROTOTYPE(askers, sa, by_asked, cmp_asked)
RB_GENERATE(askers, sa, by_asked, cmp_asked)

static struct sa *
asker(uint32_t id)
{
	struct sa key;

	key.asked = id;
	return RB_FIND(askers, &askers, &key);
}

static uint64_t
step(const struct sa *sa)
{
	uint64_t used = counter_get(&sa->hot->seq) - sa->granted_seq;
	int64_t ms = engine_ms() - sa->granted_ms;
	uint64_t want;

	if (sa->granted_ms == 0 || ms <= 0)
		return STEP_MIN;
	want = used * STEP_MS / (uint64_t)ms;
	return want < STEP_MIN ? STEP_MIN : want > STEP_MAX ? STEP_MAX : want;
}

static void
ask(struct sa *sa, uint64_t base, uint64_t count, uint32_t flags)
{
	struct msg_reserve m;

	memset(&m, 0, sizeof(m));
	memcpy(m.digest, sa->digest, sizeof(m.digest));
	m.base = base;
	m.count = count;
	m.max = esp_sa_seq_max(sa->hot->esp);
	m.flags = flags;
	if (sa->req.flags & SA_F_STATIC)
		m.flags |= RESERVE_STATIC;
	if (++last_id == 0)
		last_id = 1;
	sa->asked = last_id;
	RB_INSERT(askers, &askers, sa);
	engine_to_parent(MSG_RESERVE, sa->asked, &m, sizeof(m));
}

void
reserve_first(struct sa *sa)
{
	if (sa->req.dir == SA_IN)
		ask(sa, sa->req.seq, 0, RESERVE_FIRST | RESERVE_IN);
	else
		ask(sa, sa->req.seq, STEP_MIN, RESERVE_FIRST);
}

/*
 * The event's node is ours until pending is cleared; the worker is then told to
 * be quiet until the grant.
 */
void
reserve_low(struct sa *sa)
{
	atomic_store(&sa->hot->low, UINT64_MAX);
	atomic_store(&sa->hot->ev_low.pending, 0);
	reserve_more(sa);
	/* should it be refused */
	books_open(sa);
}

int
reserve_wants(const struct sa *sa)
{
	return counter_get(&sa->hot->seq) >= sa->low;
}

void
reserve_more(struct sa *sa)
{
	if (sa->asked != 0 || sa->mark >= esp_sa_seq_max(sa->hot->esp))
		return;
	ask(sa, sa->mark, step(sa), 0);
}

void
reserve_cancel(struct sa *sa)
{
	if (sa->asked != 0)
		RB_REMOVE(askers, &askers, sa);
	sa->asked = 0;
}

/* A staged SA has its answer; takeover.c goes on when all have. */
static void
staged_end(struct sa *sa)
{
	struct job *job = sa->job;

	sa->job = NULL;
	job_end(job);
}

static void
refused(struct sa *sa, const struct msg_reserved *m)
{
	static struct log_limit limit;

	if (sa->state != SA_WAITING) {
		/* asked again with the next look into its books */
		if (log_allowed(&limit))
			log_warnx("%s: sa out spi 0x%08x: no numbers to send "
			    "with: %s", sa->req.iface, sa->req.spi, m->text);
		return;
	}
	log_warnx("%s: sa spi 0x%08x refused: %s", sa->req.iface, sa->req.spi,
	    m->text);
	if (sa->job != NULL)
		job_fail(sa->job, m->error, sa->index, "spi 0x%08x: %s",
		    sa->req.spi, m->text);
	if (sa->tunnel != NULL)
		sadb_end(sa, NULL, "refused by the ledger");
	else
		staged_end(sa);
}

/*
 * Let the worker use the numbers above start up to top, and say when half of
 * them are gone.  If they do not follow those it has, somebody else was given
 * the ones between.
 */
static void
grant(struct sa *sa, uint64_t start, uint64_t top)
{
	struct data_sa *hot = sa->hot;

	if (start != sa->mark)
		atomic_store(&hot->floor, start);
	sa->low = top == esp_sa_seq_max(hot->esp) ? UINT64_MAX :
	    start + (top - start) / 2;
	atomic_store(&hot->low, sa->low);
	atomic_store(&hot->limit, top);
	sa->granted_seq = counter_get(&hot->seq);
	sa->granted_ms = engine_ms();
	sa->mark = top;
}

void
reserve_answer(uint32_t id, const struct msg_reserved *m)
{
	struct sa *sa = id == 0 ? NULL : asker(id);
	struct data_sa *hot;

	if (sa == NULL)
		return;
	hot = sa->hot;
	sa->reserved = 1;
	reserve_cancel(sa);
	if (m->error != 0) {
		refused(sa, m);
		return;
	}
	if (sa->state != SA_WAITING) {
		grant(sa, m->start, m->top);
		return;
	}
	/* not the worker's yet: the SA itself may be touched */
	esp_sa_advance(hot->esp, sa->req.dir == SA_IN ? m->seen : m->start);
	atomic_store(&hot->seq, esp_sa_seq(hot->esp));
	if (sa->req.dir == SA_IN)
		sa->told = m->seen;
	else
		grant(sa, m->start, m->top);
	if (sa->tunnel != NULL)
		sadb_activate(sa);
	else
		staged_end(sa);
}

void
reserve_seen(struct sa *sa)
{
	uint64_t seq = counter_get(&sa->hot->seq);
	struct msg_seen m;

	if (seq == sa->told)
		return;
	memset(&m, 0, sizeof(m));
	memcpy(m.digest, sa->digest, sizeof(m.digest));
	m.seq = seq;
	m.flags = (sa->req.flags & SA_F_STATIC) ? RESERVE_STATIC : 0;
	sa->told = seq;
	engine_to_parent(MSG_SEEN, 0, &m, sizeof(m));
}

void
reserve_release(struct sa *sa)
{
	struct msg_release m;

	memcpy(m.digest, sa->digest, sizeof(m.digest));
	engine_to_parent(MSG_RELEASE, 0, &m, sizeof(m));
}
