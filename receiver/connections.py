"""Connections that ask nothing: how long they may stay, and how many there may be.

A connection costs a stranger nothing and this process a file descriptor, and without one no alert
can be received. aiohttp waits for a first request for ever, and an hour for the next one.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from receiver.audit import Sparing

SWEEP_S = 5.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Connections:
    """Those of one port."""

    def __init__(self, *, first_s: float = 30.0, idle_s: float = 300.0, most: int = 0) -> None:
        """``first_s``: for a first request, ``idle_s``: for each next one and its answer.

        ``most``: at once, 0 for any number.
        """
        self._first = first_s
        self._idle = idle_s
        self._most = most
        self._made: dict[Any, float] = {}
        self._heard: dict[Any, float] = {}
        self._server: web.Server | None = None

    def runner(self, application: web.Application) -> web.AppRunner:
        """Return what serves an application over connections that are watched."""
        application.middlewares.append(self._note)
        return _Runner(self, application)

    async def watch(self) -> None:
        """Close what has asked nothing for too long, from now on."""
        while True:
            await asyncio.sleep(min(SWEEP_S, self._first / 2))
            self.sweep()

    def sweep(self) -> None:
        """Close what has asked nothing for too long."""
        now = asyncio.get_running_loop().time()
        open_now = self._server.connections if self._server is not None else []
        self._made = {one: self._made.get(one, now) for one in open_now}
        self._heard = {one: self._heard[one] for one in open_now if one in self._heard}
        for one in open_now:
            heard = self._heard.get(one)
            quiet = now - (self._made[one] if heard is None else heard)
            if quiet > (self._first if heard is None else self._idle):
                one.force_close()

    def admit(self, server: web.Server) -> asyncio.BaseProtocol:
        """Return what speaks with a new connection."""
        self._server = server
        if self._most and len(server.connections) >= self._most:
            return _Refusal()
        return server()

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._heard[request.protocol] = asyncio.get_running_loop().time()
        return await handler(request)


class _Refusal(asyncio.Protocol):
    """Ends a connection before it has cost anything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()


class _Runner(web.AppRunner):
    """A runner whose server asks ``Connections`` first."""

    def __init__(self, connections: Connections, application: web.Application) -> None:
        super().__init__(application, access_log=None, shutdown_timeout=5.0, logger=_protocol_log)
        self._door = connections

    @property
    def server(self) -> Any:
        """Return what makes a protocol for each connection."""
        server = self._server
        return (lambda: self._door.admit(server)) if server is not None else None


class _Malformed(logging.Filter):
    """One short line for what is not HTTP, and not for each: anybody can send any number of it."""

    def __init__(self) -> None:
        super().__init__()
        self._sparing = Sparing()

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        unlogged = self._sparing.admit(asyncio.get_running_loop().time())
        if unlogged is None:
            return False
        record.msg = "not a request of HTTP, from %s"
        record.exc_info, record.exc_text = None, None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        if unlogged:
            record.unlogged = unlogged
        return True


_protocol_log = logging.getLogger("http.protocol")
_protocol_log.addFilter(_Malformed())
