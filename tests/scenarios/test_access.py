"""Who may ask for what: for every route, what a request without credentials gets and learns."""

import asyncio
import base64
import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from receiver.app.routes import (
    ROUTES,
    build_application,
    build_metrics_application,
    build_status_application,
)
from receiver.http.routes import API, METRICS, STATUS, Who
from receiver.observability.metrics.whole import Figures
from tests.support.app import NO_ACCOUNTS, App
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert
from tests.support.patience import PATIENCE_S

Fakes = tuple[FakeSlack, FakePagerDuty]
TOKEN = "the-token-of-ops"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BASIC = {"Authorization": "Basic " + base64.b64encode(b"ann:her-password").decode()}

SIGNED = (Who.SLACK, Who.PAGERDUTY)
WHO: dict[tuple[str, str], Who] = {
    ("POST", "/v1/alerts/webhook"): Who.SENDER,
    ("POST", "/v1/alerts/webhook/"): Who.SENDER,
    ("POST", "/v1/heartbeats/{name}"): Who.SENDER,
    ("POST", "/v1/slack/actions"): Who.SLACK,
    ("POST", "/v1/slack/commands"): Who.SLACK,
    ("POST", "/v1/slack/events"): Who.SLACK,
    ("POST", "/v1/pagerduty/webhook"): Who.PAGERDUTY,
    ("GET", "/v1/on-call"): Who.VIEWER,
    ("GET", "/v1/incidents"): Who.VIEWER,
    ("GET", "/v1/incidents/{id}"): Who.VIEWER,
    ("GET", "/v1/incidents/{id}/review"): Who.VIEWER,
    ("GET", "/v1/incidents/{id}/review/document"): Who.VIEWER,
    ("PUT", "/v1/incidents/{id}/review/document"): Who.RESPONDER,
    ("GET", "/v1/incidents/{id}/review/versions"): Who.VIEWER,
    ("GET", "/v1/action-items"): Who.VIEWER,
    ("POST", "/v1/incidents/{id}/{action}"): Who.RESPONDER,
    ("POST", "/v1/incidents"): Who.RESPONDER,
    ("GET", "/v1/incidents/{id}/explanation"): Who.VIEWER,
    ("GET", "/v1/routes/test"): Who.VIEWER,
    ("GET", "/routing"): Who.VIEWER,
    ("GET", "/v1/operations"): Who.VIEWER,
    ("GET", "/v1/heartbeats"): Who.VIEWER,
    ("GET", "/v1/silences"): Who.VIEWER,
    ("GET", "/v1/config"): Who.ADMIN,
    ("GET", "/operations"): Who.VIEWER,
    ("GET", "/operations/config"): Who.ADMIN,
    ("GET", "/operations/dead-letters/{id}"): Who.VIEWER,
    ("POST", "/operations/dead-letters/{id}/resend"): Who.RESPONDER,
    ("GET", "/v1/dead-letters"): Who.VIEWER,
    ("GET", "/v1/dead-letters/{id}"): Who.VIEWER,
    ("POST", "/v1/dead-letters/{id}/resend"): Who.RESPONDER,
    ("GET", "/v1/hints"): Who.VIEWER,
    ("GET", "/v1/shared-alerts"): Who.VIEWER,
    ("GET", "/v1/damaged"): Who.VIEWER,
    ("DELETE", "/v1/damaged"): Who.ADMIN,
    ("GET", "/runbooks"): Who.VIEWER,
    ("GET", "/runbooks/"): Who.VIEWER,
    ("GET", "/runbooks/{name:.+}"): Who.VIEWER,
    ("POST", "/runbooks/{name:.+}"): Who.RESPONDER,
    ("GET", "/"): Who.VIEWER,
    ("GET", "/incidents/{id}"): Who.VIEWER,
    ("GET", "/incidents/{id}.md"): Who.VIEWER,
    ("GET", "/incidents/{id}/review"): Who.VIEWER,
    ("GET", "/incidents/{id}/review/edit"): Who.RESPONDER,
    ("POST", "/incidents/{id}/review/edit"): Who.RESPONDER,
    ("GET", "/incidents/{id}/review/versions"): Who.VIEWER,
    ("GET", "/action-items"): Who.VIEWER,
    ("POST", "/bulk/{action}"): Who.RESPONDER,
    ("GET", "/events"): Who.VIEWER,
    ("GET", "/history"): Who.VIEWER,
    ("GET", "/response"): Who.VIEWER,
    ("GET", "/response/{name}.svg"): Who.VIEWER,
    ("GET", "/v1/response"): Who.VIEWER,
    ("POST", "/incidents/{id}/{action}"): Who.RESPONDER,
    ("GET", "/console/charts/{name}.svg"): Who.VIEWER,
    ("GET", "/console/{name}"): Who.OPEN,
    ("GET", "/login"): Who.OPEN,
    ("POST", "/login"): Who.OPEN,
    ("GET", "/login/oidc"): Who.OPEN,
    ("GET", "/login/oidc/callback"): Who.OPEN,
    ("GET", "/login/oidc/end"): Who.OPEN,
    ("POST", "/logout"): Who.VIEWER,
    ("GET", "/sessions"): Who.VIEWER,
    ("POST", "/sessions/end"): Who.VIEWER,
    ("POST", "/sessions/tokens"): Who.VIEWER,
    ("POST", "/sessions/tokens/end"): Who.VIEWER,
    ("DELETE", "/v1/logins/{name}/sessions"): Who.ADMIN,
    ("DELETE", "/v1/logins/{name}/lock"): Who.ADMIN,
    ("GET", "/v1/audit"): Who.ADMIN,
    ("GET", "/audit"): Who.ADMIN,
    ("GET", "/v1/figures"): Who.VIEWER,
    ("GET", "/api/"): Who.VIEWER,
    ("GET", "/api/openapi.json"): Who.VIEWER,
    ("POST", "/v1/integrations/{name}/events"): Who.INTEGRATION,
    ("GET", "/v1/metrics/integrations"): Who.VIEWER,
    ("GET", "/v1/metrics/integrations/{name}"): Who.VIEWER,
    ("GET", "/v1/metrics/caches"): Who.VIEWER,
    ("GET", "/v1/health/circuit-breakers"): Who.VIEWER,
    ("POST", "/v1/changes"): Who.SENDER,
    ("GET", "/v1/changes"): Who.VIEWER,
    ("GET", "/status"): Who.OPEN,
    ("GET", "/v1/maintenance"): Who.VIEWER,
    ("POST", "/v1/maintenance"): Who.PUBLISHER,
    ("DELETE", "/v1/maintenance/{id}"): Who.PUBLISHER,
    ("GET", "/maintenance"): Who.PUBLISHER,
    ("POST", "/maintenance"): Who.PUBLISHER,
    ("POST", "/maintenance/{id}/cancel"): Who.PUBLISHER,
    ("GET", "/status.atom"): Who.OPEN,
    ("GET", "/status/incidents/{id}"): Who.OPEN,
    ("GET", "/status/incidents/{id}.json"): Who.OPEN,
    ("GET", "/status.json"): Who.OPEN,
    ("GET", "/status/{name}"): Who.OPEN,
    ("GET", "/-/healthy"): Who.OPEN,
    ("GET", "/-/ready"): Who.OPEN,
    ("GET", "/health"): Who.OPEN,
    ("GET", "/metrics"): Who.SCRAPER,
    ("POST", "/-/reload"): Who.ADMIN,
}
"""Who may ask for what on the API's port, written down a second time: nobody is let in by a slip.
"""


