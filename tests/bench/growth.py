# SPDX-License-Identifier: ISC
"""
What becomes of secd as it grows: TCP through one tunnel beside many SAs and
interfaces that rest; packets sealed beforehand that arrive on one SA, or spread
over 10,000 of 64 interfaces; how many SAs come and go in a second, and what
memory one takes.

Sender and secd share the processors, so that a rate says little here: what
counts is the CPU time that the engine takes for a packet it accepted.
"""
import os
import subprocess
import time

import daemon
import lib
import machine
import pfkey
import rows

REPLAY = os.path.join(daemon.ROOT, "tests/bench/replay")
FIRST = 0x100000		# SPI of the first of many
LIVES = {"soft": {"octets": 1 << 50, "add": 90000},
    "hard": {"octets": 1 << 51, "add": 100000}}
WINDOW = 32			# requests on their way


# --- PF_KEY without waiting for each answer ---

def pipeline(client, kind, many):
    """Requests with each of these extensions; all have to succeed.  Seconds."""
    esp, number = client.dialect.ESP, pfkey.TYPES[kind]
    started, out, bad = time.monotonic(), 0, 0

    def take():
        reply = client.recv()
        if reply is None:
            raise lib.Failure("no answer to " + kind)
        return reply.errno != 0
    for i, exts in enumerate(many):
        client.send(pfkey.message(number, esp, exts, seq=i + 1,
            pid=client.pid))
        out += 1
        if out == WINDOW:
            bad += take()
            out -= 1
    for _ in range(out):
        bad += take()
    if bad:
        raise lib.Failure("%d %s were refused" % (bad, kind))
    return time.monotonic() - started


def ends(side):
    """Addresses of an inbound SA at this end."""
    return rows.OUTER[1 - side], rows.OUTER[side]


def adding(client, side, keys, units):
    """What an ADD of each key says; the SAs go round the units."""
    return [client.sa_exts(FIRST + i, *ends(side), pfkey.Suite("aes-256-gcm",
        key=k), unit=(i % units, pfkey.IN), **LIVES)
        for i, k in enumerate(keys)]


def removing(client, side, n):
    src, dst = ends(side)
    return [[client.dialect.sa(FIRST + i), *client.dialect.mode(),
        client.addr(pfkey.SRC, src), client.addr(pfkey.DST, dst)]
        for i in range(n)]


def install(d, side, keys, units=1):
    """Seconds that adding took; the client stays, as its SAs would not."""
    client = pfkey.Client(d, "bench")
    client.begin()
    return client, pipeline(client, "ADD", adding(client, side, keys, units))


# --- rows ---

class Grown(rows.Secd):
    """One tunnel that carries packets, beside others that do not."""
    others, interfaces = 0, 1

    def conf(self, side):
        text = super().conf(side)
        for i in range(1, self.interfaces):
            text += "interface sec%d { mtu %d }\n" % (i, rows.MTU)
        return text

    def start(self):
        super().start()
        self.facts = {}
        self.clients = []
        if self.others:
            for side in (0, 1):
                before = machine.rss(self.pids(side))
                keys = [os.urandom(36) for _ in range(self.others)]
                client, took = install(self.secd[side], side, keys)
                self.clients.append(client)
                self.facts = {"add": self.others / took, "octets":
                    (machine.rss(self.pids(side)) - before) / self.others}


