#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# The PF_KEY socket: what IKE daemons say in Linux's dialect and in OpenBSD's,
# what secd makes of it, and what it says unasked.  Then everything malformed:
# an errno each, and nothing changed.
#
#        namespace a                              namespace b
#   10.9.N.1 on secN                         192.0.2.2, .3, .4 on eth0
#   clients -> pfkey.sock of secd                 |
#         eth0 192.0.2.1, 2001:db8::1 ------ 192.0.2.2, 2001:db8::2 eth0

import errno
import os
import struct
import subprocess
import time

import daemon
import esp
import lib
import peer as esp_peer
import pfkey
from lib import contains, ok, same
from pfkey import CURRENT, DST, HARD, IN, KEY_AUTH, KEY_ENCRYPT, LINUX, \
    OPENBSD, OUT, SA, SOFT, SRC, Suite

A, B = "192.0.2.1", "192.0.2.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
ANY = ("0.0.0.0/0", "0.0.0.0/0")
NAMES = {"linux": "Linux's dialect", "openbsd": "OpenBSD's dialect"}
SINGLE = "interface sec0 { inet 10.9.0.1/24 }\n"
LIVES = {"soft": {"octets": 3 << 30, "add": 9000},
    "hard": {"octets": 4 << 30, "add": 10800}}


# --- secctl's JSON: the names of fields, in this one place ---

def is_narrow(row):
    return row["narrow"]


def rule(row):
    """What chose the interface: unit, pair or only."""
    return {"address pair": "pair", "only interface": "only"}.get(row["rule"],
        row["rule"])


def owner(row):
    return row["owner"]["name"] if row["owner"] else None


def clients(d):
    """[(name, dialect, requests)] of show clients."""
    return [(r["owner"]["name"], r["dialect"], r["requests"])
        for r in d.json("clients")["clients"]]


def working(d):
    """Every SA has its numbers, however slow the disk, and the link is up."""
    lib.until(lambda: "waiting" not in states(d).values(), "the ledger")
    daemon.settle(d.ns, "sec0")


def snapshot(d):
    """All that a refused message must not have changed, when the disk has
    let all SAs work."""
    working(d)
    return [{k: r[k] for k in ("interface", "direction", "spi", "src", "dst",
        "enc", "auth", "state")} for r in d.json("sa")["sas"]]


def states(d):
    return {k: r["state"] for k, r in d.sas().items()}


# --- steps ---

def code(reply):
    """Its errno by name; "" if it is none."""
    if reply is None:
        return "no reply"
    return errno.errorcode.get(reply.errno, str(reply.errno)) \
        if reply.errno else ""


def clean(replies, suites, name):
    """No keys, no octet that should be zero, in any reply."""
    bad = [r for r in replies if r.has(KEY_AUTH) or r.has(KEY_ENCRYPT)]
    same(bad, [], name + ": no reply has a key extension")
    octets = b"".join(r.raw for r in replies)
    for s in suites:
        if s.key[:16] in octets or (s.authkey and s.authkey[:16] in octets):
            ok(False, name + ": no reply has a key in it")
    same([x for r in replies for x in r.dirty()], [], name +
        ": reserved octets and padding are zero")


def basics(d, dialect):
    """An initiator's life, message by message."""
    name = NAMES[dialect]
    c = pfkey.Client(d, "flow-" + dialect, dialect)
    replies = [c.flush()]
    same(code(replies[0]), "", name + ": FLUSH")
    for satype in (c.dialect.ESP, c.dialect.AH):
        r = c.register(satype)
        replies.append(r)
        lists = satype == c.dialect.ESP		# there is no AH to do
        same((code(r), r.has(pfkey.SUPPORTED_AUTH),
            r.has(pfkey.SUPPORTED_ENCRYPT)), ("", lists, lists), name +
            ": REGISTER %d" % satype)
    suites = [Suite(), Suite()]
    r = c.getspi(B, A)
    replies.append(r)
    spi = r.spi()
    same((code(r), r.address(SRC), r.address(DST), spi >= 256), ("", B, A,
        True), name + ": GETSPI")
    same(states(d), {("in", spi): "larval"}, name + ": makes a larval SA")
    r = c.add(0xb001, A, B, suites[0], **LIVES)
    replies.append(r)
    same(code(r), "", name + ": ADD")
    r = c.update(spi, B, A, suites[1], **LIVES)
    replies.append(r)
    same(code(r), "", name + ": UPDATE")
    lib.until(lambda: set(states(d).values()) == {"active"}, "both active")
    same(states(d), {("out", 0xb001): "active", ("in", spi): "active"}, name +
        ": ADD is outbound, UPDATE inbound")
    row = d.sa("out", 0xb001)
    same((row["enc"], row["auth"], rule(row)), ("aes-256", "hmac-sha2-384",
        "only"), name + ": the suite, and the only interface")
    same(owner(row)["name"] if isinstance(owner(row), dict) else owner(row),
        "flow-" + dialect, name + ": the owner is the program's name")
    for way, src, dst in ((IN, B, A), (OUT, A, B)):
        r = c.flow(way, *ANY, (src, dst))
        replies.append(r)
        same(code(r), "", name + ": flow, direction %d" % way)
    ok(not is_narrow(d.sa("out", 0xb001)), name + ": any to any is not narrow")
    replies += errors(c, name, spi)
    replies += got(d, c, name, spi)
    replies += delete(d, c, name, spi)
    clean(replies, suites, name)
    c.close()


