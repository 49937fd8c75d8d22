/* SPDX-License-Identifier: ISC */
/*
 * Answers for programs: one JSON document for each show command, the keys of
 * secctl(8), every counter by name whether zero or not.  A document is printed
 * when it is whole, so a failure half-way prints none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "secctl/secctl.h"

static json_t		*root, *rows;
static const char	*list;

/* Takes over v; jansson has told nothing but that memory is short. */
static void
put(json_t *o, const char *key, json_t *v)
{
	if (json_object_set_new(o, key, v) == 0)
		return;
	fprintf(stderr, "secctl: out of memory\n");
	_Exit(CTL_FAILED);
}

static void
begin(const char *name)
{
	json_decref(root);		/* of one that failed half-way */
	root = json_object();
	list = name;
	rows = NULL;
	if (name == NULL)
		return;
	rows = strcmp(name, "drops") == 0 ? json_object() : json_array();
	put(root, name, rows);
}

static void
end(void)
{
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(root);
	root = NULL;
}

static void
row(json_t *o)
{
	if (json_array_append_new(rows, o) == 0)
		return;
	fprintf(stderr, "secctl: out of memory\n");
	_Exit(CTL_FAILED);
}

/* Counters above 2^63 - 1, which jansson's integers end with, lose digits. */
static json_t *
number(uint64_t n)
{
	if (n > INT64_MAX)
		return json_real((double)n);
	return json_integer((json_int_t)n);
}

static json_t *
text(const char *field, size_t size)
{
	char buf[IPC_TEXTLEN + 1];

	ctl_clean(buf, field, size);
	return json_string(buf);
}

static json_t *
text_or_null(const char *field, size_t size)
{
	return field[0] == '\0' ? json_null() : text(field, size);
}

static json_t *
address(const struct ip_addr *a)
{
	char buf[ADDR_STRLEN];

	return a->af == 0 ? json_null() : json_string(addr_print(a, buf));
}

static json_t *
spi(uint32_t n)
{
	char buf[16];

	if (n == 0)
		return json_null();
	snprintf(buf, sizeof(buf), "0x%08" PRIx32, n);
	return json_string(buf);
}

static json_t *
number_or_null(uint64_t n)
{
	return n == 0 ? json_null() : number(n);
}

/* d is NULL but for an interface's. */
static json_t *
counters(const uint64_t *drops, const struct msg_device *d,
    const struct msg_drops *names)
{
	char buf[IPC_DROP_NAMELEN + 1];
	const char *name;
	json_t *o = json_object();
	unsigned int i;
	uint64_t n;

	for (i = 0; i < names->count; i++)
		if (show_drop_name(names, i, buf) != NULL)
			put(o, buf, number(drops[i]));
	for (i = 0; d != NULL && show_kernel_drop(d, i, &name, &n) == 0; i++)
		put(o, name, number(n));
	return o;
}

/* --- interfaces --- */

static json_t *
traffic(uint64_t packets, uint64_t bytes)
{
	json_t *o = json_object();

	put(o, "packets", number(packets));
	put(o, "bytes", number(bytes));
	return o;
}

static json_t *
addresses(const struct iface_conf *ic)
{
	json_t *o, *all = json_array();
	unsigned int i, n = ic->naddrs;

	for (i = 0; i < n && i < IFACE_NADDRS; i++) {
		o = json_object();
		put(o, "address", address(&ic->addrs[i].local));
		put(o, "prefixlen", json_integer(ic->addrs[i].prefixlen));
		put(o, "far", address(&ic->addrs[i].peer));
		json_array_append_new(all, o);
	}
	return all;
}

static void
device(json_t *o, const struct msg_iface_row *r, const struct msg_device *d)
{
	const char *reason = show_reason(r, d);

	put(o, "present", json_boolean(d->ifindex != 0));
	put(o, "ifindex", number(d->ifindex));
	put(o, "up", json_boolean(d->up));
	put(o, "carrier", json_boolean(d->carrier));
	put(o, "no_carrier_reason",
	    reason == NULL ? json_null() : json_string(reason));
	put(o, "carrier_forced", json_boolean(r->forced));
	put(o, "mtu", number(d->ifindex != 0 ? d->mtu : r->conf.mtu));
}

