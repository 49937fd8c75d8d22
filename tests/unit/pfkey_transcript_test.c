/* SPDX-License-Identifier: ISC */
/*
 * What real IKE daemons said and were told (tests/data/pfkey; throwaway keys):
 * each of their messages parses and converts, keys and all, and secd's replies
 * are octet for octet those they were content with.  Not compared, since secd
 * does it its own way: SPIs it chooses, keys in GET (never), the lists in
 * REGISTER, what PROPOSAL says, and SA2 at the end of EXPIRE.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "secd/control/pfkey_msg.h"
#include "tests/lib/tap.h"

#define NSAS	64

static const char *const files[] = {
	"iked-master-iface-initiator", "iked-master-iface-responder",
	"iked-master-ownheader-initiator", "iked-master-ownheader-responder",
	"iked72-acquire-initiator", "iked72-natt-any-initiator",
	"iked72-natt-any-responder", "iked72-psk-initiator",
	"iked72-psk-responder"
};

static const struct sa_owner owner = { .uid = 0, .name = "iked" };

/* One message of a transcript. */
struct said {
	int		by_daemon;	/* K->S */
	char		name[32];
	uint8_t		b[PFKEY_MAX];
	size_t		len;
	char		enc[256];	/* keys as the transcript prints them */
	char		auth[256];
};

static struct sa_request sas[NSAS];
static size_t nsas;
static struct pfkey_policy out_policy;
static unsigned int total, keys, compared;

static size_t
unhex(const char *s, uint8_t *out, size_t size)
{
	size_t n = 0;
	unsigned int v;

	for (; *s != '\0' && *s != '\n'; s += 2) {
		while (*s == ' ')
			s++;
		if (n == size || sscanf(s, "%2x", &v) != 1)
			break;
		out[n++] = (uint8_t)v;
	}
	return n;
}

/* The next message, or 0. */
static int
next(FILE *f, struct said *s)
{
	static char line[1024];
	static int ahead;
	const char *p;
	int begun = 0;

	memset(s, 0, sizeof(*s));
	while (ahead || fgets(line, sizeof(line), f) != NULL) {
		ahead = 0;
		if ((p = strstr(line, "K->S ")) != NULL ||
		    (p = strstr(line, "S->K ")) != NULL) {
			if (line[0] == '#')
				continue;
			if (begun) {
				ahead = 1;
				return 1;
			}
			begun = 1;
			s->by_daemon = *p == 'K';
			sscanf(p + 5, "%31s", s->name);
		} else if ((p = strstr(line, " hex ")) != NULL && begun) {
			s->len += unhex(p + 11, s->b + s->len,
			    sizeof(s->b) - s->len);
		} else if ((p = strstr(line, " key=")) != NULL && begun) {
			sscanf(p + 5, "%255s", strstr(line, "KEY_ENC") != NULL ?
			    s->enc : s->auth);
		}
	}
	return begun;
}

/* m without extensions of those types; returns the new length. */
static size_t
strip(uint8_t *m, size_t len, uint64_t types)
{
	size_t at = PFKEY_HDRLEN, ext;
	uint16_t words;

	while (at < len) {
		ext = (size_t)pfkey_get16(m + at) * 8;
		if ((types & PFKEY_BIT(pfkey_get16(m + at + 2))) != 0) {
			memmove(m + at, m + at + ext, len - at - ext);
			len -= ext;
		} else {
			at += ext;
		}
	}
	words = (uint16_t)(len / 8);
	memcpy(m + PFKEY_H_LEN, &words, 2);
	return len;
}

static void
compare(const char *what, const struct said *want, const uint8_t *got,
    size_t len, uint64_t masked)
{
	uint8_t a[PFKEY_MAX], b[PFKEY_MAX];
	size_t alen, blen, i;

	memcpy(a, want->b, want->len);
	memcpy(b, got, len);
	alen = strip(a, want->len, masked);
	blen = strip(b, len, masked);
	compared++;
	if (alen == blen && memcmp(a, b, alen) == 0)
		return;
	ok(0, "%s: the reply is as it was", what);
	for (i = 0; i < alen || i < blen; i++)
		if (i >= alen || i >= blen || a[i] != b[i])
			printf("# octet %zu: got %02x, expected %02x\n", i,
			    i < blen ? b[i] : 0, i < alen ? a[i] : 0);
}

static struct sa_request *
find(const uint8_t *spi)
{
	size_t i;

	for (i = nsas; i > 0; i--)
		if (sas[i - 1].spi == ((uint32_t)spi[0] << 24 |
		    (uint32_t)spi[1] << 16 | (uint32_t)spi[2] << 8 | spi[3]))
			return &sas[i - 1];
	return NULL;
}

