"""Dead letters: what was sent, could be parsed, and still was no alert. Kept to be looked at."""

import msgspec

from receiver.store.client import Client, unavailable_is_503
from receiver.store.keys import Keys

KEPT = 1_000
"""The newest so many are kept."""
_encoder = msgspec.json.Encoder()


class DeadLetter(msgspec.Struct, frozen=True):
    """One thing put aside: when (ms), why, where in the request, and what it was (<= 4 KB)."""

    at: int
    reason: str
    place: str
    raw: str
    sender: str = ""


class DeadLetterStore:
    """The list of dead letters, newest first."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._key = Keys(0).dead

    async def push(self, letters: list[DeadLetter]) -> None:
        """Keep letters durably; StoreUnavailableError when that fails."""
        async with unavailable_is_503():
            pipeline = self._redis.pipeline()
            pipeline.lpush(self._key, *[_encoder.encode(letter) for letter in letters])
            pipeline.ltrim(self._key, 0, KEPT - 1)
            await pipeline.execute()

    async def newest(self, limit: int) -> list[DeadLetter]:
        """Return up to ``limit`` letters, newest first."""
        async with unavailable_is_503():
            lines = await self._redis.lrange(self._key, 0, limit - 1)
        return [msgspec.json.decode(line, type=DeadLetter) for line in lines]
