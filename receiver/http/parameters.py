"""What follows the ``?`` of a request: read, or refused with the parameter and what is allowed.

A parameter that nobody reads is refused: a filter with a slip in its name would otherwise show
everything, and look as if it had worked.
"""

from collections.abc import Sequence

from aiohttp import web

from receiver.errors import PayloadError
from receiver.store.lists.query import SORTS, STATES, Query
from receiver.text.numbers import whole
from routing.alert import PRIORITIES
from routing.matcher import Matcher, parse_matchers

LIST = ("state", "sort", "priority", "team", "label", "text", "limit", "cursor")
SHOWN = 40
"""Characters of a wrong value that are repeated."""
TEXT_MAX = 200
LABEL_MAX = 1_000
MATCHERS_MAX = 20


def check_parameters(request: web.Request, allowed: Sequence[str] = ()) -> None:
    """Refuse what is none of ``allowed``; PayloadError names it, and what there is."""
    for name in request.query:
        if name not in allowed:
            there = f"available: {', '.join(allowed)}" if allowed else "there are none here"
            raise PayloadError(f"no parameter is called {name[:SHOWN]!r}; {there}", name[:SHOWN])


def read_one(request: web.Request, name: str, default: str = "") -> str:
    """Return a parameter that is given once, ``default`` where it is missing."""
    given = request.query.getall(name, [])
    if len(given) > 1:
        raise PayloadError(f"{name} is given {len(given)} times; allowed: once", name)
    return given[0] if given else default


def read_choice(request: web.Request, name: str, allowed: Sequence[str], default: str) -> str:
    """Return a parameter that is one of ``allowed``."""
    found = read_one(request, name, default)
    if found not in allowed:
        raise PayloadError(_wrong(name, found, ", ".join(allowed)), name)
    return found


def read_number(
    request: web.Request, name: str, default: int, greatest: int, least: int = 1
) -> int:
    """Return a parameter that is a whole number."""
    if name not in request.query:
        return default
    text = read_one(request, name)
    found = whole(text, greatest, least)
    if found is None:
        raise PayloadError(_wrong(name, text, f"{least} to {greatest}"), name)
    return found


def read_query(request: web.Request, state: str = "open") -> Query:
    """Return which list is asked for; PayloadError names the parameter that is wrong."""
    return Query(
        state=read_choice(request, "state", STATES, state),
        sort=read_choice(request, "sort", SORTS, SORTS[0]),
        priorities=_priorities(request.query.getall("priority", [])),
        team=_short(request, "team"),
        matchers=_matchers(request.query.getall("label", [])),
        text=_short(request, "text").strip(),
    )


def _priorities(texts: Sequence[str]) -> tuple[str, ...]:
    given = {part.strip().upper() for text in texts for part in text.split(",")} - {""}
    for name in sorted(given.difference(PRIORITIES)):
        raise PayloadError(_wrong("priority", name, ", ".join(PRIORITIES)), "priority")
    return tuple(name for name in PRIORITIES if name in given)


def _short(request: web.Request, name: str) -> str:
    found = read_one(request, name)
    if len(found) > TEXT_MAX:
        raise PayloadError(f"{name} is longer than {TEXT_MAX} characters", name)
    return found


def _matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    for text in texts:
        if len(text) > LABEL_MAX:
            raise PayloadError(f"label is longer than {LABEL_MAX} characters", "label")
        try:
            found += parse_matchers(text)
        except ValueError as error:
            raise PayloadError(f"label: {error}", "label") from None
    if len(found) > MATCHERS_MAX:
        raise PayloadError(f"label has over {MATCHERS_MAX} matchers", "label")
    return tuple(found)


def _wrong(name: str, found: str, allowed: str) -> str:
    return f"{name} is {found[:SHOWN]!r}; allowed: {allowed}"
