/* SPDX-License-Identifier: ISC */
/*
 * Known answers for the AEAD suites, whoever computes them; of aead_test.c for
 * libcrypto and of mb_test.c for libipsec-mb, which say by what functions:
 * - NIST's CAVS files (Debian: python3-cryptography-vectors), all cases with
 *   96 bits of IV and 128 of tag; NIST_GCM_DIR names another folder;
 * - the ESP cases in tests/vectors/esp_vectors.h;
 * - Wycheproof's aes_gcm and chacha20_poly1305 files in the folder
 *   WYCHEPROOF_DIR, if that is set.
 */
#ifndef AEAD_KAT_H
#define AEAD_KAT_H

#include <stdio.h>

#include <jansson.h>

#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"
#include "tests/vectors/esp_vectors.h"

#define NIST_DIR "/usr/lib/python3/dist-packages/cryptography_vectors" \
	"/ciphers/AES/GCM"
#define MAXLEN	4096

/* Of the file that is tested. */
struct kat_cipher {
	enum esp_status (*encrypt)(void *state, const uint8_t *nonce,
		    const uint8_t *aad, size_t aadlen, const uint8_t *in,
		    size_t len, uint8_t *out, uint8_t *icv);
	enum esp_status (*decrypt)(void *state, const uint8_t *nonce,
		    const uint8_t *aad, size_t aadlen, const uint8_t *in,
		    uint8_t *out, size_t len, const uint8_t *icv);
};
static const struct kat_cipher kat;

struct kat {
	const char *enc;	/* NULL: AES-GCM of the key's length */
	uint8_t	key[36], iv[12], tag[16];
	uint8_t	aad[MAXLEN], pt[MAXLEN], ct[MAXLEN];
	size_t	keylen, ivlen, taglen, aadlen, ptlen, ctlen;
	int	fail;
};

/* 0: a backend leaves this cipher to libcrypto. */
static int
kat_does(const char *enc)
{
	return h_backend == NULL ||
	    esp_backend_does(h_backend, esp_suite_find(enc, NULL));
}

static const struct esp_cipher_ops *
kat_ops(const struct esp_suite *s)
{
	return h_backend == NULL ? &esp_aead_ops : h_backend->ops(s);
}

/* A cipher state, as sa.c would make it. */
static void *
state_of(const struct esp_params *p)
{
	const struct esp_cipher_ops *ops = kat_ops(p->suite);
	void *state = calloc(1, ops->state_size);

	if (state == NULL || ops->setup(state, p) == -1)
		err(1, "state of %s", p->suite->enc);
	return state;
}

static void
state_free(void *state)
{
	/* a backend has all of its state in the state */
	if (h_backend == NULL)
		esp_aead_ops.clear(state);
	free(state);
}

static void *
state_make(const struct kat *k, enum esp_dir dir)
{
	struct esp_params p = h_params(dir, 0, 0, 0);
	char name[16];

	snprintf(name, sizeof(name), "aes-%zu-gcm", k->keylen * 8);
	p.suite = esp_suite_find(k->enc != NULL ? k->enc : name, NULL);
	p.key = k->key;
	p.keylen = k->keylen + 4;
	if (p.suite == NULL)
		errx(1, "no suite for a key of %zu octets", k->keylen);
	return state_of(&p);
}

/* Encrypt apart and in place; twice, as the context is kept. */
static int
encrypts(const struct kat *k)
{
	void *state = state_make(k, ESP_OUT);
	uint8_t out[MAXLEN], tag[16];
	int i, good = 1;

	for (i = 0; i < 2; i++) {
		memset(tag, 0, sizeof(tag));
		good &= kat.encrypt(state, k->iv, k->aad, k->aadlen, k->pt,
		    k->ptlen, out, tag) == ESP_OK &&
		    memcmp(out, k->ct, k->ptlen) == 0 &&
		    memcmp(tag, k->tag, 16) == 0;
		memcpy(out, k->pt, k->ptlen);
		memset(tag, 0, sizeof(tag));
		good &= kat.encrypt(state, k->iv, k->aad, k->aadlen, out,
		    k->ptlen, out, tag) == ESP_OK &&
		    memcmp(out, k->ct, k->ptlen) == 0 &&
		    memcmp(tag, k->tag, 16) == 0;
	}
	state_free(state);
	return good;
}

