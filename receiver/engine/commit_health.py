"""Whether a commit like the real ones just worked: what readiness and ``redis_up`` mean.

Every real commit tells how it ended. Where none has ended for a moment, whoever asks has one made
that changes nothing.
"""

import asyncio
import time
from collections.abc import Callable

from receiver.aio.background import end
from receiver.clock import Clock
from receiver.conditions import Conditions, Subject
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import StoreUnavailableError
from receiver.store.server.probe import probe

FRESH_S = 1.0
"""For so long the last outcome is the answer: strangers may ask as often as they like."""
PROBE_WITHIN_S = 3.0


class CommitHealth:
    """How the last commit ended, and a probe for whoever asks later."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock, conditions: Conditions) -> None:
        self._dispatcher = dispatcher
        self._store = dispatcher.store
        self._clock = clock
        self._conditions = conditions
        self._ended = float("-inf")
        self._problem = ""
        self._probing: asyncio.Task[None] | None = None
        self._next = 0
        self.on_failure: Callable[[], None] = lambda: None
        """Called for each commit that failed."""
        self._store.on_commit = self._note

    async def check(self) -> str:
        """Return "" when a commit just worked, else why it did not.

        One probe at a time, however many ask; each may go away without ending it for the others.
        """
        if self._dispatcher.full:
            self._note("overloaded: too many changes wait for their commit")
        elif time.monotonic() - self._ended >= FRESH_S:
            if self._probing is None or self._probing.done():
                self._probing = asyncio.create_task(self._probe())
            await asyncio.shield(self._probing)
        return self._problem

    async def stop(self) -> None:
        """End a probe that is under way."""
        await end([self._probing])

    async def _probe(self) -> None:
        # One shard after the other: all are on one server, and there may be a thousand.
        shard = self._next % len(self._store.keys)
        self._next += 1
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                await probe(self._store, shard, self._clock.now())
        except TimeoutError:
            self._note(f"Redis: no answer within {PROBE_WITHIN_S:g} s")
        except StoreUnavailableError as error:
            self._note(str(error))

    def _note(self, problem: str) -> None:
        """Take what became of a commit, "" for success."""
        self._ended = time.monotonic()
        if problem:
            self.on_failure()
        elif not self._problem:
            return
        self._problem = problem
        self._conditions.report(Subject.STORE, problem, unready=True)
