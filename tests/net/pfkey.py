# SPDX-License-Identifier: ISC
"""
A PF_KEYv2 client (RFC 2367) in both dialects, Linux's and OpenBSD's, over the
SOCK_SEQPACKET socket that secd gives to IKE daemons.  It builds what iked sends
and, octet by octet, what nobody should; and reads recorded conversations.

Numbers and layouts are those of <linux/pfkeyv2.h> and OpenBSD's
<net/pfkeyv2.h>, written down here a second time and not taken from secd.
"""
import errno
import os
import select
import socket
import struct
import time

import lib

VERSION = 2
TYPES = {"GETSPI": 1, "UPDATE": 2, "ADD": 3, "DELETE": 4, "GET": 5,
    "ACQUIRE": 6, "REGISTER": 7, "EXPIRE": 8, "FLUSH": 9, "DUMP": 10,
    "X_PROMISC": 11}
# extensions of RFC 2367
SA, CURRENT, HARD, SOFT, SRC, DST, PROXY, KEY_AUTH, KEY_ENCRYPT = range(1, 10)
IDENT_SRC, IDENT_DST, SENSITIVITY, PROPOSAL, SUPPORTED_AUTH, \
    SUPPORTED_ENCRYPT, SPIRANGE = range(10, 17)
IFACE = 40
IN, OUT, FWD = 1, 2, 3

# secd's name: number, octets of the key (with an AEAD's salt)
ENC = {"aes-128": (12, 16), "aes-192": (12, 24), "aes-256": (12, 32),
    "aes-128-gcm": (20, 20), "aes-192-gcm": (20, 28), "aes-256-gcm": (20, 36)}
AUTH = {"hmac-sha1": (3, 20), "hmac-sha2-256": (5, 32),
    "hmac-sha2-384": (6, 48), "hmac-sha2-512": (7, 64)}


class Dialect:
    """What differs between the two; names of numbers for people."""

    def type_name(self, number):
        for name, n in self.types.items():
            if n == number:
                return name
        return "type %d" % number

    def address(self, kind, text, port=0, proto=0, prefixlen=0):
        """An address extension; 4 octets, then a sockaddr."""
        if self.name == "openbsd":
            proto = prefixlen = 0
        return ext(kind, struct.pack("BBH", proto, prefixlen, 0) +
            self.sockaddr(text, port))

    def enc(self, name):
        return self.ciphers[name]


class Linux(Dialect):
    name = "linux"
    types = dict(TYPES, X_PCHANGE=12, X_SPDUPDATE=13, X_SPDADD=14,
        X_SPDDELETE=15, X_SPDGET=16, X_SPDACQUIRE=17, X_SPDDUMP=18,
        X_SPDFLUSH=19, X_SPDSETIDX=20, X_SPDEXPIRE=21, X_SPDDELETE2=22,
        X_NAT_T_NEW_MAPPING=23, X_MIGRATE=24)
    ESP, AH = 3, 2
    POLICY, SA2, NAT_T_TYPE, NAT_T_SPORT, NAT_T_DPORT = range(18, 23)
    EXT_MAX = 26
    ciphers = ENC
    ESN = 0x400		# of our own header; nothing of Linux's

    def sockaddr(self, text, port=0):
        if ":" in text:
            return struct.pack("=H", socket.AF_INET6) + struct.pack(">HI",
                port, 0) + socket.inet_pton(socket.AF_INET6, text) + bytes(4)
        return struct.pack("=H", socket.AF_INET) + struct.pack(">H", port) + \
            socket.inet_aton(text) + bytes(8)

    def sa(self, spi, replay=64, state=1, auth=0, enc=0, esn=False, flags=0):
        return ext(SA, struct.pack(">I", spi) + struct.pack("=BBBBI", replay,
            state, auth, enc, flags | (self.ESN if esn else 0)))

    def mode(self, reqid=0, mode=2):
        return [ext(self.SA2, struct.pack("=BBHII", mode, 0, 0, 0, reqid))]

    def encap(self, sport, dport):
        return [ext(self.NAT_T_TYPE, bytes((2, 0, 0, 0))),
            ext(self.NAT_T_SPORT, struct.pack(">HH", sport, 0)),
            ext(self.NAT_T_DPORT, struct.pack(">HH", dport, 0))]

    def policy(self, way, outer=None, number=0, kind=2):
        """outer: (src, dst) of the tunnel that is required."""
        body = struct.pack("=HBBII", kind, way, 0, number, 0)
        if outer:
            ends = self.sockaddr(outer[0]) + self.sockaddr(outer[1])
            ends += bytes(-len(ends) % 8)
            body += struct.pack("=HHBBHII", 16 + len(ends), 50, 2, 2, 0, 0,
                0) + ends
        return ext(self.POLICY, body)


