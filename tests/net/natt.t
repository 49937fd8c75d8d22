#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# ESP in UDP (RFC 3948): two secd carry traffic by port 4500 and by ports of
# their own, over IPv4 and IPv6; an IKE daemon shares port 4500, whoever comes
# first and restarts; idle tunnels keep a NAT awake; a peer that moves is
# followed, but nobody else.
#
#       namespace a                              namespace b
#   10.0.N.1, fd0N::1 on secN           secN with 10.0.N.2, fd0N::2
#        secd  | IKE's sockets                   |  secd; ESP by python-
#         eth0 192.0.2.1 ------------------- 192.0.2.2, .3, .4 eth0  cryptography
#              2001:db8::1                    2001:db8::2

import os
import socket
import struct
import threading
import time

import daemon
import esp
import lib
import pfkey
from lib import contains, ok, same

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
MOVER, ELSEWHERE = "192.0.2.3", "192.0.2.4"
IKE_PORT = 4500
SHARE_LIMIT = 4.0	# seconds until a port is shared rightly again
SO_REUSEPORT = 15

# N, outer version, words, port
TUNNELS = (
    (0, 4, "encap udp", 4500),
    (1, 6, "encap udp", 4500),
    (2, 4, "encap port 5500", 5500),
    (3, 6, "encap port 5501", 5501),
)
IDLE = 2		# the tunnel that is left alone, for its keepalives


def conf(side, keys, more=""):
    text = ""
    for n, outer, words, _port in TUNNELS:
        here, there = OUTER[outer][side], OUTER[outer][1 - side]
        text += "interface sec%d {\n" % n
        text += "    local %s peer %s; %s\n" % (here, there, words)
        text += "    inet 10.0.%d.%d/24\n" % (n, side + 1)
        text += "    inet6 fd%02d::%d/64\n" % (n, side + 1)
        for to in (0, 1):
            text += "    sa %s spi 0x%x src %s dst %s enc aes-128-gcm " \
                "key file \"%s\"\n" % ("out" if to != side else "in",
                0x1000 * (to + 1) + n, OUTER[outer][1 - to], OUTER[outer][to],
                keys[n][to])
        text += "}\n"
    return text + more


def udp_of(frame):
    """(source, port, destination, port, data) of a frame with a whole UDP
    datagram, or None."""
    ip = lib.frame_ip(frame)
    if ip is None or ip.proto != 17 or ip.frag or len(ip.payload) < 8:
        return None
    sport, dport = struct.unpack(">HH", ip.payload[:4])
    return ip.src, sport, ip.dst, dport, ip.payload[8:]


def no_drops(d):
    rows = d.json("interfaces")["interfaces"]
    found = {r["name"]: daemon.nonzero(r["drops"]) for r in rows}
    return {k: v for k, v in found.items() if v}


# --- traffic ---

def carries(a, b, n, outer, port):
    """Pings, flows and a large packet; nothing but UDP of that port outside."""
    wire = lib.Capture(a)
    for near, far in (("10.0.%d.1", "10.0.%d.2"), ("fd%02d::1", "fd%02d::2")):
        near, far = near % n, far % n
        same(lib.ping(a, near, far, 2), 2, "sec%d: ping %s" % (n, far))
        same(lib.ping(b, far, near, 2, 1280 - (48 if ":" in far else 28)), 2,
            "sec%d: ping %s, largest packet" % (n, near))
        same(lib.udp_flow(a, near, b, far, 40), 40, "sec%d: UDP to %s" % (n,
            far))
        same(lib.udp_flow(b, far, a, near, 40), 40, "sec%d: UDP to %s" % (n,
            near))
    frames = [f for f in wire.stop() if (lib.frame_ip(f) or 0) and
        lib.frame_ip(f).proto != 58]
    datagrams = list(map(udp_of, frames))
    # one may stand for many: the link's device would cut it
    apart = "gso" not in daemon.offload()
    ok(len(frames) >= (160 if apart else 8), "sec%d: %d frames outside" % (n,
        len(frames)))
    same([d for d in datagrams if d is None or {d[0], d[2]} !=
        set(OUTER[outer]) or (d[1], d[3]) != (port, port)], [],
        "sec%d: all of them UDP from and to port %d" % (n, port))
    spis = {d[4][:4].hex() for d in datagrams if d}
    same(spis, {"%08x" % (0x1000 + n), "%08x" % (0x2000 + n)},
        "sec%d: the SPI comes first in them" % n)
    if outer == 4:
        sums = {lib.frame_ip(f).payload[6:8] for f in frames}
        ok(sums == {b"\0\0"} if apart else b"\0\0" not in sums,
            "sec%d: %s a checksum" % (n, "without" if apart else "with"))


