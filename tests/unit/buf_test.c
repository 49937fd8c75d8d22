/* SPDX-License-Identifier: ISC */
/* The packet buffer refuses to leave its bounds, and then does not change. */
#include "libesp/internal.h"
#include "tests/lib/tap.h"

static uint8_t arena[300];	/* the buffer is the middle third */

#define room	(&arena[100])
#define CAP	100U

static struct esp_buf
buf(size_t off, size_t len)
{
	struct esp_buf b = { room, CAP, room + off, len };

	return b;
}

static int
same(const struct esp_buf *b, size_t off, size_t len)
{
	return b->base == room && b->cap == CAP &&
	    b->data == room + off && b->len == len;
}

static int
sane(const uint8_t *base, size_t cap, const uint8_t *data, size_t len)
{
	struct esp_buf b = { (uint8_t *)(uintptr_t)base, cap,
	    (uint8_t *)(uintptr_t)data, len };

	return esp_buf_sane(&b);
}

static void
test_sane(void)
{
	ok(sane(room, 100, room, 100), "all of it");
	ok(sane(room, 100, room + 100, 0), "nothing at the end");
	ok(sane(room, 0, room, 0), "no capacity, no octet");
	ok(!sane(room, 100, room, 101), "one octet too many");
	ok(!sane(room, 100, room + 1, 100), "one octet over the end");
	ok(!sane(room, 100, room + 101, 0), "begins behind the end");
	ok(!sane(room + 1, 99, room, 10), "begins before the base");
	ok(!sane(NULL, 0, NULL, 0), "no base");
	ok(!sane(room, 100, room + 50, SIZE_MAX), "length that wraps");
	ok(!sane(room, 100, room + 50, SIZE_MAX - 49),
	    "length that wraps to 0");
}

static void
test_grow(void)
{
	struct esp_buf b = buf(20, 30);

	ok(esp_buf_push(&b, 21) == -1 && same(&b, 20, 30), "push too much");
	ok(esp_buf_push(&b, SIZE_MAX) == -1 && same(&b, 20, 30), "push all");
	ok(esp_buf_push(&b, 0) == 0 && same(&b, 20, 30), "push nothing");
	ok(esp_buf_push(&b, 16) == 0 && same(&b, 4, 46), "push");
	ok(esp_buf_push(&b, 4) == 0 && same(&b, 0, 50), "push to the base");
	ok(esp_buf_put(&b, 51) == -1 && same(&b, 0, 50), "put too much");
	ok(esp_buf_put(&b, SIZE_MAX) == -1 && same(&b, 0, 50), "put all");
	ok(esp_buf_put(&b, SIZE_MAX - 40) == -1 && same(&b, 0, 50),
	    "put what wraps");
	ok(esp_buf_put(&b, 10) == 0 && same(&b, 0, 60), "put");
	ok(esp_buf_put(&b, 40) == 0 && same(&b, 0, 100), "put to the end");
	ok(esp_buf_put(&b, 1) == -1 && same(&b, 0, 100), "put one more");
}

static void
test_shrink(void)
{
	struct esp_buf b = buf(20, 30);

	ok(esp_buf_pull(&b, 31) == -1 && same(&b, 20, 30), "pull too much");
	ok(esp_buf_pull(&b, 10) == 0 && same(&b, 30, 20), "pull");
	ok(esp_buf_trim(&b, 21) == -1 && same(&b, 30, 20), "trim to more");
	ok(esp_buf_trim(&b, 20) == 0 && same(&b, 30, 20), "trim to the same");
	ok(esp_buf_trim(&b, 5) == 0 && same(&b, 30, 5), "trim");
	ok(esp_buf_pull(&b, 5) == 0 && same(&b, 35, 0), "pull the rest");
	ok(esp_buf_pull(&b, 1) == -1 && same(&b, 35, 0), "pull from nothing");
}

static void
test_apart(void)
{
	struct esp_buf a = buf(20, 10), b = buf(30, 10);

	ok(esp_buf_apart(&a, &b) && esp_buf_apart(&b, &a), "neighbours");
	a.len = 11;
	ok(!esp_buf_apart(&a, &b) && !esp_buf_apart(&b, &a), "one shared");
	b = buf(22, 2);
	ok(!esp_buf_apart(&a, &b) && !esp_buf_apart(&b, &a), "one inside");
	b = buf(20, 11);
	ok(!esp_buf_apart(&a, &b), "the same");
}

int
main(void)
{
	test_sane();
	test_grow();
	test_shrink();
	test_apart();
	return tap_done();
}
