/* SPDX-License-Identifier: ISC */
/*
 * Fetching what is shown: pages asked for by cursor, checked, and handed row by
 * row to the output in use.  An interface is shown as the engine and the
 * kernel know it, so each row of the engine's is joined with its device's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "secctl/secctl.h"

#define NELEMS(a)	(sizeof(a) / sizeof((a)[0]))

/* --- names --- */

const char *
show_drop_name(const struct msg_drops *names, unsigned int i,
    char buf[IPC_DROP_NAMELEN + 1])
{
	ctl_clean(buf, names->names[i], IPC_DROP_NAMELEN);
	if (buf[0] == '\0' || strcmp(buf, esp_status_name(ESP_OK)) == 0)
		return NULL;
	return buf;
}

int
show_kernel_drop(const struct msg_device *d, unsigned int i,
    const char **name, uint64_t *n)
{
	const struct {
		const char	*name;
		uint64_t	 n;
	} drops[] = {
		{ "link-down", d->link_down },
		{ "queue-full", d->queue_full }
	};

	if (i >= NELEMS(drops))
		return -1;
	*name = drops[i].name;
	*n = drops[i].n;
	return 0;
}

static const char *
name_of(const char *const *names, size_t n, unsigned int i)
{
	return i < n ? names[i] : "?";
}

const char *
show_state(unsigned int state)
{
	static const char *const names[] = {
		[SA_WAITING] = "waiting",
		[SA_ACTIVE] = "active",
		[SA_STANDBY] = "standby",
		[SA_LARVAL] = "larval",
		[SA_DRAINING] = "draining"
	};

	return name_of(names, NELEMS(names), state);
}

const char *
show_rule(unsigned int rule)
{
	static const char *const names[] = {
		[RULE_NAMED] = "named",
		[RULE_UNIT] = "unit",
		[RULE_PAIR] = "address pair",
		[RULE_ONLY] = "only interface"
	};

	return name_of(names, NELEMS(names), rule);
}

const char *
show_encap(unsigned int mode)
{
	static const char *const names[] = {
		[ENCAP_AUTO] = "auto",
		[ENCAP_UDP] = "udp",
		[ENCAP_NONE] = "none",
		[ENCAP_PORT] = "port"
	};

	return name_of(names, NELEMS(names), mode);
}

const char *
show_output(unsigned int mode)
{
	static const char *const names[] = {
		[OUTPUT_RAW] = "raw",
		[OUTPUT_PACKET] = "packet"
	};

	return name_of(names, NELEMS(names), mode);
}

const char *
show_backend(unsigned int choice)
{
	const char *name = crypto_name(choice);

	return name != NULL ? name : "?";
}

const char *
show_dialect(unsigned int dialect)
{
	static const char *const names[] = {
		[DIALECT_UNKNOWN] = "unknown",
		[DIALECT_LINUX] = "linux",
		[DIALECT_OPENBSD] = "openbsd"
	};

	return name_of(names, NELEMS(names), dialect);
}

const char *
show_priority(int priority)
{
	static const char *const names[] = {
		"emergency", "alert", "critical", "error", "warning",
		"notice", "info", "debug"
	};

	return names[priority & 7];
}

const char *
show_reason(const struct msg_iface_row *r, const struct msg_device *d)
{
	static char text[sizeof(r->lost) + 24];
	char lost[sizeof(r->lost) + 1];

	if (d->carrier || !d->up)
		return NULL;
	if (r->nsa_out == 0 && r->lost[0] != '\0') {
		snprintf(text, sizeof(text), "no outbound SA: %s",
		    ctl_clean(lost, r->lost, sizeof(r->lost)));
		return text;
	}
	if (r->nsa_in == 0 && r->nsa_out == 0)
		return "no SA";
	if (r->nsa_in == 0)
		return "no inbound SA";
	if (r->nsa_out == 0)
		return "no outbound SA";
	if (r->spi_out == 0)
		return "outbound SA waits for the nonce ledger";
	return "the device lost it";
}

/* --- fetching --- */

static enum ctl_exit
get_names(struct ctl *c, struct msg_drops *names)
{
	enum ctl_exit rc;

	rc = ctl_ask(c, MSG_SHOW_DROPS, NULL, 0, MSG_DROPS, names,
	    sizeof(*names), 0);
	if (rc == CTL_OK && names->count > IPC_NDROPS)
		return ctl_nonsense(c, "too many counters");
	return rc;
}

