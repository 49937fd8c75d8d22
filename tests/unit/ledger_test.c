/* SPDX-License-Identifier: ISC */
/*
 * The ledger against files that were damaged on purpose, disks that fail, are
 * full or read-only, and clocks that jump.  Crashes are ledger_crash_test's.
 */
#include <sys/types.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <sched.h>
#include <stdint.h>

#include <openssl/sha.h>

#include "tests/lib/ledger.h"
#include "tests/lib/tap.h"

#define DAY	(24 * 3600)
#define NOW	2000000000
#define BLOCK	4096
#define SECTOR	512
#define SIZE	(2 * BLOCK + LEDGER_SLOTS * 2 * SECTOR)

/* --- the disk --- */

ssize_t	__real_pwrite(int, const void *, size_t, off_t);
ssize_t	__wrap_pwrite(int, const void *, size_t, off_t);
int	__real_fdatasync(int);
int	__wrap_fdatasync(int);

static int	writes, syncs;		/* since the last disk_well() */
static int	bad_write, bad_sync;	/* which of them fails, from 1 */
static int	bad_errno;
static int	short_write;		/* write one octet less, once */
static off_t	wrote_at[64];
static unsigned int untold;		/* mask of descriptors yet to be told
					 * of another's failed sync */
static void	(*during_write)(void);	/* called once */

static void
disk_well(void)
{
	writes = syncs = bad_write = bad_sync = short_write = untold = 0;
}

static void
disk_fails(int write, int sync, int error)
{
	disk_well();
	bad_write = write;
	bad_sync = sync;
	bad_errno = error;
}

ssize_t
__wrap_pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (writes < 64)
		wrote_at[writes] = at;
	if (++writes == bad_write) {
		errno = bad_errno;
		return -1;
	}
	if (during_write != NULL) {
		void (*f)(void) = during_write;

		during_write = NULL;
		f();
	}
	if (short_write) {
		short_write = 0;
		len--;
	}
	return __real_pwrite(fd, p, len, at);
}

int
__wrap_fdatasync(int fd)
{
	if (++syncs == bad_sync) {
		errno = bad_errno;
		untold = ~(1U << (fd & 31));
		return -1;
	}
	if (untold & 1U << (fd & 31)) {
		untold &= ~(1U << (fd & 31));
		errno = bad_errno;
		return -1;
	}
	return __real_fdatasync(fd);
}

/* --- the file --- */

static void
must(int r)
{
	if (r == -1)
		err(1, "preparation");
}

static int
raw(void)
{
	int fd = openat(ledger_dirfd, LEDGER_FILE, O_RDWR | O_CLOEXEC);

	if (fd == -1)
		err(1, "%s/%s", ledger_dir, LEDGER_FILE);
	return fd;
}

static void
get_at(off_t at, void *p, size_t len)
{
	int fd = raw();

	if (pread(fd, p, len, at) != (ssize_t)len)
		err(1, "pread");
	close(fd);
}

static void
put_at(off_t at, const void *p, size_t len)
{
	int fd = raw();

	if (__real_pwrite(fd, p, len, at) != (ssize_t)len)
		err(1, "pwrite");
	close(fd);
}

static void
flip(off_t at)
{
	uint8_t octet;

	get_at(at, &octet, 1);
	octet ^= 0x10;
	put_at(at, &octet, 1);
}

static void
set_size(off_t size)
{
	int fd = raw();

	if (ftruncate(fd, size) == -1)
		err(1, "ftruncate");
	close(fd);
}

static off_t
slot_at(unsigned int slot, unsigned int copy)
{
	return 2 * BLOCK + slot / 8 * 2 * BLOCK + copy * BLOCK +
	    slot % 8 * SECTOR;
}

/* Change one octet of a sector and make its sum right again. */
static void
forge(off_t at, size_t where, uint8_t octet)
{
	uint8_t p[SECTOR];

	get_at(at, p, sizeof(p));
	p[where] = octet;
	SHA256(p, SECTOR - 32, p + SECTOR - 32);
	put_at(at, p, sizeof(p));
}

static void
whole(uint8_t md[32])
{
	static uint8_t all[1 << 20];
	int fd = raw();
	ssize_t n = pread(fd, all, sizeof(all), 0);

	if (n == -1)
		err(1, "pread");
	close(fd);
	SHA256(all, (size_t)n, md);
}

