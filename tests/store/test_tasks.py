"""Leases on a real server: nobody works on what another holds, and nothing wanted is forgotten."""

import asyncio
from typing import Any

import msgspec
import pytest

from receiver.errors import StoreUnavailableError
from receiver.pagerduty.receipt import STATE as ALERTS
from receiver.pagerduty.receipt import AlertKey
from receiver.slack.receipt import STATE as MESSAGE
from receiver.store.commits import Write
from receiver.store.incidents import IncidentStore
from receiver.store.keys import Keys, member
from receiver.store.tasks import Settled, Task, TaskStore
from routing.decide import decide
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Escalated, Resolved
from routing.receipt import Receipt
from routing.rules import Step
from routing.vocabulary import Lane
from tests.support.builders import MINUTE, NOW, alert, received, rules

RULES = rules()
UNTIL = NOW + 30_000


@pytest.fixture
def store(redis: Any) -> IncidentStore:
    return IncidentStore(redis, 1, tombstone_ttl=60_000)


@pytest.fixture
def tasks(redis: Any) -> TaskStore:
    return TaskStore(redis, 1)


async def _opened(store: IncidentStore) -> Incident:
    decision = decide(None, received(alert()), NOW, RULES)
    await store.commit(0, [Write(decision, pointer=True)], NOW)
    assert decision.incident is not None
    return decision.incident


async def _changed(store: IncidentStore, incident: Incident, at: int) -> Incident:
    decision = decide(incident, received(alert("b")), at, RULES)
    await store.commit(0, [Write(decision, pointer=True)], at)
    assert decision.incident is not None
    return decision.incident


async def _slack(tasks: TaskStore, at: int = NOW, holder: str = "one") -> Task | None:
    found = await tasks.claim(0, Lane.URGENT, at, at + 30_000, holder, 10)
    return next((task for task in found if task.task == "notify:slack"), None)


async def test_a_task_has_one_holder_however_many_claim(store: Any, tasks: TaskStore) -> None:
    await _opened(store)
    found = await asyncio.gather(
        *[tasks.claim(0, Lane.URGENT, NOW, UNTIL, f"worker-{n}", 10) for n in range(10)]
    )
    members = [(task.incident, task.task) for claimed in found for task in claimed]
    assert len(members) == len(set(members)) == 2


async def test_a_lease_that_ran_out_is_taken_over_and_the_old_token_is_worth_nothing(
    store: Any, tasks: TaskStore
) -> None:
    await _opened(store)
    first = await _slack(tasks)
    assert first is not None
    assert await _slack(tasks, UNTIL - 1, "two") is None
    second = await _slack(tasks, UNTIL, "two")
    assert second is not None
    assert not (await tasks.settle(first, "done", UNTIL, delivered=9)).held
    assert (await tasks.settle(second, "hold", UNTIL)).held


async def test_an_own_lease_that_ran_out_is_not_held_either(store: Any, tasks: TaskStore) -> None:
    await _opened(store)
    task = await _slack(tasks)
    assert task is not None
    assert not (await tasks.settle(task, "hold", UNTIL)).held


async def test_a_commit_on_a_leased_task_only_raises_what_is_wanted(
    store: Any, tasks: TaskStore
) -> None:
    incident = await _opened(store)
    task = await _slack(tasks)
    assert task is not None
    await _changed(store, incident, NOW + 1000)
    assert await _slack(tasks, NOW + 2000, "two") is None, "the lease must not be shortened"
    await tasks.settle(task, "done", NOW + 2000, delivered=1, due=NOW + 2000)
    again = await _slack(tasks, NOW + 2000, "two")
    assert again is not None
    assert again.want == 2


async def test_what_was_delivered_is_off_the_agenda(store: Any, tasks: TaskStore) -> None:
    await _opened(store)
    task = await _slack(tasks)
    assert task is not None
    await tasks.settle(task, "done", NOW, delivered=1, due=NOW)
    assert await _slack(tasks, NOW + 60 * MINUTE, "two") is None


