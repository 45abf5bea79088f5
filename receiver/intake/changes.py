"""``/v1/changes``: deployments and configuration changes, told by whoever makes them."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from aiohttp import web

from receiver.actions.row import read_json
from receiver.clock import Clock
from receiver.errors import PayloadError
from receiver.http.asked.spec import Spec
from receiver.http.routes import Who, serves
from receiver.intake.answer_shapes import Changes, ChangeShape, Stored
from receiver.store.changes import KEPT_MS, Change, ChangeStore
from receiver.text.times import rfc3339
from receiver.text.visible import clean_text
from routing.fingerprint import MAX_LABEL
from routing.links import ANY_HOST, Hosts
from routing.runbook import is_link

SUMMARY_MAX = 300
LABELS_MAX = 20
AHEAD_MS = 86_400_000
SHOWN = 200


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """``summary``: what changed. ``labels`` say where (none: everywhere), ``at`` when (RFC 3339).

    ``source``: who or what made it; ``url`` shows more; ``id`` tells two equal ones apart.
    """

    summary: str
    labels: dict[str, str] = {}
    at: str = ""
    source: str = ""
    url: str = ""
    id: str = ""


class ChangeEndpoint:
    """Takes changes in, and lists them."""

    def __init__(
        self, store: ChangeStore, clock: Clock, hosts: Callable[[], Hosts] = lambda: ANY_HOST
    ) -> None:
        """``hosts()``: where links may lead."""
        self._hosts = hosts
        self._store = store
        self._clock = clock

    @serves(
        "POST",
        "/v1/changes",
        Who.SENDER,
        durable=True,
        spec=Spec({201: Stored}, body=ChangeBody, needed=("summary",), lenient=True),
    )
    async def add(self, request: web.Request) -> web.Response:
        """POST /v1/changes: 201 once it is durable; the same one sent again is one."""
        now = self._clock.now()
        body = read_json(ChangeBody, await request.read())
        change = read_change(body, now, self._hosts())
        # Without a time each repeat would be a change of its own, made when it was told again.
        known = await self._store.like(change, now) if change.id and not body.at else None
        if known is None:
            await self._store.add(change, now)
        change = known or change
        return web.json_response({"status": "stored", "change": _shown(change)}, status=201)

    @serves("GET", "/v1/changes", Who.VIEWER, spec=Spec({200: Changes}))
    async def newest(self, _request: web.Request) -> web.Response:
        """GET /v1/changes: those of the last week, newest first, 200 at most."""
        now = self._clock.now()
        found = await self._store.between(now - KEPT_MS, now + AHEAD_MS, SHOWN)
        return web.json_response({"changes": [_shown(change) for change in found]})


def read_change(body: ChangeBody, now: int, hosts: Hosts = ANY_HOST) -> Change:
    """Return the change of a request; PayloadError with the place of what is wrong."""
    summary = " ".join(clean_text(body.summary, SUMMARY_MAX).split())
    if not summary:
        raise PayloadError("is missing or empty", "summary")
    if len(body.labels) > LABELS_MAX:
        raise PayloadError(f"has more than {LABELS_MAX} labels", "labels")
    if body.url and not is_link(body.url):
        raise PayloadError("is not an http or https URL", "url")
    if not hosts.allow(body.url):
        raise PayloadError("its host is none of links.allowed_hosts", "url")
    labels = {
        clean_text(key, MAX_LABEL): clean_text(value, MAX_LABEL)
        for key, value in body.labels.items()
    }
    return Change(
        at=_moment(body.at, now),
        summary=summary,
        labels=labels,
        source=" ".join(clean_text(body.source, MAX_LABEL).split()),
        url=body.url,
        id=clean_text(body.id, MAX_LABEL),
    )


def _moment(text: str, now: int) -> int:
    if not text:
        return now
    try:
        at = datetime.fromisoformat(text)
        found = round(at.timestamp() * 1000) if at.tzinfo else None
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None:
        raise PayloadError(f"is {text[:40]!r}; allowed: a time such as 2026-03-02T10:00:00Z", "at")
    if not now - KEPT_MS <= found <= now + AHEAD_MS:
        raise PayloadError("is more than a week ago or a day ahead", "at")
    return found


def _shown(change: Change) -> ChangeShape:
    return {
        "at": rfc3339(change.at),
        "summary": change.summary,
        "labels": change.labels,
        "source": change.source or None,
        "url": change.url or None,
        "id": change.id or None,
    }
