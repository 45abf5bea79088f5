"""A group that grows: what joins is said, and when it is much, whoever has it is paged."""

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.settings.check import complete
from receiver.settings.model import Settings
from receiver.settings.rules import build_assignment
from routing.alert import Alert
from routing.condition import Condition
from routing.config.calendar import CalendarConfig
from routing.config.response import EscalationConfig
from routing.decide import decide
from routing.decision import Decision
from routing.event import (
    Acknowledged,
    Event,
    Merged,
    MergeNews,
    Snoozed,
    TimerDue,
)
from routing.growth import page_growth
from routing.incident import Incident
from routing.incident_parts import Actor, Part
from routing.rules import Repage, Rules, Step
from tests.support.builders import MINUTE, NOW, alert, clock, play, received, rules
from tests.support.drafts import draft, said

ANN = Actor("ann", "slack", "U1")
DOUBLED = rules(repage=Repage(doubled=True))
OTHER = "0-cccccccccccccccc-1"


def some(number: int, first: int = 0) -> list[Alert]:
    return [alert(f"{at:04}") for at in range(first, number)]


def taken(number: int = 1) -> list[tuple[int, Event]]:
    return [(0, received(*some(number))), (1, Acknowledged(ANN))]


def kinds(decisions: list[Decision]) -> list[str]:
    return [entry.kind for decision in decisions for entry in decision.timeline]


def pages(incident: Incident) -> int:
    return incident.pages["slack"].seq


@pytest.mark.parametrize(
    ("first", "then", "again"),
    [(1, 2, False), (1, 3, True), (2, 3, False), (2, 4, True), (10, 19, False), (10, 20, True)],
)
def test_it_pages_again_when_what_fires_has_doubled(first: int, then: int, again: bool) -> None:
    incident, decisions = play(*taken(first), (2, received(*some(then))), found=DOUBLED)
    assert incident.state == "acknowledged"
    assert pages(incident) == 1 + again
    assert kinds(decisions)[-1] == ("paged" if again else "joined")
    if again:
        page = incident.pages["slack"]
        assert (page.reason, page.insists) == ("grown", True)
        said = next(entry.text for entry in decisions[-1].timeline if entry.kind == "grown")
        assert said == f"{then} alerts fire now, {first} when it was last paged"


def test_a_storm_of_a_thousand_pages_some_ten_times() -> None:
    moves = taken() + [(2, received(*some(number + 1, number))) for number in range(1, 1000)]
    stormy, _ = play(*moves, found=DOUBLED)
    assert pages(stormy) == 10
    held, decisions = play(*moves, found=rules(repage=Repage(doubled=True), flap_changes=5))
    assert (pages(held), held.flapping) == (5, True)
    calm = decide(held, TimerDue("flap"), held.timers["flap"], rules(repage=Repage(doubled=True)))
    assert calm.incident is not None
    assert (pages(calm.incident), calm.incident.flapping) == (6, False)
    assert kinds(decisions).count("joined") == 999


def test_what_joins_is_said_to_whoever_has_it_and_what_only_flaps_is_not() -> None:
    more = received(*some(2))
    _, decisions = play((0, received(*some(1))), (1, more), found=DOUBLED)
    assert kinds(decisions)[-1] == "alerts_changed"
    asleep = [(0, received(*some(1))), (1, Snoozed(ANN, until=NOW + 60 * MINUTE)), (2, more)]
    assert kinds(play(*asleep, found=DOUBLED)[1])[-1] == "joined"  # type: ignore[arg-type]
    flapping = rules(flap_changes=3)
    turns: list[tuple[int, Event]] = []
    for turn in range(4):
        start = NOW + turn
        turns.append((turn, received(alert(starts_at=start))))
        turns.append((turn, received(alert(starts_at=start, resolved=True))))
    _, decisions = play(*turns, (5, Acknowledged(ANN)), (6, received(alert("b"))), found=flapping)
    assert kinds(decisions)[-1] == "joined"
    again = received(alert(starts_at=NOW + 10))
    _, decisions = play(*turns, (5, Acknowledged(ANN)), (6, again), found=flapping)
    assert kinds(decisions)[-1] == "alerts_changed"


