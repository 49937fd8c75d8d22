/* SPDX-License-Identifier: ISC */
/*
 * The configuration tree: make, search, free; and the key files it names,
 * which are checked and opened here and read elsewhere.  Knows no syntax:
 * parse.y builds the tree, printconf.c prints it.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/conf.h"
#include "secd/log.h"

struct conf *
conf_new(void)
{
	struct conf *c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("configuration");
	TAILQ_INIT(&c->ifaces);
	engine_conf_init(&c->engine);
	return c;
}

void
conf_free(struct conf *c)
{
	struct conf_iface *ci;

	if (c == NULL)
		return;
	while ((ci = TAILQ_FIRST(&c->ifaces)) != NULL)
		conf_remove(c, ci);
	free(c->statedir);
	free(c->restricted);
	free(c);
}

struct conf_iface *
conf_find(const struct conf *c, const char *name)
{
	struct conf_iface *ci;

	TAILQ_FOREACH(ci, &c->ifaces, entry)
		if (strncmp(ci->conf.name, name, sizeof(ci->conf.name)) == 0)
			return ci;
	return NULL;
}

struct conf_iface *
conf_add(struct conf *c, const struct iface_conf *ic)
{
	struct conf_iface *ci;

	if ((ci = calloc(1, sizeof(*ci))) == NULL)
		fatal("configuration");
	ci->conf = *ic;
	TAILQ_INIT(&ci->sas);
	TAILQ_INSERT_TAIL(&c->ifaces, ci, entry);
	return ci;
}

void
conf_add_sa(struct conf_iface *ci, const struct conf_sa *from)
{
	struct conf_sa *cs;

	if ((cs = calloc(1, sizeof(*cs))) == NULL)
		fatal("configuration");
	*cs = *from;
	if ((cs->keyfile = strdup(from->keyfile)) == NULL ||
	    (cs->file = strdup(from->file)) == NULL)
		fatal("configuration");
	TAILQ_INSERT_TAIL(&ci->sas, cs, entry);
}

void
conf_remove(struct conf *c, struct conf_iface *ci)
{
	struct conf_sa *cs;

	while ((cs = TAILQ_FIRST(&ci->sas)) != NULL) {
		TAILQ_REMOVE(&ci->sas, cs, entry);
		free(cs->keyfile);
		free(cs->file);
		free(cs);
	}
	TAILQ_REMOVE(&c->ifaces, ci, entry);
	free(ci->file);
	free(ci);
}

/*
 * Open and check; *opened tells a file that can not be opened from one that
 * must not be used.  O_NONBLOCK keeps a FIFO from stopping us before fstat(2)
 * finds out; on a regular file it means nothing.
 */
static int
open_keyfile(const char *path, int *opened, char *why, size_t size)
{
	struct stat st;
	int fd;

	*opened = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1) {
		/* The parent is uid 0 but may not override file modes. */
		snprintf(why, size, "key file %s: %s%s", path,
		    strerror(errno), errno == EACCES && geteuid() == 0 ?
		    " (its owner must be root: chown root)" : "");
		return -1;
	}
	*opened = 1;
	if (fstat(fd, &st) == -1)
		snprintf(why, size, "key file %s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(why, size, "key file %s: not a regular file", path);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		snprintf(why, size, "key file %s: owned by uid %lu, not root: "
		    "chown root", path, (unsigned long)st.st_uid);
	else if ((st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0)
		snprintf(why, size, "key file %s: mode %04o lets others use "
		    "it: chmod 600", path,
		    (unsigned int)(st.st_mode & 07777));
	else
		return fd;
	close(fd);
	return -1;
}

int
conf_open_keyfile(const char *path, char *why, size_t size)
{
	int opened;

	return open_keyfile(path, &opened, why, size);
}

int
conf_check_keyfiles(const struct conf *c, int open_fail_warns, FILE *err)
{
	const struct conf_iface *ci;
	const struct conf_sa *cs;
	char why[2048];
	int fd, opened, warns, error = 0;

	TAILQ_FOREACH(ci, &c->ifaces, entry) {
		TAILQ_FOREACH(cs, &ci->sas, entry) {
			fd = open_keyfile(cs->keyfile, &opened, why,
			    sizeof(why));
			if (fd != -1) {
				close(fd);
				continue;
			}
			warns = open_fail_warns && !opened;
			fprintf(err, "%s:%d: %s%s\n", cs->file, cs->line,
			    warns ? "warning: " : "", why);
			if (!warns)
				error = -1;
		}
	}
	return error;
}
