/* SPDX-License-Identifier: ISC */
/*
 * The one key secctl ever holds, all octets of an SA's in the order cipher key,
 * salt, authentication key: read from a file or standard input into one locked
 * mapping, turned from hex and sent there, wiped.  It is in no argument, in no
 * stdio buffer and in no message to people.
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "secctl/secctl.h"
#include "secd/hex.h"

#define TEXT_MAX	512	/* room for a key in hex and blanks after it */

struct secret {
	struct sa_request	 req;
	uint8_t			 fresh[2 * SA_KEYLEN_MAX];	/* genkey */
	char			 text[TEXT_MAX];
};

static struct secret	*secret;

_Static_assert(4 * SA_KEYLEN_MAX + 1 < TEXT_MAX, "key text");

/* The mapping, made on first use and kept; NULL if there is no memory. */
static struct secret *
mapping(void)
{
	void *p;

	if (secret != NULL)
		return secret;
	p = mmap(NULL, sizeof(*secret), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	if (mlock(p, sizeof(*secret)) == -1)
		fprintf(stderr, "secctl: warning: the key can not be locked in "
		    "memory: %s (raise 'ulimit -l')\n", strerror(errno));
	return secret = p;
}

void
key_wipe(void)
{
	if (secret != NULL)
		explicit_bzero(secret, sizeof(*secret));
}

/* The rules of secd.conf's key files, on the descriptor itself. */
static int
open_file(const char *path, char why[CTL_WHYLEN])
{
	struct stat st;
	int fd;

	/* O_NONBLOCK: a FIFO must not stop us before fstat(2) finds out */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1) {
		snprintf(why, CTL_WHYLEN, "key file %s: %s", path,
		    strerror(errno));
		return -1;
	}
	if (fstat(fd, &st) == -1)
		snprintf(why, CTL_WHYLEN, "key file %s: %s", path,
		    strerror(errno));
	else if (!S_ISREG(st.st_mode))
		snprintf(why, CTL_WHYLEN, "key file %s: not a regular file "
		    "(for a pipe use '-' and standard input)", path);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		snprintf(why, CTL_WHYLEN, "key file %s: owned by uid %lu, "
		    "neither root nor you (chown it)", path,
		    (unsigned long)st.st_uid);
	else if ((st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0)
		snprintf(why, CTL_WHYLEN, "key file %s: mode %04o lets others "
		    "at it (chmod 600, and make a new key if it was read)",
		    path, (unsigned int)(st.st_mode & 07777));
	else
		return fd;
	close(fd);
	return -1;
}

/* Read to the end of file; the octets read, or -1 with errno. */
static ssize_t
read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = read(fd, buf + len, size - len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static size_t
key_octets(const struct esp_suite *suite)
{
	return suite->keylen + suite->saltlen + suite->authkeylen;
}

/* "aes-256-gcm takes 36 octets: 32 of cipher key and 4 of salt" */
static void
wanted(char *buf, size_t size, const struct esp_suite *suite)
{
	const int two = suite->auth != NULL;

	snprintf(buf, size, "%s%s%s takes %zu octets: %zu of cipher key and "
	    "%zu of %s", suite->enc, two ? " " : "", two ? suite->auth : "",
	    key_octets(suite), suite->keylen,
	    two ? suite->authkeylen : suite->saltlen,
	    two ? "authentication key" : "salt");
}

/* The text read becomes the request's keys. */
static int
decode(struct secret *s, size_t len, const struct esp_suite *suite,
    const char *path, char why[CTL_WHYLEN])
{
	const size_t n = suite->keylen + suite->saltlen;
	uint8_t all[TEXT_MAX / 2];
	char text[160];
	int hex;

	len = hex_trim(s->text, len);
	if (len == 0) {
		snprintf(why, CTL_WHYLEN, "key file %s: empty", path);
		return -1;
	}
	if (len != 2 * key_octets(suite) || n > sizeof(s->req.key) ||
	    suite->authkeylen > sizeof(s->req.authkey)) {
		/* is it hex at all?  The answer is wiped, not kept. */
		hex = len % 2 == 0 && hex_decode(all, s->text, len / 2) == 0;
		explicit_bzero(all, sizeof(all));
		wanted(text, sizeof(text), suite);
		if (hex)
			snprintf(why, CTL_WHYLEN, "key file %s: %zu octets, "
			    "%s", path, len / 2, text);
		else
			snprintf(why, CTL_WHYLEN, "key file %s: not a whole "
			    "number of octets in plain hex; %s", path, text);
		return -1;
	}
	if (hex_decode(s->req.key, s->text, n) == -1 ||
	    hex_decode(s->req.authkey, s->text + 2 * n, suite->authkeylen) ==
	    -1) {
		snprintf(why, CTL_WHYLEN, "key file %s: not plain hex", path);
		return -1;
	}
	s->req.keylen = (uint16_t)n;
	s->req.authkeylen = (uint16_t)suite->authkeylen;
	return 0;
}

const struct sa_request *
key_load(const struct sa_request *req, const struct esp_suite *suite,
    const char *path, char why[CTL_WHYLEN])
{
	const int from_stdin = strcmp(path, "-") == 0;
	struct secret *s;
	ssize_t n = -1;
	int fd = STDIN_FILENO;

	if ((s = mapping()) == NULL) {
		snprintf(why, CTL_WHYLEN, "no memory for a key: %s",
		    strerror(errno));
		return NULL;
	}
	if (!from_stdin && (fd = open_file(path, why)) == -1)
		return NULL;
	s->req = *req;
	if ((n = read_all(fd, s->text, sizeof(s->text))) == -1)
		snprintf(why, CTL_WHYLEN, "key file %s: %s", path,
		    strerror(errno));
	else if (n == sizeof(s->text))
		snprintf(why, CTL_WHYLEN, "key file %s: longer than any key",
		    path);
	if (!from_stdin)
		close(fd);
	if (n == -1 || n == sizeof(s->text) ||
	    decode(s, (size_t)n, suite, path, why) == -1) {
		key_wipe();
		return NULL;
	}
	explicit_bzero(s->text, sizeof(s->text));
	return &s->req;
}

static int
write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, buf, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int
key_generate(const struct esp_suite *suite, int fd, char why[CTL_WHYLEN])
{
	const size_t n = key_octets(suite);
	struct secret *s;
	struct stat st;
	int rc;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		snprintf(why, CTL_WHYLEN, "genkey: standard output is a file "
		    "of mode %04o that others can use: no key written (remove "
		    "it, say 'umask 077' first)",
		    (unsigned int)(st.st_mode & 07777));
		return -1;
	}
	if ((s = mapping()) == NULL || n > sizeof(s->fresh) ||
	    getentropy(s->fresh, n) == -1) {
		snprintf(why, CTL_WHYLEN, "genkey: %s", strerror(errno));
		return -1;
	}
	hex_encode(s->text, s->fresh, n);
	s->text[2 * n] = '\n';
	rc = write_all(fd, s->text, 2 * n + 1);
	if (rc == -1)
		snprintf(why, CTL_WHYLEN, "genkey: standard output: %s",
		    strerror(errno));
	key_wipe();
	return rc;
}
