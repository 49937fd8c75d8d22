#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""
The first process of the user-mode Linux guest that uml.py starts.  Its root is
the host's file system, read-only.  It loads the modules that ESP needs, and
then carries out the shell commands that come as lines of JSON over tty1, until
it is told to power off.
"""
import ctypes
import json
import os
import subprocess
import sys
import tty

libc = ctypes.CDLL(None, use_errno=True)
SYS_FINIT_MODULE = 313		# x86-64, the one machine of Debian's UML
RB_POWER_OFF = 0x4321fedc

# The guest's kernel cannot load modules by itself.  seqiv's random salt needs a
# generator; rfc4106 is made of ctr and ghash, HMAC beside CBC of authenc, with
# ESN of authencesn.
MODULES = ("ipv6", "xfrm_user", "hmac", "sha512_generic", "drbg", "ctr",
    "ghash-generic", "gcm", "seqiv", "echainiv", "cbc", "authenc", "authencesn",
    "chacha_generic", "poly1305_generic", "chacha20poly1305", "esp4", "esp6")


def mount(what, where, kind):
    if libc.mount(what, where, kind, 0, None) != 0:
        sys.exit("mount %s: %s" % (where, os.strerror(ctypes.get_errno())))


class Modules:
    def __init__(self):
        self.dir = "/usr/lib/uml/modules/" + os.uname().release
        self.path, self.needs, self.done = {}, {}, set()
        with open(self.dir + "/modules.dep") as f:
            for line in f:
                path, needs = line.rstrip("\n").split(":")
                self.path[self.name(path)] = path
                self.needs[path] = needs.split()

    @staticmethod
    def name(path):
        return os.path.basename(path)[:-len(".ko")]

    def load(self, path):
        if path in self.done:
            return
        self.done.add(path)
        # the list of what is needed begins with what needs the rest
        for p in reversed(self.needs[path]):
            self.load(p)
        fd = os.open(self.dir + "/" + path, os.O_RDONLY)
        if libc.syscall(SYS_FINIT_MODULE, fd, b"", 0) != 0 and \
                ctypes.get_errno() != 17:
            print("module %s: %s" % (path, os.strerror(ctypes.get_errno())),
                flush=True)
        os.close(fd)


def serve(requests, answers):
    for line in requests:
        p = subprocess.run(["/bin/sh", "-c", json.loads(line)], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        answers.write(json.dumps([p.returncode, p.stdout]) + "\n")
        answers.flush()


def main():
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    mount(b"proc", b"/proc", b"proc")
    mount(b"sysfs", b"/sys", b"sysfs")
    # the test's directory, before something is mounted over it
    os.chdir(os.environ["guest_dir"])
    mount(b"tmpfs", b"/tmp", b"tmpfs")
    modules = Modules()
    for name in MODULES:
        modules.load(modules.path[name])
    fd = os.open("/dev/tty1", os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    with open(fd, "w", closefd=False) as answers:
        answers.write("ready\n")
        answers.flush()
        serve(open(fd, "r", closefd=False), answers)


try:
    main()
finally:
    libc.reboot(RB_POWER_OFF)
