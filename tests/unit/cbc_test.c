/* SPDX-License-Identifier: ISC */
/*
 * What is AES-CBC's and HMAC's own: published answers for hmac.c (RFC 2202,
 * RFC 4231, RFC 4868) and for the cipher (RFC 3602), the ICV before the
 * cipher, and IVs.  The octets of whole packets are each_test.c's.
 */
#include "libesp/crypto.h"
#include "libesp/internal.h"
#include "tests/lib/tap.h"
#include "tests/unit/esp_help.h"

/* --- HMAC --- */

static const struct {
	const char	*from;
	const char	*auth;
	const char	*key;		/* one octet, or hex of all */
	size_t		 keylen;	/* 0: key is hex */
	const char	*text;		/* not hex */
	size_t		 textlen;	/* 0: text is a string */
	const char	*mac;
} hmacs[] = {
#define JEFE		"4a656665"
#define JEFE4		JEFE JEFE JEFE JEFE
#define NOTHING		"what do ya want for nothing?"
	{ "RFC 2202 case 1", "hmac-sha1", "0b", 20, "Hi There", 0,
	    "b617318655057264e28bc0b6fb378c8ef146be00" },
	{ "RFC 2202 case 2", "hmac-sha1", JEFE, 0, NOTHING, 0,
	    "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ "RFC 2202 case 3", "hmac-sha1", "aa", 20, "\xdd", 50,
	    "125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
	{ "RFC 4231 case 1", "hmac-sha2-256", "0b", 20, "Hi There", 0,
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
	},
	{ "RFC 4231 case 2", "hmac-sha2-256", JEFE, 0, NOTHING, 0,
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
	},
	{ "RFC 4868 AUTH256-1", "hmac-sha2-256", "0b", 32, "Hi There", 0,
	    "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7"
	},
	{ "RFC 4868 AUTH256-2", "hmac-sha2-256", JEFE4 JEFE4, 0, NOTHING, 0,
	    "167f928588c5cc2eef8e3093caa0e87c9ff566a14794aa61648d81621a2a40c6"
	},
	{ "RFC 4868 AUTH256-3", "hmac-sha2-256", "aa", 32, "\xdd", 50,
	    "cdcb1220d1ecccea91e53aba3092f962e549fe6ce9ed7fdc43191fbde45c30b0"
	},
	{ "RFC 4231 case 1", "hmac-sha2-384", "0b", 20, "Hi There", 0,
	    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
	    "faea9ea9076ede7f4af152e8b2fa9cb6" },
	{ "RFC 4868 AUTH384-1", "hmac-sha2-384", "0b", 48, "Hi There", 0,
	    "b6a8d5636f5c6a7224f9977dcf7ee6c7fb6d0c48cbdee9737a959796489bddbc"
	    "4c5df61d5b3297b4fb68dab9f1b582c2" },
	{ "RFC 4868 AUTH384-2", "hmac-sha2-384", JEFE4 JEFE4 JEFE4, 0,
	    NOTHING, 0,
	    "2c7353974f1842fd66d53c452ca42122b28c0b594cfb184da86a368e9b8e16f5"
	    "349524ca4e82400cbde0686d403371c9" },
	{ "RFC 4868 AUTH384-3", "hmac-sha2-384", "aa", 48, "\xdd", 50,
	    "809f439be00274321d4a538652164b53554a508184a0c3160353e3428597003d"
	    "35914a18770f9443987054944b7c4b4a" },
	{ "RFC 4231 case 1", "hmac-sha2-512", "0b", 20, "Hi There", 0,
	    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
	    "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
	},
	{ "RFC 4868 AUTH512-1", "hmac-sha2-512", "0b", 64, "Hi There", 0,
	    "637edc6e01dce7e6742a99451aae82df23da3e92439e590e43e761b33e910fb8"
	    "ac2878ebd5803f6f0b61dbce5e251ff8789a4722c1be65aea45fd464e89f8f5b"
	},
	{ "RFC 4868 AUTH512-2", "hmac-sha2-512", JEFE4 JEFE4 JEFE4 JEFE4, 0,
	    NOTHING, 0,
	    "cb370917ae8a7ce28cfd1d8f4705d6141c173b2a9362c15df235dfb251b15454"
	    "6aa334ae9fb9afc2184932d8695e397bfa0ffb93466cfcceaae38c833b7dba38"
	},
	{ "RFC 4868 AUTH512-3", "hmac-sha2-512", "aa", 64, "\xdd", 50,
	    "2ee7acd783624ca9398710f3ee05ae41b9f9b0510c87e49e586cc9bf961733d8"
	    "623c7b55cebefccf02d5581acc1c9d5fb1ff68a1de45509fbe4da9a433922655"
	},
};

static int
hmac_agrees(size_t i)
{
	uint8_t key[64], text[64], want[64], mac[ESP_HMAC_MAX];
	size_t keylen = h_unhex(hmacs[i].key, key, sizeof(key)), len, n, cut;
	struct esp_hmac h;

	if (hmacs[i].keylen > 0) {
		keylen = hmacs[i].keylen;
		memset(key, key[0], keylen);
	}
	len = hmacs[i].textlen > 0 ? hmacs[i].textlen : strlen(hmacs[i].text);
	memset(text, hmacs[i].text[0], sizeof(text));
	if (hmacs[i].textlen == 0)
		memcpy(text, hmacs[i].text, len);
	n = h_unhex(hmacs[i].mac, want, sizeof(want));
	if (esp_hmac_setup(&h, hmacs[i].auth, key, keylen) == -1)
		return 0;
	/* in two pieces, cut anywhere: the states are used again and again */
	for (cut = 0; cut <= len; cut++) {
		memset(mac, 0, sizeof(mac));
		if (esp_hmac(&h, text, cut, text + cut, len - cut, mac) == -1 ||
		    memcmp(mac, want, n) != 0)
			return 0;
	}
	return 1;
}

static void
test_hmac(void)
{
	uint8_t key[129] = { 1 };
	struct esp_hmac h;
	size_t i;

	for (i = 0; i < sizeof(hmacs) / sizeof(hmacs[0]); i++)
		ok(hmac_agrees(i), "%s, %s", hmacs[i].from, hmacs[i].auth);
	ok(esp_hmac_setup(&h, "hmac-md5", key, 16) == -1, "no hmac-md5");
	ok(esp_hmac_setup(&h, "hmac-sha1", key, 64) == 0 &&
	    esp_hmac_setup(&h, "hmac-sha1", key, 65) == -1 &&
	    esp_hmac_setup(&h, "hmac-sha2-512", key, 128) == 0 &&
	    esp_hmac_setup(&h, "hmac-sha2-512", key, 129) == -1,
	    "a key of one block and no more");
}

/* --- AES-CBC: RFC 3602 4 --- */

static const struct {
	int		 id;
	const char	*key;
	const char	*iv;
	const char	*text;
	const char	*cipher;
} cbcs[] = {
	{ 1, "06a9214036b8a15b512e03d534120006",
	    "3dafba429d9eb430b422da802c9fac41",
	    "53696e676c6520626c6f636b206d7367",
	    "e353779c1079aeb82708942dbe77181a" },
	{ 2, "c286696d887c9aa0611bbb3e2025a45a",
	    "562e17996d093d28ddb3ba695a2e6f58",
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	    "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1"
	},
};

/* The state of one direction, as sa.c would make it. */
static void *
state_make(const struct esp_params *p)
{
	void *state = calloc(1, esp_cbc_ops.state_size);

	if (state == NULL || esp_cbc_ops.setup(state, p) == -1)
		err(1, "no state");
	return state;
}

static void
state_free(void *state)
{
	esp_cbc_ops.clear(state);
	free(state);
}

static const struct h_alg *
find_alg(const char *enc, const char *auth)
{
	size_t i;

	for (i = 0; i < H_NALGS; i++)
		if (strcmp(h_algs[i].enc, enc) == 0 &&
		    h_algs[i].auth != NULL &&
		    strcmp(h_algs[i].auth, auth) == 0)
			return &h_algs[i];
	errx(1, "no %s %s", enc, auth);
}

static void
put_icv(const struct h_alg *g, uint8_t *pkt, size_t len)
{
	uint8_t mac[EVP_MAX_MD_SIZE];

	if (HMAC(g->md(), h_authkey, (int)g->authkeylen, pkt, 24 + len, mac,
	    NULL) == NULL)
		errx(1, "no HMAC");
	memcpy(pkt + 24 + len, mac, g->icvlen);
}

static void
test_cbc(void)
{
	const struct h_alg *g = find_alg("aes-128", "hmac-sha2-256");
	struct esp_params p = h_params_of(g, ESP_IN, 0, 0, 0);
	uint8_t key[16], pkt[128] = { 0 }, text[32], out[32];
	size_t i, len;
	void *state;

	for (i = 0; i < sizeof(cbcs) / sizeof(cbcs[0]); i++) {
		h_unhex(cbcs[i].key, key, sizeof(key));
		h_unhex(cbcs[i].iv, pkt + 8, 16);
		len = h_unhex(cbcs[i].cipher, pkt + 24, 32);
		h_unhex(cbcs[i].text, text, sizeof(text));
		put_icv(g, pkt, len);
		p.key = key;
		state = state_make(&p);
		ok(esp_cbc_ops.open(state, 1, pkt, out, len) == ESP_OK &&
		    memcmp(out, text, len) == 0, "RFC 3602 case %d",
		    cbcs[i].id);
		state_free(state);
	}
}

/* --- order, and what cannot be --- */

static void
test_order(const struct h_alg *g)
{
	struct esp_params p = h_params_of(g, ESP_IN, 0, 0, 0);
	uint8_t pkt[128] = { 0 }, out[48];
	unsigned int bad = 0;
	void *state = state_make(&p);
	size_t i;

	put_icv(g, pkt, 48);
	memset(out, 0xee, sizeof(out));
	pkt[24 + 48 + g->icvlen - 1] ^= 1;
	is(esp_cbc_ops.open(state, 1, pkt, out, 48), ESP_BAD_ICV,
	    "%s %s: a bad ICV", g->enc, g->auth);
	for (i = 0; i < sizeof(out); i++)
		bad += out[i] != 0xee;
	is(bad, 0, "and nothing was decrypted");
	pkt[24 + 48 + g->icvlen - 1] ^= 1;
	is(esp_cbc_ops.open(state, 1, pkt, out, 48), ESP_OK, "a good one");
	is(esp_cbc_ops.open(state, 1, pkt, out, 47), ESP_CRYPTO,
	    "no whole blocks to open");
	state_free(state);
	p.dir = ESP_OUT;
	state = state_make(&p);
	is(esp_cbc_ops.seal(state, 1, pkt, pkt + 24, 33), ESP_CRYPTO,
	    "nor to seal");
	state_free(state);
}

/* --- IVs --- */

#define NIVS	100000

static uint8_t ivs[NIVS][16];

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

/* Seal the same n times; the IVs go to ivs. */
static unsigned int
collect(const struct h_alg *g, unsigned int n)
{
	struct esp_sa *sa = h_sa_of(g, ESP_OUT, 1, 0, 0);
	uint8_t a[96], b[160];
	struct esp_buf in = h_buf(a, sizeof(a), 0, 60), out;
	unsigned int i, bad = 0;

	h_inner(a, 4, 60);
	for (i = 0; i < n; i++) {
		out = h_buf(b, sizeof(b), 0, 0);
		bad += esp_seal(sa, &in, &out) != ESP_OK;
		memcpy(ivs[i], b + 8, 16);
	}
	h_sa_free(sa);
	return bad;
}

/* Bits that are set in n IVs, for each place: about half of them. */
static unsigned int
unbalanced(unsigned int n)
{
	unsigned int bit, i, set, bad = 0;

	for (bit = 0; bit < 128; bit++) {
		for (set = 0, i = 0; i < n; i++)
			set += ivs[i][bit / 8] >> bit % 8 & 1;
		/* 10 standard deviations are sqrt(n) * 5 = 1581 */
		bad += set < n / 2 - 1581 || set > n / 2 + 1581;
	}
	return bad;
}

/* Is this IV the number under a key that the peer has, too? */
static int
foreseen(const struct h_alg *g, const uint8_t *iv, uint64_t seq)
{
	const EVP_CIPHER *ciphers[] = {
		EVP_aes_128_ecb(), EVP_aes_192_ecb(), EVP_aes_256_ecb()
	};
	const uint8_t *keys[] = { h_key, h_authkey };
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t block[16] = { 0 }, out[32];
	size_t i;
	int n, found = 0;

	for (i = 0; i < 8; i++)
		block[8 + i] = (uint8_t)(seq >> (56 - 8 * i));
	for (i = 0; i < 2; i++) {
		if (ctx == NULL ||
		    !EVP_EncryptInit_ex(ctx, ciphers[g->keylen / 8 - 2], NULL,
		    keys[i], NULL) ||
		    !EVP_EncryptUpdate(ctx, out, &n, block, 16))
			errx(1, "no AES");
		found |= memcmp(out, iv, 16) == 0;
	}
	EVP_CIPHER_CTX_free(ctx);
	return found;
}

static void
test_ivs(const struct h_alg *g)
{
	static uint8_t before[1000][16];
	unsigned int i, j, same = 0, known = 0;

	is(collect(g, 1000), 0, "%s %s: 1000 times the same packet", g->enc,
	    g->auth);
	memcpy(before, ivs, sizeof(before));
	for (i = 0; i < 1000; i++)
		known += foreseen(g, ivs[i], i + 1);
	is(known, 0, "IVs do not follow from the keys");
	collect(g, 1000);
	for (i = 0; i < 1000; i++)
		for (j = 0; j < 1000; j++)
			same += memcmp(before[i], ivs[j], 16) == 0;
	is(same, 0, "and an SA made again has others");
}

static void
test_many_ivs(void)
{
	unsigned int i, same = 0;

	is(collect(find_alg("aes-256", "hmac-sha1"), NIVS), 0,
	    "100,000 times the same packet");
	is(unbalanced(NIVS), 0, "each bit of the IV is set half of the time");
	qsort(ivs, NIVS, 16, compare);
	for (i = 1; i < NIVS; i++)
		same += memcmp(ivs[i - 1], ivs[i], 16) == 0;
	is(same, 0, "no IV twice");
}

int
main(void)
{
	size_t i;

	test_hmac();
	test_cbc();
	for (i = 0; i < H_NALGS; i++) {
		if (h_algs[i].md == NULL)
			continue;
		test_order(&h_algs[i]);
		test_ivs(&h_algs[i]);
	}
	test_many_ivs();
	return tap_done();
}
