#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Port 4500 shared by secd and an IKE daemon, in a kernel that merges datagrams
# (UDP_GRO).  Which of the two sockets lets it, is asked of either, by a hash of
# the flow: with the library in the daemon every flow comes merged to secd's, and
# the daemon has its datagrams one by one; without it some flows are not merged.
# Nor is IKE merged into ESP that goes before it from the same port, if the
# library is in the daemon that sends.  If it is not, secd gets both, and passes
# IKE on: the daemon has each message as it came from the peer.
#
# The daemon is a few lines that know nothing of all this.  secd is the real one
# where it passes on, else a socket that is set up as secd/sys does it.
#
#   namespace a, secd and daemon      the peer, namespace b
#        192.0.2.1 eth0 ---- eth0 r eth1 ---- eth1 198.51.100.2
#       2001:db8:1::1                          2001:db8:2::2
#
# r cuts what a device does not take whole.  (It is there since packets of two
# sockets are not merged as long as the sender's kernel has them.)

import ctypes
import fcntl
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import time

import daemon
import esp
import lib
from lib import ok, same

LIBRARY = os.path.join(os.path.dirname(os.path.dirname(lib.HERE)),
    "shim/libsecpfkey.so")
PORT = 4500
PORTS = range(20000, 20016)
ADDRS = {4: ("192.0.2.1", "198.51.100.2"),
    6: ("2001:db8:1::1", "2001:db8:2::2")}
ROUTER = {4: ("192.0.2.254", "198.51.100.254"),
    6: ("2001:db8:1::254", "2001:db8:2::254")}
ESP, IKE, LAST = 1400, 600, 77	# octets of a packet, a message, a short one
N_ESP, N_IKE = 40, 5		# of each in a train
HOLD = 2			# ms that a device may wait for more to merge

SO_REUSEPORT, SO_ATTACH_REUSEPORT_CBPF, IP_MTU_DISCOVER = 15, 51, 10
UDP_SEGMENT, UDP_GRO = 103, 104

# The daemon: binds, and says whether its socket may merge; sends what it is
# told, tells what it has had at the end of its input.  Since it has to be right
# behind, it sends secd's ESP as well, by secd's socket.
DAEMON = """
import hashlib, json, select, socket, struct, sys
version = int(sys.argv[1])
s = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6,
    socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)	# SO_RCVBUFFORCE
if version == 4:
    s.setsockopt(0, 10, 0)			# IP_MTU_DISCOVER, DONT
s.bind(("0.0.0.0" if version == 4 else "::", 4500))
if sys.argv[2] == "encap":
    s.setsockopt(17, 100, 2)			# UDP_ENCAP, ESPINUDP
print(s.getsockopt(17, 104), flush=True)	# UDP_GRO
had = []
while True:
    ready = select.select([s, sys.stdin], [], [])[0]
    if s in ready:
        data, source = s.recvfrom(65535)
        had.append((source[:2], len(data), hashlib.sha256(data).hexdigest()))
        continue
    line = sys.stdin.readline().split()
    if not line:
        break
    to, message = (line[0], 4500), bytes.fromhex(line[1])
    secd = socket.socket(fileno=int(sys.argv[2]))
    secd.sendmsg([b"\\x7f" * 56000], [(17, 103, struct.pack("H", 1400))], 0,
        to)
    s.sendto(message, to)
    secd.detach()
print(json.dumps(had))
"""


# --- devices ---

SIOCETHTOOL = 0x8946
ETHTOOL_GSTRINGS, ETHTOOL_SFEATURES, ETH_SS_FEATURES = 0x1b, 0x3b, 4


