"""Restoring a backup to an empty store."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.keys import LAYOUT, PREFIX, Keys, member
from receiver.store.layout import RESTORING
from receiver.store.records.items import items_of
from receiver.store.records.large import NEWEST_SCHEMA
from receiver.store.records.standing import count_field
from receiver.store.redis import Client, unavailable_is_503
from receiver.upkeep.archive import ArchiveError, Header, StoredKey, read_archive
from receiver.upkeep.backup import shards_of
from receiver.upkeep.stored import SCANNED, StoredIncident, StoredTask, decoded, is_shown

CHUNK = 50
"""Pieces written in one round trip."""
ITEMS = 500
"""Items in one command."""
_STATE_PARTS = 4


class Restored(msgspec.Struct):
    """What was restored; ``expired``: what had come to its end meanwhile."""

    created_at: int
    release: str
    incidents: int = 0
    open: int = 0
    keys: int = 0
    expired: int = 0


def verify(path: Path, shards: int) -> Header:
    """Read a whole backup before anything is written; return its header. ArchiveError."""
    pieces = read_archive(path)
    header = next(pieces)
    for _ in pieces:
        pass
    if not isinstance(header, Header):
        raise ArchiveError(f"{path} is damaged: it has no header")
    if header.schema > NEWEST_SCHEMA:
        raise ArchiveError(
            f"{path} was written by release {header.release} (record schema {header.schema}, this"
            f" one knows {NEWEST_SCHEMA}): restore it with that release"
        )
    if shards_of(header.layout) != shards:
        raise ArchiveError(
            f"{path} is of redis.shards: {shards_of(header.layout)}, the configuration says"
            f" {shards}; set it to {shards_of(header.layout)}"
        )
    return header


async def refuse_unless_empty(redis: Client) -> None:
    """Say what is there, unless it is nothing, or what a restore that broke off left.

    The latter is removed. StoreUnavailableError.
    """
    async with unavailable_is_503():
        broke_off = await redis.get(LAYOUT) == RESTORING
        incidents = others = 0
        left: list[bytes] = []
        async for name in redis.scan_iter(match=f"{PREFIX}:{{*}}:*", count=SCANNED):
            if broke_off:
                left.append(name)
            elif b":i:" in name:
                incidents += 1
            else:
                others += 1
        for start in range(0, len(left), ITEMS):
            pipeline = redis.pipeline(transaction=False)
            for name in left[start : start + ITEMS]:
                pipeline.delete(name)
            await pipeline.execute()
    if incidents or others:
        raise StoreUnavailableError(
            f"the store is not empty (records of incidents: {incidents:,}, other keys: {others:,});"
            " a backup is restored to an empty one alone (another --storage.path, another database)"
        )


async def restore(redis: Client, path: Path, header: Header, now: int) -> Restored:
    """Write a verified backup to an empty store; ``now`` in ms.

    Until it is done the layout says so, and no service starts on it.
    """
    writing = _Restoring(redis, header, now)
    async with unavailable_is_503():
        await redis.set(LAYOUT, RESTORING)
        for number, piece in enumerate(read_archive(path), 1):
            if isinstance(piece, StoredIncident):
                writing.put_incident(piece)
            elif isinstance(piece, StoredKey):
                writing.put_key(piece)
            if number % CHUNK == 0:
                await writing.pipeline.execute()
        await writing.finish()
    return writing.done


class _Restoring:
    """What is known while pieces are written, a pipeline full at a time."""

    def __init__(self, redis: Client, header: Header, now: int) -> None:
        self.done = Restored(header.created_at, header.release)
        self.pipeline = redis.pipeline(transaction=False)
        self._redis = redis
        self._header = header
        self._now = now
        self._counts: dict[str, Counter[str]] = {}
        self._pointers: dict[str, int] = {}

    def put_incident(self, stored: StoredIncident) -> None:
        """Write an incident, its place in every index and its tasks."""
        if 0 < stored.expires_at <= self._now:
            self.done.expired += 1
            return
        keys, name, pipeline = Keys(stored.shard), stored.id, self.pipeline
        pipeline.set(keys.incident(name), stored.record)
        if stored.expires_at:
            pipeline.pexpireat(keys.incident(name), stored.expires_at)
        self._push("rpush", keys.timeline(name), stored.timeline)
        if stored.receipts:
            pipeline.hset(keys.receipts(name), mapping=dict(stored.receipts))
        if stored.seen:
            pipeline.hset(keys.seen, name, stored.seen)
        for index, score in stored.scores.items():
            pipeline.zadd(keys.indexes[index], {name: score})
        items = items_of(decoded(name, stored.record)[0])
        if items:
            pipeline.zadd(keys.items, items)
        for task in stored.tasks:
            due, state = unleased(task, self._header.created_at)
            pipeline.zadd(keys.due[task.lane], {member(name, task.task): due})
            if state:
                pipeline.hset(keys.task, member(name, task.task), state)
        self._put_pointer(keys, stored)
        self._count(keys, stored)

    def _put_pointer(self, keys: Keys, stored: StoredIncident) -> None:
        """Let the group lead to this incident, if it did.

        A group whose next incident opened while the backup ran may lead to both: to the newer one.
        """
        _, digest, generation = stored.id.split("-")
        group = keys.group(digest)
        if stored.pointer != generation.encode() or self._pointers.get(group, 0) > int(generation):
            return
        self._pointers[group] = int(generation)
        self.pipeline.set(group, stored.pointer)
        if stored.expires_at:
            self.pipeline.pexpireat(group, stored.expires_at)

    def _count(self, keys: Keys, stored: StoredIncident) -> None:
        incident = decoded(stored.id, stored.record)[0]
        self.done.incidents += is_shown(incident)
        field = count_field(incident)
        if field:
            self.done.open += 1
            self._counts.setdefault(keys.active, Counter())[field] += 1

    def put_key(self, key: StoredKey) -> None:
        """Write a key that is of no single incident."""
        if 0 < key.expires_at <= self._now:
            self.done.expired += 1
            return
        if key.kind == "string":
            self.pipeline.set(key.name, key.items[0])
        elif key.kind in {"list", "set"}:
            self._push("rpush" if key.kind == "list" else "sadd", key.name, key.items)
        else:
            pairs = list(zip(key.items[::2], key.items[1::2], strict=True))
            for at in range(0, len(pairs), ITEMS):
                part = dict(pairs[at : at + ITEMS])
                if key.kind == "hash":
                    self.pipeline.hset(key.name, mapping=part)
                else:
                    self.pipeline.zadd(
                        key.name, {name: float(score) for name, score in part.items()}
                    )
        if key.expires_at:
            self.pipeline.pexpireat(key.name, key.expires_at)
        self.done.keys += 1

    def _push(self, command: str, name: Any, items: Sequence[bytes]) -> None:
        for at in range(0, len(items), ITEMS):
            getattr(self.pipeline, command)(name, *items[at : at + ITEMS])

    async def finish(self) -> None:
        """Count the open incidents anew, and let services start."""
        await self.pipeline.execute()
        for name in {Keys(shard).active for shard in range(shards_of(self._header.layout))}:
            # Numbers that are none stay listed, as they were.
            fields = {field.decode(): 0 for field in await self._redis.hkeys(name)}
            counted = fields | self._counts.get(name, {})
            if counted:
                self.pipeline.hset(name, mapping=counted)
        self.pipeline.set(LAYOUT, self._header.layout)
        await self.pipeline.execute()


def unleased(task: StoredTask, created_at: int) -> tuple[float, bytes]:
    """Return when a task is due, and its state, when nobody holds it any more.

    A worker that held it had stored its attempt before its call, so whoever takes it up finds out
    what became of that. ``created_at``: when the backup was made (ms).
    """
    parts = task.state.split(b"|")
    if len(parts) != _STATE_PARTS:
        return task.due, b""
    want, token, _, after = parts
    if not token:
        return task.due, task.state
    due = float(after) or min(task.due, float(created_at))
    return due, b"" if (want, after) == (b"0", b"0") else b"%b||0|%b" % (want, after)
