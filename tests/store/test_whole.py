"""One answer shows one state: what is read of an incident is of one moment."""

import asyncio
from typing import Any

import pytest

from receiver.store.incidents import IncidentStore
from receiver.store.tasks import TaskStore
from routing.incident_parts import Actor
from routing.person_event import Noted
from routing.receipt import Receipt
from routing.vocabulary import Lane
from tests.support.builders import NOW
from tests.support.many import arrival, happen, open_many

ANN = Actor("ann", "api")


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


async def test_record_timeline_and_receipts_never_contradict_each_other(
    store: IncidentStore, redis: Any
) -> None:
    (incident,) = await open_many(store, [arrival(1, "P1")])
    opened = await store.whole(incident.id)
    assert opened is not None
    entries, version = opened.entries, opened.incident.version
    key, going = store.keys[0].receipts(incident.id), True

    async def change() -> None:
        nonlocal going
        now = incident
        for number in range(300):
            now = await happen(store, now, Noted(ANN, f"{number}"), NOW + number)
        going = False

    async def look() -> int:
        looks = 0
        while going:
            found = await store.whole(incident.id)
            assert found is not None
            notes = found.entries - entries
            assert found.incident.version - version == notes
            assert len(found.timeline) == min(500, found.entries)
            if notes:
                assert found.timeline[-1].text.endswith(str(notes - 1))
            looks += 1
        return looks

    looks = await asyncio.gather(change(), look(), look(), look())
    assert sum(filter(None, looks)) > 100
    assert await redis.exists(key) == 0


async def test_a_long_timeline_is_read_in_parts(store: IncidentStore, redis: Any) -> None:
    (now,) = await open_many(store, [arrival(1, "P1")])
    for number in range(30):
        now = await happen(store, now, Noted(ANN, f"note {number}"), NOW + number)
    every = await store.timeline(now.id)
    seen: list[Any] = []
    before = 0
    while before != 1:
        found = await store.whole(now.id, 7, before)
        assert found is not None
        assert found.entries == len(every)
        start = found.first - 1
        assert list(found.timeline) == every[start : start + len(found.timeline)]
        seen = [*found.timeline, *seen]
        before = found.first
    assert seen == every
    beyond = await store.whole(now.id, 7, 10_000)
    assert beyond is not None
    assert beyond.timeline == ()
    assert await store.timeline(now.id, -3) == every[-3:]


async def test_receipts_and_the_last_payload_are_part_of_it(
    store: IncidentStore, redis: Any
) -> None:
    (incident,) = await open_many(store, [arrival(1, "P1")], told=True)
    tasks = TaskStore(redis, 1)
    claimed = await tasks.claim(0, Lane.URGENT, NOW, NOW + 1000, "t", 9)
    slack = next(task for task in claimed if task.task == "notify:slack")
    await tasks.settle(slack, "hold", NOW, receipt=Receipt(state={"ts": "1.1", "channel": "C"}))
    await redis.hset(store.keys[0].seen, incident.id, NOW + 5)
    found = await store.whole(incident.id)
    assert found is not None
    assert found.receipts["slack"].state["ts"] == "1.1"
    assert found.seen_at == NOW + 5


@pytest.mark.parametrize("name", ["", "x", "9-aaaaaaaaaaaaaaaa-1", "0-aaaaaaaaaaaaaaaa-1"])
async def test_what_names_no_incident_is_none(store: IncidentStore, name: str) -> None:
    assert await store.whole(name) is None


async def test_what_is_damaged_beside_a_record_is_put_aside_and_the_rest_shown(
    store: IncidentStore, redis: Any
) -> None:
    (incident,) = await open_many(store, [arrival(1, "P1")])
    keys = store.keys[0]
    await redis.set(keys.receipts(incident.id), "no hash")
    await redis.set(keys.timeline(incident.id), "no list")
    await redis.hset(keys.seen, incident.id, "no time")
    found = await store.whole(incident.id)
    assert found is not None
    assert found.incident == incident
    assert found.receipts == {}
    assert [entry.kind for entry in found.timeline] == ["unreadable"]
    await redis.set(keys.incident(incident.id), b"junk")
    found = await store.whole(incident.id)
    assert found is not None
    assert found.incident.state == "damaged"