def features(ns, dev, **wanted):
    """As ethtool -K, by the names of ethtool -k with _ for -."""
    with ns.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        def ethtool(buf):
            fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP24x", dev.encode(),
                ctypes.addressof(buf)))
            return buf.raw
        raw = ethtool(ctypes.create_string_buffer(struct.pack("III",
            ETHTOOL_GSTRINGS, ETH_SS_FEATURES, 0), 12 + 32 * 256))
        n = struct.unpack("III", raw[:12])[2]
        names = [raw[12 + 32 * i:44 + 32 * i].split(b"\0")[0].decode()
            for i in range(n)]
        blocks = [[0, 0] for _ in range((n + 31) // 32)]
        for name, on in wanted.items():
            i = names.index(name.replace("_", "-"))
            blocks[i // 32][0] |= 1 << i % 32
            blocks[i // 32][1] |= bool(on) << i % 32
        ethtool(ctypes.create_string_buffer(struct.pack("II",
            ETHTOOL_SFEATURES, len(blocks)) + b"".join(struct.pack("II", *b)
            for b in blocks)))


def cutting(ns, on):
    """Does the device take a train whole, as one that can cut does?"""
    features(ns, "eth0", tx_udp_segmentation=on, tx_tcp_segmentation=on,
        tx_tcp_ecn_segmentation=on, tx_tcp_mangleid_segmentation=on,
        tx_tcp6_segmentation=on)


def hold(ns, ms):
    """How long may the device keep what could be merged?"""
    lib.host(["ip", "netns", "exec", ns.name, "sh", "-ec",
        "cd /sys/class/net/eth0; echo %d >gro_flush_timeout; "
        "echo %d >napi_defer_hard_irqs" % (ms * 1000000, ms > 0)])


# --- the two on the port ---

class Secd:
    """The first on the port."""

    def __init__(self, ns, version):
        v4 = version == 4
        self.sock = s = ns.socket(socket.AF_INET if v4 else socket.AF_INET6,
            socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, SO_REUSEPORT, 1)
        s.setsockopt(socket.SOL_SOCKET, lib.SO_RCVBUFFORCE, 64 << 20)
        s.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        if v4:
            s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, 5)	# OMIT
        s.bind(("0.0.0.0" if v4 else "::", PORT))
        s.setblocking(False)
        lib.defer(s.close)

    def select(self):
        """A first word of 0 to number 1, all else to us."""
        code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *op)
            for op in ((0x20, 0, 0, 0), (0x15, 0, 1, 0), (0x06, 0, 0, 1),
            (0x06, 0, 0, 0))))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
            struct.pack("HP", 4, ctypes.addressof(code)))

    def had(self):
        """[(port, data, segment)] of all that is there."""
        found = []
        while True:
            try:
                data, control, _, source = self.sock.recvmsg(65535, 256)
            except BlockingIOError:
                return found
            segment = [struct.unpack("i", c[2])[0] for c in control
                if c[:2] == (socket.IPPROTO_UDP, UDP_GRO)]
            found.append((source[1], data, segment[0] if segment else 0))


def script():
    path = os.path.join(lib.tmpdir(), "ike.py")
    with open(path, "w") as f:
        f.write(DAEMON)
    return path


class Daemon:
    """The second, with or without the library."""

    def __init__(self, ns, version, library, what, fds=()):
        env = dict(os.environ)
        env.pop("LD_PRELOAD", None)
        if library:
            env["LD_PRELOAD"] = LIBRARY
        self.process = ns.popen([sys.executable, "-B", script(),
            str(version), what], stdin=subprocess.PIPE, env=env, text=True,
            stdout=subprocess.PIPE, pass_fds=fds)
        self.merges = int(self.process.stdout.readline())

    def send(self, to, data):
        self.process.stdin.write("%s %s\n" % (to, data.hex()))
        self.process.stdin.flush()

    def had(self):
        """[(source, length, digest)], and it ends."""
        self.process.stdin.close()
        got = json.loads(self.process.stdout.readline())
        self.process.wait()
        return [(tuple(source), length, digest) for source, length, digest in
            got]


def message(length):
    return bytes(4) + os.urandom(length - 4)


def row(version, port, data):
    """Of a message from the peer."""
    return (ADDRS[version][1], port), len(data), \
        hashlib.sha256(data).hexdigest()


def train(s, to, pieces):
    """All but the last of the same length, in one call."""
    s.sendmsg([b"".join(pieces)], [(socket.IPPROTO_UDP, UDP_SEGMENT,
        struct.pack("H", len(pieces[0])))], 0, to)


def packets(port):
    return [struct.pack(">I", port) + os.urandom(ESP - 4)
        for _ in range(N_ESP)]


# --- the tests ---

def sixteen(a, b, version, library, what):
    """How many of 16 ports are merged at secd's socket; what else it has; what
    the daemon was sent, and what it has had."""
    secd, d = Secd(a, version), Daemon(a, version, library, what)
    secd.select()
    sent, to = [], (ADDRS[version][0], PORT)
    for port in PORTS:
        with lib.udp(b, ADDRS[version][1], port) as s:
            train(s, to, packets(port))
            messages = [message(IKE) for _ in range(N_IKE)] + [message(LAST)]
            train(s, to, messages)
            s.sendto(message(LAST)[:4] + b"alone", to)
            messages.append(bytes(4) + b"alone")
            train(s, to, packets(port))
            sent += [row(version, port, m) for m in messages]
            # a device's queue is shorter than all of this
            time.sleep(0.005)
    time.sleep(0.1)
    had = secd.had()
    secd.sock.close()
    merged = {port for port, _, segment in had if segment == ESP}
    octets = sum(len(data) for _, data, _ in had)
    return len(merged), octets - len(PORTS) * 2 * N_ESP * ESP, sent, d.had()


def flows(a, r, b, version):
    for cut in (True, False):
        cutting(r, cut)
        where = "IPv%d, %s on the way" % (version, "whole" if cut else "cut")
        for what in ("plain", "encap"):
            name = where + (", UDP_ENCAP" if what == "encap" else "")
            merged, stray, sent, had = sixteen(a, b, version, True, what)
            same(merged, len(PORTS), "%s: ESP from each port comes merged" %
                name)
            same(stray, 0, "%s: all of it, and nothing else" % name)
            ok(had == sent, "%s: the daemon has its %d datagrams one by one" %
                (name, len(sent)))
    merged, stray, sent, had = sixteen(a, b, version, False, "plain")
    ok(merged < len(PORTS), "%s, without the library: ESP from %d ports alone"
        % (where, merged))
    ok(stray == 0 and had == sent, "... though all come")


