"""Deliveries on a real store, to a notifier that does what a test tells it."""

from collections import deque
from typing import Any

import msgspec

from receiver.clock import Clock
from receiver.engine.delivery import Delivery
from receiver.engine.dispatcher import Dispatcher
from receiver.engine.notifier_health import NotifierHealth
from receiver.notify.notifier import (
    Absent,
    Delivered,
    Outcome,
    Rejected,
    Retry,
    Step,
    Tried,
    View,
    Wait,
)
from receiver.notify.rate_budget import Budget
from receiver.notify.receipt_state import NO_STATE, ReceiptState
from receiver.observability.metrics.registry import Metrics
from receiver.store.budgets import BudgetStore
from receiver.store.incidents import IncidentStore
from receiver.store.tasks import Task, TaskStore
from routing.alert import Alert
from routing.event import Event
from routing.incident import Incident
from routing.receipt import Attempt, Receipt
from routing.rules import Rules
from routing.rules import Step as PolicyStep
from tests.support.audit import audit_of
from tests.support.builders import MINUTE, NOW, alert, received, rules

LEASE_MS = 60_000
POLICY = rules(PolicyStep(("pager",)), PolicyStep(("other",), after=5 * MINUTE))


class SetClock(Clock):
    """Time that a test sets."""

    at = NOW

    def now(self) -> int:
        return self.at


class Scripted:
    """Pages, then shows what is new; each call ends as the next of ``outcomes`` says, or well."""

    kind = "scripted"
    timeout = 10.0
    repeatable = False

    def __init__(self, name: str, steps: int = 3) -> None:
        self.name = name
        self.steps = steps
        self.state: ReceiptState[Any] = NO_STATE
        self.outcomes: deque[Retry | Rejected | Exception] = deque()
        self.finds: deque[Delivered | Absent | Retry | Rejected] = deque()
        self.calls: list[str] = []
        self.wait_until = 0
        self.rate: Budget | None = None
        self.before_call: Any = None
        self.note = ""

    def plan(self, view: View, receipt: Receipt) -> Step | Wait | None:
        settled = max(receipt.paged_seq, receipt.failed_seq)
        if view.incident.wants(view.page) and view.page.seq > settled:
            return Step("page", seq=view.page.seq)
        if self.wait_until > view.now:
            return Wait(self.wait_until)
        return Step("update") if receipt.version < view.incident.version else None

    def budget(self, _view: View, _step: Step) -> Budget | None:
        return self.rate

    async def perform(self, view: View, receipt: Receipt, step: Step) -> Outcome:
        self.calls.append(step.what)
        if self.before_call is not None:
            await self.before_call()
        if self.outcomes:
            outcome = self.outcomes.popleft()
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        return Delivered(done(view, receipt, step), note=self.note)

    async def find(self, view: View, receipt: Receipt) -> Delivered | Absent | Retry | Rejected:
        self.calls.append("find")
        return self.finds.popleft() if self.finds else Absent()

    def recover(self, view: View) -> Receipt:
        self.calls.append("recover")
        return Receipt(attempt=Attempt("page", view.now, view.page.seq))

    async def check(self) -> Tried:
        return Tried(works=True)

    async def send_test(self, text: str) -> str:
        return text and ""

    async def close(self) -> None:
        return


def done(view: View, receipt: Receipt, step: Step) -> Receipt:
    """The receipt after a step that worked."""
    return msgspec.structs.replace(
        receipt,
        paged_seq=max(receipt.paged_seq, step.seq),
        version=view.incident.version,
        cursor=receipt.cursor + len(view.timeline),
        delivered_at=view.now,
    )


class Bench:
    """A store, a dispatcher and the deliveries of two notifiers: ``pager``, then ``other``."""

    def __init__(self, redis: Any, policy: Rules = POLICY, digest_above: int = 0) -> None:
        self.clock = SetClock()
        self.store = IncidentStore(redis, 1, tombstone_ttl=60_000)
        self.tasks = TaskStore(redis, 1, self.clock.now)
        self.dispatcher = Dispatcher(
            self.store, self.clock, lambda _route: policy, audit_of(self.store, self.clock)
        )
        self.budgets = BudgetStore(redis)
        self.health = NotifierHealth(self.clock)
        self.pager, self.other = Scripted("pager"), Scripted("other")
        self.notifiers: dict[str, Any] = {"pager": self.pager, "other": self.other}
        self.delivery = Delivery(
            self.notifiers,
            self.tasks,
            self.dispatcher,
            self.clock,
            Metrics(version="1", channels=("pager", "other")),
            lambda incident: f"https://im.example/incidents/{incident}",
            self.budgets,
            self.health,
            digest_above=digest_above,
        )
        self.id = ""
        self._leases = 0

    async def start(self) -> "Bench":
        self.dispatcher.start(lambda: None)
        return self

    async def stop(self) -> None:
        await self.dispatcher.stop()

    async def tell(self, event: Event) -> str:
        """Decide an event of the incident; return the reason."""
        outcome = await self.dispatcher.submit(event, self.id)
        return str(outcome.reason)

    async def open(self, *alerts: Alert) -> Incident:
        """Open the incident."""
        outcome = await self.dispatcher.submit(received(*(alerts or (alert(),))))
        assert outcome.incident is not None
        self.id = outcome.incident.id
        return outcome.incident

    async def claim(self) -> list[Task]:
        """Lease what is due of all lanes."""
        self._leases += 1
        now = self.clock.at
        found = []
        for lane in self.tasks.keys[0].due:
            until, token = now + LEASE_MS, f"lease-{self._leases}"
            found += await self.tasks.claim(0, lane, now, until, token, 100)
        return found

    async def deliver(self, claimed: list[Task] | None = None) -> list[str]:
        """Deliver what is due now; return the notifiers whose turn it was, sorted."""
        tasks = await self.claim() if claimed is None else claimed
        mine = [task for task in tasks if task.task.startswith("notify:")]
        for task, reading in zip(mine, await self.tasks.read(mine), strict=True):
            await self.delivery.deliver(task, reading)
        return sorted(task.task.removeprefix("notify:") for task in mine)

    async def receipt(self, name: str = "pager") -> Receipt:
        return (await self.tasks.receipts(self.id)).get(name, Receipt())

    async def incident(self) -> Incident:
        found = await self.store.load(self.id)
        assert found is not None
        return found

    async def due_in(self, name: str = "pager") -> int | None:
        """In how many ms the notifier's task may be claimed; None: it has none."""
        for lane, key in self.tasks.keys[0].due.items():
            score = await self.tasks.redis.zscore(key, f"{self.id}|notify:{name}")
            if score is not None:
                assert lane in self.tasks.keys[0].due
                return int(score) - self.clock.at
        return None

    async def told(self, kind: str) -> list[str]:
        """The timeline's lines of a kind."""
        return [entry.text for entry in await self.store.timeline(self.id) if entry.kind == kind]
