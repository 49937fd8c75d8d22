#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# The nonce ledger under a bad disk.  With fdatasync held no number above the
# last durable mark leaves; killed at each point of a reservation, or restarted
# with a damaged, foreign or full ledger, secd never sends a nonce twice: it
# goes on above the mark or refuses by name.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         (nobody opens it)
#        secd  |                                  |
#         eth0 192.0.2.1 -----captured------ 192.0.2.2 eth0

import os
import shutil
import stat

import daemon
import esp
import lib
from lib import contains, ok, same

A, B = "192.0.2.1", "192.0.2.2"
INSIDE = ("10.9.0.1", "10.9.0.2")
CONF = "interface sec0 { local %s peer %s; link state admin; inet %s/24 }\n" % (
    A, B, INSIDE[0])
HEADER = 8192		# octets of the ledger before its slots
POINTS = ("kill_before_pwrite", "kill_after_pwrite", "kill_before_fdatasync",
    "kill_after_fdatasync", "kill_before_reply")


class Hook:
    """What tests/lib/hook_ledger.c is steered by."""

    def __init__(self):
        self.dir = os.path.join(lib.tmpdir(), "hook")
        os.mkdir(self.dir)
        if not os.path.exists(daemon.HOOK):
            raise lib.Failure("no " + daemon.HOOK)
        self.env = {"LD_PRELOAD": daemon.HOOK, "SECD_HOOK_DIR": self.dir}

    def set(self, name, text=""):
        part = os.path.join(self.dir, "part")
        with open(part, "w") as f:
            f.write(text)
        os.rename(part, os.path.join(self.dir, name))

    def unset(self, name):
        os.unlink(os.path.join(self.dir, name))


def add(d, nonces, spi, name, path, check=True):
    nonces.spi(spi, name)
    words = daemon.sa_words("sec0", "out", spi, A, B, "aes-128-gcm", path)
    r = d.ctl("add", "sa", *words.split())
    if check and r.rc != 0:
        raise lib.Failure("add sa: " + r.err)
    return r


def flood_until(a, cond):
    """Send until then.  The tun device's queue is short, and drops; and the
    numbers reserved last for two seconds of the rate before."""
    for _ in range(3000):
        try:
            daemon.flood(a, *INSIDE, 1000)
        except OSError:
            pass		# without a carrier there is nothing to fill
        if cond():
            return
    raise lib.Failure("3,000,000 packets changed nothing")


def held(a, d, nonces, hook):
    """The disk stands still under a sender in full flight."""
    path = daemon.key_file("held", esp.new_key(128))
    add(d, nonces, 0x1001, "held", path)
    daemon.flood(a, *INSIDE, 50)
    lib.until(lambda: nonces.highest("held") >= 50, "packets")
    mark = d.sa("out", 0x1001)["mark"]
    hook.set("hold")
    # until it stops, and then some more
    flood_until(a, lambda: d.sa("out", 0x1001)["drops"]["seq-held"] >= 500)
    top = nonces.highest("held")
    row = d.sa("out", 0x1001)
    ok(row["drops"]["seq-held"] >= 500, "with the disk held sending stops")
    same(top, mark, "the last number sent is the durable mark")
    same(row["mark"], mark, "which has not moved")
    r = d.ctl("show", "interfaces")
    same(r.rc, 0, "secd answers meanwhile")
    hook.unset("hold")
    lib.until(lambda: d.sa("out", 0x1001)["mark"] > mark, "a new mark")
    daemon.flood(a, *INSIDE, 50)
    lib.until(lambda: nonces.highest("held") >= top + 50, "packets again")
    ok(True, "sending resumes when the disk does")
    same(min(n for n, _ in nonces.sent("held") if n > top), top + 1,
        "with the next number")


def write_errors(a, d, nonces, hook):
    """Errors of the disk: new keys are refused, old ones stop at the mark."""
    before = sorted(d.sas())
    for name, error in (("fail_pwrite", "EIO"), ("fail_pwrite", "EROFS"),
            ("fail_fdatasync", "EIO")):
        hook.set(name, error)
        r = add(d, nonces, 0x2001, "new", daemon.key_file("new",
            esp.new_key(128)), check=False)
        same(r.rc, 1, "%s %s: a new key is refused" % (name, error))
        contains(r.err, "ledger", "by name")
        same(sorted(d.sas()), before, "and nothing has changed")
        hook.unset(name)
    mark = d.sa("out", 0x1001)["mark"]
    hook.set("fail_fdatasync", "EIO")
    flood_until(a, lambda: d.sa("out", 0x1001)["drops"]["seq-held"] >= 1500)
    ok(nonces.highest("held") <= mark, "no number above %d left while "
        "fdatasync failed: %d" % (mark, nonces.highest("held")))
    hook.unset("fail_fdatasync")
    # asked for again every two seconds, for the same numbers each time
    lib.until(lambda: d.sa("out", 0x1001)["mark"] > mark, "a new mark")
    ok(True, "reservations go on when the disk works again")
    daemon.flood(a, *INSIDE, 50)
    lib.until(lambda: nonces.highest("held") > mark, "packets again")
    same(min(n for n, _ in nonces.sent("held") if n > mark), mark + 1,
        "with the next number: what failed was not used up")
    d.must("flush sa")