/* A ledger with static keys 1 to n, marks 1000 + number, both copies made. */
static void
fresh(unsigned int n)
{
	struct ledger *l;
	unsigned int i;

	unlinkat(ledger_dirfd, LEDGER_FILE, 0);
	disk_well();
	if ((l = ledger_at(NOW)) == NULL)
		errx(1, "%s", ledger_why);
	for (i = 1; i <= n; i++)
		if (ledger_raise(l, ledger_digest(i), 1000 + i, 1, NOW) == -1)
			err(1, "ledger_raise");
	if (ledger_commit(l) != 0)
		err(1, "commit");
	ledger_close(l);
}

/* --- tests --- */

static void
test_basics(void)
{
	struct ledger *l, *second;
	struct ledger_key k;
	struct stat st;

	l = ledger_at(NOW);
	ok(l != NULL, "a ledger is made: %s", ledger_why);
	fstatat(ledger_dirfd, LEDGER_FILE, &st, 0);
	is(st.st_mode & 07777, 0600, "... mode 0600");
	is(st.st_size, SIZE, "... all slots written");
	is(st.st_blocks * 512 >= SIZE, 1, "... and allocated");
	is(faccessat(ledger_dirfd, LEDGER_NEW, F_OK, 0), -1,
	    "... nothing else left behind");
	is(ledger_keys(l), 0, "... no keys");
	is(ledger_find(l, ledger_digest(1), &k), -1, "a key is not known");
	is(ledger_begin(l) == NULL, 1, "nothing to commit");

	is(ledger_raise(l, ledger_digest(1), 500, 1, NOW), 0, "raise");
	k = ledger_get(l, 1);
	is(k.mark, 500, "the mark is in memory");
	is(k.durable, 0, "... and not durable");
	is(k.is_static, 1, "... static");
	is(ledger_commit(l), 0, "commit");
	is(ledger_get(l, 1).durable, 500, "now it is durable");
	is(ledger_raise(l, ledger_digest(1), 400, 1, NOW), 0, "raise lower");
	is(ledger_get(l, 1).mark, 500, "... never goes back");
	is(ledger_raise(l, ledger_digest(1), 500, 0, NOW), 0, "as IKE's");
	is(ledger_get(l, 1).is_static, 1, "... once static, always static");
	is(ledger_begin(l) == NULL, 1, "... and writes nothing");
	is(ledger_seen(l, ledger_digest(2), 77, 0, NOW), 0, "seen");
	is(ledger_seen(l, ledger_digest(2), 76, 0, NOW), 0, "seen lower");
	is(ledger_get(l, 2).seen, 77, "... never goes back");
	is(ledger_get(l, 2).is_static, 0, "not static");
	is(ledger_commit(l), 0, "commit");

	second = ledger_at(NOW);
	ok(second == NULL && errno == EWOULDBLOCK &&
	    strstr(ledger_why, "another secd uses it") != NULL,
	    "a second user is refused: %s", ledger_why);
	ledger_close(l);
	l = ledger_at(NOW);
	ok(l != NULL, "open again: %s", ledger_why);
	is(ledger_keys(l), 2, "two keys");
	is(ledger_get(l, 1).mark, 500, "mark kept");
	is(ledger_get(l, 1).durable, 500, "... durable");
	is(ledger_get(l, 1).is_static, 1, "static kept");
	is(ledger_get(l, 2).seen, 77, "seen kept");
	is(ledger_raise(l, ledger_digest(2), UINT64_MAX, 1, NOW), 0,
	    "the highest number, and static from now on");
	is(ledger_commit(l), 0, "commit");
	ledger_close(l);
	l = ledger_at(NOW);
	is(ledger_get(l, 2).mark, (long long)UINT64_MAX, "kept");
	is(ledger_get(l, 2).is_static, 1, "static kept");
	ledger_close(l);
}

/* What is dirty while a job is out goes with the next one. */
static void
test_job(void)
{
	struct ledger_job *job;
	struct ledger *l;

	fresh(1);
	l = ledger_at(NOW);
	ledger_raise(l, ledger_digest(1), 2000, 1, NOW);
	job = ledger_begin(l);
	ledger_raise(l, ledger_digest(1), 3000, 1, NOW);
	is(ledger_begin(l) == NULL, 1, "one job at a time");
	is(ledger_write(job), 0, "write");
	is(ledger_get(l, 1).durable, 1001, "not durable before the end");
	ledger_end(l, job, 0);
	is(ledger_get(l, 1).durable, 2000, "the job's mark is durable");
	is(ledger_get(l, 1).mark, 3000, "the later one is not");
	is(ledger_commit(l), 0, "the next job");
	is(ledger_get(l, 1).durable, 3000, "now it is");
	ledger_close(l);
}

