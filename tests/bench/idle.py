# SPDX-License-Identifier: ISC
"""
What secd does when there is nothing to do: CPU seconds in a minute without
traffic, of all its processes, which have to be none.
"""
import time

import machine


def measure(some, seconds=60):
    """{row: CPU seconds} of rows that are up, all in the same minute."""
    time.sleep(1)
    before = {r.name: machine.cpu(r.both()) for r in some}
    time.sleep(seconds)
    return {r.name: machine.cpu(r.both()) - before[r.name] for r in some}
