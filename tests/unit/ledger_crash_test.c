/* SPDX-License-Identifier: ISC */
/*
 * The ledger on a disk that crashes, loses and tears.  Random lives of a daemon
 * run through a model of the disk under pwrite and fdatasync:  what is written
 * but not synced is, after a crash, for each sector the old one, any of the
 * later ones, or octets of both; a failing fdatasync does that too and forgets
 * the rest, as Linux does.  At every boundary of a commit the ledger is opened
 * as a crash there would leave it, and
 *
 *	- it opens: a crash alone never makes it unusable;
 *	- no key's mark, or number seen, is below one that was reported durable;
 *	- no mark is above all that were asked for, none is of another key.
 *
 * A life ends in a crash, or in SIGKILL (the page cache stays), at any point
 * within or between commits; the next begins with what is left.  Keys come
 * anew, are released, forgotten and used again while the clock moves, the
 * file grows, and it does so while a commit is out in its thread.
 *
 * usage: ledger_crash_test [crash points [seed]]
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "tests/lib/ledger.h"
#include "tests/lib/tap.h"

#define DAY	(24 * 3600)
#define SECTOR	512
#define NSECTORS (16 + 2 * 256)	/* of a ledger of 256 slots */
#define NKEYS	160
#define NSTATIC	50		/* the first of them */
#define VERSIONS 6
#define NFDS	64
#define LIFE	60		/* steps */
#define AGES	12		/* lives of one file */

ssize_t	__real_pwrite(int, const void *, size_t, off_t);
ssize_t	__wrap_pwrite(int, const void *, size_t, off_t);
int	__real_fdatasync(int);
int	__wrap_fdatasync(int);

/* --- chance --- */

static uint64_t	chance_state;

static uint32_t
chance(uint32_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (uint32_t)((chance_state >> 11) % below);
}

/* --- the disk --- */

struct sector {
	uint8_t		durable[SECTOR];
	uint8_t		later[VERSIONS][SECTOR];	/* written since */
	unsigned int	nlater;
};

static struct sector sectors[NSECTORS];
static unsigned int disk_len, cache_len;	/* in sectors */
static int	model;			/* pwrite and fdatasync go there */
static int	dead;			/* SIGKILL came: no call does a thing */
static unsigned int until_dead;		/* calls, 0 never */
static unsigned int eio_in;		/* one fdatasync in so many fails */
static int	lost[NFDS];		/* error not told to this one yet */
static unsigned int npoints, nwanted, nlives, ngrown, nforgotten, neio, ntorn,
		nkilled;

static void	point(void);
static void	meanwhile(void);

/* What a crash makes of a sector. */
static void
torn(const struct sector *s, uint8_t *p)
{
	const uint8_t *later;
	unsigned int n, at;

	memcpy(p, s->durable, SECTOR);
	if (s->nlater == 0 || (n = chance(s->nlater + 2)) == 0)
		return;
	later = s->later[chance(s->nlater)];
	if (n == 1) {		/* octets of both */
		at = chance(SECTOR);
		if (chance(2))
			memcpy(p, later, at);
		else
			memcpy(p + at, later + at, SECTOR - at);
		ntorn++;
		return;
	}
	memcpy(p, later, SECTOR);
}

static void
sector_written(unsigned int i, const uint8_t *p)
{
	struct sector *s = &sectors[i];

	if (s->nlater == VERSIONS) {
		memmove(s->later[0], s->later[1], (VERSIONS - 1) * SECTOR);
		s->nlater--;
	}
	memcpy(s->later[s->nlater++], p, SECTOR);
	if (i >= cache_len)
		cache_len = i + 1;
}

static int
dies(void)
{
	if (until_dead != 0 && --until_dead == 0)
		dead = 1;
	return dead;
}

ssize_t
__wrap_pwrite(int fd, const void *p, size_t len, off_t at)
{
	size_t done;

	if (!model)
		return __real_pwrite(fd, p, len, at);
	if (dies()) {
		errno = EIO;
		return -1;
	}
	if (at % SECTOR != 0 || len % SECTOR != 0 ||
	    (at + (off_t)len) / SECTOR > NSECTORS)
		errx(1, "write of %zu octets at %lld", len, (long long)at);
	for (done = 0; done < len; done += SECTOR)
		sector_written((unsigned int)((at + (off_t)done) / SECTOR),
		    (const uint8_t *)p + done);
	if (__real_pwrite(fd, p, len, at) != (ssize_t)len)
		err(1, "pwrite");
	point();
	meanwhile();
	return (ssize_t)len;
}

