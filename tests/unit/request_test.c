/* SPDX-License-Identifier: ISC */
/* secd/request.c and the text check of secd/msg.c: one fault at a time. */
#include <sys/socket.h>

#include <string.h>

#include "secd/ipc.h"
#include "secd/request.h"
#include "tests/lib/tap.h"

static struct iface_conf ic;
static struct sa_request sr;

static void
good_iface(void)
{
	iface_conf_init(&ic, "sec0");
	addr_parse("192.0.2.8", &ic.local);
	addr_parse("198.51.100.14", &ic.peer);
	ic.naddrs = 2;
	addr_parse("169.254.229.42", &ic.addrs[0].local);
	addr_parse("169.254.229.41", &ic.addrs[0].peer);
	ic.addrs[0].prefixlen = 30;
	addr_parse("fd00::2", &ic.addrs[1].local);
	ic.addrs[1].prefixlen = 126;
}

static void
good_sa(void)
{
	memset(&sr, 0, sizeof(sr));
	strcpy(sr.iface, "sec0");
	strcpy(sr.enc, "aes-256-gcm");
	addr_parse("192.0.2.8", &sr.src);
	addr_parse("198.51.100.14", &sr.dst);
	sr.spi = 0x1000;
	sr.keylen = 36;
}

#define BAD_IFACE(what, change) do {					\
	good_iface();							\
	change;								\
	ok(iface_conf_check(&ic) != NULL, "interface with " what);	\
} while (0)

#define BAD_SA(what, change) do {					\
	good_sa();							\
	change;								\
	ok(sa_request_check(&sr) != NULL, "SA with " what);		\
} while (0)

static void
ifaces(void)
{
	good_iface();
	ok(iface_conf_check(&ic) == NULL, "a good interface");
	ic.naddrs = 0;
	ic.mtu = 576;
	ok(iface_conf_check(&ic) == NULL, "small MTU without inet6");
	BAD_IFACE("a foreign name", strcpy(ic.name, "eth0"));
	BAD_IFACE("an unterminated name", memset(ic.name, '1',
	    sizeof(ic.name)));
	BAD_IFACE("a path for a device", strcpy(ic.device, "../tun0"));
	BAD_IFACE("an unterminated device", memset(ic.device, 'a',
	    sizeof(ic.device)));
	BAD_IFACE("an unterminated description", memset(ic.descr, 'a',
	    sizeof(ic.descr)));
	BAD_IFACE("a control character in it", strcpy(ic.descr, "a\033[2J"));
	BAD_IFACE("a local of family 99", ic.local.af = 99);
	BAD_IFACE("local and peer of two families",
	    addr_parse("2001:db8::1", &ic.peer));
	BAD_IFACE("a multicast peer", addr_parse("224.0.0.1", &ic.peer));
	BAD_IFACE("an unspecified local", addr_parse("0.0.0.0", &ic.local));
	BAD_IFACE("nine addresses", ic.naddrs = IFACE_NADDRS + 1);
	BAD_IFACE("an empty address", ic.naddrs = 3);
	BAD_IFACE("inet prefix 33", ic.addrs[0].prefixlen = 33);
	BAD_IFACE("inet6 prefix 129", ic.addrs[1].prefixlen = 129);
	BAD_IFACE("a far address of the other family",
	    addr_parse("fd00::1", &ic.addrs[0].peer));
	BAD_IFACE("a far address that is no host",
	    addr_parse("0.0.0.0", &ic.addrs[0].peer));
	BAD_IFACE("padding in an address", ic.addrs[0].pad[1] = 1);
	BAD_IFACE("mtu 575", ic.mtu = 575);
	BAD_IFACE("mtu 32769", ic.mtu = 32769);
	BAD_IFACE("mtu 1279 and inet6", ic.mtu = 1279);
	BAD_IFACE("replay 65537", ic.replay = 65537);
	BAD_IFACE("link state 2", ic.link = 2);
	BAD_IFACE("dynamic 2", ic.dynamic = 2);
	BAD_IFACE("down 2", ic.down = 2);
	BAD_IFACE("output 2", ic.output = 2);
}

