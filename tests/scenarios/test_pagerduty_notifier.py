"""The PagerDuty notifier alone, against a strict PagerDuty: what it sends, when, and what it
makes of each answer."""

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiohttp import web

from receiver.notify.notifier import Absent, Delivered, Outcome, Rejected, Retry, Step, View, Wait
from receiver.pagerduty.notifier import PagerDutyNotifier
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Page
from routing.receipt import AlertKey, Attempt, Receipt
from tests.fakes.pagerduty import DEFAULT_ROUTING_KEY, FakePagerDuty
from tests.patience import PATIENCE_S
from tests.scenarios.conftest import until

NOW = 1_772_445_600_000
SETTLE = 5_000
CONFIRM = 60_000
ID = "0-aaaaaaaaaaaaaaaa-1"
KEY = f"{ID}:0"


class Desk:
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
        return next(key for key in self.receipt.keys if key.dedup_key == dedup_key)


@pytest.fixture
async def pagerduty() -> AsyncIterator[FakePagerDuty]:
    fake = FakePagerDuty()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def desk(pagerduty: FakePagerDuty) -> AsyncIterator[Desk]:
    notifier = make(pagerduty.base_url)
    yield Desk(notifier)
    await notifier.close()


def make(base_url: str, timeout: float = 3.0) -> PagerDutyNotifier:
    return PagerDutyNotifier(
        "pd", routing_key=DEFAULT_ROUTING_KEY, base_url=base_url, timeout=timeout
    )


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long pdpyras would have slept before each of its own retries, which hold up a thread."""
    found: list[float] = []
    monkeypatch.setattr("pdpyras.time", SimpleNamespace(sleep=found.append))
    return found


# What is sent, and when.


async def test_the_life_of_an_incident(desk: Desk, pagerduty: FakePagerDuty) -> None:
    assert await desk.settle() == ["trigger :0"]
    assert (desk.receipt.paged_seq, desk.receipt.version) == (1, 1)
    desk.become("acknowledged")
    assert await desk.settle() == ["acknowledge :0", "acknowledge :0"]
    assert desk.key().confirmed
    desk.become("resolved")
    assert await desk.settle() == ["resolve :0", "resolve :0"]
    assert (desk.key().state, desk.key().confirmed) == ("resolved", True)
    assert desk.receipt.version == 3
    [incident] = pagerduty.incidents
    assert incident.actions == ["trigger", "acknowledge", "acknowledge", "resolve"]
    assert incident.client == "LLM Incident Manager"


async def test_an_acknowledge_waits_from_the_accepted_trigger(
    desk: Desk, pagerduty: FakePagerDuty
) -> None:
    """The 202 came long after the step was planned: the time runs from the 202."""
    pagerduty.faults.add("hang", seconds=1.0)
    assert isinstance(await desk.step(), Delivered)
    desk.become("acknowledged")
    desk.now += 1_000
    wait = desk.plan()
    assert isinstance(wait, Wait)
    assert wait.until >= NOW + 1_000 + SETTLE
    desk.now = wait.until
    assert desk.plan() == Step("acknowledge", key=KEY)


@pytest.mark.parametrize("reorder", [False, True])
async def test_nothing_overtakes_a_trigger_that_is_still_queued(reorder: bool) -> None:
    pagerduty = FakePagerDuty(processing_delay=0.2, reorder=reorder)
    await pagerduty.start()
    desk = Desk(make(pagerduty.base_url))
    try:
        await desk.step()
        desk.become("resolved")
        wait = desk.plan()
        assert isinstance(wait, Wait)
        await until(lambda: not pagerduty.queued)
        desk.now = wait.until
        await desk.step()
        assert pagerduty.dropped == []
        await until(lambda: not pagerduty.queued)
        assert [incident.status for incident in pagerduty.incidents] == ["resolved"]
    finally:
        await desk.notifier.close()
        await pagerduty.stop()


async def test_an_acknowledge_that_was_dropped_is_made_good_by_the_second(
    desk: Desk, pagerduty: FakePagerDuty
) -> None:
    pagerduty.processing_delay = 30.0
    pagerduty.reorder = True
    await desk.step()
    desk.become("acknowledged")
    desk.now += SETTLE + 1_000
    await desk.step()
    assert [event.method for event in pagerduty.dropped] == ["acknowledge"]
    pagerduty.process_queued()
    assert pagerduty.incidents[0].status == "triggered"
    assert await desk.settle() == ["acknowledge :0"]
    assert pagerduty.incidents[0].status == "acknowledged"


async def test_a_further_page_is_an_alert_of_its_own(desk: Desk, pagerduty: FakePagerDuty) -> None:
    await desk.settle()
    desk.become("acknowledged")
    await desk.settle()
    desk.become("triggered", priority="P1")
    desk.raise_page(reason="priority_raised")
    assert await desk.settle() == ["trigger :0:2"]
    assert [i.status for i in pagerduty.incidents] == ["acknowledged", "triggered"]
    assert desk.receipt.paged_seq == 2
    desk.become("resolved")
    assert sorted((await desk.settle())[:2]) == ["resolve :0", "resolve :0:2"]
    assert [i.status for i in pagerduty.incidents] == ["resolved", "resolved"]


async def test_no_acknowledge_goes_out_once_the_incident_wants_somebody_again(
    desk: Desk, pagerduty: FakePagerDuty
) -> None:
    """PagerDuty acknowledges whole incidents, and the new page may be grouped into the old one."""
    await desk.settle()
    desk.become("acknowledged")
    desk.become("triggered")
    desk.raise_page(reason="priority_raised")
    assert await desk.settle() == ["trigger :0:2"]
    assert "acknowledge" not in [event.method for event in pagerduty.events]


async def test_a_new_episode_is_a_new_alert_and_the_old_one_is_resolved(
    desk: Desk, pagerduty: FakePagerDuty
) -> None:
    await desk.settle()
    desk.become("triggered", episode=1)
    desk.raise_page(reason="reopened", since=2)
    assert await desk.settle() == ["trigger :1", "resolve :0", "resolve :0"]
    assert [i.status for i in pagerduty.incidents] == ["resolved", "triggered"]


@pytest.mark.parametrize("state", ["acknowledged", "resolved"])
async def test_a_page_nobody_needs_any_more_is_not_sent(desk: Desk, state: str) -> None:
    desk.become(state)
    assert desk.plan() is None


async def test_a_page_given_up_is_not_sent_but_older_alerts_are_still_resolved(desk: Desk) -> None:
    await desk.settle()
    desk.raise_page(reason="deadline")
    desk.receipt = msgspec.structs.replace(desk.receipt, failed_seq=2)
    assert desk.plan() is None
    desk.become("resolved")
    assert await desk.settle() == ["resolve :0", "resolve :0"]


async def test_an_open_alert_is_brought_on_before_a_finished_one_is_confirmed(desk: Desk) -> None:
    await desk.settle()
    desk.become("acknowledged")
    desk.now += SETTLE + 1_000
    await desk.step()
    desk.become("triggered")
    desk.raise_page(reason="priority_raised")
    await desk.step()
    desk.become("acknowledged")
    desk.now += CONFIRM + 1_000
    assert desk.plan() == Step("acknowledge", key=f"{KEY}:2")


async def test_the_version_is_told_only_when_all_of_it_is(desk: Desk) -> None:
    await desk.settle()
    desk.become("triggered", episode=1)
    desk.raise_page(reason="reopened", since=2)
    assert isinstance(await desk.step(), Delivered)
    assert desk.receipt.version == 1, "the alert of the old episode is still open"
    await desk.settle()
    assert desk.receipt.version == 2


# Attempts whose outcome is unknown.


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "hang_after", "503", "html"])
@pytest.mark.parametrize("state", ["triggered", "resolved"])
async def test_an_unknown_trigger_is_repeated_under_its_key_before_anything_else(
    pagerduty: FakePagerDuty, fault: str, state: str
) -> None:
    desk = Desk(make(pagerduty.base_url, timeout=2.0))
    pagerduty.faults.add(fault)
    outcome = await desk.step()
    assert isinstance(outcome, Retry)
    assert outcome.unknown
    assert await desk.notifier.find(desk.view, desk.receipt) == Absent()
    desk.become(state)
    desk.raise_page(reason="deadline")
    assert desk.plan() == Step("trigger", seq=1, key=KEY)
    await desk.settle()
    statuses = {incident.dedup_key: incident.status for incident in pagerduty.incidents}
    assert len(statuses) == len(pagerduty.incidents)
    assert statuses[KEY] == state
    await desk.notifier.close()


async def test_an_unknown_trigger_of_an_older_episode_is_repeated_and_then_resolved(
    desk: Desk, pagerduty: FakePagerDuty
) -> None:
    pagerduty.faults.add("reset_after")
    await desk.step()
    desk.become("triggered", episode=1)
    desk.raise_page(reason="reopened", since=2)
    assert await desk.settle() == ["trigger :0", "trigger :1", "resolve :0", "resolve :0"]
    assert [i.status for i in pagerduty.incidents] == ["resolved", "triggered"]


async def test_what_is_finished_is_forgotten_in_the_end(desk: Desk) -> None:
    for episode in range(40):
        if episode:
            desk.become("triggered", episode=episode)
            desk.raise_page(reason="reopened", since=desk.page.seq + 1)
        await desk.settle()
        desk.become("resolved")
        await desk.settle()
    desk.become("triggered", episode=40)
    desk.raise_page(reason="reopened", since=desk.page.seq + 1)
    await desk.step()
    assert len(desk.receipt.keys) <= 25
    assert desk.receipt.keys[-1].state == "triggered"


async def test_an_unknown_resolve_gives_way_to_a_new_page(desk: Desk) -> None:
    await desk.settle()
    attempt = Attempt("resolve", NOW, key=KEY)
    desk.receipt = msgspec.structs.replace(desk.receipt, attempt=attempt)
    desk.become("triggered", episode=1)
    desk.raise_page(reason="reopened", since=2)
    assert desk.plan() == Step("trigger", seq=2, key=f"{ID}:1")


# What becomes of each answer. Every one of them takes exactly one request.


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [("500", True), ("503", True), ("html", True), ("reset_before", True), ("reset_after", True)],
)
async def test_a_passing_failure_is_tried_again_later(
    desk: Desk, pagerduty: FakePagerDuty, slept: list[float], fault: str, unknown: bool
) -> None:
    pagerduty.faults.add(fault)
    outcome = await desk.step()
    assert isinstance(outcome, Retry)
    assert (outcome.unknown, outcome.after) == (unknown, None)
    assert slept == []
    assert len(pagerduty.events) == 1


@pytest.mark.parametrize(
    ("header", "after"),
    [
        (None, None),
        ("7", 7_000),
        ("1.5", 1_500),
        ("soon", None),
        ("nan", None),
        ("-3", 1_000),
        ("1000000", 600_000),
    ],
)
async def test_a_rate_limit_says_when(
    desk: Desk, pagerduty: FakePagerDuty, header: str | None, after: int | None
) -> None:
    pagerduty.faults.add("429", retry_after=header)
    outcome = await desk.step()
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.unknown, outcome.blocks) == (after, False, 5_000)
    assert len(pagerduty.events) == 1


async def test_a_refusal_is_final_and_in_pagerdutys_own_words(
    desk: Desk, pagerduty: FakePagerDuty
) -> None:
    words = "'payload' is wrong in a way that takes far more than a hundred characters to say, " * 3
    pagerduty.faults.add(f"error:{words}")
    outcome = await desk.step()
    assert isinstance(outcome, Rejected)
    assert words.strip() in outcome.reason
    assert not outcome.odd
    assert len(pagerduty.events) == 1


async def test_a_wrong_key_is_final_and_is_not_shown(pagerduty: FakePagerDuty) -> None:
    secret = "S" * 32
    desk = Desk(PagerDutyNotifier("pd", routing_key=secret, base_url=pagerduty.base_url))
    outcome = await desk.step()
    assert isinstance(outcome, Rejected)
    assert "Invalid routing key" in outcome.reason
    assert (outcome.odd, outcome.repairable) == (False, False)
    assert secret[-4:] not in outcome.reason
    await desk.notifier.close()


async def answer_of(handler: Any) -> tuple[Outcome, int]:
    """Return the outcome of a trigger answered by `handler`, and how many requests it took."""
    seen = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        answered: web.StreamResponse = await handler(request)
        return answered

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    desk = Desk(make(f"http://127.0.0.1:{runner.addresses[0][1]}", timeout=3.0))
    try:
        return await desk.step(), len(seen)
    finally:
        await desk.notifier.close()
        await runner.cleanup()


HAS_IT = f'{{"status":"success","message":"Event processed","dedup_key":"{KEY}"}}'


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (202, ""),
        (202, "null"),
        (202, "[]"),
        (202, f'["{KEY}"]'),
        (202, '{"status":"success"}'),
        (202, '{"status":"success","dedup_key":"of somebody else"}'),
        (202, f'{{"dedup_key":"{KEY}"}}'),
        (202, f'{{"status":"queued by a proxy","dedup_key":"{KEY}"}}'),
        (202, HAS_IT[:-20]),
        (202, "<html>Please log in</html>"),
        (202, "[" * 100_000),
        (200, HAS_IT),
        (200, "<html>Please log in</html>"),
        (204, ""),
    ],
)
async def test_only_pagerdutys_own_words_say_that_it_has_an_event(status: int, text: str) -> None:
    """Giving the page up for ever would be wrong, too: PagerDuty may be reached again."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    outcome, requests = await answer_of(handler)
    assert isinstance(outcome, Retry)
    assert outcome.unknown
    assert str(status) in outcome.reason
    assert requests == 1


