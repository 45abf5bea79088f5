"""What the page of the response shows: words, and the incidents that each number is of."""

import re
from typing import Any
from urllib.parse import urlencode

from receiver.store.response.fields import VALUE_MAX
from receiver.web.console_view import length, upright
from receiver.web.response.asked import PARAMETERS, Asked
from receiver.web.response.figures import (
    GROUPINGS,
    MACHINES,
    NIGHT,
    PEOPLE,
    Added,
    Figures,
    last_of,
)
from receiver.web.response.shapes import ranked
from receiver.web.response.verdicts import verdict_of
from routing.alert import PRIORITIES

SPANS = (7, 28, 91, 365)
TOP = 10
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LEVELS = 5
"""Shades of the table of hours."""
Cells = list[dict[str, Any]]
COLUMNS = (
    ("Opened", "opened", "", "opened"),
    ("Reopened", "reopened", "reopened", "ended"),
    ("Acknowledged", "acknowledged", "answered", "acknowledged"),
    ("p50", "", "", ""),
    ("p90", "", "", ""),
    ("Ended by people", "by_people", "by_people", "ended"),
    ("p50", "", "", ""),
    ("p90", "", "", ""),
    ("by themselves", "by_itself", "by_itself", "ended"),
    ("p50", "", "", ""),
    ("p90", "", "", ""),
    ("Met", "met", "met", "opened"),
    ("Missed", "missed", "missed", "opened"),
    ("Escalated", "escalated", "escalated", "opened"),
)
"""Name, figure, and what the history is asked for: outcome, and what its times are about."""


def values(found: Added) -> dict[str, Any]:
    """Return what the template prints."""
    asked = found.asked
    return {
        "asked": {one.name: "" for one in PARAMETERS}
        | {"days": str(asked.days), "step": asked.step, "zone": asked.zone}
        | asked.subject
        | {"end": "" if asked.ends_today else asked.last.isoformat()},
        "first": asked.first.isoformat(),
        "to": asked.last.isoformat(),
        "query": asked.address(""),
        "csv": asked.address("/v1/response") + ("&" if asked.parameters() else "?") + "format=csv",
        "spans": [
            (span, asked.address("/response", days=span), span == asked.days) for span in SPANS
        ],
        "priorities": [("", "any"), *((name, name) for name in PRIORITIES)],
        "some": bool(found.all.counts or found.all.spreads),
        "narrowed": dict(asked.subject),
        "tables": [
            _table(found, grouping) for grouping in GROUPINGS if grouping not in asked.subject
        ],
        "periods": {
            "title": "Day by day" if asked.step == "day" else "Week by week",
            "rows": [
                {
                    "name": start.isoformat(),
                    "address": "",
                    "cells": _cells(
                        one, asked, {}, (start.isoformat(), last_of(start, asked).isoformat())
                    ),
                }
                for start, one in reversed(found.periods.items())
                if one.counts or one.spreads
            ],
        },
        "rules": _rules(found),
        "load": _load(found),
    }


def _periods(found: Added) -> list[dict[str, Any]]:
    """Return the periods in which anything happened, the latest first."""
    rows = []
    for start, one in reversed(found.periods.items()):
        if one.counts or one.spreads:
            days = start.isoformat(), last_of(start, found.asked).isoformat()
            cells = _cells(one, found.asked, {}, days)
            rows.append({"name": days[0], "address": "", "cells": cells})
    return rows


def _table(found: Added, grouping: str) -> dict[str, Any]:
    asked, groups = found.asked, ranked(found, grouping)
    shown = groups if grouping == "priority" else groups[:TOP]
    rows = [
        {
            "name": upright(name) or "none",
            "address": asked.address("/response", subject=asked.subject | {grouping: name})
            if name
            else "",
            "cells": _cells(one, asked, {grouping: name}),
        }
        for name, one in shown
    ]
    if grouping == "priority" and rows:
        rows.append({"name": "all", "address": "", "cells": _cells(found.all, asked, {})})
    return {"name": grouping, "rows": rows, "more": len(groups) - len(shown)}


def _narrowed(asked: Asked, grouping: str, name: str) -> str:
    """Return where the response of one group is shown; "" for those that have no name."""
    return asked.address("/response", subject=asked.subject | {grouping: name}) if name else ""


