/* SPDX-License-Identifier: ISC */
/*
 * The tun device as a descriptor, on OpenBSD.  Called by the parent (open) and
 * by the engine (the rest).  Knows nothing of addresses or ESP.  Written after
 * tun(4); it is compiled, but has not run.
 *
 * A tun interface that was created before it is opened stays when it is
 * closed, marked not running; what is routed there then gets EHOSTDOWN.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

const char *const sys_statedir = "/var/db/secd";

/* sec0 is the kernel's own there, so `interface sec0 { device tun0 }'. */
int
sys_tun_needs_device(void)
{
	return 1;
}

/* "tun" and digits: it becomes a path. */
static int
name_ok(const char *device)
{
	size_t len = strlen(device);

	return len > 3 && len < IFNAMSIZ && strncmp(device, "tun", 3) == 0 &&
	    strspn(device + 3, "0123456789") == len - 3;
}

/* Make the interface, unless it is there. */
static int
create(const char *device)
{
	struct ifreq ifr;
	int fd, r, saved;

	if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	memset(&ifr, 0, sizeof(ifr));
	strlcpy(ifr.ifr_name, device, sizeof(ifr.ifr_name));
	r = ioctl(fd, SIOCIFCREATE, &ifr);
	if (r == -1 && errno == EEXIST)
		r = 0;
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

int
sys_tun_open(const char *device)
{
	char path[IFNAMSIZ + 8];

	if (!name_ok(device)) {
		errno = EINVAL;
		return -1;
	}
	if (create(device) == -1)
		return -1;
	snprintf(path, sizeof(path), "/dev/%s", device);
	return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

/*
 * The link state of a tun is up while it is open, and nothing changes that.
 * A tunnel without SAs drops and counts in the engine instead.
 */
int
sys_tun_carrier(int fd, int up)
{
	(void)fd;
	(void)up;
	return 0;
}

unsigned int
sys_tun_offload(int fd, unsigned int want)
{
	(void)fd;
	(void)want;
	return 0;
}

/*
 * Before each packet stand four octets, its address family; a packet is cut
 * to the room there is, so there is one octet more of it.
 */
ssize_t
sys_tun_read(int fd, struct esp_offload *off, void *buf, size_t size)
{
	uint8_t spare;
	uint32_t af;
	struct iovec iov[3] = {
		{ &af, sizeof(af) }, { buf, size }, { &spare, 1 }
	};
	ssize_t n;

	memset(off, 0, sizeof(*off));
	if ((n = readv(fd, iov, 3)) == -1)
		return -1;
	if ((size_t)n <= sizeof(af)) {
		errno = EIO;
		return -1;
	}
	n -= sizeof(af);
	if ((size_t)n > size) {
		errno = EMSGSIZE;
		return -1;
	}
	return n;
}

int
sys_tun_write(int fd, const struct esp_offload *off, const struct iovec *piece,
    int n)
{
	uint32_t af;
	struct iovec iov[SYS_PIECES + 1];
	int version = 0;

	if (n < 1 || n > SYS_PIECES || off->gso != ESP_GSO_NONE) {
		errno = EINVAL;
		return -1;
	}
	iov[0].iov_base = &af;
	iov[0].iov_len = sizeof(af);
	memcpy(iov + 1, piece, (size_t)n * sizeof(*piece));
	if (piece[0].iov_len > 0)
		version = *(const uint8_t *)piece[0].iov_base >> 4;
	if (version != 4 && version != 6) {
		errno = EINVAL;
		return -1;
	}
	af = htonl(version == 4 ? AF_INET : AF_INET6);
	return writev(fd, iov, n + 1) == -1 ? -1 : 0;
}
