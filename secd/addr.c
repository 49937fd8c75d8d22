/* SPDX-License-Identifier: ISC */
/*
 * IP addresses as octets: parse, print, compare, to and from the socket calls.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>

#include "secd/addr.h"

unsigned int
addr_len(uint8_t af)
{
	if (af == AF_INET)
		return 4;
	if (af == AF_INET6)
		return 16;
	return 0;
}

int
addr_parse(const char *s, struct ip_addr *a)
{
	memset(a, 0, sizeof(*a));
	a->af = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(a->af, s, a->a) == 1)
		return 0;
	memset(a, 0, sizeof(*a));
	return -1;
}

const char *
addr_print(const struct ip_addr *a, char buf[ADDR_STRLEN])
{
	if (addr_len(a->af) == 0 ||
	    inet_ntop(a->af, a->a, buf, ADDR_STRLEN) == NULL)
		snprintf(buf, ADDR_STRLEN, "any");
	return buf;
}

int
addr_valid(const struct ip_addr *a)
{
	unsigned int i;

	if (a->af != 0 && addr_len(a->af) == 0)
		return 0;
	if (a->pad[0] != 0 || a->pad[1] != 0 || a->pad[2] != 0)
		return 0;
	for (i = addr_len(a->af); i < sizeof(a->a); i++)
		if (a->a[i] != 0)
			return 0;
	return 1;
}

int
addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int
addr_is_host(const struct ip_addr *a)
{
	static const uint8_t zero[16];
	static const uint8_t ones[4] = { 255, 255, 255, 255 };

	if (addr_len(a->af) == 0 || memcmp(a->a, zero, sizeof(zero)) == 0)
		return 0;
	if (a->af == AF_INET6)
		return a->a[0] != 0xff;
	return (a->a[0] & 0xf0) != 0xe0 && memcmp(a->a, ones, 4) != 0;
}

socklen_t
addr_to_sockaddr(const struct ip_addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (a->af == AF_INET) {
		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, a->a, 4);
		return sizeof(*sin);
	}
	if (a->af == AF_INET6) {
		sin6->sin6_family = AF_INET6;
		memcpy(&sin6->sin6_addr, a->a, 16);
		return sizeof(*sin6);
	}
	return 0;
}

int
addr_from_sockaddr(struct ip_addr *a, const struct sockaddr *sa)
{
	memset(a, 0, sizeof(*a));
	if (sa->sa_family == AF_INET)
		memcpy(a->a, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	else if (sa->sa_family == AF_INET6)
		memcpy(a->a, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	else
		return -1;
	a->af = sa->sa_family;
	return 0;
}