async def test_retry_after_is_a_time_no_commit_lowers(store: Any, tasks: TaskStore) -> None:
    incident = await _opened(store)
    task = await _slack(tasks)
    assert task is not None
    later = NOW + 20 * MINUTE
    await tasks.settle(task, "again", NOW, due=later, not_before=later)
    await _changed(store, incident, NOW + 1000)
    assert await _slack(tasks, later - 1, "two") is None
    assert await _slack(tasks, later, "two") is not None


async def _paged_again(store: IncidentStore, incident: Incident, at: int) -> None:
    decision = decide(incident, Escalated(Actor("ann", "slack")), at, RULES)
    await store.commit(0, [Write(decision, pointer=False)], at)
    assert decision.incident is not None
    assert decision.incident.pages["slack"].seq == incident.pages["slack"].seq + 1


async def test_a_new_page_of_a_p1_waits_for_nothing_that_was_asked_before(
    store: Any, tasks: TaskStore
) -> None:
    incident = await _opened(store)
    task = await _slack(tasks)
    assert task is not None
    later = NOW + 10 * MINUTE
    await tasks.settle(task, "again", NOW, due=later, not_before=later)
    await _paged_again(store, incident, NOW + 1000)
    assert await _slack(tasks, NOW + 1000, "two") is not None


async def test_a_page_that_comes_while_the_call_before_it_fails_waits_for_nothing(
    store: Any, tasks: TaskStore
) -> None:
    incident = await _opened(store)
    task = await _slack(tasks)
    assert task is not None
    await _paged_again(store, incident, NOW + 1000)
    later = NOW + 10 * MINUTE
    await tasks.settle(task, "again", NOW + 2000, due=later, not_before=later)
    task = await _slack(tasks, NOW + 2000, "two")
    assert task is not None
    # It is dropped once: what the next answer asks for holds.
    await tasks.settle(task, "again", NOW + 3000, due=later, not_before=later)
    assert await _slack(tasks, later - 1, "three") is None


async def test_what_waits_for_its_next_attempt_is_brought_forward_and_nothing_else_is(
    store: Any, tasks: TaskStore
) -> None:
    waiting, timed, leased, done = await _many(store, tasks, 4)
    later = NOW + 5 * MINUTE
    await tasks.settle(waiting, "again", NOW, due=later, not_before=later)
    await tasks.settle(timed, "again", NOW, delivered=1, due=later)
    await tasks.settle(done, "done", NOW, delivered=1)
    assert await tasks.wake("notify:pagerduty", NOW + 10) == 0
    assert await tasks.wake("notify:slack", NOW + 10) == 1
    assert await tasks.wake("notify:slack", NOW + 10) == 0
    found = await _slack(tasks, NOW + 10, "two")
    assert found is not None
    assert found.incident == waiting.incident
    assert await _slack(tasks, NOW + 10, "three") is None
    assert (await tasks.settle(leased, "hold", NOW + 10)).held


async def test_a_receipt_is_saved_even_after_a_lost_lease(store: Any, tasks: TaskStore) -> None:
    incident = await _opened(store)
    first = await _slack(tasks)
    await _slack(tasks, UNTIL, "two")
    assert first is not None
    settled = await tasks.settle(
        first, "hold", UNTIL, receipt=Receipt(state={"ts": "1.1", "channel": "C"})
    )
    assert not settled.held
    assert (await tasks.receipts(incident.id))["slack"].state["ts"] == "1.1"


async def test_a_receipt_somebody_else_changed_is_handed_back_to_be_merged(
    store: Any, tasks: TaskStore
) -> None:
    await _opened(store)
    task = await _slack(tasks)
    assert task is not None
    await tasks.settle(task, "hold", NOW, receipt=Receipt(state={"ts": "1.1"}, paged_seq=1))
    ours = Receipt(state={"ts": "2.2"}, paged_seq=2)
    settled = await tasks.settle(task, "done", NOW, delivered=1, receipt=ours)
    assert settled.clash
    assert settled.current is not None
    merged = MESSAGE.merge(settled.current, ours)
    assert (merged.state["ts"], merged.paged_seq) == ("1.1", 2), "the first message stays the one"
    assert not (await tasks.settle(task, "done", NOW, delivered=1, receipt=merged)).clash


