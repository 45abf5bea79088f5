"""A silence that takes Alertmanager longer than Slack waits for an answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from receiver.errors import StoreUnavailableError
from tests.support.app import App
from tests.support.fakes.alertmanager import FakeAlertmanager
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.patience import PATIENCE_S
from tests.support.slack_work import Work
from tests.support.waiting import until


@pytest.fixture
async def work(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], alertmanager: FakeAlertmanager
) -> AsyncIterator[Work]:
    app = App(tmp_path, *fakes)
    await app.start(alertmanagers=[{"urls": [alertmanager.url]}])
    app.service.silences._timeout = PATIENCE_S
    yield Work(app, "http")
    await app.stop()


class Away:
    """A dispatcher while Redis is away."""

    async def submit(self, *_: Any) -> Any:
        raise StoreUnavailableError("away")


@pytest.mark.parametrize(
    ("status", "away", "words"),
    [
        (200, False, "Alertmanager has taken the silence."),
        (200, True, "taken the silence, but it is not noted here: ask once more"),
        (400, False, "The silence failed: Alertmanager refused (HTTP 400): no way"),
        (502, False, "ask once more: it is not made twice"),
    ],
)
async def test_whoever_asked_hears_what_became_of_it(
    work: Work, alertmanager: FakeAlertmanager, status: int, away: bool, words: str
) -> None:
    """Alertmanager answers after Slack's window had to be answered."""
    answered = asyncio.Event()

    async def look(_request: web.Request) -> web.Response:
        await answered.wait()
        return web.json_response(alertmanager.silences)

    async def make(request: web.Request) -> web.Response:
        body = await request.json()
        answer = {"silenceID": alertmanager.keep(body)} if status == 200 else "no way"
        return web.json_response(answer, status=status)

    alertmanager.behave |= {"GET": look, "POST": make}
    await work.fire()
    await work.more("silence")
    window = work.window()
    origin = json.loads(window["private_metadata"])
    window["private_metadata"] = json.dumps(origin | {"channel": "C0ALERTS"})
    if away:
        work.app.service.actions._silencer._dispatcher = Away()  # type: ignore[assignment]
    answer = await work.submit(**{"for": "2h"})
    assert "has not answered yet" in str(answer)
    answered.set()
    said = await until(lambda: work.app.slack.workspace.ephemerals)
    assert words in said[-1]["text"]
    assert len((await work.now())["silences"]) == (status == 200 and not away)


async def test_a_silence_of_what_is_forgotten_is_said_to_be_none(work: Work) -> None:
    await work.fire()
    await work.more("silence")
    await work.app.service.redis.flushall()
    work.app.service.dispatcher.cache.forget(work.incident.rpartition("-")[0])
    answer = await work.submit(**{"for": "2h"})
    assert "This incident is not known any more." in str(answer)
