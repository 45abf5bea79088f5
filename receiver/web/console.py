"""The console: a page of open incidents with their clocks, and what its buttons do.

Plain pages that work without a script, for a phone at 3 a.m. The buttons submit the same events as
every other way in. Nothing is fetched from anywhere else, and the pages say so to the browser.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

from aiohttp import web

from receiver.actions.perform import Actions
from receiver.actions.registry import REGISTRY
from receiver.actions.words import DONE, REFUSED
from receiver.aio.off_the_loop import read_off_the_loop
from receiver.clock import Clock
from receiver.engine.batch_queue import Outcome
from receiver.errors import PayloadError, SilenceError, TooManyError
from receiver.http.answers import json_answer
from receiver.http.asked.forms import read_form
from receiver.http.asked.parameters import read_number, read_one
from receiver.http.asked.spec import Parameter, Spec
from receiver.http.auth import demand
from receiver.http.limits import TooManyRequestsError
from receiver.http.routes import Who, principal_of, role_of, serves
from receiver.observability.response_figures import Response, by_day, by_priority, steps, to_json
from receiver.review.load import Reviews
from receiver.store.daily_figures import DAYS_MAX, FigureStore
from receiver.store.incidents import IncidentStore
from receiver.templates import read_asset, render
from receiver.text.numbers import whole
from receiver.web import charts
from receiver.web.console_page import Pages
from receiver.web.listing.bulk import bulk_forms, said_of
from receiver.web.listing.view import asked_for, read_asked, read_list
from receiver.web.page_headers import HEADERS, page_answer
from receiver.web.reviews.asked import asked_items
from routing.escalation import why
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import ActionItemAdded, ActionItemChanged, ActionItemDone
from routing.vocabulary import Reason

NAME_MAX = 80
EPISODE_MAX = 1_000_000_000
COOKIE = "incident_manager_name"
SPANS = (7, 30)
ASSETS = {
    "style.css": "text/css",
    "script.js": "text/javascript",
    "live.js": "text/javascript",
    "list.js": "text/javascript",
    "views.js": "text/javascript",
    "incident.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_SAID: Mapping[str, str] = {
    **DONE,
    **REFUSED,
    "yours": "You have it.",
    Reason.FORGOTTEN: "Forgotten: nothing of it is kept.",
    Reason.STILL_OPEN: "Not forgotten: it is open. Resolve it first.",
    Reason.KEEPS_ALERTS_QUIET: "Not forgotten: it keeps alerts quiet that would open anew.",
}
"""What became of a button, for the page it leads back to."""
DAYS = Parameter("days", "how many days", 30, least=1, greatest=DAYS_MAX)
END = Parameter("end", "the last of them (UTC), from 2000-01-01; without it today", form="date")
_ON_THE_REVIEW = (ActionItemAdded.action, ActionItemChanged.action, ActionItemDone.action)


class ConsoleEndpoint:
    """``/``, the review of an incident, the buttons, the charts, and ``/v1/figures``."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        actions: Actions,
        store: IncidentStore,
        figures: FigureStore,
        clock: Clock,
        pages: Pages,
        reviews: Reviews,
        position: Callable[[], Awaitable[str]],
    ) -> None:
        """``position()``: where what changes goes on from."""
        self._position = position
        self._pages = pages
        self._actions = actions
        self._store = store
        self._figures = figures
        self._clock = clock
        self._prefix = pages.prefix
        self._reviews = reviews

    @serves("GET", "/", Who.VIEWER, page=True)
    async def index(self, request: web.Request) -> web.Response:
        """GET /: a page of incidents, most urgent first, and the figures of the last days."""
        days = _span(request)
        asked = read_asked(request, self._clock.now(), self.name_of(request, {}))
        # Before the rows: what changes while they are read is told once more.
        position = await self._position()
        shown = await read_list(asked, self._store.lists, self._clock.now)
        figures = await self._figures.days(self._today(), days)
        return await self.page(
            request,
            "console/index.html.j2",
            lambda: {
                "list": shown | {"position": position},
                "bulk": bulk_forms(role_of(request)),
                "days": days,
                "spans": SPANS,
                "since": figures[0].day.isoformat(),
                "figures": by_priority(figures),
                "escalations": [
                    (step, why(reason), number) for step, reason, number in steps(figures)
                ],
                "opened": sum(day.opened for day in by_day(figures)),
            },
        )

    @serves("GET", "/incidents/{id}/review", Who.VIEWER, page=True)
    async def review(self, request: web.Request) -> web.Response:
        """GET /incidents/{id}/review: the post-incident review, with a form for action items."""
        review = await self._reviews.find(request.match_info["id"])
        if review is None:
            raise self.missing(request)
        base = await self.base(request)
        page = await read_off_the_loop(lambda: self._reviews.pages.page(review, **base))
        return page_answer(page)

    @serves("POST", "/incidents/{id}/{action}", Who.RESPONDER, page=True)
    async def act(self, request: web.Request) -> web.Response:
        """POST /incidents/{id}/{action}: a button or a form; answers with the page it was on."""
        action = request.match_info["action"]
        if action not in REGISTRY:
            raise web.HTTPNotFound(text="there is no such button\n")
        credential = principal_of(request)
        demand(credential, REGISTRY[action].role)
        form = await read_form(request)
        incident = await self._load(request)
        name = self.name_of(request, form)
        # A browser is a person's, unless its credential is a machine's.
        human = credential is None or credential.is_human
        actor = Actor(name or "somebody", "console", human=human)
        reason = await self._perform(action, incident, form, actor, name)
        answer = web.Response(status=303, headers={"Location": self._back(action, form, reason)})
        if credential is None and name:
            answer.set_cookie(
                COOKIE,
                quote(name),
                max_age=365 * 86_400,
                httponly=True,
                samesite="Lax",
                # On a host of several services, no other one is sent it.
                path=f"{self._prefix}/",
            )
        return answer

    async def _perform(
        self, action: str, incident: Incident, form: Mapping[str, str], actor: Actor, name: str
    ) -> str:
        """Do what a form asks for; return what became of it and the incident, as links say it."""
        row = REGISTRY[action]
        seen = form.get("episode", "")
        episode = whole(seen, EPISODE_MAX, 0)
        # What is no episode was none that is the case now: nothing is done.
        episode = -1 if seen and episode is None else episode
        fields = {field.name for field in row.fields}
        given = {key: value for key, value in form.items() if key in fields}
        try:
            body = row.body_of(given, episode)
            outcome = await self._actions.perform(action, incident.id, body, actor)
        except TooManyError as error:
            raise TooManyRequestsError(f"{row.label}: {error}", error.seconds) from None
        except PayloadError as error:
            raise web.HTTPBadRequest(text=f"{row.label}: {error}\n") from None
        except SilenceError as error:
            raise web.HTTPBadGateway(text=f"{error}\n") from None
        return f"{'yours' if _is_theirs(outcome, name) else outcome.reason}:{incident.id}"

    def _back(self, action: str, form: Mapping[str, str], said: str) -> str:
        """Return the address of the page that a form was on, with what became of it."""
        incident = said.partition(":")[2]
        place = f"/incidents/{incident}?{urlencode([('said', said)])}"
        if action in _ON_THE_REVIEW and form.get("back") == "action-items":
            place = (
                f"/action-items?{urlencode([*asked_items(form.get('list', '')), ('said', said)])}"
            )
        elif action in _ON_THE_REVIEW and form.get("back") != "incident":
            place = f"/incidents/{incident}/review?{urlencode([('said', said)])}#action-items"
        elif said.startswith(f"{Reason.FORGOTTEN}:"):
            place = f"/?{urlencode([('said', said)])}"
        elif form.get("back") == "index":
            # To the same page of the same list.
            place = f"/?{urlencode([*asked_for(form.get('list', '')), ('said', said)])}"
        return f"{self._prefix}{place}"

    @staticmethod
    def name_of(request: web.Request, form: Mapping[str, str]) -> str:
        """Return who asks: by their credential, else as their browser says; "" for nobody."""
        credential = principal_of(request)
        if credential:
            return credential.name
        given = form.get("name")
        return _name(given) if given else _cookie(request.cookies.get(COOKIE, ""))

    @serves("GET", "/console/charts/{name}.svg", Who.VIEWER, page=True)
    async def chart(self, request: web.Request) -> web.Response:
        """GET /console/charts/{name}.svg?days=: a chart of the last days."""
        figures = await self._figures.days(self._today(), _span(request))
        name = request.match_info["name"]
        if name == "response":
            image = await read_off_the_loop(lambda: charts.response_times(by_priority(figures)))
        elif name == "deadlines":
            image = await read_off_the_loop(lambda: charts.deadlines(by_day(figures)))
        else:
            raise web.HTTPNotFound(text=f"there is no chart {name}\n")
        # An image may bring the style it needs; nothing else applies to it.
        headers = HEADERS | {
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"
        }
        return web.Response(body=image, content_type="image/svg+xml", headers=headers)

    @serves("GET", "/console/{name}", Who.OPEN)
    async def asset(self, request: web.Request) -> web.Response:
        """GET /console/{name}: the style sheet and the script; nothing of them is secret."""
        name = request.match_info["name"]
        if name not in ASSETS:
            raise web.HTTPNotFound(text=f"there is no {name}\n")
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=300"}
        answer = web.Response(text=read_asset(name), content_type=ASSETS[name], headers=headers)
        answer.headers["Vary"] = "Accept-Encoding"
        answer.enable_compression()
        return answer

    @serves("GET", "/v1/figures", Who.VIEWER, spec=Spec({200: Response}, (DAYS, END)))
    async def figures(self, request: web.Request) -> web.Response:
        """GET /v1/figures?days=&end=: the same figures for programs, up to 400 days."""
        number = read_number(request, DAYS)
        end = read_one(request, "end")
        last = _day(end) if "end" in request.query else self._today()
        if last is None:
            words = f"end is {end[:NAME_MAX]!r}; allowed: a day, as 2026-03-02"
            raise PayloadError(words, "end")
        days = await self._figures.days(last, number)
        return json_answer(to_json(days))

    def _today(self) -> Any:
        return datetime.fromtimestamp(self._clock.now() / 1000, UTC).date()

    async def _load(self, request: web.Request) -> Incident:
        incident = await self._store.find(request.match_info["id"])
        if incident is None:
            raise self.missing(request)
        return incident

    @staticmethod
    def missing(request: web.Request) -> web.HTTPException:
        """Return what is answered where there is no such incident."""
        name = request.match_info["id"]
        words = "It may have been forgotten long after its end."
        return web.HTTPNotFound(text=f"There is no incident {name[:NAME_MAX]}. {words}\n")

    async def page(
        self, request: web.Request, template: str, values: Callable[[], Mapping[str, Any]]
    ) -> web.Response:
        """Make the values and the page off the event loop: 200 incidents take 8 ms."""
        base = await self.base(request)
        page = await read_off_the_loop(lambda: render(template, **base, **values()))
        return page_answer(page)

    async def base(self, request: web.Request) -> dict[str, Any]:
        """Return what every page shows."""
        credential = principal_of(request)
        return {
            **await self._pages.frame(request, _said(request.query.get("said", ""))),
            "own": f"http://{request.host}/",
            "person": credential.name if credential else "",
            "name": _cookie(request.cookies.get(COOKIE, "")),
        }


def _is_theirs(outcome: Outcome, name: str) -> bool:
    """Return whether who acknowledges has it already, as after an answer that was lost."""
    by = outcome.incident.acknowledged_by if outcome.incident else None
    known = by is not None and (by.name, by.via) == (name, "console")
    return bool(name) and known and outcome.reason == Reason.ALREADY_ACKNOWLEDGED


def _day(text: str) -> date | None:
    """Return a day, None for what is none of this age: 400 days before it have to exist, too."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year >= 2000 else None  # noqa: PLR2004 - long before there was anything


def _span(request: web.Request) -> int:
    return SPANS[1] if request.query.get("days") == str(SPANS[1]) else SPANS[0]


def _name(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).strip()[:NAME_MAX]


def _cookie(text: str) -> str:
    return _name(unquote(text))


def _said(text: str) -> str:
    """Return what became of the last button in words; the text comes from a URL."""
    word = text.partition(":")[0]
    return said_of(text) if word == "bulk" else _SAID.get(word, "")
