#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# output packet: what leaves is valid and goes past the kernel's output of IP;
# the way is followed as it changes; wherever it cannot be, the raw socket is
# used, secctl says why, and nothing is lost that would not be lost without it.
#
#   namespace a               namespace b
#   sec0 10.0.0.1, over IPv4        sec0 10.0.0.2
#   sec1 10.0.1.1, over IPv6        sec1 10.0.1.2
#      secd  |                       |  secd
#       eth0 192.0.2.1 --------- 192.0.2.2 eth0
#
#   namespace a               namespace r             namespace c
#   sec2 10.0.2.1, over IPv4                          sec2 10.0.2.2
#   sec3 10.0.3.1, over IPv6     (router)             sec3 10.0.3.2
#      secd  |                                           |  secd
#       eth1 198.51.100.1 --- .254 eth1                  |
#            2001:db8:1::1    fe80::254        203.0.113.1, 2001:db8:3::1
#       eth2 198.51.101.1 --- .254 eth2   eth3 .254 ---- eth0

import os
import threading
import time

import daemon
import esp
import lib
from lib import contains, ok, same

A = {"sec0": "192.0.2.1", "sec1": "2001:db8::1", "sec2": "198.51.100.1",
    "sec3": "2001:db8:1::1"}
PEER = {"sec0": "192.0.2.2", "sec1": "2001:db8::2", "sec2": "203.0.113.1",
    "sec3": "2001:db8:3::1"}
GW, GW2 = "198.51.100.254", "198.51.101.254"
ROUTE6 = "2001:db8:3::/64 via fe80::254 dev eth1"
ROUTE = "203.0.113.0/24"
MTU = {"sec0": 3000}
TICK = os.sysconf("SC_CLK_TCK")


def conf(left, names, keys, extra=""):
    """Of the left (a) or the right end of these interfaces."""
    text = ""
    for name in names:
        n = int(name[3:])
        here, there = (A[name], PEER[name])[::1 if left else -1]
        text += "interface %s {\n    local %s peer %s; mtu %d; %s\n" % (name,
            here, there, MTU.get(name, 1400), extra or "output packet")
        text += "    inet 10.0.%d.%d/24\n" % (n, 1 if left else 2)
        for to in (0, 1):
            ends = (PEER[name], A[name])[::1 if to else -1]
            text += "    sa %s spi 0x%x src %s dst %s enc aes-128-gcm " \
                "key file \"%s\"\n" % ("out" if left != bool(to) else "in",
                0x1000 * (to + 1) + n, *ends, keys[name][to])
        text += "}\n"
    return text


def inner(name):
    n = int(name[3:])
    return "10.0.%d.1" % n, "10.0.%d.2" % n


# --- what is in effect ---

def output(d, name):
    row = d.iface(name)
    return row["output_now"], row["output_reason"]


def becomes(d, name, want, what, traffic=None):
    """output of name becomes want; traffic() is called meanwhile."""
    got = None
    end = time.monotonic() + lib.TIMEOUT
    while time.monotonic() < end:
        if traffic:
            traffic()
        got = output(d, name)
        if got == want:
            break
        time.sleep(0.02)
    same(got, want, what)


def poke(a, name):
    """A packet into the tunnel, to be seen by nobody."""
    near, far = inner(name)
    return lambda: daemon.flood(a, near, far, 1)


PACKET = ("packet", None)


def raw(why):
    return ("raw", why)


# --- counting ---

def kernel_sent(ns, v6=False):
    """Packets that passed the kernel's output of IP."""
    if v6:
        with ns.inside(), open("/proc/thread-self/net/snmp6") as f:
            rows = dict(line.split() for line in f)
        return int(rows["Ip6OutRequests"])
    with ns.inside(), open("/proc/thread-self/net/snmp") as f:
        names, values = [line.split() for line in f
            if line.startswith("Ip:")]
    return int(dict(zip(names, values))["OutRequests"])


