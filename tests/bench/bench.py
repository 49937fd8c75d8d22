#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""
secd beside what else there is, all in one run: `make bench', as root.

Each measure goes round by round, a round being every row once, in an order that
rotates; what is compared was thus measured within the same minutes.  The bare
link, the programs and secd's variants are in rows.py and peers.py, the measures
in files of their own, report.py makes the table.  A row that cannot be had
makes the whole fail; it is never left out silently.

BENCH_ARGS of make go here; --help lists them.
"""
import argparse
import atexit
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(HERE), "net"))

import lib			# noqa: E402, it is in the other directory
import machine
import peers
import plot
import report
import rows
import rtt
import samples
import tcp
import udp

ROWS = [rows.Plain, rows.PlainNoOffload, *peers.PEERS, *rows.OURS,
    *rows.NULLS]


class Measure:
    """fn(row) gives a dict; who says whether a row takes part."""

    def __init__(self, fn, rounds, who=lambda row: True):
        self.fn, self.rounds, self.who = fn, rounds, who


def measures(args):
    """By name, in the order in which they are taken."""
    def real(row):
        return not (row.tunnel and row.readable)

    def one_plain(row):
        # a datagram is one packet either way
        return real(row) and row.name != rows.PlainNoOffload.name
    few = min(args.rounds, 3)
    return {
        "tcp": Measure(lambda r: tcp.measure(r, 1, args.seconds),
            args.rounds),
        "tcp4": Measure(lambda r: tcp.measure(r, 4, args.seconds),
            args.rounds),
        "idle-rtt": Measure(rtt.idle, few, real),
        "loaded-rtt": Measure(rtt.loaded, few, real),
        "udp64": Measure(lambda r: udp.measure(r, 64), args.rounds,
            one_plain),
        "udp1372": Measure(lambda r: udp.measure(r, 1372), args.rounds,
            one_plain),
    }


def arguments():
    p = argparse.ArgumentParser(description="secd beside what else there is")
    names = [k.name for k in ROWS]
    p.add_argument("--rows", default=",".join(names), help="some of " +
        ",".join(names))
    p.add_argument("--measures", help="some of tcp,tcp4,idle-rtt,"
        "loaded-rtt,udp64,udp1372")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=5, help="of a TCP run")
    p.add_argument("--resume", action="store_true",
        help="go on with a run that was broken off")
    p.add_argument("--any-time", action="store_true",
        help="do not wait for a quiet machine, and never repeat")
    p.add_argument("--secd", help="another secd than that of this tree")
    p.add_argument("--older-secd", action="store_true",
        help="that secd does not know `crypto backend'")
    p.add_argument("--out", help="directory of the results (build/bench)",
        default=os.path.join(os.path.dirname(os.path.dirname(HERE)),
        "build/bench"))
    args = p.parse_args()
    args.rows = args.rows.split(",")
    for name in args.rows:
        if name not in names:
            p.error("no row " + name)
    known = list(measures(args))
    args.measures = args.measures.split(",") if args.measures else known
    for name in args.measures:
        if name not in known:
            p.error("no measure " + name)
    return args


def say(text):
    print(text, file=sys.stderr, flush=True)


def log_to(path):
    """The commands that lib.py echoes go to a file."""
    log = open(path, "w")

    def diag(text):
        log.write(str(text).rstrip("\n") + "\n")
        log.flush()
    lib.diag = diag


def bring_up(args):
    """({name: Row that is up}, {name: why it is not})"""
    up, failed = {}, {}
    for kind in ROWS:
        if kind.name not in args.rows:
            continue
        row = kind()
        try:
            row.up()
            up[kind.name] = row
            say("%-16s up: %s" % (row.name, row.version() or row.title))
        except Exception as e:		# whatever it is, the row is not there
            failed[kind.name] = str(e) or type(e).__name__
            say("%-16s FAILED: %s" % (row.name, failed[kind.name]))
    return up, failed


def take(args, store, up, failed):
    for name in args.measures:
        measure = measures(args)[name]
        for number in range(measure.rounds):
            order = [r for r in up.values() if measure.who(r) and
                r.name not in failed]
            at = number % len(order) if order else 0
            for row in order[at:] + order[:at]:
                if not store.has(name, row.name, number):
                    one(args, store, name, measure, number, row, failed)


def one(args, store, name, measure, number, row, failed):
    try:
        data, others = machine.quietly(lambda: measure.fn(row),
            1 if args.any_time else 3)
    except Exception as e:		# the others go on
        failed[row.name] = "%s: %s" % (name, str(e) or type(e).__name__)
        say("%-16s FAILED: %s" % (row.name, failed[row.name]))
        return
    store.add(name, row.name, number, data, others, others > machine.QUIET)
    say("%-8s %d  %-16s %s%s" % (name, number + 1, row.name,
        report.brief(data), "  (others %.2f)" % others
        if others > machine.QUIET else ""))


def main():
    args = arguments()
    if os.geteuid() != 0:
        say("bench: network namespaces need root")
        return 1
    os.makedirs(args.out, exist_ok=True)
    log_to(os.path.join(args.out, "log"))
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lib._signalled)
    atexit.register(lib._clean)
    rows.Secd.older = args.older_secd
    if args.secd:
        for kind in rows.OURS:
            kind.program = args.secd
    started = time.time()
    store = samples.Samples(os.path.join(args.out, "samples.json"),
        args.resume)
    up, failed = bring_up(args)
    take(args, store, up, failed)
    about = machine.describe()
    about["date"] = time.strftime("%Y-%m-%d %H:%M", time.gmtime(started))
    about["seconds"] = round(time.time() - started)
    about["versions"] = {r.name: r.version() for r in up.values()}
    titles = {k.name: k.title for k in ROWS}
    report.write(args.out, store, about, titles, failed)
    plot.write(os.path.join(args.out, "bench.svg"), {r: report.figures(store,
        r) for r in store.rows()}, titles)
    for row in up.values():
        row.down()
    if failed:
        say("bench: failed: " + ", ".join(failed))
        return 1
    return 0


sys.exit(main())
