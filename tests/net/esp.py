# SPDX-License-Identifier: ISC
"""
ESP by python-cryptography, for packets that a decent peer never makes: every
field of RFC 4303 and RFC 4106 can be chosen.  Also a raw socket for them, and
inner packets to put into them.
"""
import os
import socket
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import lib

V4, V6, DUMMY = 4, 41, 59	# next headers


class Esp:
    """One SA's transforms; key is cipher key and salt."""

    def __init__(self, spi, key, esn=False):
        self.spi, self.salt, self.esn = spi, key[-4:], esn
        self.aead = AESGCM(key[:-4])
        self.seq = 0

    def _aad(self, seq):
        if self.esn:
            return struct.pack(">IQ", self.spi, seq)
        return struct.pack(">II", self.spi, seq)

    def seal(self, inner, seq=None, nh=None, tfc=b"", pad=None, padlen=None,
            spi=None):
        """An ESP packet of inner: by default the next number, the next header
        of its version, padding 1, 2, 3, ... to a multiple of four."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        if nh is None:
            nh = V4 if inner[0] >> 4 == 4 else V6
        payload = inner + tfc
        if pad is None:
            pad = bytes(range(1, (-len(payload) - 2) % 4 + 1))
        if padlen is None:
            padlen = len(pad)
        return self.seal_raw(payload + pad + bytes((padlen, nh)), seq, spi)

    def seal_raw(self, plain, seq, spi=None):
        """An ESP packet of any plaintext, trailer and all."""
        iv = struct.pack(">Q", seq)
        return struct.pack(">II", self.spi if spi is None else spi,
            seq & 0xffffffff) + iv + \
            self.aead.encrypt(self.salt + iv, plain, self._aad(seq))

    def open(self, packet, high=0):
        """(number, inner, next header) of a packet, with the number's high
        half given; InvalidTag if it is not authentic."""
        spi, low = struct.unpack(">II", packet[:8])
        assert spi == self.spi
        seq = high << 32 | low
        plain = self.aead.decrypt(self.salt + packet[8:16], packet[16:],
            self._aad(seq))
        padlen, nh = plain[-2], plain[-1]
        assert plain[-2 - padlen:-2] == bytes(range(1, padlen + 1))
        return seq, plain[:-2 - padlen], nh

    def authentic(self, packet, high=0):
        try:
            self.open(packet, high)
        except InvalidTag:
            return False
        return True


class RawPeer:
    """A raw ESP socket in a namespace, from local to remote."""

    def __init__(self, ns, local, remote):
        self.remote = remote
        self.v6 = ":" in local
        self.sock = ns.socket(lib.family(local), socket.SOCK_RAW, lib.ESP)
        self.sock.setsockopt(socket.SOL_SOCKET, lib.SO_RCVBUFFORCE, 8 << 20)
        self.sock.setsockopt(socket.SOL_SOCKET, lib.SO_SNDBUFFORCE, 8 << 20)
        self.sock.settimeout(lib.TIMEOUT)
        self.sock.bind((local, 0))
        lib.defer(self.sock.close)

    def send(self, packet):
        self.sock.sendto(packet, (self.remote, 0))

    def recv(self):
        """The next ESP packet, SPI to ICV."""
        octets = self.sock.recv(65535 + 60)
        return octets if self.v6 else octets[(octets[0] & 15) * 4:]

    def drain(self):
        """All that has come and was not asked for."""
        found = []
        self.sock.setblocking(False)
        try:
            while True:
                found.append(self.recv())
        except BlockingIOError:
            return found
        finally:
            self.sock.settimeout(lib.TIMEOUT)


def new_key(bits):
    return os.urandom(bits // 8 + 4)


# --- inner packets ---

def ip_packet(src, dst, proto, payload):
    """An IPv4 or IPv6 packet without options."""
    if ":" in src:
        return struct.pack(">IHBB", 6 << 28, len(payload), proto, 64) + \
            socket.inet_pton(socket.AF_INET6, src) + \
            socket.inet_pton(socket.AF_INET6, dst) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64,
        proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack(">H", lib.checksum(head)) + head[12:] + \
        payload


def udp_packet(src, sport, dst, dport, data):
    """A whole inner packet with a UDP datagram in it."""
    head = struct.pack(">HHHH", sport, dport, 8 + len(data), 0)
    fam = lib.family(src)
    pseudo = socket.inet_pton(fam, src) + socket.inet_pton(fam, dst) + \
        struct.pack(">II", 17, 8 + len(data))
    check = lib.checksum(pseudo + head + data) or 0xffff
    return ip_packet(src, dst, 17, head[:6] + struct.pack(">H", check) + data)