def test_merging_receipts_keeps_every_pagerduty_alert() -> None:
    one = ALERTS.with_keys(Receipt(), [AlertKey("a", 1, 0, "triggered", 5)])
    two = ALERTS.with_keys(Receipt(), [AlertKey("a", 1, 0, "acknowledged", 9), AlertKey("b", 2, 0)])
    keys = {key.dedup_key: key.state for key in ALERTS.of(ALERTS.merge(one, two)).keys}
    assert keys == {"a": "acknowledged", "b": ""}
    back = {key.dedup_key: key.state for key in ALERTS.of(ALERTS.merge(two, one)).keys}
    assert back == keys


async def test_claims_are_bounded_and_oldest_first(store: Any, tasks: TaskStore) -> None:
    for number in range(5):
        name = f"0-{'abcde0'[number] * 16}"
        event = msgspec.structs.replace(received(alert()), key=name)
        decision = decide(None, event, NOW + number, RULES)
        await store.commit(0, [Write(decision, pointer=True)], NOW)
    found = await tasks.claim(0, Lane.URGENT, NOW + 10, UNTIL, "one", 3)
    assert [task.due for task in found] == sorted(task.due for task in found)
    assert len(found) == 3
    assert await tasks.next_due(0, Lane.NORMAL) is None


async def test_however_many_have_no_room_what_is_behind_them_is_found(
    store: Any, tasks: TaskStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.store.tasks.PASSED_OVER", 2)
    only = rules(Step(("slack",)))
    for number in range(7):
        event = msgspec.structs.replace(received(alert()), key=f"0-{'abcdef0'[number] * 16}")
        found = only if number < 6 else rules(Step(("pagerduty",)))
        await store.commit(0, [Write(decide(None, event, NOW + number, found), pointer=True)], NOW)
    hung = {"notify:slack": 0}
    claims = [
        await tasks.claim(0, Lane.URGENT, NOW + 10, UNTIL, f"t{n}", 8, hung) for n in range(6)
    ]
    assert [task.task for found in claims for task in found] == ["notify:pagerduty"]
    again = [await tasks.claim(0, Lane.URGENT, NOW + 10, UNTIL, f"u{n}", 8) for n in range(4)]
    assert len([task for found in again for task in found]) == 6


async def test_what_pages_nobody_waits_in_a_lane_of_its_own(store: Any, tasks: TaskStore) -> None:
    found = rules(Step(("slack",)), inform=("sentinel",), enrich=True)
    minor = decide(None, received(alert(priority="P3")), NOW, found)
    await store.commit(0, [Write(minor, pointer=True)], NOW)
    raised = decide(minor.incident, received(alert("b")), NOW + 1, found)
    await store.commit(0, [Write(raised, pointer=True)], NOW + 1)

    async def due(lane: Lane, token: str) -> dict[str, Task]:
        claimed = await tasks.claim(0, lane, NOW + 2, UNTIL, token, 9)
        return {task.task: task for task in claimed}

    assert set(await due(Lane.URGENT, "a")) == {"notify:slack"}
    assert not await due(Lane.NORMAL, "a")
    background = await due(Lane.BACKGROUND, "a")
    assert set(background) == {"notify:sentinel", "enrich"}
    told = background["notify:sentinel"]
    await tasks.settle(told, "again", NOW + 2, delivered=2, due=NOW + 2, not_before=NOW + 2)
    again = (await due(Lane.BACKGROUND, "b"))["notify:sentinel"]
    await tasks.settle(again, "done", NOW + 2, delivered=2)
    assert raised.incident is not None
    over = decide(raised.incident, Resolved(Actor("ann", "api")), NOW + 3, found)
    await store.commit(0, [Write(over, pointer=False)], NOW + 3)
    waiting = await tasks.waiting(NOW + 3)
    assert waiting == {"urgent": (1, 0), "normal": (0, 0), "background": (1, 1)}


async def test_a_name_without_room_is_passed_over_and_stays_due(
    store: Any, tasks: TaskStore
) -> None:
    for number in range(4):
        event = msgspec.structs.replace(received(alert()), key=f"0-{'abcd'[number] * 16}")
        await store.commit(0, [Write(decide(None, event, NOW + number, RULES), pointer=True)], NOW)
    names = ("notify:slack", "notify:pagerduty")
    room = {names[0]: 1, names[1]: 0}
    found = await tasks.claim(0, Lane.URGENT, NOW + 10, UNTIL, "one", 8, room)
    assert [task.task for task in found if task.task in names] == [names[0]]
    room = {names[0]: 0, names[1]: 9}
    found = await tasks.claim(0, Lane.URGENT, NOW + 10, UNTIL, "two", 8, room)
    assert [task.task for task in found] == [names[1]] * 4
    found = await tasks.claim(0, Lane.URGENT, NOW + 10, UNTIL, "three", 8)
    assert [task.task for task in found] == [names[0]] * 3


async def _many(store: IncidentStore, tasks: TaskStore, number: int) -> list[Task]:
    for place in range(number):
        event = msgspec.structs.replace(received(alert()), key=f"0-{place:016x}")
        await store.commit(0, [Write(decide(None, event, NOW, RULES), pointer=True)], NOW)
    found = await tasks.claim(0, Lane.URGENT, NOW, UNTIL, "one", 10 * number)
    return [task for task in found if task.task == "notify:slack"]


async def test_what_is_settled_at_once_shares_calls_and_keeps_its_own_answer(
    store: Any, tasks: TaskStore, redis: Any
) -> None:
    held = await _many(store, tasks, 100)
    assert len(held) == 100
    before = await _calls(redis)
    settled = await asyncio.gather(
        *[
            tasks.settle(
                msgspec.structs.replace(task, token="two") if place % 10 == 0 else task,
                "hold",
                NOW,
                receipt=Receipt(state={"ts": str(place)}),
            )
            for place, task in enumerate(held)
        ]
    )
    assert [one.held for one in settled] == [place % 10 != 0 for place in range(100)]
    assert await _calls(redis) - before <= 3
    for place, task in enumerate(held):
        assert (await tasks.receipts(task.incident))["slack"].state["ts"] == str(place)


async def _calls(redis: Any) -> int:
    found = await redis.info("commandstats")
    return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha"))


async def test_a_task_whose_state_is_damaged_is_looked_at_again_and_costs_nobody_else(
    store: Any, tasks: TaskStore, redis: Any
) -> None:
    broken, whole = await _many(store, tasks, 2)
    await redis.hset(Keys(0).task, member(broken.incident, broken.task), "nonsense")
    await redis.set(Keys(0).receipts(broken.incident), "no hash")
    damaged, settled = await asyncio.gather(
        *[
            tasks.settle(one, "done", NOW, delivered=9, receipt=Receipt(state={"ts": "1"}))
            for one in (broken, whole)
        ]
    )
    assert damaged == Settled(held=True), "its lease runs, and nobody else can have it"
    assert (await tasks.receipts(broken.incident))["slack"].state["ts"] == "1"
    assert settled == Settled(held=True)
    again = await tasks.claim(0, Lane.URGENT, UNTIL, UNTIL + 30_000, "two", 10)
    assert broken.incident in {task.incident for task in again}


async def test_a_server_that_is_away_is_said_to_everybody(store: Any, tasks: TaskStore) -> None:
    held = await _many(store, tasks, 3)

    async def away(**_: Any) -> None:
        raise ConnectionError

    settling = tasks._settling[0]
    script, settling._script = settling._script, away
    found = await asyncio.gather(
        *[tasks.settle(task, "hold", NOW) for task in held], return_exceptions=True
    )
    assert [type(one) for one in found] == [StoreUnavailableError] * 3
    settling._script = script
    assert (await tasks.settle(held[0], "hold", NOW)).held
