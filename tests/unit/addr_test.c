/* SPDX-License-Identifier: ISC */
/* secd/addr.c: text, octets, socket addresses. */
#include <sys/types.h>
#include <sys/socket.h>

#include <string.h>

#include "secd/addr.h"
#include "tests/lib/tap.h"

static void
text(void)
{
	static const struct {
		const char	*in;
		int		 af;	/* 0: refused */
		int		 host;
	} t[] = {
		{ "192.0.2.1", AF_INET, 1 },
		{ "0.0.0.0", AF_INET, 0 },
		{ "255.255.255.255", AF_INET, 0 },
		{ "224.0.0.1", AF_INET, 0 },
		{ "239.1.2.3", AF_INET, 0 },
		{ "240.0.0.1", AF_INET, 1 },
		{ "2001:db8::1", AF_INET6, 1 },
		{ "::", AF_INET6, 0 },
		{ "ff02::1", AF_INET6, 0 },
		{ "192.0.2", 0, 0 },
		{ "192.0.2.256", 0, 0 },
		{ "2001:db8::1%lo", 0, 0 },
		{ "example", 0, 0 },
		{ "", 0, 0 },
	};
	char buf[ADDR_STRLEN];
	struct ip_addr a;
	size_t i;
	int r;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		r = addr_parse(t[i].in, &a);
		is(r, t[i].af == 0 ? -1 : 0, "parse '%s'", t[i].in);
		is(a.af, t[i].af, "family of '%s'", t[i].in);
		is(addr_is_host(&a), t[i].host, "'%s' as a host", t[i].in);
		ok(addr_valid(&a), "'%s' is well formed", t[i].in);
		if (r == 0)
			ok(strcmp(addr_print(&a, buf), t[i].in) == 0,
			    "prints as '%s'", t[i].in);
	}
	ok(strcmp(addr_print(&a, buf), "any") == 0, "none prints as any");
}

static void
octets(void)
{
	struct sockaddr_storage ss;
	struct ip_addr a, b;

	addr_parse("192.0.2.1", &a);
	b = a;
	ok(addr_equal(&a, &b), "equal");
	b.a[3] = 2;
	ok(!addr_equal(&a, &b), "not equal");
	b = a;
	b.a[4] = 1;
	ok(!addr_valid(&b), "octets beyond an IPv4 address");
	b = a;
	b.pad[2] = 1;
	ok(!addr_valid(&b), "padding that is not zero");
	b = a;
	b.af = 99;
	ok(!addr_valid(&b), "unknown family");
	ok(addr_to_sockaddr(&a, &ss) != 0 &&
	    addr_from_sockaddr(&b, (struct sockaddr *)&ss) == 0 &&
	    addr_equal(&a, &b), "IPv4 to a socket address and back");
	addr_parse("2001:db8::1", &a);
	ok(addr_to_sockaddr(&a, &ss) != 0 &&
	    addr_from_sockaddr(&b, (struct sockaddr *)&ss) == 0 &&
	    addr_equal(&a, &b), "IPv6 to a socket address and back");
	ss.ss_family = AF_UNIX;
	is(addr_from_sockaddr(&b, (struct sockaddr *)&ss), -1,
	    "a socket address of neither");
	is(b.af, 0, "gives none");
}

int
main(void)
{
	text();
	octets();
	return tap_done();
}
