/* SPDX-License-Identifier: ISC */
/*
 * Is a request well formed?  Pure: the same octets give the same answer in
 * every process, and each that receives a request asks for itself.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secd/ipc.h"
#include "secd/request.h"

_Static_assert(OFFLOAD_TSO == 1 << 0 && OFFLOAD_USO == 1 << 1 &&
    OFFLOAD_MERGE == 1 << 2 && OFFLOAD_GSO == 1 << 3 &&
    OFFLOAD_GRO == 1 << 4, "in the order of offload_name()");

void
engine_conf_init(struct engine_conf *ec)
{
	memset(ec, 0, sizeof(*ec));
	ec->workers = 1;
	ec->offload = OFFLOAD_ALL;
	ec->crypto = CRYPTO_AUTO;
}

const char *
engine_conf_check(const struct engine_conf *ec)
{
	if (ec->workers < 1 || ec->workers > WORKERS_MAX)
		return "workers out of range (1 to 16)";
	if ((ec->offload & ~OFFLOAD_ALL) != 0)
		return "unknown offload";
	if (ec->crypto > CRYPTO_IPSEC_MB)
		return "unknown crypto backend";
	return NULL;
}

void
engine_conf_print(const struct engine_conf *ec, char *buf, size_t size)
{
	snprintf(buf, size, "%u.%u.%u", ec->workers, ec->offload, ec->crypto);
}

int
engine_conf_read(struct engine_conf *ec, const char *s)
{
	unsigned char workers, offload, crypto;
	char same[16];

	if (sscanf(s, "%hhu.%hhu.%hhu", &workers, &offload, &crypto) != 3)
		return -1;
	ec->workers = workers;
	ec->offload = offload;
	ec->crypto = crypto;
	/* sscanf(3) takes signs, blanks, and numbers that do not fit */
	engine_conf_print(ec, same, sizeof(same));
	return strcmp(s, same) == 0 && engine_conf_check(ec) == NULL ? 0 : -1;
}

const char *
offload_name(unsigned int i)
{
	static const char *const names[] = {
		"tso", "uso", "merge", "gso", "gro"
	};

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

const char *
crypto_name(unsigned int choice)
{
	static const char *const names[] = {
		[CRYPTO_AUTO] = "auto",
		[CRYPTO_LIBCRYPTO] = "libcrypto",
		[CRYPTO_IPSEC_MB] = "ipsec-mb"
	};

	return choice < sizeof(names) / sizeof(names[0]) ? names[choice] :
	    NULL;
}

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
	ic->encap = ENCAP_AUTO;
	ic->switch_delay = IFACE_SWITCH_DEFAULT;
	ic->drain = IFACE_DRAIN_DEFAULT;
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
	if (ic->dynamic > 1 || ic->down > 1 || ic->acquire > 1 ||
	    ic->nofollow > 1 || ic->output > OUTPUT_PACKET ||
	    ic->pad2 != 0)
		return "malformed flags";
	if (ic->encap > ENCAP_PORT)
		return "unknown encapsulation";
	if ((ic->encap == ENCAP_PORT) != (ic->encap_port != 0))
		return "encapsulation port out of range (1 to 65535)";
	if (ic->encap == ENCAP_PORT && (ic->encap_port == UDP_ENCAP_PORT ||
	    ic->encap_port == 500))
		return "ports 500 and 4500 are IKE's: use encap udp";
	if (ic->switch_delay > IFACE_SECONDS_MAX)
		return "switch delay out of range (0 to 300)";
	if (ic->drain > IFACE_SECONDS_MAX)
		return "drain out of range (0 to 300)";
	return NULL;
}

int
sa_owner_ok(const struct sa_owner *o)
{
	size_t i;

	if (!text_ok(o->name, sizeof(o->name)))
		return 0;
	for (i = strlen(o->name); i < sizeof(o->name); i++)
		if (o->name[i] != '\0')
			return 0;
	return 1;
}

int
sa_owner_equal(const struct sa_owner *a, const struct sa_owner *b)
{
	return a->uid == b->uid && memcmp(a->name, b->name,
	    sizeof(a->name)) == 0;
}

/* What new SAs and changes have in common. */
static const char *
check_common(const struct sa_request *r)
{
	if (!sa_owner_ok(&r->owner))
		return "malformed owner";
	/* an IKE daemon may leave the interface to the engine */
	if (!text_ok(r->iface, sizeof(r->iface)) ||
	    (!iface_name_ok(r->iface) &&
	    !((r->flags & SA_F_IKE) && r->iface[0] == '\0')))
		return "interface name is not sec and a number";
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
	if (r->dir > SA_ANY_DIR ||
	    (r->dir == SA_ANY_DIR && !(r->flags & SA_F_IKE)))
		return "direction is neither in nor out";
	if ((r->flags & ~(SA_F_ESN | SA_F_REPLAY | SA_F_STATIC |
	    SA_F_CONF | SA_F_IKE)) != 0)
		return "unknown flags";
	if (r->encap > 1 || (!r->encap && (r->sport != 0 || r->dport != 0)))
		return "malformed encapsulation";
	return NULL;
}

const char *
sa_change_check(const struct sa_request *r)
{
	if (r->keylen != 0 || r->authkeylen != 0)
		return "keys cannot be changed";
	return check_common(r);
}

const char *
sa_request_check(const struct sa_request *r)
{
	const char *why;

	if ((why = check_common(r)) != NULL)
		return why;
	if (!text_ok(r->enc, sizeof(r->enc)) || r->enc[0] == '\0')
		return "no cipher";
	if (!text_ok(r->auth, sizeof(r->auth)))
		return "malformed auth name";
	if (r->replay > REPLAY_MAX)
		return "replay window out of range (0 to 65536)";
	if (!(r->flags & SA_F_ESN) && r->seq > UINT32_MAX)
		return "seq above 2^32 - 1 without esn";
	if (r->keylen > sizeof(r->key) || r->authkeylen > sizeof(r->authkey))
		return "key too long";
	return NULL;
}