static void
iface(const struct msg_iface_row *r, const struct msg_device *d,
    const struct msg_drops *names)
{
	const struct iface_conf *ic = &r->conf;
	json_t *o = json_object();

	put(o, "name", text(ic->name, sizeof(ic->name)));
	put(o, "device", text_or_null(ic->device, sizeof(ic->device)));
	put(o, "description", text_or_null(ic->descr, sizeof(ic->descr)));
	put(o, "dynamic", json_boolean(ic->dynamic));
	device(o, r, d);
	put(o, "link_state",
	    json_string(ic->link == LINK_ADMIN ? "admin" : "sa"));
	put(o, "replay", number(ic->replay));
	put(o, "encap", json_string(show_encap(ic->encap)));
	put(o, "encap_port", number_or_null(ic->encap_port));
	put(o, "acquire", json_boolean(ic->acquire));
	put(o, "switch_delay", number(ic->switch_delay));
	put(o, "drain", number(ic->drain));
	put(o, "follow", json_boolean(!ic->nofollow));
	put(o, "output", json_string(show_output(ic->output)));
	put(o, "output_now", json_string(show_output(r->output_now)));
	put(o, "output_reason",
	    text_or_null(r->output_why, sizeof(r->output_why)));
	put(o, "local", address(&ic->local));
	put(o, "peer", address(&ic->peer));
	put(o, "addresses", addresses(ic));
	put(o, "sas_in", number(r->nsa_in));
	put(o, "sas_out", number(r->nsa_out));
	put(o, "spi_out", spi(r->spi_out));
	put(o, "lost", text_or_null(r->lost, sizeof(r->lost)));
	put(o, "in", traffic(r->in_packets, r->in_bytes));
	put(o, "out", traffic(r->out_packets, r->out_bytes));
	put(o, "drops", counters(r->drops, d, names));
	row(o);
}

/* --- SAs --- */

static json_t *
since(int64_t then, time_t now)
{
	return json_integer(now > then ? now - then : 0);
}

static json_t *
moment(int64_t t)
{
	return t == 0 ? json_null() : json_integer(t);
}

static json_t *
owner(const struct sa_owner *w)
{
	json_t *o = json_object();

	put(o, "name", text_or_null(w->name, sizeof(w->name)));
	put(o, "uid", number(w->uid));
	return o;
}

static json_t *
lifetime(const struct sa_life *l)
{
	json_t *o = json_object();

	put(o, "bytes", number_or_null(l->bytes));
	put(o, "packets", number_or_null(l->packets));
	put(o, "added", number_or_null(l->added));
	put(o, "used", number_or_null(l->used));
	return o;
}

static void
sa(const struct msg_sa_row *r, const struct msg_drops *names, time_t now)
{
	const int in = r->dir == SA_IN, out = r->dir == SA_OUT;
	const int ike = (r->flags & SA_F_IKE) != 0;
	json_t *o = json_object();

	put(o, "interface", text_or_null(r->iface, sizeof(r->iface)));
	put(o, "direction", json_string(in ? "in" : "out"));
	put(o, "spi", spi(r->spi));
	put(o, "src", address(&r->src));
	put(o, "dst", address(&r->dst));
	put(o, "to", out ? address(&r->to) : json_null());
	put(o, "to_port", number_or_null(out ? r->to_port : 0));
	put(o, "encap", json_boolean(r->encap));
	put(o, "sport", number_or_null(r->sport));
	put(o, "dport", number_or_null(r->dport));
	put(o, "enc", text_or_null(r->enc, sizeof(r->enc)));
	put(o, "auth", text_or_null(r->auth, sizeof(r->auth)));
	put(o, "state", json_string(show_state(r->state)));
	put(o, "esn", json_boolean(r->flags & SA_F_ESN));
	put(o, "static", json_boolean(r->flags & SA_F_STATIC));
	put(o, "configured", json_boolean(r->flags & SA_F_CONF));
	put(o, "owner", ike ? owner(&r->owner) : json_null());
	put(o, "rule", r->state == SA_LARVAL ? json_null() :
	    json_string(show_rule(r->rule)));
	put(o, "narrow", json_boolean(r->narrow));
	put(o, "reqid", number_or_null(r->reqid));
	put(o, "soft", lifetime(&r->soft));
	put(o, "hard", lifetime(&r->hard));
	put(o, "replay", in ? number(r->replay) : json_null());
	put(o, "seq", number(r->seq));
	put(o, "mark", in ? json_null() : number(r->mark));
	put(o, "packets", number(r->packets));
	put(o, "bytes", number(r->bytes));
	put(o, "added", json_integer(r->added));
	put(o, "age", since(r->added, now));
	put(o, "first", moment(r->first));
	put(o, "used", moment(r->used));
	put(o, "idle", r->used != 0 ? since(r->used, now) : json_null());
	put(o, "drops", counters(r->drops, NULL, names));
	row(o);
}

