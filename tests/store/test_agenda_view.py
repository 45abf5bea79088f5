"""The agenda looked at: what is due next, what is held, and what waits for whom."""

from typing import Any

from receiver.store.keys import Keys, member
from receiver.store.lists.agenda_view import READ, AgendaView
from routing.vocabulary import Lane
from tests.support.builders import NOW

KEYS = [Keys(shard) for shard in range(2)]


def incident(number: int, shard: int = 0) -> str:
    return f"{shard}-{number:016x}-1"


async def put(redis: Any, name: str, task: str, due: int, state: str = "", shard: int = 0) -> None:
    keys = KEYS[shard]
    await redis.zadd(keys.due[Lane.URGENT], {member(name, task): due})
    if state:
        await redis.hset(keys.task, member(name, task), state)


async def test_nothing_is_nothing(redis: Any) -> None:
    view = AgendaView(redis, 2)
    assert await view.first(NOW, 10) == []
    assert (await view.queues()).total == 0


async def test_what_is_due_first_comes_first_whatever_the_shard(redis: Any) -> None:
    await put(redis, incident(1), "escalate", NOW + 50)
    await put(redis, incident(2, 1), "stale", NOW - 20, shard=1)
    await put(redis, incident(3), "notify:slack", NOW + 30_000, f"1|token|{NOW + 30_000}|0")
    found = await AgendaView(redis, 2).first(NOW, 10)
    assert [(one.task, one.held) for one in found] == [
        ("stale", False),
        ("escalate", False),
        ("notify:slack", True),
    ]
    assert [one.due for one in await AgendaView(redis, 2).first(NOW, 1)] == [NOW - 20]
    later = await AgendaView(redis, 2).first(NOW + 40_000, 10)
    assert not any(one.held for one in later)


async def test_deliveries_are_counted_by_notifier(redis: Any) -> None:
    for number in range(30):
        name = "slack" if number % 3 else "pager|duty"
        await put(redis, incident(number), f"notify:{name}", NOW, "1||0|0")
    await put(redis, incident(40), "escalate", NOW, "1|token|5|0")
    found = await AgendaView(redis, 1).queues()
    assert found.waiting == {"slack": 20, "pager|duty": 10}
    assert (found.counted, found.total) == (31, 31)


async def test_of_very_many_some_are_counted_and_it_is_said(redis: Any) -> None:
    rows = {member(incident(number), "notify:slack"): "1||0|0" for number in range(3 * READ)}
    await redis.hset(KEYS[0].task, mapping=rows)
    found = await AgendaView(redis, 1).queues()
    assert found.total == 3 * READ
    assert READ <= found.counted < 2 * READ
    assert found.waiting["slack"] == found.counted


async def test_what_cannot_be_read_is_passed_over(redis: Any) -> None:
    await redis.zadd(KEYS[0].due[Lane.NORMAL], {b"\xff|x": NOW, b"none": NOW, b"": NOW})
    await redis.hset(KEYS[0].task, b"\xff", b"\xff")
    await put(redis, incident(1), "escalate", NOW, "junk")
    view = AgendaView(redis, 1)
    (one,) = await view.first(NOW, 10)
    assert (one.task, one.held) == ("escalate", False)
    assert (await view.queues()).waiting == {}
