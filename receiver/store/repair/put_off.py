"""Work whose time lies further ahead than its kind allows: nobody would take it up for long.

A lease ends after its length, and a delivery is tried again within minutes, whatever a service
asks for. What lies further ahead was written by a clock that was wrong. Timers are not looked at
unless they are leased: their time is the incident's, and may be months ahead.
"""

import re
from collections.abc import Mapping

from receiver.store.budgets import BLOCK_MAX_MS, DIFFER_MS
from receiver.store.keys import Keys
from receiver.store.redis import Client, load_script, unavailable_is_503
from routing.vocabulary import Lane

RETRY_MAX_MS = BLOCK_MAX_MS + 120_000
"""The furthest a delivery is put off: the longest Retry-After, and a place behind all levels."""
PAGE = 500
PAGES = 40
"""Tasks looked at in one round trip, and round trips in one look; the next one goes on there."""

_STATE = re.compile(rb"\d+\|([^|]*)\|(\d+)\|\d+").fullmatch

Found = dict[str, bytes]
"""Member of the agenda -> its state as it was found."""


class PutOff:
    """Finds such work among what is leased or to be delivered, and makes it due."""

    def __init__(self, redis: Client, shards: int, leases: Mapping[Lane, int]) -> None:
        """``leases``: for each lane, how long (ms) a lease lasts."""
        self._redis = redis
        self._keys = [Keys(shard) for shard in range(shards)]
        self._lease = max(leases.values()) + DIFFER_MS
        self._cursors = [0] * shards
        self._pull = load_script(redis, "pull_tasks")

    async def find(self, now: int) -> list[Found]:
        """Return for each shard what lies too far ahead of ``now`` (ms)."""
        async with unavailable_is_503():
            return [await self._look(shard, now) for shard in range(len(self._keys))]

    async def mend(self, now: int) -> list[str]:
        """Make such work due now; return the members of the agenda that were found."""
        found = await self.find(now)
        for keys, wrong in zip(self._keys, found, strict=True):
            if wrong:
                args = [part for pair in wrong.items() for part in pair]
                async with unavailable_is_503():
                    await self._pull(keys=[keys.task, *keys.due.values()], args=[now, *args])
        return [member for wrong in found for member in wrong]

    async def _look(self, shard: int, now: int) -> Found:
        keys = self._keys[shard]
        wrong: Found = {}
        for _ in range(PAGES):
            cursor, states = await self._redis.hscan(
                keys.task, cursor=self._cursors[shard], count=PAGE
            )
            self._cursors[shard] = int(cursor)
            wrong |= await self._wrong(keys, states, now)
            if not self._cursors[shard]:
                break
        return wrong

    async def _wrong(self, keys: Keys, states: Mapping[bytes, bytes], now: int) -> Found:
        """Return what is wrong of some tasks; a state that cannot be read is not ours to judge."""
        wrong: Found = {}
        deliveries: Found = {}
        for name, state in states.items():
            known = _STATE(state)
            if known is None:
                continue
            member = name.decode(errors="replace")
            if known[1] and int(known[2]) > now + self._lease:
                wrong[member] = state
            elif "|notify:" in member:
                deliveries[member] = state
        bound = now + RETRY_MAX_MS + DIFFER_MS
        for due in keys.due.values() if deliveries else ():
            scores = await self._redis.zmscore(due, list(deliveries))
            for member, at in zip(deliveries, scores, strict=True):
                if at is not None and at > bound:
                    wrong[member] = deliveries[member]
        return wrong
