/* SPDX-License-Identifier: ISC */
/*
 * Sealing: the octets against a sealer of the tests' own on bare libcrypto,
 * every refusal, and the number, which is taken once and never wraps.
 */
#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"
#include "tests/unit/fake_suite.h"
#include "tests/unit/mb_help.h"

#define HEAD	16U
#define ROOM	70000U

static uint8_t a[ROOM], b[ROOM], plain[ROOM], want[ROOM];

/* What esp_seal() must make of plain[0 .. len) as number seq. */
static size_t
expected(int esn, uint64_t seq, size_t len, uint8_t next)
{
	size_t n = h_trailer(plain, len, h_padlen(len), next);

	return h_raw_seal(want, esn, seq, plain, n);
}

/* The next packet's octets are what they were. */
static int
follows(const uint8_t *p)
{
	size_t i;

	for (i = 0; i < 32; i++)
		if (p[i] != 0xdd)
			return 0;
	return 1;
}

static int
seals_apart(struct esp_sa *sa, size_t off, size_t len, size_t n)
{
	struct esp_buf in = h_buf(a, ROOM, off, len);
	struct esp_buf out = h_buf(b, off + n, off, 12345 % (n + 1));

	memset(a + off, 0xdd, len + 32);
	memcpy(a + off, plain, len);
	memset(b, 0xee, ROOM);
	return esp_seal(sa, &in, &out) == ESP_OK && out.data == b + off &&
	    out.len == n && memcmp(out.data, want, n) == 0 &&
	    memcmp(a + off, plain, len) == 0 && in.len == len &&
	    follows(a + off + len) &&
	    b[off + n] == 0xee && (off == 0 || b[off - 1] == 0xee);
}

/* With exactly the room it needs, on either side. */
static int
seals_in_place(struct esp_sa *sa, size_t off, size_t len, size_t n)
{
	struct esp_buf buf = h_buf(a + off, n, HEAD, len);

	memset(a, 0xee, ROOM);
	memcpy(buf.data, plain, len);
	return esp_seal(sa, &buf, &buf) == ESP_OK && buf.data == a + off &&
	    buf.len == n && memcmp(buf.data, want, n) == 0 &&
	    a[off + n] == 0xee && (off == 0 || a[off - 1] == 0xee);
}

static int
seals(int esn, uint64_t seq, int version, size_t off, size_t len)
{
	struct esp_sa *sa = h_sa(ESP_OUT, esn, 0, seq - 1);
	size_t n;
	int good;

	h_inner(plain, version, len);
	n = expected(esn, seq, len, version == 4 ? 4 : 41);
	good = n == esp_sealed_len(sa->suite, len) &&
	    seals_apart(sa, off, len, n) && esp_sa_seq(sa) == seq;
	h_sa_free(sa);
	sa = h_sa(ESP_OUT, esn, 0, seq - 1);
	good &= seals_in_place(sa, off, len, n) && esp_sa_seq(sa) == seq;
	h_sa_free(sa);
	return good;
}

static void
test_octets(void)
{
	static const uint64_t numbers[] = {
		1, 0x01020304, UINT32_MAX, 0x100000000ULL, 0x100000001ULL,
		0x0102030405060708ULL, UINT64_MAX
	};
	unsigned int bad = 0;
	size_t i, len;

	for (len = 20; len < 300; len++)
		bad += !seals(0, 7, 4, len % 9, len);
	is(bad, 0, "IPv4 of 20..299 octets, all alignments");
	for (bad = 0, len = 40; len < 300; len++)
		bad += !seals(0, 7, 6, len % 9, len);
	is(bad, 0, "IPv6 of 40..299 octets, all alignments");
	ok(seals(0, 9, 4, 3, 1420), "1420 octets");
	ok(seals(1, 9, 6, 3, 8901), "8901 octets");
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i] <= UINT32_MAX)
			ok(seals(0, numbers[i], 4, 0, 61), "number %#llx",
			    (unsigned long long)numbers[i]);
		ok(seals(1, numbers[i], 6, 1, 61), "number %#llx, ESN",
		    (unsigned long long)numbers[i]);
	}
	ok(seals(0, 7, 4, 5, 65498), "the largest");
}

