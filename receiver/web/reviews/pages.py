"""The review as a document that people fill in: its form, and who saved what.

The form works without a script. What was typed is on the page again whatever came of it: refused
with what is wrong, or beside what somebody else saved meanwhile.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from receiver.actions.perform import Actions
from receiver.actions.review import LINES_MAX, SECTION_MAX, ReviewSaveBody, check_section
from receiver.actions.words import REFUSED
from receiver.aio.off_the_loop import read_off_the_loop
from receiver.errors import PayloadError, StoreUnavailableError
from receiver.http.asked.body import SECTIONS_MAX
from receiver.http.asked.forms import read_form
from receiver.http.routes import Who, principal_of, serves
from receiver.incident_json import Whole
from receiver.review.build import document_of
from receiver.review.diff import changes_of
from receiver.review.load import WHOLE_TIMELINE
from receiver.review.model import Document
from receiver.store.incidents import IncidentStore
from receiver.templates import render
from receiver.text.numbers import whole
from receiver.text.times import rfc3339
from receiver.text.visible import visible
from receiver.web.console import NAME_MAX, ConsoleEndpoint
from receiver.web.page_headers import page_answer
from routing.incident_parts import Actor
from routing.person_event import ReviewSaved
from routing.review_sections import SECTIONS, VERSIONS_MAX, versions_of
from routing.vocabulary import Reason

SHOWN = 10
_AWAY = "The review cannot be saved just now: the store does not answer. Try again in a moment."


class ReviewPagesEndpoint:
    """``/incidents/{id}/review/edit`` and ``/incidents/{id}/review/versions``."""

    def __init__(
        self, actions: Actions, store: IncidentStore, console: ConsoleEndpoint, prefix: str
    ) -> None:
        """``prefix``: the path before every link, "" for none."""
        self._prefix = prefix
        self._actions = actions
        self._store = store
        self._console = console

    @serves("GET", "/incidents/{id}/review/edit", Who.RESPONDER, page=True)
    async def edit(self, request: web.Request) -> web.Response:
        """GET /incidents/{id}/review/edit: the form."""
        found = await self._load(request)
        document = document_of(found.incident, versions_of(found.timeline))
        return await self._form(request, found, document, _texts(document))

    @serves("POST", "/incidents/{id}/review/edit", Who.RESPONDER, page=True)
    async def save(self, request: web.Request) -> web.Response:
        """POST /incidents/{id}/review/edit: save it; what is refused is shown with its text."""
        form = await read_form(request, SECTIONS_MAX)
        found = await self._load(request)
        document = document_of(found.incident, versions_of(found.timeline))
        saved = _texts(document)
        typed = {name: form.get(name, saved[name]) for name in SECTIONS}
        seen = whole(form.get("version", ""), VERSIONS_MAX, 0)
        wrong = _wrong(typed)
        if wrong:
            return await self._form(
                request, found, document, typed, wrong=wrong, status=400, seen=seen
            )
        try:
            reason = await self._save(request, form, found.incident.id, typed, seen)
        except StoreUnavailableError:
            return await self._form(
                request, found, document, typed, said=_AWAY, status=503, seen=seen
            )
        if reason in (Reason.REVIEW_SAVED, Reason.UNCHANGED):
            name = found.incident.id
            at = f"{self._prefix}/incidents/{name}/review?said={reason}:{name}"
            return web.Response(status=303, headers={"Location": at})
        if reason == Reason.REVIEW_CONFLICT:
            return await self._conflict(request, typed)
        words = REFUSED.get(reason, reason)
        return await self._form(request, found, document, typed, said=words, status=409, seen=seen)

    async def _save(
        self,
        request: web.Request,
        form: Mapping[str, str],
        incident: str,
        typed: Mapping[str, str],
        seen: int | None,
    ) -> str:
        """Save what was typed; return what became of it."""
        if seen is None:
            # What is no version was none that anybody read: they are shown what there is.
            return Reason.REVIEW_CONFLICT
        body = msgspec.convert({**typed, "version": seen}, ReviewSaveBody)
        actor = self._actor(request, form)
        outcome = await self._actions.perform(ReviewSaved.action, incident, body, actor)
        return outcome.reason

    @serves("GET", "/incidents/{id}/review/versions", Who.VIEWER, page=True)
    async def versions(self, request: web.Request) -> web.Response:
        """GET /incidents/{id}/review/versions?before=: who saved what and when, the last first."""
        found = await self._load(request)
        before = whole(request.query.get("before", ""), VERSIONS_MAX + 1, 1) or 0
        versions = versions_of(found.timeline)
        numbers = [one.number for one in reversed(versions) if not before or one.number < before]
        base = await self._console.base(request)

        def values() -> dict[str, Any]:
            shown = changes_of(versions, numbers[:SHOWN])
            return {
                "incident": found.incident,
                "versions": [(one, rfc3339(one.at)) for one in shown],
                "total": len(versions),
                "older": numbers[SHOWN - 1] if len(numbers) > SHOWN else 0,
                "later": bool(before),
            }

        template = "console/review_versions.html.j2"
        text = await read_off_the_loop(lambda: render(template, **base, **values()))
        return page_answer(text)

    async def _conflict(self, request: web.Request, given: Mapping[str, str]) -> web.Response:
        """Show what somebody else saved beside what was typed; saved again, the latter counts."""
        typed = {name: check_section(name, text) for name, text in given.items()}
        found = await self._load(request)
        document = document_of(found.incident, versions_of(found.timeline))
        words = f"{REFUSED[Reason.REVIEW_CONFLICT]} What you typed is below; beside it what"
        words = f"{words} {document.saved_by or 'nobody'} saved. Join the two, and save again."
        return await self._form(request, found, document, typed, said=words, status=409)

    async def _form(  # noqa: PLR0913 - what a form shows
        self,
        request: web.Request,
        found: Whole,
        document: Document,
        typed: Mapping[str, str],
        *,
        wrong: Mapping[str, str] | None = None,
        said: str = "",
        status: int = 200,
        seen: int | None = None,
    ) -> web.Response:
        """Return the form; ``seen``: the version that it goes on from, None for the newest."""
        base = await self._console.base(request)
        saved = _texts(document)
        differs = [name for name in SECTIONS if typed[name] != saved[name]]
        beside = differs if status == web.HTTPConflict.status_code else []
        values: dict[str, Any] = {
            "incident": found.incident,
            "document": document,
            "saved_at": rfc3339(document.saved_at),
            "refused": said,
            "wrong": wrong or {},
            "seen": document.version if seen is None else seen,
            "sections": [
                {
                    "name": name,
                    "hint": hint,
                    "text": typed[name],
                    "saved": _shown(saved[name]) if name in beside else None,
                }
                for name, hint in SECTIONS.items()
            ],
            "most": SECTION_MAX,
            "lines": LINES_MAX,
        }
        template = "console/review_edit.html.j2"
        text = await read_off_the_loop(lambda: render(template, **base, **values))
        return page_answer(text, status=status)

    async def _load(self, request: web.Request) -> Whole:
        name = request.match_info["id"]
        found = await self._store.whole(name, WHOLE_TIMELINE)
        if found is None:
            words = "It may have been forgotten long after its end."
            raise web.HTTPNotFound(text=f"There is no incident {name[:NAME_MAX]}. {words}\n")
        return found

    def _actor(self, request: web.Request, form: Mapping[str, str]) -> Actor:
        credential = principal_of(request)
        human = credential is None or credential.is_human
        name = self._console.name_of(request, dict(form))
        return Actor(name or "somebody", "console", human=human)


def _texts(document: Document) -> dict[str, str]:
    return {name: getattr(document, name) for name in SECTIONS}


def _wrong(typed: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each section that cannot be saved."""
    found: dict[str, str] = {}
    for name, text in typed.items():
        try:
            check_section(name, text)
        except PayloadError as error:
            found[name] = error.message
    return found


def _shown(text: str) -> str:
    return "\n".join(map(visible, text.split("\n")))
