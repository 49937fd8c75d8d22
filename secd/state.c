/* SPDX-License-Identifier: ISC */
/*
 * The file of the devices that secd made, in the state directory.  The parent
 * alone reads it, at start, and writes it after each change; a half-written or
 * foreign file is refused whole, because what is believed here decides which
 * devices secd takes for its own.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/conf.h"
#include "secd/log.h"
#include "secd/state.h"

#define STATE_NEW	STATE_FILE ".new"
#define STATE_SIZE_MAX	(16U << 20)
#define STATE_PATHLEN	1024
#define RECORD		"# device "
#define END		"# end "
#define REMEDY		"; remove the file to let secd forget its devices, " \
			"and the devices themselves"

struct state_dev *
state_find(const struct state_devs *devs, const char *name)
{
	struct state_dev *d;

	TAILQ_FOREACH(d, devs, entry)
		if (strncmp(d->conf.name, name, sizeof(d->conf.name)) == 0)
			return d;
	return NULL;
}

struct state_dev *
state_add(struct state_devs *devs, const struct iface_conf *ic)
{
	struct state_dev *d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("state of devices");
	d->conf = *ic;
	TAILQ_INSERT_TAIL(devs, d, entry);
	return d;
}

void
state_remove(struct state_devs *devs, struct state_dev *d)
{
	TAILQ_REMOVE(devs, d, entry);
	free(d);
}

void
state_clear(struct state_devs *devs)
{
	struct state_dev *d;

	while ((d = TAILQ_FIRST(devs)) != NULL)
		state_remove(devs, d);
}

/* --- reading --- */

/* "" or letters, digits and hyphens: one word of the record. */
static int
boot_ok(const char *boot)
{
	size_t len = strnlen(boot, STATE_BOOTLEN);

	return len < STATE_BOOTLEN && boot[strspn(boot,
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")]
	    == '\0';
}

/* One complaint per file: the first stands. */
static int
complain(const char *file, int line, char *why, size_t size, const char *what)
{
	snprintf(why, size, "%s:%d: %s%s", file, line, what, REMEDY);
	return -1;
}

/* Decimal digits and nothing else. */
static int
number(const char *s, uint64_t max, uint64_t *n)
{
	if (s[0] == '\0' || s[strspn(s, "0123456789")] != '\0')
		return -1;
	errno = 0;
	*n = strtoull(s, NULL, 10);
	return errno != 0 || *n > max ? -1 : 0;
}

/* Cut the line at its spaces in place; how many words, at most n. */
static size_t
split(char *line, char **words, size_t n)
{
	size_t i = 0;
	char *last, *w;

	for (w = strtok_r(line, " ", &last); w != NULL && i < n;
	    w = strtok_r(NULL, " ", &last))
		words[i++] = w;
	return i;
}

/* A record line, and the interface it belongs to; NULL or what is wrong. */
static const char *
load_record(char *line, const struct conf *c, struct state_devs *devs)
{
	const struct conf_iface *ci;
	struct state_dev *d;
	uint64_t netns, ifindex;
	char *w[11];
	int dynamic;

	/* # device NAME boot ID netns N ifindex N static|dynamic */
	if (split(line, w, 11) != 10 || strcmp(w[3], "boot") != 0 ||
	    strcmp(w[5], "netns") != 0 || strcmp(w[7], "ifindex") != 0)
		return "malformed device record";
	dynamic = strcmp(w[9], "dynamic") == 0;
	if (!boot_ok(w[4]) || number(w[6], UINT64_MAX, &netns) == -1 ||
	    number(w[8], UINT32_MAX, &ifindex) == -1 ||
	    (!dynamic && strcmp(w[9], "static") != 0))
		return "malformed device record";
	if ((ci = conf_find(c, w[2])) == NULL)
		return "device record without its interface";
	if (state_find(devs, w[2]) != NULL)
		return "second record of a device";
	if (!TAILQ_EMPTY(&ci->sas))
		return "an interface with SAs";
	d = state_add(devs, &ci->conf);
	d->conf.dynamic = dynamic;
	d->netns = netns;
	d->ifindex = ifindex;
	if (strcmp(w[4], "-") != 0)
		memcpy(d->boot, w[4], strlen(w[4]));
	return NULL;
}

/* The records of text, which is cut up; the last line says how many. */
static int
load_records(char *text, const char *file, const struct conf *c,
    struct state_devs *devs, char *why, size_t size)
{
	const struct conf_iface *ci;
	struct engine_conf usual;
	const char *what;
	uint64_t records = 0, end;
	char *line;
	int n = 0, ended = 0;

	while ((line = strsep(&text, "\n")) != NULL) {
		n++;
		if (strncmp(line, RECORD, strlen(RECORD)) == 0) {
			what = load_record(line, c, devs);
			if (what != NULL)
				return complain(file, n, why, size, what);
			records++;
		} else if (strncmp(line, END, strlen(END)) == 0) {
			ended = number(line + strlen(END), UINT64_MAX,
			    &end) == 0 && end == records;
		}
	}
	if (!ended)
		return complain(file, n, why, size, "the file is cut short");
	TAILQ_FOREACH(ci, &c->ifaces, entry)
		if (state_find(devs, ci->conf.name) == NULL)
			return complain(file, ci->line, why, size,
			    "interface without its device record");
	engine_conf_init(&usual);
	if (c->statedir != NULL || c->restricted != NULL ||
	    memcmp(&c->engine, &usual, sizeof(usual)) != 0)
		return complain(file, 1, why, size,
		    "more than interfaces in it");
	return 0;
}

/* The interfaces of text; NULL with the parser's first complaint. */
static struct conf *
parse_text(char *text, size_t len, const char *file, char *why, size_t size)
{
	struct conf *c = NULL;
	FILE *in, *err;
	size_t errlen = 0;
	char *errtext = NULL;

	if ((in = fmemopen(text, len, "r")) == NULL ||
	    (err = open_memstream(&errtext, &errlen)) == NULL)
		fatal("%s", file);
	c = conf_parse_stream(in, file, err);
	fclose(in);
	if (fclose(err) != 0)
		fatal("%s", file);
	if (c == NULL)
		snprintf(why, size, "%.*s%s", (int)strcspn(errtext, "\n"),
		    errtext, REMEDY);
	free(errtext);
	return c;
}

/* The whole file as a string; NULL with a complaint. */
static char *
read_file(int fd, const char *file, size_t *len, char *why, size_t size)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) == -1) {
		complain(file, 0, why, size, strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > STATE_SIZE_MAX ||
	    (st.st_uid != 0 && st.st_uid != geteuid()) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		complain(file, 0, why, size, "not a file that secd wrote: "
		    "owner, mode, type or size is wrong");
		return NULL;
	}
	if ((text = malloc(st.st_size + 1)) == NULL)
		fatal("%s", file);
	*len = 0;
	do {
		n = read(fd, text + *len, st.st_size - *len);
		if (n > 0)
			*len += n;
	} while (n > 0 || (n == -1 && errno == EINTR));
	text[*len] = '\0';
	if (n == 0 && *len > 0 && strlen(text) == *len)
		return text;
	complain(file, 0, why, size, n == -1 ? strerror(errno) :
	    "the file is empty or not text");
	free(text);
	return NULL;
}

