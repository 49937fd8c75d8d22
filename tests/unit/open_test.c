/* SPDX-License-Identifier: ISC */
/*
 * Opening: packets made by the tests' own sealer on bare libcrypto, every
 * refusal, and that nothing moves in the SA before the ICV agrees.
 */
#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"
#include "tests/unit/fake_suite.h"
#include "tests/unit/mb_help.h"

#define ROOM	70000U
#define P32	((uint64_t)1 << 32)

static uint8_t a[ROOM], b[ROOM], plain[ROOM], pkt[ROOM];

/* plain[0 .. len) with a right trailer as an ESP packet in pkt. */
static size_t
packet(int esn, uint64_t seq, size_t len, uint8_t next)
{
	size_t n = h_trailer(plain, len, h_padlen(len), next);

	return h_raw_seal(pkt, esn, seq, plain, n);
}

static int
all_are(const uint8_t *p, size_t n, uint8_t value)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != value)
			return 0;
	return 1;
}

static enum esp_status
open_apart(struct esp_sa *sa, const uint8_t *p, size_t n, struct esp_buf *out)
{
	struct esp_buf in = { (uint8_t *)(uintptr_t)p, n,
	    (uint8_t *)(uintptr_t)p, n };

	*out = h_buf(b, ROOM, 0, 77);
	return esp_open(sa, &in, out);
}

/* The raw ESP packet of this plaintext, trailer and all, as number seq. */
static enum esp_status
open_plain(struct esp_sa *sa, uint64_t seq, const uint8_t *pt, size_t len,
    struct esp_buf *out)
{
	size_t n = h_raw_seal(pkt, 0, seq, pt, len);

	return open_apart(sa, pkt, n, out);
}

/* --- what is accepted --- */

static int
opens_apart(struct esp_sa *sa, size_t off, size_t n, size_t body, size_t len)
{
	struct esp_buf in = h_buf(a + off, n, 0, n);
	struct esp_buf out = h_buf(b, off + body, off, 99);

	out.len = 0;
	memcpy(in.data, pkt, n);
	memset(b, 0xee, ROOM);
	return esp_open(sa, &in, &out) == ESP_OK && out.data == b + off &&
	    out.len == len && memcmp(out.data, plain, len) == 0 &&
	    memcmp(in.data, pkt, n) == 0 && in.len == n &&
	    b[off + body] == 0xee && (off == 0 || b[off - 1] == 0xee);
}

static int
opens_in_place(struct esp_sa *sa, size_t off, size_t n, size_t len)
{
	struct esp_buf buf = h_buf(a + off, n, 0, n);

	memset(a, 0xee, ROOM);
	memcpy(buf.data, pkt, n);
	return esp_open(sa, &buf, &buf) == ESP_OK &&
	    buf.data == a + off + 16 && buf.len == len &&
	    memcmp(buf.data, plain, len) == 0 && a[off + n] == 0xee &&
	    (off == 0 || a[off - 1] == 0xee);
}

static int
opens(int esn, uint64_t seq, int version, size_t off, size_t len)
{
	struct esp_sa *sa = h_sa(ESP_IN, esn, 64, seq - 1);
	size_t n;
	int good;

	h_inner(plain, version, len);
	n = packet(esn, seq, len, version == 4 ? 4 : 41);
	good = opens_apart(sa, off, n, n - 32, len) && esp_sa_seq(sa) == seq;
	h_sa_free(sa);
	sa = h_sa(ESP_IN, esn, 64, seq - 1);
	good &= opens_in_place(sa, off, n, len) && esp_sa_seq(sa) == seq;
	h_sa_free(sa);
	return good;
}