async def test_every_event_is_confirmed_by_its_key(desk: Desk, pagerduty: FakePagerDuty) -> None:
    await desk.step()
    desk.become("resolved")
    desk.now += SETTLE + 1_000
    pagerduty.faults.add("answer", status=202, body='{"status":"success"}')
    outcome = await desk.step()
    assert isinstance(outcome, Retry)
    assert pagerduty.incidents[0].status == "triggered"
    await desk.settle()
    assert pagerduty.incidents[0].status == "resolved"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 410, 413, 422])
async def test_other_4xx_are_refusals_that_something_between_may_have_said(status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text="<html>no</html>")

    outcome, requests = await answer_of(handler)
    assert isinstance(outcome, Rejected)
    assert str(status) in outcome.reason
    assert (outcome.odd, outcome.repairable) == (True, True)
    assert requests == 1


@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 520])
async def test_408_and_every_5xx_pass(status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status)

    outcome, requests = await answer_of(handler)
    assert isinstance(outcome, Retry)
    assert outcome.unknown
    assert requests == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    """The routing key would go with it, to wherever it points."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    outcome, requests = await answer_of(handler)
    assert isinstance(outcome, Retry)
    assert requests == 1


async def test_a_refused_connection_left_nothing_behind(slept: list[float]) -> None:
    desk = Desk(make("http://127.0.0.1:9"))
    outcome = await desk.step()
    assert isinstance(outcome, Retry)
    assert not outcome.unknown
    assert "refused" in outcome.reason.lower()
    assert slept == []
    await desk.notifier.close()


async def test_a_name_that_does_not_resolve_left_nothing_behind() -> None:
    desk = Desk(make("http://pagerduty.invalid"))
    outcome = await desk.step()
    assert isinstance(outcome, Retry)
    assert not outcome.unknown
    await desk.notifier.close()


async def test_a_hang_ends_within_the_timeout_and_the_loop_goes_on(
    pagerduty: FakePagerDuty,
) -> None:
    desk = Desk(make(pagerduty.base_url, timeout=0.6))
    pagerduty.faults.add("hang", seconds=60.0)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.02)
            ticks += 1

    ticking = asyncio.create_task(tick())
    started = time.monotonic()
    outcome = await desk.step()
    took = time.monotonic() - started
    ticking.cancel()
    assert isinstance(outcome, Retry)
    assert outcome.unknown
    assert took < 30
    assert ticks > 3
    await desk.notifier.close()


async def test_a_call_that_never_started_left_nothing_behind(pagerduty: FakePagerDuty) -> None:
    """All threads hang; what only stood in the queue is known not to have been sent."""
    pagerduty.faults.add("hang", times=None, seconds=60.0)
    notifier = make(pagerduty.base_url, timeout=2.0)
    desks = [Desk(notifier) for _ in range(20)]
    outcomes = await asyncio.gather(*(desk.step() for desk in desks))
    assert all(isinstance(outcome, Retry) for outcome in outcomes)
    known = [isinstance(outcome, Retry) and not outcome.unknown for outcome in outcomes]
    sent = len(pagerduty.events)
    assert 0 < sent < 20
    assert sum(known) >= 20 - sent
    await notifier.close()


async def test_many_calls_at_once_share_few_threads(pagerduty: FakePagerDuty) -> None:
    notifier = make(pagerduty.base_url)
    desks = [Desk(notifier) for _ in range(40)]
    outcomes = await asyncio.gather(*(desk.step() for desk in desks))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert len(pagerduty.incidents) == 1
    assert len(pagerduty.events) == 40
    await notifier.close()
    gc.collect()


# Starting and stopping.

TRICKLE = """
import asyncio, socket, threading, time
from tests.scenarios.test_pagerduty_notifier import Desk, make

server = socket.create_server(("127.0.0.1", 0))

def trickle():
    peer, _ = server.accept()
    peer.recv(65536)
    while True:
        peer.send(b"HTTP/1.1 202 Accepted\\r\\n" if trickle.first else b"X-A: b\\r\\n")
        trickle.first = False
        time.sleep(0.1)

trickle.first = True
threading.Thread(target=trickle, daemon=True).start()

async def main():
    desk = Desk(make(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.5))
    print(type(await desk.step()).__name__)
    await desk.notifier.close()

asyncio.run(main())
"""


def test_an_answer_without_end_does_not_hold_up_the_exit() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRICKLE],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert (ended.stdout.strip(), ended.stderr) == ("Retry", "")


def test_it_imports_without_a_warning() -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", "import receiver.pagerduty.notifier"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