static void
refused(const char *what, const char *phrase)
{
	uint8_t before[32], after[32];
	struct ledger *l;

	whole(before);
	disk_well();
	l = ledger_at(NOW);
	ok(l == NULL && strstr(ledger_why, phrase) != NULL &&
	    strstr(ledger_why, ledger_dir) == ledger_why, "%s: %s", what,
	    ledger_why);
	ok(strstr(ledger_why, "replace every static key, then remove ") !=
	    NULL, "... with the remedy");
	whole(after);
	ok(memcmp(before, after, sizeof(before)) == 0 && writes == 0,
	    "... and nothing is written");
	ledger_close(l);
}

static void
test_damage(void)
{
	static const off_t lengths[] = { 0, 1, 511, BLOCK, 2 * BLOCK - 1,
	    2 * BLOCK, SIZE - BLOCK, SIZE - 1 };
	uint8_t a[2][SECTOR], b[2][SECTOR];
	unsigned int i;
	char what[64];

	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		fresh(3);
		set_size(lengths[i]);
		snprintf(what, sizeof(what), "cut to %lld octets",
		    (long long)lengths[i]);
		refused(what, "is truncated: ");
	}
	fresh(3);
	flip(0);
	flip(BLOCK);
	refused("bad magic in both headers", "bad magic: not a ledger");
	fresh(3);
	flip(300);
	flip(BLOCK + 24);
	refused("both headers flipped", "both copies of the header");
	for (i = 0; i < 2; i++) {
		fresh(3);
		forge(i * BLOCK, 8, 2);
		refused("newer format", "made by a newer secd (format 2, this "
		    "one knows 1); run that one, or replace");
	}
	fresh(3);
	forge(0, 24, 65);
	forge(BLOCK, 24, 65);
	refused("65 slots", "header: bad number of slots 65");
	fresh(3);
	forge(0, 31, 0x80);
	forge(BLOCK, 31, 0x80);
	refused("2^63 slots", "header: bad number of slots 92233720368547758");
	fresh(3);
	forge(0, 25, 1);
	forge(BLOCK, 25, 1);
	refused("more slots than there are", "header: bad number of slots 320");
	fresh(3);
	forge(0, 24, 128);
	forge(BLOCK, 24, 128);
	refused("128 slots in a file of 64", "is truncated: ");
	for (i = 0; i < LEDGER_SLOTS; i += 21) {
		fresh(3);
		flip(slot_at(i, 0) + 60);
		flip(slot_at(i, 1) + 511);
		snprintf(what, sizeof(what), "slot %u: both copies", i);
		refused(what, what);
	}
	fresh(3);
	get_at(slot_at(0, 0), a[0], SECTOR);
	get_at(slot_at(0, 1), a[1], SECTOR);
	get_at(slot_at(9, 0), b[0], SECTOR);
	get_at(slot_at(9, 1), b[1], SECTOR);
	put_at(slot_at(9, 0), a[0], SECTOR);
	put_at(slot_at(9, 1), a[1], SECTOR);
	put_at(slot_at(0, 0), b[0], SECTOR);
	put_at(slot_at(0, 1), b[1], SECTOR);
	refused("two slots swapped", "slot 0: both copies");
}

static void
named(const char *what, const char *phrase, int error)
{
	struct ledger *l = ledger_at(NOW);

	ok(l == NULL && strstr(ledger_why, phrase) != NULL &&
	    (error == 0 || errno == error), "%s: %s", what, ledger_why);
	ledger_close(l);
}

