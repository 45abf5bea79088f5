"""A client for each primary of a Cluster, and one for all that sends each command on.

Everything above sees that one. A command goes to the primary that has the slot of its first key;
all keys of a script are in one slot.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Self

from redis.asyncio import Redis
from redis.commands import AsyncCoreCommands
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    ClusterError,
    ConnectionError,  # noqa: A004 - redis-py's name for it
    MovedError,
    RedisError,
    TimeoutError,  # noqa: A004 - the same
)

from receiver.store.server.addresses import Place, Servers
from receiver.store.server.cluster_commands import Command, key_of, keys_of, slot_of
from receiver.store.server.cluster_map import ClusterMap
from receiver.store.server.cluster_pool import ClusterPool, RetiredError

REDIRECTS = 5
"""How often one command is sent on: a server may have learned of a takeover, and another not."""
_HOME = "im:clock"
"""What names no key goes where the reference of time is: TIME has to be that server's."""


class ClusterClient(AsyncCoreCommands):
    """Has the commands of a ``redis.asyncio.Redis`` that the store uses."""

    _event_dispatcher: Any = None

    def __init__(
        self, servers: Servers, pool: Callable[[Place], ClusterPool], ask: Callable[[Place], Any]
    ) -> None:
        """``pool``: makes the connections to a primary, ``ask`` a client that asks who is one."""
        self._pool = pool
        self._clients: dict[Place, Any] = {}
        self._pools: dict[Place, ClusterPool] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = False
        self._map = ClusterMap(servers.places, ask, self._changed)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command where its key is; one that was not carried out there is sent on."""
        key = key_of(args)
        for _ in range(REDIRECTS):
            place = await self._where(key)
            try:
                return await self._client(place).execute_command(*args, **options)
            except RetiredError:
                continue
            except MovedError as error:
                self._map.moved(error.slot_id, _said(error, place))
            except AskError as error:
                (answer,) = await self._asking(_said(error, place), [(args, options)])
                if isinstance(answer, Exception):
                    raise answer from None
                return answer
            except (ConnectionError, TimeoutError, ClusterError, OSError):
                self._map.doubt()
                raise
        raise ConnectionError("the Cluster's servers do not agree on who has a key")

    def pipeline(self, transaction: bool = True) -> "ClusterPipeline":  # noqa: FBT001, FBT002 - redis-py's
        """Return a pipeline; with ``transaction`` all its keys have to be in one slot."""
        return ClusterPipeline(self, transaction=transaction)

    async def ping(self, **_: Any) -> bool:  # type: ignore[override]
        """Return whether every primary answers, and every slot has one."""
        await self._map.whole()
        for _place, client in await self.primaries():
            await client.ping()
        return True

    async def scan_iter(  # type: ignore[override]
        self, match: Any = None, count: int | None = None, _type: str | None = None, **more: Any
    ) -> AsyncIterator[Any]:
        """Give the keys of all primaries."""
        for _, client in await self.primaries():
            async for key in client.scan_iter(match=match, count=count, _type=_type, **more):
                yield key

    async def primaries(self) -> list[tuple[str, Any]]:
        """Return the address of each primary, and a client of it."""
        await self._map.known()
        return [
            (f"{host}:{port}", self._client((host, port))) for host, port in self._map.primaries
        ]

    async def client_of(self, key: str) -> Any:
        """Return a client of the primary that has a key."""
        return self._client(await self._where(key))

    def place_of(self, key: str) -> str:
        """Return the address of the primary that has a key, "" while that is not known."""
        host, port = self._map.of(slot_of(key)) or ("", 0)
        return f"{host}:{port}" if host else ""

    def connections(self) -> tuple[int, int]:
        """Return how many connections to primaries are in use, and how many there may be."""
        pools = list(self._pools.values())
        # redis-py has no public word for it.
        used = sum(len(pool._in_use_connections) for pool in pools)  # noqa: SLF001
        return used, sum(pool.max_connections for pool in pools)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: ARG002, FBT001 - redis-py's
        """Close everything, also what is being connected to just now."""
        self._closed = True
        await self._map.stop()
        await asyncio.gather(*self._retiring, *(pool.retire() for pool in self._pools.values()))

    async def send(
        self, commands: Sequence[Command], *, transaction: bool, raise_on_error: bool
    ) -> list[Any]:
        """Carry out a pipeline, at all its primaries at once; see ``ClusterPipeline``."""
        if transaction and len({slot_of(key) for key in keys_of(commands)}) > 1:
            raise ClusterCrossSlotError("the keys of a transaction are in several slots")
        answers: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        for _ in range(REDIRECTS):
            parts = await self._parts(commands, left)
            jobs = [self._part(place, commands, part, transaction) for place, part in parts]
            found = await asyncio.gather(*jobs, return_exceptions=True)
            left = []
            for (place, part), some in zip(parts, found, strict=True):
                if isinstance(some, RetiredError):
                    left += part
                elif isinstance(some, BaseException):
                    self._map.doubt()
                    raise some
                else:
                    left += await self._taken(place, commands, part, some, answers)
            if not left:
                if raise_on_error:
                    _raise_first(answers)
                return answers
            left.sort()
        raise ConnectionError("the Cluster's servers do not agree on who has a key")

    async def _parts(
        self, commands: Sequence[Command], wanted: Sequence[int]
    ) -> list[tuple[Place, list[int]]]:
        """Return what goes where; what has no key goes with the command before it."""
        keys = [key_of(commands[at][0]) for at in wanted]
        key = next((one for one in keys if one is not None), None)
        parts: dict[Place, list[int]] = {}
        for at, own in zip(wanted, keys, strict=True):
            key = key if own is None else own
            parts.setdefault(await self._where(key), []).append(at)
        return list(parts.items())

    async def _part(
        self,
        place: Place,
        commands: Sequence[Command],
        part: Sequence[int],
        transaction: bool,  # noqa: FBT001
    ) -> list[Any]:
        async with self._client(place).pipeline(transaction=transaction) as pipeline:
            for at in part:
                args, options = commands[at]
                pipeline.execute_command(*args, **options)
            try:
                found: list[Any] = await pipeline.execute(raise_on_error=False)
            except AskError as error:
                # Of a transaction nothing was done.
                if not isinstance(error, MovedError):
                    raise
                found = [error] * len(part)
        return found

    async def _taken(
        self,
        place: Place,
        commands: Sequence[Command],
        part: Sequence[int],
        found: Sequence[Any],
        answers: list[Any],
    ) -> list[int]:
        """Put answers in their places; return which commands are to be sent elsewhere.

        What has no key (WAIT) goes again with the command that it follows.
        """
        again: list[int] = []
        asking: dict[Place, list[int]] = {}
        with_it: list[int] | None = None
        for at, answer in zip(part, found, strict=True):
            if isinstance(answer, MovedError):
                self._map.moved(answer.slot_id, _said(answer, place))
                with_it = again
            elif isinstance(answer, AskError):
                with_it = asking.setdefault(_said(answer, place), [])
            elif key_of(commands[at][0]) is not None:
                with_it = None
            if isinstance(answer, ClusterError):
                self._map.doubt()
            answers[at] = answer
            if with_it is not None:
                with_it.append(at)
        for other, some in asking.items():
            replies = await self._asking(other, [commands[at] for at in some])
            for at, answer in zip(some, replies, strict=True):
                answers[at] = answer
        return again

    async def _asking(self, place: Place, commands: Sequence[Command]) -> list[Any]:
        """Have commands carried out by the server to which their slot is being moved."""
        async with self._client(place).pipeline(transaction=False) as pipeline:
            for args, options in commands:
                # It counts for the next command alone.
                pipeline.execute_command("ASKING")
                pipeline.execute_command(*args, **options)
            found = await pipeline.execute(raise_on_error=False)
        return list(found[1::2])

    async def _where(self, key: str | bytes | None) -> Place:
        await self._map.known()
        slot = slot_of(_HOME if key is None else key)
        place = self._map.of(slot)
        if place is None:
            self._map.doubt()
            raise ClusterError(f"no server of the Cluster has slot {slot}")
        return place

    def _client(self, place: Place) -> Any:
        if self._closed:
            raise ConnectionError("the connection to the Cluster is closed")
        if place not in self._clients:
            self._pools[place] = self._pool(place)
            self._clients[place] = Redis(connection_pool=self._pools[place])
        return self._clients[place]

    def _changed(self) -> None:
        """Leave servers that are no primaries any more."""
        primaries = self._map.primaries
        for place in [one for one in self._clients if one not in primaries]:
            del self._clients[place]
            job = asyncio.create_task(self._pools.pop(place).retire())
            self._retiring.add(job)
            job.add_done_callback(self._retiring.discard)


class ClusterPipeline(AsyncCoreCommands):
    """Commands that are sent together: those of one primary in one go, and in their order."""

    _event_dispatcher: Any = None

    def __init__(self, cluster: ClusterClient, *, transaction: bool) -> None:
        self._cluster = cluster
        self._transaction = transaction
        self._commands: list[Command] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._commands.clear()

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self._commands)

    def execute_command(self, *args: Any, **options: Any) -> "ClusterPipeline":
        """Remember a command."""
        self._commands.append((args, options))
        return self

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's
        """Return what came of each command, in their order."""
        commands, self._commands = self._commands, []
        return await self._cluster.send(
            commands, transaction=self._transaction, raise_on_error=raise_on_error
        )


def _said(error: AskError, asked: Place) -> Place:
    """Return whom a server names; without an address it is another one at its own."""
    return (error.host or asked[0], error.port)


def _raise_first(answers: Sequence[Any]) -> None:
    for answer in answers:
        if isinstance(answer, RedisError):
            raise answer
