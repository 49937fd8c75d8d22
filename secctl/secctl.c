/* SPDX-License-Identifier: ISC */
/*
 * secctl: the operator's hand on secd.  Options, commands from the command line
 * or a file, and what each command asks of secd.
 */
#include <sys/types.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secctl/secctl.h"
#include "secd/secd.h"

#define STOP_MS	10000		/* how long stop waits for the end */

static void
usage(FILE *to)
{
	fprintf(to, "usage: secctl [-hjV] [-s socket] [-f file|-] "
	    "command ...\n");
}

/* The forms of a verb's commands, or of all. */
static enum ctl_exit
help(const char *verb)
{
	const char *form, *meaning;
	size_t i;

	for (i = 0; parser_help(i, verb, &form, &meaning) == 0; i++)
		printf("%s\n\t%s\n", form, meaning);
	return CTL_OK;
}

static enum ctl_exit
add_sa(struct ctl *c, const struct command *cmd)
{
	const struct sa_request *req;
	char why[CTL_WHYLEN];
	enum ctl_exit rc;

	if (c->file != NULL && strcmp(c->file, "-") == 0 &&
	    strcmp(cmd->keyfile, "-") == 0) {
		ctl_warn(c, "add sa: standard input can not be both the "
		    "commands (-f -) and a key file (-)");
		return CTL_USAGE;
	}
	/* no key is read before there is somebody to give it to */
	if ((rc = ctl_connect(c)) != CTL_OK)
		return rc;
	req = key_load(&cmd->sa, cmd->suite, cmd->keyfile, why);
	if (req == NULL) {
		ctl_warn(c, "%s", why);
		return CTL_FAILED;
	}
	rc = ctl_do(c, MSG_SA_ADD, req, sizeof(*req));
	key_wipe();
	return rc;
}

static enum ctl_exit
genkey(struct ctl *c, const struct esp_suite *suite)
{
	char why[CTL_WHYLEN];

	fflush(stdout);
	if (key_generate(suite, STDOUT_FILENO, why) == 0)
		return CTL_OK;
	ctl_warn(c, "%s", why);
	return CTL_FAILED;
}

static enum ctl_exit
monitor(struct ctl *c)
{
	struct msg_event ev;
	enum ctl_exit rc;

	rc = ctl_do(c, MSG_MONITOR, NULL, 0);
	while (rc == CTL_OK && fflush(stdout) == 0)
		if ((rc = ctl_event(c, &ev)) == CTL_OK)
			c->out->event(&ev);
	return rc;
}

static enum ctl_exit
stop(struct ctl *c, enum msg_type type)
{
	enum ctl_exit rc;

	if ((rc = ctl_do(c, type, NULL, 0)) != CTL_OK)
		return rc;
	rc = ctl_wait_gone(c, STOP_MS);
	close(c->fd);
	c->fd = -1;
	return rc;
}

/* A request that names an interface, or all. */
static enum ctl_exit
named(struct ctl *c, enum msg_type type, const char *name)
{
	struct msg_name m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.name, name, sizeof(m.name));
	return ctl_do(c, type, &m, sizeof(m));
}

static enum ctl_exit
expire(struct ctl *c, const struct msg_sa_id *id, uint32_t hard)
{
	struct msg_sa_expire m;

	memset(&m, 0, sizeof(m));
	m.dst = id->dst;
	m.spi = id->spi;
	m.hard = hard;
	return ctl_do(c, MSG_SA_EXPIRE, &m, sizeof(m));
}

