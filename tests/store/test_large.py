"""Records of large groups on a real server: what is added to them says what the whole would."""

from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest

from receiver.errors import DamagedRecordError
from receiver.store.commits import Conflict, Write, Written
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys
from receiver.store.records import large as large_records
from receiver.store.records import record as records
from receiver.store.records.large import LARGE_ALERTS, NEWEST_SCHEMA, LargeRecord
from receiver.store.records.record import (
    decode_incident,
    decode_record,
    encode_incident,
    is_open_record,
    stored_form,
)
from routing.alert import Alert
from routing.decide import decide
from routing.decision import Decision
from routing.event import Event, TimerDue
from routing.incident import SCHEMA, Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Resolved
from routing.vocabulary import Timer
from tests.support.builders import MINUTE, NOW, alert, received, rules

RULES = rules()
ANN = Actor("ann", "api")
MANY = LARGE_ALERTS + 20


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


def _names(number: int = MANY) -> list[str]:
    return [f"{place:016x}" for place in range(number)]


def _alert(name: str, **more: Any) -> Alert:
    return alert(name, labels={"alertname": "A", "instance": name}, **more)


async def _commit(
    store: IncidentStore, decision: Decision, known: LargeRecord | None = None
) -> Any:
    form = stored_form(decision, known)
    (result,) = await store.commit(0, [Write(decision, True, (), form)], NOW)
    return result


async def _opened(store: IncidentStore) -> LargeRecord:
    decision = decide(None, received(*map(_alert, _names())), NOW, RULES)
    result = await _commit(store, decision)
    assert isinstance(result, Written)
    assert isinstance(result.record, LargeRecord)
    return result.record


async def _raw(redis: Any, incident: Incident) -> bytes:
    return bytes(await redis.get(Keys(0).incident(incident.id)))


async def test_a_change_adds_what_changed(store: IncidentStore, redis: Any) -> None:
    known = await _opened(store)
    whole = await _raw(redis, known.incident)
    one = _alert(_names()[3], resolved=True)
    decision = decide(known.incident, received(one), NOW + MINUTE, RULES)
    form = stored_form(decision, known)
    assert form.size == len(whole)
    assert len(form.body) * 10 < len(whole)
    result = await _commit(store, decision, known)
    assert isinstance(result, Written)
    raw = await _raw(redis, known.incident)
    assert raw[:16] == b"%016d" % 2
    assert msgspec.json.decode(raw[16:])["schema"] == NEWEST_SCHEMA
    assert decode_incident(raw) == decision.incident
    assert await store.load(known.incident.id) == decision.incident
    # And it is remembered as it is stored.
    found = decode_record(raw)
    assert isinstance(found, LargeRecord)
    assert found == result.record
    assert found.incident.schema == SCHEMA


