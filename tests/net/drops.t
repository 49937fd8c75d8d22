#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Every bad packet moves exactly the counter that names what was wrong with it,
# in the SA, in the interface or among the strays, and never reaches the tun
# device; odd but good ones do reach it.  After each bad packet a good one
# follows as a fence, so nothing has to be waited for.
#
#        namespace a                              namespace b
#   10.9.0.1, fd09::1 on sec0 (IPv4)         ESP by python-cryptography,
#   10.9.1.1, fd09:1::1 on sec1 (IPv6)       over raw sockets
#        secd  |                                  |
#         eth0 192.0.2.1, .11 --------------- 192.0.2.2 eth0
#              2001:db8::1, ::11           2001:db8::2

import os
import socket

import daemon
import esp
import lib
from lib import ok, same

OUTER = (("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2"))
OTHER = ("192.0.2.11", "2001:db8::11")
INNER = ((("10.9.0.1", "10.9.0.2"), ("fd09::1", "fd09::2")),
    (("10.9.1.1", "10.9.1.2"), ("fd09:1::1", "fd09:1::2")))
PORT = 4712
WINDOW = 64
SPI_IN = 0x1001


class Tunnel:
    """One interface of secd's, its inbound SA, and the peer of it."""

    def __init__(self, a, b, d, n):
        self.n, self.d, self.name = n, d, "sec%d" % n
        self.key = esp.new_key(256)
        self.esp = esp.Esp(SPI_IN + n, self.key)
        self.peer = esp.RawPeer(b, *OUTER[n][::-1])
        self.rx = lib.udp(a, INNER[n][0][0], PORT)
        self.rx6 = lib.udp(a, INNER[n][1][0], PORT)
        for s in (self.rx, self.rx6):
            s.settimeout(2)
            lib.defer(s.close)
        d.must("add sa " + daemon.sa_words(self.name, "in", SPI_IN + n,
            *OUTER[n][::-1], "aes-256-gcm", daemon.key_file("k", self.key)))
        self.tun = lib.Capture(a, self.name)

    def inner(self, size=40, v6=False):
        here, there = INNER[self.n][v6]
        return esp.udp_packet(there, PORT, here, PORT, os.urandom(size))

    def counters(self):
        """All that moved since the daemon began, flat."""
        found = {"stray " + k: n for k, n in self.d.stray().items()}
        row = self.d.iface(self.name)
        found.update(daemon.nonzero(row["drops"]))
        found["packets"] = row["in"]["packets"]
        sa = self.d.sa("in", SPI_IN + self.n)
        found["sa packets"] = sa["packets"]
        found.update({"sa " + k: n for k, n in
            daemon.nonzero(sa["drops"]).items()})
        return found

    def delivered(self, v6=False):
        """Send a good packet, and get its payload from the socket."""
        inner = self.inner(v6=v6)
        self.peer.send(self.esp.seal(inner))
        try:
            # what should not have come may lie before it
            while (self.rx6 if v6 else self.rx).recv(65535) != \
                    inner[48 if v6 else 28:]:
                pass
        except socket.timeout:
            return False
        return True

    def check(self, name, packets, want):
        """Send packets; only the counters in want may move, and the tun device
        may see only the fence that follows."""
        name = "IPv%d outside: %s" % (6 if self.n else 4, name)
        before, seen = self.counters(), len(self.tun.frames())
        for p in packets:
            self.peer.send(p)
        if not ok(self.delivered(), name + ": traffic goes on"):
            return
        after = self.counters()
        moved = {k: after[k] - before.get(k, 0) for k in after
            if after[k] != before.get(k, 0)}
        same(moved, {**want, "packets": 1, "sa packets": 1}, name)
        same(len(self.tun.frames()) - seen, 1,
            name + ": none of it at the tun device")


def both(why, n=1):
    return {why: n, "sa " + why: n}


def flip(packet, at):
    octets = bytearray(packet)
    octets[at] ^= 1
    return bytes(octets)


