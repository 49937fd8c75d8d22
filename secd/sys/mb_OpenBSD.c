/* SPDX-License-Identifier: ISC */
/*
 * libipsec-mb is not to be had on OpenBSD; libcrypto does all.  Called by the
 * engine at its start.
 */
#include <stdio.h>

#include "secd/sys/sys.h"

int
sys_mb_load(struct sys_mb *mb, char *why, size_t size)
{
	(void)mb;
	snprintf(why, size, "not on this system");
	return -1;
}