class OpenBSD(Dialect):
    name = "openbsd"
    types = dict(TYPES, X_ADDFLOW=12, X_DELFLOW=13, X_GRPSPIS=14,
        X_ASKPOLICY=15, X_SPDDUMP=16)
    ESP, AH = 2, 1
    SRC_MASK, DST_MASK, PROTOCOL, FLOW_TYPE, SRC_FLOW, DST_FLOW, SA2, DST2, \
        POLICY = range(17, 26)
    UDPENCAP, LASTUSE, TAG, TAP, SATYPE2, COUNTER, RDOMAIN, MTU, \
        REPLAY = range(31, 40)
    EXT_MAX = 40
    ciphers = dict(ENC, **{"chacha20-poly1305": (22, 36)})
    TUNNEL, UDP, ESN = 4, 0x200, 0x400

    def sockaddr(self, text, port=0):
        if ":" in text:
            return struct.pack("BB", 28, 24) + struct.pack(">HI", port, 0) + \
                socket.inet_pton(socket.AF_INET6, text) + bytes(4)
        return struct.pack("BB", 16, 2) + struct.pack(">H", port) + \
            socket.inet_aton(text) + bytes(8)

    def sa(self, spi, replay=64, state=1, auth=0, enc=0, esn=False, flags=4):
        return ext(SA, struct.pack(">I", spi) + struct.pack("=BBBBI", replay,
            state, auth, enc, flags | (self.ESN if esn else 0)))

    def mode(self, reqid=0, mode=2):
        return []		# a flag of the SA

    def encap(self, sport, dport):
        return [ext(self.UDPENCAP, struct.pack(">HH", dport, 0))]

    def protocol(self, kind, proto, way=0, flags=0):
        return ext(kind, struct.pack("BBBB", proto, way, flags, 0))

    def policy(self, seq):
        return ext(self.POLICY, struct.pack("=I", seq))


LINUX, OPENBSD = Linux(), OpenBSD()
DIALECTS = {"linux": LINUX, "openbsd": OPENBSD}


# --- octets ---

def ext(kind, body, words=None):
    """An extension; words overrides its length field."""
    body += bytes(-(len(body) + 4) % 8)
    if words is None:
        words = (len(body) + 4) // 8
    return struct.pack("=HH", words, kind) + body


def lifetime(kind, alloc=0, octets=0, add=0, use=0):
    return ext(kind, struct.pack("=IQQQ", alloc, octets, add, use))


def key(kind, octets, bits=None):
    return ext(kind, struct.pack("=HH", len(octets) * 8 if bits is None else
        bits, 0) + octets)


def spirange(low=0x100, high=0xffffffff):
    return ext(SPIRANGE, struct.pack("=III", low, high, 0))


def iface(unit, way):
    return ext(IFACE, struct.pack("=IB", unit, way) + bytes(7))


def identity(kind, text, sort=1):
    return ext(kind, struct.pack("=HHQ", sort, 0, 0) + text.encode() + b"\0")


def header(kind, satype, exts=b"", seq=1, pid=None, error=0, version=VERSION,
        words=None, reserved=0):
    if pid is None:
        pid = os.getpid()
    if words is None:
        words = (16 + len(exts)) // 8
    return struct.pack("=BBBBHHII", version, kind, error, satype,
        words & 0xffff, reserved, seq & 0xffffffff, pid & 0xffffffff)


def message(kind, satype, exts=(), **kw):
    body = b"".join(exts)
    return header(kind, satype, body, **kw) + body


class Malformed(Exception):
    """A message of secd's that no key manager should have to read."""


