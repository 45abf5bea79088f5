"""When a lane looks for work."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from receiver.engine import agenda as module
from receiver.engine.agenda import Agenda
from receiver.errors import StoreUnavailableError
from routing.vocabulary import Lane
from tests.support.clocks import StillClock


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
    monkeypatch.setattr(module, "PACE_S", 0.2)
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
