"""The console's list: which one is asked for, and what its page says around it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import msgspec
from aiohttp import web

from receiver.errors import PayloadError
from receiver.http.asked.parameters import FILTERS, read_choice, read_number, read_one, read_query
from receiver.http.asked.spec import Parameter
from receiver.store.lists.legs import ListPage
from receiver.store.lists.query import ANSWERED, GROUPS, SORTS, CursorError, Query
from receiver.store.lists.read import SEARCH_S, IncidentLists
from receiver.web.listing.rows import GROUPINGS, Row, row
from routing.alert import PRIORITIES

ROWS = Parameter("limit", "how many rows", 100, least=1, greatest=500)
GROUP = Parameter("group", "what rows are put together by", "", ("", *GROUPINGS))
WALL = Parameter("wall", "1: for a screen that nobody sits at", "", ("", "0", "1"))
ASIDE = 50
"""Rows of what is answered, beside what nobody touched."""
ASIDE_EXAMINED = 400
"""Records looked at for them: the page is there for what is unanswered."""
TEXT_MAX, FIELDS_MAX = 4_000, 50
_TITLES = {"triggered": "Unanswered", ANSWERED: "Acknowledged or snoozed"}
_PARTS = (
    ("open", "open"),
    ("triggered", "unanswered"),
    (ANSWERED, "answered"),
    ("closed", "closed"),
    ("all", "all"),
)


class Asked(NamedTuple):
    """What a page of the list was asked for; ``slip``: what was wrong with that, "" for nothing."""

    query: Query
    cursor: str = ""
    limit: int = 100
    group: str = ""
    wall: bool = False
    slip: str = ""

    @property
    def is_parted(self) -> bool:
        """Whether what is answered stands apart: in the list of all that is open, from its top."""
        return self.query.state == "open" and self.query.sort == "urgent" and not self.cursor

    @property
    def more(self) -> list[tuple[str, str]]:
        """Return what the page is asked for beside the list itself."""
        given = [
            ("group", self.group),
            ("limit", str(self.limit) if self.limit != ROWS.usual else ""),
            ("wall", "1" if self.wall else ""),
        ]
        return [(name, value) for name, value in given if value]


def read_asked(request: web.Request, now: int, me: str) -> Asked:
    """Return what is asked for. A list that cannot be is replaced by all that is open.

    So whoever follows a link with a slip in it at night still sees that.
    """
    try:
        return Asked(
            read_query(request, now=now, me=me),
            read_one(request, "cursor"),
            read_number(request, ROWS),
            read_choice(request, GROUP, ""),
            read_choice(request, WALL, "") == "1",
        )
    except PayloadError as error:
        return Asked(Query(), slip=error.message)


async def read_list(asked: Asked, lists: IncidentLists, now: Callable[[], int]) -> dict[str, Any]:
    """Return what the page of a list shows."""
    show = partial(_show, now)
    try:
        return await _read(asked, lists, show)
    except CursorError as error:
        return await _read(Asked(Query(), slip=f"The cursor {error}"), lists, show)


def _show(now: Callable[[], int], incident: Any) -> Row:
    return row(incident, now())


async def _read(asked: Asked, lists: IncidentLists, show: Callable[[Any], Row]) -> dict[str, Any]:
    query = asked.query
    counted, states = await numbers_of(lists, query.priorities)
    first = msgspec.structs.replace(query, state="triggered") if asked.is_parted else query
    # Of ten thousand that are open, what fits few is found at once.
    seconds = SEARCH_S if query.filters else 0.0
    page: ListPage[Row] = ListPage([], "", 0)
    if query.state != ANSWERED or query.filters or states[ANSWERED]:
        page = await lists.shown(first, asked.limit, asked.cursor, show, seconds=seconds)
    sections = [_section(asked, first, page, _TITLES.get(first.state, ""))]
    if asked.is_parted:
        aside = msgspec.structs.replace(query, state=ANSWERED)
        taken: ListPage[Row] = ListPage([], "", 0)
        if states[ANSWERED]:
            examined = 0 if query.filters else ASIDE_EXAMINED
            taken = await lists.shown(aside, ASIDE, "", show, examined, seconds)
        # What cannot be read belongs to every list: it stands in the first part.
        rows = [one for one in taken.incidents if one["section"] == ANSWERED]
        taken = msgspec.structs.replace(taken, incidents=rows)
        sections.append(_section(asked, aside, taken, _TITLES[ANSWERED]))
    return _around(asked, counted, states, sections) | {"sections": sections}


async def numbers_of(
    lists: IncidentLists, priorities: Sequence[str] = ()
) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many are open of each priority, and how many of ``priorities`` who has."""
    counted, active = await lists.counts(), await lists.active()
    states = dict.fromkeys(("triggered", ANSWERED), 0)
    for (_, state, priority), number in active.items():
        if not priorities or priority in priorities:
            name = next((part for part in states if state in GROUPS[part]), "triggered")
            states[name] += number
    return counted, states