def errors(c, name, spi):
    """Known errors, with header-only replies."""
    found = []
    for want, what, reply in (
            ("EEXIST", "ADD of what is there",
                c.add(0xb001, A, B, Suite(), **LIVES)),
            ("ESRCH", "UPDATE of an unknown SPI",
                c.update(0xdead01, B, A, Suite(), **LIVES)),
            ("ESRCH", "DELETE of an unknown SPI", c.delete(0xdead02, A, B)),
            ("ESRCH", "GET of an unknown SPI", c.get(0xdead03, A, B)),
            ("EINVAL", "UPDATE with keys of a mature SA",
                c.update(spi, B, A, Suite(), **LIVES))):
        found.append(reply)
        same((code(reply), len(reply.raw)), (want, 16), "%s: %s" % (name,
            what))
    return found


def got(d, c, name, spi):
    """GET: lifetimes, and the use time."""
    r = c.get(0xb001, A, B)
    same((code(r), r.life(SOFT)["bytes"], r.life(SOFT)["add"],
        r.life(HARD)["bytes"], r.life(HARD)["add"]), ("", 3 << 30, 9000,
        4 << 30, 10800), name + ": GET has the lifetimes")
    now, life = time.time(), r.life(CURRENT)
    same((life["use"], abs(now - life["add"]) < 60), (0, True), name +
        ": never used")
    same((r.sa()["spi"], r.sa()["enc"], r.sa()["auth"]), (0xb001, 12, 6),
        name + ": the SA")
    if c.dialect is OPENBSD:
        ok(not r.has(OPENBSD.LASTUSE), name + ": no LASTUSE before any use")
    working(d)
    daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 3)
    lib.until(lambda: c.get(0xb001, A, B).life(CURRENT)["use"] != 0,
        "a use time")
    r2 = c.get(0xb001, A, B)
    life = r2.life(CURRENT)
    same((life["bytes"] > 0, abs(time.time() - life["use"]) < 60), (True,
        True), name + ": GET has use time and octets after use")
    if c.dialect is OPENBSD:
        ok(abs(time.time() - r2.lastuse()) < 60, name + ": and LASTUSE")
    return [r, r2]


def delete(d, c, name, spi):
    r = [c.delete(0xb001, A, B), c.delete(spi, B, A)]
    same([code(x) for x in r], ["", ""], name + ": DELETE of both")
    same(states(d), {}, name + ": they are gone")
    return r


def refused_update(d):
    """iked after decouple: UPDATE of what is not there, then ADD of it."""
    c = pfkey.Client(d, "couple")
    c.begin()
    spi = c.must(c.getspi(B, A)).spi()
    c.must(c.delete(spi, B, A))
    s = Suite()
    same(code(c.update(spi, B, A, s, **LIVES)), "ESRCH", "UPDATE of an SPI "
        "that was deleted")
    same(code(c.add(spi, B, A, s, **LIVES)), "", "ADD of it then")
    working(d)
    same(states(d), {("in", spi): "active"}, "is inbound, by its addresses")
    c.must(c.flush())
    same(states(d), {}, "FLUSH takes it")
    c.close()


def spis(d):
    c = pfkey.Client(d, "spis")
    same(code(c.getspi(B, A, 0, 255)), "EINVAL", "GETSPI among the reserved "
        "SPIs is refused")
    r = c.getspi(B, A, 0x4242, 0x4242)
    same((code(r), r.spi()), ("", 0x4242), "GETSPI of a range of one")
    ok(code(c.getspi(B, A, 0x4242, 0x4242)) in ("EEXIST", "ENOENT"), "the "
        "second of the same is refused")
    same(code(c.getspi(B, A, 0x5000, 0x4000)), "EINVAL", "a range upside "
        "down is refused")
    found = {c.must(c.getspi(B, A)).spi() for _ in range(50)}
    same(len(found), 50, "50 SPIs are 50 different ones")
    ok(max(found) - min(found) > 1 << 24, "and no simple sequence")
    c.must(c.flush())
    same(states(d), {}, "FLUSH takes larval SAs too")
    for spi in (0, 1, 255):
        for r in (c.add(spi, A, B, Suite(), **LIVES),
                c.update(spi, B, A, Suite(), **LIVES)):
            if code(r) not in ("EINVAL", "ESRCH"):
                same(code(r), "EINVAL", "SPI %d" % spi)
    same(states(d), {}, "SPIs 0, 1 and 255 are refused")
    c.close()