int
__wrap_fdatasync(int fd)
{
	unsigned int i;
	int bad;

	if (!model)
		return 0;
	if (dies()) {
		errno = EIO;
		return -1;
	}
	point();
	bad = chance(eio_in) == 0;
	for (i = 0; i < cache_len; i++) {
		struct sector *s = &sectors[i];

		if (s->nlater == 0)
			continue;
		if (bad)
			torn(s, s->durable);
		else
			memcpy(s->durable, s->later[s->nlater - 1], SECTOR);
		s->nlater = 0;
	}
	disk_len = cache_len;
	if (bad) {
		neio++;
		for (i = 0; i < NFDS; i++)
			lost[i] = 1;
	}
	point();
	if (fd < NFDS && lost[fd]) {
		lost[fd] = 0;
		errno = EIO;
		return -1;
	}
	return 0;
}

/* Put a file in the place of what a crash would leave now. */
static void
crash_to(int dirfd)
{
	static uint8_t image[NSECTORS * SECTOR];
	unsigned int i, n = chance(2) ? disk_len : cache_len;
	int fd;

	for (i = 0; i < n; i++)
		torn(&sectors[i], image + i * SECTOR);
	fd = openat(dirfd, LEDGER_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || ftruncate(fd, n * SECTOR) == -1 ||
	    __real_pwrite(fd, image, n * SECTOR, 0) != (ssize_t)(n * SECTOR))
		err(1, "crash image");
	close(fd);
}

/* The file is what the disk has, all of it durable. */
static void
disk_reset(int dirfd)
{
	struct stat st;
	unsigned int i;
	int fd;

	fd = openat(dirfd, LEDGER_FILE, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 ||
	    st.st_size > (off_t)sizeof(sectors))
		err(1, "%s", LEDGER_FILE);
	disk_len = cache_len = (unsigned int)(st.st_size / SECTOR);
	for (i = 0; i < NSECTORS; i++) {
		sectors[i].nlater = 0;
		memset(sectors[i].durable, 0, SECTOR);
		if (i < disk_len && pread(fd, sectors[i].durable, SECTOR,
		    (off_t)i * SECTOR) != SECTOR)
			err(1, "pread");
	}
	close(fd);
}

/* --- what the ledger has to know --- */

static struct key {
	uint64_t	asked;		/* highest mark ever asked for */
	uint64_t	asked_seen;
	uint64_t	durable;	/* highest reported */
	uint64_t	durable_seen;
	uint64_t	begun_seen;	/* as the job took it */
	time_t		released;	/* 0: in use */
	time_t		begun_released;
	time_t		disk_released;	/* earliest that may be on disk */
} keys[NKEYS];

static struct ledger *ledger;
static int	job_out;		/* being written */
static time_t	now;
static int	imagefd;
static char	image_dir[64];
static unsigned int nfailed;

static int
long_ago(time_t released)
{
	return released != 0 && now - released > LEDGER_KEEP_DAYS * DAY;
}

/* The key may have been forgotten. */
static int
may_forget(unsigned int i)
{
	return i >= NSTATIC && (long_ago(keys[i].released) ||
	    long_ago(keys[i].disk_released));
}

static int
fail(unsigned int i, const char *what, uint64_t got, uint64_t want)
{
	if (nfailed++ < 10)
		printf("# point %u: key %u: %s: %llu, expected %llu\n", npoints,
		    i, what, (unsigned long long)got, (unsigned long long)want);
	return 0;
}