def odd_ones(b, da):
    """What else comes to the ports, and by the wrong way."""
    before = da.stray()
    s = lib.udp(b, OUTER[4][1])
    for data in (b"\xff", b"\xff\xff", b"\0\0\0\0 no IKE here", b"\0\0\0",
            b"\0\0\0\1" + os.urandom(8)):
        s.sendto(data, (OUTER[4][0], IKE_PORT))
    s.close()

    def moved():
        now = da.stray()
        return {k: now[k] - before.get(k, 0) for k in now
            if now[k] != before.get(k, 0)}
    lib.until(lambda: sum(moved().values()) >= 5, "five strays")
    same(moved(), {"keepalive": 1, "short": 2, "ike-unclaimed": 1,
        "no-sa": 1}, "keepalive, IKE, short ones and a forged probe are told "
        "apart")
    raw = esp.RawPeer(b, *OUTER[4][::-1])
    raw.send(struct.pack(">II", 0x1000, 1) + bytes(60))
    lib.until(lambda: da.drops("sec0"), "a drop")
    same(da.drops("sec0"), {"encap-mismatch": 1},
        "plain ESP for an SA in UDP is refused by name")
    s = lib.udp(b, OUTER[4][1])
    s.sendto(struct.pack(">II", 0x1002, 1) + bytes(60), (OUTER[4][0],
        IKE_PORT))
    s.close()
    lib.until(lambda: da.drops("sec2"), "a drop")
    same(da.drops("sec2"), {"encap-mismatch": 1},
        "and so is port 4500 for an SA of another port")


# --- an IKE daemon on port 4500 ---

class Ike:
    """Its two sockets, which share the port and get datagrams of word 0."""

    def __init__(self, ns):
        self.socks = []
        for fam, any_ in ((socket.AF_INET, "0.0.0.0"),
                (socket.AF_INET6, "::")):
            s = ns.socket(fam, socket.SOCK_DGRAM)
            s.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
            s.bind((any_, IKE_PORT))
            s.setblocking(False)
            self.socks.append(s)
        lib.defer(self.close)

    def close(self):
        for s in self.socks:
            s.close()

    def take(self):
        """All that came, for each family."""
        got = []
        for s in self.socks:
            got.append([])
            try:
                while True:
                    got[-1].append(s.recv(65535))
            except BlockingIOError:
                pass
        return got


def shared_rightly(b, ike):
    """Does IKE's get to IKE, and ESP to secd, over both families?"""
    ike.take()
    words = []
    for outer in (4, 6):
        for i in range(6):
            s = lib.udp(b, OUTER[outer][1])
            words.append(bytes(4) + os.urandom(12))
            s.sendto(words[-1], (OUTER[outer][0], IKE_PORT))
            s.close()
    pings = [lib.ping(b, "10.0.%d.2" % n, "10.0.%d.1" % n, 1, timeout=0.3)
        for n in (0, 1)]
    got = ike.take()
    # a probe that went astray may lie between
    return pings == [1, 1] and all([w for w in g if w[:4] == bytes(4)] ==
        words[i * 6:i * 6 + 6] for i, g in enumerate(got)) and \
        not any(w[:4] not in (bytes(4), b"\0\0\0\1") for g in got for w in g)


def check_shared(b, ike, name):
    start = time.monotonic()
    while not shared_rightly(b, ike) and time.monotonic() < start + 12:
        time.sleep(0.05)
    took = time.monotonic() - start
    ok(took <= SHARE_LIMIT, "%s: IKE and ESP have their own within %g s "
        "(%.1f s)" % (name, SHARE_LIMIT, took))
    same([shared_rightly(b, ike) for _ in range(3)], [True] * 3,
        name + ": and keep it")


class Restless:
    """An IKE daemon that ends as soon as it has begun, again and again."""

    def __init__(self, d):
        self.d, self.running = d, True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.running:
            pfkey.Client(self.d, "restless").close()
            time.sleep(0.2)

    def stop(self):
        self.running = False
        self.thread.join()


def shares_port(a, b, da):
    ike = Ike(a)
    check_shared(b, ike, "secd, then IKE")
    ike.close()
    same(lib.ping(b, "10.0.0.2", "10.0.0.1", 3), 3, "IKE away: ESP goes on")
    ike = Ike(a)
    check_shared(b, ike, "IKE restarts")
    da.stop()
    da.start()
    check_shared(b, ike, "secd restarts, IKE was first")
    for family in ("IPv4", "IPv6"):
        contains(da.read_log(), "udp port 4500 (%s) is shared with an IKE "
            "daemon" % family, "which is told, " + family)
    ike.close()
    same(lib.ping(b, "10.0.0.2", "10.0.0.1", 3), 3, "IKE away again")
    ike = Ike(a)
    check_shared(b, ike, "IKE restarts, was first")
    da.stop()
    da.start()
    check_shared(b, ike, "secd restarts once more")
    restless = Restless(da)
    ike.close()
    ike = Ike(a)
    check_shared(b, ike, "IKE restarts, another comes and goes")
    restless.stop()
    ike.close()


