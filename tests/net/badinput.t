#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# Bad input of people and of the machine: one clear line that names the thing,
# an exit status that is not zero, and nothing has changed.
#
#        namespace a                              namespace b
#   10.9.0.1 on sec0                         (nobody opens it)
#        secd  |                                  |
#         eth0 192.0.2.1 ------------------- 192.0.2.2 eth0

import os
import shlex

import daemon
import esp
import lib
from lib import contains, ok, same

A, B = "192.0.2.1", "192.0.2.2"


def conf(sa=""):
    return "interface sec0 { local %s peer %s; inet 10.9.0.1/24; link state " \
        "admin\n%s\n}\n" % (A, B, sa)


class Scene:
    def __init__(self, ns):
        self.ns = ns
        self.d = daemon.Secd(ns, conf())
        self.good = daemon.key_file("good", esp.new_key(256))

    def snapshot(self):
        """All that a refused request must leave alone."""
        d = self.d
        r = self.ns.run("ip -j addr", quiet=True).out
        routes = self.ns.run("ip -j route", quiet=True).out
        rows = d.json("sa")["sas"]
        for row in rows:
            for k in ("age", "idle"):
                row.pop(k)
        return rows, d.json("interfaces"), r, routes, \
            sorted(os.listdir(d.state)), sorted(os.listdir(d.run))

    def refused(self, name, command, *parts, rc=1, input=None):
        before = self.snapshot()
        argv = shlex.split(command)
        r = self.d.ctl(*argv, input=input)
        same(r.rc, rc, "%s: exit %d" % (name, rc))
        same(len(r.err.strip().splitlines()), 1, name + ": one line")
        for part in parts:
            contains(r.err, part, "%s: says '%s'" % (name, part))
        same(r.out, "", name + ": nothing on standard output")
        same(self.snapshot(), before, name + ": nothing has changed")

    def sa(self, way="out", spi="0x1001", key=None, enc="aes-256-gcm",
            iface="sec0", extra="", ends=None):
        src, dst = ends or ((A, B) if way == "out" else (B, A))
        return "add sa %s %s spi %s src %s dst %s enc %s key file %s %s" % (
            iface, way, spi, src, dst, enc, key or self.good, extra)


def requests(s):
    d = s.d.start()
    d.must(s.sa(spi="0x2001", key=daemon.key_file("other", esp.new_key(256))))
    short = daemon.key_file("short", esp.new_key(128))
    shared = daemon.key_file("shared", esp.new_key(256), 0o644)
    group = daemon.key_file("group", esp.new_key(256), 0o660)
    odd = os.path.join(lib.tmpdir(), "odd")
    with open(odd, "w") as f:
        f.write("not hex at all\n")
    os.chmod(odd, 0o600)
    s.refused("unknown interface", s.sa(iface="sec7"), "sec7")
    s.refused("an interface secd does not have, up", "interface sec7 up",
        "sec7")
    s.refused("... destroyed", "destroy sec7", "sec7")
    s.refused("... flushed", "flush sa sec7", "sec7")
    s.refused("wrong key length", s.sa(key=short), short, "20", "36")
    s.refused("a key that is not hex", s.sa(key=odd), odd)
    s.refused("key file others can read", s.sa(key=shared), shared)
    s.refused("key file the group can write", s.sa(key=group), group)
    s.refused("no key file", s.sa(key="/nonexistent"), "/nonexistent")
    s.refused("a key file that is a directory", s.sa(key=lib.tmpdir()),
        lib.tmpdir())
    s.refused("an empty key on standard input", s.sa(key="-"), input="")
    s.refused("duplicate SA", s.sa(spi="0x2001"), "0x00002001")
    s.refused("remove an SA that is not there", "remove sa spi 0x9999 dst "
        + B, "0x00009999")
    s.refused("SPI below 256", s.sa(spi="255"), "255", rc=2)
    s.refused("SPI 0", s.sa(spi="0"), rc=2)
    s.refused("an SPI that is too large", s.sa(spi="0x100000000"),
        "0x100000000", rc=2)
    s.refused("an unknown suite", s.sa(enc="rot-13"), "rot-13", rc=2)
    s.refused("a cipher without its auth", s.sa(enc="aes-128"),
        "needs an auth", "hmac-sha2-256", rc=2)
    s.refused("an auth too many", s.sa(enc="aes-128-gcm auth hmac-sha1"),
        "leave auth out", rc=2)
    s.refused("no address", s.sa(ends=("there", B)), "there", rc=2)
    s.refused("two families", s.sa(ends=(A, "2001:db8::2")), rc=2)
    s.refused("a window that is too large", s.sa(way="in",
        extra="replay 65537"), "65537", rc=2)
    s.refused("a number beyond the space", s.sa(extra="seq 4294967296"),
        "esn", rc=2)
    s.refused("a word that is none", "add sa sec0 out sip 5", "sip", rc=2)
    s.refused("an interface that exists", "create sec0", "sec0")
    s.refused("an interface's name that is none", "create eth7", "eth7",
        rc=2)
    s.refused("mtu out of range", "create sec1 mtu 99", "99", rc=2)
    s.refused("mtu too small for inet6", "create sec1 inet6 fd00::1/64 mtu "
        "1000", "1280", rc=2)
    s.refused("-f with a missing file", "-f /nonexistent", "/nonexistent")
    s.refused("-f - with a key of -", "-f -", input=s.sa(key="-") + "\n",
        rc=2)


