"""Sorting in what another release wrote: the index of open incidents is in the order of ``order``.

Earlier releases scored it by time alone. While one of them runs beside this one it goes on doing
so, and changes priorities without moving anything; what it wrote is read first meanwhile, so that
nothing is hidden. Sorting is safe beside every commit, and twice is as good as once.
"""

import asyncio
import logging
import time
from collections.abc import Mapping

from receiver.errors import StoreUnavailableError
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.store.lists.order import BAND, open_score
from receiver.store.records.record import version_text
from receiver.store.redis import load_script, unavailable_is_503

log = logging.getLogger("store")

EVERY_S = 60.0
AGAIN_AFTER = 10
"""Minutes after the start when everything is looked at once more: the replicas of an earlier
release that were still running then have been replaced."""
CHUNK = 64
REST = 4
"""Times as long as a chunk took it does nothing: nobody waits for it, and with a million incidents
each start would take half a minute of a core from webhooks and pages."""


class Sorting:
    """Brings the index of open incidents into its order."""

    def __init__(self, store: IncidentStore) -> None:
        self._store = store
        self._rescore = load_script(store.redis, "rescore_open")
        # Unsorted ones of a newer release, which are for that one to sort.
        self._left = 0

    async def run(self) -> None:
        """Sort at the start, and again whenever an earlier release has written; for ever."""
        minutes = 0
        while True:
            try:
                if minutes in (0, AGAIN_AFTER) or await self._unsorted() > self._left:
                    moved = await self.sort()
                    if moved:
                        log.info("open incidents sorted by priority: %d were not", moved)
                minutes += 1
            except StoreUnavailableError as error:
                log.warning("open incidents are not sorted: %s", error)
            await asyncio.sleep(EVERY_S)

    async def _unsorted(self) -> int:
        return (await self._store.lists.counts()).get("", 0)

    async def sort(self) -> int:
        """Give every open incident the score of its record; return how many had another."""
        moved = self._left = 0
        for keys in self._store.keys:
            async for scores in self._store.lists.scan(keys):
                names = list(scores)
                for at in range(0, len(names), CHUNK):
                    began = time.monotonic()
                    some = {name: scores[name] for name in names[at : at + CHUNK]}
                    moved += await self._sort_some(keys, some)
                    await asyncio.sleep(REST * (time.monotonic() - began))
        return moved

    async def _sort_some(self, keys: Keys, scores: Mapping[str, float]) -> int:
        records = await self._store.read(scores)
        self._left += sum(
            incident.state == "newer" and scores[name] < BAND for name, incident in records.items()
        )
        wrong = [
            (name, version_text(incident.version), open_score(incident))
            for name, incident in records.items()
            if incident.state not in ("newer", "resolved") and open_score(incident) != scores[name]
        ]
        if not wrong:
            return 0
        names = [keys.open, *(keys.incident(name) for name, _, _ in wrong)]
        async with unavailable_is_503():
            found = await self._rescore(keys=names, args=[part for row in wrong for part in row])
        return int(found)
