"""A store of a million open incidents: what a webhook costs, lists, a rewrite, the next start.

``python -m benchmarks.million [--open 1000000]``. Costs are CPU of Python and Valkey until the last
page is delivered, against the same service before it had any. Webhooks of new groups arrive at a
steady pace while Valkey writes its file anew; an answer counts from when its request should have
gone out. The start is that of the service and of its Valkey, which both have been killed.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from redis.asyncio import Redis

from benchmarks.bodies import Template, all_new
from benchmarks.ingest import Measured
from benchmarks.load import Result, run_load
from benchmarks.many_open import ManyOpen, running
from benchmarks.rows import Report, Table
from receiver.store.embedded.server import EmbeddedValkey
from tests.support.rig import until


class _Effort(NamedTuple):
    """How much is measured: webhooks of a round, and seconds of what is watched."""

    rounds: int
    requests: int
    beside_s: int
    idle_s: int


FULL, QUICK = _Effort(5, 3_000, 15, 20), _Effort(3, 1_000, 5, 5)
OPEN, RATE, ASKED = 1_000_000, 200, 40
CONNECTIONS = 64
REWRITTEN_WITHIN_S, READY_WITHIN_S = 300, 300
ANSWER_MS, READY_S = 100.0, 10.0
TIMES, LIST_MS, IDLE_SHARE = 1.2, 20.0, 0.02


async def run(report: Report, *, quick: bool = False, number: int = OPEN) -> None:
    """Measure with so many incidents open."""
    number, effort = (number // 50, QUICK) if quick else (number, FULL)
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with running(Path(folder), "receiver") as service:
            await _costs(service, "first", effort)
            empty = await _costs(service, "empty", effort)
            await service.fill(number)
            await _costs(service, "again", effort)
            _say_costs(report, number, await _costs(service, "full", effort), empty)
            await _lists(report, service, number)
            await _idle(report, service, number, effort.idle_s)
            await _rewrite(report, service, number, effort.beside_s)
            await _start(report, service, number)


def _measured(service: ManyOpen) -> Measured:
    rig = service.rig
    socket = EmbeddedValkey(rig.storage / "valkey").socket_path
    return Measured(rig.port, [rig.service.pid, rig.valkey_pid()], socket)


async def _costs(service: ManyOpen, group: str, effort: _Effort) -> float:
    """Return the CPU (us) of a webhook of a new group until its page is delivered, a median."""
    measured, found = _measured(service), []
    for number in range(effort.rounds):
        before = sum(measured.cpu())
        bodies = all_new(f"{group}{number}", 1)
        await run_load(measured.port, bodies, effort.requests, CONNECTIONS)
        await measured.drain()
        found.append((sum(measured.cpu()) - before) / effort.requests * 1e6)
    return statistics.median(found)


def _say_costs(report: Report, number: int, full: float, empty: float) -> None:
    name, against = f"a webhook and its page, {number:,} open", f"none open {empty:.0f} us"
    good = full <= TIMES * empty
    report(name, f"{full:.0f} us CPU", against, full / empty, f"{TIMES} x", good)


async def _lists(report: Report, service: ManyOpen, number: int) -> None:
    took = []
    for _ in range(ASKED):
        began = time.monotonic()
        await service.rig.get("/v1/incidents?limit=50")
        took.append((time.monotonic() - began) * 1000)
    p95 = sorted(took)[int(ASKED * 0.95) - 1]
    name = f"a list of 50 of {number:,}, p95"
    report(name, f"{p95:.1f} ms", aim=f"{LIST_MS:g} ms", ok=p95 < LIST_MS)


async def _idle(report: Report, service: ManyOpen, number: int, seconds: int) -> None:
    """Measure what timers cost that are not due."""
    measured = _measured(service)
    before = sum(measured.cpu())
    await asyncio.sleep(seconds)
    share = (sum(measured.cpu()) - before) / seconds
    name = f"idle with the timers of {number:,}"
    report(name, f"{share:.1%} of a core", aim=f"{IDLE_SHARE:.0%}", ok=share <= IDLE_SHARE)


async def _rewrite(report: Report, service: ManyOpen, number: int, seconds: int) -> None:
    path = EmbeddedValkey(service.rig.storage / "valkey").socket_path
    redis: Any = Redis(unix_socket_path=path)
    try:
        before = await _paced(service, "before", RATE * seconds)
        over = asyncio.Event()
        requests = RATE * REWRITTEN_WITHIN_S
        load = asyncio.create_task(_paced(service, "during", requests, over.is_set))
        began = time.monotonic()
        await redis.bgrewriteaof()
        await asyncio.sleep(0.5)
        await until(lambda: _is_written(redis), REWRITTEN_WITHIN_S, "the file is written anew")
        took = time.monotonic() - began
        over.set()
        during, info = await load, await redis.info()
    finally:
        await redis.aclose()
    p99, worst = during.percentile(0.99), during.latencies[-1] * 1000
    report(
        f"answers during a rewrite at {number:,}, p99",
        f"{p99:.0f} ms (worst {worst:.0f})",
        f"before it {before.percentile(0.99):.0f} ms",
        None,
        f"{ANSWER_MS:g} ms",
        p99 < ANSWER_MS and not during.errors,
    )
    report("  it took", f"{took:.1f} s", f"fork {info['latest_fork_usec'] / 1000:.0f} ms")
    report("  memory", f"{info['used_memory'] / number:,.0f} bytes an incident")


async def _paced(
    service: ManyOpen, group: str, requests: int, enough: Callable[[], bool] = lambda: False
) -> Result:
    """Send webhooks of new groups, so many or until it is enough."""
    template = Template(group, 1)
    bodies = (template.number(place) for place in range(requests + CONNECTIONS))
    port = service.rig.port
    return await run_load(port, bodies, requests, CONNECTIONS, rate=RATE, enough=enough)


async def _is_written(redis: Any) -> bool:
    return not (await redis.info("persistence"))["aof_rewrite_in_progress"]


async def _start(report: Report, service: ManyOpen, number: int) -> None:
    rig = service.rig
    valkey = rig.valkey_pid()
    await rig.service.end(signal.SIGKILL)
    os.kill(valkey, signal.SIGKILL)
    began = time.monotonic()
    await rig.service.start()
    await until(rig.ready, READY_WITHIN_S, "it is ready")
    took = time.monotonic() - began
    report(f"ready with {number:,}, both killed", f"{took:.1f} s", "", None, f"{READY_S:g} s",
           took < READY_S)  # fmt: skip


def main() -> int:
    """Print the table; the exit code is 1 where a figure is short of its aim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=OPEN, help="incidents that are open")
    table = Table()
    table.head()
    asyncio.run(run(table.add, number=parser.parse_args().open))
    return 0 if table.holds else 1


if __name__ == "__main__":
    sys.exit(main())
