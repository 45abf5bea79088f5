"""Ports that speak TLS: certificates that are renewed, and senders that show one."""

import asyncio
import json
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError, ClientOSError, ClientSession, ServerDisconnectedError
from click.testing import CliRunner

from receiver.cli.root import main
from receiver.conditions import Subject
from receiver.errors import ConfigError
from receiver.http.tls import handshake
from receiver.outgoing_heartbeat.self_checks import check_intake, intake_url
from tests.support.app import NO_ACCOUNTS, App
from tests.support.certificates import DAY, Authority, Files
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.waiting import until

Start = Callable[..., Awaitable[App]]
REFUSED = (ClientConnectionError, ClientOSError, ServerDisconnectedError, ssl.SSLError)
TOKEN = {"Authorization": "Bearer the-token-of-ops"}
OPS = {"name": "ops", "role": "admin", "token": "the-token-of-ops"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


@pytest.fixture
async def start(tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty]) -> AsyncIterator[Start]:
    running: list[App] = []

    async def started(**settings: Any) -> App:
        app = App(tmp_path / "data", *fakes)
        await app.start(**(NO_ACCOUNTS | settings))
        running.append(app)
        return app

    yield started
    for app in running:
        await app.stop()


def tls_of(files: Files, **more: Any) -> dict[str, Any]:
    return {"cert_file": str(files.cert), "key_file": str(files.key)} | more


async def ask(
    method: str, url: str, context: ssl.SSLContext, body: Any = None, **more: Any
) -> tuple[int, str]:
    """Ask over a connection of its own."""
    data = None if body is None else json.dumps(body)
    async with (
        ClientSession() as session,
        session.request(method, url, ssl=context, data=data, **more) as answer,
    ):
        return answer.status, await answer.text()


async def shown(port: int, context: ssl.SSLContext) -> int:
    """Return the serial number of the certificate that a port shows."""
    _reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    found = writer.get_extra_info("peercert")
    writer.close()
    return int(found["serialNumber"], 16)


async def test_every_port_speaks_tls_with_its_own_certificate(
    start: Start, authority: Authority
) -> None:
    api, metrics, page = (authority.issue(name) for name in ("api", "metrics", "page"))
    app = await start(
        web__tls_server_config=tls_of(api),
        web__metrics_tls_server_config=tls_of(metrics),
        web__hsts_max_age="365d",
        status_page__listen_address="127.0.0.1:0",
        status_page__tls_server_config=tls_of(page),
        status_page__components=[{"name": "Shop", "matchers": ['team="shop"']}],
    )
    service, trust = app.service, authority.client()
    ports = (service.api_port, service.metrics_port, service.status_port)
    assert len({await shown(port, trust) for port in ports}) == 3
    url = f"https://localhost:{service.api_port}"
    status, text = await ask("POST", f"{url}/v1/alerts/webhook", trust, notification(alert()))
    assert status == 202
    name = json.loads(text)["incidents"][0]
    assert (await ask("GET", f"{url}/v1/incidents/{name}", trust))[0] == 200
    _, text = await ask("GET", f"https://localhost:{service.metrics_port}/metrics", trust)
    assert 'incident_manager_certificate_expiry_timestamp_seconds{port="api"} 1' in text
    assert (await ask("GET", f"https://localhost:{service.status_port}/status", trust))[0] == 200
    assert service.settings.web.base_url.startswith("https://")
    async with ClientSession() as session, session.get(f"{url}/-/healthy", ssl=trust) as answer:
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_who_comes_by_http_is_told_and_comes_again(
    start: Start, authority: Authority
) -> None:
    app = await start(web__tls_server_config=tls_of(authority.issue("api")))
    status, answer = await app.post(notification(alert()))
    assert (status, "speaks https" in answer["detail"]) == (503, True)
    url = f"https://localhost:{app.service.api_port}"
    _, page = await ask("GET", f"{url}/metrics", authority.client())
    assert 'incident_manager_tls_handshakes_failed_total{port="api"} 1' in page


