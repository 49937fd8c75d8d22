/* SPDX-License-Identifier: ISC */
/*
 * Answers for people: what matters first, drops only where there are some.
 * Not meant to be parsed; json.c is.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "secctl/secctl.h"

#define AGELEN	24

static const char	*list;		/* being printed */
static unsigned int	 nrows;

static void
begin(const char *name)
{
	list = name;
	nrows = 0;
}

static void
end(void)
{
	if (nrows > 0 || list == NULL)
		return;
	if (strcmp(list, "drops") == 0)
		puts("no packets dropped");
	else
		printf("no %s\n", strcmp(list, "sas") == 0 ? "SAs" : list);
}

/* "3d04h", "2h05m", "1m30s", "12s" */
static const char *
age(char buf[AGELEN], int64_t since, time_t now)
{
	int64_t s = now > since ? now - since : 0;

	if (s >= 86400)
		snprintf(buf, AGELEN, "%" PRId64 "d%02dh", s / 86400,
		    (int)(s % 86400 / 3600));
	else if (s >= 3600)
		snprintf(buf, AGELEN, "%dh%02dm", (int)(s / 3600),
		    (int)(s % 3600 / 60));
	else if (s >= 60)
		snprintf(buf, AGELEN, "%dm%02ds", (int)(s / 60),
		    (int)(s % 60));
	else
		snprintf(buf, AGELEN, "%ds", (int)s);
	return buf;
}

/* One of the drops in a line, which begins with the first. */
static void
drop_item(int *any, const char *name, uint64_t n)
{
	if (n != 0)
		printf("%s%s %" PRIu64, (*any)++ ? ", " : "\tdrops: ", name, n);
}

/* One line of the drops there are, or nothing; d is NULL for an SA. */
static void
drops_line(const uint64_t *drops, const struct msg_device *d,
    const struct msg_drops *names)
{
	char buf[IPC_DROP_NAMELEN + 1];
	const char *name;
	unsigned int i;
	uint64_t n;
	int any = 0;

	for (i = 0; i < names->count; i++)
		if (show_drop_name(names, i, buf) != NULL)
			drop_item(&any, buf, drops[i]);
	for (i = 0; d != NULL && show_kernel_drop(d, i, &name, &n) == 0; i++)
		drop_item(&any, name, n);
	if (any)
		putchar('\n');
}

/* --- interfaces --- */

static void
device_state(const struct msg_iface_row *r, const struct msg_device *d)
{
	const char *reason = show_reason(r, d);

	if (d->ifindex == 0) {
		printf("its device is gone (a restart of secd makes it again)");
		return;
	}
	printf("%s", d->up ? "up" : "down");
	if (reason != NULL)
		printf(", no carrier (%s)", reason);
	else if (d->up)
		printf(", carrier");
	if (r->forced)
		printf(" kept up for a kernel-wide setting, see sec(4)");
	printf(", mtu %" PRIu32, d->mtu);
}

static void
addresses(const struct iface_conf *ic)
{
	const struct iface_addr *ia;
	char a[ADDR_STRLEN];
	unsigned int i, n = ic->naddrs;

	for (i = 0; i < n && i < IFACE_NADDRS; i++) {
		ia = &ic->addrs[i];
		printf("\tinet%s %s/%u", ia->local.af == AF_INET6 ? "6" : "",
		    addr_print(&ia->local, a), ia->prefixlen);
		if (ia->peer.af != 0)
			printf(" -> %s", addr_print(&ia->peer, a));
		putchar('\n');
	}
}

