"""``/history``: a search of all that is kept, newest first, for people."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.errors import PayloadError
from receiver.http.asked.parameters import FILTERS, check_parameters, read_one, read_query
from receiver.http.routes import Who, serves
from receiver.store.lists.legs import ListPage
from receiver.store.lists.query import OUTCOMES, TIMES, CursorError, Query
from receiver.store.lists.read import SEARCH_S, IncidentLists
from receiver.web.console_page import Pages
from receiver.web.history.rows import Found, found_row
from routing.alert import PRIORITIES

SHOWN = 100
STATE, SORT = "all", "newest"
"""What holds where the address says nothing: everything, the newest first."""
STATES = {"all": "open and closed", "closed": "closed", "open": "open"}
SORTS = {"newest": "newest first", "oldest": "oldest first", "urgent": "open ones first"}
NAMES = (*(one.name for one in FILTERS), "cursor")
_SHOWN_MAX = 200


class _Page(NamedTuple):
    query: Query
    page: ListPage[Found]
    kept: int


class HistoryEndpoint:
    """Shows what became of incidents, long after their end too."""

    def __init__(
        self,
        lists: IncidentLists,
        clock: Clock,
        pages: Pages,
        name_of: Callable[[web.Request], str],
    ) -> None:
        """``name_of(request)``: who asks, "" for nobody."""
        self._lists = lists
        self._clock = clock
        self._pages = pages
        self._name_of = name_of

    @serves("GET", "/history", Who.VIEWER, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /history: incidents that are kept, by the filters of ``GET /v1/incidents``."""
        slip = ""
        try:
            found = await self._read(request)
        except PayloadError as error:
            slip = error.message
            found = _Page(Query(state=STATE, sort=SORT), ListPage([], "", None), 0)
        given = {name: request.query.get(name, "")[:_SHOWN_MAX] for name in NAMES}
        turned = bool(given["cursor"]) and not slip
        values = await read_off_the_loop(lambda: _values(found, given, turned=turned))
        template, status = "console/history.html.j2", 400 if slip else 200
        return await self._pages.answer(request, template, values | {"slip": slip}, status=status)

    async def _read(self, request: web.Request) -> _Page:
        check_parameters(request, NAMES)
        now = self._clock.now()
        query = read_query(request, STATE, now, self._name_of(request), SORT)
        cursor = read_one(request, "cursor")
        try:
            page = await self._lists.shown(query, SHOWN, cursor, found_row, seconds=SEARCH_S)
        except CursorError as error:
            raise PayloadError(f"cursor {error}", "cursor") from None
        kept = await self._lists.total(Query(state=query.state))
        return _Page(query, page, kept or 0)


def asked_for(query: Query) -> list[tuple[str, str]]:
    """Return what asks this page for a list; it takes other things for granted than the API."""
    given = dict(query.parameters())
    usual = {"state": STATE, "sort": SORT}
    named = {"state": query.state, "sort": query.sort}
    for name, value in named.items():
        given.pop(name, None)
        if value != usual[name]:
            given[name] = value
    labels = [pair for pair in query.parameters() if pair[0] == "label"]
    return [*((name, text) for name, text in given.items() if name != "label"), *labels]


def address(query: Query, *more: tuple[str, str]) -> str:
    """Return where the page shows a list."""
    asked = [*asked_for(query), *more]
    return f"/history?{urlencode(asked, errors='replace')}" if asked else "/history"


def _values(found: _Page, given: Mapping[str, str], *, turned: bool) -> dict[str, Any]:
    """Return what the page shows; ``turned``: it is not the first one."""
    query, page, _ = found
    labels = ", ".join(str(matcher) for matcher in query.matchers)
    names = [name for name in NAMES if name != "cursor"]
    return {
        "rows": page.incidents,
        "total": page.total,
        "examined": page.examined,
        "kept": found.kept,
        "next": address(query, ("cursor", page.next)) if page.next else "",
        "first": address(query) if turned else "",
        "narrowed": any(given[name] for name in names if name not in ("state", "sort")),
        "asked": dict(given) | {"label": labels or given["label"]},
        "mine": query.mine,
        "state": query.state,
        "sort": query.sort,
        "states": STATES,
        "sorts": SORTS,
        "outcomes": OUTCOMES,
        "times": [(name, name) for name in TIMES],
        "priorities": _priorities(given["priority"]),
        "shown": [(name, text) for name, text in asked_for(query) if name not in ("sort", "time")],
    }


def _priorities(given: str) -> list[tuple[str, str]]:
    """Return what may be chosen; several that an address names are one more choice."""
    several = [(given, given)] if given and given not in PRIORITIES else []
    return [("", "any"), *((name, name) for name in PRIORITIES), *several]
