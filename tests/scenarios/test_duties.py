"""What one process does for all that share a Redis: once, and by another when it hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from receiver.aio.background import end
from receiver.app import self_watch
from receiver.slack.interactions import socket_mode
from tests.scenarios.test_outgoing_heartbeat import Watcher
from tests.support.app import App
from tests.support.slack_transport import settings_for
from tests.support.waiting import until


@asynccontextmanager
async def replicas(folder: Path, fakes: Any, **settings: Any) -> AsyncIterator[tuple[App, App]]:
    first, second = App(folder, *fakes), App(folder, *fakes)
    await first.start(**settings)
    embedded: Any = first.service.embedded
    await second.start(**{"redis.url": embedded.url, **settings})
    try:
        yield first, second
    finally:
        await second.stop()
        await first.stop()


async def _sent(app: App) -> float:
    return await app.metric('incident_manager_heartbeats_total{outcome="sent"}')


async def test_one_sends_the_heartbeat_and_another_when_it_hangs(
    tmp_path: Path, fakes: Any
) -> None:
    watcher = Watcher()
    await watcher.start()
    flags = {"outgoing_heartbeat.url": watcher.url, "outgoing_heartbeat.interval": "300ms"}
    async with replicas(tmp_path, fakes, **flags) as apps:
        await until(lambda: len(watcher.beats) >= 6)
        sent = [await _sent(app) for app in apps]
        assert min(sent) == 0
        for app in apps:
            assert (await app.get("/health"))[1]["components"]["outgoing_heartbeat"] == "ok"
        one, other = sorted(apps, key=lambda app: app is apps[sent.index(0)])
        await end([one.service.outgoing_heartbeat._task])
        known = len(watcher.beats)
        await until(lambda: len(watcher.beats) > known + 3)
        assert await _sent(other) >= 3
    await watcher.stop()


async def test_what_nobody_does_is_said(
    tmp_path: Path, fakes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_watch, "UNDONE_MS", 700)
    flags = {"outgoing_heartbeat.url": "http://127.0.0.1:1/x", "outgoing_heartbeat.interval": "1m"}
    app = App(tmp_path, *fakes)
    await app.start(**flags)
    monkeypatch.setattr(app.service.watch, "_since", app.clock.now() - 120_500)

    async def said() -> bool:
        problems = (await app.get("/health"))[1]["problems"]
        return any("nobody sends the outgoing heartbeat" in row["problem"] for row in problems)

    try:
        await until(said)
        await app.service.turns.take("heartbeat", 75_000)

        async def over() -> bool:
            return not await said()

        await until(over)
    finally:
        await app.stop()


async def test_a_connection_to_slack_is_taken_over(
    tmp_path: Path, fakes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_mode, "TURNS", ("slack_socket",))
    monkeypatch.setattr(socket_mode, "LASTS_MS", 1_000)
    monkeypatch.setattr(socket_mode, "LOOK_S", 0.1)
    async with replicas(tmp_path, fakes, **settings_for("socket")) as (first, second):
        connections = fakes[0].socket.connections
        await until(lambda: connections)
        await asyncio.sleep(0.5)
        assert len(connections) == 1
        one, other = first.service.slack_socket, second.service.slack_socket
        assert one is not None
        assert other is not None
        assert (one.status, other.status) == ("ok", "ok")
        assert (bool(one._turn), bool(other._turn)) == (True, False)
        await end(one._tasks[:1])  # it hangs
        await until(lambda: other._turn and other._connected)
        # Ended as it should, it leaves its turn at once.
        monkeypatch.setattr(socket_mode, "LASTS_MS", 60_000)
        await until(lambda: other._turn)
        await other.close()
        one.start()
        await until(lambda: one._turn and one._connected)
        assert len(connections) == 1


async def test_notifiers_are_tried_once_on_a_machine(tmp_path: Path, fakes: Any) -> None:
    async with replicas(tmp_path, fakes, **{"observability.check_notifiers_every": "1h"}) as apps:

        async def tried() -> bool:
            found = [(await app.get("/health"))[1]["notifiers"]["slack"] for app in apps]
            return all(one == {"state": "ok"} for one in found)

        await until(tried)
        assert [call.method for call in fakes[0].calls].count("auth.test") == 1
