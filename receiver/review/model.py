"""What a post-incident review says, as values.

Every time is in ms and named ``at``, ``..._at``, ``due`` or ``until`` (0: not yet); every duration
is in ms and named ``to_...``, ``..._for``, ``mtta`` or ``mttr`` (None: it did not come to that).
"""

from typing import Any

import msgspec

from receiver.text.times import rfc3339


class Clock(msgspec.Struct, frozen=True):
    """A deadline: ``outcome`` is met, missed, not needed, running or paused; ``at``: when."""

    name: str
    priority: str
    due: int
    at: int
    outcome: str


class Episode(msgspec.Struct, frozen=True):
    """From one opening to its end.

    ``to_acknowledge`` and ``to_resolve`` are what MTTA and MTTR count: the first acknowledgement
    of a person, and no end by merging. ``open_for`` goes to now while it is open.
    """

    number: int
    opened_at: int
    opened: str
    priority: str
    acknowledged_at: int
    acknowledged_by: str
    to_acknowledge: int | None
    ended_at: int
    ended: str
    ended_by: str
    to_resolve: int | None
    open_for: int
    unanswered_for: int
    cause: str
    clocks: tuple[Clock, ...]


class Priority(msgspec.Struct, frozen=True):
    """The priority from a time on, and why."""

    at: int
    priority: str
    why: str


class Person(msgspec.Struct, frozen=True):
    """Somebody who did something: since when, through what, and how often."""

    name: str
    first_at: int
    via: tuple[str, ...]
    actions: int


class Line(msgspec.Struct, frozen=True):
    """One line of the timeline."""

    number: int
    at: int
    kind: str
    text: str
    by: str
    via: str


class Delivery(msgspec.Struct, frozen=True):
    """What one notifier has: ``state`` as everywhere, of the newest of its ``pages``."""

    notifier: str
    state: str
    pages: int
    delivered_at: int
    last_error: str


class AlertFact(msgspec.Struct, frozen=True):
    """One alert: when it last began, and when it ended (0: it has not)."""

    name: str
    summary: str
    priority: str
    status: str
    started_at: int
    ended_at: int
    labels: dict[str, str]


class SilenceFact(msgspec.Struct, frozen=True):
    """A silence that was made from the incident."""

    matchers: str
    by: str
    until: int
    expired_at: int


class Other(msgspec.Struct, frozen=True):
    """Another incident; times are 0 where they are not known here."""

    id: str
    priority: str
    title: str
    opened_at: int = 0
    ended_at: int = 0


class Item(msgspec.Struct, frozen=True):
    """An action item."""

    number: int
    text: str
    owner: str
    at: int
    by: str
    done_at: int
    done_by: str
    due_on: str


class Version(msgspec.Struct, frozen=True):
    """One save of what people wrote: the sections that it changed."""

    number: int
    at: int
    by: str
    changed: tuple[str, ...]


class Document(msgspec.Struct, frozen=True):
    """What people wrote: ``version`` 0 while nobody has; lines end with a line feed."""

    version: int
    saved_at: int
    saved_by: str
    impact: str
    causes: str
    lessons: str


class Impact(msgspec.Struct, frozen=True):
    """How much it was: how long open, how long without an answer, and what the labels name."""

    open_for: int
    unanswered_for: int
    worst: str
    alerts: int
    firing: int
    names: tuple[str, ...]
    affected: dict[str, tuple[str, ...]]


class Review(msgspec.Struct, frozen=True):
    """The review of one incident as of ``made_at``.

    ``to_detect``: from the start of its first alert to its opening. ``earlier``: incidents of the
    same group before this one, newest first. ``tried``: what people did and noted, in order.
    ``document``: what people wrote, of which ``versions`` are the saves, the oldest first.
    """

    id: str
    title: str
    state: str
    is_open: bool
    priority: str
    priority_reason: str
    severity: str
    kind: str
    team: str
    runbook_url: str
    labels: dict[str, str]
    made_at: int
    opened_at: int
    ended_at: int
    opened_by: str
    assigned_to: str
    merged_into: str
    to_detect: int | None
    mtta: int | None
    mttr: int | None
    impact: Impact
    episodes: tuple[Episode, ...]
    priorities: tuple[Priority, ...]
    people: tuple[Person, ...]
    tried: tuple[Line, ...]
    escalation: tuple[Line, ...]
    deliveries: tuple[Delivery, ...]
    alerts: tuple[AlertFact, ...]
    silences: tuple[SilenceFact, ...]
    merged: tuple[Other, ...]
    earlier: tuple[Other, ...]
    document: Document
    versions: tuple[Version, ...]
    action_items: tuple[Item, ...]
    timeline: tuple[Line, ...]


_TIMES = ("at", "due", "until")
_SPANS = ("mtta", "mttr")


def is_time(name: str) -> bool:
    """Return whether a field of this name is a time."""
    return name in _TIMES or name.endswith("_at")


def is_span(name: str) -> bool:
    """Return whether a field of this name is a duration."""
    return name in _SPANS or name.startswith("to_") or name.endswith("_for")


def to_json(review: Review) -> dict[str, Any]:
    """Return a review for programs: times RFC 3339 UTC or null, durations in seconds or null."""
    found: dict[str, Any] = _shown(review)
    return found


def _shown(value: Any, name: str = "") -> Any:
    if isinstance(value, msgspec.Struct):
        return {key: _shown(getattr(value, key), key) for key in value.__struct_fields__}
    if isinstance(value, tuple):
        return [_shown(each) for each in value]
    if isinstance(value, dict):
        return {key: _shown(each) for key, each in value.items()}
    if is_time(name):
        return rfc3339(value)
    if is_span(name) and value is not None:
        return value / 1000
    return value
