"""The connections of one port: how many there may be, and how long they may ask nothing.

A connection costs a stranger nothing and this process a file descriptor, and without one no alert
can be received. When a port is full, the connection that asked nothing for longest makes room for
a new one, so that silence never holds a port shut; and one address has a share of it, not all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from aiohttp import web

from receiver.http.admission import (
    LARGE_BYTES,
    Admission,
    Framing,
    RequestLane,
    Ticket,
    framing,
    lane_of,
    retry_after,
)
from receiver.http.error_pages import PAGES
from receiver.http.malformed import Malformed, answer
from receiver.http.tls.handshake import Handshake
from receiver.problem import problem_text, refusal

SWEEP_S = 5.0
LINGER_S = 0.5
"""How long a connection stays open after an answer to a body that nobody reads: closing it at once
would reset it, and could take the answer away before it is seen."""

_TOO_MUCH = problem_text(503, "try again: more is sent than can be answered").encode()

SERVER = "incident-manager"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Bounds:
    """What the connections of a port may take; times in seconds.

    ``first_s``: for a first request, ``idle_s``: for each next one, ``body_s``: for a request's
    body. ``most``: at once, ``each``: at once from one address; 0 for any number.
    """

    def __init__(
        self,
        *,
        first_s: float = 30.0,
        idle_s: float = 300.0,
        body_s: float = 30.0,
        most: int = 0,
        each: int = 0,
    ) -> None:
        self.first_s = first_s
        self.idle_s = idle_s
        self.body_s = body_s
        self.most = most
        self.each = each or most


class Connections:
    """Those of one port."""

    def __init__(
        self,
        bounds: Bounds,
        refused: Callable[[], None] = lambda: None,
        admission: Admission | None = None,
    ) -> None:
        """``refused()`` is called for each connection that finds no room."""
        self.admission = admission
        self.bounds = bounds
        self._refused = refused
        self._open: dict[_Connection | Handshake, None] = {}
        """Who asked least recently first."""
        self._of: dict[str, dict[_Connection | Handshake, None]] = {}
        self.leaving = False
        """True: each connection ends with its next answer, which says so."""

    def __len__(self) -> int:
        return len(self._open)

    def runner(self, application: web.Application) -> "Runner":
        """Return what serves an application over connections that are watched."""
        application.middlewares.insert(0, self._answer)
        application.on_response_prepare.append(_name_nothing)
        return Runner(self, application)

    async def watch(self) -> None:
        """Close what has asked nothing for too long, from now on."""
        while True:
            await asyncio.sleep(min(SWEEP_S, self.bounds.first_s / 2))
            self.sweep()

    def sweep(self) -> None:
        """Close what has asked nothing, or not finished asking, for too long."""
        now = asyncio.get_running_loop().time()
        for one in list(self._open):
            if now - one.since > one.patience(self.bounds):
                one.force_close()

    def enter(self, one: "_Connection | Handshake") -> bool:
        """Make room for a new connection; False: there is none, all others are being answered."""
        mine = self._of.setdefault(one.address, {})
        for crowd, most in ((mine, self.bounds.each), (self._open, self.bounds.most)):
            if most and len(crowd) >= most:
                idle = next((other for other in crowd if other.request is None), None)
                if idle is None:
                    self._refused()
                    return False
                self.leave(idle)
                idle.force_close()
        # One that made room may have been the last of its address.
        self._of.setdefault(one.address, {})[one] = None
        self._open[one] = None
        return True

    def leave(self, one: "_Connection | Handshake") -> None:
        """Forget a connection that ended."""
        self._open.pop(one, None)
        mine = self._of.get(one.address)
        if mine is not None:
            mine.pop(one, None)
            if not mine:
                del self._of[one.address]

    def heard(self, one: "_Connection", request: web.Request | None) -> None:
        """Note that a connection asks (``request``), or has been answered (None)."""
        one.request = request
        one.asked = True
        one.since = asyncio.get_running_loop().time()
        if request is not None and one in self._open:
            for crowd in (self._open, self._of[one.address]):
                crowd[one] = crowd.pop(one)

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        one = request.protocol
        assert isinstance(one, _Connection)  # noqa: S101 - the runner makes no others
        self.heard(one, request)
        try:
            response = await self._admitted(one.claimed(), request, handler)
            if self.leaving:
                response.force_close()
            if not request.content.is_eof():
                self.heard(one, None)  # it may make room for others from now on
                await _leave_unread(request, response)
            return response
        finally:
            self.heard(one, None)

    async def _admitted(
        self, ticket: Ticket | None, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Answer a request that has a ticket, or gets one here, or needs none."""
        admission, lane = self.admission, lane_of(request.method, request.path)
        if admission is None or lane is None:
            return await _refusing(request, handler)
        if ticket is None:
            whole = request.content.is_eof()
            unknown = 0 if whole else LARGE_BYTES + 1
            size = unknown if request.content_length is None else request.content_length
            ticket = admission.enter(lane, size, whole=whole)
        if ticket is None:
            headers = {"Retry-After": retry_after()}
            refused = web.Response(
                status=503, body=_TOO_MUCH, content_type="application/json", headers=headers
            )
            pages = request.app.get(PAGES) if lane is RequestLane.PEOPLE else None
            return await pages.answer(request, refused) if pages is not None else refused
        try:
            if not ticket.counted:
                request.content.on_eof(partial(admission.arrived, ticket))
            return await _refusing(request, handler)
        finally:
            admission.leave(ticket)


