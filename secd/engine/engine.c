/* SPDX-License-Identifier: ISC */
/*
 * The engine's process: start, messages of the parent and of control, jobs.
 * Decides nothing about SAs: that is sadb.c's.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "secd/engine/engine.h"
#include "secd/log.h"
#include "secd/proc.h"
#include "secd/secd.h"

static struct event_base *base;
static struct ipc	*parent, *control;
static uint64_t		 last_id;

/* --- small services --- */

int64_t
engine_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t
engine_id(void)
{
	return ++last_id;
}

void
engine_reply(uint32_t id, enum msg_type type, const void *body, size_t len)
{
	if (control != NULL &&
	    ipc_send(control, type, id, -1, body, len) == -1)
		log_warn("answer to control");
}

void
engine_result(uint32_t id, int error, const char *fmt, ...)
{
	struct msg_result r = { .error = error };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r.text, sizeof(r.text), fmt, ap);
	va_end(ap);
	engine_reply(id, MSG_RESULT, &r, sizeof(r));
}

void
engine_to_parent(enum msg_type type, uint32_t id, const void *body, size_t len)
{
	if (ipc_send(parent, type, id, -1, body, len) == -1)
		fatal("message to the parent");
}

size_t
engine_unsent(void)
{
	return ipc_queued(parent);
}

void
engine_tell(enum msg_type type, const void *body, size_t len)
{
	engine_reply(0, type, body, len);
}

/* --- jobs --- */

struct job *
job_new(uint32_t id, void (*done)(struct job *))
{
	struct job *job;

	if ((job = calloc(1, sizeof(*job))) == NULL)
		fatal("job");
	job->pending = 1;	/* the one who makes it ends this */
	job->index = UINT32_MAX;
	job->id = id;
	job->done = done;
	return job;
}

void
job_fail(struct job *job, int error, uint32_t index, const char *fmt, ...)
{
	va_list ap;

	if (job->error != 0)
		return;
	job->error = error;
	job->index = index;
	va_start(ap, fmt);
	vsnprintf(job->text, sizeof(job->text), fmt, ap);
	va_end(ap);
}

void
job_end(struct job *job)
{
	if (--job->pending > 0)
		return;
	job->done(job);
	free(job);
}

void
job_reply(struct job *job)
{
	engine_result(job->id, job->error, "%s", job->text);
}

/* --- clients' requests, by way of control --- */

static void
add_sa(uint32_t id, struct sa_request *req)
{
	char why[IPC_TEXTLEN - 40];
	const char *complaint;
	struct tunnel *t;
	struct sa *sa;
	int error;

	if ((complaint = sa_request_check(req)) != NULL) {
		engine_result(id, EINVAL, "%s", complaint);
		return;
	}
	if (takeover_busy()) {
		engine_result(id, EBUSY, "a reload is under way; try again");
		return;
	}
	if ((t = tunnel_find(req->iface)) == NULL) {
		engine_result(id, ENXIO, "%s: no such interface; 'secctl show' "
		    "lists them, 'secctl create %s' makes it", req->iface,
		    req->iface);
		return;
	}
	req->flags &= (uint16_t)~SA_F_CONF;
	if ((sa = sa_new(req, &t->conf, &error, why, sizeof(why))) == NULL) {
		engine_result(id, error, "spi 0x%08x: %s", req->spi, why);
		return;
	}
	if ((error = sadb_conflict(sa, NULL, why, sizeof(why))) != 0) {
		engine_result(id, error, "%s", why);
		sa_free(sa);
		return;
	}
	sa->job = job_new(id, job_reply);
	if (sadb_insert(sa, t))
		reserve_first(sa);
}

static void
remove_sa(uint32_t id, const struct msg_sa_id *m)
{
	struct sa *sa = sadb_find(m->spi, &m->dst);
	char dst[ADDR_STRLEN];
	struct job *job;

	if (sa == NULL) {
		engine_result(id, ESRCH, "no SA with spi 0x%08x dst %s; "
		    "'secctl show sa' lists them", m->spi,
		    addr_print(&m->dst, dst));
		return;
	}
	job = job_new(id, job_reply);
	sadb_end(sa, job, "removed by secctl");
	job_end(job);
}

