"""The tables of the weekly report, laid out for a terminal or as Markdown."""

import shutil
import textwrap
from collections.abc import Iterator, Sequence

import click

from receiver.cli.checks.weekly.report import Report, highlights
from receiver.cli.checks.weekly.tables import Table, tables
from receiver.text.columns import aligned
from receiver.text.visible import plain

_WIDEST = 100
_INDENT = "  "


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
    sides = "<" * table.words + ">" * (len(table.head) - table.words)
    rows = aligned([table.head, *table.rows], sides, room=_columns() - len(_INDENT))
    return [f"{_INDENT}{line}" for line in (*rows, *([table.note] if table.note else []))]


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
