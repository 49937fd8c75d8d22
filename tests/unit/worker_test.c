/* SPDX-License-Identifier: ISC */
/*
 * A worker with ESP in UDP, step by step in one thread: what it tells main, how
 * often, and what it counts.  Its tun is a socket pair, the peer another UDP
 * socket of the loopback, in a namespace of the test's own.  Which of its raw
 * packets leave as frames of its own: a veth pair's far end sees them.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secd/data/data.h"
#include "secd/pass.h"
#include "tests/unit/netns.h"

#define SPI_IN	0x1001
#define SPI_OUT	0x1002

static struct worker	*w;
static struct data_queue done;
static struct data_count count;
static struct data_if	 dif;
static struct data_sa	 in, out;
static struct esp_sa	*peer_out;	/* the other end of in */
static struct ip_addr	 here, there, moved;
static int		 tun, udp, peer, other, raw;
static struct data_cmd	 cmds[16];
static unsigned int	 ncmds;

static struct esp_sa *
esp(enum esp_dir dir, uint32_t spi)
{
	static const uint8_t key[36] = { 1, 2, 3 };
	struct esp_params p = { .suite = esp_suite_find("aes-256-gcm", ""),
	    .dir = dir, .spi = spi, .replay = 64, .limit = 1000, .key = key,
	    .keylen = sizeof(key) };
	size_t size = esp_sa_size(&p);

	return esp_sa_init(calloc(1, size), size, &p);
}

static struct data_cmd *
command(enum data_cmd_type type)
{
	struct data_cmd *c = &cmds[ncmds++ % 16];

	memset(c, 0, sizeof(*c));
	c->type = type;
	c->sa = &in;
	c->iface = &dif;
	return c;
}

static void
step(void)
{
	struct pollfd pfd[3] = { { .fd = udp, .events = POLLIN },
	    { .fd = dif.fd, .events = POLLIN },
	    { .fd = w->cmds.fd[0], .events = POLLIN } };

	/* the loopback delivers before send returns, or nearly */
	poll(pfd, 3, 50);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static void
give(struct data_cmd *c)
{
	data_queue_push(&w->cmds, &c->node);
	step();
}

/* Types of what the worker has handed over, in order, without the commands. */
static const char *
events(void)
{
	static char text[128];
	struct data_node *n, *next;

	text[0] = '\0';
	for (n = data_queue_take(&done); n != NULL; n = next) {
		next = n->next;
		switch (((struct data_event *)n)->type) {
		case DATA_EV_USED:
			strcat(text, ((struct data_event *)n)->owner == &in ?
			    "in-used " : "out-used ");
			break;
		case DATA_EV_ACTIVE:
			strcat(text, ((struct data_event *)n)->owner == &in ?
			    "in-active " : "out-active ");
			break;
		case DATA_EV_LIFE:
			strcat(text, "life ");
			break;
		case DATA_EV_MOVED:
			strcat(text, "moved ");
			break;
		case DATA_EV_NOSA:
			strcat(text, "nosa ");
			break;
		case DATA_EV_PROBE:
			strcat(text, "probe ");
			break;
		case DATA_EV_HOP:
			strcat(text, "hop ");
			break;
		case DATA_FENCE:
			strcat(text, "fence ");
			break;
		}
	}
	return text;
}

#define tells(want, name) do {						\
	const char *told = events();					\
									\
	if (!ok(strcmp(told, want) == 0, name))				\
		printf("# told '%s', not '%s'\n", told, want);		\
} while (0)

/* Put a packet of so many octets into the tun, for a later step(). */
static void
put(uint16_t len)
{
	static uint8_t p[4096] = { 0x45, [8] = 64, 17 };
	static const struct esp_offload plain;
	const struct iovec piece = { p, len };

	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	/* the header before a packet is the same both ways */
	if (sys_tun_write(tun, &plain, &piece, 1) == -1)
		exit(1);
}

