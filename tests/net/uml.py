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
                "uml_dir=" + lib.tmpdir(), "umid=guest"],
                preexec_fn=lib._child(ns.fd), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, pass_fds=(their_in, their_out),
                start_new_session=True,
                env={"PATH": os.environ["PATH"], "HOME": lib.tmpdir(),
                     "TMPDIR": lib.tmpdir()})
        lib.defer(self.stop)
        lib.on_failure.append(self._show_log)
        os.close(their_in)
        os.close(their_out)
        first = self._line(30)
        if first != "ready":
            raise lib.Failure("the guest said: " + first)

    def _show_log(self):
        lib.diag("--- the guest's console")
        with open(self.log, errors="replace") as f:
            lib.diag(f.read()[-4000:])

    def _line(self, timeout=lib.TIMEOUT):
        line = self.lines.line(timeout)
        if line is None:
            raise lib.Failure("the guest does not answer")
        return line

    def sh(self, command, check=True, timeout=lib.TIMEOUT):
        """Run a shell command in the guest; what it printed."""
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
