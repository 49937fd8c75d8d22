#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# libsecpfkey.so and secd-run, with a server in place of secd: first a client
# that makes the calls that iked makes, one at a time, then a stock iked.

import errno
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import time

import lib
from lib import contains, ok, same

TOP = os.path.dirname(os.path.dirname(lib.HERE))
RUN = os.path.join(TOP, "shim/secd-run")
LIB = os.path.join(TOP, "shim/libsecpfkey.so")
GONE = "secd is gone (socket %s closed): ending so that the supervisor " \
    "starts me again"
# version, type, errno, satype, length, reserved, seq, pid
HEADER = struct.Struct("=BBBBHHII")
REGISTER, EXPIRE, FLUSH = 7, 8, 9


class Server:
    """secd's end: says yes to everything, after some delay."""

    def __init__(self, name, delay=0.0, before=(), reads=True):
        self.path = os.path.join(lib.tmpdir(), name)
        self.delay, self.before, self.reads = delay, before, reads
        self.names, self.seen, self.conns = [], [], []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(8)
        lib.defer(self.gone)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn = self.listener.accept()[0]
            except OSError:
                return
            # secd-run only looks whether somebody is there
            name = conn.getpeername()
            if name:
                self.names.append(name)
            self.conns.append(conn)
            if self.reads:
                threading.Thread(target=self.serve, args=(conn,),
                    daemon=True).start()

    def serve(self, conn):
        while True:
            try:
                message = conn.recv(4096)
                if not message:
                    return
                self.seen.append(message[1])
                for unasked in self.before:
                    conn.send(unasked)
                time.sleep(self.delay)
                conn.send(HEADER.pack(2, message[1], 0, message[3], 2, 0,
                    *HEADER.unpack(message[:16])[-2:]))
            except OSError:
                return

    def gone(self):
        """As when secd's parent dies."""
        for s in [self.listener] + self.conns:
            # closing alone does not wake a thread of ours that reads
            if self.reads:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            s.close()
        if os.path.exists(self.path):
            os.unlink(self.path)


# What every client begins with: iked's way to ask and to read.
CLIENT = """
import ctypes, errno, json, os, select, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def pfkey(flags=0):
    s = socket.socket(15, socket.SOCK_RAW | flags, 2)
    return socket.socket(fileno=s.detach())	# so that Python sees what it is
def ask(s, type=7, call=None):
    m = struct.pack("=BBBBHHII", 2, type, 0, 3, 2, 0, 1, os.getpid())
    (call or (lambda fd, m: os.writev(fd, [m[:8], m[8:]])))(s.fileno(), m)
def ready(s, ms):
    p = select.poll()
    p.register(s.fileno(), select.POLLIN)
    return len(p.poll(ms))
def read(s):
    length = struct.unpack("=BBBBHHII", s.recv(16, socket.MSG_PEEK))[4]
    return os.read(s.fileno(), length * 8)
def say(x):
    print(json.dumps(x), flush=True)
"""


def argv(server, code, *options):
    return [RUN, "-s", server.path, *options, sys.executable, "-B", "-c",
        CLIENT + textwrap.dedent(code)]


def environment(**kw):
    return dict({k: v for k, v in os.environ.items()
        if not k.startswith("SECPFKEY_") and k != "LD_PRELOAD"}, **kw)


def client(server, code, *options, **env):
    """Its result, with what it said in .said."""
    r = subprocess.run(argv(server, code, *options), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=lib.TIMEOUT,
        stdin=subprocess.DEVNULL, env=environment(**env))
    said = [json.loads(line) for line in r.stdout.split("\n") if line]
    if r.returncode != 0:
        lib.diag(r.stderr)
    r.said = said[0] if len(said) == 1 else said
    return r


