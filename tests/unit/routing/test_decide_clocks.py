"""A deadline is judged by time alone, once, under the priority whose time it was."""

import pytest

from routing.decision import Decision
from routing.event import Event, TimerDue
from routing.incident_parts import Actor
from routing.person_event import (
    Acknowledged,
    Merged,
    Noted,
    PriorityChanged,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.rules import Rules
from routing.time_limit import parse_within
from tests.support.builders import MINUTE, NOW, alert, clock, play, received, rules, rules_of

ANN = Actor("ann", "slack", "U1")
ROBOT = Actor("auto", "pagerduty", human=False)
OPENED = (0, received(alert("a"), alert("b", priority="P3")))  # P1 because of a
Ends = list[tuple[str, str, str, str]]


def _ends(decisions: list[Decision]) -> Ends:
    return [
        tuple(item.labels[name] for name in ("priority", "clock", "outcome", "by"))
        for decision in decisions
        for item in decision.observations
        if item.name == "incident_deadlines_total"
    ]


def _acknowledge_times(decisions: list[Decision]) -> list[tuple[str, float]]:
    return [
        (item.labels["by"], item.value)
        for decision in decisions
        for item in decision.observations
        if item.name == "incident_acknowledge_duration_seconds"
    ]


MISSED = ("P1", "acknowledge", "missed", "nobody")
LATE: list[tuple[Event, Ends]] = [
    (Acknowledged(ANN), [MISSED]),
    (Resolved(ANN), [MISSED]),
    (received(alert("a", resolved=True), alert("b", priority="P3", resolved=True)), [MISSED]),
    (Merged(ANN, "0-bbbbbbbbbbbbbbbb-1"), [MISSED]),
]


@pytest.mark.parametrize(("event", "ends"), LATE)
def test_what_ends_late_is_missed_though_the_agenda_is_later(event: Event, ends: Ends) -> None:
    incident, decisions = play(OPENED, (6, event), found=rules())
    assert _ends(decisions) == ends
    assert "Not acknowledged by 2026-03-02 10:05 UTC" in [
        entry.text for entry in decisions[-1].timeline
    ]
    assert "acknowledge" not in incident.timers
    _, on_time = play(OPENED, (5, event), found=rules())
    assert "missed" not in [outcome for _, _, outcome, _ in _ends(on_time)]
    ((clock_end,), (priority, name, outcome, _)) = incident.clock_ends, ends[0]
    assert (clock_end.priority, clock_end.name, clock_end.outcome) == (priority, name, outcome)


def test_a_rise_or_a_giving_back_does_not_forgive_what_was_late() -> None:
    minor = (0, received(alert("b", priority="P3")))
    _, risen = play(minor, (6, received(alert("a"))), found=rules())
    assert _ends(risen) == [("P3", "acknowledge", "missed", "nobody")]
    found = rules(resolve_within=parse_within("30m"))
    answered = (OPENED, (1, Acknowledged(ANN)))
    _, given = play(*answered, (40, Unacknowledged(ANN)), found=found)
    assert _ends(given)[1:] == [("P1", "resolve", "missed", "nobody")]
    _, in_time = play(*answered, (20, Unacknowledged(ANN)), found=found)
    assert _ends(in_time)[1:] == []


def test_a_snooze_does_not_forgive_what_was_late_and_stops_what_was_not() -> None:
    for at, outcome in ((6, "missed"), (4, "met")):
        asleep = (at, Snoozed(ANN, until=NOW + 60 * MINUTE))
        for event in (Acknowledged(ANN), Resolved(ANN)):
            _, decisions = play(OPENED, asleep, (30, event), found=rules())
            assert [ended for _, _, ended, _ in _ends(decisions)] == [outcome]
    woken = (60, TimerDue("snooze"))
    late = (6, Snoozed(ANN, until=NOW + 60 * MINUTE))
    incident, _ = play(OPENED, late, woken, found=rules())
    assert incident.timers["acknowledge"] == NOW + 5 * MINUTE


def test_a_late_status_update_is_one_and_was_late() -> None:
    found = rules(update_within=parse_within("20m"))
    moves = (OPENED, (1, Acknowledged(ANN)), (30, Noted(ANN, "still on it")))
    incident, decisions = play(*moves, found=found)
    assert _ends(decisions)[1:] == [("P1", "update", "missed", "nobody")]
    assert incident.timers["update"] == NOW + 50 * MINUTE


def test_a_clock_is_counted_under_the_priority_it_ran_for() -> None:
    found = rules_of(P1=clock(), P3=clock(acknowledge_within=parse_within("1h")))
    fallen = (OPENED, (1, received(alert("a", resolved=True))))
    incident, decisions = play(
        *fallen, (2, received(alert("b", priority="P3", resolved=True))), found=found
    )
    assert incident.priority == "P1"  # of what is over, the worst is shown
    assert _ends(decisions) == [("P3", "acknowledge", "void", "automatic")]


def test_a_person_takes_over_what_automation_answered_and_is_the_first_human() -> None:
    moves = (OPENED, (1, Acknowledged(ROBOT)), (3, Acknowledged(ANN)), (4, Acknowledged(ANN)))
    incident, decisions = play(*moves, found=rules())
    assert [decision.reason for decision in decisions[2:]] == [
        "acknowledged",
        "already_acknowledged",
    ]
    assert (incident.acknowledged_by, incident.acknowledged_at) == (ANN, NOW + 3 * MINUTE)
    assert _acknowledge_times(decisions) == [("automatic", 60.0), ("human", 180.0)]
    _, robots = play(*moves[:2], (3, Acknowledged(ROBOT)), found=rules())
    assert robots[-1].reason == "already_acknowledged"


def test_a_priority_a_person_lowered_keeps_no_clock_that_ran_out() -> None:
    found: Rules = rules_of(
        P1=clock(resolve_within=parse_within("30m")),
        P4=clock(acknowledge_within=parse_within("1h")),
    )
    moves = (OPENED, (1, Acknowledged(ANN)), (40, PriorityChanged(ANN, "P4")))
    incident, decisions = play(*moves, found=found)
    assert _ends(decisions)[1:] == [("P1", "resolve", "missed", "nobody")]
    assert "resolve" not in incident.timers
