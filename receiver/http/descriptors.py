"""File descriptors: as many as the system gives, some kept for our own work, the rest shared out.

A port may not take what another needs: 1,200 silent connections to the metrics port must leave
room for alerts, for Redis and for the calls that page people.
"""

import resource
from collections.abc import Callable, Mapping
from pathlib import Path

from receiver.http.admission import Admission
from receiver.http.connections import Bounds, Connections

RESERVED = 192
"""For Redis (32), notifiers, enrichers, files, and the start of the embedded server."""
API_MOST, METRICS_MOST, STATUS_MOST = 4_096, 64, 500
NEAR = 0.8
_OPEN = Path("/proc/self/fd")


def raise_limit() -> int:
    """Take as many descriptors as this process may have; return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return soft  # macOS says so and takes less
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return soft
    return hard


class Descriptors:
    """Shares descriptors among ports, and says when they run out."""

    def __init__(self, limit: int) -> None:
        """``limit``: how many this process may have."""
        self._limit = limit
        room = max(96, limit - RESERVED)
        metrics, status = min(METRICS_MOST, room // 8), min(STATUS_MOST, room // 4)
        api = min(API_MOST, room - metrics - status)
        self._bounds = {
            # A proxy in front has one address, so that one may have most of a port.
            "api": Bounds(most=api, each=api * 3 // 4),
            "metrics": Bounds(first_s=10, idle_s=120, most=metrics, each=metrics * 3 // 4),
            "status": Bounds(first_s=10, idle_s=60, most=status, each=status // 2),
        }
        self._ports: dict[str, Connections] = {}

    def connections(
        self, port: str, refused: Callable[[], None], admission: Admission | None = None
    ) -> Connections:
        """Return what counts the connections of a port (one of ``metric_families.PORTS``)."""
        found = Connections(self._bounds[port], refused, admission)
        self._ports[port] = found
        return found

    def shown(self) -> Mapping[str, tuple[int, int]]:
        """Return port -> (connections open, how many there may be)."""
        return {name: (len(of), of.bounds.most) for name, of in self._ports.items()}

    def near(self) -> str:
        """Return what is nearly used up, in words; "" for nothing."""
        used = {f"connections of the {name} port": pair for name, pair in self.shown().items()}
        if _OPEN.is_dir():
            used["file descriptors"] = (sum(1 for _ in _OPEN.iterdir()), self._limit)
        return "; ".join(
            f"{now} of {most} {what} are in use"
            for what, (now, most) in used.items()
            if now >= NEAR * most
        )
