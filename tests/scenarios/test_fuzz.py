"""Whatever comes in through any door: an answer below 500, and a service that goes on.

In the tests a bounded number of requests, always the same ones; ``make fuzz`` sends many more, new
ones each time, and also looks at how long each takes.
"""

import asyncio
import io
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from yarl import URL

from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.pagerduty_webhooks import SECRET
from tests.support.fakes.slack import FakeSlack
from tests.support.fuzz_targets import (
    HEARTBEAT,
    INTEGRATION,
    TARGETS,
    Shot,
    World,
    shot,
    world_of,
)
from tests.support.notification import alert

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Requests through each door; 0: those of the tests."""
IN_TESTS = 25
ANSWER_WITHIN_S = 0.5
FUZZ = settings(
    max_examples=EXAMPLES or IN_TESTS,
    derandomize=not EXAMPLES,
    # One service takes all of them, as in its life.
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
    database=None,
)

SETTINGS: dict[str, Any] = {
    "pagerduty.webhook_secret": SECRET,
    "integrations": {INTEGRATION: {}},
    "heartbeats": {HEARTBEAT: {"interval": "1h"}},
    "status_page.components": [{"name": "Checkout", "matchers": ['service="checkout"']}],
}


class Seen(logging.Handler):
    """What went wrong: answers that should not be, and what the service logged of its failures.

    Kept to the end: the service goes on, so that the same request may do no harm a second time, and
    what fails in the background is known later.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.wrong: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.wrong.append(self.format(record))


@pytest.fixture
async def seen() -> AsyncIterator[Seen]:
    handler = Seen()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    assert handler.wrong == []


@pytest.fixture
async def world(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], seen: Seen
) -> AsyncIterator[World]:
    """A service with an incident in it, which has to be well afterwards."""
    app = App(tmp_path, *fakes)
    await app.start(**SETTINGS)
    made = await world_of(app)
    yield made
    try:
        await is_well(made)
    finally:
        await app.stop()


async def send(world: World, request: Shot) -> tuple[int, str, float]:
    """Send it; return status, answer, and the seconds of this process's time it took.

    Status 599 stands for no answer.
    """
    url, body = URL(world.app.url + request.path, encoded=True), io.BytesIO(request.body)
    began = time.process_time()
    try:
        async with world.app.session.request(
            request.method, url, data=body, headers=request.headers, allow_redirects=False
        ) as answer:
            status, text = answer.status, (await answer.read()).decode("utf-8", "replace")
    except (ClientError, OSError, ValueError) as error:
        status, text = 599, repr(error)
    return status, text, time.process_time() - began


def is_fine(status: int, text: str) -> bool:
    """Return whether an answer is one that is meant: 503 only where it says to come again."""
    return status < 500 or (status == 503 and "try again" in text)


async def is_well(world: World) -> None:
    """Look at everything that shows what was stored, and fire once more."""
    for path in ("/", "/v1/incidents?state=all", "/metrics", "/v1/dead-letters", "/v1/changes"):
        status, text = await world.app.get(path)
        assert status == 200, (path, text)
    _, found = await world.app.get("/v1/incidents?state=all")
    for one in found["incidents"]:
        for path in (f"/v1/incidents/{one['id']}", f"/incidents/{one['id']}"):
            status, text = await world.app.get(path)
            assert status == 200, (path, text)
    await world.app.fire(alert("After"), group="after")


def fuzz(world: World, target: str, ask: Callable[[Shot], None]) -> None:
    """Send what is generated for a door, in a thread: generating waits for no answer."""

    @FUZZ
    @given(data=st.data())
    def each(data: st.DataObject) -> None:
        ask(shot(world, target, data.draw))

    for left in reversed(range(3)):
        try:
            each()
        except FlakyStrategyDefinition:
            # Of the generator, which compares its own draws, not of what is tested.
            if not left:
                raise
        else:
            return


# Hypothesis looks whether the state of `random` moves while it draws; the service, in another
# thread, draws too.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("target", TARGETS)
async def test_whatever_comes_in_is_answered(world: World, seen: Seen, target: str) -> None:
    loop = asyncio.get_running_loop()

    async def ask(request: Shot) -> None:
        status, text, took = await send(world, request)
        if not is_fine(status, text):
            seen.wrong.append(f"{status} {text[:300]}: {request}")
        if EXAMPLES and took > ANSWER_WITHIN_S:
            # Something else may have been done meanwhile: what is slow is so again.
            _, _, again = await send(world, request)
            if again > ANSWER_WITHIN_S:
                seen.wrong.append(f"took {took:.2f} s, then {again:.2f} s: {request}")

    def answered(request: Shot) -> None:
        asyncio.run_coroutine_threadsafe(ask(request), loop).result()

    await asyncio.to_thread(fuzz, world, target, answered)


async def test_a_snooze_until_no_time_of_this_world_is_said_beside_the_field(world: World) -> None:
    for moment in (10**20, -(10**20), 253402300800):
        field = {"value": {"type": "datetimepicker", "selected_date_time": moment}}
        window = {
            "type": "view_submission",
            "user": {"id": "U1"},
            "view": {
                "type": "modal",
                "callback_id": "snooze",
                "private_metadata": json.dumps({"incident": world.incident}),
                "state": {"values": {"until": field}},
                "blocks": [{"type": "input", "block_id": "until"}],
            },
        }
        stamp = int(world.app.clock.now() / 1000)
        body, headers = world.app.slack.signed(("interactive", window), stamp)
        status, answer = await world.app.post(body, "/v1/slack/actions", headers=headers)
        assert (status, answer["errors"]) == (200, {"until": "is not a time"})


@pytest.mark.parametrize("user", ["\u4e2d" * 1_000, "U" * 300_000, "U1?x=1"])
async def test_what_cannot_be_a_user_is_not_asked_for_in_slack(world: World, user: str) -> None:
    slack, stamp = world.app.slack, int(world.app.clock.now() / 1000)
    _, opened = slack.client().open_home()
    opened["event"]["user"] = user
    window = {
        "type": "view_submission",
        "user": {"id": "U1"},
        "view": {
            "callback_id": "assign",
            "private_metadata": json.dumps({"incident": world.incident}),
            "state": {"values": {"to": {"value": {"value": user}}}},
        },
    }
    before = len(slack.calls)
    for path, kind, payload in (
        ("/v1/slack/events", "events_api", opened),
        ("/v1/slack/actions", "interactive", window),
        ("/v1/slack/actions", "interactive", slack.client(user).shortcut("open_incident")[1]),
    ):
        body, headers = slack.signed((kind, payload), stamp)
        status, _ = await world.app.post(body, path, headers=headers)
        assert status in (200, 400)
    assert not [call for call in slack.calls[before:] if call.method == "users.info"]


async def test_a_silence_nobody_can_be_asked_for_is_refused_as_a_request(world: World) -> None:
    path = f"/v1/incidents/{world.incident}/silence"
    status, answer = await world.app.post({"for": "1h"}, path)
    assert status == 400
    assert "no Alertmanager is configured" in answer["detail"]
