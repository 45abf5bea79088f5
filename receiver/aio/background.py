"""Ending tasks that run beside everything else."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.2


async def end(tasks: Iterable["asyncio.Task[Any] | None"]) -> None:
    """Cancel tasks until every one of them has ended, however it ends; None is none.

    Once is not always enough: redis-py looks with a time-out of 0 whether a connection holds
    anything, and takes a cancellation that comes at that moment for the end of that time.
    """
    left = {task for task in tasks if task is not None and not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)
