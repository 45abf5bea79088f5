"""Alerts on what is 20 % above a week's normal, for each golden signal of a system."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from systems.model import Alert

WEEK_MINUTES = 7 * 1440
RAISED_MINUTES = 2000
ABOVE = 1.2
"""20 % above: the monitoring guide of the Config Manager."""
NORMAL = 0.95
"""Of the week's values: the busiest hours of a day are normal."""

_MEANS = {
    "Latency": "Answers take a fifth longer than they did in the busiest hours of the last week.",
    "Traffic": "A fifth more is asked for than in the busiest hours of the last week.",
    "Errors": "A larger share fails than in the worst hours of the last week.",
    "Saturation": "CPU or memory is fuller than in the busiest hours of the last week.",
}
_WHY = {
    "Latency": ["a release that does more", "growing data", "a slower dependency"],
    "Traffic": ["growth", "a new client", "retries of somebody who gets errors"],
    "Errors": ["a release", "a dependency that fails now and then", "a client that sends nonsense"],
    "Saturation": ["growth of traffic", "a leak", "a release that needs more"],
}


class Baseline(msgspec.Struct, forbid_unknown_fields=True):
    """A golden signal: ``of`` is the recorded series, ``floor`` what is never worth a word.

    ``series`` are ``NAME rate NORMAL RAISED`` or ``NAME gauge NORMAL RAISED``, by the minute.
    """

    golden: str
    of: str
    floor: float
    series: list[str]


def baseline_alert(baseline: Baseline, make: "type[Alert]") -> "Alert":
    """Return the alert of a golden signal; nothing fires before there is a week to compare with."""
    of = f"{baseline.of}{{$job}}"
    now = f"max by (job) ({of})"
    normal = f"max by (job) (quantile_over_time({NORMAL}, {of}[7d] offset 1h))"
    expr = (
        f"({now} > {ABOVE} * {normal}) > {baseline.floor}\n"
        f"  and on (job) max by (job) (max_over_time({of}[1d] offset 6d)) >= 0"
    )
    word = baseline.golden.lower()
    return make(
        alert=f"{baseline.golden}AboveBaseline",
        expr=expr,
        span="30m",
        severity="info",
        says=f"{word} {{{{ $value | humanize }}}} is 20 % above a week's normal",
        means=f"{_MEANS[baseline.golden]} Nobody need notice yet; it is a trend to look at.",
        why=_WHY[baseline.golden],
        look=[f"the week: `{of}` and `quantile_over_time({NORMAL}, {of}[7d])`"],
        fix=["find what changed, and when", "put it on the list, or take the new normal"],
        fires=[_values(line, raised=True) for line in baseline.series],
        quiet=[_values(line, raised=False) for line in baseline.series],
        at="7d3h",
        history="7d5m",
    )


def _values(line: str, *, raised: bool) -> str:
    name, kind, normal, more = line.split()
    then = more if raised else normal
    if kind == "gauge":
        return f"{name} {normal}x{WEEK_MINUTES} {then}x{RAISED_MINUTES}"
    total = f"{float(normal) * (WEEK_MINUTES + 1):.3f}".rstrip("0").rstrip(".")
    return f"{name} 0+{normal}x{WEEK_MINUTES} {total}+{then}x{RAISED_MINUTES}"
