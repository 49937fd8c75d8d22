#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Every suite, with and without ESN, IPv4 and IPv6 outside, as raw ESP and in
# UDP 4500, both ways, against peer.py: 128 tunnels.  secd seals what the peer
# opens, and opens what the peer sealed; both count one packet each way.  With
# ESN the numbers begin 2 below 2^32 and cross it.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0: IPv4, raw              peer.py, as 10.9.N.2
#   10.9.1.1 on sec1: IPv4, UDP
#   10.9.2.1 on sec2: IPv6, raw
#   10.9.3.1 on sec3: IPv6, UDP
#        secd  |                                  |
#         eth0 192.0.2.1 ------------------ 192.0.2.2 eth0
#              2001:db8::1               2001:db8::2

import os
import socket

import daemon
import esp
import lib
import peer
from lib import same

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
# unit, outer version, in UDP
PATHS = ((0, 4, False), (1, 4, True), (2, 6, False), (3, 6, True))
PORT = 4711


def conf():
    return "".join("interface sec%d { local %s peer %s; inet 10.9.%d.1/24\n"
        "    link state admin; %s }\n" % (unit, *OUTER[version], unit,
        "encap udp" if udp else "encap none") for unit, version, udp in PATHS)


class Path:
    """A tunnel of secd's and the peer's socket for it."""

    def __init__(self, a, b, d, unit, version, udp):
        self.a, self.d, self.unit = a, d, unit
        self.ends = OUTER[version]
        self.name = "IPv%d, %s" % (version, "UDP" if udp else "raw")
        kind = peer.UdpPeer if udp else esp.RawPeer
        self.wire = kind(b, *self.ends[::-1])
        self.here, self.there = ("10.9.%d.%d" % (unit, i) for i in (1, 2))
        self.tx = lib.udp(a, self.here)
        self.rx = lib.udp(a, self.here, PORT)
        self.rx.settimeout(2)
        for s in (self.tx, self.rx):
            lib.defer(s.close)

    def add(self, way, spi, suite, key, esn, last):
        ends = self.ends if way == "out" else self.ends[::-1]
        self.d.must("add sa " + daemon.sa_words("sec%d" % self.unit, way,
            spi, *ends, peer.words(suite), daemon.key_file("key", key),
            ("esn " if esn else "") + "seq %d" % last))

    def outward(self, sa, last):
        """secd seals: what the peer made of it."""
        data = os.urandom(61)
        self.tx.sendto(data, (self.there, PORT))
        seq, inner = sa.open(self.wire.recv(), (last + 1) >> 32)
        return seq == last + 1 and inner[28:] == data and \
            inner[12:20] == socket.inet_aton(self.here) + \
            socket.inet_aton(self.there)

    def inward(self, sa):
        data = os.urandom(67)
        self.wire.send(sa.seal(esp.udp_packet(self.there, PORT, self.here,
            PORT, data)))
        try:
            return self.rx.recv(65535) == data
        except socket.timeout:
            return False

    def case(self, n, suite, esn):
        name = "%s, %s%s" % (self.name, peer.words(suite),
            ", ESN" if esn else "")
        spi, last = 0x1000 + n, 2 ** 32 - 2 if esn else 0
        keys = [peer.new_key(suite) for _ in (0, 1)]
        self.add("out", spi, suite, keys[0], esn, last)
        self.add("in", spi, suite, keys[1], esn, last)
        out, into = (peer.Sa(spi, suite, k, esn, last) for k in keys)
        times = 3 if esn else 1		# 2^32 - 1, 2^32, 2^32 + 1
        got = []
        for i in range(times):
            got.append(self.outward(out, last + i))
            got.append(self.inward(into))
        rows = self.d.sas("sec%d" % self.unit)
        counts = [rows[way, spi]["packets"] for way in ("out", "in")]
        same((got, counts, self.wire.drain()), ([True] * 2 * times,
            [times] * 2, []), name)
        self.d.must("flush sa sec%d" % self.unit)


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER[4], v6=OUTER[6])
    d = daemon.Secd(a, conf()).start()
    paths = [Path(a, b, d, *p) for p in PATHS]
    for path in paths:
        n = 0
        for suite in peer.SUITES:
            for esn in (False, True):
                path.case(n, suite, esn)
                n += 1
        same(d.drops("sec%d" % path.unit), {}, path.name +
            ": nothing dropped")
    same(d.stray(), {}, "no packet went astray")


lib.run(main)
