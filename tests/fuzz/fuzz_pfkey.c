/* SPDX-License-Identifier: ISC */
/*
 * Fuzz PF_KEY without its sockets.  Whatever octets come: in each dialect they
 * parse the same twice, reading nothing outside; what parses converts to what
 * the checks of request.c can be asked about; every reply it can have is
 * well formed, no longer than PFKEY_MAX, the same over any garbage, without
 * keys, and (of requests) parses again where it must.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secd/control/pfkey_msg.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t out[2][PFKEY_MAX];
static const struct sa_owner owner = { .uid = 0, .name = "fuzz" };

/* Of both builds of a reply. */
static void
check_reply(size_t len, size_t len2)
{
	size_t at, ext, type;

	if (len != len2 || len < PFKEY_HDRLEN || len > PFKEY_MAX ||
	    memcmp(out[0], out[1], len) != 0 ||
	    pfkey_get16(out[0] + PFKEY_H_LEN) * 8U != len ||
	    out[0][PFKEY_H_VERSION] != PFKEY_VERSION)
		abort();
	for (at = PFKEY_HDRLEN; at < len; at += ext) {
		ext = pfkey_get16(out[0] + at) * 8U;
		type = pfkey_get16(out[0] + at + 2);
		if (ext == 0 || ext > len - at || type == 0 ||
		    type == PFKEY_EXT_KEY_AUTH ||
		    type == PFKEY_EXT_KEY_ENCRYPT)
			abort();
	}
	/* behind it nothing was touched */
	for (at = len; at < PFKEY_MAX; at++)
		if (out[0][at] != 0xaa || out[1][at] != 0x55)
			abort();
}

#define REPLY(call) do {						\
	uint8_t *to = out[0];						\
	size_t len0, len1;						\
	memset(out[0], 0xaa, PFKEY_MAX);				\
	memset(out[1], 0x55, PFKEY_MAX);				\
	len0 = (call);							\
	to = out[1];							\
	len1 = (call);							\
	check_reply(len0, len1);					\
} while (0)

static void
check_request(const struct pfkey_msg *m)
{
	struct sa_request r, r2;
	struct msg_sa_id id;
	int error;

	memset(&r, 0xaa, sizeof(r));
	memset(&r2, 0x55, sizeof(r2));
	error = pfkey_to_request(m, &owner, &r);
	if (pfkey_to_request(m, &owner, &r2) != error ||
	    memcmp(&r, &r2, sizeof(r)) != 0)
		abort();
	pfkey_to_id(m, &id);
	if (error != 0) {
		if (error != EINVAL && error != EOPNOTSUPP)
			abort();
		return;
	}
	/* addresses may be no hosts'; the form is good all the same */
	if (!text_ok(r.iface, sizeof(r.iface)) ||
	    !text_ok(r.enc, sizeof(r.enc)) || !addr_valid(&r.src) ||
	    !addr_valid(&r.dst) || r.src.af != r.dst.af || r.spi < 256 ||
	    (r.keylen == 0) != !pfkey_has_keys(m) ||
	    (r.iface[0] != '\0' && !iface_name_ok(r.iface)) ||
	    r.keylen > SA_KEYLEN_MAX || r.authkeylen > SA_KEYLEN_MAX)
		abort();
	if (addr_is_host(&r.src) && addr_is_host(&r.dst) &&
	    (r.keylen == 0 ? sa_change_check(&r) : sa_request_check(&r)) !=
	    NULL)
		abort();
}

static void
check_policy(const struct pfkey_msg *m, const struct pfkey_msg *get)
{
	static struct pfkey_policy p, p2;
	struct msg_narrow n;
	int error;

	memset(&p, 0xaa, sizeof(p));
	memset(&p2, 0x55, sizeof(p2));
	error = pfkey_to_policy(m, &p);
	if (pfkey_to_policy(m, &p2) != error)
		abort();
	if (error != 0)
		return;
	if (memcmp(&p, &p2, sizeof(p)) != 0 || !pfkey_policy_same(&p, &p2) ||
	    !text_ok(p.flow, sizeof(p.flow)) || p.len > PFKEY_POLICY_MAX ||
	    !addr_valid(&p.src) || !addr_valid(&p.dst))
		abort();
	if (pfkey_to_narrow(&p, &owner, &n) == p.any)
		abort();
	REPLY(pfkey_reply_policy(get, &p, to));
}

