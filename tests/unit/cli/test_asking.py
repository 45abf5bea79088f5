"""How commands ask the service: what is sent, and what comes of every kind of answer."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import click
import pytest

from receiver.cli import asking
from receiver.cli.asking import ERRORS, ask, without_secrets
from receiver.cli.client import call, call_text


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers everything alike, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status, self.body = 200, b'{"ok": true}'
        self.headers: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                found = Asked(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                outer.asked.append(found)
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        for method in ("GET", "POST", "DELETE"):
            setattr(Handler, f"do_{method}", Handler._any)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_what_is_asked_is_sent_as_it_is_meant(server: Server) -> None:
    answer = ask(
        "POST",
        f"{server.url}/v1/incidents",
        "a-token",
        params={"label": ["a=b", "c=ü"], "limit": 3},
        body={"by": "änn"},
    )
    assert answer == (200, b'{"ok": true}')
    (found,) = server.asked
    assert found.method == "POST"
    assert found.path == "/v1/incidents?label=a%3Db&label=c%3D%C3%BC&limit=3"
    assert found.headers["Authorization"] == "Bearer a-token"
    assert found.headers["User-Agent"].startswith("incident-manager")
    assert found.headers["Content-Type"] == "application/json"
    assert json.loads(found.body) == {"by": "änn"}


def test_a_request_without_a_body_has_none(server: Server) -> None:
    ask("GET", server.url)
    (found,) = server.asked
    assert (found.path, found.body) == ("/", b"")
    assert "Authorization" not in found.headers


@pytest.mark.parametrize(
    ("given", "token", "sent"),
    [
        ("ann:se%2Fcret@", "", "Basic " + base64.b64encode(b"ann:se/cret").decode()),
        ("ann@", "", "Basic " + base64.b64encode(b"ann:").decode()),
        ("ann:secret@", "a-token", "Bearer a-token"),
    ],
)
def test_a_name_in_the_url_is_a_credential(
    server: Server, given: str, token: str, sent: str
) -> None:
    ask("GET", server.url.replace("//", f"//{given}"), token)
    (found,) = server.asked
    assert found.headers["Authorization"] == sent
    assert "ann" not in found.headers["Host"]


@pytest.mark.parametrize("status", [201, 202, 400, 401, 403, 404, 409, 500, 503])
def test_every_status_is_an_answer(server: Server, status: int) -> None:
    server.status, server.body = status, b"words"
    assert ask("GET", server.url) == (status, b"words")


def test_what_is_no_web_server_is_an_error_in_words(server: Server) -> None:
    for url in ("", "127.0.0.1:8080", "ftp://127.0.0.1/", "http://", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="no URL of a web server"):
            ask("GET", url)
    assert not server.asked


@pytest.mark.parametrize(
    "said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9"]
)
def test_whoever_speaks_no_http_gives_no_answer(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            other, _ = listening.accept()
            with other:
                other.recv(65_536)
                other.sendall(said)

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        with pytest.raises(ERRORS):
            ask("GET", f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()


def test_nobody_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(ERRORS):
        ask("GET", f"http://127.0.0.1:{listening.getsockname()[1]}")


def test_other_machines_are_asked_through_the_proxy_and_this_one_is_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)
    ask("GET", "http://im.example.invalid/v1/incidents")
    (found,) = server.asked
    assert found.path == "http://im.example.invalid/v1/incidents"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    ask("GET", server.url)
    monkeypatch.setenv("NO_PROXY", "im.example.invalid")
    with pytest.raises(ERRORS):
        ask("GET", "http://im.example.invalid/")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b'{"detail": "is missing", "place": "title"}', "400: title: is missing"),
        (503, b"try\x1b[31m again", "503: try"),
        (403, b'["odd"]', "403: ['odd']"),
        (502, b"\xff", "502: "),
    ],
)
def test_an_error_is_said_in_its_own_words(
    server: Server, status: int, body: bytes, words: str
) -> None:
    server.status, server.body = status, body
    with pytest.raises(click.ClickException) as said:
        call("GET", server.url, "", "/x")
    assert words in said.value.message
    assert "\x1b" not in said.value.message
    with pytest.raises(click.ClickException):
        call_text(server.url, "", "/x", {})


def test_a_conflict_is_a_result(server: Server) -> None:
    server.status, server.body = 409, b'{"result": "stale"}'
    assert call("POST", server.url, "", "/x", json={}) == {"result": "stale"}


def test_nobody_there_is_said_without_the_password() -> None:
    with pytest.raises(click.ClickException) as said:
        call("GET", "http://ann:secret@127.0.0.1:1", "", "/x")
    assert "no answer from http://127.0.0.1:1: is it running?" in said.value.message
    assert "secret" not in said.value.message


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a:b@im.example/x?token=y", "http://im.example/x"),
        ("http://[::1", "the given URL"),
        ("http://im.example:8080", "http://im.example:8080"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
