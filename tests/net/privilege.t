#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# What /proc says of secd's processes: who they are, what they may, what they
# have open, and where key octets are to be found.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         (nobody opens it)
#        secd  |                                  |
#         eth0 192.0.2.1 ------------------- 192.0.2.2 eth0

import os
import pwd
import resource
import signal
import stat

import daemon
import esp
import lib
from lib import ok, same

A, B = "192.0.2.1", "192.0.2.2"
CHILDREN = ("control", "engine")

# from linux/capability.h
KILL, SETGID, SETUID, NET_ADMIN, NET_RAW, SYS_CHROOT = 5, 6, 7, 12, 13, 18
SYS_RESOURCE = 24
PARENT_CAPS = sum(1 << c for c in (KILL, SETGID, SETUID, NET_ADMIN, NET_RAW,
    SYS_CHROOT))


def status(pid, task=None):
    """/proc/PID/status as a dictionary."""
    path = "/proc/%d/status" % pid if task is None else \
        "/proc/%d/task/%s/status" % (pid, task)
    with open(path) as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
            if ":\t" in line)


def limits(pid):
    found = {}
    with open("/proc/%d/limits" % pid) as f:
        for line in f:
            found[line[:26].strip()] = line[26:47].strip()
    return found


def caps(st):
    return {k: int(st[k], 16) for k in ("CapInh", "CapPrm", "CapEff", "CapBnd",
        "CapAmb")}


def check_parent(pid):
    st = status(pid)
    same(st["Uid"].split(), ["0"] * 4, "parent: uid 0")
    c = caps(st)
    same(c["CapEff"], 0, "parent: no effective capability")
    same(c["CapPrm"], PARENT_CAPS, "parent: permitted NET_ADMIN NET_RAW SETUID "
        "SETGID SYS_CHROOT KILL, no more")
    same(c["CapBnd"], PARENT_CAPS, "parent: bounding set the same")
    same((c["CapInh"], c["CapAmb"]), (0, 0), "parent: nothing to inherit")


def check_child(role, pid, uid, gid):
    for task in os.listdir("/proc/%d/task" % pid):
        st = status(pid, task)
        name = "%s, thread %s" % (role, st["Name"])
        same(st["Uid"].split(), [str(uid)] * 4, name + ": uid of _secd")
        same(st["Gid"].split(), [str(gid)] * 4, name + ": gid of _secd")
        same([g for g in st["Groups"].split() if g != str(gid)], [],
            name + ": no other groups")
        c = caps(st)
        # the bounding set says what an exec could bring back, and neither
        # NoNewPrivs nor the filter allows one
        same(c.pop("CapBnd") & ~PARENT_CAPS, 0, name + ": bounding set at "
            "most the parent's")
        same(c, dict.fromkeys(c, 0), name + ": no capability in any set")
        same(st["NoNewPrivs"], "1", name + ": NoNewPrivs")
        same(st["Seccomp"], "2", name + ": Seccomp 2")
    # files in /proc belong to root when a process is not dumpable
    same(os.stat("/proc/%d/environ" % pid).st_uid, 0,
        role + ": not dumpable")
    same(os.listdir("/proc/%d/root" % pid), [], role + ": empty root")
    same(os.readlink("/proc/%d/cwd" % pid), os.readlink("/proc/%d/root" % pid),
        role + ": and its directory is there")
    root = os.stat("/proc/%d/root" % pid)
    ok(root.st_uid == 0 and not root.st_mode & 0o022, role + ": which it "
        "cannot write")
    same(limits(pid)["Max core file size"], "0", role + ": no core files")
    with open("/proc/%d/environ" % pid, "rb") as f:
        # the engine's heap is in huge pages; nothing of the caller's
        same(f.read().strip(b"\0"), b"" if role != "engine" else
            b"GLIBC_TUNABLES=glibc.malloc.hugetlb=1", role +
            ": nothing else in its environment")


def check_descriptors(role, pid):
    bad, seen = [], []
    for fd in os.listdir("/proc/%d/fd" % pid):
        path = "/proc/%d/fd/%s" % (pid, fd)
        mode = os.stat(path).st_mode
        where = os.readlink(path)
        seen.append(where)
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            bad.append(where)
        elif stat.S_ISCHR(mode) and where not in ("/dev/null",
                "/dev/net/tun"):
            bad.append(where)
    same(bad, [], role + ": no descriptor of a file or directory")
    same(any("tun" in w for w in seen), role == "engine",
        role + ": tun devices are the engine's alone")


def scan(pids, key):
    """Roles that have octets of the key in their memory."""
    return sorted(r for r, pid in pids.items() if daemon.key_in_memory(pid,
        key))


