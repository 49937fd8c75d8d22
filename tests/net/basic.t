#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Two secd carry traffic to each other: IPv4 and IPv6 inside IPv4 and IPv6, each
# key size, extended numbers, small, jumbo and fragmented packets, TCP; and both
# ends count every packet.
#
#       namespace a                              namespace b
#   10.0.N.1, fd0N::1 on secN           secN with 10.0.N.2, fd0N::2
#        secd  |                                 |  secd
#         eth0 192.0.2.1 ---- 1500 octets ---- 192.0.2.2 eth0
#              2001:db8::1                    2001:db8::2

import daemon
import esp
import lib
from lib import ok, same

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}

# N, outer version, key bits, words of the SA, mtu
TUNNELS = (
    (0, 4, 128, "", 1280),
    (1, 6, 256, "", 1280),
    (2, 4, 192, "esn", 1400),
    (3, 6, 128, "esn replay 64", 1400),
    (4, 4, 256, "replay 0", 9000),
    (5, 6, 192, "replay 65536", 32768),
)


def conf(side, keys):
    """secd.conf of side 0 (a) or 1 (b); keys are those towards b and a."""
    text = ""
    for n, outer, bits, extra, mtu in TUNNELS:
        here, there = OUTER[outer][side], OUTER[outer][1 - side]
        text += "interface sec%d {\n" % n
        text += "    local %s peer %s; mtu %d\n" % (here, there, mtu)
        text += "    inet 10.0.%d.%d/24\n" % (n, side + 1)
        text += "    inet6 fd%02d::%d/64\n" % (n, side + 1)
        for to in (0, 1):
            out = to != side
            text += "    sa %s spi 0x%x src %s dst %s enc aes-%d-gcm " \
                "key file \"%s\" %s\n" % ("out" if out else "in",
                0x1000 * (to + 1) + n, OUTER[outer][1 - to], OUTER[outer][to],
                bits, keys[n][to], extra if not out or "esn" not in extra
                else "esn")
        text += "}\n"
    return text


def counters(d):
    """Packets in and out of each interface, of each SA, and all drops."""
    found = {}
    for row in d.json("interfaces")["interfaces"]:
        found[row["name"], "in"] = row["in"]["packets"]
        found[row["name"], "out"] = row["out"]["packets"]
        found[row["name"], "drops"] = daemon.nonzero(row["drops"])
    for row in d.json("sa")["sas"]:
        found["sa", int(row["spi"], 0)] = row["packets"]
    found["stray"] = d.stray()
    return found


def bad(d):
    """All drops of a daemon, by interface."""
    return {k: v for k, v in counters(d).items()
        if (k[-1] == "drops" or k == "stray") and v}


def delta(before, after):
    return {k: after[k] - before[k] for k in after
        if isinstance(after[k], int) and after[k] != before[k]}


def check_one(a, b, da, db, n, mtu):
    """n's tunnel: pings each way, and a flow with all counters exact."""
    v4, v6 = ("10.0.%d.1" % n, "10.0.%d.2" % n), \
        ("fd%02d::1" % n, "fd%02d::2" % n)
    for near, far in (v4, v6):
        same(lib.ping(a, near, far, 3), 3, "sec%d: ping %s" % (n, far))
        same(lib.ping(b, far, near, 3), 3, "sec%d: ping %s" % (n, near))
        same(lib.ping(a, near, far, 2, mtu - (48 if ":" in far else 28)), 2,
            "sec%d: ping %s with the largest packet" % (n, far))
    was = counters(da), counters(db)
    same(lib.udp_flow(a, v4[0], b, v4[1], 40), 40, "sec%d: UDP, a to b" % n)
    same(lib.udp_flow(b, v6[1], a, v6[0], 30), 30, "sec%d: UDP6, b to a" % n)
    now = counters(da), counters(db)
    name = "sec%d" % n
    same(delta(was[0], now[0]), {(name, "out"): 40, (name, "in"): 30,
        ("sa", 0x2000 + n): 40, ("sa", 0x1000 + n): 30},
        "sec%d: a counted each packet, once, and nothing else" % n)
    same(delta(was[1], now[1]), {(name, "in"): 40, (name, "out"): 30,
        ("sa", 0x2000 + n): 40, ("sa", 0x1000 + n): 30},
        "sec%d: b counted each packet, once, and nothing else" % n)


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER[4], v6=OUTER[6])
    keys = {}
    for n, _outer, bits, _extra, _mtu in TUNNELS:
        keys[n] = [daemon.key_file("k%d-%d" % (n, to), esp.new_key(bits))
            for to in (0, 1)]
    wire = lib.Capture(a, snap=256)
    da = daemon.Secd(a, conf(0, keys)).start()
    db = daemon.Secd(b, conf(1, keys)).start()
    for n, _outer, _bits, _extra, mtu in TUNNELS:
        ok(daemon.carrier(a, "sec%d" % n), "sec%d has a carrier" % n)
        same(daemon.addresses(a, "sec%d" % n), ["10.0.%d.1" % n,
            "fd%02d::1" % n], "sec%d has its addresses" % n)
        same(daemon.device(a, "sec%d" % n)["mtu"], mtu, "sec%d: mtu" % n)
        check_one(a, b, da, db, n, mtu)
    # fragments and their reassembly were at work
    frames = wire.stop()
    same(wire.lost, 0, "the capture is whole")
    outer = [ip for ip in map(lib.frame_ip, frames) if ip]
    for version, n in ((4, 4), (6, 5)):
        ok(any(ip.version == version and ip.proto == lib.ESP and ip.frag > 0
            for ip in outer), "sec%d: IPv%d fragments outside" % (n, version))
    lib.none(lib.cleartext(frames, OUTER[4] + OUTER[6]),
        "nothing but ESP outside")
    for d in (da, db):
        same(bad(d), {}, "%s dropped nothing in all this" % d.tag)
    for near, far in (("10.0.0.1", "10.0.0.2"), ("fd01::2", "fd01::1"),
            ("10.0.4.1", "10.0.4.2")):
        ends = (a, b) if near.endswith("1") else (b, a)
        good, took = lib.tcp_transfer(ends[0], near, ends[1], far, 4 << 20)
        ok(good, "4 MB by TCP from %s to %s (%.2f s)" % (near, far, took))
    for d in (da, db):
        # TCP finds the end of the tun device's queue by filling it
        same({k: v for k, v in bad(d).items() if set(v) != {"queue-full"}}, {},
            "%s dropped nothing of that but what TCP expects" % d.tag)
        same(d.stop(), 0, "%s stops with exit 0" % d.tag)
        ok(daemon.device(d.ns) is not None, "%s: sec0 stays" % d.tag)


lib.run(main)
