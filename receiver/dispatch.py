"""The one way through: every event is decided here and committed here.

Events wait in a queue per shard; one commit per shard is in flight, and carries everything that
came in meanwhile (group commit). Events of one incident in one batch are folded. A conflict hands
back what is there now, and the events are decided again from that.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping

import msgspec

from receiver.audit import note_action
from receiver.clock import Clock
from receiver.dispatch_log import tell
from receiver.errors import StoreUnavailableError
from receiver.logs import trace_context
from receiver.record_cache import RecordCache
from receiver.store.incidents import Duplicate, IncidentStore, Refused, Result, Write, Written
from receiver.store.record import decode_incident, newer_error
from receiver.tracing import Span, Tracing
from routing.decide import decide, fold, is_next_generation
from routing.decision import Decision, Observation
from routing.event import AlertsReceived, Event, HeartbeatSeen
from routing.incident import Incident
from routing.rules import Rules
from routing.watch import watch_id

log = logging.getLogger("dispatch")

BATCH = 256
"""Events in one commit at most: bounds how long the script keeps Redis busy (a few ms)."""
ATTEMPTS = 12
"""Conflicts in a row before an event is given back as "try again"."""
WAITING_MAX = 20_000
"""Events waiting for a commit; beyond it senders are told to try again."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one event: the decision's named reason and the incident afterwards."""

    reason: str
    incident: Incident | None


class _Waiting(msgspec.Struct):
    event: Event
    incident: str
    event_id: str
    done: "asyncio.Future[Outcome]"
    trace: str
    attempts: int = 0
    span: Span | None = None

    @property
    def key(self) -> str:
        """What events are folded by: the group for alerts, else the record they change."""
        return self.event.key if isinstance(self.event, AlertsReceived) else self.incident

    def end_span(self, error: str = "") -> None:
        """End the span of the commit; ``error``: why it stored nothing."""
        if self.span is not None:
            self.span.end(error)


