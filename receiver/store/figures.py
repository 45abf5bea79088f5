"""Figures per day, kept for 13 months: what /metrics forgets with a restart, the console shows.

The commit that makes an observation adds it to its day (UTC) in the same script call, so a figure
is counted exactly as often as the thing happened. A day is one hash per shard, summed on reading.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec

from receiver.store.client import Client, unavailable_is_503
from receiver.store.keys import Keys
from routing.decision import Observation

KEPT_MS = 400 * 86_400_000
"""13 months and a few days."""
DAYS_MAX = 400

_COUNTED = {
    "incidents_total": ("opened", ("priority",)),
    "incident_reopened_total": ("reopened", ("priority",)),
    "incident_flapping_total": ("flapping", ("priority",)),
    "incident_undeliverable_total": ("undeliverable", ("priority",)),
    "incident_deadlines_total": ("deadline", ("priority", "clock", "outcome", "by")),
    "incident_escalations_total": ("escalation", ("priority", "step", "reason")),
    "incident_acknowledge_duration_seconds": ("acknowledge", ("priority", "team", "by")),
    "incident_resolution_duration_seconds": ("resolve", ("priority", "team", "by")),
}
"""Metric -> the figure's name and the labels it is kept by."""
_TIMED = frozenset({"acknowledge", "resolve"})
"""Figures that keep a sum of ms beside the number, under ``<name>_ms``."""


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


def figures_of(observations: Iterable[Observation]) -> list[tuple[str, int]]:
    """Return what observations add to the fields of their day."""
    added: dict[str, int] = {}
    for observation in observations:
        counted = _COUNTED.get(observation.name)
        if counted is None:
            continue
        name, labels = counted
        rest = "|".join([observation.labels[label].replace("|", "/") for label in labels])
        number = 1 if name in _TIMED else round(observation.value)
        added[f"{name}|{rest}"] = added.get(f"{name}|{rest}", 0) + number
        if name in _TIMED:
            field = f"{name}_ms|{rest}"
            added[field] = added.get(field, 0) + round(observation.value * 1000)
    return list(added.items())


class FigureStore:
    """Reads the figures of all shards."""

    def __init__(self, redis: Client, shards: int) -> None:
        self._redis = redis
        self._keys = [Keys(shard) for shard in range(shards)]

    async def days(self, last: date, number: int) -> list[Day]:
        """Return the figures of ``number`` days (at most 400) up to ``last``, oldest first."""
        number = max(1, min(number, DAYS_MAX))
        wanted = [last - timedelta(days=back) for back in range(number - 1, -1, -1)]
        async with unavailable_is_503():
            pipeline = self._redis.pipeline(transaction=False)
            for day in wanted:
                for keys in self._keys:
                    pipeline.hgetall(keys.figures(day.isoformat()))
            rows = iter(await pipeline.execute())
        return [Day(day, _summed([next(rows) for _ in self._keys])) for day in wanted]


def _summed(parts: list[dict[bytes, bytes]]) -> dict[tuple[str, ...], int]:
    figures: dict[tuple[str, ...], int] = {}
    for part in parts:
        for field, number in part.items():
            key = tuple(field.decode().split("|"))
            figures[key] = figures.get(key, 0) + int(number)
    return figures
