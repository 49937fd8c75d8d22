/* SPDX-License-Identifier: ISC */
/*
 * Packets past the kernel's output of IP: not on OpenBSD, where bpf(4) takes
 * one at a time and so would gain nothing.  Called where Linux's are; nothing
 * is sent by any of these, since there is never a socket for it.
 */
#include <errno.h>
#include <stdio.h>

#include "secd/sys/sys.h"

int
sys_packet_socket(void)
{
	errno = EOPNOTSUPP;
	return -1;
}

int
sys_packet_send(int fd, const struct sys_hop *hop, uint16_t *ident,
    struct sys_dgram *d, int n)
{
	(void)fd;
	(void)hop;
	(void)ident;
	(void)d;
	(void)n;
	errno = EOPNOTSUPP;
	return 0;
}

int
sys_route_socket(int events)
{
	(void)events;
	errno = EOPNOTSUPP;
	return -1;
}

int
sys_route_ask(int fd, const struct ip_addr *src, const struct ip_addr *dst,
    struct sys_route *route, char *why, size_t size)
{
	(void)fd;
	(void)src;
	(void)dst;
	(void)route;
	snprintf(why, size, "not on this system");
	return -1;
}

int
sys_route_read(int fd, void (*cb)(const struct sys_route_event *, void *),
    void *arg)
{
	(void)fd;
	(void)cb;
	(void)arg;
	return 0;
}
