/* SPDX-License-Identifier: ISC */
/*
 * The state file: what is saved is loaded again, and what is not wholly
 * secd's own is refused whole, with nothing believed.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/queue.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/log.h"
#include "secd/state.h"
#include "tests/lib/tap.h"

static char dir[] = "/tmp/secd-state-test.XXXXXX";
static int dirfd_;
static char why[512];

#define BOOT	"7b2f0e1c-9a53-4d2e-8c11-0123456789ab"

static int
load(struct state_devs *devs)
{
	memset(why, 0, sizeof(why));
	return state_load(dirfd_, dir, devs, why, sizeof(why));
}

static int
save(const struct state_devs *devs)
{
	memset(why, 0, sizeof(why));
	return state_save(dirfd_, dir, devs, why, sizeof(why));
}

static void
put(const char *text, mode_t mode)
{
	int fd;

	unlinkat(dirfd_, STATE_FILE, 0);
	fd = openat(dirfd_, STATE_FILE, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || write(fd, text, strlen(text)) !=
	    (ssize_t)strlen(text) || fchmod(fd, mode) == -1)
		fatal("%s/%s", dir, STATE_FILE);
	close(fd);
}

static int
exists(const char *name)
{
	return faccessat(dirfd_, name, F_OK, 0) == 0;
}

static void
fill(struct state_devs *devs)
{
	struct iface_conf ic;
	struct state_dev *d;

	TAILQ_INIT(devs);
	iface_conf_init(&ic, "sec0");
	snprintf(ic.descr, sizeof(ic.descr),
	    "# device sec7 \"boot\" \\ { } ; # end 9");
	addr_parse("192.0.2.8", &ic.local);
	addr_parse("198.51.100.14", &ic.peer);
	ic.naddrs = 2;
	addr_parse("169.254.229.42", &ic.addrs[0].local);
	addr_parse("169.254.229.41", &ic.addrs[0].peer);
	ic.addrs[0].prefixlen = 30;
	addr_parse("fd00::2", &ic.addrs[1].local);
	ic.addrs[1].prefixlen = 126;
	ic.mtu = 1400;
	ic.replay = 0;
	ic.link = LINK_ADMIN;
	ic.down = 1;
	d = state_add(devs, &ic);
	snprintf(d->boot, sizeof(d->boot), "%s", BOOT);
	d->netns = UINT64_MAX;
	d->ifindex = UINT32_MAX;

	iface_conf_init(&ic, "sec12");
	snprintf(ic.device, sizeof(ic.device), "tun3");
	ic.dynamic = 1;
	ic.encap = ENCAP_PORT;
	ic.encap_port = 4501;
	ic.acquire = 1;
	ic.nofollow = 1;
	ic.output = OUTPUT_PACKET;
	ic.switch_delay = 0;
	ic.drain = IFACE_SECONDS_MAX;
	state_add(devs, &ic);
}

static int
same(const struct state_dev *a, const struct state_dev *b)
{
	return a != NULL && b != NULL && a->netns == b->netns &&
	    a->ifindex == b->ifindex &&
	    memcmp(a->boot, b->boot, sizeof(a->boot)) == 0 &&
	    memcmp(&a->conf, &b->conf, sizeof(a->conf)) == 0;
}

static void
test_list(void)
{
	struct state_devs devs;

	fill(&devs);
	ok(state_find(&devs, "sec12") != NULL &&
	    state_find(&devs, "sec1") == NULL, "find");
	state_remove(&devs, state_find(&devs, "sec0"));
	ok(state_find(&devs, "sec0") == NULL &&
	    state_find(&devs, "sec12") != NULL, "remove");
	state_clear(&devs);
	ok(TAILQ_EMPTY(&devs), "clear");
}

static void
test_round_trip(void)
{
	struct state_devs devs, got;
	struct stat st;
	int n = 0;
	struct state_dev *d;

	is(load(&got), 0, "no file is an empty list");
	ok(TAILQ_EMPTY(&got), "it is empty");
	fill(&devs);
	is(save(&devs), 0, "saved");
	ok(fstatat(dirfd_, STATE_FILE, &st, 0) == 0 &&
	    (st.st_mode & 07777) == 0600, "mode 0600");
	ok(!exists(STATE_FILE ".new"), "nothing is left beside it");
	is(load(&got), 0, "loaded: %s", why);
	TAILQ_FOREACH(d, &got, entry)
		n++;
	is(n, 2, "two devices");
	ok(same(state_find(&got, "sec0"), state_find(&devs, "sec0")),
	    "the static one, octet by octet");
	ok(same(state_find(&got, "sec12"), state_find(&devs, "sec12")),
	    "the dynamic one, with an unknown boot");
	state_clear(&got);
	state_clear(&devs);
	is(save(&devs), 0, "an empty list is saved");
	ok(load(&got) == 0 && TAILQ_EMPTY(&got), "and loaded: %s", why);
}

#define REC(name)	"# device " name " boot b netns 4 ifindex 5 static\n" \
			"interface " name " { }\n"

static const struct {
	const char	*text;
	int		 line;
	const char	*what;
} refused[] = {
	{ "", 0, "the file is empty or not text" },
	{ "\n", 2, "the file is cut short" },
	{ REC("sec0"), 3, "the file is cut short" },
	{ REC("sec0") "# end 2\n", 4, "the file is cut short" },
	{ REC("sec0") "# end 1x\n", 4, "the file is cut short" },
	{ REC("sec0") REC("sec0") "# end 2\n", 4,
	    "interface sec0 is already defined" },
	{ REC("sec0") "interface sec1 { }\n# end 1\n", 3,
	    "interface without its device record" },
	{ "# device sec0 boot b netns 4 ifindex 5 static\n" REC("sec0")
	    "# end 2\n", 2, "second record of a device" },
	{ "# device sec1 boot b netns 4 ifindex 5 static\n# end 1\n", 1,
	    "device record without its interface" },
	{ "# device sec0 boot b netns 4 ifindex 5\ninterface sec0 { }\n"
	    "# end 1\n", 1, "malformed device record" },
	{ "# device sec0 boot b netns 4 ifindex 5 static x\n"
	    "interface sec0 { }\n# end 1\n", 1, "malformed device record" },
	{ "# device sec0 boot b netns 4 ifindex 5 other\n"
	    "interface sec0 { }\n# end 1\n", 1, "malformed device record" },
	{ "# device sec0 boot b netns 4 ifindex 4294967296 static\n"
	    "interface sec0 { }\n# end 1\n", 1, "malformed device record" },
	{ "# device sec0 boot b netns 18446744073709551616 ifindex 5 static\n"
	    "interface sec0 { }\n# end 1\n", 1, "malformed device record" },
	{ "# device sec0 boot b netns -4 ifindex 5 static\n"
	    "interface sec0 { }\n# end 1\n", 1, "malformed device record" },
	{ "# device sec0 boot b/c netns 4 ifindex 5 static\n"
	    "interface sec0 { }\n# end 1\n", 1, "malformed device record" },
	{ "# device sec0 boot 0123456789012345678901234567890123456789 "
	    "netns 4 ifindex 5 static\ninterface sec0 { }\n# end 1\n", 1,
	    "malformed device record" },
	{ "# device sec0 bout b netns 4 ifindex 5 static\n"
	    "interface sec0 { }\n# end 1\n", 1, "malformed device record" },
	{ REC("sec0") "state directory \"/x\"\n# end 1\n", 1,
	    "more than interfaces in it" },
	{ REC("sec0") "workers 2\n# end 1\n", 1,
	    "more than interfaces in it" },
	{ "# device sec0 boot b netns 4 ifindex 5 static\n"
	    "interface sec0 { sa in spi 256 src 10.0.0.2 dst 10.0.0.1 "
	    "enc aes-256-gcm key file \"/k\" }\n# end 1\n", 1,
	    "an interface with SAs" },
	{ "# device sec0 boot b netns 4 ifindex 5 static\n"
	    "interface sec0 { mtu 1 }\n# end 1\n", 2, "mtu out of range" },
	{ REC("sec0") "include \"/etc/passwd\"\n# end 1\n", 3,
	    "include is not allowed here" }
};

static void
test_refused(void)
{
	char want[256];
	struct state_devs devs;
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		put(refused[i].text, 0600);
		snprintf(want, sizeof(want), "%s/%s:%d: %s", dir, STATE_FILE,
		    refused[i].line, refused[i].what);
		ok(load(&devs) == -1 && TAILQ_EMPTY(&devs) &&
		    strncmp(why, want, strlen(want)) == 0 &&
		    strstr(why, "remove the file") != NULL,
		    "refused: %s", why);
	}
	put(REC("sec0") "# end 1\n", 0600);
	ok(load(&devs) == 0 && state_find(&devs, "sec0") != NULL,
	    "what they were made from is accepted: %s", why);
	state_clear(&devs);
}

static void
test_foreign(void)
{
	struct state_devs devs;

	put(REC("sec0") "# end 1\n", 0622);
	ok(load(&devs) == -1 && strstr(why, "not a file that secd wrote"),
	    "a file others can write is refused");
	unlinkat(dirfd_, STATE_FILE, 0);
	if (mkdirat(dirfd_, STATE_FILE, 0700) == -1)
		fatal("mkdirat");
	ok(load(&devs) == -1 && strstr(why, "not a file that secd wrote"),
	    "a directory is refused");
	fill(&devs);
	ok(save(&devs) == -1 && strstr(why, "cannot write") != NULL,
	    "and can not be written: %s", why);
	ok(!exists(STATE_FILE ".new"), "nothing is left beside it");
	state_clear(&devs);
	unlinkat(dirfd_, STATE_FILE, AT_REMOVEDIR);
	put(REC("sec0") "# end 1\n", 0600);
	if (renameat(dirfd_, STATE_FILE, dirfd_, "other") == -1 ||
	    symlinkat("other", dirfd_, STATE_FILE) == -1)
		fatal("symlink");
	is(load(&devs), -1, "a symbolic link is refused: %s", why);
	unlinkat(dirfd_, STATE_FILE, 0);
	unlinkat(dirfd_, "other", 0);
}

/* A save that fails leaves the old file as it was. */
static void
test_failed_save(void)
{
	struct state_devs devs, got;

	fill(&devs);
	is(save(&devs), 0, "saved");
	state_remove(&devs, state_find(&devs, "sec0"));
	snprintf(state_find(&devs, "sec12")->boot, STATE_BOOTLEN, "a b");
	ok(save(&devs) == -1 && why[0] != '\0',
	    "a boot ID that is no word is refused: %s", why);
	ok(!exists(STATE_FILE ".new"), "nothing is left beside it");
	ok(load(&got) == 0 && state_find(&got, "sec0") != NULL,
	    "the old file is there");
	state_clear(&got);
	state_clear(&devs);
}

int
main(void)
{
	log_init(NULL, LOG_TO_STDERR);
	if (mkdtemp(dir) == NULL ||
	    (dirfd_ = open(dir, O_RDONLY | O_DIRECTORY)) == -1)
		fatal("mkdtemp");
	test_list();
	test_round_trip();
	test_refused();
	test_foreign();
	test_failed_save();
	unlinkat(dirfd_, STATE_FILE, 0);
	close(dirfd_);
	rmdir(dir);
	return tap_done();
}
