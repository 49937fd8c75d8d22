#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# SAs deleted without a successor, without `acquire': secctl says why nothing
# goes, the carrier is down, nothing leaves in the clear, and iked's own timer
# brings the tunnel back.
#
# The topology is that of gateways.py.

import gateways
import daemon
import ike
import lib
from gateways import INNER
from lib import contains, ok, same


def main():
    g = gateways.Gateways()
    same(lib.ping(g.ns[0], *INNER, 3), 3, "the tunnel is up")
    g.iked[0].ctl("reset", "sa")
    for i, side in enumerate("ab"):
        d = g.d[i]
        lib.until(lambda: not ike.usable(d), "the SAs of %s to go" % side)
        contains(d.ctl("show", "interfaces").out,
            "no outbound SA: deleted by peer", "%s: show interfaces" % side)
        lib.until(lambda: not daemon.carrier(d.ns), "the carrier to go")
        ok(True, "%s: the carrier is down" % side)
    same(lib.ping(g.ns[0], *INNER, 2, timeout=0.3), 0, "nothing passes")
    g.no_cleartext("without SAs")
    g.again("ikectl reset sa, without acquire", 75)
    same(g.d[0].json("interfaces")["interfaces"][0]["lost"], None,
        "and the reason is forgotten")
    g.no_cleartext("all in all")
    g.close()


lib.run(main)
