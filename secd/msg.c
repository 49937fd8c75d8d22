/* SPDX-License-Identifier: ISC */
/*
 * The form of messages: which types there are, how long their bodies, and the
 * blocking read and write that secctl uses.  No event loop, no log.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/ipc.h"

static const struct {
	const char	*name;
	size_t		 len;
} types[MSG_MAX] = {
	[MSG_RESULT] = { "result", sizeof(struct msg_result) },
	[MSG_SA_ADD] = { "add sa", sizeof(struct sa_request) },
	[MSG_SA_REMOVE] = { "remove sa", sizeof(struct msg_sa_id) },
	[MSG_SA_FLUSH] = { "flush sa", sizeof(struct msg_name) },
	[MSG_SA_EXPIRE] = { "expire sa", sizeof(struct msg_sa_expire) },
	[MSG_SA_GETSPI] = { "getspi", sizeof(struct msg_getspi) },
	[MSG_SA_UPDATE] = { "update sa", sizeof(struct sa_request) },
	[MSG_SA_DELETE] = { "delete sa", sizeof(struct msg_sa_delete) },
	[MSG_SA_GET] = { "get sa", sizeof(struct msg_sa_id) },
	[MSG_OWNER_FLUSH] = { "flush owner", sizeof(struct sa_owner) },
	[MSG_SA_NARROW] = { "narrow sa", sizeof(struct msg_narrow) },
	[MSG_IKE_STIRS] = { "ike stirs", 0 },
	[MSG_SHOW_SA] = { "show sa", sizeof(struct msg_cursor) },
	[MSG_SHOW_IFACE] = { "show interfaces", sizeof(struct msg_cursor) },
	[MSG_SHOW_DROPS] = { "show drops", 0 },
	[MSG_SHOW_CRYPTO] = { "show crypto", 0 },
	[MSG_IFACE_CREATE] = { "create", sizeof(struct iface_conf) },
	[MSG_IFACE_DESTROY] = { "destroy", sizeof(struct msg_name) },
	[MSG_IFACE_UP] = { "interface up", sizeof(struct msg_name) },
	[MSG_IFACE_DOWN] = { "interface down", sizeof(struct msg_name) },
	[MSG_SHOW_DEVICE] = { "show device", sizeof(struct msg_name) },
	[MSG_SHOW_PROCESS] = { "show process", 0 },
	[MSG_RELOAD] = { "reload", 0 },
	[MSG_LOG_BRIEF] = { "log brief", 0 },
	[MSG_LOG_VERBOSE] = { "log verbose", 0 },
	[MSG_STOP] = { "stop", 0 },
	[MSG_STOP_DESTROY] = { "stop -d", 0 },
	[MSG_MONITOR] = { "monitor", 0 },
	[MSG_SHOW_CLIENTS] = { "show clients", 0 },
	[MSG_SA_ROW] = { "sa row", sizeof(struct msg_sa_row) },
	[MSG_SPI] = { "spi", sizeof(struct msg_spi) },
	[MSG_CLIENTS] = { "clients", sizeof(struct msg_clients) },
	[MSG_EXPIRED] = { "expired", sizeof(struct msg_expired) },
	[MSG_ACQUIRE] = { "acquire", sizeof(struct msg_acquire) },
	[MSG_SA_ROWS] = { "sa rows", sizeof(struct msg_sa_rows) },
	[MSG_IFACE_ROWS] = { "interface rows", sizeof(struct msg_iface_rows) },
	[MSG_DROPS] = { "drops", sizeof(struct msg_drops) },
	[MSG_CRYPTO] = { "crypto", sizeof(struct msg_crypto) },
	[MSG_DEVICE] = { "device", sizeof(struct msg_device) },
	[MSG_PROCESS] = { "process", sizeof(struct msg_process) },
	[MSG_EVENT] = { "event", sizeof(struct msg_event) },
	[MSG_CHANNEL] = { "channel", 0 },
	[MSG_LISTEN] = { "listen", sizeof(struct msg_listen) },
	[MSG_WIRE] = { "wire", sizeof(struct msg_wire) },
	[MSG_BYPASS] = { "bypass", sizeof(struct msg_bypass) },
	[MSG_CONF_BEGIN] = { "conf begin", 0 },
	[MSG_CONF_IFACE] = { "conf interface", sizeof(struct msg_conf_iface) },
	[MSG_CONF_SA] = { "conf sa", sizeof(struct msg_conf_sa) },
	[MSG_CONF_END] = { "conf end", 0 },
	[MSG_RESERVED] = { "reserved", sizeof(struct msg_reserved) },
	[MSG_VERBOSE] = { "verbose", sizeof(struct msg_verbose) },
	[MSG_QUIT] = { "quit", 0 },
	[MSG_READY] = { "ready", sizeof(struct msg_ready) },
	[MSG_CONF_DONE] = { "conf done", sizeof(struct msg_conf_done) },
	[MSG_RESERVE] = { "reserve", sizeof(struct msg_reserve) },
	[MSG_SEEN] = { "seen", sizeof(struct msg_seen) },
	[MSG_RELEASE] = { "release", sizeof(struct msg_release) },
	[MSG_CARRIER] = { "carrier", sizeof(struct msg_carrier) },
	[MSG_QUITTING] = { "quitting", 0 },
};

_Static_assert(sizeof(struct msg_sa_rows) <= IPC_BODY_MAX, "SA rows");
_Static_assert(sizeof(struct msg_iface_rows) <= IPC_BODY_MAX, "iface rows");
_Static_assert(sizeof(struct msg_clients) <= IPC_BODY_MAX, "clients");
_Static_assert(sizeof(struct msg_process) <= IPC_BODY_MAX, "process");
_Static_assert(sizeof(struct msg_drops) <= IPC_BODY_MAX, "drops");
_Static_assert(sizeof(struct msg_crypto) <= IPC_BODY_MAX, "crypto");

int
ipc_check(const struct ipc_hdr *h)
{
	if (h->version != IPC_VERSION || h->type == MSG_NONE ||
	    h->type >= MSG_MAX || types[h->type].name == NULL)
		return -1;
	return h->len == types[h->type].len ? 0 : -1;
}

const char *
ipc_name(unsigned int type)
{
	if (type >= MSG_MAX || types[type].name == NULL)
		return "unknown";
	return types[type].name;
}

int
text_ok(const char *field, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (field[i] == '\0')
			return 1;
		if (field[i] < ' ' || field[i] > '~')
			return 0;
	}
	return 0;
}

int
ipc_write(int fd, enum msg_type type, uint32_t id, const void *body,
    size_t len)
{
	struct ipc_hdr hdr = {
		.version = IPC_VERSION, .type = type, .len = (uint32_t)len,
		.id = id
	};
	struct iovec iov[2] = {
		{ &hdr, sizeof(hdr) },
		{ (void *)(uintptr_t)body, len }
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = sendmsg(fd, &mh, MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

int
ipc_read(int fd, struct ipc_hdr *hdr, void *body, size_t size)
{
	struct iovec iov[2] = { { hdr, sizeof(*hdr) }, { body, size } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = recvmsg(fd, &mh, 0);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	if (n == 0) {
		errno = ECONNRESET;
		return -1;
	}
	if ((size_t)n < sizeof(*hdr) || (mh.msg_flags & MSG_TRUNC) ||
	    (size_t)n != sizeof(*hdr) + hdr->len || ipc_check(hdr) == -1) {
		errno = EBADMSG;
		return -1;
	}
	return 0;
}
