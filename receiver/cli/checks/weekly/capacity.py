"""Where memory, disk, storage, queues and traffic are going: a straight line through the week."""

import asyncio
from collections.abc import Iterable

import msgspec

from receiver.cli.checks.rule_files import OWN, SystemRules
from receiver.cli.checks.weekly.period import Pair, Week
from receiver.cli.checks.weekly.prometheus import Reader

DAY_S = 86_400
FARTHEST_DAYS = 365
"""What a line reaches later than that is not said: it is a guess about a guess."""
_TRAFFIC = ("request_rate", "http_requests")
QUEUE_MAX = 1_000
"""As the rule ProcessingQueueBackedUp."""


class Trend(msgspec.Struct, frozen=True):
    """``now``: the mean of the last day, and of the last day of the week before.

    ``predicted``: where the line is as many days later; ``full_in_days``: when it is at ``limit``,
    None for not within a year. ``unit`` is ratio, bytes, entries or requests per second.
    """

    system: str
    name: str
    unit: str
    now: Pair
    peak: float | None
    predicted: float | None
    limit: float | None
    full_in_days: float | None


class _Wanted(msgspec.Struct, frozen=True):
    name: str
    unit: str
    expression: str
    limit: float | None = None


async def read_trends(reader: Reader, systems: Iterable[SystemRules], week: Week) -> list[Trend]:
    """Return every trend that there is data of."""
    asked = [(system.system, one) for system in systems for one in _wanted(system)]
    found = await asyncio.gather(*(_trend(reader, system, one, week) for system, one in asked))
    return [trend for trend in found if trend is not None]


def _wanted(system: SystemRules) -> list[_Wanted]:
    """Return what has a trend: recorded gauges that are shares of a limit, and traffic."""
    found = []
    for record in system.recorded:
        name, _, rate = record.partition(":")[2].partition(":")
        series = f'{record}{{system="{system.system}"}}'
        if name in _TRAFFIC:
            found.append(_Wanted("traffic", "requests per second", f"sum({series})"))
        elif name.endswith("_ratio") and not rate:
            shown = name.removesuffix("_ratio").replace("_", " ")
            found.append(_Wanted(shown, "ratio", f"max({series})", 1.0))
    if system.system == OWN:
        own = f'{{job="{system.job}"}}'
        prefix = "incident_manager"
        found += [
            _Wanted("memory used", "bytes", f"max({prefix}_memory_usage_bytes{own})"),
            _Wanted("storage used", "bytes", f"max({prefix}_storage_used_bytes{own})"),
            _Wanted(
                "queue", "entries", f"max({prefix}_processing_queue_size{own})", float(QUEUE_MAX)
            ),
        ]
    return found


async def _trend(reader: Reader, system: str, wanted: _Wanted, week: Week) -> Trend | None:
    inner = wanted.expression
    # A comparison leaves out NaN, of which one alone would make everything NaN.
    sound = f"({inner} >= 0)"
    day = min(DAY_S, week.seconds)
    now = await reader.pair(f"avg_over_time({sound}[{day}s:5m])", week)
    if now == Pair():
        return None
    hours = f"{sound}[$week:1h]"
    peak, predicted, slope = await asyncio.gather(
        reader.pair(f"max_over_time({sound}[$week:5m])", week),
        reader.pair(f"predict_linear({hours}, {week.days * DAY_S})", week),
        reader.pair(f"deriv({hours})", week),
    )
    ahead = None if predicted.this is None else max(0.0, predicted.this)
    full = _full_in(now.this, slope.this, wanted.limit)
    return Trend(system, wanted.name, wanted.unit, now, peak.this, ahead, wanted.limit, full)


def _full_in(now: float | None, slope: float | None, limit: float | None) -> float | None:
    """Return in how many days a line that rises by ``slope`` a second is at its limit."""
    if now is None or limit is None:
        return None
    if now >= limit:
        return 0.0
    if slope is None or slope <= 0:
        return None
    days = (limit - now) / slope / DAY_S
    return days if days <= FARTHEST_DAYS else None
