/* SPDX-License-Identifier: ISC */
/*
 * secctl's parser: every command in full and as short as it goes, every
 * ambiguity, every complaint, and how lines are cut into words.
 */
#include <ctype.h>
#include <string.h>

#include "secctl/secctl.h"
#include "tests/lib/tap.h"

#define NELEMS(a)	(sizeof(a) / sizeof((a)[0]))

static struct command	cmd;
static char		why[CTL_WHYLEN];
static char		copy[1024];	/* the words of the last parse() */

static int
parse(const char *text)
{
	char *words[CTL_WORDS], w[CTL_WHYLEN];
	int n;

	snprintf(copy, sizeof(copy), "%s", text);
	if ((n = parser_split(copy, words, w)) == -1)
		return -1;
	return parser_parse(&cmd, n, words, why);
}

/* --- what is understood --- */

#define KEY	" enc aes-256-gcm key file k"
#define ENDS	" spi 256 src ::1 dst ::2"
#define VERBS	"add, create, destroy, expire, flush, genkey, help, " \
		"interface, log, monitor, reload, remove, show, stop"
#define CREATES	"local, peer, inet, inet6, mtu, encap, acquire, output"

static const struct {
	const char	*text;
	enum action	 action;
	const char	*name;
} good[] = {
	{ "add sa sec0 in spi 0x1001 src 192.0.2.1 dst 192.0.2.2" KEY,
	    ACT_ADD_SA, "sec0" },
	{ "a s sec0 o sp 256 sr ::1 d ::2 enc aes-128-gcm k f -", ACT_ADD_SA,
	    "sec0" },
	{ "create sec1", ACT_CREATE, "sec1" },
	{ "c sec1", ACT_CREATE, "sec1" },
	{ "destroy sec1", ACT_DESTROY, "sec1" },
	{ "d sec1", ACT_DESTROY, "sec1" },
	{ "expire soft spi 0x1000 dst 192.0.2.1", ACT_EXPIRE_SOFT, "" },
	{ "e h d ::1 s 256", ACT_EXPIRE_HARD, "" },
	{ "flush sa", ACT_FLUSH_SA, "" },
	{ "f s sec4294967295", ACT_FLUSH_SA, "sec4294967295" },
	{ "genkey aes-192-gcm", ACT_GENKEY, "" },
	{ "g aes-256-gcm", ACT_GENKEY, "" },
	{ "genkey aes-128 hmac-sha1", ACT_GENKEY, "" },
	{ "add sa sec0 out" ENDS " enc aes-256 auth hmac-sha2-256 key file k",
	    ACT_ADD_SA, "sec0" },
	{ "add sa sec0 out key file k auth hmac-sha1" ENDS " enc aes-128",
	    ACT_ADD_SA, "sec0" },
	{ "help", ACT_HELP, "" },
	{ "h show", ACT_HELP, "" },
	{ "interface sec2 up", ACT_UP, "sec2" },
	{ "i sec2 u", ACT_UP, "sec2" },
	{ "interface sec2 down", ACT_DOWN, "sec2" },
	{ "int sec2 d", ACT_DOWN, "sec2" },
	{ "log brief", ACT_LOG_BRIEF, "" },
	{ "l b", ACT_LOG_BRIEF, "" },
	{ "log verbose", ACT_LOG_VERBOSE, "" },
	{ "l v", ACT_LOG_VERBOSE, "" },
	{ "monitor", ACT_MONITOR, "" },
	{ "m", ACT_MONITOR, "" },
	{ "reload", ACT_RELOAD, "" },
	{ "rel", ACT_RELOAD, "" },
	{ "remove sa spi 0xffffffff dst 2001:db8::1", ACT_REMOVE_SA, "" },
	{ "rem s d 192.0.2.1 s 4096", ACT_REMOVE_SA, "" },
	{ "show", ACT_SHOW_IFACE, "" },
	{ "sh", ACT_SHOW_IFACE, "" },
	{ "show interfaces", ACT_SHOW_IFACE, "" },
	{ "sh i sec0", ACT_SHOW_IFACE, "sec0" },
	{ "show sa", ACT_SHOW_SA, "" },
	{ "sh s sec0", ACT_SHOW_SA, "sec0" },
	{ "show clients", ACT_SHOW_CLIENTS, "" },
	{ "show crypto", ACT_SHOW_CRYPTO, "" },
	{ "sh cl", ACT_SHOW_CLIENTS, "" },
	{ "show drops", ACT_SHOW_DROPS, "" },
	{ "sh d", ACT_SHOW_DROPS, "" },
	{ "show process", ACT_SHOW_PROCESS, "" },
	{ "sh p", ACT_SHOW_PROCESS, "" },
	{ "stop", ACT_STOP, "" },
	{ "st", ACT_STOP, "" },
	{ "stop -d", ACT_STOP_DESTROY, "" },
};

