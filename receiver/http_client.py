"""How another service is asked over HTTP: as whom, how much of it is read, see also ``proxies``."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import requests
from aiohttp import (
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from yarl import URL

from receiver.proxies import proxy_of


class HttpAnswer(NamedTuple):
    """``body`` as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TooLongError(Exception):
    """An answer is longer than may be read; the text says so."""


class HttpClient:
    """How services are asked: no redirect is followed, no cookie kept, no answer read for ever.

    Credentials go where they belong or nowhere: a redirect is an answer like any other.
    """

    def __init__(self, *, timeout: float | None, connections: int = 100) -> None:
        """``timeout``: seconds for the whole of a request, None where the caller sees to it."""
        self._timeout = timeout
        self._connections = connections
        self._session: ClientSession | None = None

    async def ask(
        self, method: str, url: str | URL, *, most: int, cut: bool = False, **more: Any
    ) -> HttpAnswer:
        """Return an answer of at most ``most`` bytes; ``more`` is aiohttp's.

        TooLongError for a longer one, of which ``cut`` leaves the rest unread instead; else what
        aiohttp raises.
        """
        more.setdefault("proxy", proxy_of(str(url)))
        session = self._connected()
        async with session.request(method, url, allow_redirects=False, **more) as answer:
            if cut:
                body: bytes | None = await answer.content.read(most)
            else:
                body = await read_at_most(answer, most)
            if body is None:
                raise TooLongError(f"an answer of more than {most} bytes")
            return HttpAnswer(answer.status, answer.headers, body)

    def _connected(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(limit=self._connections),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=self._timeout),
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def follow_proxies(session: requests.Session) -> None:
    """Make a session of requests follow the rule of all calls."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())


class _Adapter(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> Any:
        proxy = proxy_of(request.url or "")
        more["proxies"] = {"http": proxy, "https": proxy} if proxy else {}
        return super().send(request, *args, **more)


A_PAGE = "answers {} with a web page, as a login or an error page has it: look at its url"


def is_web_page(beginning: bytes) -> bool:
    """Return whether an answer to a program is a page for people, by its first bytes.

    Not by its type: many a service says ``ok`` as text/html.
    """
    text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower()
    return text.startswith((b"<!doctype html", b"<html"))


def authorization(
    token: SecretStr | None, username: str | None, password: SecretStr | None
) -> dict[str, str]:
    """Return the header for a bearer token, or for a user name and password, or none at all."""
    if token is not None:
        return {"Authorization": f"Bearer {token.get_secret_value()}"}
    if password is not None:
        pair = f"{username}:{password.get_secret_value()}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


async def read_at_most(answer: ClientResponse, most: int) -> bytes | None:
    """Return the body of an answer, None when it is longer than ``most`` bytes."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > most:
            return None
    return bytes(body)
