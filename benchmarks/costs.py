"""What a webhook costs, beside the floor and a peer that are measured in turn with it.

The floor is a bare handler that reads the body and answers 202; the peer is Debian's Alertmanager,
which takes the same alerts into memory. ``ingest`` leaves deliveries on the agenda; ``with
deliveries`` a round ends when the last page has gone to the ``log`` notifier.
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.ingest import CASES, CONNECTIONS, Measured, bare_handler, service_of
from benchmarks.load import request_bytes, run_load
from benchmarks.rows import Report
from tests.support.real_alertmanager import Real

AIMS = {
    ("ingest", 1, "all_new"): (2.9, None),
    ("ingest", 1, "mixed"): (2.6, None),
    ("ingest", 20, "all_new"): (4.5, 0.3),
    ("ingest", 20, "mixed"): (4.5, 0.3),
    ("with deliveries", 1, "all_new"): (6.0, None),
    ("with deliveries", 1, "mixed"): (4.0, None),
    ("with deliveries", 20, "all_new"): (8.0, 0.5),
    ("with deliveries", 20, "mixed"): (6.0, 0.4),
}
"""Way, alerts of a webhook and what they are -> most of the floor's CPU, and of the peer's."""
MODULES = {"ingest": "benchmarks.ingest_only", "with deliveries": "receiver"}
ROUNDS = 5


class Target(NamedTuple):
    """Somebody who is sent the same alerts."""

    measured: Measured
    made: Callable[[bytes], bytes] = request_bytes
    status: int = 202


async def run(report: Report, *, quick: bool = False) -> None:
    """Measure every case, all targets in turn."""
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        async with AsyncExitStack() as stack:
            bare = Target(await stack.enter_async_context(bare_handler(folder)))
            peer = await _alertmanager(folder, stack)
            for way, module in MODULES.items():
                home = folder / module
                home.mkdir()
                async with service_of(home, module) as (_, service):
                    await _measure(report, way, [Target(service), bare, peer], quick=quick)


async def _alertmanager(folder: Path, stack: AsyncExitStack) -> Target:
    real = Real(folder)
    await real.start()
    stack.push_async_callback(real.stop)
    port = int(real.url.rpartition(":")[2])
    return Target(Measured(port, [real.program.pid]), _for_alertmanager, 200)


def _for_alertmanager(body: bytes) -> bytes:
    """Return the same alerts as Prometheus would send them to Alertmanager."""
    names = ("labels", "annotations", "startsAt", "endsAt", "generatorURL")
    alerts = [
        {name: alert[name] for name in names if not str(alert[name]).startswith("0001")}
        for alert in json.loads(body)["alerts"]
    ]
    return request_bytes(json.dumps(alerts).encode(), "/api/v2/alerts")


async def _measure(report: Report, way: str, targets: list[Target], *, quick: bool) -> None:
    for _, alerts, make in CASES:
        requests = (6_000 if alerts == 1 else 1_500) // (4 if quick else 1)
        costs: list[list[float]] = [[] for _ in targets]
        for number in range(3 if quick else ROUNDS):
            group = f"{way}-{alerts}-{make.__name__}-{number}".replace(" ", "-")
            for place, target in enumerate(targets):
                costs[place].append(await _round(target, make(group, alerts), requests))
        ours, floor, peer = (statistics.median(found) for found in costs)
        name = f"{way}, {alerts} {'new' if make.__name__ == 'all_new' else 'mix 30/50/20'}"
        of_floor, of_peer = AIMS[way, alerts, make.__name__]
        for against, cost, aim in (
            ("bare handler", floor, of_floor),
            ("Alertmanager", peer, of_peer),
        ):
            report(
                name,
                f"{ours:.0f} us CPU",
                f"{against} {cost:.0f} us",
                ours / cost,
                f"{aim} x" if aim else "",
                ours <= aim * cost if aim else None,
            )
        print(f"measured {name}", file=sys.stderr)


async def _round(target: Target, bodies: Iterator[bytes], requests: int) -> float:
    """Return the CPU (us) of a request, until nothing of it is left to do."""
    measured = target.measured
    before = sum(measured.cpu())
    result = await run_load(measured.port, bodies, requests, CONNECTIONS, made=target.made)
    await measured.drain()
    others = {status for status in result.statuses if status != target.status}
    if others:
        raise RuntimeError(f"answers other than {target.status}: {dict(result.statuses)}")
    return (sum(measured.cpu()) - before) / requests * 1e6
