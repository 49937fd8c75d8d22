/* SPDX-License-Identifier: ISC */
/*
 * Connections of IKE daemons to the PF_KEY socket: who they are, what they have
 * registered for, and the way of each request to the engine and back.  What the
 * octets mean is pfkey_parse.c's and its neighbours'.
 *
 * A client has one request on its way at a time and is not read meanwhile; each
 * has one reply, or for DUMP one for each SA.  What a client does not read is
 * not kept for it: unasked messages are lost and counted, as in a kernel whose
 * socket buffer is full.  A key is in two locked buffers from the moment it is
 * read until it has been passed on, and nowhere else.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "secd/control/control.h"
#include "secd/log.h"

#define REMEMBERED	64	/* ACQUIREs whose SPDGET may come */
#define NAME_PREFIX	"secd/"	/* secd-run(8) binds its end to
				 * \0secd/NAME/PID */

struct client {
	TAILQ_ENTRY(client)	 entry;
	int			 fd;
	struct event		*readable;
	struct event		*writable;
	struct sa_owner		 owner;
	int			 pid;		/* by its own word; 0 unknown */
	enum client_dialect	 dialect;
	unsigned int		 satypes;	/* registered, PFKEY_S_* */
	uint32_t		 lost;
	uint64_t		 requests;

	/* the request on its way */
	uint32_t		 serial;	/* 0: none */
	struct pfkey_msg	 m;		/* points into buf, or has no
						 * extensions */
	uint8_t			 buf[PFKEY_MAX];	/* never a key */
	uint8_t			 reply[PFKEY_MAX];	/* if it succeeds */
	size_t			 replylen;

	/* DUMP: a row is sent when the next is known, or that there is none */
	int			 have_row;
	struct msg_sa_row	 row;
	struct msg_cursor	 cursor;

	/* replies that the socket has not taken: at most a page of a DUMP */
	TAILQ_HEAD(, unsent)	 unsent;
	int			 dump_on;	/* ask for more when they are
						 * gone */
};

struct unsent {
	TAILQ_ENTRY(unsent)	 entry;
	size_t			 len;
	uint8_t			 octets[];
};

/* What was asked for, for the SPDGET that follows. */
static struct msg_acquire	acquires[REMEMBERED];
static unsigned int		nacquires;

static TAILQ_HEAD(, client) clients = TAILQ_HEAD_INITIALIZER(clients);
static unsigned int	 nclients;
static struct event_base *base;

/* Where keys pass: as it came, and as it is passed on. */
static struct {
	uint8_t			in[PFKEY_MAX + 1];
	struct sa_request	req;
} secret __attribute__((aligned(4096)));

void
pfkey_init(void)
{
	/* a failure is told as a lost protection at start-up */
	mlock(&secret, sizeof(secret));
}

/* --- sending --- */

static void
client_free(struct client *c)
{
	struct unsent *u;

	TAILQ_REMOVE(&clients, c, entry);
	nclients--;
	while ((u = TAILQ_FIRST(&c->unsent)) != NULL) {
		TAILQ_REMOVE(&c->unsent, u, entry);
		free(u);
	}
	event_free(c->readable);
	event_free(c->writable);
	close(c->fd);
	free(c);
	/* it may have let go of port 4500 */
	control_tell(MSG_IKE_STIRS, NULL, 0);
}

static int
try_send(const struct client *c, const uint8_t *octets, size_t len)
{
	ssize_t n;

	do
		n = send(c->fd, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)len ? 0 : -1;
}

/* A reply is never lost: what does not go now goes when there is room. */
static void
reply(struct client *c, const uint8_t *octets, size_t len)
{
	struct unsent *u;

	if (TAILQ_EMPTY(&c->unsent)) {
		if (try_send(c, octets, len) == 0)
			return;
		/* an end of file is found by reading */
		if (errno != EAGAIN && errno != ENOBUFS)
			return;
	}
	if ((u = malloc(sizeof(*u) + len)) == NULL)
		fatal("reply");
	u->len = len;
	memcpy(u->octets, octets, len);
	TAILQ_INSERT_TAIL(&c->unsent, u, entry);
	event_add(c->writable, NULL);
}

