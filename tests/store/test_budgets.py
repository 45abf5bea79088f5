"""Budgets in Redis: caps, levels, places and what a service asks for."""

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

from receiver.notify.rate_budget import MINUTE_MS, Budget, key_of, level_of
from receiver.store.budgets import BLOCK_MAX_MS, HORIZON_MS, BudgetStore

NOW = 1_772_445_600_000
CHANNEL = Budget("slack:1", 60)


@pytest.fixture
def budgets(redis: Any) -> BudgetStore:
    return BudgetStore(redis)


async def test_one_call_a_second_and_the_next_gets_a_place(budgets: BudgetStore) -> None:
    assert await budgets.take(CHANNEL, 1, NOW) == 0
    place = await budgets.take(CHANNEL, 1, NOW + 10)
    assert NOW + 1000 <= place <= NOW + 1100
    assert await budgets.take(CHANNEL, 1, place - 20) > place - 20
    assert await budgets.take(CHANNEL, 1, place + CHANNEL.interval) == 0


async def test_what_waits_gets_places_one_after_another(budgets: BudgetStore) -> None:
    await budgets.take(CHANNEL, 4, NOW)
    places = [await budgets.take(CHANNEL, 4, NOW + 1) for _ in range(8)]
    steps = {later - sooner for sooner, later in pairwise(places)}
    assert steps == {CHANNEL.interval}


async def test_no_place_is_further_away_than_the_horizon(budgets: BudgetStore) -> None:
    await budgets.take(CHANNEL, 4, NOW)
    places = [await budgets.take(CHANNEL, 4, NOW + 1) for _ in range(200)]
    assert max(places) <= NOW + HORIZON_MS + 3 * CHANNEL.interval
    assert len(set(places)) > 50


async def test_a_more_urgent_level_goes_first(budgets: BudgetStore) -> None:
    await budgets.take(CHANNEL, 4, NOW)
    slow = [await budgets.take(CHANNEL, 4, NOW + 1) for _ in range(10)]
    urgent = await budgets.take(CHANNEL, 1, NOW + 2)
    assert urgent <= NOW + CHANNEL.interval + 2
    # The first of those that waited comes back before the urgent one: it has to wait on.
    assert await budgets.take(CHANNEL, 4, slow[0]) > urgent
    assert await budgets.take(CHANNEL, 1, urgent + CHANNEL.interval) == 0


async def test_whoever_never_comes_back_holds_up_nobody_for_long(budgets: BudgetStore) -> None:
    await budgets.take(CHANNEL, 1, NOW)
    lost = await budgets.take(CHANNEL, 1, NOW + 1)
    assert await budgets.take(CHANNEL, 4, lost + 1) > lost + 1
    assert await budgets.take(CHANNEL, 4, lost + 1001) == 0


@pytest.mark.parametrize("budget", [CHANNEL, Budget("slack:free", 0)])
@pytest.mark.parametrize("level", [3, 4, 5])
async def test_a_service_that_asks_for_quiet_gets_it(
    budgets: BudgetStore, budget: Budget, level: int
) -> None:
    await budgets.block(budget, 5000, 5000, NOW)
    assert await budgets.take(budget, level, NOW) >= NOW + 5000
    assert await budgets.take(budget, level, NOW + 7000) == 0


@pytest.mark.parametrize("level", [1, 2])
async def test_pages_of_p1_and_p2_keep_to_the_pace_alone(budgets: BudgetStore, level: int) -> None:
    await budgets.block(CHANNEL, 600_000, 600_000, NOW)
    assert await budgets.take(CHANNEL, 4, NOW) >= NOW + 600_000
    assert await budgets.take(CHANNEL, level, NOW) == 0
    assert NOW + 1000 <= await budgets.take(CHANNEL, level, NOW) <= NOW + 1100


async def test_of_two_times_a_service_asked_for_the_later_one_counts(budgets: BudgetStore) -> None:
    await budgets.block(CHANNEL, 9_000, 0, NOW)
    await budgets.block(CHANNEL, 2_000, 0, NOW)
    assert await budgets.take(CHANNEL, 3, NOW + 3_000) >= NOW + 9_000


async def test_a_call_that_works_ends_the_quiet_and_of_several_one_is_told(
    budgets: BudgetStore, redis: Any
) -> None:
    other = BudgetStore(redis)
    assert not await budgets.release(CHANNEL, NOW)
    await budgets.block(CHANNEL, 600_000, 600_000, NOW)
    assert await budgets.take(CHANNEL, 4, NOW + 1) >= NOW + 600_000
    assert await budgets.take(CHANNEL, 1, NOW + 1_000) == 0
    # Another replica was told of the trouble when it took a call.
    assert await other.take(CHANNEL, 1, NOW + 3_000) == 0
    assert await other.release(CHANNEL, NOW + 3_000)
    assert not await budgets.release(CHANNEL, NOW + 1_000)
    assert await budgets.take(CHANNEL, 4, NOW + 5_000) == 0
    assert not await budgets.release(CHANNEL, NOW + 5_000)


