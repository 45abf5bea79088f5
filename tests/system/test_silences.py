"""Silences made and ended from an incident, in the real Alertmanager."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.settings import AlertmanagerConfig
from receiver.silences import SilenceError, Silences
from routing.matcher import parse_matchers
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.slack import FakeSlack
from tests.scenarios.conftest import App, alert, notification
from tests.scenarios.test_slack_actions import Work
from tests.system.conftest import Real

LABELS = {"alertname": "HighErrorRate", "severity": "critical", "service": "checkout"}
OTHER = LABELS | {"service": "search"}
HOUR_MS = 3_600_000


@pytest.fixture
async def work(tmp_path: Path, real: Real) -> AsyncIterator[Work]:
    slack, pagerduty = FakeSlack(), FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    app = App(tmp_path / "service", slack, pagerduty)
    await app.start(alertmanagers=[{"urls": [real.url]}])
    found = Work(app, "http")
    await real.fire(LABELS, OTHER)
    await found.fire(alert(labels=LABELS))
    yield found
    await app.stop()
    await slack.stop()
    await pagerduty.stop()


async def _known(real: Real) -> list[Any]:
    async with real.session.get(f"{real.url}/api/v2/silences") as answer:
        found: list[Any] = await answer.json()
    return found


async def _silenced(real: Real) -> list[str]:
    """Return the services whose alerts are silenced."""
    async with real.session.get(f"{real.url}/api/v2/alerts") as answer:
        alerts = await answer.json()
    return [one["labels"]["service"] for one in alerts if one["status"]["silencedBy"]]


async def test_silence_from_slack_and_end_it_again(work: Work, real: Real) -> None:
    await work.more("silence")
    await work.submit(comment="deploy of <checkout>", **{"for": "2h"})
    (silence,) = await _known(real)
    assert silence["createdBy"] == "alice"
    assert silence["comment"] == f"deploy of <checkout> (incident {work.incident})"
    assert await _silenced(real) == ["checkout"]
    found = await work.now()
    (shown,) = found["silences"]
    assert (shown["id"], shown["by"], shown["expired_at"]) == (silence["id"], "alice", None)
    assert 'service="checkout"' in shown["matchers"]
    await work.more("silence")
    client = work.app.slack.client()
    await work.way.send(client.press_in(client.window, "unsilence"))
    assert "notifies again" in str(work.window()["blocks"])
    assert await _silenced(real) == []
    assert (await work.now())["silences"][0]["expired_at"]


async def test_silence_over_the_api_with_matchers_of_ones_own(work: Work, real: Real) -> None:
    path = f"/v1/incidents/{work.incident}"
    body = {"for": "1h", "matchers": ['alertname=~"High.*"', 'service!="search"'], "by": "Ann"}
    status, answer = await work.app.post(body, f"{path}/silence")
    assert (status, answer["result"]) == (200, "silenced")
    assert await _silenced(real) == ["checkout"]
    # Asked once more it is the same silence: nobody ends two where one was seen.
    status, answer = await work.app.post(body, f"{path}/silence")
    assert status == 200
    assert len(await _known(real)) == 1
    (silence,) = answer["incident"]["silences"]
    status, answer = await work.app.post({"silence": silence["id"]}, f"{path}/unsilence")
    assert (status, answer["result"]) == (200, "silence_expired")
    assert await _silenced(real) == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ""),
        ({"for": "soon"}, "for"),
        ({"for": "1h", "matchers": ['a=~"b']}, "matchers"),
        ({"for": "1h", "matchers": ['a=~".*"']}, "matchers"),
        ({"for": "1h", "matchers": ['a!="b"']}, "matchers"),
        ({"for": "1s"}, "for"),
        ({"for": "100d"}, "for"),
        ({"for": "1h", "length": 1}, ""),
    ],
)
async def test_what_cannot_be_a_silence_is_said_before_alertmanager_is_asked(
    work: Work, real: Real, body: Any, place: str
) -> None:
    status, answer = await work.app.post(body, f"/v1/incidents/{work.incident}/silence")
    assert (status, answer["place"]) == (400, place)
    assert await _known(real) == []


async def test_what_alertmanager_does_not_take_is_said_in_its_words(real: Real) -> None:
    silences = Silences([AlertmanagerConfig(urls=(real.url,))])
    matchers = parse_matchers('a=~"(?P<x>b)(?P=x)"')
    try:
        with pytest.raises(SilenceError, match=r"Alertmanager refused \(HTTP 4"):
            await silences.create("", matchers, 0, HOUR_MS, "ann", "", "incident x")
        with pytest.raises(SilenceError, match="cluster 'eu'"):
            await silences.create("eu", matchers, 0, HOUR_MS, "ann", "", "incident x")
    finally:
        await silences.close()


async def test_an_alertmanager_that_is_away_is_a_502_that_says_so(work: Work, real: Real) -> None:
    await real.stop()
    status, answer = await work.app.post({"for": "1h"}, f"/v1/incidents/{work.incident}/silence")
    assert status == 502
    assert "cannot be reached" in answer["error"]
    assert (await work.now())["silences"] == []
    await work.app.post(notification(alert(labels=LABELS)))
    assert (await work.now())["state"] == "triggered"
