# SPDX-License-Identifier: ISC
"""
Real IKE daemons in namespaces: Debian's iked, unmodified, whose PF_KEY socket
secd-run makes secd's; and strongSwan's charon with its own ESP in userspace
(kernel-libipsec) as a far side that shares nothing with secd.

Each has files of its own: what has a fixed path is covered by a mount that only
the daemon's own mount namespace has.
"""
import os
import re
import signal
import subprocess
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import daemon
import lib

SECD_RUN = os.environ.get("SECD_RUN",
    os.path.join(daemon.ROOT, "shim/secd-run"))
IKED = "/usr/sbin/iked"
CHARON = "/usr/lib/ipsec/charon"
PSK = "nobody outside this test has seen this"
UP = 15.0			# seconds within which a tunnel comes up


class Service:
    """A program that is started again, as systemd's Restart=always does,
    whenever it ends by itself; with restart=False it stays away."""

    def __init__(self, ns, tag, restart=False):
        self.ns, self.tag, self.restart = ns, tag, restart
        self.dir = os.path.join(lib.tmpdir(), tag)
        os.makedirs(self.dir, exist_ok=True)
        self.log = self.dir + "/log"
        open(self.log, "w").close()
        self.process, self.thread = None, None
        self.wanted = False
        self.starts = 0
        lib.on_failure.append(self.show_log)
        lib.defer(self.stop)

    def argv(self):
        raise NotImplementedError

    def env(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def _spawn(self):
        # one session each: what it forks ends with it, as in a cgroup
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.argv(), stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, env=self.env(),
                preexec_fn=lib._child(self.ns.fd), start_new_session=True)
        self.starts += 1

    def _supervise(self):
        # the thread that forks has to stay: PDEATHSIG is about threads
        while self.wanted:
            self._spawn()
            self.process.wait()
            self._reap()
            if not self.restart:
                self.wanted = False
            end = time.monotonic() + 0.3
            while self.wanted and time.monotonic() < end:
                time.sleep(0.02)

    def _reap(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def launch(self):
        if self.thread is not None:
            self.stop()
        lib.diag("%s$ %s" % (self.ns.tag, " ".join(self.argv())))
        self.wanted = True
        before = self.starts
        self.thread = threading.Thread(target=self._supervise, daemon=True)
        self.thread.start()
        lib.until(lambda: self.starts > before, self.tag + " to start")
        return self

    def kill(self):
        """kill -9 of all of it; supervised, it comes again."""
        before = self.process
        lib.diag("kill -9 of %s" % self.tag)
        try:
            os.killpg(before.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if self.restart:
            lib.until(lambda: self.process is not before, self.tag +
                " to be started again")
        else:
            self.thread.join()

    def stop(self, sig=signal.SIGTERM):
        """End it in an orderly way, for good."""
        self.wanted = False
        if self.thread is None:
            return
        end = time.monotonic() + 5
        while self.thread.is_alive() and time.monotonic() < end:
            if self.process and self.process.poll() is None:
                try:
                    self.process.send_signal(sig)
                except ProcessLookupError:
                    pass
            self.thread.join(0.5)
        if self.thread.is_alive():
            self._reap()
            self.thread.join(2)
        self.thread = None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def read_log(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait_log(self, text, timeout=lib.TIMEOUT):
        lib.until(lambda: text in self.read_log(), "'%s' in the log of %s" % (
            text, self.tag), timeout)

    def show_log(self):
        lib.diag("--- log of " + self.tag)
        lib.diag("\n".join(self.read_log().splitlines()[-40:]))

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.dir, name)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(fd, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path


class SecdService(daemon.Secd):
    """secd that is started again when it ends by itself."""

    def __init__(self, *args, **kw):
        super().__init__(*args, **kw)
        self.watcher, self.wanted, self.starts = None, False, 0
        lib.defer(self.unsupervise)

    def supervise(self, *args, env=None):
        """start(), and again whenever it is gone."""
        self.wanted = True
        up = threading.Event()

        def watch():
            self.start(*args, env=env)
            self.starts += 1
            up.set()
            while self.wanted:
                if self.process.poll() is None:
                    time.sleep(0.02)
                    continue
                time.sleep(0.3)
                if not self.wanted:
                    return
                try:
                    self.start(*args, env=env)
                    self.starts += 1
                except lib.Failure as e:
                    lib.diag("secd (%s) again: %s" % (self.tag, e))
        self.watcher = threading.Thread(target=watch, daemon=True)
        self.watcher.start()
        if not up.wait(lib.TIMEOUT):
            raise lib.Failure("secd (%s) was not started" % self.tag)
        return self

    def unsupervise(self):
        self.wanted = False
        if self.watcher is not None:
            self.watcher.join()
            self.watcher = None

    def kill_and_wait(self):
        """kill -9; returns when it has been started again."""
        before = self.starts
        os.kill(self.pid(), signal.SIGKILL)
        lib.until(lambda: self.starts > before, "secd to be started again")


# --- iked ---

def debian_iked():
    """(version, what dpkg finds changed): the second is to be empty."""
    v = lib.host("dpkg-query -W -f ${Version} openiked").out
    return v, lib.host("dpkg --verify openiked", check=False).out


class Iked(Service):
    """Debian's iked under secd-run; conf is the text of iked.conf."""

    def __init__(self, ns, secd, conf, tag=None, restart=False, args=()):
        super().__init__(ns, tag or "iked-" + ns.tag, restart)
        lib.need("iked", "ikectl")
        self.pfkey = secd if isinstance(secd, str) else secd.run + \
            "/pfkey.sock"
        self.args = list(args)
        self.socket = self.dir + "/iked.sock"
        self.etc = self.dir + "/etc"
        self._own_etc()
        self.configure(conf)

    def _own_etc(self):
        """iked wants a key even when it uses none."""
        for d in ("ca", "certs", "crls", "private", "pubkeys/ipv4",
                "pubkeys/ipv6", "pubkeys/fqdn", "pubkeys/ufqdn"):
            os.makedirs(os.path.join(self.etc, d), exist_ok=True)
        os.chmod(self.etc + "/private", 0o700)
        secret = ec.generate_private_key(ec.SECP256R1())
        self.file("etc/private/local.key", secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption()).decode())
        self.file("etc/local.pub", secret.public_key().public_bytes(
            serialization.Encoding.PEM,
            serialization.PublicFormat.SubjectPublicKeyInfo).decode(), 0o644)

    def configure(self, conf):
        self.conf = self.file("iked.conf", conf)

    def runner(self):
        return [SECD_RUN, "-s", self.pfkey]

    def argv(self):
        return ["unshare", "-m", "sh", "-c", "mount --bind " + self.etc +
            " /etc/iked && exec \"$@\"", "sh", *self.runner(), IKED, "-d",
            "-v", *self.args, "-f", self.conf, "-s", self.socket]

    def check_conf(self):
        """iked -n; its Result."""
        return self.ns.run(["iked", "-n", "-f", self.conf], check=False)

    def start(self):
        self.launch()
        lib.until(lambda: self.ctl("show", "sa").rc == 0, self.tag +
            " to answer", UP)
        return self

    def ctl(self, *args):
        return self.ns.run(["ikectl", "-s", self.socket, *args], check=False,
            quiet=args == ("show", "sa"))

    def sas(self):
        """Lines of established IKE SAs."""
        return [line for line in self.ctl("show", "sa").out.splitlines()
            if line.startswith("iked_sas:") and "ESTABLISHED" in line]

    def children(self):
        """{(direction, SPI)} of its ESP SAs."""
        return {(m[1], int(m[0], 16)) for m in re.findall(
            r"^ *sa_childsas: .*? ESP (0x[0-9a-f]+) (in|out) ",
            self.ctl("show", "sa").out, re.M)}

    def wait_established(self, timeout=UP):
        lib.until(lambda: self.sas() and self.children(), self.tag +
            " to have an SA", timeout)
        return self


def iked_conf(name, local, peer, active, flow="from any to any", more="",
        srcid=None, dstid=None, iface=""):
    """A policy of iked.conf with a PSK."""
    return 'set dpd_check_interval 60\nikev2 "%s" %s esp %s local %s peer ' \
        '%s %s srcid %s dstid %s psk "%s" %s\n' % (name,
        "active" if active else "passive", flow, local, peer, more,
        srcid or local, dstid or peer, PSK, iface)


# --- secd's half ---

def usable(secd, iface="sec0"):
    """A pair of SAs that carries packets: (in, out) or None."""
    rows = secd.json("sa", iface)["sas"]
    pair = [next((r for r in rows if r["direction"] == way and
        r["state"] == "active"), None) for way in ("in", "out")]
    return pair if all(pair) else None


def wait_tunnel(*secds, iface="sec0", timeout=UP):
    """Until each has a usable pair and the kernel knows."""
    for d in secds:
        def there():
            try:
                return usable(d, iface)
            except (lib.Failure, OSError):
                return None		# it may be starting
        lib.until(there, "a pair of SAs of " + d.tag, timeout)
        daemon.settle(d.ns, iface)


def suite(row):
    return row["enc"] + (" " + row["auth"] if row["auth"] else "")


def await_ping(ns, src, dst, timeout=UP):
    """Seconds until an echo request is answered; None if none is."""
    start = time.monotonic()
    while time.monotonic() - start < timeout:
        try:
            if lib.ping(ns, src, dst, timeout=0.5):
                return time.monotonic() - start
        except OSError:
            pass
        time.sleep(0.2)
    return None


# --- strongSwan ---

class Swan(Service):
    """charon with kernel-libipsec, which does ESP in UDP only.  inner is its
    address (on lo, where charon looks for it), peer_inner the other end's."""

    def __init__(self, ns, local, peer, inner, peer_inner, tag=None,
            proposals="aes256-sha384,aes256-sha1", restart=False,
            rekey="0"):
        super().__init__(ns, tag or "charon-" + ns.tag, restart)
        lib.need("swanctl")
        if not os.path.exists(CHARON):
            raise lib.Failure("no " + CHARON)
        self.vici = "unix://%s/vici" % self.dir
        self.strongswan = self.file("strongswan.conf", STRONGSWAN % (
            self.dir, self.vici))
        self.swanctl = self.file("swanctl.conf", SWANCTL % {"local": local,
            "peer": peer, "inner": host_net(inner), "far": host_net(
            peer_inner), "proposals": proposals, "psk": PSK, "rekey": rekey})
        ns.run("ip addr add %s dev lo" % host_net(inner), check=False)
        os.makedirs(self.dir + "/etc", exist_ok=True)

    def env(self):
        return dict(super().env(), STRONGSWAN_CONF=self.strongswan)

    def argv(self):
        return ["unshare", "-m", "sh", "-c",
            "mount -t tmpfs tmpfs /run && exec \"$@\"", "sh", CHARON]

    def ctl(self, *args, check=True):
        return self.ns.run(["swanctl", *args, "--uri", self.vici],
            check=check, quiet=args[0] == "--list-sas",
            env=dict(self.env(), SWANCTL_DIR=self.dir + "/etc"))

    def start(self):
        vici = self.dir + "/vici"
        if os.path.exists(vici):
            os.unlink(vici)
        self.launch()
        lib.until(lambda: os.path.exists(vici) or not self.wanted, "charon's "
            "socket", UP)
        lib.until(lambda: self.ctl("--load-all", "--noprompt", "--file",
            self.swanctl, check=False).rc == 0, "charon's configuration")
        return self

    def initiate(self):
        r = self.ctl("--initiate", "--child", "net", "--timeout", "10",
            check=False)
        if r.rc != 0:
            lib.diag(r.out + r.err)
        return r.rc == 0

    def rekey(self):
        return self.ctl("--rekey", "--child", "net", check=False).rc == 0

    def terminate(self):
        return self.ctl("--terminate", "--ike", "sec", check=False).rc == 0

    def sas(self):
        return self.ctl("--list-sas", check=False).out

    def child_spis(self):
        """{(direction, SPI)} of installed child SAs."""
        return {(way, int(spi, 16)) for way, spi in re.findall(
            r"^ +(in|out) +([0-9a-f]{8})", self.sas(), re.M)}

    def wait_established(self, timeout=UP):
        lib.until(lambda: "INSTALLED" in self.sas(), self.tag +
            " to have an SA", timeout)
        return self


def host_net(addr):
    return addr + ("/128" if ":" in addr else "/32")


STRONGSWAN = """
charon {
	install_virtual_ip = no
	load = random nonce openssl aes sha1 sha2 hmac gcm drbg kdf pem pkcs1 \
x509 pubkey kernel-libipsec kernel-netlink socket-default vici
	filelog {
		log {
			path = %s/log
			append = yes
			default = 1
			flush_line = yes
		}
	}
	plugins {
		vici {
			socket = %s
		}
	}
}
"""

SWANCTL = """
connections {
	sec {
		version = 2
		local_addrs = %(local)s
		remote_addrs = %(peer)s
		encap = yes
		mobike = no
		rekey_time = 0
		proposals = aes256-sha256-modp2048,aes256-sha256-ecp256
		local {
			auth = psk
			id = %(local)s
		}
		remote {
			auth = psk
			id = %(peer)s
		}
		children {
			net {
				local_ts = %(inner)s
				remote_ts = %(far)s
				esp_proposals = %(proposals)s
				rekey_time = %(rekey)s
				rekey_bytes = 0
				rekey_packets = 0
			}
		}
	}
}
secrets {
	ike-sec {
		id-1 = %(local)s
		id-2 = %(peer)s
		secret = "%(psk)s"
	}
}
"""
