"""The condition that there are open incidents of which nobody could be told.

It is read from the index that commits keep in Redis, so that every replica says the same.
"""

import asyncio
import logging

from receiver.conditions import Conditions, Subject
from receiver.errors import StoreUnavailableError
from receiver.store.incidents import IncidentStore

log = logging.getLogger("unreached")

EVERY_S = 5.0
"""The log and the alert on the gauge are no later; /health, /metrics and the console look anew."""


class Unreached:
    """Keeps the condition up to date."""

    def __init__(self, store: IncidentStore, conditions: Conditions) -> None:
        self._store = store
        self._conditions = conditions

    async def look(self) -> None:
        """Report what is the case now. StoreUnavailableError."""
        number, since, oldest = await self._store.unreached()
        words = ""
        if number:
            some = "an open incident" if number == 1 else f"{number} open incidents"
            which = oldest if number == 1 else f"the oldest is {oldest}"
            words = f"nobody could be told of {some} ({which})"
        self._conditions.report(Subject.UNREACHED, words, since=since)

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            try:
                await self.look()
            except StoreUnavailableError:
                pass  # the store says so itself
            except Exception:
                log.exception("whether anybody was reached is not known")
            await asyncio.sleep(EVERY_S)
