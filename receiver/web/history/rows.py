"""A row of the history: how an incident went, ready to print."""

from typing import Any

from receiver.text.times import rfc3339
from receiver.web.console_view import length, upright
from routing.incident import Incident
from routing.incident_parts import Actor

Found = dict[str, Any]
MINUTES = 16
"""Characters of a time up to its minutes."""


def found_row(incident: Incident) -> Found:
    """Return what the history shows of an incident."""
    opened = incident.episode_opened_at
    taken, over = incident.acknowledged_at, incident.resolved_at
    return {
        "id": incident.id,
        "title": upright(incident.title),
        "priority": incident.priority,
        "state": incident.state,
        "team": upright(incident.team),
        "opened": _moment(opened),
        "ended": _moment(over),
        "took": length(over - opened) if over else "",
        "answered": length(taken - opened) if taken else "",
        "answered_by": _who(incident.acknowledged_by),
        "ended_by": _who(incident.resolved_by),
        "marks": [
            mark
            for mark in (
                f"opened {incident.episode + 1} times" if incident.episode else "",
                f"step {incident.step + 1}" if incident.step > 0 else "",
                "deadline missed" if _has_missed(incident) else "",
                f"merged into {incident.merged_into}" if incident.merged_into else "",
            )
            if mark
        ],
    }


def _moment(at: int) -> dict[str, str]:
    """Return a time (ms) in full, and as people read it."""
    full = rfc3339(at) or ""
    return {"at": full, "words": full[:MINUTES].replace("T", " ")}


def _who(actor: Actor | None) -> str:
    return upright(actor.shown) if actor is not None else ""


def _has_missed(incident: Incident) -> bool:
    return any(end.outcome == "missed" for end in incident.clock_ends)
