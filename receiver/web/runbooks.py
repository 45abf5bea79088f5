"""``/runbooks/``: the list with its search, a page for each, and whether it helped.

A page is there when Redis is not, as RedisDown is read then: what Redis would tell is left out.
"""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

from aiohttp import web

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.audit.notes import Audit
from receiver.clock import Clock
from receiver.errors import StoreUnavailableError
from receiver.http.asked.forms import read_form
from receiver.http.asked.parameters import check_parameters, read_one
from receiver.http.routes import Who, principal_of, role_of, serves
from receiver.roles import Role, may
from receiver.runbooks.catalogue import Catalogue, heading_of
from receiver.runbooks.feedback import ANSWERS, RunbookFeedback
from receiver.runbooks.history import Histories, RunbookHistory, Use, Uses
from receiver.runbooks.html import RENDERED_MAX, to_html
from receiver.templates import assets_version, render
from receiver.text.times import rfc3339
from receiver.web.console_account import account_of
from receiver.web.console_view import length, moment
from receiver.web.page_headers import page_answer
from routing.incident_parts import Actor

log = logging.getLogger(__name__)
T = TypeVar("T")

TEXT_MAX = 200
FORM_MAX = 4_096
WAIT_S = 2.0
"""How long a page waits for what Redis would tell."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SAID = {
    "yes": "Thank you, counted: it helped.",
    "no": "Thank you, counted: it did not help. Say what was missing in a note of the incident.",
    "lost": "Not saved: Redis is away. Please say so again later.",
}


class RunbookEndpoint:
    """Serves the catalogue of runbooks, by system and alert, else by alert alone."""

    def __init__(
        self,
        catalogue: Catalogue,
        history: RunbookHistory,
        feedback: RunbookFeedback,
        clock: Clock,
        audit: Audit,
        prefix: str = "",
    ) -> None:
        """``prefix``: the path before every route, "" for none."""
        self._catalogue = catalogue
        self._history = history
        self._feedback = feedback
        self._clock = clock
        self._audit = audit
        self._prefix = prefix

    @serves("GET", "/runbooks", Who.VIEWER, page=True)
    @serves("GET", "/runbooks/", Who.VIEWER, page=True)
    async def index(self, request: web.Request) -> web.Response:
        """GET /runbooks/?text=: all runbooks, or those that have the words; JSON for programs."""
        check_parameters(request, ("text",))
        text = read_one(request, "text")[:TEXT_MAX]
        entries = await read_off_the_loop(lambda: self._catalogue.search(text))
        if not _wants_page(request):
            found = [entry._asdict() for entry in entries]
            return web.json_response({"runbooks": found}, headers=_HEADERS)
        histories = await _known(self._history.all())
        uses = histories.uses if histories else {}
        page = await read_off_the_loop(
            partial(
                render,
                "console/runbooks.html.j2",
                **self._base(request),
                text=text,
                total=len(self._catalogue.names),
                since=rfc3339(histories.since) if histories and histories.since else "",
                whole=histories is None or histories.whole,
                systems=_by_system(entries, uses),
                found=len(entries),
            )
        )
        return page_answer(page, headers=_HEADERS)

    @serves("GET", "/runbooks/{name:.+}", Who.VIEWER, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /runbooks/{name}: the Markdown text as it is, or a page for a browser."""
        name, asked = self._name_of(request), _asked(request)
        page = _wants_page(request)
        most = RENDERED_MAX + 1 if page else -1
        raw = await asyncio.to_thread(self._catalogue.read, name, most) if name else None
        if raw is None:
            raise web.HTTPNotFound(text=f"there is no runbook {asked[:200]}\n", headers=_HEADERS)
        if not page:
            return web.Response(
                body=raw, content_type="text/markdown", charset="utf-8", headers=_HEADERS
            )
        histories, answers = await asyncio.gather(
            _known(self._history.all()), _known(self._feedback.of(name))
        )
        text = raw[:RENDERED_MAX].decode("utf-8", "replace")
        shown = await read_off_the_loop(
            partial(
                _page,
                text,
                **self._base(request),
                responds=may(role_of(request), Role.RESPONDER),
                name=name,
                address=quote(name),
                cut=len(raw) > RENDERED_MAX,
                said=_SAID.get(request.query.get("said", ""), ""),
                used=self._used(histories, name) if histories else None,
                answers=answers,
            )
        )
        return page_answer(shown, headers=_HEADERS)

    @serves("POST", "/runbooks/{name:.+}", Who.RESPONDER, page=True)
    async def answer(self, request: web.Request) -> web.Response:
        """POST /runbooks/{name} with helped=yes or no: counted; answers with the page."""
        name = self._name_of(request)
        if not name:
            words = f"there is no runbook {_asked(request)[:200]}\n"
            raise web.HTTPNotFound(text=words, headers=_HEADERS)
        answer = (await read_form(request, FORM_MAX)).get("helped", "")
        if answer not in ANSWERS:
            words = f"helped is {answer[:40]!r}; allowed: {', '.join(ANSWERS)}\n"
            raise web.HTTPBadRequest(text=words, headers=_HEADERS)
        try:
            await self._feedback.count(name, answer)
        except StoreUnavailableError as error:
            log.warning("an answer about the runbook %s was not counted: %s", name, error)
            said = "lost"
        else:
            self._audit.feedback(_actor(request), name, answer)
            said = answer
        place = f"{self._prefix}/runbooks/{quote(name)}?said={said}#helped"
        return web.Response(status=303, headers={"Location": place})

    def _name_of(self, request: web.Request) -> str:
        return self._catalogue.name_of(_asked(request))

    def _base(self, request: web.Request) -> dict[str, Any]:
        return {"prefix": self._prefix, "version": assets_version(), **account_of(request)}

    def _used(self, histories: Histories, name: str) -> dict[str, Any]:
        """Return what a page says of a runbook's use."""
        now = self._clock.now()
        uses = histories.uses.get(name)
        found: dict[str, Any] = {
            "number": 0,
            "since": rfc3339(histories.since) if histories.since else "",
            "whole": histories.whole,
        }
        if uses is None:
            return found
        return found | {
            "number": uses.number,
            "open": uses.open,
            "last": moment(uses.last_at, now),
            "takers": uses.takers,
            "alone": uses.alone,
            "acknowledge": _length(uses.acknowledge),
            "resolve": _length(uses.resolve),
            "newest": [_row(use, now) for use in uses.newest],
        }