def reloads(s):
    """secd.conf with an error in it, by secctl and by SIGHUP."""
    d = s.d
    shared = os.path.join(lib.tmpdir(), "shared")
    for name, text, part in (
            ("nonsense", "nonsense\n", "secd.conf:2:"),
            ("a word of later", conf("mss clamp"), "not supported yet"),
            ("an SPI below 256", conf("sa out spi 9 src %s dst %s enc "
                "aes-256-gcm key file \"%s\"" % (A, B, s.good)),
                "secd.conf:3:"),
            ("a key file others can read", conf("sa out spi 0x3001 src %s dst "
                "%s enc aes-256-gcm key file \"%s\"" % (A, B, shared)),
                shared),
            ("no key file", conf("sa out spi 0x3001 src %s dst %s enc "
                "aes-256-gcm key file \"/nonexistent\"" % (A, B)),
                "/nonexistent"),
            ("an SA that secctl has added", conf("sa out spi 0x2001 src %s dst "
                "%s enc aes-256-gcm key file \"%s\"" % (A, B, s.good)),
                "0x00002001"),
            ("a wrong key length", conf("sa out spi 0x3001 src %s dst %s enc "
                "aes-256-gcm key file \"%s\"" % (A, B, os.path.join(
                lib.tmpdir(), "short"))), "36")):
        d.configure(text)
        s.refused("reload with " + name, "reload", part)
        before = s.snapshot()
        contains(d.hup(part), part, "SIGHUP with %s: the log says so" % name)
        same(s.snapshot(), before, "and nothing has changed")
    foreign = "sec5"
    s.ns.run("ip tuntap add %s mode tap" % foreign)
    d.configure(conf() + "interface sec5 { inet 10.9.5.1/24 }\n")
    s.refused("reload with a foreign device's name", "reload", foreign)
    s.ns.run("ip link delete " + foreign)
    d.configure(conf())


def complaints(log):
    """Lines of a log; what this machine cannot give is none."""
    return [x for x in log.splitlines() if "protection lost" not in x]


def without_tun():
    """The words that run a program where /dev/net is empty."""
    with open("/proc/self/mountinfo") as f:
        points = [line.split()[4] for line in f]
    # a root that is no mount point, as in a chroot, cannot be made private;
    # should the mount then be seen outside, it must not stay
    keep = [] if "/" in points else ["--propagation", "unchanged"]
    if keep and "/dev/net" not in points:
        lib.defer(lib.host, "umount /dev/net", check=False)
    return ["unshare", "-m", *keep, "sh", "-c",
        "mount -t tmpfs tmpfs /dev/net && exec \"$@\"", "sh"]


