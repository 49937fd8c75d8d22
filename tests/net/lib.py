# SPDX-License-Identifier: ISC
"""
What every network test stands on: TAP, clean-up, network namespaces, traffic
with exact counts, and captures.  Knows nothing of secd; daemon.py does.

A test calls run(main).  Namespaces bear the pid of the test, so that tests can
run side by side; everything that was made is undone in reverse order on every
exit, SIGINT and SIGTERM included.  Commands are echoed as "# ns$ command".
"""
import atexit
import contextlib
import ctypes
import hashlib
import os
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 10.0			# seconds that anything awaited may take

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33


# --- TAP ---

class Failure(Exception):
    """A step without which the rest of the test makes no sense failed."""


class Skip(Exception):
    """The test cannot run here."""


def skip(why):
    """For the whole test, before its first check."""
    raise Skip(why)


class _Tally:
    count = 0
    failed = 0


def diag(text):
    for line in str(text).rstrip("\n").split("\n"):
        print("# " + line, flush=True)


def ok(cond, name):
    _Tally.count += 1
    if not cond:
        _Tally.failed += 1
    print("%s %d - %s" % ("ok" if cond else "not ok", _Tally.count,
        name.replace("#", "\\#")), flush=True)
    return bool(cond)


def same(got, want, name):
    if not ok(got == want, name):
        diag("     got: %.1000r" % (got,))
        diag("  wanted: %.1000r" % (want,))
        return False
    return True


def contains(text, part, name):
    if not ok(part in text, name):
        diag("  no %r in:" % part)
        diag(text if len(text) < 4000 else text[-4000:])
        return False
    return True


# --- clean-up ---

_cleanup = []


def defer(fn, *args, **kw):
    _cleanup.append((fn, args, kw))


def _clean():
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    while _cleanup:
        fn, args, kw = _cleanup.pop()
        try:
            fn(*args, **kw)
        except Exception as e:	# the rest must be cleaned up as well
            diag("clean-up: %s" % e)


def _signalled(signum, _frame):
    # one exit only: the clean-up must not be interrupted by a second ^C
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)
    sys.exit(128 + signum)


def run(main):
    """Run the test, print its plan, exit."""
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _signalled)
    atexit.register(_clean)
    if os.geteuid() != 0:
        print("Bail out!  network tests make namespaces: run them as root")
        sys.exit(1)
    try:
        main()
    except Skip as e:
        print("1..0 # SKIP %s" % e, flush=True)
        sys.exit(0)
    except Exception as e:
        ok(False, "the test ran to its end (%s)" % type(e).__name__)
        diag(traceback.format_exc())
        for fn in on_failure:
            fn()
    else:
        if _Tally.failed:
            for fn in on_failure:
                fn()
    print("1..%d" % _Tally.count, flush=True)
    sys.exit(1 if _Tally.failed else 0)


on_failure = []			# what to show then, such as logs


def until(fn, what, timeout=TIMEOUT):
    """Wait for fn() to give something true, and return that."""
    end = time.monotonic() + timeout
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise Failure("waited %g s in vain for %s" % (timeout, what))
        time.sleep(0.01)


def need(*programs):
    """Raise Failure naming a program that is not installed."""
    for p in programs:
        if shutil.which(p) is None:
            raise Failure("%s is not installed" % p)


_tmp = None


def tmpdir():
    """This test's own directory: root's, 0755, gone at the end."""
    global _tmp
    if _tmp is None:
        _tmp = tempfile.mkdtemp(prefix="secd-test-")
        os.chmod(_tmp, 0o755)
        defer(shutil.rmtree, _tmp, ignore_errors=True)
    return _tmp


# --- processes ---

def _child(nsfd):
    def setup():
        # nothing outlives a test that is killed
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if nsfd is not None and libc.setns(nsfd, CLONE_NEWNET) != 0:
            os._exit(126)
    return setup


class Result:
    def __init__(self, rc, out, err):
        self.rc, self.out, self.err = rc, out, err


def end(proc, sig=signal.SIGTERM, timeout=TIMEOUT):
    """End a process of ours; its exit status as Popen has it."""
    if proc.poll() is None:
        proc.send_signal(sig)
    try:
        return proc.wait(timeout)
    except subprocess.TimeoutExpired:
        proc.kill()
        proc.wait()
        raise Failure("process %d did not end" % proc.pid)


class Lines:
    """Lines from a pipe, each awaited with a time limit."""

    def __init__(self, fd):
        self.fd, self.rest = fd, b""

    def line(self, timeout=TIMEOUT):
        """The next one without its end; None if none comes in time."""
        while b"\n" not in self.rest:
            if not select.select([self.fd], [], [], timeout)[0]:
                return None
            piece = os.read(self.fd, 65536)
            if not piece:
                raise Failure("end of file where a line was awaited")
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace")


