"""The ports that are listened on."""

import asyncio

from aiohttp import web

from receiver.aio.background import end
from receiver.config_types import split_address
from receiver.errors import ConfigError
from receiver.http.connections import Connections

BACKLOG = 1_024
"""Connections that wait to be accepted: a third of a second's worth, refused or taken by us and
not dropped unseen by the system. Linux takes no more than ``net.core.somaxconn``."""


class Listening:
    """Every open port, with what watches its connections."""

    def __init__(self) -> None:
        self._runners: list[web.AppRunner] = []
        self._watches: list[asyncio.Task[None]] = []

    async def open(
        self, application: web.Application, address: str, connections: Connections
    ) -> int:
        """Listen on ``host:port`` and return the port; ConfigError when it is not to be had."""
        host, port = split_address(address)
        runner = connections.runner(application)
        await runner.setup()
        self._watches.append(asyncio.create_task(connections.watch()))
        self._runners.append(runner)
        site = web.TCPSite(runner, host or None, port, backlog=BACKLOG, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {address}: {error.strerror or error}; another process may use "
                "the port: choose others with --web.listen-address and METRICS_PORT"
            ) from error
        return int(runner.addresses[0][1])

    async def close(self) -> None:
        """Accept nothing more; what is under way is answered."""
        for runner in self._runners:
            await runner.cleanup()
        await end(self._watches)
