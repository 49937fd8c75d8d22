#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Every verb of secctl against a live secd, in text and in JSON, in full and cut
# short; and what it does can be seen in the kernel.
#
#        namespace a                              namespace b
#   sec0 of secd.conf, sec1.. of secctl      (nobody opens it)
#        secd  |                                  |
#         eth0 192.0.2.1 ------------------- 192.0.2.2 eth0
#              2001:db8::1                2001:db8::2

import json
import os
import re
import signal
import stat
import subprocess

import daemon
import esp
import lib
from lib import contains, ok, same

A, B = "192.0.2.1", "192.0.2.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
CONF = "interface sec0 { description \"to b\"; local %s peer %s; inet " \
    "10.9.0.1/30 10.9.0.2\n inet6 fd09::1/126 fd09::2; mtu 1400; replay 128 }" \
    "\n" % (A, B)


def quiet(d, command, input=None):
    """A command that succeeds and says nothing."""
    r = d.ctl(*command.split(), input=input)
    same((r.rc, r.out, r.err), (0, "", ""), "%s: done, in silence" % command)


def interfaces(a, d):
    r = d.ctl("show")
    same((r.rc, r.err), (0, ""), "show")
    same(d.ctl("show", "interfaces").out, r.out, "show interfaces is the same")
    for part in ("sec0: up", "no carrier", "to b", A, B, "10.9.0.1/30",
            "fd09::1/126", "mtu 1400"):
        contains(r.out, part, "show: '%s'" % part)
    row = d.iface("sec0")
    for key, want in (("description", "to b"), ("local", A), ("peer", B),
            ("mtu", 1400), ("dynamic", False), ("up", True),
            ("carrier", False), ("replay", 128), ("link_state", "sa"),
            ("sas_in", 0), ("sas_out", 0), ("spi_out", None)):
        same(row[key], want, "show -j: %s" % key)
    same(row["addresses"], [
        {"address": "10.9.0.1", "prefixlen": 30, "far": "10.9.0.2"},
        {"address": "fd09::1", "prefixlen": 126, "far": "fd09::2"}],
        "show -j: addresses")
    quiet(d, "interface sec0 down")
    ok("UP" not in daemon.device(a)["flags"], "the kernel has it down")
    same(d.iface()["up"], False, "and show says so")
    contains(d.ctl("show").out, "sec0: down", "in text too")
    quiet(d, "interface sec0 up")
    ok("UP" in daemon.device(a)["flags"], "the kernel has it up")


def create_and_destroy(a, d):
    quiet(d, "create sec1 local %s peer %s inet 10.9.1.1/30 10.9.1.2 inet6 "
        "fd09:1::1/64 mtu 1300 output packet" % (A6, B6))
    dev = daemon.device(a, "sec1")
    same(dev["mtu"], 1300, "the kernel has its mtu")
    ok("UP" in dev["flags"], "it is up")
    same([(x.get("local"), x.get("address"), x["prefixlen"]) for x in
        dev["addr_info"] if x.get("scope") != "link"],
        [("10.9.1.1", "10.9.1.2", 30), ("fd09:1::1", None, 64)],
        "and its addresses")
    row = d.iface("sec1")
    same((row["dynamic"], row["local"], row["peer"], row["output"]),
        (True, A6, B6, "packet"), "show -j: dynamic, outer addresses, output")
    contains(d.ctl("show", "interfaces", "sec1").out, "dynamic",
        "show: dynamic")
    quiet(d, "create sec2")
    same(d.iface("sec2")["mtu"], 1280, "mtu 1280 if nothing is said")
    quiet(d, "reload")
    ok(daemon.device(a, "sec1") and daemon.device(a, "sec2"),
        "they survive a reload")
    before = d.iface("sec1")
    index = daemon.device(a, "sec1")["ifindex"]
    same(d.stop(), 0, "stop")
    d.start()
    after = d.iface("sec1")
    kept = ("mtu", "local", "peer", "addresses", "dynamic", "output")
    same({k: after[k] for k in kept}, {k: before[k] for k in kept},
        "and a restart, with their parameters")
    same(daemon.device(a, "sec1")["ifindex"], index, "as the same device")
    quiet(d, "destroy sec1")
    same(daemon.device(a, "sec1"), None, "the device is gone")
    quiet(d, "create sec1")
    quiet(d, "destroy sec1")
    quiet(d, "destroy sec2")
    same([r["name"] for r in d.json("interfaces")["interfaces"]], ["sec0"],
        "show: one is left")
    same(d.stop(), 0, "stop")
    d.start()
    same([r["name"] for r in d.json("interfaces")["interfaces"]], ["sec0"],
        "also after a restart")