/* Nobody waits for this. */
static void
notify(struct client *c, const uint8_t *octets, size_t len)
{
	if (!TAILQ_EMPTY(&c->unsent) || try_send(c, octets, len) == -1)
		c->lost++;
}

/* The request is done with: the client may send the next. */
static void
done(struct client *c)
{
	c->serial = 0;
	c->replylen = 0;
	c->dump_on = c->have_row = 0;
	if (TAILQ_EMPTY(&c->unsent))
		event_add(c->readable, NULL);
}

static void
finish(struct client *c, int error)
{
	uint8_t out[PFKEY_MAX];

	if (error == 0 && c->replylen > 0)
		reply(c, c->reply, c->replylen);
	else
		reply(c, out, pfkey_reply_error(&c->m, error, out));
	done(c);
}

static void
client_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	struct unsent *u;

	(void)fd;
	(void)what;
	while ((u = TAILQ_FIRST(&c->unsent)) != NULL) {
		if (try_send(c, u->octets, u->len) == -1 &&
		    (errno == EAGAIN || errno == ENOBUFS))
			return;
		TAILQ_REMOVE(&c->unsent, u, entry);
		free(u);
	}
	event_del(c->writable);
	if (c->dump_on) {
		c->dump_on = 0;
		c->serial = control_ask(MSG_SHOW_SA, &c->cursor,
		    sizeof(c->cursor));
	} else if (c->serial == 0)
		event_add(c->readable, NULL);
}

/* --- requests --- */

static void
ask(struct client *c, enum msg_type type, const void *body, size_t len)
{
	c->serial = control_ask(type, body, len);
}

/* Keys go on from here, in a buffer that is wiped after. */
static void
add_or_update(struct client *c, const struct pfkey_msg *m)
{
	int error;

	error = pfkey_to_request(m, &c->owner, &secret.req);
	c->replylen = pfkey_reply_echo(m, c->reply);
	if (error == 0)
		ask(c, m->type == PFKEY_ADD ? MSG_SA_ADD : MSG_SA_UPDATE,
		    &secret.req, sizeof(secret.req));
	explicit_bzero(&secret.req, sizeof(secret.req));
	if (error != 0)
		finish(c, error);
}

static void
getspi(struct client *c, const struct pfkey_msg *m)
{
	struct msg_getspi g;

	pfkey_to_getspi(m, &c->owner, &g);
	ask(c, MSG_SA_GETSPI, &g, sizeof(g));
}

static void
remove_sa(struct client *c, const struct pfkey_msg *m)
{
	struct msg_sa_delete d;

	pfkey_to_delete(m, &c->owner, &d);
	c->replylen = pfkey_reply_echo(m, c->reply);
	ask(c, MSG_SA_DELETE, &d, sizeof(d));
}

static void
get(struct client *c, const struct pfkey_msg *m)
{
	struct msg_sa_id id;

	pfkey_to_id(m, &id);
	ask(c, MSG_SA_GET, &id, sizeof(id));
}

static void
register_for(struct client *c, const struct pfkey_msg *m)
{
	c->satypes |= pfkey_satype(c->dialect, m->satype);
	c->replylen = pfkey_reply_register(m, c->reply);
	finish(c, 0);
	/* its sockets are bound about now */
	control_tell(MSG_IKE_STIRS, NULL, 0);
}

/* AH and IPcomp have nothing to flush. */
static void
flush(struct client *c, const struct pfkey_msg *m)
{
	c->replylen = pfkey_reply_echo(m, c->reply);
	if (m->satype == PFKEY_UNSPEC)
		policy_flush(&c->owner);
	if (m->satype == PFKEY_UNSPEC || (c->dialect != DIALECT_UNKNOWN &&
	    m->satype == pfkey_esp(c->dialect)))
		ask(c, MSG_OWNER_FLUSH, &c->owner, sizeof(c->owner));
	else
		finish(c, 0);
}

static void
dump(struct client *c)
{
	memset(&c->cursor, 0, sizeof(c->cursor));
	ask(c, MSG_SHOW_SA, &c->cursor, sizeof(c->cursor));
}