def opening():
    s = Server("opening")
    r = client(s, """
        a = pfkey(socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        b = pfkey()
        say([os.getpid(), os.get_inheritable(a.fileno()),
            os.get_blocking(a.fileno()), os.get_blocking(b.fileno())])
        """, "-n", "tester")
    pid, inherit, a, b = r.said
    same((r.returncode, inherit, a, b), (0, False, False, True),
        "socket(PF_KEY) works, with SOCK_CLOEXEC and SOCK_NONBLOCK as asked")
    lib.until(lambda: len(s.names) == 2, "two connections")
    same(s.names, [b"\0secd/tester/%d" % pid, b"\0secd/tester/%d.2" % pid],
        "our ends are named after the daemon and its process")

    del s.names[:]
    name = b"\0secd/" + os.path.basename(sys.executable).encode()
    for given, want in (("a/b \x07\xe9c", b"\0secd/a_b____c"),
            ("n" * 40, b"\0secd/" + b"n" * 19), ("", name)):
        r = client(s, "pfkey()\nsay(os.getpid())", SECPFKEY_NAME=given)
        lib.until(lambda: s.names, "a connection")
        same(s.names.pop(), want + b"/%d" % r.said,
            "SECPFKEY_NAME=%r" % given)

    code = """
        def number(*args):
            try:
                socket.socket(*args).close()
            except OSError as e:
                return e.errno
        say([number(15, socket.SOCK_DGRAM, 2), number(15, socket.SOCK_RAW, 3),
            number(socket.AF_INET, socket.SOCK_DGRAM),
            number(socket.AF_INET, socket.SOCK_RAW, 2)])
        """
    r = subprocess.run(argv(s, code)[3:], stdout=subprocess.PIPE,
        env=environment())
    same(client(s, code).said, json.loads(r.stdout),
        "other sockets come from the kernel")
    same(s.names, [], "and not from secd")

    # a server that is gone between secd-run and the socket
    for what, path, text in (
            ("nothing there", s.path + ".not", "secd is not running"),
            ("nobody listens", lib.tmpdir() + "/deaf", "secd is not running"),
            ("too long", "/" + "x" * 200, "longer than")):
        if what == "nobody listens":
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind(path)
        r = client(s, """
            os.environ["SECPFKEY_SOCKET"] = %r
            try:
                pfkey()
            except OSError as e:
                say(e.errno)
            """ % path)
        same(r.said, errno.EAFNOSUPPORT, "%s: as without PF_KEY" % what)
        same((r.stderr.count("\n"), path in r.stderr, text in r.stderr),
            (1, True, True), "%s: one line, with path and reason" % what)


def replies():
    s = Server("slow", 0.3)
    for name, call in (
            ("writev", "None"), ("write", "os.write"),
            ("send", "lambda fd, m: s.send(m)"),
            ("sendmsg", "lambda fd, m: s.sendmsg([m])"),
            ("sendto", "lambda fd, m: libc.sendto(fd, m, len(m), 0, 0, 0)")):
        r = client(s, """
            s = pfkey()
            ask(s, call=%s)
            got = ready(s, 0)
            say([got, len(read(s))])
            """ % call)
        same(r.said, [1, 16], "%s: the reply is there, 300 ms later" % name)
    r = client(s, """
        import signal
        signal.signal(signal.SIGALRM, lambda *args: None)
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        s = pfkey()
        m = struct.pack("=BBBBHHII", 2, 7, 0, 3, 2, 0, 1, 1)
        libc.write(s.fileno(), m, 16)
        p = (ctypes.c_int * 2)(s.fileno(), 1)
        say(libc.poll(p, 1, 0))
        """)
    same(r.said, 1, "signals do not shorten the wait")

    unasked = HEADER.pack(2, EXPIRE, 0, 3, 2, 0, 0, 0)
    s = Server("behind", 0.3, [unasked])
    r = client(s, """
        s = pfkey()
        ask(s)
        first = read(s)[1]
        got = ready(s, 1)
        reply = read(s)[1]
        time.sleep(1)
        begin = time.monotonic()
        late = ready(s, 1)
        say([first, got, reply, late, time.monotonic() - begin < 0.5])
        """)
    same(r.said, [EXPIRE, 1, REGISTER, 0, True],
        "so is one that comes behind something else; then poll is itself")
    s = Server("never", 5)
    r = client(s, """
        s = pfkey()
        begin = time.monotonic()
        ask(s)
        took = time.monotonic() - begin
        begin = time.monotonic()
        ready(s, 1)
        say([0.9 < took < 2, time.monotonic() - begin < 0.5])
        """)
    same(r.said, [True, True], "no reply is awaited for more than a second")


