/* SPDX-License-Identifier: ISC */
/*
 * The system calls that a confined child may make, on OpenBSD: pledge(2); any
 * other kills the process.  Called by each child once, when its threads have
 * begun.  It is compiled, but has not run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

/*
 * stdio: memory, time, chance, the event loop, descriptors that are open
 * recvfd: descriptors that the parent passes
 * unix: clients are accepted, and asked who they are
 * inet: packets are sent to an address
 */
static const char *const promises[] = {
	[SYS_CONTROL] = "stdio recvfd unix",
	[SYS_ENGINE] = "stdio recvfd inet",
};

int
sys_child_filter(enum sys_role role, unsigned int *lost, char *why, size_t size)
{
	(void)lost;
	/* no file is left in the empty root; now there is no root either */
	if (unveil("/", "") == -1 || unveil(NULL, NULL) == -1 ||
	    pledge(promises[role], NULL) == -1) {
		snprintf(why, size, "pledge: %s", strerror(errno));
		return -1;
	}
	return 0;
}
