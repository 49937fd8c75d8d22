/* SPDX-License-Identifier: ISC */
/*
 * The system calls that a confined child may make, on Linux; any other kills
 * the process.  Called by each child once, when its threads have begun and its
 * libraries have done what they do only once.
 *
 * What is not here is the point: no open, no socket, no exec, no new process or
 * thread, no signal to others, no ptrace, no prctl, no executable memory.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <seccomp.h>

#include "secd/sys/sys.h"

#define C	(1U << SYS_CONTROL)
#define E	(1U << SYS_ENGINE)

struct rule {
	int		call;
	unsigned int	roles;
};

/* Calls with any arguments: they act on descriptors that were handed over. */
static const struct rule plain[] = {
	/* messages between the processes, and log lines to the parent */
	{ SCMP_SYS(recvmsg),		C | E },
	{ SCMP_SYS(sendmsg),		C | E },
	{ SCMP_SYS(write),		C | E },
	{ SCMP_SYS(poll),		C | E },	/* ipc_send_now waits */
	{ SCMP_SYS(ppoll),		C | E },	/* its name elsewhere */
	{ SCMP_SYS(close),		C | E },

	/* the event loop; its timers are its own, its wake-up an eventfd */
	{ SCMP_SYS(epoll_ctl),		C | E },
	{ SCMP_SYS(epoll_wait),		C | E },
	{ SCMP_SYS(epoll_pwait),	C | E },
	{ SCMP_SYS(epoll_pwait2),	C | E },
	{ SCMP_SYS(read),		C | E },	/* and keys */

	/* clients: taken, spoken to, hung up on */
	{ SCMP_SYS(accept4),		C },
	{ SCMP_SYS(recvfrom),		C },
	{ SCMP_SYS(sendto),		C },
	{ SCMP_SYS(shutdown),		C },
	{ SCMP_SYS(getpeername),	C },	/* what a client calls itself */

	/* packets: tun by readv and, below, writev; sockets in batches */
	{ SCMP_SYS(readv),		E },
	{ SCMP_SYS(recvmmsg),		E },
	{ SCMP_SYS(sendmmsg),		E },

	/* memory; that which makes code of data is below */
	{ SCMP_SYS(brk),		C | E },
	{ SCMP_SYS(munmap),		C | E },
	{ SCMP_SYS(mremap),		C | E },
	{ SCMP_SYS(madvise),		C | E },

	/* threads: locks, and the first steps of one that has just begun */
	{ SCMP_SYS(futex),		C | E },
	{ SCMP_SYS(set_robust_list),	E },
	{ SCMP_SYS(rseq),		E },

	/* what libc asks for on its own */
	{ SCMP_SYS(clock_gettime),	C | E },	/* if not by vDSO */
	{ SCMP_SYS(gettimeofday),	C | E },
	{ SCMP_SYS(time),		C | E },
	{ SCMP_SYS(getrandom),		C | E },
	{ SCMP_SYS(getpid),		C | E },
	{ SCMP_SYS(gettid),		C | E },
	{ SCMP_SYS(sysinfo),		C | E },	/* qsort's memory */
	{ SCMP_SYS(rt_sigprocmask),	C | E },	/* abort, thread exit */
	{ SCMP_SYS(rt_sigreturn),	C | E },	/* end of any handler */
	{ SCMP_SYS(restart_syscall),	C | E },	/* poll after SIGCONT */
	{ SCMP_SYS(writev),		C | E },	/* tun; dying words */
	{ SCMP_SYS(exit),		C | E },
	{ SCMP_SYS(exit_group),		C | E },
};

/* Calls that are allowed with one argument of a certain value only. */
struct arg_rule {
	int			call;
	unsigned int		roles;
	struct scmp_arg_cmp	cmp;
};

#define ARG_IS(n, v)	{ (n), SCMP_CMP_EQ, (v), 0 }
#define ARG_WITHOUT(n, bits) { (n), SCMP_CMP_MASKED_EQ, (bits), 0 }

static const struct arg_rule with_arg[] = {
	/* malloc's heaps, but never memory that can be run */
	{ SCMP_SYS(mmap), C | E, ARG_WITHOUT(2, PROT_EXEC) },
	{ SCMP_SYS(mprotect), C | E, ARG_WITHOUT(2, PROT_EXEC) },

	/* O_NONBLOCK and close-on-exec; a copy of a descriptor to queue */
	{ SCMP_SYS(fcntl), C | E, ARG_IS(1, F_GETFL) },
	{ SCMP_SYS(fcntl), C | E, ARG_IS(1, F_SETFL) },
	{ SCMP_SYS(fcntl), C | E, ARG_IS(1, F_GETFD) },
	{ SCMP_SYS(fcntl), C | E, ARG_IS(1, F_SETFD) },
	{ SCMP_SYS(fcntl), C | E, ARG_IS(1, F_DUPFD_CLOEXEC) },

	/* the link state of a tunnel; no other ioctl of any kind */
	{ SCMP_SYS(ioctl), E, ARG_IS(1, TUNSETCARRIER) },
};

/* getsockopt(SOL_SOCKET, option): who a client is, what an error was */
static const int sockopts[] = { SO_PEERCRED, SO_ERROR };

/*
 * Can this kernel do what seccomp_load() is going to ask for?  Asked first, so
 * that its absence is told apart from a fault in the filter.
 */
static int
available(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static int
add_rules(scmp_filter_ctx ctx, unsigned int role)
{
	struct scmp_arg_cmp sockopt[2] = {
		ARG_IS(1, SOL_SOCKET), ARG_IS(2, 0)
	};
	/* who gets what on a shared UDP port; no other option of any kind */
	const struct scmp_arg_cmp selector[2] = {
		ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_ATTACH_REUSEPORT_CBPF)
	};
	/* abort(3) signals the thread it is in, which is one of ours */
	const struct scmp_arg_cmp self = ARG_IS(0, (scmp_datum_t)getpid());
	size_t i;
	int r;

	r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
	    &self);
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]) && r == 0; i++)
		if (plain[i].roles & role)
			r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
			    plain[i].call, 0, NULL);
	for (i = 0; i < sizeof(with_arg) / sizeof(with_arg[0]) && r == 0; i++)
		if (with_arg[i].roles & role)
			r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
			    with_arg[i].call, 1, &with_arg[i].cmp);
	if ((role & E) && r == 0)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
		    SCMP_SYS(setsockopt), 2, selector);
	if (!(role & C))
		return r;
	for (i = 0; i < sizeof(sockopts) / sizeof(sockopts[0]) && r == 0; i++) {
		sockopt[1].datum_a = (scmp_datum_t)sockopts[i];
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW,
		    SCMP_SYS(getsockopt), 2, sockopt);
	}
	return r;
}

int
sys_child_filter(enum sys_role role, unsigned int *lost, char *why, size_t size)
{
	const struct rlimit none = { 0, 0 };
	scmp_filter_ctx ctx;
	int r;

	/* all threads are there */
	if (setrlimit(RLIMIT_NPROC, &none) == -1) {
		snprintf(why, size, "limit of processes: %s", strerror(errno));
		return -1;
	}
	if (!available()) {
		*lost |= 1U << SYS_LOST_SECCOMP;
		return 0;
	}
	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL) {
		snprintf(why, size, "system call filter: out of memory");
		return -1;
	}
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_KILL_PROCESS);
	if (r == 0)	/* all threads, not this one alone */
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)	/* a balanced tree: the common call is not the last */
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_rules(ctx, 1U << role);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r == 0)
		return 0;
	snprintf(why, size, "system call filter: %s", strerror(-r));
	return -1;
}
