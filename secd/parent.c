/* SPDX-License-Identifier: ISC */
/*
 * The parent's process: start in order, children, signals, and the tables of
 * what each child may ask.  A child is believed in nothing: type, length and
 * contents of each message are checked here, and what is not in its table is
 * refused.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "secd/log.h"
#include "secd/parent.h"
#include "secd/proc.h"
#include "secd/secd.h"
#include "secd/sys/sys.h"

#define QUIT_S		5	/* the engine's last words may take this long */
#define LINES_MAX	200	/* of a child's log in LOG_INTERVAL seconds */

struct child {
	enum role	 role;
	const char	*title;
	pid_t		 pid;		/* 0: none */
	struct ipc	*ipc;
	int		 ready;
	int		 logfd;
	struct event	*logev;
	char		 line[LOG_LINE_MAX];
	size_t		 linelen;
	unsigned int	 lines;		/* relayed in this interval */
	time_t		 lines_since;
};

/* Who waits for the change that is being applied. */
struct waiter {
	struct ipc	*ipc;		/* NULL: a signal, or the start */
	uint32_t	 id;
	int		 starting;
	int		 notify;	/* tell the service manager */
	int		 silent;	/* the log has it already */
};

static struct parent_opts	 opts;
static struct event_base	*base;
static struct child	 control = { .role = ROLE_CONTROL, .title = "control" };
static struct child	 engine = { .role = ROLE_ENGINE, .title = "engine" };
static char		*statedir, *emptydir, *sockpath;
static const char	*restricted;	/* the other socket's path, or NULL */
static int		 sockfd = -1, restrictedfd = -1;
static unsigned int	 lost;		/* 1 << enum sys_lost */
static time_t		 started;
static int		 startfd = -1;	/* the foreground waits for a word */
static struct conf	*first;		/* read before the children start */
static struct waiter	 waiter;
static int		 reload_again;
static int		 quitting, quit_destroys;

struct ipc *
parent_engine(void)
{
	return engine.ipc;
}

/* --- the end --- */

static void
reap(struct child *c)
{
	int i;

	if (c->pid == 0)
		return;
	for (i = 0; i < 100; i++) {
		if (waitpid(c->pid, NULL, WNOHANG) != 0)
			return;
		poll(NULL, 0, 10);
	}
	if (sys_priv(SYS_PRIV_KILL) == 0)
		kill(c->pid, SIGKILL);
	sys_priv(0);
	waitpid(c->pid, NULL, 0);
}

/* Also at any other exit, while the directory is still locked. */
static void
remove_sockets(void)
{
	if (sockfd != -1)
		unlink(sockpath);
	if (restrictedfd != -1)
		unlink(restricted);
	sockfd = restrictedfd = -1;
}

/*
 * Children end when their channel does.  That comes last: a client that waits
 * for the end of its connection then finds the devices gone and the directories
 * free for the next secd.
 */
static void __attribute__((noreturn))
finish(int status)
{
	struct device *d;

	log_set_hook(NULL);
	grant_stop();
	if (quit_destroys)
		while ((d = TAILQ_FIRST(device_all())) != NULL)
			device_destroy(d);
	remove_sockets();
	rundir_release();
	if (status == 0)
		log_info("stopped");
	ipc_free(engine.ipc);
	ipc_free(control.ipc);
	reap(&engine);
	reap(&control);
	exit(status);
}

static void
quit_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	log_warnx("the engine does not end");
	finish(1);
}

static void
quit(int destroy)
{
	static const struct timeval tv = { QUIT_S, 0 };

	if (quitting)
		return;
	quitting = 1;
	quit_destroys = destroy;
	sys_notify("STOPPING=1");
	if (engine.ipc == NULL || !engine.ready ||
	    ipc_send(engine.ipc, MSG_QUIT, 0, -1, NULL, 0) == -1)
		finish(0);
	event_base_once(base, -1, EV_TIMEOUT, quit_late, NULL, &tv);
}

/* --- configuration changes --- */

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

