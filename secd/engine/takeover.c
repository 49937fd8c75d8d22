/* SPDX-License-Identifier: ISC */
/*
 * Taking over a configuration whole or not at all.  Interfaces and SAs are
 * staged as they arrive; at the end all are checked, the ledger is asked for
 * every new key, and only when nothing can fail any more is what differs
 * changed.  What stays the same does not notice.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

struct staged_if {
	TAILQ_ENTRY(staged_if)	 entry;
	struct iface_conf	 conf;
	int			 fd;
	int			 forced;
	unsigned int		 takes;
};

/* An SA of the configuration that is there already and stays. */
struct kept {
	TAILQ_ENTRY(kept)	 entry;
	uint32_t		 spi;
	struct ip_addr		 dst;
};

static TAILQ_HEAD(, staged_if)	ifs = TAILQ_HEAD_INITIALIZER(ifs);
static TAILQ_HEAD(, kept)	keeps = TAILQ_HEAD_INITIALIZER(keeps);
static struct sas		staged = TAILQ_HEAD_INITIALIZER(staged);
static int			busy;
static struct msg_conf_done	verdict;

static void
clear(void)
{
	struct staged_if *si;
	struct kept *k;
	struct sa *sa;

	while ((si = TAILQ_FIRST(&ifs)) != NULL) {
		TAILQ_REMOVE(&ifs, si, entry);
		if (si->fd != -1)
			close(si->fd);
		free(si);
	}
	while ((k = TAILQ_FIRST(&keeps)) != NULL) {
		TAILQ_REMOVE(&keeps, k, entry);
		free(k);
	}
	while ((sa = TAILQ_FIRST(&staged)) != NULL) {
		TAILQ_REMOVE(&staged, sa, entry);
		reserve_cancel(sa);
		sa_free(sa);
	}
}

static void __attribute__((format(printf, 3, 4)))
fail(int error, uint32_t index, const char *fmt, ...)
{
	va_list ap;

	if (verdict.error != 0)
		return;
	verdict.error = error;
	verdict.index = index;
	va_start(ap, fmt);
	vsnprintf(verdict.text, sizeof(verdict.text), fmt, ap);
	va_end(ap);
}

static struct staged_if *
staged_find(const char *name)
{
	struct staged_if *si;

	TAILQ_FOREACH(si, &ifs, entry)
		if (strcmp(si->conf.name, name) == 0)
			return si;
	return NULL;
}

static int
kept(const struct sa *sa)
{
	const struct kept *k;

	TAILQ_FOREACH(k, &keeps, entry)
		if (k->spi == sa->req.spi && addr_equal(&k->dst, &sa->req.dst))
			return 1;
	return 0;
}

int
takeover_busy(void)
{
	return busy;
}

void
takeover_begin(void)
{
	clear();
	memset(&verdict, 0, sizeof(verdict));
	verdict.index = UINT32_MAX;
}

void
takeover_iface(const struct msg_conf_iface *m, int fd)
{
	const char *complaint = iface_conf_check(&m->conf);
	struct staged_if *si;

	if (complaint != NULL || staged_find(m->conf.name) != NULL ||
	    (tunnel_find(m->conf.name) == NULL) != (fd != -1)) {
		if (fd != -1)
			close(fd);
		fail(EINVAL, UINT32_MAX, "%s: %s", complaint != NULL ?
		    "interface" : m->conf.name, complaint != NULL ? complaint :
		    "device sent twice or not at all");
		return;
	}
	if ((si = calloc(1, sizeof(*si))) == NULL)
		fatal("takeover");
	si->conf = m->conf;
	si->forced = m->forced != 0;
	si->takes = m->takes;
	si->fd = fd;
	TAILQ_INSERT_TAIL(&ifs, si, entry);
}

static void
keep(const struct sa_request *req)
{
	struct kept *k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		fatal("takeover");
	k->spi = req->spi;
	k->dst = req->dst;
	TAILQ_INSERT_TAIL(&keeps, k, entry);
}

/* Is the SA that is there the very same, so that it need not be touched? */
static int
unchanged(const struct sa *sa)
{
	const struct sa *o = sadb_find(sa->req.spi, &sa->req.dst);

	return o != NULL && (o->req.flags & SA_F_CONF) &&
	    strcmp(o->req.iface, sa->req.iface) == 0 &&
	    o->suite == sa->suite && o->req.dir == sa->req.dir &&
	    o->req.flags == sa->req.flags && o->req.replay == sa->req.replay &&
	    memcmp(&o->req_path, &sa->req_path, sizeof(o->req_path)) == 0 &&
	    (o->hot->follow == sa->hot->follow || sa->path.dport == 0) &&
	    memcmp(o->ident, sa->ident, sizeof(o->ident)) == 0;
}