def suites(d):
    """Every suite of each dialect; and those that do not exist."""
    for dialect in ("linux", "openbsd"):
        c = pfkey.Client(d, "suites-" + dialect, dialect)
        c.begin()
        want, n = {}, 0
        for enc in c.dialect.ciphers:
            for auth in pfkey.AUTH if enc in ("aes-128", "aes-192",
                    "aes-256") else [None]:
                for esn in (False, True):
                    n += 1
                    s = Suite(enc, auth)
                    r = c.add(0x6000 + n, A, B, s, esn=esn, **LIVES)
                    want[0x6000 + n] = (s.enc, s.auth, esn)
                    if code(r):
                        same(code(r), "", "ADD %s" % s)
        found = {k[1]: (r["enc"], r["auth"], r["esn"])
            for k, r in d.sas().items()}
        same(found, want, "%s: ADD of %d suites" % (NAMES[dialect], n))
        c.must(c.flush())
        for enc, auth, s in ((3, 2, Suite()), (12, 2, Suite()),
                (12, 0, Suite()), (99, 6, Suite())):
            exts = c.sa_exts(0x7777, A, B, s, **LIVES)
            exts[0] = c.dialect.sa(0x7777, enc=enc, auth=auth)
            r = c.request("ADD", exts=exts)
            ok(code(r) in ("EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT",
                "ENOENT"), "%s: algorithms %d and %d are refused (%s)" % (
                NAMES[dialect], enc, auth, code(r)))
        c.close()
    c = pfkey.Client(d, "camellia")
    c.begin()
    exts = c.sa_exts(0x7778, A, B, Suite("aes-256-gcm"), **LIVES)
    exts[0] = LINUX.sa(0x7778, enc=22)
    ok(code(c.request("ADD", exts=exts)) not in ("", "no reply"), "number 22 "
        "is Camellia in Linux's dialect, and not taken for ChaCha20")
    same(states(d), {}, "no SA came of any of these")
    c.close()


def owners(d):
    """FLUSH and DUMP are about one's own."""
    key = daemon.key_file("static", esp.new_key(128))
    d.must("add sa " + daemon.sa_words("sec0", "in", 0x9001, B, A,
        "aes-128-gcm", key))
    one, two = (pfkey.Client(d, n) for n in ("one", "two"))
    nobody = pfkey.Client(d, None)
    for c in (one, two, nobody):
        c.begin()
    for c, spi in ((one, 0xc001), (two, 0xc002), (nobody, 0xc003)):
        c.must(c.add(spi, A, B, Suite(), **LIVES))
    same(code(two.add(0xc001, A, B, Suite(), **LIVES)), "EEXIST",
        "another's SPI to that destination is taken")
    rows = one.dump()
    same(([r.spi() for r in rows if not r.errno], rows[-1].seq), ([0xc001],
        0), "DUMP has one's own SAs, the last with seq 0")
    clean([r for r in rows if not r.errno], [], "DUMP")
    one.must(one.flush())
    same(sorted(states(d)), [("in", 0x9001), ("out", 0xc002),
        ("out", 0xc003)], "FLUSH takes one's own SAs only")
    # the owner outlives the connection
    two.again()
    same(code(two.get(0xc002, A, B)), "", "the same name, connected again, "
        "has its SAs")
    two.must(two.register())
    same([r.spi() for r in two.dump() if not r.errno], [0xc002],
        "also in its DUMP")
    two.must(two.flush())
    nobody.must(nobody.flush())
    same(sorted(states(d)), [("in", 0x9001)], "the static one stays")
    d.must("flush sa")
    for c in (one, two, nobody):
        c.close()


def shown(d):
    c, o = pfkey.Client(d, "seen"), pfkey.Client(d, "seen-too", "openbsd")
    c.begin()
    o.begin()
    found = {n: (dia, reqs) for n, dia, reqs in clients(d)}
    same(found, {"seen": ("linux", 3), "seen-too": ("openbsd", 3)},
        "show clients has both, their dialects and requests")
    contains(d.must("show clients"), "seen-too", "also for people")
    c.close()
    o.close()
    lib.until(lambda: not clients(d), "the clients to be gone")


# --- what secd says unasked ---