static void	start_serving(void);

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
		start_serving();
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
	c = conf_parse(opts.confpath, err);
	if (c != NULL && conf_check_keyfiles(c, 0, err) == -1) {
		conf_free(c);
		c = NULL;
	}
	if (c != NULL && (differs(c->statedir, now->statedir) ||
	    differs(c->restricted, now->restricted))) {
		fprintf(err, "%s: state directory and socket cannot change "
		    "while secd runs; restart it\n", opts.confpath);
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

/* --- what control may ask --- */

static int
busy(struct ipc *ipc, uint32_t id)
{
	if (!apply_busy())
		return 0;
	ipc_result(ipc, id, EBUSY, "another change is under way; try again");
	return 1;
}

static void
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

static void
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

static void
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

static void
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

	return (lost & 1U << SYS_LOST_UID) || pw == NULL ? geteuid() :
	    pw->pw_uid;
}

static void
ask_process(struct ipc *ipc, struct ipc_msg *m)
{
	static struct msg_process p;
	const struct device *d;
	unsigned int i, mask = lost;

	TAILQ_FOREACH(d, device_all(), entry)
		if (d->forced)
			mask |= 1U << SYS_LOST_FAILCLOSED;
	memset(&p, 0, sizeof(p));
	strlcpy(p.version, SECD_VERSION, sizeof(p.version));
	strlcpy(p.confpath, opts.confpath, sizeof(p.confpath));
	strlcpy(p.rundir, opts.rundir, sizeof(p.rundir));
	strlcpy(p.statedir, statedir, sizeof(p.statedir));
	p.started = started;
	fill_proc(&p, "parent", getpid(), getuid());
	fill_proc(&p, control.title, control.pid, child_uid());
	fill_proc(&p, engine.title, engine.pid, child_uid());
	for (i = 0; i < SYS_LOST_MAX && p.nlost < IPC_NLOST; i++)
		if (mask & 1U << i)
			strlcpy(p.lost[p.nlost++], sys_lost_text(i),
			    sizeof(p.lost[0]));
	ipc_send(ipc, MSG_PROCESS, m->hdr.id, -1, &p, sizeof(p));
}

static void
ask_reload(struct ipc *ipc, struct ipc_msg *m)
{
	reload(ipc, m->hdr.id);
}

static void
ask_log(struct ipc *ipc, struct ipc_msg *m)
{
	struct msg_verbose v = { .verbose = m->hdr.type == MSG_LOG_VERBOSE };

	log_set_verbose((int)v.verbose);
	ipc_send(engine.ipc, MSG_VERBOSE, 0, -1, &v, sizeof(v));
	ipc_send(control.ipc, MSG_VERBOSE, 0, -1, &v, sizeof(v));
	ipc_result(ipc, m->hdr.id, 0, "%s", "");
}

static void
ask_stop(struct ipc *ipc, struct ipc_msg *m)
{
	ipc_result(ipc, m->hdr.id, 0, "%s", "");
	log_info("stopping%s", m->hdr.type == MSG_STOP ? "" :
	    ", devices are removed");
	quit(m->hdr.type == MSG_STOP_DESTROY);
}

/* --- what a child may tell --- */

static void	children_ready(void);

static void
say_ready(struct child *c, struct ipc_msg *m)
{
	const struct msg_ready *r = (struct msg_ready *)m->body;

	if (c->ready)
		return;
	c->ready = 1;
	lost |= r->lost & ((1U << SYS_LOST_MAX) - 1);
	if (engine.ready && control.ready)
		children_ready();
}

static void
control_ready(struct ipc *ipc, struct ipc_msg *m)
{
	(void)ipc;
	say_ready(&control, m);
}

static void
engine_ready(struct ipc *ipc, struct ipc_msg *m)
{
	(void)ipc;
	say_ready(&engine, m);
}

static void
engine_conf_done(struct ipc *ipc, struct ipc_msg *m)
{
	(void)ipc;
	apply_answer((struct msg_conf_done *)m->body);
}

static void
engine_reserve(struct ipc *ipc, struct ipc_msg *m)
{
	grant_reserve(ipc, m->hdr.id, (struct msg_reserve *)m->body);
}

static void
engine_seen(struct ipc *ipc, struct ipc_msg *m)
{
	(void)ipc;
	grant_seen((struct msg_seen *)m->body);
}

static void
engine_release(struct ipc *ipc, struct ipc_msg *m)
{
	(void)ipc;
	grant_release((struct msg_release *)m->body);
}

static void
engine_carrier(struct ipc *ipc, struct ipc_msg *m)
{
	const struct msg_carrier *mc = (struct msg_carrier *)m->body;
	struct device *d;

	(void)ipc;
	if (text_ok(mc->name, sizeof(mc->name)) &&
	    (d = device_find(mc->name)) != NULL)
		device_carrier(d, mc->up != 0);
}

