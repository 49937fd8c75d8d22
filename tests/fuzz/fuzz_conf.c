/* SPDX-License-Identifier: ISC */
/*
 * Fuzz the parser of secd.conf.  Whatever the text: no memory error and no
 * leak; what is accepted passes the checks of request.c, and its print is
 * accepted and prints the same.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secd/conf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct conf *
parse(const void *text, size_t len, FILE *err)
{
	struct conf *c;
	FILE *in;

	if ((in = fmemopen((void *)(uintptr_t)text, len, "r")) == NULL)
		abort();
	c = conf_parse_stream(in, "fuzz", err);
	fclose(in);
	return c;
}

static char *
print(const struct conf *c, size_t *len)
{
	char *text = NULL;
	FILE *out;

	if ((out = open_memstream(&text, len)) == NULL)
		abort();
	conf_print(c, out);
	if (fclose(out) != 0)
		abort();
	return text;
}

static void
check(const struct conf *c)
{
	const struct conf_iface *ci;
	const struct conf_sa *cs;

	if (engine_conf_check(&c->engine) != NULL)
		abort();
	TAILQ_FOREACH(ci, &c->ifaces, entry) {
		if (iface_conf_check(&ci->conf) != NULL ||
		    conf_find(c, ci->conf.name) != ci)
			abort();
		TAILQ_FOREACH(cs, &ci->sas, entry)
			if (sa_request_check(&cs->req) != NULL ||
			    cs->keyfile == NULL || cs->keyfile[0] != '/')
				abort();
	}
}

/* 1 if there was a configuration, 0 if there were complaints. */
static int
round_trip(const uint8_t *data, size_t size, FILE *err)
{
	struct conf *c, *again;
	char *first, *second;
	size_t len, len2;

	if ((c = parse(data, size, err)) == NULL)
		return 0;
	check(c);
	first = print(c, &len);
	if (len > 0) {
		if ((again = parse(first, len, err)) == NULL)
			abort();
		second = print(again, &len2);
		if (len != len2 || memcmp(first, second, len) != 0)
			abort();
		free(second);
		conf_free(again);
	}
	free(first);
	conf_free(c);
	return 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *complaints = NULL;
	size_t i, len;
	FILE *err;
	int good;

	if (size == 0)
		return 0;
	if ((err = open_memstream(&complaints, &len)) == NULL)
		abort();
	good = round_trip(data, size, err);
	if (fclose(err) != 0)
		abort();
	/* Either a tree or complaints, and those are lines of plain text. */
	if (good != (len == 0))
		abort();
	for (i = 0; i < len; i++)
		if (complaints[i] != '\n' &&
		    (complaints[i] < 0x20 || complaints[i] > 0x7e))
			abort();
	free(complaints);
	return 0;
}
