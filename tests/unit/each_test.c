/* SPDX-License-Identifier: ISC */
/*
 * Every suite, with and without ESN, each way, against the tests' own sealer
 * on libcrypto's one-shot calls: the octets, every cut, every bit flipped, and
 * every status there is but ESP_CRYPTO (cbc_test.c, open_test.c, seal_test.c)
 * and ESP_BAD_OFFLOAD, which is not theirs.
 */
#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"
#include "tests/unit/mb_help.h"

#define ROOM	70000U

static uint8_t a[ROOM], b[ROOM], plain[ROOM], pkt[ROOM];
static const struct h_alg *alg;
static int esn;
static char name[64];

static int
all_are(const uint8_t *p, size_t n, uint8_t value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != value)
			return 0;
	return 1;
}

/* plain[0 .. len) with this trailer, in pkt, as number seq of an odd IV. */
static size_t
packet_padded(uint64_t seq, size_t len, size_t pad, uint8_t next)
{
	size_t n = h_trailer(plain, len, pad, next), i;
	uint8_t iv[16];

	for (i = 0; i < sizeof(iv); i++)
		iv[i] = (uint8_t)h_random();
	return h_seal_of(alg, pkt, H_SPI, esn, seq, iv, plain, n);
}

static size_t
packet(uint64_t seq, size_t len, uint8_t next)
{
	return packet_padded(seq, len, h_padlen_of(alg, len), next);
}

static enum esp_status
open_apart(struct esp_sa *sa, uint8_t *p, size_t n, struct esp_buf *out)
{
	struct esp_buf in = h_buf(p, n, 0, n);

	*out = h_buf(b, ROOM, 0, 77);
	return esp_open(sa, &in, out);
}

/* --- the octets --- */

/* Is p what the tests' own sealer makes of plain with the IV in p? */
static int
is_sealed(const uint8_t *p, size_t n, uint64_t seq, size_t len, uint8_t next)
{
	size_t all = h_trailer(plain, len, h_padlen_of(alg, len), next);

	return n == h_seal_of(alg, pkt, H_SPI, esn, seq, p + 8, plain, all) &&
	    memcmp(p, pkt, n) == 0;
}

static int
seals(uint64_t seq, int version, size_t off, size_t len)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_OUT, esn, 0, seq - 1);
	size_t n = esp_sealed_len(sa->suite, len), head = 8 + alg->ivlen;
	struct esp_buf in = h_buf(a, ROOM, off, len);
	struct esp_buf out = h_buf(b, off + n, off, 0);
	uint8_t next = version == 4 ? 4 : 41;
	int good;

	h_inner(plain, version, len);
	memset(in.data, 0xdd, len + 32);
	memcpy(in.data, plain, len);
	memset(b, 0xee, off + n + 1);
	good = esp_seal(sa, &in, &out) == ESP_OK && out.data == b + off &&
	    is_sealed(out.data, out.len, seq, len, next) && out.len == n &&
	    memcmp(in.data, plain, len) == 0 && in.data[len] == 0xdd &&
	    memcmp(in.data + len, in.data + len + 1, 31) == 0 &&
	    b[off + n] == 0xee && (off == 0 || b[off - 1] == 0xee);
	h_sa_free(sa);

	sa = h_sa_of(alg, ESP_OUT, esn, 0, seq - 1);
	in = h_buf(a + off, n, head, len);
	memset(a, 0xee, off + n + 1);
	memcpy(in.data, plain, len);
	good &= esp_seal(sa, &in, &in) == ESP_OK && in.data == a + off &&
	    is_sealed(in.data, in.len, seq, len, next) && in.len == n &&
	    a[off + n] == 0xee && (off == 0 || a[off - 1] == 0xee);
	h_sa_free(sa);
	return good;
}

