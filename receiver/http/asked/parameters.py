"""What follows the ``?`` of a request: read, or refused with the parameter and what is allowed.

A parameter that nobody reads is refused: a filter with a slip in its name would otherwise show
everything, and look as if it had worked.
"""

from collections.abc import Sequence
from datetime import datetime

from aiohttp import web

from receiver.errors import PayloadError
from receiver.http.asked.spec import Parameter
from receiver.store.lists.query import OUTCOMES, SORTS, STATES, TIMES, Query
from receiver.text.numbers import whole
from receiver.text.times import iso_ms
from routing.alert import PRIORITIES
from routing.duration import parse_duration
from routing.matcher import Matcher, parse_matchers

SHOWN = 40
"""Characters of a wrong value that are repeated."""
TEXT_MAX = 200
LABEL_MAX = 1_000
MATCHERS_MAX = 20
DAY_MS, DATE_CHARS = 86_400_000, 10
STATE = Parameter("state", "open or closed, or a part of the open ones", "open", STATES)
SORT = Parameter(
    "sort",
    "most urgent first (closed ones by their end, the last first), or by opening",
    SORTS[0],
    SORTS,
)
PRIORITY = Parameter("priority", "one, or several joined by commas", many=True)
TEAM = Parameter("team", "of this team", most=TEXT_MAX)
LABEL = Parameter(
    "label",
    "a matcher as in Alertmanager, or several joined by commas; one alert has to fulfil all",
    most=LABEL_MAX,
    many=True,
)
TEXT = Parameter("text", "somewhere in title, labels, summary or id, in any case", most=TEXT_MAX)
SERVICE = Parameter("service", "an alert, or the group, has this label `service`", most=TEXT_MAX)
PERSON = Parameter(
    "person", "acknowledged or resolved by, or assigned to, this name", most=TEXT_MAX
)
MINE = Parameter("mine", "1: the same for the name of whoever asks", "", ("", "0", "1"))
RUNBOOK = Parameter("runbook", "in the address of its runbook, in any case", most=TEXT_MAX)
OUTCOME = Parameter(
    "outcome",
    "how it went: " + "; ".join(f"{name}: {words}" for name, words in OUTCOMES.items()),
    choices=tuple(OUTCOMES),
)
SINCE = Parameter(
    "since", "opened within a duration, or since a day (UTC) or a time with its zone", most=TEXT_MAX
)
UNTIL = Parameter(
    "until", "opened before that, in the same words; of a day before its end", most=TEXT_MAX
)
TIME = Parameter("time", "what since and until are about", TIMES[0], TIMES)
LIMIT = Parameter("limit", "how many at most", 100, least=1, greatest=1_000)
CURSOR = Parameter("cursor", "what `next` said, with the same filters and sort")
FILTERS = (
    *(STATE, SORT, PRIORITY, TEAM, SERVICE, LABEL, TEXT, PERSON, MINE, RUNBOOK, OUTCOME),
    *(SINCE, UNTIL, TIME),
)
"""What says which list is asked for: the same for API and console."""
LIST = (*FILTERS, LIMIT, CURSOR)
"""Of a list of incidents."""


def check_parameters(request: web.Request, allowed: Sequence[str]) -> None:
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


def read_choice(request: web.Request, parameter: Parameter, usual: str) -> str:
    """Return a parameter that is one of its choices, ``usual`` where it is missing."""
    found = read_one(request, parameter.name, usual)
    if found not in parameter.choices:
        allowed = ", ".join(parameter.choices)
        raise PayloadError(_wrong(parameter.name, found, allowed), parameter.name)
    return found


def read_number(request: web.Request, parameter: Parameter) -> int:
    """Return a parameter that is a whole number within its bounds."""
    name, least, greatest = parameter.name, parameter.least or 0, parameter.greatest or 0
    if name not in request.query:
        return int(parameter.usual or 0)
    text = read_one(request, name)
    found = whole(text, greatest, least)
    if found is None:
        raise PayloadError(_wrong(name, text, f"{least} to {greatest}"), name)
    return found


def read_query(
    request: web.Request, state: str = "open", now: int = 0, me: str = "", sort: str = SORTS[0]
) -> Query:
    """Return which list is asked for at ``now`` (ms); PayloadError names what is wrong.

    ``me``: the name of whoever asks, "" where it is not known. ``state`` and ``sort``: what holds
    where none is given.
    """
    mine, person = _mine(request, me)
    since, until = (_short(request, one.name).strip() for one in (SINCE, UNTIL))
    after, before = _moment(SINCE.name, since, now)[0], _moment(UNTIL.name, until, now)[1]
    if before and after >= before:
        raise PayloadError("until is not after since; allowed: a time after it", UNTIL.name)
    outcome = read_one(request, OUTCOME.name)
    return Query(
        state=read_choice(request, STATE, state),
        sort=read_choice(request, SORT, sort),
        priorities=_priorities(request.query.getall("priority", [])),
        team=_short(request, "team"),
        matchers=_matchers(request.query.getall("label", [])),
        text=_short(request, "text").strip(),
        service=_short(request, "service"),
        person=person,
        mine=mine,
        runbook=_short(request, RUNBOOK.name).strip(),
        outcome=outcome and read_choice(request, OUTCOME, outcome),
        since=since,
        until=until,
        time=read_choice(request, TIME, TIMES[0]),
        after=after,
        before=before,
    )


def _mine(request: web.Request, me: str) -> tuple[bool, str]:
    """Return whether only what is somebody's own is asked for, and whose."""
    person = _short(request, "person").strip()
    if read_choice(request, MINE, "") != "1":
        return False, person
    if person:
        raise PayloadError("mine and person exclude each other: send one of them", "mine")
    if not me:
        words = "mine: it is not known who you are; log in, or send person=NAME"
        raise PayloadError(words, "mine")
    return True, me


def _moment(name: str, text: str, now: int) -> tuple[int, int]:
    """Return the first and the last time (ms) that a text stands for, 0 and 0 for "".

    It is a duration before ``now``, a day of UTC, or a time of RFC 3339.
    """
    if not text:
        return 0, 0
    try:
        at = max(1, now - parse_duration(text))
    except ValueError:
        pass
    else:
        return at, at
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None or len(text) == DATE_CHARS:
            at = max(0, iso_ms(text))
            return at, at + DAY_MS if moment.tzinfo is None else max(1, at)
    except (ValueError, OverflowError):
        pass
    allowed = (
        "a duration as 2h or 1d, a day as 2026-03-02, or a time with its zone as"
        " 2026-03-02T09:00:00Z"
    )
    raise PayloadError(_wrong(name, text, allowed), name)


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
