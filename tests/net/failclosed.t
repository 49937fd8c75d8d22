#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Fail closed.  Host a has a default route to b by its outer interface, and all
# the while sends datagrams with a mark in them to addresses that are routed
# into sec0.  Whatever becomes of secd, no octet of them is ever seen outside.
#
#        namespace a                              namespace b
#   10.9.0.1, fd09::1 on sec0                10.9.0.2, fd09::2 on sec0
#   203.0.113.0/24 dev sec0                  203.0.113.7 on lo
#   2001:db8:77::/64 dev sec0                2001:db8:77::7 on lo
#   default via 192.0.2.2, 2001:db8::2
#        secd  |                                  |  secd
#         eth0 192.0.2.1 ----captured------- 192.0.2.2 eth0
#              2001:db8::1               2001:db8::2

import socket
import threading
import time

import daemon
import esp
import lib
from lib import contains, ok, same

V4, V6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")
MARK = b"this must not be seen outside"
INSIDE = ("10.9.0.2", "203.0.113.7", "fd09::2", "2001:db8:77::7")
NETS = ("10.9.0.0/24", "203.0.113.0/24", "fd09::/64", "2001:db8:77::/64")
FALLBACK = 4278198272		# the metric that sec(4) gives: after all others
SYSCTLS = ("net/ipv4/conf/%s/ignore_routes_with_linkdown",
    "net/ipv6/conf/%s/ignore_routes_with_linkdown")


class Traffic:
    """Sends to INSIDE, unbound, by whatever route there is, until stopped."""

    def __init__(self, ns):
        self.socks = [(ns.socket(lib.family(d), socket.SOCK_DGRAM), d)
            for d in INSIDE]
        self.rounds = 0
        self.running = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        lib.defer(self.stop)

    def _run(self):
        while self.running:
            for s, dst in self.socks:
                try:
                    s.sendto(MARK, (dst, 9))
                except OSError:
                    pass		# nothing was sent: all the better
            self.rounds += 1
            time.sleep(0.002)

    def some_more(self):
        goal = self.rounds + 40
        lib.until(lambda: self.rounds >= goal, "traffic")

    def stop(self):
        self.running = False
        self.thread.join()
        for s, _ in self.socks:
            s.close()


class Watch:
    """The capture; phase() says of each stretch of time that it was clean."""

    def __init__(self, ns, traffic):
        self.ns = ns
        self.capture = lib.Capture(ns)
        self.traffic = traffic
        self.seen = 0

    def leaks(self):
        self.traffic.some_more()
        frames = self.capture.frames()
        fresh, self.seen = frames[self.seen:], len(frames)
        return lib.cleartext(fresh, V4 + V6, MARK)

    def phase(self, name, linkdown=False):
        """With linkdown, also after the kernel's routing has seen that the
        device lost its carrier, which takes it up to a second."""
        bad = self.leaks()
        if linkdown and not bad:
            lib.until(lambda: all(self.linkdown(n) for n in NETS),
                "the routes to be marked linkdown")
            bad += self.leaks()
        lib.none(bad, "nothing leaks: " + name)

    def linkdown(self, net):
        return "linkdown" in self.ns.run("ip -%d route show %s dev sec0" % (
            6 if ":" in net else 4, net), quiet=True).out


def conf(side, extra=""):
    i = side + 1
    return "interface sec0 { local %s peer %s\n inet 10.9.0.%d/24; inet6 " \
        "fd09::%d/64\n%s }\n" % (V4[side], V4[1 - side], i, i, extra)


def add_sas(d, side, keys):
    for to in (0, 1):
        d.must("add sa " + daemon.sa_words("sec0", "out" if to != side else
            "in", 0x1000 + to, V4[1 - to], V4[to], "aes-256-gcm", keys[to]))


def fresh_keys():
    return [daemon.key_file("k%d" % i, esp.new_key(256)) for i in (0, 1)]


def sas_on_both(da, db):
    for d in (da, db):
        d.must("flush sa")
    keys = fresh_keys()
    add_sas(da, 0, keys)
    add_sas(db, 1, keys)


def flows(a, name):
    for src, dst in (("10.9.0.1", INSIDE[1]), ("fd09::1", INSIDE[3])):
        same(lib.ping(a, src, dst), 1, "%s: %s answers through the tunnel" % (
            name, dst))


