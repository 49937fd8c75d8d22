/* SPDX-License-Identifier: ISC */
/*
 * SIGKILL at every point between a request for numbers and its answer, with a
 * real process, the commit thread and the LD_PRELOAD library that the tests of
 * the whole daemon use; and that library's other controls, each seen to act.
 *
 * The process is this program again: it asks its ledger for marks of one key,
 * each 10 above the last, answers with a MSG_RESERVED message and, once that is
 * sent, prints the mark: "D MARK" when it is durable, "E ERRNO" on an error.
 */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include <event2/event.h>

#include "tests/lib/ledger.h"
#include "tests/lib/tap.h"

#define NOW	2000000000

/* --- the process --- */

static struct event_base *base;
static struct ledger *ledger;
static struct ledger_sync *syncer;
static int	pair[2];

static void
done(int error, void *arg)
{
	struct ipc_hdr hdr = { .version = IPC_VERSION, .type = MSG_RESERVED };
	struct iovec iov = { &hdr, sizeof(hdr) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	uint64_t durable = ledger_get(ledger, 1).durable;
	char line[64];
	int n;

	(void)arg;
	if (sendmsg(pair[0], &mh, 0) == -1 ||
	    recv(pair[1], &hdr, sizeof(hdr), 0) == -1)
		err(1, "sendmsg");
	n = error == 0 ? snprintf(line, sizeof(line), "D %llu\n",
	    (unsigned long long)durable) :
	    snprintf(line, sizeof(line), "E %d\n", error);
	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		err(1, "write");
	ledger_raise(ledger, ledger_digest(1), durable + 10, 1, NOW);
	ledger_sync_kick(syncer);
}

/* The hooks are for the ledger alone. */
static void
other_file(void)
{
	int fd = openat(ledger_dirfd, "other", O_RDWR | O_CREAT, 0600);

	if (fd == -1 || pwrite(fd, "x", 1, 0) != 1 || fdatasync(fd) == -1)
		err(1, "other");
	close(fd);
	if (write(STDOUT_FILENO, "other\n", 6) != 6)
		err(1, "write");
}

static int
process(const char *dir)
{
	snprintf(ledger_dir, sizeof(ledger_dir), "%s", dir);
	ledger_dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	other_file();
	base = event_base_new();
	if ((ledger = ledger_at(NOW)) == NULL)
		errx(1, "%s", ledger_why);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == -1 ||
	    (syncer = ledger_sync_new(base, ledger, done, NULL)) == NULL)
		err(1, "start");
	ledger_raise(ledger, ledger_digest(1), ledger_has(ledger, 1) ?
	    ledger_get(ledger, 1).durable + 10 : 10, 1, NOW);
	ledger_sync_kick(syncer);
	event_base_dispatch(base);
	return 1;
}

/* --- the test --- */

static char	hook[PATH_MAX];
static pid_t	pid;
static FILE	*out;

static void
control(const char *name, const char *text)
{
	int fd = openat(ledger_dirfd, name, O_WRONLY | O_CREAT | O_TRUNC |
	    O_CLOEXEC, 0600);

	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		err(1, "%s", name);
	close(fd);
}

static void
gone(const char *name)
{
	unlinkat(ledger_dirfd, name, 0);
}

