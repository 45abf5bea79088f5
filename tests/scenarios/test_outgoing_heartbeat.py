"""Somebody outside is told that all is well, and only while it is."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from receiver.engine.agenda import Agenda
from receiver.http.config import WebConfig
from receiver.outgoing_heartbeat.config import OutgoingHeartbeatConfig
from receiver.outgoing_heartbeat.self_checks import check_intake, intake_url
from receiver.outgoing_heartbeat.sender import OutgoingHeartbeat
from receiver.store.embedded.server import EmbeddedValkey
from tests.support.app import NO_ACCOUNTS, App
from tests.support.rig import free_port
from tests.support.waiting import until

SECRET = "3f1c-ping-secret"


class Watcher:
    """The outside service: counts beats, and answers with ``status``."""

    def __init__(self) -> None:
        self.beats: list[tuple[str, str]] = []
        self.status = 200
        self.body = ""
        self.wait = 0.0
        self._runner: web.AppRunner

    async def start(self) -> None:
        application = web.Application()
        application.router.add_route("*", "/{rest:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/{SECRET}?create=1&x=a%2Fb"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.beats.append((request.method, request.raw_path))
        await asyncio.sleep(self.wait)
        return web.Response(status=self.status, text=self.body, headers={"Location": "/elsewhere"})

    async def beats_again(self) -> None:
        known = len(self.beats)
        await until(lambda: len(self.beats) > known + 1)

    async def is_silent(self) -> bool:
        await asyncio.sleep(0.3)  # what is under way may still arrive
        known = len(self.beats)
        await asyncio.sleep(0.6)
        return len(self.beats) == known


@pytest.fixture
async def watcher() -> AsyncIterator[Watcher]:
    made = Watcher()
    await made.start()
    yield made
    await made.stop()


Start = Callable[..., Awaitable[App]]


@pytest.fixture
async def start(tmp_path: Path, fakes: Any, watcher: Watcher) -> AsyncIterator[Start]:
    app = App(tmp_path, *fakes)

    async def begin(**settings: Any) -> App:
        usual = {"outgoing_heartbeat.url": watcher.url, "outgoing_heartbeat.interval": "100ms"}
        await app.start(**(NO_ACCOUNTS | usual | settings))
        return app

    yield begin
    if hasattr(app, "session"):
        await app.stop()


async def health(app: App) -> str:
    return str((await app.get("/health"))[1]["components"]["outgoing_heartbeat"])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_beats_arrive_in_step_and_stop_with_the_service(
    start: Start, watcher: Watcher, method: str
) -> None:
    app = await start(outgoing_heartbeat__method=method)
    await until(lambda: len(watcher.beats) >= 5)
    assert set(watcher.beats) == {(method, f"/{SECRET}?create=1&x=a%2Fb")}
    assert await health(app) == "ok"
    assert await app.metric('incident_manager_heartbeats_total{outcome="sent"}') >= 4
    sent = await app.metric("incident_manager_heartbeat_sent_timestamp_seconds")
    assert abs(sent - app.clock.now() / 1000) < 60
    await app.service.outgoing_heartbeat.stop()
    assert await watcher.is_silent()


async def test_without_a_url_nothing_is_sent(plain: App, watcher: Watcher) -> None:
    assert await health(plain) == "off"
    assert await plain.metric('incident_manager_heartbeats_total{outcome="sent"}') == 0
    assert await plain.metric("incident_manager_heartbeat_sent_timestamp_seconds") == 0


async def test_silence_while_redis_is_away(
    start: Start, watcher: Watcher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = EmbeddedValkey(tmp_path / "external")
    await server.start()
    app = await start(redis__url=server.url)
    await watcher.beats_again()
    await server.stop()
    with caplog.at_level(logging.INFO, "heartbeat"):
        await until(lambda: "redis:" in app.service.outgoing_heartbeat.status)
        assert await watcher.is_silent()
        said = [record for record in caplog.records if record.name == "heartbeat"]
        assert len(said) <= 2, "every change is said once"  # the agenda may notice first
        assert await app.metric('incident_manager_heartbeats_total{outcome="withheld"}') >= 2
        await server.start()
        await watcher.beats_again()
    assert caplog.messages[-1] == "heartbeats are sent again"
    assert await health(app) == "ok"
    await app.service.outgoing_heartbeat.stop()
    await server.stop()


async def test_silence_while_nobody_delivers(start: Start, watcher: Watcher) -> None:
    app = await start()
    await watcher.beats_again()
    agenda = app.service.agenda
    await agenda.stop()
    await app.fire()
    app.clock.move(60)
    await watcher.beats_again()
    app.clock.move(61)
    await until(lambda: "delivery: an urgent task is 2m" in app.service.outgoing_heartbeat.status)
    assert await watcher.is_silent()
    app.service.agenda = Agenda(
        app.service.tasks,
        agenda._delivery,
        app.service.dispatcher,
        agenda._timer_events,
        app.clock,
        app.service.notifiers,
    )
    app.service.agenda.start()
    await watcher.beats_again()


async def test_silence_while_a_notifier_only_fails(
    tmp_path: Path, fakes: Any, watcher: Watcher
) -> None:
    app = App(tmp_path, *fakes)
    flags = {"outgoing_heartbeat.url": watcher.url, "outgoing_heartbeat.interval": "100ms"}
    await app.start(**flags)
    app.slack.faults.add("500", times=None)
    await app.fire()
    await until(lambda: "slack" in app.service.notifier_health.present())
    await watcher.beats_again()

    async def reported() -> bool:
        await app.pass_time(20)
        await asyncio.sleep(0.15)  # a beat looks at it
        return (
            "delivery: every attempt of slack failed for " in app.service.outgoing_heartbeat.status
        )

    await until(reported)
    assert app.service.notifier_health.present().keys() == {"slack"}
    assert await watcher.is_silent()
    app.slack.faults.clear()
    app.clock.move(120)
    app.service.agenda.wake()
    await watcher.beats_again()
    await app.stop()


async def test_one_failure_for_ever_is_no_reason(start: Start, watcher: Watcher) -> None:
    app = await start()
    notifier_health = app.service.notifier_health
    for seconds in (0, 901, 240):
        app.clock.move(seconds)
        notifier_health.failed("log", "away")
        await watcher.beats_again()
    app.clock.move(60)
    notifier_health.failed("log", "away")
    assert notifier_health.lengths(["log"])["log"] >= 300_000
    await until(
        lambda: "every attempt of log failed for 5m" in app.service.outgoing_heartbeat.status
    )
    notifier_health.worked("log")
    assert notifier_health.lengths(["log"]) == {}
    await watcher.beats_again()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, "", "answers 500"),
        (301, "", "answers 301"),
        (200, "<!doctype html><title>Sign in</title>", "answers 200 with a web page"),
    ],
)
async def test_a_beat_nobody_takes_is_said_once(
    start: Start,
    watcher: Watcher,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: str,
    words: str,
) -> None:
    watcher.status, watcher.body = status, body
    app = await start()
    with caplog.at_level(logging.INFO, "heartbeat"):
        await watcher.beats_again()
        await watcher.beats_again()
        assert (await health(app)).startswith(f"failed: {words}")
        watcher.status, watcher.body = 200, "<p>OK</p>"
        await until(lambda: app.service.outgoing_heartbeat.status == "ok")
    said = [record.getMessage() for record in caplog.records if record.name == "heartbeat"]
    assert said[0].startswith(f"the heartbeat to 127.0.0.1 failed: {words}")
    assert said[1:] == ["heartbeats are sent again"]
    assert {path.split("?")[0] for _, path in watcher.beats} == {f"/{SECRET}"}
    assert SECRET not in caplog.text


async def test_an_outside_service_that_is_away_or_hangs(
    start: Start, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr("receiver.outgoing_heartbeat.sender.SEND_WITHIN_S", 0.2)
    watcher.wait = 5
    app = await start()
    await until(lambda: app.service.outgoing_heartbeat.status == "failed: no answer within 0.2 s")
    await watcher.stop()
    await until(lambda: "cannot connect: " in app.service.outgoing_heartbeat.status)
    assert SECRET not in caplog.text


async def test_a_check_that_hangs_or_raises_is_a_problem(
    plain: App, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.outgoing_heartbeat.sender.CHECK_WITHIN_S", 0.1)

    async def hangs() -> str:
        await asyncio.sleep(30)
        return ""

    async def raises() -> str:
        raise KeyError("x")

    async def fine() -> str:
        return ""

    config = OutgoingHeartbeatConfig(url=watcher.url)  # type: ignore[arg-type]
    checks = {"a": hangs, "b": raises, "c": fine}
    service = plain.service
    heartbeat = OutgoingHeartbeat(config, checks, service.metrics, plain.clock, service.turns)
    assert await heartbeat.beat() == "withheld"
    assert heartbeat.status == "withheld: a: no answer within 0.1 s; b: KeyError: 'x'"
    assert not watcher.beats
    await heartbeat.stop()


@pytest.mark.parametrize(
    ("address", "prefix", "url"),
    [
        ("127.0.0.1:8080", "", "http://127.0.0.1:1/-/healthy"),
        ("0.0.0.0:8080", "im", "http://127.0.0.1:1/im/-/healthy"),
        (":0", "", "http://127.0.0.1:1/-/healthy"),
        ("[::]:8080", "", "http://[::1]:1/-/healthy"),
        ("[fe80::1]:8080", "", "http://[fe80::1]:1/-/healthy"),
        ("localhost:8080", "", "http://localhost:1/-/healthy"),
    ],
)
def test_intake_is_asked_where_it_listens(address: str, prefix: str, url: str) -> None:
    assert intake_url(WebConfig(listen_address=address, route_prefix=prefix), 1) == url


async def test_intake_that_does_not_answer_is_a_problem(plain: App) -> None:
    assert await check_intake(f"{plain.url}/-/healthy") == ""
    assert await check_intake(f"{plain.url}/elsewhere") == "answers 404"
    assert "onnect" in await check_intake(f"http://127.0.0.1:{free_port()}/")


async def test_silence_while_intake_is_closed(start: Start, watcher: Watcher) -> None:
    app = await start()
    await watcher.beats_again()
    await app.service.ports.close()
    await until(lambda: app.service.outgoing_heartbeat.status.startswith("withheld: intake: "))
    assert await watcher.is_silent()


def test_the_url_is_shown_nowhere() -> None:
    assert SECRET not in repr(OutgoingHeartbeatConfig(url=f"https://hc.example/{SECRET}"))  # type: ignore[arg-type]
