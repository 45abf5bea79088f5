"""How much is asked of this process, and what it has to answer with."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from receiver.app.memory import Memory, find_trim
from receiver.conditions import Conditions, Subject
from receiver.http.admission import Admission, RequestLane
from receiver.http.connections import Connections
from receiver.http.descriptors import Descriptors, raise_limit
from receiver.observability.loop_lag import LoopLag
from receiver.observability.metrics.registry import Metrics

WATCH_S = 5.0
RECENTLY_S = 10.0
_NETSTAT = Path("/proc/net/netstat")


class Load:
    """Connections, requests and the event loop; what is too much is said."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._descriptors = Descriptors(raise_limit())
        self._lag = LoopLag()
        self._memory = Memory(find_trim())
        self._refused = dict.fromkeys(RequestLane, 0)
        self._said = 0
        self.admission = Admission(self._refuse)

    def connections(self, port: str, refused: Callable[[], None]) -> Connections:
        """Return what counts the connections of a port (one of ``metric_families.PORTS``)."""
        # What others cost is bounded by how many of them there may be.
        admission = self.admission if port == "api" else None
        return self._descriptors.connections(port, refused, admission)

    def measure(self, metrics: Metrics) -> None:
        """Set the gauges of all that."""
        metrics.set_loop_lag(self._lag.worst())
        for port, (in_use, most) in self._descriptors.shown().items():
            metrics.set_connections(port, in_use, most)
        for lane, inside in self.admission.inside().items():
            metrics.set_requests(lane, inside, self._refused[lane])
        metrics.set_listen_overflows(listen_overflows())

    async def watch(self) -> None:
        """Look for ever whether it is too much."""
        lag = asyncio.create_task(self._lag.watch())
        try:
            while True:
                self.look()
                await self._memory.look()
                await asyncio.sleep(WATCH_S)
        finally:
            lag.cancel()

    def look(self) -> None:
        """Report what is nearly used up, and whether anybody was sent away lately."""
        self._conditions.report(Subject.CONNECTIONS, self._descriptors.near())
        total = sum(self._refused.values())
        recent = self.admission.since_refusal() < RECENTLY_S
        words = f"{total - self._said} requests were sent away to come again (503)"
        self._conditions.report(Subject.OVERLOAD, words if recent else "")
        self._said = self._said if recent else total

    def _refuse(self, lane: RequestLane) -> None:
        self._refused[lane] += 1


def listen_overflows() -> int:
    """Return how many connections the system dropped before they were accepted, of all programs.

    0 where it does not say (Linux does, since it was started).
    """
    try:
        lines = _NETSTAT.read_text("ascii").splitlines()
    except OSError:
        return 0
    names, numbers = (line.split() for line in lines[:2])
    found = dict(zip(names, numbers, strict=False))
    return int(found.get("ListenOverflows", 0))
