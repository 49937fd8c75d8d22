/* SPDX-License-Identifier: ISC */
/*
 * The Internet checksum (RFC 1071), which is where the time of split.c and
 * merge.c goes: both call it for each octet of payload.  They and whoever
 * wants to check their work are its callers.
 */
#include <string.h>

#include "libesp/internal.h"
#include "libesp/offload.h"

/* Two words of 64 bits, which the compiler keeps in one register if it can. */
typedef uint64_t words __attribute__((vector_size(16)));

static inline words
load_words(const uint8_t *p)
{
	words w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/*
 * Less than two words, in the machine's byte order: piece by piece, for what
 * was stored octet by octet and loaded as one keeps the processor waiting.
 */
static inline uint64_t
sum_rest(const uint8_t *p, size_t len)
{
	uint64_t sum = 0, v8;
	uint32_t v4;
	uint16_t v2;
	uint8_t odd[2] = { 0, 0 };

	if (len & 8) {
		memcpy(&v8, p, 8);
		sum = (v8 & UINT32_MAX) + (v8 >> 32);
		p += 8;
	}
	if (len & 4) {
		memcpy(&v4, p, 4);
		sum += v4;
		p += 4;
	}
	if (len & 2) {
		memcpy(&v2, p, 2);
		sum += v2;
		p += 2;
	}
	if (len & 1) {
		odd[0] = *p;
		memcpy(&v2, odd, 2);
		sum += v2;
	}
	return sum;
}

/*
 * The ones' complement sum in the machine's byte order: words of any size and
 * in any order of octets add up to the same 16 bits, but for that order (RFC
 * 1071 2).  Each word goes as it is into one sum, which may overflow, and its
 * upper half into another, which cannot in less than 2^32 words: so the sum of
 * the lower halves is the difference, and no carry is lost.
 */
static inline uint64_t
sum_native(const uint8_t *p, size_t len)
{
	words all = { 0, 0 }, high = { 0, 0 }, all2 = { 0, 0 };
	words high2 = { 0, 0 }, a, b;

	for (; len >= 4 * sizeof(words); len -= 4 * sizeof(words)) {
		a = load_words(p);
		b = load_words(p + sizeof(words));
		all += a;
		high += a >> 32;
		all2 += b;
		high2 += b >> 32;
		a = load_words(p + 2 * sizeof(words));
		b = load_words(p + 3 * sizeof(words));
		all += a;
		high += a >> 32;
		all2 += b;
		high2 += b >> 32;
		p += 4 * sizeof(words);
	}
	all += all2;
	high += high2;
	for (; len >= sizeof(words); len -= sizeof(words)) {
		a = load_words(p);
		all += a;
		high += a >> 32;
		p += sizeof(words);
	}
	all = all - (high << 32) + high;
	return (all[0] & UINT32_MAX) + (all[0] >> 32) +
	    (all[1] & UINT32_MAX) + (all[1] >> 32) + sum_rest(p, len);
}

/* At most 2^33 - 2, then 2^17 - 2: no carry is left. */
static inline uint16_t
fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return (sum & 0xffff) + (sum >> 16);
}

uint64_t
esp_sum(const uint8_t *p, size_t len, uint64_t sum)
{
	uint16_t native = fold(sum_native(p, len));
	uint8_t octets[sizeof(native)];

	memcpy(octets, &native, sizeof(native));
	return sum + esp_load16(octets);
}

uint16_t
esp_sum_fold(uint64_t sum)
{
	return ~fold(sum);
}

uint64_t
esp_sum_pseudo(const uint8_t *ip, uint8_t proto, size_t len, uint64_t sum)
{
	sum += proto + len;
	if (ip[0] >> 4 == 4)
		return esp_sum(ip + 12, 8, sum);	/* RFC 9293 3.1 */
	return esp_sum(ip + 8, 32, sum);		/* RFC 8200 8.1 */
}
