#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
A child that fell to an attacker: what it asks of the parent is refused one by
one and changes nothing, and a system call outside its work kills it.

	[ control: secd with a hostile control ]  [ engine: with such an engine ]
"""
import os
import shutil

import daemon
import lib
from lib import contains, ok, run, same

CONF = "interface sec0 { inet 10.1.0.1/30 10.1.0.2 }\n"
SYSCALLS = ("open", "socket", "execve", "ptrace", "ioctl")


def hostile(ns, role, act):
    """A secd whose child of this role does act; the end of the run directory's
    name tells it."""
    path = os.path.join(lib.tmpdir(), "hostile_" + role)
    if not os.path.exists(path):
        shutil.copyfile(os.path.join(lib.HERE, "hostile_" + role), path)
        os.chmod(path, 0o755)
    os.environ["SECD"] = path
    d = daemon.Secd(ns, CONF, tag="%s-%s" % (role, act))
    d.run = os.path.join(d.dir, "run-" + act)
    os.mkdir(d.run, 0o755)
    return d


def world(ns):
    """All that a request could have changed."""
    return (ns.run("ip -br addr", quiet=True).out,
        ns.run("ip route show table all", quiet=True).out)


def requests(ns, role, least):
    d = hostile(ns, role, "requests")
    d.launch()
    # what it makes of itself at the start is no request
    lib.until(lambda: daemon.device(ns), "sec0")
    d.wait_log("refused")
    before = world(ns)
    lib.until(lambda: "requests done" in d.read_log() or
        d.process.poll() is not None, "the last request", 60)
    log = d.read_log()
    refused = [line for line in log.splitlines() if ": refused " in line]
    ok(len(refused) >= least, "%s: %d requests refused" % (role, len(refused)))
    granted = [line for line in log.splitlines() if "GRANTED" in line]
    same(granted, [], role + ": none granted")
    contains(log, "requests done", role + ": secd went on after each")
    same(world(ns), before, role + ": devices, addresses and routes as before")
    same(os.listdir(d.state) and sorted(os.listdir(d.state)),
        ["interfaces", "ledger", "lock"], role + ": no other file came")
    noise = [line for line in log.splitlines() if "may not ask" in line]
    ok(len(noise) <= 3, "%s: its flood of requests made %d lines of log" % (
        role, len(noise)))
    lib.end(d.process)


def syscall(ns, role, name):
    d = hostile(ns, role, name)
    d.launch()
    rc = d.process.wait(daemon.PROMPT)
    log = d.read_log()
    contains(log, role + " was killed by signal 31", "%s: %s kills it" % (role,
        name))
    ok("GRANTED" not in log, "%s: %s did not return" % (role, name))
    same(rc, 1, "%s: %s: secd ends, and says so by its status" % (role, name))


def main():
    for role, least in (("control", 110), ("engine", 45)):
        ns = lib.Ns(role)
        requests(ns, role, least)
        for name in SYSCALLS:
            ns.run("ip link delete sec0", quiet=True)
            syscall(ns, role, name)


run(main)