class Flow:
    """Numbered datagrams from a through a tunnel, until stop()."""

    def __init__(self, a, b, name, pause=0.001):
        near, far = inner(name)
        self.tx, self.rx = lib.udp(a, near), lib.udp(b, far)
        self.to = self.rx.getsockname()[:2]
        self.sent, self.pause, self.going = 0, pause, True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.going:
            self.tx.sendto(b"%08d" % self.sent + b"x" * 200, self.to)
            self.sent += 1
            time.sleep(self.pause)

    def stop(self):
        """(sent, how many did not come)."""
        self.going = False
        self.thread.join()
        self.rx.settimeout(0.5)
        got = set()
        try:
            while len(got) < self.sent:
                got.add(int(self.rx.recv(4096)[:8]))
        except OSError:
            pass
        self.tx.close()
        self.rx.close()
        return self.sent, self.sent - len(got)


def no_loss(a, far, da, name, what, act):
    """act() while packets flow; all of them arrive.  While it replaces a route
    the kernel may say for a moment that there is none; it does so to the raw
    socket, always."""
    before = da.drops(name).get("send-no-route", 0)
    flow = Flow(a, far, name)
    time.sleep(0.1)
    act()
    time.sleep(0.2)
    sent, lost = flow.stop()
    none = da.drops(name).get("send-no-route", 0) - before
    ok(sent >= 100, "%s: %d packets flowed" % (what, sent))
    same(lost, none, what + ": none was lost")
    ok(none < 5, "but %d for which the kernel had no route" % none)


def main_ticks(d):
    """CPU time of the engine's main thread, in ticks."""
    pid = d.pids()["engine"]
    with open("/proc/%d/task/%d/stat" % (pid, pid)) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return int(words[11]) + int(words[12])


# --- parts ---

def carries(a, b, c, da, far):
    for name, other in far.items():
        near, there = inner(name)
        same(lib.ping(a, near, there, 3), 3, name + ": ping")
        becomes(da, name, PACKET, name + ": packet is in effect")
        v6 = ":" in A[name]
        before = kernel_sent(a, v6), da.iface(name)["out"]["packets"]
        same(lib.udp_flow(a, near, other, there, 200), 200,
            name + ": 200 datagrams")
        sent = kernel_sent(a, v6) - before[0]
        same(da.iface(name)["out"]["packets"] - before[1], 200,
            name + ": counted, once each")
        # the inner ones pass it, of IPv4; what else there is are a few
        ok(sent < 50 + (0 if v6 else 200), "%s: they did not pass the "
            "kernel's output of IP (%d did)" % (name, sent))
        good, took = lib.tcp_transfer(a, near, other, there, 4 << 20)
        ok(good, "%s: 4 MB by TCP (%.2f s)" % (name, took))
        same({k: v for k, v in da.drops(name).items() if k != "queue-full"},
            {}, name + ": nothing dropped but what TCP expects")
    contains(da.ctl("show", "interfaces", "sec0").out, "output packet",
        "secctl says so")


def valid(frames):
    """Those whose header is not as it should be, and all identifications."""
    bad, idents = [], []
    for f in frames:
        ip = lib.frame_ip(f)
        if ip is None or ip.proto != lib.ESP:
            continue
        head = f[14:]
        if ip.version == 6:
            if int.from_bytes(head[4:6], "big") != len(head) - 40 or \
                    head[7] != 64:
                bad.append(f)
            continue
        if ip.frag or ip.more:
            continue
        if lib.checksum(head[:20]) != 0 or head[6:8] != b"\0\0" or \
                head[8] != 64 or head[1] != 0 or \
                int.from_bytes(head[2:4], "big") != max(len(head), 20):
            bad.append(f)
        idents.append(int.from_bytes(head[4:6], "big"))
    return bad, idents