static void
test_good(void)
{
	size_t i;
	int rc;

	for (i = 0; i < NELEMS(good); i++) {
		rc = parse(good[i].text);
		ok(rc == 0 && cmd.action == good[i].action &&
		    strcmp(cmd.name, good[i].name) == 0, "%s", good[i].text);
		if (rc == -1)
			printf("# %s\n", why);
	}
}

/* --- what is not --- */

static const struct {
	const char	*text;
	const char	*complaint;	/* exactly */
} wrong[] = {
	{ "frob", "'frob' is unknown here; possible: " VERBS },
	{ "s", "'s' is ambiguous: show, stop" },
	{ "r", "'r' is ambiguous: reload, remove" },
	{ "re", "'re' is ambiguous: reload, remove" },
	{ "shows", "'shows' is unknown here; possible: " VERBS },
	{ "\"\"", "'' is unknown here; possible: " VERBS },
	{ "help re", "help: 're' is ambiguous: reload, remove" },
	{ "add", "add: something is missing at the end: sa" },
	{ "add frob", "add: 'frob' is unknown here; possible: sa" },
	{ "add sa", "add sa: something is missing at the end: IFACE" },
	{ "add sa eth0", "add sa: 'eth0' is not an interface of secd's (sec "
	    "and a number, such as sec0)" },
	{ "destroy sec01", "destroy: 'sec01' is not an interface of secd's "
	    "(sec and a number, such as sec0)" },
	{ "destroy sec1234567890123", "destroy: 'sec1234567890123' is not an "
	    "interface of secd's (sec and a number, such as sec0)" },
	{ "destroy", "destroy: something is missing at the end: IFACE" },
	{ "destroy sec0 now", "destroy: 'now' is one word too many" },
	{ "add sa sec0", "add sa: something is missing at the end: in, out" },
	{ "add sa sec0 both", "add sa: 'both' is unknown here; possible: in, "
	    "out" },
	{ "add sa sec0 in", "add sa: missing: spi, src, dst, enc, "
	    "key" },
	{ "add sa sec0 in s", "add sa: 's' is ambiguous: spi, src, seq" },
	{ "add sa sec0 in e", "add sa: 'e' is ambiguous: enc, esn, encap" },
	{ "add sa sec0 in en", "add sa: 'en' is ambiguous: enc, encap" },
	{ "add sa sec0 in spi", "add sa: something is missing at the end: "
	    "SPI" },
	{ "add sa sec0 in spi 1 spi 2", "add sa: spi 1 is reserved: the "
	    "lowest is 256" },
	{ "add sa sec0 in spi 255", "add sa: spi 255 is reserved: the lowest "
	    "is 256" },
	{ "add sa sec0 in spi 4294967296", "add sa: spi 4294967296 is out of "
	    "range (256 to 4294967295)" },
	{ "add sa sec0 in spi -1", "add sa: spi '-1' is not a number" },
	{ "add sa sec0 in spi 0x", "add sa: spi '0x' is not a number" },
	{ "add sa sec0 in spi 0x-1", "add sa: spi '0x-1' is not a number" },
	{ "add sa sec0 in spi 4k", "add sa: spi '4k' is not a number" },
	{ "add sa sec0 in spi 99999999999999999999", "add sa: spi "
	    "'99999999999999999999' is not a number" },
	{ "add sa sec0 in spi 256 spi 256", "add sa: spi is given twice" },
	{ "add sa sec0 in src 192.0.2.300", "add sa: src '192.0.2.300' is not "
	    "an IP address" },
	{ "add sa sec0 in dst 224.0.0.1", "add sa: dst 224.0.0.1 is not a "
	    "host's address" },
	{ "add sa sec0 in dst 0.0.0.0", "add sa: dst 0.0.0.0 is not a host's "
	    "address" },
	{ "add sa sec0 in esn esn", "add sa: esn is given twice" },
	{ "add sa sec0 in replay 65537", "add sa: replay 65537 is out of "
	    "range (0 to 65536)" },
	{ "add sa sec0 in seq x", "add sa: seq 'x' is not a number" },
	{ "add sa sec0 in encap 4500 4500", "add sa: not supported yet: "
	    "encap" },
	{ "add sa sec0 in enc aes-256 key", "add sa: something is missing at "
	    "the end: file" },
	{ "add sa sec0 in" ENDS " enc aes-256 key file k", "add sa: aes-256 "
	    "needs an auth: auth hmac-sha2-256 (or hmac-sha1, hmac-sha2-384, "
	    "hmac-sha2-512)" },
	{ "add sa sec0 in" ENDS KEY " auth hmac-sha2-256", "add sa: "
	    "aes-256-gcm authenticates itself, leave auth out" },
	{ "genkey aes-128", "genkey: aes-128 needs an auth: hmac-sha2-256 (or "
	    "hmac-sha1, hmac-sha2-384, hmac-sha2-512)" },
	{ "genkey chacha20-poly1305 hmac-sha1", "genkey: chacha20-poly1305 "
	    "authenticates itself, leave auth out" },
	{ "genkey aes-128 hmac-sha1 hmac-sha1", "genkey: 'hmac-sha1' is one "
	    "word too many" },
	{ "genkey des", "genkey: unknown cipher 'des'; possible: aes-128-gcm, "
	    "aes-192-gcm, aes-256-gcm, chacha20-poly1305, aes-128, aes-192, "
	    "aes-256" },
	{ "genkey", "genkey: something is missing at the end: CIPHER" },
	{ "add sa sec0 in auth crc32", "add sa: unknown auth 'crc32'; "
	    "possible: hmac-sha1, hmac-sha2-256, hmac-sha2-384, "
	    "hmac-sha2-512" },
	{ "add sa sec0 in auth hmac-sha1 auth hmac-sha1", "add sa: auth is "
	    "given twice" },
	{ "add sa sec0 in key file a key file a", "add sa: key is given "
	    "twice" },
	{ "add sa sec0 in" ENDS " enc aes-256-gcm", "add sa: missing: key" },
	{ "expire", "expire: something is missing at the end: soft, hard" },
	{ "expire now", "expire: 'now' is unknown here; possible: soft, "
	    "hard" },
	{ "expire soft", "expire soft: missing: spi, dst" },
	{ "expire hard dst ::1", "expire hard: missing: spi" },
	{ "create sec1 encap", "create: something is missing at the end: "
	    "auto, udp, none, port" },
	{ "create sec1 encap tcp", "create: 'tcp' is unknown here; possible: "
	    "auto, udp, none, port" },
	{ "create sec1 encap port", "create: something is missing at the end: "
	    "PORT" },
	{ "create sec1 encap port 0", "create: encap port 0 is out of range "
	    "(1 to 65535)" },
	{ "create sec1 encap port 65536", "create: encap port 65536 is out of "
	    "range (1 to 65535)" },
	{ "create sec1 encap port 4500", "create: ports 500 and 4500 are "
	    "IKE's: use encap udp" },
	{ "create sec1 encap udp encap udp", "create: encap is given twice" },
	{ "create sec1 acquire", "create: something is missing at the end: "
	    "yes, no" },
	{ "create sec1 acquire no acquire no", "create: acquire is given "
	    "twice" },
	{ "create sec1 output", "create: something is missing at the end: "
	    "raw, packet" },
	{ "create sec1 output tap", "create: 'tap' is unknown here; possible: "
	    "raw, packet" },
	{ "create sec1 output raw output raw", "create: output is given "
	    "twice" },
	{ "add sa sec0 in enc aes-256-gcm key 00112233", "add sa: '00112233' "
	    "is unknown here; possible: file" },
	{ "add sa sec0 in enc aes-256-gcm key file ''", "add sa: the key file "
	    "has an empty name" },
	{ "add sa sec0 in spi 256 src 192.0.2.1 dst ::1" KEY, "add sa: src "
	    "and dst are of different families" },
	{ "add sa sec0 in spi 256 src ::2 dst ::1 seq 4294967296" KEY,
	    "add sa: seq above 2^32 - 1 without esn" },
	{ "add sa sec0 in spi 256 src ::2" KEY " frob", "add sa: 'frob' is "
	    "unknown here; possible: dst, auth, esn, replay, seq" },
	{ "create", "create: something is missing at the end: IFACE" },
	{ "create sec1 mtu 575", "create: mtu 575 is out of range (576 to "
	    "32768)" },
	{ "create sec1 mtu auto", "create: not supported yet: mtu auto" },
	{ "create sec1 mtu 600 inet6 fd00::1/64", "create: mtu below 1280: "
	    "the kernel would remove the inet6 addresses" },
	{ "create sec1 inet 10.0.0.1", "create: inet '10.0.0.1' lacks its "
	    "prefix length (such as /30)" },
	{ "create sec1 inet6 fd00::1", "create: inet6 'fd00::1' lacks its "
	    "prefix length (such as /126)" },
	{ "create sec1 inet 10.0.0.1/33", "create: prefix length 33 is out of "
	    "range (0 to 32)" },
	{ "create sec1 inet fd00::1/64", "create: inet 'fd00::1/64' is not an "
	    "IPv4 address" },
	{ "create sec1 inet6 10.0.0.1/8", "create: inet6 '10.0.0.1/8' is not "
	    "an IPv6 address" },
	{ "create sec1 inet 10.0.0.1/30 fd00::1", "create: far address "
	    "fd00::1 is of the other family" },
	{ "create sec1 inet 10.0.0.1/30 10.0.0", "create: far address "
	    "'10.0.0' is not an IP address" },
	{ "create sec1 10.0.0.1", "create: '10.0.0.1' is unknown here; "
	    "possible: " CREATES },
	{ "create sec1 inet 10.0.0.1/30 10.0.0.2 10.0.0.3", "create: "
	    "'10.0.0.3' is unknown here; possible: " CREATES },
	{ "create sec1 i", "create: 'i' is ambiguous: inet, inet6" },
	{ "create sec1 local ::1 local ::2", "create: local is given twice" },
	{ "create sec1 local ::1 peer 192.0.2.1", "create: local and peer are "
	    "of different families" },
	{ "interface sec1", "interface: something is missing at the end: up, "
	    "down" },
	{ "log loud", "log: 'loud' is unknown here; possible: brief, "
	    "verbose" },
	{ "log", "log: something is missing at the end: brief, verbose" },
	{ "monitor 1", "monitor: '1' is one word too many" },
	{ "remove sa spi 300", "remove sa: missing: dst" },
	{ "remove sa", "remove sa: missing: spi, dst" },
	{ "remove sa spi 300 spi 300", "remove sa: spi is given twice" },
	{ "show frob", "show: 'frob' is unknown here; possible: interfaces, "
	    "sa, clients, crypto, drops, process" },
	{ "show -j", "show: '-j' is unknown here (options go before the "
	    "command); possible: interfaces, sa, clients, crypto, drops, "
	    "process" },
	{ "show sa lo", "show sa: 'lo' is not an interface of secd's (sec and "
	    "a number, such as sec0)" },
	{ "stop -", "stop: '-' is unknown here; possible: -d" },
	{ "stop -d -d", "stop: '-d' is one word too many" },
	{ "", "something is missing at the end: " VERBS },
};

