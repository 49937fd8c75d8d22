#!/usr/bin/python3 -B
# SPDX-License-Identifier: ISC
"""
secd beside what else there is, all in one run: `make bench', as root.

Each measure goes round by round, a round being every row once, in an order that
rotates; what is compared was thus measured within the same minutes.  The bare
link, the programs and secd's variants are in rows.py and peers.py, the measures
in files of their own, report.py makes the table.  A row that cannot be had
makes the whole fail; it is never left out silently.

BENCH_ARGS of make go here; --help lists them.  A few minutes' worth:

    BENCH_ARGS="--rows libipsec,wggo13,secd --measures tcp --rounds 3"
"""
import argparse
import atexit
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(os.path.dirname(HERE), "net"))

import growth
import idle
import lib
import machine
import peers
import plot
import report
import rows
import rtt
import samples
import syscalls
import tcp
import udp

ROWS = [rows.Plain, rows.PlainNoOffload, *peers.PEERS, *rows.OURS,
    *rows.NULLS]
GROWTH = growth.TUNNELS + growth.SPREAD


class Measure:
    """fn(row) gives a dict; who says whether a row takes part."""

    def __init__(self, fn, rounds, who):
        self.fn, self.rounds, self.who = fn, rounds, who


def compared(row):
    return type(row) in ROWS


def real(row):
    """It does what it is there for."""
    return compared(row) and not (row.tunnel and row.readable)


def one_plain(row):
    # a datagram is one packet, with offloads and without
    return real(row) and row.name != rows.PlainNoOffload.name


def ours(row):
    return type(row) in rows.OURS


def grown(row):
    return type(row) in growth.TUNNELS


def measures(args):
    """By name, in the order in which they are taken."""
    few = min(args.rounds, 3)

    def tcp1(row):
        return tcp.measure(row, 1, args.seconds)
    return {
        "tcp": Measure(tcp1, args.rounds, compared),
        "tcp4": Measure(lambda r: tcp.measure(r, 4, args.seconds),
            args.rounds, compared),
        "idle-rtt": Measure(rtt.idle, few, real),
        "loaded-rtt": Measure(rtt.loaded, few, real),
        "udp64": Measure(lambda r: udp.measure(r, 64), args.rounds,
            one_plain),
        "udp1372": Measure(lambda r: udp.measure(r, 1372), args.rounds,
            one_plain),
        "syscalls": Measure(syscalls.measure, 1, ours),
        "growth-facts": Measure(growth.facts, 1, lambda r: grown(r) and
            r.others),
        "growth-tcp": Measure(tcp1, few, grown),
        "growth-rx": Measure(growth.receive, few, lambda r: type(r) in
            growth.SPREAD),
        "growth-rates": Measure(growth.rates, 1, lambda r: r.name ==
            growth.TUNNELS[0].name),
    }


IDLE = "idle"			# all rows at once, after the others
NAMES = ["tcp", "tcp4", "idle-rtt", "loaded-rtt", "udp64", "udp1372",
    "syscalls", "growth", IDLE]


def arguments():
    p = argparse.ArgumentParser(description="secd beside what else there is")
    names = [k.name for k in ROWS]
    p.add_argument("--rows", default=",".join(names), help="some of " +
        ",".join(names))
    p.add_argument("--measures", default=",".join(NAMES),
        help="some of " + ",".join(NAMES))
    for name in ("syscalls", "growth", IDLE):
        p.add_argument("--" + name, action="append_const", const=name,
            dest="only", help="--measures " + name)
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
    args.measures = args.only or args.measures.split(",")
    for name in args.measures:
        if name not in NAMES:
            p.error("no measure " + name)
    return args


def wanted(args, name):
    """growth stands for all that begin so."""
    return name in args.measures or name.startswith("growth") and \
        "growth" in args.measures


def say(text):
    print(text, file=sys.stderr, flush=True)


def log_to(path):
    """The commands that lib.py echoes go to a file."""
    log = open(path, "w")

    def diag(text):
        log.write(str(text).rstrip("\n") + "\n")
        log.flush()
    lib.diag = diag


def chosen(args):
    """The kinds of rows that what is wanted needs."""
    found = [k for k in ROWS if k.name in args.rows]
    only = set(args.measures)
    if only <= {"syscalls", "growth", IDLE}:
        found = [k for k in found if k in rows.OURS]
    if only == {"growth"}:
        found = []
    return found + (GROWTH if "growth" in only else [])


def bring_up(args):
    """({name: Row that is up}, {name: why it is not})"""
    up, failed = {}, {}
    for kind in chosen(args):
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
    for name, measure in measures(args).items():
        if not wanted(args, name):
            continue
        for number in range(measure.rounds):
            order = [r for r in up.values() if measure.who(r) and
                r.name not in failed]
            at = number % len(order) if order else 0
            for row in order[at:] + order[:at]:
                if not store.has(name, row.name, number):
                    one(args, store, name, measure, number, row, failed)
    if wanted(args, IDLE):
        take_idle(store, [r for r in up.values() if ours(r) and
            not store.has(IDLE, r.name, 0)], failed)


def take_idle(store, some, failed):
    if not some:
        return
    say("idle        %s: a minute" % ", ".join(r.name for r in some))
    for name, data in idle.measure(some).items():
        store.add(IDLE, name, 0, data, 0, False)
        if not idle.none(data):
            failed[name] = "idle, and yet a process took %.0f ms" % \
                data["most"]


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
    rows.Secd.older = growth.Spread.older = args.older_secd
    if args.secd:
        for kind in rows.OURS + growth.TUNNELS:
            kind.program = args.secd
        rows.Secd.program = args.secd
    started = time.time()
    store = samples.Samples(os.path.join(args.out, "samples.json"),
        args.resume)
    up, failed = bring_up(args)
    take(args, store, up, failed)
    about = machine.describe()
    about["date"] = time.strftime("%Y-%m-%d %H:%M", time.gmtime(started))
    about["seconds"] = round(time.time() - started)
    about["versions"] = {r.name: r.version() for r in up.values()}
    titles = {k.name: k.title for k in ROWS + GROWTH}
    report.write(args.out, store, about, titles, failed)
    plot.write(os.path.join(args.out, "bench.svg"), report.compared(store),
        titles)
    for row in up.values():
        row.down()
    if failed:
        say("bench: failed: " + ", ".join(failed))
        return 1
    return 0


sys.exit(main())
