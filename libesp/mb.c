/* SPDX-License-Identifier: ISC */
/*
 * AES-GCM and ChaCha20-Poly1305 by Intel's libipsec-mb, where that does them
 * faster than libcrypto; packets are the same octets.  Called by sa.c, seal.c
 * and open.c through the operations of an esp_backend, which the caller makes
 * of a library that it has loaded: nothing here is linked with it, all calls go
 * through the manager's table.
 *
 * The calls used are the direct ones, each a whole message for itself.  They
 * read tables and the SA's key and write the SA's context, so SAs and threads
 * share the manager; all they share besides is the library's error number,
 * which each sets to 0 and nobody reads.  They report no error: all they would
 * refuse is what is never passed.
 *
 * Left to libcrypto: AES-CBC with HMAC, which libipsec-mb does fast only for
 * many packets at a time; one by one it takes 2 to 5 times as long.  And
 * ChaCha20-Poly1305 on CPUs without AVX512-IFMA: with AVX2 it takes twice as
 * long for a large packet, and half as long for a small one.
 *
 * Key and context are in the SA's own memory, so nothing is allocated and
 * esp_sa_clear() wipes all.
 */
#include <string.h>

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "libesp/aead.h"

/* As the library declares its keys for itself; a cache line. */
#define MB_ALIGN	64U
#define CHACHA_KEYLEN	32U
#define MAJOR(version)	((version) >> 16)

struct mb {
	union {
		struct gcm_key_data	gcm;	/* expanded */
		uint8_t			chacha[CHACHA_KEYLEN];
	} key;
	union {
		struct gcm_context_data	gcm;
		struct chacha20_poly1305_context_data chacha;
	} work;			/* a packet's; here, so that no stack has it */
	const IMB_MGR	*mgr;
	aes_gcm_enc_dec_t gcm;	/* of this key size and direction; NULL: the
				 * suite is ChaCha20-Poly1305 */
	uint8_t		 salt[ESP_AEAD_SALTLEN];
	int		 esn;
};

/* The SA's memory is aligned for any type, which is less than is wanted. */
static struct mb *
aligned(void *state)
{
	uint8_t *p = state;

	p += -(uintptr_t)p & (MB_ALIGN - 1);
	return (struct mb *)(void *)p;
}

/* --- set-up --- */

static void
gcm_setup(struct mb *m, const struct esp_params *p)
{
	const IMB_MGR *mgr = m->mgr;
	int out = p->dir == ESP_OUT;

	switch (p->suite->keylen) {
	case IMB_KEY_128_BYTES:
		m->gcm = out ? mgr->gcm128_enc : mgr->gcm128_dec;
		IMB_AES128_GCM_PRE(mgr, p->key, &m->key.gcm);
		break;
	case IMB_KEY_192_BYTES:
		m->gcm = out ? mgr->gcm192_enc : mgr->gcm192_dec;
		IMB_AES192_GCM_PRE(mgr, p->key, &m->key.gcm);
		break;
	default:
		m->gcm = out ? mgr->gcm256_enc : mgr->gcm256_dec;
		IMB_AES256_GCM_PRE(mgr, p->key, &m->key.gcm);
	}
}

static struct mb *
begin(void *state, const struct esp_params *p)
{
	struct mb *m = aligned(state);

	m->mgr = p->backend->manager;
	memcpy(m->salt, p->key + p->suite->keylen, ESP_AEAD_SALTLEN);
	m->esn = p->esn;
	return m;
}

static int
setup_gcm(void *state, const struct esp_params *p)
{
	gcm_setup(begin(state, p), p);
	return 0;
}

static int
setup_chacha(void *state, const struct esp_params *p)
{
	struct mb *m = begin(state, p);

	memcpy(m->key.chacha, p->key, sizeof(m->key.chacha));
	return 0;
}

static void
clear(void *state)
{
	(void)state;		/* the caller wipes it */
}

/* --- packets --- */

enum esp_status
esp_mb_encrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, size_t len, uint8_t *out, uint8_t *icv)
{
	struct mb *m = aligned(state);
	struct chacha20_poly1305_context_data *work = &m->work.chacha;

	if (m->gcm != NULL) {
		m->gcm(&m->key.gcm, &m->work.gcm, out, in, len, nonce, aad,
		    aadlen, icv, ESP_AEAD_TAGLEN);
		return ESP_OK;
	}
	IMB_CHACHA20_POLY1305_INIT(m->mgr, m->key.chacha, work, nonce, aad,
	    aadlen);
	IMB_CHACHA20_POLY1305_ENC_UPDATE(m->mgr, m->key.chacha, work, out, in,
	    len);
	IMB_CHACHA20_POLY1305_ENC_FINALIZE(m->mgr, work, icv, ESP_AEAD_TAGLEN);
	return ESP_OK;
}

