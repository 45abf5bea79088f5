"""Tries each notifier without ringing anybody: at the start, and every hour.

A wrong token is found by this, and not by the first P1. Every replica tries for itself: what it can
reach, and with which settings, is its own.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping

from receiver.engine.notifier_health import NotifierHealth
from receiver.notify.notifier import Notifier, Tried

log = logging.getLogger("notifier_checks")

WITHIN_S = 25.0
AGAIN_S = 60.0
"""One that failed is tried so often, so that its repair shows soon."""
AT_ONCE = 4


class NotifierChecks:
    """Runs beside everything else; a try that hangs holds up nothing but itself."""

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        outages: NotifierHealth,
        every_ms: int,
        told: Callable[[], None],
    ) -> None:
        """``every_ms``: 0 for never; ``told()`` is called after each round."""
        self._notifiers = notifiers
        self._notifier_health = outages
        self._every = every_ms / 1000
        self._told = told
        self._due: dict[str, float] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._asked: set[str] = set()
        self._wake = asyncio.Event()

    def again(self, names: Iterable[str]) -> None:
        """Try these at once: others have their names now, of which nothing is known."""
        for name in names:
            self._asked.add(name)
            self._notifier_health.forget(name)
        self._wake.set()

    async def run(self) -> None:
        """Try those that are due, for ever."""
        loop = asyncio.get_running_loop()
        while self._every:
            now = loop.time()
            asked, self._asked = self._asked, set()
            due = [
                name for name in self._notifiers if name in asked or self._due.get(name, 0) <= now
            ]
            await self.look(due)
            failing = self._notifier_health.present()
            for name in due:
                often = min(AGAIN_S, self._every) if name in failing else self._every
                self._due[name] = loop.time() + often
            soonest = min(self._due.values(), default=loop.time() + self._every)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.0, soonest - loop.time()))
            self._wake.clear()

    async def look(self, names: list[str]) -> None:
        """Try these notifiers now."""
        await asyncio.gather(*map(self._try, names))
        self._told()

    async def _try(self, name: str) -> None:
        async with self._places:
            try:
                async with asyncio.timeout(WITHIN_S):
                    tried = await self._notifiers[name].check()
            except TimeoutError:
                tried = Tried(problem=f"no answer within {WITHIN_S:g} s")
            except Exception:
                log.exception("%s could not be tried", name)
                tried = Tried(untried="trying it failed here; the log says why", passing=True)
        self._notifier_health.tried(name, tried)
