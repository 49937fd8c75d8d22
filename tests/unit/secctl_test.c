/* SPDX-License-Identifier: ISC */
/*
 * secctl against a secd that this test plays: what it asks, octet by octet,
 * and what people and programs see of the answers.  The JSON is read by
 * Python.  Needs no privilege; as root it tries foreign key files too.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "secctl/secctl.h"
#include "secd/secd.h"
#include "tests/lib/tap.h"

#define NELEMS(a)	(sizeof(a) / sizeof((a)[0]))
#define WAIT_MS		10000	/* for whatever secctl is to do */
#define NOBODY		65534

static char	 dir[64] = "/tmp/secctl_test.XXXXXX";
static char	 sock[96], out[96], err[96], in[96];
static int	 program = -1, lfd = -1, conn = -1;
static pid_t	 child = -1;
static int	 rc;			/* of the last secctl */
static char	 outtext[65536], errtext[8192];

/* --- a scripted secd --- */

enum twist { AS_IT_IS, OTHER_ID, OTHER_VERSION, CUT_SHORT };

struct step {
	enum msg_type	 type;		/* expected */
	const void	*body;
	size_t		 len;
	enum msg_type	 reply;		/* MSG_NONE: hang up */
	const void	*rbody;
	size_t		 rlen;
	enum twist	 twist;
};

#define BODY(x)		&(x), sizeof(x)
#define NOBODY_ELSE	NULL, 0
#define DONE		MSG_RESULT, &done, sizeof(done), AS_IT_IS

static const struct msg_result done;

static void
listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	lfd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (lfd == -1 || bind(lfd, (struct sockaddr *)&sun, sizeof(sun)) ==
	    -1 || listen(lfd, 8) == -1) {
		perror(path);
		exit(1);
	}
}

static int
readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, WAIT_MS) == 1;
}

static int
take_connection(void)
{
	if (!readable(lfd))
		return -1;
	return conn = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
}

static void
send_message(enum msg_type type, uint32_t id, const void *body, size_t len,
    enum twist twist)
{
	static uint8_t buf[sizeof(struct ipc_hdr) + IPC_BODY_MAX];
	struct ipc_hdr hdr = {
		.version = IPC_VERSION + (twist == OTHER_VERSION),
		.type = type, .len = (uint32_t)len,
		.id = id + (twist == OTHER_ID)
	};

	memcpy(buf, &hdr, sizeof(hdr));
	if (len > 0)
		memcpy(buf + sizeof(hdr), body, len);
	send(conn, buf, sizeof(hdr) + len - (twist == CUT_SHORT),
	    MSG_NOSIGNAL);
}

/* Receive one request and answer it; 1 if it was the one expected. */
static int
play(const struct step *s)
{
	static uint8_t buf[sizeof(struct ipc_hdr) + IPC_BODY_MAX];
	struct ipc_hdr hdr;
	ssize_t n;
	int same;

	if (!readable(conn) || (n = recv(conn, buf, sizeof(buf), 0)) <
	    (ssize_t)sizeof(hdr))
		return 0;
	memcpy(&hdr, buf, sizeof(hdr));
	same = (size_t)n == sizeof(hdr) + s->len &&
	    hdr.version == IPC_VERSION && hdr.type == s->type &&
	    hdr.len == s->len && hdr.pad == 0 && (s->len == 0 ||
	    memcmp(buf + sizeof(hdr), s->body, s->len) == 0);
	if (!same)
		printf("# got %s of %zd octets, expected %s of %zu\n",
		    ipc_name(hdr.type), n - (ssize_t)sizeof(hdr),
		    ipc_name(s->type), s->len);
	if (s->reply == MSG_NONE) {
		close(conn);
		conn = -1;
	} else
		send_message(s->reply, hdr.id, s->rbody, s->rlen, s->twist);
	return same;
}

/* --- running secctl --- */

static void
put_file(const char *path, const char *text, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)
	    || fchmod(fd, mode) == -1) {
		perror(path);
		exit(1);
	}
	close(fd);
}

static void
get_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = fd == -1 ? 0 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd != -1)
		close(fd);
}

static void
onto(int to, const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags, mode);

	if (fd == -1 || dup2(fd, to) == -1)
		_exit(99);
}

