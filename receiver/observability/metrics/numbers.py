"""What a series is made of: a number that rises, one that is set, or how values are spread.

They are counted here, and prometheus_client only asks for them when it makes a page: a webhook
counts seven of them, which took 7 us with the library's own and takes less than half of that so.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from threading import Lock

Numbers = tuple[float, ...]
"""What a series says, floats alone: one number; a spread those of its buckets, each with all below
it, then how many there are in all, and the sum."""

INF = float("inf")
_LOCK = Lock()
"""One for all: it is held for as long as a few additions take, and taking it is what costs."""


class Count:
    """A number that only rises."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0.0

    def apply(self, more: float) -> None:
        """Add to it; ValueError for less than nothing."""
        if more < 0:
            raise ValueError(f"a counter only rises, and not by {more}")
        with _LOCK:
            self.number += more

    def numbers(self) -> Numbers:
        """Return its number."""
        return (self.number,)


class Level:
    """A number that is set."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0.0

    def apply(self, number: float) -> None:
        """Set it."""
        # A zero has no sign: the page would show it.
        self.number = number + 0.0

    def numbers(self) -> Numbers:
        """Return its number."""
        return (self.number,)


class Spread:
    """How many values were at most each bound, and the sum of all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0.0] * (len(bounds) + 1)
        self.total = 0.0

    def apply(self, value: float) -> None:
        """Add a value."""
        place = bisect_left(self.bounds, value)
        with _LOCK:
            self.counts[place] += 1
            self.total += value

    def numbers(self) -> Numbers:
        """Return all its numbers."""
        with _LOCK:
            counts, total = self.counts.copy(), self.total
        return spread_numbers(counts, total)


def spread_numbers(counts: Iterable[float], total: float) -> Numbers:
    """Return the numbers of a spread, of how many are between its bounds."""
    below = tuple(accumulate(counts, initial=0.0))[1:]
    return (*below, below[-1], total)


Series = Count | Level | Spread


class Timed:
    """What happened and how long it took, of which each is counted with the other."""

    __slots__ = ("_count", "_spread")

    def __init__(self, count: Count, spread: Spread) -> None:
        self._count = count
        self._spread = spread

    def apply(self, seconds: float, number: int = 1) -> None:
        """Count that it happened ``number`` times, in so many seconds in all."""
        count, spread = self._count, self._spread
        value = sound(seconds)
        place = bisect_left(spread.bounds, value)
        with _LOCK:
            count.number += number
            spread.counts[place] += 1
            spread.total += value


def sound(value: float) -> float:
    """Return a value, 0 for one that is negative or not finite: it would spoil a sum for ever."""
    return value if 0 <= value < INF else 0.0
