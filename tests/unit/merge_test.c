/* SPDX-License-Identifier: ISC */
/*
 * Packets joined: what joins and what does not, the headers of the whole, and
 * that cutting it again gives the packets.
 */
#include "tests/lib/tap.h"
#include "tests/unit/offload_help.h"

#define BOTH	(ESP_MERGE_TCP | ESP_MERGE_UDP)

static const struct o_flow tcp4 = {
	.v = 4, .proto = 6, .host = 1, .ttl = 64, .port = 40000, .id = 0xfffe,
	.seq = 0xfffffc00, .ack = 7, .win = 501, .flags = O_ACK, .optlen = 12
};

static struct esp_merge m;
static uint8_t pkts[200][2000], whole[O_MAX], want[O_MAX];

static void
test_two(void)
{
	struct o_flow f = tcp4;
	struct esp_offload off;
	size_t len;

	len = o_make(&f, pkts[0], 0, 1000);
	esp_merge_init(&m, BOTH);
	is(esp_merge_add(&m, NULL, pkts[0], len), 1, "the first is added");
	f.id++;
	f.seq += 1000;
	f.flags |= O_PSH;
	len = o_make(&f, pkts[1], 1000, 900);
	is(esp_merge_add(&m, NULL, pkts[1], len), 1, "and the second");
	is(esp_merge_end(&m), 1, "they are one");
	is(m.group[0].npieces, 2, "of two pieces");
	memcpy(whole, m.group[0].piece[0].iov_base, 1052);
	memcpy(whole + 1052, m.group[0].piece[1].iov_base, 900);
	f = tcp4;
	f.flags |= O_PSH;
	len = o_super(&f, want, 1900, 1000, &off);
	is(m.group[0].len, len, "length");
	ok(memcmp(whole, want, len) == 0, "octets");
	is(m.group[0].off.gso, off.gso, "gso");
	is(m.group[0].off.size, 1000, "size");
}

int
main(void)
{
	test_two();
	return tap_done();
}