async def test_a_renewed_certificate_is_shown_and_one_that_is_no_good_is_not(
    start: Start, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = authority.issue("api")
    app = await start(web__tls_server_config=tls_of(files))
    trust, port, service = authority.client(), app.service.api_port, app.service
    first = await shown(port, trust)

    def said() -> str:
        present = service.conditions.present()
        return "; ".join(one.problem for one in present if one.subject is Subject.CERTIFICATES)

    def look() -> None:
        service.ports.reread()

    async with ClientSession() as session:
        url = f"https://localhost:{port}"
        async with session.get(f"{url}/-/healthy", ssl=trust) as answer:
            assert answer.status == 200

        other = Authority(tmp_path / "other").issue("other")
        for spoil, words in (
            (lambda: files.cert.write_text("nonsense"), "holds no certificate"),
            (lambda: shutil.copy(other.cert, files.cert), "is not the key of that certificate"),
            (files.cert.unlink, "cannot be read: No such file"),
            (lambda: authority.issue("api", since=-9 * DAY, until=-DAY), "expired at"),
            (lambda: authority.issue("api", since=DAY), "holds from"),
            (lambda: authority.issue("api", password=b"x"), "is encrypted"),
            (lambda: files.key.write_text("nonsense"), "holds no private key"),
        ):
            spoil()
            look()
            await until(lambda words=words: words in said())
            assert "keeps its old certificate" in said()
            assert await shown(port, trust) == first
        # A reload reads them too, and is refused whole.
        async with session.post(f"{url}/-/reload", ssl=trust) as answer:
            assert (answer.status, "key_file" in await answer.text()) == (400, True)

        authority.issue("api")
        async with session.post(f"{url}/-/reload", ssl=trust) as answer:
            assert answer.status == 200
        await until(lambda: not said())
        assert await shown(port, trust) != first
        # Connections that are open go on.
        async with session.get(f"{url}/-/healthy", ssl=trust) as answer:
            assert answer.status == 200

    authority.issue("api", since=-85 * DAY, until=5 * DAY + DAY / 2)
    look()
    await until(lambda: "the certificate of the api port expires in 5d 1" in said())
    lines = [line for line in caplog.text.splitlines() if "keeps its old certificate" in line]
    assert lines


async def test_senders_are_who_their_certificate_says(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    sender = {
        "name": "alertmanager",
        "role": "sender",
        "client_allowed_sans": ["alertmanager.example.com", "10.0.0.9"],
    }
    app = await start(
        web__tls_server_config=tls_of(
            authority.issue("api"),
            client_auth_type="VerifyClientCertIfGiven",
            client_ca_file=str(authority.ca),
        ),
        web__credentials=[sender, OPS],
    )
    url = f"https://localhost:{app.service.api_port}"
    hook, body = f"{url}/v1/alerts/webhook", notification(alert())
    known = authority.client(authority.issue("known", ["alertmanager.example.com"]))
    by_address = authority.client(authority.issue("address", ["10.0.0.9"]))
    unknown = authority.client(authority.issue("unknown", ["elsewhere.example.com"]))
    nobody = authority.client()

    assert (await ask("POST", hook, known, body))[0] == 202
    assert (await ask("POST", hook, by_address, body))[0] == 202
    assert (await ask("POST", hook, unknown, body))[0] == 401
    assert (await ask("POST", hook, nobody, body))[0] == 401
    assert (await ask("POST", hook, nobody, body, headers=TOKEN))[0] == 202
    # A certificate has the role of its entry, and a token that is shown counts before it.
    assert (await ask("GET", f"{url}/v1/incidents", known))[0] == 403
    assert (await ask("GET", f"{url}/v1/incidents", known, headers=TOKEN))[0] == 200
    stranger = Authority(tmp_path / "stranger", "stranger").issue("s", ["alertmanager.example.com"])
    expired = authority.issue("expired", ["alertmanager.example.com"], since=-9 * DAY, until=-DAY)
    for files in (stranger, expired):
        with pytest.raises(REFUSED):
            await ask("POST", hook, authority.client(files), body)


async def test_where_everybody_shows_one_nobody_else_is_heard(
    start: Start, authority: Authority
) -> None:
    app = await start(
        web__tls_server_config=tls_of(
            authority.issue("api"),
            client_auth_type="RequireAndVerifyClientCert",
            client_ca_file=str(authority.ca),
            min_version="TLS13",
        ),
    )
    web, port = app.service.settings.web, app.service.api_port
    url = f"https://localhost:{port}"
    with pytest.raises(REFUSED):
        await ask("GET", f"{url}/-/healthy", authority.client())
    mine = authority.client(authority.issue("mine", ["me.example.com"]))
    assert (await ask("GET", f"{url}/-/healthy", mine))[0] == 200
    old = authority.client(authority.issue("mine", ["me.example.com"]))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(REFUSED):
        await ask("GET", f"{url}/-/healthy", old)
    # We look at ourselves all the same, and that is no failed handshake.
    _, before = await ask("GET", f"{url}/metrics", mine)
    assert await check_intake(intake_url(web, port), certified=True) == ""
    _, after = await ask("GET", f"{url}/metrics", mine)
    failed = re.compile(r'incident_manager_tls_handshakes_failed_total{port="api"} ([1-9]\d*)')
    assert failed.findall(before) == failed.findall(after) != []
    await app.service.ports.close()
    assert "onnect" in await check_intake(intake_url(web, port), certified=True)


async def test_our_own_look_at_the_intake_takes_any_certificate(
    start: Start, authority: Authority
) -> None:
    files = authority.issue("api", ["im.example.com"])
    app = await start(web__tls_server_config=tls_of(files))
    assert await check_intake(intake_url(app.service.settings.web, app.service.api_port)) == ""


async def test_a_handshake_that_never_ends_has_a_place_and_a_time(
    start: Start, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "HANDSHAKE_S", 0.5)
    app = await start(web__tls_server_config=tls_of(authority.issue("api")))
    port, trust = app.service.api_port, authority.client()
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    try:
        url = f"https://localhost:{port}/metrics"
        _, page = await ask("GET", url, trust)
        assert 'incident_manager_connections{port="api",state="in_use"} 21' in page
        loop = asyncio.get_running_loop()
        for one in silent:
            one.setblocking(False)
            assert await asyncio.wait_for(loop.sock_recv(one, 100), 5) == b""
        _, page = await ask("GET", url, trust)
        assert 'incident_manager_connections{port="api",state="in_use"} 1' in page
    finally:
        for one in silent:
            one.close()


async def test_commands_trust_an_authority_of_ones_own(start: Start, authority: Authority) -> None:
    app = await start(
        web__tls_server_config=tls_of(
            authority.issue("api"),
            client_auth_type="RequireAndVerifyClientCert",
            client_ca_file=str(authority.ca),
        ),
        web__metrics_tls_server_config=tls_of(authority.issue("metrics")),
    )
    url = f"https://localhost:{app.service.api_port}"
    mine = authority.issue("mine", ["me.example.com"])
    shows = ("--cert-file", str(mine.cert), "--key-file", str(mine.key))

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(CliRunner().invoke, main, list(words))

    found = await run("incidents", "list", "--url", url)
    assert found.exit_code == 1
    assert "certificate verify failed" in found.output
    found = await run("incidents", "list", "--url", url, "--ca-file", str(authority.ca))
    assert found.exit_code == 1
    found = await run("incidents", "list", "--url", url, "--ca-file", str(authority.ca), *shows)
    assert (found.exit_code, found.output) == (0, found.output)
    found = await run("health-check", "--url", url, "--ca-file", str(authority.ca), *shows)
    assert "certificate of the api" in found.output
    assert "expires in 90d" in found.output
    found = await run("incidents", "list", "--url", url, "--ca-file", str(mine.key))
    assert (found.exit_code, "holds no certificates" in found.output) == (1, True)
    found = await run("incidents", "list", "--url", url, *shows[2:])
    assert (found.exit_code, "--cert-file" in found.output) == (1, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key_file": "other.key"}, "web.tls_server_config.key_file: "),
        ({"cert_file": "absent.crt"}, "absent.crt cannot be read: No such file or directory"),
        ({"client_ca_file": "test-ca.pem"}, "client_ca_file without client_auth_type"),
        ({"client_auth_type": "RequireAndVerifyClientCert"}, "needs client_ca_file"),
        ({"client_auth_type": "RequireAnyClientCert"}, "VerifyClientCertIfGiven"),
        ({"min_version": "TLS11"}, "TLS12"),
    ],
)
async def test_what_cannot_be_shown_keeps_it_from_starting(
    start: Start, authority: Authority, change: dict[str, str], words: str
) -> None:
    files = authority.issue("api")
    authority.issue("other")
    folder = files.cert.parent
    given = tls_of(files) | {
        name: str(folder / value) if name.endswith("file") else value
        for name, value in change.items()
    }
    with pytest.raises(ConfigError, match=words.replace(".", r"\.")):
        await start(web__tls_server_config=given)


async def test_a_name_in_a_certificate_needs_certificates(start: Start) -> None:
    sender = {"name": "am", "role": "sender", "client_allowed_sans": ["am.example.com"]}
    with pytest.raises(ConfigError, match="no client certificate is asked for"):
        await start(web__credentials=[sender])
