"""Webhooks at a pace, whatever is answered: a process of its own, loopback only, bounded.

``python -m benchmarks.flood PORT RATE SECONDS ALERTS GROUP CONNECTIONS`` sends groups never seen
before and prints JSON: how often each status came, the pace reached, and latencies in ms.
"""

import asyncio
import gc
import json
import sys

from benchmarks.bodies import all_new
from benchmarks.load import run_load


async def _main(port: int, rate: int, seconds: int, alerts: int, group: str, most: int) -> None:
    found = await run_load(port, all_new(group, alerts), rate * seconds, most, rate)
    print(
        json.dumps(
            {
                "statuses": found.statuses,
                "rate": found.rate,
                "p50": found.percentile(0.5),
                "p99": found.percentile(0.99),
            }
        )
    )


if __name__ == "__main__":
    gc.disable()
    numbers = [int(word) for word in (*sys.argv[1:5], sys.argv[6])]
    asyncio.run(_main(*numbers[:4], sys.argv[5], numbers[4]))
