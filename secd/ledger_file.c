/* SPDX-License-Identifier: ISC */
/*
 * The ledger's file: sectors, the header, making, locking and growing it.
 * ledger.c alone calls it, and knows what the slots mean.
 *
 * Disk format, version 1.  Integers are little endian.  The file is made of
 * blocks of 4096 octets: the header and its second copy, then groups of two
 * blocks, the first copies of eight slots and their second copies.  A copy is
 * one sector of 512 octets: fields, zeros, and the SHA-256 of all before it.
 *
 *	header	 0 magic "secd-iv\n"	slot	 0 magic "ivslot\r\n"
 *		 8 u32 version			 8 u32 index of the slot
 *		12 u32 0			12 u32 flags
 *		16 u64 generation		16 u64 generation
 *		24 u64 number of slots		24 digest of the key, 32 octets
 *						56 u64 mark
 *						64 u64 highest number seen
 *						72 i64 time of release
 *
 * Why a torn or lost copy is harmless.  Generation g goes to copy g & 1, which
 * is made durable, then to the other copy, which is made durable, and only then
 * is it reported.  So whenever a copy is being written the other one is durable
 * and has all that was ever reported: if a crash tears the first, the older one
 * left is enough, because what was torn had not been granted; and once it was
 * granted both copies have it, so that either may go bad.
 * After a failed fdatasync the kernel may have dropped what it could not write
 * and call the page clean, so nothing is known of the copy that was then being
 * written.  It is the first that the next job writes: g + 2 if it was the first
 * of g, g + 1 if it was the second.
 * For the same reason a new process must not take for durable what it reads
 * from the page cache.  Where the copies differ it writes the newer generation
 * again, the same octets in the same order: where they are on disk already no
 * crash can harm them, and where they are not the older copy still stands.
 *
 * What can not be seen from here: a whole file put back from an old copy.
 */
#include <sys/types.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "secd/ledger.h"
#include "secd/ledger_file.h"

#define VERSION		1U
#define SECTOR		512U
#define BLOCK		4096U
#define SUM_AT		(SECTOR - SHA256_DIGEST_LENGTH)
#define SLOTS_MAX	(1U << 20)		/* 1 GB of file */
#define GEN_MAX		(UINT64_MAX / 2)	/* no real ledger gets there */

#define HEADER_MAGIC	"secd-iv\n"
#define SLOT_MAGIC	"ivslot\r\n"
#define MAGIC_LEN	8

static void
put(uint8_t *p, uint64_t v, size_t octets)
{
	for (; octets > 0; octets--, v >>= 8)
		*p++ = v & 0xff;
}

static uint64_t
get(const uint8_t *p, size_t octets)
{
	uint64_t v = 0;

	while (octets > 0)
		v = v << 8 | p[--octets];
	return v;
}

static void
sum(const uint8_t *sector, uint8_t *md)
{
	SHA256(sector, SUM_AT, md);
}

static int
sum_ok(const uint8_t *sector)
{
	uint8_t md[SHA256_DIGEST_LENGTH];

	sum(sector, md);
	return memcmp(sector + SUM_AT, md, sizeof(md)) == 0;
}

static void
slot_encode(const struct slot_copy *r, uint8_t *p)
{
	memset(p, 0, SECTOR);
	memcpy(p, SLOT_MAGIC, MAGIC_LEN);
	put(p + 8, r->index, 4);
	put(p + 12, r->flags, 4);
	put(p + 16, r->gen, 8);
	memcpy(p + 24, r->digest, KEY_DIGEST_LEN);
	put(p + 56, r->mark, 8);
	put(p + 64, r->seen, 8);
	put(p + 72, (uint64_t)r->released, 8);
	sum(p, p + SUM_AT);
}

/* 1 if p is a good copy of the slot with this index. */
static int
slot_decode(struct slot_copy *r, const uint8_t *p, uint32_t index)
{
	memset(r, 0, sizeof(*r));
	if (memcmp(p, SLOT_MAGIC, MAGIC_LEN) != 0 || !sum_ok(p))
		return 0;
	r->index = (uint32_t)get(p + 8, 4);
	r->flags = (uint32_t)get(p + 12, 4);
	r->gen = get(p + 16, 8);
	memcpy(r->digest, p + 24, KEY_DIGEST_LEN);
	r->mark = get(p + 56, 8);
	r->seen = get(p + 64, 8);
	r->released = (int64_t)get(p + 72, 8);
	return r->index == index && r->gen < GEN_MAX;
}

