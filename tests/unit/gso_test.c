/* SPDX-License-Identifier: ISC */
/*
 * The kernel's own segmentation against esp_split() and esp_merge(): the same
 * super-packet goes through a veth whose offloads are off, so that the kernel
 * must cut it, and what comes out at the other end is compared octet for octet.
 * Needs root.
 *
 * One thing differs and is not asked for: CWR without ecn.  Linux has it in the
 * first segment alone all the same; here it is in all, since a device says ecn
 * for RFC 3168, and else the bit is part of a count (RFC 9768 3.2.2).
 */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>

#include "tests/unit/netns.h"
#include "tests/unit/offload_help.h"

#define ETHER		14U
#define FRAMES		128
#define AWAITED		2000		/* ms that a frame may take */
#define GSO_UDP_L4	5		/* younger than some headers */

static int in, out;			/* sockets at the veth's ends */
static uint8_t pkt[O_MAX], frames[FRAMES][9200];
static size_t framelens[FRAMES], nframes;

static const struct o_flow tcp4 = {
	.v = 4, .proto = 6, .host = 1, .tos = 0x02, .ttl = 64, .port = 40000,
	.id = 0xfffe, .seq = 0xfffffc00, .ack = 0x01020304, .win = 501,
	.flags = O_ACK, .optlen = 12
};
static const struct o_flow tcp6 = {
	.v = 6, .proto = 6, .host = 1, .tos = 0x02, .ttl = 64, .port = 40000,
	.label = 0x54321, .seq = 0xfffffc00, .ack = 0x01020304, .win = 501,
	.flags = O_ACK, .optlen = 12
};
static const struct o_flow udp4 = {
	.v = 4, .proto = 17, .host = 1, .ttl = 64, .port = 40000, .id = 7
};
static const struct o_flow udp6 = {
	.v = 6, .proto = 17, .host = 1, .ttl = 64, .port = 40000
};
static const struct o_flow *const flows[] = { &tcp4, &tcp6, &udp4, &udp6 };
#define NFLOWS	(sizeof(flows) / sizeof(flows[0]))

/* --- the scene --- */

static void
off(const char *name, uint32_t cmd)
{
	struct ethtool_value v = { .cmd = cmd, .data = 0 };
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = (void *)&v;
	if (ioctl(in, SIOCETHTOOL, &ifr) == -1)
		printf("# ethtool command %u of %s: %s\n", cmd, name,
		    strerror(errno));
}

static int
packet_socket(const char *name, int protocol)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET };
	int s = socket(AF_PACKET, SOCK_RAW, 0), size = 1 << 24;

	sll.sll_protocol = htons(protocol);
	sll.sll_ifindex = (int)if_nametoindex(name);
	if (s == -1 || setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) == -1 ||
	    bind(s, (struct sockaddr *)&sll, sizeof(sll)) == -1) {
		printf("Bail out! packet socket: %s\n", strerror(errno));
		exit(1);
	}
	return s;
}

static void
set_scene(void)
{
	static const uint32_t cmds[] = { ETHTOOL_STXCSUM, ETHTOOL_SSG,
		ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO };
	size_t i;
	int one = 1;

	netns_enter();
	scene("ip link add left type veth peer name right");
	scene("echo 1 >/proc/sys/net/ipv6/conf/left/disable_ipv6");
	scene("echo 1 >/proc/sys/net/ipv6/conf/right/disable_ipv6");
	scene("ip link set left mtu 9000 up; ip link set right mtu 9000 up");
	in = packet_socket("left", 0);
	out = packet_socket("right", ETH_P_ALL);
	if (setsockopt(in, SOL_PACKET, PACKET_VNET_HDR, &one,
	    sizeof(one)) == -1) {
		printf("Bail out! PACKET_VNET_HDR: %s\n", strerror(errno));
		exit(1);
	}
	for (i = 0; i < sizeof(cmds) / sizeof(cmds[0]); i++) {
		off("left", cmds[i]);
		off("right", cmds[i]);
	}
}

/* --- through the kernel --- */

