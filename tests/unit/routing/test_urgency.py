"""How urgent an incident is, and what it is called."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import urgency
from routing.alert import Alert, summarized
from routing.group import Group
from routing.incident import COMPLETE_KEPT
from routing.incident_parts import Actor, Deadline, Page, Part, Pin
from routing.rules import Rules, Step
from tests.support.builders import MINUTE, NOW, alert, clock, rules, rules_of
from tests.support.drafts import draft, observed, said

RULES = rules()
ANN = Actor("ann", "slack", "U1")


def ranked(priority: str, fingerprint: str = "a", **more: Any) -> Alert:
    return alert(fingerprint, **{"priority": priority, "priority_reason": f"is {priority}", **more})


def sized(at_least: int) -> Rules:
    """A rule that makes a large group a P1; the alert alone asks for its own priority."""

    def classify(of: Alert, firing: int) -> tuple[str, str]:
        return ("P1", "many") if firing >= at_least else (of.priority, of.priority_reason)

    return rules(classify_group=classify)


# Names.


@pytest.mark.parametrize(
    ("labels", "annotations", "others", "title"),
    [
        ({"alertname": "Disk"}, {}, 0, "Disk"),
        ({}, {}, 0, "alert"),
        ({"alertname": "Disk"}, {"summary": "full"}, 0, "Disk: full"),
        ({"alertname": "Disk"}, {"title": "t", "message": "m"}, 1, "Disk: t (+1 more)"),
        ({"alertname": "Disk"}, {"message": "m"}, 499, "Disk: m (+499 more)"),
        # A summary that is the name says nothing twice.
        ({"alertname": "Disk"}, {"summary": "Disk"}, 0, "Disk"),
    ],
)
def test_the_title_is_that_of_the_alert_that_matters_most(
    labels: dict[str, str], annotations: dict[str, str], others: int, title: str
) -> None:
    made = draft()
    shown = [alert(labels=labels, annotations=annotations, runbook_url="https://r/")]
    urgency.name_incident(made, RULES, [*shown, *(alert(str(n)) for n in range(others))])
    assert (made.incident.title, made.incident.runbook_url) == (title, "https://r/")


@pytest.mark.parametrize(
    ("label", "severity"), [("SEV-1", "critical"), (None, "none"), ("odd", "odd"), ("", "")]
)
def test_the_severity_is_the_leading_alert_s(label: str | None, severity: str) -> None:
    made = draft()
    lead = alert(labels={"alertname": "A"} | ({} if label is None else {"severity": label}))
    urgency.name_incident(made, RULES, [lead, alert("b")])
    assert made.incident.severity == severity


def test_the_same_again_changes_nothing() -> None:
    made = draft(priority_reason="is P1", asked="P1", severity="critical")
    urgency.name_incident(made, RULES, [ranked("P1")])
    assert made.fields == {}


FLOOD = Group("", "flood", "shop", flood=True)


@pytest.mark.parametrize(
    ("groups", "bare", "title"),
    [
        (["x"], 0, "Flood from shop: 1 alert of 1 group"),
        (["x", "x"], 0, "Flood from shop: 2 alerts of 1 group"),
        (["x", "y"], 0, "Flood from shop: 2 alerts of 2 groups"),
        (["x"], COMPLETE_KEPT, "Flood from shop: 1001 alerts of 1 or more groups"),
        (["x", "y"], COMPLETE_KEPT, "Flood from shop: 1002 alerts of 2 or more groups"),
    ],
)
def test_a_flood_is_named_by_its_sender_and_how_much_it_is(
    groups: list[str], bare: int, title: str
) -> None:
    whole = [alert(str(n), source_group=group) for n, group in enumerate(groups)]
    shown = [*whole, *(summarized(alert(f"bare{n}")) for n in range(bare))]
    made = draft(*shown, group=FLOOD)
    urgency.name_incident(made, RULES, shown)
    assert made.incident.title == title


# Priorities.


def test_the_first_of_those_shown_leads() -> None:
    made = draft()
    assert urgency.classified(made, RULES, [ranked("P2"), ranked("P1")]) == ("P2", "is P2")


@pytest.mark.parametrize(("number", "found"), [(2, ("P3", "is P3")), (3, ("P1", "many"))])
def test_a_rule_on_the_size_counts_what_is_shown(number: int, found: tuple[str, str]) -> None:
    shown = [ranked("P3", str(n)) for n in range(number)]
    assert urgency.classified(draft(*shown), sized(3), shown) == found


def test_a_rule_on_the_size_never_lowers() -> None:
    lower = rules(classify_group=lambda *_: ("P4", "small"))
    assert urgency.classified(draft(), lower, [ranked("P2")]) == ("P2", "is P2")


@pytest.mark.parametrize(
    ("part", "found"),
    [
        (Part("t", "P1", 1), ("P1", "merged incident x")),
        (Part("t", "P1", 0), ("P3", "is P3")),
        (Part("t", "P3", 1), ("P3", "is P3")),
        (Part("t", "P4", 9), ("P3", "is P3")),
    ],
)
def test_a_merged_incident_counts_while_it_fires(part: Part, found: tuple[str, str]) -> None:
    made = draft(parts={"x": part, "y": Part("t", "P4", 1)}, priority="P3", priority_reason="is P3")
    assert urgency.classified(made, RULES, [ranked("P3")]) == found
    urgency.raise_to_parts(made)
    assert (made.incident.priority, made.incident.priority_reason) == found


@pytest.mark.parametrize(
    ("over", "asked", "holds"), [("P2", "P2", True), ("P2", "P3", True), ("P2", "P1", False)]
)
def test_what_a_person_chose_holds_until_more_is_asked(
    over: str, asked: str, *, holds: bool
) -> None:
    made = draft(pin=Pin("P4", over, "Ann says so"), priority="P4")
    urgency.name_incident(made, RULES, [ranked(asked)])
    after = made.incident
    expected = ("P4", "Ann says so") if holds else (asked, f"is {asked}")
    assert (after.priority, after.priority_reason) == expected
    assert (after.pin is not None, after.asked) == (holds, asked)


@pytest.mark.parametrize(
    ("flapping", "before", "asked", "found"),
    [
        (True, "P1", "P3", ("P1", "held while flapping: severity critical")),
        (True, "P3", "P1", ("P1", "is P1")),
        (True, "P1", "P1", ("P1", "is P1")),
        (False, "P1", "P3", ("P3", "is P3")),
    ],
)
def test_what_flaps_does_not_fall(
    before: str, asked: str, found: tuple[str, str], *, flapping: bool
) -> None:
    made = draft(flapping=flapping, priority=before)
    for _ in range(2):
        urgency.name_incident(made, RULES, [ranked(asked)])
        assert (made.incident.priority, made.incident.priority_reason) == found


@pytest.mark.parametrize(
    ("alerts", "pin", "priority"),
    [
        ([], None, "P4"),
        ([ranked("P3"), ranked("P2", "b")], None, "P2"),
        ([ranked("P3", resolved=True)], None, "P3"),
        ([ranked("P1")], Pin("P4", "P1", "Ann"), "P4"),
    ],
)
def test_what_is_over_keeps_the_most_urgent_priority(
    alerts: list[Alert], pin: Pin | None, priority: str
) -> None:
    made = draft(*alerts, state="resolved", priority="P4", pin=pin)
    urgency.keep_priority(made)
    assert made.incident.priority == priority
    reason = "severity critical" if priority == "P4" else f"is {priority}"
    assert made.incident.priority_reason == reason


# A rise and a fall.


def test_a_rise_takes_the_incident_from_whoever_had_it() -> None:
    made = draft(
        ranked("P1"),
        state="acknowledged",
        priority="P3",
        acknowledged_at=NOW - MINUTE,
        acknowledged_by=ANN,
        fell_at=NOW - 1,
        timers={"remind": NOW + MINUTE},
    )
    assert urgency.reprioritise(made, RULES, made.incident.firing()) == "priority_raised"
    after = made.incident
    assert (after.state, after.acknowledged_at, after.acknowledged_by) == ("triggered", 0, None)
    assert (after.fell_at, after.pages["slack"].reason) == (0, "priority_raised")
    assert set(after.timers) == {"acknowledge", "delivery"}
    assert said(made)[0] == ("priority_raised", "P3 to P1: is P1")
    *pages, (name, _, labels) = observed(made)
    assert (name, labels["reason"]) == ("incident_escalations_total", "priority_raised")
    assert {page for page, _, _ in pages} == {"incident_pages"}


def test_a_rise_breaks_a_snooze() -> None:
    made = draft(
        ranked("P2"), state="snoozed", priority="P3", snoozed_until=NOW + MINUTE,
        snoozed_from="triggered", timers={"snooze": NOW + MINUTE},
    )  # fmt: skip
    urgency.reprioritise(made, RULES, made.incident.firing())
    after = made.incident
    assert (after.state, after.snoozed_until, after.snoozed_from) == ("triggered", 0, "")
    assert "snooze" not in after.timers


@pytest.mark.parametrize(("by", "changes"), [(None, 1), (ANN, 0)])
def test_a_rise_by_a_person_is_no_flapping(by: Actor | None, changes: int) -> None:
    made = draft(priority="P1")
    urgency.raise_priority(made, rules(flap_changes=5), "P3", by)
    assert len(made.incident.changes) == changes
    assert made.timeline[0].by == (by.name if by else "")


def test_a_fall_is_noted_and_pages_nobody() -> None:
    pages = {"slack": Page(1, 1, 0, "opened", at=NOW)}
    made = draft(ranked("P3"), priority="P1", step=0, pages=pages)
    assert urgency.reprioritise(made, RULES, made.incident.firing()) == "updated"
    assert said(made) == [("priority_lowered", "P1 to P3: is P3")]
    assert (made.incident.fell_at, made.incident.pages) == (NOW, pages)
    assert made.incident.state == "triggered"


def test_the_same_priority_for_another_reason_is_no_news() -> None:
    made = draft(ranked("P1", priority_reason="disk full"))
    assert urgency.reprioritise(made, RULES, made.incident.firing()) == "updated"
    assert (said(made), made.incident.priority_reason) == ([], "disk full")


@pytest.mark.parametrize(("asked", "waits"), [("P3", True), ("P2", False)])
def test_what_is_asked_for_otherwise_puts_the_end_of_flapping_off(
    asked: str, *, waits: bool
) -> None:
    made = draft(ranked("P2"), priority="P1", flapping=True, asked=asked)
    urgency.reprioritise(made, RULES, made.incident.firing())
    assert (made.incident.priority, made.incident.asked) == ("P1", "P2")
    assert ("flap" in made.incident.timers) is waits


def test_without_an_alert_the_parts_decide() -> None:
    made = draft(priority="P3", parts={"x": Part("t", "P1", 2)})
    assert urgency.reprioritise(made, RULES, []) == "priority_raised"
    assert made.incident.priority_reason == "merged incident x"
    calm = draft(priority="P3", parts={"x": Part("t", "P1", 0)})
    assert urgency.reprioritise(calm, RULES, []) == "updated"
    assert calm.fields.keys() <= {"priority", "priority_reason"}
    assert calm.incident.priority == "P3"


LATER = clock(Step(("slack",)), Step(("phone",), after=10 * MINUTE))
NEVER = clock(acknowledge_within=None)


@pytest.mark.parametrize(
    ("state", "step", "timers", "armed"),
    [
        ("triggered", 0, {}, True),
        ("acknowledged", 0, {}, False),
        ("snoozed", 0, {}, False),
        # What quiet hours hold back is paged at their end.
        ("triggered", -1, {"quiet": NOW + MINUTE}, False),
        ("triggered", 0, {"quiet": NOW + MINUTE}, True),
    ],
)
def test_a_lower_policy_climbs_on_by_itself_while_nobody_has_it(
    state: str, step: int, timers: dict[str, int], *, armed: bool
) -> None:
    made = draft(priority="P4", state=state, step=step, timers=timers, clock_started_at=NOW)
    urgency.follow_lower(made, rules_of(P4=LATER))
    assert made.incident.timers.get("escalate") == (NOW + 10 * MINUTE if armed else None)


def test_a_lower_policy_moves_no_step_that_is_set_already() -> None:
    made = draft(priority="P4", step=0, timers={"escalate": NOW + 1})
    urgency.follow_lower(made, rules_of(P4=LATER))
    assert made.incident.timers["escalate"] == NOW + 1


def test_a_lower_priority_without_a_clock_asks_nobody_for_an_answer() -> None:
    due = NOW + MINUTE
    made = draft(
        priority="P4", deadlines={"acknowledge": Deadline(due)}, timers={"acknowledge": due}
    )
    urgency.follow_lower(made, rules_of(P4=NEVER))
    assert (made.incident.deadlines, made.incident.timers) == ({}, {})


PRIORITIES = st.sampled_from(["P1", "P2", "P3", "P4"])


@given(st.lists(PRIORITIES, min_size=1, max_size=6), PRIORITIES, st.booleans(), st.randoms())
@settings(max_examples=50)
def test_it_is_as_urgent_as_its_most_urgent_alert_and_flapping_never_lowers(
    told: list[str], before: str, flapping: bool, how: Any
) -> None:
    alerts = [ranked(priority, str(n)) for n, priority in enumerate(told)]
    shuffle: Callable[[list[Alert]], None] = how.shuffle
    shuffle(alerts)
    made = draft(*alerts, priority=before, flapping=flapping)
    urgency.reprioritise(made, RULES, made.incident.firing())
    assert made.incident.asked == min(told)
    assert made.incident.priority == (min(before, *told) if flapping else min(told))
    raised = made.incident.priority < before
    assert [kind for kind, _ in said(made)].count("priority_raised") == raised
