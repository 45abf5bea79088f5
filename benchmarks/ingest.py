"""What a webhook costs: CPU time and latency, against a bare handler in the same run.

``python -m benchmarks.ingest [--quick] [-o json]``. CPU comes from /proc (Linux): of the service's
Python process and of its Valkey with fsync always; rounds are interleaved, figures are medians.
With deliveries a round ends when the last page is delivered, so that their whole cost is in it.
"""

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from aiohttp import ClientSession
from redis.asyncio import Redis

from benchmarks.bodies import all_new, mixed
from benchmarks.load import Result, run_load
from receiver.store.embedded.server import EmbeddedValkey
from receiver.store.keys import Keys
from tests.support.rig import Program, Rig, free_port, until

CONNECTIONS = 64
CASES: list[tuple[str, int, Callable[[str, int], Iterator[bytes]]]] = [
    ("1 alert, all new", 1, all_new),
    ("1 alert, 30/50/20 mix", 1, mixed),
    ("20 alerts, all new", 20, all_new),
    ("20 alerts, 30/50/20 mix", 20, mixed),
]
STEADY_RATE = 2_000
DRAIN_WITHIN_S = 120
FEW = 50


class Figures(msgspec.Struct):
    """One case: medians; CPU in microseconds a webhook, latencies in ms."""

    case: str
    bare_cpu: float
    python_cpu: float
    valkey_cpu: float
    ratio: float
    rate: float
    p50: float
    p99: float


class Measured(msgspec.Struct):
    """A service under load, or the bare handler."""

    port: int
    pids: list[int]
    socket: str = ""

    async def drain(self) -> None:
        """Wait until nothing is left to deliver: the cost of a webhook ends only there."""
        if not self.socket:
            return
        redis: Any = Redis(unix_socket_path=self.socket)
        try:
            await until(lambda: _is_empty(redis), DRAIN_WITHIN_S, "everything is delivered")
        finally:
            await redis.aclose()

    def cpu(self) -> list[float]:
        """Return the CPU seconds of each process so far, all threads (schedstat: to the ns)."""
        found = []
        for pid in self.pids:
            threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
            found.append(sum(int(file.read_text().split()[0]) for file in threads) / 1e9)
        return found


async def _is_empty(redis: Any) -> bool:
    """Return whether no delivery is left; a timer that was put off may wait for minutes."""
    task = Keys(0).task
    if await redis.hlen(task) > FEW:
        return False
    return not any(b"|notify:" in name for name in await redis.hkeys(task))


async def _round(
    what: Measured, bodies: Iterator[bytes], requests: int
) -> tuple[list[float], Result]:
    """Return (CPU microseconds a request of each process, result) of one round."""
    before = what.cpu()
    result = await run_load(what.port, bodies, requests, CONNECTIONS)
    await what.drain()
    if result.errors:
        raise RuntimeError(f"answers other than 202: {dict(result.statuses)}")
    after = what.cpu()
    return [(b - a) / requests * 1e6 for a, b in zip(before, after, strict=True)], result


async def measure(bare: Measured, service: Measured, *, quick: bool, tag: str) -> list[Figures]:
    """Measure all cases, the bare handler and the service in turn."""
    rounds = 3 if quick else 7
    found = []
    for case, alerts, make in CASES:
        requests = (6_000 if alerts == 1 else 1_500) // (2 if quick else 1)
        floor, costs, results = [], [], []
        for number in range(rounds):
            group = f"{tag}-{alerts}-{make.__name__}-{number}"
            floor.append((await _round(bare, make(group, alerts), requests))[0][0])
            cost, result = await _round(service, make(group, alerts), requests)
            costs.append(cost)
            results.append(result)
        python, valkey = (statistics.median(cost[part] for cost in costs) for part in (0, 1))
        bare_cpu = statistics.median(floor)
        found.append(
            Figures(
                case,
                bare_cpu,
                python,
                valkey,
                (python + valkey) / bare_cpu,
                statistics.median(result.rate for result in results),
                statistics.median(result.percentile(0.5) for result in results),
                statistics.median(result.percentile(0.99) for result in results),
            )
        )
        print(f"measured {tag}: {case}", file=sys.stderr)
    return found


async def steady(service: Measured, seconds: int) -> Result:
    """Send 2,000 webhooks a second for a while."""
    total = STEADY_RATE * seconds
    return await run_load(
        service.port, mixed("steady", 1), total, CONNECTIONS * 2, rate=STEADY_RATE
    )


