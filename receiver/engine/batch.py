"""The events of one batch, decided: what is to be written, and whom to answer.

Nothing here waits for anything, so that a large incident can be decided beside the event loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec

from receiver.audit.of_decision import entry_of, is_told
from receiver.engine.batch_queue import Outcome, Waiting, is_meant_for
from receiver.errors import StoreUnavailableError
from receiver.observability.tracing import Tracing
from receiver.store.audit.entry import encoded
from receiver.store.commits import Write
from receiver.store.records.large import LargeRecord
from receiver.store.records.record import decode_record, stored_form
from routing.decide import decide, fold, is_next_generation
from routing.decision import Decision
from routing.event import AlertsReceived
from routing.incident import Incident
from routing.rules import Rules
from routing.vocabulary import Reason

log = logging.getLogger("dispatch")

LARGE_ALERTS, LARGE_RECORD = 300, 200_000
"""From so many alerts of a group on, or bytes of its record, deciding it takes some 2 ms."""


class Decided(msgspec.Struct):
    """The events of one group, decided one after another.

    ``rest`` has to wait for the next commit, ``failed`` raised, ``twins`` came twice at once: each
    with the one it repeats. ``write``: None when there is nothing to store.
    """

    alive: list[Waiting] = []
    decisions: list[Decision] = []
    rest: list[Waiting] = []
    failed: list[tuple[Waiting, Exception]] = []
    twins: list[tuple[Waiting, Waiting]] = []
    write: Write | None = None


Known = Incident | LargeRecord | bytes | None
"""What is believed to be stored of a group: read, as its record, or nothing."""


def is_large(known: Known, waiters: Sequence[Waiting]) -> bool:
    """Return whether deciding a group takes so long that it should not hold the event loop."""
    if isinstance(known, Incident):
        number = len(known.alerts)
    elif isinstance(known, LargeRecord):
        number = LARGE_ALERTS + 1 if known.is_long else 0
    else:
        number = LARGE_ALERTS + 1 if known is not None and len(known) > LARGE_RECORD else 0
    for waiting in waiters:
        if isinstance(waiting.event, AlertsReceived):
            number += len(waiting.event.alerts)
    return number > LARGE_ALERTS


class Batch:
    """Decides groups of events at one time."""

    def __init__(self, now: int, rules: Callable[[str], Rules], tracing: Tracing | None) -> None:
        """``now`` in ms; ``rules(route id)`` gives the rules of a route."""
        self._now = now
        self._rules = rules
        self._tracing = tracing

    def decide(self, groups: Sequence[tuple[Known, list[Waiting]]]) -> Iterator[Decided]:
        """Yield each group decided, with what it stores."""
        for known, waiters in groups:
            yield self._group(known, waiters)

    def _group(self, known: Known, waiters: list[Waiting]) -> Decided:
        found = Decided()
        try:
            known = decode_record(known) if isinstance(known, bytes) else known
        except StoreUnavailableError as error:
            found.failed = [(waiting, error) for waiting in waiters]
            return found
        large = known if isinstance(known, LargeRecord) else None
        base = known.incident if isinstance(known, LargeRecord) else known
        self._decide(base, waiters, found)
        if found.decisions:
            folded = fold(found.decisions)
            if folded.base is not None or folded.changed:
                told = self._told(found.alive, found.decisions)
                found.write = _write(folded, found, large, told)
        return found

    def _decide(self, base: Incident | None, waiters: list[Waiting], found: Decided) -> None:
        """Decide the events one after another; one that raises fails alone.

        A commit writes one incident of a group: what begins the next one has to wait, and what
        comes for one that is forgotten by then.
        """
        state = base
        told: dict[str, Waiting] = {}
        for place, waiting in enumerate(waiters):
            if waiting.event_id and waiting.event_id in told:
                found.twins.append((told[waiting.event_id], waiting))
                continue
            told[waiting.event_id] = waiting
            began = time.time_ns()
            try:
                decision = self._decision(waiting, state)
            except Exception as error:  # see the docstring
                log.exception("event %s could not be decided", type(waiting.event).__name__)
                found.failed.append((waiting, error))
                continue
            if is_next_generation(decision) and any(one.changed for one in found.decisions):
                found.rest = waiters[place:]
                return
            if self._tracing is not None:
                decision, waiting.span = self._tracing.decided(
                    waiting.trace, waiting.event, state, decision, began
                )
            if decision.changed:
                state = decision.incident
            found.alive.append(waiting)
            found.decisions.append(decision)
            if decision.forget:
                found.rest = waiters[place + 1 :]
                return

    def _decision(self, waiting: Waiting, state: Incident | None) -> Decision:
        if state is not None and not is_meant_for(state, waiting.versions):
            return Decision(Reason.STALE, state, state)
        return decide(state, waiting.event, self._now, self._rules_for(waiting, state))

    def _told(self, alive: list[Waiting], decisions: list[Decision]) -> tuple[bytes, ...]:
        """Return what the audit trail tells of them, once they are stored."""
        now = self._now
        return encoded(
            [
                entry_of(waiting.event, decision, *waiting.sender, now)
                for waiting, decision in zip(alive, decisions, strict=True)
                if is_told(waiting.event, decision)
            ]
        )

    def _rules_for(self, waiting: Waiting, state: Incident | None) -> Rules:
        event = waiting.event
        if isinstance(event, AlertsReceived):
            return self._rules(event.group.route)
        return self._rules(state.group.route if state else "")


def _write(
    folded: Decision, found: Decided, large: LargeRecord | None, told: tuple[bytes, ...]
) -> Write:
    pairs = zip(found.alive, found.decisions, strict=True)
    events = {one.event_id: made.reason for one, made in pairs if one.event_id}
    pointer = isinstance(found.alive[0].event, AlertsReceived)
    # Asked once more it is not a repetition: nothing was done.
    undone = frozenset(event for event, reason in events.items() if reason == Reason.STALE)
    return Write(folded, pointer, tuple(events), stored_form(folded, large), undone, told)


def follow(first: Waiting, twin: Waiting) -> None:
    """Answer an event that was sent twice at once when the first of the two is durable."""

    def copy(done: "asyncio.Future[Outcome]") -> None:
        if twin.done.done() or done.cancelled():
            return
        error = done.exception()
        if error is not None:
            twin.done.set_exception(error)
        else:
            twin.done.set_result(Outcome(Reason.DUPLICATE, done.result().incident))

    first.done.add_done_callback(copy)
