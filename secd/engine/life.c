/* SPDX-License-Identifier: ISC */
/*
 * Lifetimes (RFC 4301 4.4.2.1): when an SA should be replaced, and when it
 * ends.  Time, packets, octets, and nine tenths of the sequence numbers, which
 * is a soft limit of ours.  Packets and octets are the worker's to watch, the
 * next end by time is awaited, and numbers are looked at with the books.
 */
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

/* 0 is no limit, and the worker's word for that is the largest number. */
static uint64_t
limit(uint64_t n)
{
	return n == 0 ? UINT64_MAX : n;
}

void
life_arm(struct sa *sa)
{
	const struct sa_life *l = sa->soft_told ? &sa->req.hard : &sa->req.soft;
	uint64_t packets = limit(l->packets), bytes = limit(l->bytes);

	/* a hard limit below the soft one counts all the same */
	if (limit(sa->req.hard.packets) < packets)
		packets = sa->req.hard.packets;
	if (limit(sa->req.hard.bytes) < bytes)
		bytes = sa->req.hard.bytes;
	atomic_store(&sa->hot->life_packets, packets);
	atomic_store(&sa->hot->life_bytes, bytes);
}

/* So many seconds after that; 0 or too many: never. */
static int64_t
later(int64_t ms, uint64_t seconds)
{
	if (seconds == 0 || seconds > (uint64_t)(INT64_MAX - ms) / 1000)
		return DUE_NEVER;
	return ms + (int64_t)seconds * 1000;
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When one of these ends by time. */
static int64_t
ends(const struct sa *sa, const struct sa_life *l)
{
	int64_t ms = later(sa->added_ms, l->added);

	if (sa->first_ms != 0)
		ms = sooner(ms, later(sa->first_ms, l->used));
	return ms;
}

int64_t
life_next(const struct sa *sa)
{
	int64_t ms = ends(sa, &sa->req.hard);

	return sa->soft_told ? ms : sooner(ms, ends(sa, &sa->req.soft));
}

static int
reached(uint64_t is, uint64_t most)
{
	return most != 0 && is >= most;
}

/* Which limit of these has been reached, or NULL. */
static const char *
ended(const struct sa *sa, const struct sa_life *l, int64_t now_ms)
{
	const struct data_sa *hot = sa->hot;

	if (reached((uint64_t)(now_ms - sa->added_ms) / 1000, l->added))
		return "its time is over";
	if (sa->first_ms != 0 &&
	    reached((uint64_t)(now_ms - sa->first_ms) / 1000, l->used))
		return "its time of use is over";
	if (reached(counter_get(&hot->bytes), l->bytes))
		return "it has carried its octets";
	if (reached(counter_get(&hot->packets), l->packets))
		return "it has carried its packets";
	return NULL;
}

void
life_tell(struct sa *sa, int hard)
{
	struct msg_expired m;

	if (!(sa->req.flags & SA_F_IKE))
		return;
	memset(&m, 0, sizeof(m));
	m.hard = (uint32_t)hard;
	sa_touch(sa, time(NULL));
	show_sa_row(&m.row, sa);
	engine_tell(MSG_EXPIRED, &m, sizeof(m));
}

void
life_check(struct sa *sa, int64_t now_ms)
{
	uint64_t seq = counter_get(&sa->hot->seq);
	uint64_t most = esp_sa_seq_max(sa->hot->esp);
	const char *why;

	why = ended(sa, &sa->req.hard, now_ms);
	/* an outbound one without numbers sends nothing any more */
	if (why == NULL && (sa->req.flags & SA_F_IKE) && seq == most)
		why = "its sequence numbers are used up";
	if (why != NULL) {
		sadb_end(sa, NULL, why);
		return;
	}
	if (!sa->soft_told) {
		why = ended(sa, &sa->req.soft, now_ms);
		if (why == NULL && seq >= most - most / 10)
			why = "nine tenths of its sequence numbers are used";
		if (why != NULL) {
			sa->soft_told = 1;
			log_info("%s: sa %s spi 0x%08x should be replaced: %s",
			    sa->req.iface, sa->req.dir == SA_IN ? "in" : "out",
			    sa->req.spi, why);
			life_tell(sa, 0);
		}
	}
	life_arm(sa);
	sadb_schedule(sa);
}
