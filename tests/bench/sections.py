# SPDX-License-Identifier: ISC
"""
The parts of the report that are about secd alone: growth, system calls, and a
minute without traffic.  Each is a head and rows of cells.
"""
import stats


def all_of(store, titles):
    """[(head, rows)] of what was measured."""
    found = [("secd beside more of its own", tunnels(store, titles)),
        ("packets sealed beforehand, 1400 octets, not merged",
            received(store, titles)),
        ("SAs a second, and what one takes", rates(store)),
        ("system calls for a packet sealed or opened, both engines",
            syscalls(store, titles)),
        ("CPU time in a minute without traffic", idle(store, titles))]
    return [(head, rows) for head, rows in found if rows]


def _named(store, measure):
    """Rows that have it, in the order in which the first round took them."""
    return list(dict.fromkeys(s["row"] for s in store.list
        if s["measure"] == measure))


def tunnels(store, titles):
    return [[titles[r], "TCP1 %.2f Gb/s" % store.median("growth-tcp", r,
        "gbps"), "CPU %.2f / %.2f s/GB" % (store.median("growth-tcp", r,
        "left"), store.median("growth-tcp", r, "right"))]
        for r in _named(store, "growth-tcp")]


def received(store, titles):
    rows = []
    for r in _named(store, "growth-rx"):
        ns = store.median("growth-rx", r, "ns")
        one = "rx-1-mb" if r.endswith("-mb") else "rx-1"
        first = store.median("growth-rx", one, "ns") or ns
        rows.append([titles[r], "%.0f ns of CPU a packet (%.0f-%.0f)" %
            stats.spread(store.values("growth-rx", r, "ns")),
            "%.2f times" % (ns / first), "%.0f k/s accepted, %.0f %% of what "
            "came" % (store.median("growth-rx", r, "kpps"), 100 - 100 *
            store.median("growth-rx", r, "lost"))])
    return rows


RATES = [("PF_KEY, pipelined", "pfkey_add", "pfkey_remove"),
    ("the same beside 9,000 SAs", "pfkey_add_many", "pfkey_remove_many"),
    ("secctl -f", "secctl_f_add", "secctl_f_remove"),
    ("secctl, one each", "secctl_add", "secctl_remove")]


def rates(store):
    rows = []
    for row in _named(store, "growth-rates"):
        for title, add, remove in RATES:
            rows.append([title, "%.0f added" % store.median("growth-rates",
                row, add), "%.0f removed" % store.median("growth-rates", row,
                remove)])
    facts = [s["data"] for r in _named(store, "growth-facts")
        for s in store.of("growth-facts", r)]
    if facts:
        rows.append(["memory of an SA", "%.0f octets" % facts[-1]["octets"],
            "resident, all processes"])
    return rows


def syscalls(store, titles):
    rows = []
    for r in _named(store, "syscalls"):
        data = store.of("syscalls", r)[0]["data"]
        most = sorted((k for k in data if k != "all"), key=data.get,
            reverse=True)[:5]
        rows.append([titles[r], "%.3f" % data["all"], ", ".join("%s %.3f" % (
            k, data[k]) for k in most)])
    return rows


def idle(store, titles):
    return [[titles[r], "%.1f ms, all processes" % store.median("idle", r,
        "ms"), "%.1f ms the busiest" % store.median("idle", r, "most")]
        for r in _named(store, "idle")]
