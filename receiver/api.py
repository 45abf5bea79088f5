"""The JSON API: incidents as they are, their reviews, and what people do to them.

What a person does is the same event as a click in Slack, decided by the same rules.
"""

import asyncio
import hashlib
import json
import uuid
from typing import Any

from aiohttp import web

from receiver import present
from receiver.access import Access
from receiver.batch import Outcome
from receiver.clock import Clock
from receiver.dispatch import Dispatcher
from receiver.opening import OpenBody, Opening
from receiver.person_actions import ACTIONS, read_body, read_event, read_json, whole
from receiver.review_facts import Review, to_json
from receiver.reviews import Reviews
from receiver.settings import CredentialConfig
from receiver.silence_requests import act as silence_act
from receiver.silence_requests import is_about_silences, read_silence_body
from receiver.silencer import Silencer
from receiver.status_requests import (
    STATUS_ACTIONS,
    read_status_body,
    refuse_no_component,
    status_event,
)
from receiver.store.dead_letters import DeadLetterStore
from receiver.store.tasks import TaskStore
from routing.event import PersonEvent
from routing.incident import Incident
from routing.incident_parts import Actor

STATES = ("open", "closed", "all")
FORMATS = ("json", "markdown", "html")
LIMIT_MAX = 1_000
KEY_MAX = 200
SHOWN = 40
"""Characters of a wrong value that are repeated."""


def refuse(status: type[web.HTTPException], message: str, **more: Any) -> web.HTTPException:
    """Return an HTTP error with a JSON body that says what was wrong and what is allowed."""
    return status(
        text=json.dumps({"error": message, **more}) + "\n", content_type="application/json"
    )