/* A question for a policy, of the dialect. */
static void
ask(enum client_dialect dialect, struct pfkey_msg *get)
{
	static const uint8_t linux_ask[32] = { 2, LINUX_SPDGET, 0, 0, 4, 0, 0,
	    0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 18, 0, 2, 0, 2, 0, 9 };
	static const uint8_t obsd_ask[24] = { 2, OBSD_ASKPOLICY, 0, 0, 3, 0, 0,
	    0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 25, 0, 9 };

	if (dialect == DIALECT_LINUX ? pfkey_parse(dialect, linux_ask,
	    sizeof(linux_ask), get) : pfkey_parse(dialect, obsd_ask,
	    sizeof(obsd_ask), get))
		abort();
}

/* The octets again as a row, to be shown. */
static void
check_rows(const struct pfkey_msg *m, const uint8_t *data, size_t size)
{
	static struct msg_expired ex;
	struct msg_acquire aq;

	memset(&ex, 0, sizeof(ex));
	memcpy(&ex, data, size < sizeof(ex) ? size : sizeof(ex));
	/* the engine's text ends */
	ex.row.enc[SUITE_NAMELEN - 1] = ex.row.auth[SUITE_NAMELEN - 1] = '\0';
	REPLY(pfkey_reply_sa(m, &ex.row, m->seq, to));
	REPLY(pfkey_expire(m->dialect, &ex, to));
	memset(&aq, 0, sizeof(aq));
	memcpy(&aq, data, size < sizeof(aq) ? size : sizeof(aq));
	REPLY(pfkey_acquire(m->dialect, &aq, to));
}

static void
check_all(const struct pfkey_msg *m, const uint8_t *data, size_t size)
{
	struct pfkey_msg get;
	struct msg_sa_delete d;
	struct msg_getspi g;

	REPLY(pfkey_reply_echo(m, to));
	switch (m->type) {
	case PFKEY_ADD:
	case PFKEY_UPDATE:
		check_request(m);
		return;
	case PFKEY_DELETE:
		pfkey_to_delete(m, &owner, &d);
		if (d.spi < 256 || !addr_valid(&d.src) || d.dst.af == 0)
			abort();
		return;
	case PFKEY_GETSPI:
		pfkey_to_getspi(m, &owner, &g);
		if (g.min < 256 || g.min > g.max || g.src.af != g.dst.af)
			abort();
		REPLY(pfkey_reply_getspi(m, g.max, to));
		return;
	case PFKEY_REGISTER:
		REPLY(pfkey_reply_register(m, to));
		return;
	case PFKEY_GET:
	case PFKEY_DUMP:
		if (m->dialect != DIALECT_UNKNOWN)
			check_rows(m, data, size);
		return;
	case PFKEY_FLUSH:
	case LINUX_SPDFLUSH:
		return;
	}
	ask(m->dialect, &get);
	if ((m->dialect == DIALECT_LINUX && m->type == LINUX_SPDGET) ||
	    (m->dialect == DIALECT_OPENBSD && m->type == OBSD_ASKPOLICY)) {
		pfkey_policy_id(m);
		REPLY(pfkey_reply_policy(m, NULL, to));
		if (m->dialect == DIALECT_OPENBSD)
			return;
	}
	check_policy(m, &get);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum client_dialect dialects[] = { DIALECT_UNKNOWN,
	    DIALECT_LINUX, DIALECT_OPENBSD };
	static struct pfkey_msg m, again;
	uint8_t *copy;
	size_t i;
	int error;

	/* an exact copy: not one octet beyond is read unseen */
	if ((copy = malloc(size == 0 ? 1 : size)) == NULL)
		abort();
	memcpy(copy, data, size);
	pfkey_dialect(copy, size);
	for (i = 0; i < 3; i++) {
		memset(&m, 0xaa, sizeof(m));
		memset(&again, 0x55, sizeof(again));
		error = pfkey_parse(dialects[i], copy, size, &m);
		if (pfkey_parse(dialects[i], copy, size, &again) != error ||
		    m.type != again.type || m.seq != again.seq ||
		    memcmp(m.ext, again.ext, sizeof(m.ext)) != 0)
			abort();
		if (size >= PFKEY_HDRLEN)
			REPLY(pfkey_reply_error(&m, error, to));
		if (error == 0)
			check_all(&m, data, size);
	}
	if (memcmp(copy, data, size) != 0)
		abort();
	free(copy);
	return 0;
}
