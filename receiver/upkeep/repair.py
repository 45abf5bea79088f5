"""Mends what a check found. What is made anew from the records is made by ``healing``."""

from collections.abc import Iterable

from redis.exceptions import WatchError

from receiver.store.incidents import IncidentStore
from receiver.store.keys import VERSION_DIGITS
from receiver.store.redis import client_of, unavailable_is_503
from receiver.store.repair.healing import Healing
from receiver.upkeep.finding import Cure, Finding
from routing.group import split_id


async def repair(store: IncidentStore, findings: Iterable[Finding]) -> None:
    """Mend the findings; what has changed since it was found is left alone.

    The order matters: what is put aside is missing in indexes and counts afterwards.
    """
    wanted = list(findings)
    for found in wanted:
        if found.cure is Cure.PUT_ASIDE:
            await _put_aside(store, found)
        elif found.cure is Cure.POINTER:
            _, digest, _ = split_id(found.incident)
            await store.mending.pointer(store.keys[found.shard], digest)
    for found in wanted:
        if found.cure is Cure.REMOVE:
            await _run_commands(store, found)
    healing = Healing(store)
    cures = {(found.shard, found.cure) for found in wanted}
    for keys in store.keys:
        if (keys.shard, Cure.REINDEX) in cures or (keys.shard, Cure.PUT_ASIDE) in cures:
            await healing.reindex(keys)
        if any(shard == keys.shard for shard, _ in cures):
            await healing.recount(keys)


async def _put_aside(store: IncidentStore, found: Finding) -> None:
    """Read it as the service does: whoever meets what cannot be read puts it aside."""
    keys, name = store.keys[found.shard], found.incident
    if not name:
        await store.mending.shared([keys])
        return
    await store.read([name])
    await store.mending.timeline(keys, name)
    await store.timeline(name)
    await store.mending.receipts(keys, name)


async def _run_commands(store: IncidentStore, found: Finding) -> None:
    """Do it if the record is still the one that was looked at."""
    keys = store.keys[found.shard]
    record = keys.incident(found.incident)
    client = await client_of(store.redis, record)
    async with unavailable_is_503(), client.pipeline(transaction=True) as pipeline:
        await pipeline.watch(record)
        if await pipeline.getrange(record, 0, VERSION_DIGITS - 1) != found.version:
            return
        pipeline.multi()
        for command in found.commands:
            pipeline.execute_command(*command)
        try:
            await pipeline.execute()
        except WatchError:
            return
