"""The agenda's workers: claim what is due, in two lanes, and hand it on.

P1 and P2 have a lane and places of their own, and so has what pages nobody: context from services
that may be slow, and integrations. Timers claimed together are decided together, and find places
when hung notifiers hold all of theirs. Of several notifiers each has its share of the places: what
finds none is not claimed, and what is behind it is.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from receiver.aio.background import end
from receiver.clock import Clock
from receiver.engine.delivery import LEASE_MARGIN_MS, Delivery
from receiver.engine.dispatcher import Dispatcher
from receiver.errors import NewerRecordError, StoreUnavailableError
from receiver.notify.notifier import Notifier
from receiver.store.records.claimed import Reading
from receiver.store.tasks import Task, TaskStore
from routing.event import TimerDue
from routing.vocabulary import Lane, Reason

log = logging.getLogger("agenda")

LEASE_MS = 30_000
"""Outlasts executor queueing plus the longest request (10 s) with room for a second step."""
LEFT_MS = 3_000
"""For how long this replica lets others take what it does not know."""
IDLE_S = 1.0
"""How often a lane looks for work another replica scheduled; our own commits wake it at once."""
PACE_S = 0.02
"""Pause between two claims, so that a storm of commits is claimed in batches."""
RETURN_EVERY_S = 0.5
"""How often a task that the store failed is offered back, for as long as its lease lasts."""
CLAIMED_WITHIN_S = 2.0
"""How long a claim that is under way may take at the end."""
BUSY_S = 0.1
"""How soon a lane looks again when all that is due has no place; one that ends wakes it at once."""
PLACES = {Lane.URGENT: 96, Lane.NORMAL: 48, Lane.BACKGROUND: 64}
"""Tasks under way per lane: most, not all, of the capacity is for P1 and P2."""
TIMERS = 32
"""Batches of timers that may be under way beside that."""
UNHURRIED = {"enrich": 24, "summarize": 8}
"""Timers that ask slow services, and how many of each may be under way: half of their lane."""


class TimerEvents(Protocol):
    """Makes the events of due timers."""

    async def event(self, task: Task, reading: Reading) -> TimerDue:
        """Return the event of a due timer; ``reading`` is what was stored when it was claimed."""


class Agenda:
    """Runs one claiming loop per shard and lane."""

    def __init__(
        self,
        tasks: TaskStore,
        delivery: Delivery,
        dispatcher: Dispatcher,
        timer_events: TimerEvents,
        clock: Clock,
        notifiers: Mapping[str, Notifier],
    ) -> None:
        """A lease outlasts the slowest call that a notifier of its lane may make.

        ``leases``: for each lane its length (ms).
        """
        told = {name for name, notifier in notifiers.items() if notifier.kind == "webhook"}
        lanes = {Lane.URGENT: notifiers.keys() - told, Lane.NORMAL: notifiers.keys() - told}
        self._bounds = {lane: _shares(names, PLACES[lane]) for lane, names in lanes.items()}
        left = PLACES[Lane.BACKGROUND] - sum(UNHURRIED.values())
        self._bounds[Lane.BACKGROUND] = UNHURRIED | _shares(told, left)
        lanes[Lane.BACKGROUND] = told
        self.leases = {
            lane: _lease(notifiers[name].timeout for name in names) for lane, names in lanes.items()
        }
        self._tasks = tasks
        self._delivery = delivery
        self._dispatcher = dispatcher
        self._timer_events = timer_events
        self._clock = clock
        self._wake: dict[Lane, list[asyncio.Event]] = {lane: [] for lane in PLACES}
        self._loops: list[asyncio.Task[None]] = []
        self._running: dict[Lane, set[asyncio.Task[None]]] = {lane: set() for lane in PLACES}
        self._claiming = {lane: asyncio.Lock() for lane in PLACES}
        self._held: Counter[tuple[str, str]] = Counter()
        self._stopping = False

    def start(self) -> None:
        """Start claiming."""
        for shard in range(len(self._tasks.keys)):
            for lane in PLACES:
                wake = asyncio.Event()
                self._wake[lane].append(wake)
                self._loops.append(asyncio.create_task(self._run(shard, lane, wake)))

    def wake(self, lanes: Iterable[Lane] = tuple(Lane)) -> None:
        """Look for work now: something was committed."""
        for lane in lanes:
            for event in self._wake[lane]:
                event.set()

    async def stop(self, grace: float = 15.0) -> None:
        """Claim nothing more and let what is under way finish, ``grace`` seconds at most."""
        self._stopping = True
        self.wake()
        if self._loops:
            # What a claim has leased when it is cut off would wait for the end of its lease.
            await asyncio.wait(self._loops, timeout=CLAIMED_WITHIN_S)
        await end(self._loops)
        under_way = [task for tasks in self._running.values() for task in tasks]
        if under_way:
            _, late = await asyncio.wait(under_way, timeout=grace)
            for task in late:
                task.cancel()

    async def _run(self, shard: int, lane: Lane, wake: asyncio.Event) -> None:
        while not self._stopping:
            wake.clear()
            try:
                claimed = await self._claim(shard, lane)
                pause = 0.0 if claimed else self._pause(shard, lane)
            except StoreUnavailableError as error:
                log.warning("cannot read the agenda: %s", error)
                pause = IDLE_S
            except Exception:
                # Whatever it is, a lane that stops for ever would be worse.
                log.exception("claiming from the %s lane failed", lane)
                pause = IDLE_S
            if self._stopping:
                return
            # After the claim, not before it: what comes to an idle lane waits for nothing.
            await asyncio.sleep(PACE_S)
            if pause > PACE_S:
                await self._woken(wake, pause - PACE_S)

    @staticmethod
    async def _woken(wake: asyncio.Event, within: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), within)

    def _pause(self, shard: int, lane: Lane) -> float:
        if 0 in self._room(lane).values():
            return BUSY_S
        due = self._tasks.soonest(shard, lane)
        if due is None:
            return IDLE_S
        return min(IDLE_S, max(0.005, (due - self._clock.now()) / 1000))

    async def _claim(self, shard: int, lane: Lane) -> int:
        """Lease what is due and start it; return how many tasks that were."""
        running = self._running[lane]
        if len(running) >= PLACES[lane] + TIMERS:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        # One shard at a time: each claim has to see the places that the one before has taken.
        async with self._claiming[lane]:
            free = PLACES[lane] + TIMERS - len(running)
            return await self._start(shard, lane, free) if free > 0 else 0

    async def _start(self, shard: int, lane: Lane, free: int) -> int:
        now = self._clock.now()
        token, until = uuid.uuid4().hex, now + self.leases[lane]
        room = self._room(lane)
        try:
            found = await self._tasks.claim(shard, lane, now, until, token, free, room)
            if not found:
                return 0
            read = await self._tasks.read(found)
        except StoreUnavailableError:
            # It may have leased something all the same, and its answer was lost.
            self._spawn(lane, self._release(shard, lane, token, until))
            raise
        readings = {}
        for task, reading in zip(found, read, strict=True):
            if reading.broken:
                log.error("%s of %s cannot be read: %s", task.task, task.incident, reading.broken)
            else:
                readings[task] = reading
        timers = []
        for task, reading in readings.items():
            if task.task.startswith("notify:"):
                self._held[lane, task.task] += 1
                self._spawn(lane, self._hold(task, self._deliver(task, reading)))
            elif task.task in UNHURRIED:
                self._held[lane, task.task] += 1
                self._spawn(lane, self._hold(task, self._fire_one(task, reading)))
            else:
                timers.append(task)
        if timers:
            self._spawn(lane, self._fire(timers, readings))
        return len(found)

    def _room(self, lane: Lane) -> dict[str, int]:
        """Return how many more tasks of a name may be under way."""
        bounds = self._bounds[lane]
        return {name: max(0, most - self._held[lane, name]) for name, most in bounds.items()}

    def _spawn(self, lane: Lane, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self._running[lane].add(job)
        job.add_done_callback(self._running[lane].discard)

    async def _hold(self, task: Task, work: Coroutine[Any, Any, None]) -> None:
        """Do work that has a place of its name, and make the place known when it is free again."""
        try:
            await work
        finally:
            if self._room(task.lane).get(task.task) == 0:
                self.wake()
            self._held[task.lane, task.task] -= 1

    async def _deliver(self, task: Task, reading: Reading) -> None:
        try:
            await self._delivery.deliver(task, reading)
        except NewerRecordError as error:
            await self._leave(task, str(error))
        except StoreUnavailableError as error:
            log.warning("%s of %s: %s", task.task, task.incident, error)
            await self._give_back(task)
        except Exception:
            log.exception("%s of %s failed", task.task, task.incident)

    async def _give_back(self, task: Task) -> None:
        """Have a task claimed anew as soon as the store answers: its lease may last half a minute.

        Where it does not until then, the lease runs out and somebody else, or we, take it up again.
        """

        async def again(now: int) -> None:
            await self._tasks.settle(task, "again", now, delivered=task.want, due=now)

        await self._once_it_answers(again, task.lane, task.until)

    async def _release(self, shard: int, lane: Lane, token: str, until: int) -> None:
        """Have all that a claim leased be claimed anew."""

        async def release(now: int) -> None:
            await self._tasks.release(shard, lane, token, until, now)

        await self._once_it_answers(release, lane, until)

    async def _once_it_answers(
        self, work: Callable[[int], Awaitable[None]], lane: Lane, until: int
    ) -> None:
        """Do something for a lane as soon as the store answers, if it does so by then (ms)."""
        while not self._stopping and self._clock.now() < until:
            await asyncio.sleep(RETURN_EVERY_S)
            try:
                await work(self._clock.now())
            except StoreUnavailableError:
                continue
            self.wake([lane])
            return

    async def _fire(self, timers: Sequence[Task], readings: dict[Task, Reading]) -> None:
        """Decide due timers, all at once: they are committed together."""
        await asyncio.gather(*(self._fire_one(task, readings[task]) for task in timers))

    async def _fire_one(self, task: Task, reading: Reading) -> None:
        """A timer is an event like any other; the commit takes its entry off the agenda."""
        try:
            event = await self._timer_events.event(task, reading)
            outcome = await self._dispatcher.submit(event, task.incident)
            if outcome.reason == Reason.UNKNOWN_INCIDENT:
                await self._tasks.settle(task, "done", self._clock.now(), delivered=task.want)
            if outcome.reason == Reason.TIMER_UNKNOWN:
                await self._leave(task, f"a newer release has set the timer {task.task}")
        except NewerRecordError as error:
            await self._leave(task, str(error))
        except StoreUnavailableError as error:
            log.warning("%s of %s: %s", task.task, task.incident, error)
            await self._give_back(task)
        except Exception:
            log.exception("%s of %s failed", task.task, task.incident)

    async def _leave(self, task: Task, why: str) -> None:
        """Leave a task to a replica of the release that knows what it is about."""
        log.warning("%s of %s is left to another replica: %s", task.task, task.incident, why)
        now = self._clock.now()
        try:
            await self._tasks.settle(task, "again", now, delivered=task.want, due=now + LEFT_MS)
        except StoreUnavailableError as error:
            log.warning("%s of %s: %s", task.task, task.incident, error)


def _shares(names: Iterable[str], places: int) -> dict[str, int]:
    """Return how many deliveries of each notifier may be under way, of so many in all."""
    tasks = [f"notify:{name}" for name in names]
    return {task: max(1, places // len(tasks)) for task in tasks}


def _lease(timeouts: Iterable[float]) -> int:
    """Return how long (ms) a lease lasts; ``timeouts``: seconds a call may take."""
    return max(LEASE_MS, int(max(timeouts, default=0) * 1000) + 2 * LEASE_MARGIN_MS)
