/* SPDX-License-Identifier: ISC */
/*
 * Between ledger.c and ledger_file.c: the ledger's file as an array of slots,
 * each with two copies.  Complaints are complete; functions return 0 or -1 with
 * errno unless said otherwise.
 */
#ifndef LEDGER_FILE_H
#define LEDGER_FILE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "secd/ipc.h"		/* KEY_DIGEST_LEN */

#define SLOT_USED	0x0001U
#define SLOT_STATIC	0x0002U
#define SLOT_RELEASED	0x0004U

#define SLOT_GROUP	8U	/* slots that are read together */

struct slot_copy {		/* what a slot says */
	uint64_t	gen;
	uint64_t	mark;
	uint64_t	seen;
	int64_t		released;	/* wall clock, seconds */
	uint32_t	index;
	uint32_t	flags;		/* SLOT_* */
	uint8_t		digest[KEY_DIGEST_LEN];
};

struct ledger_file {
	int		 fd;		/* the commits' */
	int		 grow_fd;	/* of its own open: an error of the disk
					 * is told once to each of the two, so
					 * growing can not swallow a commit's */
	uint32_t	 nslots;
	int		 torn;		/* the header is to be written again */
	uint64_t	 gen;		/* of the header's next write */
	off_t		 size;		/* of the file; may exceed nslots */
};

struct opening {
	int		 dirfd;
	const char	*dirname;
	char		*why;		/* gets the complaint */
	size_t		 size;		/* of why */
};

/* It can not be used now: format it into why.  Returns -1, errno as it was. */
int	ledger_complain(const struct opening *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* Its marks can not be relied on: adds the remedy.  Returns -1, EINVAL. */
int	ledger_damaged(const struct opening *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Make it if need be, lock it, check owner and mode, read the header. */
int	ledger_file_open(struct ledger_file *, const struct opening *);
void	ledger_file_close(struct ledger_file *);
/* Write a torn header again. */
int	ledger_file_repair(struct ledger_file *);
/* Twice the slots, the new ones without a key; on an error all is as before. */
int	ledger_file_grow(struct ledger_file *);

/*
 * Both copies of slots first .. first + SLOT_GROUP - 1; good says which can be
 * read, carry the right sum and are of the slot they should be of.
 */
int	slot_read(const struct ledger_file *, uint32_t first,
	    struct slot_copy c[SLOT_GROUP][2], int good[SLOT_GROUP][2]);
/* Write one copy; not durable before an fdatasync. */
int	slot_write(int fd, const struct slot_copy *, unsigned int copy);
/* Of two copies, at least one good, the one that counts: 0 or 1. */
int	slot_choose(const int good[2], const uint64_t gen[2]);
/* 0 if that one's generation is to be written again, octet for octet. */
int	slot_agree(const int good[2], const uint64_t gen[2]);

#endif /* LEDGER_FILE_H */
