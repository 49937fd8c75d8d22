#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Everything at once: IKE daemons that add, update, delete and flush at random,
# secctl that removes and expires the same SAs, reloads that take the interface
# away under them, clients that leave with a request on its way or do not read,
# and packets all the while.  Every request has its answer, nobody else waits
# for the slow ones, and in the end nothing is left.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0, 10.9.1.1 on sec1            |
#   clients -> pfkey.sock of secd                 |
#         eth0 192.0.2.1 ------------------- 192.0.2.2, .3 eth0

import ctypes
import hashlib
import os
import random
import threading
import time

import daemon
import esp
import lib
import peer
import pfkey
from lib import ok, same
from pfkey import OUT, Suite

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
ONE = "interface sec0 { local %s peer %s; inet 10.9.0.1/24; drain 1 }\n" % (A,
    B)
TWO = "interface sec1 { local %s peer %s; inet 10.9.1.1/24; drain 1; " \
    "acquire yes }\n" % (A, C)
SECONDS = float(os.environ.get("STRESS_SECONDS", "6"))
SEED = int(os.environ.get("STRESS_SEED", "1"))
MANY = 10000
KEYS = 12			# few, so that they come back


def suite(n):
    octets = hashlib.sha512(b"%d" % n).digest()
    if n % 2:
        return Suite("aes-128-gcm", key=octets[:20])
    return Suite("aes-128", "hmac-sha1", key=octets[:16],
        authkey=octets[16:36])


class Actor(threading.Thread):
    """Does random things until told to stop; what went wrong is in bad."""

    def __init__(self, number, d):
        super().__init__(daemon=True)
        self.d, self.number = d, number
        self.random = random.Random(SEED * 1000 + number)
        self.running, self.count, self.bad = True, 0, []
        self.start()

    def run(self):
        try:
            self.begin()
            while self.running:
                self.step()
                self.count += 1
        except Exception as e:
            self.bad.append(repr(e))

    def begin(self):
        pass


class Daemon(Actor):
    """An IKE daemon that has lost its mind."""

    def begin(self):
        self.dialect = ("linux", "openbsd")[self.number % 2]
        self.c = pfkey.Client(self.d, "mad%d" % (self.number % 3),
            self.dialect)
        self.c.begin()
        self.slowest = 0

    def spi(self):
        return 0x1000 + self.random.randrange(24)

    def ends(self):
        far = self.random.choice((B, C))
        return (A, far) if self.random.randrange(2) else (far, A)

    def life(self):
        r, choices = self.random, (0, 0, 1, 3, 1 << 62, (1 << 64) - 1)
        return {"octets": r.choice(choices), "add": r.choice(choices),
            "use": r.choice(choices), "alloc": r.choice((0, 0, 2, 0xffffffff))}

    def step(self):
        r, c = self.random, self.c
        src, dst = self.ends()
        kw = {"soft": self.life(), "hard": self.life()} if \
            r.randrange(3) == 0 else {}
        if r.randrange(6) == 0:
            kw["encap"] = (4500, 4500)
        what = r.randrange(100)
        started = time.perf_counter()
        if what < 25:
            got = c.add(self.spi(), src, dst, suite(r.randrange(KEYS)), **kw)
        elif what < 45:
            spi = self.spi()
            got = c.getspi(src, dst, spi, spi + r.choice((0, 4)))
            if got is not None and got.errno == 0:
                got = c.update(got.spi(), src, dst, suite(r.randrange(KEYS)),
                    **kw)
        elif what < 55:
            got = c.update(self.spi(), src, dst, **kw)
        elif what < 85:
            got = c.delete(self.spi(), src, dst)
        elif what < 88:
            got = c.dump()[-1]
        elif what < 90:
            got = c.flush()
        elif what < 94:
            got = c.get(self.spi(), src, dst)
        elif what < 98:
            got = c.flow(OUT, "10.1.%d.0/24" % r.randrange(9), "10.2.0.0/16",
                (A, dst))
        else:
            # away, with a request that nobody waits for
            c.send(pfkey.message(c.number("DUMP"), 0, seq=1))
            c.again()
            got = c.register()
        self.slowest = max(self.slowest, time.perf_counter() - started)
        if got is None:
            raise lib.Failure("no answer to step %d" % what)
        del c.queue[:]


class Operator(Actor):
    """secctl, on the same SAs."""

    def step(self):
        r, d = self.random, self.d
        rows = d.json("sa")["sas"]
        what = r.randrange(10)
        if what < 6 and rows:
            row = r.choice(rows)
            verb = r.choice(("remove sa", "expire soft", "expire hard"))
            d.ctl(*verb.split(), "spi", str(row["spi"]), "dst", row["dst"])
        elif what == 6:
            d.ctl("flush", "sa")
        elif what < 9:
            d.configure(ONE + (TWO if r.randrange(2) else ""))
            d.ctl("reload")
        else:
            d.ctl("create", "sec7")
            d.ctl("destroy", "sec7")


class Traffic(Actor):
    """Packets into the tunnels, whether they have SAs or not."""

    def step(self):
        for n in (0, 1):
            try:
                daemon.flood(self.d.ns, "10.9.%d.1" % n, "10.9.%d.2" % n, 20)
            except (OSError, lib.Failure):
                pass		# the interface is gone just now
        time.sleep(0.02)


