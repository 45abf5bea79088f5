"""100,000 pending deadlines cost next to nothing, and 1,000 due at once are handled at once.

Then 30,000 incidents wait for places to be enriched, for Prometheus hangs: claims go on beside them
as if there were none.
"""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis.asyncio import Redis

from benchmarks.bodies import all_new
from benchmarks.ingest import CONNECTIONS, Measured
from benchmarks.load import run_load
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from routing.vocabulary import Lane
from tests.support.fakes.json_service import FakeJson
from tests.support.notification import alert, notification
from tests.support.rig import Rig, until

NAME = "agenda"
PENDING = 100_000
DUE = 1_000
IDLE_S = 20.0
IDLE_SHARE = 0.02
HANDLED_WITHIN_S = 2.0
ROUNDS = 3
FAR_MS = 30 * 86_400_000

WAITING = 30_000
BESIDE_PER_S, BESIDE_S = 50, 20
VALKEY_SHARE = 0.12
"""Of a core: 50 commits a second and their deliveries take half of that."""

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
    """Measure the agenda idle, with many deadlines at once, and with many that wait for a place."""
    await _deadlines(report)
    await _waiting(report)


async def _waiting(report: Report) -> None:
    """Have incidents wait to be enriched, and time the deliveries of others meanwhile."""
    prometheus = FakeJson(time.monotonic)
    await prometheus.start()
    prometheus.faults.add("hang", times=None, seconds=3_600)
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        await rig.start(
            LLM_IM__SLACK__TOKEN="",
            LLM_IM__SLACK__CHANNEL="",
            LLM_IM__PAGERDUTY__ROUTING_KEY="",
            LLM_IM__LOG__LEVEL="critical",
            LLM_IM__ENRICHMENT__PROMETHEUS__URL=prometheus.base_url,
        )
        path = EmbeddedValkey(rig.storage / "valkey").socket_path
        redis: Any = Redis(unix_socket_path=str(path))
        valkey = Measured(rig.port, [rig.valkey_pid()])
        try:
            for number in (0, WAITING):
                await run_load(rig.port, all_new(f"waits-{number}", 1), number, CONNECTIONS)
                await asyncio.sleep(10)
                before = valkey.cpu()[0]
                beside = all_new(f"beside-{number}", 1)
                total = BESIDE_PER_S * BESIDE_S
                await run_load(rig.port, beside, total, CONNECTIONS, rate=BESIDE_PER_S)
                share = (valkey.cpu()[0] - before) / BESIDE_S
                waiting = await redis.zcount(Keys(0).due[Lane.BACKGROUND], "-inf", "+inf")
                name = f"Valkey, {BESIDE_PER_S} webhooks a second, {waiting:,} waiting"
                report(name, f"{share:.1%} of a core", f"{VALKEY_SHARE:.0%}", share <= VALKEY_SHARE)
        finally:
            await redis.aclose()
            await rig.stop()
            await prometheus.stop()


async def _deadlines(report: Report) -> None:
    """Fill the agenda, measure it idle, then let many deadlines pass together."""
    with TemporaryDirectory() as folder:
        rig = Rig(Path(folder))
        # Deadlines only, and no calls: what is measured is the agenda.
        await rig.start(
            LLM_IM__SLACK__TOKEN="",
            LLM_IM__SLACK__CHANNEL="",
            LLM_IM__PAGERDUTY__ROUTING_KEY="",
            LLM_IM__LOG__LEVEL="error",
            LLM_IM__PRIORITIES__P1__ACKNOWLEDGE_WITHIN="30s",
            LLM_IM__PRIORITIES__P1__DELIVER_WITHIN="20s",
        )
        path = EmbeddedValkey(rig.storage / "valkey").socket_path
        redis: Any = Redis(unix_socket_path=str(path))
        try:
            await _fill(redis)
            await _idle(rig, report)
            times = [await _due_at_once(rig, redis, number, report) for number in range(ROUNDS)]
            median = statistics.median(times)
            good = median <= HANDLED_WITHIN_S
            report(f"{DUE:,} due at once, median", f"{median:.2f} s", "2 s", good)
        finally:
            await redis.aclose()
            await rig.stop()


async def _fill(redis: Any) -> None:
    """Put deadlines of incidents that will be due in a month onto both lanes."""
    keys = Keys(0)
    far = int(time.time() * 1000) + FAR_MS
    for start in range(0, PENDING, 5_000):
        scores = {
            f"0-{number:016x}-1|acknowledge": far + number for number in range(start, start + 5_000)
        }
        await redis.zadd(keys.due[Lane.URGENT if start % 10_000 else Lane.NORMAL], scores)


async def _idle(rig: Rig, report: Report) -> None:
    both = Measured(rig.port, [rig.service.pid, rig.valkey_pid()])
    await asyncio.sleep(3)
    before = both.cpu()
    await asyncio.sleep(IDLE_S)
    used = [now - was for now, was in zip(both.cpu(), before, strict=True)]
    share = sum(used) / IDLE_S
    figure = f"{share:.2%} of a core"
    report(f"{PENDING:,} pending, nothing due", figure, "2 %", share <= IDLE_SHARE)
    shares = ", ".join(f"{part / IDLE_S:.2%}" for part in used)
    report("service, Valkey", shares, "", True)


async def _due_at_once(rig: Rig, redis: Any, number: int, report: Report) -> float:
    """Open incidents, move all their deadlines to one moment, and time until all are missed."""
    missed = 'incident_deadlines_total{by="nobody",clock="acknowledge",outcome="missed"'
    before = await rig.metric(missed + ',priority="P1"}')
    names = [
        (await rig.post(notification(alert(), group=f"round-{number}-{at}")))[1]["incidents"][0]
        for at in range(DUE)
    ]
    due = Keys(0).due[Lane.URGENT]
    first = await redis.zscore(due, f"{names[0]}|acknowledge")
    last = await redis.zscore(due, f"{names[-1]}|acknowledge")
    # Later than the deadline of the last one, so that each of them has passed when it is claimed.
    moment = last + 1_000
    await redis.zadd(due, {f"{name}|acknowledge": moment for name in names}, xx=True)
    assert first is not None
    await asyncio.sleep(max(0, moment / 1000 - time.time()))
    started = time.perf_counter()
    service = Measured(rig.port, [rig.service.pid])
    cpu = sum(service.cpu())

    async def all_missed() -> bool:
        return await rig.metric(missed + ',priority="P1"}') >= before + DUE

    await until(all_missed, 30, "all deadlines are missed")
    took = time.perf_counter() - started
    spent = sum(service.cpu()) - cpu
    figure = f"{took:.2f} s, {spent:.2f} s CPU"
    report(f"round {number + 1}: {DUE:,} due at once", figure, "", True)
    return took