static void
test_file_kind(void)
{
	struct stat st;
	int fd;

	fresh(1);
	must(fchmodat(ledger_dirfd, LEDGER_FILE, 0620, 0));
	refused("group can write", "others can write it (mode 0620)");
	must(fchmodat(ledger_dirfd, LEDGER_FILE, 0602, 0));
	refused("all can write", "others can write it (mode 0602)");
	must(fchmodat(ledger_dirfd, LEDGER_FILE, 0600, 0));
	if (geteuid() == 0) {
		must(fchownat(ledger_dirfd, LEDGER_FILE, 12345, -1, 0));
		refused("another's", "belongs to uid 12345, not to uid 0");
	} else
		ok(1, "another's # skip needs root");
	renameat(ledger_dirfd, LEDGER_FILE, ledger_dirfd, "other");
	must(symlinkat("other", ledger_dirfd, LEDGER_FILE));
	named("symbolic link", "is not a regular file", 0);
	unlinkat(ledger_dirfd, LEDGER_FILE, 0);
	unlinkat(ledger_dirfd, "other", 0);
	must(mkfifoat(ledger_dirfd, LEDGER_FILE, 0600));
	named("fifo", "is not a regular file", 0);
	unlinkat(ledger_dirfd, LEDGER_FILE, 0);
	must(mkdirat(ledger_dirfd, LEDGER_FILE, 0700));
	named("directory", "Is a directory", EISDIR);
	unlinkat(ledger_dirfd, LEDGER_FILE, AT_REMOVEDIR);
	/* what a crash while it was made leaves is made anew */
	fd = openat(ledger_dirfd, LEDGER_NEW, O_WRONLY | O_CREAT, 0600);
	must(ftruncate(fd, 2 * SIZE));
	close(fd);
	fresh(1);
	must(fstatat(ledger_dirfd, LEDGER_FILE, &st, 0));
	is(st.st_size, SIZE, "what a crash left of another is not kept");
	ok(faccessat(ledger_dirfd, LEDGER_NEW, F_OK, 0) == -1,
	    "half a ledger.new is no obstacle");
	unlinkat(ledger_dirfd, LEDGER_FILE, 0);
	disk_fails(3, 0, ENOSPC);
	named("no room to make it", "can not be made: No space left", ENOSPC);
	ok(faccessat(ledger_dirfd, LEDGER_NEW, F_OK, 0) == -1 &&
	    faccessat(ledger_dirfd, LEDGER_FILE, F_OK, 0) == -1,
	    "... and nothing is left");
	disk_fails(0, 2, EIO);
	named("bad disk when it is made", "can not be made: Input/output", EIO);
}

/* Any octet of either copy may go bad: nothing granted is lost. */
static void
test_one_copy(void)
{
	unsigned int copy, round, good = 0, repaired = 0, n = 0;
	struct ledger *l;
	off_t at;

	for (copy = 0; copy < 2; copy++) {
		for (at = 0; at < SECTOR; at += 7) {
			fresh(2);
			flip(slot_at(1, copy) + at);
			l = ledger_at(NOW);
			good += l != NULL && ledger_get(l, 2).durable == 1002 &&
			    ledger_get(l, 1).durable == 1001;
			ledger_close(l);
			/* if that repaired it the other one may go */
			flip(slot_at(1, !copy) + at);
			l = ledger_at(NOW);
			repaired += l != NULL && ledger_get(l, 2).mark == 1002;
			ledger_close(l);
			n++;
		}
	}
	is(good, n, "one octet flipped in one copy: the mark is as it was");
	is(repaired, n, "... and the copy is repaired at once");

	good = repaired = 0;
	for (copy = 0; copy < 2; copy++) {
		fresh(2);
		for (round = 0; round < 4; round++) {
			flip(((copy + round) & 1) * BLOCK + 40);
			l = ledger_at(NOW);
			good += l != NULL && ledger_get(l, 2).durable == 1002;
			ledger_close(l);
		}
	}
	is(good, 8, "the same for the header, one after the other");

	fresh(2);
	for (at = 0; at < 8; at++)
		flip(slot_at((unsigned int)at, 1) + 100);
	l = ledger_at(NOW);
	ok(l != NULL && ledger_get(l, 2).durable == 1002,
	    "a whole block of second copies lost: %s", ledger_why);
	ledger_close(l);
}

/* A copy that comes back from the past does not count. */
static void
test_old_copy(void)
{
	uint8_t old[2][SECTOR];
	struct ledger *l;
	unsigned int copy;

	for (copy = 0; copy < 2; copy++) {
		fresh(1);
		get_at(slot_at(0, copy), old[copy], SECTOR);
		l = ledger_at(NOW);
		ledger_raise(l, ledger_digest(1), 5000, 1, NOW);
		is(ledger_commit(l), 0, "commit");
		ledger_close(l);
		put_at(slot_at(0, copy), old[copy], SECTOR);
		l = ledger_at(NOW);
		ok(l != NULL && ledger_get(l, 1).durable == 5000,
		    "an old generation in copy %u: %s", copy, ledger_why);
		ledger_close(l);
		flip(slot_at(0, !copy) + 9);
		l = ledger_at(NOW);
		ok(l != NULL && ledger_get(l, 1).durable == 5000,
		    "... was written again: %s", ledger_why);
		ledger_close(l);
	}
}

