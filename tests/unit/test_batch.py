"""What people and timers do goes before alerts, and alerts are never left out."""

import asyncio
from typing import Any

from receiver.batch import Queue, Waiting
from routing.event import Acknowledged, TimerDue
from routing.incident_parts import Actor
from tests.unit.builders import alert, received


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
