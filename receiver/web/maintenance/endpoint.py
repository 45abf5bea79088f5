"""Planned maintenance: ``/v1/maintenance`` for programs, ``/maintenance`` for people.

It is shown on the status page and changes nothing else: alerts page as they always do.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from receiver.actions.row import read_json
from receiver.aio.off_the_loop import read_off_the_loop
from receiver.audit.notes import Audit
from receiver.errors import PayloadError
from receiver.http.answers import json_answer
from receiver.http.asked.forms import read_form
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, principal_of, serves
from receiver.problem import refusal
from receiver.store.status.maintenance import MOST, Maintenance, MaintenanceStore, TooManyError
from receiver.templates import render
from receiver.text.times import rfc3339
from receiver.web.console import ConsoleEndpoint
from receiver.web.maintenance import shapes
from receiver.web.maintenance.body import MaintenanceBody, read_maintenance
from receiver.web.page_headers import page_answer
from receiver.web.status_page.endpoint import StatusPageEndpoint
from receiver.web.status_page.planned import status_of
from routing.incident_parts import Actor

LISTED = Spec({200: shapes.PlannedList})
DECLARE = Spec(
    {200: shapes.Declared, 201: shapes.Declared},
    body=MaintenanceBody,
    needed=("title", "start", "end", "components"),
    problems=(404, 409),
)
CANCEL = Spec({200: shapes.Declared}, problems=(404, 409))
SAID = {
    "planned": "It is on the status page.",
    "already_planned": "That is planned already.",
    "ended": "It is over now.",
    "cancelled": "It is cancelled, and off the status page.",
    "over": "It is over already.",
    "unknown": "There is no such maintenance any more.",
}
FIELDS = ("title", "start", "end", "text")
_FULL = f"{MOST} are kept already: cancel one that is not needed"

Acting = Callable[[web.Request, Any], Awaitable[Actor]]


class MaintenanceEndpoint:
    """Declares, lists and cancels."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        page: StatusPageEndpoint,
        store: MaintenanceStore,
        console: ConsoleEndpoint,
        acting: Acting,
        audit: Audit,
        now: Callable[[], int],
        prefix: str,
    ) -> None:
        """``acting(request, body)``: who does it; ``now()`` in ms; ``prefix``: before links."""
        self._page = page
        self._store = store
        self._console = console
        self._acting = acting
        self._audit = audit
        self._now = now
        self._prefix = prefix

    @serves("GET", "/v1/maintenance", Who.VIEWER, spec=LISTED)
    async def listed(self, _request: web.Request) -> web.Response:
        """GET /v1/maintenance: what is planned, goes on, or was within 90 days."""
        now = self._now()
        return json_answer(
            {"maintenance": [_shown(one, now) for one in await self._store.listed()]}
        )

    @serves("POST", "/v1/maintenance", Who.PUBLISHER, spec=DECLARE)
    async def declare(self, request: web.Request) -> web.Response:
        """POST /v1/maintenance: declare one; the same one again is one."""
        self._check_page()
        body = read_json(MaintenanceBody, await request.read())
        actor = await self._acting(request, body)
        try:
            result, kept = await self._declare(body, actor)
        except TooManyError:
            raise refusal(web.HTTPConflict, _FULL) from None
        status = 201 if result == "planned" else 200
        answer = {"result": result, "maintenance": _shown(kept, self._now())}
        return json_answer(answer, status=status)

    @serves("DELETE", "/v1/maintenance/{id}", Who.PUBLISHER, spec=CANCEL)
    async def cancel(self, request: web.Request) -> web.Response:
        """DELETE /v1/maintenance/{id}: it is cancelled, or over now where it had begun."""
        name = request.match_info["id"]
        actor = await self._acting(request, MaintenanceBody())
        result, found = await self._cancel(name, actor)
        if found is None:
            raise refusal(web.HTTPNotFound, f"there is no maintenance {name[:80]!r}")
        if result == "over":
            raise refusal(web.HTTPConflict, SAID[result])
        return json_answer({"result": result, "maintenance": _shown(found, self._now())})

    @serves("GET", "/maintenance", Who.PUBLISHER, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /maintenance: what is planned, and the form."""
        self._check_page()
        return await self._form(request, {}, ())

    @serves("POST", "/maintenance", Who.PUBLISHER, page=True)
    async def press(self, request: web.Request) -> web.Response:
        """POST /maintenance: the form; what is refused is shown with what was typed."""
        self._check_page()
        form = await read_form(request)
        # Of several of one name the form has the last alone.
        chosen = tuple(
            name
            for number, name in enumerate(self._known())
            if form.get(f"component-{number}") == "1"
        )
        given = {name: form.get(name, "").strip() for name in FIELDS}
        body = MaintenanceBody(
            given["title"], _utc(given["start"]), _utc(given["end"]), list(chosen), given["text"]
        )
        try:
            result, _ = await self._declare(body, self._actor(request, form))
        except PayloadError as error:
            place = error.position or ""
            return await self._form(request, given, chosen, wrong=(place, error.message))
        except TooManyError:
            return await self._form(request, given, chosen, wrong=("", _FULL), status=409)
        return self._back(result)

    @serves("POST", "/maintenance/{id}/cancel", Who.PUBLISHER, page=True)
    async def press_cancel(self, request: web.Request) -> web.Response:
        """POST /maintenance/{id}/cancel: the button."""
        form = await read_form(request)
        result, _ = await self._cancel(request.match_info["id"], self._actor(request, form))
        return self._back(result)

    async def _declare(self, body: MaintenanceBody, actor: Actor) -> tuple[str, Maintenance]:
        now = self._now()
        wanted = read_maintenance(body, self._known(), actor.principal, now)
        kept = await self._store.add(wanted, now)
        result = "planned" if kept is wanted else "already_planned"
        self._audit.maintenance(actor, kept.id, result)
        self._page.wake()
        return result, kept

    async def _cancel(self, name: str, actor: Actor) -> tuple[str, Maintenance | None]:
        result, found = await self._store.cancel(name, actor.principal, self._now())
        if found is not None:
            self._audit.maintenance(actor, found.id, result)
            self._page.wake()
        return result, found

    async def _form(
        self,
        request: web.Request,
        given: Mapping[str, str],
        chosen: tuple[str, ...],
        *,
        wrong: tuple[str, str] | None = None,
        status: int = 0,
    ) -> web.Response:
        now = self._now()
        shown = [_shown(one, now) for one in await self._store.listed()]
        base = await self._console.base(request)
        values: dict[str, Any] = {
            "given": {name: given.get(name, "") for name in FIELDS},
            "components": [(name, name in chosen) for name in self._known()],
            "wrong": wrong,
            "planned": [one for one in shown if one["status"] != "completed"],
            "past": [one for one in reversed(shown) if one["status"] == "completed"],
            "said": SAID.get(request.query.get("said", ""), ""),
        }
        text = await read_off_the_loop(
            lambda: render("console/maintenance.html.j2", **(base | values))
        )
        return page_answer(text, status=status or (400 if wrong else 200))

    def _known(self) -> list[str]:
        return [component.name for component in self._page.config.components]

    def _check_page(self) -> None:
        if not self._page.enabled:
            words = "there is no status page: status_page.components is empty"
            raise refusal(web.HTTPNotFound, words)

    def _back(self, result: str) -> web.Response:
        where = f"{self._prefix}/maintenance?said={result}"
        return web.Response(status=303, headers={"Location": where})

    def _actor(self, request: web.Request, form: Mapping[str, str]) -> Actor:
        credential = principal_of(request)
        human = credential is None or credential.is_human
        name = self._console.name_of(request, dict(form))
        return Actor(name or "somebody", "console", human=human)


def _utc(text: str) -> str:
    """Return what a browser's field of a local time says, as UTC: the form says so."""
    return f"{text}Z" if text and "Z" not in text.upper() and "+" not in text else text


def _shown(one: Maintenance, now: int) -> shapes.Planned:
    return {
        "id": one.id,
        "title": one.title,
        "text": one.text,
        "components": list(one.components),
        "status": status_of(one, now),
        "start": rfc3339(one.start),
        "end": rfc3339(one.end),
        "by": one.by or None,
        "at": rfc3339(one.at),
    }
