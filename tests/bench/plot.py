# SPDX-License-Identifier: ISC
"""
Two bar charts by gnuplot, in one SVG: TCP throughput and CPU seconds per GB.
"""
import os
import subprocess

SCRIPT = """\
set terminal svg size 900,%d font "sans,12" background "white"
set output "%s"
set multiplot layout 1,2
set style fill solid 0.8 border -1
set boxwidth 0.6
set yrange [%g:0.5]
set xrange [0:*]
set grid xtics
set border 3
set tics nomirror
unset key
%s
"""
OURS, OTHERS = "#3465a4", "#888a85"


def _data(name, points):
    """Rows of a chart: value, name, colour."""
    lines = ['%g "%s" %d' % (value, title, int(colour[1:], 16))
        for title, value, colour in points]
    return "$%s << END\n%s\nEND\n" % (name, "\n".join(lines))


def _chart(name, title, margin):
    return "set title \"%s\"\nset lmargin %d\nplot $%s using (0.5 * $1):" \
        "(-$0):(0.5 * $1):(0.35):3:ytic(2) with boxxyerror fillcolor rgb " \
        "variable\n" % (title, margin, name)


def write(path, figures, titles):
    """Both charts to path; figures as in result.json."""
    rows = [(r, f) for r, f in figures.items() if f.get("tcp1") and
        f.get("cpu")]
    if not rows:
        return False

    def points(key):
        return [(titles[r], f[key], OURS if r.startswith(("secd", "null"))
            else OTHERS) for r, f in rows]
    height = 90 + 26 * len(rows)
    script = _data("tcp", points("tcp1")) + _data("cpu", points("cpu"))
    script += SCRIPT % (height, path, 0.5 - len(rows), _chart("tcp",
        "TCP, one stream, Gbit/s", 24) + _chart("cpu",
        "CPU seconds per GB, both ends", 24))
    source = os.path.splitext(path)[0] + ".gp"
    with open(source, "w") as f:
        f.write(script)
    subprocess.run(["gnuplot", source], check=True)
    return True
