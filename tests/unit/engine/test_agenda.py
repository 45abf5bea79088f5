"""When a lane looks for work."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from receiver.engine import agenda as module
from receiver.engine.agenda import LEASE_MS, Agenda
from receiver.errors import StoreUnavailableError
from receiver.store.tasks import Task
from routing.vocabulary import Lane
from tests.support.clocks import StillClock
from tests.support.waiting import until


class Store:
    """An agenda of one shard without tasks, which counts the claims of the urgent lane."""

    def __init__(self) -> None:
        self.keys = [None]
        self.claims = 0
        self.error: Exception | None = None
        self.looked = asyncio.Event()

    async def claim(self, _shard: int, lane: Lane, *_: Any) -> list[Any]:
        if lane == Lane.URGENT:
            self.claims += 1
            self.looked.set()
            if self.error is not None:
                raise self.error
        return []

    def soonest(self, _shard: int, _lane: Lane) -> None:
        return None

    async def next_claim(self) -> None:
        self.looked.clear()
        await asyncio.wait_for(self.looked.wait(), 5)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(module, "IDLE_S", 3600.0)
    return Store()


@pytest.fixture
async def agenda(store: Store) -> AsyncIterator[Agenda]:
    other: Any = SimpleNamespace()
    tasks: Any = store
    made = Agenda(tasks, other, other, other, StillClock(), {})
    yield made
    await made.stop()


async def test_an_idle_lane_looks_at_once_when_it_is_woken(agenda: Agenda, store: Store) -> None:
    agenda.start()
    await store.next_claim()
    await asyncio.sleep(2 * module.PACE_S)
    agenda.wake([Lane.URGENT])
    for _ in range(5):
        await asyncio.sleep(0)
    assert store.claims == 2


async def test_what_comes_right_after_a_claim_is_claimed_together(
    agenda: Agenda, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long beside ten sleeps on a machine that others use as well.
    monkeypatch.setattr(module, "PACE_S", 2.0)
    agenda.start()
    await store.next_claim()
    for _ in range(10):
        agenda.wake([Lane.URGENT])
        await asyncio.sleep(0.005)
    assert store.claims == 1
    await store.next_claim()
    await asyncio.sleep(0.3)
    assert store.claims == 2


async def test_a_lane_that_could_not_look_is_woken_too(agenda: Agenda, store: Store) -> None:
    store.error = StoreUnavailableError("away")
    agenda.start()
    await store.next_claim()
    store.error = None
    await asyncio.sleep(2 * module.PACE_S)
    agenda.wake([Lane.URGENT])
    await store.next_claim()
    assert store.claims == 2


async def test_other_lanes_are_left_alone(agenda: Agenda, store: Store) -> None:
    agenda.start()
    await store.next_claim()
    await asyncio.sleep(2 * module.PACE_S)
    agenda.wake([Lane.NORMAL, Lane.BACKGROUND])
    await asyncio.sleep(2 * module.PACE_S)
    assert store.claims == 1


class Failing(Store):
    """Leases one task whenever it is asked; some of its answers are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[str] = []
        self.away = 0
        self.said: list[tuple[str, Any]] = []
        self.task = Task("0-1", "notify:log", Lane.URGENT, "t", 3, 5, 30_000)

    def _fails(self, call: str) -> None:
        if call in self.lost or self.away:
            self.away = max(0, self.away - 1)
            raise StoreUnavailableError("away")

    async def claim(self, _shard: int, lane: Lane, *_: Any) -> list[Any]:
        if lane != Lane.URGENT or self.said:
            return []
        self._fails("claim")
        return [self.task]

    async def read(self, tasks: list[Task]) -> list[Any]:
        self._fails("read")
        return [SimpleNamespace(broken="") for _ in tasks]

    async def settle(self, task: Task, verb: str, _now: int, **more: Any) -> None:
        self._fails("settle")
        self.said.append((verb, (task, more["delivered"])))
        self.lost.clear()

    async def release(self, _shard: int, lane: Lane, token: str, until: int, _now: int) -> None:
        self._fails("release")
        self.said.append(("release", (lane, bool(token), until)))
        self.lost.clear()


class Broken:
    """A delivery that finds the store away."""

    async def deliver(self, *_: Any) -> None:
        raise StoreUnavailableError("away")


@pytest.mark.parametrize("call", ["claim", "read", "deliver"])
async def test_what_the_store_failed_waits_for_no_lease_to_end(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETURN_EVERY_S", 0.01)
    monkeypatch.setattr(module, "IDLE_S", 3600.0)
    store, clock = Failing(), StillClock()
    store.task = msgspec.structs.replace(store.task, until=clock.now() + 30_000)
    store.lost = [call]
    tasks: Any = store
    delivery: Any = Broken()
    other: Any = SimpleNamespace()
    agenda = Agenda(tasks, delivery, other, other, clock, {})
    agenda.start()
    await until(lambda: store.said)
    await agenda.stop()
    if call == "deliver":
        assert store.said == [("again", (store.task, 3))]
    else:
        assert store.said == [("release", (Lane.URGENT, True, clock.now() + LEASE_MS))]


async def test_nobody_is_asked_any_more_when_the_lease_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RETURN_EVERY_S", 0.01)
    store, clock = Failing(), StillClock()
    store.away = 10**6
    tasks: Any = store
    other: Any = SimpleNamespace()
    agenda = Agenda(tasks, other, other, other, clock, {})
    giving = asyncio.create_task(
        agenda._give_back(msgspec.structs.replace(store.task, until=clock.now() + 1_000))
    )
    await asyncio.sleep(0.05)
    assert not giving.done()
    clock.move(2)
    await asyncio.wait_for(giving, 5)
    assert not store.said


class Slow(Failing):
    """One that takes its time to say what it has leased."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    async def claim(self, *args: Any) -> list[Any]:
        if args[1] == Lane.URGENT:
            self.asked.set()
            await self.answers.wait()
        return await super().claim(*args)


class Done:
    """A delivery that remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Task] = []

    async def deliver(self, task: Task, _reading: Any) -> None:
        self.given.append(task)


async def test_what_is_being_claimed_at_the_end_is_done_and_nothing_after_it() -> None:
    """Cut off, it would be leased to nobody: a page would wait half a minute for its lease."""
    store, delivery = Slow(), Done()
    tasks: Any = store
    given: Any = delivery
    other: Any = SimpleNamespace()
    agenda = Agenda(tasks, given, other, other, StillClock(), {})
    agenda.start()
    await asyncio.wait_for(store.asked.wait(), 5)
    stopping = asyncio.create_task(agenda.stop())
    await asyncio.sleep(0.05)
    store.asked.clear()
    store.answers.set()
    await asyncio.wait_for(stopping, 5)
    assert delivery.given == [store.task]
    assert not store.asked.is_set()


async def test_a_claim_that_hangs_keeps_no_service_from_ending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CLAIMED_WITHIN_S", 0.05)
    store = Slow()
    tasks: Any = store
    other: Any = SimpleNamespace()
    agenda = Agenda(tasks, other, other, other, StillClock(), {})
    agenda.start()
    await asyncio.wait_for(store.asked.wait(), 5)
    await asyncio.wait_for(agenda.stop(), 5)
