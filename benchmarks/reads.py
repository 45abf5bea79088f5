"""What reading costs while many incidents are open, and how long it keeps everything else waiting.

``python -m benchmarks.reads [--open 100000] [--kept 100000] [--asked 40]`` prints figure, measured,
aim, and ok or SHORT. The service runs as a process of its own with its embedded Valkey. CPU is that
of its Python (schedstat), a median. ``held`` is for how long its loop did nothing else
(``watched``): the longest time in a request, of 19 requests in 20, and of all. Machines that others
work on as well make some of these longer; what the service does itself is in all of them.
"""

import argparse
import asyncio
import math
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import watched
from benchmarks.ingest import Measured
from benchmarks.many_open import ManyOpen, running
from benchmarks.rows import Report
from tests.support.rig import Rig

OPEN, KEPT, ASKED = 100_000, 100_000, 40
WITNESS_S = 0.005
FRESH_S = 0.55
"""A page of metrics is made anew after that."""
HELD_MS, LIST_MS, METRICS_MS = 5.0, 20.0, 10.0
PAGE_MS = 50.0
"""For a page; of the response from the second time on: its sums are made once in 10 s."""
SEARCH_MS = 1_000.0
"""For a search of all that is kept of a year."""


class Case(NamedTuple):
    """Something that is asked for; ``p95_ms`` and ``cpu_ms`` are aims, 0 for none."""

    name: str
    path: str
    p95_ms: float = 0.0
    cpu_ms: float = 0.0
    every_s: float = 0.0
    """How long to wait before each request."""
    follow: bool = False
    """Whether the cursor is followed to the end of the list."""


class Figures(NamedTuple):
    """What a case took, in ms."""

    p50: float
    p95: float
    cpu: float
    held: float
    worst: float
    size: int


def cases(one: str) -> Sequence[Case]:
    """Return what is asked; ``one``: the id of an incident."""
    return (
        Case("GET /-/healthy", "/-/healthy"),
        Case("a list of 50", "/v1/incidents?limit=50", p95_ms=LIST_MS),
        Case("a list of 1,000", "/v1/incidents?limit=1000"),
        Case("a list of 50, newest first", "/v1/incidents?limit=50&sort=newest", p95_ms=LIST_MS),
        Case("a search that fits none", "/v1/incidents?limit=50&text=nothing-fits"),
        *searches(),
        Case("one incident", f"/v1/incidents/{one}"),
        Case("its review", f"/v1/incidents/{one}/review"),
        Case("console, its list of 200", "/"),
        Case("console, a search that fits none", "/?text=nothing-fits"),
        Case("console, one incident", f"/incidents/{one}"),
        Case("console, history", "/history", p95_ms=PAGE_MS),
        Case("console, response of 28 days", "/response", p95_ms=PAGE_MS),
        Case("console, response of a year", "/response?days=365&step=week", p95_ms=PAGE_MS),
        Case("figures", "/v1/figures"),
        Case("runbooks", "/runbooks/"),
        Case("alerts of several incidents", "/v1/shared-alerts"),
        Case("/health", "/health"),
        Case("/metrics", "/metrics", cpu_ms=METRICS_MS, every_s=FRESH_S),
    )


def searches() -> Sequence[Case]:
    """Return searches of what is closed that fit nothing, each followed to its end."""
    return tuple(
        Case(
            f"history, {name}",
            f"/v1/incidents?state=closed&limit=50&{asked}",
            p95_ms=SEARCH_MS,
            follow=True,
        )
        for name, asked in (
            ("a text that fits none", "text=nothing-fits"),
            ("a label that fits none", "label=instance=~%22nothing.*%22"),
            ("a person who has none", "person=nobody"),
            ("a runbook that has none", "runbook=nothing-fits"),
        )
    )


