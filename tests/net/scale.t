#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# 10,000 SAs on 64 interfaces: added and deleted without delay, each in a bounded
# piece of memory; lifetimes end on time among them; and when no packet comes
# and nothing is due, no process of secd runs at all.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0, and sec1 ... sec63          |
#   client -> pfkey.sock of secd                  |
#         eth0 192.0.2.1 ------------------- 192.0.2.2 eth0
#                       route to 192.0.3.1 ... 192.0.3.64 by it

import os
import time

import daemon
import lib
import pfkey
from lib import ok, same
from pfkey import Suite

A, B = "192.0.2.1", "192.0.2.2"
IFACES, MANY = 64, 10000
FIRST = 0x10000			# SPIs
SECONDS = 60			# that adding all may take: a hundredth of that
				# for who has a processor for himself
OCTETS = 4400			# of the engine's memory for an inbound SA
LARVAL = 60			# seconds that an SPI waits for its keys
IDLE = 20


def peer(i):
    return "192.0.3.%d" % (i % IFACES + 1)


def conf():
    # no port 4500, of which secd would look whose it is
    return "".join("interface sec%d { local %s peer %s; encap none%s }\n" % (i,
        A, peer(i), "; inet 10.9.0.1/24" if i == 0 else "")
        for i in range(IFACES))


def ends(way, i):
    return (peer(i), A) if way == "in" else (A, peer(i))


def add(c, way, numbers, suite):
    """Pipelined ADDs; the seconds until all work."""
    took, refused = c.many("ADD", [c.sa_exts(FIRST + i, *ends(way, i), suite())
        for i in numbers])
    same(refused, [], "%d ADDs, %s, in %.1f s (%d/s)" % (len(numbers), way,
        took, len(numbers) / took))
    return took


def working(d):
    rows = d.json("interfaces")["interfaces"]
    return sum(r["sas_in"] + r["sas_out"] for r in rows)


def resident(pid):
    """Octets of its own memory."""
    with open("/proc/%d/smaps_rollup" % pid) as f:
        for line in f:
            if line.startswith("Private_Dirty:"):
                return int(line.split()[1]) * 1024
    raise lib.Failure("no memory of %d" % pid)


def life(pid):
    """(ticks of processor time, times it was woken) of a process."""
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    woken = 0
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, task)) as f:
            woken += sum(int(line.split()[1]) for line in f
                if line.startswith("voluntary_ctxt_switches"))
    return int(words[11]) + int(words[12]), woken


def load(d, c):
    engine = d.pids()["engine"]
    half, warm = MANY // 2, 500
    suite = lambda: Suite("aes-128", "hmac-sha2-256")
    took = add(c, "in", range(warm), suite)
    lib.until(lambda: working(d) == warm, "the first SAs")
    before = resident(engine)
    took += add(c, "in", range(warm, half), suite)
    lib.until(lambda: working(d) == half, "all inbound SAs", SECONDS)
    octets = (resident(engine) - before) // (half - warm)
    ok(octets <= OCTETS, "the engine keeps %d octets for an inbound SA, at "
        "most %d" % (octets, OCTETS))
    took += add(c, "out", range(half, MANY), lambda: Suite("aes-256-gcm"))
    started = time.perf_counter()
    lib.until(lambda: working(d) == MANY, "all SAs", SECONDS)
    took += time.perf_counter() - started
    ok(took <= SECONDS, "%d SAs work after %.1f s, at most %d" % (MANY, took,
        SECONDS))


def lifetimes(c):
    """EXPIRE when it is time, not before, and not a look later."""
    wanted = [("soft", 1, 0x800), ("hard", 2, 0x800), ("hard", 3, 0x801)]
    started = time.monotonic()
    c.must(c.add(0x800, *ends("in", 0), Suite(), soft={"add": 1},
        hard={"add": 2}))
    c.must(c.add(0x801, *ends("out", 1), Suite(), hard={"add": 3}))
    for what, seconds, spi in wanted:
        m = c.await_message("EXPIRE")
        late = time.monotonic() - started - seconds
        same((m.has(pfkey.HARD), m.spi()), (what == "hard", spi),
            "%s EXPIRE of 0x%x" % (what, spi))
        ok(-0.05 < late < 0.8, "on time among %d (%.2f s late)" % (MANY, late))


def traffic(d):
    """One of them carries packets, which is noticed, and then no more."""
    spi = d.iface()["spi_out"]
    daemon.settle(d.ns, "sec0")
    daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 20)
    row = lib.until(lambda: (r := d.sas("sec0")["out", int(spi, 0)])["used"]
        and r, "a packet")
    ok(row["packets"] > 0, "one of them has carried %d packets" %
        row["packets"])
    time.sleep(1)
    daemon.flood(d.ns, "10.9.0.1", "10.9.0.2", 20)


def idle(d):
    time.sleep(10)		# to find out that nothing comes any more
    before = {role: life(pid) for role, pid in d.pids().items()}
    time.sleep(IDLE)
    for role, pid in sorted(d.pids().items()):
        ticks, woken = (b - a for a, b in zip(before[role], life(pid)))
        same((ticks, woken), (0, 0), "%s: ticks, and times woken, in %d s with "
            "%d idle SAs" % (role, IDLE, MANY))


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    a.run("ip route add 192.0.3.0/24 via " + B)
    d = daemon.Secd(a, conf()).start()
    c = pfkey.Client(d, "many")
    c.begin()
    load(d, c)
    began = time.monotonic()
    spi = c.must(c.getspi(*ends("in", 2))).spi()
    lifetimes(c)
    traffic(d)
    idle(d)
    time.sleep(max(0, began + LARVAL - 3 - time.monotonic()))
    same(d.sa("in", spi)["state"], "larval", "an SPI waits for its keys")
    lib.until(lambda: ("in", spi) not in d.sas(), "its end")
    late = time.monotonic() - began - LARVAL
    ok(-0.05 < late < 3, "for %d s (%.1f s late)" % (LARVAL, late))

    half = MANY // 2
    gone = range(half, half + 1000)
    took, refused = c.many("DELETE", [[c.dialect.sa(FIRST + i)] +
        c.dialect.mode() + [c.addr(pfkey.SRC, A), c.addr(pfkey.DST, peer(i))]
        for i in gone])
    same(refused, [], "%d DELETEs in %.1f s" % (len(gone), took))
    same(working(d), MANY - len(gone), "they are gone")
    started = time.perf_counter()
    c.must(c.flush())
    lib.until(lambda: d.sas() == {}, "FLUSH of all")
    ok(True, "FLUSH of all in %.1f s" % (time.perf_counter() - started))
    same(d.iface()["carrier"], False, "the carrier is down")
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)


lib.run(main)
