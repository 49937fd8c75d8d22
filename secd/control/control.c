/* SPDX-License-Identifier: ISC */
/*
 * The control process: conversations with local clients.  It knows who they
 * are, what they may ask and who answers; it has no state that matters.  Here
 * are secctl's, and the channels that IKE daemons' requests take too.
 *
 * A client has one request on its way at a time and is not read meanwhile, and
 * one that does not read its answers is let go, so nothing of what a client
 * does can make a queue grow.  A key is in the one
 * locked receive buffer of ipc.c from the moment it is read until it has been
 * passed on, and nowhere else.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "secd/control/control.h"
#include "secd/ipc.h"
#include "secd/log.h"
#include "secd/proc.h"
#include "secd/secd.h"

#define CLIENTS_MAX	128
#define BACKLOG_MAX	256	/* events a monitor may lag behind */
#define UNREAD_MAX	8	/* answers a client may leave unread */

struct client {
	TAILQ_ENTRY(client)	 entry;
	struct ipc		*ipc;
	int			 restricted;
	int			 monitor;
	uint32_t		 request;	/* the client's id of it */
	uint32_t		 serial;	/* ours; 0 when none is */
};

struct listener {
	struct event	*ev;
	int		 restricted;
};

static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static unsigned int	 nclients;
static struct event_base *base;
static struct ipc	*parent, *engine;
static uint32_t		 last_serial;

enum answerer { NOBODY, ENGINE, PARENT, OURSELVES };

/* What a client may say; on the restricted socket only where `show` is set. */
static const struct {
	enum answerer	who;
	int		show;
} allowed[MSG_MAX] = {
	[MSG_SA_ADD] = { ENGINE, 0 },
	[MSG_SA_REMOVE] = { ENGINE, 0 },
	[MSG_SA_FLUSH] = { ENGINE, 0 },
	[MSG_SA_EXPIRE] = { ENGINE, 0 },
	[MSG_SHOW_SA] = { ENGINE, 1 },
	[MSG_SHOW_IFACE] = { ENGINE, 1 },
	[MSG_SHOW_DROPS] = { ENGINE, 1 },
	[MSG_SHOW_CRYPTO] = { ENGINE, 1 },
	[MSG_IFACE_CREATE] = { PARENT, 0 },
	[MSG_IFACE_DESTROY] = { PARENT, 0 },
	[MSG_IFACE_UP] = { PARENT, 0 },
	[MSG_IFACE_DOWN] = { PARENT, 0 },
	[MSG_SHOW_DEVICE] = { PARENT, 1 },
	[MSG_SHOW_PROCESS] = { PARENT, 1 },
	[MSG_RELOAD] = { PARENT, 0 },
	[MSG_LOG_BRIEF] = { PARENT, 0 },
	[MSG_LOG_VERBOSE] = { PARENT, 0 },
	[MSG_STOP] = { PARENT, 0 },
	[MSG_STOP_DESTROY] = { PARENT, 0 },
	[MSG_MONITOR] = { OURSELVES, 0 },
	[MSG_SHOW_CLIENTS] = { OURSELVES, 1 },
};

static void
client_free(struct client *c)
{
	TAILQ_REMOVE(&clients, c, entry);
	nclients--;
	ipc_free(c->ipc);
	free(c);
}

static void
client_closed(struct ipc *ipc, void *arg)
{
	(void)ipc;
	client_free(arg);
}

/* Without a copy: the body may be a key. */
static uint32_t
pass_on(struct ipc *to, enum msg_type type, const void *body, size_t len)
{
	if (++last_serial == 0)
		last_serial = 1;
	if (ipc_send_now(to, type, last_serial, -1, body, len) == -1)
		fatal("message to %s", to == engine ? "the engine" :
		    "the parent");
	return last_serial;
}

uint32_t
control_ask(enum msg_type type, const void *body, size_t len)
{
	return pass_on(engine, type, body, len);
}

void
control_tell(enum msg_type type, const void *body, size_t len)
{
	(void)pass_on(engine, type, body, len);
}

static void
forward(struct client *c, struct ipc *to, const struct ipc_msg *m)
{
	c->request = m->hdr.id;
	ipc_listen(c->ipc, 0);
	c->serial = pass_on(to, m->hdr.type, m->body, m->hdr.len);
}

/* What this process knows itself. */
static void
answer_here(struct client *c, const struct ipc_msg *m)
{
	static struct msg_clients mc;

	if (m->hdr.type == MSG_SHOW_CLIENTS) {
		pfkey_clients(&mc);
		ipc_send(c->ipc, MSG_CLIENTS, m->hdr.id, -1, &mc, sizeof(mc));
		return;
	}
	c->monitor = 1;
	ipc_result(c->ipc, m->hdr.id, 0, "%s", "");
}

static void
client_message(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct client *c = arg;
	uint32_t id = m->hdr.id;

	if (ipc_queued(ipc) > UNREAD_MAX) {
		client_free(c);
		return;
	}
	if (m->hdr.version != IPC_VERSION) {
		ipc_result(ipc, id, EPROTO, "secd speaks version %d of its "
		    "protocol, this client %u: install both from one build",
		    IPC_VERSION, m->hdr.version);
		return;
	}
	if (ipc_check(&m->hdr) == -1 || allowed[m->hdr.type].who == NOBODY) {
		ipc_result(ipc, id, EBADMSG, "malformed request");
		return;
	}
	if (c->restricted && !allowed[m->hdr.type].show) {
		ipc_result(ipc, id, EPERM, "%s: not on the restricted socket",
		    ipc_name(m->hdr.type));
		return;
	}
	switch (allowed[m->hdr.type].who) {
	case ENGINE:
		forward(c, engine, m);
		break;
	case PARENT:
		forward(c, parent, m);
		break;
	case OURSELVES:
		answer_here(c, m);
		break;
	case NOBODY:
		break;
	}
}

