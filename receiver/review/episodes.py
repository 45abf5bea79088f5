"""The episodes of an incident, as its timeline tells them: the record knows the newest alone."""

from collections.abc import Sequence

import msgspec

from receiver.review.model import Clock, Episode
from routing.incident import Incident
from routing.incident_parts import Entry
from routing.vocabulary import Kind

_OUTCOMES = {"void": "not needed"}
_CLOCKS = ("acknowledge", "resolve")


class _Told(msgspec.Struct):
    """What the lines of one episode say; ``begun``: how it opened is among them."""

    opened_at: int
    opened: str
    priority: str
    begun: bool
    acknowledged: Entry | None = None
    ended: Entry | None = None


def episodes_of(incident: Incident, timeline: Sequence[Entry], now: int) -> tuple[Episode, ...]:
    """Return the episodes, oldest first; ``now`` in ms."""
    told: list[_Told] = []
    for entry in timeline:
        if entry.kind in (Kind.OPENED, Kind.REOPENED):
            told.append(_Told(entry.at, entry.text, entry.priority, begun=True))
            continue
        if not told:
            # A firing copy that came after its resolve opens nothing that anybody was told of.
            told.append(_Told(incident.opened_at, "", entry.priority, begun=False))
        _take_in(told[-1], entry)
    return tuple(_episode(incident, number, each, now) for number, each in enumerate(told))


def _take_in(told: _Told, entry: Entry) -> None:
    if entry.kind == Kind.ACKNOWLEDGED and not entry.automatic and told.acknowledged is None:
        told.acknowledged = entry
    elif entry.kind in (Kind.RESOLVED, Kind.MERGED):
        told.ended = entry


def _episode(incident: Incident, number: int, told: _Told, now: int) -> Episode:
    taken, ended = told.acknowledged, told.ended
    ended_at = ended.at if ended else 0
    until = ended_at or now
    counted = told.begun and ended is not None and ended.kind == Kind.RESOLVED
    answered = taken.at if taken else until
    return Episode(
        number=number + 1,
        opened_at=told.opened_at,
        opened=told.opened,
        priority=told.priority or incident.priority,
        acknowledged_at=taken.at if taken else 0,
        acknowledged_by=taken.by if taken else "",
        to_acknowledge=max(0, taken.at - told.opened_at) if taken else None,
        ended_at=ended_at,
        ended=_how(ended),
        ended_by=ended.by if ended else "",
        to_resolve=max(0, ended_at - told.opened_at) if counted else None,
        open_for=max(0, until - told.opened_at),
        unanswered_for=max(0, answered - told.opened_at),
        cause=ended.cause if ended else "",
        clocks=_clocks(incident, number),
    )


def _how(ended: Entry | None) -> str:
    if ended is None:
        return ""
    if ended.kind == Kind.MERGED:
        return "merged"
    return "resolved" if ended.by and not ended.automatic else "resolved by itself"


def _clocks(incident: Incident, number: int) -> tuple[Clock, ...]:
    """Return how the clocks of an episode ended; those of the newest may still run."""
    found = [
        Clock(end.name, end.priority, end.due, end.at, _OUTCOMES.get(end.outcome, end.outcome))
        for end in incident.clock_ends
        if end.episode == number
    ]
    if number == incident.episode:
        found += [
            Clock(
                name,
                incident.priority,
                deadline.due,
                deadline.paused_at,
                "paused" if deadline.paused_at else "running",
            )
            for name, deadline in incident.deadlines.items()
            if name in _CLOCKS and deadline.running
        ]
    return tuple(found)
