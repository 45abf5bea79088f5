"""The trigger event for PagerDuty's Events API v2, inside all of its limits for any incident.

Limits: developer.pagerduty.com, "Send an alert event" (summary 1024, dedup_key 255, event 512 KB).
"""

import json
from typing import Any

from receiver.notify.notifier import View
from receiver.text.times import rfc3339
from routing.alert import Alert
from routing.incident import Incident, describe
from routing.links import named
from routing.runbook import is_link

SUMMARY_MAX = 1024
FIELD_MAX = 255
EVENT_MAX = 512_000
"""Where Alertmanager's own integration stops too, a little below PagerDuty's 512 KB."""
ENVELOPE = 1_000
"""Room for what is added when it is sent: event_action, dedup_key and routing_key."""
ALERTS_SHOWN = 20
SEVERITIES = {"P1": "critical", "P2": "error", "P3": "warning", "P4": "info"}


def cut(text: str, limit: int) -> str:
    """Return text of at most ``limit`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def dedup_key(incident: Incident, seq: int, since: int) -> str:
    """Return the key of a page: the episode's first page, or a further one of the same episode.

    A trigger on an alert that is open only adds a log entry and pages nobody, so that every page
    after the first needs a key of its own.
    """
    key = f"{incident.id}:{incident.episode}"
    return key if seq == since else f"{key}:{seq}"


def is_of(key: str, incident: Incident) -> bool:
    """Return whether a dedup_key is of a page of this incident."""
    name, *numbers = key.split(":")
    plain = all(number.isascii() and number.isdigit() for number in numbers)
    return name == incident.id and plain and len(numbers) in (1, 2)


def episode_of(key: str) -> int:
    """Return the episode a dedup_key was made for."""
    return int(key.split(":")[1])


def trigger_event(view: View) -> dict[str, Any]:
    """Return the properties of a trigger: payload, links, client, client_url."""
    incident = view.incident
    firing = incident.firing() or list(incident.alerts.values())
    lead = firing[0] if firing else None
    event: dict[str, Any] = {
        "payload": {
            "summary": cut(f"[{incident.priority}] {incident.title or incident.id}", SUMMARY_MAX),
            "source": _source(incident, lead),
            "severity": SEVERITIES[incident.priority],
            "timestamp": rfc3339(incident.episode_opened_at or view.now),
            "class": incident.priority,
            "custom_details": _details(incident, firing),
        },
        "links": _links(view, incident, lead),
        "client": "LLM Incident Manager",
    }
    component = lead.labels.get("service") or lead.labels.get("job") if lead else ""
    if component:
        event["payload"]["component"] = cut(component, FIELD_MAX)
    group = incident.group.labels.get("alertname") or incident.group.cluster
    if group:
        event["payload"]["group"] = cut(group, FIELD_MAX)
    if is_link(view.url):
        event["client_url"] = view.url
    return _bounded(event)


def _source(incident: Incident, lead: Alert | None) -> str:
    labels = lead.labels if lead else {}
    names = (labels.get(name, "").strip() for name in ("instance", "service", "job"))
    found = next((name for name in names if name), "")
    return cut(found or incident.group.cluster.strip() or "alertmanager", FIELD_MAX)


def _details(incident: Incident, firing: list[Alert]) -> dict[str, Any]:
    return {
        "priority": incident.priority,
        "priority_reason": incident.priority_reason,
        "incident": incident.id,
        "opened_at": rfc3339(incident.opened_at),
        "runbook": incident.runbook_url or "none",
        "group": dict(incident.group.labels),
        "firing": [
            {"alert": cut(describe(alert), SUMMARY_MAX), "labels": dict(alert.labels)}
            for alert in firing[:ALERTS_SHOWN]
        ],
        "firing_count": len(firing),
    }


def _links(view: View, incident: Incident, lead: Alert | None) -> list[dict[str, str]]:
    candidates = [
        (incident.runbook_url, "Runbook"),
        (view.url, "Incident"),
        (lead.generator_url if lead else "", "Source"),
    ]
    return [
        {"href": url, "text": named(text, url, view.url)}
        for url, text in candidates
        if is_link(url)
    ]


def _bounded(event: dict[str, Any]) -> dict[str, Any]:
    """Shed details, the bulkiest first, until the event is accepted."""
    details = event["payload"]["custom_details"]
    for part in ("firing", "group"):
        if _fits(event):
            return event
        details[part] = "left out: the event would be larger than PagerDuty accepts"
    if not _fits(event):
        kept = ("priority", "incident", "opened_at")
        event["payload"]["custom_details"] = {name: details[name] for name in kept}
    return event


def _fits(event: dict[str, Any]) -> bool:
    """Measure as requests sends it: beyond ASCII one character takes six bytes or twelve."""
    return len(json.dumps(event)) <= EVENT_MAX - ENVELOPE
