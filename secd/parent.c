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

struct parent		 parent;

static struct event_base *base;
static char		*emptydir, *sockpath, *pfkeypath;
static const char	*restricted;	/* the other socket's path, or NULL */
static int		 sockfd = -1, pfkeyfd = -1, restrictedfd = -1;
static int		 startfd = -1;	/* the foreground waits for a word */
static struct conf	*first;		/* read before the children start */
static int		 quitting, quit_destroys;

struct ipc *
parent_engine(void)
{
	return engine.ipc;
}

/* --- the end --- */

/* Also at any other exit, while the directory is still locked. */
static void
remove_sockets(void)
{
	if (sockfd != -1)
		unlink(sockpath);
	if (pfkeyfd != -1)
		unlink(pfkeypath);
	if (restrictedfd != -1)
		unlink(restricted);
	sockfd = pfkeyfd = restrictedfd = -1;
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
	children_end();
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

void
parent_quit(int destroy)
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

/* --- what a child may tell --- */

static void	children_ready(void);

static void
say_ready(struct child *c, struct ipc_msg *m)
{
	const struct msg_ready *r = (struct msg_ready *)m->body;

	if (c->ready)
		return;
	c->ready = 1;
	parent.lost |= r->lost & ((1U << SYS_LOST_MAX) - 1);
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

static void
child_closed(struct ipc *ipc, void *arg)
{
	(void)ipc;
	if (quitting)
		finish(0);
	children_lost(arg);
	finish(1);
}

static void
child_died(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	child_closed(NULL, &engine);
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

static void
children_ready(void)
{
	unsigned int i;
	int sp[2];

	for (i = 0; i < SYS_LOST_MAX; i++)
		if (parent.lost & 1U << i)
			log_warnx("protection lost: %s", sys_lost_text(i));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) == -1 ||
	    ipc_send(engine.ipc, MSG_CHANNEL, 0, sp[0], NULL, 0) == -1 ||
	    ipc_send(control.ipc, MSG_CHANNEL, 0, sp[1], NULL, 0) == -1)
		fatal("channel between control and engine");
	close(sp[0]);
	close(sp[1]);
	wires_raw(parent.engine.workers);
	ask_start(first);
}

/* Clients may come: control takes them from here on. */
static void
hand_listener(int fd, enum listen_kind kind)
{
	struct msg_listen m = { .kind = kind };

	if (listen(fd, 16) == -1 ||
	    ipc_send(control.ipc, MSG_LISTEN, 0, fd, &m, sizeof(m)) == -1)
		fatal("control's socket");
	close(fd);
}

void
parent_serves(void)
{
	hand_listener(sockfd, LISTEN_CONTROL);
	hand_listener(pfkeyfd, LISTEN_PFKEY);
	if (restricted != NULL)
		hand_listener(restrictedfd, LISTEN_RESTRICTED);
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
		ask_hangup();
		break;
	case SIGINT:
	case SIGTERM:
		log_info("signal %d, stopping", (int)sig);
		parent_quit(0);
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
	const char *run = parent.opts.rundir;
	const char *state = c->statedir != NULL ? c->statedir : sys_statedir;
	char why[512];
	int rundir, statefd;

	if ((parent.statedir = strdup(state)) == NULL ||
	    asprintf(&sockpath, "%s/%s", run, SECD_SOCKET) == -1 ||
	    asprintf(&pfkeypath, "%s/%s", run, SECD_PFKEY) == -1 ||
	    asprintf(&emptydir, "%s/%s", run, SECD_EMPTY) == -1)
		fatal("start");
	if ((rundir = rundir_open(run, 0755, why, sizeof(why))) == -1)
		fatalx("%s", why);
	if (mkdirat(rundir, SECD_EMPTY, 0555) == -1 && errno != EEXIST)
		fatal("%s", emptydir);
	statefd = rundir_open(state, 0700, why, sizeof(why));
	if (statefd == -1 ||
	    device_init(statefd, state, why, sizeof(why)) == -1 ||
	    grant_init(statefd, state, why, sizeof(why)) == -1)
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
	pfkeyfd = rundir_bind(pfkeypath, 0600, 0, why, sizeof(why));
	if (pfkeyfd == -1)
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
	struct role_args args = { 0 };
	char why[512];
	int selffd;

	parent.opts = *po;
	log_init("secd", LOG_TO_STDERR);
	log_set_verbose(parent.opts.verbose);
	if (geteuid() != 0)
		fatalx("must be started as root: it opens tun devices and raw "
		    "sockets");
	if (getpwnam(SECD_USER) == NULL)
		fatalx("there is no user %s to run as; 'make deps' or the "
		    "package makes it", SECD_USER);
	if ((first = conf_parse(parent.opts.confpath, stderr)) == NULL ||
	    conf_check_keyfiles(first, 0, stderr) == -1)
		return 1;
	if (!parent.opts.foreground)
		detach();
	setproctitle("parent");
	signal(SIGPIPE, SIG_IGN);
	time(&parent.started);
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
	args.emptydir = emptydir;
	args.verbose = parent.opts.verbose;
	args.engine = parent.engine = first->engine;
	child_start(&control, base, selffd, &args, child_message,
	    child_closed);
	child_start(&engine, base, selffd, &args, child_message, child_closed);
	grant_start(base);
	/* children_ready() goes on */
	event_base_dispatch(base);
	fatalx("event loop ended");
}
