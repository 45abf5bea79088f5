"""Planned maintenance of the status page: declared by people, shown before, while and after it is.

A hash in the first shard, of bounded size; what ended long ago makes room.
"""

import msgspec

from receiver.store.keys import Keys
from receiver.store.records.record import UNREADABLE, said
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended
from routing.alert import Time

KEPT_MS = 90 * 86_400_000
MOST = 200
"""Of planned and past ones together."""


class Maintenance(msgspec.Struct, frozen=True, omit_defaults=True):
    """``start`` to ``end`` (ms); ``at``: when it was declared, or changed, ``by`` whom."""

    id: str
    title: str
    start: Time
    end: Time
    components: tuple[str, ...]
    text: str = ""
    by: str = ""
    at: Time = 0

    def is_same(self, other: "Maintenance") -> bool:
        """Return whether it is the same one, declared again."""
        return (self.title, self.start, self.end, self.components) == (
            other.title,
            other.start,
            other.end,
            other.components,
        )


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Maintenance).decode


class TooManyError(Exception):
    """As many are kept as there may be."""


class MaintenanceStore:
    """Reads and keeps it."""

    def __init__(self, redis: Client, mending: Mending) -> None:
        self._redis = redis
        self._mending = mending
        self._keys = Keys(0)
        self._key = self._keys.maintenance

    async def listed(self) -> list[Maintenance]:
        """Return all of it, the first to begin first; what cannot be read is put aside."""
        async with unavailable_is_503():
            stored: dict[bytes, bytes] = await mended(
                lambda: self._redis.hgetall(self._key),
                lambda: self._mending.of_type(self._keys, self._key, "hash"),
            )
        found = []
        for field, raw in stored.items():
            try:
                found.append(_decode(raw))
            except UNREADABLE as error:
                part = ("field", field, raw)
                await self._mending.register.put_aside_part(
                    self._keys, "other", self._key, part, said(error)
                )
        return sorted(found, key=lambda one: (one.start, one.id))

    async def add(self, wanted: Maintenance, now: int) -> Maintenance:
        """Keep it; return it, or the one that is the same already. TooManyError."""
        known = await self.listed()
        for one in known:
            if one.is_same(wanted):
                return one
        old = [one.id for one in known if one.end < now - KEPT_MS]
        if len(known) - len(old) >= MOST:
            raise TooManyError
        async with unavailable_is_503():
            pipeline = self._redis.pipeline(transaction=True)
            if old:
                pipeline.hdel(self._key, *old)
            pipeline.hset(self._key, wanted.id, _encode(wanted))
            await pipeline.execute()
        return wanted

    async def cancel(self, name: str, by: str, now: int) -> tuple[str, Maintenance | None]:
        """End what goes on, take away what has not begun; return what became of it, and which.

        ``unknown``, ``over``, ``ended`` or ``cancelled``.
        """
        found = next((one for one in await self.listed() if one.id == name), None)
        if found is None:
            return "unknown", None
        if found.end <= now:
            return "over", found
        async with unavailable_is_503():
            if found.start > now:
                await self._redis.hdel(self._key, name)
                return "cancelled", found
            ended = msgspec.structs.replace(found, end=now, by=by, at=now)
            await self._redis.hset(self._key, name, _encode(ended))
        return "ended", ended
