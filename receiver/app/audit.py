"""Puts the audit together: its trail in Redis, what looks after that, and what tells it."""

import asyncio
from typing import TYPE_CHECKING

from receiver.aio.background import end
from receiver.audit.anchors import Anchors
from receiver.audit.keeper import Keeper
from receiver.audit.notes import Audit
from receiver.audit.trail import Trail
from receiver.store.audit.entries import AuditStore
from receiver.store.audit.read import AuditReader

if TYPE_CHECKING:
    from receiver.app.service import Service


class AuditParts:
    """The audit of one process."""

    def __init__(self, service: "Service", shards: int) -> None:
        now = service.clock.now
        self.store = AuditStore(service.redis, shards)
        self.trail = Trail(self.store, now)
        self.audit = Audit(self.trail)
        self.reader = AuditReader(self.store)
        config = service.settings.audit
        self.keeper = Keeper(
            self.store, service.turns, config, Anchors(config), service.conditions, now
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, version: str) -> None:
        """Begin to write what is told."""
        self._tasks = [
            asyncio.create_task(self.trail.run()),
            asyncio.create_task(self.keeper.run()),
        ]
        self.audit.tell("start", "accepted", f"version {version}")

    async def close(self) -> None:
        """Write what is left."""
        began = bool(self._tasks)
        if began:
            self.audit.tell("stop", "accepted")
        await end(self._tasks)
        await self.trail.close()
        await self.keeper.close(began=began)