static void
test_grow(void)
{
	unsigned int i, good = 0;
	struct ledger *l;
	struct stat st;
	off_t first;

	fresh(0);
	l = ledger_at(NOW);
	for (i = 1; i <= LEDGER_SLOTS; i++)
		ledger_raise(l, ledger_digest(i), i, 1, NOW);
	is(ledger_commit(l), 0, "64 keys");
	fstatat(ledger_dirfd, LEDGER_FILE, &st, 0);
	is(st.st_size, SIZE, "... fit");

	disk_fails(3, 0, ENOSPC);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1, "no room");
	is(errno, ENOSPC, "... is ENOSPC");
	fstatat(ledger_dirfd, LEDGER_FILE, &st, 0);
	is(st.st_size, SIZE, "... and the file is as it was");
	is(ledger_has(l, 65), 0, "... the key is not there");
	disk_fails(0, 1, EIO);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1, "bad disk");
	is(errno, EIO, "... is EIO");
	disk_fails(0, 2, EIO);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1,
	    "the first header does not get out");
	first = wrote_at[8];
	disk_fails(0, 3, EIO);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1,
	    "the second header does not get out");
	is(wrote_at[8], first, "... the first was tried again first");
	disk_fails(0, 3, EIO);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1, "nor does it");
	is(wrote_at[8] + first, BLOCK, "... written before the first");
	disk_fails(1, 0, ENOSPC);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1,
	    "no room once the header may count them");
	fstatat(ledger_dirfd, LEDGER_FILE, &st, 0);
	is(st.st_size, 2 * BLOCK + 128 * 1024, "... and they stay there");
	disk_well();
	is(ledger_raise(l, ledger_digest(1), 1001, 1, NOW), 0,
	    "known keys move all the time");
	is(ledger_commit(l), 0, "... durably");
	ledger_close(l);
	l = ledger_at(NOW);
	ok(l != NULL && ledger_keys(l) == 64 &&
	    ledger_get(l, 1).durable == 1001, "... and it opens: %s",
	    ledger_why);

	for (i = 2; i <= 1000; i++)
		if (ledger_raise(l, ledger_digest(i), 1000 + i, 1, NOW) == -1)
			err(1, "ledger_raise");
	is(ledger_commit(l), 0, "1000 keys");
	ledger_close(l);
	fstatat(ledger_dirfd, LEDGER_FILE, &st, 0);
	is(st.st_size, 2 * BLOCK + 1024 * 1024, "... in 1024 slots");
	l = ledger_at(NOW);
	for (i = 1; l != NULL && i <= 1000; i++)
		good += ledger_get(l, i).durable == 1000 + i;
	is(good, 1000, "... all there again");
	ledger_close(l);

	/* a crash before the header: a longer file, the old count */
	fresh(2);
	set_size(2 * BLOCK + 100 * 1024 + 17);
	l = ledger_at(NOW);
	ok(l != NULL && ledger_keys(l) == 2, "half grown: %s", ledger_why);
	for (i = 1; i <= 65; i++)
		ledger_raise(l, ledger_digest(i), 7000, 1, NOW);
	is(ledger_commit(l), 0, "... and grows");
	ledger_close(l);
	l = ledger_at(NOW);
	ok(l != NULL && ledger_keys(l) == 65, "... for good: %s", ledger_why);
	ledger_close(l);
}

static struct ledger *growing;

static void
grow(void)
{
	is(ledger_raise(growing, ledger_digest(65), 65, 1, NOW), -1,
	    "growing meets a bad disk while a job is out");
}

/* The kernel tells each open file once that it lost something. */
static void
test_grow_beside_job(void)
{
	unsigned int i;

	fresh(0);
	growing = ledger_at(NOW);
	for (i = 1; i <= LEDGER_SLOTS; i++)
		ledger_raise(growing, ledger_digest(i), i, 1, NOW);
	disk_fails(0, 1, EIO);
	during_write = grow;
	is(ledger_commit(growing), EIO, "... the job is told of it, too");
	is(ledger_get(growing, 1).durable, 0, "... and nothing is durable");
	disk_well();
	is(ledger_commit(growing), 0, "commit");
	ledger_close(growing);
}

