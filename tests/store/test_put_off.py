"""Work that lies further ahead than its kind allows, on a real server."""

from typing import Any

import pytest

from receiver.clock import Clock
from receiver.outgoing_heartbeat.self_checks import check_delivery
from receiver.store.commits import Write
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys, member
from receiver.store.repair.put_off import RETRY_MAX_MS, PutOff
from receiver.store.tasks import Task, TaskStore
from routing.decide import decide
from routing.decision import Schedule
from routing.event import TimerDue
from routing.incident import Incident
from routing.vocabulary import Lane
from tests.support.builders import MINUTE, NOW, alert, received, rules

LEASES = {Lane.URGENT: 30_000, Lane.NORMAL: 40_000}
FAR = [300_000, 3_600_000, 86_400_000]
DUE = Keys(0).due[Lane.URGENT]


@pytest.fixture
def tasks(redis: Any) -> TaskStore:
    return TaskStore(redis, 1)


@pytest.fixture
def put_off(redis: Any) -> PutOff:
    return PutOff(redis, 1, LEASES)


async def _opened(redis: Any, at: int = NOW) -> Incident:
    decision = decide(None, received(alert()), at, rules())
    store = IncidentStore(redis, 1, tombstone_ttl=60_000)
    await store.commit(0, [Write(decision, pointer=True)], at)
    assert decision.incident is not None
    return decision.incident


async def _claim(tasks: TaskStore, at: int) -> dict[str, Task]:
    found = await tasks.claim(0, Lane.URGENT, at, at + LEASES[Lane.URGENT], f"at {at}", 10)
    return {task.task: task for task in found}


@pytest.mark.parametrize("ahead", FAR)
async def test_a_lease_of_a_clock_that_was_ahead_is_nobodys(
    redis: Any, tasks: TaskStore, put_off: PutOff, ahead: int
) -> None:
    incident = await _opened(redis)
    lost = (await _claim(tasks, NOW + ahead))["notify:slack"]
    assert not await _claim(tasks, NOW + 60_000)
    found = await put_off.mend(NOW)
    assert member(incident.id, "notify:slack") in found
    again = await _claim(tasks, NOW)
    assert "notify:slack" in again
    # Whoever held it has a token that is worth nothing.
    assert not (await tasks.settle(lost, "done", NOW, delivered=9)).held
    assert (await tasks.settle(again["notify:slack"], "hold", NOW)).held
    assert await put_off.mend(NOW) == []


async def test_the_lease_of_a_timer_too_and_the_timer_is_put_right(
    redis: Any, tasks: TaskStore, put_off: PutOff
) -> None:
    incident = await _opened(redis)
    claimed = await _claim(tasks, NOW + 60 * MINUTE)
    assert "acknowledge" in claimed
    assert member(incident.id, "acknowledge") in await put_off.mend(NOW)
    assert "acknowledge" in await _claim(tasks, NOW)
    early = decide(incident, TimerDue("acknowledge"), NOW, rules())
    assert (early.reason, early.schedule) == (
        "timer_early",
        (Schedule("acknowledge", NOW + 5 * MINUTE),),
    )


@pytest.mark.parametrize("ahead", [3_600_000, 86_400_000])
async def test_a_retry_is_believed_as_far_as_any_may_be(
    redis: Any, tasks: TaskStore, put_off: PutOff, ahead: int
) -> None:
    await _opened(redis)
    task = (await _claim(tasks, NOW))["notify:slack"]
    later = NOW + RETRY_MAX_MS
    await tasks.settle(task, "again", NOW, delivered=9, due=later)
    assert await put_off.mend(NOW) == []
    assert "notify:slack" not in await _claim(tasks, NOW)
    await redis.zadd(DUE, {member(task.incident, task.task): NOW + ahead}, xx=True)
    assert await put_off.mend(NOW) == [member(task.incident, task.task)]
    assert "notify:slack" in await _claim(tasks, NOW)


async def test_what_waits_for_its_own_time_is_left_alone(
    redis: Any, tasks: TaskStore, put_off: PutOff
) -> None:
    incident = await _opened(redis)
    await _claim(tasks, NOW)
    month = NOW + 30 * 86_400_000
    await redis.zadd(DUE, {member(incident.id, "forget"): month})
    before = await redis.zrange(DUE, 0, -1, withscores=True)
    assert await put_off.mend(NOW) == []
    # Replicas differ by a little.
    assert await put_off.mend(NOW - 5_000) == []
    assert await redis.zrange(DUE, 0, -1, withscores=True) == before


async def test_it_is_found_among_many(redis: Any, tasks: TaskStore, put_off: PutOff) -> None:
    far = NOW + 86_400_000
    names = [member(f"0-{number:016x}-1", "notify:slack") for number in range(3_000)]
    wrong = names[::7]
    await redis.hset(Keys(0).task, mapping=dict.fromkeys(names, "1||0|0"))
    await redis.zadd(DUE, dict.fromkeys(names, NOW + 1_000) | dict.fromkeys(wrong, far))
    assert sorted(await put_off.mend(NOW)) == sorted(wrong)
    assert await redis.zcount(DUE, "-inf", NOW) == len(wrong)


async def test_what_cannot_be_read_is_left_alone(redis: Any, put_off: PutOff) -> None:
    junk = {b"\xff|notify:x": b"1||0|0", b"a|notify:b": b"\x00", b"c": b"1|x|y|0", b"d": b""}
    far = NOW + 86_400_000
    await redis.hset(Keys(0).task, mapping={**junk, b"0-1-1|notify:slack": b"1||0|0"})
    await redis.zadd(DUE, dict.fromkeys([*junk, b"0-1-1|notify:slack"], far))
    assert await put_off.mend(NOW) == ["0-1-1|notify:slack"]
    assert await redis.zcount(DUE, "-inf", NOW) == 1


async def test_what_changed_meanwhile_is_left_alone(
    redis: Any, tasks: TaskStore, put_off: PutOff
) -> None:
    await _opened(redis)
    task = (await _claim(tasks, NOW + 86_400_000))["notify:slack"]
    found = await put_off.find(NOW)
    await tasks.settle(task, "again", NOW, delivered=9, due=NOW + 1_000)
    put_off.find = _answer(found)  # type: ignore[method-assign]
    await put_off.mend(NOW)
    assert await redis.zscore(DUE, member(task.incident, task.task)) == NOW + 1_000


def _answer(found: Any) -> Any:
    async def find(_now: int) -> Any:
        return found

    return find


async def test_the_check_of_delivery_looks_for_it(
    redis: Any, tasks: TaskStore, put_off: PutOff
) -> None:
    class Fixed(Clock):
        def now(self) -> int:
            return NOW

    await _opened(redis)
    assert not await check_delivery(tasks, Fixed(), dict, put_off)
    await _claim(tasks, NOW + 86_400_000)
    said = await check_delivery(tasks, Fixed(), dict, put_off)
    assert said == "4 tasks were put off further than anything may be"
    await put_off.mend(NOW)
    assert not await check_delivery(tasks, Fixed(), dict, put_off)