static void
sas(void)
{
	good_sa();
	ok(sa_request_check(&sr) == NULL, "a good SA");
	sr.spi = 256;
	sr.seq = UINT32_MAX;
	sr.replay = 65536;
	ok(sa_request_check(&sr) == NULL, "an SA at its bounds");
	sr.flags = SA_F_ESN;
	sr.seq = UINT64_MAX;
	ok(sa_request_check(&sr) == NULL, "... with esn");
	BAD_SA("a foreign interface", strcpy(sr.iface, "lo"));
	BAD_SA("no cipher", sr.enc[0] = '\0');
	BAD_SA("an unterminated cipher", memset(sr.enc, 'a', sizeof(sr.enc)));
	BAD_SA("an unterminated auth", memset(sr.auth, 'a', sizeof(sr.auth)));
	BAD_SA("no src", memset(&sr.src, 0, sizeof(sr.src)));
	BAD_SA("no dst", memset(&sr.dst, 0, sizeof(sr.dst)));
	BAD_SA("src and dst of two families",
	    addr_parse("2001:db8::1", &sr.src));
	BAD_SA("spi 255", sr.spi = 255);
	BAD_SA("spi 0", sr.spi = 0);
	BAD_SA("replay 65537", sr.replay = 65537);
	BAD_SA("direction 3", sr.dir = 3);
	BAD_SA("an unknown flag", sr.flags = 0x8000);
	BAD_SA("a port without encapsulation", sr.dport = 4500);
	BAD_SA("encapsulation 2", sr.encap = 2);
	BAD_SA("no direction from one who must know", sr.dir = SA_ANY_DIR);
	BAD_SA("no interface from one who must know", sr.iface[0] = '\0');
	BAD_SA("an unterminated owner", memset(sr.owner.name, 'a',
	    sizeof(sr.owner.name)));
	BAD_SA("octets behind an owner", sr.owner.name[5] = 'a');
	BAD_SA("seq 2^32 without esn", sr.seq = UINT64_C(1) << 32);
	BAD_SA("keylen 65", sr.keylen = 65);
	BAD_SA("keylen 65535", sr.keylen = 65535);
	BAD_SA("authkeylen 65", sr.authkeylen = 65);
}

#define BAD_ENGINE(what, change) do {					\
	engine_conf_init(&ec);						\
	change;								\
	ok(engine_conf_check(&ec) != NULL, "engine with " what);	\
} while (0)

static void
engines(void)
{
	struct engine_conf ec;

	engine_conf_init(&ec);
	ok(engine_conf_check(&ec) == NULL, "the engine's defaults");
	is(ec.workers, 1, "one worker");
	is(ec.offload, OFFLOAD_ALL, "all offloads");
	is(ec.crypto, CRYPTO_AUTO, "any crypto");
	ec.workers = WORKERS_MAX;
	ec.offload = 0;
	ec.crypto = CRYPTO_IPSEC_MB;
	ok(engine_conf_check(&ec) == NULL, "an engine at its bounds");
	BAD_ENGINE("no worker", ec.workers = 0);
	BAD_ENGINE("17 workers", ec.workers = WORKERS_MAX + 1);
	BAD_ENGINE("an unknown offload", ec.offload = OFFLOAD_ALL + 1);
	BAD_ENGINE("an unknown crypto", ec.crypto = CRYPTO_IPSEC_MB + 1);
}

/* On the engine's command line. */
static void
engine_words(void)
{
	static const char *const bad[] = {
		"", "1", "1.31", "1.31.", "1.31.0.", "1.31.0 ", " 1.31.0",
		"1. 31.0", "+1.31.0", "01.31.0", "1.31.-0", "1,31,0", "1..0",
		"0.31.0", "17.31.0", "257.31.0", "1.32.0", "1.287.0",
		"1.31.3", "1.31.256", "1.31.0x0", "a.b.c",
		"4294967297.31.0", "1.31.0\n"
	};
	struct engine_conf a, b;
	char word[16];
	size_t i;
	unsigned int n;

	engine_conf_init(&a);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is(engine_conf_read(&a, bad[i]), -1, "engine word '%s'",
		    bad[i]);
	for (n = 0; n <= OFFLOAD_ALL; n++) {
		a.workers = (uint8_t)(1 + n % WORKERS_MAX);
		a.offload = (uint8_t)n;
		a.crypto = (uint8_t)(n % (CRYPTO_IPSEC_MB + 1));
		engine_conf_print(&a, word, sizeof(word));
		memset(&b, 0xff, sizeof(b));
		ok(engine_conf_read(&b, word) == 0 &&
		    memcmp(&a, &b, sizeof(a)) == 0, "engine word %s", word);
	}
}

static void
engine_names(void)
{
	const char *name;
	unsigned int i, all = 0;

	for (i = 0; (name = offload_name(i)) != NULL; i++)
		all |= 1U << i;
	is(all, OFFLOAD_ALL, "each offload has a name");
	ok(strcmp(offload_name(2), "merge") == 0, "merge is the third");
	ok(strcmp(crypto_name(CRYPTO_IPSEC_MB), "ipsec-mb") == 0 &&
	    crypto_name(CRYPTO_IPSEC_MB + 1) == NULL, "crypto has names");
}

static void
names(void)
{
	static const struct {
		const char	*name;
		int		 good;
	} t[] = {
		{ "sec0", 1 }, { "sec1", 1 }, { "sec123456789012", 1 },
		{ "sec1234567890123", 0 }, { "sec", 0 }, { "sec01", 0 },
		{ "sec-1", 0 }, { "sec1a", 0 }, { "Sec1", 0 }, { "", 0 },
		{ "tun0", 0 }, { "sec0/", 0 }, { "sec0\n", 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		is(iface_name_ok(t[i].name), t[i].good, "name %zu", i);
	ok(text_ok("abc", 4), "text that ends");
	ok(!text_ok("abc", 3), "text that does not");
	ok(!text_ok("a\tb", 4), "a tab in it");
	ok(!text_ok("a\377b", 4), "an octet above ASCII");
}

int
main(void)
{
	names();
	ifaces();
	sas();
	engines();
	engine_words();
	engine_names();
	return tap_done();
}
