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


def memory_usage() -> float:
    """Return the resident memory of this process in bytes; where /proc is missing, its peak."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_SIZE
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
