"""Clocks and pages: who is notified when, and how a page moves on."""

import pytest

from routing.decide import decide
from routing.decision import Decision
from routing.event import DeliveryFailed, Event, TimerDue
from routing.incident import Incident
from routing.incident_parts import Actor
from routing.person_event import Acknowledged, Resolved
from routing.rules import Clock, Rules, Step
from tests.support.builders import MINUTE, NOW, alert, clock, received, rules, rules_of

DEADLINE = NOW + 5 * MINUTE


def _open(found: Rules) -> Incident:
    incident = decide(None, received(alert()), NOW, found).incident
    assert incident is not None
    return incident


def _incident(decision: Decision) -> Incident:
    assert decision.incident is not None
    return decision.incident


def _counted(decision: Decision, name: str) -> list[dict[str, str]]:
    return [item.labels for item in decision.observations if item.name == name]


def test_the_deadline_is_missed_once_and_the_next_step_is_notified() -> None:
    found = rules()
    decision = decide(_open(found), TimerDue("acknowledge", {"slack": 1}), DEADLINE, found)
    incident = _incident(decision)
    assert incident.step == 1
    assert (incident.pages["slack"].seq, incident.pages["slack"].mention) == (2, "!here")
    assert incident.pages["pagerduty"].seq == 1
    assert incident.deadlines["acknowledge"].missed_at == DEADLINE
    assert _counted(decision, "incident_deadlines_total") == [
        {"priority": "P1", "clock": "acknowledge", "outcome": "missed", "by": "nobody"}
    ]
    assert _counted(decision, "incident_escalations_total") == [
        {"priority": "P1", "step": "2", "reason": "deadline"}
    ]
    late = decide(incident, Acknowledged(Actor("ann", "api")), DEADLINE + 1, found)
    assert _counted(late, "incident_deadlines_total") == []


def test_a_page_still_on_its_way_is_not_doubled() -> None:
    found = rules()
    decision = decide(_open(found), TimerDue("acknowledge", {}), DEADLINE, found)
    # Step 2 mentions somebody whom a call that has begun does not.
    page = _incident(decision).pages["slack"]
    assert (page.seq, page.mention, page.step) == (2, "!here", 1)
    found = rules(Step(("pagerduty", "slack")), Step(("pagerduty", "slack")))
    decision = decide(_open(found), TimerDue("acknowledge", {}), DEADLINE, found)
    assert {page.seq for page in _incident(decision).pages.values()} == {1}
    cannot_mention = frozenset({"pagerduty"})
    found = rules(
        Step(("pagerduty",)), Step(("pagerduty",), mention="!here", cannot_mention=cannot_mention)
    )
    decision = decide(_open(found), TimerDue("acknowledge", {}), DEADLINE, found)
    assert _incident(decision).pages["pagerduty"].seq == 1


def test_empty_steps_are_skipped_at_once() -> None:
    found = rules(Step(()), Step(("slack",)), Step(()), Step(("pagerduty",)))
    incident = _open(found)
    assert (incident.step, set(incident.pages)) == (1, {"slack"})
    later = _incident(decide(incident, TimerDue("acknowledge"), DEADLINE, found))
    assert (later.step, set(later.pages)) == (3, {"slack", "pagerduty"})


def test_a_step_with_its_own_time_does_not_wait_for_the_deadline() -> None:
    found = rules(Step(("slack",)), Step(("pagerduty",), after=2 * MINUTE), Step(("slack",)))
    incident = _open(found)
    assert incident.timers["escalate"] == NOW + 2 * MINUTE
    second = _incident(decide(incident, TimerDue("escalate"), NOW + 2 * MINUTE, found))
    assert (second.step, set(second.pages)) == (1, {"slack", "pagerduty"})
    third = _incident(decide(second, TimerDue("acknowledge", {"slack": 1}), DEADLINE, found))
    assert third.step == 2


def test_without_a_time_of_its_own_a_step_gets_another_period() -> None:
    found = rules(Step(("slack",)), Step(("pagerduty",)), Step(("slack",)))
    second = _incident(decide(_open(found), TimerDue("acknowledge"), DEADLINE, found))
    assert second.timers["escalate"] == DEADLINE + 5 * MINUTE


