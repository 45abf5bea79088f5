"""What a vendor says is not always so: answers that confirm nothing, endless waits, odd no's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.waiting import until

CHANNEL = "C0ALERTS"
JSON = "application/json"
BUDGETS = {"budgets.slack_channel_per_minute": 60, "budgets.pagerduty_per_minute": 120}


@pytest.fixture(params=["free", "budgets"])
async def either(
    request: pytest.FixtureRequest, tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]
) -> AsyncIterator[App]:
    """A service without and with limits on its calls."""
    running = App(tmp_path, *fakes)
    await running.start(**(BUDGETS if request.param == "budgets" else {}))
    yield running
    await running.stop()


def later(app: App, seconds: float) -> None:
    app.clock.move(seconds)
    app.service.agenda.wake()


async def states(app: App, incident: str) -> dict[str, str]:
    found = await app.incident(incident)
    return {one["notifier"]: one["state"] for one in found["deliveries"]}


async def delivered(app: App, incident: str, step: float = 1.0) -> None:
    """Let time pass until everybody has the incident."""

    async def is_done() -> bool:
        await asyncio.sleep(0.1)
        later(app, step)
        return set((await states(app, incident)).values()) == {"delivered"}

    await until(is_done)


def warning(name: str) -> dict[str, Any]:
    return alert(name, labels={"severity": "warning"})


# Answers that confirm nothing.

PAGERDUTY_LIES: list[dict[str, Any]] = [
    {"status": 202},
    {"status": 202, "body": ""},
    {"status": 202, "body": "[]", "content_type": JSON},
    {"status": 202, "body": '{"status":"success"}', "content_type": JSON},
    {"status": 202, "body": '{"status":"success","dedup_key":"x"}', "content_type": JSON},
    {"status": 200},
]
SLACK_LIES: list[dict[str, Any]] = [
    {},
    {"body": ""},
    {"body": "[]", "content_type": JSON},
    {"body": '{"ok": true}', "content_type": JSON},
    {"body": '{"ok": true, "ts": "soon", "channel": "C0ALERTS"}', "content_type": JSON},
    {"body": "ok", "content_type": "text/plain"},
]


@pytest.mark.parametrize("kind", ["answer", "answer_after"])
@pytest.mark.parametrize("said", PAGERDUTY_LIES)
async def test_pagerduty_has_a_page_when_it_says_so(
    app: App, kind: str, said: dict[str, Any]
) -> None:
    app.pagerduty.faults.add(kind, times=2, **said)
    incident = await app.fire()
    await until(lambda: app.pagerduty.events)
    await asyncio.sleep(0.1)
    assert (await states(app, incident))["pagerduty"] == "retrying"
    await delivered(app, incident)
    assert len(app.pagerduty.incidents) == 1
    found = await app.incident(incident)
    assert found["escalation_step"] == 1


@pytest.mark.parametrize("kind", ["answer", "answer_after"])
@pytest.mark.parametrize("said", SLACK_LIES)
async def test_slack_has_a_message_when_it_names_it(
    app: App, kind: str, said: dict[str, Any]
) -> None:
    app.slack.faults.add(kind, times=1, method="chat.postMessage", **said)
    incident = await app.fire()
    await until(lambda: app.slack.calls)
    await delivered(app, incident)
    assert len(app.slack.top_level(CHANNEL)) == 1


async def test_a_page_that_nobody_confirms_moves_on_and_is_never_called_delivered(
    app: App,
) -> None:
    app.pagerduty.faults.add("answer", times=None, status=202)
    app.slack.faults.add("answer", times=None)
    incident = await app.fire()
    for _ in range(8):
        await asyncio.sleep(0.15)
        later(app, 10)
    await asyncio.sleep(0.2)
    found = await app.incident(incident)
    assert found["escalation_step"] == 2
    assert {one["state"] for one in found["deliveries"]} == {"retrying"}
    assert all("not an answer of" in one["last_error"] for one in found["deliveries"])
    assert "has not confirmed the page in time" in str(found["timeline"])


# Waits.


@pytest.mark.parametrize("asked", ["600", "1000000", "75"])
async def test_a_p1_is_tried_again_in_time_whatever_both_vendors_ask_for(
    either: App, asked: str
) -> None:
    app = either
    app.slack.faults.add("429", times=1, method="chat.postMessage", retry_after=asked)
    app.pagerduty.faults.add("429", times=1, retry_after=asked)
    incident = await app.fire()
    await until(lambda: app.slack.calls and app.pagerduty.events)
    await asyncio.sleep(0.2)
    # What leaves time enough is waited for: nothing is gained by asking a vendor that is full.
    for _ in range(4):
        later(app, 10)
        await asyncio.sleep(0.1)
    assert (app.slack.messages, app.pagerduty.incidents) == ([], [])
    later(app, 12)
    await until(lambda: app.slack.messages and app.pagerduty.incidents)
    await delivered(app, incident, step=0)
    found = await app.incident(incident)
    assert found["escalation_step"] == 1
    assert "in time" not in str(found["timeline"])


async def test_a_wait_that_leaves_time_enough_is_obeyed(either: App) -> None:
    either.slack.faults.add("429", times=1, method="chat.postMessage", retry_after="30")
    await either.fire()
    await until(lambda: either.slack.calls)
    await asyncio.sleep(0.2)
    later(either, 28)
    await asyncio.sleep(0.3)
    assert either.slack.messages == []
    later(either, 3)
    await until(lambda: either.slack.messages)


async def test_a_429_of_pagerduty_that_says_nothing_costs_a_p1_seconds(app: App) -> None:
    app.pagerduty.faults.add("429", times=1)
    await app.fire()
    await until(lambda: app.pagerduty.events)
    await until(lambda: app.pagerduty.incidents)


async def test_the_next_step_of_a_p1_is_tried_at_once(app: App) -> None:
    """It is a page of its own: what was asked for before does not hold it up."""
    app.slack.faults.add("429", times=2, method="chat.postMessage", retry_after="600")
    app.pagerduty.faults.add("429", times=2, retry_after="600")
    await app.fire()
    await until(lambda: app.slack.calls and app.pagerduty.events)
    await asyncio.sleep(0.2)
    later(app, 52)
    await until(lambda: len(app.slack.calls) == 2 and len(app.pagerduty.events) == 2)
    later(app, 10)
    await until(lambda: app.slack.messages)


async def test_a_p1_is_tried_while_the_channel_is_blocked_by_a_p3(either: App) -> None:
    app = either
    app.slack.faults.add("429", times=1, method="chat.postMessage", retry_after="600")
    slow = await app.fire(warning("Slow"), group="slow")
    await until(lambda: app.slack.calls)
    await asyncio.sleep(0.2)
    other = await app.fire(warning("Other"), group="other")
    await asyncio.sleep(0.3)
    later(app, 2)
    await asyncio.sleep(0.3)
    # The channel is quiet for what can wait.
    assert len(app.slack.calls) == 1
    urgent = await app.fire(group="urgent")
    await until(lambda: any(urgent in str(one.blocks) for one in app.slack.messages))
    # It works: whatever was asked for, nobody waits any longer.
    await delivered(app, slow)
    await delivered(app, other)
    assert len(app.slack.top_level(CHANNEL)) == 3


async def test_as_soon_as_the_channel_works_for_one_p1_the_other_is_tried_again(
    either: App,
) -> None:
    app = either
    app.slack.faults.add("429", times=1, method="chat.postMessage", retry_after="600")
    app.pagerduty.faults.add("429", times=1, retry_after="600")
    first = await app.fire(alert("First"), group="first")
    await until(lambda: app.slack.calls and app.pagerduty.events)
    await asyncio.sleep(0.2)
    assert set((await states(app, first)).values()) == {"retrying"}
    await app.fire(alert("Second"), group="second")
    # No time is moved: a second or two for the pace of the channel, and both are there.
    await until(lambda: len(app.slack.top_level(CHANNEL)) == 2)
    await until(lambda: len(app.pagerduty.incidents) == 2)


async def test_after_an_outage_nobody_waits_for_the_backoff(app: App) -> None:
    app.slack.faults.add("503", times=None, method="chat.postMessage")
    for name in ("First", "Second", "Third"):
        await app.fire(warning(name), group=name)
    for _ in range(8):
        await asyncio.sleep(0.1)
        later(app, 60)
    app.slack.faults.clear()
    later(app, 1)
    await app.fire(alert("Fourth"), group="fourth")
    await until(lambda: len(app.slack.top_level(CHANNEL)) == 4)


async def test_an_incident_that_becomes_a_p1_does_not_wait_as_it_did_before(either: App) -> None:
    app = either
    app.slack.faults.add("429", times=1, method="chat.postMessage", retry_after="600")
    incident = await app.fire(warning("Slow"), group="one")
    await until(lambda: app.slack.calls)
    await asyncio.sleep(0.2)
    assert await app.fire(alert("Down"), group="one") == incident
    await until(lambda: app.slack.messages)


# Odd refusals.

ODD: list[dict[str, Any]] = [{"status": status} for status in (400, 403, 404, 405)]
ODD += [{"status": 404, "body": '{"message":"no Route matched"}', "content_type": JSON}]


@pytest.mark.parametrize("said", ODD)
async def test_one_odd_refusal_is_asked_for_once_more_before_the_page_moves_on(
    app: App, said: dict[str, Any]
) -> None:
    app.slack.faults.add("answer", times=1, method="chat.postMessage", **said)
    app.pagerduty.faults.add("answer", times=1, **said)
    incident = await app.fire()
    await until(lambda: app.slack.calls and app.pagerduty.events)
    later(app, 2)
    await until(lambda: app.slack.messages and app.pagerduty.incidents)
    await delivered(app, incident, step=0)
    found = await app.incident(incident)
    assert found["escalation_step"] == 1
    assert "failed" not in {entry["kind"] for entry in found["timeline"]}


@pytest.mark.parametrize("said", ODD)
async def test_what_is_refused_twice_moves_on(app: App, said: dict[str, Any]) -> None:
    app.pagerduty.faults.add("answer", times=2, **said)
    incident = await app.fire()
    await until(lambda: app.pagerduty.events)
    await asyncio.sleep(0.2)
    assert (await app.incident(incident))["escalation_step"] == 1
    later(app, 2)

    async def moved_on() -> bool:
        return bool((await app.incident(incident))["escalation_step"] == 2)

    await until(moved_on)
    assert len(app.pagerduty.events) == 2


@pytest.mark.parametrize(
    ("slack", "pagerduty"),
    [
        ("error:channel_not_found", "error:Invalid routing key"),
        (
            "error:invalid_auth",
            "error:Length of 'routing_key' is incorrect (should be 32 characters)",
        ),
    ],
)
async def test_what_a_vendor_is_known_for_moves_on_at_once(
    app: App, slack: str, pagerduty: str
) -> None:
    app.slack.faults.add(slack, times=1, method="chat.postMessage")
    app.pagerduty.faults.add(pagerduty, times=1)
    incident = await app.fire()

    async def moved_on() -> bool:
        return bool((await app.incident(incident))["escalation_step"] == 2)

    await until(moved_on)
    assert "tried once more" not in str(await app.incident(incident))


async def test_a_resolve_that_is_refused_oddly_comes_through_in_the_end(app: App) -> None:
    incident = await app.fire()
    await delivered(app, incident)
    app.pagerduty.faults.add("answer", times=3, status=403)
    await app.fire(alert(resolved=True))

    async def over() -> bool:
        await asyncio.sleep(0.1)
        later(app, 60)
        return app.pagerduty.incidents[0].status == "resolved"

    await until(over)
