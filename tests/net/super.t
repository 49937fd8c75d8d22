#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Super-packets from end to end: what secd reads as one, cuts, carries, joins
# and writes as one arrives as it was sent, in order and nothing twice, raw and
# in UDP, from this host and from one behind it, whose packets the kernel has
# joined before they are routed.
#
#   host h      namespace a                       namespace b      host g
#   10.1.0.2 -- 10.1.0.1        sec0: 10.9.0.1 -- 10.9.0.2 ------- 10.2.0.2
#                      192.0.2.1 ------------ 192.0.2.2
#
# The flows of numbered packets run over four tunnels at once, so that with
# several workers each has some.
import os
import socket
import struct
import threading
import time

import daemon
import esp
import lib
from lib import ok, same

A, B = "192.0.2.1", "192.0.2.2"
TUNNELS = 4
PORT = 7000
PACKETS = 250000		# of each tunnel
UDP_SEGMENT, UDP_GRO = 103, 104
TRAIN = 40			# datagrams in one call
CLUMSY = 1.0			# seconds without a packet that end a flow


def conf(me, udp):
    near, far = (A, B) if me == 0 else (B, A)
    text = ""
    for i in range(TUNNELS):
        text += "interface sec%d { inet 10.9.%d.%d/24; inet6 fd09:%d::%d/64; " \
            "mtu 1400; encap %s\n" % (i, i, me + 1, i, me + 1,
            "udp" if udp else "none")
        for side in (0, 1):
            # SPIs 0x1000..: the worker of each is another
            text += "sa %s spi 0x%x src %s dst %s enc aes-256-gcm key file " \
                "\"%s\"\n" % ("out" if side == me else "in", 0x1000 + 16 *
                side + i, *((A, B) if side == 0 else (B, A)), KEYS[side][i])
        text += "}\n"
    return text


def behind(gateway, n):
    """A host on its own link behind a gateway."""
    host = lib.Ns("h%d" % n)
    lib.link(host, gateway, dev="lan", v4=("10.%d.0.2" % n, "10.%d.0.1" % n))
    host.run("ip route add default via 10.%d.0.1" % n)
    gateway.sysctl("net/ipv4/conf/all/forwarding", 1)
    gateway.run("ip route add 10.%d.0.0/24 dev sec0" % (3 - n))
    return host


# --- flows ---

def numbered(ns, src, dst, port, packets, size=200):
    """Send numbered datagrams in trains, at a pace that a receiver in Python
    can follow."""
    s = lib.udp(ns, src)
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    pad = b"p" * (size - 4)
    for first in range(0, packets, TRAIN):
        s.sendto(b"".join(struct.pack("!I", n) + pad for n in range(first,
            min(first + TRAIN, packets))), (dst, port))
        time.sleep(0.001)
    s.close()


def collect(s, size, result):
    """Count what comes to socket s until it is silent; (packets, out of order
    or twice, malformed)."""
    last, got, bad, odd = -1, 0, 0, 0
    while True:
        try:
            data = s.recv(65536)
        except TimeoutError:
            break
        for at in range(0, len(data), size):
            piece = data[at:at + size]
            number = int.from_bytes(piece[:4], "big")
            got += 1
            bad += number <= last
            odd += len(piece) != size or piece[-1:] != b"p"
            last = number
    result.append((got, bad, odd))


def order(a, b, src, dst):
    """All tunnels at once: every flow in order."""
    threads, results = [], []
    for i in range(TUNNELS):
        s = lib.udp(b, dst % i, PORT)
        s.setsockopt(socket.SOL_SOCKET, lib.SO_RCVBUFFORCE, 1 << 25)
        s.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        s.settimeout(CLUMSY)
        results.append([])
        threads.append(threading.Thread(target=collect, args=(s, 200,
            results[i])))
        threads[-1].start()
    # each sender is a process: threads of one would wait for each other
    pids = []
    for i in range(TUNNELS):
        pid = os.fork()
        if pid == 0:
            numbered(a, src % i, dst % i, PORT, PACKETS)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    for t in threads:
        t.join()
    got = [r[0] for r in results]
    same([(bad, odd) for _, bad, odd in got], [(0, 0)] * TUNNELS,
        "%d numbered packets: in order, none twice, none changed" % (
        TUNNELS * PACKETS))
    total = sum(n for n, _, _ in got)
    ok(total > TUNNELS * PACKETS * 0.9, "%d of them arrived" % total)


def trains(a, b, src, dst, size, count):
    """Datagrams of one size in one call, the last one shorter; all arrive."""
    s, r = lib.udp(a, src), lib.udp(b, dst, PORT)
    r.settimeout(2)
    s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    data = os.urandom(size * count - size // 2)
    s.sendto(data, (dst, PORT))
    got = []
    try:
        while sum(map(len, got)) < len(data):
            got.append(r.recv(65536))
    except TimeoutError:
        pass
    want = [data[i:i + size] for i in range(0, len(data), size)]
    ok(got == want, "%d datagrams of %d octets and a shorter one, %s" % (
        count - 1, size, "IPv6" if ":" in dst else "IPv4"))
    s.close()
    r.close()


def streams(d, ends, name):
    """Octets of TCP both ways; and how many packets carried them."""
    for a, src, b, dst in ends:
        before = counted(d)
        n = 20 << 20
        ok(lib.tcp_transfer(a, src, b, dst, n)[0], "%s: TCP %s to %s" % (
            name, src, dst))
        packets = counted(d) - before
        ok(packets >= n / 1380, "%s: cut into packets that fit (%d)" % (name,
            packets))


def counted(d):
    return sum(r["packets"] for r in d[0].json("sa")["sas"])


def drops(d):
    """What was dropped, by name; a full queue is no fault."""
    found = {}
    for one in d:
        for r in one.json("interfaces")["interfaces"]:
            for why, n in daemon.nonzero(r["drops"]).items():
                found[why] = found.get(why, 0) + n
    return {k: v for k, v in found.items() if k not in ("queue-full",
        "link-down")}


def main():
    global KEYS
    KEYS = [[daemon.key_file("k%d%d" % (side, i), esp.new_key(256))
        for i in range(TUNNELS)] for side in (0, 1)]
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    d = [daemon.Secd(a), daemon.Secd(b)]
    for udp in (False, True):
        name = "UDP" if udp else "raw"
        for i, one in enumerate(d):
            one.configure(conf(i, udp))
            one.start()
        for ns in (a, b):
            daemon.settle(ns, "sec3")
        if not udp:
            h, g = behind(a, 1), behind(b, 2)
        streams(d, ((a, "10.9.0.1", b, "10.9.0.2"),
            (b, "fd09:0::2", a, "fd09:0::1"),
            (h, "10.1.0.2", g, "10.2.0.2"),
            (g, "10.2.0.2", h, "10.1.0.2")), name)
        for size, count in ((1372, 40), (1371, 7), (100, 50), (1, 9), (2, 2)):
            trains(a, b, "10.9.1.1", "10.9.1.2", size, count)
        trains(b, a, "fd09:1::2", "fd09:1::1", 1352, 40)
        trains(h, g, "10.1.0.2", "10.2.0.2", 1372, 30)
        order(a, b, "10.9.%d.1", "10.9.%d.2")
        same(drops(d), {}, name + ": nothing was dropped for any other reason")
        for one in d:
            same(one.stop(), 0, name + ": stop")


KEYS = None
lib.run(main)
