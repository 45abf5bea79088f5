"""What the console's templates show of an incident: words and times, ready to print."""

import re
from typing import Any
from urllib.parse import quote

from receiver.conditions import Condition
from receiver.text.times import rfc3339
from routing.duration import format_duration
from routing.incident import Incident
from routing.incident_parts import Deadline, Silence
from routing.runbook import is_link

_INCIDENT = re.compile(r"\b[0-9]+-[0-9a-f]{16}-[0-9]+\b")
Card = dict[str, Any]
_VERBS = {"acknowledge": "acknowledge", "resolve": "resolve", "update": "status update"}


_BIDI = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C))
"""Characters that turn the direction of what follows: a title could read as another one."""


def upright(text: str) -> str:
    """Return a text that reads as its characters stand."""
    return text.translate(_BIDI)


def card(incident: Incident, now: int) -> Card:
    """Return what a list shows of an open incident at ``now`` (ms)."""
    by = incident.acknowledged_by
    return {
        "id": incident.id,
        "priority": incident.priority,
        "state": incident.state,
        "title": upright(incident.title),
        "team": upright(incident.team),
        "episode": incident.episode,
        "opened": moment(incident.episode_opened_at, now),
        "by": upright(by.principal) if by else "",
        "firing": len(incident.firing()),
        "runbook": incident.runbook_url if is_link(incident.runbook_url) else "",
        "clock": _clock(incident, now),
        "step": incident.step + 1,
        "unreached": _unreached(incident, now),
        "marks": _marks(incident, now),
        "can_acknowledge": incident.state in ("triggered", "snoozed") or incident.asks_again,
        "is_open": incident.is_open,
    }


def details(incident: Incident, now: int) -> dict[str, Any]:
    """Return what the page of one incident shows beside the API's details."""
    resolved = incident.resolved_by
    return card(incident, now) | {
        "reason": incident.priority_reason,
        "deadlines": [
            _deadline(name, deadline, now)
            for name, deadline in incident.deadlines.items()
            if name in _VERBS
        ],
        "silences": [_silence(incident, silence, now) for silence in incident.silences],
        "resolved": moment(incident.resolved_at, now),
        "resolved_by": resolved.principal if resolved else "",
        "took": (
            length(incident.resolved_at - incident.episode_opened_at)
            if incident.resolved_at
            else ""
        ),
    }


def _unreached(incident: Incident, now: int) -> dict[str, Any]:
    """Return that nobody could be told of the incident, since when and why; {}: somebody was."""
    found = incident.unreached
    if found is None or found.until:
        return {}
    return {
        "since": rfc3339(found.since),
        "length": length(now - found.since),
        "why": found.why,
        "exhausted": found.exhausted,
    }


def _silence(incident: Incident, silence: Silence, now: int) -> dict[str, Any]:
    """Return a silence with its page in Alertmanager, "" where its address is not known."""
    ended = silence.expired_at or (silence.until if silence.until <= now else 0)
    page = f"{incident.alertmanager_url.rstrip('/')}/#/silences/{quote(silence.id)}"
    return {
        "id": silence.id,
        "matchers": silence.matchers,
        "by": silence.by,
        "over": bool(ended),
        "until": moment(ended or silence.until, now),
        "link": page if is_link(page) else "",
    }


def problem(found: Condition) -> dict[str, str]:
    """Return what is wrong with the service, with the incident that it names, "" for none."""
    words = found.problem[:1].upper() + found.problem[1:]
    named = _INCIDENT.search(words)
    place = named.span() if named else (len(words), len(words))
    return {
        "before": words[: place[0]],
        "incident": words[slice(*place)],
        "after": words[place[1] :],
        "since": rfc3339(found.since) or "",
    }


def moment(at: int, now: int) -> dict[str, str]:
    """Return a time (ms) for a template: RFC 3339, and how far away it is in words."""
    if not at:
        return {"at": "", "words": ""}
    words = f"{length(now - at)} ago" if at <= now else f"in {length(at - now)}"
    return {"at": rfc3339(at) or "", "words": words}


def length(ms: int) -> str:
    """Return a duration in at most two units, as 2h5m or 3d."""
    minute, hour, day = 60_000, 3_600_000, 86_400_000
    unit = 1_000 if ms < hour else minute if ms < day else hour
    return format_duration(max(0, ms) // unit * unit)


def _clock(incident: Incident, now: int) -> dict[str, Any]:
    """Return the clock that matters most: overdue ones first, then the next to run out."""
    # What stands still in quiet hours has its time as well; in a snooze the snooze is shown.
    running = [
        (name, deadline) for name, deadline in incident.deadlines.items() if deadline.running
    ]
    missed = [
        (name, deadline)
        for name, deadline in incident.deadlines.items()
        if deadline.missed_at and _still_matters(incident, name)
    ]
    found = missed or sorted(running, key=lambda pair: pair[1].due)
    if incident.state == "snoozed":
        return {
            "name": "snoozed",
            "words": "wakes",
            "overdue": False,
            **moment_of(incident.snoozed_until, now),
        }
    if not found:
        return {}
    return _deadline(*found[0], now)


def moment_of(at: int, now: int) -> dict[str, str]:
    """Return a time as ``due`` and ``left`` of a clock."""
    shown = moment(at, now)
    return {"due": shown["at"], "left": shown["words"]}


def _still_matters(incident: Incident, name: str) -> bool:
    return incident.state == {"acknowledge": "triggered", "resolve": "acknowledged"}.get(name, "")


def _deadline(name: str, deadline: Deadline, now: int) -> dict[str, Any]:
    how = "running"
    if deadline.met_at:
        how = "met"
    elif deadline.missed_at:
        how = "missed"
    elif deadline.paused_at:
        how = "paused"
    overdue = how == "missed" or (how == "running" and deadline.due <= now)
    words = f"{_VERBS[name]} was due" if overdue else _VERBS[name]
    return {
        "name": name,
        "how": how,
        "words": words,
        "overdue": overdue,
        **moment_of(deadline.due, now),
    }


def _marks(incident: Incident, now: int) -> list[str]:
    assigned = incident.assigned_to
    held = incident.timers.get("quiet")
    published = incident.published
    waited = incident.unreached
    found = [
        f"nobody reached for {length(waited.until - waited.since)}"
        if waited and waited.until
        else "",
        f"public: {published.status}" if published and not published.hidden else "",
        "flapping" if incident.flapping else "",
        "not reported any more" if incident.stale_at else "",
        f"assigned to {assigned.name}" if assigned else "",
        f"{len(incident.parts)} merged into it" if incident.parts else "",
        f"quiet hours: paged {moment(held, now)['words']}" if held else "",
        f"firing for the {incident.episode + 1}. time" if incident.episode else "",
        f"merged into {incident.merged_into}" if incident.merged_into else "",
    ]
    return [upright(mark) for mark in found if mark]
