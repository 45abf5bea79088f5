"""Whether anybody was reached: marked, taken away, and never wrong whatever happens when."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routing import reach
from routing.decide import decide
from routing.event import DeliveryFailed, DeliveryRecovered, Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import INFORMED, Actor, Page, Unreached
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
from tests.support.builders import MINUTE, NOW, alert, clock, play, received, rules
from tests.support.drafts import draft, said

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


# One call at a time.

CLOCK = clock()
"""A page that is not delivered within a minute is late."""
ERRORS = {"slack": "channel_not_found", "other": "not asked"}


def page(seq: int = 1, at: int = NOW, **more: Any) -> Page:
    return Page(**{"seq": seq, "since": 1, "step": 0, "reason": "opened", "at": at, **more})


def test_only_pages_of_this_episode_that_ring_somebody_count() -> None:
    pages = {
        "old": page(at=NOW - 1),
        "now": page(at=NOW),
        "later": page(at=NOW + 1),
        "told": page(step=INFORMED),
    }
    assert reach.episode_pages(draft(pages=pages)).keys() == {"now", "later"}


@pytest.mark.parametrize(
    ("paged", "reached"),
    [
        ({}, False),
        ({"slack": 2}, False),
        ({"slack": 3}, True),
        ({"slack": 9}, True),
        ({"x": 9}, False),
    ],
)
def test_any_page_of_the_episode_reaches_somebody(paged: dict[str, int], *, reached: bool) -> None:
    assert reach.is_reached({"slack": page(5, since=3)}, paged) is reached
    assert not reach.is_reached({}, paged)


@pytest.mark.parametrize(
    ("pages", "paged", "state", "now", "marked"),
    [
        ({"slack": page(failed_seq=1)}, {}, "triggered", NOW, True),
        ({"slack": page()}, {}, "triggered", NOW + MINUTE - 1, False),
        ({"slack": page()}, {}, "triggered", NOW + MINUTE, True),
        ({"slack": page(2, failed_seq=1)}, {}, "triggered", NOW, False),
        ({"slack": page(failed_seq=1), "pd": page()}, {}, "triggered", NOW, False),
        ({"slack": page(failed_seq=1), "pd": page()}, {"pd": 1}, "triggered", NOW + MINUTE, False),
        ({"slack": page(failed_seq=1)}, {}, "acknowledged", NOW, False),
        ({"slack": page(failed_seq=1)}, {}, "snoozed", NOW, False),
        ({}, {}, "triggered", NOW, False),
        ({"slack": page(step=INFORMED, failed_seq=1)}, {}, "triggered", NOW, False),
    ],
)
def test_nobody_was_reached_once_all_have_failed_or_are_late(
    pages: dict[str, Page], paged: dict[str, int], state: str, now: int, *, marked: bool
) -> None:
    made = draft(pages=pages, state=state, now=now)
    reach.nobody_yet(made, CLOCK, paged, {})
    assert (made.incident.unreached is not None) is marked


def test_the_mark_says_since_when_and_of_each_notifier_why() -> None:
    pages = {"slack": page(at=NOW + 5), "pd": page(at=NOW + 2), "told": page(step=INFORMED)}
    made = draft(pages=pages, now=NOW + MINUTE)
    reach.mark(made, ERRORS)
    assert made.incident.unreached == Unreached(
        NOW + 2, "slack: channel_not_found; pd: has not confirmed the page"
    )


def test_without_a_page_it_counts_from_now() -> None:
    made = draft(now=NOW + 7)
    reach.mark(made, {}, exhausted=True)
    why = "the escalation policy has nobody to notify"
    assert made.incident.unreached == Unreached(NOW + 7, why, exhausted=True)


def test_a_later_mark_keeps_since_when_and_what_is_known() -> None:
    known = Unreached(NOW - 5, "slack: gone", exhausted=True)
    made = draft(pages={"slack": page()}, unreached=known)
    reach.mark(made, {})
    assert made.incident.unreached == known
    reach.mark(made, {"slack": "is_archived"})
    assert made.incident.unreached == Unreached(NOW - 5, "slack: is_archived", exhausted=True)


def test_whoever_was_reached_is_not_unreached_by_receipts_that_were_read_too_early() -> None:
    known = Unreached(NOW - 5, "slack: gone", until=NOW - 1)
    made = draft(pages={"slack": page()}, unreached=known)
    reach.mark(made, ERRORS, exhausted=True)
    assert made.fields == {}


@pytest.mark.parametrize(
    ("length", "there"), [(200, "x" * 200), (201, "x" * 199 + "…"), (100_000, "x" * 199 + "…")]
)
def test_what_a_notifier_says_is_short(length: int, there: str) -> None:
    made = draft(pages={"slack": page()})
    reach.mark(made, {"slack": "x" * length})
    assert made.incident.unreached == Unreached(NOW, f"slack: {there}")


WAITING = Unreached(NOW - 90_500, "slack: gone")


def recovered(known: Unreached | None, failed_since: int = 0, paged: int = 1) -> Any:
    made = draft(pages={"slack": page(), "told": page(step=INFORMED)}, unreached=known)
    event = DeliveryRecovered("slack", {"slack": paged}, failed_since)
    return reach.delivery_recovered(made, event, RULES), made


@pytest.mark.parametrize(
    ("failed_since", "text"),
    [
        (0, "Reached slack after 1m30s; nobody could be reached since 2026-03-02 09:58 UTC"),
        (
            NOW - 60 * MINUTE,
            "Reached slack after 1m30s; it had failed since 2026-03-02 09:00 UTC",
        ),
    ],
)
def test_a_page_that_arrives_says_after_how_long(failed_since: int, text: str) -> None:
    reason, made = recovered(WAITING, failed_since)
    assert (reason, said(made)) == ("reached", [("reached", text)])
    assert made.incident.unreached == msgspec.structs.replace(WAITING, until=NOW)
    assert not made.incident.is_unreached
    assert made.skip == set()


@pytest.mark.parametrize(
    ("known", "failed_since", "paged", "reason"),
    [
        (None, 0, 1, "unchanged"),
        (None, NOW - 5_000, 1, "delivery_recovered"),
        (WAITING, 0, 0, "unchanged"),
        (WAITING, NOW - 5_000, 0, "delivery_recovered"),
        (msgspec.structs.replace(WAITING, until=NOW - 1), 0, 1, "unchanged"),
        (msgspec.structs.replace(WAITING, until=NOW - 1), NOW - 5_000, 1, "delivery_recovered"),
        # A clock that was set back makes no negative span.
        (None, NOW + 5_000, 1, "delivery_recovered"),
    ],
)
def test_what_recovers_reaches_nobody_by_that(
    known: Unreached | None, failed_since: int, paged: int, reason: str
) -> None:
    why, made = recovered(known, failed_since, paged)
    assert (why, made.incident.unreached) == (reason, known)
    if reason == "delivery_recovered":
        assert made.skip == {"slack"}
        span = "0s" if failed_since > NOW else "5s"
        assert f"slack delivers again after {span}; it had failed since" in said(made)[0][1]


ROBOTS = Actor("alerts resolved", "automatic", human=False)


@pytest.mark.parametrize(
    ("state", "by", "known", "left"),
    [
        ("triggered", None, WAITING, WAITING),
        ("acknowledged", ANN, WAITING, None),
        ("acknowledged", ROBOT, WAITING, WAITING),
        ("acknowledged", ROBOTS, WAITING, WAITING),
        ("acknowledged", None, WAITING, WAITING),
        ("snoozed", None, WAITING, None),
        ("resolved", ROBOT, WAITING, None),
        ("tombstone", None, WAITING, None),
        ("resolved", None, msgspec.structs.replace(WAITING, until=NOW), "same"),
        ("resolved", None, None, None),
    ],
)
def test_the_mark_goes_once_a_person_has_it_or_nobody_needs_to(
    state: str, by: Actor | None, known: Unreached | None, left: Any
) -> None:
    made = draft(state=state, acknowledged_by=by, unreached=known)
    reach.follow(made)
    assert made.incident.unreached == (known if left == "same" else left)
