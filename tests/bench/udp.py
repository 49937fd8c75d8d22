# SPDX-License-Identifier: ISC
"""
UDP through a row: the highest rate at which at most one datagram in a thousand
is lost, found by bisection between the same two rates for every row.

A rate holds if it was really offered, too: the sender shares the processors,
and may leave out one in a hundred for want of time.  After a rate that did not
hold there is a rest, so that no backlog spoils the next trial.
"""
import itertools
import os
import subprocess
import time

import daemon
import lib

FLOOD = os.path.join(daemon.ROOT, "tests/bench/flood")
PORT = 5202
FLOOR, CEILING = 5000, 400000	# datagrams a second
LOSS = 0.001
LATE = 0.01			# that the sender may leave out
STEP = 1.04
_trials = itertools.count(1)


class Receiver:
    def __init__(self, row):
        self.process = row.ns[1].popen([FLOOD, "recv", row.inner[1],
            str(PORT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = lib.Lines(self.process.stdout.fileno())

    def ask(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        answer = self.lines.line()
        if answer is None:
            raise lib.Failure("flood does not answer")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


def trial(row, receiver, size, rate, seconds):
    """(sent, received)"""
    number = next(_trials)
    receiver.ask("count %d" % number)
    r = row.ns[0].run([FLOOD, "send", *row.inner, str(PORT), str(size),
        "%d" % rate, "%g" % seconds, str(number)], quiet=True)
    return int(r.out), int(receiver.ask("stop"))


def measure(row, size, seconds=1.0):
    """{pps, trials, mbps}: pps 0 if not even the lowest rate holds."""
    receiver = Receiver(row)
    low, high, trials = FLOOR, CEILING, 0
    held = 0
    try:
        while high / low > STEP:
            rate = (low * high) ** 0.5
            sent, came = trial(row, receiver, size, rate, seconds)
            trials += 1
            if came >= sent * (1 - LOSS) and \
                    sent >= rate * seconds * (1 - LATE):
                low, held = rate, came / seconds
            else:
                high = rate
                time.sleep(2)
    finally:
        receiver.close()
    return {"pps": held, "trials": trials, "mbps": held * size * 8 / 1e6}
