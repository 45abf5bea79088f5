"""The worst of the last minute, and no older one."""

import asyncio
import time

from receiver.observability.loop_lag import WINDOW_S, LoopLag


def test_the_worst_within_the_window_counts() -> None:
    lag = LoopLag()
    now = time.monotonic()
    lag.note(now - WINDOW_S - 5, 9.0)
    lag.note(now - 40, 0.2)
    lag.note(now - 30, 0.5)
    lag.note(now - 20, 0.1)
    assert lag.worst() == 0.5
    for _ in range(10_000):
        lag.note(now, 0.0)
    assert lag.worst() == 0.5
    assert LoopLag().worst() == 0.0


async def test_a_loop_that_is_held_is_late() -> None:
    lag = LoopLag()
    watch = asyncio.create_task(lag.watch())
    await asyncio.sleep(0.05)
    time.sleep(0.2)  # what must never happen
    await asyncio.sleep(0.05)
    watch.cancel()
    assert 0.15 < lag.worst() < 60
