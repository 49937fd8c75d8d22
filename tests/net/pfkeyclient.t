#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Key managers built on the two headers that secd installs, each holding the
# conversations of iked and isakmpd in its dialect: what secd answers, and what
# secctl then shows.  Last, one secd is fed by the one and its peer by the
# other, and what they agreed on carries traffic.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0, 10.9.7.1 on sec7       10.9.0.2 on sec0, 10.9.7.2 on sec7
#         eth0 192.0.2.1 ------------------- 192.0.2.2, .3 eth0

import os
import subprocess

import daemon
import lib
from lib import contains, ok, same

A, B, B2 = "192.0.2.1", "192.0.2.2", "192.0.2.3"
PROGRAM = os.path.join(lib.HERE, "pfkey_client_")
NAMES = {"obsd": "OpenBSD's dialect", "linux": "Linux's dialect"}
TWO = "interface sec0 { local %s peer %s; inet 10.9.0.%d/24; acquire yes }\n" \
    "interface sec7 { inet 10.9.7.%d/24 }\n"
LIVES = "soft=9000 hard=10800"
AUTH = {"sha256": ("hmac-sha2-256", 32), "sha384": ("hmac-sha2-384", 48),
    "sha512": ("hmac-sha2-512", 64)}


def gcm(bits=128):
    """Words of a suite, with a key of its own."""
    return "enc=gcm key=" + os.urandom(bits // 8 + 4).hex()


def cbc(auth="sha256", bits=256):
    return "enc=cbc key=%s auth=%s mac=%s" % (os.urandom(bits // 8).hex(),
        auth, os.urandom(AUTH[auth][1]).hex())


class Client:
    """The program of a dialect, connected to a secd."""

    def __init__(self, d, which):
        self.which, self.name = which, "client-" + which
        self.process = d.ns.popen([PROGRAM + which, d.run + "/pfkey.sock",
            self.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = lib.Lines(self.process.stdout.fileno())

    def say(self, command):
        """Its answer to a command, without the command's name."""
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        line = self.lines.line()
        if line is None:
            raise lib.Failure("no answer to '%s'" % command)
        return line.split(": ", 1)[1]

    def must(self, command):
        answer = self.say(command)
        if answer.split()[0] != "ok":
            raise lib.Failure("%s: %s" % (command, answer))
        return answer[3:]

    def spi(self, src=B):
        return int(self.must("getspi src=%s dst=%s" % (src, A)), 16)

    def begin(self):
        for command in ("flush", "register esp", "register ah"):
            same(self.say(command), "ok", "%s: %s" % (NAMES[self.which],
                command))

    def end(self):
        self.process.stdin.close()
        self.process.wait(daemon.PROMPT)


def out(spi, words, src=A, dst=B):
    return "spi=0x%x src=%s dst=%s way=out %s" % (spi, src, dst, words)


def into(spi, words, src=B, dst=A):
    return "spi=0x%x src=%s dst=%s way=in %s" % (spi, src, dst, words)


def suite(row):
    return (row["enc"], row["auth"], row["esn"])


def place(row):
    return (row["interface"], row["rule"])


def ends(row):
    return (row["src"], row["dst"])


def encap(row):
    return (row["encap"], row["sport"], row["dport"])


def wrong_unit(d, c):
    """First of all refusals, since those soon after it are not logged."""
    at = len(d.read_log())
    same(c.say("add " + out(0xb009, "unit=9 " + gcm())), "ENXIO",
        NAMES[c.which] + ": ADD with a unit that is not there is refused")
    try:			# it is written by another process
        lib.until(lambda: "sec9" in d.read_log()[at:], "the log", 2)
    except lib.Failure:
        pass
    contains(d.read_log()[at:], "sec9", "and the log names the interface")
    spi = c.spi()
    same(c.say("update " + into(spi, "unit=9 " + gcm())), "ENXIO",
        NAMES[c.which] + ": so is UPDATE")
    same({k: r["state"] for k, r in d.sas().items()}, {("in", spi): "larval"},
        "and neither is there")
    c.must("delete " + into(spi, ""))


def units(d, c):
    """A tunnel on sec7, as its unit says."""
    name, spi = NAMES[c.which], c.spi()
    row = d.sa("in", spi)
    same((row["state"], ends(row)), ("larval", (B, A)), name + ": GETSPI")
    same(c.say("add " + out(0xb001, "unit=7 esn=1 %s %s" % (gcm(), LIVES))),
        "ok", name + ": ADD")
    same(c.say("update " + into(spi, "unit=7 esn=1 %s %s" % (gcm(256),
        LIVES))), "ok", name + ": UPDATE")
    for key, bits in ((("out", 0xb001), 128), (("in", spi), 256)):
        row = d.sas().get(key)
        if not ok(row is not None, "%s: an SA %s" % (name, key[0])):
            continue
        same(suite(row), ("aes-%d-gcm" % bits, None, True), "its suite, "
            "with ESN")
        same(place(row), ("sec7", "unit"), "its interface, by the unit")
        same(ends(row), (A, B) if key[0] == "out" else (B, A), "its ends")
        same(encap(row), (False, None, None), "no encapsulation")
        same((row["soft"]["added"], row["hard"]["added"]), (9000, 10800),
            "its lifetimes")
        same(row["owner"]["name"], c.name, "its owner")
    same(c.say("add " + out(0xb001, "unit=7 " + gcm())), "EEXIST", name +
        ": ADD of what is there")
    same(c.say("update " + into(0xdead, "unit=7 " + gcm())), "ESRCH", name +
        ": UPDATE of what is not")
    return spi


def got(d, c, spi):
    """GET before and after use."""
    name = NAMES[c.which]
    want = "ok soft 9000 hard 10800 added now first %s last %s iface 7 %s " \
        "esn 1 enc gcm"
    for way, words in (("out", out(0xb001, "")), ("in", into(spi, ""))):
        same(c.say("get " + words), want % ("never", "absent", way), "%s: GET "
            "of an SA %s, never used" % (name, way))
    daemon.settle(d.ns, "sec7")
    lib.until(lambda: d.sa("out", 0xb001)["state"] == "active", "the SA")

    def used():
        daemon.flood(d.ns, "10.9.7.1", "10.9.7.2", 1)
        return d.sa("out", 0xb001)["used"]
    lib.until(used, "its use")
    same(c.say("get " + out(0xb001, "")), want % ("now", "now", "out"), name +
        ": GET when it has been used")
    same(c.say("get " + out(0xb00f, "")), "ESRCH", name + ": GET of what is "
        "not there")


def moves(d, c, spi):
    """The peer has another address: no keys in it."""
    name = NAMES[c.which]
    same([c.say("update " + w) for w in (out(0xb001, "unit=0"), into(spi,
        "unit=9"), "spi=0xb001 src=%s dst=%s way=in unit=7" % (A, B))],
        ["EINVAL"] * 3, name + ": UPDATE to another unit or the other "
        "direction is refused")
    same({place(r) for r in d.sas().values()}, {("sec7", "unit")},
        "the SAs have stayed")
    to = "update " + (out(0xb001, "unit=7 proxy=" + B2) if c.which == "obsd"
        else out(0xb001, "unit=7", dst=B2))
    same(c.say(to), "ok", name + ": UPDATE of the outbound SA's address")
    same(c.say("update " + into(spi, "unit=7", src=B2)), "ok", name +
        ": and of the inbound one's")
    rows = d.sas()
    same([ends(rows[k]) for k in (("out", 0xb001), ("in", spi))], [(A, B2),
        (B2, A)], "they have moved")
    same([suite(rows[k])[0] for k in (("out", 0xb001), ("in", spi))],
        ["aes-128-gcm", "aes-256-gcm"], "with their keys")
    same([(rows[k]["soft"]["added"], rows[k]["hard"]["added"]) for k in
        (("out", 0xb001), ("in", spi))], [(9000, 10800)] * 2,
        "and their lifetimes")
    same([c.say("delete " + w) for w in (out(0xb001, "", dst=B2), into(spi,
        "", src=B2))], ["ok", "ok"], name + ": DELETE")
    same(d.sas(), {}, "they are gone")
    same(c.say("delete " + into(spi, "", src=B2)), "ESRCH", name + ": DELETE "
        "of what is gone")


def pairs(d, c):
    """Without a unit, and AES-CBC: the interface with those ends."""
    name, want = NAMES[c.which], {}
    for n, auth in enumerate(AUTH):
        for esn in (0, 1):
            spi = 0xb010 + 2 * n + esn
            same(c.say("add " + out(spi, "esn=%d %s" % (esn, cbc(auth)))),
                "ok", "%s: ADD with AES-CBC and %s, no unit" % (name, auth))
            want["out", spi] = (("aes-256", AUTH[auth][0], bool(esn)),
                ("sec0", "address pair"))
    spi = c.spi()
    same(c.say("update " + into(spi, cbc("sha512", 192))), "ok", name +
        ": UPDATE likewise")
    want["in", spi] = (("aes-192", "hmac-sha2-512", False), ("sec0",
        "address pair"))
    same({k: (suite(r), place(r)) for k, r in d.sas().items()}, want, name +
        ": on the interface between these addresses")
    same(c.say("add " + out(0xb020, cbc(), dst=B2)), "ENXIO", name + ": ADD "
        "for a pair of no interface is refused")
    got_iface = c.say("get " + into(spi, ""))
    contains(got_iface, "enc cbc", name + ": GET")
    contains(got_iface, "iface 0 in" if c.which == "obsd" else "iface none",
        name + ": GET has the unit where the dialect has it" if c.which ==
        "obsd" else name + ": GET has no unit unless the sender named it")
    same(c.say("flush"), "ok", name + ": FLUSH")
    same(d.sas(), {}, "takes them")


def natt(d, c):
    """UDP encapsulation; the peer is behind a NAT."""
    name = NAMES[c.which]
    for unit in ("unit=7 ", ""):
        what = name + (", by unit" if unit else ", by pair")
        spi = c.spi()
        same([c.say("add " + out(0xb030, unit + "encap=4500,40000 " + gcm())),
            c.say("update " + into(spi, unit + "encap=40000,4500 " +
            gcm()))], ["ok", "ok"], what + ": ADD and UPDATE with UDP "
            "encapsulation")
        rows = d.sas()
        same([encap(rows[k]) for k in (("out", 0xb030), ("in", spi))],
            [(True, 4500, 40000), (True, 40000, 4500)], "their ports")
        same([c.say("update " + w) for w in (out(0xb030, unit +
            "encap=4500,40001"), into(spi, unit + "encap=40001,4500"))],
            ["ok", "ok"], what + ": UPDATE of the peer's port")
        rows = d.sas()
        same([encap(rows[k]) for k in (("out", 0xb030), ("in", spi))],
            [(True, 4500, 40001), (True, 40001, 4500)], "the new ports")
        c.must("flush")
        again = into(spi, unit + "encap=40000,4500 " + gcm())
        same([c.say("update " + again), c.say("add " + again)], ["ESRCH",
            "ok"], what + ": UPDATE of what was flushed, then ADD")
        same(encap(d.sa("in", spi)), (True, 40000, 4500), "its ports")
        c.must("flush")


def expiry(c):
    name, spi = NAMES[c.which], c.spi()
    c.must("update " + into(spi, "unit=7 soft=1 hard=2 " + gcm()))
    same([c.say("wait") for _ in range(2)], ["ok expire %s 0x%08x" % (k, spi)
        for k in ("soft", "hard")], name + ": EXPIRE, soft and then hard")
    same(c.say("get " + into(spi, "")), "ESRCH", name + ": and it is gone")


def flows(d, c):
    """What iked installs beside SAs, and asks for after an ACQUIRE."""
    name = NAMES[c.which]
    nets = {"out": "src=10.1.0.0/24 dst=10.2.0.0/16",
        "in": "src=10.2.0.0/16 dst=10.1.0.0/24"}
    words = {w: "way=%s %s local=%s peer=%s" % (w, nets[w], A, B)
        for w in nets}
    for way in ("out", "in"):
        same(c.say("flow " + words[way]), "ok", "%s: a flow %s" % (name, way))
    same(d.json("clients")["clients"][0]["policies"], 2, "secd has two flows")
    daemon.settle(d.ns, "sec0")
    daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 1)
    asked = c.say("wait")
    if ok(asked.startswith("ok acquire "), name + ": ACQUIRE"):
        same(c.say("policy id=%s %s" % (asked.split()[2], words["out"])),
            "ok", name + ": what it is for is that flow")
    else:
        lib.diag(asked)
    for way in ("out", "in"):
        same(c.say("unflow " + words[way]), "ok", "%s: no flow %s" % (name,
            way))
    same(d.json("clients")["clients"][0]["policies"], 0, "secd has none")
    same(c.say("unflow " + words["in"]), "ENOENT", name + ": no such flow "
        "any more")


def conversation(a, which):
    d = daemon.Secd(a, TWO % (A, B, 1, 1), tag=which).start()
    c = Client(d, which)
    c.begin()
    row = d.json("clients")["clients"][0]
    same((row["owner"]["name"], row["pid"], row["dialect"],
        row["registered"]), (c.name, c.process.pid, {"obsd": "openbsd"}.get(
        which, which), ["ah", "esp"]), NAMES[which] + ": show clients")
    wrong_unit(d, c)
    spi = units(d, c)
    got(d, c, spi)
    moves(d, c, spi)
    pairs(d, c)
    natt(d, c)
    expiry(c)
    flows(d, c)
    c.end()
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)


def once(d, which, *commands):
    """The program with its commands in its arguments; what it says."""
    r = d.ns.run([PROGRAM + which, d.run + "/pfkey.sock", "once", *commands],
        quiet=True)
    return r.out.splitlines()


def traffic(a, b):
    """The same keys and SPIs to both ends, each in its own dialect."""
    secds = [daemon.Secd(ns, TWO % (*pair, n, n), tag="mirror-" +
        ns.tag).start() for ns, pair, n in ((a, (A, B), 1), (b, (B, A), 2))]
    for what, iface, unit, words in (
            ("AES-GCM and ESN, by unit", "sec7", "unit=7 ", lambda:
                "esn=1 " + gcm(256)),
            ("AES-CBC and HMAC, by pair", "sec0", "", cbc)):
        spis = [0xc000 + len(unit), 0xd000 + len(unit)]
        there, back = words(), words()
        add = [out(spis[0], unit + there), out(spis[1], unit + back, B, A)]
        take = [into(spis[0], unit + there, A, B), into(spis[1], unit + back)]
        same(once(secds[0], "obsd", "register esp", "update " + take[1],
            "add " + take[1], "add " + add[0]), ["register: ok",
            "update: ESRCH", "add: ok", "add: ok"], what + ": one end from "
            "OpenBSD's dialect")
        same(once(secds[1], "linux", "register esp", "update " + take[0],
            "add " + take[0], "add " + add[1]), ["register: ok",
            "update: ESRCH", "add: ok", "add: ok"], "the other from Linux's")
        for d in secds:
            lib.until(lambda: [r["state"] for r in d.sas(iface).values()] ==
                ["active"] * 2, "both SAs")
            daemon.settle(d.ns, iface)
        here, far = ("10.9.%s.%d" % (iface[3:], n) for n in (1, 2))
        capture = lib.Capture(a)
        same(lib.ping(a, here, far, 3), 3, what + ": ping")
        same(lib.ping(b, far, here, 3, size=1200), 3, "and back")
        frames = capture.stop()
        lib.none(lib.cleartext(frames, (A, B)), "nothing in clear")
        found = {s for _, _, s, _ in lib.esp_packets(frames)}
        same(found, set(spis), "both SPIs on the wire")
        for d in secds:
            same({r["esn"] for r in d.sas(iface).values()}, {"esn=1" in
                there}, "secd (%s): ESN or not" % d.tag)


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    b.run("ip addr add %s/24 dev eth0" % B2)
    for which in ("obsd", "linux"):
        conversation(a, which)
    traffic(a, b)


lib.run(main)
