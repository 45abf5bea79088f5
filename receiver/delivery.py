"""One delivery: bring one notifier up to date with one incident, under a lease.

The attempt is stored before the call. Whoever finds an unfinished attempt asks the notifier to find
it first. A receipt is saved even after a lost lease.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping

import msgspec

from receiver.clock import Clock
from receiver.dispatch import Dispatcher
from receiver.logs import correlation_id
from receiver.metrics import Metrics
from receiver.notify.base import (
    Absent,
    Delivered,
    Notifier,
    Outcome,
    Rejected,
    Retry,
    Step,
    View,
    Wait,
)
from receiver.store.record import decode_incident
from receiver.store.tasks import Reading, Task, TaskStore
from routing.event import DeliveryFailed, DeliveryNoted
from routing.incident import Entry, Incident
from routing.receipt import Attempt, Receipt, merge_receipts

log = logging.getLogger("notify")

BACKOFF_MS = 1_000
BACKOFF_MAX_MS = {"urgent": 60_000, "normal": 300_000}
GIVE_UP_AFTER_MS = 24 * 3_600_000
"""A notifier that failed for a day is treated as one that says no."""
LEASE_MARGIN_MS = 3_000
"""Kept free at the end of a lease for executor queueing and the round trip that settles it."""


class _Job(msgspec.Struct, frozen=True):
    """A claimed delivery and what was known when it was claimed.

    ``entries`` is the timeline after the entry numbered ``entries_from``, the receipt's cursor.
    ``paged`` is what all notifiers of the incident have delivered, for ``decide``.
    """

    task: Task
    incident: Incident
    entries: tuple[Entry, ...]
    entries_from: int
    paged: dict[str, int]

    @property
    def name(self) -> str:
        """Name of the notifier."""
        return self.task.task.removeprefix("notify:")


class Delivery:
    """Delivers claimed ``notify:<name>`` tasks."""

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        tasks: TaskStore,
        dispatcher: Dispatcher,
        clock: Clock,
        metrics: Metrics,
        incident_url: Callable[[str], str],
    ) -> None:
        self.notifiers = notifiers
        self._tasks = tasks
        self._dispatcher = dispatcher
        self._clock = clock
        self._metrics = metrics
        self._url = incident_url

    async def deliver(self, task: Task, reading: Reading) -> None:
        """Do as many steps as the lease allows, then settle the task.

        Usually that is two writes: the attempt before the call, and the receipt with the end of
        the task after it.
        """
        name = task.task.removeprefix("notify:")
        incident = decode_incident(reading.record) if reading.record else None
        if incident is None or name not in incident.pages:
            await self._tasks.settle(task, "done", self._clock.now(), delivered=task.want)
            return
        correlation_id.set(incident.correlation_id)
        receipt: Receipt | None = reading.receipts.get(name, Receipt())
        job = await self._job(task, incident, receipt or Receipt(), reading)
        notifier = self.notifiers.get(name)
        if notifier is None:
            await self._reject(job, receipt or Receipt(), "not configured any more")
            return
        for done in range(notifier.steps + 1):
            if receipt is not None:
                receipt = await self._step(job, notifier, receipt, last=done == notifier.steps)

    async def _job(
        self, task: Task, incident: Incident, receipt: Receipt, reading: Reading
    ) -> _Job:
        entries, told = reading.entries, reading.entries_from
        if receipt.cursor < told:
            told = receipt.cursor
            entries = tuple(await self._dispatcher.store.timeline(incident.id, told))
        return _Job(task, incident, entries, told, reading.paged)

    def _view(self, job: _Job, receipt: Receipt) -> View:
        return View(
            incident=job.incident,
            page=job.incident.pages[job.name],
            timeline=job.entries[max(0, receipt.cursor - job.entries_from) :],
            now=self._clock.now(),
            url=self._url(job.incident.id),
        )

    async def _step(
        self, job: _Job, notifier: Notifier, receipt: Receipt, *, last: bool
    ) -> Receipt | None:
        """Do one step; return the receipt to go on with, or None when the task is settled.

        The receipt of the step before is stored with the attempt of this one, or with the end of
        the task; until then that step's own attempt stands for it.
        """
        view = self._view(job, receipt)
        given_up = receipt.failed_seq >= view.page.seq
        found = receipt.attempt is None or given_up or await self._find(job, notifier, receipt)
        if not isinstance(found, bool):
            return await self._handle(job, receipt, found)
        # A page given up is not tried again, but what follows it (a resolve) still is.
        step = notifier.plan(view, receipt)
        if step is None or (given_up and isinstance(step, Step) and step.seq):
            version = job.incident.version
            await self._save(job.task, "done", receipt, delivered=version, due=view.now)
            return None
        if isinstance(step, Wait):
            version = job.incident.version
            await self._save(job.task, "again", receipt, delivered=version, due=step.until)
            return None
        if last or job.task.until - view.now < notifier.timeout * 1000 + LEASE_MARGIN_MS:
            await self._save(job.task, "again", receipt)
            return None
        told = receipt.cursor + len(view.timeline)
        attempt = Attempt(step.what, view.now, step.seq, step.key, told)
        trying = msgspec.structs.replace(receipt, attempt=attempt)
        held, receipt = await self._save(job.task, "hold", trying)
        if not held:
            log.info("lease lost before the call", extra={"incident": view.incident.id})
            return None
        return await self._handle(job, receipt, await self._perform(notifier, view, receipt, step))

    async def _find(self, job: _Job, notifier: Notifier, receipt: Receipt) -> Outcome | bool:
        """Find out what became of an attempt nobody saw the end of; True: it may be repeated."""
        found = await notifier.find(self._view(job, receipt), receipt)
        if not isinstance(found, Absent):
            return found
        if found.note:
            await self._note(job, found.note)
        return True

    async def _perform(
        self, notifier: Notifier, view: View, receipt: Receipt, step: Step
    ) -> Outcome:
        started = time.perf_counter()
        outcome = await notifier.perform(view, receipt, step)
        took = time.perf_counter() - started
        status = _status(outcome)
        self._metrics.notified(notifier.name, status, took)
        paged = isinstance(outcome, Delivered) and outcome.receipt.paged_seq >= step.seq
        if paged and step.seq and step.seq == view.page.seq:
            lag = max(0, self._clock.now() - view.page.at) / 1000
            self._metrics.delivered(notifier.name, view.incident.priority, lag)
        log.log(
            logging.INFO if isinstance(outcome, Delivered) else logging.WARNING,
            "%s %s: %s",
            notifier.name,
            step.what,
            status if isinstance(outcome, Delivered) else outcome.reason,
            extra={
                "incident": view.incident.id,
                "correlation_id": view.incident.correlation_id,
                "status": status,
                "duration_ms": round(took * 1000, 1),
            },
        )
        return outcome

    async def _handle(self, job: _Job, receipt: Receipt, outcome: Outcome) -> Receipt | None:
        if isinstance(outcome, Delivered):
            if outcome.note:
                await self._note(job, outcome.note)
            return msgspec.structs.replace(
                outcome.receipt, attempt=None, failures=0, first_failed_at=0, last_error=""
            )
        now = self._clock.now()
        since = receipt.first_failed_at or now
        if isinstance(outcome, Retry) and now - since < GIVE_UP_AFTER_MS:
            lane = job.task.lane
            delay = outcome.after if outcome.after is not None else backoff(receipt, lane)
            waiting = msgspec.structs.replace(
                receipt,
                attempt=receipt.attempt if outcome.unknown else None,
                failures=receipt.failures + 1,
                first_failed_at=since,
                last_error=outcome.reason,
            )
            await self._save(job.task, "again", waiting, due=now + delay, not_before=now + delay)
            return None
        await self._reject(job, receipt, outcome.reason)
        return None

    async def _reject(self, job: _Job, receipt: Receipt, reason: str) -> None:
        """Give the page up for ever. The page moves on first: a crash in between repeats this.

        It is said once a page: two notifiers that both fail must not keep each other busy.
        """
        seq = job.incident.pages[job.name].seq
        if receipt.failed_seq < seq:
            unpaged = receipt.paged_seq < seq
            event = DeliveryFailed(job.name, seq if unpaged else 0, reason, job.paged)
            await self._dispatcher.submit(event, job.incident.id)
        failed = msgspec.structs.replace(
            receipt, attempt=None, failed_seq=seq, failures=receipt.failures + 1, last_error=reason
        )
        # Whoever was paged anew meanwhile has a higher "want" than this, and is due again.
        await self._save(job.task, "done", failed, delivered=job.incident.version)

    async def _note(self, job: _Job, text: str) -> None:
        await self._dispatcher.submit(DeliveryNoted(job.name, text), job.incident.id)

    async def _save(
        self,
        task: Task,
        verb: str,
        receipt: Receipt,
        *,
        delivered: int = 0,
        due: int = 0,
        not_before: int = 0,
    ) -> tuple[bool, Receipt]:
        """Store the receipt and settle; return (lease held, receipt with its new revision)."""
        while True:
            now = self._clock.now()
            settled = await self._tasks.settle(
                task,
                verb,
                now,
                delivered=delivered,
                due=due or now,
                not_before=not_before,
                receipt=receipt,
            )
            if not settled.clash:
                saved = msgspec.structs.replace(receipt, revision=receipt.revision + 1)
                return settled.held, saved
            receipt = merge_receipts(settled.current or Receipt(), receipt)


def _status(outcome: Outcome) -> str:
    if isinstance(outcome, Delivered):
        return "success"
    if isinstance(outcome, Rejected):
        return "failed"
    return "unknown" if outcome.unknown else "retry"


def backoff(receipt: Receipt, lane: str) -> int:
    """Return the jittered delay (ms) before the next attempt after ``receipt.failures`` failed."""
    ceiling = min(BACKOFF_MAX_MS[lane], BACKOFF_MS << min(receipt.failures, 12))
    return int(ceiling * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
