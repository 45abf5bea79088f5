"""One clock for everything: monotonic time plus the measured offset to Redis, in ms.

Wall clocks jump and differ between replicas; the agenda and the leases must not.
"""

import time

from receiver.store.client import Client, unavailable_is_503


class Clock:
    """Milliseconds since the epoch, as all replicas sharing one Redis see it."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self.skew = 0
        """By how much (ms) the last measurement moved this clock."""

    def now(self) -> int:
        """Return the current time (ms)."""
        return int((time.monotonic() + self._offset) * 1000)

    async def sync(self, redis: Client) -> int:
        """Measure Redis's clock (TIME, outside of scripts) and follow it; return the change (ms).

        Half the round trip is taken as the way back.
        """
        before = time.monotonic()
        async with unavailable_is_503():
            seconds, micros = await redis.time()
        after = time.monotonic()
        offset = int(seconds) + int(micros) / 1e6 - (before + after) / 2
        change = offset - self._offset
        self._offset = offset
        self.skew = int(change * 1000)
        return self.skew