def life(a, da, db, watch):
    """Everything that happens to a secd in its life."""
    watch.phase("started, without SAs", linkdown=True)
    ok(not daemon.carrier(a), "sec0 has no carrier then")
    sas_on_both(da, db)
    flows(a, "with SAs")
    watch.phase("with SAs")
    da.must("reload")
    watch.phase("reloaded")
    da.must("flush sa")
    watch.phase("SAs flushed", linkdown=True)
    sas_on_both(da, db)
    da.configure("interface sec0 { nonsense }")
    r = da.ctl("reload")
    same(r.rc, 1, "a reload with nonsense in secd.conf is refused")
    contains(r.err, "secd.conf:2", "and says where")
    da.hup()
    flows(a, "after a refused reload")
    watch.phase("after refused reloads")
    da.configure(conf(0))
    da.must("reload")
    watch.phase("reloaded again")
    flows(a, "after that")
    same(da.stop(), 0, "secctl stop")
    watch.phase("stopped", linkdown=True)
    ok(daemon.device(a) is not None, "sec0 is still there")
    da.start()
    watch.phase("started again, without SAs", linkdown=True)
    sas_on_both(da, db)
    flows(a, "started again")
    da.kill()
    watch.phase("killed", linkdown=True)
    da.start()
    sas_on_both(da, db)
    flows(a, "started after the kill")
    watch.phase("started after the kill")


def sysctl(ns, dev, value):
    for name in SYSCTLS:
        ns.sysctl(name % dev, value)


def linkdown_on_device(a, da, watch):
    """Somebody set it on the device: secd sets it back when it starts."""
    da.must("flush sa")
    da.stop()
    # the peer of the harm: not while packets are sent, they would leak
    watch.traffic.some_more()
    pause(watch.traffic)
    sysctl(a, "sec0", 1)
    da.start()
    resume(watch.traffic)
    same([a.read_sysctl(n % "sec0") for n in SYSCTLS], ["0", "0"],
        "ignore_routes_with_linkdown is 0 on sec0 after a start")
    watch.phase("it was 1 on the device, started without SAs", linkdown=True)
    da.kill()
    watch.phase("killed then", linkdown=True)
    da.start()


def pause(traffic):
    traffic.running = False
    traffic.thread.join()


def resume(traffic):
    traffic.running = True
    traffic.thread = threading.Thread(target=traffic._run, daemon=True)
    traffic.thread.start()


def fallback(a, verb):
    for net in NETS:
        a.run("ip route %s unreachable %s metric %d" % (verb, net, FALLBACK))


def linkdown_on_all(a, da, watch):
    """Set for the whole host, secd cannot undo it: it says so, keeps the
    carrier while it runs, and a fallback route holds without it."""
    da.stop()
    fallback(a, "add")
    pause(watch.traffic)
    sysctl(a, "all", 1)
    da.start()
    resume(watch.traffic)
    watch.phase("1 on all, started without SAs")
    ok(daemon.carrier(a), "secd keeps the carrier up then")
    row = da.iface()
    same((row["carrier"], row["carrier_forced"]), (True, True),
        "and show interfaces says so")
    contains("\n".join(da.json("process")["lost_protections"]),
        "ignore_routes_with_linkdown", "and show process too")
    contains(da.tail(200), "ignore_routes_with_linkdown", "and the log")
    da.kill()
    watch.phase("killed then, with the fallback routes", linkdown=True)
    da.start()
    watch.phase("started then")
    same(da.stop(), 0, "secctl stop")
    watch.phase("stopped then, with the fallback routes", linkdown=True)


def control(a, watch):
    """Without any of this it does leak, and the capture does see it."""
    fallback(a, "delete")
    leaked = watch.leaks()
    ok(any(MARK in f for f in leaked), "without the fallback routes, and "
        "without secd, the capture sees a leak (so it would have before)")


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=V4, v6=V6)
    a.run("ip route add default via %s" % V4[1])
    a.run("ip route add default via %s" % V6[1])
    for addr in (INSIDE[1] + "/32", INSIDE[3] + "/128"):
        b.run("ip addr add %s dev lo" % addr)
    da = daemon.Secd(a, conf(0)).start()
    db = daemon.Secd(b, conf(1)).start()
    for net in (NETS[1], NETS[3]):
        a.run("ip route add %s dev sec0" % net)
    watch = Watch(a, Traffic(a))
    life(a, da, db, watch)
    linkdown_on_device(a, da, watch)
    linkdown_on_all(a, da, watch)
    control(a, watch)
    same((watch.capture.stop() and watch.capture.lost), 0,
        "the capture is whole")


lib.run(main)
