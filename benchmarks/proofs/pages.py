"""What each page of the console costs at 10,000 open and 100,000 kept incidents.

Its server time, what it weighs at a first view with all that it loads, how soon a change is on an
open screen, and what 500 of them cost.
"""

import asyncio
import math
import re
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from benchmarks.ingest import Measured
from benchmarks.many_open import ManyOpen, running
from tests.support.notification import alert, notification
from tests.support.pages import pages
from tests.support.rig import until

OPEN, KEPT, ASKED = 10_000, 100_000, 40
PAGE_MS, FIRST_VIEW, CHANGE_S = 50.0, 50_000, 1.0
TABS, TABS_CPU, TABS_S = 500, 0.05, 30.0
VIEWS = (
    *("/?text=nothing-fits", "/?label=instance%3D%22none%22", "/?group=service", "/?state=all"),
    *("/?sort=newest", "/?wall=1", "/?days=30", "/history?text=nothing-fits"),
)
HTML = {"Accept": "text/html", "Accept-Encoding": "gzip"}
ASSET = re.compile(r'(?:src|href)="(/console/[^"]+)"')

Report = Callable[..., None]


async def run(report: Report) -> None:
    """Report each page, then the open tabs."""
    with TemporaryDirectory() as folder:
        async with running(Path(folder), "receiver") as service:
            await service.fill(OPEN)
            await service.keep(KEPT)
            await _pages(report, service)
            await _tabs(report, service)


async def _pages(report: Report, service: ManyOpen) -> None:
    # As it comes over the wire.
    async with ClientSession(auto_decompress=False, headers=HTML) as session:
        for path in (*pages([service.one]), *VIEWS):
            took = []
            for _ in range(ASKED):
                began = time.perf_counter()
                status, body = await _get(session, service.rig.url + path)
                took.append((time.perf_counter() - began) * 1000)
                assert status == 200, (path, status)
            p95 = sorted(took)[math.ceil(len(took) * 0.95) - 1]
            figure = f"p50 {statistics.median(took):.1f}, p95 {p95:.1f} ms, {len(body):,} B"
            name = path.replace(service.one, "ID")
            report(name[:46], figure, f"p95 < {PAGE_MS:g} ms", p95 < PAGE_MS, timed=True)
        for path in ("/", f"/incidents/{service.one}"):
            weight = await _first_view(session, service.rig.url, path)
            name = f"first view of {path.replace(service.one, 'ID')}"
            report(name, f"{weight:,} B", f"< {FIRST_VIEW:,} B", weight < FIRST_VIEW)


async def _get(session: ClientSession, url: str) -> tuple[int, bytes]:
    async with session.get(url) as answer:
        return answer.status, await answer.read()


async def _first_view(session: ClientSession, url: str, path: str) -> int:
    """Return the bytes of a page and of all that it loads."""
    _, body = await _get(session, url + path)
    async with ClientSession(headers=HTML) as reader:
        _, text = await _get(reader, url + path)
    loaded = dict.fromkeys(ASSET.findall(text.decode()))
    return len(body) + sum([len((await _get(session, url + one))[1]) for one in loaded])


async def _tabs(report: Report, service: ManyOpen) -> None:
    """Hold lists open; everything that changes is told to each."""
    idle = await _cpu(service)
    async with _open_tabs(service, 1) as (one,):
        _, answer = await service.rig.post(notification(alert("Watched"), group="watched"))
        (incident,) = answer["incidents"]
        took = await _told(one, incident)
        worst = max([took, *[await _change(service, one, incident) for _ in range(9)]])
    report("a change on an open screen, worst of 10", f"{worst:.2f} s", f"< {CHANGE_S:g} s",
           worst < CHANGE_S, timed=True)  # fmt: skip
    async with _open_tabs(service, TABS) as tabs:
        still = await _cpu(service)
        worst = 0.0
        for _ in range(5):
            jobs = [_told(tab, incident) for tab in tabs]
            waiting = asyncio.gather(*jobs)
            await service.rig.post({"by": "Ann", "text": "seen"}, f"/v1/incidents/{incident}/note")
            worst = max(worst, *await waiting)
        cost = still - idle
    figure = f"{cost:.1%} of a core (idle {idle:.1%})"
    report(f"{TABS} open lists", figure, f"< {TABS_CPU:.0%}", cost < TABS_CPU, timed=True)
    report("a change on all of them, worst of 5", f"{worst:.2f} s", "", True)


async def _cpu(service: ManyOpen) -> float:
    """Return which part of a core the service takes."""
    process = Measured(service.rig.port, [service.rig.service.pid])
    before, began = sum(process.cpu()), time.monotonic()
    await asyncio.sleep(TABS_S)
    return (sum(process.cpu()) - before) / (time.monotonic() - began)


@asynccontextmanager
async def _open_tabs(service: ManyOpen, number: int) -> AsyncIterator[list["Tab"]]:
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=None)) as session:
        tabs = [Tab(session, f"{service.rig.url}/events?form=rows") for _ in range(number)]
        try:
            await until(lambda: all(tab.lines for tab in tabs), 60, "all tabs are open")
            yield tabs
        finally:
            for tab in tabs:
                tab.job.cancel()


class Tab:
    """The events that an open list is told; ``lines``: how many came."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self.lines = 0
        self._heard: list[tuple[str, asyncio.Event]] = []
        self.job = asyncio.create_task(self._read(session, url))

    def hear(self, text: str) -> asyncio.Event:
        """Return what is set when a line with a text comes."""
        event = asyncio.Event()
        self._heard.append((text, event))
        return event

    async def _read(self, session: ClientSession, url: str) -> None:
        async with session.get(url) as answer:
            assert answer.status == 200, await answer.text()
            async for line in answer.content:
                self.lines += 1
                for text, event in self._heard:
                    if text in line.decode():
                        event.set()


async def _told(tab: Tab, incident: str) -> float:
    """Return after how many seconds a tab is told of an incident."""
    began = time.monotonic()
    async with asyncio.timeout(10):
        await tab.hear(incident).wait()
    return time.monotonic() - began


async def _change(service: ManyOpen, tab: Tab, incident: str) -> float:
    waiting: Any = asyncio.create_task(_told(tab, incident))
    await asyncio.sleep(0)
    await service.rig.post({"by": "Ann", "text": "seen"}, f"/v1/incidents/{incident}/note")
    return float(await waiting)
