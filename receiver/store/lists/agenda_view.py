"""The agenda looked at, of which nothing is claimed: what is due next, and what waits for whom."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from math import isfinite
from typing import NamedTuple, TypeVar

from receiver.store.keys import Keys, split_member, split_state
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended
from routing.vocabulary import Lane

READ = 2_000
"""Deliveries of a shard that are counted one by one."""
NOTIFY = "notify:"
T = TypeVar("T")


class Queues(NamedTuple):
    """How many deliveries wait for each notifier or are under way, and in all.

    ``counted`` is less than ``total`` where not each was looked at.
    """

    waiting: dict[str, int]
    counted: int
    total: int


class Entry(NamedTuple):
    """An entry of the agenda: when it is due (ms), or ``held`` until then by who does it now."""

    incident: str
    task: str
    lane: Lane
    due: int
    held: bool


class AgendaView:
    """Reads the agenda of all shards."""

    def __init__(self, redis: Client, shards: int) -> None:
        self._redis = redis
        self._keys = [Keys(shard) for shard in range(shards)]
        self._mending = Mending(redis, self._keys)

    async def queues(self) -> Queues:
        """Return what waits for whom; StoreUnavailableError."""
        waiting: Counter[str] = Counter()
        counted = total = 0
        for keys in self._keys:
            rows, number = await self._of(keys, partial(self._tasks, keys))
            total += number
            for raw in rows:
                named = split_member(raw, keys.shard)
                if named is not None and named[1].startswith(NOTIFY):
                    waiting[named[1].removeprefix(NOTIFY)] += 1
                counted += 1
        return Queues(dict(waiting), counted, total)

    async def _tasks(self, keys: Keys) -> tuple[list[bytes], int]:
        number = int(await self._redis.hlen(keys.task))
        found: dict[bytes, bytes] = {}
        cursor = 0
        while number:
            cursor, some = await self._redis.hscan(keys.task, cursor, count=READ // 4)
            found |= some
            if not cursor or len(found) >= READ:
                break
        return list(found), number

    async def first(self, now: int, limit: int) -> list[Entry]:
        """Return what is due next, or is late, ``limit`` at most."""
        found: list[Entry] = []
        for keys in self._keys:
            for lane, key in keys.due.items():
                found += await self._of(keys, partial(self._due, keys, lane, key, now, limit))
        return sorted(found, key=lambda one: one.due)[:limit]

    async def _due(self, keys: Keys, lane: Lane, key: str, now: int, limit: int) -> list[Entry]:
        rows = await self._redis.zrange(key, 0, limit - 1, withscores=True)
        names = [name for name, _ in rows]
        states = await self._redis.hmget(keys.task, names) if names else []
        return [
            Entry(*named, lane, int(due) if isfinite(due) else 0, _is_held(state, now))
            for (name, due), state in zip(rows, states, strict=True)
            if (named := split_member(name, keys.shard)) is not None
        ]

    async def _of(self, keys: Keys, call: Callable[[], Awaitable[T]]) -> T:
        async with unavailable_is_503():
            return await mended(call, lambda: self._mending.shared([keys]))


def _is_held(state: bytes | None, now: int) -> bool:
    known = split_state(state) if state is not None else None
    return known is not None and bool(known[0]) and known[1] > now
