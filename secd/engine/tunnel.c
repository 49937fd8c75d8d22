/* SPDX-License-Identifier: ISC */
/*
 * Tunnels: one for each sec interface.  Chooses the outbound SA in use, and
 * says by the carrier whether the interface can carry packets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

static struct tunnels tunnels = TAILQ_HEAD_INITIALIZER(tunnels);

struct tunnel *
tunnel_new(const struct iface_conf *conf, int fd, int forced)
{
	struct tunnel *t;

	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->hot = calloc(1, sizeof(*t->hot))) == NULL)
		fatal("tunnel %s", conf->name);
	t->id = engine_id();
	t->conf = *conf;
	t->forced = forced;
	t->carrier = -1;
	TAILQ_INIT(&t->sas);
	data_if_init(t->hot, fd, t);
	TAILQ_INSERT_TAIL(&tunnels, t, entry);
	engine_command(DATA_IF_ADD, t->hot, NULL);
	tunnel_update(t);
	return t;
}

void
tunnel_remove(struct tunnel *t)
{
	struct sa *sa;

	while ((sa = TAILQ_FIRST(&t->sas)) != NULL)
		sadb_remove(sa, NULL, NULL, "its interface is removed");
	TAILQ_REMOVE(&tunnels, t, entry);
	engine_command(DATA_IF_REMOVE, t->hot, NULL);
}

void
tunnel_gone(struct tunnel *t)
{
	close(t->hot->fd);
	free(t->hot);
	free(t);
}

void
tunnel_lost(struct tunnel *t)
{
	log_warnx("%s: its tun device is gone; 'secctl destroy %s' or take it "
	    "out of secd.conf, reload, and make it again", t->conf.name,
	    t->conf.name);
}

struct tunnel *
tunnel_find(const char *name)
{
	struct tunnel *t;

	TAILQ_FOREACH(t, &tunnels, entry)
		if (strncmp(t->conf.name, name, sizeof(t->conf.name)) == 0)
			return t;
	return NULL;
}

struct tunnel *
tunnel_after(uint64_t id)
{
	struct tunnel *t;

	/* appended with growing ids */
	TAILQ_FOREACH(t, &tunnels, entry)
		if (t->id > id)
			return t;
	return NULL;
}

void
tunnel_change(struct tunnel *t, const struct iface_conf *conf, int forced)
{
	t->conf = *conf;
	t->forced = forced;
	tunnel_update(t);
}

/* The newest that works, as sec(4) chooses. */
static struct sa *
newest_out(struct tunnel *t)
{
	struct sa *sa;

	TAILQ_FOREACH(sa, &t->sas, entry)
		if (sa->req.dir == SA_OUT && sa->state != SA_WAITING)
			return sa;
	return NULL;
}

/* The parent counts the kernel's drops by what the carrier was. */
static void
set_carrier(struct tunnel *t, int up)
{
	struct msg_carrier m;

	if (t->carrier == up)
		return;
	if (sys_tun_carrier(t->hot->fd, up) == -1) {
		log_warn("%s: carrier", t->conf.name);
		return;
	}
	if (t->carrier != -1)
		log_info("%s: link %s", t->conf.name, up ? "up" : "down");
	t->carrier = up;
	memset(&m, 0, sizeof(m));
	strlcpy(m.name, t->conf.name, sizeof(m.name));
	m.up = (uint32_t)up;
	engine_to_parent(MSG_CARRIER, 0, &m, sizeof(m));
}

void
tunnel_update(struct tunnel *t)
{
	struct sa *sa = newest_out(t);

	if (sa != t->out) {
		if (t->out != NULL)
			t->out->state = SA_STANDBY;
		if (sa != NULL)
			sa->state = SA_ACTIVE;
		t->out = sa;
		engine_command(DATA_OUT_SET, t->hot,
		    sa != NULL ? sa->hot : NULL);
	}
	set_carrier(t, t->conf.link == LINK_ADMIN || t->forced ||
	    (t->nin > 0 && t->out != NULL));
}

const struct tunnels *
tunnel_all(void)
{
	return &tunnels;
}