static void
from_tun(void)
{
	put(40);
	step();
}

/* Make the next packet of the peer's in d. */
static void
seal(struct sys_dgram *d, uint8_t buf[256])
{
	static const uint8_t p[40] = { 0x45, 0, 0, 40, [8] = 64, 17 };
	struct esp_buf b = { .base = buf, .cap = 256, .data = buf + 64,
	    .len = sizeof(p) };

	memcpy(b.data, p, sizeof(p));
	if (esp_seal(peer_out, &b, &b) != ESP_OK)
		exit(1);
	memset(d, 0, sizeof(*d));
	d->data = b.data;
	d->len = b.len;
	d->dst = here;
	d->src = there;
	d->dport = 4500;
}

static void
send_from(int fd, struct sys_dgram *d)
{
	if (sys_udp_send(fd, AF_INET, d, 1) != 1)
		exit(1);
	step();
}

static void
octets(const void *p, size_t len)
{
	struct sys_dgram d;

	memset(&d, 0, sizeof(d));
	d.data = (uint8_t *)(uintptr_t)p;
	d.len = len;
	d.dst = here;
	d.dport = 4500;
	send_from(peer, &d);
}

static void
scene_up(void)
{
	struct event_base *base = event_base_new();
	struct data_cmd *c;
	int sp[2];

	netns_enter();
	scene("ip link set lo up");
	addr_parse("127.0.0.1", &here);
	addr_parse("127.0.0.2", &there);
	addr_parse("127.0.0.3", &moved);
	w = calloc(1, sizeof(*w));
	raw = sys_esp_socket(AF_INET, 1, 0);
	udp = sys_udp_socket(AF_INET, 4500, 1);
	peer = sys_udp_socket(AF_INET, 4600, 0);
	other = sys_udp_socket(AF_INET, 4601, 0);
	if (base == NULL || data_queue_init(&done) == -1 ||
	    worker_init(w, base, 0, &done) == -1 || raw == -1 ||
	    udp == -1 || peer == -1 || other == -1 || socketpair(AF_UNIX,
	    SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sp) == -1)
		exit(1);
	tun = sp[0];
	data_if_init(&dif, sp[1], &dif, &count, 1);
	data_sa_init(&in, &in);
	data_sa_init(&out, &out);
	in.esp = esp(ESP_IN, in.spi = SPI_IN);
	out.esp = esp(ESP_OUT, out.spi = SPI_OUT);
	peer_out = esp(ESP_OUT, SPI_IN);
	in.iface = out.iface = &dif;
	in.follow = 1;
	in.path = (struct data_path){ there, here, 4600, 4500, 1 };
	out.path = (struct data_path){ here, there, 4500, 4600, 1 };
	atomic_store(&out.limit, 1000);
	atomic_store(&out.low, UINT64_MAX);
	c = command(DATA_WIRE_ADD);
	c->fd = raw;
	c->af = AF_INET;
	c->listen = 1;
	give(c);
	give(command(DATA_IF_ADD));
	give(command(DATA_SA_ADD));
	events();
}

static void
add_udp(void)
{
	struct data_cmd *c = command(DATA_WIRE_ADD);

	c->fd = udp;
	c->af = AF_INET;
	c->listen = 1;
	c->port = 4500;
	c->path.wire = 1;
	give(c);
	events();
}

