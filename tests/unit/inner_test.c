/* SPDX-License-Identifier: ISC */
/* What counts as a whole inner packet, octet by octet. */
#include <stdlib.h>
#include <string.h>

#include "libesp/internal.h"
#include "tests/lib/tap.h"

/* Judge a copy that ends where its memory ends. */
static enum esp_status
judge(const uint8_t *p, size_t len, uint8_t next, size_t *innerlen)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	enum esp_status status;

	if (copy == NULL)
		abort();
	if (len > 0)
		memcpy(copy, p, len);
	*innerlen = 0;
	status = esp_inner_check(copy, len, next, innerlen);
	free(copy);
	return status;
}

static void
test_ipv4(void)
{
	uint8_t p[100] = { 0x45, 0, 0, 60 };
	size_t n, bad;

	ok(judge(p, 60, 4, &n) == ESP_OK && n == 60, "v4 whole");
	ok(judge(p, 100, 4, &n) == ESP_OK && n == 60, "v4 with what follows");
	is(judge(p, 59, 4, &n), ESP_INNER_LEN, "v4 one octet short");
	for (bad = 0, n = 0; n < 20; n++) {
		size_t unused;

		bad += judge(p, n, 4, &unused) != ESP_INNER_SHORT;
	}
	is(bad, 0, "v4 0..19 octets");
	is(judge(p, 60, 41, &n), ESP_BAD_VERSION, "v4 announced as v6");
	p[0] = 0x55;
	is(judge(p, 60, 4, &n), ESP_BAD_VERSION, "version 5");
	p[0] = 0x44;
	is(judge(p, 60, 4, &n), ESP_INNER_LEN, "header of 16 octets");
	p[0] = 0x4f;
	ok(judge(p, 60, 4, &n) == ESP_OK && n == 60, "header of 60 octets");
	p[3] = 59;
	is(judge(p, 60, 4, &n), ESP_INNER_LEN, "total below the header");
	p[0] = 0x45;
	p[3] = 19;
	is(judge(p, 60, 4, &n), ESP_INNER_LEN, "total of 19");
	p[3] = 0;
	is(judge(p, 60, 4, &n), ESP_INNER_LEN, "total of 0");
	p[3] = 20;
	ok(judge(p, 20, 4, &n) == ESP_OK && n == 20, "v4 header alone");
	p[2] = 0xff;
	p[3] = 0xff;
	is(judge(p, 100, 4, &n), ESP_INNER_LEN, "total of 65535");
}

static void
test_ipv6(void)
{
	uint8_t p[100] = { 0x60, 0, 0, 0, 0, 20 };
	size_t n, bad;

	ok(judge(p, 60, 41, &n) == ESP_OK && n == 60, "v6 whole");
	ok(judge(p, 100, 41, &n) == ESP_OK && n == 60, "v6 with what follows");
	is(judge(p, 59, 41, &n), ESP_INNER_LEN, "v6 one octet short");
	for (bad = 0, n = 0; n < 40; n++) {
		size_t unused;

		bad += judge(p, n, 41, &unused) != ESP_INNER_SHORT;
	}
	is(bad, 0, "v6 0..39 octets");
	is(judge(p, 60, 4, &n), ESP_BAD_VERSION, "v6 announced as v4");
	p[5] = 0;
	ok(judge(p, 60, 41, &n) == ESP_OK && n == 40, "v6 header alone");
	p[4] = p[5] = 0xff;
	is(judge(p, 100, 41, &n), ESP_INNER_LEN, "payload of 65535");
}

static void
test_next(void)
{
	uint8_t p[1] = { 0x45 };
	size_t n;
	int next, bad = 0;

	is(esp_inner_next(p, 1), 4, "version 4 is announced by 4");
	is(esp_inner_next(p, 0), 0, "nothing is announced by nothing");
	p[0] = 0x6f;
	is(esp_inner_next(p, 1), 41, "version 6 is announced by 41");
	p[0] = 0x54;
	is(esp_inner_next(p, 1), 0, "version 5 is not");
	for (next = 0; next < 256; next++)
		if (next != 4 && next != 41)
			bad += judge(p, 1, (uint8_t)next, &n) != ESP_BAD_PROTO;
	is(bad, 0, "all other next headers");
}

int
main(void)
{
	test_ipv4();
	test_ipv6();
	test_next();
	return tap_done();
}
