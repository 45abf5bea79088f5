"""More shards for data there is: new groups are spread over all, those there are stay.

An incident's id names its shard, and PagerDuty and Slack have the id: what is there is not moved.
Which groups that concerns is written down once, and read by each start of the service.
"""

import re

import msgspec

from receiver.clock import FRESH_MS
from receiver.errors import StoreUnavailableError
from receiver.store.config import SHARDS_MAX
from receiver.store.keys import KEPT, LAYOUT, Keys, folded_key
from receiver.store.layout import KEEPING
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.time_reference import ReferenceStore
from receiver.upkeep.backup import layout_of, shards_of
from receiver.upkeep.stored import SCANNED
from routing.group import KEPT_BYTES, kept_groups

_OF_GROUP = re.compile(rb"(?:g:|i:\d+-)([0-9a-f]{16})(?:-\d+)?\Z").match
_OF_FLOOD = re.compile(rb"(\d{1,6})-([0-9a-f]{16})\Z").match


class Resharded(msgspec.Struct, frozen=True):
    """From how many shards to how many, how many groups there are, and how many stay aside."""

    before: int
    after: int
    groups: int
    kept: int


async def reshard(redis: Client, number: int) -> Resharded:
    """Spread new groups over so many shards. StoreUnavailableError says what is in the way.

    Nothing is changed before the last two writes, and the first of them changes nothing by itself:
    one that breaks off is begun again.
    """
    layout = await layout_of(redis)
    before = shards_of(layout)
    if not layout:
        raise StoreUnavailableError("nothing is stored: set redis.shards and start the service")
    if not before <= number <= SHARDS_MAX:
        raise StoreUnavailableError(
            f"this data is of {before} shards: give a number from {before} to {SHARDS_MAX}"
        )
    await _refuse_while_running(redis)
    async with unavailable_is_503():
        groups = await _groups(redis, before)
        kept = kept_groups(groups, number)
        await redis.set(KEPT, kept)
    # Whoever started meanwhile may have begun groups that were not seen.
    await _refuse_while_running(redis)
    async with unavailable_is_503():
        await redis.set(LAYOUT, f"{number} {KEEPING}")
    return Resharded(before, number, len(groups), len(kept) // KEPT_BYTES)


async def _refuse_while_running(redis: Client) -> None:
    measured = await ReferenceStore(redis).measure()
    if measured.known is None:
        return
    age = measured.redis - measured.known.at
    if 0 <= age <= FRESH_MS:
        raise StoreUnavailableError(
            f"a service uses this store, or did {age / 1000:.0f} s ago: stop all of them, and wait"
            f" {FRESH_MS / 1000:.0f} s"
        )


async def _groups(redis: Client, shards: int) -> dict[str, int]:
    """Return the shard of each group that has anything stored, by its digest."""
    found: dict[str, int] = {}
    for keys in map(Keys, range(shards)):
        start = keys.start.encode()
        async for name in redis.scan_iter(match=f"{keys.start}*", count=SCANNED):
            part = _OF_GROUP(name.removeprefix(start))
            if part:
                found.setdefault(part[1].decode(), keys.shard)
    # What a flood took has nothing of its own, and is known by its shard all the same.
    start = folded_key("").encode()
    async for name in redis.scan_iter(match=f"{folded_key('')}*", count=SCANNED):
        part = _OF_FLOOD(name.removeprefix(start))
        if part and int(part[1]) < shards:
            found.setdefault(part[2].decode(), int(part[1]))
    return found