static void
outbound(void)
{
	struct data_cmd *c;

	from_tun();
	tells("", "no outbound SA, and nobody wants to know");
	atomic_store(&dif.tell_nosa, 1);
	from_tun();
	from_tun();
	tells("nosa ", "told once");
	atomic_store(&dif.ev_nosa.pending, 0);
	from_tun();
	tells("nosa ", "and again when main has it");
	is(counter_get(&count.drops[DROP_NO_OUT_SA]), 4, "all dropped");

	c = command(DATA_OUT_SET);
	c->sa = &out;
	give(c);
	events();
	from_tun();
	tells("out-active ", "a packet that cannot leave is no use of the SA, "
	    "but has a number");
	is(counter_get(&out.drops[DROP_NO_WIRE]), 1, "for want of a socket");
	add_udp();
	from_tun();
	tells("out-used ", "the first packet");
	atomic_store(&out.ev_used.pending, 0);
	from_tun();
	tells("", "is told once");
	is(counter_get(&out.packets), 2, "two have left");

	atomic_store(&out.life_packets, 4);
	from_tun();
	tells("", "below the limit");
	from_tun();
	from_tun();
	tells("life ", "at it, once");
	atomic_store(&out.life_packets, UINT64_MAX);
	atomic_store(&out.ev_life.pending, 0);
	from_tun();
	tells("", "no more with another limit");
	atomic_store(&out.life_bytes, 1);
	from_tun();
	tells("life ", "octets count too");
	atomic_store(&out.life_bytes, UINT64_MAX);
	atomic_store(&out.ev_life.pending, 0);

	atomic_store(&out.ev_active.pending, 0);
	from_tun();
	from_tun();
	tells("out-active ", "active once more when main asks for it, once");
}

static void
inbound(void)
{
	uint8_t buf[256], buf2[256];
	struct sys_dgram d, old;
	struct data_cmd *c;

	seal(&d, buf);
	send_from(peer, &d);
	tells("in-active in-used ", "in: the first packet, from where it "
	    "should be");
	seal(&old, buf2);
	seal(&d, buf);
	send_from(other, &d);
	tells("moved ", "a newer one from another port");
	is(in.moved_port, 4601, "which is told");
	ok(addr_equal(&in.moved_to, &there), "with its address");
	seal(&d, buf);
	send_from(other, &d);
	tells("", "not again while it is pending");
	atomic_store(&in.ev_moved.pending, 0);
	send_from(other, &old);
	tells("", "an older one that is authentic is not followed");
	is(counter_get(&in.packets), 4, "though it is taken");
	send_from(other, &d);
	tells("", "nor a replayed one");
	seal(&d, buf);
	d.data[d.len - 1] ^= 1;
	send_from(other, &d);
	tells("", "nor a forged one");
	seal(&d, buf);
	d.src = moved;
	send_from(peer, &d);
	tells("moved ", "a newer one from another address");
	ok(addr_equal(&in.moved_to, &moved), "which is told");
	atomic_store(&in.ev_moved.pending, 0);

	c = command(DATA_SA_MOVE);
	c->path = in.path;
	c->path.src = moved;
	give(c);
	seal(&d, buf);
	d.src = moved;
	send_from(peer, &d);
	tells("", "told no more when main has moved the SA");
	c = command(DATA_SA_MOVE);
	c->path = in.path;
	c->path.dst = there;
	give(c);
	seal(&d, buf);
	send_from(peer, &d);
	is(counter_get(&w->stray[DROP_NO_SA]), 1, "not found by its old dst");
	seal(&d, buf);
	d.dst = there;
	d.src = moved;
	send_from(peer, &d);
	is(counter_get(&in.packets), 7, "but by the new one");
	in.follow = 0;
	seal(&d, buf);
	d.dst = there;
	send_from(other, &d);
	tells("", "one that does not follow does not tell");
	is(counter_get(&in.packets), 8, "but takes it");
	in.path.dst = here;
	in.path.wire = 0;
	seal(&d, buf);
	send_from(peer, &d);
	is(counter_get(&in.drops[DROP_ENCAP]), 1,
	    "UDP for an SA that has none is refused");
	in.path.wire = 1;
	d.dport = 0;
	d.src = d.dst = here;
	sys_esp_send(raw, AF_INET, &d, 1);
	usleep(10000);
	step();
	is(counter_get(&in.drops[DROP_ENCAP]), 2,
	    "and plain ESP for one in UDP");
}

