/* SPDX-License-Identifier: ISC */
/*
 * secd.conf from memory: what the tree holds, that no call leaves anything to
 * the next, what conf_define() takes, and key files opened.  The many texts
 * and their complaints are tests/config.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/conf.h"
#include "secd/log.h"
#include "tests/lib/tap.h"

static char complaints[65536];

static struct conf *
parse(const char *text)
{
	struct conf *c;
	FILE *in, *err;

	memset(complaints, 0, sizeof(complaints));
	in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	if (in == NULL ||
	    (err = fmemopen(complaints, sizeof(complaints), "w")) == NULL)
		fatal("fmemopen");
	c = conf_parse_stream(in, "t", err);
	fclose(in);
	fclose(err);
	return c;
}

/* The printed form; the caller frees it. */
static char *
print(const struct conf *c)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	if ((out = open_memstream(&text, &len)) == NULL)
		fatal("open_memstream");
	conf_print(c, out);
	fclose(out);
	return text;
}

static void
test_defaults(void)
{
	struct conf *c = parse("interface sec3 { }");
	const struct conf_iface *ci;
	struct iface_conf ic;

	iface_conf_init(&ic, "sec3");
	ci = c != NULL ? TAILQ_FIRST(&c->ifaces) : NULL;
	ok(ci != NULL, "an empty interface");
	ok(ci != NULL && memcmp(&ci->conf, &ic, sizeof(ic)) == 0,
	    "has the defaults of iface_conf_init()");
	is(ci != NULL ? ci->conf.mtu : 0, 1280, "mtu 1280, as sec(4)");
	is(ci != NULL ? ci->line : 0, 1, "stands at line 1");
	ok(ci != NULL && strcmp(ci->file, "t") == 0, "of file t");
	ok(c != NULL && c->statedir == NULL && c->restricted == NULL,
	    "nothing else is set");
	conf_free(c);
}

#define LOCAL	"10.0.0.1"
#define PEER	"10.0.0.2"
#define SAS	"interface sec0 {\n\tdevice tun7\n\tlocal " LOCAL "\n"	\
		"\tsa in spi 0x1001 src " PEER " dst " LOCAL		\
		" enc aes-128-gcm key file \"/a\" esn replay 0 seq 9\n"	\
		"\tsa out spi 500 src " LOCAL " dst " PEER " \\\n"	\
		"\t\tenc aes-256-gcm key file \"/b\"\n}\n"

static void
test_sas(void)
{
	struct conf *c = parse(SAS);
	const struct conf_iface *ci;
	const struct conf_sa *in, *out;
	struct ip_addr local, peer;

	if (!ok(c != NULL, "two SAs: parsed: %s", complaints))
		return;
	addr_parse(LOCAL, &local);
	addr_parse(PEER, &peer);
	ci = TAILQ_FIRST(&c->ifaces);
	in = TAILQ_FIRST(&ci->sas);
	out = TAILQ_NEXT(in, entry);
	ok(strcmp(ci->conf.device, "tun7") == 0, "device");
	is(in->req.dir, SA_IN, "the first is inbound");
	is(in->req.spi, 0x1001, "its spi");
	is(in->req.seq, 9, "its seq");
	is(in->req.flags, SA_F_ESN | SA_F_REPLAY | SA_F_STATIC | SA_F_CONF,
	    "its flags: replay 0 counts as given");
	is(in->req.replay, 0, "its window");
	ok(addr_equal(&in->req.src, &peer) && addr_equal(&in->req.dst, &local),
	    "its addresses");
	ok(strcmp(in->req.enc, "aes-128-gcm") == 0 && in->req.auth[0] == '\0',
	    "its suite");
	ok(strcmp(in->req.iface, "sec0") == 0, "its interface");
	ok(strcmp(in->keyfile, "/a") == 0, "its key file");
	is(out->req.dir, SA_OUT, "the second is outbound");
	is(out->req.flags, SA_F_STATIC | SA_F_CONF, "its flags");
	is(out->line, 5, "it is told at the line where it begins");
	is(in->req.keylen + in->req.authkeylen, 0, "no key is in the tree");
	ok(sa_request_check(&in->req) == NULL &&
	    sa_request_check(&out->req) == NULL, "both are well formed");
	conf_free(c);
}

