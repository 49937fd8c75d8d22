# SPDX-License-Identifier: ISC
"""
An ESP peer on python-cryptography with every suite that secd has: AES-CBC with
HMAC (RFC 3602, 2404, 4868), AES-GCM-16 (RFC 4106) and ChaCha20-Poly1305 (RFC
7634), each with and without ESN (RFC 4303 2.2.1), over raw sockets or in UDP
(RFC 3948), by IPv4 or IPv6.
"""
import hmac
import os
import socket
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, \
    ChaCha20Poly1305

import lib

CBC = {"aes-128": 16, "aes-192": 24, "aes-256": 32}
# digest, octets of the key, octets of the ICV
HMAC = {"hmac-sha1": ("sha1", 20, 12), "hmac-sha2-256": ("sha256", 32, 16),
    "hmac-sha2-384": ("sha384", 48, 24), "hmac-sha2-512": ("sha512", 64, 32)}
AEAD = {"aes-128-gcm": (AESGCM, 20), "aes-192-gcm": (AESGCM, 28),
    "aes-256-gcm": (AESGCM, 36), "chacha20-poly1305": (ChaCha20Poly1305, 36)}
# all 16, by secd's words
SUITES = [(c, h) for c in CBC for h in HMAC] + [(a, None) for a in AEAD]


def words(suite):
    """enc and auth as in secd.conf and secctl."""
    return suite[0] if suite[1] is None else "%s auth %s" % suite


def key_octets(suite):
    """Of a whole key file: cipher key, then salt or MAC key."""
    enc, auth = suite
    return AEAD[enc][1] if auth is None else CBC[enc] + HMAC[auth][1]


def new_key(suite):
    return os.urandom(key_octets(suite))


def next_header(inner):
    return 4 if inner[0] >> 4 == 4 else 41


def with_trailer(inner, block):
    """Inner packet, padding 1, 2, 3, ..., its length, next header."""
    n = (-len(inner) - 2) % block
    return inner + bytes(range(1, n + 1)) + bytes((n, next_header(inner)))


def without_trailer(plain):
    n = plain[-2]
    inner = plain[:-2 - n]
    if plain[len(inner):-2] != bytes(range(1, n + 1)):
        raise ValueError("padding is not 1, 2, 3, ...")
    if plain[-1] != next_header(inner):
        raise ValueError("next header %d" % plain[-1])
    return inner


class Aead:
    def __init__(self, enc, key, esn):
        self.salt, self.esn = key[-4:], esn
        self.aead = AEAD[enc][0](key[:-4])

    def _aad(self, spi, seq):
        return struct.pack(">IQ" if self.esn else ">II", spi, seq)

    def seal(self, spi, seq, inner):
        iv = struct.pack(">Q", seq)
        return iv + self.aead.encrypt(self.salt + iv, with_trailer(inner, 4),
            self._aad(spi, seq))

    def open(self, spi, seq, body):
        return without_trailer(self.aead.decrypt(self.salt + body[:8],
            body[8:], self._aad(spi, seq)))


class CbcHmac:
    def __init__(self, enc, auth, key, esn):
        n = CBC[enc]
        self.key, self.authkey, self.esn = key[:n], key[n:], esn
        self.digest, _, self.icv = HMAC[auth]

    def _mac(self, spi, seq, body):
        octets = struct.pack(">II", spi, seq & 0xffffffff) + body
        if self.esn:			# the high half, not transmitted
            octets += struct.pack(">I", seq >> 32)
        return hmac.digest(self.authkey, octets, self.digest)[:self.icv]

    def _cipher(self, iv):
        return Cipher(algorithms.AES(self.key), modes.CBC(iv))

    def seal(self, spi, seq, inner):
        iv = os.urandom(16)
        e = self._cipher(iv).encryptor()
        body = iv + e.update(with_trailer(inner, 16)) + e.finalize()
        return body + self._mac(spi, seq, body)

    def open(self, spi, seq, body):
        body, icv = body[:-self.icv], body[-self.icv:]
        if not hmac.compare_digest(icv, self._mac(spi, seq, body)):
            raise InvalidTag
        d = self._cipher(body[:16]).decryptor()
        return without_trailer(d.update(body[16:]) + d.finalize())


class Sa:
    """One SA; key is what a key file has.  seq is the last number used; with
    ESN the high half of what comes is the one given to open()."""

    def __init__(self, spi, suite, key, esn=False, seq=0):
        self.spi, self.seq = spi, seq
        enc, auth = suite
        if len(key) != key_octets(suite):
            raise lib.Failure("a key of %d octets" % len(key))
        self.transform = Aead(enc, key, esn) if auth is None else \
            CbcHmac(enc, auth, key, esn)

    def seal(self, inner, seq=None):
        if seq is None:
            self.seq += 1
            seq = self.seq
        return struct.pack(">II", self.spi, seq & 0xffffffff) + \
            self.transform.seal(self.spi, seq, inner)

    def open(self, packet, high=0):
        """(number, inner packet); InvalidTag if it is not authentic."""
        spi, low = struct.unpack(">II", packet[:8])
        if spi != self.spi:
            raise lib.Failure("SPI 0x%x where 0x%x was awaited" % (spi,
                self.spi))
        seq = high << 32 | low
        return seq, self.transform.open(spi, seq, packet[8:])


class UdpPeer:
    """ESP in UDP between port numbers; interface of esp.RawPeer."""

    def __init__(self, ns, local, remote, port=4500, remote_port=4500):
        self.remote = (remote, remote_port)
        self.sock = ns.socket(lib.family(local), socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, lib.SO_RCVBUFFORCE, 8 << 20)
        self.sock.settimeout(lib.TIMEOUT)
        self.sock.bind((local, port))
        lib.defer(self.sock.close)

    def send(self, packet):
        self.sock.sendto(packet, self.remote)

    def recv(self):
        return self.sock.recv(65535)

    def drain(self):
        found = []
        self.sock.setblocking(False)
        try:
            while True:
                found.append(self.recv())
        except BlockingIOError:
            return found
        finally:
            self.sock.settimeout(lib.TIMEOUT)