static int
opens(uint64_t seq, int version, size_t off, size_t len)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_IN, esn, 64, seq - 1);
	size_t n, body, head = 8 + alg->ivlen;
	struct esp_buf in, out;
	int good;

	h_inner(plain, version, len);
	n = packet(seq, len, version == 4 ? 4 : 41);
	body = n - head - alg->icvlen;
	in = h_buf(a + off, n, 0, n);
	out = h_buf(b, off + body, off, 0);
	memcpy(in.data, pkt, n);
	memset(b, 0xee, off + body + 1);
	good = esp_open(sa, &in, &out) == ESP_OK && out.data == b + off &&
	    out.len == len && memcmp(out.data, plain, len) == 0 &&
	    memcmp(in.data, pkt, n) == 0 && b[off + body] == 0xee &&
	    (off == 0 || b[off - 1] == 0xee) && esp_sa_seq(sa) == seq;
	h_sa_free(sa);

	sa = h_sa_of(alg, ESP_IN, esn, 64, seq - 1);
	a[off + n] = 0xee;
	good &= esp_open(sa, &in, &in) == ESP_OK &&
	    in.data == a + off + head && in.len == len &&
	    memcmp(in.data, plain, len) == 0 && a[off + n] == 0xee &&
	    esp_sa_seq(sa) == seq;
	h_sa_free(sa);
	return good;
}

/* The longest inner packet that makes no more than 65,535 octets. */
static size_t
largest(void)
{
	size_t body = 65535 - 8 - alg->ivlen - alg->icvlen;

	return body - body % alg->align - 2;
}

static void
test_octets(void)
{
	static const uint64_t numbers[] = {
		1, 0x01020304, UINT32_MAX, 0x100000000ULL, 0x700000001ULL,
		0x0102030405060708ULL, UINT64_MAX
	};
	unsigned int bad[2] = { 0, 0 };
	size_t i, len;

	for (len = 20; len < 130; len++) {
		bad[0] += !seals(7, 4, len % 9, len);
		bad[1] += !opens(7, 4, len % 9, len);
	}
	for (len = 40; len < 130; len++) {
		bad[0] += !seals(8, 6, len % 9, len);
		bad[1] += !opens(8, 6, len % 9, len);
	}
	for (len = 1400; len < 1440; len++) {
		bad[0] += !seals(8, 6, len % 9, len);
		bad[1] += !opens(8, 6, len % 9, len);
	}
	is(bad[0], 0, "%s: seals, all alignments", name);
	is(bad[1], 0, "%s: opens, all alignments", name);
	ok(seals(9, 4, 3, largest()) && opens(9, 4, 3, largest()),
	    "the largest");
	for (bad[0] = 0, i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (esn || numbers[i] <= UINT32_MAX)
			bad[0] += !seals(numbers[i], 4, 0, 61) ||
			    !opens(numbers[i], 6, 1, 61);
	is(bad[0], 0, "numbers up to the last");
}

/* The high half is in the ICV: 4 octets that are not on the wire. */
static void
test_high_half(void)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_IN, esn, 64, 5);
	struct esp_buf out;
	size_t n;

	h_inner(plain, 4, 60);
	if (esn) {
		n = packet(6 + ((uint64_t)1 << 32), 60, 4);
		is(open_apart(sa, pkt, n, &out), ESP_BAD_ICV,
		    "%s: another high half", name);
	}
	esn = !esn;
	n = packet(6, 60, 4);
	esn = !esn;
	is(open_apart(sa, pkt, n, &out), ESP_BAD_ICV,
	    "%s: sealed the other way about ESN", name);
	n = packet(6, 60, 4);
	is(open_apart(sa, pkt, n, &out), ESP_OK, "the right one");
	h_sa_free(sa);
}

/* --- cut and altered --- */

static void
test_truncated(void)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_IN, esn, 64, 0);
	size_t around = 8 + alg->ivlen + alg->icvlen, n, len;
	unsigned int bad = 0;
	enum esp_status want;
	struct esp_buf in, out;
	uint8_t *copy;

	h_inner(plain, 4, 61);
	n = packet(1, 61, 4);
	for (len = 0; len < n; len++) {
		copy = malloc(len + 1);
		if (copy == NULL)
			err(1, NULL);
		memcpy(copy, pkt, len);
		in = h_buf(copy, len, 0, len);
		out = h_buf(b, ROOM, 0, 5);
		want = len < around + 2 ? ESP_SHORT :
		    (len - around) % alg->align != 0 ? ESP_BAD_LENGTH :
		    ESP_BAD_ICV;
		bad += esp_open(sa, &in, &out) != want || out.len != 0 ||
		    esp_sa_seq(sa) != 0;
		free(copy);
	}
	is(bad, 0, "%s: cut to 0..%zu octets", name, n - 1);
	is(open_apart(sa, pkt, n, &out), ESP_OK, "the whole one");
	h_sa_free(sa);
}

