# SPDX-License-Identifier: ISC
"""
What came of a run: a table for people and the same as JSON, with the ratios that
matter and whether each bar was reached.
"""
import json
import os

import stats


def brief(data):
    """A sample on one line."""
    return " ".join("%s %s" % (k, "%.3g" % v if isinstance(v, float) else v)
        for k, v in data.items() if isinstance(v, (int, float)))


def _range(store, measure, row, key, form="%.2f"):
    s = stats.spread(store.values(measure, row, key))
    return "-" if s is None else (form + " (" + form + "-" + form + ")") % s


def figures(store, row):
    """The medians of a row, by name."""
    got = {"tcp1": store.median("tcp", row, "gbps"),
        "tcp4": store.median("tcp4", row, "gbps")}
    for key in ("left", "right", "machine"):
        got["cpu_" + key] = store.median("tcp", row, key)
    got["cpu"] = None if got["cpu_left"] is None else \
        got["cpu_left"] + got["cpu_right"]
    return got


def table(store, titles):
    """[[cell]] with the heads first."""
    out = [["", "TCP1 Gb/s", "TCP4 Gb/s", "CPU s/GB l/r/machine"]]
    for row in store.rows():
        f = figures(store, row)
        out.append([titles[row], _range(store, "tcp", row, "gbps"),
            _range(store, "tcp4", row, "gbps"), "-" if f["cpu"] is None else
            "%.2f / %.2f / %.2f" % (f["cpu_left"], f["cpu_right"],
            f["cpu_machine"])])
    return out


def layout(cells):
    widths = [max(len(r[i]) for r in cells) for i in range(len(cells[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip()
        for r in cells)


def write(out, store, about, titles, failed):
    text = layout(table(store, titles)) + "\n"
    for name, why in failed.items():
        text += "FAILED %s: %s\n" % (name, why)
    print(text, end="", flush=True)
    with open(os.path.join(out, "result.txt"), "w") as f:
        f.write(text)
    with open(os.path.join(out, "result.json"), "w") as f:
        json.dump({"about": about, "failed": failed,
            "rows": {r: figures(store, r) for r in store.rows()}}, f,
            indent=1)
