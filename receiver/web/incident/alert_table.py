"""The alerts of an incident as a table of what differs between them.

What all have in common is said once; a column is a label that tells them apart.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from receiver.text.times import rfc3339
from receiver.web.console_view import upright
from routing.alert import Alert
from routing.incident import Incident
from routing.runbook import is_link

PAGE = 50
COLUMNS = 4
"""Labels that have a column; the others that differ are in a row's details."""
SAYS = ("summary", "description", "message", "title", "value")
"""Annotations that say what an alert is about, the best first."""
TEXT_MAX, CELL_MAX = 240, 80
"""Characters of what an alert says, and of a label, in a row; all of it is in its details."""
_DIGITS, _WIDE = re.compile(r"[0-9]{1,18}"), 18


def alert_table(incident: Incident, page: int) -> dict[str, Any]:
    """Return a page (from 1) of the alerts that are kept with their labels, most urgent first."""
    shown = incident.complete_alerts()
    labels, differing = _parted([alert.labels for alert in shown])
    notes, _ = _parted([alert.annotations for alert in shown])
    columns = differing[:COLUMNS]
    ranked = sorted(shown, key=lambda alert: _rank(incident, alert, columns[:2]))
    pages = max(1, -(-len(ranked) // PAGE))
    number = min(max(1, page), pages)
    here = ranked[(number - 1) * PAGE : number * PAGE]
    rows = [_row(incident, alert, columns, differing, notes) for alert in here]
    return {
        "total": len(shown),
        "summarized": len(incident.alerts) - len(shown),
        "firing": len(incident.watched()),
        "page": number,
        "pages": pages,
        "first": (number - 1) * PAGE + 1 if shown else 0,
        "last": (number - 1) * PAGE + len(rows),
        "labels": _pairs(labels),
        "notes": _pairs(notes),
        "columns": [upright(name) for name in columns],
        "rows": rows,
        "says": any(row["says"] for row in rows),
        "more": any(row["more"] or row["source"] for row in rows),
    }


def said_of(alert: Alert, but: Mapping[str, str] = {}) -> tuple[str, str]:
    """Return (annotation, text) that says what an alert is about; none of ``but``, ("", "")."""
    notes = alert.annotations
    name = next((name for name in SAYS if notes.get(name) and name not in but), "")
    return name, notes.get(name, "")


def _parted(rows: Sequence[Mapping[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Return what is the same in all rows, and the names of what differs, the most telling first.

    A name tells the more the more values it has; that of the alert always comes first.
    """
    pairs = Counter(pair for row in rows for pair in row.items())
    same = {name: value for (name, value), number in pairs.items() if number == len(rows)}
    values = Counter(name for name, _ in pairs)
    names = values.keys() - same.keys()
    ranked = sorted(names, key=lambda name: (name != "alertname", -values[name], name))
    return same, ranked


def _rank(incident: Incident, alert: Alert, by: Iterable[str]) -> tuple[Any, ...]:
    quiet = not incident.fires(alert.fingerprint) or alert.fingerprint in incident.vanished
    names = tuple(_natural(alert.labels.get(name, "")) for name in by)
    return (alert.resolved, quiet, alert.priority, names, alert.starts_at, alert.fingerprint)


def _natural(text: str) -> str:
    """Return what sorts db-2 before db-10."""
    return _DIGITS.sub(lambda found: found[0].zfill(_WIDE), text[:TEXT_MAX])


def _row(
    incident: Incident,
    alert: Alert,
    columns: Sequence[str],
    differing: Sequence[str],
    common: Mapping[str, str],
) -> dict[str, Any]:
    name, says = said_of(alert, common)
    rest = {
        label: text
        for label in differing
        if (text := alert.labels.get(label, "")) and (label not in columns or len(text) > CELL_MAX)
    }
    notes = {
        note: text
        for note, text in alert.annotations.items()
        if note not in common and (note != name or len(text) > TEXT_MAX)
    }
    return {
        "fingerprint": alert.fingerprint,
        "status": "resolved" if alert.resolved else "firing",
        "quiet": incident.suppressed.get(alert.fingerprint) == alert.starts_at,
        "vanished": incident.vanished.get(alert.fingerprint, ""),
        "priority": alert.priority if alert.priority != incident.priority else "",
        "since": rfc3339(alert.starts_at) or "",
        "ended": rfc3339(alert.ends_at) or "" if alert.resolved else "",
        "cells": [upright(_cut(alert.labels.get(column, ""), CELL_MAX)) for column in columns],
        "says": upright(_cut(says, TEXT_MAX)),
        "more": _pairs(rest) + _pairs(notes),
        "source": alert.generator_url if is_link(alert.generator_url) else "",
    }


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _pairs(found: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(upright(name), upright(text)) for name, text in sorted(found.items())]
