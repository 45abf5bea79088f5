"""Clocks step under the running service: what people get, and what they are told of it."""

import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.proofs.steps import LATE_S, late_starter, story
from receiver.clock import Clock
from tests.support.app import NO_ACCOUNTS, App
from tests.support.notification import alert
from tests.support.stepping import Stepping, stepping
from tests.support.waiting import until


@pytest.fixture
async def world() -> AsyncIterator[Stepping]:
    async with stepping() as running:
        await running.start()
        yield running


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("size", "which"),
    [(300, "Redis's clock"), (-300, "Redis's clock"), (3600, "both")],
)
async def test_pages_at_every_stage_neither_late_nor_doubled_nor_missed(
    size: float, which: str
) -> None:
    found = await story(size, which)
    assert found.wrong == ()
    assert found.latest <= LATE_S
    assert found.pages > 30


@pytest.mark.timeout(180)
async def test_redis_ahead_at_the_start_and_right_again() -> None:
    found = await story(0, "", at_first=300)
    assert (found.wrong, found.latest <= LATE_S) == ((), True)


@pytest.mark.timeout(180)
async def test_a_restart_while_redis_is_ahead_misses_nothing() -> None:
    found = await story(3600, "Redis's clock", restart=True)
    assert (found.wrong, found.latest <= LATE_S) == ((), True)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("size", [60, -600])
async def test_a_replica_that_starts_after_a_step_pages_nothing_twice(size: float) -> None:
    found, apart = await late_starter(size)
    assert (found.wrong, found.latest <= LATE_S) == ((), True)
    assert apart < 1


