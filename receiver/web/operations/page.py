"""The page ``/operations``: how the service does, and dead letters to be mended and sent again."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from receiver.errors import PayloadError, TooManyError
from receiver.http.asked.forms import read_form
from receiver.http.limits import TooManyRequestsError
from receiver.http.routes import Who, principal_of, role_of, serves
from receiver.roles import Role, may
from receiver.store.dead_letters import DeadLetterStore, Kept, as_json
from receiver.text.columns import cut
from receiver.text.units import size, span
from receiver.text.yaml_text import yaml_text
from receiver.web.console_page import Pages
from receiver.web.console_view import upright
from receiver.web.operations.dead_letters import Send, taken_in
from receiver.web.operations.endpoint import Reads
from receiver.web.operations.shapes import Agenda, SilenceList, StoreShape
from routing.incident_parts import Actor

LETTERS, BEGINNING = 20, 200
SILENCES = 50
FORM_MAX = 1 << 16
TEXT_MAX = 200
"""Characters that are shown of a text of a silence."""
NAME_MAX = 80


class OperationsPage:
    """``/operations`` and what it leads to."""

    def __init__(
        self,
        reads: Reads,
        letters: DeadLetterStore,
        send: Send,
        pages: Pages,
        has_status_page: Callable[[], bool],
    ) -> None:
        self._reads = reads
        self._letters = letters
        self._send = send
        self._pages = pages
        self._has_status_page = has_status_page

    @serves("GET", "/operations", Who.VIEWER, page=True)
    async def show(self, request: web.Request) -> web.Response:
        """GET /operations: notifiers, heartbeats, dead letters, silences, agenda, store."""
        found = await self._reads.all()
        letters = await self._letters.newest(LETTERS)
        values = {
            **found,
            "agenda": _agenda(found["agenda"]),
            "store": _store(found["store"]),
            "letters": [_letter(kept, BEGINNING) for kept in letters],
            "letters_total": found["store"]["dead_letters"],
            "silences": _silences(await self._reads.silences()),
            "administers": may(role_of(request), Role.ADMIN),
            "plans": self._has_status_page() and may(role_of(request), Role.PUBLISHER),
        }
        said = _said(request.query.get("said", ""))
        return await self._pages.answer(request, "console/operations.html.j2", values, said=said)

    @serves("GET", "/operations/config", Who.ADMIN, page=True)
    async def config(self, request: web.Request) -> web.Response:
        """GET /operations/config: the configuration in force, without secrets."""
        found = self._reads.configuration()
        values = {"config": found, "text": yaml_text(found["configuration"])}
        return await self._pages.answer(request, "console/config.html.j2", values)

    @serves("GET", "/operations/dead-letters/{id}", Who.VIEWER, page=True)
    async def letter(self, request: web.Request) -> web.Response:
        """GET /operations/dead-letters/{id}: all that is kept of one, and a form to mend it."""
        return await self._one(request, await self._found(request))

    @serves("POST", "/operations/dead-letters/{id}/resend", Who.RESPONDER, page=True)
    async def resend(self, request: web.Request) -> web.Response:
        """POST /operations/dead-letters/{id}/resend: the form of it; answers with its incident."""
        form = await read_form(request, FORM_MAX)
        kept = await self._found(request)
        credential = principal_of(request)
        name = credential.name if credential else form.get("name", "").strip()[:NAME_MAX]
        human = credential is None or credential.is_human
        given = form.get("mended", "")
        try:
            mended = _mended(given, kept)
            outcomes = await self._send(
                kept,
                mended,
                Actor(name or "somebody", "console", human=human),
                may(role_of(request), Role.PUBLISHER),
            )
        except TooManyError as error:
            raise TooManyRequestsError(str(error), error.seconds) from None
        except PayloadError as error:
            return await self._one(request, kept, slip=str(error), given=given)
        incidents = taken_in(outcomes)
        said = f"{incidents[0]['result']}:{incidents[0]['incident']}" if incidents else "taken"
        place = f"{self._pages.prefix}/operations?{urlencode([('said', said)])}"
        return web.Response(status=303, headers={"Location": place})

    async def _one(
        self, request: web.Request, kept: Kept, *, slip: str = "", given: str = ""
    ) -> web.Response:
        shown = _letter(kept, 0)
        values = {
            "letter": shown,
            "text": given or _indented(kept.letter.raw, cut=kept.letter.cut),
            "slip": slip,
            "person": "known" if principal_of(request) else "",
        }
        status = 400 if slip else 200
        return await self._pages.answer(request, "console/letter.html.j2", values, status=status)

    async def _found(self, request: web.Request) -> Kept:
        found = await self._letters.find(request.match_info["id"])
        if found is None:
            raise web.HTTPNotFound(
                text="There is no such dead letter: it was sent again, or others took its place.\n"
            )
        return found


def _mended(given: str, kept: Kept) -> bytes:
    """Return what a form has in place of a letter, b"" where it is the letter as it is kept."""
    if not given.strip():
        return b""
    try:
        found = msgspec.json.decode(given)
    except (msgspec.DecodeError, RecursionError) as error:
        raise PayloadError(f"this is no JSON: {error}", "mended") from None
    try:
        same = not kept.letter.cut and found == msgspec.json.decode(kept.letter.raw)
    except (msgspec.DecodeError, RecursionError):
        same = False
    return b"" if same else given.encode()


def _letter(kept: Kept, most: int) -> Mapping[str, Any]:
    found = as_json(kept, most)
    texts = ("reason", "place", "sender", "sent_by", "cluster", "group_key", "raw", "again")
    return {**found, **{name: upright(str(found[name])) for name in texts}}  # type: ignore[literal-required]


def _indented(raw: str, *, cut: bool) -> str:
    """Return JSON as people read it; what is none, or only its beginning, as it is."""
    try:
        return raw if cut else json.dumps(json.loads(raw), indent=2)
    except (ValueError, RecursionError):
        return raw


def _agenda(found: Agenda) -> Mapping[str, Any]:
    lanes = [one | {"late": span(one["late_seconds"] or 0)} for one in found["lanes"]]
    return {**found, "lanes": lanes}


def _store(found: StoreShape) -> Mapping[str, Any]:
    servers = [
        {
            "address": one["address"] or "the server",
            "used": size(one["used_bytes"]),
            "limit": size(one["limit_bytes"]) if one["limit_bytes"] else "no limit",
            "file": size(one["file_bytes"]),
        }
        for one in found["servers"]
    ]
    free, total = found["disk_free_bytes"], found["disk_total_bytes"]
    disk = f"{size(free)} of {size(total)} are free" if free is not None and total else ""
    return {**found, "servers": servers, "disk": disk}


def _silences(found: SilenceList) -> Mapping[str, Any]:
    rows = [one | _upright(one, ("matchers", "created_by", "comment")) for one in found["silences"]]
    rows.sort(key=lambda one: (one["incident"] is None, one["ends_at"] or ""))
    left = sum(one["total"] for one in found["clusters"]) - len(rows[:SILENCES])
    return {"rows": rows[:SILENCES], "more": left, "clusters": found["clusters"]}


def _upright(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    return {name: cut(upright(row[name]), TEXT_MAX) for name in names}


_SAID = {
    "opened": "Sent again: it opened an incident.",
    "repeat": "Sent again: the incident had it already, and nobody is paged again.",
    "already_resolved": "Sent again: it is over already, and nobody is paged.",
}


def _said(text: str) -> str:
    """Return what became of a letter; the text comes from a URL."""
    word = text.partition(":")[0]
    return _SAID.get(word, "Sent again." if word else "")
