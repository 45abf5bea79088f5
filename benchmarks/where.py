"""Where the time of a webhook goes: samples of the service under load, by part, in microseconds.

``python -m benchmarks.where [--alerts 1] [-o FILE]``; needs py-spy (``pip install py-spy``) and the
right to look at another process. Samples give shares; what they are shares of is the CPU of the
rounds between them, so that looking costs nothing. A sample counts for the innermost line that is
of a part: what a library does is its own.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bodies import all_new
from benchmarks.ingest import CONNECTIONS, Measured, service_of
from benchmarks.load import run_load

PARTS = (
    ("deciding", r"^routing/"),
    ("aiohttp: requests, answers, sockets", r"aiohttp/"),
    ("the server: admission, errors, who asks", r"^receiver/http/"),
    ("reading the body, routes, hints", r"^receiver/(intake|settings|text)/"),
    ("batches, waiting, answering", r"^receiver/(engine|aio)/"),
    ("records and commits", r"^receiver/store/"),
    ("redis-py and hiredis", r"redis"),
    ("metrics, logs, correlation", r"^receiver/observability/"),
    ("the event loop", r"asyncio/|uvloop"),
)
"""Part -> the files it is made of; the first that fits."""
REST = "everything else"
ROUNDS, REQUESTS, RATE = 6, 6_000, 499
PLACE = re.compile(r"\(([^()]+):\d+\)$")


def part_of(stack: Sequence[str]) -> str:
    """Return the part of a sample; ``stack``: ``function (file:line)``, the outermost first."""
    for frame in reversed(stack):
        found = PLACE.search(frame)
        if found is None:
            continue
        for part, files in PARTS:
            if re.search(files, found[1]):
                return part
    return REST


def shares(text: str) -> dict[str, float]:
    """Return each part's share of samples in py-spy's raw format; idle threads are none."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        stack, _, number = line.rpartition(" ")
        if "concurrent/futures/thread.py" not in stack:
            found[part_of(stack.split(";"))] += int(number)
    return {part: number / found.total() for part, number in found.most_common()}


async def _round(service: Measured, group: str, alerts: int) -> list[float]:
    before, requests = service.cpu(), REQUESTS // (1 if alerts == 1 else 4)
    result = await run_load(service.port, all_new(group, alerts), requests, CONNECTIONS)
    if result.errors:
        raise RuntimeError(f"answers other than 202: {dict(result.statuses)}")
    pairs = zip(before, service.cpu(), strict=True)
    return [(after - first) / requests * 1e6 for first, after in pairs]


async def measure(alerts: int) -> dict[str, float]:
    """Return the microseconds of each part, and of Valkey."""
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder, samples, costs = Path(name), "", list[list[float]]()
        async with service_of(folder, "benchmarks.ingest_only") as (_, service):
            await _round(service, "first", alerts)
            for number in range(ROUNDS):
                costs.append(await _round(service, f"plain{number}", alerts))
                raw = folder / "samples"
                spy = await _looking(service.pids[0], raw)
                await _round(service, f"watched{number}", alerts)
                await spy.wait()
                samples += raw.read_text() if raw.exists() else ""
    python, valkey = (statistics.median(cost[place] for cost in costs) for place in (0, 1))
    found = {part: share * python for part, share in shares(samples).items()}
    return {**found, "Valkey": valkey}


async def _looking(pid: int, raw: Path) -> asyncio.subprocess.Process:
    """Sample a process for a second, without stopping it: stops would be seen at calls."""
    options = ("--nonblocking", "--rate", str(RATE), "--format", "raw", "--duration", "1")
    return await asyncio.create_subprocess_exec(
        "py-spy", "record", *options, "--pid", str(pid), "--output", str(raw),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


def main() -> None:
    """Print the parts, the largest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1, help="alerts of a webhook")
    parser.add_argument("-o", "--output", type=Path, help="write them there as JSON too")
    options = parser.parse_args()
    found = asyncio.run(measure(options.alerts))
    if not found.keys() - {"Valkey"}:
        sys.exit("py-spy saw nothing: may it look at other processes?")
    for part, cost in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{part:<44}{cost:6.1f} us")
    if options.output:
        options.output.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