/* The kernel's side; one that is gone meanwhile has ifindex 0. */
static enum ctl_exit
get_device(struct ctl *c, const char *name, struct msg_device *d)
{
	struct msg_name m = { .name = "" };

	memset(d, 0, sizeof(*d));
	memcpy(m.name, name, sizeof(m.name));
	if (!text_ok(m.name, sizeof(m.name)))
		return ctl_nonsense(c, "interface name");
	return ctl_ask(c, MSG_SHOW_DEVICE, &m, sizeof(m), MSG_DEVICE, d,
	    sizeof(*d), ENOENT);
}

/* The next page may follow only after a later row than the last. */
static enum ctl_exit
next_page(struct ctl *c, uint64_t last, uint32_t count, uint32_t more,
    struct msg_cursor *cur)
{
	if (more && (count == 0 || last <= cur->after))
		return ctl_nonsense(c, "pages without end");
	cur->after = last;
	return CTL_OK;
}

static void
cursor(struct msg_cursor *cur, const char *name)
{
	memset(cur, 0, sizeof(*cur));
	strlcpy(cur->iface, name, sizeof(cur->iface));
}

typedef enum ctl_exit (*iface_cb)(struct ctl *, const struct msg_iface_row *,
	    const struct msg_drops *);

/* Call each for all interfaces or the one named, which must exist. */
static enum ctl_exit
each_iface(struct ctl *c, const char *name, const struct msg_drops *names,
    iface_cb each)
{
	struct msg_iface_rows rows;
	struct msg_cursor cur;
	enum ctl_exit rc;
	uint32_t i, seen = 0;

	cursor(&cur, name);
	do {
		rc = ctl_ask(c, MSG_SHOW_IFACE, &cur, sizeof(cur),
		    MSG_IFACE_ROWS, &rows, sizeof(rows), 0);
		if (rc != CTL_OK)
			return rc;
		if (rows.count > IPC_IFACE_ROWS)
			return ctl_nonsense(c, "too many rows");
		for (i = 0; i < rows.count; i++)
			if ((rc = each(c, &rows.rows[i], names)) != CTL_OK)
				return rc;
		seen |= rows.count;
		rc = next_page(c, i > 0 ? rows.rows[i - 1].id : 0, rows.count,
		    rows.more, &cur);
	} while (rc == CTL_OK && rows.more);
	if (rc == CTL_OK && name[0] != '\0' && seen == 0) {
		ctl_warn(c, "%s: no such interface (see 'secctl show')", name);
		return CTL_FAILED;
	}
	return rc;
}

/* --- show interfaces --- */

static enum ctl_exit
iface(struct ctl *c, const struct msg_iface_row *r,
    const struct msg_drops *names)
{
	struct msg_device d;
	enum ctl_exit rc;

	if ((rc = get_device(c, r->conf.name, &d)) == CTL_OK)
		c->out->iface(r, &d, names);
	return rc;
}

enum ctl_exit
show_ifaces(struct ctl *c, const char *name)
{
	struct msg_drops names;
	enum ctl_exit rc;

	if ((rc = get_names(c, &names)) != CTL_OK)
		return rc;
	c->out->begin("interfaces");
	if ((rc = each_iface(c, name, &names, iface)) == CTL_OK)
		c->out->end();
	return rc;
}

/* --- show sa --- */

typedef void (*sa_cb)(struct ctl *, const struct msg_sa_row *, void *arg);

static enum ctl_exit
no_iface(struct ctl *c, const struct msg_iface_row *r,
    const struct msg_drops *names)
{
	(void)c;
	(void)r;
	(void)names;
	return CTL_OK;
}

/* Call each for all SAs, or those of an interface; their number in *seen. */
static enum ctl_exit
each_sa(struct ctl *c, const char *name, sa_cb each, void *arg,
    uint32_t *seen)
{
	struct msg_sa_rows rows;
	struct msg_cursor cur;
	enum ctl_exit rc;
	uint32_t i;

	*seen = 0;
	cursor(&cur, name);
	do {
		rc = ctl_ask(c, MSG_SHOW_SA, &cur, sizeof(cur), MSG_SA_ROWS,
		    &rows, sizeof(rows), 0);
		if (rc != CTL_OK)
			return rc;
		if (rows.count > IPC_SA_ROWS)
			return ctl_nonsense(c, "too many rows");
		for (i = 0; i < rows.count; i++)
			each(c, &rows.rows[i], arg);
		*seen += rows.count;
		rc = next_page(c, i > 0 ? rows.rows[i - 1].id : 0, rows.count,
		    rows.more, &cur);
	} while (rc == CTL_OK && rows.more);
	return rc;
}