enum esp_status
esp_mb_decrypt(void *state, const uint8_t *nonce, const uint8_t *aad,
    size_t aadlen, const uint8_t *in, uint8_t *out, size_t len,
    const uint8_t *icv)
{
	struct mb *m = aligned(state);
	struct chacha20_poly1305_context_data *work = &m->work.chacha;
	uint8_t tag[ESP_AEAD_TAGLEN];
	int differs;

	if (m->gcm != NULL)
		m->gcm(&m->key.gcm, &m->work.gcm, out, in, len, nonce, aad,
		    aadlen, tag, sizeof(tag));
	else {
		IMB_CHACHA20_POLY1305_INIT(m->mgr, m->key.chacha, work, nonce,
		    aad, aadlen);
		IMB_CHACHA20_POLY1305_DEC_UPDATE(m->mgr, m->key.chacha, work,
		    out, in, len);
		IMB_CHACHA20_POLY1305_DEC_FINALIZE(m->mgr, work, tag,
		    sizeof(tag));
	}
	differs = CRYPTO_memcmp(tag, icv, sizeof(tag));
	explicit_bzero(tag, sizeof(tag));	/* it would forge this packet */
	return differs ? ESP_BAD_ICV : ESP_OK;
}

static enum esp_status
mb_seal(void *state, uint64_t seq, uint8_t *pkt, const uint8_t *text,
    size_t len)
{
	const struct mb *m = aligned(state);
	uint8_t *out = pkt + ESP_AEAD_HEAD;
	struct esp_aead with;

	esp_store64(pkt + ESP_HDR_LEN, seq);
	esp_aead_fill(&with, m->salt, m->esn, seq, pkt);
	return esp_mb_encrypt(state, with.nonce, with.aad, with.aadlen, text,
	    len, out, out + len);
}

static enum esp_status
mb_open(void *state, uint64_t seq, const uint8_t *pkt, uint8_t *out, size_t len)
{
	const struct mb *m = aligned(state);
	const uint8_t *in = pkt + ESP_AEAD_HEAD;
	struct esp_aead with;

	esp_aead_fill(&with, m->salt, m->esn, seq, pkt);
	return esp_mb_decrypt(state, with.nonce, with.aad, with.aadlen, in,
	    out, len, in + len);
}

/* --- the backend --- */

static const struct esp_cipher_ops gcm_ops = {
	.state_size = sizeof(struct mb) + MB_ALIGN - 1,
	.setup = setup_gcm,
	.clear = clear,
	.seal = mb_seal,
	.open = mb_open,
};

static const struct esp_cipher_ops chacha_ops = {
	.state_size = sizeof(struct mb) + MB_ALIGN - 1,
	.setup = setup_chacha,
	.clear = clear,
	.seal = mb_seal,
	.open = mb_open,
};

static const struct esp_cipher_ops *
ops_gcm(const struct esp_suite *s)
{
	static const char *const names[] = {
		"aes-128-gcm", "aes-192-gcm", "aes-256-gcm"
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], s->enc) == 0)
			return &gcm_ops;
	return NULL;
}

static const struct esp_cipher_ops *
ops_all(const struct esp_suite *s)
{
	return strcmp(s->enc, "chacha20-poly1305") == 0 ? &chacha_ops :
	    ops_gcm(s);
}

/* Of ChaCha20-Poly1305 its code for this CPU is faster than libcrypto's. */
static int
fast_chacha(const IMB_MGR *mgr)
{
	return mgr->used_arch == IMB_ARCH_AVX512 &&
	    (mgr->features & IMB_FEATURE_AVX512_IFMA);
}

int
esp_mb_built(void)
{
	return 1;
}

/*
 * A later version of the same major number has the same manager, and perhaps
 * more behind it.
 */
const char *
esp_mb_init(struct esp_backend *b, const void *manager, unsigned int version)
{
	const IMB_MGR *mgr = manager;

	if (version < IMB_VERSION_NUM ||
	    MAJOR(version) != MAJOR(IMB_VERSION_NUM))
		return "not of the version it was built for";
	if (!(mgr->features & IMB_FEATURE_AESNI))
		return "this CPU has no AES instructions";
	if ((mgr->features & IMB_FEATURE_SELF_TEST) &&
	    !(mgr->features & IMB_FEATURE_SELF_TEST_PASS))
		return "its own self-test failed";
	b->name = "ipsec-mb";
	b->manager = manager;
	b->ops = fast_chacha(mgr) ? ops_all : ops_gcm;
	return NULL;
}
