"""Heartbeats that come in, stop, and come back; and alerts that beat instead of opening."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import receiver.engine.damaged
from receiver.store.keys import Keys
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

HEARTBEATS = {
    "backup": {"interval": "1h", "severity": "warning", "labels": {"system": "shop"}},
    "watchdog": {"interval": "5m", "matchers": ['alertname="Watchdog"']},
}


@pytest.fixture
async def watching(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(heartbeats=HEARTBEATS, **NO_ACCOUNTS)
    yield running
    await running.stop()


def pass_time(app: App, seconds: float) -> None:
    app.clock.move(seconds)
    app.service.agenda.wake()


async def opened(app: App, state: str = "open") -> list[Any]:
    _, answer = await app.get(f"/v1/incidents?state={state}")
    return list(answer["incidents"])


async def test_one_that_stops_opens_an_incident_and_its_return_resolves_it(watching: App) -> None:
    status, answer = await watching.post(b"", "/v1/heartbeats/backup")
    assert (status, answer["heartbeat"]) == (202, "backup")
    for _ in range(12):
        await watching.post(notification(alert("Watchdog"), group="w"))
        pass_time(watching, 299)
    assert await opened(watching) == []
    pass_time(watching, 20)

    async def both() -> Any:
        found = await opened(watching)
        return found if len(found) == 2 else None

    missing = {item["priority"]: item["title"] for item in await until(both)}
    assert missing == {
        "P1": "HeartbeatMissing: No heartbeat watchdog for longer than 5m",
        "P3": "HeartbeatMissing: No heartbeat backup for longer than 1h",
    }
    await watching.post(b"", "/v1/heartbeats/backup")
    await watching.post(notification(alert("Watchdog"), group="w"))
    await until(lambda: _none_open(watching))
    (backup,) = [item for item in await opened(watching, "closed") if "backup" in item["title"]]
    assert backup["resolved_by"]["via"] == "automatic"


async def _none_open(app: App) -> bool:
    return not await opened(app)


async def test_one_that_never_came_is_a_warning_until_it_came_once(watching: App) -> None:
    pass_time(watching, 301)
    (missing,) = await until(lambda: opened(watching))
    assert missing["labels"] == {"heartbeat": "watchdog"}
    assert (missing["kind"], missing["priority"]) == ("heartbeat", "P3")
    assert missing["title"].endswith(
        "Heartbeat watchdog has never come since it is awaited: is its sender configured?"
    )
    line = 'incidents_total{priority="P3",severity="warning",source="other",type="heartbeat"}'
    assert await watching.metric(line) == 1
    await watching.post(notification(alert("Watchdog"), group="w"))
    await until(lambda: _none_open(watching))
    pass_time(watching, 301)
    (again,) = await until(lambda: opened(watching))
    assert (again["id"], again["priority"], again["severity"]) == (missing["id"], "P1", "critical")
    assert again["title"] == "HeartbeatMissing: No heartbeat watchdog for longer than 5m"
    # The end of one is the end of the other: it is one alert.
    assert (again["firing"], again["resolved"]) == (1, 0)


async def test_that_it_came_once_outlives_a_restart(watching: App) -> None:
    await watching.post(notification(alert("Watchdog"), group="w"))
    await watching.stop()
    await watching.start(heartbeats=HEARTBEATS, **NO_ACCOUNTS)
    pass_time(watching, 301)
    (missing,) = await until(lambda: opened(watching))
    assert missing["priority"] == "P1"


async def test_a_heartbeat_that_goes_missing_again_is_the_same_incident(watching: App) -> None:
    await watching.post(notification(alert("Watchdog"), group="w"))
    pass_time(watching, 301)
    (missing,) = await until(lambda: opened(watching))
    await watching.post(notification(alert("Watchdog"), group="w"))
    await until(lambda: _none_open(watching))
    pass_time(watching, 301)
    (again,) = await until(lambda: opened(watching))
    assert (again["id"], again["episode"]) == (missing["id"], 1)


async def test_beats_and_alerts_of_one_payload_go_their_own_ways(watching: App) -> None:
    both = notification(alert("Watchdog"), alert("DiskFull"), group="w")
    status, answer = await watching.post(both)
    assert (status, len(answer["incidents"])) == (202, 1)
    (incident,) = await opened(watching)
    assert incident["title"].startswith("DiskFull")
    assert incident["firing"] == 1


async def test_a_restart_gives_what_is_due_another_interval(watching: App, tmp_path: Path) -> None:
    await watching.post(notification(alert("Watchdog"), group="w"))
    await watching.stop()
    watching.clock.move(3600)
    await watching.start(heartbeats=HEARTBEATS, **NO_ACCOUNTS)
    pass_time(watching, 200)
    assert await opened(watching) == []
    pass_time(watching, 101)
    assert await until(lambda: opened(watching))


async def test_an_unknown_name_is_refused_with_the_known_ones(watching: App) -> None:
    status, answer = await watching.post(b"", "/v1/heartbeats/other")
    assert status == 404
    assert "backup, watchdog" in answer["detail"]


async def _damage_watch(app: App, name: str) -> None:
    """Make a heartbeat's watch unreadable, and have somebody meet it."""
    event = app.service.heartbeats._event(name, app.service.settings.heartbeats[name])
    watch = f"{event.key}-0"
    await app.service.redis.set(Keys(0).incident(watch), b"\xff{junk")
    app.service.dispatcher.cache.forget(event.key)
    found = await app.service.dispatcher.store.load(watch)
    assert found is not None
    assert found.state == "damaged"


async def test_one_whose_watch_is_damaged_is_awaited_again_by_itself(
    watching: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver.engine.damaged, "EVERY_S", 0.1)
    await watching.post(b"", "/v1/heartbeats/backup")
    await watching.post(notification(alert("Watchdog"), group="w"))
    await _damage_watch(watching, "watchdog")

    async def awaited() -> bool:
        event = watching.service.heartbeats._event(
            "watchdog", watching.service.settings.heartbeats["watchdog"]
        )
        found = await watching.service.dispatcher.store.load(f"{event.key}-0")
        return found is not None and found.state == "beating"

    await until(awaited, 12)
    pass_time(watching, 299)
    await watching.post(notification(alert("Watchdog"), group="w"))
    assert await opened(watching) == [], "it beats in time"
    pass_time(watching, 320)
    (missing,) = await until(lambda: opened(watching))
    assert "watchdog" in missing["title"]
    await watching.post(notification(alert("Watchdog"), group="w"))
    await until(lambda: _none_open(watching))


async def test_the_first_beat_after_the_damage_ends_what_was_missing(watching: App) -> None:
    await watching.post(b"", "/v1/heartbeats/backup")
    pass_time(watching, 3_700)
    await until(lambda: opened(watching))
    await _damage_watch(watching, "backup")
    await watching.post(b"", "/v1/heartbeats/backup")

    async def backup_is_back() -> bool:
        return not [item for item in await opened(watching) if "backup" in item["title"]]

    await until(backup_is_back)
