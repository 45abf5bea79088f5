"""The stand-in of a record that could not be read: shown until somebody closes it."""

from typing import Any

import pytest

from routing.damage import decide_damaged
from routing.decide import decide
from routing.event import (
    DeliveryFailed,
    DeliveryNoted,
    DeliveryRecovered,
    Event,
    MergeNews,
    TimerDue,
)
from routing.incident import Incident
from routing.incident_parts import Actor, Damage
from routing.person_event import Acknowledged, Forgotten, Noted, Resolved, Snoozed
from tests.support.builders import MINUTE, NOW, alert, received, rules
from tests.support.drafts import incident

ANN = Actor("ann", "api")
KEPT = rules(retention=60 * MINUTE)


def stand_in(**more: Any) -> Incident:
    fields = {"state": "damaged", "damage": Damage("not JSON", NOW), "version": NOW}
    return incident(**(fields | more))


def test_a_person_closes_it_and_says_why() -> None:
    found = decide_damaged(stand_in(), Resolved(ANN, cause="disk"), NOW + MINUTE, KEPT)
    closed = found.incident
    assert closed is not None
    assert (found.reason, closed.state, closed.resolved_by) == ("resolved", "resolved", ANN)
    assert (closed.resolved_at, closed.version) == (NOW + MINUTE, NOW + 1)
    assert closed.timers == {"forget": NOW + 61 * MINUTE}
    assert closed.damage == Damage("not JSON", NOW)
    (line,) = found.timeline
    assert (line.kind, line.by, line.cause) == ("resolved", "ann", "disk")
    assert line.text == "Closed by ann: its record was damaged, what became of it is not known"
    assert found.observations == ()


@pytest.mark.parametrize("state", ["damaged", "resolved"])
@pytest.mark.parametrize(
    "event", [Acknowledged(ANN), Noted(ANN, "x"), Snoozed(ANN), Acknowledged(ANN, episode=7)]
)
def test_nothing_else_that_people_do_changes_it(state: str, event: Event) -> None:
    base = stand_in(state=state)
    found = decide_damaged(base, event, NOW, KEPT)
    reason = "damaged" if state == "damaged" else "already_resolved"
    assert (found.reason, found.changed, found.incident) == (reason, False, base)


def test_closing_it_twice_is_closing_it_once() -> None:
    closed = decide_damaged(stand_in(), Resolved(ANN), NOW, KEPT).incident
    assert closed is not None
    again = decide_damaged(closed, Resolved(ANN), NOW + 1, KEPT)
    assert (again.reason, again.changed, again.incident) == ("already_resolved", False, closed)


@pytest.mark.parametrize(
    "event",
    [
        MergeNews("x", "t", "P1", 1),
        DeliveryFailed("slack", 1, "gone"),
        DeliveryRecovered("slack", {}, NOW),
        DeliveryNoted("slack", "text"),
        TimerDue("acknowledge"),
        TimerDue("forget"),
        TimerDue("of a newer release"),
    ],
)
def test_what_comes_by_itself_finds_no_incident(event: Event) -> None:
    found = decide_damaged(stand_in(), event, NOW, KEPT)
    assert (found.reason, found.changed) == ("unknown_incident", False)


def test_a_timer_of_its_own_is_heard() -> None:
    closed = stand_in(state="resolved", resolved_at=NOW, timers={"forget": NOW + 60 * MINUTE})
    early = decide_damaged(closed, TimerDue("forget"), NOW, KEPT)
    assert (early.reason, early.forget) == ("timer_early", False)
    gone = decide_damaged(closed, TimerDue("forget"), NOW + 60 * MINUTE, KEPT)
    assert (gone.reason, gone.forget) == ("forgotten", True)


@pytest.mark.parametrize("state", ["damaged", "resolved"])
def test_a_person_may_forget_it_without_force(state: str) -> None:
    found = decide_damaged(stand_in(state=state), Forgotten(ANN), NOW, KEPT)
    assert (found.reason, found.forget) == ("forgotten", True)


def test_without_retention_a_closed_one_stays() -> None:
    closed = decide_damaged(stand_in(), Resolved(ANN), NOW, rules()).incident
    assert closed is not None
    assert closed.timers == {}


def test_what_fires_in_its_group_is_a_new_incident_that_pages() -> None:
    base = stand_in(generation=4)
    found = decide(base, received(alert()), NOW, KEPT)
    assert found.incident is not None
    assert (found.reason, found.base) == ("opened", base)
    assert (found.incident.generation, found.incident.damage) == (5, None)
    assert {one.task for one in found.schedule} >= {"notify:slack", "notify:pagerduty"}


def test_what_ends_in_its_group_says_nothing_of_it() -> None:
    base = stand_in()
    for event in (received(alert(resolved=True)), received()):
        found = decide(base, event, NOW, KEPT)
        assert (found.reason, found.changed, found.incident) == ("orphan_resolve", False, base)