def sas(a, d):
    r = d.ctl("show", "sa")
    same((r.rc, r.err), (0, ""), "show sa without SAs")
    same(d.json("sa"), {"sas": []}, "show -j sa: none")
    keys = [esp.new_key(256), esp.new_key(128), esp.new_key(192)]
    files = [daemon.key_file("k%d" % i, k) for i, k in enumerate(keys)]
    quiet(d, "add sa sec0 out spi 0x1001 src %s dst %s enc aes-256-gcm key "
        "file %s" % (A, B, files[0]))
    ok(not daemon.carrier(a), "an outbound SA alone: no carrier")
    same(d.iface()["carrier"], False, "show -j: no carrier")
    contains(d.iface()["no_carrier_reason"], "inbound", "show -j: and why")
    quiet(d, "add sa sec0 in spi 4098 src %s dst %s enc aes-128-gcm key file "
        "- esn replay 512 seq 7" % (B, A), input=keys[1].hex() + "\n")
    r = d.ctl("show", "sa")
    for part in ("sec0 out spi 0x00001001 %s -> %s aes-256-gcm" % (A, B),
            "sec0 in  spi 0x00001002 %s -> %s aes-128-gcm" % (B, A),
            "replay window 512", "esn", "never used"):
        contains(r.out, part, "show sa: '%s'" % part)
    for k in keys:
        ok(k[:8].hex() not in r.out, "show sa prints no key")
    out, into = d.sa("out", 0x1001), d.sa("in", 0x1002)
    for row, want in ((out, {"interface": "sec0", "src": A, "dst": B, "enc":
            "aes-256-gcm", "auth": None, "state": "active", "esn": False,
            "static": True, "configured": False, "replay": None, "seq": 0,
            "packets": 0, "bytes": 0, "used": None}),
            (into, {"src": B, "dst": A, "enc": "aes-128-gcm", "esn": True,
            "replay": 512, "seq": 7, "mark": None})):
        same({k: row[k] for k in want}, want, "show -j sa: the %s one" %
            row["direction"])
    ok(out["mark"] >= 2 ** 14, "numbers are reserved")
    text = json.dumps(d.json("sa"))
    ok(not any(k[:8].hex() in text for k in keys), "show -j sa: no key")
    ok(daemon.carrier(a), "an SA each way: sec0 has a carrier")
    contains(d.ctl("show").out, "sending with spi 0x00001001",
        "show: the outbound SA")
    same(d.iface()["spi_out"], "0x00001001", "show -j: the outbound SA")
    quiet(d, "add sa sec0 out spi 0x1003 src %s dst %s enc aes-192-gcm key "
        "file %s" % (A, B, files[2]))
    same(d.sa("out", 0x1003)["state"], "standby", "a newer one stands by")
    lib.until(lambda: d.iface()["spi_out"] == "0x00001003", "the newer one to "
        "take over, after the delay")
    same(d.sa("out", 0x1001)["state"], "standby", "the older one stands by")
    quiet(d, "remove sa spi 0x1003 dst %s" % B)
    same(d.iface()["spi_out"], "0x00001001", "removed: the older one is back")
    daemon.flood(a, "10.9.0.1", "10.9.0.2", 5)
    lib.until(lambda: d.sa("out", 0x1001)["packets"] == 5, "5 packets")
    row = d.sa("out", 0x1001)
    same((row["seq"], row["bytes"]), (5, 5 * 44), "5 packets of 44 octets")
    ok(row["used"] >= row["added"] and row["idle"] <= 5, "used, just now")
    contains(d.ctl("show", "sa").out, "5 packets, 220 bytes", "show sa: them")
    quiet(d, "flush sa sec0")
    same(d.sas(), {}, "flush: none is left")
    ok(not daemon.carrier(a), "and the carrier has gone")
    quiet(d, "flush sa")


