#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# How long a request on the PF_KEY socket takes, idle and while packets are
# moved as fast as it goes.  A kernel answers at once, and iked's patience is
# short, so an answer must not wait for packets.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         10.9.0.2 on sec0
#        secd  |  <- the client                   |  secd
#         eth0 192.0.2.1 ------------------ 192.0.2.2 eth0

import statistics
import time

import daemon
import esp
import lib
import pfkey
from lib import ok

OUTER = ("192.0.2.1", "192.0.2.2")
INNER = ("10.9.0.1", "10.9.0.2")
ROUNDS, EACH = 5, 200


def round_of(c):
    """Milliseconds that each of EACH requests took, sorted: GETSPI, which goes
    all the way to the engine and changes something there."""
    took = c.latency(EACH, lambda: c.getspi(*OUTER[::-1]))
    c.must(c.flush())
    return [t * 1000 for t in took]


def measure(c, what):
    """Median of the quietest round, and the worst of all."""
    rounds = [round_of(c) for _ in range(ROUNDS)]
    median = min(statistics.median(r) for r in rounds)
    worst = max(max(r) for r in rounds)
    lib.diag("%s: median %.3f ms, worst %.3f ms, %d requests" % (what, median,
        worst, ROUNDS * EACH))
    return median, worst


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER)
    keys = [daemon.key_file("k%d" % i, esp.new_key(256)) for i in (0, 1)]
    d = [daemon.Secd(ns, "interface sec0 { local %s peer %s; inet %s/24\n sa "
        "out spi 0x100%d src %s dst %s enc aes-256-gcm key file \"%s\"\n sa in "
        "spi 0x100%d src %s dst %s enc aes-256-gcm key file \"%s\" }\n" % (
        OUTER[i], OUTER[1 - i], INNER[i], i, OUTER[i], OUTER[1 - i], keys[i],
        1 - i, OUTER[1 - i], OUTER[i], keys[1 - i])).start()
        for i, ns in enumerate((a, b))]
    c = pfkey.Client(d[0], name="latency")
    c.begin()
    median, _ = measure(c, "idle")
    ok(median < 0.3, "idle: the median is below 0.3 ms (%.3f)" % median)
    server = b.popen(["iperf3", "-s", "-1", "-B", INNER[1]],
        stdout=-3, stderr=-3)
    lib.until(lambda: b.run("ss -tln", quiet=True).out.count(":5201"),
        "iperf3 to listen")
    flow = a.popen(["iperf3", "-c", INNER[1], "-t", "30"], stdout=-3,
        stderr=-3)
    time.sleep(1)
    before = d[0].iface()["out"]["packets"]
    median, worst = measure(c, "saturated")
    ok(d[0].iface()["out"]["packets"] - before > 1000 and flow.poll() is None,
        "packets moved meanwhile")
    ok(worst < 1000, "saturated: no answer took as long as the library waits "
        "(median %.3f ms, worst %.1f)" % (median, worst))
    for p in (flow, server):
        p.kill()
        p.wait()
    for x in d:
        x.stop()


lib.run(main)
