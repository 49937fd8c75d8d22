/* SPDX-License-Identifier: ISC */
/*
 * Group commit in a thread, built with the thread sanitizer: random marks and
 * kicks from the loop over a disk that takes random time and fails at random.
 * What the thread really wrote and synced is noted beneath it, and no mark may
 * be called durable that is not there.
 */
#include <sys/types.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include <event2/event.h>

#include "tests/lib/ledger.h"
#include "tests/lib/tap.h"

#define NOW	2000000000
#define NKEYS	50
#define SECTOR	512
#define STEPS	1500

ssize_t	__real_pwrite(int, const void *, size_t, off_t);
ssize_t	__wrap_pwrite(int, const void *, size_t, off_t);
int	__real_fdatasync(int);
int	__wrap_fdatasync(int);

/* --- the disk --- */

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static uint64_t	written[NKEYS];		/* marks, by number of the key */
static uint64_t	synced[NKEYS];
static atomic_uint nsyncs;
static atomic_int sync_ms = 0;		/* a fdatasync takes */
static atomic_int sync_random_us = 0;	/* ... or up to */
static atomic_int fail_one_in = 0;	/* of them, 0 none */
static atomic_int writing;		/* calls under way: never two */
static atomic_int crossed;

static void
sleep_us(long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

/* Key number and mark of a slot, by the disk format. */
static void
note(const uint8_t *p, size_t len)
{
	unsigned int n;
	uint64_t mark;

	if (len != SECTOR || memcmp(p, "ivslot\r\n", 8) != 0)
		return;
	memcpy(&n, p + 24 + 4, sizeof(n));
	memcpy(&mark, p + 56, sizeof(mark));
	if (n >= NKEYS || memcmp(p + 24, ledger_digest(n), KEY_DIGEST_LEN) != 0)
		return;
	pthread_mutex_lock(&disk);
	written[n] = mark;
	pthread_mutex_unlock(&disk);
}

ssize_t
__wrap_pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (atomic_fetch_add(&writing, 1) != 0)
		atomic_store(&crossed, 1);
	note(p, len);
	atomic_fetch_sub(&writing, 1);
	return __real_pwrite(fd, p, len, at);
}

int
__wrap_fdatasync(int fd)
{
	int us = atomic_load(&sync_random_us), one = atomic_load(&fail_one_in);
	int i;

	(void)fd;
	atomic_fetch_add(&nsyncs, 1);
	if (atomic_fetch_add(&writing, 1) != 0)
		atomic_store(&crossed, 1);
	sleep_us(atomic_load(&sync_ms) * 1000L);
	if (us != 0)
		sleep_us((long)arc4random_uniform((uint32_t)us));
	atomic_fetch_sub(&writing, 1);
	if (one != 0 && arc4random_uniform((uint32_t)one) == 0) {
		errno = EIO;
		return -1;
	}
	pthread_mutex_lock(&disk);
	for (i = 0; i < NKEYS; i++)
		synced[i] = written[i];
	pthread_mutex_unlock(&disk);
	return 0;
}

/* --- the loop --- */

static struct event_base *base;
static struct ledger *ledger;
static struct ledger_sync *syncer;
static unsigned int ndone, nerrors, nticks, nfalse, nback, steps;
static int	last_error;
static uint64_t	reported[NKEYS];
static int	more_at_done;

static void
check_durable(void)
{
	struct ledger_key k;
	unsigned int i;

	pthread_mutex_lock(&disk);
	for (i = 0; i < NKEYS; i++) {
		if (ledger_find(ledger, ledger_digest(i), &k) == -1)
			continue;
		nfalse += k.durable > synced[i];
		nback += k.durable < reported[i];
		reported[i] = k.durable;
	}
	pthread_mutex_unlock(&disk);
}

static void
done(int error, void *arg)
{
	(void)arg;
	ndone++;
	nerrors += error != 0;
	last_error = error;
	check_durable();
	if (more_at_done) {
		more_at_done--;
		ledger_raise(ledger, ledger_digest(1), reported[1] + 5, 1, NOW);
		ledger_sync_kick(syncer);
	}
	event_base_loopbreak(base);
}

static void
begin(void)
{
	syncer = ledger_sync_new(base, ledger, done, NULL);
	if (syncer == NULL)
		err(1, "ledger_sync_new");
	ndone = nerrors = 0;
	last_error = -1;
}

/* One turn of the loop's own work; kicks now and then, and now and then not. */
static void
step(evutil_socket_t fd, short what, void *arg)
{
	struct event *timer = *(struct event **)arg;
	struct timeval soon = { 0, arc4random_uniform(4) == 0 ? 500 : 0 };
	unsigned int n, key;

	(void)fd;
	(void)what;
	for (n = arc4random_uniform(4); n > 0; n--) {
		key = arc4random_uniform(NKEYS);
		ledger_raise(ledger, ledger_digest(key), reported[key] + 1 +
		    arc4random_uniform(1000), key < 10, NOW);
		if (arc4random_uniform(20) == 0)
			ledger_release(ledger, ledger_digest(key), NOW);
	}
	if (arc4random_uniform(3) == 0)
		ledger_sync_kick(syncer);
	check_durable();
	if (++steps < STEPS)
		event_add(timer, &soon);
	else
		event_base_loopexit(base, NULL);
}