static void
engine_quitting(struct ipc *ipc, struct ipc_msg *m)
{
	(void)ipc;
	(void)m;
	if (quitting)
		finish(0);
}

typedef void (*handler)(struct ipc *, struct ipc_msg *);

static const handler control_may[MSG_MAX] = {
	[MSG_READY] = control_ready,
	[MSG_IFACE_CREATE] = ask_create,
	[MSG_IFACE_DESTROY] = ask_destroy,
	[MSG_IFACE_UP] = ask_up_down,
	[MSG_IFACE_DOWN] = ask_up_down,
	[MSG_SHOW_DEVICE] = ask_device,
	[MSG_SHOW_PROCESS] = ask_process,
	[MSG_RELOAD] = ask_reload,
	[MSG_LOG_BRIEF] = ask_log,
	[MSG_LOG_VERBOSE] = ask_log,
	[MSG_STOP] = ask_stop,
	[MSG_STOP_DESTROY] = ask_stop,
};

static const handler engine_may[MSG_MAX] = {
	[MSG_READY] = engine_ready,
	[MSG_CONF_DONE] = engine_conf_done,
	[MSG_RESERVE] = engine_reserve,
	[MSG_SEEN] = engine_seen,
	[MSG_RELEASE] = engine_release,
	[MSG_CARRIER] = engine_carrier,
	[MSG_QUITTING] = engine_quitting,
};

static void
child_message(struct ipc *ipc, struct ipc_msg *m, void *arg)
{
	static struct log_limit limit;
	struct child *c = arg;
	const handler *may = c->role == ROLE_CONTROL ? control_may : engine_may;

	if (ipc_check(&m->hdr) == 0 && may[m->hdr.type] != NULL &&
	    m->fd == -1 && (c->ready || m->hdr.type == MSG_READY)) {
		may[m->hdr.type](ipc, m);
		return;
	}
	if (log_allowed(&limit))
		log_warnx("%s may not ask for '%s': refused", c->title,
		    ipc_name(m->hdr.type));
	ipc_result(ipc, m->hdr.id, EPERM, "refused");
}

/* --- children --- */

/* Whole lines of a child's standard error; a flood of them is cut. */
static void
relay_line(struct child *c)
{
	time_t now = time(NULL);

	c->line[c->linelen] = '\0';
	c->linelen = 0;
	if (now - c->lines_since >= LOG_INTERVAL || now < c->lines_since) {
		c->lines_since = now;
		c->lines = 0;
	}
	if (++c->lines == LINES_MAX)
		log_warnx("%s: more lines than %d in %d s: the rest is lost",
		    c->title, LINES_MAX, LOG_INTERVAL);
	if (c->lines < LINES_MAX)
		log_relay(c->title, c->line);
}

/* Read once; -1 when there is nothing more, now or for ever. */
static int
read_lines(struct child *c)
{
	char buf[1024];
	ssize_t i, n;

	n = read(c->logfd, buf, sizeof(buf));
	if (n == 0)
		event_del(c->logev);
	for (i = 0; i < n; i++) {
		if (buf[i] != '\n' && c->linelen < sizeof(c->line) - 1)
			c->line[c->linelen++] = buf[i];
		else
			relay_line(c);
	}
	return n > 0 ? 0 : -1;
}

static void
child_writes(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	read_lines(arg);
}

/* Say how a child ended; 0 if it went of its own accord, after another. */
static int
autopsy(const struct child *c, int st)
{
	if (WIFSIGNALED(st))
		log_warnx("%s was killed by signal %d (%s); secd ends",
		    c->title, WTERMSIG(st), strsignal(WTERMSIG(st)));
	else if (WEXITSTATUS(st) != 0)
		log_warnx("%s ended with status %d; secd ends", c->title,
		    WEXITSTATUS(st));
	else
		return 0;
	return 1;
}

/*
 * A child is gone, or its channel is.  When one dies the other ends as well:
 * wait a moment for the one that has something to tell.
 */
