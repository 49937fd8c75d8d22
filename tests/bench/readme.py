#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""
The result of `make bench' in README.md, between its two marks, and the drawing
in tests/bench/bench.svg beside it.  Refuses one in which a row failed.
"""
import json
import os
import re
import shutil
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
FOUND = os.path.join(TOP, "build/bench")
MARKS = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->\n)", re.S)


def cell(value, form, scale=1.0):
    return "" if value is None else form % (value * scale)


def table(result):
    lines = ["| | TCP, Gbit/s | 4 streams | CPU s/GB, both ends | 64 octets, "
        "thousand/s | loaded ping, ms |", "|---|---|---|---|---|---|"]
    for row, f in result["rows"].items():
        lines.append("| %s |" % " | ".join((result["titles"][row],
            cell(f["tcp1"], "%.2f"), cell(f["tcp4"], "%.2f"),
            cell(f["cpu"] or None, "%.1f"), cell(f["udp64"], "%.0f", 1e-3),
            cell(f["loaded_avg"], "%.1f"))))
    return "\n".join(lines) + "\n"


def main():
    with open(os.path.join(FOUND, "result.json")) as f:
        result = json.load(f)
    if result["failed"]:
        print("readme: %s failed" % ", ".join(result["failed"]),
            file=sys.stderr)
        return 1
    about = result["about"]
    text = "![TCP throughput and CPU time](tests/bench/bench.svg)\n\n" + \
        table(result) + "\n%s, %d cores of %s, both ends on them, Linux " \
        "%s; medians of one interleaved run.\n" % (about["date"].split()[0],
        about["cores"], about["cpu"], about["kernel"].split()[1].split("-")[0])
    path = os.path.join(TOP, "README.md")
    with open(path) as f:
        readme = f.read()
    if not MARKS.search(readme):
        print("readme: README.md has no marks", file=sys.stderr)
        return 1
    with open(path, "w") as f:
        f.write(MARKS.sub(lambda m: m[1] + text + m[2], readme))
    shutil.copyfile(os.path.join(FOUND, "bench.svg"),
        os.path.join(TOP, "tests/bench/bench.svg"))
    return 0


sys.exit(main())