static void
spawn(const char *self)
{
	int fds[2];

	if (pipe(fds) == -1 || (pid = fork()) == -1)
		err(1, "fork");
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* it may be held */
		setenv("LD_PRELOAD", hook, 1);
		setenv("SECD_HOOK_DIR", ledger_dir, 1);
		execl("/proc/self/exe", self, "--process", ledger_dir,
		    (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	out = fdopen(fds[0], "r");
	setvbuf(out, NULL, _IONBF, 0);
}

/* A line if there is one within ms; "" on end of file or none. */
static const char *
line(int ms)
{
	static char buf[64];
	struct pollfd p = { .fd = fileno(out), .events = POLLIN };

	buf[0] = '\0';
	if (poll(&p, 1, ms) == 1 && fgets(buf, sizeof(buf), out) == NULL)
		buf[0] = '\0';
	return buf;
}

static int
end(int sig)
{
	int status;

	if (sig != 0)
		kill(pid, sig);
	fclose(out);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -1;
}

static unsigned int
logged(const char *call)
{
	char text[256];
	unsigned int n = 0;
	int fd = openat(ledger_dirfd, "log", O_RDONLY | O_CLOEXEC);
	FILE *f = fd == -1 ? NULL : fdopen(fd, "r");

	while (f != NULL && fgets(text, sizeof(text), f) != NULL)
		n += strstr(text, call) != NULL;
	if (f != NULL)
		fclose(f);
	return n;
}

/* Killed at the nth call: what was answered is on disk. */
static void
test_kill(const char *self, const char *point)
{
	unsigned long long answered = 0, n, good = 0, killed = 0, least = 0;
	struct ledger *l;
	const char *text;
	char nth[8];

	gone(LEDGER_FILE);
	for (n = 1; n <= 8; n++) {
		snprintf(nth, sizeof(nth), "%llu\n", n);
		control(point, nth);
		spawn(self);
		while (*(text = line(5000)) != '\0')
			if (sscanf(text, "D %llu", &least) == 1)
				answered = least;
		killed += end(0) == SIGKILL;
		gone(point);
		l = ledger_at(NOW);
		if (l != NULL && (answered == 0 ||
		    (ledger_get(l, 1).durable >= answered &&
		    ledger_get(l, 1).mark <= answered + 20)))
			good++;
		else
			printf("# %llu: answered %llu, %s\n", n, answered,
			    l == NULL ? ledger_why : "mark lost");
		ledger_close(l);
	}
	is(killed, 8, "%s: died each time", point);
	is(good, 8, "... and what had been answered is on disk");
	ok(answered > 0, "... up to %llu", answered);
}

static void
test_hold(const char *self)
{
	unsigned int i, n = 0;

	gone(LEDGER_FILE);
	gone("log");
	spawn(self);
	is(strcmp(line(5000), "other\n"), 0, "another file");
	is(strncmp(line(5000), "D ", 2), 0, "a mark is durable");
	control("hold", "");
	for (i = 0; i < 200 && *line(100) != '\0'; i++)
		n++;
	ok(i < 200, "held: no more come (%u did until then)", n);
	is(*line(50), '\0', "... none");
	gone("hold");
	is(strncmp(line(5000), "D ", 2), 0, "let go: they come again");
	control("fail_fdatasync", "EIO\n");
	for (i = 0; i < 1000 && *line(5000) != 'E'; i++)
		continue;
	ok(i < 1000, "a failing fdatasync is told");
	gone("fail_fdatasync");
	for (i = 0; i < 1000 && *line(5000) != 'D'; i++)
		continue;
	ok(i < 1000, "... and over when it is");
	control("fail_pwrite", "ENOSPC\n");
	for (i = 0; i < 1000; i++)
		if (strcmp(line(5000), "E 28\n") == 0)
			break;
	ok(i < 1000, "a failing pwrite is told, by its errno");
	gone("fail_pwrite");
	control("delay_ms", "80\n");
	for (i = 0; i < 1000 && *line(40) != '\0'; i++)
		continue;
	ok(i < 1000, "a delayed fdatasync is waited for");
	is(strncmp(line(5000), "D ", 2), 0, "... and comes");
	gone("delay_ms");
	is(end(SIGKILL), SIGKILL, "end");
	ok(logged(" pwrite ") > 10 && logged(" fdatasync ") > 10 &&
	    logged(" reply ") > 3, "the log has %u, %u and %u calls",
	    logged(" pwrite "), logged(" fdatasync "), logged(" reply "));
	is(logged(" pwrite 0 1 "), 0, "... none of another file");

	control("hold", "");
	gone(LEDGER_FILE);
	spawn(self);
	is(strcmp(line(5000), "other\n"), 0,
	    "another file is not held, delayed or failed");
	is(*line(50), '\0', "the ledger is, from its making");
	is(end(SIGKILL), SIGKILL, "end");
	gone("hold");
}

int
main(int argc, char **argv)
{
	char path[PATH_MAX];
	const char *p;

	if (argc == 3 && strcmp(argv[1], "--process") == 0)
		return process(argv[2]);
	if ((p = getenv("HOOK_LEDGER")) != NULL)
		snprintf(path, sizeof(path), "%s", p);
	else
		snprintf(path, sizeof(path), "%.*s../lib/hook_ledger.so",
		    (int)((p = strrchr(argv[0], '/')) == NULL ? 0 :
		    p + 1 - argv[0]), argv[0]);
	if (realpath(path, hook) == NULL)
		err(1, "%s", path);
	ledger_dir_make();
	test_kill(argv[0], "kill_before_pwrite");
	test_kill(argv[0], "kill_after_pwrite");
	test_kill(argv[0], "kill_before_fdatasync");
	test_kill(argv[0], "kill_after_fdatasync");
	test_kill(argv[0], "kill_before_reply");
	test_hold(argv[0]);
	return tap_done();
}