/*
 * From the number on (the SPI is refused before).  A number flipped to 0 is
 * too, and with ESN one far below is read as one far above: a bad ICV.
 */
static void
test_bit_flips(void)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_IN, esn, 64, 0);
	unsigned int bad = 0, unwiped = 0;
	size_t bit, n, body;
	struct esp_buf out, buf;

	h_inner(plain, 4, 60);
	n = packet(5, 60, 4);
	body = n - 8 - alg->ivlen - alg->icvlen;
	for (bit = 32; bit < n * 8; bit++) {
		memcpy(a, pkt, n);
		a[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memcpy(a + 1000, a, n);
		memset(b, 0xee, n);
		bad += open_apart(sa, a, n, &out) != ESP_BAD_ICV ||
		    out.len != 0 || memcmp(a, a + 1000, n) != 0 ||
		    esp_sa_seq(sa) != 0;
		unwiped += !all_are(b, body, 0) || b[body] != 0xee;
		buf = h_buf(a, n, 0, n);
		bad += esp_open(sa, &buf, &buf) != ESP_BAD_ICV ||
		    buf.len != 0 || esp_sa_seq(sa) != 0;
		unwiped += !all_are(a + 8 + alg->ivlen, body, 0);
	}
	is(bad, 0, "%s: each bit flipped is a bad ICV, nothing changes", name);
	is(unwiped, 0, "no plaintext remains");
	ok(open_apart(sa, pkt, n, &out) == ESP_OK && out.len == 60,
	    "the original");
	h_sa_free(sa);
}

/* One bit of one key is enough. */
static void
test_keys(void)
{
	struct esp_params p = h_params_of(alg, ESP_IN, esn, 64, 0);
	uint8_t key[36], authkey[64];
	unsigned int bad = 0;
	struct esp_buf out;
	struct esp_sa *sa;
	size_t i, n;

	h_inner(plain, 4, 60);
	n = packet(5, 60, 4);
	p.key = key;
	p.authkey = alg->md == NULL ? NULL : authkey;
	for (i = 0; i < p.keylen + p.authkeylen; i++) {
		memcpy(key, h_key, sizeof(key));
		memcpy(authkey, h_authkey, sizeof(authkey));
		if (i < p.keylen)
			key[i] ^= 1;
		else
			authkey[i - p.keylen] ^= 0x80;
		sa = h_sa_make(&p);
		bad += open_apart(sa, pkt, n, &out) == ESP_OK;
		h_sa_free(sa);
	}
	is(bad, 0, "%s: every octet of the keys counts", name);
}

/* --- every status --- */

static unsigned int seen[ESP_STATUS_MAX];

static enum esp_status
note(enum esp_status status)
{
	seen[status]++;
	return status;
}

static void
provoke_sealing(void)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_OUT, esn, 0, 0);
	size_t n = esp_sealed_len(sa->suite, 60);
	struct esp_buf in = h_buf(a, ROOM, 100, 60), out = h_buf(b, n, 0, 0);

	h_inner(in.data, 4, 60);
	out.cap--;
	is(note(esp_seal(sa, &in, &out)), ESP_NO_ROOM, "%s: no room", name);
	out.cap++;
	in.len = 59;
	is(note(esp_seal(sa, &in, &out)), ESP_BAD_INNER, "bad inner");
	in.len = largest() + 1;
	is(note(esp_seal(sa, &in, &out)), ESP_TOO_BIG, "too big");
	in.len = 60;
	is(esp_sa_seq(sa), 0, "no number was used");
	esp_sa_set_limit(sa, 0);
	is(note(esp_seal(sa, &in, &out)), ESP_SEQ_HELD, "held");
	esp_sa_set_limit(sa, ESP_NOLIMIT);
	is(note(esp_seal(sa, &in, &out)), ESP_OK, "sealed");
	esp_sa_advance(sa, UINT64_MAX);
	is(note(esp_seal(sa, &in, &out)), ESP_SEQ_END, "end of numbers");
	h_sa_free(sa);
}

