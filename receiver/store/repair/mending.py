"""What becomes of stored things that cannot be read: they are put aside, and everything goes on.

Whoever meets one comes here, whatever it was doing. An incident's record is replaced by a stand-in
of the state ``damaged``: lists show it, its tasks end, and what its group reports next begins a new
incident that pages. What is made from the records (a group's pointer, indexes, the agenda) is made
anew from them: at once, or by ``healing``. A receipt becomes ``LOST``. All of it is registered.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from redis.exceptions import ResponseError

from receiver.store.keys import Keys, is_generation, is_id
from receiver.store.lists.order import BAND
from receiver.store.records.receipts import LOST, encode_receipt, read_receipts
from receiver.store.records.record import (
    UNREADABLE_LINE,
    decode_entries,
    encode_entry,
    encode_incident,
)
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.register import MISSING, Judged, Register, wall_ms
from routing.group import Group, split_id
from routing.incident import SCHEMA, Incident
from routing.incident_parts import Damage, Entry
from routing.receipt import Receipt
from routing.vocabulary import Kind

log = logging.getLogger("store")
T = TypeVar("T")

SCANNED = 5_000
"""Keys that one step of a search for a group's generations looks at."""
LINES_MAX = 5_000
"""Lines that hold the place of those of a timeline that cannot be read."""
_KIND = {"due": "agenda", "task": "agenda", "day": "figures", "total": "figures"}
_KIND |= dict.fromkeys(("dead", "changes", "pd", "status", "maintenance", "heal"), "other")
_KIND |= dict.fromkeys(("damaged", "audit", "chain"), "other")
_KIND["response"] = "figures"
RECOUNT, REINDEX, RESUME = "recount", "reindex", "resume"
"""Jobs for ``healing``: count open incidents, rebuild indexes and agenda, watch a heartbeat."""