/* Decrypt apart and in place, with a forged tag in between. */
static int
decrypts(const struct kat *k)
{
	enum esp_status want = k->fail ? ESP_BAD_ICV : ESP_OK;
	void *state = state_make(k, ESP_IN);
	uint8_t out[MAXLEN], tag[16];
	int good;

	good = kat.decrypt(state, k->iv, k->aad, k->aadlen, k->ct, out,
	    k->ctlen, k->tag) == want &&
	    (k->fail || memcmp(out, k->pt, k->ctlen) == 0);
	memcpy(tag, k->tag, sizeof(tag));
	tag[15] ^= 1;
	/* (a tag that is wrong already might become right) */
	good &= k->fail || kat.decrypt(state, k->iv, k->aad, k->aadlen,
	    k->ct, out, k->ctlen, tag) == ESP_BAD_ICV;
	memcpy(out, k->ct, k->ctlen);
	good &= kat.decrypt(state, k->iv, k->aad, k->aadlen, out, out,
	    k->ctlen, k->tag) == want &&
	    (k->fail || memcmp(out, k->pt, k->ctlen) == 0);
	state_free(state);
	return good;
}

/* --- NIST --- */

/* One line; returns 1 when the case it ends is complete. */
static int
nist_line(char *line, struct kat *k)
{
	char *value;

	line[strcspn(line, "\r\n")] = '\0';
	value = strstr(line, " = ");
	if (value == NULL) {
		k->fail |= strcmp(line, "FAIL") == 0;
		return line[0] == '\0';
	}
	*value = '\0';
	value += 3;
	if (strcmp(line, "Count") == 0)
		memset(k, 0, sizeof(*k));
	else if (strcmp(line, "Key") == 0)
		k->keylen = h_unhex(value, k->key, 32);
	else if (strcmp(line, "IV") == 0)
		k->ivlen = strlen(value) == 24 ? h_unhex(value, k->iv, 12) : 0;
	else if (strcmp(line, "Tag") == 0)
		k->taglen = h_unhex(value, k->tag, 16);
	else if (strcmp(line, "AAD") == 0)
		k->aadlen = h_unhex(value, k->aad, MAXLEN);
	else if (strcmp(line, "PT") == 0)
		k->ptlen = h_unhex(value, k->pt, MAXLEN);
	else if (strcmp(line, "CT") == 0)
		k->ctlen = h_unhex(value, k->ct, MAXLEN);
	return 0;
}

static void
nist_file(const char *dir, const char *name, int (*run)(const struct kat *))
{
	static struct kat k;
	static char line[2 * MAXLEN];
	char path[1024];
	FILE *f;
	int n = 0, bad = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!ok(f != NULL, "%s is there (install python3-cryptography-vectors)",
	    path))
		return;
	memset(&k, 0, sizeof(k));
	while (fgets(line, sizeof(line), f) != NULL) {
		if (!nist_line(line, &k) || k.keylen == 0)
			continue;
		if (k.ivlen == 12 && k.taglen == 16) {
			n++;
			bad += !run(&k);
		}
		memset(&k, 0, sizeof(k));
	}
	fclose(f);
	/* 5 lengths of text, 5 of associated data, 15 cases each */
	is(n, 375, "%s: cases", name);
	is(bad, 0, "%s: all agree", name);
}

static void
test_nist(void)
{
	const char *dir = getenv("NIST_GCM_DIR");

	if (dir == NULL)
		dir = NIST_DIR;
	nist_file(dir, "gcmEncryptExtIV128.rsp", encrypts);
	nist_file(dir, "gcmEncryptExtIV192.rsp", encrypts);
	nist_file(dir, "gcmEncryptExtIV256.rsp", encrypts);
	nist_file(dir, "gcmDecrypt128.rsp", decrypts);
	nist_file(dir, "gcmDecrypt192.rsp", decrypts);
	nist_file(dir, "gcmDecrypt256.rsp", decrypts);
}

