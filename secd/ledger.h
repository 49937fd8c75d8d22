/* SPDX-License-Identifier: ISC */
/*
 * The nonce ledger: for every key that was ever used, the highest number that
 * may have been sent under it (its mark), and the highest that was seen from
 * the peer.  It is what keeps a GCM nonce from being used twice when a process
 * dies, a key is deleted and added again, or the machine restarts.
 *
 * The parent alone has it.  The file (state directory, "ledger") is a header
 * and slots of a fixed size, written in full when they are made, so that moving
 * a mark needs no new disk space; slots double when a new key finds none free.
 * Each slot has two copies in different sectors, each with a checksum.  A
 * commit makes one durable and then the other, and only then is it reported:
 * one copy may be torn by a crash or lost by the disk, and what is left covers
 * every number that was granted.  A slot with two bad copies makes the ledger
 * unusable, by name: its marks are unknown.
 *
 * ledger.c keeps the memory image and the disk format; ledger_sync.c makes it
 * durable without stopping the parent.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "secd/ipc.h"		/* KEY_DIGEST_LEN */

#define LEDGER_FILE	"ledger"
#define LEDGER_NEW	"ledger.new"	/* while it is being made */
#define LEDGER_SLOTS	64		/* at first */
#define LEDGER_KEEP_DAYS 7		/* an IKE key's slot, after removal */

struct ledger;

struct ledger_key {			/* what is known of one key */
	uint64_t	mark;		/* highest number that may be sent */
	uint64_t	durable;	/* ... as it is on disk */
	uint64_t	seen;		/* highest number seen */
	int		is_static;	/* never forgotten */
};

/* ledger.c */

/*
 * Open or make the ledger in the directory dirfd (0600, locked there against a
 * second user: EWOULDBLOCK).  now is wall time, for forgetting IKE keys that
 * were removed more than LEDGER_KEEP_DAYS ago; an IKE key that was never
 * released (its daemon died) counts as removed now.  What is found torn is
 * repaired here, before it returns.  Returns NULL with errno and a complete
 * complaint in why[size]: which slot or header field is wrong, and the remedy.
 */
struct ledger	*ledger_open(int dirfd, const char *dirname, time_t now,
		    char *why, size_t size);
void		 ledger_close(struct ledger *);	/* NULL is fine */
/* 0 and *k filled, or -1 if the key is not known. */
int		 ledger_find(struct ledger *,
		    const uint8_t digest[KEY_DIGEST_LEN], struct ledger_key *k);
/*
 * Raise the key's mark to at least top (in memory; the slot becomes dirty),
 * making a slot if it has none.  Returns 0, or -1 with the errno that kept the
 * file from growing for a new key: ENOSPC, EIO, ENOMEM.  Known keys never
 * fail.  Nothing above ledger_find()'s durable may be granted.
 */
int		 ledger_raise(struct ledger *,
		    const uint8_t digest[KEY_DIGEST_LEN], uint64_t top,
		    int is_static, time_t now);
/* The same for the number seen. */
int		 ledger_seen(struct ledger *,
		    const uint8_t digest[KEY_DIGEST_LEN], uint64_t seq,
		    int is_static, time_t now);
/*
 * The key is no longer in use; an IKE key's LEDGER_KEEP_DAYS start now.  0, or
 * -1 if the key is not known.
 */
int		 ledger_release(struct ledger *,
		    const uint8_t digest[KEY_DIGEST_LEN], time_t now);
size_t		 ledger_keys(const struct ledger *);

/*
 * Commit in three steps, so that the slow one can run elsewhere:
 * begin takes every dirty slot into a job (NULL: nothing to do, or a job is
 * out); write does the pwrites and fdatasyncs, touches nothing else of the
 * ledger, and may run in another thread; end makes the job's marks durable, or
 * on an error leaves them dirty for the next job.  One job at a time.
 */
struct ledger_job;
struct ledger_job *ledger_begin(struct ledger *);
int		 ledger_write(struct ledger_job *);	/* 0, or an errno */
void		 ledger_end(struct ledger *, struct ledger_job *, int error);

/* ledger_sync.c */

struct event_base;
struct ledger_sync;
/*
 * Run commits in a thread of their own: whatever is dirty when the disk is
 * free goes into the next group commit.  done is called in base's loop after
 * each, with 0 or the errno; after an error what was dirty stays so and goes
 * with the next kick.  done may kick, but not free.  NULL with errno.
 */
struct ledger_sync *ledger_sync_new(struct event_base *, struct ledger *,
		    void (*done)(int error, void *arg), void *arg);
/* There is something to commit. */
void		 ledger_sync_kick(struct ledger_sync *);
/*
 * Commit what is left and end the thread; waits for the disk, calls done no
 * more.  Returns 0, or the errno that left something uncommitted.  NULL is
 * fine.  The ledger stays open.
 */
int		 ledger_sync_free(struct ledger_sync *);

#endif /* LEDGER_H */
