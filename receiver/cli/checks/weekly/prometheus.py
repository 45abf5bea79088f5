"""What Prometheus has of a week: figures by system, what fired, and where capacity is going."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from receiver.cli.checks.prometheus import Prometheus, Sample
from receiver.cli.checks.rule_files import OWN, SystemRules
from receiver.cli.checks.source import SourceError
from receiver.cli.checks.weekly.period import Pair, Week

QUANTILES = ("p50", "p95", "p99")
WHOLE = 0.9
"""Share of the hours that must have data to call it a week's."""
_RANGE = re.compile(r"\[(\d+[smhdw])\]")
_QUANTILE = re.compile(r"histogram_quantile\(\s*[\d.]+")
_NOT_SHOWN = frozenset({"__name__", "job", "system", "le"})
LATENCIES = {
    "webhook": 'http_request_duration_seconds_bucket{{{job}, endpoint=~".*/v1/alerts/webhook/?"}}',
    "page_delivery": "incident_delivery_lag_seconds_bucket{{{job}}}",
}
"""Our own latencies, which no rule records: of webhooks, and from a decision to its delivery."""


class Figure(msgspec.Struct, frozen=True):
    """One figure of a system. ``of``: its labels, as ``slack``; ``unit`` ratio, seconds or none.

    ``source`` is ``samples`` for one made of the whole week at once, ``recorded`` for the mean of
    what a rule recorded.
    """

    name: str
    of: str
    unit: str
    value: Pair
    source: str = "samples"


class SystemWeek(msgspec.Struct, frozen=True):
    """A system's week; ``covered`` is the share of its hours that Prometheus has data of."""

    system: str
    job: str
    availability: Pair
    covered: Pair
    figures: list[Figure]
    no_data: list[str]


