# SPDX-License-Identifier: ISC
"""
secd and secctl under test: started in a namespace with a run and a state
directory of their own, below a directory that is root's, from copies there
(the parent cannot read what only another user may).  SECD and SECCTL in the
environment name programs that are used where they are.

TEST_WORKERS, TEST_CRYPTO and TEST_OFFLOAD there put "workers", "crypto backend"
and "offload" with their value at the top of every secd.conf, so that each test
can be run with other settings:

    TEST_WORKERS=4 TEST_OFFLOAD=none tests/net/basic.t
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

import lib

ROOT = os.path.dirname(os.path.dirname(lib.HERE))
HOOK = os.environ.get("HOOK_LEDGER",
    os.path.join(ROOT, "tests/lib/hook_ledger.so"))
PROMPT = 5.0		# seconds that starting and stopping may take


def program(name):
    """Path of the secd or secctl to be tested."""
    given = os.environ.get(name.upper())
    if given:
        return given
    path = os.path.join(lib.tmpdir(), name)
    if not os.path.exists(path):
        shutil.copyfile(os.path.join(ROOT, name, name), path)
        os.chmod(path, 0o755)
    return path


def settings():
    """The statements that the environment asks for, each after a ;."""
    return "".join("; %s %s" % (words, os.environ[name]) for name, words in (
        ("TEST_WORKERS", "workers"), ("TEST_CRYPTO", "crypto backend"),
        ("TEST_OFFLOAD", "offload")) if os.environ.get(name))


def offload():
    """The words of `offload' that are in effect."""
    words = os.environ.get("TEST_OFFLOAD", "all").split()
    every = ["tso", "uso", "merge", "gso", "gro"]
    if words == ["all"]:
        return every
    if "no" in words:
        return [w for w in every if w not in words]
    return [w for w in words if w in every]


def key_file(name, key, mode=0o600):
    """Write key (octets) in hex to a file of the test's directory."""
    path = os.path.join(lib.tmpdir(), name)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "w") as f:
        f.write(key.hex() + "\n")
    os.chmod(path, mode)
    return path


class Secd:
    """A daemon; conf is the text of its secd.conf, without the line that names
    the state directory."""

    settings = settings()	# on that line too; a test may have its own

    def __init__(self, ns, conf="", tag=None):
        self.ns = ns
        self.tag = tag or ns.tag
        self.dir = os.path.join(lib.tmpdir(), self.tag)
        self.run, self.state = self.dir + "/run", self.dir + "/state"
        self.conf, self.log = self.dir + "/secd.conf", self.dir + "/log"
        self.socket = self.run + "/control.sock"
        for d, mode in ((self.dir, 0o755), (self.run, 0o755),
                (self.state, 0o700)):
            os.mkdir(d)
            os.chmod(d, mode)
        self.configure(conf)
        open(self.log, "w").close()
        self.process = None
        lib.on_failure.append(self.show_log)

    def configure(self, conf):
        with open(self.conf, "w") as f:
            f.write('state directory "%s"%s\n%s' % (self.state,
                self.settings, conf))
        os.chmod(self.conf, 0o644)

    # --- life and death ---

    def launch(self, *args, env=None):
        """Start it without waiting for it."""
        argv = [program("secd"), "-d", *args, "-f", self.conf, "-r", self.run]
        full = {"PATH": os.environ["PATH"]}
        full.update(env or {})
        with open(self.log, "a") as log:
            self.process = self.ns.popen(argv, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=full)
        return self

    def start(self, *args, env=None):
        """Start it and wait until it says that it is ready and answers."""
        path = self.dir + "/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as note:
            note.bind(path)
            note.settimeout(0.05)
            try:
                self.launch(*args, env={"NOTIFY_SOCKET": path, **(env or {})})
                self._await_ready(note)
            finally:
                os.unlink(path)
        if self.ctl("show", "process").rc != 0:
            raise lib.Failure("secd is ready but does not answer")
        return self

    def _await_ready(self, note):
        end = time.monotonic() + PROMPT
        while time.monotonic() < end:
            try:
                if b"READY=1" in note.recv(4096):
                    return
            except socket.timeout:
                pass
            if self.process.poll() is not None:
                raise lib.Failure("secd (%s) ended at once, exit %d: %s" % (
                    self.tag, self.process.returncode, self.tail(5)))
        raise lib.Failure("secd (%s) did not get ready" % self.tag)

    def refused(self, *args, env=None):
        """Start it where it must not start; (exit status, log)."""
        before = len(self.read_log())
        self.launch(*args, env=env)
        try:
            rc = self.process.wait(PROMPT)
        except subprocess.TimeoutExpired:
            self.kill()
            rc = None
        return rc, self.read_log()[before:]

    def pid(self):
        return self.process.pid

    def pids(self):
        """pid of each process by its role."""
        found = {"parent": self.pid()}
        for d in os.listdir("/proc"):
            if not d.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % d) as f:
                    ppid = f.read().rsplit(")", 1)[1].split()[1]
                with open("/proc/%s/cmdline" % d) as f:
                    cmd = f.read()
            except OSError:
                continue
            if ppid == str(self.pid()):
                for role in ("control", "engine"):
                    if role in cmd:
                        found[role] = int(d)
        return found

    def stop(self):
        """secctl stop; the exit status."""
        self.ctl("stop")
        return self.process.wait(PROMPT)

    def kill(self):
        """kill -9 of the parent; returns when the children are gone too."""
        pids = self.pids()
        lib.end(self.process, signal.SIGKILL)
        gone(pids)

    def hup(self, part=""):
        """SIGHUP; the log of it, once it says what came of it and part, or
        has had the time to."""
        before = len(self.read_log())
        self.process.send_signal(signal.SIGHUP)

        def said():
            log = self.read_log()[before:]
            return "reloaded" in log and part in log
        try:
            lib.until(said, "the reload", PROMPT)
        except lib.Failure:
            pass		# the caller sees
        return self.read_log()[before:]

    # --- what it says ---

    def read_log(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def tail(self, n=20):
        return "\n".join(self.read_log().splitlines()[-n:])

    def show_log(self):
        lib.diag("--- log of secd (%s)" % self.tag)
        lib.diag(self.tail(40))

    def wait_log(self, text):
        lib.until(lambda: text in self.read_log(), "'%s' in the log" % text)

    def ctl(self, *args, input=None, quiet=False):
        """secctl with these arguments; a Result."""
        r = self.ns.run([program("secctl"), "-s", self.socket, *args],
            check=False, input=input, quiet=quiet, timeout=20)
        if args[:2] == ("add", "sa") and r.rc == 0:
            settle(self.ns, args[2])
        return r

    def must(self, command, input=None):
        """A secctl command (one string) that has to succeed."""
        r = self.ctl(*command.split(), input=input)
        if r.rc != 0:
            raise lib.Failure("secctl %s: exit %d: %s" % (command, r.rc,
                r.err))
        return r.out

    def json(self, *args):
        r = self.ctl("-j", "show", *args, quiet=True)
        if r.rc != 0:
            raise lib.Failure("secctl -j show: exit %d: %s" % (r.rc, r.err))
        return json.loads(r.out)

    def sas(self, iface=None):
        """SAs by (direction, SPI)."""
        rows = self.json("sa", *([iface] if iface else []))["sas"]
        return {(r["direction"], int(r["spi"], 0)): r for r in rows}

    def sa(self, direction, spi):
        return self.sas()[direction, spi]

    def iface(self, name="sec0"):
        for row in self.json("interfaces", name)["interfaces"]:
            if row["name"] == name:
                return row
        raise lib.Failure("no interface " + name)

    def stray(self):
        """Drops that belong to no interface, by name; not those at zero."""
        return nonzero(self.json("drops")["drops"]["stray"])

    def drops(self, name="sec0"):
        """Drops of an interface by name, those at zero left out."""
        return nonzero(self.iface(name)["drops"])


def nonzero(counters):
    return {k: n for k, n in counters.items() if n}


def alive(pid):
    """Does any thread of it run?  (The first one may be a zombie while another
    still holds the descriptors.)"""
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/stat" % (pid, task)) as f:
                if f.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                    return True
    except OSError:
        pass
    return False


def gone(pids):
    """Wait for the processes of pids (by role) to end."""
    lib.until(lambda: not any(map(alive, pids.values())), "secd's processes "
        "to end")


def device(ns, name="sec0"):
    """What the kernel has of a device: its JSON, or None."""
    r = ns.run("ip -j -d addr show dev " + name, check=False, quiet=True)
    if r.rc != 0:
        return None
    return [d for d in json.loads(r.out) if d][0]


def addresses(ns, name="sec0"):
    """Inner addresses of a device, those the kernel gave it left out."""
    d = device(ns, name)
    return sorted(a["local"] for a in d["addr_info"]
        if a.get("scope") != "link") if d else []


def carrier(ns, name="sec0"):
    d = device(ns, name)
    return d is not None and "LOWER_UP" in d["flags"]


def settle(ns, name):
    """Wait until the kernel has acted on the carrier that secd gave a device:
    it does so in a worker of its own, and drops what comes before that."""
    def agree():
        d = device(ns, name)
        return d is None or ("LOWER_UP" in d["flags"]) == (
            d["operstate"] != "DOWN")
    lib.until(agree, name + " to follow its carrier")


def memory_holds(pid, octets):
    """1 if the octets are anywhere in the writable memory of a process."""
    with open("/proc/%d/maps" % pid) as maps, \
            open("/proc/%d/mem" % pid, "rb", buffering=0) as mem:
        for line in maps:
            where, rights = line.split()[:2]
            if "w" not in rights or line.rstrip().endswith("[vvar]"):
                continue
            start, end = (int(x, 16) for x in where.split("-"))
            if _range_holds(mem, start, end, octets):
                return True
    return False


def _range_holds(mem, start, end, octets):
    step, rest = 1 << 24, b""
    for at in range(start, end, step):
        mem.seek(at)
        try:
            piece = mem.read(min(step, end - at))
        except OSError:		# never touched, or not to be read
            rest = b""
            continue
        if octets in rest + piece:
            return True
        rest = piece[-len(octets) + 1:]
    return False


def key_in_memory(pid, key):
    """1 if a run of 16 octets of the key's halves is in its memory."""
    return any(memory_holds(pid, key[i:i + 16])
        for i in range(0, len(key) - 15, 16))


def sa_words(iface, direction, spi, src, dst, enc, keyfile, extra=""):
    """The words of an SA; for secctl add sa."""
    return "%s %s spi 0x%x src %s dst %s enc %s key file %s %s" % (iface,
        direction, spi, src, dst, enc, keyfile, extra)


class Nonces:
    """Header-only capture of what a secd sends: the nonce of each packet by the
    key it was sealed with.  spi() says which key an SPI stands for."""

    SNAP = 14 + 40 + 16

    def __init__(self, ns, dev="eth0"):
        self.capture = lib.Capture(ns, dev, self.SNAP)
        self.keys = {}		# SPI: key's name
        self.by_key = {}	# key's name: [(number, IV)]
        self.read = 0		# frames looked at

    def spi(self, spi, key):
        """From now on packets of this SPI are sealed with that key."""
        self._parse()
        self.keys[spi] = key

    def _parse(self):
        frames = self.capture.sync()
        while self.read < len(frames):
            frame = frames[self.read]
            self.read += 1
            at = {b"\x08\x00": 34, b"\x86\xdd": 54}.get(frame[12:14])
            if at is None or frame[{34: 23, 54: 20}[at]] != lib.ESP:
                continue
            spi = int.from_bytes(frame[at:at + 4], "big")
            if spi in self.keys:
                self.by_key.setdefault(self.keys[spi], []).append((
                    int.from_bytes(frame[at + 4:at + 8], "big"),
                    frame[at + 8:at + 16]))

    def sent(self, key):
        """(number, IV) of each packet sealed with this key so far."""
        self._parse()
        return self.by_key.get(key, [])

    def highest(self, key):
        return max((n for n, _ in self.sent(key)), default=0)

    def check(self, name, least):
        """No (key, IV) twice, in at least this many packets."""
        self.capture.stop()
        self._parse()
        total = sum(map(len, self.by_key.values()))
        once = sum(len({iv for _, iv in v}) for v in self.by_key.values())
        lib.ok(total >= least, "%s: %d packets captured, at least %d" % (
            name, total, least))
        lib.same(self.capture.lost, 0, name + ": the capture is whole")
        lib.same(total - once, 0, name + ": no (key, IV) twice")


def flood(ns, src, dst, n, port=9):
    """n small datagrams, as fast as this goes, waiting for nobody."""
    s = lib.udp(ns, src)
    try:
        for _ in range(n):
            s.sendto(b"x" * 16, (dst, port))
    finally:
        s.close()
