# SPDX-License-Identifier: ISC
"""
Every single measurement as it was taken, on disk at once, so that a run that
was broken off can go on (--resume) and a report can be made again.
"""
import json
import os

import stats


class Samples:
    """Those of a run; each is a dict with measure, row, round, data, others."""

    def __init__(self, path, resume=False):
        self.path, self.list = path, []
        if resume and os.path.exists(path):
            with open(path) as f:
                self.list = json.load(f)

    def has(self, measure, row, number):
        return any((s["measure"], s["row"], s["round"]) == (measure, row,
            number) for s in self.list)

    def add(self, measure, row, number, data, others, disturbed):
        self.list.append({"measure": measure, "row": row, "round": number,
            "data": data, "others": others, "disturbed": disturbed})
        with open(self.path + ".new", "w") as f:
            json.dump(self.list, f, indent=1)
        os.rename(self.path + ".new", self.path)

    def of(self, measure, row):
        return [s for s in self.list if s["measure"] == measure and
            s["row"] == row]

    def values(self, measure, row, key):
        """One figure of each sample."""
        return [s["data"].get(key) for s in self.of(measure, row)]

    def median(self, measure, row, key):
        return stats.median(self.values(measure, row, key))

    def rows(self):
        return list(dict.fromkeys(s["row"] for s in self.list))

    def measures(self):
        return list(dict.fromkeys(s["measure"] for s in self.list))

    def disturbed(self, row):
        """(runs that others disturbed, the most that they took)"""
        mine = [s for s in self.list if s["row"] == row]
        return (sum(1 for s in mine if s["disturbed"]),
            max((s["others"] for s in mine), default=0))
