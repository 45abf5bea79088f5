"""What came of trying notifiers, for the other processes of a machine: each is tried once.

A machine's reach is its own, so that a result is found under a digest of the machine and of the
notifier's configuration, which no other machine and no other configuration has.
"""

from collections.abc import Callable

import msgspec

from receiver.notify.notifier import Tried
from receiver.store.keys import tried
from receiver.store.redis import Client, unavailable_is_503

KEPT_MS = 86_400_000


class Kept(msgspec.Struct, frozen=True):
    """A result, and when it came (ms)."""

    at: int
    tried: Tried


class Tries:
    """Reads and writes results, by digest."""

    def __init__(self, redis: Client, now: Callable[[], int]) -> None:
        """``now()`` returns the time in ms."""
        self._redis = redis
        self._now = now

    async def read(self, digest: str, age: int) -> Kept | None:
        """Return a result that is at most ``age`` ms old, None without; StoreUnavailableError."""
        async with unavailable_is_503():
            raw = await self._redis.get(tried(digest))
        try:
            kept = msgspec.json.decode(raw or b"", type=Kept)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return kept if 0 <= self._now() - kept.at <= age else None

    async def tell(self, digest: str, result: Tried) -> None:
        """Keep a result for others; StoreUnavailableError."""
        body = msgspec.json.encode(Kept(self._now(), result))
        async with unavailable_is_503():
            await self._redis.set(tried(digest), body, px=KEPT_MS)