/* 0, or -1 with errno, as of the device that has no such offload. */
static int
send_super(const struct esp_offload *o, const uint8_t *p, size_t len)
{
	static const uint8_t gso[] = { VIRTIO_NET_HDR_GSO_NONE,
		VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6,
		GSO_UDP_L4 };
	static uint8_t buf[sizeof(struct virtio_net_hdr) + ETHER + O_MAX];
	struct virtio_net_hdr h;
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_halen = 6 };
	uint8_t *ether = buf + sizeof(h);
	ssize_t n;

	memset(&h, 0, sizeof(h));
	if (o->csum) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.csum_start = ETHER + o->csum_start;
		h.csum_offset = o->csum_offset;
	}
	h.gso_type = gso[o->gso];
	if (o->ecn)
		h.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	h.gso_size = o->size;
	if (o->gso != ESP_GSO_NONE)
		h.hdr_len = ETHER + o->csum_start +
		    (o->gso == ESP_GSO_UDP ? 8 : p[o->csum_start + 12] / 4);
	memcpy(buf, &h, sizeof(h));
	memcpy(ether, "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
	o_put16(ether + 12, p[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);
	memcpy(ether + ETHER, p, len);
	sll.sll_protocol = htons(p[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);
	sll.sll_ifindex = (int)if_nametoindex("left");
	n = sendto(in, buf, sizeof(h) + ETHER + len, 0,
	    (struct sockaddr *)&sll, sizeof(sll));
	return n == -1 ? -1 : 0;
}

/* Take n frames that came out, and see that no more did. */
static void
receive(size_t n)
{
	struct pollfd pfd = { .fd = out, .events = POLLIN };
	static uint8_t buf[ETHER + O_MAX];
	ssize_t len;

	for (nframes = 0; nframes < FRAMES;) {
		if (poll(&pfd, 1, nframes < n ? AWAITED : 0) != 1)
			return;
		len = recv(out, buf, sizeof(buf), 0);
		if (len < (ssize_t)ETHER || buf[11] != 1)
			continue;
		framelens[nframes] = (size_t)len - ETHER;
		if (framelens[nframes] > sizeof(frames[0]))
			framelens[nframes] = sizeof(frames[0]);
		memcpy(frames[nframes], buf + ETHER, framelens[nframes]);
		nframes++;
	}
}

/* Where they begin to differ, for whoever must find out why. */
static void
show(size_t i, const uint8_t *seg, size_t len)
{
	size_t at;

	for (at = 0; at < len && at < framelens[i]; at++)
		if (seg[at] != frames[i][at])
			break;
	printf("# packet %zu: %zu octets, the kernel's %zu; first octet that "
	    "differs: %zu", i, len, framelens[i], at);
	if (at < len && at < framelens[i])
		printf(" (%02x, %02x)", seg[at], frames[i][at]);
	printf("\n");
}

/* The frames that came out against what esp_split() makes of it. */
static int
as_split(const struct esp_offload *o, uint8_t *p, size_t len)
{
	struct esp_split s;
	size_t i, n;
	uint8_t *seg;
	int good;

	if (esp_split_begin(&s, o, p, len) != ESP_OK)
		return 0;
	receive(esp_split_count(&s));
	good = nframes == esp_split_count(&s);
	if (!good)
		printf("# %zu packets, the kernel's %zu\n",
		    esp_split_count(&s), nframes);
	for (i = 0; esp_split_next(&s, &seg, &n) && good; i++) {
		good = n == framelens[i] && memcmp(seg, frames[i], n) == 0;
		if (!good)
			show(i, seg, n);
	}
	return good;
}

/* 1 if this kernel's packet sockets take super-packets of UDP. */
static int
has_udp(void)
{
	struct esp_offload o;
	size_t len = o_super(&udp4, pkt, 3000, 1400, &o);
	int done = send_super(&o, pkt, len);

	receive(done == 0 ? 3 : 0);
	return done == 0;
}

static int
same_flow(const struct o_flow *f, size_t n, uint16_t size, int ecn)
{
	struct esp_offload o;
	size_t len = o_super(f, pkt, n, size, &o);

	o.ecn = (uint8_t)ecn;
	if (send_super(&o, pkt, len) == -1) {
		printf("# not sent: %s\n", strerror(errno));
		return 0;
	}
	return as_split(&o, pkt, len);
}

static int
same(const struct o_flow *f, size_t n, uint16_t size)
{
	return same_flow(f, n, size, 0);
}

/* --- what is compared --- */

static void
test_sizes(const struct o_flow *flow)
{
	struct o_flow f = *flow;
	const char *name = f.proto == 6 ? "TCP" : "UDP";

	ok(same(&f, 2800, 1400), "%s%d: two whole ones", name, f.v);
	ok(same(&f, 2801, 1400), "%s%d: a last one of 1", name, f.v);
	ok(same(&f, 4002, 1333), "%s%d: odd sizes", name, f.v);
	ok(same(&f, 100, 7), "%s%d: small ones", name, f.v);
	ok(same(&f, 1000, 1400), "%s%d: one segment", name, f.v);
	ok(same(&f, 60000, 1448), "%s%d: a long one", name, f.v);
	ok(same(&f, 65535 - o_hlen(&f), 8001), "%s%d: the longest", name,
	    f.v);
	f.frag = O_DF;
	if (f.v == 4)
		ok(same(&f, 4000, 1400), "%s%d: DF", name, f.v);
}

static void
test_tcp(const struct o_flow *flow)
{
	static const struct {
		const char *what;
		uint8_t flags;
		int ecn;
	} t[] = {
		{ "PSH", O_ACK | O_PSH, 0 },
		{ "FIN", O_ACK | O_FIN, 0 },
		{ "PSH and FIN", O_ACK | O_PSH | O_FIN, 0 },
		{ "ECE", O_ACK | O_ECE, 0 },
		{ "CWR", O_ACK | O_CWR, 1 },
		{ "CWR, ECE, PSH", O_ACK | O_CWR | O_ECE | O_PSH, 1 },
		{ "URG", O_ACK | O_URG, 0 }
	};
	struct o_flow f;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		f = *flow;
		f.flags = t[i].flags;
		ok(same_flow(&f, 4000, 1400, t[i].ecn), "TCP%d: %s", f.v,
		    t[i].what);
	}
	f = *flow;
	f.optlen = 0;
	ok(same(&f, 4000, 1400), "TCP%d: no options", f.v);
	f.optlen = 40;
	ok(same(&f, 4000, 1400), "TCP%d: all options", f.v);
}

static void
test_extensions(int udp)
{
	static uint8_t dest[8] = { 6, 0, 1, 4 };
	static const uint8_t options[8] = { 0x94, 4, 0, 0, 1, 1, 1, 0 };
	struct o_flow f = tcp6;

	f.ext = dest;
	f.extlen = 8;
	f.next = 60;
	ok(same(&f, 4000, 1399), "TCP6: destination options");
	f = tcp4;
	f.ext = options;
	f.extlen = 8;
	ok(same(&f, 4000, 1399), "TCP4: IP options");
	if (!udp)
		return;
	f = udp6;
	f.ext = dest;
	dest[0] = 17;
	f.extlen = 8;
	f.next = 60;
	ok(same(&f, 4000, 1399), "UDP6: destination options");
	f = udp4;
	f.ext = options;
	f.extlen = 8;
	ok(same(&f, 4000, 1399), "UDP4: IP options");
}

/* Ports with which the sum of a first segment of 1000 octets is 0. */
static void
test_zero(const struct o_flow *flow)
{
	struct o_flow f = *flow;

	o_segment(&f, pkt, 2000, 1000, 0, 0);
	f.port = (uint16_t)o_sum(pkt + o_l4(&f) + o_field(f.proto), 2, f.port);
	ok(same(&f, 2000, 1000), "protocol %d, IPv%d: a sum of 0", f.proto,
	    f.v);
}

/* One packet whose checksum is left to the device. */
static void
test_csum(const struct o_flow *flow)
{
	struct esp_offload o;
	size_t len = o_super(flow, pkt, 1001, 0, &o);

	o.gso = ESP_GSO_NONE;
	ok(send_super(&o, pkt, len) == 0 && as_split(&o, pkt, len),
	    "protocol %d, IPv%d: one packet's checksum", flow->proto,
	    flow->v);
}

/* What is joined comes out of the kernel as it was. */
static void
test_merge(const struct o_flow *flow, size_t n, size_t last)
{
	static struct esp_merge m;
	static uint8_t pkts[40][2000], orig[40][2000];
	struct esp_offload none = { 0 };
	size_t i, k, lens[40], len, bad = 0;
	struct o_flow f = *flow;

	esp_merge_init(&m, ESP_MERGE_TCP | ESP_MERGE_UDP);
	for (i = 0; i < 40; i++) {
		if (i == 39)
			f.flags |= O_PSH;
		lens[i] = o_make(&f, pkts[i], i * n, i < 39 ? n : last);
		memcpy(orig[i], pkts[i], lens[i]);
		bad += !esp_merge_add(&m, NULL, pkts[i], lens[i]);
		f.id++;
		f.seq += (uint32_t)n;
	}
	bad += esp_merge_end(&m) != 1;
	bad += memcmp(&m.group[0].off, &none, sizeof(none)) == 0;
	for (len = 0, k = 0; k < m.group[0].npieces; k++) {
		memcpy(pkt + len, m.group[0].piece[k].iov_base,
		    m.group[0].piece[k].iov_len);
		len += m.group[0].piece[k].iov_len;
	}
	bad += send_super(&m.group[0].off, pkt, len) != 0;
	receive(40);
	bad += nframes != 40;
	for (i = 0; i < nframes && i < 40; i++)
		if (framelens[i] != lens[i] ||
		    memcmp(frames[i], orig[i], lens[i]) != 0) {
			show(i, orig[i], lens[i]);
			bad++;
		}
	is(bad, 0, "protocol %d, IPv%d: 39 of %zu and one of %zu joined",
	    f.proto, f.v, n, last);
}

int
main(void)
{
	size_t k;
	int udp;

	set_scene();
	udp = has_udp();
	if (!udp)
		printf("# this kernel takes no super-packets of UDP\n");
	for (k = 0; k < NFLOWS; k++) {
		test_csum(flows[k]);
		if (flows[k]->proto == 17 && !udp)
			continue;
		test_sizes(flows[k]);
		test_zero(flows[k]);
		test_merge(flows[k], 1400, 1400);
		test_merge(flows[k], 1399, 1);
		if (flows[k]->proto == 6)
			test_tcp(flows[k]);
	}
	test_extensions(udp);
	return tap_done();
}
