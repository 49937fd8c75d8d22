/* SPDX-License-Identifier: ISC */
/*
 * secd.conf as the parent holds it: a tree of interfaces and their static SAs.
 * Key files are named here, never read here.
 */
#ifndef CONF_H
#define CONF_H

#include <sys/queue.h>

#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "secd/request.h"

struct conf_sa {
	TAILQ_ENTRY(conf_sa)	 entry;
	struct sa_request	 req;		/* no key in it */
	char			*keyfile;	/* absolute */
	char			*file;		/* where it stands */
	int			 line;
};
TAILQ_HEAD(conf_sas, conf_sa);

struct conf_iface {
	TAILQ_ENTRY(conf_iface)	 entry;
	struct iface_conf	 conf;
	struct conf_sas		 sas;
	char			*file;
	int			 line;
};
TAILQ_HEAD(conf_ifaces, conf_iface);

struct conf {
	struct conf_ifaces	 ifaces;	/* in order of the file */
	char			*statedir;	/* NULL: the system's default */
	char			*restricted;	/* socket, or NULL */
	struct engine_conf	 engine;
};

/* conf.c */

struct conf	*conf_new(void);	/* empty; exits without memory */
void		 conf_free(struct conf *);	/* NULL is fine */
struct conf_iface *conf_find(const struct conf *, const char *name);
/* Append a copy of ic with no SAs. */
struct conf_iface *conf_add(struct conf *, const struct iface_conf *ic);
/* Append a copy of cs, key file and place included. */
void		 conf_add_sa(struct conf_iface *, const struct conf_sa *cs);
/* Remove it with its SAs. */
void		 conf_remove(struct conf *, struct conf_iface *);
/*
 * Check each key file of c: a regular file, owned by root or the caller, with
 * no permission for group (but read) or others.  With open_fail_warns (secd -n
 * without root) absent or unreadable files are a warning.  Complaints go to
 * err as "file:line: what".  Returns 0, or -1 when there was an error.
 */
int		 conf_check_keyfiles(const struct conf *c, int open_fail_warns,
		    FILE *err);
/*
 * Open a key file for reading, with the checks above on the descriptor itself
 * (no symbolic link tricks between check and use).  Returns the descriptor
 * (close-on-exec), or -1 with the complaint in why[size].
 */
int		 conf_open_keyfile(const char *path, char *why, size_t size);

/* macro.c */

/* Define a command line's macro ("name=value"); 0, or -1 if malformed. */
int		 conf_define(const char *assignment);

/* parse.y */

/*
 * Parse the file.  Returns the tree, or NULL after writing every error found
 * to err as "file:line: what" (line 0: the file as a whole).  The same text
 * always gives the same tree; no state is kept between calls but the macros of
 * conf_define().
 */
struct conf	*conf_parse(const char *path, FILE *err);
/* The same from an open stream, called name in complaints; no includes. */
struct conf	*conf_parse_stream(FILE *in, const char *name, FILE *err);

/* printconf.c */

/* Print c in secd.conf's own words; parsing the output gives an equal tree. */
void		 conf_print(const struct conf *c, FILE *out);
/* Print one interface block. */
void		 conf_print_iface(const struct conf_iface *, FILE *out);

#endif /* CONF_H */
