"""The facts of a review: episodes, times, deadlines, priorities, people, as they happened."""

from typing import Any, get_type_hints

import msgspec
import pytest

from receiver.review import model as review_facts
from receiver.review.build import review_of
from receiver.review.model import is_span, is_time, to_json
from receiver.slack.blocks.review_modal import review_window
from routing.decide import decide
from routing.event import AlertsReceived, TimerDue
from routing.incident import Incident
from routing.incident_parts import ITEMS_MAX, Actor
from routing.person_event import (
    Acknowledged,
    ActionItemAdded,
    ActionItemDone,
    Merged,
    Noted,
    PriorityChanged,
    Reopened,
    Resolved,
    Unacknowledged,
)
from routing.receipt import Receipt
from routing.time_limit import parse_within
from tests.support.builders import GROUP, KEY, MINUTE, NOW, alert, play, received, rules
from tests.support.reviews import ANN, RULES, fire, reviewed

BOB = Actor("Bob", "slack", "U2")
ROBOT = Actor("PagerDuty", "pagerduty", human=False)


def calm(minute: int, **more: Any) -> AlertsReceived:
    return received(alert(starts_at=NOW + minute * MINUTE, resolved=True, **more))


def minutes(*spans: int | None) -> list[int | None]:
    return [span // MINUTE if span is not None else None for span in spans]


def test_every_episode_has_its_own_times_and_deadlines() -> None:
    review, _ = reviewed(
        (0, fire()),
        (5, TimerDue("acknowledge")),
        (7, Acknowledged(ANN)),
        (20, Resolved(ANN, None, "full disk")),
        (25, fire(25)),
        (28, Acknowledged(BOB)),
        (40, calm(25)),
    )
    one, two = review.episodes
    assert minutes(one.to_acknowledge, one.to_resolve, one.open_for) == [7, 20, 20]
    assert minutes(two.to_acknowledge, two.to_resolve, two.unanswered_for) == [3, 15, 3]
    assert [(c.name, c.outcome) for c in one.clocks] == [
        ("acknowledge", "missed"),
        ("resolve", "met"),
    ]
    assert [(c.name, c.outcome) for c in two.clocks] == [("acknowledge", "met"), ("resolve", "met")]
    assert [(c.due - NOW) // MINUTE for c in one.clocks] == [5, 37]
    assert (one.ended, one.ended_by, one.cause) == ("resolved", "Ann", "full disk")
    assert (two.ended, two.ended_by, two.cause) == ("resolved by itself", "", "")
    assert minutes(review.mtta, review.mttr) == [5, 17]
    assert review.mttr == 17 * MINUTE + MINUTE // 2
    assert minutes(review.impact.open_for, review.impact.unanswered_for) == [35, 10]
    assert (review.ended_at, review.is_open) == (NOW + 40 * MINUTE, False)


def test_what_is_open_runs_to_now_and_has_clocks_that_run() -> None:
    review, _ = reviewed((0, fire(-2)), (3, Acknowledged(ANN)), at=10)
    (only,) = review.episodes
    assert review.is_open
    assert (only.ended_at, only.to_resolve, review.mttr, only.ended) == (0, None, None, "")
    assert minutes(only.open_for, only.unanswered_for, review.to_detect) == [10, 3, 2]
    assert [(c.name, c.outcome) for c in only.clocks] == [
        ("acknowledge", "met"),
        ("resolve", "running"),
    ]


def test_the_first_person_counts_not_an_automation_nor_who_took_it_again() -> None:
    review, _ = reviewed(
        (0, fire()),
        (1, Acknowledged(ROBOT)),
        (2, Unacknowledged(ANN)),
        (3, Acknowledged(BOB)),
        (4, Unacknowledged(BOB)),
        (9, Acknowledged(ANN)),
    )
    (only,) = review.episodes
    assert (only.acknowledged_by, minutes(only.to_acknowledge)) == ("Bob", [3])
    assert [person.name for person in review.people] == ["Ann", "Bob"]
    assert [(p.via, p.actions) for p in review.people] == [(("api",), 2), (("slack",), 2)]


def test_nobody_acknowledged_and_what_was_merged_count_in_no_mean() -> None:
    review, _ = reviewed((0, fire()), (4, calm(0)))
    assert (review.mtta, minutes(review.mttr)) == (None, [4])
    assert [c.outcome for c in review.episodes[0].clocks] == ["not needed"]
    merged, _ = reviewed((0, fire()), (4, Merged(ANN, "0-bbbbbbbbbbbbbbbb-1")))
    assert (merged.mttr, merged.episodes[0].ended) == (None, "merged")
    assert merged.merged_into == "0-bbbbbbbbbbbbbbbb-1"
    shown = str(review_window(merged, 0, ""))
    assert "*To acknowledge* never  deadline not needed" in shown
    assert "*To resolve* never" in shown
    covered, _ = reviewed((0, calm(-1)), (1, fire(-1)))
    assert (covered.mttr, len(covered.episodes), covered.is_open) == (None, 1, False)


def test_priorities_are_those_of_their_time_also_of_earlier_episodes() -> None:
    review, _ = reviewed(
        (0, fire()),
        (1, PriorityChanged(BOB, "P3", "only staging")),
        (2, Resolved(ANN)),
        (5, fire(5, priority="P2", priority_reason="severity error")),
    )
    assert [(p.priority, (p.at - NOW) // MINUTE) for p in review.priorities] == [
        ("P1", 0),
        ("P3", 1),
        ("P2", 5),
    ]
    assert "only staging" in review.priorities[1].why
    assert [each.priority for each in review.episodes] == ["P1", "P2"]
    assert review.impact.worst == "P1"


def test_a_clock_is_of_the_priority_it_ran_under_and_status_updates_are_not_kept() -> None:
    found = rules(
        acknowledge_within=parse_within("1h"), update_within=parse_within("10m"), flap_changes=0
    )
    low = {"fingerprint": "b", "priority": "P3", "priority_reason": "severity warning"}
    urgent, warning = alert(), alert(**low)  # type: ignore[arg-type]
    incident, decisions = play(
        (0, received(urgent, warning)),
        (10, TimerDue("update")),
        (12, received(alert(resolved=True))),
        (15, received(alert(resolved=True, **low))),
        found=found,
    )
    timeline = [entry for decision in decisions for entry in decision.timeline]
    assert "No status update within 10m" in [entry.text for entry in timeline]
    review = review_of(incident, timeline, {}, NOW)
    # What is over counts as its most urgent alert.
    assert [p.priority for p in review.priorities] == ["P1", "P3", "P1"]
    (end,) = review.episodes[0].clocks
    assert (end.name, end.priority, end.outcome) == ("acknowledge", "P3", "not needed")


def test_what_was_tried_is_what_people_did_in_order() -> None:
    review, _ = reviewed(
        (0, fire()),
        (1, Acknowledged(ANN)),
        (2, Noted(BOB, "restarted it")),
        (3, Noted(ROBOT, "said by a machine")),
        (4, Resolved(ANN)),
        (5, Reopened(BOB)),
        (6, ActionItemAdded(ANN, "Alert earlier")),
    )
    assert [(line.kind, line.by) for line in review.tried] == [
        ("acknowledged", "Ann"),
        ("note", "Bob"),
        ("resolved", "Ann"),
        ("reopened", "Bob"),
    ]
    numbers = [line.number for line in review.timeline]
    assert numbers == list(range(1, len(numbers) + 1))
    assert "said by a machine" in [line.text for line in review.timeline]


def test_alerts_deliveries_and_earlier_incidents() -> None:
    incident, decisions = play((0, fire()), (1, Resolved(ANN)), found=RULES)
    timeline = [entry for decision in decisions for entry in decision.timeline]
    receipts = {"slack": Receipt(paged_seq=1, delivered_at=NOW, last_error="")}
    before = Incident(f"{KEY}-0", GROUP, "resolved", title="before", opened_at=1, resolved_at=2)
    review = review_of(incident, timeline, receipts, NOW, [before])
    assert [(each.notifier, each.state) for each in review.deliveries] == [
        ("pagerduty", "not needed"),
        ("slack", "delivered"),
    ]
    assert [(each.status, each.started_at) for each in review.alerts] == [("firing, quiet", NOW)]
    assert [(one.title, one.opened_at, one.ended_at) for one in review.earlier] == [
        ("before", 1, 2)
    ]
    assert [line.kind for line in review.escalation] == ["paged"]


def test_action_items_are_added_at_any_time_and_ticked_off() -> None:
    review, incident = reviewed(
        (0, fire()),
        (1, ActionItemAdded(ANN, "Rotate logs", "Bob")),
        (2, Resolved(ANN)),
        (3, ActionItemAdded(BOB, "Alert earlier")),
        (4, ActionItemDone(BOB, 1)),
    )
    assert [(i.number, i.text, i.owner, i.done_by) for i in review.action_items] == [
        (1, "Rotate logs", "Bob", "Bob"),
        (2, "Alert earlier", "", ""),
    ]
    at = NOW + 5 * MINUTE
    for event, said in (
        (ActionItemDone(BOB, 1), "already_done"),
        (ActionItemDone(BOB, 2, done=False), "not_done"),
        (ActionItemDone(BOB, 3), "unknown_action_item"),
        (ActionItemAdded(BOB, "Alert earlier"), "same_action_item"),
        (ActionItemAdded(BOB, "x", episode=7), "stale"),
    ):
        decision = decide(incident, event, at, RULES)
        assert (decision.reason, decision.changed) == (said, False)
    opened = decide(incident, ActionItemDone(BOB, 1, done=False), at, RULES)
    assert opened.reason == "action_item_open"
    assert opened.incident is not None
    assert opened.incident.action_items[0].done_at == 0
    full: Incident | None = incident
    for number in range(ITEMS_MAX):
        full = decide(full, ActionItemAdded(BOB, f"item {number}"), at, RULES).incident
    assert full is not None
    assert len(full.action_items) == ITEMS_MAX
    decision = decide(full, ActionItemAdded(BOB, "one more"), at, RULES)
    assert decision.reason == "too_many_action_items"


KINDS = [
    kind
    for kind in vars(review_facts).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
]
COUNTS = {"number", "version", "actions", "pages", "alerts", "firing"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_is_a_time_a_duration_or_a_count(kind: type[msgspec.Struct]) -> None:
    for name, found in get_type_hints(kind).items():
        if found in (int, int | None):
            assert is_time(name) + is_span(name) + (name in COUNTS) == 1, name
            assert (found is int) or is_span(name), name


def test_json_has_times_in_rfc_3339_and_durations_in_seconds() -> None:
    review, _ = reviewed((0, fire()), (7, Acknowledged(ANN)))
    found = to_json(review)
    assert found["opened_at"] == "2026-03-02T10:00:00.000Z"
    assert found["ended_at"] is None
    assert (found["mtta"], found["mttr"]) == (420.0, None)
    assert found["episodes"][0]["acknowledged_at"] == "2026-03-02T10:07:00.000Z"
    assert found["impact"]["affected"] == {}
    assert found["is_open"] is True
