/* SPDX-License-Identifier: ISC */
/*
 * Outer sockets: made here, where the right to is, and handed to the engine for
 * good.  The parent keeps none, nor ever reads from one.
 *
 * Those for `output packet' are made when an interface first wants it: whoever
 * has them can send any frame by any device, and an engine that does not need
 * that shall not be able to.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "secd/log.h"
#include "secd/parent.h"
#include "secd/sys/sys.h"

#define PORTS_MAX	15	/* the engine has room for 32 sockets */

_Static_assert(UDP_ENCAP_PORT == SYS_UDP_SHARED, "the port that is shared");

/* UDP ports that are, or were to be, the engine's. */
static struct port {
	uint16_t	port;
	int		had[2];		/* of IPv4, of IPv6 */
	int		told[2];	/* the errno in the log; 0 none */
} ports[PORTS_MAX];
static unsigned int	nports;

/* What has been handed for `output packet', or cannot be had. */
static int	bypass_done;

static void
hand(int fd, uint8_t af, uint16_t port, unsigned int worker,
    unsigned int offload)
{
	struct msg_wire m = { .af = af, .port = port, .worker = worker,
	    .offload = offload };

	if (ipc_send_now(parent_engine(), MSG_WIRE, 0, fd, &m,
	    sizeof(m)) == -1)
		fatal("engine");
	close(fd);
}

/* One for each worker. */
static void
raw(uint8_t af, unsigned int workers)
{
	unsigned int i;
	int fd;

	for (i = 0; i < workers; i++) {
		sys_priv(SYS_PRIV_NET);
		fd = sys_esp_socket(af, workers, i);
		sys_priv(0);
		if (fd == -1 && errno == EAFNOSUPPORT) {
			log_info("this machine has no %s", af == AF_INET ?
			    "IPv4" : "IPv6");
			return;
		}
		if (fd == -1)
			fatal("raw ESP socket%s", errno == EPERM ?
			    " (secd needs CAP_NET_RAW)" : "");
		hand(fd, af, 0, i, 0);
	}
}

void
wires_raw(unsigned int workers)
{
	raw(AF_INET, workers);
	raw(AF_INET6, workers);
}

static void
complain(uint16_t port, uint8_t af, int error)
{
	const char *family = af == AF_INET ? "IPv4" : "IPv6";

	if (error == EADDRINUSE && port == UDP_ENCAP_PORT)
		log_warnx("udp port %u (%s) belongs to a program that does not "
		    "share it (SO_REUSEPORT): no ESP in UDP until it is gone "
		    "and 'secctl reload'; 'ss -lunp' names it", port, family);
	else if (error == EADDRINUSE)
		log_warnx("udp port %u (%s) is in use: no ESP in UDP there "
		    "until it is free and 'secctl reload'; 'ss -lunp' names "
		    "the program", port, family);
	else
		log_warnx("udp port %u (%s): %s: no ESP in UDP there", port,
		    family, strerror(error));
}

static unsigned int
wanted(void)
{
	unsigned int want = 0;

	if (parent.engine.offload & OFFLOAD_GSO)
		want |= SYS_GSO;
	if (parent.engine.offload & OFFLOAD_GRO)
		want |= SYS_GRO;
	return want;
}

/* Port 4500 may be an IKE daemon's as well; any other is ours alone. */
static void
udp(struct port *p, int i)
{
	const uint8_t af = i == 0 ? AF_INET : AF_INET6;
	int fd, error;

	if (p->had[i])
		return;
	sys_priv(SYS_PRIV_NET);
	fd = sys_udp_socket(af, p->port, p->port == UDP_ENCAP_PORT);
	error = errno;
	sys_priv(0);
	if (fd != -1) {
		hand(fd, af, p->port, 0, sys_udp_offload(fd, af, wanted()));
		p->had[i] = 1;
		p->told[i] = 0;
	} else if (error != p->told[i] && error != EAFNOSUPPORT) {
		complain(p->port, af, error);
		p->told[i] = error;
	}
}

static void
need(uint16_t port)
{
	unsigned int i;

	for (i = 0; i < nports && ports[i].port != port; i++)
		;
	if (i == PORTS_MAX) {
		log_warnx("udp port %u: more than %d ports in the life of one "
		    "secd; restart it", port, PORTS_MAX);
		return;
	}
	if (i == nports)
		ports[nports++].port = port;
	udp(&ports[i], 0);
	udp(&ports[i], 1);
}

void
wires_udp(const struct conf *c)
{
	const struct conf_iface *ci;

	TAILQ_FOREACH(ci, &c->ifaces, entry) {
		if (ci->conf.encap == ENCAP_PORT)
			need(ci->conf.encap_port);
		else if (ci->conf.encap != ENCAP_NONE)
			need(UDP_ENCAP_PORT);
	}
}

/* --- output packet --- */

static int
hand_bypass(int fd, enum bypass_kind kind, unsigned int worker)
{
	struct msg_bypass m = { .kind = kind, .worker = worker };

	if (fd == -1) {
		log_warn("no 'output packet' until secd is restarted, raw "
		    "instead: its %s", kind == BYPASS_FRAMES ?
		    "packet socket" : "netlink sockets");
		return -1;
	}
	if (ipc_send_now(parent_engine(), MSG_BYPASS, 0, fd, &m,
	    sizeof(m)) == -1)
		fatal("engine");
	close(fd);
	return 0;
}

static int
frames(unsigned int worker)
{
	int fd;

	sys_priv(SYS_PRIV_NET);
	fd = sys_packet_socket();
	sys_priv(0);
	return hand_bypass(fd, BYPASS_FRAMES, worker);
}

/* The one to ask by comes last: with it the engine has all it needs. */
static void
bypass(void)
{
	unsigned int i;
	int events;

	bypass_done = 1;
	for (i = 0; i < parent.engine.workers; i++)
		if (frames(i) == -1)
			return;
	/* with the right to a large buffer: changes come in crowds */
	sys_priv(SYS_PRIV_NET);
	events = sys_route_socket(1);
	sys_priv(0);
	if (hand_bypass(events, BYPASS_EVENTS, 0) == 0)
		hand_bypass(sys_route_socket(0), BYPASS_ASK, 0);
}

void
wires_bypass(const struct conf *c)
{
	const struct conf_iface *ci;

	TAILQ_FOREACH(ci, &c->ifaces, entry)
		if (ci->conf.output == OUTPUT_PACKET && !bypass_done)
			bypass();
}
