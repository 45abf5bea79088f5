"""How often somebody tried to log in and failed, counted for all replicas together.

``im:attempts:<digest>`` is a hash: ``n`` failures in a row, the last one ``at`` (ms). An attempt
counts as failed from its beginning, so that many at once are no way round; success forgets them.
"""

from collections.abc import Sequence

from receiver.store.keys import attempts_key
from receiver.store.logins.sessions import digest_of
from receiver.store.redis import Client, load_script, unavailable_is_503


class AttemptStore:
    """Failed attempts, by whatever they are counted for."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis
        self._take = load_script(redis, "take_attempt")

    async def take(self, what: str, waits: Sequence[int], now: int) -> int:
        """Return 0 and count an attempt, or how long (ms) to wait for the next one.

        ``waits``: how long to wait after 1, 2, 3 ... failures; the last one holds for more.
        """
        kept = max(waits) + 86_400_000
        async with unavailable_is_503():
            return int(
                await self._take(keys=[attempts_key(digest_of(what))], args=[now, kept, *waits])
            )

    async def forget(self, what: str) -> bool:
        """Forget the failures of somebody; return whether there were any."""
        async with unavailable_is_503():
            return bool(await self._redis.unlink(attempts_key(digest_of(what))))
