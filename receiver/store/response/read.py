"""Reads how incidents were answered, day by day."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial

import msgspec

from receiver.aio.off_the_loop import read_off_the_loop
from receiver.store.daily_figures import DAYS_MAX
from receiver.store.keys import Keys
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending
from receiver.store.response.fields import Key, read_field

ROWS_KEPT = 60_000
"""Rows of days that are over which a process remembers: 15 MB, some months of a busy service."""
CHANGES_DAYS = 1
"""A day that is over for so long changes no more, whatever the clocks of replicas say."""


def is_over(day: date, today: date) -> bool:
    """Return whether a day changes no more."""
    return (today - day).days > CHANGES_DAYS


class DayRows(msgspec.Struct, frozen=True):
    """The figures of a day (UTC) as they are kept: key and number."""

    day: date
    rows: list[tuple[Key, int]]


class ResponseStore:
    """Reads the response figures of all shards; days that are over are remembered."""

    def __init__(self, redis: Client, shards: Sequence[Keys]) -> None:
        self._redis = redis
        self._keys = shards
        self._mending = Mending(redis, shards)
        self._known: dict[date, list[tuple[Key, int]]] = {}
        self._rows = 0
        self._today = date.min

    async def days(self, last: date, number: int, today: date) -> list[DayRows]:
        """Return the figures of ``number`` days (at most 400) up to ``last``, oldest first."""
        number = max(1, min(number, DAYS_MAX))
        if today < self._today:
            # A clock that was ahead: what it held to be over goes on.
            self._forget(today)
        self._today = today
        wanted = [last - timedelta(days=back) for back in range(number - 1, -1, -1)]
        found = {}
        for day in wanted:
            rows = self._known.get(day)
            if rows is None:
                rows = await self._read(day)
                if is_over(day, today):
                    self._remember(day, rows)
            found[day] = rows
        return [DayRows(day, found[day]) for day in wanted]

    async def _read(self, day: date) -> list[tuple[Key, int]]:
        found: list[tuple[Key, int]] = []
        for keys in self._keys:
            name = keys.response(day.isoformat())
            async with unavailable_is_503():
                pipeline = self._redis.pipeline(transaction=False)
                pipeline.hgetall(name)
                (stored,) = await pipeline.execute(raise_on_error=False)
            if not isinstance(stored, dict):
                await self._mending.of_type(keys, name, "hash")
                continue
            rows, damaged = await read_off_the_loop(partial(_rows_of, stored))
            found += rows
            for field in damaged:
                await self._mending.register.put_aside_part(
                    keys, "figures", name, ("field", field, stored[field]), "it is no figure"
                )
        return found

    def _forget(self, today: date) -> None:
        for day in [one for one in self._known if not is_over(one, today)]:
            self._rows -= len(self._known.pop(day)) + 1

    def _remember(self, day: date, rows: list[tuple[Key, int]]) -> None:
        self._known[day] = rows
        self._rows += len(rows) + 1
        while self._rows > ROWS_KEPT:
            oldest = next(iter(self._known))
            self._rows -= len(self._known.pop(oldest)) + 1


def _rows_of(stored: Mapping[bytes, bytes]) -> tuple[list[tuple[Key, int]], list[bytes]]:
    """Return the rows of a hash, and the fields that are none."""
    rows, damaged = [], []
    for field, raw in stored.items():
        try:
            rows.append(read_field(field, raw))
        except ValueError:
            damaged.append(field)
    return rows, damaged