def test_a_repeated_policy_starts_over_a_lap_later() -> None:
    found = rules(Step(("slack",)), Step(("pagerduty",), after=2 * MINUTE), repeat=1)
    incident = _open(found)
    incident = _incident(decide(incident, TimerDue("escalate"), NOW + 2 * MINUTE, found))
    incident = _incident(decide(incident, TimerDue("acknowledge", {"slack": 1}), DEADLINE, found))
    assert incident.step == 2
    assert incident.timers["escalate"] == NOW + (2 + 5) * MINUTE + 2 * MINUTE


def test_a_permanent_failure_moves_on_at_once_and_only_once_a_step() -> None:
    found = rules(Step(("pagerduty", "slack")), Step(("log",)), Step(("other",)))
    failed = decide(_open(found), DeliveryFailed("pagerduty", 1, "invalid key"), NOW + 1, found)
    incident = _incident(failed)
    assert incident.step == 1
    assert {item.task for item in failed.schedule} >= {"notify:log", "notify:slack"}
    assert "notify:pagerduty" not in {item.task for item in failed.schedule}
    both = _incident(decide(incident, DeliveryFailed("slack", 1, "archived"), NOW + 2, found))
    assert both.step == 1


def test_a_failed_update_pages_nobody() -> None:
    found = rules()
    decision = decide(_open(found), DeliveryFailed("slack", 0, "edit_window_closed"), NOW, found)
    assert _incident(decision).step == 0
    assert "notify:slack" not in {item.task for item in decision.schedule}


def test_slow_counts_as_failed_for_moving_on_while_retries_go_on() -> None:
    found = rules(Step(("pagerduty", "slack")), Step(("log",)))
    decision = decide(_open(found), TimerDue("delivery", {"slack": 1}), NOW + MINUTE, found)
    incident = _incident(decision)
    assert (decision.reason, incident.step) == ("delivery_late", 1)
    assert incident.pages["pagerduty"].failed_seq == 0
    assert _counted(decision, "incident_escalations_total")[0]["reason"] == "slow"


def test_two_slow_notifiers_move_the_page_on_by_one_step() -> None:
    found = rules(Step(("pagerduty", "slack")), Step(("slack",)), Step(("log",)))
    incident = _incident(decide(_open(found), TimerDue("delivery"), NOW + MINUTE, found))
    assert incident.step == 1


def test_delivered_in_time_schedules_no_update() -> None:
    found = rules()
    paged = {"slack": 1, "pagerduty": 1}
    decision = decide(_open(found), TimerDue("delivery", paged), NOW + MINUTE, found)
    assert (decision.reason, decision.schedule) == ("delivered_in_time", ())
    assert decision.cancel == ("delivery",)


def test_a_policy_exhausted_without_any_delivery_is_counted() -> None:
    found = rules(Step(("slack",)))
    decision = decide(_open(found), DeliveryFailed("slack", 1, "invalid_auth"), NOW, found)
    assert _counted(decision, "incident_undeliverable_total") == [{"priority": "P1"}]
    reached = decide(_open(found), TimerDue("acknowledge", {"slack": 1}), DEADLINE, found)
    assert _counted(reached, "incident_undeliverable_total") == []


def test_nothing_moves_on_once_somebody_has_it() -> None:
    found = rules()
    taken = _incident(decide(_open(found), Acknowledged(Actor("ann", "api")), NOW, found))
    assert taken.timers == {}
    decision = decide(taken, DeliveryFailed("slack", 1, "gone"), NOW, found)
    assert _incident(decision).step == 0


def test_a_restarted_clock_is_missed_anew_and_an_ended_one_never() -> None:
    found = rules()
    minor = decide(None, received(alert("b", priority="P3")), NOW, found)
    missed = decide(_incident(minor), TimerDue("acknowledge"), DEADLINE, found)
    risen = decide(_incident(missed), received(alert("a")), DEADLINE + 1, found)
    incident = _incident(risen)
    assert (risen.reason, incident.step) == ("priority_raised", 0)
    assert incident.deadlines["acknowledge"].due == DEADLINE + 1 + 5 * MINUTE
    assert incident.timers["acknowledge"] == DEADLINE + 1 + 5 * MINUTE
    again = decide(incident, TimerDue("acknowledge"), DEADLINE + 1 + 5 * MINUTE, found)
    outcomes = [_counted(item, "incident_deadlines_total") for item in (missed, risen, again)]
    assert [[label["priority"] for label in labels] for labels in outcomes] == [["P3"], [], ["P1"]]
    repeated = decide(_incident(again), TimerDue("acknowledge"), DEADLINE + 6 * MINUTE, found)
    assert (repeated.reason, repeated.changed) == ("timer_gone", False)


