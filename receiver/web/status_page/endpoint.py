"""The public status page: made anew when something changed, and handed out as it is.

A request reads nothing: one task keeps the page up to date, however many people look at it. While
Redis is away the last known page is handed out, and says since when it is not known better. Nobody
is asked who they are, nothing is set in their browser, and nothing is fetched from elsewhere.
"""

import asyncio
import contextlib
import gzip
import hashlib
import json
import logging
from typing import Any

import msgspec
from aiohttp import web

from receiver.aio.background import end
from receiver.clock import Clock
from receiver.errors import StoreUnavailableError
from receiver.http.asked.etag import is_known
from receiver.http.asked.spec import Spec
from receiver.http.routes import STATUS, Who, serves
from receiver.store.incidents import IncidentStore
from receiver.templates import read_asset, render
from receiver.web.status_page.config import StatusPageConfig
from receiver.web.status_page.shapes import StatusPage
from receiver.web.status_page.view import notices_of, page_of
from routing.incident import Incident
from routing.status_rule import IMPACT_WORDS

log = logging.getLogger("status_page")

EVERY_S = 5.0
"""The page is made anew so often at least; another replica's changes show no later."""
PAUSE_S = 1.0
"""And so often at most, however much changes."""
READ_WITHIN_S = 4.0
SHOWN = 200
MINUTE_MS = 60_000
ASSETS = {"style.css": "text/css", "script.js": "text/javascript"}
_COMMON = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Which server this is, in which version, is nobody's business.
    "Server": "status",
}
_CACHED = _COMMON | {
    "Cache-Control": f"public, max-age={EVERY_S:.0f}, stale-if-error=86400",
    "Vary": "Accept-Encoding",
}


class Document(msgspec.Struct, frozen=True):
    """One form of the page, ready to be sent."""

    body: bytes
    packed: bytes
    etag: str
    content_type: str


STATUS_JSON = Spec({200: StatusPage, 304: None}, problems=(404, 503), lenient=True)


class StatusPageEndpoint:
    """``/status``, ``/status.json`` and what they look like."""

    def __init__(self, store: IncidentStore, config: StatusPageConfig, clock: Clock) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._known: dict[str, tuple[bytes, Incident]] = {}
        self._page: dict[str, Any] = {}
        self._shown: dict[str, Any] = {}
        self._documents: dict[str, Document] = {}
        self._failing = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.rendered = 0
        """How often the page was made."""

    @property
    def enabled(self) -> bool:
        """True once components are configured."""
        return bool(self._config.components)

    async def start(self) -> None:
        """Make the page, and keep it up to date from now on."""
        if self.enabled and self._task is None:
            await self.refresh()
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Make it no more."""
        await end([self._task])

    def wake(self) -> None:
        """Something was committed here: do not wait for the next time."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(PAUSE_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), EVERY_S - PAUSE_S)
            self._wake.clear()
            try:
                await self.refresh()
            except Exception:
                log.exception("the status page could not be made")

    async def refresh(self) -> None:
        """Read what is published, and make the page anew if it is another one than before."""
        now = self._clock.now()
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                found = await self._read(now)
        except (StoreUnavailableError, TimeoutError) as error:
            if not self._failing:
                said = str(error) or "Redis does not answer in time"
                log.warning("the status page shows what was known last: %s", said)
            self._failing = True
        else:
            self._failing = False
            # By the minute: a page on which nothing happened stays the same, and so does its ETag.
            as_of = now // MINUTE_MS * MINUTE_MS
            self._page = dict(page_of(self._config, notices_of(found), as_of))
        shown = self._page | {"stale": self._failing}
        if self._page and shown != self._shown:
            self._documents = await asyncio.to_thread(_documents, shown)
            self._shown = shown
            self.rendered += 1

    async def _read(self, now: int) -> list[Incident]:
        """Return the published incidents; only those that changed are read as a whole."""
        versions = await self._store.published(now - self._config.history, SHOWN)
        changed = [
            name
            for name, version in versions.items()
            if self._known.get(name, (b"",))[0] != version
        ]
        incidents = await self._store.read(changed) if changed else {}
        for name, incident in incidents.items():
            light = msgspec.structs.replace(
                incident, alerts={}, suspected={}, pages={}, deadlines={}
            )
            known = self._known.get(name)
            if light.published is None and known is not None:
                # Nothing can be told of it now, and outsiders keep what they were told.
                light = known[1]
            self._known[name] = (versions[name], light)
        self._known = {name: kept for name, kept in self._known.items() if name in versions}
        return [incident for _, incident in self._known.values()]

    async def dress(self, _request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Give every answer of the page's own port what an answer of the page has."""
        for name, value in _COMMON.items():
            response.headers.setdefault(name, value)
        # aiohttp has put its own there already.
        response.headers["Server"] = _COMMON["Server"]

    @serves("GET", "/status", Who.OPEN)
    @serves("GET", "/status", Who.OPEN, port=STATUS)
    @serves("GET", "/", Who.OPEN, port=STATUS)
    async def page(self, request: web.Request) -> web.Response:
        """GET /status: the page."""
        return self._answer(request, "html")

    @serves("GET", "/status.json", Who.OPEN, spec=STATUS_JSON)
    @serves("GET", "/status.json", Who.OPEN, port=STATUS)
    async def data(self, request: web.Request) -> web.Response:
        """GET /status.json: the same for programs, of any site."""
        answer = self._answer(request, "json")
        answer.headers["Access-Control-Allow-Origin"] = "*"
        return answer

    @serves("GET", "/status/{name}", Who.OPEN)
    @serves("GET", "/status/{name}", Who.OPEN, port=STATUS)
    async def asset(self, request: web.Request) -> web.Response:
        """GET /status/{name}: the style sheet and the script."""
        name = request.match_info["name"]
        if name not in ASSETS or not self.enabled:
            raise web.HTTPNotFound(text=f"there is no {name}\n")
        headers = _COMMON | {"Cache-Control": "public, max-age=3600"}
        text = read_asset(name, "status")
        return web.Response(text=text, content_type=ASSETS[name], headers=headers)

    def _answer(self, request: web.Request, form: str) -> web.Response:
        if not self.enabled:
            raise web.HTTPNotFound(text="there is no status page\n", headers=_COMMON)
        document = self._documents.get(form)
        if document is None:
            text = "The status is not known yet: try again in a moment.\n"
            headers = _COMMON | {"Cache-Control": "no-store", "Retry-After": f"{EVERY_S:.0f}"}
            raise web.HTTPServiceUnavailable(text=text, headers=headers)
        headers = _CACHED | {"ETag": document.etag}
        if is_known(request, document.etag):
            return web.Response(status=304, headers=headers)
        body = document.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = document.packed
            headers["Content-Encoding"] = "gzip"
        return web.Response(
            body=body, content_type=document.content_type, charset="utf-8", headers=headers
        )


def _documents(shown: dict[str, Any]) -> dict[str, Document]:
    page = render("status/page.html.j2", page=shown, words=IMPACT_WORDS)
    data = json.dumps(shown, ensure_ascii=False, indent=2) + "\n"
    return {
        "html": _document(page, "text/html"),
        "json": _document(data, "application/json"),
    }


def _document(text: str, content_type: str) -> Document:
    body = text.encode()
    etag = f'W/"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
    return Document(body, gzip.compress(body, mtime=0), etag, content_type)