/* The arguments, cut as a line of commands is, after -s SOCKET. */
static void
start(const char *args, const char *input, uid_t uid)
{
	char line[1024], why[CTL_WHYLEN];
	char *argv[CTL_WORDS + 4] = { strdup("secctl"), strdup("-s"), sock };
	int n;

	snprintf(line, sizeof(line), "%s", args);
	n = parser_split(line, argv + 3, why);
	argv[3 + n] = NULL;
	put_file(in, input, 0600);
	fflush(stdout);
	if ((child = fork()) == 0) {
		umask(077);
		onto(0, in, O_RDONLY, 0);
		onto(1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		onto(2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (uid != 0 && setuid(uid) == -1)
			_exit(98);
		fexecve(program, argv, environ);
		_exit(97);
	}
	free(argv[0]);
	free(argv[1]);
}

static void
collect(void)
{
	int status = 0;

	if (conn != -1)
		close(conn);
	conn = -1;
	waitpid(child, &status, 0);
	child = -1;
	rc = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	get_file(out, outtext, sizeof(outtext));
	get_file(err, errtext, sizeof(errtext));
}

/* It hangs up when it has what it wants; else we do, and it shows. */
static int
hangs_up(void)
{
	char c;

	return conn == -1 || (readable(conn) && recv(conn, &c, 1, 0) == 0);
}

/* Run it through the steps; 1 if it asked for them all and no more. */
static int
talk_with(const char *args, const char *input, const struct step *steps,
    size_t nsteps)
{
	size_t i;
	int same = 1;

	start(args, input, 0);
	if (nsteps > 0 && take_connection() == -1)
		same = 0;
	for (i = 0; same && i < nsteps; i++)
		same = play(&steps[i]);
	if (same && nsteps > 0)
		same = hangs_up();
	collect();
	return same;
}

static int
talk(const char *args, const struct step *steps, size_t nsteps)
{
	return talk_with(args, "", steps, nsteps);
}

/* It must end by itself without a connection. */
static void
alone(const char *args, const char *input)
{
	start(args, input, 0);
	collect();
}

static void
expect(int got, int want, const char *outwant, const char *errwant,
    const char *what)
{
	int same = got && rc == want && strcmp(outtext, outwant) == 0 &&
	    strcmp(errtext, errwant) == 0;

	if (ok(same, "%s", what))
		return;
	printf("# conversation %s, exit %d (expected %d)\n# out: %s\n"
	    "# err: %s\n", got ? "as expected" : "WRONG", rc, want, outtext,
	    errtext);
	printf("# expected\n# out: %s\n# err: %s\n", outwant, errwant);
}

/* Python reads the output as d and finds the expression true. */
static void
json_has(const char *expr)
{
	const char *python = getenv("PYTHON");
	char script[1024];
	int status = 0;
	pid_t pid;

	snprintf(script, sizeof(script), "import json\nd = json.load(open("
	    "'%s'))\nassert %s", out, expr);
	fflush(stdout);
	if ((pid = fork()) == 0) {
		dup2(1, 2);
		execl(python != NULL ? python : "/usr/bin/python3", "python3",
		    "-c", script, (char *)NULL);
		_exit(97);
	}
	waitpid(pid, &status, 0);
	if (!ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "json: %s",
	    expr))
		printf("# %s\n", outtext);
}

/* --- what is asked --- */

static struct ip_addr
addr(const char *text)
{
	struct ip_addr a;

	addr_parse(text, &a);
	return a;
}

static void
test_plain_requests(void)
{
	static const struct {
		const char	*args;
		enum msg_type	 type;
	} plain[] = {
		{ "reload", MSG_RELOAD },
		{ "log brief", MSG_LOG_BRIEF },
		{ "log verbose", MSG_LOG_VERBOSE },
	};
	static const struct {
		const char	*args;
		enum msg_type	 type;
		struct msg_name	 name;
	} named[] = {
		{ "destroy sec1", MSG_IFACE_DESTROY, { "sec1" } },
		{ "interface sec2 up", MSG_IFACE_UP, { "sec2" } },
		{ "interface sec2 down", MSG_IFACE_DOWN, { "sec2" } },
		{ "flush sa", MSG_SA_FLUSH, { "" } },
		{ "flush sa sec0", MSG_SA_FLUSH, { "sec0" } },
	};
	size_t i;
	int same;

	for (i = 0; i < NELEMS(plain); i++) {
		struct step s = { plain[i].type, NOBODY_ELSE, DONE };

		same = talk(plain[i].args, &s, 1);
		expect(same, 0, "", "", plain[i].args);
	}
	for (i = 0; i < NELEMS(named); i++) {
		struct step s = { named[i].type, BODY(named[i].name), DONE };

		same = talk(named[i].args, &s, 1);
		expect(same, 0, "", "", named[i].args);
	}
}

static void
test_remove(void)
{
	struct msg_sa_id id = { .dst = addr("192.0.2.2"), .spi = 0x1001 };
	struct step s = { MSG_SA_REMOVE, BODY(id), DONE };
	int same = talk("remove sa spi 0x1001 dst 192.0.2.2", &s, 1);

	expect(same, 0, "", "", "remove sa");
}

static void
test_expire(void)
{
	struct msg_sa_expire m = { .dst = addr("192.0.2.2"), .spi = 0x1001 };
	struct step s = { MSG_SA_EXPIRE, BODY(m), DONE };
	int same = talk("expire soft spi 0x1001 dst 192.0.2.2", &s, 1);

	expect(same, 0, "", "", "expire soft");
	m.hard = 1;
	same = talk("expire hard spi 0x1001 dst 192.0.2.2", &s, 1);
	expect(same, 0, "", "", "expire hard");
}

static void
test_create(void)
{
	struct iface_conf ic = {
		.name = "sec1", .local = addr("192.0.2.8"),
		.peer = addr("198.51.100.14"), .mtu = 1400,
		.replay = IFACE_REPLAY_DEFAULT, .dynamic = 1, .naddrs = 2,
		.encap = ENCAP_PORT, .encap_port = 4501, .acquire = 1,
		.output = OUTPUT_PACKET,
		.switch_delay = IFACE_SWITCH_DEFAULT,
		.drain = IFACE_DRAIN_DEFAULT,
		.addrs = {
			{ .local = addr("169.254.229.42"),
			    .peer = addr("169.254.229.41"), .prefixlen = 30 },
			{ .local = addr("fd00::2"), .prefixlen = 126 }
		}
	};
	struct step s = { MSG_IFACE_CREATE, BODY(ic), DONE };
	int same;

	same = talk("create sec1 local 192.0.2.8 peer 198.51.100.14 "
	    "inet 169.254.229.42/30 169.254.229.41 inet6 fd00::2/126 "
	    "mtu 1400 encap port 4501 acquire yes output packet", &s, 1);
	expect(same, 0, "", "", "create");
}

/* --- keys --- */

#define KEY16	"000102030405060708090a0b0c0d0e0f"
#define KEY20	KEY16 "10111213"
#define KEYA0	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3"
#define KEY36	"000102030405060708090a0b0c0d0e0f" \
		"101112131415161718191a1b1c1d1e1fF0E1d2C3"

static struct sa_request
request(void)
{
	static const uint8_t salt[4] = { 0xf0, 0xe1, 0xd2, 0xc3 };
	struct sa_request r;
	uint8_t i;

	memset(&r, 0, sizeof(r));
	strlcpy(r.iface, "sec0", sizeof(r.iface));
	strlcpy(r.enc, "aes-256-gcm", sizeof(r.enc));
	r.src = addr("192.0.2.1");
	r.dst = addr("192.0.2.2");
	r.seq = 77;
	r.spi = 0x1001;
	r.replay = 64;
	r.flags = SA_F_ESN | SA_F_REPLAY | SA_F_STATIC;
	r.dir = SA_OUT;
	r.keylen = 36;
	for (i = 0; i < 32; i++)
		r.key[i] = i;
	memcpy(r.key + 32, salt, sizeof(salt));
	return r;
}

#define ADD	"add sa sec0 out spi 0x1001 src 192.0.2.1 dst 192.0.2.2 " \
		"esn replay 64 seq 77 enc aes-256-gcm key file "

static const char *
in_dir(const char *name)
{
	static char path[4][160];
	static unsigned int n;
	char *p = path[n++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void
add_from(const char *text, mode_t mode, const char *what)
{
	struct sa_request r = request();
	struct step s = { MSG_SA_ADD, BODY(r), DONE };
	char args[512];

	put_file(in_dir("key"), text, mode);
	snprintf(args, sizeof(args), ADD "'%s'", in_dir("key"));
	expect(talk(args, &s, 1), 0, "", "", what);
}

static void
test_add(void)
{
	struct sa_request r = request();
	struct step s = { MSG_SA_ADD, BODY(r), DONE };

	add_from(KEY36 "\n", 0600, "add sa with a key file");
	add_from(KEY36, 0400, "... without a newline");
	add_from(KEY36 " \t\r\n\n", 0640, "... with blanks after it, group "
	    "may read");
	expect(talk_with(ADD "-", KEY36 "\n", &s, 1), 0, "", "",
	    "add sa with the key on standard input");
}

/* aes-128 hmac-sha1: 16 octets of one, 20 of the other. */
static void
test_two_keys(void)
{
	struct sa_request r = request();
	struct step s = { MSG_SA_ADD, BODY(r), DONE };
	const char *args = "add sa sec0 out spi 0x1001 src 192.0.2.1 dst "
	    "192.0.2.2 esn replay 64 seq 77 enc aes-128 auth hmac-sha1 "
	    "key file -";
	const char *late = "add sa sec0 out key file - auth hmac-sha1 spi "
	    "0x1001 src 192.0.2.1 dst 192.0.2.2 esn replay 64 seq 77 enc "
	    "aes-128";
	uint8_t i;

	memset(r.enc, 0, sizeof(r.enc));
	strlcpy(r.enc, "aes-128", sizeof(r.enc));
	strlcpy(r.auth, "hmac-sha1", sizeof(r.auth));
	memset(r.key + 16, 0, sizeof(r.key) - 16);
	r.keylen = 16;
	r.authkeylen = 20;
	for (i = 0; i < 20; i++)
		r.authkey[i] = (uint8_t)(0xa0 + i);
	expect(talk_with(args, KEY16 KEYA0 "\n", &s, 1), 0, "", "",
	    "two keys in one file");
	expect(talk_with(late, KEY16 KEYA0, &s, 1), 0, "", "",
	    "... with the words the other way round");
}

/* It connects and hangs up without a word. */
static int
says_nothing(const char *args, const char *input)
{
	int same;

	start(args, input, 0);
	same = take_connection() != -1 && hangs_up();
	collect();
	return same;
}

/* The key is refused with the complaint, and nothing is sent. */
static void
refuse_key(const char *text, mode_t mode, const char *complaint)
{
	char args[512], want[1024];

	unlink(in_dir("key"));
	if (text != NULL)
		put_file(in_dir("key"), text, mode);
	snprintf(args, sizeof(args), ADD "'%s'", in_dir("key"));
	snprintf(want, sizeof(want), "secctl: key file %s: %s\n",
	    in_dir("key"), complaint);
	expect(says_nothing(args, ""), 1, "", want, complaint);
}

static void
test_bad_keys(void)
{
	char big[600], args[512], want[512];

	refuse_key(NULL, 0, "No such file or directory");
	refuse_key("", 0600, "empty");
	refuse_key("\n", 0600, "empty");
	refuse_key(KEY20 "\n", 0600, "20 octets, aes-256-gcm takes 36 octets: "
	    "32 of cipher key and 4 of salt");
	refuse_key(KEY36 "00\n", 0600, "37 octets, aes-256-gcm takes 36 "
	    "octets: 32 of cipher key and 4 of salt");
	refuse_key("0x" KEY36 "\n", 0600, "not a whole number of octets in "
	    "plain hex; aes-256-gcm takes 36 octets: 32 of cipher key and 4 of "
	    "salt");
	refuse_key(KEY20 "0\n", 0600, "not a whole number of octets in plain "
	    "hex; aes-256-gcm takes 36 octets: 32 of cipher key and 4 of "
	    "salt");
	refuse_key(KEY16 KEY16 "0g000000\n", 0600, "not plain hex");
	refuse_key(KEY16 KEY16 "/0000000\n", 0600, "not plain hex");
	refuse_key(KEY16 KEY16 "000:0000\n", 0600, "not plain hex");
	refuse_key(KEY16 KEY16 "0@00000`\n", 0600, "not plain hex");
	refuse_key(KEY16 "\n" KEY16 "0000000\n", 0600, "not plain hex");
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	refuse_key(big, 0600, "longer than any key");
	refuse_key(KEY36, 0644, "mode 0644 lets others at it (chmod 600, and "
	    "make a new key if it was read)");
	refuse_key(KEY36, 0620, "mode 0620 lets others at it (chmod 600, and "
	    "make a new key if it was read)");
	snprintf(args, sizeof(args), ADD "'%s'", dir);
	snprintf(want, sizeof(want), "secctl: key file %s: not a regular file "
	    "(for a pipe use '-' and standard input)\n", dir);
	expect(says_nothing(args, ""), 1, "", want, "not a regular file");
	expect(says_nothing(ADD "-", "00\n"), 1, "", "secctl: key file -: "
	    "1 octets, aes-256-gcm takes 36 octets: 32 of cipher key and 4 of "
	    "salt\n",
	    "short key on standard input");
	expect(says_nothing("add sa sec0 in spi 256 src ::1 dst ::2 enc "
	    "aes-128 auth hmac-sha1 key file -", KEY16 "\n"), 1, "",
	    "secctl: key file -: 16 octets, aes-128 hmac-sha1 takes 36 octets: "
	    "16 of cipher key and 20 of authentication key\n",
	    "half of two keys");
	expect(says_nothing("add sa sec0 in spi 256 src ::1 dst ::2 enc "
	    "aes-128 auth hmac-sha1 key file -", KEY36 "00\n"), 1, "",
	    "secctl: key file -: 37 octets, aes-128 hmac-sha1 takes 36 octets: "
	    "16 of cipher key and 20 of authentication key\n",
	    "more than two keys");
	expect(says_nothing("add sa sec0 in spi 256 src ::1 dst ::2 enc "
	    "aes-128 auth hmac-sha1 key file -", KEY16 KEY16 "0000000g"), 1,
	    "", "secctl: key file -: not plain hex\n",
	    "a second key that is none");
	if (geteuid() != 0)
		return;
	put_file(in_dir("key"), KEY36, 0600);
	if (chown(in_dir("key"), NOBODY, (gid_t)-1) == -1)
		perror("chown");
	snprintf(args, sizeof(args), ADD "'%s'", in_dir("key"));
	snprintf(want, sizeof(want), "secctl: key file %s: owned by uid 65534, "
	    "neither root nor you (chown it)\n", in_dir("key"));
	expect(says_nothing(args, ""), 1, "", want, "somebody else's key");
}

static void
test_genkey(void)
{
	char first[128];
	size_t i;
	int hex = 1;

	alone("genkey aes-256-gcm", "");
	snprintf(first, sizeof(first), "%.100s", outtext);
	for (i = 0; i < 72; i++)
		hex &= first[i] != '\0' && strchr("0123456789abcdef",
		    first[i]) != NULL;
	ok(rc == 0 && hex && strcmp(first + 72, "\n") == 0 &&
	    errtext[0] == '\0', "genkey aes-256-gcm: 36 octets of hex");
	alone("genkey aes-256-gcm", "");
	ok(rc == 0 && strncmp(first, outtext, 72) != 0, "another each time");
	alone("genkey aes-128-gcm", "");
	is(strlen(outtext), 41, "genkey aes-128-gcm: 20 octets");
	alone("genkey aes-256 hmac-sha2-512", "");
	ok(rc == 0 && strlen(outtext) == 193 &&
	    strspn(outtext, "0123456789abcdef") == 192,
	    "genkey aes-256 hmac-sha2-512: 96 octets");

	/* a key made is a key taken */
	put_file(in_dir("key"), first, 0600);
	start("add sa sec0 in spi 256 src ::1 dst ::2 enc aes-256-gcm "
	    "key file -", first, 0);
	ok(take_connection() != -1 && readable(conn) &&
	    recv(conn, errtext, sizeof(errtext), MSG_PEEK) ==
	    (ssize_t)(sizeof(struct ipc_hdr) + sizeof(struct sa_request)),
	    "what genkey writes, add sa takes");
	collect();

	put_file(out, "", 0640);
	chmod(out, 0640);
	alone("genkey aes-256-gcm", "");
	expect(1, 1, "", "secctl: genkey: standard output is a file of mode "
	    "0640 that others can use: no key written (remove it, say 'umask "
	    "077' first)\n", "genkey to a file that others can read");
	unlink(out);
}

/* Octets in the memory of the running secctl: 1 found, 0 not, -1 unread. */
static int
in_memory(const void *what, size_t len)
{
	static char buf[1 << 20];
	unsigned long from, to;
	char path[64], line[512];
	int fd, found = 0, any = 0;
	ssize_t n;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)child);
	fd = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)child);
	maps = fopen(path, "r");
	while (fd != -1 && maps != NULL && fgets(line, sizeof(line), maps)) {
		/* a gigabyte in one piece is a sanitizer's own */
		if (sscanf(line, "%lx-%lx", &from, &to) != 2 ||
		    to - from > 1UL << 30)
			continue;
		/* in pieces that overlap */
		for (; from < to; from += sizeof(buf) / 2) {
			n = pread(fd, buf, to - from < sizeof(buf) ?
			    to - from : sizeof(buf), (off_t)from);
			any |= n > 0;
			found |= n > 0 &&
			    memmem(buf, (size_t)n, what, len) != NULL;
		}
	}
	if (maps != NULL)
		fclose(maps);
	if (fd != -1)
		close(fd);
	return any ? found : -1;
}

static void
test_wiped(void)
{
	const struct step events = { MSG_MONITOR, NOBODY_ELSE, DONE };
	struct sa_request r = request();
	const struct step s = { MSG_SA_ADD, BODY(r), DONE };
	char list[512], text[2 * SA_KEYLEN_MAX + 1];
	uint8_t i;
	int same;

	/* not in sequence: libc has tables that are */
	for (i = 0; i < r.keylen; i++) {
		r.key[i] = (uint8_t)(i * 37 + 11);
		snprintf(text + 2 * i, 3, "%02x", r.key[i]);
	}
	put_file(in_dir("key"), text, 0600);
	snprintf(list, sizeof(list), ADD "%s\nmonitor\n", in_dir("key"));
	start("-f -", list, 0);
	same = take_connection() != -1 && readable(conn);
	is(in_memory(r.key, 16), 1, "a key is in memory while it is needed");
	is(in_memory(text, 16), 0, "its text no longer");
	same = same && play(&s) && readable(conn);
	is(in_memory(r.key, 16), 0, "nor the key once secd has answered");
	same = same && play(&events);
	ok(same, "the commands go on");
	collect();
}

/* --- what is refused, and by whom --- */

static void
test_refusals(void)
{
	struct msg_result no = { .error = ENOENT }, text = { .error = 0 };
	struct step s = { MSG_RELOAD, NOBODY_ELSE, MSG_RESULT, BODY(no),
	    AS_IT_IS };
	struct step remark = { MSG_RELOAD, NOBODY_ELSE, MSG_RESULT,
	    BODY(text), AS_IT_IS };
	int same;

	strlcpy(no.text, "secd.conf:3: what \x1b[2J\xff is this",
	    sizeof(no.text));
	same = talk("reload", &s, 1);
	expect(same, 1, "", "secctl: secd.conf:3: what ?[2J? is this\n",
	    "secd's refusal, harmless on a terminal");
	memset(no.text, 0, sizeof(no.text));
	same = talk("reload", &s, 1);
	expect(same, 1, "", "secctl: No such file or directory\n",
	    "a refusal without words");
	memset(no.text, 'x', sizeof(no.text));	/* no NUL */
	same = talk("reload", &s, 1);
	ok(same && rc == 1 && strlen(errtext) == IPC_TEXTLEN + 9,
	    "a refusal that does not end");
	strlcpy(text.text, "sec0 reloaded", sizeof(text.text));
	same = talk("reload", &remark, 1);
	expect(same, 0, "sec0 reloaded\n", "", "secd's remark");
	no.error = EPROTO;
	strlcpy(no.text, "another version", sizeof(no.text));
	same = talk("reload", &s, 1);
	expect(same, 3, "", "secctl: another version\n",
	    "secd speaks another version");
}

static void
test_no_talk(void)
{
	static const struct msg_drops drops;
	struct step s = { MSG_RELOAD, NOBODY_ELSE, DONE };
	char want[512];
	int same;

#define SENSELESS(what) \
	snprintf(want, sizeof(want), "secctl: %s: secd's answer makes no " \
	    "sense: %s (secctl and secd must be of one version)\n", sock, what)

	s.twist = OTHER_VERSION;
	same = talk("reload", &s, 1);
	SENSELESS("malformed message");
	expect(same, 3, "", want, "an answer of another version");
	s.twist = CUT_SHORT;
	same = talk("reload", &s, 1);
	expect(same, 3, "", want, "an answer cut short");
	s.twist = OTHER_ID;
	same = talk("reload", &s, 1);
	SENSELESS("not to the question asked");
	expect(same, 3, "", want, "an answer to another question");
	s.twist = AS_IT_IS;
	s.reply = MSG_DROPS;
	s.rbody = &drops;
	s.rlen = sizeof(drops);
	same = talk("reload", &s, 1);
	SENSELESS("drops");
	expect(same, 3, "", want, "an answer of another kind");
	s.reply = MSG_NONE;
	same = talk("reload", &s, 1);
	snprintf(want, sizeof(want), "secctl: %s: secd closed the connection "
	    "(its log says why; secctl and secd must be of one version)\n",
	    sock);
	expect(same, 3, "", want, "no answer");
}

static void
test_no_socket(void)
{
	char want[512], moved[128], args[256], longpath[200];

	snprintf(moved, sizeof(moved), "%s.moved", sock);
	rename(sock, moved);
	alone("show", "");
	snprintf(want, sizeof(want), "secctl: %s: secd is not running (start "
	    "it with 'systemctl start secd' or 'rcctl start secd')\n", sock);
	expect(1, 3, "", want, "no socket");
	put_file(sock, "", 0600);
	alone("show", "");
	ok(rc == 3 && errtext[0] != '\0', "something that is no socket");
	unlink(sock);
	rename(moved, sock);

	chmod(sock, 0);
	chmod(dir, 0755);
	chmod(out, 0666);
	chmod(err, 0666);
	start("show", "", geteuid() == 0 ? NOBODY : 0);
	collect();
	chmod(sock, 0600);
	snprintf(want, sizeof(want), "secctl: %s: permission denied (run "
	    "secctl as root)\n", sock);
	expect(1, 3, "", want, "no permission");
	unlink(out);

	memset(longpath, 'x', sizeof(longpath) - 1);
	longpath[sizeof(longpath) - 1] = '\0';
	snprintf(args, sizeof(args), "-s %s show", longpath);
	alone(args, "");
	ok(rc == 3 && strstr(errtext, "File name too long") != NULL,
	    "a path too long for a socket");
}

