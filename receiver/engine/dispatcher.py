"""The one way through: every event is decided here and committed here.

Events wait in a queue per shard; one commit per shard is in flight, and carries everything that
came in meanwhile (group commit). Events of one incident in one batch are folded. A conflict hands
back what is there now, and the events are decided again from that. Large groups have a commit of
their own, one after the other: it takes long to decide them, and nobody else waits for that.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping

from receiver.aio.background import end
from receiver.aio.off_the_loop import in_slices, off_the_loop
from receiver.audit.notes import Audit
from receiver.clock import Clock
from receiver.engine.batch import Batch, Decided, Known, follow, is_large
from receiver.engine.batch_queue import Outcome, Queue, Waiting
from receiver.engine.decision_log import tell
from receiver.engine.record_cache import RecordCache
from receiver.engine.scheduled import scheduled_soon
from receiver.errors import StoreUnavailableError
from receiver.observability.correlation import caller, correlation_id, trace_context
from receiver.observability.tracing import Tracing
from receiver.store.commits import Duplicate, Refused, Write, Written
from receiver.store.incidents import IncidentStore, Result
from receiver.store.records.record import newer_error
from routing.decision import Decision
from routing.event import AlertsReceived, Event, HeartbeatSeen
from routing.heartbeat import watch_id
from routing.incident import Incident
from routing.rules import Rules
from routing.vocabulary import Lane, Reason

log = logging.getLogger("dispatch")

BATCH = 256
"""Events in one commit at most: bounds how long the script keeps Redis busy (a few ms)."""
ATTEMPTS = 12
"""Conflicts in a row before an event is given back as "try again"."""
WAITING_MAX = 20_000
"""Events waiting for a commit; beyond it senders are told to try again."""


class Dispatcher:
    """Decides and commits events, in batches per shard."""

    def __init__(
        self,
        store: IncidentStore,
        clock: Clock,
        rules: Callable[[str], Rules],
        audit: Audit,
        tracing: Tracing | None = None,
    ) -> None:
        """``rules(route id)`` gives the rules of a route."""
        self.store = store
        self.audit = audit
        self.rules = rules
        self._clock = clock
        self._tracing = tracing
        self._queues = [Queue() for _ in store.keys]
        self._wake = [asyncio.Event() for _ in store.keys]
        self._wake_aside = [asyncio.Event() for _ in store.keys]
        self.cache = RecordCache()
        self._tasks: list[asyncio.Task[None]] = []
        self._on_commit: Callable[[], None] = lambda: None
        self._busy = 0
        self.scheduled: dict[Lane, int] = {}
        """When the first of what the last commit scheduled soon is due (ms), by lane."""

    def start(self, on_commit: Callable[[], None]) -> None:
        """Start committing every shard; ``on_commit`` is called when there may be work."""
        self._on_commit = on_commit
        self._tasks = [
            asyncio.create_task(run(shard))
            for shard in range(len(self._queues))
            for run in (self._run, self._run_aside)
        ]

    async def stop(self) -> None:
        """Commit what is queued, then stop."""
        while any(self._queues) or self._busy:  # noqa: ASYNC110 - once, at the very end
            await asyncio.sleep(0.01)
        await end(self._tasks)

    @property
    def full(self) -> bool:
        """True while events of some shard are refused because too many wait."""
        return any(len(queue) >= WAITING_MAX for queue in self._queues)

    def submit(
        self,
        event: Event,
        incident: str = "",
        event_id: str = "",
        versions: frozenset[int] = frozenset(),
    ) -> "asyncio.Future[Outcome]":
        """Queue an event; the future ends when it is durable.

        ``incident`` names the incident for everything but alerts, ``versions`` those of it that the
        event is meant for (none: any): of another nothing changes (``stale``). The future raises
        StoreUnavailableError when the outcome is not known to be durable.
        """
        if isinstance(event, HeartbeatSeen):
            incident = watch_id(event.key)
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        sender = (caller.get(), correlation_id.get())
        waiting = Waiting(event, incident, event_id, done, trace_context.get(), versions, sender)
        try:
            if isinstance(event, AlertsReceived):
                shard = int(event.key[: event.key.index("-")])
            else:
                shard = self.store.shard_of(incident)
        except ValueError:
            # Whoever made it up is told; in a batch it would be everybody's problem.
            waiting.done.set_result(Outcome(Reason.UNKNOWN_INCIDENT, None))
            return waiting.done
        if len(self._queues[shard]) >= WAITING_MAX:
            self._fail([waiting], StoreUnavailableError("overloaded"))
            return waiting.done
        self._queues[shard].put(waiting)
        self._wake[shard].set()
        return waiting.done

    async def commit(self, events: Iterable[Event]) -> list[Outcome]:
        """Return what became of alerts once all are durable.

        Any that failed raises its StoreUnavailableError, after all are known.
        """
        waiting = [self.submit(event) for event in events]
        if len(waiting) == 1:
            return [await waiting[0]]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
        return [outcome for outcome in found if not isinstance(outcome, BaseException)]

    async def _run(self, shard: int) -> None:
        queue, wake = self._queues[shard], self._wake[shard]
        while True:
            await wake.wait()
            wake.clear()
            while queue.ready:
                batch = queue.take(BATCH)
                queue.put_back(await self._committed(shard, batch, aside=False))

    async def _run_aside(self, shard: int) -> None:
        queue, wake = self._queues[shard], self._wake_aside[shard]
        while True:
            await wake.wait()
            wake.clear()
            while batch := queue.take_aside(BATCH):
                again = await self._committed(shard, batch, aside=True)
                queue.end_aside(batch[0].stem, again)

    async def _committed(self, shard: int, batch: list[Waiting], *, aside: bool) -> list[Waiting]:
        """Commit a batch, and answer it whatever happens; return those to decide again."""
        self._busy += 1
        try:
            return await self._commit(shard, batch, aside=aside)
        except Exception as error:  # noqa: BLE001 - the batch must be answered whatever happens
            self._fail(batch, error)
            return []
        finally:
            self._busy -= 1

    @staticmethod
    def _fail(batch: list[Waiting], error: Exception) -> None:
        if not isinstance(error, StoreUnavailableError):
            log.error("commit failed", exc_info=error)
            error = StoreUnavailableError("the change could not be stored")
        for waiting in batch:
            waiting.end_span(type(error).__name__)
            if not waiting.done.done():
                waiting.done.set_exception(error)

    async def _commit(self, shard: int, batch: list[Waiting], *, aside: bool) -> list[Waiting]:
        groups: dict[str, list[Waiting]] = {}
        for waiting in batch:
            groups.setdefault(waiting.key, []).append(waiting)
        now = self._clock.now()
        loaded = await self._load_records(groups)
        known: list[tuple[Known, list[Waiting]]] = []
        for key, waiters in groups.items():
            try:
                found = self._known(key, waiters[0], loaded)
            except StoreUnavailableError as error:
                # What a newer release wrote is its own incident's problem and nobody else's.
                self._fail(waiters, error)
            else:
                known.append((found, waiters))
        if not aside:
            known = self._without_large(shard, known)
        # Whoever is put aside, or has failed, is answered elsewhere whatever happens here.
        batch[:] = [waiting for _, waiters in known for waiting in waiters]
        work = Batch(now, self.rules, self._tracing).decide(known)
        decided = await off_the_loop(lambda: list(work)) if aside else await in_slices(work)
        written = self._answered(decided)
        if not written:
            return []
        results = await self.store.commit(shard, [write for write, _ in written], now)
        ends = zip(written, results, strict=True)
        parts = await in_slices(
            self._settle(write, one.alive, one.decisions, result) + one.rest
            for (write, one), result in ends
        )
        self.scheduled = scheduled_soon((write.decision for write, _ in written), now)
        self._on_commit()
        return [waiting for part in parts for waiting in part]

    def _without_large(
        self, shard: int, known: list[tuple[Known, list[Waiting]]]
    ) -> list[tuple[Known, list[Waiting]]]:
        """Put aside what is of large groups, and return everything else."""
        large = {waiters[0].stem for found, waiters in known if is_large(found, waiters)}
        if not large:
            return known
        for _, waiters in known:
            if waiters[0].stem in large:
                self._queues[shard].put_aside(waiters)
        self._wake_aside[shard].set()
        return [(found, waiters) for found, waiters in known if waiters[0].stem not in large]

    def _answered(self, batch: list[Decided]) -> list[tuple[Write, Decided]]:
        """Answer whoever needs no commit; return what has to be written."""
        written = []
        for found in batch:
            for waiting, error in found.failed:
                self._fail([waiting], error)
            for first, twin in found.twins:
                follow(first, twin)
            if found.write is not None:
                written.append((found.write, found))
            else:
                self._answer(found.alive, found.decisions, stored=False)
        return written

    async def _load_records(self, groups: dict[str, list[Waiting]]) -> dict[str, Incident]:
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

    def _known(self, key: str, first: Waiting, loaded: Mapping[str, Incident]) -> Known:
        """Return what is believed to be there. Nothing known of a group means: assume nothing."""
        found = loaded.get(key)
        if found is not None:
            if found.state == "newer":
                raise newer_error(found.id, found.schema)
            return found
        alerts = isinstance(first.event, AlertsReceived)
        generation, record = self.cache.get(key if alerts else key.rpartition("-")[0])
        # What is remembered was written here or has been read: it is in order.
        return record if record and (alerts or key.endswith(f"-{generation}")) else None

    def _settle(
        self, write: Write, alive: list[Waiting], decisions: list[Decision], result: Result
    ) -> list[Waiting]:
        """Answer the waiters of one write, or return those to decide again."""
        if isinstance(result, Written):
            incident = write.decision.incident
            if incident is not None and (result.record or write.decision.forget):
                stem = incident.id.rpartition("-")[0]
                self.cache.remember(stem, incident.generation, result.record)
            if log.isEnabledFor(logging.INFO):
                tell(decisions)
            for waiting in alive:
                waiting.end_span()
            self._answer(alive, decisions, stored=True)
            return []
        stem = alive[0].stem
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
        self, alive: list[Waiting], write: Write, result: Duplicate
    ) -> list[Waiting]:
        applied = {write.event_ids[place] for place in result.places}
        for waiting in alive:
            waiting.end_span("duplicate" if waiting.event_id in applied else "conflict")
            if waiting.event_id in applied and not waiting.done.done():
                waiting.done.set_result(Outcome(Reason.DUPLICATE, write.decision.base))
        return [waiting for waiting in alive if waiting.event_id not in applied]

    def _answer(self, alive: list[Waiting], decisions: list[Decision], *, stored: bool) -> None:
        for waiting, decision in zip(alive, decisions, strict=True):
            event = waiting.event
            if not isinstance(event, AlertsReceived) or event.by is not None:
                self.audit.action(event, decision, waiting.trace, waiting.sender, stored=stored)
            if not waiting.done.done():
                waiting.done.set_result(Outcome(decision.reason, decision.incident))