def others():
    s = Server("others")
    r = client(s, """
        keys = pfkey()
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        begin = time.monotonic()
        os.write(a.fileno(), b"x")
        a.send(b"x")
        quick = time.monotonic() - begin < 0.5
        b.recv(1), b.recv(1)
        b.close()
        ends = [a.recv(1), os.read(a.fileno(), 1)]
        r, w = os.pipe()
        os.close(w)
        ends.append(os.read(r, 1))
        try:
            a.send(b"x")
        except OSError as e:
            broken = e.errno
        # a closed descriptor's number means nothing
        fd = keys.fileno()
        keys.close()
        x, y = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.dup2(x.fileno(), fd)
        y.close()
        ends.append(os.read(fd, 1))
        say([quick, [len(e) for e in ends], broken])
        """)
    same(r.said, [True, [0, 0, 0, 0], errno.EPIPE],
        "other descriptors are what they were")

    r = client(s, """
        def opt(kind, level, option, value):
            with socket.socket(kind, socket.SOCK_DGRAM) as u:
                v = ctypes.c_int(value)
                r = libc.setsockopt(u.fileno(), level, option,
                    ctypes.byref(v), 4)
                return r if r == 0 else -ctypes.get_errno()
        say([opt(socket.AF_INET, 0, 16, 0), opt(socket.AF_INET6, 41, 34, 0),
            opt(socket.AF_INET, 17, 100, 2), opt(socket.AF_INET6, 17, 100, 99),
            opt(socket.AF_INET, 0, 200, 0)])
        """)
    same([x == 0 for x in r.said], [True, True, True, True, False],
        "IPsec policies and UDP_ENCAP are accepted, other options refused")

    r = client(s, """
        def shared(family, kind, address):
            with socket.socket(family, kind) as u:
                u.bind(address)
                return u.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        D = socket.SOCK_DGRAM
        libc.unshare(0x40000000)
        say([shared(socket.AF_INET, D, ("", 4500)),
            shared(socket.AF_INET6, D, ("::", 4500)),
            shared(socket.AF_INET, D, ("", 500)),
            shared(socket.AF_INET, D, ("", 4501)),
            shared(socket.AF_INET, socket.SOCK_STREAM, ("", 4500))])
        """)
    same(r.said, [1, 1, 1, 0, 0], "UDP ports 500 and 4500 can be shared")


def last_line(out, s, what):
    lines = [line for line in out.split("\n") if line]
    same(lines, ["libsecpfkey: " + GONE % s.path], "%s: one line" % what)