static void __attribute__((noreturn))
child_lost(const struct child *first_seen)
{
	struct child *both[] = { &engine, &control };
	int i, st, told = 0;

	for (i = 0; i < 200 && !told && !quitting; i++) {
		struct child *c = both[i % 2];

		if (c->pid != 0 && waitpid(c->pid, &st, WNOHANG) == c->pid) {
			c->pid = 0;
			told = autopsy(c, st);
		}
		if (!told)
			poll(NULL, 0, 5);
	}
	/* their last words */
	while (read_lines(&engine) == 0 || read_lines(&control) == 0)
		;
	if (!told && !quitting)
		log_warnx("%s: its channel closed; secd ends",
		    first_seen->title);
	finish(quitting ? 0 : 1);
}

static void
child_closed(struct ipc *ipc, void *arg)
{
	(void)ipc;
	child_lost(arg);
}

static void
child_died(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	child_lost(&engine);
}

static void
child_start(struct child *c, int selffd)
{
	struct proc_child pc;

	if (proc_spawn(c->role, selffd, emptydir, opts.verbose, &pc) == -1)
		fatal("start %s", c->title);
	c->pid = pc.pid;
	c->logfd = pc.log;
	c->ipc = ipc_new(base, pc.channel, child_message, child_closed, c);
	c->logev = event_new(base, pc.log, EV_READ | EV_PERSIST, child_writes,
	    c);
	if (c->ipc == NULL || c->logev == NULL ||
	    event_add(c->logev, NULL) == -1)
		fatal("start %s", c->title);
}

/* --- start, in order --- */

static void
monitor(int priority, const char *line)
{
	struct msg_event ev;

	if (control.ipc == NULL || !control.ready ||
	    ipc_queued(control.ipc) > 64)
		return;
	memset(&ev, 0, sizeof(ev));
	ev.when = time(NULL);
	ev.priority = priority;
	strlcpy(ev.text, line, sizeof(ev.text));
	ipc_send(control.ipc, MSG_EVENT, 0, -1, &ev, sizeof(ev));
}

/* One raw socket for each address family this machine has. */
static void
hand_wire(uint8_t af)
{
	struct msg_wire m = { .af = af };
	int fd;

	sys_priv(SYS_PRIV_NET);
	fd = sys_esp_socket(af);
	sys_priv(0);
	if (fd == -1 && errno == EAFNOSUPPORT) {
		log_info("this machine has no %s", af == AF_INET ? "IPv4" :
		    "IPv6");
		return;
	}
	if (fd == -1)
		fatal("raw ESP socket%s", errno == EPERM ?
		    " (secd needs CAP_NET_RAW)" : "");
	if (ipc_send(engine.ipc, MSG_WIRE, 0, fd, &m, sizeof(m)) == -1)
		fatal("engine");
	close(fd);
}

static void
children_ready(void)
{
	unsigned int i;
	int sp[2];

	for (i = 0; i < SYS_LOST_MAX; i++)
		if (lost & 1U << i)
			log_warnx("protection lost: %s", sys_lost_text(i));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) == -1 ||
	    ipc_send(engine.ipc, MSG_CHANNEL, 0, sp[0], NULL, 0) == -1 ||
	    ipc_send(control.ipc, MSG_CHANNEL, 0, sp[1], NULL, 0) == -1)
		fatal("channel between control and engine");
	close(sp[0]);
	close(sp[1]);
	hand_wire(AF_INET);
	hand_wire(AF_INET6);

	waiter = (struct waiter){ .starting = 1 };
	add_dynamic(first);
	apply_start(first, 0, applied, NULL);
}

/* Clients may come: control takes them from here on. */
static void
hand_listener(int fd, uint32_t show_only)
{
	struct msg_listen m = { .restricted = show_only };

	if (listen(fd, 16) == -1 ||
	    ipc_send(control.ipc, MSG_LISTEN, 0, fd, &m, sizeof(m)) == -1)
		fatal("control's socket");
	close(fd);
}

static void
start_serving(void)
{
	hand_listener(sockfd, 0);
	if (restricted != NULL)
		hand_listener(restrictedfd, 1);
	log_set_hook(monitor);
	log_info("started, version %s", SECD_VERSION);
	sys_notify("READY=1");
	if (startfd != -1) {
		/* the command line gets its prompt back */
		log_init("secd", LOG_TO_SYSLOG);
		if (write(startfd, "", 1) == -1)
			log_warn("start");
		close(startfd);
		startfd = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(startfd, STDIN_FILENO);
		dup2(startfd, STDOUT_FILENO);
		dup2(startfd, STDERR_FILENO);
	}
}

/*
 * Go to the background now, before threads and children, but keep the terminal
 * until secd works: the caller's exit status is the truth.
 */
