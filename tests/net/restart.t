#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
#
# A secd that is started while its device is still held, as by one that was just
# killed: it waits a little, adopts the device when it is let go, and says so in
# one line when it is not.
#
#        namespace a
#   10.9.0.1 on sec0
#        secd

import fcntl
import os
import struct
import threading
import time

import daemon
import lib
from lib import contains, ok, same

TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI = 1, 0x1000
CONF = "interface sec0 { inet 10.9.0.1/30 10.9.0.2 }\n"


def hold(ns):
    """Attach to sec0, as its last owner was."""
    with ns.inside():
        fd = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"sec0",
            IFF_TUN | IFF_NO_PI))
    return fd


def main():
    ns = lib.Ns("a")
    d = daemon.Secd(ns, CONF).start()
    index = daemon.device(ns)["ifindex"]
    d.stop()

    fd = hold(ns)
    let_go = threading.Timer(0.5, os.close, [fd])
    let_go.start()
    began = time.monotonic()
    d.start()
    ok(time.monotonic() - began >= 0.4, "held for 0.5 s: secd waits")
    same(daemon.device(ns)["ifindex"], index, "and takes up the same device")
    same(d.stop(), 0, "it stops as ever")

    fd = hold(ns)
    rc, log = d.refused()
    os.close(fd)
    same(rc, 1, "held for longer: secd ends")
    contains(log, "sec0: cannot open a tun device: Device or resource busy",
        "and names the device and the reason")
    same(daemon.device(ns)["ifindex"], index, "which stays as it was")


lib.run(main)
