"""Claims what is due of one lane and shard, and remembers where the next claim has to look.

What waits for room is not passed over again and again: while thousands do, each name is looked for
from where the first one of it may be. That is remembered by each replica for itself, and nothing
depends on it: see the script.
"""

from collections.abc import Mapping
from math import inf
from typing import Any

from receiver.store.keys import Keys
from receiver.store.redis import Client, load_script
from routing.vocabulary import Lane

STEP = 1_000
"""Tasks that one script call passes over: it bounds how long others wait for it (1.5 ms)."""
HEAD = 4
"""Numbers that the script answers before the times."""


class Claiming:
    """One lane of one shard."""

    def __init__(self, redis: Client, keys: Keys, lane: Lane) -> None:
        self._script = load_script(redis, "claim_tasks")
        self._keys = [keys.due[lane], keys.task]
        self._rank = 0
        self._others = 0
        self._from: dict[str, int] = {}
        self._entered = inf
        self.soonest: int | None = None

    def entered(self, due: float) -> None:
        """Have the next claim look from this time on (ms)."""
        self._entered = min(self._entered, due)

    async def claim(
        self, lease: tuple[int, str, int], limit: int, most: int, room: Mapping[str, int]
    ) -> list[bytes]:
        """Return member, want and due time of what was leased, one after another.

        ``lease``: now, token and end; ``most``: how many may be passed over when nothing is found.
        """
        while True:
            raw = await self._call([*lease, limit, min(most, STEP)], room)
            ended, passed, soonest, self._rank, self._others = raw[: HEAD + 1]
            self.soonest = soonest if soonest >= 0 else None
            found = HEAD + 1 + len(room)
            self._from = dict(zip(room, raw[HEAD + 1 : found], strict=True))
            most -= passed
            if ended or most <= 0 or len(raw) > found:
                return raw[found:]

    async def _call(self, args: list[Any], room: Mapping[str, int]) -> list[Any]:
        # What is entered from here on may be missed by this call, and not by the next one.
        entered, self._entered = self._entered, inf
        since = {name: min(self._from.get(name, 0), entered) for name in room}
        bounds = [part for name, most in room.items() for part in (name, most, since[name])]
        args += [self._rank, min(self._others, entered), *bounds]
        try:
            raw: list[Any] = await self._script(keys=self._keys, args=args)
        except BaseException:
            self.entered(entered)
            raise
        return raw
