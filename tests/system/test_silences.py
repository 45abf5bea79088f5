"""Silences made and ended from an incident, in the real Alertmanager."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner

from receiver.alertmanager.config import AlertmanagerConfig
from receiver.alertmanager.silences import Silences
from receiver.cli.root import main
from receiver.errors import SilenceError
from routing.matcher import Matcher, parse_matchers
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.hostile import HOSTILE
from tests.support.notification import alert, notification
from tests.support.real_alertmanager import Real, moment
from tests.support.slack_work import Work
from tests.support.tools import require_tool

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
    status, answer = await work.app.post(body | {"for": "3h"}, f"{path}/silence")
    (longer,) = answer["incident"]["silences"]
    (known,) = await _known(real)
    assert longer["id"] == silence["id"] == known["id"]
    assert longer["until"] == known["endsAt"] > silence["until"]
    status, answer = await work.app.post({"silence": silence["id"]}, f"{path}/unsilence")
    assert (status, answer["result"]) == (200, "silence_expired")
    assert await _silenced(real) == []


async def test_without_matchers_only_what_is_seen_is_silenced(work: Work, real: Real) -> None:
    path = f"/v1/incidents/{work.incident}"
    status, answer = await work.app.post({"for": "2h", "episode": 7}, f"{path}/silence")
    assert (status, answer["result"]) == (409, "stale")
    assert await _known(real) == []
    status, answer = await work.app.post({"until": moment(7200), "by": "Ann"}, f"{path}/silence")
    assert (status, answer["result"]) == (200, "silenced")
    (known,) = await _known(real)
    assert known["createdBy"] == "Ann"
    assert {one["name"]: one["value"] for one in known["matchers"]} == LABELS
    assert await _silenced(real) == ["checkout"]


async def test_one_that_was_ended_in_alertmanager_is_over_here_too(work: Work, real: Real) -> None:
    path = f"/v1/incidents/{work.incident}"
    _, answer = await work.app.post({"for": "2h"}, f"{path}/silence")
    (silence,) = answer["incident"]["silences"]
    async with real.session.delete(f"{real.url}/api/v2/silence/{silence['id']}") as ended:
        assert ended.status == 200
    for _ in range(2):
        status, answer = await work.app.post({"silence": silence["id"]}, f"{path}/unsilence")
        assert (status, answer["result"]) == (200, "already_expired")
        assert answer["incident"]["silences"][0]["expired_at"]
    said = [entry["text"] for entry in (await work.now())["timeline"]]
    assert [text for text in said if text.startswith("Silence ended by Alertmanager")] == said[-1:]
    # It is over: asked for again, there is a new one.
    _, answer = await work.app.post({"for": "2h"}, f"{path}/silence")
    assert len(answer["incident"]["silences"]) == 2
    assert await _silenced(real) == ["checkout"]


async def test_an_answer_that_got_lost_makes_no_second_silence(work: Work, real: Real) -> None:
    """Between the service and Alertmanager something cuts the line after the silence is made."""
    lost: list[str] = []

    async def between(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        kind = {"Content-Type": "application/json"}
        url = f"{real.url}{request.path_qs}"
        async with real.session.request(request.method, url, data=body, headers=kind) as answer:
            raw, status = await answer.read(), answer.status
        if request.method == "POST" and not lost:
            lost.append(request.path)
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=raw, status=status, headers=kind)

    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", between)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    await work.app.stop()
    await work.app.start(alertmanagers=[{"urls": [url]}])
    path = f"/v1/incidents/{work.incident}/silence"
    status, answer = await work.app.post({"for": "2h"}, path)
    assert (status, lost) == (502, ["/api/v2/silences"])
    assert "it is not made twice" in answer["detail"]
    assert (await work.now())["silences"] == []
    status, answer = await work.app.post({"for": "2h"}, path)
    assert (status, answer["result"]) == (200, "silenced")
    (known,) = await _known(real)
    (silence,) = answer["incident"]["silences"]
    assert (silence["id"], silence["until"]) == (known["id"], known["endsAt"])
    await runner.cleanup()


async def test_hundreds_of_other_silences_hide_none(work: Work, real: Real) -> None:
    for number in range(400):
        await real.silence("other", f"{number}" * 40)
    path = f"/v1/incidents/{work.incident}"
    for expected in ("silenced", "duplicate"):
        status, answer = await work.app.post({"for": "2h"}, f"{path}/silence")
        assert (status, answer["result"]) == (200, expected)
    (silence,) = answer["incident"]["silences"]
    status, answer = await work.app.post({"silence": silence["id"]}, f"{path}/unsilence")
    assert (status, answer["result"]) == (200, "silence_expired")


async def test_hostile_values_are_silenced_once(real: Real) -> None:
    silences = Silences([AlertmanagerConfig(urls=(real.url,))])
    await real.fire(*({"alertname": value, "service": "x"} for value in HOSTILE))
    now = int(time.time() * 1000)
    for value in HOSTILE:
        matchers = [Matcher("alertname", "=", value), Matcher("nothing", "!=", value)]
        made = [
            await silences.create("", matchers, now, now + HOUR_MS, value, value, "incident x")
            for _ in range(2)
        ]
        assert made[0] == made[1]
    assert len(await _known(real)) == len(await _silenced(real)) == len(HOSTILE)
    await silences.close()


@pytest.mark.parametrize(
    "odd",
    [
        'say "hi"',
        "C:\\temp\\new",
        "a.*b+c?(d)[e]{f}|g^h$",
        '{foo="bar",baz=~".*"}',
        "one line\nand another",
        " in front and behind ",
        "überall 火",
        "%2F&amp;<!channel>",
    ],
)
async def test_an_incident_is_silenced_whatever_its_labels_hold(
    work: Work, real: Real, odd: str
) -> None:
    """And nothing else is: neither quoted nor as a pattern does a value mean more than itself."""
    labels = LABELS | {"service": "odd", "path": odd}
    near = LABELS | {"service": "near", "path": odd + "x"}
    await real.fire(labels, near)
    name = await work.app.fire(alert(labels=labels), group="odd")
    status, answer = await work.app.post({"for": "1h"}, f"/v1/incidents/{name}/silence")
    assert (status, answer["result"]) == (200, "silenced")
    assert await _silenced(real) == ["odd"]


async def test_the_console_shows_what_is_silenced_until_when(work: Work) -> None:
    path = f"/v1/incidents/{work.incident}"
    _, answer = await work.app.post({"for": "2h", "by": "<b>Ann</b>"}, f"{path}/silence")
    (silence,) = answer["incident"]["silences"]
    url = f"{work.app.url}/incidents/{work.incident}"
    for words in ("until <time", "over since <time"):
        async with work.app.session.get(url) as page:
            shown = await page.text()
        assert words in shown
        assert "service=&#34;checkout&#34;" in shown
        assert "&lt;b&gt;Ann&lt;/b&gt;" in shown
        link = f"http://alertmanager.example:9093/#/silences/{silence['id']}"
        assert f'<a href="{link}" rel="noreferrer">' in shown
        await work.app.post({"silence": silence["id"]}, f"{path}/unsilence")


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
    matchers = parse_matchers('a=~".*"')  # which would silence everything
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
    assert "cannot be reached" in answer["detail"]
    assert (await work.now())["silences"] == []
    await work.app.post(notification(alert(labels=LABELS)))
    assert (await work.now())["state"] == "triggered"


async def test_the_command_line_makes_what_amtool_shows_and_ends_it(work: Work, real: Real) -> None:
    async def run(*words: str) -> Any:
        called = [*words, "--url", work.app.url, "--by", "Ann", "-o", "json"]
        result = await asyncio.to_thread(CliRunner().invoke, main, ["incidents", *called])
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    async def amtool() -> str:
        url = f"--alertmanager.url={real.url}"
        program = await asyncio.create_subprocess_exec(
            require_tool("amtool"), "silence", "query", url, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await program.communicate()
        return out.decode()

    matcher = 'service=~"check.*"'
    made = await run(
        "silence", work.incident, "--for", "2h", "--matcher", matcher, "--comment", "deploy"
    )
    assert made["result"] == "silenced"
    (silence,) = made["incident"]["silences"]
    shown = await amtool()
    for words in (silence["id"], matcher, "Ann", f"deploy (incident {work.incident})"):
        assert words in shown
    assert (await run("unsilence", work.incident, silence["id"]))["result"] == "silence_expired"
    assert silence["id"] not in await amtool()
