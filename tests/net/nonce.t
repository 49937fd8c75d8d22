#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# A nonce is never used twice under one key: whatever happens to secd and to its
# SAs, a header-only capture holds no (key, IV) twice.  And keys that would have
# to share nonces are refused by name.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         (nobody opens it)
#        secd  |                                  |
#         eth0 192.0.2.1 -----captured------ 192.0.2.2 eth0

import os

import daemon
import esp
import lib
from lib import contains, ok, same

A, B = "192.0.2.1", "192.0.2.2"
INSIDE = ("10.9.0.1", "10.9.0.2")


def conf(sas=""):
    return "interface sec0 { local %s peer %s; link state admin\n" \
        "    inet %s/24\n%s }\n" \
        "interface sec1 { local %s peer %s; inet 10.9.1.1/24 }\n" % (A, B,
        INSIDE[0], sas, A, B)


class Scene:
    def __init__(self):
        self.a, self.b = lib.Ns("a"), lib.Ns("b")
        lib.link(self.a, self.b, v4=(A, B))
        self.d = daemon.Secd(self.a, conf())
        self.nonces = daemon.Nonces(self.a)
        self.files = {}

    def key(self, name, bits=256):
        if name not in self.files:
            self.files[name] = daemon.key_file("key-" + name,
                esp.new_key(bits)), "aes-%d-gcm" % bits
        return self.files[name]

    def words(self, name, spi, way="out", iface="sec0", extra=""):
        path, enc = self.key(name)
        ends = (A, B) if way == "out" else (B, A)
        return daemon.sa_words(iface, way, spi, *ends, enc, path, extra)

    def add(self, name, spi, extra=""):
        self.nonces.spi(spi, name)
        self.d.must("add sa " + self.words(name, spi, extra=extra))

    def send(self, what, name, n=60):
        """Send n packets; they leave under this key, above all before."""
        before = self.nonces.highest(name)
        count = len(self.nonces.sent(name))
        daemon.flood(self.a, *INSIDE, n)
        lib.until(lambda: len(self.nonces.sent(name)) >= count + n,
            "%d packets under key %s" % (n, name))
        fresh = [seq for seq, _ in self.nonces.sent(name)[count:]]
        ok(min(fresh) > before, "%s: the first number, %d, is above %d" % (
            what, min(fresh), before))
        return min(fresh)


def lives(s):
    """Installed, killed, removed, added again, under other SPIs and numbers."""
    d = s.d.start()
    s.add("one", 0x1001)
    s.send("a new SA", "one")
    d.kill()
    d.start()
    same(d.sas(), {}, "after kill -9 secd has no SAs")
    s.add("one", 0x1001)
    s.send("added again after kill -9", "one")
    d.must("remove sa spi 0x1001 dst " + B)
    s.add("one", 0x1001)
    s.send("removed and added again", "one")
    d.must("remove sa spi 0x1001 dst " + B)
    s.add("one", 0x1002, "esn")
    s.send("under another SPI, with ESN", "one")
    d.must("flush sa")
    s.add("one", 0x1001, "seq 5")
    s.send("flushed, added again with a low seq", "one")
    same(d.stop(), 0, "stop")
    d.start()
    s.add("one", 0x1001)
    s.send("stopped and started", "one")
    d.must("flush sa")
    high = s.nonces.highest("one") + 1000000
    s.add("one", 0x1001, "seq %d" % high)
    same(s.send("added again with a high seq", "one"), high + 1,
        "which is respected")
    d.kill()


def configured(s):
    """SAs of secd.conf: restart, reload, changed, moved."""
    d = s.d

    def sas(*words):
        return conf("".join("    sa %s\n" % w.replace("sec0 ", "", 1)
            for w in words))

    s.nonces.spi(0x2001, "two")
    s.nonces.spi(0x2002, "two")
    d.configure(sas(s.words("two", 0x2001)))
    d.start()
    s.send("an SA of secd.conf", "two")
    d.must("reload")
    s.send("reloaded", "two")
    d.hup()
    s.send("reloaded by SIGHUP", "two")
    d.kill()
    d.start()
    s.send("killed and started", "two")
    d.configure(sas(s.words("two", 0x2002)))
    d.must("reload")
    s.send("reloaded with another SPI", "two")
    d.configure(sas(s.words("two", 0x2002, extra="esn")))
    d.must("reload")
    s.send("reloaded with ESN", "two")
    d.configure(conf())
    d.must("reload")
    same(d.sas(), {}, "reloaded without it: the SA is gone")
    d.configure(sas(s.words("two", 0x2001)))
    d.must("reload")
    s.send("reloaded with it", "two")
    d.stop()
    d.start()
    s.send("stopped and started", "two")
    d.configure(conf())
    d.must("reload")