/* One of what is unusual in a line, which begins with the first. */
static void __attribute__((format(printf, 2, 3)))
item(int *any, const char *fmt, ...)
{
	va_list ap;

	fputs((*any)++ ? ", " : "\t", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

/* packet, or what is done instead of it. */
static void
output(int *any, const struct msg_iface_row *r)
{
	char why[sizeof(r->output_why) + 1];

	if (r->conf.output == OUTPUT_RAW)
		return;
	item(any, "output %s", show_output(r->output_now));
	if (r->output_now != r->conf.output)
		printf(" (%s: %s)", show_output(r->conf.output),
		    ctl_clean(why, r->output_why, sizeof(r->output_why)));
}

/* What differs from the defaults, in the words of secd.conf. */
static void
manners(const struct msg_iface_row *r)
{
	const struct iface_conf *ic = &r->conf;
	struct iface_conf usual;
	int any = 0;

	iface_conf_init(&usual, "");
	if (ic->encap == ENCAP_PORT)
		item(&any, "encap port %u", ic->encap_port);
	else if (ic->encap != usual.encap)
		item(&any, "encap %s", show_encap(ic->encap));
	if (ic->acquire != usual.acquire)
		item(&any, "acquire %s", ic->acquire ? "yes" : "no");
	if (ic->switch_delay == 0)
		item(&any, "switch at-once");
	else if (ic->switch_delay != usual.switch_delay)
		item(&any, "switch delay %u", ic->switch_delay);
	if (ic->drain != usual.drain)
		item(&any, "drain %u", ic->drain);
	if (ic->nofollow != usual.nofollow)
		item(&any, "follow %s", ic->nofollow ? "no" : "yes");
	output(&any, r);
	if (any)
		putchar('\n');
}

static void
iface(const struct msg_iface_row *r, const struct msg_device *d,
    const struct msg_drops *names)
{
	char text[IFACE_DESCRLEN + 1], a[ADDR_STRLEN], b[ADDR_STRLEN];

	nrows++;
	printf("%s: ", ctl_clean(text, r->conf.name, IFACE_NAMELEN));
	device_state(r, d);
	if (ctl_clean(text, r->conf.device, IFACE_NAMELEN)[0] != '\0')
		printf(", device %s", text);
	if (r->conf.link == LINK_ADMIN)
		printf(", link state admin");
	printf("%s\n", r->conf.dynamic ? ", dynamic" : "");
	if (ctl_clean(text, r->conf.descr, IFACE_DESCRLEN)[0] != '\0')
		printf("\tdescription: %s\n", text);
	printf("\tlocal %s peer %s\n", addr_print(&r->conf.local, a),
	    addr_print(&r->conf.peer, b));
	addresses(&r->conf);
	manners(r);
	printf("\tSAs: %" PRIu32 " in, %" PRIu32 " out", r->nsa_in, r->nsa_out);
	if (r->spi_out != 0)
		printf(", sending with spi 0x%08" PRIx32, r->spi_out);
	printf("\n\tin:  %" PRIu64 " packets, %" PRIu64 " bytes\n",
	    r->in_packets, r->in_bytes);
	printf("\tout: %" PRIu64 " packets, %" PRIu64 " bytes\n",
	    r->out_packets, r->out_bytes);
	drops_line(r->drops, d, names);
}

/* --- SAs --- */

static void
sa_facts(const struct msg_sa_row *r)
{
	if (r->state == SA_LARVAL) {
		puts("\tlarval: its SPI is taken, its keys are to come");
		return;
	}
	printf("\t%s, %s %" PRIu64, show_state(r->state),
	    r->dir == SA_IN ? "highest seq seen" : "last seq sent", r->seq);
	if (r->dir == SA_IN && r->replay == 0)
		printf(", replay check off");
	else if (r->dir == SA_IN)
		printf(", replay window %" PRIu32, r->replay);
	else
		printf(", may send up to %" PRIu64, r->mark);
	if (r->flags & SA_F_ESN)
		printf(", esn");
	if (r->flags & SA_F_CONF)
		printf(", from secd.conf");
	else if (r->flags & SA_F_STATIC)
		printf(", static");
	putchar('\n');
}

/* Whose it is, and how it came to its interface. */
static void
sa_owner(const struct msg_sa_row *r)
{
	static const char *const how[] = {
		[RULE_NAMED] = "which secd.conf or secctl named",
		[RULE_UNIT] = "by unit",
		[RULE_PAIR] = "by address pair",
		[RULE_ONLY] = "the only one"
	};
	char text[SA_OWNERLEN + 1];
	int any = 0;

	if (r->flags & SA_F_IKE) {
		ctl_clean(text, r->owner.name, sizeof(r->owner.name));
		item(&any, "owner %s%suid %" PRIu32, text,
		    text[0] != '\0' ? ", " : "", r->owner.uid);
		if (r->state != SA_LARVAL)
			item(&any, "interface %s", r->rule < sizeof(how) /
			    sizeof(how[0]) ? how[r->rule] : "?");
	}
	if (r->reqid != 0)
		item(&any, "reqid %" PRIu32, r->reqid);
	if (r->narrow)
		item(&any, "narrow: asked for a flow that is not any to any");
	if (any)
		putchar('\n');
}

/* How its packets travel, where that is not plain ESP from src to dst. */
static void
sa_path(const struct msg_sa_row *r)
{
	char a[ADDR_STRLEN];
	int any = 0;

	if (r->encap)
		item(&any, "in UDP, ports %u -> %u", r->sport, r->dport);
	if (r->dir == SA_OUT && r->to.af != 0 &&
	    (!addr_equal(&r->to, &r->dst) || r->to_port != r->dport)) {
		item(&any, "to %s", addr_print(&r->to, a));
		if (r->to_port != 0)
			printf(" port %u", r->to_port);
	}
	if (any)
		putchar('\n');
}

static void
limit(const char *which, const struct sa_life *l)
{
	int any = 0;

	if (l->bytes != 0)
		item(&any, "%s %" PRIu64 " bytes", which, l->bytes);
	if (l->packets != 0)
		item(&any, "%s %" PRIu64 " packets", which, l->packets);
	if (l->added != 0)
		item(&any, "%s age %" PRIu64 " s", which, l->added);
	if (l->used != 0)
		item(&any, "%s %" PRIu64 " s of use", which, l->used);
	if (any)
		putchar('\n');
}

static void
sa(const struct msg_sa_row *r, const struct msg_drops *names, time_t now)
{
	char text[SUITE_NAMELEN + 1], a[ADDR_STRLEN], b[ADDR_STRLEN];
	char when[AGELEN];

	nrows++;
	ctl_clean(text, r->iface, IFACE_NAMELEN);
	printf("%s %-3s ", text[0] != '\0' ? text : "-",
	    r->dir == SA_IN ? "in" : "out");
	printf("spi 0x%08" PRIx32 " %s -> %s", r->spi,
	    addr_print(&r->src, a), addr_print(&r->dst, b));
	if (ctl_clean(text, r->enc, SUITE_NAMELEN)[0] != '\0')
		printf(" %s", text);
	if (ctl_clean(text, r->auth, SUITE_NAMELEN)[0] != '\0')
		printf(" %s", text);
	putchar('\n');
	sa_facts(r);
	sa_owner(r);
	sa_path(r);
	limit("soft", &r->soft);
	limit("hard", &r->hard);
	printf("\t%" PRIu64 " packets, %" PRIu64 " bytes, age %s, ",
	    r->packets, r->bytes, age(when, r->added, now));
	if (r->used == 0)
		printf("never used\n");
	else
		printf("idle %s\n", age(when, r->used, now));
	drops_line(r->drops, NULL, names);
}

/* --- clients --- */

static void
client(const struct msg_client *cl, unsigned int nsas, unsigned int nlarval)
{
	char text[SA_OWNERLEN + 1];

	nrows++;
	ctl_clean(text, cl->owner.name, sizeof(cl->owner.name));
	printf("%s: uid %" PRIu32 ", pid %" PRId32 ", dialect %s",
	    text[0] != '\0' ? text : "-", cl->owner.uid, cl->pid,
	    show_dialect(cl->dialect));
	if (cl->satypes == 0)
		printf(", not registered");
	else
		printf(", registered for%s%s", cl->satypes & 1 ? " AH" : "",
		    cl->satypes & 2 ? " ESP" : "");
	printf("\n\tSAs: %u, %u larval; policies: %" PRIu32 "; requests: %"
	    PRIu64 "\n", nsas, nlarval, cl->policies, cl->requests);
	if (cl->lost != 0)
		printf("\t%" PRIu32 " messages lost: it did not read them\n",
		    cl->lost);
}

/* --- ciphers --- */

static void
crypto(const struct msg_crypto *m)
{
	char enc[SUITE_NAMELEN + 1], auth[SUITE_NAMELEN + 1];
	char by[IPC_CHOICELEN + 1], text[IPC_TEXTLEN + 1];
	const struct msg_crypto_suite *s;

	printf("crypto backend %s, ", ctl_clean(by, m->choice, IPC_CHOICELEN));
	printf("%s\n", ctl_clean(text, m->why, IPC_TEXTLEN));
	printf("%-18s %-14s %s\n", "ENC", "AUTH", "BACKEND");
	for (s = m->suites; s < m->suites + m->count; s++)
		printf("%-18s %-14s %s\n",
		    ctl_clean(enc, s->enc, SUITE_NAMELEN),
		    s->auth[0] == '\0' ? "-" :
		    ctl_clean(auth, s->auth, SUITE_NAMELEN),
		    ctl_clean(by, s->backend, IPC_CHOICELEN));
}

/* --- drops --- */

static void
drop(const char *where, const char *why, uint64_t n)
{
	if (n == 0)
		return;
	if (nrows++ == 0)
		printf("%-12s %-24s %12s\n", "INTERFACE", "REASON", "PACKETS");
	printf("%-12s %-24s %12" PRIu64 "\n", where, why, n);
}

static void
drops(const char *iface_name, const uint64_t *counters,
    const struct msg_device *d, const struct msg_drops *names)
{
	char where[IFACE_NAMELEN + 1] = "-", buf[IPC_DROP_NAMELEN + 1];
	const char *name;
	unsigned int i;
	uint64_t n;

	if (iface_name != NULL)
		ctl_clean(where, iface_name, IFACE_NAMELEN);
	for (i = 0; i < names->count; i++)
		if (show_drop_name(names, i, buf) != NULL)
			drop(where, buf, counters[i]);
	for (i = 0; d != NULL && show_kernel_drop(d, i, &name, &n) == 0; i++)
		drop(where, name, n);
}

/* --- the daemon --- */

static void
engine(const struct engine_conf *ec)
{
	const char *name;
	unsigned int i;
	int all = ec->offload == OFFLOAD_ALL;

	printf("\tworkers %u, crypto backend %s, offload", ec->workers,
	    show_backend(ec->crypto));
	for (i = 0; !all && (name = offload_name(i)) != NULL; i++)
		if (ec->offload & 1U << i)
			printf(" %s", name);
	printf("%s\n", all ? " all" : ec->offload == 0 ? " none" : "");
}

static void
process(const struct msg_process *p, time_t now)
{
	char text[IPC_TEXTLEN + 1], when[AGELEN];
	unsigned int i;

	printf("secd %s", ctl_clean(text, p->version, sizeof(p->version)));
	printf(", running for %s\n", age(when, p->started, now));
	printf("\tconfiguration   %s\n",
	    ctl_clean(text, p->confpath, sizeof(p->confpath)));
	printf("\trun directory   %s\n",
	    ctl_clean(text, p->rundir, sizeof(p->rundir)));
	printf("\tstate directory %s\n",
	    ctl_clean(text, p->statedir, sizeof(p->statedir)));
	engine(&p->engine);
	for (i = 0; i < p->nprocs; i++) {
		ctl_clean(text, p->procs[i].title, sizeof(p->procs[i].title));
		printf("\t%-15s pid %" PRId32 ", uid %" PRIu32 "\n", text,
		    p->procs[i].pid, p->procs[i].uid);
	}
	for (i = 0; i < p->nlost; i++)
		printf("\tlost protection: %s\n",
		    ctl_clean(text, p->lost[i], sizeof(p->lost[i])));
	if (p->nlost == 0)
		puts("\tall protections are in force");
}

static void
event(const struct msg_event *ev)
{
	char text[IPC_TEXTLEN + 1], when[32] = "?";
	time_t t = (time_t)ev->when;
	struct tm tm;

	if (localtime_r(&t, &tm) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	printf("%s %s: %s\n", when, show_priority(ev->priority),
	    ctl_clean(text, ev->text, sizeof(ev->text)));
}

const struct output text_output = {
	begin, end, iface, sa, client, crypto, drops, process, event
};