def the_end():
    way = {
        "recv": "s.recv(16, socket.MSG_PEEK)",
        "read": "os.read(s.fileno(), 16)",
        "readv": "os.readv(s.fileno(), [bytearray(16)])",
        "recvmsg": "s.recvmsg(16)",
        "recvfrom": "s.recvfrom(16)",
        "__recv_chk": "libc.__recv_chk(s.fileno(), b, 16, 16, 0)",
        "__read_chk": "libc.__read_chk(s.fileno(), b, 16, 16)",
        "__recvfrom_chk":
            "libc.__recvfrom_chk(s.fileno(), b, 16, 16, 0, None, None)",
        "writev": "ask(s)",
        "send": "s.send(b'x' * 16)",
    }
    for i, (what, code) in enumerate(way.items()):
        s = Server("end%d" % i)
        p = subprocess.Popen(argv(s, """
            b = ctypes.create_string_buffer(16)
            s = pfkey()
            ask(s)
            read(s)
            say(1)
            select.select([s], [], [])
            %s
            say("still here")
            """ % code), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=environment())
        lib.defer(lib._reap, p)
        p.stdout.readline()
        s.gone()
        out, err = p.communicate(timeout=lib.TIMEOUT)
        same((p.returncode, out), (1, ""), "%s: secd is gone: exit 1" % what)
        last_line(err, s, what)

    s = Server("reset", reads=False)
    p = subprocess.Popen(argv(s, """
        s = pfkey()
        ask(s)
        say(1)
        s.recv(16)
        """), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment())
    lib.defer(lib._reap, p)
    p.stdout.readline()
    s.gone()
    err = p.communicate(timeout=lib.TIMEOUT)[1]
    same(p.returncode, 1, "a request was not even read: exit 1")
    last_line(err, s, "reset")

    # what iked does: another process, no rights, no way back to the path
    s = Server("handed")
    p = subprocess.Popen(argv(s, """
        a, b = socket.socketpair()
        if os.fork() == 0:
            s = socket.socket(fileno=socket.recv_fds(b, 1, 1)[1][0])
            os.chroot(%r)
            os.chdir("/")
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            ask(s)
            say([ready(s, 1), len(read(s))])
            select.select([s], [], [])
            s.recv(16, socket.MSG_PEEK)
            os._exit(99)
        s = pfkey()
        socket.send_fds(a, [b"x"], [s.fileno()])
        s.close()
        sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
        """ % lib.tmpdir()), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment())
    lib.defer(lib._reap, p)
    same(p.stdout.readline(), "[1, 16]\n",
        "a child without rights in an empty root asks and reads")
    begin = time.monotonic()
    s.gone()
    err = p.communicate(timeout=lib.TIMEOUT)[1]
    same(p.returncode, 1, "its secd is gone: exit 1")
    last_line(err, s, "in an empty root")
    ok(time.monotonic() - begin < 1, "at once")

    # by exec as well, and with threads, each of which gets as far as its line
    # while standard error takes none
    s = Server("exec")
    p = subprocess.Popen(argv(s, """
        s = pfkey()
        os.set_inheritable(s.fileno(), True)
        os.execv(sys.executable, [sys.executable, "-c", '''
        import os, sys, threading
        fd = int(sys.argv[1])
        os.set_blocking(2, False)
        try:
            while True:
                os.write(2, b"." * 4096)
        except BlockingIOError:
            os.set_blocking(2, True)
        for i in range(8):
            threading.Thread(target=os.read, args=(fd, 16)).start()
        print("there", flush=True)
        ''', str(s.fileno())])
        """), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment())
    lib.defer(lib._reap, p)
    p.stdout.readline()
    time.sleep(0.1)
    s.gone()
    time.sleep(0.3)
    err = p.communicate(timeout=lib.TIMEOUT)[1].lstrip(".")
    same(p.returncode, 1, "after exec, eight threads reading: exit 1")
    last_line(err, s, "eight threads")

    s = Server("empty")
    r = client(s, """
        s = pfkey()
        ask(s)
        none = libc.recv(s.fileno(), None, 0, socket.MSG_PEEK)
        say([none, len(read(s))])
        """)
    same(r.said, [0, 16], "a read of nothing is not the end")


