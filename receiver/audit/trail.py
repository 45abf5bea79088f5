"""What the audit trail tells and no commit does: refusals, logins, reloads.

Each is appended by a small call of its own, beside whatever it tells of: nobody waits for it, and
while Redis is away it waits here (the line of the log is there all the same). Anybody can be
refused, at any rate, so the same refusal is told once and then counted: a row says how often.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import msgspec

from receiver.errors import StoreUnavailableError
from receiver.store.audit.entries import AuditStore
from receiver.store.audit.entry import DETAIL_MAX, TEXT_MAX, AuditEntry

log = logging.getLogger("audit-trail")

WAITING_MAX = 1_000
"""Entries that wait for Redis; beyond that the oldest are counted, and an entry says how many."""
AT_ONCE = 100
AGAIN_AFTER_S = 2.0
FOLD_MS = 300_000
"""The same refusals within so long are one entry (the first is told at once)."""
KINDS_MAX = 10
"""Different refusals within that time that have entries of their own; the rest share one."""
LAST_WITHIN_S = 2.0


class Folding:
    """Counts what is refused again and again."""

    def __init__(self) -> None:
        self._since = 0
        self._seen: dict[tuple[str, ...], AuditEntry] = {}
        self._others: AuditEntry | None = None

    def add(self, entry: AuditEntry) -> list[AuditEntry]:
        """Return what is to be told now: of a refusal that was told already, nothing."""
        told = self.due(entry.at)
        if not self._seen:
            self._since = entry.at
        key = (entry.action, entry.outcome, entry.principal, entry.address, entry.detail)
        known = self._seen.get(key)
        if known is not None:
            self._seen[key] = msgspec.structs.replace(known, times=known.times + 1)
        elif len(self._seen) < KINDS_MAX:
            self._seen[key] = msgspec.structs.replace(entry, times=0)
            told.append(entry)
        else:
            times = self._others.times + 1 if self._others is not None else 1
            self._others = AuditEntry(
                entry.at, entry.action, entry.outcome, detail="many others", times=times
            )
        return told

    def due(self, now: int, *, last: bool = False) -> list[AuditEntry]:
        """Return what was counted once its time is over, or at the very end (``last``)."""
        if not self._seen or (not last and 0 <= now - self._since < FOLD_MS):
            return []
        found = [entry for entry in self._seen.values() if entry.times]
        if self._others is not None:
            found.append(self._others)
        self._seen, self._others = {}, None
        return [msgspec.structs.replace(entry, at=now) for entry in found]


class Trail:
    """Appends what comes, in its order, in the background."""

    def __init__(self, store: AuditStore, now: Callable[[], int]) -> None:
        """``now()`` returns the time in ms."""
        self._store = store
        self._now = now
        self._waiting: deque[AuditEntry] = deque()
        self._wake = asyncio.Event()
        self._folding = Folding()
        self._lost = 0

    @property
    def now(self) -> int:
        """The time (ms)."""
        return self._now()

    def tell(self, entry: AuditEntry) -> None:
        """Have an entry appended soon."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(_bounded(entry))
        self._wake.set()

    def refused(self, entry: AuditEntry) -> None:
        """Have a refusal told, or counted where the same was told a moment ago."""
        for one in self._folding.add(_bounded(entry)):
            self.tell(one)

    async def run(self) -> None:
        """Append what waits, for ever."""
        while True:
            try:
                async with asyncio.timeout(FOLD_MS / 1000):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            for entry in self._folding.due(self._now()):
                self.tell(entry)
            try:
                await self._flush()
            except StoreUnavailableError:
                await asyncio.sleep(AGAIN_AFTER_S)
                self._wake.set()
            except Exception:
                log.exception("the audit trail could not be written")
                await asyncio.sleep(AGAIN_AFTER_S)

    async def close(self) -> None:
        """Append what is left, if Redis takes it at once."""
        for entry in self._folding.due(self._now(), last=True):
            self.tell(entry)
        try:
            async with asyncio.timeout(LAST_WITHIN_S):
                await self._flush()
        except (StoreUnavailableError, TimeoutError) as error:
            log.warning("the end of the audit trail was not written: %s", error)

    async def _flush(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            words = "entries that could not be written while Redis was away"
            self._waiting.appendleft(
                AuditEntry(self._now(), "lost", "lost", detail=words, times=lost)
            )
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                await self._append(batch)
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                raise

    async def _append(self, batch: list[AuditEntry]) -> None:
        shards: dict[int, list[AuditEntry]] = {}
        for entry in batch:
            shards.setdefault(self._store.shard_of(entry.incident), []).append(entry)
        for shard, entries in shards.items():
            await self._store.append(shard, entries)
            for entry in entries:
                batch.remove(entry)


def _bounded(entry: AuditEntry) -> AuditEntry:
    """Return an entry no longer than one may be: anybody can name somebody for a login."""
    if len(entry.detail) <= DETAIL_MAX and max(map(len, _texts(entry))) <= TEXT_MAX:
        return entry
    return msgspec.structs.replace(
        entry,
        principal=entry.principal[:TEXT_MAX],
        credential=entry.credential[:TEXT_MAX],
        incident=entry.incident[:TEXT_MAX],
        address=entry.address[:TEXT_MAX],
        detail=entry.detail[:DETAIL_MAX],
    )


def _texts(entry: AuditEntry) -> tuple[str, ...]:
    return (entry.principal, entry.credential, entry.incident, entry.address)
