/* SPDX-License-Identifier: ISC */
/*
 * ESP packets sealed beforehand, sent as fast as that goes: what a receiver
 * makes of many SAs, without the work of the sender beside it.
 *
 *	replay SRC DST KEYS SPI SAS PACKETS SIZE SEQ
 *
 * KEYS is a file of SAS keys of AES-256-GCM with their salt, 36 octets each, of
 * the SPIs from SPI on.  Inside are UDP datagrams of SIZE octets, IP header
 * included, to an address that nobody has.  Each packet takes an SA at random
 * and that SA's next number, SEQ + 1 at first.  Says "ready" when all are
 * sealed, waits for a line, sends, and prints the seconds it took.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#define KEYLEN		36	/* with 4 octets of salt */
#define HEAD		16	/* SPI, number, IV */
#define ICV		16
#define TRAILER		2
#define BATCH		64
#define SIZE_LEAST	28
#define SIZE_MOST	9000

struct job {
	const uint8_t	*keys;
	uint32_t	*seq;		/* of each SA, the last used */
	uint32_t	 spi;
	size_t		 sas;
	size_t		 packets;
	size_t		 size;		/* of the inner packet */
	size_t		 sealed;	/* of the ESP packet, padded */
};

static void
store16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
store32(uint8_t *p, uint32_t v)
{
	store16(p, v >> 16);
	store16(p + 2, v & 0xffff);
}

static void *
room(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		err(1, "%zu octets", size);
	return p;
}

/* --- seal --- */

/* IPv4 and UDP; its padding and ESP trailer follow. */
static void
inner_packet(uint8_t *p, const struct job *j)
{
	size_t i, end = j->sealed - HEAD - ICV;
	uint32_t sum = 0;

	memset(p, 0, end);
	p[0] = 0x45;
	store16(p + 2, (unsigned int)j->size);
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	store32(p + 12, 0x0a090001);	/* 10.9.0.1 */
	store32(p + 16, 0x0a630001);	/* 10.99.0.1 */
	for (i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	store16(p + 10, ~((sum & 0xffff) + (sum >> 16)) & 0xffff);
	store16(p + 20, 9);
	store16(p + 22, 9);
	store16(p + 24, (unsigned int)(j->size - 20));
	for (i = j->size; i < end - TRAILER; i++)
		p[i] = (uint8_t)(i - j->size + 1);
	p[end - 2] = (uint8_t)(end - TRAILER - j->size);
	p[end - 1] = 4;
}

static void
seal(EVP_CIPHER_CTX *ctx, const struct job *j, size_t sa, const uint8_t *inner,
    uint8_t *out)
{
	const uint8_t *key = j->keys + sa * KEYLEN;
	uint8_t nonce[12];
	int n, len = (int)(j->sealed - HEAD - ICV);

	store32(out, j->spi + (uint32_t)sa);
	store32(out + 4, ++j->seq[sa]);
	store32(out + 8, 0);
	store32(out + 12, j->seq[sa]);
	memcpy(nonce, key + KEYLEN - 4, 4);
	memcpy(nonce + 4, out + 8, 8);
	if (EVP_EncryptInit_ex(ctx, NULL, NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, out, 8) != 1 ||
	    EVP_EncryptUpdate(ctx, out + HEAD, &n, inner, len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, out + HEAD + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, ICV,
	    out + HEAD + len) != 1)
		errx(1, "libcrypto does not seal");
}

static uint8_t *
seal_all(const struct job *j)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t inner[SIZE_MOST + 16], *all = room(j->packets * j->sealed);
	uint32_t state = 1;
	size_t i;

	if (ctx == NULL || EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL,
	    NULL, NULL) != 1)
		errx(1, "no AES-256-GCM");
	inner_packet(inner, j);
	for (i = 0; i < j->packets; i++) {
		state = state * 1664525 + 1013904223;
		seal(ctx, j, (size_t)((uint64_t)state * j->sas >> 32), inner,
		    all + i * j->sealed);
	}
	EVP_CIPHER_CTX_free(ctx);
	return all;
}

/* --- send --- */

static int
raw_socket(const char *src, const char *dst)
{
	struct sockaddr_in sin[2];
	int fd, size = 4 << 20;

	memset(sin, 0, sizeof(sin));
	sin[0].sin_family = sin[1].sin_family = AF_INET;
	if (inet_pton(AF_INET, src, &sin[0].sin_addr) != 1 ||
	    inet_pton(AF_INET, dst, &sin[1].sin_addr) != 1)
		errx(2, "not an address");
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_ESP);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sin[0],
	    sizeof(sin[0])) == -1 || connect(fd, (struct sockaddr *)&sin[1],
	    sizeof(sin[1])) == -1 || setsockopt(fd, SOL_SOCKET,
	    SO_SNDBUFFORCE, &size, sizeof(size)) == -1)
		err(1, "raw socket");
	return fd;
}

static void
send_all(int fd, const struct job *j, uint8_t *all)
{
	struct mmsghdr mm[BATCH];
	struct iovec iov[BATCH];
	size_t at, i, n;
	int done;

	memset(mm, 0, sizeof(mm));
	for (at = 0; at < j->packets; at += (size_t)done) {
		n = j->packets - at < BATCH ? j->packets - at : BATCH;
		for (i = 0; i < n; i++) {
			iov[i].iov_base = all + (at + i) * j->sealed;
			iov[i].iov_len = j->sealed;
			mm[i].msg_hdr.msg_iov = &iov[i];
			mm[i].msg_hdr.msg_iovlen = 1;
		}
		done = sendmmsg(fd, mm, (unsigned int)n, 0);
		if (done == -1) {
			if (errno != EINTR && errno != ENOBUFS)
				err(1, "sendmmsg");
			done = 0;
		}
	}
}

static uint8_t *
read_keys(const char *path, size_t sas)
{
	uint8_t *keys = room(sas * KEYLEN);
	FILE *f = fopen(path, "r");

	if (f == NULL || fread(keys, KEYLEN, sas, f) != sas)
		errx(1, "%s: not %zu keys", path, sas);
	fclose(f);
	return keys;
}

int
main(int argc, char *argv[])
{
	struct timespec a, b;
	struct job j;
	uint8_t *all;
	size_t i;
	int fd;

	if (argc != 9) {
		fprintf(stderr, "usage: replay SRC DST KEYS SPI SAS PACKETS "
		    "SIZE SEQ\n");
		return 2;
	}
	memset(&j, 0, sizeof(j));
	j.spi = (uint32_t)strtoul(argv[4], NULL, 0);
	j.sas = strtoul(argv[5], NULL, 10);
	j.packets = strtoul(argv[6], NULL, 10);
	j.size = strtoul(argv[7], NULL, 10);
	if (j.sas == 0 || j.size < SIZE_LEAST || j.size > SIZE_MOST)
		errx(2, "no SA, or not a size");
	j.sealed = HEAD + (j.size + TRAILER + 3) / 4 * 4 + ICV;
	j.keys = read_keys(argv[3], j.sas);
	j.seq = room(j.sas * sizeof(*j.seq));
	for (i = 0; i < j.sas; i++)
		j.seq[i] = (uint32_t)strtoul(argv[8], NULL, 10);
	all = seal_all(&j);
	fd = raw_socket(argv[1], argv[2]);
	puts("ready");
	fflush(stdout);
	if (getchar() == EOF)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	send_all(fd, &j, all);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%.6f\n", (double)(b.tv_sec - a.tv_sec) +
	    (double)(b.tv_nsec - a.tv_nsec) / 1e9);
	return 0;
}
