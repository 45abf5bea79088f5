"""Keeps an eye on what is stored and cannot be read: has it made good, and says that it is there.

What it says comes from the register in Redis, so that every replica says the same.
"""

import asyncio
import logging
from typing import Protocol

from receiver.conditions import Conditions, Subject
from receiver.errors import StoreUnavailableError
from receiver.store.repair.healing import Healing
from receiver.store.repair.register import Register

log = logging.getLogger("store")

EVERY_S = 5.0
"""The log and the alert on the gauge are no later; /health and /metrics look anew."""


class Resumes(Protocol):
    """What has to go on once stored things were healed."""

    async def resume(self) -> None:
        """Take up again what ran before."""


class DamagedRecords:
    """The condition, and the jobs of ``healing``."""

    def __init__(
        self,
        healing: Healing,
        register: Register,
        conditions: Conditions,
        heartbeats: Resumes,
    ) -> None:
        self._healing = healing
        self._register = register
        self._conditions = conditions
        self._heartbeats = heartbeats

    async def look(self) -> dict[str, int]:
        """Report what is the case now; return the numbers by kind. StoreUnavailableError."""
        entries = await self._register.listed()
        counts = await self._register.counts()
        words = ""
        if entries:
            kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts.items()))
            words = (
                f"{len(entries)} stored thing{'s' if len(entries) > 1 else ''} cannot be read "
                f"({kinds}); the latest is {entries[0].key}: see GET /v1/damaged"
            )
        since = entries[-1].at if entries else 0
        self._conditions.report(Subject.DAMAGED_RECORDS, words, since=since)
        return counts

    async def run(self) -> None:
        """Look and heal again and again, for ever."""
        while True:
            try:
                if await self._healing.round():
                    await self._heartbeats.resume()
                    await self._healing.resumed()
                await self.look()
            except StoreUnavailableError as error:
                log.debug("cannot look for damaged records: %s", error)
            except Exception:
                # Whatever it is, to look no more would be worse.
                log.exception("looking for damaged records failed")
            await asyncio.sleep(EVERY_S)
