"""How long pages and answers take: alone, beside a steady load, and in a flood.

A page counts from when its webhook is sent to when PagerDuty is called (a fake in this process).
An open loop counts an answer from when its request should have gone out, so that a server that is
late cannot hide it by being asked less.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bodies import Template, mixed
from benchmarks.ingest import DRAIN_WITHIN_S, Measured, bare_handler, service_of
from benchmarks.load import Result, run_load
from benchmarks.rows import Report
from tests.support.fakes.pagerduty import PdEvent
from tests.support.notification import alert, notification
from tests.support.rig import Rig, until

PAGES, BESIDE_RATE, OPEN_RATE, OPEN_S = 200, 1_000, 2_000, 20
FLOOD, FLOOD_S = 30_000, 6
CONNECTIONS = 128
IDLE_MS, IDLE_WORST_MS, BESIDE_MS, OPEN_TIMES = 12.0, 25.0, 100.0, 4.0
FLOOD_ANSWER_MS, FLOOD_PAGE_S = 1_000.0, 20.0


async def run(report: Report, *, quick: bool = False) -> None:
    """Measure pages, then answers beside the floor, then a flood."""
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        async with _paging(folder / "pages") as rig:
            await _pages(report, rig, 40 if quick else PAGES)
        await _answers(report, folder, 5 if quick else OPEN_S)
        await _flood(report, folder, FLOOD // 10 if quick else FLOOD)


@asynccontextmanager
async def _paging(folder: Path) -> AsyncIterator[Rig]:
    folder.mkdir()
    rig = Rig(folder)
    await rig.start(
        LLM_IM__LOG__LEVEL="warning", LLM_IM__SLACK__TOKEN="", LLM_IM__SLACK__CHANNEL=""
    )
    try:
        yield rig
    finally:
        await rig.stop()


async def _pages(report: Report, rig: Rig, number: int) -> None:
    await _paged(rig, "first", 5)
    alone = await _paged(rig, "alone", number)
    p50, p99 = _shares(alone)
    report("alert to page, alone, p50", f"{p50:.1f} ms", aim=f"{IDLE_MS:g} ms", ok=p50 <= IDLE_MS)
    worst = IDLE_WORST_MS
    report("alert to page, alone, p99", f"{p99:.1f} ms", aim=f"{worst:g} ms", ok=p99 <= worst)
    total = BESIDE_RATE * number // 10
    load = asyncio.create_task(
        run_load(rig.port, mixed("beside", 1), total, CONNECTIONS, rate=BESIDE_RATE)
    )
    p50, p99 = _shares(await _paged(rig, "beside", number))
    load.cancel()
    await asyncio.gather(load, return_exceptions=True)
    name = f"P1 beside {BESIDE_RATE:,} webhooks a second, p99"
    report(name, f"{p99:.1f} ms (p50 {p50:.1f})", aim=f"{BESIDE_MS:g} ms", ok=p99 <= BESIDE_MS)


async def _paged(rig: Rig, group: str, number: int) -> list[float]:
    """Return how long each page took (ms), ten a second."""
    took = []
    for place in range(number):
        name = f"Down{group}{place}"
        before = len(rig.pagerduty.events)
        paged = partial(_page_of, rig.pagerduty.events, before, name)
        began = time.monotonic()
        status, _ = await rig.post(notification(alert(name), group=f"{group}-{place}"))
        assert status == 202
        await until(paged, 30, f"{name} is paged")
        took.append((paged()[0].at - began) * 1000)
        await asyncio.sleep(0.02)
    return took


def _page_of(events: Sequence[PdEvent], start: int, name: str) -> list[PdEvent]:
    """Return the pages of an alert: others are paged meanwhile."""
    pages = [event for event in events[start:] if event.method == "trigger"]
    return [event for event in pages if name in event.args["payload"]["summary"]]


def _shares(values: Sequence[float]) -> tuple[float, float]:
    found = statistics.quantiles(values, n=100)
    return statistics.median(values), found[98]


async def _answers(report: Report, folder: Path, seconds: int) -> None:
    home = folder / "answers"
    home.mkdir()
    async with bare_handler(folder) as bare, service_of(home, "receiver") as (_, service):
        floor = await _steady(bare, seconds)
        ours = await _steady(service, seconds)
    p99, least = ours.percentile(0.99), floor.percentile(0.99)
    report(
        f"answers at {OPEN_RATE:,} a second, p99",
        f"{p99:.1f} ms, {ours.errors} refused",
        f"bare handler {least:.1f} ms",
        p99 / least,
        f"{OPEN_TIMES:g} x",
        p99 <= OPEN_TIMES * least and not ours.errors,
    )


async def _steady(target: Measured, seconds: int) -> Result:
    bodies = mixed("open", 1)
    return await run_load(target.port, bodies, OPEN_RATE * seconds, CONNECTIONS, rate=OPEN_RATE)


async def _flood(report: Report, folder: Path, number: int) -> None:
    home = folder / "flood"
    home.mkdir()
    template = Template("flood", 1)
    bodies = (template.number(place) for place in range(number + 1))
    async with service_of(home, "receiver") as (_, service):
        rate = number / FLOOD_S
        result = await run_load(service.port, bodies, number, CONNECTIONS, rate=rate)
        began = time.monotonic()
        await service.drain()
        drained = time.monotonic() - began
    p99, most = result.percentile(0.99), FLOOD_ANSWER_MS
    name = f"{number:,} new groups in {FLOOD_S} s"
    good = p99 <= most and not result.errors
    report(f"{name}: answers, p99", f"{p99:.0f} ms, {result.errors} refused", aim=f"{most:g} ms",
           ok=good)  # fmt: skip
    report(f"{name}: last page after", f"{drained:.1f} s", aim=f"{FLOOD_PAGE_S:g} s",
           ok=drained <= min(FLOOD_PAGE_S, DRAIN_WITHIN_S))  # fmt: skip