/* --- ESP packets --- */

static size_t
vector_packet(const struct esp_vector *v, uint8_t *pkt)
{
	uint8_t nonce[12];
	size_t n;

	h_unhex(v->nonce, nonce, sizeof(nonce));
	esp_store32(pkt, v->spi);
	esp_store32(pkt + 4, (uint32_t)v->seq);
	memcpy(pkt + 8, nonce + 4, 8);
	n = h_unhex(v->ct, pkt + 16, MAXLEN - 16);
	return 16 + n;
}

static struct esp_params
vector_params(const struct esp_vector *v, enum esp_dir dir, uint8_t *key)
{
	struct esp_params p = h_params(dir, v->esn, 0, v->seq - 1);
	uint8_t nonce[12];

	p.suite = esp_suite_find(v->suite, NULL);
	p.keylen = h_unhex(v->key, key, 32);
	h_unhex(v->nonce, nonce, sizeof(nonce));
	memcpy(key + p.keylen, nonce, 4);
	p.keylen += 4;
	p.key = key;
	p.spi = v->spi;
	return p;
}

/* The cipher file opens it: nonce, associated data, text, ICV. */
static void
vector_open(const struct esp_vector *v)
{
	uint8_t pkt[MAXLEN], pt[MAXLEN], out[MAXLEN], key[36];
	struct esp_params p = vector_params(v, ESP_IN, key);
	size_t len = vector_packet(v, pkt), n = h_unhex(v->pt, pt, MAXLEN);
	void *state = state_of(&p);
	enum esp_status status;

	is(len, 16 + n + 16, "ESP case %d: length", v->id);
	status = kat_ops(p.suite)->open(state, v->seq, pkt, out, n);
	ok(status == ESP_OK && memcmp(out, pt, n) == 0,
	    "ESP case %d (%s%s) opens", v->id, v->suite,
	    v->esn ? ", ESN" : "");
	if (v->esn) {
		status = kat_ops(p.suite)->open(state,
		    v->seq ^ (uint64_t)1 << 63, pkt, out, n);
		is(status, ESP_BAD_ICV, "but not with another high half");
	}
	state_free(state);
}

static void
vector_seal(const struct esp_vector *v)
{
	uint8_t pkt[MAXLEN], pt[MAXLEN], out[MAXLEN], key[36], aad[12];
	struct esp_params p = vector_params(v, ESP_OUT, key);
	size_t len = vector_packet(v, pkt), n = h_unhex(v->pt, pt, MAXLEN);
	void *state = state_of(&p);
	size_t aadlen = v->esn ? 12 : 8;
	uint8_t nonce[12];

	h_unhex(v->nonce, nonce, sizeof(nonce));
	esp_store32(aad, v->spi);
	if (v->esn)
		esp_store64(aad + 4, v->seq);
	else
		esp_store32(aad + 4, (uint32_t)v->seq);
	ok(kat.encrypt(state, nonce, aad, aadlen, pt, n, out, out + n)
	    == ESP_OK && memcmp(out, pkt + 16, len - 16) == 0,
	    "ESP case %d seals", v->id);
	state_free(state);
}

/*
 * The whole of esp_open() on it: SPI 0 cannot be an SA; all others are
 * authentic, and their next header is 1, but for RFC 7634's, which is a tunnel
 * packet.
 */
static void
vector_whole(const struct esp_vector *v)
{
	uint8_t pkt[MAXLEN], out[MAXLEN], key[36];
	struct esp_params p = vector_params(v, ESP_IN, key);
	struct esp_buf in = h_buf(pkt, MAXLEN, 0, vector_packet(v, pkt));
	struct esp_buf to = h_buf(out, MAXLEN, 0, 0);
	struct esp_sa *sa;
	enum esp_status status;

	if (v->spi < ESP_SPI_MIN) {
		ok(esp_params_check(&p) != NULL, "ESP case %d: reserved SPI",
		    v->id);
		return;
	}
	sa = h_sa_make(&p);
	status = esp_open(sa, &in, &to);
	if (strcmp(v->suite, "chacha20-poly1305") == 0)
		ok(status == ESP_OK && to.len == 84, "RFC 7634: whole");
	else
		is(status, ESP_BAD_PROTO, "ESP case %d: whole", v->id);
	ok(esp_sa_seq(sa) == v->seq, "ESP case %d: counted as seen", v->id);
	h_sa_free(sa);
}

