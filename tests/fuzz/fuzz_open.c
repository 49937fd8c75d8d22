/* SPDX-License-Identifier: ISC */
/*
 * libFuzzer for esp_open().  Noise alone would never pass the ICV, so the input
 * is a list of packets for one SA of which most are authentic: their octets are
 * a plaintext, trailer and all, that is sealed here on bare libcrypto.
 *
 * Input: one octet of options (1 ESN, 2 and 4 window, the rest how far behind
 * AES-256-GCM the suite is in the list), then for each packet one octet (1 as
 * it comes, 2 in place, 4 repeat the last, 8 a bit flipped), one
 * that moves its number, two of length, and so many octets.
 *
 * Every buffer is as large as it must be, so that a sanitizer sees its edges;
 * and what esp.h promises is asked for after each packet.
 */
#include <stdio.h>

#include "libesp/internal.h"
#include "tests/unit/esp_help.h"

#define MUST(what)	do {						\
	if (!(what)) {							\
		fprintf(stderr, "line %d: %s\n", __LINE__, #what);	\
		abort();						\
	}								\
} while (0)

struct fuzz {
	const uint8_t	*p;
	size_t		 left;
	const struct h_alg *alg;
	size_t		 head;		/* SPI, number, IV */
	struct esp_sa	*sa;
	int		 esn;
	uint32_t	 window;
	uint8_t		*pkt;		/* the last one */
	size_t		 pktlen;
	const uint8_t	*plain;		/* its plaintext, NULL if not known */
	size_t		 plainlen;
	int		 ahead;		/* its number was above the top */
};

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned int
octet(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->p++;
}

/* The next packet of the input in memory of its size. */
static void
next_packet(struct fuzz *f, unsigned int how)
{
	uint64_t top = esp_sa_seq(f->sa);
	unsigned int move = octet(f);
	uint8_t iv[16] = { 0 };
	size_t len;

	len = octet(f) << 8;
	len |= octet(f);
	if (len > f->left)
		len = f->left;
	free(f->pkt);
	f->pktlen = how & 1 ? len : f->head + len + f->alg->icvlen;
	f->pkt = malloc(f->pktlen == 0 ? 1 : f->pktlen);
	MUST(f->pkt != NULL);
	f->plain = NULL;
	if (how & 1) {
		memcpy(f->pkt, f->p, len);
		if (len >= 4)		/* or nothing would get beyond it */
			esp_store32(f->pkt, H_SPI);
	} else {
		f->ahead = move < 0x80 && move < esp_sa_seq_max(f->sa) - top;
		iv[0] = (uint8_t)move;
		h_seal_of(f->alg, f->pkt, H_SPI, f->esn, top + 1 + move -
		    (move < 0x80 ? 0 : 256), iv, f->p, len);
		f->plain = f->p;
		f->plainlen = len;
	}
	f->p += len;
	f->left -= len;
	if (how & 8 && f->pktlen > 0) {
		f->pkt[f->pktlen - 1 - move % f->pktlen] ^= 0x10;
		f->plain = NULL;
	}
}

/* An inner packet, told in other words than inner.c's. */
static void
check_accepted(const struct fuzz *f, const struct esp_buf *out)
{
	const uint8_t *end = f->plain + f->plainlen, *p = out->data;
	size_t pad, i;

	MUST(f->plain != NULL);
	MUST(f->plainlen >= 22 && f->plainlen % f->alg->align == 0);
	pad = end[-2];
	MUST(pad + 2 + out->len <= f->plainlen);
	for (i = 0; i < pad; i++)
		MUST(end[-3 - (long)i] == pad - i);
	MUST(memcmp(p, f->plain, out->len) == 0);
	if (end[-1] == 4) {
		MUST(p[0] >= 0x45 && p[0] <= 0x4f);
		MUST(out->len == p[2] * 256U + p[3]);
		MUST(out->len >= (p[0] & 15U) * 4);
	} else {
		MUST(end[-1] == 41 && p[0] >> 4 == 6);
		MUST(out->len == 40 + p[4] * 256U + p[5]);
	}
}

/* Open a copy of the packet and hold esp.h to its word. */
static enum esp_status
open_packet(struct fuzz *f, int in_place)
{
	uint64_t before = esp_sa_seq(f->sa);
	size_t n = f->pktlen, around = f->head + f->alg->icvlen;
	size_t body = n < around ? 0 : n - around, i;
	struct esp_buf in = h_buf(malloc(n + 1), n, 0, n);
	struct esp_buf out = h_buf(malloc(body + 1), body, 0, 0);
	struct esp_buf *to = in_place ? &in : &out;
	uint8_t *text;
	enum esp_status status;

	MUST(in.base != NULL && out.base != NULL);
	memcpy(in.base, f->pkt, n);
	memset(out.base, 0, body);
	status = esp_open(f->sa, &in, to);
	text = in_place ? in.base + f->head : out.base;

	MUST(strcmp(esp_status_name(status), "?") != 0);
	MUST(esp_buf_sane(to));
	if (status == ESP_OK)
		check_accepted(f, to);
	else
		MUST(to->len == 0);
	if (!esp_status_authentic(status))
		MUST(esp_sa_seq(f->sa) == before);
	MUST(esp_sa_seq(f->sa) >= before);
	if (status == ESP_BAD_ICV ||
	    (status != ESP_OK && esp_status_authentic(status)))
		for (i = 0; i < body; i++)
			MUST(text[i] == 0);
	if (!in_place)
		MUST(memcmp(in.base, f->pkt, n) == 0);
	free(in.base);
	free(out.base);
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t windows[] = { 0, 1, 64, 200 };
	struct fuzz f;
	unsigned int how, options;
	enum esp_status status;

	memset(&f, 0, sizeof(f));
	f.p = data;
	f.left = size;
	options = octet(&f);
	f.esn = options & 1;
	f.window = windows[options >> 1 & 3];
	f.alg = &h_algs[(H_GCM256 + (options >> 3)) % H_NALGS];
	f.head = 8 + f.alg->ivlen;
	f.sa = h_sa_of(f.alg, ESP_IN, f.esn, f.window,
	    f.esn ? UINT32_MAX - 20 : 100);
	while (f.left > 0) {
		how = octet(&f);
		if (!(how & 4) || f.pkt == NULL)
			next_packet(&f, how);
		status = open_packet(&f, how & 2);
		if (f.plain != NULL && f.plainlen >= 4 &&
		    f.plainlen % f.alg->align == 0 && f.ahead && !(how & 4))
			MUST(esp_status_authentic(status));
		if (esp_status_authentic(status) && f.window > 0)
			MUST(open_packet(&f, how & 2) == ESP_REPLAY);
	}
	free(f.pkt);
	h_sa_free(f.sa);
	return 0;
}
