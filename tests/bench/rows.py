# SPDX-License-Identifier: ISC
"""
What is compared: each row is a way to carry packets between two network
namespaces of its own, the same addresses in all of them.

     left                                          right
     10.9.0.1 inner                                10.9.0.2 inner
     192.0.2.1 eth0  ---------- veth ----------    192.0.2.2 eth0

Here are the bare link and secd; peers.py has the other programs.  up() brings a
row up and proves that it is what it says: marked datagrams that arrive have
been seen on the link as ESP or UDP, and the mark has not.
"""
import os
import shutil
import signal
import subprocess

import daemon
import lib

OUTER = ("192.0.2.1", "192.0.2.2")
INNER = ("10.9.0.1", "10.9.0.2")
MTU = 1400
MARK = b"nobody shall read this outside, "
ESP, UDP = 50, 17
NULL = os.path.join(daemon.ROOT, "tests/bench/secd_null")


class Row:
    """One way to carry packets.  name is for the command line, wire the
    protocol on the link, readable whether the mark shows there."""

    name = title = ""
    wire = UDP
    readable = False
    tunnel = True			# there is a daemon at each end
    outer_mtu = 1500
    dev = None				# name of the inner device

    def __init__(self):
        self.ns = ()
        self.inner = INNER

    def up(self):
        self.ns = tuple(lib.Ns("%s-%s" % (self.name, side))
            for side in ("l", "r"))
        lib.link(*self.ns, v4=OUTER, mtu=self.outer_mtu)
        self.start()
        self.prove()

    def start(self):
        """Make the tunnel."""
        raise NotImplementedError

    def down(self):
        """End the daemons; the namespaces go with the program."""

    def pids(self, side):
        """The processes of the daemon at the left (0) or right (1) end."""
        return []

    def both(self):
        return self.pids(0) + self.pids(1)

    def version(self):
        """What is measured, for the report."""
        return ""

    def prove(self):
        """Datagrams both ways, and what they looked like outside."""
        lib.until(lambda: lib.ping(self.ns[0], *self.inner, timeout=0.5) == 1,
            self.name + " to answer an echo request", 15)
        wire = lib.Capture(self.ns[0])
        n = 20
        for a, b in ((0, 1), (1, 0)):
            if self._marked(a, b, n) != n:
                raise lib.Failure("%s loses datagrams" % self.name)
        frames = wire.stop()
        kinds = [lib.frame_ip(f) for f in frames]
        there = sum(1 for ip in kinds if ip is not None and
            ip.proto == self.wire and ip.src in OUTER and ip.dst in OUTER)
        seen = sum(1 for f in frames if MARK in f)
        if there < 2 * n and self.wire:
            raise lib.Failure("%s: %d datagrams, %d packets of protocol %d "
                "outside" % (self.name, 2 * n, there, self.wire))
        if bool(seen) != self.readable:
            raise lib.Failure("%s: the mark was seen in %d packets outside" %
                (self.name, seen))

    def _marked(self, a, b, n):
        """Send n marked datagrams, one at a time; how many came."""
        tx = lib.udp(self.ns[a], self.inner[a])
        rx = lib.udp(self.ns[b], self.inner[b])
        rx.settimeout(2)
        came = 0
        with tx, rx:
            for _ in range(n):
                tx.sendto(MARK * 4, rx.getsockname())
                try:
                    came += rx.recv(4096) == MARK * 4
                except OSError:
                    pass
        return came


# --- the bare link ---

class Plain(Row):
    """veth as it comes: a TCP segment of 64 KB goes through in one piece."""
    name, title = "plain", "veth, no tunnel"
    wire, readable, tunnel = UDP, True, False
    outer_mtu = MTU
    dev = "eth0"

    def start(self):
        self.inner = OUTER


class PlainNoOffload(Plain):
    """One packet at a time: the ceiling for what has no offload outside."""
    name, title = "plain-packets", "veth, no tunnel, no offloads"

    def start(self):
        super().start()
        for ns in self.ns:
            ns.run("ethtool -K eth0 tso off gso off gro off "
                "tx-udp-segmentation off")


# --- secd ---

class Daemon(daemon.Secd):
    """secd of this tree, or another program in its place."""

    def __init__(self, ns, conf, tag, program):
        super().__init__(ns, conf, tag)
        self.program = os.path.join(self.dir, "secd")
        shutil.copyfile(program, self.program)
        os.chmod(self.program, 0o755)

    def launch(self, *args, env=None):
        full = {"PATH": os.environ["PATH"]}
        full.update(env or {})
        with open(self.log, "a") as log:
            self.process = self.ns.popen([self.program, "-d", *args, "-f",
                self.conf, "-r", self.run], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=full)
        return self

    def end(self):
        if self.process is not None:
            lib.end(self.process, signal.SIGTERM)


