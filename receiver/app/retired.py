"""Parts that others have taken the place of: they finish what they do, and are closed."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("app")


class Retired:
    """Closes each part after a while, and at the stop what is left."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()

    def add(self, name: str, close: Callable[[], Awaitable[object]], after_s: float) -> None:
        """Close a part when ``after_s`` are over: longer than anything it may be doing."""
        task = asyncio.create_task(self._close(name, close, after_s))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """Close all of them now."""
        self._ending.set()
        if self._waiting:
            await asyncio.wait(self._waiting)

    async def _close(
        self, name: str, close: Callable[[], Awaitable[object]], after_s: float
    ) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), after_s)
        try:
            await close()
        except Exception:
            log.exception("%s, which was replaced, did not stop as it should", name)