class ApiEndpoint:
    """``/v1/incidents`` and ``/v1/dead-letters``."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        dispatcher: Dispatcher,
        tasks: TaskStore,
        dead_letters: DeadLetterStore,
        access: Access,
        clock: Clock,
        opening: Opening,
        silencer: Silencer,
        reviews: Reviews,
        components: tuple[str, ...] = (),
    ) -> None:
        """``components``: those of the status page."""
        self._reviews = reviews
        self._components = components
        self._opening = opening
        self._silencer = silencer
        self._dispatcher = dispatcher
        self._store = dispatcher.store
        self._tasks = tasks
        self._dead_letters = dead_letters
        self._access = access
        self._clock = clock

    async def newest(self, request: web.Request) -> web.Response:
        """GET /v1/incidents?state=&limit=&cursor=: newest first, with the cursor of the rest."""
        self._access.check(request)
        state = request.query.get("state", "open")
        if state not in STATES:
            raise refuse(
                web.HTTPBadRequest,
                f"state is {state[:SHOWN]!r}; allowed: {', '.join(STATES)}",
                place="state",
            )
        limit = _number(request, "limit", 100, LIMIT_MAX)
        cursor = request.query.get("cursor")
        before = _number(request, "cursor", 0, 1 << 53) if cursor else None
        found = await self._store.newest(state, limit + 1, before)
        more = len(found) > limit
        shown = found[:limit]
        following = None
        if more:
            last = shown[-1]
            following = str(last.episode_opened_at if last.is_open else last.resolved_at)
        return web.json_response(
            {"incidents": [present.summary(incident) for incident in shown], "next": following}
        )

    async def one(self, request: web.Request) -> web.Response:
        """GET /v1/incidents/{id}: state, alerts, clocks, timeline, deliveries."""
        self._access.check(request)
        incident = await self._load(request)
        return web.json_response(
            present.details(
                incident,
                await self._store.timeline(incident.id),
                await self._tasks.receipts(incident.id),
                await self._store.last_seen(incident),
            )
        )

    async def review(self, request: web.Request) -> web.Response:
        """GET /v1/incidents/{id}/review?format=: the post-incident review."""
        self._access.check(request)
        usual = "markdown" if "text/markdown" in request.headers.get("Accept", "") else "json"
        shape = request.query.get("format", usual)
        if shape not in FORMATS:
            known = ", ".join(FORMATS)
            raise refuse(
                web.HTTPBadRequest, f"format is {shape[:SHOWN]!r}; allowed: {known}", place="format"
            )
        review = await self._reviews.load(await self._load(request))
        # A long timeline takes longer to print than a webhook may wait.
        return await asyncio.to_thread(self._shaped, review, shape)

    def _shaped(self, review: Review, shape: str) -> web.Response:
        pages, headers = self._reviews.pages, {"X-Content-Type-Options": "nosniff"}
        if shape == "json":
            return web.json_response(to_json(review))
        if shape == "markdown":
            text = pages.markdown(review)
            return web.Response(text=text, content_type="text/markdown", headers=headers)
        headers["Content-Security-Policy"] = pages.document_policy
        text = pages.document(review)
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def act(self, request: web.Request) -> web.Response:
        """POST /v1/incidents/{id}/{action}: what a person does; see ``person_actions``."""
        credential = self._access.check(request)
        incident = await self._load(request)
        action = request.match_info["action"]
        if action not in (*ACTIONS, *STATUS_ACTIONS):
            known = ", ".join((*ACTIONS, *STATUS_ACTIONS))
            raise refuse(web.HTTPNotFound, f"there is no action {action!r}; allowed: {known}")
        raw = await request.read()
        if is_about_silences(action):
            asked = read_silence_body(action, raw)
            actor, now = _actor(request, asked.by, credential), self._clock.now()
            return _answer(await silence_act(self._silencer, incident, asked, actor, now))
        event = await self._event(request, action, raw, credential)
        key = _idempotency_key(request)
        event_id = f"api:{incident.id}:{action}:{key}" if key else ""
        outcome = await self._dispatcher.submit(event, incident.id, event_id)
        refuse_no_component(outcome.reason, self._components)
        return _answer(outcome)

    async def _event(
        self, request: web.Request, action: str, raw: bytes, credential: CredentialConfig | None
    ) -> PersonEvent:
        if action in STATUS_ACTIONS:
            body = read_status_body(action, raw)
            actor = _actor(request, body.by, credential)
            return status_event(action, body, actor, self._components)
        body = read_body(action, raw)
        actor = _actor(request, body.by, credential)
        return await read_event(action, body, actor, self._clock.now(), self._store.find)

    async def open(self, request: web.Request) -> web.Response:
        """POST /v1/incidents: open one by hand; the same Idempotency-Key opens it once."""
        credential = self._access.check(request)
        body = read_json(OpenBody, await request.read())
        key = _idempotency_key(request) or uuid.uuid4().hex
        outcome = await self._opening.open(body, _actor(request, body.by, credential), key)
        shown = present.summary(outcome.incident) if outcome.incident else None
        status = 201 if outcome.reason == "opened" else 200
        return web.json_response({"result": outcome.reason, "incident": shown}, status=status)

    async def dead_letters(self, request: web.Request) -> web.Response:
        """GET /v1/dead-letters?limit=: what was sent and was no alert, newest first."""
        self._access.check(request)
        letters = await self._dead_letters.newest(_number(request, "limit", 100, LIMIT_MAX))
        return web.json_response(
            {
                "dead_letters": [
                    {
                        "at": present.rfc3339(letter.at),
                        "reason": letter.reason,
                        "place": letter.place,
                        "sender": letter.sender,
                        "raw": letter.raw,
                    }
                    for letter in letters
                ]
            }
        )

    async def _load(self, request: web.Request) -> Incident:
        name = request.match_info["id"]
        incident = await self._store.find(name)
        if incident is None:
            raise refuse(web.HTTPNotFound, f"there is no incident {name!r}")
        return incident


def _actor(request: web.Request, by: str, credential: CredentialConfig | None) -> Actor:
    """Return who acts: as the body says, else the credential's name, which is kept anyway."""
    known = credential.name if credential else ""
    agent = request.headers.get("User-Agent", "")
    via = "cli" if agent.startswith("incident-manager") else "api"
    return Actor(by or known or "somebody", via, known)


def _answer(outcome: Outcome) -> web.Response:
    """A request that changes nothing is a result, not an error: it says what is the case now."""
    shown = present.summary(outcome.incident) if outcome.incident else None
    status = 409 if outcome.reason in ("stale", "damaged") else 200
    return web.json_response({"result": outcome.reason, "incident": shown}, status=status)


def _number(request: web.Request, name: str, default: int, greatest: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    found = whole(text, greatest)
    if found is None:
        words = f"{name} is {text[:SHOWN]!r}; allowed: 1 to {greatest}"
        raise refuse(web.HTTPBadRequest, words, place=name)
    return found


def _idempotency_key(request: web.Request) -> str:
    """Return the key under which a request counts once, short and of plain characters; "" for none.

    It becomes part of a key's name; cutting it would make one of two.
    """
    given = request.headers.get("Idempotency-Key", "")
    if len(given) <= KEY_MAX and given.isascii():
        return given
    return hashlib.sha256(given.encode("utf-8", "surrogateescape")).hexdigest()