def expiry(d, b):
    c = pfkey.Client(d, "expiry")
    other = pfkey.Client(d, "bystander")
    c.begin()
    other.begin()
    working(d)

    def awaits(what, kind, spi, timeout=5):
        m = c.await_message("EXPIRE", timeout)
        same((m.pid, m.spi(), m.has(SOFT), m.has(HARD), m.has(CURRENT),
            m.has(LINUX.SA2)), (0, spi, kind == "soft", kind == "hard", True,
            True), "EXPIRE %s by %s" % (kind, what))
        same(m.dirty(), [], "EXPIRE %s by %s: clean" % (kind, what))
        return m

    spi = c.pair(A, B, 0xe001, **LIVES)
    d.must("expire soft spi 0x%x dst %s" % (spi, A))
    m = awaits("secctl", "soft", spi)
    same((m.address(SRC), m.address(DST)), (B, A), "of these ends")
    d.must("expire hard spi 0x%x dst %s" % (spi, A))
    awaits("secctl", "hard", spi)
    ok(("in", spi) not in d.sas(), "and that SA is gone")
    d.must("expire hard spi 0xe001 dst " + B)
    awaits("secctl", "hard", 0xe001)
    c.must(c.add(0xe002, A, B, Suite(), soft={"add": 1}, hard={"add": 2}))
    awaits("time", "soft", 0xe002)
    awaits("time", "hard", 0xe002)
    same(states(d), {}, "and the SA is gone")
    # by octets and packets (allocations): of inner packets
    s = Suite()
    spi = c.must(c.getspi(B, A)).spi()
    c.must(c.update(spi, B, A, s, soft={"octets": 300}, hard={"octets": 900}))
    c.must(c.add(0xe003, A, B, Suite(), soft={"octets": 300},
        hard={"octets": 900}))
    working(d)
    daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 10)	# 44 octets each
    awaits("octets sent", "soft", 0xe003)
    daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 30)
    awaits("octets sent", "hard", 0xe003)
    wire = esp.RawPeer(b, B, A)
    sealer = esp_peer.Sa(spi, (s.enc, s.auth), s.key + s.authkey)
    inner = esp.udp_packet("10.9.0.2", 1, "10.9.0.1", 9, b"x" * 16)
    forged = bytearray(sealer.seal(inner, 999))
    forged[-1] ^= 1
    for _ in range(50):
        wire.send(bytes(forged))
    for _ in range(4):
        wire.send(sealer.seal(inner))
    same(c.next(0.5), None, "packets that are not authentic use up nothing")
    for _ in range(6):
        wire.send(sealer.seal(inner))
    awaits("octets received", "soft", spi)
    for _ in range(20):
        wire.send(sealer.seal(inner))
    awaits("octets received", "hard", spi)
    same(states(d), {}, "and both are gone")
    # a pair, for the carrier's sake
    spi = c.must(c.getspi(B, A)).spi()
    c.must(c.update(spi, B, A, Suite()))
    c.must(c.add(0xe004, A, B, Suite(), soft={"use": 1}, hard={"use": 2}))
    same(c.next(1.5), None, "the use timer waits for the first packet")
    working(d)
    daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 2)
    awaits("use", "soft", 0xe004)
    awaits("use", "hard", 0xe004)
    same(c.next(0.5), None, "and each once")
    c.must(c.flush())
    heard = []
    while (m := other.next(0)) is not None:
        heard.append(m)
    ok(all(m.name == "EXPIRE" for m in heard), "a bystander heard EXPIREs at "
        "most (%d)" % len(heard))
    c.close()
    other.close()


def switching(d, b):
    """Two rekeys within the switch delay: each new outbound SA waits for its
    own time, or for its own inbound SA to be used, since the peer may not have
    the other one yet."""
    c = pfkey.Client(d, "switch")
    c.begin()
    wire = lib.Capture(b)
    ends = esp.RawPeer(b, B, A)

    def another(spi):
        """A new pair; what seals packets to it."""
        s = Suite()
        got = c.must(c.getspi(B, A)).spi()
        c.must(c.update(got, B, A, s, **LIVES))
        c.must(c.add(spi, A, B, Suite(), **LIVES))
        return esp_peer.Sa(got, (s.enc, s.auth), s.key + s.authkey)

    def sends_with():
        before = len(wire.frames())

        def sent():
            # a busy disk lets an SA wait for its numbers
            daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 1)
            time.sleep(0.005)
            return [p[2] for p in lib.esp_packets(wire.frames()[before:])
                if p[0] == A]
        return lib.until(sent, "a packet of secd's")[-1]

    def watch(seconds):
        seen, end = set(), time.monotonic() + seconds
        while time.monotonic() < end:
            seen.add(sends_with())
            time.sleep(0.02)
        return seen

    another(0xf101)
    working(d)
    same(sends_with(), 0xf101, "switching: the first SA")
    another(0xf102)
    same(sends_with(), 0xf101, "goes on when the second is there")
    time.sleep(0.7)
    another(0xf103)
    same((0xf102 in (seen := watch(0.7)), 0xf103 in seen), (True, False),
        "the second's delay ends before the third's: the third is not sent "
        "with")
    lib.until(lambda: sends_with() == 0xf103, "the third SA")
    ok(True, "but when its own is over")
    fourth = another(0xf104)
    another(0xf105)
    ends.send(fourth.seal(esp.udp_packet("10.9.0.2", 1, "10.9.0.1", 9,
        b"hello")))
    lib.until(lambda: sends_with() != 0xf103, "a switch")
    same(sends_with(), 0xf104, "the fourth was heard, the fifth was not: the "
        "fourth is sent with")
    lib.until(lambda: sends_with() == 0xf105, "the fifth SA")
    another(0xf106)
    another(0xf107)
    # not for the ledger's sake
    lib.until(lambda: d.sa("out", 0xf107)["state"] == "standby" and
        d.sa("out", 0xf106)["state"] == "standby", "their first numbers")
    c.must(c.delete(0xf105, A, B))
    same(sends_with(), 0xf106, "the fifth is deleted, so the peer has the "
        "sixth at least")
    wire.stop()
    c.must(c.flush())
    c.close()


def onto_nat(d, b):
    """MOBIKE: SAs that were raw go on behind a NAT, and follow it."""
    c = pfkey.Client(d, "mobile")
    c.begin()
    s = Suite()
    spi = c.must(c.getspi(B, A)).spi()
    c.must(c.update(spi, B, A, s, **LIVES))
    c.must(c.add(0x8a01, A, B, Suite(), **LIVES))
    c.must(c.update(spi, B, A, encap=(4500, 4500)))
    c.must(c.update(0x8a01, A, B, encap=(4500, 4500)))
    lib.until(lambda: d.sa("out", 0x8a01)["state"] == "active", "both active")
    sealer = esp_peer.Sa(spi, (s.enc, s.auth), s.key + s.authkey)
    tx = lib.udp(b, "192.0.2.3", 5000)
    tx.sendto(sealer.seal(esp.udp_packet("10.9.0.2", 1, "10.9.0.1", 9,
        b"x" * 16), 1), (A, 4500))
    tx.close()
    lib.until(lambda: d.sa("in", spi)["packets"] == 1, "its packet")
    time.sleep(0.2)
    row = d.sa("out", 0x8a01)
    same((row["to"], row["to_port"]), ("192.0.2.3", 5000), "SAs that were "
        "moved to UDP follow the peer's NAT")
    c.must(c.flush())
    c.close()


def narrow(d):
    c = pfkey.Client(d, "narrow")
    c.begin()
    spi = c.pair(A, B, 0xf001, **LIVES)
    before = len(d.read_log())
    for _ in range(2):
        for way, ends in ((3, (B, A)), (OUT, (A, B)), (IN, (B, A))):
            nets = ("10.1.0.0/24", "10.2.0.0/24")
            c.must(c.spdupdate(way, *(nets if way == OUT else nets[::-1]),
                ends))
    rows = d.sas()
    same([is_narrow(rows[k]) for k in (("out", 0xf001), ("in", spi))],
        [True, True], "a flow that is not any to any marks the SAs narrow")
    time.sleep(0.1)		# the parent writes it
    said = [s for s in d.read_log()[before:].splitlines() if "10.1.0.0" in s]
    same(len(said), 1, "and is logged once")
    c.must(c.flush())
    same(states(d), {}, "they are installed like others")
    c.close()


def acquire(a):
    """With `acquire yes' a packet without an SA asks for one."""
    d = daemon.Secd(a, "interface sec0 { local %s peer %s; inet 10.9.0.1/24; "
        "acquire yes }\n" % (A, B), tag="acquire").start()
    daemon.settle(a, "sec0")
    c = pfkey.Client(d, "acquire")
    quiet = pfkey.Client(d, "unregistered")
    c.begin()
    ok(daemon.carrier(a), "acquire: the carrier is up without an SA")

    def asked():
        daemon.flood(a, "10.9.0.1", "10.9.0.2", 3)
        m = c.await_message("ACQUIRE", 5)
        same((m.pid, m.satype, m.address(SRC), m.address(DST),
            m.has(pfkey.PROPOSAL), m.policy()[0], m.dirty()), (0, LINUX.ESP,
            A, B, True, OUT, []), "ACQUIRE for the tunnel's ends")
        return m.policy()[1]

    number = asked()
    ok(number != 0, "with a policy's number")
    r = c.spdget(OUT, number)
    same((code(r), r.prefix(SRC), r.prefix(DST), r.policy()), ("",
        ("0.0.0.0", 0), ("0.0.0.0", 0), (OUT, number)), "SPDGET before any "
        "policy is stored: any to any")
    nets = ("10.1.0.0/24", "10.2.0.0/24")
    c.must(c.spdupdate(OUT, *nets, (A, B)))
    for again in ("stored", "deleted"):
        r = c.spdget(OUT, number)
        same((code(r), r.prefix(SRC), r.prefix(DST)), ("", ("10.1.0.0", 24),
            ("10.2.0.0", 24)), "SPDGET of the policy that was last " + again)
        if again == "stored":
            c.must(c.spddelete(OUT, *nets, (A, B)))
    same(quiet.next(0), None, "who did not register is not asked")
    extra = []
    while (m := c.next(0)) is not None:
        extra.append(m)
    daemon.flood(a, "10.9.0.1", "10.9.0.2", 100)
    time.sleep(0.3)
    while (m := c.next(0)) is not None:
        extra.append(m)
    ok(len(extra) <= 2, "a flood does not become a flood of ACQUIREs (%d)" %
        len(extra))
    o = pfkey.Client(d, "acquire-openbsd", "openbsd")
    c.close()
    o.begin()

    def asks():			# not at once after the last time
        daemon.flood(a, "10.9.0.1", "10.9.0.2", 3)
        return o.next(1)
    m = lib.until(asks, "ACQUIRE in OpenBSD's dialect", 20)
    r = o.askpolicy(m.seq)
    same((code(r), m.address(DST), [r.has(k) for k in (OPENBSD.SRC_FLOW,
        OPENBSD.SRC_MASK, OPENBSD.DST_FLOW, OPENBSD.DST_MASK,
        OPENBSD.FLOW_TYPE)]), ("", B, [True] * 5), "OpenBSD's dialect: "
        "ACQUIRE, then ASKPOLICY by its seq")
    same(r.dirty(), [], "clean")
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)


# --- which interface ---

