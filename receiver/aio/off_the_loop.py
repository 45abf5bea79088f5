"""Work that takes long and waits for nothing is done beside the event loop, a piece at a time.

A thread shares the interpreter with the loop, which gets its turn after ``SWITCH_S``; one thread
does all such work, so that several large pieces at once slow the loop no more than one, and hold
the memory of one. What people read is made by a second one, so that no alert waits for a page.
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
READ_SLICE_S = 0.001
"""The same for those who only read."""
MANY_ALERTS = 100
"""From so many alerts on it takes some ms to show an incident."""

_T = TypeVar("_T")
_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="off-the-loop")
_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reads")


def give_way_soon() -> None:
    """Have threads give way to the event loop soon, in this process."""
    sys.setswitchinterval(SWITCH_S)


async def off_the_loop(work: Callable[[], _T]) -> _T:
    """Return what ``work()`` returns or raises, run in the thread; the context goes with it."""
    return await _in_thread(_worker, work)


async def read_off_the_loop(work: Callable[[], _T]) -> _T:
    """Do the same for somebody who only reads: they wait for each other, and nobody for them."""
    return await _in_thread(_reader, work)


async def _in_thread(thread: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(thread, context.run, work)


class Slices:
    """The slices of work of many small pieces, each of ``length`` seconds."""

    def __init__(self, length: float) -> None:
        self._length = length
        self._since = time.perf_counter()

    async def end_piece(self) -> None:
        """Let others have their turn, if this was a slice."""
        if time.perf_counter() - self._since > self._length:
            await asyncio.sleep(0)
            self._since = time.perf_counter()


async def in_slices(pieces: Iterable[_T]) -> list[_T]:
    """Return the pieces, each made in no time, with others having their turn in between."""
    found = []
    slices = Slices(SLICE_S)
    for piece in pieces:
        found.append(piece)
        await slices.end_piece()
    return found