static void
test_wrong(void)
{
	size_t i;
	int rc;

	for (i = 0; i < NELEMS(wrong); i++) {
		rc = parse(wrong[i].text);
		if (!ok(rc == -1 && strcmp(why, wrong[i].complaint) == 0,
		    "refused: %s", wrong[i].text))
			printf("# got:      %s\n# expected: %s\n",
			    rc == -1 ? why : "(no complaint)",
			    wrong[i].complaint);
	}
}

/* --- abbreviations, of every verb at every length --- */

static int
sharing(const char *prefix, size_t len)
{
	const char *v;
	size_t i;
	int n = 0;

	for (i = 0; (v = parser_verb(i)) != NULL; i++)
		n += strncmp(v, prefix, len) == 0;
	return n;
}

/* `help PREFIX` finds the verb that begins so, if just one does. */
static void
test_prefixes(void)
{
	char text[64];
	const char *v;
	size_t i, len;
	int rc, good_all;

	for (i = 0; (v = parser_verb(i)) != NULL; i++) {
		good_all = 1;
		for (len = 1; len <= strlen(v); len++) {
			snprintf(text, sizeof(text), "help %.*s", (int)len, v);
			rc = parse(text);
			if (sharing(v, len) > 1)
				good_all &= rc == -1 &&
				    strstr(why, "ambiguous") != NULL &&
				    strstr(why, v) != NULL;
			else
				good_all &= rc == 0 && cmd.topic != NULL &&
				    strcmp(cmd.topic, v) == 0;
		}
		ok(good_all, "every prefix of %s means it or is ambiguous", v);
	}
	is(i, 14, "fourteen verbs");
}

