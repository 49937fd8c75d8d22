/* SPDX-License-Identifier: ISC */
/*
 * A peer behind a NAT whose address or port has changed (RFC 7296 2.23).  The
 * worker tells when the newest authentic packet of an SA came from elsewhere;
 * all SAs with that peer then follow, as long as none has to stay.
 */
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

static void
move_one(struct sa *sa, const struct ip_addr *to, uint16_t port)
{
	if (sa->req.dir == SA_IN) {
		sa->path.src = *to;
		sa->path.sport = port;
	} else {
		sa->path.dst = *to;
		sa->path.dport = port;
	}
	workers_move_sa(sa);
}

/* The same peer, however far it has moved since the SAs were made. */
static int
same_peer(const struct sa *moved, const struct sa *sa)
{
	const struct ip_addr *peer = sa->req.dir == SA_IN ? &sa->req.src :
	    &sa->req.dst;

	return sa->path.dport != 0 && sa->path.wire == moved->path.wire &&
	    addr_equal(peer, &moved->req.src);
}

static void
move_all(const struct sas *list, const struct sa *moved,
    const struct ip_addr *to, uint16_t port)
{
	struct sa *sa;

	TAILQ_FOREACH(sa, list, entry)
		if (sa->state != SA_WAITING && same_peer(moved, sa))
			move_one(sa, to, port);
}

void
sa_moved(struct sa *moved)
{
	static struct log_limit limit;
	const struct ip_addr to = moved->hot->moved_to;
	const uint16_t port = moved->hot->moved_port;
	char from_text[ADDR_STRLEN], to_text[ADDR_STRLEN];
	struct tunnel *t = moved->tunnel;

	/* left pending, so that it is not told for each packet */
	if (t->conf.nofollow)
		return;
	if (log_allowed(&limit))
		log_info("%s: peer moved from %s port %u to %s port %u",
		    t->conf.name, addr_print(&moved->path.src, from_text),
		    moved->path.sport, addr_print(&to, to_text), port);
	move_all(&t->ins, moved, &to, port);
	move_all(&t->outs, moved, &to, port);
	move_all(&t->drains, moved, &to, port);
	atomic_store(&moved->hot->ev_moved.pending, 0);
}
