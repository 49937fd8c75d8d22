/* SPDX-License-Identifier: ISC */
/*
 * Print a configuration in secd.conf's own words, so that parsing the output
 * gives an equal tree: what each interface has, defaults included, and what few
 * say only where it is not the default.  Used by secd -nvv and for the state
 * file; prints names of key files and never what is in them.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <inttypes.h>
#include <stdio.h>

#include "secd/conf.h"

/* The lexer takes back what a backslash protects: quotes and itself. */
static void
print_quoted(const char *s, FILE *out)
{
	putc('"', out);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		putc(*s, out);
	}
	putc('"', out);
}

static void
print_outer(const struct iface_conf *ic, FILE *out)
{
	char buf[ADDR_STRLEN];

	if (ic->local.af == 0 && ic->peer.af == 0)
		return;
	putc('\t', out);
	if (ic->local.af != 0)
		fprintf(out, "local %s", addr_print(&ic->local, buf));
	if (ic->peer.af != 0)
		fprintf(out, "%speer %s", ic->local.af != 0 ? " " : "",
		    addr_print(&ic->peer, buf));
	putc('\n', out);
}

static void
print_inner(const struct iface_addr *ia, FILE *out)
{
	char buf[ADDR_STRLEN];

	fprintf(out, "\t%s %s/%u", ia->local.af == AF_INET ? "inet" : "inet6",
	    addr_print(&ia->local, buf), ia->prefixlen);
	if (ia->peer.af != 0)
		fprintf(out, " %s", addr_print(&ia->peer, buf));
	putc('\n', out);
}

static void
print_encap(const struct iface_conf *ic, FILE *out)
{
	if (ic->encap == ENCAP_PORT)
		fprintf(out, "\tencap port %u\n", ic->encap_port);
	else
		fprintf(out, "\tencap %s\n", ic->encap == ENCAP_UDP ? "udp" :
		    ic->encap == ENCAP_NONE ? "none" : "auto");
}

/* Where it differs from what an interface does untold. */
static void
print_unusual(const struct iface_conf *ic, FILE *out)
{
	struct iface_conf usual;

	iface_conf_init(&usual, ic->name);
	if (ic->encap != usual.encap)
		print_encap(ic, out);
	if (ic->acquire != usual.acquire)
		fprintf(out, "\tacquire %s\n", ic->acquire ? "yes" : "no");
	if (ic->switch_delay != usual.switch_delay)
		fprintf(out, "\tswitch delay %u\n", ic->switch_delay);
	if (ic->drain != usual.drain)
		fprintf(out, "\tdrain %u\n", ic->drain);
	if (ic->nofollow != usual.nofollow)
		fprintf(out, "\tfollow %s\n", ic->nofollow ? "no" : "yes");
	if (ic->output != usual.output)
		fprintf(out, "\toutput %s\n",
		    ic->output == OUTPUT_PACKET ? "packet" : "raw");
}

static void
print_sa(const struct conf_sa *cs, FILE *out)
{
	const struct sa_request *r = &cs->req;
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];

	fprintf(out, "\tsa %s spi 0x%08" PRIx32 " src %s dst %s enc %s",
	    r->dir == SA_IN ? "in" : "out", r->spi, addr_print(&r->src, src),
	    addr_print(&r->dst, dst), r->enc);
	if (r->auth[0] != '\0')
		fprintf(out, " auth %s", r->auth);
	fputs(" key file ", out);
	print_quoted(cs->keyfile, out);
	if (r->flags & SA_F_ESN)
		fputs(" esn", out);
	if (r->flags & SA_F_REPLAY)
		fprintf(out, " replay %" PRIu32, r->replay);
	if (r->seq != 0)
		fprintf(out, " seq %" PRIu64, r->seq);
	putc('\n', out);
}

void
conf_print_iface(const struct conf_iface *ci, FILE *out)
{
	const struct iface_conf *ic = &ci->conf;
	const struct conf_sa *cs;
	size_t i;

	fprintf(out, "interface %s {\n", ic->name);
	if (ic->descr[0] != '\0') {
		fputs("\tdescription ", out);
		print_quoted(ic->descr, out);
		putc('\n', out);
	}
	if (ic->device[0] != '\0') {
		fputs("\tdevice ", out);
		print_quoted(ic->device, out);
		putc('\n', out);
	}
	print_outer(ic, out);
	for (i = 0; i < ic->naddrs && i < IFACE_NADDRS; i++)
		print_inner(&ic->addrs[i], out);
	fprintf(out, "\tmtu %" PRIu32 "\n\treplay %" PRIu32 "\n", ic->mtu,
	    ic->replay);
	fprintf(out, "\tlink state %s\n",
	    ic->link == LINK_ADMIN ? "admin" : "sa");
	print_unusual(ic, out);
	fprintf(out, "\t%s\n", ic->down ? "down" : "up");
	TAILQ_FOREACH(cs, &ci->sas, entry)
		print_sa(cs, out);
	fputs("}\n", out);
}

static void
print_offload(unsigned int offload, FILE *out)
{
	const char *name;
	unsigned int i;

	fputs("offload", out);
	for (i = 0; (name = offload_name(i)) != NULL; i++)
		if (offload & 1U << i)
			fprintf(out, " %s", name);
	fputs(offload == 0 ? " none\n" : "\n", out);
}

/* Where it differs from what secd does untold. */
static void
print_engine(const struct engine_conf *ec, FILE *out)
{
	struct engine_conf usual;

	engine_conf_init(&usual);
	if (ec->workers != usual.workers)
		fprintf(out, "workers %u\n", ec->workers);
	if (ec->crypto != usual.crypto)
		fprintf(out, "crypto backend %s\n", crypto_name(ec->crypto));
	if (ec->offload != usual.offload)
		print_offload(ec->offload, out);
}

void
conf_print(const struct conf *c, FILE *out)
{
	const struct conf_iface *ci;

	if (c->statedir != NULL) {
		fputs("state directory ", out);
		print_quoted(c->statedir, out);
		putc('\n', out);
	}
	if (c->restricted != NULL) {
		fputs("socket restricted ", out);
		print_quoted(c->restricted, out);
		putc('\n', out);
	}
	print_engine(&c->engine, out);
	TAILQ_FOREACH(ci, &c->ifaces, entry)
		conf_print_iface(ci, out);
}