static void
stage(struct sa_request *req, uint32_t index, int fd)
{
	const struct staged_if *si;
	char why[IPC_TEXTLEN - 40];
	const char *complaint;
	struct sa *sa;
	int error;

	if ((complaint = sa_request_check(req)) != NULL) {
		fail(EINVAL, index, "sa: %s", complaint);
		return;
	}
	if ((si = staged_find(req->iface)) == NULL) {
		fail(ENXIO, index, "%s: no such interface", req->iface);
		return;
	}
	if (key_read(fd, req, why, sizeof(why)) == -1) {
		fail(EINVAL, index, "spi 0x%08x: %s", req->spi, why);
		return;
	}
	sa = sa_new(req, &si->conf, &error, why, sizeof(why));
	key_wipe(req);
	if (sa == NULL) {
		fail(error, index, "spi 0x%08x: %s", req->spi, why);
		return;
	}
	if (unchanged(sa)) {
		keep(&sa->req);
		sa_free(sa);
		return;
	}
	sa->index = index;
	TAILQ_INSERT_TAIL(&staged, sa, entry);
}

void
takeover_sa(const struct msg_conf_sa *m, int fd)
{
	struct sa_request req = m->sa;

	/* one message's fault ends the takeover, the rest is only drained */
	if (verdict.error != 0)
		return;
	if (m->keep)
		keep(&req);
	else if (fd == -1)
		fail(EINVAL, m->index, "key file missing");
	else
		stage(&req, m->index, fd);
}

/* Does an SA that is there go away with the configuration it came from? */
static int
leaves(const struct sa *sa)
{
	return (sa->req.flags & SA_F_CONF) && !kept(sa);
}

/* Each staged SA against those that stay, and against those before it. */
static void
check(void)
{
	char why[IPC_TEXTLEN];
	struct sa *sa, *o;
	int error;

	TAILQ_FOREACH(sa, &staged, entry) {
		if ((error = sadb_conflict(sa, leaves, why, sizeof(why))) != 0)
			fail(error, sa->index, "%s", why);
		for (o = TAILQ_FIRST(&staged); o != sa;
		    o = TAILQ_NEXT(o, entry))
			if ((error = sa_conflict(sa, o, why,
			    sizeof(why))) != 0)
				fail(error, sa->index, "%s", why);
	}
}

static void
commit_ifs(void)
{
	struct staged_if *si;
	struct tunnel *t, *next;

	for (t = TAILQ_FIRST(tunnel_all()); t != NULL; t = next) {
		next = TAILQ_NEXT(t, entry);
		if ((si = staged_find(t->conf.name)) == NULL)
			tunnel_remove(t);
		else
			tunnel_change(t, &si->conf, si->forced);
	}
	TAILQ_FOREACH(si, &ifs, entry)
		if (si->fd != -1) {
			tunnel_new(&si->conf, si->fd, si->takes, si->forced);
			si->fd = -1;
		}
}

/* Configured SAs that are there but neither kept nor replaced. */
static void
remove_dropped(void)
{
	struct sa *sa, *o;
	uint64_t id;

	for (sa = sadb_after(0); sa != NULL; sa = sadb_after(id)) {
		id = sa->id;
		if (!leaves(sa))
			continue;
		TAILQ_FOREACH(o, &staged, entry)
			if (o->req.spi == sa->req.spi &&
			    addr_equal(&o->req.dst, &sa->req.dst))
				break;
		if (o == NULL)
			sadb_remove(sa, NULL, NULL,
			    "no longer in secd.conf");
	}
}

static void
commit_sas(void)
{
	struct sa *sa, *old;

	remove_dropped();
	while ((sa = TAILQ_FIRST(&staged)) != NULL) {
		TAILQ_REMOVE(&staged, sa, entry);
		old = sadb_find(sa->req.spi, &sa->req.dst);
		if (old != NULL && old->state == SA_LARVAL) {
			sadb_remove(old, NULL, NULL, "");
			old = NULL;
		} else if (old != NULL) {
			/* an IKE daemon's, that came during the reload */
			life_tell(old, 1);
			sadb_remove(old, NULL, sa, "replaced by secd.conf");
		}
		if (sadb_insert(sa, tunnel_find(sa->req.iface)) && old == NULL)
			sadb_activate(sa);
	}
}

/* The ledger has answered for all: now, or never. */
static void
decide(struct job *job)
{
	if (job->error != 0)
		fail(job->error, job->index, "%s", job->text);
	if (verdict.error == 0) {
		commit_ifs();
		commit_sas();
		crypto_say();
	}
	clear();
	busy = 0;
	engine_to_parent(MSG_CONF_DONE, job->id, &verdict, sizeof(verdict));
}

void
takeover_end(uint32_t id)
{
	struct job *job = job_new(id, decide);
	struct sa *sa;

	busy = 1;
	if (verdict.error == 0)
		check();
	if (verdict.error == 0)
		TAILQ_FOREACH(sa, &staged, entry) {
			sa->job = job;
			job->pending++;
			reserve_first(sa);
		}
	job_end(job);
}
