"""``/response`` for people, ``/v1/response`` for programs and spreadsheets."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.errors import PayloadError
from receiver.http.answers import json_answer
from receiver.http.asked.parameters import check_parameters, read_choice
from receiver.http.asked.spec import Media, Parameter, Spec
from receiver.http.routes import Who, serves
from receiver.store.response.read import ResponseStore, is_over
from receiver.web.console_page import Pages
from receiver.web.page_headers import HEADERS
from receiver.web.response.asked import PARAMETERS, Asked, read_asked
from receiver.web.response.charts import CHARTS
from receiver.web.response.figures import Added, added_up
from receiver.web.response.shapes import Response, to_csv, to_json
from receiver.web.response.view import COLUMNS, values

FORMAT = Parameter("format", "as JSON or as a table", choices=("json", "csv"))
NAMES = tuple(one.name for one in PARAMETERS)
FRESH_MS = 10_000
"""For so long sums are shown again: a page, its charts and whoever looks at them too."""
SUMS_KEPT = 8
DAYS_AT_ONCE = 7
"""Days whose rows are held at once."""
K = TypeVar("K")
V = TypeVar("V")
SPEC = Spec({200: Media(("application/json", "text/csv"), Response)}, (*PARAMETERS, FORMAT))


class ResponseEndpoint:
    """Shows how incidents were answered."""

    def __init__(self, store: ResponseStore, clock: Clock, pages: Pages) -> None:
        self._store = store
        self._clock = clock
        self._pages = pages
        self._sums: dict[tuple[object, ...], tuple[int, Added]] = {}
        self._past: dict[tuple[object, ...], tuple[date, Added]] = {}
        self._turn = asyncio.Lock()

    @serves("GET", "/v1/response", Who.VIEWER, spec=SPEC)
    async def figures(self, request: web.Request) -> web.Response:
        """GET /v1/response: percentiles, counts, load and verdicts, as JSON or CSV."""
        shape = read_choice(request, FORMAT, "json")
        found = await self._added(read_asked(request, self._clock.now(), form=False))
        if shape == "json":
            return json_answer(await read_off_the_loop(lambda: to_json(found)))
        text = await read_off_the_loop(lambda: to_csv(found))
        name = f"response-{found.asked.first}-{found.asked.last}.csv"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)

    @serves("GET", "/response", Who.VIEWER, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /response: the same for people, each number with its incidents."""
        slip = ""
        now = self._clock.now()
        try:
            check_parameters(request, NAMES)
            asked = read_asked(request, now)
        except PayloadError as error:
            slip = error.message
            asked = Asked(datetime.fromtimestamp(now / 1000, UTC).date(), 28)
        found = await self._added(asked)
        shown = await read_off_the_loop(lambda: values(found))
        shown |= {"slip": slip, "columns": COLUMNS}
        template, status = "console/response.html.j2", 400 if slip else 200
        return await self._pages.answer(request, template, shown, status=status)

    @serves("GET", "/response/{name}.svg", Who.VIEWER, page=True)
    async def chart(self, request: web.Request) -> web.Response:
        """GET /response/{name}.svg: ``times`` or ``numbers``, period by period."""
        name = request.match_info["name"]
        if name not in CHARTS:
            raise web.HTTPNotFound(text=f"there is no chart {name}\n")
        check_parameters(request, NAMES)
        found = await self._added(read_asked(request, self._clock.now()))
        image = await read_off_the_loop(lambda: CHARTS[name](found))
        # An image may bring the style it needs; nothing else applies to it.
        headers = HEADERS | {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"
        }
        return web.Response(body=image, content_type="image/svg+xml", headers=headers)

    async def _added(self, asked: Asked) -> Added:
        """Return the sums of what is asked for, as they are or were a moment ago.

        One by one: a year of many rules is hundreds of megabytes while it is added up.
        """
        async with self._turn:
            return await self._sum(asked)

    async def _sum(self, asked: Asked) -> Added:
        now = self._clock.now()
        key = (asked.last, *asked.parameters())
        known = self._sums.get(key)
        if known is not None and 0 <= now - known[0] < FRESH_MS:
            return known[1]
        today = datetime.fromtimestamp(now / 1000, UTC).date()
        past = self._past.get(key)
        if past is None or past[0] != today:
            past = (today, await self._over(asked, today))
            _keep(self._past, key, past)
        number = sum(1 for day in asked.dates() if not is_over(day, today))
        # Those that go on are the last ones.
        days = await self._store.days(asked.last, number, today) if number else []
        found = await read_off_the_loop(lambda: added_up(days, asked, past[1]))
        _keep(self._sums, key, (now, found))
        return found

    async def _over(self, asked: Asked, today: date) -> Added:
        """Return the sums of the days that change no more: they are made once a day."""
        over = [day for day in asked.dates() if is_over(day, today)]
        found = Added(asked)
        for start in range(0, len(over), DAYS_AT_ONCE):
            some = over[start : start + DAYS_AT_ONCE]
            found = await self._more(found, some, today)
        return found

    async def _more(self, past: Added, some: Sequence[date], today: date) -> Added:
        days = await self._store.days(some[-1], len(some), today)
        return await read_off_the_loop(lambda: added_up(days, past.asked, past))


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Keep the latest few."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > SUMS_KEPT:
        del kept[next(iter(kept))]
