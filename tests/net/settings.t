#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# What secd is told at its start: each setting is taken and shown, and a reload
# with another value is refused by its name and changes nothing.  The output of
# an interface, which a reload does change.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         (nobody opens it)
#        secd  |                                  |
#         eth0 192.0.2.1 ------------------- 192.0.2.2 eth0

import daemon
import lib
from lib import contains, ok, same

A, B = "192.0.2.1", "192.0.2.2"
ALL = ["tso", "uso", "merge", "gso", "gro"]

# What the file says; workers, crypto backend, offload then; the text of it
SETTINGS = (
    ("", 1, "auto", ALL, "workers 1, crypto backend auto, offload all"),
    ("workers 4", 4, "auto", ALL,
        "workers 4, crypto backend auto, offload all"),
    ("workers 16; crypto backend libcrypto", 16, "libcrypto", ALL,
        "workers 16, crypto backend libcrypto, offload all"),
    ("crypto backend ipsec-mb", 1, "ipsec-mb", ALL,
        "workers 1, crypto backend ipsec-mb, offload all"),
    ("offload none", 1, "auto", [],
        "workers 1, crypto backend auto, offload none"),
    ("offload gro merge", 1, "auto", ["merge", "gro"],
        "workers 1, crypto backend auto, offload merge gro"),
    ("offload no tso no uso", 1, "auto", ["merge", "gso", "gro"],
        "workers 1, crypto backend auto, offload merge gso gro"))


def conf(settings="", words="", descr=""):
    return "%s\ninterface sec0 { local %s peer %s; inet 10.9.0.1/24\n" \
        "link state admin; description \"%s\"; %s }\n" % (settings, A, B,
        descr, words)


def told(d):
    p = d.json("process")
    return p["workers"], p["crypto_backend"], p["offload"]


def starts(d):
    for words, workers, crypto, offload, text in SETTINGS:
        name = words or "nothing said"
        d.configure(conf(words))
        d.start()
        same(told(d), (workers, crypto, offload), name + ": -j")
        contains(d.ctl("show", "process").out, text, name + ": text")
        same(d.iface()["carrier"], True, name + ": the interface is there")
        r = d.ctl("reload")
        same((r.rc, r.err), (0, ""), name + ": a reload of the same")
        same(d.stop(), 0, name + ": stop")


def refusals(d):
    """By secctl and by SIGHUP; what else the file says does not come either."""
    was = "workers 2; offload no gso"
    d.configure(conf(was))
    d.start()
    before = told(d), d.json("interfaces"), d.pids()
    for words, what in (
            ("workers 3; offload no gso", "workers"),
            ("offload no gso", "workers"),
            (was + "; crypto backend libcrypto", "crypto backend"),
            ("workers 2; offload all", "offload"),
            ("workers 2", "offload")):
        d.configure(conf(words, "mtu 1300", "another"))
        want = "%s: %s cannot change while secd runs; restart it" % (d.conf,
            what)
        r = d.ctl("reload")
        same((r.rc, r.out), (1, ""), words + ": refused")
        contains(r.err, want, words + ": by name")
        contains(d.hup(), want, words + ": by SIGHUP, in the log")
        same((told(d), d.json("interfaces"), d.pids()), before,
            words + ": nothing has changed")
    d.configure(conf("crypto backend ipsec-mb"))
    log = d.hup("stays")
    for what in ("workers", "crypto backend", "offload"):
        contains(log, what + " cannot change", "three at once: " + what)
    d.configure(conf("offload tso uso merge gro; workers 0x2", "mtu 1300"))
    r = d.ctl("reload")
    same((r.rc, r.err), (0, ""), "the same in other words: reloaded")
    same((told(d), d.iface()["mtu"]), (before[0], 1300), "and applied")
    same(d.stop(), 0, "stop")


def output_is(d, want, name):
    """Of sec0, in JSON and in text; which of both is in effect depends."""
    row, text = d.iface(), d.ctl("show").out
    now, why = row["output_now"], row["output_reason"]
    same(row["output"], want, name + ": -j")
    if want == "raw":
        same((now, why), ("raw", None), name + ": in effect, without a reason")
        ok("output" not in text, name + ": text says nothing of it")
    elif now == "packet":
        same(why, None, name + ": in effect, without a reason")
        contains(text, "\toutput packet\n", name + ": text")
    else:
        ok(now == "raw" and why, name + ": raw instead, and why")
        contains(text, "\toutput raw (packet: %s)\n" % why, name + ": text")


def output(d):
    d.configure(conf())
    d.start()
    output_is(d, "raw", "nothing said")
    index = d.iface()["ifindex"]
    for words, want in (("output packet", "packet"), ("output raw", "raw"),
            ("output packet", "packet"), ("", "raw")):
        d.configure(conf("", words))
        r = d.ctl("reload")
        same((r.rc, r.err), (0, ""), "reload, '%s'" % words)
        output_is(d, want, "'%s'" % words)
        same(d.iface()["ifindex"], index, "the same device")
    d.configure(conf("", "output tap"))
    r = d.ctl("reload")
    contains(r.err, "output tap: use packet or raw", "output tap is refused")
    output_is(d, "raw", "after that")
    same(d.stop(), 0, "stop")


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    daemon.Secd.settings = ""	# the test's own are all there are
    d = daemon.Secd(a, conf())
    starts(d)
    refusals(d)
    output(d)


lib.run(main)
