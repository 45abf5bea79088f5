"""How many deliveries wait, and how long that will take by the pace of the last minute."""

import math
from collections import deque

from routing.duration import format_duration

WINDOW_S = 60.0
MANY = 200
"""So many wait for a moment in any storm."""
LONG_S = 60.0
SURE_S = 10.0
"""A pace is told by so many seconds: some leave together."""


class Backlog:
    """Remembers how many waited within the last minute."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, waiting: int) -> None:
        """Note that so many wait at ``now`` (s, of any clock that only goes on)."""
        self._seen.append((now, waiting))
        while self._seen[0][0] < now - WINDOW_S:
            self._seen.popleft()

    def left_s(self) -> float | None:
        """Return how many seconds it takes until nothing waits; None when that is not known.

        By the pace since most of them waited: before that more came than left.
        """
        (began, before), (now, waiting) = self._peak(), self._seen[-1]
        if before <= waiting or now < began + SURE_S:
            return None
        return waiting * (now - began) / (before - waiting)

    def _peak(self) -> tuple[float, int]:
        """Return when most of them waited within the last minute, the last time, and how many."""
        return max(reversed(self._seen), key=lambda seen: seen[1])

    def words(self) -> str:
        """Return what to say of it, "" for nothing worth saying."""
        waiting = self._seen[-1][1] if self._seen else 0
        if waiting < MANY:
            return ""
        left = self.left_s()
        if left is None:
            more = ", and they do not get fewer" if self._peak()[1] == waiting else ""
            return f"{waiting:,} deliveries wait{more} (P1 and P2 go first)"
        if left < LONG_S:
            return ""
        took = format_duration(math.ceil(left / 60) * 60_000)
        return f"{waiting:,} deliveries wait: about {took} at this pace (P1 and P2 go first)"