def _page(text: str, **values: Any) -> str:
    """Return a runbook's page; its own heading is the page's, where it has one."""
    heading = heading_of(text)
    return render(
        "console/runbook.html.j2",
        **values,
        title=heading or values["name"],
        headed=bool(heading),
        body=to_html(text),
    )


def _asked(request: web.Request) -> str:
    return request.match_info["name"].removesuffix(".md")


def _wants_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _actor(request: web.Request) -> Actor:
    credential = principal_of(request)
    return Actor(credential.name if credential else "somebody", "console")


async def _known(question: Awaitable[T]) -> T | None:
    """Return what Redis tells, None where it does not, or not soon."""
    try:
        async with asyncio.timeout(WAIT_S):
            return await question
    except (StoreUnavailableError, TimeoutError):
        return None


def _by_system(entries: list[Any], uses: dict[str, Uses]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        used = uses.get(entry.name)
        row = {
            "alert": entry.alert,
            "address": quote(entry.name),
            "meaning": entry.meaning,
            "number": used.number if used else 0,
            "open": used.open if used else 0,
        }
        found.setdefault(entry.system, []).append(row)
    return found


def _row(use: Use, now: int) -> dict[str, Any]:
    took = _length(max(0, use.resolved_at - use.opened_at)) if use.resolved_at else ""
    return {
        "id": use.id,
        "title": use.title,
        "opened": moment(use.opened_at, now),
        "is_open": use.is_open,
        "by": use.by,
        "took": took,
    }


def _length(ms: int | None) -> str:
    return "" if ms is None else length(ms)