def on_the_wire(a, b, da):
    near, there = inner("sec0")
    wire = lib.Capture(b)
    here = lib.Capture(a)
    same(lib.udp_flow(a, near, b, there, 300, 900), 300, "sec0: 300 of 900")
    near6, there6 = inner("sec1")
    same(lib.udp_flow(a, near6, b, there6, 300, 900), 300,
        "sec1: 300 of 900")
    frames = [f for f in wire.stop() if (ip := lib.frame_ip(f)) and
        ip.src in (A["sec0"], A["sec1"]) and ip.proto == lib.ESP]
    same(len(frames), 600, "all seen at the far end")
    bad, idents = valid(frames)
    lib.none(bad, "with valid headers")
    same(len(set(idents)), 300, "and 300 different identifications")
    ok(len([f for f in here.stop() if (ip := lib.frame_ip(f)) and
        ip.src in (A["sec0"], A["sec1"]) and ip.proto == lib.ESP]) == 600,
        "a capture on the sender sees them too")


def large(a, b, da):
    """sec0 has an MTU of 3000: large packets by the kernel, in fragments."""
    near, there = inner("sec0")
    wire = lib.Capture(b)
    was = kernel_sent(a)
    same(lib.udp_flow(a, near, b, there, 100, 2500), 100, "100 of 2500")
    sent = kernel_sent(a) - was
    ok(sent >= 200, "the kernel sent them (%d)" % sent)
    same(output(da, "sec0"), PACKET, "packet stays in effect")
    was = kernel_sent(a)
    same(lib.udp_flow(a, near, b, there, 100, 1000), 100, "100 of 1000")
    sent = kernel_sent(a) - was
    ok(sent < 150, "of 1000 it did not (%d)" % sent)
    frames = [lib.frame_ip(f) for f in wire.stop()]
    ok(sum(ip is not None and ip.src == A["sec0"] and ip.frag > 0
        for ip in frames) == 100, "there were fragments")
    # the device's MTU shrinks under us
    a.run("ip link set eth0 mtu 900")
    b.run("ip link set eth0 mtu 900")
    same(lib.udp_flow(a, near, b, there, 50, 1000), 50,
        "a smaller MTU: all arrive")
    a.run("ip link set eth0 mtu 1500")
    b.run("ip link set eth0 mtu 1500")
    becomes(da, "sec0", PACKET, "sec0: packet after that")


def route_changes(a, r, c, da):
    name, why = "sec2", "no route"
    a.run("ip route del " + ROUTE)
    becomes(da, name, raw(why), "route deleted: raw, and why")
    contains(da.ctl("show").out, "output raw (packet: no route)",
        "secctl shows it")
    a.run("ip route add %s via %s" % (ROUTE, GW))
    becomes(da, name, PACKET, "route back: packet")
    near, there = inner(name)
    same(lib.ping(a, near, there), 1, "ping")
    a.run("ip -6 route del " + ROUTE6)
    becomes(da, "sec3", raw(why), "IPv6: route deleted")
    a.run("ip -6 route add " + ROUTE6)
    becomes(da, "sec3", PACKET, "IPv6: route back")

    a.run("ip route replace %s nexthop via %s nexthop via %s" % (ROUTE, GW,
        GW2))
    becomes(da, name, raw("multipath route"), "multipath: raw")
    same(lib.ping(a, near, there), 1, "ping")
    a.run("ip route replace blackhole %s" % ROUTE)
    becomes(da, name, raw(why), "blackhole: raw")
    a.run("ip route replace %s via %s" % (ROUTE, GW))
    becomes(da, name, PACKET, "packet again")

    # a better route, by a rule
    a.run("ip route add %s via %s table 77" % (ROUTE, GW2))
    wire = lib.Capture(a, "eth2", 64)
    flow = Flow(a, c, name)
    time.sleep(0.5)		# the route of that table is old news then
    a.run("ip rule add from %s lookup 77" % A[name])

    def other_way():
        return len(lib.esp_packets(wire.frames()))
    lib.until(other_way, "packets by the rule", 2)
    becomes(da, name, PACKET, "a rule: packet by the other way")
    a.run("ip rule del from %s lookup 77" % A[name])
    time.sleep(0.5)
    before = other_way()
    time.sleep(0.2)
    same(other_way(), before, "without the rule none goes there")
    same(output(da, name), PACKET, "and packet is in effect")
    same(flow.stop()[1], 0, "none was lost in all this")