static void
test_manners(void)
{
	struct conf *c = parse("interface sec0 { encap port 4501; acquire yes\n"
	    "switch at-once; drain 300; follow no }\n"
	    "interface sec1 { switch delay 7; encap udp; follow yes }\n"
	    "interface sec2 { encap none }");
	const struct iface_conf *ic;

	if (!ok(c != NULL, "manners: parsed: %s", complaints))
		return;
	ic = &conf_find(c, "sec0")->conf;
	is(ic->encap, ENCAP_PORT, "encap port");
	is(ic->encap_port, 4501, "its number");
	is(ic->acquire, 1, "acquire");
	is(ic->switch_delay, 0, "switch at once");
	is(ic->drain, 300, "drain");
	is(ic->nofollow, 1, "follow no");
	ic = &conf_find(c, "sec1")->conf;
	is(ic->switch_delay, 7, "switch delay");
	is(ic->encap, ENCAP_UDP, "encap udp");
	is(ic->encap_port, 0, "without a number");
	is(ic->nofollow, 0, "follow yes");
	is(conf_find(c, "sec2")->conf.encap, ENCAP_NONE, "encap none");
	conf_free(c);
}

/* What the engine is told, and that it is printed so that it comes back. */
static void
test_engine(void)
{
	static const struct {
		const char	*text;
		struct engine_conf ec;
		const char	*print;
	} each[] = {
		{ "#", { 1, OFFLOAD_ALL, CRYPTO_AUTO }, "" },
		{ "workers 1\noffload all\ncrypto backend auto",
		    { 1, OFFLOAD_ALL, CRYPTO_AUTO }, "" },
		{ "workers 16", { 16, OFFLOAD_ALL, CRYPTO_AUTO },
		    "workers 16\n" },
		{ "crypto backend libcrypto", { 1, OFFLOAD_ALL,
		    CRYPTO_LIBCRYPTO }, "crypto backend libcrypto\n" },
		{ "crypto backend ipsec-mb; workers 2", { 2, OFFLOAD_ALL,
		    CRYPTO_IPSEC_MB },
		    "workers 2\ncrypto backend ipsec-mb\n" },
		{ "offload none", { 1, 0, CRYPTO_AUTO }, "offload none\n" },
		{ "offload uso", { 1, OFFLOAD_USO, CRYPTO_AUTO },
		    "offload uso\n" },
		{ "offload gro tso", { 1, OFFLOAD_TSO | OFFLOAD_GRO,
		    CRYPTO_AUTO }, "offload tso gro\n" },
		{ "offload no merge", { 1, OFFLOAD_ALL & ~OFFLOAD_MERGE,
		    CRYPTO_AUTO }, "offload tso uso gso gro\n" },
		{ "offload no gso no gro", { 1, OFFLOAD_TSO | OFFLOAD_USO |
		    OFFLOAD_MERGE, CRYPTO_AUTO }, "offload tso uso merge\n" },
		{ "offload tso uso merge gso gro", { 1, OFFLOAD_ALL,
		    CRYPTO_AUTO }, "" },
		{ "offload no tso no uso no merge no gso no gro",
		    { 1, 0, CRYPTO_AUTO }, "offload none\n" }
	};
	struct conf *c, *d;
	char *text;
	size_t i;

	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		c = parse(each[i].text);
		ok(c != NULL && memcmp(&c->engine, &each[i].ec,
		    sizeof(c->engine)) == 0, "%s", each[i].text);
		if (c == NULL)
			continue;
		text = print(c);
		ok(strcmp(text, each[i].print) == 0, "its print");
		d = parse(text[0] != '\0' ? text : "#");
		ok(d != NULL && memcmp(&c->engine, &d->engine,
		    sizeof(c->engine)) == 0, "and back");
		free(text);
		conf_free(c);
		conf_free(d);
	}
}

static void
test_output(void)
{
	struct conf *c = parse("interface sec0 { output packet }\n"
	    "interface sec1 { output raw }\ninterface sec2 { }");

	if (!ok(c != NULL, "output: parsed: %s", complaints))
		return;
	is(conf_find(c, "sec0")->conf.output, OUTPUT_PACKET, "output packet");
	is(conf_find(c, "sec1")->conf.output, OUTPUT_RAW, "output raw");
	is(conf_find(c, "sec2")->conf.output, OUTPUT_RAW, "which is usual");
	conf_free(c);
}