static void
store_policy(struct client *c, const struct pfkey_msg *m)
{
	struct msg_narrow narrow;
	struct pfkey_policy p;
	int error;

	error = pfkey_to_policy(m, &p);
	if (error == 0 && m->dialect == DIALECT_LINUX &&
	    m->type == LINUX_SPDADD && policy_find(&c->owner, &p) != NULL)
		error = EEXIST;
	if (error == 0)
		error = policy_add(&c->owner, &p);
	c->replylen = pfkey_reply_echo(m, c->reply);
	if (error == 0 && p.dir == PFKEY_OUT &&
	    pfkey_to_narrow(&p, &c->owner, &narrow))
		ask(c, MSG_SA_NARROW, &narrow, sizeof(narrow));
	else
		finish(c, error);
}

static void
delete_policy(struct client *c, const struct pfkey_msg *m)
{
	struct pfkey_policy p;
	int error;

	error = pfkey_to_policy(m, &p);
	if (error == 0)
		error = policy_delete(&c->owner, &p);
	c->replylen = pfkey_reply_echo(m, c->reply);
	finish(c, error);
}

static void
flush_policies(struct client *c, const struct pfkey_msg *m)
{
	policy_flush(&c->owner);
	c->replylen = pfkey_reply_echo(m, c->reply);
	finish(c, 0);
}

/* By the number of an ACQUIRE, if one is remembered, or by its selectors. */
static void
get_policy(struct client *c, const struct pfkey_msg *m)
{
	static const struct ip_addr any;
	const struct ip_addr *src = &any, *dst = &any;
	const uint32_t id = pfkey_policy_id(m);
	const struct pfkey_policy *found;
	struct pfkey_policy p;
	size_t i;

	if (id == 0) {
		if (pfkey_to_policy(m, &p) != 0 ||
		    (found = policy_find(&c->owner, &p)) == NULL) {
			finish(c, ENOENT);
			return;
		}
	} else {
		for (i = 0; i < REMEMBERED; i++)
			if (acquires[i].id == id) {
				src = &acquires[i].src;
				dst = &acquires[i].dst;
			}
		/* none was ever stored: any to any, as routes have it */
		found = policy_between(&c->owner, c->dialect, src, dst);
	}
	c->replylen = pfkey_reply_policy(m, found, c->reply);
	finish(c, 0);
}

/* Types that one dialect has and the other not, or differently. */
static void
act_on_policy(struct client *c, const struct pfkey_msg *m)
{
	if (c->dialect == DIALECT_LINUX) {
		switch (m->type) {
		case LINUX_SPDUPDATE:
		case LINUX_SPDADD:
			store_policy(c, m);
			return;
		case LINUX_SPDDELETE:
			delete_policy(c, m);
			return;
		case LINUX_SPDGET:
			get_policy(c, m);
			return;
		case LINUX_SPDFLUSH:
			flush_policies(c, m);
			return;
		}
	} else {
		switch (m->type) {
		case OBSD_ADDFLOW:
			store_policy(c, m);
			return;
		case OBSD_DELFLOW:
			delete_policy(c, m);
			return;
		case OBSD_ASKPOLICY:
			get_policy(c, m);
			return;
		}
	}
	finish(c, EOPNOTSUPP);
}

static void
act(struct client *c, const struct pfkey_msg *m)
{
	switch (m->type) {
	case PFKEY_GETSPI:
		getspi(c, m);
		break;
	case PFKEY_UPDATE:
	case PFKEY_ADD:
		add_or_update(c, m);
		break;
	case PFKEY_DELETE:
		remove_sa(c, m);
		break;
	case PFKEY_GET:
		get(c, m);
		break;
	case PFKEY_REGISTER:
		register_for(c, m);
		break;
	case PFKEY_FLUSH:
		flush(c, m);
		break;
	case PFKEY_DUMP:
		dump(c);
		break;
	default:
		act_on_policy(c, m);
		break;
	}
}

