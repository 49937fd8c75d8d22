#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Every suite, with and without ESN, IPv4 and IPv6 outside, as raw ESP and in
# UDP 4500, both ways, against peer.py: 128 tunnels, all in one secd.conf, each
# with an interface.  secd seals what the peer opens, and opens what the peer
# sealed; both count one packet each way.  With ESN the numbers begin 2 below
# 2^32, and three packets each way cross it.
#
#        namespace a                              namespace b
#   10.9.N.1 on secN, N = 0 to 127           peer.py, as 10.9.N.2
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
PORT = 4711
LAST = 2 ** 32 - 2		# the last number used before, with ESN


class Case:
    """Tunnel n."""

    def __init__(self, n, version, udp, suite, esn):
        self.n, self.udp, self.suite, self.esn = n, udp, suite, esn
        self.version = version
        self.ends = OUTER[version]
        self.here, self.there = ("10.9.%d.%d" % (n, i) for i in (1, 2))
        self.last = LAST if esn else 0
        self.times = 3 if esn else 1
        self.spi = 0x1000 + n
        self.keys = [peer.new_key(suite) for _ in (0, 1)]
        self.name = "IPv%d, %s, %s%s" % (version, "UDP" if udp else "raw",
            peer.words(suite), ", ESN" if esn else "")

    def conf(self):
        lines = ["interface sec%d {" % self.n, "local %s peer %s" % self.ends,
            "inet %s/24" % self.here, "link state admin"]
        if self.udp:
            lines.append("encap udp")
        for way, ends, key in (("out", self.ends, self.keys[0]),
                ("in", self.ends[::-1], self.keys[1])):
            path = daemon.key_file("%s%d" % (way, self.n), key)
            lines.append("sa %s spi 0x%x src %s dst %s enc %s key file \"%s\""
                "%s" % (way, self.spi, *ends, peer.words(self.suite), path,
                " esn seq %d" % LAST if self.esn else ""))
        return "\n".join(lines + ["}\n"])

    def outward(self, sa, wire, tx, i):
        """secd seals: is it what was sent?"""
        data = os.urandom(61)
        tx.sendto(data, (self.there, PORT))
        number = self.last + 1 + i
        seq, inner = sa.open(wire.recv(), number >> 32)
        return seq == number and inner[28:] == data and inner[12:20] == \
            socket.inet_aton(self.here) + socket.inet_aton(self.there)

    def inward(self, sa, wire, rx):
        data = os.urandom(67)
        wire.send(sa.seal(esp.udp_packet(self.there, PORT, self.here, PORT,
            data)))
        try:
            return rx.recv(65535) == data
        except socket.timeout:
            return False

    def run(self, a, wire):
        """What failed, by direction and number."""
        out, into = (peer.Sa(self.spi, self.suite, k, self.esn, self.last)
            for k in self.keys)
        bad = []
        with lib.udp(a, self.here, PORT) as s:
            s.settimeout(2)
            for i in range(self.times):
                try:
                    if not self.outward(out, wire, s, i):
                        bad.append("out %d: other octets" % i)
                except Exception as e:	# each way a packet can be wrong
                    bad.append("out %d: %r" % (i, e))
                if not self.inward(into, wire, s):
                    bad.append("in %d: nothing came" % i)
        return bad


def all_cases():
    n = 0
    for version in (4, 6):
        for udp in (False, True):
            for suite in peer.SUITES:
                for esn in (False, True):
                    yield Case(n, version, udp, suite, esn)
                    n += 1


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER[4], v6=OUTER[6])
    cases = list(all_cases())
    d = daemon.Secd(a, "".join(c.conf() for c in cases)).start()
    wires = {(version, udp): (peer.UdpPeer if udp else esp.RawPeer)(b,
        *OUTER[version][::-1]) for version in (4, 6) for udp in (False, True)}
    for n in (0, len(cases) - 1):
        daemon.settle(a, "sec%d" % n)
    results = [c.run(a, wires[c.version, c.udp]) for c in cases]
    rows = d.sas()
    for c, bad in zip(cases, results):
        counts = [rows[way, c.spi]["packets"] for way in ("out", "in")]
        same((bad, counts), ([], [c.times] * 2), c.name)
    for path, wire in wires.items():
        same(wire.drain(), [], "no packet came unasked for: IPv%d, UDP %s" %
            path)
    same({k: daemon.nonzero(r["drops"]) for k, r in rows.items()
        if daemon.nonzero(r["drops"])}, {}, "nothing dropped")
    same(d.stray(), {}, "no packet went astray")


lib.run(main)