static void
test_octets(void)
{
	static const uint64_t numbers[] = {
		1, 0x01020304, UINT32_MAX, P32, P32 + 1, 7 * P32 - 1,
		0x0102030405060708ULL, UINT64_MAX
	};
	unsigned int bad = 0;
	size_t i, len;

	for (len = 20; len < 300; len++)
		bad += !opens(0, 7, 4, len % 9, len);
	is(bad, 0, "IPv4 of 20..299 octets, all alignments");
	for (bad = 0, len = 40; len < 300; len++)
		bad += !opens(0, 7, 6, len % 9, len);
	is(bad, 0, "IPv6 of 40..299 octets, all alignments");
	ok(opens(0, 9, 4, 3, 1420), "1420 octets");
	ok(opens(1, 9, 6, 3, 8901), "8901 octets");
	ok(opens(0, 7, 4, 5, 65498), "the largest");
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i] <= UINT32_MAX)
			ok(opens(0, numbers[i], 4, 0, 61), "number %#llx",
			    (unsigned long long)numbers[i]);
		ok(opens(1, numbers[i], 6, 1, 61), "number %#llx, ESN",
		    (unsigned long long)numbers[i]);
	}
}

/* The IV is the sender's business. */
static void
test_any_iv(void)
{
	struct esp_sa *sa = h_sa(ESP_IN, 0, 64, 0);
	struct esp_buf out;
	unsigned int i, bad = 0;
	size_t n, len;

	for (i = 1; i < 50; i++) {
		h_inner(plain, 4, 60);
		len = h_trailer(plain, 60, h_padlen(60), 4);
		n = h_raw_seal_iv(pkt, H_SPI, 0, i, h_random(), plain, len);
		bad += open_apart(sa, pkt, n, &out) != ESP_OK || out.len != 60;
	}
	is(bad, 0, "IVs that are not the number");
	h_sa_free(sa);
}

/* Every pad length that fits, and what follows the inner packet. */
static void
test_padding(void)
{
	struct esp_sa *sa = h_sa(ESP_IN, 0, 64, 0);
	struct esp_buf out;
	unsigned int bad = 0;
	uint64_t seq = 0;
	size_t pad, tfc, len;

	for (pad = h_padlen(61); pad <= 255; pad += 4) {
		h_inner(plain, 4, 61);
		len = h_trailer(plain, 61, pad, 4);
		bad += open_plain(sa, ++seq, plain, len, &out) != ESP_OK ||
		    out.len != 61 || memcmp(out.data, plain, 61) != 0;
	}
	is(bad, 0, "padding up to 255 octets");
	for (bad = 0, tfc = 1; tfc < 2000; tfc += 13) {
		h_inner(plain, 6, 61);
		memset(plain + 61, 0x45, tfc);
		len = h_trailer(plain, 61 + tfc, h_padlen(61 + tfc), 41);
		bad += open_plain(sa, ++seq, plain, len, &out) != ESP_OK ||
		    out.len != 61 || memcmp(out.data, plain, 61) != 0;
	}
	is(bad, 0, "TFC padding is trimmed");
	h_inner(plain, 4, 65000);
	memset(plain, 0, 65240);
	h_inner(plain, 4, 1000);
	len = h_trailer(plain, 65238, 254, 4);
	is(len % 4, 2, "(not aligned)");
	ok(open_plain(sa, ++seq, plain, len, &out) == ESP_BAD_LENGTH,
	    "65,494 octets of ciphertext not aligned");
	len = h_trailer(plain, 65240, 254, 4);
	ok(len + 32 <= 65535 && open_plain(sa, ++seq, plain, len, &out) ==
	    ESP_OK && out.len == 1000, "most padding there can be");
	h_sa_free(sa);
}

/* --- refused before the ICV --- */

/* Refused as this, the SA's number and the output's octets untouched. */
static int
refused(struct esp_sa *sa, const uint8_t *p, size_t n, enum esp_status want)
{
	uint64_t seq = esp_sa_seq(sa);
	struct esp_buf out;

	memset(b, 0xee, n + 1);
	return open_apart(sa, p, n, &out) == want && out.len == 0 &&
	    esp_sa_seq(sa) == seq && all_are(b, n + 1, 0xee);
}

