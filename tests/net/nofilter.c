/* SPDX-License-Identifier: ISC */
/*
 * Takes the place of secd/sys/filter_*.c where secd is built for a sanitizer,
 * whose own thread needs system calls that no filter of ours allows.  secd then
 * reports the lost protection, as on a kernel without seccomp.
 */
#include "secd/sys/sys.h"

const char	*__tsan_default_options(void);

/* The first race ends the process, and so secd, and so the test. */
const char *
__tsan_default_options(void)
{
	return "halt_on_error=1:exitcode=66";
}

int
sys_child_filter(enum sys_role role, unsigned int *lost, char *why, size_t size)
{
	(void)role;
	(void)why;
	(void)size;
	*lost |= 1U << SYS_LOST_SECCOMP;
	return 0;
}