class Message:
    """A message taken apart; exts is its list of (type, octets of all)."""

    def __init__(self, raw, dialect=LINUX):
        self.raw, self.dialect = raw, dialect
        if len(raw) < 16:
            raise Malformed("%d octets" % len(raw))
        (self.version, self.type, self.errno, self.satype, words,
            self.reserved, self.seq, self.pid) = struct.unpack("=BBBBHHII",
            raw[:16])
        if words * 8 != len(raw):
            raise Malformed("%d words in %d octets" % (words, len(raw)))
        self.exts, at = [], 16
        while at < len(raw):
            n, kind = struct.unpack("=HH", raw[at:at + 4])
            if n == 0 or at + n * 8 > len(raw):
                raise Malformed("extension %d of %d words at %d" % (kind, n,
                    at))
            self.exts.append((kind, raw[at:at + n * 8]))
            at += n * 8
        self.at = dict(self.exts)

    @property
    def name(self):
        return self.dialect.type_name(self.type)

    def kinds(self):
        return [k for k, _ in self.exts]

    def has(self, kind):
        return kind in self.at

    def sa(self):
        """{spi, replay, state, auth, enc, flags}"""
        spi, = struct.unpack(">I", self.at[SA][4:8])
        rest = struct.unpack("=BBBBI", self.at[SA][8:16])
        return dict(zip(("spi", "replay", "state", "auth", "enc", "flags"),
            (spi,) + rest))

    def spi(self):
        return self.sa()["spi"]

    def life(self, kind):
        """{alloc, bytes, add, use}"""
        return dict(zip(("alloc", "bytes", "add", "use"),
            struct.unpack("=IQQQ", self.at[kind][4:32])))

    def address(self, kind):
        return self.prefix(kind)[0]

    def prefix(self, kind):
        """(address, prefixlen) of an address extension."""
        e = self.at[kind]
        v6 = e[8:10] == self.dialect.sockaddr("::")[:2]
        text = socket.inet_ntop(socket.AF_INET6, e[16:32]) if v6 else \
            socket.inet_ntoa(e[12:16])
        return text, e[5]

    def lastuse(self):
        return struct.unpack("=Q", self.at[OPENBSD.LASTUSE][24:32])[0]

    def policy(self):
        """(direction, id) of Linux's policy extension."""
        way, = struct.unpack("B", self.at[LINUX.POLICY][6:7])
        return way, struct.unpack("=I", self.at[LINUX.POLICY][8:12])[0]

    def unit(self):
        """(unit, direction)"""
        return struct.unpack("=IB", self.at[IFACE][4:9])

    def __repr__(self):
        return "<%s errno %s seq %d pid %d exts %s>" % (self.name,
            errno.errorcode.get(self.errno, self.errno), self.seq, self.pid,
            self.kinds())

    def dirty(self):
        """What should be zero in every message, and is not; by name."""
        bad = ["header"] if self.reserved else []
        for kind, e in self.exts:
            name = "extension %d" % kind
            zero = b""
            if kind in (SRC, DST, PROXY) or (self.dialect is OPENBSD and
                    kind in (17, 18, 21, 22, 24)):
                zero = self._unused_address(e)
            elif kind in (KEY_AUTH, KEY_ENCRYPT):
                zero = e[4:]		# any key at all
            elif kind == SPIRANGE:
                zero = e[12:]
            elif kind == IFACE:
                zero = e[9:]
            elif kind in (SUPPORTED_AUTH, SUPPORTED_ENCRYPT):
                zero = e[4:8] + b"".join(e[i + 6:i + 8]
                    for i in range(8, len(e), 8))
            elif self.dialect is LINUX and kind == LINUX.SA2:
                zero = e[5:8]
            elif self.dialect is LINUX and kind == LINUX.NAT_T_TYPE:
                zero = e[5:]
            elif kind in (LINUX.NAT_T_SPORT, LINUX.NAT_T_DPORT) and \
                    self.dialect is LINUX:
                zero = e[6:]
            elif self.dialect is OPENBSD and kind == OPENBSD.UDPENCAP:
                zero = e[6:]
            if any(zero):
                bad.append(name + " " + e.hex())
        return bad

    def _unused_address(self, e):
        head = e[6:8] if self.dialect is LINUX else e[4:8]
        if e[8:10] == self.dialect.sockaddr("::")[:2]:
            return head + e[12:16] + e[32:]	# flow, scope and padding
        return head + e[16:]


