# SPDX-License-Identifier: ISC
"""
What secd does when there is nothing to do: CPU time of its processes in a
minute without traffic.  Each of them has to stay below one tick of the clock
that /proc/PID/stat counts in, where it then shows none; the scheduler's count
says how far below.
"""
import time

import machine

REST = 5.0			# for what the traffic before has left behind


def measure(some, seconds=60):
    """{row: {ms, most}} of rows that are up, all in the same minute: CPU
    milliseconds of all its processes, and of the one that took most."""
    time.sleep(REST)
    before = _each(some)
    time.sleep(seconds)
    after, found = _each(some), {}
    for name, pids in before.items():
        took = [(after[name][p] - ns) / 1e6 for p, ns in pids.items()]
        found[name] = {"ms": sum(took), "most": max(took)}
    return found


def none(data):
    """Would /proc/PID/stat show nothing?"""
    return data["most"] < 1000 / machine.TICK


def _each(some):
    return {r.name: {p: machine.cpu_fine([p]) for p in r.both()}
        for r in some}
