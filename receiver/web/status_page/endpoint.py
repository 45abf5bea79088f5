"""The public status page: made anew when something changed, and handed out as it is.

A request reads nothing: one task keeps the page up to date, however many people look at it. While
Redis is away the last known page is handed out, and says since when it is not known better. Nobody
is asked who they are, nothing is set in their browser, and nothing is fetched from elsewhere.
"""

import asyncio
import contextlib
import hashlib
import logging
from typing import Any

import msgspec
from aiohttp import web

from receiver.aio.background import end
from receiver.clock import Clock
from receiver.errors import StoreUnavailableError
from receiver.http.asked.spec import Spec
from receiver.http.routes import STATUS, Who, serves
from receiver.store.incidents import IncidentStore
from receiver.store.status.maintenance import MaintenanceStore
from receiver.store.status.state import StatusState, StatusStore
from receiver.templates import read_asset
from receiver.text.times import day_of
from receiver.web.status_page.config import StatusPageConfig
from receiver.web.status_page.documents import (
    COMMON,
    EVERY_S,
    Document,
    answer,
    page_documents,
    unknown_yet,
)
from receiver.web.status_page.feed import Site
from receiver.web.status_page.planned import shown_maintenance
from receiver.web.status_page.public_ids import PublicIds
from receiver.web.status_page.shapes import PublicMaintenance, StatusPage
from receiver.web.status_page.uptime import DAY_MS, DAYS, Known, uptime_of
from receiver.web.status_page.view import (
    FOR_EVER,
    Naming,
    Notice,
    notices_apart,
    notices_of,
    page_of,
)
from routing.incident import Incident

log = logging.getLogger("status_page")

PAUSE_S = 1.0
"""So often the page is made anew at most, however much changes."""
READ_WITHIN_S = 4.0
SHOWN, READ = 200, 1_000
"""Incidents on the page, and those that the days before are made of."""
MINUTE_MS = 60_000
ASSETS = {"style.css": "text/css", "script.js": "text/javascript"}
STATUS_JSON = Spec({200: StatusPage, 304: None}, problems=(404, 503), lenient=True)


