/* SPDX-License-Identifier: ISC */
/*
 * Is a request well formed?  Pure: the same octets give the same answer in
 * every process, and each that receives a request asks for itself.
 */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "secd/ipc.h"
#include "secd/request.h"

int
iface_name_ok(const char *name)
{
	size_t i, len = strnlen(name, IFACE_NAMELEN);

	if (len < 4 || len >= IFACE_NAMELEN || strncmp(name, "sec", 3) != 0)
		return 0;
	if (name[3] == '0' && len > 4)
		return 0;
	for (i = 3; i < len; i++)
		if (name[i] < '0' || name[i] > '9')
			return 0;
	return 1;
}

void
iface_conf_init(struct iface_conf *ic, const char *name)
{
	memset(ic, 0, sizeof(*ic));
	strncpy(ic->name, name, sizeof(ic->name) - 1);
	ic->mtu = IFACE_MTU_DEFAULT;
	ic->replay = IFACE_REPLAY_DEFAULT;
	ic->link = LINK_SA;
}

static const char *
check_addr(const struct iface_addr *ia)
{
	if (!addr_valid(&ia->local) || !addr_valid(&ia->peer))
		return "malformed address";
	if (!addr_is_host(&ia->local))
		return "inner address is not a host's";
	if (ia->peer.af != 0 && (ia->peer.af != ia->local.af ||
	    !addr_is_host(&ia->peer)))
		return "far address is not a host's of the same family";
	if (ia->prefixlen > 8 * addr_len(ia->local.af))
		return "prefix length too large";
	if (ia->pad[0] != 0 || ia->pad[1] != 0 || ia->pad[2] != 0)
		return "malformed address";
	return NULL;
}

/* A device name the kernel takes: OpenBSD's tun0, no path tricks. */
static int
device_ok(const char *s, size_t size)
{
	size_t i, len = strnlen(s, size);

	if (len == size)
		return 0;
	for (i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') ||
		    (s[i] >= '0' && s[i] <= '9')))
			return 0;
	return 1;
}

/* Outer addresses: each absent or a host's, both of one family. */
static const char *
check_outer(const struct ip_addr *local, const struct ip_addr *peer)
{
	if (!addr_valid(local) || !addr_valid(peer))
		return "malformed outer address";
	if (local->af != 0 && !addr_is_host(local))
		return "local address is not a host's";
	if (peer->af != 0 && !addr_is_host(peer))
		return "peer address is not a host's";
	if (local->af != 0 && peer->af != 0 && local->af != peer->af)
		return "local and peer are of different families";
	return NULL;
}

const char *
iface_conf_check(const struct iface_conf *ic)
{
	const char *why;
	size_t i;
	int inet6 = 0;

	if (!text_ok(ic->name, sizeof(ic->name)) || !iface_name_ok(ic->name))
		return "interface name is not sec and a number";
	if (!device_ok(ic->device, sizeof(ic->device)))
		return "malformed device name";
	if (!text_ok(ic->descr, sizeof(ic->descr)))
		return "malformed description";
	if ((why = check_outer(&ic->local, &ic->peer)) != NULL)
		return why;
	if (ic->naddrs > IFACE_NADDRS)
		return "too many inner addresses";
	for (i = 0; i < ic->naddrs; i++) {
		if ((why = check_addr(&ic->addrs[i])) != NULL)
			return why;
		inet6 |= ic->addrs[i].local.af == AF_INET6;
	}
	if (ic->mtu < IFACE_MTU_MIN || ic->mtu > IFACE_MTU_MAX)
		return "mtu out of range (576 to 32768)";
	if (inet6 && ic->mtu < IFACE_MTU_MIN6)
		return "mtu below 1280: the kernel would remove the inet6 "
		    "addresses";
	if (ic->replay > REPLAY_MAX)
		return "replay window out of range (0 to 65536)";
	if (ic->link != LINK_SA && ic->link != LINK_ADMIN)
		return "unknown link state";
	if (ic->dynamic > 1 || ic->down > 1)
		return "malformed flags";
	return NULL;
}

const char *
sa_request_check(const struct sa_request *r)
{
	if (!text_ok(r->iface, sizeof(r->iface)) || !iface_name_ok(r->iface))
		return "interface name is not sec and a number";
	if (!text_ok(r->enc, sizeof(r->enc)) || r->enc[0] == '\0')
		return "no cipher";
	if (!text_ok(r->auth, sizeof(r->auth)))
		return "malformed auth name";
	if (!addr_valid(&r->src) || !addr_valid(&r->dst))
		return "malformed src or dst";
	if (r->src.af == 0 || r->dst.af == 0)
		return "src and dst are both needed";
	if (!addr_is_host(&r->src) || !addr_is_host(&r->dst))
		return "src or dst is not a host's address";
	if (r->src.af != r->dst.af)
		return "src and dst are of different families";
	if (r->spi < 256)
		return "spi below 256 is reserved";
	if (r->replay > REPLAY_MAX)
		return "replay window out of range (0 to 65536)";
	if (r->dir != SA_IN && r->dir != SA_OUT)
		return "direction is neither in nor out";
	if ((r->flags & ~(SA_F_ESN | SA_F_REPLAY | SA_F_STATIC |
	    SA_F_CONF)) != 0 || r->pad != 0)
		return "unknown flags";
	if (!(r->flags & SA_F_ESN) && r->seq > UINT32_MAX)
		return "seq above 2^32 - 1 without esn";
	if (r->keylen > sizeof(r->key) || r->authkeylen > sizeof(r->authkey))
		return "key too long";
	return NULL;
}
