# SPDX-License-Identifier: ISC
"""
The few statistics that the benchmark needs, and nothing of what they are of.
"""
import statistics


def median(values):
    """The median; None if there is nothing."""
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def spread(values):
    """(median, least, greatest), or None if there is nothing."""
    values = [v for v in values if v is not None]
    if not values:
        return None
    return statistics.median(values), min(values), max(values)


def percentile(values, share):
    """The value that this share (0 to 1) of them does not exceed."""
    ordered = sorted(values)
    at = max(0, min(len(ordered) - 1, int(len(ordered) * share + 0.5) - 1))
    return ordered[at]


def ratio(a, b):
    """a / b where both are there."""
    return a / b if a is not None and b else None
