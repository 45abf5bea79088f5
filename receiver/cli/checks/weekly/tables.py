"""A week as tables, for a terminal of 100 columns and for Markdown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from receiver.cli.checks.weekly.alerts import Rule
from receiver.cli.checks.weekly.capacity import Trend
from receiver.cli.checks.weekly.period import Pair
from receiver.cli.checks.weekly.prometheus import QUANTILES, Figure, SystemWeek
from receiver.cli.checks.weekly.report import Report
from receiver.cli.checks.weekly.response import Response
from receiver.text.units import size, span
from routing.escalation import why

RULES_SHOWN = 10
NOTHING = "-"
MINUTE_S = 60
_LEFT = 1
"""Columns of words; those of figures are set to the right."""


class Table(msgspec.Struct, frozen=True):
    """``words`` is how many columns are words; ``note`` stands below."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: int = _LEFT
    note: str = ""


def tables(report: Report) -> Iterator[Table]:
    """Yield the tables of a report, leaving out those that nobody has data for."""
    if report.response is not None:
        yield _response(report.response)
        if report.response.escalations:
            yield _escalations(report.response)
    if report.rules:
        yield _rules(report.rules)
    if report.systems:
        yield _availability(report.systems)
        for system in report.systems:
            yield from _figures(system)
    if report.trends:
        yield _capacity(report.trends, report.week.days)


def _response(response: Response) -> Table:
    head = ("", "opened", "MTTA", "MTTR", "met", "missed", "escalated", "undelivered")
    rows = []
    for one in response.priorities:
        numbers = (one.met, one.missed, one.escalated, one.undeliverable)
        for name, side in ((one.priority, "this"), ("  before", "before")):
            rows.append(
                (
                    name,
                    _one(getattr(one.opened, side), str),
                    span(getattr(one.mtta, side)),
                    span(getattr(one.mttr, side)),
                    *(_one(getattr(pair, side), str) for pair in numbers),
                )
            )
    return Table("Incidents, and in the week before", head, rows)


def _escalations(response: Response) -> Table:
    rows = [
        (f"step {row['step']}", why(row["reason"]), str(row["number"]))
        for row in response.escalations[:RULES_SHOWN]
    ]
    return Table("Escalations", ("to", "because", "number"), rows, words=2)


def _rules(rules: Sequence[Rule]) -> Table:
    head = ("alert", "system", "severity", "fired", "before", "for", "incidents", "taken")
    rows = [
        (
            rule.alertname,
            rule.system or NOTHING,
            rule.severity or NOTHING,
            _one(rule.fired.this, str),
            _one(rule.fired.before, str),
            _one(rule.firing_seconds, span),
            _one(rule.incidents, str),
            _one(rule.taken, str),
        )
        for rule in rules[:RULES_SHOWN]
    ]
    left = len(rules) - len(rows)
    return Table("Noisiest alerts", head, rows, 3, f"and {left} more (-o json)" if left > 0 else "")


def _availability(systems: Sequence[SystemWeek]) -> Table:
    rows = [
        (
            one.system,
            *_three(one.availability, "ratio"),
            _one(one.covered.this, lambda share: f"{share:.0%}"),
        )
        for one in systems
    ]
    head = ("system", "up", "before", "change", "data of these days")
    return Table("Availability", head, rows)


def _figures(system: SystemWeek) -> Iterator[Table]:
    """Yield the shares and rates of a system, then its latencies with a column a quantile."""
    plain_ones = [one for one in system.figures if one.unit != "seconds"]
    if plain_ones:
        rows: list[tuple[str, ...]] = [
            (one.name, one.of, *_three(one.value, one.unit), _source([one])) for one in plain_ones
        ]
        head = ("", "", "this week", "before", "change", "")
        yield Table(system.system, head, rows, words=2)
    latencies: dict[tuple[str, str], dict[str, Figure]] = {}
    for one in system.figures:
        if one.unit == "seconds":
            name, _, quantile = one.name.rpartition(" ")
            latencies.setdefault((name, one.of), {})[quantile] = one
    if latencies:
        rows = [(name, of, *_quantiles(found)) for (name, of), found in latencies.items()]
        columns = [text for one in QUANTILES for text in (one, "before")]
        yield Table(f"{system.system}, latency", ("", "", *columns, ""), rows, words=2)


def _quantiles(found: dict[str, Figure]) -> tuple[str, ...]:
    pairs = [found[one].value if one in found else Pair() for one in QUANTILES]
    cells = [measured(value, "seconds") for pair in pairs for value in (pair.this, pair.before)]
    return (*cells, _source(found.values()))


def _source(figures: Iterable[Figure]) -> str:
    return "recorded" if any(one.source == "recorded" for one in figures) else ""


def _capacity(trends: Sequence[Trend], days: int) -> Table:
    head = ("system", "", "now", "before", "peak", f"in {days} days", "full in")
    rows = []
    for one in trends:
        values = (one.now.this, one.now.before, one.peak, one.predicted)
        full = f"{int(one.full_in_days)} days" if one.full_in_days is not None else NOTHING
        rows.append((one.system, one.name, *(measured(value, one.unit) for value in values), full))
    return Table("Capacity, the last day's mean and a line through the week", head, rows, words=2)


def _three(pair: Pair, unit: str) -> tuple[str, str, str]:
    """Return this week's figure, the one before, and the change in points or per cent."""
    change = NOTHING
    if pair.this is not None and pair.before is not None:
        if unit == "ratio":
            change = f"{(pair.this - pair.before) * 100:+.2f}"
        elif pair.before:
            change = f"{pair.this / pair.before - 1:+.0%}"
    # Too small to be shown, it has no direction.
    change = {"-0.00": "+0.00", "-0%": "+0%"}.get(change, change)
    return measured(pair.this, unit), measured(pair.before, unit), change


def measured(value: float | None, unit: str) -> str:
    """Return a figure with its unit, - for none."""
    if value is None:
        return NOTHING
    if unit == "ratio":
        return f"{value:.2%}"
    if unit == "seconds":
        # As it is shown: 59.999 would be 60.00 s.
        return f"{value:.2f} s" if value >= 1 and round(value, 2) < MINUTE_S else span(value)
    if unit == "bytes":
        return size(value)
    return f"{value:,.0f}" if unit == "entries" else f"{value:.3g}"


def _one(value: Any, shown: Callable[[Any], str]) -> str:
    return NOTHING if value is None else shown(value)
