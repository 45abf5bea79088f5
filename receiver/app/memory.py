"""Memory that a storm needed goes back to the system when it is over.

The C library keeps what is freed for the next time, and with it the pages that one small piece in
use holds fast: after 20 bodies of 10 MB that was half of all memory in use, for ever.
"""

import ctypes
import gc
import time
from collections.abc import Callable
from contextlib import suppress

from receiver.aio.off_the_loop import off_the_loop
from receiver.observability.metrics.process import memory_usage

GROWN_BYTES = 8 << 20
"""Less than that is not worth the look; a quiet service stays below it for hours."""
QUIET = 0.1
"""Share of a processor below which nothing is going on that would need the memory at once."""

LARGE_BYTES = 1 << 20
"""From here on a piece of memory is the system's again as soon as it is freed."""
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
ARENAS = 2
"""Heaps of the C library: the event loop's, and one for all threads beside it."""


COLLECT_AFTER = (5_000, 50, 100)
"""Thresholds of Python's collector. By default it would spend a fifth of the time on thousands of
small values that are no cycles. At 100,000 it was cheaper still, but held the event loop for 280 ms
once a stranger's requests made cycles of errors and their frames; these hold it for 15."""


def collect_seldom() -> None:
    """Have Python look for cycles seldom, and never among what is there from the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def spare_what_is_there() -> None:
    """Have Python never look for cycles again in what is there now, as once a service has started.

    It is some 100,000 values that stay: looking through all took 10 ms, and of the rest one.
    """
    gc.freeze()


def keep_little() -> None:
    """Have this process keep little of the memory it frees; only glibc can be told.

    By itself it has a heap for each of many threads, and once a body of 10 MB was freed it keeps
    all that are smaller. See mallopt(3).
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_ARENA_MAX, ARENAS)


def find_trim() -> Callable[[], object] | None:
    """Return what gives freed memory back; None where the C library has no such function.

    glibc has it (``malloc_trim``); musl and macOS give memory back by themselves.
    """
    with suppress(OSError, AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
        return lambda: trim(ctypes.c_size_t(0))
    return None


class Memory:
    """Gives memory back once it has grown and little is going on."""

    def __init__(
        self,
        trim: Callable[[], object] | None,
        used: Callable[[], float] = memory_usage,
        worked: Callable[[], float] = time.process_time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``used()`` in bytes; ``worked()`` and ``now()`` in s: of the processor, and of time."""
        self._trim = trim
        self._used = used
        self._worked = worked
        self._now = now
        self._least = used()
        self._looked = worked(), now()

    async def look(self) -> bool:
        """Give memory back if it is time; return whether it was. Call it every few seconds."""
        before, self._looked = self._looked, (self._worked(), self._now())
        worked, passed = (after - first for after, first in zip(self._looked, before, strict=True))
        used = self._used()
        self._least = min(self._least, used)
        if self._trim is None or worked > passed * QUIET or used < self._least + GROWN_BYTES:
            return False
        # What refers to itself is not freed before it is looked for, which at the thresholds
        # of ``serve`` is seldom.
        gc.collect()
        # Some 60 ms for 100 MB, in which the loop goes on.
        await off_the_loop(self._trim)
        # What is in use now is not tried again.
        self._least = self._used()
        return True
