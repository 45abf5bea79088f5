"""The console's list: which one is asked for, and what its page says around it."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from receiver.errors import PayloadError
from receiver.http.parameters import read_one, read_query
from receiver.store.lists.legs import ListPage
from receiver.store.lists.query import CursorError, Query
from receiver.store.lists.read import IncidentLists
from receiver.web.console_view import Card, card
from routing.alert import PRIORITIES
from routing.incident import Incident

SHOWN = 200
TEXT_MAX, FIELDS_MAX = 4_000, 50


async def read_list(
    request: web.Request, lists: IncidentLists, now: Callable[[], int]
) -> tuple[dict[str, Any], list[Card], str]:
    """Return what is around the list asked for, its cards, and what was wrong with the question.

    A list that cannot be is replaced by all that is open: whoever follows a link with a slip in it
    at night still sees that.
    """
    slip = ""

    def show(incident: Incident) -> Card:
        return card(incident, now())

    try:
        query, cursor = read_query(request), read_one(request, "cursor")
        page = await lists.shown(query, SHOWN, cursor, show)
    except (PayloadError, CursorError) as error:
        slip = error.message if isinstance(error, PayloadError) else f"The cursor {error}"
        query, cursor = Query(), ""
        page = await lists.shown(query, SHOWN, "", show)
    if query == Query() and not cursor and not page.next:
        # All there is: what is counted is what is shown.
        counted: Mapping[str, int] = Counter(one["priority"] for one in page.incidents)
    else:
        counted = await lists.counts()
    return _links(query, page, counted, cursor), page.incidents, slip


def _links(
    query: Query, page: ListPage[Card], counted: Mapping[str, int], cursor: str
) -> dict[str, Any]:
    """Return what the page of a list says around it: how many there are, and where the others are.

    ``counted``: open incidents by priority.
    """
    every = sum(counted.values())
    chosen = ",".join(query.priorities) or "all"
    tabs: dict[str, int] = {"all": every, **{of: counted.get(of, 0) for of in PRIORITIES}}

    def only(name: str) -> Query:
        return msgspec.structs.replace(query, priorities=() if name == "all" else (name,))

    return {
        "total": page.total,
        "every": every,
        "what": " ".join((*query.priorities, query.state)),
        "tabs": [
            {
                "name": name,
                "number": number,
                "url": only(name).address("/"),
                "chosen": name == chosen,
            }
            for name, number in tabs.items()
        ],
        "text": query.text,
        "narrowed": query != Query(),
        "fields": [pair for pair in query.parameters() if pair[0] != "text"],
        "here": query.address("", *([("cursor", cursor)] if cursor else [])).lstrip("?"),
        "next": query.address("/", ("cursor", page.next)) if page.next else "",
        "first": query.address("/") if cursor else "",
    }


def asked_for(text: str) -> list[tuple[str, str]]:
    """Return the parameters of the list a button was pressed in; the text comes from a form."""
    try:
        return parse_qsl(text[:TEXT_MAX], max_num_fields=FIELDS_MAX)
    except ValueError:
        return []
