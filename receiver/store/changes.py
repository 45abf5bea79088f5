"""Changes to systems (deployments, configuration), kept for a week to be shown beside incidents."""

import msgspec

from receiver.store.client import Client, unavailable_is_503
from receiver.store.keys import Keys

KEPT = 10_000
KEPT_MS = 7 * 86_400_000


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at`` (ms) something changed; ``labels`` say where, none of them: everywhere."""

    at: int
    summary: str
    labels: dict[str, str] = {}
    source: str = ""
    url: str = ""
    id: str = ""

    def concerns(self, labels: dict[str, str]) -> bool:
        """Return whether it was made where something with these labels is."""
        return all(labels.get(name) == value for name, value in self.labels.items())


_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Change).decode


class ChangeStore:
    """All changes by time. What is sent twice is one."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._key = Keys(0).changes

    async def add(self, change: Change, now: int) -> None:
        """Keep a change durably; the oldest make room. StoreUnavailableError when that fails."""
        async with unavailable_is_503():
            pipeline = self._redis.pipeline()
            pipeline.zadd(self._key, {_encode(change): change.at})
            pipeline.zremrangebyscore(self._key, "-inf", now - KEPT_MS)
            pipeline.zremrangebyrank(self._key, 0, -KEPT - 1)
            await pipeline.execute()

    async def between(self, since: int, until: int, limit: int) -> list[Change]:
        """Return the changes of a time (ms, both included), newest first."""
        async with unavailable_is_503():
            rows = await self._redis.zrevrangebyscore(self._key, until, since, start=0, num=limit)
        return [_decode(row) for row in rows]
