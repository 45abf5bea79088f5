"""The JSON API: incidents as they are, their reviews, and what people do to them.

What a person does is the same event as a click in Slack, decided by the same rules.
"""

import hashlib
import uuid
from collections.abc import Callable

import msgspec
from aiohttp import web

from receiver import incident_json
from receiver import incident_shapes as shapes
from receiver.actions.open_incident import OpenBody, OpenIncident
from receiver.actions.perform import Actions
from receiver.actions.registry import REGISTRY
from receiver.actions.row import Body, read_json
from receiver.aio.off_the_loop import MANY_ALERTS, read_off_the_loop
from receiver.engine.batch_queue import Outcome
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import PayloadError
from receiver.http.answers import json_answer
from receiver.http.asked.etag import IF_MATCH, is_known, tag_of, wanted_versions
from receiver.http.asked.parameters import (
    LIMIT,
    LIST,
    check_parameters,
    read_choice,
    read_number,
    read_one,
    read_query,
)
from receiver.http.asked.spec import Header, Media, Parameter, Spec
from receiver.http.auth import demand
from receiver.http.routes import Who, principal_of, serves
from receiver.people.actor import People
from receiver.problem import refusal
from receiver.review.load import Reviews
from receiver.review.model import Review, to_json
from receiver.store.lists.handles import id_of
from receiver.store.lists.query import CursorError
from receiver.store.lists.read import SEARCH_S
from receiver.store.request_keys import RequestKeys
from receiver.web.answer_shapes import Acted, IncidentList
from routing import incident_parts
from routing.incident import Incident
from routing.vocabulary import Reason

ENTRY_MAX = 10**9
KEY_MAX = 200
BEFORE = Parameter(
    "timeline_before", "entries of the timeline before this number", least=2, greatest=ENTRY_MAX
)
FORMAT = Parameter("format", "as JSON or as a document", choices=("json", "markdown", "html"))
MATCH = Header(IF_MATCH, "the ETag of the incident as it was seen; else nothing is done")
KNOWN = Header("If-None-Match", "the ETag of an answer that is known")
KEY = Header("Idempotency-Key", "the same request under the same key is done once, for 10 minutes")


_CONFLICTS = (Reason.STALE, Reason.DAMAGED, Reason.REVIEW_CONFLICT)
REVIEW = Spec({200: Media(("application/json", "text/markdown", "text/html"), Review)}, (FORMAT,))
ONE = Spec({200: shapes.Incident, 304: None}, (BEFORE,), headers=(KNOWN,))
ACT = Spec(
    {200: Acted, 409: Acted},
    body=Body,
    headers=(KEY, MATCH),
    problems=(412, 422, 502),
    # Looked at by the handler: of what is no action, that is said first.
    lenient=True,
)
OPEN = Spec(
    {200: Acted, 201: Acted}, body=OpenBody, needed=("title",), headers=(KEY,), problems=(422,)
)