async def test_it_is_said_and_ends(world: Stepping, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (app,) = world.replicas
    world.set_clocks(redis=300)
    await world.go_to(5)
    _, health = await app.get("/health")
    assert health["status"] == "degraded"
    (problem,) = health["problems"]
    assert problem["subject"] == "clock"
    assert problem["problem"] == (
        "Redis's clock is 5m ahead of the service's and this machine's (NTP?)"
    )
    assert not problem["unready"]
    assert (await app.get("/-/ready"))[0] == 200
    offset = 'incident_manager_clock_offset_seconds{clock="%s"}'
    assert await app.metric(offset % "redis") == pytest.approx(300, abs=1)
    assert await app.metric(offset % "machine") == pytest.approx(0, abs=1)
    assert await app.metric('incident_manager_condition{subject="clock"}') == 1
    assert "Redis's clock stepped 5m ahead: not followed" in caplog.messages
    world.set_clocks(redis=0)
    await world.go_to(10)
    assert (await app.get("/health"))[1]["problems"] == []
    assert any("clock: well again" in message for message in caplog.messages)


async def test_what_is_still_to_be_made_up_for_is_shown(world: Stepping) -> None:
    (app,) = world.replicas
    await world.fire("Open")
    world.set_clocks(redis=600, machine=600)
    await world.go_to(100)
    behind = await app.metric("incident_manager_clock_behind_seconds")
    assert behind == pytest.approx(599, abs=1)
    _, health = await app.get("/health")
    assert "follows by 1 %" in health["problems"][0]["problem"]


async def test_people_are_heard_while_the_services_time_is_wrong() -> None:
    """Slack stamps by the world's time; the service began with a Redis that was an hour ahead."""
    async with stepping() as world:
        world.world.redis_off = 3600
        await world.start()
        name = await world.fire("Early")
        world.set_clocks(redis=0)
        await world.go_to(5)
        await world.take(name)


class Settable:
    """A machine that runs an embedded server: Redis's clock and its own are one, off by ``off``."""

    def __init__(self) -> None:
        self.off = 0.0

    def wall(self) -> float:
        return time.time() + self.off

    async def start(self, app: App, **settings: Any) -> None:
        """Start the service on it."""
        app.clock = Clock(time.monotonic, self.wall)  # type: ignore[assignment]
        await app.start(**NO_ACCOUNTS, **settings)
        reference = app.service.timekeeper._reference
        reference._redis = _OneClock(reference._redis, self)


class _OneClock:
    """A client whose TIME is the machine's."""

    def __init__(self, redis: Any, machine: Settable) -> None:
        self._redis = redis
        self._machine = machine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    async def time(self) -> tuple[int, int]:
        return divmod(int(self._machine.wall() * 1_000_000), 1_000_000)


@pytest.fixture
async def embedded(tmp_path: Path, fakes: Any) -> AsyncIterator[tuple[App, Settable]]:
    machine = Settable()
    app = App(tmp_path, *fakes)
    await machine.start(app)
    yield app, machine
    await app.stop()


def _shown(app: App, machine: Settable) -> float:
    return app.clock.now() / 1000 - machine.wall()


@pytest.mark.parametrize("off", [3600, -86_400])
async def test_with_the_embedded_server_a_set_time_is_taken_over_when_nothing_is_open(
    embedded: tuple[App, Settable], off: float
) -> None:
    app, machine = embedded
    machine.off = off
    await app.service.timekeeper.measure()
    await app.service.timekeeper.measure()
    assert abs(_shown(app, machine)) < 1
    assert (await app.get("/health"))[1]["problems"] == []


@pytest.mark.parametrize(("off", "severity"), [(3600, "critical"), (-3600, "info")])
async def test_and_not_while_that_would_hurt(
    embedded: tuple[App, Settable], off: float, severity: str
) -> None:
    app, machine = embedded
    name = await app.fire(alert(labels={"severity": severity}))
    due = (await app.incident(name))["deadlines"]["acknowledge"]["due"]
    machine.off = off
    for _ in range(3):
        await app.service.timekeeper.measure()
    assert _shown(app, machine) == pytest.approx(-off, abs=1)
    found = await app.incident(name)
    assert found["deadlines"]["acknowledge"] == {
        **found["deadlines"]["acknowledge"],
        "due": due,
        "missed_at": None,
    }
    assert (await app.get("/health"))[1]["problems"][0]["subject"] == "clock"
    await app.post({"by": "ann"}, f"/v1/incidents/{name}/resolve")
    await app.service.timekeeper.measure()
    assert abs(_shown(app, machine)) < 1


async def test_a_heartbeat_is_awaited_anew_when_the_time_was_set(
    tmp_path: Path, fakes: Any
) -> None:
    machine = Settable()
    app = App(tmp_path, *fakes)
    await machine.start(app, heartbeats={"backup": {"interval": "10m"}})
    try:
        await app.post({}, "/v1/heartbeats/backup")
        machine.off = 3600
        await app.service.timekeeper.measure()
        await app.service.timekeeper.measure()
        await app.settle()
        assert (await app.get("/v1/incidents?state=open"))[1]["incidents"] == []
    finally:
        await app.stop()


async def test_what_a_wrong_clock_put_off_is_taken_up(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """A delivery waits a day ahead, as a release that followed every step left it."""
    app.slack.faults.add("503", times=None)
    name = await app.fire()
    await until(lambda: app.slack.calls)
    service = app.service
    key = f"{name}|notify:slack"

    async def retried() -> bool:
        state = await service.redis.hget("im:{0}:task", key)
        return state is not None and b"||" in state

    await until(retried)
    tomorrow = service.clock.now() + 86_400_000
    await service.redis.zadd("im:{0}:due:urgent", {key: tomorrow})
    await service.redis.hset("im:{0}:task", key, f"1||0|{tomorrow}")
    app.slack.faults.clear()
    await service.timekeeper.mend()
    assert await app.metric("incident_manager_agenda_put_off_entries") == 1
    await until(lambda: app.slack.top_level("C0ALERTS"))
    await service.timekeeper.mend()
    assert await app.metric("incident_manager_agenda_put_off_entries") == 0
    assert any(key in message for message in caplog.messages)
