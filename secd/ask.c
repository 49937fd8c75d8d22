/* SPDX-License-Identifier: ISC */
/*
 * What the parent does for those who ask: reload, interfaces, what it knows of
 * devices and processes, the level of log.  One change of the configuration at
 * a time; who asked is answered when apply.c is done.
 */
#include <sys/types.h>

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "secd/log.h"
#include "secd/parent.h"
#include "secd/sys/sys.h"

/* Who waits for the change that is being applied. */
struct waiter {
	struct ipc	*ipc;		/* NULL: a signal, or the start */
	uint32_t	 id;
	int		 starting;
	int		 notify;	/* tell the service manager */
	int		 silent;	/* the log has it already */
};

static struct waiter	 waiter;
static int		 reload_again;

static void
waiter_answer(int error, const char *text)
{
	struct waiter w = waiter;

	memset(&waiter, 0, sizeof(waiter));
	if (w.notify)
		sys_notify("READY=1");
	if (w.ipc != NULL)
		ipc_result(w.ipc, w.id, error, "%s", text);
	else if (error != 0 && !w.silent)
		log_warnx("%s", text);
}

static void
applied(int error, const char *text, void *arg)
{
	int starting = waiter.starting;

	(void)arg;
	if (starting && error != 0)
		fatalx("%s", text);
	if (waiter.notify) {
		if (error == 0)
			log_info("configuration reloaded");
		else
			log_warnx("configuration not reloaded, the old one "
			    "stays");
	}
	waiter_answer(error, text);
	if (starting)
		parent_serves();
	if (reload_again && !apply_busy()) {
		reload_again = 0;
		raise(SIGHUP);
	}
}

/* Those made by secctl stay, unless the file now has one of their name. */
static void
add_dynamic(struct conf *c)
{
	struct state_dev *rec, *next;

	for (rec = TAILQ_FIRST(device_records()); rec != NULL; rec = next) {
		next = TAILQ_NEXT(rec, entry);
		if (conf_find(c, rec->conf.name) != NULL)
			continue;
		if (rec->conf.dynamic)
			conf_add(c, &rec->conf);
		else if (device_find(rec->conf.name) == NULL) {
			log_info("%s: no longer in secd.conf, removed",
			    rec->conf.name);
			device_forget(rec);
		}
	}
}

static int
differs(const char *a, const char *b)
{
	return (a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0);
}

/* What was told to the children at their start: the words that differ. */
static int
unchangeable(const struct conf *c, const struct conf *now, FILE *err)
{
	const struct {
		const char	*what;
		int		 differs;
	} all[] = {
		{ "state directory", differs(c->statedir, now->statedir) },
		{ "socket restricted",
		    differs(c->restricted, now->restricted) },
		{ "workers", c->engine.workers != now->engine.workers },
		{ "crypto backend", c->engine.crypto != now->engine.crypto },
		{ "offload", c->engine.offload != now->engine.offload },
	};
	size_t i;
	int any = 0;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].differs) {
			fprintf(err, "%s: %s cannot change while secd runs; "
			    "restart it\n", parent.opts.confpath, all[i].what);
			any = 1;
		}
	return any;
}

/* Parse the file again; NULL with the first complaint, all are logged. */
static struct conf *
reparse(char *why, size_t size)
{
	const struct conf *now = apply_current();
	struct conf *c;
	char *text = NULL, *line, *rest;
	size_t len;
	FILE *err;

	if ((err = open_memstream(&text, &len)) == NULL)
		fatal("reload");
	c = conf_parse(parent.opts.confpath, err);
	if (c != NULL && conf_check_keyfiles(c, 0, err) == -1) {
		conf_free(c);
		c = NULL;
	}
	if (c != NULL && unchangeable(c, now, err)) {
		conf_free(c);
		c = NULL;
	}
	fclose(err);
	strlcpy(why, "configuration refused", size);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;) {
		if (*line == '\0')
			continue;
		if (line == text)
			strlcpy(why, line, size);
		log_warnx("%s", line);
	}
	free(text);
	return c;
}