static void
not_esp(void)
{
	const uint64_t number = 0x1122334455667788;
	const uint32_t spi = htonl(PROBE_SPI);
	uint8_t probe[PROBE_LEN];

	octets("\xff", 1);
	is(counter_get(&w->stray[DROP_KEEPALIVE]), 1, "a keepalive");
	octets("\xff\xff", 2);
	is(counter_get(&w->stray[ESP_SHORT]), 1, "two octets are none");
	octets("\0\0\0\0\1\2\3\4", 8);
	is(counter_get(&w->stray[DROP_IKE]), 1, "IKE's");
	memcpy(probe, &spi, sizeof(spi));
	memcpy(probe + 4, &number, sizeof(number));
	octets(probe, sizeof(probe));
	tells("", "a probe that nobody awaits");
	atomic_store(&w->probe, number + 1);
	octets(probe, sizeof(probe));
	tells("", "a probe with another number");
	is(counter_get(&w->probe), number + 1, "leaves the right one awaited");
	atomic_store(&w->probe, number);
	octets(probe, sizeof(probe));
	tells("probe ", "the probe");
	is(counter_get(&w->probe), 0, "no longer awaited");
	octets(probe, sizeof(probe));
	tells("", "nor told twice");
}

/* --- merged datagrams --- */

#define MESSAGE	31	/* octets of one of IKE's */

/* E: ESP; I: IKE's, as long; i: shorter.  All in one datagram. */
static void
train(const char *what, uint16_t port)
{
	static uint8_t buf[1024];
	uint8_t one[256];
	struct sys_dgram d, all;
	size_t len;

	seal(&all, one);
	all.segment = (uint16_t)all.len;
	all.data = buf;
	all.len = 0;
	all.dport = port;
	for (; *what != '\0'; what++) {
		seal(&d, one);
		len = *what == 'i' ? MESSAGE : d.len;
		if (*what != 'E') {
			memset(d.data, 'i', len);
			memset(d.data, 0, 4);
		}
		memcpy(buf + all.len, d.data, len);
		all.len += len;
	}
	send_from(peer, &all);
	/* what it passes on may come back */
	step();
}

/* Of those in the queue, how many are messages of that length passed on? */
static int
passed_to(int fd, size_t len)
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	uint8_t buf[512], message[256];
	struct sys_dgram d;
	struct pass_hdr h;
	uint32_t length = htonl((uint32_t)(sizeof(h) - 4 + len));
	uint16_t port = htons(4600);
	int n;

	memset(message, 'i', sizeof(message));
	memset(message, 0, 4);
	memset(&d, 0, sizeof(d));
	d.buf = buf;
	d.size = sizeof(buf);
	for (n = 0; sys_udp_recv(fd, AF_INET, &d, 1) == 1; n++) {
		if (d.len != sizeof(h) + len || d.sport != 4500 ||
		    !addr_equal(&d.src, &here) || !addr_equal(&d.dst, &here))
			return -1;
		memcpy(&h, d.data, sizeof(h));
		if (memcmp(h.magic, PASS_MAGIC, sizeof(h.magic)) != 0 ||
		    memcmp(h.length, &length, sizeof(length)) != 0 ||
		    memcmp(h.src, mapped, 12) != 0 ||
		    memcmp(h.src + 12, there.a, 4) != 0 ||
		    memcmp(h.dst, mapped, 12) != 0 ||
		    memcmp(h.dst + 12, here.a, 4) != 0 ||
		    memcmp(h.sport, &port, sizeof(port)) != 0 ||
		    memcmp(d.data + sizeof(h), message, len) != 0)
			return -1;
	}
	return n;
}

static uint64_t
since(uint64_t *last, unsigned int why)
{
	uint64_t now = counter_get(&w->stray[why]), n = now - *last;

	*last = now;
	return n;
}

