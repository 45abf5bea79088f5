"""How many deliveries wait, and how long that will take by the pace of the last minute."""

from collections import deque

from routing.duration import format_duration

WINDOW_S = 60.0
MANY = 200
"""So many wait for a moment in any storm."""
LONG_S = 60.0


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
        """Return how many seconds it takes until nothing waits; None when it does not get less."""
        (began, before), (now, waiting) = self._seen[0], self._seen[-1]
        if before <= waiting or now <= began:
            return None
        return waiting * (now - began) / (before - waiting)

    def words(self) -> str:
        """Return what to say of it, "" for nothing worth saying."""
        waiting = self._seen[-1][1] if self._seen else 0
        if waiting < MANY:
            return ""
        left = self.left_s()
        if left is None:
            return f"{waiting} deliveries wait, and they do not get fewer (P1 and P2 go first)"
        if left < LONG_S:
            return ""
        took = format_duration(int(left) // 60 * 60_000)
        return f"{waiting} deliveries wait: some {took} at this pace (P1 and P2 go first)"
