"""One client for all that is asked over HTTP: bounds, redirects, cookies, proxies, who asks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientError, web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from receiver.http_client import (
    HttpClient,
    TooLongError,
    authorization,
    is_web_page,
)
from receiver.proxies import proxy_problems, proxy_secrets

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start a server on loopback whose every path does the same; return its address."""
    running: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        running.append(server)
        return str(server.make_url(""))

    yield start
    for server in running:
        await server.close()


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(timeout=5)
    yield made
    await made.close()


def text(words: str, status: int = 200, **headers: str) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        return web.Response(text=words, status=status, headers=headers)

    return handle


@pytest.mark.parametrize("status", [200, 202, 204, 400, 404, 429, 500, 503])
async def test_an_answer_is_a_value_whatever_its_status(
    serve: Serve, client: HttpClient, status: int
) -> None:
    url = await serve(text("" if status == 204 else "words", status, Retry_After="7"))
    answer = await client.ask("GET", url, most=100)
    assert answer.status == status
    assert answer.body == (b"" if status == 204 else b"words")
    assert answer.headers["retry_after"] == "7"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(serve: Serve, client: HttpClient, status: int) -> None:
    other = await serve(text("elsewhere"))
    url = await serve(text("gone", status, Location=other))
    answer = await client.ask("POST", url, most=100, headers={"Authorization": "Bearer x"})
    assert (answer.status, answer.body) == (status, b"gone")


@pytest.mark.parametrize(("length", "most"), [(100, 100), (0, 1), (5_000_000, 5_000_000)])
async def test_an_answer_up_to_its_bound_is_read_whole(
    serve: Serve, client: HttpClient, length: int, most: int
) -> None:
    url = await serve(text("x" * length))
    assert len((await client.ask("GET", url, most=most)).body) == length


@pytest.mark.parametrize("length", [101, 5_000_000])
async def test_a_longer_one_is_refused_or_cut(
    serve: Serve, client: HttpClient, length: int
) -> None:
    url = await serve(text("x" * length))
    with pytest.raises(TooLongError, match="an answer of more than 100 bytes"):
        await client.ask("GET", url, most=100)
    answer = await client.ask("GET", url, most=100, cut=True)
    assert 0 < len(answer.body) <= 100


async def test_one_that_never_ends_is_cut_off(serve: Serve, client: HttpClient) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1_000)
                await asyncio.sleep(0)
        except (ConnectionError, asyncio.CancelledError):
            return response

    with pytest.raises(TooLongError):
        await client.ask("GET", await serve(drip), most=50_000)


async def test_an_answer_that_does_not_come_is_a_time_out(serve: Serve) -> None:
    hang = asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        await hang.wait()
        return web.Response()

    client = HttpClient(timeout=0.05)
    with pytest.raises(TimeoutError):
        await client.ask("GET", await serve(wait), most=10)
    hang.set()
    await client.close()


async def test_no_cookie_is_kept(serve: Serve, client: HttpClient) -> None:
    sent: list[str] = []

    async def bake(request: web.Request) -> web.Response:
        sent.append(request.headers.get("Cookie", ""))
        return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

    url = await serve(bake)
    for _ in range(2):
        await client.ask("GET", url, most=10)
    assert sent == ["", ""]


async def test_what_is_sent_is_what_was_given(serve: Serve, client: HttpClient) -> None:
    seen: list[Any] = []

    async def keep(request: web.Request) -> web.Response:
        body = await request.text()
        seen.append((request.method, request.path_qs, request.headers["X-A"], body))
        return web.Response()

    url = await serve(keep)
    await client.ask(
        "PUT", f"{url}/p", most=1, headers={"X-A": "b"}, params={"q": "1"}, data=b"body"
    )
    assert seen == [("PUT", "/p?q=1", "b", "body")]


async def test_nobody_who_listens_is_an_error_of_the_client(client: HttpClient) -> None:
    with pytest.raises((ClientError, OSError)):
        await client.ask("GET", "http://127.0.0.1:9", most=10)


async def test_closed_it_can_be_closed_again() -> None:
    client = HttpClient(timeout=None)
    await client.close()
    await client.close()


@pytest.mark.parametrize(
    ("token", "username", "password", "header"),
    [
        (None, None, None, {}),
        (SecretStr("t"), None, None, {"Authorization": "Bearer t"}),
        (None, "ann", SecretStr("p"), {"Authorization": "Basic YW5uOnA="}),
        (None, "ann", SecretStr("pä:ß"), {"Authorization": "Basic YW5uOnDDpDrDnw=="}),
        (SecretStr("t"), "ann", SecretStr("p"), {"Authorization": "Bearer t"}),
        (None, "ann", None, {}),
    ],
)
def test_as_whom_it_asks(
    token: SecretStr | None,
    username: str | None,
    password: SecretStr | None,
    header: dict[str, str],
) -> None:
    assert authorization(token, username, password) == header


@pytest.mark.parametrize(
    ("beginning", "page"),
    [
        (b"<!DOCTYPE html><html>", True),
        (b"\xef\xbb\xbf \r\n\t<HTML lang=en>", True),
        (b"<!doctype HTML PUBLIC", True),
        (b"ok", False),
        (b"", False),
        (b'{"html": "<html>"}', False),
        (b"<?xml version='1.0'?><html>", False),
        (b"<htm", False),
        (b" " * 500 + b"<html>", True),
    ],
)
def test_a_page_for_people_is_known_by_its_beginning(beginning: bytes, *, page: bool) -> None:
    assert is_web_page(beginning) is page


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("", False),
        ("p:3128", False),
        ("http://p:3128", False),
        ("https://ann:pw@p:3128", False),
        ("socks5://p:1080", True),
        ("ftp://p", True),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(given: str, *, wrong: bool) -> None:
    found = dict(proxy_problems({"HTTPS_PROXY": given}))
    assert set(found) == ({"HTTPS_PROXY"} if wrong else set())


def test_passwords_of_proxies_are_secrets_as_written_and_as_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://ann:p%40ss@p:3128")
    assert {"p%40ss", "p@ss"} <= set(proxy_secrets())
