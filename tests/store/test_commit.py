"""commit_decisions.lua on a real server: written is what fits what is there, or nothing."""

import asyncio
from typing import Any

import msgspec
import pytest

from receiver.errors import StoreUnavailableError
from receiver.store.commits import Conflict, Duplicate, Write, Written
from receiver.store.incidents import IncidentStore
from receiver.store.layout import check_layout
from receiver.store.lists.query import Query
from receiver.store.records.large import NEWEST_SCHEMA
from receiver.store.records.record import decode_incident, encode_incident
from receiver.store.tasks import TaskStore
from routing.decide import decide
from routing.decision import Decision
from routing.event import Event, TimerDue
from routing.incident import SCHEMA, Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Reopened, Resolved
from routing.vocabulary import Lane
from tests.support.builders import MINUTE, NOW, alert, received, rules

RULES = rules()
ANN = Actor("ann", "api")


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


def _decided(incident: Incident | None, event: Event, at: int = NOW) -> Decision:
    return decide(incident, event, at, RULES)


async def _commit(store: IncidentStore, decision: Decision, *ids: str, pointer: bool = True) -> Any:
    (result,) = await store.commit(0, [Write(decision, pointer, ids)], NOW)
    return result


async def _opened(store: IncidentStore, **more: Any) -> Incident:
    decision = _decided(None, received(alert(**more)))
    assert isinstance(await _commit(store, decision), Written)
    assert decision.incident is not None
    return decision.incident


async def test_a_new_group_needs_no_load_and_a_conflict_hands_back_the_truth(
    store: IncidentStore,
) -> None:
    incident = await _opened(store)
    again = await _commit(store, _decided(None, received(alert("b"))))
    assert isinstance(again, Conflict)
    assert decode_incident(again.record) == incident
    assert await store.load(incident.id) == incident
    assert len(await store.timeline(incident.id)) == 2


async def test_of_many_decisions_from_one_version_exactly_one_is_written(
    store: IncidentStore,
) -> None:
    incident = await _opened(store)
    results = await asyncio.gather(
        *[_commit(store, _decided(incident, received(alert(f"{n}")))) for n in range(20)]
    )
    assert sum(isinstance(result, Written) for result in results) == 1


async def test_even_what_changes_nothing_compares_the_version(store: IncidentStore) -> None:
    incident = await _opened(store)
    repeat = _decided(incident, received(alert()))
    assert isinstance(await _commit(store, repeat), Written)
    await _commit(store, _decided(incident, Acknowledged(ANN)), pointer=False)
    assert isinstance(await _commit(store, repeat), Conflict)


async def test_one_conflict_in_a_batch_does_not_cost_the_others(store: IncidentStore) -> None:
    await _opened(store)
    stale = Write(_decided(None, received(alert("b"))), pointer=True)
    other = received(alert("c"))
    fresh = _decided(None, msgspec.structs.replace(other, key="0-bbbbbbbbbbbbbbbb"))
    results = await store.commit(0, [stale, Write(fresh, pointer=True)], NOW)
    assert [type(result) for result in results] == [Conflict, Written]


async def test_an_applied_event_is_not_applied_again(store: IncidentStore) -> None:
    incident = await _opened(store)
    taken = _decided(incident, Acknowledged(ANN))
    assert isinstance(await _commit(store, taken, "click-1", pointer=False), Written)
    again = _decided(taken.incident, Acknowledged(ANN))
    result = await _commit(store, again, "click-0", "click-1", pointer=False)
    assert isinstance(result, Duplicate)
    assert result.places == (1,)


async def test_the_pointer_guards_the_generation(store: IncidentStore) -> None:
    incident = await _opened(store)
    closed = _decided(incident, received(alert(resolved=True)))
    await _commit(store, closed)
    later = received(alert(starts_at=NOW + 40 * MINUTE))
    second = _decided(closed.incident, later, NOW + 60 * MINUTE)
    assert isinstance(await _commit(store, second), Written)
    assert second.incident is not None
    assert second.incident.generation == 2
    late = await _commit(store, second)
    assert isinstance(late, Conflict)
    assert decode_incident(late.record).generation == 2
    assert await store.load(incident.id) == closed.incident
    names = [found.id for found in await store.lists.first(Query(state="all"), 10)]
    assert names == [second.incident.id, incident.id]


async def test_a_tombstone_is_no_incident_and_is_forgotten(
    store: IncidentStore, redis: Any
) -> None:
    decision = _decided(None, received(alert(resolved=True)))
    await _commit(store, decision)
    assert decision.incident is not None
    assert await store.lists.first(Query(state="all"), 10) == []
    assert 0 < await redis.pttl(store.keys[0].incident(decision.incident.id)) <= 60_000
    opened = _decided(decision.incident, received(alert(starts_at=NOW)))
    await _commit(store, opened)
    assert await redis.pttl(store.keys[0].incident(decision.incident.id)) == -1


