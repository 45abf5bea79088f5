"""Every call that goes out follows HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the same way."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError

from receiver.alertmanager.client import AlertmanagerHttp, Peer
from receiver.alertmanager.config import AlertmanagerConfig
from receiver.cli.checks.source import Deadline, Source, SourceError
from receiver.cli.client import call
from receiver.clock import Clock
from receiver.enrichment.json_client import JsonClient
from receiver.errors import ConfigError
from receiver.observability.tracing_config import TracingConfig
from receiver.observability.tracing_otel import OtelTracer
from receiver.outgoing_heartbeat.config import OutgoingHeartbeatConfig
from receiver.outgoing_heartbeat.sender import OutgoingHeartbeat
from receiver.pagerduty.events_api import EventsApi
from receiver.pagerduty.rest_api import PagerDutyRest
from receiver.proxies import proxy_of, proxy_problems, proxy_secrets
from receiver.settings.load import load_settings
from receiver.slack.client.probe import Checker
from receiver.slack.client.web_api import SlackApi
from receiver.slack.interactions.socket_mode import SlackSocket
from receiver.slack.interactions.workspace import Workspace
from receiver.store.replicas.turns import Turn
from tests.support.app import App
from tests.support.fakes.integration import FakeIntegration
from tests.support.fakes.proxies import ForwardProxy
from tests.support.waiting import until

Make = Callable[[str], Awaitable[object]]
VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ForwardProxy]:
    for name in (*VARIABLES, *map(str.upper, VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    running = ForwardProxy()
    await running.start()
    # As it is written in most places, and with a name and a password.
    monkeypatch.setenv("HTTP_PROXY", f"http://im:p%40ss@127.0.0.1:{running.port}")
    monkeypatch.setenv("HTTPS_PROXY", running.url)
    yield running
    await running.stop()


class _Counted:
    """Stands where metrics would: a heartbeat is counted nowhere."""

    def observe(self, *_: object) -> None: ...


async def _slack(url: str) -> None:
    api = SlackApi("xoxb-1", f"{url}/api/", 2)
    await api.call("auth_test")
    await api.close()


async def _slack_check(url: str) -> None:
    await Checker("xoxb-1", f"{url}/api/").ask("auth.test")


class _Turns:
    async def take(self, _name: str, _lasts: int) -> Turn:
        return Turn(ours=True, until=0)

    async def give_up(self, _name: str) -> None:
        pass


async def _slack_socket(url: str) -> None:
    socket = SlackSocket(None, "xapp-1", f"{url}/api/", _Turns())  # type: ignore[arg-type]
    client = socket._new_client()
    assert client.proxy == proxy_of(url)
    with contextlib.suppress(Exception):
        await client.issue_new_wss_url()
    await client.close()


async def _slack_answer(url: str) -> None:
    class Store:
        store = None

    workspace = Workspace(Store(), None, None, url, Clock(), None)  # type: ignore[arg-type]
    await workspace._post(f"{url}/response", {})
    await workspace.close()


async def _pagerduty(url: str) -> None:
    api = EventsApi("pd", "k" * 32, url, 2)
    await api.send("resolve", "key", {})
    await api.close()


async def _pagerduty_rest(url: str) -> None:
    rest = PagerDutyRest(url, "token", Clock(), timeout=2)
    await rest.on_call("P1")
    await rest.close()


async def _alertmanager(url: str) -> None:
    http = AlertmanagerHttp()
    with contextlib.suppress(ClientError, OSError):
        await http.ask(Peer(url, AlertmanagerConfig(urls=(url,))), "GET", "status", most=1000)
    await http.close()


async def _enrichment(url: str) -> None:
    client = JsonClient(url, {}, timeout=2)
    with contextlib.suppress(Exception):
        await client.ask("GET", "/api/v1/query")
    await client.close()


async def _heartbeat(url: str) -> None:
    config = OutgoingHeartbeatConfig.model_validate({"url": f"{url}/ping"})
    beat = OutgoingHeartbeat(config, {}, _Counted(), Clock(), _Turns())  # type: ignore[arg-type]
    await beat.beat()
    await beat.stop()


async def _traces(url: str) -> None:
    tracer = OtelTracer(TracingConfig(endpoint=url))
    tracer.start("a", "internal", "", attributes={}).end()
    await tracer.stop()


async def _command(url: str) -> None:
    with contextlib.suppress(Exception):
        await asyncio.to_thread(call, "GET", url, "", "/v1/incidents")


async def _check(url: str) -> None:
    async with Source("the service", url, Deadline(2)) as source:
        with contextlib.suppress(SourceError):
            await source.get("/health")


CALLS: list[Make] = [
    _slack,
    _slack_check,
    _slack_socket,
    _slack_answer,
    _pagerduty,
    _pagerduty_rest,
    _alertmanager,
    _enrichment,
    _heartbeat,
    _traces,
    _command,
    _check,
]


@pytest.mark.parametrize("make", CALLS, ids=lambda make: make.__name__)
async def test_each_kind_of_call_goes_the_same_way(
    proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    await make("http://away.example:81")
    asked = [one for one in proxy.asked if make is _traces or "/v1/traces" not in one]
    assert asked
    assert all(one.startswith("http://away.example:81/") for one in asked)
    assert set(proxy.credentials) == {"Basic aW06cEBzcw=="}
    await make("https://away.example")
    assert "CONNECT away.example:443" in proxy.asked
    known = {"away.example:81", "away.example:443"}
    # This machine, where nobody listens on the port: never through the proxy.
    for url in ("http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"):
        await make(url)
    monkeypatch.setenv("NO_PROXY", "other.example, .away.invalid,10.0.0.0/8")
    await make("http://am.away.invalid:81")
    # Only what is tried again by itself, from before, may still have come: spans most of all, which
    # a thread of OpenTelemetry's may send when their own test is over.
    others = [asked for asked in proxy.asked if make is _traces or "/v1/traces" not in asked]
    assert all(any(name in asked for name in known) for asked in others)


async def test_the_whole_service_behind_a_proxy(
    proxy: ForwardProxy, tmp_path: Path, fakes: Any
) -> None:
    """Pages, what integrations are told, and nothing of this machine."""
    told = FakeIntegration(time.monotonic)
    await told.start()
    app = App(tmp_path, *fakes)
    await app.start(
        slack__base_url="http://slack.away.example/api/",
        pagerduty__base_url="https://pd.away.example",
        integrations={
            "near": {"url": f"{told.base_url}/hook"},
            "far": {"url": "http://far.away.example/hook"},
        },
    )
    try:
        await app.fire()
        reached = ("http://slack.away.example/", "CONNECT pd.away", "http://far.away.example/")
        for start in reached:
            await until(lambda start=start: any(one.startswith(start) for one in proxy.asked))
        await until(lambda: told.told)
        # A collector that hung in an earlier test is left behind with its thread.
        ours = [one for one in proxy.asked if not one.endswith("/v1/traces")]
        assert all(one.startswith(reached) for one in ours), ours
        _, shown = await app.get("/health")
        assert "p%40ss" not in json.dumps(shown)
    finally:
        await app.stop()
        await told.stop()


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "http://x.example", None),
        ({"http_proxy": "http://p:1"}, "http://x.example", "http://p:1"),
        ({"http_proxy": "http://p:1"}, "https://x.example", None),
        ({"HTTPS_PROXY": "p:1"}, "https://x.example", "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "wss://x.example/?ticket=1", "http://p:1"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "*"}, "https://x.example", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "example"}, "https://x.example", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "x.example:444"}, "https://x.example", "http://p:1"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.9.8.7", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.0/8"}, "https://11.9.8.7", "http://p:1"),
        ({"HTTPS_PROXY": "p:1"}, "https://127.0.0.1:9093", None),
        ({"HTTPS_PROXY": "p:1"}, "https://im.localhost", None),
        ({"ALL_PROXY": "socks5://p:1"}, "https://x.example", None),
    ],
)
def test_which_proxy_a_url_has(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    for name in (*VARIABLES, *map(str.upper, VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(url) == proxy


def test_a_proxy_that_cannot_be_used_is_refused_at_the_start() -> None:
    environ = {"HTTPS_PROXY": "socks5://ann:hunter2@p:1", "http_proxy": "p:3128"}
    assert [name for name, _ in proxy_problems(environ)] == ["HTTPS_PROXY"]
    with pytest.raises(ConfigError) as refused:
        load_settings(None, environ, {})
    assert "HTTPS_PROXY: not the URL of an HTTP proxy" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_proxys_password_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://ann:hunt%40r2@p:1")
    assert {"hunt%40r2", "hunt@r2"} <= set(proxy_secrets())