def behind(a, b, version, library):
    """IKE right behind ESP, from port 4500 to port 4500; how much of it came,
    and how much was merged into ESP."""
    secd, d = Secd(a, version), Daemon(a, version, True, "plain")
    secd.select()
    peer = Secd(b, version)
    fd = peer.sock.fileno()
    ike = Daemon(b, version, library, str(fd), (fd,))
    to, sent = ADDRS[version][0], []
    for _ in range(10):
        sent.append(message(LAST))
        ike.send(to, sent[-1])
        time.sleep(10 * HOLD / 1000)
    time.sleep(0.1)
    lost = sum(data[-LAST:] in sent for _, data, _ in secd.had())
    had = d.had()
    ike.had()
    secd.sock.close()
    peer.sock.close()
    lib.diag("%d of %d came, %d in ESP" % (len(had), len(sent), lost))
    return had == [row(version, PORT, m) for m in sent], lost


def trains(a, r, b, version):
    cutting(r, False)
    hold(a, HOLD)
    whole, lost = behind(a, b, version, True)
    ok(whole and lost == 0, "IPv%d: IKE behind ESP is the daemon's" % version)
    whole, lost = behind(a, b, version, False)
    # since 6.10 the kernel looks at IPv4's identification, too
    if version == 6 or lost > 0:
        ok(not whole and lost > 0, "... %d of 10 are not if the peer's daemon "
            "is without the library" % lost)
    hold(a, 0)


# --- what secd passes on ---

INNER = {4: ("10.9.4.1", "10.9.4.2"), 6: ("10.9.6.1", "10.9.6.2")}
SPI = 0x1001


def real_secd(a, version, key):
    here, there = ADDRS[version]
    return daemon.Secd(a, "interface sec%d {\n"
        "    local %s peer %s; encap udp; inet %s/24\n"
        "    sa in spi 0x%x src %s dst %s enc aes-128-gcm key file \"%s\"\n"
        "}\n" % (version, here, there, INNER[version][0], SPI, there, here,
        daemon.key_file("key%d" % version, key)), tag="secd%d" % version)


def mixed(peer, version, sa):
    """Ten trains of ESP with IKE at the end of each; the rows of IKE."""
    here, there = INNER[version]
    data, sent = bytes(ESP - 100), []
    for _ in range(10):
        ike = message(LAST)
        train(peer, (ADDRS[version][0], PORT), [sa.seal(esp.udp_packet(
            there, 9, here, 9, data)) for _ in range(N_ESP)] + [ike])
        sent.append(row(version, PORT, ike))
        time.sleep(10 * HOLD / 1000)
    time.sleep(0.1)
    return sent


def passing(a, r, b, version):
    """A peer without the library, whose datagrams have checksums."""
    key = esp.new_key(128)
    d = real_secd(a, version, key).start()
    ok("gro" in d.json("process")["offload"], "secd's socket merges")
    sa = esp.Esp(SPI, key)
    hold(a, HOLD)
    with lib.udp(b, ADDRS[version][1], PORT) as peer:
        for turn, cut in enumerate((True, False), 1):
            cutting(r, cut)
            name = "IPv%d, %s on the way" % (version, "whole" if cut else
                "cut")
            ike = Daemon(a, version, True, "plain")
            sent = mixed(peer, version, sa)
            had = ike.had()
            same(sum(m in sent for m in had), 10, name + ": IKE merged into "
                "ESP is the daemon's, 10 messages of 10")
            ok(had == sent, name + ": in order, from the peer, nothing else")
            same(d.stray(), {"ike-passed": 10 * turn}, name +
                ": by way of secd")
            same(d.iface("sec%d" % version)["in"]["packets"], 10 * N_ESP * turn, name +
                ": which has all of the ESP")
        # nobody there: each comes back once
        mixed(peer, version, sa)
        same(d.stray(), {"ike-passed": 30, "ike-unclaimed": 10},
            "IPv%d: without a daemon each is dropped" % version)
    hold(a, 0)
    same(d.stop(), 0, "secd stops")


def main():
    lib.need("ip")
    a, r, b = lib.Ns("a"), lib.Ns("r"), lib.Ns("b")
    for i, ns in enumerate((a, b)):
        lib.link(ns, r, "eth%d" % i, *((ADDRS[v][i], ROUTER[v][i])
            for v in (4, 6)))
        # a router asks for neighbours by that
        r.run("ip addr add fe80::1/64 dev eth%d nodad" % i)
        for v in (4, 6):
            ns.run("ip -%d route add default via %s" % (v, ROUTER[v][i]))
    r.sysctl("net/ipv4/ip_forward", 1)
    r.sysctl("net/ipv6/conf/all/forwarding", 1)
    features(a, "eth0", rx_gro=True)
    for v in (4, 6):
        lib.until(lambda: lib.ping(b, *ADDRS[v][::-1], timeout=0.2),
            "a way to the peer")
    for version in (4, 6):
        flows(a, r, b, version)
        trains(a, r, b, version)
        if "gro" in daemon.offload():
            passing(a, r, b, version)


lib.run(main)