static void
test_forget(void)
{
	struct ledger *l;
	unsigned int i;
	struct stat st;

	fresh(1);
	l = ledger_at(NOW);
	for (i = 2; i <= 5; i++)
		ledger_raise(l, ledger_digest(i), 10 * i, 0, NOW);
	is(ledger_release(l, ledger_digest(99), NOW), -1,
	    "an unknown key can not be released");
	is(ledger_release(l, ledger_digest(1), NOW), 0, "static released");
	is(ledger_release(l, ledger_digest(2), NOW), 0, "released");
	is(ledger_release(l, ledger_digest(3), NOW + DAY), 0,
	    "... a day later");
	is(ledger_release(l, ledger_digest(4), NOW), 0, "... and back");
	is(ledger_raise(l, ledger_digest(4), 41, 0, NOW + 8 * DAY), 0,
	    "... in use again");
	is(ledger_commit(l), 0, "commit");
	ledger_close(l);

	l = ledger_at(NOW + 7 * DAY);
	is(ledger_keys(l), 5, "after 7 days all are known");
	ledger_close(l);
	l = ledger_at(NOW + 7 * DAY + 1);
	is(ledger_has(l, 2), 0, "a second later one is forgotten");
	is(ledger_keys(l), 4, "... and no other");
	is(ledger_get(l, 3).mark, 30, "released later: known");
	is(ledger_get(l, 4).mark, 41, "in use when the daemon died: known");
	is(ledger_get(l, 5).mark, 50, "never released: known");
	ledger_close(l);
	l = ledger_at(NOW + 14 * DAY + 2);
	is(ledger_keys(l), 1, "those count as released when secd came back");
	is(ledger_get(l, 1).mark, 1001, "a static key is known for ever");
	ledger_close(l);
	l = ledger_at(NOW + 10000LL * DAY);
	is(ledger_get(l, 1).mark, 1001, "... for ever");

	/* a clock that was ahead */
	ledger_raise(l, ledger_digest(2), 20, 0, NOW + 10000LL * DAY);
	ledger_release(l, ledger_digest(2), NOW + 10000LL * DAY);
	is(ledger_commit(l), 0, "released far in the future");
	ledger_close(l);
	l = ledger_at(NOW);
	is(ledger_get(l, 2).mark, 20, "known");
	ledger_close(l);
	l = ledger_at(NOW + 7 * DAY + 1);
	is(ledger_has(l, 2), 0, "its days began when the clock was right");
	ledger_close(l);
	fresh(1);
	forge(slot_at(0, 0), 12, 0x05);
	forge(slot_at(0, 1), 12, 0x05);
	forge(slot_at(0, 0), 79, 0x80);
	forge(slot_at(0, 1), 79, 0x80);
	l = ledger_at(NOW);
	ok(l != NULL && ledger_has(l, 1) == 1,
	    "a time of release before all time: %s", ledger_why);
	ledger_close(l);

	/* room is made of old keys, before the file grows */
	fresh(0);
	l = ledger_at(NOW);
	for (i = 1; i <= LEDGER_SLOTS; i++) {
		ledger_raise(l, ledger_digest(i), i, 0, NOW);
		ledger_release(l, ledger_digest(i),
		    i <= 4 ? NOW + 20000LL * DAY : NOW + i);
	}
	is(ledger_commit(l), 0, "64 IKE keys");
	is(ledger_raise(l, ledger_digest(70), 70, 0, NOW + 7 * DAY + 5), 0,
	    "one more, 7 days later to the second");
	fstatat(ledger_dirfd, LEDGER_FILE, &st, 0);
	is(st.st_size > SIZE, 1, "... needs another slot");
	is(ledger_keys(l), 65, "... for none is forgotten");
	for (i = 71; i <= 133; i++)
		ledger_raise(l, ledger_digest(i), i, 0, NOW + 7 * DAY);
	is(ledger_keys(l), 128, "128 keys");
	is(ledger_raise(l, ledger_digest(134), 134, 0, NOW + 7 * DAY + 6), 0,
	    "one more, a second later");
	is(ledger_keys(l), 128, "... takes a slot");
	is(ledger_has(l, 5), 0, "... of the oldest");
	is(ledger_has(l, 6), 1, "... alone");
	is(ledger_commit(l), 0, "commit");
	is(ledger_get(l, 134).durable, 134, "... durable");
	ledger_raise(l, ledger_digest(5), 1, 0, NOW + 8 * DAY);
	is(ledger_get(l, 5).mark, 1, "one that was forgotten is new");
	is(ledger_get(l, 5).durable, 0, "... not durable before its commit");
	is(ledger_commit(l), 0, "commit");
	ledger_close(l);
	l = ledger_at(NOW + 8 * DAY);
	ok(l != NULL && ledger_get(l, 5).durable == 1, "... and is kept");
	ledger_close(l);
}

