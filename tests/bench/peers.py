# SPDX-License-Identifier: ISC
"""
The programs that a user would take instead of secd: strongSwan with its own ESP
(kernel-libipsec), and wireguard-go, that of this Debian and that of Debian 13,
which came to use offloads in between.
"""
import os
import shutil
import subprocess

import ike
import lib
import rows
import trixie


def package(name):
    """A Debian package's version."""
    r = lib.host("dpkg-query -W -f ${Version} " + name, check=False)
    return r.out if r.rc == 0 else "not installed"


class Libipsec(rows.Row):
    name, title = "libipsec", "strongSwan libipsec"
    dev = "ipsec0"

    def start(self):
        self.swan = []
        for i, ns in enumerate(self.ns):
            a = rows.OUTER[i], rows.OUTER[1 - i]
            b = rows.INNER[i], rows.INNER[1 - i]
            self.swan.append(ike.Swan(ns, *a, *b, proposals="aes256gcm16",
                tag="%s-%d" % (self.name, i)))
            self.swan[i].start()
        if not self.swan[0].initiate():
            raise lib.Failure("libipsec: charon does not connect")
        for s in self.swan:
            s.wait_established()
            s.ns.run("ip link set ipsec0 mtu %d" % rows.MTU)
            if "TUNNEL-in-UDP" not in s.sas() or "AES_GCM_16-256" not in \
                    s.sas():
                raise lib.Failure("libipsec: not what was asked for:\n" +
                    s.sas())

    def pids(self, side):
        return [self.swan[side].process.pid]

    def down(self):
        for s in self.swan:
            s.stop()

    def version(self):
        return "strongSwan " + package("strongswan-charon")


class WireguardGo(rows.Row):
    name, title = "wggo12", "wireguard-go, Debian 12"

    def program(self):
        lib.need("wireguard-go", "wg")
        return [shutil.which("wireguard-go")]

    def start(self):
        keys = [self.wg_key() for _ in (0, 1)]
        program = self.program()
        self.daemon = []
        for i, ns in enumerate(self.ns):
            # its sockets are all in one directory
            dev = "wg%d%s%s" % (os.getpid(), self.name[-2:], "lr"[i])
            self.daemon.append(self.run(ns, program, dev))
            self.configure(ns, dev, keys[i][0], keys[1 - i][1], i)

    def wg_key(self):
        """(private, public)"""
        private = lib.host("wg genkey").out
        p = lib._run("host", None, "wg pubkey", True, private, True, None, 10)
        return private.strip(), p.out.strip()

    def run(self, ns, program, dev):
        with open(os.path.join(lib.tmpdir(), dev + ".log"), "w") as log:
            p = ns.popen(program + ["-f", dev], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={"PATH": os.environ["PATH"],
                "LOG_LEVEL": "error"})
        socket = "/var/run/wireguard/%s.sock" % dev
        lib.defer(self._unlink, socket)
        lib.until(lambda: os.path.exists(socket) or p.poll() is not None,
            "the socket of wireguard-go")
        if p.poll() is not None:
            raise lib.Failure("%s ended at once" % self.name)
        return p

    @staticmethod
    def _unlink(path):
        if os.path.exists(path):
            os.unlink(path)

    def configure(self, ns, dev, private, public, side):
        path = os.path.join(lib.tmpdir(), dev + ".key")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(private + "\n")
        ns.run("wg set %s private-key %s listen-port 51820 peer %s "
            "allowed-ips 10.9.0.0/24 endpoint %s:51820" % (dev, path, public,
            rows.OUTER[1 - side]))
        ns.run("ip addr add %s/24 dev %s" % (rows.INNER[side], dev))
        ns.run("ip link set %s mtu %d up" % (dev, rows.MTU))

    def prove(self):
        super().prove()
        for i, ns in enumerate(self.ns):
            shakes = ns.run("wg show all latest-handshakes").out.split()
            if not any(w.isdigit() and int(w) > 0 for w in shakes[2:]):
                raise lib.Failure("%s: no handshake" % self.name)

    def pids(self, side):
        return [self.daemon[side].pid]

    def down(self):
        for p in self.daemon:
            lib.end(p)

    def version(self):
        return "wireguard-go " + package("wireguard-go")


class WireguardGo13(WireguardGo):
    name, title = "wggo13", "wireguard-go, Debian 13"

    def program(self):
        lib.need("wg")
        return trixie.program("wireguard-go")

    def version(self):
        return "wireguard-go " + trixie.version("wireguard-go")


PEERS = [Libipsec, WireguardGo, WireguardGo13]
