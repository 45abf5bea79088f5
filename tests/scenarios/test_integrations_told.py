"""Integrations with an address are told of incidents, whatever becomes of their answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from receiver import secrets
from receiver.errors import ConfigError
from receiver.settings.load import load_settings
from receiver.settings.schema import secret_values
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.integration import FakeIntegration
from tests.support.notification import alert, notification
from tests.support.waiting import until


@pytest.fixture
async def sentinel() -> AsyncIterator[FakeIntegration]:
    fake = FakeIntegration(asyncio.get_running_loop().time, token="out")
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def app(tmp_path: Path, fakes: Any, sentinel: FakeIntegration) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    told = {"url": sentinel.url, "url_token": "out", "timeout_secs": 0.5}
    low = {"url": sentinel.url, "priorities": ["P4"]}
    integrations = {"sentinel": told, "governance": low, "max_connections": 2}
    await running.start(integrations=integrations)
    yield running
    await running.stop()


async def _breaker(app: App) -> Any:
    _, body = await app.get("/v1/health/circuit-breakers")
    return next(one for one in body["circuit_breakers"] if one["name"] == "sentinel")


async def test_it_is_told_of_each_change_in_order(app: App, sentinel: FakeIntegration) -> None:
    name = await app.fire()
    await until(lambda: sentinel.told)
    (body,) = sentinel.told.values()
    assert (body["incident"]["id"], body["incident"]["state"]) == (name, "triggered")
    assert body["incident"]["url"].endswith(f"/incidents/{name}")
    assert body["timeline"][0] | {"at": None} == {
        "number": 1,
        "at": None,
        "kind": "opened",
        "text": body["incident"]["title"],
        "by": None,
        "via": None,
        "automatic": False,
    }
    await app.post({"by": "Ann"}, f"/v1/incidents/{name}/acknowledge")
    await until(lambda: sentinel.last()["state"] == "acknowledged")
    await app.post({"by": "Ann", "text": "rolled back"}, f"/v1/incidents/{name}/note")
    await app.post(notification(alert(resolved=True)))
    await until(lambda: sentinel.last()["state"] == "resolved")
    numbers = [entry["number"] for body in sentinel.told.values() for entry in body["timeline"]]
    assert numbers == list(range(1, numbers[-1] + 1))
    found = app.service.metrics.integrations.get("sentinel")
    assert found is not None
    await until(lambda: found.successful == len(sentinel.told))
    # It may be told in the same moment in which the incident says so.
    deliveries = {one["notifier"]: one["state"] for one in (await app.incident(name))["deliveries"]}
    assert deliveries["sentinel"] in ("delivered", "pending")
    assert "governance" not in deliveries


async def test_it_reaches_nobody_and_holds_nothing_back(
    app: App, sentinel: FakeIntegration
) -> None:
    sentinel.faults.add("500", times=None)
    app.slack.faults.add("error:token_revoked", times=None)
    app.pagerduty.faults.add("error:Invalid routing key", times=None)
    name = await app.fire()
    await until(lambda: sentinel.calls)
    sentinel.faults.clear()

    async def kinds() -> set[str]:
        return {entry["kind"] for entry in (await app.incident(name))["timeline"]}

    async def undeliverable() -> bool:
        return "undeliverable" in await kinds()

    await app.pass_until(undeliverable, 20)
    await until(lambda: sentinel.told)


@pytest.mark.parametrize(
    "kind", ["429", "500", "503", "html", "reset_before", "reset_after", "hang", "hang_after"]
)
async def test_each_fault_is_tried_again_until_it_knows(
    app: App, sentinel: FakeIntegration, kind: str
) -> None:
    sentinel.faults.add(kind, times=2, retry_after="1", seconds=2)
    name = await app.fire()
    await until(lambda: app.slack.messages)
    await until(lambda: sentinel.calls)
    await app.pass_until(lambda: sentinel.told and len(sentinel.calls) > 2, 1)
    assert sentinel.last()["id"] == name
    assert (await _breaker(app))["state"] == "closed"


async def test_what_it_refuses_is_said_once_and_other_news_are_told(
    app: App, sentinel: FakeIntegration
) -> None:
    sentinel.faults.add("error:no such field")
    name = await app.fire()

    async def refused() -> list[str]:
        timeline = (await app.incident(name))["timeline"]
        return [entry["text"] for entry in timeline if entry["kind"] == "delivery_failed"]

    await until(refused)
    assert await refused() == ['sentinel: answers 422: {"error": "no such field"}']
    await app.post({"by": "Ann"}, f"/v1/incidents/{name}/acknowledge")
    await until(lambda: sentinel.told)
    assert sentinel.last()["state"] == "acknowledged"
    assert len(await refused()) == 1


@pytest.mark.parametrize("status", [400, 404])
async def test_one_odd_refusal_is_asked_for_once_more(
    app: App, sentinel: FakeIntegration, status: int
) -> None:
    sentinel.faults.add("answer", status=status)
    name = await app.fire()
    await until(lambda: sentinel.calls)
    app.clock.move(3)
    await until(lambda: sentinel.told)
    timeline = (await app.incident(name))["timeline"]
    assert "delivery_failed" not in {entry["kind"] for entry in timeline}


async def test_a_breaker_opens_probes_and_closes(app: App, sentinel: FakeIntegration) -> None:
    sentinel.faults.add("500", times=None)
    for number in range(8):
        await app.post(notification(alert(f"Alert{number}"), group=f"g{number}"))
    await until(lambda: len(sentinel.calls) >= 5)

    async def opened() -> bool:
        return bool((await _breaker(app))["state"] == "open")

    await until(opened)
    found = await _breaker(app)
    assert (found["state"], found["problem"]) == ("open", "answers 500: upstream error")
    gauge = 'incident_manager_circuit_breaker_open{channel="sentinel"}'
    assert await app.metric(gauge) == 1
    # A moment for calls that had begun; from then on it is left in peace.
    await app.settle()
    calls = len(sentinel.calls)
    await app.pass_time(20)
    assert len(sentinel.calls) == calls
    await app.pass_time(15)
    assert len(sentinel.calls) == calls + 1
    sentinel.faults.clear()
    app.clock.move(40)
    await until(lambda: sentinel.told)

    def told_of_all() -> bool:
        return len({body["incident"]["id"] for body in sentinel.told.values()}) == 8

    await app.pass_until(told_of_all, 5)
    assert (await _breaker(app))["state"] == "closed"
    assert await app.metric(gauge) == 0
    # People were paged meanwhile, and none of this was a request of theirs.
    assert len(app.pagerduty.incidents) == 8


async def test_no_more_connections_than_allowed(app: App, sentinel: FakeIntegration) -> None:
    sentinel.takes_s = 0.05
    for number in range(12):
        await app.post(notification(alert(f"Alert{number}"), group=f"g{number}"))
    await until(lambda: len({body["incident"]["id"] for body in sentinel.told.values()}) == 12)
    assert sentinel.most_at_once == 2
    text = 'incident_manager_connection_pool_connections{pool="sentinel",state="max"}'
    assert await app.metric(text) == 2


async def test_hung_ones_hold_no_place_of_a_page(
    tmp_path: Path, fakes: Any, sentinel: FakeIntegration
) -> None:
    sentinel.faults.add("hang", times=None, seconds=60)
    told = {"url": sentinel.url, "timeout_secs": 300}
    running = App(tmp_path, *fakes)
    await running.start(
        integrations={"one": told, "other": told}, slack__token=None, slack__channel=None
    )
    try:
        for number in range(130):
            await running.post(notification(alert(f"Alert{number}"), group=f"g{number}"))
        await until(lambda: len(running.pagerduty.incidents) == 130)
        assert not sentinel.told
    finally:
        await sentinel.stop()  # lets go of what hangs
        await running.stop()


def test_a_notifiers_name_is_taken() -> None:
    flags = {
        "slack.token": "x",
        "slack.channel": "C1",
        "integrations.slack.url": "http://s.example",
    }
    with pytest.raises(ConfigError, match=r"integrations\.slack\.url: slack is a notifier already"):
        load_settings(None, {}, flags)


async def _problem(app: App, name: str) -> str:
    """Return what the incident says of the last attempt, once there was one."""

    async def said() -> str:
        deliveries = (await app.incident(name))["deliveries"]
        found = next(one for one in deliveries if one["notifier"] == "sentinel")
        return str(found["last_error"] or "")

    return str(await until(said))


async def test_no_answer_has_the_address_or_the_token_told(
    tmp_path: Path, fakes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some put what authorizes into the path, and a careless proxy repeats what it was sent."""
    answers = [b"nonsense\r\n\r\n", b"HTTP/1.1 401 No\r\n\r\nwrong: Bearer out-going-token"]

    async def careless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0) if len(answers) > 1 else answers[0])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(careless, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks/path-is-secret"
    running = App(tmp_path, *fakes)
    told = {"url": url, "url_token": "out-going-token"}
    await running.start(**NO_ACCOUNTS, integrations={"sentinel": told})
    monkeypatch.setattr(secrets, "_SECRETS", secrets.Secrets())
    secrets.redact(secret_values(running.service.settings))
    try:
        name = await running.fire()
        assert "path-is-secret" not in await _problem(running, name)

        async def refused() -> bool:
            return "401" in await _problem(running, name)

        await running.pass_until(refused, 2)
        assert await _problem(running, name) == "answers 401: wrong: Bearer ***"
        for path in ("/health", f"/v1/incidents/{name}", "/v1/health/circuit-breakers"):
            _, body = await running.get(path)
            assert "401" in str(body)
            assert "path-is-secret" not in str(body)
            assert "out-going-token" not in str(body)
    finally:
        await running.stop()
        server.close()
