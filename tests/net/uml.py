# SPDX-License-Identifier: ISC
"""
A user-mode Linux kernel as an ESP peer that shares no code with secd: Debian's
package user-mode-linux, its root the host's file system read-only, its one
network device vec0 on a tap of a namespace.  guest.py runs inside.
"""
import json
import os
import signal
import subprocess

import lib

TAP = "tap0"
MACS = {"hmac-sha1": ("sha1", 96), "hmac-sha2-256": ("sha256", 128),
    "hmac-sha2-384": ("sha384", 192), "hmac-sha2-512": ("sha512", 256)}
# UDP_ENCAP is 100, UDP_ENCAP_ESPINUDP 2
UDP_SOCKETS = """
import socket, time
keep = []
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.setsockopt(socket.IPPROTO_UDP, 100, 2)
    s.bind((address, 4500))
    keep.append(s)
time.sleep(100000)
"""


def transforms(suite, key):
    """ip-xfrm's words for a suite (enc, auth or None) of secd's."""
    enc, auth = suite
    if auth is not None:
        n = int(enc.split("-")[1]) // 8
        return "enc 'cbc(aes)' 0x%s auth-trunc 'hmac(%s)' 0x%s %d" % (
            key[:n].hex(), MACS[auth][0], key[n:].hex(), MACS[auth][1])
    return "aead '%s' 0x%s 128" % ("rfc7539esp(chacha20,poly1305)"
        if enc.startswith("chacha") else "rfc4106(gcm(aes))", key.hex())


class Guest:
    def __init__(self, ns):
        lib.need("linux.uml")
        self.ns = ns
        ns.run("ip tuntap add %s mode tap" % TAP)
        ns.run("ip link set %s up" % TAP)
        self.log = os.path.join(lib.tmpdir(), "uml.log")
        self.process = None
        # two pipes: ours to its tty1, and back
        their_in, self.to = os.pipe()
        self.back, their_out = os.pipe()
        self.lines = lib.Lines(self.back)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(["linux.uml", "mem=96M",
                "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "panic=-1",
                "init=" + os.path.join(lib.HERE, "guest.py"),
                "con=null", "con0=null,fd:1",
                "con1=fd:%d,fd:%d" % (their_in, their_out),
                "vec0:transport=tap,ifname=%s,depth=128,gro=0" % TAP,
                "uml_dir=" + lib.tmpdir(), "umid=guest",
                # what the kernel does not know is its init's environment
                "guest_dir=" + lib.tmpdir()],
                preexec_fn=lib._child(ns.fd), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, pass_fds=(their_in, their_out),
                start_new_session=True,
                env={"PATH": os.environ["PATH"], "HOME": lib.tmpdir(),
                     "TMPDIR": lib.tmpdir()})
        lib.defer(self.stop)
        lib.on_failure.append(self._show_log)
        os.close(their_in)
        os.close(their_out)
        try:
            first = self._line(30)
        except lib.Failure:
            if self._foreign():
                lib.skip("kernel: the user-mode one cannot save this "
                    "processor's registers (AMX)")
            raise
        if first != "ready":
            raise lib.Failure("the guest said: " + first)

    def _foreign(self):
        """Linux 6.1's panics at its first process where the host has more
        registers than it was built for."""
        with open(self.log, errors="replace") as f:
            return "ptrace set fp regs failed" in f.read()

    def _show_log(self):
        lib.diag("--- the guest's console")
        with open(self.log, errors="replace") as f:
            lib.diag(f.read()[-4000:])

    def _line(self, timeout=lib.TIMEOUT):
        line = self.lines.line(timeout)
        if line is None:
            raise lib.Failure("the guest does not answer")
        return line

    def sh(self, command, check=True, timeout=lib.TIMEOUT, quiet=False):
        """Run a shell command in the guest; what it printed."""
        if not quiet:
            lib.diag("guest$ " + command)
        os.write(self.to, json.dumps(command).encode() + b"\n")
        rc, out = json.loads(self._line(timeout))
        if check and rc != 0:
            raise lib.Failure("guest: %s: exit %d: %s" % (command, rc, out))
        return out

    def xfrm_stat(self):
        """The guest's ESP counters that are not zero."""
        found = {}
        for line in self.sh("cat /proc/net/xfrm_stat").splitlines():
            name, n = line.split()
            if int(n):
                found[name] = int(n)
        return found

    def tunnels(self, those):
        """tunnel() for each of a list of its arguments, by one process, since
        those of a user-mode kernel are slow to start."""
        # by a file in its directory: the tty is no place for long lines
        with open(os.path.join(lib.tmpdir(), "guest-batch"), "w") as f:
            for t in those:
                f.write("\n".join(self.tunnel(*t)) + "\n")
        self.sh("ip -batch guest-batch", timeout=60)

    def tunnel(self, n, ends, suite, keys, esn=False, last=0, udp=False,
            v6=True):
        """Lines for ip(8): the kernel's half of tunnel n between the outer addresses ends
        (host, guest): SA 0x1000 + n towards the guest, 0x2000 + n back, with
        keys as key files have them; inner addresses 10.9.n.2 and, with v6,
        fd09:n::2."""
        host, there = ends
        more = "replay-window %d flag af-unspec" % (128 if esn else 64)
        if esn:
            more += " esn"
        if last:
            more += " replay-seq-hi {0} replay-seq {1} replay-oseq-hi {0} " \
                "replay-oseq {1}".format(last >> 32, last & 0xffffffff)
        if udp:
            more += " encap espinudp 4500 4500 0.0.0.0"
        script = []
        for src, dst, spi, key in ((host, there, 0x1000 + n, keys[0]),
                (there, host, 0x2000 + n, keys[1])):
            script.append("xfrm state add src %s dst %s proto esp spi %#x "
                "reqid %d mode tunnel %s %s" % (src, dst, spi, n + 1,
                transforms(suite, key), more))
        for near, far in (("10.9.%d.2/32" % n, "10.9.%d.1/32" % n),
                ("fd09:%d::2/128" % n, "fd09:%d::1/128" % n))[:1 + v6]:
            for d, src, dst, tmpl in (("out", near, far, (there, host)),
                    ("in", far, near, (host, there))):
                script.append("xfrm policy add src %s dst %s dir %s tmpl "
                    "src %s dst %s proto esp reqid %d mode tunnel" % (src, dst,
                    d, *tmpl, n + 1))
            script.append("addr add %s dev lo" % near)
            script.append("route add %s dev vec0 src %s mtu 1280" % (far,
                near.split("/")[0]))
        return script

    def receive_udp(self):
        """The kernel takes ESP in UDP only by a socket that says so."""
        self.sh("setsid python3 -c '" + UDP_SOCKETS + "' >/dev/null 2>&1 &")
        lib.until(lambda: self.sh("cat /proc/net/udp /proc/net/udp6",
            quiet=True).count(":1194 ") >= 2, "the guest's UDP sockets")

    def stop(self):
        if self.process is None:
            return
        # its address spaces are processes of its session
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None
        os.close(self.to)
        os.close(self.back)
