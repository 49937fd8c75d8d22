#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# What real ikeds said to their kernel, said to secd: each recorded message of
# tests/data/pfkey goes to a fresh secd, and each reply is compared with the
# recorded one, octet by octet, extensions in order of their type (RFC 2367
# gives them none).  Left out: the SPIs that a GETSPI gave (later messages name
# secd's instead), times and counters, lists of algorithms (for AH secd has none),
# and keys, which the recorded server returned and secd must not.  A recorded EXPIRE is asked for by
# secctl, and then compared too.
#
#        namespace a
#   iked's messages -> pfkey.sock of secd, 192.0.2.1 or .2 on eth0

import glob
import os

import daemon
import lib
import pfkey
from lib import ok, same
from pfkey import CURRENT, DST, HARD, KEY_AUTH, KEY_ENCRYPT, LINUX, SA, \
    SOFT, SRC

DATA = os.path.join(daemon.ROOT, "tests/data/pfkey")
HERE = ("192.0.2.1", "192.0.2.2")
SUPPORTED = (pfkey.SUPPORTED_AUTH, pfkey.SUPPORTED_ENCRYPT)


class Spis:
    """The recorded SPIs of GETSPI, and those that secd gave."""

    def __init__(self):
        self.ours = {}		# recorded octets: secd's octets

    def learn(self, recorded, got):
        self.ours[recorded.at[SA][4:8]] = got.at[SA][4:8]

    def rewrite(self, raw, table):
        """raw with the SPI of its SA extension replaced."""
        m = pfkey.Message(raw)
        at = 16
        for kind, e in m.exts:
            if kind == SA and e[4:8] in table:
                return raw[:at + 4] + table[e[4:8]] + raw[at + 8:]
            at += len(e)
        return raw

    def to_secd(self, raw):
        return self.rewrite(raw, self.ours)

    def to_record(self, raw):
        return self.rewrite(raw, {v: k for k, v in self.ours.items()})


def masked(raw):
    """What can be compared of a reply."""
    m = pfkey.Message(raw)
    exts = []
    for kind, e in sorted(m.exts):
        if m.name == "EXPIRE" and kind == LINUX.SA2:
            continue		# for strongSwan, which wants it
        if kind == CURRENT or (kind in SUPPORTED and m.satype == LINUX.ESP):
            exts.append((kind, "present"))
        elif kind not in (KEY_ENCRYPT, KEY_AUTH) + SUPPORTED:
            exts.append((kind, e.hex()))
    return m.name, m.errno, m.satype, m.seq, m.pid, exts


def expire(d, recorded, spis):
    """The recorded EXPIRE was injected; here secctl does it."""
    octets = recorded.at[SA][4:8]
    spi = spis.ours.get(octets, octets)
    d.must("expire %s spi 0x%x dst %s" % ("hard" if recorded.has(HARD) else
        "soft", int.from_bytes(spi, "big"), recorded.address(DST)))


class Replay:
    def __init__(self, d, client, name):
        self.d, self.client, self.name = d, client, name
        self.spis = Spis()
        self.replies = self.events = 0

    def reply(self, sent, recorded):
        got = self.client.ask(self.spis.to_secd(sent.raw), sent.seq, sent.pid)
        if got is None:
            raise lib.Failure("%s: no reply to %r" % (self.name, sent))
        if sent.name == "GETSPI" and got.errno == 0 and got.has(SA):
            self.spis.learn(recorded, got)
        self.compare("reply to %s, seq %d" % (sent.name, sent.seq), got,
            recorded)
        self.replies += 1

    def compare(self, what, got, recorded):
        here, there = masked(self.spis.to_record(got.raw)), \
            masked(recorded.raw)
        if here != there:
            same(here, there, "%s: %s is the recorded one" % (self.name, what))
        keys = [k for k in got.kinds() if k in (KEY_ENCRYPT, KEY_AUTH)]
        if keys or got.dirty():
            same((keys, got.dirty()), ([], []), "%s: %s has no keys and no "
                "stray octets" % (self.name, what))

    def event(self, recorded):
        if recorded.name != "EXPIRE":
            return		# an ACQUIRE without need: pfkey.t has one
        expire(self.d, recorded, self.spis)
        self.compare("EXPIRE", self.client.await_message("EXPIRE"), recorded)
        self.events += 1

    def run(self, messages):
        waiting = None
        for to_secd, m in messages:
            if to_secd:
                waiting = m
            elif m.pid == 0:
                self.event(m)
            else:
                self.reply(waiting, m)
                waiting = None


def local(messages):
    """Whose conversation it is: a GETSPI names this host as destination."""
    return next(m.address(DST) for to, m in messages
        if to and m.name == "GETSPI")


def unit(messages):
    for to, m in messages:
        if to and m.has(pfkey.IFACE):
            return m.unit()[0]
    return 0


def replay(a, path):
    name = os.path.basename(path)[:-len(".txt")]
    messages = pfkey.transcript(path)
    a.run("ip addr flush dev eth0")
    a.run("ip addr add %s/24 dev eth0" % local(messages))
    d = daemon.Secd(a, "interface sec%d { inet 10.9.0.1/30 10.9.0.2 }\n" %
        unit(messages), tag=name).start()
    r = Replay(d, pfkey.Client(d, "iked"), name)
    r.run(messages)
    asked = sum(to for to, _ in messages)
    same(r.replies, asked, "%s: %d messages, each answered as recorded, and "
        "%d times EXPIRE" % (name, asked, r.events))
    r.client.close()
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)


def own_builders(path):
    """The client of these tests makes what iked made."""
    class Silent(pfkey.Client):
        def ask(self, raw, *_args):
            self.raw = raw

    c = Silent("", connect=False)
    bad = []
    for to, m in pfkey.transcript(path):
        if not to:
            continue
        c.seq, c.pid = m.seq - 1, m.pid
        ends = (m.address(SRC), m.address(DST)) if m.has(SRC) else ()
        if m.name == "FLUSH":
            c.flush()
        elif m.name == "REGISTER":
            c.register(m.satype)
        elif m.name == "GETSPI":
            c.getspi(*ends)
        elif m.name in ("ADD", "UPDATE"):
            suite = pfkey.Suite(key=m.at[KEY_ENCRYPT][8:],
                authkey=m.at[KEY_AUTH][8:])
            lives = [{"octets": m.life(k)["bytes"], "add": m.life(k)["add"]}
                for k in (SOFT, HARD)]
            natt = m.has(pfkey.LINUX.NAT_T_TYPE)
            (c.add if m.name == "ADD" else c.update)(m.spi(), *ends, suite,
                *lives, encap=(4500, 4500) if natt else None)
        elif m.name == "GET":
            c.get(m.spi(), *ends)
        elif m.name == "DELETE":
            c.delete(m.spi(), *ends)
        elif m.name in ("X_SPDUPDATE", "X_SPDDELETE"):
            nets = ["%s/%d" % m.prefix(k) for k in (SRC, DST)]
            raw = m.at[pfkey.LINUX.POLICY]
            half = (len(raw) - 32) // 2
            v6 = half > 16
            outer = [pfkey.Message(pfkey.message(1, 0, [pfkey.ext(SRC,
                bytes(4) + raw[32 + i * half:32 + (i + 1) * half])])
                ).address(SRC) for i in (0, 1)] if not v6 else []
            (c.spdupdate if m.name == "X_SPDUPDATE" else c.spddelete)(
                m.policy()[0], *nets, outer)
        else:
            c.spdget(*m.policy())
        if c.raw != m.raw:
            bad.append((m.name, c.raw.hex(), m.raw.hex()))
    same(bad, [], "these tests' own client makes each message of %s" %
        os.path.basename(path))


def main():
    paths = sorted(glob.glob(DATA + "/*.txt"))
    same(len(paths), 9, "there are 9 recorded conversations")
    for path in paths:
        if "iked72" in path:
            own_builders(path)
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b)
    for path in paths:
        replay(a, path)
    ok(True, "all of them")


lib.run(main)
