/* SPDX-License-Identifier: ISC */
/*
 * A paced stream of UDP datagrams, and the count of those that arrive.
 *
 *	flood send SRC DST PORT SIZE RATE SECONDS TRIAL
 *		RATE datagrams a second, for so many seconds; prints how many
 *		were sent.  Where it falls behind by more than LATE it gives
 *		those up, rather than to send a burst that nobody asked for.
 *	flood recv ADDRESS PORT
 *		Commands on standard input, an answer of a line to each:
 *		"count TRIAL" begins to count the datagrams of that trial,
 *		"stop" says how many there were, once no more come.
 *
 * It shares the processors with what is measured: datagrams go and come in
 * batches, and the receiver sleeps between two looks at its queue, so that
 * nobody has to wake it for each of them.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH		64
#define TICK_NS		150000LL	/* between two bursts */
#define NAP_NS		300000LL	/* of the receiver */
#define LATE_NS		5000000LL
#define QUIET_NS	60000000LL	/* after which no more come */
#define BUFFER		(32 << 20)
#define SIZE_MAX_UDP	9000

static long long
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void
nap(long long ns)
{
	struct timespec ts = { 0, ns };

	nanosleep(&ts, NULL);
}

static struct sockaddr_in
address(const char *text, int port)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);
	if (inet_pton(AF_INET, text, &sin.sin_addr) != 1)
		errx(2, "not an address: %s", text);
	return sin;
}

static int
bound(const char *text, int port, int option)
{
	struct sockaddr_in sin = address(text, port);
	int fd, size = BUFFER;

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "%s", text);
	if (setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size)) == -1)
		err(1, "buffer");
	return fd;
}

/* --- send --- */

static long long
burst(int fd, struct mmsghdr *mm, long long n)
{
	long long done = 0;
	int got;

	while (done < n) {
		got = sendmmsg(fd, mm, n - done < BATCH ?
		    (unsigned int)(n - done) : BATCH, 0);
		if (got == -1) {
			if (errno != ENOBUFS && errno != EAGAIN &&
			    errno != EINTR)
				err(1, "sendmmsg");
			got = 1;	/* offered, and lost */
		}
		done += got;
	}
	return done;
}

static void
send_paced(int fd, size_t size, double rate, double seconds, uint32_t trial)
{
	static uint8_t data[SIZE_MAX_UDP];
	struct mmsghdr mm[BATCH];
	struct iovec iov = { data, size };
	long long start, t, due, sent = 0, given_up = 0;
	int i;

	memcpy(data, &trial, sizeof(trial));
	memset(mm, 0, sizeof(mm));
	for (i = 0; i < BATCH; i++) {
		mm[i].msg_hdr.msg_iov = &iov;
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	start = now();
	while ((t = now() - start) < (long long)(seconds * 1e9)) {
		due = (long long)(rate * (double)t / 1e9) - given_up - sent;
		if (due > (long long)(rate * LATE_NS / 1e9) + 1) {
			given_up += due - 1;
			due = 1;
		}
		sent += burst(fd, mm, due);
		t = now() - start;
		nap(TICK_NS - t % TICK_NS);
	}
	printf("%lld\n", sent);
}

/* --- receive --- */

/* Datagrams of the trial that are there now; *any if there were others. */
static long long
take(int fd, uint32_t trial, int *any)
{
	static uint32_t data[BATCH];
	static struct iovec iov[BATCH];
	static struct mmsghdr mm[BATCH];
	long long count = 0;
	int i, n;

	do {
		for (i = 0; i < BATCH; i++) {
			iov[i].iov_base = &data[i];
			iov[i].iov_len = sizeof(data[i]);
			mm[i].msg_hdr.msg_iov = &iov[i];
			mm[i].msg_hdr.msg_iovlen = 1;
		}
		n = recvmmsg(fd, mm, BATCH, MSG_DONTWAIT, NULL);
		for (i = 0; i < n; i++)
			count += data[i] == trial;
		*any |= n > 0;
	} while (n == BATCH);
	return count;
}

static long long
drain(int fd, uint32_t trial)
{
	long long count = 0, quiet = now();
	int any;

	while (now() - quiet < QUIET_NS) {
		any = 0;
		count += take(fd, trial, &any);
		if (any)
			quiet = now();
		nap(NAP_NS);
	}
	return count;
}

static void
receive(int fd)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[64];
	uint32_t trial = 0;
	long long count = 0;
	int any, counting = 0;

	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		if (poll(&pfd, 1, counting ? 0 : -1) == 1) {
			if (fgets(line, sizeof(line), stdin) == NULL)
				return;
			if (strncmp(line, "count ", 6) == 0) {
				trial = (uint32_t)strtoul(line + 6, NULL, 10);
				count = 0;
				counting = 1;
				puts("ready");
			} else {
				count += drain(fd, trial);
				counting = 0;
				printf("%lld\n", count);
			}
			fflush(stdout);
		}
		if (counting) {
			count += take(fd, trial, &any);
			nap(NAP_NS);
		}
	}
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in sin;
	int fd;

	if (argc == 4 && strcmp(argv[1], "recv") == 0) {
		receive(bound(argv[2], atoi(argv[3]), SO_RCVBUFFORCE));
		return 0;
	}
	if (argc != 9 || strcmp(argv[1], "send") != 0 || atoi(argv[5]) < 4 ||
	    atoi(argv[5]) > SIZE_MAX_UDP) {
		fprintf(stderr, "usage: flood send SRC DST PORT SIZE RATE "
		    "SECONDS TRIAL\n       flood recv ADDRESS PORT\n");
		return 2;
	}
	fd = bound(argv[2], 0, SO_SNDBUFFORCE);
	sin = address(argv[3], atoi(argv[4]));
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "connect");
	send_paced(fd, (size_t)atoi(argv[5]), atof(argv[6]), atof(argv[7]),
	    (uint32_t)strtoul(argv[8], NULL, 10));
	return 0;
}
