"""The connection to Redis, and what every caller of it needs."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    ConnectionPool,
    Redis,
    SSLConnection,
)
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from receiver.errors import StoreUnavailableError
from receiver.store.script_keys import CHAINED, places
from receiver.store.server.addresses import Place
from receiver.store.server.cluster import ClusterClient
from receiver.store.server.cluster_pool import ClusterPool
from receiver.store.server.cluster_url import is_cluster, read_cluster_url
from receiver.store.server.sentinel import ASKED_WITHIN_S, is_sentinel, sentinel_pool

Client: TypeAlias = Any
"""A ``redis.asyncio.Redis``. Its stubs say ``bytes | str`` for every answer; ours are bytes."""

_SCRIPTS = Path(__file__).parent / "scripts"
_pack = HiredisRespSerializer().pack


class _Packing:
    """A connection whose commands are packed in C, as redis-py does where nothing is awaited."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """Return what is sent: a script call for 64 tasks has 900 arguments."""
        packed: list[bytes] = _pack(*args)
        return packed


def connect(url: str, connections: int = 32) -> Client:
    """Return a client that answers bytes and never repeats a command by itself.

    A command whose outcome is unclear must not be sent again below us: only the dispatcher knows
    whether that is safe.
    """
    options: dict[str, Any] = {
        "timeout": 5,
        "socket_timeout": 5.0,
        "socket_connect_timeout": 2.0,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    # A pool that waits: the usual one raises when more calls than connections come at once.
    if is_cluster(url):
        return _cluster(url, connections, options)
    if is_sentinel(url):
        pool = sentinel_pool(url, connections, **options)
    else:
        pool = BlockingConnectionPool.from_url(url, max_connections=connections, **options)
    pool.connection_class = type("PackingConnection", (_Packing, pool.connection_class), {})
    return Redis(connection_pool=pool)


def _cluster(url: str, connections: int, options: Mapping[str, Any]) -> Client:
    """Return a client of a Cluster; ``connections``: to each primary."""
    servers = read_cluster_url(url)
    of_url = servers.connection()
    plain = SSLConnection if servers.tls else Connection
    kind = type("PackingConnection", (_Packing, plain), {})

    def pool(place: Place) -> ClusterPool:
        server = {"host": place[0], "port": place[1], "connection_class": kind}
        return ClusterPool(max_connections=connections, **{**options, **of_url, **server})

    def ask(place: Place) -> Client:
        own = {name: value for name, value in options.items() if name != "timeout"}
        within = {"socket_timeout": ASKED_WITHIN_S, "socket_connect_timeout": ASKED_WITHIN_S}
        server = {"host": place[0], "port": place[1], "connection_class": plain}
        return Redis(connection_pool=ConnectionPool(**{**own, **of_url, **within, **server}))

    return ClusterClient(servers, pool, ask)


def primaries(redis: Client) -> Awaitable[list[tuple[str, Client]]]:
    """Return each server that has data, by its address, with a client of its own."""
    return redis.primaries() if isinstance(redis, ClusterClient) else _alone(redis)


async def _alone(redis: Client) -> list[tuple[str, Client]]:
    return [("", redis)]


async def client_of(redis: Client, key: str) -> Client:
    """Return the client of the server that has a key: of a transaction that watches it."""
    return await redis.client_of(key) if isinstance(redis, ClusterClient) else redis


def place_of(redis: Client, key: str) -> str:
    """Return the address of the server that has a key; "" where there is only one."""
    return redis.place_of(key) if isinstance(redis, ClusterClient) else ""


def connections_of(redis: Client) -> tuple[int, int]:
    """Return how many connections are in use, and how many there may be."""
    if isinstance(redis, ClusterClient):
        return redis.connections()
    pool = redis.connection_pool
    # redis-py has no public word for it.
    return len(pool._in_use_connections), pool.max_connections  # noqa: SLF001


class Script:
    """A script, called by its digest, and by its text where the server does not know it yet.

    By EVAL and not by SCRIPT LOAD, which managed servers forbid: it is one round trip less, too.
    """

    def __init__(self, redis: Client, text: str) -> None:
        self._redis = redis
        self.text = text
        # https://redis.io/docs/latest/commands/evalsha/: the digest is the server's choice.
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], args: Sequence[Any] = ()) -> Any:
        """Return what the script answers."""
        try:
            return await self._redis.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await self._redis.eval(self.text, len(keys), *keys, *args)

    async def waited_for(
        self, keys: Sequence[str], args: Sequence[Any], replicas: int, within: int
    ) -> tuple[Any, int]:
        """Return what the script answers, and how many replicas have what it wrote.

        Waits ``within`` ms for that many. In one pipeline and so on one connection: WAIT is about
        what its own connection wrote.
        """
        try:
            return await self._waited_for(("EVALSHA", self.sha), keys, args, replicas, within)
        except NoScriptError:
            return await self._waited_for(("EVAL", self.text), keys, args, replicas, within)

    async def _waited_for(
        self,
        call: tuple[str, str],
        keys: Sequence[str],
        args: Sequence[Any],
        replicas: int,
        within: int,
    ) -> tuple[Any, int]:
        # As a context: one that is cancelled before it is sent keeps its connection for ever.
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.execute_command(*call, len(keys), *keys, *args)
            pipeline.wait(replicas, within)
            answer, number = await pipeline.execute()
        return answer, number


def load_script(redis: Client, name: str) -> Any:
    """Return the ``Script`` of one of the .lua files beside this module."""
    shared = (_SCRIPTS / "audit_chain.lua").read_text() if name in CHAINED else ""
    return Script(redis, places(name) + shared + (_SCRIPTS / f"{name}.lua").read_text())


_REFUSALS = {
    "OOM": "its memory is full: raise maxmemory (of the embedded server: storage.max_memory)",
    "MISCONF": "it cannot write to its disk: free space, see its log",
    "NOREPLICAS": "replicas are missing (min-replicas-to-write)",
    "CLUSTERDOWN": "its Cluster has too few servers (cluster-require-full-coverage no lets the"
    " others go on)",
    "TRYAGAIN": "a slot is being moved to another server",
    "READONLY": "it is a replica: redis.url has to name the primary",
}
"""What the error codes mean with which a server that answers refuses to write."""


@asynccontextmanager
async def unavailable_is_503() -> AsyncIterator[None]:
    """Turn every way Redis can fail into StoreUnavailableError."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        words = str(error) or type(error).__name__
        code = getattr(error, "status_code", None) or words.partition(" ")[0]
        meaning = f"{_REFUSALS[code]} ({words})" if code in _REFUSALS else words
        raise StoreUnavailableError(f"Redis: {meaning}") from error