def unvouched(who: Who, path: str) -> int:
    """Return what is answered to a request that nobody vouches for; nobody logs in here."""
    # Nothing is on the status page either.
    missing = path.startswith(("/login", "/status/incidents/"))
    return (404 if missing else 200) if who is Who.OPEN else 401


BROWSED = (
    *("/", "/incidents", "/console/charts", "/runbooks", "/sessions", "/api/", "/audit"),
    *("/history", "/response"),
    "/action-items",
    "/maintenance",
    *("/routing", "/operations"),
)
INTERNAL = ("C0ALERTS", "HighErrorRate", "checkout-db-7", "sentinel", "Internal", "no_such_channel")


@pytest.fixture
async def guarded(tmp_path: Path, fakes: Fakes) -> AsyncIterator[App]:
    running = App(tmp_path, *fakes)
    await running.start(
        **{
            "web.credentials": [
                {"name": "ops", "token": TOKEN},
                {"name": "ann", "username": "ann", "password": "her-password"},
            ],
            "pagerduty.webhook_secret": "signed",
            "heartbeats": {"backup": {"interval": "1h"}},
            "integrations": {"sentinel": {"token": "of-sentinel"}},
            "status_page.title": "Example",
            "status_page.components": [
                {"name": "Shop", "matchers": ['service="checkout"'], "description": "buying"}
            ],
        }
    )
    yield running
    await running.stop()


