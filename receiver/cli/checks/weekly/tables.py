"""A week as tables, for a terminal of 100 columns and for Markdown."""

import shutil
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click
import msgspec

from receiver.cli.checks.weekly.alerts import Rule
from receiver.cli.checks.weekly.capacity import Trend
from receiver.cli.checks.weekly.period import Pair
from receiver.cli.checks.weekly.prometheus import QUANTILES, Figure, SystemWeek
from receiver.cli.checks.weekly.report import Report, highlights
from receiver.cli.checks.weekly.response import Response
from receiver.text.units import size, span
from receiver.text.visible import plain
from routing.escalation import why

RULES_SHOWN = 10
NOTHING = "-"
_WIDEST, _NARROWEST = 100, 8
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
                    str(getattr(one.opened, side)),
                    span(getattr(one.mtta, side)),
                    span(getattr(one.mttr, side)),
                    *(str(getattr(pair, side)) for pair in numbers),
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
        return f"{value:.2f} s" if 1 <= value < 60 else span(value)  # noqa: PLR2004 - a minute
    if unit == "bytes":
        return size(value)
    return f"{value:,.0f}" if unit == "entries" else f"{value:.3g}"


def _one(value: Any, shown: Callable[[Any], str]) -> str:
    return NOTHING if value is None else shown(value)


def simple(report: Report, service: str) -> str:
    """Return the report for a terminal."""
    lines = [_title(report), service, ""]
    lines += [line for text in highlights(report) for line in _wrapped(text, "* ")]
    for table in tables(report):
        lines += ["", click.style(table.title, bold=True), *_aligned(table)]
    for title, texts in _rest(report):
        lines += ["", click.style(title, bold=True)]
        lines += [line for text in texts for line in _wrapped(text, "")]
    return "\n".join(lines)


def _columns() -> int:
    return min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)


def _wrapped(text: str, mark: str) -> list[str]:
    """Return a text in lines of a terminal, the first one with a mark."""
    return textwrap.wrap(
        plain(text),
        _columns(),
        initial_indent=f"  {mark}",
        subsequent_indent=" " * (len(mark) + 4),
        break_on_hyphens=False,
    )


def _aligned(table: Table) -> list[str]:
    rows = [table.head, *(tuple(plain(cell) for cell in row) for row in table.rows)]
    widths = _widths(rows, table.words)
    lines = []
    for row in rows:
        cells = [
            f"{_cut(cell, width):<{width}}" if column < table.words else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return [*lines, f"  {table.note}"] if table.note else lines


def _widths(rows: Sequence[Sequence[str]], words: int) -> list[int]:
    """Return how wide each column is: names give way, figures do not."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    while sum(widths) + 2 * len(widths) > _columns():
        widest = max(range(words), key=lambda column: widths[column])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 2]}.."


def markdown(report: Report, service: str) -> str:
    """Return the report as Markdown, for a wiki or a chat."""
    lines = [f"# {_title(report)}", "", service, ""]
    lines += [f"- {_cell(text)}" for text in highlights(report)]
    for table in tables(report):
        marks = ["---" if column < table.words else "---:" for column in range(len(table.head))]
        lines += ["", f"## {table.title}", "", _row(table.head), _row(marks)]
        lines += [_row(row) for row in table.rows]
        lines += ["", table.note] if table.note else []
    for title, texts in _rest(report):
        lines += ["", f"## {title}", "", *(f"- {_cell(text)}" for text in texts)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Return text that Markdown shows as it is; names of alerts come from outside."""
    shown = plain(text).replace("\\", "\\\\")
    for mark in "|<>[]`*_":
        shown = shown.replace(mark, f"\\{mark}")
    return shown


def _title(report: Report) -> str:
    week = report.week
    days = f"{week.days} days" if week.days > 1 else "1 day"
    return f"Report of {week.first} to {week.last} ({days}, UTC)"


def _rest(report: Report) -> Iterator[tuple[str, list[str]]]:
    if report.failed:
        yield "Not answered", report.failed
    if report.no_data:
        yield "No data", report.no_data
