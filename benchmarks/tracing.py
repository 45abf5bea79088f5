"""What tracing adds to a webhook: CPU of the service with it, against the same one without.

``python -m benchmarks.tracing [--rounds N]``. Three services take the same webhooks in turn, at a
rate that no queue overflows at: one does not trace, one traces everything, one a tenth. CPU is that
of the Python process with all its threads: encoding and sending the spans are in it.
"""

import argparse
import asyncio
import contextlib
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bodies import mixed
from benchmarks.ingest import CONNECTIONS, Measured, service_of
from benchmarks.load import run_load
from tests.support.fakes.otlp import FakeCollector

RATE, REQUESTS = 500, 2_000
SETTLE_S = 1.0
"""How long after a round the last spans may take: they are sent every 0.2 s."""
SERVICES: dict[str, str] = {"off": "", "all": "1", "a tenth": "0.1"}
SPANS = 3
"""Of each webhook that is traced and not delivered: request, decide, commit."""


async def run(rounds: int) -> None:
    """Measure, and print the table."""
    collector = FakeCollector()
    await collector.start()
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            measured: dict[str, Measured] = {}
            for number, (name, ratio) in enumerate(SERVICES.items()):
                home = Path(folder) / str(number)
                home.mkdir()
                env = {
                    "LLM_IM__TRACING__ENDPOINT": collector.base_url,
                    "LLM_IM__TRACING__SAMPLE_RATIO": ratio,
                    "LLM_IM__TRACING__SERVICE_NAME": name,
                    "OTEL_BSP_SCHEDULE_DELAY": "200",
                }
                service = service_of(home, "benchmarks.ingest_only", **(env if ratio else {}))
                _rig, measured[name] = await stack.enter_async_context(service)
            costs: dict[str, list[float]] = {name: [] for name in measured}
            for number in range(rounds):
                for name, running in measured.items():
                    costs[name].append(await _round(running, f"{name}-{number}"))
        _print(costs, collector, rounds)
    await collector.stop()


async def _round(service: Measured, tag: str) -> float:
    """Return the CPU microseconds of a webhook."""
    before = service.cpu()[0]
    result = await run_load(service.port, mixed(tag, 1), REQUESTS, CONNECTIONS, rate=RATE)
    if result.errors:
        raise RuntimeError(f"answers other than 202: {dict(result.statuses)}")
    await asyncio.sleep(SETTLE_S)
    return (service.cpu()[0] - before) / REQUESTS * 1e6


def _print(costs: dict[str, list[float]], collector: FakeCollector, rounds: int) -> None:
    print(f"{'tracing':<10}{'us CPU':>8}{'ratio':>7}{'spans':>8}{'lost':>6}")
    for name, found in costs.items():
        ratios = [ours / off for ours, off in zip(found, costs["off"], strict=True)]
        spans = sum(span.service == name for span in collector.spans)
        lost = REQUESTS * rounds * SPANS - spans if name == "all" else 0
        print(
            f"{name:<10}{statistics.median(found):8.0f}{statistics.median(ratios):7.2f}"
            f"{spans:8}{lost:6}"
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    asyncio.run(run(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