def address(path: str, incident: str) -> str:
    """Return a path that the route serves when it is asked by somebody it knows."""
    names = {
        "/v1/heartbeats/{name}": "/v1/heartbeats/backup",
        "/v1/incidents/{id}/{action}": f"/v1/incidents/{incident}/note",
        "/incidents/{id}/{action}": f"/incidents/{incident}/acknowledge",
        "/bulk/{action}": "/bulk/acknowledge",
        "/runbooks/{name:.+}": "/runbooks/incident-manager/SampleAlert",
        "/console/{name}": "/console/style.css",
        "/status/{name}": "/status/style.css",
        "/console/charts/{name}.svg": "/console/charts/response.svg",
        "/response/{name}.svg": "/response/times.svg",
        "/v1/integrations/{name}/events": "/v1/integrations/sentinel/events",
        "/v1/logins/{name}/sessions": "/v1/logins/ann/sessions",
        "/v1/logins/{name}/lock": "/v1/logins/ann/lock",
        "/v1/metrics/integrations/{name}": "/v1/metrics/integrations/slack",
    }
    return names.get(path, path.replace("{id}", incident))


async def opened(app: App) -> str:
    body = {"alerts": [alert(labels={"instance": "checkout-db-7"})], "groupKey": "g"}
    _, answer = await app.post(body, headers=BEARER)
    return str(answer["incidents"][0])


async def asked(app: App, method: str, path: str, **more: Any) -> tuple[int, str, Any]:
    async with app.session.request(method, app.url + path, allow_redirects=False, **more) as answer:
        # A stream of events has no end.
        ends = answer.content_type != "text/event-stream"
        return answer.status, await answer.text() if ends else "", answer.headers


def test_who_may_ask_is_as_written_here() -> None:
    assert {(row.method, row.path): row.who for row in ROUTES if row.port == API} == WHO


def test_the_other_ports_serve_scrapers_and_what_is_public() -> None:
    others = {(row.port, row.path): row.who for row in ROUTES if row.port != API}
    assert others.pop((METRICS, "/metrics")) is Who.SCRAPER
    public = ("/", "/status", "/status.json", "/status.atom", "/status/{name}")
    links = ("/status/incidents/{id}", "/status/incidents/{id}.json")
    assert set(others) == {(STATUS, path) for path in (*public, *links)}
    assert set(others.values()) == {Who.OPEN}


