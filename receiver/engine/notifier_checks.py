"""Tries each notifier without ringing anybody: at the start, and every hour.

A wrong token is found by this, and not by the first P1. Every machine tries for itself: what it can
reach, and with which settings, is its own. Of several processes on it one tries, in its turn
(``store.turns``), and the others take its result.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from receiver.engine.notifier_health import NotifierHealth
from receiver.errors import StoreUnavailableError
from receiver.notify.notifier import Notifier, Tried
from receiver.store.replicas.tries import Tries
from receiver.store.replicas.turns import Turns

log = logging.getLogger("notifier_checks")

WITHIN_S = 25.0
AGAIN_S = 60.0
"""One that failed is tried so often, so that its repair shows soon."""
AT_ONCE = 4
LASTS_MS = 5_000
LOOK_S = 1.0
"""How soon it is looked what came of a try of another process."""
START_MS = 15_000
"""How old a result may be at a start: that of another process which started with this one."""


class Shared(NamedTuple):
    """What processes of a machine share: ``digest(notifier)``, results by it, and turns."""

    digest: Callable[[str], str]
    tries: Tries
    turns: Turns


class NotifierChecks:
    """Runs beside everything else; a try that hangs holds up nothing but itself."""

    def __init__(
        self,
        notifiers: Mapping[str, Notifier],
        outages: NotifierHealth,
        every_ms: int,
        told: Callable[[], None],
        shared: Shared,
    ) -> None:
        """``every_ms``: 0 for never; ``told()`` is called after each round."""
        self._shared = shared
        self._notifiers = notifiers
        self._notifier_health = outages
        self._every = every_ms / 1000
        self._told = told
        self._due: dict[str, float] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._asked: set[str] = set()
        self._elsewhere: set[str] = set()
        """What another process is trying just now."""
        self._wake = asyncio.Event()

    def again(self, names: Iterable[str]) -> None:
        """Try these at once: others have their names now, of which nothing is known."""
        for name in names:
            self._asked.add(name)
            self._due.pop(name, None)
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
                if name in self._elsewhere:
                    self._due[name] = loop.time() + LOOK_S
                    continue
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
        digest = self._shared.digest(name)
        self._elsewhere.discard(name)
        try:
            known = await self._shared.tries.read(digest, self._age(name))
            if known is not None:
                self._notifier_health.tried(name, known.tried, known.at, here=False)
                return
            turn = f"check:{digest}"
            if not (await self._shared.turns.take(turn, int(WITHIN_S * 1000) + LASTS_MS)).ours:
                self._elsewhere.add(name)
                return
        except StoreUnavailableError:
            log.debug("%s is tried here, as Redis does not say who else does", name)
        await self._try_here(name, digest)

    def _age(self, name: str) -> int:
        """Return how old (ms) a result may be: at the start what is wrong is looked at anew."""
        return int(self._every * 500) if name in self._due else START_MS

    async def _try_here(self, name: str, digest: str) -> None:
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
        with contextlib.suppress(StoreUnavailableError):
            if not (tried.problem or tried.passing):
                await self._shared.tries.tell(digest, tried)
        await self._shared.turns.give_up(f"check:{digest}")
