"""A notifier of PagerDuty at work."""

from typing import Any

import msgspec

from receiver.notify.notifier import Delivered, Outcome, Rejected, Step, View, Wait
from receiver.pagerduty.notifier import PagerDutyNotifier
from receiver.pagerduty.receipt import STATE, AlertKey
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Page
from routing.receipt import Attempt, Receipt
from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY

NOW = 1_772_445_600_000


ID = "0-aaaaaaaaaaaaaaaa-1"


KEY = f"{ID}:0"


class Work:
    """An incident, its receipt and a clock: what the agenda hands to a notifier."""

    def __init__(self, notifier: PagerDutyNotifier) -> None:
        self.notifier = notifier
        self.now = NOW
        self.receipt = Receipt()
        self.page = Page(seq=1, since=1, step=0, reason="opened", at=NOW)
        self.incident = Incident(
            id=ID,
            group=Group(cluster="", receiver="r", group_key="k"),
            state="triggered",
            version=1,
            priority="P1",
            title="HighErrorRate",
            opened_at=NOW,
            episode_opened_at=NOW,
        )

    @property
    def view(self) -> View:
        pages = {self.notifier.name: self.page}
        incident = msgspec.structs.replace(self.incident, pages=pages)
        return View(incident, self.page, (), self.now, "https://incidents.example/1")

    def become(self, state: str, **more: Any) -> None:
        fields = {"state": state, "version": self.incident.version + 1, **more}
        if state == "acknowledged":
            self.page = msgspec.structs.replace(self.page, answered_seq=self.page.seq)
        self.incident = msgspec.structs.replace(self.incident, **fields)

    def raise_page(self, **more: Any) -> None:
        self.page = msgspec.structs.replace(self.page, seq=self.page.seq + 1, **more)

    def plan(self) -> Step | Wait | None:
        return self.notifier.plan(self.view, self.receipt)

    async def step(self) -> Outcome:
        """Do the planned step as the agenda does it: the attempt is stored before the call."""
        step = self.plan()
        assert isinstance(step, Step), step
        attempt = Attempt(step.what, self.now, step.seq, step.key)
        self.receipt = msgspec.structs.replace(self.receipt, attempt=attempt)
        outcome = await self.notifier.perform(self.view, self.receipt, step)
        if isinstance(outcome, Delivered):
            self.receipt = msgspec.structs.replace(outcome.receipt, attempt=None)
        elif isinstance(outcome, Rejected) or not outcome.unknown:
            self.receipt = msgspec.structs.replace(self.receipt, attempt=None)
        return outcome

    async def settle(self) -> list[str]:
        """Do everything there is to do, moving the clock to each wait; return what was sent."""
        sent = []
        while (step := self.plan()) is not None:
            if isinstance(step, Wait):
                assert step.until > self.now
                self.now = step.until
                continue
            sent.append(f"{step.what} {step.key.removeprefix(ID)}")
            assert isinstance(await self.step(), Delivered)
            assert len(sent) < 50, "it never comes to rest"
        return sent

    def key(self, dedup_key: str = KEY) -> AlertKey:
        return next(key for key in STATE.of(self.receipt).keys if key.dedup_key == dedup_key)


def make(base_url: str, timeout: float = 3.0) -> PagerDutyNotifier:
    return PagerDutyNotifier(
        "pd", routing_key=DEFAULT_ROUTING_KEY, base_url=base_url, timeout=timeout
    )
