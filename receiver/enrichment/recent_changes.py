"""The latest changes, read at most once a second however many incidents are looked at."""

import asyncio
import time
from collections.abc import Callable

from receiver.store.changes import Change, ChangeStore

FRESH_S = 1.0
READ = 1_000
"""Changes that are remembered at most: the latest ones."""
AHEAD_MS = 2 * 86_400_000
"""Further ahead no change can be told."""


class RecentChanges:
    """What was told within twice the time that matters, as it was a moment ago."""

    def __init__(
        self, store: ChangeStore, within: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``within``: how long (ms) before an incident a change is of interest."""
        self._store = store
        self._within = within
        self._clock = clock
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")
        self._told = -1
        self._since = 0
        self._changes: list[Change] = []

    @property
    def fresh(self) -> bool:
        """True while what is remembered is what is stored, as far as this process can know."""
        return self._told == self._store.told and self._clock() - self._read_at < FRESH_S

    def known(self, since: int, until: int) -> list[Change] | None:
        """Return the changes of a time (ms), newest first; None where they have to be read."""
        return self._remembered(since, until) if self.fresh else None

    async def between(self, since: int, until: int, limit: int, now: int) -> list[Change]:
        """Return the changes of a time (ms), newest first; StoreUnavailableError when it cannot."""
        async with self._reading:
            if not self.fresh:
                await self._read(now)
        found = self._remembered(since, until)
        if found is None:
            return await self._store.between(since, until, limit)
        return found[:limit]

    def _remembered(self, since: int, until: int) -> list[Change] | None:
        if since < self._since:
            return None
        return [change for change in self._changes if since <= change.at <= until]

    async def _read(self, now: int) -> None:
        # What is told while this is read may be missing: then it is read again.
        told, read_at, since = self._store.told, self._clock(), now - 2 * self._within
        found = await self._store.between(since, now + AHEAD_MS, READ)
        # Of more than that, what lies further back is not known.
        self._since = found[-1].at + 1 if len(found) == READ else since
        self._changes, self._told, self._read_at = found, told, read_at