async def test_nothing_is_answered_that_is_no_row(guarded: App) -> None:
    service = guarded.service
    endpoints, metrics, audit = service.endpoints, service.metrics, service.audit.audit
    applications = {
        API: build_application(service.settings, endpoints, metrics, audit),
        METRICS: build_metrics_application(service.settings, endpoints, service.status, audit),
        STATUS: build_status_application(
            service.settings, endpoints, service.status_page, metrics, audit
        ),
    }
    for port, application in applications.items():
        rows = {(row.method, re.sub(r":[^}]+", "", row.path)) for row in ROUTES if row.port == port}
        served = {
            (route.method, route.resource.canonical)
            for route in application.router.routes()
            if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
        }
        assert served == rows, port


async def test_without_credentials_each_route_answers_as_the_table_says(guarded: App) -> None:
    incident = await opened(guarded)
    wrong = {"Authorization": "Bearer another"}
    for (method, path), who in WHO.items():
        for headers in ({}, wrong):
            got, text, _ = await asked(guarded, method, address(path, incident), headers=headers)
            assert got == unvouched(who, path), (method, path, text)
            told = [word for word in INTERNAL if word.lower() in text.lower()]
            assert not told, (method, path, told)


async def test_with_credentials_no_guarded_route_is_a_riddle(guarded: App) -> None:
    """The table proves nothing about a path that would be refused to everybody."""
    incident = await opened(guarded)
    await guarded.post({"hello": 1}, headers=BEARER)
    _, found = await guarded.get("/v1/dead-letters", headers=BEARER)
    letter = found["dead_letters"][0]["id"]
    for (method, path), who in WHO.items():
        if who in (Who.OPEN, Who.INTEGRATION, *SIGNED):
            continue
        one = letter if "/dead-letters/" in path else incident
        for headers in (BEARER, BASIC):
            got, text, _ = await asked(guarded, method, address(path, one), headers=headers)
            # Nothing is planned, and what is said of it names it.
            missing = got == 404 and "there is no maintenance" in text
            assert missing or got not in (401, 403, 404, 405, 500), (method, path, got, text)


async def test_a_browser_is_asked_for_name_and_password_where_people_read(guarded: App) -> None:
    incident = await opened(guarded)
    for (method, path), who in WHO.items():
        if who is Who.OPEN or method != "GET":
            continue
        _, _, headers = await asked(guarded, method, address(path, incident))
        page = path == "/" or (path.startswith(BROWSED[1:]) and not path.endswith(".json"))
        wanted = "Basic" if page else "Bearer"
        assert headers["WWW-Authenticate"].startswith(wanted), path


async def test_health_tells_its_details_to_those_who_may_know(guarded: App) -> None:
    guarded.service.notifier_health.failed("slack", "channel_not_found: C0ALERTS")
    assert await guarded.get("/health") == (200, {"status": "ok"})
    _, known = await guarded.get("/health", headers=BEARER)
    assert known["notifiers"]["slack"]["problem"] == "channel_not_found: C0ALERTS"


