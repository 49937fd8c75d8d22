/* SPDX-License-Identifier: ISC */
/*
 * The macros of secd.conf(5) and of the command line: the only thing that one
 * text may leave to the next, and only what conf_define() was given.  Knows no
 * file and no line: lex.c reads the values where a $ stands, parse.y complains.
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "secd/conf.h"
#include "secd/lex.h"
#include "secd/log.h"

struct macro {
	SLIST_ENTRY(macro)	 entry;
	int			 fixed;	/* by conf_define(): stays, and wins */
	char			*name;
	char			*value;
};

static SLIST_HEAD(, macro) macros = SLIST_HEAD_INITIALIZER(macros);

static char *
copy(const char *s)
{
	char *t;

	if ((t = strdup(s)) == NULL)
		fatal("configuration");
	return t;
}

static int
ok(const char *name, size_t len, const char *value)
{
	size_t i;

	if (len == 0 || len >= WORDLEN || strlen(value) >= WORDLEN)
		return 0;
	for (i = 0; i < len; i++)
		if (!lex_name_char((unsigned char)name[i]))
			return 0;
	for (; *value != '\0'; value++)
		if (!lex_printable((unsigned char)*value))
			return 0;
	return 1;
}

static struct macro *
find(const char *name)
{
	struct macro *m;

	SLIST_FOREACH(m, &macros, entry)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static void
set(const char *name, const char *value, int fixed)
{
	struct macro *m;

	if ((m = find(name)) == NULL) {
		if ((m = calloc(1, sizeof(*m))) == NULL)
			fatal("configuration");
		m->name = copy(name);
		SLIST_INSERT_HEAD(&macros, m, entry);
	} else if (m->fixed && !fixed)
		return;
	else
		free(m->value);
	m->value = copy(value);
	m->fixed = fixed;
}

int
macro_set(const char *name, const char *value)
{
	if (!ok(name, strlen(name), value))
		return -1;
	set(name, value, 0);
	return 0;
}

const char *
macro_find(const char *name)
{
	const struct macro *m = find(name);

	return m != NULL ? m->value : NULL;
}

int
conf_define(const char *assignment)
{
	const char *eq = strchr(assignment, '=');
	char name[WORDLEN];

	if (eq == NULL || !ok(assignment, eq - assignment, eq + 1))
		return -1;
	memcpy(name, assignment, eq - assignment);
	name[eq - assignment] = '\0';
	set(name, eq + 1, 1);
	return 0;
}

void
macro_forget(void)
{
	struct macro *m, *next;

	for (m = SLIST_FIRST(&macros); m != NULL; m = next) {
		next = SLIST_NEXT(m, entry);
		if (m->fixed)
			continue;
		SLIST_REMOVE(&macros, m, macro, entry);
		free(m->name);
		free(m->value);
		free(m);
	}
}
