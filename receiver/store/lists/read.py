"""Lists of incidents: the one way to read them, in pages, for everybody who shows some.

A page is read in chunks, and each of them waits for Redis, so that a list that is long, or whose
filters fit little, never keeps the event loop to itself.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from receiver.aio.off_the_loop import READ_SLICE_S, Slices
from receiver.store.keys import Keys
from receiver.store.lists.glance import Glance, glance_for
from receiver.store.lists.legs import (
    MOST,
    Leg,
    ListPage,
    Source,
    after_rows,
    closed_of,
    source_of,
    span_of,
)
from receiver.store.lists.order import BANDS, UNSORTED, band_of
from receiver.store.lists.query import GROUPS, Place, Query
from receiver.store.records.read import RecordReader
from receiver.store.redis import unavailable_is_503
from receiver.store.repair.mending import RECOUNT, mended
from routing.alert import PRIORITIES
from routing.incident import Incident

ROWS = 256
"""Rows of an index read in one round trip."""
CHUNK = 64
"""Records read in one round trip: some milliseconds of decoding at most."""
EXAMINED_MAX = 2_000
"""Records that one page looks at: a filter that fits few gives a short page, and ``next``."""
SEARCH_S = 0.8
"""For how long a search of what is closed looks, in the place of that."""
GLANCED = 512
"""Rows read at once where most records are passed over at a glance."""
AT_ONCE = 128
"""Records of those read in one round trip: the server reads some while others are looked at."""
TIES = 128
"""Incidents that may share a score, as all do that one commit opens, at no further round trip."""


T = TypeVar("T")
Row = tuple[int, str, int]
"""(key, incident id, shard)."""


class IncidentLists:
    """Reads lists of incidents of all shards."""

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._redis = reader.redis
        self._mending = reader.mending
        self._shards = reader.keys

    async def first(self, query: Query, limit: int) -> list[Incident]:
        """Return the first incidents of a list, ``limit`` at most."""
        return (await self.page(query, limit)).incidents

    async def page(self, query: Query, limit: int, cursor: str = "") -> ListPage[Incident]:
        """Return up to ``limit`` incidents of a list after ``cursor`` ("": from its beginning).

        Following ``next`` gives what is in the list all the time, and moves nowhere, exactly once.
        CursorError for a bad cursor.
        """
        return await self.shown(query, limit, cursor, lambda incident: incident)

    async def shown(
        self,
        query: Query,
        limit: int,
        cursor: str,
        show: Callable[[Incident], T],
        most: int = 0,
        seconds: float = 0.0,
    ) -> ListPage[T]:
        """Return the same with ``show(incident)`` for each, made as it is read.

        So others have their turn in between, and a long page does not hold every incident.
        ``most``: records it looks at, 0 for the usual number; ``seconds``: in the place of that,
        for how long it looks, so that a search of a long history ends as a rule.
        """
        last = query.place(cursor)
        found: list[T] = []
        examined, following, slices = 0, "", Slices(READ_SLICE_S)
        most = most or EXAMINED_MAX
        end = time.monotonic() + seconds if seconds else 0.0
        async with aclosing(self._walk(query, last, limit)) as walk:
            async for place, incident, rows in walk:
                kept = incident is not None and query.keeps(incident)
                enough = time.monotonic() > end if end else examined >= most
                if (kept and len(found) == limit) or (enough and examined):
                    following = query.cursor(last) if last else ""
                    break
                if kept and incident is not None:
                    found.append(show(incident))
                last = place
                examined += rows
                await slices.end_piece()
        whole = not cursor and not following
        total = len(found) if whole else await self.total(query)
        return ListPage(found, following, total, examined)

    async def total(self, query: Query) -> int | None:
        """Return how many incidents a list has, None where its records would have to be read."""
        if query.filters or (query.wants_closed and query.priorities):
            return None
        wanted = query.priorities or (*PRIORITIES, "")
        if query.state in GROUPS:
            active, states = await self.active(), GROUPS[query.state]
            return sum(n for (_, of, p), n in active.items() if of in states and p in wanted)
        counted = await self.counts() if query.wants_open else {}
        number = sum(counted.get(priority, 0) for priority in wanted)
        for keys in self._shards if query.wants_closed else ():
            number += int(await self._call(partial(self._redis.zcard, keys.closed)))
        return number

    async def counts(self) -> dict[str, int]:
        """Return the number of open incidents by priority; "" for those not sorted in yet."""
        found: dict[str, int] = {}
        names = {band_of(priority): priority for priority in PRIORITIES}
        for at, number in enumerate(await self._call(self._count_bands)):
            name = names.get(at % len(BANDS), "")
            found[name] = found.get(name, 0) + int(number)
        return found

    async def _count_bands(self) -> list[int]:
        pipeline = self._redis.pipeline(transaction=False)
        for keys in self._shards:
            for band in BANDS:
                low, high = span_of(source_of(keys, band))
                pipeline.zcount(keys.open, low, high)
        counts: list[int] = await pipeline.execute()
        return counts

    async def open_ids(self, digest: str = "") -> set[str]:
        """Return the ids of open incidents whose group's digest begins with ``digest`` (hex)."""
        return {
            name for keys in self._shards async for part in self.scan(keys, digest) for name in part
        }

    async def scan(self, keys: Keys, digest: str = "") -> AsyncGenerator[dict[str, float]]:
        """Go through the open incidents of a shard, in no order; give ids with their scores.

        Whatever is open all the time is among them, however the index changes meanwhile.
        """
        # What a digest leaves out costs the server a little, and nobody anything on the way.
        position, match, count = 0, f"{keys.shard}-{digest}*", 10_000 if digest else 1_000
        while True:
            scan = partial(self._redis.zscan, keys.open, position, match, count)
            position, rows = await self._call(scan)
            scores = dict(rows)
            names = await self._mending.members(keys, keys.open, scores)
            yield {name: scores[name.encode()] for name in names}
            if not position:
                return

    async def active(self) -> dict[tuple[str, str, str], int]:
        """Return the number of open incidents by (severity, state, priority)."""
        counts: dict[tuple[str, str, str], int] = {}
        for keys in self._shards:
            stored = await self._call(partial(self._redis.hgetall, keys.active))
            for field, raw in stored.items():
                try:
                    severity, state, priority = field.decode().split("|")
                    place, number = (severity, state, priority), int(raw)
                except ValueError:
                    part, why = ("field", field, raw), "it is no number of incidents"
                    await self._mending.register.put_aside_part(
                        keys, "index", keys.active, part, why, job=RECOUNT
                    )
                else:
                    counts[place] = counts.get(place, 0) + number
        return counts

    async def _call(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """Return the answer of Redis, with keys of a wrong type put aside."""
        async with unavailable_is_503():
            return await mended(command, lambda: self._mending.shared(self._shards))

    async def _walk(
        self, query: Query, place: Place | None, limit: int
    ) -> AsyncGenerator[tuple[Place, Incident | None, int]]:
        """Go through a list after ``place``, with how many rows each step is.

        None for what was forgotten meanwhile, and for rows that were passed over at a glance.
        """
        some = query.filters or query.state in GROUPS
        glance = glance_for(query)
        size, chunk = (GLANCED, GLANCED) if glance else (ROWS, CHUNK)
        size = size if some else min(size, limit + 1)
        legs = self._legs(query)
        at = place.leg if place else 0
        while at < len(legs):
            rows, ended = await self._rows(legs[at], place, size)
            for start in range(0, len(rows), chunk):
                part = rows[start : start + chunk]
                found = await self._read(part, glance)
                passed = 0
                for number, (key, name, _) in enumerate(part, 1):
                    passed += 1
                    if name in found or number == len(part):
                        place = Place(at, key, name)
                        yield place, found.get(name), passed
                        passed = 0
            if ended:
                at, place = at + 1, None

    async def _read(self, rows: Sequence[Row], glance: Glance | None) -> dict[str, Incident]:
        """Return the incidents of rows, but those that are passed over at a glance."""
        by_shard: dict[int, list[str]] = {}
        for _, name, shard in rows:
            by_shard.setdefault(shard, []).append(name)
        size = AT_ONCE if glance else CHUNK
        reads = [
            self._reader.read_of(self._shards[shard], names[at : at + size], glance)
            for shard, names in by_shard.items()
            for at in range(0, len(names), size)
        ]
        if len(reads) == 1:
            return await reads[0]
        found: dict[str, Incident] = {}
        for some in await asyncio.gather(*reads):
            found |= some
        return found

    def _legs(self, query: Query) -> list[Leg]:
        closed = [closed_of(keys, query) for keys in self._shards] if query.wants_closed else []
        if not query.wants_open:
            return [Leg(closed, down=query.sort != "oldest")]
        bands = [UNSORTED, *map(band_of, query.priorities)] if query.priorities else list(BANDS)
        if query.sort != "urgent":
            opened = [source_of(keys, band) for band in bands for keys in self._shards]
            return [Leg([*opened, *closed], down=query.sort == "newest")]
        if query.priorities:
            legs = [Leg([source_of(keys, band) for keys in self._shards]) for band in bands]
        else:
            # The index is in this very order.
            legs = [Leg([Source(keys, keys.open) for keys in self._shards])]
        return [*legs, Leg(closed, down=True)] if closed else legs

    async def _rows(self, leg: Leg, place: Place | None, size: int) -> tuple[list[Row], bool]:
        """Return up to ``size`` rows of a leg after ``place``, and whether it ends there."""
        found: list[tuple[int, bytes, Source]] = []
        sources, asked = leg.sources, size + TIES
        while sources:
            read = partial(self._read_sources, sources, place, asked, down=leg.down)
            short = []
            for source, rows in zip(sources, await self._call(read), strict=True):
                after = after_rows(source, rows, place, down=leg.down)
                if len(after) < size and len(rows) == asked:
                    # More share the score of the place than were read: from the start again, for
                    # what is skipped by its number would be another after one of them has ended.
                    short.append(source)
                else:
                    found += [(key, name, source) for key, name in after]
            sources, asked = short, asked * 4
        found.sort(key=lambda row: row[:2], reverse=leg.down)
        return await self._named(found[:size]), len(found) < size

    async def _read_sources(
        self, sources: Sequence[Source], place: Place | None, number: int, *, down: bool
    ) -> list[list[tuple[bytes, float]]]:
        pipeline = self._redis.pipeline(transaction=False)
        for source in sources:
            low, high = span_of(source)
            if place is not None:
                # Its own score as well: others may share it.
                known = source.base + place.key
                if down and (not source.high or known < source.high) and known < MOST:
                    high = str(known)
                elif not down and known > source.low:
                    low = str(known)
            first, last = (high, low) if down else (low, high)
            more: dict[str, Any] = {"byscore": True, "offset": 0, "num": number}
            pipeline.zrange(source.key, first, last, desc=down, withscores=True, **more)
        found: list[list[tuple[bytes, float]]] = await pipeline.execute()
        return found

    async def _named(self, rows: Sequence[tuple[int, bytes, Source]]) -> list[Row]:
        """Return the rows that name incidents; what else an index has is put aside."""
        named: set[str] = set()
        for source in dict.fromkeys(row[2] for row in rows):
            members = [name for _, name, of in rows if of == source]
            named |= set(await self._mending.members(source.keys, source.key, members))
        shown = [
            (key, name.decode("ascii", "replace"), source.keys.shard) for key, name, source in rows
        ]
        return [row for row in shown if row[1] in named]
