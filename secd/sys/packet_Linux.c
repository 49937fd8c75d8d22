/* SPDX-License-Identifier: ISC */
/*
 * ESP packets past the kernel's output of IP: with our own Ethernet and IP
 * headers, by an AF_PACKET socket.  The parent makes the sockets, workers of
 * the engine use them.  Where a packet goes is route_Linux.c's to say.
 *
 * The headers are what the kernel would write on a raw socket, by its defaults:
 * a TTL of 64 (net.ipv4.ip_default_ttl, or the IPv6 device's hop limit, where
 * nobody changed them), no TOS, DF clear.  A flow label, which the kernel makes
 * of the addresses, is left out: it would be one for the whole tunnel.
 *
 * DF being clear, an identification must not come twice while fragments of the
 * first may be on their way (RFC 6864 4.3).  16 bits are not enough for that at
 * any speed that matters, neither here nor in the kernel; what a wrong fragment
 * makes of a packet does not pass as authentic.
 *
 * PACKET_QDISC_BYPASS is not used.  Of 490 ns that a packet costs it saves none
 * without a queueing discipline and 35 with pfifo_fast; for that, packets would
 * be lost whenever the device's ring is full, tc(8) would not act on them, and
 * tcpdump(8) on this host would not see them.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "secd/sys/sys.h"

#define SOCKBUF		(4 * 1024 * 1024)	/* octets; doubled by Linux */
#define IP4_LEN		20
#define IP6_LEN		40
#define TTL		64

/* All that packets of a batch begin with, but for length and the like. */
struct head {
	uint8_t		octets[ETH_HLEN + IP6_LEN];
	size_t		len;
	uint32_t	sum;		/* IPv4: of the header's words */
};

_Static_assert(ETH_HLEN + IP6_LEN <= SYS_PACKET_HEAD, "room for headers");

/* --- making one --- */

/* Protocol 0: it never receives. */
int
sys_packet_socket(void)
{
	int fd, size = SOCKBUF;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd != -1 && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
	    sizeof(size)) == -1)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

/* --- headers --- */

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
begin4(struct head *h, const struct sys_hop *hop)
{
	uint8_t *ip = h->octets + ETH_HLEN;
	size_t i;

	put16(h->octets + 2 * ETH_ALEN, ETH_P_IP);
	ip[0] = 4 << 4 | IP4_LEN / 4;
	ip[8] = TTL;
	ip[9] = IPPROTO_ESP;
	memcpy(ip + 12, hop->src.a, 4);
	memcpy(ip + 16, hop->dst.a, 4);
	for (i = 0; i < IP4_LEN; i += 2)
		h->sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	h->len = ETH_HLEN + IP4_LEN;
}

static void
begin6(struct head *h, const struct sys_hop *hop)
{
	uint8_t *ip = h->octets + ETH_HLEN;

	put16(h->octets + 2 * ETH_ALEN, ETH_P_IPV6);
	ip[0] = 6 << 4;
	ip[6] = IPPROTO_ESP;
	ip[7] = TTL;
	memcpy(ip + 8, hop->src.a, 16);
	memcpy(ip + 24, hop->dst.a, 16);
	h->len = ETH_HLEN + IP6_LEN;
}

static void
begin(struct head *h, const struct sys_hop *hop)
{
	memset(h, 0, sizeof(*h));
	memcpy(h->octets, hop->there, ETH_ALEN);
	memcpy(h->octets + ETH_ALEN, hop->here, ETH_ALEN);
	if (hop->dst.af == AF_INET)
		begin4(h, hop);
	else
		begin6(h, hop);
}

static void
finish4(uint8_t *ip, uint32_t sum, size_t len, uint16_t ident)
{
	sum += (uint32_t)len + IP4_LEN + ident;
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	put16(ip + 2, (uint32_t)len + IP4_LEN);
	put16(ip + 4, ident);
	put16(ip + 10, ~sum);
}

/* Write the headers before the packet; where the frame begins. */
static uint8_t *
put_head(const struct head *h, const struct sys_dgram *d, uint16_t *ident)
{
	uint8_t *frame = d->data - h->len;

	memcpy(frame, h->octets, h->len);
	if (h->len == ETH_HLEN + IP4_LEN)
		finish4(frame + ETH_HLEN, h->sum, d->len, (*ident)++);
	else
		put16(frame + ETH_HLEN + 4, (uint32_t)d->len);
	return frame;
}

/* --- sending --- */

/* Frames in order; how many are done with before the device refuses one. */
static int
send_frames(int fd, struct mmsghdr *mm, struct sys_dgram *d, int n)
{
	int i, r;

	for (i = 0; i < n;) {
		r = sendmmsg(fd, mm + i, (unsigned int)(n - i), MSG_DONTWAIT);
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && (errno == EAGAIN || errno == ENOBUFS ||
		    errno == ENOMEM)) {
			d[i++].error = ENOBUFS;
			continue;
		}
		if (r <= 0)
			break;
		for (; r > 0; r--)
			d[i++].error = 0;
	}
	return i;
}

int
sys_packet_send(int fd, const struct sys_hop *hop, uint16_t *ident,
    struct sys_dgram *d, int n)
{
	struct mmsghdr mm[SYS_BATCH];
	struct iovec iov[SYS_BATCH];
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)hop->ifindex,
		.sll_halen = ETH_ALEN
	};
	struct head h;
	int i;

	if (n > SYS_BATCH)
		n = SYS_BATCH;
	begin(&h, hop);
	to.sll_protocol = htons(hop->dst.af == AF_INET ? ETH_P_IP :
	    ETH_P_IPV6);
	memcpy(to.sll_addr, hop->there, ETH_ALEN);
	for (i = 0; i < n; i++) {
		iov[i].iov_base = put_head(&h, &d[i], ident);
		iov[i].iov_len = h.len + d[i].len;
		mm[i].msg_hdr.msg_name = &to;
		mm[i].msg_hdr.msg_namelen = sizeof(to);
		mm[i].msg_hdr.msg_iov = &iov[i];
		mm[i].msg_hdr.msg_iovlen = 1;
		mm[i].msg_hdr.msg_control = NULL;
		mm[i].msg_hdr.msg_controllen = 0;
		mm[i].msg_hdr.msg_flags = 0;
	}
	return send_frames(fd, mm, d, n);
}