def test_how_a_deadline_ends_is_counted_by_who_ended_it() -> None:
    found = rules()
    ends: tuple[tuple[Event, str], ...] = (
        (Acknowledged(Actor("ann", "api")), "met"),
        (Resolved(Actor("ann", "api")), "met"),
        (received(alert(resolved=True)), "void"),
    )
    for event, outcome in ends:
        decision = decide(_open(found), event, NOW + 1, found)
        (labels,) = _counted(decision, "incident_deadlines_total")
        assert labels["outcome"] == outcome
        assert not set(_incident(decision).timers)


def test_a_page_on_its_way_may_still_reach_somebody() -> None:
    # The other notifier of the last step has 60 seconds: until then nobody knows.
    found = rules(Step(("pagerduty", "slack")))
    failed = decide(_open(found), DeliveryFailed("pagerduty", 1, "bad key", {}), NOW + 50, found)
    assert _counted(failed, "incident_undeliverable_total") == []
    incident = _incident(failed)
    assert incident.timers["delivery"] == NOW + MINUTE
    reached = decide(incident, TimerDue("delivery", {"slack": 1}), NOW + MINUTE, found)
    assert _counted(reached, "incident_undeliverable_total") == []
    silent = decide(incident, TimerDue("delivery", {}), NOW + MINUTE, found)
    assert _counted(silent, "incident_undeliverable_total") == [{"priority": "P1"}]


def test_a_page_of_an_earlier_step_may_still_reach_somebody() -> None:
    found = rules(Step(("pagerduty", "slack")), Step(("log",)))
    first = decide(_open(found), DeliveryFailed("pagerduty", 1, "bad key", {}), NOW + 50, found)
    last = decide(_incident(first), DeliveryFailed("log", 1, "disk full", {}), NOW + 60, found)
    assert (_incident(last).step, _counted(last, "incident_undeliverable_total")) == (1, [])
    due = _incident(last).timers["delivery"]
    assert decide(_incident(last), TimerDue("delivery", {"slack": 1}), due, found).timeline == ()
    silent = decide(_incident(last), TimerDue("delivery", {}), due, found)
    assert _counted(silent, "incident_undeliverable_total") == [{"priority": "P1"}]


def test_undeliverable_is_counted_once_an_episode() -> None:
    found = rules(Step(("pagerduty", "slack")))
    incident, counted = _open(found), []
    told: tuple[tuple[Event, int], ...] = (
        (DeliveryFailed("pagerduty", 1, "bad key", {}), NOW + 50),
        (DeliveryFailed("slack", 1, "gone", {}), NOW + 60),
        (TimerDue("delivery", {}), NOW + MINUTE),
        (TimerDue("acknowledge", {}), DEADLINE),
    )
    for event, at in told:
        decision = decide(incident, event, at, found)
        counted.append(len(_counted(decision, "incident_undeliverable_total")))
        incident = _incident(decision)
    assert counted == [0, 1, 0, 0]
    over = _incident(decide(incident, received(alert(resolved=True)), DEADLINE + 1, found))
    again = received(alert(starts_at=DEADLINE + 2))
    reopened = _incident(decide(over, again, DEADLINE + 2, found))
    failed = decide(reopened, DeliveryFailed("slack", 2, "gone", {}), DEADLINE + 3, found)
    last = decide(_incident(failed), DeliveryFailed("pagerduty", 2, "x", {}), DEADLINE + 4, found)
    assert len(_counted(last, "incident_undeliverable_total")) == 1


def _second_episode(first: Clock, second: Clock) -> tuple[Rules, Incident]:
    """Return an incident reopened as a P3; its first episode was a P1."""
    found = rules_of(P1=first, P3=second)
    over = _incident(decide(_open(found), received(alert(resolved=True)), NOW + MINUTE, found))
    again = received(alert("b", priority="P3"))
    return found, _incident(decide(over, again, NOW + 2 * MINUTE, found))