/* What goes beyond the inner packet's own length is sealed with it. */
static void
test_tfc(void)
{
	struct esp_sa *sa = h_sa(ESP_OUT, 0, 0, 0);
	size_t n;

	memset(plain, 0x5a, 200);
	h_inner(plain, 4, 60);
	n = expected(0, 1, 200, 4);
	ok(seals_apart(sa, 0, 200, n), "TFC padding goes along");
	h_sa_free(sa);
}

/* --- refusals: nothing changes --- */

static int
refused(struct esp_sa *sa, struct esp_buf *in, struct esp_buf *out,
    enum esp_status status)
{
	struct esp_buf i = *in, o = *out;
	uint64_t seq = esp_sa_seq(sa);

	return esp_seal(sa, in, out) == status && esp_sa_seq(sa) == seq &&
	    memcmp(&i, in, sizeof(i)) == 0 && memcmp(&o, out, sizeof(o)) == 0;
}

static void
test_no_room(void)
{
	struct esp_sa *sa = h_sa(ESP_OUT, 0, 0, 0);
	size_t n = esp_sealed_len(sa->suite, 60), i;
	struct esp_buf in, out;
	unsigned int bad = 0;

	memset(a, 0, ROOM);
	h_inner(a + 100, 4, 60);
	for (i = 0; i < HEAD; i++) {
		in = h_buf(a + 100 - i, 1000, i, 60);
		bad += !refused(sa, &in, &in, ESP_NO_ROOM);
	}
	is(bad, 0, "in place: headroom of 0..15");
	for (bad = 0, i = 60; i < n - HEAD; i++) {
		in = h_buf(a, 100 + i, 100, 60);
		bad += !refused(sa, &in, &in, ESP_NO_ROOM);
	}
	is(bad, 0, "in place: tailroom of 0..%zu", n - HEAD - 61);
	for (bad = 0, i = 0; i < n; i++) {
		in = h_buf(a, ROOM, 100, 60);
		out = h_buf(b, 10 + i, 10, 0);
		bad += !refused(sa, &in, &out, ESP_NO_ROOM);
	}
	is(bad, 0, "apart: room of 0..%zu", n - 1);
	for (bad = 0, i = 0; i < n - HEAD - 16 - 60; i++) {
		in = h_buf(a, 160 + i, 100, 60);
		out = h_buf(b, ROOM, 0, 0);
		bad += !refused(sa, &in, &out, ESP_NO_ROOM);
	}
	is(bad, 0, "apart: input's tailroom of 0..%zu", i - 1);
	in = h_buf(a, ROOM, 100, 60);
	out = h_buf(a, ROOM, 100, 0);
	ok(refused(sa, &in, &out, ESP_NO_ROOM), "two buffers that overlap");
	out = h_buf(a, ROOM, 100 - n + 1, 0);
	ok(refused(sa, &in, &out, ESP_NO_ROOM), "by one octet");
	in = h_buf(a, 100, 100, 60);
	out = h_buf(b, ROOM, 0, 0);
	ok(refused(sa, &in, &out, ESP_NO_ROOM), "input beyond its buffer");
	in = h_buf(a, ROOM, 100, 60);
	out = h_buf(b + 10, 500, 0, 0);
	out.data = b;
	ok(refused(sa, &in, &out, ESP_NO_ROOM), "output before its buffer");
	ok(a[100] == 0x45 && a[99] == 0 && a[160] == 0, "nothing was written");
	out = h_buf(a, ROOM, 100 - n, 0);
	ok(esp_seal(sa, &in, &out) == ESP_OK && out.len == n,
	    "two buffers that touch");
	h_sa_free(sa);
}

static void
test_bad_inner(void)
{
	struct esp_sa *sa = h_sa(ESP_OUT, 0, 0, 0);
	struct esp_buf in = h_buf(a, ROOM, 100, 60), out = h_buf(b, ROOM, 0, 0);
	unsigned int bad = 0;
	size_t len;
	int v;

	for (v = 4; v <= 6; v += 2) {
		h_inner(in.data, v, 60);
		for (len = 0; len < 60; len++) {
			in.len = len;
			bad += !refused(sa, &in, &out, ESP_BAD_INNER);
		}
	}
	is(bad, 0, "inner packets cut anywhere");
	in.len = 60;
	for (bad = 0, v = 0; v < 16; v++) {
		in.data[0] = (uint8_t)(v << 4 | 5);
		bad += v != 4 && v != 6 &&
		    !refused(sa, &in, &out, ESP_BAD_INNER);
	}
	is(bad, 0, "versions other than 4 and 6");
	h_inner(in.data, 4, 60);
	in.data[0] = 0x44;
	ok(refused(sa, &in, &out, ESP_BAD_INNER), "IPv4 header of 16 octets");
	is(esp_sa_seq(sa), 0, "no number was used");
	h_sa_free(sa);
}

