"""100,000 pending deadlines cost next to nothing, and 1,000 due at once are handled at once."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis.asyncio import Redis

from benchmarks.ingest import Measured
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from routing.vocabulary import Lane
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

Report = Callable[[str, str, str, bool], None]


async def run(report: Report) -> None:
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
