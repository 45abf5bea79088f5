"""What was decided, as data. The store writes it, then metrics observe it."""

from collections.abc import Iterable
from copy import copy
from typing import Any, Unpack

import msgspec
from msgspec.structs import force_setattr

from routing.incident import Incident
from routing.incident_changes import Changes
from routing.incident_parts import Actor, Entry, ReviewSave
from routing.vocabulary import Kind, Reason, Timer

_UNSEEN = frozenset(
    {
        "timers",
        "changes",
        "fell_at",
        "grown",
        "merged_firing",
        "seen_at",
        "clock_ends",
        "shortened",
        "notes",
        "review",
        "told_firing",
    }
)
"""Fields that show nowhere: nobody needs an update for them alone."""
CHATTER = frozenset(
    {
        Kind.ALERTS_CHANGED,
        Kind.DELIVERY_NOTE,
        Kind.DELIVERY_RECOVERED,
        Kind.DENIED,
        Kind.ECHO_DROPPED,
        Kind.ECHO_SUSPECTED,
        Kind.JOINED,
        Kind.PART_CHANGED,
        Kind.REPORTED_AGAIN,
        Kind.VANISHED,
    }
)
"""Timeline entries that come by the thousand in a long storm, and of which nobody needs each."""
CHATTER_MAX, ENTRIES_MAX = 2_000, 10_000
"""Entries of a timeline up to which chatter, and anything at all, is added. What people do is in
the audit log whatever the timeline holds."""
_UNTOLD = frozenset({Kind.DENIED, Kind.REVIEW_SAVED})
"""Timeline entries for which nobody is told anything: for the audit alone, or read in the review.
"""


class Schedule(msgspec.Struct, frozen=True, gc=False):
    """Put a task on the agenda. ``want`` is the version to deliver; 0 for a timer."""

    task: str
    due: int
    want: int = 0


