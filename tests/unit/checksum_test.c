/* SPDX-License-Identifier: ISC */
/* The Internet checksum against RFC 1071's example and its plainest form. */
#include "tests/lib/tap.h"
#include "tests/unit/offload_help.h"

/* 16 bits, not complemented, of p[0 .. len) where it stands in its memory. */
static uint16_t
sum16(const uint8_t *p, size_t len, uint64_t sum)
{
	return (uint16_t)~esp_sum_fold(esp_sum(p, len, sum));
}

static void
test_known(void)
{
	/* RFC 1071 3 */
	static const uint8_t rfc[] = { 0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7 };
	/* an IPv4 header with its checksum */
	static const uint8_t ip[] = {
		0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7
	};
	uint8_t copy[sizeof(ip)];

	is(sum16(rfc, sizeof(rfc), 0), 0xddf2, "RFC 1071's example");
	is(esp_sum_fold(esp_sum(rfc, sizeof(rfc), 0)), 0x220d,
	    "... and what stands in a header");
	is(esp_sum_fold(esp_sum(ip, sizeof(ip), 0)), 0, "a whole header");
	memcpy(copy, ip, sizeof(ip));
	copy[10] = copy[11] = 0;
	is(esp_sum_fold(esp_sum(copy, sizeof(copy), 0)), 0xb861,
	    "a header to be summed");
	is(esp_sum(NULL, 0, 77), 77, "nothing adds nothing");
	is(sum16((const uint8_t *)"\1", 1, 0), 0x100, "an odd octet is high");
	is(esp_sum_fold(0), 0xffff, "the complement of 0");
	is(esp_sum_fold(0xffff), 0, "... of the other 0");
	is(esp_sum_fold(0x10000), 0xfffe, "... of one carry");
	is(esp_sum_fold(UINT64_MAX), 0, "... of all there can be");
	is(esp_sum_fold(0xffffffff00000001), 0xfffe, "... of carries twice");
}

/* Each length at each alignment, in memory of that size. */
static void
test_lengths(void)
{
	static uint8_t data[2000];
	uint32_t r = 1;
	size_t i, len, bad = 0;
	uint8_t *p;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)o_random(&r, 256);
	for (len = 1; len < 300; len++)
		for (i = 0; i < 17; i++) {
			if ((p = malloc(i + len)) == NULL)
				abort();
			memcpy(p + i, data + i, len);
			bad += sum16(p + i, len, 0) !=
			    o_sum(data + i, len, 0);
			free(p);
		}
	is(bad, 0, "lengths 1 to 299, each alignment");
	for (bad = 0, len = 300; len <= sizeof(data); len++)
		bad += sum16(data, len, 0) != o_sum(data, len, 0);
	is(bad, 0, "lengths 300 to 2000");
}

/* Where carries are lost, if they are. */
static void
test_carries(void)
{
	static const uint8_t fills[] = { 0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff };
	static uint8_t p[65536];
	size_t i, at, bad = 0;

	for (i = 0; i < sizeof(fills); i++) {
		memset(p, fills[i], sizeof(p));
		bad += sum16(p, sizeof(p), 0) != o_sum(p, sizeof(p), 0);
		bad += sum16(p, sizeof(p) - 1, 0) !=
		    o_sum(p, sizeof(p) - 1, 0);
	}
	is(bad, 0, "64 KB of one octet");
	memset(p, 0xff, sizeof(p));
	for (bad = 0, at = 0; at < 130; at++) {
		p[at] = 0;
		bad += sum16(p, 1400, 0) != o_sum(p, 1400, 0);
		p[at] = 1;
		bad += sum16(p, 1400, 0) != o_sum(p, 1400, 0);
		p[at] = 0xff;
	}
	is(bad, 0, "one octet among 0xff");
	memset(p, 0, sizeof(p));
	is(sum16(p, sizeof(p), 0), 0, "zeros alone are 0");
	p[65535] = 1;
	is(sum16(p, sizeof(p), 0xffff), 1, "0xffff is the other 0");
}

static void
test_pieces(void)
{
	static uint8_t p[3000];
	uint32_t r = 2;
	size_t i, a, b, n, bad = 0;
	uint64_t sum;

	for (i = 0; i < sizeof(p); i++)
		p[i] = (uint8_t)o_random(&r, 256);
	for (i = 0; i < 2000; i++) {
		a = 2 * o_random(&r, 500);
		b = 2 * o_random(&r, 500);
		n = a + b + o_random(&r, 1000);
		sum = esp_sum(p, a, 0);
		sum = esp_sum(p + a, b, sum);
		sum = esp_sum(p + a + b, n - a - b, sum);
		bad += (uint16_t)~esp_sum_fold(sum) != o_sum(p, n, 0);
	}
	is(bad, 0, "pieces of even length, the last of any");
	is(esp_sum_fold(esp_sum(p, 100, UINT32_MAX)),
	    esp_sum_fold(esp_sum(p, 100, 0)), "a sum that is large already");
}

int
main(void)
{
	test_known();
	test_lengths();
	test_carries();
	test_pieces();
	return tap_done();
}
