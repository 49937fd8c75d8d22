/* SPDX-License-Identifier: ISC */
/*
 * The parent's two children: started, listened to, mourned.  Their standard
 * error is their log: it is relayed line by line, a flood of it cut.  Knows no
 * message; what they ask is parent.c's.
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "secd/log.h"
#include "secd/parent.h"
#include "secd/sys/sys.h"

#define LINES_MAX	200	/* of a child's log in LOG_INTERVAL seconds */

struct child	control = { .role = ROLE_CONTROL, .title = "control" };
struct child	engine = { .role = ROLE_ENGINE, .title = "engine" };

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
	else
		memcpy(c->cut, c->line, sizeof(c->cut));
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
 * When one dies the other ends as well: wait a moment for the one that has
 * something to tell, and for their last words.
 */
void
children_lost(const struct child *first_seen)
{
	struct child *both[] = { &engine, &control }, *c;
	int i, st, told = 0;

	for (i = 0; i < 200 && !told; i++) {
		c = both[i % 2];
		if (c->pid != 0 && waitpid(c->pid, &st, WNOHANG) == c->pid) {
			c->pid = 0;
			told = autopsy(c, st);
		}
		if (!told)
			poll(NULL, 0, 5);
	}
	for (i = 0; i < 2; i++) {
		while (read_lines(both[i]) == 0)
			;
		if (both[i]->linelen > 0)
			relay_line(both[i]);
		/* it may say why, even if it came in a flood */
		if (both[i]->cut[0] != '\0')
			log_relay(both[i]->title, both[i]->cut);
	}
	if (!told)
		log_warnx("%s: its channel closed; secd ends",
		    first_seen->title);
}

void
child_start(struct child *c, struct event_base *base, int selffd,
    const struct role_args *args, ipc_cb message, ipc_closed_cb closed)
{
	struct proc_child pc;

	if (proc_spawn(c->role, selffd, args, &pc) == -1)
		fatal("start %s", c->title);
	c->pid = pc.pid;
	c->logfd = pc.log;
	c->ipc = ipc_new(base, pc.channel, message, closed, c);
	c->logev = event_new(base, pc.log, EV_READ | EV_PERSIST, child_writes,
	    c);
	if (c->ipc == NULL || c->logev == NULL ||
	    event_add(c->logev, NULL) == -1)
		fatal("start %s", c->title);
}

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

void
children_end(void)
{
	ipc_free(engine.ipc);
	ipc_free(control.ipc);
	reap(&engine);
	reap(&control);
}
