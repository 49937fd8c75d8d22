#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Scapy's IPsec layer as the peer: it opens what secd sealed and secd opens what
# it sealed, IPv4 and IPv6 inside IPv4 and IPv6, with each suite; then
# packets with TFC padding of scapy's making.
#
#        namespace a                              namespace b
#   10.9.0.1, fd09::1 on sec0 (IPv4)         scapy, over raw sockets, as
#   10.9.1.1, fd09:1::1 on sec1 (IPv6)       10.9.N.2 and fd09:N::2
#        secd  |                                  |
#         eth0 192.0.2.1 ------------------ 192.0.2.2 eth0
#              2001:db8::1               2001:db8::2

import os

# scapy looks for a cache of services, in a home that may not be there
os.environ["HOME"] = "/nonexistent"

import daemon
import esp
import lib
from lib import same

from scapy.config import conf as scapy_conf
scapy_conf.verb = 0
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Raw

OUTER = (("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2"))
INNER = ((("10.9.0.1", "10.9.0.2"), ("fd09::1", "fd09::2")),
    (("10.9.1.1", "10.9.1.2"), ("fd09:1::1", "fd09:1::2")))
# our name of it, scapy's, octets of the cipher key with its salt
AEADS = (("aes-128-gcm", "AES-GCM", 20), ("aes-192-gcm", "AES-GCM", 28),
    ("aes-256-gcm", "AES-GCM", 36),
    ("chacha20-poly1305", "CHACHA20-POLY1305", 36))
CIPHERS = (("aes-128", "AES-CBC", 16), ("aes-192", "AES-CBC", 24),
    ("aes-256", "AES-CBC", 32))
AUTHS = (("hmac-sha1", "HMAC-SHA1-96", 20),
    ("hmac-sha2-256", "SHA2-256-128", 32),
    ("hmac-sha2-384", "SHA2-384-192", 48),
    ("hmac-sha2-512", "SHA2-512-256", 64))
SUITES = tuple((*c, "", None, 0) for c in AEADS) + tuple((*c, *a)
    for c in CIPHERS for a in AUTHS)
SPORT, DPORT = 4711, 4712


def header(src, dst):
    return IPv6(src=src, dst=dst) if ":" in src else IP(src=src, dst=dst)


def association(n, spi, algo, key, auth, authkey, towards_a):
    src, dst = OUTER[n][::-1] if towards_a else OUTER[n]
    return SecurityAssociation(ESP, spi=spi, crypt_algo=algo,
        crypt_key=key, auth_algo=auth, auth_key=authkey,
        tunnel_header=header(src, dst))


def esp_octets(packet):
    """The ESP part of a packet that scapy made, as it goes on the wire."""
    return bytes(packet[ESP])


def from_secd(a, peer, n, sa, name):
    """secd seals, scapy opens."""
    for src, dst in INNER[n]:
        data = os.urandom(61)
        tx = lib.udp(a, src, SPORT)
        tx.sendto(data, (dst, DPORT))
        tx.close()
        outer = header(*OUTER[n]) / ESP(peer.recv())
        if outer.version == 6:
            outer.nh = 50
        else:
            outer.proto = 50
        inner = sa.decrypt(outer.__class__(bytes(outer)))
        same((inner.src, inner.dst, inner[UDP].sport, inner[UDP].dport,
            bytes(inner[UDP].payload)[:len(data)]),
            (src, dst, SPORT, DPORT, data),
            "%s: scapy opens what secd sealed, %s inside" % (name,
            "IPv6" if ":" in src else "IPv4"))


def to_secd(a, peer, n, sa, name, tfc=b""):
    """scapy seals, secd opens."""
    for dst, src in INNER[n]:
        data = os.urandom(67)
        rx = lib.udp(a, dst, DPORT)
        inner = header(src, dst) / UDP(sport=SPORT, dport=DPORT) / Raw(data)
        inner = inner.__class__(bytes(inner))
        if tfc:
            inner = inner / Raw(tfc)
        peer.send(esp_octets(sa.encrypt(inner)))
        rx.settimeout(2)
        try:
            got = rx.recvfrom(65535)
        except OSError as e:
            got = e
        same((got[0], got[1][0]) if isinstance(got, tuple) else got,
            (data, src), "%s: secd opens what scapy sealed, %s inside" % (name,
            "IPv6" if ":" in src else "IPv4"))
        rx.close()


def conf(*sas):
    """Both interfaces, the first one with these SAs."""
    return "".join("interface sec%d { local %s peer %s; inet %s/24; inet6 "
        "%s/64; switch at-once\n%s}\n" % (n, *OUTER[n], INNER[n][0][0], INNER[n][1][0],
        "" if n else "".join("sa %s\n" % words for words in sas))
        for n in (0, 1))


def configured(d, a, peer):
    """The same from secd.conf, where the engine takes the file apart."""
    suite = "aes-256 auth hmac-sha2-256"
    d.must("flush sa")
    there, here = os.urandom(64), os.urandom(64)
    sas = [daemon.sa_words("", way, 0x2000, *to, suite, '"%s"' %
        daemon.key_file(way, key)) for way, to, key in (("out", OUTER[0],
        there), ("in", OUTER[0][::-1], here))]
    d.configure(conf(*sas))
    same("reloaded" in d.hup(), True, "secd.conf with two keys in a file")
    name = "secd.conf, " + suite
    from_secd(a, peer, 0, association(0, 0x2000, "AES-CBC", there[:32],
        "SHA2-256-128", there[32:], False), name)
    to_secd(a, peer, 0, association(0, 0x2000, "AES-CBC", here[:32],
        "SHA2-256-128", here[32:], True), name)
    daemon.key_file("out", there[:36])
    d.configure(conf(*(s.replace("0x2000", "0x2001") for s in sas)))
    log = d.hup("36 octets")
    same("key file has 36 octets, %s takes 64 octets: 32 of cipher key and 32 "
        "of authentication key" % suite.replace(" auth", "") in log, True,
        "secd.conf: half of the keys is refused by its length")


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=OUTER[0], v6=OUTER[1])
    d = daemon.Secd(a, conf()).start()
    peers = []
    for n in (0, 1):
        peer = esp.RawPeer(b, *OUTER[n][::-1])
        peers.append(peer)
        for i, (suite, algo, octets, auth, mac, macoctets) in \
                enumerate(SUITES):
            words = suite + (" auth " + auth if auth else "")
            name = "IPv%d outside, %s" % (6 if n else 4, words)
            spi = 0x1000 + 32 * n + i
            # one file for both keys: the cipher's, then the other
            there, here = ((os.urandom(octets), os.urandom(macoctets))
                for _ in "ab")
            for way, to, keys in (("out", OUTER[n], there),
                    ("in", OUTER[n][::-1], here)):
                d.must("add sa " + daemon.sa_words("sec%d" % n, way, spi, *to,
                    words, daemon.key_file("key", b"".join(keys))))
            from_secd(a, peer, n, association(n, spi, algo, there[0], mac,
                there[1], False), name)
            sa = association(n, spi, algo, here[0], mac, here[1], True)
            to_secd(a, peer, n, sa, name)
            to_secd(a, peer, n, sa, name + ", TFC padding", bytes(1000))
            rows = d.sas("sec%d" % n)
            same((rows["out", spi]["packets"], rows["in", spi]["packets"]),
                (2, 4), name + ": secd counted 2 and 4 packets")
            same(peer.drain(), [], name + ": no packet came unasked for")
        same(d.drops("sec%d" % n), {}, "sec%d dropped nothing" % n)
    configured(d, a, peers[0])
    same(d.stray(), {}, "no packet went astray")


lib.run(main)
