"""Dead letters for programs: listed, shown, sent again."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypedDict

import msgspec
from aiohttp import web

from receiver.actions.row import read_json
from receiver.engine.batch_queue import Outcome
from receiver.http.answers import json_answer
from receiver.http.asked.parameters import LIMIT, check_parameters, read_number
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, principal_of, role_of, serves
from receiver.people.actor import People
from receiver.problem import refusal
from receiver.roles import Role, may
from receiver.store.dead_letters import (
    BEGINNING,
    DeadLetterStore,
    Kept,
    Letter,
    Letters,
    as_json,
)
from routing.incident_parts import Actor
from routing.vocabulary import Reason

SHOWN = 40
Send = Callable[[Kept, bytes, Actor, bool], Awaitable[list[Outcome]]]
"""Sends a letter again, mended if there are bytes; PayloadError for what is still no alert.

The last: whether whoever does it may say what outsiders read.
"""


class AgainBody(msgspec.Struct, forbid_unknown_fields=True):
    """``mended``: the notification, or of one alert the alert, as it should have been.

    Without it the letter is sent as it is kept. ``by`` and ``human`` as of actions.
    """

    mended: Any = None
    by: str = ""
    human: bool | None = None


class TakenIn(TypedDict):
    """An incident that has the alerts now, and what became of it."""

    incident: str
    result: Reason


class SentAgain(TypedDict):
    """The alerts are durable, and the letter is off the list."""

    result: Literal["sent_again"]
    incidents: list[TakenIn]


class DeadLetterEndpoint:
    """``/v1/dead-letters``."""

    def __init__(self, store: DeadLetterStore, send: Send, people: People) -> None:
        self._store = store
        self._send = send
        self._people = people

    @serves("GET", "/v1/dead-letters", Who.VIEWER, spec=Spec({200: Letters}, (LIMIT,)))
    async def listed(self, request: web.Request) -> web.Response:
        """GET /v1/dead-letters?limit=: what was sent and was no alert, newest first."""
        letters = await self._store.newest(read_number(request, LIMIT))
        total = await self._store.count()
        shown = [as_json(letter, BEGINNING) for letter in letters]
        return json_answer({"dead_letters": shown, "total": total})

    @serves("GET", "/v1/dead-letters/{id}", Who.VIEWER, spec=Spec({200: Letter}))
    async def one(self, request: web.Request) -> web.Response:
        """GET /v1/dead-letters/{id}: one of them, with all that is kept of it."""
        return json_answer(as_json(await self._found(request)))

    @serves(
        "POST",
        "/v1/dead-letters/{id}/resend",
        Who.RESPONDER,
        spec=Spec({200: SentAgain}, body=AgainBody),
    )
    async def resend(self, request: web.Request) -> web.Response:
        """POST /v1/dead-letters/{id}/resend: take it in again, mended or as it is.

        It counts as of the time it came, in its own group: what an incident has already changes
        nothing and pages nobody.
        """
        check_parameters(request, ())
        body = read_json(AgainBody, await request.read())
        kept = await self._found(request)
        agent = request.headers.get("User-Agent", "")
        via = "cli" if agent.startswith("incident-manager") else "api"
        actor = await self._people.actor(via, body.by, principal_of(request), human=body.human)
        mended = b"" if body.mended is None else msgspec.json.encode(body.mended)
        publishes = may(role_of(request), Role.PUBLISHER)
        outcomes = await self._send(kept, mended, actor, publishes)
        return json_answer({"result": "sent_again", "incidents": taken_in(outcomes)})

    async def _found(self, request: web.Request) -> Kept:
        name = request.match_info["id"]
        found = await self._store.find(name)
        if found is None:
            words = f"there is no dead letter {name[:SHOWN]!r}: see GET /v1/dead-letters"
            raise refusal(web.HTTPNotFound, words, place="id")
        return found


def taken_in(outcomes: list[Outcome]) -> list[TakenIn]:
    """Return the incidents of what was sent again."""
    return [
        {"incident": outcome.incident.id, "result": outcome.reason}
        for outcome in outcomes
        if outcome.incident is not None
    ]
