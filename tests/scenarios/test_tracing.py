"""One trace from the webhook to the delivery, as a collector sees it."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from receiver.observability.logs import JsonFormatter
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.otlp import Exported, FakeCollector
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

Fakes = tuple[FakeSlack, FakePagerDuty]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
WEBHOOK = "POST /v1/alerts/webhook"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")


@pytest.fixture
async def collector() -> AsyncIterator[FakeCollector]:
    running = FakeCollector()
    await running.start()
    yield running
    await running.stop()
    assert running.violations == []


@pytest.fixture
async def app(tmp_path: Path, fakes: Fakes, collector: FakeCollector) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(tracing__endpoint=collector.base_url)
    yield running
    await running.stop()


async def send(app: App, parent: str = PARENT, **headers: str) -> str:
    body = notification(alert(labels={"password": "hunter2"}))
    given = ({"traceparent": parent} if parent else {}) | headers
    status, answer = await app.post(body, headers=given)
    assert status == 202, answer
    return str(answer["incidents"][0])


async def span(collector: FakeCollector, name: str, trace: str = TRACE) -> Exported:
    found: list[Exported] = await until(lambda: collector.named(name, trace))
    return found[0]


async def test_one_trace_from_the_webhook_to_both_deliveries(
    app: App, collector: FakeCollector
) -> None:
    incident = await send(app)
    server = await span(collector, WEBHOOK)
    decide, commit = await span(collector, "decide"), await span(collector, "commit")
    slack, pager = (
        await span(collector, "deliver slack"),
        await span(collector, "deliver pagerduty"),
    )
    assert [one.kind for one in (server, decide, commit, slack)] == [
        *("server", "internal", "producer", "consumer")
    ]
    assert server.parent == SPAN
    assert decide.parent == commit.parent == server.span_id
    assert slack.parent == pager.parent == commit.span_id
    assert server.began <= decide.began <= commit.began <= commit.ended <= server.ended
    assert commit.ended <= slack.began
    assert server.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/alerts/webhook",
        "http.response.status_code": 202,
        "url.path": "/v1/alerts/webhook",
        "url.scheme": "http",
    }
    about = {
        "incident_manager.incident.id": incident,
        "incident_manager.incident.priority": "P1",
        "incident_manager.reason": "opened",
    }
    assert commit.attributes == about
    assert decide.attributes == about | {
        "incident_manager.alerts": 1,
        "incident_manager.event": "AlertsReceived",
    }
    assert pager.attributes == about | {
        "incident_manager.notifier": "pagerduty",
        "incident_manager.step": "trigger",
        "incident_manager.failures": 0,
        "incident_manager.status": "success",
    }
    assert server.service == "incident-manager"
    assert server.resource["service.version"]
    everything = repr(collector.spans)
    assert "hunter2" not in everything
    assert "checkout" not in everything


async def test_the_state_of_the_trace_is_handed_on_and_stored(
    app: App, collector: FakeCollector
) -> None:
    await send(app, tracestate="rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    for name in (WEBHOOK, "commit", "deliver slack"):
        assert (await span(collector, name)).state == "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"


@pytest.mark.parametrize(
    "parent",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-0g",
        "x" * 5000,
        f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01",
    ],
)
async def test_what_is_no_trace_parent_begins_a_trace(
    app: App, collector: FakeCollector, parent: str
) -> None:
    await send(app, parent)
    server = (await until(lambda: collector.named(WEBHOOK)))[0]
    assert server.parent == ""
    assert server.trace_id != TRACE
    assert (await span(collector, "deliver slack", server.trace_id)).trace_id == server.trace_id


async def test_two_trace_parents_are_none(app: App, collector: FakeCollector) -> None:
    body = json.dumps(notification(alert())).encode()
    headers = [("traceparent", PARENT), ("traceparent", PARENT)]
    async with app.session.post(f"{app.url}/v1/alerts/webhook", data=body, headers=headers) as got:
        assert got.status == 202
    assert (await until(lambda: collector.named(WEBHOOK)))[0].parent == ""


async def test_of_a_later_version_as_much_as_is_known_counts(
    app: App, collector: FakeCollector
) -> None:
    await send(app, f"cc-{TRACE}-{SPAN}-09-what-the-future-brings")
    assert (await span(collector, WEBHOOK)).parent == SPAN


async def test_a_bad_state_costs_the_state_alone(app: App, collector: FakeCollector) -> None:
    await send(app, tracestate="no equals sign")
    server = await span(collector, WEBHOOK)
    assert (server.parent, server.state) == (SPAN, "")


async def test_what_is_not_sampled_is_not_sent_from_anywhere(
    app: App, collector: FakeCollector
) -> None:
    await send(app, f"00-{TRACE}-{SPAN}-00")
    await until(lambda: app.slack.top_level("C0ALERTS"))
    await send(app, f"00-{'b' * 32}-{SPAN}-01")
    await span(collector, WEBHOOK, "b" * 32)
    assert not [one for one in collector.spans if one.trace_id == TRACE]


async def test_nobody_outside_learns_of_the_trace(tmp_path: Path, collector: FakeCollector) -> None:
    seen: list[set[str]] = []

    @web.middleware
    async def look(request: web.Request, handler: Any) -> Any:
        seen.append({name.lower() for name in request.headers})
        return await handler(request)

    slack, pagerduty = FakeSlack(channels={"C0ALERTS": "alerts"}), FakePagerDuty()
    for fake in (slack, pagerduty):
        fake.app.middlewares.append(look)
        await fake.start()
    app = App(tmp_path, slack, pagerduty)
    await app.start(tracing__endpoint=collector.base_url)
    try:
        await send(app)
        await span(collector, "deliver slack")
        await span(collector, "deliver pagerduty")
    finally:
        await app.stop()
        await slack.stop()
        await pagerduty.stop()
    assert seen
    assert not [names for names in seen if names & {"traceparent", "tracestate", "baggage"}]


async def test_a_click_has_a_trace_of_its_own_that_leads_back(
    app: App, collector: FakeCollector
) -> None:
    await send(app)
    await until(lambda: app.slack.top_level("C0ALERTS"))
    assert await app.click("acknowledge") == 200
    clicked = (await until(lambda: collector.named("POST /v1/slack/actions")))[0]
    trace = clicked.trace_id
    assert trace != TRACE
    decide = await span(collector, "decide", trace)
    assert decide.attributes["incident_manager.event"] == "Acknowledged"
    # What a timer did meanwhile is between them.
    step = decide
    while step.trace_id != TRACE:
        ((before, _),) = step.links
        step = await span(collector, "decide", before)
    told = await span(collector, "deliver pagerduty", trace)
    assert told.attributes["incident_manager.step"] == "acknowledge"
    assert told.attributes["incident_manager.reason"] == "update"
    assert told.parent == (await span(collector, "commit", trace)).span_id


async def test_slack_cannot_say_whose_trace_a_click_is(app: App, collector: FakeCollector) -> None:
    await send(app, "")
    await until(lambda: app.slack.top_level("C0ALERTS"))
    message = app.slack.top_level("C0ALERTS")[-1]
    body, headers = app.slack.click(
        message, "acknowledge", "U1", timestamp=int(app.clock.now() / 1000)
    )
    url = f"{app.url}/v1/slack/actions"
    async with app.session.post(url, data=body, headers=dict(headers) | {"traceparent": PARENT}):
        pass
    clicked = (await until(lambda: collector.named("POST /v1/slack/actions")))[0]
    assert clicked.trace_id != TRACE


async def test_a_page_that_moves_on_stays_in_the_trace(app: App, collector: FakeCollector) -> None:
    app.pagerduty.faults.add("error:Invalid routing key", times=None)
    await send(app)
    failed = await span(collector, "deliver pagerduty")
    assert failed.failed
    assert failed.attributes["incident_manager.status"] == "failed"
    assert failed.attributes["error.type"]

    def moved_on() -> list[Exported]:
        return [
            one
            for one in collector.named("decide", TRACE)
            if one.attributes["incident_manager.event"] == "DeliveryFailed"
        ]

    assert (await until(moved_on))[0].parent == failed.span_id


async def test_a_timer_begins_a_trace_that_leads_back(app: App, collector: FakeCollector) -> None:
    await send(app)
    await span(collector, "deliver slack")
    app.clock.move(6 * 60)
    app.service.agenda.wake()

    def missed() -> list[Exported]:
        return [
            one
            for one in collector.named("decide")
            if one.attributes["incident_manager.reason"] == "deadline_missed"
        ]

    found = (await until(missed))[0]
    assert found.parent == ""
    assert found.trace_id != TRACE
    # Timers that come due together follow one upon the other.
    step = found
    while step.trace_id != TRACE:
        ((before, _),) = step.links
        step = await span(collector, "decide", before)
    paged = await span(collector, "deliver slack", found.trace_id)
    assert paged.attributes["incident_manager.reason"] != "update"


async def test_a_page_belongs_to_what_asked_for_it_whatever_came_after(
    tmp_path: Path, fakes: Fakes, collector: FakeCollector
) -> None:
    """A change before the page is out must not take it into its own trace."""
    fakes[0].faults.add("500", times=1)
    fakes[1].faults.add("500", times=1)
    app = App(tmp_path, *fakes)
    await app.start(tracing__endpoint=collector.base_url)
    try:
        await send(app)
        await until(lambda: collector.named("deliver slack", TRACE))
        later = notification(alert(), alert("Another"))
        other = "c" * 32
        status, _ = await app.post(later, headers={"traceparent": f"00-{other}-{SPAN}-01"})
        assert status == 202
        await until(lambda: fakes[0].top_level("C0ALERTS"))
        await until(lambda: len(collector.named("deliver slack", TRACE)) == 2)
        again = collector.named("deliver slack", TRACE)[1]
        assert again.attributes["incident_manager.failures"] == 1
        assert other in [trace for trace, _ in again.links]
    finally:
        await app.stop()


async def test_a_restart_between_commit_and_delivery(
    tmp_path: Path, fakes: Fakes, collector: FakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App(tmp_path, *fakes)
    with monkeypatch.context() as patched:
        patched.setattr("receiver.engine.agenda.Agenda.start", lambda _self: None)
        await app.start(tracing__endpoint=collector.base_url)
        await send(app)
        await app.stop()
    commit = await span(collector, "commit")
    assert not collector.named("deliver slack")
    await app.start(tracing__endpoint=collector.base_url)
    try:
        assert (await span(collector, "deliver slack")).parent == commit.span_id
        assert (await span(collector, "deliver pagerduty")).parent == commit.span_id
    finally:
        await app.stop()


async def test_another_replica_delivers_into_the_same_trace(
    tmp_path: Path, fakes: Fakes, collector: FakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = App(tmp_path, *fakes), App(tmp_path, *fakes)
    with monkeypatch.context() as patched:
        patched.setattr("receiver.engine.agenda.Agenda.start", lambda _self: None)
        await first.start(tracing__endpoint=collector.base_url, tracing__service_name="first")
    embedded: Any = first.service.embedded
    await second.start(
        tracing__endpoint=collector.base_url,
        tracing__service_name="second",
        redis__url=embedded.url,
    )
    try:
        await send(first)
        delivered = await span(collector, "deliver slack")
        commit = await span(collector, "commit")
        assert (commit.service, delivered.service) == ("first", "second")
        assert delivered.parent == commit.span_id
    finally:
        await second.stop()
        await first.stop()


@pytest.mark.parametrize("fault", ["hang", "500", "reset_before", "html"])
async def test_a_broken_collector_costs_no_page_and_one_line(
    tmp_path: Path,
    fakes: Fakes,
    collector: FakeCollector,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "5")
    collector.faults.add(fault, times=None)
    app = App(tmp_path, *fakes)
    await app.start(tracing__endpoint=collector.base_url)
    caplog.clear()
    began = time.monotonic()
    try:
        for number in range(20):
            await app.fire(alert(f"A{number}"), group=f"g{number}")
        await until(lambda: len(app.slack.top_level("C0ALERTS")) == 20)
        assert time.monotonic() - began < 40, "one timeout a page would be 100 s"
        await until(lambda: _told(caplog))
        await asyncio.sleep(1.5)
        assert len(_told(caplog)) == 1, "said once, not for every batch"
        collector.faults.clear()
        await app.fire(alert("Later"), group="later")
        await until(lambda: len(_told(caplog)) == 2)
        assert "again" in _told(caplog)[1]
    finally:
        began = time.monotonic()
        await app.stop()
        assert time.monotonic() - began < 25


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "tracing"]


async def test_a_stop_sends_what_is_left_and_waits_for_nobody_long(
    tmp_path: Path, fakes: Fakes, collector: FakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")
    app = App(tmp_path, *fakes)
    await app.start(tracing__endpoint=collector.base_url)
    await send(app)
    await until(lambda: app.slack.top_level("C0ALERTS"))
    assert collector.spans == []
    await app.stop()
    assert collector.named("deliver slack", TRACE)
    await app.start(tracing__endpoint=collector.base_url)
    await send(app)
    collector.faults.add("hang", times=None)
    began = time.monotonic()
    await app.stop()
    assert 2.5 < time.monotonic() - began < 25


async def test_lines_carry_the_trace(
    app: App, collector: FakeCollector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    formatter, lines = JsonFormatter(), []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(formatter.format(record)))

    kept = Kept()
    logging.getLogger().addHandler(kept)
    try:
        await send(app)
        delivered = await span(collector, "deliver slack")
        commit = await span(collector, "commit")
        opened = next(line for line in lines if line["message"].startswith("opened"))
        posted = next(line for line in lines if line["message"] == "slack post: success")
        assert (opened["trace_id"], opened["span_id"]) == (TRACE, commit.span_id)
        assert (posted["trace_id"], posted["span_id"]) == (TRACE, delivered.span_id)
        assert "trace_context" not in opened
    finally:
        logging.getLogger().removeHandler(kept)


async def test_the_standard_variables_are_enough(
    tmp_path: Path, fakes: Fakes, collector: FakeCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.base_url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ours")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "pager")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS)
    try:
        await send(app)
        found = await span(collector, "deliver log")
        assert found.service == "pager"
        assert found.resource["deployment.environment.name"] == "test"
        assert collector.headers[0]["x-tenant"] == "ours"
    finally:
        await app.stop()


@pytest.mark.parametrize(
    ("variables", "settings"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_off"}, {}),
        ({"OTEL_SDK_DISABLED": "true"}, {}),
        ({}, {"tracing__enabled": False}),
        ({}, {"tracing__sample_ratio": 0}),
    ],
)
async def test_it_can_be_turned_off(
    tmp_path: Path,
    fakes: Fakes,
    collector: FakeCollector,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    settings: dict[str, Any],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app = App(tmp_path, *fakes)
    await app.start(**NO_ACCOUNTS, tracing__endpoint=collector.base_url, **settings)
    await send(app, "")
    await app.stop()
    assert collector.calls == []


async def test_reading_pages_and_metrics_is_not_traced(app: App, collector: FakeCollector) -> None:
    await app.get("/metrics")
    await app.get("/")
    await send(app)
    await span(collector, "deliver slack")
    assert not [one for one in collector.spans if one.name.startswith("GET")]
