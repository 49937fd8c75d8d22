/* SPDX-License-Identifier: ISC */
/*
 * Answers about SAs, interfaces and drops, a page at a time, without keys.
 */
#include <string.h>

#include "secd/engine/engine.h"

_Static_assert(DROP_MAX <= IPC_NDROPS, "a counter for each drop reason");

/* Reused for each answer: large, and nothing in it is secret. */
static union {
	struct msg_sa_rows	sas;
	struct msg_iface_rows	ifaces;
	struct msg_drops	drops;
} page;

static void
copy_drops(uint64_t to[IPC_NDROPS], const counter from[DROP_MAX])
{
	int i;

	for (i = 0; i < DROP_MAX; i++)
		to[i] = counter_get(&from[i]);
}

void
show_sa_row(struct msg_sa_row *r, const struct sa *sa)
{
	const struct data_sa *hot = sa->hot;

	r->id = sa->id;
	r->owner = sa->req.owner;
	r->reqid = sa->req.reqid;
	r->encap = sa->req.encap;
	r->sport = sa->req.sport;
	r->dport = sa->req.dport;
	r->rule = (uint8_t)sa->rule;
	r->narrow = (uint8_t)sa->narrow;
	r->soft = sa->req.soft;
	r->hard = sa->req.hard;
	strlcpy(r->iface, sa->req.iface, sizeof(r->iface));
	strlcpy(r->enc, sa->req.enc, sizeof(r->enc));
	strlcpy(r->auth, sa->req.auth, sizeof(r->auth));
	r->src = sa->req.src;
	r->dst = sa->req.dst;
	r->spi = sa->req.spi;
	r->replay = sa->req.replay;
	r->flags = sa->req.flags;
	r->dir = sa->req.dir;
	r->state = (uint8_t)sa->state;
	r->added = sa->added;
	if (hot == NULL)
		return;
	if (sa->req.dir == SA_OUT) {
		r->to = sa->path.dst;
		r->to_port = sa->path.dport;
	}
	r->encap = sa->path.sport != 0;
	r->first = sa->first;
	r->used = sa->used;
	r->seq = counter_get(&hot->seq);
	r->mark = sa->mark;
	r->packets = counter_get(&hot->packets);
	r->bytes = counter_get(&hot->bytes);
	copy_drops(r->drops, hot->drops);
}

void
show_sa(uint32_t id, const struct msg_cursor *c)
{
	struct msg_sa_rows *p = &page.sas;
	time_t now = time(NULL);
	struct sa *sa;

	memset(p, 0, sizeof(*p));
	for (sa = sadb_after(c->after); sa != NULL; sa = sadb_after(sa->id)) {
		if (c->iface[0] != '\0' && strcmp(c->iface, sa->req.iface) != 0)
			continue;
		if (p->count == IPC_SA_ROWS) {
			p->more = 1;
			break;
		}
		sa_touch(sa, now);
		show_sa_row(&p->rows[p->count++], sa);
	}
	engine_reply(id, MSG_SA_ROWS, p, sizeof(*p));
}

static void
iface_row(struct msg_iface_row *r, const struct tunnel *t)
{
	struct data_count sum;

	r->id = t->id;
	r->conf = t->conf;
	r->nsa_in = t->nin;
	r->nsa_out = t->nout;
	r->spi_out = t->out != NULL ? t->out->req.spi : 0;
	r->carrier = t->carrier == 1;
	r->forced = (uint8_t)t->forced;
	strlcpy(r->lost, t->lost, sizeof(r->lost));
	strlcpy(r->output_why, tunnel_output(t, &r->output_now),
	    sizeof(r->output_why));
	data_if_sum(t->hot, &sum);
	r->in_packets = counter_get(&sum.in_packets);
	r->in_bytes = counter_get(&sum.in_bytes);
	r->out_packets = counter_get(&sum.out_packets);
	r->out_bytes = counter_get(&sum.out_bytes);
	copy_drops(r->drops, sum.drops);
}

void
show_iface(uint32_t id, const struct msg_cursor *c)
{
	struct msg_iface_rows *p = &page.ifaces;
	const struct tunnel *t;

	memset(p, 0, sizeof(*p));
	for (t = tunnel_after(c->after); t != NULL; t = TAILQ_NEXT(t, entry)) {
		if (c->iface[0] != '\0' &&
		    strcmp(c->iface, t->conf.name) != 0)
			continue;
		if (p->count == IPC_IFACE_ROWS) {
			p->more = 1;
			break;
		}
		iface_row(&p->rows[p->count++], t);
	}
	engine_reply(id, MSG_IFACE_ROWS, p, sizeof(*p));
}

void
show_drops(uint32_t id)
{
	struct msg_drops *p = &page.drops;
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->count = DROP_MAX;
	for (i = 0; i < DROP_MAX; i++)
		strlcpy(p->names[i], drop_name(i), sizeof(p->names[i]));
	for (i = 0; i < DROP_MAX; i++)
		p->stray[i] = workers_stray(i);
	engine_reply(id, MSG_DROPS, p, sizeof(*p));
}
