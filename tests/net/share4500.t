#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Port 4500 shared by secd and iked, IKE and ESP alike in UDP (iked -t): in
# whichever order the two are started again, ESP reaches secd and IKE reaches
# iked.  Each order twice, over IPv4 and over IPv6 side by side.  (natt.t has the
# same with a socket that stays while secd goes, which iked does not.)
#
# The topology is that of gateways.py.

import os
import signal
import threading
import time

import gateways
import ike
import lib
from gateways import INNER, OUTER, OUTER6
from lib import ok, same

ORDERS = ("secd", "iked", "secd, then iked", "iked, then secd")


def restart(g, order):
    """Side a loses one or both; the supervisors bring them back."""
    d, iked = g.d[0], g.iked[0]
    starts = d.starts, iked.starts
    for what in order.split(", then "):
        if what == "secd":
            os.kill(d.pid(), signal.SIGKILL)
        else:
            try:
                os.killpg(iked.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    lib.until(lambda: iked.starts > starts[1] and ("secd" not in order or
        d.starts > starts[0]), order + " to be started again")


def one(version, outer, problems):
    try:
        restarts(version, outer, problems)
    except Exception as e:		# a thread's would be lost
        problems.append("IPv%d: %s" % (version, e))
        raise


def restarts(version, outer, problems):
    g = gateways.Gateways("acquire yes", args=("-t",), outer=outer,
        tag=str(version))
    try:
        for turn in (1, 2):
            for order in ORDERS:
                restart(g, order)
                took = ike.await_ping(g.ns[0], *INNER, timeout=20)
                what = "IPv%d, %s again, turn %d" % (version, order, turn)
                if took is None:
                    problems.append(what + ": no ESP")
                    lib.diag(g.d[0].tail(12))
                    continue
                # IKE on the port: a rekey is a conversation there
                try:
                    rekey(g)
                    lib.diag("%s: ESP after %.1f s, and IKE" % (what, took))
                except lib.Failure as e:
                    problems.append("%s: no IKE (%s)" % (what, e))
        rows = g.d[0].json("sa")["sas"]
        if not all(r["encap"] for r in rows):
            problems.append("IPv%d: not in UDP" % version)
    finally:
        g.close()


def newest(d):
    """The last inbound SA, or None, and all SPIs in use.  (A peer that was
    killed has left some behind.)"""
    rows = [r for r in d.json("sa")["sas"] if r["state"] == "active"]
    return next((r for r in reversed(rows) if r["direction"] == "in"), None), \
        {r["spi"] for r in rows}


def rekey(g):
    """Started on either side: requests have to arrive at both."""
    for i in (0, 1):
        d = g.d[i]
        # both ends may have begun, and one of the two is being given up
        time.sleep(1)
        lib.until(lambda: newest(d)[0], "an SA of %s" % "ab"[i])
        old, spis = newest(d)
        d.must("expire soft spi %s dst %s" % (old["spi"], old["dst"]))

        def new():
            row, now = newest(d)
            return row and row["spi"] not in spis and old["spi"] not in now
        lib.until(new, "a rekey by %s" % "ab"[i], 10)


def main():
    problems = {4: [], 6: []}
    threads = [threading.Thread(target=one, args=(v, o, problems[v]))
        for v, o in ((4, OUTER), (6, OUTER6))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for v in (4, 6):
        same(problems[v], [], "IPv%d: ESP reaches secd and IKE iked after each "
            "of %d restarts" % (v, 2 * len(ORDERS)))


lib.run(main)
