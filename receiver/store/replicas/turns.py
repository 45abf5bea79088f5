"""Turns at what one process does for all that share a Redis: the first has it for a while.

A turn is a lease by the service's own time, which never steps (ADR 36): Redis's expiry goes by its
clock, and a step of that would leave a turn with nobody for as long. One whose holder hangs or is
gone is taken over when it ends; one that lasts longer than any may is of a wrong clock, and is
taken at once.
"""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.keys import TIME_MAX, is_time, turn
from receiver.store.redis import Client, load_script, unavailable_is_503


class Turn(msgspec.Struct, frozen=True):
    """Whether it is ours, and until when (ms) it is whoever's it is."""

    ours: bool
    until: int


class Turns:
    """Takes turns in the name of this process."""

    def __init__(self, redis: Client, holder: str, now: Callable[[], int]) -> None:
        """``holder``: a name that no other process has; ``now()`` returns the time in ms."""
        self._redis = redis
        self._holder = holder
        self._now = now
        self._take = load_script(redis, "take_turn")
        self._taken = set[str]()

    async def take(self, name: str, lasts: int) -> Turn:
        """Take a turn for ``lasts`` ms, or go on with ours; StoreUnavailableError."""
        now = self._now()
        self._taken.add(name)
        return await self._ask(name, now, now + lasts, now + 2 * lasts)

    async def give_up(self, name: str) -> None:
        """Leave a turn of ours to whoever comes next; of another's nothing changes.

        Where none was ever asked for nothing is sent: the server may be one that was refused.
        """
        if name not in self._taken:
            return
        with suppress(StoreUnavailableError):
            now = self._now()
            await self._ask(name, now, now, TIME_MAX)

    async def _ask(self, name: str, now: int, until: int, furthest: int) -> Turn:
        args = [self._holder, now, until, furthest]
        async with unavailable_is_503():
            ours, ends = await self._take(keys=[turn(name)], args=args)
        return Turn(bool(ours), int(ends))

    async def holder(self, name: str) -> tuple[str, int]:
        """Return whose turn it is ("" for nobody), and until when (ms); StoreUnavailableError."""
        async with unavailable_is_503():
            found = await self._redis.get(turn(name)) or b""
        until, _, who = found.partition(b"|")
        if not is_time(until) or int(until) <= self._now():
            return "", 0
        return who.decode("utf-8", "replace"), int(until)

    async def last(self, name: str) -> int:
        """Return until when (ms) it is or was somebody's, 0 for never; StoreUnavailableError."""
        async with unavailable_is_503():
            found = await self._redis.get(turn(name)) or b""
        until = found.partition(b"|")[0]
        return int(until) if is_time(until) else 0