static void
provoke_before_icv(void)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_IN, esn, 64, 1000);
	struct esp_buf out;
	size_t n;

	h_inner(plain, 4, 60);
	n = packet(1001, 60, 4);
	is(note(open_apart(sa, pkt, 20, &out)), ESP_SHORT, "%s: short", name);
	is(note(open_apart(sa, pkt, n + 1, &out)), ESP_BAD_LENGTH, "length");
	pkt[3] ^= 1;
	is(note(open_apart(sa, pkt, n, &out)), ESP_BAD_SPI, "SPI");
	n = packet(940, 60, 4);
	is(note(open_apart(sa, pkt, n, &out)), ESP_REPLAY, "replay");
	h_sa_free(sa);
	/* without ESN; with it, low 32 bits of 0 and 936 mean 2^32 and more */
	sa = h_sa_of(alg, ESP_IN, 0, 64, 1000);
	memset(pkt + 4, 0, 4);
	is(note(open_apart(sa, pkt, n, &out)), ESP_SEQ_ZERO, "number 0");
	pkt[6] = 936 >> 8;
	pkt[7] = 936 & 0xff;
	is(note(open_apart(sa, pkt, n, &out)), ESP_TOO_OLD, "too old");
	h_sa_free(sa);
}

/* Refused, wiped, and seq is then the highest that counts as seen. */
static void
provoke(uint64_t seq, size_t n, enum esp_status want)
{
	struct esp_sa *sa = h_sa_of(alg, ESP_IN, esn, 64, 0);
	size_t body = n - 8 - alg->ivlen - alg->icvlen;
	struct esp_buf out;

	memset(b, 0xee, body + 1);
	ok(note(open_apart(sa, pkt, n, &out)) == want && out.len == 0 &&
	    all_are(b, body, 0) && b[body] == 0xee && esp_sa_seq(sa) == seq,
	    "%s: %s", name, esp_status_name(want));
	h_sa_free(sa);
}

static size_t
text_packet(const uint8_t *text, size_t len)
{
	uint8_t iv[16] = { 9 };

	return h_seal_of(alg, pkt, H_SPI, esn, 1, iv, text, len);
}

static void
provoke_after_icv(void)
{
	size_t pad = h_padlen_of(alg, 60) + alg->align, len;
	size_t n;

	h_inner(plain, 4, 60);
	n = packet(1, 60, 4);
	pkt[n - 1] ^= 1;
	provoke(0, n, ESP_BAD_ICV);

	len = h_trailer(plain, 60, pad, 4);
	plain[len - 2] = 255;
	provoke(1, text_packet(plain, len), ESP_BAD_PADLEN);
	h_inner(plain, 4, 60);
	len = h_trailer(plain, 60, pad, 4);
	plain[len - 3] ^= 1;
	provoke(1, text_packet(plain, len), ESP_BAD_PAD);
	h_inner(plain, 4, 60);
	provoke(1, packet(1, 60, 59), ESP_DUMMY);
	h_inner(plain, 4, 60);
	provoke(1, packet(1, 60, 50), ESP_BAD_PROTO);
	h_inner(plain, 4, 60);
	provoke(1, packet(1, 60, 41), ESP_BAD_VERSION);
	h_inner(plain, 6, 60);
	provoke(1, packet(1, 39, 41), ESP_INNER_SHORT);
	h_inner(plain, 4, 60);
	provoke(1, packet(1, 59, 4), ESP_INNER_LEN);
}

static void
test_statuses(void)
{
	unsigned int missing = 0, i;

	memset(seen, 0, sizeof(seen));
	provoke_sealing();
	provoke_before_icv();
	provoke_after_icv();
	for (i = 0; i < ESP_STATUS_MAX; i++)
		missing += seen[i] == 0 && i != ESP_CRYPTO &&
		    i != ESP_BAD_OFFLOAD;
	is(missing, 0, "%s: every status was seen", name);
}

static void
test_suite(void)
{
	snprintf(name, sizeof(name), "%s%s%s%s", alg->enc,
	    alg->auth == NULL ? "" : " ", alg->auth == NULL ? "" : alg->auth,
	    esn ? ", ESN" : "");
	test_octets();
	test_high_half();
	test_truncated();
	test_bit_flips();
	test_keys();
	test_statuses();
}

int
main(void)
{
	size_t i;

	do {
		for (i = 0; i < 2 * H_NALGS; i++) {
			alg = &h_algs[i / 2];
			esn = i % 2;
			if (h_backend == NULL || esp_backend_does(h_backend,
			    esp_suite_find(alg->enc, alg->auth)))
				test_suite();
		}
	} while (h_once_more());
	return tap_done();
}
