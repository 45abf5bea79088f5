"""Connections that ask nothing end or make room, and no body is read that need not be."""

import asyncio
import contextlib
import gc
import gzip
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import StreamReader, web

from receiver.app import load
from receiver.http.admission import MOST, RequestLane
from receiver.http.connections import Bounds, Connections
from receiver.http.descriptors import Descriptors
from receiver.http.ports import Listening, bind
from receiver.http.tls.certificates import Certificate
from receiver.http.tls.config import TlsServerConfig
from receiver.http.tls.handshake import Tls
from tests.support.app import NO_ACCOUNTS, App
from tests.support.certificates import Authority
from tests.support.fakes.pagerduty import FakePagerDuty
from tests.support.fakes.slack import FakeSlack
from tests.support.notification import alert, notification
from tests.support.patience import PATIENCE_S
from tests.support.waiting import until

GET = b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Hasty(Descriptors):
    """Ports with short times and little room."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        for port, most in (("api", 20), ("metrics", 5), ("status", 5)):
            self._bounds[port] = Bounds(first_s=1.0, idle_s=2.0, body_s=1.0, most=most)


@pytest.fixture
async def site(
    tmp_path: Path, fakes: tuple[FakeSlack, FakePagerDuty], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[App]:
    monkeypatch.setattr(load, "Descriptors", Hasty)
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


def _in_use(site: App) -> int:
    """Look once more at who is connected; return how many are on the status page's port."""
    site.service.load.look()
    return site.service.load._descriptors.shown()["status"][0]


async def until_closed(reader: asyncio.StreamReader) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while await asyncio.wait_for(reader.read(65_536), PATIENCE_S):
        pass
    return loop.time() - began


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /status HTTP/1.1\r\nHost: x\r\nA: b"])
async def test_who_never_finishes_a_request_is_let_go(site: App, sent: bytes) -> None:
    for port in (site.service.status_port, site.service.api_port, site.service.metrics_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await until_closed(reader) < 30
        writer.close()


async def test_who_asks_again_and_again_stays_and_who_stops_does_not(site: App) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.service.status_port)
        lasted, pauses = 0.0, [0.0]
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while lasted < 3.0:
                began = loop.time()
                writer.write(GET)
                assert b" 200 " in await reader.readuntil(b"\r\n")
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
                await asyncio.sleep(0.2)
                pauses.append(loop.time() - began)
                lasted += pauses[-1]
        if lasted >= 3.0 or max(pauses) < 1.0:
            break
        writer.close()  # the machine stood still for longer than a connection may
    assert lasted >= 3.0
    assert 0.5 < await until_closed(reader) < 30
    writer.close()


async def status_of(reader: asyncio.StreamReader) -> int:
    line = await asyncio.wait_for(reader.readline(), PATIENCE_S)
    return int(line.split()[1]) if line else 0


