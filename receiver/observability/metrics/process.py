"""What this process is: its version, its memory, and what the library finds out of any process."""

import platform
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from receiver.observability.metrics.family import Across, Key
from receiver.observability.metrics.whole import Figures, Table

_PAGE_SIZE = resource.getpagesize()


class Process(Collector):
    """Collects it."""

    def __init__(self, version: str, external_url: str) -> None:
        found = self._found = CollectorRegistry()
        ProcessCollector(registry=found)
        PlatformCollector(registry=found)
        GCCollector(registry=found)
        build = Info(
            "incident_manager_build", "Version of the service and of Python", registry=found
        )
        build.info({"version": version, "python": platform.python_version()})
        web = Info(
            "incident_manager_web",
            "Where people reach this service: dashboards take their links from it",
            registry=found,
        )
        web.info({"external_url": external_url})
        memory = Gauge(
            "incident_manager_memory_usage_bytes",
            "Resident memory of this process",
            registry=found,
        )
        memory.set_function(memory_usage)

    def collect(self) -> Iterable[Metric]:
        """Return all of it."""
        return self._found.collect()

    def figures(self) -> dict[str, Table]:
        """Return what other processes need to show theirs with ours."""
        tables: dict[str, Table] = {}
        for metric in self._found.collect():
            across = _across(metric)
            for sample in metric.samples:
                table = tables.setdefault(
                    sample.name, Table(across, metric.type == "counter", series={})
                )
                table.series[_key(sample)] = (float(sample.value),)
        return tables

    def metrics(self, whole: Figures | None) -> Iterable[Metric]:
        """Yield all of it, of this process (None) or of all."""
        for metric in self._found.collect():
            if whole is not None:
                metric.samples = [_of_all(sample, whole) for sample in metric.samples]
            yield metric


def _across(metric: Metric) -> Across:
    """Return how the numbers of several processes become one: what they use is added."""
    if metric.name == "process_start_time_seconds":
        return Across.MIN
    return Across.SAME if metric.type == "info" or metric.name.endswith("_info") else Across.SUM


def _key(sample: Sample) -> Key:
    return tuple(text for pair in sorted(sample.labels.items()) for text in pair)


def _of_all(sample: Sample, whole: Figures) -> Sample:
    table = whole.tables.get(sample.name)
    numbers = table.series.get(_key(sample)) if table else None
    return sample if numbers is None else sample._replace(value=numbers[0])


def memory_usage() -> float:
    """Return the resident memory of this process in bytes; where /proc is missing, its peak."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_SIZE
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
