"""What reading costs while many incidents are open, and how long it keeps everything else waiting.

``python -m benchmarks.reads [--open 100000] [--asked 40]`` prints figure, measured, aim, and ok or
SHORT. The service runs as a process of its own with its embedded Valkey. CPU is that of its Python
(schedstat), a median; ``held`` is the longest time its loop did nothing else (``watched``).
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from redis.asyncio import Redis

from benchmarks import watched
from benchmarks.bodies import notification
from benchmarks.ingest import Measured
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from receiver.store.lists.order import open_score
from receiver.store.records.record import decode_incident
from receiver.store.records.standing import count_field
from routing.vocabulary import Lane
from tests.support.rig import Rig, until

OPEN, ASKED = 100_000, 40
MODELS, ALERTS, MANY_ALERTS = 20, 1, 20
"""One in so many incidents has many alerts."""
CHUNK = 500
FRESH_S = 0.55
"""A page of metrics is made anew after that."""
HELD_MS, LIST_MS, METRICS_MS = 5.0, 20.0, 10.0
NOTIFIERS, TEAMS = 4, 3
"""They make a page of metrics of more than 3,000 lines."""

_QUIET = """
notifiers: {{{notifiers}}}
escalations: {{quiet: {{steps: [{{notify: [printed]}}]}}}}
route: {{escalation: quiet, routes: [{teams}]}}
"""


class Case(NamedTuple):
    """Something that is asked for; ``p95_ms`` and ``cpu_ms`` are aims, 0 for none."""

    name: str
    path: str
    p95_ms: float = 0.0
    cpu_ms: float = 0.0
    every_s: float = 0.0
    """How long to wait before each request."""


class Figures(NamedTuple):
    """What a case took, in ms."""

    p50: float
    p95: float
    cpu: float
    held: float
    size: int


def cases(one: str) -> Sequence[Case]:
    """Return what is asked; ``one``: the id of an incident."""
    return (
        Case("GET /-/healthy", "/-/healthy"),
        Case("a list of 50", "/v1/incidents?limit=50", p95_ms=LIST_MS),
        Case("a list of 1,000", "/v1/incidents?limit=1000"),
        Case("a list of 50, newest first", "/v1/incidents?limit=50&sort=newest", p95_ms=LIST_MS),
        Case("a search that fits none", "/v1/incidents?limit=50&text=nothing-fits"),
        Case("one incident", f"/v1/incidents/{one}"),
        Case("its review", f"/v1/incidents/{one}/review"),
        Case("console, its list of 200", "/"),
        Case("console, a search that fits none", "/?text=nothing-fits"),
        Case("console, one incident", f"/incidents/{one}"),
        Case("figures", "/v1/figures"),
        Case("/health", "/health"),
        Case("/metrics", "/metrics", cpu_ms=METRICS_MS, every_s=FRESH_S),
    )


class Service:
    """The service that is measured, with many incidents open."""

    def __init__(self, rig: Rig, witness: Path) -> None:
        self.rig = rig
        self.one = ""
        self._witness = witness
        self._measured = Measured(rig.port, [rig.service.pid])

    async def fill(self, number: int) -> None:
        """Have so many incidents open, most of them copies of a few in what is stored."""
        for model in range(MODELS):
            body = notification("reads", model, MANY_ALERTS if model == 0 else ALERTS)
            url = f"{self.rig.url}/v1/alerts/webhook"
            async with self.rig.session.post(url, data=body) as answer:
                self.one = self.one or str((await answer.json())["incidents"][0])
        redis: Any = Redis(unix_socket_path=EmbeddedValkey(self.rig.storage / "valkey").socket_path)
        try:
            await until(lambda: _delivered(redis), 60, "everything is delivered")
            await _copy(redis, number - MODELS)
            await until(lambda: _is_quiet(redis), 120, "Valkey has written its file anew")
        finally:
            await redis.aclose()

    async def measure(self, case: Case, asked: int) -> Figures:
        """Ask again and again."""
        took, worked, size = [], [], 0
        for number in range(asked + 1):
            await asyncio.sleep(case.every_s)
            if number == 1:
                since = time.monotonic()
            before, begun = self._measured.cpu()[0], time.perf_counter()
            size = await self._ask(case.path)
            # The first one finds nothing that is kept for later ones.
            if number:
                took.append((time.perf_counter() - begun) * 1000)
                worked.append((self._measured.cpu()[0] - before) * 1000)
        held = watched.longest(self._witness, since, time.monotonic()) * 1000
        p50, p95 = statistics.median(took), sorted(took)[int(len(took) * 0.95)]
        return Figures(p50, p95, statistics.median(worked), held, size)

    async def _ask(self, path: str) -> int:
        async with self.rig.session.get(self.rig.url + path) as answer:
            body = await answer.read()
            assert answer.status == 200, body[:200]
            if path == "/metrics":
                return body.count(b"\n")
            return len(body)


async def _delivered(redis: Any) -> bool:
    return not await redis.zcount(Keys(0).due[Lane.URGENT], 0, int(time.time() * 1000))


async def _is_quiet(redis: Any) -> bool:
    info = await redis.info("persistence")
    return not info["aof_rewrite_in_progress"] and not info["rdb_bgsave_in_progress"]


async def _copy(redis: Any, number: int) -> None:
    """Store copies of what is open under ids of their own, as a commit would."""
    keys = Keys(0)
    names = [name.decode() for name in await redis.zrange(keys.open, 0, -1)]
    records = await redis.mget([keys.incident(name) for name in names])
    models = [(name, raw, decode_incident(raw, name)) for name, raw in zip(names, records)]  # noqa: B905
    for start in range(0, number, CHUNK):
        pipeline = redis.pipeline(transaction=False)
        for at in range(start, min(start + CHUNK, number)):
            name, raw, incident = models[at % len(models)]
            digest = f"c0{at:014x}"
            copy = f"0-{digest}-1"
            pipeline.set(keys.incident(copy), raw.replace(name.encode(), copy.encode()))
            pipeline.set(keys.group(digest), 1)
            pipeline.zadd(keys.open, {copy: open_score(incident) + at})
            pipeline.hincrby(keys.active, count_field(incident), 1)
        await pipeline.execute()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Service]:
    """Run the service, with enough configured for a long page of metrics."""
    names = ["printed", *(f"printed-{number}" for number in range(1, NOTIFIERS))]
    file, witness = folder / "quiet.yml", folder / "held"
    file.write_text(
        _QUIET.format(
            notifiers=", ".join(f"{name}: {{type: log}}" for name in names),
            teams=", ".join(
                f"{{matchers: ['team=\"t{number}\"'], team: t{number}}}" for number in range(TEAMS)
            ),
        )
    )
    accounts = ("SLACK__TOKEN", "SLACK__CHANNEL", "PAGERDUTY__ROUTING_KEY")
    rig = Rig(folder)
    await rig.start(
        "benchmarks.watched",
        "--config.file",
        str(file),
        LLM_IM__LOG__LEVEL="warning",
        **{watched.VARIABLE: str(witness)},
        **{f"LLM_IM__{name}": "" for name in accounts},
    )
    try:
        yield Service(rig, witness)
    finally:
        await rig.stop()


def rows(case: Case, found: Figures) -> list[tuple[str, str, str, bool | None]]:
    """Return figure, measured, aim and whether it is reached (None: there is no aim)."""
    unit = "lines" if case.path == "/metrics" else "bytes"
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
        ("  loop held", f"{found.held:.1f} ms", f"< {HELD_MS:g} ms", found.held < HELD_MS),
    ]


async def run(number: int, asked: int, only: str) -> bool:
    """Measure and print; return whether every aim is reached."""
    good = True
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with running(Path(folder)) as service:
            await service.fill(number)
            print(f"{f'{number:,} open':<48}{'measured':<24}aim", flush=True)
            for case in (case for case in cases(service.one) if only in case.name):
                found = await service.measure(case, asked if case.every_s < 0.5 else asked // 3)
                for name, figure, aim, ok in rows(case, found):
                    word = "" if ok is None else "ok" if ok else "SHORT"
                    good = good and ok is not False
                    print(f"{name:<48}{figure:<24}{aim:<12}{word}", flush=True)
    return good


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=OPEN, help="incidents that are open")
    parser.add_argument("--asked", type=int, default=ASKED, help="how often each is asked for")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    return 0 if asyncio.run(run(options.open, options.asked, options.only)) else 1


if __name__ == "__main__":
    sys.exit(main())
