/* SPDX-License-Identifier: ISC */
/*
 * libipsec-mb for the tests: those of suites run once with libcrypto alone and
 * once with it, where it is built in; then it must be there.
 */
#ifndef MB_HELP_H
#define MB_HELP_H

#include <err.h>

#include "secd/sys/sys.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"

/* NULL: it is not built in. */
static inline const struct esp_backend *
h_mb(void)
{
	static struct esp_backend backend;
	struct sys_mb mb;
	const char *complaint;
	char why[256];

	if (backend.name != NULL)
		return &backend;
	if (!esp_mb_built())
		return NULL;
	if (sys_mb_load(&mb, why, sizeof(why)) == -1)
		errx(1, "libipsec-mb: %s", why);
	complaint = esp_mb_init(&backend, mb.manager, mb.version);
	if (complaint != NULL)
		errx(1, "libipsec-mb: %s", complaint);
	return &backend;
}

/* 1: do it all again, with the backend that h_params() has from now on. */
static inline int
h_once_more(void)
{
	if (h_backend != NULL || h_mb() == NULL)
		return 0;
	h_backend = h_mb();
	ok(1, "the same with %s", h_backend->name);
	return 1;
}

#endif /* MB_HELP_H */