# --- a peer that moves ---

class Mover:
    """The other end of secN of a, in b: ESP by ours from any port."""

    def __init__(self, a, b, d, n):
        self.a, self.b, self.n, self.d = a, b, n, d
        self.here, self.there = "10.0.%d.1" % n, "10.0.%d.2" % n
        keys = [esp.new_key(128) for _ in range(2)]
        self.out, self.back = esp.Esp(0x3000 + n, keys[0]), \
            esp.Esp(0x4000 + n, keys[1])
        self.socks = {}
        for way, spi, key, src, dst in (
                ("in", self.out.spi, keys[0], MOVER, OUTER[4][0]),
                ("out", self.back.spi, keys[1], OUTER[4][0], MOVER)):
            d.must("add sa " + daemon.sa_words("sec%d" % n, way, spi, src, dst,
                "aes-128-gcm", daemon.key_file("m%d%s" % (n, way), key)))
        self.rx = lib.udp(a, self.here, 4712)
        lib.defer(self.rx.close)

    @staticmethod
    def conf(n, words=""):
        return "interface sec%d { local %s peer %s; inet 10.0.%d.1/24; encap " \
            "udp %s }\n" % (n, OUTER[4][0], MOVER, n, words)

    def sock(self, port, addr=MOVER):
        if (addr, port) not in self.socks:
            s = lib.udp(self.b, addr, port)
            s.settimeout(0.3)
            lib.defer(s.close)
            self.socks[addr, port] = s
        return self.socks[addr, port]

    def packet(self, seq=None):
        return self.out.seal(esp.udp_packet(self.there, 4712, self.here, 4712,
            os.urandom(20)), seq=seq)

    def send(self, packet, port, addr=MOVER):
        self.sock(port, addr).sendto(packet, (OUTER[4][0], IKE_PORT))

    def delivered(self, packet, port, addr=MOVER):
        """Send; wait until it has come out inside."""
        self.send(packet, port, addr)
        try:
            self.rx.recv(65535)
        except socket.timeout:
            return False
        return True

    def goes_to(self):
        """(address, port) that secd sends to; among those that listen."""
        for s in self.socks.values():
            s.setblocking(False)
            try:
                while True:
                    s.recv(65535)
            except BlockingIOError:
                pass
            s.settimeout(0.3)
        mark = os.urandom(16)
        self.rx.sendto(mark, (self.there, 4712))
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            for where, s in self.socks.items():
                try:
                    s.settimeout(0.02)
                    if self.back.open(s.recv(65535))[1][28:] == mark:
                        return where
                except (socket.timeout, AssertionError):
                    pass
        return None

    def follows(self, where, name):
        """Soon; the main thread has to decide."""
        end = time.monotonic() + 5
        while (at := self.goes_to()) != where and time.monotonic() < end:
            pass
        same(at, where, name)


def moves(m):
    m.sock(4600)
    m.sock(4601)
    ok(m.delivered(m.packet(), 4600), "a packet from port 4600 is taken")
    m.follows((MOVER, 4600), "its answers go to port 4600")
    contains(m.d.read_log(), "sec%d: peer moved from %s port 4500 to %s port "
        "4600" % (m.n, MOVER, MOVER), "which is logged")
    ok(m.delivered(m.packet(), 4601), "a newer one from port 4601 is taken")
    m.follows((MOVER, 4601), "its answers go to port 4601")
    m.out.seq += 10
    old, newest = m.packet(seq=m.out.seq - 5), m.packet()
    ok(m.delivered(newest, 4601), "a newer one from there still")
    m.sock(4602)
    ok(m.delivered(old, 4602), "an older one, not seen yet, from 4602 is taken")
    m.send(newest, 4602)
    forged = bytearray(m.packet())
    forged[-1] ^= 1
    m.send(bytes(forged), 4602)
    lib.until(lambda: daemon.nonzero(m.d.sa("in", m.out.spi)["drops"]) ==
        {"replay": 1, "bad-icv": 1}, "the replayed and the forged one")
    same([m.goes_to() for _ in range(3)], [(MOVER, 4601)] * 3,
        "nothing old, replayed or forged is followed")
    m.sock(4601, ELSEWHERE)
    ok(m.delivered(m.packet(), 4601, ELSEWHERE),
        "a newer one from another address is taken")
    m.follows((ELSEWHERE, 4601), "its answers go there")
    ok(m.delivered(m.packet(), 4600), "and from the first again")
    m.follows((MOVER, 4600), "its answers go back")


