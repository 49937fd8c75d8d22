#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# A Linux kernel's own ESP as the peer, in user mode, so that nothing of secd is
# on the other side.  Each case is a tunnel of its own between the same outer
# addresses: its packets pass both ways, both ends count them, and the kernel
# refuses a replayed one.
#
#        namespace a                        user-mode Linux guest
#   10.9.N.1, fd09:N::1 on secN         10.9.N.2, fd09:N::2 on lo
#        secd  |                               |  esp4, esp6, ip xfrm
#         tap0 192.0.2.1 ------------------ 192.0.2.2 vec0
#              2001:db8::1               2001:db8::2

import socket
import struct

import daemon
import esp
import lib
import peer
import uml
from lib import ok, same

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}

# N, outer version, key bits, ESN, the last number used before
CASES = (
    (0, 4, 128, False, 0),
    (1, 6, 256, False, 0),
    (2, 4, 256, True, 0),
    (3, 6, 192, True, 0),
    (4, 4, 128, True, 2 ** 32 - 4),
    (5, 6, 256, True, 2 ** 32 - 4),
)
# Every suite, with and without ESN, raw and in UDP, over both; N goes on.
SUITES = [(len(CASES) + i,) + c for i, c in enumerate(
    (outer, suite, is_esn, udp) for outer in (4, 6) for udp in (False, True)
    for suite in peer.SUITES for is_esn in (False, True))]


def guest_packets(guest, n, outer):
    """Packets of each of the case's two states, by SPI."""
    found, spi = {}, None
    host, there = OUTER[outer]
    # a list of all takes the guest seconds
    for line in guest.sh("ip -s -batch - <<END\n" + "\n".join("xfrm state "
            "get src %s dst %s proto esp spi %#x" % t for t in ((host, there,
            0x1000 + n), (there, host, 0x2000 + n))) + "\nEND").splitlines():
        if "proto esp spi" in line:
            spi = int(line.split("spi ")[1].split("(")[0], 16)
        elif "(packets)" in line and "limit" not in line:
            found[spi] = int(line.split(",")[1].split("(")[0])
    return found


def check_case(a, d, guest, case, wire):
    n, outer, bits, is_esn, last = case
    name = "IPv%d outside, %d bits%s%s" % (outer, bits,
        ", ESN" if is_esn else "", " across 2^32" if last else "")
    before = guest_packets(guest, n, outer)
    iface = "sec%d" % n
    # 3 requests of each family from here, 2 from the guest: 10 each way
    for near, far in (("10.9.%d.1" % n, "10.9.%d.2" % n),
            ("fd09:%d::1" % n, "fd09:%d::2" % n)):
        same(lib.ping(a, near, far, 3, 1000), 3, "%s: ping %s" % (name, far))
        once = "ping -n -q -c 1 -W 3 -I %s %s" % (far, near)
        out = guest.sh(once + " && " + once, check=False)
        if not same(out.count(" 1 received"), 2, "%s: the kernel pings %s" % (
                name, near)):
            lib.diag(out)
    after = guest_packets(guest, n, outer)
    same({k: after[k] - before[k] for k in after},
        {0x1000 + n: 10, 0x2000 + n: 10},
        "%s: the kernel counted 10 packets each way" % name)
    sas = d.sas(iface)
    sent, seen = sas["out", 0x1000 + n], sas["in", 0x2000 + n]
    same((sent["packets"], seen["packets"]), (10, 10),
        "%s: so did secd" % name)
    same((sent["seq"], seen["seq"]), (last + 10, last + 10),
        "%s: the numbers are those after %d" % (name, last))
    same(daemon.nonzero(seen["drops"]), {}, "%s: nothing dropped" % name)
    same(guest.xfrm_stat().get("XfrmInStateSeqError", 0), n,
        "%s: the kernel refused none" % name)
    replay_to_guest(a, wire, outer, n)
    lib.until(lambda: guest.xfrm_stat().get("XfrmInStateSeqError") == n + 1,
        "the kernel to refuse a replayed packet")
    ok(True, "%s: the kernel refuses a replayed packet" % name)


def quick_cases(a, d, guest):
    """One echo request from each side of every tunnel."""
    ends = [["10.9.%d.%d" % (c[0], i) for i in (1, 2)] for c in SUITES]
    here = [lib.ping(a, *e) for e in ends]
    out = guest.sh("for n in %s; do ping -n -q -c 1 -W 3 -I 10.9.$n.2 "
        "10.9.$n.1 >/dev/null && echo 10.9.$n.1; done" % " ".join(str(c[0])
        for c in SUITES), check=False, timeout=120).split()
    sas = d.sas()
    for case, (near, _), answered in zip(SUITES, ends, here):
        n, outer, suite, is_esn, udp = case
        same((answered, near in out, [sas[way, spi + n]["packets"]
            for way, spi in (("out", 0x1000), ("in", 0x2000))]), (1, True,
            [2, 2]), "IPv%d outside, %s%s%s" % (outer, peer.words(suite),
            ", ESN" if is_esn else "", ", UDP" if udp else ""))