/* A valid packet cut anywhere, in memory that ends there. */
static void
test_truncated(void)
{
	struct esp_sa *sa = h_sa(ESP_IN, 0, 64, 0);
	struct esp_buf in, out;
	unsigned int bad[3] = { 0, 0, 0 };
	enum esp_status status;
	uint8_t *copy;
	size_t n, len;

	h_inner(plain, 4, 61);
	n = packet(0, 1, 61, 4);
	for (len = 0; len < n; len++) {
		copy = malloc(len + 1);
		if (copy == NULL)
			err(1, NULL);
		memcpy(copy, pkt, len);
		in = h_buf(copy, len, 0, len);
		out = h_buf(b, ROOM, 0, 5);
		status = esp_open(sa, &in, &out);
		bad[0] += len < 34 && status != ESP_SHORT;
		bad[1] += len >= 34 && len % 4 != 0 && status != ESP_BAD_LENGTH;
		bad[2] += len >= 34 && len % 4 == 0 && status != ESP_BAD_ICV;
		bad[0] += out.len != 0;
		free(copy);
	}
	is(bad[0], 0, "0..33 octets are short");
	is(bad[1], 0, "more, not a multiple of 4: bad length");
	is(bad[2], 0, "a multiple of 4: bad ICV");
	is(esp_sa_seq(sa), 0, "nothing was marked");
	ok(open_apart(sa, pkt, n, &out) == ESP_OK, "the whole one is accepted");
	h_sa_free(sa);
}

static void
test_before_icv(void)
{
	struct esp_sa *sa = h_sa(ESP_IN, 0, 64, 1000);
	struct esp_buf in, out;
	unsigned int bad = 0, i;
	size_t n;

	h_inner(plain, 4, 60);
	n = h_trailer(plain, 60, h_padlen(60), 4);
	n = h_raw_seal_iv(pkt, H_SPI + 1, 0, 1001, 1001, plain, n);
	ok(refused(sa, pkt, n, ESP_BAD_SPI), "another SPI");
	for (i = 0; i < 32; i++) {
		n = packet(0, 1001, 60, 4);
		pkt[i / 8] ^= (uint8_t)(1 << i % 8);
		bad += !refused(sa, pkt, n, ESP_BAD_SPI);
	}
	is(bad, 0, "each bit of the SPI");
	n = packet(0, 0, 60, 4);
	ok(refused(sa, pkt, n, ESP_SEQ_ZERO), "number 0");
	n = packet(0, 936, 60, 4);
	ok(refused(sa, pkt, n, ESP_TOO_OLD), "number 936");
	n = packet(0, 937, 60, 4);
	ok(refused(sa, pkt, n, ESP_REPLAY), "number 937");
	n = packet(0, 1001, 60, 4);
	ok(refused(sa, pkt, n + 1, ESP_BAD_LENGTH), "one octet more");
	ok(refused(sa, a, 65540, ESP_BAD_SPI), "65540 octets of another SPI");
	memcpy(a, pkt, 16);
	ok(refused(sa, a, 65536, ESP_BAD_LENGTH), "65536 octets");

	for (bad = 0, i = 0; i < n - 32; i++) {
		in = h_buf(pkt, n, 0, n);
		out = h_buf(b, 10 + i, 10, 0);
		bad += esp_open(sa, &in, &out) != ESP_NO_ROOM || out.len != 0;
	}
	is(bad, 0, "room of 0..%zu", n - 33);
	in = h_buf(pkt, n - 1, 0, n);
	out = h_buf(b, ROOM, 0, 0);
	is(esp_open(sa, &in, &out), ESP_NO_ROOM, "input beyond its buffer");
	in = h_buf(pkt, ROOM, 0, n);
	out = h_buf(pkt, ROOM, n - 1, 0);
	is(esp_open(sa, &in, &out), ESP_NO_ROOM, "output over the input");
	out = h_buf(pkt, ROOM, 16, 0);
	is(esp_open(sa, &in, &out), ESP_NO_ROOM, "two buffers, one place");
	ok(esp_sa_seq(sa) == 1000 && open_apart(sa, pkt, n, &out) == ESP_OK,
	    "after all of it the packet is accepted");
	h_sa_free(sa);

	sa = h_sa(ESP_OUT, 0, 0, 0);
	ok(refused(sa, pkt, n, ESP_BAD_SPI), "an outbound SA opens nothing");
	h_sa_free(sa);
}

