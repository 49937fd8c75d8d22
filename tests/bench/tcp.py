# SPDX-License-Identifier: ISC
"""
TCP through a row by iperf3: the receiver's rate, the CPU time that each end's
daemon and the machine took for it, and the daemon's memory afterwards.
"""
import json
import subprocess

import lib
import machine

PORT = 5201


def listening(pid, port):
    """Does somebody in the process's namespace listen on this TCP port?"""
    with open("/proc/%d/net/tcp" % pid) as f:
        return any(line.split()[1].endswith(":%04X" % port) and
            line.split()[3] == "0A" for line in f.readlines()[1:])


class Stream:
    """iperf3 from left to right; start(), then finish() for its report."""

    def __init__(self, row, seconds, streams=1):
        self.row, self.seconds, self.streams = row, seconds, streams

    def start(self):
        left, right = self.row.ns
        src, dst = self.row.inner
        quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.server = right.popen(["iperf3", "-s", "-1", "-B", dst, "-p",
            str(PORT)], stdout=subprocess.DEVNULL, **quiet)
        lib.until(lambda: listening(self.server.pid, PORT), "iperf3")
        self.client = left.popen(["iperf3", "-c", dst, "-B", src, "-p",
            str(PORT), "-t", str(self.seconds), "-P", str(self.streams),
            "-J"], stdout=subprocess.PIPE, **quiet)
        return self

    def abandon(self):
        """It was only there to be in the way; False if it was not."""
        there = self.client.poll() is None
        for p in (self.client, self.server):
            p.kill()
            p.wait()
        self.client.stdout.close()
        return there

    def finish(self):
        """(bits/s as received, octets received)"""
        try:
            out, _ = self.client.communicate(timeout=self.seconds + 30)
        except subprocess.TimeoutExpired:
            raise lib.Failure("%s: iperf3 does not end" % self.row.name)
        finally:
            for p in (self.client, self.server):
                if p.poll() is None:
                    try:
                        p.wait(3)
                    except subprocess.TimeoutExpired:
                        p.kill()
                        p.wait()
        report = json.loads(out)
        if "error" in report:
            raise lib.Failure("%s: iperf3: %s" % (self.row.name,
                report["error"]))
        got = report["end"]["sum_received"]
        return got["bits_per_second"], got["bytes"]


def measure(row, streams=1, seconds=5):
    """{gbps, left, right, machine, rss}: CPU seconds per GB, octets."""
    pids = [row.pids(i) for i in (0, 1)]
    before = [machine.cpu(p) for p in pids]
    busy = machine.busy()[0]
    bits, octets = Stream(row, seconds, streams).start().finish()
    used = [machine.cpu(p) - b for p, b in zip(pids, before)]
    busy = machine.busy()[0] - busy
    if not octets:
        raise lib.Failure("%s: nothing came through" % row.name)
    gb = octets / 1e9
    return {"gbps": bits / 1e9, "left": used[0] / gb, "right": used[1] / gb,
        "machine": busy / gb, "rss": [machine.rss(p) for p in pids]}