/* The SA as the engine would show it, with the counters of the transcript. */
static int
make_row(const uint8_t *spi, const uint8_t *current, struct msg_sa_row *row)
{
	const struct sa_request *r;

	memset(row, 0, sizeof(*row));
	if ((r = find(spi)) == NULL)
		return -1;
	memcpy(row->enc, r->enc, sizeof(row->enc));
	memcpy(row->auth, r->auth, sizeof(row->auth));
	row->src = r->src;
	row->dst = r->dst;
	row->spi = r->spi;
	row->replay = 4096;
	row->flags = r->flags;
	row->state = SA_ACTIVE;
	row->soft = r->soft;
	row->hard = r->hard;
	row->reqid = r->reqid;
	row->packets = pfkey_get32(current + 4);
	memcpy(&row->bytes, current + 8, 8);
	memcpy(&row->added, current + 16, 8);
	memcpy(&row->first, current + 24, 8);
	return 0;
}

/* --- the daemon's messages --- */

static void
check_key(const char *what, const char *want, const uint8_t *key, size_t len)
{
	uint8_t b[128];
	size_t n = unhex(want, b, sizeof(b));

	/* the transcript prints the padding too */
	if (((len + 7) & ~(size_t)7) == n && memcmp(b, key, len) == 0)
		keys++;
	else
		ok(0, "%s: the key is the one that was sent", what);
}

static void
check_sa(const char *what, const struct said *s, const struct pfkey_msg *m)
{
	struct sa_request *r = &sas[nsas];
	const uint8_t *sa = m->ext[PFKEY_EXT_SA].data;
	int gcm = sa[11] == 20, master = strstr(what, "ownheader") != NULL;

	if (nsas == NSAS || pfkey_to_request(m, &owner, r) != 0) {
		ok(0, "%s: converts", what);
		return;
	}
	nsas++;
	if (sa_request_check(r) != NULL)
		ok(0, "%s: %s", what, sa_request_check(r));
	check_key(what, s->enc, r->key, r->keylen);
	if (!gcm)
		check_key(what, s->auth, r->authkey, r->authkeylen);
	if (strcmp(r->enc, gcm ? "aes-128-gcm" : "aes-256") != 0 ||
	    strcmp(r->auth, gcm ? "" : "hmac-sha2-384") != 0 ||
	    r->keylen != (gcm ? 20 : 32) || r->authkeylen != (gcm ? 0 : 48))
		ok(0, "%s: suite", what);
	if (((r->flags & SA_F_ESN) != 0) != master ||
	    (r->flags & SA_F_REPLAY) != 0 || (r->flags & SA_F_IKE) == 0)
		ok(0, "%s: flags", what);
	if (r->hard.bytes != 4294967296 || r->hard.added != 10800 ||
	    r->soft.added >= r->hard.added || r->soft.added < 9180)
		ok(0, "%s: lifetimes", what);
	if (master ? r->dir != (m->type == PFKEY_ADD ? SA_OUT : SA_IN) ||
	    strcmp(r->iface, strstr(what, "init") ? "sec7" : "sec0") != 0 :
	    r->dir != (m->type == PFKEY_ADD ? SA_ANY_DIR : SA_IN) ||
	    r->iface[0] != '\0')
		ok(0, "%s: direction and interface", what);
	if (strstr(what, "natt") != NULL ? !r->encap || r->sport != 4500 ||
	    r->dport != 4500 : r->encap || r->sport != 0)
		ok(0, "%s: encapsulation", what);
}

static void
check_request(const char *what, const struct said *s, struct pfkey_msg *m)
{
	struct pfkey_policy policy;
	struct msg_sa_delete d;
	struct msg_getspi g;
	enum client_dialect shown = pfkey_dialect(s->b, s->len);
	int error;

	/* AH's number on Linux is ESP's on OpenBSD: it comes second */
	if (shown == DIALECT_OPENBSD && (s->b[1] != PFKEY_REGISTER ||
	    s->b[3] != LINUX_AH))
		ok(0, "%s: taken for OpenBSD's", what);
	error = pfkey_parse(DIALECT_LINUX, s->b, s->len, m);
	if (error != 0) {
		ok(0, "%s: parses: %s", what, strerror(error));
		return;
	}
	total++;
	switch (m->type) {
	case PFKEY_ADD:
	case PFKEY_UPDATE:
		check_sa(what, s, m);
		break;
	case PFKEY_GETSPI:
		pfkey_to_getspi(m, &owner, &g);
		if (g.min != 0x100 || g.max != UINT32_MAX ||
		    !addr_is_host(&g.src) || !addr_is_host(&g.dst) ||
		    addr_equal(&g.src, &g.dst))
			ok(0, "%s: range and ends", what);
		break;
	case PFKEY_DELETE:
		pfkey_to_delete(m, &owner, &d);
		if (find(s->b + 20) == NULL || d.spi != find(s->b + 20)->spi ||
		    !addr_is_host(&d.src) || !addr_is_host(&d.dst))
			ok(0, "%s: names an SA", what);
		break;
	case LINUX_SPDUPDATE:
	case LINUX_SPDDELETE:
		if (pfkey_to_policy(m, &policy) != 0 ||
		    policy.any != (strstr(what, "natt") != NULL) ||
		    !addr_is_host(&policy.src) || !addr_is_host(&policy.dst))
			ok(0, "%s: %s", what, policy.flow);
		if (policy.dir == PFKEY_OUT)
			out_policy = policy;
		break;
	}
}