static off_t
slot_at(uint32_t index, unsigned int copy)
{
	return 2 * (off_t)BLOCK + (off_t)(index / SLOT_GROUP) * 2 * BLOCK +
	    (off_t)copy * BLOCK + (off_t)(index % SLOT_GROUP) * SECTOR;
}

static off_t
file_size(uint32_t nslots)
{
	return slot_at(nslots, 0);
}

static int
write_at(int fd, const void *data, size_t len, off_t at)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, p, len, at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0) {
			errno = EIO;
			return -1;
		}
		p += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* One block; zeros, which no sum agrees with, where the disk will not read. */
static int
read_block(int fd, uint8_t *block, off_t at)
{
	size_t done = 0;
	ssize_t n;

	memset(block, 0, BLOCK);
	while (done < BLOCK) {
		n = pread(fd, block + done, BLOCK - done, at + (off_t)done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EIO) {
			memset(block, 0, BLOCK);
			return 0;
		}
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return 0;
}

/*
 * Both copies of the header, one after the other; moves *gen on as it does for
 * slots.  The slots it counts are durable already.
 */
static int
header_write(int fd, uint32_t nslots, uint64_t *gen)
{
	uint8_t p[SECTOR] = { 0 };
	uint64_t g = *gen;
	unsigned int second;

	memcpy(p, HEADER_MAGIC, MAGIC_LEN);
	put(p + 8, VERSION, 4);
	put(p + 16, g, 8);
	put(p + 24, nslots, 8);
	sum(p, p + SUM_AT);
	*gen = g + 2;
	for (second = 0; second < 2; second++) {
		if (write_at(fd, p, sizeof(p), (off_t)((g & 1) ^ second) *
		    BLOCK) == -1 || fdatasync(fd) == -1)
			return -1;
		*gen = g + 1;
	}
	return 0;
}

/* Both copies of slots first to last - 1, without a key. */
static int
write_empty(int fd, uint32_t first, uint32_t last)
{
	struct slot_copy c = { .gen = 0 };
	uint8_t group[2 * BLOCK];
	uint32_t i;

	for (; first < last; first += SLOT_GROUP) {
		for (i = 0; i < SLOT_GROUP; i++) {
			c.index = first + i;
			slot_encode(&c, group + i * SECTOR);
		}
		memcpy(group + BLOCK, group, BLOCK);
		if (write_at(fd, group, sizeof(group), slot_at(first, 0)) == -1)
			return -1;
	}
	return 0;
}

int
slot_write(int fd, const struct slot_copy *c, unsigned int copy)
{
	uint8_t sector[SECTOR];

	slot_encode(c, sector);
	return write_at(fd, sector, sizeof(sector), slot_at(c->index, copy));
}

int
slot_read(const struct ledger_file *f, uint32_t first,
    struct slot_copy c[SLOT_GROUP][2], int good[SLOT_GROUP][2])
{
	uint8_t block[2][BLOCK];
	const uint8_t *p, *q;
	uint32_t i;

	if (read_block(f->fd, block[0], slot_at(first, 0)) == -1 ||
	    read_block(f->fd, block[1], slot_at(first, 1)) == -1)
		return -1;
	for (i = 0; i < SLOT_GROUP; i++) {
		p = block[0] + i * SECTOR;
		q = block[1] + i * SECTOR;
		good[i][0] = slot_decode(&c[i][0], p, first + i);
		/* as a rule they are the same, and sums take time */
		c[i][1] = c[i][0];
		good[i][1] = memcmp(p, q, SECTOR) == 0 ? good[i][0] :
		    slot_decode(&c[i][1], q, first + i);
	}
	return 0;
}

static void __attribute__((format(printf, 2, 0)))
vcomplain(const struct opening *o, const char *fmt, va_list ap,
    const char *join)
{
	char what[200];

	vsnprintf(what, sizeof(what), fmt, ap);
	if (join == NULL)
		snprintf(o->why, o->size, "%s/%s: %s", o->dirname, LEDGER_FILE,
		    what);
	else
		snprintf(o->why, o->size, "%s/%s: %s%sreplace every static "
		    "key, then remove %s/%s", o->dirname, LEDGER_FILE, what,
		    join, o->dirname, LEDGER_FILE);
}

int
ledger_complain(const struct opening *o, const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	va_start(ap, fmt);
	vcomplain(o, fmt, ap, NULL);
	va_end(ap);
	errno = error;
	return -1;
}

int
ledger_damaged(const struct opening *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(o, fmt, ap, "; ");
	va_end(ap);
	errno = EINVAL;
	return -1;
}

static int __attribute__((format(printf, 2, 3)))
do_or_replace(const struct opening *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(o, fmt, ap, ", or ");
	va_end(ap);
	errno = EINVAL;
	return -1;
}

/* Fill the new file and put it in its place; fd is locked. */
static int
create_as(const struct opening *o, int fd)
{
	uint64_t gen = 0;

	if (ftruncate(fd, 0) == 0 && fchmod(fd, 0600) == 0 &&
	    write_empty(fd, 0, LEDGER_SLOTS) == 0 &&
	    header_write(fd, LEDGER_SLOTS, &gen) == 0 && fsync(fd) == 0 &&
	    renameat(o->dirfd, LEDGER_NEW, o->dirfd, LEDGER_FILE) == 0)
		return fsync(o->dirfd);
	return -1;
}

/*
 * Make an empty ledger under another name, so that a crash leaves none rather
 * than half a one.  Two who try are kept apart by the lock of that file: who
 * comes second to it finds it locked, or the ledger in its place.
 */
static int
create(const struct opening *o)
{
	struct stat st;
	int error, fd;

	fd = openat(o->dirfd, LEDGER_NEW,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		error = errno;
		goto done;
	}
	error = 0;
	if (fstatat(o->dirfd, LEDGER_FILE, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    (errno != ENOENT || create_as(o, fd) == -1))
		error = errno;
	/* what has not become the ledger, or another's who will find ours */
	(void)unlinkat(o->dirfd, LEDGER_NEW, 0);
done:
	close(fd);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
open_rw(const struct opening *o)
{
	return openat(o->dirfd, LEDGER_FILE,
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* Does it belong to us alone? */
static int
check_file(const struct opening *o, struct ledger_file *f)
{
	struct stat st, again;

	if (fstat(f->fd, &st) == -1)
		return ledger_complain(o, "fstat: %s", strerror(errno));
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return ledger_complain(o, "is not a regular file; remove it");
	}
	if (st.st_uid != geteuid())
		return ledger_damaged(o, "belongs to uid %lu, not to uid %lu",
		    (unsigned long)st.st_uid, (unsigned long)geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return do_or_replace(o, "others can write it (mode %04o); if "
		    "none has, chmod 600 it", (unsigned int)st.st_mode & 07777);
	f->size = st.st_size;
	f->grow_fd = open_rw(o);
	if (f->grow_fd == -1 || fstat(f->grow_fd, &again) == -1)
		return ledger_complain(o, "open: %s", strerror(errno));
	if (again.st_dev != st.st_dev || again.st_ino != st.st_ino) {
		errno = EAGAIN;
		return ledger_complain(o, "was replaced while being opened");
	}
	return 0;
}

static int
open_file(const struct opening *o, struct ledger_file *f)
{
	f->fd = open_rw(o);
	if (f->fd == -1 && errno == ENOENT) {
		if (create(o) == 0)
			f->fd = open_rw(o);
		else if (errno != EWOULDBLOCK)
			return ledger_complain(o, "can not be made: %s",
			    strerror(errno));
	}
	if (f->fd == -1 && errno == ELOOP)
		return ledger_complain(o, "is not a regular file; remove it");
	if (f->fd == -1 && errno != EWOULDBLOCK)
		return ledger_complain(o, "open: %s", strerror(errno));
	if (f->fd == -1 || flock(f->fd, LOCK_EX | LOCK_NB) == -1)
		return ledger_complain(o, errno == EWOULDBLOCK ?
		    "another secd uses it" : "flock: %s", strerror(errno));
	return check_file(o, f);
}

int
slot_choose(const int good[2], const uint64_t gen[2])
{
	return !good[0] || (good[1] && gen[1] > gen[0]);
}

int
slot_agree(const int good[2], const uint64_t gen[2])
{
	return good[0] && good[1] && gen[0] == gen[1];
}

/* 1 if p is a good header; one of a newer version has no other field of use. */
static int
header_decode(const uint8_t *p, uint32_t *version, uint64_t *gen,
    uint64_t *nslots)
{
	if (memcmp(p, HEADER_MAGIC, MAGIC_LEN) != 0 || !sum_ok(p))
		return 0;
	*version = (uint32_t)get(p + 8, 4);
	*gen = get(p + 16, 8);
	*nslots = get(p + 24, 8);
	return *version > VERSION || (*version == VERSION && *gen < GEN_MAX);
}

/* Later versions keep magic, version and sum where they are. */
static int
load_header(const struct opening *o, struct ledger_file *f)
{
	uint8_t block[2][BLOCK];
	uint64_t gen[2] = { 0 }, nslots[2] = { 0 };
	uint32_t version[2] = { 0 };
	int good[2], i, n;

	if (f->size < file_size(0))
		return ledger_damaged(o, "is truncated: %lld octets, its "
		    "header alone has %lld", (long long)f->size,
		    (long long)file_size(0));
	for (i = 0; i < 2; i++) {
		if (read_block(f->fd, block[i], (off_t)i * BLOCK) == -1)
			return ledger_complain(o, "read: %s", strerror(errno));
		good[i] = header_decode(block[i], &version[i], &gen[i],
		    &nslots[i]);
		if (good[i] && version[i] > VERSION)
			return do_or_replace(o, "was made by a newer secd "
			    "(format %u, this one knows %u); run that one",
			    version[i], VERSION);
	}
	if (!good[0] && !good[1])
		return ledger_damaged(o, "%s",
		    memcmp(block[0], HEADER_MAGIC, MAGIC_LEN) != 0 &&
		    memcmp(block[1], HEADER_MAGIC, MAGIC_LEN) != 0 ?
		    "bad magic: not a ledger of secd" :
		    "both copies of the header are damaged");
	n = slot_choose(good, gen);
	f->torn = !slot_agree(good, gen);
	f->gen = gen[n] + !f->torn;
	if (nslots[n] < LEDGER_SLOTS || nslots[n] > SLOTS_MAX ||
	    (nslots[n] & (nslots[n] - 1)) != 0)
		return ledger_damaged(o, "header: bad number of slots %" PRIu64,
		    nslots[n]);
	f->nslots = (uint32_t)nslots[n];
	if (f->size < file_size(f->nslots))
		return ledger_damaged(o, "is truncated: %lld octets, its %u "
		    "slots need %lld", (long long)f->size, f->nslots,
		    (long long)file_size(f->nslots));
	return 0;
}

int
ledger_file_open(struct ledger_file *f, const struct opening *o)
{
	f->fd = f->grow_fd = -1;
	if (open_file(o, f) == -1 || load_header(o, f) == -1)
		return -1;
	return 0;
}

void
ledger_file_close(struct ledger_file *f)
{
	if (f->grow_fd != -1)
		close(f->grow_fd);
	if (f->fd != -1)
		close(f->fd);
}

int
ledger_file_repair(struct ledger_file *f)
{
	if (f->torn && header_write(f->fd, f->nslots, &f->gen) == -1)
		return -1;
	f->torn = 0;
	return 0;
}

/*
 * The new slots are durable before the header counts them, so a crash leaves a
 * longer file with the old count, and a full disk leaves all as it was.
 */
int
ledger_file_grow(struct ledger_file *f)
{
	uint32_t want = f->nslots * 2;
	int error;

	if (want > SLOTS_MAX) {
		errno = ENOSPC;
		return -1;
	}
	if (write_empty(f->grow_fd, f->nslots, want) == -1 ||
	    fdatasync(f->grow_fd) == -1) {
		error = errno;
		(void)!ftruncate(f->grow_fd, f->size);
		errno = error;
		return -1;
	}
	f->size = file_size(want);	/* the header may count them from now */
	if (header_write(f->grow_fd, want, &f->gen) == -1)
		return -1;
	f->nslots = want;
	return 0;
}