static void
expire_sa(uint32_t id, const struct msg_sa_expire *m)
{
	struct sa *sa = sadb_find(m->spi, &m->dst);
	char dst[ADDR_STRLEN];
	struct job *job;

	if (sa == NULL || sa->state == SA_LARVAL) {
		engine_result(id, ESRCH, "no SA with spi 0x%08x dst %s; "
		    "'secctl show sa' lists them", m->spi,
		    addr_print(&m->dst, dst));
		return;
	}
	if (!(sa->req.flags & SA_F_IKE)) {
		engine_result(id, ENOTSUP, "spi 0x%08x: no IKE daemon would "
		    "replace it; 'secctl remove sa' removes it", m->spi);
		return;
	}
	if (!m->hard) {
		life_tell(sa, 0);
		engine_result(id, 0, "%s", "");
		return;
	}
	job = job_new(id, job_reply);
	sadb_end(sa, job, "expired by secctl");
	job_end(job);
}

static void
flush_sa(uint32_t id, const char *iface)
{
	struct job *job;
	struct sa *sa;
	uint64_t at;

	if (iface[0] != '\0' && tunnel_find(iface) == NULL) {
		engine_result(id, ENXIO, "%s: no such interface", iface);
		return;
	}
	job = job_new(id, job_reply);
	for (sa = sadb_after(0); sa != NULL; sa = sadb_after(at)) {
		at = sa->id;
		if (iface[0] == '\0' || strcmp(iface, sa->req.iface) == 0)
			sadb_end(sa, job, "flushed by secctl");
	}
	job_end(job);
}

/*
 * Control is checked like any stranger: it may be the one that fell.
 */
static void
control_message(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	struct msg_cursor *cursor = (struct msg_cursor *)m->body;
	struct msg_name *name = (struct msg_name *)m->body;
	uint32_t id = m->hdr.id;

	(void)ipc;
	(void)arg;
	if (ipc_check(&m->hdr) == -1)
		fatalx("control sent a malformed message");
	switch (m->hdr.type) {
	case MSG_SA_ADD:
		if (((struct sa_request *)m->body)->flags & SA_F_IKE)
			ike_add(id, (struct sa_request *)m->body);
		else
			add_sa(id, (struct sa_request *)m->body);
		break;
	case MSG_SA_REMOVE:
		remove_sa(id, (struct msg_sa_id *)m->body);
		break;
	case MSG_SA_EXPIRE:
		expire_sa(id, (struct msg_sa_expire *)m->body);
		break;
	case MSG_SA_GETSPI:
		ike_getspi(id, (struct msg_getspi *)m->body);
		break;
	case MSG_SA_UPDATE:
		ike_update(id, (struct sa_request *)m->body);
		break;
	case MSG_SA_DELETE:
		ike_delete(id, (struct msg_sa_delete *)m->body);
		break;
	case MSG_SA_GET:
		ike_get(id, (struct msg_sa_id *)m->body);
		break;
	case MSG_OWNER_FLUSH:
		ike_flush(id, (struct sa_owner *)m->body);
		break;
	case MSG_SA_NARROW:
		ike_narrow(id, (struct msg_narrow *)m->body);
		break;
	case MSG_IKE_STIRS:
		wire_stir(WIRE_STIR_MS);
		break;
	case MSG_SA_FLUSH:
		if (!text_ok(name->name, sizeof(name->name)))
			engine_result(id, EINVAL, "malformed name");
		else
			flush_sa(id, name->name);
		break;
	case MSG_SHOW_SA:
	case MSG_SHOW_IFACE:
		if (!text_ok(cursor->iface, sizeof(cursor->iface)))
			engine_result(id, EINVAL, "malformed name");
		else if (m->hdr.type == MSG_SHOW_SA)
			show_sa(id, cursor);
		else
			show_iface(id, cursor);
		break;
	case MSG_SHOW_DROPS:
		show_drops(id);
		break;
	case MSG_SHOW_CRYPTO:
		show_crypto(id);
		break;
	default:
		engine_result(id, EPERM, "%s: not a request to the engine",
		    ipc_name(m->hdr.type));
	}
}

static void
gone(struct ipc *ipc, void *arg)
{
	(void)ipc;
	(void)arg;
	/* the parent says why; nobody is left to serve */
	exit(0);
}

/* --- the parent's messages --- */

static int
take_fd(struct ipc_msg *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}