class ApiEndpoint:
    """``/v1/incidents``."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        dispatcher: Dispatcher,
        open_incident: OpenIncident,
        actions: Actions,
        reviews: Reviews,
        people: People,
        shown: incident_json.Shown,
        now: Callable[[], int],
    ) -> None:
        """``shown(notifier, receipt)``: what the notifier shows of it; ``now()`` in ms."""
        self._now = now
        self._shown = shown
        self._reviews = reviews
        self._people = people
        self._open_incident = open_incident
        self._actions = actions
        self._store = dispatcher.store
        self._request_keys = RequestKeys(dispatcher.store.redis)

    @serves("GET", "/v1/incidents", Who.VIEWER, spec=Spec({200: IncidentList}, LIST))
    async def incidents(self, request: web.Request) -> web.Response:
        """GET /v1/incidents: a page of a list, most urgent first, with the cursor of the rest."""
        credential = principal_of(request)
        me = credential.name if credential else ""
        query = read_query(request, now=self._now(), me=me)
        limit = read_number(request, LIMIT)
        seconds = SEARCH_S if query.wants_closed and query.filters else 0
        lists, cursor = self._store.lists, read_one(request, "cursor")
        try:
            page = await lists.shown(query, limit, cursor, _row, seconds=seconds)
        except CursorError as error:
            raise PayloadError(f"cursor {error}", "cursor") from None
        body = {
            "incidents": page.incidents,
            "next": page.next or None,
            "total": page.total,
            "looked_through": page.examined,
        }
        return json_answer(body)

    @serves("GET", "/v1/incidents/{id}", Who.VIEWER, spec=ONE)
    async def one(self, request: web.Request) -> web.Response:
        """GET /v1/incidents/{id}: alerts, clocks, timeline, deliveries as of one moment."""
        before = read_number(request, BEFORE)
        found = await self._store.whole(await self._id(request), before=before)
        if found is None:
            raise self._unknown(request)
        if len(found.incident.alerts) <= MANY_ALERTS:
            return self._tagged(request, found)
        return await read_off_the_loop(lambda: self._tagged(request, found))

    def _tagged(self, request: web.Request, found: incident_json.Whole) -> web.Response:
        answer = json_answer(incident_json.details(found, self._shown))
        body = answer.body if isinstance(answer.body, bytes) else b""
        tag = tag_of(found.incident.version, body)
        if is_known(request, tag):
            return web.Response(status=304, headers={"ETag": tag})
        answer.headers["ETag"] = tag
        return answer

    @serves("GET", "/v1/incidents/{id}/review", Who.VIEWER, spec=REVIEW)
    async def review(self, request: web.Request) -> web.Response:
        """GET /v1/incidents/{id}/review?format=: the post-incident review."""
        usual = "markdown" if "text/markdown" in request.headers.get("Accept", "") else "json"
        shape = read_choice(request, FORMAT, usual)
        review = await self._reviews.find(await self._id(request))
        if review is None:
            raise self._unknown(request)
        # A long timeline takes longer to print than a webhook may wait.
        return await read_off_the_loop(lambda: self._shaped(review, shape))

    def _shaped(self, review: Review, shape: str) -> web.Response:
        pages, headers = self._reviews.pages, {"X-Content-Type-Options": "nosniff"}
        if shape == "json":
            return json_answer(to_json(review))
        if shape == "markdown":
            text = pages.markdown(review)
            return web.Response(text=text, content_type="text/markdown", headers=headers)
        headers["Content-Security-Policy"] = pages.document_policy
        text = pages.document(review)
        return web.Response(text=text, content_type="text/html", headers=headers)

    @serves("POST", "/v1/incidents/{id}/{action}", Who.RESPONDER, spec=ACT)
    async def act(self, request: web.Request) -> web.Response:
        """POST /v1/incidents/{id}/{action}: what a person does; see ``registry``."""
        action = request.match_info["action"]
        if action in ("review", "explanation"):
            # Of the same form as an action's path.
            raise web.HTTPMethodNotAllowed("POST", ("GET", "HEAD", "OPTIONS"))
        if action not in REGISTRY:
            known = ", ".join(REGISTRY)
            raise refusal(web.HTTPNotFound, f"there is no action {action!r}; allowed: {known}")
        demand(principal_of(request), REGISTRY[action].role)
        check_parameters(request, ())
        incident = await self._load(request)
        body = read_json(REGISTRY[action].body, await request.read())
        actor = await self.actor(request, body)
        key = _idempotency_key(request)
        event_id = f"api:{incident.id}:{action}:{key}" if key else ""
        versions = wanted_versions(request)
        await self._refuse_another(event_id, body)
        outcome = await self._actions.perform(action, incident.id, body, actor, event_id, versions)
        if outcome.reason == Reason.UNKNOWN_INCIDENT:
            raise self._unknown(request)
        if outcome.reason == Reason.STALE and versions and outcome.incident:
            words = f"it is version {outcome.incident.version} by now: look again; nothing was done"
            raise refusal(web.HTTPPreconditionFailed, words, place=IF_MATCH)
        return _answer(outcome, actor)

    @serves("POST", "/v1/incidents", Who.RESPONDER, spec=OPEN)
    async def open(self, request: web.Request) -> web.Response:
        """POST /v1/incidents: open one by hand; the same Idempotency-Key opens it once."""
        body = read_json(OpenBody, await request.read())
        key = _idempotency_key(request)
        actor = await self.actor(request, body)
        await self._refuse_another(f"open:{key}" if key else "", body)
        outcome = await self._open_incident.open(body, actor, key or uuid.uuid4().hex)
        shown = incident_json.summary(outcome.incident) if outcome.incident else None
        status = 201 if outcome.reason == Reason.OPENED else 200
        answer = {
            "result": outcome.reason,
            "by": incident_json.actor_json(actor),
            "incident": shown,
        }
        return web.json_response(answer, status=status)

    async def actor(self, request: web.Request, body: Body | OpenBody) -> incident_parts.Actor:
        """Return who does what a request asks for."""
        agent = request.headers.get("User-Agent", "")
        via = "cli" if agent.startswith("incident-manager") else "api"
        credential = principal_of(request)
        return await self._people.actor(via, body.by, credential, human=body.human)

    async def _refuse_another(self, event_id: str, body: Body | OpenBody) -> None:
        """Refuse with HTTP 422 what comes under the key of another request.

        As draft-ietf-httpapi-idempotency-key-header says; taken as the same one it would be lost.
        """
        asked = msgspec.json.encode(body, order="deterministic")
        if event_id and not await self._request_keys.is_same(event_id, asked):
            words = (
                "another request came under this Idempotency-Key within 10 minutes; send this one"
                " under a key of its own"
            )
            raise refusal(web.HTTPUnprocessableEntity, words)

    async def _load(self, request: web.Request) -> Incident:
        incident = await self._store.find(await self._id(request))
        if incident is None:
            raise self._unknown(request)
        return incident

    async def _id(self, request: web.Request) -> str:
        return await id_of(self._store.lists, request.match_info["id"])

    @staticmethod
    def _unknown(request: web.Request) -> web.HTTPException:
        return refusal(web.HTTPNotFound, f"there is no incident {request.match_info['id']!r}")


def _row(incident: Incident) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(incident_json.summary(incident)))


def _answer(outcome: Outcome, actor: incident_parts.Actor) -> web.Response:
    """A request that changes nothing is a result, not an error: it says what is the case now."""
    shown = incident_json.summary(outcome.incident) if outcome.incident else None
    status = 409 if outcome.reason in _CONFLICTS else 200
    body = {"result": outcome.reason, "by": incident_json.actor_json(actor), "incident": shown}
    return web.json_response(body, status=status)


def _idempotency_key(request: web.Request) -> str:
    """Return the key under which a request counts once, short and of plain characters; "" for none.

    It becomes part of a key's name; cutting it would make one of two.
    """
    given = request.headers.get("Idempotency-Key", "")
    if len(given) <= KEY_MAX and given.isascii():
        return given
    return hashlib.sha256(given.encode("utf-8", "surrogateescape")).hexdigest()