def refused(d, words, part, name):
    before = sorted(d.sas())
    r = d.ctl("add", "sa", *words.split())
    same(r.rc, 1, name + ": refused")
    contains(r.err, part, name + ": by name")
    same(len(r.err.strip().splitlines()), 1, name + ": in one line")
    same(sorted(d.sas()), before, name + ": nothing has changed")


def shared_keys(s):
    d = s.d
    s.add("three", 0x3001)
    refused(d, s.words("three", 0x3002), "0x00003001",
        "the key of another outbound SA")
    refused(d, s.words("three", 0x3003, iface="sec1"), "0x00003001",
        "the same on another interface")
    refused(d, s.words("three", 0x3004, "in"), "0x00003001",
        "the key of an SA of the other direction")
    d.must("add sa " + s.words("four", 0x4001, "in"))
    refused(d, s.words("four", 0x4002), "0x00004001",
        "an inbound SA's key, outbound")
    # the salt is part of the nonce, but the same key with another salt is
    # too near: what is refused is the cipher key
    path, enc = s.key("three")
    with open(path) as f:
        octets = bytes.fromhex(f.read())
    s.files["salted"] = (daemon.key_file("key-salted", octets[:-4] +
        os.urandom(4)), enc)
    refused(d, s.words("salted", 0x3005), "0x00003001",
        "the same cipher key with another salt")
    # also when both come with a configuration
    d.must("flush sa")
    d.configure(conf("".join("    sa %s\n" % w.replace("sec0 ", "", 1)
        for w in (s.words("five", 0x5001), s.words("six", 0x5002, "in")))))
    d.must("reload")
    with open(s.key("six")[0]) as f:
        same_key = daemon.key_file("key-copy", bytes.fromhex(f.read()))
    s.files["copy"] = same_key, "aes-256-gcm"
    d.configure(conf("".join("    sa %s\n" % w.replace("sec0 ", "", 1)
        for w in (s.words("copy", 0x5001), s.words("six", 0x5002, "in")))))
    r = d.ctl("reload")
    same(r.rc, 1, "one key in two files, in and out: the reload is refused")
    contains(r.err, "other direction", "by name")
    same(sorted(d.sas()), [("in", 0x5002), ("out", 0x5001)],
        "and the old SAs stay")


def inbound(s, peer):
    """What was seen before a stop counts as seen after it."""
    d = s.d
    d.configure(conf())
    d.must("reload")
    d.must("flush sa")
    with open(s.key("seven")[0]) as f:
        sealer = esp.Esp(0x7001, bytes.fromhex(f.read()))
    d.must("add sa " + s.words("seven", 0x7001, "in"))
    rx = lib.udp(s.a, INSIDE[0], 4712)
    rx.settimeout(3)
    lib.defer(rx.close)

    def packet():
        return sealer.seal(esp.udp_packet(INSIDE[1], 1, INSIDE[0], 4712,
            b"hello"))

    old = [packet() for _ in range(5)]
    for p in old:
        peer.send(p)
        rx.recv(100)
    for name, again in (
            ("removed and added again", lambda: d.must("flush sa")),
            ("stopped and started", lambda: (d.stop(), d.start()))):
        again()
        d.must("add sa " + s.words("seven", 0x7001, "in"))
        for p in old:
            peer.send(p)
        fresh = packet()
        old.append(fresh)
        peer.send(fresh)
        rx.recv(100)
        row = d.sa("in", 0x7001)
        same((row["packets"], sum(row["drops"].values())), (1, len(old) - 1),
            "%s: what was received before is refused, the next is not" % name)
    d.must("flush sa")
    s.add("seven", 0x7002)
    ok(s.send("the other way round", "seven") > sealer.seq, "and the numbers "
        "that the peer used are not used again")


def main():
    s = Scene()
    lives(s)
    configured(s)
    shared_keys(s)
    inbound(s, esp.RawPeer(s.b, B, A))
    s.nonces.check("all in all", 15 * 60)


lib.run(main)
