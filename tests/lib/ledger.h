/* SPDX-License-Identifier: ISC */
/*
 * What the tests of the ledger share: a directory of their own, keys by
 * number, a commit in one call.
 */
#ifndef TEST_LEDGER_H
#define TEST_LEDGER_H

#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/ledger.h"

#ifndef LEDGER_TEST_TIME
#define LEDGER_TEST_TIME 120	/* seconds; a test that hangs has failed */
#endif

static char	ledger_dir[64];
static int	ledger_dirfd = -1;
static char	ledger_why[IPC_TEXTLEN];

static inline void
ledger_dir_end(void)
{
	static const char *const names[] = { LEDGER_FILE, LEDGER_NEW, "log",
	    "other", "hold", ("image/" LEDGER_FILE) };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(ledger_dirfd, names[i], 0);
	unlinkat(ledger_dirfd, "image", AT_REMOVEDIR);
	rmdir(ledger_dir);
}

static inline void
ledger_dir_signal(int sig)
{
	(void)sig;
	ledger_dir_end();
	_exit(1);
}

/* In memory where there is such a place. */
static inline void
ledger_dir_make(void)
{
	strcpy(ledger_dir, "/dev/shm/secd-ledger.XXXXXX");
	if (access("/dev/shm", W_OK) == -1)
		strcpy(ledger_dir, "/tmp/secd-ledger.XXXXXX");
	if (mkdtemp(ledger_dir) == NULL)
		err(1, "%s", ledger_dir);
	ledger_dirfd = open(ledger_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ledger_dirfd == -1)
		err(1, "%s", ledger_dir);
	atexit(ledger_dir_end);
	signal(SIGINT, ledger_dir_signal);
	signal(SIGTERM, ledger_dir_signal);
	signal(SIGALRM, ledger_dir_signal);
	alarm(LEDGER_TEST_TIME);
}

static inline struct ledger *
ledger_at(time_t now)
{
	strcpy(ledger_why, "-");
	return ledger_open(ledger_dirfd, ledger_dir, now, ledger_why,
	    sizeof(ledger_why));
}

/* A digest for the key of this number (below 4096); it stays where it is. */
static inline const uint8_t *
ledger_digest(unsigned int n)
{
	static uint8_t digests[4096][KEY_DIGEST_LEN];
	uint8_t *d = digests[n % 4096];

	if (d[KEY_DIGEST_LEN - 1] == 0) {
		memset(d, (int)(n * 38 | 1), KEY_DIGEST_LEN);
		memcpy(d + 4, &n, sizeof(n));
	}
	return d;
}

static inline int
ledger_commit(struct ledger *l)
{
	struct ledger_job *job = ledger_begin(l);
	int error;

	if (job == NULL)
		return 0;
	error = ledger_write(job);
	ledger_end(l, job, error);
	return error;
}

static inline struct ledger_key
ledger_get(struct ledger *l, unsigned int n)
{
	struct ledger_key k;

	if (ledger_find(l, ledger_digest(n), &k) == -1)
		memset(&k, 0xff, sizeof(k));
	return k;
}

static inline int
ledger_has(struct ledger *l, unsigned int n)
{
	struct ledger_key k;

	return ledger_find(l, ledger_digest(n), &k) == 0;
}

#endif /* TEST_LEDGER_H */
