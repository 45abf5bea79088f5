"""``Idempotency-Key``: the same request once more, another one under its key, and at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.app import App
from tests.support.fakes.alertmanager import FakeAlertmanager
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack

KEY = {"Idempotency-Key": "once"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeAlertmanager]:
    made = FakeAlertmanager()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def app(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], fake: FakeAlertmanager
) -> AsyncIterator[App]:
    made = App(tmp_path, *fakes)
    await made.start(alertmanagers=[{"urls": [fake.url]}])
    yield made
    await made.stop()


async def test_a_silence_that_is_asked_for_again_ends_when_it_was_to(
    app: App, fake: FakeAlertmanager
) -> None:
    path = f"/v1/incidents/{await app.fire()}/silence"
    first = await app.post({"for": "2h"}, path, headers=KEY)
    assert first[1]["result"] == "silenced"
    (before,) = fake.silences
    ends = before["endsAt"]
    app.clock.move(300)
    again = await app.post({"for": "2h"}, path, headers=KEY)
    assert again[1]["result"] == "duplicate"
    (after,) = fake.silences
    assert after["endsAt"] == ends


async def test_a_silence_that_was_ended_is_not_made_again(app: App, fake: FakeAlertmanager) -> None:
    name = await app.fire()
    await app.post({"for": "2h"}, f"/v1/incidents/{name}/silence", headers=KEY)
    body = {"silence": fake.silences[0]["id"]}
    ends = [
        (await app.post(body, f"/v1/incidents/{name}/unsilence", headers=KEY))[1]["result"]
        for _ in range(2)
    ]
    assert ends == ["silence_expired", "duplicate"]
    again = await app.post({"for": "2h"}, f"/v1/incidents/{name}/silence", headers=KEY)
    assert again[1]["result"] == "duplicate"
    assert [one["status"]["state"] for one in fake.silences] == ["expired"]


async def test_another_request_under_the_same_key_is_refused_and_nothing_done(app: App) -> None:
    name = await app.fire()
    path = f"/v1/incidents/{name}/note"
    assert (await app.post({"text": "a"}, path, headers=KEY))[1]["result"] == "noted"
    # Spaces and order are no other request.
    same = b' { "text" :\t"a" } '
    assert (await app.post(same, path, headers=KEY))[1]["result"] == "duplicate"
    status, answer = await app.post({"text": "b"}, path, headers=KEY)
    assert status == 422
    assert "a key of its own" in answer["detail"]
    notes = [one for one in (await app.incident(name))["timeline"] if one["kind"] == "note"]
    assert len(notes) == 1
    # Of another incident, and another action, it is another key.
    assert (await app.post({}, f"/v1/incidents/{name}/acknowledge", headers=KEY))[0] == 200


async def test_opening_under_the_key_of_another_is_refused(app: App) -> None:
    path = "/v1/incidents"
    assert (await app.post({"title": "disk"}, path, headers=KEY))[0] == 201
    assert (await app.post({"title": "disk"}, path, headers=KEY))[0] == 200
    assert (await app.post({"title": "net"}, path, headers=KEY))[0] == 422
    assert (await app.get(path))[1]["total"] == 1


async def test_of_two_at_once_under_one_key_one_is_done(app: App) -> None:
    path = f"/v1/incidents/{await app.fire()}/note"
    answers = await asyncio.gather(
        *(app.post({"text": str(number)}, path, headers=KEY) for number in range(6))
    )
    assert sorted(status for status, _ in answers) == [200, 422, 422, 422, 422, 422]


async def test_what_is_forgotten_while_it_is_asked_for_is_unknown(app: App) -> None:
    name = await app.fire()
    store: Any = app.service.dispatcher.store
    found = await store.find(name)

    async def found_before(_name: str) -> Any:
        return found

    await app.post({"force": True}, f"/v1/incidents/{name}/forget")
    store.find = found_before
    assert (await app.post({"text": "x"}, f"/v1/incidents/{name}/note"))[0] == 404
