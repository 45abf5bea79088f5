"""Everything stored of one incident as of one moment, so that no answer contradicts itself."""

from collections.abc import Sequence
from typing import Any

from receiver.errors import NewerRecordError, StoreUnavailableError
from receiver.incident_json import Whole
from receiver.store.keys import Keys, is_time
from receiver.store.records.read import TRIES, RecordReader
from receiver.store.records.receipts import read_receipts
from receiver.store.records.record import shown_newer
from receiver.store.redis import unavailable_is_503
from routing.incident import Incident

ENTRIES_SHOWN = 500
"""Timeline entries that one answer shows: the latest, or those before the ones shown last."""


async def read_whole(
    reader: RecordReader, name: str, most: int = ENTRIES_SHOWN, before: int = 0
) -> Whole | None:
    """Return an incident for people, None for a text that names none.

    It has ``most`` timeline entries at most: the latest, or the latest before number ``before`` (2
    or more; 0: no such bound). What cannot be read is put aside, and all of it read again.
    """
    try:
        keys = reader.of(name)
    except ValueError:
        return None
    for _ in range(TRIES):
        rows = await _read(reader, keys, name, most, before)
        incident = await _incident(reader, name, rows[0])
        if incident is None or not incident.opened_at:
            return None
        if not await _mend(reader, keys, incident, rows):
            _, length, lines, stored, repeated = rows
            first = 1 + (max(0, before - 1 - most) if before else length - len(lines))
            return Whole(
                incident=incident,
                receipts=read_receipts(stored)[0],
                timeline=tuple(await reader.mending.lines(keys, name, first, lines)),
                first=first,
                entries=length,
                # A payload that changed something is in the record, one that repeated it beside.
                seen_at=max(incident.seen_at, int(repeated or 0)),
            )
    raise StoreUnavailableError(f"what is stored of incident {name} is damaged again and again")


async def _read(
    reader: RecordReader, keys: Keys, name: str, most: int, before: int
) -> tuple[Any, Any, Any, Any, Any]:
    start, stop = (max(0, before - 1 - most), before - 2) if before else (-most, -1)
    # A transaction: no commit comes between, and all of an incident is in one place.
    async with unavailable_is_503():
        pipeline = reader.redis.pipeline(transaction=True)
        pipeline.get(keys.incident(name))
        pipeline.llen(keys.timeline(name))
        pipeline.lrange(keys.timeline(name), start, stop)
        pipeline.hgetall(keys.receipts(name))
        pipeline.hget(keys.seen, name)
        record, length, lines, stored, repeated = await pipeline.execute(raise_on_error=False)
    return record, length, lines, stored, repeated


async def _incident(reader: RecordReader, name: str, record: Any) -> Incident | None:
    raw = record if isinstance(record, bytes) else b""
    try:
        return await reader.load(name, raw)
    except NewerRecordError:
        return shown_newer(name, raw)


async def _mend(reader: RecordReader, keys: Keys, incident: Incident, rows: Sequence[Any]) -> bool:
    """Put aside what cannot be read beside a record; return whether there was any."""
    _, length, lines, stored, repeated = rows
    wrong = [row for row in (length, lines, stored, repeated) if isinstance(row, Exception)]
    if isinstance(length, Exception) or isinstance(lines, Exception):
        await reader.mending.timeline(keys, incident.id)
    if isinstance(stored, Exception) or read_receipts(stored)[1]:
        await reader.mending.receipts(keys, incident.id, incident.pages)
        wrong.append(stored)
    if isinstance(repeated, Exception) or (repeated and not is_time(repeated)):
        await reader.last_seen(incident)
        wrong.append(repeated)
    return bool(wrong)
