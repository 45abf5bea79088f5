"""Looks at the server again and again: how durable it is, its memory and disk, and the agenda.

A server is not what it was at the start: CONFIG SET and failovers change it while it answers.
"""

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from receiver.clock import Clock
from receiver.conditions import Conditions, Subject
from receiver.engine.backlog import Backlog
from receiver.engine.commit_health import CommitHealth
from receiver.errors import StoreUnavailableError
from receiver.observability.metrics.registry import Metrics
from receiver.store.server.durability import Durability, Level, ServerFacts
from receiver.store.server.several import Judges, Said, ask_all
from receiver.store.tasks import TaskStore
from receiver.text.units import size
from routing.duration import format_duration
from routing.vocabulary import Lane

log = logging.getLogger("app")

LOOK_EVERY_S = 2.0
AGAIN_S = 0.5
"""While nothing is accepted it should not last longer than it must."""
PAUSE_S = 0.2
"""Between two looks, however many commits fail: each failure asks for one."""
MEMORY_FULL, MEMORY_WELL = 0.8, 0.75
"""Of maxmemory: from where it is said, and below what it is over."""
DISK_FLOOR, DISK_SHARE = 256 * 1024 * 1024, 0.1
"""So much (bytes, or of a small disk a share of it) should be free, and twice what the server's
file has: it is written anew beside the old one."""
LATE_S = {Lane.URGENT: 30, Lane.NORMAL: 120, Lane.BACKGROUND: 600}
"""How long what is due may wait in each lane of the agenda."""


class ServerWatch:
    """One look after the other; ``durability`` is the latest verdict."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it connects
        self,
        judges: Judges,
        folder: Path | None,
        tasks: TaskStore,
        clock: Clock,
        conditions: Conditions,
        metrics: Metrics,
        health: CommitHealth,
    ) -> None:
        """``folder``: of the embedded server, None for a server of one's own."""
        self._redis = tasks.redis
        self._tasks = tasks
        self._clock = clock
        self._conditions = conditions
        self._metrics = metrics
        self._health = health
        self._judges = judges
        self._disk = folder
        self._wake = asyncio.Event()
        self._high = set[Subject]()
        self._backlog = Backlog()
        self._said = Said()
        health.on_failure = self._wake.set
        self.durability = Durability(Level.EVERY_WRITE)
        self.disk: tuple[int, int] | None = None
        """Free and all bytes at storage.path; None where there is none, or nobody knows."""

    @property
    def servers(self) -> Mapping[str, ServerFacts]:
        """What each server said last, by its address ("" for one alone)."""
        return self._said.facts

    async def run(self) -> None:
        """Look for ever, and at once when a commit fails: a failover is behind many of those."""
        while True:
            pause = AGAIN_S if self.durability.refused else LOOK_EVERY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)
            self._wake.clear()
            try:
                await self.look()
            except Exception:
                log.exception("the server could not be looked at")
            await asyncio.sleep(PAUSE_S)

    async def look(self) -> None:
        """Report what is wrong now. What cannot be asked stays as it was, and is the store's."""
        said = await ask_all(self._redis)
        if said.facts:
            self._said = said
            self._look_at_durability(said)
            self._look_at_memory(said)
        try:
            if not said.silent:
                self._backlog.note(time.monotonic(), await self._tasks.wanted())
                self._look_at_agenda(await self._tasks.delays(self._clock.now()))
        except StoreUnavailableError as error:
            said = Said(silent=str(error))
        if said.silent:
            await self._health.check()
        # Also of a server that is away: a full disk is a reason to be.
        await self._look_at_disk()

    def _look_at_durability(self, said: Said) -> None:
        found = self._judges.judge(said.facts)
        self.durability = found
        self._metrics.set_durability(found.level)
        # What every second and an assurance leave open was chosen, and is no trouble of today.
        wrong = found.level in (Level.REFUSED, Level.ACCEPTED_LOSS)
        words = f"what is acknowledged may be lost: {found.problem}" if wrong else ""
        self._conditions.report(Subject.DURABILITY, words, unready=found.refused)

    def _look_at_memory(self, said: Said) -> None:
        self._metrics.set_storage(said.used, said.limit)
        name, facts = said.fullest
        share = facts.used / facts.limit if facts.limit else 0.0
        which = f"Redis at {name}" if name else "Redis"
        words = f"{which} uses {share:.0%} of its maxmemory ({size(facts.limit)})"
        words += "; raise storage.max_memory" if self._disk is not None else ""
        if share >= 1:
            words += ": it refuses every change until it has room"
        self._report(Subject.MEMORY, words, begins=share >= MEMORY_FULL, lasts=share >= MEMORY_WELL)

    async def _look_at_disk(self) -> None:
        facts = self._said.facts
        if self._disk is None:
            failing = [name for name, one in facts.items() if not one.aof_rewritten]
            who = f"Redis at {', '.join(failing)}" if any(failing) else "Redis"
            words = f"{who} could not rewrite its append-only file, which only grows: see its log"
            self._conditions.report(Subject.DISK, words if failing else "")
            return
        try:
            total, _, free = await asyncio.to_thread(shutil.disk_usage, self._disk)
        except OSError as error:
            words = f"the free space of storage.path cannot be read: {error.strerror}"
            self._conditions.report(Subject.DISK, words)
            return
        self.disk = free, total
        self._metrics.set_disk(free, total)
        wanted = max(
            min(DISK_FLOOR, int(total * DISK_SHARE)),
            2 * sum(one.aof_size for one in facts.values()),
        )
        words = f"{size(free)} of {size(total)} are free at storage.path, {size(wanted)} are needed"
        self._report(Subject.DISK, words, begins=free < wanted, lasts=free < wanted * 1.1)

    def _look_at_agenda(self, delays: Mapping[Lane, float]) -> None:
        late = {lane: delay for lane, delay in delays.items() if delay > LATE_S[lane]}
        words = ", ".join(
            f"{lane} work has waited {format_duration(int(delay) * 1000)} (usual: under 2s)"
            for lane, delay in late.items()
        )
        said = "; ".join(filter(None, (words, self._backlog.words())))
        self._conditions.report(Subject.AGENDA, said)

    def _report(self, subject: Subject, words: str, *, begins: bool, lasts: bool) -> None:
        """Report a level that has to fall some way below its limit before it is over."""
        high = begins or (lasts and subject in self._high)
        (self._high.add if high else self._high.discard)(subject)
        self._conditions.report(subject, words if high else "")