class Observation(msgspec.Struct, frozen=True, gc=False):
    """A metric to observe once the decision is durable.

    ``detail``: what figures of a day tell apart and no metric does, such as a person.
    """

    name: str
    value: float
    labels: dict[str, str]
    detail: str = ""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The outcome of one event, or of several folded into one.

    ``base`` is the incident it was made from: the commit refuses it when that has changed since.
    ``reason`` is one named word, used in metrics, logs and answers alike. ``incident`` is None when
    there is nothing to write, not even a tombstone. ``forget``: everything kept of it goes.
    ``visible``: what changes is more than what nobody sees, such as when a timer is due.
    """

    reason: Reason
    base: Incident | None
    incident: Incident | None
    changed: bool = False
    timeline: tuple[Entry, ...] = ()
    schedule: tuple[Schedule, ...] = ()
    cancel: tuple[str, ...] = ()
    observations: tuple[Observation, ...] = ()
    forget: bool = False
    visible: bool = False


class Draft:
    """A decision in the making: collects changes to one incident and turns them into a value.

    ``base`` is what is stored, ``start`` what the event meets (a next generation is not stored
    yet), ``incident`` what it will be: read it, and change it by ``set`` alone. Mutable, and never
    leaves ``routing``.
    """

    def __init__(self, base: Incident | None, start: Incident, now: int) -> None:
        self.base = base
        self.start = start
        self.incident = copy(start)
        self.now = now
        self.fields: dict[str, Any] = {}
        self.timeline: list[Entry] = []
        self.schedule: dict[str, int] = {}
        self.cancel: set[str] = set()
        self.observations: list[Observation] = []
        self.skip: set[str] = set()
        self.forget = False

    def set(self, **changes: Unpack[Changes]) -> None:
        """Change fields of the incident."""
        self.fields.update(changes)
        incident = self.incident
        for name, value in changes.items():
            # The copy is this draft's alone until it is done.
            force_setattr(incident, name, value)

    def bring_up_to_date(self, **changes: Unpack[Changes]) -> None:
        """Change those of the fields that are different now; the others count as left alone."""
        incident = self.incident
        for name, value in changes.items():
            if getattr(incident, name) != value:
                self.fields[name] = value
                force_setattr(incident, name, value)

    def say(
        self, kind: Kind, text: str, by: Actor | None = None, via: str = "", cause: str = ""
    ) -> None:
        """Add a line to the timeline; ``via`` where it is nobody's."""
        number = self.start.entries + len(self.timeline)
        chatter = number >= CHATTER_MAX and kind in CHATTER
        if number >= ENTRIES_MAX or (chatter and self.incident.shortened):
            return
        if chatter:
            self.set(shortened=True)
            kind, text = (
                Kind.SHORTENED,
                "The timeline is long: from here on only what matters is added",
            )
        entry = self._entry(kind, text, by)
        if by is None and via:
            entry = msgspec.structs.replace(entry, via=via)
        self.timeline.append(msgspec.structs.replace(entry, cause=cause) if cause else entry)

    def keep(self, kind: Kind, text: str, by: Actor, saved: ReviewSave) -> None:
        """Add a line that holds what is kept nowhere else, however long the timeline is."""
        entry = self._entry(kind, text, by)
        self.timeline.append(msgspec.structs.replace(entry, review=saved))

    def _entry(self, kind: Kind, text: str, by: Actor | None) -> Entry:
        return Entry(
            at=self.now,
            kind=kind,
            text=text,
            by=by.principal if by else "",
            via=by.via if by else "",
            automatic=by is not None and by.ends == "automatic",
            priority=self.incident.priority,
        )

    def observe(self, name: str, value: float = 1.0, detail: str = "", **labels: str) -> None:
        """Note a metric, to be observed after the commit."""
        self.observations.append(Observation(name, value, labels, detail))

    def timer(self, task: Timer, due: int) -> None:
        """Set a timer of the incident, or move it."""
        if "timers" not in self.fields:
            self.set(timers=dict(self.incident.timers))
        # The dict is this draft's own from then on.
        self.incident.timers[task] = due
        self.schedule[task] = due
        self.cancel.discard(task)

    def stop(self, *tasks: Timer) -> None:
        """Stop timers of the incident; stopping one that does not run is nothing."""
        self._stop(tasks)

    def stop_all(self) -> None:
        """Stop every timer, also those that another release set."""
        self._stop(tuple(self.incident.timers))

    def _stop(self, tasks: Iterable[str]) -> None:
        timers = self.incident.timers
        gone = [task for task in tasks if task in timers] if timers else ()
        if gone:
            self.set(timers={task: due for task, due in timers.items() if task not in gone})
            self.cancel.update(gone)
            for task in gone:
                self.schedule.pop(task, None)

    def done(self, reason: Reason) -> Decision:
        """Return the decision. Every notifier that has the incident is brought up to date."""
        start, fields = self.start, self.fields
        told = any(entry.kind not in _UNTOLD for entry in self.timeline)
        if not told:
            # What has no line of its own for people counts only if it is different now.
            fields = {name: to for name, to in fields.items() if getattr(start, name) != to}
        if not fields and not self.timeline and not self.schedule:
            return Decision(reason, self.base, self.base, cancel=tuple(self.cancel))
        version = start.version + 1
        incident = msgspec.structs.replace(
            self.incident,
            version=version,
            updated_at=self.now,
            entries=start.entries + len(self.timeline),
        )
        schedule = [Schedule(task, due) for task, due in self.schedule.items()]
        visible = bool(told or fields.keys() - _UNSEEN)
        if visible:
            schedule += [
                Schedule(f"notify:{name}", self.now, want=version)
                for name in incident.pages
                if name not in self.skip
            ]
        return Decision(
            reason,
            self.base,
            incident,
            changed=True,
            timeline=tuple(self.timeline),
            schedule=tuple(schedule),
            cancel=tuple(self.cancel),
            observations=tuple(self.observations),
            forget=self.forget,
            visible=visible,
        )