def keys_in_memory(d, pids):
    """From a file, from secd.conf, from standard input; then removed."""
    key, piped, conf_key = (esp.new_key(256) for _ in range(3))
    path = daemon.key_file("k1", key)
    d.must("add sa " + daemon.sa_words("sec0", "out", 0x1001, A, B,
        "aes-256-gcm", path))
    same(scan(pids, key), ["engine"], "secctl add sa: the engine has the key, "
        "control and parent have not")
    d.must("add sa " + daemon.sa_words("sec0", "in", 0x1002, B, A,
        "aes-256-gcm", "-"), input=piped.hex() + "\n")
    same(scan(pids, piped), ["engine"], "the same from standard input")
    plain = daemon.key_file("k3", conf_key)
    d.configure(conf("sa out spi 0x1003 src %s dst %s enc aes-256-gcm key file "
        "\"%s\"" % (A, B, plain)))
    d.must("reload")
    same(scan(pids, conf_key), ["engine"], "the same with an SA of secd.conf")
    for k, name in ((key, "file"), (piped, "input"), (conf_key, "secd.conf")):
        for spelt in (k.hex().encode(), k.hex().upper().encode()):
            same(sorted(r for r, pid in pids.items()
                if daemon.memory_holds(pid, spelt[:32])), [],
                "nobody has the hex of the key from %s" % name)
    d.must("remove sa spi 0x1001 dst " + B)
    d.must("remove sa spi 0x1002 dst " + A)
    same(scan(pids, key), [], "remove sa: nobody has the key any more")
    same(scan(pids, piped), [], "an inbound one neither")
    d.configure(conf())
    d.must("reload")
    same(scan(pids, conf_key), [], "taken out of secd.conf: neither")
    wrong = esp.new_key(192)
    r = d.ctl("add", "sa", *daemon.sa_words("sec0", "out", 0x1001, A, B,
        "aes-192-gcm", "-", "seq 4294967295").split(),
        input=wrong.hex() + "\n")
    same(r.rc, 1, "an SA without numbers left is refused")
    same(scan(pids, wrong), [], "and its key is forgotten")


def holds(ns, pid, table):
    """How many sockets of a table of /proc/net a process has."""
    with ns.inside(), open("/proc/thread-self/net/" + table) as f:
        head, *rows = [line.split() for line in f]
    at = head.index("Inode")
    inodes = {"socket:[%s]" % row[at] for row in rows}
    return sum(os.readlink("/proc/%d/fd/%s" % (pid, fd)) in inodes
        for fd in os.listdir("/proc/%d/fd" % pid))


def bypass(ns, pids):
    """Sockets of AF_PACKET and of netlink, by role; those without left out."""
    found = {role: (holds(ns, pid, "packet"), holds(ns, pid, "netlink"))
        for role, pid in pids.items()}
    return {role: n for role, n in found.items() if n != (0, 0)}


def output_packet(d, a, pids):
    """What can send any frame is handed over where it is asked for alone."""
    same(bypass(a, pids), {}, "nobody has a packet socket, or one of netlink")
    d.configure(conf("output packet"))
    d.must("reload")
    workers = d.json("process")["workers"]
    same(bypass(a, pids), {"engine": (workers, 2)}, "output packet: the engine "
        "has a packet socket for each worker, and two of netlink")
    d.configure(conf())
    d.must("reload")
    d.configure(conf("output packet"))
    d.must("reload")
    same(bypass(a, pids), {"engine": (workers, 2)}, "not more the second time")
    d.configure(conf())
    d.must("reload")


def may_lock():
    """Is there a way to lock memory without limit here?"""
    hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    return hard == resource.RLIM_INFINITY or \
        int(status(os.getpid())["CapBnd"], 16) >> SYS_RESOURCE & 1


def conf(sa=""):
    return "interface sec0 { local %s peer %s; inet 10.9.0.1/24\n%s\n}\n" % (A,
        B, sa)


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    who = pwd.getpwnam("_secd")
    d = daemon.Secd(a, conf()).start()
    same([x for x in d.json("process")["lost_protections"]
        if "locked memory" not in x or may_lock()], [],
        "no protection is lost that this machine has")
    pids = d.pids()
    same(sorted(pids), ["control", "engine", "parent"], "three processes")
    same({p["title"]: p["pid"] for p in d.json("process")["processes"]}, pids,
        "as show process has it")
    check_parent(pids["parent"])
    for role in CHILDREN:
        check_child(role, pids[role], who.pw_uid, who.pw_gid)
        check_descriptors(role, pids[role])
    output_packet(d, a, pids)
    for role in CHILDREN:
        check_child(role, pids[role], who.pw_uid, who.pw_gid)
    keys_in_memory(d, pids)
    same(d.pids(), pids, "all of them are still the same processes")
    d.stop()
    for role in CHILDREN:
        d.start()
        pids = d.pids()
        os.kill(pids[role], signal.SIGKILL)
        same(d.process.wait(daemon.PROMPT), 1, "%s killed: secd ends with "
            "exit 1" % role)
        lib.contains(d.tail(), role, "and the log names it")
        daemon.gone(pids)


lib.run(main)
