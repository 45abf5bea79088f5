"""The audit trail of all shards: append, read, pack and remove.

The latest rows are a list; before them, rows are packed a thousand at a time into blocks, which are
a tenth as large. What was removed is told by an entry of the trail itself, so that what is missing
at the beginning can be told from what somebody took away.
"""

import asyncio
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from receiver.store.audit.entry import (
    BLOCK,
    GENESIS,
    AuditEntry,
    Row,
    decode_entry,
    encoded,
    parse_row,
)
from receiver.store.keys import Keys
from receiver.store.redis import Client, load_script, unavailable_is_503
from receiver.store.repair.mending import Mending, mended
from receiver.store.repair.register import wall_ms
from receiver.store.script_keys import fixed
from receiver.text.numbers import whole
from routing.group import split_id

TRIMMED = "trim"
"""Action of the entry that tells what was removed."""
UNPACKED = 2 * BLOCK
"""Rows in the list from which on the oldest are packed."""
LOOKED_AT = 3 * BLOCK
"""Rows among which the end of a block is looked for: some may be too many or missing."""
LEVEL = 1
"""Of compression: the usual one makes blocks a tenth smaller, and takes twice as long."""
LAST_ROWS = 16
"""Rows among which the last one that can be read is looked for."""
_END = 10**15


class Chain(msgspec.Struct, frozen=True):
    """Where a shard's trail ends: the number and link of its last entry.

    ``packed``: blocks that were made so far, ``first`` of them is the first that is kept, and
    ``before`` the link before it. ``mark`` and ``marked``: the number and link that were its end
    when somebody looked last.
    """

    number: int = 0
    link: str = GENESIS
    packed: int = 0
    first: int = 0
    before: str = GENESIS
    mark: int = 0
    marked: str = ""


class Snapshot(msgspec.Struct, frozen=True):
    """The trail's state and its rows that are not packed, as of one moment."""

    chain: Chain
    rows: list[bytes]