def many(a, d):
    """More SAs than one answer holds, by one -f; a mistake stops it there."""
    lines = ["# a comment", ""]
    for i in range(70):
        lines.append("add sa sec0 in spi %d src %s dst %s enc aes-128-gcm key "
            "file \"%s\"" % (5000 + i, B, A, daemon.key_file("m%d" % i,
            esp.new_key(128))))
    path = os.path.join(lib.tmpdir(), "commands")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    quiet(d, "-f " + path)
    same(sorted(s for _, s in d.sas()), list(range(5000, 5070)),
        "show -j sa: 70 SAs, each once")
    same(len(re.findall("spi 0x", d.ctl("show", "sa", quiet=True).out)), 70,
        "show sa: 70")
    text = "flush sa\nshow sa\nremove sa spi 300 dst %s\ncreate sec3\n" % B
    r = d.ctl("-f", "-", input=text)
    same(r.rc, 1, "-f -: a refused command gives exit 1")
    contains(r.err, ":3:", "and the line")
    same((d.sas(), daemon.device(a, "sec3")), ({}, None),
        "those before were done, that behind was not")
    r = d.ctl("-f", "-", input="flush sa\nnonsense\n")
    same(r.rc, 2, "-f -: nonsense gives exit 2")


def crowd(d, n=6000):
    """Many SAs flushed in one go, while the parent has no time to listen."""
    path = os.path.join(lib.tmpdir(), "crowd")
    with open(path, "w") as f:
        for i in range(n):
            f.write("add sa sec0 in spi %d src %s dst %s enc aes-128-gcm key "
                "file \"%s\"\n" % (0x10000 + i, B, A,
                daemon.key_file("c%d" % i, esp.new_key(128))))
    quiet(d, "-f " + path)
    same(len(d.sas()), n, "%d SAs" % n)
    os.kill(d.pid(), signal.SIGSTOP)
    try:
        quiet(d, "flush sa")
    finally:
        os.kill(d.pid(), signal.SIGCONT)
    same(d.sas(), {}, "flushed in one go")
    same(d.ctl("show", "process", quiet=True).rc, 0, "secd goes on")


def drops(a, d):
    r = d.ctl("show", "drops")
    same((r.rc, r.err), (0, ""), "show drops")
    peer = esp.RawPeer(a, A, A)
    before = d.stray().get("no-sa", 0)
    peer.send(esp.Esp(0x7777, esp.new_key(128)).seal(bytes(20), nh=59))
    lib.until(lambda: d.stray().get("no-sa", 0) > before, "a drop")
    ok(re.search(r"^-\s+no-sa\s+%d$" % (before + 1), d.ctl("show",
        "drops").out, re.M), "show drops: no-sa of no interface")
    names = set(d.json("drops")["drops"]["stray"])
    for name in ("bad-icv", "replay", "too-old", "no-outbound-sa", "seq-held",
            "seq-end", "dummy", "no-sa"):
        ok(name in names, "show -j drops has %s" % name)
    same(set(d.json("drops")["drops"]["sec0"]),
        names | {"link-down", "queue-full"},
        "the same names for sec0, and what the kernel drops")
    # no carrier: the kernel drops before secd sees them
    before = d.drops().get("link-down", 0)
    daemon.flood(a, "10.9.0.1", "10.9.0.2", 3)
    lib.until(lambda: d.drops().get("link-down", 0) >= before + 3,
        "link-down drops")
    ok(True, "drops by the kernel without a carrier are shown as link-down")
    contains(d.ctl("show").out, "link-down", "show: link-down")


def crypto(d):
    r = d.ctl("show", "crypto")
    same((r.rc, r.err), (0, ""), "show crypto")
    doc = d.json("crypto")
    same(len(doc["suites"]), 16, "show -j crypto: every suite")
    ok({s["backend"] for s in doc["suites"]} <= {"libcrypto", "ipsec-mb"},
        "show -j crypto: each by a library that is known")
    contains(r.out, "crypto backend %s, %s" % (doc["choice"], doc["why"]),
        "show crypto: the choice, and why")
    contains(open(d.log).read(), "crypto backend %s, %s" % (doc["choice"],
        doc["why"]), "secd logged it at its start")


