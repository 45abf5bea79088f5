"""``redis+sentinel://``: Sentinels are asked which server is the primary, before each connection.

``redis+sentinel://[user:password@]HOST[:26379],HOST[:26379],.../SERVICE[/DB][?OPTIONS]``; with
``rediss+sentinel://`` the server and the Sentinels are reached by TLS. User, password and options
are the server's, as in ``redis://``; ``sentinel_username`` and ``sentinel_password`` are the
Sentinels'. Asking them is redis-py's.
"""

import asyncio
import logging
import time
from typing import Any, NamedTuple
from urllib.parse import unquote

from redis.asyncio import BlockingConnectionPool, Sentinel
from redis.asyncio.sentinel import (
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.exceptions import RedisError

from receiver.aio.background import end
from receiver.store.server.addresses import read_servers

log = logging.getLogger("app")

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26_379
ASKED_WITHIN_S, ASKED_EVERY_S = 1.0, 0.5
"""A Sentinel that hangs costs so much; whoever answers is asked first from then on."""
_OWN = {"sentinel_username": "username", "sentinel_password": "password"}


class SentinelUrl(NamedTuple):
    """What such a URL says. ``server``: options of connections to the primary."""

    sentinels: list[tuple[str, int]]
    service: str
    tls: bool
    server: dict[str, Any]
    asking: dict[str, Any]


def is_sentinel(url: str) -> bool:
    """Return whether a URL is of that form."""
    return url.partition("://")[0] in SCHEMES


def read_sentinel_url(url: str) -> SentinelUrl:
    """Return what a URL says; ValueError, in words without a password, for one that cannot be."""
    read = read_servers(url, PORT, "the Sentinels")
    service, *database = read.path.strip("/").split("/")
    if not service or len(database) > 1 or not all(one.isdecimal() for one in database):
        raise ValueError("name the service after the Sentinels: redis+sentinel://a,b,c/SERVICE")
    given = {_OWN[name]: value for name, value in read.options if name in _OWN}
    server = read.connection("/".join(database), but=tuple(_OWN))
    files = {name: value for name, value in server.items() if name.startswith("ssl_")}
    asking = {**given, **files, **({"ssl": True} if read.tls else {})}
    return SentinelUrl(read.places, unquote(service), read.tls, server, asking)


class _Pool(BlockingConnectionPool, SentinelConnectionPool):
    """A pool that waits for a connection, each to whatever is the primary then.

    A primary that hung and comes back takes writes until it is told that another one took over, and
    its connections are as they were: so the Sentinels are asked also while nothing fails.
    """

    _asked = 0.0
    _asking: "asyncio.Task[None] | None" = None

    async def get_connection(self, *args: Any, **more: Any) -> Any:
        """Return a connection, and have the Sentinels asked where that was long ago."""
        if time.monotonic() - self._asked > ASKED_EVERY_S and self._asking is None:
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
        return await super().get_connection(*args, **more)  # type: ignore[no-untyped-call]

    async def _ask(self) -> None:
        try:
            await self.get_master_address()  # type: ignore[no-untyped-call]
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("the Sentinels do not say which server is the primary: %s", error)
        finally:
            self._asking = None

    async def release(self, connection: Any) -> None:
        """Take a connection back, ended where another server is the primary by now."""
        if (connection.host, connection.port) != self.master_address:
            await connection.disconnect()
        await super().release(connection)

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Close the connections, and at the very end those to the Sentinels too."""
        await super().disconnect(inuse_connections)
        if not inuse_connections:
            return
        if self._asking is not None:
            await end([self._asking])
        for one in self.sentinel_manager.sentinels:
            await one.aclose(close_connection_pool=True)


def sentinel_pool(url: str, connections: int, **options: Any) -> BlockingConnectionPool:
    """Return a pool of connections to the primary; ``options`` are those of every connection."""
    read = read_sentinel_url(url)
    within = {"socket_timeout": ASKED_WITHIN_S, "socket_connect_timeout": ASKED_WITHIN_S}
    manager = Sentinel(read.sentinels, sentinel_kwargs={**within, **read.asking})  # type: ignore[no-untyped-call]
    kind = SentinelManagedSSLConnection if read.tls else SentinelManagedConnection
    return _Pool(
        service_name=read.service,
        sentinel_manager=manager,
        connection_class=kind,
        max_connections=connections,
        **{**options, **read.server},
    )
