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

from receiver.notify.notifier import Absent, Delivered, Outcome, Rejected, Retry, Step, Wait
from receiver.pagerduty.notifier import PagerDutyNotifier
from receiver.pagerduty.receipt import STATE
from routing.receipt import Attempt
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.pagerduty_work import ID, KEY, NOW, Work, make
from tests.support.patience import PATIENCE_S
from tests.support.waiting import until

SETTLE = 5_000
CONFIRM = 60_000


@pytest.fixture
async def pagerduty() -> AsyncIterator[FakePagerDuty]:
    fake = FakePagerDuty()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def work(pagerduty: FakePagerDuty) -> AsyncIterator[Work]:
    notifier = make(pagerduty.base_url)
    yield Work(notifier)
    await notifier.close()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long pdpyras would have slept before each of its own retries, which hold up a thread."""
    found: list[float] = []
    monkeypatch.setattr("pdpyras.time", SimpleNamespace(sleep=found.append))
    return found


# What is sent, and when.


async def test_the_life_of_an_incident(work: Work, pagerduty: FakePagerDuty) -> None:
    assert await work.settle() == ["trigger :0"]
    assert (work.receipt.paged_seq, work.receipt.version) == (1, 1)
    work.become("acknowledged")
    assert await work.settle() == ["acknowledge :0", "acknowledge :0"]
    assert work.key().confirmed
    work.become("resolved")
    assert await work.settle() == ["resolve :0", "resolve :0"]
    assert (work.key().state, work.key().confirmed) == ("resolved", True)
    assert work.receipt.version == 3
    [incident] = pagerduty.incidents
    assert incident.actions == ["trigger", "acknowledge", "acknowledge", "resolve"]
    assert incident.client == "LLM Incident Manager"


async def test_an_acknowledge_waits_from_the_accepted_trigger(
    work: Work, pagerduty: FakePagerDuty
) -> None:
    """The 202 came long after the step was planned: the time runs from the 202."""
    pagerduty.faults.add("hang", seconds=1.0)
    assert isinstance(await work.step(), Delivered)
    work.become("acknowledged")
    work.now += 1_000
    wait = work.plan()
    assert isinstance(wait, Wait)
    assert wait.until >= NOW + 1_000 + SETTLE
    work.now = wait.until
    assert work.plan() == Step("acknowledge", key=KEY)


@pytest.mark.parametrize("reorder", [False, True])
async def test_nothing_overtakes_a_trigger_that_is_still_queued(reorder: bool) -> None:
    pagerduty = FakePagerDuty(processing_delay=0.2, reorder=reorder)
    await pagerduty.start()
    work = Work(make(pagerduty.base_url))
    try:
        await work.step()
        work.become("resolved")
        wait = work.plan()
        assert isinstance(wait, Wait)
        await until(lambda: not pagerduty.queued)
        work.now = wait.until
        await work.step()
        assert pagerduty.dropped == []
        await until(lambda: not pagerduty.queued)
        assert [incident.status for incident in pagerduty.incidents] == ["resolved"]
    finally:
        await work.notifier.close()
        await pagerduty.stop()


async def test_an_acknowledge_that_was_dropped_is_made_good_by_the_second(
    work: Work, pagerduty: FakePagerDuty
) -> None:
    pagerduty.processing_delay = 30.0
    pagerduty.reorder = True
    await work.step()
    work.become("acknowledged")
    work.now += SETTLE + 1_000
    await work.step()
    assert [event.method for event in pagerduty.dropped] == ["acknowledge"]
    pagerduty.process_queued()
    assert pagerduty.incidents[0].status == "triggered"
    assert await work.settle() == ["acknowledge :0"]
    assert pagerduty.incidents[0].status == "acknowledged"


async def test_a_further_page_is_an_alert_of_its_own(work: Work, pagerduty: FakePagerDuty) -> None:
    await work.settle()
    work.become("acknowledged")
    await work.settle()
    work.become("triggered", priority="P1")
    work.raise_page(reason="priority_raised")
    assert await work.settle() == ["trigger :0:2"]
    assert [i.status for i in pagerduty.incidents] == ["acknowledged", "triggered"]
    assert work.receipt.paged_seq == 2
    work.become("resolved")
    assert sorted((await work.settle())[:2]) == ["resolve :0", "resolve :0:2"]
    assert [i.status for i in pagerduty.incidents] == ["resolved", "resolved"]


async def test_no_acknowledge_goes_out_once_the_incident_wants_somebody_again(
    work: Work, pagerduty: FakePagerDuty
) -> None:
    """PagerDuty acknowledges whole incidents, and the new page may be grouped into the old one."""
    await work.settle()
    work.become("acknowledged")
    work.become("triggered")
    work.raise_page(reason="priority_raised")
    assert await work.settle() == ["trigger :0:2"]
    assert "acknowledge" not in [event.method for event in pagerduty.events]


async def test_a_new_episode_is_a_new_alert_and_the_old_one_is_resolved(
    work: Work, pagerduty: FakePagerDuty
) -> None:
    await work.settle()
    work.become("triggered", episode=1)
    work.raise_page(reason="reopened", since=2)
    assert await work.settle() == ["trigger :1", "resolve :0", "resolve :0"]
    assert [i.status for i in pagerduty.incidents] == ["resolved", "triggered"]


@pytest.mark.parametrize("state", ["acknowledged", "resolved"])
async def test_a_page_nobody_needs_any_more_is_not_sent(work: Work, state: str) -> None:
    work.become(state)
    assert work.plan() is None


async def test_a_page_given_up_is_not_sent_but_older_alerts_are_still_resolved(work: Work) -> None:
    await work.settle()
    work.raise_page(reason="deadline")
    work.receipt = msgspec.structs.replace(work.receipt, failed_seq=2)
    assert work.plan() is None
    work.become("resolved")
    assert await work.settle() == ["resolve :0", "resolve :0"]


async def test_an_open_alert_is_brought_on_before_a_finished_one_is_confirmed(work: Work) -> None:
    await work.settle()
    work.become("acknowledged")
    work.now += SETTLE + 1_000
    await work.step()
    work.become("triggered")
    work.raise_page(reason="priority_raised")
    await work.step()
    work.become("acknowledged")
    work.now += CONFIRM + 1_000
    assert work.plan() == Step("acknowledge", key=f"{KEY}:2")


async def test_the_version_is_told_only_when_all_of_it_is(work: Work) -> None:
    await work.settle()
    work.become("triggered", episode=1)
    work.raise_page(reason="reopened", since=2)
    assert isinstance(await work.step(), Delivered)
    assert work.receipt.version == 1, "the alert of the old episode is still open"
    await work.settle()
    assert work.receipt.version == 2


# Attempts whose outcome is unknown.


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "hang_after", "503", "html"])
@pytest.mark.parametrize("state", ["triggered", "resolved"])
async def test_an_unknown_trigger_is_repeated_under_its_key_before_anything_else(
    pagerduty: FakePagerDuty, fault: str, state: str
) -> None:
    work = Work(make(pagerduty.base_url, timeout=2.0))
    pagerduty.faults.add(fault)
    outcome = await work.step()
    assert isinstance(outcome, Retry)
    assert outcome.unknown
    assert await work.notifier.find(work.view, work.receipt) == Absent()
    work.become(state)
    work.raise_page(reason="deadline")
    assert work.plan() == Step("trigger", seq=1, key=KEY)
    await work.settle()
    statuses = {incident.dedup_key: incident.status for incident in pagerduty.incidents}
    assert len(statuses) == len(pagerduty.incidents)
    assert statuses[KEY] == state
    await work.notifier.close()


async def test_an_unknown_trigger_of_an_older_episode_is_repeated_and_then_resolved(
    work: Work, pagerduty: FakePagerDuty
) -> None:
    pagerduty.faults.add("reset_after")
    await work.step()
    work.become("triggered", episode=1)
    work.raise_page(reason="reopened", since=2)
    assert await work.settle() == ["trigger :0", "trigger :1", "resolve :0", "resolve :0"]
    assert [i.status for i in pagerduty.incidents] == ["resolved", "triggered"]


async def test_what_is_finished_is_forgotten_in_the_end(work: Work) -> None:
    for episode in range(40):
        if episode:
            work.become("triggered", episode=episode)
            work.raise_page(reason="reopened", since=work.page.seq + 1)
        await work.settle()
        work.become("resolved")
        await work.settle()
    work.become("triggered", episode=40)
    work.raise_page(reason="reopened", since=work.page.seq + 1)
    await work.step()
    assert len(STATE.of(work.receipt).keys) <= 25
    assert STATE.of(work.receipt).keys[-1].state == "triggered"


async def test_an_unknown_resolve_gives_way_to_a_new_page(work: Work) -> None:
    await work.settle()
    attempt = Attempt("resolve", NOW, key=KEY)
    work.receipt = msgspec.structs.replace(work.receipt, attempt=attempt)
    work.become("triggered", episode=1)
    work.raise_page(reason="reopened", since=2)
    assert work.plan() == Step("trigger", seq=2, key=f"{ID}:1")


# What becomes of each answer. Every one of them takes exactly one request.


@pytest.mark.parametrize(
    ("fault", "unknown"),
    [("500", True), ("503", True), ("html", True), ("reset_before", True), ("reset_after", True)],
)
async def test_a_passing_failure_is_tried_again_later(
    work: Work, pagerduty: FakePagerDuty, slept: list[float], fault: str, unknown: bool
) -> None:
    pagerduty.faults.add(fault)
    outcome = await work.step()
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
    work: Work, pagerduty: FakePagerDuty, header: str | None, after: int | None
) -> None:
    pagerduty.faults.add("429", retry_after=header)
    outcome = await work.step()
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.unknown, outcome.blocks) == (after, False, 5_000)
    assert len(pagerduty.events) == 1


async def test_a_refusal_is_final_and_in_pagerdutys_own_words(
    work: Work, pagerduty: FakePagerDuty
) -> None:
    words = "'payload' is wrong in a way that takes far more than a hundred characters to say, " * 3
    pagerduty.faults.add(f"error:{words}")
    outcome = await work.step()
    assert isinstance(outcome, Rejected)
    assert words.strip() in outcome.reason
    assert not outcome.odd
    assert len(pagerduty.events) == 1


async def test_a_wrong_key_is_final_and_is_not_shown(pagerduty: FakePagerDuty) -> None:
    secret = "S" * 32
    work = Work(PagerDutyNotifier("pd", routing_key=secret, base_url=pagerduty.base_url))
    outcome = await work.step()
    assert isinstance(outcome, Rejected)
    assert "Invalid routing key" in outcome.reason
    assert (outcome.odd, outcome.repairable) == (False, False)
    assert secret[-4:] not in outcome.reason
    await work.notifier.close()


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
    work = Work(make(f"http://127.0.0.1:{runner.addresses[0][1]}", timeout=3.0))
    try:
        return await work.step(), len(seen)
    finally:
        await work.notifier.close()
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


async def test_every_event_is_confirmed_by_its_key(work: Work, pagerduty: FakePagerDuty) -> None:
    await work.step()
    work.become("resolved")
    work.now += SETTLE + 1_000
    pagerduty.faults.add("answer", status=202, body='{"status":"success"}')
    outcome = await work.step()
    assert isinstance(outcome, Retry)
    assert pagerduty.incidents[0].status == "triggered"
    await work.settle()
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
    work = Work(make("http://127.0.0.1:9"))
    outcome = await work.step()
    assert isinstance(outcome, Retry)
    assert not outcome.unknown
    assert "refused" in outcome.reason.lower()
    assert slept == []
    await work.notifier.close()


async def test_a_name_that_does_not_resolve_left_nothing_behind() -> None:
    work = Work(make("http://pagerduty.invalid"))
    outcome = await work.step()
    assert isinstance(outcome, Retry)
    assert not outcome.unknown
    await work.notifier.close()


async def test_a_hang_ends_within_the_timeout_and_the_loop_goes_on(
    pagerduty: FakePagerDuty,
) -> None:
    work = Work(make(pagerduty.base_url, timeout=0.6))
    pagerduty.faults.add("hang", seconds=60.0)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.02)
            ticks += 1

    ticking = asyncio.create_task(tick())
    started = time.monotonic()
    outcome = await work.step()
    took = time.monotonic() - started
    ticking.cancel()
    assert isinstance(outcome, Retry)
    assert outcome.unknown
    assert took < 30
    assert ticks > 3
    await work.notifier.close()


async def test_a_call_that_never_started_left_nothing_behind(pagerduty: FakePagerDuty) -> None:
    """All threads hang; what only stood in the queue is known not to have been sent."""
    pagerduty.faults.add("hang", times=None, seconds=60.0)
    notifier = make(pagerduty.base_url, timeout=2.0)
    desks = [Work(notifier) for _ in range(20)]
    outcomes = await asyncio.gather(*(work.step() for work in desks))
    assert all(isinstance(outcome, Retry) for outcome in outcomes)
    known = [isinstance(outcome, Retry) and not outcome.unknown for outcome in outcomes]
    sent = len(pagerduty.events)
    assert 0 < sent < 20
    assert sum(known) >= 20 - sent
    await notifier.close()


async def test_many_calls_at_once_share_few_threads(pagerduty: FakePagerDuty) -> None:
    notifier = make(pagerduty.base_url)
    desks = [Work(notifier) for _ in range(40)]
    outcomes = await asyncio.gather(*(work.step() for work in desks))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert len(pagerduty.incidents) == 1
    assert len(pagerduty.events) == 40
    await notifier.close()
    gc.collect()


# Starting and stopping.

TRICKLE = """
import asyncio, socket, threading, time
from tests.support.pagerduty_work import Work, make

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
    work = Work(make(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.5))
    print(type(await work.step()).__name__)
    await work.notifier.close()

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