def process(d):
    r = d.ctl("show", "process")
    doc = d.json("process")
    same(doc["configuration"], d.conf, "show -j process: configuration")
    same(doc["run_directory"], d.run, "show -j process: run directory")
    same(doc["state_directory"], d.state, "show -j process: state directory")
    same(sorted(p["title"] for p in doc["processes"]), ["control", "engine",
        "parent"], "show -j process: processes")
    for part in ("secd " + doc["version"], d.conf, d.run, d.state,
            "pid %d" % d.pid()):
        contains(r.out, part, "show process: '%s'" % part)
    same(subprocess.run([daemon.program("secd"), "-V"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.split()[1],
        doc["version"], "secd -V says the same version")


def genkey(d):
    for enc, octets in (("aes-128-gcm", 20), ("aes-192-gcm", 28),
            ("aes-256-gcm", 36)):
        one, two = d.ctl("genkey", enc), d.ctl("genkey", enc)
        ok(re.fullmatch("[0-9a-f]{%d}\n" % (2 * octets), one.out),
            "genkey %s: %d octets in hex" % (enc, octets))
        ok(one.out != two.out, "genkey %s: another each time" % enc)
    path = os.path.join(lib.tmpdir(), "open-to-all")
    with open(path, "w") as f:
        os.chmod(path, 0o644)
        r = subprocess.run([daemon.program("secctl"), "genkey",
            "aes-256-gcm"], stdout=f, stderr=subprocess.PIPE, text=True)
    same((r.returncode, os.stat(path).st_size), (1, 0),
        "genkey writes no key to a file that others can read")
    contains(r.stderr, "umask 077", "and says what to do")


def monitor(d):
    heard = []
    for extra in ([], ["-j"]):
        p = d.ns.popen([daemon.program("secctl"), *extra, "-s", d.socket,
            "monitor"], stdout=subprocess.PIPE)
        lines = lib.Lines(p.stdout.fileno())
        # it listens when it first says something
        lib.until(lambda: d.must("reload") == "" and lines.line(0.2),
            "a monitor")
        heard.append((p, lines))
    quiet(d, "create sec4")
    quiet(d, "destroy sec4")
    (text, tlines), (doc, jlines) = heard
    line = about(tlines, "sec4")
    ok(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+: .*sec4", line),
        "monitor: a line with the time: " + line)
    event = json.loads(about(jlines, "sec4"))
    ok("sec4" in event["text"] and event["time"] > 0 and event["priority"],
        "monitor -j: a document a line")
    ok(lib.end(text, signal.SIGINT) in (0, 130, -2), "monitor ends by ^C (%s)"
        % text.returncode)
    quiet(d, "log verbose")
    quiet(d, "log brief")
    lib.end(doc, signal.SIGTERM)


def about(lines, word):
    """The next line with the word in it."""
    while True:
        line = lines.line(2)
        if line is None:
            raise lib.Failure("the monitor says nothing of " + word)
        if word in line:
            return line


def reload(a, d):
    d.configure(CONF.replace("mtu 1400", "mtu 1350") +
        "interface sec8 { inet 10.9.8.1/24 }\n")
    quiet(d, "reload")
    same(daemon.device(a)["mtu"], 1350, "reload: the new mtu")
    ok(daemon.device(a, "sec8"), "reload: a new interface")
    d.configure(CONF)
    quiet(d, "reload")
    same(daemon.device(a)["mtu"], 1400, "reload: the old one again")
    same(daemon.device(a, "sec8"), None, "reload: gone again")


def words(d):
    """Short forms, help, and usage."""
    for short in ("sh i", "sho int", "s i"):
        r = d.ctl(*short.split())
        if short == "s i":
            same(r.rc, 2, "'s i' is ambiguous")
            contains(r.err, "show", "candidates")
            contains(r.err, "stop", "candidates, all of them")
        else:
            same(r.rc, 0, "'%s' is show interfaces" % short)
            contains(r.out, "sec0:", "and shows them")
    r = d.ctl("help")
    for verb in ("add", "create", "destroy", "flush", "genkey", "interface",
            "log", "monitor", "reload", "remove", "show", "stop"):
        contains(r.out, verb, "help: " + verb)
    same(d.ctl("frobnicate").rc, 2, "an unknown word: exit 2")
    same(d.ctl().rc, 2, "no command: exit 2")
    contains(d.ctl("-V").out, "0.", "secctl -V")


def who_may(a, d):
    same(stat.S_IMODE(os.stat(d.socket).st_mode), 0o600,
        "control.sock is 0600")
    r = a.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        daemon.program("secctl"), "-s", d.socket, "show"], check=False)
    same(r.rc, 3, "another user cannot talk to secd")
    contains(r.err, d.socket, "and is told so")


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B), v6=(A6, B6))
    d = daemon.Secd(a, CONF).start()
    interfaces(a, d)
    create_and_destroy(a, d)
    sas(a, d)
    many(a, d)
    crowd(d)
    drops(a, d)
    crypto(d)
    process(d)
    genkey(d)
    monitor(d)
    reload(a, d)
    words(d)
    who_may(a, d)
    quiet(d, "stop -d")
    same(d.process.wait(daemon.PROMPT), 0, "stop -d: exit 0")
    same(daemon.device(a), None, "and the device is gone")
    ok(not os.path.exists(d.socket), "and the socket")


lib.run(main)
