"""Silences through Alertmanager's API: one question makes one, whatever the network does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

import receiver.alertmanager.silences
from receiver.alertmanager.config import AlertmanagerConfig
from receiver.alertmanager.silences import Made, Silences
from receiver.errors import SilenceError
from routing.matcher import parse_matchers
from tests.support.fakes.alertmanager import ID, Behave, FakeAlertmanager
from tests.support.patience import PATIENCE_S
from tests.support.rig import free_port

HOUR = 3_600_000
NOW = 1_772_445_600_123
MATCHERS = parse_matchers('alertname="A", job=~"b|c", env!="test"')


@pytest.fixture
async def fakes() -> AsyncIterator[list[FakeAlertmanager]]:
    made = [FakeAlertmanager(), FakeAlertmanager()]
    for fake in made:
        await fake.start()
    yield made
    for fake in made:
        await fake.stop()


@pytest.fixture
async def make() -> AsyncIterator[Callable[..., Silences]]:
    made: list[Silences] = []

    def build(*urls: str, **more: Any) -> Silences:
        made.append(Silences([AlertmanagerConfig(urls=urls, **more)], timeout=1.5))
        return made[-1]

    yield build
    for silences in made:
        await silences.close()


async def create(silences: Silences, until: int = NOW + HOUR, marker: str = "incident x") -> Made:
    return await silences.create("", MATCHERS, NOW, until, "ann", "why", marker)


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


async def test_what_alertmanager_is_told(make, fakes) -> None:
    made = await create(make(f"{fakes[0].url}/", token="secret"))
    (kept,) = fakes[0].silences
    assert made == Made(kept["id"], NOW + HOUR)
    assert kept["matchers"] == [
        {"name": "alertname", "value": "A", "isRegex": False, "isEqual": True},
        {"name": "job", "value": "b|c", "isRegex": True, "isEqual": True},
        {"name": "env", "value": "test", "isRegex": False, "isEqual": False},
    ]
    assert (kept["createdBy"], kept["comment"]) == ("ann", "why (incident x)")
    assert datetime.fromisoformat(kept["startsAt"]) == at(NOW)
    assert datetime.fromisoformat(kept["endsAt"]) == at(NOW + HOUR)
    assert set(fakes[0].headers) == {"Bearer secret"}


async def test_asked_again_it_is_one_silence_that_ends_when_it_was_asked_last(make, fakes) -> None:
    silences = make(fakes[0].url)
    made = await create(silences)
    assert await create(silences, NOW + HOUR + 5_000) == made
    assert fakes[0].posts == 1
    start = fakes[0].silences[0]["startsAt"]
    for until in (NOW + 3 * HOUR, NOW + HOUR // 2):
        later = (NOW + 600_000, until, "bob", "", "incident x")
        assert await silences.create("", MATCHERS, *later) == Made(made.id, until)
        (kept,) = fakes[0].silences
        assert datetime.fromisoformat(kept["endsAt"]) == at(until)
        # With another start it would be another silence.
        assert kept["startsAt"] == start


async def test_only_one_of_the_same_incident_and_matchers_in_force_is_the_same(make, fakes) -> None:
    silences = make(fakes[0].url)
    first = await create(silences, marker="incident x-1")
    # Another incident, although its id is the beginning of the first one's and of its comment.
    assert (await create(silences, marker="incident x-")).id != first.id
    assert (await create(silences, marker="incident x-10")).id != first.id
    fakes[0].silences[0]["matchers"].pop()
    changed = await create(silences, marker="incident x-1")
    assert changed.id != first.id
    assert await silences.expire("", changed.id)
    assert (await create(silences, marker="incident x-1")).id not in (first.id, changed.id)


async def test_thousands_of_other_silences_hide_none(make, fakes) -> None:
    fakes[0].silences = [
        {
            "id": f"{number:08}{ID[8:]}",
            "status": {"state": "expired"},
            "matchers": [{"name": "a", "value": "x" * 300, "isRegex": False}],
            "startsAt": "2026-03-02T10:00:00.123456789Z",
            "endsAt": "2026-03-02T10:00:00Z",
            "createdBy": "bob",
            "updatedAt": "2026-03-02T10:00:00Z",
        }
        for number in range(5_000)
    ]
    silences = Silences([AlertmanagerConfig(urls=(fakes[0].url,))], timeout=PATIENCE_S)
    made = await create(silences)
    assert await create(silences) == made
    assert fakes[0].posts == 1
    await silences.close()


async def test_two_at_once_make_one(make, fakes) -> None:
    silences = make(fakes[0].url)
    made = await asyncio.gather(*(create(silences) for _ in range(5)))
    assert len(set(made)) == fakes[0].posts == 1


async def hang(_request: web.Request) -> web.Response:
    await asyncio.sleep(30)
    raise AssertionError


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def says(status: int, text: str, **headers: str) -> Behave:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return answer


LOST = [hang, cut, says(502, "<html>bad gateway"), says(200, "{}"), says(200, "null")]


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("kept", [True, False])
async def test_a_retry_after_an_unknown_outcome_makes_no_second(make, fakes, lost, kept) -> None:
    async def behave(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if kept:
            fakes[0].keep(body)
        return await lost(request)

    fakes[0].behave["POST"] = behave
    silences = make(fakes[0].url, fakes[1].url)
    # The second peer has not been told of it yet: it must not be asked to make another.
    with pytest.raises(SilenceError, match="ask once more: it is not made twice"):
        await create(silences)
    assert [fake.posts for fake in fakes] == [1, 0]
    del fakes[0].behave["POST"]
    made = await create(silences)
    assert [one["id"] for one in fakes[0].silences] == [made.id]
    assert fakes[1].silences == []


async def test_a_peer_that_was_told_of_it_says_what_became_of_it(make, fakes) -> None:
    async def behave(request: web.Request) -> web.StreamResponse:
        fakes[1].keep(await request.json())
        return await hang(request)

    fakes[0].behave["POST"] = behave
    made = await create(make(fakes[0].url, fakes[1].url))
    assert [made.id] == [one["id"] for one in fakes[1].silences]
    assert fakes[1].posts == 0


@pytest.mark.parametrize("away", [hang, cut, says(503, "starting")])
async def test_the_next_peer_makes_it_when_the_first_is_away(make, fakes, away) -> None:
    fakes[0].behave["GET"] = away
    made = await create(make(f"http://127.0.0.1:{free_port()}", *(fake.url for fake in fakes)))
    assert [made.id] == [one["id"] for one in fakes[1].silences]
    assert fakes[0].posts == 0


async def test_the_next_peer_makes_it_when_the_first_was_not_even_asked(make, fakes) -> None:
    async def leave(_request: web.Request) -> web.StreamResponse:
        await fakes[0].leave()
        answer = web.json_response([])
        answer.force_close()
        return answer

    fakes[0].behave["GET"] = leave
    made = await create(make(*(fake.url for fake in fakes)))
    assert [made.id] == [one["id"] for one in fakes[1].silences]
    assert fakes[0].posts == 0


UNUSABLE = [
    pytest.param(hang, "cannot be reached: no answer within 1.5 s", id="hang"),
    pytest.param(cut, "cannot be reached: ", id="cut"),
    pytest.param(says(500, '"not\\u2028 today\n"'), "HTTP 500: ", id="500"),
    pytest.param(says(500, ""), "reached: HTTP 500$", id="500 without words"),
    pytest.param(says(401, "who are you?"), r"refused \(HTTP 401\): who are you\?", id="401"),
    pytest.param(says(422, '{"code": 601, "message": "no\\tway"}'), "422\\): no way$", id="422"),
    pytest.param(says(400, '"bad matcher"'), r"\(HTTP 400\): bad matcher$", id="400"),
    pytest.param(says(400, "x" * 10_000), r": x{300}$", id="long words"),
    pytest.param(says(404, ""), r"refused \(HTTP 404\)$", id="no words"),
    pytest.param(says(302, "", Location="/x"), "alertmanagers.urls must be its own", id="302"),
    pytest.param(says(200, "<html>"), "not of API v2", id="html"),
    pytest.param(says(200, ""), "not of API v2", id="empty"),
    pytest.param(says(200, '{"status": "success", "data": []}'), "not of API v2", id="v1"),
    pytest.param(says(200, '[{"id": "x"}]'), "not of API v2", id="no state"),
    pytest.param(says(200, '[{"x": ' + "[" * 100_000), "not of API v2", id="deep"),
    pytest.param(says(200, " " * 300_000), "more than 200000 bytes", id="huge"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("behave", "words"), UNUSABLE)
async def test_an_unusable_answer_is_said(make, fakes, behave, words, monkeypatch) -> None:
    monkeypatch.setattr(receiver.alertmanager.silences, "MAX_BYTES", 200_000)
    fakes[0].behave["GET"] = behave
    silences = make(fakes[0].url)
    with pytest.raises(SilenceError, match=words):
        await create(silences)
    with pytest.raises(SilenceError, match=words):
        await silences.expire("", ID)
    # Nothing is made or ended unseen, and no redirect followed.
    assert fakes[0].asked in (["GET"] * 2, ["GET"] * 4)
    del fakes[0].behave["GET"]
    assert (await create(silences)).until == NOW + HOUR


async def test_a_refusal_of_the_silence_itself_is_in_alertmanagers_words(make, fakes) -> None:
    fakes[0].behave["POST"] = says(400, '"end time can\'t be in the past"')
    with pytest.raises(SilenceError, match=r"refused \(HTTP 400\): end time can't be in the past$"):
        await create(make(fakes[0].url, fakes[1].url))
    assert fakes[1].asked == []


async def test_without_an_alertmanager_it_says_how_to_configure_one(make, fakes) -> None:
    with pytest.raises(SilenceError, match=r"for cluster 'us'.*cluster: us, urls: "):
        await make(fakes[0].url, cluster="eu").expire("us", ID)
    with pytest.raises(SilenceError, match=r"without a cluster.*alertmanagers: \[\{urls: "):
        await create(Silences([]))


async def test_the_environment_sets_no_proxy(make, fakes, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert (await create(make(fakes[0].url))).until == NOW + HOUR


async def test_what_is_over_or_unknown_is_said_and_no_error(make, fakes) -> None:
    silences = make(*(fake.url for fake in fakes))
    made = await create(silences)
    assert await silences.expire("", made.id)
    assert not await silences.expire("", made.id)
    assert not await silences.expire("", "unknown/../x")
    assert fakes[0].asked.count("DELETE") == 1
    # The second one knows it, the first has lost what it had.
    fakes[1].silences, fakes[0].silences = fakes[0].silences, []
    fakes[1].silences[0]["status"] = {"state": "active"}
    assert await silences.expire("", made.id)


async def test_who_does_not_answer_may_be_the_one_that_knows_it(make, fakes) -> None:
    fakes[1].behave["GET"] = cut
    with pytest.raises(SilenceError, match="cannot be reached"):
        await make(*(fake.url for fake in fakes)).expire("", ID)
