"""While quiet hours hold a page its response clocks stand still: nobody is late for what nobody
was told. Times are those of Berlin, whose clocks change on 2026-03-29 and 2026-10-25."""

from datetime import datetime
from typing import Any

import pytest

from routing.config.calendar import CalendarConfig
from routing.decide import decide
from routing.event import Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Escalated, Noted, PriorityChanged
from routing.rules import Rules, Step
from routing.time_limit import parse_within
from tests.support.builders import alert as usual_alert
from tests.support.builders import clock, received, rules, rules_of

BERLIN = CalendarConfig.model_validate(
    {"time_zone": "Europe/Berlin", "holidays": {"country": "DE", "subdivision": "BE"}}
).build()
ANN = Actor("U1", "ann", "slack")


def ms(text: str) -> int:
    """The moment of ``2026-03-27T18:00+01:00``."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def quiet(within: str, *steps: Step, **more: Any) -> Rules:
    usual = {"acknowledge_within": parse_within(within), "calendar": BERLIN, "quiet": True}
    return rules(*(steps or (Step(("slack",)),)), **(usual | more))


def opened(found: Rules, at: str) -> Incident:
    return after(None, received(usual_alert(starts_at=ms(at))), at, found)


def after(incident: Incident | None, event: Event, at: str | int, found: Rules) -> Incident:
    moment = at if isinstance(at, int) else ms(at)
    decided = decide(incident, event, moment, found).incident
    assert decided is not None
    return decided


def let_pass(incident: Incident, until: str, found: Rules) -> Incident:
    """Do everything that is due until then, as a worker does."""
    while True:
        due = {task: at for task, at in incident.timers.items() if at <= ms(until)}
        if not due:
            return incident
        task = min(due, key=lambda name: (due[name], name))
        paged = {name: page.seq for name, page in incident.pages.items()}
        incident = after(incident, TimerDue(task, paged), due[task], found)


@pytest.mark.parametrize(
    ("within", "start", "paged", "due"),
    [
        ("1h", "2026-03-27T18:00+01:00", "2026-03-30T09:00+02:00", "2026-03-30T10:00+02:00"),
        ("1h", "2026-10-23T18:00+02:00", "2026-10-26T09:00+01:00", "2026-10-26T10:00+01:00"),
        ("1d", "2026-03-28T12:00+01:00", "2026-03-30T09:00+02:00", "2026-03-31T09:00+02:00"),
        ("1h", "2026-04-02T17:00+02:00", "2026-04-07T09:00+02:00", "2026-04-07T10:00+02:00"),
        # Business time does not run while it is closed anyway: it is due as if nothing was held.
        (
            "2 business hours",
            "2026-03-28T02:00+01:00",
            "2026-03-30T09:00+02:00",
            "2026-03-30T11:00+02:00",
        ),
        (
            "next business day",
            "2026-10-23T18:00+02:00",
            "2026-10-26T09:00+01:00",
            "2026-10-26T17:00+01:00",
        ),
        (
            "next business day",
            "2026-10-26T03:00+01:00",
            "2026-10-26T09:00+01:00",
            "2026-10-27T17:00+01:00",
        ),
    ],
)
def test_clocks_begin_with_the_page(within: str, start: str, paged: str, due: str) -> None:
    found = quiet(within, update_within=parse_within("30m"))
    held = opened(found, start)
    assert held.timers.keys() & {"acknowledge", "update"} == set()
    assert held.timers["quiet"] == ms(paged)
    for name in ("acknowledge", "update"):
        assert held.deadlines[name].paused_at == ms(start)
    # People are told beforehand when it will be due.
    assert held.deadlines["acknowledge"].due == ms(due)
    assert held.deadlines["update"].due == ms(paged) + 30 * 60_000
    released = let_pass(held, paged, found)
    assert released.pages["slack"].at == ms(paged)
    assert released.deadlines["acknowledge"].due == ms(due) == released.timers["acknowledge"]
    assert not released.deadlines["acknowledge"].paused_at
    assert not let_pass(released, due, found).deadlines["acknowledge"].running
    assert [end.outcome for end in released.clock_ends] == []


def test_a_later_step_that_is_held_stops_the_clock_where_it_was() -> None:
    steps = (Step(("slack",)), Step(("lead",), after=20 * 60_000), Step(("boss",)))
    found = quiet("30m", *steps)
    friday = opened(found, "2026-03-27T16:50+01:00")
    assert friday.deadlines["acknowledge"].due == ms("2026-03-27T17:20+01:00")
    held = let_pass(friday, "2026-03-29T00:00+01:00", found)
    assert held.deadlines["acknowledge"].running
    assert held.deadlines["acknowledge"].due == ms("2026-03-30T09:10+02:00")
    monday = let_pass(held, "2026-03-30T09:10+02:00", found)
    assert monday.pages["lead"].at == ms("2026-03-30T09:00+02:00")
    assert monday.pages["boss"].at == ms("2026-03-30T09:10+02:00")
    assert monday.deadlines["acknowledge"].missed_at == ms("2026-03-30T09:10+02:00")


def test_what_has_run_out_does_not_run_again() -> None:
    steps = (Step(("slack",)), Step(("lead",), after=20 * 60_000))
    found = quiet("20m", *steps)
    late = let_pass(opened(found, "2026-03-27T16:50+01:00"), "2026-03-29T00:00+01:00", found)
    assert late.deadlines["acknowledge"].missed_at == ms("2026-03-27T17:10+01:00")
    assert late.timers["quiet"] == ms("2026-03-30T09:00+02:00")


def test_nothing_waits_where_no_step_is_left() -> None:
    found = quiet("20m", update_within=parse_within("3h"))
    late = let_pass(opened(found, "2026-03-27T16:45+01:00"), "2026-03-27T17:05+01:00", found)
    assert "quiet" not in late.timers
    assert late.timers["update"] == ms("2026-03-27T19:45+01:00")


def test_whoever_answers_at_night_has_clocks_that_run() -> None:
    found = quiet(
        "1h", resolve_within=parse_within("2h"), update_within=parse_within("30m"), remind_after=0
    )
    held = opened(found, "2026-03-27T18:00+01:00")
    taken = after(held, Acknowledged(ANN), "2026-03-27T19:00+01:00", found)
    assert taken.deadlines["resolve"].due == ms("2026-03-27T21:00+01:00")
    assert taken.deadlines["update"].due == ms("2026-03-27T19:30+01:00")
    assert taken.deadlines["acknowledge"].met_at == ms("2026-03-27T19:00+01:00")
    assert "quiet" not in taken.timers


def test_a_note_at_night_leaves_them_standing() -> None:
    found = quiet("1h", update_within=parse_within("30m"))
    held = opened(found, "2026-03-27T18:00+01:00")
    noted = after(held, Noted(ANN, "seen"), "2026-03-27T19:00+01:00", found)
    assert noted.deadlines["update"].due == ms("2026-03-30T09:30+02:00")
    assert "update" not in noted.timers


def test_asking_for_people_by_hand_lets_them_run() -> None:
    found = quiet("1h")
    held = opened(found, "2026-03-27T18:00+01:00")
    rung = after(held, Escalated(ANN), "2026-03-28T01:00+01:00", found)
    assert rung.pages["slack"].at == ms("2026-03-28T01:00+01:00")
    assert rung.timers["acknowledge"] == ms("2026-03-28T02:00+01:00")


def test_a_lower_priority_stands_still_as_well() -> None:
    slow = clock(
        Step(("slack",)), acknowledge_within=parse_within("4h"), calendar=BERLIN, quiet=True
    )
    found = rules_of(
        P1=clock(),
        P2=clock(),
        P3=clock(
            Step(("slack",)), acknowledge_within=parse_within("1h"), calendar=BERLIN, quiet=True
        ),
        P4=slow,
    )
    minor = received(usual_alert(priority="P3", starts_at=ms("2026-03-27T17:00+01:00")))
    held = after(None, minor, "2026-03-27T18:00+01:00", found)
    lowered = after(held, PriorityChanged(ANN, "P4"), "2026-03-27T19:00+01:00", found)
    assert "acknowledge" not in lowered.timers
    assert lowered.deadlines["acknowledge"].due == ms("2026-03-30T13:00+02:00")
    paged = let_pass(lowered, "2026-03-30T09:00+02:00", found)
    assert paged.timers["acknowledge"] == ms("2026-03-30T13:00+02:00")


def test_a_rise_runs_at_once() -> None:
    found = rules_of(
        P1=clock(), P4=clock(Step(("slack",)), calendar=BERLIN, quiet=True), P2=clock(), P3=clock()
    )
    minor = received(usual_alert(priority="P4", starts_at=ms("2026-03-27T17:00+01:00")))
    held = after(None, minor, "2026-03-27T18:00+01:00", found)
    risen = after(held, PriorityChanged(ANN, "P1"), "2026-03-27T19:00+01:00", found)
    assert risen.timers["acknowledge"] == ms("2026-03-27T19:05+01:00")
    assert not risen.deadlines["acknowledge"].paused_at
