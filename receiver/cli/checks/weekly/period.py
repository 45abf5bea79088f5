"""The days a report is about, and the same number of days before them."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec


class Week(msgspec.Struct, frozen=True):
    """``days`` days (UTC) up to and with ``last``; ``now`` cuts off what has not happened yet."""

    last: date
    days: int
    now: datetime

    @property
    def first(self) -> date:
        """The first day."""
        return self.last - timedelta(days=self.days - 1)

    @property
    def start(self) -> float:
        """When it begins, in seconds since the epoch."""
        return datetime.combine(self.first, time(), UTC).timestamp()

    @property
    def end(self) -> float:
        """When it ends, in seconds since the epoch."""
        midnight = datetime.combine(self.last + timedelta(days=1), time(), UTC)
        return min(midnight, self.now).timestamp()

    @property
    def seconds(self) -> int:
        """How long it is."""
        return max(60, int(self.end - self.start))

    @property
    def before(self) -> "Week":
        """The same part of the days before it, so that both can be compared."""
        back = timedelta(days=self.days)
        return Week(self.last - back, self.days, self.now - back)


class Pair(msgspec.Struct, frozen=True):
    """A figure of these days and of those before; None where there is no data."""

    this: Any = None
    before: Any = None
