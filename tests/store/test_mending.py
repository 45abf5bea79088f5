"""Putting aside and making anew, on a real server: only what was judged, and only the truth."""

import asyncio
from typing import Any

import msgspec
import pytest

from receiver.store.commits import Write, Written
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.store.records.record import encode_incident
from receiver.store.repair.healing import Healing
from receiver.store.repair.register import Judged
from receiver.store.tasks import TaskStore
from routing.decide import decide
from routing.event import Event
from routing.group import Group
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Resolved
from routing.vocabulary import Lane
from tests.support.builders import MINUTE, NOW, alert, received, rules

RULES = rules()
KEYS = Keys(0)
ANN = Actor("ann", "api")


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


async def commit(store: IncidentStore, base: Incident | None, event: Event, at: int = NOW) -> Any:
    decision = decide(base, event, at, RULES)
    (result,) = await store.commit(0, [Write(decision, pointer=base is None)], at)
    assert isinstance(result, Written), result
    return decision.incident


async def opened(store: IncidentStore, number: int) -> Incident:
    group = Group(cluster="", receiver="r", group_key=str(number))
    event = msgspec.structs.replace(received(alert()), key=f"0-{number:016x}", group=group)
    found: Incident = await commit(store, None, event)
    return found


async def test_what_is_another_by_now_is_not_put_aside(store: IncidentStore, redis: Any) -> None:
    incident = await opened(store, 1)
    key = KEYS.incident(incident.id)
    whole = await redis.get(key)
    register = store.mending.register
    found = register.entry(KEYS, "incident", key, Judged("string", b"junk"), "junk", incident.id)
    for judged in (Judged("string", b"junk"), Judged("list"), Judged("none")):
        assert not await register.put_aside(KEYS, found, judged, instead=b"stand-in")
    assert await redis.get(key) == whole
    assert await register.listed() == []


async def test_an_id_that_nothing_names_is_no_damage(store: IncidentStore, redis: Any) -> None:
    assert await store.read(["0-aaaaaaaaaaaaaaaa-1"]) == {}
    assert await store.mending.register.listed() == []
    assert not await redis.exists(KEYS.incident("0-aaaaaaaaaaaaaaaa-1"))


async def test_a_pointer_leads_to_the_newest_generation_that_has_a_record(
    store: IncidentStore, redis: Any
) -> None:
    digest = f"{1:016x}"
    await opened(store, 1)
    for number in (2, 11, 9):
        await redis.set(KEYS.incident(f"0-{digest}-{number}"), b"{}")
    await redis.set(KEYS.incident(f"0-{2:016x}-77"), b"{}")
    await redis.set(KEYS.group(digest), b"junk")
    assert await store.mending.pointer(KEYS, digest) == 11
    assert await redis.get(KEYS.group(digest)) == b"11"
    assert await store.mending.pointer(KEYS, digest) == 11
    await redis.delete(KEYS.group(digest))
    assert await store.mending.pointer(KEYS, digest) == 11


async def test_a_commit_writes_nothing_of_what_it_cannot_write_all_of(
    store: IncidentStore, redis: Any
) -> None:
    incidents = [await opened(store, number) for number in range(3)]
    await redis.delete(KEYS.timeline(incidents[1].id))
    await redis.set(KEYS.timeline(incidents[1].id), b"junk")
    writes = [
        Write(decide(one, Acknowledged(ANN), NOW + 1, RULES), pointer=False) for one in incidents
    ]
    results = await store.commit(0, writes, NOW + 1)
    assert [isinstance(result, Written) for result in results] == [True, False, True]
    assert (await store.load(incidents[1].id)) == incidents[1]
    again = await commit(store, incidents[1], Acknowledged(ANN), NOW + 2)
    assert (await store.load(incidents[1].id)) == again
    kinds = [entry.kind for entry in await store.timeline(incidents[1].id)]
    assert kinds == ["unreadable", "acknowledged"]


async def test_open_incidents_are_counted_while_they_change(
    store: IncidentStore, redis: Any
) -> None:
    incidents = [await opened(store, number) for number in range(150)]
    await redis.hset(KEYS.active, "critical|triggered|P1", "many")

    async def change() -> None:
        for number, incident in enumerate(incidents[:90]):
            taken = await commit(store, incident, Acknowledged(ANN), NOW + number)
            if number % 3 == 0:
                await commit(store, taken, Resolved(ANN), NOW + number)

    await asyncio.gather(change(), Healing(store).recount(KEYS))
    # A change after the count may have met the junk, and asked for one more.
    await Healing(store).round()
    assert await store.lists.active() == {
        ("critical", "triggered", "P1"): 60,
        ("critical", "acknowledged", "P1"): 60,
    }


async def test_indexes_and_agenda_are_made_anew_from_the_records(
    store: IncidentStore, redis: Any
) -> None:
    incidents = [await opened(store, number) for number in range(100)]
    for incident in incidents[:40]:
        await commit(store, incident, Resolved(ANN), NOW + 5)
    names = (KEYS.open, KEYS.closed, KEYS.seen, KEYS.task, *KEYS.due.values())
    before = [await redis.zrange(name, 0, -1, withscores=True) for name in (KEYS.open, KEYS.closed)]
    agenda = {name: set(await redis.zrange(name, 0, -1)) for name in KEYS.due.values()}
    await redis.delete(*names)
    await Healing(store).reindex(KEYS)
    assert before == [
        await redis.zrange(name, 0, -1, withscores=True) for name in (KEYS.open, KEYS.closed)
    ]
    for name, members in agenda.items():
        assert set(await redis.zrange(name, 0, -1)) == members
    assert await redis.hlen(KEYS.seen) == 60
    far = NOW + 10**12
    tasks = await TaskStore(redis, 1).claim(0, Lane.URGENT, far, far + MINUTE, "me", 5_000)
    wants = {task.want for task in tasks if task.task.startswith("notify:")}
    assert wants == {incident.version for incident in incidents} | {2}


async def test_what_is_on_the_agenda_is_not_moved_by_it(store: IncidentStore, redis: Any) -> None:
    await opened(store, 1)
    before = await redis.zrange(KEYS.due[Lane.URGENT], 0, -1, withscores=True)
    held = await TaskStore(redis, 1).claim(0, Lane.URGENT, NOW, NOW + MINUTE, "me", 1)
    state = await redis.hgetall(KEYS.task)
    await Healing(store).reindex(KEYS)
    assert await redis.hgetall(KEYS.task) == state
    after = dict(await redis.zrange(KEYS.due[Lane.URGENT], 0, -1, withscores=True))
    assert set(after) == {name for name, _ in before}
    assert after[f"{held[0].incident}|{held[0].task}".encode()] == NOW + MINUTE


async def test_a_stand_in_that_is_damaged_itself_is_put_aside_as_well(
    store: IncidentStore, redis: Any
) -> None:
    incident = await opened(store, 1)
    key = KEYS.incident(incident.id)
    for junk in (encode_incident(incident)[:-5], b"again"):
        await redis.set(key, junk)
        found = (await store.read([incident.id]))[incident.id]
        assert found.state == "damaged"
        await asyncio.sleep(0.002)
    entries = await store.mending.register.listed()
    assert len({entry.kept for entry in entries}) == 2
    assert {await redis.get(entry.kept) for entry in entries} == {
        b"again",
        encode_incident(incident)[:-5],
    }
