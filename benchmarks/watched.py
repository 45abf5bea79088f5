"""The service with a witness of how long its event loop was held at once.

``python -m benchmarks.watched serve ...`` writes a line, "when for-how-long" (s, monotonic), to the
file that ``WATCHED`` names. A wake-up that comes late counts without the time for which the thread
waited for a processor, and no more than this process worked meanwhile, in all its threads: what
other programs took is not the service's.
"""

import asyncio
import os
import time
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from unittest import mock

from receiver.cli.root import main
from receiver.observability.loop_lag import LoopLag

VARIABLE = "WATCHED"
EVERY_S = 0.001
WRITTEN_S = 0.001
"""Shorter times are told by nobody's clock."""


class _Witness(LoopLag):
    """Wakes every millisecond beside what it is named after."""

    async def watch(self) -> None:
        """Measure until cancelled."""
        beside = asyncio.create_task(self._witness())
        try:
            await super().watch()
        finally:
            beside.cancel()

    async def _witness(self) -> None:
        with (
            Path(os.environ[VARIABLE]).open("w", buffering=1) as file,
            Path("/proc/self/schedstat").open("rb", buffering=0) as schedule,
        ):
            before = _times(schedule)
            while True:
                await asyncio.sleep(EVERY_S)
                now = _times(schedule)
                passed, worked, waited = (
                    after - first for after, first in zip(now, before, strict=True)
                )
                held = min(passed - EVERY_S - waited, worked)
                if held > WRITTEN_S:
                    file.write(f"{now[0]:.6f} {held:.6f}\n")
                before = now


def _times(schedule: FileIO) -> tuple[float, float, float]:
    """Return now, what this process worked, and what its first thread waited for one (s)."""
    waited = os.pread(schedule.fileno(), 100, 0).split()[1]
    return time.monotonic(), time.process_time(), int(waited) / 1e9


def longest(file: Path, spans: Iterable[tuple[float, float]]) -> list[float]:
    """Return the longest time (s) that the loop was held in each span (monotonic, s)."""
    rows = [(float(at), float(held)) for at, held in map(str.split, file.read_text().splitlines())]
    return [
        max((held for at, held in rows if since <= at <= until), default=0.0)
        for since, until in spans
    ]


if __name__ == "__main__":
    with mock.patch("receiver.app.load.LoopLag", _Witness):
        main()