static enum ctl_exit
run(struct ctl *c, const struct command *cmd)
{
	switch (cmd->action) {
	case ACT_NONE:
		break;
	case ACT_ADD_SA:
		return add_sa(c, cmd);
	case ACT_CREATE:
		return ctl_do(c, MSG_IFACE_CREATE, &cmd->iface,
		    sizeof(cmd->iface));
	case ACT_DESTROY:
		return named(c, MSG_IFACE_DESTROY, cmd->name);
	case ACT_DOWN:
		return named(c, MSG_IFACE_DOWN, cmd->name);
	case ACT_EXPIRE_HARD:
		return expire(c, &cmd->id, 1);
	case ACT_EXPIRE_SOFT:
		return expire(c, &cmd->id, 0);
	case ACT_FLUSH_SA:
		return named(c, MSG_SA_FLUSH, cmd->name);
	case ACT_GENKEY:
		return genkey(c, cmd->suite);
	case ACT_HELP:
		return help(cmd->topic);
	case ACT_LOG_BRIEF:
		return ctl_do(c, MSG_LOG_BRIEF, NULL, 0);
	case ACT_LOG_VERBOSE:
		return ctl_do(c, MSG_LOG_VERBOSE, NULL, 0);
	case ACT_MONITOR:
		return monitor(c);
	case ACT_RELOAD:
		return ctl_do(c, MSG_RELOAD, NULL, 0);
	case ACT_REMOVE_SA:
		return ctl_do(c, MSG_SA_REMOVE, &cmd->id, sizeof(cmd->id));
	case ACT_SHOW_CLIENTS:
		return show_clients(c);
	case ACT_SHOW_CRYPTO:
		return show_crypto(c);
	case ACT_SHOW_DROPS:
		return show_drops(c);
	case ACT_SHOW_IFACE:
		return show_ifaces(c, cmd->name);
	case ACT_SHOW_PROCESS:
		return show_process(c);
	case ACT_SHOW_SA:
		return show_sas(c, cmd->name);
	case ACT_STOP:
		return stop(c, MSG_STOP);
	case ACT_STOP_DESTROY:
		return stop(c, MSG_STOP_DESTROY);
	case ACT_UP:
		return named(c, MSG_IFACE_UP, cmd->name);
	}
	return CTL_USAGE;
}

static enum ctl_exit
command(struct ctl *c, int n, char *const words[])
{
	struct command cmd;
	char why[CTL_WHYLEN];

	if (parser_parse(&cmd, n, words, why) == 0)
		return run(c, &cmd);
	ctl_warn(c, "%s", why);
	return CTL_USAGE;
}

/* One command a line, over one connection, up to the first that fails. */
static enum ctl_exit
commands(struct ctl *c, FILE *in)
{
	char *line = NULL, *words[CTL_WORDS], why[CTL_WHYLEN];
	enum ctl_exit rc = CTL_OK;
	size_t size = 0;
	ssize_t len;
	int n;

	while (rc == CTL_OK && (len = getline(&line, &size, in)) != -1) {
		c->line++;
		n = -1;
		if (memchr(line, '\0', (size_t)len) != NULL)
			snprintf(why, sizeof(why), "not text");
		else
			n = parser_split(line, words, why);
		if (n == -1) {
			ctl_warn(c, "%s", why);
			rc = CTL_USAGE;
		} else if (n > 0)
			rc = command(c, n, words);
	}
	free(line);
	c->line = 0;
	if (rc == CTL_OK && ferror(in)) {
		ctl_warn(c, "%s: %s", c->file, strerror(errno));
		return CTL_FAILED;
	}
	return rc;
}

static enum ctl_exit
from_file(struct ctl *c)
{
	enum ctl_exit rc;
	FILE *in;

	if (strcmp(c->file, "-") == 0)
		return commands(c, stdin);
	if ((in = fopen(c->file, "re")) == NULL) {
		ctl_warn(c, "%s: %s", c->file, strerror(errno));
		return CTL_FAILED;
	}
	rc = commands(c, in);
	fclose(in);
	return rc;
}

int
main(int argc, char *argv[])
{
	static const struct rlimit no_core;
	struct ctl c = {
		.path = SECD_RUNDIR "/" SECD_SOCKET, .fd = -1,
		.out = &text_output
	};
	enum ctl_exit rc;
	int ch;

	/* a core would hold the key */
	setrlimit(RLIMIT_CORE, &no_core);
	/* +: a command's own words are not options (stop -d) */
	while ((ch = getopt(argc, argv, "+f:hjs:V")) != -1) {
		switch (ch) {
		case 'f':
			c.file = optarg;
			break;
		case 'h':
			usage(stdout);
			return help(NULL);
		case 'j':
			c.out = &json_output;
			break;
		case 's':
			c.path = optarg;
			break;
		case 'V':
			printf("secctl %s\n", SECD_VERSION);
			return CTL_OK;
		default:
			usage(stderr);
			return CTL_USAGE;
		}
	}
	argc -= optind;
	argv += optind;
	/* commands from a file or from here, one of the two */
	if ((c.file == NULL) == (argc == 0)) {
		usage(stderr);
		fprintf(stderr, "secctl: %s\n", argc == 0 ?
		    "a command is missing ('secctl help' has them all)" :
		    "a command and -f exclude each other");
		return CTL_USAGE;
	}
	rc = c.file != NULL ? from_file(&c) : command(&c, argc, argv);
	if ((fflush(stdout) == EOF || ferror(stdout)) && rc == CTL_OK) {
		fprintf(stderr, "secctl: standard output: %s\n",
		    strerror(errno));
		rc = CTL_FAILED;
	}
	return rc;
}