static int
check_key(struct ledger *l, unsigned int i)
{
	const struct key *k = &keys[i];
	struct ledger_key f;

	if (ledger_find(l, ledger_digest(i), &f) == -1) {
		if ((k->durable > 0 || k->durable_seen > 0) && !may_forget(i))
			return fail(i, "is gone", 0, k->durable);
		return 1;
	}
	if (f.mark > k->asked)
		return fail(i, "mark", f.mark, k->asked);
	if (f.seen > k->asked_seen)
		return fail(i, "seen", f.seen, k->asked_seen);
	if (f.is_static != (i < NSTATIC))
		return fail(i, "static", (uint64_t)f.is_static, i < NSTATIC);
	if (may_forget(i))
		return 1;
	if (f.durable < k->durable || f.mark < f.durable)
		return fail(i, "durable", f.durable, k->durable);
	if (f.seen < k->durable_seen)
		return fail(i, "seen", f.seen, k->durable_seen);
	return 1;
}

static void
check_all(struct ledger *l)
{
	unsigned int i;

	for (i = 0; i < NKEYS; i++)
		check_key(l, i);
}

/* A crash may come here: what would be left? */
static void
point(void)
{
	struct ledger *l;

	if (npoints >= nwanted || chance(3) != 0)
		return;
	npoints++;
	crash_to(imagefd);
	model = 0;
	l = ledger_open(imagefd, image_dir, now, ledger_why,
	    sizeof(ledger_why));
	if (l == NULL) {
		if (nfailed++ < 10)
			printf("# point %u: %s\n", npoints, ledger_why);
	} else
		check_all(l);
	ledger_close(l);
	model = 1;
}

/* --- lives --- */

/* A key that was forgotten begins anew. */
static void
forgotten(unsigned int i)
{
	keys[i].durable = keys[i].durable_seen = keys[i].begun_seen = 0;
	keys[i].released = keys[i].disk_released = 0;
}

static void
use(void)
{
	unsigned int i = chance(NKEYS);
	struct key *k = &keys[i];
	int fresh = !ledger_has(ledger, i), r;
	uint64_t n;

	/* most keys are there; a new one now and then */
	if (fresh && chance(3) == 0)
		return;
	if (fresh && k->durable + k->durable_seen > 0)
		forgotten(i);
	if (chance(4) != 0) {
		n = k->durable + 1 + chance(1000);
		r = ledger_raise(ledger, ledger_digest(i), n, i < NSTATIC, now);
		if (r == 0 && n > k->asked)
			k->asked = n;
	} else {
		n = k->durable_seen + 1 + chance(1000);
		r = ledger_seen(ledger, ledger_digest(i), n, i < NSTATIC, now);
		if (r == 0 && n > k->asked_seen)
			k->asked_seen = n;
	}
	if (r == 0)
		k->released = 0;
	else if (!fresh)
		fail(i, "a known key failed", (uint64_t)errno, 0);
	else if (ledger_has(ledger, i))
		fail(i, "refused and kept", 1, 0);
}

static void
release(void)
{
	unsigned int i = chance(NKEYS);

	if (ledger_release(ledger, ledger_digest(i), now) == 0 && i >= NSTATIC)
		keys[i].released = now;
}

/* The loop goes on while the thread writes. */
static void
meanwhile(void)
{
	if (!job_out || chance(16) != 0)
		return;
	job_out = 0;
	use();
	job_out = 1;
}

static void
commit(void)
{
	struct ledger_job *job = ledger_begin(ledger);
	struct ledger_key f;
	unsigned int i;
	int error;

	if (job == NULL)
		return;
	for (i = 0; i < NKEYS; i++) {
		keys[i].begun_seen = ledger_find(ledger, ledger_digest(i),
		    &f) == 0 ? f.seen : 0;
		keys[i].begun_released = keys[i].released;
		if (keys[i].disk_released == 0)
			keys[i].disk_released = keys[i].released;
	}
	job_out = 1;
	error = ledger_write(job);
	job_out = 0;
	ledger_end(ledger, job, error);
	if (dead)
		return;
	if (error != 0)
		return;
	for (i = 0; i < NKEYS; i++) {
		if (ledger_find(ledger, ledger_digest(i), &f) == -1)
			continue;
		if (f.durable > keys[i].asked)
			fail(i, "durable", f.durable, keys[i].asked);
		if (f.durable > keys[i].durable)
			keys[i].durable = f.durable;
		if (keys[i].begun_seen > keys[i].durable_seen)
			keys[i].durable_seen = keys[i].begun_seen;
		keys[i].disk_released = keys[i].begun_released;
	}
}

