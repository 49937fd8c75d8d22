/* SPDX-License-Identifier: ISC */
/*
 * The engine's self-test of a backend: libcrypto itself passes it, the real one
 * passes it in time, and each defect that a library could have is seen.
 */
#include <time.h>

#include "secd/engine/engine.h"
#include "secd/log.h"
#include "tests/unit/mb_help.h"

#define MOST_MS	100

static enum defect {
	GOOD,
	LONG_OCTET,		/* an octet wrong, in long packets alone */
	SHORT_TAG,		/* the last octet of each tag */
	SEALS_NOT,
	ANY_ICV,		/* opens whatever comes */
	PART_OF_ICV,		/* its last octet is not looked at */
	WRONG_PLAIN,		/* authentic, but not what was sealed */
	NO_HIGH_HALF,		/* ESN: the half that is not sent */
	DEFECTS
} defect;

static const char *const names[DEFECTS] = {
	"none", "an octet of long packets", "the tag", "fails to seal",
	"opens anything", "a part of the tag", "the plaintext", "ESN"
};

static enum esp_status
bad_seal(void *state, uint64_t seq, uint8_t *pkt, const uint8_t *text,
    size_t len)
{
	enum esp_status status;

	if (defect == SEALS_NOT && len > 60)
		return ESP_CRYPTO;
	status = esp_aead_ops.seal(state, seq, pkt, text, len);
	if (defect == LONG_OCTET && len > 64000)
		pkt[64000] ^= 1;
	if (defect == SHORT_TAG)
		pkt[16 + len + 15] ^= 1;
	return status;
}

static enum esp_status
bad_open(void *state, uint64_t seq, const uint8_t *pkt, uint8_t *out,
    size_t len)
{
	static uint8_t copy[66000];
	enum esp_status status;
	unsigned int i;

	if (defect == NO_HIGH_HALF)	/* far from what was sealed, too */
		seq &= ((uint64_t)1 << 40) - 1;
	memcpy(copy, pkt, 16 + len + 16);
	for (i = 0; i < 256; i++) {
		status = esp_aead_ops.open(state, seq, copy, out, len);
		if (defect != PART_OF_ICV || status == ESP_OK)
			break;
		copy[16 + len + 15]++;
	}
	if (defect == WRONG_PLAIN && len > 1000)
		out[999] ^= 1;
	return defect == ANY_ICV ? ESP_OK : status;
}

static struct esp_cipher_ops bad_ops;

static const struct esp_cipher_ops *
ops(const struct esp_suite *s)
{
	return strcmp(s->enc, "aes-192-gcm") == 0 ? &bad_ops : NULL;
}

static void
test_defects(void)
{
	const struct esp_backend bad = { .name = "bad", .ops = ops };
	const struct esp_suite *failed;

	bad_ops = esp_aead_ops;
	bad_ops.seal = bad_seal;
	bad_ops.open = bad_open;
	ok(selftest(&bad) == NULL, "libcrypto is as good as libcrypto");
	for (defect = GOOD + 1; defect < DEFECTS; defect++) {
		failed = selftest(&bad);
		ok(failed != NULL && strcmp(failed->enc, "aes-192-gcm") == 0,
		    "refused by the name of its suite: %s", names[defect]);
	}
}

static void
test_real(void)
{
	clock_t before = clock();
	double ms;

	if (h_mb() == NULL) {
		ok(1, "ipsec-mb is not built in");
		return;
	}
	ok(selftest(h_mb()) == NULL, "ipsec-mb passes");
	ms = (double)(clock() - before) * 1000 / CLOCKS_PER_SEC;
	ok(ms < MOST_MS, "in %.0f ms of CPU, which is less than %d", ms,
	    MOST_MS);
}

int
main(void)
{
	log_init("selftest_test", LOG_TO_STDERR);
	test_defects();
	test_real();
	return tap_done();
}
