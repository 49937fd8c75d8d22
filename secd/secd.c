/* SPDX-License-Identifier: ISC */
/*
 * The command line: which role this process has, and the configuration test.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/conf.h"
#include "secd/log.h"
#include "secd/parent.h"
#include "secd/secd.h"

static void __attribute__((noreturn))
usage(void)
{
	fprintf(stderr, "usage: secd [-dnVv] [-D macro=value] [-f file] "
	    "[-r rundir]\n");
	exit(1);
}

/* -n: the errors, and with -vv the configuration as it was understood. */
static int
test_conf(const char *path, int verbose)
{
	struct conf *c;
	int bad;

	if ((c = conf_parse(path, stderr)) == NULL)
		return 1;
	/* who is not root cannot see root's key files */
	bad = conf_check_keyfiles(c, geteuid() != 0, stderr) == -1;
	if (!bad && verbose > 1)
		conf_print(c, stdout);
	else if (!bad && verbose > 0)
		printf("%s: configuration OK\n", path);
	conf_free(c);
	return bad;
}

static const char *
absolute(const char *path)
{
	char *cwd, *abs;

	if (path[0] == '/')
		return path;
	if ((cwd = getcwd(NULL, 0)) == NULL ||
	    asprintf(&abs, "%s/%s", cwd, path) == -1)
		fatal("%s", path);
	free(cwd);
	return abs;
}

static int
child_main(const char *role, const struct role_args *args)
{
	if (args->ppid == 0 || args->emptydir == NULL)
		usage();
	if (strcmp(role, "control") == 0)
		return control_main(args);
	if (strcmp(role, "engine") == 0)
		return engine_main(args);
	usage();
}

int
main(int argc, char *argv[])
{
	struct parent_opts po = { .confpath = SECD_CONF,
	    .rundir = SECD_RUNDIR };
	struct role_args args = { 0 };
	const char *role = NULL;
	int ch, noaction = 0;

	log_init("secd", LOG_TO_STDERR);
	engine_conf_init(&args.engine);
	/* -E, -P and -R are between secd and itself */
	while ((ch = getopt(argc, argv, "dD:E:f:nP:R:r:Vv")) != -1) {
		switch (ch) {
		case 'd':
			po.foreground = 1;
			break;
		case 'D':
			if (conf_define(optarg) == -1)
				fatalx("-D %s: not macro=value", optarg);
			break;
		case 'E':
			if (engine_conf_read(&args.engine, optarg) == -1)
				usage();
			break;
		case 'f':
			po.confpath = optarg;
			break;
		case 'n':
			noaction = 1;
			break;
		case 'P':
			args.ppid = atoi(optarg);
			break;
		case 'R':
			role = optarg;
			break;
		case 'r':
			po.rundir = args.emptydir = optarg;
			break;
		case 'V':
			printf("secd %s\n", SECD_VERSION);
			return 0;
		case 'v':
			po.verbose++;
			args.verbose++;
			break;
		default:
			usage();
		}
	}
	if (argc != optind)
		usage();
	if (role != NULL)
		return child_main(role, &args);
	if (noaction)
		return test_conf(po.confpath, po.verbose);
	po.confpath = absolute(po.confpath);
	po.rundir = absolute(po.rundir);
	return parent_main(&po);
}
