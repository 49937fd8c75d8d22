/* SPDX-License-Identifier: ISC */
/*
 * In the place of mb.c where intel-ipsec-mb.h was not there to build it.
 */
#include "libesp/esp.h"

int
esp_mb_built(void)
{
	return 0;
}

const char *
esp_mb_init(struct esp_backend *b, const void *manager, unsigned int version)
{
	(void)b;
	(void)manager;
	(void)version;
	return "not built in";
}
