"""Work that takes long and waits for nothing is done beside the event loop, a piece at a time.

A thread shares the interpreter with the loop, which gets its turn after ``SWITCH_S``; one thread
does all such work, so that several large pieces at once slow the loop no more than one, and hold
the memory of one.
"""

import asyncio
import contextvars
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

SWITCH_S = 0.0005
"""How soon a thread gives way. Python's 5 ms would be a webhook's time several times over: each
step of the loop would wait so long."""
SLICE_S = 0.002
"""How long the loop may be held by work of many small pieces before others have their turn."""
MANY_ALERTS = 100
"""From so many alerts on it takes some ms to show an incident."""

_T = TypeVar("_T")
_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="off-the-loop")


def give_way_soon() -> None:
    """Have threads give way to the event loop soon, in this process."""
    sys.setswitchinterval(SWITCH_S)


async def off_the_loop(work: Callable[[], _T]) -> _T:
    """Return what ``work()`` returns or raises, run in the thread; the context goes with it."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_worker, context.run, work)


async def in_slices(pieces: Iterable[_T]) -> list[_T]:
    """Return the pieces, each made in no time, with others having their turn in between."""
    found = []
    since = time.perf_counter()
    for piece in pieces:
        found.append(piece)
        if time.perf_counter() - since > SLICE_S:
            await asyncio.sleep(0)
            since = time.perf_counter()
    return found
