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
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <net/if.h>
#include <linux/if_tun.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

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
	/* these flags belong to a persistent device; others get EINVAL */
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI;
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

/*
 * The kernel cuts a packet to the room it finds, without a word, so there is
 * one octet more of it.
 */
ssize_t
sys_tun_read(int fd, void *buf, size_t size)
{
	uint8_t spare;
	struct iovec iov[2] = { { buf, size }, { &spare, 1 } };
	ssize_t n;

	if ((n = readv(fd, iov, 2)) == -1)
		return -1;
	if (n == 0) {
		errno = EIO;
		return -1;
	}
	if ((size_t)n > size) {
		errno = EMSGSIZE;
		return -1;
	}
	return n;
}

int
sys_tun_write(int fd, const void *buf, size_t len)
{
	return write(fd, buf, len) == -1 ? -1 : 0;
}
