# SPDX-License-Identifier: ISC
"""
What secd wants to reach, as ratios between medians of one run: (what, row,
figure, against, at least or at most).  against is a row, or the best of the
programs that a user would take instead.
"""
import stats

PEERS = ("libipsec", "wggo12", "wggo13")
LEAST, MOST = 1, -1

BARS = [
    ("secd", "tcp1", "libipsec", LEAST, 4),
    ("secd", "tcp1", "wggo13", LEAST, 0.8),
    ("secd", "cpu", "libipsec", MOST, 0.22),
    ("secd-packet-mb", "tcp1", "libipsec", LEAST, 7),
    ("secd-packet-mb", "tcp1", "wggo13", LEAST, 1.4),
    ("secd-packet-mb", "cpu", "libipsec", MOST, 0.14),
    ("secd-packet-mb", "cpu", "wggo13", MOST, 0.7),
    ("secd-udp", "tcp1", "wggo13", LEAST, 2.3),
    ("secd-udp", "cpu", "wggo13", MOST, 0.42),
    ("secd-udp-mb", "tcp1", "wggo13", LEAST, 3.4),
    ("secd-udp-mb", "cpu", "wggo13", MOST, 0.22),
    ("secd", "tcp1", "null", LEAST, 0.9),
    ("secd-udp-mb", "tcp1", "null-udp", LEAST, 0.85),
    ("secd", "udp64", "best peer", LEAST, 1.5),
    ("secd-udp-mb", "udp64", "best peer", LEAST, 1.5),
    ("secd", "loaded_avg", "best peer", MOST, 0.5),
    ("secd-udp-mb", "loaded_avg", "best peer", MOST, 0.5),
]

NAMES = {"tcp1": "TCP, one stream", "cpu": "CPU s/GB, both daemons",
    "udp64": "UDP 64, loss-free", "loaded_avg": "round trip under load"}


def judge(figures):
    """figures is {row: {figure: median}}; a dict for each bar, met None where
    what it needs was not measured."""
    found = []
    for row, figure, against, way, bar in BARS:
        mine = figures.get(row, {}).get(figure)
        if against == "best peer":
            theirs = [figures[p][figure] for p in PEERS if p in figures and
                figures[p].get(figure) is not None]
            other = (max if way == LEAST else min)(theirs, default=None)
        else:
            other = figures.get(against, {}).get(figure)
        got = stats.ratio(mine, other)
        found.append({"row": row, "figure": figure, "against": against,
            "at": "least" if way == LEAST else "most", "bar": bar,
            "ratio": got, "met": None if got is None else
            got * way >= bar * way})
    return found