def switching(a, r, c, da, confs):
    """Nothing is lost that the raw socket would not lose."""
    name = "sec2"
    poke(a, name)()
    becomes(da, name, PACKET, "packet")

    shown = []

    def reload():
        for extra in ("output raw", "output packet") * 5:
            da.configure(confs(extra))
            if da.ctl("reload", quiet=True).rc != 0:
                raise lib.Failure("reload")
            shown.append(output(da, name))
    no_loss(a, c, da, name, "raw and packet by turns", reload)
    same(shown, [("raw", None), PACKET] * 5, "each in effect at once")

    def gateways():
        for gw in (GW2, GW) * 20:
            a.run("ip route replace %s via %s" % (ROUTE, gw), quiet=True)
            time.sleep(0.03)
    no_loss(a, c, da, name, "one gateway and the other", gateways)

    def forget():
        for _ in range(20):
            a.run("ip neigh flush to %s" % GW, quiet=True)
            time.sleep(0.03)
    no_loss(a, c, da, name, "the neighbour is forgotten", forget)

    def multipath():
        for _ in range(10):
            a.run("ip route replace %s nexthop via %s nexthop via %s" % (
                ROUTE, GW, GW2), quiet=True)
            time.sleep(0.03)
            a.run("ip route replace %s via %s" % (ROUTE, GW), quiet=True)
            time.sleep(0.03)
    no_loss(a, c, da, name, "multipath and back", multipath)
    becomes(da, name, PACKET, "packet in the end", poke(a, name))


def links(a, r, c, da):
    name = "sec2"
    r.run("ip link set eth1 down")
    becomes(da, name, raw("eth1 has no carrier"), "no carrier: raw, and why",
        poke(a, name))
    r.run("ip link set eth1 up")
    r.run("ip addr add fe80::254/64 dev eth1 nodad")
    r.run("ip -6 route add 2001:db8:1::/64 dev eth1")
    near, there = inner(name)
    becomes(da, name, PACKET, "carrier back: packet", poke(a, name))
    same(lib.ping(a, near, there), 1, "ping")

    # another device of the same name and number of nothing
    a.run("ip link del eth1")
    becomes(da, name, raw("its source is no address of this host"),
        "device deleted: raw", poke(a, name))
    lib.link(a, r, "eth1", v4=(A["sec2"], GW), v6=(A["sec3"], "fe80::254"))
    r.run("ip -6 route add 2001:db8:1::/64 dev eth1")
    a.run("ip route add %s via %s" % (ROUTE, GW))
    a.run("ip -6 route add " + ROUTE6)
    becomes(da, name, PACKET, "another device: packet", poke(a, name))
    becomes(da, "sec3", PACKET, "IPv6 too", poke(a, "sec3"))
    same(lib.ping(a, near, there), 1, "ping")

    # the way goes by a device that is no Ethernet
    a.run("ip tuntap add mode tun dev tun7")
    a.run("ip link set tun7 up")
    a.run("ip route replace 203.0.113.1/32 dev tun7")
    becomes(da, name, raw("tun7 is no Ethernet device"), "by a tun: raw")
    a.run("ip link del tun7")
    becomes(da, name, PACKET, "packet again", poke(a, name))


MACS = ("02:00:00:00:aa:01", "02:00:00:00:aa:02")


def mac_of(ns, dev):
    return daemon.device(ns, dev)["address"]


