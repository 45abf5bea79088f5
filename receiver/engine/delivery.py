"""One delivery: bring one notifier up to date with one incident, under a lease.

The attempt is stored before the call, and whoever finds an unfinished one asks the notifier to find
it first: unless the same may come twice. A receipt is saved even after a lost lease.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from receiver.clock import Clock
from receiver.engine.digest import Digests, Folded, Member
from receiver.engine.dispatcher import Dispatcher
from receiver.engine.notifier_health import NotifierHealth
from receiver.engine.settlement import Job, Settlement, believed, status_of
from receiver.notify.notifier import (
    Absent,
    Delivered,
    Notifier,
    Outcome,
    Person,
    Step,
    View,
    Wait,
)
from receiver.notify.rate_budget import level_of
from receiver.observability.correlation import correlation_id
from receiver.observability.metrics.registry import Metrics
from receiver.observability.tracing import Tracing, delivering
from receiver.store.budgets import BudgetStore
from receiver.store.records.claimed import Reading
from receiver.store.tasks import Task, TaskStore
from routing.incident import Incident
from routing.receipt import Attempt, Receipt

log = logging.getLogger("notify")

LEASE_MARGIN_MS = 3_000
"""Kept free at the end of a lease for executor queueing and the round trip that settles it."""
RECOVERED = "what it had been sent cannot be read: looked up or sent again, so it may come twice"


class Delivery:
    """Delivers claimed ``notify:<name>`` tasks."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it puts together
        self,
        notifiers: Mapping[str, Notifier],
        tasks: TaskStore,
        dispatcher: Dispatcher,
        clock: Clock,
        metrics: Metrics,
        incident_url: Callable[[str], str],
        budgets: BudgetStore,
        outages: NotifierHealth,
        *,
        digest_above: int = 10,
        on_call: Callable[[Iterable[str]], tuple[Person, ...]] = lambda _names: (),
        tracing: Tracing | None = None,
    ) -> None:
        """``on_call(notifiers)``: whom they ring first; ``digest_above``: see ``Digests``."""
        self.notifiers = notifiers
        self._tasks = tasks
        self._dispatcher = dispatcher
        self._clock = clock
        self._metrics = metrics
        self._url = incident_url
        self._budgets = budgets
        self._notifier_health = outages
        self._on_call = on_call
        self._tracing = tracing
        self._settlement = Settlement(
            notifiers, tasks, dispatcher, clock, metrics, budgets, outages
        )
        self._digests = Digests(tasks, notifiers, digest_above, self._opening_view)

    async def deliver(self, task: Task, reading: Reading) -> None:
        """Do as many steps as the lease allows, then settle the task.

        That is one write, and one before each call of a notifier that must not repeat it.
        """
        name = task.task.removeprefix("notify:")
        incident = await self._dispatcher.store.load(task.incident, reading.record)
        if incident is None or name not in incident.pages:
            await self._tasks.settle(task, "done", self._clock.now(), delivered=task.want)
            return
        correlation_id.set(incident.correlation_id)
        receipt: Receipt | None = reading.receipts.get(name, Receipt())
        job = await self._job(task, incident, receipt or Receipt(), reading)
        await self._settlement.check_reached(job)
        notifier = self.notifiers.get(name)
        if notifier is None:
            await self._settlement.reject(job, receipt or Receipt(), "not configured any more")
            return
        if receipt is not None and (receipt.lost or not notifier.state.reads(receipt)):
            found = notifier.recover(self._view(job, receipt))
            # What of the timeline was told is not known either: all of it is told again.
            receipt = msgspec.structs.replace(found, revision=receipt.revision)
            await self._settlement.note(job, RECOVERED)
        for done in range(notifier.steps + 1):
            if receipt is not None:
                receipt = await self._step(job, notifier, receipt, last=done == notifier.steps)

    async def _job(self, task: Task, incident: Incident, receipt: Receipt, reading: Reading) -> Job:
        entries, told = reading.entries, reading.entries_from
        if receipt.cursor < told:
            told = receipt.cursor
            entries = tuple(await self._dispatcher.store.timeline(incident.id, told))
        return Job(task, incident, entries, told, reading.paged, receipt)

    def _opening_view(self, incident: Incident, reading: Reading, name: str) -> View:
        """Return the view of an incident whose notifier has nothing yet."""
        return View(
            incident=incident,
            page=incident.pages[name],
            timeline=reading.entries,
            now=self._clock.now(),
            url=self._url(incident.id),
        )

    async def _hold(self, task: Task, receipt: Receipt) -> tuple[bool, Receipt]:
        return await self._settlement.save(task, "hold", receipt)

    def _view(self, job: Job, receipt: Receipt) -> View:
        return View(
            incident=job.incident,
            page=job.incident.pages[job.name],
            timeline=job.entries[max(0, receipt.cursor - job.entries_from) :],
            now=self._clock.now(),
            url=self._url(job.incident.id),
            on_call=self._on_call(job.incident.pages),
        )

    async def _step(
        self, job: Job, notifier: Notifier, receipt: Receipt, *, last: bool
    ) -> Receipt | None:
        """Do one step; return the receipt to go on with, or None when the task is settled.

        The receipt of the step before is stored with the attempt of this one, or with the end of
        the task; until then that step's own attempt stands for it.
        """
        view = self._view(job, receipt)
        given_up = receipt.failed_seq >= view.page.seq
        found = receipt.attempt is None or given_up or await self._find(job, notifier, receipt)
        if not isinstance(found, bool):
            return await self._settlement.handle(job, receipt, found)
        step = notifier.plan(view, receipt)
        save, version = self._settlement.save, job.incident.version
        # A page given up is not tried again, but what follows it (a resolve) still is.
        if step is None or (given_up and isinstance(step, Step) and step.seq):
            await save(job.task, "done", receipt, delivered=version, due=view.now)
        elif isinstance(step, Wait):
            await save(job.task, "again", receipt, delivered=version, due=step.until)
        elif last or job.task.until - view.now < notifier.timeout * 1000 + LEASE_MARGIN_MS:
            await save(job.task, "again", receipt)
        elif await self._may_call(job, notifier, receipt, view, step):
            return await self._call(job, notifier, receipt, view, step)
        return None

    async def _call(
        self, job: Job, notifier: Notifier, receipt: Receipt, view: View, step: Step
    ) -> Receipt | None:
        """Store the attempt where that matters, then call, for what waits for the same too."""
        member = Member(job.task, job.incident, receipt, view)
        folded = await self._digests.fold(member, step, self._hold)
        if folded is not None:
            await self._list(notifier, step, folded)
            return None
        if not notifier.repeatable:
            told = receipt.cursor + len(view.timeline)
            attempt = Attempt(step.what, view.now, step.seq, step.key, told)
            trying = msgspec.structs.replace(receipt, attempt=attempt)
            held, receipt = await self._settlement.save(job.task, "hold", trying)
            if not held:
                log.info("lease lost before the call", extra={"incident": view.incident.id})
                return None
        with delivering(self._tracing, notifier.name, step, [view], receipt.failures) as span:
            outcome = await self._perform(notifier, view, receipt, step)
            span.set("incident_manager.status", status_of(outcome))
            span.end("" if isinstance(outcome, Delivered) else outcome.cause)
            # What follows from a failure, such as the next notifier's page, is part of the trace.
            after = await self._settlement.handle(job, receipt, outcome)
        await self._settlement.respect_rate_limit(
            notifier.budget(view, step), notifier.name, view.now, outcome
        )
        return after

    async def _may_call(
        self, job: Job, notifier: Notifier, receipt: Receipt, view: View, step: Step
    ) -> bool:
        """Take the call out of its budget, or have the task come back when there may be one."""
        budget = notifier.budget(view, step)
        if budget is None:
            return True
        level = level_of(view.incident.priority, pages=step.seq > 0)
        later = await self._budgets.take(budget, level, view.now)
        if later:
            self._metrics.budget_waited(notifier.name)
            await self._settlement.save(job.task, "again", receipt, due=later, not_before=later)
        return not later

    async def _find(self, job: Job, notifier: Notifier, receipt: Receipt) -> Outcome | bool:
        """Find out what became of an attempt nobody saw the end of; True: it may be repeated."""
        found = await notifier.find(self._view(job, receipt), receipt)
        if not isinstance(found, Absent):
            if isinstance(found, Delivered):
                self._notifier_health.worked(notifier.name)
            else:
                self._notifier_health.failed(notifier.name, found.reason)
            return found
        if found.note:
            await self._settlement.note(job, found.note)
        return True

    async def _perform(
        self, notifier: Notifier, view: View, receipt: Receipt, step: Step
    ) -> Outcome:
        started = time.perf_counter()
        outcome = believed(await notifier.perform(view, receipt, step), view, receipt)
        took = time.perf_counter() - started
        await self._settlement.count(view, step.what, notifier.name, outcome, took)
        paged = isinstance(outcome, Delivered) and outcome.receipt.paged_seq >= step.seq
        if paged and step.seq and step.seq == view.page.seq:
            self._settlement.paged(view, notifier.name)
        return outcome

    async def _list(self, notifier: Notifier, step: Step, folded: Folded) -> None:
        """Send one message for many openings, and settle each of them."""
        first = folded.sent[0][0].view
        started = time.perf_counter()
        views = [member.view for member, _ in folded.sent]
        with delivering(self._tracing, notifier.name, step, views) as span:
            outcome = await folded.send()
            took = time.perf_counter() - started
            span.set("incident_manager.status", status_of(outcome))
            span.end("" if isinstance(outcome, Delivered) else outcome.cause)
            await self._settlement.count(first, "digest", notifier.name, outcome, took)
        number = len(folded.sent)
        await asyncio.gather(
            *(
                self._settlement.listed(member, receipt, outcome, number)
                for member, receipt in folded.receipts(outcome)
            )
        )
        await self._settlement.respect_rate_limit(
            notifier.budget(first, step), notifier.name, first.now, outcome
        )