static void
add_wire(const struct msg_wire *mw, int fd)
{
	if (fd == -1 || (mw->af != AF_INET && mw->af != AF_INET6) ||
	    mw->port > UINT16_MAX || mw->worker >= workers_count() ||
	    (mw->port != 0 && mw->worker != 0))
		fatalx("malformed wire");
	wire_add(fd, mw);
}

static void
add_bypass(const struct msg_bypass *mb, int fd)
{
	if (fd == -1 || mb->kind > BYPASS_EVENTS ||
	    mb->worker >= workers_count())
		fatalx("malformed bypass");
	if (mb->kind == BYPASS_FRAMES)
		workers_frames(mb->worker, fd);
	else
		hop_socket(mb->kind, fd);
}

static void
parent_message(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	const struct msg_verbose *mv = (struct msg_verbose *)m->body;

	(void)ipc;
	(void)arg;
	if (ipc_check(&m->hdr) == -1)
		fatalx("the parent sent a malformed message");
	switch (m->hdr.type) {
	case MSG_CHANNEL:
		control = ipc_new(base, take_fd(m), control_message, gone,
		    NULL);
		if (control == NULL)
			fatal("channel to control");
		break;
	case MSG_WIRE:
		add_wire((struct msg_wire *)m->body, take_fd(m));
		break;
	case MSG_BYPASS:
		add_bypass((struct msg_bypass *)m->body, take_fd(m));
		break;
	case MSG_CONF_BEGIN:
		takeover_begin();
		break;
	case MSG_CONF_IFACE:
		takeover_iface((struct msg_conf_iface *)m->body, take_fd(m));
		break;
	case MSG_CONF_SA:
		takeover_sa((struct msg_conf_sa *)m->body, m->fd);
		break;
	case MSG_CONF_END:
		takeover_end(m->hdr.id);
		break;
	case MSG_RESERVED:
		reserve_answer(m->hdr.id, (struct msg_reserved *)m->body);
		break;
	case MSG_VERBOSE:
		log_set_verbose(mv->verbose != 0);
		break;
	case MSG_QUIT:
		sadb_tell_all();
		engine_to_parent(MSG_QUITTING, m->hdr.id, NULL, 0);
		break;
	default:
		fatalx("the parent sent an unknown message");
	}
}

/* --- start --- */

/*
 * Make the crypto library do, before the door is shut, all that it does only
 * once: pick implementations, make its own tables.
 */
static void
warm_crypto(void)
{
	static uint8_t buf[256];
	const struct esp_suite *suite;
	struct esp_params p = { .dir = ESP_OUT, .spi = ESP_SPI_MIN,
	    .limit = 1, .key = buf, .authkey = buf };
	struct esp_buf out;
	struct esp_sa *sa;
	size_t i, size;
	void *mem;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	for (i = 0; (suite = esp_suite_at(i)) != NULL; i++) {
		p.suite = suite;
		p.keylen = suite->keylen + suite->saltlen;
		p.authkeylen = suite->authkeylen;
		size = esp_sa_size(&p);
		if ((mem = calloc(1, size)) == NULL ||
		    (sa = esp_sa_init(mem, size, &p)) == NULL)
			fatalx("%s does not work with this libcrypto",
			    suite->enc);
		out = (struct esp_buf){ .base = buf, .cap = sizeof(buf),
		    .data = buf };
		if (esp_seal_dummy(sa, 16, &out) != ESP_OK)
			fatalx("%s does not seal with this libcrypto",
			    suite->enc);
		explicit_bzero(buf, sizeof(buf));
		esp_sa_clear(sa);
		free(mem);
	}
}

int
engine_main(const struct role_args *args)
{
	struct msg_ready ready = { 0 };

	crypto_load(&args->engine);
	proc_confine(ROLE_ENGINE, args, &ready.lost);
	warm_crypto();
	crypto_start();
	ipc_init();
	key_init();
	if ((base = event_base_new()) == NULL)
		fatal("event base");
	due_start(base);
	workers_start(&args->engine);
	wire_start();
	hop_start(base);
	proc_filter(ROLE_ENGINE, &ready.lost);

	parent = ipc_new(base, FD_PARENT, parent_message, gone, NULL);
	if (parent == NULL)
		fatal("events");
	workers_listen(base);
	engine_to_parent(MSG_READY, 0, &ready, sizeof(ready));
	event_base_dispatch(base);
	fatalx("event loop ended");
}
