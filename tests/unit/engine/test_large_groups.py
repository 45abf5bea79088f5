"""A large group is decided from what is remembered of it, and adds to its record."""

import asyncio
from typing import Any

import pytest

from receiver.engine.batch import Batch, Known, is_large
from receiver.engine.batch_queue import Waiting
from receiver.engine.record_cache import ENTRY_BYTES, LARGE_TIMES, NOTHING, RecordCache
from receiver.store.commits import Write
from receiver.store.records.large import LargeRecord
from receiver.store.records.record import encode_incident, stored_whole
from routing.alert import Alert
from routing.alerts import Alerts
from routing.decide import decide
from routing.event import AlertsReceived
from tests.support.builders import NOW, alert, received, rules

RULES = rules()
STEM = "0-aaaaaaaaaaaaaaaa"


def _alerts(number: int, **more: Any) -> list[Alert]:
    return [alert(f"{place:016x}", **more) for place in range(number)]


def _large(number: int = 400) -> LargeRecord:
    decision = decide(None, received(*_alerts(number)), NOW, RULES)
    assert decision.incident is not None
    found = stored_whole(decision.incident).large
    assert found is not None
    return found


def _waiting(*events: AlertsReceived) -> list[Waiting]:
    done: Any = asyncio.Future
    return [Waiting(event, "", "", done, "") for event in events]


def _write(known: Known, *events: AlertsReceived) -> Write:
    batch = Batch(NOW + 1000, lambda _route: RULES, None)
    (found,) = batch.decide([(known, _waiting(*events))])
    assert found.write is not None
    assert not found.failed
    return found.write


def test_what_is_remembered_of_a_large_group_holds_nobody_up() -> None:
    known = _large()
    few = _waiting(received(*_alerts(3, resolved=True)))
    assert not is_large(known, few)
    assert is_large(known.incident, few)
    assert is_large(encode_incident(_large(4_000).incident), few)
    assert is_large(known, _waiting(received(*_alerts(301, resolved=True))))


def test_what_has_to_be_written_whole_is_large() -> None:
    known = _large()
    long = LargeRecord(known.incident, known.model, 2 * known.whole, known.whole)
    assert is_large(long, _waiting(received(*_alerts(1, resolved=True))))


@pytest.mark.parametrize("as_bytes", [False, True])
def test_events_of_one_batch_are_one_addition(as_bytes: bool) -> None:
    known = _large()
    events = [received(one) for one in _alerts(5, resolved=True)]
    write = _write(encode_incident(known.incident) if as_bytes else known, *events)
    assert write.record is not None
    assert write.record.size == known.size
    assert len(write.record.body) < known.size / 10
    assert write.record.large is not None
    assert sum(one.resolved for one in write.record.large.incident.alerts.values()) == 5


def test_what_was_read_without_its_record_is_written_whole() -> None:
    write = _write(_large().incident, received(*_alerts(1, resolved=True)))
    assert write.record is not None
    assert write.record.size == 0
    assert write.record.large is not None


def test_what_is_remembered_holds_no_former_alerts() -> None:
    write = _write(_large(), received(*_alerts(2, resolved=True)))
    assert write.record is not None
    large = write.record.large
    assert large is not None
    alerts = large.incident.alerts
    assert isinstance(alerts, Alerts)
    assert alerts.origin is not None
    RecordCache().remember(STEM, 1, large)
    assert alerts.origin is None


def test_a_large_group_takes_its_room_among_the_records() -> None:
    known = _large()
    weight = LARGE_TIMES * known.size + ENTRY_BYTES
    cache = RecordCache(most=weight + ENTRY_BYTES + 10)
    cache.remember(STEM, 1, known)
    cache.remember("0-b", 1, b"small")
    assert cache.get(STEM) == (1, known)
    cache.remember("0-c", 1, b"x" * 100)
    assert cache.get("0-b") == NOTHING
    small = RecordCache(most=weight - 1)
    small.remember(STEM, 1, known)
    assert small.get(STEM) == NOTHING