static void
test_help(void)
{
	const char *v, *form, *meaning;
	size_t i, all = 0, listed = 0;

	for (i = 0; (v = parser_verb(i)) != NULL; i++) {
		ok(parser_help(0, v, &form, &meaning) == 0 &&
		    strncmp(form, v, strlen(v)) == 0 && meaning[0] != '\0',
		    "help on %s", v);
		while (parser_help(listed, v, &form, &meaning) == 0)
			listed++;
		all += listed;
		listed = 0;
	}
	for (i = 0; parser_help(i, NULL, &form, &meaning) == 0; i++)
		;
	is(i, all, "the whole help is that of the verbs");
}

/* --- what a command holds --- */

static int
is_addr(const struct ip_addr *a, const char *text)
{
	char buf[ADDR_STRLEN];

	return strcmp(addr_print(a, buf), text) == 0;
}

static void
test_add(void)
{
	const struct sa_request *r = &cmd.sa;

	ok(parse("add sa sec3 out seq 0x100000000 replay 0 esn "
	    "enc aes-192-gcm key file '/a b/k' dst 2001:db8::2 "
	    "src 2001:db8::1 spi 0xabcdef01") == 0,
	    "add sa, its words the other way round");
	ok(strcmp(r->iface, "sec3") == 0, "interface");
	is(r->dir, SA_OUT, "direction");
	is(r->spi, 0xabcdef01, "spi");
	is(r->seq, 0x100000000, "seq");
	is(r->replay, 0, "replay");
	is(r->flags, SA_F_ESN | SA_F_REPLAY | SA_F_STATIC, "flags");
	ok(is_addr(&r->src, "2001:db8::1") && is_addr(&r->dst, "2001:db8::2"),
	    "addresses");
	ok(strcmp(r->enc, "aes-192-gcm") == 0 && r->auth[0] == '\0' &&
	    cmd.suite == esp_suite_find("aes-192-gcm", NULL), "suite");
	ok(strcmp(cmd.keyfile, "/a b/k") == 0, "key file");
	is(r->keylen, 0, "no key");

	ok(parse("add sa sec0 in key file k auth hmac-sha2-384" ENDS
	    " enc aes-192") == 0 && strcmp(r->enc, "aes-192") == 0 &&
	    strcmp(r->auth, "hmac-sha2-384") == 0 && cmd.suite ==
	    esp_suite_find("aes-192", "hmac-sha2-384"), "a suite of two keys");

	ok(parse("add sa sec0 in spi 256 src 192.0.2.1 dst 192.0.2.2" KEY) ==
	    0 && r->flags == SA_F_STATIC && r->seq == 0 && r->dir == SA_IN,
	    "add sa, nothing but what is needed");
	ok(parse("add sa sec0 in spi 256 src ::2 dst ::1 esn "
	    "seq 18446744073709551615" KEY) == 0 && r->seq == UINT64_MAX,
	    "the highest seq");
}

