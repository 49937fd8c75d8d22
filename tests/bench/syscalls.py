# SPDX-License-Identifier: ISC
"""
System calls of secd's engines for each packet that they sealed or opened,
while one TCP stream goes through; counted by perf(1), which wants tracefs: it
gets one in a mount namespace of its own.
"""
import signal
import subprocess
import time

import lib
import tcp

CALLS = ("sendmmsg", "sendmsg", "sendto", "recvmmsg", "recvmsg", "recvfrom",
    "read", "readv", "write", "writev", "epoll_wait", "poll", "futex")


def _packets(row):
    total = 0
    for d in row.secd:
        counters = d.iface()
        total += counters["in"]["packets"] + counters["out"]["packets"]
    return total


def measure(row, seconds=3):
    """{all, and each call that there was: how often for a packet}"""
    lib.need("perf")
    engines = ",".join(str(d.pids()["engine"]) for d in row.secd)
    events = "raw_syscalls:sys_enter," + ",".join("syscalls:sys_enter_" + c
        for c in CALLS)
    p = subprocess.Popen(["unshare", "-m", "sh", "-c", "mount -t tracefs "
        "tracefs /sys/kernel/tracing && exec perf stat -x, -e %s -p %s" %
        (events, engines)], stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, preexec_fn=lib._child(None))
    lib.defer(lib._reap, p)
    time.sleep(0.5)
    before = _packets(row)
    tcp.Stream(row, seconds).start().finish()
    packets = _packets(row) - before
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=10)
    counts = {}
    for line in err.splitlines():
        words = line.split(",")
        if len(words) > 2 and words[0].isdigit():
            counts[words[2].split("sys_enter")[-1].lstrip("_")] = \
                int(words[0])
    if not counts.get(""):
        raise lib.Failure("perf counted nothing: " + err[:500])
    got = {"all": counts.pop("") / packets}
    got.update({k: n / packets for k, n in counts.items() if n})
    return got
