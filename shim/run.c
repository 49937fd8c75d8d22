/* SPDX-License-Identifier: ISC */
/*
 * secd-run: starts a program with libsecpfkey.so loaded before its libraries,
 * after a look whether secd is there to serve it.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/shim.h"

#define LIBRARY	"libsecpfkey.so"

/* as env(1) */
enum {
	EXIT_FAILED	= 1,
	EXIT_USAGE	= 2,
	EXIT_CANNOT_RUN	= 126,
	EXIT_NOT_FOUND	= 127
};

static void
usage(FILE *to)
{
	fprintf(to, "usage: secd-run [-hV] [-n name] [-s socket] "
	    "command [argument ...]\n");
}

static void __attribute__((noreturn, format(printf, 1, 2)))
refuse(const char *fmt, ...)
{
	va_list ap;

	fputs("secd-run: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
	exit(EXIT_FAILED);
}

/* The daemon will have another working directory when it asks. */
static const char *
absolute(const char *path)
{
	static char buf[2 * PATH_MAX];
	char cwd[PATH_MAX];

	if (*path == '/')
		return path;
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		refuse("%s: no working directory: %s", path, strerror(errno));
	if ((size_t)snprintf(buf, sizeof(buf), "%s/%s", cwd, path) >=
	    sizeof(buf))
		refuse("%s: name too long", path);
	return buf;
}

static void
try_secd(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		refuse("%s: longer than a socket's name may be", path);
	memcpy(sun.sun_path, path, strlen(path));
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) == -1)
		refuse("socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0) {
		close(fd);
		return;
	}
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		refuse("%s: secd is not running (start it with 'systemctl "
		    "start secd', or name its socket with -s)", path);
	case EACCES:
	case EPERM:
		refuse("%s: %s: run as root", path, strerror(errno));
	case EPROTOTYPE:
		refuse("%s: not secd's PF_KEY socket", path);
	default:
		refuse("%s: %s", path, strerror(errno));
	}
}

/*
 * The library: where the user says, beside this program as it was built, where
 * both were installed together, or where it was meant to go.
 */
static const char *
library(void)
{
	static const char *const places[] = {
		"/" LIBRARY, "/../lib/secd/" LIBRARY
	};
	static char path[PATH_MAX];
	char self[PATH_MAX / 2], near[PATH_MAX];
	const char *given = getenv(SHIM_ENV_LIB);
	ssize_t n;
	size_t i;

	if (given != NULL && *given != '\0') {
		if (realpath(given, path) == NULL)
			refuse("%s (" SHIM_ENV_LIB "): %s", given,
			    strerror(errno));
		return path;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n == -1 ? 0 : n] = '\0';
	if (strrchr(self, '/') != NULL)
		*strrchr(self, '/') = '\0';
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(near, sizeof(near), "%s%s", self, places[i]);
		if (realpath(near, path) != NULL)
			return path;
	}
	return LIBDIR "/secd/" LIBRARY;
}

/* The dynamic linker only warns, and runs the daemon without it. */
static void
check_library(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode) ||
	    access(path, R_OK) == -1)
		refuse("%s: no such library, or not to be read: install secd "
		    "anew, or name it in " SHIM_ENV_LIB, path);
	if (strpbrk(path, ": \t\n") != NULL)
		refuse("%s: the dynamic linker takes no blank or colon in "
		    "LD_PRELOAD", path);
}

static void
set(const char *name, const char *value)
{
	if (setenv(name, value, 1) == -1)
		refuse("%s: %s", name, strerror(errno));
}

static void
preload(const char *path)
{
	const char *old = getenv("LD_PRELOAD");
	char *value;
	size_t size;

	if (old == NULL || *old == '\0') {
		set("LD_PRELOAD", path);
		return;
	}
	size = strlen(path) + 1 + strlen(old) + 1;
	if ((value = malloc(size)) == NULL)
		refuse("%s", strerror(errno));
	snprintf(value, size, "%s:%s", path, old);
	set("LD_PRELOAD", value);
	free(value);
}

int
main(int argc, char *argv[])
{
	const char *path = getenv(SHIM_ENV_SOCKET), *lib;
	int ch;

	if (path == NULL || *path == '\0')
		path = SHIM_SOCKET;
	/* `+': what follows the command is the command's */
	while ((ch = getopt(argc, argv, "+hn:s:V")) != -1) {
		switch (ch) {
		case 'h':
			usage(stdout);
			return 0;
		case 'n':
			set(SHIM_ENV_NAME, optarg);
			break;
		case 's':
			path = optarg;
			break;
		case 'V':
			printf("secd-run %s\n", VERSION);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	path = absolute(path);
	try_secd(path);
	lib = library();
	check_library(lib);
	preload(lib);
	set(SHIM_ENV_SOCKET, path);
	execvp(argv[optind], argv + optind);
	fprintf(stderr, "secd-run: %s: %s\n", argv[optind], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
