"""Events through the dispatcher into a real server: what one batch may hold together."""

import threading
from typing import Any

import msgspec
import pytest

from receiver.clock import Clock
from receiver.engine.batch import LARGE_ALERTS
from receiver.engine.batch_queue import Waiting
from receiver.engine.dispatcher import Dispatcher
from receiver.store.incidents import IncidentStore
from routing.event import AlertsReceived, TimerDue
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Noted
from routing.rules import Rules
from tests.support.audit import audit_of
from tests.support.builders import GROUP, MINUTE, NOW, alert, received, rules
from tests.support.patience import PATIENCE_S

RULES = rules(retention=24 * 60 * MINUTE)


class _Set(Clock):
    at = NOW

    def now(self) -> int:
        return self.at


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


async def _told(store: IncidentStore, at: int, *events: AlertsReceived) -> list[Any]:
    """Submit events so that they are decided in one batch."""
    clock = _Set()
    clock.at = at
    dispatcher = Dispatcher(store, clock, lambda _: RULES, audit_of(store, clock))
    waiting = [dispatcher.submit(event) for event in events]
    dispatcher.start(lambda: None)
    outcomes = [await one for one in waiting]
    await dispatcher.stop()
    return outcomes


async def test_a_batch_that_begins_a_generation_keeps_what_it_told_the_one_before(
    store: IncidentStore,
) -> None:
    """Or the old one's echo would come true, and reopen it beside the new one."""
    later = NOW + 40 * MINUTE
    (opened,) = await _told(store, NOW, received(alert()))
    await _told(store, NOW + MINUTE, received(alert(resolved=True)))
    (suspected,) = await _told(store, later, received(alert()))
    assert suspected.reason == "echo_suspected"
    calm, fresh = await _told(
        store, later + 1, received(alert(resolved=True)), received(alert("b", starts_at=later))
    )
    assert fresh.reason == "opened"
    old, new = await store.load(calm.incident.id), await store.load(fresh.incident.id)
    assert old is not None
    assert new is not None
    assert (old.id, new.generation) == (opened.incident.id, 2)
    assert "echo" not in old.timers
    assert await store.load(old.id) == calm.incident


async def test_what_comes_with_its_forgetting_finds_it_gone(store: IncidentStore) -> None:
    """Or the change would keep a record that no timer forgets any more."""
    await _told(store, NOW, received(alert()))
    (over,) = await _told(store, NOW + MINUTE, received(alert(resolved=True)))
    clock = _Set()
    clock.at = over.incident.timers["forget"]
    dispatcher = Dispatcher(store, clock, lambda _: RULES, audit_of(store, clock))
    sent = (TimerDue("forget"), Noted(Actor("ann", "api"), "why?"))
    waiting = [dispatcher.submit(event, over.incident.id) for event in sent]
    dispatcher.start(lambda: None)
    reasons = [(await one).reason for one in waiting]
    await dispatcher.stop()
    assert reasons == ["forgotten", "unknown_incident"]
    assert await store.load(over.incident.id) is None
    assert await store.timeline(over.incident.id) == []


@pytest.mark.parametrize("made_up", ["", "nonsense", "7-aaaaaaaaaaaaaaaa-1", "0-../..-1"])
async def test_an_id_nobody_gave_out_costs_nobody_else(store: IncidentStore, made_up: str) -> None:
    (opened,) = await _told(store, NOW, received(alert()))
    dispatcher = Dispatcher(store, _Set(), lambda _: RULES, audit_of(store, _Set()))
    ann = Actor("ann", "slack")
    ids = (opened.incident.id, made_up)
    waiting = [dispatcher.submit(Acknowledged(ann), incident) for incident in ids]
    dispatcher.start(lambda: None)
    assert [(await one).reason for one in waiting] == ["acknowledged", "unknown_incident"]
    await dispatcher.stop()


async def test_alerts_ask_the_cache_once(store: IncidentStore) -> None:
    dispatcher = Dispatcher(store, _Set(), lambda _: RULES, audit_of(store, _Set()))
    dispatcher.start(lambda: None)
    for _ in range(3):
        await dispatcher.submit(received(alert()))
    await dispatcher.stop()
    shown = dispatcher.cache.shown()
    assert (shown["hits"], shown["misses"]) == (2, 1)


async def test_nobody_waits_for_a_large_group(store: IncidentStore) -> None:
    """It takes long to decide, and has to be decided in order all the same."""
    going_on = threading.Event()
    many = [alert(f"a{number}") for number in range(LARGE_ALERTS + 1)]
    large = msgspec.structs.replace(
        received(*many), key="0-bbbbbbbbbbbbbbbb", group=msgspec.structs.replace(GROUP, route="1")
    )

    def rules_of(route: str) -> Rules:
        if route == "1":
            assert going_on.wait(PATIENCE_S)
        return RULES

    dispatcher = Dispatcher(store, _Set(), rules_of, audit_of(store, _Set()))
    dispatcher.start(lambda: None)
    waiting = [dispatcher.submit(large)]
    # What comes of it later is small, and is decided after it.
    ended = [alert(f"a{number}", resolved=True) for number in range(LARGE_ALERTS + 1)]
    waiting += [
        dispatcher.submit(msgspec.structs.replace(large, alerts=(one,))) for one in ended[:2]
    ]
    for number in range(3):
        assert (await dispatcher.submit(received(alert(f"b{number}")))).reason != "repeat"
    assert not any(one.done() for one in waiting)
    going_on.set()
    outcomes: list[Any] = [await one for one in waiting]
    await dispatcher.stop()
    assert [one.reason for one in outcomes] == ["opened", "updated", "updated"]
    found = await store.load(outcomes[-1].incident.id)
    assert found is not None
    assert len(found.firing()) == LARGE_ALERTS - 1


async def test_all_of_a_large_group_waits_aside(store: IncidentStore) -> None:
    """Also a click on its incident: or the two would take turns in spoiling each other's commit."""
    done: Any = None
    group = received(*(alert(f"a{number}") for number in range(LARGE_ALERTS + 1)))
    large = Waiting(group, "", "", done, "")
    click = Waiting(Acknowledged(Actor("ann", "slack")), f"{group.key}-1", "", done, "")
    other = Waiting(msgspec.structs.replace(received(alert()), key="0-b"), "", "", done, "")
    dispatcher = Dispatcher(store, _Set(), lambda _: RULES, audit_of(store, _Set()))
    known: Any = [(None, [click]), (None, [other]), (None, [large])]
    assert dispatcher._without_large(0, known) == [(None, [other])]
    queue = dispatcher._queues[0]
    assert (len(queue), queue.ready) == (2, False)
    assert queue.take_aside(8) == [click, large]
