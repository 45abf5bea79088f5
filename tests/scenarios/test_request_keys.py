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
async def app(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], alertmanager: FakeAlertmanager
) -> AsyncIterator[App]:
    made = App(tmp_path, *fakes)
    await made.start(alertmanagers=[{"urls": [alertmanager.url]}])
    yield made
    await made.stop()


async def test_a_silence_that_is_asked_for_again_ends_when_it_was_to(
    app: App, alertmanager: FakeAlertmanager
) -> None:
    path = f"/v1/incidents/{await app.fire()}/silence"
    first = await app.post({"for": "2h"}, path, headers=KEY)
    assert first[1]["result"] == "silenced"
    (before,) = alertmanager.silences
    ends = before["endsAt"]
    app.clock.move(300)
    again = await app.post({"for": "2h"}, path, headers=KEY)
    assert again[1]["result"] == "duplicate"
    (after,) = alertmanager.silences
    assert after["endsAt"] == ends


async def test_a_silence_that_was_ended_is_not_made_again(
    app: App, alertmanager: FakeAlertmanager
) -> None:
    name = await app.fire()
    await app.post({"for": "2h"}, f"/v1/incidents/{name}/silence", headers=KEY)
    body = {"silence": alertmanager.silences[0]["id"]}
    ends = [
        (await app.post(body, f"/v1/incidents/{name}/unsilence", headers=KEY))[1]["result"]
        for _ in range(2)
    ]
    assert ends == ["silence_expired", "duplicate"]
    again = await app.post({"for": "2h"}, f"/v1/incidents/{name}/silence", headers=KEY)
    assert again[1]["result"] == "duplicate"
    assert [one["status"]["state"] for one in alertmanager.silences] == ["expired"]


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


async def tag_of(app: App, name: str, **headers: str) -> tuple[int, str]:
    path = f"{app.url}/v1/incidents/{name}"
    async with app.session.get(path, headers=headers) as answer:
        return answer.status, answer.headers.get("ETag", "")


async def test_an_action_on_another_version_does_nothing(app: App) -> None:
    name = await app.fire()
    await app.settle()
    path = f"/v1/incidents/{name}/note"
    status, tag = await tag_of(app, name)
    assert status == 200
    assert (await app.post({"text": "a"}, path, headers={"If-Match": tag}))[0] == 200
    status, answer = await app.post({"text": "b"}, path, headers={"If-Match": tag})
    assert (status, answer["place"]) == (412, "If-Match")
    assert "nothing was done" in answer["detail"]
    status, now = await tag_of(app, name)
    both = {"If-Match": f"{tag}, {now}"}
    assert (await app.post({"text": "c"}, path, headers=both))[0] == 200
    assert (await app.post({"text": "d"}, path, headers={"If-Match": "*"}))[0] == 200
    timeline = (await app.incident(name))["timeline"]
    assert [one["text"] for one in timeline if one["kind"] == "note"] == ["a", "c", "d"]


async def test_of_many_who_saw_the_same_version_one_acts(app: App) -> None:
    name = await app.fire()
    await app.settle()
    _, tag = await tag_of(app, name)
    answers = await asyncio.gather(
        *(
            app.post({"text": f"{at}"}, f"/v1/incidents/{name}/note", headers={"If-Match": tag})
            for at in range(8)
        )
    )
    assert sorted(status for status, _ in answers) == [200] + [412] * 7


async def test_what_was_refused_may_be_asked_for_again_under_its_key(app: App) -> None:
    name = await app.fire()
    await app.settle()
    path = f"/v1/incidents/{name}/note"
    _, old = await tag_of(app, name)
    await app.post({"text": "first"}, path)
    refused = await app.post({"text": "second"}, path, headers=KEY | {"If-Match": old})
    assert refused[0] == 412
    _, now = await tag_of(app, name)
    done = await app.post({"text": "second"}, path, headers=KEY | {"If-Match": now})
    assert done[1]["result"] == "noted"
    # Its answer was lost: the version is another one by now, and it is not done twice.
    again = await app.post({"text": "second"}, path, headers=KEY | {"If-Match": now})
    assert again[1]["result"] == "duplicate"


async def test_a_silence_for_another_version_is_not_asked_for(
    app: App, alertmanager: FakeAlertmanager
) -> None:
    name = await app.fire()
    await app.settle()
    _, tag = await tag_of(app, name)
    await app.post({"text": "x"}, f"/v1/incidents/{name}/note")
    path = f"/v1/incidents/{name}/silence"
    assert (await app.post({"for": "1h"}, path, headers={"If-Match": tag}))[0] == 412
    assert alertmanager.silences == []


@pytest.mark.parametrize("tag", ["7", '"x"', 'W/"1-ab"', '"1-ab",', ",", '"1-ab" "2-ab"', "é"])
async def test_what_no_answer_said_is_refused(app: App, tag: str) -> None:
    name = await app.fire()
    status, answer = await app.post(
        {"text": "x"}, f"/v1/incidents/{name}/note", headers={"If-Match": tag}
    )
    assert (status, answer["place"]) == (400, "If-Match")


async def test_an_answer_that_is_known_is_not_sent_again(app: App) -> None:
    name = await app.fire()
    await app.settle()
    _, tag = await tag_of(app, name)
    assert await tag_of(app, name, **{"If-None-Match": tag}) == (304, tag)
    await app.post({"text": "x"}, f"/v1/incidents/{name}/note")
    status, other = await tag_of(app, name, **{"If-None-Match": tag})
    assert status == 200
    assert other != tag
