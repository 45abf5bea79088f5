"""How each integration does: requests, successes, latency; for Prometheus and as JSON.

An integration is whoever this service exchanges requests with: Alertmanager's webhooks, Slack,
PagerDuty, and those configured. Names and meaning of the metrics are those of the operational
runbook; the ones without ``_total`` cannot be made by the client's own counters.
"""

import bisect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypedDict

from receiver.observability.metrics.family import Across, Closed, Family, Key, Kind
from receiver.observability.metrics.numbers import Numbers, spread_numbers
from receiver.observability.metrics.text import OwnCollector
from receiver.observability.metrics.whole import Figures, Table

BUCKETS_MS = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)


class Latency(TypedDict):
    """Of all requests since the start, in ms."""

    average: float
    p95: float
    total: float


class IntegrationFigures(TypedDict):
    """What was exchanged with an integration since this process started."""

    integration: str
    requests_total: int
    requests_successful: int
    requests_failed: int
    success_rate_percent: float
    latency_milliseconds: Latency
    last_request_timestamp: float | None


class Integration:
    """The figures of one integration since the start of this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.successful = 0
        self.failed = 0
        self.last_at = 0
        self.total_ms = 0.0
        self.counts = [0] * (len(BUCKETS_MS) + 1)
        # Pages are rendered in a thread.
        self.lock = threading.Lock()

    @property
    def requests(self) -> int:
        """How many requests there were."""
        return self.successful + self.failed

    @property
    def success_percent(self) -> float:
        """The share of requests that succeeded; 100 before the first."""
        return 100.0 * self.successful / self.requests if self.requests else 100.0

    @property
    def average_ms(self) -> float:
        """The mean latency in ms, 0 before the first request."""
        return self.total_ms / self.requests if self.requests else 0.0

    def quantile_ms(self, quantile: float) -> float:
        """Return an upper estimate of a quantile of the latency in ms, from the buckets."""
        rank, seen, lower = quantile * self.requests, 0, 0.0
        for bound, count in zip((*BUCKETS_MS, BUCKETS_MS[-1]), self.counts, strict=True):
            if count and seen + count >= rank:
                return lower + (bound - lower) * (rank - seen) / count
            seen, lower = seen + count, bound
        return 0.0

    def record(self, *, ok: bool, took_ms: float, now: int) -> None:
        """Count a request that ended at ``now`` (ms)."""
        place = bisect.bisect_left(BUCKETS_MS, took_ms)
        with self.lock:
            if ok:
                self.successful += 1
            else:
                self.failed += 1
            self.last_at = now
            self.total_ms += max(0.0, took_ms)
            self.counts[place] += 1

    def shown(self) -> IntegrationFigures:
        """Return the figures for programs; latencies in ms, the time in s since the epoch."""
        return {
            "integration": self.name,
            "requests_total": self.requests,
            "requests_successful": self.successful,
            "requests_failed": self.failed,
            "success_rate_percent": round(self.success_percent, 3),
            "latency_milliseconds": {
                "average": round(self.average_ms, 3),
                "p95": round(self.quantile_ms(0.95), 3),
                "total": round(self.total_ms, 3),
            },
            "last_request_timestamp": self.last_at / 1000 if self.last_at else None,
        }


class Integrations(OwnCollector):
    """All integrations; also what prometheus_client asks for their metrics."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        self._known = {name: Integration(name) for name in names}

    def get(self, name: str) -> Integration | None:
        """Return one integration, None when there is none of this name."""
        return self._known.get(name)

    def shown(self) -> list[IntegrationFigures]:
        """Return the figures of all, in the order they are configured."""
        return [found.shown() for found in self._known.values()]

    def figures(self) -> dict[str, Table]:
        """Return what they are made of: shares and quantiles of several processes are no sum."""
        counted: dict[Key, Numbers] = {
            (one.name,): _taken(one, _raw) for one in self._known.values()
        }
        last: dict[Key, Numbers] = {
            (one.name,): (float(one.last_at),) for one in self._known.values()
        }
        return {
            _COUNTED: Table(Across.SUM, rises=True, series=counted),
            _LAST: Table(Across.MAX, rises=False, series=last),
        }

    def whole(self, figures: Figures) -> "Integrations":
        """Return those of all processes."""
        found = Integrations(self._known)
        counted, last = (figures.tables[name].series for name in (_COUNTED, _LAST))
        for name, one in found._known.items():
            successful, failed, one.total_ms, *counts = counted[name,]
            one.successful, one.failed = int(successful), int(failed)
            one.counts = [int(count) for count in counts]
            one.last_at = int(last[name,][0])
        return found

    def of_all(self, whole: Figures) -> Iterator[tuple[Family, Mapping[Key, Numbers]]]:
        """Yield the metric families of all processes."""
        return self.whole(whole).families()

    def families(self) -> Iterator[tuple[Family, Mapping[Key, Numbers]]]:
        """Yield the metric families."""
        for family, (*_, numbers) in zip(_FAMILIES, _FIGURES, strict=True):
            yield family, {(one.name,): _taken(one, numbers) for one in self._known.values()}


def _taken(one: Integration, numbers: Callable[[Integration], Numbers]) -> Numbers:
    with one.lock:
        return numbers(one)


_COUNTED, _LAST = "llm_integration", "llm_integration_last"


def _raw(one: Integration) -> Numbers:
    return (float(one.successful), float(one.failed), one.total_ms, *map(float, one.counts))


def _spread(one: Integration) -> Numbers:
    return spread_numbers(one.counts, one.total_ms)


_FIGURES: tuple[tuple[Kind, str, str, Callable[[Integration], Numbers]], ...] = (
    ("counter", "requests_total", "Requests, by integration", lambda one: (float(one.requests),)),
    (
        "gauge",
        "requests_successful",
        "Requests that succeeded; it only rises",
        lambda one: (float(one.successful),),
    ),
    (
        "gauge",
        "requests_failed",
        "Requests that failed; it only rises",
        lambda one: (float(one.failed),),
    ),
    (
        "gauge",
        "success_rate_percent",
        "Share of requests that succeeded since the start",
        lambda one: (one.success_percent,),
    ),
    (
        "gauge",
        "latency_milliseconds_average",
        "Mean latency since the start",
        lambda one: (one.average_ms,),
    ),
    (
        "gauge",
        "latency_milliseconds_p95",
        "95th percentile of the latency since the start, from the buckets",
        lambda one: (one.quantile_ms(0.95),),
    ),
    (
        "gauge",
        "latency_milliseconds_total",
        "Sum of all latencies; it only rises",
        lambda one: (one.total_ms,),
    ),
    (
        "gauge",
        "last_request_timestamp",
        "When the last request ended, in seconds since the epoch",
        lambda one: (one.last_at / 1000,),
    ),
    ("histogram", "latency_milliseconds", "Latency, by integration", _spread),
)
_FAMILIES = [
    Family(kind, f"llm_integration_{name}", text, {"integration": Closed(())}, (), BUCKETS_MS)
    for kind, name, text, _ in _FIGURES
]
