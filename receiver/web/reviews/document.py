"""What people write in a review, for programs: read with an ETag, saved with If-Match."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from receiver.actions.perform import Actions
from receiver.actions.review import ReviewSaveBody
from receiver.actions.row import Body, read_json
from receiver.actions.words import REFUSED
from receiver.errors import PayloadError
from receiver.http.answers import json_answer
from receiver.http.asked.etag import IF_MATCH, is_known, tag_of, wanted_versions
from receiver.http.asked.parameters import read_number
from receiver.http.asked.spec import Header, Parameter, Spec
from receiver.http.routes import Who, serves
from receiver.problem import refusal
from receiver.review.build import document_of
from receiver.review.load import WHOLE_TIMELINE
from receiver.store.incidents import IncidentStore
from receiver.store.lists.handles import id_of
from receiver.text.times import rfc3339
from receiver.web.reviews import shapes
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import ReviewSaved
from routing.review_sections import VERSIONS_MAX, ReviewVersion, versions_of
from routing.vocabulary import Reason

VERSION = Parameter("version", "as it was then; 0: as it is", 0, least=0, greatest=VERSIONS_MAX)
BEFORE = Parameter("before", "saves before this one", 0, least=0, greatest=VERSIONS_MAX + 1)
LIMIT = Parameter("limit", "how many at most", 20, least=1, greatest=100)
KNOWN = Header("If-None-Match", "the ETag of an answer that is known")
MATCH = Header(IF_MATCH, "the ETag of the document as it was read; else nothing is saved")
READ = Spec({200: shapes.WrittenReview, 304: None}, (VERSION,), headers=(KNOWN,))
SAVE = Spec(
    {200: shapes.WrittenReview},
    body=ReviewSaveBody,
    headers=(MATCH,),
    problems=(409, 412, 428),
)
LISTED = Spec({200: shapes.WrittenVersions}, (BEFORE, LIMIT))

Acting = Callable[[web.Request, Body], Awaitable[Actor]]
Told = tuple[Incident, tuple[ReviewVersion, ...]]


class ReviewDocumentEndpoint:
    """``/v1/incidents/{id}/review/document`` and its versions."""

    def __init__(self, actions: Actions, store: IncidentStore, acting: Acting) -> None:
        """``acting(request, body)``: who does what a request asks for."""
        self._actions = actions
        self._store = store
        self._acting = acting

    @serves("GET", "/v1/incidents/{id}/review/document", Who.VIEWER, spec=READ)
    async def read(self, request: web.Request) -> web.Response:
        """GET /v1/incidents/{id}/review/document?version=: what people wrote in the review."""
        number = read_number(request, VERSION)
        incident, versions = await self._load(request)
        if number and all(one.number != number for one in versions):
            last = incident.review.version if incident.review is not None else 0
            words = f"there is no version {number} of it; the last one is {last}"
            raise refusal(web.HTTPNotFound, words, place="version")
        return _answer(request, incident, versions, number)

    @serves("PUT", "/v1/incidents/{id}/review/document", Who.RESPONDER, spec=SAVE)
    async def save(self, request: web.Request) -> web.Response:
        """PUT /v1/incidents/{id}/review/document: save it, unless somebody else was first."""
        body = read_json(ReviewSaveBody, await request.read())
        incident, _ = await self._load(request)
        version = _wanted(request, body, incident)
        body = msgspec.structs.replace(body, version=version)
        actor = await self._acting(request, body)
        outcome = await self._actions.perform(ReviewSaved.action, incident.id, body, actor)
        if outcome.reason == Reason.UNKNOWN_INCIDENT or outcome.incident is None:
            raise _unknown(request)
        if outcome.reason == Reason.REVIEW_CONFLICT:
            head = outcome.incident.review
            now, by = (head.version, head.by) if head is not None else (0, "nobody")
            words = f"it is version {now} by now, saved by {by}: read it again; nothing was saved"
            raise refusal(web.HTTPPreconditionFailed, words, place=IF_MATCH)
        if outcome.reason not in (Reason.REVIEW_SAVED, Reason.UNCHANGED):
            words = REFUSED.get(outcome.reason, str(outcome.reason))
            raise refusal(web.HTTPConflict, words, result=str(outcome.reason))
        return _answer(request, *await self._load(request))

    @serves("GET", "/v1/incidents/{id}/review/versions", Who.VIEWER, spec=LISTED)
    async def versions(self, request: web.Request) -> web.Response:
        """GET /v1/incidents/{id}/review/versions?before=&limit=: who saved what, and when."""
        before, limit = read_number(request, BEFORE), read_number(request, LIMIT)
        _, versions = await self._load(request)
        shown = [one for one in reversed(versions) if not before or one.number < before]
        page = shown[:limit]
        return json_answer(
            {
                "versions": [
                    {
                        "version": one.number,
                        "saved_at": rfc3339(one.at),
                        "saved_by": one.by or None,
                        "sections": one.sections,
                    }
                    for one in page
                ],
                "next": page[-1].number if len(shown) > limit else None,
                "total": len(versions),
            }
        )

    async def _load(self, request: web.Request) -> Told:
        name = await id_of(self._store.lists, request.match_info["id"])
        found = await self._store.whole(name, WHOLE_TIMELINE)
        if found is None:
            raise _unknown(request)
        return found.incident, versions_of(found.timeline)


def _unknown(request: web.Request) -> web.HTTPException:
    return refusal(web.HTTPNotFound, f"there is no incident {request.match_info['id']!r}")


def _wanted(request: web.Request, body: ReviewSaveBody, incident: Incident) -> int | None:
    """Return the version that a save is meant for, None for any (``If-Match: *``)."""
    versions = wanted_versions(request)
    if body.version is not None:
        raise PayloadError(f"goes into {IF_MATCH} here", "version")
    if versions:
        known = incident.review.version if incident.review is not None else 0
        return known if known in versions else min(versions)
    if request.headers.get(IF_MATCH, "").strip() == "*":
        return None
    words = (
        f"send {IF_MATCH} with the ETag that GET answered, so that nothing of somebody else's is"
        " overwritten (`*`: whatever there is)"
    )
    raise refusal(web.HTTPPreconditionRequired, words, place=IF_MATCH)


def _answer(
    request: web.Request, incident: Incident, versions: tuple[ReviewVersion, ...], number: int = 0
) -> web.Response:
    document = document_of(incident, versions, number)
    shown: Mapping[str, object] = {
        "incident": incident.id,
        "version": document.version,
        "saved_at": rfc3339(document.saved_at),
        "saved_by": document.saved_by or None,
        "impact": document.impact,
        "causes": document.causes,
        "lessons": document.lessons,
    }
    answer = json_answer(shown)
    tag = tag_of(document.version, answer.body if isinstance(answer.body, bytes) else b"")
    if request.method != "PUT" and is_known(request, tag):
        return web.Response(status=304, headers={"ETag": tag})
    answer.headers["ETag"] = tag
    return answer
