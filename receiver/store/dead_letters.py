"""Dead letters: what was sent, could be parsed, and still was no alert. Kept to be looked at."""

import msgspec

from receiver.store.keys import Keys
from receiver.store.records.record import SHOWN, UNREADABLE, said
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended
from routing.alert import Time

KEPT = 1_000
"""The newest so many are kept."""
_encoder = msgspec.json.Encoder()


class DeadLetter(msgspec.Struct, frozen=True):
    """One thing put aside: when (ms), why, where in the request, and what it was (<= 4 KB)."""

    at: Time
    reason: str
    place: str
    raw: str
    sender: str = ""


class DeadLetterStore:
    """The list of dead letters, newest first."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._keys = Keys(0)
        self._key = self._keys.dead
        self._mending = Mending(redis, [self._keys])

    async def push(self, letters: list[DeadLetter]) -> None:
        """Keep letters durably; StoreUnavailableError when that fails."""
        async with unavailable_is_503():
            await mended(lambda: self._push(letters), self._mend)

    async def _push(self, letters: list[DeadLetter]) -> None:
        pipeline = self._redis.pipeline()
        pipeline.lpush(self._key, *[_encoder.encode(letter) for letter in letters])
        pipeline.ltrim(self._key, 0, KEPT - 1)
        await pipeline.execute()

    async def _mend(self) -> None:
        await self._mending.of_type(self._keys, self._key, "list")

    async def newest(self, limit: int) -> list[DeadLetter]:
        """Return up to ``limit`` letters, newest first; one that cannot be read says so itself."""
        if limit < 1:
            return []  # as an index -1 would be the last of all
        async with unavailable_is_503():
            lines: list[bytes] = await mended(
                lambda: self._redis.lrange(self._key, 0, limit - 1), self._mend
            )
        return [_letter(line) for line in lines]


def _letter(line: bytes) -> DeadLetter:
    try:
        return msgspec.json.decode(line, type=DeadLetter)
    except UNREADABLE as error:
        raw = line[:SHOWN].decode("utf-8", "backslashreplace")
        return DeadLetter(0, f"this dead letter cannot be read: {said(error)}", "", raw)
