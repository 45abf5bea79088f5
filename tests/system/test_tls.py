"""https with real programs: Alertmanager that shows a certificate, processes, nginx in front."""

import asyncio
import io
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from aiohttp import ClientSession, TCPConnector, WSMsgType, web

from tests.support.app import NO_ACCOUNTS, App
from tests.support.certificates import DAY, Authority
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.logins import HTML, PASSWORD, entry
from tests.support.nginx import PATH, nginx
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.processes import Senders
from tests.support.real_alertmanager import Real
from tests.support.rig import Rig, free_port, until

SAN = "alertmanager.example.com"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@pytest.fixture
async def rig(tmp_path: Path, authority: Authority) -> AsyncIterator[Rig]:
    """Two processes that speak TLS, to a sender with a certificate."""
    folder = tmp_path / "rig"
    folder.mkdir()
    files = authority.issue("api")
    config = {
        "web": {
            "tls_server_config": {
                # Relative paths begin at the folder of the configuration.
                "cert_file": os.path.relpath(files.cert, folder),
                "key_file": os.path.relpath(files.key, folder),
                "client_auth_type": "VerifyClientCertIfGiven",
                "client_ca_file": os.path.relpath(authority.ca, folder),
            },
            "credentials": [
                {"name": "alertmanager", "role": "sender", "client_allowed_sans": [SAN]},
                {"name": "ops", "role": "viewer", "token": "the-token-of-ops"},
            ],
        }
    }
    (folder / "im.yml").write_text(yaml.safe_dump(config))
    running = Rig(folder)
    running.trust = authority.client(authority.issue("sender", [SAN]))
    await running.start("receiver", f"--config.file={folder / 'im.yml'}", "--processes=2")
    yield running
    await running.stop()