static void
test_create(void)
{
	const struct iface_conf *ic = &cmd.iface;

	ok(parse("create sec7") == 0 && strcmp(ic->name, "sec7") == 0 &&
	    ic->mtu == IFACE_MTU_DEFAULT && ic->dynamic == 1 &&
	    ic->replay == IFACE_REPLAY_DEFAULT && ic->naddrs == 0,
	    "create with defaults");
	ok(parse("create sec7 mtu 1400 peer 192.0.2.2 local 192.0.2.1 "
	    "inet 10.0.0.1/30 10.0.0.2 inet6 fd00::1/126 inet 10.1.0.1/32 "
	    "inet6 fd01::1/64 fd01::2") == 0, "create with everything");
	is(ic->mtu, 1400, "mtu");
	ok(is_addr(&ic->local, "192.0.2.1") && is_addr(&ic->peer, "192.0.2.2"),
	    "outer addresses");
	is(ic->naddrs, 4, "inner addresses");
	ok(is_addr(&ic->addrs[0].local, "10.0.0.1") &&
	    is_addr(&ic->addrs[0].peer, "10.0.0.2") &&
	    ic->addrs[0].prefixlen == 30, "inet with its far end");
	ok(is_addr(&ic->addrs[1].local, "fd00::1") &&
	    ic->addrs[1].peer.af == 0 && ic->addrs[1].prefixlen == 126,
	    "inet6 without");
	ok(is_addr(&ic->addrs[2].local, "10.1.0.1") &&
	    ic->addrs[2].peer.af == 0 && ic->addrs[2].prefixlen == 32,
	    "inet without");
	ok(is_addr(&ic->addrs[3].local, "fd01::1") &&
	    is_addr(&ic->addrs[3].peer, "fd01::2") &&
	    ic->addrs[3].prefixlen == 64, "inet6 with its far end");
	ok(parse("create sec7 acquire yes encap port 65535") == 0 &&
	    ic->acquire == 1 && ic->encap == ENCAP_PORT &&
	    ic->encap_port == 65535, "acquire, encap port");
	ok(parse("create sec7 inet 10.0.0.1/30 encap udp acquire no") == 0 &&
	    ic->acquire == 0 && ic->encap == ENCAP_UDP &&
	    ic->encap_port == 0, "encap udp");
	ok(parse("create sec7 encap none") == 0 && ic->encap == ENCAP_NONE,
	    "encap none");
	ok(parse("create sec7 encap auto") == 0 && ic->encap == ENCAP_AUTO,
	    "encap auto");
	ok(parse("create sec7 output packet mtu 1300") == 0 &&
	    ic->output == OUTPUT_PACKET, "output packet");
	ok(parse("create sec7 inet 10.0.0.1/30 output raw") == 0 &&
	    ic->output == OUTPUT_RAW, "output raw");
	ok(parse("create sec7 inet 10.0.0.1/32 inet 10.0.0.2/32 "
	    "inet 10.0.0.3/32 inet 10.0.0.4/32 inet 10.0.0.5/32 "
	    "inet 10.0.0.6/32 inet 10.0.0.7/32 inet 10.0.0.8/32") == 0,
	    "as many addresses as there is room for");
	ok(parse("create sec7 inet 10.0.0.1/32 inet 10.0.0.2/32 "
	    "inet 10.0.0.3/32 inet 10.0.0.4/32 inet 10.0.0.5/32 "
	    "inet 10.0.0.6/32 inet 10.0.0.7/32 inet 10.0.0.8/32 "
	    "inet 10.0.0.9/32") == -1 &&
	    strcmp(why, "create: more than 8 inner addresses") == 0,
	    "and one more");
}