class StatusPageEndpoint:
    """``/status``, ``/status.json`` and what they look like."""

    def __init__(
        self,
        store: IncidentStore,
        config: StatusPageConfig,
        clock: Clock,
        base: str = "",
        retention: int = 0,
    ) -> None:
        """``base``: the page's address without its path, "" where nobody said it.

        ``retention`` (ms): how long incidents are kept after their end, 0: for ever.
        """
        self.config = config
        self._base = base
        self._retention = retention
        self._state = StatusStore(store.redis, store.mending)
        self.maintenance = MaintenanceStore(store.redis, store.mending)
        self._known_of: StatusState | None = None
        self._day = ""
        self._site = Site()
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[bytes, Incident]] = {}
        self._page: dict[str, Any] = {}
        self._shown: dict[str, Any] = {}
        self._documents: dict[str, Document] = {}
        self._failing = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.notices: dict[str, Notice] = {}
        """What is on the page, by the incident that it is of."""
        self.ids: PublicIds | None = None
        self.rendered = 0
        """How often the page was made."""

    @property
    def enabled(self) -> bool:
        """True once components are configured."""
        return bool(self.config.components)

    @property
    def as_of(self) -> str | None:
        """Return when what is shown was so, to the minute."""
        at: str | None = self._page.get("as_of")
        return at

    @property
    def stale(self) -> bool:
        """Return whether nothing newer can be known just now."""
        return self._failing

    def naming(self) -> Naming:
        """Return how incidents are called outside; HTTP 503 before that is known."""
        if self.ids is None:
            raise unknown_yet()
        return Naming(self.ids.name, self._base)

    def incident(self, name: str) -> Incident | None:
        """Return an incident as far as the page knows it."""
        known = self._known.get(name)
        return known[1] if known is not None else None

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
                state = await self._begin(now)
                found = await self._read(now)
                planned = shown_maintenance(await self.maintenance.listed(), now)
        except (StoreUnavailableError, TimeoutError) as error:
            if not self._failing:
                said = str(error) or "Redis does not answer in time"
                log.warning("the status page shows what was known last: %s", said)
            self._failing = True
        else:
            self._failing = False
            # A thousand incidents take some time, while alerts come in.
            made = await asyncio.to_thread(self._made, found, planned, state, now)
            self._page, self.notices = made
        shown = self._page | {"stale": self._failing}
        if self._page and shown != self._shown:
            self._documents = await asyncio.to_thread(
                page_documents, shown, self._documents, now, self._base, self._site
            )
            self._shown = shown
            self.rendered += 1

    async def _begin(self, now: int) -> StatusState:
        """Note that the page is kept today; return what is known of the days before."""
        day = day_of(now)
        if self._known_of is None or day != self._day:
            names = [component.name for component in self.config.components]
            self._known_of = await self._state.day(day, names)
            self._day = day
            self.ids = PublicIds(self._known_of.key)
            own = hashlib.blake2b(self._known_of.key, digest_size=16).hexdigest()
            self._site = Site(own, f"{min(self._known_of.ran, default=day)}T00:00:00.000Z")
        return self._known_of

    def _made(
        self,
        found: list[Incident],
        planned: list[PublicMaintenance],
        state: StatusState,
        now: int,
    ) -> tuple[dict[str, Any], dict[str, Notice]]:
        """Return the page, and what is on it by the incident that it is of."""
        # By the minute: a page on which nothing happened stays the same, and so does its ETag.
        as_of = now // MINUTE_MS * MINUTE_MS
        known = Known(as_of, self._counted_since(found, now), state)
        apart = notices_apart(found)
        uptime = {
            component.name: uptime_of(component.name, apart, known)
            for component in self.config.components
        }
        notices = notices_of(_latest(found, now - self.config.history))
        page = page_of(self.config, notices, as_of, self.naming(), uptime, planned)
        return dict(page), {notice.key: notice for notice in notices}

    def _counted_since(self, found: list[Incident], now: int) -> int:
        """Return since when (ms) whatever was on the page is among what was found."""
        since = now - self._retention if self._retention else 0
        if len(found) < READ:
            return since
        ends = [one.published.resolved_at for one in found if one.published is not None]
        return max(since, min((end for end in ends if end), default=now))

    async def _read(self, now: int) -> list[Incident]:
        """Return the published incidents; only those that changed are read as a whole."""
        since = now - max(self.config.history, DAYS * DAY_MS)
        versions = await self._store.published(since, READ)
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
        for name, value in COMMON.items():
            response.headers.setdefault(name, value)
        # aiohttp has put its own there already.
        response.headers["Server"] = COMMON["Server"]

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
        found = self._answer(request, "json")
        found.headers["Access-Control-Allow-Origin"] = "*"
        return found

    @serves("GET", "/status.atom", Who.OPEN)
    @serves("GET", "/status.atom", Who.OPEN, port=STATUS)
    async def feed(self, request: web.Request) -> web.Response:
        """GET /status.atom: an Atom feed of what is on the page, of any site."""
        found = self._answer(request, "atom")
        found.headers["Access-Control-Allow-Origin"] = "*"
        return found

    @serves("GET", "/status/{name}", Who.OPEN)
    @serves("GET", "/status/{name}", Who.OPEN, port=STATUS)
    async def asset(self, request: web.Request) -> web.Response:
        """GET /status/{name}: the style sheet and the script."""
        name = request.match_info["name"]
        if name not in ASSETS or not self.enabled:
            raise web.HTTPNotFound(text=f"there is no {name}\n")
        headers = COMMON | {"Cache-Control": "public, max-age=3600"}
        text = read_asset(name, "status")
        return web.Response(text=text, content_type=ASSETS[name], headers=headers)

    def _answer(self, request: web.Request, form: str) -> web.Response:
        if not self.enabled:
            raise web.HTTPNotFound(text="there is no status page\n", headers=COMMON)
        document = self._documents.get(form)
        if document is None:
            raise unknown_yet()
        return answer(request, document)


def _latest(found: list[Incident], since: int) -> list[Incident]:
    """Return what was not over on the page at a time (ms), ``SHOWN`` at most: the last to end."""
    ends = [(one.published.resolved_at or FOR_EVER, one) for one in found if one.published]
    wanted = sorted((pair for pair in ends if pair[0] >= since), key=lambda pair: -pair[0])
    return [one for _, one in wanted[:SHOWN]]