def mapping(a):
    d = daemon.Secd(a, "interface sec0 { local %s peer %s; inet 10.9.0.1/24 }"
        "\ninterface sec1 { local %s peer 192.0.2.3; inet 10.9.1.1/24 }\n"
        "interface sec7 { inet 10.9.7.1/24 }\n" % (A, B, A), tag="map").start()
    for dialect in ("linux", "openbsd"):
        name = NAMES[dialect]
        c = pfkey.Client(d, "map-" + dialect, dialect)
        c.begin()
        c.must(c.add(0x8001, A, B, Suite(), **LIVES))
        c.must(c.add(0x8002, A, "192.0.2.3", Suite(), **LIVES))
        c.must(c.add(0x8003, A, "192.0.2.4", Suite(), unit=(7, OUT), **LIVES))
        spi = c.must(c.getspi("192.0.2.4", A)).spi()
        c.must(c.update(spi, "192.0.2.4", A, Suite(), unit=(7, IN), **LIVES))
        rows = d.sas()
        same({k: (r["interface"], rule(r)) for k, r in rows.items()}, {
            ("out", 0x8001): ("sec0", "pair"),
            ("out", 0x8002): ("sec1", "pair"),
            ("out", 0x8003): ("sec7", "unit"),
            ("in", spi): ("sec7", "unit")}, name + ": by pair, and by unit")
        r = c.get(0x8003, A, "192.0.2.4")
        same(r.unit() if r.has(pfkey.IFACE) else None, (7, OUT), name +
            ": GET has the unit")
        before = snapshot(d)
        for what, part, args, kw in (
                ("a peer of no interface", "192.0.2.4", (0x8004, A,
                    "192.0.2.4"), {}),
                ("a unit that is not there", "sec9", (0x8005, A, B),
                    {"unit": (9, OUT)}),
                ("a unit that has other ends", "sec0", (0x8006, A,
                    "192.0.2.4"), {"unit": (0, OUT)})):
            at = len(d.read_log())
            r = c.add(*args, Suite(), **kw, **LIVES)
            if what.endswith("other ends") and not code(r):
                lib.diag("unit outweighs ends")
                c.delete(*args)
                continue
            ok(code(r) not in ("", "no reply"), "%s: %s is refused (%s)" % (
                name, what, code(r)))
            # later ones so soon after it are not logged
            if dialect == "linux" and what == "a peer of no interface":
                contains(d.read_log()[at:], part, "and the log says why")
        same(snapshot(d), before, name + ": none of them is there")
        c.must(c.flush())
        c.close()
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)


def outer_v6(d):
    c = pfkey.Client(d, "six", "openbsd")
    c.begin()
    spi = c.pair(A6, B6, 0x8801, **LIVES)
    same(sorted(states(d)), [("in", spi), ("out", 0x8801)], "IPv6 outside")
    r = c.get(0x8801, A6, B6)
    same((r.address(SRC), r.address(DST), r.dirty()), (A6, B6, []),
        "and in the reply")
    c.must(c.flush())
    c.close()


def udp_encap(d):
    for dialect in ("linux", "openbsd"):
        c = pfkey.Client(d, "natt-" + dialect, dialect)
        c.begin()
        r = c.must(c.add(0x8901, A, B, Suite(), encap=(4500, 40000), **LIVES))
        same(code(r), "", NAMES[dialect] + ": ADD with UDP encapsulation")
        r = c.get(0x8901, A, B)
        if dialect == "linux":
            same([struct.unpack(">H", r.at[k][4:6])[0] if r.has(k) else None
                for k in (LINUX.NAT_T_SPORT, LINUX.NAT_T_DPORT)], [4500,
                40000], NAMES[dialect] + ": GET has the ports")
        else:
            same(struct.unpack(">H", r.at[OPENBSD.UDPENCAP][4:6])[0] if
                r.has(OPENBSD.UDPENCAP) else None, 40000, NAMES[dialect] +
                ": GET has the port")
        # MOBIKE: another address, no keys, no lifetimes
        spi = c.must(c.getspi(B, A)).spi()
        c.must(c.update(spi, B, A, Suite(), encap=(40000, 4500), **LIVES))
        r = c.update(spi, "192.0.2.3", A, encap=(40001, 4500))
        same((code(r), d.sa("in", spi)["src"]), ("", "192.0.2.3"),
            NAMES[dialect] + ": UPDATE without keys moves an SA")
        c.must(c.update(spi, "192.0.2.3", A, **LIVES))
        same(d.sa("in", spi)["encap"], True, NAMES[dialect] + ": and a change "
            "of lifetimes leaves it in UDP")
        spi = c.must(c.getspi(B, A)).spi()
        same(code(c.update(spi, B, A, Suite(), unit=(0, OUT), **LIVES)),
            "EINVAL", NAMES[dialect] + ": UPDATE of an SPI of ours, outwards")
        c.must(c.flush())
        c.close()


# --- malformed ---

def exts_of(c, spi=0xa100, **kw):
    return c.sa_exts(spi, A, B, Suite(), **dict(LIVES, **kw))


