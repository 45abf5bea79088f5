"""Connections that ask nothing end, and those of the public are so many and no more."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receiver import app as composition
from receiver import listening
from receiver.connections import Connections
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.slack import FakeSlack
from tests.scenarios.conftest import NO_ACCOUNTS, App

GET = b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def site(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[App]:
    def hasty(**more: float) -> Connections:
        return Connections(first_s=0.2, idle_s=0.6, most=int(more.get("most", 0)))

    for module in (composition, listening):
        monkeypatch.setattr(module, "Connections", hasty)
    monkeypatch.setattr(composition, "PUBLIC_CONNECTIONS", 5)
    running = App(tmp_path, *fakes)
    await running.start(
        **NO_ACCOUNTS,
        **{
            "status_page.components": [{"name": "Shop", "matchers": ['service="shop"']}],
            "status_page.listen_address": "127.0.0.1:0",
        },
    )
    yield running
    await running.stop()


async def until_closed(reader: asyncio.StreamReader) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while await asyncio.wait_for(reader.read(65_536), 5):
        pass
    return loop.time() - began


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /status HTTP/1.1\r\nHost: x\r\nA: b"])
async def test_who_never_finishes_a_request_is_let_go(site: App, sent: bytes) -> None:
    for port in (site.service.status_port, site.service.api_port, site.service.metrics_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await until_closed(reader) < 2
        writer.close()


async def test_who_asks_again_and_again_stays_and_who_stops_does_not(site: App) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.service.status_port)
    for _ in range(6):
        writer.write(GET)
        assert b" 200 " in await reader.readline()
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
        await asyncio.sleep(0.2)
    assert 0.2 < await until_closed(reader) < 2
    writer.close()


async def test_the_public_takes_no_more_connections_than_its_share(site: App) -> None:
    port = site.service.status_port
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GET)
    with contextlib.suppress(ConnectionError):
        assert await reader.read(100) == b""
    assert (await site.get("/-/ready"))[0] == 200
    for _, one in [*held, (reader, writer)]:
        one.close()
    await asyncio.sleep(0.1)
    async with site.session.get(f"http://127.0.0.1:{port}/status.json") as answer:
        assert answer.status == 200


async def test_the_public_port_says_nothing_of_its_server(site: App) -> None:
    url = f"http://127.0.0.1:{site.service.status_port}"
    for method, path, status in (
        ("GET", "/status", 200),
        ("GET", "/nothing", 404),
        ("GET", "/status/nothing", 404),
        ("POST", "/status", 405),
        ("GET", "/status/%2e%2e%2fstyle.css", 404),
    ):
        async with site.session.request(method, url + path) as answer:
            assert answer.status == status
            assert answer.headers["Server"] == "status"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_what_is_not_http_is_a_short_line_and_not_for_each(
    site: App, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
    lines = [one for one in caplog.records if one.name == "http.protocol"]
    assert 0 < len(lines) <= 20
    assert {one.levelno for one in lines} == {logging.WARNING}
    assert all(one.exc_info is None for one in lines)
    assert not [one for one in caplog.records if one.name == "aiohttp.server"]
