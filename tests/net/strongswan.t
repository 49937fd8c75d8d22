#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Another implementation at the far end: strongSwan with its own ESP in
# userspace (kernel-libipsec), which only does ESP in UDP.  Traffic both ways,
# and a rekey started from each side.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         10.9.0.2 on lo
#    iked, secd  |                                |  charon with libipsec
#         eth0 192.0.2.1 ------------------ 192.0.2.2 eth0

import time

import daemon
import ike
import lib
from lib import ok, same

OUTER = ("192.0.2.1", "192.0.2.2")
INNER = ("10.9.0.1", "10.9.0.2")


def spis(d):
    return {r["spi"] for r in d.json("sa")["sas"] if r["state"] == "active"}


def passes(a, b, what):
    same(lib.ping(a, *INNER, 5), 5, what + ": 5 echo requests answered")
    same(lib.udp_flow(a, INNER[0], b, INNER[1], 50), 50,
        what + ": 50 datagrams there")
    same(lib.udp_flow(b, INNER[1], a, INNER[0], 50), 50,
        what + ": 50 datagrams back")


def rekeyed(a, b, d, start, what):
    before = spis(d)
    start()
    lib.until(lambda: len(spis(d) - before) >= 2 and not spis(d) & before,
        what, 20)
    ok(True, what + ": both SAs are new")
    passes(a, b, what)


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER)
    d = daemon.Secd(a, "interface sec0 { local %s peer %s; inet %s/24 %s }\n" %
        (*OUTER, *INNER)).start("-v")
    # one who asks for less than any to any: the flow is iked's and charon's
    iked = ike.Iked(a, d, ike.iked_conf("x", *OUTER, False, flow="from %s to "
        "%s" % INNER, more="ikesa enc aes-256 prf hmac-sha2-256 auth "
        "hmac-sha2-256 group modp2048 childsa enc aes-256 auth hmac-sha2-384 "
        "childsa enc aes-256 auth hmac-sha1"))
    iked.start()
    swan = ike.Swan(b, *OUTER[::-1], *INNER[::-1])
    swan.start()
    ok(swan.initiate(), "charon initiates, iked answers")
    swan.wait_established()
    ike.wait_tunnel(d)
    rows = d.json("sa")["sas"]
    lib.diag("the suite is " + ike.suite(rows[0]))
    ok(all(r["encap"] for r in rows), "ESP in UDP")
    same({r["narrow"] for r in rows}, {True}, "and marked as narrow")
    same(d.read_log().count("asks for the flow"), 1, "which the log says once")
    passes(a, b, "strongSwan")
    rekeyed(a, b, d, swan.rekey, "a rekey that charon starts")
    time.sleep(1)

    def soft():
        row = next(r for r in d.json("sa")["sas"] if r["direction"] == "in" and
            r["state"] == "active")
        d.must("expire soft spi %s dst %s" % (row["spi"], OUTER[0]))
    rekeyed(a, b, d, soft, "a rekey that iked starts")
    ok({r["narrow"] for r in d.json("sa")["sas"]} == {True},
        "the new SAs are narrow too")
    same(d.drops(), {}, "nothing was dropped")
    swan.stop()
    iked.stop()
    same(d.stop(), 0, "secd stops")


lib.run(main)