class AuditStore:
    """The audit trail in Redis."""

    def __init__(self, redis: Client, shards: int) -> None:
        self._redis = redis
        self.shards = tuple(Keys(shard) for shard in range(shards))
        self._mending = Mending(redis, self.shards, wall_ms)
        self._append = load_script(redis, "append_audit")
        self._pack = load_script(redis, "pack_audit")
        self._trim = load_script(redis, "trim_audit")

    def shard_of(self, incident: str) -> int:
        """Return the shard in whose trail an entry belongs: its incident's, the first for none."""
        try:
            shard = split_id(incident)[0] if incident else 0
        except ValueError:
            return 0
        return shard if shard < len(self.shards) else 0

    async def append(self, shard: int, entries: Iterable[AuditEntry]) -> None:
        """Append entries; StoreUnavailableError when that is not known to be done."""
        keys, args = self.shards[shard], encoded(entries)
        if args:
            await self._call(keys, self._append, [keys.audit, keys.chain], list(args))

    async def _call(self, keys: Keys, script: Any, names: list[str], args: list[Any]) -> Any:
        async with unavailable_is_503():
            return await mended(
                lambda: script(keys=names, args=args), lambda: self._mending.shared([keys])
            )

    async def chain(self, shard: int) -> Chain:
        """Return where a shard's trail ends. StoreUnavailableError."""
        return (await self._read(shard, -LAST_ROWS)).chain

    async def snapshot(self, shard: int) -> Snapshot:
        """Return the state and the rows that are not packed, read in one step."""
        return await self._read(shard, 0)

    async def _read(self, shard: int, first: int) -> Snapshot:
        keys = self.shards[shard]

        async def read() -> Snapshot:
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.hgetall(keys.chain)
            pipeline.lrange(keys.audit, first, -1)
            fields, rows = await pipeline.execute()
            return Snapshot(_chain(fields, rows), rows)

        async with unavailable_is_503():
            return await mended(read, lambda: self._mending.shared([keys]))

    async def mark(self, shard: int) -> Chain:
        """Note in the state where the trail ends, and return that.

        What ends before it, later, has lost something. StoreUnavailableError.
        """
        chain = await self.chain(shard)
        if chain.number > chain.mark:
            fields = {"mark": chain.number, "marked": chain.link}
            async with unavailable_is_503():
                await self._redis.hset(self.shards[shard].chain, mapping=fields)
        return chain

    async def block(self, shard: int, number: int) -> list[bytes] | None:
        """Return the rows of a packed block, [] when there is none, None when it cannot be read."""
        async with unavailable_is_503():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.get(self.shards[shard].audit_block(number))
            (raw,) = await pipeline.execute(raise_on_error=False)
        if isinstance(raw, Exception):
            return None
        return await asyncio.to_thread(unpack, raw) if raw else []

    async def pack(self, shard: int) -> bool:
        """Pack the oldest rows if there are enough of them; return whether there may be more."""
        keys = self.shards[shard]
        async with unavailable_is_503():
            length = await mended(
                lambda: self._redis.llen(keys.audit), lambda: self._mending.shared([keys])
            )
            if length < UNPACKED:
                return False
            chain = await self.chain(shard)
            end = (chain.packed + 1) * BLOCK
            rows = await self._redis.lrange(keys.audit, 0, BLOCK - 1)
            last = parse_row(rows[-1]) if rows else None
            if last is None or last.number != end:
                rows = await self._redis.lrange(keys.audit, 0, LOOKED_AT - 1)
        number = _rows_until(rows, end)
        body = await asyncio.to_thread(pack, rows[:number]) if number else b""
        ends = [rows[0], rows[number - 1]] if number else [b"", b""]
        names = fixed("pack_audit", keys, block=keys.audit_block(chain.packed))
        args = [chain.packed, number, *ends, body]
        return bool(await self._call(keys, self._pack, names, args))

    async def last_of(self, shard: int, block: int) -> Row | None:
        """Return the last row of a block, None when there is none that can be read."""
        rows = await self.block(shard, block) or []
        return next((row for raw in reversed(rows) if (row := parse_row(raw))), None)

    async def trim(self, shard: int, chain: Chain, upto: int, entry: AuditEntry, link: str) -> bool:
        """Remove the blocks before ``upto``, whose last row has this link; ``entry`` tells of it.

        Returns whether it was done here.
        """
        keys = self.shards[shard]
        blocks = [keys.audit_block(number) for number in range(chain.first, upto)]
        args = [chain.first, upto, link, *encoded([entry])]
        names = [keys.audit, keys.chain, *blocks]
        return bool(await self._call(keys, self._trim, names, args))


def trimmed(number: int, link: str) -> str:
    """Return the detail of the entry which tells that all up to a number was removed."""
    return f"{number} {link}"


def pack(rows: Sequence[bytes]) -> bytes:
    """Return rows as a block."""
    return zlib.compress(b"\n".join(rows), LEVEL)


def unpack(block: bytes) -> list[bytes] | None:
    """Return the rows of a block, None when it cannot be read."""
    try:
        rows = zlib.decompress(block)
    except zlib.error:
        return None
    return rows.split(b"\n") if rows else []


def time_of(row: Row) -> int:
    """Return when a row was appended (ms), 0 where it does not say."""
    entry = decode_entry(row.content)
    return entry.at if entry is not None else 0


def _rows_until(rows: Sequence[bytes], last: int) -> int:
    """Return how many of the rows come up to the last one with a number of at most ``last``."""
    for place in range(len(rows) - 1, -1, -1):
        row = parse_row(rows[place])
        if row is not None and row.number <= last:
            return place + 1
    return 0


def _chain(fields: dict[bytes, bytes], rows: Sequence[bytes]) -> Chain:
    def number(name: bytes) -> int:
        return whole(fields.get(name, b"0").decode("ascii", "replace"), _END, 0) or 0

    def text(name: bytes, default: str) -> str:
        return fields.get(name, default.encode()).decode("ascii", "replace")

    packed, mark = number(b"packed"), number(b"mark")
    last = next((row for raw in reversed(rows) if (row := parse_row(raw))), None)
    return Chain(
        last.number if last is not None else max(packed * BLOCK, mark),
        last.link if last is not None else GENESIS,
        packed,
        number(b"first"),
        text(b"before", GENESIS),
        mark,
        text(b"marked", ""),
    )
