#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Fewer rights than usual: secd in a container that grants NET_ADMIN and NET_RAW
# alone, and clients who are not root.
#
#        namespace a
#   10.9.0.1 on sec0
#        secd

import grp
import os
import socket
import stat
import struct
import subprocess

import daemon
import lib
from lib import contains, ok, same

CONF = "interface sec0 { inet 10.9.0.1/30 10.9.0.2 }\n"
GROUP = "_secd-admin"
NOBODY = 65534


def status(pid):
    with open("/proc/%d/status" % pid) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
            if ":\t" in line)


def container(ns):
    d = daemon.Secd(ns, CONF, tag="container")
    plain = daemon.program("secd")
    wrapper = os.path.join(lib.tmpdir(), "two-rights")
    with open(wrapper, "w") as f:
        f.write("#!/bin/sh\nexec setpriv --inh-caps=-all --bounding-set="
            "-all,+net_admin,+net_raw %s \"$@\"\n" % plain)
    os.chmod(wrapper, 0o755)
    before = os.environ.get("SECD")
    os.environ["SECD"] = wrapper
    try:
        d.start()
    finally:
        if before is None:
            del os.environ["SECD"]
        else:
            os.environ["SECD"] = before
    rows = d.json("process")["lost_protections"]
    log = d.read_log()
    for part in ("uid 0", "Landlock"):
        same(len([r for r in rows if part in str(r)]), 1,
            "two rights: one row of show process about " + part)
        same(len([x for x in log.splitlines() if "protection lost" in x and
            part in x]), 1, "and one line at the start")
    for role in ("control", "engine"):
        st = status(d.pids()[role])
        same(st["Uid"].split(), ["0"] * 4, role + " keeps uid 0")
        same([int(st[k], 16) for k in ("CapInh", "CapPrm", "CapEff",
            "CapAmb")], [0] * 4, role + ": without a capability")
        same((st["NoNewPrivs"], st["Seccomp"]), ("1", "2"), role +
            ": no new privileges, and the filter")
    same(daemon.addresses(ns), ["10.9.0.1"], "the interface works")
    same(d.ctl("stop", "-d").rc, 0, "and goes when it should")
    d.process.wait(daemon.PROMPT)


def as_user(d, path, groups, *words):
    """secctl at this socket as somebody else; (exit status, what it said)."""
    def become():
        os.setgroups(groups)
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    r = subprocess.run([daemon.program("secctl"), "-s", path, *words],
        preexec_fn=become, capture_output=True, text=True, timeout=20)
    return r.returncode, r.stdout + r.stderr


def clients(ns):
    d = daemon.Secd(ns, CONF, tag="clients")
    shows = os.path.join(d.dir, "show.sock")
    d.configure('socket restricted "%s"\n%s' % (shows, CONF))
    d.start()
    gid = grp.getgrnam(GROUP).gr_gid
    for path, mode, group in ((d.socket, 0o600, 0), (shows, 0o660, gid)):
        st = os.stat(path)
        same((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (mode, 0,
            group), "mode and owners of " + os.path.basename(path))
    for words in (("show", "interfaces"), ("show", "sa"), ("show", "drops"),
            ("show", "process")):
        rc, said = as_user(d, shows, [gid], *words)
        same(rc, 0, "a member of %s may %s" % (GROUP, " ".join(words)))
    for words in (("reload",), ("stop",), ("destroy", "sec0"),
            ("flush", "sa"), ("log", "verbose"), ("monitor",),
            ("interface", "sec0", "down"), ("create", "sec7")):
        rc, said = as_user(d, shows, [gid], *words)
        same(rc, 1, "but not " + " ".join(words))
        contains(said, "restricted socket", "and hears why")
    same(daemon.device(ns, "sec7"), None, "nothing came of it")
    same(as_user(d, shows, [], "show")[0], 3, "nobody else may even ask there")
    same(as_user(d, d.socket, [gid], "show")[0], 3, "nor a member at root's "
        "socket")
    # whoever gets a descriptor past the file's mode is met by the second check
    with ns.inside(), socket.socket(socket.AF_UNIX,
            socket.SOCK_SEQPACKET) as s:
        os.chmod(d.socket, 0o666)
        pid = os.fork()
        if pid == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            s.connect(d.socket)
            os._exit(0 if s.recv(1) == b"" else 1)
        same(os.waitpid(pid, 0)[1], 0, "with the file's mode undone, its "
            "owner is still asked for")
    same(d.ctl("show").rc, 0, "root goes on as ever")
    deaf(ns, d)
    d.stop()


def deaf(ns, d):
    """Clients that ask and ask and never read an answer."""
    deaf_ones = []
    for _ in range(8):
        s = ns.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(d.socket)
        s.settimeout(lib.TIMEOUT)
        deaf_ones.append(s)
    # a header of no message: its answer is made at once, 16 octets ask for 256
    ask = struct.pack("=HHIII", 1, 0, 0, 0, 0)
    let_go = 0
    for s in deaf_ones:
        try:
            for _ in range(100000):
                s.send(ask)
        except (BrokenPipeError, ConnectionResetError):
            let_go += 1
        same(d.ctl("show", quiet=True).rc, 0, "others are served beside a "
            "client that does not read")
    same(let_go, len(deaf_ones), "who does not read is let go")
    for s in deaf_ones:
        s.close()


def main():
    ns = lib.Ns("a")
    container(ns)
    clients(ns)


lib.run(main)
