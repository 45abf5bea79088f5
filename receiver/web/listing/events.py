"""What changes in a list, as server-sent events: for the console's open tabs, and for programs."""

import asyncio
import random
from collections.abc import Callable, Sequence

from aiohttp import web

from receiver import incident_json
from receiver.http.asked.parameters import (
    FILTERS,
    check_parameters,
    read_choice,
    read_one,
    read_query,
)
from receiver.http.asked.spec import Parameter
from receiver.http.routes import Who, role_of, serves
from receiver.http.server import STREAMS
from receiver.problem import refusal
from receiver.roles import Role, may
from receiver.web.listing.hub import Change, Hub, Kind, Listener
from receiver.web.listing.rows import html_of, row

MOST = 1_000
"""Open lists of one process: each holds a connection."""
LIVES_S = 300.0
"""How long a stream lasts; whoever goes on is asked again who they are."""
RETRY_MS = 2_000
READS_WITHIN_S = 20.0
FORM = Parameter("form", "json: the incident; rows: HTML for the console", "json", ("json", "rows"))
FROM = "from"
"""The id of the last event that was seen, where no Last-Event-ID says it."""
NAMES = (*(one.name for one in FILTERS), FORM.name, FROM)


class EventsEndpoint:
    """``GET /events``."""

    def __init__(
        self, hub: Hub, now: Callable[[], int], name_of: Callable[[web.Request], str]
    ) -> None:
        """``now()`` in ms; ``name_of(request)``: who asks, "" for nobody known."""
        self._hub = hub
        self._now = now
        self._name_of = name_of

    @serves("GET", "/events", Who.VIEWER)
    async def events(self, request: web.Request) -> web.StreamResponse:
        """GET /events: what changes in a list of incidents, as server-sent events."""
        check_parameters(request, NAMES)
        query = read_query(request, now=self._now(), me=self._name_of(request))
        form = read_choice(request, FORM, "json")
        since = request.headers.get("Last-Event-ID", "") or read_one(request, FROM)
        responds = may(role_of(request), Role.RESPONDER)
        kind = Kind(query, form, responds, f"http://{request.host}/")
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        answer = web.StreamResponse(headers=headers)
        answer.content_type = "text/event-stream"
        answer.charset = "utf-8"
        if request.method == "HEAD":
            return answer
        if self._hub.closing or len(self._hub) >= MOST:
            words = "it is being stopped" if self._hub.closing else f"{MOST} lists are open already"
            raise refusal(web.HTTPServiceUnavailable, words)
        listener = await self._hub.join(kind, since)
        try:
            await self._send(request, answer, listener)
        finally:
            await self._hub.leave(listener)
        return answer

    async def _send(
        self, request: web.Request, answer: web.StreamResponse, listener: Listener
    ) -> None:
        loop = asyncio.get_running_loop()
        # Not all of them come again together.
        over = loop.time() + LIVES_S * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
        try:
            await answer.prepare(request)
            request[STREAMS] = True
            await answer.write(b"retry: %d\n\n" % RETRY_MS)
            while not listener.lost and loop.time() < over:
                try:
                    async with asyncio.timeout(max(0.0, over - loop.time())):
                        await listener.wake.wait()
                except TimeoutError:
                    return
                told, listener.messages = listener.messages, []
                listener.wake.clear()
                async with asyncio.timeout(READS_WITHIN_S):
                    await answer.write(b"".join(told))
        except ConnectionError:
            return
        except TimeoutError:
            # It reads nothing: what waits for it would be kept for ever.
            if request.transport is not None:
                request.transport.abort()


def show(
    kind: Kind, changes: Sequence[Change], now: Callable[[], int], prefix: str
) -> list[object]:
    """Return the rows of a message: of what is not in the list its id alone."""
    found: list[object] = []
    for one in changes:
        shown: dict[str, object] = {"id": one.id}
        if one.incident is not None and kind.query.keeps(one.incident):
            if kind.form == "rows":
                made = row(one.incident, now())
                shown["html"] = html_of(made, prefix, kind.own, responds=kind.responds)
            else:
                shown["incident"] = incident_json.summary(one.incident)
        found.append(shown)
    return found
