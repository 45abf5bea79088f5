"""What people and timers do goes before alerts, and alerts are never left out."""

import asyncio
from typing import Any

import msgspec

from receiver.engine.batch_queue import Queue, Waiting
from routing.event import TimerDue
from routing.incident_parts import Actor
from routing.person_event import Acknowledged
from tests.support.builders import alert, received


def waiting(name: str, event: Any) -> Waiting:
    done: Any = asyncio.Future
    return Waiting(event, name, "", done, "")


def alerts(number: int) -> list[Waiting]:
    return [waiting(f"a{at}", received(alert())) for at in range(number)]


def clicks(number: int) -> list[Waiting]:
    actor = Actor("ann", "slack")
    return [
        waiting(f"p{at}", Acknowledged(actor) if at % 2 else TimerDue("escalate"))
        for at in range(number)
    ]


def names(batch: list[Waiting]) -> list[str]:
    return [one.incident for one in batch]


def filled(*batches: list[Waiting]) -> Queue:
    queue = Queue()
    for batch in batches:
        for one in batch:
            queue.put(one)
    return queue


def test_people_come_first_whatever_came_before_them() -> None:
    queue = filled(alerts(100), clicks(3))
    assert names(queue.take(8)) == ["p0", "p1", "p2", "a0", "a1", "a2", "a3", "a4"]
    assert len(queue) == 95


def test_a_quarter_is_alerts_while_any_wait() -> None:
    queue = filled(clicks(100), alerts(100))
    assert names(queue.take(8)) == [f"p{at}" for at in range(6)] + ["a0", "a1"]
    assert names(filled(clicks(100)).take(8)) == [f"p{at}" for at in range(8)]
    assert names(filled(alerts(100)).take(8)) == [f"a{at}" for at in range(8)]
    assert names(filled(clicks(2), alerts(1)).take(8)) == ["p0", "p1", "a0"]


def test_what_is_decided_again_comes_before_what_came_later() -> None:
    queue = filled(alerts(4), clicks(4))
    batch = queue.take(4)
    queue.put_back(batch)
    assert names(queue.take(8)) == ["p0", "p1", "p2", "p3", "a0", "a1", "a2", "a3"]


def of_group(name: str, number: int = 1) -> list[Waiting]:
    """Alerts of a group, then a click on an incident of it, in turn."""
    told = msgspec.structs.replace(received(alert()), key=f"0-{name}")
    actor = Actor("ann", "slack")
    return [
        waiting("", told) if at % 2 == 0 else waiting(f"0-{name}-1", Acknowledged(actor))
        for at in range(number)
    ]


def test_a_large_group_waits_aside_in_its_order_and_nobody_for_it() -> None:
    first, second, third = of_group("large", 3)
    (other,) = of_group("other")
    queue = filled([other])
    queue.put_aside([first])
    assert queue.take_aside(8) == [first]
    # While it is under way, what comes of it joins what waits of it; all else is taken.
    (small,) = of_group("small")
    for one in (second, small, third):
        queue.put(one)
    assert queue.take(8) == [other, small]
    assert not queue.ready
    assert len(queue) == 2
    queue.end_aside("0-large", [first])
    assert queue.take_aside(8) == [first, second, third]
    queue.end_aside("0-large", [])
    assert (len(queue), queue.take_aside(8)) == (0, [])
    queue.put(first)
    assert queue.take(8) == [first]


def test_large_groups_take_turns() -> None:
    queue = Queue()
    one, two = of_group("one", 4), of_group("two")
    queue.put_aside(one)
    queue.put_aside(two)
    assert queue.take_aside(1) == one[:1]
    queue.end_aside("0-one", [])
    assert queue.take_aside(1) == two
    queue.end_aside("0-two", [])
    assert queue.take_aside(8) == one[1:]