def secd_run():
    s = Server("run")

    def run(*args, **env):
        kw = {}
        if env.pop("nobody", None):
            kw = {"user": 65534, "group": 65534, "extra_groups": []}
        return subprocess.run([env.pop("program", RUN), *args], text=True,
            cwd=env.pop("cwd", None), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=lib.TIMEOUT,
            env=environment(**env), **kw)

    def refused(r, rc, *parts):
        if not same((r.returncode, r.stderr.count("\n"), r.stdout,
                [p for p in parts if p not in r.stderr]), (rc, 1, "", []),
                "refused: exit %d, one line: %s" % (rc, parts[-1])):
            lib.diag(r.stderr)

    r = run("-V")
    ok(r.returncode == 0 and r.stdout.startswith("secd-run "), "-V")
    r = run("-h")
    ok(r.returncode == 0 and r.stdout.startswith("usage: secd-run "), "-h")
    refused(run(), 2, "usage: ")
    same(run("-x", "true").returncode, 2, "an unknown option: exit 2")

    told = ("sh", "-c",
        "echo $LD_PRELOAD; echo $SECPFKEY_SOCKET; echo $SECPFKEY_NAME")
    r = run("-s", s.path, "-n", "me", *told, LD_PRELOAD="/lib/none.so")
    same(r.stdout, "%s:/lib/none.so\n%s\nme\n" % (LIB, s.path),
        "the library is put first, the command is told socket and name")
    r = run(*told, SECPFKEY_SOCKET=s.path)
    same(r.stdout, "%s\n%s\n\n" % (LIB, s.path), "the library is alone if "
        "there is no other, and without -s the environment names the socket")
    r = run("-s", "run", *told, cwd=lib.tmpdir())
    contains(r.stdout, "\n%s\n" % s.path, "its path is made absolute")
    r = run("-s", s.path, "sh", "-c", "echo $1", "-", "-s")
    same((r.returncode, r.stdout), (0, "-s\n"), "options after the command "
        "are the command's")
    same(run("-s", s.path, "sh", "-c", "exit 7").returncode, 7,
        "its status is the status")
    same(s.names, [], "secd is only looked for, not asked")

    copy = os.path.join(lib.tmpdir(), "a b.so")
    shutil.copy(LIB, copy)
    other = os.path.join(lib.tmpdir(), "other.so")
    shutil.copy(LIB, other)
    r = run("-s", s.path, *told, SECPFKEY_LIB=other)
    same(r.stdout, "%s\n%s\n\n" % (other, s.path), "SECPFKEY_LIB")
    refused(run("-s", s.path, "true", SECPFKEY_LIB=copy), 1, copy,
        "no blank or colon")
    refused(run("-s", s.path, "true", SECPFKEY_LIB="/no/such"), 1,
        "/no/such", "SECPFKEY_LIB")
    alone = os.path.join(lib.tmpdir(), "secd-run")
    shutil.copy(RUN, alone)
    r = run("-s", s.path, *told, program=alone)
    if r.returncode == 0:
        contains(r.stdout, "/lib/secd/libsecpfkey.so", "the installed library")
    else:
        refused(r, 1, "/lib/secd/libsecpfkey.so", "install secd anew")

    for path in (s.path + ".not", lib.tmpdir() + "/deaf"):
        refused(run("-s", path, "true"), 1, path, "secd is not running")
    stream = socket.socket(socket.AF_UNIX)
    path = lib.tmpdir() + "/stream"
    stream.bind(path)
    stream.listen(1)
    refused(run("-s", path, "true"), 1, path, "not secd's PF_KEY socket")
    stream.close()
    refused(run("-s", "/" + "x" * 200, "true"), 1, "longer than")
    os.chmod(s.path, 0o600)
    near = os.path.join(lib.tmpdir(), "run-by-nobody")
    shutil.copy(RUN, near)
    refused(run("-s", s.path, "true", program=near, nobody=True), 1, s.path,
        "run as root")
    refused(run("-s", s.path, "no-such-command"), 127, "no-such-command",
        "No such file")
    refused(run("-s", s.path, lib.tmpdir()), 126, lib.tmpdir(), "denied")


IKED_CONF = """
ikev2 "test" passive esp from 10.0.0.0/24 to 10.0.1.0/24 \\
    local 192.0.2.1 peer 192.0.2.2 psk "not a secret"
"""


