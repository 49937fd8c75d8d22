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
# suite, ESN, in UDP; N goes on, outer versions alternate
SUITES = [(s, esn, False) for s in peer.SUITES if "gcm" not in s[0]
    for esn in (False, True)]
SUITES += [(("aes-256", "hmac-sha2-256"), False, True),
    (("aes-128", "hmac-sha1"), True, True), (("aes-256-gcm", None), True, True)]
SUITES = [(len(CASES) + i, (4, 6)[(i // 2 + i) % 2]) + s
    for i, s in enumerate(SUITES)]


def guest_packets(guest, n):
    """Packets of each of the case's two states, by SPI."""
    found, spi = {}, None
    for line in guest.sh("ip -s xfrm state list").splitlines():
        if "proto esp spi" in line:
            spi = int(line.split("spi ")[1].split("(")[0], 16)
        elif "(packets)" in line and "limit" not in line:
            found[spi] = int(line.split(",")[1].split("(")[0])
    return {k: v for k, v in found.items() if k & 0xfff == n}


def check_case(a, d, guest, case, wire):
    n, outer, bits, is_esn, last = case
    name = "IPv%d outside, %d bits%s%s" % (outer, bits,
        ", ESN" if is_esn else "", " across 2^32" if last else "")
    before = guest_packets(guest, n)
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
    after = guest_packets(guest, n)
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


def quick_case(a, d, guest, case):
    """One echo request from each side."""
    n, outer, suite, is_esn, udp = case
    name = "IPv%d outside, %s%s%s" % (outer, peer.words(suite),
        ", ESN" if is_esn else "", ", UDP" if udp else "")
    here, there = ("10.9.%d.%d" % (n, i) for i in (1, 2))
    answers = lib.ping(a, here, there), guest.sh("ping -n -q -c 1 -W 3 -I "
        "%s %s" % (there, here), check=False).count(" 1 received")
    sas = d.sas("sec%d" % n)
    same((answers, [sas[way, spi + n]["packets"] for way, spi in (
        ("out", 0x1000), ("in", 0x2000))]), ((1, 1), [2, 2]), name)


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


def conf(n, outer, _suite, _esn, _last, udp):
    return "interface sec%d { local %s peer %s\n inet 10.9.%d.1/30 " \
        "10.9.%d.2; inet6 fd09:%d::1/126 fd09:%d::2\n%s }\n" % (n,
        *OUTER[outer], n, n, n, n, "encap udp" if udp else "")


def add_tunnel(d, guest, n, outer, suite, is_esn, last, udp):
    keys = [peer.new_key(suite) for _ in (0, 1)]
    guest.tunnel(n, OUTER[outer], suite, keys, is_esn, last, udp)
    extra = ("esn " if is_esn else "") + "seq %d" % last
    for way, spi, ends, key in (("out", 0x1000 + n, OUTER[outer], keys[0]),
            ("in", 0x2000 + n, OUTER[outer][::-1], keys[1])):
        d.must("add sa " + daemon.sa_words("sec%d" % n, way, spi, *ends,
            peer.words(suite), daemon.key_file("key", key), extra))


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
    all_cases = [(n, outer, ("aes-%d-gcm" % bits, None), is_esn, last, False)
        for n, outer, bits, is_esn, last in CASES]
    all_cases += [c[:4] + (0, c[4]) for c in SUITES]
    d = daemon.Secd(a, "".join(conf(*c) for c in all_cases)).start()
    for case in all_cases:
        add_tunnel(d, guest, *case)
    wire = lib.Capture(a, uml.TAP)
    for case in CASES:
        check_case(a, d, guest, case, wire)
    replay_from_guest(a, d, wire)
    for case in SUITES:
        quick_case(a, d, guest, case)
    same(guest.xfrm_stat(), {"XfrmInStateSeqError": len(CASES)},
        "the kernel has no other complaint")


lib.run(main)
