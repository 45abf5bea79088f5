"""``make bench``: what everything costs, as one table, beside a floor or a peer.

``python -m benchmarks.bench [--quick] [-o FILE] [PART ...]``. The exit code says whether all parts
could be measured: a figure that is short of its aim says so in its row. See docs/performance.md.
"""

import argparse
import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from benchmarks import costs, growth, latency, million, reads, startup
from benchmarks.proofs import flat
from benchmarks.rows import Report, Table

Part = Callable[..., Awaitable[None] | None]


async def _flat(report: Report, *, quick: bool = False) -> None:
    """Take the proof's lines as rows; it is short by itself."""
    del quick

    def line(what: str, figure: str, bound: str, ok: bool, *, timed: bool = False) -> None:  # noqa: FBT001
        del timed
        measured, _, against = figure.partition(", ")
        report(what, measured, against, None, bound, ok)

    await flat.run(line)


PARTS: dict[str, Part] = {
    "costs": costs.run,
    "flat": _flat,
    "latency": latency.run,
    "reads": reads.part,
    "million": million.run,
    "growth": growth.run,
    "startup": startup.run,
}


def main() -> int:
    """Measure the parts named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("-o", "--output", type=Path, help="write the rows there as JSON too")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"no part named {', '.join(unknown)} (there are: {', '.join(PARTS)})")
    began, table, whole = time.monotonic(), Table(), True
    table.head()
    for name in options.parts or PARTS:
        whole = _measured(PARTS[name], table, quick=options.quick) and whole
    print(f"{time.monotonic() - began:.0f} s")
    if options.output:
        rows = msgspec.json.format(msgspec.json.encode(table.rows))
        options.output.write_bytes(rows + b"\n")
    return 0 if whole else 1


def _measured(part: Part, table: Table, *, quick: bool) -> bool:
    """Return whether a part could be measured; one that breaks hides no other."""
    try:
        done = part(table.add, quick=quick)
        if done is not None:
            asyncio.run(_awaited(done))
    except Exception:  # noqa: BLE001 - see above
        traceback.print_exc()
        return False
    return True


async def _awaited(done: Awaitable[None]) -> None:
    await done


if __name__ == "__main__":
    sys.exit(main())