/* Only root changes anything; the restricted socket is guarded by its mode. */
static int
may_connect(int fd, int restricted)
{
	uid_t uid;
	gid_t gid;

	if (nclients >= CLIENTS_MAX || engine == NULL)
		return 0;
	return restricted || (getpeereid(fd, &uid, &gid) == 0 && uid == 0);
}

static void
client_connects(evutil_socket_t lfd, short what, void *arg)
{
	struct listener *l = arg;
	struct client *c;
	int fd;

	(void)what;
	fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	if (!may_connect(fd, l->restricted) ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->restricted = l->restricted;
	c->ipc = ipc_new(base, fd, client_message, client_closed, c);
	if (c->ipc == NULL) {
		close(fd);
		free(c);
		return;
	}
	TAILQ_INSERT_TAIL(&clients, c, entry);
	nclients++;
}

/* To the client that waits under this serial, if it still does. */
static void
answer(const struct ipc_msg *m)
{
	struct client *c;

	TAILQ_FOREACH(c, &clients, entry)
		if (m->hdr.id != 0 && c->serial == m->hdr.id)
			break;
	if (c == NULL)
		return;
	c->serial = 0;
	ipc_send(c->ipc, m->hdr.type, c->request, -1, m->body, m->hdr.len);
	ipc_listen(c->ipc, 1);
}

static void
engine_message(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	(void)ipc;
	(void)arg;
	if (ipc_check(&m->hdr) == -1)
		fatalx("the engine sent a malformed message");
	switch (m->hdr.type) {
	case MSG_RESULT:
	case MSG_SA_ROWS:
	case MSG_IFACE_ROWS:
	case MSG_DROPS:
	case MSG_CRYPTO:
	case MSG_SPI:
	case MSG_SA_ROW:
		if (!pfkey_answer(m))
			answer(m);
		break;
	case MSG_EXPIRED:
		pfkey_expired((struct msg_expired *)m->body);
		break;
	case MSG_ACQUIRE:
		pfkey_acquires((struct msg_acquire *)m->body);
		break;
	default:
		fatalx("the engine sent '%s'", ipc_name(m->hdr.type));
	}
}

/* One that does not read is let go rather than remembered for. */
static void
tell_monitors(const struct ipc_msg *m)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (!c->monitor)
			continue;
		if (ipc_queued(c->ipc) > BACKLOG_MAX ||
		    ipc_send(c->ipc, MSG_EVENT, 0, -1, m->body,
		    m->hdr.len) == -1)
			client_free(c);
	}
}

static void
gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	/* the parent says why; nobody is left to ask */
	exit(0);
}

static void
listen_on(const struct msg_listen *ml, int fd)
{
	struct listener *l;

	if (fd != -1 && ml->kind == LISTEN_PFKEY) {
		pfkey_listen(base, fd);
		return;
	}
	if (fd == -1 || (l = calloc(1, sizeof(*l))) == NULL)
		fatalx("listen");
	l->restricted = ml->kind == LISTEN_RESTRICTED;
	l->ev = event_new(base, fd, EV_READ | EV_PERSIST, client_connects, l);
	if (l->ev == NULL || event_add(l->ev, NULL) == -1)
		fatalx("listen");
}

static void
parent_message(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	const struct msg_verbose *mv = (struct msg_verbose *)m->body;
	int fd = m->fd;

	(void)ipc;
	(void)arg;
	if (ipc_check(&m->hdr) == -1)
		fatalx("the parent sent a malformed message");
	switch (m->hdr.type) {
	case MSG_CHANNEL:
		m->fd = -1;
		engine = ipc_new(base, fd, engine_message, gone, NULL);
		if (engine == NULL)
			fatal("channel to the engine");
		break;
	case MSG_LISTEN:
		m->fd = -1;
		listen_on((struct msg_listen *)m->body, fd);
		break;
	case MSG_VERBOSE:
		log_set_verbose(mv->verbose != 0);
		break;
	case MSG_EVENT:
		tell_monitors(m);
		break;
	case MSG_RESULT:
	case MSG_DEVICE:
	case MSG_PROCESS:
		answer(m);
		break;
	default:
		fatalx("the parent sent '%s'", ipc_name(m->hdr.type));
	}
}

int
control_main(const struct role_args *args)
{
	struct msg_ready ready = { 0 };

	proc_confine(ROLE_CONTROL, args, &ready.lost);
	ipc_init();
	pfkey_init();
	if ((base = event_base_new()) == NULL)
		fatal("event base");
	proc_filter(ROLE_CONTROL, &ready.lost);
	parent = ipc_new(base, FD_PARENT, parent_message, gone, NULL);
	if (parent == NULL || ipc_send(parent, MSG_READY, 0, -1, &ready,
	    sizeof(ready)) == -1)
		fatal("channel to the parent");
	event_base_dispatch(base);
	fatalx("event loop ended");
}
