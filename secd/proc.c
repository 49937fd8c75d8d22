/* SPDX-License-Identifier: ISC */
/*
 * Starting and confining children; see proc.h.  Knows no message.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/log.h"
#include "secd/proc.h"
#include "secd/sys/sys.h"

static const char *const names[ROLE_MAX] = {
	[ROLE_PARENT] = "parent",
	[ROLE_CONTROL] = "control",
	[ROLE_ENGINE] = "engine",
};

/*
 * In the new process, between fork and exec.  Its descriptors are set in an
 * order that cannot overwrite one still needed: the high copies first.
 */
static void __attribute__((noreturn))
become(enum role role, int selffd, int channel, int logfd,
    const struct role_args *args)
{
	char ppid[16], conf[16];
	char *argv[] = {
		(char *)(uintptr_t)"secd",
		(char *)(uintptr_t)"-R", (char *)(uintptr_t)names[role],
		(char *)(uintptr_t)"-P", ppid,
		(char *)(uintptr_t)"-r", (char *)(uintptr_t)args->emptydir,
		(char *)(uintptr_t)"-E", conf,
		args->verbose ? (char *)(uintptr_t)"-v" : NULL, NULL
	};
	int null;

	snprintf(ppid, sizeof(ppid), "%d", (int)getppid());
	engine_conf_print(&args->engine, conf, sizeof(conf));
	channel = fcntl(channel, F_DUPFD_CLOEXEC, 10);
	logfd = fcntl(logfd, F_DUPFD_CLOEXEC, 10);
	selffd = fcntl(selffd, F_DUPFD_CLOEXEC, 10);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (channel == -1 || logfd == -1 || selffd == -1 || null == -1 ||
	    dup2(null, STDIN_FILENO) == -1 || dup2(null, STDOUT_FILENO) == -1 ||
	    dup2(logfd, STDERR_FILENO) == -1 || dup2(channel, FD_PARENT) == -1)
		_exit(1);
	sys_self_exec(selffd, argv, sys_child_env(role == ROLE_ENGINE ?
	    SYS_ENGINE : SYS_CONTROL));
	_exit(1);
}

int
proc_spawn(enum role role, int selffd, const struct role_args *args,
    struct proc_child *child)
{
	int sp[2], lp[2], saved;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp) == -1)
		return -1;
	if (pipe2(lp, O_CLOEXEC) == -1) {
		saved = errno;
		close(sp[0]);
		close(sp[1]);
		errno = saved;
		return -1;
	}
	child->pid = fork();
	if (child->pid == 0)
		become(role, selffd, sp[1], lp[1], args);
	saved = errno;
	close(sp[1]);
	close(lp[1]);
	if (child->pid == -1) {
		close(sp[0]);
		close(lp[0]);
		errno = saved;
		return -1;
	}
	child->channel = sp[0];
	child->log = lp[0];
	fcntl(lp[0], F_SETFL, O_NONBLOCK);
	return 0;
}

void
proc_confine(enum role role, const struct role_args *args, unsigned int *lost)
{
	char why[256];

	log_init(names[role], LOG_TO_PARENT);
	log_set_verbose(args->verbose);
	setproctitle("%s", names[role]);
	/* a terminal's ^C is the parent's to act on */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* a full log pipe must not stop packets */
	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	if (sys_child_confine(role == ROLE_ENGINE ? SYS_ENGINE : SYS_CONTROL,
	    SECD_USER, args->emptydir, args->ppid, lost, why,
	    sizeof(why)) == -1)
		fatalx("%s", why);
}

void
proc_filter(enum role role, unsigned int *lost)
{
	char why[256];

	if (sys_child_filter(role == ROLE_ENGINE ? SYS_ENGINE : SYS_CONTROL,
	    lost, why, sizeof(why)) == -1)
		fatalx("%s", why);
}