def starts(s):
    """secd itself, where it cannot start."""
    d, ns = s.d, s.ns

    def refused(name, *parts, args=()):
        links = ns.run("ip -j addr", quiet=True).out
        rc, log = d.refused(*args)
        ok(rc not in (0, None), "%s: exit %s" % (name, rc))
        for part in parts:
            contains(log, part, "%s: says '%s'" % (name, part))
        same(len(complaints(log)), 1, name + ": in one line")
        same(ns.run("ip -j addr", quiet=True).out, links,
            name + ": no device has changed")

    first = d.process
    refused("second secd on the same run directory", d.run, "another secd")
    d.process = first
    same(d.ctl("show", "process").rc, 0, "the first one goes on")
    other = daemon.Secd(ns, "", tag="second")
    other.configure(conf())
    text = open(other.conf).read().replace(other.state, d.state)
    with open(other.conf, "w") as f:
        f.write(text)
    rc, log = other.refused()
    ok(rc not in (0, None), "second secd on the same state directory: exit "
        "%s" % rc)
    contains(log, d.state, "and names it")
    d.must("stop -d")
    d.process.wait(daemon.PROMPT)
    same(daemon.device(ns), None, "stop -d takes the device away")

    ns.run("ip tuntap add sec0 mode tap")
    ns.run("ip addr add 10.9.9.9/32 dev sec0")
    refused("a foreign device named sec0", "sec0", "did not make it")
    ns.run("ip link delete sec0")
    ns.run("ip tuntap add sec0 mode tun")
    refused("a foreign tun named sec0", "sec0", "did not make it")
    ns.run("ip link delete sec0")

    d.configure("nonsense\n")
    refused("nonsense in secd.conf", "%s:2:" % d.conf)
    d.configure(conf())
    os.chmod(d.conf, 0o666)
    refused("a secd.conf that others can write", d.conf)
    os.chmod(d.conf, 0o644)
    os.rename(d.conf, d.conf + ".away")
    refused("no secd.conf", d.conf)
    os.rename(d.conf + ".away", d.conf)
    os.chmod(d.run, 0o777)
    refused("a run directory that others can write", d.run)
    os.chmod(d.run, 0o755)

    wrapped = daemon.program("secd")
    for name, prefix, parts in (
            ("no tun device", without_tun(), ("/dev/net/tun",)),
            ("not root", ["setpriv", "--reuid=65534", "--regid=65534",
                "--clear-groups"], ("root",)),
            ("root without CAP_NET_ADMIN", ["setpriv",
                "--bounding-set=-net_admin", "--inh-caps=-net_admin"],
                ("NET_ADMIN",)),
            ("root without CAP_NET_RAW", ["setpriv",
                "--bounding-set=-net_raw", "--inh-caps=-net_raw"],
                ("NET_RAW",))):
        r = ns.run(prefix + [wrapped, "-d", "-f", d.conf, "-r", d.run],
            check=False, timeout=10)
        ok(r.rc != 0, "%s: exit %d" % (name, r.rc))
        for part in parts:
            contains(r.err, part, "%s: says '%s'" % (name, part))
        same(len(complaints(r.err)), 1, name + ": in one line")
        same(daemon.device(ns), None, name + ": no device was made")
    r = ns.run([daemon.program("secctl"), "-s", d.socket, "show"],
        check=False)
    same(r.rc, 3, "secctl without a secd: exit 3")
    contains(r.err, d.socket, "and names the socket")
    d.start()
    ok(True, "and after all that secd starts")


def main():
    a, b = lib.Ns("a"), lib.Ns("b")
    lib.link(a, b, v4=(A, B))
    s = Scene(a)
    requests(s)
    reloads(s)
    starts(s)


lib.run(main)
