"""Reading incidents: nobody who reads is stopped by a single record."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from receiver.aio.off_the_loop import off_the_loop
from receiver.errors import DamagedRecordError, NewerRecordError, StoreUnavailableError
from receiver.store.keys import Keys, is_generation, is_time
from receiver.store.records.record import decode_incident, shown_newer
from receiver.store.redis import Client, unavailable_is_503
from receiver.store.repair.mending import Mending, mended
from receiver.store.repair.register import wall_ms
from routing.group import split_id
from routing.incident import Incident
from routing.incident_parts import Entry

YIELD_BYTES = 256 << 10
"""Bytes of records that are decoded before others may run."""
LARGE_RECORD = 200_000
"""Bytes from which on decoding one takes over 2 ms."""
TRIES = 3
"""How often a record that is damaged is put aside and read again."""


async def decoded(raw: bytes, name: str = "") -> Incident:
    """Return the incident of a record as ``decode_incident`` does; a large one beside the loop."""
    if len(raw) < LARGE_RECORD:
        return decode_incident(raw, name)
    return await off_the_loop(partial(decode_incident, raw, name))


class RecordReader:
    """Reads records and what is beside them, of all shards."""

    def __init__(
        self, redis: Client, keys: Sequence[Keys], now: Callable[[], int] = wall_ms
    ) -> None:
        """``keys``: those of each shard; ``now()`` returns the time in ms."""
        self.redis = redis
        self.keys = keys
        self.mending = Mending(redis, keys, now)

    def of(self, incident: str) -> Keys:
        """Return the keys of an incident's shard; ValueError for an id of no shard of ours."""
        return self.keys[self.shard_of(incident)]

    def shard_of(self, incident: str) -> int:
        """Return the number of an incident's shard; ValueError for an id of no shard of ours."""
        shard, _, _ = split_id(incident)
        if shard >= len(self.keys):
            raise ValueError(f"not an incident id: {incident!r}")
        return shard

    async def readable(self, name: str, raw: bytes) -> bytes:
        """Return a record that can be read: the one given, or its stand-in; b"" for none.

        NewerRecordError for one that a newer release wrote.
        """
        keys = self.of(name)
        for _ in range(TRIES):
            if not raw:
                raw = await self.mending.absent(keys, name)
            why = _damage(name, raw)
            if not why:
                return raw
            raw = await self.mending.record(keys, name, raw, why)
        raise StoreUnavailableError(f"the record of incident {name} is damaged again and again")

    async def record(self, name: str) -> bytes:
        """Return the record as it is stored, b"" for none."""
        async with unavailable_is_503():
            # Of a key of another type MGET gives nothing, where GET fails.
            return (await self.redis.mget([self.of(name).incident(name)]))[0] or b""

    async def read(self, names: Iterable[str]) -> dict[str, Incident]:
        """Return those that exist, by id; never fails for a single record. The one way to read.

        One that cannot be read is put aside and returned as its stand-in (state ``damaged``); one
        of a newer release is shown with what can be told of it (state ``newer``), and must not be
        written. ValueError for a malformed id. One round trip for each shard.
        """
        found: dict[str, Incident] = {}
        for shard, there in self._by_shard(names).items():
            found |= await self.read_of(self.keys[shard], there)
        return found

    async def read_of(
        self, keys: Keys, names: Sequence[str], wanted: Callable[[bytes], bool] | None = None
    ) -> dict[str, Incident]:
        """Return the same for ids of one shard.

        Records of which ``wanted`` says no are left out, as if there were none.
        """
        async with unavailable_is_503():
            rows = await self.redis.mget([keys.incident(name) for name in names])
        found: dict[str, Incident] = {}
        decoded = 0
        for name, raw in zip(names, rows, strict=True):
            if raw and wanted is not None and not wanted(raw):
                continue
            decoded += len(raw or b"")
            if decoded > YIELD_BYTES:
                # An incident may have a thousand alerts, and a webhook waits meanwhile.
                decoded = await asyncio.sleep(0, result=0)
            incident = await self._read_one(name, raw or b"")
            if incident is not None:
                found[name] = incident
        return found

    def _by_shard(self, names: Iterable[str]) -> dict[int, list[str]]:
        """Return ids by shard; ValueError for a malformed one."""
        places: dict[int, list[str]] = {}
        for name in names:
            places.setdefault(self.shard_of(name), []).append(name)
        return places

    async def _read_one(self, name: str, raw: bytes) -> Incident | None:
        try:
            return await decoded(raw, name) if raw else await self._mended(name, raw)
        except NewerRecordError:
            return shown_newer(name, raw)
        except DamagedRecordError:
            return await self._mended(name, raw)

    async def _mended(self, name: str, raw: bytes) -> Incident | None:
        record = await self.readable(name, raw)
        return await decoded(record, name) if record else None

    async def newest(self, stems: Iterable[str]) -> list[str]:
        """Return the id of the newest incident of each group that has one (``group_stem``)."""
        names = []
        places = self._by_shard(f"{stem}-0" for stem in stems)
        for shard, wanted in places.items():
            keys = self.keys[shard]
            async with unavailable_is_503():
                rows = await self.redis.mget([keys.group(split_id(name)[1]) for name in wanted])
            for name, raw in zip(wanted, rows, strict=True):
                if raw and is_generation(raw):
                    names.append(f"{name.rpartition('-')[0]}-{int(raw)}")
        return names

    async def load(self, name: str, raw: bytes | None = None) -> Incident | None:
        """Return an incident to decide from, None for none; ``raw``: its record, if it was read.

        ValueError when the id is malformed; NewerRecordError when a newer release wrote it.
        """
        record = await self.record(name) if raw is None else raw
        try:
            return await decoded(record, name) if record else await self._mended(name, record)
        except DamagedRecordError:
            return await self._mended(name, record)

    async def find(self, text: str) -> Incident | None:
        """Return an incident for people; None for a text that names none."""
        try:
            incident = await self.load(text)
        except ValueError:
            return None
        return incident if incident is not None and incident.opened_at else None

    async def timeline(self, incident: str, start: int = 0) -> list[Entry]:
        """Return the timeline entries from number ``start`` + 1 on, oldest first.

        A line that cannot be read is an entry that says so, in its place.
        """
        keys = self.of(incident)
        async with unavailable_is_503():
            lines = await mended(
                lambda: self.redis.lrange(keys.timeline(incident), start, -1),
                lambda: self.mending.timeline(keys, incident),
            )
        return await self.mending.lines(keys, incident, start + 1, lines)

    async def last_seen(self, incident: Incident) -> int:
        """Return when a payload last spoke of the incident (ms).

        A payload that changed something is in the record, one that repeated it beside it.
        """
        keys, name = self.of(incident.id), incident.id
        async with unavailable_is_503():
            repeated = await mended(
                lambda: self.redis.hget(keys.seen, name), lambda: self.mending.shared([keys])
            )
        if repeated is not None and not is_time(repeated):
            # Nobody knows when: what counts how long nobody spoke of it begins anew.
            now = self.mending.register.now()
            part = ("field", name.encode(), repeated)
            await self.mending.register.put_aside_part(
                keys, "index", keys.seen, part, "it is no time", instead=str(now).encode()
            )
            return now
        return max(incident.seen_at, int(repeated or 0))


def _damage(name: str, raw: bytes) -> str:
    """Return why a record cannot be read, "" when it can or there is none."""
    try:
        if raw:
            decode_incident(raw, name)
    except DamagedRecordError as error:
        return str(error)
    return ""