static void
test_esp(void)
{
	size_t i, chacha = 0;

	for (i = 0; i < ESP_NVECTORS; i++) {
		if (!kat_does(esp_vectors[i].suite))
			continue;
		chacha += strcmp(esp_vectors[i].suite,
		    "chacha20-poly1305") == 0;
		vector_open(&esp_vectors[i]);
		vector_seal(&esp_vectors[i]);
		vector_whole(&esp_vectors[i]);
	}
	is(ESP_NVECTORS, 15, "ESP cases");
	is(chacha, kat_does("chacha20-poly1305") ? 1 : 0,
	    "of which one is RFC 7634's");
}

/* --- Wycheproof --- */

static size_t
field(const json_t *test, const char *name, uint8_t *out, size_t max)
{
	const char *s = json_string_value(json_object_get(test, name));

	if (s == NULL)
		errx(1, "Wycheproof: no %s", name);
	return h_unhex(s, out, max);
}

static int
wycheproof_case(const char *enc, const json_t *test)
{
	static struct kat k;
	const char *result =
	    json_string_value(json_object_get(test, "result"));

	memset(&k, 0, sizeof(k));
	k.enc = enc;
	k.keylen = field(test, "key", k.key, 32);
	field(test, "iv", k.iv, 12);
	k.aadlen = field(test, "aad", k.aad, MAXLEN);
	k.ptlen = field(test, "msg", k.pt, MAXLEN);
	k.ctlen = field(test, "ct", k.ct, MAXLEN);
	field(test, "tag", k.tag, 16);
	k.fail = result == NULL || strcmp(result, "valid") != 0;
	return decrypts(&k) && (k.fail || encrypts(&k));
}

static long long
number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void
wycheproof_groups(const char *enc, json_t *root)
{
	json_t *group, *test;
	size_t i, j;
	int n = 0, bad = 0;

	json_array_foreach(json_object_get(root, "testGroups"), i, group) {
		if (number(group, "ivSize") != 96 ||
		    number(group, "tagSize") != 128)
			continue;
		json_array_foreach(json_object_get(group, "tests"), j, test) {
			n++;
			bad += !wycheproof_case(enc, test);
		}
	}
	ok(n >= 100, "Wycheproof: %d cases", n);
	is(bad, 0, "Wycheproof: all agree");
}

/* The whole file, or what was cut from it for these sizes. */
static void
wycheproof_file(const char *dir, const char *enc, const char *name,
    const char *cut)
{
	char path[1024];
	json_t *root;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	root = json_load_file(path, 0, NULL);
	if (root == NULL) {
		snprintf(path, sizeof(path), "%s/%s", dir, cut);
		root = json_load_file(path, 0, NULL);
	}
	if (!ok(root != NULL, "%s is in WYCHEPROOF_DIR", name))
		return;
	wycheproof_groups(enc, root);
	json_decref(root);
}

static void
test_wycheproof(void)
{
	const char *dir = getenv("WYCHEPROOF_DIR");

	if (dir == NULL) {
		ok(1, "Wycheproof # SKIP WYCHEPROOF_DIR is not set");
		return;
	}
	wycheproof_file(dir, NULL, "aes_gcm_test.json",
	    "wycheproof_aes_gcm_96_128.json");
	if (kat_does("chacha20-poly1305"))
		wycheproof_file(dir, "chacha20-poly1305",
		    "chacha20_poly1305_test.json",
		    "wycheproof_chacha20_poly1305_96_128.json");
}

static inline void
test_known_answers(void)
{
	test_nist();
	test_esp();
	test_wycheproof();
}

#endif /* AEAD_KAT_H */