async def _refusing(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        _refuse_encoded(request)
        return await handler(request)
    except web.HTTPException as error:
        # It holds the request, which holds what holds it: thousands of those are found by Python's
        # collector alone, which holds the event loop meanwhile.
        error.__traceback__ = None
        return web.Response(
            status=error.status, reason=error.reason, body=error.body, headers=error.headers
        )


def _refuse_encoded(request: web.Request) -> None:
    """Take no compressed body: 2 MB of it can be 2 GB, and no sender needs to compress.

    HTTP 415, before a byte of it is read.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        words = f"Content-Encoding is {encoding[:40]!r}; allowed: none, send the body as it is"
        headers = {"Accept-Encoding": "identity"}
        raise refusal(web.HTTPUnsupportedMediaType, words, headers, place="Content-Encoding")


def _too_much() -> bytes:
    """Return the answer to a request that is refused, ready to be sent."""
    return (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        b"Retry-After: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (retry_after().encode(), len(_TOO_MUCH), _TOO_MUCH)
    )


async def _name_nothing(_request: web.Request, response: web.StreamResponse) -> None:
    """Say which service this is, and not by which versions of which programs."""
    if "/" in response.headers.get("Server", "/"):
        response.headers["Server"] = SERVER


async def _leave_unread(request: web.Request, response: web.StreamResponse) -> None:
    """Answer, and read nothing of the body that was not needed for the answer."""
    response.force_close()
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        return  # whoever asked has left
    if request.content.exception() is None:
        request.content.read_nowait()  # or it would be kept until the connection ends
    if not request.content.is_eof():
        # Of a body that came whole meanwhile there is nothing left to hold back.
        request.protocol.pause_reading()
    await asyncio.sleep(LINGER_S)


class _Connection(web.RequestHandler):
    """One connection, which its port counts.

    While more comes than can be answered, alerts are refused here, where bytes arrive: thousands
    that are refused by a handler cost so much that hardly anything else is done.
    """

    __slots__ = (
        "_coming",
        "_door",
        "_instead_of",
        "_plain",
        "_ticket",
        "_unread",
        "address",
        "asked",
        "request",
        "since",
    )

    def __init__(
        self,
        door: Connections,
        manager: web.Server,
        instead_of: Handshake | None = None,
        **more: Any,
    ) -> None:
        """``instead_of``: the handshake in whose place it comes."""
        super().__init__(manager, **more)
        self._door = door
        self._instead_of = instead_of
        self.address = ""
        self.asked = False
        self._plain = door.admission is not None
        """Every byte so far is known to belong to which request: see ``framing``."""
        self._coming = self._unread = 0
        """Bytes that have not arrived: of the body of a request handed on, or of one refused."""
        self._ticket: Ticket | None = None
        """Of the request that was handed on last, until a handler claims it."""
        self.request: web.Request | None = None
        self.since = asyncio.get_running_loop().time()

    def patience(self, bounds: Bounds) -> float:
        """Return how long (s) it may stay as it is."""
        if self.request is None:
            return bounds.idle_s if self.asked else bounds.first_s
        return float("inf") if self.request.content.is_eof() else bounds.body_s

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what is no request: it names no version either."""
        super().handle_error(request, status, exc, message)
        response = answer(exc, status)
        response.headers["Server"] = SERVER
        return response

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take its place, or end before it has cost anything."""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        super().connection_made(transport)
        if self._instead_of is not None:
            self._door.leave(self._instead_of)
            self._instead_of = None
        if not self._door.enter(self):
            # uvloop's transports are no subclasses of asyncio's.
            cast("asyncio.Transport", transport).abort()

    def data_received(self, data: bytes) -> None:
        """Refuse an alert at once for which there is no room; hand everything else on."""
        if self._unread:
            skipped = min(self._unread, len(data))
            self._unread -= skipped
            if skipped == len(data):
                return
            data = data[skipped:]
        if self._plain and not self._taken(data):
            return
        super().data_received(data)

    def _taken(self, data: bytes) -> bool:
        """Return whether bytes are handed on: False for those of an alert that is refused here.

        Where requests overlap, an answer in between could be taken for another one's: those of
        such a connection are all handed on.
        """
        if self._coming or not self._idle():
            self._coming -= len(data)
            self._plain = self._coming >= 0
            return True
        found = framing(data)
        if found is None:
            self._plain = False
            return True
        self._coming = found.rest
        small = found.alert and found.size <= LARGE_BYTES
        return not small or self._close or self._force_close or self._admit(found, data)

    def _admit(self, found: Framing, data: bytes) -> bool:
        admission = self._door.admission
        if admission is None or self.transport is None:
            return True
        self._give_back()
        self._ticket = admission.enter(
            RequestLane.INTAKE, found.size, whole=not found.rest, data=data
        )
        if self._ticket is not None:
            return True
        self._unread, self._coming = found.rest, 0
        self._door.heard(self, None)
        self.transport.write(_too_much())
        return False

    def _give_back(self) -> None:
        """Give the ticket of a request back that no handler ever saw."""
        ticket = self.claimed()
        if ticket is not None and self._door.admission is not None:
            self._door.admission.leave(ticket)

    def _idle(self) -> bool:
        """Return whether all that was asked is answered."""
        if self._waiter is None:
            return not self._request_count and not self._messages
        return not self._waiter.done()

    def claimed(self) -> Ticket | None:
        """Return the ticket of the request that is being handled now, once."""
        ticket, self._ticket = self._ticket, None
        return ticket

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give its place back."""
        self._door.leave(self)
        self._give_back()
        super().connection_lost(exc)


class Runner(web.AppRunner):
    """A runner whose server counts connections, and inflates nothing that is sent to it."""

    def __init__(self, door: Connections, application: web.Application) -> None:
        super().__init__(application, access_log=None, shutdown_timeout=5.0, logger=_protocol_log)
        self._door = door

    @property
    def server(self) -> Any:
        """Return what makes a protocol for each connection."""
        return self.protocol if self._server is not None else None

    def protocol(self, instead_of: Handshake | None = None) -> _Connection:
        """Return what a new connection goes on with, also in the place of its handshake."""
        assert self._server is not None  # noqa: S101 - it is set up before it listens
        return _Connection(
            self._door,
            self._server,
            instead_of,
            loop=asyncio.get_running_loop(),
            access_log=None,
            logger=_protocol_log,
            auto_decompress=False,
            lingering_time=0,
        )


_protocol_log = logging.getLogger("http.protocol")
_protocol_log.addFilter(Malformed())
