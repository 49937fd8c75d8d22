#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# tshark, given the keys, decrypts what secd sent and finds each ICV good: IPv4
# and IPv6 inside and outside, each key size, payloads of every length modulo
# the padding.  A packet changed in one bit shows that it would have said so.
# (tshark 4.0 knows no extended numbers; uml.t has those.)
#
#        namespace a                              namespace b
#   10.9.N.1, fd0N::1 on secN               (nobody opens it)
#        secd  |                                  |
#         eth0 192.0.2.1 -----captured------ 192.0.2.2 eth0
#              2001:db8::1               2001:db8::2

import os

import daemon
import esp
import lib
from lib import same

OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
TUNNELS = ((0, 4, 128), (1, 4, 192), (2, 4, 256), (3, 6, 128), (4, 6, 192),
    (5, 6, 256))
LENGTHS = tuple(range(0, 9)) + (100, 1200)
PORT = 4712


def inner(n, version):
    if version == 4:
        return "10.9.%d.1" % n, "10.9.%d.2" % n
    return "fd0%d::1" % n, "fd0%d::2" % n


def send_all(a):
    """The traffic; a list of (SPI, inner source, payload) as it was sent."""
    sent = []
    for n, _outer, _bits in TUNNELS:
        for version in (4, 6):
            src, dst = inner(n, version)
            s = lib.udp(a, src)
            for size in LENGTHS:
                # plain text: tshark guesses at what random octets mean, and
                # gives up on the packet when it has guessed wrong
                data = (b"what secd sent " * 100)[n:n + size]
                s.sendto(data, (dst, PORT))
                sent.append((0x1000 + n, src, data.hex()))
            s.close()
    return sent


def flip_last(frame):
    return frame[:-1] + bytes([frame[-1] ^ 1])


def tshark(path, keys):
    """(SPI, ICV good, ICV bad, inner source, payload, padding) of each ESP
    packet."""
    argv = ["tshark", "-n", "-r", path, "-Y", "esp", "-T", "fields",
        "-o", "esp.enable_encryption_decode:TRUE",
        "-o", "esp.enable_authentication_check:TRUE"]
    for n, outer, _bits in TUNNELS:
        argv += ["-o", 'uat:esp_sa:"IPv%d","%s","%s","0x%08x","AES-GCM with '
            '16 octet ICV [RFC4106]","0x%s","NULL",""' % (outer,
            *OUTER[outer], 0x1000 + n, keys[n].hex())]
    for field in ("esp.spi", "esp.icv_good", "esp.icv_bad", "ip.src",
            "ipv6.src", "udp.payload", "esp.pad"):
        argv += ["-e", field]
    r = lib.host(argv, check=False)
    if r.rc != 0:
        raise lib.Failure("tshark: " + r.err)
    rows = []
    for line in r.out.splitlines():
        spi, good, bad, v4, v6, data, pad = line.split("\t")
        sources = [x for x in (v4 + "," + v6).split(",") if x]
        src = [x for x in sources if x not in (OUTER[4][0], OUTER[6][0])]
        rows.append((int(spi, 0), good, bad, src[0] if src else None, data,
            pad))
    return rows


def main():
    lib.need("tshark")
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER[4], v6=OUTER[6])
    d = daemon.Secd(a, "".join("interface sec%d { local %s peer %s; link state "
        "admin; mtu 1400\n inet 10.9.%d.1/24; inet6 fd0%d::1/64 }\n" % (n,
        *OUTER[outer], n, n) for n, outer, _bits in TUNNELS)).start()
    keys = {}
    for n, outer, bits in TUNNELS:
        keys[n] = esp.new_key(bits)
        d.must("add sa " + daemon.sa_words("sec%d" % n, "out", 0x1000 + n,
            *OUTER[outer], "aes-%d-gcm" % bits,
            daemon.key_file("k", keys[n])))
    wire = lib.Capture(b)
    sent = send_all(a)
    lib.until(lambda: len(lib.esp_packets(wire.frames())) >= len(sent),
        "all packets to be sent")
    frames = [f for f in wire.stop() if lib.esp_packets([f])]
    same(len(frames), len(sent), "one ESP packet for each datagram")
    path = os.path.join(lib.tmpdir(), "capture.pcap")
    lib.write_pcap(path, frames + [flip_last(frames[-1])])
    rows = tshark(path, keys)
    same(len(rows), len(sent) + 1, "tshark shows each of them")
    for n, outer, bits in TUNNELS:
        mine = [r for r in rows[:-1] if r[0] == 0x1000 + n]
        name = "IPv%d outside, %d bits" % (outer, bits)
        same([(r[1], r[2]) for r in mine], [("1", "0")] * 2 * len(LENGTHS),
            name + ": tshark finds each ICV good")
        same([(r[0], r[3], r[4]) for r in mine],
            [s for s in sent if s[0] == 0x1000 + n],
            name + ": and inside what was sent")
    pads = {r[5] for r in rows[:-1]}
    same(pads, {"", "01", "0102", "010203"}, "padding is 1, 2, 3 as needed")
    same(rows[-1][1:3], ("0", "1"), "a changed packet's ICV is bad to tshark")


lib.run(main)