static void
test_suites(void)
{
	struct conf *c = parse("interface sec0 { sa in spi 256 src " PEER
	    " dst " LOCAL " auth hmac-sha2-384 key file \"/a\" enc aes-192 }");
	const struct conf_sa *sa;

	if (!ok(c != NULL, "two keys: parsed: %s", complaints))
		return;
	sa = TAILQ_FIRST(&TAILQ_FIRST(&c->ifaces)->sas);
	ok(strcmp(sa->req.enc, "aes-192") == 0 &&
	    strcmp(sa->req.auth, "hmac-sha2-384") == 0, "their suite");
	conf_free(c);
}

/* Macros, open blocks and errors of one text are nothing to the next. */
static void
test_no_state(void)
{
	struct conf *c, *d;
	char *first, *second;
	int i;

	ok(parse("m = 1400\ninterface sec0 { mtu $m; sa in spi ") == NULL,
	    "a text that breaks off is refused");
	ok(parse("interface sec0 { mtu $m }") == NULL &&
	    strstr(complaints, "t:1: macro $m is not defined") != NULL,
	    "its macro is gone");
	c = parse(SAS);
	first = c != NULL ? print(c) : NULL;
	for (i = 0; i < 3; i++)
		parse("interface sec0 { {{{ ' \" }\n}} sa in \\");
	d = parse(SAS);
	second = d != NULL ? print(d) : NULL;
	ok(first != NULL && second != NULL && strcmp(first, second) == 0,
	    "the same text gives the same tree");
	free(first);
	free(second);
	conf_free(c);
	conf_free(d);
}

static void
test_stream(void)
{
	ok(parse("include \"/etc/passwd\"") == NULL &&
	    strcmp(complaints, "t:1: include is not allowed here\n") == 0,
	    "a stream has no includes");
	ok(parse("interface sec0 { device tun0 }\n"
	    "interface sec1 { device tun0 }") == NULL &&
	    strcmp(complaints, "t:2: device tun0 is already that of sec0\n")
	    == 0, "one device for two interfaces is refused");
	ok(parse("interface sec0 { device \"../x\" }") == NULL &&
	    strcmp(complaints, "t:1: malformed device name\n") == 0,
	    "a device name with a path in it is refused");
	ok(parse("interface sec0 { device abcdefghijklmnop }") == NULL,
	    "a device name of 16 characters is refused");
	ok(parse("interface sec0 { device tun0; device tun1 }") == NULL &&
	    strcmp(complaints, "t:1: device given twice\n") == 0,
	    "two device names are refused");
}

static void
test_long(void)
{
	char text[8192], word[1100];
	struct conf *c;

	memset(word, 'x', sizeof(word));
	word[1023] = '\0';
	snprintf(text, sizeof(text), "m = \"%s\"", word);
	c = parse(text);
	ok(c != NULL, "a macro of 1023 characters");
	conf_free(c);
	word[1023] = 'x';
	word[1024] = '\0';
	snprintf(text, sizeof(text), "m = \"%s\"", word);
	ok(parse(text) == NULL && strcmp(complaints, "t:1: string too long\n")
	    == 0, "one of 1024 is refused");
	snprintf(text, sizeof(text), "m = %s", word);
	ok(parse(text) == NULL && strcmp(complaints, "t:1: word too long\n")
	    == 0, "a word of 1024 is refused");
	word[600] = '\0';
	snprintf(text, sizeof(text), "m = %s %s", word, word);
	ok(parse(text) == NULL && strcmp(complaints,
	    "t:1: macro value too long\n") == 0,
	    "two words of 600 joined are refused");
}

/* A socket's path and its NUL must fit into the address. */
static void
test_socket_path(void)
{
	const size_t max = sizeof(((struct sockaddr_un *)0)->sun_path);
	char text[256], path[128];
	struct conf *c;

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[max - 1] = '\0';
	snprintf(text, sizeof(text), "socket restricted \"%s\"", path);
	c = parse(text);
	ok(c != NULL && strcmp(c->restricted, path) == 0,
	    "a socket path that just fits");
	conf_free(c);
	path[max - 1] = 'x';
	path[max] = '\0';
	snprintf(text, sizeof(text), "socket restricted \"%s\"", path);
	ok(parse(text) == NULL, "one octet more is refused");
}

