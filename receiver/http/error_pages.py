"""Errors as pages, for people with a browser; programs get the same status with text or JSON.

A page needs nothing else: it brings its style, so that it can be read while everything else fails.
What passes by itself is tried again by the page. What a button sent and nobody stored is kept on
the page, so that pressing once more sends it again.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from aiohttp import web
from markupsafe import Markup

from receiver.http.logins import FORM_TOKEN, LoginNeededError, within
from receiver.observability.correlation import correlation_id
from receiver.problem import CONTENT_TYPE, detail_of, problem
from receiver.templates import assets_version, read_asset, render, style_source

RETRY_S = 5
"""A page without a script asks again so often; the script begins sooner and becomes slower."""
KEPT_MAX = 20_000
"""Characters of a form that a page repeats; a form of ours has far fewer."""
TRY_AGAIN = "try again: "
"""What programs are told before the reason; the page says it in its own words."""
PROGRAMS = ("/v1/", "/api/openapi.json", "/-/", "/health", "/metrics", "/status.json")
"""Beginnings of paths that answer JSON or text, whoever asks."""
_TITLES = {
    400: "The request could not be read",
    401: "Sign in",
    403: "Refused",
    404: "Page not found",
    405: "Not allowed here",
    410: "No longer kept",
    408: "The request took too long",
    413: "The request is too large",
    429: "Too many requests",
    503: "Temporarily unavailable",
}
_WORDS = {
    401: "A user name and password are needed. Load the page again to be asked for them.",
    404: "There is nothing at this address. The link may have been cut off.",
    405: "This address only receives what a button sends; it cannot be opened.",
    500: "The request failed here. The service's log says why, under the id below.",
}
_BUTTON = re.compile(r"/incidents/([0-9]+-[0-9a-f]{16}-[0-9]+)/")
_UNWRITTEN = (FORM_TOKEN, "episode", "back", "list", "number")
"""Fields of forms that nobody fills in."""
_NOT_YET = (429, 503)
"""Statuses of what the same form may be sent for again, a little later."""
_NEVER = ("Content-Type", "Content-Length", "Content-Security-Policy")
"""Headers of the answer that a page has its own of."""


class ErrorPages:
    """Turns errors into pages where a person is asking."""

    def __init__(
        self, prefix: str = "", served_under: Iterable[str] = (), *, public: bool = False
    ) -> None:
        """``prefix``: the path before every link; ``served_under``: those before the routes.

        ``public``: all of it is the status page's.
        """
        self._prefix = prefix
        self._served_under = sorted(served_under, key=len, reverse=True)
        self._public = public

    def wants(self, request: web.Request) -> bool:
        """Return whether a page is asked for, at an address that has pages."""
        return "text/html" in request.headers.get("Accept", "") and not self._is_program(request)

    def _is_program(self, request: web.Request) -> bool:
        path = self._within(request.path)
        return path.startswith(PROGRAMS) or (path.startswith("/status/") and path.endswith(".json"))

    def _within(self, path: str) -> str:
        """Return a path as it would be without anything before the routes."""
        return within(path, self._served_under)

    async def answer(self, request: web.Request, error: web.Response) -> web.Response:
        """Return the answer to an error as whoever asks can read it; ``error`` as it was made."""
        if error.status < web.HTTPBadRequest.status_code or error.content_type == "text/html":
            return error
        if self.wants(request):
            return await self._page(request, error)
        if self._is_program(request) and error.content_type == "text/plain":
            text = (error.text or "").strip()
            if text == f"{error.status}: {error.reason}":
                # aiohttp's own words.
                text = f"{request.method} {request.path[:200]}: {error.reason}"
            return problem(error.status, text, _headers(error))
        return error

    async def _page(self, request: web.Request, error: web.Response) -> web.Response:
        path = self._within(request.path)
        public = self._public or path == "/status" or path.startswith("/status/")
        folder, status = "status" if public else "console", error.status
        passes = status == web.HTTPServiceUnavailable.status_code
        login = error.login if isinstance(error, LoginNeededError) else ""
        posted = request.method == "POST"
        said = _said(error) or ("" if login else _WORDS.get(status, ""))
        values: dict[str, Any] = {
            "prefix": self._prefix,
            "status": status,
            "title": _TITLES.get(status, "Something went wrong"),
            "words": said[:1].upper() + said[1:],
            "retry": RETRY_S if passes and request.method == "GET" else 0,
            "kept": await _kept(request) if posted and status in _NOT_YET else None,
            "login": login,
            "typed": await _typed(request) if login and posted else None,
            "again": (
                self._again(request)
                if status == web.HTTPUnauthorized.status_code and not login
                else ""
            ),
            "incident": _incident_of(path),
            "missing": path == "/status" and status == web.HTTPNotFound.status_code,
            "action": path.rpartition("/")[2].replace("-", " "),
            "id": correlation_id.get() if status == 500 else "",  # noqa: PLR2004
            "version": assets_version(),
            "account": "",
            "has_session": False,
            "style": Markup(read_asset("style.css", folder)),  # noqa: S704 - our own file
        }
        page = render(f"{folder}/error.html.j2", **values)
        headers = _headers(error) | {
            "Content-Security-Policy": _policy(folder),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        return web.Response(text=page, status=status, content_type="text/html", headers=headers)

    def _again(self, request: web.Request) -> str:
        """Return the link to what was asked for, as a browser has to ask for it."""
        asked = str(request.rel_url)
        return self._prefix + self._within(asked)


PAGES = web.AppKey("PAGES", ErrorPages)
"""Where an application holds them, for those who answer before it does."""


def _headers(error: web.Response) -> dict[str, str]:
    return {name: value for name, value in error.headers.items() if name not in _NEVER}


def _said(error: web.Response) -> str:
    """Return the words of an error, "" where it has none of ours."""
    text = (error.text or "").strip()
    if error.content_type == CONTENT_TYPE:
        # An internal error has no words for people, and 401 some for programs.
        spoken = error.status not in (500, web.HTTPUnauthorized.status_code)
        return (detail_of(text) or "").removeprefix(TRY_AGAIN) if spoken else ""
    return "" if text == f"{error.status}: {error.reason}" else text


async def _kept(request: web.Request) -> dict[str, str] | None:
    """Return the fields of the form that was sent, None for what is no form of ours."""
    if (request.content_length or KEPT_MAX) > 2 * KEPT_MAX:
        return None
    try:
        form = await request.post()
    except (ValueError, web.HTTPException):
        return None
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    size = sum(len(name) + len(value) for name, value in fields.items())
    return fields if size <= KEPT_MAX and len(fields) == len(form) else None


async def _typed(request: web.Request) -> list[tuple[str, str]]:
    """Return what somebody wrote into the form that was sent."""
    fields = await _kept(request) or {}
    return [(name, text) for name, text in fields.items() if text and name not in _UNWRITTEN]


def _incident_of(path: str) -> str:
    """Return the incident that the address of a button is about, "" for none."""
    found = _BUTTON.match(path)
    return found[1] if found else ""


@cache
def _policy(folder: str) -> str:
    return (
        f"default-src 'none'; style-src {style_source(folder)}; script-src 'self';"
        " connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )
