/* SPDX-License-Identifier: ISC */
/*
 * A child that fell to an attacker: linked in place of the real control or
 * engine process (HOSTILE names which main it is), confined by the same calls.
 * What it tries is the last part of the run directory's name:
 *
 *	requests	asks the parent for everything it must not have, one by
 *			one, and logs "refused NAME" or "GRANTED NAME"
 *	open, socket, execve, ptrace, ioctl
 *			makes that system call, which must kill it
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/ipc.h"
#include "secd/log.h"
#include "secd/proc.h"

static size_t	lens[MSG_MAX];
static uint8_t	in[IPC_BODY_MAX];
static union {
	uint8_t			octets[IPC_BODY_MAX];
	struct iface_conf	iface;
	struct msg_name		name;
	struct msg_reserve	reserve;
} body;

static void
find_lengths(void)
{
	struct ipc_hdr h = { .version = IPC_VERSION };

	for (h.type = 1; h.type < MSG_MAX; h.type++) {
		for (h.len = 0; h.len < IPC_BODY_MAX; h.len++)
			if (ipc_check(&h) == 0)
				break;
		lens[h.type] = h.len;
	}
}

/* ipc_read(), but descriptors that come along stay open: they are prey. */
static int
receive(struct ipc_hdr *h)
{
	uint8_t prey[CMSG_SPACE(sizeof(int))];
	struct iovec iov[2] = { { h, sizeof(*h) }, { in, sizeof(in) } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2,
	    .msg_control = prey, .msg_controllen = sizeof(prey) };

	return recvmsg(FD_PARENT, &mh, 0) >= (ssize_t)sizeof(*h) ? 0 : -1;
}

/* What a working engine would say; other news is passed over. */
static void
play_along(const struct ipc_hdr *h)
{
	struct msg_conf_done done = { .index = UINT32_MAX };

	if (h->type == MSG_CONF_END)
		ipc_write(FD_PARENT, MSG_CONF_DONE, h->id, &done, sizeof(done));
}

/*
 * Send a message as it stands, with a descriptor if fd is not -1.  Returns the
 * error of its MSG_RESULT, 0 for any other answer, -1 if there was none.
 */
static int
ask(uint16_t version, uint16_t type, size_t len, int fd)
{
	static uint32_t id = 1000;
	struct ipc_hdr h = { .version = version, .type = type,
	    .len = (uint32_t)len, .id = ++id };
	struct iovec iov[2] = { { &h, sizeof(h) }, { &body, len } };
	union {
		struct cmsghdr	hdr;
		uint8_t		buf[CMSG_SPACE(sizeof(int))];
	} c = { .hdr = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
	    .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	struct pollfd pfd = { .fd = FD_PARENT, .events = POLLIN };

	if (fd != -1) {
		mh.msg_control = &c;
		mh.msg_controllen = sizeof(c);
		memcpy(CMSG_DATA(&c.hdr), &fd, sizeof(fd));
	}
	if (sendmsg(FD_PARENT, &mh, MSG_NOSIGNAL) == -1)
		return -1;
	while (poll(&pfd, 1, 1000) == 1) {
		if (receive(&h) == -1)
			return -1;
		if (h.id != id) {
			play_along(&h);
			continue;
		}
		if (h.type == MSG_RESULT)
			return ((struct msg_result *)in)->error;
		if (h.type == MSG_RESERVED)
			return ((struct msg_reserved *)in)->error;
		return 0;
	}
	return -1;
}

static void
try_it(const char *name, uint16_t version, uint16_t type, size_t len, int fd)
{
	int error = ask(version, type, len, fd);

	if (error > 0)
		log_info("refused %s: %s", name, strerror(error));
	else
		log_info("GRANTED %s (%d)", name, error);
}

static void
try_type(const char *name, uint16_t type)
{
	try_it(name, IPC_VERSION, type, type < MSG_MAX ? lens[type] : 0, -1);
}

static void
fill_iface(const char *name)
{
	memset(&body, 0, sizeof(body));
	iface_conf_init(&body.iface, "sec7");
	memset(body.iface.name, 0, sizeof(body.iface.name));
	memcpy(body.iface.name, name, strnlen(name, IFACE_NAMELEN));
}

static void
try_names(void)
{
	static const char *const names[] = {
		"lo", "eth0", "", "sec", "sec01", "sec-1", "sec1x", "../sec1",
		"sec1\n", "sec1 ", "SEC1", "sec1234567890123",
	};
	static const uint16_t types[] = {
		MSG_IFACE_DESTROY, MSG_IFACE_UP, MSG_IFACE_DOWN,
		MSG_SHOW_DEVICE
	};
	char what[64];
	size_t i, j;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fill_iface(names[i]);
		snprintf(what, sizeof(what), "create %zu", i);
		try_type(what, MSG_IFACE_CREATE);
		for (j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
			memset(&body, 0, sizeof(body));
			memcpy(body.name.name, names[i], strnlen(names[i],
			    IFACE_NAMELEN));
			snprintf(what, sizeof(what), "%s %zu",
			    ipc_name(types[j]), i);
			try_type(what, types[j]);
		}
	}
}