def announce(r, dev, addr):
    """A gratuitous ARP reply, as a router that takes over sends it."""
    mac = bytes.fromhex(mac_of(r, dev).replace(":", ""))
    ip = bytes(map(int, addr.split(".")))
    s = r.socket(lib.socket.AF_PACKET, lib.socket.SOCK_RAW, 0)
    with s:
        s.sendto(b"\xff" * 6 + mac + b"\x08\x06" + bytes.fromhex(
            "0001080006040001") + mac + ip + b"\xff" * 6 + ip, (dev, 0x0806))


def gateway(a, r, c, da):
    """The gateway's address, and its death."""
    name = "sec2"
    near, there = inner(name)
    poke(a, name)()
    becomes(da, name, PACKET, "packet")
    same(lib.ping(a, near, there), 1, "ping")

    # quiet: nobody but the announcement tells a
    old = mac_of(r, "eth1")
    time.sleep(1.1)		# the kernel keeps an address for a second
    r.run("ip link set eth1 address " + MACS[0])
    announce(r, "eth1", GW)
    wire = lib.Capture(r, "eth1", 64)
    time.sleep(0.1)
    same(lib.ping(a, near, there, 5), 5, "another MAC, announced: ping")
    esp_to = {f[:6].hex(":") for f in wire.stop() if (ip := lib.frame_ip(f))
        and ip.proto == lib.ESP and ip.src == A[name]}
    same(esp_to, {MACS[0]}, "all went to the new one (it was %s)" % old)
    same(output(da, name), PACKET, "by packet")

    # not announced: found when the kernel looks, 1.2 to 3.6 s after it was
    # confirmed, and one more
    for n, v in (("base_reachable_time_ms", 2400),
            ("delay_first_probe_time", 1), ("retrans_time_ms", 100)):
        a.sysctl("net/ipv4/neigh/eth1/" + n, v)
    r.run("ip link set eth1 address " + MACS[1])
    r.run("ip link set eth1 arp on")

    def arrives():
        return lib.ping(a, near, there, 1, timeout=0.3)
    lib.until(arrives, "packets after an unannounced change of MAC", 15)
    becomes(da, name, PACKET, "and by packet", poke(a, name))

    # it stops to answer
    r.run("ip link set eth1 arp off")
    becomes(da, name, raw("next hop not resolved"), "a dead gateway: raw",
        poke(a, name))
    r.run("ip link set eth1 arp on")
    becomes(da, name, PACKET, "alive again: packet", poke(a, name))


def freshness(a, c, da):
    """The kernel is made to confirm the neighbour, with few packets."""
    name = "sec2"
    seen = []
    before = kernel_sent(a)
    flow = Flow(a, c, name)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        state = a.run("ip neigh show %s dev eth1" % GW, quiet=True).out
        word = state.split()[-1] if state.split() else "none"
        if not seen or seen[-1] != word:
            seen.append(word)
        time.sleep(0.01)
    sent, lost = flow.stop()
    same(lost, 0, "none of %d was lost meanwhile" % sent)
    lib.diag("neighbour: " + " ".join(seen))
    ok(seen.count("REACHABLE") >= 2, "it was confirmed again and again")
    same([w for w in seen if w in ("FAILED", "INCOMPLETE", "none")], [],
        "and never lost")
    by_raw = kernel_sent(a) - before - sent
    ok(1 <= by_raw < sent * 0.02, "%d of %d by the raw socket" % (by_raw,
        sent))
    same(output(da, name), PACKET, "packet is in effect")


def storm(a, r, c, da):
    """10,000 routes to elsewhere come and go; 10,000 changes of our own."""
    name = "sec2"
    batch = "".join("route add 100.%d.%d.0/24 via %s\n" % (64 + i // 250,
        i % 250, GW) for i in range(10000))
    before = main_ticks(da)

    def others():
        a.run("ip -batch -", input=batch)
        a.run("ip -batch -", input=batch.replace("add", "del"))
    no_loss(a, c, da, name, "20,000 changes of other routes", others)
    used = (main_ticks(da) - before) / TICK
    ok(used < 0.5, "main used %.2f s of CPU" % used)
    same(output(da, name), PACKET, "packet is in effect")
    ours = "".join("route replace %s via %s\n" % (ROUTE, gw)
        for gw in (GW2, GW) * 5000)
    before = main_ticks(da)
    no_loss(a, c, da, name, "10,000 of our own",
        lambda: a.run("ip -batch -", input=ours))
    used = (main_ticks(da) - before) / TICK
    ok(used < 0.5, "main used %.2f s of CPU" % used)
    becomes(da, name, PACKET, "packet is in effect", poke(a, name))


