"""When each credential was first known and last used, by whatever replica.

``im:credentials`` is a hash: ``known:<name>`` and ``used:<name>`` in ms.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from receiver.store.keys import CREDENTIALS, is_time
from receiver.store.redis import Client, unavailable_is_503

KNOWN, USED = "known:", "used:"


class Use(NamedTuple):
    """Times in ms; ``used`` 0 for never."""

    known: int
    used: int


class UseStore:
    """Keeps it. StoreUnavailableError."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis

    async def note(self, names: Iterable[str], used: Mapping[str, int], now: int) -> None:
        """Keep what was used, know these names from now on, and forget all others."""
        wanted = set(names)
        async with unavailable_is_503():
            stored = [
                raw.decode("utf-8", "replace") for raw in await self._redis.hkeys(CREDENTIALS)
            ]
            gone = [field for field in stored if field.partition(":")[2] not in wanted]
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in sorted(wanted):
                    pipe.hsetnx(CREDENTIALS, KNOWN + name, now)
                for name, at in used.items():
                    pipe.hset(CREDENTIALS, USED + name, at)
                if gone:
                    pipe.hdel(CREDENTIALS, *gone)
                await pipe.execute()

    async def read(self) -> dict[str, Use]:
        """Return name -> its use; what cannot be read is not there."""
        async with unavailable_is_503():
            stored = await self._redis.hgetall(CREDENTIALS)
        times = {
            field.decode("utf-8", "replace"): int(value)
            for field, value in stored.items()
            if is_time(value)
        }
        return {
            field.removeprefix(KNOWN): Use(at, times.get(USED + field.removeprefix(KNOWN), 0))
            for field, at in times.items()
            if field.startswith(KNOWN)
        }
