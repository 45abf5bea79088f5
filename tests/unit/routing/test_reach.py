"""Whether anybody was reached: marked, taken away, and never wrong whatever happens when."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing.decide import decide
from routing.event import DeliveryFailed, DeliveryRecovered, Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import INFORMED, Actor
from routing.person_event import (
    Acknowledged,
    Escalated,
    PriorityChanged,
    Reopened,
    Resolved,
    Snoozed,
    Unacknowledged,
)
from routing.rules import Rules, Step
from tests.support.builders import MINUTE, NOW, alert, play, received, rules

ANN = Actor("ann", "api")
ROBOT = Actor("robot", "pagerduty", human=False)
RULES = rules()
LONG = rules(Step(("pagerduty", "slack")), Step(("slack",)), Step(("phone",), after=60 * MINUTE))
OPENED = (0, received(alert()))


def _failed(incident: Incident, name: str, **paged: int) -> DeliveryFailed:
    errors = {name: f"{name} says no"}
    return DeliveryFailed(name, incident.pages[name].seq, "no", paged, errors)


def _refused(incident: Incident, minute: int = 1, found: Rules = RULES) -> Incident:
    """Let every notifier refuse every page."""
    for _ in range(5):
        for name, page in incident.pages.items():
            if page.failed_seq < page.seq and page.step != INFORMED:
                event = _failed(incident, name)
                after = decide(incident, event, NOW + minute * MINUTE, found).incident
                assert after is not None
                incident = after
    return incident


def test_refused_by_all_it_is_unreached_since_its_first_page_and_says_why() -> None:
    incident = _refused(play(OPENED, found=RULES)[0])
    assert incident.unreached is not None
    assert (incident.is_unreached, incident.unreached.exhausted) == (True, True)
    assert incident.unreached.since == NOW
    assert "slack: slack says no" in incident.unreached.why


def test_one_refusal_is_no_reason_while_the_next_step_has_its_chance() -> None:
    incident, _ = play(OPENED, found=RULES)
    after = decide(incident, _failed(incident, "pagerduty"), NOW + 1, RULES).incident
    assert after is not None
    assert after.unreached is None


def test_too_slow_is_unreached_before_the_policy_ends() -> None:
    late = TimerDue("delivery", errors={"slack": "500"})
    incident, _ = play(OPENED, (1, late), found=LONG)
    assert incident.unreached is not None
    assert incident.unreached.why == "pagerduty: has not confirmed the page; slack: 500"
    assert not incident.unreached.exhausted
    told, _ = play(OPENED, (1, TimerDue("delivery", {"slack": 1})), found=LONG)
    assert told.unreached is None


def test_what_rings_nobody_reaches_nobody() -> None:
    found = rules(inform=("crm",))
    incident, _ = play(OPENED, (1, TimerDue("delivery", {"crm": 1})), found=found)
    assert incident.is_unreached
    news = DeliveryRecovered("crm", {"crm": 1}, NOW)
    after = decide(incident, news, NOW + 2 * MINUTE, found).incident
    assert after is not None
    assert after.is_unreached


def test_a_policy_without_anybody_is_unreached_at_once() -> None:
    incident, _ = play(OPENED, found=rules(Step(())))
    assert incident.unreached is not None
    assert incident.unreached.why == "the escalation policy has nobody to notify"


def test_a_page_that_arrives_ends_it_and_no_late_news_begins_it_again() -> None:
    incident = _refused(play(OPENED, found=RULES)[0])
    news = DeliveryRecovered("slack", {"slack": 2}, NOW)
    decision = decide(incident, news, NOW + 12 * MINUTE, RULES)
    assert decision.incident is not None
    assert not decision.incident.is_unreached
    (entry,) = decision.timeline
    assert entry.text == "Reached slack after 12m; it had failed since 2026-03-02 10:00 UTC"
    # A failure that was noticed before that, with receipts read earlier still.
    raised = decide(decision.incident, Escalated(ANN), NOW + 13 * MINUTE, RULES).incident
    assert raised is not None
    stale = DeliveryFailed("slack", raised.pages["slack"].seq, "no", {})
    after = decide(raised, stale, NOW + 13 * MINUTE, RULES).incident
    assert after is not None
    assert not after.is_unreached
    # Told once: the same news again is none.
    again = decide(decision.incident, DeliveryRecovered("slack", {"slack": 2}), NOW, RULES)
    assert (again.reason, again.changed) == ("unchanged", False)


def test_a_recovery_updates_nobody_but_those_that_are_told_everything() -> None:
    found = rules(inform=("crm",))
    incident, _ = play(OPENED, found=found)
    news = DeliveryRecovered("slack", {"slack": 1}, NOW)
    decision = decide(incident, news, NOW + 2 * MINUTE, found)
    assert [change.task for change in decision.schedule] == ["notify:crm"]
    assert [entry.kind for entry in decision.timeline] == ["delivery_recovered"]


@pytest.mark.parametrize(
    ("event", "ends"),
    [
        (Acknowledged(ANN), True),
        (Acknowledged(ROBOT), False),
        (Snoozed(ANN, until=NOW + 60 * MINUTE), True),
        (Resolved(ANN), True),
        (received(alert(resolved=True)), True),
        (Escalated(ANN), False),
    ],
)
def test_it_ends_when_a_person_has_it_or_nobody_needs_to(event: Event, ends: bool) -> None:
    incident = _refused(play(OPENED, found=RULES)[0])
    after = decide(incident, event, NOW + 2 * MINUTE, RULES).incident
    assert after is not None
    assert after.is_unreached is not ends


def test_a_person_takes_over_what_a_robot_had() -> None:
    incident = _refused(play(OPENED, found=RULES)[0])
    for actor in (ROBOT, ANN):
        after = decide(incident, Acknowledged(actor), NOW + 2 * MINUTE, RULES).incident
        assert after is not None
        incident = after
    assert not incident.is_unreached


EVENTS = st.sampled_from(
    [
        received(alert()),
        received(alert(resolved=True)),
        received(alert(starts_at=NOW + MINUTE)),
        Acknowledged(ANN),
        Acknowledged(ROBOT),
        Unacknowledged(ANN),
        Resolved(ANN),
        Reopened(ANN),
        Snoozed(ANN, until=NOW + 600 * MINUTE),
        Escalated(ANN),
        PriorityChanged(ANN, "P2"),
        PriorityChanged(ANN, "P1"),
        *(TimerDue(task) for task in ("delivery", "acknowledge", "escalate", "snooze")),
        *("failed:pagerduty", "failed:slack", "works:pagerduty", "works:slack"),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(EVENTS, max_size=25))
def test_unreached_is_open_and_neither_delivered_nor_answered(told: list[Event | str]) -> None:
    found = rules()
    incident: Incident | None = decide(None, received(alert()), NOW, found).incident
    paged: dict[str, int] = {}
    for number, item in enumerate(told):
        assert incident is not None
        event = item
        if isinstance(item, str):
            how, _, name = item.partition(":")
            if name not in incident.pages:
                continue
            if how == "works":
                paged[name] = incident.pages[name].seq
                event = DeliveryRecovered(name, dict(paged), NOW)
            else:
                event = _failed(incident, name, **paged)
        elif isinstance(item, TimerDue):
            event = msgspec.structs.replace(item, paged=dict(paged))
        assert not isinstance(event, str)
        incident = decide(incident, event, NOW + number * 2 * MINUTE, found).incident
        assert incident is not None
        if incident.is_unreached:
            opened = incident.episode_opened_at
            pages = {
                name: page
                for name, page in incident.pages.items()
                if page.at >= opened and page.step != INFORMED
            }
            assert incident.is_open
            assert not any(paged.get(name, 0) >= page.since for name, page in pages.items())
            by = incident.acknowledged_by
            assert by is None or by.ends == "automatic"
