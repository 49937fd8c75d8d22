/* SPDX-License-Identifier: ISC */
/*
 * The packet buffer: the only place that moves data and len of a struct
 * esp_buf.  Each call refuses what would leave base <= data <= data + len <=
 * base + cap, and then changes nothing.  The arithmetic compares what is left,
 * so that no sum can overflow.  Called by seal.c and open.c.
 */
#include "libesp/internal.h"

static size_t
headroom(const struct esp_buf *b)
{
	return (size_t)(b->data - b->base);
}

static size_t
tailroom(const struct esp_buf *b)
{
	return b->cap - headroom(b) - b->len;
}

int
esp_buf_sane(const struct esp_buf *b)
{
	uintptr_t base = (uintptr_t)b->base, data = (uintptr_t)b->data;

	if (base == 0 || data < base || data - base > b->cap)
		return 0;
	return b->len <= b->cap - (data - base);
}

int
esp_buf_push(struct esp_buf *b, size_t n)
{
	if (n > headroom(b))
		return -1;
	b->data -= n;
	b->len += n;
	return 0;
}

int
esp_buf_put(struct esp_buf *b, size_t n)
{
	if (n > tailroom(b))
		return -1;
	b->len += n;
	return 0;
}

int
esp_buf_pull(struct esp_buf *b, size_t n)
{
	if (n > b->len)
		return -1;
	b->data += n;
	b->len -= n;
	return 0;
}

int
esp_buf_trim(struct esp_buf *b, size_t n)
{
	if (n > b->len)
		return -1;
	b->len = n;
	return 0;
}

int
esp_buf_apart(const struct esp_buf *a, const struct esp_buf *b)
{
	uintptr_t x = (uintptr_t)a->data, y = (uintptr_t)b->data;

	return x < y ? a->len <= y - x : b->len <= x - y;
}
