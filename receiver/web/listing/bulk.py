"""What is done with many incidents at once: the same actions, one by one, said in one sentence."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from receiver.actions.perform import Actions
from receiver.actions.registry import REGISTRY
from receiver.actions.row import Body
from receiver.actions.words import DONE, REFUSED
from receiver.errors import PayloadError, SilenceError
from receiver.http.asked.forms import read_form
from receiver.http.auth import demand
from receiver.http.routes import Who, principal_of, serves
from receiver.roles import Role, may
from receiver.text.numbers import whole
from receiver.web.console_forms import form_of_many
from receiver.web.listing.view import asked_for
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Merged, Resolved

MANY = ("acknowledge", "resolve", "snooze", "assign", "silence", "merge")
"""Actions on many at once."""
MOST = 500
"""Incidents at once: as many as a page shows at most."""
TOGETHER = 16
"""Actions under way at once: the dispatcher puts them into a few commits."""
EPISODE_MAX = 1_000_000_000
_FAILED = "failed"
_AT_ONCE = (Acknowledged.action, Resolved.action)
_SAID_MAX = 400


class Chosen(msgspec.Struct, frozen=True):
    """An incident that was ticked, and the episode that was seen."""

    id: str
    episode: int


class BulkEndpoint:
    """``POST /bulk/{action}``."""

    def __init__(
        self,
        actions: Actions,
        name_of: Callable[[web.Request, Mapping[str, str]], str],
        prefix: str,
    ) -> None:
        """``name_of(request, form)``: who acts, as their browser says; ``prefix``: of links."""
        self._actions = actions
        self._name_of = name_of
        self._prefix = prefix

    @serves("POST", "/bulk/{action}", Who.RESPONDER, page=True)
    async def act(self, request: web.Request) -> web.Response:
        """POST /bulk/{action}: do it with all that are ticked; answers with the list."""
        action = request.match_info["action"]
        if action not in MANY:
            raise web.HTTPNotFound(text=f"there is no such button; allowed: {', '.join(MANY)}\n")
        credential = principal_of(request)
        demand(credential, REGISTRY[action].role)
        form = await read_form(request)
        chosen = _chosen((await request.post()).getall("incident", []))
        name = self._name_of(request, form)
        human = credential is None or credential.is_human
        actor = Actor(name or "somebody", "console", human=human)
        counted: Counter[str] = Counter()
        if chosen:
            bodies = _bodies(action, form, chosen)
            counted = await self._all(action, bodies, actor)
        said = ["bulk", action, *(f"{reason}={n}" for reason, n in counted.most_common())]
        place = urlencode([*asked_for(form.get("list", "")), ("said", ":".join(said))])
        return web.Response(status=303, headers={"Location": f"{self._prefix}/?{place}"})

    async def _all(
        self, action: str, bodies: Sequence[tuple[str, Body]], actor: Actor
    ) -> Counter[str]:
        """Do it with each; return how many came to which end."""
        gate = asyncio.Semaphore(TOGETHER)

        async def one(incident: str, body: Body) -> str:
            async with gate:
                try:
                    outcome = await self._actions.perform(action, incident, body, actor)
                except (PayloadError, SilenceError) as error:
                    if len(bodies) == 1:
                        raise web.HTTPBadRequest(text=f"{error}\n") from None
                    return _FAILED
            return str(outcome.reason)

        return Counter(await asyncio.gather(*(one(name, body) for name, body in bodies)))


def _chosen(texts: Sequence[Any]) -> list[Chosen]:
    """Return the ticked rows of a form, each once; HTTP 400 for too many, or for what is none."""
    found: dict[str, Chosen] = {}
    for text in map(str, texts):
        name, _, seen = text.rpartition("/")
        episode = whole(seen, EPISODE_MAX, 0)
        if not name or episode is None:
            raise web.HTTPBadRequest(text=f"{text[:80]!r} is no row of the list\n")
        found[name] = Chosen(name, episode)
    if len(found) > MOST:
        raise web.HTTPBadRequest(text=f"{len(found)} at once; allowed: {MOST}\n")
    return list(found.values())


def _bodies(
    action: str, form: Mapping[str, str], chosen: Sequence[Chosen]
) -> list[tuple[str, Body]]:
    """Return what is done with which; HTTP 400 in words where a field is wrong."""
    row = REGISTRY[action]
    given = {
        field.name: form[f"{action}.{field.name}"]
        for field in row.fields
        if form.get(f"{action}.{field.name}")
    }
    into = ""
    if action == Merged.action:
        # Without another one, into the first: that is the most urgent, or the oldest of those.
        into = given.setdefault("into", chosen[0].id)
    try:
        return [(one.id, row.body_of(given, one.episode)) for one in chosen if one.id != into]
    except PayloadError as error:
        raise web.HTTPBadRequest(text=f"{row.label}: {error}\n") from None


def bulk_forms(role: Role | None) -> list[dict[str, Any]]:
    """Return the buttons of the list, each with its fields."""
    return [
        form_of_many(action) | {"at_once": action in _AT_ONCE}
        for action in MANY
        if may(role, REGISTRY[action].role)
    ]


def said_of(text: str) -> str:
    """Return what became of many, in words; the text comes from a URL."""
    _, _, rest = text[:_SAID_MAX].partition(":")
    action, *parts = rest.split(":")
    if action not in MANY:
        return ""
    if not any(parts):
        return "Nothing was ticked."
    words = []
    for part in parts:
        reason, _, number = part.partition("=")
        sentence = DONE.get(reason) or REFUSED.get(reason)
        sentence = sentence or ("Not done: open it to see why." if reason == _FAILED else "")
        count = whole(number, MOST)
        if sentence and count:
            words.append(f"{count}: {sentence}")
    return " ".join(words)