class Spread(rows.Row):
    """secd at the right end only, whose SAs are all inbound."""
    sas, interfaces = 1, 1
    # so many that each SA has its first packet behind it: 700 MB at once
    packets, size = 500000, rows.MTU
    backend = "libcrypto"
    older = False
    wire = rows.ESP

    def start(self):
        lines = [] if self.older else ["crypto backend " + self.backend,
            "offload no merge"]
        lines += ["interface sec%d { mtu %d; link state admin }" % (i,
            rows.MTU) for i in range(self.interfaces)]
        self.secd = rows.Daemon(self.ns[1], "\n".join(lines) + "\n",
            self.name, rows.Secd.program)
        self.secd.start()
        self.engine = [self.secd.pids()["engine"]]
        keys = [os.urandom(36) for _ in range(self.sas)]
        self.keys = os.path.join(self.secd.dir, "keys")
        with open(self.keys, "wb") as f:
            f.write(b"".join(keys))
        self.client, _ = install(self.secd, 1, keys, self.interfaces)
        for i in range(self.interfaces):
            daemon.settle(self.ns[1], "sec%d" % i)
        self.seq = 0

    def accepted(self):
        return sum(i["in"]["packets"]
            for i in self.secd.json("interfaces")["interfaces"])

    def replay(self, packets):
        """(accepted, seconds, the engine's CPU nanoseconds)"""
        p = self.ns[0].popen([REPLAY, *rows.OUTER, self.keys, str(FIRST),
            str(self.sas), str(packets), str(self.size), str(self.seq)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.seq += packets
        out = lib.Lines(p.stdout.fileno())
        if out.line(60) != "ready":
            raise lib.Failure("replay is not ready")
        before, cpu = self.accepted(), machine.cpu_fine(self.engine)
        p.stdin.write(b"\n")
        p.stdin.close()
        seconds = float(out.line(60) or 0)
        p.wait()
        p.stdout.close()
        last = cpu
        while True:			# until it has nothing left to do
            time.sleep(0.05)
            now = machine.cpu_fine(self.engine)
            if now - last < 1000000:
                break
            last = now
        return self.accepted() - before, seconds, now - cpu

    def prove(self):
        n = 2000			# its socket holds so many
        got = self.replay(n)[0]
        if got != n:
            raise lib.Failure("%s: %d of %d packets accepted: %s" % (
                self.name, got, n, self.secd.drops()))

    def pids(self, side):
        return sorted(self.secd.pids().values()) if side else []

    def down(self):
        self.secd.end()


def kind(base, name, title, **words):
    made = type("Growth_" + name.replace("-", "_"), (base,), words)
    made.name, made.title = name, title
    return made


TUNNELS = [
    kind(Grown, "sas-1", "1 pair of SAs"),
    kind(Grown, "sas-100", "and 100 others", others=100),
    kind(Grown, "sas-10000", "and 10,000 others", others=10000),
    kind(Grown, "ifs-100", "and 99 interfaces", interfaces=100),
]
MANY = {"sas": 10000, "interfaces": 64}
SPREAD = [
    kind(Spread, "rx-1", "received on 1 SA"),
    kind(Spread, "rx-10000", "spread over 10,000 of 64 interfaces", **MANY),
    kind(Spread, "rx-1-mb", "on 1 SA, ipsec-mb", backend="ipsec-mb"),
    kind(Spread, "rx-10000-mb", "spread over 10,000, ipsec-mb",
        backend="ipsec-mb", **MANY),
]


# --- measures ---

def receive(row):
    """{ns, kpps, lost}: the engine's CPU time for a packet accepted."""
    got, seconds, ns = row.replay(row.packets)
    if got == 0:
        raise lib.Failure("%s: no packet was accepted" % row.name)
    return {"ns": ns / got, "kpps": got / seconds / 1e3,
        "lost": 1 - got / row.packets}


def facts(row):
    """What its start has shown: {add, octets}."""
    return dict(row.facts)


def rates(row):
    """SAs a second: PF_KEY pipelined, of a thousand at first and beside 9,000
    others; secctl -f, and one secctl each."""
    d, n, few, many, block = row.secd[0], 2000, 50, 10000, 1000
    keys = [os.urandom(36) for _ in range(many)]
    client = pfkey.Client(d, "bench")
    client.begin()
    exts = adding(client, 0, keys, 1)
    took = [pipeline(client, "ADD", exts[at:at + block])
        for at in range(0, many, block)]
    exts = removing(client, 0, many)
    gone = [pipeline(client, "DELETE", exts[at - block:at])
        for at in range(many, 0, -block)]
    client.close()
    got = {"pfkey_add": block / took[0], "pfkey_add_many": block / took[-1],
        "pfkey_remove": block / gone[-1],
        "pfkey_remove_many": block / gone[0]}
    # what IKE has removed drains first
    lib.until(lambda: len(d.sas()) <= 2, "SAs to drain", 20)
    first, keys = FIRST + many, keys[:n]
    words = [daemon.sa_words("sec0", "in", first + i, *ends(0),
        "aes-256-gcm", daemon.key_file("%s.many%d" % (row.name, i), k))
        for i, k in enumerate(keys)]
    names = ["spi 0x%x dst %s" % (first + i, rows.OUTER[0])
        for i in range(n)]
    for verb, lines in (("add", words), ("remove", names)):
        text = "".join("%s sa %s\n" % (verb, w) for w in lines)
        started = time.monotonic()
        r = d.ctl("-f", "-", input=text, quiet=True)
        if r.rc != 0:
            raise lib.Failure("secctl -f: " + r.err[:500])
        got["secctl_f_" + verb] = n / (time.monotonic() - started)
    for verb, lines in (("add", words), ("remove", names)):
        started = time.monotonic()
        for w in lines[:few]:
            d.ns.run([daemon.program("secctl"), "-s", d.socket, verb, "sa",
                *w.split()], quiet=True)
        got["secctl_" + verb] = few / (time.monotonic() - started)
    for i in range(n):
        os.unlink(os.path.join(lib.tmpdir(), "%s.many%d" % (row.name, i)))
    return got
