# SPDX-License-Identifier: ISC
"""
What the kernel says of processes and of the machine: CPU time, memory, and how
much of the machine others took while something was measured.

Others are the processes that are neither kernel threads nor ours; a child's
time goes to its parent when it ends, so that short-lived ones are counted too.
Time stolen by other virtual machines counts as theirs.
"""
import os
import time

TICK = os.sysconf("SC_CLK_TCK")
QUIET = 0.1			# cores that others may take


def _stat(pid):
    """The fields of /proc/PID/stat from the third on, or None."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def cpu(pids):
    """CPU seconds that these processes, all threads, have used."""
    total = 0
    for pid in pids:
        fields = _stat(pid)
        if fields is None:
            raise ProcessLookupError("process %d is gone" % pid)
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def cpu_fine(pids):
    """The same by the scheduler's own count, in nanoseconds; threads that
    ended are not in it."""
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                total += int(f.read().split()[0])
    return total


def rss(pids):
    """Octets of resident memory, summed."""
    total = 0
    for pid in pids:
        with open("/proc/%d/status" % pid) as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1]) * 1024
    return total


def busy():
    """(busy, stolen) seconds of all processors since boot."""
    with open("/proc/stat") as f:
        n = [int(v) for v in f.readline().split()[1:9]]
    return (n[0] + n[1] + n[2] + n[5] + n[6]) / TICK, n[7] / TICK


def _others():
    """CPU seconds of all processes but ours and the kernel's threads."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields is not None:
                found[int(name)] = (int(fields[1]),
                    sum(int(v) for v in fields[11:15]))
    ours = {os.getpid(), 2}		# and 2 is the parent of the threads
    more = True
    while more:
        more = [pid for pid, (parent, _) in found.items()
            if parent in ours and pid not in ours]
        ours.update(more)
    return sum(t for pid, (_, t) in found.items() if pid not in ours) / TICK


class Watch:
    """From here on: what the machine and others did."""

    def __init__(self):
        self.start, self.before = time.monotonic(), _others()
        self.busy, self.stolen = busy()

    def stop(self):
        """{seconds, busy, others}: others in cores."""
        seconds = time.monotonic() - self.start
        now, stolen = busy()
        theirs = _others() - self.before + stolen - self.stolen
        return {"seconds": seconds, "busy": now - self.busy,
            "others": max(0.0, theirs / seconds)}


def await_quiet(limit=QUIET, patience=20.0):
    """Wait for a moment in which others rest, but not for ever."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        w = Watch()
        time.sleep(0.3)
        if w.stop()["others"] <= limit:
            return


def quietly(fn, tries=3, limit=QUIET):
    """fn() at a quiet moment; again if others disturbed it, up to tries times.
    (its result, how much others took in the quietest run, which is kept)."""
    best = None
    for _ in range(tries):
        if tries > 1:
            await_quiet(limit)
        w = Watch()
        result = fn()
        others = w.stop()["others"]
        if best is None or others < best[1]:
            best = result, others
        if others <= limit:
            break
    return best


def describe():
    """{cpu, cores, kernel, memory} of this machine."""
    with open("/proc/cpuinfo") as f:
        model = [line.split(":", 1)[1].strip() for line in f
            if line.startswith("model name")]
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) // (1 << 20)
    u = os.uname()
    return {"cpu": model[0] if model else u.machine, "cores": os.cpu_count(),
        "memory": "%d GiB" % (memory + 1), "kernel": "%s %s" % (u.sysname,
            u.release)}