static void
test_usage(void)
{
	alone("", "");
	ok(rc == 2 && strstr(errtext, "a command is missing") != NULL,
	    "no command");
	alone("-x", "");
	ok(rc == 2 && strstr(errtext, "usage: secctl") != NULL,
	    "unknown option");
	alone("-f /dev/null show", "");
	ok(rc == 2 && strstr(errtext, "exclude each other") != NULL,
	    "-f and a command");
	alone("frob", "");
	ok(rc == 2 && strncmp(errtext, "secctl: 'frob' is unknown here; "
	    "possible: add, ", 40) == 0, "unknown command");
	alone("-V", "");
	expect(1, 0, "secctl " SECD_VERSION "\n", "", "-V");
	alone("-h", "");
	ok(rc == 0 && strstr(outtext, "usage: secctl") != NULL &&
	    strstr(outtext, "\nadd sa IFACE") != NULL, "-h");
	alone("help destroy", "");
	expect(1, 0, "destroy IFACE\n\tremove an interface with its SAs, "
	    "addresses and routes\n", "", "help destroy");
	start("help", "", 0);
	collect();
	ok(rc == 0 && strstr(outtext, "\nstop [-d]\n") != NULL, "help");
}

/* --- commands from a file --- */

static void
test_file(void)
{
	struct msg_name up = { "sec0" }, down = { "sec1" };
	struct msg_result no = { .error = ENXIO, .text = "sec1: not there" };
	struct sa_request r = request();
	const struct step all[] = {
		{ MSG_IFACE_UP, BODY(up), DONE },
		{ MSG_SA_ADD, BODY(r), DONE },
		{ MSG_IFACE_DOWN, BODY(down), MSG_RESULT, BODY(no), AS_IT_IS },
	};
	const struct step one = { MSG_IFACE_UP, BODY(up), DONE };
	char args[256], text[1024], want[512];
	const char *list;

	put_file(in_dir("a key"), KEY36 "\n", 0600);
	snprintf(text, sizeof(text), "# two interfaces\n\ninterface sec0 up\n"
	    "  " ADD "\"%s\"   # quoted\nint sec1 down\nreload\n",
	    in_dir("a key"));
	list = in_dir("list");
	put_file(list, text, 0644);
	snprintf(args, sizeof(args), "-f %s", list);
	snprintf(want, sizeof(want), "secctl: %s:5: sec1: not there\n", list);
	expect(talk(args, all, 3), 1, "", want,
	    "-f FILE: one connection, up to the first failure");
	expect(talk_with("-f -", text, all, 3), 1, "",
	    "secctl: -:5: sec1: not there\n", "-f -");
	expect(talk_with("-f -", "interface sec0 up\nfrob\nreload\n", &one, 1),
	    2, "", "secctl: -:2: 'frob' is unknown here; possible: add, "
	    "create, destroy, expire, flush, genkey, help, interface, log, "
	    "monitor, reload, remove, show, stop\n",
	    "a line that is no command");
	expect(talk_with("-f -", "interface sec0 up", &one, 1), 0, "", "",
	    "a last line without its end");
	alone("-f -", "# nothing\n\n");
	expect(1, 0, "", "", "nothing to do");
	alone("-f -", "show 'sa\n");
	expect(1, 2, "", "secctl: -:1: a quote is not closed\n",
	    "an open quote");
	alone("-f -", ADD "-\n" KEY36 "\n");
	expect(1, 2, "", "secctl: -:1: add sa: standard input can not be both "
	    "the commands (-f -) and a key file (-)\n",
	    "commands and key both on standard input");
	put_file(list, ADD "-\n", 0644);
	expect(talk_with(args, KEY36 "\n", all + 1, 1), 0, "", "",
	    "commands in a file, key on standard input");
	alone("-f /nonexistent/list", "");
	expect(1, 1, "", "secctl: /nonexistent/list: No such file or "
	    "directory\n", "no such file of commands");
}

/* --- what is shown --- */

static struct msg_drops		 names = {
	.count = 4,
	.names = { "ok", "bad-icv", "replay", "no-sa" },
	.stray = { 9, 0, 0, 5 }
};
static struct msg_iface_rows	 ifaces;
static struct msg_device	 devices[2];
static struct msg_cursor	 all_rows;
static struct msg_name		 sec0 = { "sec0" }, sec1 = { "sec1" };

static void
make_ifaces(void)
{
	struct msg_iface_row *r = ifaces.rows;

	ifaces.count = 2;
	r->id = 1;
	iface_conf_init(&r->conf, "sec0");
	strlcpy(r->conf.descr, "cloud \x01 1", sizeof(r->conf.descr));
	r->conf.local = addr("192.0.2.8");
	r->conf.peer = addr("198.51.100.14");
	r->conf.naddrs = 2;
	r->conf.addrs[0].local = addr("169.254.229.42");
	r->conf.addrs[0].peer = addr("169.254.229.41");
	r->conf.addrs[0].prefixlen = 30;
	r->conf.addrs[1].local = addr("fd00::2");
	r->conf.addrs[1].prefixlen = 126;
	r->nsa_in = 2;
	r->nsa_out = 1;
	r->spi_out = 0x1002;
	r->carrier = 1;
	r->in_packets = 12;
	r->in_bytes = 1008;
	r->out_packets = UINT64_C(9223372036854775807);
	r->out_bytes = UINT64_MAX;
	r->drops[0] = 7;		/* of "ok": no drop */
	r->drops[1] = 3;
	r->drops[2] = 1;
	r++;
	r->id = 5;
	iface_conf_init(&r->conf, "sec1");
	r->conf.dynamic = 1;
	r->conf.encap = ENCAP_PORT;
	r->conf.encap_port = 4501;
	r->conf.acquire = 1;
	r->conf.switch_delay = 0;
	r->conf.drain = 9;
	r->conf.nofollow = 1;
	r->conf.output = OUTPUT_PACKET;
	strlcpy(r->output_why, "no \x01 device", sizeof(r->output_why));
	r->nsa_out = 1;
	devices[0] = (struct msg_device){ .name = "sec0", .ifindex = 7,
	    .mtu = 1280, .up = 1, .carrier = 1 };
	devices[1] = (struct msg_device){ .name = "sec1", .ifindex = 8,
	    .mtu = 1400, .up = 1, .link_down = 40,
	    .queue_full = 6 };
}

#define NAMES	{ MSG_SHOW_DROPS, NOBODY_ELSE, MSG_DROPS, BODY(names), \
		    AS_IT_IS }
#define IFACES(cur, rows) \
		{ MSG_SHOW_IFACE, BODY(cur), MSG_IFACE_ROWS, BODY(rows), \
		    AS_IT_IS }
#define DEVICE(name, dev) \
		{ MSG_SHOW_DEVICE, BODY(name), MSG_DEVICE, BODY(dev), \
		    AS_IT_IS }

static void
test_show_interfaces(void)
{
	const struct step steps[] = {
		NAMES, IFACES(all_rows, ifaces), DEVICE(sec0, devices[0]),
		DEVICE(sec1, devices[1])
	};
	const char *sec0_text = "sec0: up, carrier, mtu 1280\n"
	    "\tdescription: cloud ? 1\n"
	    "\tlocal 192.0.2.8 peer 198.51.100.14\n"
	    "\tinet 169.254.229.42/30 -> 169.254.229.41\n"
	    "\tinet6 fd00::2/126\n"
	    "\tSAs: 2 in, 1 out, sending with spi 0x00001002\n"
	    "\tin:  12 packets, 1008 bytes\n"
	    "\tout: 9223372036854775807 packets, 18446744073709551615 bytes\n"
	    "\tdrops: bad-icv 3, replay 1\n";
	const char *sec1_text = "sec1: up, no carrier (no inbound SA), "
	    "mtu 1400, dynamic\n"
	    "\tlocal any peer any\n"
	    "\tencap port 4501, acquire yes, switch at-once, drain 9, follow "
	    "no, output raw (packet: no ? device)\n"
	    "\tSAs: 0 in, 1 out\n"
	    "\tin:  0 packets, 0 bytes\n"
	    "\tout: 0 packets, 0 bytes\n"
	    "\tdrops: link-down 40, queue-full 6\n";
	char want[2048];

	snprintf(want, sizeof(want), "%s%s", sec0_text, sec1_text);
	expect(talk("show", steps, 4), 0, want, "", "show");
	expect(talk("show interfaces", steps, 4), 0, want, "",
	    "show interfaces");
	ok(talk("-j show", steps, 4) && rc == 0, "-j show");
	json_has("list(d) == ['interfaces'] and len(d['interfaces']) == 2");
	json_has("[i['name'] for i in d['interfaces']] == ['sec0', 'sec1']");
	json_has("d['interfaces'][0]['addresses'] == [{'address': "
	    "'169.254.229.42', 'prefixlen': 30, 'far': '169.254.229.41'}, "
	    "{'address': 'fd00::2', 'prefixlen': 126, 'far': None}]");
	json_has("d['interfaces'][0]['drops'] == {'bad-icv': 3, 'replay': 1, "
	    "'no-sa': 0, 'link-down': 0, 'queue-full': 0}");
	json_has("{k: v for k, v in d['interfaces'][1].items() if k not in "
	    "('in', 'out', 'drops')} == {'name': 'sec1', 'device': None, "
	    "'description': None, 'dynamic': True, 'present': True, "
	    "'ifindex': 8, 'up': True, 'carrier': False, "
	    "'no_carrier_reason': 'no inbound SA', 'carrier_forced': False, "
	    "'mtu': 1400, 'link_state': 'sa', 'replay': 4096, 'encap': "
	    "'port', 'encap_port': 4501, 'acquire': True, 'switch_delay': 0, "
	    "'drain': 9, 'follow': False, 'output': 'packet', 'output_now': "
	    "'raw', 'output_reason': 'no ? device', 'local': None, "
	    "'peer': None, 'addresses': [], 'sas_in': 0, 'sas_out': 1, "
	    "'spi_out': None, 'lost': None}");
	json_has("[d['interfaces'][0][k] for k in ('encap', 'encap_port', "
	    "'acquire', 'switch_delay', 'drain', 'follow', 'output', "
	    "'output_now', 'output_reason')] == ['auto', None, False, 1, 5, "
	    "True, 'raw', 'raw', None]");
	json_has("d['interfaces'][0]['out'] == {'packets': "
	    "9223372036854775807, 'bytes': 2.0**64}");
	json_has("d['interfaces'][0]['spi_out'] == '0x00001002' and "
	    "d['interfaces'][0]['description'] == 'cloud ? 1'");
}

