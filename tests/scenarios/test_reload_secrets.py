"""Credentials, secrets and destinations are exchanged while the service runs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.app.reloadable import held, later
from receiver.app.retired import Retired
from receiver.settings.load import load_settings
from tests.support.app import App
from tests.support.fakes.pagerduty import DEFAULT_ROUTING_KEY, FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.slack_transport import Transport
from tests.support.slack_work import Work
from tests.support.waiting import until

PATH = "/-/reload"
OLD, NEW = "the-old-token-of-operations", "the-new-token-of-operations"
Fakes = tuple[FakeSlack, FakePagerDuty]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def guarded(tmp_path: Path, fakes: Fakes) -> AsyncIterator[App]:
    app = App(tmp_path, *fakes)
    await app.start(**{"web.credentials": [{"name": "ops", "token": OLD}]})
    yield app
    await app.stop()


async def reload(app: App, token: str = "", **wanted: Any) -> list[str]:
    app.wanted |= {name.replace("__", "."): value for name, value in wanted.items()}
    status, answer = await app.post(b"", PATH, headers=bearer(token) if token else {})
    assert status == 200, answer
    return list(answer["needs_restart"])


async def test_a_token_is_rotated_without_a_refused_webhook(guarded: App) -> None:
    both = [{"name": "ops", "token": OLD}, {"name": "ops2", "token": NEW}]
    assert await reload(guarded, OLD, web__credentials=both) == []
    for number, token in enumerate((OLD, NEW)):
        body = notification(alert(fingerprint=f"f{number}"), group=f"g{number}")
        assert (await guarded.post(body, headers=bearer(token)))[0] == 202
    assert await reload(guarded, NEW, web__credentials=both[1:]) == []
    assert (await guarded.get("/v1/incidents", headers=bearer(OLD)))[0] == 401
    assert (await guarded.get("/v1/incidents", headers=bearer(NEW)))[0] == 200
    assert (await guarded.post(b"", PATH, headers=bearer(OLD)))[0] == 401


async def test_what_was_open_is_guarded_from_now_on_also_from_browsers(plain: App) -> None:
    rebound = {"Host": "evil.example", "Sec-Fetch-Site": "same-origin"}
    assert (await plain.get("/v1/incidents", headers=rebound))[0] == 403
    credentials = [{"name": "ops", "token": NEW}]
    assert await reload(plain, web__credentials=credentials) == []
    assert (await plain.get("/v1/incidents"))[0] == 401
    assert (await plain.get("/v1/incidents", headers=rebound | bearer(NEW)))[0] == 200


async def test_a_scraper_uses_the_new_token_at_once(plain: App) -> None:
    url = f"http://127.0.0.1:{plain.service.metrics_port}/metrics"
    assert await reload(plain, web__metrics_token="of-prometheus") == []
    for headers, status in (({}, 401), (bearer("of-prometheus"), 200)):
        async with plain.session.get(url, headers=headers) as answer:
            assert answer.status == status


async def test_a_new_routing_key_and_channel_page_from_now_on_and_nobody_twice(app: App) -> None:
    first = await app.fire(alert("Before", fingerprint="f1"), group="before")
    await app.settle()
    key = "f" * 32
    app.pagerduty.routing_keys.add(key)
    app.slack.workspace.channels["C0OTHER"] = "other"
    old = dict(app.service.notifiers)
    assert await reload(app, pagerduty__routing_key=key, slack__channel="C0OTHER") == []
    assert all(app.service.notifiers[name] is not old[name] for name in ("slack", "pagerduty"))
    await app.fire(alert("After", fingerprint="f2"), group="after")
    await app.settle()
    sent = [(event.routing_key, event.method) for event in app.pagerduty.events]
    assert sent == [(DEFAULT_ROUTING_KEY, "trigger"), (key, "trigger")]
    assert len(app.slack.top_level("C0ALERTS")) == len(app.slack.top_level("C0OTHER")) == 1
    # What is open goes on where it began, as after a restart.
    assert (await app.post({"by": "ann"}, f"/v1/incidents/{first}/acknowledge"))[0] == 200
    await app.settle()
    assert "ACKNOWLEDGED" in app.slack.top_level("C0ALERTS")[0].text.upper()


async def test_a_delivery_under_way_ends_once_though_its_notifier_was_replaced(app: App) -> None:
    app.pagerduty.faults.add("hang_after", seconds=1.0)
    body = notification(alert("Slow", fingerprint="f1"), group="slow")
    assert (await app.post(body))[0] == 202
    await until(lambda: app.pagerduty.events)
    key = "f" * 32
    app.pagerduty.routing_keys.add(key)
    assert await reload(app, pagerduty__routing_key=key) == []
    await app.settle()
    assert [event.routing_key for event in app.pagerduty.events] == [DEFAULT_ROUTING_KEY]


async def test_a_storm_of_reloads_in_a_storm_of_alerts_pages_each_incident_once(app: App) -> None:
    keys = [f"{number:032d}" for number in range(4)]
    app.pagerduty.routing_keys |= set(keys)

    async def send() -> list[int]:
        bodies = [
            notification(alert("A", fingerprint=f"f{number}"), group=f"g{number}")
            for number in range(100)
        ]
        return [(await app.post(body))[0] for body in bodies]

    async def exchange() -> None:
        for number in range(50):
            key, command = keys[number % 4], f"/im{number % 7}"
            assert await reload(app, pagerduty__routing_key=key, slack__command=command) == []

    sent, _ = await asyncio.gather(send(), exchange())
    assert sent == [202] * 100
    await app.settle()
    paged = [event.dedup_key for event in app.pagerduty.events if event.method == "trigger"]
    assert len(paged) == len(set(paged)) == 100
    assert len(app.slack.top_level("C0ALERTS")) == 100


async def test_wrong_credentials_are_found_right_after_the_reload(app: App) -> None:
    await app.stop()
    await app.start(observability__check_notifiers_every="1h")
    await until(lambda: _state(app, "slack") != "untried")
    assert await reload(app, slack__token="xoxb-of-nobody") == []
    await until(lambda: _state(app, "slack") == "failing")
    assert await reload(app, slack__token="xoxb-test") == []
    await until(lambda: _state(app, "slack") != "failing")


def _state(app: App, name: str) -> str:
    service = app.service
    return service.notifier_health.states(service.notifiers)[name].name


@pytest.mark.parametrize("transport", ["http", "socket"])
async def test_slack_is_answered_by_the_new_settings(
    tmp_path: Path, fakes: Fakes, transport: str
) -> None:
    app = App(tmp_path, *fakes)
    socket = {"slack.app_token": "xapp-test"} if transport == "socket" else {}
    await app.start(**socket)
    work = Work(app, "http")
    work.way = Transport(app, transport)
    try:
        await work.fire()
        nobody = {"resolve": {"users": ["U9"]}}
        assert await reload(app, permissions=nobody) == []
        await work.press("resolve")
        assert "may not" in await work.whispered()
        assert (await work.now())["state"] == "triggered"
        assert await reload(app, permissions={}) == []
        await work.press("resolve")
        assert (await work.now())["state"] == "resolved"
    finally:
        await app.stop()


async def test_slack_signs_with_the_new_secret(app: App) -> None:
    work = Work(app, "http")
    await work.fire()
    app.wanted["slack.signing_secret"] = "another"
    assert (await app.post(b"", PATH))[1]["needs_restart"] == []
    sent = app.slack.client().press(work.message, "acknowledge")
    for secret, status in (("secret", 401), ("another", 200)):
        app.slack.signing_secret = secret
        body, headers = app.slack.signed(sent, int(app.clock.now() / 1000))
        url = f"{app.url}/v1/slack/actions"
        async with app.session.post(url, data=body, headers=headers) as answer:
            assert answer.status == status


async def test_an_integration_sends_with_its_new_token(tmp_path: Path, fakes: Fakes) -> None:
    app = App(tmp_path, *fakes)
    await app.start(integrations={"sentinel": {"token": "old"}})
    events = "/v1/integrations/sentinel/events"
    try:
        assert await reload(app, integrations={"sentinel": {"token": "new"}}) == []
        assert (await app.post({"title": "x"}, events, headers=bearer("old")))[0] == 401
        assert (await app.post({"title": "x"}, events, headers=bearer("new")))[0] == 202
        more = {"sentinel": {"token": "new"}, "other": {"token": "x"}}
        assert await reload(app, integrations=more) == ["integrations"]
    finally:
        await app.stop()


async def test_what_finds_context_is_exchanged_too(app: App) -> None:
    before = app.service.enrichment
    assert await reload(app, enrichment={"enabled": False}) == []
    assert app.service.enrichment is not before
    assert app.service.timer_events.enrichment is app.service.enrichment
    assert (await app.get("/v1/metrics/caches"))[0] == 200


def test_what_sized_something_at_the_start_needs_a_restart() -> None:
    told = {"url": "http://a.example"}
    base = {"slack.token": "xoxb-a", "slack.channel": "C0ALERTS", "pagerduty.routing_key": "a" * 32}
    running = load_settings(None, {}, base | {"integrations": {"x": told}})
    for change, sections in (
        ({"slack.channel": "C0OTHER"}, ()),
        ({"slack.app_token": "xapp-1"}, ("slack",)),
        ({"notifiers": {"dba": {"type": "log"}}}, ("notifiers",)),
        ({"slack.token": None, "slack.channel": None}, ("notifiers",)),
        (
            {"pagerduty.escalation_policy": "PABC123", "pagerduty.rest_token": "r"},
            ("pagerduty", "notifiers"),
        ),
        ({"integrations": {"x": {"url": "http://b.example"}}}, ()),
        (
            {"integrations": {"x": {"url": "http://a.example", "timeout_secs": 60}}},
            ("integrations",),
        ),
        ({"web.max_alerts": 5, "web.metrics_token": "of-prometheus"}, ("web",)),
    ):
        wanted = base | {"integrations": {"x": told}} | change
        new = load_settings(None, {}, {name: of for name, of in wanted.items() if of is not None})
        assert later(held(running, new), new) == sections, change


async def test_what_was_replaced_is_closed_after_its_time_or_at_the_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed: list[str] = []

    async def close(name: str = "first") -> None:
        closed.append(name)

    async def broken() -> None:
        raise RuntimeError("it broke")

    retired = Retired()
    retired.add("first", close, 0.01)
    retired.add("later", lambda: close("later"), 3_600)
    retired.add("broken", broken, 3_600)
    await until(lambda: closed == ["first"])
    await asyncio.wait_for(retired.close(), 60)
    assert closed == ["first", "later"]
    assert "broken, which was replaced, did not stop as it should" in caplog.text
