/* SPDX-License-Identifier: ISC */
/*
 * The life of an SA: judge the parameters, lay the SA out in the caller's
 * memory, wipe it.  Never touches a packet.  Called when SAs come and go.
 *
 * The memory holds, each part aligned for any type: struct esp_sa, the state
 * of its cipher, the words of its replay window (inbound).
 */
#include <errno.h>
#include <string.h>

#include "libesp/internal.h"

#define ALIGNMENT	_Alignof(max_align_t)
#define CACHE_LINE	64

static size_t
aligned(size_t n)
{
	return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t
number_space(const struct esp_params *p)
{
	return p->esn ? UINT64_MAX : UINT32_MAX;
}

const char *
esp_params_check(const struct esp_params *p)
{
	if (p->suite == NULL)
		return "no suite";
	if (p->dir != ESP_IN && p->dir != ESP_OUT)
		return "direction is neither in nor out";
	if (p->key == NULL ||
	    p->keylen != p->suite->keylen + p->suite->saltlen)
		return "key has the wrong length";
	if (p->authkeylen != p->suite->authkeylen ||
	    (p->authkeylen != 0 && p->authkey == NULL))
		return "authentication key has the wrong length";
	if (p->spi < ESP_SPI_MIN)
		return "SPI is below 256, which is reserved";
	if (p->dir == ESP_IN && p->replay > ESP_REPLAY_MAX)
		return "replay window is above 65536";
	if (p->seq > number_space(p))
		return "sequence number is above 32 bits without esn";
	return NULL;
}

int
esp_backend_does(const struct esp_backend *b, const struct esp_suite *s)
{
	return b != NULL && b->ops(s) != NULL;
}

static const struct esp_cipher_ops *
ops_of(const struct esp_params *p)
{
	return esp_backend_does(p->backend, p->suite) ?
	    p->backend->ops(p->suite) : p->suite->ops;
}

static size_t
ring_size(const struct esp_params *p)
{
	if (p->dir != ESP_IN)
		return 0;
	return esp_replay_words(p->replay) * sizeof(uint64_t);
}

size_t
esp_sa_size(const struct esp_params *p)
{
	if (esp_params_check(p) != NULL)
		return 0;
	return aligned(sizeof(struct esp_sa)) +
	    aligned(ops_of(p)->state_size) + ring_size(p);
}

struct esp_sa *
esp_sa_init(void *mem, size_t size, const struct esp_params *p)
{
	const struct esp_cipher_ops *ops;
	struct esp_sa *sa = mem;
	size_t need, state_at, ring_at;

	need = esp_sa_size(p);
	if (need == 0 || (uintptr_t)mem % ALIGNMENT != 0) {
		errno = EINVAL;
		return NULL;
	}
	if (size < need) {
		errno = ENOBUFS;
		return NULL;
	}
	ops = ops_of(p);
	state_at = aligned(sizeof(*sa));
	ring_at = state_at + aligned(ops->state_size);

	memset(mem, 0, need);
	sa->suite = p->suite;
	sa->ops = ops;
	sa->state = (uint8_t *)mem + state_at;
	sa->max = number_space(p);
	sa->spi = p->spi;
	sa->dir = p->dir;
	sa->size = need;
	if (p->dir == ESP_IN) {
		esp_replay_init(&sa->replay,
		    (uint64_t *)(void *)((uint8_t *)mem + ring_at), p->replay,
		    p->esn, p->seq);
	} else {
		sa->seq = p->seq;
		sa->limit = p->limit;
	}
	if (ops->setup(sa->state, p) == -1) {
		explicit_bzero(mem, need);
		errno = ENOMEM;
		return NULL;
	}
	return sa;
}

void
esp_sa_clear(struct esp_sa *sa)
{
	if (sa == NULL)
		return;
	sa->ops->clear(sa->state);
	explicit_bzero(sa, sa->size);
}

uint64_t
esp_sa_seq(const struct esp_sa *sa)
{
	return sa->dir == ESP_IN ? sa->replay.top : sa->seq;
}

uint64_t
esp_sa_seq_max(const struct esp_sa *sa)
{
	return sa->max;
}

/* An inbound SA keeps its limit of 0: its number space is another's. */
void
esp_sa_set_limit(struct esp_sa *sa, uint64_t top)
{
	if (sa->dir == ESP_OUT)
		sa->limit = top;
}

void
esp_sa_advance(struct esp_sa *sa, uint64_t seq)
{
	if (seq > sa->max)
		seq = sa->max;
	if (sa->dir == ESP_IN)
		esp_replay_advance(&sa->replay, seq);
	else if (seq > sa->seq)
		sa->seq = seq;
}

uint32_t
esp_sa_spi(const struct esp_sa *sa)
{
	return sa->spi;
}

/* Of the ring the word of the highest number: most packets are near it. */
void
esp_sa_prefetch(const struct esp_sa *sa)
{
	const uint8_t *p = (const uint8_t *)sa, *end = sa->state;

	for (end += sa->ops->state_size; p < end; p += CACHE_LINE)
		__builtin_prefetch(p);
	if (sa->replay.ring != NULL)
		__builtin_prefetch(&sa->replay.ring[sa->replay.at], 1);
}
