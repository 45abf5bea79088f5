"""Open action items of all incidents, what is due first before what is due later or on no day."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from receiver.aio.off_the_loop import READ_SLICE_S, Slices
from receiver.store.keys import Keys
from receiver.store.lists.query import CursorError
from receiver.store.records.items import split_item
from receiver.store.records.read import RecordReader
from receiver.store.redis import unavailable_is_503
from receiver.store.repair.mending import mended
from routing.incident import Incident
from routing.incident_parts import ActionItem

TIES = 64
"""Items that may share a day at no further round trip."""
CHUNK = 64
KEPT_MAX = 500
"""Incidents that are held while a page is made."""
EXAMINED_MAX = 2_000
"""Items that one page looks at: a filter that fits few gives a short page, and ``next``."""
_DIGITS = 18

Row = tuple[int, str]
"""(score, member) of the index: the order of the list."""


class Todo(msgspec.Struct, frozen=True):
    """An open action item, with the incident that it is of."""

    incident: Incident
    item: ActionItem


class TodoPage(msgspec.Struct, frozen=True):
    """A page of the list; ``next``: where it goes on, "" at its end."""

    found: list[Todo]
    next: str


class Todos:
    """Reads the open action items of all shards."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._redis = reader.redis

    async def page(
        self, limit: int, cursor: str = "", owner: str = "", before: int = 0
    ) -> TodoPage:
        """Return up to ``limit`` of them after ``cursor``; CursorError for a bad one.

        ``owner``: whose they are, in any case, "" for anybody's. ``before``: only what is due
        before that time (ms); 0: all.
        """
        last = read_cursor(cursor)
        found: list[Todo] = []
        examined, wanted, slices = 0, owner.strip().casefold(), Slices(READ_SLICE_S)
        size = CHUNK if wanted else min(CHUNK, limit + 1)
        read: dict[str, Incident] = {}
        while True:
            rows, ended = await self._rows(last, size, before)
            # Many of one incident may stand far from each other.
            names = {member.partition("|")[0] for _, member in rows} - read.keys()
            if len(read) > KEPT_MAX:
                read = {}
                names = {member.partition("|")[0] for _, member in rows}
            read |= await self._reader.read(names)
            for row in rows:
                todo = _todo(read, row[1])
                kept = todo is not None and (not wanted or wanted == todo.item.owner.casefold())
                if (kept and len(found) == limit) or examined == EXAMINED_MAX:
                    return TodoPage(found, cursor_of(last) if last else "")
                if kept and todo is not None:
                    found.append(todo)
                last = row
                examined += 1
                await slices.end_piece()
            if ended:
                return TodoPage(found, "")

    async def counts(self, before: int) -> tuple[int, int]:
        """Return how many are open, and how many of them are due before a time (ms)."""
        open_, overdue = 0, 0
        for keys in self._reader.keys:
            number = partial(self._redis.zcard, keys.items)
            late = partial(self._redis.zcount, keys.items, "-inf", f"({before}")
            open_ += int(await self._call(keys, number))
            overdue += int(await self._call(keys, late))
        return open_, overdue

    async def _rows(self, last: Row | None, size: int, before: int) -> tuple[list[Row], bool]:
        """Return the next rows of all shards in their order, and whether the list ends there."""
        found: list[Row] = []
        for keys in self._reader.keys:
            found += await self._of_shard(keys, last, size, before)
        found.sort()
        return found[:size], len(found) <= size

    async def _of_shard(self, keys: Keys, last: Row | None, size: int, before: int) -> list[Row]:
        """Return up to ``size`` + 1 rows of a shard after the last one."""
        low, high = str(last[0]) if last else "-inf", f"({before}" if before else "+inf"
        asked = size + 1 + TIES
        while True:
            more: dict[str, Any] = {"byscore": True, "offset": 0, "num": asked, "withscores": True}
            read = partial(self._redis.zrange, keys.items, low, high, **more)
            rows: list[tuple[bytes, float]] = await self._call(keys, read)
            named = await self._named(keys, rows)
            after = [row for row in named if last is None or row > last]
            if len(after) > size or len(rows) < asked:
                return after[: size + 1]
            asked *= 4

    async def _named(self, keys: Keys, rows: Sequence[tuple[bytes, float]]) -> list[Row]:
        found: list[Row] = []
        for member, score in rows:
            if split_item(member, keys.shard) is None:
                part = ("member", member, member)
                await self._reader.mending.register.put_aside_part(
                    keys, "index", keys.items, part, "it is no action item"
                )
            else:
                found.append((int(score), member.decode()))
        return found

    async def _call(self, keys: Keys, command: Any) -> Any:
        async with unavailable_is_503():
            return await mended(command, lambda: self._reader.mending.shared([keys]))


def cursor_of(row: Row) -> str:
    """Return the cursor that goes on after a row."""
    return f"{row[0]}.{row[1]}"


def read_cursor(text: str) -> Row | None:
    """Return the row that a cursor leads to, None for ""; CursorError for what is none."""
    if not text:
        return None
    score, _, member = text.partition(".")
    incident, _, number = member.partition("|")
    whole = score.isascii() and score.isdigit() and len(score) <= _DIGITS
    if not whole or not incident.isascii() or not number.isdigit():
        raise CursorError("leads nowhere: send what `next` said, or none to begin again")
    return int(score), member


def _todo(read: dict[str, Incident], member: str) -> Todo | None:
    """Return the item of a member; None for what was done, or forgotten, a moment ago."""
    name, _, number = member.partition("|")
    incident = read.get(name)
    if incident is None:
        return None
    item = next((one for one in incident.action_items if one.number == int(number)), None)
    return Todo(incident, item) if item is not None and not item.done_at else None
