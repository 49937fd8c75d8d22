/* SPDX-License-Identifier: ISC */
/*
 * For the tests of secd/sys, which need root: a network namespace of the
 * test's own, that ends with it, and ip(8) to look at it from outside secd.
 */
#ifndef NETNS_H
#define NETNS_H

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/tap.h"

/* Leave the system's network, or end the test as failed. */
static inline void
netns_enter(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) == -1) {
		printf("Bail out! needs root, for a network namespace\n");
		exit(1);
	}
}

/* Run a shell command; its exit status, and its output in out[size]. */
static inline int __attribute__((format(printf, 3, 4)))
output(char *out, size_t size, const char *fmt, ...)
{
	char cmd[512], rest[256];
	va_list ap;
	size_t n;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if ((f = popen(cmd, "r")) == NULL)
		return -1;
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	while (fread(rest, 1, sizeof(rest), f) > 0)
		continue;
	return pclose(f);
}

/* Run a command that is part of the scene; a failure ends the test. */
static inline void
scene(const char *cmd)
{
	if (system(cmd) == 0)
		return;
	printf("Bail out! failed: %s\n", cmd);
	exit(1);
}

/* 1 if what the command writes, errors and all, contains the text. */
static inline int
contains(const char *cmd, const char *text, int wanted)
{
	char out[4096], *line, *next;
	int found;

	output(out, sizeof(out), "%s 2>&1", cmd);
	if ((found = strstr(out, text) != NULL) == wanted)
		return 1;
	printf("# %s%s in: %s\n", text, wanted ? " is not" : "", cmd);
	for (line = out; line != NULL && *line != '\0'; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		printf("# %s\n", line);
	}
	return 0;
}

static inline int
shows(const char *cmd, const char *text)
{
	return contains(cmd, text, 1);
}

static inline int
hides(const char *cmd, const char *text)
{
	return contains(cmd, text, 0);
}

#endif /* NETNS_H */
