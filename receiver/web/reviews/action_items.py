"""Open action items of all incidents: ``/action-items`` for people, ``/v1/action-items``."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.errors import PayloadError
from receiver.http.answers import json_answer
from receiver.http.asked.parameters import LIMIT, read_number
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.store.lists.items import Todo, TodoPage, Todos
from receiver.store.lists.query import CursorError
from receiver.store.records.items import start_of
from receiver.templates import render
from receiver.text.times import day_of, rfc3339
from receiver.web.console import ConsoleEndpoint
from receiver.web.page_headers import page_answer
from receiver.web.reviews import shapes
from receiver.web.reviews.asked import CURSOR, OVERDUE, OWNER, AskedItems, read_asked_items

SHOWN = 50
LISTED = Spec({200: shapes.TodoList}, (OWNER, OVERDUE, LIMIT, CURSOR))


class ActionItemsEndpoint:
    """Shows what is still to be done, what is overdue first."""

    def __init__(self, todos: Todos, console: ConsoleEndpoint, now: Callable[[], int]) -> None:
        """``now()`` in ms."""
        self._todos = todos
        self._console = console
        self._now = now

    @serves("GET", "/v1/action-items", Who.VIEWER, spec=LISTED)
    async def listed(self, request: web.Request) -> web.Response:
        """GET /v1/action-items?owner=&overdue=&limit=&cursor=: open ones, due first first."""
        today = day_of(self._now())
        page = await self._read(read_asked_items(request), read_number(request, LIMIT), today)
        number, overdue = await self._todos.counts(start_of(today))
        return json_answer(
            {
                "action_items": [_shown(todo, today) for todo in page.found],
                "next": page.next or None,
                "open": number,
                "overdue": overdue,
            }
        )

    @serves("GET", "/action-items", Who.VIEWER, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /action-items: the same for people, who tick them off here."""
        today = day_of(self._now())
        slip, page, asked = "", TodoPage([], ""), AskedItems()
        try:
            asked = read_asked_items(request)
            page = await self._read(asked, SHOWN, today)
        except PayloadError as error:
            slip = str(error)
        number, overdue = await self._todos.counts(start_of(today))
        base = await self._console.base(request)
        rows = [_shown(todo, today) for todo in page.found]

        def values() -> dict[str, Any]:
            more = urlencode([*asked.filters, ("cursor", page.next)])
            return {
                "slip": slip,
                "asked": asked,
                "parts": [
                    ("Overdue", [row for row in rows if row["overdue"]]),
                    ("Due later, or on no day", [row for row in rows if not row["overdue"]]),
                ],
                "open": number,
                "overdue": overdue,
                "next": f"/action-items?{more}" if page.next else "",
                "first": f"/action-items?{urlencode(asked.filters)}" if asked.cursor else "",
            }

        template = "console/action_items.html.j2"
        text = await read_off_the_loop(lambda: render(template, **base, **values()))
        return page_answer(text, status=400 if slip else 200)

    async def _read(self, asked: AskedItems, limit: int, today: str) -> TodoPage:
        before = start_of(today) if asked.overdue else 0
        try:
            return await self._todos.page(limit, asked.cursor, asked.owner, before)
        except CursorError as error:
            raise PayloadError(f"cursor {error}", "cursor") from None


def _shown(todo: Todo, today: str) -> shapes.Todo:
    incident, item = todo.incident, todo.item
    return {
        "incident": {
            "id": incident.id,
            "title": incident.title,
            "priority": incident.priority,
            "state": incident.state,
        },
        "number": item.number,
        "text": item.text,
        "owner": item.owner or None,
        "due_on": item.due_on or None,
        "overdue": bool(item.due_on) and item.due_on < today,
        "at": rfc3339(item.at),
        "by": item.by,
    }