def everything(d):
    actors = [Daemon(i, d) for i in range(4)] + [Operator(10, d),
        Traffic(11, d)]
    time.sleep(SECONDS)
    for a in actors:
        a.running = False
    for a in actors:
        a.join(lib.TIMEOUT)
    for a in actors:
        same(a.bad, [], "%s %d: %d steps, each answered" % (
            type(a).__name__.lower(), a.number, a.count))
    lib.diag("slowest: %.0f ms" % (1000 * max(a.slowest for a in actors
        if isinstance(a, Daemon))))
    same(sorted(set(d.pids())), ["control", "engine", "parent"],
        "all processes are alive")
    d.must("flush sa")
    lib.until(lambda: d.sas() == {}, "no SA")
    ok(True, "and no SA is left")


def quick(n, ask):
    """Seconds of the faster ones."""
    found = []
    for i in range(n):
        started = time.perf_counter()
        ask(i)
        found.append(time.perf_counter() - started)
    return sorted(found)[n // 4]


def scale(d):
    """What is asked of one SA does not take longer beside many."""
    c = pfkey.Client(d, "many")
    c.begin()
    asks = (("GETSPI", lambda i: c.must(c.getspi(B, A))),
        ("DELETE of what is not there", lambda i: c.delete(0x400 + i, A, B)),
        ("UPDATE of what is not there", lambda i: c.update(0x400 + i, A, B)),
        ("GET", lambda i: c.get(0x10000, A, B)))
    c.must(c.add(0x10000, A, B, suite(1000)))
    few = [quick(200, f) for _, f in asks]
    for i in range(1, MANY):
        c.must(c.add(0x10000 + i, A, B, suite(1000 + i)))
    for (what, f), before in zip(asks, few):
        now = quick(200, f)
        # a walk over all of them takes more than a millisecond
        ok(now < max(3 * before, 0.0006), "%s beside %d SAs: %.2f ms, %.2f without" % (
            what, MANY, 1000 * now, 1000 * before))
    same(len(c.dump()), len(d.sas()), "DUMP shows each")
    c.must(c.flush())
    same(d.sas(), {}, "FLUSH takes them all")
    c.close()


# --- between two steps ---

def background(d, *args):
    """secctl, while something else happens; join() it."""
    t = threading.Thread(target=d.ctl, args=args)
    t.start()
    return t


def overtaken(d, hook):
    """An IKE daemon's SA takes the place of one of secd.conf while its reload
    waits for the disk."""
    c = pfkey.Client(d, "overtaken")
    c.begin()
    key = daemon.key_file("static", os.urandom(20))
    d.configure(ONE.replace("}", "; sa out spi 0x7001 src %s dst %s enc "
        "aes-128-gcm key file \"%s\" }" % (A, B, key)) + TWO)
    hook("hold")
    t = background(d, "reload")
    time.sleep(0.5)
    same(c.add(0x7001, A, B, suite(2)).errno, 0, "ADD while a reload waits for "
        "the ledger")
    os.unlink(d.hook + "/hold")
    t.join()
    same([r["owner"] for r in d.json("sa")["sas"]], [None],
        "the configured one takes its place")
    m = c.next(2)
    same((m and m.name, m and m.spi()), ("EXPIRE", 0x7001), "which is told")
    d.configure(ONE + TWO)
    d.must("reload")
    c.close()


class Frozen:
    """The worker's thread, stopped."""
    ATTACH, DETACH = 16, 17

    def __init__(self, d):
        pid = d.pids()["engine"]
        self.tid = [int(t) for t in os.listdir("/proc/%d/task" % pid)
            if int(t) != pid][0]
        self.trace(self.ATTACH)
        os.waitpid(self.tid, 0x40000000)	# __WALL

    def trace(self, what):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(ctypes.c_long(what), ctypes.c_long(self.tid), None,
                None) != 0:
            raise lib.Failure("ptrace: %s" % os.strerror(ctypes.get_errno()))

    def thaw(self):
        self.trace(self.DETACH)


def comes_back(d, b):
    """The worker still has an inbound SA that was deleted when its like is
    added: nothing that the first has seen is taken by the second."""
    c = pfkey.Client(d, "back")
    c.begin()
    s, spi = suite(4), 0x7100
    c.must(c.getspi(B, A, spi, spi))
    c.must(c.update(spi, B, A, s))
    lib.until(lambda: d.sa("in", spi)["state"] == "active", "active")
    wire = esp.RawPeer(b, B, A)
    sealer = peer.Sa(spi, (s.enc, s.auth), s.key + s.authkey)
    packets = [sealer.seal(esp.udp_packet("10.9.0.2", 1, "10.9.0.1", 9,
        b"x" * 16), n) for n in range(1, 41)]
    frozen = Frozen(d)
    for p in packets[:20]:
        wire.send(p)
    c.must(c.delete(spi, B, A))
    c.update(spi, B, A, s)
    c.must(c.add(spi, B, A, s))
    time.sleep(0.3)
    frozen.thaw()
    lib.until(lambda: d.sa("in", spi)["state"] == "active", "active again")
    for p in packets:
        wire.send(p)
    lib.until(lambda: d.sa("in", spi)["packets"] >= 20, "the new ones")
    time.sleep(0.2)
    seen = d.iface()["in"]["packets"]
    same(seen, 40, "an SA that comes back takes no packet twice")
    c.must(c.flush())
    c.close()


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    b.run("ip addr add %s/24 dev eth0" % C)
    d = daemon.Secd(a, ONE + TWO)
    d.hook = os.path.join(lib.tmpdir(), "hook")
    os.mkdir(d.hook)
    d.start(env={"LD_PRELOAD": daemon.HOOK, "SECD_HOOK_DIR": d.hook})
    overtaken(d, lambda name: open(d.hook + "/" + name, "w").close())
    comes_back(d, b)
    scale(d)
    everything(d)
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)


lib.run(main)