def _cells(
    figures: Figures, asked: Asked, of: dict[str, str], days: tuple[str, str] | None = None
) -> Cells:
    first, last = days or (asked.first.isoformat(), asked.last.isoformat())
    numbers = {
        "opened": figures.counts["opened"],
        "reopened": figures.counts["reopened"],
        "acknowledged": figures.number("acknowledge", *PEOPLE),
        "by_people": figures.number("resolve", *PEOPLE),
        "by_itself": figures.number("resolve", *MACHINES),
        "met": figures.counts["met"],
        "missed": figures.counts["missed"],
        "escalated": figures.counts["escalation"],
    }
    times = iter(
        (
            *(figures.at(share, "acknowledge", *PEOPLE) for share in (0.5, 0.9)),
            *(figures.at(share, "resolve", *PEOPLE) for share in (0.5, 0.9)),
            *(figures.at(share, "resolve", *MACHINES) for share in (0.5, 0.9)),
        )
    )
    cells: Cells = []
    timed = ""
    for label, name, outcome, time in COLUMNS:
        if not name:
            seconds = next(times)
            cells.append({"label": f"{timed}, {label}", "time": _time(seconds), "number": None})
            continue
        timed = label
        address = history(asked, of, first, last, outcome, time) if numbers[name] else ""
        cells.append({"label": label, "number": numbers[name], "address": address, "name": name})
    return cells


def _time(seconds: float | None) -> str:
    return "" if seconds is None else length(round(seconds) * 1000)


def history(
    asked: Asked, of: dict[str, str], first: str, last: str, outcome: str, time: str
) -> str:
    """Return where the incidents of a number are shown."""
    given: list[tuple[str, str]] = []
    for name, value in {**asked.subject, **of}.items():
        if name in ("priority", "team") and value:
            given.append((name, value))
        elif name != "priority":
            label = {"rule": "alertname"}.get(name, name)
            given.append(("label", f"{label}{_matching(value)}"))
    given += [("outcome", outcome)] if outcome else []
    given += [("since", first), ("until", last)]
    given += [("time", time)] if time != "opened" else []
    return f"/history?{urlencode(given, errors='replace')}"


def _matching(value: str) -> str:
    """Return operator and value of a matcher; of what was cut only the beginning is known."""
    cut = len(value) >= VALUE_MAX
    text = re.escape(value) + ".*" if cut else value
    quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{"=~" if cut else "="}"{quoted}"'


def _rules(found: Added) -> list[dict[str, Any]]:
    """Return the rules that were opened most, and those that ended by themselves most."""
    groups = ranked(found, "rule")
    noisiest = sorted(groups, key=lambda one: (-one[1].number("resolve", "alone"), one[0]))
    busiest = dict([*groups[:TOP], *noisiest[: TOP // 2]])
    asked = found.asked
    first, last = asked.first.isoformat(), asked.last.isoformat()
    rows = []
    for name, one in busiest.items():
        verdict, alone = verdict_of(one), one.number("resolve", "alone")
        rows.append(
            {
                "name": upright(name) or "none",
                "opened": one.counts["opened"],
                "opened_address": history(asked, {"rule": name}, first, last, "", "opened"),
                "alone": alone,
                "alone_address": history(asked, {"rule": name}, first, last, "alone", "ended"),
                "reopened": one.counts["reopened"],
                "word": verdict.word,
                "why": verdict.why,
            }
        )
    return rows


def _load(found: Added) -> dict[str, Any]:
    load, asked = found.load, found.asked
    most = max(load.hours.values(), default=0)
    first, last = asked.first.isoformat(), asked.last.isoformat()
    people = sorted(load.people.items(), key=lambda one: (-one[1]["all"], one[0]))
    pages = sorted(load.pages.items(), key=lambda one: (-one[1]["all"], one[0]))
    kept = {name: value for name, value in asked.subject.items() if name in ("priority", "team")}
    return {
        "known": not {"service", "rule"} & asked.subject.keys(),
        "hours": [
            {
                "hour": f"{hour:02}",
                "cells": [
                    {
                        "day": day,
                        "number": load.hours[weekday, hour],
                        "level": -(-load.hours[weekday, hour] * LEVELS // most) if most else 0,
                    }
                    for weekday, day in enumerate(WEEKDAYS)
                ],
            }
            for hour in range(24)
        ],
        "weekdays": WEEKDAYS,
        "any": most,
        "all": sum(load.hours.values()),
        "night": load.night,
        "night_words": f"{NIGHT[0]}:00 to {NIGHT[1]}:00",
        "people": [
            {
                "name": upright(name),
                "address": "/history?"
                + urlencode(
                    [
                        *kept.items(),
                        ("person", name),
                        ("outcome", "answered"),
                        *(("since", first), ("until", last), ("time", "acknowledged")),
                    ],
                    errors="replace",
                ),
                **n,
            }
            for name, n in people[: 2 * TOP]
        ],
        "more_people": max(0, len(people) - 2 * TOP),
        "pages": [
            {"name": upright(notifier), "mention": upright(mention), **n}
            for (notifier, mention), n in pages[: 2 * TOP]
        ],
        "more_pages": max(0, len(pages) - 2 * TOP),
    }
