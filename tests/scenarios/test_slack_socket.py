"""Socket Mode: a connection that is lost, and a request that cannot be stored."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.errors import StoreUnavailableError
from receiver.slack.interactions import socket_mode as slack_socket
from tests.support.app import App
from tests.support.slack_transport import settings_for
from tests.support.slack_work import Work
from tests.support.waiting import until


@pytest.fixture
async def work(tmp_path: Path, fakes: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Work]:
    monkeypatch.setattr(slack_socket, "CHECK_S", 0.5)
    app = App(tmp_path, *fakes)
    await app.start(**settings_for("socket"))
    yield Work(app, "socket")
    await app.stop()


async def _status(work: Work) -> str:
    _, health = await work.app.get("/health")
    return str(health["components"]["slack_socket"])


async def test_a_connection_that_slack_closes_is_opened_again(work: Work) -> None:
    await work.fire()
    await until(lambda: work.app.slack.socket.connections)
    first = work.app.slack.socket.connections[0]
    await work.app.slack.socket.drop()
    await until(lambda: [one for one in work.app.slack.socket.connections if one is not first])
    await work.press("acknowledge")
    assert (await work.now())["state"] == "acknowledged"
    assert await _status(work) == "ok"


async def test_slack_that_is_away_is_tried_again_without_stack_traces(
    tmp_path: Path, fakes: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slack_socket, "CHECK_S", 0.5)
    fakes[0].faults.add("error:internal_error", times=2, method="apps.connections.open")
    app = App(tmp_path, *fakes)
    with caplog.at_level(logging.INFO):
        await app.start(**settings_for("socket"))
        work = Work(app, "socket")
        assert await _status(work) == "not connected"
        await until(lambda: app.slack.socket.connections)

        async def connected() -> bool:
            return await _status(work) == "ok"

        await until(connected)
    await app.stop()
    said = [record for record in caplog.records if "Failed to connect" in record.getMessage()]
    assert said
    assert all(record.exc_info is None for record in said)


async def test_what_cannot_be_stored_is_not_acknowledged(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    await work.fire()
    client = work.app.slack.client()
    sent = client.press(work.message, "acknowledge")
    await until(lambda: work.app.slack.socket.connections)
    monkeypatch.setattr(work.app.service.dispatcher.store, "commit", _unavailable)
    with pytest.raises(TimeoutError):
        await work.app.slack.socket.send(sent)


async def _unavailable(*_arguments: Any) -> Any:
    raise StoreUnavailableError("Redis is away")