int
state_load(int dirfd, const char *dirname, struct state_devs *devs, char *why,
    size_t size)
{
	char file[STATE_PATHLEN], *text;
	struct conf *c;
	size_t len;
	int fd, ret = -1;

	TAILQ_INIT(devs);
	snprintf(file, sizeof(file), "%s/%s", dirname, STATE_FILE);
	fd = openat(dirfd, STATE_FILE,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1)
		return complain(file, 0, why, size, strerror(errno));
	text = read_file(fd, file, &len, why, size);
	close(fd);
	if (text == NULL)
		return -1;
	if ((c = parse_text(text, len, file, why, size)) != NULL)
		ret = load_records(text, file, c, devs, why, size);
	conf_free(c);
	free(text);
	if (ret == -1)
		state_clear(devs);
	return ret;
}

/* --- writing --- */

static int
print_devs(const struct state_devs *devs, FILE *out)
{
	const struct state_dev *d;
	struct conf_iface ci;
	size_t n = 0;

	fputs("# The devices that secd made.  Written by secd, do not edit.\n",
	    out);
	TAILQ_FOREACH(d, devs, entry) {
		if (!boot_ok(d->boot)) {
			errno = EINVAL;
			return -1;
		}
		memset(&ci, 0, sizeof(ci));
		TAILQ_INIT(&ci.sas);
		ci.conf = d->conf;
		fprintf(out, RECORD "%s boot %s netns %" PRIu64 " ifindex %"
		    PRIu32 " %s\n", d->conf.name,
		    d->boot[0] != '\0' ? d->boot : "-", d->netns, d->ifindex,
		    d->conf.dynamic ? "dynamic" : "static");
		conf_print_iface(&ci, out);
		n++;
	}
	fprintf(out, END "%zu\n", n);
	return 0;
}

/* 0 when the whole file is on disk, else -1 with errno. */
static int
write_new(int dirfd, const struct state_devs *devs)
{
	FILE *out;
	int fd, error = 0;

	if (unlinkat(dirfd, STATE_NEW, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dirfd, STATE_NEW,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	if ((out = fdopen(fd, "w")) == NULL) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	if (print_devs(devs, out) == -1 || fflush(out) == EOF ||
	    ferror(out) || fsync(fd) == -1)
		error = errno != 0 ? errno : EIO;
	if (fclose(out) == EOF && error == 0)
		error = errno;
	errno = error;
	return error != 0 ? -1 : 0;
}

int
state_save(int dirfd, const char *dirname, const struct state_devs *devs,
    char *why, size_t size)
{
	int error;

	if (write_new(dirfd, devs) == 0 &&
	    renameat(dirfd, STATE_NEW, dirfd, STATE_FILE) == 0) {
		/* Some file systems can not fsync(2) a directory: EINVAL. */
		if (fsync(dirfd) == 0 || errno == EINVAL)
			return 0;
		snprintf(why, size, "%s/%s: written, but it may not survive "
		    "a crash: %s", dirname, STATE_FILE, strerror(errno));
		return -1;
	}
	error = errno;
	unlinkat(dirfd, STATE_NEW, 0);
	snprintf(why, size, "%s/%s: cannot write: %s%s", dirname, STATE_FILE,
	    strerror(error), error == ENOSPC ? "; make room" : "");
	return -1;
}