/* What must not be forgotten when a slot is needed. */
static void
test_keep(void)
{
	struct ledger_job *job;
	struct ledger *l;
	unsigned int i;

	fresh(0);
	l = ledger_at(NOW);
	ledger_raise(l, ledger_digest(1), 11, 1, NOW);
	ledger_release(l, ledger_digest(1), NOW);
	for (i = 2; i <= LEDGER_SLOTS; i++)
		ledger_raise(l, ledger_digest(i), i, 0, NOW);
	is(ledger_raise(l, ledger_digest(65), 65, 0, NOW + 8 * DAY), 0,
	    "one key more than slots");
	is(ledger_get(l, 1).mark, 11, "a static key stays, released or not");
	ledger_close(l);

	fresh(0);
	l = ledger_at(NOW);
	for (i = 1; i <= LEDGER_SLOTS; i++) {
		ledger_raise(l, ledger_digest(i), i, 0, NOW);
		ledger_release(l, ledger_digest(i), NOW + i * 31 % 64);
	}
	ledger_commit(l);
	ledger_close(l);
	l = ledger_at(NOW + 100);
	for (i = 65; i <= 68; i++)
		ledger_raise(l, ledger_digest(i), i, 0, NOW + 7 * DAY + 4);
	is(ledger_keys(l), LEDGER_SLOTS, "four that were oldest went, also "
	    "after a restart");
	for (i = 1; i <= LEDGER_SLOTS; i++)
		is(ledger_has(l, i), i * 31 % 64 > 3, "key %u", i);
	ledger_close(l);

	fresh(0);
	l = ledger_at(NOW);
	for (i = 1; i <= LEDGER_SLOTS; i++)
		ledger_raise(l, ledger_digest(i), 10 * i, 0, NOW);
	ledger_release(l, ledger_digest(1), NOW);
	job = ledger_begin(l);
	is(ledger_raise(l, ledger_digest(65), 1, 0, NOW + 8 * DAY), 0,
	    "one more while a job is out");
	is(ledger_write(job), 0, "write");
	ledger_end(l, job, 0);
	is(ledger_get(l, 65).durable, 0, "... is not what the job wrote");
	is(ledger_commit(l), 0, "commit");
	is(ledger_get(l, 65).durable, 1, "... but the next one");
	ledger_close(l);
}

/* A torn commit can leave an old slot beside the key's new one. */
static void
test_twice(void)
{
	uint8_t p[SECTOR];
	struct ledger *l;
	unsigned int i, copy, from, to;

	for (i = 0; i < 2; i++) {
		from = i == 0 ? 0 : 2;
		to = 2 - from;
		fresh(1);
		if (i == 1) {
			/* move it up, to have it last */
			get_at(slot_at(0, 0), p, SECTOR);
			for (copy = 0; copy < 2; copy++) {
				put_at(slot_at(2, copy), p, SECTOR);
				forge(slot_at(2, copy), 8, 2);
				forge(slot_at(0, copy), 12, 0);
			}
		}
		for (copy = 0; copy < 2; copy++) {
			get_at(slot_at(from, copy), p, SECTOR);
			put_at(slot_at(to, copy), p, SECTOR);
			forge(slot_at(to, copy), 8, (uint8_t)to);
			/* one of them was IKE's */
			forge(slot_at(i == 0 ? to : from, copy), 12, 1);
			forge(slot_at(to, copy), 57, 0);	/* lower */
			forge(slot_at(to, copy), 64, 9);	/* seen more */
		}
		l = ledger_at(NOW);
		ok(l != NULL && ledger_keys(l) == 1, "a key in slots %u and "
		    "%u: %s", from, to, ledger_why);
		is(ledger_get(l, 1).durable, 1001, "the higher mark counts");
		is(ledger_get(l, 1).seen, 9, "... and the higher one seen");
		is(ledger_get(l, 1).is_static, 1, "... static if either was");
		ledger_close(l);
		l = ledger_at(NOW);
		is(ledger_get(l, 1).mark, 1001, "... and again");
		ledger_close(l);
		flip(slot_at(from, 0));
		flip(slot_at(from, 1));
		named("its other slot", "both copies are damaged", EINVAL);
	}
}

