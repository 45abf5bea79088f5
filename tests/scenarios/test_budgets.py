"""Storms: budgets of channels and keys, the P1 lane first, and digests of what waits."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.clocks import StillClock
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.waiting import until

CHANNEL = "C0ALERTS"
LIMITS = {"budgets.slack_channel_per_minute": 60, "budgets.pagerduty_per_minute": 120}


@pytest.fixture
async def limited(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    # In real time a busy machine would give seconds away.
    running.clock = StillClock()
    await running.start(**LIMITS)
    yield running
    await running.stop()


async def fire(app: App, number: int, severity: str) -> list[str]:
    labels = {"severity": severity}
    return [
        await app.fire(alert(f"A{severity}{at}", labels=labels), group=f"{severity}{at}")
        for at in range(number)
    ]


async def second(app: App) -> None:
    """Let a second pass for the service, and what it does in it."""
    await app.pass_time(1)


async def test_a_channel_gets_one_message_a_second_and_p1_first(limited: App) -> None:
    await fire(limited, 5, "warning")
    await until(lambda: len(limited.slack.top_level(CHANNEL)) == 1)
    (urgent,) = await fire(limited, 1, "critical")
    await limited.settle()
    assert len(limited.slack.top_level(CHANNEL)) == 1
    for _ in range(3):
        await second(limited)
    posted = limited.slack.top_level(CHANNEL)
    assert urgent in str(posted[1].blocks)
    for _ in range(8):
        await second(limited)
    await until(lambda: len(limited.slack.top_level(CHANNEL)) == 6)
    waits = await limited.metric('incident_manager_budget_waits_total{channel="slack"}')
    assert 5 <= waits <= 40


def listings(app: App, name: str) -> list[str]:
    """Return the top-level messages that show an incident."""
    posted = app.slack.top_level(CHANNEL)
    return [message.text for message in posted if name in str(message.blocks)]


async def drain(app: App, names: list[str]) -> None:
    """Let time pass until every incident is shown by one message."""
    for _ in range(90):
        if all(len(listings(app, name)) == 1 for name in names):
            return
        await second(app)
    raise AssertionError([name for name in names if len(listings(app, name)) != 1])


async def test_openings_beyond_the_threshold_become_messages_that_list_them(
    limited: App,
) -> None:
    names = await fire(limited, 60, "warning")
    await drain(limited, names)
    posted = limited.slack.top_level(CHANNEL)
    digests = [message for message in posted if "new P3 incidents" in message.text]
    assert 1 <= len(digests) <= len(posted) <= 12
    listed = next(name for name in names if "new P3" in listings(limited, name)[0])
    found = await limited.incident(listed)
    assert found["deliveries"][0]["state"] == "delivered"
    assert "listed in a digest of " in str(found["timeline"])


async def test_what_was_listed_gets_a_message_of_its_own_when_it_rises(limited: App) -> None:
    names = await fire(limited, 30, "warning")
    await drain(limited, names)
    place = next(at for at, name in enumerate(names) if "new P3" in listings(limited, name)[0])
    worse = alert("Worse", labels={"severity": "critical"})
    assert await limited.fire(worse, group=f"warning{place}") == names[place]
    for _ in range(3):
        await second(limited)
    await until(lambda: len(listings(limited, names[place])) == 2)
    assert "P1" in listings(limited, names[place])[1]


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "500"])
async def test_a_digest_of_unknown_outcome_is_looked_up_and_nothing_is_doubled(
    limited: App, fault: str
) -> None:
    await fire(limited, 1, "critical")
    await until(lambda: len(limited.slack.top_level(CHANNEL)) == 1)
    names = await fire(limited, 14, "warning")
    await limited.settle()
    limited.slack.faults.add(fault, times=1, method="chat.postMessage")
    await drain(limited, names)
    for _ in range(5):
        await second(limited)
    assert [len(listings(limited, name)) for name in names] == [1] * 14


async def test_a_digest_that_is_refused_leaves_each_its_own_message(limited: App) -> None:
    # Something else takes the first second, so that all of these wait for the next one.
    await fire(limited, 1, "critical")
    await until(lambda: len(limited.slack.top_level(CHANNEL)) == 1)
    names = await fire(limited, 12, "warning")
    await limited.settle()
    limited.slack.faults.add("error:restricted_action", times=1, method="chat.postMessage")
    await drain(limited, names)
    assert all("new P3" not in listings(limited, name)[0] for name in names)


async def test_a_429_holds_back_every_other_call_of_the_channel(limited: App) -> None:
    limited.slack.faults.add("429", times=1, method="chat.postMessage", retry_after="20")
    await fire(limited, 3, "warning")
    for _ in range(10):
        await second(limited)
    assert limited.slack.top_level(CHANNEL) == []
    for _ in range(25):
        await second(limited)
    await until(lambda: len(limited.slack.top_level(CHANNEL)) == 3)


async def test_pagerduty_gets_what_its_key_allows(limited: App) -> None:
    await fire(limited, 40, "critical")
    await limited.settle()
    assert len(limited.pagerduty.incidents) == 20
    await limited.pass_until(lambda: len(limited.pagerduty.incidents) == 40, 1)
    found: Any = await limited.get("/v1/incidents?state=open&limit=100")
    assert len(found[1]["incidents"]) == 40