static void
test_too_big(void)
{
	struct esp_sa *sa = h_sa(ESP_OUT, 0, 0, 0);
	struct esp_buf in = h_buf(a, ROOM, 100, 65499);
	struct esp_buf out = h_buf(b, ROOM, 0, 0);

	is(esp_sealed_len(sa->suite, 65498), 65532, "65498 make 65532 octets");
	is(esp_sealed_len(sa->suite, 65499), 65536, "65499 make 65536");
	ok(esp_sealed_len(sa->suite, 65536) == SIZE_MAX, "65536 make none");
	ok(esp_sealed_len(sa->suite, SIZE_MAX) == SIZE_MAX, "nor all there is");
	h_inner(in.data, 4, 65499);
	ok(refused(sa, &in, &out, ESP_TOO_BIG), "65499 octets");
	in.len = 69000;
	ok(refused(sa, &in, &out, ESP_TOO_BIG), "69000 octets");
	is(esp_seal_dummy(sa, 65499, &out), ESP_TOO_BIG, "dummy of 65499");
	is(esp_seal_dummy(sa, SIZE_MAX - 20, &out), ESP_TOO_BIG,
	    "dummy of 2^64 - 21");
	is(esp_sa_seq(sa), 0, "no number was used");
	h_sa_free(sa);
}

/* --- numbers --- */

static void
test_limit(void)
{
	struct esp_params p = h_params(ESP_OUT, 1, 0, 10);
	struct esp_buf in = h_buf(a, ROOM, 100, 60), out = h_buf(b, ROOM, 0, 0);
	struct esp_sa *sa;

	p.limit = 12;
	sa = h_sa_make(&p);
	h_inner(in.data, 4, 60);
	is(esp_seal(sa, &in, &out), ESP_OK, "number 11");
	is(esp_seal(sa, &in, &out), ESP_OK, "number 12, the limit");
	ok(refused(sa, &in, &out, ESP_SEQ_HELD), "13 is held");
	ok(esp_seal_dummy(sa, 4, &out) == ESP_SEQ_HELD, "for a dummy as well");
	esp_sa_set_limit(sa, 13);
	ok(esp_seal(sa, &in, &out) == ESP_OK && esp_load32(out.data + 4) == 13,
	    "until the limit is 13");
	esp_sa_set_limit(sa, 5);
	ok(refused(sa, &in, &out, ESP_SEQ_HELD), "a lower limit holds");
	esp_sa_set_limit(sa, 100);
	esp_sa_advance(sa, 50);
	ok(esp_seal(sa, &in, &out) == ESP_OK && esp_load32(out.data + 4) == 51,
	    "moved forward, 51 is next");
	h_sa_free(sa);

	sa = h_sa(ESP_IN, 0, 64, 0);
	esp_sa_set_limit(sa, ESP_NOLIMIT);
	ok(refused(sa, &in, &out, ESP_SEQ_HELD), "an inbound SA seals nothing");
	h_sa_free(sa);
}

/* Exactly the numbers above seq leave, then none, whatever the limit. */
static void
last_numbers(int esn, uint64_t seq, unsigned int left)
{
	struct esp_buf in = h_buf(a, ROOM, 100, 60), out = h_buf(b, ROOM, 0, 0);
	struct esp_sa *sa = h_sa(ESP_OUT, esn, 0, seq);
	uint64_t max = esp_sa_seq_max(sa), iv;
	unsigned int i, n = 0, bad = 0;

	h_inner(in.data, 4, 60);
	for (i = 0; i < left + 50; i++) {
		if (esp_seal(sa, &in, &out) != ESP_OK)
			continue;
		n++;
		iv = (uint64_t)esp_load32(out.data + 8) << 32 |
		    esp_load32(out.data + 12);
		bad += iv != seq + n || esp_load32(out.data + 4) !=
		    (uint32_t)(seq + n);
	}
	is(n, left, "%s: %u numbers left", esn ? "2^64" : "2^32", left);
	is(bad, 0, "in order, and the IV is the number");
	ok(refused(sa, &in, &out, ESP_SEQ_END), "then the end");
	esp_sa_set_limit(sa, ESP_NOLIMIT);
	esp_sa_advance(sa, 5);
	ok(refused(sa, &in, &out, ESP_SEQ_END), "for good");
	is(esp_seal_dummy(sa, 4, &out), ESP_SEQ_END, "for a dummy as well");
	ok(esp_sa_seq(sa) == max, "at the last number");
	h_sa_free(sa);
}

