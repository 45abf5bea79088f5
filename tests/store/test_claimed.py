"""What is stored about claimed tasks: read in one call, and what is damaged costs nobody else."""

from typing import Any

import msgspec
import pytest

from receiver.store.commits import Write
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.store.records.claimed import TAIL
from receiver.store.records.record import decode_incident, encode_entry
from receiver.store.tasks import Task, TaskStore
from routing.decide import decide
from routing.incident_parts import Entry
from routing.receipt import Receipt
from routing.vocabulary import Lane
from tests.support.builders import NOW, alert, received, rules

UNTIL = NOW + 30_000


@pytest.fixture
def tasks(redis: Any) -> TaskStore:
    return TaskStore(redis, 2)


async def claimed(redis: Any, tasks: TaskStore, number: int, shard: int = 0) -> list[Task]:
    """Open so many incidents of a shard, and lease what is due of them."""
    store = IncidentStore(redis, 2, tombstone_ttl=60_000)
    for place in range(number):
        event = msgspec.structs.replace(received(alert()), key=f"{shard}-{place:016x}")
        decision = decide(None, event, NOW, rules(enrich=True))
        await store.commit(shard, [Write(decision, pointer=True)], NOW)
    lanes = (Lane.URGENT, Lane.BACKGROUND)
    found = [await tasks.claim(shard, lane, NOW, UNTIL, "one", 99) for lane in lanes]
    return [task for part in found for task in part]


async def _calls(redis: Any) -> int:
    found = await redis.info("commandstats")
    return int(found.get("cmdstat_evalsha", {}).get("calls", 0))


async def test_all_that_was_claimed_is_read_in_one_call(redis: Any, tasks: TaskStore) -> None:
    found = await claimed(redis, tasks, 30)
    assert {task.task for task in found} == {"notify:slack", "notify:pagerduty", "enrich"}
    held = next(task for task in found if task.task == "notify:slack")
    await tasks.settle(held, "hold", NOW, receipt=Receipt(paged_seq=1, last_error="late"))
    await tasks.read(found[:1])
    before = await _calls(redis)
    readings = await tasks.read(found)
    assert await _calls(redis) == before + 1
    for task, reading in zip(found, readings, strict=True):
        assert decode_incident(reading.record, task.incident).id == task.incident
        told = ["opened", "paged"] if task.task != "enrich" else []
        assert [entry.kind for entry in reading.entries] == told
        same = task.incident == held.incident
        assert reading.paged == ({"slack": 1} if same else {})
        assert reading.errors == ({"slack": "late"} if same else {})


async def test_tasks_of_several_shards_keep_their_order(redis: Any, tasks: TaskStore) -> None:
    first, second = await claimed(redis, tasks, 2), await claimed(redis, tasks, 2, shard=1)
    mixed = [task for pair in zip(first, second, strict=True) for task in pair]
    readings = await tasks.read(mixed)
    ids = [decode_incident(reading.record).id for reading in readings]
    assert ids == [task.incident for task in mixed]
    assert await tasks.read([]) == []


async def test_of_a_long_timeline_the_end_is_read(redis: Any, tasks: TaskStore) -> None:
    held = next(task for task in await claimed(redis, tasks, 1) if task.task == "notify:slack")
    lines = [encode_entry(Entry(NOW, "note", str(number))) for number in range(100)]
    await redis.rpush(Keys(0).timeline(held.incident), *lines)
    (reading,) = await tasks.read([held])
    assert (len(reading.entries), reading.entries_from) == (TAIL, 102 - TAIL)
    assert reading.entries[-1].text == "99"


async def test_of_what_is_gone_nothing_is_read(redis: Any, tasks: TaskStore) -> None:
    held = next(task for task in await claimed(redis, tasks, 1) if task.task == "notify:slack")
    keys = Keys(0)
    await redis.delete(keys.incident(held.incident), keys.timeline(held.incident))
    (reading,) = await tasks.read([held])
    assert (reading.record, reading.receipts, reading.entries) == (b"", {}, ())
    assert reading.entries_from == 0


@pytest.mark.parametrize("place", ["incident", "receipts", "timeline"])
async def test_a_key_of_another_type_is_its_own_tasks_problem(
    redis: Any, tasks: TaskStore, place: str
) -> None:
    found = [task for task in await claimed(redis, tasks, 3) if task.task == "notify:slack"]
    keys = Keys(0)
    broken = getattr(keys, place)(found[1].incident)
    await redis.delete(broken)
    await redis.sadd(broken, "what is this")
    first, odd, last = await tasks.read(found)
    assert decode_incident(first.record).id == found[0].incident
    assert decode_incident(last.record).id == found[2].incident
    if place == "incident":
        assert (odd.record, odd.broken) == (b"", "")
        assert [entry.kind for entry in odd.entries] == ["opened", "paged"]
    else:
        assert decode_incident(odd.record).id == found[1].incident
        assert await redis.type(broken) != b"set", "it is put aside"
