"""Work whose time lies further ahead than its kind allows: nobody would take it up for long.

A lease ends after its length, and a delivery is tried again within minutes, whatever a service
asks for. What lies further ahead was written by a clock that was wrong. Timers are not looked at
unless they are leased: their time is the incident's, and may be months ahead.
"""

from collections.abc import Iterator, Mapping

from receiver.store.budgets import BLOCK_MAX_MS, DIFFER_MS
from receiver.store.client import Client, load_script, unavailable_is_503
from receiver.store.keys import Keys

RETRY_MAX_MS = BLOCK_MAX_MS + 120_000
"""The furthest a delivery is put off: the longest Retry-After, and a place behind all levels."""
PAGE = 500
PAGES = 40
"""Tasks looked at in one round trip, and round trips in one look; the next one goes on there."""

Found = dict[str, bytes]
"""Member of the agenda -> its state as it was found."""


class PutOff:
    """Finds such work among what is leased or to be delivered, and makes it due."""

    def __init__(self, redis: Client, shards: int, leases: Mapping[str, int]) -> None:
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
            wrong |= {member: states[member.encode()] for member in self._leased(states, now)}
            names = [name.decode() for name in states if b"|notify:" in name]
            wrong |= {name: states[name.encode()] for name in await self._far(keys, names, now)}
            if not self._cursors[shard]:
                break
        return wrong

    def _leased(self, states: Mapping[bytes, bytes], now: int) -> Iterator[str]:
        for member, state in states.items():
            _, token, until, _ = state.split(b"|")
            if token and int(until) > now + self._lease:
                yield member.decode()

    async def _far(self, keys: Keys, names: list[str], now: int) -> list[str]:
        if not names:
            return []
        far = set()
        for due in keys.due.values():
            scores = await self._redis.zmscore(due, names)
            bound = now + RETRY_MAX_MS + DIFFER_MS
            far |= {n for n, at in zip(names, scores, strict=True) if at is not None and at > bound}
        return sorted(far)
