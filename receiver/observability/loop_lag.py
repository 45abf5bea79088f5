"""How long the event loop was held: while it is, nothing is answered, paged or counted."""

import asyncio
import time
from collections import deque

TICK_S = 0.02
WINDOW_S = 60.0


class LoopLag:
    """Wakes every 20 ms and remembers by how much it was late, for a minute."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def watch(self) -> None:
        """Measure until cancelled; by a timer, as a task that sleeps costs twice as much."""
        self._tick(time.monotonic())
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _tick(self, expected: float) -> None:
        now = time.monotonic()
        self.note(now, max(0.0, now - expected))
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_S, self._tick, now + TICK_S)

    def note(self, now: float, late: float) -> None:
        """Remember that the loop was ``late`` seconds at ``now`` (monotonic, in seconds)."""
        # What is neither later nor longer can never be the worst again.
        while self._late and self._late[-1][1] <= late:
            self._late.pop()
        self._late.append((now, late))
        self._forget(now)

    def worst(self) -> float:
        """Return the longest time (s) the loop was held within the last minute."""
        self._forget(time.monotonic())
        return self._late[0][1] if self._late else 0.0

    def _forget(self, now: float) -> None:
        while self._late and self._late[0][0] < now - WINDOW_S:
            self._late.popleft()
