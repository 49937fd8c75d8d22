/* SPDX-License-Identifier: ISC */
/*
 * For fuzzers that run one of secd's children in a thread and play the others:
 * the child's confinement is left out (it is not what is fuzzed), messages with
 * a descriptor, lengths of bodies.  Included once in each.
 */
#ifndef PLAY_H
#define PLAY_H

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/ipc.h"
#include "secd/log.h"
#include "secd/proc.h"

static size_t	lens[MSG_MAX];	/* of bodies, by play_lengths() */

int	LLVMFuzzerInitialize(int *, char ***);
int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

void
proc_confine(enum role role, const struct role_args *args, unsigned int *lost)
{
	(void)role;
	(void)args;
	*lost = 0;
	log_init("fuzz", LOG_TO_PARENT);
}

void
proc_filter(enum role role, unsigned int *lost)
{
	(void)role;
	(void)lost;
}

static void
require(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz: %s\n", what);
	abort();
}

/* Send and close. */
static void
play_send_fd(int sock, enum msg_type type, const void *b, size_t len, int fd)
{
	struct ipc_hdr hdr = { .version = IPC_VERSION, .type = type,
	    .len = (uint32_t)len };
	union {
		struct cmsghdr	hdr;
		uint8_t		buf[CMSG_SPACE(sizeof(int))];
	} c = { .hdr = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	    .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov[2] = { { &hdr, sizeof(hdr) },
	    { (void *)(uintptr_t)b, len } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2,
	    .msg_control = &c, .msg_controllen = sizeof(c) };

	memcpy(CMSG_DATA(&c.hdr), &fd, sizeof(fd));
	require(sendmsg(sock, &mh, 0) > 0, "message to the child");
	close(fd);
}

static void
play_lengths(void)
{
	struct ipc_hdr h = { .version = IPC_VERSION };

	for (h.type = 1; h.type < MSG_MAX; h.type++) {
		for (h.len = 0; h.len < IPC_BODY_MAX; h.len++)
			if (ipc_check(&h) == 0)
				break;
		lens[h.type] = h.len;
	}
}

/*
 * The channel to the child: ours comes back, its own is where it expects it.
 * High numbers keep the others out of the way.
 */
static int
play_parent(void)
{
	int p[2];

	require(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p) == 0 &&
	    dup2(p[0], 100) == 100 && dup2(p[1], 102) == 102 &&
	    dup2(102, FD_PARENT) == FD_PARENT, "sockets");
	return 100;
}

#endif /* PLAY_H */