static void
test_remove(void)
{
	ok(parse("remove sa dst 192.0.2.9 spi 0x1234") == 0 &&
	    cmd.id.spi == 0x1234 && is_addr(&cmd.id.dst, "192.0.2.9"),
	    "remove sa");
	ok(parse("expire soft spi 0x1234 dst 192.0.2.9") == 0 &&
	    cmd.id.spi == 0x1234 && is_addr(&cmd.id.dst, "192.0.2.9"),
	    "expire");
}

/* --- what is typed is not believed printable --- */

static void
test_unprintable(void)
{
	char word[200], *words[] = { word };
	size_t i;
	int clean = 1;

	memset(word, 0x1b, sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	is(parser_parse(&cmd, 1, words, why), -1, "escapes are no command");
	for (i = 0; why[i] != '\0'; i++)
		clean &= isprint((unsigned char)why[i]) != 0;
	ok(clean && strlen(why) < 250, "and are shown harmless and short");
}

/* --- lines --- */

static const struct {
	const char	*line;
	int		 n;
	const char	*words[4];
} lines[] = {
	{ "", 0, { NULL } },
	{ "  \t\n", 0, { NULL } },
	{ "# all comment", 0, { NULL } },
	{ "show sa # rest", 2, { "show", "sa" } },
	{ "show#sa", 1, { "show#sa" } },
	{ "\tshow   sa\r\n", 2, { "show", "sa" } },
	{ "file \"/a b/c\" x", 3, { "file", "/a b/c", "x" } },
	{ "file '/a b/c'", 2, { "file", "/a b/c" } },
	{ "a\"b c\"d", 1, { "ab cd" } },
	{ "\"it's\" '\"'", 2, { "it's", "\"" } },
	{ "'#' x", 2, { "#", "x" } },
	{ "'' x", 2, { "", "x" } },
	{ "open 'quote", -1, { NULL } },
	{ "open \"quote'", -1, { NULL } },
};

static void
test_lines(void)
{
	char buf[4 * CTL_WORDS], *words[CTL_WORDS];
	size_t i;
	int k, n, same;

	for (i = 0; i < NELEMS(lines); i++) {
		snprintf(buf, sizeof(buf), "%s", lines[i].line);
		n = parser_split(buf, words, why);
		same = n == lines[i].n;
		for (k = 0; same && k < n; k++)
			same = strcmp(words[k], lines[i].words[k]) == 0;
		ok(same, "line %zu is cut into %d", i, lines[i].n);
	}
	for (i = 0; i < CTL_WORDS; i++)
		memcpy(buf + 2 * i, "x ", 3);
	is(parser_split(buf, words, why), CTL_WORDS, "a line full of words");
	for (i = 0; i < CTL_WORDS + 1; i++)
		memcpy(buf + 2 * i, "x ", 3);
	is(parser_split(buf, words, why), -1, "and one more");
}

int
main(void)
{
	test_good();
	test_wrong();
	test_prefixes();
	test_help();
	test_add();
	test_create();
	test_remove();
	test_unprintable();
	test_lines();
	return tap_done();
}