/* ipc NULL: by a signal. */
static void
reload(struct ipc *ipc, uint32_t id)
{
	char why[IPC_TEXTLEN], ready[64];
	struct timespec ts;
	struct conf *c;

	if (apply_busy() || apply_current() == NULL) {
		if (ipc != NULL)
			ipc_result(ipc, id, EBUSY, "another change is under "
			    "way; try again");
		else
			reload_again = 1;
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(ready, sizeof(ready), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	sys_notify(ready);
	waiter = (struct waiter){ .ipc = ipc, .id = id, .notify = 1 };
	if ((c = reparse(why, sizeof(why))) == NULL) {
		log_warnx("configuration not reloaded, the old one stays");
		if (ipc == NULL)
			waiter.silent = 1;
		waiter_answer(EINVAL, why);
		return;
	}
	add_dynamic(c);
	apply_start(c, 0, applied, NULL);
}

void
ask_hangup(void)
{
	reload(NULL, 0);
}

void
ask_start(struct conf *first)
{
	waiter = (struct waiter){ .starting = 1 };
	add_dynamic(first);
	apply_start(first, 0, applied, NULL);
}

/* --- what control may ask --- */

static int
busy(struct ipc *ipc, uint32_t id)
{
	if (!apply_busy())
		return 0;
	ipc_result(ipc, id, EBUSY, "another change is under way; try again");
	return 1;
}

void
ask_create(struct ipc *ipc, struct ipc_msg *m)
{
	struct iface_conf *ic = (struct iface_conf *)m->body;
	const char *why = iface_conf_check(ic);
	struct conf *c;

	if (why != NULL) {
		ipc_result(ipc, m->hdr.id, EINVAL, "%s", why);
		return;
	}
	if (busy(ipc, m->hdr.id))
		return;
	if (conf_find(apply_current(), ic->name) != NULL) {
		ipc_result(ipc, m->hdr.id, EEXIST, "%s: exists already",
		    ic->name);
		return;
	}
	ic->dynamic = 1;
	c = apply_copy();
	conf_add(c, ic);
	waiter = (struct waiter){ .ipc = ipc, .id = m->hdr.id };
	apply_start(c, 1, applied, NULL);
}

/* The device a message names, or NULL after refusing. */
static struct device *
named(struct ipc *ipc, struct ipc_msg *m)
{
	const char *name = ((struct msg_name *)m->body)->name;
	struct device *d;

	if (!text_ok(name, IFACE_NAMELEN) || !iface_name_ok(name)) {
		ipc_result(ipc, m->hdr.id, EINVAL, "interface name is not sec "
		    "and a number");
		return NULL;
	}
	if ((d = device_find(name)) == NULL)
		ipc_result(ipc, m->hdr.id, ENXIO, "%s: no such interface; "
		    "'secctl show' lists them", name);
	return d;
}

void
ask_destroy(struct ipc *ipc, struct ipc_msg *m)
{
	struct device *d = named(ipc, m);
	struct conf *c;

	if (d == NULL || busy(ipc, m->hdr.id))
		return;
	c = apply_copy();
	conf_remove(c, conf_find(c, d->rec->conf.name));
	waiter = (struct waiter){ .ipc = ipc, .id = m->hdr.id };
	apply_start(c, 1, applied, NULL);
}

void
ask_up_down(struct ipc *ipc, struct ipc_msg *m)
{
	struct device *d = named(ipc, m);
	int up = m->hdr.type == MSG_IFACE_UP;

	if (d == NULL)
		return;
	if (device_set_up(d, up) == -1)
		ipc_result(ipc, m->hdr.id, errno, "%s: %s",
		    d->rec->conf.name, strerror(errno));
	else {
		log_info("%s: set %s", d->rec->conf.name, up ? "up" : "down");
		ipc_result(ipc, m->hdr.id, 0, "%s", "");
	}
}

void
ask_device(struct ipc *ipc, struct ipc_msg *m)
{
	struct device *d = named(ipc, m);
	struct msg_device md;

	if (d == NULL)
		return;
	device_show(d, &md);
	ipc_send(ipc, MSG_DEVICE, m->hdr.id, -1, &md, sizeof(md));
}

static void
fill_proc(struct msg_process *p, const char *title, pid_t pid, uid_t uid)
{
	strlcpy(p->procs[p->nprocs].title, title,
	    sizeof(p->procs[0].title));
	p->procs[p->nprocs].pid = pid;
	p->procs[p->nprocs].uid = uid;
	p->nprocs++;
}

static uid_t
child_uid(void)
{
	const struct passwd *pw = getpwnam(SECD_USER);

	return (parent.lost & 1U << SYS_LOST_UID) || pw == NULL ? geteuid() :
	    pw->pw_uid;
}

void
ask_process(struct ipc *ipc, struct ipc_msg *m)
{
	static struct msg_process p;
	const struct device *d;
	unsigned int i, mask = parent.lost;

	TAILQ_FOREACH(d, device_all(), entry)
		if (d->forced)
			mask |= 1U << SYS_LOST_FAILCLOSED;
	memset(&p, 0, sizeof(p));
	strlcpy(p.version, SECD_VERSION, sizeof(p.version));
	strlcpy(p.confpath, parent.opts.confpath, sizeof(p.confpath));
	strlcpy(p.rundir, parent.opts.rundir, sizeof(p.rundir));
	strlcpy(p.statedir, parent.statedir, sizeof(p.statedir));
	p.started = parent.started;
	p.engine = apply_current()->engine;
	fill_proc(&p, "parent", getpid(), getuid());
	fill_proc(&p, control.title, control.pid, child_uid());
	fill_proc(&p, engine.title, engine.pid, child_uid());
	for (i = 0; i < SYS_LOST_MAX && p.nlost < IPC_NLOST; i++)
		if (mask & 1U << i)
			strlcpy(p.lost[p.nlost++], sys_lost_text(i),
			    sizeof(p.lost[0]));
	ipc_send(ipc, MSG_PROCESS, m->hdr.id, -1, &p, sizeof(p));
}

void
ask_reload(struct ipc *ipc, struct ipc_msg *m)
{
	reload(ipc, m->hdr.id);
}

void
ask_log(struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_verbose v = { .verbose = m->hdr.type == MSG_LOG_VERBOSE };

	log_set_verbose((int)v.verbose);
	ipc_send(engine.ipc, MSG_VERBOSE, 0, -1, &v, sizeof(v));
	ipc_send(control.ipc, MSG_VERBOSE, 0, -1, &v, sizeof(v));
	ipc_result(ipc, m->hdr.id, 0, "%s", "");
}

void
ask_stop(struct ipc *ipc, struct ipc_msg *m)
{
	ipc_result(ipc, m->hdr.id, 0, "%s", "");
	log_info("stopping%s", m->hdr.type == MSG_STOP ? "" :
	    ", devices are removed");
	parent_quit(m->hdr.type == MSG_STOP_DESTROY);
}