def stays_from_now(m, text):
    """The word comes with a reload; the SAs were there before."""
    m.d.configure(text)
    m.d.must("reload")
    for port in (4602, 4603):
        m.sock(port)
        ok(m.delivered(m.packet(), port), "reloaded with follow no: port %d is "
            "taken" % port)
    same(m.goes_to(), (MOVER, 4600), "... and not followed")


def stays(m):
    m.sock(4700)
    wire = lib.Capture(m.b)
    ok(m.delivered(m.packet(), 4700), "follow no: port 4700 is taken")
    ok(m.delivered(m.packet(), 4700), "... again")
    same(m.goes_to(), None, "... and not followed")
    to = {(d[2], d[3]) for d in map(udp_of, wire.stop())
        if d and d[0] == OUTER[4][0] and d[4][:4] == struct.pack(">I",
        m.back.spi)}
    same(to, {(MOVER, 4500)}, "... it sends to where the SA says")


# --- a port that is somebody's ---

def taken_port(c):
    s = lib.udp(c, "0.0.0.0", IKE_PORT)
    d = daemon.Secd(c, "interface sec0 { local 192.0.2.9 peer 192.0.2.2; "
        "encap udp }\ninterface sec1 { local 192.0.2.9 peer 192.0.2.3; "
        "encap none }\n").start()
    contains(d.read_log(), "udp port 4500 (IPv4) belongs to a program that "
        "does not share it", "a port that is not shared is named")
    key = daemon.key_file("taken", esp.new_key(128))
    add = "add sa " + daemon.sa_words("%s", "out", 0x5000, "192.0.2.9",
        "192.0.2.2", "aes-128-gcm", key)
    r = d.ctl(*(add % "sec0").split())
    same(r.rc, 1, "an SA that needs it is refused")
    contains(r.err, "no IPv4 UDP socket on port 4500", "by name")
    same(d.ctl(*(add % "sec1").split()).rc, 0, "one that does not is taken")
    d.must("remove sa spi 0x5000 dst 192.0.2.2")
    d.must("reload")
    s.close()
    d.must("reload")
    same(d.ctl(*(add % "sec0").split()).rc, 0,
        "when the port is free, a reload is enough")
    r = d.ctl("reload")
    same((r.rc, d.read_log().count("belongs to a program")), (0, 2),
        "a port is had once, and missed once in each family")
    same(d.stop(), 0, "%s stops with exit 0" % d.tag)


def no_loopback(c):
    """Who gets what cannot be told then; ESP comes all the same."""
    c.run("ip link set lo down")
    d = daemon.Secd(c, "interface sec7 { local 192.0.2.9 peer 192.0.2.2; "
        "encap udp }\n", tag="lo").start()
    d.wait_log("udp port 4500 (IPv4): a datagram to ourselves")
    d.wait_log("udp port 4500 (IPv6): a datagram to ourselves")
    same(d.stop(), 0, "without a loopback secd says so, and works")


def main():
    a, b, c = lib.Ns("a"), lib.Ns("b"), lib.Ns("c")
    lib.link(a, b, v4=OUTER[4], v6=OUTER[6])
    for addr in (MOVER, ELSEWHERE):
        b.run("ip addr add %s/24 dev eth0" % addr)
    keys = {}
    for n, *_rest in TUNNELS:
        keys[n] = [daemon.key_file("k%d-%d" % (n, to), esp.new_key(128))
            for to in (0, 1)]
    da = daemon.Secd(a, conf(0, keys, Mover.conf(4) +
        Mover.conf(5, "; follow no"))).start()
    db = daemon.Secd(b, conf(1, keys)).start()
    for n, outer, _words, port in TUNNELS:
        carries(a, b, n, outer, port)
    for d in (da, db):
        same((no_drops(d), d.stray()), ({}, {}), d.tag +
            " dropped nothing in all this")
    idle, idle_since = lib.Capture(b), time.monotonic()
    odd_ones(b, da)
    m = Mover(a, b, da, 4)
    moves(m)
    stays_from_now(m, conf(0, keys, Mover.conf(4, "; follow no") +
        Mover.conf(5, "; follow no")))
    stays(Mover(a, b, da, 5))
    shares_port(a, b, da)
    taken_port(c)
    no_loopback(c)
    # b was left alone with this tunnel; a has been restarted
    time.sleep(max(0, idle_since + 23 - time.monotonic()))
    port = TUNNELS[IDLE][3]
    alive = [d for d in map(udp_of, idle.stop()) if d and d[1] == port and
        d[0] == OUTER[4][1]]
    same({d[1:] for d in alive}, {(port, OUTER[4][0], port, b"\xff")},
        "an idle tunnel sends keepalives, and nothing else")
    for d in (da, db):
        same(d.stop(), 0, "%s stops with exit 0" % d.tag)


lib.run(main)