class Secd(Row):
    """backend, encap and output are words of secd.conf(5)."""

    backend, encap, output = "libcrypto", "", ""
    program = os.path.join(daemon.ROOT, "secd/secd")
    older = False			# a secd without the word "crypto"
    wire = ESP
    dev = "sec0"
    more = ""				# further lines of the interface

    def __init__(self):
        super().__init__()
        self.secd = []
        self.child = {}

    def conf(self, side):
        way = ("out", "in") if side == 0 else ("in", "out")
        text = ""
        if not self.older or self.backend != "libcrypto":
            text = "crypto backend %s\n" % self.backend
        lines = ["local %s peer %s" % (OUTER[side], OUTER[1 - side]),
            "inet %s/24 %s" % (INNER[side], INNER[1 - side]), "mtu %d" % MTU]
        # raw without a port 4500 to share, which would be looked at
        lines += [w for w in (self.encap or "encap none", self.output,
            self.more) if w]
        for i in (0, 1):
            lines.append("sa %s spi 0x%x src %s dst %s enc aes-256-gcm key "
                'file "%s"' % (way[i], 0x1001 + i, OUTER[i], OUTER[1 - i],
                self.key[i]))
        return text + "interface sec0 {\n\t" + "\n\t".join(lines) + "\n}\n"

    def start(self):
        self.key = [daemon.key_file("%s.%d" % (self.name, i), os.urandom(36))
            for i in (0, 1)]
        self.secd = [Daemon(ns, self.conf(i), "%s-%d" % (self.name, i),
            self.program) for i, ns in enumerate(self.ns)]
        for i, d in enumerate(self.secd):
            d.start()
            self.child[i] = sorted(d.pids().values())
            if len(self.child[i]) != 3:
                raise lib.Failure("%s: secd is not three processes" %
                    self.name)
        for d in self.secd:
            daemon.settle(d.ns, "sec0")

    def prove(self):
        super().prove()
        for d in self.secd:
            for sa in d.json("sa")["sas"]:
                if int(sa["spi"], 0) not in (0x1001, 0x1002):
                    continue
                self.must(sa["packets"] >= 20, "its SA has seen packets")
                self.must(bool(sa["encap"]) == (self.wire == UDP),
                    "its SA is in UDP or not")
            if not self.older:
                self.prove_choices(d)

    def prove_choices(self, d):
        suites = d.json("crypto")["suites"]
        backend = [c["backend"] for c in suites if c["enc"] == "aes-256-gcm"]
        self.must(backend == [self.backend], "the cipher is %s's, but %s" % (
            self.backend, backend))
        # a neighbour that was just found is told of a little later
        lib.until(lambda: d.iface()["output_now"] == (self.output or
            "output raw").split()[1], "%s to have its output: %s" % (
            self.name, d.iface()["output_reason"]), 5)

    def must(self, cond, what):
        if not cond:
            raise lib.Failure("%s: it is not so that %s" % (self.name, what))

    def pids(self, side):
        return self.child[side]

    def down(self):
        for d in self.secd:
            d.end()

    def version(self):
        p = subprocess.run([self.program, "-V"], capture_output=True,
            text=True, check=False)
        return (p.stdout + p.stderr).strip()


def secd_row(name, title, **words):
    """A row of secd that differs from the first in these attributes."""
    kind = type("Secd_" + name.replace("-", "_"), (Secd,), words)
    kind.name, kind.title = name, title
    return kind


IN_UDP = {"encap": "encap udp", "wire": UDP}
PACKET = {"output": "output packet"}
IPSEC_MB = {"backend": "ipsec-mb"}
WITHOUT_CIPHER = {"program": NULL, "readable": True}

OURS = [
    secd_row("secd", "secd"),
    secd_row("secd-mb", "secd, ipsec-mb", **IPSEC_MB),
    secd_row("secd-packet", "secd, packet", **PACKET),
    secd_row("secd-packet-mb", "secd, packet, ipsec-mb", **PACKET,
        **IPSEC_MB),
    secd_row("secd-udp", "secd, UDP", **IN_UDP),
    secd_row("secd-udp-mb", "secd, UDP, ipsec-mb", **IN_UDP, **IPSEC_MB),
]
NULLS = [
    secd_row("null", "secd, no cipher", **WITHOUT_CIPHER),
    secd_row("null-udp", "secd, UDP, no cipher", **IN_UDP,
        **WITHOUT_CIPHER),
]
