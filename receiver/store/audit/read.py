"""Reading the audit trail: from its end backwards, or all of it from its beginning."""

from collections.abc import AsyncIterator, Iterable, Iterator

import msgspec

from receiver.store.audit.entries import AuditStore, Snapshot
from receiver.store.audit.entry import BLOCK, AuditEntry, Numbered, decode_entry, parse_row
from receiver.store.audit.verify import Anchor, Fault, Verifier

LOOKED_THROUGH = 100_000
"""Entries that are looked through for one page; a later page goes on from there."""
_TRIES = 5


class Filter(msgspec.Struct, frozen=True):
    """What is looked for: each part is "" (or 0) for everything.

    ``principal`` is also looked for among credentials; ``action`` and ``outcome`` may be
    the beginning of one; ``since`` and ``until`` in ms, both included.
    """

    principal: str = ""
    action: str = ""
    incident: str = ""
    outcome: str = ""
    since: int = 0
    until: int = 0

    def takes(self, entry: AuditEntry) -> bool:
        """Return whether an entry is one of those."""
        wanted = self.principal.casefold()
        return (
            (
                not wanted
                or wanted in entry.principal.casefold()
                or wanted in entry.credential.casefold()
            )
            and entry.action.startswith(self.action)
            and entry.outcome.startswith(self.outcome)
            and (not self.incident or entry.incident == self.incident)
            and entry.at >= self.since
            and (not self.until or entry.at <= self.until)
        )


class AuditPage(msgspec.Struct):
    """Entries, the latest first; ``next``: where the next page begins, "" at the end."""

    entries: list[Numbered]
    next: str
    looked_through: int


class CursorError(ValueError):
    """A cursor that is none of ours."""


class AuditReader:
    """Reads the trail of all shards."""

    def __init__(self, store: AuditStore) -> None:
        self.store = store

    async def page(
        self, wanted: Filter, limit: int, cursor: str = "", most: int = LOOKED_THROUGH
    ) -> AuditPage:
        """Return the latest entries that are looked for, before the cursor's place.

        A page may be shorter than ``limit`` although there are more: ``most`` entries are looked
        through. CursorError, StoreUnavailableError.
        """
        below = self._places(cursor)
        legs = [_Leg(self.store, shard, upto) for shard, upto in enumerate(below)]
        if wanted.incident:
            # All that is told of an incident is in the trail of its shard.
            legs = [legs[self.store.shard_of(wanted.incident)]]
        found: list[Numbered] = []
        looked = 0
        while len(found) < limit and looked < most:
            latest = None
            for leg in legs:
                one = await leg.peek()
                if one is not None and (latest is None or one.entry.at > latest[0].entry.at):
                    latest = (one, leg)
            if latest is None:
                return AuditPage(found, "", looked)
            latest[1].pop()
            looked += 1
            # Time goes forward along a shard but for what replicas' clocks differ.
            if latest[0].entry.at < wanted.since - _CLOCKS_DIFFER_MS:
                return AuditPage(found, "", looked)
            if wanted.takes(latest[0].entry):
                found.append(latest[0])
        ends = [await leg.peek() is None for leg in legs]
        upto = dict(enumerate(below)) | {leg.shard: leg.below for leg in legs}
        after = "" if all(ends) else "-".join(str(upto[shard] or 0) for shard in sorted(upto))
        return AuditPage(found, after, looked)

    def _places(self, cursor: str) -> list[int | None]:
        shards = len(self.store.shards)
        if not cursor:
            return [None] * shards
        parts = cursor.split("-")
        if len(parts) != shards or not all(
            part.isascii() and part.isdigit() and len(part) <= _DIGITS for part in parts
        ):
            raise CursorError("is none that a page of the audit trail gave")
        return [int(part) for part in parts]

    async def rows(self, shard: int) -> AsyncIterator[tuple[Snapshot, int, list[bytes] | None]]:
        """Give all rows of a shard as of one moment, a block at a time, the oldest first.

        Each with the number up to which the block has entries; None for a block that cannot be
        read. The snapshot is the same each time.
        """
        snapshot = await self.store.snapshot(shard)
        chain = snapshot.chain
        for number in range(chain.first, chain.packed):
            yield snapshot, (number + 1) * BLOCK, await self.store.block(shard, number)
        yield snapshot, chain.number, snapshot.rows

    async def verify(self, anchors: Iterable[Anchor] = ()) -> tuple[list[Fault], int, int]:
        """Return what is wrong, the number of entries, and that of anchors which agree."""
        known = list(anchors)
        faults, entries, agreed = [], 0, 0
        for shard in range(len(self.store.shards)):
            verifier = await self._verified(shard, known)
            faults += verifier.finish()
            entries += verifier.entries
            agreed += verifier.anchors
        return faults, entries, agreed

    async def _verified(self, shard: int, anchors: list[Anchor]) -> Verifier:
        for left in range(_TRIES, -1, -1):
            verifier: Verifier | None = None
            first = 0
            async for snapshot, upto, rows in self.rows(shard):
                if verifier is None:
                    verifier = Verifier(shard, snapshot.chain, anchors)
                    first = snapshot.chain.first
                if rows is None:
                    verifier.unreadable(upto)
                else:
                    verifier.feed(rows)
            # Retention may have removed blocks meanwhile, and they only look missing.
            if not left or (await self.store.chain(shard)).first == first:
                break
        assert verifier is not None  # noqa: S101 - the snapshot comes always
        return verifier


_CLOCKS_DIFFER_MS = 60_000
_DIGITS = 15


class _Leg:
    """One shard, read backwards, a block at a time."""

    def __init__(self, store: AuditStore, shard: int, below: int | None) -> None:
        """``below``: entries of lower numbers alone, None for all."""
        self._store = store
        self.shard = shard
        self.below = below
        self._rows: Iterator[Numbered] = iter(())
        self._head: Numbered | None = None
        self._snapshot: Snapshot | None = None
        self._block = -1
        """The block that is read next; the list was read before."""

    async def peek(self) -> Numbered | None:
        """Return the latest entry that is left, None at the end."""
        while self._head is None:
            self._head = next(self._rows, None)
            if self._head is None and not await self._more():
                return None
        return self._head

    def pop(self) -> None:
        """Go past the entry that ``peek`` gave."""
        if self._head is not None:
            self.below = self._head.number
        self._head = None

    async def _more(self) -> bool:
        if self._snapshot is None:
            self._snapshot = await self._store.snapshot(self.shard)
            chain = self._snapshot.chain
            if self.below is None:
                # What is appended while pages are turned is on none of them.
                self.below = chain.number + 1
            last = chain.packed - 1
            self._block = min(last, (self.below - 2) // BLOCK)
            if self.below > chain.packed * BLOCK + 1:
                self._rows = self._parsed(self._snapshot.rows, chain.packed * BLOCK, chain.number)
                return True
        if self._block < self._snapshot.chain.first:
            return False
        rows = await self._store.block(self.shard, self._block) or []
        self._rows = self._parsed(rows, self._block * BLOCK, (self._block + 1) * BLOCK)
        self._block -= 1
        return True

    def _parsed(self, rows: list[bytes], after: int, last: int) -> Iterator[Numbered]:
        """Give the entries of rows backwards, without those that cannot be read.

        Nor those whose number is none of these rows: ``verify`` tells of them.
        """
        last = min(last, (self.below or 0) - 1)
        for raw in reversed(rows):
            row = parse_row(raw)
            entry = decode_entry(row.content) if row is not None else None
            if row is not None and entry is not None and after < row.number <= last:
                yield Numbered(self.shard, row.number, row.link, entry)
