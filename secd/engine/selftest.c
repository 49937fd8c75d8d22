/* SPDX-License-Identifier: ISC */
/*
 * Is a backend as good as libcrypto?  Every suite that it claims, with and
 * without ESN, in packets of many lengths: sealed it must be the same octets,
 * apart and in place; what was sealed must open, what was forged must not.
 * Called once at the engine's start, before the backend sees a key.
 *
 * A tag covers ciphertext, so that it is right says nothing of the plaintext,
 * which is compared too.  Where the code of a cipher has its borders nobody
 * promises: all short lengths are tried, then those about multiples of its
 * blocks, then what devices' MTUs make, then the longest.
 */
#include <stdlib.h>
#include <string.h>

#include "secd/engine/engine.h"
#include "secd/log.h"

#define IP_HDR		20
#define ALL_UP_TO	320	/* every length from 0; below IP_HDR, dummies */
#define STRIDE		128	/* then those that are, with what is around */
#define STRIDES_END	2048	/* them, about these multiples */
#define AROUND		28
#define ROOM		66000
#define HEADROOM	64
#define SPI		0x53454344U
#define START		100	/* numbers before 2^32, with ESN */

static const size_t long_lengths[] = {
	4095, 4096, 4097, 8900, 8999, 9000, 16384, 32767, 65000, 65400
};

struct test {
	const struct esp_suite	*suite;
	const struct esp_backend *backend;
	int			 esn;
	struct esp_sa		*ours;		/* libcrypto's, out */
	struct esp_sa		*out;		/* the backend's */
	struct esp_sa		*in;
	struct esp_sa		*far;		/* in; another high half */
	unsigned int		 count;
	uint8_t			 key[64];
	uint8_t			 inner[ROOM];
	uint8_t			 right[ROOM];	/* libcrypto's packet */
	uint8_t			 work[ROOM];
	uint8_t			 plain[ROOM];
};

static struct esp_sa *
make(const struct test *t, enum esp_dir dir, const struct esp_backend *b,
    uint64_t seq)
{
	struct esp_params p = {
		.suite = t->suite, .backend = b, .dir = dir, .esn = t->esn,
		.spi = SPI, .replay = 64, .seq = seq, .limit = ESP_NOLIMIT,
		.key = t->key, .keylen = t->suite->keylen + t->suite->saltlen,
		.authkey = t->key, .authkeylen = t->suite->authkeylen
	};
	size_t size = esp_sa_size(&p);
	struct esp_sa *sa;
	void *mem;

	if ((mem = malloc(size)) == NULL ||
	    (sa = esp_sa_init(mem, size, &p)) == NULL)
		fatal("self-test of %s", b != NULL ? b->name : "libcrypto");
	return sa;
}

static void
end(struct esp_sa *sa)
{
	esp_sa_clear(sa);
	free(sa);
}

/* All of the room behind data may be used, some of it before. */
static struct esp_buf
buffer(uint8_t *base, size_t len)
{
	struct esp_buf b = { .base = base, .cap = ROOM,
	    .data = base + HEADROOM, .len = len };

	return b;
}

/* An IPv4 packet of this length; its octets differ from place to place. */
static void
make_inner(struct test *t, size_t len)
{
	uint8_t *p = t->inner + HEADROOM;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 29 + i / 256 + len);
	p[0] = 0x45;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
}

static enum esp_status
seal(struct esp_sa *sa, struct esp_buf *from, size_t len, struct esp_buf *to)
{
	return len < IP_HDR ? esp_seal_dummy(sa, len, to) :
	    esp_seal(sa, from, to);
}

/* The next packet of both, libcrypto's to *right; 1 if they are alike. */
static int
seals(struct test *t, size_t len, int in_place, struct esp_buf *right)
{
	struct esp_buf inner = buffer(t->inner, len);
	struct esp_buf own = buffer(t->work, in_place ? len : 0);

	*right = buffer(t->right, 0);
	memcpy(own.data, inner.data, own.len);
	return seal(t->ours, &inner, len, right) == ESP_OK &&
	    seal(t->out, in_place ? &own : &inner, len, &own) == ESP_OK &&
	    own.len == right->len &&
	    memcmp(own.data, right->data, own.len) == 0;
}