static void
merged(void)
{
	uint64_t ike = counter_get(&w->stray[DROP_IKE]), passed = 0;
	uint64_t esp_before = counter_get(&in.packets);
	int daemon = sys_udp_socket(AF_INET, 4500, 1), lone;
	struct data_cmd *c;
	uint8_t one[256];
	struct sys_dgram d;
	size_t len;

	seal(&d, one);
	len = d.len;
	sys_udp_select(udp, 0);
	sys_udp_offload(udp, AF_INET, SYS_GRO);
	sys_udp_offload(peer, AF_INET, SYS_GSO);
	train("EEEi", 4500);
	is(counter_get(&in.packets), esp_before + 3, "merged: ESP is opened");
	is(passed_to(daemon, MESSAGE), 1, "IKE's behind it is passed on, with "
	    "its source and destination");
	is(since(&passed, DROP_IKE_PASSED), 1, "which is counted");
	is(since(&ike, DROP_IKE), 0, "and is no sign of a wrong selector");
	train("EIEIE", 4500);
	is(counter_get(&in.packets), esp_before + 6, "three of three");
	is(passed_to(daemon, len), 2, "IKE's between ESP, too");
	is(since(&passed, DROP_IKE_PASSED), 2, "and counted");

	close(daemon);
	train("Ei", 4500);
	is(since(&passed, DROP_IKE_PASSED), 1, "passed on to nobody");
	is(since(&ike, DROP_IKE), 1, "it comes back and is dropped, once");
	train("IEi", 4500);
	is(since(&passed, DROP_IKE_PASSED), 0, "none behind IKE's");
	is(since(&ike, DROP_IKE), 2, "since all of it is here by mistake");
	is(counter_get(&in.packets), esp_before + 8, "but ESP is opened");

	c = command(DATA_WIRE_ADD);
	c->fd = lone = sys_udp_socket(AF_INET, 4700, 0);
	sys_udp_offload(lone, AF_INET, SYS_GRO);
	c->af = AF_INET;
	c->listen = 1;
	c->port = 4700;
	c->path.wire = 2;
	give(c);
	events();
	train("Ei", 4700);
	is(since(&passed, DROP_IKE_PASSED), 0, "nor on another port");
	is(since(&ike, DROP_IKE), 1, "which no daemon has");
	sys_udp_offload(peer, AF_INET, 0);
}

/* What an SA still has to say comes before the fence behind its removal. */
static void
removal(void)
{
	uint8_t buf[256];
	struct sys_dgram d;

	in.used = 0;
	in.follow = 1;
	atomic_store(&in.ev_used.pending, 0);
	atomic_store(&in.ev_active.pending, 0);
	atomic_store(&in.life_packets, 1);
	seal(&d, buf);
	send_from(other, &d);
	data_queue_push(&w->cmds, &command(DATA_SA_REMOVE)->node);
	give(command(DATA_FENCE));
	seal(&d, buf);
	send_from(other, &d);
	tells("moved in-active in-used life fence ", "events, then the fence, "
	    "then none");
}

/* --- frames of its own --- */

static int	far;

static void
veth(void)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL) };
	struct data_cmd *c;

	/* the kernel's frames go to ...:02, the hop's to ...:aa */
	scene("ip link add v0 type veth peer name v1; ip link set v1 up; "
	    "ip link set v0 up; ip addr add 192.0.2.1/24 dev v0; "
	    "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev v0; "
	    "ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:02 dev v0");
	far = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
	sll.sll_ifindex = (int)if_nametoindex("v1");
	if (bind(far, (struct sockaddr *)&sll, sizeof(sll)) == -1)
		exit(1);
	c = command(DATA_SA_MOVE);
	c->sa = &out;
	addr_parse("192.0.2.1", &c->path.src);
	addr_parse("192.0.2.2", &c->path.dst);
	give(c);
	atomic_store(&out.life_packets, UINT64_MAX);
	events();
}

