"""Which incidents changed, told to whoever watches: a stream a shard that each commit adds to.

It is advice, and short: whoever was away for too long is told so, and reads the lists anew.
"""

from collections.abc import Sequence
from typing import NamedTuple

from redis.exceptions import ResponseError

from receiver.store.keys import Keys, is_id
from receiver.store.redis import Client, unavailable_is_503

KEPT = 500
"""Commits that each shard's stream keeps, about."""
READ_MOST = 200
"""Commits read at once: whoever is further behind reads the lists anew."""
_ID_MAX = 40
_START = (0, 0)


class Changed(NamedTuple):
    """The incidents that changed since a position, and the position now.

    ``whole`` False: there may be more, which nobody remembers.
    """

    ids: list[str]
    position: str
    whole: bool


class Feed:
    """The streams of all shards. A position is the newest id of each, joined by commas."""

    def __init__(self, redis: Client, shards: Sequence[Keys]) -> None:
        self._redis = redis
        self._shards = shards

    async def now(self) -> str:
        """Return the position after everything committed so far. StoreUnavailableError."""
        return ",".join(_text(newest) for newest in await self._newest())

    async def since(self, position: str) -> Changed:
        """Return what changed since a position; one of nobody's is the beginning of nothing."""
        newest = await self._newest()
        here = ",".join(map(_text, newest))
        if here == position:
            return Changed([], here, whole=True)
        known = _parsed(position, len(self._shards))
        if known is None or any(was > now for was, now in zip(known, newest, strict=True)):
            return Changed([], here, whole=False)
        found: dict[str, None] = {}
        for keys, was, now in zip(self._shards, known, newest, strict=True):
            if was == now:
                continue
            rows = await self._rows(keys, was, now)
            if rows is None:
                return Changed([], here, whole=False)
            for name in rows:
                found[name] = None
        return Changed(list(found), here, whole=True)

    async def _rows(
        self, keys: Keys, was: tuple[int, int], now: tuple[int, int]
    ) -> list[str] | None:
        """Return the ids of a shard's commits after ``was``, None where some are missing."""
        async with unavailable_is_503():
            # With the one that is known: where that is gone, more may be.
            rows = await self._redis.xrange(keys.feed, _text(was), _text(now), READ_MOST + 2)
        if len(rows) > READ_MOST + 1 or not rows:
            return None
        first = was == _START or _id(rows[0][0]) == was
        if not first:
            return None
        told = [fields.get(b"i", b"") for at, fields in rows if _id(at) != was]
        names = [raw for text in told for raw in text.split(b" ")]
        return [raw.decode() for raw in names if is_id(raw, keys.shard)]

    async def _newest(self) -> list[tuple[int, int]]:
        async with unavailable_is_503():
            # Together: of a Cluster that is one round trip to all of it.
            pipeline = self._redis.pipeline(transaction=False)
            for keys in self._shards:
                pipeline.xrevrange(keys.feed, "+", "-", 1)
            answers = await pipeline.execute(raise_on_error=False)
            for keys, rows in zip(self._shards, answers, strict=True):
                if isinstance(rows, ResponseError) and "WRONGTYPE" in str(rows):
                    await self._redis.unlink(keys.feed)
                elif isinstance(rows, Exception):
                    raise rows
        return [
            _id(rows[0][0]) if rows and not isinstance(rows, Exception) else _START
            for rows in answers
        ]


def _text(found: tuple[int, int]) -> str:
    return f"{found[0]}-{found[1]}"


def _id(raw: bytes) -> tuple[int, int]:
    time, _, number = raw.decode("ascii", "replace").partition("-")
    return int(time), int(number)


def _parsed(position: str, shards: int) -> list[tuple[int, int]] | None:
    """Return a position as ids, None for what is none; it may come from anybody."""
    parts = position.split(",")
    if len(parts) != shards or len(position) > _ID_MAX * shards:
        return None
    found = []
    for part in parts:
        time, dash, number = part.partition("-")
        if not (dash and time.isascii() and number.isascii()):
            return None
        if not (time.isdecimal() and number.isdecimal()):
            return None
        found.append((int(time), int(number)))
    return found
