"""Incidents and drafts of them, for tests of one rule alone."""

from typing import Any

from routing.alert import Alert
from routing.decision import Draft
from routing.incident import SCHEMA, Incident
from tests.support.builders import GROUP, KEY, NOW


def by_key(*alerts: Alert) -> dict[str, Alert]:
    """Alerts as an incident keeps them."""
    return {alert.fingerprint: alert for alert in alerts}


def incident(*alerts: Alert, **more: Any) -> Incident:
    """An open P1 with these alerts."""
    fields: dict[str, Any] = {
        "id": f"{KEY}-1",
        "group": GROUP,
        "state": "triggered",
        "schema": SCHEMA,
        "version": 1,
        "priority": "P1",
        "priority_reason": "severity critical",
        "title": "HighErrorRate",
        "alerts": by_key(*alerts),
        "opened_at": NOW,
        "episode_opened_at": NOW,
    }
    return Incident(**(fields | more))


def draft(*alerts: Alert, now: int = NOW, **more: Any) -> Draft:
    """A decision about such an incident."""
    found = incident(*alerts, **more)
    return Draft(found, found, now)


def said(made: Draft) -> list[tuple[str, str]]:
    """Kind and text of what a draft tells."""
    return [(str(entry.kind), entry.text) for entry in made.timeline]


def observed(made: Draft) -> list[tuple[str, float, dict[str, str]]]:
    """What a draft observes."""
    return [(one.name, one.value, one.labels) for one in made.observations]