async def run_all(*, quick: bool, seconds: int) -> dict[str, Any]:
    """Measure the ingestion alone, then with deliveries, then the steady load."""
    found: dict[str, Any] = {}
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with bare_handler(Path(folder)) as floor:
            for tag, module in (
                ("ingest", "benchmarks.ingest_only"),
                ("ingest+delivery", "receiver"),
            ):
                home = Path(folder) / module
                home.mkdir()
                async with service_of(home, module) as (_, service):
                    found[tag] = await measure(floor, service, quick=quick, tag=tag)
                    if module == "receiver":
                        found["steady"] = await steady(service, seconds)
    return found


@asynccontextmanager
async def bare_handler(folder: Path) -> AsyncIterator[Measured]:
    """Run the floor."""
    port = free_port()
    bare = Program("bare", sys.executable, "-m", "benchmarks.bare", str(port), folder=folder)
    await bare.start()
    try:
        async with ClientSession() as session:
            await until(lambda: _listens(session, port), 20, "the bare handler answers")
        yield Measured(port, [bare.pid])
    finally:
        await bare.end()


async def _listens(session: ClientSession, port: int) -> bool:
    try:
        async with session.post(f"http://127.0.0.1:{port}/v1/alerts/webhook", data=b"") as got:
            return got.status == 202
    except OSError:
        return False


class service_of:  # noqa: N801 - used as a function
    """The real service without accounts: deliveries go to the ``log`` notifier."""

    def __init__(self, folder: Path, module: str, **env: str) -> None:
        """``env``: further settings."""
        self.rig = Rig(folder)
        self.module = module
        self.env = env

    async def __aenter__(self) -> tuple[Rig, Measured]:
        accounts = ("SLACK__TOKEN", "SLACK__CHANNEL", "PAGERDUTY__ROUTING_KEY")
        await self.rig.start(
            module=self.module,
            LLM_IM__LOG__LEVEL="warning",
            **{f"LLM_IM__{name}": "" for name in accounts},
            **self.env,
        )
        if "LLM_IM__REDIS__URL" in self.env:
            # Whoever started that server knows its process.
            return self.rig, Measured(self.rig.port, [self.rig.service.pid])
        pids = [self.rig.service.pid, self.rig.valkey_pid()]
        socket = EmbeddedValkey(self.rig.storage / "valkey").socket_path
        delivers = self.module == "receiver"
        return self.rig, Measured(self.rig.port, pids, str(socket) if delivers else "")

    async def __aexit__(self, *_: object) -> None:
        await self.rig.stop()


def _table(found: dict[str, Any]) -> str:
    lines = [
        f"{'case':<42}{'bare':>7}{'python':>8}{'valkey':>8}{'ratio':>7}{'req/s':>8}{'p50':>7}{'p99':>7}",
        f"{'':<42}{'us CPU':>7}{'us CPU':>8}{'us CPU':>8}{'x bare':>7}{'':>8}{'ms':>7}{'ms':>7}",
    ]
    for tag in ("ingest", "ingest+delivery"):
        lines += [
            f"{f'{tag}: {item.case}':<42}{item.bare_cpu:7.1f}{item.python_cpu:8.1f}"
            f"{item.valkey_cpu:8.1f}{item.ratio:7.2f}{item.rate:8.0f}{item.p50:7.1f}{item.p99:7.1f}"
            for item in found[tag]
        ]
    steady_result = found["steady"]
    lines.append(
        f"steady: {steady_result.rate:.0f}/s for {steady_result.seconds:.0f} s, "
        f"{steady_result.errors} errors, p50 {steady_result.percentile(0.5):.1f} ms, "
        f"p99 {steady_result.percentile(0.99):.1f} ms"
    )
    return "\n".join(lines)


def _json(found: dict[str, Any]) -> str:
    result = found["steady"]
    shown = {tag: msgspec.to_builtins(found[tag]) for tag in ("ingest", "ingest+delivery")}
    shown["steady"] = {
        "rate": result.rate,
        "errors": result.errors,
        "p50_ms": result.percentile(0.5),
        "p99_ms": result.percentile(0.99),
    }
    return json.dumps(shown, indent=2)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--seconds", type=int, default=60, help="length of the steady load")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    found = asyncio.run(run_all(quick=options.quick, seconds=options.seconds))
    print(_json(found) if options.output == "json" else _table(found))


if __name__ == "__main__":
    main()
