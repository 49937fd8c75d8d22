# SPDX-License-Identifier: ISC
"""
Round trips through a row by ping(8): when nothing else goes on, and beside one
TCP stream that takes all it can get.
"""
import re
import time

import lib
import stats
import tcp


def pings(row, count, interval):
    """{min, avg, p99} in ms, and lost."""
    src, dst = row.inner
    r = row.ns[0].run("ping -n -I %s -i %g -c %d -W 1 %s" % (src, interval,
        count, dst), check=False)
    times = [float(t) for t in re.findall(r"time=([\d.]+) ms", r.out)]
    if not times:
        raise lib.Failure("%s: no echo reply: %s%s" % (row.name, r.out,
            r.err))
    return {"min": min(times), "avg": sum(times) / len(times),
        "p99": stats.percentile(times, 0.99), "lost": count - len(times)}


def idle(row):
    return pings(row, 300, 0.01)


def loaded(row):
    # a busy machine's pings take longer than 20 ms each
    stream = tcp.Stream(row, 60).start()
    time.sleep(1.5)
    try:
        got = pings(row, 250, 0.02)
    finally:
        there = stream.abandon()
    if not there:
        raise lib.Failure("%s: the stream ended before the pings" % row.name)
    time.sleep(0.5)			# until its last packets are gone
    return got