def refusals(a, da, confs):
    """Where it is not used at all."""
    da.configure(confs("output packet; encap udp"))
    same(da.ctl("reload").rc, 0, "reload, in UDP")
    why = "ESP in UDP goes by its own socket"
    becomes(da, "sec0", raw(why), "in UDP")
    lib.until(lambda: "sec0: output raw, not packet: " + why in da.read_log(),
        "the log to say so", 15)
    contains(da.read_log(), "sec0: output packet", "and of before")
    da.configure(confs("output packet"))
    same(da.ctl("reload").rc, 0, "reload, not in UDP")
    becomes(da, "sec0", PACKET, "packet again", poke(a, "sec0"))
    da.must("remove sa spi 0x1000 dst %s" % PEER["sec0"])
    becomes(da, "sec0", raw("no outbound SA"), "without an SA")


def main():
    a, b, r, c = lib.Ns("a"), lib.Ns("b"), lib.Ns("r"), lib.Ns("c")
    lib.link(a, b, v4=(A["sec0"], PEER["sec0"]), v6=(A["sec1"],
        PEER["sec1"]))
    lib.link(a, r, "eth1", v4=(A["sec2"], GW), v6=(A["sec3"], "fe80::254"))
    lib.link(a, r, "eth2", v4=("198.51.101.1", GW2))
    lib.host("ip link add eth3 netns %s type veth peer name eth0 netns %s" %
        (r.name, c.name))
    for ns, dev, v4, v6 in ((r, "eth3", "203.0.113.254", "2001:db8:3::254"),
            (c, "eth0", PEER["sec2"], PEER["sec3"])):
        ns.run("ip addr add %s/24 dev %s" % (v4, dev))
        ns.run("ip addr add %s/64 dev %s nodad" % (v6, dev))
        ns.run("ip link set %s up" % dev)
    # to ask for a neighbour on behalf of another it needs one of its own
    r.run("ip addr add fe80::254/64 dev eth3 nodad")
    r.run("ip -6 route add 2001:db8:1::/64 dev eth1")
    r.sysctl("net/ipv4/ip_forward", 1)
    r.sysctl("net/ipv6/conf/all/forwarding", 1)
    a.run("ip route add %s via %s" % (ROUTE, GW))
    a.run("ip -6 route add " + ROUTE6)
    c.run("ip route add default via 203.0.113.254")
    c.run("ip -6 route add default via 2001:db8:3::254")
    keys = {name: [daemon.key_file("%s-%d" % (name, i), esp.new_key(128))
        for i in (0, 1)] for name in A}

    def confs(extra):
        return conf(True, A, keys, extra)
    far = {"sec0": b, "sec1": b, "sec2": c, "sec3": c}
    da = daemon.Secd(a, confs("output packet")).start()
    daemon.Secd(b, conf(False, ("sec0", "sec1"), keys)).start()
    daemon.Secd(c, conf(False, ("sec2", "sec3"), keys)).start()
    carries(a, b, c, da, far)
    on_the_wire(a, b, da)
    large(a, b, da)
    route_changes(a, r, c, da)
    switching(a, r, c, da, confs)
    links(a, r, c, da)
    storm(a, r, c, da)
    gateway(a, r, c, da)
    freshness(a, c, da)
    refusals(a, da, confs)
    same(da.stop(), 0, "stop")


lib.run(main)