#define BAD_IFACE(what, change) do {					\
	fill_iface("sec7");						\
	change;								\
	try_type("create with " what, MSG_IFACE_CREATE);		\
} while (0)

static void
try_parameters(void)
{
	struct iface_conf *ic = &body.iface;

	BAD_IFACE("mtu 0", ic->mtu = 0);
	BAD_IFACE("mtu 65536", ic->mtu = 65536);
	BAD_IFACE("255 addresses", ic->naddrs = 255);
	BAD_IFACE("no address", ic->naddrs = 1);
	BAD_IFACE("prefix 200", ic->naddrs = 1;
	    addr_parse("10.0.0.1", &ic->addrs[0].local);
	    ic->addrs[0].prefixlen = 200);
	BAD_IFACE("mtu 600 and inet6", ic->naddrs = 1; ic->mtu = 600;
	    addr_parse("fd00::1", &ic->addrs[0].local));
	BAD_IFACE("device lo/", memcpy(ic->device, "lo/", 3));
	BAD_IFACE("unterminated device", memset(ic->device, 'a',
	    sizeof(ic->device)));
	BAD_IFACE("another's device", memcpy(ic->device, "lo", 2));
	BAD_IFACE("unterminated description", memset(ic->descr, 'a',
	    sizeof(ic->descr)));
	BAD_IFACE("link state 9", ic->link = 9);
	BAD_IFACE("family 99", ic->local.af = 99);
	BAD_IFACE("replay", ic->replay = 65537);
}

static void
try_reservations(void)
{
	memset(&body, 0, sizeof(body));
	body.reserve.count = UINT64_MAX;
	body.reserve.max = UINT64_MAX;
	try_type("reserve without bound", MSG_RESERVE);
	body.reserve.count = 1;
	body.reserve.max = 77;
	try_type("reserve of another space", MSG_RESERVE);
	body.reserve.max = UINT32_MAX;
	body.reserve.base = UINT32_MAX;
	try_type("reserve beyond the end", MSG_RESERVE);
	body.reserve.base = 0;
	body.reserve.flags = 0x80;
	try_type("reserve with unknown flags", MSG_RESERVE);
	body.reserve.flags = 0;
	body.reserve.count = 0;
	try_type("reserve of nothing", MSG_RESERVE);
}

/* Types that are another's to send. */
static void
try_types(enum role role)
{
	uint16_t t;
	char what[64];

	memset(&body, 0, sizeof(body));
	for (t = 0; t <= MSG_MAX; t++) {
		if (role == ROLE_CONTROL ? (t >= MSG_IFACE_CREATE &&
		    t <= MSG_STOP_DESTROY) || t == MSG_READY :
		    t >= MSG_READY && t <= MSG_QUITTING)
			continue;
		snprintf(what, sizeof(what), "type %u (%s)", t, ipc_name(t));
		try_type(what, t);
	}
	try_type("type 65535", 65535);
	t = role == ROLE_CONTROL ? MSG_SHOW_PROCESS : MSG_SEEN;
	try_it("version 0", 0, t, lens[t], -1);
	try_it("version 2", IPC_VERSION + 1, t, lens[t], -1);
	try_it("one octet more", IPC_VERSION, t, lens[t] + 1, -1);
	try_it("a descriptor", IPC_VERSION, t, lens[t], 2);
}

static void
act(const char *what, enum role role)
{
	char *const argv[] = { NULL };
	int n = 0;

	if (strcmp(what, "open") == 0)
		n = open("/", O_RDONLY);
	else if (strcmp(what, "socket") == 0)
		n = socket(AF_INET, SOCK_STREAM, 0);
	else if (strcmp(what, "execve") == 0)
		n = execve("/bin/sh", argv, argv);
	else if (strcmp(what, "ptrace") == 0)
		n = (int)ptrace(PTRACE_ATTACH, getpid(), NULL, NULL);
	else if (strcmp(what, "ioctl") == 0)
		n = ioctl(FD_PARENT, FIONREAD, &n);
	else if (strcmp(what, "requests") == 0) {
		try_types(role);
		if (role == ROLE_CONTROL) {
			try_names();
			try_parameters();
		} else
			try_reservations();
		log_info("requests done");
		return;
	}
	log_info("GRANTED %s (%d)", what, n);
}

int	HOSTILE(const struct role_args *);

int
HOSTILE(const struct role_args *args)
{
	enum role role = strcmp(ROLE_NAME, "engine") == 0 ? ROLE_ENGINE :
	    ROLE_CONTROL;
	struct pollfd pfd = { .fd = FD_PARENT, .events = POLLIN };
	struct msg_ready ready = { 0 };
	char dir[256], *what;
	struct ipc_hdr h;

	proc_confine(role, args, &ready.lost);
	proc_filter(role, &ready.lost);
	find_lengths();
	strlcpy(dir, args->emptydir, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	what = strrchr(dir, '-') + 1;
	ipc_write(FD_PARENT, MSG_READY, 0, &ready, sizeof(ready));
	/* until the daemon is up, as far as this child goes */
	while (poll(&pfd, 1, 500) == 1 && receive(&h) == 0)
		play_along(&h);
	act(what, role);
	for (;;)
		poll(NULL, 0, -1);
}