/* Each of them alone, as people see it. */
static void
test_manners(void)
{
	static const struct {
		uint8_t		 encap;
		uint8_t		 output, now;
		uint16_t	 delay;
		const char	*want;
	} each[] = {
		{ ENCAP_UDP, 0, 0, IFACE_SWITCH_DEFAULT,
		    "\n\tencap udp\n\tSAs" },
		{ ENCAP_NONE, 0, 0, 7,
		    "\n\tencap none, switch delay 7\n\tSAs" },
		{ ENCAP_AUTO, 0, 0, 0, "\n\tswitch at-once\n\tSAs" },
		{ ENCAP_AUTO, 0, 0, IFACE_SWITCH_DEFAULT, "/126\n\tSAs" },
		{ ENCAP_AUTO, OUTPUT_PACKET, OUTPUT_PACKET,
		    IFACE_SWITCH_DEFAULT, "\n\toutput packet\n\tSAs" },
		{ ENCAP_AUTO, OUTPUT_PACKET, OUTPUT_RAW, 0,
		    "\n\tswitch at-once, output raw (packet: )\n\tSAs" },
		{ ENCAP_AUTO, OUTPUT_PACKET, 99, IFACE_SWITCH_DEFAULT,
		    "\n\toutput ? (packet: )\n\tSAs" },
		{ 99, 0, 0, IFACE_SWITCH_DEFAULT, "\n\tencap ?\n\tSAs" }
	};
	struct msg_iface_rows one = { .count = 1, .rows = { ifaces.rows[0] } };
	const struct step steps[] = {
		NAMES, IFACES(all_rows, one), DEVICE(sec0, devices[0])
	};
	size_t i;

	for (i = 0; i < NELEMS(each); i++) {
		one.rows[0].conf.encap = each[i].encap;
		one.rows[0].conf.switch_delay = each[i].delay;
		one.rows[0].conf.output = each[i].output;
		one.rows[0].output_now = each[i].now;
		ok(talk("show", steps, 3) && strstr(outtext, each[i].want) !=
		    NULL, "manners of an interface: encap %u, output %u, delay "
		    "%u", each[i].encap, each[i].output, each[i].delay);
	}
}

/* What the first line says of an interface of that state. */
static void
first_line(const struct msg_iface_row *row, const struct msg_device *dev,
    const char *want)
{
	struct msg_iface_rows one = { .count = 1, .rows = { *row } };
	struct msg_cursor cur = { .iface = "sec0" };
	const struct step steps[] = {
		NAMES, IFACES(cur, one), DEVICE(sec0, *dev)
	};
	int same = talk("show interfaces sec0", steps, 3);

	outtext[strcspn(outtext, "\n")] = '\0';
	if (!ok(same && strcmp(outtext, want) == 0, "%s", want))
		printf("# %s\n", outtext);
}

static void
test_carrier(void)
{
	struct msg_result none = { .error = ENOENT };
	struct msg_iface_row r = ifaces.rows[0];
	struct msg_device d = devices[0];
	struct msg_iface_rows one = { .count = 1, .rows = { r } };
	struct msg_cursor cur = { .iface = "sec0" };
	const struct step gone[] = {
		NAMES, IFACES(cur, one),
		{ MSG_SHOW_DEVICE, BODY(sec0), MSG_RESULT, BODY(none),
		    AS_IT_IS }
	};

	r.nsa_in = r.nsa_out = r.spi_out = 0;
	d.carrier = 0;
	first_line(&r, &d, "sec0: up, no carrier (no SA), mtu 1280");
	r.nsa_in = 1;
	first_line(&r, &d, "sec0: up, no carrier (no outbound SA), mtu 1280");
	strlcpy(r.lost, "spi 0x00001002 \x1b expired", sizeof(r.lost));
	first_line(&r, &d, "sec0: up, no carrier (no outbound SA: spi "
	    "0x00001002 ? expired), mtu 1280");
	r.nsa_in = 0;
	first_line(&r, &d, "sec0: up, no carrier (no outbound SA: spi "
	    "0x00001002 ? expired), mtu 1280");
	r.nsa_in = r.nsa_out = 1;
	first_line(&r, &d, "sec0: up, no carrier (outbound SA waits for the "
	    "nonce ledger), mtu 1280");
	r.spi_out = 300;
	first_line(&r, &d, "sec0: up, no carrier (the device lost it), mtu "
	    "1280");
	d.carrier = r.forced = 1;
	first_line(&r, &d, "sec0: up, carrier kept up for a kernel-wide "
	    "setting, see sec(4), mtu 1280");
	d.up = d.carrier = r.forced = 0;
	first_line(&r, &d, "sec0: down, mtu 1280");
	strlcpy(r.conf.device, "tun0", sizeof(r.conf.device));
	r.conf.link = LINK_ADMIN;
	d.up = d.carrier = 1;
	first_line(&r, &d, "sec0: up, carrier, mtu 1280, device tun0, link "
	    "state admin");
	ok(talk("sh i sec0", gone, 3) && rc == 0 && strncmp(outtext, "sec0: "
	    "its device is gone (a restart of secd makes it again)\n", 60) == 0,
	    "a device that is gone");
}

static void
test_show_none(void)
{
	static const struct msg_iface_rows none;
	static const struct msg_sa_rows nosas;
	struct msg_cursor cur = { .iface = "sec9" };
	const struct step ifs[] = { NAMES, IFACES(all_rows, none) };
	const struct step if9[] = { NAMES, IFACES(cur, none) };
	const struct step sas[] = { NAMES, { MSG_SHOW_SA, BODY(all_rows),
	    MSG_SA_ROWS, BODY(nosas), AS_IT_IS } };
	const struct step sa9[] = { NAMES, { MSG_SHOW_SA, BODY(cur),
	    MSG_SA_ROWS, BODY(nosas), AS_IT_IS }, IFACES(cur, none) };
	const struct step sa9there[] = { NAMES, { MSG_SHOW_SA, BODY(cur),
	    MSG_SA_ROWS, BODY(nosas), AS_IT_IS }, IFACES(cur, ifaces) };

	expect(talk("show", ifs, 2), 0, "no interfaces\n", "",
	    "no interfaces");
	expect(talk("show interfaces sec9", if9, 2), 1, "", "secctl: sec9: no "
	    "such interface (see 'secctl show')\n", "no such interface");
	expect(talk("show sa", sas, 2), 0, "no SAs\n", "", "no SAs");
	expect(talk("show sa sec9", sa9, 3), 1, "", "secctl: sec9: no such "
	    "interface (see 'secctl show')\n", "SAs of no such interface");
	expect(talk("show sa sec9", sa9there, 3), 0, "no SAs\n", "",
	    "no SAs of an interface");
	expect(talk("-j show sa sec9", sa9, 3), 1, "", "secctl: sec9: no such "
	    "interface (see 'secctl show')\n", "no document after a failure");
	ok(talk("-j show sa", sas, 2) && rc == 0, "-j show sa, none");
	json_has("d == {'sas': []}");
}

static void
fill_sas(struct msg_sa_rows *p)
{
	time_t now = time(NULL);
	struct msg_sa_row *r = p->rows;

	memset(p, 0, sizeof(*p));
	p->count = 2;
	r->id = 3;
	strlcpy(r->iface, "sec0", sizeof(r->iface));
	strlcpy(r->enc, "aes-256-gcm", sizeof(r->enc));
	r->src = addr("198.51.100.14");
	r->dst = addr("192.0.2.8");
	r->spi = 0x1001;
	r->replay = 4096;
	r->flags = SA_F_STATIC | SA_F_CONF | SA_F_ESN;
	r->dir = SA_IN;
	r->state = SA_ACTIVE;
	r->added = now - 3 * 86400 - 4 * 3600 - 100;
	r->used = now - 7500;
	r->seq = 42;
	r->packets = 12;
	r->bytes = 1008;
	r->drops[2] = 2;
	r++;
	r->id = 4;
	strlcpy(r->iface, "sec0", sizeof(r->iface));
	strlcpy(r->enc, "aes-128-gcm", sizeof(r->enc));
	strlcpy(r->auth, "x\x7fy", sizeof(r->auth));
	r->src = addr("2001:db8::1");
	r->dst = addr("2001:db8::2");
	r->spi = 0x80001002;
	r->flags = SA_F_STATIC;
	r->dir = SA_OUT;
	r->state = SA_WAITING;
	r->added = now + 1000;		/* the clock was set back */
	r->mark = 16384;
}

