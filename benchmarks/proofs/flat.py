"""A change of a large group costs what it costs in a small one: CPU, and bytes of the log."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis.asyncio import Redis

from benchmarks.bodies import notification
from benchmarks.ingest import Measured, service_of
from receiver.store.embedded.server import EmbeddedValkey
from tests.support.rig import Rig

SMALL, LARGE, TOLD = 20, 10_000, 20
ROUNDS, WEBHOOKS = 5, 60
STORM, STORM_CONNECTIONS, STORM_S = 1_200, 16, 30.0
MOST = 1.3


async def run(report: Any) -> None:
    """Change 20 alerts of a group of 20 and of one of 10,000 in turn; then storm the large one."""
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with service_of(Path(folder), "benchmarks.ingest_only") as (rig, service):
            # A rewrite of the file would make it shorter while its bytes are counted.
            socket = EmbeddedValkey(rig.storage / "valkey").socket_path
            redis: Any = Redis(unix_socket_path=str(socket))
            await redis.config_set("auto-aof-rewrite-percentage", 0)
            await redis.aclose()
            await _send(rig, _group("small", SMALL))
            await _send(rig, _group("large", LARGE))
            await _changed(rig, service, "small", SMALL, turn=99)
            await _changed(rig, service, "large", LARGE, turn=99)
            costs: dict[str, list[tuple[float, float]]] = {"small": [], "large": []}
            for turn in range(ROUNDS):
                for name, size in (("small", SMALL), ("large", LARGE)):
                    costs[name].append(await _changed(rig, service, name, size, turn))
            small, large = (
                [statistics.median(one[part] for one in costs[name]) for part in (0, 1)]
                for name in ("small", "large")
            )
            _say(report, "CPU of 20 alerts of 10,000", large[0] / 1000, small[0] / 1000, "ms")
            _say(report, "log of 20 alerts of 10,000", large[1] / 1024, small[1] / 1024, "KB")
            await _storm(rig, report)


def _say(report: Any, what: str, large: float, small: float, unit: str) -> None:
    ratio = large / small
    figure = f"{large:.1f} {unit}, {ratio:.2f} x a group of 20"
    report(what, figure, f"{MOST} x", ratio <= MOST, timed=True)


def _group(name: str, alerts: int) -> bytes:
    return notification(name, 7, alerts)


def _told(name: str, size: int, turn: int) -> Iterator[bytes]:
    """Yield webhooks that each change 20 alerts: they end, and begin again."""
    whole = json.loads(_group(name, size))
    places = range(0, size, TOLD)
    for number in range(WEBHOOKS):
        first = places[(number // 2) % len(places)]
        alerts = [dict(one) for one in whole["alerts"][first : first + TOLD]]
        minute = 10 + (turn * WEBHOOKS + number) // 60 % 40, (turn * WEBHOOKS + number) % 60
        at = "2026-03-02T{:02d}:{:02d}:00Z"
        for one in alerts:
            one["startsAt"] = at.format(minute[0] % 24, minute[1])
        # The last of a group always fires, or a small one would end and begin.
        for one in alerts[1:] if number % 2 else []:
            one["status"], one["endsAt"] = "resolved", one["startsAt"]
        yield json.dumps(whole | {"alerts": alerts}).encode()


async def _changed(
    rig: Rig, service: Measured, name: str, size: int, turn: int
) -> tuple[float, float]:
    """Return what a webhook cost: microseconds of CPU, bytes of the append-only file."""
    bodies = list(_told(name, size, turn))
    cpu, log = sum(service.cpu()), _log_bytes(rig)
    for body in bodies:
        await _send(rig, body)
    return (sum(service.cpu()) - cpu) / len(bodies) * 1e6, (_log_bytes(rig) - log) / len(bodies)


def _log_bytes(rig: Rig) -> int:
    files = (rig.storage / "valkey").rglob("*.incr.aof")
    return sum(file.stat().st_size for file in files)


async def _send(rig: Rig, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    url = f"http://127.0.0.1:{rig.port}/v1/alerts/webhook"
    async with rig.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 202, await answer.text()


async def _storm(rig: Rig, report: Any) -> None:
    """Send webhooks of the large group from many connections, and others beside them."""
    bodies = list(_told("large", LARGE, 7)) * (STORM // WEBHOOKS)
    began, waited, done = time.perf_counter(), list[float](), asyncio.Event()

    async def sender() -> None:
        while bodies:
            await _send(rig, bodies.pop())

    async def other() -> None:
        number = 0
        while not done.is_set():
            at = time.perf_counter()
            await _send(rig, notification("other", number, 1))
            waited.append(time.perf_counter() - at)
            number += 1
            await asyncio.sleep(0.02)

    beside = asyncio.create_task(other())
    await asyncio.gather(*(sender() for _ in range(STORM_CONNECTIONS)))
    took = time.perf_counter() - began
    done.set()
    await beside
    report(
        f"{STORM} webhooks into one group of 10,000",
        f"{took:.1f} s",
        f"{STORM_S:.0f} s",
        took < STORM_S,
        timed=True,
    )
    late = statistics.quantiles(waited, n=100)[98] * 1000
    report("others meanwhile, p99", f"{late:.0f} ms", "100 ms", late < 100, timed=True)
