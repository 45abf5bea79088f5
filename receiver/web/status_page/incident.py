"""The page of one public incident, under an address that stays as long as the incident is kept."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from receiver.errors import StoreUnavailableError
from receiver.http.asked.spec import Spec
from receiver.http.routes import STATUS, Who, serves
from receiver.store.incidents import IncidentStore
from receiver.web.status_page.documents import (
    COMMON,
    EVERY_S,
    Document,
    answer,
    incident_documents,
    unknown_yet,
)
from receiver.web.status_page.endpoint import StatusPageEndpoint
from receiver.web.status_page.shapes import PublicIncidentPage
from receiver.web.status_page.view import Notice, notices_of, shown_notice
from routing.incident import Incident

KEPT = 500
"""Pages of incidents that are kept for a moment."""
MERGES_MAX = 10
PARTS_MAX = 50
SPEC = Spec({200: PublicIncidentPage, 302: None, 304: None}, problems=(404, 410, 503), lenient=True)


class Kept(msgspec.Struct, frozen=True):
    """The forms of a page; ``until``: the monotonic time up to which they are handed out."""

    shown: dict[str, Any]
    documents: dict[str, Document]
    until: float


class StatusIncidentEndpoint:
    """``/status/incidents/{id}``."""

    def __init__(
        self, page: StatusPageEndpoint, store: IncidentStore, now: Callable[[], int]
    ) -> None:
        """``now()`` in ms."""
        self._page = page
        self._store = store
        self._now = now
        self._kept: dict[str, Kept] = {}

    @serves("GET", "/status/incidents/{id}.json", Who.OPEN, spec=SPEC)
    @serves("GET", "/status/incidents/{id}.json", Who.OPEN, port=STATUS)
    async def data(self, request: web.Request) -> web.Response:
        """GET /status/incidents/{id}.json: one public incident, for programs of any site."""
        found = await self._answer(request, "json")
        found.headers["Access-Control-Allow-Origin"] = "*"
        return found

    @serves("GET", "/status/incidents/{id}", Who.OPEN)
    @serves("GET", "/status/incidents/{id}", Who.OPEN, port=STATUS)
    async def page(self, request: web.Request) -> web.Response:
        """GET /status/incidents/{id}: one public incident, also after it left the page."""
        return await self._answer(request, "html")

    async def _answer(self, request: web.Request, form: str) -> web.Response:
        if not self._page.enabled:
            raise web.HTTPNotFound(text="there is no status page\n", headers=COMMON)
        name = request.match_info["id"]
        kept = self._kept.get(name)
        if kept is not None and kept.until > time.monotonic():
            return answer(request, kept.documents[form])
        if self._page.ids is None:
            raise unknown_yet()
        incident = self._page.ids.incident(name)
        if incident is None:
            # Nothing is looked up that this page never named.
            raise web.HTTPNotFound(text="There is no such incident.\n", headers=COMMON)
        try:
            notice = self._page.notices.get(incident) or await self._find(incident)
        except StoreUnavailableError:
            if kept is None:
                raise unknown_yet() from None
            return answer(request, kept.documents[form])
        if notice.key != incident:
            suffix = ".json" if form == "json" else ""
            where = f"{self._page.naming().name(notice.key)}{suffix}"
            return web.Response(status=302, headers=COMMON | {"Location": where})
        return answer(request, self._documents(name, notice, kept)[form])

    async def _find(self, name: str) -> Notice:
        """Return what outsiders read of an incident, or of the one that goes on for it.

        HTTP 410 for what is not kept any more, 404 for what is not public. StoreUnavailableError.
        """
        incident = await self._read(name)
        if incident is None:
            words = "This incident is not kept any more.\n"
            raise web.HTTPGone(text=words, headers=COMMON)
        for _ in range(MERGES_MAX):
            target = await self._read(incident.merged_into) if incident.merged_into else None
            if target is None or target.published is None:
                break
            incident = target
        parts = [await self._read(part) for part in list(incident.parts)[:PARTS_MAX]]
        found = notices_of([incident, *(part for part in parts if part is not None)])
        notice = next((one for one in found if one.key == incident.id), None)
        if notice is None:
            words = "This incident is not on the status page any more.\n"
            raise web.HTTPNotFound(text=words, headers=COMMON)
        return notice

    async def _read(self, name: str) -> Incident | None:
        return self._page.incident(name) or await self._store.find(name)

    def _documents(self, name: str, notice: Notice, kept: Kept | None) -> dict[str, Document]:
        shown = {
            "title": self._page.config.title,
            "as_of": self._page.as_of,
            "stale": self._page.stale,
            "incident": shown_notice(notice, self._page.naming()),
        }
        until = time.monotonic() + EVERY_S
        if kept is not None and kept.shown == shown:
            documents = kept.documents
        else:
            documents = incident_documents(shown, self._now())
        self._kept.pop(name, None)
        self._kept[name] = Kept(shown, documents, until)
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return documents