static void
test_show_sa(void)
{
	struct msg_sa_rows first, last;
	struct msg_cursor second = { .after = 4 };
	const struct step one[] = { NAMES, { MSG_SHOW_SA, BODY(all_rows),
	    MSG_SA_ROWS, BODY(last), AS_IT_IS } };
	const struct step two[] = { NAMES,
	    { MSG_SHOW_SA, BODY(all_rows), MSG_SA_ROWS, BODY(first),
	    AS_IT_IS },
	    { MSG_SHOW_SA, BODY(second), MSG_SA_ROWS, BODY(last), AS_IT_IS }
	};

	fill_sas(&last);
	expect(talk("show sa", one, 2), 0,
	    "sec0 in  spi 0x00001001 198.51.100.14 -> 192.0.2.8 aes-256-gcm\n"
	    "\tactive, highest seq seen 42, replay window 4096, esn, from "
	    "secd.conf\n"
	    "\t12 packets, 1008 bytes, age 3d04h, idle 2h05m\n"
	    "\tdrops: replay 2\n"
	    "sec0 out spi 0x80001002 2001:db8::1 -> 2001:db8::2 aes-128-gcm "
	    "x?y\n"
	    "\twaiting, last seq sent 0, may send up to 16384, static\n"
	    "\t0 packets, 0 bytes, age 0s, never used\n", "", "show sa");
	ok(talk("-j show sa", one, 2) && rc == 0, "-j show sa");
	json_has("{k: v for k, v in d['sas'][0].items() if k not in ('added', "
	    "'age', 'used', 'idle', 'soft', 'hard')} == {'interface': 'sec0', "
	    "'direction': 'in', 'spi': '0x00001001', 'src': '198.51.100.14', "
	    "'dst': '192.0.2.8', 'enc': 'aes-256-gcm', 'auth': None, 'state': "
	    "'active', 'esn': True, 'static': True, 'configured': True, "
	    "'to': None, 'to_port': None, 'encap': False, 'sport': None, "
	    "'dport': None, 'owner': None, 'rule': 'named', 'narrow': False, "
	    "'reqid': None, 'first': None, "
	    "'replay': 4096, 'seq': 42, 'mark': None, 'packets': 12, 'bytes': "
	    "1008, 'drops': {'bad-icv': 0, 'replay': 2, 'no-sa': 0}}");
	json_has("d['sas'][1]['mark'] == 16384 and d['sas'][1]['replay'] is "
	    "None and d['sas'][1]['used'] is None and d['sas'][1]['idle'] is "
	    "None and d['sas'][1]['age'] == 0 and d['sas'][1]['state'] == "
	    "'waiting' and d['sas'][1]['auth'] == 'x?y'");
	json_has("7500 <= d['sas'][0]['idle'] < 7560 and d['sas'][0]['used'] "
	    "- d['sas'][0]['added'] == 3 * 86400 + 4 * 3600 + 100 - 7500");

	memset(last.rows[0].iface, 'x', sizeof(last.rows[0].iface));
	ok(talk("-j show sa", one, 2) && rc == 0, "a name without an end");
	json_has("d['sas'][0]['interface'] == 16 * 'x'");

	first = last;
	first.more = 1;
	last.rows[0].id = 8;
	last.rows[1].id = 9;
	ok(talk("-j show sa", two, 3) && rc == 0, "two pages");
	json_has("len(d['sas']) == 4");
}

/* SAs of IKE daemons: larval, draining, with all there is to say. */
static void
fill_ike_sas(struct msg_sa_rows *p)
{
	struct msg_sa_row *r = p->rows;

	memset(p, 0, sizeof(*p));
	p->count = 3;
	r->id = 3;
	r->owner.uid = 7;
	strlcpy(r->owner.name, "char\x01n", sizeof(r->owner.name));
	r->src = addr("198.51.100.14");
	r->dst = addr("192.0.2.8");
	r->spi = 0x1001;
	r->reqid = 5;
	r->flags = SA_F_IKE;
	r->dir = SA_IN;
	r->state = SA_LARVAL;
	r->added = time(NULL);
	r++;
	*r = p->rows[0];
	r->id = 4;
	memset(r->owner.name, 0, sizeof(r->owner.name));
	strlcpy(r->iface, "sec0", sizeof(r->iface));
	strlcpy(r->enc, "aes-256", sizeof(r->enc));
	strlcpy(r->auth, "hmac-sha2-256", sizeof(r->auth));
	r->state = SA_DRAINING;
	r->rule = RULE_PAIR;
	r->reqid = 0;
	r->narrow = 1;
	r->encap = 1;
	r->sport = 1024;
	r->dport = 4500;
	r->to = addr("203.0.113.1");		/* means nothing inbound */
	r->hard.packets = 7;
	r++;
	*r = p->rows[1];
	r->id = 5;
	r->dir = SA_OUT;
	r->src = p->rows[1].dst;
	r->dst = p->rows[1].src;
	r->state = SA_ACTIVE;
	r->rule = RULE_UNIT;
	r->narrow = 0;
	r->sport = r->dport = 4500;
	r->to = addr("203.0.113.9");
	r->to_port = 1024;
	r->first = 1000;
	r->soft = (struct sa_life){ 1, 2, 3, 4 };
	r->hard = (struct sa_life){ 0, 0, 3600, 0 };
}

static void
test_show_ike_sa(void)
{
	struct msg_sa_rows rows;
	const struct step one[] = { NAMES, { MSG_SHOW_SA, BODY(all_rows),
	    MSG_SA_ROWS, BODY(rows), AS_IT_IS } };

	fill_ike_sas(&rows);
	expect(talk("show sa", one, 2), 0,
	    "- in  spi 0x00001001 198.51.100.14 -> 192.0.2.8\n"
	    "\tlarval: its SPI is taken, its keys are to come\n"
	    "\towner char?n, uid 7, reqid 5\n"
	    "\t0 packets, 0 bytes, age 0s, never used\n"
	    "sec0 in  spi 0x00001001 198.51.100.14 -> 192.0.2.8 aes-256 "
	    "hmac-sha2-256\n"
	    "\tdraining, highest seq seen 0, replay check off\n"
	    "\towner uid 7, interface by address pair, narrow: asked for a "
	    "flow that is not any to any\n"
	    "\tin UDP, ports 1024 -> 4500\n"
	    "\thard 7 packets\n"
	    "\t0 packets, 0 bytes, age 0s, never used\n"
	    "sec0 out spi 0x00001001 192.0.2.8 -> 198.51.100.14 aes-256 "
	    "hmac-sha2-256\n"
	    "\tactive, last seq sent 0, may send up to 0\n"
	    "\towner uid 7, interface by unit\n"
	    "\tin UDP, ports 4500 -> 4500, to 203.0.113.9 port 1024\n"
	    "\tsoft 1 bytes, soft 2 packets, soft age 3 s, soft 4 s of use\n"
	    "\thard age 3600 s\n"
	    "\t0 packets, 0 bytes, age 0s, never used\n", "",
	    "show sa of IKE daemons");
	ok(talk("-j show sa", one, 2) && rc == 0, "-j show sa of IKE daemons");
	json_has("[d['sas'][0][k] for k in ('interface', 'enc', 'auth', "
	    "'state', 'owner', 'rule', 'reqid', 'encap', 'sport', 'to', "
	    "'soft')] == [None, None, None, 'larval', {'name': 'char?n', "
	    "'uid': 7}, None, 5, False, None, None, dict.fromkeys(('bytes', "
	    "'packets', 'added', 'used'))]");
	json_has("[d['sas'][1][k] for k in ('state', 'owner', 'rule', "
	    "'narrow', 'reqid', 'encap', 'sport', 'dport', 'to', 'first')] == "
	    "['draining', {'name': None, 'uid': 7}, 'address pair', True, "
	    "None, True, 1024, 4500, None, None]");
	json_has("[d['sas'][2][k] for k in ('rule', 'narrow', 'to', 'to_port', "
	    "'soft', 'hard', 'first')] == ['unit', False, '203.0.113.9', 1024, "
	    "{'bytes': 1, 'packets': 2, 'added': 3, 'used': 4}, {'bytes': "
	    "None, 'packets': None, 'added': 3600, 'used': None}, 1000]");

	rows.count = 1;
	rows.rows[0] = rows.rows[2];
	rows.rows[0].rule = RULE_ONLY;
	rows.rows[0].encap = 0;
	rows.rows[0].sport = rows.rows[0].dport = rows.rows[0].to_port = 0;
	ok(talk("show sa", one, 2) && strstr(outtext,
	    ", interface the only one\n\tto 203.0.113.9\n") != NULL,
	    "the only interface, plain ESP to another address");
	rows.rows[0].to = rows.rows[0].dst;
	rows.rows[0].rule = 77;
	ok(talk("show sa", one, 2) && strstr(outtext,
	    ", interface ?\n\tsoft 1 bytes") != NULL,
	    "an unknown rule, and nothing unusual on the way");
	ok(talk("-j show sa", one, 2) && rc == 0, "-j show sa, one");
	json_has("d['sas'][0]['rule'] == '?'");
}