async def test_without_redis_nobody_outside_learns_where_it_is(
    guarded: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    from receiver.errors import StoreUnavailableError  # noqa: PLC0415

    async def away(*_: object) -> None:
        raise StoreUnavailableError("Redis: Error 111 connecting to redis.internal:6379")

    monkeypatch.setattr(guarded.service.dispatcher.store, "_run", away)
    monkeypatch.setattr("receiver.engine.commit_health.FRESH_S", 0.0)
    assert await guarded.get("/health") == (503, {"status": "unhealthy"})
    assert await guarded.get("/-/ready") == (503, "not ready\n")
    assert "redis.internal" in (await guarded.get("/-/ready", headers=BASIC))[1]


async def test_an_unknown_integration_names_the_others_to_nobody_outside(guarded: App) -> None:
    status, text, _ = await asked(guarded, "POST", "/v1/integrations/x/events")
    assert (status, "sentinel" in text) == (401, False)
    status, answer = await guarded.post({}, "/v1/integrations/x/events", headers=BEARER)
    assert (status, "sentinel" in answer["detail"]) == (404, True)


@pytest.mark.parametrize("token", [None, "of-prometheus"])
async def test_metrics_beside_the_api_are_as_guarded_as_the_api(
    tmp_path: Path, fakes: Fakes, token: str | None
) -> None:
    running = App(tmp_path, *fakes)
    credential = {"name": "ops", "token": TOKEN}
    await running.start(
        **NO_ACCOUNTS, **{"web.credentials": [credential], "web.metrics_token": token}
    )
    alone = f"http://127.0.0.1:{running.service.metrics_port}/metrics"
    try:
        assert (await running.get("/metrics"))[0] == 401
        assert (await running.get("/metrics", headers=BEARER))[0] == 200
        if token is None:
            async with running.session.get(alone) as answer:
                assert answer.status == 200
        else:
            scraper = {"Authorization": f"Bearer {token}"}
            assert (await running.get("/metrics", headers=scraper))[0] == 200
            for headers, status in (({}, 401), (BEARER, 401), (scraper, 200)):
                async with running.session.get(alone, headers=headers) as answer:
                    assert answer.status == status
    finally:
        await running.stop()


async def test_a_token_of_metrics_alone_guards_them_on_both_ports(
    tmp_path: Path, fakes: Fakes
) -> None:
    running = App(tmp_path, *fakes)
    await running.start(**NO_ACCOUNTS, **{"web.metrics_token": "of-prometheus"})
    try:
        assert (await running.get("/metrics"))[0] == 401
        scraper = {"Authorization": "Bearer of-prometheus"}
        assert (await running.get("/metrics", headers=scraper))[0] == 200
        assert (await running.get("/v1/incidents"))[0] == 200
    finally:
        await running.stop()


async def test_a_refused_body_is_not_read(guarded: App) -> None:
    """Whoever is not known cannot fill the memory before being refused."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 << 20:
            sent += 1 << 16
            yield bytes(1 << 16)

    try:
        async with guarded.session.post(
            f"{guarded.url}/v1/alerts/webhook", data=endless()
        ) as answer:
            assert answer.status == 401
    except OSError:
        pass
    assert sent < 32 << 20


async def test_a_runbook_page_cannot_be_framed_or_run_anything(plain: App) -> None:
    headers = {"Accept": "text/html"}
    _, text, sent = await asked(
        plain, "GET", "/runbooks/incident-manager/SampleAlert", headers=headers
    )
    assert "<pre" in text
    policy = sent["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert sent["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN} ", 200),
        (f"Basic {base64.b64encode(b'ann:her-password').decode()}", 200),
        (f"basic {base64.b64encode(b'ann:her-password').decode()}", 200),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {base64.b64encode(b'ann:her-password').decode()}", 401),
        ("Bearer ann:her-password", 401),
        (f"Token {TOKEN}", 401),
        (f"Digest {TOKEN}", 401),
        (f"Bearer: {TOKEN}", 401),
        (f"Bearer{TOKEN}", 401),
        (TOKEN, 401),
        (f" {TOKEN}", 401),
        ("Bearer ", 401),
        ("", 401),
    ],
)
async def test_a_scheme_is_what_it_says(guarded: App, given: str, status: int) -> None:
    async with guarded.session.get(
        f"{guarded.url}/v1/incidents", headers={"Authorization": given}
    ) as answer:
        assert answer.status == status


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("x-gzip", False),
    ],
)
async def test_a_page_of_metrics_is_packed_for_who_takes_it(
    plain: App, accepted: str, packed: bool
) -> None:
    for port in (plain.service.api_port, plain.service.metrics_port):
        async with ClientSession(auto_decompress=False) as session:
            url = f"http://127.0.0.1:{port}/metrics"
            async with session.get(url, headers={"Accept-Encoding": accepted}) as answer:
                body = await answer.read()
                assert answer.headers["Vary"] == "Accept, Accept-Encoding"
                assert (answer.headers.get("Content-Encoding") == "gzip") == packed
        text = gzip.decompress(body) if packed else body
        assert b"# TYPE incidents_total counter" in text
        assert not packed or len(body) < len(text) / 5


async def test_a_page_of_metrics_is_made_once_for_many(guarded: App) -> None:
    status = guarded.service.status
    status.fresh_s = 5.0
    made = 0
    render = guarded.service.metrics.render

    def counted(accept: str = "", whole: Figures | None = None) -> tuple[bytes, str]:
        nonlocal made
        made += 1
        return render(accept, whole)

    guarded.service.metrics.render = counted  # type: ignore[method-assign]
    url = f"http://127.0.0.1:{guarded.service.metrics_port}/metrics"

    async def ask(accept: str) -> str:
        async with guarded.session.get(url, headers={"Accept": accept}) as answer:
            assert answer.status == 200
            assert len(await answer.read()) > 10_000
            return answer.headers["Content-Type"]

    open_metrics = "application/openmetrics-text; version=1.0.0"
    found = await asyncio.gather(*(ask(accept) for accept in ("", open_metrics) for _ in range(20)))
    assert made == len(set(found)) == 2
    versions = [f"application/openmetrics-text; version={at}.0.0" for at in range(3, 40)]
    for accept in versions:
        await ask(accept)
    assert made <= 10


async def test_head_and_options_are_answered_wherever_get_is(guarded: App) -> None:
    incident = await opened(guarded)
    for method, path in WHO:
        where = address(path, incident)
        if method != "GET":
            continue
        got, _, read = await asked(guarded, "GET", where, headers=BEARER)
        status, text, headers = await asked(guarded, "HEAD", where, headers=BEARER)
        assert (status, text) == (got, ""), path
        assert headers["Content-Type"] == read["Content-Type"], path
        status, _, headers = await asked(guarded, "OPTIONS", where, headers={})
        assert status == 204, path
        assert {"GET", "HEAD", "OPTIONS"} <= set(headers["Allow"].split(", ")), path
    status, _, headers = await asked(guarded, "OPTIONS", "/v1/alerts/webhook", headers={})
    assert headers["Allow"] == "OPTIONS, POST"


async def test_no_answer_names_a_version(guarded: App) -> None:
    ports = (guarded.service.api_port, guarded.service.metrics_port)
    for port in ports:
        for request in (b"GET /metrics", b"GET /nothing", b"POST /-/healthy", b"BAD"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
            assert b"\r\nserver: incident-manager\r\n" in answer.lower(), answer[:300]
            assert b"aiohttp" not in answer.lower()
            writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
    writer.write(b"GET / HTTP/1.1\r\nBad header\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    assert b"aiohttp" not in answer.lower()
    writer.close()


@pytest.mark.parametrize(
    ("wide", "token", "host", "agent", "status"),
    [
        (False, "", "localhost:9090", "Prometheus/3", 200),
        (False, "", "evil.example", "Prometheus/3", 403),
        (False, "", "evil.example", "Mozilla/5.0", 403),
        (True, "", "im.monitoring.svc:9090", "Prometheus/3", 200),
        (True, "", "evil.example", "Mozilla/5.0", 403),
        (True, "a-token-for-scrapers", "evil.example", "Mozilla/5.0", 200),
    ],
)
async def test_the_metrics_port_asks_how_it_is_called(
    tmp_path: Path,
    fakes: Fakes,
    *,
    wide: bool,
    token: str,
    host: str,
    agent: str,
    status: int,
) -> None:
    app = App(tmp_path, *fakes)
    address = "0.0.0.0:0" if wide else "127.0.0.1:0"
    more = {"web.metrics_token": token} if token else {}
    await app.start(**NO_ACCOUNTS, **{"web.metrics_address": address}, **more)
    headers = {"Host": host, "User-Agent": agent, "Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{app.service.metrics_port}/metrics"
    async with app.session.get(url, headers=headers) as answer:
        assert answer.status == status
    await app.stop()
