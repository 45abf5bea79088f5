"""The list of silences: what is ours, how matchers are written, and who does not answer."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from receiver.alertmanager.config import AlertmanagerConfig
from receiver.alertmanager.silence_list import SHOWN, Listed, SilenceList
from tests.support.fakes.alertmanager import FakeAlertmanager

INCIDENT = "0-0123456789abcdef-3"


def silence(name: str = "s", **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "status": {"state": "active"},
        "matchers": [{"name": "a", "value": "b"}],
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2026-01-02T00:00:00Z",
    } | more


@pytest.fixture
async def listing(alertmanager: FakeAlertmanager) -> AsyncIterator[SilenceList]:
    found = SilenceList([AlertmanagerConfig(urls=(alertmanager.url,), cluster="eu")])
    yield found
    await found.close()


async def one(listing: SilenceList) -> Listed:
    (found,) = await listing.listed()
    return found


@pytest.mark.parametrize(
    ("comment", "incident"),
    [
        (f"incident {INCIDENT}", INCIDENT),
        (f"maintenance (incident {INCIDENT})", INCIDENT),
        (f"two\nlines (incident {INCIDENT})", INCIDENT),
        (f"see incident {INCIDENT}", ""),
        (f"(incident {INCIDENT}) and more", ""),
        ("incident 12", ""),
        ("", ""),
    ],
)
async def test_ours_are_known_by_their_marker(
    listing: SilenceList, alertmanager: FakeAlertmanager, comment: str, incident: str
) -> None:
    alertmanager.silences = [silence(comment=comment)]
    assert (await one(listing)).silences[0].incident == incident


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"name": "a", "value": "b"}, 'a="b"'),
        ({"name": "a", "value": "b", "isEqual": False}, 'a!="b"'),
        ({"name": "a", "value": "b|c", "isRegex": True}, 'a=~"b|c"'),
        ({"name": "a", "value": "(?<x", "isRegex": True, "isEqual": False}, 'a!~"(?<x"'),
        ({"name": "odd=name", "value": '"'}, '"odd=name"="\\""'),
    ],
)
async def test_matchers_are_written_as_alertmanager_does(
    listing: SilenceList, alertmanager: FakeAlertmanager, part: dict[str, Any], text: str
) -> None:
    alertmanager.silences = [silence(matchers=[part])]
    assert (await one(listing)).silences[0].matchers == text


async def test_those_that_end_first_come_first_and_expired_ones_not_at_all(
    listing: SilenceList, alertmanager: FakeAlertmanager
) -> None:
    alertmanager.silences = [
        silence(f"s{number}", endsAt=f"2026-01-0{9 - number}T00:00:00Z") for number in range(3)
    ]
    alertmanager.silences.append(silence("over", status={"state": "expired"}))
    found = await one(listing)
    assert [row.id for row in found.silences] == ["s2", "s1", "s0"]
    assert (found.total, found.problem, found.cluster) == (3, "", "eu")


async def test_of_very_many_the_first_are_listed_and_all_counted(
    listing: SilenceList, alertmanager: FakeAlertmanager
) -> None:
    alertmanager.silences = [silence(str(number)) for number in range(SHOWN + 7)]
    found = await one(listing)
    assert (len(found.silences), found.total) == (SHOWN, SHOWN + 7)


@pytest.mark.parametrize("body", ["{}", "[1]", "no", json.dumps([{"id": 1}]), "[" * 3_000])
async def test_an_answer_that_is_none_is_said(
    listing: SilenceList, alertmanager: FakeAlertmanager, body: str
) -> None:
    async def odd(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    alertmanager.behave["GET"] = odd
    found = await one(listing)
    assert (found.silences, "not of API v2" in found.problem) == ([], True)


async def test_the_next_peer_is_asked_where_one_does_not_answer(
    alertmanager: FakeAlertmanager,
) -> None:
    alertmanager.silences = [silence()]
    config = AlertmanagerConfig(urls=("http://127.0.0.1:9", alertmanager.url))
    listing = SilenceList([config])
    found = await one(listing)
    assert (found.total, found.problem) == (1, "")
    await listing.close()


async def test_one_that_is_away_is_said_in_plain_words() -> None:
    listing = SilenceList([AlertmanagerConfig(urls=("http://127.0.0.1:9",))])
    found = await one(listing)
    assert found.problem == "Alertmanager at http://127.0.0.1:9: Connection refused"
    await listing.close()


async def test_many_who_ask_at_once_ask_alertmanager_once(
    listing: SilenceList, alertmanager: FakeAlertmanager
) -> None:
    for _ in range(5):
        await listing.listed()
    assert alertmanager.asked == ["GET"]
