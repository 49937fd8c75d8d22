#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# What dies comes back: iked and secd killed, the SAs reset, one of them ended
# by its hard lifetime.  Both are started again by a supervisor, both ends are
# `active', and sec0 has `acquire yes'.  Nothing leaves in the clear meanwhile.
#
# The topology is that of gateways.py.

import time

import gateways
import ike
import lib
from gateways import INNER, OUTER
from lib import ok, same


def hard_expire(g):
    """iked hears of it: it deletes the other half, and tells the peer."""
    d = g.d[0]
    pair = ike.usable(d)
    spis = {r["spi"] for r in pair}
    there = {r["spi"] for r in g.d[1].json("sa")["sas"]}
    same(spis <= there, True, "both ends have the pair")
    d.must("expire hard spi %s dst %s" % (pair[0]["spi"], OUTER[0]))
    lib.until(lambda: not spis & {r["spi"] for r in d.json("sa")["sas"]
        if r["state"] == "active"}, "iked to delete the outbound SA")
    ok(True, "a hard EXPIRE reaches iked: it deletes the other SA")
    lib.until(lambda: not spis & {r["spi"] for r in g.d[1].json("sa")["sas"]
        if r["state"] == "active"}, "the peer to hear of it")
    ok(True, "and tells the peer")


def cpu(pid):
    with open("/proc/%d/stat" % pid) as f:
        return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))


def main():
    g = gateways.Gateways("acquire yes")
    same(lib.ping(g.ns[0], *INNER, 3), 3, "the tunnel is up")
    for i, side in enumerate("ab"):
        g.iked[i].kill()
        g.again("iked of %s killed" % side, 15)
    g.no_cleartext("iked killed")
    for i, side in enumerate("ab"):
        log = len(g.iked[i].read_log())
        g.d[i].kill_and_wait()
        g.again("secd of %s killed" % side, 15)
        said = g.iked[i].read_log()[log:]
        same(said.count("secd is gone"), 1, "its iked ended with one line")
        ok(len(said) < 20000, "and did not flood its log (%d octets)" %
            len(said))
    g.no_cleartext("secd killed")
    ike.wait_tunnel(*g.d)
    time.sleep(1)
    old = {r["spi"] for r in g.d[0].json("sa")["sas"]}
    g.iked[0].ctl("reset", "sa")
    lib.until(lambda: not old & {r["spi"] for r in g.d[0].json("sa")["sas"]
        if r["state"] == "active"}, "the SAs to go")
    g.again("ikectl reset sa, acquire yes", 15)
    ike.wait_tunnel(*g.d)
    hard_expire(g)
    g.again("hard lifetime, acquire yes", 15)
    ok(g.d[0].json("clients")["clients"], "show clients names iked: %s" %
        g.d[0].json("clients")["clients"])
    g.no_cleartext("all in all")
    g.close()


lib.run(main)
