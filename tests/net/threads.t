#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""
Whole tests once more, with a secd that was built for the thread sanitizer and
with one worker and several: no race, and the same outcome.

A race ends that secd with status 66 and a report in its log, so that the test
it is in fails.
"""
import os
import subprocess
import sys

import daemon
import lib
from lib import diag, ok

SECD = os.path.join(daemon.ROOT, "tests/net/secd_threads")
RUNS = (("basic.t", 1), ("basic.t", 2), ("basic.t", 4), ("natt.t", 2),
    ("drops.t", 4), ("suites.t", 4), ("early.t", 4))


def main():
    program = os.path.join(lib.tmpdir(), "secd")
    lib.host("install -m 755 %s %s" % (SECD, program))
    for test, workers in RUNS:
        env = dict(os.environ, SECD=program, TEST_WORKERS=str(workers))
        r = subprocess.run([sys.executable, os.path.join(lib.HERE, test)],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, text=True)
        if not ok(r.returncode == 0, "%s, %d workers" % (test, workers)):
            diag("\n".join(line for line in r.stdout.split("\n")
                if not line.startswith(("ok", "# a$", "# b$")))[-8000:])


lib.run(main)