/* Of each frame of ESP that has come: h, by the hop, k, by the kernel. */
static const char *
came(void)
{
	static char text[64];
	uint8_t frame[4096];
	struct pollfd pfd = { .fd = far, .events = POLLIN };
	size_t n = 0;
	ssize_t len;

	while (poll(&pfd, 1, 20) == 1) {
		len = recv(far, frame, sizeof(frame), 0);
		if (len < 34 || frame[12] != 8 || frame[13] != 0 ||
		    frame[23] != IPPROTO_ESP || n == sizeof(text) - 1)
			continue;
		text[n++] = frame[5] == 0xaa ? 'h' : 'k';
	}
	text[n] = '\0';
	return text;
}

#define leaves(want, name) do {						\
	const char *how = came();					\
									\
	if (!ok(strcmp(how, want) == 0, name))				\
		printf("# left '%s', not '%s'\n", how, want);		\
} while (0)

static void
hop(uint32_t ifindex, uint32_t room, int once)
{
	struct data_cmd *c = command(DATA_HOP);

	c->hop.ifindex = ifindex;
	c->hop.room = room;
	addr_parse("192.0.2.1", &c->hop.src);
	addr_parse("192.0.2.2", &c->hop.dst);
	c->hop.there[0] = 2;
	c->hop.there[5] = 0xaa;
	c->once = (uint8_t)once;
	give(c);
	events();
}

static void
hops(void)
{
	const uint32_t v0 = if_nametoindex("v0");
	const uint64_t before = counter_get(&count.out_packets);
	struct data_cmd *c;

	hop(v0, 1480, 0);
	from_tun();
	leaves("k", "a hop, but no socket for it: by the kernel");
	c = command(DATA_FRAMES);
	c->fd = sys_packet_socket();
	give(c);
	put(40);
	put(60);
	from_tun();
	leaves("hhh", "by the hop");
	hop(v0, 1480, 1);
	put(40);
	from_tun();
	leaves("kk", "once: a batch by the kernel");
	from_tun();
	leaves("h", "and the next by the hop");
	hop(v0, 100, 0);
	put(40);
	put(200);
	put(300);
	from_tun();
	leaves("hkkh", "what is too long by the kernel, and in order");
	tells("", "which is nothing to tell");
	out.path.dst.a[3] = 3;
	from_tun();
	leaves("k", "to another than the hop's: by the kernel");
	out.path.dst.a[3] = 2;
	out.path.src.a[3] = 9;
	from_tun();
	leaves("", "from another source: the kernel does not know it");
	is(counter_get(&out.drops[DROP_SEND_ROUTE]), 1, "and says so");
	memset(&out.path.src, 0, sizeof(out.path.src));
	from_tun();
	leaves("h", "from any source: by the hop");
	hop(9999, 1480, 0);
	put(40);
	from_tun();
	leaves("kk", "by no device: by the kernel, and none is lost");
	tells("hop ", "and it is told");
	is(atomic_load(&dif.hop_error), ENXIO, "with the reason");
	is(dif.hop.ifindex, 0, "it is given up");
	from_tun();
	leaves("k", "and not tried again");
	tells("", "and not told again");
	hop(v0, 1480, 0);
	scene("ip link set v0 down");
	from_tun();
	tells("", "a device that is down: told only when main has taken it");
	scene("ip link set v0 up; "
	    "ip neigh replace 192.0.2.2 lladdr 02:00:00:00:00:02 dev v0");
	atomic_store(&dif.ev_hop.pending, 0);
	hop(9999, 1480, 0);
	from_tun();
	tells("hop ", "then again");
	leaves("k", "by the kernel");
	is(counter_get(&count.out_packets) - before, 17, "all that left are "
	    "counted");
}

int
main(void)
{
	scene_up();
	outbound();
	inbound();
	not_esp();
	merged();
	veth();
	hops();
	removal();
	return tap_done();
}
