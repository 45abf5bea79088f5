"""What one process does for the audit trail of all: pack it, remove what is too old, anchor it."""

import asyncio
import logging
from collections.abc import Callable

from receiver.audit.anchors import AnchorError, Anchors
from receiver.audit.config import AuditConfig
from receiver.audit.of_decision import SERVICE
from receiver.conditions import Conditions, Subject
from receiver.errors import StoreUnavailableError
from receiver.store.audit.entries import TRIMMED, AuditStore, Chain, time_of, trimmed
from receiver.store.audit.entry import BLOCK, AuditEntry
from receiver.store.replicas.turns import Turns

log = logging.getLogger("audit-trail")

EVERY_S = 10.0
TURN, TURN_MS = "audit", 60_000
TRIM_EVERY_MS = 600_000
PACKED_AT_ONCE = 200
"""Blocks that one round packs at most."""
TRIMMED_AT_ONCE = 100


class Keeper:
    """Looks after the trail, as long as it is this process's turn."""

    def __init__(
        self,
        store: AuditStore,
        turns: Turns,
        config: AuditConfig,
        anchors: Anchors,
        conditions: Conditions,
        now: Callable[[], int],
    ) -> None:
        """``now()`` returns the time in ms."""
        self._store = store
        self._turns = turns
        self._config = config
        self._anchors = anchors
        self._conditions = conditions
        self._now = now
        self._anchored: dict[int, int] = {}
        """The number of each shard's last anchor that everybody was told."""
        self._anchored_at = self._trimmed_at = 0

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.round()
            except StoreUnavailableError:
                pass  # the store says so itself
            except Exception:
                log.exception("the audit trail was not looked after")

    async def round(self) -> None:
        """Do what is to be done, if it is our turn. StoreUnavailableError."""
        if not (await self._turns.take(TURN, TURN_MS)).ours:
            self._conditions.report(Subject.AUDIT, "")
            return
        for shard in range(len(self._store.shards)):
            await self._store.mark(shard)
            for _ in range(PACKED_AT_ONCE):
                if not await self._store.pack(shard):
                    break
        if not 0 <= self._now() - self._trimmed_at < TRIM_EVERY_MS:
            self._trimmed_at = self._now()
            for shard in range(len(self._store.shards)):
                await self._trim(shard)
        every = self._config.anchor_every
        if every and not 0 <= self._now() - self._anchored_at < every:
            await self.anchor()

    async def close(self, *, began: bool = True) -> None:
        """Leave the turn to another process, with a last anchor.

        Where the service never ``began``, its server may be one that was refused: nothing is sent.
        """
        try:
            if began and self._config.anchor_every and (await self._turns.take(TURN, TURN_MS)).ours:
                await self.anchor()
            await self._turns.give_up(TURN)
        except StoreUnavailableError as error:
            log.warning("the end of the audit trail was not anchored: %s", error)
        await self._anchors.close()

    async def anchor(self) -> None:
        """Tell outside where the trail ends, where that is new. StoreUnavailableError."""
        problem = ""
        self._anchored_at = self._now()
        for shard in range(len(self._store.shards)):
            chain = await self._store.mark(shard)
            if chain.number == self._anchored.get(shard, 0):
                continue
            try:
                await self._anchors.write(shard, chain.number, chain.link, self._now())
                self._anchored[shard] = chain.number
            except AnchorError as error:
                problem = f"an anchor of the audit trail was not written: {error}"
        self._conditions.report(Subject.AUDIT, problem)

    async def _trim(self, shard: int) -> None:
        """Remove the blocks whose last entry is too old, and those that are too many."""
        chain = await self._store.chain(shard)
        upto, why = chain.first, ""
        while upto < min(chain.packed, chain.first + TRIMMED_AT_ONCE):
            over = await self._is_over(shard, chain, upto)
            if not over:
                break
            upto, why = upto + 1, over
        if not why:
            return
        last = await self._store.last_of(shard, upto - 1)
        link = last.link if last is not None else ""
        number = upto * BLOCK
        entry = AuditEntry(self._now(), TRIMMED, why, SERVICE, detail=trimmed(number, link))
        if await self._store.trim(shard, chain, upto, entry, link):
            level = logging.WARNING if why == "max_entries" else logging.INFO
            words = "the audit trail of shard %d begins after entry %d now (audit.%s)"
            log.log(level, words, shard, number, why)

    async def _is_over(self, shard: int, chain: Chain, block: int) -> str:
        """Return why a block is not kept any longer, "" when it is."""
        if chain.number - block * BLOCK > self._config.max_entries:
            return "max_entries"
        last = await self._store.last_of(shard, block)
        at = time_of(last) if last is not None else 0
        old = 0 < at < self._now() - self._config.retention
        return "retention" if old else ""
