"""Changes to systems (deployments, configuration), kept for a week to be shown beside incidents."""

import msgspec

from receiver.store.keys import Keys
from receiver.store.records.record import UNREADABLE, said
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended
from routing.alert import Time

KEPT = 10_000
KEPT_MS = 7 * 86_400_000
SAME_WITHIN_MS, SAME_AMONG = 3_600_000, 1_000
"""Among so many of the last hour a change that is told without a time may be known."""


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """``at`` (ms) something changed; ``labels`` say where, none of them: everywhere."""

    at: Time
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
        self._keys = Keys(0)
        self._key = self._keys.changes
        self._mending = Mending(redis, [self._keys])
        self.told = 0
        """How many this process was told of: what was read before the last one is old."""

    async def add(self, change: Change, now: int) -> None:
        """Keep a change durably; the oldest make room. StoreUnavailableError when that fails."""
        try:
            async with unavailable_is_503():
                await mended(lambda: self._add(change, now), self._mend)
        finally:
            self.told += 1

    async def _add(self, change: Change, now: int) -> None:
        pipeline = self._redis.pipeline()
        pipeline.zadd(self._key, {_encode(change): change.at})
        # One of exactly a week ago is taken, and so kept.
        pipeline.zremrangebyscore(self._key, "-inf", f"({now - KEPT_MS}")
        pipeline.zremrangebyrank(self._key, 0, -KEPT - 1)
        await pipeline.execute()

    async def _mend(self) -> None:
        await self._mending.of_type(self._keys, self._key, "zset")

    async def like(self, change: Change, now: int) -> Change | None:
        """Return the change of the last hour that is this one but for its time, if there is one."""
        found = await self.between(now - SAME_WITHIN_MS, now, SAME_AMONG)
        return next(
            (one for one in found if msgspec.structs.replace(one, at=change.at) == change), None
        )

    async def between(self, since: int, until: int, limit: int) -> list[Change]:
        """Return the changes of a time (ms, both included), newest first."""
        found = []
        async with unavailable_is_503():
            rows = await mended(
                lambda: self._redis.zrevrangebyscore(self._key, until, since, start=0, num=limit),
                self._mend,
            )
        for row in rows:
            try:
                found.append(_decode(row))
            except UNREADABLE as error:
                part = ("member", row, row)
                await self._mending.register.put_aside_part(
                    self._keys, "other", self._key, part, said(error)
                )
        return found
