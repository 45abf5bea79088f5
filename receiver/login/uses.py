"""Which credentials nobody uses: each is a way in that is left open for nobody."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from receiver.errors import StoreUnavailableError
from receiver.store.logins.uses import Use, UseStore
from receiver.text.times import rfc3339

EVERY_S = 60.0
UNUSED_MS = 90 * 86_400_000
SAID_MAX = 5


class Uses:
    """Knows when credentials were used, on this replica at once, of others within minutes."""

    def __init__(
        self, store: UseStore, names: Callable[[], list[str]], now: Callable[[], int]
    ) -> None:
        """``names()``: those of ``web.credentials``; ``now()`` returns the time in ms."""
        self._store = store
        self._names = names
        self._now = now
        self._used: dict[str, int] = {}
        self._unused: tuple[str, ...] = ()

    def note(self, name: str) -> None:
        """Note that one was used now."""
        self._used[name] = self._now()

    async def run(self) -> None:
        """Keep what is noted, and look which are not used, for ever."""
        while True:
            with contextlib.suppress(StoreUnavailableError):
                await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Do it once. StoreUnavailableError: it is done the next time."""
        names, used, now = self._names(), dict(self._used), self._now()
        known = {name: at for name, at in used.items() if name in names}
        await self._store.note(names, known, now)
        for name, at in used.items():
            if self._used.get(name) == at:
                del self._used[name]
        found = {name: use for name, use in (await self._store.read()).items() if name in names}
        self._unused = unused(found, now)

    def unused(self) -> tuple[str, ...]:
        """Return in words which are not used."""
        return self._unused


def unused(uses: Mapping[str, Use], now: int) -> tuple[str, ...]:
    """Return in words which credentials were not used for long. Pure."""
    found = sorted((max(use), name) for name, use in uses.items() if now - max(use) > UNUSED_MS)
    words = [
        f"the credential {name} is not used ({'last' if uses[name].used else 'known since'}"
        f" {rfc3339(at)}): take it out of web.credentials"
        for at, name in found[:SAID_MAX]
    ]
    more = len(found) - SAID_MAX
    return (*words, f"and {more} more are not used") if more > 0 else tuple(words)