# --- suites ---

class Suite:
    """Transforms by secd's names, with fresh keys unless given."""

    def __init__(self, enc="aes-256", auth="hmac-sha2-384", key=None,
            authkey=None):
        if enc not in ("aes-128", "aes-192", "aes-256"):
            auth = None
        self.enc, self.auth = enc, auth
        self.key = key or os.urandom(OPENBSD.ciphers[enc][1])
        self.authkey = b"" if auth is None else authkey or \
            os.urandom(AUTH[auth][1])

    def numbers(self, dialect):
        return {"enc": dialect.enc(self.enc)[0],
            "auth": AUTH[self.auth][0] if self.auth else 0}

    def keys(self):
        found = [key(KEY_ENCRYPT, self.key)]
        if self.auth:
            found.append(key(KEY_AUTH, self.authkey))
        return found

    def all_octets(self):
        return self.key + self.authkey

    def __str__(self):
        return self.enc + (" " + self.auth if self.auth else "")


# --- the connection ---

class Client:
    """A key manager.  secd is a daemon.Secd, or the socket's path; name None
    leaves the socket unbound, so that the uid alone is the owner."""

    def __init__(self, secd, name="client", dialect="linux", connect=True):
        self.path = secd if isinstance(secd, str) else secd.run + \
            "/pfkey.sock"
        self.ns = None if isinstance(secd, str) else secd.ns
        self.name, self.dialect = name, DIALECTS[dialect]
        self.pid, self.seq = os.getpid(), 0
        self.queue = []			# messages nobody asked for
        self.sock = None
        if connect:
            self.connect()
        lib.defer(self.close)

    def connect(self):
        make = self.ns.socket if self.ns else socket.socket
        self.sock = make(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self.name is not None:
            # the same name may be connected more than once
            for i in range(100):
                try:
                    self.sock.bind("\0secd/%s/%d" % (self.name, self.pid +
                        (i << 22)))
                    break
                except OSError as e:
                    if e.errno != errno.EADDRINUSE:
                        raise
        # without a time limit, since that makes a full queue an error
        self.sock.connect(self.path)
        self.sock.settimeout(lib.TIMEOUT)
        return self

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def again(self):
        """The same program with a new connection."""
        self.close()
        return self.connect()

    def send(self, raw):
        self.sock.send(raw)

    def recv(self, timeout=lib.TIMEOUT):
        """The next message whatever it is; None if none comes in time, or at
        the end of the connection (then eof is true)."""
        self.eof = False
        if not select.select([self.sock], [], [], timeout)[0]:
            return None
        try:
            raw = self.sock.recv(65536)
        except ConnectionResetError:
            raw = b""
        if not raw:
            self.eof = True
            return None
        return Message(raw, self.dialect)

    def number(self, kind):
        return kind if isinstance(kind, int) else self.dialect.types[kind]

    def request(self, kind, satype=None, exts=(), **kw):
        """Send it, wait for the reply; what else comes is kept for next()."""
        if satype is None:
            satype = self.dialect.ESP
        self.seq += 1
        seq = kw.pop("seq", self.seq)
        pid = kw.pop("pid", self.pid)
        return self.ask(message(self.number(kind), satype, exts, seq=seq,
            pid=pid, **kw), seq, pid)

    def ask(self, raw, seq=None, pid=None, timeout=lib.TIMEOUT):
        """The reply to raw octets, None if there is none."""
        if seq is None and len(raw) >= 16:
            seq, pid = struct.unpack("=II", raw[8:16])
        self.send(raw)
        end = time.monotonic() + timeout
        while True:
            got = self.recv(max(0, end - time.monotonic()))
            if got is None or seq is None or (got.seq, got.pid) == (seq, pid):
                return got
            self.queue.append(got)

    def many(self, kind, requests, depth=32):
        """Send requests (lists of extensions), depth of them ahead of their
        replies; the seconds it took, and the replies that have an errno."""
        raw = []
        for exts in requests:
            self.seq += 1
            raw.append(message(self.number(kind), self.dialect.ESP, exts,
                seq=self.seq, pid=self.pid))
        refused, sent, got = [], 0, 0
        started = time.perf_counter()
        while got < len(raw):
            while sent < min(len(raw), got + depth):
                self.send(raw[sent])
                sent += 1
            reply = self.recv()
            if reply is None:
                raise lib.Failure("no reply to %s %d" % (kind, got))
            if reply.type != self.number(kind):
                self.queue.append(reply)
                continue
            got += 1
            if reply.errno:
                refused.append(reply)
        return time.perf_counter() - started, refused

    def next(self, timeout=lib.TIMEOUT):
        """The next message that nobody asked for, or None."""
        if self.queue:
            return self.queue.pop(0)
        return self.recv(timeout)

    def await_message(self, kind, timeout=lib.TIMEOUT):
        """The next unasked-for message of this type."""
        end = time.monotonic() + timeout
        while True:
            got = self.next(max(0, end - time.monotonic()))
            if got is None:
                raise lib.Failure("no %s in %g s" % (kind, timeout))
            if got.type == self.number(kind):
                return got
            lib.diag("also came: %r" % got)

    # --- what iked asks ---

    def register(self, satype=None):
        return self.request("REGISTER", satype)

    def begin(self):
        """What iked does first; the two replies to REGISTER."""
        self.flush()
        return [self.register(self.dialect.ESP),
            self.register(self.dialect.AH)]

    def flush(self, satype=0):
        return self.request("FLUSH", satype)

    def getspi(self, src, dst, low=0x100, high=0xffffffff, **kw):
        return self.request("GETSPI", exts=[spirange(low, high),
            self.addr(SRC, src), self.addr(DST, dst)], **kw)

    def addr(self, kind, text):
        return self.dialect.address(kind, text)

    def sa_exts(self, spi, src, dst, suite=None, soft=None, hard=None,
            encap=None, unit=None, esn=False, replay=64, reqid=0, state=1,
            ident=True, extra=()):
        """Extensions of ADD and UPDATE in iked's order.  soft and hard are
        dicts for lifetime(), encap (sport, dport), unit (unit, direction)."""
        d = self.dialect
        numbers = suite.numbers(d) if suite else {}
        more = {}
        if d is OPENBSD:
            more["flags"] = d.TUNNEL | (d.UDP if encap else 0)
        found = [d.sa(spi, replay, state, esn=esn, **numbers, **more)]
        found += d.mode(reqid)
        found += [self.addr(SRC, src), self.addr(DST, dst)]
        for kind, life in ((SOFT, soft), (HARD, hard)):
            if life is not None:
                found.append(lifetime(kind, **life))
        if encap:
            found += d.encap(*encap)
        if suite:
            found += suite.keys()
        if d is OPENBSD and suite and ident:
            found += [identity(IDENT_SRC, "IPV4/" + src + "/32"),
                identity(IDENT_DST, "IPV4/" + dst + "/32")]
        if unit:
            found.append(iface(*unit))
        return found + list(extra)

    def update(self, *args, **kw):
        return self.request("UPDATE", exts=self.sa_exts(*args, **kw))

    def add(self, *args, **kw):
        return self.request("ADD", exts=self.sa_exts(*args, **kw))

    def _named(self, kind, spi, src, dst, mode):
        exts = [self.dialect.sa(spi)]
        if mode:
            exts += self.dialect.mode()
        exts += [self.addr(SRC, src), self.addr(DST, dst)]
        return self.request(kind, exts=exts)

    def delete(self, spi, src, dst):
        return self._named("DELETE", spi, src, dst, True)

    def get(self, spi, src, dst):
        return self._named("GET", spi, src, dst, False)

    def dump(self, satype=0, timeout=lib.TIMEOUT):
        """All SAs: messages up to the one with seq 0, or with an errno."""
        self.seq += 1
        self.send(message(TYPES["DUMP"], satype, seq=self.seq, pid=self.pid))
        found = []
        while True:
            got = self.recv(timeout)
            if got is None:
                raise lib.Failure("a DUMP without end")
            if got.type != TYPES["DUMP"]:
                self.queue.append(got)
                continue
            found.append(got)
            if got.seq == 0 or got.errno:
                return found

    def pair(self, here, there, out_spi, suites=None, **kw):
        """GETSPI, ADD out, UPDATE in, as an initiator; the inbound SPI."""
        out, into = suites or (Suite(), Suite())
        got = self.must(self.getspi(there, here))
        self.must(self.add(out_spi, here, there, out, **kw))
        self.must(self.update(got.spi(), there, here, into, **kw))
        return got.spi()

    def must(self, reply):
        if reply is None:
            raise lib.Failure("no reply")
        if reply.errno != 0:
            raise lib.Failure("refused: %r" % reply)
        return reply

    # --- flows ---

    def _flow(self, kind, way, src, dst, outer):
        d = self.dialect
        ends = [(SRC,) + split(src), (DST,) + split(dst)]
        return self.request(kind, 0, d.mode(mode=0) + [d.address(k, a,
            proto=255, prefixlen=n) for k, a, n in ends] + [d.policy(way,
            outer)])

    def spdupdate(self, way, src, dst, outer):
        """Linux's: src and dst are networks, outer (src, dst)."""
        return self._flow("X_SPDUPDATE", way, src, dst, outer)

    def spddelete(self, way, src, dst, outer):
        return self._flow("X_SPDDELETE", way, src, dst, outer)

    def spdget(self, way, number):
        return self.request("X_SPDGET", 0, [self.dialect.policy(way,
            number=number)])

    def _obsd_flow(self, kind, way, src, dst, peer, full):
        d = self.dialect
        exts = [d.protocol(d.FLOW_TYPE, 3, way)]
        if full:
            exts.append(self.addr(DST, peer))
        for flow, mask, net in ((d.SRC_FLOW, d.SRC_MASK, src),
                (d.DST_FLOW, d.DST_MASK, dst)):
            a, n = split(net)
            exts += [self.addr(flow, a), self.addr(mask, netmask(a, n))]
        exts.append(d.protocol(d.PROTOCOL, 0))
        if full:
            exts += [identity(IDENT_SRC, "IPV4/192.0.2.1/32"),
                identity(IDENT_DST, "IPV4/192.0.2.2/32")]
        return self.request(kind, exts=exts)

    def addflow(self, way, src, dst, peer):
        """OpenBSD's: src and dst are networks."""
        return self._obsd_flow("X_ADDFLOW", way, src, dst, peer, True)

    def delflow(self, way, src, dst, peer):
        return self._obsd_flow("X_DELFLOW", way, src, dst, peer, False)

    def askpolicy(self, number):
        return self.request("X_ASKPOLICY", exts=[self.dialect.policy(number)])

    def flow(self, way, src, dst, outer):
        """A flow in this dialect's way."""
        if self.dialect is LINUX:
            return self.spdupdate(way, src, dst, outer)
        return self.addflow(way, src, dst, outer[1] if way == OUT else
            outer[0])

    def latency(self, n, ask):
        """Seconds that each of n calls of ask() took, sorted."""
        found = []
        for _ in range(n):
            started = time.perf_counter()
            self.must(ask())
            found.append(time.perf_counter() - started)
        return sorted(found)


def split(net):
    a, _, n = net.partition("/")
    return a, int(n)


def netmask(addr, n):
    bits = 128 if ":" in addr else 32
    octets = ((1 << bits) - (1 << (bits - n))).to_bytes(bits // 8, "big")
    return socket.inet_ntop(lib.family(addr), octets)


# --- recorded conversations ---

def transcript(path):
    """[(to secd?, Message)] of a file of tests/data/pfkey."""
    found, octets = [], None
    with open(path) as f:
        for line in f:
            words = line.split()
            if len(words) > 2 and words[1] in ("K->S", "S->K"):
                octets = bytearray()
                found.append((words[1] == "K->S", octets))
            elif words[:1] == ["hex"]:
                octets += bytes.fromhex("".join(words[2:]))
    return [(way, Message(bytes(o))) for way, o in found]