static void
print_sa(struct ctl *c, const struct msg_sa_row *r, void *names)
{
	c->out->sa(r, names, time(NULL));
}

enum ctl_exit
show_sas(struct ctl *c, const char *name)
{
	struct msg_drops names;
	enum ctl_exit rc;
	uint32_t seen;

	if ((rc = get_names(c, &names)) != CTL_OK)
		return rc;
	c->out->begin("sas");
	rc = each_sa(c, name, print_sa, &names, &seen);
	/* none: of an interface without SAs, or of none at all? */
	if (rc == CTL_OK && name[0] != '\0' && seen == 0)
		rc = each_iface(c, name, &names, no_iface);
	if (rc == CTL_OK)
		c->out->end();
	return rc;
}

/* --- show clients --- */

/* The clients, and how many SAs each one's owner has. */
struct clients {
	struct msg_clients	 all;
	unsigned int		 nsas[IPC_CLIENTS];
	unsigned int		 nlarval[IPC_CLIENTS];
};

static void
count_sa(struct ctl *c, const struct msg_sa_row *r, void *arg)
{
	struct clients *clients = arg;
	uint32_t i;

	(void)c;
	if (!(r->flags & SA_F_IKE))
		return;
	/* an owner may have come more than once */
	for (i = 0; i < clients->all.count; i++) {
		if (!sa_owner_equal(&clients->all.clients[i].owner, &r->owner))
			continue;
		if (r->state == SA_LARVAL)
			clients->nlarval[i]++;
		else
			clients->nsas[i]++;
	}
}

enum ctl_exit
show_clients(struct ctl *c)
{
	struct clients cl;
	enum ctl_exit rc;
	uint32_t i, seen;

	memset(&cl, 0, sizeof(cl));
	rc = ctl_ask(c, MSG_SHOW_CLIENTS, NULL, 0, MSG_CLIENTS, &cl.all,
	    sizeof(cl.all), 0);
	if (rc != CTL_OK)
		return rc;
	if (cl.all.count > IPC_CLIENTS)
		return ctl_nonsense(c, "too many clients");
	if (cl.all.count > 0 &&
	    (rc = each_sa(c, "", count_sa, &cl, &seen)) != CTL_OK)
		return rc;
	c->out->begin("clients");
	for (i = 0; i < cl.all.count; i++)
		c->out->client(&cl.all.clients[i], cl.nsas[i], cl.nlarval[i]);
	c->out->end();
	return CTL_OK;
}

/* --- show crypto, show drops, show process --- */

enum ctl_exit
show_crypto(struct ctl *c)
{
	struct msg_crypto m;
	enum ctl_exit rc;

	rc = ctl_ask(c, MSG_SHOW_CRYPTO, NULL, 0, MSG_CRYPTO, &m, sizeof(m),
	    0);
	if (rc != CTL_OK)
		return rc;
	if (m.count > IPC_SUITES)
		return ctl_nonsense(c, "too many suites");
	c->out->begin(NULL);
	c->out->crypto(&m);
	c->out->end();
	return CTL_OK;
}

static enum ctl_exit
iface_drops(struct ctl *c, const struct msg_iface_row *r,
    const struct msg_drops *names)
{
	struct msg_device d;
	enum ctl_exit rc;

	if ((rc = get_device(c, r->conf.name, &d)) == CTL_OK)
		c->out->drops(r->conf.name, r->drops, &d, names);
	return rc;
}

enum ctl_exit
show_drops(struct ctl *c)
{
	struct msg_drops names;
	enum ctl_exit rc;

	if ((rc = get_names(c, &names)) != CTL_OK)
		return rc;
	c->out->begin("drops");
	if ((rc = each_iface(c, "", &names, iface_drops)) != CTL_OK)
		return rc;
	c->out->drops(NULL, names.stray, NULL, &names);
	c->out->end();
	return CTL_OK;
}

enum ctl_exit
show_process(struct ctl *c)
{
	struct msg_process p;
	enum ctl_exit rc;

	rc = ctl_ask(c, MSG_SHOW_PROCESS, NULL, 0, MSG_PROCESS, &p, sizeof(p),
	    0);
	if (rc != CTL_OK)
		return rc;
	if (p.nprocs > IPC_NPROCS || p.nlost > IPC_NLOST)
		return ctl_nonsense(c, "too many processes");
	c->out->begin(NULL);
	c->out->process(&p, time(NULL));
	c->out->end();
	return CTL_OK;
}