static void
test_over_32_bits(void)
{
	struct esp_sa *sa = h_sa(ESP_OUT, 1, 0, UINT32_MAX - 2);
	struct esp_buf in = h_buf(a, ROOM, 100, 60), out = h_buf(b, ROOM, 0, 0);
	unsigned int i, bad = 0;
	uint64_t seq = UINT32_MAX - 2;
	size_t n;

	h_inner(plain, 6, 60);
	h_inner(in.data, 6, 60);
	for (i = 0; i < 6; i++) {
		n = expected(1, ++seq, 60, 41);
		bad += esp_seal(sa, &in, &out) != ESP_OK || out.len != n ||
		    memcmp(out.data, want, n) != 0;
	}
	is(bad, 0, "ESN goes over 2^32");
	h_sa_free(sa);
}

static void
test_crypto(void)
{
	struct esp_params p = h_params(ESP_OUT, 0, 0, 0);
	struct esp_buf in = h_buf(a, ROOM, 100, 60), out = h_buf(b, ROOM, 9, 4);
	struct esp_sa *sa;
	size_t len;
	unsigned int bad = 0;

	p.suite = &fake_suite;
	sa = h_sa_make(&p);
	h_inner(in.data, 4, 60);
	fake_fails = 1;
	is(esp_seal(sa, &in, &out), ESP_CRYPTO, "the cipher fails");
	ok(out.data == b + 9 && out.len == 4, "the buffer is as before");
	is(esp_sa_seq(sa), 1, "the number is burnt");
	is(esp_seal_dummy(sa, 9, &out), ESP_CRYPTO, "for a dummy as well");
	fake_fails = 0;
	ok(esp_seal(sa, &in, &out) == ESP_OK && esp_load32(out.data + 4) == 3,
	    "and not used again");
	for (len = 20; len < 120; len++) {
		h_inner(plain, 4, len);
		memcpy(in.data, plain, len);
		in.len = len;
		h_trailer(plain, len, (16 - (len + 2) % 16) % 16, 4);
		bad += esp_seal(sa, &in, &out) != ESP_OK ||
		    out.len != esp_sealed_len(&fake_suite, len) ||
		    (out.len - 8 - 16 - 12) % 16 != 0 ||
		    memcmp(out.data + 24, plain, out.len - 36) != 0;
	}
	is(bad, 0, "another suite: 16 octets of IV and alignment, 12 of ICV");
	h_sa_free(sa);
}

static void
test_dummy(void)
{
	struct esp_sa *sa = h_sa(ESP_OUT, 1, 0, 4);
	struct esp_buf out;
	unsigned int bad = 0;
	size_t len, n;

	for (len = 0; len < 70; len++) {
		memset(plain, 0, len);
		n = expected(1, 5 + len, len, 59);
		out = h_buf(b, n + 3, 3, 1);
		bad += esp_seal_dummy(sa, len, &out) != ESP_OK ||
		    out.data != b + 3 || out.len != n ||
		    memcmp(out.data, want, n) != 0;
	}
	is(bad, 0, "dummies of 0..69 octets");
	out = h_buf(b, n + 2, 3, 1);
	is(esp_seal_dummy(sa, 69, &out), ESP_NO_ROOM, "no room for one");
	out = h_buf(b, 2, 3, 1);
	is(esp_seal_dummy(sa, 0, &out), ESP_NO_ROOM, "no buffer for one");
	h_sa_free(sa);
}

static void
test_all(void)
{
	test_octets();
	test_tfc();
	test_no_room();
	test_bad_inner();
	test_too_big();
	test_limit();
	last_numbers(0, UINT32_MAX - 5, 5);
	last_numbers(0, UINT32_MAX, 0);
	last_numbers(1, UINT64_MAX - 5, 5);
	last_numbers(1, UINT64_MAX, 0);
	test_over_32_bits();
	test_crypto();
	test_dummy();
}

int
main(void)
{
	do
		test_all();
	while (h_once_more());
	return tap_done();
}
