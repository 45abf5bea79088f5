"""What a webhook costs as a service grows: more processes, and primaries of a Cluster.

All services run at once and are measured in turn, until the last page went to the ``log`` notifier.
Every process that works for a service counts: its parent, its children, and all its Valkeys. On a
machine of two cores, which the sender uses too, more processes cannot take more; what they cost
beside one is what the arithmetic of docs/sizing.md goes by.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.bodies import all_new
from benchmarks.ingest import CONNECTIONS, Measured, service_of
from benchmarks.load import run_load
from benchmarks.rows import Report
from tests.support.clusters import Cluster
from tests.support.processes import children
from tests.support.rig import Rig, until

ROUNDS, REQUESTS, DRAIN_WITHIN_S = 5, 3_000, 120
FULL = (1, 2, 4), ((1, 12), (3, 3), (3, 12))
"""Processes; primaries of a Cluster, and the shards on them: 12 unless told otherwise."""
QUICK = (1, 2), ((3, 3),)
CLUSTER_TIMES = 1.3


class Grown(NamedTuple):
    """A service, and the processes that work for it."""

    name: str
    rig: Rig
    pids: Callable[[], list[int]]

    def cpu(self) -> float:
        """Return the CPU seconds of all so far."""
        return sum(Measured(self.rig.port, self.pids()).cpu())


async def run(report: Report, *, quick: bool = False) -> None:
    """Measure every kind in turn."""
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with AsyncExitStack() as stack:
            processes, primaries = QUICK if quick else FULL
            found = [await _processes(Path(folder), number, stack) for number in processes]
            found += [await _cluster(Path(folder), kind, stack) for kind in primaries]
            rows = await _measure(found, *((2, 600) if quick else (ROUNDS, REQUESTS)))
    one = rows[found[0].name]
    for kind in found:
        cost, rate = rows[kind.name]
        aim = f"{CLUSTER_TIMES} x" if "Cluster" in kind.name else ""
        report(
            f"a webhook and its page, {kind.name}",
            f"{cost:.0f} us CPU, {rate:.0f}/s",
            f"{found[0].name} {one[0]:.0f} us",
            cost / one[0],
            aim,
            cost <= CLUSTER_TIMES * one[0] if aim else None,
        )


async def _processes(folder: Path, number: int, stack: AsyncExitStack) -> Grown:
    home = folder / f"processes{number}"
    home.mkdir()
    more = {"LLM_IM__WEB__PROCESSES": str(number)} if number > 1 else {}
    rig, measured = await stack.enter_async_context(service_of(home, "receiver", **more))
    name = "one process" if number == 1 else f"{number} processes"
    return Grown(name, rig, lambda: [*measured.pids, *children(rig)])


async def _cluster(folder: Path, kind: tuple[int, int], stack: AsyncExitStack) -> Grown:
    number, shards = kind
    cluster = Cluster(folder / f"cluster{number}-{shards}", number, 0)
    await cluster.start()
    stack.push_async_callback(cluster.stop)
    home = folder / f"service{number}-{shards}"
    home.mkdir()
    env = {"LLM_IM__REDIS__URL": cluster.url, "LLM_IM__REDIS__SHARDS": str(shards)}
    service = service_of(home, "receiver", **env)
    rig, measured = await stack.enter_async_context(service)
    servers = [one.process.pid for one in cluster.servers]
    name = f"a Cluster of {number}, {shards} shards"
    return Grown(name, rig, lambda: [*measured.pids, *servers])


async def _measure(
    found: list[Grown], rounds: int, requests: int
) -> dict[str, tuple[float, float]]:
    """Return of each the CPU (us) of a webhook and how many it took a second, medians."""
    costs: dict[str, list[tuple[float, float]]] = {kind.name: [] for kind in found}
    for number in range(rounds + 1):
        for kind in found:
            bodies = all_new(f"grown{number}", 1)
            measured = await _round(kind, bodies, requests)
            # The first warms caches and connections.
            if number:
                costs[kind.name].append(measured)
        print(f"measured growth, round {number} of {rounds}", file=sys.stderr)
    return {
        name: (
            statistics.median(cost for cost, _ in rows),
            statistics.median(rate for _, rate in rows),
        )
        for name, rows in costs.items()
    }


async def _round(kind: Grown, bodies: Iterator[bytes], requests: int) -> tuple[float, float]:
    before, began = kind.cpu(), time.monotonic()
    result = await run_load(kind.rig.port, bodies, requests, CONNECTIONS)
    if result.errors:
        raise RuntimeError(f"answers other than 202: {dict(result.statuses)}")
    rate = requests / (time.monotonic() - began)
    await until(lambda: _is_done(kind.rig), DRAIN_WITHIN_S, "everything is delivered")
    return (kind.cpu() - before) / requests * 1e6, rate


async def _is_done(rig: Rig) -> bool:
    return await rig.metric("incident_manager_processing_queue_size") == 0
