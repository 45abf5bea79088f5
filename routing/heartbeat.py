"""A watched heartbeat: when it stops for longer than its interval, an incident opens.

The watch is a small record beside the incidents, with one timer. What opens and ends the incident
are alerts like any others, sent by the service itself; the watch only knows since when it waits,
and whether a beat ever came (``seen_at``).
"""

from collections.abc import Mapping
from typing import NamedTuple

from routing.config.base import HeartbeatConfig
from routing.decision import Decision, Draft
from routing.event import HeartbeatSeen, TimerDue
from routing.incident import SCHEMA, Incident
from routing.matcher import matches_all
from routing.vocabulary import Reason, Timer

GRACE_MS = 60_000
"""A service that was down may have missed what is due so soon after its start."""


def watch_id(key: str) -> str:
    """Return the id of a heartbeat's record: no incident has generation 0."""
    return f"{key}-0"


class Standing(NamedTuple):
    """How a heartbeat does: ``beating``, ``awaited`` (it never came), ``missing`` or ``unknown``.

    ``last``: the last beat, ``due``: when the next one has to have come, ``missing_since``; all ms,
    0 for none. ``late`` (ms): how long it is overdue.
    """

    name: str
    config: HeartbeatConfig
    state: str
    last: int = 0
    due: int = 0
    missing_since: int = 0
    late: int = 0


def standing(name: str, config: HeartbeatConfig, watch: Incident | None, now: int) -> Standing:
    """Return how a heartbeat does by its record."""
    if watch is None or watch.damage is not None or watch.state not in ("beating", "missing"):
        return Standing(name, config, "unknown")
    due = watch.timers.get(Timer.HEARTBEAT, 0)
    missing = watch.state == "missing"
    since = watch.episode_opened_at if missing else 0
    late = max(0, now - (since or due or now))
    state = "missing" if missing else "beating" if watch.seen_at else "awaited"
    return Standing(name, config, state, watch.seen_at, due, since, late)


def beats(configs: Mapping[str, HeartbeatConfig], labels: Mapping[str, str]) -> list[str]:
    """Return the heartbeats that an alert with these labels is a beat of: it is nothing else."""
    return [
        name
        for name, config in configs.items()
        if config.matchers and matches_all(config.matchers, labels)
    ]


def decide_heartbeat(base: Incident | None, event: HeartbeatSeen, now: int) -> Decision:
    """Wait for the next beat from now on; a missing one first has to have its end stored."""
    start = base if base is not None else _fresh(event)
    draft = Draft(base, start, now)
    if start.damage is not None:
        # It may have been missing: what beats first tells that it is back (see below).
        draft.set(group=event.group, kind="heartbeat", damage=None, title="", priority_reason="")
        # Nobody knows whether it ever came: it counts as one that did.
        draft.set(seen_at=now)
    if start.state == "missing" and not event.returned:
        return draft.done(Reason.STILL_MISSING if event.expected else Reason.HEARTBEAT_RETURNED)
    due = start.timers.get(Timer.HEARTBEAT, 0)
    late = 0 < due <= now
    if not event.returned and not event.expected and (late or start.episode_opened_at):
        # It is late, and may have been reported as missing in this moment: then that is over too.
        draft.set(state="missing", episode_opened_at=due if late else start.episode_opened_at)
        draft.stop(Timer.HEARTBEAT)
        return draft.done(Reason.HEARTBEAT_RETURNED)
    # What lies further ahead than a beat ever does was written by a clock that was wrong.
    if event.expected and now + min(GRACE_MS, event.interval) < due <= now + event.interval:
        return draft.done(Reason.EXPECTED)
    if not event.expected:
        draft.set(seen_at=now)
    draft.set(state="beating", episode_opened_at=start.episode_opened_at if event.expected else 0)
    draft.timer(Timer.HEARTBEAT, now + event.interval)
    return draft.done(Reason.EXPECTED if event.expected else Reason.HEARTBEAT)


def _fresh(event: HeartbeatSeen) -> Incident:
    return Incident(
        id=watch_id(event.key),
        group=event.group,
        state="beating",
        schema=SCHEMA,
        generation=0,
        priority="P1",
        kind="heartbeat",
    )


def heartbeat_due(draft: Draft, event: TimerDue) -> Reason:
    """No beat came in time. ``event.lost``: it is not configured any more."""
    since = draft.incident.timers[Timer.HEARTBEAT]
    draft.stop(Timer.HEARTBEAT)
    if event.lost:
        draft.set(state="tombstone")
        return Reason.NOT_WATCHED
    draft.set(state="missing", episode_opened_at=since)
    return Reason.HEARTBEAT_MISSING