async def test_a_real_alertmanager_shows_its_certificate_and_sees_ours_renewed(
    rig: Rig, real: Real, authority: Authority
) -> None:
    mine = authority.issue("am", [SAN])
    tls = {"ca_file": str(authority.ca), "cert_file": str(mine.cert), "key_file": str(mine.key)}
    hook = {"url": f"{rig.url}/v1/alerts/webhook", "http_config": {"tls_config": tls}}
    route = {"receiver": "im", "group_by": ["alertname"], "group_wait": "0s"}
    receivers = [{"name": "im", "webhook_configs": [hook]}]
    real.config.write_text(yaml.safe_dump({"route": route, "receivers": receivers}))
    async with real.session.post(f"{real.url}/-/reload") as answer:
        assert answer.status == 200

    ops = {"Authorization": "Bearer the-token-of-ops"}

    async def opened() -> set[str]:
        async with rig.session.get(f"{rig.url}/v1/incidents?priority=P3", headers=ops) as answer:
            found = await answer.json()
        return {item["title"] for item in found["incidents"]}

    await real.fire({"alertname": "First", "severity": "warning"})
    await until(lambda: _has(opened, "First"), PATIENCE_S, "the first alert is an incident")

    # Renewed amid a stream of webhooks, in both processes, and none is refused.
    senders = Senders(rig.url, trust=rig.trust)
    senders.start()
    await until(lambda: len(senders.accepted) > 20, PATIENCE_S, "webhooks are accepted")
    before = await _shown(rig, authority)
    authority.issue("api", until=200 * DAY)
    await until(lambda: _all_others(rig, authority, before), PATIENCE_S, "both show the new one")
    await senders.stop()
    assert set(senders.tries) == {"202"}

    await real.fire({"alertname": "Second", "severity": "warning"})
    await until(lambda: _has(opened, "Second"), PATIENCE_S, "the second alert is an incident")

    # Who comes by http, or leaves amid the handshake, or says nothing: nobody else is held up.
    idle = [socket.create_connection(("127.0.0.1", rig.port)) for _ in range(200)]
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(b"POST /v1/alerts/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    writer.close()
    status, _ = await rig.post(notification(alert()))
    assert status == 202
    for one in idle:
        one.close()


async def _has(opened: Callable[[], Awaitable[set[str]]], title: str) -> bool:
    return any(title in one for one in await opened())


async def _shown(rig: Rig, authority: Authority) -> str:
    _reader, writer = await asyncio.open_connection(
        "127.0.0.1", rig.port, ssl=authority.client(), server_hostname="127.0.0.1"
    )
    found = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    return str(found)


async def _all_others(rig: Rig, authority: Authority, before: str) -> bool:
    return before not in [await _shown(rig, authority) for _ in range(12)]


# -- behind nginx --------------------------------------------------------------------------------


@asynccontextmanager
async def behind_nginx(
    folder: Path, authority: Authority, **settings: object
) -> AsyncIterator[tuple[App, str, ClientSession]]:
    slack, pagerduty = FakeSlack(), FakePagerDuty()
    await slack.start()
    await pagerduty.start()
    port = free_port()
    async with nginx(folder / "nginx", authority.issue("nginx"), port) as url:
        app = App(folder / "data", slack, pagerduty)
        given = {
            "web.listen_address": f"127.0.0.1:{port}",
            "web.external_url": url,
            "web.trusted_proxies": ["127.0.0.1"],
            "web.credentials": [
                {"name": "am", "role": "sender", "token": "the-token-of-the-sender"},
                entry("ann"),
            ],
        }
        await app.start(**NO_ACCOUNTS, **(given | settings))
        trust = authority.client()
        async with ClientSession(connector=TCPConnector(ssl=trust)) as session:
            yield app, url, session
        await app.stop()
    await slack.stop()
    await pagerduty.stop()


async def test_behind_nginx_everything_is_as_without_it(
    tmp_path: Path, authority: Authority
) -> None:
    sender = {"Authorization": "Bearer the-token-of-the-sender"}
    async with behind_nginx(tmp_path, authority) as (app, url, session):
        hook = f"{url}/v1/alerts/webhook"
        async with session.post(hook, json=notification(alert()), headers=sender) as answer:
            assert answer.status == 202
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            name = (await answer.json())["incidents"][0]
        # A page leads to the login under the path, and its cookie is of this host alone.
        page = f"{url}/incidents/{name}"
        async with session.get(page, headers=HTML) as answer:
            assert str(answer.url).startswith(f"{url}/login?next={PATH}/incidents/")
            assert answer.headers["Strict-Transport-Security"]
        form = {"username": "ann", "password": PASSWORD, "next": f"{PATH}/incidents/{name}"}
        origin = {"Origin": url.removesuffix(PATH)}
        async with session.post(f"{url}/login", data=form, headers=HTML | origin) as answer:
            assert (answer.status, str(answer.url)) == (200, page)
            cookies = answer.history[0].headers.getall("Set-Cookie")
        assert all(one.startswith("__Host-") and "Secure" in one for one in cookies)
        # A form of another site is refused, one of our own page is not.
        other = {"Origin": "https://evil.example", **HTML}
        async with session.post(f"{page}/ack", data={}, headers=other) as answer:
            assert answer.status == 403
        # A body that is too long, nginx says so; one of the wrong form, the service does.
        async with session.post(hook, data=io.BytesIO(b"x" * 17_000_000), headers=sender) as answer:
            assert answer.status == 413
        async with session.post(hook, data=b"{", headers=sender) as answer:
            assert answer.status == 400
        await app.service.ports.close()
        async with session.post(hook, json=notification(alert()), headers=sender) as answer:
            assert answer.status == 502


@pytest.mark.parametrize("trusted", [True, False])
async def test_whose_request_it_is_is_believed_from_nginx_alone(
    tmp_path: Path, authority: Authority, trusted: bool
) -> None:
    remotes: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            remotes.append(getattr(record, "remote", ""))

    audit, kept = logging.getLogger("audit"), Kept()
    proxies = ["127.0.0.1"] if trusted else []
    async with behind_nginx(tmp_path, authority, **{"web.trusted_proxies": proxies}) as (
        app,
        url,
        session,
    ):
        forged = {"X-Forwarded-For": "203.0.113.9"}
        form = {"username": "ann", "password": "a wrong one"}
        audit.addHandler(kept)
        for at in (url, app.url):
            async with session.post(f"{at}/login", data=form, headers=forged) as answer:
                assert answer.status == 401
        async with (
            ClientSession(connector=TCPConnector(local_addr=("127.0.0.9", 0))) as elsewhere,
            elsewhere.post(f"{app.url}/login", data=form, headers=forged) as answer,
        ):
            assert answer.status == 401
        audit.removeHandler(kept)
    # nginx writes the address that it sees, and who is no proxy is believed nothing.
    ours = "203.0.113.9" if trusted else "127.0.0.1"
    assert remotes == ["127.0.0.1", ours, "127.0.0.9"]


async def test_nginx_lets_websockets_and_streams_of_events_through(
    tmp_path: Path, authority: Authority
) -> None:
    """What is behind it is no service of ours: nginx is what is tried."""
    going = asyncio.Event()

    async def socket_of(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        async for message in answer:
            await answer.send_str(f"heard {message.data}")
        return answer

    async def events(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"data: one\n\n")
        await going.wait()
        await answer.write(b"data: two\n\n")
        return answer

    application = web.Application()
    application.router.add_get(f"{PATH}/socket", socket_of)
    application.router.add_get(f"{PATH}/events", events)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with (
        nginx(tmp_path / "nginx", authority.issue("nginx"), port) as url,
        ClientSession(connector=TCPConnector(ssl=authority.client())) as session,
    ):
        async with session.ws_connect(f"{url}/socket") as talk:
            await talk.send_str("news")
            message = await talk.receive()
            assert (message.type, message.data) == (WSMsgType.TEXT, "heard news")
        async with session.get(f"{url}/events") as answer:
            first = await asyncio.wait_for(answer.content.readuntil(b"\n\n"), PATIENCE_S)
            assert first == b"data: one\n\n"  # while the stream goes on: nothing was kept back
            going.set()
            assert await answer.content.readuntil(b"\n\n") == b"data: two\n\n"
    await runner.cleanup()
