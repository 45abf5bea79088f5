"""What a person asks of an incident over the API, read from a request's body into an event.

Each action has one body; what is missing, unknown or of the wrong type is refused with its place.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from receiver.config_types import is_user_id
from receiver.errors import PayloadError
from routing.actions.action_items import ITEMS_MAX
from routing.alert import PRIORITIES
from routing.duration import parse_duration
from routing.event import (
    Acknowledged,
    ActionItemAdded,
    ActionItemDone,
    Escalated,
    Forgotten,
    Merged,
    Noted,
    PersonEvent,
    PriorityChanged,
    Reassigned,
    Reopened,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.incident import Incident
from routing.incident_parts import Actor

NAME_MAX = 80
TEXT_MAX = 2_000
ITEM_MAX = 500
WORKING_HOURS = "working_hours"

B = TypeVar("B", bound=msgspec.Struct)
Find = Callable[[str], Awaitable[Incident | None]]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """What every action may say: who acts (``by``), and the episode they saw.

    ``human`` False: a machine does so, on nobody's behalf that is not named in ``by``.
    """

    by: str = ""
    episode: int | None = None
    human: bool | None = None


class ResolveBody(Body):
    """``cause``: what it was."""

    cause: str = ""


class SnoozeBody(Body, rename={"span": "for"}):
    """Either ``for`` (a duration), or ``until`` (RFC 3339, or ``working_hours``)."""

    span: str = ""
    until: str = ""


class AssignBody(Body):
    """``to``: whom; ``id``: their Slack user id, so that they are mentioned."""

    to: str = ""
    id: str = ""


class EscalateBody(Body):
    """``reason``: why."""

    reason: str = ""


class NoteBody(Body):
    """``text``: what is to be remembered."""

    text: str = ""


class ActionItemBody(Body):
    """``text``: what is to be done; ``owner``: by whom."""

    text: str = ""
    owner: str = ""


class ActionItemDoneBody(Body):
    """``number``: of the action item; ``done``: false when it is not, after all."""

    number: int = 0
    done: bool = True


class PriorityBody(Body):
    """``priority``: P1 to P4; ``reason``: why."""

    priority: str = ""
    reason: str = ""


class ForgetBody(Body):
    """``force``: although it is open, or keeps alerts quiet."""

    force: bool = False


class MergeBody(Body):
    """``into``: the id of the incident that goes on."""

    into: str = ""


def read_json(kind: type[B], raw: bytes) -> B:
    """Return the body of a request; PayloadError with the place of what is wrong with it."""
    try:
        raw.decode()  # msgspec does not look into what it passes over
        body = msgspec.json.decode(raw if raw.strip() else b"{}", type=kind)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        fields = ", ".join(field.encode_name for field in msgspec.structs.fields(kind))
        raise PayloadError(f"{words} (allowed: {fields})", place.strip("`.")) from None
    except UnicodeDecodeError as error:
        found = f"0x{raw[error.start]:02x} at byte {error.start}"
        raise PayloadError(f"the body is not JSON in UTF-8: {found}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"the body is not JSON: {error}") from None
    check_text("by", str(getattr(body, "by", "")), NAME_MAX)
    return body


class Action(NamedTuple):
    """What a person may ask: the shape of its request, and the event it is.

    ``may``: in words, for whoever may not; "": no permission of its own. ``read(body, actor,
    now)``; None where something else comes first (another incident, Alertmanager, a status page).
    """

    body: type[Body]
    may: str = ""
    read: Callable[[Any, Actor, int], PersonEvent] | None = None


async def read_event(action: str, body: Body, actor: Actor, now: int, find: Find) -> PersonEvent:
    """Return the event a body asks for at ``now`` (ms); PayloadError with the place of what is not.

    ``find(id)`` gives an incident, None when there is none.
    """
    read = ACTIONS[action].read
    if read is not None:
        return read(body, actor, now)
    if not isinstance(body, MergeBody):
        raise TypeError(action)
    return Merged(actor, await _target(body.into, find), body.episode)


async def _target(incident: str, find: Find) -> str:
    found = await find(incident)
    if found is None or not found.is_open:
        raise PayloadError(f"there is no open incident {incident!r} to merge into", "into")
    return found.id


def _resolve(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Resolved(actor, body.episode, check_text("cause", body.cause, TEXT_MAX))


def _snooze(body: Any, actor: Actor, now: int) -> PersonEvent:
    if body.until == WORKING_HOURS and not body.span:
        return Snoozed(actor, body.episode)
    or_hours = f' or {{"until": "{WORKING_HOURS}"}}'
    return Snoozed(actor, body.episode, read_until(body.span, body.until, now, or_hours))


def read_until(span: str, until: str, now: int, more: str = "") -> int:
    """Return when it ends (ms): a duration from ``now``, or an RFC 3339 time in the future.

    PayloadError for neither, both, or what is over already; ``more`` are other ways to say it.
    """
    if bool(span) == bool(until):
        raise PayloadError(
            f'say either for how long ({{"for": "1h"}}) or until when '
            f'({{"until": "2026-03-02T09:00:00Z"}}{more})'
        )
    place = "for" if span else "until"
    try:
        end = now + parse_duration(span) if span else _moment(until)
    except (ValueError, OverflowError) as error:
        raise PayloadError(str(error), place) from None
    if end <= now:
        raise PayloadError("this is not in the future", place)
    return end


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone (write for example 2026-03-02T09:00:00Z)")
    return int(moment.timestamp() * 1000)


def _assign(body: Any, actor: Actor, _now: int) -> PersonEvent:
    to = check_text("to", body.to, NAME_MAX, needed=True)
    if body.id and not is_user_id(body.id):
        raise PayloadError("is not a Slack user id such as U0123ABCD", "id")
    return Reassigned(actor, Actor(to, "slack" if body.id else actor.via, body.id), body.episode)


def _escalate(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Escalated(actor, body.episode, check_text("reason", body.reason, TEXT_MAX))


def _note(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Noted(actor, check_text("text", body.text, TEXT_MAX, needed=True), body.episode)


def _action_item(body: Any, actor: Actor, _now: int) -> PersonEvent:
    text = check_text("text", body.text, ITEM_MAX, needed=True)
    owner = check_text("owner", body.owner, NAME_MAX)
    if "\n" in owner:
        raise PayloadError("is a name on one line", "owner")
    return ActionItemAdded(actor, text, owner, body.episode)


def _action_item_done(body: Any, actor: Actor, _now: int) -> PersonEvent:
    if not 1 <= body.number <= ITEMS_MAX:
        raise PayloadError(f"is {body.number}; allowed: 1 to {ITEMS_MAX}", "number")
    return ActionItemDone(actor, body.number, body.done, body.episode)


def _priority(body: Any, actor: Actor, _now: int) -> PersonEvent:
    if body.priority not in PRIORITIES:
        raise PayloadError(f"is {body.priority!r}; allowed: {', '.join(PRIORITIES)}", "priority")
    reason = check_text("reason", body.reason, TEXT_MAX)
    return PriorityChanged(actor, body.priority, reason, body.episode)


def _forget(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Forgotten(actor, body.force, body.episode)


def _acknowledge(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Acknowledged(actor, body.episode)


def _unacknowledge(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Unacknowledged(actor, body.episode)


def _reopen(body: Any, actor: Actor, _now: int) -> PersonEvent:
    return Reopened(actor, body.episode)


ACTIONS: Mapping[str, Action] = {
    Acknowledged.action: Action(Body, "acknowledge incidents", _acknowledge),
    Unacknowledged.action: Action(Body, "give incidents back", _unacknowledge),
    Resolved.action: Action(ResolveBody, "resolve incidents", _resolve),
    Reopened.action: Action(Body, "reopen incidents", _reopen),
    Snoozed.action: Action(SnoozeBody, "snooze incidents", _snooze),
    Reassigned.action: Action(AssignBody, "assign incidents", _assign),
    Escalated.action: Action(EscalateBody, "escalate incidents", _escalate),
    Noted.action: Action(NoteBody, "add notes", _note),
    PriorityChanged.action: Action(PriorityBody, "change priorities", _priority),
    Merged.action: Action(MergeBody, "merge incidents"),
    ActionItemAdded.action: Action(ActionItemBody, "change action items", _action_item),
    ActionItemDone.action: Action(ActionItemDoneBody, "", _action_item_done),
    Forgotten.action: Action(ForgetBody, "", _forget),
}
"""What is asked of an incident alone; see ``registry`` for all."""


def check_text(place: str, text: str, limit: int, *, needed: bool = False) -> str:
    """Return a text of one or more printable lines, or refuse it."""
    if needed and not text.strip():
        raise PayloadError("is missing or empty", place)
    if len(text) > limit:
        raise PayloadError(f"is longer than {limit} characters", place)
    if not all(line.isprintable() for line in text.split("\n")) or (place == "by" and "\n" in text):
        raise PayloadError("contains control or invisible characters", place)
    return text.strip()
