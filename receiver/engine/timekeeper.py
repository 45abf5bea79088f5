"""Keeps the clock: measures Redis's again and again, and says what is wrong with the clocks.

What a wrong clock put off is taken up from here, too: only just after a measurement is it sure that
it is not this replica's clock that is wrong.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from receiver.clock import APART_MS, Clock, Open, may_move
from receiver.conditions import Conditions, Subject
from receiver.errors import StoreUnavailableError
from receiver.store.incidents import IncidentStore
from receiver.store.repair.put_off import PutOff
from receiver.store.time_reference import Measured, ReferenceStore

log = logging.getLogger("clock")

EVERY_S = 1.0
"""So soon a step of Redis's clock is noticed; a replica that starts waits for the others to."""
NOTICED_S = 2 * EVERY_S
MEND_EVERY_S = 10.0
"""How often work is looked for that was put off wrongly."""
ATTEMPTS = 3
"""Another replica may write the reference first, which one that reads it again then follows."""
ACCURATE_S = 1.0
"""An answer that took longer says too little about the time."""
SKEW_LIMIT_MS = 7_500
"""A quarter of a lease: beyond it two replicas could both believe to hold one."""


class Timekeeper:
    """Follows the shared time for as long as the service runs."""

    def __init__(
        self,
        clock: Clock,
        store: IncidentStore,
        conditions: Conditions,
        put_off: PutOff,
        on_set: Callable[[], Awaitable[None]],
        *,
        alone: bool,
    ) -> None:
        """``alone``: no other replica can reach this Redis, so that the time may be set at once.

        ``on_set`` is called when it was. ``put_off``: how many entries of the agenda were found
        too far ahead in the last look.
        """
        self.put_off = 0
        self._clock = clock
        self._store = store
        self._conditions = conditions
        self._put_off = put_off
        self._on_set = on_set
        self._alone = alone
        self._reference = ReferenceStore(store.redis)
        self._failing = False

    async def start(self) -> None:
        """Take the time over, as the replicas that run have it; StoreUnavailableError."""
        while True:
            found = await self._reference.measure()
            if self._is_doubtful(found):
                # Nobody else runs, or Redis's clock has just stepped: then they say so at once.
                await asyncio.sleep(NOTICED_S)
                doubtful, found = found, await self._reference.measure()
                if found.stored != doubtful.stored:
                    continue
            made = self._clock.begin(found.redis, found.known, await self._open())
            if made is None or await self._reference.store(found, made):
                break
        self._report()

    async def run(self) -> None:
        """Measure for ever."""
        mend = 0.0
        while True:
            await asyncio.sleep(EVERY_S)
            mend -= EVERY_S
            try:
                await self.measure()
                if mend <= 0:
                    await self.mend()
                    mend = MEND_EVERY_S
            except StoreUnavailableError as error:
                if not self._failing:
                    log.warning("clock not measured: %s", error)
                self._failing = True
            except Exception:
                # A replica whose clock is not kept drifts away from the others.
                log.exception("the clock could not be kept")

    async def measure(self) -> None:
        """Measure Redis's clock once, follow the reference and report; StoreUnavailableError."""
        try:
            await self._follow()
            if self._alone and abs(self._clock.behind) > APART_MS:
                await self._take_over()
        finally:
            self._report()
        self._failing = False

    async def mend(self) -> None:
        """Take up what was put off wrongly; StoreUnavailableError."""
        if abs(self._clock.skew) > APART_MS:
            return
        found = await self._put_off.mend(self._clock.now())
        self.put_off = len(found)
        if found:
            names = ", ".join(found[:5])
            log.error("%d tasks were put off too far, and are due now: %s", len(found), names)

    async def _follow(self) -> None:
        for _ in range(ATTEMPTS):
            found = await self._reference.measure()
            if found.within > ACCURATE_S:
                return
            made = self._clock.hear(found.redis, found.known)
            if made is None:
                return
            if await self._reference.store(found, made):
                self._clock.stored()
                return

    async def _take_over(self) -> None:
        """Go to the time Redis and this machine agree on at once, if it hurts nothing."""
        if not may_move(self._clock.behind, await self._open()):
            return
        found = await self._reference.measure()
        await self._reference.store(found, self._clock.take_over(found.redis))
        await self._on_set()

    async def _open(self) -> Open:
        """Return what is open; where that cannot be read, something is."""
        try:
            counts = await self._store.lists.active()
        except StoreUnavailableError:
            return Open(1, 1)
        urgent = sum(number for (*_, priority), number in counts.items() if priority <= "P2")
        return Open(urgent, sum(counts.values()))

    def _is_doubtful(self, found: Measured) -> bool:
        if self._alone or found.known is None:
            return False
        return not self._clock.is_fresh(found.known, found.redis)

    def _report(self) -> None:
        unready = abs(self._clock.skew) > SKEW_LIMIT_MS
        self._conditions.report(Subject.CLOCK, self._clock.problem, unready=unready)