static void
test_show_clients(void)
{
	struct msg_clients none, all;
	struct msg_sa_rows rows, more;
	struct msg_cursor second = { .after = 5 };
	struct step no = { MSG_SHOW_CLIENTS, NOBODY_ELSE, MSG_CLIENTS,
	    BODY(none), AS_IT_IS };
	const struct step steps[] = {
		{ MSG_SHOW_CLIENTS, NOBODY_ELSE, MSG_CLIENTS, BODY(all),
		    AS_IT_IS },
		{ MSG_SHOW_SA, BODY(all_rows), MSG_SA_ROWS, BODY(rows),
		    AS_IT_IS },
		{ MSG_SHOW_SA, BODY(second), MSG_SA_ROWS, BODY(more),
		    AS_IT_IS }
	};

	memset(&none, 0, sizeof(none));
	expect(talk("show clients", &no, 1), 0, "no clients\n", "",
	    "no clients");
	ok(talk("-j show clients", &no, 1) && rc == 0, "-j show clients, none");
	json_has("d == {'clients': []}");
	none.count = IPC_CLIENTS + 1;
	ok(talk("show clients", &no, 1) && rc == 3 &&
	    strstr(errtext, "too many clients") != NULL, "too many clients");

	fill_ike_sas(&rows);		/* one larval of char?n, two of uid 7 */
	more = rows;
	rows.more = 1;
	more.rows[0].id = 6;
	more.rows[1].id = 7;
	more.rows[1].owner.uid = 8;	/* not theirs */
	more.rows[2].id = 8;
	more.rows[2].flags &= ~SA_F_IKE; /* nobody's */
	memset(&all, 0, sizeof(all));
	all.count = 2;
	all.clients[0].owner = rows.rows[0].owner;
	all.clients[0].pid = 1234;
	all.clients[0].dialect = DIALECT_LINUX;
	all.clients[0].satypes = 3;
	all.clients[0].policies = 4;
	all.clients[0].requests = 99;
	all.clients[1].owner.uid = 7;
	all.clients[1].pid = 77;
	all.clients[1].lost = 3;
	expect(talk("show clients", steps, 3), 0,
	    "char?n: uid 7, pid 1234, dialect linux, registered for AH ESP\n"
	    "\tSAs: 0, 2 larval; policies: 4; requests: 99\n"
	    "-: uid 7, pid 77, dialect unknown, not registered\n"
	    "\tSAs: 2, 0 larval; policies: 0; requests: 0\n"
	    "\t3 messages lost: it did not read them\n", "", "show clients");
	all.clients[1].dialect = DIALECT_OPENBSD;
	all.clients[1].satypes = 2;
	ok(talk("-j show clients", steps, 3) && rc == 0, "-j show clients");
	json_has("d == {'clients': [{'owner': {'name': 'char?n', 'uid': 7}, "
	    "'pid': 1234, 'dialect': 'linux', 'registered': ['ah', 'esp'], "
	    "'sas': 0, 'larval': 2, 'policies': 4, 'requests': 99, 'lost': 0}, "
	    "{'owner': {'name': None, 'uid': 7}, 'pid': 77, 'dialect': "
	    "'openbsd', 'registered': ['esp'], 'sas': 2, 'larval': 0, "
	    "'policies': 0, 'requests': 0, 'lost': 3}]}");
	all.clients[1].dialect = 9;
	ok(talk("show clients", steps, 3) && strstr(outtext,
	    "dialect ?, registered for ESP\n") != NULL, "an unknown dialect");
}

static void
test_show_crypto(void)
{
	struct msg_crypto m;
	const struct step step = { MSG_SHOW_CRYPTO, NOBODY_ELSE, MSG_CRYPTO,
	    BODY(m), AS_IT_IS };

	memset(&m, 0, sizeof(m));
	strlcpy(m.choice, "auto", sizeof(m.choice));
	strlcpy(m.why, "ipsec-mb 1.3.0: in\tuse", sizeof(m.why));
	m.count = 2;
	strlcpy(m.suites[0].enc, "aes-256-gcm", SUITE_NAMELEN);
	strlcpy(m.suites[0].backend, "ipsec-mb", IPC_CHOICELEN);
	strlcpy(m.suites[1].enc, "aes-128", SUITE_NAMELEN);
	strlcpy(m.suites[1].auth, "hmac-sha2-256", SUITE_NAMELEN);
	memset(m.suites[1].backend, 'x', IPC_CHOICELEN);
	expect(talk("show crypto", &step, 1), 0,
	    "crypto backend auto, ipsec-mb 1.3.0: in?use\n"
	    "ENC                AUTH           BACKEND\n"
	    "aes-256-gcm        -              ipsec-mb\n"
	    "aes-128            hmac-sha2-256  xxxxxxxxxxxxxxxx\n", "",
	    "show crypto");
	ok(talk("-j show crypto", &step, 1) && rc == 0, "-j show crypto");
	json_has("d == {'choice': 'auto', 'why': 'ipsec-mb 1.3.0: in?use', "
	    "'suites': [{'enc': 'aes-256-gcm', 'auth': None, 'backend': "
	    "'ipsec-mb'}, {'enc': 'aes-128', 'auth': 'hmac-sha2-256', "
	    "'backend': 16 * 'x'}]}");
	m.count = IPC_SUITES + 1;
	ok(talk("show crypto", &step, 1) && rc == 3 &&
	    strstr(errtext, "too many suites") != NULL, "too many suites");
}

/* Answers that would lead a trusting reader astray. */
static void
test_senseless(void)
{
	struct msg_drops many = names;
	struct msg_sa_rows sas;
	struct msg_iface_rows ifs = { .count = IPC_IFACE_ROWS + 1 };
	struct msg_process p = { .nprocs = IPC_NPROCS + 1 };
	const struct step drops = { MSG_SHOW_DROPS, NOBODY_ELSE, MSG_DROPS,
	    BODY(many), AS_IT_IS };
	const struct step sa[] = { NAMES, { MSG_SHOW_SA, BODY(all_rows),
	    MSG_SA_ROWS, BODY(sas), AS_IT_IS } };
	const struct step ifc[] = { NAMES, IFACES(all_rows, ifs) };
	const struct step proc = { MSG_SHOW_PROCESS, NOBODY_ELSE, MSG_PROCESS,
	    BODY(p), AS_IT_IS };

#define IS_SENSELESS(same, what) \
	ok((same) && rc == 3 && strstr(errtext, "makes no sense: " what) != \
	    NULL, "%s", what)

	many.count = IPC_NDROPS + 1;
	IS_SENSELESS(talk("show drops", &drops, 1), "too many counters");
	fill_sas(&sas);
	sas.count = IPC_SA_ROWS + 1;
	IS_SENSELESS(talk("show sa", sa, 2), "too many rows");
	fill_sas(&sas);
	sas.more = 1;
	sas.rows[1].id = 0;
	IS_SENSELESS(talk("show sa", sa, 2), "pages without end");
	fill_sas(&sas);
	sas.count = 0;
	sas.more = 1;
	IS_SENSELESS(talk("show sa", sa, 2), "pages without end");
	IS_SENSELESS(talk("show", ifc, 2), "too many rows");
	ifs.count = 1;
	memset(ifs.rows[0].conf.name, 'x', IFACE_NAMELEN);
	IS_SENSELESS(talk("show", ifc, 2), "interface name");
	IS_SENSELESS(talk("show process", &proc, 1), "too many processes");
	p.nprocs = 0;
	p.nlost = IPC_NLOST + 1;
	IS_SENSELESS(talk("show process", &proc, 1), "too many processes");
}

static void
test_show_drops(void)
{
	static const struct msg_iface_rows none;
	struct msg_drops quiet = names;
	const struct step steps[] = {
		NAMES, IFACES(all_rows, ifaces), DEVICE(sec0, devices[0]),
		DEVICE(sec1, devices[1])
	};
	const struct step calm[] = {
		{ MSG_SHOW_DROPS, NOBODY_ELSE, MSG_DROPS, BODY(quiet),
		    AS_IT_IS },
		IFACES(all_rows, none)
	};

	memset(quiet.stray, 0, sizeof(quiet.stray));
	expect(talk("show drops", steps, 4), 0,
	    "INTERFACE    REASON                        PACKETS\n"
	    "sec0         bad-icv                             3\n"
	    "sec0         replay                              1\n"
	    "sec1         link-down                          40\n"
	    "sec1         queue-full                          6\n"
	    "-            no-sa                               5\n", "",
	    "show drops");
	expect(talk("show drops", calm, 2), 0, "no packets dropped\n", "",
	    "no drops");
	ok(talk("-j show drops", steps, 4) && rc == 0, "-j show drops");
	json_has("d == {'drops': {'sec0': {'bad-icv': 3, 'replay': 1, "
	    "'no-sa': 0, 'link-down': 0, 'queue-full': 0}, 'sec1': {'bad-icv': "
	    "0, 'replay': 0, 'no-sa': 0, 'link-down': 40, 'queue-full': 6}, "
	    "'stray': {'bad-icv': 0, "
	    "'replay': 0, 'no-sa': 5}}}");
}

