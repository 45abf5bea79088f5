"""What a commit scheduled: which lanes have something to do, and from when on."""

from typing import Any

import msgspec

from receiver.engine.scheduled import SOON_MS, scheduled_soon
from routing.decide import decide
from routing.decision import Decision, Schedule
from routing.rules import Step
from routing.vocabulary import Lane, Reason
from tests.support.builders import MINUTE, NOW, alert, received, rules


def opened(**more: Any) -> Decision:
    found = rules(Step(("slack",)), inform=("siem",), enrich=True)
    return decide(None, received(alert(**more)), NOW, found)


def test_a_page_and_what_is_found_out_are_for_lanes_of_their_own() -> None:
    assert scheduled_soon([opened()], NOW) == {Lane.URGENT: NOW, Lane.BACKGROUND: NOW}
    minor = opened(priority="P3")
    assert scheduled_soon([minor], NOW) == {Lane.NORMAL: NOW, Lane.BACKGROUND: NOW}
    assert scheduled_soon([opened(), minor], NOW).keys() == set(Lane)


def test_what_is_due_later_wakes_nobody() -> None:
    made = opened()
    later = [Schedule("acknowledge", NOW + SOON_MS + 1), Schedule("escalate", NOW + 5 * MINUTE)]
    assert scheduled_soon([msgspec.structs.replace(made, schedule=tuple(later))], NOW) == {}
    soon = msgspec.structs.replace(made, schedule=(Schedule("escalate", NOW + SOON_MS),))
    assert scheduled_soon([soon], NOW) == {Lane.URGENT: NOW + SOON_MS}


def test_of_several_the_first_counts_however_long_ago_it_was_due() -> None:
    rows = (Schedule("escalate", NOW - MINUTE), Schedule("notify:slack", NOW, want=2))
    made = msgspec.structs.replace(opened(), schedule=rows)
    assert scheduled_soon([opened(), made], NOW)[Lane.URGENT] == NOW - MINUTE


def test_what_changes_nothing_schedules_nothing() -> None:
    assert scheduled_soon([], NOW) == {}
    assert scheduled_soon([Decision(Reason.UNKNOWN_INCIDENT, None, None)], NOW) == {}