def test_a_page_of_an_older_episode_neither_is_late_nor_reached_anybody() -> None:
    both = Step(("pagerduty", "slack"))
    found, incident = _second_episode(clock(both), clock(Step(("slack",)), Step(("log",))))
    due = incident.timers["delivery"]
    in_time = decide(incident, TimerDue("delivery", {"slack": 2}), due, found)
    assert in_time.reason == "delivered_in_time"
    failed = decide(
        incident, DeliveryFailed("pagerduty", 1, "bad key", {}), NOW + 3 * MINUTE, found
    )
    assert _incident(failed).step == 0
    found, incident = _second_episode(clock(both), clock(Step(("slack",))))
    paged = {"pagerduty": 1}
    nobody = decide(incident, DeliveryFailed("slack", 2, "gone", paged), NOW + 3 * MINUTE, found)
    assert _counted(nobody, "incident_undeliverable_total") == [{"priority": "P3"}]


def test_each_episode_starts_a_series_of_pages_of_its_own() -> None:
    # What PagerDuty has of an older episode is another alert: the first page is a first page.
    steps = (Step(("slack",)), Step(("pagerduty",)))
    found = rules_of(P1=clock(*steps), P3=clock(*steps))
    slow = _incident(decide(_open(found), TimerDue("delivery", {}), NOW + MINUTE, found))
    assert slow.pages["pagerduty"].since == 1
    over = _incident(decide(slow, received(alert(resolved=True)), NOW + 2 * MINUTE, found))
    again = received(alert(starts_at=NOW + 3 * MINUTE))
    reopened = _incident(decide(over, again, NOW + 3 * MINUTE, found))
    for paged in ({"slack": 2, "pagerduty": 1}, {"slack": 2}):
        event = TimerDue("acknowledge", paged)
        page = _incident(decide(reopened, event, NOW + 9 * MINUTE, found)).pages["pagerduty"]
        assert (page.seq, page.since, page.reason) == (2, 2, "deadline")


def test_an_empty_step_hides_neither_the_time_of_the_next_nor_delays_it() -> None:
    timed = rules(Step(("slack",)), Step(()), Step(("pagerduty",), after=2 * MINUTE))
    assert _open(timed).timers["escalate"] == NOW + 2 * MINUTE
    waiting = rules(Step(("slack",)), Step((), after=10 * MINUTE), Step(("pagerduty",)))
    assert "escalate" not in _open(waiting).timers
    later = decide(_open(waiting), TimerDue("acknowledge", {"slack": 1}), DEADLINE, waiting)
    assert _incident(later).pages["pagerduty"].step == 2


def test_a_policy_of_empty_steps_says_that_nobody_was_reached() -> None:
    decision = decide(None, received(alert()), NOW, rules(Step(()), Step(()), repeat=2))
    assert _counted(decision, "incident_undeliverable_total") == [{"priority": "P1"}]
    assert set(_incident(decision).timers) == {"acknowledge"}


def test_a_failure_of_every_step_ends() -> None:
    found = rules(Step(("slack",)), Step(("slack",)), repeat=3)
    incident = _open(found)
    for seq in range(1, 9):
        decision = decide(incident, DeliveryFailed("slack", seq, "gone", {}), NOW + seq, found)
        incident = _incident(decision)
    assert incident.step == 7
    assert _counted(decision, "incident_undeliverable_total") == [{"priority": "P1"}]
    assert incident.pages["slack"].seq == 8


@pytest.mark.parametrize("state", ["acknowledged", "resolved"])
def test_whoever_answers_stops_every_kind_of_moving_on(state: str) -> None:
    found = rules(Step(("slack",)), Step(("pagerduty",), after=2 * MINUTE))
    person = Actor("ann", "api")
    answer: Event = Acknowledged(person) if state == "acknowledged" else Resolved(person)
    answered = _incident(decide(_open(found), answer, NOW + 1, found))
    assert answered.state == state
    for task in ("acknowledge", "escalate", "delivery"):
        decision = decide(answered, TimerDue(task, {}), NOW + 10 * MINUTE, found)
        assert (decision.reason, decision.changed) == ("timer_gone", False)
    failed = decide(answered, DeliveryFailed("slack", 1, "gone", {}), NOW + MINUTE, found)
    assert _incident(failed).step == 0
    assert set(_incident(failed).pages) == {"slack"}
