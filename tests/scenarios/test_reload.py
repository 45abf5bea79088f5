"""The configuration is read anew while the service runs: it holds as after a restart, or not."""

import asyncio
from typing import Any

import pytest

from receiver.cli.hangups import Hangups
from receiver.errors import ConfigError
from receiver.settings.load import read_settings
from tests.support.app import App
from tests.support.notification import alert, notification

CREDENTIALS = [{"name": "ops", "token": "a-long-token-of-operations"}]
OPS = {"Authorization": "Bearer a-long-token-of-operations"}
PATH = "/-/reload"
QUIET = {"P1": {"escalation": "quiet"}}
POLICY = {"quiet": {"steps": [{"notify": ["slack"]}]}}


async def test_a_changed_policy_holds_from_now_on(app: App) -> None:
    await app.fire(alert("Before", fingerprint="f1"), group="before")
    await app.settle()
    assert len(app.pagerduty.events) == 1
    app.wanted |= {"priorities": QUIET, "escalations": POLICY}
    status, answer = await app.post(b"", PATH)
    assert (status, answer["result"], answer["needs_restart"]) == (200, "reloaded", [])
    shown = len(app.slack.top_level("C0ALERTS"))
    await app.fire(alert("After", fingerprint="f2"), group="after")
    await app.settle()
    assert len(app.pagerduty.events) == 1
    assert len(app.slack.top_level("C0ALERTS")) == shown + 1


async def test_what_cannot_be_taken_changes_nothing_and_is_said(app: App) -> None:
    app.wanted |= {"priorities": {"P1": {"acknowledge_within": "soon"}}}
    status, answer = await app.post(b"", PATH)
    assert status == 400
    assert "the one before goes on" in answer["detail"]
    assert "priorities.P1.acknowledge_within" in answer["problems"][0]
    assert await _metric(app, "config_last_reload_successful") == 0
    await app.fire()
    await app.settle()
    assert len(app.pagerduty.events) == 1
    del app.wanted["priorities"]
    assert (await app.post(b"", PATH))[0] == 200
    assert await _metric(app, "config_last_reload_successful") == 1


async def test_a_policy_cannot_name_a_notifier_that_only_a_restart_makes(app: App) -> None:
    app.wanted |= {
        "notifiers": {"dba": {"type": "slack", "channel": "C0DBA"}},
        "priorities": {"P1": {"escalation": "dba"}},
        "escalations": {"dba": {"steps": [{"notify": ["dba"]}]}},
    }
    status, answer = await app.post(b"", PATH)
    assert status == 400
    assert answer["problems"] == [
        "escalations.dba: names the notifier 'dba', which is new: only a restart makes notifiers"
    ]


async def test_what_needs_a_restart_is_named_and_the_rest_holds(app: App) -> None:
    app.wanted |= {"web.max_alerts": 7, "redis.shards": 3, "log.level": "debug"}
    app.wanted |= {"route": {"team": "night"}}
    status, answer = await app.post(b"", PATH)
    assert status == 200
    assert answer["needs_restart"] == ["web", "redis", "log"]
    name = await app.fire()
    assert (await app.incident(name))["team"] == "night"


async def test_an_open_incident_goes_on_when_its_route_is_gone(app: App) -> None:
    route = {"name": "db", "matchers": ['alertname="Down"'], "team": "db"}
    app.wanted |= {"route": {"routes": [route]}}
    assert (await app.post(b"", PATH))[0] == 200
    name = await app.fire(alert("Down"))
    await app.settle()
    assert (await app.incident(name))["team"] == "db"
    app.wanted |= {"route": {"team": "rest"}}
    assert (await app.post(b"", PATH))[0] == 200
    # Its deadline is missed, and the next step is paged, as after a restart.
    await app.pass_time(301)
    shown = await app.incident(name)
    assert [entry["kind"] for entry in shown["timeline"]].count("escalated") == 1
    assert shown["deadlines"]["acknowledge"]["missed_at"]


async def test_no_webhook_is_missed_while_it_is_read_again_and_again(app: App) -> None:

    async def send() -> list[int]:
        found = []
        for number in range(60):
            body = notification(alert("A", fingerprint=f"f{number}"), group=f"g{number}")
            found.append((await app.post(body))[0])
        return found

    async def reload() -> list[int]:
        return [(await app.post(b"", PATH))[0] for _ in range(8)]

    sent, loaded, more = await asyncio.gather(send(), reload(), reload())
    assert sent == [202] * 60
    assert loaded + more == [200] * 16
    assert (await app.get("/v1/incidents?limit=1"))[1]["total"] == 60


async def test_it_is_for_those_who_have_a_credential(app: App) -> None:
    await app.stop()
    await app.start(web__credentials=CREDENTIALS)
    assert (await app.post(b"", PATH))[0] == 401
    assert (await app.post(b"", PATH, headers=OPS))[0] == 200
    async with app.session.get(app.url + PATH, headers=OPS) as answer:
        assert answer.status == 405


@pytest.mark.parametrize("content", [b"route: [", b"\xff\xfe\x00junk", b"rout: {}\n", None])
async def test_a_file_that_is_broken_half_written_or_gone_is_a_problem_in_words(
    tmp_path: Any, content: bytes | None
) -> None:
    file = tmp_path / "im.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_settings(file, {}, {})
    assert str(file) in str(caught.value)


async def test_signals_before_during_and_after_are_one_reload_each_time() -> None:
    calls: list[str] = []
    go = asyncio.Event()

    async def reload(by: str) -> None:
        assert by == "SIGHUP"
        calls.append("reload")
        await go.wait()

    hangups = Hangups(reload)
    hangups.hang_up()
    hangups.hang_up()
    await asyncio.sleep(0)
    assert calls == []
    hangups.begin()
    await asyncio.sleep(0)
    for _ in range(5):
        hangups.hang_up()
    go.set()
    await asyncio.sleep(0.01)
    assert calls == ["reload"] * 2
    hangups.end()
    hangups.hang_up()
    await asyncio.sleep(0.01)
    assert calls == ["reload"] * 2


async def test_a_reload_that_breaks_is_said_and_the_next_signal_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[str] = []

    async def reload(by: str) -> None:
        calls.append(by)
        raise RuntimeError("it broke")

    hangups = Hangups(reload)
    hangups.begin()
    for _ in range(2):
        hangups.hang_up()
        await asyncio.sleep(0.01)
    assert len(calls) == 2
    assert caplog.text.count("the configuration could not be read anew") == 2


async def _metric(app: App, name: str) -> float:
    async with app.session.get(f"http://127.0.0.1:{app.service.metrics_port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    (line,) = (line for line in lines if line.startswith(f"incident_manager_{name} "))
    return float(line.split()[1])
