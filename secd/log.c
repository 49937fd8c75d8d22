/* SPDX-License-Identifier: ISC */
/*
 * Where lines of log go, how long they are, and how often.  Knows nothing of
 * what they say.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "secd/log.h"

static enum log_sink	 sink = LOG_TO_STDERR;
static const char	*prefix;
static int		 verbose;
static void		(*hook)(int, const char *);

void
log_init(const char *name, enum log_sink where)
{
	prefix = name;
	sink = where;
	if (sink == LOG_TO_SYSLOG)
		openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_set_verbose(int v)
{
	verbose = v;
}

int
log_verbose(void)
{
	return verbose;
}

void
log_set_hook(void (*h)(int, const char *))
{
	hook = h;
}

/* A whole line in one write, so that lines of two processes do not mix. */
static void
put_stderr(const char *head, const char *mid, const char *line)
{
	char buf[LOG_LINE_MAX + 64];
	ssize_t n;

	snprintf(buf, sizeof(buf) - 1, "%s%s%s", head, mid, line);
	strlcat(buf, "\n", sizeof(buf));
	/* a full pipe or closed terminal must not stop the daemon */
	n = write(STDERR_FILENO, buf, strlen(buf));
	(void)n;
}

static void
put(int priority, const char *name, const char *line)
{
	char level[8];

	switch (sink) {
	case LOG_TO_SYSLOG:
		if (name != NULL && name != prefix)
			syslog(priority, "%s: %s", name, line);
		else
			syslog(priority, "%s", line);
		break;
	case LOG_TO_PARENT:
		snprintf(level, sizeof(level), "<%d>", priority & 7);
		put_stderr(level, "", line);
		break;
	case LOG_TO_STDERR:
		put_stderr(name != NULL ? name : "", name != NULL ? ": " : "",
		    line);
		break;
	}
}

static void __attribute__((format(printf, 3, 0)))
vlog(int priority, int err, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX];
	size_t used;
	int saved = errno;

	vsnprintf(line, sizeof(line), fmt, ap);
	if (err != 0) {
		used = strlen(line);
		snprintf(line + used, sizeof(line) - used, ": %s",
		    strerror(err));
	}
	put(priority, prefix, line);
	if (hook != NULL)
		hook(priority, line);
	errno = saved;
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_WARNING, errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_WARNING, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	vlog(LOG_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, 0, fmt, ap);
	va_end(ap);
	exit(1);
}

/*
 * The child may be hostile or dying: its priority is bounded, its text made
 * printable.
 */
void
log_relay(const char *child, const char *line)
{
	char buf[LOG_LINE_MAX];
	int priority = LOG_WARNING;
	size_t i;

	if (line[0] == '<' && line[1] >= '0' + LOG_CRIT &&
	    line[1] <= '0' + LOG_DEBUG && line[2] == '>') {
		priority = line[1] - '0';
		line += 3;
	}
	if (priority == LOG_DEBUG && !verbose)
		return;
	for (i = 0; i < sizeof(buf) - 1 && line[i] != '\0'; i++)
		buf[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
	buf[i] = '\0';
	put(priority, child, buf);
	if (hook != NULL)
		hook(priority, buf);
}

int
log_allowed(struct log_limit *ll)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (ll->last != 0 && now.tv_sec - ll->last < LOG_INTERVAL) {
		ll->suppressed++;
		return 0;
	}
	ll->last = now.tv_sec != 0 ? now.tv_sec : 1;
	ll->suppressed = 0;
	return 1;
}
