"""What senders do that the configuration knows nothing of, shared by all replicas.

``im:hints`` is a sorted set of ``kind|name`` by when it was seen last. It is advice: what is wrong
with it is thrown away, and a backup leaves it out.
"""

from redis.exceptions import ResponseError

from receiver.store.keys import HINTS, time_of
from receiver.store.redis import Client, unavailable_is_503

KEPT = 100
KEPT_MS = 7 * 86_400_000


class HintStore:
    """The newest hints, each once."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis

    async def note(self, hints: set[tuple[str, str]], now: int) -> None:
        """Remember (kind, name) as seen at ``now`` (ms). StoreUnavailableError."""
        async with unavailable_is_503():
            try:
                await self._note(hints, now)
            except ResponseError as error:
                if "WRONGTYPE" not in str(error):
                    raise
                await self._redis.unlink(HINTS)
                await self._note(hints, now)

    async def _note(self, hints: set[tuple[str, str]], now: int) -> None:
        pipeline = self._redis.pipeline()
        pipeline.zadd(HINTS, {f"{kind}|{name}": now for kind, name in hints})
        pipeline.zremrangebyrank(HINTS, 0, -KEPT - 1)
        pipeline.pexpire(HINTS, KEPT_MS)
        await pipeline.execute()

    async def seen(self, now: int) -> list[tuple[str, str, int]]:
        """Return (kind, name, when last) of the last seven days, newest first."""
        async with unavailable_is_503():
            try:
                rows = await self._redis.zrevrangebyscore(
                    HINTS, "+inf", now - KEPT_MS, withscores=True, start=0, num=KEPT
                )
            except ResponseError as error:
                if "WRONGTYPE" not in str(error):
                    raise
                return []
        found = []
        for member, at in rows:
            kind, _, name = member.decode("utf-8", "replace").partition("|")
            found.append((kind, name, time_of(at)))
        return found
