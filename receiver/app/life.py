"""What was started, and how it is stopped: the last first, and what fails stops no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack

from receiver.aio.background import end

log = logging.getLogger("app")


class Life:
    """One stack for a start that fails half-way and for a usual stop."""

    def __init__(self) -> None:
        self._stops = AsyncExitStack()
        self._beside: list[asyncio.Task[None]] = []

    def on_stop(self, name: str, stop: Callable[[], Awaitable[object]]) -> None:
        """Have this stopped before everything that was named earlier."""

        async def stopped() -> None:
            try:
                await stop()
            except Exception:
                log.exception("%s did not stop as it should", name)

        self._stops.push_async_callback(stopped)

    def beside(self, work: Coroutine[object, object, None]) -> None:
        """Have this done in the background until ``end_work``."""
        self._beside.append(asyncio.create_task(work))

    async def end_work(self) -> None:
        """End what is done in the background."""
        await end(self._beside)

    async def stop(self) -> None:
        """Stop everything."""
        await self._stops.aclose()
