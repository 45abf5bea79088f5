"""How a command asks the running service: one request, with the standard library.

The libraries that the service calls others with take half a second to import, which is what whoever
types a command at night would wait for.
"""

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from receiver.cli.tls import tls_context
from receiver.proxies import proxy_of

TIMEOUT_S = 10.0
AGENT = "incident-manager-cli"
ERRORS = (OSError, ValueError, http.client.HTTPException)
"""What a request raises that gets no answer; ValueError for a URL that is none."""


class Answer(NamedTuple):
    """An answer of any status."""

    status: int
    body: bytes


def ask(
    method: str,
    url: str,
    token: str = "",
    *,
    params: Mapping[str, Any] | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Return the answer; ``ERRORS`` when there is none.

    A user name and a password in the URL are sent as basic credentials, unless there is a token.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url} is no URL of a web server (http://HOST:PORT)")
    query = urlencode(params or {}, doseq=True)
    place = urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path or "/", query or parts.query, "")
    )
    sent = {"User-Agent": AGENT, **_credentials(parts.username, parts.password, token)}
    data = None
    if body is not None:
        data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
    request = Request(place, data, sent | dict(headers or {}), method=method)  # noqa: S310 - checked above
    proxy = proxy_of(place)
    through = ProxyHandler({parts.scheme: proxy} if proxy else {})
    opener = build_opener(through, HTTPSHandler(context=tls_context()))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return Answer(answer.status, answer.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read())


def without_secrets(url: str) -> str:
    """Return a URL without a user's name and password, and without its query."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the given URL"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _credentials(user: str | None, password: str | None, token: str) -> dict[str, str]:
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user is None:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