def replay_to_guest(a, wire, outer, n):
    """Send the guest the last packet of this SA once more."""
    lib.until(lambda: last_esp(wire, 0x1000 + n), "a packet to replay")
    peer = esp.RawPeer(a, *OUTER[outer])
    peer.send(last_esp(wire, 0x1000 + n))
    peer.sock.close()


def last_esp(wire, spi):
    for frame in reversed(wire.frames()):
        ip = lib.frame_ip(frame)
        if ip and ip.proto == lib.ESP and \
                struct.unpack(">I", ip.payload[:4])[0] == spi:
            return ip.payload
    return None


def replay_from_guest(a, d, wire):
    """A packet of the kernel's comes a second time: secd's own counter."""
    frame = last_esp(wire, 0x2000)
    s = a.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    src, dst = OUTER[4][1], OUTER[4][0]
    before = d.drops("sec0")
    s.sendto(esp.ip_packet(src, dst, lib.ESP, frame), (dst, 0))
    s.close()
    lib.until(lambda: d.drops("sec0") != before, "a drop")
    same(d.drops("sec0"), {"replay": 1}, "secd refuses a replayed packet of "
        "the kernel's, by name")


class Tunnel:
    """Both halves of one, with new keys."""

    def __init__(self, n, outer, suite, is_esn, last, udp):
        self.n, self.ends, self.suite = n, OUTER[outer], suite
        self.keys = [peer.new_key(suite) for _ in (0, 1)]
        self.guest = n, self.ends, suite, self.keys, is_esn, last, udp
        self.udp = udp
        self.extra = ("esn " if is_esn else "") + "seq %d" % last

    def sas(self):
        """Its SAs in secd's words."""
        return [daemon.sa_words("sec%d" % self.n, way, spi + self.n, *ends,
            peer.words(self.suite), '"%s"' % daemon.key_file("%s%d" % (way,
            self.n), key), self.extra) for way, spi, ends, key in (
            ("out", 0x1000, self.ends, self.keys[0]),
            ("in", 0x2000, self.ends[::-1], self.keys[1]))]

    def conf(self, with_sas):
        sas = [w.replace("sec%d" % self.n, "sa", 1) for w in self.sas()]
        return "interface sec%d { local %s peer %s\n inet 10.9.%d.1/30 " \
            "10.9.%d.2; inet6 fd09:%d::1/126 fd09:%d::2\n%s\n%s }\n" % (
            self.n, *self.ends, *[self.n] * 4,
            "encap udp" if self.udp else "",
            "\n".join(sas) if with_sas else "")


def main():
    a = lib.Ns("a")
    guest = uml.Guest(a)
    a.run("ip addr add %s/24 dev tap0" % OUTER[4][0])
    a.run("ip addr add %s/64 dev tap0 nodad" % OUTER[6][0])
    guest.sh("ip link set lo up && ip addr add %s/24 dev vec0 && ip addr add "
        "%s/64 dev vec0 nodad && ip link set vec0 up" % (OUTER[4][1],
        OUTER[6][1]))
    same(lib.ping(a, OUTER[4][0], OUTER[4][1], 1), 1, "the guest is there")
    same(lib.ping(a, OUTER[6][0], OUTER[6][1], 1), 1, "by IPv6 too")
    guest.receive_udp()
    slow = [Tunnel(n, outer, ("aes-%d-gcm" % bits, None), is_esn, last, False)
        for n, outer, bits, is_esn, last in CASES]
    quick = [Tunnel(*c[:4], 0, c[4]) for c in SUITES]
    guest.tunnels([t.guest for t in slow] + [t.guest + (False,)
        for t in quick])
    d = daemon.Secd(a, "".join(t.conf(False) for t in slow) +
        "".join(t.conf(True) for t in quick)).start()
    for t in slow:
        for words in t.sas():
            d.must("add sa " + words.replace('"', ""))
    wire = lib.Capture(a, uml.TAP)
    for case in CASES:
        check_case(a, d, guest, case, wire)
    replay_from_guest(a, d, wire)
    quick_cases(a, d, guest)
    same(guest.xfrm_stat(), {"XfrmInStateSeqError": len(CASES)},
        "the kernel has no other complaint")


lib.run(main)