static void
begin(void)
{
	struct ledger_key f;
	unsigned int i;

	nlives++;
	/* a disk that fails, or SIGKILL, is no damage: try again */
	for (i = 0; i < 50; i++) {
		memset(lost, 0, sizeof(lost));
		until_dead = chance(4) == 0 ? 1 + chance(20) : 0;
		ledger = ledger_at(now);
		nkilled += (unsigned int)dead;
		until_dead = 0;
		dead = 0;
		if (ledger != NULL || errno != EIO)
			break;
		if (chance(4) == 0) {
			crash_to(ledger_dirfd);
			disk_reset(ledger_dirfd);
		}
	}
	if (ledger == NULL)
		errx(1, "%s", ledger_why);
	check_all(ledger);
	for (i = 0; i < NKEYS; i++) {
		struct key *k = &keys[i];

		if (ledger_find(ledger, ledger_digest(i), &f) == -1) {
			nforgotten += k->durable > 0;
			forgotten(i);
			continue;
		}
		k->durable = f.durable;
		k->durable_seen = f.seen;
		if (i < NSTATIC)
			continue;
		/* released now, or earlier */
		if (k->released == 0)
			k->released = now;
		if (k->disk_released == 0 || k->disk_released > k->released)
			k->disk_released = k->released;
		k->released = k->disk_released;
	}
}

static void
live(void)
{
	unsigned int step;

	begin();
	until_dead = chance(3) == 0 ? 1 + chance(200) : 0;
	for (step = 0; step < LIFE && !dead; step++) {
		switch (chance(8)) {
		case 0:
			release();
			break;
		case 1:
			now += chance(2) ? chance(100) : chance(DAY);
			break;
		case 2:
		case 3:
			commit();
			break;
		default:
			use();
		}
	}
	nkilled += (unsigned int)dead;
	until_dead = 0;
	dead = 0;
	ledger_close(ledger);
	ledger = NULL;
	if (chance(2)) {	/* the machine goes, too */
		crash_to(ledger_dirfd);
		disk_reset(ledger_dirfd);
	}
	now += chance(3) == 0 ? chance(4 * DAY) : 0;
}

/* One file and its lives. */
static void
age(void)
{
	unsigned int i;

	unlinkat(ledger_dirfd, LEDGER_FILE, 0);
	memset(keys, 0, sizeof(keys));
	now = 2000000000;
	model = 0;
	if ((ledger = ledger_at(now)) == NULL)
		errx(1, "%s", ledger_why);
	ledger_close(ledger);
	ledger = NULL;
	disk_reset(ledger_dirfd);
	model = 1;
	eio_in = chance(3) == 0 ? 12 : chance(2) ? 100 : 1000000;
	for (i = 0; i < AGES && npoints < nwanted; i++)
		live();
	ngrown += cache_len > 16 + 2 * LEDGER_SLOTS;
	model = 0;
}

int
main(int argc, char **argv)
{
	unsigned int before;

	nwanted = argc > 1 ? (unsigned int)atoi(argv[1]) : 20000;
	chance_state = argc > 2 ? (uint64_t)atoll(argv[2]) :
	    (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
	printf("# seed %llu\n", (unsigned long long)chance_state);
	ledger_dir_make();
	snprintf(image_dir, sizeof(image_dir), "%s/image", ledger_dir);
	if (mkdir(image_dir, 0700) == -1 || (imagefd = open(image_dir,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		err(1, "%s", image_dir);
	while (npoints < nwanted) {
		before = npoints;
		age();
		if (npoints == before)
			errx(1, "no crash point in a whole age");
	}

	is(nfailed, 0, "%u crash points in %u lives: every mark that was "
	    "reported is there", npoints, nlives);
	ok(ngrown > 0, "%u files grew", ngrown);
	ok(nforgotten > 0, "%u keys were forgotten", nforgotten);
	ok(neio > 0, "%u times the disk failed", neio);
	ok(nkilled > 0, "%u processes were killed at work", nkilled);
	ok(ntorn > 0, "%u sectors were torn", ntorn);
	return tap_done();
}
