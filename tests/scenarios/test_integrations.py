"""Integrations: what they send becomes incidents, and how they do is counted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver.observability.metrics.integrations import Integration
from tests.support.app import App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.waiting import until

EVENTS = "/v1/integrations/sentinel/events"
TOKEN = {"Authorization": "Bearer shh"}


@pytest.fixture
async def app(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(integrations={"sentinel": {"token": "shh"}, "edge-agent": {}})
    yield running
    await running.stop()


async def test_an_event_opens_an_incident_and_its_end_resolves_it(app: App) -> None:
    body = {"title": "Prompt injection", "severity": "critical", "id": "42", "value": 0.93}
    status, answer = await app.post(body, EVENTS, headers=TOKEN)
    assert status == 202
    (name,) = answer["incidents"]
    found = await app.incident(name)
    assert (found["priority"], found["labels"]) == ("P1", {"integration": "sentinel"})
    assert found["alerts"][0]["annotations"]["value"] == "0.93"
    await until(lambda: app.pagerduty.incidents)
    app.clock.move(60)
    assert (await app.post(body, EVENTS, headers=TOKEN))[1]["incidents"] == [name]
    app.clock.move(60)
    await app.post(body | {"status": "resolved"}, EVENTS, headers=TOKEN)
    assert (await app.incident(name))["state"] == "resolved"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ""),
        ({"title": " "}, "title"),
        ({"title": "x", "status": "open"}, "status"),
        ({"title": "x", "labels": {str(n): "v" for n in range(51)}}, "labels"),
        ({"title": "x", "colour": "red"}, ""),
        ({"title": 7}, "title"),
        (b"[", ""),
    ],
)
async def test_what_is_no_event_is_refused_with_its_place(app: App, body: Any, place: str) -> None:
    status, answer = await app.post(body, EVENTS, headers=TOKEN)
    assert (status, answer["place"]) == (400, place)
    found = app.service.metrics.integrations.get("sentinel")
    assert found is not None
    assert (found.failed, found.successful) == (1, 0)


async def test_who_may_send(app: App) -> None:
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "shh"}):
        assert (await app.post({"title": "x"}, EVENTS, headers=headers))[0] == 401
    status, answer = await app.post({"title": "x"}, "/v1/integrations/other/events")
    assert status == 404
    assert "sentinel, edge-agent" in answer["detail"]
    path = "/v1/integrations/edge-agent/events"
    assert (await app.post({"title": "x"}, path))[0] == 202


async def test_every_integration_is_counted_where_it_is_used(app: App) -> None:
    await app.fire()
    await until(lambda: app.pagerduty.incidents and app.slack.messages)
    await app.click("acknowledge")
    _, body = await app.get("/v1/metrics/integrations")
    shown = {one["integration"]: one for one in body["integrations"]}
    assert list(shown) == ["alertmanager", "slack", "pagerduty", "sentinel", "edge-agent"]
    assert shown["alertmanager"]["requests_successful"] == 1
    # What was sent to Slack, and what Slack sent.
    assert shown["slack"]["requests_total"] >= 2
    assert shown["sentinel"]["last_request_timestamp"] is None
    _, one = await app.get("/v1/metrics/integrations/alertmanager")
    assert one == shown["alertmanager"]
    assert one["success_rate_percent"] == 100
    assert one["latency_milliseconds"]["total"] > 0
    status, answer = await app.get("/v1/metrics/integrations/nobody")
    assert (status, answer["place"]) == (404, "name")


async def test_the_metrics_have_the_names_of_the_runbook(app: App) -> None:
    await app.fire()
    _, text = await app.get("/metrics")
    for name in (
        "requests_total",
        "requests_successful",
        "requests_failed",
        "success_rate_percent",
        "latency_milliseconds_average",
        "latency_milliseconds_p95",
        "latency_milliseconds_total",
        "latency_milliseconds_count",
        "last_request_timestamp",
    ):
        assert f'llm_integration_{name}{{integration="alertmanager"}}' in text
    bucket = 'llm_integration_latency_milliseconds_bucket{integration="alertmanager",le="+Inf"}'
    assert await app.metric(bucket) == 1


async def test_caches_and_breakers(app: App) -> None:
    name = await app.fire()
    await app.fire()
    _, body = await app.get("/v1/metrics/caches")
    assert body["caches"]["records"]["entries"] == 1
    assert body["caches"]["records"]["hits"] >= 1
    assert name
    _, body = await app.get("/v1/health/circuit-breakers")
    assert {one["name"]: one["state"] for one in body["circuit_breakers"]} == {
        "slack": "closed",
        "pagerduty": "closed",
    }
    app.service.notifier_health.failed("slack", "token_revoked: reinstall the app")
    _, body = await app.get("/v1/health/circuit-breakers")
    found = {one["name"]: one for one in body["circuit_breakers"]}
    assert found["slack"]["state"] == "open"
    assert "reinstall" in found["slack"]["problem"]


def test_quantiles_come_from_the_buckets() -> None:
    found = Integration("x")
    assert (found.quantile_ms(0.95), found.success_percent) == (0.0, 100.0)
    for took in range(1, 101):
        found.record(ok=took <= 90, took_ms=took, now=took)
    assert 90 <= found.quantile_ms(0.95) <= 100
    assert (found.requests, found.success_percent, found.average_ms) == (100, 90.0, 50.5)
    found.record(ok=True, took_ms=60_000, now=1)
    assert found.quantile_ms(1.0) == 10_000