def test_while_the_policy_still_asks_growth_pages_nobody_besides() -> None:
    one, two = Step(("slack",)), Step(("slack",), mention="!here")
    found = rules(one, two, repage=Repage(doubled=True))
    opened = (0, received(*some(1)))
    asking, _ = play(opened, (1, received(*some(50))), found=found)
    assert pages(asking) == 1
    # The policy has nobody left to ask.
    later: list[tuple[int, Event]] = [
        opened,
        (5, TimerDue("acknowledge", {"slack": 1})),
        (10, TimerDue("escalate", {"slack": 2})),
    ]
    left, _ = play(*later, found=found)
    assert not {"acknowledge", "escalate"} & left.timers.keys()
    again, _ = play(*later, (12, received(*some(50))), found=found)
    assert (again.state, pages(again)) == ("triggered", pages(left) + 1)


def test_something_new_after_a_stale_spell_pages_whoever_has_it() -> None:
    found = rules(stale_after=60 * MINUTE, repage=Repage())
    stale: list[tuple[int, Event]] = [*taken(5), (61, TimerDue("stale"))]
    known, _ = play(*stale, (70, received(*some(5))), found=found)
    assert pages(known) == 1
    new, decisions = play(*stale, (70, received(*some(6))), found=found)
    assert new.state == "acknowledged"
    assert (new.pages["slack"].reason, pages(new)) == ("after_silence", 2)
    assert {"reported_again", "joined", "grown"} <= set(kinds(decisions))
    off, _ = play(*stale, (70, received(*some(6))), found=rules(stale_after=60 * MINUTE))
    assert pages(off) == 1


def test_a_snooze_is_not_broken_and_its_end_pages_what_had_doubled() -> None:
    asleep = [*taken(), (2, Snoozed(ANN, until=NOW + 60 * MINUTE)), (3, received(*some(9)))]
    sleeping, _ = play(*asleep, found=DOUBLED)
    assert (sleeping.state, pages(sleeping)) == ("snoozed", 1)
    awake, _ = play(*asleep, (60, TimerDue("snooze")), found=DOUBLED)
    assert (awake.state, pages(awake)) == ("acknowledged", 2)


def test_quiet_hours_hold_the_page_of_a_group_that_grew() -> None:
    office = CalendarConfig(hours="09:00-10:30").build()  # type: ignore[arg-type]
    quiet = clock(Step(("slack",)), calendar=office, quiet=True, repage=Repage(doubled=True))
    found = Rules(clocks=dict.fromkeys(("P1", "P2", "P3", "P4"), quiet), flap_changes=0)
    incident, decisions = play(*taken(), (45, received(*some(9))), found=found)
    assert (pages(incident), incident.held_reason) == (1, "grown")
    again, more = play(*taken(), (45, received(*some(9))), (50, received(*some(40))), found=found)
    assert kinds(more).count("held") == 1
    morning = decide(again, TimerDue("quiet"), again.timers["quiet"], found).incident
    assert morning is not None
    assert pages(morning) == 2
    assert "held" in kinds(decisions)


def test_what_a_person_merges_is_known_and_what_grows_there_later_counts() -> None:
    merged = MergeNews(OTHER, "other", "P1", 10, by=ANN)
    known, _ = play(*taken(), (2, merged), found=DOUBLED)
    assert pages(known) == 1
    grown, _ = play(*taken(), (2, merged), (3, MergeNews(OTHER, "other", "P1", 21)), found=DOUBLED)
    assert pages(grown) == 2
    source, _ = play(*taken(), (2, Merged(ANN, OTHER)), (3, received(*some(30))), found=DOUBLED)
    assert (source.state, pages(source)) == ("resolved", 1)


@pytest.mark.parametrize(
    ("given", "urgent", "normal"),
    [
        (None, Repage(doubled=True), Repage()),
        ("doubled", Repage(doubled=True), Repage(doubled=True)),
        ("off", None, None),
        (False, None, None),
    ],
)
def test_the_setting_and_its_default(given: object, urgent: Repage, normal: Repage) -> None:
    steps = {"steps": [{"notify": ["log"]}], "repage_when": given}
    settings, problems = complete(
        Settings.model_validate({"escalations": {"all": steps}, "route": {"escalation": "all"}})
    )
    assert problems == []
    clocks = build_assignment(settings, frozenset()).rules("").clocks
    assert [clocks[name].repage for name in ("P1", "P2", "P3", "P4")] == [
        urgent,
        urgent,
        normal,
        normal,
    ]


