"""Says that the server has lost what it acknowledged, and how much (see ``store.fence``).

It lasts for as long as a sender may need to repeat what is lost, and is no reason to refuse work:
whatever comes now fills the hole.
"""

import asyncio
import logging
from collections.abc import Collection

from receiver.clock import Clock
from receiver.conditions import Conditions, Subject
from receiver.engine.record_cache import RecordCache
from receiver.errors import StoreUnavailableError
from receiver.observability.metrics.registry import Metrics
from receiver.store.fence import Fence, Loss
from receiver.text.units import counted

log = logging.getLogger("store")

LOOK_EVERY_S = 2.0
SAID_MS = 4 * 3_600_000
"""``repeat_interval`` as alertmanager.yml has it: by then whatever still fires was sent again."""
METRIC = "incident_manager_store_lost_commits_total"
OTHER_DATA = (
    "Redis holds other data than before: it was emptied, restored from a backup or replaced"
)


class LostCommits:
    """Takes what the fence finds, and looks where nothing is committed."""

    def __init__(
        self,
        fence: Fence,
        cache: RecordCache,
        clock: Clock,
        conditions: Conditions,
        metrics: Metrics,
    ) -> None:
        self._fence = fence
        self._cache = cache
        self._clock = clock
        self._conditions = conditions
        self._metrics = metrics
        self._lost: dict[int, int] = {}
        self._replaced: set[int] = set()
        self._first = self._last = 0
        fence.on_loss = self._note

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except StoreUnavailableError as error:
                log.debug("cannot ask for the fence: %s", error)
            except Exception:
                # Whatever it is, to look no more would be worse.
                log.exception("looking for lost commits failed")

    async def look(self) -> None:
        """Compare now, and say no more of what was long ago. StoreUnavailableError."""
        if self._last and self._clock.now() - self._last > SAID_MS:
            self._lost.clear()
            self._replaced.clear()
            self._first = self._last = 0
            self._conditions.report(Subject.LOST_COMMITS, "")
        await self._fence.look()

    def _note(self, loss: Loss) -> None:
        # Versions are counted on from what is there: one that is remembered may come again, and
        # mean something else.
        self._cache.clear()
        self._last = self._clock.now()
        self._first = self._first or self._last
        if loss.commits:
            self._lost[loss.shard] = self._lost.get(loss.shard, 0) + loss.commits
            self._metrics.observe(METRIC, loss.commits, {})
            words = "shard %d: Redis has lost %s that it had acknowledged to this process"
            log.error(words, loss.shard, counted(loss.commits, "commit"))
        else:
            self._replaced.add(loss.shard)
            log.error("shard %d: %s", loss.shard, OTHER_DATA)
        self._conditions.report(Subject.LOST_COMMITS, self._words(), since=self._first)

    def _words(self) -> str:
        found = []
        if self._lost:
            some = counted(sum(self._lost.values()), "commit")
            which = _shards(self._lost)
            found.append(
                f"Redis has lost {some} that it had acknowledged to this process ({which})"
            )
        if self._replaced:
            found.append(f"{OTHER_DATA} ({_shards(self._replaced)})")
        return "; ".join(found)


def _shards(shards: Collection[int]) -> str:
    names = ", ".join(map(str, sorted(shards)))
    return f"shard {names}" if len(shards) == 1 else f"shards {names}"
