"""The audit trail: ``/v1/audit`` for programs, and a page of the console."""

from typing import Any, TypedDict
from urllib.parse import urlencode

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.errors import PayloadError
from receiver.http.asked.parameters import LIMIT, read_number, read_one
from receiver.http.asked.spec import Parameter, Spec
from receiver.http.routes import Who, serves
from receiver.incident_shapes import Count
from receiver.store.audit.read import AuditPage, AuditReader, CursorError, Filter
from receiver.store.audit.shown import Entry, as_json
from receiver.templates import assets_version, render
from receiver.text.times import iso_ms, rfc3339
from receiver.web.console_account import account_of
from receiver.web.page_headers import page_answer

TEXT_MAX, SHOWN = 200, 100
_TIME = "a time of RFC 3339, or a day"
TEXTS = (
    Parameter("principal", "a part of a name, or of a credential's, in any case", most=TEXT_MAX),
    Parameter("action", "how the action begins", most=TEXT_MAX),
    Parameter("incident", "the id of an incident", most=TEXT_MAX),
    Parameter("outcome", "how the outcome begins", most=TEXT_MAX),
)
TIMES = (Parameter("since", _TIME), Parameter("until", f"{_TIME}, to its end"))
CURSOR = Parameter("cursor", "what `next` said, with the same filters")
DAY_MS, DATE_CHARS = 86_400_000, 10


class AuditList(TypedDict):
    """Entries, the latest first; of ``looked_through`` entries these are those asked for."""

    entries: list[Entry]
    next: str | None
    looked_through: Count


LIST = Spec({200: AuditList}, (*TEXTS, *TIMES, LIMIT, CURSOR))


class AuditEndpoint:
    """Shows the audit trail, the latest entries first."""

    def __init__(self, reader: AuditReader, clock: Clock, prefix: str) -> None:
        """``prefix``: the path before every link, "" for none."""
        self._reader = reader
        self._clock = clock
        self._prefix = prefix

    @serves("GET", "/v1/audit", Who.ADMIN, spec=LIST)
    async def listed(self, request: web.Request) -> web.Response:
        """GET /v1/audit?principal=&action=&incident=&outcome=&since=&until=&limit=&cursor=."""
        page = await self._read(request, read_number(request, LIMIT))
        return web.json_response(
            {
                "entries": [as_json(entry) for entry in page.entries],
                "next": page.next or None,
                "looked_through": page.looked_through,
            }
        )

    @serves("GET", "/audit", Who.ADMIN, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /audit: the same with filters, for people."""
        slip, page = "", AuditPage([], "", 0)
        try:
            page = await self._read(request, SHOWN)
        except PayloadError as error:
            slip = str(error)
        names = [one.name for one in (*TEXTS, *TIMES)]
        asked = {name: request.query.get(name, "")[:TEXT_MAX] for name in names}
        given = {name: text for name, text in asked.items() if text}

        def values() -> dict[str, Any]:
            more = f"/audit?{urlencode(given | {'cursor': page.next})}"
            return {
                "slip": slip,
                "asked": asked,
                "narrowed": bool(given),
                "entries": [as_json(entry) for entry in page.entries],
                "looked_through": page.looked_through,
                "next": more if page.next else "",
                "first": f"/audit?{urlencode(given)}" if request.query.get("cursor") else "",
            }

        text = await read_off_the_loop(
            lambda: render(
                "console/audit.html.j2",
                prefix=self._prefix,
                version=assets_version(),
                said="",
                now=rfc3339(self._clock.now()),
                **account_of(request),
                **values(),
            )
        )
        status = 400 if slip else 200
        return page_answer(text, status=status)

    async def _read(self, request: web.Request, limit: int) -> AuditPage:
        texts = {one.name: _short(request, one.name) for one in TEXTS}
        since, until = (_time(request, one.name) for one in TIMES)
        wanted = Filter(**texts, since=since, until=until)
        try:
            return await self._reader.page(wanted, limit, read_one(request, "cursor"))
        except CursorError as error:
            raise PayloadError(f"cursor {error}", "cursor") from None


def _short(request: web.Request, name: str) -> str:
    found = read_one(request, name).strip()
    if len(found) > TEXT_MAX:
        raise PayloadError(f"{name} is longer than {TEXT_MAX} characters", name)
    return found


def _time(request: web.Request, name: str) -> int:
    """Return a time (ms), 0 for none; a day alone is meant from its beginning to its end."""
    text = read_one(request, name).strip()
    if not text:
        return 0
    try:
        at = iso_ms(text)
    except ValueError:
        words = f"{name} is {text[:40]!r}; allowed: a time or a day, as 2026-03-02T10:00:00Z"
        raise PayloadError(words, name) from None
    return at + DAY_MS - 1 if name == "until" and len(text) == DATE_CHARS else at
