"""Figures of the response: per day, kept for 13 months, and since the data began, for /metrics.

The commit that makes an observation adds it to its day (UTC) and to the total in the same script
call, so a figure is counted exactly as often as the thing happened. Each is one hash per shard,
summed on reading.
"""

import contextlib
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec
from redis.exceptions import ResponseError

from receiver.errors import StoreUnavailableError
from receiver.store.keys import Keys
from receiver.store.records.counted import LABELS
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending
from receiver.store.response_totals import ID, added, is_number, read_field
from routing.decision import Observation

KEPT_MS = 400 * 86_400_000
"""13 months and a few days."""
DAYS_MAX = 400


class Day(msgspec.Struct, frozen=True):
    """The figures of one day (UTC).

    Keys are ``(name, label values...)`` in the order below, values are numbers or ms:
    ``opened|reopened|flapping|undeliverable, priority``; ``deadline, priority, clock, outcome,
    by``; ``escalation, priority, step, reason``; ``acknowledge|resolve, priority, team, by`` with
    their sums in ms under ``acknowledge_ms|resolve_ms``.
    """

    day: date
    figures: dict[tuple[str, ...], int]


def day_of(now: int) -> str:
    """Return the day (UTC) of a time (ms) as ``YYYY-MM-DD``."""
    return datetime.fromtimestamp(now / 1000, UTC).date().isoformat()


class FigureStore:
    """Reads the figures of all shards."""

    def __init__(self, redis: Client, shards: int) -> None:
        self._redis = redis
        self._keys = [Keys(shard) for shard in range(shards)]
        self._mending = Mending(redis, self._keys)
        self._sound: set[bytes] = set()

    async def days(self, last: date, number: int) -> list[Day]:
        """Return the figures of ``number`` days (at most 400) up to ``last``, oldest first."""
        number = max(1, min(number, DAYS_MAX))
        wanted = [last - timedelta(days=back) for back in range(number - 1, -1, -1)]
        async with unavailable_is_503():
            pipeline = self._redis.pipeline(transaction=False)
            for day in wanted:
                for keys in self._keys:
                    pipeline.hgetall(keys.figures(day.isoformat()))
            rows = iter(await pipeline.execute(raise_on_error=False))
        return [
            Day(day, await self._summed(day, [(keys, next(rows)) for keys in self._keys]))
            for day in wanted
        ]

    async def _summed(
        self, day: date, parts: list[tuple[Keys, dict[bytes, bytes]]]
    ) -> dict[tuple[str, ...], int]:
        figures: dict[tuple[str, ...], int] = {}
        for keys, part in parts:
            name = keys.figures(day.isoformat())
            if not isinstance(part, dict):
                await self._mending.of_type(keys, name, "hash")
                continue
            for field, raw in part.items():
                try:
                    key, number = _figure(field, raw)
                except ValueError:
                    await self._mending.register.put_aside_part(
                        keys, "figures", name, ("field", field, raw), "it is no figure"
                    )
                    continue
                figures[key] = figures.get(key, 0) + number
        return figures

    async def totals(self) -> list[dict[bytes, bytes]]:
        """Return the hash of every shard, without what cannot be read, which is put aside."""
        async with unavailable_is_503():
            pipeline = self._redis.pipeline(transaction=False)
            for keys in self._keys:
                pipeline.hgetall(keys.total)
            rows = await pipeline.execute(raise_on_error=False)
            return [
                await self._total(keys, row) for keys, row in zip(self._keys, rows, strict=True)
            ]

    async def add(self, observation: Observation) -> None:
        """Count what no decision observes: something a person said that is about no incident.

        What stands there and is no number, or no hash, is put aside first, as on reading.
        """
        keys = self._keys[0]
        async with unavailable_is_503():
            for field, number in added(observation):
                try:
                    await self._redis.hincrby(keys.total, field, number)
                except ResponseError as error:
                    if not str(error).startswith(("WRONGTYPE", "hash value", "increment")):
                        raise
                    await self.totals()
                    await self._redis.hincrby(keys.total, field, number)

    async def counted(self, observations: Sequence[Observation]) -> list[int]:
        """Return what ``add`` has counted of each, 0 where nothing or nothing readable is there."""
        fields = [field for observation in observations for field, _ in added(observation)]
        async with unavailable_is_503():
            try:
                rows = await self._redis.hmget(self._keys[0].total, fields)
            except ResponseError as error:
                if "WRONGTYPE" not in str(error):
                    raise
                return [0] * len(fields)
        return [int(raw) if raw is not None and is_number(raw) else 0 for raw in rows]

    async def _total(self, keys: Keys, row: dict[bytes, bytes] | Exception) -> dict[bytes, bytes]:
        if isinstance(row, Exception):
            if "WRONGTYPE" not in str(row):
                raise row
            await self._mending.of_type(keys, keys.total, "hash")
            return {}
        for field, raw in [item for item in row.items() if not self._is_sound(*item)]:
            del row[field]
            # A server that takes no writes still tells what it has.
            with contextlib.suppress(StoreUnavailableError):
                part = ("field", field, raw)
                await self._mending.register.put_aside_part(
                    keys, "figures", keys.total, part, "it is no figure"
                )
        if ID not in row:
            with contextlib.suppress(ResponseError):
                await self._redis.hsetnx(keys.total, ID, uuid.uuid4().hex)
                row[ID] = await self._redis.hget(keys.total, ID)
        return row

    def _is_sound(self, field: bytes, raw: bytes) -> bool:
        """Return whether a field of the total can be read; its name is looked at once."""
        if field == ID or (field in self._sound and is_number(raw)):
            return True
        try:
            read_field(field, raw)
        except ValueError:
            return False
        self._sound.add(field)
        return True


def _figure(field: bytes, raw: bytes) -> tuple[tuple[str, ...], int]:
    """Return the key and the number of a figure; ValueError for what is none."""
    key = tuple(field.decode().split("|"))
    known = LABELS.get(key[0])
    if known is not None and len(key) != known + 1:
        raise ValueError(key)
    return key, int(raw)