# --- namespaces ---

class Ns:
    """A network namespace.  tag is its name in this test."""

    def __init__(self, tag):
        self.tag = tag
        self.name = "secd-%d-%s" % (os.getpid(), tag)
        self.fd = None
        host("ip netns add " + self.name)
        defer(self._delete)
        self.fd = os.open("/run/netns/" + self.name, os.O_RDONLY)
        self.run("ip link set lo up")
        # the kernel's own chatter would spoil exact counts
        self.sysctl("net/ipv6/conf/default/addr_gen_mode", 1)
        self.sysctl("net/ipv6/conf/default/accept_ra", 0)
        self.sysctl("net/ipv6/conf/default/accept_dad", 0)
        self.sysctl("net/ipv4/conf/default/rp_filter", 0)
        self.sysctl("net/ipv4/conf/all/rp_filter", 0)

    def _delete(self):
        if self.fd is not None:
            os.close(self.fd)
        subprocess.run(["ip", "netns", "delete", self.name],
            stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def inside(self):
        """What this thread opens meanwhile belongs to the namespace."""
        back = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            if libc.setns(self.fd, CLONE_NEWNET) != 0:
                raise Failure("cannot enter " + self.name)
            yield
        finally:
            if libc.setns(back, CLONE_NEWNET) != 0:
                os._exit(1)		# lost in another namespace
            os.close(back)

    def sysctl(self, name, value):
        with self.inside():
            with open("/proc/sys/" + name, "w") as f:
                f.write(str(value))

    def read_sysctl(self, name):
        with self.inside():
            with open("/proc/sys/" + name) as f:
                return f.read().strip()

    def popen(self, argv, **kw):
        """Start argv (list) here; it is ended with the test."""
        diag("%s$ %s" % (self.tag, shlex.join(argv)))
        p = subprocess.Popen(argv, preexec_fn=_child(self.fd), **kw)
        defer(_reap, p)
        return p

    def run(self, cmd, check=True, input=None, quiet=False, env=None,
            timeout=60):
        return _run(self.tag, self.fd, cmd, check, input, quiet, env, timeout)

    def socket(self, *args):
        with self.inside():
            return socket.socket(*args)


def _reap(p):
    if p.poll() is None:
        p.kill()
    p.wait()
    for f in (p.stdin, p.stdout, p.stderr):
        if f is not None:
            f.close()


def _run(tag, fd, cmd, check, input, quiet, env, timeout):
    argv = shlex.split(cmd) if isinstance(cmd, str) else cmd
    if not quiet:
        diag("%s$ %s" % (tag, shlex.join(argv)))
    p = subprocess.run(argv, preexec_fn=_child(fd), input=input, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
        timeout=timeout,
        stdin=subprocess.DEVNULL if input is None else None)
    if check and p.returncode != 0:
        raise Failure("%s: exit %d: %s%s" % (shlex.join(argv), p.returncode,
            p.stdout, p.stderr))
    return Result(p.returncode, p.stdout, p.stderr)


def host(cmd, check=True, quiet=True):
    """A command outside all namespaces, to make and unmake them."""
    return _run("host", None, cmd, check, None, quiet, None, 60)


def link(a, b, dev="eth0", v4=None, v6=None, mtu=1500):
    """A veth pair between two namespaces; v4 and v6 are (address of a, of b)
    without prefix length: the link is a /24 and a /64."""
    host("ip link add %s netns %s mtu %d type veth peer name %s netns %s "
        "mtu %d" % (dev, a.name, mtu, dev, b.name, mtu))
    for i, ns in enumerate((a, b)):
        if v4:
            ns.run("ip addr add %s/24 dev %s" % (v4[i], dev))
        if v6:
            ns.run("ip addr add %s/64 dev %s nodad" % (v6[i], dev))
        ns.run("ip link set %s up" % dev)


# --- traffic inside ---

def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def udp(ns, addr, port=0):
    s = ns.socket(family(addr), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
    s.settimeout(TIMEOUT)
    s.bind((addr, port))
    return s


def udp_flow(a, src, b, dst, n, size=100, burst=16, timeout=2.0):
    """Send n datagrams of size octets each from a to b; how many came, whole,
    each once, in order.  A loss shows after timeout seconds."""
    tx, rx = udp(a, src), udp(b, dst)
    rx.settimeout(timeout)
    good = 0
    try:
        to = rx.getsockname()[:2]
        for first in range(0, n, burst):
            batch = range(first, min(first + burst, n))
            for i in batch:
                tx.sendto(_payload(i, size), to)
            for i in batch:
                if rx.recv(65535) == _payload(i, size):
                    good += 1
    except socket.timeout:
        pass
    finally:
        tx.close()
        rx.close()
    return good


def _payload(i, size):
    head = struct.pack(">I", i)
    return (head * (size // 4 + 1))[:size]


def tcp_transfer(a, src, b, dst, octets):
    """A TCP stream from a to b; 1 if what came is what was sent, and the
    seconds it took."""
    with b.inside():
        ls = socket.create_server((dst, 0), family=family(dst))
    ls.settimeout(TIMEOUT)
    data = os.urandom(1 << 16) * (octets >> 16)
    got = hashlib.sha256()

    def receive():
        c, _ = ls.accept()
        c.settimeout(TIMEOUT)
        with c:
            while True:
                piece = c.recv(1 << 16)
                if not piece:
                    break
                got.update(piece)

    th = threading.Thread(target=receive, daemon=True)
    th.start()
    started = time.monotonic()
    try:
        with a.inside():
            c = socket.create_connection(ls.getsockname()[:2], TIMEOUT,
                (src, 0))
        with c:
            c.sendall(data)
        th.join(30)
    except OSError as e:
        diag("tcp: %s" % e)
    finally:
        ls.close()
    return (got.digest() == hashlib.sha256(data).digest(),
        time.monotonic() - started)


def checksum(octets):
    """The Internet's."""
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(">%dH" % (len(octets) // 2), octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ping(ns, src, dst, count=1, size=56, timeout=2.0):
    """Send count echo requests, one after the other; how many were answered
    with the same octets.  (ping(8) ends early when an answer is slow.)"""
    diag("%s$ # echo %s > %s, %d times %d octets" % (ns.tag, src, dst, count,
        size))
    v6 = ":" in dst
    request, reply = (128, 129) if v6 else (8, 0)
    s = ns.socket(family(dst), socket.SOCK_RAW, 58 if v6 else 1)
    s.bind((src, 0))
    answered = 0
    with s:
        for i in range(count):
            tail = struct.pack(">HH", os.getpid() & 0xffff, i) + \
                os.urandom(size)
            head = struct.pack(">BBH", request, 0, 0)
            if not v6:		# the kernel does it for IPv6
                head = struct.pack(">BBH", request, 0, checksum(head + tail))
            try:
                s.sendto(head + tail, (dst, 0))
            except OSError as e:
                diag("ping: %s" % e)
                continue
            answered += _echo_reply(s, v6, reply, tail, timeout)
    return answered


def _echo_reply(s, v6, kind, tail, timeout):
    end_at = time.monotonic() + timeout
    while (left := end_at - time.monotonic()) > 0:
        s.settimeout(left)
        try:
            octets = s.recv(65535)
        except socket.timeout:
            return 0
        if not v6:
            octets = octets[(octets[0] & 15) * 4:]
        if octets[:1] == bytes([kind]) and octets[4:] == tail:
            return 1
    return 0


# --- captures ---

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_STATISTICS = 6
SO_ATTACH_FILTER = 26


class Capture:
    """Every frame on a device of a namespace from now on, at most snap octets
    of each.  all has what was read so far, sync() completes it."""

    def __init__(self, ns, dev="eth0", snap=65535):
        self.all = []
        self.lost = 0
        self.sock = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        # one instruction: accept snap octets
        code = struct.pack("HBBI", 0x06, 0, 0, snap)
        buf = ctypes.create_string_buffer(code)
        prog = struct.pack("HL", 1, ctypes.addressof(buf))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, prog)
        with ns.inside():
            self.sock.bind((dev, ETH_P_ALL))
        # the thread sleeps in poll, and stop() wakes it
        self.sock.setblocking(False)
        self.wake_r, self.wake_w = os.pipe()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        defer(self.stop)

    def _drain(self):
        with self.lock:
            while True:
                try:
                    self.all.append(self.sock.recv(65535 + 64))
                except BlockingIOError:
                    return
                except OSError:		# the device went away
                    continue

    def _read(self):
        p = select.poll()
        p.register(self.sock, select.POLLIN)
        p.register(self.wake_r, select.POLLIN)
        while True:
            ready = [fd for fd, _ in p.poll()]
            self._drain()
            if self.wake_r in ready:
                return

    def stop(self):
        """End the capture; all frames that passed before are in it."""
        if self.sock is None:
            return self.all
        os.write(self.wake_w, b"x")
        self.thread.join()
        stat = self.sock.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        self.lost = struct.unpack("II", stat)[1]
        self.sock.close()
        self.sock = None
        os.close(self.wake_r)
        os.close(self.wake_w)
        return self.all

    def sync(self):
        """All frames that have passed until now."""
        if self.sock is not None:
            self._drain()
        return self.all

    def frames(self):
        """A copy of them."""
        return list(self.sync())


class Ip:
    """The outer header of a frame, as far as matters here.  proto is the last
    next header found; frag is the fragment offset in octets."""

    def __init__(self, octets):
        self.version = octets[0] >> 4
        self.proto = self.src = self.dst = None
        self.frag = self.more = 0
        self.payload = b""
        if self.version == 4 and len(octets) >= 20:
            hl = (octets[0] & 15) * 4
            fl = struct.unpack(">H", octets[6:8])[0]
            self.frag, self.more = (fl & 0x1fff) * 8, fl >> 13 & 1
            self.proto = octets[9]
            self.src = socket.inet_ntop(socket.AF_INET, octets[12:16])
            self.dst = socket.inet_ntop(socket.AF_INET, octets[16:20])
            self.ttl = octets[8]
            total = struct.unpack(">H", octets[2:4])[0]
            self.payload = octets[hl:total]
        elif self.version == 6 and len(octets) >= 40:
            self.src = socket.inet_ntop(socket.AF_INET6, octets[8:24])
            self.dst = socket.inet_ntop(socket.AF_INET6, octets[24:40])
            nh, at = octets[6], 40
            self.ttl = octets[7]
            end = 40 + struct.unpack(">H", octets[4:6])[0]
            while nh in (0, 43, 44, 60) and at + 8 <= len(octets):
                if nh == 44:
                    fl = struct.unpack(">H", octets[at + 2:at + 4])[0]
                    self.frag, self.more = fl & 0xfff8, fl & 1
                    nh, at = octets[at], at + 8
                else:
                    nh, at = octets[at], at + 8 + octets[at + 1] * 8
            self.proto, self.payload = nh, octets[at:end]


ESP = 50


def frame_ip(frame):
    """The Ip of an Ethernet frame, or None."""
    kind = struct.unpack(">H", frame[12:14])[0]
    if kind not in (0x0800, 0x86dd) or len(frame) < 34:
        return None
    return Ip(frame[14:])


def esp_packets(frames):
    """(src, dst, spi, number) of each ESP packet; of a fragmented one the
    first fragment has them."""
    found = []
    for f in frames:
        ip = frame_ip(f)
        if ip and ip.proto == ESP and ip.frag == 0 and len(ip.payload) >= 8:
            spi, seq = struct.unpack(">II", ip.payload[:8])
            found.append((ip.src, ip.dst, spi, seq))
    return found


def _quotes_esp(ip):
    """An ICMP error about an ESP packet, whose octets it quotes."""
    if ip.proto == 1 and ip.payload[:1] in (b"\x03", b"\x0b", b"\x0c"):
        return Ip(ip.payload[8:]).proto == ESP
    if ip.proto == 58 and ip.payload[:1] in (b"\1", b"\2", b"\3", b"\4"):
        return Ip(ip.payload[8:]).proto == ESP
    return False


def cleartext(frames, outer, marker=None):
    """Frames that should not be on a link between the outer addresses: all but
    ESP between them, ARP, neighbour discovery, multicast reports, and errors
    that quote ESP.  Also any frame with the octets marker in it."""
    bad = []
    for f in frames:
        kind = struct.unpack(">H", f[12:14])[0]
        if marker is not None and marker in f:
            bad.append(f)
        elif kind == 0x0806:
            continue
        elif (ip := frame_ip(f)) is None:
            bad.append(f)
        elif ip.proto == 58 and ip.payload[:1] and \
                ip.payload[0] in (130, 131, 132, 133, 134, 135, 136, 137, 143):
            continue
        elif ip.src not in outer or ip.dst not in outer:
            bad.append(f)
        elif ip.proto != ESP and not _quotes_esp(ip):
            bad.append(f)
    return bad


def none(bad, name):
    """ok if the list of frames is empty; shows the first ones if not."""
    if not ok(not bad, name):
        for f in bad[:5]:
            ip = frame_ip(f)
            diag("  %s" % (("%s > %s proto %s " % (ip.src, ip.dst, ip.proto))
                if ip else "") + f[:64].hex())
        diag("  %d frames" % len(bad))
        return False
    return True


def write_pcap(path, frames):
    """Ethernet frames to a file for other programs."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack("<IIII", i, 0, len(frame), len(frame)))
            f.write(frame)