/* --- and what it was told --- */

static void
check_reply(const char *what, const struct said *s, const struct pfkey_msg *m)
{
	uint64_t masked = 0;
	uint8_t out[PFKEY_MAX];
	struct msg_sa_row row;
	size_t len;

	memset(out, 0xa5, sizeof(out));
	switch (m->type) {
	case PFKEY_REGISTER:
		len = pfkey_reply_register(m, out);
		masked = PFKEY_BIT(PFKEY_EXT_SUPPORTED_AUTH) |
		    PFKEY_BIT(PFKEY_EXT_SUPPORTED_ENCRYPT);
		break;
	case PFKEY_GETSPI:
		len = pfkey_reply_getspi(m, 0x12345678, out);
		/* the one number secd chooses */
		memcpy(out + 20, s->b + 20, 4);
		break;
	case PFKEY_GET:
		if (make_row(m->ext[PFKEY_EXT_SA].data + 4, s->b + 16,
		    &row) == -1) {
			ok(0, "%s: of an SA", what);
			return;
		}
		len = pfkey_reply_sa(m, &row, m->seq, out);
		masked = PFKEY_BIT(PFKEY_EXT_KEY_AUTH) |
		    PFKEY_BIT(PFKEY_EXT_KEY_ENCRYPT);
		break;
	case LINUX_SPDGET:
		len = pfkey_reply_policy(m, &out_policy, out);
		break;
	default:
		len = pfkey_reply_echo(m, out);
		break;
	}
	compare(what, s, out, len, masked);
}

static void
check_unasked(const char *what, const struct said *s)
{
	struct msg_expired ex = { 0 };
	struct msg_acquire aq = { .id = 9 };
	uint8_t out[PFKEY_MAX];
	size_t len;

	memset(out, 0xa5, sizeof(out));
	if (s->b[1] == PFKEY_EXPIRE) {
		if (make_row(s->b + 20, s->b + 32, &ex.row) == -1) {
			ok(0, "%s: of an SA", what);
			return;
		}
		ex.hard = pfkey_get16(s->b + 66) == PFKEY_EXT_HARD;
		len = pfkey_expire(DIALECT_LINUX, &ex, out);
		compare(what, s, out, len, PFKEY_BIT(LINUX_EXT_SA2));
		return;
	}
	addr_parse("192.0.2.1", &aq.src);
	addr_parse("192.0.2.2", &aq.dst);
	len = pfkey_acquire(DIALECT_LINUX, &aq, out);
	memcpy(out + PFKEY_H_SEQ, s->b + PFKEY_H_SEQ, 4);
	compare(what, s, out, len, PFKEY_BIT(PFKEY_EXT_PROPOSAL));
}

static void
play(const char *name)
{
	unsigned int before = total, was = compared, failed = tap_failed;
	struct said s, request = { 0 };
	struct pfkey_msg m;
	char path[256], what[320];
	FILE *f;

	snprintf(path, sizeof(path), "tests/data/pfkey/%s.txt", name);
	if ((f = fopen(path, "r")) == NULL) {
		ok(0, "%s: %s", path, strerror(errno));
		return;
	}
	nsas = 0;
	memset(&m, 0, sizeof(m));
	while (next(f, &s)) {
		snprintf(what, sizeof(what), "%s: %s %u", name, s.name,
		    pfkey_get32(s.b + PFKEY_H_SEQ));
		if (s.by_daemon) {
			request = s;
			check_request(what, &request, &m);
		} else if (s.b[1] == PFKEY_EXPIRE || s.b[1] == PFKEY_ACQUIRE) {
			check_unasked(what, &s);
		} else {
			check_reply(what, &s, &m);
		}
	}
	fclose(f);
	ok(failed == (unsigned int)tap_failed && total > before &&
	    compared - was >= total - before,
	    "%s: %u messages, %u replies as they were", name, total - before,
	    compared - was);
}

int
main(void)
{
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		play(files[i]);
	is(total, 137, "messages of daemons");
	is(compared, 140, "messages to daemons");
	is(keys, 44, "keys");
	return tap_done();
}