/* The shape of addresses outdoes the number of a first REGISTER. */
static void
learn_dialect(struct client *c, size_t len)
{
	enum client_dialect d = pfkey_dialect(secret.in, len);

	if (d == DIALECT_UNKNOWN || d == c->dialect ||
	    (c->dialect != DIALECT_UNKNOWN && len >= PFKEY_HDRLEN &&
	    secret.in[PFKEY_H_TYPE] == PFKEY_REGISTER))
		return;
	c->dialect = d;
}

static void
request(struct client *c, size_t len)
{
	struct pfkey_msg m;
	int error;

	c->requests++;
	event_del(c->readable);
	learn_dialect(c, len);
	error = pfkey_parse(c->dialect, secret.in, len, &m);
	/* what the answer needs outlives the buffer; keys do not */
	c->m = m;
	memset(c->m.ext, 0, sizeof(c->m.ext));
	c->m.buf = NULL;
	c->m.len = 0;
	if (error == 0 && m.type == PFKEY_GETSPI) {
		memcpy(c->buf, secret.in, len);
		(void)pfkey_parse(c->dialect, c->buf, len, &c->m);
	}
	if (error == 0)
		act(c, &m);
	else
		finish(c, error);
	explicit_bzero(secret.in, sizeof(secret.in));
}

static void
client_readable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	ssize_t n;

	(void)what;
	/* MSG_TRUNC: the length that was sent */
	n = recv(fd, secret.in, sizeof(secret.in), MSG_DONTWAIT | MSG_TRUNC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_free(c);
		return;
	}
	request(c, (size_t)n > sizeof(secret.in) ? sizeof(secret.in) :
	    (size_t)n);
}

/* --- the engine's answers --- */

static void
send_row(struct client *c, uint32_t seq)
{
	uint8_t out[PFKEY_MAX];

	reply(c, out, pfkey_reply_sa(&c->m, &c->row, seq, out));
}

/* A client sees its owner's SAs, until it has deleted them. */
static int
sees(const struct client *c, const struct msg_sa_row *r)
{
	return (r->flags & SA_F_IKE) && r->state != SA_DRAINING &&
	    sa_owner_equal(&c->owner, &r->owner);
}

/* A row goes out when the next one is known; the last has number 0. */
static void
dumped(struct client *c, const struct msg_sa_rows *rows)
{
	const uint32_t seq = c->m.seq != 0 ? c->m.seq : 1;
	uint32_t i;

	for (i = 0; i < rows->count && i < IPC_SA_ROWS; i++) {
		c->cursor.after = rows->rows[i].id;
		if (!sees(c, &rows->rows[i]))
			continue;
		if (c->have_row)
			send_row(c, seq);
		c->row = rows->rows[i];
		c->have_row = 1;
	}
	if (rows->more && rows->count > 0) {
		c->dump_on = 1;
		if (TAILQ_EMPTY(&c->unsent))
			client_writable(c->fd, 0, c);
	} else if (c->have_row) {
		send_row(c, 0);
		done(c);
	} else
		finish(c, ESRCH);
}

int
pfkey_answer(const struct ipc_msg *im)
{
	const struct msg_result *r = (const struct msg_result *)im->body;
	const struct msg_spi *s = (const struct msg_spi *)im->body;
	struct client *c;

	TAILQ_FOREACH(c, &clients, entry)
		if (im->hdr.id != 0 && c->serial == im->hdr.id)
			break;
	if (c == NULL)
		return 0;
	switch (im->hdr.type) {
	case MSG_SPI:
		c->replylen = pfkey_reply_getspi(&c->m, s->spi, c->reply);
		finish(c, 0);
		break;
	case MSG_SA_ROW:
		c->row = *(const struct msg_sa_row *)im->body;
		if (!sees(c, &c->row)) {
			finish(c, ESRCH);
			break;
		}
		c->replylen = pfkey_reply_sa(&c->m, &c->row, c->m.seq,
		    c->reply);
		finish(c, 0);
		break;
	case MSG_SA_ROWS:
		dumped(c, (const struct msg_sa_rows *)im->body);
		break;
	default:
		finish(c, r->error);
		break;
	}
	return 1;
}

/* --- unasked --- */