async def measure(service: ManyOpen, case: Case, asked: int) -> Figures:
    """Ask again and again."""
    process = Measured(service.rig.port, [service.rig.service.pid])
    took, worked, spans, size = [], [], [], 0
    for number in range(asked + 1):
        await asyncio.sleep(case.every_s)
        before, begun = process.cpu()[0], time.monotonic()
        size = await (_follow if case.follow else _ask)(service.rig, case.path)
        ended = time.monotonic()
        # What holds the loop is told by its witness right after that.
        spans.append((begun, ended + WITNESS_S))
        # The first one finds nothing that is kept for later ones: it is no usual one.
        if number:
            took.append((ended - begun) * 1000)
            worked.append((process.cpu()[0] - before) * 1000)
    await asyncio.sleep(WITNESS_S)
    held = sorted(one * 1000 for one in watched.longest(service.witness, spans))
    return Figures(
        p50=statistics.median(took),
        p95=_most(sorted(took)),
        cpu=statistics.median(worked),
        held=_most(held),
        worst=held[-1],
        size=size,
    )


async def _follow(rig: Rig, path: str) -> int:
    """Ask for every page of a list; return how many incidents were looked at."""
    looked_at, cursor = 0, ""
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        async with rig.session.get(rig.url + path + more) as answer:
            page = await answer.json()
        looked_at += int(page["looked_through"])
        cursor = page["next"]
        if not cursor:
            return looked_at


async def _ask(rig: Rig, path: str) -> int:
    headers = {"Accept": "text/html"} if path == "/runbooks/" else {}
    async with rig.session.get(rig.url + path, headers=headers) as answer:
        body = await answer.read()
        assert answer.status == 200, body[:200]
        if path == "/metrics":
            return body.count(b"\n")
        return len(body)


def _most(values: list[float]) -> float:
    return values[math.ceil(len(values) * 0.95) - 1]


def rows(case: Case, found: Figures) -> list[tuple[str, str, str, bool | None]]:
    """Return figure, measured, aim and whether it is reached (None: there is no aim)."""
    unit = "lines" if case.path == "/metrics" else "looked at" if case.follow else "bytes"
    p95 = f"< {case.p95_ms:g} ms" if case.p95_ms else ""
    cpu = f"< {case.cpu_ms:g} ms" if case.cpu_ms else ""
    return [
        (
            f"{case.name}, p50 / p95",
            f"{found.p50:.1f} / {found.p95:.1f} ms",
            p95,
            found.p95 < case.p95_ms if case.p95_ms else None,
        ),
        (
            f"  CPU ({found.size:,} {unit})",
            f"{found.cpu:.1f} ms",
            cpu,
            found.cpu < case.cpu_ms if case.cpu_ms else None,
        ),
        (
            "  loop held, p95 / worst",
            f"{found.held:.1f} / {found.worst:.1f} ms",
            f"< {HELD_MS:g} ms",
            found.held < HELD_MS,
        ),
    ]


async def run(number: int, kept: int, asked: int, only: str) -> bool:
    """Measure and print; return whether every aim is reached."""
    good = True
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with running(Path(folder)) as service:
            await service.fill(number)
            await service.keep(kept)
            head = f"{number:,} open, {kept:,} kept"
            print(f"{head:<48}{'measured':<24}aim", flush=True)
            for case in (case for case in cases(service.one) if only in case.name):
                found = await measure(service, case, asked if case.every_s < 0.5 else asked // 3)
                for name, figure, aim, ok in rows(case, found):
                    word = "" if ok is None else "ok" if ok else "SHORT"
                    good = good and ok is not False
                    print(f"{name:<48}{figure:<24}{aim:<12}{word}", flush=True)
    return good


async def part(report: Report, *, quick: bool = False) -> None:
    """Measure what ``bench`` shows: all cases, as rows."""
    number, kept, asked = (5_000, 5_000, 10) if quick else (OPEN, KEPT, ASKED)
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with running(Path(folder)) as service:
            await service.fill(number)
            await service.keep(kept)
            for case in cases(service.one):
                found = await measure(service, case, asked if case.every_s < 0.5 else asked // 3)
                for name, figure, aim, ok in rows(case, found):
                    report(name, figure, f"{number:,} open, {kept:,} kept", None, aim, ok)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=OPEN, help="incidents that are open")
    parser.add_argument("--kept", type=int, default=KEPT, help="closed incidents that are kept")
    parser.add_argument("--asked", type=int, default=ASKED, help="how often each is asked for")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    return 0 if asyncio.run(run(options.open, options.kept, options.asked, options.only)) else 1


if __name__ == "__main__":
    sys.exit(main())
