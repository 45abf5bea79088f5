"""What a person asks of an incident over the API, read from a request's body into an event.

Each action has one body; what is missing, unknown or of the wrong type is refused with its place.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from receiver.errors import PayloadError
from routing.duration import parse_duration
from routing.event import (
    Acknowledged,
    Escalated,
    Merged,
    Noted,
    PersonEvent,
    Reassigned,
    Reopened,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.incident import Actor, Incident

NAME_MAX = 80
TEXT_MAX = 2_000
WORKING_HOURS = "working_hours"

Find = Callable[[str], Awaitable[Incident | None]]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What every action may say: who acts (``by``), and the episode they saw."""

    by: str = ""
    episode: int | None = None


class ResolveBody(Body):
    """``cause``: what it was."""

    cause: str = ""


class SnoozeBody(Body, rename={"span": "for"}):
    """Either ``for`` (a duration), or ``until`` (RFC 3339, or ``working_hours``)."""

    span: str = ""
    until: str = ""


class AssignBody(Body):
    """``to``: whom."""

    to: str = ""


class EscalateBody(Body):
    """``reason``: why."""

    reason: str = ""


class NoteBody(Body):
    """``text``: what is to be remembered."""

    text: str = ""


class MergeBody(Body):
    """``into``: the id of the incident that goes on."""

    into: str = ""


_BODIES: dict[str, type[Body]] = {
    "acknowledge": Body,
    "unacknowledge": Body,
    "resolve": ResolveBody,
    "reopen": Body,
    "snooze": SnoozeBody,
    "assign": AssignBody,
    "escalate": EscalateBody,
    "note": NoteBody,
    "merge": MergeBody,
}
ACTIONS = tuple(_BODIES)


def read_body(action: str, raw: bytes) -> Body:
    """Return the body of an action; PayloadError with the place of what is wrong with it."""
    kind = _BODIES[action]
    try:
        body = msgspec.json.decode(raw if raw.strip() else b"{}", type=kind)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        raise PayloadError(f"{words} (allowed: {fields})", place.strip("`.")) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from None
    _check_text("by", body.by, NAME_MAX)
    return body


async def read_event(action: str, body: Body, actor: Actor, now: int, find: Find) -> PersonEvent:
    """Return the event a body asks for at ``now`` (ms); PayloadError as for ``read_body``.

    ``find(id)`` gives an incident, None when there is none.
    """
    if isinstance(body, MergeBody):
        return Merged(actor, await _target(body.into, find), body.episode)
    if type(body) is Body:
        return _SIMPLE[action](actor, body.episode)
    return _READERS[type(body)](body, actor, now)


_SIMPLE: dict[str, Callable[[Actor, int | None], PersonEvent]] = {
    "acknowledge": Acknowledged,
    "unacknowledge": Unacknowledged,
    "reopen": Reopened,
}


async def _target(incident: str, find: Find) -> str:
    found = await find(incident)
    if found is None or not found.is_open:
        raise PayloadError(f"there is no open incident {incident!r} to merge into", "into")
    return found.id


def _resolve(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Resolved(actor, body.episode, _check_text("cause", body.cause, TEXT_MAX))


def _snooze(body: Any, actor: Actor, now: int) -> PersonEvent:
    if bool(body.span) == bool(body.until):
        raise PayloadError(
            f'say either for how long ({{"for": "1h"}}) or until when '
            f'({{"until": "2026-03-02T09:00:00Z"}} or {{"until": "{WORKING_HOURS}"}})'
        )
    if body.until == WORKING_HOURS:
        return Snoozed(actor, body.episode)
    try:
        until = now + parse_duration(body.span) if body.span else _moment(body.until)
    except (ValueError, OverflowError) as error:
        raise PayloadError(str(error), "for" if body.span else "until") from None
    if until <= now:
        raise PayloadError("this is not in the future", "for" if body.span else "until")
    return Snoozed(actor, body.episode, until)


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone (write for example 2026-03-02T09:00:00Z)")
    return int(moment.timestamp() * 1000)


def _assign(body: Any, actor: Actor, _now: int) -> PersonEvent:
    to = _check_text("to", body.to, NAME_MAX, needed=True)
    return Reassigned(actor, Actor(to, actor.via), body.episode)


def _escalate(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Escalated(actor, body.episode, _check_text("reason", body.reason, TEXT_MAX))


def _note(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Noted(actor, _check_text("text", body.text, TEXT_MAX, needed=True), body.episode)


_READERS: dict[type[Body], Callable[[Any, Actor, int], PersonEvent]] = {
    ResolveBody: _resolve,
    SnoozeBody: _snooze,
    AssignBody: _assign,
    EscalateBody: _escalate,
    NoteBody: _note,
}


def _check_text(place: str, text: str, limit: int, *, needed: bool = False) -> str:
    """Return a text of one or more printable lines, or refuse it."""
    if needed and not text.strip():
        raise PayloadError("is missing or empty", place)
    if len(text) > limit:
        raise PayloadError(f"is longer than {limit} characters", place)
    if not all(line.isprintable() for line in text.split("\n")) or (place == "by" and "\n" in text):
        raise PayloadError("contains control or invisible characters", place)
    return text.strip()