static void
detach(void)
{
	char word;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) == -1)
		fatal("start");
	switch (fork()) {
	case -1:
		fatal("start");
	case 0:
		close(fd[0]);
		startfd = fd[1];
		setsid();
		if (chdir("/") == -1)
			fatal("/");
		return;
	default:
		close(fd[1]);
		_exit(read(fd[0], &word, 1) == 1 ? 0 : 1);
	}
}

static void
signalled(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	(void)arg;
	switch (sig) {
	case SIGHUP:
		reload(NULL, 0);
		break;
	case SIGINT:
	case SIGTERM:
		log_info("signal %d, stopping", (int)sig);
		quit(0);
		break;
	}
}

static void
on_signal(int sig, event_callback_fn cb)
{
	struct event *ev = evsignal_new(base, sig, cb, NULL);

	if (ev == NULL || event_add(ev, NULL) == -1)
		fatal("signal %d", sig);
}

static void
take_directories(const struct conf *c)
{
	const char *state = c->statedir != NULL ? c->statedir : sys_statedir;
	char why[512];
	int rundir, statefd;

	if ((statedir = strdup(state)) == NULL ||
	    asprintf(&sockpath, "%s/%s", opts.rundir, SECD_SOCKET) == -1 ||
	    asprintf(&emptydir, "%s/%s", opts.rundir, SECD_EMPTY) == -1)
		fatal("start");
	rundir = rundir_open(opts.rundir, 0755, why, sizeof(why));
	if (rundir == -1)
		goto fail;
	if (mkdirat(rundir, SECD_EMPTY, 0555) == -1 && errno != EEXIST) {
		snprintf(why, sizeof(why), "%s: %s", emptydir,
		    strerror(errno));
		goto fail;
	}
	if ((statefd = rundir_open(statedir, 0700, why, sizeof(why))) == -1 ||
	    device_init(statefd, statedir, why, sizeof(why)) == -1 ||
	    grant_init(statefd, statedir, why, sizeof(why)) == -1)
		goto fail;
	return;

 fail:
	fatalx("%s", why);
}

static void
bind_sockets(const struct conf *c)
{
	const struct group *gr;
	char why[512];

	atexit(remove_sockets);
	sockfd = rundir_bind(sockpath, 0600, 0, why, sizeof(why));
	if (sockfd == -1)
		fatalx("%s", why);
	if (c->restricted == NULL)
		return;
	if ((gr = getgrnam(SECD_ADMIN_GROUP)) == NULL)
		fatalx("socket restricted %s: there is no group %s; make it, "
		    "or take the line out of secd.conf", c->restricted,
		    SECD_ADMIN_GROUP);
	if ((restricted = strdup(c->restricted)) == NULL)
		fatal("start");
	restrictedfd = rundir_bind(restricted, 0660, gr->gr_gid, why,
	    sizeof(why));
	if (restrictedfd == -1)
		fatalx("%s", why);
}

int
parent_main(const struct parent_opts *po)
{
	char why[512];
	int selffd;

	opts = *po;
	log_init("secd", LOG_TO_STDERR);
	log_set_verbose(opts.verbose);
	if (geteuid() != 0)
		fatalx("must be started as root: it opens tun devices and raw "
		    "sockets");
	if (getpwnam(SECD_USER) == NULL)
		fatalx("there is no user %s to run as; 'make deps' or the "
		    "package makes it", SECD_USER);
	if ((first = conf_parse(opts.confpath, stderr)) == NULL ||
	    conf_check_keyfiles(first, 0, stderr) == -1)
		return 1;
	if (!opts.foreground)
		detach();
	setproctitle("parent");
	signal(SIGPIPE, SIG_IGN);
	time(&started);
	if ((selffd = sys_self_open()) == -1)
		fatal("the program's own file");
	take_directories(first);
	if (sys_parent_confine(why, sizeof(why)) == -1)
		fatalx("%s", why);
	bind_sockets(first);
	if ((base = event_base_new()) == NULL)
		fatal("event base");
	on_signal(SIGCHLD, child_died);
	on_signal(SIGHUP, signalled);
	on_signal(SIGINT, signalled);
	on_signal(SIGTERM, signalled);
	child_start(&control, selffd);
	child_start(&engine, selffd);
	grant_start(base);
	/* children_ready() goes on */
	event_base_dispatch(base);
	fatalx("event loop ended");
}