async def test_what_only_waits_for_its_next_attempt_is_told_too(budgets: BudgetStore) -> None:
    await budgets.block(CHANNEL, 0, 60_000, NOW)
    assert await budgets.take(CHANNEL, 4, NOW + 10) == 0
    assert await budgets.release(CHANNEL, NOW + 10)


async def test_a_call_that_began_before_the_trouble_says_nothing_of_it(
    budgets: BudgetStore,
) -> None:
    assert await budgets.take(CHANNEL, 1, NOW) == 0
    await budgets.block(CHANNEL, 600_000, 600_000, NOW + 100)
    assert not await budgets.release(CHANNEL, NOW)
    assert await budgets.take(CHANNEL, 4, NOW + 5_000) >= NOW + 600_000


async def test_a_budget_without_limit_grants_every_call(budgets: BudgetStore) -> None:
    free = Budget("slack:free", 0, 10)
    assert [await budgets.take(free, 4, NOW - number) for number in range(20)] == [0] * 20


async def test_budgets_are_kept_apart_and_forget_themselves(
    budgets: BudgetStore, redis: Any
) -> None:
    other = Budget("slack:2", 60)
    assert await budgets.take(CHANNEL, 1, NOW) == 0
    assert await budgets.take(other, 1, NOW) == 0
    for name in ("slack:1", "slack:2"):
        assert 0 < await redis.pttl(f"im:budget:{name}") <= 1_200_000


@pytest.mark.parametrize("ahead", [60_000, 600_000, 3_600_000, 86_400_000])
async def test_what_a_clock_that_was_wrong_left_holds_up_nobody(
    budgets: BudgetStore, ahead: int
) -> None:
    """All of a budget's times are of a clock that ran ahead: once it is right, pages go out."""
    for _ in range(30):
        for level in (1, 2, 4):
            await budgets.take(CHANNEL, level, NOW + ahead)
    now, granted = NOW, []
    while len(granted) < 20:
        place = await budgets.take(CHANNEL, 1, now)
        granted += [] if place else [now]
        assert place <= now + HORIZON_MS + 2 * CHANNEL.interval
        now = place or now + 1
    assert granted[0] <= NOW + 3 * CHANNEL.interval + HORIZON_MS
    assert now <= NOW + 40_000
    assert await budgets.take(CHANNEL, 4, now + HORIZON_MS) in (0, pytest.approx(now, abs=30_000))


async def test_no_wait_that_a_service_asked_for_is_believed_beyond_the_longest(
    budgets: BudgetStore,
) -> None:
    await budgets.block(CHANNEL, 5_000, 5_000, NOW + 3_600_000)
    assert await budgets.take(CHANNEL, 3, NOW) == 0
    assert not await budgets.release(CHANNEL, NOW)
    await budgets.block(CHANNEL, 5_000, 5_000, NOW)
    assert NOW + 5_000 <= await budgets.take(CHANNEL, 3, NOW + 1) <= NOW + 7_000
    assert await budgets.release(CHANNEL, NOW + 1)
    await budgets.block(CHANNEL, 3_600_000, 3_600_000, NOW + 1)
    assert await budgets.take(CHANNEL, 3, NOW + BLOCK_MAX_MS + 2_000) == 0
    assert not await budgets.release(CHANNEL, NOW + BLOCK_MAX_MS + 2_000)


@pytest.mark.parametrize("budget", [Budget("b", 60), Budget("b", 120, 20), Budget("b", 50, 10)])
async def test_no_minute_has_more_calls_than_allowed(budgets: BudgetStore, budget: Budget) -> None:
    chance = random.Random(budget.per_minute)
    granted: list[int] = []
    now = NOW
    while now < NOW + 4 * MINUTE_MS:
        now += chance.choice([0, 1, 40, 400]) if chance.random() < 0.98 else 20_000
        if await budgets.take(budget, chance.randint(1, 5), now) == 0:
            granted.append(now)
    assert len(granted) > 30
    for start in granted:
        assert sum(start <= at < start + MINUTE_MS for at in granted) <= budget.per_minute


async def test_of_many_at_once_exactly_one_is_granted(budgets: BudgetStore) -> None:
    answers = await asyncio.gather(*(budgets.take(CHANNEL, 2, NOW) for _ in range(50)))
    assert sorted(answers)[:2] == [0, min(answer for answer in answers if answer)]


def test_levels_and_keys() -> None:
    assert [level_of(name, pages=True) for name in ("P1", "P2", "P3", "P4")] == [1, 2, 3, 4]
    assert [level_of(name, pages=False) for name in ("P1", "P2", "P3", "P4")] == [3, 3, 5, 5]
    assert key_of("slack", "a", "b") != key_of("slack", "ab", "")
    assert "xoxb" not in key_of("slack", "xoxb-1", "C1")