class Mending:
    """Puts aside what cannot be read, and says what is there instead."""

    def __init__(
        self, redis: Client, shards: Sequence[Keys], now: Callable[[], int] = wall_ms
    ) -> None:
        """``now()`` returns the time in ms."""
        self.redis = redis
        self.register = Register(redis, shards, now)

    async def record(self, keys: Keys, name: str, raw: bytes, why: str) -> bytes:
        """Put an incident's record aside; return the record that is there now (b"" for none).

        ``raw``: what was judged, ``why``: what is wrong with it.
        """
        await self._replace(keys, name, Judged("string", raw), why)
        return await self._get(keys, name)

    async def absent(self, keys: Keys, name: str) -> bytes:
        """Return the record of an incident for which no string was found, b"" when there is none.

        It is damaged when its key is of another type, or missing though something names it.
        """
        group, generation = self._named_by(keys, name)
        async with unavailable_is_503():
            pipeline = self.redis.pipeline(transaction=False)
            pipeline.type(keys.incident(name))
            pipeline.zscore(keys.open, name)
            pipeline.zscore(keys.closed, name)
            pipeline.get(group)
            kind, opened, closed, pointer = await pipeline.execute(raise_on_error=False)
        if kind == b"none":
            named = isinstance(opened, float) or isinstance(closed, float)
            if not named and pointer != generation.encode():
                return b""
            await self._replace(keys, name, MISSING, "it is missing")
        elif kind != b"string":
            await self._replace(keys, name, Judged(kind.decode()), f"it is a {kind.decode()}")
        return await self._get(keys, name)

    async def pointer(self, keys: Keys, digest: str) -> int:
        """Make a group's pointer anew: the newest generation that has a record, 0 for none.

        Called when it is missing though there are records, or says something that is no number.
        """
        key = keys.group(digest)
        kind = await self._judge(key)
        if is_generation(kind.raw):
            return int(kind.raw)
        pattern = keys.incident(f"*-{digest}-*")
        newest = 0
        async with unavailable_is_503():
            async for found in self.redis.scan_iter(match=pattern, count=SCANNED):
                newest = max(newest, _generation(found))
        if kind == MISSING:
            async with unavailable_is_503():
                if newest and await self.redis.set(key, newest, nx=True):
                    log.warning("%s was missing, and leads to generation %d again", key, newest)
            return newest
        found = self.register.entry(keys, "group", key, kind, "it is no generation")
        instead = str(newest).encode() if newest else b""
        await self.register.put_aside(keys, found, kind, instead=instead)
        return newest

    async def timeline(self, keys: Keys, name: str) -> None:
        """Put a timeline that is no list aside. Its numbers go on: what was told stays told."""
        key = keys.timeline(name)
        kind = await self._judge(key)
        if kind.type in ("list", "none"):
            return
        found = self.register.entry(keys, "timeline", key, kind, f"it is a {kind.type}", name)
        if not await self.register.put_aside(keys, found, kind):
            return
        receipts = await self.receipts(keys, name)
        told = max((receipt.cursor for receipt in receipts.values()), default=0)
        text = "What was written here before cannot be read"
        line = encode_entry(Entry(found.at, UNREADABLE_LINE, text))
        async with unavailable_is_503():
            await self.redis.lpush(key, *[line] * min(max(1, told), LINES_MAX))

    async def lines(self, keys: Keys, name: str, first: int, lines: Sequence[bytes]) -> list[Entry]:
        """Return the entries of timeline lines (``first``: number of the first), all in place."""
        entries, damaged = decode_entries(lines)
        for place in damaged:
            line, why = (first + place, lines[place]), entries[place].text
            await self.register.note(keys, "timeline", keys.timeline(name), line, why, name)
        return entries

    async def members(self, keys: Keys, key: str, members: Iterable[bytes]) -> list[str]:
        """Return the incident ids among the members of an index; others are put aside."""
        names = []
        for member in members:
            if is_id(member, keys.shard):
                names.append(member.decode())
            else:
                part = ("member", member, member)
                await self.register.put_aside_part(keys, "index", key, part, "it is no incident id")
        return names

    async def receipts(
        self, keys: Keys, name: str, notifiers: Iterable[str] = ()
    ) -> dict[str, Receipt]:
        """Return an incident's receipts, those that cannot be read put aside and ``LOST``.

        ``notifiers``: those that have one. They are all lost when none can be read.
        """
        key = keys.receipts(name)
        async with unavailable_is_503():
            stored = await mended(
                lambda: self.redis.hgetall(key), lambda: self._lose(keys, name, notifiers)
            )
        receipts, damaged = read_receipts(stored)
        for field, why in damaged.items():
            part, lost = ("field", field, stored[field]), encode_receipt(LOST)
            await self.register.put_aside_part(
                keys, "receipt", key, part, why, incident=name, instead=lost
            )
        return receipts

    async def _lose(self, keys: Keys, name: str, notifiers: Iterable[str]) -> None:
        """Put receipts that are no hash aside: what these notifiers have must be found out."""
        key = keys.receipts(name)
        kind = await self._judge(key)
        if kind.type in ("hash", "none"):
            return
        found = self.register.entry(keys, "receipt", key, kind, f"it is a {kind.type}", name)
        await self.register.put_aside(keys, found, kind)
        for notifier in notifiers:
            await self.redis.hsetnx(key, notifier, encode_receipt(LOST))

    async def of_type(self, keys: Keys, key: str, wanted: str) -> None:
        """Put a key that many share aside if it is not of the type it must be."""
        kind = await self._judge(key)
        if kind.type in (wanted, "none"):
            return
        name = keys.place(key)
        job = RECOUNT if key == keys.active else REINDEX if key in keys.shared() else ""
        job = "" if key in (keys.total, keys.audit, keys.chain) else job
        why = f"it is a {kind.type}, not a {wanted}"
        found = self.register.entry(
            keys, _KIND.get(name.partition(":")[0], "index"), key, kind, why
        )
        await self.register.put_aside(keys, found, kind, job=job)

    async def shared(self, shards: Iterable[Keys]) -> None:
        """Put aside what all incidents of a shard share and what is of another type."""
        for keys in shards:
            wanted = keys.shared()
            async with unavailable_is_503():
                pipeline = self.redis.pipeline(transaction=False)
                for key in wanted:
                    pipeline.type(key)
                types = await pipeline.execute()
            for (key, must), kind in zip(wanted.items(), types, strict=True):
                if kind.decode() not in (must, "none"):
                    await self.of_type(keys, key, must)

    async def _replace(self, keys: Keys, name: str, judged: Judged, why: str) -> None:
        found = self.register.entry(keys, "incident", keys.incident(name), judged, why, name)
        damage = Damage(why, found.at, found.size, found.kept)
        stand_in = encode_incident(await self._stand_in(keys, name, damage))
        watch = split_id(name)[2] == 0
        await self.register.put_aside(
            keys,
            found,
            judged,
            instead=stand_in,
            job=RESUME if watch else RECOUNT,
            named_by=self._named_by(keys, name),
        )

    async def _stand_in(self, keys: Keys, name: str, damage: Damage) -> Incident:
        """Return what stands for a record, named after what its timeline says of it."""
        async with unavailable_is_503():
            pipeline = self.redis.pipeline(transaction=False)
            pipeline.zscore(keys.open, name)
            pipeline.zscore(keys.closed, name)
            pipeline.lrange(keys.timeline(name), 0, -1)
            opened, closed, lines = await pipeline.execute(raise_on_error=False)
        entries = decode_entries(lines)[0] if isinstance(lines, list) else []
        priorities = [entry.priority for entry in entries if entry.priority]
        titles = [entry.text for entry in entries if entry.kind == Kind.OPENED]
        at = _moment(opened) or _moment(closed) or damage.at
        return Incident(
            id=name,
            group=Group(cluster="", receiver="", group_key=""),
            state="damaged",
            schema=SCHEMA,
            # Above every version that somebody may still believe to be there.
            version=damage.at,
            generation=split_id(name)[2],
            priority=priorities[-1] if priorities else "P1",
            priority_reason="as its timeline says" if priorities else "not known: it may be a P1",
            title=titles[-1] if titles else "An incident whose record cannot be read",
            opened_at=at,
            episode_opened_at=at,
            updated_at=damage.at,
            resolved_at=at if _moment(closed) and not _moment(opened) else 0,
            damage=damage,
        )

    @staticmethod
    def _named_by(keys: Keys, name: str) -> tuple[str, str]:
        _, digest, generation = split_id(name)
        return keys.group(digest), str(generation)

    async def _judge(self, key: str) -> Judged:
        async with unavailable_is_503():
            pipeline = self.redis.pipeline()
            pipeline.type(key)
            pipeline.get(key)
            kind, raw = await pipeline.execute(raise_on_error=False)
        return Judged(kind.decode(), raw if isinstance(raw, bytes) else b"")

    async def _get(self, keys: Keys, name: str) -> bytes:
        async with unavailable_is_503():
            # Of a key of another type MGET gives nothing, where GET fails.
            return (await self.redis.mget([keys.incident(name)]))[0] or b""


async def mended(call: Callable[[], Awaitable[T]], mend: Callable[[], Awaitable[None]]) -> T:
    """Return what ``call`` gives; when it meets a key of a wrong type, ``mend`` and call again."""
    try:
        return await call()
    except ResponseError as error:
        if not is_of_wrong_type(error):
            raise
    await mend()
    return await call()


def is_of_wrong_type(error: Exception) -> bool:
    """Return whether a command, or a script of ours, met a key of a wrong type."""
    return "WRONGTYPE" in str(error)


def _generation(key: bytes) -> int:
    tail = key.rpartition(b"-")[2]
    return int(tail) if is_generation(tail) else 0


def _moment(score: object) -> int:
    """Return the time (ms) in an index's score, 0 for none."""
    if not isinstance(score, float) or not 0 <= score < float("inf"):
        return 0
    return int(score) % BAND
