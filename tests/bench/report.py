# SPDX-License-Identifier: ISC
"""
What came of a run: a table for people and the same as JSON, with the ratios
that matter and whether each bar was reached.
"""
import json
import os

import bars
import sections
import stats

CPU = ("left", "right", "machine")
COMPARED = ("tcp", "tcp4", "idle-rtt", "loaded-rtt", "udp64", "udp1372")


def brief(data):
    """A sample on one line."""
    return " ".join("%s %s" % (k, "%.3g" % v if isinstance(v, float) else v)
        for k, v in data.items() if isinstance(v, (int, float)))


def figures(store, row):
    """The medians of a row, by name; None what was not measured."""
    got = {"tcp1": store.median("tcp", row, "gbps"),
        "tcp4": store.median("tcp4", row, "gbps"),
        "udp64": store.median("udp64", row, "pps"),
        "udp1372": store.median("udp1372", row, "pps")}
    for key in CPU:
        got["cpu_" + key] = store.median("tcp", row, key)
    both = [s["data"]["left"] + s["data"]["right"]
        for s in store.of("tcp", row)]
    got["cpu"] = stats.median(both)
    got["rss"] = stats.median([max(s["data"]["rss"])
        for s in store.of("tcp", row)])
    for way in ("idle", "loaded"):
        for key in ("min", "avg", "p99"):
            got["%s_%s" % (way, key)] = store.median(way + "-rtt", row, key)
    got["disturbed"], got["others"] = store.disturbed(row)
    return got


def compared(store):
    """{row: its figures} of the rows that the table is about."""
    return {row: figures(store, row) for row in store.rows()
        if any(s["measure"] in COMPARED for s in store.list
        if s["row"] == row)}


# --- the table ---

def _range(values, form, scale=1.0):
    s = stats.spread(values)
    if s is None:
        return "-"
    return (form + " (" + form + "-" + form + ")") % tuple(v * scale
        for v in s)


def _several(got, keys, form):
    if any(got[k] is None for k in keys):
        return "-"
    return " / ".join(form % got[k] for k in keys)


def _number(value, form="%.2f"):
    return "-" if value is None else form % value


HEADS = ["", "TCP1 Gb/s", "TCP4 Gb/s", "CPU s/GB l / r / machine", "MB",
    "UDP 64 k/s", "UDP 1372 k/s", "idle ms min / avg / p99",
    "loaded ms min / avg / p99", "others"]


def cells(store, row, title, got):
    others = "%.2f" % got["others"]
    if got["disturbed"]:
        others += " *%d" % got["disturbed"]
    return [title, _range(store.values("tcp", row, "gbps"), "%.2f"),
        _range(store.values("tcp4", row, "gbps"), "%.2f"),
        _several(got, ["cpu_" + k for k in CPU], "%.2f"),
        "-" if not got["rss"] else "%.0f" % (got["rss"] / 1e6),
        _range(store.values("udp64", row, "pps"), "%.0f", 1e-3),
        _range(store.values("udp1372", row, "pps"), "%.0f", 1e-3),
        _several(got, ["idle_min", "idle_avg", "idle_p99"], "%.2f"),
        _several(got, ["loaded_min", "loaded_avg", "loaded_p99"], "%.2f"),
        others]


def layout(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip()
        for r in rows)


def ratios(all_figures, titles):
    """TCP1 and CPU of each row against those that matter."""
    rows = [["TCP1 and CPU s/GB, times that of", "libipsec",
        "wireguard-go, Debian 13", "own null"]]
    for row, got in all_figures.items():
        if not got["cpu"]:
            continue
        null = "null-udp" if "udp" in row else "null"
        line = [titles[row]]
        for other in ("libipsec", "wggo13", null):
            base = all_figures.get(other, {})
            if other == null and not row.startswith("secd"):
                base = {}
            line.append("%s  %s" % tuple(_number(stats.ratio(got[k],
                base.get(k))) for k in ("tcp1", "cpu")))
        rows.append(line)
    return rows


def verdicts(found, titles):
    rows = []
    for b in found:
        met = {True: "met", False: "MISSED", None: "not measured"}[b["met"]]
        rows.append([met, titles[b["row"]], bars.NAMES[b["figure"]],
            "%s of %s" % (_number(b["ratio"]), titles.get(b["against"],
            b["against"])), "at %s %g" % (b["at"], b["bar"])])
    return rows


def about_lines(about):
    lines = ["%s UTC, %d cores of %s, %s, %s" % (about["date"],
        about["cores"], about["cpu"], about["memory"], about["kernel"])]
    lines += ["%s: %s" % item for item in about["versions"].items()
        if item[1]]
    lines.append("took %d s" % about["seconds"])
    return lines


def write(out, store, about, titles, failed):
    """The report to standard output, result.txt and result.json."""
    found = compared(store)
    judged = bars.judge(found)
    text = "\n".join(about_lines(about)) + "\n\n"
    if found:
        text += layout([HEADS] + [cells(store, row, titles[row], got)
            for row, got in found.items()]) + "\n"
        text += "others: cores that other programs took in the worst run " \
            "kept; *n: in n runs more than 0.1\n\n"
        text += layout(ratios(found, titles)) + "\n\n"
        text += layout(verdicts(judged, titles)) + "\n\n"
    for head, lines in sections.all_of(store, titles):
        text += head + "\n" + layout(lines) + "\n\n"
    for name, why in failed.items():
        text += "FAILED %s: %s\n" % (name, why)
    print(text, end="", flush=True)
    with open(os.path.join(out, "result.txt"), "w") as f:
        f.write(text)
    with open(os.path.join(out, "result.json"), "w") as f:
        json.dump({"about": about, "failed": failed, "rows": found,
            "titles": titles, "bars": judged, "samples": store.list}, f,
            indent=1)
