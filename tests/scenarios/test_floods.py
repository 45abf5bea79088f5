"""New incidents beyond a sender's quota are one; nothing is lost, and everything ends."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import ConfigError
from receiver.settings.load import load_settings
from receiver.store.floods import KEPT_MS
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

QUOTA = 3
MINUTE_S = 60
TOKENS = {"noisy": "n" * 20, "quiet": "q" * 20}
SETTINGS: dict[str, Any] = {
    **NO_ACCOUNTS,
    "web.credentials": [
        {"name": "noisy", "token": TOKENS["noisy"], "incidents_per_minute": QUOTA},
        {"name": "quiet", "token": TOKENS["quiet"]},
    ],
    "integrations.ci.token": "c" * 20,
    "integrations.ci.incidents_per_minute": 1,
}


def body(number: int, severity: str = "warning", *, resolved: bool = False, **more: Any) -> Any:
    labels = {"severity": severity, "instance": f"host-{number}"}
    item = alert(f"A{number}", resolved=resolved, labels=labels, **more)
    return notification(item, group=f"g{number}")


async def send(app: App, what: Any, sender: str = "noisy") -> list[str]:
    headers = {"Authorization": f"Bearer {TOKENS[sender]}"}
    status, answer = await app.post(what, headers=headers)
    assert status == 202, answer
    found: list[str] = answer["incidents"]
    return found


async def shown(app: App, state: str = "open") -> dict[str, str]:
    """Return title -> state of the incidents."""
    headers = {"Authorization": f"Bearer {TOKENS['quiet']}"}
    _, answer = await app.get(f"/v1/incidents?state={state}&limit=1000", headers=headers)
    return {one["title"]: one["state"] for one in answer["incidents"]}


async def metrics(app: App) -> str:
    async with app.session.get(f"http://127.0.0.1:{app.service.metrics_port}/metrics") as answer:
        return await answer.text()


def floods(titles: Any) -> list[str]:
    return [title for title in titles if title.startswith("Flood from ")]


@pytest.fixture
async def limited(tmp_path: Path, fakes: Any) -> AsyncIterator[App]:
    app = App(tmp_path, *fakes)
    await app.start(**SETTINGS)
    yield app
    await app.stop()


async def test_what_is_beyond_the_quota_is_one_incident(limited: App) -> None:
    names = [(await send(limited, body(number)))[0] for number in range(10)]
    assert len(set(names)) == QUOTA + 1
    assert floods(await shown(limited)) == ["Flood from noisy: 7 alerts of 7 groups"]
    assert f"\nincident_manager_folded_groups_total {10 - QUOTA}.0\n" in await metrics(limited)
    _, one = await limited.get(f"/v1/incidents/{names[-1]}", headers=auth("quiet"))
    assert one["priority"] == "P3"
    assert {item["source_group"] for item in one["alerts"]} == {
        f'{{}}:{{alertname="g{number}"}}' for number in range(QUOTA, 10)
    }
    # What is folded already says so again, and takes nothing.
    assert await send(limited, body(9)) == [names[-1]]
    assert len(await shown(limited)) == QUOTA + 1
    # A minute later there is room for others; what was folded stays where it is.
    limited.clock.move(MINUTE_S + 1)
    assert await send(limited, body(9)) == [names[-1]]
    assert (await send(limited, body(99)))[0] not in names


def auth(sender: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[sender]}"}


async def test_p1_and_p2_always_have_an_incident_of_their_own(limited: App) -> None:
    for number in range(QUOTA + 2):
        await send(limited, body(number))
    for number, severity in enumerate(("critical", "error"), 50):
        (name,) = await send(limited, body(number, severity))
        _, one = await limited.get(f"/v1/incidents/{name}", headers=auth("quiet"))
        assert one["title"].startswith(f"A{number}")
    # One that was folded and becomes urgent leaves the flood as it is, and gets its own.
    await send(limited, body(QUOTA, "critical", starts="2026-03-02T10:30:00Z"))
    assert len(await shown(limited)) == QUOTA + 4
    await send(limited, body(QUOTA, "critical", resolved=True, starts="2026-03-02T10:30:00Z"))
    await send(limited, body(QUOTA, resolved=True))
    assert floods(await shown(limited)) == ["Flood from noisy: 1 alert of 1 group"]


async def test_others_are_not_touched(limited: App) -> None:
    for number in range(20):
        await send(limited, body(number), "quiet")
    assert floods(await shown(limited)) == []
    assert len(await shown(limited)) == 20
    # The groups are there: whoever tells of them now, nothing moves and nothing counts.
    for number in range(20):
        await send(limited, body(number))
    assert len(await shown(limited)) == 20
    assert [len(await send(limited, body(number))) for number in range(30, 30 + QUOTA)] == [1] * 3
    assert floods(await shown(limited)) == []


async def test_every_folded_alert_ends_also_after_a_restart(limited: App) -> None:
    for number in range(8):
        await send(limited, body(number))
    for number in range(5):
        await send(limited, body(number, resolved=True))
    await limited.stop()
    limited.clock.move(600)
    await limited.start(**SETTINGS)
    assert floods(await shown(limited)) == ["Flood from noisy: 3 alerts of 3 groups"]
    for number in range(5, 8):
        await send(limited, body(number, resolved=True))
    assert await shown(limited) == {}
    # A late copy of what is over opens nothing, neither here nor there.
    for number in range(8):
        await send(limited, body(number))
    assert floods(await shown(limited)) == []


async def test_what_a_person_resolved_stays_quiet(limited: App) -> None:
    names = [(await send(limited, body(number)))[0] for number in range(QUOTA + 3)]
    path = f"/v1/incidents/{names[-1]}/resolve"
    status, answer = await limited.post({"by": "ann"}, path, headers=auth("quiet"))
    assert status == 200, answer
    limited.clock.move(2 * MINUTE_S)
    for number in range(QUOTA, QUOTA + 3):
        await send(limited, body(number))
    assert len(await shown(limited)) == QUOTA
    for number in range(QUOTA, QUOTA + 3):
        await send(limited, body(number, resolved=True))
    assert len(await shown(limited)) == QUOTA


async def test_after_a_flood_groups_are_their_own_again(limited: App) -> None:
    for number in range(QUOTA + 2):
        await send(limited, body(number))
    for number in range(QUOTA + 2):
        await send(limited, body(number, resolved=True))
    limited.clock.move(3_600)
    await send(limited, body(QUOTA, starts="2026-03-02T12:00:00Z"))
    assert list(await shown(limited)) == [f"A{QUOTA}: A{QUOTA} on checkout"]


async def test_an_integration_has_a_quota_of_its_own(limited: App) -> None:
    path, headers = "/v1/integrations/ci/events", {"Authorization": "Bearer " + "c" * 20}
    for number in range(4):
        event = {"title": f"job {number} failed"}
        assert (await limited.post(event, path, headers=headers))[0] == 202
    assert floods(await shown(limited)) == ["Flood from integration ci: 3 alerts of 3 groups"]
    for number in range(4):
        event = {"title": f"job {number} failed", "status": "resolved"}
        assert (await limited.post(event, path, headers=headers))[0] == 202
    assert await shown(limited) == {}


async def test_without_a_quota_nothing_more_is_asked_of_redis(limited: App) -> None:
    redis = limited.service.redis
    await send(limited, body(1), "quiet")
    await redis.config_resetstat()
    await send(limited, body(2), "quiet")
    await send(limited, body(2, resolved=True), "quiet")
    assert "cmdstat_getex" not in await redis.info("commandstats")
    assert not await redis.keys("im:quota:*")


@asynccontextmanager
async def replicas(folder: Path) -> AsyncIterator[tuple[App, App]]:
    slack, pagerduty = FakeSlack(channels={"C0ALERTS": "alerts"}), FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    first, second = App(folder, slack, pagerduty), App(folder, slack, pagerduty)
    await first.start(**SETTINGS)
    embedded: Any = first.service.embedded
    await second.start(**{"redis.url": embedded.url, **SETTINGS})
    try:
        yield first, second
    finally:
        await second.stop()
        await first.stop()
        await slack.stop()
        await pagerduty.stop()


@pytest.mark.parametrize("seed", range(6))
async def test_in_any_order_and_number_over_two_replicas_everything_ends(
    tmp_path: Path, seed: int
) -> None:
    """Every notification comes twice or more, in any order, to either replica, many at once."""
    chance = random.Random(seed)
    sent = [body(number) for number in range(12)]
    sent += [body(number, resolved=True) for number in range(12)]
    sent += chance.choices(sent, k=12) + sent
    chance.shuffle(sent)
    async with replicas(tmp_path) as apps:
        for part in _parts(sent):
            await asyncio.gather(*(send(chance.choice(apps), what) for what in part))
        # What came last of each may have been an echo; a minute later it is settled.
        for app in apps:
            await app.pass_time(2 * MINUTE_S)
        for number in range(12):
            await send(chance.choice(apps), body(number, resolved=True))

        async def over() -> bool:
            return await shown(apps[0]) == {}

        # A minute's work of both is still under way.
        await until(over)


def _parts(items: list[Any]) -> list[list[Any]]:
    return [items[at : at + 8] for at in range(0, len(items), 8)]


async def test_what_fires_is_open_somewhere_whatever_the_replicas_do(tmp_path: Path) -> None:
    async with replicas(tmp_path) as apps:
        sent = [body(number) for number in range(20)] * 3
        random.Random(1).shuffle(sent)
        await asyncio.gather(*(send(apps[at % 2], what) for at, what in enumerate(sent)))
        found: set[str] = set()
        _, answer = await apps[0].get("/v1/incidents", headers=auth("quiet"))
        for one in answer["incidents"]:
            _, whole = await apps[0].get(f"/v1/incidents/{one['id']}", headers=auth("quiet"))
            found |= {item["labels"]["instance"] for item in whole["alerts"]}
        assert found == {f"host-{number}" for number in range(20)}
        # Asked twice the quota lets the same groups open, and no more.
        assert len(answer["incidents"]) == QUOTA + 1
        assert (
            await apps[0].service.redis.pttl((await apps[0].service.redis.keys("im:folded:*"))[0])
            < KEPT_MS
        )


def test_an_integration_without_a_token_has_no_quota() -> None:
    with pytest.raises(ConfigError, match="counts for the token of the integration"):
        load_settings(None, {}, {"integrations.ci.incidents_per_minute": 1})
