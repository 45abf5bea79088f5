"""Entries that no commit makes: what waits, what is folded, what is lost and said."""

import asyncio
from typing import Any

import pytest

from receiver.audit import trail as module
from receiver.audit.trail import FOLD_MS, KINDS_MAX, WAITING_MAX, Folding, Trail
from receiver.errors import StoreUnavailableError
from receiver.store.audit.entry import DETAIL_MAX, TEXT_MAX, AuditEntry

AT = 1_772_445_600_000


def refused(at: int = AT, principal: str = "", detail: str = "401") -> AuditEntry:
    return AuditEntry(at, "request", "refused", principal, detail=detail)


def test_the_first_refusal_is_told_and_the_rest_is_counted() -> None:
    folding = Folding()
    assert folding.add(refused()) == [refused()]
    for second in range(1, 40):
        assert folding.add(refused(AT + second * 1_000)) == []
    (counted,) = folding.due(AT + FOLD_MS)
    assert (counted.times, counted.at) == (39, AT + FOLD_MS)
    assert folding.due(AT + 2 * FOLD_MS) == []
    assert folding.add(refused(AT + 2 * FOLD_MS)) == [refused(AT + 2 * FOLD_MS)]


def test_a_flood_of_refusals_is_few_entries() -> None:
    folding = Folding()
    told = []
    for number in range(50_000):
        told += folding.add(refused(AT + number, f"name {number % 5_000}"))
    told += folding.due(AT + FOLD_MS)
    assert len(told) <= 2 * KINDS_MAX + 1
    assert sum(entry.times for entry in told) == 50_000


def test_a_clock_that_goes_back_ends_the_time() -> None:
    folding = Folding()
    folding.add(refused())
    folding.add(refused())
    assert [entry.times for entry in folding.due(AT - 1)] == [1]


class _Store:
    def __init__(self) -> None:
        self.away = False
        self.entries: list[AuditEntry] = []

    def shard_of(self, _incident: str) -> int:
        return 0

    async def append(self, _shard: int, entries: list[AuditEntry]) -> None:
        if self.away:
            raise StoreUnavailableError("away")
        self.entries += entries


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> _Store:
    monkeypatch.setattr(module, "AGAIN_AFTER_S", 0.01)
    return _Store()


def trail(store: Any) -> Trail:
    return Trail(store, lambda: AT)


async def test_what_waits_while_redis_is_away_is_appended_in_its_order(store: _Store) -> None:
    store.away = True
    waiting = trail(store)
    task = asyncio.create_task(waiting.run())
    for number in range(300):
        waiting.tell(refused(AT + number))
    await asyncio.sleep(0.05)
    assert store.entries == []
    store.away = False
    async with asyncio.timeout(5):
        while len(store.entries) < 300:
            await asyncio.sleep(0.01)
    task.cancel()
    assert [entry.at for entry in store.entries] == [AT + number for number in range(300)]


async def test_what_is_too_much_is_counted_and_said(store: _Store) -> None:
    waiting = trail(store)
    for number in range(WAITING_MAX + 7):
        waiting.tell(refused(AT + number))
    await waiting.close()
    first, *rest = store.entries
    assert (first.action, first.times) == ("lost", 7)
    assert [entry.at for entry in rest] == [AT + number for number in range(7, WAITING_MAX + 7)]


async def test_the_end_does_not_wait_for_redis(store: _Store) -> None:
    store.away = True
    waiting = trail(store)
    waiting.tell(refused())
    waiting.refused(refused())
    await waiting.close()
    assert store.entries == []


async def test_texts_are_no_longer_than_they_may_be(store: _Store) -> None:
    waiting = trail(store)
    waiting.tell(AuditEntry(AT, "login", "refused", "x" * 9_999, detail="y" * 9_999))
    await waiting.close()
    (entry,) = store.entries
    assert (len(entry.principal), len(entry.detail)) == (TEXT_MAX, DETAIL_MAX)