def kill_points(a, d, nonces, hook):
    """Dead at each point of the first and of a later reservation."""
    for i, point in enumerate(POINTS):
        for later in (0, 1):
            name = "%s, %s reservation" % (point, "a later" if later else
                "the first")
            path = daemon.key_file("k", esp.new_key(128))
            key = "%s-%d" % (point, later)
            spi = 0x3000 + 2 * i + later
            if later:
                add(d, nonces, spi, key, path)
            pids = d.pids()
            hook.set(point, "1")
            if later:
                flood_until(a, lambda: d.process.poll() is not None)
            else:
                add(d, nonces, spi, key, path, check=False)
            lib.until(lambda: d.process.poll() is not None, "death at " + point)
            daemon.gone(pids)
            sent, before = len(nonces.sent(key)), nonces.highest(key)
            hook.unset(point)
            d.start(env=hook.env)
            add(d, nonces, spi, key, path)
            daemon.flood(a, *INSIDE, 20)
            lib.until(lambda: len(nonces.sent(key)) >= sent + 20, "packets")
            fresh = [n for n, _ in nonces.sent(key)[sent:]]
            ok(min(fresh) > before, "%s: goes on with %d, above %d" % (name,
                min(fresh), before))
            d.must("flush sa")


def with_bytes(path, change):
    with open(path, "r+b") as f:
        octets = bytearray(f.read())
        octets = change(octets)
        f.seek(0)
        f.truncate()
        f.write(octets)


def damaged(a, d, nonces):
    """A ledger whose marks are unknown is refused by name."""
    d.stop()
    path = os.path.join(d.state, "ledger")
    same(stat.S_IMODE(os.stat(path).st_mode), 0o600, "the ledger is 0600")
    good = os.path.join(lib.tmpdir(), "good")
    shutil.copy2(path, good)

    def used(octets):
        """The slots overwritten, both copies, the header left alone."""
        return octets[:HEADER] + b"\xff" * (len(octets) - HEADER)

    for name, change in (
            ("half of it missing", lambda o: o[:len(o) // 2]),
            ("empty", lambda o: o[:0]),
            ("another file", lambda o: b"\x5a" * len(o)),
            ("no header", lambda o: b"\0" * HEADER + o[HEADER:]),
            ("its slots overwritten", used)):
        with_bytes(path, change)
        rc, log = d.refused()
        ok(rc not in (0, None), "%s: secd does not start (%s)" % (name, rc))
        contains(log, path, "and names the file")
        shutil.copy2(good, path)
    for name, change, back in (
            ("of another user", lambda: os.chown(path, 65534, 65534),
                lambda: os.chown(path, 0, 0)),
            ("writable by others", lambda: os.chmod(path, 0o666),
                lambda: os.chmod(path, 0o600)),
            ("a directory", lambda: (os.unlink(path), os.mkdir(path)),
                lambda: (os.rmdir(path), shutil.copy2(good, path)))):
        change()
        rc, log = d.refused()
        ok(rc not in (0, None), "%s: secd does not start (%s)" % (name, rc))
        contains(log, "ledger", "and says why")
        back()
    d.start()
    ok(True, "the good one is taken again")


def full(a, nonces):
    """No room for another key: refused, while those there go on."""
    b = daemon.Secd(a, CONF, tag="full")
    lib.host("mount -t tmpfs -o size=160k,mode=0700 tmpfs " + b.state)
    lib.defer(lib.host, "umount " + b.state, check=False)
    b.start()
    lines, paths = [], {}
    for i in range(400):
        paths[i] = daemon.key_file("f%d" % i, esp.new_key(128))
        lines.append("add sa " + daemon.sa_words("sec0", "out", 0x10000 + i, A,
            B, "aes-128-gcm", paths[i]))
        nonces.spi(0x10000 + i, "f%d" % i)
    r = b.ctl("-f", "-", input="\n".join(lines) + "\n")
    same(r.rc, 1, "the disk fills up")
    contains(r.err, "No space left on device", "and the key that found no "
        "room is refused by name")
    contains(r.err, "ledger", "so that one knows where")
    n = len(b.sas())
    ok(64 <= n < 400, "%d keys before it found room" % n)
    mark = b.sa("out", 0x10000 + n - 1)["mark"]
    flood_until(a, lambda: nonces.highest("f%d" % (n - 1)) > mark)
    ok(True, "keys that are there go on and get new reservations")
    same(b.stop(), 0, "stop")


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    hook = Hook()
    nonces = daemon.Nonces(a)
    d = daemon.Secd(a, CONF).start(env=hook.env)
    held(a, d, nonces, hook)
    write_errors(a, d, nonces, hook)
    kill_points(a, d, nonces, hook)
    damaged(a, d, nonces)
    d.must("stop -d")
    full(a, nonces)
    nonces.check("all in all", 30000)


lib.run(main)
