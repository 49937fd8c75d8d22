/* SPDX-License-Identifier: ISC */
/*
 * Known answers for aead.c.
 */
#include "tests/unit/aead_kat.h"

static const struct kat_cipher kat = { esp_aead_encrypt, esp_aead_decrypt };

int
main(void)
{
	test_known_answers();
	return tap_done();
}