/* --- the ICV --- */

static void
test_bit_flips(void)
{
	struct esp_sa *sa = h_sa(ESP_IN, 0, 64, 0);
	unsigned int bad = 0, bad_wipe = 0, other = 0;
	struct esp_buf out, buf;
	enum esp_status status;
	size_t bit, n;

	h_inner(plain, 4, 60);
	n = packet(0, 5, 60, 4);
	for (bit = 32; bit < n * 8; bit++) {
		memcpy(a, pkt, n);
		a[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memcpy(a + 1000, a, n);
		memset(b, 0xee, n);
		status = open_apart(sa, a, n, &out);
		/* bits of the number may make it 0, which is refused before */
		bad += status != ESP_BAD_ICV && bit >= 64;
		other += bit < 64 && status != ESP_BAD_ICV &&
		    status != ESP_SEQ_ZERO;
		bad += memcmp(a, a + 1000, n) != 0;
		bad_wipe += !all_are(b, n - 32, status == ESP_BAD_ICV ? 0 :
		    0xee) || b[n - 32] != 0xee;
		buf = h_buf(a, n, 0, n);
		status = esp_open(sa, &buf, &buf);
		bad += status != ESP_BAD_ICV && bit >= 64;
		bad_wipe += buf.len != 0 || (bit >= 64 &&
		    !all_are(a + 16, n - 32, 0));
	}
	is(bad, 0, "each bit flipped, and the input is not altered");
	is(other, 0, "bits of the number");
	is(bad_wipe, 0, "what was decrypted is wiped");
	is(esp_sa_seq(sa), 0, "nothing was marked");
	ok(open_apart(sa, pkt, n, &out) == ESP_OK && out.len == 60,
	    "the original is accepted");
	is(open_apart(sa, pkt, n, &out), ESP_REPLAY, "once");
	h_sa_free(sa);
}

/* A forged packet with any number leaves the window where it is. */
static void
test_forged(void)
{
	static const uint64_t jumps[] = {
		1, 2, 63, 64, 65, 100, 100000, 0x7fffffff, 0x80000000,
		0xfffff000
	};
	struct esp_sa *sa;
	struct esp_buf out;
	unsigned int bad;
	size_t i, n;
	int esn;
	uint64_t s;

	for (esn = 0; esn <= 1; esn++) {
		sa = h_sa(ESP_IN, esn, 64, 1000);
		bad = 0;
		for (i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
			h_inner(plain, 4, 60);
			n = packet(esn, 1000 + jumps[i], 60, 4);
			pkt[n - 1] ^= 0x80;
			bad += open_apart(sa, pkt, n, &out) != ESP_BAD_ICV;
		}
		is(bad, 0, "%s: forged numbers ahead", esn ? "ESN" : "32 bits");
		is(esp_sa_seq(sa), 1000, "the top stays");
		for (bad = 0, s = 1063; s > 1000; s--) {
			h_inner(plain, 4, 60);
			n = packet(esn, s, 60, 4);
			pkt[20] ^= 1;
			bad += open_apart(sa, pkt, n, &out) != ESP_BAD_ICV;
			pkt[20] ^= 1;
			bad += open_apart(sa, pkt, n, &out) != ESP_OK;
			pkt[20] ^= 1;
			bad += open_apart(sa, pkt, n, &out) != ESP_REPLAY;
		}
		is(bad, 0, "in the window: forged, right, forged again");
		h_sa_free(sa);
	}
}

/* --- authentic, and still refused --- */

/* Refused as this, counted as seen, output wiped: apart and in place. */
static int
refused_after(const uint8_t *pt, size_t len, enum esp_status want)
{
	struct esp_sa *sa = h_sa(ESP_IN, 0, 64, 0);
	struct esp_buf out, buf;
	int good;

	memset(b, 0xee, len + 1);
	good = open_plain(sa, 9, pt, len, &out) == want && out.len == 0 &&
	    all_are(b, len, 0) && b[len] == 0xee && esp_sa_seq(sa) == 9;
	buf = h_buf(pkt, ROOM, 0, 16 + len + 16);
	good &= esp_open(sa, &buf, &buf) == ESP_REPLAY && buf.len == 0;
	h_raw_seal(pkt, 0, 10, pt, len);
	buf = h_buf(pkt, ROOM, 0, 16 + len + 16);
	good &= esp_open(sa, &buf, &buf) == want && buf.len == 0 &&
	    all_are(pkt + 16, len, 0) && esp_sa_seq(sa) == 10;
	h_sa_free(sa);
	return good;
}

/* Authentic plaintexts of 0..23 octets, of every kind of content. */
static void
test_tiny(void)
{
	static const uint8_t nexts[] = { 4, 41, 59, 0, 50, 255 };
	static const uint8_t fills[] = { 0, 1, 0x45, 0x60, 0xff };
	struct esp_sa *sa;
	struct esp_buf out;
	unsigned int bad = 0, early = 0;
	enum esp_status status;
	size_t len, i, j, pad;
	uint64_t seq = 0;
	uint8_t pt[24];

	sa = h_sa(ESP_IN, 0, 64, 0);
	for (len = 0; len < 24; len++)
		for (i = 0; i < sizeof(nexts); i++)
			for (j = 0; j < sizeof(fills); j++)
				for (pad = 0; pad < 256; pad++) {
					memset(pt, fills[j], sizeof(pt));
					if (len >= 2)
						pt[len - 2] = (uint8_t)pad;
					if (len >= 1)
						pt[len - 1] = nexts[i];
					status = open_plain(sa, ++seq, pt, len,
					    &out);
					bad += status == ESP_OK || out.len != 0;
					early += (len < 2) !=
					    (status == ESP_SHORT);
					early += (len >= 2 && len % 4 != 0) !=
					    (status == ESP_BAD_LENGTH);
				}
	is(bad, 0, "authentic plaintexts of 0..23 octets: none is a packet");
	is(early, 0, "those that cannot be a plaintext are never decrypted");
	h_sa_free(sa);
}

static void
test_trailer(void)
{
	uint8_t pt[400];
	unsigned int bad, i;
	size_t len;

	/* pad length: 82 octets of payload and padding */
	for (bad = 0, i = 83; i < 256; i++) {
		h_inner(pt, 4, 60);
		len = h_trailer(pt, 60, 22, 4);
		pt[len - 2] = (uint8_t)i;
		bad += !refused_after(pt, len, ESP_BAD_PADLEN);
	}
	is(bad, 0, "pad lengths of one and more too many");
	for (i = 0; i < 82; i++)
		pt[i] = (uint8_t)(i + 1);
	pt[82] = 82;
	pt[83] = 4;
	ok(refused_after(pt, 84, ESP_INNER_SHORT), "padding and nothing else");

	for (bad = 0, i = 0; i < 22 * 8; i++) {
		h_inner(pt, 4, 60);
		len = h_trailer(pt, 60, 22, 4);
		pt[60 + i / 8] ^= (uint8_t)(1 << i % 8);
		bad += !refused_after(pt, len, ESP_BAD_PAD);
	}
	is(bad, 0, "each bit of 22 octets of padding");
	h_inner(pt, 4, 60);
	len = h_trailer(pt, 60, 2, 4);
	pt[60] = pt[61] = 0;
	ok(refused_after(pt, len, ESP_BAD_PAD), "padding of zeros");

	for (bad = 0, i = 0; i < 256; i++) {
		if (i == 4 || i == 41 || i == 59)
			continue;
		h_inner(pt, 4, 60);
		len = h_trailer(pt, 60, 2, (uint8_t)i);
		bad += !refused_after(pt, len, ESP_BAD_PROTO);
	}
	is(bad, 0, "next headers other than 4, 41, 59");

	h_inner(pt, 4, 60);
	len = h_trailer(pt, 60, 2, 59);
	ok(refused_after(pt, len, ESP_DUMMY), "a dummy");
	pt[len - 2] = 255;
	ok(refused_after(pt, len, ESP_DUMMY), "a dummy in disorder");
	len = h_trailer(pt, 0, 2, 59);
	ok(refused_after(pt, len, ESP_DUMMY), "an empty dummy");
}

static void
test_inner(void)
{
	uint8_t pt[400];
	unsigned int bad, i;
	size_t len;

	h_inner(pt, 6, 60);
	len = h_trailer(pt, 60, 2, 4);
	ok(refused_after(pt, len, ESP_BAD_VERSION), "IPv6 announced as IPv4");
	h_inner(pt, 4, 60);
	len = h_trailer(pt, 60, 2, 41);
	ok(refused_after(pt, len, ESP_BAD_VERSION), "IPv4 announced as IPv6");
	for (bad = 0, i = 0; i < 20; i++) {
		h_inner(pt, 4, 60);
		len = h_trailer(pt, i, h_padlen(i), 4);
		bad += !refused_after(pt, len, ESP_INNER_SHORT);
	}
	is(bad, 0, "IPv4 cut to 0..19 octets");
	for (bad = 0, i = 0; i < 40; i++) {
		h_inner(pt, 6, 60);
		len = h_trailer(pt, i, h_padlen(i), 41);
		bad += !refused_after(pt, len, ESP_INNER_SHORT);
	}
	is(bad, 0, "IPv6 cut to 0..39 octets");
	for (bad = 0, i = 0; i < 300; i++) {
		if (i >= 20 && i <= 60)
			continue;
		h_inner(pt, 4, 60);
		pt[2] = (uint8_t)(i >> 8);
		pt[3] = (uint8_t)i;
		len = h_trailer(pt, 60, 2, 4);
		bad += !refused_after(pt, len, ESP_INNER_LEN);
	}
	is(bad, 0, "IPv4 lengths below the header or above the payload");
	h_inner(pt, 6, 60);
	pt[5] = 21;
	len = h_trailer(pt, 60, 2, 41);
	ok(refused_after(pt, len, ESP_INNER_LEN), "IPv6 length one too many");
	/* the padding is not payload: a length that would reach into it */
	h_inner(pt, 4, 60);
	pt[3] = 62;
	len = h_trailer(pt, 60, 2, 4);
	ok(refused_after(pt, len, ESP_INNER_LEN), "length into the padding");
}

/* --- numbers --- */

/*
 * The window as packets see it.  The model is a list of what was accepted; the
 * high half is known to it because it sends the packets.
 */
static void
test_window(int esn, uint32_t size, uint64_t start)
{
	static uint64_t seen[4000];
	struct esp_sa *sa = h_sa(ESP_IN, esn, size, start);
	enum esp_status status, want;
	uint64_t top = start, seq;
	unsigned int i, j, n = 0, bad = 0;
	struct esp_buf out;
	size_t len;
	int forged;

	for (i = 0; i < 4000; i++) {
		seq = h_random() % 3 == 0 ? top + 1 + h_random() % 5 :
		    top + 2 - h_random() % (size * 2 + 8);
		forged = h_random() % 8 == 0;
		if (seq > top + 8 || seq == 0)
			seq = top + 1;
		want = forged ? ESP_BAD_ICV : ESP_OK;
		if (size > 0 && seq + size <= top)
			want = esn ? ESP_BAD_ICV : ESP_TOO_OLD;
		else if (size > 0 && seq <= start)
			want = ESP_REPLAY;
		for (j = n > 2 * size + 50 ? n - 2 * size - 50 : 0;
		    size > 0 && j < n; j++)
			if (seen[j] == seq && seq + size > top)
				want = ESP_REPLAY;
		h_inner(plain, 4, 24);
		len = packet(esn, seq, 24, 4);
		pkt[16] ^= (uint8_t)forged;
		status = open_apart(sa, pkt, len, &out);
		bad += status != want;
		if (status == ESP_OK && n < 4000)
			seen[n++] = seq;
		if (status == ESP_OK && seq > top)
			top = seq;
		bad += esp_sa_seq(sa) != top;
	}
	is(bad, 0, "%s, window %u from %#llx: 4000 packets", esn ? "ESN" :
	    "32 bits", size, (unsigned long long)start);
	h_sa_free(sa);
}

static void
test_no_window(void)
{
	struct esp_sa *sa = h_sa(ESP_IN, 0, 0, 0);
	struct esp_buf out;
	size_t n;

	h_inner(plain, 4, 60);
	n = packet(0, 0, 60, 4);
	ok(refused(sa, pkt, n, ESP_SEQ_ZERO), "no window: not number 0");
	n = packet(0, 77, 60, 4);
	ok(open_apart(sa, pkt, n, &out) == ESP_OK &&
	    open_apart(sa, pkt, n, &out) == ESP_OK, "but any other, repeated");
	is(esp_sa_seq(sa), 77, "its number is the highest");
	n = packet(0, 3, 60, 4);
	ok(open_apart(sa, pkt, n, &out) == ESP_OK, "and an old one");
	is(esp_sa_seq(sa), 77, "which does not lower it");
	h_sa_free(sa);
}

/* The highest number of the space can be had, and nothing follows it. */
static void
test_end(int esn)
{
	uint64_t max = esn ? UINT64_MAX : UINT32_MAX;
	struct esp_sa *sa = h_sa(ESP_IN, esn, 64, max - 3);
	struct esp_buf out;
	unsigned int bad = 0, i;
	size_t n;

	h_inner(plain, 4, 60);
	for (i = 0; i < 3; i++) {
		n = packet(esn, max - 2 + i, 60, 4);
		bad += open_apart(sa, pkt, n, &out) != ESP_OK;
	}
	is(bad, 0, "up to the last number of %d bits", esn ? 64 : 32);
	n = packet(esn, max, 60, 4);
	is(open_apart(sa, pkt, n, &out), ESP_REPLAY, "which comes once");
	n = packet(esn, 1, 60, 4);
	is(open_apart(sa, pkt, n, &out), ESP_TOO_OLD, "and never wraps");
	ok(esp_sa_seq(sa) == max, "the top stays");
	h_sa_free(sa);
}

static void
test_crypto(void)
{
	struct esp_params p = h_params(ESP_IN, 0, 64, 0);
	struct esp_buf in = h_buf(pkt, ROOM, 0, 8 + 16 + 64 + 12), out;
	struct esp_sa *sa;

	p.suite = &fake_suite;
	sa = h_sa_make(&p);
	memset(pkt, 0, 200);
	esp_store32(pkt, H_SPI);
	esp_store32(pkt + 4, 3);
	h_inner(plain, 4, 50);
	h_trailer(plain, 50, 12, 4);
	memcpy(pkt + 24, plain, 64);
	fake_fails = 1;
	out = h_buf(b, ROOM, 0, 9);
	memset(b, 0xee, 100);
	is(esp_open(sa, &in, &out), ESP_CRYPTO, "the cipher fails");
	ok(out.len == 0 && all_are(b, 64, 0), "nothing of it remains");
	is(esp_sa_seq(sa), 0, "nor is it marked");
	fake_fails = 0;
	ok(esp_open(sa, &in, &out) == ESP_OK && out.len == 50 &&
	    memcmp(out.data, plain, 50) == 0, "another suite's sizes");
	in.len -= 4;
	is(esp_open(sa, &in, &out), ESP_BAD_LENGTH, "and its alignment");
	in.len = 8 + 16 + 12 + 1;
	is(esp_open(sa, &in, &out), ESP_SHORT, "and its least");
	h_sa_free(sa);
}

static void
test_all(void)
{
	static const uint32_t sizes[] = { 0, 1, 33, 64, 255 };
	size_t i;

	test_octets();
	test_any_iv();
	test_padding();
	test_truncated();
	test_before_icv();
	test_bit_flips();
	test_forged();
	test_tiny();
	test_trailer();
	test_inner();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		test_window(0, sizes[i], 0);
		test_window(0, sizes[i], 5000);
		test_window(1, sizes[i], P32 - 4000);
	}
	test_no_window();
	test_end(0);
	test_end(1);
	test_crypto();
}

int
main(void)
{
	do
		test_all();
	while (h_once_more());
	return tap_done();
}
