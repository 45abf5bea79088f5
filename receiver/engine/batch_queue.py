"""What waits for a batch of its shard."""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from receiver.observability.correlation import NOBODY, Caller
from receiver.observability.tracing import Span
from routing.event import AlertsReceived, Event
from routing.incident import Incident
from routing.vocabulary import Reason


class Outcome(msgspec.Struct, frozen=True):
    """What became of one event: the decision's named reason and the incident afterwards."""

    reason: Reason
    incident: Incident | None


def is_meant_for(incident: Incident, versions: frozenset[int]) -> bool:
    """Return whether an incident is as whoever asks saw it; no ``versions``: whichever it is."""
    return not versions or incident.version in versions


class Waiting(msgspec.Struct):
    """An event on its way, and who waits for its end."""

    event: Event
    incident: str
    event_id: str
    done: "asyncio.Future[Outcome]"
    trace: str
    versions: frozenset[int] = frozenset()
    """Those of the incident that it is meant for; none: whichever it is."""
    sender: tuple[Caller, str] = (NOBODY, "")
    """Who sent it, and the correlation id of the request."""
    attempts: int = 0
    span: Span | None = None

    @property
    def key(self) -> str:
        """What events are folded by: the group for alerts, else the record they change."""
        return self.event.key if isinstance(self.event, AlertsReceived) else self.incident

    @property
    def stem(self) -> str:
        """What the incidents of its group have in common."""
        if isinstance(self.event, AlertsReceived):
            return self.event.key
        return self.incident.rpartition("-")[0]

    @property
    def is_alert(self) -> bool:
        """True for what Alertmanager sends again by itself."""
        return isinstance(self.event, AlertsReceived) and self.event.kind == "alert"

    def end_span(self, error: str = "") -> None:
        """End the span of the commit; ``error``: why it stored nothing."""
        if self.span is not None:
            self.span.end(error)


class Queue:
    """Events that wait for their commit: what people and timers do goes before alerts.

    Those of a large group wait aside, in their order, so that nobody else waits for them.
    """

    def __init__(self) -> None:
        self._first: deque[Waiting] = deque()
        self._alerts: deque[Waiting] = deque()
        self._aside: dict[str, deque[Waiting]] = {}
        """By the stem of each group that is large, also while its events are under way."""
        self._number_aside = 0

    def __len__(self) -> int:
        return len(self._first) + len(self._alerts) + self._number_aside

    @property
    def ready(self) -> bool:
        """True while there is something to take."""
        return bool(self._first or self._alerts)

    def put(self, waiting: Waiting) -> None:
        """Add an event at the end."""
        (self._alerts if waiting.is_alert else self._first).append(waiting)

    def take(self, most: int) -> list[Waiting]:
        """Return the next ones; a quarter of them are alerts when any wait.

        What is of a large group joins those of it that wait aside, and is not among them.
        """
        kept = min(len(self._alerts), most // 4)
        first = [self._first.popleft() for _ in range(min(len(self._first), most - kept))]
        rest = min(len(self._alerts), most - len(first))
        taken = first + [self._alerts.popleft() for _ in range(rest)]
        if not self._aside:
            return taken
        for waiting in taken:
            if waiting.stem in self._aside:
                self.put_aside([waiting])
        return [waiting for waiting in taken if waiting.stem not in self._aside]

    def put_back(self, batch: Sequence[Waiting]) -> None:
        """Add events at the front, in their order."""
        for waiting in reversed(batch):
            (self._alerts if waiting.is_alert else self._first).appendleft(waiting)

    def put_aside(self, batch: Sequence[Waiting]) -> None:
        """Add events of one large group at the end of what waits of it."""
        self._aside.setdefault(batch[0].stem, deque()).extend(batch)
        self._number_aside += len(batch)

    def take_aside(self, most: int) -> list[Waiting]:
        """Return the next events of one large group, [] when none wait; ``end_aside`` them."""
        for waiters in self._aside.values():
            if waiters:
                taken = [waiters.popleft() for _ in range(min(len(waiters), most))]
                self._number_aside -= len(taken)
                return taken
        return []

    def end_aside(self, stem: str, again: Sequence[Waiting]) -> None:
        """Note that what was taken of a group is done, but for those to decide ``again``."""
        waiters = self._aside.pop(stem)
        waiters.extendleft(reversed(again))
        self._number_aside += len(again)
        if waiters:
            # Behind the others, or one group that never ends would keep them all waiting.
            self._aside[stem] = waiters