/* What becomes of the packet with an octet changed (SIZE_MAX: none). */
static enum esp_status
open_one(struct test *t, struct esp_sa *sa, const struct esp_buf *packet,
    int in_place, size_t changed, struct esp_buf *to)
{
	struct esp_buf in = buffer(t->work, packet->len);

	memcpy(in.data, packet->data, in.len);
	if (changed != SIZE_MAX)
		in.data[changed] ^= 0x40;
	*to = buffer(in_place ? t->work : t->plain, in.len);
	return esp_open(sa, in_place ? to : &in, to);
}

/* 1 if the backend refuses it forged, and opens it as it is. */
static int
opens(struct test *t, size_t len, int in_place, const struct esp_buf *right)
{
	size_t tag = t->suite->icvlen, text = right->len - tag;
	struct esp_buf to;

	/* an octet of the tag, then one of the text before it */
	if (open_one(t, t->in, right, in_place, text + t->count++ % tag,
	    &to) != ESP_BAD_ICV ||
	    open_one(t, t->in, right, in_place, text - 1 - t->count % 4,
	    &to) != ESP_BAD_ICV)
		return 0;
	if (t->esn && open_one(t, t->far, right, in_place, SIZE_MAX,
	    &to) != ESP_BAD_ICV)
		return 0;
	if (len < IP_HDR)
		return open_one(t, t->in, right, in_place, SIZE_MAX, &to) ==
		    ESP_DUMMY;
	return open_one(t, t->in, right, in_place, SIZE_MAX, &to) == ESP_OK &&
	    to.len == len &&
	    memcmp(to.data, t->inner + HEADROOM, len) == 0;
}

static int
length(struct test *t, size_t len)
{
	struct esp_buf right;
	int in_place;

	make_inner(t, len);
	for (in_place = 0; in_place < 2; in_place++)
		if (!seals(t, len, in_place, &right) ||
		    !opens(t, len, in_place, &right))
			return 0;
	return 1;
}

static int
lengths(struct test *t)
{
	size_t i, len;

	for (len = 0; len <= ALL_UP_TO; len++)
		if (!length(t, len))
			return 0;
	for (i = ALL_UP_TO / STRIDE + 1; i * STRIDE <= STRIDES_END; i++)
		for (len = i * STRIDE - AROUND; len <= i * STRIDE; len++)
			if (!length(t, len))
				return 0;
	for (i = 0; i < sizeof(long_lengths) / sizeof(long_lengths[0]); i++)
		if (!length(t, long_lengths[i]))
			return 0;
	return 1;
}

static int
suite(struct test *t)
{
	uint64_t start = t->esn ? UINT32_MAX - START : 0;
	int good;

	t->ours = make(t, ESP_OUT, NULL, start);
	t->out = make(t, ESP_OUT, t->backend, start);
	t->in = make(t, ESP_IN, t->backend, start);
	t->far = make(t, ESP_IN, t->backend,
	    t->esn ? start + ((uint64_t)1 << 40) : 0);
	good = lengths(t);
	end(t->ours);
	end(t->out);
	end(t->in);
	end(t->far);
	return good;
}

const struct esp_suite *
selftest(const struct esp_backend *backend)
{
	const struct esp_suite *failed = NULL;
	struct test *t;
	size_t i;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("self-test of %s", backend->name);
	t->backend = backend;
	for (i = 0; i < sizeof(t->key); i++)
		t->key[i] = (uint8_t)(i * 37 + 11);
	for (i = 0; failed == NULL &&
	    (t->suite = esp_suite_at(i)) != NULL; i++)
		for (t->esn = 0; t->esn < 2 && failed == NULL; t->esn++)
			if (esp_backend_does(backend, t->suite) && !suite(t))
				failed = t->suite;
	free(t);
	return failed;
}