static void
test_random(int fail)
{
	struct ledger_key k;
	struct event *timer;
	struct timeval now = { 0, 0 };
	unsigned int i, behind = 0;

	atomic_store(&sync_random_us, 800);
	atomic_store(&fail_one_in, fail);
	begin();
	steps = nfalse = nback = 0;
	timer = event_new(base, -1, 0, step, &timer);
	event_add(timer, &now);
	while (steps < STEPS)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(timer);
	ok(ndone > 20, "%u commits in %u steps, %u failed", ndone, steps,
	    nerrors);
	is(nerrors > 0, fail != 0, "... as the disk did");
	atomic_store(&fail_one_in, 0);
	is(ledger_sync_free(syncer), 0, "what is left is committed");
	check_durable();
	is(nfalse, 0, "no mark was called durable that was not synced");
	is(nback, 0, "... none went back");
	for (i = 0; i < NKEYS; i++)
		if (ledger_find(ledger, ledger_digest(i), &k) == 0)
			behind += k.durable != k.mark;
	is(behind, 0, "in the end all marks are durable");
	is(atomic_load(&crossed), 0, "one write at a time");
	atomic_store(&sync_random_us, 0);
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	nticks++;
}

/* While the disk takes its time the loop runs, and commits gather. */
static void
test_group(void)
{
	struct timeval ms = { 0, 1000 };
	struct event *timer = event_new(base, -1, EV_PERSIST, tick, NULL);
	unsigned int i;

	begin();
	ledger_sync_kick(syncer);
	event_base_loop(base, EVLOOP_NONBLOCK);
	is(ndone, 0, "nothing dirty: nothing done");
	nticks = 0;
	atomic_store(&nsyncs, 0);
	atomic_store(&sync_ms, 60);
	event_add(timer, &ms);
	ledger_raise(ledger, ledger_digest(0), reported[0] + 1, 1, NOW);
	ledger_sync_kick(syncer);
	for (i = 1; i < NKEYS; i++) {
		ledger_raise(ledger, ledger_digest(i), reported[i] + 1, 1, NOW);
		ledger_sync_kick(syncer);
	}
	while (ndone < 2)
		event_base_loop(base, 0);
	is(atomic_load(&nsyncs), 4, "50 kicks, two commits, two syncs each");
	ok(nticks > 5, "the loop ran meanwhile: %u ticks", nticks);
	event_free(timer);
	atomic_store(&sync_ms, 0);
	more_at_done = 3;
	ledger_raise(ledger, ledger_digest(1), reported[1] + 1, 1, NOW);
	ledger_sync_kick(syncer);
	while (ndone < 6)
		event_base_loop(base, 0);
	is(ndone, 6, "kicked from within done");
	is(ledger_sync_free(syncer), 0, "free");
}

static void
test_error(void)
{
	uint64_t mark = reported[0];

	begin();
	atomic_store(&fail_one_in, 1);
	ledger_raise(ledger, ledger_digest(0), mark + 7, 1, NOW);
	ledger_sync_kick(syncer);
	while (ndone < 1)
		event_base_loop(base, 0);
	is(last_error, EIO, "a commit fails");
	is(ledger_get(ledger, 0).durable, (long long)mark, "... not durable");
	sleep_us(5000);
	event_base_loop(base, EVLOOP_NONBLOCK);
	is(ndone, 1, "... and is not tried again by itself");
	atomic_store(&fail_one_in, 0);
	ledger_sync_kick(syncer);
	while (ndone < 2)
		event_base_loop(base, 0);
	is(last_error, 0, "the next one does not");
	is(ledger_get(ledger, 0).durable, (long long)mark + 7, "... durable");

	atomic_store(&fail_one_in, 1);
	ledger_raise(ledger, ledger_digest(0), mark + 9, 1, NOW);
	is(ledger_sync_free(syncer), EIO, "the last commit fails: told");
	atomic_store(&fail_one_in, 0);
	begin();
	is(ledger_sync_free(syncer), 0, "what it left is written by the next");
	is(ledger_get(ledger, 0).durable, (long long)mark + 9, "... durable");
	is(ledger_sync_free(NULL), 0, "free nothing");

	begin();
	atomic_store(&sync_ms, 30);
	ledger_raise(ledger, ledger_digest(0), mark + 20, 1, NOW);
	ledger_sync_kick(syncer);
	ledger_raise(ledger, ledger_digest(0), mark + 21, 1, NOW);
	is(ledger_sync_free(syncer), 0, "free while a commit is out");
	is(ledger_get(ledger, 0).durable, (long long)mark + 21,
	    "... waits for it, and for what came after");
	is(ndone, 0, "... and calls nobody");
	atomic_store(&sync_ms, 0);
}

static pthread_t main_thread;
static atomic_int nsignals, elsewhere;

static void
on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&nsignals, 1);
	if (!pthread_equal(pthread_self(), main_thread))
		atomic_store(&elsewhere, 1);
}

/* Signals of the process come to the loop alone. */
static void
test_signals(void)
{
	sigset_t set;
	int i;

	main_thread = pthread_self();
	signal(SIGUSR1, on_signal);
	begin();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (i = 0; i < 20; i++) {
		kill(getpid(), SIGUSR1);
		sleep_us(500);
	}
	is(atomic_load(&nsignals), 0, "the thread takes no signal");
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	ok(atomic_load(&nsignals) > 0 && atomic_load(&elsewhere) == 0,
	    "the loop does");
	ledger_sync_free(syncer);
}

int
main(void)
{
	unsigned int i;

	/* before there is a thread: the table is shared */
	for (i = 0; i < NKEYS; i++)
		ledger_digest(i);
	ledger_dir_make();
	base = event_base_new();
	ledger = ledger_at(NOW);
	if (base == NULL || ledger == NULL)
		errx(1, "%s", ledger_why);
	test_random(0);
	test_random(6);
	test_group();
	test_error();
	test_signals();
	ledger_close(ledger);
	event_base_free(base);
	return tap_done();
}