/* Writes that fail: nothing is durable; the next job begins where it may. */
static void
test_errors(void)
{
	static const struct {
		const char	*what;
		int		 write, sync, error;
		int		 same;	/* the next job's first copy */
	} t[] = {
		{ "first copy not written", 1, 0, EIO, 1 },
		{ "first copy not written", 1, 0, ENOSPC, 1 },
		{ "first copy not synced", 0, 1, EIO, 1 },
		{ "second copy not written", 2, 0, EDQUOT, 0 },
		{ "second copy not synced", 0, 2, EIO, 0 },
	};
	struct ledger *l;
	unsigned int i, round;
	off_t first;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		fresh(1);
		l = ledger_at(NOW);
		for (round = 0; round < 2; round++) {
			ledger_raise(l, ledger_digest(1), 2000 + round, 1, NOW);
			disk_fails(t[i].write, t[i].sync, t[i].error);
			is(ledger_commit(l), t[i].error, "%s: its errno",
			    t[i].what);
			is(ledger_get(l, 1).durable, round ? 2000 : 1001,
			    "... the mark is not durable");
			first = wrote_at[0];
			disk_well();
			is(ledger_commit(l), 0, "... written by the next job");
			is(ledger_get(l, 1).durable, 2000 + round,
			    "... and durable");
			is(wrote_at[0] == first, t[i].same, "... which began "
			    "with the copy that is not relied on");
			is(writes, 2, "... both copies");
			is(syncs, 2, "... one after the other");
		}
		ledger_close(l);
	}
	fresh(1);
	l = ledger_at(NOW);
	ledger_raise(l, ledger_digest(1), 2000, 1, NOW);
	disk_well();
	short_write = 1;
	is(ledger_commit(l), 0, "a short write goes on");
	is(writes, 3, "... with what is left");
	ledger_close(l);
	flip(slot_at(0, 0));
	disk_fails(1, 0, EROFS);
	named("what is torn can not be repaired", "write: Read-only file",
	    EROFS);
	disk_well();
	flip(0);
	disk_fails(0, 1, EIO);
	named("nor can the header", "write: Input/output error", EIO);
	disk_well();
}

/* A disk that is really full, then one that can really not be written. */
static void
test_full(void)
{
	struct ledger *l;
	unsigned int i;
	char fill[4096] = { 0 };
	int dirfd, fd;

	if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC |
	    MS_PRIVATE, NULL) == -1 || mount("secd-ledger-test", ledger_dir,
	    "tmpfs", 0, "size=96k,mode=0700") == -1) {
		ok(1, "full disk # skip needs root: %s", strerror(errno));
		return;
	}
	disk_well();
	dirfd = ledger_dirfd;
	ledger_dirfd = open(ledger_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	l = ledger_at(NOW);
	ok(l != NULL, "a ledger on a small disk: %s", ledger_why);
	for (i = 1; i <= LEDGER_SLOTS; i++)
		ledger_raise(l, ledger_digest(i), i, 1, NOW);
	is(ledger_commit(l), 0, "64 keys");
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1, "one more");
	is(errno, ENOSPC, "... there is no room for");
	fd = openat(ledger_dirfd, "fill", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, fill, sizeof(fill)) > 0)
		continue;
	is(errno, ENOSPC, "the disk is full to the last block");
	for (i = 1; i <= LEDGER_SLOTS; i++)
		ledger_raise(l, ledger_digest(i), 9000 + i, 1, NOW);
	is(ledger_commit(l), 0, "all known keys move");
	is(ledger_get(l, 64).durable, 9064, "... durably");
	ledger_close(l);
	l = ledger_at(NOW);
	ok(l != NULL && ledger_get(l, 64).durable == 9064,
	    "... also for a new daemon: %s", ledger_why);
	ledger_close(l);
	renameat(ledger_dirfd, LEDGER_FILE, ledger_dirfd, "away");
	named("another one", "can not be made: No space left on device",
	    ENOSPC);
	renameat(ledger_dirfd, "away", ledger_dirfd, LEDGER_FILE);
	must(ftruncate(fd, 0));
	close(fd);
	l = ledger_at(NOW);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), -1,
	    "room for half of it is not enough");
	ledger_close(l);
	is(mount(NULL, ledger_dir, NULL, MS_REMOUNT, "size=1m"), 0,
	    "a bigger disk");
	l = ledger_at(NOW);
	is(ledger_raise(l, ledger_digest(65), 65, 1, NOW), 0, "is enough");
	is(ledger_commit(l), 0, "commit");
	ledger_close(l);
	is(mount(NULL, ledger_dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0,
	    "read-only");
	named("can not be used", "open: Read-only file system", EROFS);
	unlinkat(ledger_dirfd, LEDGER_FILE, 0);
	close(ledger_dirfd);
	ledger_dirfd = dirfd;
	umount(ledger_dir);
}

int
main(void)
{
	ledger_dir_make();
	test_basics();
	test_job();
	test_damage();
	test_file_kind();
	test_one_copy();
	test_old_copy();
	test_grow();
	test_grow_beside_job();
	test_forget();
	test_keep();
	test_twice();
	test_errors();
	test_full();
	return tap_done();
}
