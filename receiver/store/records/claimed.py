"""What is stored about the incidents of claimed tasks, read in one call, whatever their number."""

from collections.abc import Sequence
from typing import Any

import msgspec

from receiver.errors import DamagedRecordError, StoreUnavailableError
from receiver.store.keys import Keys
from receiver.store.records.receipts import read_receipts
from receiver.store.records.record import decode_entries, decode_incident
from receiver.store.redis import Client, load_script, unavailable_is_503
from receiver.store.repair.mending import Mending
from routing.incident_parts import Entry
from routing.receipt import Receipt

TAIL = 30
"""Timeline entries read with a delivery; a receipt that is further behind reads them itself."""


class Reading(msgspec.Struct, frozen=True):
    """What is stored about a task's incident.

    ``entries`` are the latest of its timeline, after the one numbered ``entries_from``; none for a
    timer. ``broken``: why receipts or timeline cannot be read, "" as a rule.
    """

    record: bytes
    receipts: dict[str, Receipt]
    entries: tuple[Entry, ...]
    entries_from: int
    broken: str = ""

    @property
    def paged(self) -> dict[str, int]:
        """What the receipts say was delivered, by notifier."""
        return {name: receipt.paged_seq for name, receipt in self.receipts.items()}

    @property
    def errors(self) -> dict[str, str]:
        """What went wrong last, of the notifiers that fail."""
        found = self.receipts.items()
        return {name: receipt.last_error for name, receipt in found if receipt.last_error}


class ClaimedReader:
    """Reads for one shard."""

    def __init__(self, redis: Client, keys: Keys, mending: Mending) -> None:
        self._redis = redis
        self._keys = keys
        self._mending = mending
        self._script = load_script(redis, "read_claimed")

    async def read(self, wanted: Sequence[tuple[str, bool]]) -> list[Reading]:
        """Return readings in the order of ``wanted``: (incident, whether its timeline matters).

        What cannot be read is its own task's problem: a record is handed on as it is (see
        ``RecordReader.load``), anything else is put aside.
        """
        keys = self._keys
        names = [
            name
            for incident, _ in wanted
            for name in (keys.incident(incident), keys.receipts(incident), keys.timeline(incident))
        ]
        tails = [TAIL if timeline else 0 for _, timeline in wanted]
        async with unavailable_is_503():
            rows = await self._script(keys=names, args=tails)
        return [
            await self._reading(incident, *row)
            for (incident, _), row in zip(wanted, rows, strict=True)
        ]

    async def _reading(
        self, name: str, record: bytes | None, stored: Any, length: Any, tail: Any
    ) -> Reading:
        if stored is not None and length is not None and tail is not None:
            fields = iter(stored)
            receipts, lost = read_receipts(dict(zip(fields, fields, strict=True)))
            entries, damaged = decode_entries(tail)
            if not lost and not damaged:
                return Reading(record or b"", receipts, tuple(entries), length - len(entries))
        try:
            return await self._read_damaged(name, record or b"")
        except StoreUnavailableError as error:
            return Reading(b"", {}, (), 0, broken=str(error))

    async def _read_damaged(self, name: str, record: bytes) -> Reading:
        """Read again what could not be read, with what is damaged put aside."""
        keys = self._keys
        receipts = await self._mending.receipts(keys, name, _notifiers(record, name))
        await self._mending.timeline(keys, name)
        async with unavailable_is_503():
            length = await self._redis.llen(keys.timeline(name))
            tail = await self._redis.lrange(keys.timeline(name), -TAIL, -1)
        first = length - len(tail)
        entries = await self._mending.lines(keys, name, first + 1, tail)
        return Reading(record, receipts, tuple(entries), first)


def _notifiers(record: bytes, name: str) -> tuple[str, ...]:
    """Return the notifiers that an incident pages, () where its record cannot be read either."""
    try:
        return tuple(decode_incident(record, name).pages)
    except (DamagedRecordError, StoreUnavailableError):
        return ()
