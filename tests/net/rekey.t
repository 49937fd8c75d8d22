#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Rekeying loses nothing: Debian's iked on both sides, a numbered flow of 2,000
# packets/s each way, and rekeys started from each side in turn by a soft
# EXPIRE.  Not one packet is lost, none comes twice.  Then again while the disk
# under both ledgers takes 50 ms longer for each fdatasync.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         10.9.0.2 on sec0
#    iked, secd  |                                |  secd, iked
#         eth0 192.0.2.1 ------------------ 192.0.2.2 eth0

import os
import socket
import struct
import threading
import time

import daemon
import ike
import lib
from lib import ok, same

OUTER = ("192.0.2.1", "192.0.2.2")
INNER = ("10.9.0.1", "10.9.0.2")
RATE = 2000			# packets/s each way
BURST = 4			# at once, every 2 ms
REKEYS = int(os.environ.get("REKEYS", "10"))	# started from each side


class Flow:
    """Numbered datagrams from one namespace to another until stop()."""

    def __init__(self, a, src, b, dst):
        self.rx = lib.udp(b, dst)
        self.tx = lib.udp(a, src)
        self.to = self.rx.getsockname()[:2]
        self.sent, self.late = 0, 0
        self.count = {}
        self.running = True
        self.threads = [threading.Thread(target=f, daemon=True)
            for f in (self._send, self._receive)]
        for t in self.threads:
            t.start()

    def _send(self):
        step = BURST / RATE
        at = time.monotonic()
        while self.running:
            for _ in range(BURST):
                self.tx.sendto(struct.pack(">Q", self.sent) + b"x" * 92,
                    self.to)
                self.sent += 1
            at += step
            now = time.monotonic()
            if at > now:
                time.sleep(at - now)
            else:
                at = max(at, now - 0.05)	# catch up, but not by much

    def _receive(self):
        self.rx.settimeout(1.0)
        while True:
            try:
                n = struct.unpack(">Q", self.rx.recv(200)[:8])[0]
            except socket.timeout:
                if not self.running:
                    return
                continue
            self.count[n] = self.count.get(n, 0) + 1

    def stop(self):
        self.running = False
        for t in self.threads:
            t.join()
        self.tx.close()
        self.rx.close()
        lost = [n for n in range(self.sent) if n not in self.count]
        return len(lost), sum(c > 1 for c in self.count.values()), lost[:20]


class Scene:
    def __init__(self, env, tag=""):
        self.a, self.b = lib.Ns("a" + tag), lib.Ns("b" + tag)
        lib.link(self.a, self.b, v4=OUTER)
        self.d = [daemon.Secd(ns, "interface sec0 { local %s peer %s; inet "
            "%s/24 %s }\n" % (OUTER[i], OUTER[1 - i], INNER[i],
            INNER[1 - i])).start("-v", env=env)
            for i, ns in enumerate((self.a, self.b))]
        self.iked = [ike.Iked(ns, self.d[i], ike.iked_conf("x", OUTER[i],
            OUTER[1 - i], i == 0)) for i, ns in enumerate((self.a, self.b))]
        for i in (1, 0):
            self.iked[i].start()
        ike.wait_tunnel(*self.d)

    def close(self):
        for i in (0, 1):
            self.iked[i].stop()
            self.d[i].stop()

    def current(self, side):
        """SPIs in use: of what comes in and what goes out, the newest."""
        rows = [r for r in self.d[side].json("sa")["sas"]
            if r["state"] == "active"]
        ins = [r for r in rows if r["direction"] == "in"]
        outs = [r for r in rows if r["direction"] == "out"]
        return (ins[-1]["spi"] if ins else None,
            outs[-1]["spi"] if outs else None)

    def rekey(self, side):
        """One, started on this side; seconds until both sides send under new
        keys."""
        before = self.current(side), self.current(1 - side)
        started = time.monotonic()
        self.d[side].must("expire soft spi %s dst %s" % (before[0][0],
            OUTER[side]))

        def there():
            now = self.current(side), self.current(1 - side)
            return all(n not in o for was, got in zip(before, now)
                for n, o in zip(got, ((was[0],), (was[1],)))) and \
                now[0][0] == now[1][1] and now[0][1] == now[1][0]
        lib.until(there, "a rekey started by %s" % "ab"[side], 20)
        return time.monotonic() - started


def run(name, env, tag):
    s = Scene(env, tag)
    drops = [d.drops() for d in s.d]
    flows = (Flow(s.a, INNER[0], s.b, INNER[1]),
        Flow(s.b, INNER[1], s.a, INNER[0]))
    began = time.monotonic()
    took = []
    for n in range(REKEYS):
        for side in (0, 1):
            took.append(s.rekey(side))
    # the last deleted ones have drained
    time.sleep(1)
    seconds = time.monotonic() - began
    for f, way in zip(flows, ("a to b", "b to a")):
        lost, twice, which = f.stop()
        ok(f.sent >= RATE * seconds * 0.7, "%s: %s, %d packets in %.0f s" % (
            name, way, f.sent, seconds))
        if not same((lost, twice), (0, 0), "%s: %s: none lost, none twice" % (
                name, way)):
            lib.diag("lost: %s" % which)
    same([d.drops() for d in s.d], drops, name + ": nobody dropped any")
    same([d.stray() for d in s.d], [{}, {}], name + ": none went astray")
    ok(True, "%s: %d rekeys from each side, at most %.1f s each" % (name,
        REKEYS, max(took)))
    s.close()


def main():
    run("disk as it is", None, "")
    hook = os.path.join(lib.tmpdir(), "hook")
    os.mkdir(hook)
    with open(hook + "/delay_ms", "w") as f:
        f.write("50\n")
    run("fdatasync takes 50 ms longer", {"LD_PRELOAD": daemon.HOOK,
        "SECD_HOOK_DIR": hook}, "2")


lib.run(main)
