"""How each integration does: requests, successes, latency; for Prometheus and as JSON.

An integration is whoever this service exchanges requests with: Alertmanager's webhooks, Slack,
PagerDuty, and those configured. Names and meaning of the metrics are those of the operational
runbook; the ones without ``_total`` cannot be made by the client's own counters.
"""

import bisect
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

BUCKETS_MS = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)
INF = float("inf")
_PREFIX = "llm_integration"


class Integration:
    """The figures of one integration since the start of this process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.successful = 0
        self.failed = 0
        self.last_at = 0
        self.total_ms = 0.0
        self.counts = [0] * (len(BUCKETS_MS) + 1)

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
        if ok:
            self.successful += 1
        else:
            self.failed += 1
        self.last_at = now
        self.total_ms += max(0.0, took_ms)
        self.counts[bisect.bisect_left(BUCKETS_MS, took_ms)] += 1

    def shown(self) -> dict[str, Any]:
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


class Integrations(Collector):
    """All integrations; also what prometheus_client asks for their metrics."""

    def __init__(self, names: Iterable[str]) -> None:
        self._known = {name: Integration(name) for name in names}
        # Pages are rendered in a thread.
        self._lock = threading.Lock()

    def record(self, name: str, *, ok: bool, took_ms: float, now: int) -> None:
        """Count a request of an integration; one that is not known counts for nobody."""
        found = self._known.get(name)
        if found is not None:
            with self._lock:
                found.record(ok=ok, took_ms=took_ms, now=now)

    def get(self, name: str) -> Integration | None:
        """Return one integration, None when there is none of this name."""
        return self._known.get(name)

    def shown(self) -> list[dict[str, Any]]:
        """Return the figures of all, in the order they are configured."""
        return [found.shown() for found in self._known.values()]

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families."""
        with self._lock:
            yield from self._plain()
            yield self._histogram()

    def _plain(self) -> Iterator[Metric]:
        found = self._known.values()
        families: list[tuple[CounterMetricFamily | GaugeMetricFamily, list[float]]] = [
            (
                CounterMetricFamily(f"{_PREFIX}_requests", "Requests, by integration", labels=_BY),
                [one.requests for one in found],
            ),
            *(
                (GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=_BY), values)
                for name, text, values in (
                    (
                        "requests_successful",
                        "Requests that succeeded; it only rises",
                        [float(one.successful) for one in found],
                    ),
                    (
                        "requests_failed",
                        "Requests that failed; it only rises",
                        [float(one.failed) for one in found],
                    ),
                    (
                        "success_rate_percent",
                        "Share of requests that succeeded since the start",
                        [one.success_percent for one in found],
                    ),
                    (
                        "latency_milliseconds_average",
                        "Mean latency since the start",
                        [one.average_ms for one in found],
                    ),
                    (
                        "latency_milliseconds_p95",
                        "95th percentile of the latency since the start, from the buckets",
                        [one.quantile_ms(0.95) for one in found],
                    ),
                    (
                        "latency_milliseconds_total",
                        "Sum of all latencies; it only rises",
                        [one.total_ms for one in found],
                    ),
                    (
                        "last_request_timestamp",
                        "When the last request ended, in seconds since the epoch",
                        [one.last_at / 1000 for one in found],
                    ),
                )
            ),
        ]
        for family, values in families:
            for one, value in zip(found, values, strict=True):
                family.add_metric([one.name], value)
            yield family

    def _histogram(self) -> Metric:
        family = HistogramMetricFamily(
            f"{_PREFIX}_latency_milliseconds", "Latency, by integration", labels=_BY
        )
        for one in self._known.values():
            total, buckets = 0, []
            for bound, count in zip((*BUCKETS_MS, INF), one.counts, strict=True):
                total += count
                buckets.append(("+Inf" if bound == INF else str(bound), float(total)))
            family.add_metric([one.name], buckets, one.total_ms)
        return family


_BY = ("integration",)
