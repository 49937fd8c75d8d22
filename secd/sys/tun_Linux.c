/* SPDX-License-Identifier: ISC */
/*
 * The tun device as a descriptor, on Linux.  Called by the parent (open) and
 * by the engine (the rest).  Knows nothing of addresses or ESP.
 *
 * What the kernel does, as tests/unit/tun_test.c shows: a device that is made
 * persistent stays when the last descriptor goes, loses its carrier then and
 * discards what is routed there, counted as tx_dropped.  Attaching to it gives
 * the carrier back.  It can be attached to once: while any process still has a
 * duplicate of the descriptor, another open gets EBUSY.
 *
 * Each packet has a struct virtio_net_hdr before it, of the host's byte order.
 * It says what the packet stands for, if it is a super-packet.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

/* Linux 6.2; the headers may be older than the kernel */
#ifndef TUN_F_USO4
#define TUN_F_USO4	0x20
#define TUN_F_USO6	0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

const char *const sys_statedir = "/var/lib/secd";

int
sys_tun_needs_device(void)
{
	return 0;
}

/* The kernel takes % for a pattern, and some names can not be devices. */
static int
name_ok(const char *device)
{
	size_t len = strlen(device);

	return len > 0 && len < IFNAMSIZ && strpbrk(device, "%/: ") == NULL &&
	    strcmp(device, ".") != 0 && strcmp(device, "..") != 0;
}

int
sys_tun_open(const char *device)
{
	struct ifreq ifr;
	int fd, saved;

	if (!name_ok(device)) {
		errno = EINVAL;
		return -1;
	}
	if ((fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) == -1)
		return -1;
	memset(&ifr, 0, sizeof(ifr));
	strlcpy(ifr.ifr_name, device, sizeof(ifr.ifr_name));
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &ifr) == -1 ||
	    ioctl(fd, TUNSETPERSIST, 1) == -1) {
		/* a device that was made just now goes with the descriptor */
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
sys_tun_carrier(int fd, int up)
{
	int carrier = up != 0;

	return ioctl(fd, TUNSETCARRIER, &carrier);
}

/* UDP came to the kernel long after TCP, and both families at once. */
unsigned int
sys_tun_offload(int fd, unsigned int want)
{
	const unsigned long uso = TUN_F_USO4 | TUN_F_USO6;
	const unsigned long tso = TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	unsigned long flags;

	want &= SYS_TSO | SYS_USO;
	for (;;) {
		flags = want != 0 ? TUN_F_CSUM : 0;
		if (want & SYS_TSO)
			flags |= tso;
		if (want & SYS_USO)
			flags |= uso;
		if (want == 0 || ioctl(fd, TUNSETOFFLOAD, flags) == 0)
			break;
		want &= (want & SYS_USO) ? SYS_TSO : 0;
	}
	if (want == 0)
		ioctl(fd, TUNSETOFFLOAD, 0UL);
	return want;
}

static void
from_vnet(struct esp_offload *off, const struct virtio_net_hdr *vh)
{
	memset(off, 0, sizeof(*off));
	if (vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		off->csum = 1;
		off->csum_start = vh->csum_start;
		off->csum_offset = vh->csum_offset;
	}
	off->size = vh->gso_size;
	off->ecn = (vh->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;
	switch (vh->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		off->size = 0;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		off->gso = ESP_GSO_TCP4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		off->gso = ESP_GSO_TCP6;
		break;
	default:	/* no other was asked for */
		off->gso = ESP_GSO_UDP;
		break;
	}
}

static void
to_vnet(struct virtio_net_hdr *vh, const struct esp_offload *off)
{
	static const uint8_t types[] = {
		[ESP_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
		[ESP_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
		[ESP_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
		[ESP_GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4,
	};

	memset(vh, 0, sizeof(*vh));
	vh->gso_type = types[off->gso];
	vh->gso_size = off->size;
	if (off->csum) {
		vh->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		vh->csum_start = off->csum_start;
		vh->csum_offset = off->csum_offset;
	}
}

/*
 * The kernel cuts a packet to the room it finds, without a word, so there is
 * one octet more of it.
 */
ssize_t
sys_tun_read(int fd, struct esp_offload *off, void *buf, size_t size)
{
	struct virtio_net_hdr vh;
	uint8_t spare;
	struct iovec iov[3] = {
		{ &vh, sizeof(vh) }, { buf, size }, { &spare, 1 }
	};
	ssize_t n;

	if ((n = readv(fd, iov, 3)) == -1)
		return -1;
	if ((size_t)n <= sizeof(vh)) {
		errno = EIO;
		return -1;
	}
	n -= sizeof(vh);
	if ((size_t)n > size) {
		errno = EMSGSIZE;
		return -1;
	}
	from_vnet(off, &vh);
	return n;
}

int
sys_tun_write(int fd, const struct esp_offload *off, const struct iovec *piece,
    int n)
{
	struct virtio_net_hdr vh;
	struct iovec iov[SYS_PIECES + 1];

	if (n < 1 || n > SYS_PIECES) {
		errno = EINVAL;
		return -1;
	}
	to_vnet(&vh, off);
	iov[0].iov_base = &vh;
	iov[0].iov_len = sizeof(vh);
	memcpy(iov + 1, piece, (size_t)n * sizeof(*piece));
	return writev(fd, iov, n + 1) == -1 ? -1 : 0;
}
