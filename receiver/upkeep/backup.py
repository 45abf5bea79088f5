"""Backing up a store, whether it is in use or not, with commands that every Redis allows."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.config import SHARDS_MAX
from receiver.store.keys import KEPT, LAYOUT, PREFIX, Keys, is_number
from receiver.store.layout import HALF_RESTORED, RESTORING
from receiver.store.records.large import NEWEST_SCHEMA
from receiver.store.redis import Client, unavailable_is_503
from receiver.text.numbers import whole
from receiver.upkeep.archive import ArchiveWriter, Header, StoredKey
from receiver.upkeep.stored import SCANNED, decoded, incident_names, is_shown, read_incidents


class BackedUp(msgspec.Struct):
    """What a backup holds; ``unreadable``: ids of incidents whose record cannot be read."""

    incidents: int = 0
    open: int = 0
    keys: int = 0
    unreadable: list[str] = []


async def layout_of(redis: Client) -> str:
    """Return the layout of what is stored, "" when nothing is.

    StoreUnavailableError when a restore is under way or broke off.
    """
    async with unavailable_is_503():
        raw: bytes = await redis.get(LAYOUT) or b""
    if raw == RESTORING:
        raise StoreUnavailableError(HALF_RESTORED)
    return raw.decode("utf-8", "backslashreplace")


def shards_of(layout: str) -> int:
    """Return the number of shards of a layout, 1 for one that says nothing."""
    first = layout.split(" ", maxsplit=1)[0]
    return whole(first, SHARDS_MAX) or 1


async def back_up(redis: Client, writer: ArchiveWriter, layout: str) -> BackedUp:
    """Write all that is stored; the writer is left open.

    Each incident is as some commit left it; what came while the backup ran may be in it or not.
    """
    done = BackedUp()
    shards = [Keys(number) for number in range(shards_of(layout))]
    for keys in shards:
        async for names in incident_names(redis, [keys]):
            for stored in await read_incidents(redis, keys, names):
                incident, problem = decoded(stored.id, stored.record)
                if problem:
                    done.unreadable.append(stored.id)
                done.incidents += is_shown(incident)
                done.open += incident is not None and incident.is_open
                writer.add(stored)
    for keys in shards:
        async for key in audit_keys(redis, keys):
            writer.add(key)
    async for key in other_keys(redis, shards):
        writer.add(key)
    done.keys = writer.keys
    return done


def header(layout: str, release: str) -> Header:
    """Return the header of a backup made now."""
    return Header(1, int(time.time() * 1000), release, layout, NEWEST_SCHEMA)


async def other_keys(redis: Client, shards: Sequence[Keys]) -> AsyncIterator[StoredKey]:
    """Give every key of the shards that is of no single incident, and no index of incidents.

    What belongs to this server and this moment alone (budgets, the clock, the layout) has no shard
    in its name, and stays.
    """
    own: set[bytes] = set()
    starts: tuple[bytes, ...] = ()
    for keys in shards:
        names = [*keys.indexes.values(), *keys.due.values(), keys.task, keys.seen]
        names += [keys.items, keys.audit, keys.chain, keys.fence]
        own |= {name.encode() for name in names}
        begin = [keys.incident(""), keys.timeline(""), keys.receipts(""), keys.group("")]
        begin.append(keys.audit_block(""))
        starts += tuple(name.encode() for name in begin)
    given: set[bytes] = set()
    async with unavailable_is_503():
        async for name in redis.scan_iter(match=f"{PREFIX}:{{*}}:*", count=SCANNED):
            if name in given or name in own or name.startswith(starts):
                continue
            given.add(name)
            found = await _read_key(redis, name)
            if found is not None:
                yield found
        # Of no shard, as it says which shards groups are on.
        kept = await _read_key(redis, KEPT.encode())
        if kept is not None:
            yield kept


async def audit_keys(redis: Client, keys: Keys) -> AsyncIterator[StoredKey]:
    """Give the audit trail of a shard as of one moment: what is packed of it never changes."""
    async with unavailable_is_503():
        pipeline = redis.pipeline(transaction=True)
        pipeline.hgetall(keys.chain)
        pipeline.lrange(keys.audit, 0, -1)
        state, rows = await pipeline.execute(raise_on_error=False)
    state = state if isinstance(state, dict) else {}
    # The oldest first: what retention removes while this runs is missed, and nothing else.
    first, packed = (_number(state.get(name, b"0")) for name in (b"first", b"packed"))
    for block in range(first, packed):
        async with unavailable_is_503():
            found = await _read_key(redis, keys.audit_block(block).encode())
        if found is not None:
            yield found
    if isinstance(rows, list) and rows:
        yield StoredKey(keys.audit.encode(), "list", 0, rows)
    if state:
        items = [part for pair in state.items() for part in pair]
        yield StoredKey(keys.chain.encode(), "hash", 0, items)


def _number(raw: bytes) -> int:
    return int(raw) if is_number(raw) else 0


async def _read_key(redis: Client, name: bytes) -> StoredKey | None:
    kind = (await redis.type(name)).decode()
    ask = _READERS.get(kind)
    if ask is None:
        return None  # gone by now, or of a type that nothing of ours has
    pipeline = redis.pipeline(transaction=True)
    pipeline.time()
    pipeline.pttl(name)
    ask(pipeline, name)
    (seconds, micros), ttl, content = await pipeline.execute()
    items = _FLAT[kind](content)
    if not items:
        return None
    expires_at = seconds * 1000 + micros // 1000 + ttl if ttl > 0 else 0
    return StoredKey(name, kind, expires_at, items)


_READERS: dict[str, Any] = {
    "string": lambda pipeline, name: pipeline.get(name),
    "list": lambda pipeline, name: pipeline.lrange(name, 0, -1),
    "set": lambda pipeline, name: pipeline.smembers(name),
    "hash": lambda pipeline, name: pipeline.hgetall(name),
    "zset": lambda pipeline, name: pipeline.zrange(name, 0, -1, withscores=True),
}
_FLAT: dict[str, Any] = {
    "string": lambda content: [] if content is None else [content],
    "list": list,
    "set": sorted,
    "hash": lambda content: [part for pair in content.items() for part in pair],
    "zset": lambda content: [
        part for name, score in content for part in (name, repr(score).encode())
    ],
}