class Reader:
    """Asks Prometheus and goes on without an answer; ``problems`` says once what went wrong."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self.problems: list[str] = []

    async def samples(self, expression: str, week: Week) -> list[Sample]:
        """Return the samples at the end of a week, none where that fails."""
        try:
            # Both ends of a range belong to it: what begins at midnight is of one day alone.
            return await self._prometheus.query(expression, week.end - 1)
        except SourceError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return []

    async def pair(self, expression: str, week: Week) -> Pair:
        """Return the value of ``expression``, where ``$week`` is the range, of both weeks."""
        values = []
        for one in (week, week.before):
            found = await self.samples(expression.replace("$week", f"{one.seconds}s"), one)
            values.append(found[0].value if found else None)
        return Pair(*values)


async def read_systems(
    reader: Reader, systems: Iterable[SystemRules], week: Week
) -> list[SystemWeek]:
    """Return the week of every system."""
    return list(await asyncio.gather(*(_system(reader, one, week) for one in systems)))


async def _system(reader: Reader, system: SystemRules, week: Week) -> SystemWeek:
    up = f'up{{job="{system.job}"}}'
    availability = await reader.pair(f"avg(avg_over_time({up}[$week]))", week)
    hours = week.seconds / 3600
    counted = await reader.pair(f"count_over_time((count({up}))[$week:1h])", week)
    covered = Pair(*(None if one is None else min(1.0, one / hours) for one in _both(counted)))
    if availability == Pair():
        words = f"Prometheus has no target of job {system.job}"
        return SystemWeek(system.system, system.job, availability, covered, [], [words])
    wanted = _wanted(system)
    parts = await asyncio.gather(*(_figures(reader, system, one, week) for one in wanted))
    no_data = [one.name for one, part in zip(wanted, parts, strict=True) if not part]
    figures = [figure for part in parts for figure in part]
    return SystemWeek(system.system, system.job, availability, covered, figures, no_data)


def _both(pair: Pair) -> tuple[float | None, float | None]:
    return pair.this, pair.before


class _Wanted(msgspec.Struct, frozen=True):
    """A figure to be made: ``expression`` over a week; ``recorded`` to fall back on."""

    name: str
    unit: str
    expression: str
    recorded: str = ""
    inverted: bool = False


def _wanted(system: SystemRules) -> list[_Wanted]:
    """Return what can be said of a system: each rule that looks at a span looks at the week.

    So a ratio weighs every request the same, and a quantile is that of all requests of the week:
    the mean of 2,016 quantiles of 5 minutes is neither.
    """
    found: list[_Wanted] = []
    for record, expression in system.recorded.items():
        over = _RANGE.sub("[$week]", expression)
        name, _, end = record.partition(":")[2].partition(":")
        if over == expression or name in {"request_rate", "error_rate", "success_percent"}:
            continue
        if end == "month":
            continue  # what a day would come to in a month says nothing of a week
        if end in QUANTILES:
            base, prefix = name.removesuffix("_seconds"), record.removesuffix(end)
            made = _quantiles(base, over, system.recorded, prefix)
            # Of several quantiles that are recorded the first brings all.
            found += [one for one in made if all(one.name != other.name for other in found)]
        else:
            found.append(_ratio(record, name, over, per_second=end.startswith("rate")))
    if system.system == OWN:
        job = f'job="{system.job}"'
        for base, bucket in LATENCIES.items():
            inner = f"sum by (le) (rate({bucket.format(job=job)}[$week]))"
            found += _quantiles(base, f"histogram_quantile(0.5, {inner})", {}, "")
        bucket = f"llm_integration_latency_milliseconds_bucket{{{job}}}"
        inner = f"sum by (le, integration) (rate({bucket}[$week]))"
        over = f"histogram_quantile(0.5, {inner}) / 1000"
        found += _quantiles("integration", over, {}, "")
    return found


def _ratio(record: str, name: str, over: str, *, per_second: bool) -> _Wanted:
    inverted = name.endswith("error_ratio")
    shown = name.replace("error_ratio", "success").replace("success_ratio", "success")
    unit = "ratio" if name.endswith("_ratio") else ""
    shown = shown.removesuffix("_ratio").replace("_", " ")
    if per_second and not unit:
        shown = f"{shown} per second"
    return _Wanted(shown, unit, over, record, inverted)


def _quantiles(base: str, over: str, recorded: Mapping[str, str], prefix: str) -> list[_Wanted]:
    shown = f"{base.replace('_', ' ')} latency".replace("latency latency", "latency")
    return [
        _Wanted(
            f"{shown} {one}",
            "seconds",
            _QUANTILE.sub(f"histogram_quantile(0.{one[1:]}", over),
            f"{prefix}{one}" if f"{prefix}{one}" in recorded else "",
        )
        for one in QUANTILES
    ]


async def _figures(
    reader: Reader, system: SystemRules, wanted: _Wanted, week: Week
) -> list[Figure]:
    """Return a figure for each series of what is wanted, none without data."""
    source = "samples"
    rows = await _rows(reader, wanted.expression, week)
    if not rows and wanted.recorded:
        source = "recorded"
        # A comparison leaves out NaN, of which one alone would make the mean NaN.
        series = f'({wanted.recorded}{{system="{system.system}"}} >= 0)'
        rows = await _rows(reader, f"avg_over_time({series}[$week:5m])", week)
    return [
        Figure(wanted.name, of, wanted.unit, _turned(pair) if wanted.inverted else pair, source)
        for of, pair in sorted(rows.items())
    ]


async def _rows(reader: Reader, expression: str, week: Week) -> dict[str, Pair]:
    """Return this week's value and the one before, by the labels that tell series apart."""
    this, before = [
        {
            _of(sample): sample.value
            for sample in await reader.samples(expression.replace("$week", f"{one.seconds}s"), one)
        }
        for one in (week, week.before)
    ]
    return {of: Pair(this.get(of), before.get(of)) for of in {**this, **before}}


def _of(sample: Sample) -> str:
    return ", ".join(
        value for label, value in sorted(sample.labels.items()) if label not in _NOT_SHOWN
    )


def _turned(pair: Pair) -> Pair:
    return Pair(*(None if value is None else 1 - value for value in _both(pair)))


def partly(systems: Sequence[SystemWeek]) -> list[str]:
    """Return a sentence for each system that Prometheus has only a part of."""
    return [
        f"{system.system}: Prometheus has data of {system.covered.this:.0%} of these days"
        for system in systems
        if system.covered.this is not None and system.covered.this < WHOLE
    ]
