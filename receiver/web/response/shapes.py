"""The response as JSON and as CSV: see ``http.asked.spec``."""

import csv
import io
from collections.abc import Iterator
from typing import TypedDict

from receiver.store.response.spread import ERROR
from receiver.web.response.figures import (
    GROUPINGS,
    MACHINES,
    PEOPLE,
    Added,
    Figures,
    last_of,
)
from receiver.web.response.verdicts import verdict_of

RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What makes a cell of a table a formula."""


class Spread(TypedDict):
    """How long so many took: half of them, and nine of ten, at most (seconds)."""

    number: int
    p50: float | None
    p90: float | None


class Times(TypedDict):
    """Times to acknowledge and to resolve; ``alone``: by themselves, taken by no person."""

    opened: int
    reopened: int
    escalated: int
    deadlines_met: int
    deadlines_missed: int
    acknowledged_by_people: Spread
    acknowledged_by_machines: Spread
    resolved: Spread
    resolved_by_people: Spread
    resolved_by_machines: Spread
    alone: int


class Group(Times):
    """Of one value; "" where there is none."""

    name: str


class Rule(Group):
    """A rule with what to think of it."""

    verdict: str
    why: str


class Period(Times):
    """Of some days."""

    first: str
    last: str


class Hour(TypedDict):
    """Openings and reopenings; ``weekday`` 0: Monday."""

    weekday: int
    hour: int
    number: int


class Interruptions(TypedDict):
    """How many, of them at night, and of P1 and P2."""

    number: int
    night: int
    urgent: int


class Person(Interruptions):
    """First acknowledgements of somebody."""

    name: str


class Pages(Interruptions):
    """Pages that a notifier was asked for, with whom it was to mention."""

    notifier: str
    mention: str


Response = TypedDict(
    "Response",
    {
        "from": str,
        "to": str,
        "zone": str,
        "relative_error": float,
        "all": Times,
        "priority": list[Group],
        "team": list[Group],
        "service": list[Group],
        "rule": list[Rule],
        "periods": list[Period],
        "hours": list[Hour],
        "at_night": int,
        "people": list[Person],
        "pages": list[Pages],
    },
)
"""Everything; groups with the most incidents first."""


def to_json(found: Added) -> Response:
    """Return everything for programs."""
    asked, load = found.asked, found.load
    return {
        "from": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "zone": asked.zone,
        "relative_error": ERROR,
        "all": times_of(found.all),
        "priority": _groups(found, "priority"),
        "team": _groups(found, "team"),
        "service": _groups(found, "service"),
        "rule": [
            {"name": name, "verdict": verdict.word, "why": verdict.why, **times_of(one)}
            for name, one in ranked(found, "rule")
            for verdict in (verdict_of(one),)
        ],
        "periods": [
            {
                "first": start.isoformat(),
                "last": last_of(start, asked).isoformat(),
                **times_of(one),
            }
            for start, one in found.periods.items()
        ],
        "hours": [
            {"weekday": weekday, "hour": hour, "number": number}
            for (weekday, hour), number in sorted(load.hours.items())
        ],
        "at_night": load.night,
        "people": [
            {"name": name, "number": n["all"], "night": n["night"], "urgent": n["urgent"]}
            for name, n in sorted(load.people.items(), key=lambda one: (-one[1]["all"], one[0]))
        ],
        "pages": [
            {
                "notifier": notifier,
                "mention": mention,
                "number": n["all"],
                "night": n["night"],
                "urgent": n["urgent"],
            }
            for (notifier, mention), n in sorted(
                load.pages.items(), key=lambda one: (-one[1]["all"], one[0])
            )
        ],
    }


def _groups(found: Added, grouping: str) -> list[Group]:
    return [{"name": name, **times_of(one)} for name, one in ranked(found, grouping)]


def ranked(found: Added, grouping: str) -> list[tuple[str, Figures]]:
    """Return the groups: priorities in their order, others with the most incidents first."""
    groups = found.groups[grouping].items()
    if grouping == "priority":
        return sorted(groups)
    return sorted(groups, key=lambda one: (-one[1].counts["opened"], one[0]))


def times_of(figures: Figures) -> Times:
    """Return the times and counts of a group."""
    counts = figures.counts
    return {
        "opened": counts["opened"],
        "reopened": counts["reopened"],
        "escalated": counts["escalation"],
        "deadlines_met": counts["met"],
        "deadlines_missed": counts["missed"],
        "acknowledged_by_people": _spread(figures, "acknowledge", *PEOPLE),
        "acknowledged_by_machines": _spread(figures, "acknowledge", "automatic"),
        "resolved": _spread(figures, "resolve", *PEOPLE, *MACHINES),
        "resolved_by_people": _spread(figures, "resolve", *PEOPLE),
        "resolved_by_machines": _spread(figures, "resolve", *MACHINES),
        "alone": figures.number("resolve", "alone"),
    }


def _spread(figures: Figures, name: str, *by: str) -> Spread:
    return {
        "number": figures.number(name, *by),
        "p50": figures.at(0.5, name, *by),
        "p90": figures.at(0.9, name, *by),
    }


def to_csv(found: Added) -> str:
    """Return the same as a table: a row a group and period, times in seconds."""
    output = io.StringIO()
    table = csv.writer(output)
    table.writerow(["by", "name", *_columns(times_of(found.all))])
    for by, name, one in _rows(found):
        cells = _columns(times_of(one)).values()
        table.writerow([by, _safe(name), *("" if cell is None else cell for cell in cells)])
    return output.getvalue()


def _rows(found: Added) -> Iterator[tuple[str, str, Figures]]:
    yield "all", "", found.all
    for grouping in GROUPINGS:
        for name, one in ranked(found, grouping):
            yield grouping, name, one
    for start, one in found.periods.items():
        yield found.asked.step, start.isoformat(), one


def _columns(times: Times) -> dict[str, float | None]:
    """Return what is told of a group, each under a name of its own."""
    found: dict[str, float | None] = {}
    for name, value in times.items():
        if isinstance(value, dict):
            found |= {
                f"{name}{'' if part == 'number' else f'_{part}_seconds'}": _rounded(number)
                for part, number in value.items()
            }
        elif isinstance(value, int):
            found[name] = value
    return found


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1) if isinstance(number, float) else number


def _safe(text: str) -> str:
    """Return a name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text