def malformed(c):
    """(what, octets) of each message that must be refused.  It is otherwise
    a good ADD, or what is said."""
    d = c.dialect
    esp_type = d.ESP
    add = pfkey.TYPES["ADD"]

    def put(exts=None, kind=add, satype=esp_type, **kw):
        return pfkey.message(kind, satype, exts_of(c) if exts is None else
            exts, seq=77, **kw)

    good = exts_of(c)
    raw = put(good)
    for n in (0, 1, 15):
        if n:
            yield "%d octets" % n, raw[:n]
    yield "version 1", put(version=1)
    yield "version 0", put(version=0)
    yield "an errno in a request", put(error=5)
    yield "reserved in the header", put(reserved=1)
    for words in (0, 1, 2, len(raw) // 8 - 1, len(raw) // 8 + 1, 0xffff):
        yield "length field %d" % words, put(words=words)
    for n in (17, 23, 24, len(raw) - 8, len(raw) - 1):
        yield "cut to %d octets" % n, raw[:n]
    yield "one octet too many", raw + b"\0"
    yield "eight octets too many", raw + bytes(8)
    for kind in (0, 25, 200, 255):
        yield "message type %d" % kind, put(kind=kind)
    for satype in (0, 1 if d is LINUX else 3, 9, 250):
        yield "satype %d" % satype, put(satype=satype)
    for i, e in enumerate(good):
        k = struct.unpack("=HH", e[:4])[1]
        for words in sorted({0, 1, len(e) // 8 - 1, len(e) // 8 + 1, 0xffff} -
                {len(e) // 8}):
            bad = struct.pack("=HH", words, k) + e[4:]
            yield "extension %d of %d words" % (k, words), put(good[:i] +
                [bad] + good[i + 1:])
        yield "extension %d twice" % k, put(good + [e])
    for k in (SA, SRC, DST, KEY_ENCRYPT, KEY_AUTH):
        yield "no extension %d" % k, put([e for e in good if
            struct.unpack("=HH", e[:4])[1] != k])
    for k in (0, 99, 255, 0xffff):
        yield "extension type %d" % k, put(good + [pfkey.ext(k, bytes(12))])
    yield "an extension header alone", put(good + [struct.pack("=HHI", 1,
        CURRENT, 0)])
    yield from bad_values(c, put)


def changed(exts, kind, new):
    return [new if struct.unpack("=HH", e[:4])[1] == kind else e
        for e in exts]


def bad_values(c, put):
    d, good = c.dialect, exts_of(c)
    for bits in (0, 1, 7, 128, 160, 255, 264, 0xffff):
        yield "a cipher key of %d bits" % bits, put(changed(good, KEY_ENCRYPT,
            pfkey.key(KEY_ENCRYPT, os.urandom(32), bits)))
    for n in (0, 15, 31, 33, 64, 500):
        yield "a cipher key of %d octets" % n, put(changed(good, KEY_ENCRYPT,
            pfkey.key(KEY_ENCRYPT, os.urandom(n))))
    for n in (0, 20, 47, 49, 64):
        yield "a MAC key of %d octets" % n, put(changed(good, KEY_AUTH,
            pfkey.key(KEY_AUTH, os.urandom(n))))
    if d is OPENBSD:		# Linux does not look
        yield "an SA that is not mature", put(changed(good, SA, d.sa(0xa100,
            state=0, enc=12, auth=6)))
        yield "a port in an address", put(changed(good, DST,
            d.address(DST, B, port=7)))
    yield "SA state 9", put(changed(good, SA, d.sa(0xa100, state=9, enc=12,
        auth=6)))
    for text, what in (("0.0.0.0", "any"), ("224.0.0.1", "multicast"),
            ("255.255.255.255", "broadcast")):
        yield "a destination that is " + what, put(changed(good, DST,
            c.addr(DST, text)))
    yield "families that differ", put(changed(good, DST, c.addr(DST, B6)))
    short6 = c.addr(DST, B6)[:24]
    yield "an IPv6 address cut to 16 octets", put(changed(changed(good, SRC,
        c.addr(SRC, A6)), DST, struct.pack("=HH", 3, DST) + short6[4:]))
    yield "an address family 99", put(changed(good, DST, pfkey.ext(DST,
        bytes(4) + (b"\x63\0" if d is LINUX else b"\x10\x63") + bytes(14))))
    if d is OPENBSD:
        e = bytearray(c.addr(DST, B))
        for n in (0, 15, 28, 255):
            e[8] = n
            yield "a sockaddr of length %d" % n, put(changed(good, DST,
                bytes(e)))
    yield "a unit's direction 3", put(exts_of(c, unit=(0, 3)))
    yield "a unit of 2^32 - 1", put(exts_of(c, unit=(0xffffffff, OUT)))


def bad_requests(c):
    """The same for messages that are not an ADD."""
    d = c.dialect

    def put(kind, exts, satype=None):
        return pfkey.message(c.number(kind), d.ESP if satype is None else
            satype, exts, seq=78)

    ends = [c.addr(SRC, B), c.addr(DST, A)]
    for kind in ("GETSPI", "UPDATE", "DELETE", "GET"):
        yield kind + " with a header alone", put(kind, [])
        yield kind + " with addresses alone", put(kind, ends)
        yield kind + " without addresses", put(kind, [d.sa(0xa100)])
    yield "GETSPI with keys", put("GETSPI", [pfkey.spirange()] + ends +
        Suite().keys())
    if d is LINUX:
        flow = [c.addr(SRC, "10.1.0.0"), c.addr(DST, "10.2.0.0")]
        policy = LINUX.policy(OUT, (A, B))
        yield "SPDUPDATE without a policy", put("X_SPDUPDATE", flow, 0)
        yield "SPDUPDATE, direction 9", put("X_SPDUPDATE", flow + [
            LINUX.policy(9, (A, B))], 0)
        for n in (0, 1, 15, 16, 49, 0xffff):
            bad = bytearray(policy)
            bad[16:18] = struct.pack("=H", n)
            yield "an ipsecrequest of %d octets" % n, put("X_SPDUPDATE",
                flow + [bytes(bad)], 0)
        yield "prefix length 33", put("X_SPDUPDATE", [d.address(SRC,
            "10.1.0.0", proto=255, prefixlen=33), flow[1], policy], 0)
        yield "SPDGET without a policy", put("X_SPDGET", [], 0)
    else:
        yield "ADDFLOW with a header alone", put("X_ADDFLOW", [])
        yield "DELFLOW with a header alone", put("X_DELFLOW", [])
        yield "ASKPOLICY with a header alone", put("X_ASKPOLICY", [])


def refuses(d, dialect):
    """Each one: an errno with its seq, or (where there is no header to
    answer) the end of the connection; nothing has changed, and the next
    request works."""
    name = NAMES[dialect]
    c = pfkey.Client(d, "bad-" + dialect, dialect)
    c.begin()
    c.must(c.add(0xa001, A, B, Suite(), **LIVES))
    before = snapshot(d)
    taken, silent, closed, n = [], [], [], 0
    for what, raw in list(malformed(c)) + list(bad_requests(c)):
        n += 1
        c.send(raw)
        r = c.recv(2)
        if r is None and c.eof:
            closed.append(what)
            c.again()
            c.register(c.dialect.ESP)
        elif r is None:
            silent.append(what)
        elif r.errno == 0:
            taken.append(what)
            c.delete(0xa100, A, B)
        if snapshot(d) != before and what not in taken:
            same(snapshot(d), before, "%s: %s changes nothing" % (name, what))
            break
    same(taken, [], "%s: %d malformed messages, none taken" % (name, n))
    same(silent, [], name + ": none without an answer")
    lib.diag("connection ended by: %s" % closed)
    ok(all(w.endswith(" octets") or w.startswith("length") or
        w == "one octet too many" for w in closed), name + ": the connection "
        "ends only for what has no whole header")
    same(snapshot(d), before, name + ": nothing has changed")
    same(code(c.get(0xa001, A, B)), "", name + ": and the next is answered")
    big = pfkey.message(pfkey.TYPES["ADD"], c.dialect.ESP, exts_of(c) +
        [pfkey.ext(CURRENT, bytes(60000))], seq=79)
    c.send(big)
    r = c.recv(2)
    ok(r is None or r.errno != 0, name + ": 60,000 octets are refused")
    if r is None:
        c.again()
    c.must(c.flush())
    c.close()


def flood(d):
    """Many of everything: limits, not growth."""
    c = pfkey.Client(d, "flood")
    c.begin()
    last = None
    for _ in range(3000):
        last = c.getspi(B, A)
        if last.errno:
            break
    lib.diag("GETSPI: refused %s after %d SPIs" % (code(last) or "nothing",
        len(d.sas())))
    c.must(c.flush())
    same(states(d), {}, "FLUSH after 3000 GETSPIs leaves none")
    idle = [pfkey.Client(d, "idle%d" % i) for i in range(60)]
    same(code(c.getspi(B, A)), "", "60 idle connections disturb nobody")
    for i in idle:
        i.close()
    c.must(c.flush())
    c.close()


def not_root(d):
    path = d.run + "/pfkey.sock"
    same((os.stat(path).st_mode & 0o7777, os.stat(path).st_uid), (0o600, 0),
        "pfkey.sock is root's, 0600")
    os.chmod(path, 0o666)		# so that the second check is seen
    script = "import socket\ns = socket.socket(socket.AF_UNIX, " \
        "socket.SOCK_SEQPACKET)\ns.settimeout(5)\ntry:\n    s.connect(%r)\n" \
        "    s.send(bytes.fromhex(%r))\n    r = s.recv(100)\nexcept OSError " \
        "as e:\n    r = b''\nprint(len(r))\n" % (path,
        pfkey.message(pfkey.TYPES["FLUSH"], 0).hex())
    r = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534",
        "--clear-groups", "/usr/bin/python3", "-c", script], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    same(r.stdout.strip(), "0", "another user gets no answer, even when the "
        "file's mode lets him in")
    os.chmod(path, 0o600)


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B), v6=(A6, B6))
    for addr in ("192.0.2.3", "192.0.2.4"):
        b.run("ip addr add %s/24 dev eth0" % addr)
    d = daemon.Secd(a, SINGLE).start()
    for dialect in ("linux", "openbsd"):
        basics(d, dialect)
    narrow(d)		# before a flood of lines that the parent cuts off
    refused_update(d)
    spis(d)
    suites(d)
    owners(d)
    shown(d)
    outer_v6(d)
    udp_encap(d)
    switching(d, b)
    onto_nat(d, b)
    expiry(d, b)
    for dialect in ("linux", "openbsd"):
        refuses(d, dialect)
    flood(d)
    not_root(d)
    same(sorted(set(d.pids())), ["control", "engine", "parent"],
        "all processes are alive")
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)
    acquire(a)
    mapping(a)


lib.run(main)
