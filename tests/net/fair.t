#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Fairness between interfaces: one that is flooded with more than secd can
# carry does not take from another one.  Each has its own queue, and a turn of
# bounded length.
#
#        namespace a                          namespace b
#   sec0 10.9.0.1  flooded              sec0 10.9.0.2
#   sec1 10.9.1.1  a few packets        sec1 10.9.1.2
#        eth0 192.0.2.1 ---------------- 192.0.2.2 eth0
import os
import signal
import time

import daemon
import esp
import lib
from lib import diag, ok

A, B = "192.0.2.1", "192.0.2.2"
SECONDS, FLOODERS = 3, 2
PACE = 0.002			# seconds between two packets of the quiet one


def conf(me, keys):
    near, far = (A, B) if me == 0 else (B, A)
    return "".join("interface sec%d { local %s peer %s; inet 10.9.%d.%d/24\n"
        "sa %s spi 0x%x src %s dst %s enc aes-256-gcm key file \"%s\"\n"
        "sa %s spi 0x%x src %s dst %s enc aes-256-gcm key file \"%s\" }\n" % (
        i, near, far, i, me + 1,
        "out" if me == 0 else "in", 0x1000 + i, A, B, keys[0][i],
        "in" if me == 0 else "out", 0x2000 + i, B, A, keys[1][i])
        for i in (0, 1))


def flooders(a):
    """Processes that send to the busy interface as fast as they can."""
    pids = []
    for _ in range(FLOODERS):
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            s = lib.udp(a, "10.9.0.1")
            while True:
                try:
                    s.sendto(b"f" * 1200, ("10.9.0.2", 9))
                except OSError:
                    pass
        pids.append(pid)
    return pids


def dropped(d, name):
    kernel = d.json("interfaces", name)["interfaces"][0]["drops"]
    return kernel.get("queue-full", 0)


def main():
    keys = [[daemon.key_file("k%d%d" % (s, i), esp.new_key(256))
        for i in (0, 1)] for s in (0, 1)]
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    d = [daemon.Secd(ns, conf(i, keys)).start() for i, ns in
        enumerate((a, b))]
    for ns in (a, b):
        for name in ("sec0", "sec1"):
            daemon.settle(ns, name)
    tx, rx = lib.udp(a, "10.9.1.1"), lib.udp(b, "10.9.1.2", 7000)
    rx.settimeout(1)
    pids = flooders(a)
    sent = 0
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            tx.sendto(b"q" * 100, ("10.9.1.2", 7000))
            sent += 1
            time.sleep(PACE)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    got = 0
    try:
        while got < sent:
            rx.recv(2048)
            got += 1
    except TimeoutError:
        pass
    carried = d[0].json("interfaces", "sec0")["interfaces"][0]["out"]
    diag("sec0 carried %d packets, sec1 %d of %d" % (carried["packets"], got,
        sent))
    ok(sent > 100, "the quiet interface had something to send (%d)" % sent)
    ok(dropped(d[0], "sec0") > 0, "the busy one had too much (%d dropped at "
        "its queue)" % dropped(d[0], "sec0"))
    ok(dropped(d[0], "sec1") == 0, "nothing was dropped at the other's queue")
    # what both share, the peer's socket, may overflow too
    ok(got >= 0.98 * sent, "%d of %d of the quiet one's packets arrived" % (
        got, sent))


lib.run(main)
