/* SPDX-License-Identifier: ISC */
/*
 * How a child comes to be: fork and exec of the same program, so that each has
 * an address space of its own, then confinement in a fixed order.
 */
#ifndef PROC_H
#define PROC_H

#include <sys/types.h>

#include "secd/secd.h"

struct proc_child {
	pid_t	pid;
	int	channel;	/* SEQPACKET, the other end is FD_PARENT */
	int	log;		/* its standard error, to be read */
};

/*
 * Parent: start the program behind selffd in this role, with these arguments
 * but for ppid.  0, or -1 with errno; then there is no child.
 */
int	proc_spawn(enum role, int selffd, const struct role_args *,
	    struct proc_child *);
/*
 * Child, first of all: log to the parent, be deaf to terminals' signals, give
 * up everything.  *lost gets the protections this machine does not have.
 * Ends the process if confinement fails.
 */
void	proc_confine(enum role, const struct role_args *, unsigned int *lost);
/* Child, when its threads run: forbid what is left.  Ends as above. */
void	proc_filter(enum role, unsigned int *lost);

#endif /* PROC_H */
