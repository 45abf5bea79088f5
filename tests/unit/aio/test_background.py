"""A task ends although it takes a cancellation for something else."""

import asyncio

from receiver.aio.background import end
from tests.support.patience import PATIENCE_S


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 2:
                    raise

    async def failing() -> None:
        raise RuntimeError("of no interest any more")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await asyncio.wait_for(end([*tasks, None]), PATIENCE_S)
    assert all(task.done() for task in tasks)
    assert swallowed == 3
    assert tasks[1].exception() is not None
    await end([])