void
pfkey_expired(const struct msg_expired *e)
{
	uint8_t out[PFKEY_MAX];
	struct client *c;

	TAILQ_FOREACH(c, &clients, entry)
		if (c->dialect != DIALECT_UNKNOWN &&
		    sa_owner_equal(&c->owner, &e->row.owner))
			notify(c, out, pfkey_expire(c->dialect, e, out));
}

void
pfkey_acquires(const struct msg_acquire *a)
{
	uint8_t out[PFKEY_MAX];
	struct client *c;

	acquires[nacquires++ % REMEMBERED] = *a;
	TAILQ_FOREACH(c, &clients, entry)
		if (c->satypes & PFKEY_S_ESP)
			notify(c, out, pfkey_acquire(c->dialect, a, out));
}

/* --- connections --- */

/*
 * What the client called itself: \0secd/NAME/PID, or nothing.  A name is for
 * telling daemons of one user apart, so a user may choose any.
 */
static void
read_name(struct client *c)
{
	struct sockaddr_un sun;
	socklen_t len = sizeof(sun);
	const size_t head = offsetof(struct sockaddr_un, sun_path) + 1;
	char text[sizeof(sun.sun_path) + 1], *slash;

	memset(text, 0, sizeof(text));
	if (getpeername(c->fd, (struct sockaddr *)&sun, &len) == -1 ||
	    len <= head || len > sizeof(sun) || sun.sun_path[0] != '\0')
		return;
	memcpy(text, sun.sun_path + 1, len - head);
	if (strncmp(text, NAME_PREFIX, strlen(NAME_PREFIX)) != 0)
		return;
	memmove(text, text + strlen(NAME_PREFIX),
	    sizeof(text) - strlen(NAME_PREFIX));
	if ((slash = strchr(text, '/')) == NULL ||
	    slash - text >= SA_OWNERLEN)
		return;
	*slash = '\0';
	if (!text_ok(text, sizeof(text)))
		return;
	/* shorter than the field, zero behind it */
	memcpy(c->owner.name, text, (size_t)(slash - text));
	c->pid = (int)strtol(slash + 1, NULL, 10);
}

static struct client *
client_new(int fd, uid_t uid)
{
	struct client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return NULL;
	c->fd = fd;
	c->owner.uid = uid;
	TAILQ_INIT(&c->unsent);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST,
	    client_readable, c);
	c->writable = event_new(base, fd, EV_WRITE | EV_PERSIST,
	    client_writable, c);
	if (c->readable != NULL && c->writable != NULL &&
	    event_add(c->readable, NULL) == 0) {
		read_name(c);
		return c;
	}
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	free(c);
	return NULL;
}

/* Only root has SAs made; the process that connects is the daemon's parent. */
static void
client_connects(evutil_socket_t lfd, short what, void *arg)
{
	struct client *c = NULL;
	uid_t uid;
	gid_t gid;
	int fd;

	(void)what;
	(void)arg;
	fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	if (nclients >= IPC_CLIENTS || getpeereid(fd, &uid, &gid) == -1 ||
	    uid != 0 || (c = client_new(fd, uid)) == NULL) {
		close(fd);
		return;
	}
	TAILQ_INSERT_TAIL(&clients, c, entry);
	nclients++;
	log_debug("pfkey: '%s' (pid %d) connected", c->owner.name, c->pid);
}

void
pfkey_listen(struct event_base *eb, int fd)
{
	struct event *ev;

	base = eb;
	ev = event_new(base, fd, EV_READ | EV_PERSIST, client_connects, NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		fatalx("listen");
}

void
pfkey_clients(struct msg_clients *out)
{
	const struct client *c;
	struct msg_client *mc;

	memset(out, 0, sizeof(*out));
	TAILQ_FOREACH(c, &clients, entry) {
		mc = &out->clients[out->count++];
		mc->owner = c->owner;
		mc->pid = c->pid;
		mc->dialect = (uint8_t)c->dialect;
		mc->satypes = (uint8_t)(((c->satypes & PFKEY_S_OTHER) ? 1 : 0) |
		    ((c->satypes & PFKEY_S_ESP) ? 2 : 0));
		mc->lost = c->lost;
		mc->policies = policy_count(&c->owner);
		mc->requests = c->requests;
	}
}
