"""What becomes of a delivery: the receipt is stored, the task settled, a page given up moves on."""

import logging
import random
from collections.abc import Mapping

import msgspec

from receiver.clock import Clock
from receiver.engine.digest import Member
from receiver.engine.dispatcher import Dispatcher
from receiver.engine.notifier_health import NotifierHealth
from receiver.notify.notifier import Delivered, Notifier, Outcome, Rejected, Retry, View
from receiver.notify.rate_budget import Budget
from receiver.notify.receipt_state import NO_STATE
from receiver.observability.metrics.registry import Metrics
from receiver.store.audit.entry import DETAIL_MAX, AuditEntry
from receiver.store.budgets import BudgetStore
from receiver.store.tasks import Task, TaskStore
from routing.event import DeliveryFailed, DeliveryNoted, DeliveryRecovered
from routing.incident import Incident
from routing.incident_parts import INFORMED, Entry
from routing.receipt import Receipt
from routing.vocabulary import Lane

log = logging.getLogger("notify")

BACKOFF_MS = 1_000
BACKOFF_MAX_MS = {Lane.URGENT: 60_000, Lane.NORMAL: 300_000, Lane.BACKGROUND: 60_000}
REPAIR_MS, REPAIR_MAX_MS = 60_000, 600_000
ONCE_MORE_MS = 2_000
"""How soon an odd refusal is asked for again: longer than a restart behind a load balancer takes to
be noticed, and short for a page."""
KNOWN_BY_MS = 10_000
"""How long before a page counts as late its next attempt is made, so that its end is known then."""
GIVE_UP_AFTER_MS = 24 * 3_600_000
"""A notifier that failed for a day is treated as one that says no."""
SAID_MS = 30_000
"""A notifier that was tried again for so long has failed for people; below it is a hiccup."""


class Job(msgspec.Struct, frozen=True):
    """A claimed delivery and what was known when it was claimed.

    ``entries`` is the timeline after the entry numbered ``entries_from``, the receipt's cursor.
    ``paged`` is what all notifiers of the incident have delivered, for ``decide``; ``stored``: the
    receipt as it was read.
    """

    task: Task
    incident: Incident
    entries: tuple[Entry, ...]
    entries_from: int
    paged: dict[str, int]
    stored: Receipt

    @property
    def name(self) -> str:
        """Name of the notifier."""
        return self.task.task.removeprefix("notify:")