async def test_a_priority_change_moves_the_lane_with_everything_on_it(
    store: IncidentStore, redis: Any
) -> None:
    tasks = TaskStore(redis, 1)
    minor = await _opened(store, priority="P3")
    assert {task.task for task in await tasks.claim(0, Lane.NORMAL, NOW + MINUTE * 9, NOW, "t", 9)}
    raised = _decided(minor, received(alert(priority="P3"), alert("b")))
    await _commit(store, raised)
    waiting = await tasks.waiting(NOW)
    assert waiting[Lane.NORMAL][0] == 0
    assert waiting[Lane.URGENT][0] == 4


async def test_the_numbers_of_open_incidents_follow_every_state(store: IncidentStore) -> None:
    incident = await _opened(store)
    assert {k: n for k, n in (await store.lists.active()).items() if n} == {
        ("critical", "triggered", "P1"): 1
    }
    taken = _decided(incident, Acknowledged(ANN))
    await _commit(store, taken, pointer=False)
    await _commit(store, _decided(taken.incident, received(alert(resolved=True))))
    assert not any((await store.lists.active()).values())


async def test_stopping_a_timer_takes_it_off_the_agenda(store: IncidentStore, redis: Any) -> None:
    tasks = TaskStore(redis, 1)
    incident = await _opened(store)
    await _commit(store, _decided(incident, Acknowledged(ANN)), pointer=False)
    found = await tasks.claim(0, Lane.URGENT, NOW + 99 * MINUTE, NOW, "t", 99)
    assert {task.task for task in found} == {"notify:pagerduty", "notify:slack"}
    gone = _decided(incident, TimerDue("echo"))
    assert gone.cancel == ("echo",)


def test_a_record_of_an_older_schema_is_read_as_this_one_would_write_it() -> None:
    incident = _decided(None, received(alert())).incident
    assert incident is not None
    old = msgspec.structs.replace(incident, schema=1, clock_started_at=0)
    read = decode_incident(encode_incident(old))
    assert read == msgspec.structs.replace(
        incident, schema=SCHEMA, clock_started_at=incident.episode_opened_at
    )


async def test_a_record_of_a_newer_release_is_never_written(
    store: IncidentStore, redis: Any
) -> None:
    incident = await _opened(store)
    key = store.keys[0].incident(incident.id)
    newer = msgspec.structs.replace(incident, schema=NEWEST_SCHEMA + 1)
    raw = b"%016d" % incident.version + msgspec.json.encode(newer)
    await redis.set(key, raw)
    with pytest.raises(StoreUnavailableError, match="newer release"):
        await store.load(incident.id)
    assert await redis.get(key) == raw


async def test_another_number_of_shards_is_refused(store: IncidentStore, redis: Any) -> None:
    await check_layout(redis, 1)
    await check_layout(redis, 1)
    with pytest.raises(StoreUnavailableError, match="set it back to 1"):
        await check_layout(redis, 4)


async def test_replicas_that_do_not_answer_leave_it_unacknowledged(redis: Any) -> None:
    waiting = IncidentStore(redis, 1, 1, wait_replicas=1)
    with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
        await _commit(waiting, _decided(None, received(alert())))


@pytest.mark.parametrize(
    "name", ["", "x", "0-short-1", "1-aaaaaaaaaaaaaaaa-1", "0-aaaaaaaaaaaaaaaa-x"]
)
async def test_what_is_no_incident_id_is_a_value_error(store: IncidentStore, name: str) -> None:
    with pytest.raises(ValueError, match=r"incident id|unpack"):
        await store.load(name)


async def test_an_id_that_is_kept_is_not_given_to_a_new_incident(store: IncidentStore) -> None:
    """Its receipts would count for the new one, which would page nobody."""
    found, later = rules(retention=60 * MINUTE), NOW + 40 * MINUTE

    async def commit(base: Incident | None, event: Event, at: int, *, pointer: bool = True) -> Any:
        decision = decide(base, event, NOW + at * MINUTE, found)
        (result,) = await store.commit(0, [Write(decision, pointer)], NOW + at * MINUTE)
        return result, decision.incident

    _, one = await commit(None, received(alert()), 0)
    _, one = await commit(one, Resolved(ANN), 1, pointer=False)
    _, two = await commit(one, received(alert(starts_at=later)), 40)
    _, one = await commit(one, Reopened(ANN), 41, pointer=False)
    _, two = await commit(two, received(alert(starts_at=later, resolved=True)), 42)
    await commit(two, TimerDue("forget"), 102, pointer=False)
    fresh = received(alert(starts_at=NOW + 200 * MINUTE))
    result, _ = await commit(None, fresh, 200)
    assert isinstance(result, Conflict)
    kept = decode_incident(result.record)
    assert kept == one
    result, joined = await commit(kept, fresh, 200)
    assert isinstance(result, Written)
    assert joined.id == one.id