static void
test_show_process(void)
{
	struct msg_process p = {
		.version = "0.1", .confpath = "/etc/secd.conf",
		.rundir = "/var/run/secd", .statedir = "/var/lib/secd",
		.started = time(NULL) - 7500, .nprocs = 2, .nlost = 1,
		.engine = { 4, OFFLOAD_TSO | OFFLOAD_GRO, CRYPTO_IPSEC_MB },
		.procs = { { "parent", 100, 0 }, { "engine", 101, 990 } },
		.lost = { "no chroot" }
	};
	const struct step s = { MSG_SHOW_PROCESS, NOBODY_ELSE, MSG_PROCESS,
	    BODY(p), AS_IT_IS };
	char want[1024];
	const char *last;
	const char *head = "secd 0.1, running for 2h05m\n"
	    "\tconfiguration   /etc/secd.conf\n"
	    "\trun directory   /var/run/secd\n"
	    "\tstate directory /var/lib/secd\n"
	    "\tworkers 4, crypto backend ipsec-mb, offload tso gro\n"
	    "\tparent          pid 100, uid 0\n"
	    "\tengine          pid 101, uid 990\n";

	snprintf(want, sizeof(want), "%s\tlost protection: no chroot\n", head);
	expect(talk("show process", &s, 1), 0, want, "", "show process");
	ok(talk("-j show process", &s, 1) && rc == 0, "-j show process");
	json_has("{k: v for k, v in d.items() if k not in ('started', "
	    "'uptime')} == {'version': '0.1', 'configuration': "
	    "'/etc/secd.conf', 'run_directory': '/var/run/secd', "
	    "'state_directory': '/var/lib/secd', 'workers': 4, "
	    "'crypto_backend': 'ipsec-mb', 'offload': ['tso', 'gro'], "
	    "'processes': [{'title': "
	    "'parent', 'pid': 100, 'uid': 0}, {'title': 'engine', 'pid': 101, "
	    "'uid': 990}], 'lost_protections': ['no chroot']}");
	json_has("d['uptime'] >= 7500");
	p.nlost = 0;
	snprintf(want, sizeof(want), "%s\tall protections are in force\n",
	    head);
	expect(talk("show process", &s, 1), 0, want, "", "nothing lost");
	engine_conf_init(&p.engine);
	last = "\tworkers 1, crypto backend auto, offload all\n";
	ok(talk("show process", &s, 1) && strstr(outtext, last) != NULL,
	    "all offloads");
	p.engine.offload = 0;
	p.engine.crypto = 99;
	last = "\tworkers 1, crypto backend ?, offload none\n";
	ok(talk("show process", &s, 1) && strstr(outtext, last) != NULL,
	    "no offload, and a backend of a later secd's");
	ok(talk("-j show process", &s, 1) && rc == 0, "the same in JSON");
	json_has("d['offload'] == [] and d['crypto_backend'] == '?'");
}

/* --- monitor and stop --- */

/* Wait until the output has so many octets. */
static int
written(size_t len)
{
	struct stat st;
	int i;

	for (i = 0; i < WAIT_MS / 10; i++) {
		if (stat(out, &st) == 0 && (size_t)st.st_size >= len)
			return 1;
		poll(NULL, 0, 10);
	}
	return 0;
}

static void
monitor_with(const char *args, const char *want, const char *what)
{
	const struct msg_event ev[] = {
		{ .when = 86400, .priority = 6, .text = "secd: started" },
		{ .when = 86461, .priority = 4, .text = "bad \n\x1b[1m" },
	};
	const struct step s = { MSG_MONITOR, NOBODY_ELSE, DONE };
	char gone[256];
	int same;

	start(args, "", 0);
	same = take_connection() != -1 && play(&s);
	send_message(MSG_EVENT, 0, &ev[0], sizeof(ev[0]), AS_IT_IS);
	send_message(MSG_EVENT, 0, &ev[1], sizeof(ev[1]), AS_IT_IS);
	ok(same && written(strlen(want)), "%s: at once", what);
	collect();
	snprintf(gone, sizeof(gone), "secctl: %s: secd closed the connection "
	    "(its log says why; secctl and secd must be of one version)\n",
	    sock);
	expect(same, 3, want, gone, what);
}

static void
test_monitor(void)
{
	const struct step s = { MSG_MONITOR, NOBODY_ELSE, DONE };
	int same;

	monitor_with("monitor", "1970-01-02 00:00:00 info: secd: started\n"
	    "1970-01-02 00:01:01 warning: bad ??[1m\n", "monitor");
	monitor_with("-j monitor",
	    "{\"time\":86400,\"priority\":\"info\",\"text\":\"secd: "
	    "started\"}\n{\"time\":86461,\"priority\":\"warning\",\"text\":"
	    "\"bad ??[1m\"}\n", "-j monitor");
	start("monitor", "", 0);
	same = take_connection() != -1 && play(&s);
	kill(child, SIGINT);
	collect();
	ok(same && rc == -SIGINT, "an interrupt ends monitor");
}

static void
stay(void)
{
}

/*
 * The daemon ends some time after its reply: go happens before its connection
 * is closed, leave after.
 */
static void
stop_with(const char *args, enum msg_type type, void (*go)(void),
    void (*leave)(void), const char *what)
{
	const struct step s = { type, NOBODY_ELSE, DONE };
	int same, early, status;

	start(args, "", 0);
	same = take_connection() != -1 && play(&s);
	go();
	poll(NULL, 0, 100);
	early = waitpid(child, &status, WNOHANG) != 0;
	close(conn);
	conn = -1;
	if (leave != stay) {
		poll(NULL, 0, 100);
		early |= waitpid(child, &status, WNOHANG) != 0;
	}
	leave();
	ok(!early, "%s: waits for the end", what);
	collect();
	expect(same, 0, "", "", what);
}

static void
leave_cleanly(void)
{
	unlink(sock);
	close(lfd);
}

static void
leave_socket(void)
{
	close(lfd);
}

static void
leave_successor(void)
{
	unlink(sock);
	close(lfd);
	listen_at(sock);
}

static void
test_stop(void)
{
	stop_with("stop", MSG_STOP, stay, leave_cleanly, "stop");
	listen_at(sock);
	stop_with("stop", MSG_STOP, leave_cleanly, stay, "stop, the socket "
	    "first");
	listen_at(sock);
	stop_with("stop -d", MSG_STOP_DESTROY, stay, leave_socket, "stop -d");
	unlink(sock);
	listen_at(sock);
	stop_with("stop", MSG_STOP, stay, leave_successor, "stop, and "
	    "another secd starts");
}

/* --- output that can not be written --- */

static void
test_full(void)
{
	pid_t pid;
	int status = 0;

	fflush(stdout);
	if ((pid = fork()) == 0) {
		char *argv[] = { strdup("secctl"), strdup("help"), NULL };

		onto(1, "/dev/full", O_WRONLY, 0);
		onto(2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		fexecve(program, argv, environ);
		_exit(97);
	}
	waitpid(pid, &status, 0);
	get_file(err, errtext, sizeof(errtext));
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1 &&
	    strcmp(errtext, "secctl: standard output: No space left on "
	    "device\n") == 0, "output that can not be written is a failure");
}

static void
clean_up(void)
{
	static const char *const left[] = {
		"control.sock", "out", "err", "in", "key", "a key", "list"
	};
	size_t i;

	for (i = 0; i < NELEMS(left); i++)
		unlink(in_dir(left[i]));
	rmdir(dir);
}

int
main(void)
{
	const char *path = getenv("SECCTL");

	if (path == NULL)
		path = "secctl/secctl";
	if ((program = open(path, O_RDONLY | O_CLOEXEC)) == -1) {
		perror(path);
		return 1;
	}
	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	setenv("TZ", "UTC", 1);
	setenv("LC_ALL", "C", 1);
	alarm(120);			/* never hang for ever */
	snprintf(sock, sizeof(sock), "%s/control.sock", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(err, sizeof(err), "%s/err", dir);
	snprintf(in, sizeof(in), "%s/in", dir);
	listen_at(sock);
	make_ifaces();

	test_plain_requests();
	test_remove();
	test_create();
	test_expire();
	test_add();
	test_two_keys();
	test_bad_keys();
	test_wiped();
	test_genkey();
	test_refusals();
	test_no_talk();
	test_no_socket();
	test_usage();
	test_file();
	test_show_interfaces();
	test_carrier();
	test_manners();
	test_show_none();
	test_show_sa();
	test_show_ike_sa();
	test_show_clients();
	test_senseless();
	test_show_crypto();
	test_show_drops();
	test_show_process();
	test_monitor();
	test_stop();
	test_full();
	clean_up();
	return tap_done();
}