static void
test_define(void)
{
	struct conf *c;
	char value[1100];

	is(conf_define("novalue"), -1, "define: no = is refused");
	is(conf_define("=x"), -1, "define: no name is refused");
	is(conf_define("a-b=x"), -1, "define: a hyphen in the name");
	is(conf_define("a=x\ny"), -1, "define: a newline in the value");
	memset(value, 'a', sizeof(value));
	value[1] = '=';
	value[1099] = '\0';
	is(conf_define(value), -1, "define: a value too long");
	is(conf_define("size=1300"), 0, "define: taken");
	is(conf_define("size=1400"), 0, "define: taken again");
	is(conf_define("none="), 0, "define: an empty value");
	c = parse("size = 1500\ninterface sec0 { mtu $size$none }");
	is(c != NULL ? TAILQ_FIRST(&c->ifaces)->conf.mtu : 0, 1400,
	    "define: the last one, and it wins over the file's");
	conf_free(c);
	c = parse("interface sec0 { mtu $size }");
	is(c != NULL ? TAILQ_FIRST(&c->ifaces)->conf.mtu : 0, 1400,
	    "define: it stays for the next text");
	conf_free(c);
}

static void
test_tree(void)
{
	struct conf *c = parse(SAS "interface sec1 { }\n");
	struct conf_iface *ci;
	struct iface_conf ic;

	ok(c != NULL && conf_find(c, "sec1") != NULL &&
	    conf_find(c, "sec0") == TAILQ_FIRST(&c->ifaces), "find");
	ok(c != NULL && conf_find(c, "sec") == NULL &&
	    conf_find(c, "sec10") == NULL, "find: no such name");
	if (c == NULL)
		return;
	conf_remove(c, conf_find(c, "sec0"));
	ok(conf_find(c, "sec0") == NULL && conf_find(c, "sec1") != NULL,
	    "remove takes the one asked for");
	iface_conf_init(&ic, "sec9");
	ic.mtu = 1301;
	ci = conf_add(c, &ic);
	ok(conf_find(c, "sec9") == ci && ci->conf.mtu == 1301 &&
	    TAILQ_EMPTY(&ci->sas) && TAILQ_NEXT(ci, entry) == NULL,
	    "add appends a copy");
	conf_free(c);
	conf_free(NULL);
}

static void
test_keyfile(void)
{
	char dir[] = "/tmp/secd-conf-test.XXXXXX", path[64], link[64];
	char why[256] = "", got[8] = "";
	int fd;

	if (mkdtemp(dir) == NULL)
		fatal("mkdtemp");
	snprintf(path, sizeof(path), "%s/key", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	is(conf_open_keyfile(path, why, sizeof(why)), -1, "key file: absent");
	ok(strstr(why, path) != NULL && strstr(why, "No such file") != NULL,
	    "key file: the complaint names it: %s", why);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1 ||
	    write(fd, "0011", 4) != 4 || symlink(path, link) == -1)
		fatal("%s", path);
	close(fd);
	fd = conf_open_keyfile(path, why, sizeof(why));
	ok(fd != -1 && read(fd, got, sizeof(got)) == 4 &&
	    memcmp(got, "0011", 4) == 0, "key file: opened at its beginning");
	ok(fd != -1 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0,
	    "key file: close on exec");
	close(fd);
	if (chmod(path, 0604) == -1)
		fatal("%s", path);
	is(conf_open_keyfile(link, why, sizeof(why)), -1,
	    "key file: a link does not hide the mode of its target");
	ok(strstr(why, "mode 0604") != NULL, "key file: %s", why);
	unlink(link);
	unlink(path);
	rmdir(dir);
}

int
main(void)
{
	log_init(NULL, LOG_TO_STDERR);
	test_defaults();
	test_sas();
	test_manners();
	test_engine();
	test_output();
	test_suites();
	test_no_state();
	test_stream();
	test_long();
	test_socket_path();
	test_define();
	test_tree();
	test_keyfile();
	return tap_done();
}