class Settlement:
    """Ends what a delivery began, and counts how it went."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it puts together
        self,
        notifiers: Mapping[str, Notifier],
        tasks: TaskStore,
        dispatcher: Dispatcher,
        clock: Clock,
        metrics: Metrics,
        budgets: BudgetStore,
        outages: NotifierHealth,
    ) -> None:
        self._notifiers = notifiers
        self._tasks = tasks
        self._dispatcher = dispatcher
        self._clock = clock
        self._metrics = metrics
        self._budgets = budgets
        self._notifier_health = outages
        self._pages: dict[tuple[str, str], AuditEntry] = {}
        """What the audit trail tells of a delivered page, until its receipt is stored."""

    async def count(self, view: View, what: str, name: str, outcome: Outcome, took: float) -> None:
        """Count and log one call; ``took`` in seconds."""
        status = status_of(outcome)
        if isinstance(outcome, Delivered):
            self._notifier_health.worked(name)
        else:
            self._notifier_health.failed(name, outcome.reason)
            self._metrics.failed(name, outcome.cause)
        self._metrics.notified(name, status, took)
        log.log(
            logging.INFO if isinstance(outcome, Delivered) else logging.WARNING,
            "%s %s: %s",
            name,
            what,
            status if isinstance(outcome, Delivered) else outcome.reason,
            extra={
                "incident": view.incident.id,
                "correlation_id": view.incident.correlation_id,
                "status": status,
                "duration_ms": round(took * 1000, 1),
            },
        )

    def paged(self, view: View, name: str) -> None:
        """Observe how long a page took to reach its notifier."""
        lag = max(0, self._clock.now() - view.page.at) / 1000
        self._metrics.delivered(name, view.incident.priority, lag)

    async def respect_rate_limit(
        self, budget: Budget | None, name: str, began: int, outcome: Outcome
    ) -> None:
        """Let nobody call for as long as the service asks for, and nobody wait once it works again.

        ``began``: when the call was (ms).
        """
        if budget is None:
            return
        now = self._clock.now()
        if isinstance(outcome, Retry):
            waiting = outcome.after or 2 * BACKOFF_MAX_MS[Lane.NORMAL]
            await self._budgets.block(budget, outcome.blocks, waiting, now)
        elif isinstance(outcome, Delivered) and await self._budgets.release(budget, began):
            woken = await self._tasks.wake(f"notify:{name}", now)
            log.info("%s works again: %d deliveries that waited are tried at once", name, woken)

    async def listed(self, member: Member, receipt: Receipt, outcome: Outcome, number: int) -> None:
        """End the task of an incident that a digest listed, or was to list."""
        job = Job(member.task, member.incident, (), 0, {}, receipt)
        if isinstance(outcome, Delivered):
            self.paged(member.view, job.name)
            self._tell_of_page(job)
            receipt = await self._worked(job, receipt, receipt)
            await self.note(job, f"listed in a digest of {number} incidents")
            version = member.incident.version
            await self.save(job.task, "done", receipt, delivered=version, due=member.view.now)
            return
        if isinstance(outcome, Rejected):
            # A list that is refused says nothing of a message of its own.
            outcome = Retry(outcome.reason, after=0)
        await self.handle(job, receipt, outcome)

    async def handle(self, job: Job, receipt: Receipt, outcome: Outcome) -> Receipt | None:
        """Return the receipt to go on with after a success; else settle the task."""
        if isinstance(outcome, Delivered):
            if outcome.note:
                await self.note(job, outcome.note)
            if outcome.receipt.paged_seq > receipt.paged_seq:
                self._tell_of_page(job)
            return await self._worked(job, receipt, outcome.receipt)
        now = self._clock.now()
        since = receipt.first_failed_at or now
        if isinstance(outcome, Retry) and now - since < GIVE_UP_AFTER_MS:
            lane = job.task.lane
            delay = outcome.after if outcome.after is not None else backoff(receipt, lane)
            delay = min(delay, self._patience(job, receipt, now))
            waiting = msgspec.structs.replace(
                receipt,
                attempt=receipt.attempt if outcome.unknown else None,
                failures=receipt.failures + 1,
                failed_since=receipt.failed_since or now,
                first_failed_at=since,
                last_error=outcome.reason,
                doubted_seq=_seq(job) if outcome.doubted else receipt.doubted_seq,
            )
            await self.save(job.task, "again", waiting, due=now + delay, not_before=now + delay)
            return None
        repairable = isinstance(outcome, Rejected) and outcome.repairable
        await self.reject(job, receipt, outcome.reason, repairable=repairable)
        return None

    def _patience(self, job: Job, receipt: Receipt, now: int) -> int:
        """Return how long (ms) the next attempt may wait at most, whatever the service asks for.

        A page of a P1 or P2 is tried again in time to be delivered within ``deliver_within``;
        after that, it is not left for longer than that.
        """
        incident, page = job.incident, job.incident.pages[job.name]
        owed = page.seq > max(receipt.paged_seq, receipt.failed_seq) and incident.wants(page)
        if incident.lane != Lane.URGENT or not owed:
            return GIVE_UP_AFTER_MS
        rules = self._dispatcher.rules(incident.group.route)
        within = rules.clocks[incident.priority].deliver_within
        left = page.at + within - min(KNOWN_BY_MS, within // 2) - now
        return left if left > 0 else within

    async def reject(
        self, job: Job, receipt: Receipt, reason: str, *, repairable: bool = False
    ) -> None:
        """Give the page up for ever. The page moves on first: a crash in between repeats this.

        It is said once a page: two notifiers that both fail must not keep each other busy. What can
        be put right outside is tried again now and then, so that the incident is shown in the end.
        """
        now = self._clock.now()
        since = receipt.first_failed_at or now
        repairable = repairable and now - since < GIVE_UP_AFTER_MS
        seq = _seq(job)
        if receipt.failed_seq < seq:
            unpaged = receipt.paged_seq < seq
            # What others delivered since this was claimed may have reached somebody.
            known = await self._tasks.receipts(job.incident.id)
            paged = {name: item.paged_seq for name, item in known.items()}
            errors = {name: item.last_error for name, item in known.items() if item.last_error}
            event = DeliveryFailed(
                job.name, seq if unpaged else 0, reason, paged, errors | {job.name: reason}
            )
            await self._dispatcher.submit(event, job.incident.id)
        failed = msgspec.structs.replace(
            receipt,
            attempt=None,
            failed_seq=seq,
            failures=receipt.failures + 1,
            failed_since=receipt.failed_since or now,
            first_failed_at=since,
            last_error=reason,
            repairable=repairable,
        )
        if repairable:
            # Only what is wanted beyond this version is tried before that.
            shown, later = job.incident.version, now + _repair_delay(receipt)
            await self.save(job.task, "again", failed, delivered=shown, due=later)
            return
        # What is wanted later has its own day of retries, however long ago this failed.
        failed = msgspec.structs.replace(failed, first_failed_at=0)
        # Whoever was paged anew meanwhile has a higher "want" than this, and is due again.
        await self.save(job.task, "done", failed, delivered=job.incident.version)

    async def check_reached(self, job: Job) -> None:
        """Take back that nobody was reached where receipts say otherwise.

        The mark may have been made while a page was on its way. It is a change like any other, so
        that every notifier of the incident comes by here.
        """
        if not job.incident.is_unreached:
            return
        for name, page in job.incident.pages.items():
            if page.step != INFORMED and job.paged.get(name, 0) >= page.since:
                await self._recovered(job, DeliveryRecovered(name, job.paged))
                return

    async def _worked(self, job: Job, before: Receipt, after: Receipt) -> Receipt:
        """Return the receipt of a success, and have it said where people were told of a failure."""
        since = before.failed_since
        pages = job.incident.pages[job.name].step != INFORMED
        unreached = pages and job.incident.is_unreached
        # Of the failures a person was told of, the refused ones are tried no more, or after repair.
        refused = before.failures > 0 and (before.repairable or not before.first_failed_at)
        lasted = since > 0 and self._clock.now() - since >= SAID_MS
        if unreached or refused or lasted:
            paged = job.paged | {job.name: after.paged_seq}
            await self._recovered(job, DeliveryRecovered(job.name, paged, since))
        return msgspec.structs.replace(
            after,
            attempt=None,
            failures=0,
            failed_since=0,
            first_failed_at=0,
            last_error="",
            repairable=False,
        )

    async def _recovered(self, job: Job, event: DeliveryRecovered) -> None:
        # Once, although a crash before the receipt is stored repeats the delivery.
        seq = event.paged.get(event.notifier, 0)
        key = f"recovered:{job.incident.id}:{event.notifier}:{seq}:{event.failed_since}"
        await self._dispatcher.submit(event, job.incident.id, key)

    async def note(self, job: Job, text: str) -> None:
        """Put a line about a delivery into the timeline."""
        await self._dispatcher.submit(DeliveryNoted(job.name, text), job.incident.id)

    def _tell_of_page(self, job: Job) -> None:
        """Have the audit trail tell of a page, with its receipt."""
        incident, page = job.incident, job.incident.pages[job.name]
        self._pages[incident.id, job.name] = AuditEntry(
            self._clock.now(),
            "page",
            "delivered",
            job.name,
            "notifier",
            incident=incident.id,
            version=incident.version,
            correlation_id=incident.correlation_id,
            detail=f"{page.seq} {page.reason}"[:DETAIL_MAX],
        )

    async def save(
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
        name = task.task.removeprefix("notify:")
        told = self._pages.pop((task.incident, name), None)
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
                told=told,
            )
            if not settled.clash:
                saved = msgspec.structs.replace(receipt, revision=receipt.revision + 1)
                return settled.held, saved
            state = self._notifiers[name].state if name in self._notifiers else NO_STATE
            receipt = state.merge(settled.current or Receipt(), receipt)


def believed(outcome: Outcome, view: View, receipt: Receipt) -> Outcome:
    """Return the outcome as it is acted upon: an odd refusal is asked for once more a page."""
    if not isinstance(outcome, Rejected) or not outcome.odd:
        return outcome
    if receipt.doubted_seq >= view.page.seq:
        return outcome
    reason = f"{outcome.reason} (odd: tried once more)"
    return Retry(reason, after=ONCE_MORE_MS, cause=outcome.cause, doubted=True)


def _seq(job: Job) -> int:
    return job.incident.pages[job.name].seq


def status_of(outcome: Outcome) -> str:
    """Return how a call ended: success, retry, unknown (a retry, too) or failed."""
    if isinstance(outcome, Delivered):
        return "success"
    if isinstance(outcome, Rejected):
        return "failed"
    return "unknown" if outcome.unknown else "retry"


def _repair_delay(receipt: Receipt) -> int:
    """Return the jittered delay (ms) before something is tried again that somebody must repair."""
    ceiling = min(REPAIR_MAX_MS, REPAIR_MS << min(receipt.failures, 8))
    return int(ceiling * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


def backoff(receipt: Receipt, lane: Lane) -> int:
    """Return the jittered delay (ms) before the next attempt after ``receipt.failures`` failed."""
    ceiling = min(BACKOFF_MAX_MS[lane], BACKOFF_MS << min(receipt.failures, 12))
    return int(ceiling * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