@pytest.mark.parametrize("seed", range(12))
async def test_any_history_reads_as_it_was_decided(
    store: IncidentStore, redis: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # So small that records grow, are written whole, and shrink within a few steps.
    for module in (large_records, records):
        monkeypatch.setattr(module, "LARGE_ALERTS", 4)
    chance = Random(seed)
    names = _names(9)
    known: Incident | LargeRecord | None = None
    wholes = added = 0
    for step in range(80):
        base = known.incident if isinstance(known, LargeRecord) else known
        decision = decide(base, _event(chance, names), NOW + step * MINUTE, RULES)
        if not decision.changed or decision.incident is None:
            continue
        large = known if isinstance(known, LargeRecord) else None
        form = stored_form(decision, large)
        assert isinstance(await _commit(store, decision, large), Written)
        raw = await _raw(redis, decision.incident)
        assert decode_incident(raw) == decision.incident
        assert is_open_record(raw) is decision.incident.is_open
        assert await store.load(decision.incident.id) == decision.incident
        wholes, added = wholes + (not form.size), added + bool(form.size)
        # As the same replica goes on, or as another that reads it first.
        known = form.large or decision.incident if chance.random() < 0.7 else decode_record(raw)
    assert wholes > 1
    assert added > 5


def _event(chance: Random, names: list[str]) -> Event:
    kind = chance.random()
    if kind < 0.06:
        return Resolved(ANN)
    if kind < 0.12:
        return Acknowledged(ANN)
    if kind < 0.2:
        return TimerDue(Timer.STALE, alerts={})
    some = chance.sample(names, chance.randrange(1, len(names)))
    return received(
        *(
            _alert(
                name,
                resolved=chance.random() < 0.4,
                starts_at=NOW - chance.randrange(3) * MINUTE,
                priority=chance.choice(["P1", "P2", "P3"]),
            )
            for name in some
        )
    )


async def test_what_was_added_to_is_written_whole_before_it_is_twice_as_long(
    store: IncidentStore, redis: Any
) -> None:
    known = await _opened(store)
    sizes = []
    for turn in range(400):
        flip = [_alert(name, resolved=turn % 2 == 0) for name in _names()[:30]]
        decision = decide(known.incident, received(*flip), NOW + turn * MINUTE, RULES)
        if decision.changed:
            result = await _commit(store, decision, known)
            assert isinstance(result, Written)
            assert isinstance(result.record, LargeRecord)
            known = result.record
            sizes.append(len(await _raw(redis, known.incident)))
            assert known.size == sizes[-1]
    falls = [now for before, now in pairwise(sizes) if now < before]
    assert falls
    assert max(sizes) < 3 * min(sizes)


async def test_another_replicas_change_is_a_conflict_that_hands_back_all_of_it(
    store: IncidentStore, redis: Any
) -> None:
    known = await _opened(store)
    other = IncidentStore(redis, 1, tombstone_ttl=60_000)
    first, second = (
        decide(known.incident, received(_alert(name, resolved=True)), NOW + MINUTE, RULES)
        for name in _names()[:2]
    )
    assert isinstance(await _commit(other, first, known), Written)
    result = await _commit(store, second, known)
    assert isinstance(result, Conflict)
    found = decode_record(result.record)
    assert isinstance(found, LargeRecord)
    assert found.incident == first.incident
    again = decide(found.incident, received(_alert(_names()[1], resolved=True)), NOW, RULES)
    assert stored_form(again, found).size == len(result.record)
    assert isinstance(await _commit(store, again, found), Written)
    assert decode_incident(await _raw(redis, known.incident)) == again.incident


async def test_nothing_is_added_to_a_record_of_another_length(
    store: IncidentStore, redis: Any
) -> None:
    # A server that lost its last writes may be of the same version and say something else.
    known = await _opened(store)
    shorter = decide(None, received(*map(_alert, _names()[1:])), NOW, RULES)
    assert shorter.incident is not None
    truth = encode_incident(shorter.incident)
    await redis.set(Keys(0).incident(known.incident.id), truth)
    decision = decide(
        known.incident, received(_alert(_names()[3], resolved=True)), NOW + MINUTE, RULES
    )
    result = await _commit(store, decision, known)
    assert isinstance(result, Conflict)
    assert result.record == truth
    assert await _raw(redis, known.incident) == truth


async def test_a_tombstone_that_begins_to_fire_does_not_expire(
    store: IncidentStore, redis: Any
) -> None:
    ends = received(*(_alert(name, resolved=True) for name in _names()))
    decision = decide(None, ends, NOW, RULES)
    assert decision.incident is not None
    assert decision.incident.state == "tombstone"
    result = await _commit(store, decision)
    assert isinstance(result.record, LargeRecord)
    key = Keys(0).incident(decision.incident.id)
    assert await redis.pttl(key) > 0
    fires = received(_alert(_names()[5], starts_at=NOW + MINUTE))
    opened = decide(decision.incident, fires, NOW + 2 * MINUTE, RULES)
    assert opened.incident is not None
    assert opened.incident.is_open
    assert isinstance(await _commit(store, opened, result.record), Written)
    assert await redis.pttl(key) == -1
    assert await store.load(opened.incident.id) == opened.incident


def test_what_cannot_be_read_among_the_changes_is_damage() -> None:
    decision = decide(None, received(*map(_alert, _names())), NOW, RULES)
    raw = stored_form(decision).body
    assert isinstance(decode_record(raw), LargeRecord)
    for what in (b"{}", b"7", b'{"fields":{"state":"pondered"}}', b'{"fields":{}},', b'{"fields'):
        with pytest.raises(DamagedRecordError):
            decode_record(raw[:-2] + what + b"]}")
    with pytest.raises(DamagedRecordError, match="no later changes"):
        decode_record(raw.replace(b'"later":[]', b'"later_":[]'))
    for cut in range(16, len(raw), 97):
        with pytest.raises(DamagedRecordError):
            decode_record(raw[:cut])


def test_a_small_group_is_written_as_earlier_releases_read_it() -> None:
    decision = decide(None, received(*map(_alert, _names(LARGE_ALERTS))), NOW, RULES)
    assert decision.incident is not None
    raw = encode_incident(decision.incident)
    assert msgspec.json.decode(raw[16:])["schema"] == SCHEMA
    assert "later" not in msgspec.json.decode(raw[16:])
