#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Packets that come before their SA has its keys: in a rekey the peer may send
# under an SPI that GETSPI has named while UPDATE is still on its way.  They are
# kept, a few, and delivered when the SA works; without it they are counted.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         sealed by hand
#        secd  |  <- the client                   |
#         eth0 192.0.2.1 ------------------ 192.0.2.2 eth0

import socket

import daemon
import esp
import lib
import pfkey
from lib import same

A, B = "192.0.2.1", "192.0.2.2"
INSIDE = ("10.9.0.1", "10.9.0.2")
PORT = 4712
HELD_MAX = 256			# of secd/data/data.h


def packets(sealer, first, n, size=8):
    return [sealer.seal(esp.udp_packet(INSIDE[1], 1, INSIDE[0], PORT,
        b"%08d" % i + bytes(size - 8))) for i in range(first, first + n)]


def received(rx):
    """Numbers of the packets that came, in order."""
    got = []
    try:
        while True:
            got.append(int(rx.recv(65535)[:8]))
    except socket.timeout:
        return got


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    d = daemon.Secd(a, "interface sec0 { local %s peer %s; link state admin; "
        "inet %s/24 }\n" % (A, B, INSIDE[0])).start()
    c = pfkey.Client(d, name="early")
    c.begin()
    peer = esp.RawPeer(b, B, A)
    rx = lib.udp(a, INSIDE[0], PORT)
    rx.settimeout(0.5)
    lib.defer(rx.close)

    def larval():
        suite = pfkey.Suite("aes-256-gcm")
        spi = c.getspi(B, A).spi()
        return spi, suite, esp.Esp(spi, suite.key)

    spi, suite, sealer = larval()
    other, _, stranger = larval()
    for p in packets(sealer, 0, 20) + packets(stranger, 0, 10):
        peer.send(p)
    same(received(rx), [], "without keys nothing is delivered")
    same(d.stray(), {}, "nor counted as lost")
    same(c.update(spi, B, A, suite).errno, 0, "the keys come")
    same(received(rx), list(range(20)), "what came before is delivered, in "
        "order")
    for p in packets(sealer, 20, 5):
        peer.send(p)
    same(received(rx), list(range(20, 25)), "and what comes after")
    row = d.sa("in", spi)
    same((row["packets"], row["seq"]), (25, 25), "each is counted, once")
    same(d.stray(), {}, "those of another SPI still wait")
    same(c.delete(other, B, A).errno, 0, "which is given up")
    lib.until(lambda: d.stray() == {"no-sa": 10}, "10 packets without SA")
    # no more than there is room for, and none too large
    spi, suite, sealer = larval()
    for p in packets(sealer, 0, HELD_MAX + 30):
        peer.send(p)
    lib.until(lambda: d.stray() == {"no-sa": 40}, "30 more for want of room")
    c.update(spi, B, A, suite)
    same(received(rx), list(range(HELD_MAX)), "%d are kept" % HELD_MAX)
    spi, suite, sealer = larval()
    peer.send(packets(sealer, 7, 1, 2048)[0])
    lib.until(lambda: d.stray() == {"no-sa": 41}, "a large one is not kept")
    # keys that are refused end nothing: the SPI waits for others
    peer.send(packets(sealer, 8, 1)[0])
    bad = pfkey.Suite("aes-256-gcm")
    same(c.update(spi, B, A, bad, unit=(7, 1)).errno != 0, True,
        "an UPDATE that is refused")
    same(c.update(spi, B, A, suite).errno, 0, "and one that is not")
    same(received(rx), [8], "the packet has waited")
    same(d.drops(), {}, "nothing was dropped by an SA")
    same(d.stop(), 0, "secd stops")


lib.run(main)
