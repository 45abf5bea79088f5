"""Claims while thousands wait for room: what has room waits for nothing, at the same cost."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from receiver.errors import StoreUnavailableError
from receiver.store.keys import Keys
from receiver.store.records.claiming import STEP
from receiver.store.tasks import TaskStore
from routing.vocabulary import Lane
from tests.support.builders import NOW

LANE = Lane.BACKGROUND
DUE = Keys(0).due[LANE]
LEASE = 30_000
RECENT = 250
"""As the script has it: so long before it is entered something may be due."""
FULL = {"enrich": 0, "summarize": 8}


@pytest.fixture
def tasks(redis: Any) -> TaskStore:
    return TaskStore(redis, 1)


def member(number: int, task: str = "enrich") -> str:
    return f"0-{number:016x}-1|{task}"


async def fill(redis: Any, number: int, task: str = "enrich", since: int = 600_000) -> None:
    """Enter tasks that came due within the last minutes."""
    scores = {member(at, task): NOW - since + at * since // number for at in range(number)}
    await redis.zadd(DUE, scores)


async def claim(
    tasks: TaskStore, now: int, room: dict[str, int], limit: int = 96
) -> list[tuple[int, str]]:
    found = await tasks.claim(0, LANE, now, now + LEASE, f"t{now}", limit, room)
    return [(int(task.incident.split("-")[1], 16), task.task) for task in found]


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("number", [1_000, 30_000])
async def test_a_claim_looks_at_no_more_however_many_wait(
    redis: Any, tasks: TaskStore, number: int, free: int
) -> None:
    await fill(redis, number)
    claiming = tasks._claiming[0][LANE]
    script, passed = claiming._script, []

    async def counted(**more: Any) -> Any:
        answer = await script(**more)
        passed.append(answer[1])
        return answer

    claiming._script = counted
    for at in range(100):
        assert len(await claim(tasks, NOW + at, {"enrich": free, "summarize": 8})) == free
    # It passes over all of them once, and so it is known where to look.
    assert sum(passed[:50]) >= number - 100
    assert max(passed) <= STEP
    assert max(passed[-50:]) <= 100


async def test_what_comes_behind_those_that_wait_is_found_at_once(
    redis: Any, tasks: TaskStore
) -> None:
    await fill(redis, 12_000)
    for at in range(4):
        assert await claim(tasks, NOW + at, FULL) == []
    for at in range(10, 60, 10):
        await redis.zadd(DUE, {member(at, "summarize"): NOW + at - RECENT // 2})
        assert await claim(tasks, NOW + at, FULL) == [(at, "summarize")]


async def test_a_place_is_for_the_oldest_that_waits_for_it(redis: Any, tasks: TaskStore) -> None:
    await fill(redis, 3_000)
    await claim(tasks, NOW, FULL)
    taken = []
    for at in range(1, 40):
        taken += await claim(tasks, NOW + at, {"enrich": at % 3, "summarize": 8})
    assert taken == [(number, "enrich") for number in range(len(taken))]
    assert len(taken) == 39


async def test_a_name_that_had_no_room_is_looked_for_from_the_beginning(
    redis: Any, tasks: TaskStore
) -> None:
    await fill(redis, 3_000)
    await redis.zadd(DUE, {member(9_999, "notify:siem"): NOW - 500_000})
    for at in range(3):
        assert await claim(tasks, NOW + at, {**FULL, "notify:siem": 0}) == []
    assert await claim(tasks, NOW + 5, {**FULL, "notify:siem": 1}) == [(9_999, "notify:siem")]


async def test_what_was_entered_far_behind_is_found_too(redis: Any, tasks: TaskStore) -> None:
    await fill(redis, 3_000)
    await claim(tasks, NOW, FULL)
    await claim(tasks, NOW + 1, FULL)
    await redis.zadd(DUE, {member(1, "acknowledge"): NOW - 400_000})
    found = [one for at in range(2, 40) for one in await claim(tasks, NOW + at, FULL)]
    assert found == [(1, "acknowledge")]


async def test_what_was_just_entered_is_found_at_once_however_late(
    redis: Any, tasks: TaskStore
) -> None:
    await fill(redis, 30_000)
    for at in range(12):
        await claim(tasks, NOW + at, FULL)
    await redis.zadd(DUE, {member(1, "summarize"): NOW - 20_000})
    assert await claim(tasks, NOW + 20, FULL) == [], "only the look at all would find it"
    tasks.entered({LANE: NOW - 20_000})
    found = [one for at in range(4) for one in await claim(tasks, NOW + 30 + at, FULL)]
    assert found == [(1, "summarize")]


async def test_what_is_entered_during_a_claim_or_before_one_that_fails_is_found(
    redis: Any, tasks: TaskStore
) -> None:
    await fill(redis, 30_000)
    for at in range(12):
        await claim(tasks, NOW + at, FULL)
    claiming = tasks._claiming[0][LANE]
    script = claiming._script

    async def meanwhile(**more: Any) -> Any:
        answer = await script(**more)
        await redis.zadd(DUE, {member(1, "summarize"): NOW - 5_000})
        tasks.entered({LANE: NOW - 5_000})
        return answer

    async def away(**_: Any) -> None:
        raise ConnectionError

    claiming._script = meanwhile
    assert await claim(tasks, NOW + 20, FULL) == []
    claiming._script = away
    with pytest.raises(StoreUnavailableError):
        await claim(tasks, NOW + 21, FULL)
    claiming._script = script
    assert await claim(tasks, NOW + 22, FULL) == [(1, "summarize")]


async def test_thousands_due_at_the_same_time_hide_nothing(redis: Any, tasks: TaskStore) -> None:
    await redis.zadd(DUE, {member(at): NOW - 1_000 for at in range(4_000)})
    await redis.zadd(DUE, {member(9_999, "summarize"): NOW - 1_000})
    found = [one for at in range(5) for one in await claim(tasks, NOW + at, FULL)]
    assert found == [(9_999, "summarize")]


async def test_a_claim_that_leased_nothing_says_when_the_next_is_due(
    redis: Any, tasks: TaskStore
) -> None:
    assert await claim(tasks, NOW, FULL) == []
    assert tasks.soonest(0, LANE) is None
    await redis.zadd(DUE, {member(1, "summarize"): NOW + 400, member(2): NOW + 500})
    assert await claim(tasks, NOW, FULL) == []
    assert tasks.soonest(0, LANE) == await tasks.next_due(0, LANE) == NOW + 400
    assert len(await claim(tasks, NOW + 400, FULL)) == 1
    assert tasks.soonest(0, LANE) is None
    await redis.delete(DUE)
    await redis.zadd(DUE, {member(1): float("inf")})
    assert await claim(tasks, NOW, FULL) == []
    assert tasks.soonest(0, LANE) is None


async def test_a_clock_that_is_set_back_stops_nothing(redis: Any, tasks: TaskStore) -> None:
    await fill(redis, 3_000)
    await claim(tasks, NOW, FULL)
    back = NOW - 60_000
    for at in range(20):
        await redis.zadd(DUE, {member(at, "summarize"): back + at})
        assert await claim(tasks, back + at, FULL) == [(at, "summarize")]


async def test_a_lease_that_ran_out_is_found_among_those_that_wait(
    redis: Any, tasks: TaskStore
) -> None:
    await fill(redis, 3_000)
    assert await claim(tasks, NOW, {"enrich": 0, "summarize": 8}) == []
    await redis.zadd(DUE, {member(7, "summarize"): NOW})
    assert await claim(tasks, NOW + 1, FULL) == [(7, "summarize")]
    assert await claim(tasks, NOW + LEASE, FULL) == []
    assert await claim(tasks, NOW + 1 + LEASE, FULL) == [(7, "summarize")]


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_nothing_waits_that_has_room(redis: Any, seed: int) -> None:
    """Tasks come, places come and go, work ends: what is due and has room is taken at once."""
    chance, tasks, now = Random(seed), TaskStore(redis, 1), NOW
    names = ("enrich", "summarize", "notify:siem", "escalate")
    await fill(redis, 700)
    number = 10_000
    for _ in range(150):
        entered = [chance.choice(names) for _ in range(chance.choice((0, 1, 30)))]
        scores = {
            member(number + at, name): now - chance.randrange(RECENT)
            for at, name in enumerate(entered)
        }
        number += len(scores)
        if scores:
            await redis.zadd(DUE, scores)
        now += chance.choice((1, 20, 100, 300))
        room = {name: chance.choice((0, 0, 1, 5)) for name in names[:3]}
        limit = chance.choice((4, 96))
        due = Counter(
            row.decode().partition("|")[2] for row in await redis.zrangebyscore(DUE, 0, now)
        )
        found = await claim(tasks, now, room, limit)
        taken = Counter(name for _, name in found)
        assert len(found) <= limit
        assert all(taken[name] <= most for name, most in room.items())
        if len(found) < limit:
            for name in names:
                assert taken[name] == min(due[name], room.get(name, limit)), (seed, name)
        ended = [member(one, name) for one, name in found if chance.random() < 0.9]
        if ended:
            await redis.zrem(DUE, *ended)
    assert await redis.zcount(DUE, "-inf", now) > 200


async def test_what_was_leased_without_an_answer_is_due_at_once(
    redis: Any, tasks: TaskStore
) -> None:
    await fill(redis, 4)
    until = NOW + LEASE
    await tasks.claim(0, LANE, NOW, until, "lost", 2)
    others = await tasks.claim(0, LANE, NOW, until, "kept", 2)
    await tasks.release(0, LANE, "lost", until, NOW + 5)
    again = await tasks.claim(0, LANE, NOW + 5, until + 5, "new", 9)
    assert len(again) == 2
    assert not {task.incident for task in again} & {task.incident for task in others}
    assert await redis.zcount(DUE, until, until) == 2, "those of another are left alone"


async def test_nothing_is_released_where_nothing_was_leased(redis: Any, tasks: TaskStore) -> None:
    await fill(redis, 2)
    before = await redis.zrange(DUE, 0, -1, withscores=True)
    await tasks.release(0, LANE, "lost", NOW + LEASE, NOW)
    await redis.zadd(DUE, {b"junk": NOW + LEASE})
    await tasks.release(0, LANE, "lost", NOW + LEASE, NOW)
    await redis.zrem(DUE, b"junk")
    assert await redis.zrange(DUE, 0, -1, withscores=True) == before