def test_a_condition_of_new_alerts_and_what_is_none() -> None:
    steps = [{"notify": ["log"]}]
    policy = EscalationConfig.model_validate({"steps": steps, "repage_when": "new_alerts >= 10"})
    assert policy.repage_when == "new_alerts >= 10"
    for wrong in ("value > 1", "often", "10"):
        with pytest.raises(ValidationError, match="write doubled, off, or for example new_alerts"):
            EscalationConfig.model_validate({"steps": steps, "repage_when": wrong})


# One call at a time.

HAD: dict[str, Any] = {"state": "acknowledged", "step": 0}


@pytest.mark.parametrize(
    ("firing", "told", "grown", "again"),
    [
        (2, 1, 1, False),
        (3, 1, 2, True),
        (199, 100, 99, False),
        (200, 100, 100, True),
        # Of a record that does not know how many were told, those that joined are counted off.
        (4, 0, 2, True),
        (3, 0, 1, False),
        (3, 0, 3, True),
        (1, 5, 0, False),
    ],
)
def test_it_has_doubled_and_is_at_least_two_more(
    firing: int, told: int, grown: int, *, again: bool
) -> None:
    made = draft(*some(firing), told_firing=told, grown=grown, **HAD)
    page_growth(made, DOUBLED)
    assert [kind for kind, _ in said(made)] == (["grown", "paged"] if again else [])
    if again:
        before = told or max(firing - grown, 1)
        words = f"{firing} alerts fire now, {before} when it was last paged"
        assert said(made)[0] == ("grown", words)
        assert (made.incident.told_firing, made.incident.grown) == (firing, 0)


def test_alerts_of_merged_incidents_count_and_silenced_ones_do_not() -> None:
    parts = {"x": Part("t", "P1", 3)}
    quiet = {"0000": NOW - MINUTE}
    made = draft(*some(2), parts=parts, told_firing=2, suppressed=quiet, **HAD)
    page_growth(made, DOUBLED)
    assert said(made)[0] == ("grown", "4 alerts fire now, 2 when it was last paged")
    fewer = draft(*some(2), parts={}, told_firing=1, suppressed=quiet, **HAD)
    page_growth(fewer, DOUBLED)
    assert said(fewer) == []


@pytest.mark.parametrize(
    ("more", "again"),
    [
        ({}, True),
        ({"state": "snoozed"}, False),
        ({"timers": {"quiet": NOW + MINUTE}}, False),
        ({"flapping": True}, False),
        ({"state": "triggered"}, True),
        # Somebody's phone rings already.
        ({"state": "triggered", "timers": {"acknowledge": NOW + MINUTE}}, False),
        ({"state": "triggered", "timers": {"escalate": NOW + MINUTE}}, False),
        ({"state": "triggered", "timers": {"delivery": NOW + MINUTE}}, True),
        ({"timers": {"acknowledge": NOW + MINUTE}}, True),
    ],
)
def test_when_growth_pages(more: dict[str, Any], *, again: bool) -> None:
    made = draft(*some(4), told_firing=2, **{**HAD, **more})
    page_growth(made, DOUBLED)
    assert bool(made.incident.pages) is again


@pytest.mark.parametrize(("limit", "words"), [(3, "3 more alerts since the last page"), (4, "")])
def test_a_condition_asks_for_how_many_joined(limit: int, words: str) -> None:
    found = rules(repage=Repage(when=Condition(f"new_alerts >= {limit}")))
    made = draft(*some(9), grown=3, state="triggered", timers={"acknowledge": NOW + MINUTE})
    page_growth(made, found)
    assert [text for kind, text in said(made) if kind == "grown"] == ([words] if words else [])


def test_without_a_rule_only_what_comes_after_silence_pages() -> None:
    for found, pages_again in ((rules(), False), (rules(repage=Repage()), True)):
        made = draft(*some(500), told_firing=1, **HAD)
        page_growth(made, found)
        assert said(made) == []
        page_growth(made, found, after_silence=True)
        assert bool(made.incident.pages) is pages_again
    assert made.incident.pages["slack"].reason == "after_silence"
    assert said(made)[0] == ("grown", "Something new fires after a long silence")


@pytest.mark.parametrize(("calm", "changes"), [(False, 1), (True, 0)])
def test_what_flapping_held_back_is_no_further_change(changes: int, *, calm: bool) -> None:
    made = draft(*some(4), told_firing=2, **HAD)
    page_growth(made, rules(repage=Repage(doubled=True), flap_changes=5), calm=calm)
    assert len(made.incident.changes) == changes
