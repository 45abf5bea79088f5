"""The ports that are listened on."""

import asyncio
import socket

from aiohttp import web

from receiver.aio.background import end
from receiver.config.types import split_address
from receiver.errors import ConfigError
from receiver.http.connections import Connections
from receiver.http.tls.handshake import Tls
from receiver.http.tls.site import TlsSite

PORTS = ("api", "metrics", "status")
BACKLOG = 1_024
"""Connections that wait to be accepted: a third of a second's worth, refused or taken by us and
not dropped unseen by the system. Linux takes no more than ``net.core.somaxconn``."""


def bind(address: str) -> list[socket.socket]:
    """Return sockets that listen on ``host:port``; ConfigError when it is not to be had.

    One for each address that the host has. They are not inherited by other programs.
    """
    host, port = split_address(address)
    flags = socket.AI_PASSIVE
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=flags)
        for family, where in dict.fromkeys((one[0], one[4]) for one in found):
            # Asked for any port, all addresses get the same.
            taken = opened[0].getsockname()[1] if opened else port
            opened.append(_bound(family, (where[0], taken, *where[2:])))
    except OSError as error:
        for one in opened:
            one.close()
        raise ConfigError(
            f"cannot listen on {address}: {error.strerror or error}; another process may use "
            "the port: choose others with --web.listen-address and METRICS_PORT"
        ) from error
    return opened


def _bound(family: int, where: tuple[object, ...]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(where)
        one.listen(BACKLOG)
    except OSError:
        one.close()
        raise
    return one


class Listening:
    """Every open port, with what watches its connections."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []
        self._connections: list[Connections] = []
        self._watches: list[asyncio.Task[None]] = []

    async def open(
        self,
        application: web.Application,
        sockets: list[socket.socket],
        connections: Connections,
        tls: Tls | None = None,
    ) -> int:
        """Serve what comes to sockets that listen (see ``bind``), and return their port."""
        runner = connections.runner(application)
        await runner.setup()
        self._watches.append(asyncio.create_task(connections.watch()))
        self._runners.append(runner)
        self._connections.append(connections)
        for one in sockets:
            site: web.BaseSite = (
                web.SockSite(runner, one, backlog=BACKLOG)
                if tls is None
                else TlsSite(runner, one, tls, connections, runner.protocol)
            )
            await site.start()
        return int(sockets[0].getsockname()[1])

    async def leave(self, within: float) -> None:
        """Accept nothing more, and let connections end with their next answer, or ``within`` s.

        Only where others accept from the same sockets: what waits in them is theirs.
        """
        for runner in self._runners:
            for site in list(runner.sites):
                await site.stop()
        for one in self._connections:
            one.leaving = True
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        while any(map(len, self._connections)) and loop.time() < until:  # noqa: ASYNC110 - few ask
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Accept nothing more; what is under way is answered."""
        for runner in self._runners:
            await runner.cleanup()
        await end(self._watches)