class Dispatcher:
    """Decides and commits events, in batches per shard."""

    def __init__(
        self,
        store: IncidentStore,
        clock: Clock,
        rules: Callable[[str], Rules],
        observe: Callable[[Observation], None],
        tracing: Tracing | None = None,
    ) -> None:
        """``rules(route id)`` gives the rules of a route, ``observe`` takes durable metrics."""
        self.store = store
        self.rules = rules
        self._clock = clock
        self._observe = observe
        self._tracing = tracing
        self._queues: list[deque[_Waiting]] = [deque() for _ in store.keys]
        self._wake = [asyncio.Event() for _ in store.keys]
        self.cache = RecordCache()
        self._tasks: list[asyncio.Task[None]] = []
        self._on_commit: Callable[[], None] = lambda: None
        self._busy = 0

    def start(self, on_commit: Callable[[], None]) -> None:
        """Start one committing task per shard; ``on_commit`` is called when there may be work."""
        self._on_commit = on_commit
        self._tasks = [asyncio.create_task(self._run(shard)) for shard in range(len(self._queues))]

    async def stop(self) -> None:
        """Commit what is queued, then stop."""
        while any(self._queues) or self._busy:  # noqa: ASYNC110 - once, at the very end
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def submit(
        self, event: Event, incident: str = "", event_id: str = ""
    ) -> "asyncio.Future[Outcome]":
        """Queue an event; the future ends when it is durable.

        ``incident`` names the incident for everything but alerts. The future raises
        StoreUnavailableError when the outcome is not known to be durable.
        """
        if isinstance(event, HeartbeatSeen):
            incident = watch_id(event.key)
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(event, incident, event_id, done, trace_context.get())
        try:
            if isinstance(event, AlertsReceived):
                shard = int(event.key[: event.key.index("-")])
            else:
                shard = self.store.shard_of(incident)
        except ValueError:
            # Whoever made it up is told; in a batch it would be everybody's problem.
            waiting.done.set_result(Outcome("unknown_incident", None))
            return waiting.done
        if len(self._queues[shard]) >= WAITING_MAX:
            self._fail([waiting], StoreUnavailableError("overloaded"))
            return waiting.done
        self._queues[shard].append(waiting)
        self._wake[shard].set()
        return waiting.done

    async def _run(self, shard: int) -> None:
        queue, wake = self._queues[shard], self._wake[shard]
        while True:
            await wake.wait()
            wake.clear()
            while queue:
                batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
                self._busy += 1
                try:
                    await self._commit(shard, batch)
                except Exception as error:  # noqa: BLE001 - the batch must be answered whatever happens
                    self._fail(batch, error)
                finally:
                    self._busy -= 1

    @staticmethod
    def _fail(batch: list[_Waiting], error: Exception) -> None:
        if not isinstance(error, StoreUnavailableError):
            log.error("commit failed", exc_info=error)
            error = StoreUnavailableError("the change could not be stored")
        for waiting in batch:
            waiting.end_span(type(error).__name__)
            if not waiting.done.done():
                waiting.done.set_exception(error)

    async def _commit(self, shard: int, batch: list[_Waiting]) -> None:
        groups: dict[str, list[_Waiting]] = {}
        for waiting in batch:
            groups.setdefault(waiting.key, []).append(waiting)
        now = self._clock.now()
        loaded = await self._load_records(groups)
        writes: list[Write] = []
        members: list[tuple[list[_Waiting], list[Decision], list[_Waiting]]] = []
        for key, waiters in groups.items():
            try:
                base = self._base(key, waiters[0], loaded)
            except StoreUnavailableError as error:
                # What a newer release wrote is its own incident's problem and nobody else's.
                self._fail(waiters, error)
                continue
            alive, decisions, rest = self._decide(base, waiters, now)
            if not decisions:
                continue
            folded = fold(decisions)
            if folded.base is None and not folded.changed:
                self._answer(alive, decisions)
                continue
            ids = tuple(waiting.event_id for waiting in alive if waiting.event_id)
            pointer = isinstance(alive[0].event, AlertsReceived)
            writes.append(Write(folded, pointer, ids))
            members.append((alive, decisions, rest))
        if not writes:
            return
        results = await self.store.commit(shard, writes, now)
        again: list[_Waiting] = []
        for write, (alive, decisions, rest), result in zip(writes, members, results, strict=True):
            again += self._settle(write, alive, decisions, result) + rest
        self._queues[shard].extendleft(reversed(again))
        self._on_commit()

    async def _load_records(self, groups: dict[str, list[_Waiting]]) -> dict[str, Incident]:
        """Read what events other than alerts need and the cache does not have, all at once."""
        wanted = []
        for key, waiters in groups.items():
            if isinstance(waiters[0].event, AlertsReceived):
                continue
            stem, _, generation = key.rpartition("-")
            known = self.cache.get(stem)[0]
            if not known or str(known) != generation:
                wanted.append(key)
        return await self.store.read(wanted) if wanted else {}

    def _base(self, key: str, first: _Waiting, loaded: Mapping[str, Incident]) -> Incident | None:
        """Return what is believed to be there. Nothing known of a group means: assume nothing."""
        found = loaded.get(key)
        if found is not None:
            if found.state == "newer":
                raise newer_error(found.id, found.schema)
            return found
        alerts = isinstance(first.event, AlertsReceived)
        generation, known = self.cache.get(key if alerts else key.rpartition("-")[0])
        # What is remembered was written here or has been read: it is in order.
        fits = known and (alerts or key.endswith(f"-{generation}"))
        return decode_incident(known) if fits else None

    def _decide(
        self, base: Incident | None, waiters: list[_Waiting], now: int
    ) -> tuple[list[_Waiting], list[Decision], list[_Waiting]]:
        """Decide the events one after another; one that raises fails alone.

        The last ones returned have to wait: a commit writes one incident of a group, and they
        begin the next one, or come for one that is forgotten by then.
        """
        state = base
        alive: list[_Waiting] = []
        decisions: list[Decision] = []
        told: dict[str, _Waiting] = {}
        for place, waiting in enumerate(waiters):
            event = waiting.event
            if waiting.event_id and waiting.event_id in told:
                _follow(told[waiting.event_id], waiting)
                continue
            told[waiting.event_id] = waiting
            if isinstance(event, AlertsReceived):
                rules = self.rules(event.group.route)
            else:
                rules = self.rules(state.group.route if state else "")
            began = time.time_ns()
            try:
                decision = decide(state, event, now, rules)
            except Exception as error:  # see the docstring
                log.exception("event %s could not be decided", type(event).__name__)
                self._fail([waiting], error)
                continue
            if is_next_generation(decision) and any(known.changed for known in decisions):
                return alive, decisions, waiters[place:]
            if self._tracing is not None:
                decision, waiting.span = self._tracing.decided(
                    waiting.trace, event, state, decision, began
                )
            if decision.changed:
                state = decision.incident
            alive.append(waiting)
            decisions.append(decision)
            if decision.forget:
                return alive, decisions, waiters[place + 1 :]
        return alive, decisions, []

    def _settle(
        self, write: Write, alive: list[_Waiting], decisions: list[Decision], result: Result
    ) -> list[_Waiting]:
        """Answer the waiters of one write, or return those to decide again."""
        if isinstance(result, Written):
            incident = write.decision.incident
            if incident is not None and (result.record or write.decision.forget):
                stem = incident.id.rpartition("-")[0]
                self.cache.remember(stem, incident.generation, result.record)
            for observation in write.decision.observations:
                self._observe(observation)
            if log.isEnabledFor(logging.INFO):
                tell(decisions)
            for waiting in alive:
                waiting.end_span()
            self._answer(alive, decisions)
            return []
        key = alive[0].key
        stem = key if isinstance(alive[0].event, AlertsReceived) else key.rpartition("-")[0]
        self.cache.forget(stem)
        if isinstance(result, Duplicate):
            return self._drop_duplicates(alive, write, result)
        if isinstance(result, Refused):
            self._fail(alive, result.error)
            return []
        if result.record and write.pointer:
            self.cache.remember(stem, result.generation, result.record)
        for waiting in alive:
            waiting.end_span("conflict")
            waiting.attempts += 1
        tired = [waiting for waiting in alive if waiting.attempts > ATTEMPTS]
        self._fail(tired, StoreUnavailableError("too many concurrent changes; try again"))
        return [waiting for waiting in alive if waiting.attempts <= ATTEMPTS]

    def _drop_duplicates(
        self, alive: list[_Waiting], write: Write, result: Duplicate
    ) -> list[_Waiting]:
        applied = {write.event_ids[place] for place in result.places}
        for waiting in alive:
            waiting.end_span("duplicate" if waiting.event_id in applied else "conflict")
            if waiting.event_id in applied and not waiting.done.done():
                waiting.done.set_result(Outcome("duplicate", write.decision.base))
        return [waiting for waiting in alive if waiting.event_id not in applied]

    @staticmethod
    def _answer(alive: list[_Waiting], decisions: list[Decision]) -> None:
        for waiting, decision in zip(alive, decisions, strict=True):
            note_action(waiting.event, decision, waiting.trace)
            if not waiting.done.done():
                waiting.done.set_result(Outcome(decision.reason, decision.incident))


def _follow(first: _Waiting, twin: _Waiting) -> None:
    """Answer an event that was sent twice at once when the first of the two is durable."""

    def copy(done: "asyncio.Future[Outcome]") -> None:
        if twin.done.done() or done.cancelled():
            return
        error = done.exception()
        if error is not None:
            twin.done.set_exception(error)
        else:
            twin.done.set_result(Outcome("duplicate", done.result().incident))

    first.done.add_done_callback(copy)