def forgeries(t):
    # a number that the fences do not reach
    good = t.esp.seal(t.inner(), seq=t.esp.seq + WINDOW // 2)
    for what, at in (("a flipped bit of the ICV", -1),
            ("a flipped bit of the ciphertext", 16),
            ("a flipped bit of the IV", 15),
            ("a flipped bit of the number", 5)):
        t.check(what, [flip(good, at)], both("bad-icv"))
    other = esp.Esp(t.esp.spi, esp.new_key(256))
    t.check("a stranger's key", [other.seal(t.inner(), seq=t.esp.seq + 5)],
        both("bad-icv"))
    # were the window moved by it, the fence would be too old
    t.check("a stranger's high number", [other.seal(t.inner(), seq=2 ** 31)],
        both("bad-icv"))
    t.check("a flipped bit of the SPI", [flip(good, 2)], {"stray no-sa": 1})


def replays(t):
    one = t.esp.seal(t.inner(), seq=t.esp.seq + 1)
    t.esp.seq += 1
    t.peer.send(one)
    t.rx.recv(65535)
    t.check("a packet again, and again", [one, one], both("replay", 2))
    late = t.esp.seq + 10
    t.esp.seq = late + WINDOW - 1
    ok(t.delivered(), "IPv%d outside: the window moves" % (6 if t.n else
        4))
    t.check("numbers left of the window", [t.esp.seal(t.inner(), seq=late),
        t.esp.seal(t.inner(), seq=1)], both("too-old", 2))
    t.check("number 0", [t.esp.seal(t.inner(), seq=0)], both("seq-zero"))


def authentic_nonsense(t):
    """Made by who has the key; each takes a number of its own."""
    inner, inner6 = t.inner(), t.inner(v6=True)

    def raw(plain):
        t.esp.seq += 1
        return t.esp.seal_raw(plain, t.esp.seq)

    t.check("a dummy", [t.esp.seal(os.urandom(64), nh=esp.DUMMY)],
        both("dummy"))
    t.check("a dummy without payload", [raw(b"\1\2\2" + bytes([esp.DUMMY]))],
        both("dummy"))
    t.check("wrong padding", [t.esp.seal(inner, pad=b"\1\3"),
        t.esp.seal(inner, pad=bytes(6))], both("bad-pad", 2))
    t.check("a pad length beyond the payload", [raw(b"\1\2\xff\4"),
        raw(bytes(20) + b"\1\2\x17\4")], both("bad-padlen", 2))
    t.check("next headers that are no tunnel's", [t.esp.seal(inner, nh=6),
        t.esp.seal(inner, nh=0), t.esp.seal(inner, nh=255)],
        both("bad-proto", 3))
    t.check("next headers of the other version", [t.esp.seal(inner, nh=41),
        t.esp.seal(inner6, nh=4)], both("bad-version", 2))
    t.check("less than an inner header", [raw(b"\1\2\2\4"),
        t.esp.seal(inner[:19], nh=4), t.esp.seal(inner6[:39], nh=41)],
        both("inner-short", 3))
    t.check("an inner length beyond the payload", [
        t.esp.seal(inner[:-4], nh=4), t.esp.seal(inner6[:-4], nh=41)],
        both("inner-len", 2))
    t.check("an inner length below its header", [
        t.esp.seal(inner[:2] + b"\0\x13" + inner[4:])], both("inner-len"))


def malformed(t):
    good = t.esp.seal(t.inner())
    t.check("too short for an ICV", [good[:8], good[:33]], both("short", 2))
    t.check("too short for an SPI", [good[:4]], {"stray short": 1})
    t.check("a length that is no multiple of four", [good[:-1], good + b"x"],
        both("bad-length", 2))
    t.check("an unknown SPI", [t.esp.seal(t.inner(), spi=0x9999),
        t.esp.seal(t.inner(), spi=1)], {"stray no-sa": 2})


def elsewhere(t):
    """An SA is found by SPI and destination, so this one is a stranger's."""
    remote, t.peer.remote = t.peer.remote, OTHER[t.n]
    before = t.d.stray().get("no-sa", 0)
    t.peer.send(t.esp.seal(t.inner()))
    t.peer.remote = remote
    ok(t.delivered(), "traffic goes on")
    same(t.d.stray().get("no-sa", 0) - before, 1,
        "IPv%d outside: an SA's SPI at another address of ours" %
        (6 if t.n else 4))


def odd_but_good(t):
    v = 6 if t.n else 4
    small = t.inner(0)
    t.peer.send(t.esp.seal(small, tfc=os.urandom(1400)))
    same(t.rx.recv(65535), b"", "IPv%d outside: TFC padding is cut off" % v)
    same(t.tun.stop()[-1], small, "IPv%d outside: the tun device gets the "
        "inner packet alone" % v)
    inner = t.inner()
    t.peer.send(t.esp.seal(inner, pad=bytes(range(1, 243))))
    same(t.rx.recv(65535), inner[28:], "IPv%d outside: 242 octets of padding"
        % v)
    # the largest of all: 65,535 octets of outer packet, in fragments
    room = 65535 - (0 if t.n else 20)
    inner = t.inner((room - 32) // 4 * 4 - 2 - 28)
    octets = t.esp.seal(inner)
    ok(room - 4 < len(octets) <= room, "as large as can be: %d" % len(octets))
    t.peer.send(octets)
    same(t.rx.recv(65535), inner[28:], "IPv%d outside: an ESP packet of %d "
        "octets" % (v, len(octets)))
    same(t.delivered(v6=True), True, "IPv%d outside: IPv6 inside" % v)


def interface_down(a, t):
    a.run("ip link set %s down" % t.name)
    before = t.counters()
    t.peer.send(t.esp.seal(t.inner()))
    lib.until(lambda: t.counters() != before, "a counter to move")
    after = t.counters()
    same({k: after[k] - before.get(k, 0) for k in after
        if after[k] != before.get(k, 0)}, both("interface-down"),
        "IPv%d outside: the interface is down" % (6 if t.n else 4))
    a.run("ip link set %s up" % t.name)
    ok(t.delivered(), "and up again")


def outbound(a, d, t):
    """Each packet that cannot be sent is counted by its reason too."""
    n, src, dst = t.n, *INNER[t.n][0]
    v = 6 if n else 4

    def send(count, want, name):
        before = d.drops(t.name)
        s = lib.udp(a, src)
        for _ in range(count):
            s.sendto(b"x" * 40, (dst, PORT))
        s.close()
        lib.until(lambda: sum(d.drops(t.name).values()) >=
            sum(before.values()) + count, name)
        after = d.drops(t.name)
        same({k: after[k] - before.get(k, 0) for k in after
            if after[k] != before.get(k, 0)}, want, name)

    send(3, {"no-outbound-sa": 3}, "IPv%d outside: no outbound SA" % v)
    nowhere = "198.51.100.1" if n == 0 else "2001:db8:ffff::1"
    key = daemon.key_file("k", esp.new_key(128))
    d.must("add sa " + daemon.sa_words(t.name, "out", 0x3000 + n, OUTER[n][0],
        nowhere, "aes-128-gcm", key))
    send(2, {"send-no-route": 2}, "IPv%d outside: no route to the peer" % v)
    key = daemon.key_file("k", esp.new_key(128))
    d.must("add sa " + daemon.sa_words(t.name, "out", 0x4000 + n, OUTER[n][0],
        OUTER[n][1], "aes-128-gcm", key, "seq %d" % (2 ** 32 - 4)))
    t.peer.drain()
    s = lib.udp(a, src)
    for _ in range(3):
        s.sendto(b"last", (dst, PORT))
    s.close()
    numbers = [int.from_bytes(t.peer.recv()[4:8], "big") for _ in range(3)]
    same(numbers, [2 ** 32 - 3, 2 ** 32 - 2, 2 ** 32 - 1],
        "IPv%d outside: the last three numbers of an SA" % v)
    send(4, {"seq-end": 4}, "IPv%d outside: numbers never wrap" % v)
    same(t.peer.drain(), [], "IPv%d outside: nothing was sent after them" % v)


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER[0], v6=OUTER[1])
    a.run("ip addr add %s/24 dev eth0" % OTHER[0])
    a.run("ip addr add %s/64 dev eth0 nodad" % OTHER[1])
    d = daemon.Secd(a, "".join("interface sec%d { local %s peer %s; link state "
        "admin; switch at-once; replay %d; inet %s/24; inet6 %s/64 }\n" % (n,
        *OUTER[n], WINDOW,
        INNER[n][0][0], INNER[n][1][0]) for n in (0, 1))).start()
    for n in (0, 1):
        t = Tunnel(a, b, d, n)
        ok(t.delivered(), "a good packet arrives")
        forgeries(t)
        replays(t)
        authentic_nonsense(t)
        malformed(t)
        elsewhere(t)
        odd_but_good(t)
        interface_down(a, t)
        outbound(a, d, t)


lib.run(main)