/* --- clients --- */

static void
client(const struct msg_client *cl, unsigned int nsas, unsigned int nlarval)
{
	json_t *types = json_array(), *o = json_object();

	if (cl->satypes & 1)
		json_array_append_new(types, json_string("ah"));
	if (cl->satypes & 2)
		json_array_append_new(types, json_string("esp"));
	put(o, "owner", owner(&cl->owner));
	put(o, "pid", json_integer(cl->pid));
	put(o, "dialect", json_string(show_dialect(cl->dialect)));
	put(o, "registered", types);
	put(o, "sas", number(nsas));
	put(o, "larval", number(nlarval));
	put(o, "policies", number(cl->policies));
	put(o, "requests", number(cl->requests));
	put(o, "lost", number(cl->lost));
	row(o);
}

/* --- ciphers --- */

static void
crypto(const struct msg_crypto *m)
{
	const struct msg_crypto_suite *s;
	json_t *o, *all = json_array();

	for (s = m->suites; s < m->suites + m->count; s++) {
		o = json_object();
		put(o, "enc", text(s->enc, sizeof(s->enc)));
		put(o, "auth", text_or_null(s->auth, sizeof(s->auth)));
		put(o, "backend", text(s->backend, sizeof(s->backend)));
		json_array_append_new(all, o);
	}
	put(root, "choice", text(m->choice, sizeof(m->choice)));
	put(root, "why", text(m->why, sizeof(m->why)));
	put(root, "suites", all);
}

/* --- drops: { "sec0": { ... }, "stray": { ... } } --- */

static void
drops(const char *name, const uint64_t *values, const struct msg_device *d,
    const struct msg_drops *names)
{
	char where[IFACE_NAMELEN + 1] = "stray";

	if (name != NULL)
		ctl_clean(where, name, IFACE_NAMELEN);
	put(rows, where, counters(values, d, names));
}

/* --- the daemon --- */

static json_t *
offloads(unsigned int offload)
{
	json_t *all = json_array();
	const char *name;
	unsigned int i;

	for (i = 0; (name = offload_name(i)) != NULL; i++)
		if (offload & 1U << i)
			json_array_append_new(all, json_string(name));
	return all;
}

static void
process(const struct msg_process *p, time_t now)
{
	json_t *o, *all = json_array(), *lost = json_array();
	unsigned int i;

	for (i = 0; i < p->nprocs; i++) {
		o = json_object();
		put(o, "title", text(p->procs[i].title,
		    sizeof(p->procs[i].title)));
		put(o, "pid", json_integer(p->procs[i].pid));
		put(o, "uid", number(p->procs[i].uid));
		json_array_append_new(all, o);
	}
	for (i = 0; i < p->nlost; i++)
		json_array_append_new(lost,
		    text(p->lost[i], sizeof(p->lost[i])));
	put(root, "version", text(p->version, sizeof(p->version)));
	put(root, "configuration", text(p->confpath, sizeof(p->confpath)));
	put(root, "run_directory", text(p->rundir, sizeof(p->rundir)));
	put(root, "state_directory", text(p->statedir, sizeof(p->statedir)));
	put(root, "started", json_integer(p->started));
	put(root, "uptime", since(p->started, now));
	put(root, "workers", number(p->engine.workers));
	put(root, "crypto_backend",
	    json_string(show_backend(p->engine.crypto)));
	put(root, "offload", offloads(p->engine.offload));
	put(root, "processes", all);
	put(root, "lost_protections", lost);
}

/* One line each, so that a reader need not wait for the end. */
static void
event(const struct msg_event *ev)
{
	json_t *o = json_object();

	put(o, "time", json_integer(ev->when));
	put(o, "priority", json_string(show_priority(ev->priority)));
	put(o, "text", text(ev->text, sizeof(ev->text)));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

const struct output json_output = {
	begin, end, iface, sa, client, crypto, drops, process, event
};
