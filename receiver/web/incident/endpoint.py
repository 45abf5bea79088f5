"""``/incidents/{id}``: the page of one incident, and the same as Markdown."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.errors import PayloadError, StoreUnavailableError
from receiver.http.routes import Who, role_of, serves
from receiver.roles import Role, may
from receiver.store.audit.entry import Numbered
from receiver.store.audit.read import AuditReader, Filter
from receiver.store.incidents import IncidentStore
from receiver.store.lists.handles import id_of
from receiver.text.numbers import whole
from receiver.text.times import rfc3339
from receiver.web.incident.markdown import to_markdown
from receiver.web.incident.related import read_related
from receiver.web.incident.timeline import LOOKED_AT, SHOWN, read_kinds
from receiver.web.incident.view import Asked, Found, Parts, view
from receiver.web.page_headers import HEADERS
from routing.incident import Incident

NUMBER_MAX = 1_000_000_000
AUDIT_SHOWN = 20
AUDIT_LOOKED_AT = 2_000
"""Entries of the trail that are looked through for a page; the trail's own page has them all."""
AROUND_MS = 3_600_000
"""An entry may be told a little before the incident opened: clocks differ."""
Page = Callable[[web.Request, str, Callable[[], Mapping[str, Any]]], Awaitable[web.Response]]
"""(request, template, values): makes the page of what the values are."""


class IncidentPageEndpoint:
    """Shows one incident."""

    def __init__(
        self,
        store: IncidentStore,
        audit: AuditReader,
        clock: Clock,
        parts: Parts,
        page: Page,
        missing: Callable[[web.Request], web.HTTPException],
    ) -> None:
        """``missing(request)``: what is answered where there is no such incident."""
        self._store = store
        self._audit = audit
        self._clock = clock
        self._parts = parts
        self._page = page
        self._missing = missing

    @serves("GET", "/incidents/{id}.md", Who.VIEWER, page=True)
    async def markdown(self, request: web.Request) -> web.Response:
        """GET /incidents/{id}.md: the same in a few lines of Markdown."""
        # As anybody may see it who may see it at all: it is to be handed on.
        asked = Asked(1, (), 0, Role.VIEWER)
        found = await self._found(await self._named(request), asked)
        if found is None:
            raise self._missing(request)
        now = self._clock.now()

        def text() -> str:
            shown = view(found, asked, self._parts, now)
            return to_markdown(shown, shown["address"], rfc3339(now) or "")

        body = await read_off_the_loop(text)
        return web.Response(text=body, content_type="text/markdown", headers=HEADERS)

    @serves("GET", "/incidents/{id}", Who.VIEWER, page=True)
    async def one(self, request: web.Request) -> web.Response:
        """GET /incidents/{id}: everything about one incident, as of one moment."""
        name = await self._named(request)
        if name != request.match_info["id"]:
            # So that the address in the browser is one that goes on when the incident is over.
            place = f"{self._parts.prefix}/incidents/{name}"
            return web.Response(status=302, headers={"Location": place})
        asked = _asked(request)
        found = await self._found(name, asked)
        if found is None:
            raise self._missing(request)
        now = self._clock.now()
        return await self._page(
            request, "console/incident.html.j2", lambda: view(found, asked, self._parts, now)
        )

    async def _named(self, request: web.Request) -> str:
        try:
            return await id_of(self._store.lists, request.match_info["id"])
        except PayloadError as error:
            raise web.HTTPNotFound(text=f"{error.message}.\n") from None

    async def _found(self, name: str, asked: Asked) -> Found | None:
        # For those of some kinds many are looked through, and for one more page one more.
        most = LOOKED_AT if asked.kinds else SHOWN
        found = await self._store.whole(name, most, asked.before)
        if found is None:
            return None
        incident = found.incident
        others = await read_related(self._store, incident)
        audit, goes_on = await self._audited(incident, asked)
        return Found(found, others, audit, goes_on)

    async def _audited(
        self, incident: Incident, asked: Asked
    ) -> tuple[Sequence[Numbered] | None, bool]:
        """Return the latest entries about it (None: not for them), and if there may be more."""
        if not may(asked.role, Role.ADMIN):
            return None, False
        wanted = Filter(incident=incident.id, since=max(0, incident.opened_at - AROUND_MS))
        try:
            page = await self._audit.page(wanted, AUDIT_SHOWN, most=AUDIT_LOOKED_AT)
        except StoreUnavailableError:
            return [], True
        return page.entries, bool(page.next)


def _asked(request: web.Request) -> Asked:
    slip = ""
    kinds: tuple[str, ...] = ()
    try:
        kinds = read_kinds(request.query.getall("kind", []))
    except PayloadError as error:
        slip = f"{error}"
    return Asked(
        whole(request.query.get("alerts", ""), NUMBER_MAX, 1) or 1,
        kinds,
        whole(request.query.get("timeline_before", ""), NUMBER_MAX, 2) or 0,
        role_of(request),
        slip,
    )
