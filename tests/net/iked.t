#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# The example of OpenBSD's sec(4): two gateways, a pre-shared key, from any to
# any, the provider's addresses inside; Debian's iked, unmodified, on both.  A
# host behind each gateway is reached by a route over sec0.  Then the same with
# IPv6 outside, and with a NAT of nftables before one of them.
#
#   h1 10.1.0.2 -- 10.1.0.1 a 192.0.2.8 ---- 198.51.100.14 b 10.2.0.1 -- 10.2.0.2 h2
#                   169.254.229.42 sec0        sec0 169.254.229.41

import os

import daemon
import ike
import lib
from lib import ok, same

INSIDE = ("169.254.229.42", "169.254.229.41")
V4 = ("192.0.2.8", "198.51.100.14")
V6 = ("2001:db8:8::8", "2001:db8:14::14")
PRIVATE, GATE = "10.9.9.2", "10.9.9.1"


def wire(x, y, dev_x, dev_y):
    lib.host("ip link add %s netns %s type veth peer name %s netns %s" % (
        dev_x, x.name, dev_y, y.name))
    for ns, dev in ((x, dev_x), (y, dev_y)):
        ns.run("ip link set %s up" % dev)


def address(ns, dev, addr, far):
    """An address that shares no network with the far one."""
    full = "/128" if ":" in addr else "/32"
    ns.run("ip addr add %s%s dev %s%s" % (addr, full, dev, " nodad" if ":" in
        addr else ""))
    ns.run("ip route add %s%s dev %s" % (far, full, dev))


def behind(gate, host, n):
    """A host with everything by way of its gateway."""
    wire(gate, host, "lan", "eth0")
    gate.run("ip addr add 10.%d.0.1/24 dev lan" % n)
    gate.sysctl("net/ipv4/ip_forward", 1)
    host.run("ip addr add 10.%d.0.2/24 dev eth0" % n)
    host.run("ip route add default via 10.%d.0.1" % n)


def masquerade(nat):
    nat.sysctl("net/ipv4/ip_forward", 1)
    nat.run("nft -f -", input="table ip n {\n chain post {\n type nat hook "
        "postrouting priority 100;\n oifname out masquerade\n }\n}\n")


class Example:
    def __init__(self, name, outer, nat=False):
        self.name = name
        t = name[-1]
        self.a, self.b, self.h1, self.h2 = (lib.Ns(x + t) for x in
            ("a", "b", "h1", "h2"))
        near = PRIVATE if nat else outer[0]
        if nat:
            self.nat = lib.Ns("n" + t)
            wire(self.a, self.nat, "eth0", "in")
            wire(self.nat, self.b, "out", "eth0")
            address(self.a, "eth0", near, GATE)
            address(self.nat, "in", GATE, near)
            self.a.run("ip route add default via %s" % GATE)
            address(self.nat, "out", outer[0], outer[1])
            masquerade(self.nat)
        else:
            wire(self.a, self.b, "eth0", "eth0")
            address(self.a, "eth0", near, outer[1])
            # where cleartext would go
            self.a.run("ip route add default dev eth0")
        address(self.b, "eth0", outer[1], outer[0])
        self.b.run("ip route add default dev eth0")
        behind(self.a, self.h1, 1)
        behind(self.b, self.h2, 2)
        self.ends = (near, outer[1]), (outer[1], outer[0])
        self.d = [daemon.Secd(ns, "interface sec0 { local %s peer %s; inet "
            "%s/30 %s }\n" % (*self.ends[i], INSIDE[i], INSIDE[1 - i])).start()
            for i, ns in enumerate((self.a, self.b))]
        self.a.run("ip route add 10.2.0.0/24 dev sec0")
        self.b.run("ip route add 10.1.0.0/24 dev sec0")
        self.capture = lib.Capture(self.b)
        self.iked = [ike.Iked(ns, self.d[i], ike.iked_conf("cloud",
            *self.ends[i], i == 0, srcid=outer[i], dstid=outer[1 - i],
            iface="iface sec0")) for i, ns in enumerate((self.a, self.b))]
        same(self.iked[0].check_conf().rc, 0, name + ": iked takes the "
            "example, 'iface sec0' included")
        for i in (1, 0):
            self.iked[i].start()
        ike.wait_tunnel(*self.d)

    def check(self):
        n = self.name
        rows = [d.json("sa")["sas"] for d in self.d]
        lib.diag("%s: %s" % (n, ", ".join(sorted({ike.suite(r) for r in
            rows[0] + rows[1]}))))
        same(sorted(r["spi"] for r in rows[0]), sorted(r["spi"] for r in
            rows[1]), n + ": both have the same SPIs")
        for x, y, far in ((0, 1, self.b), (1, 0, self.a)):
            ns = self.b if x else self.a
            same(lib.ping(ns, INSIDE[x], INSIDE[y], 3), 3, "%s: ping %s" % (n,
                INSIDE[y]))
        same(lib.ping(self.h1, "10.1.0.2", "10.2.0.2", 3), 3,
            n + ": the host behind a reaches that behind b")
        same(lib.ping(self.h2, "10.2.0.2", "10.1.0.2", 3), 3, n + ": and back")
        good, took = lib.tcp_transfer(self.h1, "10.1.0.2", self.h2, "10.2.0.2",
            2 << 20)
        ok(good, "%s: 2 MB by TCP between the hosts (%.1f s)" % (n, took))
        same({r["rule"] for r in rows[0]}, {"address pair"},
            n + ": the interface was found by its addresses")

    def close(self, udp):
        frames = self.capture.stop()
        kinds = {"esp": 0, "udp": 0, "ike": 0}
        bad = []
        for f in frames:
            ip = lib.frame_ip(f)
            if ip is None or ip.proto == 58 or (ip.proto in (0, None)):
                continue
            if ip.proto == lib.ESP:
                kinds["esp"] += 1
            elif ip.proto == 17 and ip.frag == 0 and b"\x01\xf4" in \
                    (ip.payload[:2], ip.payload[2:4]):
                kinds["ike"] += 1
            elif ip.proto == 17 and (ip.frag or b"\x11\x94" in
                    (ip.payload[:2], ip.payload[2:4])):
                kinds["ike" if ip.payload[8:12] == bytes(4) else "udp"] += 1
            elif ip.frag == 0:
                bad.append(f)
        lib.none(bad, self.name + ": nothing but ESP and IKE outside")
        lib.diag("%s: outside %s" % (self.name, kinds))
        ok((kinds["udp"] > 20) == udp and (kinds["esp"] > 20) == (not udp),
            "%s: ESP %s" % (self.name, "in UDP" if udp else "over IP"))
        for i in (0, 1):
            self.iked[i].stop()
            same(self.d[i].stop(), 0, "%s: secd of %s stops" % (self.name,
                "ab"[i]))


def main():
    version, changed = ike.debian_iked()
    lib.diag("openiked " + version)
    same(changed, "", "dpkg --verify openiked: as Debian made it")
    for name, outer, nat in (("IPv4", V4, False), ("IPv6", V6, False),
            ("behind a NAT", V4, True)):
        e = Example(name, outer, nat)
        e.check()
        e.close(nat)


lib.run(main)