def _section(asked: Asked, query: Query, page: ListPage[Row], title: str) -> dict[str, Any]:
    aside = asked.is_parted and query.state == ANSWERED
    following = [] if aside else [("cursor", page.next)]
    return {
        "name": query.state if query.state in _TITLES else "list",
        "title": title,
        "rows": page.incidents,
        "groups": _grouped(page.incidents, asked.group),
        "total": page.total,
        "next": query.address("/", *asked.more, *following) if page.next else "",
    }


def _grouped(rows: Iterable[Row], group: str) -> list[tuple[str, list[Row]]]:
    """Return rows by what they have in common, the groups with the most urgent row first."""
    if not group:
        return [("", list(rows))]
    ranked: dict[str, int] = {}
    for one in rows:
        ranked.setdefault(one["groups"][group], len(ranked))
    ordered = sorted(rows, key=lambda one: ranked[one["groups"][group]])
    return [(name, list(some)) for name, some in groupby(ordered, lambda one: one["groups"][group])]


def _around(
    asked: Asked,
    counted: Mapping[str, int],
    states: Mapping[str, int],
    sections: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return what stands around the rows: how many there are, and where the others are.

    ``counted``: open incidents by priority; ``states``: by who has them.
    """
    query, more = asked.query, asked.more
    every = sum(counted.values())
    chosen = ",".join(query.priorities) or "all"
    priorities: dict[str, int] = {"all": every, **{of: counted.get(of, 0) for of in PRIORITIES}}

    def link(name: str, number: int | None, chosen: bool, **change: Any) -> dict[str, Any]:  # noqa: FBT001
        url = msgspec.structs.replace(query, **change).address("/", *more)
        return {"name": name, "number": number, "url": url, "chosen": chosen}

    return {
        "slip": asked.slip,
        "every": every,
        "shown": sum(len(section["rows"]) for section in sections),
        "what": " ".join((*query.priorities, query.state)),
        "priorities": [
            link(name, n, name == chosen, priorities=() if name == "all" else (name,))
            for name, n in priorities.items()
        ],
        "states": [
            link(words, states.get(name), name == query.state, state=name) for name, words in _PARTS
        ],
        "query": query,
        "labels": ", ".join(str(matcher) for matcher in query.matchers),
        "sorts": SORTS,
        "group": asked.group,
        "groupings": GROUPINGS,
        "limit": asked.limit,
        "wall": asked.wall,
        "narrowed": query != Query(),
        "here": urlencode(
            [*query.parameters(), *more, *([("cursor", asked.cursor)] if asked.cursor else [])],
            errors="replace",
        ),
        "parted": asked.is_parted,
        # In another order, or from the middle of a list, a row has no place to be put in.
        "coarse": query.sort != "urgent" or bool(asked.cursor) or query.wants_closed,
        "first": query.address("/", *more) if asked.cursor else "",
        "plain": urlencode(query.parameters(), errors="replace"),
        "kept": [pair for pair in query.parameters() if pair[0] in ("priority", "state")],
        "filtered": any(
            name not in ("priority", "state", "text") for name, _ in (*query.parameters(), *more)
        ),
    }


NAMES = frozenset((*(one.name for one in FILTERS), "group", "limit", "wall", "cursor"))


def asked_for(text: str) -> list[tuple[str, str]]:
    """Return the parameters of the list a button was pressed in; the text comes from a form."""
    try:
        given = parse_qsl(text[:TEXT_MAX], max_num_fields=FIELDS_MAX)
    except ValueError:
        return []
    return [(name, value) for name, value in given if name in NAMES]
