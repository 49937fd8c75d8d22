# SPDX-License-Identifier: ISC
"""
Programs of Debian 13 on a Debian that is older: the package and its C library,
fetched by apt (which checks the signatures) with a configuration of its own
into build/bench/trixie, unpacked there, and run by that C library's loader.
Nothing of it is installed.
"""
import glob
import os
import subprocess
import tempfile

import daemon
import lib

TOP = os.path.join(daemon.ROOT, "build/bench/trixie")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LOADER = "/usr/lib64/ld-linux-x86-64.so.2"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


def mirror():
    """The one that this machine's apt knows for Debian."""
    paths = ["/etc/apt/sources.list"]
    paths += glob.glob("/etc/apt/sources.list.d/*")
    for path in paths:
        try:
            with open(path) as f:
                words = f.read().split()
        except OSError:
            continue
        for word in words:
            if "://" in word and word.rstrip("/").endswith("/debian"):
                return word
    return "http://deb.debian.org/debian"


def _fetch(names, folder):
    """Download these packages of Debian 13 into the folder."""
    for d in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(folder, d))
    with open(folder + "/sources.list", "w") as f:
        f.write("deb [signed-by=%s] %s trixie main\n" % (KEYRING, mirror()))
    open(folder + "/status", "w").close()
    options = {"Dir::Etc::sourcelist": folder + "/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": folder + "/lists",
        "Dir::State::status": folder + "/status",
        "Dir::Cache": folder + "/cache", "Acquire::Languages": "none",
        "APT::Sandbox::User": "root"}
    base = ["apt-get", "-q"]
    for name, value in options.items():
        base += ["-o", "%s=%s" % (name, value)]
    for words in (["update"], ["download", *names]):
        p = subprocess.run(base + words, cwd=folder, capture_output=True,
            text=True, check=False)
        if p.returncode != 0:
            raise lib.Failure("Debian 13's packages cannot be had: " +
                p.stderr)


def root(names):
    """Where these packages are unpacked; they are fetched once."""
    done = os.path.join(TOP, "done")
    if os.path.exists(done):
        return TOP
    os.makedirs(TOP, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        _fetch(names, folder)
        found = sorted(glob.glob(folder + "/*.deb"))
        for deb in found:
            lib.host(["dpkg-deb", "-x", deb, TOP])
        versions = [lib.host(["dpkg-deb", "-W", "--showformat",
            "${Package} ${Version}\n", deb]).out for deb in found]
    with open(done, "w") as f:
        f.writelines(versions)
    return TOP


def program(name):
    """The words that run it, the package having the same name."""
    top = root([name, "libc6"])
    path = "%s/usr/bin/%s" % (top, name)
    if not os.path.exists(path):
        raise lib.Failure("Debian 13's %s is not where it should be" % name)
    return [top + LOADER, "--library-path", top + LIBRARIES, path]


def version(name):
    with open(os.path.join(TOP, "done")) as f:
        for line in f:
            if line.split()[0] == name:
                return line.split()[1]
    return ""