@pytest.mark.parametrize("port", ["status_port", "metrics_port", "api_port"])
async def test_silence_holds_no_port_shut(site: App, port: str) -> None:
    number = getattr(site.service, port)
    held = [await asyncio.open_connection("127.0.0.1", number) for _ in range(30)]
    for _ in range(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await status_of(reader) in (200, 404)
        held.append((reader, writer))
    assert (await site.get("/-/ready"))[0] == 200
    for _, one in held:
        one.close()


async def test_connections_are_counted_and_said_when_they_run_out(site: App) -> None:
    port = site.service.status_port
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    await until(lambda: _in_use(site) == 5)
    _, page = await site.get("/metrics")
    assert 'incident_manager_connections{port="status",state="in_use"} 5.0' in str(page)
    assert 'incident_manager_connections{port="status",state="max"} 5.0' in str(page)
    _, health = await site.get("/health")
    (problem,) = [row for row in health["problems"] if row["subject"] == "connections"]
    assert problem["problem"] == "5 of 5 connections of the status port are in use"
    for _, one in held:
        one.close()
    await until(lambda: _in_use(site) == 0)
    assert not (await site.get("/health"))[1]["problems"]


class Asking:
    """A connection as far as its port looks at it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.request: object | None = None
        self.asked = False
        self.closed = False

    def force_close(self) -> None:
        self.closed = True


async def test_who_is_being_answered_is_not_sent_away() -> None:
    refused: list[int] = []
    door: Any = Connections(Bounds(most=3, each=2), lambda: refused.append(1))
    one, two, three = Asking("a"), Asking("a"), Asking("b")
    assert door.enter(one)
    assert door.enter(two)
    door.heard(one, object())
    four = Asking("a")
    assert door.enter(four)  # the share of this address: its own idle one makes room
    assert (one.closed, two.closed) == (False, True)
    assert door.enter(three)
    door.heard(four, object())
    door.heard(three, object())
    assert not door.enter(Asking("c"))
    assert len(refused) == 1
    door.leave(three)
    assert door.enter(Asking("c"))
    assert len(door) == 3


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("secure", [False, True])
def test_who_finds_no_room_is_closed_at_once_on_every_loop(
    tmp_path: Path, loop: Callable[[], asyncio.AbstractEventLoop], secure: bool
) -> None:
    """A connection that is counted nowhere, and yet open, would hold a descriptor for ever."""

    async def run() -> None:
        busy = asyncio.Event()

        async def handle(_request: web.Request) -> web.Response:
            await busy.wait()
            return web.Response(text="ok")

        application = web.Application()
        application.router.add_get("/", handle)
        door, listening = Connections(Bounds(most=2)), Listening()
        authority, tls, trust = Authority(tmp_path), None, None
        if secure:
            files = authority.issue("api")
            config = TlsServerConfig(cert_file=str(files.cert), key_file=str(files.key))
            tls = Tls(Certificate("api", config, lambda: 0), lambda: None)
            trust = authority.client()
        port = await listening.open(application, bind("127.0.0.1:0"), door, tls)
        taken = []
        for number in range(1, 3):
            taken.append(await asyncio.open_connection("localhost", port, ssl=trust))
            taken[-1][1].write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda n=number: sum(one.request is not None for one in door._open) == n)
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("localhost", port)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
        assert len(door) == 2
        busy.set()
        for reader, writer in taken:
            assert await status_of(reader) == 200
            writer.close()
        await listening.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())


BOMB = gzip.compress(b"\0" * 200_000_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP, gzip", "nonsense"])
async def test_no_compressed_body_is_taken(site: App, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    before = time.process_time()
    for path in ("/v1/alerts/webhook", "/v1/slack/actions", "/nothing", "/v1/incidents"):
        url = site.url + path
        async with site.session.post(url, data=BOMB, headers=headers) as answer:
            assert answer.status == 415
            assert repr(encoding.lower()) in (await answer.json())["detail"]
    url = f"http://127.0.0.1:{site.service.metrics_port}/metrics"
    async with site.session.get(url, data=BOMB, headers=headers) as answer:
        assert answer.status == 415
    # To inflate one of them takes some 0.3 s.
    assert time.process_time() - before < 1


async def test_a_body_that_is_not_compressed_may_say_so(site: App) -> None:
    async with site.session.post(
        site.url + "/v1/alerts/webhook",
        json=notification(alert()),
        headers={"Content-Encoding": "identity"},
    ) as answer:
        assert answer.status == 202


async def test_the_body_of_a_refused_request_is_not_read(site: App) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
    writer.write(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n")
    sent = 0

    async def send() -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536

    sending = asyncio.create_task(send())
    assert await status_of(reader) == 404
    assert b"connection: close" in (await reader.readuntil(b"\r\n\r\n")).lower()
    await asyncio.wait_for(sending, PATIENCE_S)  # the connection was closed
    assert sent < 20_000_000  # what fits into the buffers of the system
    writer.close()


async def test_what_was_sent_of_it_is_not_kept(site: App) -> None:
    """Thousands of strangers may be refused within the moment that a connection lingers."""
    _, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
    writer.write(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n")
    writer.write(b"x" * 65_536)
    kept = -1
    while kept:
        await asyncio.sleep(0.01)
        (door,) = (one for one in gc.get_objects() if type(one) is Connections and len(one))
        (connection,) = door._open
        assert connection.transport is not None, "it is closed before it gave anything back"
        kept = sum(one._size for one in gc.get_objects() if type(one) is StreamReader)
    writer.close()


@pytest.mark.parametrize("path", ["/nothing", "/v1/slack/actions", "/v1/incidents/1-a-1/note"])
async def test_a_refusal_leaves_no_cycles(site: App, path: str) -> None:
    """Python's collector would have to find them, and holds the event loop meanwhile."""
    gc.collect()
    gc.disable()
    try:
        ports = (site.service.api_port, site.service.metrics_port, site.service.status_port)
        for port in ports * 5:
            async with site.session.post(f"http://127.0.0.1:{port}{path}", data=b"{}") as answer:
                assert 400 <= answer.status < 500
        # Each connection still has its last one at hand.
        # Of other paths some may be left by tests before this one.
        requests = [one for one in gc.get_objects() if isinstance(one, web.Request)]
        kept = [one for one in requests if one.path == path]
        assert len(kept) <= len(ports)
    finally:
        gc.enable()


async def test_a_body_that_drips_in_is_not_waited_for(site: App) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
    writer.write(
        b"POST /v1/alerts/webhook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof() and loop.time() - began < 60:
            writer.write(b" ")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(10), 0.05)
    assert loop.time() - began < 30
    writer.close()


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


WEBHOOK = (
    b"POST /v1/alerts/webhook HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


WARNING = {"severity": "warning"}


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    return int(head.split()[1]), head, await reader.readexactly(length)


@pytest.mark.parametrize("cuts", [(), (150,), (150, 160), (40,)])
async def test_without_room_an_alert_is_refused_and_what_people_do_is_not(
    site: App, monkeypatch: pytest.MonkeyPatch, cuts: tuple[int, ...]
) -> None:
    admission = site.service.load.admission
    monkeypatch.setattr(admission, "wait", lambda: 5.0)
    body = json.dumps(notification(alert(labels=WARNING))).encode()
    request = WEBHOOK % (len(body), body)
    head_cut = bool(cuts) and cuts[0] < request.index(b"\r\n\r\n")
    for number in range(3):
        if head_cut or not number:  # one whose head came in pieces is read by aiohttp, and closed
            reader, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
        for first, last in zip((0, *cuts), (*cuts, None), strict=True):
            writer.write(request[first:last])
            await writer.drain()
            await asyncio.sleep(0.02)
        status, head, said = await answer_of(reader)
        assert status == 503
        assert b"retry-after: " in head.lower()
        assert b"more is sent than can be answered" in said
        if head_cut:
            writer.close()
    assert (await site.get("/v1/incidents"))[1]["incidents"] == []
    opened = await site.post({"title": "by hand"}, "/v1/incidents")
    assert opened[0] == 201
    site.service.load.look()
    problems = (await site.get("/health"))[1]["problems"]
    assert [row["subject"] for row in problems] == ["overload"]
    _, page = await site.get("/metrics")
    assert 'incident_manager_requests_refused_total{lane="intake"} 3.0' in str(page)
    assert 'incident_manager_requests_refused_total{lane="people"} 0.0' in str(page)
    monkeypatch.undo()
    if head_cut:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
    writer.write(request)
    assert (await answer_of(reader))[0] == 202
    writer.close()
    assert set(admission.inside().values()) == {0}


async def test_without_room_what_looks_urgent_is_taken_and_paged(
    site: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = site.service.load.admission
    monkeypatch.setattr(admission, "wait", lambda: 5.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
    for severity, expected in (("warning", 503), ("critical", 202), ("info", 503)):
        body = json.dumps(notification(alert(labels={"severity": severity}), group=severity))
        writer.write(WEBHOOK % (len(body), body.encode()))
        assert (await answer_of(reader))[0] == expected
    writer.close()
    (incident,) = (await site.get("/v1/incidents"))[1]["incidents"]
    assert incident["priority"] == "P1"
    assert set(admission.inside().values()) == {0}


async def test_of_many_at_once_no_more_are_taken_than_there_are_places(
    site: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled = 0
    handle = site.service.dispatcher.submit

    def counted(*args: Any, **more: Any) -> Any:
        nonlocal handled
        handled += 1
        return handle(*args, **more)

    monkeypatch.setitem(MOST, RequestLane.INTAKE, 4)
    monkeypatch.setattr(site.service.dispatcher, "submit", counted)
    open_ = [await asyncio.open_connection("127.0.0.1", site.service.api_port) for _ in range(15)]
    for number, (_, writer) in enumerate(open_):
        body = json.dumps(notification(alert(labels=WARNING), group=f"g{number}")).encode()
        writer.write(WEBHOOK % (len(body), body))
    found = [(await answer_of(reader))[0] for reader, _ in open_]
    assert found.count(202) == handled == 4
    assert found.count(503) == 11
    assert set(site.service.load.admission.inside().values()) == {0}
    for _, writer in open_:
        writer.close()


async def test_what_is_sent_before_the_answer_is_answered_in_order(
    site: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = site.service.load.admission
    groups = [notification(alert(labels=WARNING), group=f"g{number}") for number in range(3)]
    bodies = [json.dumps(group).encode() for group in groups]
    requests = [WEBHOOK % (len(body), body) for body in bodies]
    reader, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
    for request in requests[:2]:
        writer.write(request)
        await asyncio.sleep(0)
    assert (await answer_of(reader))[0] == 202
    monkeypatch.setattr(admission, "wait", lambda: 5.0)
    assert (await answer_of(reader))[0] in (202, 503)
    writer.write(requests[2])
    assert (await answer_of(reader))[0] == 503
    writer.close()
    await until(lambda: set(admission.inside().values()) == {0})


@pytest.mark.parametrize("sent", [1.0, 0.9, 0.5])
async def test_who_leaves_gives_the_place_back(
    site: App, caplog: pytest.LogCaptureFixture, sent: float
) -> None:
    admission = site.service.load.admission
    body = json.dumps(notification(alert())).encode()
    request = WEBHOOK % (len(body), body)
    for _ in range(30):
        _, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
        writer.write(request[: int(len(request) * sent)])
        await writer.drain()
        writer.transport.abort()
    await until(lambda: set(admission.inside().values()) == {0})
    for _ in range(30):
        _, writer = await asyncio.open_connection("127.0.0.1", site.service.api_port)
        writer.write(request.replace(b"Host: localhost", b"Bad header"))
        await writer.drain()
        writer.close()
    assert (await site.post(notification(alert())))[0] == 202
    await until(lambda: set(admission.inside().values()) == {0})
    assert not [one for one in caplog.records if one.exc_info]
