"""Whether a commit like the real ones just worked: what readiness and ``redis_up`` mean.

Every real commit tells how it ended. Where none has ended for a moment, whoever asks has one made
that changes nothing.
"""

import asyncio
import time
from collections.abc import Callable

import msgspec

from receiver.aio.background import end
from receiver.clock import Clock
from receiver.conditions import Conditions, Subject
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import StoreUnavailableError
from receiver.store.redis import place_of
from receiver.store.server.probe import probe

FRESH_S = 1.0
"""For so long the last outcome is the answer: strangers may ask as often as they like."""
PROBE_WITHIN_S = 3.0
OVERLOADED = "overloaded: too many changes wait for their commit"


class _Server(msgspec.Struct):
    """How the last commit at a server ended, and when (monotonic, s); ``next``: shard to probe."""

    ended: float = float("-inf")
    problem: str = ""
    next: int = 0


class CommitHealth:
    """How the last commits ended at each server that has shards, and probes for who asks later.

    One is the usual case; of a Cluster each primary is asked, for what one of them takes says
    nothing of another.
    """

    def __init__(self, dispatcher: Dispatcher, clock: Clock, conditions: Conditions) -> None:
        self._dispatcher = dispatcher
        self._store = dispatcher.store
        self._clock = clock
        self._conditions = conditions
        self._servers: dict[str, _Server] = {}
        self._overloaded = ""
        self._problem = ""
        self._probing: asyncio.Task[None] | None = None
        self.on_failure: Callable[[], None] = lambda: None
        """Called for each commit that failed."""
        self._store.on_commit = self._note

    async def check(self) -> str:
        """Return "" when commits just worked, else why one did not.

        One round of probes at a time, however many ask; each may go away without ending it for the
        others.
        """
        self._overloaded = OVERLOADED if self._dispatcher.full else ""
        if self._overloaded:
            self.on_failure()
        elif self._due(self._places()):
            if self._probing is None or self._probing.done():
                self._probing = asyncio.create_task(self._probe())
            await asyncio.shield(self._probing)
        self._report()
        return self._problem

    async def stop(self) -> None:
        """End probes that are under way."""
        await end([self._probing])

    def _places(self) -> dict[str, list[int]]:
        """Return the shards that each server has, by its address."""
        found: dict[str, list[int]] = {}
        for keys in self._store.keys:
            found.setdefault(place_of(self._store.redis, keys.open), []).append(keys.shard)
        for place in self._servers.keys() - found.keys():
            # What a server said that has none any more is nobody's concern.
            del self._servers[place]
        return found

    def _due(self, places: dict[str, list[int]]) -> dict[str, list[int]]:
        """Return those of the servers of which nothing was heard just now."""
        now = time.monotonic()
        heard = {place for place, one in self._servers.items() if now - one.ended < FRESH_S}
        return {place: shards for place, shards in places.items() if place not in heard}

    async def _probe(self) -> None:
        due = self._due(self._places())
        await asyncio.gather(*(self._probe_one(place, shards) for place, shards in due.items()))

    async def _probe_one(self, place: str, shards: list[int]) -> None:
        # One shard after the other: all of these are on one server, and there may be a thousand.
        server = self._servers.setdefault(place, _Server())
        shard = shards[server.next % len(shards)]
        server.next += 1
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                await probe(self._store, shard, self._clock.now())
        except TimeoutError:
            self._note(shard, f"Redis: no answer within {PROBE_WITHIN_S:g} s")
        except StoreUnavailableError as error:
            self._note(shard, str(error))

    def _note(self, shard: int, problem: str) -> None:
        """Take what became of a commit, "" for success."""
        place = place_of(self._store.redis, self._store.keys[shard].open)
        server = self._servers.setdefault(place, _Server())
        server.ended = time.monotonic()
        if problem:
            self.on_failure()
        else:
            self._overloaded = ""
        if not problem and not server.problem and not self._problem:
            return
        server.problem = f"{problem} ({place})" if problem and place else problem
        self._report()

    def _report(self) -> None:
        problems = dict.fromkeys(one.problem for one in self._servers.values() if one.problem)
        found = self._overloaded or "; ".join(problems)
        if found or self._problem:
            self._problem = found
            self._conditions.report(Subject.STORE, found, unready=True)
