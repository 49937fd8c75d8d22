#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# `ikectl decouple' and `couple' take the SAs away and bring the very same ones
# back: SPIs, keys and all.  Traffic flows again, and no sequence number leaves
# twice under a key.  Then the same done by a client with AES-GCM, where a
# number that leaves twice would be the end of the key.
#
# The topology is that of gateways.py.

import daemon
import gateways
import ike
import lib
import pfkey
from gateways import INNER, OUTER
from lib import ok, same

def numbers(frames):
    """(SPI, number) of each ESP packet that was seen."""
    return [(spi, seq) for _, _, spi, seq in lib.esp_packets(frames)]

def with_iked():
    g = gateways.Gateways(supervised=False)
    same(lib.ping(g.ns[0], *INNER, 20, timeout=1), 20, "the tunnel is up")
    spis = {r["spi"] for r in ike.usable(g.d[0])}
    for turn in (1, 2):
        g.iked[0].ctl("decouple")
        lib.until(lambda: not g.d[0].json("sa")["sas"], "the SAs to go")
        same(lib.ping(g.ns[0], *INNER, 2, timeout=0.2), 0, "decoupled: "
            "nothing passes")
        g.iked[0].ctl("couple")
        ike.wait_tunnel(g.d[0])
        same({r["spi"] for r in ike.usable(g.d[0])}, spis,
            "coupled: the same SPIs, in and out where they were")
        same(lib.ping(g.ns[0], *INNER, 20, timeout=1), 20, "traffic flows "
            "again, %d" % turn)
    seen = numbers(g.wire.stop())
    same(g.wire.lost, 0, "the capture is whole")
    ok(len(seen) >= 120, "%d ESP packets" % len(seen))
    same(len(seen) - len(set(seen)), 0, "no (key, sequence number) left twice")
    g.close()

def with_gcm():
    a, b = lib.Ns("c"), lib.Ns("d")
    lib.link(a, b, v4=OUTER)
    d = daemon.Secd(a, "interface sec0 { local %s peer %s; link state admin; "
        "inet %s/24 }\n" % (*OUTER, INNER[0])).start()
    nonces = daemon.Nonces(a)
    suite = pfkey.Suite("aes-256-gcm")
    c = pfkey.Client(d, name="gcm")
    c.register()
    for turn in range(4):
        # under its own SPI, and under another
        spi = 0x2001 + turn // 3
        nonces.spi(spi, "the key")
        same(c.add(spi, *OUTER, suite).errno, 0,
            "AES-GCM: added, turn %d" % (turn + 1))
        lib.until(lambda: d.sas().get(("out", spi), {}).get("state") ==
            "active", "the SA to become current")
        count = len(nonces.sent("the key"))
        daemon.flood(a, INNER[0], INNER[1], 60)
        lib.until(lambda: len(nonces.sent("the key")) >= count + 60,
            "60 packets")
        same(c.delete(spi, *OUTER).errno, 0, "deleted")
    nonces.check("AES-GCM", 4 * 60)
    d.stop()

def main():
    with_iked()
    with_gcm()

lib.run(main)