def iked():
    """A stock iked, in the foreground."""
    ns = lib.Ns("x")
    ns.run("ip addr add 192.0.2.1/24 dev lo")
    s = Server("iked", 0.05)
    conf = os.path.join(lib.tmpdir(), "iked.conf")
    with open(conf, "w") as f:
        f.write(IKED_CONF)
    os.chmod(conf, 0o600)
    log = open(os.path.join(lib.tmpdir(), "iked.log"), "w+")
    p = ns.popen([RUN, "-s", s.path, "iked", "-d", "-f", conf, "-s",
        os.path.join(lib.tmpdir(), "iked.sock")], stdout=log, stderr=log,
        stdin=subprocess.DEVNULL, env=environment())

    def text():
        with open(log.name) as f:
            return f.read()
    lib.on_failure.append(lambda: lib.diag(text()))
    lib.until(lambda: len(s.seen) >= 3 or p.poll() is not None,
        "iked to register")
    same(s.seen, [FLUSH, REGISTER, REGISTER],
        "iked flushes and registers, a reply takes 50 ms")
    same(s.names, [b"\0secd/iked/%d" % p.pid], "it is known by its name")
    lib.until(lambda: ":4500 " in ns.run("ss -Hlun", quiet=True).out,
        "iked's port")
    ok(True, "it listens on port 4500")
    time.sleep(0.2)
    same((p.poll(), "no reply" in text()), (None, False), "and goes on")
    size = len(text())
    begin = time.monotonic()
    s.gone()
    try:
        p.wait(2)
    except subprocess.TimeoutExpired:
        pass
    ok(p.poll() is not None, "secd is gone: so is iked, after %.2f s"
        % (time.monotonic() - begin))
    same(text().count(GONE % s.path), 1, "with one line")
    ok(len(text()) - size < 2000, "and not many others")
    log.close()


def processes(ns, name):
    """Those in a namespace that run a program of that name."""
    found = []
    for pid in lib.host("ip netns pids " + ns.name).out.split():
        try:
            with open("/proc/%s/comm" % pid) as f:
                if f.read().strip() == name:
                    found.append(pid)
        except OSError:
            pass
    return found


def daemon_iked():
    """
    As a service: no terminal, an empty root, only the log.  /dev is replaced
    by one with a log of ours; a process namespace ends what is left.
    """
    ns = lib.Ns("y")
    ns.run("ip addr add 192.0.2.1/24 dev lo")
    s = Server("service")
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = os.path.join(lib.tmpdir(), "log")
    log.bind(path)
    os.chmod(path, 0o666)
    dev = os.path.join(lib.tmpdir(), "dev")
    os.mkdir(dev)
    ns.popen(["unshare", "--mount", "--pid", "--fork", "--kill-child",
        "--mount-proc", "sh", "-ec", """
        mount -t tmpfs -o mode=755 tmpfs %s
        for name in null zero random urandom; do
            : >%s/$name
            mount --bind /dev/$name %s/$name
        done
        ln -s %s %s/log
        mount --rbind %s /dev
        %s -s %s iked -f %s -s %s
        sleep 30
        """ % (dev, dev, dev, path, dev, dev, RUN, s.path,
        os.path.join(lib.tmpdir(), "iked.conf"),
        os.path.join(lib.tmpdir(), "iked.sock"))],
        stdin=subprocess.DEVNULL, env=environment())
    lib.until(lambda: len(s.seen) >= 3, "iked to register")
    ok(processes(ns, "iked"), "iked is a daemon")
    s.gone()
    # its parent may go in order or fail over what the child left unread
    lib.until(lambda: not processes(ns, "iked"), "iked's processes to end", 2)
    lines = []
    log.setblocking(False)
    try:
        while True:
            lines.append(log.recv(4096).decode())
    except BlockingIOError:
        pass
    ours = [line for line in lines if "libsecpfkey" in line]
    if not ok(len(ours) == 1 and GONE % s.path in ours[0],
            "a daemon says the same in the log, once, and ends"):
        lib.diag("\n".join(lines))
    ok(ours and ours[0].startswith("<27>"), "as daemon.err")
    ok(len(lines) < 30, "and not many other lines (%d)" % len(lines))


def main():
    lib.need("ip", "ss", "iked")
    opening()
    replies()
    others()
    the_end()
    secd_run()
    iked()
    daemon_iked()


lib.run(main)
